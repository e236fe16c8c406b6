"""The one module that knows devices and precision (and, later, ranks and sharding)."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator

import psutil
import torch
from torch import nn

from attune.process import free_bytes, taken_bytes

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}


def device() -> torch.device:
    """Where to train: the GPU when there is one, else the CPU."""
    return torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")


def best_precision() -> tuple[str, str]:
    """The arithmetic that this machine has in hardware, and the reason in words."""
    if torch.cuda.is_available():
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16", "this GPU has bf16 arithmetic"
        return "fp32", "this GPU has no bf16 arithmetic"
    if torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported() and _cpu_has_bf16():
        return "bf16", "this CPU has bf16 instructions"
    return "fp32", "this CPU has no bf16 instructions"


def peak_memory_bytes() -> int:
    """Most memory that the process has held: on the GPU when there is one, else resident."""
    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    try:
        import resource
    except ImportError:  # not a Unix: the figure is not available
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def program_bytes() -> int:
    """What the process holds before a model is loaded, of the memory that a training needs: none of a GPU's."""
    return 0 if torch.cuda.is_available() else int(psutil.Process().memory_info().rss) - taken_bytes()


def available_bytes() -> int:
    """Memory that a model may take: of the GPU when there is one, else of the machine or its container."""
    return int(torch.cuda.mem_get_info()[0]) if torch.cuda.is_available() else free_bytes() + taken_bytes()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on the GPU or on the CPU, where torch raises a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


class Masters:
    """Fp32 masters of what is trained, beside the weights that compute.

    With bf16 arithmetic every weight of the module becomes bf16 once; gradients are added up in fp32 in the master as
    each micro-batch's backward produces them, and `publish` writes the updated masters back after a step. With fp32
    the masters are the parameters themselves. Frozen weights have no master.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        self.module = module
        self._parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
        assert self._parameters, "nothing is trained"
        self.shared = dtype == torch.float32
        self.tensors: dict[str, torch.Tensor] = {}
        for name, parameter in self._parameters.items():
            self.tensors[name] = parameter if self.shared else parameter.detach().float().clone()
        for parameter in module.parameters():
            parameter.data = parameter.data.to(dtype)
        if not self.shared:
            for name, parameter in self._parameters.items():
                parameter.register_post_accumulate_grad_hook(self._collect(self.tensors[name]))

    @staticmethod
    def _collect(master: torch.Tensor) -> object:
        # Taken once: taken in each step, it would break up the place that activations need again.
        room = torch.empty_like(master)

        def collect(parameter: torch.Tensor) -> None:
            assert parameter.grad is not None
            if master.grad is None:
                master.grad = room.copy_(parameter.grad)
            else:
                master.grad += parameter.grad
            parameter.grad = None

        return collect

    def gradients(self) -> Iterator[torch.Tensor]:
        """The fp32 gradients that exist."""
        return (t.grad for t in self.tensors.values() if t.grad is not None)

    def gradient_norm(self) -> float:
        """Euclidean norm over all gradients."""
        gradients = list(self.gradients())
        return math.hypot(*torch.stack(torch._foreach_norm(gradients)).tolist()) if gradients else 0.0

    def clear_gradients(self) -> None:
        """Forget the gradients."""
        for tensor in (*self.tensors.values(), *self._parameters.values()):
            tensor.grad = None

    @torch.no_grad()
    def publish(self) -> None:
        """Write the masters into the weights that compute."""
        if not self.shared:
            torch._foreach_copy_(list(self._parameters.values()), list(self.tensors.values()))

    @torch.no_grad()
    def unround(self) -> None:
        """Give what was trained its full precision back; the module then no longer computes in one precision."""
        for name, parameter in self._parameters.items():
            parameter.data = self.tensors[name].detach()

    @torch.no_grad()
    def copy_into(self, module: nn.Module) -> None:
        """Write the masters, at full precision, into another module of the same structure."""
        parameters = dict(module.named_parameters())
        for name, tensor in self.tensors.items():
            parameters[name].copy_(tensor)

    @torch.no_grad()
    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take masters from a checkpoint and publish them."""
        assert tensors.keys() == self.tensors.keys(), "the checkpoint is of another model or method"
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])
        self.publish()


def _cpu_has_bf16() -> bool:
    capability = torch.backends.cpu.get_cpu_capability()
    if capability.startswith(("AVX512", "AMX")):
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return capability.startswith("SVE") or capability == "NEON"

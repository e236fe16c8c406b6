"""Optimizer and learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch

from attune.recipe import Training

SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
    "linear": lambda progress: 1.0 - progress,
    "constant": lambda progress: 1.0,
}


def learning_rate(step: int, total_steps: int, training: Training) -> float:
    """Learning rate of a step (from 0): linear warm-up, then the schedule, which ends just after the last step."""
    assert training.learning_rate is not None
    warmup_steps = round(training.warmup * total_steps)
    if step < warmup_steps:
        return training.learning_rate * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return training.learning_rate * SCHEDULES[training.schedule](progress)


def adamw(tensors: Mapping[str, torch.Tensor], training: Training) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) over named tensors; norms and biases (one axis) do not decay.

    Its averages are made now: made in the first step, they would take the place that activations need again.
    """
    decayed = [t for t in tensors.values() if t.ndim >= 2]
    spared = [t for t in tensors.values() if t.ndim < 2]
    groups = [{"params": decayed, "weight_decay": training.weight_decay}, {"params": spared, "weight_decay": 0.0}]
    given = [g for g in groups if g["params"]]
    optimizer = torch.optim.AdamW(given, lr=0.0, betas=(0.9, 0.98), eps=1e-8, fused=True)
    for tensor in tensors.values():
        step = torch.zeros((), dtype=torch.float32, device=tensor.device)
        averages = {name: torch.zeros_like(tensor) for name in ("exp_avg", "exp_avg_sq")}
        optimizer.state[tensor] = {"step": step, **averages}
    return optimizer


def state_tensors(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The optimizer's state as flat named tensors, "<tensor>|<entry>"."""
    return {
        f"{name}|{entry}": value
        for name, tensor in tensors.items()
        for entry, value in optimizer.state.get(tensor, {}).items()
    }


def restore_state(
    optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor], saved: Mapping[str, torch.Tensor]
) -> None:
    """Put back what `state_tensors` gave."""
    for key, value in saved.items():
        name, _, entry = key.rpartition("|")
        tensor = tensors[name]
        device = torch.device("cpu") if entry == "step" and not tensor.is_cuda else tensor.device
        optimizer.state[tensor][entry] = value.clone().to(device)

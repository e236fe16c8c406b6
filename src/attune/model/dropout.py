"""Dropout whose random numbers cost a quarter of torch's on a CPU, where torch draws them one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def kept(shape: torch.Size, share: float, device: torch.device) -> tuple[torch.Tensor, float]:
    """Which elements stay when `share` of them is dropped, as a mask, and by how much those that stay are scaled.

    Sixteen random bits decide an element, so the share is right to 1 / 65,536. The draw follows torch's generator.
    """
    if device.type != "cpu":
        return torch.rand(shape, device=device) >= share, 1.0 / (1.0 - share)
    threshold = round(share * 65_536)
    words = -(-shape.numel() // 4)
    drawn = np.random.SFC64(int(torch.randint(1 << 62, ()))).random_raw(words)
    bits = torch.from_numpy(drawn.view(np.int16)[: shape.numel()]).view(shape)
    return bits >= threshold - 32_768, 1.0 / (1.0 - threshold / 65_536)


class Dropout(nn.Dropout):
    """As torch's own, element by element, with random numbers of ours."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  # the name that torch has
        """The input with some elements set to zero and the others scaled up, while training."""
        if not self.training or not self.p:
            return input
        if self.p >= 1.0 or input.device.type != "cpu":
            return F.dropout(input, self.p, training=True)
        out: torch.Tensor = _Drop.apply(input, self.p)  # type: ignore[no-untyped-call]
        return out


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: torch.Tensor, share: float) -> torch.Tensor:
        mask, ctx.scale = kept(given.shape, share, given.device)
        ctx.save_for_backward(mask)
        return torch.mul(given, mask).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        (mask,) = ctx.saved_tensors
        return torch.mul(grad, mask).mul_(ctx.scale), None


def quicken(module: nn.Module) -> None:
    """Give every dropout of a model our random numbers."""
    for part in module.modules():
        for name, child in part.named_children():
            if type(child) is nn.Dropout:
                setattr(part, name, Dropout(child.p))

"""Attention on a GPU: blocks of rows against blocks of keys, none of what the rule leaves empty.

Which blocks meet is worked out before, from the least and greatest `end` of each block: most pairs of a tree do not
meet at all, and most of those that do need no mask. The kernels stand in `attune.model.kernels`.

Shape letters: H query heads, K key heads, T rows that are computed, M rows in all, D head width, Q query blocks, B key
blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from numpy.typing import NDArray

from attune.model.kernels import forward_kernel, keys_kernel, queries_kernel
from attune.model.rule import Ints, Rule
from attune.model.tiles import TileAttention, tiles_of

# Rows of a block, for heads up to so wide: as many as fit into the 99 KiB of fast memory that most GPUs have. A product
# in three parts needs twice the room.
BLOCK_ROWS = ((256, 64), (1 << 30, 32))
WARPS, STAGES = 4, 2


@dataclass(frozen=True, slots=True)
class Meetings:
    """For each block of one kind, the blocks of the other that it meets: all of it (`whole`), or in part.

    Block i meets `whole[starts[i]:starts[i + 1]]`; the numbers are int32 on the device.
    """

    whole_starts: torch.Tensor
    whole: torch.Tensor
    part_starts: torch.Tensor
    part: torch.Tensor


@dataclass(frozen=True, slots=True)
class Blocks:
    """The rule as the kernels read it.

    Attributes:
        keys_of: the key blocks that each query block meets.
        queries_of: the query blocks that each key block meets.
        end_M, position_M: of each row, int32 on the device.
        size: rows of a block.
    """

    rule: Rule
    window: int | None
    keys_of: Meetings
    queries_of: Meetings
    end_M: torch.Tensor
    position_M: torch.Tensor
    size: int


def blocks_of(rule: Rule, window: int | None, like: torch.Tensor) -> Blocks:
    """The blocks of a batch under a sliding window of so many tokens, for heads of this kind."""
    needed = like.shape[-1] * like.element_size() ** 2 // 2
    size = next(size for limit, size in BLOCK_ROWS if needed <= limit)
    meet_QB, whole_QB = meetings(rule, window, size)
    lists = [
        *_lists(meet_QB & whole_QB),
        *_lists(meet_QB & ~whole_QB),
        *_lists((meet_QB & whole_QB).T),
        *_lists((meet_QB & ~whole_QB).T),
        rule.end_T,
        rule.position_T,
    ]
    sizes = [len(numbers) for numbers in lists]
    # All numbers travel at once: each way to the device costs more than they weigh.
    sent = torch.from_numpy(np.concatenate(lists).astype(np.int32)).to(rule.device).split(sizes)
    return Blocks(rule, window, Meetings(*sent[:4]), Meetings(*sent[4:8]), sent[8], sent[9], size)


def meetings(rule: Rule, window: int | None, size: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which query blocks meet which key blocks at all (some more may be named), and which without any mask."""
    query, key = _extremes(rule, rule.first, size), _extremes(rule, 0, size)
    if rule.causal:
        meet_QB = (key.first <= query.last[:, None]) & (key.max_end > query.first[:, None])
        whole_QB = (key.last <= query.first[:, None]) & (key.min_end > query.last[:, None])
    else:
        meet_QB = (key.min_end <= query.max_end[:, None]) & (key.max_end >= query.min_end[:, None])
        whole_QB = (key.min_end == query.max_end[:, None]) & (key.max_end == query.min_end[:, None])
    if window is not None:
        meet_QB &= query.min_position[:, None] - key.max_position < window
        whole_QB &= query.max_position[:, None] - key.min_position < window
        if not rule.causal:
            meet_QB &= key.min_position - query.max_position[:, None] < window
            whole_QB &= key.max_position - query.min_position[:, None] < window
    if len(rule.end_T) % size:
        whole_QB[:, -1] = False  # the last block goes on beyond the last row
    return meet_QB, whole_QB


@dataclass(frozen=True, slots=True)
class _Extremes:
    """The least and greatest of each block."""

    first: Ints
    last: Ints
    min_end: Ints
    max_end: Ints
    min_position: Ints
    max_position: Ints


def _extremes(rule: Rule, begin: int, step: int) -> _Extremes:
    first = np.arange(begin, len(rule.end_T), step)
    found = [reduce.reduceat(of, first) for of in (rule.end_T, rule.position_T) for reduce in (np.minimum, np.maximum)]
    return _Extremes(first, np.append(first[1:], len(rule.end_T)) - 1, *found)


def _lists(meet_AB: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    return np.concatenate([[0], np.cumsum(meet_AB.sum(1))]), np.nonzero(meet_AB)[1]


@cache
def fault(dtype: torch.dtype, device: torch.device, heads: tuple[int, int], width: int, **asked: Any) -> str:
    """Why the kernels do not compute such attention on a device, tried out on a few rows; empty where they do.

    Args:
        heads: of queries, and of keys.
        asked: `causal`, and `window`, `softcap` and `dropout` as of `BlockAttention`.
    """
    end_T = np.array([70] * 40 + [55] * 15 + [70] * 15 + [96] * 26)
    position_T = np.concatenate([np.arange(55), np.arange(40, 55), np.arange(26)])
    if not asked["causal"]:
        end_T[:70] = 70
    rule = Rule(end_T, position_T, asked["causal"], 96, 0, device)
    # The first of many calls may stand in the midst of a step, or where nothing is learnt; it leaves no trace there.
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.inference_mode(False):
        drawn = torch.Generator().manual_seed(0)
        given = [torch.randn(h, 96, width, generator=drawn).to(device, dtype) for h in (heads[0], heads[1], heads[1])]
        try:
            found = [
                _tried(BlockAttention, blocks_of(rule, asked["window"], given[0]), given, asked),
                _tried(TileAttention, tiles_of(rule, asked["window"], dtype), given, asked),
            ]
        # Whatever a compiler or driver raises here means that torch's own operations are used.
        except Exception as error:
            return (str(error).strip() or type(error).__name__).splitlines()[0]
    near = 0.05 if dtype == torch.bfloat16 else 1e-3
    for ours, wanted in zip(*found, strict=True):
        far = not asked["dropout"] and (ours - wanted).abs().max() > near * wanted.abs().max()
        if far or not torch.isfinite(ours).all():
            return "the kernels give other values than torch's own operations"
    return ""


@torch.enable_grad()
def _tried(
    kernel: type[torch.autograd.Function], work: object, given: list[torch.Tensor], asked: dict[str, Any]
) -> list[torch.Tensor]:
    """Values and gradients of queries, keys and values."""
    parts = [part.clone().requires_grad_() for part in given]
    out_THD = kernel.apply(*parts, work, given[0].shape[-1] ** -0.5, asked["softcap"], asked["dropout"])
    return [out_THD.detach(), *torch.autograd.grad(out_THD.square().sum(), parts)]


class BlockAttention(torch.autograd.Function):
    """One kernel forward; backward one for the gradients of keys and values and one for those of queries."""

    @staticmethod
    def forward(
        ctx: Any,
        query_HTD: torch.Tensor,
        key_KMD: torch.Tensor,
        value_KMD: torch.Tensor,
        blocks: Blocks,
        scaling: float,
        softcap: float | None,
        dropout: float,
    ) -> torch.Tensor:
        """Values weighted by probabilities, [T, H, D]."""
        query_HTD, key_KMD, value_KMD = (_dense(part) for part in (query_HTD, key_KMD, value_KMD))
        heads, rows, _ = query_HTD.shape
        sums = torch.promote_types(torch.float32, query_HTD.dtype)
        out_THD = query_HTD.new_empty(rows, heads, value_KMD.shape[-1])
        log_HT = query_HTD.new_empty(heads, rows, dtype=sums)
        seed = int(torch.randint(1 << 30, ())) if dropout else 0
        settings = _settings(query_HTD, key_KMD, value_KMD, blocks, scaling, softcap, dropout, seed)
        given = (query_HTD, key_KMD, value_KMD, out_THD, log_HT)
        if not query_HTD.is_meta:  # where only memory is counted
            grid = (triton.cdiv(rows, blocks.size), heads)
            forward_kernel[grid](*given, *_fields(blocks.keys_of), *_strides(out_THD), **settings)
        ctx.save_for_backward(query_HTD, key_KMD, value_KMD, out_THD, log_HT)
        ctx.blocks, ctx.settings = blocks, settings
        return out_THD

    @staticmethod
    def backward(ctx: Any, grad_THD: torch.Tensor) -> Any:
        """Gradients of query, key and value."""
        query_HTD, key_KMD, value_KMD, out_THD, log_HT = ctx.saved_tensors
        grad_THD = _dense(grad_THD)
        heads, rows, _ = query_HTD.shape
        groups, keys, _ = key_KMD.shape
        # What softmax takes off each probability's gradient.
        common_HT = (grad_THD.to(log_HT.dtype) * out_THD).sum(-1).t().contiguous()
        grad_query, grad_key, grad_value = (
            part.new_empty(part.shape[1], part.shape[0], part.shape[2]) for part in (query_HTD, key_KMD, value_KMD)
        )
        given = (query_HTD, key_KMD, value_KMD, grad_THD, log_HT, common_HT)
        keys_kernel[(triton.cdiv(keys, ctx.blocks.size), groups)](
            *given,
            grad_key,
            grad_value,
            *_fields(ctx.blocks.queries_of),
            *_strides(grad_THD, grad_key, grad_value),
            **ctx.settings,
        )
        queries_kernel[(triton.cdiv(rows, ctx.blocks.size), heads)](
            *given, grad_query, *_fields(ctx.blocks.keys_of), *_strides(grad_THD, grad_query), **ctx.settings
        )
        return (*(grad.transpose(0, 1) for grad in (grad_query, grad_key, grad_value)), None, None, None, None)


def _dense(given: torch.Tensor) -> torch.Tensor:
    """Its last axis without gaps, as the kernels read it."""
    return given if given.stride(-1) == 1 else given.contiguous()


def _fields(meetings: Meetings) -> tuple[torch.Tensor, ...]:
    return meetings.whole_starts, meetings.whole, meetings.part_starts, meetings.part


def _strides(*given: torch.Tensor) -> list[int]:
    return [stride for tensor in given for stride in tensor.stride()[:2]]


def _settings(
    query_HTD: torch.Tensor,
    key_KMD: torch.Tensor,
    value_KMD: torch.Tensor,
    blocks: Blocks,
    scaling: float,
    softcap: float | None,
    dropout: float,
    seed: int,
) -> dict[str, Any]:
    """What all three kernels are told."""
    names = ("q_head", "q_row", "k_head", "k_row", "v_head", "v_row")
    width, value_width = query_HTD.shape[-1], value_KMD.shape[-1]
    return {
        **dict(zip(names, _strides(query_HTD, key_KMD, value_KMD), strict=True)),
        "end": blocks.end_M,
        "position": blocks.position_M,
        "first": blocks.rule.first,
        "rows": query_HTD.shape[1],
        "keys": key_KMD.shape[1],
        "scaling": scaling,
        "softcap": softcap or 0.0,
        "window": blocks.window or 0,
        "dropout": dropout,
        "seed": seed,
        "GROUP": query_HTD.shape[0] // key_KMD.shape[0],
        "CAUSAL": blocks.rule.causal,
        "CAPPED": softcap is not None,
        "SLIDES": blocks.window is not None,
        "DROPS": dropout > 0.0,
        "SUM": tl.float64 if query_HTD.dtype == torch.float64 else tl.float32,
        "D": width,
        "DV": value_width,
        "WIDE": max(16, triton.next_power_of_2(width)),
        "WIDE_V": max(16, triton.next_power_of_2(value_width)),
        "SIZE": blocks.size,
        "num_warps": WARPS,
        "num_stages": STAGES,
    }

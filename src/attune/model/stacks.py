"""Attention of sequences that share nothing: those of like length are stacked, so that few products serve them all.

Shape letters: H query heads, K key heads, G = H / K, T rows, N sequences of a stack, L length of its longest, D head
width, B = N x K products at a time.
"""

from __future__ import annotations

from collections.abc import Sequence as Series
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attune.model.dropout import dropped, kept
from attune.model.rule import Ints, Rule
from attune.tokens.batch import rounded

# Longer sequences are computed in tiles, which skip most of what a causal rule forbids.
LONGEST_ROWS = 512
# What it costs to have one stack more, counted in pairs of a query and a key.
STACK_PAIRS = 4096
# Lengths are rounded up to this, so that products have few different shapes.
LENGTH_MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class Stack:
    """N sequences of length L after filling up, as rows of a batch.

    Attributes:
        row_NL: the row of each place, flat; where a sequence is over, its last row stands again.
        filled_NL1: the places where a sequence is over; None when there is none.
        barrier: what is added to scores, [N or 1, 1, L or 1, L], or None; see `Rule.barrier`.
    """

    sequences: int
    length: int
    row_NL: torch.Tensor
    filled_NL1: torch.Tensor | None
    barrier: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class Stacks:
    """All sequences of a batch.

    Attributes:
        place_T: where each row is in the stacks laid end to end; a row that nobody reads is behind their end.
    """

    parts: tuple[Stack, ...]
    place_T: torch.Tensor


def stacks_of(rule: Rule, window: int | None, dtype: torch.dtype) -> Stacks | None:
    """The stacks of a batch, or None where rows are shared or a sequence is long."""
    documents = rule.documents()
    if not documents or max(end - begin for begin, end in documents) > LONGEST_ROWS:
        return None
    documents.sort(key=lambda span: span[0] - span[1])
    lengths = [rounded(end - begin, LENGTH_MULTIPLE) for begin, end in documents]
    parts: list[Stack] = []
    place_T = np.full(len(rule.end_T), -1)
    begin = total = 0
    for size in _sizes(lengths):
        offset_L = np.arange(lengths[begin])
        first_N1, end_N1 = np.array(documents[begin : begin + size]).T[:, :, None]
        filled_NL = first_N1 + offset_L >= end_N1
        row_NL = np.minimum(first_N1 + offset_L, end_N1 - 1)
        place_T[row_NL[~filled_NL]] = total + np.flatnonzero(~filled_NL)
        parts.append(_stack(rule, row_NL, filled_NL, window, dtype))
        begin, total = begin + size, total + row_NL.size
    place_T[place_T < 0] = total
    return Stacks(tuple(parts), torch.from_numpy(place_T).to(rule.device))


def _sizes(lengths: list[int]) -> list[int]:
    """How many sequences, from the longest on, each stack takes, so that the whole costs least."""
    kinds, counts = np.unique(np.asarray(lengths), return_counts=True)
    kinds, counts = kinds[::-1], counts[::-1]  # those of one length stay together
    before = np.concatenate([[0], np.cumsum(counts)])
    best: list[tuple[float, list[int]]] = [(0.0, [])]
    for end in range(1, len(kinds) + 1):
        best.append(
            min(
                (
                    best[begin][0] + STACK_PAIRS + float(kinds[begin] ** 2 * (size := before[end] - before[begin])),
                    [*best[begin][1], int(size)],
                )
                for begin in range(end)
            )
        )
    return best[-1][1]


def _stack(rule: Rule, row_NL: Ints, filled_NL: NDArray[np.bool_], window: int | None, dtype: torch.dtype) -> Stack:
    """A stack of these rows. Nothing is shared, so places tell what the rule forbids."""
    offset_L = np.arange(row_NL.shape[1])
    distance_LL = offset_L[:, None] - offset_L
    forbidden = (distance_LL < 0 if rule.causal else np.zeros_like(distance_LL, dtype=bool))[None, None]
    if window is not None:
        forbidden = forbidden | (np.abs(distance_LL) >= window)
    if not rule.causal:  # causal queries do not see what stands behind the end of their sequence anyway
        forbidden = forbidden | filled_NL[:, None, None]
        forbidden &= ~forbidden.all(-1, keepdims=True)  # what fills up may lie beyond all windows; nobody reads it
    sequences, length = row_NL.shape
    return Stack(
        sequences,
        length,
        torch.from_numpy(row_NL.ravel()).to(rule.device),
        torch.from_numpy(filled_NL.ravel()[:, None, None]).to(rule.device) if filled_NL.any() else None,
        rule.barrier(forbidden, dtype) if forbidden.any() else None,
    )


class StackAttention(torch.autograd.Function):
    """Stack by stack: rows are gathered, attended to, and put back; each row stands in one stack."""

    @staticmethod
    def forward(
        ctx: Any,
        query_HTD: torch.Tensor,
        key_KTD: torch.Tensor,
        value_KTD: torch.Tensor,
        stacks: Stacks,
        scaling: float,
        softcap: float | None,
        dropout: float,
    ) -> torch.Tensor:
        """Values weighted by probabilities, [T, H, D]."""
        heads, groups = query_HTD.shape[0], key_KTD.shape[0]
        learn = any(ctx.needs_input_grad)
        saved: list[torch.Tensor | None] = []
        found = []
        for stack in stacks.parts:
            queries = _gather(query_HTD, stack, groups).mul_(scaling)
            keys, values = _gather(key_KTD, stack, groups), _gather(value_KTD, stack, groups)
            probability, slope = _probabilities(queries, keys, stack, groups, softcap)
            used, mask = probability, None
            if dropout:
                mask, ctx.scale = kept(probability.shape, dropout, probability.device)
                used = dropped(probability, mask, ctx.scale)
            found.append(_rows(torch.bmm(used, values), stack, heads))
            if learn:
                saved += [queries, keys, values, probability, mask, slope]
        ctx.stacks, ctx.scaling, ctx.shapes = stacks, scaling, (query_HTD.shape, key_KTD.shape, value_KTD.shape)
        ctx.save_for_backward(*saved)
        return _put_back(found, stacks)

    @staticmethod
    def backward(ctx: Any, grad_THD: torch.Tensor) -> Any:
        """Gradients of query, key and value."""
        saved = ctx.saved_tensors
        (heads, _, _), (groups, _, _), _ = ctx.shapes
        parts: tuple[list[torch.Tensor], ...] = ([], [], [])
        for i, stack in enumerate(ctx.stacks.parts):
            queries, keys, values, probability, mask, slope = saved[6 * i : 6 * i + 6]
            grad_RHD = grad_THD[stack.row_NL]
            if stack.filled_NL1 is not None:
                grad_RHD.masked_fill_(stack.filled_NL1, 0.0)
            grad_out = _stacked(grad_RHD, stack, groups)
            grad_probability = torch.bmm(grad_out, values.transpose(1, 2))
            used = probability
            if mask is not None:
                used = dropped(probability, mask, ctx.scale)
                grad_probability = dropped(grad_probability, mask, ctx.scale)
            grad_score = torch._softmax_backward_data(grad_probability, probability, -1, probability.dtype)
            if slope is not None:
                grad_score *= slope
            parts[0].append(_rows(torch.bmm(grad_score, keys).mul_(ctx.scaling), stack, heads))
            parts[1].append(_rows(torch.bmm(grad_score.transpose(1, 2), queries), stack, groups))
            parts[2].append(_rows(torch.bmm(used.transpose(1, 2), grad_out), stack, groups))
        return (*(_put_back(part, ctx.stacks).transpose(0, 1) for part in parts), None, None, None, None)


def _gather(given_HTD: torch.Tensor, stack: Stack, groups: int) -> torch.Tensor:
    return _stacked(given_HTD.transpose(0, 1)[stack.row_NL], stack, groups)


def _stacked(rows_RHD: torch.Tensor, stack: Stack, groups: int) -> torch.Tensor:
    """Rows of a stack, heads that share a key head together: [B, G x L, D]."""
    width = rows_RHD.shape[-1]
    split = rows_RHD.view(stack.sequences, stack.length, groups, -1, width).permute(0, 2, 3, 1, 4)
    return split.reshape(stack.sequences * groups, -1, width)


def _rows(stacked_BMD: torch.Tensor, stack: Stack, heads: int) -> torch.Tensor:
    """The other way round: [N x L, H, D]."""
    width = stacked_BMD.shape[-1]
    split = stacked_BMD.view(stack.sequences, -1, stack.length, width)
    assert split.shape[1] == heads
    return split.transpose(1, 2).reshape(-1, heads, width)


def _put_back(parts: Series[torch.Tensor], stacks: Stacks) -> torch.Tensor:
    """Rows of all stacks as rows of the batch, [T, H, D]; those that nobody reads are zero."""
    return torch.cat([*parts, torch.zeros_like(parts[0][:1])])[stacks.place_T]


def _probabilities(
    queries: torch.Tensor, keys: torch.Tensor, stack: Stack, groups: int, softcap: float | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attention probabilities [B, G x L, L] and, under a soft cap, the cap's slope."""
    scores = torch.bmm(queries, keys.transpose(1, 2))
    slope = None
    if softcap is not None:
        bent = torch.tanh(scores / softcap)
        slope, scores = 1.0 - bent * bent, bent * softcap
    if stack.barrier is not None:
        split = scores.view(stack.sequences, -1, stack.length, stack.length)  # all heads of a sequence
        split += stack.barrier
    return scores.softmax(-1), slope

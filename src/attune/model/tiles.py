"""Attention over a prefix tree, in tiles of neighbouring rows.

The keys of a tile are the path of its first row and the tile itself, a few contiguous ranges, so all that a tile needs
is two products and a softmax, as in ordinary attention.

Shape letters: H query heads, K key heads, G = H / K, T rows of the tree, Q rows of a tile, M its keys, D head width.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from attune.model.dropout import dropped, kept
from attune.model.rule import Ints, Rule
from attune.tokens.tree import path

# Rows of a tile: at most so many, and whole branches of the tree from so many on. Larger tiles are fewer calls, smaller
# ones compute less of what the rule forbids.
TILE_ROWS = 256
BRANCH_ROWS = 64
# Tiles and their ranges of keys begin and end at multiples of this, so that their products have few different shapes.
GRAIN = 32
# Probabilities of tiles with more keys are computed again in the backward instead of being kept.
KEPT_KEYS = 1024


@dataclass(frozen=True, slots=True)
class Tile:
    """Queries [begin, end) and the ranges of their keys, M in all.

    Attributes:
        free: so many of the first keys are open to every query of the tile.
        barrier_QF: what is added to the scores of the other keys, [Q, M - free]; see `Rule.barrier`.
    """

    begin: int
    end: int
    ranges: tuple[tuple[int, int], ...]
    free: int
    barrier_QF: torch.Tensor


def tiles_of(rule: Rule, window: int | None, dtype: torch.dtype) -> list[Tile]:
    """The tiles of the rows that are computed; queries count from the first of them, keys from the first row of all."""
    return [_tile(rule, *bound, window, dtype) for bound in itertools.pairwise(_tile_bounds(rule.end_T, rule.first))]


def _tile(rule: Rule, begin: int, end: int, window: int | None, dtype: torch.dtype) -> Tile:
    if rule.causal:
        ranges = (*path(rule.end_T, begin), (begin, end))
    else:
        document = int(np.searchsorted(rule.end_T, rule.end_T[begin]))
        ranges = ((document, int(rule.end_T[end - 1])),)
    grains = np.unique(np.concatenate([np.arange(first // GRAIN, -(-last // GRAIN)) for first, last in ranges]))
    allowed_QM = rule.allowed(np.arange(begin, end), _rows_of(grains), window)
    if window is not None:
        near = allowed_QM.reshape(end - begin, -1, GRAIN).any((0, 2))
        grains, allowed_QM = grains[near], allowed_QM[:, np.repeat(near, GRAIN)]
    spans = [part * GRAIN for part in np.split(grains, np.flatnonzero(np.diff(grains) != 1) + 1)]
    narrowed = np.flatnonzero(~allowed_QM.all(0))
    free = int(narrowed[0]) if len(narrowed) else allowed_QM.shape[1]
    barrier_QF = rule.barrier(~allowed_QM[:, free:], dtype)
    ranges = tuple((int(s[0]), int(s[-1]) + GRAIN) for s in spans)
    return Tile(begin - rule.first, end - rule.first, ranges, free, barrier_QF)


def _rows_of(grains: Ints) -> Ints:
    return (grains[:, None] * GRAIN + np.arange(GRAIN)).ravel()


def _tile_bounds(end_T: Ints, first: int) -> list[int]:
    """Where tiles begin, and the last one ends: where branches end, as far as tiles of a fair size allow."""
    ends = np.unique(-(-end_T // GRAIN) * GRAIN)
    bounds = [first]
    while bounds[-1] < len(end_T):
        begin = bounds[-1]
        fair = ends[(ends >= begin + BRANCH_ROWS) & (ends <= begin + TILE_ROWS)]
        bounds.append(int(fair[0]) if len(fair) else min(begin + TILE_ROWS, len(end_T)))
    return bounds


class TileAttention(torch.autograd.Function):
    """Tile by tile, with a backward that adds each tile's part straight into the gradients of its keys."""

    @staticmethod
    def forward(
        ctx: Any,
        query_HTD: torch.Tensor,
        key_KTD: torch.Tensor,
        value_KTD: torch.Tensor,
        tiles: list[Tile],
        scaling: float,
        softcap: float | None,
        dropout: float,
    ) -> torch.Tensor:
        """Values weighted by probabilities, [T, H, D]."""
        heads, rows, _ = query_HTD.shape
        out_THD = query_HTD.new_empty(rows, heads, value_KTD.shape[-1])
        learn = any(ctx.needs_input_grad)
        saved: list[torch.Tensor | None] = []
        for tile in tiles:
            probability = _probabilities(query_HTD, key_KTD, tile, scaling, softcap)
            mask = None
            if dropout:
                mask, ctx.scale = kept(probability.shape, dropout, probability.device)
                probability = dropped(probability, mask, ctx.scale)
            out = torch.bmm(probability, _keys(value_KTD, tile))
            out_THD[tile.begin : tile.end] = out.view(heads, -1, out.shape[-1]).transpose(0, 1)
            # A dropout mask cannot be drawn again, and a capped score's slope needs the score.
            short = probability.shape[-1] <= KEPT_KEYS and softcap is None
            saved += [probability if learn and short and not dropout else None, mask if learn else None]
        ctx.tiles, ctx.scaling, ctx.softcap = tiles, scaling, softcap
        ctx.save_for_backward(query_HTD, key_KTD, value_KTD, *saved)
        return out_THD

    @staticmethod
    def backward(ctx: Any, grad_THD: torch.Tensor) -> Any:
        """Gradients of query, key and value."""
        query_HTD, key_KTD, value_KTD, *saved = ctx.saved_tensors
        heads, rows, width = query_HTD.shape
        groups = key_KTD.shape[0]
        sums = torch.promote_types(torch.float32, key_KTD.dtype)
        grad_query_THD = query_HTD.new_empty(rows, heads, width)
        grad_key_TKD = torch.zeros(rows, groups, width, dtype=sums, device=key_KTD.device)
        grad_value_TKD = torch.zeros(rows, groups, value_KTD.shape[-1], dtype=sums, device=key_KTD.device)
        for i, tile in enumerate(ctx.tiles):
            probability, mask = saved[2 * i], saved[2 * i + 1]
            queries = _queries(query_HTD, groups, tile, ctx.scaling)
            keys = _keys(key_KTD, tile)
            slope = None
            if probability is None:
                probability = _scores(queries, keys)
                if ctx.softcap is not None:
                    bent = torch.tanh(probability / ctx.softcap)
                    slope, probability = 1.0 - bent * bent, bent * ctx.softcap
                probability = _softmax(probability, tile, heads)
            grad_out = grad_THD[tile.begin : tile.end].transpose(0, 1).reshape(groups, -1, grad_THD.shape[-1])
            grad_probability = torch.bmm(grad_out, _keys(value_KTD, tile).transpose(1, 2))
            used = probability
            if mask is not None:
                used = dropped(probability, mask, ctx.scale)
                grad_probability = dropped(grad_probability, mask, ctx.scale)
            _add(grad_value_TKD, torch.bmm(used.transpose(1, 2), grad_out), tile)
            grad_score = torch._softmax_backward_data(grad_probability, probability, -1, probability.dtype)
            if slope is not None:
                grad_score *= slope
            _add(grad_key_TKD, torch.bmm(grad_score.transpose(1, 2), queries), tile)
            grad_query = torch.bmm(grad_score, keys).view(heads, -1, width).transpose(0, 1)
            torch.mul(grad_query, ctx.scaling, out=grad_query_THD[tile.begin : tile.end])
        dtype = key_KTD.dtype
        found = (grad_query_THD, grad_key_TKD.to(dtype), grad_value_TKD.to(dtype))
        return (*(grad.transpose(0, 1) for grad in found), None, None, None, None)


def _probabilities(
    query_HTD: torch.Tensor, key_KTD: torch.Tensor, tile: Tile, scaling: float, softcap: float | None
) -> torch.Tensor:
    """Attention probabilities of a tile, [K, G x Q, M]."""
    scores = _scores(_queries(query_HTD, key_KTD.shape[0], tile, scaling), _keys(key_KTD, tile))
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    return _softmax(scores, tile, query_HTD.shape[0])


def _queries(query_HTD: torch.Tensor, groups: int, tile: Tile, scaling: float) -> torch.Tensor:
    """Scaled queries of a tile, those that share a key head together: [K, G x Q, D]."""
    return (query_HTD[:, tile.begin : tile.end] * scaling).reshape(groups, -1, query_HTD.shape[-1])


def _keys(key_KTD: torch.Tensor, tile: Tile) -> torch.Tensor:
    """Keys or values of a tile, [K, M, D]."""
    parts = [key_KTD[:, begin:end] for begin, end in tile.ranges]
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def _scores(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    return torch.bmm(queries, keys.transpose(1, 2))


def _softmax(scores: torch.Tensor, tile: Tile, heads: int) -> torch.Tensor:
    if tile.free < scores.shape[-1]:
        scores.view(heads, -1, scores.shape[-1])[..., tile.free :].add_(tile.barrier_QF)
    return scores.softmax(-1)


def _add(grad_TKD: torch.Tensor, part_KMD: torch.Tensor, tile: Tile) -> None:
    """Add a tile's gradients of its keys where those keys stand."""
    at = 0
    for begin, end in tile.ranges:
        grad_TKD[begin:end] += part_KMD[:, at : at + end - begin].transpose(0, 1)
        at += end - begin

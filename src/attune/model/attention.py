"""The tree rule as a transformers attention function: every token attends along its own path, and is computed once.

    query q may attend to key k   <=>   k <= q < end[k]

`attend` is registered with transformers under `NAME`; a decoder that uses that interface takes part without a line of
its own. It is told the batch's `Plan` by keyword. Without a plan (in generation) it is transformers' own attention.

Queries are computed in tiles of neighbouring rows. The keys of a tile are the path of its first row and the tile
itself, a few contiguous ranges, so all that a tile needs is two products and a softmax, as in ordinary attention.

Shape letters: H query heads, K key heads, G = H / K, T rows of the tree, Q rows of a tile, M its keys, D head width.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from attune.errors import ModelError
from attune.tokens.batch import ROW_MULTIPLE, Batch, rounded
from attune.tokens.tree import path

NAME = "attune"

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
        forbidden_QF: what the rule forbids among the other keys, [Q, M - free].
    """

    begin: int
    end: int
    ranges: tuple[tuple[int, int], ...]
    free: int
    forbidden_QF: torch.Tensor


# Keys and values of one layer, each [K, rows, D].
KeysValues = tuple[torch.Tensor, torch.Tensor]


@dataclass
class Plan:
    """Who looks at whom in one batch; tiles are made once for each sliding window and serve every layer.

    Attributes:
        causal: False for encoders, where every token sees the whole of its own document.
        known: for each layer, the keys and values of the batch's first rows, which are then not computed again.
        read: None, or where the keys and values of all rows are kept, layer by layer (see `attune.model.reading`).
    """

    end_T: NDArray[np.int64]
    position_T: NDArray[np.int64]
    causal: bool
    device: torch.device
    known: list[KeysValues] = field(default_factory=list, repr=False)
    read: list[KeysValues] | None = field(default=None, repr=False)
    layers: list[LayerCall] = field(default_factory=list)
    _tiles: dict[int | None, list[Tile]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, batch: Batch, *, causal: bool) -> Plan:
        """The plan of a batch, with rows up to the next multiple. Without `causal` no row may be shared."""
        rows = len(batch.end_T)
        extra = np.arange(rows, rounded(rows, ROW_MULTIPLE))
        positions_T = batch.position_ids_T
        end_T = np.concatenate([batch.end_T.numpy(), extra + 1])
        return cls(end_T, np.concatenate([positions_T.cpu().numpy(), 0 * extra]), causal, positions_T.device)

    @property
    def first(self) -> int:
        """The first row that is computed: those before it are known."""
        return self.known[0][0].shape[1] if self.known else 0

    def tiles(self, window: int | None) -> list[Tile]:
        """Tiles under a sliding window of so many tokens (None for no window); queries count from `first`."""
        if window not in self._tiles:
            bounds = _tile_bounds(self.end_T, self.first)
            self._tiles[window] = [self._tile(*bound, window) for bound in itertools.pairwise(bounds)]
        return self._tiles[window]

    def attend(
        self,
        module: torch.nn.Module,
        query_HTD: torch.Tensor,
        key_KTD: torch.Tensor,
        value_KTD: torch.Tensor,
        asked: Asked,
    ) -> torch.Tensor:
        """One layer's attention of the computed rows, [T, H, D]."""
        if query_HTD.shape[1] != len(self.end_T) - self.first or key_KTD.shape[1] != query_HTD.shape[1]:
            raise ModelError("it attends to more than the batch's own tokens", fix="use the padded rectangle")
        if self.known:
            keys, values = self.known[len(self.layers)]
            key_KTD, value_KTD = torch.cat([keys, key_KTD], 1), torch.cat([values, value_KTD], 1)
        if self.read is not None:
            self.read.append((key_KTD, value_KTD))
        self.layers.append(LayerCall(asked.window, bool(getattr(module, "is_causal", True))))
        found: torch.Tensor = _TreeAttention.apply(  # type: ignore[no-untyped-call]
            query_HTD, key_KTD, value_KTD, self.tiles(asked.window), asked.scaling, asked.softcap, asked.dropout
        )
        return found

    def _tile(self, begin: int, end: int, window: int | None) -> Tile:
        if self.causal:
            ranges = (*path(self.end_T, begin), (begin, end))
        else:
            ranges = ((int(np.searchsorted(self.end_T, self.end_T[begin])), int(self.end_T[end - 1])),)
        grains = np.unique(np.concatenate([np.arange(first // GRAIN, -(-last // GRAIN)) for first, last in ranges]))
        query_Q1, key_M = np.arange(begin, end)[:, None], _rows_of(grains)
        if self.causal:
            allowed_QM = (key_M <= query_Q1) & (query_Q1 < self.end_T[key_M])
        else:
            allowed_QM = self.end_T[key_M] == self.end_T[query_Q1]
        if window is not None:
            distance_QM = self.position_T[query_Q1] - self.position_T[key_M]
            allowed_QM &= (distance_QM if self.causal else np.abs(distance_QM)) < window
            near = allowed_QM.reshape(len(query_Q1), -1, GRAIN).any((0, 2))
            grains, allowed_QM = grains[near], allowed_QM[:, np.repeat(near, GRAIN)]
        spans = [part * GRAIN for part in np.split(grains, np.flatnonzero(np.diff(grains) != 1) + 1)]
        narrowed = np.flatnonzero(~allowed_QM.all(0))
        free = int(narrowed[0]) if len(narrowed) else allowed_QM.shape[1]
        forbidden_QF = torch.from_numpy(~allowed_QM[:, free:]).to(self.device)
        ranges = tuple((int(s[0]), int(s[-1]) + GRAIN) for s in spans)
        return Tile(begin - self.first, end - self.first, ranges, free, forbidden_QF)


def _rows_of(grains: NDArray[np.int64]) -> NDArray[np.int64]:
    return (grains[:, None] * GRAIN + np.arange(GRAIN)).ravel()


def _tile_bounds(end_T: NDArray[np.int64], first: int) -> list[int]:
    """Where tiles begin, and the last one ends: where branches end, as far as tiles of a fair size allow."""
    ends = np.unique(-(-end_T // GRAIN) * GRAIN)
    bounds = [first]
    while bounds[-1] < len(end_T):
        begin = bounds[-1]
        fair = ends[(ends >= begin + BRANCH_ROWS) & (ends <= begin + TILE_ROWS)]
        bounds.append(int(fair[0]) if len(fair) else min(begin + TILE_ROWS, len(end_T)))
    return bounds


@dataclass(frozen=True, slots=True)
class LayerCall:
    """What one layer asked of attention; the model's trial reads it to see that the rule covers all of it."""

    window: int | None
    is_causal: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What a layer wants of its attention: scores are scaled, then capped as softcap x tanh(score / softcap)."""

    scaling: float
    window: int | None = None
    softcap: float | None = None
    dropout: float = 0.0


class Attends(Protocol):
    """What is given to a model as `plan`: it computes the attention of every layer, in their order."""

    def attend(
        self,
        module: torch.nn.Module,
        query_HTD: torch.Tensor,
        key_KTD: torch.Tensor,
        value_KTD: torch.Tensor,
        asked: Asked,
    ) -> torch.Tensor:
        """Attention of the queries, [T, H, D]."""


def register() -> None:
    """Make `attend` known to transformers, with the masks of its own attention for calls without a plan."""
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, sdpa_mask)


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    *,
    plan: Attends | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of query [1, H, T, D] over key and value [1, K, T, D]; gives [1, T, H, D].

    Args:
        attention_mask: read only without a plan.
        scaling: factor of the scores; None for 1 / sqrt(D).
        softcap: scores become softcap x tanh(scores / softcap).

    Raises:
        ModelError: the layer asks for something that the rule does not cover.
    """
    scaling = scaling if scaling is not None else float(query.shape[-1]) ** -0.5
    if plan is None:
        return _plain(module, query, key, value, attention_mask, scaling, dropout, softcap, **more)
    for name in ("s_aux", "position_bias", "head_mask", "encoder_hidden_states"):
        if more.get(name) is not None:
            raise ModelError(f"its attention takes {name}", fix="such a model is computed as a padded rectangle")
    if query.shape[0] != 1:
        raise ModelError("it attends to more than the batch's own tokens", fix="use the padded rectangle")
    asked = Asked(scaling, sliding_window, softcap, dropout)
    return plan.attend(module, query[0], key[0], value[0], asked)[None], None


def _plain(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float,
    softcap: float | None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """Attention over a rectangle, as transformers does it; its own has no soft cap."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if softcap is None:
        out, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return out, None
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = softcap * torch.tanh(query @ key.transpose(2, 3) * scaling / softcap)
    if attention_mask is None:
        attention_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril(
            scores.shape[-1] - scores.shape[-2]
        )
    scores = scores.masked_fill(~attention_mask, float("-inf")).softmax(-1)
    return (torch.dropout(scores, dropout, module.training) @ value).transpose(1, 2), None


class _TreeAttention(torch.autograd.Function):
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
        heads, rows, _ = query_HTD.shape
        out_THD = query_HTD.new_empty(rows, heads, value_KTD.shape[-1])
        learn = any(ctx.needs_input_grad)
        kept: list[torch.Tensor | None] = []
        for tile in tiles:
            probability = _probabilities(query_HTD, key_KTD, tile, scaling, softcap)
            mask = None
            if dropout:
                mask = torch.rand_like(probability, dtype=torch.float32).ge_(dropout).div_(1.0 - dropout)
                probability = probability * mask.to(probability.dtype)
            out = torch.bmm(probability, _keys(value_KTD, tile))
            out_THD[tile.begin : tile.end] = out.view(heads, -1, out.shape[-1]).transpose(0, 1)
            # A dropout mask cannot be drawn again, and a capped score's slope needs the score.
            short = probability.shape[-1] <= KEPT_KEYS and softcap is None
            kept += [probability if learn and short and not dropout else None, mask if learn else None]
        ctx.tiles, ctx.scaling, ctx.softcap = tiles, scaling, softcap
        ctx.save_for_backward(query_HTD, key_KTD, value_KTD, *kept)
        return out_THD

    @staticmethod
    def backward(ctx: Any, grad_THD: torch.Tensor) -> Any:
        query_HTD, key_KTD, value_KTD, *kept = ctx.saved_tensors
        heads, rows, width = query_HTD.shape
        groups = key_KTD.shape[0]
        sums = torch.promote_types(torch.float32, key_KTD.dtype)
        grad_query_THD = query_HTD.new_empty(rows, heads, width)
        grad_key_TKD = torch.zeros(rows, groups, width, dtype=sums, device=key_KTD.device)
        grad_value_TKD = torch.zeros(rows, groups, value_KTD.shape[-1], dtype=sums, device=key_KTD.device)
        for i, tile in enumerate(ctx.tiles):
            probability, mask = kept[2 * i], kept[2 * i + 1]
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
                used = probability * mask.to(probability.dtype)
                grad_probability = grad_probability * mask.to(probability.dtype)
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
        scores.view(heads, -1, scores.shape[-1])[..., tile.free :].masked_fill_(tile.forbidden_QF, float("-inf"))
    return scores.softmax(-1)


def _add(grad_TKD: torch.Tensor, part_KMD: torch.Tensor, tile: Tile) -> None:
    """Add a tile's gradients of its keys where those keys stand."""
    at = 0
    for begin, end in tile.ranges:
        grad_TKD[begin:end] += part_KMD[:, at : at + end - begin].transpose(0, 1)
        at += end - begin

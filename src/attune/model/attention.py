"""The tree rule as a transformers attention function: every token attends along its own path, and is computed once.

`attend` is registered with transformers under `NAME`; a model that uses that interface takes part without a line of its
own. It is told by keyword how the batch attends (`Plan`). Without a plan it is transformers' own attention.

Shape letters: H query heads, K key heads, T rows of the batch, D head width.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import torch

from attune.errors import ModelError
from attune.model.rule import Rule
from attune.model.stacks import StackAttention, stacks_of
from attune.model.tiles import TileAttention, tiles_of
from attune.tokens.batch import ROW_MULTIPLE, Batch, rounded

NAME = "attune"

# Keys and values of one layer, each [K, rows, D].
KeysValues = tuple[torch.Tensor, torch.Tensor]


@dataclass
class Plan:
    """How the layers of a model attend in one batch.

    Attributes:
        rule: who looks at whom.
        known: for each layer, the keys and values of the batch's first rows, which are then not computed again.
        read: None, or where the keys and values of all rows are kept, layer by layer (see `attune.model.reading`).
        layers: what each layer asked for, in their order.
    """

    rule: Rule
    known: list[KeysValues] = field(default_factory=list, repr=False)
    read: list[KeysValues] | None = field(default=None, repr=False)
    layers: list[LayerCall] = field(default_factory=list)
    _works: dict[int | None, tuple[type[torch.autograd.Function], Any]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, batch: Batch, *, causal: bool, known: Sequence[KeysValues] = (), device: torch.device | None = None
    ) -> Plan:
        """The plan of a batch, with rows up to the next multiple. Without `causal` no row may be shared."""
        rows = len(batch.end_T)
        extra = np.arange(rows, rounded(rows, ROW_MULTIPLE))
        end_T = np.concatenate([batch.end_T.numpy(), extra + 1])
        position_T = np.concatenate([batch.position_ids_T.numpy(), 0 * extra])
        first = known[0][0].shape[1] if known else 0
        rule = Rule(end_T, position_T, causal, rows, first, device or batch.input_ids_T.device)
        return cls(rule, list(known))

    @property
    def first(self) -> int:
        """The first row that is computed: those before it are known."""
        return self.rule.first

    def attend(
        self,
        module: torch.nn.Module,
        query_HTD: torch.Tensor,
        key_KTD: torch.Tensor,
        value_KTD: torch.Tensor,
        asked: Asked,
    ) -> torch.Tensor:
        """One layer's attention of the computed rows, [T, H, D]."""
        if query_HTD.shape[1] != len(self.rule.end_T) - self.first or key_KTD.shape[1] != query_HTD.shape[1]:
            raise ModelError("it attends to more than the batch's own tokens", fix="use the padded rectangle")
        if self.known:
            keys, values = self.known[len(self.layers)]
            key_KTD, value_KTD = torch.cat([keys, key_KTD], 1), torch.cat([values, value_KTD], 1)
        if self.read is not None:
            self.read.append((key_KTD, value_KTD))
        self.layers.append(LayerCall(asked.window, bool(getattr(module, "is_causal", True))))
        if asked.window not in self._works:  # what is made for one layer serves all that ask the same
            self._works[asked.window] = self._work(query_HTD, key_KTD, asked)
        kernel, work = self._works[asked.window]
        found: torch.Tensor = kernel.apply(
            query_HTD, key_KTD, value_KTD, work, asked.scaling, asked.softcap, asked.dropout
        )
        return found

    def _work(
        self, query_HTD: torch.Tensor, key_KTD: torch.Tensor, asked: Asked
    ) -> tuple[type[torch.autograd.Function], Any]:
        """What computes attention here, and how it divides the batch."""
        if _for_kernels(query_HTD) and not self._fault(query_HTD, key_KTD, asked):
            from attune.model.blocks import BlockAttention, blocks_of

            return BlockAttention, blocks_of(self.rule, asked.window, query_HTD)
        window, dtype = asked.window, query_HTD.dtype
        stacks = stacks_of(self.rule, window, dtype)
        return (StackAttention, stacks) if stacks else (TileAttention, tiles_of(self.rule, window, dtype))

    def _fault(self, query_HTD: torch.Tensor, key_KTD: torch.Tensor, asked: Asked) -> str:
        """Why the kernels do not work here, which is said once; empty where they do, and where nothing is computed."""
        from attune.model.blocks import fault

        if query_HTD.is_meta:
            return ""
        causal, cap = self.rule.causal, asked.softcap
        heads = (query_HTD.shape[0], key_KTD.shape[0])
        found = fault(
            query_HTD.dtype,
            query_HTD.device,
            heads,
            query_HTD.shape[-1],
            causal=causal,
            window=asked.window,
            softcap=cap,
            dropout=asked.dropout,
        )
        if found:
            warnings.warn(f"attention is computed without the kernels for a GPU, more slowly: {found}", stacklevel=2)
        return found


def _for_kernels(query: torch.Tensor) -> bool:
    """Whether the kernels for a GPU are to compute this: on one that has Triton, whose interpreter needs no GPU.

    A GPU's products in fp64 are for proofs, not for training, and stay with torch.
    """
    if os.environ.get("TRITON_INTERPRET") == "1":
        return True
    on_gpu = query.is_cuda or (query.is_meta and torch.cuda.is_available())
    return on_gpu and query.dtype != torch.float64 and find_spec("triton") is not None


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

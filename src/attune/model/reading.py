"""Reading without learning: what a model has read is kept, so that nothing is computed again.

`Reader` goes through sequences in their sharing order and keeps the keys and values of the last one: what the next ones
begin with in common with it is known. So a prompt that a whole test set shares is computed once. `Slots` is the room in
which answers are continued, token by token.

Shape letters: A answers in work, K key heads, L tokens of the longest, D head width, G query heads for each key head.
"""

from __future__ import annotations

from collections.abc import Sequence as Series
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attune.model.attention import Asked, KeysValues, Plan
from attune.model.loaded import LoadedModel
from attune.tokens.batch import ROW_MULTIPLE, Batch, Layout, rounded
from attune.tokens.tree import path


@dataclass
class Reader:
    """A model as losses see it, for sequences that come in their sharing order; it computes no gradient.

    Where the model's layout is no tree, it is the model itself.
    """

    model: LoadedModel
    computed_rows: int = 0
    _tokens_L: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64), repr=False)
    _kept: list[KeysValues] = field(default_factory=list, repr=False)

    @property
    def layout(self) -> Layout:
        """How batches are to be laid out."""
        return self.model.layout

    @property
    def alone_beyond(self) -> int | None:
        """Sequences of more tokens have a batch each."""
        return self.model.alone_beyond

    def target_hidden(self, batch: Batch) -> torch.Tensor:
        """Hidden states [S, D] of the rows that have targets."""
        return self.hidden_at(batch, batch.source_S)

    def project(self, hidden_SD: torch.Tensor) -> torch.Tensor:
        """Vocabulary logits [S, V]."""
        return self.model.project(hidden_SD)

    def head_parameters(self) -> list[nn.Parameter]:
        """Parameters that `project` reads."""
        return self.model.head_parameters()

    def class_logits(self, batch: Batch) -> torch.Tensor:
        """Class logits [N, C]."""
        return self.model.class_logits(batch)

    def hidden_at(self, batch: Batch, rows_R: torch.Tensor) -> torch.Tensor:
        """Hidden states [R, D] of some rows of a batch."""
        if self.layout != "tree" or not len(rows_R):
            return self.model.hidden(batch)[rows_R]
        hidden_RD, plan = self._read(batch, rows_R)
        self._keep(batch, plan, int(batch.last_N.max()))
        return hidden_RD

    def paths(self, batch: Batch) -> tuple[torch.Tensor, list[list[KeysValues]]]:
        """Hidden states [N, D] of each sequence's last token, and the keys and values of its whole path by layer."""
        hidden_ND, plan = self._read(batch, batch.last_N)
        found = [self._keep(batch, plan, int(last)) for last in batch.last_N]
        self._keep(batch, plan, int(batch.last_N.max()))
        return hidden_ND, found

    def _read(self, batch: Batch, rows_R: torch.Tensor) -> tuple[torch.Tensor, Plan]:
        known = self._known_rows(batch, int(rows_R.min()))
        begun = [(keys[:, :known], values[:, :known]) for keys, values in self._kept] if known else []
        plan = Plan.of(batch, causal=True, known=begun)
        plan.read = []
        self.computed_rows += len(batch.end_T) - known
        with torch.no_grad():
            return self.model.read(batch, plan)[rows_R - known], plan

    def _known_rows(self, batch: Batch, needed: int) -> int:
        """How many of a batch's first rows every sequence of it begins with and were the last thing that was read."""
        shared = int((batch.end_T == len(batch.end_T)).long().cumprod(0).sum())
        length = min(shared, needed, len(self._tokens_L))
        same_L = batch.input_ids_T[:length].cpu().numpy() == self._tokens_L[:length]
        return int(same_L.cumprod().sum()) // ROW_MULTIPLE * ROW_MULTIPLE

    def _keep(self, batch: Batch, plan: Plan, last: int) -> list[KeysValues]:
        """Remember the path that ends in row `last`."""
        assert plan.read is not None
        spans = [*path(batch.end_T.numpy(), last), (last, last + 1)]
        rows_L = torch.from_numpy(np.concatenate([np.arange(*span) for span in spans])).to(plan.rule.device)
        self._tokens_L = batch.input_ids_T[rows_L].cpu().numpy()
        self._kept = [(keys[:, rows_L], values[:, rows_L]) for keys, values in plan.read]
        return self._kept


class Slots:
    """Keys and values of answers in work, in memory that is taken once.

    Args:
        count: most answers at a time.
        length: most tokens of one, its prompt included.
    """

    def __init__(self, count: int, length: int) -> None:
        self.count = count
        self.length = length
        self.used_A: list[int] = []  # tokens of each answer in work
        self._buffers: list[KeysValues] = []
        self._call = 0

    def admit(self, layers: Series[KeysValues]) -> None:
        """Take in one that was read."""
        if not self._buffers:
            self._buffers = [(self._room(keys), self._room(values)) for keys, values in layers]
        slot, read = len(self.used_A), layers[0][0].shape[1]
        assert slot < self.count and read < self.length
        for buffers, given in zip(self._buffers, layers, strict=True):
            for buffer_NKLD, part_KLD in zip(buffers, given, strict=True):
                buffer_NKLD[slot, :, :read] = part_KLD
        self.used_A.append(read)

    def _room(self, like_KLD: torch.Tensor) -> torch.Tensor:
        heads, _, width = like_KLD.shape
        return like_KLD.new_zeros(self.count, heads, self.length, width)

    def release(self, slot: int) -> None:
        """Let one go; the last one moves into its slot, so that those in work stay side by side."""
        last = len(self.used_A) - 1
        if slot != last:
            used = self.used_A[last]
            for buffers in self._buffers:
                for buffer_NKLD in buffers:
                    buffer_NKLD[slot, :, :used] = buffer_NKLD[last, :, :used]
            self.used_A[slot] = used
        self.used_A.pop()

    def positions(self, device: torch.device) -> torch.Tensor:
        """Position [A] of the next token of each; every layer may then attend once, and `advance` follows."""
        self._call = 0
        return torch.tensor(self.used_A, device=device)

    def advance(self) -> None:
        """Each has one token more."""
        self.used_A = [used + 1 for used in self.used_A]

    def attend(
        self,
        module: torch.nn.Module,
        query_HAD: torch.Tensor,
        key_KAD: torch.Tensor,
        value_KAD: torch.Tensor,
        asked: Asked,
    ) -> torch.Tensor:
        """Attention [A, H, D] of one new token of each answer over all that it has read."""
        buffers, self._call = self._buffers[self._call], self._call + 1
        # Lengths are rounded up: a product's kernel is made for each shape, and here there would be one for each token.
        answers, longest = query_HAD.shape[1], min(rounded(max(self.used_A) + 1, ROW_MULTIPLE), self.length)
        at_A = torch.tensor(self.used_A, device=query_HAD.device)
        for buffer_NKLD, new_KAD in zip(buffers, (key_KAD, value_KAD), strict=True):
            buffer_NKLD[torch.arange(answers, device=at_A.device), :, at_A] = new_KAD.transpose(0, 1)
        keys_AKLD, values_AKLD = (buffer_NKLD[:answers, :, :longest] for buffer_NKLD in buffers)
        heads, width = keys_AKLD.shape[1], query_HAD.shape[-1]
        query_AKGD = (query_HAD * asked.scaling).transpose(0, 1).reshape(answers, heads, -1, width)
        scores_AKGL = (keys_AKLD @ query_AKGD.transpose(2, 3)).transpose(2, 3)  # in bf16 faster than queries by keys
        if asked.softcap is not None:
            scores_AKGL = asked.softcap * torch.tanh(scores_AKGL / asked.softcap)
        distance_AL = at_A[:, None] - torch.arange(longest, device=at_A.device)
        forbidden_AL = distance_AL < 0
        if asked.window is not None:
            forbidden_AL |= distance_AL >= asked.window
        scores_AKGL = scores_AKGL.masked_fill_(forbidden_AL[:, None, None], float("-inf"))
        return (scores_AKGL.softmax(-1) @ values_AKLD).reshape(answers, query_HAD.shape[0], -1)

"""Trees -> micro-batches under a token budget; which examples form a step is a function of three integers.

Shape letters: T tokens of the batch in depth-first order, S targets, N sequences, L longest sequence of a rectangle.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Series
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from attune.tokens.sequence import Sequence
from attune.tokens.tree import grow, shared_tokens, sharing_order

# Sizes are rounded up, so that the matrix kernels that are made and cached for each shape are few: rows of a tree or
# pack, and widths of a rectangle. A kernel that has to be made costs a small model as much as using it.
ROW_MULTIPLE = 64
PAD_MULTIPLE = 8

# A group of sequences is parted early where the next one has no more than this in common with it.
LITTLE_SHARED = 16

# How a model computes a batch: a prefix tree; sequences end to end, none shared; a padded rectangle; not at all, since
# its trunk's output was stored before.
Layout = Literal["tree", "packed", "padded", "stored"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences as rows of tokens, with their targets as a list. See `attune.tokens.tree.Tree`.

    Attributes:
        input_ids_T: token ids.
        position_ids_T: position of each token in its own sequence.
        end_T: first row after the token's subtree; query q may see key k when k <= q < end_T[k]. This and the positions
            are on the CPU, where a batch is planned: asking a GPU would mean to wait for it.
        source_S: row of the hidden states that predicts each target.
        target_S: token id to predict.
        weight_S: its loss weight.
        sequence_S: which of the N sequences it belongs to.
        first_N, last_N: rows of each sequence's first and last token, which classification heads read.
        label_N: class index per sequence, or an empty tensor when there is no classification head.
        sequences: the N sequences themselves.
        weight: sum of the loss weights of the batch.
        computed_tokens: tokens that a model computes for it, with all that is padded.
    """

    input_ids_T: torch.Tensor
    position_ids_T: torch.Tensor
    end_T: torch.Tensor
    source_S: torch.Tensor
    target_S: torch.Tensor
    weight_S: torch.Tensor
    sequence_S: torch.Tensor
    first_N: torch.Tensor
    last_N: torch.Tensor
    label_N: torch.Tensor
    sequences: tuple[Sequence, ...]
    weight: float
    computed_tokens: int

    @property
    def example_ids(self) -> tuple[str, ...]:
        """The example of each sequence."""
        return tuple(s.example_id for s in self.sequences)


@dataclass(frozen=True, slots=True)
class Padded:
    """The same batch as a right-padded rectangle. `row_T`, `column_T` say where each of the T tokens went."""

    input_ids_NL: torch.Tensor
    attention_mask_NL: torch.Tensor
    row_T: torch.Tensor
    column_T: torch.Tensor


def microbatches(
    sequences: Series[Sequence],
    budget_tokens: int,
    layout: Layout,
    device: torch.device | str = "cpu",
    *,
    alone_beyond: int | None = None,
) -> Iterator[tuple[list[int], Batch]]:
    """All sequences in batches of at most `budget_tokens` computed tokens, each with the indices of its sequences.

    Args:
        alone_beyond: sequences of more tokens have a batch each.
    """
    for group in plan_microbatches(sequences, budget_tokens, layout, alone_beyond=alone_beyond):
        yield group, collate([sequences[i] for i in group], device, layout)


def collate(sequences: Series[Sequence], device: torch.device | str = "cpu", layout: Layout = "packed") -> Batch:
    """One batch. Targets are paired inside each sequence, so none crosses from one to the next."""
    labels = [s.label for s in sequences if s.label is not None]
    assert len(labels) in (0, len(sequences)), "either every sequence has a label or none"
    tree = grow(sequences, share=layout == "tree")
    computed = rounded(len(tree.input_ids_T), ROW_MULTIPLE)
    if layout == "stored":
        computed = 0
    if layout == "padded":
        computed = len(sequences) * padded_length(max(len(s.input_ids) for s in sequences))

    def tensor(array: NDArray[np.generic] | list[int]) -> torch.Tensor:
        return torch.as_tensor(np.asarray(array)).to(device)

    return Batch(
        input_ids_T=tensor(tree.input_ids_T),
        position_ids_T=torch.from_numpy(tree.position_ids_T),
        end_T=torch.from_numpy(tree.end_T),
        source_S=tensor(tree.source_S),
        target_S=tensor(tree.target_S),
        weight_S=tensor(tree.weight_S),
        sequence_S=tensor(tree.sequence_S),
        first_N=tensor(tree.first_N),
        last_N=tensor(tree.last_N),
        label_N=tensor(labels).long(),
        sequences=tuple(sequences),
        weight=float(len(labels) or tree.weight_S.sum(dtype=np.float64)),
        computed_tokens=computed,
    )


def pad(batch: Batch, pad_id: int, limit: int | None = None, *, exactly: bool = False) -> Padded:
    """The batch as a right-padded rectangle, for models that take no other shape. It must not share rows.

    Args:
        limit: positions that the model has; the rectangle's rounded length stays within them.
        exactly: the length is that of the longest sequence, and is not rounded.
    """
    sequences = int((batch.position_ids_T == 0).sum())
    longest = int(batch.position_ids_T.max()) + 1
    column_T = batch.position_ids_T.to(batch.input_ids_T.device)
    row_T = torch.cumsum((column_T == 0).long(), 0) - 1
    length = longest if exactly else padded_length(longest)
    shape = (sequences, length if limit is None else max(longest, min(length, limit)))
    input_ids_NL = torch.full(shape, pad_id, dtype=torch.long, device=row_T.device)
    attention_mask_NL = torch.zeros(shape, dtype=torch.long, device=row_T.device)
    input_ids_NL[row_T, column_T] = batch.input_ids_T
    attention_mask_NL[row_T, column_T] = 1
    return Padded(input_ids_NL, attention_mask_NL, row_T, column_T)


def padded_length(longest: int) -> int:
    """Length of a padded rectangle whose longest sequence has `longest` tokens."""
    return rounded(longest, PAD_MULTIPLE)


def rounded(size: int, multiple: int) -> int:
    """The size, up to the next multiple."""
    return -(-size // multiple) * multiple


def epoch_order(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of n sequences in one epoch: a permutation that depends on (n, seed, epoch) and nothing else."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(n)


def steps_per_epoch(n: int, batch_size: int) -> int:
    """Optimizer steps that one pass over n sequences takes; the last one may be smaller."""
    return -(-n // batch_size)


def step_indices(n: int, batch_size: int, seed: int, step: int) -> NDArray[np.int64]:
    """Which sequences form optimizer step `step` (from 0, counted over all epochs)."""
    epoch, within = divmod(step, steps_per_epoch(n, batch_size))
    return epoch_order(n, seed, epoch)[within * batch_size : (within + 1) * batch_size]


def plan_microbatches(
    sequences: Series[Sequence], budget_tokens: int, layout: Layout, *, alone_beyond: int | None = None
) -> list[list[int]]:
    """Group sequences so that each group stays within the token budget; one beyond the budget stands alone.

    In a tree, sequences that begin alike are neighbours and what they share counts once; where they share next to
    nothing, half the budget is as fast and takes half the memory. In a rectangle, padding counts, so those of like
    length are neighbours. Grouping changes neither what a step holds nor any weight.
    """
    lengths = [len(s.input_ids) for s in sequences]
    by_length = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    groups: list[list[int]] = []
    size = 0
    alone: list[list[int]] = []
    for index in sharing_order(sequences) if layout == "tree" else by_length:
        grown = 0
        if alone_beyond is not None and lengths[index] > alone_beyond:
            alone.append([index])
            continue
        if groups and layout == "tree":
            shared = shared_tokens(sequences[groups[-1][-1]].input_ids, sequences[index].input_ids)
            grown = size + lengths[index] - shared
            if grown > budget_tokens // 2 and shared <= LITTLE_SHARED:
                grown = budget_tokens + 1
        elif groups and layout == "padded":
            grown = lengths[groups[-1][0]] * (len(groups[-1]) + 1)
        elif groups:
            grown = size + lengths[index]
        if groups and grown <= budget_tokens:
            groups[-1].append(index)
            size = grown
        else:
            groups.append([index])
            size = lengths[index]
    return groups + alone

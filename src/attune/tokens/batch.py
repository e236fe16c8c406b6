"""Sequences -> micro-batches under a token budget; which examples form a step is a function of three integers.

Shape letters: T tokens of the batch laid end to end, S targets, N sequences, L longest sequence of a padded batch.
"""

from __future__ import annotations

from collections.abc import Sequence as Series
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from attune.tokens.sequence import Sequence

# Rectangles have few different widths, which bounds the matrix kernels that are made and cached per shape.
PAD_MULTIPLE = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences laid end to end, with their targets as a list.

    Attributes:
        input_ids_T: token ids.
        position_ids_T: position of each token in its own sequence.
        end_T: first index after the last token that may attend to this one (here: the end of its sequence).
        source_S: row of the hidden states that predicts each target.
        target_S: token id to predict.
        weight_S: its loss weight.
        sequence_S: which of the N sequences it belongs to.
        label_N: class index per sequence, or an empty tensor when there is no classification head.
        example_ids: N example ids.
    """

    input_ids_T: torch.Tensor
    position_ids_T: torch.Tensor
    end_T: torch.Tensor
    source_S: torch.Tensor
    target_S: torch.Tensor
    weight_S: torch.Tensor
    sequence_S: torch.Tensor
    label_N: torch.Tensor
    example_ids: tuple[str, ...]

    @property
    def weight(self) -> float:
        """Sum of the loss weights of the batch."""
        return float(len(self.label_N)) if len(self.label_N) else float(self.weight_S.sum(dtype=torch.float64))


@dataclass(frozen=True, slots=True)
class Padded:
    """The same batch as a right-padded rectangle. `row_T`, `column_T` say where each of the T tokens went."""

    input_ids_NL: torch.Tensor
    attention_mask_NL: torch.Tensor
    row_T: torch.Tensor
    column_T: torch.Tensor


def collate(sequences: Series[Sequence], device: torch.device | str = "cpu") -> Batch:
    """Lay sequences end to end. Targets are paired inside each sequence, so none crosses from one to the next."""
    lengths_N = np.array([len(s.input_ids) for s in sequences], dtype=np.int64)
    offsets_N = np.cumsum(lengths_N) - lengths_N
    ids_T = np.concatenate([np.asarray(s.input_ids, dtype=np.int64) for s in sequences])
    weights_T = np.concatenate([np.asarray(s.weights, dtype=np.float32) for s in sequences])
    owner_T = np.repeat(np.arange(len(sequences)), lengths_N)
    targets_S = np.flatnonzero(weights_T)
    assert not np.isin(targets_S, offsets_N).any(), "the first token of a sequence has nothing before it"
    labels = [s.label for s in sequences if s.label is not None]
    assert len(labels) in (0, len(sequences)), "either every sequence has a label or none"

    def tensor(array: NDArray[np.generic] | list[int], dtype: torch.dtype = torch.long) -> torch.Tensor:
        return torch.as_tensor(np.asarray(array)).to(device=device, dtype=dtype)

    return Batch(
        input_ids_T=tensor(ids_T),
        position_ids_T=tensor(np.arange(len(ids_T)) - offsets_N[owner_T]),
        end_T=tensor((offsets_N + lengths_N)[owner_T]),
        source_S=tensor(targets_S - 1),
        target_S=tensor(ids_T[targets_S]),
        weight_S=tensor(weights_T[targets_S], torch.float32),
        sequence_S=tensor(owner_T[targets_S]),
        label_N=tensor(labels),
        example_ids=tuple(s.example_id for s in sequences),
    )


def pad(batch: Batch, pad_id: int, limit: int | None = None) -> Padded:
    """The batch as a right-padded rectangle, for models that take no other shape.

    Args:
        limit: positions that the model has; the rectangle's rounded length stays within them.
    """
    starts_N = torch.nonzero(batch.position_ids_T == 0).flatten()
    row_T = torch.cumsum((batch.position_ids_T == 0).long(), 0) - 1
    column_T = batch.position_ids_T
    longest = int(column_T.max()) + 1
    length = padded_length(longest)
    shape = (len(starts_N), length if limit is None else max(longest, min(length, limit)))
    input_ids_NL = torch.full(shape, pad_id, dtype=torch.long, device=row_T.device)
    attention_mask_NL = torch.zeros(shape, dtype=torch.long, device=row_T.device)
    input_ids_NL[row_T, column_T] = batch.input_ids_T
    attention_mask_NL[row_T, column_T] = 1
    return Padded(input_ids_NL, attention_mask_NL, row_T, column_T)


def padded_length(longest: int) -> int:
    """Length of a padded rectangle whose longest sequence has `longest` tokens."""
    return -(-longest // PAD_MULTIPLE) * PAD_MULTIPLE


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


def plan_microbatches(lengths: Series[int], budget_tokens: int) -> list[list[int]]:
    """Group a step's sequences, longest first, so that each padded group stays within the token budget.

    A sequence longer than the budget gets a group of its own. Sorting by length keeps padding small; it does not
    change which sequences form the step, nor their weights.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        longest = lengths[groups[-1][0]] if groups else 0
        if groups and longest * (len(groups[-1]) + 1) <= budget_tokens:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups

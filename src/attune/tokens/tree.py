"""Many sequences -> one prefix tree, laid out depth first: what sequences begin with in common stands there once.

Give each token `end`, the first row after the subtree that it begins. Then one rule says who may look at whom:

    query q may attend to key k   <=>   k <= q < end[k]

because in depth-first order the descendants of a token are exactly the rows from it up to `end`. Sequences that share
nothing are the ordinary case: each stands in rows of its own, and the rule keeps it to itself.

Shape letters: T tokens (rows) of the tree, S targets, N sequences.
"""

from __future__ import annotations

from collections.abc import Sequence as Series
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.tokens.sequence import Sequence

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tree:
    """Sequences as rows of tokens in depth-first order.

    Attributes:
        input_ids_T: token ids.
        position_ids_T: position of each token on its path, so rotary and learned positions are exact.
        end_T: first row after the token's subtree.
        source_S: row whose hidden state predicts the target (a row with several children has several targets).
        target_S: token id to predict.
        weight_S: its loss weight.
        sequence_S: index of the sequence that the target belongs to.
        first_N, last_N: rows of each sequence's first and last token.
    """

    input_ids_T: Ints
    position_ids_T: Ints
    end_T: Ints
    source_S: Ints
    target_S: Ints
    weight_S: NDArray[np.float32]
    sequence_S: Ints
    first_N: Ints
    last_N: Ints


def grow(sequences: Series[Sequence], *, share: bool = True) -> Tree:
    """Lay sequences out as one tree (a forest, when they begin differently).

    Args:
        share: False lays them end to end as given, each in rows of its own.
    """
    assert sequences, "a tree has at least one sequence"
    order = sharing_order(sequences) if share else range(len(sequences))
    ids, positions, ends = [], [], []
    sources, targets, weights, owners = [], [], [], []
    first_N, last_N = np.zeros((2, len(sequences)), dtype=np.int64)
    total = 0
    path_L: Ints = np.zeros(0, dtype=np.int64)  # rows of the sequence before this one
    before: tuple[int, ...] = ()
    for index in order:
        sequence = sequences[index]
        shared = shared_tokens(before, sequence.input_ids) if share else 0
        new = len(sequence.input_ids) - shared
        # The rows that this sequence leaves behind are complete: nothing below them follows.
        ends.append((path_L[shared:], total))
        path_L = np.concatenate([path_L[:shared], np.arange(total, total + new)])
        total += new
        ids.append(np.asarray(sequence.input_ids[shared:], dtype=np.int64))
        positions.append(np.arange(shared, shared + new))
        weights_L = np.asarray(sequence.weights, dtype=np.float32)
        at = np.flatnonzero(weights_L)
        assert not (len(at) and at[0] == 0), "the first token of a sequence has nothing before it"
        sources.append(path_L[at - 1])
        targets.append(np.asarray(sequence.input_ids, dtype=np.int64)[at])
        weights.append(weights_L[at])
        owners.append(np.full(len(at), index))
        first_N[index], last_N[index] = path_L[0], path_L[-1]
        before = sequence.input_ids
    end_T = np.full(total, total)
    for rows, end in ends:
        end_T[rows] = end
    return Tree(
        np.concatenate(ids),
        np.concatenate(positions),
        end_T,
        np.concatenate(sources),
        np.concatenate(targets),
        np.concatenate(weights),
        np.concatenate(owners),
        first_N,
        last_N,
    )


def sharing_order(sequences: Series[Sequence]) -> list[int]:
    """Sequences by their tokens: those that begin alike are neighbours, a sequence stands before its continuations."""
    return sorted(range(len(sequences)), key=lambda i: sequences[i].input_ids)


def shared_tokens(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """How many tokens two sequences have in common from their beginning."""
    shortest = min(len(one), len(other))
    if one[:shortest] == other[:shortest]:
        return shortest
    differs = np.asarray(one[:shortest]) != np.asarray(other[:shortest])
    return int(differs.argmax())


def path(end_T: Ints, row: int) -> list[tuple[int, int]]:
    """The rows before `row` that lie on its path from the root, as ranges [begin, end) in ascending order."""
    rows = np.flatnonzero(end_T[:row] > row)
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(rows, breaks)]

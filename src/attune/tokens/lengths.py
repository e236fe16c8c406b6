"""How long the rows are after the chat template, and what each limit on their length would cut: counted, not estimated.

Shape letters: N sequences, R runs of targets, P pieces that are computed.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.tokens.stored import StoredSequences

CANDIDATES = (256, 512, 1024, 2048, 4096, 8192)
PERCENTILES = (50, 90, 95, 99, 100)
WHOLE_PERCENT = 99  # of the rows stay whole under the limit that is suggested
MULTIPLE = 64

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Limit:
    """What one max_length does to the sequences.

    Attributes:
        cut: sequences that are longer; none of documents, which are divided there.
        lost_target_tokens: tokens that carry loss and stand beyond the limit.
        emptied: sequences whose every target stands beyond it, so that nothing would be learned from them.
        padding: expected share of padding if batches were random and padded to their longest sequence.
    """

    max_length: int
    cut: int
    lost_target_tokens: int
    emptied: int
    padding: float


@dataclass(frozen=True, slots=True)
class Lengths:
    """Lengths in tokens of all training sequences before any is cut.

    Attributes:
        sequences: how many there are: one a row, or one an assistant turn where the template rewrites history.
        total, prompt, target: nearest-rank percentiles ("50" to "100", the longest) of whole sequences, of their
            tokens without loss, and of those with loss.
        limits: what each candidate does, in ascending order; the limit in force is one of them.
        in_force: the max_length of the recipe.
        suggested: the smallest multiple of 64 under which 99 % of the sequences stay whole.
        context: the longest sequence that the model reads.
        batch_size: sequences of a padded batch.
    """

    sequences: int
    total: dict[str, int]
    prompt: dict[str, int]
    target: dict[str, int]
    limits: tuple[Limit, ...]
    in_force: int
    suggested: int
    context: int
    batch_size: int

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return dataclasses.asdict(self)


def survey(
    sequences: StoredSequences, *, in_force: int, context: int, batch_size: int, chunks: bool = False
) -> Lengths:
    """Measure the sequences, whole as the template writes them, against the candidates and the limit in force.

    Args:
        chunks: a long sequence is divided, not cut (see `attune.tokens.fit.chunk`).
    """
    total_N, target_N, runs_3R = sequences.lengths, sequences.target_tokens, sequences.target_runs
    limits = []
    for max_length in sorted({*CANDIDATES, in_force}):
        lost_N = np.zeros_like(total_N) if chunks else _lost(runs_3R, len(total_N), max_length)
        limits.append(
            Limit(
                max_length,
                cut=0 if chunks else int((total_N > max_length).sum()),
                lost_target_tokens=int(lost_N.sum()),
                emptied=int(((lost_N == target_N) & (target_N > 0)).sum()),
                padding=_padding(_computed(total_N, max_length, chunks), batch_size),
            )
        )
    whole = _ranked(np.sort(total_N), WHOLE_PERCENT)
    return Lengths(
        sequences=len(total_N),
        total=_percentiles(total_N),
        prompt=_percentiles(total_N - target_N),
        target=_percentiles(target_N),
        limits=tuple(limits),
        in_force=in_force,
        suggested=-(-whole // MULTIPLE) * MULTIPLE,
        context=context,
        batch_size=batch_size,
    )


def _lost(runs_3R: Ints, count: int, max_length: int) -> Ints:
    """Target tokens of each sequence that stand at or beyond position `max_length`."""
    owner_R, begin_R, end_R = runs_3R
    lost_R = np.maximum(end_R - np.maximum(begin_R, max_length), 0)
    lost_N = np.zeros(count, dtype=np.int64)
    np.add.at(lost_N, owner_R, lost_R)
    return lost_N


def _computed(total_N: Ints, max_length: int, chunks: bool) -> Ints:
    """Lengths of what would be computed: the sequences cut, or their pieces, which share a token with the next."""
    if not chunks:
        return np.minimum(total_N, max_length)
    step = max_length - 1
    pieces_N = np.maximum(-(-(total_N - 1) // step), 1)
    full = np.full(int((pieces_N - 1).sum()), max_length, dtype=np.int64)
    return np.concatenate([full, total_N - (pieces_N - 1) * step])


def _padding(length_P: Ints, batch_size: int) -> float:
    """Expected share of padding, exactly: over all orders of the pieces, cut into batches and a smaller last one."""
    sorted_P = np.sort(length_P)
    full, rest = divmod(len(sorted_P), batch_size)
    padded = full * batch_size * _expected_longest(sorted_P, batch_size) if full else 0.0
    padded += rest * _expected_longest(sorted_P, rest) if rest else 0.0
    return max(0.0, float(1 - sorted_P.sum() / padded))


def _expected_longest(sorted_P: Ints, size: int) -> float:
    """Mean of the longest of `size` pieces drawn without putting back.

    The i-th smallest of n is the longest of C(i-1, size-1) of the C(n, size) draws. From the largest down, that share
    is size/n, and then each time (i - size)/(i - 1) of the one before it.
    """
    count = len(sorted_P)
    i = np.arange(count, 1, -1)
    share = np.concatenate([[size / count], size / count * np.cumprod((i - size) / (i - 1))])
    return float((np.maximum(share, 0.0) * sorted_P[::-1]).sum())


def _percentiles(length_N: Ints) -> dict[str, int]:
    sorted_N = np.sort(length_N)
    return {str(percent): _ranked(sorted_N, percent) for percent in PERCENTILES}


def _ranked(sorted_N: Ints, percent: int) -> int:
    """The smallest length that at least `percent` % of them do not exceed."""
    return int(sorted_N[-(-percent * len(sorted_N) // 100) - 1])

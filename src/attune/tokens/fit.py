"""Sequences that are longer than the model may read: counted, listed, and cut or dropped as the recipe says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from attune.tokens.sequence import Sequence
from attune.tokens.stored import StoredSequences


@dataclass(frozen=True, slots=True)
class Cut:
    """A sequence that does not fit. `lost_target_tokens` of its `target_tokens` lie beyond max_length."""

    example_id: str
    total_tokens: int
    target_tokens: int
    lost_target_tokens: int

    @property
    def whole_answer(self) -> bool:
        """Nothing of the answer would be learned."""
        return self.lost_target_tokens == self.target_tokens > 0


@dataclass(frozen=True, slots=True)
class Fitted:
    """What can be trained on, and what was cut or dropped on the way."""

    kept: StoredSequences
    cuts: tuple[Cut, ...]
    dropped: tuple[str, ...]


def measure(sequence: Sequence, max_length: int) -> Cut | None:
    """What max_length would cut from the sequence, or None when it fits."""
    if len(sequence.input_ids) <= max_length:
        return None
    lost = sum(1 for weight in sequence.weights[max_length:] if weight)
    return Cut(sequence.example_id, len(sequence.input_ids), sequence.target_tokens, lost)


def fit(sequences: StoredSequences, max_length: int, overlong: str, closing: int = 0) -> Fitted:
    """Bring sequences down to max_length.

    The end is cut, but for the last `closing` tokens, which a tokenizer puts behind every text. With overlong "drop"
    the row is left out instead; with "truncate" a row whose whole answer would be lost is cut at its beginning, so that
    the answer stays. With "error" such a row must not come here.
    """
    if not len(sequences) or sequences.lengths.max() <= max_length:
        return Fitted(sequences, (), ())
    cuts: list[Cut] = []
    dropped: list[str] = []

    def fitting() -> Iterator[Sequence]:
        for sequence in sequences:
            cut = measure(sequence, max_length)
            if cut is None:
                yield sequence
                continue
            cuts.append(cut)
            if overlong == "drop":
                dropped.append(sequence.example_id)
            elif cut.whole_answer and sequence.label is None:
                yield sequence.around_target(max_length)
            else:
                yield sequence.head(max_length, closing)

    kept = StoredSequences(fitting())
    return Fitted(kept, tuple(cuts), tuple(dropped))


def chunk(sequence: Sequence, max_length: int) -> list[Sequence]:
    """Consecutive pieces of at most max_length tokens; every token is kept, each piece begins without context.

    A piece's first token has nothing before it and so carries no loss, but for that each piece repeats the last
    token of the piece before.
    """
    pieces = []
    for begin in range(0, max(1, len(sequence.input_ids) - 1), max_length - 1):
        rows = slice(begin, begin + max_length)
        weights = (0.0, *sequence.weights[rows][1:])
        pieces.append(dataclasses.replace(sequence, input_ids=sequence.input_ids[rows], weights=weights))
    return pieces

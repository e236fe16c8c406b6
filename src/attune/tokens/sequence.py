"""The token sequence: what a task makes of an example, before batching. Plain lists, no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sequence:
    """Token ids with the loss weight of predicting each.

    Attributes:
        example_id: the example that it came from (several sequences may share one).
        input_ids: token ids.
        weights: same length; weights[i] is the loss weight of predicting token i from the tokens before it.
            0.0 = context. weights[0] is always 0.0 (nothing comes before it).
        label: class index when a classification head reads the sequence, else None.
        truncated_tokens: tokens that were cut off to fit max_length.
    """

    example_id: str
    input_ids: tuple[int, ...]
    weights: tuple[float, ...]
    label: int | None = None
    truncated_tokens: int = 0

    def __post_init__(self) -> None:
        assert len(self.input_ids) == len(self.weights) > 0, "ids and weights have the same, positive length"

    @property
    def target_weight(self) -> float:
        """Sum of the loss weights: 0 means that nothing would be learned from this sequence."""
        return sum(self.weights) if self.label is None else 1.0

    @property
    def target_tokens(self) -> int:
        """How many tokens carry loss."""
        return len(self.weights) - self.weights.count(0.0)

    def head(self, max_length: int, closing: int = 0) -> Sequence:
        """The first of its tokens and the last `closing`, `max_length` in all; what was cut is counted."""
        lost = len(self.input_ids) - max_length
        if lost <= 0:
            return self
        begin, end = max_length - closing, len(self.input_ids) - closing
        return dataclasses.replace(
            self,
            input_ids=self.input_ids[:begin] + self.input_ids[end:],
            weights=self.weights[:begin] + self.weights[end:],
            truncated_tokens=self.truncated_tokens + lost,
        )

    def around_target(self, max_length: int) -> Sequence:
        """`max_length` tokens that hold the beginning of the first target, with as much context before it as fits."""
        first = next(i for i, weight in enumerate(self.weights) if weight)
        end = min(len(self.input_ids), max(max_length, first + max_length // 2))
        start = end - max_length
        weights = (0.0, *self.weights[start + 1 : end])
        lost = len(self.input_ids) - max_length
        return dataclasses.replace(
            self,
            input_ids=self.input_ids[start:end],
            weights=weights,
            truncated_tokens=self.truncated_tokens + lost,
        )

"""What evaluation speaks in: a prediction per example, a score and a comparison per metric."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["better", "worse", "no detectable difference", "too little data"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one model made of one test example.

    Attributes:
        example_id: the example's id.
        prompt: what the model was given, readable.
        output: the generated text, or the predicted label.
        reference: the right answer.
        scores: raw numbers that metrics read: "loss_nats" (sum over target tokens), "target_tokens" (sum of
            their weights), "correct_tokens" (argmax hits), "confidence" (probability of the predicted label).
        stopped: generation ended by a stop token rather than by the token limit (True for labels).
    """

    example_id: str
    prompt: str
    output: str
    reference: str
    scores: dict[str, float] = field(default_factory=dict)
    stopped: bool = True


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of one model on n examples, with its 95% interval."""

    metric: str
    value: float
    low: float
    high: float
    n: int
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Base against tuned on the same examples; difference = tuned - base, with paired interval and p-value."""

    metric: str
    base: float
    tuned: float
    difference: float
    low: float
    high: float
    p_value: float
    verdict: Verdict

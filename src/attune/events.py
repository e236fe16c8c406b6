"""How a stage speaks without knowing who listens, and how it is told to stop.

A stage gets an `Emit` and calls it with one of the frozen types below. The run folder's `events.jsonl`, the progress
bar and, later, a live page and job events are readers of the same stream.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attune.errors import Interrupted


@dataclass(frozen=True, slots=True)
class StageStarted:
    """A stage of the pipeline began."""

    stage: str


@dataclass(frozen=True, slots=True)
class StageFinished:
    """A stage ended. `reused` tells that an earlier result with the same key was taken."""

    stage: str
    seconds: float
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know. `level` is "info" or "warning"."""

    stage: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` units of a stage (rows, examples)."""

    stage: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """One check of the audit has read `done` of `total` rows. Checks that look at a sample stop there."""

    check: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class StepMetrics:
    """One optimizer step. `target_tokens` counts this step; `peak_memory_bytes` is of the process so far."""

    step: int
    total_steps: int
    loss_nats_per_token: float
    accuracy: float
    grad_norm: float
    learning_rate: float
    target_tokens: int
    input_tokens: int
    computed_tokens: int
    seconds: float
    tokens_per_second: float
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """A step whose loss or gradient norm was not finite: no update was made. Names the examples of the step."""

    step: int
    reason: str
    example_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Validated:
    """Validation during training. `is_best` tells whether this is the lowest validation loss so far."""

    step: int
    loss_nats_per_token: float
    accuracy: float
    is_best: bool


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A checkpoint became complete on disk."""

    step: int
    path: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is complete. `report` is the path of report.html."""

    run: str
    verdict: str
    report: str


Event = (
    StageStarted
    | StageFinished
    | Note
    | Progress
    | CheckProgress
    | StepMetrics
    | StepSkipped
    | Validated
    | CheckpointSaved
    | RunFinished
)
Emit = Callable[[Event], None]


def as_record(event: Event) -> dict[str, Any]:
    """An event as the JSON object that `events.jsonl` holds: its fields and its type's name under "event"."""
    return {"event": type(event).__name__, **dataclasses.asdict(event)}


def silent(event: Event) -> None:
    """An Emit for callers who do not listen."""


@dataclass
class Stop:
    """A request to stop, checked after every step and every batch. Signal handlers call `request`."""

    requested: bool = False

    def request(self) -> None:
        """Ask the run to save and stop."""
        self.requested = True

    def __call__(self) -> bool:
        """Whether it was asked to stop."""
        return self.requested

    def check(self) -> None:
        """Stop here if that was asked for.

        Raises:
            Interrupted: it was.
        """
        if self.requested:
            raise Interrupted("stopped on request")

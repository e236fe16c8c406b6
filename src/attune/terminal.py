"""What is seen of work while it goes on. Three listeners for the same events:

`Bar` for a terminal, `Lines` for a pipe or a log file, `JsonLines` for programs.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, NoReturn, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from attune.events import (
    CheckProgress,
    Event,
    Note,
    Progress,
    StageFinished,
    StageStarted,
    StepMetrics,
    StepSkipped,
    Stop,
    Validated,
    as_record,
)
from attune.report.view import duration, number

CLOSED_PIPE_EXIT_CODE = 141  # 128 + SIGPIPE, as a program has that the signal ends

_STAGES = {
    "read": "Read the data",
    "audit": "Audit the data",
    "split": "Split",
    "tokenise": "Tokenise",
    "base": "Test the base model",
    "trunk": "Compute the trunk",
    "prompts": "Compare the prompts",
    "rehearse": "Rehearse a few steps",
    "train": "Train",
    "tuned": "Test the tuned model",
    "load": "Load the model",
    "evaluate": "Test the model",
}
_LINES_PER_STAGE = 20
_SMOOTHING = 0.1


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """The reader of our output has gone: leave without a word."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(CLOSED_PIPE_EXIT_CODE)


def console(*, stderr: bool = False) -> Console:
    """A console that prints text as it stands: no markup, no emoji codes, no guessed colours, no wrapping in a pipe."""
    made = _Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made = _Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True, width=200)
    return made


def printable(text: str) -> str:
    """The text without the control characters that would move the cursor or change the terminal."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


@dataclass
class TimeLeft:
    """How long is left, from the smoothed time of a step and of a validation; None until a few steps are known.

    The first step is not counted: it holds what happens once (memory, kernels, caches).
    """

    known: int = 0
    _at: tuple[int, float] | None = None
    _step_seconds: float = 0.0
    _validation_seconds: float = 0.0
    _validations: int = 0
    _validated_at: int | None = None
    _steps_between: int = 0
    _validating: bool = False

    def advance(self, done: int, now: float) -> None:
        """`done` steps are complete at the time `now`, in seconds."""
        if self._at is not None and done > self._at[0]:
            steps, seconds = done - self._at[0], now - self._at[1]
            if self._validating and self.known:
                extra = max(0.0, seconds - steps * self._step_seconds)
                self._validations += 1
                self._validation_seconds += _share(self._validations) * (extra - self._validation_seconds)
            elif not self._validating:
                self.known += 1
                self._step_seconds += _share(self.known) * (seconds / steps - self._step_seconds)
        self._validating = False
        self._at = (done, now)

    def validated(self, done: int) -> None:
        """A validation took place after `done` steps, and counts into the time until the next one."""
        if self._validated_at is not None and done > self._validated_at:
            self._steps_between = done - self._validated_at
        self._validated_at = done
        self._validating = True

    def seconds(self, total: int, now: float) -> float | None:
        """Seconds until `total` steps are done."""
        if self._at is None or self.known < 3:
            return None
        done, then = self._at
        left = (total - done) * self._step_seconds
        if self._steps_between:
            left += (total - done) / self._steps_between * self._validation_seconds
        return max(0.0, left - (now - then))


def _share(count: int) -> float:
    """Weight of the newest of `count` values: a plain mean at first, then exponential smoothing."""
    return max(_SMOOTHING, 1 / count)


def left_in_words(seconds: float | None) -> str:
    """A time left, no more precise than it is known."""
    if seconds is None:
        return ""
    if seconds < 10:
        return "a few seconds left"
    if seconds <= 50:
        return f"about {10 * math.ceil(seconds / 10)} s left"
    if seconds < 3300:
        return f"about {math.ceil(seconds / 60)} min left"
    hours, minutes = divmod(10 * math.ceil(seconds / 600), 60)
    return f"about {hours} h {minutes} min left" if minutes else f"about {hours} h left"


@dataclass
class _State:
    """What the events of the current stage add up to."""

    stage: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    left: TimeLeft = field(default_factory=TimeLeft)
    step: StepMetrics | None = None
    validated: Validated | None = None
    best: Validated | None = None
    untrained: Validated | None = None
    check: CheckProgress | None = None

    def hear(self, event: Event, now: float) -> None:
        """Take in one event that came at the time `now`, in seconds."""
        match event:
            case StageStarted(stage=stage):
                self.__dict__.update(_State(stage).__dict__)
            case Progress(done=done, total=total, unit=unit):
                self.done, self.total, self.unit, self.check = done, total, unit, None
                self.left.advance(done, now)
            case CheckProgress():
                self.check = event
            case StepMetrics(step=done, total_steps=total):
                self.done, self.total, self.unit, self.step = done, total, "steps", event
                self.left.advance(done, now)
            case Validated():
                self.validated = event
                self.best = event if event.is_best else self.best
                self.untrained = event if event.step == 0 else self.untrained
                self.left.validated(event.step)

    def rank(self) -> str:
        """What the last validation loss is among those before it."""
        if self.validated is None or not self.validated.is_best:
            return ""
        before = self.untrained
        if before is not None and self.validated.loss_nats_per_token >= before.loss_nats_per_token:
            return ", the best of training, but not below step 0's"
        return ", the best so far"

    def counts(self) -> str:
        """How far the stage is: "120 of 700 steps"."""
        if not self.unit:
            return ""
        return f"{self.done:,} of {self.total:,} {self.unit}" if self.total else f"{self.done:,} {self.unit}"

    def time_left(self, now: float) -> str:
        """How long the stage takes yet; nothing where no total is known, or its units are too unequal to tell."""
        known = self.total and self.unit != "checks"  # of which one takes a hundred times as long as another
        return left_in_words(self.left.seconds(self.total, now)) if known else ""

    def measures(self) -> str:
        """The numbers of training, as far as they are known."""
        parts = []
        if self.step:
            parts.append(f"loss {number(self.step.loss_nats_per_token)}")
        if self.validated:
            best = " (best)" if self.validated is self.best else ""
            parts.append(f"validation {number(self.validated.loss_nats_per_token)}{best}")
        if self.step:
            parts.append(f"learning rate {self.step.learning_rate:.1e}")
            parts.append(f"{self.step.tokens_per_second:,.0f} tokens/s")
        return " · ".join(parts)

    def outcome(self) -> str:
        """What a finished stage did."""
        if self.step is None:
            return f"{self.done:,} {self.unit}" if self.unit else ""
        best = self.best
        kept = f", best validation loss {number(best.loss_nats_per_token)} at step {best.step:,}" if best else ""
        return f"{self.done:,} steps{kept}"


class JsonLines:
    """Each event as one line of JSON. A number that is not finite is null."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def __call__(self, event: Event) -> None:
        """Write one event."""
        record = as_record(event)
        write_json(
            self._stream,
            {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()},
        )


def write_json(stream: IO[str], value: Any) -> None:
    """One value on one line, out at once."""
    stream.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
    stream.flush()


class Lines:
    """Plain lines for a pipe or a log: about one for each twentieth of a stage, and one a validation."""

    def __init__(self, to: Console) -> None:
        self._console = to
        self._state = _State()
        self._written = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: Event) -> None:
        """Write the event's line, if it has one."""
        now = time.monotonic()
        self._state.hear(event, now)
        match event:
            case StageStarted():
                self._written = -1
            case StageFinished():
                self._console.print(_finished(event, self._state))
            case Progress() | StepMetrics():
                self._advance(now)
            case Validated(step=step):
                loss = number(event.loss_nats_per_token)
                self._console.print(f"  step {step:,}: validation loss {loss}{self._state.rank()}")
            case _:
                text = _remark(event)
                if text is not None:
                    self._console.print(text)

    def _advance(self, now: float) -> None:
        state = self._state
        part = state.done * _LINES_PER_STAGE // state.total if state.total else -1
        if part <= self._written or state.done == state.total:
            return
        self._written = part
        parts = [state.counts(), state.measures() if state.step else "", state.time_left(now)]
        self._console.print("  " + " · ".join(part for part in parts if part))


class Bar:
    """A live bar with what is going on below the ticked lines of what is done."""

    def __init__(self, to: Console, stop: Stop, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = to
        self._stop = stop
        self._clock = clock
        self._state = _State()
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(console=to, get_renderable=self.render, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._state = _State()
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Take the event into the bar, and print the line that it has, if any."""
        self._state.hear(event, self._clock())
        match event:
            case StageFinished():
                self._console.print(_finished(event, self._state))
                self._state = _State("Compare and report" if event.stage == "tuned" else "")
            case _:
                text = _remark(event)
                if text is not None:  # its further lines begin below its first word
                    self._console.print(_hanging(text))

    def render(self) -> RenderableType:
        """The lines below what is done: stage, bar, counts, time left; loss and speed while training."""
        state = self._state
        if not state.stage:
            return Text("")
        row = Table.grid(padding=(0, 1))
        cells: list[RenderableType] = [self._spinner, Text(_STAGES.get(state.stage, state.stage), style="bold")]
        if state.total:
            cells.append(ProgressBar(state.total, state.done, width=max(10, min(30, self._console.width - 62))))
        if state.unit:
            cells.append(Text(state.counts(), no_wrap=True))
        cells.append(Text(state.time_left(self._clock()), style="cyan", no_wrap=True))
        row.add_row(*cells)
        lines: list[RenderableType] = [row]
        if check := state.check:
            of_check = Table.grid(padding=(0, 1))
            bar = ProgressBar(check.total, check.done, width=20)
            counts = Text(f"{check.done:,} of {check.total:,} rows", style="dim", no_wrap=True)
            of_check.add_row("  " + check.check, bar, counts)
            lines.append(of_check)
        if state.step or state.validated:
            lines.append(Text(f"  {state.measures()}", style="dim", no_wrap=True, overflow="ellipsis"))
        if self._stop.requested:
            lines.append(Text("  Stopping: what is done is being saved, one moment.", style="bold yellow"))
        return Group(*lines)


def _finished(event: StageFinished, state: _State) -> Text:
    """The ticked line of a finished stage."""
    text = Text("✓ ", style="green")
    text.append(f"{_STAGES.get(event.stage, event.stage):<21}", style="default")
    done = state.outcome() if state.stage == event.stage and not event.reused else ""
    took = "reused from an earlier run" if event.reused else duration(event.seconds)
    text.append(f" {took}" + (f", {done}" if done else ""), style="dim")
    return text


def _hanging(line: Text) -> RenderableType:
    """A line behind a mark of two columns, whose further lines begin below its first word."""
    row = Table.grid()
    row.add_row(line[:2], line[2:])
    return row


def _remark(event: Event) -> Text | None:
    """A note or a warning as a line, None for events that have no line of their own."""
    match event:
        case Note(level="warning", text=text):
            return Text(f"! {text}", style="yellow")
        case Note(text=text):
            return Text(f"  {text}", style="dim")
        case StepSkipped(step=step, reason=reason, example_ids=ids):
            return Text(f"! Step {step:,} was skipped: {reason} (examples {', '.join(ids[:5])})", style="yellow")
    return None

"""Everything that can be known before a training: rows, splits, lengths, and what it will take in memory and time."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from attune.curate import PARTS
from attune.errors import EnvironmentFault
from attune.events import Emit, StageFinished, StageStarted, Stop, silent
from attune.prepare import Prepared, needed_memory, prepare
from attune.prompts import PromptComparison, compare_prompts
from attune.prompts import other_prompt as parse_other
from attune.recipe import Recipe
from attune.report.lengths import binned
from attune.runs.store import Store
from attune.tuning import Tuning, answers_to_beat

if TYPE_CHECKING:
    from attune.model.memory import Footprint
    from attune.train.loop import Job
    from attune.train.rehearsal import Rehearsal

STORED_SAMPLE = 256
COMPARED_SAMPLE = 64


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        footprint: bytes by what they are for, counted before anything was loaded.
        available_bytes: memory that could be had then.
        rehearsal: what a few real steps measured; None when they would not fit.
        comparison_seconds: what base and tuned model will take for the test rows, from some of them.
        prompts: the recipe's prompt beside another one; None when none was asked for, or it would not fit.
    """

    prepared: Prepared
    footprint: Footprint
    available_bytes: int
    rehearsal: Rehearsal | None
    comparison_seconds: float = 0.0
    prompts: PromptComparison | None = None

    def record(self) -> dict[str, Any]:
        """All of it as plain values, for a screen or for JSON. Sizes are in bytes, lengths in tokens."""
        prepared, recipe = self.prepared, self.prepared.recipe
        kept = prepared.train.kept
        whole, steps = prepared.lengths.total, recipe.training.steps(len(kept))
        measured = None if self.rehearsal is None else dataclasses.asdict(self.rehearsal)
        return {
            "name": recipe.name,
            "data": {part: getattr(recipe.data, part) for part in (*PARTS, "like") if getattr(recipe.data, part)},
            "task": prepared.task.name,
            "model": recipe.model,
            "parameters": prepared.parameters,
            "method": recipe.method.kind,
            "rows": {part: len(getattr(prepared.splits, part)) for part in PARTS},
            "labels": prepared.label_counts,
            "split": prepared.splits.reason,
            "lengths": {
                "median": whole["50"],
                "p95": whole["95"],
                "longest": whole["100"],
                "total": int(kept.lengths.sum()),
                "targets": int(kept.target_tokens.sum()),
                "cut_rows": len(prepared.train.cuts),
                "survey": prepared.lengths.record(),
                "histogram": {"total": binned(kept.lengths.tolist()), "target": binned(kept.target_tokens.tolist())},
            },
            "findings": [finding.record() for finding in prepared.findings],
            "steps": steps,
            "memory": {**dataclasses.asdict(self.footprint), "available": self.available_bytes},
            "rehearsal": measured,
            "comparison_seconds": self.comparison_seconds,
            "prompts": None if self.prompts is None else self.prompts.record(),
            "fits": self.fits,
        }

    @property
    def fits(self) -> bool:
        """Whether the memory holds it."""
        return self.rehearsal is not None


def check(
    recipe: Recipe, store: Store, emit: Emit = silent, *, stop: Stop | None = None, other_prompt: str | None = None
) -> Checked:
    """Read, split, tokenise and settle; then rehearse a few steps. Trains nothing and writes nothing.

    Args:
        other_prompt: what to compare the recipe's prompt with on the untrained model, "" for no prompt.

    Raises:
        RecipeError, DataError, ModelError, EnvironmentFault: what is wrong, with place and mending.
    """
    stop = stop or Stop()
    prepared = prepare(recipe, store, emit, stop)
    other = None if other_prompt is None else parse_other(other_prompt, prepared)

    from attune.train.device import available_bytes

    prepared.findings  # noqa: B018  # the audit would disturb what is measured
    footprint = needed_memory(prepared.recipe, prepared.task, prepared.model, prepared.renderer, prepared.train.kept)
    available = available_bytes()
    rehearsal, comparison_seconds, prompts = None, 0.0, None
    if footprint.total - footprint.program <= available:
        if other_prompt is not None:
            prompts = compare_prompts(prepared, other, emit, stop)
        began = time.monotonic()
        emit(StageStarted("rehearse"))
        tuning = Tuning.load(prepared)
        comparison_seconds = _comparison_seconds(tuning, stop)
        rehearsal = _rehearse(tuning, emit, stop)
        emit(StageFinished("rehearse", time.monotonic() - began))
    return Checked(prepared, footprint, available, rehearsal, comparison_seconds, prompts)


def _comparison_seconds(tuning: Tuning, stop: Stop) -> float:
    """Base and tuned model on all test rows, in proportion to a sample."""
    prepared, splits = tuning.prepared, tuning.prepared.splits
    if not splits.test:
        return 0.0
    sample = dataclasses.replace(splits, test=splits.test[:COMPARED_SAMPLE])
    began = time.perf_counter()
    answers_to_beat(prepared, tuning, sample, prepared.asking(lambda done: stop.check()))
    return 2 * (time.perf_counter() - began) * len(splits.test) / len(sample.test)


def _rehearse(tuning: Tuning, emit: Emit, stop: Stop) -> Rehearsal | None:
    from attune.model.trunk import storable
    from attune.train.loop import Job
    from attune.train.loss import LOSSES
    from attune.train.rehearsal import rehearse

    prepared = tuning.prepared
    job = Job(
        model=tuning.model,
        loss=LOSSES[prepared.task.loss],
        training=prepared.recipe.training,
        train=prepared.train.kept,
        validation=prepared.validation.kept,
        folder=Path(os.devnull),  # a rehearsal saves nothing
        emit=emit,
        stop=stop,
    )
    try:
        if storable(tuning.model, prepared.recipe.method):
            return _rehearse_above(job, tuning)
        return rehearse(job, tuning.masters)
    except EnvironmentFault:  # not even one sequence fits
        return None


def _rehearse_above(job: Job, tuning: Tuning) -> Rehearsal:
    """A frozen trunk is computed once for each sequence: on a sample here, in proportion for all."""
    from attune.model.trunk import opened, store
    from attune.train.rehearsal import rehearse

    assert job.training.microbatch_tokens
    spread = max(1, len(job.train) // STORED_SAMPLE)
    train, validation = job.train[::spread], job.validation[::spread]
    share = job.training.steps(len(train)) / job.total_steps
    with TemporaryDirectory() as name:
        began = time.perf_counter()
        method = tuning.prepared.recipe.method
        sample = (*train, *validation)
        store(tuning.model, method, sample, Path(name), job.training.microbatch_tokens, lambda done: None)
        trunk_seconds = (time.perf_counter() - began) / len(sample) * (len(job.train) + len(job.validation))
        # As many validations as the whole training has, each of its share of the rows.
        every = max(1, round(share * (job.training.evaluate_every or 1)))
        training = job.training.model_copy(update={"evaluate_every": every})
        stored = opened(tuning.model, method, sample, Path(name))
        above = dataclasses.replace(job, model=stored, train=train, validation=validation, training=training)
        found = rehearse(above, tuning.masters)
    return dataclasses.replace(found, seconds=trunk_seconds + found.seconds / share)

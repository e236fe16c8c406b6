"""A few real steps at a learning rate of zero: what a training will cost, measured instead of guessed."""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch

from attune.errors import Interrupted
from attune.tokens.batch import Batch, microbatches
from attune.train.device import Masters, peak_memory_bytes
from attune.train.loop import Job, Progress, step_sequences, step_that_fits, validate
from attune.train.optimizer import adamw

WARM_UP_STEPS = 2
LEAST_STEPS = 4
MOST_STEPS = 40
VALIDATION_SEQUENCES = 64
COUNTED_STEPS = 200


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the whole training is expected to cost.

    Attributes:
        steps: steps that were measured.
        seconds: of all steps and validations, if it is not stopped early.
        tokens_per_second: training tokens of the rows, each row counted whole.
        peak_bytes: most memory that the process has held.
    """

    steps: int
    seconds: float
    tokens_per_second: float
    peak_bytes: int


def rehearse(job: Job, masters: Masters, seconds: float = 8.0) -> Rehearsal:
    """Do steps from all over the first epoch for about so many seconds. The weights stay as they are.

    Raises:
        EnvironmentFault: memory does not hold one sequence.
        Interrupted: `job.stop()` became true.
    """
    optimizer = adamw(masters.tensors, job.training)  # its learning rate is zero until a step sets another
    assert job.training.microbatch_tokens and job.training.evaluate_every
    progress = Progress(microbatch_tokens=job.training.microbatch_tokens)
    masters.module.train()
    # The longest rows first: they decide the memory.
    assert job.training.batch_size
    longest = heapq.nlargest(job.training.batch_size, job.train, key=lambda sequence: len(sequence.input_ids))
    step_that_fits(job, progress, masters, longest)
    optimizer.step()
    spread = max(1, min(job.total_steps, job.steps_per_epoch) // MOST_STEPS)
    measured: list[tuple[int, int, float]] = []
    began = time.perf_counter()
    for step in range(0, (WARM_UP_STEPS + MOST_STEPS) * spread, spread):
        if len(measured) >= WARM_UP_STEPS + LEAST_STEPS and time.perf_counter() - began > seconds:
            break
        if job.stop():
            raise Interrupted("stopped; a rehearsal leaves nothing behind")
        before = time.perf_counter()
        sequences = step_sequences(job, step)
        _, batches = step_that_fits(job, progress, masters, sequences)
        optimizer.step()
        masters.publish()
        read = sum(len(s.input_ids) for s in sequences)
        measured.append((_work(batches), read, time.perf_counter() - before))
    work, read, spent = map(sum, zip(*measured[WARM_UP_STEPS:], strict=True))
    masters.clear_gradients()
    whole = spent / work * _whole_work(job, progress.microbatch_tokens)
    validations = 1 + job.total_steps // job.training.evaluate_every
    whole += validations * _validation_seconds(job, masters.module)
    return Rehearsal(len(measured) - WARM_UP_STEPS, whole, read / spent, peak_memory_bytes())


def _work(batches: Iterable[Batch]) -> int:
    """What a step's time goes with: the tokens that it computes, and a little for each sequence."""
    return sum(batch.computed_tokens + len(batch.sequences) for batch in batches)


def _whole_work(job: Job, budget_tokens: int) -> float:
    """The work of all steps, from a sample of them."""
    spread = max(1, job.total_steps // COUNTED_STEPS)
    steps = range(0, job.total_steps, spread)
    found = 0
    for step in steps:
        model, sequences = job.model, step_sequences(job, step)
        planned = microbatches(sequences, budget_tokens, model.layout, alone_beyond=model.alone_beyond)
        found += _work(batch for _, batch in planned)
    return found / len(steps) * job.total_steps


def _validation_seconds(job: Job, module: torch.nn.Module) -> float:
    """One validation over all sequences, from a sample of them."""
    if not job.validation:
        return 0.0
    spread = max(1, len(job.validation) // VALIDATION_SEQUENCES)
    sample = job.validation[::spread]
    validate(job.model, job.loss, sample[:16], job.training, module)
    began = time.perf_counter()
    validate(job.model, job.loss, sample, job.training, module)
    return (time.perf_counter() - began) * len(job.validation) / len(sample)

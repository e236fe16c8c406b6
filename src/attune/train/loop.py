"""The training loop. `train_step` is the arithmetic, `train` is the walk.

Everything that a step depends on is a function of (seed, step) or stands in the checkpoint: which examples, in which
order, which dropout masks, which learning rate. So a resumed run ends with the same bits as an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections.abc import Callable
from collections.abc import Sequence as Series
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attune.errors import EnvironmentFault, Interrupted, TrainingFault
from attune.events import CheckpointSaved, Emit, Note, StepMetrics, StepSkipped, Validated
from attune.recipe import Training
from attune.tokens.batch import Batch, microbatches, step_indices, steps_per_epoch
from attune.tokens.sequence import Sequence
from attune.train import checkpoint
from attune.train.device import Masters, is_out_of_memory, peak_memory_bytes
from attune.train.loss import Loss, Model
from attune.train.optimizer import adamw, learning_rate, restore_state, state_tensors

MAXIMUM_SKIPS_IN_A_ROW = 5
# Nothing is kept for a backward, so larger micro-batches cost little memory, and take up to a tenth less time.
VALIDATED_BUDGET = 2
VALIDATED_SEQUENCES = 4096  # grouped at a time, so that memory does not grow with the validation rows


@dataclass
class Progress:
    """Where training stands; saved with every checkpoint.

    `input_tokens` counts each sequence whole, `computed_tokens` counts shared tokens once, and padding. `seconds` is
    the time spent in steps and validation. `microbatch_tokens` is the budget in use, less than the recipe's once memory
    ran out.
    """

    step: int = 0
    saved_step: int = 0
    best_step: int = 0
    best_loss: float = math.inf
    evaluations_since_best: int = 0
    skips_in_a_row: int = 0
    skipped: int = 0
    target_tokens: int = 0
    input_tokens: int = 0
    computed_tokens: int = 0
    seconds: float = 0.0
    stopped_early: bool = False
    microbatch_tokens: int = 0


@dataclass(frozen=True)
class Job:
    """All that one training needs, settled."""

    model: Any
    loss: Loss
    training: Training
    train: Series[Sequence]
    validation: Series[Sequence]
    folder: Path
    emit: Emit
    stop: Callable[[], bool] = field(default=lambda: False)

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole training."""
        return self.training.steps(len(self.train))

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of one pass over the training sequences."""
        assert self.training.batch_size is not None
        return steps_per_epoch(len(self.train), self.training.batch_size)

    def fingerprint(self) -> str:
        """Hash of everything that the resumed part of a run must share with the first."""
        digest = hashlib.sha256(self.training.model_dump_json(exclude={"checkpoint_every"}).encode())
        for sequence in itertools.chain(self.train, self.validation):
            digest.update(np.asarray(sequence.input_ids, dtype=np.int64).tobytes())
            digest.update(np.asarray(sequence.weights, dtype=np.float32).tobytes())
            digest.update(str(sequence.label).encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class StepSums:
    """What one step's micro-batches add up to, before the update. `grad_norm` is that of the mean loss's gradient."""

    nats: float
    weight: float
    correct: float
    grad_norm: float

    @property
    def finite(self) -> bool:
        """Whether the update may be made. A finite loss can still have a gradient that is not."""
        return math.isfinite(self.nats) and math.isfinite(self.grad_norm)


def train_step(
    model: Model, loss: Loss, microbatches: Series[Batch], masters: Masters, smoothing: float = 0.0
) -> StepSums:
    """Gradients of the SUM of one optimizer step's losses, left in the masters; the update divides by the weight.

    Sums over micro-batches add up, so splitting the step in any way gives the same gradient.
    """
    masters.clear_gradients()
    weight = sum(batch.weight for batch in microbatches)
    sums: list[torch.Tensor] = []
    for batch in microbatches:
        part = loss(model, batch, smoothing)
        part.nats.backward()
        sums.append(torch.stack([part.nats_N.sum(), part.correct_N.sum()]))
    # Read when all is under way: to look at a GPU's number is to wait for it.
    nats, correct = map(math.fsum, zip(*torch.stack(sums).tolist(), strict=True))
    return StepSums(nats, weight, correct, masters.gradient_norm() / weight)


def train(job: Job, masters: Masters) -> Progress:
    """Train to the end, to an early stop, or to a request to stop; leaves the best weights in the model.

    Resumes from the newest checkpoint in `job.folder` that verifies.

    Raises:
        Interrupted: `job.stop()` became true; a checkpoint was saved first.
        TrainingFault: several steps in a row were not finite.
        EnvironmentFault: memory does not hold one sequence; the checkpoint belongs to other data or settings, or
            cannot be written.
    """
    training = job.training
    optimizer = adamw(masters.tensors, training)
    fingerprint = job.fingerprint()
    progress = _resume(job, masters, optimizer, fingerprint)
    progress.microbatch_tokens = progress.microbatch_tokens or _budget(training)
    module = masters.module
    # Weights, and two averages for each.
    checkpoint.check_space(job.folder, 3 * sum(tensor.nbytes for tensor in masters.tensors.values()))
    if progress.step == 0 and job.validation:
        began = time.perf_counter()
        loss_nats, accuracy = validate(job.model, job.loss, job.validation, training, module)
        progress.seconds += time.perf_counter() - began
        job.emit(Validated(0, loss_nats, accuracy, is_best=False))
    while progress.step < job.total_steps and not progress.stopped_early:
        began = time.perf_counter()
        sequences = step_sequences(job, progress.step)
        module.train()
        sums, batches = step_that_fits(job, progress, masters, sequences)
        _update(job, progress, optimizer, masters, sums, sequences)
        target_tokens = sum(len(b.target_S) or len(b.label_N) for b in batches)
        input_tokens = sum(len(s.input_ids) for s in sequences)
        computed_tokens = sum(b.computed_tokens for b in batches)
        progress.target_tokens += target_tokens
        progress.input_tokens += input_tokens
        progress.computed_tokens += computed_tokens
        seconds = time.perf_counter() - began
        progress.seconds += seconds
        job.emit(
            StepMetrics(
                step=progress.step,
                total_steps=job.total_steps,
                loss_nats_per_token=sums.nats / sums.weight,
                accuracy=sums.correct / sums.weight,
                grad_norm=sums.grad_norm,
                learning_rate=learning_rate(progress.step - 1, job.total_steps, job.training),
                target_tokens=target_tokens,
                input_tokens=input_tokens,
                computed_tokens=computed_tokens,
                seconds=seconds,
                tokens_per_second=input_tokens / seconds,
                peak_memory_bytes=peak_memory_bytes(),
            )
        )
        _look_up(job, progress, masters, optimizer, module, fingerprint)
    if progress.best_step not in (0, progress.step):
        _take_best(job, progress, masters)
    module.eval()
    return progress


def step_that_fits(
    job: Job, progress: Progress, masters: Masters, sequences: Series[Sequence]
) -> tuple[StepSums, list[Batch]]:
    """One step's gradients; where memory runs out, the same step again in smaller micro-batches.

    Raises:
        EnvironmentFault: the memory does not hold the step's longest sequence by itself.
    """
    device = next(masters.module.parameters()).device
    while True:
        model, budget = job.model, progress.microbatch_tokens
        planned = microbatches(sequences, budget, model.layout, device, alone_beyond=model.alone_beyond)
        batches = [batch for _, batch in planned]
        torch.manual_seed(_step_seed(job.training.seed, progress.step))
        try:
            return train_step(job.model, job.loss, batches, masters, job.training.label_smoothing), batches
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside of the handler, where the failed step's tensors are no longer held by the traceback.
        masters.clear_gradients()
        if all(len(batch.example_ids) == 1 for batch in batches):
            longest = max(len(s.input_ids) for s in sequences)
            raise EnvironmentFault(
                f"the memory does not hold one sequence of {longest} tokens",
                where=f"step {progress.step + 1}",
                fix="lower training.max_length, use method.kind: lora, or a smaller model",
            )
        largest = max(len(batch.input_ids_T) for batch in batches)
        progress.microbatch_tokens = max(1, min(progress.microbatch_tokens, largest) // 2)
        text = f"out of memory in step {progress.step + 1}: it is repeated with micro-batches of at most "
        job.emit(Note("train", "warning", f"{text}{progress.microbatch_tokens} tokens; the gradient is the same"))


def _take_best(job: Job, progress: Progress, masters: Masters) -> None:
    """Put the best weights into the model; if their checkpoint is damaged, the last weights stay and that is said."""
    try:
        best = checkpoint.read(job.folder / f"step-{progress.best_step:06d}")
    except EnvironmentFault as fault:
        job.emit(Note("train", "warning", f"the best checkpoint cannot be read, the last step is used: {fault}"))
        progress.best_step = progress.step
        return
    masters.restore(dict(best.tensors["weights"]))


@torch.no_grad()
def validate(
    model: Model, loss: Loss, sequences: Series[Sequence], training: Training, module: torch.nn.Module
) -> tuple[float, float]:
    """Loss in nats per unit of target weight, and accuracy, over all sequences; dropout off."""
    module.eval()
    device = next(module.parameters()).device
    nats = weight = correct = 0.0
    for begin in range(0, len(sequences), VALIDATED_SEQUENCES):
        some = sequences[begin : begin + VALIDATED_SEQUENCES]
        budget = VALIDATED_BUDGET * _budget(training)
        for _, batch in microbatches(some, budget, model.layout, device, alone_beyond=model.alone_beyond):
            part = loss(model, batch)
            nats += float(part.nats_N.sum())
            weight += part.weight
            correct += float(part.correct_N.sum())
    return nats / weight, correct / weight


def _budget(training: Training) -> int:
    assert training.microbatch_tokens is not None
    return training.microbatch_tokens


def _step_seed(seed: int, step: int) -> int:
    """Seed of a step's dropout masks."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{step}".encode(), digest_size=7).digest(), "big")


def step_sequences(job: Job, step: int) -> list[Sequence]:
    """The sequences of an optimizer step, in the order of its epoch."""
    assert job.training.batch_size is not None
    indices = step_indices(len(job.train), job.training.batch_size, job.training.seed, step)
    return [job.train[int(i)] for i in indices]


def _update(
    job: Job,
    progress: Progress,
    optimizer: torch.optim.Optimizer,
    masters: Masters,
    sums: StepSums,
    sequences: Series[Sequence],
) -> None:
    """Clip, step and publish; or skip a step that is not finite, by name, and give up after several in a row."""
    if sums.finite:
        excess = max(1.0, sums.grad_norm / job.training.max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(progress.step, job.total_steps, job.training)
        # The fused optimizer divides by this on its way through the gradients: the mean and the clipping cost nothing.
        optimizer.grad_scale = torch.tensor(sums.weight * excess)  # type: ignore[attr-defined]
        optimizer.step()
        masters.publish()
        progress.skips_in_a_row = 0
    else:
        progress.skipped += 1
        progress.skips_in_a_row += 1
        what = "loss" if not math.isfinite(sums.nats) else "gradient norm"
        ids = tuple(s.example_id for s in sequences)
        job.emit(StepSkipped(progress.step + 1, f"the {what} is not finite", ids))
        if progress.skips_in_a_row >= MAXIMUM_SKIPS_IN_A_ROW:
            raise TrainingFault(
                f"the {what} was not finite in {MAXIMUM_SKIPS_IN_A_ROW} steps in a row; "
                f"last examples: {', '.join(ids[:8])}",
                where=f"step {progress.step + 1}",
                fix="lower training.learning_rate, or look at these examples",
            )
    progress.step += 1


def _look_up(
    job: Job,
    progress: Progress,
    masters: Masters,
    optimizer: torch.optim.Optimizer,
    module: torch.nn.Module,
    fingerprint: str,
) -> None:
    """After a step: validate, save, stop - each when it is due."""
    training = job.training
    assert training.evaluate_every and training.checkpoint_every
    last = progress.step == job.total_steps
    save = last or progress.step % training.checkpoint_every == 0
    if job.validation and (last or progress.step % training.evaluate_every == 0):
        began = time.perf_counter()
        loss_nats, accuracy = validate(job.model, job.loss, job.validation, training, module)
        is_best = loss_nats < progress.best_loss
        if is_best:
            progress.best_step, progress.best_loss = progress.step, loss_nats
            progress.evaluations_since_best = 0
        else:
            progress.evaluations_since_best += 1
        progress.seconds += time.perf_counter() - began
        job.emit(Validated(progress.step, loss_nats, accuracy, is_best))
        save = save or is_best
        if training.patience and progress.evaluations_since_best >= training.patience and not last:
            progress.stopped_early = save = True
            job.emit(Note("train", "info", f"stopped early: no better validation in {training.patience} evaluations"))
    stopping = job.stop() and not last
    if save or stopping:
        _save(job, progress, masters, optimizer, fingerprint)
    if stopping:
        raise Interrupted(f"stopped at step {progress.step} of {job.total_steps}; everything is saved")


def _save(job: Job, progress: Progress, masters: Masters, optimizer: torch.optim.Optimizer, fingerprint: str) -> None:
    before, progress.saved_step = progress.saved_step, progress.step
    tensors = {
        "weights": {name: t.detach() for name, t in masters.tensors.items()},
        "optimizer": state_tensors(optimizer, masters.tensors),
    }
    fields = asdict(progress)
    if progress.best_loss == math.inf:  # JSON has no infinity
        fields["best_loss"] = None
    state = {"progress": fields, "fingerprint": fingerprint}
    path = checkpoint.save(job.folder, progress.step, tensors, state)
    checkpoint.retain(job.folder, {progress.step, progress.best_step, before})
    job.emit(CheckpointSaved(progress.step, str(path)))


def _resume(job: Job, masters: Masters, optimizer: torch.optim.Optimizer, fingerprint: str) -> Progress:
    """Where the newest good checkpoint left off, or the beginning."""

    def skipped(path: Path, reason: str) -> None:
        job.emit(Note("train", "warning", f"checkpoint {path.name} is not usable and was passed over: {reason}"))

    saved = checkpoint.latest(job.folder, on_skip=skipped)
    if saved is None:
        return Progress()
    shapes = {name: tensor.shape for name, tensor in masters.tensors.items()}
    fits = shapes == {name: tensor.shape for name, tensor in saved.tensors["weights"].items()}
    if saved.state["fingerprint"] != fingerprint or not fits:
        raise EnvironmentFault(
            "the checkpoint was made from other data or settings",
            where=str(saved.path),
            fix="resume with the same recipe and data, or start a new run",
        )
    masters.restore(dict(saved.tensors["weights"]))
    restore_state(optimizer, masters.tensors, saved.tensors["optimizer"])
    fields = dict(saved.state["progress"])
    fields["best_loss"] = math.inf if fields["best_loss"] is None else fields["best_loss"]
    job.emit(Note("train", "info", f"resumed from step {saved.step}"))
    return Progress(**fields)

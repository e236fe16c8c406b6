"""The loop: the same gradient however a step is split, the same bits however often it is stopped."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from attune.errors import EnvironmentFault, Interrupted, TrainingFault
from attune.events import CheckpointSaved, Event, Note, StepMetrics, StepSkipped, Validated
from attune.model.adapt import adapt
from attune.model.load import load
from attune.model.loaded import LoadedModel
from attune.model.source import resolve
from attune.recipe import Method, Training
from attune.tokens.batch import ROW_MULTIPLE, Batch, collate, rounded, step_indices
from attune.tokens.sequence import Sequence
from attune.tokens.tree import grow
from attune.train import checkpoint
from attune.train.device import DTYPES, Masters
from attune.train.loop import Job, Progress, train, train_step, validate
from attune.train.loss import LossSum, token_cross_entropy
from attune.train.optimizer import learning_rate

STEPS = 20
METHODS = {"full": Method(kind="full"), "lora": Method(kind="lora", rank=4, alpha=8, dropout=0.1)}


def sequences(n: int, vocabulary: int = 300, seed: int = 0) -> list[Sequence]:
    """Unequal lengths and unequal shares of targets."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for i in range(n):
        length = 4 + int(torch.randint(0, 20, (1,), generator=generator))
        targets = 1 + int(torch.randint(0, length - 2, (1,), generator=generator))
        ids = torch.randint(3, vocabulary, (length,), generator=generator).tolist()
        made.append(Sequence(f"e{i}", tuple(ids), (*(0.0,) * (length - targets), *(1.0,) * targets)))
    return made


TRAIN, VALIDATION = sequences(26), sequences(6, seed=1)


@dataclasses.dataclass
class Setup:
    """One training from fresh objects."""

    job: Job
    masters: Masters
    events: list[Event]

    def run(self) -> Progress:
        return train(self.job, self.masters)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def bits(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.masters.tensors.items()}


Make = Callable[..., Setup]


@pytest.fixture
def make(tiny_decoder: Path, tmp_path: Path) -> Make:
    """Prepares a training; `folder` names its checkpoints, further keywords are recipe keys."""

    def prepare(
        folder: str = "run",
        *,
        method: str = "full",
        train: Iterable[Sequence] = TRAIN,
        validation: Iterable[Sequence] = VALIDATION,
        stop: Callable[[], bool] = lambda: False,
        loss: Any = token_cross_entropy,
        **keys: Any,
    ) -> Setup:
        known: dict[str, Any] = {
            "max_steps": STEPS,
            "batch_size": 4,
            "learning_rate": 1e-2,
            "evaluate_every": 5,
            "checkpoint_every": 5,
            "microbatch_tokens": 64,
            "precision": "fp32",
            "patience": 0,
        }
        training = Training(**{**known, **keys})
        model = load(resolve(str(tiny_decoder)))
        adapt(model, METHODS[method], training.seed)
        masters = Masters(model.module, DTYPES[training.precision or "fp32"])
        events: list[Event] = []
        job = Job(model, loss, training, tuple(train), tuple(validation), tmp_path / folder, events.append, stop)
        return Setup(job, masters, events)

    return prepare


def newest(folder: Path) -> checkpoint.Checkpoint:
    def refuse(path: Path, reason: str) -> None:
        raise AssertionError(f"{path}: {reason}")

    found = checkpoint.latest(folder, on_skip=refuse)
    assert found is not None
    return found


def same_bits(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 3e-6), ("bf16", 3e-2)])
@pytest.mark.parametrize("size", [4, 1])
def test_a_split_step_has_the_gradient_of_the_whole(make: Make, size: int, precision: str, tolerance: float) -> None:
    """One batch of 16, four micro-batches of 4, sixteen of 1, with unequal numbers of targets."""
    setup, made = make(precision=precision), sequences(16)
    assert len({s.target_tokens for s in made}) > 4

    def gradients(parts: list[Batch]) -> tuple[float, dict[str, torch.Tensor]]:
        sums = train_step(setup.job.model, token_cross_entropy, parts, setup.masters)
        found = {n: t.grad.clone() for n, t in setup.masters.tensors.items() if t.grad is not None}
        return sums.nats / sums.weight, found

    whole_loss, whole = gradients([collate(made)])
    split_loss, split = gradients([collate(made[i : i + size]) for i in range(0, 16, size)])
    assert split_loss == pytest.approx(whole_loss, rel=tolerance)
    for name, gradient in whole.items():
        difference = (split[name] - gradient).norm() / gradient.norm()
        assert float(difference) < tolerance, name


def test_the_reported_norm_is_that_of_all_gradients(make: Make) -> None:
    setup = make()
    sums = train_step(setup.job.model, token_cross_entropy, [collate(TRAIN[:4])], setup.masters)
    wanted = torch.nn.utils.get_total_norm([t.grad for t in setup.masters.tensors.values() if t.grad is not None])
    assert sums.grad_norm == pytest.approx(float(wanted) / sums.weight, rel=1e-6)


def test_large_gradients_are_clipped_to_the_limit(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    setup = make(max_steps=3, max_grad_norm=0.25, validation=())
    norms: list[float] = []
    step = torch.optim.AdamW.step

    def watched(self: torch.optim.AdamW, *args: Any) -> Any:
        found = step(self, *args)  # the optimizer leaves the gradients as it used them
        norms.append(float(torch.nn.utils.get_total_norm(list(setup.masters.gradients()))))
        return found

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    setup.run()
    reported = [event.grad_norm for event in setup.of(StepMetrics)]
    assert min(reported) > 0.25
    assert norms == pytest.approx([0.25] * 3, rel=1e-5)


def test_steps_are_reported_as_they_are(make: Make) -> None:
    setup = make(max_steps=8, microbatch_tokens=256)
    progress = setup.run()
    metrics = setup.of(StepMetrics)
    assert [m.step for m in metrics] == list(range(1, 9))
    for m in metrics:
        step = [TRAIN[i] for i in step_indices(len(TRAIN), 4, 0, m.step - 1)]
        assert m.target_tokens == sum(s.target_tokens for s in step)
        assert m.input_tokens == sum(len(s.input_ids) for s in step)
        assert m.computed_tokens == rounded(len(grow(step).input_ids_T), ROW_MULTIPLE)
        assert m.learning_rate == learning_rate(m.step - 1, 8, setup.job.training)
    assert progress.target_tokens == sum(m.target_tokens for m in metrics)
    assert metrics[-1].loss_nats_per_token < metrics[0].loss_nats_per_token
    assert [v.step for v in setup.of(Validated)] == [0, 5, 8]
    assert setup.of(CheckpointSaved)[-1].step == 8


def test_validation_does_not_depend_on_how_it_is_batched(make: Make) -> None:
    setup = make()
    found = [
        validate(setup.job.model, token_cross_entropy, VALIDATION, Training(microbatch_tokens=n), setup.masters.module)
        for n in (1, 64, 10_000)
    ]
    for loss_nats, accuracy in found[1:]:
        assert loss_nats == pytest.approx(found[0][0], rel=1e-6)
        assert accuracy == found[0][1]


def test_validation_switches_dropout_off_and_changes_nothing(make: Make) -> None:
    setup = make(method="lora")
    before = setup.bits()
    setup.masters.module.train()
    first = validate(setup.job.model, token_cross_entropy, VALIDATION, setup.job.training, setup.masters.module)
    setup.masters.module.train()
    assert first == validate(setup.job.model, token_cross_entropy, VALIDATION, setup.job.training, setup.masters.module)
    assert same_bits(before, setup.bits())


class Faulty:
    """The token loss, but for steps in which the gradient (or the loss) is made infinite."""

    def __init__(self, steps: Iterable[int], *, through: str) -> None:
        self.calls, self.steps, self.through = 0, set(steps), through

    def __call__(self, model: Any, batch: Batch, smoothing: float = 0.0) -> LossSum:
        sums = token_cross_entropy(model, batch)
        if torch.is_grad_enabled():
            self.calls += 1
            if self.calls in self.steps:
                if self.through == "loss":
                    infinite = float("inf")
                    return dataclasses.replace(sums, nats=sums.nats * infinite, nats_N=sums.nats_N * infinite)
                sums.nats.register_hook(lambda gradient: gradient * float("nan"))
        return sums


@pytest.mark.parametrize("through", ["loss", "gradient"])
def test_a_step_that_is_not_finite_is_left_out_and_named(make: Make, through: str) -> None:
    whole_step = 100_000  # one micro-batch a step
    setup = make(max_steps=3, microbatch_tokens=whole_step, validation=(), loss=Faulty([3], through=through))
    setup.run()
    spared = make("other", max_steps=3, microbatch_tokens=whole_step, validation=(), loss=Faulty([], through=through))
    spared.job = dataclasses.replace(spared.job, stop=lambda: len(spared.of(StepMetrics)) == 2)
    with pytest.raises(Interrupted):
        spared.run()
    assert same_bits(setup.bits(), spared.bits()), "the weights are those before the faulty step"
    (skipped,) = setup.of(StepSkipped)
    assert skipped.step == 3
    assert skipped.example_ids == tuple(TRAIN[i].example_id for i in step_indices(len(TRAIN), 4, 0, 2))
    assert ("gradient norm" if through == "gradient" else "loss") in skipped.reason
    assert all(torch.isfinite(t).all() for t in setup.bits().values())


def test_training_goes_on_after_a_faulty_step(make: Make) -> None:
    setup = make(max_steps=6, microbatch_tokens=100_000, loss=Faulty([2, 4], through="gradient"))
    progress = setup.run()
    assert (progress.skipped, progress.skips_in_a_row, progress.step) == (2, 0, 6)


def test_five_faulty_steps_in_a_row_end_the_training(make: Make) -> None:
    setup = make(microbatch_tokens=100_000, validation=(), loss=Faulty(range(3, 99), through="gradient"))
    with pytest.raises(TrainingFault) as caught:
        setup.run()
    assert len(setup.of(StepSkipped)) == 5
    assert "step 7" in caught.value.where
    assert setup.of(StepSkipped)[-1].example_ids[0] in caught.value.what


def test_the_steps_of_a_broken_example_are_the_ones_left_out(make: Make) -> None:
    """One token's embedding is not a number: every step that reads it is skipped, the others train."""
    broken = Sequence("broken", (5, 299, 7, 8), (0.0, 1.0, 1.0, 1.0))
    others = [s for s in sequences(40) if 299 not in s.input_ids][:15]
    setup = make(train=[*others, broken], max_steps=8, validation=(), microbatch_tokens=100_000)
    setup.job.model.module.get_input_embeddings().register_forward_hook(
        lambda module, args, out: out.masked_fill((args[0] == 299)[..., None], float("nan"))
    )
    setup.run()
    skipped = setup.of(StepSkipped)
    assert len(skipped) == 2, "16 sequences in steps of 4: once in each of two epochs"
    assert all("broken" in event.example_ids for event in skipped)
    assert all(torch.isfinite(tensor).all() for tensor in setup.bits().values())


def test_training_stops_early_and_keeps_the_best(make: Make) -> None:
    """At this rate validation gets worse; the weights at the end are those of the best step."""
    setup = make(max_steps=60, learning_rate=0.5, warmup=0.0, evaluate_every=2, patience=3, schedule="constant")
    progress = setup.run()
    validated = [v for v in setup.of(Validated) if v.step]
    best = min(validated, key=lambda v: v.loss_nats_per_token)
    assert progress.stopped_early
    assert progress.step == best.step + 3 * 2 < 60
    assert progress.best_step == best.step
    assert any("stopped early" in n.text for n in setup.of(Note))
    saved = checkpoint.read(setup.job.folder / f"step-{best.step:06d}")
    assert same_bits(setup.bits(), saved.tensors["weights"])
    loss_nats, _ = validate(setup.job.model, token_cross_entropy, VALIDATION, setup.job.training, setup.masters.module)
    assert loss_nats == pytest.approx(best.loss_nats_per_token, rel=1e-6)
    assert progress.best_loss == best.loss_nats_per_token


def test_a_run_that_stopped_early_is_not_taken_up_again(make: Make) -> None:
    keys = {"max_steps": 60, "learning_rate": 0.5, "evaluate_every": 2, "patience": 2, "schedule": "constant"}
    first = make(**keys)
    ended = first.run()
    again = make(**keys)
    assert again.run() == ended
    assert again.of(StepMetrics) == []
    assert same_bits(first.bits(), again.bits())


def test_without_validation_the_last_weights_stay(make: Make) -> None:
    setup = make(max_steps=7, validation=())
    progress = setup.run()
    assert (progress.best_step, progress.step) == (0, 7)
    assert setup.of(Validated) == []
    saved = newest(setup.job.folder)
    assert saved.step == 7
    assert same_bits(setup.bits(), saved.tensors["weights"])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", ["full", "lora"])
def test_stopped_after_every_step_the_end_has_the_same_bits(make: Make, method: str, precision: str) -> None:
    """Each step from fresh objects: weights, optimizer, data order and dropout go on unchanged."""
    keys = {"method": method, "precision": precision, "max_steps": 10, "evaluate_every": 3, "checkpoint_every": 4}
    whole = make("whole", **keys)
    wanted = whole.run()
    losses = [(m.step, m.loss_nats_per_token, m.grad_norm) for m in whole.of(StepMetrics)]
    found: list[tuple[int, float, float]] = []
    for step in range(1, 10):
        part = make("parts", **keys, stop=lambda: True)
        with pytest.raises(Interrupted):
            part.run()
        found += [(m.step, m.loss_nats_per_token, m.grad_norm) for m in part.of(StepMetrics)]
        assert found[-1][0] == step
    last = make("parts", **keys)
    progress = last.run()
    found += [(m.step, m.loss_nats_per_token, m.grad_norm) for m in last.of(StepMetrics)]
    assert found == losses
    assert dataclasses.replace(progress, seconds=0, saved_step=0) == dataclasses.replace(
        wanted, seconds=0, saved_step=0
    )
    assert same_bits(whole.bits(), last.bits())
    ours, theirs = (checkpoint.read(s.job.folder / "step-000010") for s in (whole, last))
    assert same_bits(ours.tensors["optimizer"], theirs.tensors["optimizer"])
    assert same_bits(ours.tensors["weights"], theirs.tensors["weights"])


@pytest.mark.parametrize("at", [1, 7, 13, 19])
def test_stopped_once_anywhere_the_end_has_the_same_bits(make: Make, at: int) -> None:
    whole = make("whole", method="lora")
    whole.run()
    part = make("part", method="lora")
    part.job = dataclasses.replace(part.job, stop=lambda: len(part.of(StepMetrics)) == at)
    with pytest.raises(Interrupted, match=f"step {at} of {STEPS}"):
        part.run()
    rest = make("part", method="lora")
    rest.run()
    assert [m.step for m in rest.of(StepMetrics)] == list(range(at + 1, STEPS + 1))
    assert same_bits(whole.bits(), rest.bits())


def test_a_checkpoint_of_other_data_or_settings_is_refused(make: Make) -> None:
    make(max_steps=4).run()
    for keys in ({"learning_rate": 3e-3}, {"train": TRAIN[1:]}, {"validation": VALIDATION[1:]}):
        with pytest.raises(EnvironmentFault, match="other data or settings"):
            make(**{"max_steps": 4, **keys}).run()


def test_a_damaged_checkpoint_is_passed_over(make: Make) -> None:
    whole = make("whole", evaluate_every=100)
    whole.run()
    part = make("part", evaluate_every=100)
    part.job = dataclasses.replace(part.job, stop=lambda: len(part.of(StepMetrics)) == 12)
    with pytest.raises(Interrupted):
        part.run()
    newest = part.job.folder / "step-000012" / "weights.safetensors"
    damaged = bytearray(newest.read_bytes())
    damaged[-1] ^= 1
    newest.write_bytes(damaged)
    rest = make("part", evaluate_every=100)
    rest.run()
    assert rest.of(StepMetrics)[0].step == 11
    assert any("step-000012 is not usable" in n.text for n in rest.of(Note))
    assert same_bits(whole.bits(), rest.bits())


def test_bf16_trains_in_fp32_masters(make: Make) -> None:
    """Updates too small for bf16 are not lost."""
    setup = make(precision="bf16", learning_rate=1e-5, schedule="constant", warmup=0.0, max_steps=8, validation=())
    before, weight = setup.bits(), next(setup.masters.module.parameters())
    setup.run()
    assert weight.dtype == torch.bfloat16
    after = setup.bits()
    assert all(tensor.dtype == torch.float32 for tensor in after.values())
    moved = [float((after[name] - before[name]).abs().max()) for name in before]
    assert min(moved) > 1e-6
    parameters: dict[str, torch.Tensor] = dict(setup.masters.module.named_parameters())
    for name, tensor in after.items():
        assert torch.equal(parameters[name], tensor.bfloat16())


def test_only_what_the_method_trains_is_saved(make: Make) -> None:
    setup = make(method="lora", max_steps=1)
    setup.run()
    saved = newest(setup.job.folder)
    assert all("lora_" in name for name in saved.tensors["weights"])


def test_the_model_of_the_job_is_the_one_that_was_trained(make: Make) -> None:
    setup = make(max_steps=2)
    model: LoadedModel = setup.job.model
    assert model.module is setup.masters.module
    assert not model.module.training or setup.run()
    assert not model.module.training, "it is left ready for use"


def test_a_damaged_best_checkpoint_is_said_and_the_last_weights_stay(make: Make) -> None:
    """At this rate validation gets worse, so the best step is an early one."""
    keys = {"max_steps": 60, "learning_rate": 0.5, "warmup": 0.0, "evaluate_every": 2, "patience": 3}
    first = make("run", schedule="constant", **keys)
    done = first.run()
    assert 0 < done.best_step < done.step, "the case that is tested"
    weights = first.job.folder / f"step-{done.best_step:06d}" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    again = make("run", schedule="constant", **keys)
    progress = again.run()
    assert progress.best_step == progress.step == done.step
    assert any("best checkpoint cannot be read" in note.text for note in again.of(Note))
    assert same_bits(again.bits(), dict(newest(first.job.folder).tensors["weights"]))


def test_a_checkpoint_of_another_method_is_refused(make: Make) -> None:
    make("run", method="full").run()
    with pytest.raises(EnvironmentFault, match="other data or settings"):
        make("run", method="lora").run()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
        MemoryError(),
    ],
    ids=["gpu", "cpu", "python"],
)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_that_does_not_fit_is_repeated_in_smaller_parts(make: Make, error: Exception, precision: str) -> None:
    options: dict[str, Any] = {"max_steps": 8, "microbatch_tokens": 400, "precision": precision, "validation": ()}

    def failing(model: Any, batch: Batch, smoothing: float = 0.0) -> LossSum:
        part = token_cross_entropy(model, batch)
        if len(short.of(StepMetrics)) == 4 and len(batch.example_ids) > 2:
            part.nats.backward()  # it leaves gradients behind
            raise error
        return part

    plain, short = make("plain", **options), make("short", loss=failing, **options)
    plain.run()
    assert short.run().microbatch_tokens < 400
    assert [note.level for note in short.of(Note) if "out of memory in step 5" in note.text] == ["warning"]
    tolerance = {"fp32": 1e-6, "bf16": 2e-2}[precision]
    for name, tensor in plain.bits().items():
        assert float((short.bits()[name] - tensor).norm() / tensor.norm()) < tolerance, name


def test_memory_that_holds_no_sequence_ends_with_advice(make: Make) -> None:
    def failing(model: Any, batch: Batch, smoothing: float = 0.0) -> LossSum:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(EnvironmentFault, match="does not hold one sequence") as caught:
        make(loss=failing, validation=()).run()
    assert "lora" in str(caught.value)


def test_an_error_that_is_not_of_memory_is_not_hidden(make: Make) -> None:
    def failing(model: Any, batch: Batch, smoothing: float = 0.0) -> LossSum:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        make(loss=failing, validation=()).run()

"""The stages in order: the only file that knows them all.

prepare (read -> split -> tokenise -> settle) -> train -> base -> tuned -> compare -> report
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attune.curate import PARTS
from attune.data import leaks
from attune.errors import AttuneError, EnvironmentFault, Interrupted
from attune.events import Emit, Event, Note, Progress, RunFinished, StageStarted, Stop, silent
from attune.prepare import Prepared, prepare
from attune.recipe import Recipe, dump, load
from attune.runs.run import Run
from attune.runs.store import Store
from attune.tuning import Tuning, answers_to_beat, arithmetic

if TYPE_CHECKING:
    from attune.evaluate.types import Prediction
    from attune.model.loaded import LoadedModel
    from attune.model.trunk import StoredLayers, StoredTrunk
    from attune.tasks.task import Asking

SHOWN_ROWS = 3  # token by token in the report


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: its folder and what results.json holds."""

    folder: Path
    results: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The verdict on the primary metric."""
        return str(self.results["verdict"])

    @property
    def report(self) -> Path:
        """Path of report.html."""
        return self.folder / "report.html"


def run(recipe: Recipe, store: Store, emit: Emit = silent, *, stop: Stop | None = None) -> Outcome:
    """Walk the whole way, from the file of examples to a tested, reported model.

    Raises:
        AttuneError: see `attune.errors`; the run folder, if one was made, is kept and says why in run.json.
    """
    stop = stop or Stop()
    prepared = prepare(recipe, store, emit, stop)
    name = prepared.recipe.name
    assert name is not None and prepared.recipe.model is not None
    made = Run.create(
        store.root, name, task=prepared.task.name, model=prepared.recipe.model, reasons=prepared.resolution.reasons
    )
    with made as current:
        _write_preparation(current, prepared)
        return _carry_out(current, prepared, store, emit, stop)


def resume(reference: str, store: Store, emit: Emit = silent, *, stop: Stop | None = None) -> Outcome:
    """Go on with an interrupted run, from its newest good checkpoint.

    Raises:
        EnvironmentFault: there is no such run, it is finished, or its data or model changed since.
    """
    stop = stop or Stop()
    with Run.open(store.find(reference)) as current:
        if current.record.state == "done":
            raise EnvironmentFault("this run is finished", where=current.id, fix="start a new one with `attune run`")
        if not (current.folder / "data" / "splits.json").is_file():
            raise EnvironmentFault(
                "the run ended before its first stage", where=current.id, fix="start it anew with `attune run`"
            )
        prepared = prepare(load(current.folder / "recipe.yaml"), store, emit, stop)
        known = current.read_json("data/splits.json")
        if known["fingerprint"] != prepared.fingerprint:
            raise EnvironmentFault(
                "the data or the model changed since the run began",
                where=current.id,
                fix="restore the files, or start a new run",
            )
        current.set_state("running")
        return _carry_out(current, prepared, store, emit, stop)


def _write_preparation(current: Run, prepared: Prepared) -> None:
    """What was decided before training, for the report and for a resume."""
    from attune.tokens.show import report_places

    splits = prepared.splits
    current.write_text("recipe.yaml", dump(prepared.recipe, prepared.resolution.reasons))
    listed = {part: [{"id": e.id, **e.origin.place()} for e in getattr(splits, part)] for part in PARTS}
    origins = {e.id: e.origin for e in splits.train}

    def place(example_id: str) -> dict[str, Any]:
        return {"id": example_id, **origins[example_id].place()}

    kept = prepared.train.kept
    lengths = {
        "max_length": prepared.recipe.training.max_length,
        "train": {
            "total_tokens": kept.lengths.tolist(),
            "target_tokens": kept.target_tokens.tolist(),
        },
        "cut": [
            {
                **place(cut.example_id),
                "total_tokens": cut.total_tokens,
                "lost_target_tokens": cut.lost_target_tokens,
            }
            for cut in prepared.train.cuts
        ],
        "survey": prepared.lengths.record(),
    }
    current.write_json("data/lengths.json", lengths)
    current.write_json("data/shown.json", [row.record() for row in prepared.shown(report_places(kept, SHOWN_ROWS))])
    current.write_json("data/labels.json", prepared.label_counts)
    limit = prepared.recipe.training.max_length
    dropped = [{**place(i), "reason": f"longer than {limit} tokens"} for i in prepared.train.dropped]
    left_out = ({"id": row.id, **row.origin.place(), "reason": why} for row, why in splits.left_out)
    current.write_jsonl("data/rejections.jsonl", chain(prepared.curated.rejections(), left_out, dropped))
    current.write_jsonl("data/changes.jsonl", prepared.curated.changes())
    if splits.leaks:
        current.write_json("data/leaks.json", leaks.summary(splits.leaks, prepared.recipe.data.accept_leaks))
    # Written last: where it stands, everything that a resume needs stands.
    recorded = {**listed, "reason": splits.reason, "fingerprint": prepared.fingerprint}
    current.write_json("data/splits.json", recorded)


def _carry_out(current: Run, prepared: Prepared, store: Store, emit: Emit, stop: Stop) -> Outcome:
    """The stages that compute. Whatever ends them is written into run.json."""

    def tell(event: Event) -> None:
        current.emit(event)
        emit(event)

    walk = _Walk(current, prepared, store, tell, stop)
    try:
        walk.train()
        walk.base()
        walk.tuned()
        results = walk.judge()
        finished = RunFinished(current.id, results["verdict"], str(_write_report(current)))
        # "done" comes last: a run that is killed before it can still be resumed, and one that has it lacks nothing.
        current.emit(finished)
        current.set_state("done")
        emit(finished)
        return Outcome(current.folder, results)
    except Interrupted as interruption:
        current.set_state("interrupted")
        raise Interrupted(
            interruption.what, where=current.id, fix=f"go on with: attune run --resume {current.id}"
        ) from None
    except Exception as error:
        text = str(error) if isinstance(error, AttuneError) else f"{type(error).__name__}: {error}"
        with contextlib.suppress(EnvironmentFault):  # a full disk may refuse this too; what is told is the first error
            current.set_state("failed", text)
        raise


def _write_report(current: Run) -> Path:
    from attune.report import card, page

    card.write(current.folder)
    return page.write(current.folder)


@dataclass
class _Walk:
    """One run on its way through the computing stages.

    Attributes:
        tuning: the model that is trained, once it is loaded, for as long as it can answer for another one.
    """

    run: Run
    prepared: Prepared
    store: Store
    emit: Emit
    stop: Stop
    tuning: Tuning | None = None

    def train(self) -> None:
        """Fine-tune, keep the best checkpoint, save it as the run's model."""
        inputs = {**self._inputs(), "method": self._section("method"), "training": self._section("training")}
        self.run.stage("train", inputs, ["model", "training.json"], self._build_model, emit=self.emit, store=None)

    def base(self) -> None:
        """Predictions of the untuned model (or of the strongest simple baseline) on the test rows.

        It comes after the training, so that nobody waits for it to see the first step.
        """
        if not self.prepared.splits.test:
            self.emit(Note("base", "warning", "There are no test rows: nothing can be compared."))
            return
        files = ["evaluation/predictions-base.jsonl", "evaluation/baseline.json"]
        self.run.stage("base", self._inputs(), files, self._build_base, emit=self.emit, store=self.store)

    def tuned(self) -> None:
        """Predictions of the saved model - what is shipped is what is tested."""
        if not self.prepared.splits.test:
            return
        inputs = {**self._inputs(), "train": self.run.record.stages["train"].key}
        files = ["evaluation/predictions-tuned.jsonl"]
        self.run.stage("tuned", inputs, files, self._build_tuned, emit=self.emit, store=None)

    def judge(self) -> dict[str, Any]:
        """Compare, name over- and underfitting, and write results.json."""
        from attune.evaluate.judgement import judge

        results = judge(self.run, self.prepared.recipe)
        self.run.write_json("results.json", results)
        return results

    def _inputs(self) -> dict[str, Any]:
        """What every evaluation depends on."""
        return {
            "data": self.prepared.fingerprint,
            "task": self.prepared.task.name,
            "labels": list(self.prepared.task.labels),
            "evaluation": self._section("evaluation"),
            "max_length": self.prepared.recipe.training.max_length,
            "precision": self.prepared.recipe.training.precision,
            "init": self.prepared.recipe.method.init,
            "seed": self.prepared.recipe.training.seed,
        }

    def _section(self, name: str) -> dict[str, Any]:
        section: dict[str, Any] = getattr(self.prepared.recipe, name).model_dump(mode="json")
        return section

    def _build_model(self) -> None:
        from attune.train.device import peak_memory_bytes
        from attune.train.loop import Job, train
        from attune.train.loss import LOSSES

        training, prepared = self.prepared.recipe.training, self.prepared
        self.tuning = tuning = Tuning.load(self.prepared)
        if reason := tuning.model.layout_reason:
            self.emit(Note("train", "info", f"No token is shared and sequences are padded: {reason}."))
        self._tell_findings()
        job = Job(
            model=self._with_stored_trunk(tuning.model),
            loss=LOSSES[prepared.task.loss],
            training=training,
            train=prepared.train.kept,
            validation=prepared.validation.kept,
            folder=self.run.folder / "checkpoints",
            emit=self.emit,
            stop=self.stop,
        )
        progress = train(job, tuning.masters)
        tuning.save(self.run.folder / "model")
        record = dataclasses.asdict(progress)
        record["best_loss"] = progress.best_loss if progress.best_step else None
        record["epochs"] = round(progress.step / job.steps_per_epoch, 2)
        record["peak_memory_bytes"] = peak_memory_bytes()
        self.run.write_json("training.json", record)

    def _tell_findings(self) -> None:
        """What the audit found, before the first step; it goes on until the model is loaded."""
        findings = self.prepared.findings
        self.run.write_json("data/findings.json", [finding.record() for finding in findings])
        for finding in findings:
            if finding.severity != "info":
                self.emit(Note("audit", "warning", f"{finding.what} {finding.advice}".strip()))
        self.emit(StageStarted("train"))  # it goes on

    def _build_base(self) -> None:
        splits = self.prepared.splits
        asking = self._asking("base", len(splits.test))
        if self.tuning is not None and not self.tuning.carries_adapter:
            self.tuning = None  # its weights are no longer the base's, and need not stay in memory beside them
        predictions, baseline = answers_to_beat(self.prepared, self.tuning, splits, asking)
        self._write_predictions("base", predictions)
        self.run.write_json("evaluation/baseline.json", baseline)

    def _build_tuned(self) -> None:
        from attune.model.load import load
        from attune.model.source import resolve
        from attune.train.device import device

        saved = self.run.folder / "model"
        if self.tuning is not None and self.tuning.carries_adapter:
            model = self.tuning.reload(saved)
        else:
            self.tuning = None
            dtype = arithmetic(self.prepared)
            model = load(resolve(str(saved)), head=self.prepared.task.head, dtype=dtype).to(device())
        test = self.prepared.splits.test
        self._write_predictions("tuned", self.prepared.task.predict(model, test, self._asking("tuned", len(test))))

    def _with_stored_trunk(self, model: LoadedModel) -> LoadedModel | StoredTrunk | StoredLayers:
        """When only head or last layers are trained: the same model, what is below computed once for all epochs."""
        from attune.model.trunk import opened, storable, store

        recipe = self.prepared.recipe
        if not storable(model, recipe.method):
            return model
        sequences = (*self.prepared.train.kept, *self.prepared.validation.kept)

        def on_progress(done: int) -> None:
            self.emit(Progress("trunk", done, len(sequences), "rows"))
            self.stop.check()

        def build() -> None:
            assert recipe.training.microbatch_tokens
            store(
                model,
                recipe.method,
                sequences,
                self.run.folder / "trunk",
                recipe.training.microbatch_tokens,
                on_progress,
            )

        inputs = {
            **self._inputs(),
            "overlong": recipe.training.overlong,
            "kind": recipe.method.kind,
            "layers": recipe.method.layers,
        }
        self.run.stage("trunk", inputs, ["trunk"], build, emit=self.emit, store=self.store)
        self.emit(StageStarted("train"))  # it goes on, now with a trunk
        return opened(model, recipe.method, sequences, self.run.folder / "trunk")

    def _asking(self, stage: str, total: int) -> Asking:
        def on_progress(done: int) -> None:
            self.emit(Progress(stage, done, total, "rows"))
            self.stop.check()

        return self.prepared.asking(on_progress)

    def _write_predictions(self, which: str, predictions: list[Prediction]) -> None:
        self.run.write_jsonl(f"evaluation/predictions-{which}.jsonl", map(dataclasses.asdict, predictions))

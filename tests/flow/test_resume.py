"""Kill it anywhere: the resumed run ends with the bits of the uninterrupted one."""

from __future__ import annotations

import json
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from crash import TOTAL_STEPS, Life, Reference, assert_same_end, cold, events, last_checkpoint, only_run

from attune import pipeline
from attune.errors import EnvironmentFault
from attune.runs.store import Store
from attune.tokens.batch import step_indices, steps_per_epoch

KILLS = 6


def test_kills_at_random_moments_leave_no_trace_in_the_result(reference: Reference, tmp_path: Path) -> None:
    draw = random.Random(20261121)
    sparse = {**reference.tree, "training": {**reference.tree["training"], "checkpoint_every": 3}}
    kills = runs = 0
    while kills < KILLS:
        root = tmp_path / f"runs-{runs}"
        code = reference.warm.live(Life(root, sparse, kill_after_seconds=draw.uniform(0.0, 1.5)))
        while code != 0:
            assert code == -signal.SIGKILL
            kills += 1
            patience = draw.uniform(0.2, 2.0) if kills < KILLS else None
            code = reference.warm.live(Life(root, kill_after_seconds=patience))
        runs += 1
        assert_same_end(only_run(root), reference.folder)


@pytest.mark.parametrize("step", [1, 7, 13])
def test_a_run_saved_at_a_step_ends_with_the_same_bits(reference: Reference, tmp_path: Path, step: int) -> None:
    root = _snapshot(reference, step, tmp_path)
    assert last_checkpoint(only_run(root)).name == f"step-{step:06d}"
    assert reference.warm.live(Life(root)) == 0
    assert_same_end(only_run(root), reference.folder)
    done = [e["step"] for e in events(only_run(root), "StepMetrics")]
    assert done == list(range(1, TOTAL_STEPS + 1)), "no step was lost or done twice"


def test_a_new_interpreter_goes_on_with_the_same_bits(reference: Reference, tmp_path: Path) -> None:
    root = _snapshot(reference, 10, tmp_path)
    assert cold(Life(root)) == 0
    assert_same_end(only_run(root), reference.folder)


@pytest.mark.parametrize(
    "moment",
    [
        {"event": "StageStarted", "stage": "base"},
        {"event": "StepMetrics", "step": 9},
        {"event": "StageStarted", "stage": "tuned"},
    ],
    ids=["base", "train", "tuned"],
)
def test_a_request_to_stop_is_saved_and_resumed(reference: Reference, tmp_path: Path, moment: dict[str, Any]) -> None:
    sparse = {**reference.tree, "training": {**reference.tree["training"], "checkpoint_every": 4}}
    assert reference.warm.live(Life(tmp_path, sparse, signal=signal.SIGTERM, at=moment)) == 130
    folder = only_run(tmp_path)
    assert json.loads((folder / "run.json").read_text())["state"] == "interrupted"
    if "step" in moment:
        assert last_checkpoint(folder).name == f"step-{moment['step']:06d}", "it saves where it was stopped"
    assert reference.warm.live(Life(tmp_path)) == 0
    assert_same_end(folder, reference.folder)
    done = [e["step"] for e in events(folder, "StepMetrics")]
    assert done == list(range(1, TOTAL_STEPS + 1)), "no step was lost or done twice"


def test_progress_is_made_when_every_life_is_short(reference: Reference, tmp_path: Path) -> None:
    """Each life is killed at its first checkpoint: one step a life is enough to finish, and the base is asked once."""
    root, lives = tmp_path, 1
    moment = {"event": "CheckpointSaved"}
    short = {**reference.tree, "training": {**reference.tree["training"], "max_steps": 5}}
    code = reference.warm.live(Life(root, short, signal=signal.SIGKILL, at=moment))
    while code != 0:
        assert code == -signal.SIGKILL
        assert last_checkpoint(only_run(root)).name == f"step-{lives:06d}"
        code = reference.warm.live(Life(root, signal=signal.SIGKILL, at=moment))
        lives += 1
    assert lives == 6
    built = [e for e in events(only_run(root), "StageStarted") if e["stage"] == "base"]
    assert len(built) == 1


@pytest.mark.parametrize("file", ["weights.safetensors", "optimizer.safetensors", "state.json", "manifest.json"])
def test_a_damaged_checkpoint_is_passed_over_and_named(reference: Reference, tmp_path: Path, file: str) -> None:
    root = _snapshot(reference, 15, tmp_path)
    folder = only_run(root)
    damaged = last_checkpoint(folder)
    data = bytearray((damaged / file).read_bytes())
    data[len(data) // 2] ^= 1
    (damaged / file).write_bytes(data)
    assert reference.warm.live(Life(root)) == 0
    notes = [(e["level"], e["text"]) for e in events(folder, "Note")]
    assert [text for level, text in notes if level == "warning" and damaged.name in text], notes
    assert ("info", "resumed from step 14") in notes
    assert_same_end(folder, reference.folder)


def test_every_epoch_visits_every_row_once_in_an_order_of_its_own() -> None:
    """The order is a function of the step, so what a resume at any step goes on with is what would have come."""
    per_epoch = steps_per_epoch(45, 8)
    epochs = [
        [int(i) for step in range(e * per_epoch, (e + 1) * per_epoch) for i in step_indices(45, 8, 3, step)]
        for e in range(3)
    ]
    assert all(sorted(order) == list(range(45)) for order in epochs)
    assert len(set(map(tuple, epochs))) == 3


def test_resume_refuses_changed_data(reference: Reference, tmp_path: Path, crash_data: Path) -> None:
    data = tmp_path / "pairs.jsonl"
    shutil.copy(crash_data, data)
    root = _moved(reference, tmp_path, str(crash_data), str(data))
    lines = data.read_text(encoding="utf-8").splitlines(keepends=True)
    data.write_text("".join(lines[1:]), encoding="utf-8")
    with pytest.raises(EnvironmentFault, match="data or the model changed"):
        pipeline.resume(only_run(root).name, Store(root))


def test_resume_refuses_a_changed_model(reference: Reference, tmp_path: Path, tiny_decoder: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_decoder, model)
    root = _moved(reference, tmp_path, str(tiny_decoder), str(model))
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (model / "model.safetensors").write_bytes(weights)
    with pytest.raises(EnvironmentFault, match="data or the model changed"):
        pipeline.resume(only_run(root).name, Store(root))


def test_resume_refuses_a_finished_run_and_an_unknown_one(reference: Reference) -> None:
    store = Store(reference.folder.parent)
    with pytest.raises(EnvironmentFault, match="finished"):
        pipeline.resume(reference.folder.name, store)
    with pytest.raises(EnvironmentFault, match="no run"):
        pipeline.resume("2020", store)


def test_a_run_that_ended_before_its_first_stage_says_so(reference: Reference, tmp_path: Path) -> None:
    root = _snapshot(reference, 1, tmp_path)
    (only_run(root) / "data" / "splits.json").unlink()
    with pytest.raises(EnvironmentFault, match="before its first stage"):
        pipeline.resume(only_run(root).name, Store(root))


def _snapshot(reference: Reference, step: int, tmp_path: Path) -> Path:
    """A runs folder whose only run is as it was just after the checkpoint of a step."""
    root = tmp_path / "runs"
    shutil.copytree(reference.snapshots / str(step), root)
    return root


def _moved(reference: Reference, tmp_path: Path, before: str, after: str) -> Path:
    """A snapshot whose recipe names another path, and which goes on from there without complaint."""
    root = _snapshot(reference, 19, tmp_path)
    recipe = only_run(root) / "recipe.yaml"
    text = recipe.read_text(encoding="utf-8")
    assert before in text
    recipe.write_text(text.replace(before, after), encoding="utf-8")
    return root

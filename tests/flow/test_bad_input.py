"""What a person can get wrong ends the run early, names the place, and leaves nothing broken behind."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hostile
import pytest
import traps
from crash import only_run, steps

from attune import cli, pipeline
from attune.data import audit
from attune.errors import AttuneError, DataError, EnvironmentFault, ModelError, RecipeError
from attune.events import CheckpointSaved, Event
from attune.recipe import from_mapping
from attune.runs.store import Store
from attune.train import checkpoint

Write = Callable[..., Path]
CHECKED = {*audit.CHECKS, *audit.CHECKS_OF_LIKENESS}


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., Any]:
    """Runs a recipe that must be refused; gives the error, after a look that nothing was written."""

    def run(model: Path, train: Path, expected: type[AttuneError], **sections: Any) -> Any:
        tree: dict[str, Any] = {"model": str(model), **sections}
        tree["data"] = {"train": str(train), **sections.get("data", {})}
        with pytest.raises(expected) as caught:
            pipeline.run(from_mapping(tree), Store(tmp_path / "runs"))
        assert not (tmp_path / "runs").exists()
        return caught.value

    return run


def test_every_bad_row_of_every_file_is_listed(
    refused: Callable[..., Any], write_rows: Write, rows: Any, tiny_decoder: Path
) -> None:
    train = write_rows(rows.pairs(20), "train.jsonl")
    test = write_rows(rows.pairs(25)[20:], "test.jsonl")
    lines = train.read_text(encoding="utf-8").splitlines()
    lines[2] = '{"prompt": "no completion"}'
    lines[11] = '{"prompt": "twice", "prompt": "twice", "completion": "x"}'
    lines[17] = '{"prompt": "cut'
    train.write_text("\n".join(lines) + "\n", encoding="utf-8")
    test.write_text(test.read_text(encoding="utf-8") + '{"prompt": 1, "completion": "x"}\n', encoding="utf-8")
    error = refused(tiny_decoder, train, DataError, data={"test": str(test)})
    assert {(Path(row.file).name, row.line) for row in error.rows} == {
        ("train.jsonl", 3),
        ("train.jsonl", 12),
        ("train.jsonl", 18),
        ("test.jsonl", 6),
    }
    assert error.total == len(error.rows)
    assert all(row.message and row.fix for row in error.rows)


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        ({"trainig": {"epochs": 1}}, "training"),
        ({"training": {"epochs": 0}}, "training.epochs"),
        ({"method": {"kind": "lara"}}, "method.kind"),
        ({"training": {"max_length": 100_000}}, "context"),
        ({"evaluation": {"metrics": ["rouge_x"]}}, "rouge"),
    ],
    ids=["key", "number", "choice", "length", "metric"],
)
def test_a_wrong_recipe_names_the_place(
    refused: Callable[..., Any],
    write_rows: Write,
    rows: Any,
    tiny_decoder: Path,
    sections: dict[str, Any],
    named: str,
) -> None:
    error = refused(tiny_decoder, write_rows(rows.pairs(20)), RecipeError, **sections)
    assert named in str(error)


def test_a_pickled_model_is_refused(
    refused: Callable[..., Any], write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path
) -> None:
    model = tmp_path / "pickled"
    shutil.copytree(tiny_decoder, model)
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert "only safetensors" in str(refused(model, write_rows(rows.pairs(20)), ModelError))


def test_a_model_that_brings_code_is_refused(
    refused: Callable[..., Any], write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path
) -> None:
    model = tmp_path / "coded"
    shutil.copytree(tiny_decoder, model)
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Evil"}
    (model / "config.json").write_text(json.dumps(config))
    (model / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    refused(model, write_rows(rows.pairs(20)), ModelError)
    assert not (tmp_path / "ran").exists()


def test_a_label_that_training_lacks_is_found_before_training(
    refused: Callable[..., Any], write_rows: Write, rows: Any, tiny_encoder: Path
) -> None:
    labelled = rows.labelled(50)
    train, test = write_rows(labelled[:40], "train.jsonl"), labelled[40:]
    test[1]["label"] = "fourth"
    test[6]["label"] = "fifth"
    given = write_rows(test, "test.jsonl")
    error = refused(tiny_encoder, train, DataError, data={"test": str(given)})
    assert [(row.file, row.line) for row in error.rows] == [(str(given), 2), (str(given), 7)]
    assert '"fourth"' in str(error)


def test_a_row_in_two_given_files_is_a_leak(
    refused: Callable[..., Any], write_rows: Write, rows: Any, tiny_decoder: Path
) -> None:
    pairs = rows.pairs(40)
    train = write_rows(pairs[:30], "train.jsonl")
    test = write_rows([*pairs[30:], {**pairs[4], "prompt": pairs[4]["prompt"].upper()}], "test.jsonl")
    error = refused(tiny_decoder, train, DataError, data={"test": str(test)})
    (row,) = error.rows
    assert (Path(row.file).name, row.line, row.code) == ("test.jsonl", 11, "leak_record")
    assert f"{train}:5" in row.message


def test_an_encoder_cannot_chat(refused: Callable[..., Any], write_rows: Write, rows: Any, tiny_encoder: Path) -> None:
    refused(tiny_encoder, write_rows(rows.pairs(20)), ModelError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    recipe = from_mapping({"model": str(tiny_decoder), "data": {"train": str(write_rows(rows.pairs(20)))}})
    with pytest.raises(EnvironmentFault, match=r"(?i)permission"):
        pipeline.run(recipe, Store(closed / "runs"))


MOST_CHARACTERS = 8000  # of what is said: twenty bad rows with long names and their mending
Check = Callable[..., str]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Check:
    """Runs `attune check` in an empty folder; gives what is said, which must be one block of our own words."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, exit_codes: tuple[int, ...]) -> str:
        with pytest.raises(SystemExit) as leaving:
            cli.main(["check", *arguments])
        said = capsys.readouterr().err
        assert leaving.value.code in exit_codes, said
        assert said.startswith("Error: ")
        assert "Traceback" not in said
        assert "\n\n" not in said
        assert len(said) < MOST_CHARACTERS
        return said

    return run


REFUSED = [trap.name for trap in traps.TRAPS.values() if trap.told and trap.names[0].split(":")[0] not in CHECKED]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_exit_3(check: Check, name: str, tmp_path: Path) -> None:
    said = check(str(traps.put(traps.TRAPS[name], tmp_path / "traps")), exit_codes=(3,))
    assert name in said
    kept = {path.name for path in tmp_path.rglob("*") if "traps" not in path.parts and path.is_file()}
    assert all(file.startswith("bad-rows-") for file in kept)


@pytest.mark.parametrize("name", hostile.RECIPES)
def test_a_bad_recipe_is_exit_2(check: Check, name: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n', encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_bytes(hostile.RECIPES[name].encode("utf-16" if name == "utf-16" else "utf-8"))
    assert "recipe.yaml" in check("recipe.yaml", exit_codes=(2,))


@pytest.mark.parametrize("override", hostile.OVERRIDES, ids=lambda text: repr(text[:40]))
def test_a_bad_override_is_refused(check: Check, override: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' * 30, encoding="utf-8")
    check("rows.jsonl", "--set", override, exit_codes=(2,))


@pytest.mark.parametrize("source", hostile.SOURCES, ids=lambda text: repr(text[:40]))
def test_a_name_that_is_no_data_is_refused(check: Check, source: str, tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "empty-folder").mkdir()
    check(source, exit_codes=(2, 3, 4))


LIMIT_BYTES = 60_000  # less than the tiny model's weights, more than anything else that a run writes


@contextmanager
def _small_files() -> Iterator[None]:
    """No file may grow beyond the limit: what a full disk does, without a disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _tree(model: Path, data: Path) -> dict[str, Any]:
    return {
        "name": "full-disk",
        "task": "complete",
        "model": str(model),
        "data": {"train": str(data)},
        "method": {"kind": "full"},
        "training": {"max_steps": 6, "batch_size": 8, "precision": "fp32", "checkpoint_every": 2},
        "evaluation": {"max_new_tokens": 4},
    }


@pytest.mark.parametrize("last_good_step", [2, 6], ids=["checkpoint", "model"])
def test_a_disk_that_fills_up_keeps_what_was_saved(
    write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path, last_good_step: int
) -> None:
    """Full after the checkpoint of step 2: the next one fails. Full after the last one: the model fails."""
    recipe = from_mapping(_tree(tiny_decoder, write_rows(rows.pairs(30))))
    store = Store(tmp_path / "runs")
    full = _small_files()

    def emit(event: Event) -> None:
        if isinstance(event, CheckpointSaved) and event.step == last_good_step:
            full.__enter__()

    try:
        with pytest.raises(EnvironmentFault) as caught:
            pipeline.run(recipe, store, emit)
    finally:
        full.__exit__(None, None, None)
    assert caught.value.fix
    folder = only_run(store.root)
    record = json.loads((folder / "run.json").read_text())
    assert (record["state"], "train" in record["stages"]) == ("failed", False)
    assert record["error"] == str(caught.value)
    saved = checkpoint.latest(folder / "checkpoints", on_skip=lambda path, reason: pytest.fail(f"{path}: {reason}"))
    assert saved is not None
    assert saved.step == last_good_step
    assert not [path for path in folder.rglob("*") if path.name.startswith(".tmp-")]
    outcome = pipeline.resume(folder.name, store)
    assert list(steps(outcome.folder)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_leaves_earlier_runs_whole(
    write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path
) -> None:
    root = tmp_path / "small"
    root.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", root], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        recipe = from_mapping(_tree(tiny_decoder, write_rows(rows.pairs(30))))
        runs = []
        with pytest.raises(EnvironmentFault, match=r"(?i)space") as caught:
            for _ in range(12):
                runs.append(_contents(pipeline.run(recipe, Store(root)).folder))
        assert "free some space" in caught.value.fix
        assert runs, "the disk holds at least one run"
        for before in runs:
            assert before == {path: path.read_bytes() for path in before}
    finally:
        subprocess.run(["umount", root], check=True)


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

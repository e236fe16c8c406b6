"""attune check: what is known before a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import attune
from attune import cli
from attune.check import check
from attune.events import Event, StageFinished
from attune.prepare import Prepared, prepare
from attune.recipe import from_mapping
from attune.runs.kept import FOLDER_VARIABLE
from attune.runs.store import Store


def test_a_check_makes_no_run_and_tells_what_will_be(colours: Path, tiny_decoder: Path, tmp_path: Path) -> None:
    recipe = from_mapping({"data": {"train": str(colours)}, "model": str(tiny_decoder)})
    found = check(recipe, Store(tmp_path / "runs"))
    record = found.record()
    assert found.fits and record["fits"]
    assert sum(record["rows"].values()) == 60
    assert record["lengths"]["longest"] >= record["lengths"]["median"] > 0
    survey = record["lengths"]["survey"]
    assert survey["sequences"] == record["rows"]["train"] and survey["total"]["100"] == record["lengths"]["longest"]
    assert [limit["cut"] for limit in survey["limits"] if limit["max_length"] == survey["in_force"]] == [0]
    assert record["steps"] == found.prepared.recipe.training.steps(record["rows"]["train"])
    assert record["rehearsal"]["seconds"] > 0
    assert record["rehearsal"]["peak_bytes"] > record["memory"]["weights"]
    assert not (tmp_path / "runs").exists()
    json.dumps(record)


def test_the_same_in_python(colours: Path, tiny_decoder: Path, tmp_path: Path) -> None:
    overrides = {"model": str(tiny_decoder), "training.max_steps": 3}
    found = attune.estimate(colours, runs=tmp_path / "runs", overrides=overrides)
    assert found["fits"] and found["steps"] == 3 and found["method"] == "full"


def test_training_rows_are_compared_with_texts_of_the_job(colours: Path, tiny_decoder: Path, tmp_path: Path) -> None:
    job = tmp_path / "job.jsonl"
    asked = [
        f"{what} {how}"
        for what in ("my loan", "an account", "which card", "a cheque")
        for how in ("is late", "fee", "was lost", "at noon", "limit", "abroad")
    ]
    job.write_text("".join(json.dumps({"text": text}) + "\n" for text in asked))
    recipe = from_mapping({"data": {"train": str(colours), "like": str(job)}, "model": str(tiny_decoder)})
    prepared = prepare(recipe, Store(tmp_path / "runs"))
    (found,) = [f for f in prepared.findings if f.check == "two_sample" and f.severity == "warning"]
    assert "data.like" in found.what
    parts = (prepared.splits.train, prepared.splits.validation, prepared.splits.test)
    assert str(job) not in {example.origin.file for part in parts for example in part}
    columns = {"data": {"train": str(colours), "like": str(colours), "columns": {"messages": "messages"}}}
    same = prepare(from_mapping({**columns, "model": str(tiny_decoder)}), Store(tmp_path / "runs"))
    assert not [f for f in same.findings if f.check == "two_sample" and f.severity == "warning"]


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        ("text,label", {}),
        ("body,stars", {"text": "body", "label": "stars"}),
        ("body", {"text": "body", "label": "stars"}),
        ("prompt", {}),
    ],
)
def test_texts_of_the_job_need_no_labels(
    tiny_encoder: Path, tmp_path: Path, head: str, columns: dict[str, str]
) -> None:
    train, job = tmp_path / "train.csv", tmp_path / "job.csv"
    names = "body,stars" if columns else "text,label"
    things = (
        "sky",
        "grass",
        "coal",
        "snow",
        "rain",
        "wind",
        "leaf",
        "stone",
        "river",
        "cloud",
        "lamp",
        "chair",
        "table",
    )
    kinds = {"good": ("lovely", "fine"), "bad": ("awful", "poor")}
    rows = [f"{how} {thing},{mood}" for thing in things for mood, said in kinds.items() for how in said]
    train.write_text("\n".join([names, *rows]) + "\n")
    job.write_text("\n".join([head, *(row if "," in head else row.partition(",")[0] for row in rows)]) + "\n")
    data = {"train": str(train), "like": str(job), "columns": columns}
    prepared = prepare(from_mapping({"data": data, "model": str(tiny_encoder)}), Store(tmp_path / "runs"))
    (found,) = [f for f in prepared.findings if f.check == "two_sample"]
    assert found.evidence["like"]["rows"][1] == len(rows)


def test_a_head_on_a_frozen_trunk_is_rehearsed(moods: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    recipe = from_mapping({"data": {"train": str(moods)}, "model": str(tiny_encoder), "method": {"kind": "head"}})
    found = check(recipe, Store(tmp_path / "runs"))
    assert found.fits and found.footprint.activations == 0


def test_the_last_layers_are_rehearsed_on_stored_states(moods: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    data = {"train": str(moods)}
    method = {"kind": "top", "layers": 1}
    top, full = (
        check(from_mapping({"data": data, "model": str(tiny_encoder), "method": kind}), Store(tmp_path / "runs"))
        for kind in (method, {"kind": "full"})
    )
    assert top.fits and top.rehearsal and top.rehearsal.seconds > 0
    assert top.footprint.activations and full.footprint.activations
    assert top.footprint.activations < full.footprint.activations
    assert top.footprint.optimizer < full.footprint.optimizer


@pytest.fixture
def enormous(tiny_decoder: Path, tmp_path: Path) -> Path:
    """A model folder of a size that no machine holds, by its config alone."""
    folder = tmp_path / "enormous"
    folder.mkdir()
    for path in tiny_decoder.iterdir():
        if path.suffix == ".json":
            (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config |= {"hidden_size": 65_536, "intermediate_size": 262_144, "num_hidden_layers": 200, "head_dim": 16_384}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_what_cannot_fit_is_said_before_anything_is_loaded(
    colours: Path, enormous: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(enormous), "--set", "method.init=random", "--runs", str(tmp_path / "runs")]
    options += ["--html", str(tmp_path / "page.html")]
    with pytest.raises(SystemExit) as leaving:
        cli.main(["check", str(colours), *options])
    out, err = capsys.readouterr()
    assert leaving.value.code == 4
    assert "It does not fit" in out and "GiB" in out
    assert "fp32 masters" in out, "what it is for is said where it is too much"
    assert "does not fit into the memory" in (tmp_path / "page.html").read_text()
    assert "the memory does not hold this training" in err and "training.max_length" in err


def test_as_json(colours: Path, tiny_decoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        cli.main(["check", str(colours), "--model", str(tiny_decoder), "--runs", str(tmp_path), "--json"])
    assert leaving.value.code == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "Result" and last["fits"] is True
    assert last["memory"]["available"] > last["memory"]["program"] > 0


def test_a_second_look_at_the_same_rows_takes_what_was_kept(
    colours: Path, tiny_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))

    def stages(**tree: Any) -> tuple[Prepared, dict[str, bool]]:
        heard: list[Event] = []
        recipe = from_mapping({"data": {"train": str(colours)}, "model": str(tiny_decoder), **tree})
        prepared = prepare(recipe, Store(tmp_path / "runs"), heard.append)
        assert prepared.findings  # waits for the audit
        return prepared, {event.stage: event.reused for event in heard if isinstance(event, StageFinished)}

    first, reused = stages()
    assert reused == {"read": False, "tokenise": False, "audit": False}
    second, reused = stages(training={"epochs": 9})
    assert reused == {"read": True, "tokenise": True, "audit": True}
    assert len(list((tmp_path / "cache").glob("split-*"))) == 1
    assert first.splits.reason == second.splits.reason
    for part in ("train", "validation", "test"):
        assert [row.id for row in getattr(first.splits, part)] == [row.id for row in getattr(second.splits, part)]
    other, _ = stages(data={"train": str(colours), "split": {"seed": 1}})
    assert [row.id for row in other.splits.test] != [row.id for row in first.splits.test]
    assert list(first.train.kept) == list(second.train.kept) and first.fingerprint == second.fingerprint
    assert [f.record() for f in first.findings] == [f.record() for f in second.findings]
    _, reused = stages(data={"train": str(colours), "prompt": "Name a colour."})
    assert reused == {"read": True, "tokenise": False, "audit": True}


def test_the_screen_tells_what_each_limit_cuts(
    colours: Path, tiny_decoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ["training.max_length=24", "training.overlong=truncate", "training.max_steps=1"]
    options = [word for change in changes for word in ("--set", change)]
    with pytest.raises(SystemExit):
        cli.main(["check", str(colours), "--model", str(tiny_decoder), "--runs", str(tmp_path), *options])
    out = " ".join(capsys.readouterr().out.split())
    assert "Tokens median 90 % 95 % 99 % longest Whole row" in out
    assert "max_length Rows cut Learned tokens lost Rows that learn nothing Padding, if padded 24 (in force)" in out
    assert "At 64 tokens, 99 % of the rows are whole." in out
    assert "training.max_length 64 would keep all rows whole." in out


def test_a_page_is_written_beside_the_screen_and_no_run(
    moods: Path, tiny_encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "check.html"
    options = ["--model", str(tiny_encoder), "--runs", str(tmp_path / "runs"), "--html", str(page)]
    with pytest.raises(SystemExit) as leaving:
        cli.main(["check", str(moods), *options, "--set", "training.max_steps=1", "--set", "data.audit.few_rows=100"])
    out = capsys.readouterr().out
    assert leaving.value.code == 0, "what is wrong with the data does not change the exit code"
    assert "1 warning in 60 rows." in out and "There are only 60 rows" in out and f"Page: {page}" in out
    assert out.count("There are only 60 rows") == 1, "said once"
    html = page.read_text()
    assert "1 warning in 60 rows." in html and "Rows by label" in html and "There are only 60 rows" in html
    assert [path.name for path in tmp_path.iterdir()] == ["check.html"]


def test_labels_are_counted_by_part(moods: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    recipe = from_mapping({"data": {"train": str(moods)}, "model": str(tiny_encoder), "training": {"max_steps": 1}})
    record = check(recipe, Store(tmp_path / "runs")).record()
    assert set(record["labels"]) == {"good", "bad"}
    for part, rows in record["rows"].items():
        assert sum(counts[part] for counts in record["labels"].values()) == rows
    assert sum(count for _, _, count in record["lengths"]["histogram"]["total"]) == record["rows"]["train"]


def test_documents_are_divided_and_the_longest_is_told_whole(tiny_decoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for n in range(12):
        (folder / f"{n}.txt").write_text(" ".join(f"word{n} number {i} of many" for i in range(60)))
    settings = {"data": {"train": str(folder)}, "model": str(tiny_decoder), "training": {"max_length": 64}}
    record = check(from_mapping(settings), Store(tmp_path / "runs")).record()
    survey = record["lengths"]["survey"]
    assert record["task"] == "domain" and record["lengths"]["longest"] > 64
    assert record["lengths"]["longest"] == survey["total"]["100"]
    assert all(limit["cut"] == 0 for limit in survey["limits"])

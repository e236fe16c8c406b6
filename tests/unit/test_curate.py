"""From files to divided rows: what is kept is taken, what changed is made anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from attune.curate import Curated, curate, recognised
from attune.errors import DataError
from attune.events import Event, StageFinished, Stop
from attune.recipe import from_mapping
from attune.runs.kept import FOLDER_VARIABLE, Kept


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))


def write(path: Path, count: int, begin: int = 0) -> Path:
    rows = ({"prompt": f"Question {i * i} about {i % 7}?", "completion": f"It is {i}."} for i in range(begin, count))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def curated(tree: dict[str, Any]) -> tuple[Curated, dict[str, bool]]:
    heard: list[Event] = []
    recipe = from_mapping(tree)
    found = curate(recipe, recognised(recipe, None), Kept(), heard.append, Stop())
    found.findings()
    return found, {event.stage: event.reused for event in heard if isinstance(event, StageFinished)}


def test_the_same_files_and_recipe_are_not_read_again(tmp_path: Path) -> None:
    data = write(tmp_path / "rows.jsonl", 80)
    first, reused = curated({"data": {"train": str(data)}})
    assert reused == {"read": False, "audit": False}
    second, reused = curated({"data": {"train": str(data)}})
    assert reused == {"read": True, "audit": True}
    for part in ("train", "validation", "test"):
        assert list(getattr(first.splits, part)) == list(getattr(second.splits, part))
    assert first.findings() == second.findings()


@pytest.mark.parametrize(
    ("change", "read", "audit"),
    [
        ({"clean": {"repair_text": True}}, False, False),
        ({"audit": {"repetition": 0.5}}, True, False),
        ({"split": {"seed": 1}}, True, False),
    ],
)
def test_what_a_change_touches_is_made_anew(tmp_path: Path, change: dict[str, Any], read: bool, audit: bool) -> None:
    data = write(tmp_path / "rows.jsonl", 80)
    curated({"data": {"train": str(data)}})
    _, reused = curated({"data": {"train": str(data), **change}})
    assert reused == {"read": read, "audit": audit}
    write(tmp_path / "rows.jsonl", 81)
    _, reused = curated({"data": {"train": str(data), **change}})
    assert reused == {"read": False, "audit": False}


def test_ids_are_unique_over_all_files(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"text": "The same words stand here."}) + "\n")
    write(tmp_path / "train.jsonl", 0)
    (tmp_path / "train.jsonl").write_text("".join(json.dumps({"text": f"Words {i}."}) + "\n" for i in (1, 1, 2, 3)))
    found, _ = curated({"data": {"train": str(tmp_path / "train.jsonl"), "test": str(tmp_path / "test.jsonl")}})
    rows = [*found.splits.train, *found.splits.validation, *found.splits.test]
    assert len({row.id for row in rows}) == len(rows) == 5


def test_bad_rows_of_every_file_are_in_one_error(tmp_path: Path) -> None:
    for name in ("train", "test"):
        write(tmp_path / f"{name}.jsonl", 30 if name == "train" else 40, 0 if name == "train" else 30)
        with (tmp_path / f"{name}.jsonl").open("a") as file:
            file.write('{"prompt": "x"}\n')
    with pytest.raises(DataError) as refusal:
        curated({"data": {"train": str(tmp_path / "train.jsonl"), "test": str(tmp_path / "test.jsonl")}})
    assert [(Path(row.file).name, row.line) for row in refusal.value.rows] == [("train.jsonl", 31), ("test.jsonl", 11)]


def test_what_cleaning_does_is_kept_with_the_rows(tmp_path: Path) -> None:
    data = write(tmp_path / "rows.jsonl", 60)
    with data.open("a") as file:
        for _ in range(2):
            file.write(json.dumps({"prompt": "Where is the cafÃ©?", "completion": "Here."}) + "\n")
    tree = {"data": {"train": str(data), "clean": {"repair_text": True, "drop": ["exact_duplicates"]}}}
    for _ in range(2):
        found, _ = curated(tree)
        assert [(c["line"], c["after"]) for c in found.changes()] == [
            (61, "Where is the café?"),
            (62, "Where is the café?"),
        ]
        assert [(r["line"], r["reason"]) for r in found.rejections()] == [(62, "found by the check exact_duplicates")]
        assert sum(len(getattr(found.splits, part)) for part in ("train", "validation", "test")) == 61

"""Rows of a JSON array that stand on one line are as distinct as rows that have a line each."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from attune.data import decisions
from attune.data.audit import alike, audit
from attune.data.clean import Cleaner
from attune.data.doubts import doubts
from attune.data.example import Example
from attune.data.source import read, read_all, recognise
from attune.errors import DataError, RowError
from attune.recipe import Audit, Clean

SUBJECTS = ("the invoice", "my parcel", "a refund", "the manual", "our contract", "the blue lamp", "a spare key", "tea")
ASKED = ("Where is", "Who pays for", "How do I return", "When comes", "What costs")
FLAWS = {
    3: "Write to ann@host.org.",
    9: "TODO",
    14: "I'm sorry, but I can't help with that.",
    21: "ben@host.org knows.",
}


def rows() -> list[dict[str, Any]]:
    made = [
        {"prompt": f"{asked} {subject}?", "completion": FLAWS.get(n, f"Case {n}: see page {n * 7} on {subject}.")}
        for n, (asked, subject) in enumerate((a, s) for a in ASKED for s in SUBJECTS)
    ]
    return [*made, made[5], {**made[6], "completion": "Nobody knows that at all."}]


Writer = Callable[[Sequence[Any]], str]
WRITERS: dict[str, Writer] = {
    "minified": json.dumps,
    "two on a line": lambda rows: "[\n" + ",\n".join(
        ", ".join(json.dumps(row) for row in rows[i : i + 2]) for i in range(0, len(rows), 2)
    ) + "\n]",
    "indented": lambda rows: json.dumps(rows, indent=2),
    "behind the bracket": lambda rows: "[" + ",\n ".join(map(json.dumps, rows)) + "]",
}  # fmt: skip


def written(folder: Path, made: Sequence[Any], write: Writer | None = None) -> Path:
    path = folder / ("rows.json" if write else "rows.jsonl")
    path.write_text(write(made) if write else "".join(json.dumps(row) + "\n" for row in made))
    return path


def examples(path: Path, **options: Any) -> list[Example]:
    return read_all(path, recognise(path, **options))


@pytest.mark.parametrize("name", WRITERS)
def test_findings_cleaning_and_doubts_are_those_of_lines(tmp_path: Path, name: str) -> None:
    whole, lines = (examples(written(tmp_path, rows(), write)) for write in (WRITERS[name], None))
    assert len({row.origin for row in whole}) == len(whole)
    place = {row.origin: index for index, row in enumerate(whole)}

    def told(found: Sequence[Example]) -> list[tuple[str, str, tuple[int, ...]]]:
        return [
            (f.check, f.what, tuple(place[o] if o in place else o.line - 1 for o in f.rows))
            for f in audit(found, Audit(), alike(found, Audit()))
        ]

    assert told(whole) == told(lines)
    assert {check for check, _, _ in told(whole)} >= {"personal_data", "placeholder_targets", "refusals"}
    dropping = Clean(drop=("exact_duplicates", "refusals"))
    kept = [[row.id for row in Cleaner(dropping, Audit()).drop(found)] for found in (whole, lines)]
    assert kept[0] == kept[1] and len(kept[0]) == len(lines) - 2
    doubted = [[doubt.example.id for doubt in doubts(found, Audit())] for found in (whole, lines)]
    assert doubted[0] == doubted[1] and len(doubted[0]) > 4


def test_a_decision_is_about_one_row(tmp_path: Path) -> None:
    made = [{"text": f"text number {n} is about {SUBJECTS[n % 8]}", "label": "ab"[n % 2]} for n in range(20)]
    path = written(tmp_path, made, WRITERS["minified"])
    found = examples(path)
    row = found[7]
    decision = decisions.Decision(
        row.id, "rows.json", row.origin.line, "ann", "2026-01-01T00:00:00Z", "relabel", "label", "b", "a", ""
    )
    done = decisions.apply({"train": found}, tmp_path / "d.jsonl", [decision])
    assert [now.id for now, before in zip(done.parts["train"], found, strict=True) if now != before] == [row.id]
    assert decisions.place(row.origin) == f"rows.json:1:{row.origin.column}"


@pytest.mark.parametrize("name", WRITERS)
def test_bad_rows_are_counted_and_told_apart(tmp_path: Path, name: str) -> None:
    made = [*rows(), *({"prompt": f"more {n}", "completion": "", "extra": n} for n in range(3)), {"prompt": 5}]
    path = written(tmp_path, made, WRITERS[name])
    reading = recognise(path)
    with pytest.raises(DataError, match=r"^[^:]*: 4 rows are wrong") as caught:
        read_all(path, reading)
    places = {(error.line, error.column) for error in caught.value.rows}
    assert len(places) == 4 and all(str(error).startswith(f"{path}:") for error in caught.value.rows)
    text = path.read_text().split("\n")
    for error in caught.value.rows:
        assert text[error.line - 1][max(error.column - 1, 0) :].lstrip().startswith("{")


def test_errors_inside_one_row_of_several_lines_are_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"prompt": "a", "completion": "b"},\n{\n"prompt": NaN,\n"completion": Infinity\n}]')
    reading = recognise(path)
    errors = [item for item in read(path, reading) if isinstance(item, RowError)]
    assert {error.line for error in errors} == {3, 4} and {error.row for error in errors} == {(2, 0)}
    with pytest.raises(DataError, match="1 row is wrong"):
        read_all(path, reading)

"""Decisions about rows: kept line by line, read strictly, and used only where they fit."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.data import decisions, source
from attune.data.decisions import Decision, append, apply, fields, read, standing, with_field
from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair
from attune.errors import DataError, EnvironmentFault

WHEN = "2026-11-21T19:30:00Z"


def decision(row: str = "0" * 12, action: str = "relabel", **other: Any) -> Decision:
    given = {"field": "label", "before": "bad", "after": "good"} if action == "relabel" else {}
    given = {"field": "", "before": "", "after": "", **given, **other}
    base = {"file": "rows.csv", "line": 2, "who": "Ada", "when": WHEN, "doubt": "label_errors: other rows say good"}
    return Decision(**{"row": row, "action": action, **base, **given})  # type: ignore[arg-type]


def rows(*labels: str, file: str = "/data/rows.csv") -> list[Example]:
    return [LabelledText(f"{i:012x}", Origin(file, i + 2), f"text {i}", label) for i, label in enumerate(labels)]


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    first = [decision(doubt='"quotes", ünï\ncode\u2028 and 🎈'), decision(action="drop")]
    append(path, first)
    append(path, [decision(action="undo")])
    assert read(path) == [*first, decision(action="undo")]
    assert path.read_bytes().count(b"\n") == 3


def test_a_last_line_that_was_left_open_is_not_joined_with_the_next(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    append(path, [decision()])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    append(path, [decision(action="drop")])
    assert len(read(path)) == 2


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)


@given(before=texts, after=texts, who=texts, line=st.integers(1, 10**9))
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, before: str, after: str, who: str, line: int
) -> None:
    path = tmp_path_factory.mktemp("d") / "d.jsonl"
    made = decision(action="edit", field="completion", before=before, after=after, who=who, line=line)
    append(path, [made])
    assert read(path) == [made]


GOOD = dataclasses.asdict(decision())


@pytest.mark.parametrize(
    ("bad", "field", "said"),
    [
        ({**GOOD, "action": "relable"}, "action", "Did you mean 'relabel'"),
        ({**GOOD, "row": "xyz"}, "row", "not a row's id"),
        ({**GOOD, "line": "2"}, "line", "is text, not a number"),
        ({**GOOD, "line": True}, "line", "is a boolean"),
        ({**GOOD, "line": 0}, "line", "not a line"),
        ({**GOOD, "when": "2026-11-21 19:30"}, "when", "not a time in UTC"),
        ({**GOOD, "when": "2026-13-21T19:30:00Z"}, "when", "not a time in UTC"),
        ({**GOOD, "who": " "}, "who", "nobody"),
        ({**GOOD, "field": "text"}, "field", "relabel cannot change 'text'"),
        ({**GOOD, "action": "edit"}, "field", "edit cannot change 'label'"),
        ({**GOOD, "action": "edit", "field": "messages[x]"}, "field", "is not a field"),
        ({**GOOD, "action": "keep"}, "after", "before and after differ"),
        ({**GOOD, "action": "keep", "before": "", "after": ""}, "after", "empty"),
        ({**GOOD, "after": " "}, "after", "empty"),
        ({**GOOD, "action": "drop"}, "field", "about the whole row"),
        ({**GOOD, "before": None}, "before", "is null"),
        ({k: v for k, v in GOOD.items() if k != "doubt"}, "doubt", "missing"),
        ({**GOOD, "lable": "x"}, "lable", "has no 'lable'"),
        (["relabel"], "", "is a list"),
        ({**GOOD, "action": "undo", "field": "", "before": "", "after": ""}, "action", "not decided"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, bad: Any, field: str, said: str) -> None:
    path = tmp_path / "d.jsonl"
    append(path, [decision("f" * 12)])
    with path.open("a") as file:
        file.write(json.dumps(bad) + "\n")
    with pytest.raises(DataError, match="in the decisions") as caught:
        read(path)
    fault = caught.value.rows[0]
    assert (fault.file, fault.line, fault.field) == (str(path), 2, field)
    assert said in fault.message and fault.fix


@pytest.mark.parametrize("line", ["", "{", '{"row": "a", "row": "b"}', "\xff", '{"row": "\\ud800"}'])
def test_what_is_no_json_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(line.encode("latin-1") + b"\n")
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.rows[0].line == 1


def test_what_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    for bad in (decision(after="\ud800"), decision(after="a\0"), decision(after="x" * 2_000_000), decision(who="")):
        with pytest.raises(DataError, match="cannot be kept"):
            append(path, [bad])
    assert not path.exists()
    with pytest.raises(EnvironmentFault, match="cannot keep the decision"):
        append(tmp_path / "nowhere" / "d.jsonl", [decision()])
    with pytest.raises(EnvironmentFault):
        read(path)


def test_later_decisions_win_field_by_field_and_undo_takes_the_last_one_back() -> None:
    edit = decision(action="edit", field="text", before="text 0", after="better")
    neutral = decision(after="neutral")
    drop, undo = decision(action="drop"), decision(action="undo")

    def holds(*made: Decision) -> dict[str, str]:
        ((_, held),) = standing(made).items()
        return {name: d.after for name, (_, d) in held.items()}

    assert holds(decision(), neutral) == {"label": "neutral"}
    assert holds(edit, neutral) == {"text": "better", "label": "neutral"}
    assert holds(edit, neutral, drop) == {"": ""}
    assert holds(drop, neutral) == {"label": "neutral"}
    assert holds(edit, neutral, drop, undo) == {"text": "better", "label": "neutral"}
    assert holds(decision(), neutral, undo) == {"label": "good"}
    assert not standing([decision(), undo])


def test_decisions_are_used_and_named() -> None:
    train = rows("bad", "bad", "good", "")
    made = [
        decision(f"{0:012x}"),
        decision(f"{1:012x}", "drop", line=3),
        decision(f"{2:012x}", "keep", field="label", before="good", after="good"),
        decision(f"{3:012x}", before="", after="good"),
    ]
    done = apply({"train": train}, "d.jsonl", made)
    assert [(row.id, row.label) for row in done.parts["train"]] == [
        (f"{0:012x}", "good"), (f"{2:012x}", "good"), (f"{3:012x}", "good"),
    ]  # fmt: skip
    assert [(c.origin.line, c.before, c.after) for c in done.changes] == [(2, "bad", "good"), (5, "", "good")]
    assert done.changes[0].rule == f"decisions: relabel by Ada, {WHEN}"
    assert [(r.origin.line, r.reason) for r in done.rejections] == [(3, f"dropped by Ada, {WHEN}")]
    assert not done.findings
    assert train[0].label == "bad"


def test_what_does_not_fit_is_found_and_not_used() -> None:
    train = rows("bad", "good")
    made = [
        decision("f" * 12),  # no such row
        decision(f"{0:012x}", before="neutral"),  # is not what was decided on
        decision(f"{1:012x}", "edit", field="completion", before="a", after="b"),  # no such field
    ]
    done = apply({"train": train}, "d.jsonl", made)
    assert done.parts["train"] == train
    (finding,) = done.findings
    assert finding.severity == "warning"
    assert [str(row) for row in finding.rows] == ["d.jsonl:1", "d.jsonl:2", "d.jsonl:3"]
    assert finding.evidence == {"missing_rows": 1, "changed_rows": 2}


def test_a_row_is_known_by_its_content_and_of_several_by_its_file() -> None:
    train, test = rows("bad", file="/a/train.csv"), rows("bad", file="/a/test.csv")
    one = apply({"train": train, "test": test}, "d", [decision(f"{0:012x}", file="test.csv", line=99)])
    assert [one.parts[part][0].label for part in ("train", "test")] == ["bad", "good"]
    renamed = apply({"train": train}, "d", [decision(f"{0:012x}", file="old-name.csv")])
    assert renamed.parts["train"][0].label == "good"


def test_every_kind_of_row_has_fields_that_can_be_set() -> None:
    turns = (Message("user", "a"), Message("assistant", "b", 0.0, (("name", "x"),)))
    kinds: list[Example] = [
        LabelledText("1", Origin("f", 1), "a", "b"),
        Pair("1", Origin("f", 1), "a", "b"),
        Conversation("1", Origin("f", 1), turns),
        Document("1", Origin("f", 1), "b"),
    ]
    for row in kinds:
        name = decisions.target_field(row)
        assert fields(row)[name] == "b"
        changed = with_field(row, name, "c")
        assert {**fields(row), name: "c"} == fields(changed)
        assert with_field(changed, name, "b") == row


def test_rows_without_a_label_are_read_only_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\na,good\nb,\nc, \nd,bad\n")
    reading = source.recognise(path)
    with pytest.raises(DataError):
        source.read_all(path, reading)
    found = source.read_all(path, dataclasses.replace(reading, unanswered=True))
    assert [row.label for row in found if isinstance(row, LabelledText)] == ["good", "", "", "bad"]
    with pytest.raises(DataError, match="2 rows have no label") as caught:
        decisions.require_labels({"train": found})
    assert [row.line for row in caught.value.rows] == [3, 4]
    made = [decision(row.id, before="", after="good") for row in found[1:3]]
    decisions.require_labels(apply({"train": found}, "d", made).parts)
    json_lines = tmp_path / "rows.jsonl"
    json_lines.write_text('{"text": "a", "label": null}\n{"text": "b", "label": "x"}\n{"text": "c"}\n')
    with pytest.raises(DataError) as missing:
        source.read_all(json_lines, dataclasses.replace(source.recognise(json_lines), unanswered=True))
    assert [row.line for row in missing.value.rows] == [3], "a field that is missing is no unlabelled row"

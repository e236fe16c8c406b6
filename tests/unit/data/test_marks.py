"""The group and the time of a row: read beside its content, and refused where they are missing or say nothing."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readings import PAIR, jsonl, load, write

from attune.data.example import Origin
from attune.data.formats import RawRow
from attune.data.marks import Marks
from attune.data.source import read, recognise
from attune.errors import DataError, RowError


def origins(path: Path, **options: Any) -> list[tuple[str, float | None]]:
    return [(row.origin.group, row.origin.time) for row in load(path, **options)]


def test_group_and_time_stand_in_the_origin_and_change_no_id(tmp_path: Path) -> None:
    rows = [{**PAIR, "who": " ann ", "day": "2026-01-31"}, {**PAIR, "prompt": "q", "who": 7, "day": "2026-02"}]
    path = jsonl(tmp_path, *rows)
    assert origins(path, group_by="who", time_by="day") == [("ann", 1769817600.0), ("7", 1769904000.0)]
    assert origins(path) == [("", None), ("", None)]
    marked, plain = load(path, group_by="who", time_by="day"), load(path)
    assert [row.id for row in marked] == [row.id for row in plain]
    assert [str(row.origin) for row in marked] == [str(row.origin) for row in plain]
    assert len({row.origin for row in marked}) == 2


def test_the_reading_says_so_and_a_named_column_is_not_taken_for_content(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {**PAIR, "question": "q", "answer": "a"})
    with pytest.raises(DataError, match="several ways"):
        recognise(path)
    reading = recognise(path, group_by="question")
    assert reading.columns == {"prompt": "prompt", "completion": "completion"}
    assert "group_by = 'question'" in reading.reason
    assert "'question'" not in reading.reason.partition("not used")[2]
    table = write(tmp_path / "t.csv", "kind,words,who\n" + "".join(f"{'ab'[i % 2]},w {i},{i}\n" for i in range(10)))
    assert recognise(table, group_by="who").columns == {"text": "words", "label": "kind"}
    assert recognise(jsonl(tmp_path, PAIR), group_by="prompt").columns["prompt"] == "prompt"


@pytest.mark.parametrize("name", ["group_by", "time_by"])
def test_a_column_that_does_not_exist_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"'customr' does not exist\. Did you mean 'customer'") as caught:
        recognise(jsonl(tmp_path, {**PAIR, "customer": 1}), **{name: "customr"})
    assert f"data.split.{name}" in caught.value.where
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(DataError, match="no columns"):
        recognise(tmp_path / "a.txt", **{name: "x"})


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        ({"day": 1}, "missing_field"),
        ({"who": None, "day": 1}, "empty_field"),
        ({"who": "  ", "day": 1}, "empty_field"),
        ({"who": [1], "day": 1}, "wrong_type"),
        ({"who": True, "day": 1}, "wrong_type"),
        ({"who": "a"}, "missing_field"),
        ({"who": "a", "day": ""}, "empty_field"),
        ({"who": "a", "day": "yesterday"}, "bad_time"),
        ({"who": "a", "day": "31.01.2026"}, "bad_time"),
        ({"who": "a", "day": "2026-02-30"}, "bad_time"),
        ({"who": "a", "day": True}, "bad_time"),
        ({"who": "a", "day": "nan"}, "bad_time"),
        ({"who": "a", "day": "1_000"}, "bad_time"),
        ({"who": "a", "day": "9" * 100_000}, "bad_time"),
        ({"who": "a", "day": "2026-01-01"}, "bad_time"),  # the rows before have numbers
    ],
)
def test_a_row_without_group_or_time_is_an_error_at_its_line(tmp_path: Path, extra: Any, code: str) -> None:
    good = {**PAIR, "who": "a", "day": 1}
    path = jsonl(tmp_path, *[good] * 3, {**PAIR, **extra})
    items = list(read(path, recognise(path, group_by="who", time_by="day")))
    (error,) = [item for item in items if isinstance(item, RowError)]
    assert (error.line, error.code) == (4, code)
    assert error.field in {"who", "day"} and error.fix and len(str(error)) < 500


def test_every_fault_of_a_row_is_told_at_once(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {**PAIR, "who": 1, "day": 1}, {"prompt": "", "completion": "c", "who": None, "day": "x"})
    items = list(read(path, recognise(path, group_by="who", time_by="day")))
    assert [item.code for item in items if isinstance(item, RowError)] == ["empty_field", "bad_time", "empty_field"]


def test_parquet_reads_the_columns_and_dates_of_any_kind(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    day = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
    kinds: dict[str, Any] = {
        "date": pa.array([day.date()], pa.date32()),
        "naive": pa.array([day.replace(tzinfo=None)], pa.timestamp("us")),
        "zone": pa.array([day], pa.timestamp("us", tz="Europe/Berlin")),
        "nano": pa.array([1769860800000000123], pa.timestamp("ns")),
        "number": pa.array([1769860800], pa.int64()),
    }
    for kind, times in kinds.items():
        table = pa.table({"prompt": ["p"], "completion": ["c"], "other": [b"x"], "at": times, "who": [7.0]})
        pq.write_table(table, tmp_path / f"{kind}.parquet")
        wanted = 1769817600.0 if kind == "date" else 1769860800.0
        (found,) = origins(tmp_path / f"{kind}.parquet", group_by="who", time_by="at")
        assert found == ("7", pytest.approx(wanted, abs=1e-3)), kind


def test_csv_and_json_say_the_same(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "prompt,completion,who,day\np,c,7,2026-01-31T10:00:00+02:00\n")
    rows = write(tmp_path / "t.json", json.dumps([{**PAIR, "who": 7, "day": "2026-01-31T08:00Z"}]))
    options = {"group_by": "who", "time_by": "day"}
    assert origins(table, **options) == origins(rows, **options)


@given(
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.from_regex(r"[0-9T:.Z+ -]{1,40}", fullmatch=True)
    | st.dates().map(str)
    | st.lists(st.integers(), max_size=2)
)
def test_any_value_is_a_finite_time_or_one_error(value: Any) -> None:
    origin, errors = Marks(time_by="t").read(RawRow(Origin("f", 1), {"t": value}))
    assert len(errors) <= 1
    assert bool(errors) == (origin.time is None)
    assert origin.time is None or math.isfinite(origin.time)


@given(st.lists(st.datetimes(timezones=st.just(dt.UTC) | st.none()), min_size=2, max_size=2))
def test_dates_are_ordered_as_time_goes(moments: list[dt.datetime]) -> None:
    first, second = (Marks(time_by="t").read(RawRow(Origin("f", 1), {"t": m.isoformat()}))[0].time for m in moments)
    one, other = (m if m.tzinfo else m.replace(tzinfo=dt.UTC) for m in moments)
    assert first is not None and second is not None
    assert (first <= second) == (one <= other) or abs((one - other).total_seconds()) < 1e-4

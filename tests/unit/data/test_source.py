"""What the rows of a source are taken for, and that no source of any content gives a traceback."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readings import ANSWER, CALL, CHAT, GOOD, PAIR, SYSTEM, TOOL, USER, jsonl, load, write

from attune.data.example import Conversation, Document, LabelledText, Pair
from attune.data.source import read_all, recognise
from attune.errors import AttuneError, DataError, Interrupted, RecipeError
from attune.events import Event, Progress, Stop

# --- recognise ---


@pytest.mark.parametrize(
    ("row", "shape", "columns"),
    [
        ({"messages": CHAT}, "conversation", {"messages": "messages"}),
        ({"messages": CHAT, "tools": [], "id": 1}, "conversation", {"messages": "messages", "tools": "tools"}),
        (PAIR, "pair", {"prompt": "prompt", "completion": "completion"}),
        ({"instruction": "i", "output": "o"}, "pair", {"prompt": "instruction", "completion": "output"}),
        (
            {"instruction": "i", "input": "x", "output": "o"},
            "pair",
            {"prompt": "instruction", "input": "input", "completion": "output"},
        ),
        ({"Question": "q", "Answer ": "a"}, "pair", {"prompt": "Question", "completion": "Answer "}),
        ({"source": "s", "target": "t"}, "pair", {"prompt": "source", "completion": "target"}),
        ({"text": "t", "label": 1}, "labelled", {"text": "text", "label": "label"}),
        ({"review": "t", "sentiment": "good"}, "labelled", {"text": "review", "label": "sentiment"}),
        ({"content": "t", "class": "good"}, "labelled", {"text": "content", "label": "class"}),
        ({"text": "t", "url": "u"}, "document", {"text": "text"}),
    ],
)
def test_well_known_columns_are_recognised(tmp_path: Path, row: Any, shape: str, columns: dict[str, str]) -> None:
    reading = recognise(jsonl(tmp_path, row))
    assert (reading.format, reading.shape, reading.columns) == ("jsonl", shape, columns)
    assert all(repr(column) in reading.reason for column in columns.values())
    assert all(repr(column) in reading.reason.partition("not used")[2] for column in row.keys() - columns.values())


def test_mapped_columns_and_a_given_shape_decide(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"text": "t", "label": "x", "prompt": "p", "body": "b"})
    assert recognise(path, columns={"completion": "body"}).columns == {"prompt": "prompt", "completion": "body"}
    assert recognise(path, columns={"text": "body"}, shape="document").columns == {"text": "body"}
    assert recognise(path, shape="labelled").shape == "labelled"
    assert recognise(path, columns={"text": "body"}).columns == {"text": "body", "label": "label"}


def test_a_mapped_column_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"question": "q", "anwser": "a"})
    with pytest.raises(DataError, match="Did you mean 'anwser'") as caught:
        recognise(path, columns={"prompt": "question", "completion": "answer"})
    assert "data.columns.completion" in caught.value.where
    with pytest.raises(RecipeError, match="Did you mean 'prompt'"):
        recognise(path, columns={"promt": "question"})


def test_unknown_and_ambiguous_columns_are_listed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot tell.*'foo', 'bar'") as caught:
        recognise(jsonl(tmp_path, {"foo": "1", "bar": "2"}))
    assert "data.columns" in caught.value.fix
    with pytest.raises(DataError, match="several ways") as caught:
        recognise(jsonl(tmp_path, {**PAIR, "question": "q", "answer": "a"}))
    assert "{prompt: prompt, completion: completion}" in caught.value.fix
    with pytest.raises(DataError, match="do not look like documents"):
        recognise(jsonl(tmp_path, PAIR), shape="document")


def test_a_two_column_table_with_few_values_is_labelled(tmp_path: Path) -> None:
    rows = "".join(f"{'ab'[i % 2]},some words {i}\n" for i in range(10))
    reading = recognise(write(tmp_path / "t.csv", "kind,words\n" + rows))
    assert (reading.shape, reading.columns) == ("labelled", {"text": "words", "label": "kind"})
    with pytest.raises(DataError, match="first line seems to be data"):
        recognise(write(tmp_path / "t.csv", rows))


def test_json_lines_under_the_name_json_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", f"\n{GOOD}\n{GOOD}\n")
    assert recognise(path).format == "jsonl"
    assert len(load(path)) == 2


def test_paths_that_are_no_data_are_refused(tmp_path: Path) -> None:
    jsonl(tmp_path, PAIR)
    with pytest.raises(DataError, match=r"no such file.*Did you mean 'rows.jsonl'"):
        recognise(tmp_path / "row.jsonl")
    with pytest.raises(DataError, match="no such file"):
        recognise("a\0b/c")
    with pytest.raises(DataError, match="cannot be read") as caught:
        recognise(write(tmp_path / "rows.xlsx", "x"))
    assert ".jsonl" in caught.value.fix
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        recognise(tmp_path / "pipe.jsonl")
    with pytest.raises(DataError, match="one object instead of rows"):
        recognise(write(tmp_path / "one.json", json.dumps({"data": [PAIR]}, indent=1)))


def test_a_folder_without_text_names_its_data_files(tmp_path: Path) -> None:
    jsonl(tmp_path, PAIR)
    with pytest.raises(DataError, match=r"no .txt or .md file") as caught:
        recognise(tmp_path)
    assert "'rows.jsonl'" in caught.value.fix


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv"])
@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_an_error(tmp_path: Path, suffix: str, content: str) -> None:
    with pytest.raises(DataError):
        recognise(write(tmp_path / f"rows.{suffix}", content))


def test_a_table_with_only_a_header_and_an_empty_array_have_no_rows(tmp_path: Path) -> None:
    for name, content in (("rows.csv", "text,label\n"), ("rows.json", " [ ]\n")):
        with pytest.raises(DataError, match="no rows"):
            recognise(write(tmp_path / name, content))


# --- read_all ---


def test_ids_come_from_content_and_copies_are_numbered(tmp_path: Path) -> None:
    other = {"prompt": "q", "completion": "c"}
    ids = [example.id for example in load(jsonl(tmp_path, PAIR, other, PAIR, PAIR))]
    assert ids[2:] == [ids[0] + "-2", ids[0] + "-3"]
    moved = [example.id for example in load(jsonl(tmp_path, other, PAIR))]
    assert moved == [ids[1], ids[0]]


def test_read_all_counts_every_error_and_keeps_the_first(tmp_path: Path) -> None:
    path = jsonl(tmp_path, PAIR, *[{"prompt": 1, "completion": ""}] * 5)
    with pytest.raises(DataError) as caught:
        read_all(path, recognise(path), cap=3)
    assert (len(caught.value.rows), caught.value.total) == (3, 10)
    assert "5 rows are wrong (10 errors), 1 are good" in caught.value.what
    assert str(caught.value.rows[0]) in caught.value.fix


def test_text_is_kept_exactly(tmp_path: Path) -> None:
    text = "  e\u0301 ﬁ\t\r\n“x” \u200b\U0001f600 "
    (example,) = load(jsonl(tmp_path, {"prompt": text, "completion": " c"}))
    assert (example.prompt, example.completion) == (text, " c")
    quoted = text.replace('"', '""')
    (row,) = load(write(tmp_path / "t.csv", f'text,label\r\n"{quoted}", a \r\n'))
    assert (row.text, row.label) == (text, " a ")


def test_reading_ends_at_a_request_to_stop(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", (GOOD + "\n").encode() * 3)
    with pytest.raises(Interrupted):
        read_all(path, recognise(path), stop=Stop(requested=True))


# --- never a traceback ---

FUZZ = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SUFFIXES = ["jsonl", "json", "csv", "tsv", "txt", "parquet"]


def survive(path: Path) -> None:
    for columns in ({}, {"text": "text"}):
        try:
            for example in load(path, columns=columns):
                assert isinstance(example, Conversation | Pair | LabelledText | Document)
                json.dumps(example.id).encode()
        except AttuneError as error:
            str(error).encode()
            for row in getattr(error, "rows", ()):
                str(row).encode()


@FUZZ
@given(suffix=st.sampled_from(SUFFIXES), content=st.binary(max_size=200))
def test_random_bytes_never_give_a_traceback(tmp_path: Path, suffix: str, content: bytes) -> None:
    survive(write(tmp_path / f"fuzz.{suffix}", content))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "weight", "tool_calls"]), inner)
    ),
    max_leaves=12,
)
roles_or_values = st.sampled_from(["user", "assistant", "system", "tool"]) | json_values
turns = st.lists(st.fixed_dictionaries({"role": roles_or_values, "content": json_values}) | json_values, max_size=4)


@FUZZ
@given(
    rows=st.lists(
        st.dictionaries(
            st.sampled_from(["messages", "prompt", "completion", "text", "label", "tools"]), turns | json_values
        )
        | json_values,
        max_size=4,
    )
)
def test_any_json_rows_never_give_a_traceback(tmp_path: Path, rows: list[Any]) -> None:
    survive(jsonl(tmp_path, *rows))
    survive(write(tmp_path / "rows.json", json.dumps(rows)))


def good_files(folder: Path) -> dict[str, bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"text": f"some “words” {i}", "label": "ab"[i % 2]} for i in range(8)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "good.parquet")
    chats = [{"messages": [SYSTEM, USER, CALL, TOOL, {**ANSWER, "weight": 1}], "tools": [{"x": [1]}]}] * 3
    table = "".join(f'"{row["text"]}, ""x""\n",{row["label"]}\r\n' for row in rows)
    return {
        "parquet": (folder / "good.parquet").read_bytes(),
        "jsonl": "\n".join(json.dumps(row) for row in chats).encode(),
        "json": json.dumps(rows, indent=1, ensure_ascii=False).encode(),
        "csv": ("text,label\r\n" + table).encode(),
        "tsv": ("text\tlabel\n" + table.replace(",a", "\ta")).encode(),
        "txt": "“words”".encode(),
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_mutations_of_good_files_never_give_a_traceback(tmp_path: Path, suffix: str) -> None:
    content = good_files(tmp_path)[suffix]
    if suffix not in ("tsv",):
        assert load(write(tmp_path / f"good.{suffix}", content))
    generator = random.Random(7)
    for _ in range(150):
        changed = bytearray(content)
        for _ in range(generator.randint(1, 4)):
            at = generator.randrange(len(changed))
            piece = bytes(generator.choices(b'"{}[],\\\n\r\0\xff\xedaN:-', k=generator.randint(0, 3)))
            changed[at : at + generator.randint(0, 3)] = piece
            changed = changed or bytearray(b"x")
        survive(write(tmp_path / f"changed.{suffix}", bytes(changed)))


def test_many_rows_are_counted_while_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("text,label\n" + "".join(f"row {i},{i % 2}\n" for i in range(20_500)))
    heard: list[Event] = []
    read_all(path, recognise(path), emit=heard.append)
    told = [(event.done, event.total) for event in heard if isinstance(event, Progress)]
    assert told == [(10_000, 0), (20_000, 0), (20_500, 20_500)], "there is no total before the end"

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune.data.example import Conversation, Document, LabelledText, Message, Pair
from attune.data.lines import MAX_LINE_BYTES
from attune.data.source import Reading, read, read_all, recognise
from attune.errors import AttuneError, DataError, EnvironmentFault, Interrupted, RecipeError, RowError
from attune.events import Event, Note, Stop

PAIR = {"prompt": "p", "completion": "c"}
CHAT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
PAIRS_READING = Reading("jsonl", "pair", {"prompt": "prompt", "completion": "completion"}, "")


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def jsonl(folder: Path, *rows: Any) -> Path:
    return write(folder / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def load(path: Path, **options: Any) -> list[Any]:
    return read_all(path, recognise(path, **options))


def errors_of(path: Path, reading: Reading) -> list[RowError]:
    return [item for item in read(path, reading) if isinstance(item, RowError)]


def pair_errors(folder: Path, content: str | bytes) -> list[RowError]:
    return errors_of(write(folder / "rows.jsonl", content), PAIRS_READING)


def chat_codes(folder: Path, messages: Any, **more: Any) -> list[str]:
    columns = {"messages": "messages", "tools": "tools"}
    reading = Reading("jsonl", "conversation", columns, "")
    return [error.code for error in errors_of(jsonl(folder, {"messages": messages, **more}), reading)]


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


def test_the_reading_is_told_to_the_listener(tmp_path: Path) -> None:
    events: list[Event] = []
    path = jsonl(tmp_path, PAIR)
    reading = recognise(path)
    read_all(path, reading, emit=events.append)
    assert events[0] == Note("read", "info", reading.reason)


def test_text_is_kept_exactly(tmp_path: Path) -> None:
    text = "  e\u0301 ﬁ\t\r\n“x” \u200b\U0001f600 "
    (example,) = load(jsonl(tmp_path, {"prompt": text, "completion": " c"}))
    assert (example.prompt, example.completion) == (text, " c")
    quoted = text.replace('"', '""')
    (row,) = load(write(tmp_path / "t.csv", f'text,label\r\n"{quoted}", a \r\n'))
    assert (row.text, row.label) == (text, " a ")


def test_instruction_and_input_make_the_prompt(tmp_path: Path) -> None:
    first = {"instruction": "i", "input": "x", "output": "o"}
    examples = load(jsonl(tmp_path, first, {**first, "input": ""}))
    assert [example.prompt for example in examples] == ["i\n\nx", "i"]


# --- JSON lines ---


def test_lines_are_physical_with_bom_crlf_and_blank_lines(tmp_path: Path) -> None:
    row = json.dumps(PAIR)
    path = write(tmp_path / "rows.jsonl", f"\ufeff{row}\r\n\r\n   \n{row}")
    assert [example.origin.line for example in load(path)] == [1, 4]
    assert load(path)[0].origin.file == str(path)


GOOD = json.dumps(PAIR)


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        ('{"prompt": "a", "prompt": "b", "completion": "c"}', "duplicate_key", 17),
        ('{"prompt": "a", "completion": "c", "m": [{"x": 1, "x": 1}]}', "duplicate_key", 51),
        ('{"prompt": "a", "completion": "c", "n": NaN}', "not_a_number", 41),
        ('{"prompt": "NaN", "completion": "c", "n": [-Infinity]}', "not_a_number", 44),
        ('{"prompt": "a", "completion": "c", "n": 1e999}', "not_a_number", 41),
        ('{"prompt": "a", "completion": "c", "n": ' + "9" * 5000 + "}", "huge_integer", 41),
        ('{"prompt": "\\ud800", "completion": "c"}', "lone_surrogate", 13),
        ('{"prompt": "\\\\ud800 \\udc00", "completion": "c"}', "lone_surrogate", 21),
        ('{"prompt": "\\ud83d\\ud83d\\ude00", "completion": "c"}', "lone_surrogate", 13),
        ('{"prompt": "a\\u0000", "completion": "c"}', "nul_byte", 14),
        ('{"prompt": "a\0", "completion": "c"}', "nul_byte", 14),
        ('{"prompt": "a", "completion": "c", "m": ' + "[" * 32 + "]" * 32 + "}", "too_deep", 72),
        ('{"prompt": ' + "[" * 100_000, "too_deep", 43),
        ('{"prompt": "a" "completion": "c"}', "invalid_json", 16),
        ("{'prompt': 'a'}", "invalid_json", 2),
        ('["a"]', "not_an_object", 0),
        ("5", "not_an_object", 0),
        ('{"prompt": "a"}', "missing_field", 0),
        ('{"prompt": "a", "completion": 3}', "wrong_type", 0),
        ('{"prompt": null, "completion": "c"}', "empty_field", 0),
        ('{"prompt": "a", "completion": " \\n"}', "empty_field", 0),
    ],
)
def test_each_fault_of_a_json_line_has_a_code_and_a_place(tmp_path: Path, line: str, code: str, column: int) -> None:
    (error,) = pair_errors(tmp_path, f"{GOOD}\n\n{line}\n{GOOD}\n")
    assert (error.code, error.line, error.column) == (code, 3, column)
    assert error.message
    assert error.fix


def test_whole_characters_from_two_escapes_pass(tmp_path: Path) -> None:
    assert pair_errors(tmp_path, '{"prompt": "\\ud83d\\ude00 \\\\ud800", "completion": "c", "n": 1.5e3}\n') == []


def test_a_row_gives_all_its_errors(tmp_path: Path) -> None:
    errors = pair_errors(tmp_path, '{"a": NaN, "a": Infinity, "prompt": "\\ud800"}\n{"prompt": "", "completion": 1}\n')
    codes = ["lone_surrogate", "duplicate_key", "not_a_number", "not_a_number", "empty_field", "wrong_type"]
    assert [error.code for error in errors] == codes


def test_invalid_utf8_tells_the_byte_of_the_file(tmp_path: Path) -> None:
    (error,) = pair_errors(tmp_path, GOOD.encode() + b'\n{"prompt": "\xc3\xa9\xff"}\n')
    assert (error.code, error.line, error.column) == ("invalid_utf8", 2, 14)
    assert f"0xff at byte offset {len(GOOD) + 1 + 14} " in error.message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv", "txt"])
def test_utf16_is_refused_with_advice(tmp_path: Path, encoding: str, suffix: str) -> None:
    path = write(tmp_path / f"rows.{suffix}", "text,label\na,b\n".encode(encoding))
    with pytest.raises(DataError) as caught:
        load(path)
    assert caught.value.rows[0].code == "utf16"
    assert "UTF-8" in caught.value.rows[0].fix


def test_a_file_cut_in_its_last_line_is_told_apart(tmp_path: Path) -> None:
    for length in range(1, len(GOOD)):
        (error,) = pair_errors(tmp_path, f"{GOOD}\n{GOOD[:length]}")
        assert (error.code, error.line) == ("truncated", 2)
    assert pair_errors(tmp_path, f"{GOOD}\n{GOOD}") == []
    (error,) = pair_errors(tmp_path, f"{GOOD[:-3]}\n")
    assert error.code == "invalid_json"


def test_a_line_that_is_too_long_is_not_kept(tmp_path: Path) -> None:
    huge = json.dumps({"prompt": "x" * 20_000_000, "completion": "c"})
    (error,) = pair_errors(tmp_path, f"{GOOD}\n{huge}\n{GOOD}\n")
    assert (error.code, error.line) == ("line_too_long", 2)
    assert len(str(error)) < 500
    longest = json.dumps({"prompt": "", "completion": "c"})
    filled = longest.replace('""', '"' + "x" * (MAX_LINE_BYTES - len(longest) - 1) + '"')
    assert pair_errors(tmp_path, filled + "\n") == []
    assert [e.code for e in pair_errors(tmp_path, filled + " \n")] == ["line_too_long"]


def test_messages_stay_short_and_printable(tmp_path: Path) -> None:
    long_key = "\\n" + "k" * 100_000
    errors = pair_errors(tmp_path, f'{{"{long_key}": 1, "{long_key}": 2}}\n{{"{long_key}": 1}}\n')
    assert {error.code for error in errors} == {"duplicate_key", "missing_field"}
    assert all(len(str(error)) < 500 and "\n" not in str(error) for error in errors)


# --- JSON arrays ---


def test_an_array_keeps_physical_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", "\n" + json.dumps([PAIR, PAIR, {**PAIR, "prompt": '[,]}\\"'}], indent=2))
    assert [example.origin.line for example in load(path)] == [3, 7, 11]


@pytest.mark.parametrize(
    ("content", "code", "line", "column"),
    [
        (f'[{GOOD},\n{{"prompt":\n  NaN}}]', "not_a_number", 3, 3),
        (f"[{GOOD},\n 5]", "not_an_object", 2, 0),
        (f"[{GOOD},\n]", "invalid_json", 1, len(GOOD) + 3),
        (f"[{GOOD}]\n{GOOD}", "invalid_json", 2, 0),
        (f"[{GOOD},\n{GOOD[:9]}", "truncated", 2, 0),
        (f"[{GOOD},\n{GOOD}", "truncated", 2, 0),
        (f"[{GOOD}\n {GOOD}]", "invalid_json", 2, 2),
        (f"[{GOOD},\n {GOOD[:-1]} {GOOD}]", "invalid_json", 2, len(GOOD) + 2),
        (f'[{GOOD},\n {{"prompt": "{"x" * MAX_LINE_BYTES}"}}]', "line_too_long", 2, 0),
        (f"[{GOOD},\n{'[' * 5000}]", "too_deep", 2, 33),
    ],
)
def test_each_fault_of_an_array_has_a_place(tmp_path: Path, content: str, code: str, line: int, column: int) -> None:
    reading = Reading("json", "pair", PAIRS_READING.columns, "")
    (error,) = errors_of(write(tmp_path / "rows.json", content), reading)
    assert (error.code, error.line, error.column) == (code, line, column)


def test_json_lines_under_the_name_json_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.json", f"\n{GOOD}\n{GOOD}\n")
    assert recognise(path).format == "jsonl"
    assert len(load(path)) == 2


# --- tables ---


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_the_delimiter_is_found(tmp_path: Path, name: str, mark: str) -> None:
    (row,) = load(write(tmp_path / name, f'text{mark}"label"{mark}"a,b;c"\n"x,y;{mark}"{mark}l{mark}z\n'))
    assert (row.text, row.label) == (f"x,y;{mark}", "l")


def test_quoted_line_breaks_keep_the_line_where_the_row_starts(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", '\ufefftext,label\r\n"one\r\ntwo ""x""",a\r\n\r\nthree,b\r\n')
    assert [(e.text, e.label, e.origin.line) for e in load(path)] == [
        ('one\r\ntwo "x"', "a", 2),
        ("three", "b", 5),
    ]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("x,a\ny\nz,b\n", "wrong_field_count", 3),
        ("x,a\ny,b,c\n", "wrong_field_count", 3),
        ('x,a\n"y\n,b\n', "unclosed_quote", 3),
        ('x,a\n"y" z,b\n', "bad_quote", 3),
        ('x,a\n"y,b\n"z",c\nw,d\n', "bad_quote", 3),
        ("x,a\ny\rz,b\n", "carriage_return", 3),
        ("x,a\ny,\n", "empty_field", 3),
        ("x,a\n ,b\n", "empty_field", 3),
        ("x,a\ny\0,b\n", "nul_byte", 3),
        (b"x,a\ny\xff,b\n", "invalid_utf8", 3),
        (f"x,a\n{'y' * MAX_LINE_BYTES},b\nz,c\n", "line_too_long", 3),
    ],
)
def test_each_fault_of_a_table_has_a_place(tmp_path: Path, content: str | bytes, code: str, line: int) -> None:
    content = content.encode() if isinstance(content, str) else content
    path = write(tmp_path / "a.csv", b"text,label\n" + content)
    (error,) = errors_of(path, recognise(path))
    assert (error.code, error.line) == (code, line)


def test_a_quote_that_never_closes_does_not_take_the_whole_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'text,label\nx,a\n"y,b\n' + "z,c\n" * 260_000)
    first = errors_of(path, recognise(path))[0]
    assert (first.code, first.line) == ("line_too_long", 3)


def test_fields_beyond_the_csv_modules_own_limit_are_read(tmp_path: Path) -> None:
    (row,) = load(write(tmp_path / "a.csv", f"text,label\n{'x' * 300_000},a\n"))
    assert len(row.text) == 300_000


def test_duplicate_and_missing_headers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        recognise(write(tmp_path / "a.csv", "text,label,text\na,b,c\n"))
    assert caught.value.rows[0].code == "duplicate_column"
    with pytest.raises(DataError, match="first line of the file must name the columns"):
        recognise(write(tmp_path / "a.csv", "I liked it,good\nbad film,bad\n"))


def test_labels_are_text(tmp_path: Path) -> None:
    rows = [{"text": "t", "label": label} for label in ("a", 3, True, 1.0, None, ["x"], " ")]
    path = jsonl(tmp_path, *rows)
    items = list(read(path, recognise(path)))
    assert [item.label for item in items if isinstance(item, LabelledText)] == ["a", "3", "True"]
    codes = [item.code for item in items if isinstance(item, RowError)]
    assert codes == ["float_label", "empty_field", "wrong_type", "empty_field"]


# --- Parquet, text, hub ---


def test_parquet_rows_are_numbered_and_nulls_of_structs_are_absent(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    messages = [[{**turn, "weight": None, "name": None} for turn in CHAT], [{**CHAT[0], "weight": 0.5, "name": "n"}]]
    pq.write_table(pa.table({"messages": messages, "blob": [b"x", b"y"]}), tmp_path / "a.parquet")
    items = list(read(tmp_path / "a.parquet", recognise(tmp_path / "a.parquet")))
    assert isinstance(items[0], Conversation)
    assert items[0].messages == (Message("user", "hi"), Message("assistant", "hello"))
    errors = [item for item in items[1:] if isinstance(item, RowError)]
    assert {error.line for error in errors} == {2}
    assert [error.code for error in errors] == ["misplaced_field", "bad_weight", "last_not_assistant"]


def test_parquet_values_that_json_does_not_know_are_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a", "b\0", "c"], "label": [b"x", b"y", None]}), tmp_path / "a.parquet")
    errors = errors_of(tmp_path / "a.parquet", recognise(tmp_path / "a.parquet"))
    assert [(e.line, e.field, e.code) for e in errors] == [
        (1, "label", "wrong_type"),
        (2, "text", "nul_byte"),
        (2, "label", "wrong_type"),
        (3, "label", "empty_field"),
    ]


def test_a_damaged_parquet_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        recognise(write(tmp_path / "a.parquet", b"PAR1 nothing PAR1"))
    assert caught.value.rows[0].code == "damaged_file"


def test_text_files_and_folders_are_documents(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside.txt", "secret")
    folder = tmp_path / "docs"
    (folder / "b").mkdir(parents=True)
    (folder / ".git").mkdir()
    write(folder / ".git" / "x.txt", "hidden")
    write(folder / "c.md", "\ufeffc\r\n")
    write(folder / "b" / "a.txt", "a")
    write(folder / "d.bin", b"\xff")
    (folder / "link.txt").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "inside.txt").symlink_to(folder / "c.md")
    reading = recognise(folder)
    assert "3 text files; 3 others" in reading.reason
    documents = read_all(folder, reading)
    assert [(d.origin.file, d.text) for d in documents if isinstance(d, Document)] == [
        (str(folder / "b" / "a.txt"), "a"),
        (str(folder / "c.md"), "c\r\n"),
        (str(folder / "inside.txt"), "c\r\n"),
    ]
    assert [d.text for d in load(outside)] == ["secret"]
    write(folder / "e.txt", "ok\n\xe9".encode("latin-1"))
    write(folder / "f.txt", " \n")
    with pytest.raises(DataError) as caught:
        load(folder)
    places = [(Path(e.file).name, e.line, e.column, e.code) for e in caught.value.rows]
    assert places == [("e.txt", 2, 1, "invalid_utf8"), ("f.txt", 1, 0, "empty_field")]


def test_a_folder_without_text_names_its_data_files(tmp_path: Path) -> None:
    jsonl(tmp_path, PAIR)
    with pytest.raises(DataError, match=r"no .txt or .md file") as caught:
        recognise(tmp_path)
    assert "'rows.jsonl'" in caught.value.fix


def test_an_unreadable_file_is_a_fault_of_the_surroundings(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = jsonl(tmp_path, PAIR)
    path.chmod(0)
    with pytest.raises(EnvironmentFault, match="cannot read"):
        recognise(path)


# --- chats ---

USER, ANSWER = CHAT
SYSTEM = {"role": "system", "content": "be kind"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
TOOL = {"role": "tool", "content": "", "tool_call_id": "1", "name": "f"}


@pytest.mark.parametrize(
    "messages",
    [
        [SYSTEM, USER, ANSWER, USER, ANSWER],
        [{**SYSTEM, "role": "developer"}, USER, CALL, TOOL, TOOL, ANSWER],
        [USER, CALL],
        [USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1.0}],
        [USER, {**ANSWER, "function_call": None, "tool_calls": []}],
    ],
)
def test_good_chats_pass(tmp_path: Path, messages: Any) -> None:
    assert chat_codes(tmp_path, messages) == []


@pytest.mark.parametrize(
    ("messages", "codes"),
    [
        ([], ["empty_messages"]),
        ("hi", ["wrong_type"]),
        (None, ["empty_field"]),
        ([USER, "hi"], ["wrong_type"]),
        ([USER, {"role": "asistant", "content": "x"}], ["unknown_role"]),
        ([USER, {"role": ["assistant"], "content": "x"}], ["unknown_role"]),
        ([USER, {"content": "x"}], ["missing_field"]),
        ([USER, {"role": "assistant"}], ["empty_assistant"]),
        ([USER, {**ANSWER, "content": " "}], ["empty_assistant"]),
        ([{"role": "user"}, ANSWER], ["missing_field"]),
        ([{**USER, "content": 5}, ANSWER], ["wrong_type"]),
        ([{**USER, "content": "\n"}, ANSWER], ["empty_field"]),
        ([{**USER, "content": [{"type": "image_url"}, {"type": "text", "text": "x"}]}, ANSWER], ["unsupported_part"]),
        ([USER], ["last_not_assistant"]),
        ([ANSWER, USER, ANSWER], ["no_user_first"]),
        ([USER, ANSWER, USER], ["last_not_assistant"]),
        ([USER, USER, ANSWER], ["wrong_order"]),
        ([USER, ANSWER, ANSWER], ["wrong_order"]),
        ([USER, TOOL, ANSWER], ["wrong_order"]),
        ([USER, SYSTEM, ANSWER], ["system_not_first"]),
        ([SYSTEM, SYSTEM, USER, ANSWER], ["system_not_first"]),
        ([USER, {**ANSWER, "weight": 0}], ["nothing_to_learn"]),
        ([USER, {**ANSWER, "weight": True}], ["bad_weight"]),
        ([USER, {**ANSWER, "weight": 0.5}], ["bad_weight"]),
        ([USER, {**ANSWER, "weight": "1"}], ["bad_weight"]),
        ([{**USER, "weight": 1}, ANSWER], ["misplaced_field"]),
        ([{**USER, "tool_calls": [{}]}, ANSWER], ["misplaced_field"]),
        ([USER, {**ANSWER, "tool_calls": "f()"}], ["wrong_type"]),
        ([USER, {**ANSWER, "name": 3}], ["wrong_type"]),
        ([USER, {**ANSWER, "function_call": {}}], ["unknown_field"]),
        ([{**USER, "wieght": 1}, {"role": "gpt", "content": "x"}], ["unknown_field", "unknown_role"]),
    ],
)
def test_each_rule_of_chats(tmp_path: Path, messages: Any, codes: list[str]) -> None:
    assert chat_codes(tmp_path, messages) == codes


def test_names_that_are_nearly_right_are_proposed(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"messages": [{**USER, "wieght": 1}, {**ANSWER, "role": "Asistant"}]})
    first, second = errors_of(path, recognise(path))
    assert first.field == "messages[0].wieght"
    assert "Did you mean 'weight'?" in first.message
    assert "Did you mean 'assistant'?" in second.message


def test_parts_extra_fields_weights_and_tools_are_kept(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": " b"}]
    row = {"messages": [{"role": "user", "content": parts}, {**CALL, "weight": 0}, TOOL, ANSWER], "tools": [{"x": 1}]}
    (chat,) = load(jsonl(tmp_path, row))
    assert [m.content for m in chat.messages] == ["a b", "", "", "hello"]
    assert [m.weight for m in chat.messages] == [1.0, 0.0, 1.0, 1.0]
    assert chat.messages[2].extra == (("name", "f"), ("tool_call_id", "1"))
    assert chat.messages[1].extra == (("tool_calls", CALL["tool_calls"]),)
    assert chat.tools == ({"x": 1},)
    assert chat_codes(tmp_path, CHAT, tools={"x": 1}) == ["wrong_type"]
    assert chat_codes(tmp_path, CHAT, tools=["x"]) == ["wrong_type"]


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


def test_a_hub_that_cannot_be_reached_is_a_fault_of_the_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EnvironmentFault, match="from the hub") as caught:
        recognise("nobody/nothing:test")
    assert caught.value.where == "nobody/nothing:test"
    assert "(test)" in caught.value.fix


def test_many_repeated_keys_are_named_a_few_times_and_soon(tmp_path: Path) -> None:
    """Each named key costs a look through the line, so a hostile line must not have all of its keys named."""
    path = tmp_path / "keys.jsonl"
    repeated = ", ".join(f'"k{i}": 1, "k{i}": 2' for i in range(20_000))
    path.write_text("{" + repeated + "}\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        recognise(path)
    assert 1 <= len(caught.value.rows) <= 8
    assert {row.code for row in caught.value.rows} == {"duplicate_key"}


def test_reading_ends_at_a_request_to_stop(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", (GOOD + "\n").encode() * 3)
    with pytest.raises(Interrupted):
        read_all(path, recognise(path), stop=Stop(requested=True))

"""Each format of file: its rows with their lines, and each fault of it with its place."""

import json
import os
from pathlib import Path

import pytest
from readings import CHAT, GOOD, PAIR, PAIRS_READING, errors_of, jsonl, load, pair_errors, write

from attune.data.example import Conversation, Document, Message
from attune.data.lines import MAX_LINE_BYTES
from attune.data.rows import Reading
from attune.data.source import read, read_all, recognise
from attune.errors import DataError, EnvironmentFault, RowError

# --- JSON ---


@pytest.mark.parametrize("line", ['["a"]', "5"])
def test_a_line_that_holds_no_object_is_named(tmp_path: Path, line: str) -> None:
    (error,) = pair_errors(tmp_path, f"{GOOD}\n\n{line}\n{GOOD}\n")
    assert (error.code, error.line, error.column) == ("not_an_object", 3, 0)
    assert error.message
    assert error.fix


def test_a_file_cut_in_its_last_line_is_told_apart(tmp_path: Path) -> None:
    for length in range(1, len(GOOD)):
        (error,) = pair_errors(tmp_path, f"{GOOD}\n{GOOD[:length]}")
        assert (error.code, error.line) == ("truncated", 2)
    assert pair_errors(tmp_path, f"{GOOD}\n{GOOD}") == []
    (error,) = pair_errors(tmp_path, f"{GOOD[:-3]}\n")
    assert error.code == "invalid_json"


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


def test_an_unreadable_file_is_a_fault_of_the_surroundings(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = jsonl(tmp_path, PAIR)
    path.chmod(0)
    with pytest.raises(EnvironmentFault, match="cannot read"):
        recognise(path)


def test_a_hub_that_cannot_be_reached_is_a_fault_of_the_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EnvironmentFault, match="from the hub") as caught:
        recognise("nobody/nothing:test")
    assert caught.value.where == "nobody/nothing:test"
    assert "(test)" in caught.value.fix


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "spreadsheet"),
        (b"BZh9", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"PAR1", "Parquet"),
        (b"ARROW1\0\0", "Arrow"),
        (b"SQLite format 3\0", "SQLite"),
        (b"%PDF-1.7", "PDF"),
    ],
)
@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "txt"])
def test_a_file_that_is_no_text_is_told_by_its_first_bytes(tmp_path: Path, head: bytes, name: str, suffix: str) -> None:
    path = write(tmp_path / f"rows.{suffix}", head + b"\n\x00\xff,\n" * 9)
    shape = "document" if suffix == "txt" else "pair"
    (error,) = errors_of(path, Reading("text" if suffix == "txt" else suffix, shape, {"text": "text"}, ""))
    assert (error.code, error.line) == ("not_text", 1)
    assert name in error.message


def test_lines_that_end_in_carriage_returns_are_told_so(tmp_path: Path) -> None:
    (error,) = pair_errors(tmp_path, f"{GOOD}\r{GOOD}\r")
    assert (error.code, error.line, error.column) == ("carriage_return", 1, len(GOOD) + 1)
    (error,) = pair_errors(tmp_path, f'{GOOD}\n{{"prompt": "a\rb", "completion": "c"}}\n')
    assert (error.code, error.line, error.column) == ("carriage_return", 2, 14)
    assert pair_errors(tmp_path, f"{GOOD}\r\n{GOOD}\r\n") == []


def test_json_lines_named_csv_are_told_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"name of the file end in \.jsonl"):
        recognise(write(tmp_path / "a.csv", f"{GOOD}\n"))


def test_a_damaged_group_of_a_parquet_file_does_not_take_the_rows_before_it(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"unique-{i:03}" for i in range(100)]})
    pq.write_table(table, path, row_group_size=10, write_page_checksum=True, use_dictionary=False, compression="none")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"unique-055", b"unique-05X", 1))
    items = list(read(path, Reading("parquet", "document", {"text": "text"}, "")))
    assert [item.code for item in items if isinstance(item, RowError)] == ["damaged_file"]
    assert (len(items), getattr(items[-1], "line", 0)) == (51, 51)

"""Physical lines of UTF-8: how they are counted, and what is no such line."""

import json
from pathlib import Path

import pytest
from readings import GOOD, PAIR, load, pair_errors, write

from attune.data.lines import MAX_LINE_BYTES
from attune.errors import DataError


def test_lines_are_physical_with_bom_crlf_and_blank_lines(tmp_path: Path) -> None:
    row = json.dumps(PAIR)
    path = write(tmp_path / "rows.jsonl", f"\ufeff{row}\r\n\r\n   \n{row}")
    assert [example.origin.line for example in load(path)] == [1, 4]
    assert load(path)[0].origin.file == str(path)


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


def test_a_line_that_is_too_long_is_not_kept(tmp_path: Path) -> None:
    huge = json.dumps({"prompt": "x" * 20_000_000, "completion": "c"})
    (error,) = pair_errors(tmp_path, f"{GOOD}\n{huge}\n{GOOD}\n")
    assert (error.code, error.line) == ("line_too_long", 2)
    assert len(str(error)) < 500
    longest = json.dumps({"prompt": "", "completion": "c"})
    filled = longest.replace('""', '"' + "x" * (MAX_LINE_BYTES - len(longest) - 1) + '"')
    assert pair_errors(tmp_path, filled + "\n") == []
    assert [e.code for e in pair_errors(tmp_path, filled + " \n")] == ["line_too_long"]

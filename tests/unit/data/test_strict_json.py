"""What json.loads lets pass and a row of data must not hold, with its code and its column."""

from pathlib import Path

import pytest
from readings import GOOD, pair_errors

from attune.data.source import recognise
from attune.errors import DataError


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
    ],
)
def test_each_fault_of_the_json_has_a_code_and_a_place(tmp_path: Path, line: str, code: str, column: int) -> None:
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


def test_messages_stay_short_and_printable(tmp_path: Path) -> None:
    long_key = "\\n" + "k" * 100_000
    errors = pair_errors(tmp_path, f'{{"{long_key}": 1, "{long_key}": 2}}\n{{"{long_key}": 1}}\n')
    assert {error.code for error in errors} == {"duplicate_key", "missing_field"}
    assert all(len(str(error)) < 500 and "\n" not in str(error) for error in errors)


def test_many_repeated_keys_are_named_a_few_times_and_soon(tmp_path: Path) -> None:
    """Each named key costs a look through the line, so a hostile line must not have all of its keys named."""
    path = tmp_path / "keys.jsonl"
    repeated = ", ".join(f'"k{i}": 1, "k{i}": 2' for i in range(20_000))
    path.write_text("{" + repeated + "}\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        recognise(path)
    assert 1 <= len(caught.value.rows) <= 8
    assert {row.code for row in caught.value.rows} == {"duplicate_key"}

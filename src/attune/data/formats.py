"""Files -> raw rows. Each format is one generator of `RawRow`s and `RowError`s with physical line numbers.

JSONL, CSV, TSV, Parquet and hub data sets are streamed; a JSON array and a text file are read whole.
"""

from __future__ import annotations

import csv
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from attune.data import strict_json
from attune.data.example import Origin
from attune.data.lines import MAX_LINE_BYTES, Lines, not_utf8_text, row_error, too_long, whole_text
from attune.data.strict_json import Fault, quoted
from attune.errors import EnvironmentFault, RowError

TEXT_SUFFIXES = (".txt", ".md")
SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
} | dict.fromkeys(TEXT_SUFFIXES, "text")


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as the file has it: column or key -> value."""

    origin: Origin
    values: dict[str, Any]


Rows = Iterator[RawRow | RowError]


def raw_rows(source: str, file_format: str, columns: Sequence[str] = (), time_by: str | None = None) -> Rows:
    """The rows of a source, streamed where the format allows. `columns` tells Parquet and hubs what will be used.

    A date of theirs stands as its ISO 8601 text in the column `time_by`; anywhere else it is a fault.

    Raises:
        EnvironmentFault: a file cannot be opened, or the hub does not answer.
    """
    try:
        match file_format:
            case "jsonl":
                yield from _jsonl_rows(source)
            case "json":
                yield from _json_rows(source)
            case "csv" | "tsv":
                yield from _delimited_rows(source, "\t" if file_format == "tsv" else _delimiter(source))
            case "parquet":
                yield from _parquet_rows(source, columns, time_by)
            case "text":
                yield from _text_rows(source)
            case "hub":
                yield from _hub_rows(source, columns, time_by)
            case _:
                raise AssertionError(file_format)
    except OSError as error:
        raise unreadable(source, error) from error


def unreadable(source: str, error: OSError) -> EnvironmentFault:
    """The fault of a file that the system does not let us read."""
    reason = error.strerror or str(error)
    return EnvironmentFault(f"cannot read the data: {reason}", where=source, fix="check the path and its permissions")


def text_files(folder: Path) -> tuple[list[Path], int]:
    """The .txt and .md files under a folder in the order of their paths, and how many other files there are.

    Hidden files and folders, linked folders, and links that lead out of the folder count as others.
    """
    root = folder.resolve()
    found: list[Path] = []
    others = 0
    for parent, folders, names in os.walk(folder, onerror=_raise):
        visible = [name for name in folders if not name.startswith(".")]
        others += len(folders) - len(visible)
        folders[:] = visible
        for path in (Path(parent) / name for name in names):
            inside = path.is_file() and path.resolve().is_relative_to(root)
            if inside and path.suffix.lower() in TEXT_SUFFIXES and not path.name.startswith("."):
                found.append(path)
            else:
                others += 1
    return sorted(found, key=lambda path: path.relative_to(folder).parts), others


def _raise(error: OSError) -> None:
    raise error


# --- JSON ---


def _jsonl_rows(source: str) -> Rows:
    if other := not_utf8_text(source):
        yield other
        return
    with Path(source).open("rb") as stream:
        lines = Lines(stream, source)
        for line in lines:
            if line.faults:
                yield from line.faults
            elif line.text.strip():
                yield from _json_row(source, line.text.rstrip("\r\n"), lines.number, 1, not line.text.endswith("\n"))


def _json_row(
    source: str, text: str, line: int, column: int, is_end_of_file: bool = False, *, shared: bool = False
) -> Rows:
    """One object's text as a row, or as all its errors; `line` and `column` are where the text starts.

    Args:
        shared: other text stands before it on its line.
    """
    origin = Origin(source, line, column=column if shared else 0)
    value, faults = strict_json.parse(text)
    if not faults and not isinstance(value, dict):
        fix = "write one object with named fields on each line"
        if isinstance(value, list):
            fix += ", or give a file that is one array the name ending .json"
        faults = [Fault("not_an_object", f"the row is {kind(value)}, not an object", fix)]
    elif is_end_of_file and any(fault.code == "invalid_json" for fault in faults):
        is_cut = faults[0].offset >= len(text) or not text.rstrip().endswith(("}", "]"))
        faults = [_CUT] if is_cut else faults
    faults = [_bare_return(text, fault) for fault in faults]
    for fault in faults:
        if fault.offset < 0:
            yield origin.error(fault.field, fault.code, fault.message, fault.fix)
        else:
            lines_down = text.count("\n", 0, fault.offset)
            at = fault.offset - text.rfind("\n", 0, fault.offset) if lines_down else column + fault.offset
            found = row_error(source, line + lines_down, fault, at)
            yield dataclasses.replace(found, row=(line, origin.column))
    if not faults:
        yield RawRow(origin, value)


_CUT = Fault(
    "truncated",
    "the file ends in the middle of the row that starts here",
    "the file was cut while it was written or copied: make it again, or remove this row",
)


def _bare_return(text: str, fault: Fault) -> Fault:
    """The fault itself, or that a line ends as on old systems, which most often is why the text is no JSON."""
    place = text.find("\r")
    if fault.code != "invalid_json" or not 0 <= place <= fault.offset:
        return fault
    fix = "save the file with line feeds as line ends; inside a text, write \\r"
    return Fault("carriage_return", "a bare carriage return", fix, place)


def _json_rows(source: str) -> Rows:
    text, errors = whole_text(source)
    yield from errors
    if errors:
        return
    line, line_start, counted = 1, 0, 0  # the number and the start of the line that offset `counted` is on
    for index, (start, end, mark) in enumerate(_elements(text)):
        content = text[start:end].strip(" \t\r\n")
        begin = text.index(content[0], start) if content else start
        line += text.count("\n", counted, begin)
        line_start = max(line_start, text.rfind("\n", counted, begin) + 1)
        counted, column = begin, begin - line_start + 1
        shared = "\n" not in text[start:begin]
        if mark == "cut":
            found = _json_row(source, content, line, column, True, shared=shared)
            errors = [row for row in found if isinstance(row, RowError)]
            yield from errors or [row_error(source, line, _CUT)]
        elif mark == "rest":
            if content:
                message = "there is more text after the end of the array"
                yield row_error(source, line, Fault("invalid_json", message, "keep one array in the file"))
        elif len(content) > MAX_LINE_BYTES:
            yield row_error(source, line, too_long(len(content.encode())))
        elif content or mark == "," or index > 0:
            yield from _json_row(source, content, line, column, shared=shared)


def _elements(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and end mark ("," or "]") of each element of the array; at last the "rest" of the file, or a "cut"."""
    depth = start = 0
    for match in strict_json.STRUCTURE.finditer(text):
        token = match[0]
        if token == '"':
            break
        if token in "[{":
            depth += 1
            if depth == 1:
                start = match.end()
        elif token in "]}":
            depth -= 1
            if depth == 0:
                yield start, match.start(), "]"
                yield match.end(), len(text), "rest"
                return
        elif token == "," and depth == 1:
            yield start, match.start(), ","
            start = match.end()
    yield start, len(text), "cut"


def kind(value: Any) -> str:
    """A JSON value's type in plain words, for a message."""
    names = {str: "text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), f"a {type(value).__name__}")


# --- text files ---


def _text_rows(source: str) -> Rows:
    path = Path(source)
    for file in text_files(path)[0] if path.is_dir() else [path]:
        name = str(file) if path.is_dir() else source
        text, errors = whole_text(name)
        yield from errors
        if not errors:
            yield RawRow(Origin(name, 1), {"text": text})


# --- delimited ---


class _RowTooLongError(Exception):
    """A CSV row passed the limit: most often a quote that never closes."""


@dataclass(slots=True)
class _Feed:
    """Gives csv.reader its lines and remembers what was wrong with those of the current row."""

    lines: Lines
    faults: list[RowError] = field(default_factory=list)
    row_bytes: int = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.faults += line.faults
        self.row_bytes += line.size_bytes
        if self.row_bytes > MAX_LINE_BYTES:
            raise _RowTooLongError
        return line.text


def _delimiter(source: str) -> str:
    with Path(source).open("rb") as stream:
        header = next((line.text for line in Lines(stream, source) if line.text.strip()), "")
    outside_quotes = re.sub(r'"[^"]*"', "", header)
    return max(",;\t", key=outside_quotes.count)


def _delimited_rows(source: str, delimiter: str) -> Rows:
    records = _records(source, delimiter)
    line, header, errors = next(records, (1, [], []))
    errors += _header_errors(source, line, header)
    yield from errors
    if errors:
        return
    for line, fields, faults in records:
        if faults:
            yield from faults
        elif len(fields) != len(header):
            message = f"{len(fields)} field{'s' * (len(fields) != 1)}, but the header names {len(header)}"
            fix = f"put a field that holds {quoted(delimiter)} or a line break in double quotes"
            yield row_error(source, line, Fault("wrong_field_count", message, fix))
        else:
            yield RawRow(Origin(source, line), dict(zip(header, fields, strict=True)))


def _records(source: str, delimiter: str) -> Iterator[tuple[int, list[str], list[RowError]]]:
    """First physical line, fields, and faults of each record that is not blank."""
    if other := not_utf8_text(source):
        yield 1, [], [other]
        return
    # The csv module has one limit for the process, 128 KiB at first; a row of ours may be longer.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))
    with Path(source).open("rb") as stream:
        feed = _Feed(Lines(stream, source))
        reader = csv.reader(feed, delimiter=delimiter, strict=True)
        while True:
            start = feed.lines.number + 1
            feed.faults, feed.row_bytes = [], 0
            fields: list[str] = []
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:  # the reader goes on with the next line
                feed.faults.append(row_error(source, start, _csv_fault(str(error), start, feed.lines.number)))
            except _RowTooLongError:
                if all(fault.code != "line_too_long" for fault in feed.faults):
                    feed.faults.append(row_error(source, start, too_long(feed.row_bytes)))
            if feed.faults or len(fields) > 1 or "".join(fields).strip():
                yield start, fields, feed.faults


def _csv_fault(message: str, start: int, end: int) -> Fault:
    rows = f"the row that starts at line {start} and was read up to line {end}"
    if "unexpected end" in message:
        return Fault("unclosed_quote", f"a quote opens in {rows}, the end of the file, and never closes", "close it")
    if "new-line" in message:
        return Fault(
            "carriage_return", f"a bare carriage return in {rows}", "save the file with line feeds as line ends"
        )
    fix = 'write a quote inside a quoted field twice (""), and close every quoted field'
    return Fault("bad_quote", f"text after a closing quote in {rows}", fix)


def _header_errors(source: str, line: int, header: list[str]) -> list[RowError]:
    if header and header[0].lstrip().startswith('{"'):
        fault = Fault("not_a_table", "the first line is a JSON object", "let the name of the file end in .jsonl")
        return [row_error(source, line, fault)]
    faults = []
    for name in dict.fromkeys(header):
        if header.count(name) > 1:
            faults.append(_same_name(header.count(name), name))
    return [row_error(source, line, fault) for fault in faults]


def _same_name(count: int, name: str) -> Fault:
    message = f"{count} columns have the name {quoted(name)}"
    return Fault("duplicate_column", message, "give each column a name of its own", field=quoted(name)[1:-1])


# --- tables ---


def _parquet_rows(source: str, columns: Sequence[str], time_by: str | None) -> Rows:
    import pyarrow
    import pyarrow.parquet

    number = 0
    with Path(source).open("rb") as stream:
        try:
            table = pyarrow.parquet.ParquetFile(stream, page_checksum_verification=True)
            # A dot in a name would be taken for a path into a nested column.
            names = None if any("." in name for name in columns) else list(columns) or None
            held = table.schema_arrow.names
            for name in dict.fromkeys(name for name in held if held.count(name) > 1):
                yield row_error(source, 1, _same_name(held.count(name), name))
            if len(set(held)) < len(held):
                return
            for group in range(table.num_row_groups):  # a batch of several would hide which of them is damaged
                for batch in table.iter_batches(batch_size=256, row_groups=[group], columns=names):
                    for values in batch.to_pylist():
                        number += 1
                        yield from _table_row(source, number, values, columns, time_by)
        except (pyarrow.ArrowException, ValueError, OverflowError, OSError) as error:
            message = f"the Parquet file is damaged after row {number}: {_first_line(error)}"
            yield row_error(source, number + 1, Fault("damaged_file", message, "write or copy the file again"))


def _hub_rows(source: str, columns: Sequence[str], time_by: str | None) -> Rows:
    import datasets

    name, _, split = source.partition(":")
    number = 0
    try:
        # From datasets 4 on, a data set's own code cannot run; there is no option to forbid.
        table = datasets.load_dataset(name, split=split or "train", streaming=True)
        features = dict(table.features or {})
        for number, values in enumerate(table, start=1):
            named = {column: _label_name(features.get(column), value) for column, value in values.items()}
            yield from _table_row(source, number, named, columns, time_by)
    except (
        Exception
    ) as error:  # the hub's client raises many unrelated types; each of them ends here, none is passed over
        fix = (
            "if it is a file or folder, check the path; if it is a data set on the hub, check its name, the split "
            f"({split or 'train'}) and the network, or download it and name the file"
        )
        raise EnvironmentFault(
            f"cannot read it from the hub after row {number}: {_first_line(error)}", where=source, fix=fix
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _label_name(feature: Any, value: Any) -> Any:
    """Hubs store a class as a number; its name says more."""
    names = getattr(feature, "names", None)
    return names[value] if names and isinstance(value, int) and 0 <= value < len(names) else value


def _table_row(source: str, number: int, values: dict[str, Any], columns: Sequence[str], time_by: str | None) -> Rows:
    used = {name: value for name, value in values.items() if not columns or name in columns}
    if isinstance(moment := used.get(time_by or ""), date):  # a datetime is one too
        used[time_by or ""] = moment.isoformat()
    faults = [
        row_error(source, number, Fault(f.code, f.message, f.fix, field=quoted(name)[1:-1]))
        for name, value in used.items()
        if columns
        for f in strict_json.value_faults(value)
    ]
    yield from faults
    if not faults:
        yield RawRow(Origin(source, number), used)

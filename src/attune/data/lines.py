"""Bytes of a text file -> checked text: UTF-8 or a `RowError` that says where, and never a line of unlimited length."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from attune.data import strict_json
from attune.data.strict_json import Fault
from attune.errors import RowError

MAX_LINE_BYTES = 1_000_000
MAX_WHOLE_FILE_BYTES = 512 * 1024 * 1024
_UNPACK = "unpack it and name the file that was in it"
# How files begin that are not text, whatever their names end in.
_BINARY = (
    (b"\x1f\x8b", "a gzip file", _UNPACK),
    (b"PK\x03\x04", "a ZIP file or a spreadsheet", "unpack it, or save the sheet as 'CSV UTF-8'"),
    (b"BZh", "a bzip2 file", _UNPACK),
    (b"\xfd7zXZ\x00", "an xz file", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file", _UNPACK),
    (b"PAR1", "a Parquet file", "let its name end in .parquet"),
    (b"ARROW1", "an Arrow file", "save the table as Parquet or JSON lines"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV or JSON lines"),
    (b"%PDF-", "a PDF file", "save its text as a .txt file"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line, or what is left of it: a line that is too long has no text."""

    text: str  # with its line end, without a byte order mark
    size_bytes: int
    faults: tuple[RowError, ...]


@dataclass(slots=True)
class Lines:
    """The physical lines of a UTF-8 file, one at a time, never more than MAX_LINE_BYTES of them in memory."""

    stream: BinaryIO
    file: str
    number: int = 0
    offset_bytes: int = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> Line:
        raw = self.stream.readline(MAX_LINE_BYTES + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        start = self.offset_bytes
        self.offset_bytes += len(raw)
        if len(raw) > MAX_LINE_BYTES:
            while not raw.endswith(b"\n") and (raw := self.stream.readline(65536)):
                self.offset_bytes += len(raw)
            size_bytes = self.offset_bytes - start
            return Line("", size_bytes, (row_error(self.file, self.number, too_long(size_bytes)),))
        text, faults = _decode(raw, start)
        return Line(text, len(raw), tuple(row_error(self.file, self.number, f, f.offset + 1) for f in faults))


def _decode(raw: bytes, start: int = 0) -> tuple[str, list[Fault]]:
    """The text of some bytes without a byte order mark, and the first thing of each kind that is wrong with it."""
    faults = []
    if start == 0 and raw.startswith(codecs.BOM_UTF8):
        start = len(codecs.BOM_UTF8)
        raw = raw[start:]
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        text = raw.decode("utf-8", "surrogateescape")
        message = f"not UTF-8: byte 0x{raw[error.start]:02x} at byte offset {start + error.start} of the file"
        column = len(raw[: error.start].decode("utf-8"))
        faults.append(Fault("invalid_utf8", message, "save the file as UTF-8", column))
    if "\0" in text:
        faults.append(strict_json.nul_character(text.index("\0")))
    return text, faults


def too_long(size_bytes: int) -> Fault:
    """A row that passes MAX_LINE_BYTES."""
    message = f"{size_bytes:,} bytes in one row; the limit is {MAX_LINE_BYTES:,}"
    return Fault("line_too_long", message, "split the row, or check that every row is on a line of its own")


def not_utf8_text(source: str) -> RowError | None:
    """What a file is instead: packed or a table by its first bytes, UTF-16 and UTF-32 by their byte order mark, or by
    NULs in every second of the first bytes."""
    with Path(source).open("rb") as stream:
        head = stream.read(64)
    for start, name, fix in _BINARY:
        if head.startswith(start):
            return row_error(source, 1, Fault("not_text", f"the file is {name}, not text", fix))
    is_alternating = len(head) >= 4 and any(not any(head[i::2]) and all(head[1 - i :: 2]) for i in (0, 1))
    if not (head.startswith((b"\xff\xfe", b"\xfe\xff")) or is_alternating):
        return None
    fix = "save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
    return row_error(source, 1, Fault("utf16", "the file is UTF-16 or UTF-32, not UTF-8", fix))


def whole_text(path: str) -> tuple[str, list[RowError]]:
    """The text of a whole file as it stands, without a byte order mark, or what is wrong with it."""
    size_bytes = Path(path).stat().st_size
    if size_bytes > MAX_WHOLE_FILE_BYTES:
        message = f"{size_bytes:,} bytes in a file that is read whole; the limit is {MAX_WHOLE_FILE_BYTES:,}"
        return "", [row_error(path, 1, Fault("file_too_large", message, "use JSONL or Parquet, which are streamed"))]
    if other := not_utf8_text(path):
        return "", [other]
    raw = Path(path).read_bytes()
    text, faults = _decode(raw)
    errors = []
    for fault in faults:
        line = text.count("\n", 0, fault.offset) + 1
        errors.append(row_error(path, line, fault, fault.offset - text.rfind("\n", 0, fault.offset)))
    return text, errors


def row_error(file: str, line: int, fault: Fault, column: int = 0) -> RowError:
    """A fault with its place in a file."""
    return RowError(file, line, column, fault.field, fault.code, fault.message, fault.fix)

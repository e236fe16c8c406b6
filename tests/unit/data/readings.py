"""Rows, the files that hold them, and what reading those gives."""

import json
from pathlib import Path
from typing import Any

from attune.data.rows import Reading
from attune.data.source import read, read_all, recognise
from attune.errors import RowError

PAIR = {"prompt": "p", "completion": "c"}
CHAT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
GOOD = json.dumps(PAIR)
USER, ANSWER = CHAT
SYSTEM = {"role": "system", "content": "be kind"}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
TOOL = {"role": "tool", "content": "", "tool_call_id": "1", "name": "f"}
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

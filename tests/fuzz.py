"""Mutated inputs for the readers, and what must hold of every one: rows or our own errors, soon, at their places.

python tests/fuzz.py 200000 [SEED]      prints the figures of so many inputs
"""

from __future__ import annotations

import csv
import io
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grammars
import psutil
import tongues

from attune import recipe
from attune.data import audit, source, strict_json
from attune.data.example import Conversation, Document, Example, LabelledText, Pair, Shape
from attune.data.source import Reading
from attune.errors import AttuneError, RowError
from attune.recipe import Audit

ROWS = 200  # in a file; each fifth of them is whole
MOST_MESSAGE = 1000
SHARES = {"jsonl": 0.72, "csv": 0.15, "text": 0.10, "array": 0.02, "file": 0.007, "recipe": 0.002, "parquet": 0.001}
TOKENS: tuple[bytes, ...] = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r", b"\r\n", b"\t", b"\0", b"\xff", b"\xed\xa0\x80",
    b"\xc3", b"\\ud800", b"\\udfff", b"\\u0000", b"\\u", b"\\x", b"NaN", b"-Infinity", b"1e999", b"-", b"0" * 400,
    b"9" * 4400, b"null", b"true", b'""', b"[" * 40, b'{"a":' * 40, b"]" * 40, b"\xef\xbb\xbf", b"\xfe\xff",
    b"\x1f\x8b", b"PK\x03\x04", b"\xe2\x80\xa8", "\u0301".encode() * 300, "\u202e".encode(), b'"role":',
    b'"content":', b'"weight":0.5', b'"tool_calls":', b'"messages":', b'"label":', b"<|im_end|>", b"{{", b"&nbsp;",
    b"&a ", b"*a", b"!!python/object:os.system ", b"%YAML 1.1\n",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 0.5, 1e300, 10**300, float("nan"), float("inf"), "", " ", "\0", "\ud800", "x" * 3000,
    "\u0301" * 300, [], {}, [[]], [None], {"": None}, {"role": "user"}, [{"role": "user", "content": "x"}],
    {"type": "text", "text": "x"}, "NaN", "tool", "assistant", [{"type": "text", "text": 1}],
    [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],
)  # fmt: skip
RECIPES = (
    b"data:\n  train: rows.jsonl\n  split: {validation: 0.1, test: 0.2, seed: 3}\n"
    b"  audit: {skip: [refusals], few_rows: 9}\n",
    b"name: desk\ntask: chat\nmodel: a/b\ndata: {train: a.csv, columns: {text: body, label: kind}}\n",
    b'data: {train: "a b.jsonl"}\nmethod:\n  kind: lora\n  rank: 8\n'
    b"training: {epochs: 2, learning_rate: 2e-4, seed: 1}\n",
)
READINGS: dict[Shape, dict[str, str]] = {
    "conversation": {"messages": "messages", "tools": "tools"},
    "pair": {"prompt": "prompt", "completion": "completion"},
    "labelled": {"text": "text", "label": "label"},
    "document": {"text": "text"},
}


def corpus(n: int = 40) -> dict[Shape, list[bytes]]:
    """Valid rows of every shape, as lines of a file."""
    rows: dict[Shape, Sequence[Any]] = {
        "conversation": [*grammars.workshop(n), *grammars.travelling(n), *grammars.coding(n), *grammars.personas(n)],
        "pair": [
            *grammars.library(n),
            *(dict(zip(("prompt", "completion"), row.values(), strict=True)) for row in tongues.polyglot(n)),
        ],
        "labelled": grammars.reviews(n),
        "document": tongues.pages(n // 2),
    }
    return {
        shape: [json.dumps(row, ensure_ascii=i % 2 > 0).encode() for i, row in enumerate(made)]
        for shape, made in rows.items()
    }


@dataclass
class Mutator:
    """Changes rows at random: in their bytes, or in the value that they hold."""

    pick: random.Random
    others: Sequence[bytes]

    def __call__(self, row: bytes) -> bytes:
        """The row after one to four changes."""
        for _ in range(self.pick.choice((1, 1, 1, 2, 3, 4))):
            row = self._restructured(row) if self.pick.random() < 0.5 else self._altered(row)
        return row

    def _altered(self, row: bytes) -> bytes:
        pick = self.pick
        at, end = sorted((pick.randrange(len(row) + 1), pick.randrange(len(row) + 1)))
        near = min(end, at + pick.randrange(12))
        match pick.randrange(7):
            case 0 if row:
                place = min(at, len(row) - 1)
                return row[:place] + bytes([row[place] ^ (1 << pick.randrange(8))]) + row[place + 1 :]
            case 1:
                other = pick.choice(self.others)
                return row[:at] + other[pick.randrange(len(other)) :]
            case 2 | 3:
                return row[:at] + pick.choice(TOKENS) + row[near:]
            case 4:
                return row[:at]
            case 5:
                return row[:at] + row[near:]
        return row[:end] + row[at:end] + row[end:] if len(row) < 20_000 else row

    def _restructured(self, row: bytes) -> bytes:
        try:
            value = json.loads(row)
            value = self._changed(value)
            return json.dumps(value, ensure_ascii=self.pick.random() < 0.5).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            return self._altered(row)

    def _changed(self, value: Any) -> Any:
        pick = self.pick
        inside = isinstance(value, dict | list) and len(value) > 0
        if not inside or pick.random() < 0.15:
            return pick.choice((pick.choice(VALUES), [value], {"text": value}, str(value)))
        if isinstance(value, list):
            at = pick.randrange(len(value))
            match pick.randrange(4):
                case 0:
                    return value[:at] + value[at + 1 :]
                case 1:
                    return value[: at + 1] + value[at:]
            return [*value[:at], self._changed(value[at]), *value[at + 1 :]]
        key = pick.choice(list(value))
        match pick.randrange(5):
            case 0:
                return {k: v for k, v in value.items() if k != key}
            case 1:
                return {
                    (pick.choice((key.upper(), key + "\n", "", "role")) if k == key else k): v for k, v in value.items()
                }
        return {**value, key: self._changed(value[key])}


@dataclass
class Figures:
    """What was fed, what came out, and how long single inputs took."""

    inputs: int = 0
    examples: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    grown_bytes: int = 0
    wall_seconds: float = 0.0

    def __add__(self, other: Figures) -> Figures:
        """Of two processes that ran side by side."""
        return Figures(
            self.inputs + other.inputs,
            self.examples + other.examples,
            self.codes + other.codes,
            self.seconds + other.seconds,
            max(self.grown_bytes, other.grown_bytes),
            max(self.wall_seconds, other.wall_seconds),
        )

    def percentile(self, share: float) -> float:
        """Milliseconds that this share of the inputs took at most."""
        return 1000 * sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]

    def __str__(self) -> str:
        kinds = ", ".join(f"{code} {count:,}" for code, count in self.codes.most_common())
        return (
            f"{self.inputs:,} inputs in {self.wall_seconds:.0f} s: {self.examples:,} rows, {self.codes.total():,} "
            f"errors; per input p50 {self.percentile(0.5):.3f} ms, p99 {self.percentile(0.99):.3f} ms, worst "
            f"{self.percentile(1):.1f} ms; memory grew by {self.grown_bytes / 1e6:.1f} MB\n  {kinds}"
        )


class Fuzzer:
    """Feeds the readers in files of many rows; an AssertionError or anything that is not ours is a find."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.pick = random.Random(seed)
        self.folder = folder
        self.corpus = corpus()
        self.mutate = Mutator(self.pick, [row for rows in self.corpus.values() for row in rows])
        self.figures = Figures()
        self.parquet = self._parquet()

    def run(self, inputs: int) -> Figures:
        """Feed so many inputs of all kinds."""
        began, base = time.monotonic(), 0
        self._write("rows.jsonl", b"\n".join(self.corpus["labelled"]))
        self._audit(self._read(Reading("jsonl", "labelled", READINGS["labelled"], ""), 0, 10**9))  # loads what it needs
        feeds: dict[str, Callable[[], None]] = {
            "jsonl": self._feed_jsonl, "csv": self._feed_csv, "text": self._feed_text, "array": self._feed_array,
            "file": self._feed_file, "recipe": self._feed_recipe, "parquet": self._feed_parquet,
        }  # fmt: skip
        fed: Counter[str] = Counter()
        while self.figures.inputs < inputs:
            kind = min(SHARES, key=lambda name: fed[name] / SHARES[name])
            before = self.figures.inputs
            feeds[kind]()
            fed[kind] += self.figures.inputs - before
            if not base and self.figures.inputs > inputs / 4:  # what is imported late and kept once is in here
                base = psutil.Process().memory_info().rss
        self.figures.grown_bytes = psutil.Process().memory_info().rss - base
        self.figures.wall_seconds = time.monotonic() - began
        return self.figures

    def _feed_jsonl(self) -> None:
        shape = self.pick.choice(list(READINGS))
        whole: set[int] = set()
        rows, line = [], 1
        for i in range(ROWS):
            row = self.pick.choice(self.corpus[shape])
            if i % 5:
                row = self.mutate(row)
            else:
                whole.add(line)
            rows.append(row)
            line += row.count(b"\n") + 1
        self._write("rows.jsonl", b"\n".join([*rows, b""]))
        examples = self._read(Reading("jsonl", shape, READINGS[shape], ""), ROWS, line)
        lost = whole - {example.origin.line for example in examples}
        assert not lost, f"whole rows were not read: {sorted(lost)[:5]}"
        if self.pick.random() < 0.002:
            self._audit(examples)

    def _feed_csv(self) -> None:
        delimiter = self.pick.choice(",\t")
        stream = io.StringIO()
        rows = []
        for row in self.pick.sample(self.corpus["labelled"], 40):
            csv.writer(stream, delimiter=delimiter).writerow(json.loads(row).values())
            rows.append(self.mutate(stream.getvalue().rstrip("\r\n").encode()))
            stream.seek(0)
            stream.truncate()
        name = "csv" if delimiter == "," else "tsv"
        content = b"\n".join([f"text{delimiter}label".encode(), *rows, b""])
        self._write(f"rows.{name}", content)
        self._read(Reading(name, "labelled", READINGS["labelled"], ""), len(rows), content.count(b"\n") + 1)

    def _feed_array(self) -> None:
        shape = self.pick.choice(list(READINGS))
        rows = [self.pick.choice(self.corpus[shape]) for _ in range(20)]
        at = self.pick.randrange(20)
        rows[at] = self.mutate(rows[at])
        content = b"[" + b",\n".join(rows) + b"]"
        self._write("rows.json", content)
        self._read(Reading("json", shape, READINGS[shape], ""), 20, content.count(b"\n") + 1)

    def _feed_text(self) -> None:
        for _ in range(ROWS):
            shape = self.pick.choice(list(READINGS))
            text = self.mutate(self.pick.choice(self.corpus[shape])).decode("utf-8", "surrogateescape")
            began = time.perf_counter()
            _, faults = strict_json.parse(text)
            self._took(began)
            for fault in faults:
                self.figures.codes[fault.code] += 1
                assert fault.message and fault.fix and -1 <= fault.offset <= len(text)

    def _feed_file(self) -> None:
        """A few rows or a torn piece of them, under any name, from recognising on."""
        shape = self.pick.choice(list(READINGS))
        content = b"\n".join(self.pick.choices(self.corpus[shape], k=self.pick.randrange(1, 4)))
        content = self.mutate(content)
        suffix = self.pick.choice(("jsonl", "json", "csv", "tsv", "txt", "md", "parquet"))
        self._write(f"rows.{suffix}", content)
        self._whole(lambda path: source.read_all(path, source.recognise(path)))

    def _feed_recipe(self) -> None:
        self._write("recipe.yaml", self.mutate(self.pick.choice(RECIPES)))
        override = self.mutate(b"training.epochs=2").decode("utf-8", "surrogateescape")
        overrides = [override] if self.pick.random() < 0.3 else []
        self._whole(lambda path: recipe.load(path, overrides))

    def _feed_parquet(self) -> None:
        content = self.mutate(self.pick.choice(self.parquet))
        self._write("rows.parquet", content)
        self._whole(lambda path: source.read_all(path, source.recognise(path)))

    def _parquet(self) -> list[bytes]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        made = []
        for shape, rows in self.corpus.items():
            stream = io.BytesIO()
            table = pa.Table.from_pylist([json.loads(row) for row in rows[:12]])
            pq.write_table(table, stream, row_group_size=5, write_page_checksum=shape != "pair")
            made.append(stream.getvalue())
        return made

    def _write(self, name: str, content: bytes) -> None:
        self.path = self.folder / name
        self.path.write_bytes(content)

    def _read(self, reading: Reading, inputs: int, lines: int) -> list[Example]:
        examples: list[Example] = []
        self.figures.inputs += inputs
        began = time.perf_counter()
        for item in source.read(self.path, reading):
            self.figures.seconds.append(time.perf_counter() - began)
            if isinstance(item, RowError):
                self._check(item, lines)
            else:
                assert isinstance(item, Conversation | Pair | LabelledText | Document)
                assert item.origin.file == str(self.path) and 1 <= item.origin.line <= lines
                examples.append(item)
            began = time.perf_counter()
        self.figures.examples += len(examples)
        return examples

    def _whole(self, read: Callable[[Path], Any]) -> None:
        began = time.perf_counter()
        try:
            found = read(self.path)
            self.figures.examples += len(found) if isinstance(found, list) else 0
        except AttuneError as error:
            assert error.exit_code in (2, 3, 4) and error.where and error.what
            assert len(error.what) < 20 * MOST_MESSAGE
            str(error).encode("utf-8", "backslashreplace")
            for row in getattr(error, "rows", ()):
                self._check(row, 10**9)
            self.figures.codes[type(error).__name__] += 1
        self._took(began)

    def _took(self, began: float) -> None:
        self.figures.seconds.append(time.perf_counter() - began)
        self.figures.inputs += 1

    def _check(self, error: RowError, lines: int) -> None:
        shown = str(error)
        shown.encode()
        assert error.file == str(self.path) and 1 <= error.line <= lines and error.column >= 0, shown
        assert error.code and error.message and error.fix and "\n" not in shown, shown
        assert len(shown) < MOST_MESSAGE, shown
        self.figures.codes[error.code] += 1

    def _audit(self, examples: Sequence[Example]) -> None:
        limits = Audit()
        for finding in audit.audit(examples, limits, audit.alike(examples, limits)):
            json.dumps(finding.record()).encode()


def feed(inputs: int, seed: int) -> Figures:
    """Feed so many inputs from a seed, in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        return Fuzzer(seed, Path(folder)).run(inputs)


if __name__ == "__main__":
    print(feed(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_utime:.1f} s of computing")

"""Many examples in a file, one at a time in memory: what a data set weighs is the disk's business."""

from __future__ import annotations

import dataclasses
import hashlib
import heapq
import json
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as Series
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair
from attune.errors import EnvironmentFault

AnyExample = TypeVar("AnyExample", bound=Example)

_KINDS: tuple[type[Example], ...] = (Conversation, Pair, LabelledText, Document)
_READ_BYTES = 1 << 20  # at once, when rows are read one after another


class _Rows:
    """The file, open for as long as anybody reads from it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)

    def read(self, begin: int, count: int) -> bytes:
        return os.pread(self._descriptor, count, begin)


class StoredExamples(Series[Example]):
    """A series of examples in a file of JSON lines, or some of them in an order of their own."""

    def __init__(
        self,
        rows: _Rows,
        starts: NDArray[np.int64],
        files: list[str],
        places: NDArray[np.int64],
        change: Callable[[Example], Example] | None = None,
    ) -> None:
        self._rows, self._starts, self._files, self._places, self._change = rows, starts, files, places, change

    @property
    def path(self) -> Path:
        """The file that they stand in."""
        return self._rows.path

    @classmethod
    def write(cls, path: Path, examples: Iterable[Example]) -> StoredExamples:
        """Put the examples into a new file, and what finds them there into two files beside it."""
        files: dict[str, int] = {}
        starts = [0]
        with path.open("wb") as out:
            for example in examples:
                line = json.dumps(_packed(example, files), ensure_ascii=False, separators=(",", ":")) + "\n"
                starts.append(starts[-1] + out.write(line.encode("utf-8", "surrogatepass")))
        np.save(path.with_suffix(".starts.npy"), np.array(starts, dtype=np.int64))
        path.with_suffix(".files.json").write_text(json.dumps(list(files)))
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> StoredExamples:
        """All examples of a file that `write` made.

        Raises:
            EnvironmentFault: the file is not whole.
        """
        try:
            starts = np.load(path.with_suffix(".starts.npy"), allow_pickle=False)
            files = json.loads(path.with_suffix(".files.json").read_text())
            whole = path.stat().st_size == starts[-1]
        except (OSError, ValueError) as error:
            raise EnvironmentFault(f"the stored rows cannot be read: {error}", where=str(path), fix=_MEND) from error
        if not whole:
            raise EnvironmentFault("the stored rows are not whole", where=str(path), fix=_MEND)
        return cls(_Rows(path), starts, files, np.arange(len(starts) - 1))

    def chosen(self, indices: Iterable[int]) -> StoredExamples:
        """Some of these examples, in the order of the indices."""
        places = self._places[np.fromiter(indices, dtype=np.int64)]
        return StoredExamples(self._rows, self._starts, self._files, places, self._change)

    def changed(self, change: Callable[[Example], Example]) -> StoredExamples:
        """These examples, each changed when it is read."""
        assert self._change is None, "one change is enough"
        return StoredExamples(self._rows, self._starts, self._files, self._places, change)

    @property
    def places(self) -> NDArray[np.int64]:
        """Where each of them stands in the file, counted in rows."""
        return self._places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> StoredExamples: ...

    def __getitem__(self, index: int | slice) -> Example | StoredExamples:
        if isinstance(index, slice):
            return self.chosen(range(*index.indices(len(self))))
        place = self._places[range(len(self))[index]]
        begin, end = int(self._starts[place]), int(self._starts[place + 1])
        return self._made(self._rows.read(begin, end - begin))

    def __iter__(self) -> Iterator[Example]:
        begins, ends = self._starts[self._places].tolist(), self._starts[self._places + 1].tolist()
        held, at = b"", 0
        for begin, end in zip(begins, ends, strict=True):
            if not at <= begin <= end <= at + len(held):
                held, at = self._rows.read(begin, max(_READ_BYTES, end - begin)), begin
            yield self._made(held[begin - at : end - at])

    def _made(self, line: bytes) -> Example:
        example = _unpacked(line, self._files)
        return example if self._change is None else self._change(example)


def chosen(examples: Series[Example], indices: Series[int]) -> Series[Example]:
    """Some of the examples: stored ones stay where they are."""
    if isinstance(examples, StoredExamples):
        return examples.chosen(indices)
    return tuple(examples[index] for index in indices)


def changed(examples: Series[Example], change: Callable[[Example], Example]) -> Series[Example]:
    """The examples, each changed: stored ones when they are read."""
    return examples.changed(change) if isinstance(examples, StoredExamples) else tuple(map(change, examples))


def sampled(examples: Series[AnyExample], most: int) -> list[AnyExample]:
    """At most so many examples in their order, chosen by a hash of their ids: always the same, wherever they stand."""
    if len(examples) <= most:
        return list(examples)
    ranks = ((hashlib.blake2b(f"sample:{e.id}".encode(), digest_size=8).digest(), i) for i, e in enumerate(examples))
    return [examples[i] for i in sorted(i for _, i in heapq.nsmallest(most, ranks))]


_MEND = "delete the folder that it is in: it is made again when it is needed"
_ORIGIN_FIELDS = tuple(field.name for field in dataclasses.fields(Origin))[1:]


def _packed(example: Example, files: dict[str, int]) -> list[Any]:
    origin = example.origin
    place = [files.setdefault(origin.file, len(files)), *(getattr(origin, name) for name in _ORIGIN_FIELDS)]
    head = [_KINDS.index(type(example)), example.id, place]
    match example:
        case Conversation(messages=messages, tools=tools, fields=fields):
            return [*head, [(m.role, m.content, m.weight, m.extra) for m in messages], tools, fields]
        case Pair(prompt=prompt, completion=completion, fields=fields):
            return [*head, prompt, completion, fields]
        case LabelledText(text=text, label=label, fields=fields):
            return [*head, text, label, fields]
        case Document(text=text):
            return [*head, text]


def _unpacked(line: bytes, files: list[str]) -> Example:
    kind, example_id, place, *content = json.loads(line.decode("utf-8", "surrogatepass"))
    origin = Origin(files[place[0]], *place[1:])
    if _KINDS[kind] is Document:
        return Document(example_id, origin, *content)
    *texts, fields = content
    if _KINDS[kind] is not Conversation:
        plain: Example = _KINDS[kind](example_id, origin, *texts, _pairs(fields))
        return plain
    turns, tools = texts
    messages = tuple(Message(role, text, weight, _pairs(extra)) for role, text, weight, extra in turns)
    return Conversation(example_id, origin, messages, tuple(tools), _pairs(fields))


def _pairs(found: list[list[Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in found)

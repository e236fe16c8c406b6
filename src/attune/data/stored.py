"""Many examples in a file, one at a time in memory: what a data set weighs is the disk's business."""

from __future__ import annotations

import dataclasses
import json
import os
import weakref
from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Series
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair
from attune.errors import EnvironmentFault

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

    def __init__(self, rows: _Rows, starts: NDArray[np.int64], files: list[str], places: NDArray[np.int64]) -> None:
        self._rows, self._starts, self._files, self._places = rows, starts, files, places

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
        return StoredExamples(self._rows, self._starts, self._files, places)

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
        return self._unpacked(self._rows.read(begin, end - begin))

    def __iter__(self) -> Iterator[Example]:
        begins, ends = self._starts[self._places].tolist(), self._starts[self._places + 1].tolist()
        held, at = b"", 0
        for begin, end in zip(begins, ends, strict=True):
            if not at <= begin <= end <= at + len(held):
                held, at = self._rows.read(begin, max(_READ_BYTES, end - begin)), begin
            yield self._unpacked(held[begin - at : end - at])

    def _unpacked(self, line: bytes) -> Example:
        kind, example_id, origin, *content = json.loads(line.decode("utf-8", "surrogatepass"))
        place = Origin(self._files[origin[0]], *origin[1:])
        if kind:
            plain: Example = _KINDS[kind](example_id, place, *content)
            return plain
        turns, tools = content
        messages = tuple(Message(role, text, weight, tuple(map(tuple, extra))) for role, text, weight, extra in turns)
        return Conversation(example_id, place, messages, tuple(tools))


def chosen(examples: Series[Example], indices: Series[int]) -> Series[Example]:
    """Some of the examples: stored ones stay where they are."""
    if isinstance(examples, StoredExamples):
        return examples.chosen(indices)
    return tuple(examples[index] for index in indices)


_MEND = "delete the folder that it is in: it is made again when it is needed"
_ORIGIN_FIELDS = tuple(field.name for field in dataclasses.fields(Origin))[1:]


def _packed(example: Example, files: dict[str, int]) -> list[Any]:
    origin = example.origin
    place = [files.setdefault(origin.file, len(files)), *(getattr(origin, name) for name in _ORIGIN_FIELDS)]
    head = [_KINDS.index(type(example)), example.id, place]
    match example:
        case Conversation(messages=messages, tools=tools):
            return [*head, [(m.role, m.content, m.weight, m.extra) for m in messages], tools]
        case Pair(prompt=prompt, completion=completion):
            return [*head, prompt, completion]
        case LabelledText(text=text, label=label):
            return [*head, text, label]
        case Document(text=text):
            return [*head, text]

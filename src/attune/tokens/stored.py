"""Many sequences in a file, one at a time in memory: what a data set weighs is the disk's business."""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable
from collections.abc import Sequence as Series
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from attune.errors import EnvironmentFault
from attune.runs.store import disk_fault
from attune.tokens.sequence import Sequence

_ID, _WEIGHT = np.dtype(np.int32), np.dtype(np.float32)
_NO_LABEL = -1
_ARRAYS = ("start", "targets", "label", "truncated", "run_owner", "run_begin", "run_end")


class StoredSequences(Series[Sequence]):
    """A series of sequences in a file, which has no name and goes with the process unless a path is given.

    Raises:
        EnvironmentFault: the disk is full.
    """

    def __init__(self, sequences: Iterable[Sequence] = (), *, path: Path | None = None) -> None:
        # It is open as long as the series lives.
        self._file = tempfile.TemporaryFile() if path is None else path.open("w+b")  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._path = path
        self._start = array("q", [0])  # in tokens
        self._targets, self._label, self._truncated = array("q"), array("q"), array("q")
        self._run_owner, self._run_begin, self._run_end = array("q"), array("q"), array("q")
        self._example_ids: list[str] = []
        self.extend(sequences)

    def close(self) -> None:
        """Write what finds the sequences into a file beside theirs, for `open`. Nothing can be added any more."""
        assert self._path is not None
        held = {name: np.asarray(getattr(self, f"_{name}")) for name in _ARRAYS}
        np.savez(self._path.with_suffix(".npz"), allow_pickle=False, **held)
        self._path.with_suffix(".json").write_text(json.dumps(self._example_ids))
        self._file.close()

    @classmethod
    def open(cls, path: Path) -> StoredSequences:
        """The sequences that were written to this file.

        Raises:
            EnvironmentFault: the file is not whole.
        """
        self = cls.__new__(cls)
        fix = "delete the folder that it is in: it is made again when it is needed"
        try:
            self._file = path.open("rb")  # type: ignore[assignment]
            weakref.finalize(self, self._file.close)
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as held:
                for name in _ARRAYS:
                    setattr(self, f"_{name}", array("q", held[name].tobytes()))
            self._example_ids = json.loads(path.with_suffix(".json").read_text())
            whole = path.stat().st_size == self._start[-1] * (_ID.itemsize + _WEIGHT.itemsize)
        except (OSError, ValueError) as error:
            raise EnvironmentFault(f"the stored tokens cannot be read: {error}", where=str(path), fix=fix) from error
        if not whole:
            raise EnvironmentFault("the stored tokens are not whole", where=str(path), fix=fix)
        return self

    def extend(self, sequences: Iterable[Sequence]) -> None:
        """Put more behind those that are there."""
        try:
            for sequence in sequences:
                weights_L = np.asarray(sequence.weights, dtype=_WEIGHT)
                self._file.write(np.asarray(sequence.input_ids, dtype=_ID).tobytes())
                self._file.write(weights_L.tobytes())
                self._start.append(self._start[-1] + len(sequence.input_ids))
                self._add_runs(weights_L.nonzero()[0])
                self._label.append(_NO_LABEL if sequence.label is None else sequence.label)
                self._truncated.append(sequence.truncated_tokens)
                self._example_ids.append(sequence.example_id)
            self._file.flush()
        except OSError as error:
            raise disk_fault(error, Path(tempfile.gettempdir())) from error

    def _add_runs(self, target_S: NDArray[np.int64]) -> None:
        """Note where the sequence that is being added has its targets, as unbroken runs of positions."""
        count = len(target_S)
        self._targets.append(count)
        if not count:
            return
        owner, begin, end = len(self._example_ids), int(target_S[0]), int(target_S[-1]) + 1
        if end - begin == count:  # one answer, as in most rows
            self._run_owner.append(owner)
            self._run_begin.append(begin)
            self._run_end.append(end)
            return
        last_R = np.flatnonzero(np.diff(target_S) != 1)
        self._run_owner.extend([owner] * (len(last_R) + 1))
        self._run_begin.extend([begin, *target_S[last_R + 1].tolist()])
        self._run_end.extend([*(target_S[last_R] + 1).tolist(), end])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sequence; the file is not read for it."""
        return np.diff(np.asarray(self._start))

    @property
    def target_tokens(self) -> NDArray[np.int64]:
        """How many tokens of each sequence carry loss."""
        return np.array(self._targets)

    @property
    def truncated_tokens(self) -> NDArray[np.int64]:
        """How many tokens were cut off each sequence."""
        return np.array(self._truncated)

    @property
    def target_runs(self) -> NDArray[np.int64]:
        """Where the targets stand: [3, R], one column an unbroken run of tokens that carry loss.

        The rows are the index of the sequence, the position in it of the run's first token, and that behind its last.
        """
        return np.array([self._run_owner, self._run_begin, self._run_end], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._example_ids)

    @overload
    def __getitem__(self, index: int) -> Sequence: ...

    @overload
    def __getitem__(self, index: slice) -> list[Sequence]: ...

    def __getitem__(self, index: int | slice) -> Sequence | list[Sequence]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        begin, end = self._start[place], self._start[place + 1]
        count = end - begin
        size = _ID.itemsize + _WEIGHT.itemsize
        found = os.pread(self._file.fileno(), count * size, begin * size)
        ids = np.frombuffer(found, dtype=_ID, count=count)
        weights = np.frombuffer(found, dtype=_WEIGHT, offset=count * _ID.itemsize)
        label = self._label[place]
        return Sequence(
            self._example_ids[place],
            tuple(ids.tolist()),
            tuple(weights.tolist()),
            None if label == _NO_LABEL else label,
            self._truncated[place],
        )

"""What is kept of runs: the record of each, all of them together, and how their files reach the disk."""

from __future__ import annotations

import difflib
import errno
import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from attune.errors import EnvironmentFault

State = Literal["running", "interrupted", "failed", "done"]

_PERMISSION = "give yourself permission to read and write this folder, or choose another with --runs"
_FIXES = {
    errno.ENOSPC: "free some space on this disk, or choose a folder on another disk with --runs",
    errno.EDQUOT: "your quota on this disk is used up: delete files, or choose a folder on another disk with --runs",
    errno.EFBIG: "raise the limit on file size (ulimit -f), or choose a file system that takes larger files",
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: "this disk is read-only: choose a folder on another disk with --runs",
}


@dataclass(frozen=True, slots=True)
class StageRecord:
    """A finished stage: its key, how long building it took, and its files, relative to the run folder."""

    key: str
    seconds: float
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What run.json holds. `created` is ISO 8601 in UTC; `model` is text shown to people."""

    id: str
    name: str
    task: str
    model: str
    state: State
    created: str
    parent: str | None
    attune: str
    environment: dict[str, str]
    reasons: dict[str, str]
    stages: dict[str, StageRecord] = field(default_factory=dict)
    error: str | None = None


class NoRunError(EnvironmentFault):
    """Nothing that a person named is a run."""


class Store:
    """All runs under one folder. It only reads, and a folder that does not exist yet holds no runs.

    Attributes:
        damaged: what the last look found wrong, one fault for each run that had to be left out.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.damaged: list[EnvironmentFault] = []

    def runs(self) -> list[RunRecord]:
        """The records of all runs, newest first. Runs whose record is damaged are left out and listed in `damaged`.

        Raises:
            EnvironmentFault: the folder cannot be read.
        """
        return [record for _, record in self._records()]

    def find(self, reference: str) -> Path:
        """The folder of the run that `reference` names: its id, the beginning of its id, or a path to its folder.

        Raises:
            NoRunError: no run fits.
            EnvironmentFault: more than one run fits.
        """
        folders = {folder.name: folder for folder in self._folders()}
        if reference in folders:
            return folders[reference]
        if reference and (Path(reference) / "run.json").exists():
            return Path(reference)
        matches = sorted(name for name in folders if reference and name.startswith(reference))
        if len(matches) == 1:
            return folders[matches[0]]
        if matches:
            what = f"{len(matches)} runs begin with {reference!r}"
            raise EnvironmentFault(what, where=str(self.root), fix=f"give more of the id: {', '.join(matches[:5])}")
        near = difflib.get_close_matches(reference, folders, n=1, cutoff=0.5)
        fix = f"did you mean {near[0]}?" if near else "see `attune runs` for the runs there are"
        raise NoRunError(f"there is no run {reference!r}", where=str(self.root), fix=fix)

    def stage_with_key(self, name: str, key: str) -> Path | None:
        """The folder of the newest run that holds this finished stage with all its files, or None."""
        for folder, record in self._records():
            stage = record.stages.get(name)
            if stage is not None and stage.key == key and all((folder / file).exists() for file in stage.files):
                return folder
        return None

    def _folders(self) -> Iterator[Path]:
        try:
            entries = sorted(self.root.iterdir()) if self.root.exists() else []
        except OSError as error:
            raise disk_fault(error, self.root, "read") from error
        return (entry for entry in entries if _holds_run(entry))

    def _records(self) -> list[tuple[Path, RunRecord]]:
        self.damaged = []
        records = []
        for folder in self._folders():
            try:
                records.append((folder, read_record(folder)))
            except EnvironmentFault as fault:
                self.damaged.append(fault)
        return sorted(records, key=lambda pair: (pair[1].created, pair[1].id), reverse=True)


def _holds_run(folder: Path) -> bool:
    try:
        return (folder / "run.json").exists()
    except PermissionError:  # most likely a run of another person: let reading it say so
        return True


def read_record(folder: Path) -> RunRecord:
    """The record of the run in `folder`.

    Raises:
        EnvironmentFault: the folder is not a run, or its run.json is damaged.
    """
    path = folder / "run.json"
    try:
        return _record_type().validate_json(path.read_bytes(), strict=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        what = "this is not a run: it has no run.json" if folder.is_dir() else "there is no such run folder"
        raise EnvironmentFault(what, where=str(folder), fix="see `attune runs` for the runs there are") from error
    except OSError as error:
        raise disk_fault(error, path, "read") from error
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"])) or "the file"
        fix = "restore the file from a copy, or start a new run"
        raise EnvironmentFault(f"run.json is damaged: {at}: {first['msg']}", where=str(path), fix=fix) from error


@functools.cache
def _record_type() -> TypeAdapter[RunRecord]:
    return TypeAdapter(RunRecord)


def disk_fault(error: OSError, path: Path, verb: str = "write") -> EnvironmentFault:
    """The fault to raise when the system refuses to `verb` the file or folder at `path`."""
    fix = _FIXES.get(error.errno or 0, "see whether the disk is healthy and the folder is still there")
    return EnvironmentFault(f"cannot {verb} {path.name}: {error.strerror or error}", where=str(path), fix=fix)


def write_durably(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file so that, whatever dies and whenever, `path` holds either all of it or what it held before.

    Raises:
        EnvironmentFault: the disk does not take it; `path` is as before and nothing else is left.
    """
    partial = path.with_name(f".tmp-{path.name}")
    try:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with partial.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync(path.parent)
    except OSError as error:
        raise disk_fault(error, path) from error


def sync(path: Path) -> None:
    """Have what was written to this file, or to the list of names of this folder, be on the disk itself."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lives(process: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""One run is one folder: its record, its events, its files and its stages, each safe against a kill at any moment."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import math
import os
import platform
import re
import secrets
import shutil
import time
import unicodedata
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, Self

from attune.errors import EnvironmentFault
from attune.events import Emit, Event, StageFinished, StageStarted, as_record
from attune.runs.store import RunRecord, StageRecord, State, Store, disk_fault, lives, read_record, sync, write_durably

_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "peft", "numpy")
_AGAIN = "restore the file from a copy, or start a new run"

DEAD_OWNER_SECONDS = 10.0


class Run:
    """A run folder. Reading is free; the first write takes the folder's lock: one process at a time works on a run."""

    def __init__(self, folder: Path, record: RunRecord) -> None:
        self.folder = folder
        self.record = record
        self.unreadable_events = 0
        self._release: Callable[[], object] | None = None

    @classmethod
    def create(
        cls, root: Path, name: str, *, task: str, model: str, parent: str | None = None, reasons: Mapping[str, str] = {}
    ) -> Self:
        """Make a new run folder under `root` and take it.

        Raises:
            EnvironmentFault: `root` cannot be made or written.
        """
        now = datetime.now(UTC)
        stem = f"{now:%Y%m%d-%H%M%S}-{_slug(name)}"
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = _new_folder(root, stem)
        except OSError as error:
            raise disk_fault(error, root) from error
        environment = {"python": platform.python_version(), "platform": platform.platform()}
        environment |= {name: installed_version(name) for name in _LIBRARIES}
        created = now.isoformat(timespec="seconds")
        run = cls(
            folder,
            RunRecord(
                folder.name,
                name,
                task,
                model,
                "running",
                created,
                parent,
                installed_version("attune"),
                environment,
                dict(reasons),
            ),
        )
        run._write_record()
        return run

    @classmethod
    def open(cls, folder: Path) -> Self:
        """An existing run.

        Raises:
            EnvironmentFault: the folder is not a run, or its run.json is damaged.
        """
        return cls(folder, read_record(folder))

    @property
    def id(self) -> str:
        """The run's id, which is also its folder's name when it is made."""
        return self.record.id

    def close(self) -> None:
        """Let another process work on this run. The end of this process does so too."""
        if self._release is not None:
            self._release()
            self._release = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def set_state(self, state: State, error: str | None = None) -> None:
        """Record how the run stands; `error` is what it failed with."""
        self.update(state=state, error=error)

    def update(self, **fields: Any) -> None:
        """Replace fields of the record and write run.json.

        Raises:
            EnvironmentFault: another process works on this run, or the disk does not take it.
        """
        self._claim()
        self.record = dataclasses.replace(self.record, **fields)
        self._write_record()

    def emit(self, event: Event) -> None:
        """Append one event to events.jsonl, in one write. Numbers that are not finite become null: JSON has none."""
        self._claim()
        record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **as_record(event)}
        path = self.folder / "events.jsonl"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                line = _encode(_finite(record)) + b"\n"
                end = os.fstat(descriptor).st_size
                if end and os.pread(descriptor, 1, end - 1) != b"\n":  # a kill or a full disk cut the line before
                    line = b"\n" + line
                while line:  # one call, but for a disk that fills up: the second call raises its error
                    line = line[os.write(descriptor, line) :]
            finally:
                os.close(descriptor)
        except OSError as error:
            raise disk_fault(error, path) from error

    def events(self) -> Iterator[dict[str, Any]]:
        """The events so far. Lines that a kill cut are left out and counted in `unreadable_events`."""
        self.unreadable_events = 0
        path = self.folder / "events.jsonl"
        try:
            with path.open("rb") as lines:
                for line in lines:
                    try:
                        event = json.loads(line)
                    except ValueError:
                        event = None
                    if isinstance(event, dict):
                        yield event
                    else:
                        self.unreadable_events += 1
        except FileNotFoundError:
            return
        except OSError as error:
            raise disk_fault(error, path, "read") from error

    def write_json(self, relative: str, value: Any) -> None:
        """Write a JSON file of the run, whole or not at all. Raises EnvironmentFault as `update` does."""
        self._write(relative, [_encode(value, indent=1), b"\n"])

    def write_jsonl(self, relative: str, rows: Iterable[Any]) -> None:
        """Write one JSON value a line, whole or not at all. Raises EnvironmentFault as `update` does."""
        self._write(relative, (_encode(row) + b"\n" for row in rows))

    def write_text(self, relative: str, text: str) -> None:
        """Write a UTF-8 file of the run, whole or not at all. Raises EnvironmentFault as `update` does."""
        self._write(relative, [text.encode("utf-8", "backslashreplace")])

    def read_json(self, relative: str) -> Any:
        """A JSON file of the run. Raises EnvironmentFault when it is missing or damaged."""
        path = self._path(relative)
        return _parse(_read(path), str(path))

    def read_jsonl(self, relative: str) -> list[Any]:
        """The values of a JSONL file of the run. Raises EnvironmentFault when it is missing or damaged."""
        path = self._path(relative)
        *lines, rest = _read(path).split(b"\n")
        if rest:  # write_jsonl ends every line
            raise EnvironmentFault("the file is damaged: its last line is cut", where=str(path), fix=_AGAIN)
        return [_parse(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]

    def stage(
        self,
        name: str,
        inputs: Mapping[str, Any],
        files: Sequence[str],
        build: Callable[[], None],
        *,
        version: int = 1,
        emit: Emit,
        store: Store | None,
    ) -> None:
        """Have a stage's files in this run: kept from before, taken from another run, or built.

        Args:
            name: the stage's name.
            inputs: everything the result depends on, as JSON; with name and version it makes the stage's key.
            files: the files and folders that `build` makes, relative to the run folder.
            build: makes the files; what it raises passes through and leaves no record.
            version: goes up when the stage's code changes its result.
            emit: hears StageStarted, unless the files are reused, and StageFinished.
            store: where to look for the same stage in another run.
        """
        self._claim()
        start = time.monotonic()
        key = _stage_key(name, version, inputs)
        paths = [self._path(file) for file in files]
        before = self.record.stages.get(name)
        if before is not None and before.key == key and all(path.exists() for path in paths):
            emit(StageFinished(name, time.monotonic() - start, reused=True))
            return
        # The files change from here on: the old record must not vouch for them if this process dies.
        self.update(stages={other: kept for other, kept in self.record.stages.items() if other != name})
        source = store.stage_with_key(name, key) if store is not None else None
        reused = source is not None and all((source / file).exists() for file in files)
        if source is not None and reused:
            seconds = read_record(source).stages[name].seconds
            for file, path in zip(files, paths, strict=True):
                _share(source / file, path)
        else:
            emit(StageStarted(name))
            _drop_shared(paths)
            build()
            seconds = time.monotonic() - start
        _sync_all(paths, self.folder)
        self.update(stages={**self.record.stages, name: StageRecord(key, seconds, tuple(files))})
        emit(StageFinished(name, time.monotonic() - start, reused=reused))

    def _claim(self) -> None:
        """Take the folder for this process, and see what another may have written since it was opened."""
        if self._release is not None:
            return
        path = self.folder / "run.lock"
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            release = weakref.finalize(self, os.close, lock)
            try:
                _lock(lock)
            except BlockingIOError as error:
                owner = os.pread(lock, 20, 0).decode("ascii", "replace")
                release()
                what = f"another process works on this run (it was started as process {owner})"
                raise EnvironmentFault(what, where=str(self.folder), fix="wait for it to end, or stop it") from error
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            for partial in self.folder.glob("**/.tmp-*"):  # what a killed process was writing
                if partial.is_file():
                    partial.unlink()
        except OSError as error:
            raise disk_fault(error, path) from error
        self._release = release
        if (self.folder / "run.json").exists():
            self.record = read_record(self.folder)

    def _write_record(self) -> None:
        self._write("run.json", [_encode(dataclasses.asdict(self.record), indent=1), b"\n"])

    def _write(self, relative: str, chunks: Iterable[bytes]) -> None:
        self._claim()
        write_durably(self._path(relative), chunks)

    def _path(self, relative: str) -> Path:
        parts = PurePosixPath(relative).parts
        assert parts and parts[0] != "/" and ".." not in parts, f"{relative!r} is not inside the run folder"
        return self.folder / relative


def _lock(descriptor: int) -> None:
    """Take the lock. If its owner is dead, wait for what is left of it: a child that was about to start something else
    holds the lock until it has, and on a busy machine that can outlast its parent by seconds."""
    give_up = time.monotonic() + DEAD_OWNER_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 20, 0)
            if time.monotonic() > give_up or not owner.isdigit() or lives(int(owner)):
                raise
            time.sleep(0.05)


def installed_version(package: str) -> str:
    """The installed version of a package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _new_folder(root: Path, stem: str) -> Path:
    while True:
        folder = root / f"{stem}-{secrets.token_hex(2)}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        sync(root)
        return folder


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-") or "run"


def _stage_key(name: str, version: int, inputs: Mapping[str, Any]) -> str:
    canonical = json.dumps([name, version, inputs], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _encode(value: Any, indent: int | None = None) -> bytes:
    # backslashreplace writes a lone surrogate, which UTF-8 cannot hold, as the JSON escape it needs.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent).encode("utf-8", "backslashreplace")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        what = "the file is missing from its run"
        raise EnvironmentFault(
            what, where=str(path), fix="resume the run, so that the stage that makes it runs"
        ) from error
    except OSError as error:
        raise disk_fault(error, path, "read") from error


def _parse(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise EnvironmentFault(f"the file is damaged: {error}", where=where, fix=_AGAIN) from error


def _files(path: Path) -> list[Path]:
    return [item for item in path.rglob("*") if item.is_file()] if path.is_dir() else [path]


def _share(source: Path, target: Path) -> None:
    """Make `target` the same as `source`, a file or a folder, with links where the disk has them."""
    try:
        if target.is_dir():
            shutil.rmtree(target)
        target.unlink(missing_ok=True)
        for item in _files(source):
            place = target / item.relative_to(source)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                os.link(item, place)
            except OSError:  # another disk, or one without links
                shutil.copyfile(item, place)
    except OSError as error:
        raise disk_fault(error, target) from error


def _drop_shared(paths: Iterable[Path]) -> None:
    """Unlink files that another run shares, so that writing into them cannot change that run."""
    for file in (file for path in paths if path.exists() for file in _files(path)):
        if file.stat().st_nlink > 1:
            file.unlink()


def _sync_all(paths: Iterable[Path], folder: Path) -> None:
    """Have a finished stage's files be on the disk before the record says that they are."""
    for path in paths:
        assert path.exists(), f"the stage did not make {path}"
        files = _files(path)
        try:
            for item in {*files, *(up for file in files for up in file.parents if up.is_relative_to(folder))}:
                sync(item)
        except OSError as error:
            raise disk_fault(error, path) from error

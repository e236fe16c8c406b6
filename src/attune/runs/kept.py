"""What is computed once for all runs: folders, each under the key of all that it depends on, whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import tempfile
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from attune.runs.store import disk_fault, lives, sync

KEPT_BYTES, KEPT_SECONDS = 20_000_000_000, 30 * 86_400
"""What nobody used for so long is removed; when all together are larger, so is what was not used for the longest."""

FOLDER_VARIABLE = "ATTUNE_CACHE"
"""The environment variable that names another place; empty, nothing is kept."""

_UNFINISHED = "attune-"


class Kept:
    """The folders, in the user's cache. Where that cannot be written, they go with this object.

    Attributes:
        scratch: a folder for what need not be kept; it goes with this object.
    """

    def __init__(self) -> None:
        """Raises EnvironmentFault where not even a folder for scratch can be made."""
        root = _cache()
        try:
            self.scratch = Path(tempfile.mkdtemp(prefix=_unfinished(), dir=root))
        except OSError as error:
            raise disk_fault(error, root or Path(tempfile.gettempdir())) from error
        self.root = root or self.scratch
        weakref.finalize(self, shutil.rmtree, self.scratch, ignore_errors=True)

    def find(self, name: str, inputs: Mapping[str, Any] | None) -> Path | None:
        """The folder of this name and these inputs, where it was made before."""
        place = self._home(inputs) / f"{name}-{_key(name, inputs)}"
        if not place.is_dir():
            return None
        os.utime(place)
        return place

    def folder(self, name: str, inputs: Mapping[str, Any] | None, build: Callable[[Path], None]) -> tuple[Path, bool]:
        """The folder of this name and these inputs, and whether it was there already.

        Args:
            inputs: everything that the result depends on, as JSON, but for the code, which is added. None: nobody can
                know that, and the folder is not kept.
            build: puts the files into the new folder; what it raises passes through and leaves nothing.

        Raises:
            EnvironmentFault: the disk does not take it.
        """
        made = self.find(name, inputs)
        if made is not None:
            return made, True
        home = self._home(inputs)
        place = home / f"{name}-{_key(name, inputs)}"
        try:
            self._sweep()
            building = Path(tempfile.mkdtemp(prefix=_unfinished(), dir=home))
            try:
                build(building)
                for path in (*building.rglob("*"), building):
                    sync(path)
                if not place.is_dir():  # else another process was faster
                    building.rename(place)
                    sync(home)
            finally:
                shutil.rmtree(building, ignore_errors=True)
        except OSError as error:
            raise disk_fault(error, place) from error
        return place, False

    def _home(self, inputs: Mapping[str, Any] | None) -> Path:
        return self.root if inputs is not None else self.scratch

    def _sweep(self) -> None:
        """Remove what killed processes left, and the least used folders beyond KEPT_BYTES."""
        folders = []
        for path in self.root.iterdir():
            if path.name.startswith(_UNFINISHED):
                if _left_behind(path):
                    shutil.rmtree(path, ignore_errors=True)
            elif path.is_dir():
                size = sum(item.stat().st_size for item in path.rglob("*"))
                folders.append((path.stat().st_mtime, size, path))
        total = sum(size for _, size, _ in folders)
        for used, size, path in sorted(folders):
            if total <= KEPT_BYTES and time.time() - used <= KEPT_SECONDS:
                break
            shutil.rmtree(path, ignore_errors=True)
            total -= size


def _cache() -> Path | None:
    """The folder that the environment names, or the user's own; None where it cannot be written or none is wanted."""
    named = os.environ.get(FOLDER_VARIABLE)
    root = platformdirs.user_cache_path("attune") if named is None else Path(named)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return root if named != "" and os.access(root, os.W_OK) else None


def _unfinished() -> str:
    """How the names of this process's unfinished folders begin."""
    return f"{_UNFINISHED}{socket.gethostname()}-{os.getpid()}-"


def _left_behind(path: Path) -> bool:
    """Whether the process of this unfinished folder is gone; machines that share the cache know their own alone."""
    owner, _, _ = path.name.rpartition("-")
    host, _, process = owner.removeprefix(_UNFINISHED).rpartition("-")
    if host == socket.gethostname() and process.isdigit():
        return not lives(int(process))
    return time.time() - path.stat().st_mtime > KEPT_SECONDS


def file_digest(path: Path) -> str:
    """Hash of a file's content, or of all files of a folder with their names."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    found = sorted(item for item in path.rglob("*") if item.is_file())
    return _hash((str(item.relative_to(path)), file_digest(item)) for item in found)


@cache
def _code() -> str:
    """Hash of this package's source: a result of other code is not the same result."""
    root = Path(__file__).parents[1]
    return _hash((str(path.relative_to(root)), path.read_text("utf-8")) for path in sorted(root.rglob("*.py")))


def _key(name: str, inputs: Mapping[str, Any] | None) -> str:
    canonical = json.dumps([name, _code(), inputs], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:24]


def _hash(pairs: Iterable[tuple[str, str]]) -> str:
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(json.dumps(pair).encode())
    return digest.hexdigest()

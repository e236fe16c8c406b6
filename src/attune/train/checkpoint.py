"""Checkpoints that survive a kill, a power cut and a full disk: atomic write, verified read. No pickle, in or out.

A checkpoint is a folder `step-000120` with one safetensors file per group of tensors, `state.json`, and `manifest.json`
with the size and SHA-256 of each. It is written under another name and renamed when all of it is on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from attune.errors import EnvironmentFault
from attune.runs.run import installed_version
from attune.runs.store import disk_fault, sync, write_durably

_MANIFEST, _STATE, _TENSORS = "manifest.json", "state.json", ".safetensors"
_NAME = re.compile(r"step-(\d{6,})(\.old)?")  # .old: on its way out while its successor takes the name
_SPARE = 1.2  # free space asked for, as a multiple of what will be written
_RESTORE = "resume from an earlier checkpoint, or restore this one from a copy"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that was read and verified: tensors[group][name] on the CPU, and the JSON state."""

    path: Path
    step: int
    tensors: dict[str, dict[str, torch.Tensor]]
    state: dict[str, Any]


def save(parent: Path, step: int, tensors: Mapping[str, Mapping[str, torch.Tensor]], state: Mapping[str, Any]) -> Path:
    """Write the checkpoint of a step and return its folder. Only one process may save under `parent` at a time.

    Whatever dies and whenever, the older checkpoints stay whole. A checkpoint of this step with the same content is
    kept; one with other content is replaced.

    Args:
        parent: the folder of all checkpoints of a run; made when missing.
        step: optimizer steps done.
        tensors: {"weights": {name: tensor}, "optimizer": {...}}; any device, layout strided, any dtype of safetensors.
        state: everything else that a resume needs, as JSON.

    Raises:
        EnvironmentFault: the disk is full or does not take the files; nothing new is left.
    """
    target = parent / f"step-{step:06d}"
    encoded = json.dumps(state).encode()
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync(parent.parent)
        _sweep(parent)
        _check_space(parent, len(encoded) + sum(t.nbytes for group in tensors.values() for t in group.values()))
        partial = Path(tempfile.mkdtemp(prefix=f".tmp-{step}-", dir=parent))
        try:
            _fill(partial, step, tensors, encoded)
            if target.exists():
                if _same(partial, target):
                    shutil.rmtree(partial)
                    return target
                _retire(target)
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sync(parent)
        _sweep(parent)
    except OSError as error:
        raise disk_fault(error, target) from error
    return target


def latest(parent: Path, *, on_skip: Callable[[Path, str], None]) -> Checkpoint | None:
    """The newest checkpoint under `parent` that verifies, or None; `on_skip` hears each newer one and its damage."""
    for path in sorted(_checkpoints(parent), key=_age, reverse=True):
        try:
            return read(path)
        except EnvironmentFault as fault:
            on_skip(path, f"{fault.where}: {fault.what}")
    return None


def read(path: Path) -> Checkpoint:
    """Read a checkpoint after checking every byte of it against its manifest.

    Raises:
        EnvironmentFault: there is no checkpoint at `path`, or a file of it is missing, damaged or unreadable.
    """
    if not path.is_dir():
        raise EnvironmentFault("there is no checkpoint here", where=str(path), fix="look for another step beside it")
    manifest = _manifest(path)
    tensors: dict[str, dict[str, torch.Tensor]] = {}
    for name, expected in manifest["files"].items():
        file = path / name
        try:
            if _fingerprint(file) != expected:
                raise _damage(file, "its size or SHA-256 is not that of the manifest")
            if name.endswith(_TENSORS):
                tensors[name.removesuffix(_TENSORS)] = load_file(file)
        except FileNotFoundError as error:
            raise EnvironmentFault("the file is missing from its checkpoint", where=str(file), fix=_RESTORE) from error
        except SafetensorError as error:
            raise _damage(file, str(error)) from error
        except OSError as error:
            raise disk_fault(error, file, "read") from error
    return Checkpoint(path, manifest["step"], tensors, json.loads((path / _STATE).read_bytes()))


def retain(parent: Path, keep: Collection[int]) -> None:
    """Delete the checkpoints of all steps but `keep`. Call it only when those of `keep` are known to be whole.

    Raises:
        EnvironmentFault: the disk does not let go of a checkpoint.
    """
    for path in _checkpoints(parent):
        if _age(path)[0] not in keep:
            try:
                _discard(path)
            except OSError as error:
                raise disk_fault(error, path, "delete") from error


def _fill(folder: Path, step: int, tensors: Mapping[str, Mapping[str, torch.Tensor]], state: bytes) -> None:
    """Put every file of a checkpoint into a new folder, and all of it on the disk."""
    for group, named in tensors.items():
        assert group.isidentifier(), f"{group!r} cannot name a file"
        file = folder / f"{group}{_TENSORS}"
        try:
            save_file(_plain(named), file)
        except SafetensorError as error:  # it keeps the system's reason only in its text
            reason = re.search(r"os error (\d+)", str(error))
            if reason is None:
                raise
            code = int(reason[1])
            raise OSError(code, os.strerror(code)) from error
        sync(file)
    write_durably(folder / _STATE, [state])
    versions = {package: installed_version(package) for package in ("attune", "torch", "safetensors")}
    files = {file.name: _fingerprint(file) for file in sorted(folder.iterdir())}
    write_durably(folder / _MANIFEST, [_seal({"step": step, "files": files, "versions": versions})])


def _plain(named: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors as safetensors takes them: on the CPU, contiguous, and none sharing memory with another."""
    assert "__metadata__" not in named, "safetensors keeps this name for itself"
    plain: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in named.items():
        own = tensor.detach().cpu().contiguous()
        memory = own.untyped_storage().data_ptr()
        plain[name] = own.clone() if memory in seen else own
        seen.add(memory)
    return plain


def check_space(folder: Path, tensor_bytes: int) -> None:
    """Raises EnvironmentFault where a checkpoint of so many bytes would find no room: better before a training."""
    if parent := next((place for place in (folder, *folder.parents) if place.is_dir()), None):
        _check_space(parent, tensor_bytes)


def _check_space(parent: Path, needed_bytes: int) -> None:
    free_bytes = shutil.disk_usage(parent).free
    if free_bytes < _SPARE * needed_bytes:
        what = f"{needed_bytes / 1e6:,.0f} MB (and a fifth to spare), {free_bytes / 1e6:,.0f} MB free"
        raise disk_fault(OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: a checkpoint takes {what}"), parent)


def _fingerprint(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"bytes": stream.tell(), "sha256": digest}


def _seal(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as JSON, closed by its own SHA-256, so that no byte of it can change unseen."""
    digest = hashlib.sha256(json.dumps(manifest).encode()).hexdigest()
    return json.dumps({**manifest, "sha256": digest}).encode()


def _manifest(path: Path) -> dict[str, Any]:
    file = path / _MANIFEST
    try:
        text = file.read_bytes()
    except FileNotFoundError as error:
        raise EnvironmentFault("the checkpoint has no manifest", where=str(path), fix=_RESTORE) from error
    except OSError as error:
        raise disk_fault(error, file, "read") from error
    try:
        body = {key: value for key, value in json.loads(text).items() if key != "sha256"}
        whole = _seal(body) == text and _STATE in body["files"]
    except (ValueError, RecursionError, AttributeError, KeyError) as error:
        raise _damage(file, "it is not the manifest of a checkpoint") from error
    if not whole:
        raise _damage(file, "its own SHA-256 does not match")
    return body


def _damage(file: Path, detail: str) -> EnvironmentFault:
    return EnvironmentFault(f"the file is damaged: {detail}", where=str(file), fix=_RESTORE)


def _checkpoints(parent: Path) -> Iterator[Path]:
    try:
        entries = list(parent.iterdir()) if parent.exists() else []
    except OSError as error:
        raise disk_fault(error, parent, "read") from error
    return (path for path in entries if _NAME.fullmatch(path.name))


def _age(path: Path) -> tuple[int, bool]:
    """A sort key: the step, and at the same step the successor after the one it replaces."""
    name = _NAME.fullmatch(path.name)
    assert name is not None
    return int(name[1]), name[2] is None


def _same(partial: Path, target: Path) -> bool:
    try:
        read(target)
        return bool(_manifest(partial)["files"] == _manifest(target)["files"])
    except EnvironmentFault:  # a damaged checkpoint is not the same, and is about to be replaced
        return False


def _retire(target: Path) -> None:
    """Free the name of a checkpoint; until its successor has the name, `latest` still finds it as .old."""
    old = target.with_name(f"{target.name}.old")
    if old.exists():
        _discard(old)
    target.rename(old)


def _discard(path: Path) -> None:
    """Delete a folder so that no half of it can be taken for a whole one."""
    trash = path.with_name(f".trash-{path.name}")
    if trash.exists():
        shutil.rmtree(trash)
    path.rename(trash)
    shutil.rmtree(trash)


def _sweep(parent: Path) -> None:
    """Delete what a killed process left: half written, half deleted, and replaced checkpoints."""
    for path in list(parent.iterdir()):
        if path.name.startswith((".tmp-", ".trash-")):
            shutil.rmtree(path)
        elif path.suffix == ".old" and path.with_suffix("").exists():
            _discard(path)

"""Checkpoints under kills, damage, full disks and refused permissions. As a script, this file is what is killed."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.errors import EnvironmentFault
from attune.train import checkpoint

Tensors = dict[str, dict[str, torch.Tensor]]


def content(who: int) -> tuple[Tensors, dict[str, object]]:
    """A small checkpoint that can be told from another by its every file."""
    weights = {"layer.weight": torch.arange(12.0).reshape(3, 4).T + who, "half": torch.full((5,), who / 3).bfloat16()}
    moments = {"exp_avg": torch.full((1000,), float(who)), "step": torch.tensor(float(who))}
    return {"weights": weights, "optimizer": moments}, {"who": who, "rng": [1, 2, who]}


def same_bits(a: torch.Tensor, b: torch.Tensor) -> bool:
    def raw(tensor: torch.Tensor) -> bytes:
        return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()

    return a.dtype == b.dtype and a.shape == b.shape and raw(a) == raw(b)


def assert_holds(found: checkpoint.Checkpoint | None, who: int) -> None:
    tensors, state = content(who)
    assert found is not None
    assert found.state == state
    assert {group: set(named) for group, named in found.tensors.items()} == {g: set(n) for g, n in tensors.items()}
    for group, named in tensors.items():
        for name, tensor in named.items():
            assert same_bits(found.tensors[group][name], tensor)


def refuse_skips(path: Path, reason: str) -> None:
    raise AssertionError(f"{path} skipped: {reason}")


def names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


@pytest.fixture(scope="module")
def memory_disk() -> Iterator[Path]:
    """A folder in memory where the machine has one, for tests with many hundreds of fsyncs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield Path(folder)


# What comes back


def test_a_checkpoint_comes_back_with_the_same_bits(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path / "new" / "checkpoints", 120, *content(1))
    assert path.name == "step-000120"
    found = checkpoint.latest(path.parent, on_skip=refuse_skips)
    assert_holds(found, 1)
    assert found is not None
    assert (found.path, found.step) == (path, 120)
    assert names(path) == ["manifest.json", "optimizer.safetensors", "state.json", "weights.safetensors"]


def test_every_bf16_pattern_keeps_its_bits(tmp_path: Path) -> None:
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    found = checkpoint.read(checkpoint.save(tmp_path, 1, {"weights": {"every": every}}, {}))
    assert same_bits(found.tensors["weights"]["every"], every)


def test_awkward_tensors(tmp_path: Path) -> None:
    tied = torch.randn(4, 4)
    flat = torch.randn(10)
    awkward = {
        "scalar": torch.tensor(3, dtype=torch.int64),
        "empty": torch.empty(0, 3),
        "strided": torch.randn(6, 6)[::2, 1::3],
        "expanded": torch.ones(1, 3).expand(4, 3),
        "parameter": torch.nn.Parameter(torch.randn(2)),
        "embedding": tied,
        "head": tied,
        "first": flat[:5],
        "second": flat[5:],
        "rng": torch.get_rng_state(),
        "mask": torch.tensor([True, False]),
        "double": torch.randn(2, dtype=torch.float64),
    }
    found = checkpoint.read(checkpoint.save(tmp_path, 1, {"weights": awkward}, {})).tensors["weights"]
    for name, tensor in awkward.items():
        assert same_bits(found[name], tensor.detach()), name


@settings(max_examples=25, deadline=None)
@given(
    named=st.dictionaries(
        st.text(max_size=20).filter(lambda name: name != "__metadata__"),  # a word of the safetensors format
        st.lists(st.floats(width=32), max_size=4),
        max_size=4,
    ),
    state=st.dictionaries(st.text(), st.recursive(st.none() | st.floats() | st.text() | st.integers(), st.lists)),
)
def test_any_name_and_any_state(named: dict[str, list[float]], state: dict[str, object], memory_disk: Path) -> None:
    tensors = {name: torch.tensor(values) for name, values in named.items()}
    found = checkpoint.read(checkpoint.save(Path(tempfile.mkdtemp(dir=memory_disk)), 1, {"weights": tensors}, state))
    assert json.dumps(found.state) == json.dumps(state)
    assert set(found.tensors["weights"]) == set(tensors)
    assert all(same_bits(found.tensors["weights"][name], tensor) for name, tensor in tensors.items())


def test_steps_are_ordered_as_numbers(tmp_path: Path) -> None:
    for step in (999_999, 1_000_000, 20):
        checkpoint.save(tmp_path, step, *content(step))
    found = checkpoint.latest(tmp_path, on_skip=refuse_skips)
    assert found is not None
    assert found.step == 1_000_000


def test_the_same_step_again(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, 5, *content(1))
    inode = path.stat().st_ino
    assert checkpoint.save(tmp_path, 5, *content(1)) == path
    assert path.stat().st_ino == inode, "the same content is kept, not written over"
    checkpoint.save(tmp_path, 5, *content(2))
    assert_holds(checkpoint.latest(tmp_path, on_skip=refuse_skips), 2)
    (path / "weights.safetensors").write_bytes(b"")
    checkpoint.save(tmp_path, 5, *content(2))
    assert_holds(checkpoint.latest(tmp_path, on_skip=refuse_skips), 2)
    assert names(tmp_path) == ["step-000005"]


def test_retain_deletes_the_others_only(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        checkpoint.save(tmp_path, step, *content(step))
    (tmp_path / "notes.txt").write_text("mine")
    checkpoint.retain(tmp_path, {2, 4})
    assert names(tmp_path) == ["notes.txt", "step-000002", "step-000004"]
    checkpoint.retain(tmp_path / "absent", {1})


# Missing and damaged


def test_missing_and_damaged_are_told_apart(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path / "absent", on_skip=refuse_skips) is None
    assert checkpoint.latest(tmp_path, on_skip=refuse_skips) is None
    with pytest.raises(EnvironmentFault, match="no checkpoint here"):
        checkpoint.read(tmp_path / "step-000001")
    path = checkpoint.save(tmp_path, 1, *content(1))
    (path / "state.json").unlink()
    with pytest.raises(EnvironmentFault, match="missing") as fault:
        checkpoint.read(path)
    assert fault.value.where == str(path / "state.json")
    (path / "manifest.json").unlink()
    with pytest.raises(EnvironmentFault, match="no manifest"):
        checkpoint.read(path)


def damages(whole: bytes) -> Iterator[bytes]:
    for place in sorted({0, 1, 7, 8, *range(0, len(whole), max(1, len(whole) // 12)), len(whole) - 1}):
        for bit in (1, 128):
            yield whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        yield whole[:length]
    yield whole + b"\n"
    yield bytes(len(whole))


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "weights.safetensors", "optimizer.safetensors"])
def test_any_damage_is_seen_named_and_the_one_before_is_taken(tmp_path: Path, name: str) -> None:
    checkpoint.save(tmp_path, 1, *content(1))
    file = checkpoint.save(tmp_path, 2, *content(2)) / name
    whole = file.read_bytes()
    for damaged in damages(whole):
        file.write_bytes(damaged)
        with pytest.raises(EnvironmentFault, match="damaged") as fault:
            checkpoint.read(file.parent)
        assert fault.value.where == str(file)
        skipped: dict[Path, str] = {}
        assert_holds(checkpoint.latest(tmp_path, on_skip=skipped.__setitem__), 1)
        assert list(skipped) == [file.parent]
        assert name in skipped[file.parent]
    file.write_bytes(whole)
    assert_holds(checkpoint.latest(tmp_path, on_skip=refuse_skips), 2)


@pytest.mark.parametrize("forged", ["[]", "null", "1", "{}", '{"step": 1, "files": {}}', "[" * 100_000])
def test_a_manifest_that_is_other_json(tmp_path: Path, forged: str) -> None:
    path = checkpoint.save(tmp_path, 1, *content(1))
    (path / "manifest.json").write_text(forged)
    with pytest.raises(EnvironmentFault, match="damaged"):
        checkpoint.read(path)


# Disks


def attempt(parent: Path) -> str:
    """Try to save step 2 beside step 1. Returns the complaint, "" when it was saved; either way one of them loads."""
    try:
        checkpoint.save(parent, 2, *content(2))
    except EnvironmentFault as fault:
        assert fault.fix
        assert fault.where
        assert_holds(checkpoint.latest(parent, on_skip=refuse_skips), 1)
        assert names(parent) == ["step-000001"], "nothing of the failed attempt is left"
        return str(fault)
    assert_holds(checkpoint.latest(parent, on_skip=refuse_skips), 2)
    shutil.rmtree(parent / "step-000002")
    return ""


def test_a_limit_on_file_size_at_every_kilobyte(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, *content(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    complaints = []
    for limit_bytes in range(0, 8192, 256):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
        try:
            complaints.append(attempt(tmp_path))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "ulimit" in complaints[0]
    assert complaints[-1] == ""


@contextlib.contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Callable[[str], None]]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a small disk be mounted")
    try:
        yield lambda new: subprocess.run(["mount", "-o", f"remount,{new}", folder], check=True) and None
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_fills_up_at_any_page(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=1M") as remount:
        checkpoint.save(tmp_path / "disk" / "c", 1, *content(1))
        used_bytes = 1024 * 1024 - shutil.disk_usage(tmp_path / "disk").free
        complaints = []
        for pages in range(12):
            remount(f"size={used_bytes + 4096 * pages}")
            complaints.append(attempt(tmp_path / "disk" / "c"))
    assert "a checkpoint takes" in complaints[0]
    assert any(c and "a checkpoint takes" not in c for c in complaints), "some must pass the check and fail in a write"
    assert all("No space left" in c and "free some space" in c for c in complaints if c)
    assert complaints[-1] == ""


def test_a_disk_without_room_for_another_file(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=1M,nr_inodes=100") as remount:
        checkpoint.save(tmp_path / "disk" / "c", 1, *content(1))
        used = 100 - os.statvfs(tmp_path / "disk").f_ffree
        complaints = []
        for inodes in range(8):
            remount(f"nr_inodes={used + inodes}")
            complaints.append(attempt(tmp_path / "disk" / "c"))
    assert "No space left" in complaints[0]
    assert complaints[-1] == ""


def test_a_read_only_disk(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", "size=1M") as remount:
        checkpoint.save(tmp_path / "disk" / "c", 1, *content(1))
        remount("ro")
        assert "read-only" in attempt(tmp_path / "disk" / "c")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, *content(1))
    tmp_path.chmod(0o500)
    assert "permission" in attempt(tmp_path)
    tmp_path.chmod(0o700)


@pytest.mark.parametrize("umask", [0, 0o077])
def test_nobody_else_can_read_a_checkpoint(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = checkpoint.save(tmp_path / "c", 1, *content(1))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o700
    assert path.parent.stat().st_mode & 0o777 == 0o700


# Kills. Everything below `script` runs in another process, because it ends there by SIGKILL.


def test_kill_before_every_call_of_a_save_and_of_a_retain_and_the_order_of_the_calls(memory_disk: Path) -> None:
    command = [sys.executable, __file__, "kill", str(memory_disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(done.stdout)
    for action in ("save", "replace"):
        assert counts[action]["old"] > 15
        assert counts[action]["new"] > 1
    assert counts["retain"]["old"] == 0
    assert counts["retain"]["new"] > 5


CALLS = ("open", "mkdir", "fsync", "rename", "replace", "unlink", "rmdir", "scandir")


def wrap_calls(around: Callable[[Callable[..., object]], Callable[..., object]]) -> None:
    for name in CALLS:
        setattr(os, name, around(getattr(os, name)))


def kill_at_call(number: int) -> None:
    count = 0

    def around(call: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        return counted

    wrap_calls(around)


def survive(parent: Path, step: int) -> int:
    """After a kill: the old or the new one loads whole, and the next save works and tidies up. Returns whose it was."""
    for path in parent.glob("step-*"):
        checkpoint.read(path)  # what has the name of a checkpoint is whole
    found = checkpoint.latest(parent, on_skip=refuse_skips)
    assert found is not None
    who = found.state["who"]
    assert who in (1, 2)
    assert_holds(found, who)
    checkpoint.save(parent, step, *content(2))
    assert_holds(checkpoint.latest(parent, on_skip=refuse_skips), 2)
    assert set(names(parent)) <= {"step-000001", f"step-{step:06d}"}
    return who


def kill_everywhere(folder: Path, action: str) -> dict[str, int]:
    """Kill an action before each of its calls; returns how often the old and how often the new one was found."""
    step = 1 if action == "replace" else 2
    seen: list[int] = []
    for number in range(1, 1000):
        parent = folder / str(number)
        checkpoint.save(parent, 1, *content(1))
        if action == "retain":
            checkpoint.save(parent, step, *content(2))
        child = os.fork()
        if child == 0:
            kill_at_call(number)
            if action == "retain":
                checkpoint.retain(parent, {step})
            else:
                checkpoint.save(parent, step, *content(2))
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        seen.append(survive(parent, step))
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        shutil.rmtree(parent)
    return {"old": seen.count(1), "new": seen.count(2)}


def check_order(parent: Path) -> None:
    """Every file and the list of names is on the disk before the rename, and the rename before the return."""
    log: list[tuple[str, object]] = []

    def around(call: Callable[..., object]) -> Callable[..., object]:
        def logged(*arguments: object, **named: object) -> object:
            if call.__name__ == "fsync":
                log.append(("fsync", os.fstat(arguments[0]).st_ino))
            if call.__name__ == "rename":
                log.append(("rename", Path(arguments[1]).name))
            return call(*arguments, **named)

        return logged

    wrap_calls(around)
    path = checkpoint.save(parent / "c", 1, *content(1))
    rename = log.index(("rename", "step-000001"))
    for file in path.iterdir():
        assert ("fsync", file.stat().st_ino) in log[:rename], file
    last_folder_sync = max(i for i, entry in enumerate(log[:rename]) if entry == ("fsync", path.stat().st_ino))
    manifest_name = log.index(("rename", "manifest.json"))
    assert last_folder_sync > manifest_name, "the list of names is synced after the last file has its name"
    assert ("fsync", path.parent.stat().st_ino) in log[rename:]
    assert ("fsync", parent.stat().st_ino) in log


def serve_saves() -> None:
    """For strace: for each line "folder step" fork a child that waits for the folder's file `go`, then saves.

    It looks for the file with calls that are never the ones to be killed at: opening a pipe would be one.
    """
    for line in sys.stdin:
        folder, step = line.split()
        child = os.fork()
        if child == 0:
            while not (Path(folder) / "go").exists():
                time.sleep(0.001)
            checkpoint.save(Path(folder) / "c", int(step), *content(2))
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


@pytest.mark.campaign
@pytest.mark.timeout(1200)
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("step", [1, 2])
def test_kill_at_every_system_call_of_a_save(tmp_path: Path, step: int) -> None:
    points = 0
    command = [sys.executable, __file__, "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for call in ("openat", "write", "ftruncate", "fsync", "/rename", "mkdir", "/unlink", "rmdir"):
            for number in range(1, 1000):
                folder = tmp_path / f"{call.strip('/')}-{number}"
                checkpoint.save(folder / "c", 1, *content(1))
                server.stdin.write(f"{folder} {step}\n")
                server.stdin.flush()
                child = server.stdout.readline().strip()
                inject = f"inject={call}:signal=SIGKILL:when={number}"
                strace = ["strace", "-f", "-p", child, "-o", "/dev/null", "-e", inject]
                with subprocess.Popen(strace, stderr=subprocess.PIPE, text=True) as tracer:
                    assert tracer.stderr is not None
                    assert "attached" in tracer.stderr.readline()
                    (folder / "go").touch()
                    status = int(server.stdout.readline())
                survive(folder / "c", step)
                if status == 0:
                    break
                assert os.WTERMSIG(status) == signal.SIGKILL
                points += 1
                shutil.rmtree(folder)
        server.stdin.close()
    assert points > 40


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "serve":
        serve_saves()
    else:
        where = Path(sys.argv[2])
        print(json.dumps({action: kill_everywhere(where / action, action) for action in ("save", "replace", "retain")}))
        check_order(where / "order")  # the last, as it leaves the calls wrapped

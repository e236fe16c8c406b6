"""A run folder under kills, damage, a second process and a full disk; stages kept, taken over and built."""

import fcntl
import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.errors import EnvironmentFault
from attune.events import CheckpointSaved, Event, Note, StageFinished, StageStarted, StepSkipped, silent
from attune.runs.run import Run
from attune.runs.store import Store


def new(root: Path, name: str = "a run") -> Run:
    return Run.create(root, name, task="chat", model="tiny", reasons={"training.epochs": "few rows"})


def reopened(run: Run) -> Run:
    run.close()
    return Run.open(run.folder)


@pytest.fixture(scope="module")
def memory_disk() -> Iterator[Path]:
    """A folder in memory where the machine has one, for tests with many hundreds of fsyncs."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield Path(folder)


# The record


def test_a_new_run_can_be_opened(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "runs", "Support Desk!", task="chat", model="tiny", parent="p", reasons={"a.b": "why"})
    assert re.fullmatch(r"\d{8}-\d{6}-support-desk-[0-9a-f]{4}", run.id)
    assert run.folder == tmp_path / "runs" / run.id
    found = Run.open(run.folder).record
    assert found == run.record
    assert (found.name, found.task, found.model, found.parent) == ("Support Desk!", "chat", "tiny", "p")
    assert (found.state, found.error, found.reasons, found.stages) == ("running", None, {"a.b": "why"}, {})
    assert found.created.endswith("+00:00")
    assert found.environment["torch"].startswith("2.")


@pytest.mark.parametrize("umask", [0, 0o077])
def test_nobody_else_can_read_a_run(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        run = new(tmp_path / "runs")
        run.write_json("evaluation/deep/a.json", 1)
    finally:
        os.umask(before)
    assert run.folder.stat().st_mode & 0o777 == 0o700
    assert run.folder.parent.stat().st_mode & 0o777 == 0o700


@settings(max_examples=20, deadline=None)
@given(name=st.text(max_size=100))
def test_any_name_makes_a_plain_folder_name(name: str, memory_disk: Path) -> None:
    with new(memory_disk / "slugs", name) as run:
        assert re.fullmatch(r"\d{8}-\d{6}-[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?-[0-9a-f]{4}", run.id)
        assert Run.open(run.folder).record.name == name


def test_a_full_second_gets_different_folders(memory_disk: Path) -> None:
    assert len({new(memory_disk / "second").id for _ in range(30)}) == 30


def test_state_and_fields_are_kept(tmp_path: Path) -> None:
    run = new(tmp_path)
    run.set_state("failed", "the disk is full")
    run.update(model="tiny (embedded)", environment={"python": "3"})
    again = reopened(run).record
    assert (again.state, again.error, again.model) == ("failed", "the disk is full", "tiny (embedded)")
    run.set_state("running")
    assert reopened(run).record.error is None
    with pytest.raises(TypeError):
        run.update(colour="red")


def test_not_a_run_and_a_damaged_run_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no such run folder"):
        Run.open(tmp_path / "absent")
    with pytest.raises(EnvironmentFault, match="not a run"):
        Run.open(tmp_path)
    run = new(tmp_path)
    path = run.folder / "run.json"
    whole = path.read_bytes()
    record = json.loads(whole)
    for damaged in (
        b"",
        b"\0" * len(whole),
        whole[:-9],
        b"[]",
        b"\xff" + whole,
        json.dumps(record | {"state": "flying"}).encode(),
        json.dumps(record | {"stages": {"train": {"key": "1"}}}).encode(),
        json.dumps(record | {"stages": {"train": {"key": "1", "seconds": "2", "files": []}}}).encode(),
        json.dumps({key: record[key] for key in record if key != "task"}).encode(),
    ):
        path.write_bytes(damaged)
        with pytest.raises(EnvironmentFault, match="damaged") as fault:
            Run.open(run.folder)
        assert fault.value.where == str(path)


# Events


def test_events_are_appended_with_their_time(tmp_path: Path) -> None:
    run = new(tmp_path)
    assert list(run.events()) == []
    run.emit(Note("split", "info", "zeile\u2028eins \ud800 ü"))
    run.emit(StepSkipped(3, "loss is not finite", ("a", "b")))
    first, second = reopened(run).events()
    assert first["event"] == "Note"
    assert first["text"] == "zeile\u2028eins \ud800 ü"
    assert first["time"].endswith("+00:00")
    assert second["example_ids"] == ["a", "b"]
    assert run.unreadable_events == 0


def test_numbers_that_are_not_finite_become_null_in_events(tmp_path: Path) -> None:
    run = new(tmp_path)
    run.emit(StageFinished("train", math.nan))
    (line,) = (run.folder / "events.jsonl").read_text().splitlines()
    assert json.loads(line, parse_constant=pytest.fail)["seconds"] is None


def test_a_torn_line_hurts_only_itself(memory_disk: Path) -> None:
    run = new(memory_disk)
    for step in range(3):
        run.emit(CheckpointSaved(step, "x"))
    path = run.folder / "events.jsonl"
    whole = path.read_bytes()
    length = len(whole.splitlines(keepends=True)[-1])
    for cut in range(1, length):
        path.write_bytes(whole[:-cut])
        again = reopened(run)
        again.emit(CheckpointSaved(9, "after"))
        steps = [event["step"] for event in again.events()]
        assert steps == ([0, 1, 2, 9] if cut == 1 else [0, 1, 9])
        assert again.unreadable_events == (cut != 1)
        again.close()
    path.write_bytes(b"\0" * 50 + b"\n[1]\n\xff\n" + whole)
    assert [event["step"] for event in run.events()] == [0, 1, 2]
    assert run.unreadable_events == 3


def test_a_full_disk_is_told_and_the_next_event_is_whole(tmp_path: Path) -> None:
    run = new(tmp_path)
    run.emit(CheckpointSaved(1, "x"))
    size_bytes = (run.folder / "events.jsonl").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes + 10, hard))
    try:
        with pytest.raises(EnvironmentFault, match="File too large") as fault:
            run.emit(CheckpointSaved(2, "x"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "ulimit" in fault.value.fix
    run.emit(CheckpointSaved(3, "x"))
    assert [event["step"] for event in run.events()] == [1, 3]


# Files


def test_files_come_back(tmp_path: Path) -> None:
    run = new(tmp_path)
    value = {"text": "日本 \ud83d", "list": [1, 2.5, None], "zero": -0.0}
    run.write_json("data/splits.json", value)
    run.write_jsonl("data/rejections.jsonl", (row for row in [{"a": "line\nbreak\u2028"}, [1], None]))
    run.write_jsonl("data/none.jsonl", [])
    run.write_text("README.md", "# ü\n")
    assert run.read_json("data/splits.json") == value
    assert run.read_jsonl("data/rejections.jsonl") == [{"a": "line\nbreak\u2028"}, [1], None]
    assert run.read_jsonl("data/none.jsonl") == []
    assert (run.folder / "README.md").read_bytes() == "# ü\n".encode()
    assert "日本" in (run.folder / "data" / "splits.json").read_text(errors="replace")


def test_missing_and_damaged_files_are_told_apart(tmp_path: Path) -> None:
    run = new(tmp_path)
    for read in (run.read_json, run.read_jsonl):
        with pytest.raises(EnvironmentFault, match="missing"):
            read("data/a.json")
    run.write_text("a.json", '{"a": 1')
    with pytest.raises(EnvironmentFault, match="damaged"):
        run.read_json("a.json")
    run.write_text("a.jsonl", '{"a": 1}\n{"a": \n{"a": 2}\n')
    with pytest.raises(EnvironmentFault, match="damaged") as fault:
        run.read_jsonl("a.jsonl")
    assert fault.value.where.endswith("a.jsonl:2")
    run.write_text("a.jsonl", '{"a": 1}\n{"a": 1}')
    with pytest.raises(EnvironmentFault, match="cut"):
        run.read_jsonl("a.jsonl")


@pytest.mark.parametrize("outside", ["../a", "/a", "data/../../a", "", "."])
def test_a_run_writes_inside_its_folder_only(tmp_path: Path, outside: str) -> None:
    with pytest.raises(AssertionError):
        new(tmp_path / "runs").write_text(outside, "x")


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    run = new(tmp_path)
    run.write_jsonl("a.jsonl", [1])

    def rows() -> Iterator[object]:
        yield 2
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run.write_jsonl("a.jsonl", rows())
    with pytest.raises(ValueError, match="JSON"):
        run.write_json("a.jsonl", math.nan)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(EnvironmentFault, match="File too large"):
            run.write_text("a.jsonl", "x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.read_jsonl("a.jsonl") == [1]
    assert sorted(path.name for path in run.folder.iterdir()) == ["a.jsonl", "run.json", "run.lock"]


def test_a_root_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault) as fault:
        new(tmp_path / "file")
    assert fault.value.fix
    if os.geteuid() != 0:  # root may write everywhere
        tmp_path.chmod(0o500)
        with pytest.raises(EnvironmentFault, match="denied") as fault:
            new(tmp_path / "runs")
        tmp_path.chmod(0o700)
        assert "permission" in fault.value.fix


# One process at a time

WORKER = """
import sys, time
from pathlib import Path
from attune.events import Note
from attune.runs.run import Run
run = Run.open(Path(sys.argv[1]))
run.emit(Note("worker", "info", "mine"))
(run.folder / ".tmp-half.json").write_text("{")
print("working", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    run = new(tmp_path)
    with pytest.raises(EnvironmentFault, match="another process"):
        Run.open(run.folder).set_state("running")
    run.close()
    command = [sys.executable, "-c", WORKER, str(run.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "working\n"
        mine = Run.open(run.folder)
        assert [event["text"] for event in mine.events()] == ["mine"], "reading needs no lock"
        actions: list[Callable[[], None]] = [
            lambda: mine.set_state("done"),
            lambda: mine.emit(Note("a", "info", "b")),
            lambda: mine.write_text("a", "b"),
            lambda: mine.stage("a", {}, [], lambda: None, emit=silent, store=None),
        ]
        for action in actions:
            with pytest.raises(EnvironmentFault, match=f"process {worker.pid}"):
                action()
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    mine.set_state("done")
    assert not (run.folder / ".tmp-half.json").exists(), "what the killed process was writing is gone"
    assert Run.open(run.folder).record.state == "done"


def test_a_run_opened_early_sees_what_was_written_before_it_took_the_folder(tmp_path: Path) -> None:
    first = new(tmp_path)
    second = Run.open(first.folder)
    first.update(model="other")
    first.close()
    second.set_state("done")
    assert reopened(second).record.model == "other"


# Stages


class Builder:
    """A stage of one file and one folder, which hears events and counts its builds."""

    def __init__(self) -> None:
        self.builds = 0
        self.heard: list[Event] = []

    def __call__(self, run: Run, store: Store | None = None, version: int = 1, **inputs: object) -> str:
        def build() -> None:
            self.builds += 1
            (run.folder / "model").mkdir(exist_ok=True)
            (run.folder / "out.txt").write_text(f"{inputs} {self.builds}")
            (run.folder / "model" / "weights").write_text(f"{inputs} {self.builds}")

        self.heard.clear()
        files = ["out.txt", "model"]
        run.stage("make", inputs, files, build, version=version, emit=self.heard.append, store=store)
        assert (run.folder / "out.txt").read_text() == (run.folder / "model" / "weights").read_text()
        return (run.folder / "out.txt").read_text()

    def reused(self) -> bool:
        kinds = [type(event) for event in self.heard]
        finished = self.heard[-1]
        assert isinstance(finished, StageFinished)
        assert kinds == ([StageFinished] if finished.reused else [StageStarted, StageFinished])
        return finished.reused


def test_a_stage_is_built_once_for_its_key(tmp_path: Path) -> None:
    run, make = new(tmp_path), Builder()
    assert make(run, a=1, b=[1, {"x": None}]) == "{'a': 1, 'b': [1, {'x': None}]} 1"
    assert not make.reused()
    record = run.record.stages["make"]
    assert record.files == ("out.txt", "model")
    assert record.seconds >= 0
    make(reopened(run), b=[1, {"x": None}], a=1)
    assert make.reused()
    run = reopened(run)
    for changed in ({"a": 2}, {"a": 2, "version": 2}):
        make(run, **changed)
        assert not make.reused()
    assert make.builds == 3
    assert run.record.stages["make"].key != record.key


@pytest.mark.parametrize("lost", ["out.txt", "model"])
def test_a_stage_whose_file_is_gone_is_built_again(tmp_path: Path, lost: str) -> None:
    run, make = new(tmp_path), Builder()
    make(run)
    (run.folder / lost).rename(tmp_path / "elsewhere")
    make(run)
    assert make.builds == 2


def test_a_stage_that_dies_leaves_no_record(tmp_path: Path) -> None:
    run, make = new(tmp_path), Builder()
    make(run, a=1)

    def die() -> None:
        (run.folder / "out.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.stage("make", {"a": 2}, ["out.txt", "model"], die, emit=silent, store=None)
    run = reopened(run)
    assert run.record.stages == {}
    make(run, a=1)
    assert not make.reused(), "its old record does not vouch for files that the dead build has touched"
    with pytest.raises(AssertionError, match="did not make"):
        run.stage("lazy", {}, ["absent"], lambda: None, emit=silent, store=None)
    assert set(run.record.stages) == {"make"}


def test_a_stage_of_another_run_is_taken_over(tmp_path: Path) -> None:
    store, make = Store(tmp_path), Builder()
    first, second = new(tmp_path), new(tmp_path)
    built = make(first, store, a=1)
    (second.folder / "model").mkdir()
    (second.folder / "model" / "stale").write_text("of another key")
    assert make(second, store, a=1) == built
    assert make.reused()
    assert make.builds == 1
    assert second.record.stages == first.record.stages
    assert [path.name for path in (second.folder / "model").iterdir()] == ["weights"]
    make(second, None, a=1)
    assert make.reused()


def test_building_again_does_not_write_into_another_run(tmp_path: Path) -> None:
    store, make = Store(tmp_path), Builder()
    first, second = new(tmp_path), new(tmp_path)
    built = make(first, store, a=1)
    make(second, store, a=1)
    make(second, store, a=2)
    assert not make.reused()
    make(first, None, a=1)
    assert make.reused()
    assert (first.folder / "out.txt").read_text() == built
    make(first, None, a=3)
    assert "'a': 2" in make(second, None, a=2)


def test_a_stage_is_copied_where_the_disk_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    store, make = Store(tmp_path), Builder()
    first, second = new(tmp_path), new(tmp_path)
    built = make(first, store)
    monkeypatch.setattr(os, "link", refuse)
    assert make(second, store) == built
    assert make.reused()
    assert (second.folder / "out.txt").stat().st_nlink == 1


def test_the_files_of_a_stage_are_on_the_disk_before_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[int | str] = []
    fsync, rename = os.fsync, os.rename

    def logged_fsync(descriptor: int) -> None:
        log.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def logged_rename(source: Path, target: Path) -> None:
        log.append(target.name)
        rename(source, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "rename", logged_rename)
    store, make = Store(tmp_path), Builder()
    for run in (new(tmp_path), new(tmp_path)):
        log.clear()
        make(run, store)
        recorded = max(index for index, entry in enumerate(log) if entry == "run.json")
        for relative in ("out.txt", "model/weights", "model", "."):
            assert (run.folder / relative).stat().st_ino in log[:recorded], relative


KILLED = """
import os, signal, sys
from pathlib import Path
from attune.events import silent
from attune.runs.run import Run
from attune.runs.store import Store
count = 0
def around(call):
    def counted(*arguments, **named):
        global count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)
    return counted
root = Path(sys.argv[1])
old = Run.create(root / "runs", "old", task="chat", model="tiny")
old.stage("make", {"a": 2}, ["out.txt"], lambda: old.write_text("out.txt", "a=2"), emit=silent, store=None)
for store in (None, Store(root / "runs")):
    for number in range(1, 1000):
        run = Run.create(root / "killed", "run", task="chat", model="tiny")
        run.stage("make", {"a": 1}, ["out.txt"], lambda: run.write_text("out.txt", "a=1"), emit=silent, store=None)
        child = os.fork()
        if child == 0:
            for name in ("open", "mkdir", "fsync", "rename", "unlink", "link", "write"):
                setattr(os, name, around(getattr(os, name)))
            run.stage("make", {"a": 2}, ["out.txt"], lambda: run.write_text("out.txt", "a=2"), emit=silent, store=store)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        run.close()
        again = Run.open(run.folder)
        key = {old.record.stages["make"].key: "a=2", run.record.stages["make"].key: "a=1"}
        for record in again.record.stages.values():
            assert (run.folder / "out.txt").read_text() == key[record.key], (number, record)
        again.stage("make", {"a": 2}, ["out.txt"], lambda: again.write_text("out.txt", "a=2"), emit=silent, store=None)
        assert (run.folder / "out.txt").read_text() == "a=2"
        assert sorted(os.listdir(run.folder)) == ["out.txt", "run.json", "run.lock"], os.listdir(run.folder)
        if status == 0:
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
    assert number > 8, number
"""


def test_kill_before_every_call_of_a_stage(memory_disk: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, memory_disk], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_a_dead_process_left_behind_holds_the_lock_only_for_a_while(tmp_path: Path) -> None:
    """A child that a killed owner had just forked can hold the lock for a moment longer than its parent lived."""
    run = Run.create(tmp_path, "held", task="chat", model="m")
    run.close()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    lock = os.open(run.folder / "run.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(dead.pid).encode(), 0)
    timer = threading.Timer(0.3, os.close, [lock])
    timer.start()
    with Run.open(run.folder) as again:
        again.set_state("interrupted")
    timer.join()
    assert Run.open(run.folder).record.state == "interrupted"

"""What the program settles for its own process, each in a process of its own."""

import gc
import json
import subprocess
import sys
import time

import pytest

from attune import process

MEASURED = """
import ctypes, gc, json, sys, time
import psutil
from attune import process

rss = lambda: psutil.Process().memory_info().rss
own, needed, seconds = json.loads(sys.argv[1])
if own:
    process.keep_freed_memory()
before = rss()
with process.importing(needed):
    searching = gc.isenabled()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.taken_bytes() == 0:
        time.sleep(0.01)
after = rss()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
used = min(needed, 4 * process.PIECE_BYTES)
libc.memset(libc.malloc(used), 1, used)
searched = [searching, gc.isenabled(), gc.get_freeze_count()]
print(json.dumps([after - before, rss() - after, process.taken_bytes(), *searched]))
"""
PIECE = process.PIECE_BYTES


def measured(*, own: bool, needed: int, seconds: float) -> list[int]:
    """Bytes that the imports added, bytes that an allocation added after them, what was said to be taken, whether
    garbage was searched for meanwhile and afterwards, and how many objects are left out of the search."""
    command = [sys.executable, "-c", MEASURED, json.dumps([own, needed, seconds])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


glibc = pytest.mark.skipif(sys.platform != "linux", reason="other C libraries hand freed memory back")


@glibc
def test_memory_that_is_taken_during_imports_is_there_for_the_training():
    added, later, taken, searching, searching_again, frozen = measured(own=True, needed=4 * PIECE, seconds=3)
    assert taken == 4 * PIECE
    assert added == pytest.approx(taken, abs=PIECE // 4)
    assert later < PIECE // 4  # the same pages
    assert not searching
    assert searching_again
    assert frozen > 1000


def test_another_programs_memory_and_garbage_are_its_own():
    added, later, taken, searching, searching_again, frozen = measured(own=False, needed=2 * PIECE, seconds=0.1)
    assert (taken, frozen) == (0, 0)
    assert added < PIECE // 4 < later
    assert searching
    assert searching_again


@glibc
def test_imports_that_are_over_are_not_waited_for():
    added, _, taken, *_ = measured(own=True, needed=64 * PIECE, seconds=0)
    assert taken < 16 * PIECE
    assert added < taken + PIECE


@glibc
def test_no_more_is_taken_than_a_part_of_what_is_free(monkeypatch):
    monkeypatch.setattr(process, "_MEMORY", process._Memory(stays=True))
    monkeypatch.setattr(process, "free_bytes", lambda: 4 * PIECE)
    with process.importing(1 << 40):
        time.sleep(0.5)
    gc.unfreeze()
    assert process.taken_bytes() == PIECE


@pytest.mark.parametrize(("limit", "free"), [("max", None), ("3000", 2000)])
def test_a_container_may_allow_less_than_the_machine_has(limit, free, monkeypatch, tmp_path):
    import psutil

    monkeypatch.setattr(process, "CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("1000\n")
    found = process.free_bytes()
    assert found == free if free else found == pytest.approx(psutil.virtual_memory().available, rel=0.1)

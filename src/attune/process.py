"""What the program settles for its own process before anything slow: memory, threads that wait, and imports.

`attune` takes its process over. A program that imports the package keeps its own settings.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# glibc's mallopt(3): M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, each in bytes.
ALLOCATOR = {-1: 2**31 - 1, -2: 1 << 28, -3: 2**31 - 1}
SPINS = "10000"  # a thousand make a training slower that has the machine to itself
# Memory that is taken during imports: in pieces that imports need not wait for, and so much of what is free at most.
PIECE_BYTES = 1 << 26
TAKEN_SHARE = 0.25
GPUS = ("/dev/nvidia0", "/dev/kfd")
CGROUP = Path("/sys/fs/cgroup")


@dataclass
class _Memory:
    """What was settled: whether freed memory stays, and how much was taken during imports."""

    stays: bool = False
    taken_bytes: int = 0


_MEMORY = _Memory()


def keep_freed_memory() -> None:
    """Let the process keep memory that a training step frees, since the next step needs the same again.

    glibc hands large blocks back to the system, which must zero every page of them anew a moment later: a sixth of a
    step's time, and more on a busy machine. ATTUNE_KEEP_MEMORY=0 leaves the allocator alone.
    """
    if os.name != "posix" or os.environ.get("ATTUNE_KEEP_MEMORY") == "0":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # other C libraries have no such settings
        for option, value in ALLOCATOR.items():
            libc.mallopt(option, value)
        _MEMORY.stays = True


def wait_asleep() -> None:
    """Let threads that wait for one another sleep after a moment instead of keeping their core.

    libgomp lets them spin for milliseconds. Where another program wants one of the cores, that is the core that a
    thread with work would need: beside one busy process on two cores, a training took more than three times as long as
    it does so. What the environment says already stays. It is read when torch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


@contextlib.contextmanager
def importing(needed_bytes: int) -> Iterator[None]:
    """While libraries of seconds are imported, let an idle core take memory that the training is going to need.

    The system hands out memory page by page as it is first touched, and zeroes each: half a second to three for each
    GiB, which a first step would wait for. What was taken is freed at the end, and stays with the process for the
    training. Nor is there any search for garbage meanwhile, since what is imported stays. Both only where
    `keep_freed_memory` was called: another program's memory is its own.

    Args:
        needed_bytes: what the training takes in any case; less is taken where less is free, or the imports end sooner.
    """
    if not _MEMORY.stays:
        yield
        return
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    limit = 0 if any(Path(gpu).exists() for gpu in GPUS) else TAKEN_SHARE * free_bytes()
    # Asked for here: other threads have heaps of their own, which free what is large at once.
    asked = [libc.malloc(PIECE_BYTES) for _ in range(int(min(needed_bytes, limit)) // PIECE_BYTES)]
    pieces = [piece for piece in asked if piece]
    over = threading.Event()
    touched = []

    def touch() -> None:
        for piece in pieces:
            if over.is_set():
                break
            libc.memset(piece, 0, PIECE_BYTES)
            touched.append(piece)

    worker = threading.Thread(target=touch)
    worker.start()
    gc.disable()
    try:
        yield
    finally:
        over.set()
        worker.join()
        for piece in pieces:
            libc.free(piece)
        _MEMORY.taken_bytes = len(touched) * PIECE_BYTES
        gc.freeze()
        atexit.register(gc.unfreeze)  # libraries count what is left at the end, and print it
        gc.enable()


def taken_bytes() -> int:
    """Memory that `importing` took. Until a model is loaded next to nothing of it is in use."""
    return _MEMORY.taken_bytes


def free_bytes() -> int:
    """Memory that this process may still take from the machine or its container."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no container, or one without a limit, which says "max"
        return free
    return min(free, limit - used)

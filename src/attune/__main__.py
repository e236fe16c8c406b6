"""The way in for `attune` and `python -m attune`: from here on a request to stop ends without a traceback."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import NoReturn

INTERRUPTED_EXIT_CODE = 130
# glibc's mallopt(3): M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, each in bytes.
ALLOCATOR = {-1: 2**31 - 1, -2: 1 << 28, -3: 2**31 - 1}
SPINS = "10000"  # a thousand make a training slower that has the machine to itself


def leave(*_: object) -> NoReturn:
    """Signal handler of everything that has nothing to save."""
    raise SystemExit(INTERRUPTED_EXIT_CODE)


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


def wait_asleep() -> None:
    """Let threads that wait for one another sleep after a moment instead of keeping their core.

    libgomp lets them spin for milliseconds. Where another program wants one of the cores, that is the core that a
    thread with work would need: beside one busy process on two cores, a training took more than three times as long as
    it does so. What the environment says already stays. It is read when torch is imported.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


def main() -> NoReturn:
    """Run the command line. The signals are taken before anything slow is imported."""
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    keep_freed_memory()
    wait_asleep()
    from attune import cli

    cli.main()


if __name__ == "__main__":
    main()

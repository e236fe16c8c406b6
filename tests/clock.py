"""How long something may take where only its growth matters."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

SOON = 15
"""Seconds of processor time: ten times what the slowest of these takes on a machine at rest, so that a busy one fails
nothing. What is quadratic in a few hundred thousand characters takes minutes to hours."""


@contextmanager
def ends_soon() -> Iterator[None]:
    """What is inside must end in SOON seconds of this process's time."""
    began = time.process_time()
    yield
    taken = time.process_time() - began
    assert taken < SOON, f"{taken:.1f} seconds of processor time"

"""Mutated rows, files and recipes: examples or our own errors come out, soon, and nothing is kept in memory."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import fuzz
import pytest

P99_MS = 50.0
MOST_GROWN_BYTES = 64 << 20
CAMPAIGN_INPUTS = 1_000_000
PROCESSES = 2


def test_mutated_inputs_give_rows_or_our_errors() -> None:
    figures = fuzz.feed(20_000, seed=20261121)
    assert figures.inputs >= 20_000
    assert figures.percentile(0.99) < P99_MS
    assert len(figures.codes) > 20, "the mutations reach few of the errors"


@pytest.mark.campaign
def test_a_million_mutated_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawned) as pool:
        feeds = [pool.submit(fuzz.feed, CAMPAIGN_INPUTS // PROCESSES, seed) for seed in range(PROCESSES)]
        figures = sum((feed.result() for feed in feeds), fuzz.Figures())
    with capsys.disabled():
        print(f"\n{figures}")
    assert figures.inputs >= CAMPAIGN_INPUTS
    assert figures.percentile(0.99) < P99_MS
    assert figures.grown_bytes < MOST_GROWN_BYTES

"""The long form of test_resume: every step and thirty kills, for LoRA and full tuning in fp32 and bf16."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash import (
    TOTAL_STEPS,
    Life,
    Reference,
    Warm,
    assert_same_end,
    crash_tree,
    events,
    last_checkpoint,
    only_run,
)

KILLS = 30
CONFIGURATIONS = [(method, precision) for method in ("lora", "full") for precision in ("fp32", "bf16")]

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module", params=CONFIGURATIONS, ids="-".join)
def each(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_decoder: Path, crash_data: Path
) -> Iterator[Reference]:
    """The uninterrupted run of each configuration."""
    folder = tmp_path_factory.mktemp("campaign")
    tree = crash_tree(tiny_decoder, crash_data, *request.param)
    with Warm(tree, folder / "scratch") as warm:
        assert warm.live(Life(folder / "runs", tree, snapshots=folder / "snapshots")) == 0
        yield Reference(tree, only_run(folder / "runs"), folder / "snapshots", warm)


def test_thirty_kills_at_random_moments(each: Reference, tmp_path: Path) -> None:
    draw = random.Random(20261121)
    sparse = {**each.tree, "training": {**each.tree["training"], "checkpoint_every": 3}}
    whole_seconds = _seconds(each, Life(tmp_path / "measured", sparse))
    kills = runs = 0
    while kills < KILLS:
        root = tmp_path / f"runs-{runs}"
        code = each.warm.live(Life(root, sparse, kill_after_seconds=draw.uniform(0.0, whole_seconds)))
        while code != 0:
            assert code == -signal.SIGKILL
            kills += 1
            wait = draw.uniform(0.0, whole_seconds) if kills < KILLS else None
            code = each.warm.live(Life(root, kill_after_seconds=wait))
        runs += 1
        assert_same_end(only_run(root), each.folder)
    print(f"{kills} kills in {runs} runs of about {whole_seconds:.1f} s")


def test_every_step_can_be_resumed(each: Reference, tmp_path: Path) -> None:
    for step in range(1, TOTAL_STEPS + 1):
        root = tmp_path / str(step)
        shutil.copytree(each.snapshots / str(step), root)
        assert last_checkpoint(only_run(root)).name == f"step-{step:06d}"
        assert each.warm.live(Life(root)) == 0
        assert_same_end(only_run(root), each.folder)
        done = [e["step"] for e in events(only_run(root), "StepMetrics")]
        assert done == list(range(1, TOTAL_STEPS + 1)), "no step was lost or done twice"


def test_progress_under_a_kill_every_two_start_times(each: Reference, tmp_path: Path) -> None:
    """A life that lasts twice as long as a resume takes to its first step gets further each time, and ends the run."""
    root = tmp_path / "first-step"
    shutil.copytree(each.snapshots / "1", root)
    began = time.monotonic()
    each.warm.live(Life(root, signal=signal.SIGKILL, at={"event": "StepMetrics"}))
    start_seconds = time.monotonic() - began
    root = tmp_path / "runs"
    shutil.copytree(each.snapshots / "1", root)
    reached, kills = 1, 0
    while each.warm.live(Life(root, kill_after_seconds=2 * start_seconds)) != 0 and kills < 20:
        kills += 1
        now = int(last_checkpoint(only_run(root)).name.removeprefix("step-"))
        assert now > reached or now == TOTAL_STEPS, f"no progress in life {kills}"
        reached = now
    if kills == 20:  # what follows the training takes longer than a life here: it has no smaller steps
        assert reached == TOTAL_STEPS
        assert each.warm.live(Life(root)) == 0
    assert_same_end(only_run(root), each.folder)


def _seconds(reference: Reference, life: Life) -> float:
    began = time.monotonic()
    assert reference.warm.live(life) == 0
    return time.monotonic() - began

"""Runs in processes of their own that can be ended at any moment, and the comparison of how two runs end.

One warm process walks a short run once, up to its report; every life of a run is then a fork of it, which starts in
milliseconds. With one thread torch runs nothing that a fork could lose; drawing charts starts threads, so that the warm
process never does it.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

TIMES = {"seconds", "tokens_per_second", "peak_memory_bytes"}
TOTAL_STEPS = 20
STEP_FIELDS = ("loss_nats_per_token", "accuracy", "grad_norm", "learning_rate", "target_tokens", "input_tokens")


@dataclass(frozen=True)
class Life:
    """One process that works on the only run under `root`.

    Attributes:
        tree: the recipe of a new run; None resumes the run.
        kill_after_seconds: SIGKILL from outside, counted from the first event of a new run or the start of a resume.
        signal: what the process sends to itself at an event with the fields `at`.
        snapshots: gets a copy of the run folder after every checkpoint, as <snapshots>/<step>/<run id>.
    """

    root: Path
    tree: Mapping[str, Any] | None = None
    kill_after_seconds: float | None = None
    signal: int | None = None
    at: Mapping[str, Any] | None = None
    snapshots: Path | None = None


class Warm:
    """A warm process whose forks are the lives of runs."""

    def __init__(self, tree: Mapping[str, Any], scratch: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, tree, scratch), daemon=True)
        self._process.start()
        theirs.close()

    def live(self, life: Life) -> int:
        """Let a fork live; its exit code, which is minus the signal's number when one ended it."""
        self._connection.send(life)
        code: int = self._connection.recv()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()


@dataclass(frozen=True)
class Reference:
    """A run that nothing interrupted, with a copy of its folder after every step, and the process it ran in."""

    tree: dict[str, Any]
    folder: Path
    snapshots: Path
    warm: Warm


def crash_tree(model: Path, data: Path, method: str, precision: str) -> dict[str, Any]:
    """A recipe of 20 steps over 3 epochs and a bit, with dropout where the method has it."""
    return {
        "name": "crash",
        "task": "complete",
        "model": str(model),
        "data": {"train": str(data)},
        "method": {"kind": method, **({"rank": 4, "dropout": 0.1} if method == "lora" else {})},
        "training": {
            "max_steps": TOTAL_STEPS,
            "batch_size": 8,
            "learning_rate": 3e-3,
            "precision": precision,
            "microbatch_tokens": 64,
            "evaluate_every": 4,
            "checkpoint_every": 1,
            "patience": 0,
        },
        "evaluation": {"max_new_tokens": 4, "metrics": ["exact_match", "loss_nats_per_token"]},
    }


def cold(life: Life) -> int:
    """A life in a new interpreter; its exit code."""
    process = multiprocessing.get_context("spawn").Process(target=_end_with_code, args=(life,), daemon=True)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def only_run(root: Path) -> Path:
    """The folder of the only run under `root`."""
    (folder,) = (path.parent for path in root.glob("*/run.json"))
    return folder


def assert_same_end(folder: Path, reference: Path) -> None:
    """Both runs ended with the same bits: model, last checkpoint with its optimizer, curves, predictions, results."""
    assert json.loads((folder / "run.json").read_text())["state"] == "done"
    model, expected = _bytes(folder / "model"), _bytes(reference / "model")
    assert model.keys() == expected.keys()
    differing = [name for name in model if model[name] != expected[name]]
    assert differing == []
    mine, theirs = last_checkpoint(folder), last_checkpoint(reference)
    assert mine.name == theirs.name
    assert _bytes(mine, "*.safetensors") == _bytes(theirs, "*.safetensors")
    assert _state(mine) == _state(theirs)
    assert steps(folder) == steps(reference)
    assert validations(folder) == validations(reference)
    for which in ("base", "tuned"):
        name = f"evaluation/predictions-{which}.jsonl"
        assert (folder / name).read_bytes() == (reference / name).read_bytes()
    assert timeless_results(folder) == timeless_results(reference)
    assert (folder / "report.html").is_file()


def last_checkpoint(folder: Path) -> Path:
    """The newest checkpoint of a run."""
    return max((folder / "checkpoints").glob("step-*"))


def steps(folder: Path) -> dict[int, tuple[float, ...]]:
    """What each step measured, but for times; the last record of a step counts."""
    found = {e["step"]: tuple(e[name] for name in STEP_FIELDS) for e in events(folder, "StepMetrics")}
    return dict(sorted(found.items()))


def validations(folder: Path) -> dict[int, tuple[float, float]]:
    """Validation loss and accuracy by step."""
    found = {e["step"]: (e["loss_nats_per_token"], e["accuracy"]) for e in events(folder, "Validated")}
    return dict(sorted(found.items()))


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The events of one kind that a run recorded. A line that a kill cut is left out, as readers do."""
    found = []
    for line in (folder / "events.jsonl").read_bytes().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event["event"] == kind:
            found.append(event)
    return found


def timeless_results(folder: Path) -> dict[str, Any]:
    """results.json without the run's id and what depends on the clock and the process."""
    results: dict[str, Any] = json.loads((folder / "results.json").read_text())
    del results["run"]
    results["training"] = {name: value for name, value in results["training"].items() if name not in TIMES}
    return results


def _bytes(folder: Path, pattern: str = "**/*") -> dict[str, bytes]:
    files = (path for path in folder.glob(pattern) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _state(checkpoint: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((checkpoint / "state.json").read_text())
    assert state["progress"].pop("seconds") > 0
    return state


def _serve(connection: Connection, tree: Mapping[str, Any], scratch: Path) -> None:
    _warm_up(tree, scratch)
    while True:
        try:
            life = connection.recv()
        except EOFError:
            return
        connection.send(_fork(life))


def _warm_up(tree: Mapping[str, Any], scratch: Path) -> None:
    """Import all that a run imports, by walking one up to where its report would be drawn."""
    import altair  # noqa: F401
    import torch
    import vl_convert  # noqa: F401

    from attune import pipeline
    from attune.errors import Interrupted
    from attune.events import Event, StageFinished
    from attune.recipe import from_mapping
    from attune.runs.store import Store

    def emit(event: Event) -> None:
        if isinstance(event, StageFinished) and event.stage == "tuned":
            raise Interrupted("warm enough")

    torch.set_num_threads(1)
    short = {**tree, "training": {**tree["training"], "max_steps": 1}}
    with contextlib.suppress(Interrupted):
        pipeline.run(from_mapping(short), Store(scratch), emit)
    threads = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    assert len(threads) == 1, f"a fork would lose the other threads of {threads}"


def _end_with_code(life: Life) -> None:
    os._exit(_work(life))


def _fork(life: Life) -> int:
    process = os.fork()
    if process == 0:
        os._exit(_work(life))
    parent, counted_from = os.getppid(), time.monotonic()
    begun = life.tree is None
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if not begun:
            begun, counted_from = any(life.root.glob("*/events.jsonl")), time.monotonic()
        elif life.kill_after_seconds is not None and time.monotonic() - counted_from >= life.kill_after_seconds:
            os.kill(process, signal.SIGKILL)
        if os.getppid() != parent:  # nobody waits any more
            os.kill(process, signal.SIGKILL)
        time.sleep(0.001)


def _work(life: Life) -> int:
    """Carry out the life in this process; the exit code that the command line would give."""
    import torch

    from attune import pipeline
    from attune.errors import AttuneError
    from attune.events import Event, Stop, as_record
    from attune.recipe import from_mapping
    from attune.runs.store import Store

    torch.set_num_threads(1)
    stop = Stop()
    signal.signal(signal.SIGTERM, lambda *_: stop.request())

    def emit(event: Event) -> None:
        record = as_record(event)
        if life.snapshots is not None and record["event"] == "CheckpointSaved":
            folder = only_run(life.root)
            shutil.copytree(folder, life.snapshots / str(record["step"]) / folder.name)
        if life.signal is not None and life.at is not None and life.at.items() <= record.items():
            os.kill(os.getpid(), life.signal)

    try:
        if life.tree is not None:
            pipeline.run(from_mapping(life.tree), Store(life.root), emit, stop=stop)
        else:
            pipeline.resume(only_run(life.root).name, Store(life.root), emit, stop=stop)
    except AttuneError as error:
        print(f"{type(error).__name__}: {error}")
        return error.exit_code
    except Exception:
        traceback.print_exc()
        return 1
    return 0

"""The audit of stored rows beside other work: in processes of their own, whose libraries and memory go with them.

A process reads JSON lines. The first, {"rows", "like", "limits"}, says what is audited. Each further one is a job and
is answered when it is done: {"clusters": PATH} puts there which rows are alike, {"check": NAME} is answered by
{"found"}; a check that needs it is told {"near": PATH} or {"parts": PATH}. Lines with "done" tell how far a check is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Series
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from attune.data import audit
from attune.data.finding import Finding
from attune.data.likeness import Cluster
from attune.data.stored import StoredExamples, chosen
from attune.errors import EnvironmentFault
from attune.events import CheckProgress, Emit, Event, Progress, Stop
from attune.recipe import Audit

# Fewer rows are audited sooner than a process starts.
ROWS_AUDITED_HERE = 200
# More rows are worth another process, as long as there are cores.
ROWS_OF_A_PROCESS = 5000
MOST_PROCESSES = 4
# More rows are read again by each check: they would fill the memory.
ROWS_READ_ONCE = 20_000

CLUSTERS, FINDINGS = "clusters.npz", "findings.json"
_PARTS = "parts.npz"

_Answer = dict[str, Any]


class Auditor:
    """One audit on its way: what is alike among the rows first, then what the checks find.

    Args:
        like: texts of the job, never trained on.
        near: a file of clusters that were found before.
        folder: where CLUSTERS, unless they are given, and FINDINGS are put.
    """

    def __init__(
        self,
        rows: StoredExamples,
        like: StoredExamples,
        limits: Audit,
        near: Path | None,
        folder: Path,
        emit: Emit,
        stop: Stop,
    ) -> None:
        self._rows, self._like, self._limits, self._near, self._folder = rows, like, limits, near, folder
        self._emit, self._stop = emit, stop
        self._processes: _Processes | None = None
        self._findings: list[Future[_Answer]] = []
        if len(rows) >= ROWS_AUDITED_HERE:
            about = {"rows": str(rows.path), "like": str(like.path), "limits": limits.model_dump(mode="json")}
            count = min(MOST_PROCESSES, _cores(), -(-len(rows) // ROWS_OF_A_PROCESS))
            self._processes = _Processes(count, about)
            if near is None:
                self._clusters = self._processes.do(clusters=str(folder / CLUSTERS))
            self._ask(audit.CHECKS)

    def alike(self) -> Path:
        """The file of the clusters of rows that ask nearly the same; waits for it."""
        if self._near is None:
            self._near = self._folder / CLUSTERS
            if self._processes is None:
                write_clusters(self._near, audit.alike(self._rows, self._limits))
            else:
                for _ in self._answers([self._clusters]):
                    pass
        return self._near

    def begin(self, parts: Mapping[str, NDArray[np.int64]]) -> None:
        """Say which rows each part has after the split: the checks can go on from there."""
        self._parts = parts
        if self._processes is not None:
            np.savez(self._folder / _PARTS, allow_pickle=False, **parts)
            self._ask(audit.CHECKS_OF_LIKENESS, near=str(self.alike()))
            self._ask(audit.CHECKS_OF_PARTS, parts=str(self._folder / _PARTS))

    def findings(self) -> Path:
        """The file of what the checks found, the gravest first; waits for it."""
        if self._processes is None:
            rows = tuple(self._rows)
            parts = {part: chosen(rows, places.tolist()) for part, places in self._parts.items()}
            checks = audit.checks(rows, self._limits, read_clusters(self.alike()))
            checks |= audit.checks_of_parts({**parts, "like": self._like}, self._limits)
            found = audit.found(checks, self._emit, self._stop)
        else:
            self._processes.events()  # what was told while nobody waited is not of interest any more
            told = time.monotonic()
            total = len(self._findings)
            for done, _ in enumerate(self._answers(self._findings), 1):
                if done == total or time.monotonic() - told > audit.TELL_SECONDS:
                    self._emit(Progress("audit", done, total, "checks"))
                    told = time.monotonic()
            self._processes.end()
            records = (record for future in self._findings for record in future.result()["found"])
            found = audit.gravest_first(map(Finding.of, records))
        write_findings(self._folder / FINDINGS, found)
        return self._folder / FINDINGS

    def _ask(self, checks: Iterable[str], **needed: str) -> None:
        assert self._processes is not None
        for name in checks:
            if name not in self._limits.skip:
                self._findings.append(self._processes.do(check=name, **needed))

    def _answers(self, jobs: Iterable[Future[_Answer]]) -> Iterator[_Answer]:
        """The answers to jobs as they come."""
        assert self._processes is not None
        pending = set(jobs)
        while pending:
            self._stop.check()
            done, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            for event in self._processes.events():
                self._emit(event)
            for job in done:
                yield job.result()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class _Child:
    """A process, and a file for what it says when it fails."""

    process: subprocess.Popen[str]
    said: IO[bytes]


class _Processes:
    """Processes that do jobs, each the next one as soon as it is free."""

    def __init__(self, count: int, about: Mapping[str, Any]) -> None:
        self._jobs: _Jobs = queue.SimpleQueue()
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.children = [_start(count) for _ in range(count)]
        threads = []
        for child in self.children:
            told = (child, about, self._jobs, self._events)
            threads.append(threading.Thread(target=_serve, args=told, daemon=True))
            threads[-1].start()
        self.end = weakref.finalize(self, _end, self.children, threads, self._jobs)

    def do(self, **job: str) -> Future[_Answer]:
        """Have a job done after those before it.

        Its result raises EnvironmentFault when the process was ended by the system.
        """
        future: Future[_Answer] = Future()
        self._jobs.put((job, future))
        return future

    def events(self) -> list[Event]:
        """How far the checks are; each is told once."""
        events: list[Event] = []
        with contextlib.suppress(queue.Empty):
            while True:
                events.append(self._events.get_nowait())
        return events


_Jobs = queue.SimpleQueue[tuple[dict[str, str], Future[_Answer]] | None]


def _start(count: int) -> _Child:
    """One of so many processes."""
    # Several that each took all cores for a product of matrices would wait for one another.
    threads = {} if count == 1 else {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    said = tempfile.TemporaryFile()  # noqa: SIM115  # `_end` closes it
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        text=True,
        encoding="utf-8",
        env={**os.environ, **threads},
    )
    return _Child(process, said)


def _serve(child: _Child, about: Mapping[str, Any], jobs: _Jobs, events: queue.SimpleQueue[Event]) -> None:
    """Give one process job after job."""
    assert child.process.stdin is not None and child.process.stdout is not None

    def tell(line: Mapping[str, Any]) -> None:
        assert child.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # that it has ended is said where its answer is missed
            child.process.stdin.write(json.dumps(line) + "\n")
            child.process.stdin.flush()

    answers = (json.loads(line) for line in child.process.stdout if line.endswith("\n"))
    tell(about)
    while (asked := jobs.get()) is not None:
        job, future = asked
        tell(job)
        for answer in answers:
            if "done" not in answer:
                future.set_result(answer)
                break
            events.put(CheckProgress(**answer))
        else:
            future.set_exception(_fault(child))


def _fault(child: _Child) -> Exception:
    code = child.process.wait()
    child.said.seek(0)
    said = child.said.read().decode("utf-8", "replace").strip()
    if said:  # a fault of ours, with its traceback
        return RuntimeError(f"the audit failed:\n{said}")
    return EnvironmentFault(
        f"the process that audits the data was ended by the system ({code})",
        fix="most likely the memory was used up: free some, or leave out checks by data.audit.skip",
    )


def _end(children: Series[_Child], threads: Series[threading.Thread], jobs: _Jobs) -> None:
    for child in children:
        child.process.kill()
        jobs.put(None)
    for child, thread in zip(children, threads, strict=True):
        child.process.wait()
        thread.join()
        assert child.process.stdin is not None and child.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            child.process.stdin.close()
        child.process.stdout.close()
        child.said.close()


def write_clusters(path: Path, clusters: Series[Cluster]) -> None:
    """Write clusters as arrays: all members, one cluster after another, how many each has, and its least likeness."""
    members = np.array([member for cluster in clusters for member in cluster.members], dtype=np.int64)
    sizes = np.array([len(cluster.members) for cluster in clusters], dtype=np.int64)
    np.savez(path, members=members, sizes=sizes, least=np.array([cluster.least for cluster in clusters]))


def read_clusters(path: Path) -> list[Cluster]:
    """The clusters that `write_clusters` wrote."""
    with np.load(path, allow_pickle=False) as held:
        members = np.split(held["members"], np.cumsum(held["sizes"])[:-1]) if len(held["sizes"]) else []
        least = held["least"].tolist()
    return [Cluster(tuple(found.tolist()), low) for found, low in zip(members, least, strict=True)]


def write_findings(path: Path, findings: Series[Finding]) -> None:
    """Write findings as JSON, in their order."""
    path.write_text(json.dumps([finding.record() for finding in findings]))


def read_findings(path: Path) -> list[Finding]:
    """The findings that `write_findings` wrote."""
    return [Finding.of(record) for record in json.loads(path.read_text())]


def main() -> None:
    """Do the jobs of one parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process

    def say(**answer: Any) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    def tell(event: Event) -> None:
        if isinstance(event, CheckProgress):
            say(**dataclasses.asdict(event))

    about = json.loads(sys.stdin.readline())
    rows, like = (StoredExamples.open(Path(about[name])) for name in ("rows", "like"))
    limits = Audit.model_validate(about["limits"])
    held = tuple(rows) if len(rows) <= ROWS_READ_ONCE else rows
    for line in sys.stdin:
        job = json.loads(line)
        if "clusters" in job:
            write_clusters(Path(job["clusters"]), audit.alike(held, limits))
            say()
        elif "parts" in job:
            with np.load(job["parts"], allow_pickle=False) as places:
                parts = {part: chosen(held, places[part].tolist()) for part in places}
            found = audit.checks_of_parts({**parts, "like": like}, limits)[job["check"]]()
            say(found=[finding.record() for finding in found])
        else:
            near = read_clusters(Path(job["near"])) if "near" in job else []
            found = audit.checks(held, limits, near, emit=tell)[job["check"]]()
            say(found=[finding.record() for finding in found])


if __name__ == "__main__":
    main()

"""The audit of stored rows beside other work: in a process of its own, whose libraries and memory go with it.

The process reads JSON lines. The first, {"rows", "like", "limits", "near", "folder"}, asks for the clusters of rows
that are alike, which a split needs, unless it names them; it is answered when they lie in the folder. The second,
{"parts"}, says which rows each part has. Further answers tell how many checks are done, and at last that the findings
are there.
"""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Series
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.data import audit
from attune.data.finding import Finding
from attune.data.likeness import Cluster
from attune.data.stored import StoredExamples, chosen
from attune.errors import EnvironmentFault
from attune.events import CheckProgress, Emit, Progress, Stop
from attune.recipe import Audit

# Fewer rows are audited sooner than a process starts.
ROWS_AUDITED_HERE = 200
# More rows are read again by each check: they would fill the memory.
ROWS_READ_ONCE = 20_000

CLUSTERS, FINDINGS = "clusters.npz", "findings.json"
_PARTS, _WORDS = "parts.npz", "stderr.txt"


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
        self._process: _Process | None = None
        if len(rows) >= ROWS_AUDITED_HERE:
            self._process = _Process(folder / _WORDS)
            files = {"rows": str(rows.path), "like": str(like.path), "folder": str(folder)}
            known = None if near is None else str(near)
            self._process.tell({**files, "limits": limits.model_dump(mode="json"), "near": known})

    def alike(self) -> Path:
        """The file of the clusters of rows that ask nearly the same; waits for it."""
        if self._near is None:
            self._near = self._folder / CLUSTERS
            if self._process is None:
                write_clusters(self._near, audit.alike(self._rows, self._limits))
            else:
                self._process.answer(self._stop)
        return self._near

    def begin(self, parts: Mapping[str, NDArray[np.int64]]) -> None:
        """Say which rows each part has after the split: the checks can go on from there."""
        self._parts = parts
        if self._process is not None:
            np.savez(self._folder / _PARTS, allow_pickle=False, **parts)
            self._process.tell({"parts": str(self._folder / _PARTS)})

    def findings(self) -> Path:
        """The file of what the checks found, the gravest first; waits for it."""
        if self._process is None:
            near = read_clusters(self.alike())
            parts = self._parts
            found = _findings(self._rows, self._like, self._limits, near, lambda: parts, self._emit, self._stop)
            write_findings(self._folder / FINDINGS, found)
        else:
            while "done" in (answer := self._process.answer(self._stop)):
                event = CheckProgress(**answer) if "check" in answer else Progress("audit", unit="checks", **answer)
                # What was told while nobody waited is not of interest any more, but for the end.
                if not self._process.behind or (isinstance(event, Progress) and event.done == event.total):
                    self._emit(event)
            self._process.end()
        return self._folder / FINDINGS


class _Process:
    """The process: told a line, it answers with lines."""

    def __init__(self, words: Path) -> None:
        self._words = words
        with words.open("wb") as errors:
            self._child = subprocess.Popen(
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
            )
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=_listen, args=(self._child, self._answers), daemon=True)
        self._listener.start()
        self.end = weakref.finalize(self, _end, self._child, self._listener)

    def tell(self, line: Mapping[str, Any]) -> None:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # that it has ended is said where its answer is missed
            self._child.stdin.write(json.dumps(line) + "\n")
            self._child.stdin.flush()

    @property
    def behind(self) -> bool:
        """Whether there are further answers already."""
        return not self._answers.empty()

    def answer(self, stop: Stop) -> dict[str, Any]:
        """The next answer.

        Raises:
            EnvironmentFault: the process has ended.
            Interrupted: `stop` was requested.
        """
        while True:
            stop.check()
            with contextlib.suppress(queue.Empty):
                line = self._answers.get(timeout=0.1)
                break
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.end()
        said = self._words.read_text(errors="replace").strip()
        if said:  # a fault of ours, with its traceback
            raise RuntimeError(f"the audit failed:\n{said}")
        raise EnvironmentFault(
            f"the process that audits the data was ended by the system ({self._child.returncode})",
            fix="most likely the memory was used up: free some, or leave out checks by data.audit.skip",
        )


def _listen(child: subprocess.Popen[str], answers: queue.SimpleQueue[str]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        answers.put(line)
    answers.put("")


def _end(child: subprocess.Popen[str], listener: threading.Thread) -> None:
    assert child.stdin is not None and child.stdout is not None
    child.kill()
    child.wait()
    listener.join()
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    child.stdout.close()


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


def _findings(
    rows: StoredExamples,
    like: StoredExamples,
    limits: Audit,
    near: Series[Cluster],
    parts: Callable[[], Mapping[str, NDArray[np.int64]]],
    emit: Emit,
    stop: Stop,
) -> list[Finding]:
    held = tuple(rows) if len(rows) <= ROWS_READ_ONCE else rows
    found = audit.audit(held, limits, near, emit=emit, stop=stop)
    divided = {name: chosen(held, places.tolist()) for name, places in parts().items()}
    found += audit.audit_parts({**divided, "like": like}, limits, emit=emit, stop=stop)
    return audit.gravest_first(found)


def main() -> None:
    """Answer one parent, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process

    def say(**answer: Any) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    def heard() -> dict[str, Any]:
        line = sys.stdin.readline()
        if not line:
            raise SystemExit
        answer: dict[str, Any] = json.loads(line)
        return answer

    asked = heard()
    rows, like = (StoredExamples.open(Path(asked[name])) for name in ("rows", "like"))
    limits = Audit.model_validate(asked["limits"])
    folder = Path(asked["folder"])
    if asked["near"] is None:
        near = audit.alike(rows, limits)
        write_clusters(folder / CLUSTERS, near)
        say(clusters=len(near))
    else:
        near = read_clusters(Path(asked["near"]))

    def parts() -> dict[str, Any]:
        with np.load(heard()["parts"], allow_pickle=False) as held:
            return dict(held)

    def tell(event: Any) -> None:
        if isinstance(event, CheckProgress):
            say(check=event.check, done=event.done, total=event.total)
        elif isinstance(event, Progress):
            say(done=event.done, total=event.total)

    found = _findings(rows, like, limits, near, parts, tell, Stop())
    write_findings(folder / FINDINGS, found)
    say(findings=len(found))


if __name__ == "__main__":
    main()

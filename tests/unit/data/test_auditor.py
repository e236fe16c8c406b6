"""The audit in a process of its own: the same findings, and an end that is heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from attune.data import audit, auditor
from attune.data.audit import CHECKS, CHECKS_OF_LIKENESS, CHECKS_OF_PARTS
from attune.data.auditor import Auditor, read_clusters, read_findings
from attune.data.example import Origin, Pair
from attune.data.stored import StoredExamples
from attune.errors import EnvironmentFault, Interrupted
from attune.events import CheckProgress, Progress, Stop
from attune.recipe import Audit

ALL_CHECKS = [*CHECKS, *CHECKS_OF_LIKENESS, *CHECKS_OF_PARTS]


@pytest.fixture
def rows(tmp_path: Path) -> StoredExamples:
    asked = ["Where is my parcel?", "Where is my parcel", "Refund", "I am ann@example.org", "Open?", "Open?"]
    pairs = [Pair(str(i), Origin("rows.jsonl", i + 1), text, "TODO") for i, text in enumerate(asked)]
    return StoredExamples.write(tmp_path / "rows.jsonl", pairs)


def audited(rows: StoredExamples, folder: Path) -> tuple[object, object, list[object]]:
    heard: list[object] = []
    folder.mkdir()
    auditing = Auditor(
        rows, StoredExamples.write(folder / "like.jsonl", []), Audit(), None, folder, heard.append, Stop()
    )
    near = read_clusters(auditing.alike())
    auditing.begin({"train": np.arange(4), "test": np.arange(4, 6)})
    return near, read_findings(auditing.findings()), heard


@pytest.mark.parametrize(("rows_of_a_process", "processes"), [(6, 1), (2, 3), (1, auditor.MOST_PROCESSES)])
def test_processes_find_what_is_found_here(
    rows: StoredExamples, rows_of_a_process: int, processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = auditor._start
    here = audited(rows, tmp_path / "here")
    monkeypatch.setattr(auditor, "ROWS_AUDITED_HERE", 1)
    monkeypatch.setattr(auditor, "ROWS_OF_A_PROCESS", rows_of_a_process)
    monkeypatch.setattr(auditor, "_cores", lambda: 8)
    started: list[object] = []
    monkeypatch.setattr(auditor, "_start", lambda *given: started.append(given) or start(*given))
    there = audited(rows, tmp_path / "there")
    assert len(started) == processes
    assert here[:2] == there[:2]
    assert {finding.check for finding in here[1]} >= {"personal_data", "near_duplicates", "placeholder_targets"}
    done = [event.done for event in there[2] if isinstance(event, Progress)]
    assert done == sorted(set(done)), "the checks of all rows and of the parts are counted together"
    assert isinstance(there[2][-1], Progress) and there[2][-1].done == there[2][-1].total == len(ALL_CHECKS)


def test_a_check_of_many_rows_tells_how_far_it_is_and_stops_on_its_way(
    rows: StoredExamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "ROWS_WATCHED", 1)
    monkeypatch.setattr(audit, "_WATCHED_AT_ONCE", 2)
    monkeypatch.setattr(audit, "TELL_SECONDS", -1.0)
    heard: list[object] = []
    found = audit.audit(rows, Audit(), [], emit=heard.append)
    told = [(event.done, event.total) for event in heard if getattr(event, "check", "") == "personal_data"]
    assert told == [(0, 6), (2, 6), (4, 6)]
    monkeypatch.setattr(audit, "ROWS_WATCHED", 100)
    assert audit.audit(rows, Audit(), []) == found
    monkeypatch.setattr(audit, "ROWS_WATCHED", 1)
    stop = Stop()

    def stopping(event: object) -> None:
        if isinstance(event, CheckProgress) and event.check == "exact_duplicates" and event.done == 2:
            stop.request()

    with pytest.raises(Interrupted):
        audit.audit(rows, Audit(), [], emit=stopping, stop=stop)


def test_clusters_that_are_known_are_not_looked_for(
    rows: StoredExamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "ROWS_AUDITED_HERE", 1)
    auditor.write_clusters(tmp_path / "none.npz", [])
    auditing = Auditor(
        rows,
        StoredExamples.write(tmp_path / "like.jsonl", []),
        Audit(),
        tmp_path / "none.npz",
        tmp_path,
        lambda event: None,
        Stop(),
    )
    assert read_clusters(auditing.alike()) == []
    auditing.begin({"train": np.arange(6)})
    assert "near_duplicates" not in {finding.check for finding in read_findings(auditing.findings())}


def test_a_process_that_was_killed_is_said(
    rows: StoredExamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "ROWS_AUDITED_HERE", 1)
    auditing = Auditor(
        rows, StoredExamples.write(tmp_path / "like.jsonl", []), Audit(), None, tmp_path, lambda event: None, Stop()
    )
    assert auditing._processes is not None
    auditing._processes.children[0].process.kill()
    with pytest.raises(EnvironmentFault, match=r"ended by the system \(-9\)"):
        auditing.alike()


def test_a_request_to_stop_is_heard_while_waiting(
    rows: StoredExamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "ROWS_AUDITED_HERE", 1)
    stop = Stop()
    auditing = Auditor(
        rows, StoredExamples.write(tmp_path / "like.jsonl", []), Audit(), None, tmp_path, lambda event: None, stop
    )
    auditing.alike()
    stop.request()
    with pytest.raises(Interrupted):
        auditing.findings()
    assert auditing._processes is not None
    (child,) = auditing._processes.children
    del auditing
    assert child.process.wait(10) == -9

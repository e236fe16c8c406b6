"""The store over real run folders: order, damage, references, stages by key."""

import json
import os
from pathlib import Path

import pytest

from attune.errors import EnvironmentFault
from attune.events import silent
from attune.runs.run import Run
from attune.runs.store import Store, write_durably


def new(root: Path, name: str, created: str = "2026-01-01T00:00:00+00:00") -> Run:
    run = Run.create(root, name, task="chat", model="tiny")
    run.update(created=created)
    run.close()
    return run


def test_a_root_without_runs(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "absent"):
        store = Store(root)
        assert store.runs() == []
        assert store.damaged == []
        assert store.stage_with_key("train", "0") is None
        with pytest.raises(EnvironmentFault, match="no run"):
            store.find("anything")


def test_newest_first(tmp_path: Path) -> None:
    days = (2, 3, 1)
    for day in days:
        new(tmp_path, f"day-{day}", f"2026-01-0{day}T00:00:00+00:00")
    (tmp_path / "notes").mkdir()
    (tmp_path / "file.txt").write_text("")
    assert [record.name for record in Store(tmp_path).runs()] == ["day-3", "day-2", "day-1"]


def test_a_damaged_run_is_left_out_and_listed(tmp_path: Path) -> None:
    good, bad = new(tmp_path, "good"), new(tmp_path, "bad")
    (bad.folder / "run.json").write_text("{")
    store = Store(tmp_path)
    assert [record.id for record in store.runs()] == [good.id]
    (fault,) = store.damaged
    assert fault.where == str(bad.folder / "run.json")
    assert store.find(bad.id) == bad.folder, "it can still be named, and opening it says what is wrong"
    (bad.folder / "run.json").write_bytes((good.folder / "run.json").read_bytes())
    assert len(store.runs()) == 2
    assert store.damaged == []


def test_a_run_is_found_by_id_prefix_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "runs"
    run = new(root, "alpha")
    store = Store(root)
    assert store.find(run.id) == run.folder
    assert store.find(run.id[:-1]) == run.folder
    assert Store(tmp_path / "elsewhere").find(str(run.folder)) == run.folder
    monkeypatch.chdir(tmp_path)
    assert store.find(f"runs/{run.id}").resolve() == run.folder
    assert store.find(f"./runs/{run.id}/").resolve() == run.folder


def test_ambiguous_and_unknown_references(tmp_path: Path) -> None:
    for name in ("20260101-000000-alpha-0001", "20260101-000000-beta-0001", "20260101-000000-beta-00012"):
        new(tmp_path, "x").folder.rename(tmp_path / name)
    store = Store(tmp_path)
    assert store.find("20260101-000000-beta-0001").name == "20260101-000000-beta-0001", "an exact id is not ambiguous"
    with pytest.raises(EnvironmentFault, match="3 runs begin with") as fault:
        store.find("2026")
    assert "alpha" in fault.value.fix
    with pytest.raises(EnvironmentFault, match="no run") as fault:
        store.find("20260101-000000-alpah-0001")
    assert fault.value.fix == "did you mean 20260101-000000-alpha-0001?"
    for unknown in ("", "zzz", "../x", "/", ".", "\0"):
        with pytest.raises(EnvironmentFault, match="no run"):
            store.find(unknown)


def test_a_finished_stage_is_found_by_its_key(tmp_path: Path) -> None:
    old = new(tmp_path, "old", "2026-01-01T00:00:00+00:00")
    recent = new(tmp_path, "recent", "2026-01-02T00:00:00+00:00")
    for folder in (old.folder, recent.folder):
        with Run.open(folder) as run:
            run.stage(
                "split", {"seed": 0}, ["a.json"], lambda run=run: run.write_json("a.json", 1), emit=silent, store=None
            )
            key = run.record.stages["split"].key
    store = Store(tmp_path)
    assert store.stage_with_key("split", key) == recent.folder
    assert store.stage_with_key("train", key) is None
    assert store.stage_with_key("split", key[:-1]) is None
    (recent.folder / "a.json").unlink()
    assert store.stage_with_key("split", key) == old.folder


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permissions(tmp_path: Path) -> None:
    mine, theirs = new(tmp_path, "mine"), new(tmp_path, "theirs")
    theirs.folder.chmod(0)
    store = Store(tmp_path)
    assert [record.id for record in store.runs()] == [mine.id]
    assert "Permission denied" in store.damaged[0].what
    theirs.folder.chmod(0o700)
    tmp_path.chmod(0o300)
    with pytest.raises(EnvironmentFault, match="denied") as fault:
        store.runs()
    tmp_path.chmod(0o700)
    assert "permission" in fault.value.fix


def test_a_durable_write_replaces_and_makes_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.txt"
    write_durably(path, [b"1", b"2"])
    write_durably(path, iter([b"3"]))
    assert path.read_bytes() == b"3"
    assert [entry.name for entry in path.parent.iterdir()] == ["c.txt"]
    with pytest.raises(EnvironmentFault, match="cannot write") as fault:
        write_durably(path / "below a file", [])
    assert fault.value.where == str(path / "below a file")


def test_what_names_a_run_is_never_asked_of_a_hub(tmp_path: Path) -> None:
    from attune.prepare import run_model

    store = Store(tmp_path / "runs")
    ids = [new(store.root, name).folder.name for name in ("a", "b")]
    with pytest.raises(EnvironmentFault, match="2 runs begin with"):
        run_model(ids[0][:8], store)
    with pytest.raises(EnvironmentFault, match="there is no run '20200101-000000-x-0000'"):
        run_model("runs/20200101-000000-x-0000", store)
    assert run_model("owner/name", store) is None and run_model("nothing-like-a-run", store) is None
    folder = store.find(ids[0])
    with pytest.raises(EnvironmentFault, match="no model yet") as fault:
        run_model(ids[0], store)
    assert str(folder) in fault.value.fix
    record = json.loads((folder / "run.json").read_bytes())
    write_durably(folder / "run.json", [json.dumps({**record, "state": "done"}).encode()])
    with pytest.raises(EnvironmentFault, match="model is gone"):
        run_model(ids[0], store)

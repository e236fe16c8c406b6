"""What is kept for all runs: made once, whole or not at all, and removed when it is old or too much."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attune.errors import EnvironmentFault
from attune.runs import kept as keeping
from attune.runs.kept import Kept, file_digest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(keeping.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(text: str, folder: Path) -> None:
    (folder / "text").write_text(text)


def test_it_is_made_once_and_found_by_everybody() -> None:
    folder, reused = Kept().folder("words", {"a": 1}, lambda folder: fill("one", folder))
    assert not reused
    again, reused = Kept().folder("words", {"a": 1}, lambda folder: fill("two", folder))
    assert reused and again == folder and (again / "text").read_text() == "one"
    other, reused = Kept().folder("words", {"a": 2}, lambda folder: fill("two", folder))
    assert not reused and (other / "text").read_text() == "two"
    assert Kept().find("words", {"a": 2}) == other and Kept().find("words", {"a": 3}) is None


def test_what_fails_leaves_nothing(cache: Path) -> None:
    def fail(folder: Path) -> None:
        fill("half", folder)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Kept().folder("words", {}, fail)
    assert not list(cache.iterdir())


def test_what_nobody_can_name_goes_with_its_object(cache: Path) -> None:
    kept = Kept()
    folder, _ = kept.folder("words", None, lambda folder: fill("one", folder))
    assert (folder / "text").exists() and folder.parent == kept.scratch
    assert list(cache.iterdir()) == [kept.scratch]
    del kept
    assert not list(cache.iterdir())


def test_where_the_cache_cannot_be_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for place in ("", str(tmp_path / "file" / "below")):
        monkeypatch.setenv(keeping.FOLDER_VARIABLE, place)
        kept = Kept()
        folder, _ = kept.folder("words", {}, lambda folder: fill("one", folder))
        assert folder.parent == kept.scratch


def test_the_least_used_goes_when_it_is_too_much_or_too_old(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Kept().folder("words", {"n": n}, lambda folder: fill("x" * 100, folder))[0] for n in range(3)]
    for age, folder in enumerate(made):
        os.utime(folder, (time.time() - 100 * (age + 1),) * 2)
    assert Kept().find("words", {"n": 2}) == made[2]  # now it is the one that was used last
    monkeypatch.setattr(keeping, "KEPT_BYTES", 200)
    Kept().folder("words", {"n": 3}, lambda folder: fill("x", folder))
    assert [folder.exists() for folder in made] == [True, False, True]
    os.utime(made[0], (0, 0))
    Kept().folder("words", {"n": 4}, lambda folder: fill("x", folder))
    assert [folder.exists() for folder in made] == [False, False, True]


def test_what_a_killed_process_left_is_removed(cache: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from attune.runs.kept import Kept; kept = Kept(); print(kept.scratch); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    scratch = Path(process.stdout.readline().strip())
    Kept().folder("words", {}, lambda folder: fill("x", folder))
    assert scratch.parent == cache and scratch.is_dir()
    process.kill()
    process.communicate()
    Kept().folder("words", {"n": 1}, lambda folder: fill("x", folder))
    assert not scratch.exists() and len(list(cache.iterdir())) == 2


def test_another_machine_knows_its_own_processes(cache: Path) -> None:
    folders = [cache / f"attune-node-7-{2**22 + 1}-{name}" for name in ("new", "old")]
    for folder in folders:
        folder.mkdir(parents=True)
    os.utime(folders[1], (0, 0))
    Kept().folder("words", {}, lambda folder: fill("x", folder))
    assert [folder.exists() for folder in folders] == [True, False]


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(EnvironmentFault, match="No space left"):
        Kept().folder("words", {}, full)


def test_a_digest_is_of_names_and_content(tmp_path: Path) -> None:
    for name, text in (("a", "1"), ("b", "2"), ("c", "1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "text").write_text(text)
    digest = {name: file_digest(tmp_path / name) for name in "abc"}
    assert digest["a"] == digest["c"] != digest["b"]
    (tmp_path / "c" / "text").rename(tmp_path / "c" / "words")
    assert file_digest(tmp_path / "c") != digest["a"]

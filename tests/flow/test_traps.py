"""Every planted flaw is named at exactly its rows, and clean data gives no error and no warning."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import traps
from traps import CLEAN, TRAPS, Answer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "traps.md"


@pytest.fixture(scope="session")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Answer]:
    """What is told of a trap; each is asked once."""
    folder = tmp_path_factory.mktemp("traps")
    return cache(lambda name: traps.ask(traps.put(TRAPS[name], folder)))


@pytest.fixture(scope="session")
def clean_answer(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Answer]:
    """What is told of a clean source; each is asked once."""
    folder = tmp_path_factory.mktemp("clean")
    return cache(lambda name: traps.ask(traps.put_clean(name, folder)))


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_told_at_exactly_its_rows(name: str, answer: Callable[[str], Answer], tmp_path: Path) -> None:
    twin = traps.put_twin(TRAPS[name], tmp_path)
    assert traps.misses(TRAPS[name], answer(name), twin and traps.ask(twin)) == []


@pytest.mark.parametrize("name", CLEAN)
def test_clean_data_gives_no_error_and_no_warning(name: str, clean_answer: Callable[[str], Answer]) -> None:
    found = clean_answer(name)
    assert len(found.examples) >= 200
    assert found.grave() == set()


def test_a_trap_without_its_flaw_is_missed() -> None:
    """The measure itself: an answer that names nothing, or names more, is held against us."""
    trap = TRAPS["exact-duplicate"]
    nothing = Answer({}, [], "")
    assert len(traps.misses(trap, nothing, None)) == len(trap.told) == 3
    more = Answer({**dict.fromkeys(trap.told, "warning"), traps.Told("refusals", 1): "warning"}, [], "")
    assert [line.split(":")[0] for line in traps.misses(trap, more, None)] == ["told without need"]


def test_the_page_of_traps_is_fresh(answer: Callable[[str], Answer], clean_answer: Callable[[str], Answer]) -> None:
    """When it is not: `python tests/traps.py OUT --page docs/reference/traps.md`."""
    page = traps.page({name: answer(name) for name in TRAPS}, {name: clean_answer(name) for name in CLEAN})
    assert PAGE.read_text(encoding="utf-8") == page

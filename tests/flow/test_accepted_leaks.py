"""Leaks that the recipe accepts: the run tells both scores, and the better one is not the verdict's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from attune.errors import DataError
from attune.recipe import from_mapping
from attune.runs.store import Store

PLANTED = 12


@pytest.fixture
def leaking(write_rows: Callable[..., Path], rows: Any) -> dict[str, Any]:
    """Forty test rows, of which twelve are training rows; the others have answers that nothing could teach."""
    made = rows.pairs(120)
    train, test = made[:80], made[80:]
    for i, row in enumerate(test):
        row["completion"] = " " + " ".join(reversed(row["completion"].split()))
        if i < PLANTED:
            test[i] = dict(train[5 * i])
    return {
        "train": str(write_rows(train, "train.jsonl")),
        "test": str(write_rows(test, "test.jsonl")),
        "split": {"validation": 0.1},
    }


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_both_scores_are_told_and_the_clean_one_decides(
    walk: Callable[..., Any], leaking: dict[str, Any], tiny_decoder: Path
) -> None:
    training = {"max_steps": 100, "learning_rate": 5e-3}
    with pytest.raises(DataError, match="12 rows of a given part leak: 12 record") as caught:
        walk(tiny_decoder, Path(leaking["train"]), data=leaking, training=training)
    assert [row.line for row in caught.value.rows] == list(range(1, PLANTED + 1))
    data = {**leaking, "accept_leaks": ["record"]}
    metrics = {"metrics": ["loss_nats_per_token", "token_accuracy"]}
    outcome = walk(tiny_decoder, Path(leaking["train"]), data=data, training=training, evaluation=metrics)

    leaks = read(outcome.folder, "data/leaks.json")
    assert leaks["by_kind"] == {"record": PLANTED} and len(leaks["test_rows"]) == PLANTED
    assert [leak["later"]["line"] for leak in leaks["leaks"]] == list(range(1, PLANTED + 1))
    assert [leak["earlier"]["line"] for leak in leaks["leaks"]] == [5 * i + 1 for i in range(PLANTED)]
    splits = {row["id"]: row["line"] for row in read(outcome.folder, "data/splits.json")["test"]}
    assert sorted(splits[name] for name in leaks["test_rows"]) == list(range(1, PLANTED + 1))

    test = outcome.results["test"]
    clean = test["clean"]
    assert (test["examples"], clean["examples"], test["leaks"]) == (40, 28, {"record": PLANTED})
    assert clean["base"].keys() == clean["tuned"].keys() == clean["difference"].keys() == test["tuned"].keys()
    assert test["tuned"]["loss_nats_per_token"] < clean["tuned"]["loss_nats_per_token"] - 0.1
    assert test["tuned"]["token_accuracy"] > clean["tuned"]["token_accuracy"] + 0.05
    assert outcome.verdict == clean["verdict"] == clean["difference"]["loss_nats_per_token"]["verdict"]
    assert "accepted_leaks" in [finding["check"] for finding in read(outcome.folder, "data/findings.json")]

    told = "12 of 40 test rows leak (12 record)"
    assert told in outcome.report.read_text(encoding="utf-8")
    assert "28 clean test rows" in outcome.report.read_text(encoding="utf-8")
    card = (outcome.folder / "README.md").read_text(encoding="utf-8")
    assert "12 of 40 test rows leak" in card and "The 28 clean test rows:" in card
    console = Console(record=True, width=160)
    from attune.summary import print_outcome

    print_outcome(console, outcome.folder)
    screen = console.export_text()
    assert told in screen and "The 28 clean test rows" in screen


def test_too_few_clean_rows_give_no_verdict(
    walk: Callable[..., Any], leaking: dict[str, Any], write_rows: Callable[..., Path], rows: Any, tiny_decoder: Path
) -> None:
    data = {**leaking, "test": str(write_rows(rows.pairs(30) + rows.pairs(85)[-5:], "few.jsonl"))}
    outcome = walk(tiny_decoder, Path(leaking["train"]), data={**data, "accept_leaks": ["record"]})
    assert outcome.results["test"]["clean"]["examples"] == 5
    assert outcome.verdict == "too little data"
    data["test"] = data["train"]
    outcome = walk(tiny_decoder, Path(leaking["train"]), data={**data, "accept_leaks": ["record"]})
    assert outcome.results["test"]["clean"] == {
        "examples": 0,
        "base": {},
        "tuned": {},
        "difference": {},
        "verdict": "too little data",
    }
    assert outcome.verdict == "too little data"
    assert "none is left to judge by" in outcome.report.read_text(encoding="utf-8")


def test_a_check_tells_of_accepted_leaks(leaking: dict[str, Any], tiny_decoder: Path, tmp_path: Path) -> None:
    from attune.check import check

    recipe = from_mapping({"model": str(tiny_decoder), "data": {**leaking, "accept_leaks": ["record"]}})
    record = check(recipe, Store(tmp_path / "runs")).record()
    (finding,) = [finding for finding in record["findings"] if finding["check"] == "accepted_leaks"]
    assert finding["total_rows"] == PLANTED and finding["severity"] == "warning"


def test_a_kind_that_does_not_exist_is_refused_with_the_nearest(leaking: dict[str, Any]) -> None:
    from attune.errors import RecipeError

    with pytest.raises(RecipeError, match='did you mean "record"'):
        from_mapping({"data": {**leaking, "accept_leaks": ["records"]}})


def test_a_split_by_time_and_group_leaves_rows_out_and_lists_them(
    walk: Callable[..., Any], write_rows: Callable[..., Path], rows: Any, tiny_decoder: Path
) -> None:
    made = [
        {**row, "who": f"g{i if i < 95 else 3}", "day": f"2026-01-{1 + i // 4:02}"}
        for i, row in enumerate(rows.pairs(100))
    ]
    split = {"group_by": "who", "time_by": "day", "validation": 0.1, "test": 0.2}
    outcome = walk(tiny_decoder, write_rows(made), data={"split": split})
    rejections = [json.loads(line) for line in (outcome.folder / "data" / "rejections.jsonl").read_text().splitlines()]
    by_group = [row["line"] for row in rejections if row["reason"] == "its group stands in the older train part"]
    assert by_group == list(range(96, 101))
    splits = read(outcome.folder, "data/splits.json")
    spans = [[row["line"] for row in splits[part]] for part in ("train", "validation", "test")]
    assert max(spans[0]) < min(spans[1]) <= max(spans[1]) < min(spans[2]) and max(spans[2]) == 95
    assert f"{len(rejections)} newer rows that share a prompt or group with older ones" in splits["reason"]
    assert not {row["line"] for row in rejections} & {line for span in spans for line in span}
    assert "leaks" not in outcome.results["test"]

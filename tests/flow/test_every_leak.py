"""One data set with all eight kinds of leak: the run refuses it, and where they are accepted it tells both scores.

Clean rows have labels drawn at random from thirty, so that nothing can be learned about them. Whatever is answered
rightly above chance leaked.
"""

from __future__ import annotations

import csv
import json
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from attune.data.leaks import KINDS
from attune.errors import DataError

WORDS = [first + vowel + last for first in "bdfgklmnprst" for vowel in "aeiou" for last in "lmnrst"]
RARE = [f"r{number:02}" for number in range(30)]
CLEAN = 40


class Maker:
    """Rows of train and test: text, label, group, time."""

    def __init__(self) -> None:
        self.draw = random.Random(0)
        self.train: list[list[Any]] = []
        self.test: list[list[Any]] = []
        self.planted: dict[str, list[int]] = defaultdict(list)  # lines of the test file

    def text(self, least: int, most: int) -> str:
        return " ".join(self.draw.choice(WORDS) for _ in range(self.draw.randint(least, most)))

    def label(self) -> str:
        return self.draw.choice(RARE)

    def learn(self, text: str, label: str, group: str = "", time: float = 0.0) -> None:
        self.train.append([text, label, group or f"train {len(self.train)}", time or 1 + len(self.train)])

    def ask(self, kind: str, text: str, label: str, group: str = "", time: float = 0.0) -> None:
        self.test.append([text, label, group or f"test {len(self.test)}", time or 5000 + len(self.test)])
        self.planted[kind].append(len(self.test) + 1)


def leaking() -> Maker:  # noqa: PLR0912  # one loop for each kind
    made = Maker()
    for _ in range(CLEAN):
        made.learn(made.text(9, 12), made.label())
        made.ask("clean", made.text(9, 12), made.label())
    for _ in range(8):
        text, label = made.text(9, 12), made.label()
        made.learn(text, label)
        made.ask("record", text.upper(), label)
    for _ in range(3):
        text = made.text(9, 12)
        made.learn(text, "r01")
        made.ask("prompt", text, "r02")
    for _ in range(8):
        text, label = made.text(11, 12), made.label()
        made.learn(text, label)
        made.ask("near_duplicate", f"{text}s", label)
    for number in range(4):
        name, label = f"customer {WORDS[number]}{number}", made.label()
        for _ in range(12):
            made.learn(f"{name} {name} {name} {made.text(2, 3)}", label, name)
        for _ in range(2):
            made.ask("group", f"{name} {name} {name} {made.text(2, 3)}", label, name)
    for _ in range(6):
        text, label = made.text(24, 26), made.label()
        made.learn(f"{text} {made.text(12, 14)}", label)
        made.ask("containment", text, label)
    for number in range(4):
        season, label = f"season {number} {WORDS[-number - 1]}", made.label()
        for _ in range(12):
            made.learn(f"{season} {season} {season} {made.text(2, 3)}", label, time=3000 + len(made.train))
        for _ in range(2):
            made.ask("time", f"{season} {season} {season} {made.text(2, 3)}", label, time=2900 + len(made.test))
    for label in RARE:
        for _ in range(2):
            made.learn(f"{made.text(5, 6)} (answer: {label})", label)
    for label in RARE[::3]:
        made.ask("given_away", f"{made.text(5, 6)} (answer: {label})", label)
    for part, count in ((made.learn, 40), (lambda *row: made.ask("shortcut", *row), 12)):
        for _ in range(count):
            part(made.text(3, 4), "brief")
            part(made.text(40, 44), "long")
    return made


def write(path: Path, rows: Sequence[Sequence[Any]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("text", "label", "who", "when"), *rows])
    return str(path)


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_the_run_refuses_and_then_tells_both_scores(
    walk: Callable[..., Any], tiny_encoder: Path, tmp_path: Path
) -> None:
    made = leaking()
    train = write(tmp_path / "train.csv", made.train)
    data: dict[str, Any] = {
        "test": write(tmp_path / "test.csv", made.test),
        "split": {"validation": 0.05, "group_by": "who", "time_by": "when"},
    }
    assert made.planted.keys() == {"clean", *KINDS}
    leaked = sum(len(lines) for kind, lines in made.planted.items() if kind != "clean")
    with pytest.raises(DataError, match=f"{leaked} rows of a given part leak") as caught:
        walk(tiny_encoder, Path(train), data=data)
    listed = {kind: {row.line for row in caught.value.rows if row.code == f"leak_{kind}"} for kind in KINDS}
    assert listed == {kind: set(made.planted[kind]) for kind in KINDS}

    outcome = walk(
        tiny_encoder,
        Path(train),
        data={**data, "accept_leaks": list(KINDS)},
        method={"kind": "full"},
        training={
            "max_steps": 250,
            "learning_rate": 1e-2,
            "batch_size": 64,
            "evaluate_every": 250,
            "microbatch_tokens": 4096,
        },
        evaluation={"metrics": ["accuracy"]},
    )
    test = outcome.results["test"]
    assert test["leaks"] == {kind: len(made.planted[kind]) for kind in KINDS}
    assert (test["examples"], test["clean"]["examples"]) == (leaked + CLEAN, CLEAN)
    assert test["tuned"]["accuracy"] > test["clean"]["tuned"]["accuracy"] + 0.2
    told = outcome.report.read_text(encoding="utf-8")
    both = [f"{scores['tuned']['accuracy']:.3f}" for scores in (test, test["clean"])]
    assert f"{leaked} of {leaked + CLEAN} test rows leak" in told and all(score in told for score in both), both

    lines = {row["id"]: row["line"] for row in read(outcome.folder, "data/splits.json")["test"]}
    predictions = (outcome.folder / "evaluation" / "predictions-tuned.jsonl").read_text().splitlines()
    right = {lines[row["example_id"]]: row["output"] == row["reference"] for row in map(json.loads, predictions)}
    share = {kind: sum(right[line] for line in found) / len(found) for kind, found in made.planted.items()}
    # A model of two layers copies no marked answer into its label; what it has seen, it knows again.
    for kind in ("record", "group", "shortcut"):
        assert share[kind] > share["clean"] + 0.1, str(share)
    # Eight later rows say little by themselves: 1 to 6 of them were right.
    assert share["time"] > share["clean"], str(share)
    known = [share[kind] for kind in ("record", "group", "time", "shortcut")]
    assert sum(known) / len(known) > share["clean"] + 0.3, str(share)
    # The same prompt with another target: what was seen is the wrong answer.
    assert share["prompt"] < share["record"], str(share)

"""Labels flipped on purpose, corrected as a person would with `attune label`: the model is not worse for it.

Run by `make campaign`; it prints the accuracies on the same test rows.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from attune import labelling
from attune.data import decisions
from attune.pipeline import run
from attune.recipe import from_mapping
from attune.runs.store import Store

REVIEWS = Path(__file__).resolve().parents[2] / "examples" / "reviews" / "reviews.csv"
TEST_ROWS, SEED = 300, 0
TRAININGS = 3  # their accuracies differ by several hundredths with the seed alone

Rows = list[tuple[str, str]]


def write(path: Path, rows: Rows) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("text", "label"), *rows])
    return str(path)


def accuracy(tmp_path: Path, **data: str) -> float:
    """The mean over some trainings that differ in their seed."""
    found = []
    for seed in range(TRAININGS):
        tree = {"data": data, "training": {"seed": seed}, "evaluation": {"metrics": ["accuracy"]}}
        results = run(from_mapping(tree), Store(tmp_path / "runs")).results
        found.append(float(results["test"]["tuned"]["accuracy"]))
    print(f"{', '.join(data)}: {', '.join(f'{value:.3f}' for value in found)}")
    return sum(found) / len(found)


@pytest.mark.campaign
@pytest.mark.parametrize("share", [0.02, 0.1])
def test_a_model_trained_after_correcting_is_not_worse(share: float, tmp_path: Path) -> None:
    with REVIEWS.open(newline="", encoding="utf-8") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    draw = random.Random(SEED)
    draw.shuffle(rows)
    test, right = rows[:TEST_ROWS], rows[TEST_ROWS:]
    labels = sorted({label for _, label in right})
    wrong = list(right)
    for i in draw.sample(range(len(wrong)), round(share * len(wrong))):
        text, label = wrong[i]
        wrong[i] = (text, draw.choice([other for other in labels if other != label]))
    train, tested = write(tmp_path / "train.csv", wrong), write(tmp_path / "test.csv", test)
    work = labelling.open_work(train)
    truth = dict(right)
    items = work.queue()
    made = [item.settled("label", truth[item.now("text")], "campaign") for item in items]
    decisions.append(work.path, made)
    mended = sum(decision.action == "relabel" for decision in made)
    flipped = accuracy(tmp_path, train=train, test=tested)
    corrected = accuracy(tmp_path, train=train, test=tested, decisions=str(work.path))
    print(f"{mended} of {round(share * len(wrong))} flipped labels corrected in {len(items)} rows looked at")
    print(f"accuracy on {len(test)} test rows: flipped {flipped:.3f}, corrected {corrected:.3f}")
    assert corrected >= flipped - 0.03, "means of three differ by so much by chance"

"""Labels that were flipped on purpose are the ones that are doubted."""

from __future__ import annotations

import random

import numpy as np
import pytest

from attune.data.example import Document, LabelledText, Origin
from attune.data.label_errors import doubted_labels, label_errors
from attune.data.likeness import Cluster, clusters
from attune.recipe import Audit

LIMITS = Audit()
WORDS = {"good": ["fine", "lovely", "quick", "warm"], "bad": ["broken", "slow", "cold", "rude"]}


def reviews(count: int, flipped: set[int], seed: int = 0) -> list[LabelledText]:
    draw = random.Random(seed)
    rows = []
    for i in range(count):
        label = draw.choice(sorted(WORDS))
        told = " ".join(
            draw.choice(["the", "a", "room", "meal", "clerk", *WORDS[label], *WORDS[label]]) for _ in range(14)
        )
        told = " ".join([told, draw.choice(WORDS[label])])
        if i in flipped:
            label = "bad" if label == "good" else "good"
        rows.append(LabelledText(str(i), Origin("rows.csv", i + 2), told, label))
    return rows


@pytest.mark.parametrize("seed", [3, 4])
def test_the_planted_errors_are_doubted_first_and_no_other_row_is_called_wrong(seed: int) -> None:
    """Confident learning estimates how many there are, and may be one or two short; the order has all of them first."""
    flipped = set(random.Random(seed).sample(range(300), 20))
    rows = reviews(300, flipped)
    doubted, judged = doubted_labels(rows, [])
    assert judged == 300
    assert {doubt.index for doubt in doubted[:20]} == flipped
    (finding,) = label_errors(rows, LIMITS, [])
    found = [row.line - 2 for row in finding.rows]
    assert set(found) <= flipped and len(found) >= 18
    assert finding.severity == "warning"
    assert finding.evidence["ranked"][0]["instead"] in WORDS
    turned, _ = doubted_labels(rows[::-1], [])
    assert [(299 - doubt.index, doubt.own) for doubt in turned] == [(doubt.index, doubt.own) for doubt in doubted]


def test_rows_without_planted_errors_are_not_doubted() -> None:
    assert not label_errors(reviews(300, set()), LIMITS, [])


def test_known_answer_of_confident_learning() -> None:
    """Known answer 9: 20 of 300 flipped, probabilities 0.9 and 0.05: exactly these 20."""
    from cleanlab.filter import find_label_issues

    draw = np.random.default_rng(0)
    true_N = draw.integers(0, 3, 300)
    odds_NC = np.full((300, 3), 0.05)
    odds_NC[np.arange(300), true_N] = 0.9
    flipped = draw.choice(300, 20, replace=False)
    given_N = true_N.copy()
    given_N[flipped] = (given_N[flipped] + 1) % 3
    assert set(find_label_issues(given_N, odds_NC, return_indices_ranked_by="normalized_margin", n_jobs=1)) == set(
        flipped
    )
    assert not len(find_label_issues(true_N, odds_NC, return_indices_ranked_by="normalized_margin", n_jobs=1))


def test_a_row_is_not_judged_by_its_own_copies() -> None:
    """Copies of a wrong row must not vouch for it: they are in one fold."""
    rows = reviews(200, {0})
    copies = [LabelledText(f"c{i}", Origin("rows.csv", 1000 + i), rows[0].text, rows[0].label) for i in range(6)]
    found = clusters([row.text for row in [*rows, *copies]], LIMITS)
    assert any(set(cluster.members) == {0, *range(200, 206)} for cluster in found)
    (finding,) = label_errors([*rows, *copies], LIMITS, found)
    assert {row.line for row in finding.rows} >= {2, *range(1000, 1006)}


@pytest.mark.parametrize("count", [10, 49])
def test_few_rows_say_nothing(count: int) -> None:
    assert not label_errors(reviews(count, {1}), LIMITS, [])
    assert not label_errors([Document(str(i), Origin("d", i), "x") for i in range(100)], LIMITS, [Cluster((0, 1), 1.0)])

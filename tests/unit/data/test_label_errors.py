"""Labels that were flipped on purpose are the ones that are doubted."""

from __future__ import annotations

import csv
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from attune.data import label_errors as label_errors_module
from attune.data.example import Document, LabelledText, Origin
from attune.data.label_errors import doubted_labels, label_errors
from attune.data.likeness import Cluster, clusters
from attune.recipe import Audit

LIMITS = Audit()
REVIEWS = Path(__file__).parents[3] / "examples" / "reviews" / "reviews.csv"
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


def test_flipped_labels_of_the_reviews_stand_among_the_first_twentieth() -> None:
    """2 % flipped; the mean of six draws is at least 90 %, and most of what is called wrong is."""
    with REVIEWS.open(newline="", encoding="utf-8") as file:
        right = [
            LabelledText(str(i), Origin("r", i), r["text"], r["label"]) for i, r in enumerate(csv.DictReader(file))
        ]
    near = clusters([row.text for row in right], LIMITS)
    names = sorted({row.label for row in right})
    first, called, hits = 0, 0, 0
    for seed in range(6):
        draw = random.Random(seed)
        flipped = set(draw.sample(range(len(right)), round(0.02 * len(right))))
        rows = [
            replace(row, label=draw.choice([name for name in names if name != row.label])) if i in flipped else row
            for i, row in enumerate(right)
        ]
        doubted, _ = doubted_labels(rows, near)
        first += len(flipped & {doubt.index for doubt in doubted[: len(rows) // 20]})
        called += sum(doubt.wrong for doubt in doubted)
        hits += sum(doubt.wrong and doubt.index in flipped for doubt in doubted)
    assert first / 6 >= 0.9 * len(flipped)
    assert hits / called > 0.6
    assert sum(doubt.wrong for doubt in doubted_labels(right, near)[0]) < 8


def test_many_rows_are_judged_by_four_fifths(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way for more rows than the closed form takes names the same rows."""
    flipped = set(random.Random(3).sample(range(300), 20))
    rows = reviews(300, flipped)
    exact, _ = doubted_labels(rows, [])
    monkeypatch.setattr(label_errors_module, "EXACT_ROWS", 100)
    folds, _ = doubted_labels(rows, [])
    assert {doubt.index for doubt in exact[:20]} == {doubt.index for doubt in folds[:20]} == flipped
    assert [doubt.own for doubt in exact] != [doubt.own for doubt in folds]


def test_a_group_is_left_out_whole() -> None:
    """The closed form gives what a regression on all rows of the other groups says."""
    draw = np.random.default_rng(0)
    x_NF = sparse.random_array((40, 30), density=0.3, rng=draw, format="csr")
    y_NC = np.eye(3)[draw.integers(0, 3, 40)]
    weight_N, group_N = draw.uniform(0.1, 1.0, 40), np.arange(40) // 3
    found = label_errors_module._left_out(x_NF, y_NC, weight_N, group_N)
    mean_C, penalty = y_NC.mean(0), label_errors_module.PENALTY
    for group in range(14):
        out = group_N == group
        x, weight = x_NF[~out].toarray(), weight_N[~out]
        slopes_FC = np.linalg.solve(x.T * weight @ x + penalty * np.eye(30), x.T * weight @ (y_NC[~out] - mean_C))
        np.testing.assert_allclose(found[out], mean_C + x_NF[out] @ slopes_FC, atol=1e-9)


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

"""Near duplicates: what is planted is found, nothing else is, and the order of the rows does not matter."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.data import likeness
from attune.data.likeness import Cluster, clusters, normalised
from attune.recipe import Audit

WORDS = [f"w{i}" for i in range(5000)]
LIMITS = Audit()


def texts(count: int, length: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choice(WORDS) for _ in range(length)) for _ in range(count)]


def members(found: list[Cluster]) -> list[tuple[int, ...]]:
    return [cluster.members for cluster in found]


def test_planted_edits_are_all_found_and_nothing_else() -> None:
    draw = random.Random(1)
    rows = texts(1000, 120)
    for i in range(300):
        words = rows[i].split()
        for _ in range(draw.randint(1, 2)):
            words[draw.randrange(120)] = f"edit{draw.randrange(999)}"
        rows.append(" ".join(words))
    assert members(clusters(rows, LIMITS)) == [(i, 1000 + i) for i in range(300)]


def test_short_rows_are_compared_by_edits() -> None:
    rows = [
        "How long can I keep a book?",
        "how long can I keep the book",
        "Where is the library?",
        "  WHERE is the\tlibrary? ",
        "When does it open on Sunday?",
    ]
    found = clusters(rows, LIMITS)
    assert members(found) == [(0, 1), (2, 3)]
    assert found[1].least == 1.0
    assert LIMITS.short_duplicate <= found[0].least < 1.0
    assert members(clusters(rows, Audit(short_duplicate=1.0))) == [(2, 3)]


def test_an_instruction_that_all_rows_share_is_no_likeness() -> None:
    instruction = " ".join(f"please{i}" for i in range(60))
    rows = [f"{instruction} {text}" for text in texts(100, 12)]
    assert not clusters(rows, LIMITS)
    assert members(clusters([*rows, rows[7] + " now"], LIMITS)) == [(7, 100)]


def test_empty_rows_are_not_alike() -> None:
    assert not clusters(["", " ", "\n"], LIMITS)
    assert not clusters([], LIMITS)


def test_a_chain_tells_how_far_its_ends_are_apart() -> None:
    words = texts(1, 60)[0].split()
    rows = [" ".join([*(f"x{k}" for k in range(i)), *words[i:]]) for i in range(0, 12, 2)]
    (cluster,) = clusters(rows, LIMITS)
    assert cluster.members == tuple(range(6))
    assert cluster.least < LIMITS.near_duplicate


def test_a_large_bucket_is_held_together_without_comparing_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    kept = likeness._short

    def counting(*given: object) -> likeness._Kind:
        kind = kept(*given)  # type: ignore[arg-type]

        def alike(row: int, others: list[int]) -> list[int]:
            nonlocal compared
            compared += len(others)
            return kind.alike(row, others)

        return dataclasses.replace(kind, alike=alike)

    monkeypatch.setattr(likeness, "_short", counting)
    rows = [f"the parcel number {1000 + i} has not arrived at my house yet" for i in range(500)]
    assert members(clusters(rows, LIMITS)) == [tuple(range(500))]
    assert compared < 3 * 31 * 500, "few leaders in each band"


@pytest.mark.parametrize(("share", "probability"), [(0.3, 0.059), (0.5, 0.548), (0.7, 0.990), (0.8, 1.000)])
def test_bands_name_a_pair_as_often_as_the_formula_says(share: float, probability: float) -> None:
    """Known answer 7: 1 - (1 - s^5)^25, and the signatures keep to it."""
    assert 1 - (1 - share**5) ** 25 == pytest.approx(probability, abs=5e-4)
    common = round(200 * 2 * share / (1 + share))
    pieces: dict[int, frozenset[str]] = {}
    for pair in range(150):
        both = {f"{pair} both {i}" for i in range(common)}
        pieces[2 * pair] = frozenset(both | {f"{pair} one {i}" for i in range(200 - common)})
        pieces[2 * pair + 1] = frozenset(both | {f"{pair} other {i}" for i in range(200 - common)})
    kind = likeness._Kind(
        list(pieces), pieces.__getitem__, lambda *_: 1.0, lambda _, others: others, bands=25, band_rows=5
    )
    named = [(one, other) for one, other in likeness._alike(kind) if one // 2 == other // 2]
    spread = 4 * (probability * (1 - probability) / 150) ** 0.5 + 0.02
    assert len(named) / 150 == pytest.approx(probability, abs=spread)
    signatures = likeness._signatures(kind.rows, kind)
    estimates = np.mean(signatures[::2] == signatures[1::2], axis=1)
    exact = common / (400 - common)
    assert np.abs(estimates - exact).max() < 5 * (exact * (1 - exact) / 125) ** 0.5


@given(st.lists(st.text("ab ", max_size=12), max_size=25), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_the_order_of_rows_does_not_matter(rows: list[str], draw: random.Random) -> None:
    order = list(range(len(rows)))
    draw.shuffle(order)
    shuffled = [rows[i] for i in order]
    before = {frozenset(cluster.members) for cluster in clusters(rows, LIMITS)}
    after = {frozenset(order[i] for i in cluster.members) for cluster in clusters(shuffled, LIMITS)}
    assert before == after
    whole = [{normalised(rows[i]) for i in cluster} for cluster in before]
    assert all(normalised(row) for texts_ in whole for row in texts_)


def test_folded_texts_compare_as_people_read_them() -> None:
    assert normalised(" Ｃafe\u0301 \u00a0Straße\n") == normalised("CAFÉ strasse") == "café strasse"

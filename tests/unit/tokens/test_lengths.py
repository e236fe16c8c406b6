"""Percentiles, what limits cut, and padding, each beside the plain loop that defines it."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.tokens.fit import chunk, measure
from attune.tokens.lengths import CANDIDATES, PERCENTILES, Lengths, Limit, survey
from attune.tokens.sequence import Sequence
from attune.tokens.stored import StoredSequences


def sequence(weights: list[float]) -> Sequence:
    return Sequence("e", tuple(range(len(weights))), tuple(weights))


def answered(prompt: int, answer: int) -> Sequence:
    return sequence([0.0] * prompt + [1.0] * answer)


def surveyed(made: list[Sequence], limit: int = 16, batch_size: int = 4, chunks: bool = False) -> Lengths:
    return survey(StoredSequences(made), in_force=limit, context=1024, batch_size=batch_size, chunks=chunks)


def at(lengths: Lengths, max_length: int) -> Limit:
    (limit,) = (limit for limit in lengths.limits if limit.max_length == max_length)
    return limit


def test_24_lost_tokens_are_those_beyond_the_limit() -> None:
    """Known lengths with one prompt token: lost = sum of max(0, length - L)."""
    lengths = (100, 256, 257, 300, 511, 512, 513, 1000, 5000)
    found = surveyed([answered(1, n - 1) for n in lengths], 700)
    for limit in found.limits:
        assert limit.lost_target_tokens == sum(max(0, n - limit.max_length) for n in lengths)
        assert limit.cut == sum(n > limit.max_length for n in lengths)
    assert [limit.max_length for limit in found.limits] == sorted({*CANDIDATES, 700})


@pytest.mark.parametrize(("prompt", "emptied"), [(255, 0), (256, 1), (257, 1), (400, 1)])
def test_24_a_prompt_as_long_as_the_limit_leaves_nothing_to_learn(prompt: int, emptied: int) -> None:
    found = at(surveyed([answered(prompt, 10), answered(5, 5)]), 256)
    assert found.emptied == emptied


def test_a_row_without_targets_is_not_emptied() -> None:
    labelled = Sequence("e", tuple(range(300)), (0.0,) * 300, label=1)
    assert at(surveyed([labelled]), 256) == Limit(256, 1, 0, 0, 0.0)


WEIGHTS = st.lists(st.sampled_from([0.0, 0.0, 0.5, 1.0]), min_size=1, max_size=30)


@given(st.lists(WEIGHTS, min_size=1, max_size=15), st.integers(1, 30))
def test_what_a_limit_cuts_is_what_the_loop_counts(rows: list[list[float]], limit: int) -> None:
    made = [sequence(weights) for weights in rows]
    cuts = [cut for s in made if (cut := measure(s, limit))]
    found = at(surveyed(made, limit), limit)
    assert found.cut == len(cuts)
    assert found.lost_target_tokens == sum(cut.lost_target_tokens for cut in cuts)
    assert found.emptied == sum(cut.whole_answer for cut in cuts)


@given(st.lists(WEIGHTS, min_size=1, max_size=120))
def test_percentiles_are_nearest_ranks(rows: list[list[float]]) -> None:
    found = surveyed([sequence(weights) for weights in rows])
    kinds = {
        "total": [len(weights) for weights in rows],
        "prompt": [weights.count(0.0) for weights in rows],
        "target": [len(weights) - weights.count(0.0) for weights in rows],
    }
    for kind, lengths in kinds.items():
        for percent in PERCENTILES:
            wanted = min(n for n in lengths if sum(m <= n for m in lengths) * 100 >= percent * len(lengths))
            assert getattr(found, kind)[str(percent)] == wanted
    assert found.sequences == len(rows)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=250))
def test_the_suggestion_is_the_smallest_multiple_that_keeps_99_percent_whole(lengths: list[int]) -> None:
    found = surveyed([answered(1, n - 1) if n > 1 else sequence([0.0]) for n in lengths]).suggested

    def whole(limit: int) -> bool:
        return 100 * sum(n <= limit for n in lengths) >= 99 * len(lengths)

    assert found % 64 == 0 and whole(found) and not (found > 64 and whole(found - 64))


@pytest.mark.parametrize(("longest", "wanted"), [(1, 64), (64, 64), (65, 128), (128, 128)])
def test_a_length_that_is_a_multiple_is_suggested_itself(longest: int, wanted: int) -> None:
    assert surveyed([sequence([0.0] * longest)]).suggested == wanted


@settings(max_examples=50)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 7), st.integers(2, 40), st.booleans())
def test_padding_is_the_mean_over_all_orders(lengths: list[int], size: int, limit: int, chunks: bool) -> None:
    made = [sequence([0.0] * n) for n in lengths]
    pieces = [len(s.input_ids) for whole in made for s in (chunk(whole, limit) if chunks else [whole.head(limit)])]
    if len(pieces) > 7:  # too many orders
        return
    padded = [
        sum(len(order[i : i + size]) * max(order[i : i + size]) for i in range(0, len(order), size))
        for order in permutations(pieces)
    ]
    wanted = 1 - sum(pieces) / (sum(padded) / len(padded))
    assert at(surveyed(made, limit, size, chunks), limit).padding == pytest.approx(wanted, abs=1e-12)


def test_padding_of_many_rows_is_that_of_shuffled_batches() -> None:
    import numpy as np

    lengths = np.random.default_rng(0).integers(10, 500, 2048)
    found = at(surveyed([sequence([0.0] * int(n)) for n in lengths], 600, 16), 600).padding
    shuffled = [np.random.default_rng(seed).permutation(lengths).reshape(-1, 16) for seed in range(50)]
    assert found == pytest.approx(1 - lengths.sum() / np.mean([16 * b.max(1).sum() for b in shuffled]), abs=0.003)


def test_documents_are_divided_and_lose_nothing() -> None:
    found = at(surveyed([answered(1, 999)], chunks=True), 256)
    assert (found.cut, found.lost_target_tokens, found.emptied) == (0, 0, 0)


def test_the_order_of_rows_changes_nothing() -> None:
    made = [answered(3, n) for n in (5, 700, 80, 300, 300, 9)]
    assert surveyed(made) == surveyed(made[::-1])

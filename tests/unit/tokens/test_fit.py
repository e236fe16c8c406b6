"""What max_length cuts is counted to the token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.tokens.fit import chunk, fit, measure
from attune.tokens.sequence import Sequence
from attune.tokens.stored import StoredSequences


def sequence(context: int, target: int, name: str = "e") -> Sequence:
    ids = tuple(range(context + target))
    return Sequence(name, ids, (0.0,) * context + (1.0,) * target)


def test_known_losses() -> None:
    """Answers of 10 tokens at lengths 20, 25, 30 and 45 under a limit of 26: 0 + 0 + 4 + 10 target tokens are lost."""
    made = [sequence(total - 10, 10, f"e{total}") for total in (20, 25, 30, 45)]
    fitted = fit(StoredSequences(made), 26, "truncate")
    assert [(c.example_id, c.total_tokens, c.lost_target_tokens, c.whole_answer) for c in fitted.cuts] == [
        ("e30", 30, 4, False),
        ("e45", 45, 10, True),
    ]
    assert sum(s.truncated_tokens for s in fitted.kept) == 4 + 19


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=20), limit=st.integers(2, 50))
def test_what_is_lost_is_what_stands_beyond_the_limit(lengths: list[int], limit: int) -> None:
    fitted = fit(StoredSequences([sequence(1, n) for n in lengths]), limit, "truncate")
    wanted = sum(max(0, n + 1 - limit) for n in lengths)
    assert sum(cut.lost_target_tokens for cut in fitted.cuts) == wanted
    assert sum(s.truncated_tokens for s in fitted.kept) == wanted
    assert all(len(s.input_ids) <= limit for s in fitted.kept)
    assert fitted.dropped == ()


def test_24_tokens_are_lost() -> None:
    made = [sequence(1, n) for n in (9, 15, 19, 29)]  # 10, 16, 20 and 30 tokens
    assert sum(c.lost_target_tokens for c in fit(StoredSequences(made), 14, "truncate").cuts) == 2 + 6 + 16


def test_dropped_rows_are_named() -> None:
    fitted = fit(StoredSequences([sequence(2, 3, "short"), sequence(9, 9, "long")]), 8, "drop")
    assert [s.example_id for s in fitted.kept] == ["short"]
    assert fitted.dropped == ("long",)
    assert [c.example_id for c in fitted.cuts] == ["long"]


@given(context=st.integers(1, 80), target=st.integers(1, 40), limit=st.integers(2, 60))
def test_an_answer_that_would_be_lost_keeps_its_first_token(context: int, target: int, limit: int) -> None:
    made = sequence(context, target)
    cut = measure(made, limit)
    (kept,) = fit(StoredSequences([made]), limit, "truncate").kept
    if cut is None:
        assert kept == made
        return
    assert len(kept.input_ids) == limit
    assert kept.truncated_tokens == len(made.input_ids) - limit
    first = kept.weights.index(1.0)
    assert kept.input_ids[first] == context
    assert first >= 1, "a target needs something before it"
    assert list(kept.input_ids) == list(range(kept.input_ids[0], kept.input_ids[0] + limit))


def test_a_labelled_text_keeps_its_beginning() -> None:
    made = Sequence("e", tuple(range(20)), (0.0,) * 20, label=1)
    (kept,) = fit(StoredSequences([made]), 8, "truncate").kept
    assert kept.input_ids == tuple(range(8))
    assert kept.target_weight == 1.0


@given(n=st.integers(2, 200), limit=st.integers(2, 40))
def test_chunks_predict_every_token_but_the_first_once(n: int, limit: int) -> None:
    pieces = chunk(Sequence("e", tuple(range(n)), (0.0,) + (1.0,) * (n - 1)), limit)
    predicted = [i for p in pieces for i, w in zip(p.input_ids, p.weights, strict=True) if w]
    assert predicted == list(range(1, n))
    assert all(1 < len(p.input_ids) <= limit and p.weights[0] == 0.0 for p in pieces)


def test_a_document_of_one_token_has_no_target() -> None:
    (piece,) = chunk(Sequence("e", (5,), (0.0,)), 8)
    assert piece.target_tokens == 0


@pytest.mark.parametrize("limit", [4, 8])
def test_what_fits_is_left_as_it_is(limit: int) -> None:
    made = sequence(1, 3)
    assert list(fit(StoredSequences([made]), limit, "error").kept) == [made]

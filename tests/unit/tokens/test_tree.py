"""The prefix tree: every sequence can be read back, and the rule is "the key lies on the query's path"."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attune.tokens.sequence import Sequence
from attune.tokens.tree import grow, path, shared_tokens


@st.composite
def forests(draw: st.DrawFn) -> list[Sequence]:
    """Few different tokens, so that prefixes are shared, contained in one another, and repeated."""
    made = []
    for i in range(draw(st.integers(1, 12))):
        ids = draw(st.lists(st.integers(0, 2), min_size=1, max_size=10))
        weights = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(ids), max_size=len(ids)))
        made.append(Sequence(f"e{i}", tuple(ids), (0.0, *weights[1:])))
    return made


def rows_of(made: list[Sequence], end_T: np.ndarray, last_N: np.ndarray) -> list[list[int]]:
    """The rows of each sequence, from the rule alone: what its last token may see."""
    return [[k for k in range(last + 1) if k <= last < end_T[k]] for last in last_N.tolist()]


@given(made=forests(), share=st.booleans())
def test_every_sequence_can_be_read_back(made: list[Sequence], share: bool) -> None:
    tree = grow(made, share=share)
    for sequence, rows, first in zip(made, rows_of(made, tree.end_T, tree.last_N), tree.first_N, strict=True):
        assert tuple(tree.input_ids_T[rows].tolist()) == sequence.input_ids
        assert tree.position_ids_T[rows].tolist() == list(range(len(rows)))
        assert rows[0] == first


@given(made=forests())
def test_no_token_stands_there_twice(made: list[Sequence]) -> None:
    prefixes = {s.input_ids[:n] for s in made for n in range(1, len(s.input_ids) + 1)}
    assert len(grow(made).input_ids_T) == len(prefixes)
    assert len(grow(made, share=False).input_ids_T) == sum(len(s.input_ids) for s in made)


@given(made=forests())
def test_a_query_sees_its_path_and_nothing_else(made: list[Sequence]) -> None:
    """Each row stands for one prefix: k is on q's path when k's prefix begins q's."""
    tree = grow(made)
    prefix: dict[int, tuple[int, ...]] = {}
    for sequence, rows in zip(made, rows_of(made, tree.end_T, tree.last_N), strict=True):
        for depth, row in enumerate(rows, 1):
            assert prefix.setdefault(row, sequence.input_ids[:depth]) == sequence.input_ids[:depth]
    for q in range(len(tree.end_T)):
        seen = {k for k in range(len(tree.end_T)) if k <= q < tree.end_T[k]}
        assert seen == {k for k in prefix if prefix[q][: len(prefix[k])] == prefix[k]}
        assert [k for begin, end in path(tree.end_T, q) for k in range(begin, end)] == sorted(seen - {q})


@given(made=forests(), share=st.booleans())
def test_each_sequence_keeps_its_own_targets_and_weights(made: list[Sequence], share: bool) -> None:
    tree = grow(made, share=share)
    rows = rows_of(made, tree.end_T, tree.last_N)
    wanted = sorted(
        (i, rows[i][at - 1], s.input_ids[at], w) for i, s in enumerate(made) for at, w in enumerate(s.weights) if w
    )
    found = zip(tree.sequence_S, tree.source_S, tree.target_S, tree.weight_S, strict=True)
    assert sorted((int(i), int(source), int(target), float(w)) for i, source, target, w in found) == wanted


def test_without_sharing_sequences_stand_as_given() -> None:
    tree = grow([Sequence("a", (1, 2), (0.0, 1.0)), Sequence("b", (1, 2, 3), (0.0, 0.0, 1.0))], share=False)
    assert tree.input_ids_T.tolist() == [1, 2, 1, 2, 3]
    assert tree.end_T.tolist() == [2, 2, 5, 5, 5]
    assert tree.source_S.tolist() == [0, 3]


def test_shared_tokens() -> None:
    assert shared_tokens((1, 2, 3), (1, 2, 4)) == 2
    assert shared_tokens((1, 2), (1, 2, 4)) == 2
    assert shared_tokens((), (1,)) == shared_tokens((2,), (1,)) == 0

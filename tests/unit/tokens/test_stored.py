"""What goes to the disk comes back as it was, in any order."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.tokens.sequence import Sequence
from attune.tokens.stored import StoredSequences


@st.composite
def sequences(draw: st.DrawFn) -> Sequence:
    ids = tuple(draw(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=20)))
    weights = tuple(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(ids), max_size=len(ids))))
    label = draw(st.one_of(st.none(), st.integers(0, 5)))
    return Sequence(draw(st.text(max_size=5)), ids, weights, label, draw(st.integers(0, 9)))


@given(st.lists(sequences(), max_size=12), st.lists(sequences(), max_size=3))
def test_what_comes_back_is_what_went_in(first: list[Sequence], more: list[Sequence]) -> None:
    stored = StoredSequences(first)
    stored.extend(more)
    wanted = [*first, *more]
    assert len(stored) == len(wanted)
    assert list(stored) == wanted
    assert [stored[i] for i in reversed(range(len(wanted)))] == wanted[::-1]
    assert stored[1:5] == wanted[1:5]
    if wanted:
        assert stored[-1] == wanted[-1]
    with pytest.raises(IndexError):
        stored[len(wanted)]


def test_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stored = StoredSequences([Sequence("a", (1, 2), (0.0, 1.0))])
    assert stored[0].input_ids == (1, 2)
    assert not list(tmp_path.iterdir())
    file = stored._file
    del stored
    gc.collect()
    assert file.closed


@given(st.lists(sequences(), max_size=12))
def test_runs_of_targets_are_where_the_weights_are(made: list[Sequence]) -> None:
    found = StoredSequences(made).target_runs.T.tolist()
    marked = [[False] * len(s.weights) for s in made]
    for owner, begin, end in found:
        assert begin < end
        assert begin == 0 or not marked[owner][begin - 1], "runs do not touch"
        marked[owner][begin:end] = [True] * (end - begin)
    assert marked == [[bool(weight) for weight in s.weights] for s in made]
    assert StoredSequences(made).target_tokens.tolist() == [s.target_tokens for s in made]

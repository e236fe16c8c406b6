"""Micro-batches, the order of an epoch, and targets that stay inside their sequence."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.tokens.batch import (
    Layout,
    collate,
    epoch_order,
    microbatches,
    pad,
    plan_microbatches,
    step_indices,
    steps_per_epoch,
)
from attune.tokens.sequence import Sequence
from attune.tokens.tree import grow


def row(name: str, length: int) -> Sequence:
    return Sequence(name, (7,) * length, (0.0,) * length)


@st.composite
def sequences(draw: st.DrawFn) -> list[Sequence]:
    made = []
    for i in range(draw(st.integers(1, 6))):
        ids = draw(st.lists(st.integers(0, 50), min_size=1, max_size=12))
        weights = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(ids), max_size=len(ids)))
        made.append(Sequence(f"e{i}", tuple(ids), (0.0, *weights[1:])))
    return made


@given(made=sequences(), budget=st.integers(1, 60), layout=st.sampled_from(["tree", "packed", "padded"]))
def test_micro_batches_hold_every_sequence_once_within_the_budget(
    made: list[Sequence], budget: int, layout: Layout
) -> None:
    groups = plan_microbatches(made, budget, layout)
    assert sorted(i for group in groups for i in group) == list(range(len(made)))
    for group in groups:
        lengths = [len(made[i].input_ids) for i in group]
        cost = len(grow([made[i] for i in group], share=layout == "tree").input_ids_T)
        if layout == "padded":
            cost = len(group) * max(lengths)
        assert len(group) == 1 or cost <= budget
    batches = list(microbatches(made, budget, layout))
    assert [group for group, _ in batches] == groups
    assert [list(batch.example_ids) for _, batch in batches] == [[made[i].example_id for i in g] for g in groups]


def test_a_sequence_beyond_the_budget_stands_alone() -> None:
    made = [row("a", 5), row("b", 100), row("c", 5)]
    assert plan_microbatches(made, 10, "padded") == [[1], [0, 2]]
    assert plan_microbatches(made, 10, "packed") == [[1], [0, 2]]


def test_what_is_shared_counts_once() -> None:
    made = [Sequence(str(i), (*range(50), 60 + i), (0.0,) * 51) for i in range(10)]
    assert plan_microbatches(made, 60, "tree") == [list(range(10))]
    assert len(plan_microbatches(made, 60, "packed")) == 10
    assert len(collate(made, layout="tree").input_ids_T) == 60
    assert collate(made, layout="tree").computed_tokens == 64
    assert collate(made, layout="padded").computed_tokens == 10 * 56


@given(made=sequences())
def test_each_target_is_paired_with_the_token_before_it_in_its_own_sequence(made: list[Sequence]) -> None:
    batch = collate(made)
    wanted = [(s.example_id, s.input_ids[i - 1], s.input_ids[i], w) for s in made for i, w in enumerate(s.weights) if w]
    owner_T = [s.example_id for s in made for _ in s.input_ids]
    found = [
        (owner_T[source], int(batch.input_ids_T[source]), target, weight)
        for source, target, weight in zip(
            batch.source_S.tolist(), batch.target_S.tolist(), batch.weight_S.tolist(), strict=True
        )
    ]
    assert found == wanted
    assert [made[i].example_id for i in batch.sequence_S.tolist()] == [w[0] for w in wanted]
    assert batch.weight == pytest.approx(sum(s.target_weight for s in made))


@given(made=sequences())
def test_positions_and_ends_are_those_of_each_sequence(made: list[Sequence]) -> None:
    batch = collate(made)
    begin = 0
    for s in made:
        rows = slice(begin, begin + len(s.input_ids))
        assert batch.position_ids_T[rows].tolist() == list(range(len(s.input_ids)))
        begin += len(s.input_ids)
        assert set(batch.end_T[rows].tolist()) == {begin}


@given(made=sequences())
def test_the_padded_rectangle_holds_the_same_tokens(made: list[Sequence]) -> None:
    batch = collate(made)
    padded = pad(batch, pad_id=99)
    assert torch.equal(padded.input_ids_NL[padded.row_T, padded.column_T], batch.input_ids_T)
    for row, s in enumerate(made):
        n = len(s.input_ids)
        assert padded.input_ids_NL[row, :n].tolist() == list(s.input_ids)
        assert set(padded.input_ids_NL[row, n:].tolist()) <= {99}
        assert padded.attention_mask_NL[row].tolist() == [1] * n + [0] * (padded.input_ids_NL.shape[1] - n)


def test_a_first_token_with_loss_is_our_bug() -> None:
    with pytest.raises(AssertionError, match="nothing before it"):
        collate([Sequence("a", (1, 2), (1.0, 1.0))])


@given(n=st.integers(1, 200), seed=st.integers(0, 2**31))
def test_an_epoch_visits_every_sequence_once(n: int, seed: int) -> None:
    assert sorted(epoch_order(n, seed, 0).tolist()) == list(range(n))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = {tuple(epoch_order(50, seed, epoch).tolist()) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16
    assert epoch_order(5, 0, 0).tolist() == epoch_order(5, 0, 0).tolist()


def test_the_order_is_the_same_on_every_machine() -> None:
    """It is part of what a resumed run must share with its beginning, so it may never change."""
    assert epoch_order(8, 0, 0).tolist() == [5, 0, 6, 1, 7, 2, 4, 3]
    assert epoch_order(8, 0, 1).tolist() == [2, 0, 4, 1, 7, 5, 3, 6]


@settings(max_examples=50)
@given(n=st.integers(1, 90), batch_size=st.integers(1, 20), epoch=st.integers(0, 3))
def test_the_steps_of_an_epoch_hold_each_sequence_once(n: int, batch_size: int, epoch: int) -> None:
    per_epoch = steps_per_epoch(n, batch_size)
    steps = [step_indices(n, batch_size, 7, epoch * per_epoch + i).tolist() for i in range(per_epoch)]
    assert sorted(i for step in steps for i in step) == list(range(n))
    assert all(len(step) == batch_size for step in steps[:-1])


def test_where_little_is_shared_half_the_budget_is_a_group() -> None:
    def of(shared: int) -> list[Sequence]:
        rows = [(*range(shared), *range(100 + 50 * i, 150 + 50 * i)) for i in range(8)]
        return [Sequence(str(i), ids, (0.0,) * len(ids)) for i, ids in enumerate(rows)]

    assert [len(group) for group in plan_microbatches(of(3), 400, "tree")] == [3, 3, 2]
    assert [len(group) for group in plan_microbatches(of(40), 500, "tree")] == [8]

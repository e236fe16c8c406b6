"""The rule in tiles and in stacks: values and gradients equal dense attention under the rule's own mask."""

from __future__ import annotations

import pytest
import torch
from rules import KINDS, dense, forest, plan_of, seen, tensors

from attune.errors import ModelError
from attune.model import tiles
from attune.model.attention import Plan, attend
from attune.model.stacks import Stacks, _sizes
from attune.model.tiles import tiles_of


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("window", [None, 7, 100])
@pytest.mark.parametrize("cap", [None, 1.5])
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients(kind: str, cap: float | None, window: int | None, seed: int) -> None:
    plan = plan_of(kind, seed)
    rows, real = len(plan.rule.end_T), plan.rule.rows
    found, wanted = tensors(rows), tensors(rows)
    out, _ = attend(torch.nn.Identity(), *found, None, sliding_window=window, softcap=cap, plan=plan)
    ((_, work),) = plan._works.values()
    assert isinstance(work, KINDS[kind][2])
    assert len(work.parts if isinstance(work, Stacks) else work) > 1
    same = dense(*wanted, seen(plan.rule, window), cap)
    torch.testing.assert_close(out[:, :real], same[:, :real], rtol=1e-10, atol=1e-12)
    slope = torch.randn_like(out)
    slope[:, real:] = 0.0  # nobody reads the rows that fill up
    out.backward(slope)
    same.backward(slope)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-11)


def test_rows_that_nobody_reads_leave_nothing_behind() -> None:
    plan = plan_of("loners", 0)
    found = tensors(len(plan.rule.end_T))
    out, _ = attend(torch.nn.Identity(), *found, None, plan=plan)
    out[:, plan.rule.rows :].sum().backward()
    assert plan.rule.rows < len(plan.rule.end_T)
    for tensor in found:
        assert tensor.grad is not None and not tensor.grad.any()


def test_stacks_take_those_of_like_length() -> None:
    assert _sizes([512, 512, 16, 16, 8]) == [2, 3]
    assert _sizes([64] * 30) == [30]
    assert _sizes([40, 32, 24]) == [3], "one more stack would cost more than the filling"


def test_probabilities_that_are_not_kept_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "KEPT_KEYS", 64)
    test_values_and_gradients("tree", None, None, 0)


@pytest.mark.parametrize("window", [None, 40])
@pytest.mark.parametrize("seed", range(6))
def test_tiles_cover_every_row_once_and_forbid_what_the_rule_forbids(seed: int, window: int | None) -> None:
    rule = plan_of("tree", seed).rule
    seen_TT = seen(rule, window)
    found = tiles_of(rule, window, torch.float32)
    assert [tile.begin for tile in found[1:]] == [tile.end for tile in found[:-1]]
    assert (found[0].begin, found[-1].end) == (0, len(rule.end_T))
    for tile in found:
        keys = [k for first, last in tile.ranges for k in range(first, last)]
        allowed = torch.ones(tile.end - tile.begin, len(keys), dtype=torch.bool)
        allowed[:, tile.free :] = tile.barrier_QF == 0
        assert torch.equal(allowed, seen_TT[tile.begin : tile.end, keys])
        others = seen_TT[tile.begin : tile.end].clone()
        others[:, keys] = False
        assert not others.any()


@pytest.mark.parametrize("kind", ["tree", "documents"])
def test_dropout_is_that_of_the_probabilities(kind: str) -> None:
    """With values of one, the output is the sum of what is kept: 1 on average, and its gradient repeats its mask."""
    plan = plan_of(kind, 0)
    query, key, value = tensors(len(plan.rule.end_T))
    ones = torch.ones_like(value).requires_grad_()
    torch.manual_seed(0)
    out, _ = attend(torch.nn.Identity(), query, key, ones, None, dropout=0.25, plan=plan)
    assert float(out.detach()[:, : plan.rule.rows].mean()) == pytest.approx(1.0, abs=0.02)
    torch.manual_seed(0)
    again, _ = attend(torch.nn.Identity(), query, key, ones, None, dropout=0.25, plan=plan)
    assert torch.equal(out, again)
    out.sum().backward()
    # The sum of an output that is linear in the values equals values x gradient.
    assert ones.grad is not None
    assert float((ones.detach() * ones.grad).sum()) == pytest.approx(float(out.detach().sum()), rel=1e-9)


@pytest.mark.parametrize("what", ["s_aux", "position_bias"])
def test_what_the_rule_does_not_cover_is_refused(what: str) -> None:
    plan = Plan.of(forest(0), causal=True)
    with pytest.raises(ModelError, match=what):
        attend(torch.nn.Identity(), *tensors(len(plan.rule.end_T)), None, plan=plan, **{what: torch.ones(1)})
    with pytest.raises(ModelError, match="own tokens"):
        attend(torch.nn.Identity(), *tensors(5), None, plan=plan)

"""Learning-rate schedules by value, and what decays."""

from __future__ import annotations

import math

import pytest
import torch

from attune.recipe import Training
from attune.train.optimizer import adamw, learning_rate, restore_state, state_tensors


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        ("constant", [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]),
        ("cosine", [0.25, 0.5, 0.75, 1.0, 1.0, 0.5 + math.sqrt(0.125), 0.5, 0.5 - math.sqrt(0.125)]),
    ],
)
def test_schedules_by_value(schedule: str, wanted: list[float]) -> None:
    training = Training(learning_rate=0.1, schedule=schedule, warmup=0.5)  # type: ignore[arg-type]
    found = [learning_rate(step, 8, training) for step in range(8)]
    assert found == pytest.approx([0.1 * w for w in wanted])


def test_no_step_is_wasted_at_a_rate_of_zero() -> None:
    for schedule in ("cosine", "linear", "constant"):
        training = Training(learning_rate=0.1, schedule=schedule, warmup=0.05)  # type: ignore[arg-type]
        assert all(learning_rate(step, total, training) > 0 for total in (1, 2, 10, 100) for step in range(total))


def test_only_matrices_decay() -> None:
    """With no gradient but zero, the only change is that of decay: w x (1 - rate x decay)."""
    training = Training(learning_rate=0.1, weight_decay=0.5)
    tensors = {name: torch.ones(shape) for name, shape in (("matrix", (2, 3)), ("bias", (3,)), ("norm", (2,)))}
    optimizer = adamw(tensors, training)
    for tensor in tensors.values():
        tensor.grad = torch.zeros_like(tensor)
    for group in optimizer.param_groups:
        group["lr"] = 0.1
    optimizer.step()
    torch.testing.assert_close(tensors["matrix"], torch.full((2, 3), 0.95))
    assert torch.equal(tensors["bias"], torch.ones(3))
    assert torch.equal(tensors["norm"], torch.ones(2))


@pytest.mark.parametrize("shapes", [{"bias": (3,)}, {"matrix": (2, 2)}])
def test_a_model_of_one_kind_of_tensor_is_optimised(shapes: dict[str, tuple[int, ...]]) -> None:
    tensors = {name: torch.ones(shape) for name, shape in shapes.items()}
    assert len(adamw(tensors, Training(learning_rate=0.1)).param_groups) == 1


def test_the_state_goes_out_and_back_to_the_last_bit() -> None:
    training = Training(learning_rate=0.1)

    def made() -> tuple[dict[str, torch.Tensor], torch.optim.Optimizer]:
        tensors = {"a|b.weight": torch.ones(2, 3), "bias": torch.ones(3)}
        return tensors, adamw(tensors, training)

    def step(tensors: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for tensor in tensors.values():
            tensor.grad = torch.randn(tensor.shape, generator=generator)
        for group in optimizer.param_groups:
            group["lr"] = 0.1
        optimizer.step()

    tensors, optimizer = made()
    for seed in (1, 2):
        step(tensors, optimizer, seed)
    fresh, other = made()
    saved = {name: value.clone() for name, value in state_tensors(optimizer, tensors).items()}
    for name, tensor in fresh.items():
        tensor.copy_(tensors[name])
    restore_state(other, fresh, saved)
    for pair in ((tensors, optimizer), (fresh, other)):
        step(*pair, 3)
    assert all(torch.equal(fresh[name], tensors[name]) for name in tensors)
    ours, theirs = state_tensors(optimizer, tensors), state_tensors(other, fresh)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)

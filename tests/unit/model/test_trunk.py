"""A stored trunk: the head sees the same states, and gets the same gradient, as with the trunk in every step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from families import build

from attune.errors import EnvironmentFault
from attune.model.adapt import adapt
from attune.model.trunk import StoredTrunk, storable, store
from attune.recipe import Method
from attune.tokens.batch import collate
from attune.tokens.sequence import Sequence
from attune.train.loss import LOSSES

ROWS = [
    Sequence("a", (5, 6, 7, 8, 9), (0.0, 0.0, 1.0, 0.5, 1.0)),
    Sequence("b", (5, 6, 7, 4), (0.0, 0.0, 0.0, 1.0)),
    Sequence("a", (11, 12, 13), (0.0, 1.0, 0.0)),
    Sequence("c", (5, 6, 7, 8, 9), (0.0, 0.0, 1.0, 0.5, 1.0)),
]


@pytest.mark.parametrize(
    ("family", "classifies"), [("llama", False), ("gpt2", True), ("bert", True), ("roberta", True)]
)
@pytest.mark.parametrize("budget", [1, 8, 1000])
def test_loss_and_gradient_of_the_head(tmp_path: Path, family: str, classifies: bool, budget: int) -> None:
    model = build(family, classifies=classifies)
    adapt(model, Method(kind="head"), 0)
    rows = [Sequence(r.example_id, r.input_ids, (0.0,) * len(r.input_ids), i % 3) for i, r in enumerate(ROWS)]
    rows = rows if classifies else ROWS
    loss = LOSSES["label" if classifies else "token"]
    done: list[int] = []
    assert storable(model)
    store(model, rows, tmp_path / "trunk", budget, done.append)
    assert done[-1] == len(rows)
    stored = StoredTrunk(model, rows, tmp_path / "trunk")
    picked = [rows[2], rows[0], rows[3]]

    def measured(batch_layout: str, model_or_stored: object) -> tuple[float, list[torch.Tensor]]:
        model.module.zero_grad()
        part = loss(model_or_stored, collate(picked, layout=batch_layout))  # type: ignore[arg-type]
        part.nats.backward()
        return float(part.nats.detach()), [p.grad.clone() for p in model.module.parameters() if p.grad is not None]

    wanted, wanted_gradients = measured(model.layout, model)
    found, found_gradients = measured("stored", stored)
    assert found == pytest.approx(wanted, rel=1e-6)
    assert len(found_gradients) == len(wanted_gradients) > 0
    for ours, theirs in zip(found_gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_what_cannot_be_taken_apart_is_not_stored() -> None:
    assert not storable(build("deberta", classifies=True))


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "trunk").write_text("a file stands where the folder should be")
    with pytest.raises(EnvironmentFault):
        store(build("llama"), ROWS, tmp_path / "trunk", 100, lambda done: None)

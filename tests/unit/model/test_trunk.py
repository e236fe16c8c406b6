"""A stored trunk: the head sees the same states, and gets the same gradient, as with the trunk in every step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from families import DECODERS, build

from attune.errors import EnvironmentFault, ModelError
from attune.model.adapt import adapt
from attune.model.loaded import LoadedModel
from attune.model.trunk import StoredTrunk, opened, storable, store
from attune.recipe import Method
from attune.tokens.batch import collate
from attune.tokens.sequence import Sequence
from attune.train.loss import LOSSES

HEAD, TOP = Method(kind="head"), Method(kind="top", layers=1)
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
    adapt(model, HEAD, 0)
    rows = labelled(ROWS) if classifies else ROWS
    loss = LOSSES["label" if classifies else "token"]
    done: list[int] = []
    assert storable(model, HEAD)
    store(model, HEAD, rows, tmp_path / "trunk", budget, done.append)
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


# Families of every kind that has layers of its own: learned positions, windows, soft caps, layers that answer tuples.
LAYERED = [*(family for family in DECODERS if family != "mamba"), "bert", "roberta", "distilbert", "modernbert"]


@pytest.mark.parametrize("family", LAYERED)
def test_loss_and_gradient_of_the_last_layer(tmp_path: Path, family: str) -> None:
    """The layer below is computed once; loss and gradients are those of the whole model with that layer frozen."""
    classifies = family not in DECODERS
    model = build(family, classifies=classifies)
    before = {name: parameter.clone() for name, parameter in model.module.named_parameters()}
    adapt(model, TOP, 0)
    trained = {name for name, parameter in model.module.named_parameters() if parameter.requires_grad}
    assert trained and not any("embed" in name or ".wte" in name for name in trained)
    rows = labelled(ROWS) if classifies else ROWS
    loss = LOSSES["label" if classifies else "token"]
    store(model, TOP, rows, tmp_path / "trunk", 8, lambda done: None)
    stored = opened(model, TOP, rows, tmp_path / "trunk")
    lower = {name for name, _ in model.module.named_parameters() if name.startswith(lowest_layer(model))}
    assert lower and not lower & trained
    picked = [rows[2], rows[0], rows[3], rows[1]]

    def measured(kept_or_whole: object) -> tuple[float, dict[str, torch.Tensor]]:
        model.module.zero_grad()
        part = loss(kept_or_whole, collate(picked, layout=model.layout))  # type: ignore[arg-type]
        part.nats.backward()
        named = model.module.named_parameters()
        return float(part.nats.detach()), {name: p.grad.clone() for name, p in named if p.grad is not None}

    wanted, wanted_gradients = measured(model)
    # What is below has no part in it any more.
    for name, parameter in model.module.named_parameters():
        if name in lower:
            parameter.data.zero_()
    found, found_gradients = measured(stored)
    assert found == pytest.approx(wanted, rel=1e-9)
    assert found_gradients.keys() == wanted_gradients.keys() == trained
    for name in trained:
        torch.testing.assert_close(found_gradients[name], wanted_gradients[name], rtol=1e-8, atol=1e-10)
    for name, parameter in model.module.named_parameters():
        if name in lower:
            parameter.data.copy_(before[name])
    assert measured(model)[0] == pytest.approx(wanted, rel=1e-12), "the model computes as before"


def lowest_layer(model: LoadedModel) -> str:
    """The prefix of the names of its parameters."""
    return next(name for name, part in model.module.named_modules() if part is model.layers[0]) + "."


def labelled(rows: list[Sequence]) -> list[Sequence]:
    return [Sequence(r.example_id, r.input_ids, (0.0,) * len(r.input_ids), i % 3) for i, r in enumerate(rows)]


def test_more_layers_than_there_are_is_refused() -> None:
    with pytest.raises(ModelError, match="the model has 2 layers"):
        adapt(build("llama"), Method(kind="top", layers=2), 0)


def test_what_cannot_be_taken_apart_is_not_stored() -> None:
    model = build("deberta", classifies=True)
    assert not storable(model, HEAD) and not storable(model, TOP)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "trunk").write_text("a file stands where the folder should be")
    with pytest.raises(EnvironmentFault):
        store(build("llama"), HEAD, ROWS, tmp_path / "trunk", 100, lambda done: None)

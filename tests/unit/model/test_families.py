"""Every family of models: in fp64, loss and every gradient of a batch equal those of the one-at-a-time loop."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from families import DECODERS, ENCODERS, VOCABULARY, build

from attune.model.loaded import LoadedModel
from attune.tokens.batch import collate
from attune.tokens.sequence import Sequence
from attune.train.loss import LOSSES


def forest(seed: int, *, labels: bool = False) -> list[Sequence]:
    """Sequences that branch off one another, one inside another, twice the same, and one that shares nothing."""
    generator = random.Random(seed)

    def tokens(n: int) -> tuple[int, ...]:
        return tuple(generator.randrange(3, VOCABULARY) for _ in range(n))

    made = [tokens(generator.randrange(3, 12))]
    for _ in range(7):
        whole = generator.choice(made)
        made.append(whole[: generator.randrange(1, len(whole) + 1)] + tokens(generator.randrange(0, 9)))
    made += [made[2], tokens(9)]
    rows = []
    for i, ids in enumerate(made):
        weights = [generator.choice((0.0, 0.5, 1.0)) for _ in ids]
        label = generator.randrange(3) if labels else None
        if labels:  # T5 reads a sequence at its end token
            rows.append(Sequence(str(i), (*ids[:-1], 2), (0.0,) * len(ids), label))
        else:
            rows.append(Sequence(str(i), ids, (0.0, *weights[1:])))
    return rows


def gradients(model: LoadedModel, batches: list[list[Sequence]], layout: Any) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and every gradient, summed over batches."""
    model.module.zero_grad()
    loss = LOSSES["label" if model.labels else "token"]
    total = 0.0
    for batch in batches:
        part = loss(model, collate(batch, layout=layout)).nats
        part.backward()
        total += float(part.detach())
    return total, {name: p.grad.clone() for name, p in model.module.named_parameters() if p.grad is not None}


def check(family: str, seed: int, *, classifies: bool) -> None:
    model = build(family, classifies=classifies)
    *_, layout = (ENCODERS if family in ENCODERS else DECODERS)[family]
    assert model.layout == layout, model.layout_reason
    assert bool(model.layout_reason) == (layout == "padded")
    rows = forest(seed, labels=classifies)
    loss, found = gradients(model, [rows], model.layout)
    # The one-at-a-time loop computes with the family's own attention.
    plain = build(family, classifies=classifies)
    plain.layout = "padded"
    plain.module.set_attn_implementation("eager")
    wanted_loss, wanted = gradients(plain, [[row] for row in rows], "padded")
    assert loss == pytest.approx(wanted_loss, rel=1e-9)
    assert found.keys() == wanted.keys()
    largest = max(float(grad.abs().max()) for grad in wanted.values())
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-9, atol=1e-9 * largest, msg=name)


@pytest.fixture(autouse=True)
def everything_in_fp64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families compute norms, rotary angles and softmax in fp32 whatever the weights are; here even those are fp64."""
    monkeypatch.setattr(torch, "float32", torch.float64)
    monkeypatch.setattr(torch, "float", torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("family", DECODERS)
def test_tokens(family: str, seed: int) -> None:
    check(family, seed, classifies=False)


@pytest.mark.parametrize("family", [*ENCODERS, "llama", "qwen3", "gpt2"])
def test_classes(family: str) -> None:
    check(family, 0, classifies=True)

"""The page that shows the loop without abstraction is the loop: equal losses, equal weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from attune.events import StepMetrics
from attune.model.load import load
from attune.model.source import resolve

STEPS = 14
PAGE = Path(__file__).parents[2] / "examples" / "flat_loop.py"


@pytest.fixture(scope="module")
def flat_loop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("flat_loop", PAGE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("microbatch_tokens", [1, 100_000])
def test_the_flat_loop_is_the_loop(
    flat_loop: ModuleType,
    tiny_decoder: Path,
    rows: Any,
    write_rows: Callable[..., Path],
    walk: Callable[..., Any],
    tmp_path: Path,
    microbatch_tokens: int,
) -> None:
    data = write_rows(rows.chat(30, turns=2))
    validation = write_rows(rows.chat(36, turns=1, system="Other.")[30:], "validation.jsonl")
    events: list[StepMetrics] = []
    outcome = walk(
        tiny_decoder,
        data,
        lambda event: events.append(event) if isinstance(event, StepMetrics) else None,
        data={"validation": str(validation), "split": {"test": 0.0}},
        method={"kind": "full"},
        training={
            "max_steps": STEPS,
            "learning_rate": 3e-3,
            "max_grad_norm": 0.5,
            "microbatch_tokens": microbatch_tokens,
            "evaluate_every": 1000,
            "seed": 5,
        },
    )
    found = list(
        flat_loop.train(
            tiny_decoder,
            data,
            steps=STEPS,
            peak_learning_rate=3e-3,
            max_grad_norm=0.5,
            seed=5,
            save=tmp_path / "flat",
        )
    )
    ours = [event.loss_nats_per_token for event in events]
    assert found == pytest.approx(ours, rel=1e-5)
    assert ours[-1] < 0.9 * ours[0], "something was learned"
    weights = dict(load(resolve(str(outcome.folder / "model"))).module.named_parameters())
    for name, tensor in load(resolve(str(tmp_path / "flat"))).module.named_parameters():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=2e-4, msg=name)


def test_the_page_stays_one_page() -> None:
    assert len(PAGE.read_text(encoding="utf-8").splitlines()) <= 160

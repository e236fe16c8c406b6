"""Golden losses: a change that should not move numbers moves none.

A change that should: `ATTUNE_WRITE_GOLDEN=1 pytest tests/golden` writes new ones, and the commit says why.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attune.events import StepMetrics, Validated

METHODS: dict[str, dict[str, Any]] = {
    "full": {"kind": "full"},
    "lora": {"kind": "lora", "rank": 4},
}
FIELDS = ("loss_nats_per_token", "grad_norm", "learning_rate", "target_tokens", "input_tokens")


@pytest.mark.parametrize("name", METHODS)
def test_losses_are_the_golden_ones(
    tiny_decoder: Path, rows: Any, write_rows: Callable[..., Path], walk: Callable[..., Any], name: str
) -> None:
    steps: list[list[float]] = []
    validations: list[list[float]] = []

    def listen(event: Any) -> None:
        if isinstance(event, StepMetrics):
            steps.append([getattr(event, field) for field in FIELDS])
        elif isinstance(event, Validated):
            validations.append([event.step, event.loss_nats_per_token, event.accuracy])

    walk(
        tiny_decoder,
        write_rows(rows.chat(40, turns=2)),
        listen,
        method=METHODS[name],
        # What training computes is compared, not which rows the audit keeps together.
        data={"split": {"test": 0.0}, "audit": {"near_duplicate": 1.0, "short_duplicate": 1.0}},
        training={"max_steps": 16, "learning_rate": 5e-3, "evaluate_every": 4},
    )
    golden = Path(__file__).with_name(f"{name}.json")
    if os.environ.get("ATTUNE_WRITE_GOLDEN"):
        tree = {"fields": FIELDS, "steps": steps, "validations": validations}
        golden.write_text(json.dumps(tree).replace("], [", "],\n  [") + "\n", encoding="utf-8")
    wanted = json.loads(golden.read_text(encoding="utf-8"))
    assert wanted["fields"] == list(FIELDS)
    assert len(steps) == 16
    for found, known in ((steps, wanted["steps"]), (validations, wanted["validations"])):
        assert [pytest.approx(row, rel=1e-5) for row in known] == found

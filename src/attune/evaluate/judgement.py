"""From a run's predictions and curves to results.json: what was measured, and the verdict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from attune.evaluate.compare import compare_all
from attune.evaluate.fitting import judge as judge_fitting
from attune.evaluate.metrics import named
from attune.evaluate.types import Comparison, Prediction
from attune.recipe import Recipe
from attune.runs.run import Run


def judge(run: Run, recipe: Recipe) -> dict[str, Any]:
    """Everything that results.json holds. Writes evaluation/comparison.json when there were test rows."""
    comparisons: list[Comparison] = []
    samples: list[str] = []
    test: dict[str, Any] = {"examples": 0, "base": {}, "tuned": {}, "difference": {}, "baseline": "not measured"}
    if (run.folder / "evaluation" / "predictions-tuned.jsonl").exists():
        base, tuned = (read_predictions(run, which) for which in ("base", "tuned"))
        metrics = [named(name) for name in recipe.evaluation.metrics or ()]
        comparisons = compare_all(metrics, base, tuned, seed=recipe.training.seed)
        rows = [
            {**dataclasses.asdict(c), "n": len(base), "higher_is_better": m.higher_is_better}
            for c, m in zip(comparisons, metrics, strict=True)
        ]
        run.write_json("evaluation/comparison.json", rows)
        test = _test(comparisons, len(base), run.read_json("evaluation/baseline.json")["what"])
        samples = [p.example_id for p in _spread(base, recipe.evaluation.samples)]
    return {
        "run": run.id,
        "task": run.record.task,
        "model": run.record.model,
        "verdict": comparisons[0].verdict if comparisons else "too little data",
        "primary_metric": comparisons[0].metric if comparisons else None,
        "test": test,
        "training": _training(run),
        "fitting": _fitting(run),
        "samples": samples,
    }


def read_predictions(run: Run, which: str) -> list[Prediction]:
    """The predictions that a run holds: "base" or "tuned"."""
    return [Prediction(**row) for row in run.read_jsonl(f"evaluation/predictions-{which}.jsonl")]


def _test(comparisons: Iterable[Comparison], n: int, baseline: str) -> dict[str, Any]:
    comparisons = list(comparisons)
    return {
        "examples": n,
        "baseline": baseline,
        "base": {c.metric: c.base for c in comparisons},
        "tuned": {c.metric: c.tuned for c in comparisons},
        "difference": {
            c.metric: {
                "value": c.difference,
                "low": c.low,
                "high": c.high,
                "p_value": c.p_value,
                "verdict": c.verdict,
            }
            for c in comparisons
        },
    }


def _spread(predictions: list[Prediction], count: int) -> list[Prediction]:
    """`count` predictions, evenly spread over the test rows in their order: no choice by how good they look."""
    if len(predictions) <= count:
        return predictions
    return [predictions[i * len(predictions) // count] for i in range(count)]


def _training(run: Run) -> dict[str, Any]:
    record = run.read_json("training.json")
    steps = {e["step"]: e["seconds"] for e in run.events() if e["event"] == "StepMetrics"}
    step_seconds = sum(steps.values())
    return {
        "steps": record["step"],
        "epochs": record["epochs"],
        "best_step": record["best_step"] or record["step"],
        "skipped_steps": record["skipped"],
        "target_tokens": record["target_tokens"],
        "input_tokens": record["input_tokens"],
        "computed_tokens": record["computed_tokens"],
        "seconds": record["seconds"],
        "tokens_per_second": record["input_tokens"] / step_seconds if step_seconds else 0.0,
        "peak_memory_bytes": record["peak_memory_bytes"],
    }


def _fitting(run: Run) -> dict[str, Any]:
    """Over- and underfitting from the events; after a resume the last record of a step counts."""
    train: dict[int, float] = {}
    validation: dict[int, tuple[float, float]] = {}
    for event in run.events():
        if event["event"] == "StepMetrics":
            train[event["step"]] = _number(event, "loss_nats_per_token")
        elif event["event"] == "Validated":
            validation[event["step"]] = (_number(event, "loss_nats_per_token"), _number(event, "accuracy"))
    record = run.read_json("training.json")
    before = validation.pop(0, None)
    fitting = judge_fitting(
        sorted(train.items()),
        [(step, *values) for step, values in sorted(validation.items())],
        best_step=record["best_step"] or record["step"],
        base_loss=before[0] if before else None,
    )
    return {
        "verdict": fitting.verdict,
        "reason": fitting.reason,
        "generalization_loss_percent": fitting.generalization_loss_percent,
    }


def _number(event: Mapping[str, Any], name: str) -> float:
    """JSON has no NaN: events hold null where a number was not finite."""
    value = event[name]
    return math.nan if value is None else float(value)

"""From a run's predictions and curves to results.json: what was measured, and the verdict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from attune.evaluate.compare import compare_all
from attune.evaluate.fitting import judge as judge_fitting
from attune.evaluate.metrics import Metric, named
from attune.evaluate.types import Comparison, Prediction
from attune.recipe import Recipe
from attune.runs.run import Run


def judge(run: Run, recipe: Recipe) -> dict[str, Any]:
    """Everything that results.json holds. Writes evaluation/comparison.json when there were test rows.

    Where test rows leak and the recipe accepts it, all rows and the clean ones are compared; the verdict is that of the
    clean ones, and "too little data" where they are too few for any.
    """
    comparisons: list[Comparison] = []
    samples: list[str] = []
    test: dict[str, Any] = {"examples": 0, "base": {}, "tuned": {}, "difference": {}, "baseline": "not measured"}
    if (run.folder / "evaluation" / "predictions-tuned.jsonl").exists():
        base, tuned = (read_predictions(run, which) for which in ("base", "tuned"))
        metrics = [named(name) for name in recipe.evaluation.metrics or ()]
        comparisons = compare_all(metrics, base, tuned, seed=recipe.training.seed)
        _write_comparison(run, "comparison", comparisons, metrics, len(base))
        baseline = run.read_json("evaluation/baseline.json")["what"]
        test = {"examples": len(base), "baseline": baseline, **_compared(comparisons)}
        if (run.folder / "data" / "leaks.json").exists():
            leaks = run.read_json("data/leaks.json")
            test["leaks"] = leaks["by_kind"]
            if leaking := set(leaks["test_rows"]):
                clean = [[p for p in part if p.example_id not in leaking] for part in (base, tuned)]
                comparisons = compare_all(metrics, *clean, seed=recipe.training.seed) if clean[0] else []
                _write_comparison(run, "comparison-clean", comparisons, metrics, len(clean[0]))
                test["clean"] = {
                    "examples": len(clean[0]),
                    **_compared(comparisons),
                    "verdict": comparisons[0].verdict if comparisons else "too little data",
                }
        samples = [p.example_id for p in _spread(base, recipe.evaluation.samples)]
    return {
        "run": run.id,
        "task": run.record.task,
        "model": run.record.model,
        "verdict": comparisons[0].verdict if comparisons else "too little data",
        "primary_metric": next(iter(test["difference"]), None),
        "test": test,
        "training": _training(run),
        "fitting": _fitting(run),
        "samples": samples,
    }


def read_predictions(run: Run, which: str) -> list[Prediction]:
    """The predictions that a run holds: "base" or "tuned"."""
    return [Prediction(**row) for row in run.read_jsonl(f"evaluation/predictions-{which}.jsonl")]


def _write_comparison(
    run: Run, name: str, comparisons: Sequence[Comparison], metrics: Sequence[Metric], n: int
) -> None:
    rows = [
        {**dataclasses.asdict(c), "n": n, "higher_is_better": m.higher_is_better}
        for c, m in zip(comparisons, metrics, strict=False)
    ]
    run.write_json(f"evaluation/{name}.json", rows)


def _compared(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    return {
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

"""Put a finished pretraining run's model into the package: weights, tokenizer, template, card and loss curve.

python pretraining/ship.py RUNS_DIR
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from attune.report import charts
from attune.runs.run import Run
from attune.runs.store import Store

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "src" / "attune" / "assets" / "base"
MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)


def newest(runs: Path) -> Run:
    """The newest finished pretraining run."""
    store = Store(runs)
    done = [record for record in store.runs() if record.state == "done" and record.task == "domain"]
    assert done, f"no finished pretraining run in {runs}"
    return Run.open(store.find(done[0].id))


def curves(run: Run) -> tuple[list[tuple[int, float]], list[tuple[int, float, float]]]:
    """Training and validation points of the run."""
    train = {e["step"]: e["loss_nats_per_token"] for e in run.events() if e["event"] == "StepMetrics"}
    validation = {
        e["step"]: (e["loss_nats_per_token"], e["accuracy"]) for e in run.events() if e["event"] == "Validated"
    }
    return sorted(train.items()), [(step, *values) for step, values in sorted(validation.items())]


def main() -> None:
    """Copy what is shipped and write down how it came about."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path)
    run = newest(parser.parse_args().runs)
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    for name in MODEL_FILES:
        shutil.copy(run.folder / "model" / name, TARGET / name)
    train, validation = curves(run)
    best = run.read_json("results.json")["training"]["best_step"]
    losses = [(step, loss) for step, loss, _ in validation]
    curve = charts.learning_curve(train, losses, quantity="loss, nats per token", best_step=best)
    (HERE / "loss.svg").write_text(curve, encoding="utf-8")
    results = run.read_json("results.json")
    record = {
        "training": results["training"],
        "test": {**results["test"], "baseline": "the same model with random weights"},
        "validation": [{"step": s, "loss_nats_per_token": loss, "accuracy": a} for s, loss, a in validation],
        "environment": run.record.environment,
    }
    (HERE / "result.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"shipped {run.id} to {TARGET}")


if __name__ == "__main__":
    main()

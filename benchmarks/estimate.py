"""What `attune check` says of a training's memory and time, beside what `attune run` then takes; fresh processes.

    python benchmarks/estimate.py [--work NAME ...] [--method full lora] [--rows 160]

Time is that of the training with its validations; nothing is compared on test rows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from train_speed import wait_for_quiet
from workloads import BATCH_SIZE, WORKLOADS, model_folder, workload, write_rows


def said(command: str, recipe: Path, folder: Path) -> dict[str, Any]:
    """The last line of JSON that a command prints."""
    line = [sys.executable, "-m", "attune", command, str(recipe), "--json", "--runs", str(folder / "runs")]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env={**os.environ, "ATTUNE_CACHE": ""})
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compared(folder: Path, name: str, method: str, rows: int) -> list[str]:
    """Cells of one row: memory in MiB and time in seconds, expected and taken."""
    work = workload(name, rows)
    write_rows(folder / "rows.jsonl", work)
    recipe = folder / "recipe.yaml"
    keys = {
        "model": str(folder / str(work.encoder)),
        "data": {"train": str(folder / "rows.jsonl"), "split": {"test": 0.0}},
        "method": {"kind": method},
        "training": {"epochs": 2, "batch_size": BATCH_SIZE, "patience": 0},
    }
    recipe.write_text(json.dumps(keys))
    expected = said("check", recipe, folder)["rehearsal"]
    taken = said("run", recipe, folder)["training"]
    memory, peak = expected["peak_bytes"] / 2**20, taken["peak_memory_bytes"] / 2**20
    seconds = taken["seconds"]
    return [
        f"{memory:,.0f}, {peak:,.0f}",
        f"{memory / peak - 1:+.0%}",
        f"{expected['seconds']:.0f}, {seconds:.0f}",
        f"{expected['seconds'] / seconds - 1:+.0%}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--method", nargs="+", choices=["full", "lora"], default=["full", "lora"])
    parser.add_argument("--rows", type=int, default=160)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for encoder in (False, True):
            model_folder(folder / str(encoder), encoder=encoder)
        wait_for_quiet()
        heads = ["work", "method", "MiB: expected, taken", "", "seconds: expected, taken", ""]
        print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
        for work in options.work:
            for method in options.method:
                print(
                    "| " + " | ".join([work, method, *compared(folder, work, method, options.rows)]) + " |", flush=True
                )


if __name__ == "__main__":
    main()

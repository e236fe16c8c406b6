"""How long a person waits from `attune run` to the first optimizer step, and for what.

    python benchmarks/first_step.py [--method full lora] [--rounds 2] [--rows 320]

Each run is a fresh process on a file of prompts and completions; moments are taken as its lines of JSON come. Columns:

    reading     Python, the command line, and the file of rows
    imports     torch and transformers
    tokenising  the tokenizer, the rows, and the automatic values
    run folder  what was decided, on disk
    model       weights, adapters, masters, and the first validation
    step        the first optimizer step
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from train_speed import wait_for_quiet
from workloads import model_folder, workload, write_rows

# Each part ends with the first event of this type and, where it has one, this stage.
ENDS = {
    "reading": ("StageFinished", "read"),
    "imports": ("StageStarted", "tokenise"),
    "tokenising": ("StageFinished", "tokenise"),
    "run folder": ("StageStarted", "train"),
    "model": ("Validated", None),
    "step": ("StepMetrics", None),
}


def waited(folder: Path, method: str) -> dict[str, float]:
    """Seconds of each part, in a fresh process and a fresh folder of runs."""
    recipe = folder / f"{method}.yaml"
    keys = {"model": str(folder / "model"), "data": {"train": str(folder / "rows.jsonl")}, "method": {"kind": method}}
    recipe.write_text(json.dumps(keys))
    seconds: dict[str, float] = {}
    parts = list(ENDS)
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "attune", "run", str(recipe), "--set", "training.max_steps=1"]
        before = time.perf_counter()
        with subprocess.Popen([*command, "--json", "--runs", runs], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                event = json.loads(line)
                if (event["event"], event.get("stage")) == ENDS[parts[0]]:
                    now = time.perf_counter()
                    seconds[parts.pop(0)] = now - before
                    before = now
                if not parts:
                    process.kill()  # what comes after the first step is not waited for
                    break
    if parts:
        sys.exit(f"the run ended before its first step, in: {parts[0]}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", nargs="+", choices=["full", "lora"], default=["full", "lora"])
    parser.add_argument("--rounds", type=int, default=2, help="the first of them may find the disk's cache empty")
    parser.add_argument("--rows", type=int, default=320)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model_folder(folder / "model", encoder=False)
        write_rows(folder / "rows.jsonl", workload("instructions", options.rows))
        wait_for_quiet()
        heads = ["method", *ENDS, "total, s"]
        print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
        for method in options.method:
            for _ in range(options.rounds):
                seconds = waited(folder, method)
                cells = [f"{value:.1f}" for value in (*seconds.values(), sum(seconds.values()))]
                print("| " + " | ".join([method, *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()

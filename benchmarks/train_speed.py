"""Training speed and memory beside the peers: same model, rows, global batch, epochs and precision; ratios per round.

    python benchmarks/train_speed.py [--work NAME ...] [--method full lora] [--rounds 3] [--rows 160]

Sides, each in a fresh process, in turn:

    attune      the product's own loop
    trainer     transformers' Trainer as its documentation shows it, lengths grouped
    expert      the same with a collator of one's own: logits only from the first target on
    trl         TRL's SFTTrainer as released, lengths grouped
    trl-skip    the same with a loss of one's own: the vocabulary is projected at targets alone
    trl-packed  on a GPU: rows packed, with flash attention and Liger's kernels where they are installed

Every side gets bf16 arithmetic, frozen weights in bf16 for LoRA, the fused optimizer, no checkpointing, and the
micro-batch that was fastest for it in a first try. Seconds are those of the training alone. Attune always makes its
allocator settings; `--allocator kept` (the default) makes them for the peers too, `found` leaves the peers as a user
finds them. `--same-order` trains every side on the same rows in the same steps: the held-out losses then agree.

*Limit* is the least that the work can cost on the machine: the arithmetic that is necessary (each distinct token of a
step once, the vocabulary only at targets) at 80 % of the measured peak of a matrix product, and one pass of AdamW.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from sides import ENCODER_SIDES, GPU_SIDES, SIDES, Result, Turn, loaded
from workloads import BATCH_SIZE, WORKLOADS, Workload, model_folder, workload

SHARE_OF_PEAK = 0.8
# What an environment could tell glibc, and Attune, about freed memory.
ALLOCATOR_VARIABLES = ("MALLOC_", "GLIBC_TUNABLES", "ATTUNE_KEEP_MEMORY")


def limit_seconds(work: Workload, folder: Path, method: str) -> float:
    """The least that one epoch can cost on this machine; see the top of the file."""
    import torch

    from attune.tokens.batch import step_indices, steps_per_epoch
    from attune.tokens.tree import grow
    from attune.train.device import device

    shapes = ((2048, 2048, 2048), (1536, 512, 2048), (1024, 1024, 4096))
    with device():
        peak = max(_matrix_flops(torch, *shape) for shape in shapes)
    model = loaded(work, folder, method)
    embedding = model.transformer.get_input_embeddings().weight
    trained = sum(p.numel() for p in model.module.parameters() if p.requires_grad)
    trunk = sum(p.numel() for p in model.transformer.base_model.parameters() if p.ndim == 2) - embedding.numel()
    # Forward, gradient of the inputs, and gradient of the weights where they are trained: 2 FLOPs each.
    passes = 6 if method == "full" else 4
    flops = 0.0
    for step in range(steps_per_epoch(len(work.train), BATCH_SIZE)):
        rows = [work.train[int(i)] for i in step_indices(len(work.train), BATCH_SIZE, 0, step)]
        tree = grow(rows, share=not work.encoder)
        flops += passes * trunk * len(tree.input_ids_T)
        flops += 0 if work.encoder else passes * embedding.numel() * len(tree.target_S)
    with device():
        return flops / (SHARE_OF_PEAK * peak) + (step + 1) * _adamw_seconds(torch, trained)


def _matrix_flops(torch: Any, rows: int, inner: int, columns: int) -> float:
    left, right = torch.randn(rows, inner).bfloat16(), torch.randn(inner, columns).bfloat16()
    best = min(_timed(torch, lambda: left @ right) for _ in range(20))
    return 2 * rows * inner * columns / best


def _adamw_seconds(torch: Any, parameters: int) -> float:
    weight = torch.zeros(parameters, requires_grad=True)
    weight.grad = torch.ones(parameters)
    optimizer = torch.optim.AdamW([weight], fused=True)
    return min(_timed(torch, optimizer.step) for _ in range(6))


def _timed(torch: Any, work: Any) -> float:
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def measured(turn: Turn) -> Result:
    """One turn in a fresh process, whose allocator nobody but the turn itself sets."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ALLOCATOR_VARIABLES)}
    command = [sys.executable, str(Path(__file__).with_name("sides.py")), json.dumps(asdict(turn))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def compare(options: argparse.Namespace, name: str, method: str, folder: Path) -> None:
    """Rounds of all sides on one work, as rows of a table."""
    work = workload(name, options.rows)
    # The ratios are to Attune, so it always takes part.
    asked = options.sides or [side for side in SIDES if side not in GPU_SIDES or has_gpu()]
    sides = [side for side in (ENCODER_SIDES if work.encoder else SIDES) if side in {"attune", *asked}]

    def taken(side: str, microbatch: int) -> Result:
        kept = options.allocator == "kept"
        return measured(Turn(side, name, method, str(folder), options.rows, microbatch, kept, options.same_order))

    fastest = {}
    for side in sides:
        sizes = options.microbatches if side != "attune" else [BATCH_SIZE]
        tries = {m: taken(side, m)["seconds"] for m in sizes if len(sizes) > 1}
        fastest[side] = min(tries, key=tries.__getitem__) if tries else sizes[0]
    rounds = [{side: taken(side, fastest[side]) for side in sides} for _ in range(options.rounds)]
    limit = limit_seconds(work, folder, method)
    for side in sides:
        seconds = statistics.median(r[side]["seconds"] for r in rounds)
        ratios = [r[side]["seconds"] / r["attune"]["seconds"] for r in rounds]
        one = rounds[-1][side]
        cells = [
            name if side == sides[0] else "",
            method if side == sides[0] else "",
            side,
            f"{seconds:.1f}",
            f"{seconds / limit:.2f}",
            ", ".join(f"{ratio:.2f}" for ratio in ratios),
            f"{one['first']:.1f}",
            f"{one['peak_bytes'] / 2**30:.2f}",
            f"{one['held_out']:.4f}",
            str(fastest[side]) if side != "attune" else "",
        ]
        print("| " + " | ".join(cells) + " |", flush=True)


def has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def wait_for_quiet() -> None:
    """Two threads suffer badly from any neighbour."""
    while os.getloadavg()[0] > 1.0:
        print(f"waiting for a quiet machine (load {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)
        time.sleep(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--method", nargs="+", choices=["full", "lora"], default=["full", "lora"])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument("--allocator", choices=["kept", "found"], default="kept")
    parser.add_argument("--microbatches", nargs="+", type=int, default=[16, 4], help="sizes that the peers try")
    parser.add_argument("--same-order", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folders = {encoder: model_folder(Path(folder) / str(encoder), encoder=encoder) for encoder in (False, True)}
        wait_for_quiet()
        heads = ["work", "method", "side", "seconds", "x limit", "side / attune, by round", "first step, s"]
        heads += ["peak GiB", "held-out loss", "micro-batch"]
        print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
        for name in options.work:
            for method in options.method:
                compare(options, name, method, folders[WORKLOADS[name][4] > 0])


if __name__ == "__main__":
    main()

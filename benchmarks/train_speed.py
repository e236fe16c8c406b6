"""Training speed and memory beside the peers: same model, rows, global batch, epochs and precision; ratios per round.

    python benchmarks/train_speed.py [--work NAME ...] [--method full lora] [--rounds 3] [--rows 160]

Sides, each in a fresh process, in turn:

    attune    the product's own loop
    trainer   transformers' Trainer as its documentation shows it, lengths grouped
    expert    the same with a collator of one's own: logits only where there are targets
    trl       TRL's SFTTrainer as released, lengths grouped

Every side gets bf16 arithmetic, frozen weights in bf16 for LoRA, the fused optimizer, no checkpointing, and the
micro-batch that was fastest for it in a first try. Seconds are those of the training alone. `--allocator kept` (the
default) gives all sides the allocator settings that Attune makes for itself; `found` leaves the peers as a user finds
them. `--same-order` trains every side on the same rows in the same steps: the held-out losses then agree.

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
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from workloads import BATCH_SIZE, WORKLOADS, Workload, model_folder, workload

LEARNING_RATE = 3e-4
SHARE_OF_PEAK = 0.8
KEPT = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
Result = dict[str, Any]


def loaded(work: Workload, folder: Path, method: str) -> Any:
    """The model as Attune loads it: for its own side, and for the evaluation that all sides share."""
    from attune.model.adapt import adapt
    from attune.model.load import load
    from attune.model.source import resolve
    from attune.recipe import Method

    head = {"head": "classifier", "labels": ("a", "b", "c", "d")} if work.encoder else {}
    model = load(resolve(str(folder)), **head)
    adapt(model, Method(kind=method, rank=16, alpha=32), 0)
    return model


def attune_side(work: Workload, folder: Path, options: argparse.Namespace) -> Result:
    import torch

    from attune.__main__ import keep_freed_memory
    from attune.recipe import Training
    from attune.train.device import Masters
    from attune.train.loop import Job, train
    from attune.train.loss import LOSSES

    keep_freed_memory()
    began = time.perf_counter()
    first: list[float] = []
    training = Training(
        epochs=1,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        schedule="constant",
        warmup=0.0,
        microbatch_tokens=options.microbatch_tokens,
        evaluate_every=10**9,
        checkpoint_every=10**9,
    )
    model = loaded(work, folder, options.method)
    masters = Masters(model.module, torch.bfloat16)

    def listen(event: Any) -> None:
        if type(event).__name__ == "StepMetrics" and not first:
            first.append(time.perf_counter() - began)

    with tempfile.TemporaryDirectory() as checkpoints:
        loss = LOSSES["label" if work.encoder else "token"]
        progress = train(Job(model, loss, training, work.train, (), Path(checkpoints), listen), masters)
    return {"seconds": progress.seconds, "first": first[0], "model": model}


def trainer_side(work: Workload, folder: Path, options: argparse.Namespace) -> Result:
    import datasets
    import torch
    import transformers

    began = time.perf_counter()
    first: list[float] = []

    class Watch(transformers.TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if not first:
                first.append(time.perf_counter() - began)

    model = loaded(work, folder, options.method)
    module = model.module
    if options.method == "lora":  # frozen weights in bf16; the adapters stay in fp32
        for parameter in module.parameters():
            if not parameter.requires_grad:
                parameter.data = parameter.data.bfloat16()
    model.transformer.set_attn_implementation("sdpa")
    rows = list(work.train)
    if options.same_order:
        from attune.tokens.batch import epoch_order

        rows = [rows[int(i)] for i in epoch_order(len(rows), 0, 0)]
    data = datasets.Dataset.from_list([row_of(sequence) for sequence in rows])
    with tempfile.TemporaryDirectory() as out:
        common: dict[str, Any] = {
            "output_dir": out,
            "num_train_epochs": 1,
            "per_device_train_batch_size": options.microbatch,
            "gradient_accumulation_steps": BATCH_SIZE // options.microbatch,
            "learning_rate": LEARNING_RATE,
            "lr_scheduler_type": "constant",
            "weight_decay": 0.01,
            "adam_beta2": 0.98,
            "optim": "adamw_torch_fused",
            "bf16": True,
            "use_cpu": not torch.cuda.is_available(),
            "train_sampling_strategy": "sequential" if options.same_order else "group_by_length",
            "save_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
            "logging_strategy": "no",
            "gradient_checkpointing": False,
        }
        common = {**common, "remove_unused_columns": False}
        trainer: Any
        if options.side == "trl":
            import trl

            data = data.remove_columns(["labels", "attention_mask"])
            config = trl.SFTConfig(**{**common, "remove_unused_columns": True}, max_length=None)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            trainer = trl.SFTTrainer(
                model=module, args=config, train_dataset=data, processing_class=tokenizer, callbacks=[Watch()]
            )
        else:
            data = data.remove_columns(["completion_mask"]) if not work.encoder else data
            trainer = transformers.Trainer(
                model=module,
                args=transformers.TrainingArguments(**common),
                train_dataset=data,
                data_collator=near_targets if options.side == "expert" else padded,
                callbacks=[Watch()],
            )
            if options.side == "expert":
                trainer.compute_loss_func = shifted_loss
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "first": first[0], "model": model}


def row_of(sequence: Any) -> dict[str, Any]:
    """A row as the peers read it."""
    ids = list(sequence.input_ids)
    if sequence.label is not None:
        return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": sequence.label}
    return {
        "input_ids": ids,
        "attention_mask": [1] * len(ids),
        "labels": [i if weight else -100 for i, weight in zip(ids, sequence.weights, strict=True)],
        "completion_mask": [int(weight > 0) for weight in sequence.weights],
    }


def padded(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The usual collator: right padding to the longest row."""
    import torch

    longest = max(len(row["input_ids"]) for row in rows)
    batch = {
        key: torch.tensor([row[key] + [fill] * (longest - len(row[key])) for row in rows])
        for key, fill in (("input_ids", 0), ("attention_mask", 0), ("labels", -100))
        if isinstance(rows[0][key], list)
    }
    return batch if "labels" in batch else {**batch, "labels": torch.tensor([row["labels"] for row in rows])}


def near_targets(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """An expert's collator: the model computes logits only from the first position that predicts a target."""
    batch = padded(rows)
    first = int((batch["labels"] != -100).any(0).nonzero()[0])
    batch["logits_to_keep"] = batch["input_ids"].shape[1] - first + 1
    batch["labels"] = batch["labels"][:, first:]
    return batch


def shifted_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross entropy of logits that stand one position before their labels."""
    import torch.nn.functional as F

    logits = outputs.logits[:, :-1].flatten(0, 1).float()
    total = F.cross_entropy(logits, labels.flatten(), ignore_index=-100, reduction="sum")
    return total / (num_items_in_batch if num_items_in_batch is not None else (labels != -100).sum())


SIDES = {"attune": attune_side, "trainer": trainer_side, "expert": trainer_side, "trl": trainer_side}


def run_side(options: argparse.Namespace) -> None:
    """One side, in this process; its result as one line of JSON."""
    import resource

    import torch

    torch.manual_seed(0)
    work = workload(options.work[0], options.rows)
    result = SIDES[options.side](work, Path(options.folder), options)
    # Before the evaluation, which is none of the side's own work.
    result["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    result["held_out"] = held_out_loss(result.pop("model"), work)
    print(json.dumps(result))


def held_out_loss(model: Any, work: Workload) -> float:
    """One evaluator for all: plain transformers in fp32, one row at a time."""
    import torch
    import torch.nn.functional as F

    module = model.module.float().eval()
    model.transformer.set_attn_implementation("eager")
    nats, weight = 0.0, 0
    with torch.no_grad():
        for row in work.held_out:
            ids = torch.tensor([row.input_ids])
            logits = module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float()
            if row.label is not None:
                nats += float(F.cross_entropy(logits, torch.tensor([row.label])))
                weight += 1
                continue
            targets = torch.tensor(row.weights[1:]) > 0
            nats += float(F.cross_entropy(logits[0, :-1][targets], ids[0, 1:][targets], reduction="sum"))
            weight += int(targets.sum())
    return nats / weight


def limit_seconds(work: Workload, folder: Path, method: str) -> float:
    """The least that one epoch can cost on this machine; see the top of the file."""
    import torch

    from attune.tokens.batch import step_indices, steps_per_epoch
    from attune.tokens.tree import grow

    peak = max(_matrix_flops(torch, *shape) for shape in ((2048, 2048, 2048), (1536, 512, 2048), (1024, 1024, 4096)))
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
    return flops / (SHARE_OF_PEAK * peak) + (step + 1) * _adamw_seconds(torch, trained)


def _matrix_flops(torch: Any, rows: int, inner: int, columns: int) -> float:
    left, right = torch.randn(rows, inner).bfloat16(), torch.randn(inner, columns).bfloat16()
    best = min(_timed(lambda: left @ right) for _ in range(20))
    return 2 * rows * inner * columns / best


def _adamw_seconds(torch: Any, parameters: int) -> float:
    weight = torch.zeros(parameters, requires_grad=True)
    weight.grad = torch.ones(parameters)
    optimizer = torch.optim.AdamW([weight], fused=True)
    return min(_timed(optimizer.step) for _ in range(6))


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measured(options: argparse.Namespace, side: str, name: str, method: str, folder: Path, microbatch: int) -> Result:
    """One side in a fresh process."""
    command = [sys.executable, __file__, "--side", side, "--work", name, "--method", method, "--folder", str(folder)]
    command += ["--rows", str(options.rows), "--microbatch", str(microbatch)]
    command += ["--same-order"] if options.same_order else []
    environment = {**os.environ, **(KEPT if options.allocator == "kept" else {})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def compare(options: argparse.Namespace, name: str, method: str, folder: Path) -> None:
    """Rounds of all sides on one work, as rows of a table."""
    work = workload(name, options.rows)
    sides = [side for side in options.sides if not (work.encoder and side in {"expert", "trl"})]
    fastest = {}
    for side in sides:
        sizes = options.microbatches if side != "attune" else [BATCH_SIZE]
        tries = {m: measured(options, side, name, method, folder, m)["seconds"] for m in sizes if len(sizes) > 1}
        fastest[side] = min(tries, key=tries.__getitem__) if tries else sizes[0]
    rounds = [
        {side: measured(options, side, name, method, folder, fastest[side]) for side in sides}
        for _ in range(options.rounds)
    ]
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


def wait_for_quiet() -> None:
    """Two threads suffer badly from any neighbour."""
    while os.getloadavg()[0] > 1.0:
        print(f"waiting for a quiet machine (load {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)
        time.sleep(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--method", nargs="+", choices=["full", "lora"], default=["full", "lora"])
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=160)
    parser.add_argument("--allocator", choices=["kept", "found"], default="kept")
    parser.add_argument("--microbatches", nargs="+", type=int, default=[16, 4], help="sizes that the peers try")
    parser.add_argument("--same-order", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--microbatch", type=int, default=BATCH_SIZE, help=argparse.SUPPRESS)
    parser.add_argument("--microbatch-tokens", type=int, default=2048, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        options.method = options.method[0]
        run_side(options)
        return
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

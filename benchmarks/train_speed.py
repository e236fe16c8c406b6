"""Training speed beside transformers' Trainer: same model, rows, global batch, steps and precision; ratios per pair.

    python benchmarks/train_speed.py [--rounds 3] [--epochs 1]

Each side runs in a fresh process, in turn. Seconds are those of the training alone (no imports, no tokenisation). The
held-out loss of both is computed by one evaluator, to show that the work is the same. Read the ratios, not the seconds:
a machine that does other work at the same time slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "examples" / "support-desk"
BATCH_SIZE = 16
LEARNING_RATE = 5e-4


def encoded(part: str):
    """The support desk's sequences and the model, as both sides get them."""
    from attune.data import source
    from attune.model.load import load_renderer
    from attune.model.source import resolve
    from attune.tasks.chat import Chat

    path = DATA / f"{part}.jsonl"
    rows = source.read_all(path, source.recognise(path))
    model = resolve(None)
    return model, [s for group in Chat().encode(rows, load_renderer(model)).sequences for s in group]


def attune_side(epochs: int) -> dict[str, float]:
    from attune.events import silent
    from attune.model.load import load
    from attune.recipe import Training
    from attune.train.device import DTYPES, Masters, best_precision
    from attune.train.loop import Job, train, validate
    from attune.train.loss import token_cross_entropy

    place, rows = encoded("train")
    _, held_out = encoded("test")
    precision, _ = best_precision()
    training = Training(
        epochs=epochs,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        precision=precision,
        microbatch_tokens=2048,
        evaluate_every=10**9,
        checkpoint_every=10**9,
        max_grad_norm=1.0,
    )
    model = load(place, attention="eager")
    masters = Masters(model.module, DTYPES[precision])
    with tempfile.TemporaryDirectory() as folder:
        job = Job(model, token_cross_entropy, training, rows, (), Path(folder), silent)
        progress = train(job, masters)
    loss, _ = validate(model, token_cross_entropy, held_out, training, model.module)
    return {"seconds": progress.seconds, "target_tokens": progress.target_tokens, "held_out_loss": loss}


def trainer_side(epochs: int) -> dict[str, float]:
    import torch
    import transformers

    from attune.model.load import load
    from attune.recipe import Training
    from attune.train.device import best_precision
    from attune.train.loop import validate
    from attune.train.loss import token_cross_entropy

    place, rows = encoded("train")
    _, held_out = encoded("test")
    precision, _ = best_precision()
    model = load(place)

    def collate(batch: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in batch)
        return {
            key: torch.tensor([row[key] + [fill] * (longest - len(row[key])) for row in batch])
            for key, fill in (("input_ids", 0), ("labels", -100), ("attention_mask", 0))
        }

    data = [
        {
            "input_ids": list(s.input_ids),
            "labels": [i if w else -100 for i, w in zip(s.input_ids, s.weights, strict=True)],
            "attention_mask": [1] * len(s.input_ids),
        }
        for s in rows
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            output_dir=folder,
            num_train_epochs=epochs,
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="cosine",
            warmup_steps=0.05,
            weight_decay=0.01,
            adam_beta2=0.98,
            bf16=precision == "bf16",
            use_cpu=not torch.cuda.is_available(),
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_strategy="no",
        )
        trainer = transformers.Trainer(model=model.module, args=arguments, train_dataset=data, data_collator=collate)
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
    training = Training(batch_size=BATCH_SIZE, microbatch_tokens=2048)
    loss, _ = validate(model, token_cross_entropy, held_out, training, model.module)
    targets = epochs * sum(s.target_tokens for s in rows)
    return {"seconds": seconds, "target_tokens": targets, "held_out_loss": loss}


SIDES = {"attune": attune_side, "trainer": trainer_side}


def measured(side: str, epochs: int) -> dict[str, float]:
    """One side in a fresh process."""
    command = [sys.executable, __file__, "--side", side, "--epochs", str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--side", choices=SIDES)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(SIDES[arguments.side](arguments.epochs)))
        return
    pairs = []
    for _ in range(arguments.rounds):
        pairs.append({side: measured(side, arguments.epochs) for side in SIDES})
    print("| side | seconds (median) | target tokens/s | held-out loss |\n|---|---|---|---|")
    for side in SIDES:
        seconds = statistics.median(pair[side]["seconds"] for pair in pairs)
        tokens, loss = (pairs[0][side][key] for key in ("target_tokens", "held_out_loss"))
        print(f"| {side} | {seconds:.1f} | {tokens / seconds:,.0f} | {loss:.4f} |")
    ratios = [pair["trainer"]["seconds"] / pair["attune"]["seconds"] for pair in pairs]
    print(f"\nTrainer / Attune, pair by pair: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")


if __name__ == "__main__":
    main()

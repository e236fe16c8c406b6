"""The sides of `train_speed.py`, which says what each one is. One turn of one side, in this process:

    python benchmarks/sides.py TURN

TURN is a `Turn` as JSON. The last line that is printed is what was measured, as JSON too.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from workloads import BATCH_SIZE, Workload, workload

LEARNING_RATE = 3e-4
IGNORED = -100
Result = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One side's turn at one work. `kept` gives a peer the allocator settings that Attune makes for itself."""

    side: str
    work: str
    method: str
    folder: str
    rows: int
    microbatch: int
    kept: bool
    same_order: bool


def loaded(work: Workload, folder: Path, method: str) -> Any:
    """The model as Attune loads it: for its own side, and for the evaluation that all sides share."""
    from attune.model.adapt import adapt
    from attune.model.load import load
    from attune.model.source import resolve
    from attune.recipe import Method
    from attune.train.device import device

    head = {"head": "classifier", "labels": ("a", "b", "c", "d")} if work.encoder else {}
    model = load(resolve(str(folder)), **head)
    adapt(model, Method(kind=method, rank=16, alpha=32), 0)
    return model.to(device())


def attune_side(turn: Turn, work: Workload) -> Result:
    import torch

    from attune.automatic import CPU_MICROBATCH_TOKENS, GPU_MICROBATCH_TOKENS
    from attune.recipe import Training
    from attune.train.device import Masters, device
    from attune.train.loop import Job, train
    from attune.train.loss import LOSSES

    began = time.perf_counter()
    first: list[float] = []
    training = Training(
        epochs=1,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        schedule="constant",
        warmup=0.0,
        microbatch_tokens=GPU_MICROBATCH_TOKENS if device().type == "cuda" else CPU_MICROBATCH_TOKENS,
        evaluate_every=10**9,
        checkpoint_every=10**9,
    )
    model = loaded(work, Path(turn.folder), turn.method)
    masters = Masters(model.module, torch.bfloat16)

    def listen(event: Any) -> None:
        if type(event).__name__ == "StepMetrics" and not first:
            first.append(time.perf_counter() - began)

    with tempfile.TemporaryDirectory() as checkpoints:
        loss = LOSSES["label" if work.encoder else "token"]
        progress = train(Job(model, loss, training, work.train, (), Path(checkpoints), listen), masters)
    return {"seconds": progress.seconds, "first": first[0], "model": model}


def peer_side(turn: Turn, work: Workload) -> Result:
    import datasets
    import transformers

    began = time.perf_counter()
    first: list[float] = []

    class Watch(transformers.TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if not first:
                first.append(time.perf_counter() - began)

    model = loaded(work, Path(turn.folder), turn.method)
    if turn.method == "lora":  # frozen weights in bf16; the adapters stay in fp32
        for parameter in model.module.parameters():
            if not parameter.requires_grad:
                parameter.data = parameter.data.bfloat16()
    model.transformer.set_attn_implementation("sdpa")
    rows = list(work.train)
    if turn.same_order:
        from attune.tokens.batch import epoch_order

        rows = [rows[int(i)] for i in epoch_order(len(rows), 0, 0)]
    data = datasets.Dataset.from_list([row_of(sequence) for sequence in rows])
    with tempfile.TemporaryDirectory() as out:
        trainer = PEERS[turn.side](model, data, peer_settings(turn, out))
        trainer.add_callback(Watch())
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "first": first[0], "model": model}


def peer_settings(turn: Turn, out: str) -> dict[str, Any]:
    """What all peers are told: their own names for what Attune's side does."""
    import torch

    return {
        "output_dir": out,
        "num_train_epochs": 1,
        "per_device_train_batch_size": turn.microbatch,
        "gradient_accumulation_steps": BATCH_SIZE // turn.microbatch,
        "learning_rate": LEARNING_RATE,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.01,
        "adam_beta2": 0.98,
        "optim": "adamw_torch_fused",
        "bf16": True,
        "use_cpu": not torch.cuda.is_available(),
        "train_sampling_strategy": "sequential" if turn.same_order else "group_by_length",
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "logging_strategy": "no",
        "gradient_checkpointing": False,
        "remove_unused_columns": False,
    }


def plain_trainer(model: Any, data: Any, settings: dict[str, Any]) -> Any:
    import transformers

    arguments = transformers.TrainingArguments(**settings)
    return transformers.Trainer(model=model.module, args=arguments, train_dataset=data, data_collator=padded)


def expert_trainer(model: Any, data: Any, settings: dict[str, Any]) -> Any:
    trainer = plain_trainer(model, data, settings)
    trainer.data_collator = near_targets
    trainer.compute_loss_func = shifted_loss
    return trainer


def trl_trainer(model: Any, data: Any, settings: dict[str, Any], kind: Any = None) -> Any:
    """TRL's trainer, or a kind of it."""
    import transformers
    import trl

    return (kind or trl.SFTTrainer)(
        model=model.module,
        args=trl.SFTConfig(**{"max_length": None, **settings}),
        train_dataset=data,
        processing_class=transformers.AutoTokenizer.from_pretrained(model.source.folder),
    )


def skipping_trl_trainer(model: Any, data: Any, settings: dict[str, Any]) -> Any:
    """TRL's own fused head skips prompts on a GPU with Triton alone; elsewhere it scores every position."""
    import torch.nn.functional as F
    import trl

    trunk, head = model.transformer.base_model, model.transformer.get_output_embeddings()

    class Skipping(trl.SFTTrainer):
        def compute_loss(self, _model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None):
            targets_NL = inputs["labels"][:, 1:]
            scored_NL = targets_NL != IGNORED
            # The trunk is called past the model, whose own call is what accelerate put autocast around.
            with self.accelerator.autocast():
                hidden_NLD = trunk(inputs["input_ids"], inputs["attention_mask"], use_cache=False).last_hidden_state
                logits_SV = head(hidden_NLD[:, :-1][scored_NL])
            nats = F.cross_entropy(logits_SV.float(), targets_NL[scored_NL], reduction="sum")
            return nats / num_items_in_batch

    return trl_trainer(model, data, settings, Skipping)


def packed_trl_trainer(model: Any, data: Any, settings: dict[str, Any]) -> Any:
    """TRL as its guide to GPUs has it: rows packed until they fill a micro-batch, fused kernels where they install."""
    from importlib.util import find_spec

    lengths = [len(row) for row in data["input_ids"]]
    microbatch = settings["per_device_train_batch_size"]
    if find_spec("flash_attn"):
        model.transformer.set_attn_implementation("flash_attention_2")
    packed = {
        **settings,
        "per_device_train_batch_size": 1,
        "packing": True,
        "max_length": max(*lengths, microbatch * sum(lengths) // len(lengths)),
        "use_liger_kernel": find_spec("liger_kernel") is not None,
    }
    return trl_trainer(model, data, packed)


PEERS = {
    "trainer": plain_trainer,
    "expert": expert_trainer,
    "trl": trl_trainer,
    "trl-skip": skipping_trl_trainer,
    "trl-packed": packed_trl_trainer,
}
SIDES = ("attune", *PEERS)
GPU_SIDES = ("trl-packed",)  # without a GPU only when asked for: its attention over packed rows needs kernels
# An encoder with a head has no vocabulary to project to, and TRL does not train it.
ENCODER_SIDES = ("attune", "trainer")


def row_of(sequence: Any) -> dict[str, Any]:
    """A row as the peers read it. TRL, too, takes labels as they are; a mask beside them it would pass over."""
    ids = list(sequence.input_ids)
    if sequence.label is not None:
        return {"input_ids": ids, "labels": sequence.label}
    labels = [i if weight else IGNORED for i, weight in zip(ids, sequence.weights, strict=True)]
    return {"input_ids": ids, "labels": labels}


def padded(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The usual collator: right padding to the longest row."""
    import torch

    longest = max(len(row["input_ids"]) for row in rows)

    def filled(lists: list[list[int]], fill: int) -> Any:
        return torch.tensor([values + [fill] * (longest - len(values)) for values in lists])

    labels = [row["labels"] for row in rows]
    return {
        "input_ids": filled([row["input_ids"] for row in rows], 0),
        "attention_mask": filled([[1] * len(row["input_ids"]) for row in rows], 0),
        "labels": filled(labels, IGNORED) if isinstance(labels[0], list) else torch.tensor(labels),
    }


def near_targets(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """An expert's collator: the model computes logits only from the first position that predicts a target."""
    batch = padded(rows)
    first = int((batch["labels"] != IGNORED).any(0).nonzero()[0])
    batch["logits_to_keep"] = batch["input_ids"].shape[1] - first + 1
    batch["labels"] = batch["labels"][:, first:]
    return batch


def shifted_loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross entropy of logits that stand one position before their labels."""
    import torch.nn.functional as F

    logits = outputs.logits[:, :-1].flatten(0, 1).float()
    total = F.cross_entropy(logits, labels.flatten(), ignore_index=IGNORED, reduction="sum")
    return total / (num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum())


def held_out_loss(model: Any, work: Workload) -> float:
    """One evaluator for all: plain transformers in fp32, one row at a time."""
    import torch
    import torch.nn.functional as F

    module = model.module.float().eval()
    model.transformer.set_attn_implementation("eager")
    nats, weight = 0.0, 0
    with torch.no_grad():
        for row in work.held_out:
            ids = torch.tensor([row.input_ids], device=model.device)
            logits = module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float()
            if row.label is not None:
                nats += float(F.cross_entropy(logits, torch.tensor([row.label], device=model.device)))
                weight += 1
                continue
            targets = torch.tensor(row.weights[1:], device=model.device) > 0
            nats += float(F.cross_entropy(logits[0, :-1][targets], ids[0, 1:][targets], reduction="sum"))
            weight += int(targets.sum())
    return nats / weight


def take(turn: Turn) -> Result:
    """One turn: what it cost, and how good the model is that came of it."""
    from attune.process import keep_freed_memory, wait_asleep

    # Before anything slow is imported, as `attune` itself does it.
    if turn.side == "attune" or turn.kept:
        keep_freed_memory()
        wait_asleep()
    import torch

    from attune.train.device import peak_memory_bytes

    torch.manual_seed(0)
    work = workload(turn.work, turn.rows)
    result = attune_side(turn, work) if turn.side == "attune" else peer_side(turn, work)
    # Before the evaluation, which is none of the side's own work.
    result["peak_bytes"] = peak_memory_bytes()
    result["held_out"] = held_out_loss(result.pop("model"), work)
    return result


if __name__ == "__main__":
    print(json.dumps(take(Turn(**json.loads(sys.argv[1])))))

"""Builds run folders as the pipeline leaves them: a chat run, a classification, an interrupted run."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attune.events import Note, StepMetrics, StepSkipped, Validated, as_record

Record = dict[str, Any]

RECIPE = """\
name: support-desk
task: chat
model: Qwen/Qwen3-0.6B
data:
  train: support.jsonl
  split: {validation: 0.1, test: 0.1, seed: 0}
method: {kind: lora, rank: 16}
training:
  epochs: 3  # 960 rows: three passes
  learning_rate: 2e-4
  batch_size: 16
  max_length: 512
  precision: bf16
evaluation: {metrics: [rouge_l, exact_match], samples: 20}
"""
REASONS = {
    "training.epochs": "960 rows: three passes reach about 180 steps",
    "training.learning_rate": "LoRA starts at 2e-4, ten times that of full fine-tuning",
    "training.precision": "this CPU has bf16 arithmetic (AMX)",
}
QUESTIONS = (
    ("My parcel 4417 has not arrived.", "I am sorry about the wait. Parcel 4417 is at the depot and comes on Tuesday."),
    ("How do I change my e-mail address?", "Open Settings, choose Account, and enter the new address. We send a link."),
    (
        "Can I return shoes that I wore once?",
        "Yes, within 30 days, as long as the soles are clean. Print the label in Orders.",
    ),
    ("Do you ship to Norway?", "Yes. Delivery to Norway takes four to six working days and customs are included."),
)

PERCENTILES = {"50": 130, "90": 240, "95": 300, "99": 500, "100": 1400}
SURVEY = {
    "sequences": 960, "total": PERCENTILES, "prompt": PERCENTILES, "target": PERCENTILES, "in_force": 512,
    "suggested": 448, "context": 4096, "batch_size": 16,
    "limits": [
        {"max_length": length, "cut": cut, "lost_target_tokens": 9 * cut, "emptied": cut // 9, "padding": 0.42}
        for length, cut in ((256, 90), (512, 3), (1024, 1), (2048, 0), (4096, 0), (8192, 0))
    ],
}  # fmt: skip
PLACES = [f"/home/ada/support.jsonl:{12 * i}" for i in range(1, 15)]
COMPARED = {
    part: {
        "compared": ["train", part],
        "rows": [900, 120],
        "auc": 0.52,
        "interval_95": [0.44, 0.6],
        "two_sample_auc": 0.6,
    }
    for part in ("validation", "test")
}
MEASURED = {
    "rows": 900,
    "distinct_1": 0.1,
    "distinct_2": 0.4,
    "compression_ratio": 3.2,
    "self_bleu": 0.3,
    "vendi_score": 88.0,
}
GROUP = {
    "axis": "gender", "group": "women", "rows": 120, "share": 0.1, "target_rows": 3, "kind": "label",
    "outcome": "billing", "rate": 0.4, "low": 0.31, "high": 0.49, "rest": 0.3, "rest_low": 0.27, "rest_high": 0.33,
    "pmi": 0.1, "odds_ratio": 1.55, "within_axis": None, "p": 0.01, "p_holm": 0.09,
}  # fmt: skip
FINDINGS = [
    {"check": "near_duplicates", "severity": "warning", "what": "14 rows nearly repeat another row.",
     "rows": [{"file": "/home/ada/support.jsonl", "line": 12 * i} for i in range(1, 15)], "total_rows": 14,
     "advice": "They were kept on one side of the split. Remove them if they were not meant.",
     "evidence": {"near_duplicate": 0.8, "groups": [PLACES[:2], PLACES[2:9], PLACES[9:11], PLACES[11:]],
                  "group_sizes": {"2": 2, "3": 1, "7": 1}}},
    {"check": "label_errors", "severity": "error", "what": "1 of 660 labels is probably wrong.",
     "rows": [{"file": "tickets.csv", "line": 9}], "total_rows": 1, "advice": "Look at it.",
     "evidence": {"ranked": [{"row": "/x/tickets.csv:9", "label": "billing", "instead": "returns",
                              "probability": 0.02}]}},
    {"check": "similar_labels", "severity": "warning", "what": "2 labels are 1.", "rows": [], "total_rows": 0,
     "advice": "", "evidence": {"groups": [{"Billing": 3, "billing": 400}]}},
    {"check": "leaks_into_test", "severity": "error", "what": "2 rows leak.", "rows": [], "total_rows": 0, "advice": "",
     "evidence": {"pairs": [["/a/train.csv:3", "/a/test.csv:4", "near_prompt"], [None, "/a/test.csv:5", "group"]]}},
    {"check": "refusals", "severity": "warning", "what": "1 row refuses.", "rows": [], "total_rows": 0, "advice": "",
     "evidence": {"quotations": ["I am sorry, but"]}},
    {"check": "two_sample", "severity": "info", "what": "Words hardly tell.", "rows": [], "total_rows": 0,
     "advice": "", "evidence": COMPARED},
    {"check": "length_shift", "severity": "warning", "what": "The lengths are others.", "rows": [], "total_rows": 0,
     "advice": "", "evidence": {"compared": ["train", "test"], "stability_index": 0.4, "length_shift": 0.25,
                                "median_characters": [125, 1300]}},
    {"check": "group_bias", "severity": "info", "what": "One group is named.", "rows": [], "total_rows": 0,
     "advice": "",
     "evidence": {"groups": [GROUP, {**GROUP, "group": "men", **dict.fromkeys(list(GROUP)[5:])}], "group_rows": 30,
                  "too_few": ["age: young people"], "tests_in_all": 6}},
    {"check": "diversity", "severity": "info", "what": "The rows differ.", "rows": [], "total_rows": 0, "advice": "",
     "evidence": {"prompts": MEASURED, "vendi_score": 10.0}},
]  # fmt: skip
LABELS = {
    "billing": {"train": 240, "validation": 30, "test": 60}, "delivery": {"train": 140, "validation": 20, "test": 40},
    "returns": {"train": 100, "validation": 10, "test": 20},
}  # fmt: skip
CHECKED = {
    "name": "tickets", "task": "classify", "model": "attune-base", "method": "full", "parameters": 5_500_000,
    "rows": {"train": 480, "validation": 60, "test": 120}, "split": "Stratified by label, 80/10/10.", "steps": 90,
    "labels": LABELS, "findings": FINDINGS, "fits": True, "comparison_seconds": 2.5, "prompts": None,
    "lengths": {
        "median": 130, "p95": 300, "longest": 1400, "total": 90_000, "targets": 0, "cut_rows": 3, "survey": SURVEY,
        "histogram": {"total": [[100, 140, 300], [140, 180, 100], [1400, 1440, 1]], "target": []},
    },
    "memory": {"program": 2**29, "weights": 2**23, "masters": 2**24, "gradients": 2**24, "optimizer": 2**25,
               "activations": 2**26, "available": 2**34},
    "rehearsal": {"steps": 9, "seconds": 88.0, "tokens_per_second": 4157.0, "peak_bytes": 956 * 2**20},
}  # fmt: skip
WHAT = "9 tokens, 2 learned, 4 cut off to fit max_length"
SPANS = [
    ["<|im_start|>", "template", True], ["user\n", "template", False], ["Where is", "words", False],
    [" it?\t", "words", False], ["<|im_end|>", "words", True], ["Here", "learned", False], [".", "learned", False],
    [" ✂ ", "mark", False], [" & there", "cut", False],
]  # fmt: skip


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_lines(path: Path, records: list[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def steps(count: int, total: int, start: float, floor: float) -> list[Record]:
    noise = random.Random(7)
    records = []
    for step in range(1, count + 1):
        loss = floor + (start - floor) * math.exp(-3.5 * step / total) + noise.gauss(0, 0.09)
        rate = 2e-4 * min(1.0, step / (0.05 * total)) * 0.5 * (1 + math.cos(math.pi * step / total))
        event = StepMetrics(
            step=step, total_steps=total, loss_nats_per_token=loss, accuracy=1 - loss / 4, grad_norm=1.0,
            learning_rate=rate, target_tokens=900, input_tokens=2100, computed_tokens=1500, seconds=1.4,
            tokens_per_second=1500.0, peak_memory_bytes=3_400_000_000,
        )  # fmt: skip
        records.append({"time": "2026-11-20T10:00:00Z", **as_record(event)})
        if step % 20 == 0:
            held_out = floor + 0.15 + (start - floor) * math.exp(-3.2 * step / total) + 0.12 * (step / total) ** 4
            checked = Validated(step, held_out, 1 - held_out / 4, is_best=step <= 0.75 * total)
            records.append({"time": "2026-11-20T10:00:00Z", **as_record(checked)})
    return records


def difference(metric: str, base: float, tuned: float, reach: float, *, better: bool = True) -> Record:
    gap = tuned - base
    detectable = abs(gap) > reach
    good = (gap > 0) == better
    verdict = "no detectable difference" if not detectable else "better" if good else "worse"
    return {
        "metric": metric, "base": base, "tuned": tuned, "difference": gap, "low": gap - reach, "high": gap + reach,
        "p_value": 0.0002 if detectable else 0.41, "verdict": verdict, "n": 120, "higher_is_better": better,
    }  # fmt: skip


def rows(split: str, count: int, start: int, file: str = "support.jsonl") -> list[Record]:
    return [{"id": f"{split[:2]}{i:04x}", "file": file, "line": start + i} for i in range(count)]


def run_json(folder: Path, **changes: Any) -> None:
    run = {
        "id": folder.name, "name": "support-desk", "task": "chat", "model": "Qwen/Qwen3-0.6B", "state": "done",
        "created": "2026-11-20T09:58:11Z", "parent": None, "attune": "0.1.0", "reasons": REASONS, "stages": {},
        "environment": {"python": "3.11.2", "torch": "2.10.0", "transformers": "5.3.0", "machine": "2-core x86-64"},
        "error": None,
    }  # fmt: skip
    write_json(folder / "run.json", {**run, **changes})


def results(folder: Path, comparisons: list[Record], **changes: Any) -> None:
    test = {
        "examples": 120,
        "baseline": "the base model with the same prompt",
        "base": {c["metric"]: c["base"] for c in comparisons},
        "tuned": {c["metric"]: c["tuned"] for c in comparisons},
    }
    value = {
        "run": folder.name, "task": "chat", "model": "Qwen/Qwen3-0.6B", "verdict": comparisons[0]["verdict"],
        "primary_metric": comparisons[0]["metric"], "test": test,
        "training": {
            "steps": 180, "epochs": 3, "best_step": 120, "target_tokens": 162000, "input_tokens": 378000,
            "computed_tokens": 270000, "seconds": 254.2, "tokens_per_second": 1487.3,
            "peak_memory_bytes": 3_400_000_000,
        },
        "fitting": {"verdict": "good", "reason": "Validation loss is lowest at step 120 and rises by 1% after it."},
    }  # fmt: skip
    write_json(folder / "results.json", {**value, **changes})
    write_json(folder / "evaluation" / "comparison.json", comparisons)


def build_chat(folder: Path) -> Path:
    run_json(folder)
    (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    events = steps(180, 180, 2.9, 0.5)
    events.append(as_record(StepSkipped(33, "the gradient norm was not finite", ("tr0007",))))
    events.append(as_record(Note("tokenise", "warning", "The tokenizer has no pad token; the end token is used.")))
    write_lines(folder / "events.jsonl", events)
    splits = {
        "train": rows("train", 960, 1), "validation": rows("validation", 120, 961), "test": rows("test", 120, 1081),
        "reason": "One file was given: split 80/10/10 by near-duplicate group with seed 0.",
    }  # fmt: skip
    write_json(folder / "data" / "splits.json", splits)
    noise = random.Random(3)
    total = [int(noise.lognormvariate(4.9, 0.45)) + 20 for _ in range(960)]
    cut = [{**row, "total_tokens": 520 + i, "lost_target_tokens": 8 + i} for i, row in enumerate(rows("train", 3, 40))]
    lengths = {
        "max_length": 512,
        "train": {"total_tokens": total, "target_tokens": [n // 3 for n in total]},
        "cut": cut,
        "survey": SURVEY,
    }
    write_json(folder / "data" / "lengths.json", lengths)
    write_json(folder / "data" / "shown.json", [{**rows("train", 1, 7)[0], "what": WHAT, "spans": SPANS}])
    english = {"check": "language", "severity": "info", "what": "All rows are English.", "rows": [], "advice": ""}
    write_json(folder / "data" / "findings.json", [*FINDINGS, english])
    write_json(folder / "data" / "labels.json", {})
    rejected = [{**row, "reason": "the answer is empty"} for row in rows("rejected", 31, 300)]
    write_lines(folder / "data" / "rejections.jsonl", rejected)
    base, tuned = [], []
    for i, row in enumerate(splits["test"]):
        prompt, reference = QUESTIONS[i % len(QUESTIONS)]
        shared = {"example_id": row["id"], "prompt": f"user: {prompt}", "reference": reference, "scores": {}}
        rambling = "Thank you for your question! As an assistant I can help. Parcel delivery is a topic that people ask"
        base.append({**shared, "output": rambling, "stopped": False})
        close = reference.replace("Tuesday", "Monday").replace("30 days", "14 days")
        tuned.append({**shared, "output": close, "stopped": True})
    write_lines(folder / "evaluation" / "predictions-base.jsonl", base)
    write_lines(folder / "evaluation" / "predictions-tuned.jsonl", tuned)
    write_json(
        folder / "evaluation" / "baseline.json", {"kind": "base model", "what": "the base model with the same prompt"}
    )
    results(
        folder,
        [
            difference("rouge_l", 0.12, 0.71, 0.04),
            difference("exact_match", 0.0, 0.50, 0.09),
            difference("chrf", 21.4, 70.2, 4.0),
            difference("loss_nats_per_token", 2.31, 0.62, 0.11, better=False),
            difference("token_accuracy", 0.78, 0.79, 0.03),
        ],
    )
    write_json(folder / "model" / "adapter_config.json", {"task_type": "CAUSAL_LM", "peft_type": "LORA"})
    return folder


def build_classify(folder: Path) -> Path:
    labels = ("billing", "delivery", "returns")
    run_json(folder, name="ticket-routing", task="classify", model="all-MiniLM-L6-v2", reasons={})
    recipe = RECIPE.replace("task: chat", "task: classify").replace("kind: lora, rank: 16", "kind: head")
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    write_lines(folder / "events.jsonl", steps(60, 60, 1.1, 0.2))
    splits = {"train": rows("train", 480, 2, "tickets.csv"), "validation": rows("validation", 60, 482, "tickets.csv"),
              "test": rows("test", 120, 542, "tickets.csv"), "reason": "Stratified by label, 80/10/10."}  # fmt: skip
    write_json(folder / "data" / "splits.json", splits)
    write_json(folder / "data" / "findings.json", [])
    write_json(folder / "data" / "labels.json", LABELS)
    write_lines(folder / "data" / "rejections.jsonl", [])
    noise = random.Random(5)
    base, tuned = [], []
    for i, row in enumerate(splits["test"]):
        right = labels[i % 3]
        said = right if noise.random() < 0.88 else noise.choice(labels)
        prompt = f"Ticket {i}: the {right} of my order went wrong again"
        shared = {"example_id": row["id"], "prompt": prompt, "reference": right, "stopped": True}
        base.append({**shared, "output": "billing", "scores": {}})
        tuned.append({**shared, "output": said, "scores": {"confidence": noise.uniform(0.4, 0.99)}})
    write_lines(folder / "evaluation" / "predictions-base.jsonl", base)
    write_lines(folder / "evaluation" / "predictions-tuned.jsonl", tuned)
    what = "always answering the most frequent label of the training rows, billing"
    write_json(folder / "evaluation" / "baseline.json", {"kind": "majority class", "what": what})
    comparisons = [difference("accuracy", 1 / 3, 0.91, 0.08), difference("macro_f1", 0.17, 0.91, 0.08)]
    results(folder, comparisons, task="classify", model="all-MiniLM-L6-v2")
    write_json(folder / "model" / "config.json", {"architectures": ["BertForSequenceClassification"]})
    return folder


def build_interrupted(folder: Path) -> Path:
    run_json(folder, state="interrupted", environment={}, reasons={})
    write_lines(folder / "events.jsonl", steps(7, 180, 2.9, 0.5))
    with (folder / "events.jsonl").open("a", encoding="utf-8") as events:
        events.write('{"time": "2026-11-20T10:00:09Z", "event": "StepMet')
    return folder


@pytest.fixture
def chat_run(tmp_path: Path) -> Path:
    return build_chat(tmp_path / "20261120-095811-support-desk-4f1c")


@pytest.fixture
def classify_run(tmp_path: Path) -> Path:
    return build_classify(tmp_path / "20261120-101500-ticket-routing-07ab")


@pytest.fixture
def interrupted_run(tmp_path: Path) -> Path:
    return build_interrupted(tmp_path / "20261120-110000-support-desk-9e2d")


@pytest.fixture
def checked() -> Record:
    """What `attune check --json` prints of a classification."""
    record: Record = json.loads(json.dumps(CHECKED))
    return record


@pytest.fixture
def rewrite() -> Callable[[Path, Callable[[Any], None]], None]:
    """Change a JSON file in place."""

    def change(path: Path, edit: Callable[[Any], None]) -> None:
        value = json.loads(path.read_text(encoding="utf-8"))
        edit(value)
        write_json(path, value)

    return change

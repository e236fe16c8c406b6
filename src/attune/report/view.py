"""A run folder as read, and the words and numbers that the page and the model card share."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from attune.errors import EnvironmentFault

Record = dict[str, Any]

_METRICS = {
    "loss_nats_per_token": "Loss (nats per token)", "token_accuracy": "Token accuracy", "exact_match": "Exact match",
    "rouge_1": "ROUGE-1", "rouge_2": "ROUGE-2", "rouge_l": "ROUGE-L", "bleu": "BLEU", "chrf": "chrF", "ter": "TER",
    "accuracy": "Accuracy", "macro_f1": "Macro F1", "ece": "Calibration error (ECE)", "span_f1": "Span F1",
    "reward_accuracy": "Reward accuracy", "win_rate": "Win rate", "bits_per_byte": "Bits per byte",
}  # fmt: skip
_CHARACTERS = 1600
_TONES = {"better": "good", "worse": "bad", "no detectable difference": "even", "too little data": "even"}


@dataclass(frozen=True)
class RunView:
    """A run folder as read: a part that the run has not written is empty or None, a damaged part is an error."""

    folder: Path
    run: Record
    recipe: Record
    steps: list[Record] = field(default_factory=list)
    validations: list[Record] = field(default_factory=list)
    skipped: list[Record] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    splits: Record | None = None
    lengths: Record | None = None
    shown: list[Record] | None = None
    findings: list[Record] | None = None
    labels: Record | None = None
    rejections: list[Record] | None = None
    base: list[Record] = field(default_factory=list)
    tuned: list[Record] = field(default_factory=list)
    comparisons: list[Record] = field(default_factory=list)
    clean: list[Record] = field(default_factory=list)
    leaks: Record | None = None
    baseline: Record | None = None
    results: Record | None = None

    @classmethod
    def read(cls, folder: Path) -> RunView:
        """Read what is there. Raises EnvironmentFault when it is no run folder or one of its files is damaged."""
        run = _json(folder / "run.json", dict)
        if run is None:
            raise EnvironmentFault(
                "this folder holds no run: run.json is missing", where=str(folder), fix="name the folder of a run"
            )
        events = _json_lines(folder / "events.jsonl") or []
        rejections = _json_lines(folder / "data" / "rejections.jsonl")
        evaluation = folder / "evaluation"
        return cls(
            folder=folder,
            run=run,
            recipe=_recipe(folder / "recipe.yaml"),
            steps=_last_per_step(events, "StepMetrics"),
            validations=_last_per_step(events, "Validated"),
            skipped=_last_per_step(events, "StepSkipped"),
            warnings=[str(e.get("text")) for e in events if e.get("event") == "Note" and e.get("level") == "warning"],
            splits=_json(folder / "data" / "splits.json", dict),
            lengths=_json(folder / "data" / "lengths.json", dict),
            shown=_json(folder / "data" / "shown.json", list),
            findings=_json(folder / "data" / "findings.json", list),
            labels=_json(folder / "data" / "labels.json", dict),
            rejections=rejections,
            base=_json_lines(evaluation / "predictions-base.jsonl") or [],
            tuned=_json_lines(evaluation / "predictions-tuned.jsonl") or [],
            comparisons=_json(evaluation / "comparison.json", list) or [],
            clean=_json(evaluation / "comparison-clean.json", list) or [],
            leaks=_json(folder / "data" / "leaks.json", dict),
            baseline=_json(evaluation / "baseline.json", dict),
            results=_json(folder / "results.json", dict),
        )

    def result(self, *path: str) -> Any:
        """A value inside results.json, or None when any part of its path is missing."""
        node: Any = self.results
        for key in path:
            node = node.get(key) if isinstance(node, dict) else None
        return node

    @property
    def id(self) -> str:
        """The run's id, on one line."""
        return " ".join(str(self.run.get("id") or self.folder.resolve().name).split())

    @property
    def task(self) -> str:
        """The name of the task."""
        return str(self.run.get("task") or self.recipe.get("task") or "unknown task")

    @property
    def model(self) -> str:
        """The base model, as people should read it."""
        return str(self.run.get("model") or self.recipe.get("model") or "unknown model")

    @property
    def method(self) -> str:
        """The kind of fine-tuning: full, lora, head; "" when the recipe was not kept."""
        return str(self.recipe.get("method.kind") or "")

    @property
    def prompt(self) -> str:
        """The recipe's prompt, "" when there was none."""
        return str(self.recipe.get("data.prompt") or "")

    @property
    def best_step(self) -> int | None:
        """The step whose weights were kept: the one with the lowest validation loss."""
        best = self.result("training", "best_step")
        marked = [record["step"] for record in self.validations if record.get("is_best")]
        return best if isinstance(best, int) else marked[-1] if marked else None

    @property
    def test_rows(self) -> int:
        """How many test rows the verdict stands on."""
        n = self.result("test", "examples")
        return int(n) if isinstance(n, int) else len(self.tuned)

    @property
    def clean_rows(self) -> int | None:
        """How many test rows are left without those that leak; None where none does."""
        n = self.result("test", "clean", "examples")
        n = self.clean[0].get("n") if self.clean and n is None else n
        return n if isinstance(n, int) else None

    @property
    def leaking(self) -> str:
        """How many test rows leak, and in which ways: "5 of 120 test rows leak (3 record, 2 group)"; "" where none."""
        rows, by_kind = (self.leaks or {}).get("test_rows") or (), (self.leaks or {}).get("by_kind") or {}
        if not rows:
            return ""
        kinds = ", ".join(f"{count:,} {str(kind).replace('_', ' ')}" for kind, count in by_kind.items())
        return f"{len(rows):,} of {self.test_rows:,} test rows leak ({kinds})"

    @cached_property
    def places(self) -> dict[str, str]:
        """file:line of every row, by example id."""
        rows = (row for split in ("train", "validation", "test") for row in (self.splits or {}).get(split) or ())
        return {str(row.get("id")): place(row) for row in rows}

    @property
    def test_rows_in_training(self) -> int | None:
        """Test rows whose content is also a training row; None when the splits were not kept."""
        if self.splits is None:
            return None
        # Further rows of the same content carry "-2", "-3", ... behind the content's hash (data.example.content_id).
        stems = {
            split: [re.sub(r"^([0-9a-f]{12})-\d+$", r"\1", str(row.get("id"))) for row in self.splits.get(split) or ()]
            for split in ("train", "test")
        }
        seen = set(stems["train"])
        return sum(stem in seen for stem in stems["test"])

    @cached_property
    def weights(self) -> tuple[str, str] | None:
        """How transformers or peft loads model/: (library, class), or None when it is absent or not theirs."""
        adapter = _json(self.folder / "model" / "adapter_config.json", dict)
        if adapter is not None:
            classes = {"CAUSAL_LM": "CausalLM", "SEQ_CLS": "SequenceClassification", "SEQ_2_SEQ_LM": "Seq2SeqLM"}
            kind = classes.get(str(adapter.get("task_type")))
            return ("peft", f"AutoPeftModelFor{kind}") if kind else None
        architectures = (_json(self.folder / "model" / "config.json", dict) or {}).get("architectures") or [""]
        name = re.search(r"For(CausalLM|SequenceClassification|MaskedLM)$", str(architectures[0]))
        return ("transformers", f"AutoModel{name.group()}") if name else None

    def verdict(self) -> tuple[str, str]:
        """The tone of the banner ("good", "bad", "even", "open") and one sentence of measured numbers."""
        state, error = self.run.get("state"), self.run.get("error")
        if not self.comparisons:
            done = f"after step {self.steps[-1]['step']:,} of {self.steps[-1]['total_steps']:,}" if self.steps else ""
            if state == "failed":
                return "bad", f"Failed{' ' + done if done else ''}: {error or 'the reason was not recorded'}"
            words = {"running": "Still running", "interrupted": "Interrupted"}
            word = "No verdict" if self.results else words.get(str(state), "No verdict")
            return "open", f"{word}{', ' + done if done else ''}: the model was not yet tested against the base model."
        first = (self.clean or self.comparisons)[0]
        name = str(self.result("verdict") or first.get("verdict"))
        change = first.get("difference") or 0.0
        decimals = 2 if abs(change) >= 0.05 else 3
        label = metric_name(first.get("metric"))
        base, tuned = number(first.get("base"), decimals=decimals), number(first.get("tuned"), decimals=decimals)
        moved = "rose" if change > 0 else "fell" if change < 0 else "did not move:"
        rows = self._rows_judged()
        better = "" if first.get("higher_is_better", True) else " (lower is better)"
        interval = f"95% interval of the difference {span(first, decimals)}"
        sentence = f"{name.capitalize()}: {label} {moved} from {base} to {tuned}{better} on {rows} ({interval})."
        return _TONES.get(name, "even"), f"{sentence} {self._other_score(decimals)}".rstrip()

    def _rows_judged(self) -> str:
        if self.clean:
            return f"the {self.clean_rows:,} test rows that do not leak"
        seen = self.test_rows_in_training
        rows = f"{self.test_rows:,} test row{'s' * (self.test_rows != 1)}"
        if seen is None:
            return rows
        return f"{rows} that training never saw" if seen == 0 else f"{rows}, {seen:,} of them also training rows"

    def _other_score(self, decimals: int) -> str:
        """What all rows say, where the verdict is that of the clean ones."""
        if not self.leaking:
            return ""
        if not self.clean:
            return f"{self.leaking}: none is left to judge by."
        first = self.comparisons[0]
        base, tuned = number(first.get("base"), decimals=decimals), number(first.get("tuned"), decimals=decimals)
        return f"{self.leaking}; on all of them it goes from {base} to {tuned}."


def facts(view: RunView) -> list[tuple[str, str]]:
    """The key facts, label and value; what was not recorded is left out."""
    training = view.result("training") or {}
    rows = {split: len((view.splits or {}).get(split) or ()) for split in ("train", "validation", "test")}
    steps = training.get("steps") or (view.steps[-1]["step"] if view.steps else None)
    peak = training.get("peak_memory_bytes") or max((s.get("peak_memory_bytes") or 0 for s in view.steps), default=0)
    seconds, speed, best = training.get("seconds"), training.get("tokens_per_second"), view.best_step
    rank = view.recipe.get("method.rank")
    found = [
        ("Task", view.task),
        ("Base model", view.model),
        ("Method", f"{view.method}, rank {rank}" if view.method == "lora" and rank else view.method),
        ("Training rows", f"{rows['train']:,}" if rows["train"] else None),
        ("Validation rows", f"{rows['validation']:,}" if rows["validation"] else None),
        ("Test rows", f"{rows['test']:,}" if rows["test"] else None),
        ("Clean test rows", f"{view.clean_rows:,}" if view.clean_rows is not None else None),
        ("Optimizer steps", f"{steps:,}" if steps else None),
        ("Best step", f"{best:,}" if best is not None else None),
        ("Training time", duration(seconds) if seconds else None),
        ("Speed", f"{speed:,.0f} tokens/s" if speed else None),
        ("Peak memory", size(peak) if peak else None),
    ]
    return [(label, value) for label, value in found if value]


def limits(view: RunView) -> list[str]:
    """What the numbers of this run do not say."""
    found = []
    if view.comparisons:
        judged = view.test_rows if view.clean_rows is None else view.clean_rows
        found.append(
            f"The verdict stands on {judged:,} test rows of this data. Other data, other users and later months may "
            "differ."
        )
        found.append(
            "The intervals cover the choice of test rows. They do not cover a second training run: one seed was run."
        )
        if len(view.comparisons) > 1:
            first = metric_name(view.comparisons[0].get("metric"))
            found.append(f"The verdict reads one metric, {first}; the others are shown beside it.")
    else:
        found.append("Nothing here says whether the model is better than its base: that was not measured.")
    seen = view.test_rows_in_training
    if view.leaking:
        found.append(
            f"{view.leaking}, which the recipe accepts. The score on all rows flatters the model; the verdict leaves "
            "the leaking ones out. The pairs are in data/leaks.json."
        )
    elif seen:
        found.append(f"{seen:,} test rows have the same content as a training row, so the result flatters the model.")
    absent = [name for name in ("forgetting", "memorization", "bias") if view.result(name) is None]
    if absent:
        found.append(f"Not measured: {', '.join(absent)}.")
    cut = len((view.lengths or {}).get("cut") or ())
    if cut:
        found.append(f"{cut:,} rows were cut at max_length: the model did not learn the ends of them.")
    if view.rejections:
        found.append(f"{len(view.rejections):,} rows were not trained on; the reasons are in data/rejections.jsonl.")
    return found


def usage(view: RunView) -> list[tuple[str, str]]:
    """What can be done with the run next: (caption, commands or code). Empty while it is running without a model."""
    run, recipe, path = (f"{view.folder}{tail}" for tail in ("", "/recipe.yaml", "/model"))
    if not (view.folder / "model").is_dir():
        resume = f"attune run {shlex.quote(recipe)} --resume {shlex.quote(run)}"
        return (
            [("Go on from the last checkpoint", resume)] if view.run.get("state") in ("interrupted", "failed") else []
        )
    commands = [f"attune chat {shlex.quote(run)}"] if view.task == "chat" else []
    commands += [
        f'attune generate {shlex.quote(run)} --prompt "..."',
        f"attune evaluate {shlex.quote(run)} --data FILE",
    ]
    blocks = [
        ("On the command line", "\n".join(commands)),
        ("This run again, in Python", f"import attune\n\nattune.run({json.dumps(recipe, ensure_ascii=False)})"),
    ]
    if view.weights:
        library, loader = view.weights
        imports = {
            "peft": f"from peft import {loader}\nfrom transformers import AutoTokenizer",
            "transformers": f"from transformers import AutoTokenizer, {loader}",
        }
        code = f"""{imports[library]}

path = {json.dumps(path, ensure_ascii=False)}
model = {loader}.from_pretrained(path)
tokenizer = AutoTokenizer.from_pretrained(path)"""
        blocks.append((f"With plain {library}, without Attune", code))
    return blocks


def metric_name(metric: Any) -> str:
    """A metric as people write it; an unknown one as it stands."""
    return _METRICS.get(str(metric), str(metric))


def baseline_name(view: RunView) -> str:
    """The heading of what the tuned model is compared with."""
    kind = str((view.baseline or {}).get("kind") or "base model")
    return kind[:1].upper() + kind[1:]


def number(value: Any, signed: bool = False, decimals: int = 3) -> str:
    """A measured number with a true minus and, from 10 on, fewer decimals; a dash when there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "–"
    size = abs(value)
    text = f"{value:{'+' if signed else ''}.{decimals if size < 10 else 1 if size < 1000 else 0}f}"
    return text.replace("-", "−")


def span(comparison: Mapping[str, Any], decimals: int = 3) -> str:
    """The interval of a comparison's difference in words."""
    low, high = (number(comparison.get(end), signed=True, decimals=decimals) for end in ("low", "high"))
    return f"{low} to {high}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 41 s, 12 min 5 s, 3 h 20 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if whole < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: float) -> str:
    """Bytes as a person says them: 212 MiB, 1.64 GiB."""
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def place(row: Mapping[str, Any]) -> str:
    """file:line of a row; the folder stands in the recipe."""
    return f"{Path(str(row.get('file'))).name}:{_line(row)}"


def places(rows: Sequence[Mapping[str, Any]], total: int) -> str:
    """Lines by file, "reviews.csv: 12, 40, 41 and 7 more"."""
    lines: dict[str, list[str]] = {}
    for row in rows:
        lines.setdefault(Path(str(row.get("file"))).name, []).append(_line(row))
    named = "; ".join(f"{file}: {', '.join(found)}" for file, found in lines.items())
    return f"{named} and {total - len(rows):,} more" if total > len(rows) else named


def _line(row: Mapping[str, Any]) -> str:
    return f"{row.get('line')}" + (f":{row['column']}" if row.get("column") else "")


def sentence(text: str) -> str:
    """The words with a full stop at their end and a capital at their beginning, unless they begin with a name."""
    text = text.strip()
    if not text:
        return ""
    first = text.split()[0].rstrip(".,:;!?")
    begin = text[0] if "." in first or "_" in first else text[0].upper()
    return f"{begin}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"


def short(text: Any, at_most: int = _CHARACTERS) -> str:
    """The text, or its start and how much is left out."""
    text = str(text)
    left = f" … ({len(text) - at_most:,} more characters)"
    return text if len(text) <= at_most + len(left) else f"{text[:at_most]}{left}"  # saying so must be shorter


def _damaged(path: Path, what: str) -> EnvironmentFault:
    return EnvironmentFault(f"damaged: {what}", where=str(path), fix="restore the file, or run the stage again")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise _damaged(path, f"not UTF-8 at byte {error.start}") from error


def _json(path: Path, kind: type) -> Any:
    text = _text(path)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"not JSON ({error})") from error
    if not isinstance(value, kind):
        raise _damaged(path, f"holds a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _json_lines(path: Path) -> list[Record] | None:
    """The records of a JSON Lines file; a last line without its newline is still being written and is left out."""
    text = _text(path)
    if text is None:
        return None
    records = []
    for line_number, line in enumerate(text[: text.rfind("\n") + 1].split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _damaged(path, f"line {line_number} is not JSON ({error})") from error
        if not isinstance(record, dict):
            raise _damaged(path, f"line {line_number} is not an object")
        records.append(record)
    return records


def _last_per_step(events: list[Record], kind: str) -> list[Record]:
    """A resumed run repeats steps: the last record of each counts."""
    return [e for _, e in sorted({int(e["step"]): e for e in events if e.get("event") == kind}.items())]


def _recipe(path: Path) -> Record:
    """The resolved recipe with dotted paths for keys."""
    text = _text(path)
    if text is None:
        return {}
    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise _damaged(path, "not YAML") from error
    flat: Record = {}

    def flatten(node: Any, path: str) -> None:
        if isinstance(node, dict) and node:
            for key, value in node.items():
                flatten(value, f"{path}.{key}" if path else str(key))
        else:
            flat[path] = node

    flatten(tree or {}, "")
    flat.pop("", None)
    return flat

"""The model card: README.md of a run, from its measured facts only."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attune.report.html import replace_file
from attune.report.view import (
    Record,
    RunView,
    baseline_name,
    facts,
    limits,
    metric_name,
    number,
    short,
    span,
    usage,
)


def write(run_folder: Path) -> Path:
    """Write README.md into the run folder, whole or not at all, and return its path.

    Raises EnvironmentFault when the folder holds no run, one of its files is damaged, or the disk takes none.
    """
    view = RunView.read(run_folder)
    name = view.run.get("name") or view.id
    parts = [
        _front_matter(view),
        f"# {escape(name)}",
        f"Made by Attune: {escape(view.model)}, fine-tuned for the task {escape(view.task)}.",
        f"**{escape(view.verdict()[1])}**",
        _measured(view),
        _data(view),
        _prompt(view),
        _training(view),
        _use(view),
        "## Limits\n\n" + "\n".join(f"- {escape(limit)}" for limit in limits(view)),
        "The licence follows from those of the base model and of the data, which Attune does not know.",
    ]
    return replace_file(run_folder / "README.md", "\n\n".join(part for part in parts if part) + "\n")


def escape(text: Any) -> str:
    """Text that Markdown shows as it stands inside a line: no markup, no HTML, no link, no mention, no line break."""
    line = html.escape(" ".join(short(text, 400).split()), quote=False)
    line = re.sub(r"([\\`*_\[\]#|~$@]|:(?=//))", r"\\\1", line)
    return re.sub(r"(?i)\bwww\.", lambda www: www.group()[:-1] + r"\.", line)


def _front_matter(view: RunView) -> str:
    """YAML between dashes. JSON strings are YAML strings, so nothing of the user's can leave its quotes."""
    base = view.recipe.get("model")
    fields: dict[str, Any] = {"license": "other", "license_name": "as-the-base-model", "library_name": "transformers"}
    if view.weights:
        fields["library_name"] = view.weights[0]
    if isinstance(base, str) and re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", base):
        fields["base_model"] = base
    pipeline = {"classify": "text-classification", "chat": "text-generation", "complete": "text-generation"}
    if view.task in pipeline:
        fields["pipeline_tag"] = pipeline[view.task]
    fields["tags"] = [tag for tag in ("attune", view.task, view.method) if tag]
    return (
        "---\n" + "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields.items()) + "---"
    )


def _measured(view: RunView) -> str:
    if not view.comparisons:
        return "## Measured results\n\nNone: the model was not tested against its base in this run."
    what = (view.baseline or {}).get("what")
    lines = [
        "## Measured results",
        "",
        f"On {view.test_rows:,} test rows, the same for both." + (f" Compared with: {escape(what)}." if what else ""),
    ]
    if view.leaking:
        lines += ["", f"{escape(view.leaking)}; the verdict is that of the clean ones."]
    if view.clean:
        lines += ["", f"The {view.clean_rows:,} clean test rows:", "", *_table(view, view.clean), "", "All test rows:"]
    return "\n".join([*lines, "", *_table(view, view.comparisons)])


def _table(view: RunView, rows: Sequence[Record]) -> list[str]:
    base = escape(baseline_name(view))
    lines = [
        f"| Metric | {base} | Tuned | Difference | 95% interval | Verdict |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        lower = "" if row.get("higher_is_better", True) else " (lower is better)"
        cells = [
            escape(metric_name(row.get("metric"))) + lower,
            number(row.get("base")),
            number(row.get("tuned")),
            number(row.get("difference"), signed=True),
            span(row),
            escape(row.get("verdict")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _data(view: RunView) -> str:
    if view.splits is None:
        return ""
    counts = ", ".join(f"{len(view.splits.get(name) or ()):,} {name}" for name in ("train", "validation", "test"))
    lines = ["## Data", "", f"Rows: {counts}. {escape(view.splits.get('reason') or '')}".rstrip()]
    if view.rejections:
        lines += ["", f"{len(view.rejections):,} rows were rejected before training."]
    return "\n".join(lines)


def _prompt(view: RunView) -> str:
    if not view.prompt:
        return ""
    text = (
        "Context of every row, without loss. Attune puts it in front by itself; other programs must do so themselves:"
    )
    return f"## The prompt\n\n{text}\n\n{_fenced(view.prompt, 'text')}"


def _training(view: RunView) -> str:
    keys = [key for key in view.recipe if key.startswith(("method.", "training.")) and view.recipe[key] is not None]
    lines = [f"- {escape(label)}: {escape(value)}" for label, value in facts(view)]
    lines += [f"- {escape(key)}: {escape(view.recipe[key])}" for key in keys]
    fitting = view.result("fitting")
    if isinstance(fitting, dict):
        lines.append(f"- Fit: {escape(fitting.get('verdict'))}. {escape(fitting.get('reason') or '')}".rstrip())
    return "## Training\n\n" + "\n".join(lines)


def _use(view: RunView) -> str:
    if not usage(view):
        return ""
    blocks = ["## How to use it"]
    for caption, code in usage(view):
        language = "sh" if code.startswith("attune ") else "python"
        blocks.append(f"{caption}:\n\n{_fenced(code, language)}")
    return "\n\n".join(blocks)


def _fenced(text: str, language: str) -> str:
    """A block whose fence is longer than any run of backticks inside it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"

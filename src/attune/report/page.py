"""A run folder as one HTML page: no script, nothing fetched, every word of the user's escaped."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from attune.report import charts, dataset
from attune.report import lengths as of_lengths
from attune.report import shown as of_tokens
from attune.report.html import replace_file, template
from attune.report.view import (
    Record,
    RunView,
    baseline_name,
    facts,
    limits,
    metric_name,
    short,
    usage,
)

_SAMPLES, _ROWS, _LABELS = 20, 12, 12


def write(run_folder: Path) -> Path:
    """Write report.html into the run folder, whole or not at all, and return its path.

    Raises EnvironmentFault when the folder holds no run, one of its files is damaged, or the disk takes none.
    """
    html = render(RunView.read(run_folder))
    return replace_file(run_folder / "report.html", html)


def render(view: RunView) -> str:
    """The page as text: the same view gives the same text."""
    tone, sentence = view.verdict()
    classify = view.task == "classify"
    return template("page.html.j2").render(
        view=view,
        tone=tone,
        sentence=sentence,
        facts=facts(view),
        comparisons=[(c, _strip(c)) for c in view.comparisons],
        baseline=baseline_name(view),
        curves=_curves(view),
        checks=[(name, view.result(name)) for name in ("fitting", "forgetting", "memorization", "bias")],
        samples=[] if classify else _samples(view),
        texts=any(p.get("output") or p.get("reference") for p in view.tuned),
        confusions=_confusions(view) if classify else [],
        mistakes=_mistakes(view) if classify else [],
        data=dataset.shown(_data(view)),
        shown=of_tokens.rows(view.shown or ()),
        kinds={kind: meaning for kind, meaning in of_tokens.KINDS.items() if meaning},
        recipe=_recipe_rows(view),
        usage=usage(view),
        limits=limits(view),
        cap=_ROWS,
    )  # fmt: skip


def _drawn(svg: str) -> Markup:
    """A chart of ours, whose text charts.py has already escaped."""
    return Markup(svg)


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _strip(comparison: Record) -> Markup:
    base, tuned, low, high = (_float(comparison.get(key)) for key in ("base", "tuned", "low", "high"))
    return _drawn(charts.comparison(metric_name(comparison.get("metric")), base, tuned, low, high))


def _curves(view: RunView) -> list[tuple[str, Markup]]:
    """(caption, chart) for loss, accuracy and learning rate; a chart without points is left out."""

    def points(records: Sequence[Record], key: str) -> list[charts.Point]:
        return [(int(record["step"]), _float(record.get(key))) for record in records]

    best, unit = view.best_step, "row" if view.task == "classify" else "target token"
    drawn = [
        (
            caption,
            charts.learning_curve(
                points(view.steps, key), points(view.validations, key), quantity=caption, best_step=best
            ),
        )
        for caption, key in ((f"Loss, nats per {unit}", "loss_nats_per_token"), ("Accuracy", "accuracy"))
    ]
    drawn.append(("Learning rate", charts.learning_rate(points(view.steps, "learning_rate"))))
    return [(caption, _drawn(svg)) for caption, svg in drawn if svg]


def _data(view: RunView) -> Record:
    """What the run folder holds of the record of a check."""
    lengths, splits = view.lengths or {}, view.splits or {}
    train = lengths.get("train") or {}
    histogram = {kind: of_lengths.binned(train.get(f"{kind}_tokens") or ()) for kind in ("total", "target")}
    return {
        "rows": {part: len(splits.get(part) or ()) for part in dataset.PARTS},
        "split": splits.get("reason"),
        "findings": view.findings,
        "labels": view.labels,
        "lengths": {**lengths, "histogram": histogram},
    }


def _recipe_rows(view: RunView) -> list[tuple[str, str, str]]:
    """(path, value, reason) of every key; a reason without its key is shown too."""
    reasons = view.run.get("reasons") or {}
    paths = [*view.recipe, *(path for path in reasons if path not in view.recipe)]

    def shown(value: Any) -> str:
        return (
            ""
            if value is None
            else value
            if isinstance(value, str)
            else json.dumps(value, ensure_ascii=False, default=str)
        )

    return [(path, short(shown(view.recipe.get(path)), 300), str(reasons.get(path, ""))) for path in paths]


def _samples(view: RunView) -> list[Record]:
    """The rows that results.json names, else the first ones, with what both models made of each."""
    named = [str(name) for name in view.result("samples") or ()]
    tuned = {str(p.get("example_id")): p for p in view.tuned}
    base = {str(p.get("example_id")): p for p in view.base}
    chosen = [name for name in named if name in tuned] or list(tuned)
    return [
        {
            "place": view.places.get(name, ""),
            "prompt": tuned[name].get("prompt", ""),
            "reference": str(tuned[name].get("reference", "")),
            "answers": [
                _answer(who, p) for who, p in ((baseline_name(view), base.get(name)), ("Tuned", tuned[name])) if p
            ],
        }
        for name in chosen[:_SAMPLES]
        if tuned[name].get("output") or tuned[name].get("reference")
    ]


def _answer(who: str, prediction: Record) -> Record:
    output, reference = str(prediction.get("output", "")), str(prediction.get("reference", ""))
    return {
        "who": who,
        "exact": bool(reference.strip()) and output.strip() == reference.strip(),
        "stopped": prediction.get("stopped", True),
        "words": _agreement(short(output), short(reference)),
    }


def _agreement(output: str, reference: str) -> list[tuple[str, bool]]:
    """The output in pieces, each with whether its words stand in the reference in the same order."""
    words, right = re.findall(r"\s+|\w+|[^\w\s]+", output), re.findall(r"\s+|\w+|[^\w\s]+", reference)
    pieces, at = [], 0
    for start, _, size in difflib.SequenceMatcher(None, words, right, autojunk=False).get_matching_blocks():
        same = "".join(words[start : start + size])
        # One lone word or a full stop in common says nothing; a one-word answer in common says everything.
        agrees = len(re.findall(r"\w+", same)) > 1 or same.strip() == reference.strip()
        pieces += [("".join(words[at:start]), False), (same, agrees)]
        at = start + size
    return [piece for piece in pieces if piece[0]]


def _confusions(view: RunView) -> list[Record]:
    """Counts of predicted labels (columns) for each right label (rows), tuned first; rare labels fall into "other"."""
    frequency = Counter(str(p.get("reference")) for p in view.tuned)
    frequency.update({str(p.get("output")): 0 for p in (*view.tuned, *view.base)})
    labels = [label for label, _ in frequency.most_common(_LABELS)]
    others = len(frequency) - len(labels)
    names = labels + ([f"{others} other labels"] if others else [])

    def slot(label: Any) -> int:
        return labels.index(str(label)) if str(label) in labels else len(labels)

    matrices = []
    for who, predictions in (("Tuned", view.tuned), (baseline_name(view), view.base)):
        if predictions:
            counts = Counter((slot(p.get("reference")), slot(p.get("output"))) for p in predictions)
            rows = [[counts[i, j] for j in range(len(names))] for i in range(len(names))]
            right = sum(p.get("output") == p.get("reference") for p in predictions)
            matrices.append({"who": who, "right": right, "n": len(predictions), "names": names, "rows": rows})
    return matrices


def _mistakes(view: RunView) -> list[Record]:
    """Rows that the tuned model labels wrong, the most confident first."""
    base = {p.get("example_id"): p.get("output") for p in view.base}
    wrong = [p for p in view.tuned if p.get("output") != p.get("reference")]

    def confidence(prediction: Record) -> float:
        value = _float((prediction.get("scores") or {}).get("confidence"))
        return value if math.isfinite(value) else -1.0

    wrong.sort(key=confidence, reverse=True)
    return [
        {**p, "base": base.get(p.get("example_id"), ""), "confidence": (p.get("scores") or {}).get("confidence"),
         "place": view.places.get(str(p.get("example_id")), "")}
        for p in wrong
    ]  # fmt: skip

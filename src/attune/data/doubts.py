"""Which rows a person should look at, those doubted most first, and what speaks against each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attune.data.audit import alike, audit
from attune.data.duplicates import contradictions
from attune.data.example import Example, LabelledText, Origin, prompt_of, target_of
from attune.data.finding import Finding
from attune.data.label_errors import doubted_labels, label_errors
from attune.data.likeness import normalised
from attune.data.strict_json import quoted
from attune.events import Emit, Stop, silent
from attune.recipe import Audit

# Of the labels that other rows would rather have otherwise, so many of all rows are shown at least: what confident
# learning is sure of is less than what is wrong.
REVIEWED_SHARE = 0.05
TO_LABEL = "to_label"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A row to be looked at.

    Attributes:
        example: the row as it stands now.
        reasons: check -> what speaks against the row, the gravest first.
        suggestion: a label that may be right, "" when there is none.
    """

    example: Example
    reasons: Mapping[str, str]
    suggestion: str = ""

    def __str__(self) -> str:
        return "; ".join(f"{check}: {why}" for check, why in self.reasons.items())


def doubts(examples: Sequence[Example], limits: Audit, *, emit: Emit = silent, stop: Stop | None = None) -> list[Doubt]:
    """Rows without a label; labels that the other rows speak against; contradictions; errors and warnings of the audit.

    Raises:
        RecipeError: a check to be left out does not exist.
    """
    labelled = [example for example in examples if target_of(example) or not isinstance(example, LabelledText)]
    near = alike(labelled, limits)
    without_labels = limits.model_copy(update={"skip": (*limits.skip, label_errors.__name__)})
    findings = audit(labelled, without_labels, near, emit=emit, stop=stop)
    findings.sort(key=lambda finding: finding.check != contradictions.__name__)

    reasons: dict[Origin, dict[str, str]] = {}
    suggested: dict[Origin, str] = {}
    for example in examples:
        if isinstance(example, LabelledText) and not example.label:
            reasons[example.origin] = {TO_LABEL: "this row has no label yet"}
    if label_errors.__name__ not in limits.skip:
        doubted, judged = doubted_labels(labelled, near)
        shown = max(math.ceil(REVIEWED_SHARE * judged), sum(doubt.wrong for doubt in doubted))
        for doubt in doubted[:shown]:
            origin = labelled[doubt.index].origin
            reasons[origin] = {label_errors.__name__: f"other rows say {doubt.instead}, {doubt.other:.2f}"}
            suggested[origin] = doubt.instead
    for finding in findings:
        if finding.severity != "info":
            for origin, why in _told(finding, labelled).items():
                reasons.setdefault(origin, {})[finding.check] = why
    by_origin = {example.origin: example for example in examples}
    return [Doubt(by_origin[o], why, suggested.get(o, "")) for o, why in reasons.items() if o in by_origin]


def _told(finding: Finding, examples: Sequence[Example]) -> dict[Origin, str]:
    """Row -> what the finding says about it."""
    if finding.check != contradictions.__name__:
        return dict.fromkeys(finding.rows, finding.what)
    rows = set(finding.rows)
    groups: dict[str, list[Example]] = {}
    for example in examples:
        if example.origin in rows:
            groups.setdefault(normalised(prompt_of(example)), []).append(example)
    return {
        example.origin: f"the same text also has {_answers(group, example)}"
        for group in groups.values()
        for example in group
    }


def _answers(group: Sequence[Example], but: Example) -> str:
    counts = Counter(target_of(example) for example in group if target_of(example) != target_of(but))
    return ", ".join(f"{quoted(target)} ({count}x)" for target, count in counts.most_common(3))

"""Checks of the number of rows and of labels: how evenly these are spread, whether some are the same, and whether they
can be guessed unread."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from attune.data.example import Document, Example, LabelledText
from attune.data.finding import Finding, Severity
from attune.data.likeness import normalised
from attune.data.stored import sampled
from attune.data.strict_json import quoted
from attune.recipe import Audit

LISTED_LABELS = 100
SHORTCUT_AUC = 0.75
SHORTCUT_ROWS = 50
SHORTCUT_CLASS_ROWS = 10
SHORTCUT_CLASSES = 20  # the largest ones; the time grows with rows times classes
SAMPLED_ROWS = 20_000
_FOLDS = 5


def few_rows(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Too few rows in all to learn from and to measure with; documents do not count, for one may be a book."""
    if len(examples) >= limits.few_rows or all(isinstance(example, Document) for example in examples):
        return []
    what = f"There are only {len(examples)} rows"
    advice = "add rows: from so few, neither training nor test says much"
    return [Finding("few_rows", "warning", what, (), advice, {"rows": len(examples), "few_rows": limits.few_rows})]


def label_balance(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Labels that are spread unevenly: the largest against the smallest, or all of them by entropy."""
    counts = _counts(examples)
    if len(counts) < 2:
        return []
    ratio = max(counts.values()) / min(counts.values())
    entropy = normalised_entropy(counts.values())
    if ratio <= limits.class_ratio and entropy >= limits.class_entropy:
        return []
    ordered = counts.most_common()
    (largest, most), (smallest, least) = ordered[0], ordered[-1]
    evidence = {
        **_listed(counts),
        "ratio": round(ratio, 3),
        "entropy": round(entropy, 3),
        "effective_classes": round(effective_classes(counts.values()), 3),
        "class_ratio": limits.class_ratio,
        "class_entropy": limits.class_entropy,
    }
    what = (
        f"The label {quoted(largest)} has {most} rows and {quoted(smallest)} has {least} ({ratio:.1f} times); the "
        f"entropy of all {len(counts)} labels is {entropy:.2f} of that of equal ones"
    )
    advice = "add rows with the rare labels, or judge by balanced accuracy or macro F1 and not by accuracy"
    return [Finding("label_balance", "warning", what, (), advice, evidence)]


def small_classes(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Labels with too few rows to learn from and to measure with."""
    counts = _counts(examples)
    small = Counter({label: count for label, count in counts.items() if count < limits.class_rows})
    if not small:
        return []
    rows = dict.fromkeys(row.origin for row in _labelled(examples) if row.label in small)
    what = (
        f"{len(small)} of {len(counts)} labels {'has' if len(small) == 1 else 'have'} fewer than {limits.class_rows} "
        f"rows; the smallest is "
        f"{quoted(small.most_common()[-1][0])} with {min(small.values())}"
    )
    advice = "add rows with these labels, or join them with others"
    evidence = {**_listed(small), "class_rows": limits.class_rows}
    return [Finding("small_classes", "warning", what, tuple(rows), advice, evidence)]


def single_class(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Labels that are all the same."""
    counts = _counts(examples)
    if len(counts) != 1:
        return []
    what = f"All {counts.total()} rows have the label {quoted(next(iter(counts)))}"
    advice = "add rows with other labels: there is nothing to tell apart"
    return [Finding("single_class", "error", what, (), advice, _listed(counts))]


def similar_labels(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Labels that differ only in case, white space, or Unicode form; the rows are those of the rarer spellings."""
    counts = _counts(examples)
    groups: dict[str, list[str]] = {}
    for label, _ in counts.most_common():
        groups.setdefault(normalised(label).replace(" ", ""), []).append(label)
    alike = [group for group in groups.values() if len(group) > 1]
    if not alike:
        return []
    rarer = {label for group in alike for label in group[1:]}
    rows = dict.fromkeys(row.origin for row in _labelled(examples) if row.label in rarer)
    shown = ", ".join(quoted(label) for label in alike[0][:5])
    what = f"{sum(map(len, alike))} labels are {len(alike)} but for case, white space, or Unicode form: {shown}"
    advice = "write each label in one way: as it is, the spellings are classes of their own"
    evidence = {"groups": [{quoted(label): counts[label] for label in group} for group in alike[:LISTED_LABELS]]}
    return [Finding("similar_labels", "warning", what, tuple(rows), advice, evidence)]


def shortcuts(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Labels that can be told without reading: by a text's length, its place in the file, or how many numbers it has.

    Each of the three goes alone into a small decision tree; the mean one-vs-rest AUC over five folds decides.
    """
    rows = [(place, row) for place, row in enumerate(_labelled(examples))]
    chosen = {row.id for row in sampled([row for _, row in rows], SAMPLED_ROWS)}
    rows = [(place, row) for place, row in rows if row.id in chosen]
    common = Counter(row.label for _, row in rows).most_common(SHORTCUT_CLASSES)
    used = {label for label, count in common if count >= SHORTCUT_CLASS_ROWS}
    rows = [(place, row) for place, row in rows if row.label in used]
    if len(rows) < SHORTCUT_ROWS or len(used) < 2:
        return []
    texts = [row.text for _, row in rows]
    features: dict[str, list[list[int]]] = {
        "length": [[len(text), len(text.split())] for text in texts],
        "order": [[place] for place, _ in rows],
        "numbers": [[sum(1 for _ in re.finditer(r"\d+", text))] for text in texts],
    }
    advice = {
        "length": "check that length is no accident of how the rows were collected: the model may learn it alone",
        "order": "rows that are sorted by label are harmless when training shuffles; rows collected label by label may "
        "differ in more than the label",
        "numbers": "check that the numbers are part of the task and no trace of where the rows come from",
    }
    told = {"length": "its text's length", "order": "its place in the file", "numbers": "how many numbers it has"}
    aucs = {name: _guessing_auc(values, [row.label for _, row in rows]) for name, values in features.items()}
    evidence = {
        "auc": {name: round(auc, 3) for name, auc in aucs.items()},
        "threshold": SHORTCUT_AUC,
        "folds": _FOLDS,
        "rows": len(rows),
        "labels": len(used),
    }
    findings = []
    for name, auc in aucs.items():
        if auc > SHORTCUT_AUC:
            what = f"A row's label can be guessed from {told[name]} alone: AUC {auc:.2f} over {len(rows)} rows"
            severity: Severity = "info" if name == "order" else "warning"  # most files sorted by label are right
            findings.append(Finding("shortcuts", severity, what, (), advice[name], {"feature": name, **evidence}))
    return findings


def label_counts(parts: Mapping[str, Sequence[Example]]) -> dict[str, dict[str, int]]:
    """How many rows of each part have each label, the most frequent label first; nothing where rows have none.

    One row after another is looked at, whatever the parts weigh.
    """
    counts = {part: _counts(examples) for part, examples in parts.items()}
    total: Counter[str] = Counter()
    for found in counts.values():
        total.update(found)
    ordered = sorted(total, key=lambda label: (-total[label], label))
    return {label: {part: found[label] for part, found in counts.items()} for label in ordered}


def normalised_entropy(counts: Iterable[int]) -> float:
    """H / log K of counts by class: 1 when all K are equal, 0 when one has all; empty classes do not count.

    One class alone has nothing to be uneven with and gives 1.
    """
    present = [count for count in counts if count > 0]
    return _entropy(present) / math.log(len(present)) if len(present) > 1 else 1.0


def effective_classes(counts: Iterable[int]) -> float:
    """exp(H) of counts by class: the number of equal classes that would be as hard to guess."""
    return math.exp(_entropy([count for count in counts if count > 0]))


def _entropy(counts: Sequence[int]) -> float:
    total = sum(counts)
    return -math.fsum(count / total * math.log(count / total) for count in counts)


def _labelled(examples: Sequence[Example]) -> list[LabelledText]:
    if not examples or not isinstance(examples[0], LabelledText):
        return []  # the rows of a data set are all of one kind
    return [example for example in examples if isinstance(example, LabelledText)]


def _counts(examples: Sequence[Example]) -> Counter[str]:
    return Counter(row.label for row in _labelled(examples))


def _listed(counts: Counter[str]) -> dict[str, object]:
    return {"labels": len(counts), "counts": {k[:80]: n for k, n in counts.most_common(LISTED_LABELS)}}


def _guessing_auc(features: Sequence[Sequence[int]], labels: Sequence[str]) -> float:
    """The mean, over folds and over labels against the rest, of the AUC of a shallow tree on rows it has not seen."""
    import numpy as np
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold
    from sklearn.tree import DecisionTreeClassifier

    place = {label: k for k, label in enumerate(dict.fromkeys(labels))}
    x_NF, y_N = np.array(features), np.array([place[label] for label in labels])
    aucs: list[float] = []
    for train, held_out in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(x_NF, y_N):
        # Deep enough for blocks of rows by label, with leaves too large to learn single rows by heart.
        tree = DecisionTreeClassifier(max_depth=6, min_samples_leaf=5, random_state=0).fit(x_NF[train], y_N[train])
        probability_NK = tree.predict_proba(x_NF[held_out])
        aucs += [float(roc_auc_score(y_N[held_out] == k, probability_NK[:, k])) for k in range(len(place))]
    return sum(aucs) / len(aucs)

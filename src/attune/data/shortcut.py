"""Test labels that can be told without reading: by length, numbers, place, or a number at the start of the text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from attune.data.balance import SAMPLED_ROWS, SHORTCUT_CLASS_ROWS, SHORTCUT_CLASSES, SHORTCUT_ROWS
from attune.data.example import Example, LabelledText
from attune.data.stored import sampled

Features = list[list[float]]

BLOCKS_OF_SORTED = 2  # for each label
# "#0042", "id: 17", "POS-0042": letters, a sign, and digits with which a text begins.
_MARK = re.compile(r"[^\w\n]{0,3}([^\W\d_]{0,8})[ \t]?[-_#:/.№ ]{0,2}(\d{2,12})\b")


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One feature that tells the test rows' labels.

    Attributes:
        feature: "length", "numbers", "order" or "number at the start".
        auc: mean over labels against the rest, on the test rows, of a tree that saw the training rows.
        rows: indices of the test rows whose label it gives.
    """

    feature: str
    auc: float
    rows: tuple[int, ...]


def shortcuts_between(train: Sequence[Example], test: Sequence[Example], least: float) -> list[Shortcut]:
    """The features that tell the labels of the test rows with an AUC above `least`.

    Labels with fewer than SHORTCUT_CLASS_ROWS rows on either side are left out; of the training rows, a sample is read.
    """
    learnt = [(place, row) for place, row in enumerate(train) if isinstance(row, LabelledText)]
    asked = [(place, row) for place, row in enumerate(test) if isinstance(row, LabelledText)]
    is_sorted = any(_is_sorted([row.label for _, row in rows]) for rows in (learnt, asked))
    chosen = {row.id for row in sampled([row for _, row in learnt], SAMPLED_ROWS)}
    learnt = [(place, row) for place, row in learnt if row.id in chosen]
    in_train, in_test = (Counter(row.label for _, row in rows) for rows in (learnt, asked))
    used = [
        label
        for label, count in sorted(in_train.most_common(SHORTCUT_CLASSES))
        if min(count, in_test[label]) >= SHORTCUT_CLASS_ROWS
    ]
    learnt, asked = ([(place, row) for place, row in rows if row.label in used] for rows in (learnt, asked))
    if len(used) < 2 or len(learnt) < SHORTCUT_ROWS:
        return []
    found = []
    ours = _features(learnt, len(train), learnt)
    theirs = _features(asked, len(test), learnt)
    for name, values in ours.items():
        if name == "order" and is_sorted:
            continue
        auc, told = _told(values, [row.label for _, row in learnt], theirs[name], [row.label for _, row in asked], used)
        if auc > least:
            found.append(Shortcut(name, auc, tuple(asked[index][0] for index in told)))
    return found


def _features(
    rows: Sequence[tuple[int, LabelledText]], total: int, learnt: Sequence[tuple[int, LabelledText]]
) -> dict[str, Features]:
    """By feature the values of each row; what is read of words is what the training rows have."""
    texts = [row.text for _, row in rows]
    features: dict[str, Features] = {
        "length": [[len(text), len(text.split())] for text in texts],
        "numbers": [[sum(1 for _ in re.finditer(r"\d+", text))] for text in texts],
        "order": [[place / total] for place, _ in rows],
    }
    marks = [_MARK.match(row.text) for _, row in learnt]
    if 2 * sum(mark is not None for mark in marks) > len(marks):
        letters = sorted({mark[1].casefold() for mark in marks if mark})
        code = {word: place for place, word in enumerate(letters)}
        features["number at the start"] = [
            [-1.0, -1.0] if mark is None else [code.get(mark[1].casefold(), -1.0), float(mark[2])]
            for mark in map(_MARK.match, texts)
        ]
    return features


def _told(
    ours: Features, labels: Sequence[str], theirs: Features, wanted: Sequence[str], used: Sequence[str]
) -> tuple[float, list[int]]:
    """The AUC on rows that the tree has not seen, and the ones whose label it says."""
    from sklearn.metrics import roc_auc_score
    from sklearn.tree import DecisionTreeClassifier

    code = {label: place for place, label in enumerate(used)}
    y_N, wanted_M = np.array([code[label] for label in labels]), np.array([code[label] for label in wanted])
    # Leaves too large to learn single rows by heart.
    tree = DecisionTreeClassifier(max_depth=6, min_samples_leaf=5, random_state=0).fit(np.array(ours), y_N)
    probability_MK = tree.predict_proba(np.array(theirs))
    aucs = [float(roc_auc_score(wanted_M == k, probability_MK[:, k])) for k in range(len(used))]
    return sum(aucs) / len(aucs), [int(m) for m in np.flatnonzero(probability_MK.argmax(axis=1) == wanted_M)]


def _is_sorted(labels: Sequence[str]) -> bool:
    """Whether rows stand label by label: that harms nothing, since training shuffles and no model sees places."""
    blocks = 1 + sum(one != other for one, other in pairwise(labels))
    return blocks <= BLOCKS_OF_SORTED * len(set(labels))

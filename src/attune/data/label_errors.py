"""Labels that are probably wrong, by confident learning (Northcutt et al. 2021): what other rows teach, out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from attune.data.classifier import FEWEST_ROWS, learnable, text_classifier
from attune.data.example import Example
from attune.data.finding import Finding
from attune.data.likeness import Cluster, normalised
from attune.data.strict_json import quoted
from attune.recipe import Audit

FOLDS = 5
WORDS_IN_A_ROW = 4
MOST_ROWS = 50_000
LISTED = 200


def label_errors(examples: Sequence[Example], limits: Audit, alike: Sequence[Cluster]) -> list[Finding]:
    """Labels that the other rows speak against, the least credible first; for review, never to be removed unseen.

    A model of up to four words in a row is fitted on four fifths of the rows and asked about the rest, five times;
    rows that are alike are in one fifth. Classes of fewer than ten rows are left out.

    Args:
        alike: clusters of these examples' own prompts.
    """
    rows = learnable(examples, MOST_ROWS)
    labels = [examples[index].label for index in rows]  # type: ignore[union-attr]
    classes = sorted(set(labels))
    if len(rows) < FEWEST_ROWS or len(classes) < 2:
        return []
    from cleanlab.filter import find_label_issues

    label_N = np.array([classes.index(label) for label in labels])
    odds_NC = _out_of_fold([examples[i].text for i in rows], label_N, _groups(examples, rows, alike))  # type: ignore[union-attr]
    suspects = find_label_issues(label_N, odds_NC, return_indices_ranked_by="normalized_margin", n_jobs=1)
    if not len(suspects):
        return []
    doubted = [
        {
            "row": str(examples[rows[i]].origin),
            "label": labels[i],
            "instead": classes[int(odds_NC[i].argmax())],
            "probability": round(float(odds_NC[i, label_N[i]]), 4),
        }
        for i in suspects[:LISTED]
    ]
    first = doubted[0]
    return [
        Finding(
            "label_errors",
            "warning" if len(suspects) > 0.005 * len(rows) else "info",
            f"{len(suspects)} of {len(rows)} labels are probably wrong, for example {first['row']}: "
            f"{quoted(first['label'])} rather than {quoted(first['instead'])}.",
            tuple(examples[rows[i]].origin for i in suspects),
            "Look at these rows, the first ones first, and correct what is wrong.",
            {"ranked": doubted, "accuracy_out_of_fold": round(float((odds_NC.argmax(1) == label_N).mean()), 4)},
        )
    ]


def _groups(examples: Sequence[Example], rows: Sequence[int], alike: Sequence[Cluster]) -> np.ndarray[Any, Any]:
    cluster = {member: number for number, found in enumerate(alike) for member in found.members}
    names = [cluster.get(index, normalised(examples[index].text)) for index in rows]  # type: ignore[union-attr]
    number: dict[object, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names])


def _out_of_fold(texts: Sequence[str], label_N: Any, group_N: Any) -> Any:
    """Probabilities [N, C] of each row's classes by a model that saw neither the row nor one like it."""
    from sklearn.model_selection import StratifiedGroupKFold

    classes = int(label_N.max()) + 1
    odds_NC = np.full((len(texts), classes), 1.0 / classes)
    written = np.array(texts, dtype=object)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for train, rest in folds.split(written, label_N, group_N):
        seen = np.unique(label_N[train])
        if len(seen) < 2:
            continue
        model = text_classifier(WORDS_IN_A_ROW).fit(written[train], label_N[train])
        odds_NC[np.ix_(rest, seen)] = model.predict_proba(written[rest])
    return odds_NC / odds_NC.sum(1, keepdims=True)

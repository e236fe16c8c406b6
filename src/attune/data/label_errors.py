"""Labels that are probably wrong, by confident learning (Northcutt et al. 2021): what other rows teach, out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attune.data.classifier import FEWEST_ROWS, learnable, words_in_a_row
from attune.data.example import Example, target_of
from attune.data.finding import Finding
from attune.data.likeness import Cluster, normalised
from attune.data.strict_json import quoted
from attune.recipe import Audit

FOLDS = 5
EXACT_ROWS = 3_000  # the memory of the closed form is quadratic, its time cubic
PENALTY = 0.3  # of the squared weights; each text's vector has length one
LEAST_WEIGHT = 0.05  # of a row that nothing speaks for
LONGEST = 4  # words in a row
MOST_ROWS = 50_000
LISTED = 200


@dataclass(frozen=True, slots=True)
class DoubtedLabel:
    """A label for which the other rows would rather have another one.

    Attributes:
        index: of the row.
        instead: the label that the other rows speak for.
        own, other: probability of the row's label and of that one, out of fold.
        wrong: whether confident learning counts it among the errors.
    """

    index: int
    instead: str
    own: float
    other: float
    wrong: bool


def doubted_labels(examples: Sequence[Example], alike: Sequence[Cluster]) -> tuple[list[DoubtedLabel], int]:
    """Every label that the other rows would rather have otherwise, the least credible first, and how many were judged.

    Each row is judged by what the other rows teach about up to four words in a row; rows that are alike do not judge
    each other. Classes of fewer than ten rows are left out.

    Args:
        alike: clusters of these examples' own prompts.
    """
    rows = learnable(examples, MOST_ROWS)
    labels = [examples[index].label for index in rows]  # type: ignore[union-attr]
    classes = sorted(set(labels))
    groups = _groups(examples, rows, alike)
    if len(rows) < FEWEST_ROWS or len(classes) < 2 or len(set(groups)) < FOLDS:
        return [], len(rows)
    from cleanlab.filter import find_label_issues

    label_N = np.array([classes.index(label) for label in labels])
    odds_NC = _out_of_fold([examples[i].text for i in rows], label_N, groups)  # type: ignore[union-attr]
    wrong_N = find_label_issues(label_N, odds_NC, n_jobs=1)
    own_N, best_N = odds_NC[np.arange(len(rows)), label_N], odds_NC.argmax(1)
    doubted = [
        DoubtedLabel(rows[i], classes[best_N[i]], float(own_N[i]), float(odds_NC[i, best_N[i]]), bool(wrong_N[i]))
        for i in np.flatnonzero(best_N != label_N)
    ]
    return sorted(doubted, key=lambda d: (d.own - d.other, examples[d.index].id)), len(rows)


def label_errors(examples: Sequence[Example], limits: Audit, alike: Sequence[Cluster]) -> list[Finding]:
    """Labels that the other rows speak against, the least credible first; for review, never to be removed unseen.

    Args:
        alike: clusters of these examples' own prompts.
    """
    doubted, judged = doubted_labels(examples, alike)
    wrong = [doubt for doubt in doubted if doubt.wrong]
    if not wrong:
        return []
    ranked = [
        {
            "row": str(examples[doubt.index].origin),
            "label": target_of(examples[doubt.index]),
            "instead": doubt.instead,
            "probability": round(doubt.own, 4),
        }
        for doubt in wrong[:LISTED]
    ]
    first = ranked[0]
    return [
        Finding(
            "label_errors",
            "warning" if len(wrong) > 0.005 * judged else "info",
            f"{len(wrong)} of {judged} labels are probably wrong, for example {first['row']}: "
            f"{quoted(first['label'])} rather than {quoted(first['instead'])}.",
            tuple(examples[doubt.index].origin for doubt in wrong),
            "Look at these rows, the first ones first, and correct what is wrong: `attune label` shows them.",
            {"ranked": ranked, "accuracy_out_of_fold": round(1 - len(doubted) / judged, 4)},
        )
    ]


def _groups(examples: Sequence[Example], rows: Sequence[int], alike: Sequence[Cluster]) -> np.ndarray[Any, Any]:
    cluster = {member: number for number, found in enumerate(alike) for member in found.members}
    names = [cluster.get(index, normalised(examples[index].text)) for index in rows]  # type: ignore[union-attr]
    number: dict[object, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names])


def _out_of_fold(texts: Sequence[str], label_N: Any, group_N: Any) -> Any:
    """Probabilities [N, C] of each row's classes by models that saw neither the row nor one like it.

    Ridge regression on words (Hoerl & Kennard 1970), made probabilities by logistic regression on its scores (Platt
    1999), twice: the second time a row weighs as much as its label was believed the first time. The mean of both.
    Only words are counted in all rows together, which tells nothing about labels.
    """
    from sklearn.linear_model import LogisticRegression

    x_NF = words_in_a_row(LONGEST).fit_transform(texts).tocsr()
    rows = np.arange(len(label_N))
    said, weight_N = [], np.ones(len(rows))
    for _ in range(2):
        score_NC = _left_out(x_NF, np.eye(int(label_N.max()) + 1)[label_N], weight_N, group_N)
        odds_NC = LogisticRegression(C=100.0, max_iter=1000).fit(score_NC, label_N).predict_proba(score_NC)
        said.append(odds_NC)
        weight_N = odds_NC[rows, label_N].clip(LEAST_WEIGHT, 1.0)
    return np.mean(said, axis=0)


def _left_out(x_NF: Any, y_NC: Any, weight_N: Any, group_N: Any) -> Any:
    """Scores [N, C] of each row by a regression on the rows of all other groups.

    Of few rows all of them, in closed form from one inverse (Hastie et al. 2009, 7.10, for groups); of many rows by
    regressions on four fifths.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import StratifiedGroupKFold

    if len(y_NC) > EXACT_ROWS:
        score_NC = np.empty_like(y_NC)
        folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
        for train, rest in folds.split(x_NF, y_NC.argmax(1), group_N):
            model = Ridge(PENALTY, solver="sparse_cg", tol=1e-3)
            score_NC[rest] = model.fit(x_NF[train], y_NC[train], weight_N[train]).predict(x_NF[rest])
        return score_NC
    mean_C = y_NC.mean(0)
    inverse_NN = np.linalg.inv((x_NF @ x_NF.T).toarray() + np.diag(PENALTY / weight_N))
    solved_NC = inverse_NN @ (y_NC - mean_C)
    score_NC = y_NC - solved_NC / inverse_NN.diagonal()[:, None]
    order = np.argsort(group_N, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(group_N[order])) + 1):
        if len(group) > 1:
            score_NC[group] = y_NC[group] - np.linalg.solve(inverse_NN[np.ix_(group, group)], solved_NC[group])
    return score_NC

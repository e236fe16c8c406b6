"""Measures of how two samples differ: by words, by labels, by length. Chance is told beside each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

FOLDS = 5
GREATEST_RATIO = 3
CHANCE = 0.01  # a shift that comes up by chance more often than this is none
LENGTH_BINS = 10


def separability(rows: Sequence[list[str]], trained: int, groups: Sequence[int]) -> tuple[float, float, float]:
    """The AUC at which held-out rows' words tell the first `trained` rows from the others, with its 95 % interval.

    Logistic regression on TF-IDF, five folds. The interval is calibrated where neither side has more than
    `GREATEST_RATIO` times the rows of the other.

    Args:
        groups: rows of one group are held out together and count as one in the interval. Where either sample has fewer
            of them than there are folds, nothing can be told: 0.5, and the interval from 0 to 1.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    if min(len(set(groups[:trained])), len(set(groups[trained:]))) < FOLDS:
        return 0.5, 0.0, 1.0
    x_RV = TfidfVectorizer(analyzer=list, sublinear_tf=True).fit_transform(rows)
    is_other_R = np.arange(len(rows)) >= trained
    fold_R = _folds(is_other_R, groups)
    folds = []
    for fold in range(FOLDS):
        held_R = fold_R == fold
        if len(set(is_other_R[held_R])) < 2 or len(set(is_other_R[~held_R])) < 2:
            continue
        model = LogisticRegression(solver="liblinear", class_weight="balanced", random_state=0)
        model.fit(x_RV[~held_R], is_other_R[~held_R])
        folds.append((np.flatnonzero(held_R), model.decision_function(x_RV[held_R])))
    weights = [int(is_other_R[held].sum()) * int((~is_other_R[held]).sum()) for held, _ in folds]
    auc, influence_R = 0.0, np.zeros(len(rows))
    for (held, score_H), weight in zip(folds, weights, strict=True):
        area, of_rows_H = _area(score_H, is_other_R[held])
        auc += area * weight / sum(weights)
        influence_R[held] = of_rows_H * weight / sum(weights)
    group_R = np.unique(np.asarray(groups), return_inverse=True)[1]
    # Where there is nothing to tell, the score of one row by another and that of the other by the one are the same
    # accident: the variance is twice that of as many independent scores.
    error = math.sqrt(2 * float((np.bincount(group_R, influence_R) ** 2).sum()))
    return auc, max(0.0, auc - 1.96 * error), min(1.0, auc + 1.96 * error)


def jensen_shannon(one_V: Any, other_V: Any) -> float:
    """The divergence of two counts of the same things, in bits: 0 for equal shares, 1 for nothing in common."""
    import numpy as np

    p_V, q_V = np.asarray(one_V) / np.sum(one_V), np.asarray(other_V) / np.sum(other_V)
    middle_V = (p_V + q_V) / 2
    sums = [float((d_V[d_V > 0] * np.log2(d_V[d_V > 0] / middle_V[d_V > 0])).sum()) for d_V in (p_V, q_V)]
    return max(0.0, sum(sums) / 2)


def cramers_v(counts_PL: Sequence[Sequence[int]]) -> float:
    """Cramer's V of two parts' counts by label, both weighing the same: 0 for equal shares, 1 for disjoint ones."""
    one, other = ([count / sum(part) for count in part] for part in counts_PL)
    return math.sqrt(math.fsum((p - q) ** 2 / (p + q) for p, q in zip(one, other, strict=True) if p + q) / 2)


def stability_index(train: Sequence[int], rest: Sequence[int]) -> tuple[float, float]:
    """The population stability index of values beside training values, and what chance exceeds in 1 of 100 cases."""
    import numpy as np
    from scipy.stats import chi2

    edges = np.unique(np.quantile(train, np.arange(1, LENGTH_BINS) / LENGTH_BINS, method="lower"))
    p_B, q_B = (np.bincount(np.searchsorted(edges, part), minlength=len(edges) + 1) + 0.5 for part in (train, rest))
    p_B, q_B = p_B / p_B.sum(), q_B / q_B.sum()
    by_chance = (1 / len(train) + 1 / len(rest)) * float(chi2.ppf(1 - CHANCE, len(edges)))
    return float(((q_B - p_B) * np.log(q_B / p_B)).sum()), by_chance


def _folds(is_other_R: Any, groups: Sequence[int]) -> Any:
    """The fold of each row: whole groups, dealt out in turn, those of either part and those of both apart."""
    import numpy as np

    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    dealt: Counter[frozenset[bool]] = Counter()
    fold_R = np.zeros(len(groups), dtype=int)
    for rows in sorted(members.values(), key=lambda rows: (-len(rows), rows[0])):
        kind = frozenset(bool(is_other_R[row]) for row in rows)
        fold_R[rows] = dealt[kind] % FOLDS
        dealt[kind] += 1
    return fold_R


def _area(score_H: Any, is_other_H: Any) -> tuple[float, Any]:
    """The area under the ROC curve, and what each row adds to it beyond the mean (DeLong et al. 1988), ties by half."""
    import numpy as np

    below = {part: np.sort(score_H[is_other_H == part]) for part in (False, True)}
    area, of_rows_H = 0.0, np.zeros(len(score_H))
    for part in (False, True):
        mine, others = score_H[is_other_H == part], below[not part]
        rank = (np.searchsorted(others, mine, "left") + np.searchsorted(others, mine, "right")) / 2 / len(others)
        won = rank if part else 1 - rank
        area = float(won.mean())
        of_rows_H[is_other_H == part] = (won - area) / math.sqrt(len(mine) * max(1, len(mine) - 1))
    return area, of_rows_H

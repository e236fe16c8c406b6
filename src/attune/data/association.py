"""Whether two things go together in rows: rates with intervals, odds ratios, exact tests, and many tests at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

CONFIDENCE = 0.95


class Table(NamedTuple):
    """Rows counted by two things, such as a group and a label.

    Attributes:
        both: rows of the group that have the label.
        group_only: rows of the group that do not.
        other_only: other rows that have the label.
        neither: other rows that do not.
    """

    both: int
    group_only: int
    other_only: int
    neither: int

    @property
    def odds_ratio(self) -> float:
        """The group's odds of the label over those of the rest, with half a row added to each count (Haldane 1956)."""
        return (self.both + 0.5) * (self.neither + 0.5) / ((self.group_only + 0.5) * (self.other_only + 0.5))

    @property
    def pmi(self) -> float | None:
        """log p(group, label) / (p(group) p(label)), natural; None where the two never meet."""
        if not self.both:
            return None
        group, label = self.both + self.group_only, self.both + self.other_only
        return math.log(self.both * sum(self) / (group * label))

    def p_value(self) -> float:
        """Fisher's exact test, two-sided."""
        from scipy.stats import fisher_exact

        return float(fisher_exact([[self.both, self.group_only], [self.other_only, self.neither]]).pvalue)


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The interval of a rate at 95 % (Wilson 1927); (0, 1) when nothing was counted."""
    if not of:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    rate, scale = hits / of, 1 + z * z / of
    middle = (rate + z * z / (2 * of)) / scale
    half = z * math.sqrt(rate * (1 - rate) / of + z * z / (4 * of * of)) / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted so that rejecting those <= alpha errs once or more with probability <= alpha (Holm 1979)."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted

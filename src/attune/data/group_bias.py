"""Whether labels, answers and occupations go with the groups of people that rows mention.

It counts; it does not judge. What it finds may be right in the world, or come of how rows were collected.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attune.data.association import Table, holm, wilson
from attune.data.example import Document, Example, LabelledText, own_prompt, target_of
from attune.data.finding import Finding
from attune.data.groups import OCCUPATION, Group, lexicon
from attune.data.stored import sampled
from attune.data.strict_json import quoted
from attune.data.toxicity import LexiconScorer
from attune.recipe import Audit

SIGNIFICANCE = 0.05
SAMPLED_ROWS = 100_000
LENGTH_RATIO = 1.25  # of median words of targets
LABELS = 20  # the largest ones; tests grow with groups times labels
LISTED_TESTS, LISTED_OCCUPATIONS = 100, 20
OCCUPATION_ROWS = 5  # fewer are not listed

Kind = Literal["label", "toxic target", "target words", "occupation"]
Mask = NDArray[np.bool_]
_TEST_FIELDS = (
    "kind", "outcome", "rate", "low", "high", "rest", "rest_low", "rest_high", "pmi", "odds_ratio", "within_axis", "p",
    "p_holm",
)  # fmt: skip


@dataclass(slots=True)
class _Test:
    """One group against other rows on one outcome.

    Attributes:
        rate, rest: share of the rows with the outcome, in the group and in the rest; of target words, the median.
        odds_ratio: with Haldane's half row; of target words, the odds that a target of the group has more words than
            one of the rest.
        within_axis: the odds ratio against rows that mention other groups of the axis; None when they are too few.
    """

    group: Group
    kind: Kind
    outcome: str
    rows: int
    rest_rows: int
    rate: float
    rest: float
    odds_ratio: float
    within_axis: float | None
    p_value: float
    pmi: float | None = None
    interval: tuple[float, float] | None = None
    rest_interval: tuple[float, float] | None = None
    p_holm: float = 1.0

    def stands_out(self, least: float) -> bool:
        """Significant, large, and no less so among rows that all mention somebody of the axis.

        Nearly all answers can be longer by one word, which is nothing: medians of lengths must differ by a quarter.
        """
        if self.kind == "target words" and LENGTH_RATIO * min(self.rate, self.rest) > max(self.rate, self.rest):
            return False
        ratios = [ratio for ratio in (self.odds_ratio, self.within_axis) if ratio is not None]
        return self.p_holm < SIGNIFICANCE and (min(ratios) >= least or max(ratios) <= 1 / least)

    def record(self) -> dict[str, Any]:
        low, high = self.interval or (None, None)
        rest_low, rest_high = self.rest_interval or (None, None)
        numbers = {
            "rate": self.rate, "low": low, "high": high, "rest": self.rest, "rest_low": rest_low,
            "rest_high": rest_high, "pmi": self.pmi, "odds_ratio": self.odds_ratio, "within_axis": self.within_axis,
        }  # fmt: skip
        rounded = {name: None if value is None else round(value, 4) for name, value in numbers.items()}
        p_values = {"p": float(f"{self.p_value:.3g}"), "p_holm": float(f"{self.p_holm:.3g}")}
        about = {"axis": self.group.axis, "group": self.group.name, "kind": self.kind, "outcome": self.outcome[:80]}
        return {**about, "rows": self.rows, "rest_rows": self.rest_rows, **rounded, **p_values}


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows as they are compared.

    Attributes:
        asked_NG: whether what the model is given (of rows without a target, the text) mentions a group.
        told_NG: whether the target does.
        named_NG: whether either does.
    """

    examples: Sequence[Example]
    asked_NG: Mask
    told_NG: Mask
    named_NG: Mask

    def others(self, group: int) -> Mask:
        """Rows that ask about another group of the axis, and not about this one."""
        groups = lexicon().groups
        others = [k for k, other in enumerate(groups) if other.axis == groups[group].axis and k != group]
        found: Mask = self.asked_NG[:, others].any(1) & ~self.asked_NG[:, group]
        return found


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What is compared between rows.

    Attributes:
        value_N: whether a row has it, or how much of it.
        valid_N: rows that could have it.
    """

    kind: Kind
    name: str
    value_N: NDArray[Any]
    valid_N: Mask


def group_bias(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Labels, lengths and offensive words of answers, and occupations that go with mentions of a group of people.

    A warning only when an odds ratio is significant (Fisher's exact test, for lengths that of Mann and Whitney; Holm
    over all tests), large, and as large against rows that mention other groups of the same axis; else the table of
    groups as one info finding, when one group at least has enough rows. It names no rows: to leave out those that
    mention a group would be the greater wrong.

    Evidence: `groups`, one flat record each: axis, group, rows (that mention it anywhere), share (of the rows that were
    read), target_rows (whose target mentions it), and its strongest test: kind ("label", "toxic target", "target
    words", "occupation"), outcome, rate and rest (shares, or median words), low, high, rest_low, rest_high (Wilson
    95 %), pmi, odds_ratio, within_axis (the same against other groups of the axis), p, p_holm; these are null without
    a test. `tests`: the same fields for every test, the smallest p first, and rest_rows. `occupations`: occupation,
    women, men (rows that mention only that gender), log_ratio log((women + 1) / (men + 1)). `too_few`: "axis: group" of
    those that fewer than `group_rows` rows mention. `rows_read`, `tests_in_all`, `group_rows`, `group_odds`.
    """
    rows = _read(sampled(examples, SAMPLED_ROWS))
    groups = lexicon().groups
    count_G = rows.named_NG.sum(0)
    people = sorted((k for k, group in enumerate(groups) if group.axis != OCCUPATION), key=lambda k: -count_G[k])
    enough = [k for k in people if count_G[k] >= limits.group_rows]
    if not enough:
        return []
    tests = _tests(rows, people, limits)
    evidence = {
        "groups": [_group_record(rows, k, tests) for k in enough],
        "tests": [test.record() for test in tests[:LISTED_TESTS]],
        "occupations": _occupations(rows),
        "too_few": [": ".join(groups[k]) for k in people if 0 < count_G[k] < limits.group_rows],
        "rows_read": len(rows.examples),
        "tests_in_all": len(tests),
        "group_rows": limits.group_rows,
        "group_odds": limits.group_odds,
    }
    found = [test for test in tests if test.stands_out(limits.group_odds)]
    if not found:
        told = ", ".join(f"{groups[k].name} in {count_G[k]}" for k in enough[:5])
        what = f"{len(enough)} groups of people are named in {limits.group_rows} rows or more ({told}); "
        what += f"none of {len(tests)} comparisons stands out" if tests else "there is nothing to compare them by"
        return [
            Finding("group_bias", "info", what, (), "see whether the groups that matter to you are there", evidence)
        ]
    what = _sentence(found[0], len(tests)) + (
        f"; {len(found) - 1} more comparisons stand out" if len(found) > 1 else ""
    )
    advice = "see whether this is right for the task; if not, add rows that balance it, since a model learns it"
    return [Finding("group_bias", "warning", what, (), advice, evidence)]


def _tests(rows: _Rows, people: Sequence[int], limits: Audit) -> list[_Test]:
    """Every comparison, corrected for all of them, the smallest p first."""
    asked = [k for k in people if rows.asked_NG[:, k].sum() >= limits.group_rows]
    outcomes = list(_outcomes(rows, limits)) if asked else []
    tests = [_test(rows, k, outcome, limits) for outcome in outcomes for k in asked]
    tests += _occupation_tests(rows, limits)
    for test, adjusted in zip(tests, holm([test.p_value for test in tests]), strict=True):
        test.p_holm = adjusted
    return sorted(tests, key=lambda test: (test.p_value, test.group, test.kind, test.outcome))


def _read(examples: Sequence[Example]) -> _Rows:
    words = lexicon()
    asked_NG = np.zeros((len(examples), len(words.groups)), dtype=bool)
    told_NG = np.zeros_like(asked_NG)
    for row, example in enumerate(examples):
        asked_NG[row, list(words.named(own_prompt(example)))] = True
        if _answers(example):
            told_NG[row, list(words.named(target_of(example)))] = True
    return _Rows(examples, asked_NG, told_NG, asked_NG | told_NG)


def _answers(example: Example) -> bool:
    return not isinstance(example, LabelledText | Document)


def _outcomes(rows: _Rows, limits: Audit) -> Iterator[_Outcome]:
    labels = [row.label if isinstance(row, LabelledText) else None for row in rows.examples]
    labelled_N = np.array([label is not None for label in labels])
    counts = Counter(label for label in labels if label is not None)
    tested = sorted((label for label in counts if counts[label] >= limits.class_rows), key=lambda x: (-counts[x], x))
    if len(counts) == 2:  # of two labels, one says it all
        tested = tested[1:]
    for label in tested[:LABELS] if len(counts) > 1 else []:
        yield _Outcome("label", label, np.array([other == label for other in labels]), labelled_N)
    answered_N = np.array([_answers(row) for row in rows.examples])
    if answered_N.any():
        targets = [target_of(row) if _answers(row) else "" for row in rows.examples]
        toxic_N = np.array(LexiconScorer(limits.toxic_words)(targets)) >= limits.toxic_score
        yield _Outcome("toxic target", "toxic", toxic_N, answered_N)
        yield _Outcome("target words", "words", np.array([len(text.split()) for text in targets]), answered_N)


def _test(rows: _Rows, group: int, outcome: _Outcome, limits: Audit) -> _Test:
    asked_N = rows.asked_NG[:, group]
    within_N, rest_N, other_N = (outcome.valid_N & rows_N for rows_N in (asked_N, ~asked_N, rows.others(group)))
    values, rest, others = (outcome.value_N[rows_N] for rows_N in (within_N, rest_N, other_N))
    compared = _compared_words if outcome.kind == "target words" else _compared_shares
    test = compared(lexicon().groups[group], outcome, values, rest)
    if len(others) >= limits.group_rows:
        test.within_axis = compared(lexicon().groups[group], outcome, values, others).odds_ratio
    return test


def _compared_shares(group: Group, outcome: _Outcome, values: NDArray[Any], rest: NDArray[Any]) -> _Test:
    hits, rest_hits = int(values.sum()), int(rest.sum())
    return _of_table(
        group, outcome.kind, outcome.name, Table(hits, len(values) - hits, rest_hits, len(rest) - rest_hits)
    )


def _of_table(group: Group, kind: Kind, outcome: str, table: Table) -> _Test:
    rows, rest_rows = table.both + table.group_only, table.other_only + table.neither
    return _Test(
        group, kind, outcome, rows, rest_rows, table.both / max(rows, 1), table.other_only / max(rest_rows, 1),
        table.odds_ratio, None, table.p_value(), table.pmi,
        wilson(table.both, rows), wilson(table.other_only, rest_rows),
    )  # fmt: skip


def _compared_words(group: Group, outcome: _Outcome, values: NDArray[Any], rest: NDArray[Any]) -> _Test:
    """By the test of Mann and Whitney: U counts the pairs in which the group's target is the longer one."""
    from scipy.stats import mannwhitneyu

    if not len(rest):
        return _Test(group, outcome.kind, outcome.name, len(values), 0, float(np.median(values)), 0.0, 1.0, None, 1.0)
    found = mannwhitneyu(values, rest, method="asymptotic")
    odds = (found.statistic + 0.5) / (len(values) * len(rest) - found.statistic + 0.5)
    return _Test(
        group, outcome.kind, outcome.name, len(values), len(rest), float(np.median(values)), float(np.median(rest)),
        float(odds), None, float(found.pvalue),
    )  # fmt: skip


def _gendered(rows: _Rows) -> Iterator[tuple[str, Mask, Mask, Mask]]:
    """For each occupation: rows that mention it, and rows that mention only women, and only men."""
    groups = lexicon().groups
    women_N, men_N = (rows.named_NG[:, groups.index(Group("gender", name))] for name in ("women", "men"))
    for k, group in enumerate(groups):
        if group.axis == OCCUPATION:
            yield group.name, rows.named_NG[:, k], women_N & ~men_N, men_N & ~women_N


def _occupation_tests(rows: _Rows, limits: Audit) -> Iterator[_Test]:
    for name, has_N, women_N, men_N in _gendered(rows):
        if (has_N & (women_N | men_N)).sum() >= limits.group_rows:
            counts = [
                int(mask_N.sum()) for mask_N in (has_N & women_N, ~has_N & women_N, has_N & men_N, ~has_N & men_N)
            ]
            yield _of_table(Group("gender", "women"), "occupation", name, Table(*counts))


def _occupations(rows: _Rows) -> list[dict[str, Any]]:
    found = []
    for name, has_N, women_N, men_N in _gendered(rows):
        women, men = int((has_N & women_N).sum()), int((has_N & men_N).sum())
        if women + men >= OCCUPATION_ROWS:
            found.append((name, women, men, round(math.log((women + 1) / (men + 1)), 4)))
    found.sort(key=lambda entry: -abs(entry[3]))
    return [
        dict(zip(("occupation", "women", "men", "log_ratio"), entry, strict=True))
        for entry in found[:LISTED_OCCUPATIONS]
    ]


def _group_record(rows: _Rows, group: int, tests: Sequence[_Test]) -> dict[str, Any]:
    """A group with its strongest test; `tests` have the smallest p first."""
    about = lexicon().groups[group]
    first = next((test.record() for test in tests if test.group == about), dict.fromkeys(_TEST_FIELDS))
    return {
        "axis": about.axis,
        "group": about.name,
        "rows": int(rows.named_NG[:, group].sum()),
        "share": round(float(rows.named_NG[:, group].mean()), 4),
        "target_rows": int(rows.told_NG[:, group].sum()),
        **{name: first[name] for name in _TEST_FIELDS},
    }


def _sentence(test: _Test, tests: int) -> str:
    name = test.group.name
    sure = f"odds ratio {test.odds_ratio:.2g}, p {test.p_holm:.1g} after Holm over {tests} tests"
    if test.kind == "target words":
        return (
            f"Targets of rows that mention {name} have {test.rate:.0f} words (median), others {test.rest:.0f} ({sure})"
        )
    if test.kind == OCCUPATION:
        return (
            f"{quoted(test.outcome)} stands in {test.rate:.1%} of the rows that mention women only and in "
            f"{test.rest:.1%} of those that mention men only ({sure})"
        )
    having = (
        "have targets with offensive words" if test.kind == "toxic target" else f"have the label {quoted(test.outcome)}"
    )
    return f"{test.rate:.0%} of {test.rows} rows that mention {name} {having}, {test.rest:.0%} of the others ({sure})"

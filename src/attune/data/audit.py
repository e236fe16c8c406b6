"""The audit of a data set: every check looks, none edits. To add one, write the function and name it in `CHECKS`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import overload

from attune.data import balance, diversity, duplicates, label_errors, languages, personal, representation, targets
from attune.data.example import Example, own_prompt
from attune.data.finding import Finding
from attune.data.group_bias import group_bias
from attune.data.likeness import Cluster, clusters
from attune.data.strict_json import quoted
from attune.data.substitution import lexical_substitution
from attune.data.toxicity import toxicity
from attune.errors import RecipeError
from attune.events import CheckProgress, Emit, Progress, Stop, silent
from attune.recipe import Audit

Check = Callable[[Sequence[Example], Audit], list[Finding]]
Ready = Callable[[], list[Finding]]

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        duplicates.exact_duplicates,
        duplicates.contradictions,
        balance.few_rows,
        balance.single_class,
        balance.similar_labels,
        balance.label_balance,
        balance.small_classes,
        balance.shortcuts,
        targets.empty_targets,
        targets.placeholder_targets,
        targets.refusals,
        targets.echoes,
        targets.copied_targets,
        targets.repetition,
        targets.odd_characters,
        languages.languages,
        personal.personal_data,
        diversity.diversity,
        toxicity,
        group_bias,
        lexical_substitution,
    )
}
# These are also given which rows are alike, which the split needs too, so that nothing is compared twice.
CHECKS_OF_LIKENESS: dict[str, Callable[[Sequence[Example], Audit, Sequence[Cluster]], list[Finding]]] = {
    check.__name__: check for check in (duplicates.near_duplicates, label_errors.label_errors)
}
# These are given the parts after the split: training rows, and by their names those that are compared with them.
CHECKS_OF_PARTS: dict[str, Callable[[Mapping[str, Sequence[Example]], Audit], list[Finding]]] = {
    check.__name__: check
    for check in (
        representation.two_sample,
        representation.label_shift,
        representation.length_shift,
        representation.coverage,
    )
}
# Of so many rows, one check takes seconds: it tells how far it is, and can be stopped on its way.
ROWS_WATCHED = 20_000
_WATCHED_AT_ONCE = 4096
TELL_SECONDS = 1.0
_GRAVEST_FIRST = ("error", "warning", "info")


def alike(examples: Sequence[Example], limits: Audit) -> list[Cluster]:
    """Rows that ask nearly the same: for `audit`, and for a split that keeps them on one side."""
    return clusters(map(own_prompt, examples), limits)


def require_known(limits: Audit) -> None:
    """Refuse to leave out a check that does not exist.

    Raises:
        RecipeError: names it.
    """
    names = [*CHECKS, *CHECKS_OF_LIKENESS, *CHECKS_OF_PARTS]
    for name in limits.skip:
        if name not in names:
            raise RecipeError(
                f"there is no check named {quoted(name)}", where="data.audit.skip", fix=f"one of {', '.join(names)}"
            )


def audit(
    examples: Sequence[Example],
    limits: Audit,
    near: Sequence[Cluster],
    *,
    emit: Emit = silent,
    stop: Stop | None = None,
) -> list[Finding]:
    """What a person should know about these rows, the gravest first.

    Args:
        near: what `alike` found among them.
    """

    return found(checks(examples, limits, near, emit=emit, stop=stop), emit, stop)


def checks(
    examples: Sequence[Example],
    limits: Audit,
    near: Sequence[Cluster],
    *,
    emit: Emit = silent,
    stop: Stop | None = None,
) -> dict[str, Ready]:
    """The checks of `audit` by their names, each ready to be called."""

    def seen(name: str) -> Sequence[Example]:
        return _Watched(examples, name, emit, stop) if len(examples) >= ROWS_WATCHED else examples

    ready = {name: partial(check, seen(name), limits) for name, check in CHECKS.items()}
    ready |= {name: partial(check, seen(name), limits, near) for name, check in CHECKS_OF_LIKENESS.items()}
    return {name: check for name, check in ready.items() if name not in limits.skip}


def checks_of_parts(parts: Mapping[str, Sequence[Example]], limits: Audit) -> dict[str, Ready]:
    """What a person should know about how the parts differ: the checks by their names, each ready to be called.

    Args:
        parts: "train", "validation" and "test", as far as they exist, and "like": texts of the job, never trained on.
    """
    return {name: partial(check, parts, limits) for name, check in CHECKS_OF_PARTS.items() if name not in limits.skip}


def found(checks: Mapping[str, Ready], emit: Emit = silent, stop: Stop | None = None) -> list[Finding]:
    """What these checks find, the gravest first."""
    findings: list[Finding] = []
    told = time.monotonic()
    for done, check in enumerate(checks.values(), 1):
        findings += check()
        if done == len(checks) or time.monotonic() - told > TELL_SECONDS:  # most checks take no time worth a line
            emit(Progress("audit", done, len(checks), "checks"))
            told = time.monotonic()
        if stop is not None:
            stop.check()
    return gravest_first(findings)


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Errors before warnings before infos, each in the order given."""
    return sorted(findings, key=lambda finding: _GRAVEST_FIRST.index(finding.severity))


class _Watched(Sequence[Example]):
    """Examples that tell how far one check has read them."""

    def __init__(self, examples: Sequence[Example], check: str, emit: Emit, stop: Stop | None) -> None:
        self._examples, self._check, self._emit, self._stop = examples, check, emit, stop

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...

    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        return self._examples[index]

    def __iter__(self) -> Iterator[Example]:
        told = time.monotonic()
        for done, example in enumerate(self._examples):
            if done % _WATCHED_AT_ONCE == 0:
                if self._stop is not None:
                    self._stop.check()
                if time.monotonic() - told > TELL_SECONDS:
                    self._emit(CheckProgress(self._check, done, len(self)))
                    told = time.monotonic()
            yield example

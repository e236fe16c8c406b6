"""The audit of a data set: every check looks, none edits. To add one, write the function and name it in `CHECKS`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from attune.data import balance, duplicates, label_errors, personal, targets
from attune.data.example import Example, own_prompt
from attune.data.finding import Finding
from attune.data.group_bias import group_bias
from attune.data.likeness import Cluster, clusters
from attune.data.strict_json import quoted
from attune.data.substitution import lexical_substitution
from attune.data.toxicity import toxicity
from attune.errors import RecipeError
from attune.events import Emit, Progress, Stop, silent
from attune.recipe import Audit

Check = Callable[[Sequence[Example], Audit], list[Finding]]

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        duplicates.exact_duplicates,
        duplicates.contradictions,
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
        targets.languages,
        personal.personal_data,
        toxicity,
        group_bias,
        lexical_substitution,
    )
}
# These are also given which rows are alike, which the split needs too, so that nothing is compared twice.
CHECKS_OF_LIKENESS: dict[str, Callable[[Sequence[Example], Audit, Sequence[Cluster]], list[Finding]]] = {
    check.__name__: check for check in (duplicates.near_duplicates, label_errors.label_errors)
}
_GRAVEST_FIRST = ("error", "warning", "info")


def alike(examples: Sequence[Example], limits: Audit) -> list[Cluster]:
    """Rows that ask nearly the same: for `audit`, and for a split that keeps them on one side."""
    return clusters([own_prompt(example) for example in examples], limits)


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

    Raises:
        RecipeError: a check to be left out does not exist.
    """
    names = [*CHECKS, *CHECKS_OF_LIKENESS]
    for name in limits.skip:
        if name not in names:
            raise RecipeError(
                f"there is no check named {quoted(name)}", where="data.audit.skip", fix=f"one of {', '.join(names)}"
            )
    found: list[Finding] = []
    told = time.monotonic()
    for done, name in enumerate(names, 1):
        if name not in limits.skip:
            alone = CHECKS.get(name)
            found += alone(examples, limits) if alone else CHECKS_OF_LIKENESS[name](examples, limits, near)
        if done == len(names) or time.monotonic() - told > 1.0:  # most checks take no time worth a line
            emit(Progress("audit", done, len(names), "checks"))
            told = time.monotonic()
        if stop is not None:
            stop.check()
    return sorted(found, key=lambda finding: _GRAVEST_FIRST.index(finding.severity))

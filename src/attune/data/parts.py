"""The three parts of a run: the given ones, checked for leaks, and the others, taken from the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attune.data import duplicates, leaks
from attune.data.example import Example
from attune.data.likeness import Cluster
from attune.data.split import SPLITS, Splits, split, split_by_time
from attune.recipe import Data


def divide(data: Data, parts: Mapping[str, Sequence[Example]], near: Sequence[Cluster]) -> Splits:
    """Train, validation and test.

    Args:
        parts: the given parts by name, "train" among them.
        near: clusters of near prompts among all their rows, one part after another in this order.

    Raises:
        DataError: leaks between given parts that the recipe does not accept, or too few rows for the parts wanted.
    """
    wanted = data.split
    train = parts["train"]
    near_of_train = duplicates.among(near, range(len(train)))
    if parts.keys() == {"train"}:
        return _taken(data, train, near_of_train, validation=wanted.validation, test=wanted.test)
    found, findings = leaks.find({name: parts[name] for name in SPLITS if name in parts}, near, data.audit)
    leaks.refuse(found, data.accept_leaks)
    validation, test = parts.get("validation", ()), parts.get("test", ())
    reasons, left_out = ["parts as given"], []
    if not test and wanted.test:
        rest = _taken(data, train, near_of_train, validation=0.0, test=wanted.test)
        train, test = rest.train, rest.test
        reasons, left_out = [f"test taken from train: {rest.reason}"], [*rest.left_out]
    if not validation and wanted.validation:
        rest = _taken(data, train, near_of_train, validation=wanted.validation, test=0.0)
        train, validation = rest.train, rest.validation
        reasons, left_out = [*reasons, f"validation: {rest.reason}"], [*left_out, *rest.left_out]
    counts = f"{len(train)} training, {len(validation)} validation, {len(test)} test rows"
    return Splits(
        train,
        validation,
        test,
        f"{counts}; {'; '.join(reasons)}",
        left_out=tuple(left_out),
        leaks=tuple(leak for leak in found if leak.stops),
        findings=(*leaks.findings(found), *findings),
    )


def _taken(data: Data, rows: Sequence[Example], near: Sequence[Cluster], *, validation: float, test: float) -> Splits:
    """Parts taken from the training rows, by time where the recipe names a column for it."""
    if data.split.time_by is not None:
        return split_by_time(rows, validation=validation, test=test, alike=near)
    return split(rows, validation=validation, test=test, seed=data.split.seed, alike=near)

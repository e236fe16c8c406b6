"""Train, validation and test: rows with the same prompt stay on one side, labels keep their shares, and the split is a
function of what the rows hold, not of their order in the file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from attune.data.example import Example, LabelledText, prompt_of
from attune.data.likeness import Cluster, normalised
from attune.data.stored import chosen
from attune.data.strict_json import quoted
from attune.errors import DataError, RecipeError

SPLITS = ("train", "validation", "test")
COMMON_LABEL_GROUPS = 3  # a label in fewer groups cannot be both learnt and measured


@dataclass(frozen=True, slots=True)
class Splits:
    """The three parts, each in the order of the data, and how they came about."""

    train: Sequence[Example]
    validation: Sequence[Example]
    test: Sequence[Example]
    reason: str


def split(
    examples: Sequence[Example], *, validation: float, test: float, seed: int, alike: Sequence[Cluster] = ()
) -> Splits:
    """Divides examples by the fractions asked for, in whole groups of prompts that are identical or alike.

    Prompts are compared after NFKC, case folding and joining of white space. Groups are placed largest first, each
    where it brings the label counts nearest to their targets (after Sechidis et al. 2011).

    Args:
        alike: clusters of near duplicates among the examples. One that is larger than the smallest part asked for
            cannot stay whole, and is divided by identical prompts; the reason says so.

    Raises:
        DataError: too few rows for the parts asked for, or a label that cannot be in both train and test.
        RecipeError: the fractions leave nothing to train on.
    """
    shares = {"train": 1 - validation - test, "validation": validation, "test": test}
    if not (validation >= 0 and test >= 0 and shares["train"] > 0):
        what = f"validation {validation} and test {test} leave nothing to train on"
        raise RecipeError(what, where="data.split", fix="use fractions from 0 that add up to less than 1")
    asked = {name: share for name, share in shares.items() if share > 0}
    keys: list[str] = []
    labels: list[str] = []
    for example in examples:
        keys.append(_prompt_key(example))
        labels.append(_label(example))
    most = max(2.0, min(asked.values()) * len(examples))
    whole = [cluster.members for cluster in alike if len(cluster.members) <= most]
    for cluster in whole:
        joined = min(keys[index] for index in cluster)
        for index in cluster:
            keys[index] = joined
    members: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    groups = [
        _Group(
            rank=hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=16).hexdigest(),
            indices=tuple(indices),
            labels=dict(sorted(Counter(labels[i] for i in indices).items())),
        )
        for key, indices in members.items()
    ]
    groups.sort(key=lambda group: (-len(group.indices), group.rank))
    if len(groups) < len(asked):
        raise _too_few(len(examples), len(groups), asked)
    placement = _Placement(groups, asked)
    placement.place()
    placement.give_every_label_a_place()
    placement.give_every_part_a_group()
    parts = placement.parts
    if not all(parts.values()):
        raise _too_few(len(examples), len(groups), asked)
    indices = {name: sorted(i for group in parts.get(name, ()) for i in group.indices) for name in SPLITS}
    reason = _reason({name: len(indices[name]) for name in SPLITS}, asked, len(groups), seed, placement.rare)
    divided = [cluster.members for cluster in alike if len(cluster.members) > most]
    if divided:
        rows = sum(map(len, divided))
        reason += f" {rows} near duplicates are so many that they stand on several sides, each prompt on one."
    train, validation_rows, test_rows = (chosen(examples, indices[name]) for name in SPLITS)
    return Splits(train, validation_rows, test_rows, reason)


def check_given(
    train: Sequence[Example], validation: Sequence[Example], test: Sequence[Example]
) -> list[tuple[str, Example, Example]]:
    """Leaks between parts that a user made: (which parts, the earlier part's first row, the later part's row) for each
    row of a later part whose prompt, compared as in `split`, also stands in an earlier part."""
    leaks = []
    for earlier, left, later, right in (
        ("train", train, "validation", validation),
        ("train", train, "test", test),
        ("validation", validation, "test", test),
    ):
        first = {_prompt_key(example): example for example in reversed(left)}
        leaks += [
            (f"{earlier} and {later}", first[key], example)
            for example in right
            if (key := _prompt_key(example)) in first
        ]
    return leaks


@dataclass(frozen=True, slots=True)
class _Group:
    rank: str  # a seeded hash of the prompt: the order among groups of one size
    indices: tuple[int, ...]
    labels: dict[str, int]  # sorted by label, so that sums of floats do not depend on the order of rows


class _Placement:
    """Which part every group is in."""

    def __init__(self, groups: list[_Group], asked: dict[str, float]) -> None:
        self.groups = groups
        self.parts: dict[str, list[_Group]] = {name: [] for name in asked}
        self.asked = asked
        self.totals: Counter[str] = Counter()
        self.group_counts: Counter[str] = Counter()
        for group in groups:
            self.totals.update(group.labels)
            self.group_counts.update(group.labels.keys())
        is_labelled = set(self.totals) != {""}
        self.rare = sorted(k for k, n in self.group_counts.items() if is_labelled and n < COMMON_LABEL_GROUPS)

    def place(self) -> None:
        counts = {name: Counter[str]() for name in self.asked}
        for group in self.groups:
            name = "train"
            if not group.labels.keys() & set(self.rare):
                name = min(self.asked, key=lambda part: self._cost(group, counts[part], self.asked[part]))
            self.parts[name].append(group)
            counts[name].update(group.labels)

    def _cost(self, group: _Group, counts: Counter[str], share: float) -> float:
        """How much the sum of (count - target)^2 / target over labels grows when the group comes to this part."""
        cost = 0.0
        for label, count in group.labels.items():
            target = share * self.totals[label]
            before = counts[label] - target
            cost += ((before + count) ** 2 - before**2) / max(target, 1.0)
        return cost

    def give_every_label_a_place(self) -> None:
        """Every label that is not rare stands in train and in test, if there is a test part.

        Raises:
            DataError: a label whose groups cannot be divided.
        """
        for name in ("train", "test"):
            for label in self.totals if name in self.parts else ():
                held = any(label in group.labels for group in self.parts[name])
                if held or label in self.rare or "" in self.totals:
                    continue
                if not self._move_to(name, label):
                    raise DataError(
                        f"the label {quoted(label)} ({self.totals[label]} rows, {self.group_counts[label]} different "
                        f"prompts) cannot be in both train and test without a prompt on both sides",
                        fix="add rows with this label, join it with another label, or give your own test file",
                    )

    def give_every_part_a_group(self) -> None:
        for name, part in self.parts.items():
            if not part:
                self._move_to(name)

    def _move_to(self, name: str, label: str | None = None) -> bool:
        """Moves the smallest group (with this label) that can be spared elsewhere; tells whether there was one."""
        movable = [
            (len(group.indices), group.rank, source, group)
            for source in self.parts
            if source != name
            for group in self._spare(source)
            if label is None or label in group.labels
        ]
        if not movable:
            return False
        *_, source, group = min(movable, key=lambda choice: choice[:2])
        self.parts[source].remove(group)
        self.parts[name].append(group)
        return True

    def _spare(self, source: str) -> list[_Group]:
        """The groups that can leave a part without emptying it or taking a label out of train or test."""
        part = self.parts[source]
        if len(part) == 1:
            return []
        if source == "validation":
            return part
        held = Counter(label for group in part for label in group.labels)
        return [group for group in part if all(held[label] > 1 and label not in self.rare for label in group.labels)]


def _prompt_key(example: Example) -> str:
    return hashlib.blake2b(normalised(prompt_of(example)).encode(), digest_size=16).hexdigest()


def _label(example: Example) -> str:
    return example.label if isinstance(example, LabelledText) else ""


def _too_few(rows: int, groups: int, asked: dict[str, float]) -> DataError:
    parts = ", ".join(f"{name} {share:.0%}" for name, share in asked.items())
    return DataError(
        f"too few rows to split: {rows} rows with {groups} different prompts for {parts}",
        fix="add rows with other prompts, set data.split.validation or data.split.test to 0, or name your own files "
        "under data.validation and data.test",
    )


def _reason(counts: dict[str, int], asked: dict[str, float], groups: int, seed: int, rare: list[str]) -> str:
    total = sum(counts.values())
    sizes = ", ".join(f"{name} {counts[name]} ({counts[name] / total:.1%})" for name in asked)
    reason = f"{total} rows in {groups} groups of like prompts, no group on two sides, seed {seed}: {sizes}."
    if any(abs(counts[name] - share * total) > max(1, 0.01 * total) for name, share in asked.items()):
        wanted = ", ".join(f"{name} {share:.1%}" for name, share in asked.items())
        reason += f" Asked for were {wanted}; whole groups could not come nearer."
    if rare:
        shown = ", ".join(quoted(label) for label in rare[:10]) + (", ..." if len(rare) > 10 else "")
        reason += f" In train only, with fewer than {COMMON_LABEL_GROUPS} different prompts: {shown}."
    return reason

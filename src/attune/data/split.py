"""Train, validation and test: rows that belong together stay on one side, and labels keep their shares or times their
order. The split is a function of what the rows hold, not of where they stand in the file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from attune.data.duplicates import prompt_key
from attune.data.example import Example, LabelledText
from attune.data.finding import Finding
from attune.data.leaks import Leak
from attune.data.likeness import Cluster
from attune.data.stored import chosen
from attune.data.strict_json import quoted
from attune.errors import DataError, RecipeError

SPLITS = ("train", "validation", "test")
COMMON_LABEL_GROUPS = 3  # a label in fewer groups cannot be both learnt and measured
# What the size of a part counts beside its labels.
SIZE_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Splits:
    """The three parts, each in the order of the data, and how they came about.

    Attributes:
        left_out: rows that a split by time leaves out, each with the reason.
        leaks: leaks between given parts that the recipe accepts.
        findings: what a person should know about leaks that stop nothing.
    """

    train: Sequence[Example]
    validation: Sequence[Example]
    test: Sequence[Example]
    reason: str
    left_out: tuple[tuple[Example, str], ...] = ()
    leaks: tuple[Leak, ...] = ()
    findings: tuple[Finding, ...] = ()


def split(
    examples: Sequence[Example], *, validation: float, test: float, seed: int, alike: Sequence[Cluster] = ()
) -> Splits:
    """Divides examples by the fractions asked for, in whole groups of rows that belong together.

    Rows belong together when their prompts are identical (after NFKC, case folding and joining of white space) or
    alike, or when they have one `Origin.group`; chains of these count. Groups are placed largest first, each where it
    brings the label counts nearest to their targets (after Sechidis et al. 2011).

    Args:
        alike: clusters of near duplicates among the examples. One that is larger than the smallest part asked for
            cannot stay whole, nor can any where they chain so many groups together that the parts cannot be made;
            those are divided by prompts and groups, and the reason says so.

    Raises:
        DataError: too few rows for the parts asked for, or a label that cannot be in both train and test.
        RecipeError: the fractions leave nothing to train on.
    """
    asked = _asked(validation, test)
    whole, divided = _whole(alike, asked, len(examples))
    rows = _Rows.of(examples)
    apart = [*_rows_of_one(rows.keys), *_rows_of_one(rows.owners)]
    try:
        placed = _place(rows, [*apart, *(cluster.members for cluster in whole)], asked, seed)
    except DataError:
        if not whole or not any(rows.owners):
            raise
        placed = _place(rows, apart, asked, seed)
        divided = [*divided, *whole]
    indices, groups, rare = placed
    reason = _reason(indices, rows.owners, asked, groups, seed, rare)
    if divided:
        many = sum(len(cluster.members) for cluster in divided)
        reason += f" {many} near duplicates are so many that they stand on several sides, each prompt on one."
    train, for_validation, for_test = (chosen(examples, indices[name]) for name in SPLITS)
    return Splits(train, for_validation, for_test, reason)


def split_by_time(
    examples: Sequence[Example], *, validation: float, test: float, alike: Sequence[Cluster] = ()
) -> Splits:
    """Divides examples by `Origin.time`, the oldest to train, the newest to test; rows of one instant stay together.

    A row that belongs together (as in `split`, but directly) with one of an older part is left out of the newer one.

    Raises:
        DataError: too few instants for the parts asked for, or a part of which every row is left out.
        RecipeError: the fractions leave nothing to train on.
    """
    asked = _asked(validation, test)
    rows = _Rows.of(examples)
    last = _last_instants(rows.times, asked)
    whole, divided = _whole(alike, asked, len(examples))
    cluster_of = {index: number for number, cluster in enumerate(whole) for index in cluster.members}
    indices: dict[str, list[int]] = {name: [] for name in SPLITS}
    left_out: list[tuple[int, str]] = []
    seen: dict[_Mark, str] = {}  # what rows of the older parts have -> the first of these parts
    for name in asked:
        fresh: list[_Mark] = []
        for index, time in enumerate(rows.times):
            if _part_at(time, last) != name:
                continue
            marks = list(_marks(rows, index, cluster_of.get(index)))
            met = next((mark for mark in marks if mark in seen), None)
            if met is None:
                indices[name].append(index)
                fresh += marks
            else:
                left_out.append((index, f"{_SHARED[met[0]]} stands in the older {seen[met]} part"))
        if not indices[name]:
            raise DataError(
                f"every row of the {name} part shares its prompt or group with an older row",
                fix="split by time or by group alone, or name your own files under data.validation and data.test",
            )
        seen |= {mark: seen.get(mark, name) for mark in fresh}
    total = sum(map(len, indices.values()))
    sizes = ", ".join(f"{name} {len(indices[name])} ({len(indices[name]) / total:.1%})" for name in asked)
    reason = f"{total} rows by time, the oldest to train, rows of one instant together: {sizes}."
    if left_out:
        reason += f" {len(left_out)} newer rows that share a prompt or group with older ones are left out."
    if divided:
        reason += f" {sum(len(c.members) for c in divided)} near duplicates are too many for that and stay."
    told = tuple((examples[index], why) for index, why in sorted(left_out))
    train, for_validation, for_test = (chosen(examples, indices[name]) for name in SPLITS)
    return Splits(train, for_validation, for_test, reason, told)


_Mark = tuple[str, Hashable]
_SHARED = {"group": "its group", "prompt": "its prompt", "cluster": "nearly the same prompt"}


def _marks(rows: _Rows, index: int, cluster: int | None) -> Iterator[_Mark]:
    """What ties a row to others."""
    if rows.owners[index]:
        yield "group", rows.owners[index]
    yield "prompt", rows.keys[index]
    if cluster is not None:
        yield "cluster", cluster


def _last_instants(times: Sequence[float | None], asked: dict[str, float]) -> list[tuple[str, float]]:
    """Each part with its last instant, so that the parts are as near to their shares as whole instants allow."""
    counts = Counter(times)
    instants = sorted((time, count) for time, count in counts.items() if time is not None)
    if len(instants) < len(asked):
        parts = ", ".join(f"{name} {share:.0%}" for name, share in asked.items())
        raise DataError(
            f"too few instants to split by time: {len(times)} rows with {len(instants)} different times for {parts}",
            fix="split by another column, or name your own files under data.validation and data.test",
        )
    ends = list(accumulate(count for _, count in instants))
    found: list[tuple[str, float]] = []
    begin, wanted = 0, 0.0
    for later, (name, share) in zip(range(len(asked) - 1, -1, -1), asked.items(), strict=True):
        wanted += share * len(times)
        places = range(begin, len(ends) - later) if later else [len(ends) - 1]
        best = min(places, key=lambda place: abs(ends[place] - wanted))
        found.append((name, instants[best][0]))
        begin = best + 1
    return found


def _part_at(time: float | None, last: list[tuple[str, float]]) -> str:
    assert time is not None, "every row has a time where rows are split by it"
    return next(name for name, end in last if time <= end)


def _asked(validation: float, test: float) -> dict[str, float]:
    """The parts that are wanted, with their shares."""
    shares = {"train": 1 - validation - test, "validation": validation, "test": test}
    if not (validation >= 0 and test >= 0 and shares["train"] > 0):
        what = f"validation {validation} and test {test} leave nothing to train on"
        raise RecipeError(what, where="data.split", fix="use fractions from 0 that add up to less than 1")
    return {name: share for name, share in shares.items() if share > 0}


def _whole(alike: Sequence[Cluster], asked: dict[str, float], rows: int) -> tuple[list[Cluster], list[Cluster]]:
    """The clusters that fit into the smallest part, and the others."""
    most = max(2.0, min(asked.values()) * rows)
    small = [cluster for cluster in alike if len(cluster.members) <= most]
    return small, [cluster for cluster in alike if len(cluster.members) > most]


def _rows_of_one(keys: Iterable[str]) -> list[list[int]]:
    """Indices of the rows of each key that is not empty, where there are several."""
    members: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    return [rows for key, rows in members.items() if key and len(rows) > 1]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a split looks at, by index."""

    keys: list[str]
    labels: list[str]
    owners: list[str]
    times: list[float | None]

    @classmethod
    def of(cls, examples: Iterable[Example]) -> _Rows:
        rows = cls([], [], [], [])
        for example in examples:
            rows.keys.append(prompt_key(example))
            rows.labels.append(example.label if isinstance(example, LabelledText) else "")
            rows.owners.append(example.origin.group)
            rows.times.append(example.origin.time)
        return rows


def _place(
    rows: _Rows, together: Sequence[Sequence[int]], asked: dict[str, float], seed: int
) -> tuple[dict[str, list[int]], int, list[str]]:
    """Indices of the parts, how many groups there were, and the labels that only train can have."""
    count = len(rows.keys)
    members: dict[int, list[int]] = {}
    for index, root in enumerate(_roots(count, together)):
        members.setdefault(root, []).append(index)
    groups = [
        _Group(
            rank=_rank(seed, min(rows.keys[i] for i in indices)),
            indices=tuple(indices),
            labels=dict(sorted(Counter(rows.labels[i] for i in indices).items())),
        )
        for indices in members.values()
    ]
    groups.sort(key=lambda group: (-len(group.indices), group.rank))
    noun = "separate groups" if any(rows.owners) else "different prompts"
    if len(groups) < len(asked):
        raise _too_few(count, len(groups), asked, noun)
    placement = _Placement(groups, asked, noun)
    placement.place()
    placement.give_every_label_a_place()
    placement.give_every_part_a_group()
    if not all(placement.parts.values()):
        raise _too_few(count, len(groups), asked, noun)
    indices = {name: sorted(i for group in placement.parts.get(name, ()) for i in group.indices) for name in SPLITS}
    return indices, len(groups), placement.rare


def _roots(count: int, together: Sequence[Sequence[int]]) -> list[int]:
    """One row of all that hang together, directly or by a chain, for each of the rows (union-find)."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for members in together:
        first = root(members[0])
        for index in members[1:]:
            parent[root(index)] = first
    return [root(index) for index in range(count)]


def _rank(seed: int, key: str) -> str:
    return hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class _Group:
    rank: str  # a seeded hash of the prompt: the order among groups of one size
    indices: tuple[int, ...]
    labels: dict[str, int]  # sorted by label, so that sums of floats do not depend on the order of rows


class _Placement:
    """Which part every group is in."""

    def __init__(self, groups: list[_Group], asked: dict[str, float], noun: str) -> None:
        self.noun = noun
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
        """How much the sum of (count - target)^2 / target over labels grows when the group comes to this part.

        Where a label has less than a row for a part, each of its rows is as far from all of them: there the size of the
        part decides.
        """
        cost = 0.0
        if any(min(self.asked.values()) * self.totals[label] < 1 for label in group.labels):
            cost = SIZE_WEIGHT * _growth(len(group.indices), counts.total(), share * self.totals.total())
        for label, count in group.labels.items():
            cost += _growth(count, counts[label], share * self.totals[label])
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
                        f"the label {quoted(label)} ({self.totals[label]} rows, {self.group_counts[label]} "
                        f"{self.noun}) cannot be in both train and test without a prompt or group on both sides",
                        fix="add rows with this label, join it with another label, or give your own test file",
                    )

    def give_every_part_a_group(self) -> None:
        for name, part in self.parts.items():
            if not part:
                self._move_to(name)

    def _move_to(self, name: str, label: str | None = None) -> bool:
        """Moves the smallest group (with this label) that can be spared elsewhere; tells whether there was one.

        Of groups of one size, one leaves the part that has most for its share.
        """
        filled = {
            part: sum(len(group.indices) for group in groups) / self.asked[part] for part, groups in self.parts.items()
        }
        movable = [
            (len(group.indices), -filled[source], group.rank, source, group)
            for source in self.parts
            if source != name
            for group in self._spare(source)
            if label is None or label in group.labels
        ]
        if not movable:
            return False
        *_, source, group = min(movable, key=lambda choice: choice[:3])
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


def _growth(count: int, before: int, target: float) -> float:
    far = before - target
    return ((far + count) ** 2 - far**2) / max(target, 1.0)


def _too_few(rows: int, groups: int, asked: dict[str, float], noun: str) -> DataError:
    parts = ", ".join(f"{name} {share:.0%}" for name, share in asked.items())
    if rows == 1:
        return DataError(
            f"one row cannot be divided into {parts}",
            fix="where it is one long text, put its chapters into files of a folder and name that; else add rows, "
            "or set both data.split.validation and data.split.test to 0",
        )
    return DataError(
        f"too few rows to split: {rows} rows with {groups} {noun} for {parts}",
        fix=f"add rows with other {noun.split()[1]}, set data.split.validation or data.split.test to 0, or name your "
        "own files under data.validation and data.test",
    )


def _reason(
    indices: dict[str, list[int]],
    owners: Sequence[str],
    asked: dict[str, float],
    groups: int,
    seed: int,
    rare: list[str],
) -> str:
    total = len(owners)
    sizes = ", ".join(f"{name} {len(indices[name])} ({len(indices[name]) / total:.1%})" for name in asked)
    reason = f"{total} rows in {groups} groups of like prompts, no group on two sides, seed {seed}: {sizes}."
    if any(abs(len(indices[name]) - share * total) > max(1, 0.01 * total) for name, share in asked.items()):
        wanted = ", ".join(f"{name} {share:.1%}" for name, share in asked.items())
        reason += f" Asked for were {wanted}; whole groups, and labels in every part, come no nearer."
        named = Counter(owner for owner in owners if owner)
        reason += f" The largest group that was named has {max(named.values())} rows." if named else ""
    if rare:
        shown = ", ".join(quoted(label) for label in rare[:10]) + (", ..." if len(rare) > 10 else "")
        reason += f" In train only, with fewer than {COMMON_LABEL_GROUPS} different prompts: {shown}."
    return reason

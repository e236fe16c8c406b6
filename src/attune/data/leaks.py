"""Leaks between parts that a person gave: what the test asks that training could have seen, or that needs no model.

Eight kinds, each with the pairs of rows that it is about. A person with honest data must not be stopped: what many rows
have in common is no leak, and texts that nearly agree leak only when their targets do too.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from attune.data.containment import contained
from attune.data.duplicates import prompt_key, record_key
from attune.data.example import Document, Example, LabelledText, Origin, own_prompt, target_of
from attune.data.finding import LISTED_ROWS, Finding
from attune.data.giveaway import given_away
from attune.data.likeness import COMMON_SAMPLE, Cluster, comparer, edit_likeness, normalised, words_of
from attune.data.shortcut import shortcuts_between
from attune.data.stored import sampled
from attune.errors import DataError
from attune.recipe import Audit, LeakName

KINDS: dict[LeakName, str] = {
    "record": "the same row",
    "prompt": "the same prompt",
    "near_duplicate": "nearly the same prompt and target",
    "group": "the same group",
    "containment": "most of the row's words",
    "time": "older than what is trained on",
    "given_away": "the target stands in the prompt",
    "shortcut": "the label can be told unread",
}
ALWAYS: frozenset[LeakName] = frozenset({"record", "prompt"})  # these stop the run between any two parts
LISTED_PAIRS = 20
SAME_WORD = 0.8  # by edit distance, in another spelling
COMPARED_ROWS = 100  # rows of a large cluster that a row is compared with, on either side of it by the alphabet


@dataclass(frozen=True, slots=True)
class Leak:
    """One row of a later part, and what it leaks from.

    Attributes:
        kind: one of KINDS.
        what: a sentence for a person.
        earlier: the row of the earlier part; None where it is the row's own doing, or all of training's.
        later: the row that leaks.
        example_id: the id of that row.
        parts: the earlier and the later part.
    """

    kind: LeakName
    what: str
    earlier: Origin | None
    later: Origin
    example_id: str
    parts: tuple[str, str]

    @property
    def stops(self) -> bool:
        """Whether the run stops unless the recipe accepts it: the test's leaks do, and rows that stand in two parts."""
        return self.parts == ("train", "test") or self.kind in ALWAYS

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "kind": self.kind,
            "what": self.what,
            "earlier": None if self.earlier is None else self.earlier.place(),
            "later": self.later.place(),
            "id": self.example_id,
            "parts": list(self.parts),
        }


def find(
    parts: Mapping[str, Sequence[Example]], near: Sequence[Cluster], limits: Audit
) -> tuple[list[Leak], list[Finding]]:
    """The leaks between every two parts, and passages that rows share without being leaks.

    A row that stands in an earlier part is told once, by the closest of record, prompt, near duplicate, containment.

    Args:
        parts: train, validation and test, those that were given, in that order.
        near: clusters of near prompts among all their rows, one part after another.
    """
    found: list[Leak] = []
    passages: list[Origin] = []
    alike = _NearDuplicates(parts, near, limits)
    names = [name for name in parts if parts[name]]
    for place, later in enumerate(names):
        for earlier in names[:place]:
            between = _Between(earlier, later, parts[earlier], parts[later])
            texts = {**between.same_prompt(), **between.same_record()}
            texts = {**alike.between(earlier, later), **texts}
            texts, shared = _with_containment(between, texts)
            found += [texts[index] for index in sorted(texts)]
            found += [*between.same_group(), *between.newer()]
            passages += shared if later == "test" else []
    if "test" in names:
        found += _shortcuts(_Between("train", "test", parts["train"], parts["test"]), limits)
    for later in names[1:]:
        found += _given_away(_Between("train", later, parts["train"], parts[later]))
    return found, _shared_passages(passages)


def refuse(found: Sequence[Leak], accepted: Sequence[LeakName]) -> None:
    """Stop when there are leaks that the recipe does not accept.

    Raises:
        DataError: holds every pair.
    """
    grave = [leak for leak in found if leak.stops and leak.kind not in accepted]
    if not grave:
        return
    rows = tuple(
        leak.later.error("", f"leak_{leak.kind}", leak.what, "keep it in one part") for leak in grave[:LISTED_ROWS]
    )
    kinds = ", ".join(_rows_of(grave))
    named = ", ".join(dict.fromkeys(leak.kind for leak in grave))
    count = len({leak.example_id for leak in grave})
    raise DataError(
        f"{count} row{'s' * (count != 1)} of a given part leak{'s' * (count == 1)}: {kinds}",
        fix="remove such rows from one part, or give data.train alone and let Attune split it; where they are meant, "
        f"accept them with data.accept_leaks: [{named}] and read both scores",
        rows=rows,
        total=len(grave),
    )


def findings(found: Sequence[Leak]) -> list[Finding]:
    """What a person should know about leaks that did not stop the run: the accepted ones, and those that only warn."""
    told = []
    accepted = [leak for leak in found if leak.stops]
    if accepted:
        count = len({leak.example_id for leak in accepted})
        told.append(
            Finding(
                "accepted_leaks",
                "warning",
                f"{count} rows leak and are accepted: {', '.join(_rows_of(accepted))}.",
                tuple(dict.fromkeys(leak.later for leak in accepted)),
                "The test is scored twice, on all rows and on the clean ones; the verdict is that of the clean ones.",
                _evidence(accepted),
            )
        )
    others = [leak for leak in found if not leak.stops]
    for parts in dict.fromkeys(leak.parts for leak in others):
        leaks = [leak for leak in others if leak.parts == parts]
        count = len({leak.example_id for leak in leaks})
        told.append(
            Finding(
                f"leaks_into_{parts[1]}",
                "warning",
                f"{count} rows of data.{parts[1]} leak from data.{parts[0]}: {', '.join(_rows_of(leaks))}.",
                tuple(dict.fromkeys(leak.later for leak in leaks)),
                "The weights that are kept are chosen by rows that training or the test knows: remove them from one "
                "part, or let Attune split the rows itself.",
                _evidence(leaks),
            )
        )
    return told


def summary(leaks: Sequence[Leak], accepted: Sequence[LeakName]) -> dict[str, Any]:
    """What data/leaks.json holds: every accepted pair, the test rows that leak, and how many by kind."""
    of_test = [leak for leak in leaks if leak.parts[1] == "test"]
    return {
        "accepted": list(accepted),
        "by_kind": _by_kind(of_test),
        "test_rows": sorted({leak.example_id for leak in of_test}),
        "leaks": [leak.record() for leak in leaks],
    }


def _by_kind(leaks: Sequence[Leak]) -> dict[str, int]:
    """How many rows leak in each way."""
    rows = {(leak.kind, leak.example_id) for leak in leaks}
    counts = Counter(kind for kind, _ in rows)
    return {kind: counts[kind] for kind in KINDS if counts[kind]}


def _rows_of(leaks: Sequence[Leak]) -> Iterator[str]:
    return (f"{count} {kind} ({KINDS[kind]})" for kind, count in _by_kind(leaks).items())  # type: ignore[index]


def _evidence(leaks: Sequence[Leak]) -> dict[str, Any]:
    pairs = [[str(leak.earlier) if leak.earlier else None, str(leak.later), leak.kind] for leak in leaks]
    return {"by_kind": _by_kind(leaks), "pairs": pairs[:LISTED_PAIRS]}


@dataclass(frozen=True, slots=True)
class _Between:
    """Two parts, and the leaks from one into the other by index of the later row."""

    earlier: str
    later: str
    left: Sequence[Example]
    right: Sequence[Example]

    def leak(self, kind: LeakName, row: Example, source: Origin | None, what: str) -> Leak:
        return Leak(kind, what, source, row.origin, row.id, (self.earlier, self.later))

    def same_record(self) -> dict[int, Leak]:
        first = {record_key(row): row.origin for row in reversed(self.left)}
        return self._met("record", first, [record_key(row) for row in self.right])

    def same_prompt(self) -> dict[int, Leak]:
        first = {prompt_key(row): row.origin for row in reversed(self.left)}
        return self._met("prompt", first, [prompt_key(row) for row in self.right])

    def same_group(self) -> list[Leak]:
        first = {row.origin.group: row.origin for row in reversed(self.left) if row.origin.group}
        return list(self._met("group", first, [row.origin.group for row in self.right]).values())

    def newer(self) -> list[Leak]:
        """Rows that are older than some of what came before them in training."""
        dated = [(row.origin.time, row.origin) for row in self.left if row.origin.time is not None]
        if not dated:
            return []
        times = sorted(time for time, _ in dated)
        newest = next(origin for time, origin in dated if time == times[-1])
        found = []
        for row in self.right:
            if row.origin.time is not None and row.origin.time < times[-1]:
                count = len(times) - bisect_right(times, row.origin.time)
                what = f"data.{self.earlier} has {count} newer row{'s' * (count != 1)}, the newest at {newest}"
                found.append(self.leak("time", row, newest, what))
        return found

    def _met(self, kind: LeakName, first: Mapping[str, Origin], keys: Sequence[str]) -> dict[int, Leak]:
        found = {}
        for index, (row, key) in enumerate(zip(self.right, keys, strict=True)):
            if source := first.get(key):
                what = f"{KINDS[kind]} stands in {source}: {self.earlier} and {self.later} share it"
                found[index] = self.leak(kind, row, source, what)
        return found


class _NearDuplicates:
    """Near duplicates by prompt and target, among rows whose prompts are in one cluster."""

    def __init__(self, parts: Mapping[str, Sequence[Example]], near: Sequence[Cluster], limits: Audit) -> None:
        self.rows = [row for part in parts.values() for row in part]
        self.parts = parts
        self.short_words = limits.short_words
        ends = [0]
        for part in parts.values():
            ends.append(ends[-1] + len(part))
        self.spans = dict(zip(parts, pairwise(ends), strict=True))
        last = ends[1]  # of train
        self.clusters = [cluster.members for cluster in near if cluster.members[-1] >= last]
        involved = dict.fromkeys(index for members in self.clusters for index in members)
        self.place = {index: place for place, index in enumerate(involved)}
        # What all rows have in common is no likeness, and takes more rows than the involved ones to be known.
        others = sampled(self.rows, COMMON_SAMPLE) if involved else []
        texts = [self.rows[index] for index in involved] + list(others)
        targets = [target_of(self.rows[index]) for index in involved]
        self.whole = [f"{own_prompt(row)}\n{target_of(row)}" for row in texts]
        self.alike = comparer(self.whole, limits)
        self.alike_targets = comparer(targets, limits)
        self.targets = [normalised(target) for target in targets]

    def between(self, earlier: str, later: str) -> dict[int, Leak]:
        found: dict[int, Leak] = {}
        begin, end = self.spans[later]
        most = max(2, end - begin)  # more are what the data are about, and a split would divide them too
        for members in self.clusters:
            if len(members) > most:
                continue
            left = [index for index in members if _within(index, self.spans[earlier])]
            by_text = sorted(left, key=lambda index: self.whole[self.place[index]])
            for index in (index for index in members if begin <= index < end):
                source = next((one for one in self._beside(index, left, by_text) if self._same(one, index)), None)
                if source is not None:
                    row, origin = self.rows[index], self.rows[source].origin
                    what = f"{KINDS['near_duplicate']} stand in {origin}: {earlier} and {later} share them"
                    found[index - begin] = Leak("near_duplicate", what, origin, row.origin, row.id, (earlier, later))
        return found

    def _beside(self, index: int, left: list[int], by_text: list[int]) -> list[int]:
        """The rows that one is compared with: all of a small cluster, of a large one the nearest by the alphabet."""
        if len(left) <= 2 * COMPARED_ROWS:
            return left
        text = self.whole[self.place[index]]
        at = bisect_left(by_text, text, key=lambda other: self.whole[self.place[other]])
        return sorted(by_text[max(0, at - COMPARED_ROWS) : at + COMPARED_ROWS])

    def _same(self, one: int, other: int) -> bool:
        left, right = self.place[one], self.place[other]
        if self.targets[left] != self.targets[right] and (
            isinstance(self.rows[other], LabelledText | Document) or not self.alike_targets(left, right)
        ):
            return False
        return self.alike(left, right) and self._same_words(own_prompt(self.rows[one]), own_prompt(self.rows[other]))

    def _same_words(self, one: str, other: str) -> bool:
        """Whether a short prompt has the other's words but for their spelling: "paints" for "repairs" asks anew."""
        ours, theirs = words_of(normalised(one)), words_of(normalised(other))
        if min(len(ours), len(theirs)) >= self.short_words:
            return True
        return len(ours) == len(theirs) and all(
            left == right or (not left.isdecimal() and edit_likeness(left, right) > SAME_WORD)
            for left, right in zip(ours, theirs, strict=True)
        )


def _within(index: int, span: tuple[int, int]) -> bool:
    return span[0] <= index < span[1]


def _with_containment(between: _Between, known: dict[int, Leak]) -> tuple[dict[int, Leak], list[Origin]]:
    """The leaks by text with those of rows that stand inside other rows; and rows that only share a passage."""
    rest = [index for index in range(len(between.right)) if index not in known]
    leaks, passages = dict(known), []
    for met in contained(between.left, [between.right[index] for index in rest]):
        row, source = between.right[rest[met.row]], between.left[met.source].origin
        if met.decisive:
            what = f"{met.share:.0%} of its words stand in data.{between.earlier}, most of them in {source}"
            leaks[rest[met.row]] = between.leak("containment", row, source, what)
        else:
            passages.append(row.origin)
    return leaks, passages


def _given_away(between: _Between) -> list[Leak]:
    return [
        between.leak("given_away", between.right[index], None, f"the target stands in the prompt {place}")
        for index, place in given_away(between.right).items()
    ]


def _shortcuts(between: _Between, limits: Audit) -> list[Leak]:
    told: dict[int, list[str]] = {}
    for shortcut in shortcuts_between(between.left, between.right, limits.shortcut_leak):
        for index in shortcut.rows:
            told.setdefault(index, []).append(f"{shortcut.feature} (AUC {shortcut.auc:.2f})")
    return [
        between.leak("shortcut", between.right[index], None, f"its label can be told by {', '.join(names)} alone")
        for index, names in sorted(told.items())
    ]


def _shared_passages(rows: Sequence[Origin]) -> list[Finding]:
    if not rows:
        return []
    return [
        Finding(
            "shared_passages",
            "info",
            f"{len(set(rows))} test rows share a passage of 13 words or more with an earlier part.",
            tuple(dict.fromkeys(rows)),
            "Nothing to do for quotations and texts that rows are about; otherwise look whether they should be tested.",
        )
    ]

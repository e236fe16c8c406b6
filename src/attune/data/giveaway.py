"""Prompts that give their own answer away: "(answer: Paris)", or a label that ends each text.

Extraction, quotation, summaries and multiple choice have the answer in the prompt by intent; examples in a prompt have
other rows' answers. So a mark must hold the whole target, and agree with it far more often than chance would.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from attune.data.example import Example, LabelledText, own_prompt, target_of
from attune.data.likeness import normalised

LEAST_AGREEMENT = 0.5  # above chance, from 0 to 1 (Cohen's kappa)
LEAST_SHARE = 0.5  # of the rows end or begin with their target
LEAST_WORDS = 3  # of a target that is no label
_MARKS = 50  # that are looked at, of one prompt
_VALUE = 2000  # characters of a target that are looked for
_MARK = re.compile(
    r"\b(?:answer|label|target|output|solution|ground truth|gold)\b[\"'”]?[^\S\n]{0,4}(?::|=|->|→|\bis\b)[^\S\n]{0,4}",
    re.IGNORECASE,
)
_OPENING = "\"'“”‘’`*([{<"
_CLOSING = ")]}>\"'”’`*;"
# What may follow a whole value; a comma, a slash or an "or" makes it the first of several.
_END = re.compile(r"\s*(?:$|\n|[)\]}>\"'”’`*.;!?])")


def given_away(rows: Sequence[Example]) -> dict[int, str]:
    """The rows whose prompt holds the target behind a mark, at its start, or at its end; and where it stands."""
    targets = [normalised(target_of(row)).rstrip(".!?") for row in rows]
    counts = Counter(targets)
    chance = {target: count / len(rows) for target, count in counts.items()}
    found = _behind_marks(rows, targets, chance)
    edges: tuple[Literal["end", "start"], ...] = ("end", "start")
    for side in edges:
        for index in _at_the_edge(rows, targets, chance, side):
            found.setdefault(index, f"at the {side} of the prompt")
    return dict(sorted(found.items()))


def _behind_marks(rows: Sequence[Example], targets: Sequence[str], chance: Mapping[str, float]) -> dict[int, str]:
    marked = agreed = by_chance = 0.0
    found: dict[int, str] = {}
    for index, row in enumerate(rows):
        values = list(_values(own_prompt(row), targets[index]))
        if not values:
            continue
        marked += 1
        by_chance += max(chance.get(value, 0.0) for _, value in values)
        met = next((mark for mark, value in values if value == targets[index]), None)
        # Several answers are those of examples, or of other questions.
        if met is not None and targets[index] and len({value for _, value in values}) == 1:
            agreed += 1
            found[index] = f"behind {met!r}"
    return found if _agreement(agreed, by_chance, marked) >= LEAST_AGREEMENT else {}


def _values(prompt: str, target: str) -> Iterator[tuple[str, str]]:
    """Each mark of a prompt with what it says: the target where that is all of it, else the line's rest."""
    for count, match in enumerate(_MARK.finditer(prompt)):
        if count == _MARKS:
            return
        rest = prompt[match.end() : match.end() + _VALUE].lstrip(_OPENING)
        line = rest.partition("\n")[0].strip()
        if not line:
            continue
        said = _whole_value(rest, target) or normalised(line).rstrip(".!?" + _CLOSING)
        yield match[0].strip(), said


def _whole_value(rest: str, target: str) -> str:
    """The target when the text begins with all of it and goes on to something else, else nothing."""
    words = target.split()
    if not words or len(target) > _VALUE:
        return ""
    met = re.match(r"\s+".join(map(re.escape, words)), rest.casefold())
    return target if met and _END.match(rest.casefold(), met.end()) else ""


def _at_the_edge(
    rows: Sequence[Example], targets: Sequence[str], chance: Mapping[str, float], side: Literal["end", "start"]
) -> list[int]:
    """The rows whose prompt ends or begins with the target, where most rows do."""
    labels = {target for row, target in zip(rows, targets, strict=True) if isinstance(row, LabelledText)} - {""}
    lengths = sorted({len(label) for label in labels})
    found: list[int] = []
    rests: set[str] = set()
    said = by_chance = 0.0
    for index, (row, target) in enumerate(zip(rows, targets, strict=True)):
        prompt = normalised(own_prompt(row))
        prompt = prompt.rstrip(" .!?" + _CLOSING) if side == "end" else prompt.lstrip(" " + _OPENING)
        if isinstance(row, LabelledText):
            standing = [_edge(prompt, length, side) for length in lengths]
            standing = [text for text in standing if text in labels]
            if standing:
                said += 1
                by_chance += max(chance[label] for label in standing)
        elif target.count(" ") < LEAST_WORDS - 1:
            continue
        if not target or _edge(prompt, len(target), side) != target:
            continue
        rest = prompt[: -len(target)] if side == "end" else prompt[len(target) :]
        found.append(index)
        rests.add(rest.strip())
    # Where what remains is one instruction, the task is to copy.
    if len(found) <= LEAST_SHARE * len(rows) or 2 * len(rests) <= len(found):
        return []
    return found if not labels or _agreement(len(found), by_chance, said) >= LEAST_AGREEMENT else []


def _edge(prompt: str, length: int, side: str) -> str:
    """So many letters at the end or start, when a word begins or ends there and more of the prompt remains."""
    if length >= len(prompt):
        return ""
    if side == "end":
        return "" if prompt[-length - 1].isalnum() else prompt[-length:]
    return "" if prompt[length].isalnum() else prompt[:length]


def _agreement(agreed: float, by_chance: float, total: float) -> float:
    """How much more often than by chance, from 0 to 1; 0 where chance alone would always agree."""
    return (agreed - by_chance) / (total - by_chance) if total > by_chance else 0.0

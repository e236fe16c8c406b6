"""The survey of lengths as two tables of words, for the page and for the screen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PERCENTILES = {"50": "median", "90": "90 %", "95": "95 %", "99": "99 %", "100": "longest"}
_BINS = 36
_PARTS = {"total": "Whole row", "prompt": "Not learned", "target": "Learned"}


@dataclass(frozen=True, slots=True)
class Table:
    """Headings, and rows of as many cells; the first cell of each says what the row is about."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def percentiles(survey: Mapping[str, Any]) -> Table:
    """Tokens of whole rows and of what is learned of them; without the parts where nothing is learned token by token.

    Args:
        survey: `attune.tokens.lengths.Lengths` as JSON has it.
    """
    learned = bool(survey["target"]["100"])
    parts = [part for part in _PARTS if learned or part == "total"]
    rows = [(_PARTS[part], *(f"{survey[part][percent]:,}" for percent in _PERCENTILES)) for part in parts]
    return Table(("Tokens", *_PERCENTILES.values()), tuple(rows))


def limits(survey: Mapping[str, Any]) -> Table:
    """What each max_length does: those that cut something, and the one in force."""
    learned = bool(survey["target"]["100"])
    rows = []
    for limit in survey["limits"]:
        in_force = limit["max_length"] == survey["in_force"]
        if not (in_force or limit["cut"]) or limit["max_length"] > survey["context"]:
            continue
        share = 100 * limit["cut"] / survey["sequences"]
        shown = "0" if not limit["cut"] else f"{limit['cut']:,} ({'< 0.1' if share < 0.1 else f'{share:.1f}'} %)"
        lost = (f"{limit['lost_target_tokens']:,}", f"{limit['emptied']:,}") if learned else ()
        name = f"{limit['max_length']:,}{' (in force)' if in_force else ''}"
        rows.append((name, shown, *lost, f"{100 * limit['padding']:.0f} %"))
    lost_headings = ("Learned tokens lost", "Rows that learn nothing") if learned else ()
    return Table(("max_length", "Rows cut", *lost_headings, "Padding, if padded"), tuple(rows))


def remark(survey: Mapping[str, Any]) -> str:
    """What the tables mean, and the limit that keeps nearly all rows whole."""
    whole = f"At {survey['suggested']:,} tokens, 99 % of the rows are whole"
    reads = f"; the model reads at most {survey['context']:,}" if survey["suggested"] > survey["context"] else ""
    batches = f"padded batches of {survey['batch_size']} rows"
    return f"{whole}{reads}. Padding is what {batches} would hold; packed rows and trees hold none."


def binned(lengths: Iterable[int]) -> list[list[int]]:
    """How many lengths there are from each bound to the next: at most 37 [from, to, count], empty ones left out."""
    counts = Counter(lengths)
    longest = max(counts, default=0)
    if not longest:  # a label is no target of tokens
        return []
    width = math.ceil(longest / _BINS)
    bins: Counter[int] = Counter()
    for length, count in counts.items():
        bins[length // width] += count
    return [[i * width, (i + 1) * width, bins[i]] for i in sorted(bins)]

"""The evidence of a finding in plain lines: groups of rows, quotations, labels that others speak for, thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_GROUPS, _PLACES, _RANKED, _QUOTED = 3, 6, 5, 3
_LETTERS = 120


def isolated(text: str) -> str:
    """The text so that its direction of writing turns nothing around it."""
    return f"\u2068{text}\u2069"


def lines(finding: Mapping[str, Any]) -> list[str]:
    """A few lines that show what was found."""
    evidence = finding.get("evidence") or {}
    found = _groups(evidence.get("groups"), evidence.get("group_sizes")) if finding["check"] != "group_bias" else []
    for doubt in _listed(evidence.get("ranked"))[:_RANKED]:
        if isinstance(doubt, Mapping):
            instead = f"{_quoted(doubt.get('label'))}, others speak for {_quoted(doubt.get('instead'))}"
            found.append(f"{_brief_place(doubt.get('row'))}: {instead} (probability {doubt.get('probability')})")
    pairs = _listed(evidence.get("pairs"))
    for earlier, later, kind in [pair for pair in pairs if isinstance(pair, Sequence) and len(pair) == 3][:_RANKED]:
        source = "another part" if earlier is None else _brief_place(earlier)
        found.append(f"{_brief_place(later)} from {source} ({isolated(_short(kind).replace('_', ' '))})")
    quotations = [*_listed(evidence.get("quotations")), *_listed(evidence.get("examples"))]
    found += [_quoted(text) for text in quotations[:_QUOTED]]
    return found


def measures(finding: Mapping[str, Any]) -> str:
    """Numbers and thresholds by name, "near_duplicate 0.8"; numbers that belong to a part are in a table."""
    evidence = finding.get("evidence") or {}
    plain = [(k, v) for k, v in evidence.items() if isinstance(v, int | float | str) and not isinstance(v, bool)]
    return ", ".join(f"{_short(name)} {_short(value)}" for name, value in plain[: _LETTERS // 8])


def _groups(groups: Any, sizes: Any) -> list[str]:
    """Groups of places, or of spellings with how often each stands there."""
    listed = _listed(groups)
    found = []
    for group in listed[:_GROUPS]:
        if isinstance(group, Mapping):
            found.append(
                ", ".join(f"{isolated(_short(name))} ({count})" for name, count in list(group.items())[:_PLACES])
            )
        elif isinstance(group, list):
            more = f", {len(group) - _PLACES} more" if len(group) > _PLACES else ""
            found.append(", ".join(_brief_place(place) for place in group[:_PLACES]) + more)
    whole = sum(sizes.values()) if isinstance(sizes, Mapping) else len(listed)
    if found and whole > len(found):
        found.append(f"and {whole - len(found):,} more groups" if whole - len(found) > 1 else "and one more group")
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _brief_place(place: Any) -> str:
    """file:line without the folder, which stands in the recipe."""
    file, colon, line = Path(str(place)).name.rpartition(":")
    return f"{isolated(file)}{colon}{line}"


def _quoted(text: Any) -> str:
    return f"“{isolated(_short(text))}”"


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}…"

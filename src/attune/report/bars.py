"""Bars beside their names, and points with their intervals: drawings of counts and shares, as one SVG string each.

Parts of a bar differ in lightness and outline, not only in colour. Names are the user's: cut short, and escaped by the
renderer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from attune.report.charts import ACCENT, INK, MUTED, UNPRINTABLE, WIDTH, svg

_TURNS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # they would turn what stands beside a name
_NAME_PX, _ROW_PX = 150, 24
_NAME_COLUMNS = 23
# Solid, pale, hollow: the parts of a bar, from the left.
_PARTS: tuple[dict[str, Any], ...] = (
    {"fill": INK, "fillOpacity": 0.85},
    {"fill": INK, "fillOpacity": 0.35},
    {"fill": ACCENT, "fillOpacity": 0.12, "stroke": ACCENT, "strokeWidth": 1.5},
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its name, the lengths of its up to three parts, and what stands at its end."""

    name: str
    values: tuple[float, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A value between two bounds, all on one scale."""

    name: str
    value: float
    low: float
    high: float


def bars(rows: Sequence[Bar], *, label: str, whole: float = 0.0) -> str:
    """A bar for each row, its parts one after another, on a scale to `whole` at least; "" for no rows."""
    import altair as alt

    if not rows:
        return ""
    most = max(whole, *(sum(row.values) for row in rows)) or 1.0
    room = 1 + (14 + 6.2 * max(len(row.said) for row in rows)) / (WIDTH - _NAME_PX)  # for what stands at the ends
    x = alt.X("from:Q", title=None, axis=None, scale=alt.Scale(domain=[0, room * most], nice=False))
    layers = []
    for part, look in enumerate(_PARTS):
        values = [
            {"row": i, "from": sum(row.values[:part]), "to": sum(row.values[: part + 1])}
            for i, row in enumerate(rows)
            if len(row.values) > part and row.values[part]
        ]
        if values:
            chart = alt.Chart(alt.Data(values=values)).mark_bar(height=14, **look)
            layers.append(chart.encode(x=x, x2="to:Q", y=_rows(len(rows))))
    ends = [{"row": i, "from": sum(row.values), "said": row.said} for i, row in enumerate(rows)]
    said = alt.Chart(alt.Data(values=ends)).mark_text(align="left", baseline="middle", dx=6, color=INK)
    layers.append(said.encode(x=x, y=_rows(len(rows)), text="said:N"))
    layers.append(_names([row.name for row in rows]))
    return svg(alt.layer(*layers), height_px=_ROW_PX * len(rows) + 8, label=label)


def intervals(
    rows: Sequence[Interval], marks: Sequence[tuple[float, str]], *, low: float, high: float, label: str
) -> str:
    """A point and its interval for each row on an axis from `low` to `high`; "" for no rows.

    Args:
        marks: places on the axis and their names, from the left.
    """
    import altair as alt

    if not rows:
        return ""
    axis = alt.Axis(grid=False, tickCount=6, orient="bottom")
    x = alt.X("from:Q", title=None, scale=alt.Scale(domain=[low, high], nice=False, clamp=True), axis=axis)
    values = [{"row": i, "at": row.value, "from": row.low, "to": row.high} for i, row in enumerate(rows)]
    data = alt.Data(values=values)
    spans = alt.Chart(data).mark_rule(color=ACCENT, strokeWidth=8, opacity=0.28, strokeCap="round")
    points = alt.Chart(alt.Data(values=[{**value, "from": value["at"]} for value in values]))
    layers = [
        spans.encode(x=x, x2="to:Q", y=_rows(len(rows))),
        points.mark_point(color=ACCENT, size=90, filled=True, opacity=1).encode(x=x, y=_rows(len(rows))),
    ]
    for place, (at, name) in enumerate(marks):
        mark = alt.Chart(alt.Data(values=[{"from": at, "name": name}])).encode(x=x)
        left = place < len(marks) - 1  # so that two names do not meet
        text = {"align": "right" if left else "left", "dx": -5 if left else 5, "baseline": "bottom", "dy": -2}
        layers.insert(0, mark.mark_rule(color=MUTED, strokeDash=[3, 3]))
        layers.append(mark.mark_text(color=INK, **text).encode(text="name:N", y=alt.value(0)))
    layers.append(_names([row.name for row in rows]))
    return svg(alt.layer(*layers), height_px=_ROW_PX * len(rows) + 46, label=label)


def brief(name: str, columns: int = _NAME_COLUMNS) -> str:
    """A name that takes at most so many columns: wide letters take two, combining marks none, turns of direction go."""
    clean = UNPRINTABLE.sub(" ", _TURNS.sub("", name[: 8 * columns]))
    if not clean.strip():
        return "(empty)"
    ends = list(_ends(clean))
    if ends[-1] <= columns and len(name) <= 8 * columns:
        return clean
    return clean[: sum(end < columns for end in ends)].rstrip() + "…"


def _ends(text: str) -> Iterator[int]:
    """The column behind each letter."""
    end = 0
    for letter in text:
        end += 0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        yield end


def _rows(count: int) -> Any:
    """One band a row; its axis only keeps the place for names, which may be the same twice."""
    import altair as alt

    blank = alt.Axis(labels=False, ticks=False, domain=False, title=None, minExtent=_NAME_PX, maxExtent=_NAME_PX)
    return alt.Y("row:O", axis=blank, scale=alt.Scale(domain=list(range(count))))


def _names(names: Sequence[str]) -> Any:
    import altair as alt

    values = [{"row": i, "name": brief(name)} for i, name in enumerate(names)]
    text = alt.Chart(alt.Data(values=values)).mark_text(align="right", baseline="middle", dx=-10, color=INK)
    return text.encode(x=alt.value(0), y=_rows(len(names)), text="name:N")

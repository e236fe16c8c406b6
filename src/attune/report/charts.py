"""Numbers in, one SVG string out. No script, no link, no font file; the same numbers give the same bytes.

Colours are mid-tones that can be read on white and on black. Each stands in the SVG as a CSS variable with that
mid-tone as its fallback, so a page may set `--chart-ink`, `--chart-muted`, `--chart-line` and `--chart-accent`.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from typing import Any

MAX_POINTS = 400

Point = tuple[int, float]

WIDTH = 440
INK, MUTED, _LINE, ACCENT = "#7a828c", "#99a1ab", "#8f969f", "#4f6fd8"
_VARIABLES = {INK: "--chart-ink", MUTED: "--chart-muted", _LINE: "--chart-line", ACCENT: "--chart-accent"}
UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def learning_curve(
    train: Sequence[Point], validation: Sequence[Point], *, quantity: str, best_step: int | None = None
) -> str:
    """Training (raw and smoothed) and validation against optimizer steps; `best_step` is marked when given.

    Points are (step, value); values that are not finite are left out. Returns "" when nothing is left to draw.
    """
    import altair as alt

    raw, checked = thinned(train), thinned(validation)
    if not raw and not checked:
        return ""
    steps = [step for step, _ in (*raw, *checked)]
    x = alt.X("step:Q", title="optimizer step", scale=_domain(min(steps), max(steps)), axis=_step_axis(steps))
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=False, nice=True))
    layers = []
    if raw:
        layers.append(_marks(raw).mark_line(color=MUTED, strokeWidth=1, opacity=0.45).encode(x=x, y=y))
        layers.append(_marks(smoothed(raw)).mark_line(color=INK, strokeWidth=2).encode(x=x, y=y))
    if checked:
        line = {"color": ACCENT, "strokeWidth": 2}
        points = {"filled": True, "fill": ACCENT, "size": 26 if len(checked) <= 60 else 0}
        layers.append(_marks(checked).mark_line(point=points, **line).encode(x=x, y=y))
    if best_step is not None and min(steps) <= best_step <= max(steps):
        mark = alt.Chart(alt.Data(values=[{"step": best_step, "label": f"best: step {best_step}"}])).encode(x=x)
        left = best_step - min(steps) <= 0.7 * (max(steps) - min(steps))
        curve = checked or raw
        rising = curve[-1][1] > curve[0][1]  # the label stands where the curve does not: low under a rising one
        text = {"align": "left" if left else "right", "dx": 6 if left else -6, "fontWeight": 600}
        text |= {"baseline": "bottom", "dy": -4} if rising else {"baseline": "top"}
        layers.append(mark.mark_rule(color=ACCENT, strokeDash=[3, 3], opacity=0.8))
        layers.append(
            mark.mark_text(color=ACCENT, **text).encode(text="label:N", y=alt.value("height" if rising else 0))
        )
    return svg(alt.layer(*layers), height_px=200, label=f"{quantity} by optimizer step")


def learning_rate(points: Sequence[Point]) -> str:
    """The learning rate of each optimizer step, as a low, filled curve. Returns "" for no finite points."""
    import altair as alt

    rates = thinned(points)
    if not rates:
        return ""
    steps = [step for step, _ in rates]
    chart = _marks(rates).mark_area(color=INK, opacity=0.14, line={"color": INK, "strokeWidth": 1.5})
    chart = chart.encode(
        x=alt.X("step:Q", title="optimizer step", scale=_domain(min(steps), max(steps)), axis=_step_axis(steps)),
        y=alt.Y("value:Q", title=None, axis=alt.Axis(format=".0e", tickCount=2), scale=alt.Scale(zero=True)),
    )
    return svg(chart, height_px=110, label="learning rate by optimizer step")


def comparison(metric: str, base: float, tuned: float, low: float, high: float) -> str:
    """Base (ring) against tuned (dot) on an axis from 0, with the interval of the difference laid from the base value.

    `low` and `high` bound tuned - base. Returns "" when base or tuned is not finite.
    """
    import altair as alt

    if not (math.isfinite(base) and math.isfinite(tuned)):
        return ""
    bounds = [base + low, base + high] if math.isfinite(low) and math.isfinite(high) else [tuned, tuned]
    values = [base, tuned, *bounds]
    top = 1.0 if 0.0 < max(values) <= 1.0 else max(values)
    scale = alt.Scale(domain=[min(0.0, *values), top], nice=max(values) > 1.0)
    x = alt.X("from:Q", title=None, scale=scale, axis=alt.Axis(grid=True, tickCount=5))
    span = alt.Chart(alt.Data(values=[{"from": bounds[0], "to": bounds[1]}])).encode(x=x, x2="to:Q")
    path = alt.Chart(alt.Data(values=[{"from": base, "to": tuned}])).encode(x=x, x2="to:Q")
    ring = alt.Chart(alt.Data(values=[{"from": base}])).encode(x=x)
    dot = alt.Chart(alt.Data(values=[{"from": tuned}])).encode(x=x)
    chart = alt.layer(
        path.mark_rule(color=MUTED, strokeWidth=1.5),
        span.mark_rule(color=ACCENT, strokeWidth=10, opacity=0.28, strokeCap="round"),
        ring.mark_point(color=INK, size=90, strokeWidth=2, filled=False),
        dot.mark_point(color=ACCENT, size=100, filled=True, opacity=1),
    )
    return svg(chart, height_px=62, label=f"{metric}: base {base:.4g}, tuned {tuned:.4g}")


def length_histogram(bins: Sequence[Sequence[int]], max_length: int | None) -> str:
    """Rows by length in tokens, with a mark at `max_length` when it lies near. Returns "" for no lengths.

    Args:
        bins: (from, to, rows) of each, see `attune.report.lengths.binned`.
    """
    import altair as alt

    if not bins:
        return ""
    bars = [{"from": start, "to": end, "rows": rows, "floor": 0} for start, end, rows in bins]
    longest, highest = bars[-1]["to"] - 1, max(bar["rows"] for bar in bars)
    shown = max_length is not None and 0 < max_length <= 1.5 * longest
    end = max(bars[-1]["to"], (max_length or 0) if shown else 0)
    x = alt.X("from:Q", title="tokens", scale=_domain(0, end), axis=alt.Axis(grid=False, tickCount=6))
    headroom = alt.Scale(domain=[0, 1.18 * highest], nice=False)
    y = alt.Y("rows:Q", title=None, scale=headroom, axis=alt.Axis(tickCount=4, format="d", tickMinStep=1))
    histogram = alt.Chart(alt.Data(values=bars)).mark_rect(color=INK, opacity=0.55, xOffset=0.5, x2Offset=-0.5)
    layers = [histogram.encode(x=x, x2="to:Q", y=y, y2="floor:Q")]
    if shown:
        mark = alt.Chart(alt.Data(values=[{"from": max_length, "label": f"max_length {max_length}"}])).encode(x=x)
        text = {"align": "right", "dx": -6, "baseline": "top", "fontWeight": 600}
        layers.append(mark.mark_rule(color=ACCENT, strokeWidth=1.5, strokeDash=[3, 3]))
        layers.append(mark.mark_text(color=ACCENT, **text).encode(text="label:N", y=alt.value(0)))
    return svg(alt.layer(*layers), height_px=170, label=f"rows by length in tokens, up to {longest}")


def thinned(points: Sequence[Point], at_most: int = MAX_POINTS) -> list[Point]:
    """The finite points in step order, averaged in equal groups so that at most `at_most` are left.

    A group stands at its last step, so the curve still ends where training ended.
    """
    finite = sorted((step, value) for step, value in points if math.isfinite(value))
    size = max(1, math.ceil(len(finite) / at_most))
    groups = [finite[start : start + size] for start in range(0, len(finite), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def smoothed(points: Sequence[Point]) -> list[Point]:
    """Centred moving average over about a tenth of the curve; it shrinks at the ends, so a steep start stays."""
    reach = len(points) // 20
    curve = []
    for i, (step, _) in enumerate(points):
        back = min(reach, i)
        window = points[i - back : i + back + 1]
        curve.append((step, sum(value for _, value in window) / len(window)))
    return curve


def _marks(points: Sequence[Point]) -> Any:
    import altair as alt

    return alt.Chart(alt.Data(values=[{"step": step, "value": value} for step, value in points]))


def _domain(low: float, high: float) -> Any:
    import altair as alt

    return alt.Scale(domain=[low, high if high > low else low + 1], nice=False)


def _step_axis(steps: Sequence[int]) -> Any:
    import altair as alt

    return alt.Axis(grid=False, tickCount=min(6, max(1, max(steps) - min(steps))), format=",d", tickMinStep=1)


def svg(chart: Any, *, height_px: int, label: str) -> str:
    """Render, then keep only the drawing: no roles, classes or event hints of Vega's, one label for screen readers."""
    import vl_convert

    axis = {"labelColor": INK, "titleColor": INK, "gridColor": _LINE, "gridOpacity": 0.22, "domain": False}
    text = {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "tickColor": _LINE, "tickSize": 3}
    sized = chart.properties(width=WIDTH, height=height_px, autosize={"type": "fit", "contains": "padding"})
    spec = sized.to_dict(validate=False)  # Altair would check every point against the schema, which doubles the time
    spec["config"] = {
        "background": "transparent",
        "padding": 4,
        "font": "sans-serif",
        "axis": axis | text,
        "text": {"fontSize": 11},
        "view": {"stroke": None},
    }
    drawn: str = vl_convert.vegalite_to_svg(spec)
    drawn = re.sub(r' (?:aria-[a-z]+|role|class|pointer-events|xmlns:xlink|version)="[^"]*"', "", drawn)
    for colour, variable in _VARIABLES.items():
        drawn = drawn.replace(f'="{colour}"', f'="var({variable},{colour})"')
    name = html.escape(UNPRINTABLE.sub(" ", label), quote=True)
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)

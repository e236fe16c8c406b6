import math
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from attune.report import charts
from attune.report.lengths import binned

CURVE = [(step, 3.0 * math.exp(-step / 300)) for step in range(1, 1000)]
DRAWINGS: dict[str, Callable[[], str]] = {
    "learning_curve": lambda: charts.learning_curve(CURVE, CURVE[99::100], quantity="loss", best_step=700),
    "learning_rate": lambda: charts.learning_rate(CURVE),
    "comparison": lambda: charts.comparison("rouge_l", 0.12, 0.71, 0.55, 0.63),
    "length_histogram": lambda: charts.length_histogram(binned([7, 80, 81, 300, 500]), 512),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_chart_is_well_formed_the_same_each_time_and_refers_to_nothing(name: str) -> None:
    svg = DRAWINGS[name]()
    assert svg == DRAWINGS[name]()
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "g", "path", "line", "text", "rect", "defs"}
    assert "id=" not in svg and "url(" not in svg
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_colours_are_variables_with_a_fallback_and_the_background_is_clear() -> None:
    svg = DRAWINGS["learning_curve"]()
    assert "var(--chart-accent,#4f6fd8)" in svg
    assert '="#' not in svg


def test_thousands_of_steps_become_at_most_400_points_and_end_at_the_last() -> None:
    points = [(step, float(step % 2)) for step in range(1, 10_001)]
    thin = charts.thinned(points)
    assert 300 < len(thin) <= charts.MAX_POINTS
    assert thin[-1][0] == 10_000
    assert sum(value for _, value in thin) / len(thin) == pytest.approx(0.5)
    svg = charts.learning_curve(points, [], quantity="loss")
    assert svg.count("L") < 3 * charts.MAX_POINTS


def test_values_that_are_not_finite_are_left_out() -> None:
    assert charts.thinned([(2, 1.0), (1, math.nan), (3, math.inf)]) == [(2, 1.0)]
    assert "NaN" not in charts.learning_curve([(1, 2.0), (2, math.nan), (3, 1.0)], [], quantity="loss")
    assert charts.comparison("bleu", math.nan, 1.0, 0.0, 1.0) == ""
    assert "NaN" not in charts.comparison("bleu", 0.5, 1.0, math.nan, math.nan)


def test_smoothing_keeps_a_straight_start_and_lowers_noise() -> None:
    falling = [(step, 100.0 - step) for step in range(100)]
    assert [value for _, value in charts.smoothed(falling)[:50]] == pytest.approx([value for _, value in falling[:50]])
    noisy = [(step, (-1.0) ** step) for step in range(400)]
    assert max(abs(value) for _, value in charts.smoothed(noisy)[40:-40]) < 0.1


def test_nothing_to_draw_is_an_empty_string() -> None:
    assert charts.learning_curve([], [], quantity="loss") == ""
    assert charts.learning_rate([]) == ""
    assert charts.length_histogram([], 512) == ""


def test_one_step_is_drawn() -> None:
    assert charts.learning_curve([(1, 2.0)], [(1, 2.1)], quantity="loss", best_step=1).startswith("<svg ")


def test_the_best_step_and_the_limit_are_written_in_the_chart() -> None:
    assert "best: step 700" in DRAWINGS["learning_curve"]()
    assert "max_length 512" in DRAWINGS["length_histogram"]()
    assert "max_length" not in charts.length_histogram(binned([10, 20]), 4096), "a far limit would squeeze the bars"


def test_a_metric_name_cannot_leave_the_label() -> None:
    svg = charts.comparison('"><script>alert(1)</script>\x00\ud800', 0.1, 0.2, 0.0, 0.2)
    ElementTree.fromstring(svg)
    assert "<script" not in svg

from xml.etree import ElementTree

import pytest

from attune.report.bars import Bar, Interval, bars, brief, intervals

PAYLOAD = '"><script>alert(1)</script>\x00\ud800'


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def test_each_bar_has_its_name_and_what_stands_at_its_end() -> None:
    svg = bars([Bar("good", (8, 1, 1), "10"), Bar("bad", (4, 0, 1), "5"), Bar("good", (1,), "1")], label="by label")
    assert [text for text in texts(svg) if text in {"good", "bad"}] == ["good", "bad", "good"], "also where two are one"
    assert {"10", "5", "1"} <= set(texts(svg))
    assert 'aria-label="by label"' in svg


def test_parts_differ_without_colour() -> None:
    svg = bars([Bar("a", (3, 2, 1), "6")], label="x")
    assert svg.count('fill-opacity="0.85"') == 1 and svg.count('fill-opacity="0.35"') == 1
    assert "stroke=" in svg, "the last part is an outline"


def test_a_bar_is_as_long_as_its_share_of_the_whole() -> None:
    def length(whole: float) -> float:
        svg = bars([Bar("a", (10,), "10")], label="x", whole=whole)
        paths = [e.get("d", "") for e in ElementTree.fromstring(svg).iter() if e.get("fill-opacity") == "0.85"]
        return float(paths[0].split("h")[1].split("v")[0])

    assert length(1000) == pytest.approx(length(0) / 100, rel=0.2)


def test_intervals_are_drawn_with_their_marks() -> None:
    svg = intervals(
        [Interval("Test", 0.7, 0.6, 0.8)], [(0.5, "chance"), (0.6, "limit 0.6")], low=0.4, high=1.0, label="AUC"
    )
    assert {"Test", "chance", "limit 0.6"} <= set(texts(svg))


@pytest.mark.parametrize("draw", [lambda: bars([], label="x"), lambda: intervals([], [], low=0, high=1, label="x")])
def test_nothing_to_draw_is_an_empty_string(draw: object) -> None:
    assert callable(draw) and draw() == ""


def test_a_name_cannot_leave_its_place() -> None:
    for svg in (
        bars([Bar(PAYLOAD, (1,), "1")], label=PAYLOAD),
        intervals([Interval(PAYLOAD, 0.5, 0.4, 0.6)], [], low=0, high=1, label=PAYLOAD),
    ):
        ElementTree.fromstring(svg)
        assert "<script" not in svg and "id=" not in svg and "url(" not in svg


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("positive", "positive"),
        ("a" * 24, "a" * 22 + "…"),
        ("日" * 12, "日" * 11 + "…"),
        ("e\u0301" * 20, "e\u0301" * 20),
        ("\u202eturned\u2069", "turned"),
        (" \x00", "(empty)"),
        ("", "(empty)"),
        ("e" + "\u0301" * 5000, "e" + "\u0301" * 183 + "…"),
    ],
)
def test_names_are_cut_by_their_width(name: str, shown: str) -> None:
    assert brief(name) == shown

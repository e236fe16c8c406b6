"""Small data files that every unit test may read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty short conversations."""
    things = {"sky": "blue", "grass": "green", "coal": "black", "snow": "white"}
    asked = (
        "what colour is|and|tell me|say|name|paint|how is|look at|the hue of|the shade of|once more|again|why|who|on"
    )
    rows = [
        {"messages": [{"role": "user", "content": f"{how} the {thing}"}, {"role": "assistant", "content": colour}]}
        for how in asked.split("|")
        for thing, colour in things.items()
    ]
    path = tmp_path_factory.mktemp("data") / "colours.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def moods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty labelled texts."""
    words = [
        "sky",
        "grass",
        "coal",
        "snow",
        "blue",
        "green",
        "black",
        "white",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
    ]
    rows = [
        f"{feeling} {word} {kind},{label}\n"
        for word in words
        for kind in ("day", "night")
        for feeling, label in (("lovely", "good"), ("awful", "bad"))
    ]
    path = tmp_path_factory.mktemp("data") / "moods.csv"
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    return path

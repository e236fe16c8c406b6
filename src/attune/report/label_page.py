"""Rows to decide about as one HTML page: one script of ours, nothing fetched, the rows only ever shown as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from attune.data.example import content_id
from attune.report.html import ours, replace_file, template

# In a script element only "<" could end the data; the others end a line or an entity for lenient readers.
_ESCAPED = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def write(path: Path, queue: Mapping[str, Any]) -> Path:
    """Write the page, whole or not at all, and return its path.

    Args:
        queue: `rows` (row, file, line, target, fields, reasons, doubt, suggestion), `labels`, `who`, `save` (the
            name of the file that the page saves) and `command` (what takes it).

    Raises:
        EnvironmentFault: the disk does not take it.
    """
    return replace_file(path, render(queue))


def render(queue: Mapping[str, Any]) -> str:
    """The page as text: the same rows give the same text."""
    data = json.dumps(
        {**queue, "page": content_id([row["row"] for row in queue["rows"]])}, ensure_ascii=False
    ).translate(_ESCAPED)
    return template("label.html.j2").render(
        style=ours("style.css") + ours("label.css"),
        script=ours("label.js"),
        data=Markup(data),  # JSON without a sign that could end its element
        rows=len(queue["rows"]),
    )

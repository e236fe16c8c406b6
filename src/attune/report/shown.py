"""Training rows token by token, as markup that can be read without colours, copied as text, and read aloud."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

# Kind of a token -> what a screen reader says before it, and the legend.
KINDS = {
    "learned": "learned",
    "words": "your words, read as context",
    "template": "added by the template, read as context",
    "cut": "cut off, never seen",
    "mark": "",
}
# White space stays what it is; the style sheet draws its marks.
_WHITE_SPACE = {" ": "sp", "\n": "nl", "\t": "tab"}


def row(spans: Sequence[Sequence[Any]]) -> Markup:
    """The tokens of one row.

    Args:
        spans: [text, kind, special] of each, as `attune.tokens.show.Shown.record` writes them.
    """
    pieces = []
    for kind, group in groupby(spans, key=_kind):
        tokens = "".join(_token(span) for span in group)
        said = f'<span class="aloud">[{KINDS[kind]}:] </span>' if KINDS[kind] else ""
        pieces.append(f'<span class="{kind}">{said}{tokens}</span>')
    return Markup("".join(pieces))


def rows(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each row with its place, what it is, and its tokens."""
    return [{**record, "tokens": row(record.get("spans") or ())} for record in records]


def _kind(span: Sequence[Any]) -> str:
    return str(span[1]) if span[1] in KINDS else "words"


def _token(span: Sequence[Any]) -> str:
    text = re.sub(
        r"[ \n\t]", lambda match: f'<i class="{_WHITE_SPACE[match[0]]}">{match[0]}</i>', html.escape(str(span[0]))
    )
    return f'<span class="special">{text}</span>' if span[2] else f"<span>{text}</span>"

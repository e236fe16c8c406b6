"""The tokens of a sequence as text, coloured by loss weight: for a terminal and for HTML."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from rich.text import Text

from attune.tokens.sequence import Sequence

LEGEND = "learned tokens are green and underlined, context is grey; ↵ newline, · space, → tab"
LEGEND_WITHOUT_COLOUR = "learned tokens stand in [[ ]], the rest is context; ↵ newline, · space, → tab"

_CONTEXT = ("grey62", "grey50")
_TARGET = ("bold green underline", "bold bright_green underline")
_WINDOW_TOKENS = 4


class Decoder(Protocol):
    """What is needed of a `tokens.render.Renderer`."""

    def text(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of token ids."""


@dataclass(frozen=True, slots=True)
class Span:
    """One token's text, or that of the few tokens that make up one character. `weight` 0.0 is context."""

    text: str
    weight: float


def spans(sequence: Sequence, decoder: Decoder) -> list[Span]:
    """The sequence token by token; the texts join to the text of all its ids, special tokens included."""
    found: list[Span] = []
    ids = sequence.input_ids
    begin = 0
    for end in range(1, len(ids) + 1):
        # A token's text depends on what stands before it (some tokenizers drop a leading space), so it is read behind
        # a few earlier tokens; and a character may need several tokens.
        before = decoder.text(ids[max(0, begin - _WINDOW_TOKENS) : begin], skip_special=False)
        text = decoder.text(ids[max(0, begin - _WINDOW_TOKENS) : end], skip_special=False)[len(before) :]
        if text.endswith("\ufffd") and end < len(ids):
            continue
        found.append(Span(text, sequence.weights[begin]))
        begin = end
    return found


def visible(text: str) -> str:
    """The text with a mark for each space, tab and newline, and every other control character spelled out."""
    return "".join(map(_visible, text))


def to_rich(shown: Iterable[Span]) -> Text:
    """For a terminal with colours; neighbouring tokens differ in shade."""
    text = Text()
    for index, span in enumerate(shown):
        text.append(visible(span.text), style=(_TARGET if span.weight else _CONTEXT)[index % 2])
    return text


def to_plain(shown: Iterable[Span]) -> str:
    """For a terminal without colours: [[ ]] stands around what is learned."""
    pieces = []
    for learned, group in groupby(shown, key=lambda span: bool(span.weight)):
        text = "".join(visible(span.text) for span in group)
        pieces.append(f"[[{text}]]" if learned else text)
    return "".join(pieces)


def to_html(shown: Iterable[Span]) -> str:
    """Escaped HTML: one <span> a token, of class "target" or "context"."""
    return "".join(
        f'<span class="{"target" if span.weight else "context"}">{html.escape(visible(span.text))}</span>'
        for span in shown
    )


def describe(sequence: Sequence) -> str:
    """How many tokens there are, how many are learned, and what was cut."""
    parts = [f"{len(sequence.input_ids)} tokens"]
    parts.append(f"class {sequence.label}" if sequence.label is not None else f"{sequence.target_tokens} learned")
    if sequence.truncated_tokens:
        parts.append(f"{sequence.truncated_tokens} cut off to fit max_length")
    return ", ".join(parts)


def _visible(character: str) -> str:
    if character == "\n":
        return "↵\n"
    if character == "\t":
        return "→"
    if character == " ":
        return "·"
    # Cc and Cf would move the cursor, change colours or turn the direction of writing.
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"}:
        return f"<U+{ord(character):04X}>"
    return character

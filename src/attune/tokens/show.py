"""Training rows token by token: what is learned, what is read as context and who wrote it, and what is cut off.

No way of showing relies on colour alone: in a terminal with colours each kind also has a shape (underlined, italic,
struck through), without colours it has brackets, and the report writes the kinds out for screen readers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as Series
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, Protocol

from rich.text import Text

from attune.data.example import Conversation, Example, Message
from attune.errors import ModelError
from attune.tokens.sequence import Sequence
from attune.tokens.stored import StoredSequences

# "mark" is a note of ours between the tokens.
Kind = Literal["learned", "words", "template", "cut", "mark"]

MEANINGS: dict[Kind, str] = {
    "learned": "learned",
    "words": "your words, read as context",
    "template": "added by the template, read as context",
    "cut": "cut off, never seen",
}
WHITE_SPACE = "↵ newline, · space, → tab"
_BRACKETS: dict[Kind, tuple[str, str]] = {"learned": ("[[", "]]"), "template": ("{", "}"), "cut": ("~~", "~~")}
# Two shades of each, for neighbours; they can be read on white and on black.
_STYLES: dict[Kind, tuple[str, str]] = {
    "learned": ("bold underline green4", "bold underline dark_cyan"),
    "words": ("default", "grey50"),
    "template": ("italic steel_blue", "italic slate_blue3"),
    "cut": ("strike indian_red", "strike red3"),
    "mark": ("bold red3", "bold red3"),
}
_TYPED = "bold reverse"  # a special token that a person typed
_WINDOW_TOKENS = 4
_CUT_TOKENS = 60  # of what is cut off, on each side
_RECORDED_RUN = 400  # tokens of one kind, and of one row, in a record
_RECORDED_TOKENS = 2000
_PLACEHOLDER = "\ue000{}\ue001"  # private use: no template writes it by itself


class Decoder(Protocol):
    """What is needed of a `tokens.render.Renderer`."""

    @property
    def special_ids(self) -> dict[int, str]:
        """Tokens that stand for no words, as they are written."""

    def text(self, ids: Iterable[int], *, skip_special: bool = True) -> str:
        """The text of token ids."""

    def whole(self, messages: Series[Message], tools: Series[dict[str, Any]]) -> str:
        """What the chat template writes for finished messages."""


@dataclass(frozen=True, slots=True)
class Span:
    """One token's text, or that of the few tokens that make up one character.

    Attributes:
        weight: loss weight; 0.0 is context.
        special: it is a token that stands for no words.
        place: of its first token, in the sequence that was given.
    """

    text: str
    weight: float
    kind: Kind = "words"
    special: bool = False
    place: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A training sequence as a person should see it."""

    example: Example
    what: str
    spans: tuple[Span, ...]

    def record(self) -> dict[str, Any]:
        """As JSON has it: [text, kind, special] for each token; of long runs, the ends."""
        spans = _shortened(self.spans)
        origin = self.example.origin
        texts = [[spelled(span.text), span.kind, span.special] for span in spans]
        return {"id": self.example.id, **origin.place(), "what": self.what, "spans": texts}


def shown(
    kept: Sequence, example: Example, decoder: Decoder, whole: Callable[[], Iterable[Sequence]], label: str = ""
) -> Shown:
    """A sequence that is trained on, with the kind of each token and the beginning of what was cut off it.

    Args:
        whole: all sequences of the example before any was cut; asked for only when this one was.
        label: the name of its class.
    """
    found = [(s, at) for s in whole() if (at := _place(kept, s)) is not None] if kept.truncated_tokens else []
    full, at = found[0] if found else (kept, 0)
    end = at + len(kept.input_ids)
    first, last = max(0, at - _CUT_TOKENS), min(len(full.input_ids), end + _CUT_TOKENS)
    weights = (*full.weights[first:at], *kept.weights, *full.weights[end:last])
    made = spans(replace(full, input_ids=full.input_ids[first:last], weights=weights), decoder)
    before = decoder.text(full.input_ids[:first], skip_special=False)
    made = _by_origin(made, example, before, decoder)
    return Shown(example, describe(kept, label), tuple(_with_cuts(made, first, at, end, last, len(full.input_ids))))


def report_places(sequences: StoredSequences, count: int) -> list[int]:
    """Indices of the first sequences, and of the first that was cut when none of those was."""
    cut = sequences.truncated_tokens.nonzero()[0]
    places = list(range(min(count, len(sequences))))
    return [*places, int(cut[0])] if len(cut) and cut[0] >= len(places) else places


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
        weight = sequence.weights[begin]
        kind: Kind = "learned" if weight else "words"
        found.append(Span(text, weight, kind, ids[begin] in decoder.special_ids, begin))
        begin = end
    return found


def _place(kept: Sequence, full: Sequence) -> int | None:
    """Where in `full` the sequence that was cut out of it begins."""
    count, lost = len(kept.input_ids), kept.truncated_tokens
    if len(full.input_ids) != count + lost:
        return None
    return next((at for at in range(lost + 1) if full.input_ids[at : at + count] == kept.input_ids), None)


def _with_cuts(made: list[Span], first: int, at: int, end: int, last: int, total: int) -> Iterator[Span]:
    """The spans of tokens `first` to `last`, with those outside `at` to `end` as cut off, and marks where that is."""
    if first:
        yield Span(f"… {first:,} more tokens ", 0.0, "mark")
    cut = at > first
    for span in made:
        if cut != (cut := not at <= first + span.place < end):
            yield Span(" ✂ ", 0.0, "mark")
        yield replace(span, kind="cut") if cut else span
    if last < total:
        yield Span(f" … {total - last:,} more tokens", 0.0, "mark")


def _by_origin(made: list[Span], example: Example, before: str, decoder: Decoder) -> list[Span]:
    """Context that nobody wrote into the data becomes of kind "template"."""
    if not isinstance(example, Conversation):
        return [replace(s, kind="template") if s.special and s.kind == "words" else s for s in made]
    own = _own_words(example, before + "".join(span.text for span in made), decoder)
    sorted_spans = []
    at = len(before)
    for span in made:
        end = at + len(span.text)
        added = span.kind == "words" and not any(own[at:end])
        sorted_spans.append(replace(span, kind="template") if added else span)
        at = end
    return sorted_spans


def _own_words(example: Conversation, text: str, decoder: Decoder) -> bytearray:
    """1 for each character of the text that stands in a message of the conversation, else 0.

    The template is asked to write placeholders; what stands between them is its own.
    """
    best, reached = bytearray(len(text)), -1
    for last in [i for i, m in enumerate(example.messages) if m.role == "assistant"][::-1]:
        messages = example.messages[: last + 1]
        given = [m if not m.content else replace(m, content=_PLACEHOLDER.format(i)) for i, m in enumerate(messages)]
        try:
            literals = decoder.whole(given, example.tools)
        except ModelError:  # a template that reads the words
            literals = ""
        own, at = _matched(literals, [m.content for m in messages], text)
        if at > reached:
            best, reached = own, at
        if at == len(text):
            break
    return best


def _matched(literals: str, contents: list[str], text: str) -> tuple[bytearray, int]:
    """Which characters are contents, and how far the text agrees with the template's; behind that, words are sought."""
    own, at, left = bytearray(len(text)), 0, dict(enumerate(contents))
    for piece in literals.split("\ue000"):
        number, closed, literal = piece.partition("\ue001")
        if closed:
            content = left.pop(int(number), "")
            content = (
                content if text[at : at + len(content)] in (content, content[: len(text) - at]) else content.strip()
            )
            if not content.startswith(text[at : at + len(content)]):
                break
            own[at : at + len(content)] = b"\1" * len(text[at : at + len(content)])
            at = min(len(text), at + len(content))
        else:
            literal = piece
        if not literal.startswith(text[at : at + len(literal)]):
            break
        at = min(len(text), at + len(literal))
    reached = at
    for content in left.values():
        if (found := text.find(content.strip(), at)) >= 0:
            at = found + len(content.strip())
            own[found:at] = b"\1" * (at - found)
    return own, reached


def _shortened(made: Series[Span]) -> list[Span]:
    """The middle of long runs of one kind, and the end of what is longer still, counted instead of shown."""
    short: list[Span] = []
    for _, run in groupby(made, key=lambda span: span.kind):
        group = list(run)
        if len(group) > _RECORDED_RUN:
            left_out = len(group) - _RECORDED_RUN
            half = _RECORDED_RUN // 2
            group = [*group[:half], Span(f" … {left_out:,} tokens … ", 0.0, "mark"), *group[-half:]]
        short += group
    rest = len(short) - _RECORDED_TOKENS
    return short if rest <= 0 else [*short[:_RECORDED_TOKENS], Span(f" … {rest:,} more tokens", 0.0, "mark")]


def spelled(text: str) -> str:
    """The text with control characters spelled out; white space stays."""
    return "".join(c if c in "\n\t" else _spelled(c) for c in text)


def visible(text: str) -> str:
    """The text with a mark for each space, tab and newline, and every other control character spelled out."""
    marks = {"\n": "↵\n", "\t": "→", " ": "·"}
    return "".join(marks.get(c) or _spelled(c) for c in text)


def legend(*, coloured: bool) -> Text:
    """What the styles or brackets mean, in themselves."""
    text = Text()
    for index, (kind, meaning) in enumerate(MEANINGS.items()):
        left, right = ("", "") if coloured else _BRACKETS.get(kind, ("", ""))
        text.append("  " if index else "")
        text.append(f"{left}{meaning}{right}", style=_STYLES[kind][0] if coloured else "")
    text.append("\n")
    text.append("✂ cut here", style=_STYLES["mark"][0] if coloured else "")
    text.append("  ")
    text.append("special token in a text" if coloured else "!!special token in a text!!", style=_TYPED * coloured)
    return text.append(f"  {WHITE_SPACE}")


def to_rich(made: Iterable[Span]) -> Text:
    """For a terminal with colours; neighbouring tokens differ in shade, and special tokens in a text stand out."""
    text = Text()
    for index, span in enumerate(made):
        words = span.text if span.kind == "mark" else visible(span.text)
        style = _STYLES[span.kind][index % 2]
        if span.special:
            style = _TYPED if span.kind == "words" else f"bold {_STYLES[span.kind][0]}"
        text.append(words, style=style)
    return text


def to_plain(made: Iterable[Span]) -> str:
    """For a terminal without colours: brackets stand around all but the words that are only read."""
    pieces = []
    for kind, group in groupby(made, key=lambda span: span.kind):
        text = "".join(map(_plain, group))
        left, right = _BRACKETS.get(kind, ("", ""))
        pieces.append(f"{left}{text}{right}")
    return "".join(pieces)


def _plain(span: Span) -> str:
    text = span.text if span.kind == "mark" else visible(span.text)
    return f"!!{text}!!" if span.special and span.kind == "words" else text


def describe(sequence: Sequence, label: str = "") -> str:
    """How many tokens there are, how many are learned and how much they weigh, and what was cut."""
    parts = [f"{len(sequence.input_ids):,} tokens"]
    if sequence.label is not None:
        parts.append(f"learned: {f'the label {label}' if label else f'class {sequence.label}'}")
    else:
        weights = sorted({weight for weight in sequence.weights if weight} - {1.0})
        odd = f" (weights {', '.join(f'{weight:g}' for weight in weights)})" if weights else ""
        parts.append(f"{sequence.target_tokens:,} learned{odd}")
    if sequence.truncated_tokens:
        parts.append(f"{sequence.truncated_tokens:,} cut off to fit max_length")
    return ", ".join(parts)


def _spelled(character: str) -> str:
    # Cc and Cf would move the cursor, change colours or turn the direction of writing.
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"}:
        return f"<U+{ord(character):04X}>"
    return character

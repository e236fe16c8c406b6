"""Checks of what the model should answer: missing, left over, refused, echoed, looping, damaged.

Every check looks at each assistant turn that counts in a conversation and at each completion of a pair; rows of other
kinds have no target of free text. Patterns are bounded and texts are cut where that is enough: a row may be hostile.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from attune.data.example import Conversation, Example, LabelledText, Origin, Pair, texts_of
from attune.data.finding import Finding, Severity
from attune.data.likeness import normalised
from attune.recipe import Audit

COPIED_WORDS = 8
REPETITION_WORDS = 20
_REPETITION_CHARACTERS = 200_000
_QUOTATION = 80

FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]+`")

_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})  # control and format characters, separators
_NOTHING = frozenset({"null", "NULL", "None", "NaN", "nan", "undefined", "N/A", "n/a", "[object Object]"})
_LEFT_OVER = re.compile(
    # "Todo" with small letters is a whole answer in Spanish.
    r"\W?(?:TODO|(?i:tbd|tba|fixme))\W?|(?:TODO|(?i:tbd|fixme))\s?:[^\n]{0,80}"
    r"|[xX]{3,}|(?:\.\.|…)[.…]*|(?i:lorem ipsum\b).*",
    re.DOTALL,
)
_INSERT_HERE = re.compile(r"[\[(<{]\s?(?:please )?insert\b[^\])>}\n]{0,80}\bhere\s?[\])>}]", re.IGNORECASE)
_FIELD = re.compile(
    r"(?<![^\s(\"'“„])(?:\{\{ ?[^\W\d][\w .-]{0,40}\}\}|\{[^\W\d]\w{1,40}\}|<[A-Z][A-Z0-9_ ]{1,40}>)"
    r"(?=[.,;:!?)\"'”]{0,5}(?:\s|\Z))"
)
_CODE = re.compile(r"[`{}<>=\\]|\w\([\w\"']|\bf[\"']")

# A refusal: an apology or nothing, then "cannot", then, in the same sentence, an act of answering; or "as an AI" with
# a negation. The text is case-folded, with straight apostrophes.
_APOLOGY = (
    r"(?:(?:(?:i'm|i am|we're|we are) )?(?:\w+ )?sorry|(?:i|we|my) apologi\w+|unfortunately"
    r"|(?:es )?tut (?:mir|uns) (?:\w+ )?leid|leider|(?:je suis )?(?:\w+ )?désolée?|malheureusement"
    r"|lo siento(?: mucho)?|lamentablemente)"
)
_ABOUT = r"(?: (?:for|about|to|that|für|dass|pour|por)\b[^,;]*?)?"
_CANNOT = (
    r"(?:(?:i|we) (?:can't|cannot|can not|won't|will not|(?:must |have to )?decline to)"
    r"|(?:i'm|i am|we're|we are) (?:unable|not able) to"
    r"|(?:dabei |damit |das )?(?:ich kann|kann ich|ich darf|darf ich)\b.*\b(?:nicht|keine?)"
    r"|je ne (?:peux|puis|suis)|no (?:puedo|podemos))"
)
_ACT = (
    r"(?:assist|comply|fulfil|help (?:you|with)|help$|do (?:that|this)|(?<=but i can't)$|(?<=but i cannot)$"
    r"|(?:provid|creat|generat|writ|discuss|answer|respond|engag|offer|support|shar|giv)(?:e|ing)?\b.*?"
    r"\b(?:this|that|such|any|advice|information|instructions|content|your (?:question|request))"
    r"|helfen|weiterhelfen|unterstützen|erfüllen|beantworten|nachkommen|bereitstellen"
    r"|aider|assister|répondre à|fournir|ayudar|asistir|responder a|proporcionar|cumplir con)"
)
_APOLOGY_ALONE = re.compile(_APOLOGY)
_REFUSAL = re.compile(
    rf"(?:{_APOLOGY}{_ABOUT}[\s,;:–-]*(?:(?:but|aber|mais|pero) )?)?{_CANNOT}\b.*?\b{_ACT}"
    rf"|(?:{_APOLOGY}[\s,]*(?:but |aber |mais |pero )?)?(?:i (?:must |have to )?(?:respectfully |politely )decline"
    r"|as an? [^,]*?\b(?:ai|model|assistant)\b[^,]*, (?:i|we)\b.*(?:\bnot\b|n't\b|\bcannot\b|\bunable\b)"
    r"|als (?:ki|sprachmodell|künstliche intelligenz)\b.*\b(?:nicht|keine?n?)\b"
    r"|en tant qu(?:e |')(?:ia|modèle|assistant|intelligence artificielle)\b.*\bne\b"
    r"|como (?:una? )?(?:ia|modelo|asistente|inteligencia artificial)\b.*\bno\b)"
)

# Bytes 80 to BF, as they look when UTF-8 was read as Windows-1252 or Latin-1. Quotes, dashes and spaces may also follow
# a capital Ã in a correct text ("AMANHÃ").
_TAIL = "".join(sorted({bytes([b]).decode(c, "ignore") for b in range(0x80, 0xC0) for c in ("cp1252", "latin-1")}))
_QUOTES = "‘’“”–—…»\u00a0"
_TAGS = "br|hr|p|div|span|b|i|u|em|strong|a|ul|ol|li|h[1-6]|table|tr|td|th|img|font|script|style|pre|nobr|blockquote"
_ODD = {
    "replacement_character": re.compile("\ufffd"),
    "control_character": re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"),
    "lone_surrogate": re.compile(r"[\ud800-\udfff]"),
    "mojibake": re.compile(
        f"[ÂÃ](?![{_QUOTES}])[{_TAIL}]|(?<![A-ZÀ-Þ])[ÂÃ][{_QUOTES}]|â€|ï»¿|ðŸ|(?:[ÐÑ][{_TAIL}]){{2}}"
    ),
}
_MARKUP = re.compile(
    rf"&(?:nbsp|amp|lt|gt|quot|apos|ndash|mdash|hellip|[lr][sd]quo|#\d{{1,6}}|#x[0-9a-f]{{1,5}});"
    rf"|</?(?:{_TAGS})\s?/?>|<(?:{_TAGS})\s[a-z-]{{1,20}}\s?=[^<>]{{0,300}}>",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer that counts, and what it answers."""

    origin: Origin
    asked: str  # the last user message, or the prompt
    context: str  # what stands before the target: since the last assistant turn, for the final turn all of it
    target: str


def empty_targets(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Targets without a visible character; a turn that only calls tools is not empty."""
    hits = _hits(examples, lambda turn: None if _is_visible(turn.target) else turn.asked)
    return _finding(
        "empty_targets", "error", examples, hits, "the target is empty or has no visible character",
        "write the answer or remove the row: it teaches the model to say nothing",
    )  # fmt: skip


def placeholder_targets(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Targets that nobody filled in.

    A template field ({{name}}, {name}, <NAME>) counts only as a word of its own, when the text before the target does
    not have the same field, and when the rest of the target has no sign of code: none of ` { } < > = and backslash, no
    call, no f-string. Code and XML are full of fields that are right.
    """
    return _finding(
        "placeholder_targets", "warning", examples, _hits(examples, _placeholder),
        "the target is a placeholder or has an unfilled field",
        "fill in the answers or remove the rows, unless the model is to say just this",
    )  # fmt: skip


def refusals(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Targets that begin with a refusal, in English, German, French or Spanish."""
    return _finding(
        "refusals", "warning", examples, _hits(examples, lambda t: t.target if _refuses(t.target) else None),
        "the target begins as a refusal",
        "keep only the refusals that you want: a few per cent already make a model refuse more often",
    )  # fmt: skip


def echoes(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Targets that are the last user message or the prompt again, or begin with all of it (8 words or more)."""
    return _finding(
        "echoes", "warning", examples, _hits(examples, lambda turn: turn.target if _echoes(turn) else None),
        "the target repeats the prompt",
        "leave the prompt out of the target, or remove the row when it has no answer",
        compared="after NFKC, case folding and joining of white space", begins_with_words=COPIED_WORDS,
    )  # fmt: skip


def copied_targets(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Targets of some length that stand word for word in what the model is given, without being all of it."""

    def copied(turn: Turn) -> str | None:
        target = normalised(turn.target)
        is_long = target.count(" ") >= COPIED_WORDS - 1
        is_inside = is_long and f" {target} " in f" {normalised(turn.context)} "
        return turn.target if is_inside and not _echoes(turn) else None

    return _finding(
        "copied_targets", "info", examples, _hits(examples, copied), "the target stands word for word in the prompt",
        "nothing to do for extraction, quotation and summaries, which copy by intent; otherwise the prompt gives the "
        "answer away",
        least_words=COPIED_WORDS,
    )  # fmt: skip


def repetition(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Targets that say the same again and again: whole lines or sentences, or one phrase of four words."""
    worst = 0.0

    def repeats(turn: Turn) -> str | None:
        nonlocal worst
        share, phrase = _repeated(turn.target)
        worst = max(worst, share)
        return phrase if share > limits.repetition else None

    hits = _hits(examples, repeats)
    return _finding(
        "repetition", "warning", examples, hits, f"more than {limits.repetition:.0%} of the target is repeated text",
        "look for generated answers that ran into a loop, and for joined rows; refrains and tables repeat by intent",
        repetition=limits.repetition, largest_share=round(worst, 3), least_words=REPETITION_WORDS,
    )  # fmt: skip


def odd_characters(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Damaged or left-over characters in any text of a row.

    HTML counts only in prose: not in a text that has a code fence or begins with a tag, and not between backticks.
    """
    hits: dict[Origin, str] = {}
    kinds: Counter[str] = Counter()
    for example in examples:
        found = {kind: quotation for text in (*texts_of(example), *_label(example)) for kind, quotation in _odd(text)}
        if found:
            hits[example.origin] = next(iter(found.values()))
            kinds.update(found.keys())
    return _finding(
        "odd_characters", "warning", examples, hits, f"there are odd characters ({', '.join(sorted(kinds))})",
        "read the files in the encoding they were written in, and turn HTML into plain text where it is not wanted",
        rows_by_kind=dict(sorted(kinds.items())),
    )  # fmt: skip


def turns(examples: Iterable[Example]) -> Iterator[Turn]:
    """Every answer that counts, of conversations and pairs."""
    for example in examples:
        match example:
            case Pair(origin=origin, prompt=prompt, completion=completion):
                yield Turn(origin, prompt, prompt, completion)
            case Conversation(origin=origin, messages=messages):
                asked, start = "", 0
                for index, message in enumerate(messages):
                    if message.role == "user":
                        asked = message.content
                    if message.role != "assistant":
                        continue
                    only_calls = not message.content.strip() and any(key == "tool_calls" for key, _ in message.extra)
                    if message.weight and not only_calls:
                        # All that stands before every turn would be quadratic in the number of turns.
                        before = messages[0 if index == len(messages) - 1 else start : index]
                        yield Turn(origin, asked, "\n".join(m.content for m in before), message.content)
                    start = index + 1


def _hits(examples: Sequence[Example], flaw: Callable[[Turn], str | None]) -> dict[Origin, str]:
    """The rows with a flaw and a text to quote, from the first turn that has it."""
    hits: dict[Origin, str] = {}
    for origin, of_row in groupby(turns(examples), key=lambda turn: turn.origin):
        quotation = next((text for turn in of_row if (text := flaw(turn)) is not None), None)
        if quotation is not None:
            hits[origin] = quotation
    return hits


def _finding(
    check: str, severity: Severity, examples: Sequence[Example], hits: Mapping[Origin, str], what: str, advice: str,
    **evidence: Any,
) -> list[Finding]:  # fmt: skip
    if not hits:
        return []
    evidence["quotations"] = [_shown(text) for text in list(hits.values())[:3]]
    return [Finding(check, severity, f"In {len(hits)} of {len(examples)} rows {what}", tuple(hits), advice, evidence)]


def _shown(text: str) -> str:
    shown = " ".join(text[: 4 * _QUOTATION].split())[:_QUOTATION]
    return shown if shown.isprintable() else ascii(shown)[1:-1][:_QUOTATION]


def _is_visible(text: str) -> bool:
    return any(unicodedata.category(character) not in _INVISIBLE for character in text)


def _placeholder(turn: Turn) -> str | None:
    target = turn.target.strip()
    if target in _NOTHING or _LEFT_OVER.fullmatch(target):
        return target
    prose = FENCE.sub(" ", target)
    found = [match[0] for match in _INSERT_HERE.finditer(prose)]
    fields = _FIELD.findall(target)
    if fields and not _CODE.search(_FIELD.sub("", target)):
        found += fields
    return next((text for text in found if text not in turn.context), None)


def _refuses(target: str) -> bool:
    head = unicodedata.normalize("NFKC", target[:400]).casefold().replace("’", "'").replace("*", "")
    sentences = [
        " ".join(text.split()).rstrip(".!?… ") for text in re.split(r"(?<=[.!?])\s|\n", head.lstrip("\"'_>#\t\r\n "))
    ]
    decisive = [text for text in sentences if text and not _APOLOGY_ALONE.fullmatch(text)]
    return bool(decisive) and _REFUSAL.match(decisive[0]) is not None


def _echoes(turn: Turn) -> bool:
    target = normalised(turn.target)
    for prompt in {normalised(turn.asked), normalised(turn.context)} - {""}:
        if target == prompt or (prompt.count(" ") >= COPIED_WORDS - 1 and target.startswith(prompt + " ")):
            return True
    return False


def _repeated(target: str) -> tuple[float, str]:
    """The larger share of characters, first occurrences not counted, of repeated lines and sentences and of the most
    repeated four words; and what is repeated. Scripts without spaces have a word for each character."""
    target = target[:_REPETITION_CHARACTERS]
    words = re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+", target)
    if len(words) < REPETITION_WORDS:
        return 0.0, ""
    pieces = Counter(piece.strip() for piece in re.split(r"\n|(?<=[.!?])\s|(?<=。)", target))
    again, piece = max((len(piece) * (count - 1), piece) for piece, count in pieces.items())
    total = sum(len(piece) * count for piece, count in pieces.items())
    lines = sum(len(piece) * (count - 1) for piece, count in pieces.items()) / max(total, 1)
    grams = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    gram, count = Counter(grams).most_common(1)[0]
    if count == 1:
        return lines, piece if again else ""
    covered = {i + k for i, found in enumerate(grams) if found == gram for k in range(4)}
    phrase = (sum(len(words[i]) for i in covered) - len("".join(gram))) / sum(map(len, words))
    return (lines, piece) if lines >= phrase else (phrase, " ".join(gram))


def _odd(text: str) -> Iterator[tuple[str, str]]:
    for kind, pattern in _ODD.items():
        if found := pattern.search(text):
            yield kind, text[max(0, found.start() - 30) : found.end() + 40]
    if "```" in text or text.lstrip()[:1] == "<":
        return
    prose = _INLINE_CODE.sub(" ", text)
    if found := _MARKUP.search(prose):
        yield "html", prose[max(0, found.start() - 30) : found.end() + 40]


def _label(example: Example) -> tuple[str, ...]:
    return (example.label,) if isinstance(example, LabelledText) else ()

"""Offensive language: a scorer that can be exchanged, and a word list as the default.

The word list is a weak signal. It knows words, not what is meant: it misses insults of ordinary words, and hits
quotations, complaints and novels. It is mostly English, with a few German, French and Spanish words, and is kept as
digests, so that nobody has to read it; words of one's own are added in clear by `data.audit.toxic_words`.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from typing import NamedTuple, Protocol

from attune.data.example import Conversation, Document, Example, LabelledText, Origin, Pair
from attune.data.finding import Finding, Severity
from attune.recipe import Audit

LISTED_WORDS = 20
SHOWN_EXAMPLES = 3
_AROUND = 30  # characters of a quotation on either side
_LONGEST_WORD = 40  # folding is quadratic in combining marks, and no word of the list is longer
_REMEMBERED = 200_000
_SCORED_ROWS = 1000  # at once
_FIRST, _SECOND = ">", "<"  # before the digests of words that only begin and only end a phrase
_TOKEN = re.compile(r"[@$]{0,2}[^\W_]++(?:[@$]++[^\W_]++)*+[@$]*+")
_SWAPS = str.maketrans("10@$", "ioas")


class ToxicityScorer(Protocol):
    """How toxic texts are, each from 0 to 1."""

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """A score for every text."""


class _Word(NamedTuple):
    """What the list says of a word: offensive alone, and those of its readings that begin or end a phrase."""

    is_word: bool
    begins: tuple[str, ...]
    ends: tuple[str, ...]


class LexiconScorer:
    """Scores a text by its offensive words: 1 - 2^-n for n of them, so that one gives 0.5. A weak signal.

    Words are whole words, compared after NFKC, case folding, and 1, 0, @, $ read as i, o, a, s.

    Args:
        words: further words, and phrases of two words, in clear.
    """

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._digests = _listed() | frozenset(hashed(words))
        self._harmless: set[str] = set()
        self._telling: dict[str, _Word] = {}  # few: the spellings of what is listed

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """A score for every text."""
        return [1.0 - 0.5 ** sum(1 for _ in self._hits(_TOKEN.findall(text))) for text in texts]

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where the offensive words and phrases of a text begin and end, in order."""
        spans = [match.span() for match in _TOKEN.finditer(text)]
        hits = self._hits([text[begin:end] for begin, end in spans])
        return [(spans[first][0], spans[last][1]) for first, last in hits]

    def _hits(self, tokens: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Indices of the first and last token of each hit."""
        for token in set(tokens) - self._harmless - self._telling.keys():
            self._look_up(token)
        if self._telling.keys().isdisjoint(tokens):
            return
        known = [self._telling.get(token) for token in tokens]
        taken = -1
        for index, (one, other) in enumerate(zip(known, [*known[1:], None], strict=True)):
            if one is None or index <= taken:
                continue
            if one.is_word:
                yield index, index
            elif other and any(digest(f"{a} {b}") in self._digests for a in one.begins for b in other.ends):
                taken = index + 1
                yield index, taken

    def _look_up(self, token: str) -> None:
        if len(self._harmless) >= _REMEMBERED:
            self._harmless.clear()
        codes = {word: digest(word) for word in _readings(token)}
        word = _Word(
            any(code in self._digests for code in codes.values()),
            tuple(word for word, code in codes.items() if _FIRST + code in self._digests),
            tuple(word for word, code in codes.items() if _SECOND + code in self._digests),
        )
        if any(word):
            self._telling[token] = word
        else:
            self._harmless.add(token)


def digest(word: str) -> str:
    """What the word list keeps of a word, or of a phrase of two words: 16 hex digits of its folded form's hash."""
    folded = " ".join(_folded(part) for part in word.split())
    return hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=8, person=b"attune.toxic").hexdigest()


def hashed(words: Iterable[str]) -> list[str]:
    """The lines of a word list, sorted: a digest for every entry, and for a phrase's words, after ">" and "<".

    Raises:
        ValueError: an entry has no word, or more than two.
    """
    lines = set()
    for entry in words:
        parts = _TOKEN.findall(entry)
        if not 1 <= len(parts) <= 2:
            raise ValueError(f"neither a word nor a phrase of two words: {entry!r}")
        lines.add(digest(" ".join(parts)))
        if len(parts) == 2:
            lines |= {_FIRST + digest(parts[0]), _SECOND + digest(parts[1])}
    return sorted(lines)


def toxicity(examples: Sequence[Example], limits: Audit, scorer: ToxicityScorer | None = None) -> list[Finding]:
    """Offensive words of a list, in targets and in prompts: a weak signal that does not know what is meant.

    Args:
        scorer: another scorer than the word list; its findings quote no words.
    """
    lexicon = LexiconScorer(limits.toxic_words)
    scorer = scorer or lexicon
    taught: dict[Origin, _Hit] = {}  # by targets
    asked: dict[Origin, _Hit] = {}  # by prompts of other rows
    rows = iter(examples)
    while block := list(islice(rows, _SCORED_ROWS)):
        for is_target, hits in ((True, taught), (False, asked)):
            told = [(row.origin, text) for row in block for text in _texts(row, targets=is_target)]
            for (origin, text), score in zip(told, scorer([text for _, text in told]), strict=True):
                is_worst = origin not in hits or hits[origin].score < score
                if score >= limits.toxic_score and is_worst and (is_target or origin not in taught):
                    hits[origin] = _Hit(score, text)
    return [
        *_finding(taught, len(examples), lexicon, limits, is_target=True),
        *_finding(asked, len(examples), lexicon, limits, is_target=False),
    ]


@dataclass(frozen=True, slots=True)
class _Hit:
    score: float
    text: str


def _texts(example: Example, *, targets: bool) -> list[str]:
    """What the model learns to say, or the rest of the row."""
    match example:
        case Conversation(messages=messages):
            return [m.content for m in messages if (m.role == "assistant" and m.weight > 0) == targets]
        case Pair(prompt=prompt, completion=completion):
            return [completion if targets else prompt]
        case LabelledText(text=text):
            return [] if targets else [text]
        case Document(text=text):
            return [text] if targets else []


def _finding(
    hits: dict[Origin, _Hit], of: int, lexicon: LexiconScorer, limits: Audit, *, is_target: bool
) -> list[Finding]:
    if not hits:
        return []
    words: Counter[str] = Counter()
    quotations: list[str] = []
    for hit in hits.values():
        spans = lexicon.find(hit.text)
        words.update(_masked(hit.text[begin:end].casefold()) for begin, end in spans)
        if spans and len(quotations) < SHOWN_EXAMPLES:
            quotations.append(_quotation(hit.text, spans))
    evidence = {
        "toxic_score": limits.toxic_score,
        "highest_score": round(max(hit.score for hit in hits.values()), 3),
        "words": dict(sorted(words.items(), key=lambda item: (-item[1], item[0]))[:LISTED_WORDS]),
        "quotations": quotations,
    }
    severity: Severity = "warning" if is_target else "info"
    where = "the target has" if is_target else "only the prompt has"
    if is_target:
        advice = "read these rows: the model learns to say so; a list of words does not know what is meant"
    else:
        advice = "nothing to do where people write so; look at how the targets answer"
    what = f"In {len(hits)} of {of} rows {where} words that are mostly offensive"
    return [Finding("toxicity", severity, what, tuple(hits), advice, evidence)]


def _quotation(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The surroundings of the first hit, with every hit masked."""
    begin, end = max(0, spans[0][0] - _AROUND), min(len(text), spans[0][1] + _AROUND)
    pieces, at = [], begin
    for first, last in spans:
        if first < end:
            pieces += [text[at:first], _masked(text[first:last])]
            at = last
    shown = " ".join("".join([*pieces, text[at:end]]).split())
    return shown if shown.isprintable() else ascii(shown)[1:-1]


def _masked(phrase: str) -> str:
    return " ".join(word[0] + "*" * (len(word) - 1) for word in phrase.split())


def _readings(token: str) -> tuple[str, ...]:
    """The folded word, and the same with signs read as letters; nothing for numbers and for overlong words."""
    if len(token) > _LONGEST_WORD or token.isdigit():
        return ()
    folded = _folded(token)
    swapped = folded.translate(_SWAPS)
    return (folded,) if folded == swapped else (folded, swapped)


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


@cache
def _listed() -> frozenset[str]:
    text = (resources.files("attune.data") / "toxic_words.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.split() if re.fullmatch(r"[<>]?[0-9a-f]{16}", line))

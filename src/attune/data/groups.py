"""Which groups of people a text names: by words, and precise rather than complete.

The words are in groups.json: nouns and pronouns of gender in English (nouns in German, French, Spanish), first names,
and in English terms for religion, age, disability, ethnicity, nationality, origin, orientation, and occupations.
Words that mean something else as often ("white", "old", "May", "Will", "Chinese") count only beside a person ("white
woman") or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

OCCUPATION = "occupation"
FEW_WORDS = 6
"""A text of fewer words is read as English when nothing speaks for another language."""
TOKEN = r"[^\W_]+(?:['’][^\W_]+)*"
_WORD = re.compile(TOKEN)
_PERSON = "{person}"
_NUMBERS = {"{-17}": range(1, 18), "{60+}": range(60, 116)}
_NOBODY = -1


class Group(NamedTuple):
    """A group of people on an axis such as gender; an occupation has the axis `OCCUPATION`."""

    axis: str
    name: str


class Mention(NamedTuple):
    """A group (its index in `Lexicon.groups`) that is named by the words from `first` to `last`, both counted."""

    group: int
    first: int
    last: int


class _Terms(NamedTuple):
    """One language: groups by term, and how many words the longest term has that begins with a word."""

    groups: dict[str, int]
    longest: dict[str, int]


class Lexicon:
    """The words of groups.json.

    Attributes:
        groups: all groups, each once, in the order of the file.
        names: first names with capital letters -> index of their group.
    """

    def __init__(self, file: Any) -> None:
        self.groups: tuple[Group, ...] = tuple(dict.fromkeys(Group(e["axis"], e["group"]) for e in file["groups"]))
        number = {group: index for index, group in enumerate(self.groups)}
        self.names: dict[str, int] = {
            name: number[Group("gender", gender)] for gender, names in file["names"].items() for name in names
        }
        self._common = {language: frozenset(words) for language, words in file["languages"].items()}
        terms: dict[str, dict[str, int]] = {"en": dict.fromkeys(file["not_people"], _NOBODY)}
        for entry in file["groups"]:
            known = terms.setdefault(entry["language"], {})
            for term in entry["terms"]:
                for person in file["persons"] if _PERSON in term else [""]:
                    known.setdefault(term.replace(_PERSON, person), number[Group(entry["axis"], entry["group"])])
        self._terms = {language: _Terms(known, _longest(known)) for language, known in terms.items()}

    def language(self, words: Sequence[str]) -> str:
        """The language whose common words are most among these (of small letters); "other" when there are none."""
        seen = set(words)
        counts = {language: len(common & seen) for language, common in self._common.items()}
        best = max(counts, key=counts.__getitem__)
        return best if counts[best] else "en" if len(words) < FEW_WORDS else "other"

    def mentions(self, tokens: Sequence[str]) -> Iterator[Mention]:
        """The groups that a text names, in order; `tokens` are its words as `tokens_of` gives them.

        "Black woman" names two; "his or her" and "men's" name nobody.
        """
        return (mention for mention in self._spans(tokens) if mention.group != _NOBODY)

    def nobody(self, tokens: Sequence[str]) -> set[int]:
        """Indices of words that look like a mention and name nobody, such as those of "his or her"."""
        spans = (span for span in self._spans(tokens) if span.group == _NOBODY)
        return {index for span in spans for index in range(span.first, span.last + 1)}

    def _spans(self, tokens: Sequence[str]) -> Iterator[Mention]:
        words = [token.lower() for token in tokens]
        known, longest = self._terms.get(self.language(words), _NO_TERMS)
        begin = 0
        for index, word in enumerate(words):
            if index < begin:
                continue
            key = _number(word) if word.isdigit() else word
            if key in longest:
                for length in range(min(longest[key], len(words) - index), 0, -1):
                    last = index + length - 1
                    group = known.get(" ".join([key, *words[index + 1 : last + 1]]))
                    if group is not None:
                        # The last word of "elderly woman" has its own say.
                        is_own = length > 1 and group != _NOBODY and words[last] in known
                        begin = last if is_own else last + 1
                        yield Mention(group, index, last)
                        break
            if begin <= index:
                base, apostrophe, _ = word.partition("'")
                found = known.get(base) if apostrophe else None
                if found is None:
                    found = self.names.get(tokens[index].partition("'")[0] if apostrophe else tokens[index])
                if found is not None:
                    yield Mention(found, index, index)

    def named(self, text: str) -> set[int]:
        """Indices of the groups that a text names."""
        return {mention.group for mention in self.mentions(tokens_of(text))}


def tokens_of(text: str) -> list[str]:
    """The words of a text as they are written; "she's" is one."""
    return _WORD.findall(text.replace("’", "'"))


@cache
def word_file() -> Any:
    """The file groups.json."""
    return json.loads((resources.files("attune.data") / "groups.json").read_text(encoding="utf-8"))


@cache
def lexicon() -> Lexicon:
    """The words that Attune carries."""
    return Lexicon(word_file())


_NO_TERMS = _Terms({}, {})


def _longest(terms: dict[str, int]) -> dict[str, int]:
    longest: dict[str, int] = {}
    for term in terms:
        words = term.split()
        longest[words[0]] = max(longest.get(words[0], 0), len(words))
    return longest


def _number(word: str) -> str:
    value = int(word) if word.isascii() and len(word) <= 3 else 0
    return next((name for name, numbers in _NUMBERS.items() if value in numbers), word)

"""Rows whose words stand in other rows: the share of a row's words that lie in 8-grams of the training rows.

After the decontamination of PaLM (Chowdhery et al. 2022: 70 % of the 8-grams) and GPT-3 (Brown et al. 2020: any
13-gram). Of the searched rows only hashes are kept, once each; the training rows pass by in blocks.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.data.duplicates import prompt_key
from attune.data.example import Conversation, Document, Example, LabelledText, Pair, own_prompt, target_of
from attune.data.likeness import normalised

GRAM_WORDS = 8
PASSAGE_WORDS = 13
LEAST_WORDS = 20  # of a row's own, and of those found in one other row: less is a phrase, and phrases repeat by chance
MOST_SOURCES = 8  # rows that one row is pieced together from
LEAST_SHARE = 0.7
# A text in so many training rows of different prompts is what the data have in common: an instruction, a passage that
# several questions are about, a signature.
COMMON_ROWS = 3
_BLOCK_WORDS = 2_000_000
# Scripts without spaces have a word for each character.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_NOWHERE = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Contained:
    """A searched row of which words stand in training rows.

    Attributes:
        row: its index.
        source: index of the training row that has most of what is found, or the first of it.
        share: of the row's own words; what is common to the data is not its own.
        decisive: the share is at least LEAST_SHARE, in the whole row, in its prompt, and in a target of free text that
            is not that of `source`. Where it is not, a passage of PASSAGE_WORDS in the prompt was met.
    """

    row: int
    source: int
    share: float
    decisive: bool


def contained(train: Sequence[Example], rows: Sequence[Example]) -> list[Contained]:
    """The rows that stand, in large part or with a long passage, in training rows. Linear time."""
    searched = [_Text.of(row) for row in rows]
    known = np.unique(np.concatenate([text.grams for text in searched] or [np.empty(0, np.uint64)]))
    if not len(known):
        return []
    count, first = _occurrences(train, known)
    found = []
    for index, text in enumerate(searched):
        place = np.searchsorted(known, text.grams)
        is_common = count[place] >= COMMON_ROWS
        held = (count[place] > 0) & ~is_common
        common_W = text.spread(is_common)
        own = text.words - int(common_W.sum())
        if own < LEAST_WORDS or not held.any():
            continue
        held_W, source = text.spread(held) & ~common_W, int(first[place[held]][0])
        if decisive := held_W.sum() >= LEAST_SHARE * own:
            held_W, source = _from_few(text, np.where(held, first[place], _NOWHERE), train)
            held_W &= ~common_W
            decisive = held_W.sum() >= LEAST_SHARE * own
            decisive = decisive and _says_the_same(rows[index], train[source], text, held_W, common_W)
        in_prompt = held[: max(0, text.prompt_words - GRAM_WORDS + 1)]  # one long answer may be that of many rows
        if decisive or _longest_run(in_prompt) > PASSAGE_WORDS - GRAM_WORDS:
            found.append(Contained(index, source, float(held_W.sum()) / own, bool(decisive)))
    return found


@dataclass(frozen=True, slots=True)
class _Text:
    """A row's words as hashes of its 8-grams, one for each place where one begins."""

    grams: NDArray[np.uint64]
    words: int
    prompt_words: int

    @classmethod
    def of(cls, example: Example) -> _Text:
        prompt = _hashes(own_prompt(example))
        target = _hashes(target_of(example)) if isinstance(example, Pair | Conversation) else prompt[:0]
        word_W = np.concatenate([prompt, target])
        return cls(_grams(word_W), len(word_W), len(prompt))

    def spread(self, hit: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The words [words] that the 8-grams cover which are hit."""
        change = np.zeros(self.words + 1, dtype=np.int32)
        at = np.flatnonzero(hit)
        np.add.at(change, at, 1)
        np.add.at(change, at + GRAM_WORDS, -1)
        return np.cumsum(change)[: self.words] > 0


def _from_few(text: _Text, first_G: NDArray[np.int64], train: Sequence[Example]) -> tuple[NDArray[np.bool_], int]:
    """The words [words] that stand in the few rows which have many of them, and the row with most of them."""
    sources, votes = np.unique(first_G[first_G < _NOWHERE], return_counts=True)
    held_W, best, most = np.zeros(text.words, dtype=np.bool_), int(sources[votes.argmax()]), 0
    for source in sources[np.argsort(-votes, kind="stable")][:MOST_SOURCES]:
        these_W = text.spread(np.isin(text.grams, _Text.of(train[source]).grams))
        words = int(these_W.sum())
        if words >= LEAST_WORDS:
            held_W |= these_W
        if words > most:
            best, most = int(source), words
    return held_W, best


def _says_the_same(
    row: Example, source: Example, text: _Text, held_W: NDArray[np.bool_], common_W: NDArray[np.bool_]
) -> bool:
    """Whether what is asked is met as well as the whole, and a free answer too: one answer to many questions, or many
    questions about one passage, are no containment."""
    prompt_W = slice(0, text.prompt_words)
    own = text.prompt_words - int(common_W[prompt_W].sum())
    if held_W[prompt_W].sum() < LEAST_SHARE * own:
        return False
    if isinstance(row, LabelledText | Document) or normalised(target_of(row)) == normalised(target_of(source)):
        return True
    own = text.words - text.prompt_words - int(common_W[text.prompt_words :].sum())
    return own >= GRAM_WORDS and bool(held_W[text.prompt_words :].sum() >= LEAST_SHARE * own)


def _occurrences(train: Sequence[Example], known: NDArray[np.uint64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """In how many training rows of different prompts each known 8-gram stands, and the first of them."""
    count = np.zeros(len(known), dtype=np.int32)
    first = np.full(len(known), _NOWHERE, dtype=np.int64)
    for gram, row in _blocks(train):
        place = np.minimum(np.searchsorted(known, gram), len(known) - 1)
        hit = known[place] == gram
        pairs = np.unique(np.stack([place[hit], row[hit]]), axis=1)  # a row counts once
        np.add.at(count, pairs[0], 1)
        np.minimum.at(first, pairs[0], pairs[1])
    return count, first


def _blocks(train: Sequence[Example]) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
    """8-grams and the rows that they are of, some rows at a time; of identical prompts the first row alone."""
    seen: set[str] = set()
    grams: list[NDArray[np.uint64]] = []
    rows: list[NDArray[np.int64]] = []
    held = 0
    for index, example in enumerate(train):
        if (key := prompt_key(example)) in seen:
            continue
        seen.add(key)
        text = _Text.of(example)
        grams.append(text.grams)
        rows.append(np.full(len(text.grams), index, dtype=np.int64))
        held += text.words
        if held > _BLOCK_WORDS:
            yield np.concatenate(grams), np.concatenate(rows)
            grams, rows, held = [], [], 0
    if grams:
        yield np.concatenate(grams), np.concatenate(rows)


def _hashes(text: str) -> NDArray[np.uint64]:
    """A checksum of each word; Python's own hashes differ from process to process."""
    words = _WORD.findall(normalised(text))
    return np.fromiter((zlib.crc32(word.encode()) for word in words), dtype=np.uint64, count=len(words))


def _grams(word_W: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hashes of 64 bits of all 8-grams, [words - 7]."""
    places = max(0, len(word_W) - GRAM_WORDS + 1)
    mixed = np.zeros(places, dtype=np.uint64)
    for offset in range(GRAM_WORDS):
        mixed = (mixed ^ word_W[offset : offset + places]) * _FACTOR
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _longest_run(hit: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], hit, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))

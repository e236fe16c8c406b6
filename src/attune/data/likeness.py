"""Which rows are nearly the same: MinHash names candidates (Broder 1997), and an exact comparison decides.

Long rows are compared by their word 5-grams, by Jaccard's index. What stands in many rows, such as one instruction
above each of them, is no likeness and is left out. Short rows are compared by edit distance.

25 bands of 5 rows name a pair of index 0.8 with probability 1.000 and one of 0.7 with 0.990; short rows have 31 bands
of 4, over letters. Bands are sorted rather than kept in tables, so that a million rows take little memory.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.recipe import Audit

SHINGLE_WORDS, SHINGLE_LETTERS = 5, 3
# A shingle in more than this share of the rows, and in so many, belongs to what they have in common by intent.
COMMON_SHARE = 0.3
COMMON_ROWS = 20
COMMON_SAMPLE = 2000
# Rows of one bucket are all compared with each other up to so many; beyond, with those that no earlier one was like.
FULLY_COMPARED = 32
CACHED_ROWS = 20_000
EDITED_LETTERS = 20_000  # of a row are compared by edit distance, whose time is quadratic
NORMALISED_WORD = 1000  # NFKC takes quadratic time on a run of combining marks


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows that are nearly the same, or a chain of such rows.

    Attributes:
        members: indices of the rows, ascending.
        least: the least likeness of a member to the first one; in a chain it may fall below the threshold.
    """

    members: tuple[int, ...]
    least: float


@dataclass(frozen=True, slots=True)
class _Kind:
    """How rows of one kind are compared.

    Attributes:
        rows: indices of its rows, by their text, so that what is found does not depend on the order of a file.
        shingles: a row's pieces, for candidates.
        likeness: of two rows, from 0 to 1.
        alike: which of several rows a row is like.
        bands, band_rows: of the signatures.
    """

    rows: list[int]
    shingles: Callable[[int], frozenset[str]]
    likeness: Callable[[int, int], float]
    alike: Callable[[int, list[int]], list[int]]
    bands: int
    band_rows: int


def normalised(text: str) -> str:
    """The text as comparisons see it: NFKC, case folded, white space joined. Overlong words are only case folded."""
    if text.isascii():
        return " ".join(text.casefold().split())
    words = (unicodedata.normalize("NFKC", w) if len(w) <= NORMALISED_WORD else w for w in text.split())
    return " ".join(" ".join(words).casefold().split())


def edit_likeness(one: str, other: str) -> float:
    """How alike two texts are by insertions and deletions, from 0 to 1 (identical)."""
    from rapidfuzz import fuzz

    return float(fuzz.ratio(one[:EDITED_LETTERS], other[:EDITED_LETTERS])) / 100.0


def clusters(texts: Iterable[str], limits: Audit) -> list[Cluster]:
    """Rows that are alike, in order of their first member. Identical rows are alike, empty ones are not compared."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    clean = [normalised(text) for text in texts]
    first: dict[str, int] = {}  # index of the first row of each text
    pairs = [(first.setdefault(text, index), index) for index, text in enumerate(clean) if text]
    pairs = [(one, other) for one, other in pairs if one != other]
    long: list[int] = []
    short: list[int] = []
    for text, index in sorted(first.items()):
        (long if len(words_of(text)) >= limits.short_words else short).append(index)
    kinds = (_long(clean, long, limits), _short(clean, short, limits))
    short_N = np.zeros(len(clean), dtype=bool)
    short_N[short] = True
    for kind in kinds:
        pairs += _alike(kind)
    if not pairs:
        return []
    one, other = np.array(pairs).T
    joined = coo_array((np.ones(len(pairs), dtype=bool), (one, other)), shape=(len(clean), len(clean)))
    label = connected_components(joined, directed=False)[1]
    found = []
    for members in (tuple(group.tolist()) for group in _together(label)):
        others = {first[clean[member]] for member in members[1:]} - {members[0]}
        likeness = kinds[int(short_N[members[0]])].likeness
        found.append(Cluster(members, min((likeness(members[0], member) for member in others), default=1.0)))
    return sorted(found, key=lambda cluster: cluster.members[0])


def comparer(texts: Sequence[str], limits: Audit) -> Callable[[int, int], bool]:
    """Tells whether two of the texts are alike, by the exact comparison that decides in `clusters`."""
    clean = [normalised(text) for text in texts]
    is_long = [len(words_of(text)) >= limits.short_words for text in clean]
    long, short = (_long(clean, [i for i, yes in enumerate(is_long) if yes], limits), _short(clean, [], limits))

    def alike(one: int, other: int) -> bool:
        kind = long if is_long[one] and is_long[other] else short
        return bool(kind.alike(one, [other]))

    return alike


def words_of(text: str) -> list[str]:
    """Runs of letters and digits."""
    return re.findall(r"\w+", text)


def _long(clean: Sequence[str], rows: list[int], limits: Audit) -> _Kind:
    """Rows of many words."""

    def every(index: int) -> frozenset[str]:
        found = words_of(clean[index])
        return frozenset(" ".join(found[i : i + SHINGLE_WORDS]) for i in range(len(found) - SHINGLE_WORDS + 1))

    sample = rows[:: max(1, len(rows) // COMMON_SAMPLE)]
    counts = Counter(shingle for index in sample for shingle in every(index))
    most = max(COMMON_ROWS, COMMON_SHARE * len(sample))
    common = frozenset(shingle for shingle, count in counts.items() if count > most)

    @lru_cache(CACHED_ROWS)
    def own(index: int) -> frozenset[str]:
        return every(index) - common

    def jaccard(one: int, other: int) -> float:
        left, right = own(one), own(other)
        return len(left & right) / (len(left | right) or 1)

    def alike(row: int, others: list[int]) -> list[int]:
        return [other for other in others if jaccard(row, other) >= limits.near_duplicate]

    return _Kind(rows, own, jaccard, alike, bands=25, band_rows=5)


def _short(clean: Sequence[str], rows: list[int], limits: Audit) -> _Kind:
    """Rows of few words."""
    from rapidfuzz import fuzz, process

    least = limits.short_duplicate

    def letters(index: int) -> frozenset[str]:
        text = clean[index]
        return frozenset(text[i : i + SHINGLE_LETTERS] for i in range(max(1, len(text) - SHINGLE_LETTERS + 1)))

    def likeness(one: int, other: int) -> float:
        return edit_likeness(clean[one], clean[other])

    def alike(row: int, others: list[int]) -> list[int]:
        text, texts = clean[row][:EDITED_LETTERS], [clean[other][:EDITED_LETTERS] for other in others]
        # A little below, for a likeness is not told exactly; what is found then decides.
        near = process.extract(text, texts, scorer=fuzz.ratio, score_cutoff=100.0 * least - 1e-6, limit=None)
        return [others[place] for _, score, place in near if score / 100.0 >= least]

    return _Kind(rows, letters, likeness, alike, bands=31, band_rows=4)


def _alike(kind: _Kind) -> list[tuple[int, int]]:
    """Pairs of rows that are alike; of a large group not all, but enough to hold it together."""
    rows = [index for index in kind.rows if kind.shingles(index)]
    if len(rows) < 2:
        return []
    signatures = _signatures(rows, kind)
    found: set[tuple[int, int]] = set()
    for band in range(kind.bands):
        columns = signatures[:, band * kind.band_rows : (band + 1) * kind.band_rows]
        for bucket in _buckets(columns):
            leaders: list[int] = []
            for index in (rows[place] for place in bucket):
                met = kind.alike(index, leaders)
                found.update((leader, index) for leader in met)
                if not met or len(bucket) <= FULLY_COMPARED:
                    leaders.append(index)
    return list(found)


def _signatures(rows: list[int], kind: _Kind) -> NDArray[np.uint32]:
    """MinHash signatures, [rows, bands x band_rows]."""
    from datasketch import MinHash

    # Checksums instead of Python's own hashes, which differ from process to process.
    pieces = ([shingle.encode() for shingle in kind.shingles(index)] for index in rows)
    found = np.empty((len(rows), kind.bands * kind.band_rows), dtype=np.uint32)
    for place, made in enumerate(MinHash.generator(pieces, num_perm=found.shape[1], hashfunc=zlib.crc32)):
        found[place] = made.hashvalues
    return found


def _buckets(columns_RB: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Places of rows whose columns are all the same, where there are several."""
    mixed = np.zeros(len(columns_RB), dtype=np.uint64)
    for column in columns_RB.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
    return _together(mixed)


def _together(values: NDArray[Any]) -> Iterator[NDArray[np.int64]]:
    """Places of equal values, ascending, where there are several."""
    order = np.argsort(values, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(values[order])) + 1, len(order))
    sizes = np.diff(ends, prepend=0)
    return (order[end - size : end] for end, size in zip(ends[sizes > 1], sizes[sizes > 1], strict=True))

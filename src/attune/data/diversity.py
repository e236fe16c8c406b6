"""How much the rows of a data set differ from each other: by words, by sequences of words, and as a whole."""

from __future__ import annotations

import gzip
import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any

from attune.data.classifier import TOKEN
from attune.data.example import Conversation, Example, Pair, own_prompt, target_of
from attune.data.finding import Finding
from attune.data.stored import sampled
from attune.recipe import Audit

MEASURED_ROWS, BLEU_ROWS = 1500, 500
MEASURED_CHARACTERS = 1000  # of a text, from its start
# So many words in a row that stand in this share of the rows, and in so many, are a frame such as an instruction; so
# is one word that stands in nearly all.
FRAME_WORDS, FRAME_SHARE, FRAME_ROWS = 5, 0.1, 10
FRAME_WORD_SHARE = 0.9
FEWEST_ROWS = 100  # fewer rows are not called monotonous
LABEL_WORDS = 4  # targets of fewer words are labels, which are few by intent
_BLEU_ORDERS = 4
_NO_MATCH = 0.1  # stands for a count of zero (method 1 of Chen & Cherry 2014)


def diversity(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """How much prompts and targets differ: distinct words and pairs, compression ratio, self-BLEU, Vendi score.

    Measured on a sample whose size is told, since every measure depends on it. Labels, and targets of fewer than four
    words on average, are not measured. The Vendi score, in rows that have nothing in common, decides on a warning.
    """
    chosen = in_order(sampled(examples, MEASURED_ROWS))
    prompts = [row for example in chosen if (row := words(own_prompt(example)))]
    targets = [
        row for example in chosen if isinstance(example, Pair | Conversation) and (row := words(target_of(example)))
    ]
    if sum(map(len, targets)) < LABEL_WORDS * len(targets):
        targets = []
    measured = {"prompts": without(frame(prompts), prompts), "targets": targets}
    measures = {name: _measured(rows) for name, rows in measured.items() if len(rows) > 1}
    if not measures:
        return []
    evidence = {**measures, "all_rows": len(examples), "vendi_score": limits.vendi_score}
    told = [f"{found['rows']} {name} as much as {found['vendi_score']:.0f}" for name, found in measures.items()]
    sample = f" (a sample of {len(examples)} rows)" if len(chosen) < len(examples) else ""
    what = f"{' and '.join(told)} that have nothing in common{sample}"
    narrow = [
        name
        for name, found in measures.items()
        if found["rows"] >= FEWEST_ROWS and found["vendi_score"] < limits.vendi_score
    ]
    if not narrow:
        return [Finding("diversity", "info", f"The rows differ: {what}.", (), "", evidence)]
    advice = "Add rows that differ, unless the job is as narrow as this: a model learns little from the same again."
    told_first = f"The {' and '.join(narrow)} are monotonous"
    return [Finding("diversity", "warning", f"{told_first}: the rows differ {what}.", (), advice, evidence)]


def in_order(examples: Sequence[Example]) -> list[Example]:
    """The examples in an order of their own, whatever it was in the file: by id."""
    return sorted(examples, key=lambda example: example.id)


def words(text: str) -> list[str]:
    """Words, marks, and single signs of scripts without spaces, case folded, from the start of a text."""
    return re.findall(TOKEN, text[:MEASURED_CHARACTERS].casefold())


def frame(rows: Sequence[Sequence[str]]) -> set[tuple[str, ...]]:
    """What many rows have in common by intent, such as an instruction: sequences of words, and single words."""
    found: set[tuple[str, ...]] = set()
    for n, share in ((FRAME_WORDS, FRAME_SHARE), (1, FRAME_WORD_SHARE)):
        counts = Counter(gram for row in rows for gram in set(_grams(row, n)))
        found |= {gram for gram, count in counts.items() if count > max(FRAME_ROWS, share * len(rows))}
    return found


def without(common: Set[tuple[str, ...]], rows: Sequence[list[str]]) -> list[list[str]]:
    """The rows without a frame; a row of nothing else stays as it is."""
    result = []
    for row in rows:
        taken = {k + i for n in (FRAME_WORDS, 1) for k, g in enumerate(_grams(row, n)) if g in common for i in range(n)}
        result.append([word for k, word in enumerate(row) if k not in taken] or row)
    return result


def distinct(rows: Sequence[Sequence[str]], n: int) -> float:
    """Different sequences of n words as a share of all (Li et al. 2016); 0 where there is none."""
    counts = Counter(gram for row in rows for gram in _grams(row, n))
    return len(counts) / counts.total() if counts else 0.0


def compression_ratio(texts: Sequence[str]) -> float:
    """Bytes of the texts, one below the other, over their bytes after gzip (Shaib et al. 2024)."""
    written = "\n".join(texts).encode("utf-8", "replace")
    return len(written) / len(gzip.compress(written, mtime=0))


def self_bleu(rows: Sequence[Sequence[str]]) -> float:
    """The mean BLEU-4 of each row against all others (Zhu et al. 2018), from 0 to 1, with smoothing of zero counts.

    Time is linear in the words: of each sequence, the two highest counts in a row are what clipping needs.
    """
    if len(rows) < 2:
        return 0.0
    tables = [[Counter(_grams(row, n)) for row in rows] for n in range(1, _BLEU_ORDERS + 1)]
    tops = [_two_highest(table) for table in tables]
    lengths = sorted(map(len, rows))
    return math.fsum(
        _bleu([table[i] for table in tables], tops, _nearest_other(lengths, len(row))) for i, row in enumerate(rows)
    ) / len(rows)


def vendi_score(rows: Sequence[Sequence[str]]) -> float:
    """In how many rows with nothing in common there is as much difference (Friedman & Dieng 2023).

    The exponential of the entropy of the eigenvalues of K / n, where K holds cosines of TF-IDF. 1 for identical rows, n
    for rows without a common word. Every row needs a word.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from threadpoolctl import threadpool_limits

    x_NV = TfidfVectorizer(analyzer=list).fit_transform(rows)
    with threadpool_limits(1):  # beside other work, several threads took ten times as long as one
        values_N = np.linalg.eigvalsh((x_NV @ x_NV.T).toarray() / len(rows))
    positive = values_N[values_N > 1e-12]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def _measured(rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "distinct_1": round(distinct(rows, 1), 4),
        "distinct_2": round(distinct(rows, 2), 4),
        "compression_ratio": round(compression_ratio([" ".join(row) for row in rows]), 3),
        "self_bleu": round(self_bleu(rows[:BLEU_ROWS]), 4),
        "self_bleu_rows": min(len(rows), BLEU_ROWS),
        "vendi_score": round(vendi_score(rows), 3),
    }


def _grams(row: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(row[k:] for k in range(n)), strict=False))


def _two_highest(table: Sequence[Counter[tuple[str, ...]]]) -> dict[tuple[str, ...], tuple[int, int]]:
    """Of each sequence, its highest count in a row and its highest count in another one."""
    tops: dict[tuple[str, ...], tuple[int, int]] = {}
    for counts in table:
        for gram, count in counts.items():
            first, second = tops.get(gram, (0, 0))
            tops[gram] = (count, first) if count > first else (first, max(second, count))
    return tops


def _bleu(
    counts: Sequence[Counter[tuple[str, ...]]],
    tops: Sequence[Mapping[tuple[str, ...], tuple[int, int]]],
    nearest: int,
) -> float:
    """BLEU of one row, given its counts by order; where its count is the highest, the second highest is another's."""
    logs: list[float] = []
    for own, top in zip(counts, tops, strict=True):
        matched = 0
        for gram, count in own.items():
            first, second = top[gram]
            matched += min(count, second if count == first else first)
        if not matched and not logs:
            return 0.0
        logs.append(math.log((matched or _NO_MATCH) / max(1, own.total())))
    length = counts[0].total()
    return min(1.0, math.exp(1 - nearest / length)) * math.exp(math.fsum(logs) / len(logs))


def _nearest_other(lengths: Sequence[int], length: int) -> int:
    """The length of another row that is nearest to this one's; the shorter of two."""
    at = bisect_left(lengths, length)
    others = [lengths[i] for i in (at - 1, at + 1) if 0 <= i < len(lengths)]
    return min(others, key=lambda other: (abs(other - length), other))

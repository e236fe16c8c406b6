"""Whether the parts of a data set are alike, and whether the training rows are like the job that they are for.

Each check compares the training rows with every other part: test, validation, and the texts of `data.like`. What
differs is a warning, for validation rows an info. Own prompts are compared, of at most so many rows of a part, drawn by
a hash of their ids. Before training rows are compared with texts of the job, an instruction around many rows of a side
is left out: texts as they come have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attune.data.diversity import MEASURED_CHARACTERS, frame, in_order, without, words
from attune.data.example import Example, LabelledText, own_prompt
from attune.data.finding import Finding, Severity
from attune.data.likeness import clusters
from attune.data.personal import find, mask
from attune.data.shift import CHANCE, FOLDS, GREATEST_RATIO, cramers_v, jensen_shannon, separability, stability_index
from attune.data.stored import sampled
from attune.data.strict_json import quoted
from attune.recipe import Audit

COMPARED_ROWS = 1000  # of each part
COVERING_ROWS, COVERED_ROWS = 20_000, 1000
COMPARED_CHARACTERS = 1_500_000  # of a part
FEWEST_ROWS = 20  # in each part; with fewer, chance decides
TELLING_WORDS = 8
TELLING_ROWS = 5  # a word of fewer rows may be somebody's name
_REGROUPINGS = 20
_BLOCK_ROWS = 2000
GROUPING_CHARACTERS = 300  # of a row, when near duplicates are looked for
_CANDIDATES = 200
_WORD_LETTERS = 30
_CALLED = {"test": "the test rows", "validation": "the validation rows", "like": "the texts of data.like"}
_CALLED_BRIEFLY = {"train": "training", "test": "test", "validation": "validation", "like": "data.like"}
_ADVICE = {
    "test": "Rows made from a few templates can differ so even in a fair split, which keeps rows that are alike on one "
    "side; where the parts were collected apart, the test says little about rows like the training's.",
    "like": "Add training rows like those of the job: the test cannot tell how the model does there.",
}
_ADVICE["validation"] = _ADVICE["test"]

Parts = Mapping[str, Sequence[Example]]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Training rows and those of another part, as they are compared.

    Attributes:
        other: name of the part.
        examples: rows of both, training rows first.
        rows: their words.
        lengths: of their whole prompts, in characters.
        trained: how many of them are training rows.
        evidence: the parts, and how many of their rows are compared.
    """

    other: str
    examples: list[Example]
    rows: list[list[str]]
    lengths: list[int]
    trained: int
    evidence: dict[str, Any]


def two_sample(parts: Parts, limits: Audit) -> list[Finding]:
    """Parts whose rows a classifier tells from training rows by their words (classifier two-sample test).

    A classifier is fitted on four fifths of the rows and asked about the rest, five times; near duplicates are in one
    fifth (Lopez-Paz & Oquab 2017). Flagged when the AUC is above the limit and its 95 % interval leaves out 0.5. The
    evidence also has the Jensen-Shannon divergence (base 2) of the words, beside that of random regroupings.
    """
    findings, alike = [], {}
    for pair in _pairs(parts, ratio=GREATEST_RATIO):
        auc, low, high = separability(pair.rows, pair.trained, _groups(pair, limits))
        divergence, by_chance = _divergence(pair)
        evidence = {
            **pair.evidence,
            "auc": round(auc, 3),
            "interval_95": [round(low, 3), round(high, 3)],
            "two_sample_auc": limits.two_sample_auc,
            "folds": FOLDS,
            "jensen_shannon": round(divergence, 4),
            "jensen_shannon_by_chance": round(by_chance, 4),
        }
        told = f"AUC {auc:.2f}, 95% interval {low:.2f} to {high:.2f}"
        if not (low > 0.5 and auc > limits.two_sample_auc):
            alike[pair.other] = (told, evidence)
            continue
        evidence["words"] = telling = _telling_words(pair)
        what = f"Their words tell {_CALLED[pair.other]} from the training rows: {told}" + _shown(telling)
        findings.append(_finding("two_sample", pair, what, _ADVICE[pair.other], evidence))
    return [*findings, *_alike("two_sample", "Words hardly tell from the training rows", alike)]


def label_shift(parts: Parts, limits: Audit) -> list[Finding]:
    """Parts whose labels have other shares than in the training rows, by Cramer's V and a chi-squared test.

    Each part weighs the same in V, so that it does not depend on how small a test is.
    """
    from scipy.stats import chi2_contingency

    findings, alike = [], {}
    for other, (train, rest) in _labels(parts).items():
        names = sorted({*train, *rest})
        counts_PL = [[part[name] for name in names] for part in (train, rest)]
        if len(names) < 2:
            continue
        chance = float(chi2_contingency(counts_PL, correction=False).pvalue)
        strength = cramers_v(counts_PL)
        measures = {
            "compared": ["train", other],
            "rows": [train.total(), rest.total()],
            "cramers_v": round(strength, 4),
            "label_shift": limits.label_shift,
            "p": chance,
            "p_below": CHANCE,
        }
        if strength <= limits.label_shift or chance >= CHANCE:
            alike[other] = (f"Cramer's V {strength:.2f}", measures)
            continue
        share = {name: (train[name] / train.total(), rest[name] / rest.total()) for name in names}
        furthest = sorted(names, key=lambda name: (-abs(share[name][0] - share[name][1]), name))
        first = furthest[0]
        what = (
            f"The labels of {_CALLED[other]} have other shares than in the training rows: {quoted(first)} "
            f"{share[first][1]:.1%} instead of {share[first][0]:.1%}; Cramer's V {strength:.2f}"
        )
        evidence = {
            **measures,
            "shares": {name[:80]: [round(value, 4) for value in share[name]] for name in furthest[:20]},
        }
        advice = "Accuracy depends on these shares: give both the shares of the job, or judge by balanced accuracy."
        findings.append(Finding("label_shift", _severity(other), what, (), advice, evidence))
    return [
        *findings,
        *_alike("label_shift", "Labels have the shares of the training rows, within the limit or chance", alike),
    ]


def length_shift(parts: Parts, limits: Audit) -> list[Finding]:
    """Parts whose rows are longer or shorter than training rows, by the population stability index of lengths.

    Bins are tenths of the training rows, and half a row is added to each bin. An index that two draws of one source
    exceed in one case of a hundred (Yurdakul & Naranjo 2020) is no shift.
    """
    findings, alike = [], {}
    for pair in _pairs(parts):
        train, rest = sorted(pair.lengths[: pair.trained]), sorted(pair.lengths[pair.trained :])
        index, by_chance = stability_index(train, rest)
        medians = [train[len(train) // 2], rest[len(rest) // 2]]
        evidence = {
            **pair.evidence,
            "stability_index": round(index, 4),
            "length_shift": limits.length_shift,
            "by_chance_in_one_of_100": round(by_chance, 4),
            "median_characters": medians,
        }
        if index <= max(limits.length_shift, by_chance):
            alike[pair.other] = (f"stability index {index:.2f}", evidence)
            continue
        what = (
            f"The lengths of {_CALLED[pair.other]} are others than in the training rows: median {medians[1]} "
            f"characters instead of {medians[0]}; population stability index {index:.2f}"
        )
        advice = "Give both the lengths of the job, or read the scores with care: length alone can change them."
        findings.append(_finding("length_shift", pair, what, advice, evidence))
    return [
        *findings,
        *_alike("length_shift", "Lengths are those of the training rows, within the limit or chance", alike),
    ]


def coverage(parts: Parts, limits: Audit) -> list[Finding]:
    """Rows of other parts that have nothing like them in the training rows, by the cosine of TF-IDF to the nearest one.

    Told where their share is above the limit and greater, by Fisher's exact test, than the share of training rows that
    have nothing like them in the other training rows: in small or diverse data many rows stand alone.
    """
    from scipy.stats import fisher_exact

    findings, covered = [], {}
    for pair in _pairs(parts, COVERING_ROWS, COVERED_ROWS):
        alone, own = _uncovered(pair, limits.covered_cosine)
        rest, asked = len(pair.rows) - pair.trained, min(pair.trained, COVERED_ROWS)
        table = [[len(alone), rest - len(alone)], [own, asked - own]]
        chance = float(fisher_exact(table, alternative="greater").pvalue)
        evidence = {
            **pair.evidence,
            "uncovered_share": round(len(alone) / rest, 4),
            "uncovered_share_of_training_rows": round(own / asked, 4),
            "covered_cosine": limits.covered_cosine,
            "uncovered": limits.uncovered,
            "p": chance,
        }
        if len(alone) / rest <= limits.uncovered or chance >= CHANCE:
            told = f"{len(alone) / rest:.0%} beside {own / asked:.0%} of the training rows"
            covered[pair.other] = (told, evidence)
            continue
        what = (
            f"{len(alone)} of {rest} of {_CALLED[pair.other]} ({len(alone) / rest:.0%}) have nothing like them in the "
            f"training rows; of the training rows among themselves {own / asked:.0%}"
        )
        advice = "Look at these rows, and add training rows for what they ask."
        findings.append(_finding("coverage", pair, what, advice, evidence, [pair.examples[i] for i in alone]))
    what = "Rows with nothing like them in the training rows are within the limit or chance"
    return [*findings, *_alike("coverage", what, covered)]


def _pairs(
    parts: Parts, train_rows: int = COMPARED_ROWS, other_rows: int = COMPARED_ROWS, ratio: int | None = None
) -> Iterator[_Pair]:
    """The training rows beside each other part, where both have rows enough; rows without a word are left out.

    Args:
        ratio: neither side has more than so many times the rows of the other.
    """
    drawn: dict[str, list[Example]] = {}
    words_of: dict[tuple[str, str], list[str]] = {}
    for name in ("train", *_CALLED):
        found = _drawn(parts.get(name, ()), train_rows if name == "train" else other_rows)
        words_of |= {(name, example.id): words(own_prompt(example)) for example in found}
        drawn[name] = [example for example in found if words_of[name, example.id]]
    for other in _CALLED:
        fewer = min(len(drawn["train"]), len(drawn[other]))
        if fewer < FEWEST_ROWS:
            continue
        names, most = ("train", other), ratio * fewer if ratio else COVERING_ROWS
        sides = [in_order(sampled(drawn[name], most)) for name in names]
        rows = [[words_of[name, row.id] for row in side] for name, side in zip(names, sides, strict=True)]
        lengths = [len(own_prompt(example)) for side in sides for example in side]
        if other == "like":
            whole = [sum(map(len, row)) + len(row) for side in rows for row in side]
            rows = [without(frame(rows[0]) | frame(rows[1]), side) for side in rows]
            left = [sum(map(len, row)) + len(row) for side in rows for row in side]
            lengths = [max(0, n - was + now) for n, was, now in zip(lengths, whole, left, strict=True)]
        yield _Pair(
            other,
            [*sides[0], *sides[1]],
            [*rows[0], *rows[1]],
            lengths,
            len(sides[0]),
            {
                "compared": list(names),
                "rows": [len(side) for side in sides],
                "drawn_from": [len(parts[name]) for name in names],
            },
        )


def _drawn(examples: Sequence[Example], most: int) -> list[Example]:
    """At most so many rows, fewer of long ones: always the same, wherever they stand."""
    found = sampled(examples, most)
    total = sum(min(len(own_prompt(example)), MEASURED_CHARACTERS) for example in found)
    return found if total <= COMPARED_CHARACTERS else sampled(found, len(found) * COMPARED_CHARACTERS // total)


def _groups(pair: _Pair, limits: Audit) -> list[int]:
    """A number for each row, the same for rows that are nearly the same in their first words."""
    groups = list(range(len(pair.rows)))
    for cluster in clusters([own_prompt(example)[:GROUPING_CHARACTERS] for example in pair.examples], limits):
        for member in cluster.members:
            groups[member] = cluster.members[0]
    return groups


def _divergence(pair: _Pair) -> tuple[float, float]:
    """The Jensen-Shannon divergence of the words of two parts, and its mean over random regroupings of their rows."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    counts_RV = CountVectorizer(analyzer=list).fit_transform(pair.rows).tocsr()
    total_V = np.asarray(counts_RV.sum(0)).ravel()
    generator = np.random.default_rng(0)
    found = []
    for turn in range(_REGROUPINGS + 1):
        chosen = generator.permutation(len(pair.rows))[: pair.trained] if turn else np.arange(pair.trained)
        one_V = np.asarray(counts_RV[chosen].sum(0)).ravel()
        found.append(jensen_shannon(one_V, total_V - one_V))
    return found[0], sum(found[1:]) / _REGROUPINGS


def _telling_words(pair: _Pair) -> dict[str, list[str]]:
    """For each part the words that tell its rows best, of letters alone and in several rows outside personal data."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    vectors = TfidfVectorizer(analyzer=list, sublinear_tf=True)
    x_RV = vectors.fit_transform(pair.rows)
    is_other_R = np.arange(len(pair.rows)) >= pair.trained
    model = LogisticRegression(solver="liblinear", class_weight="balanced", random_state=0).fit(x_RV, is_other_R)
    names = vectors.get_feature_names_out()
    order = np.lexsort((names, -np.abs(model.coef_[0]).round(9)))
    found: dict[str, list[str]] = {"train": [], pair.other: []}
    for column in order[:_CANDIDATES]:
        side = pair.other if model.coef_[0][column] > 0 else "train"
        mine = is_other_R if side == pair.other else ~is_other_R
        holding = np.flatnonzero((x_RV[:, [column]].toarray().ravel() > 0) & mine)
        if len(found[side]) < TELLING_WORDS and _may_be_shown(names[column], [pair.examples[i] for i in holding]):
            found[side].append(str(names[column]))
    return found


def _may_be_shown(word: str, examples: Sequence[Example]) -> bool:
    """Whether a word is of letters alone, short, and in several rows outside of what is personal data there."""
    if not word.isalpha() or len(word) > _WORD_LETTERS or len(examples) < TELLING_ROWS:
        return False
    seen = 0
    for example in examples[: 4 * TELLING_ROWS]:
        text = own_prompt(example)[:MEASURED_CHARACTERS]
        seen += word in words(mask(text, find(text), lambda kind, value: " "))
    return seen >= TELLING_ROWS


def _uncovered(pair: _Pair, cosine: float) -> tuple[list[int], int]:
    """Rows of the other part without a training row so near, and how many training rows have no other one so near.

    Training rows are compared in blocks, and a row that has met one near it is done.
    """
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    x_RV = TfidfVectorizer(analyzer=list).fit_transform(pair.rows).tocsr()
    number: dict[tuple[str, ...], int] = {}
    same_R = np.array([number.setdefault(tuple(row), len(number)) for row in pair.rows])
    asked = [*range(min(pair.trained, COVERED_ROWS)), *range(pair.trained, len(pair.rows))]
    left = np.array(asked)
    for begin in range(0, pair.trained, _BLOCK_ROWS):
        block = slice(begin, min(begin + _BLOCK_ROWS, pair.trained))
        near_LB = (x_RV[left] @ x_RV[block].T).toarray() >= cosine
        # A training row is no neighbour of itself, nor of its copies.
        near_LB &= (left >= pair.trained)[:, None] | (same_R[left][:, None] != same_R[block][None, :])
        left = left[~near_LB.any(1)]
    return [int(i) for i in left if i >= pair.trained], int((left < pair.trained).sum())


def _labels(parts: Parts) -> dict[str, tuple[Counter[str], Counter[str]]]:
    counts = {
        name: Counter(example.label for example in examples if isinstance(example, LabelledText))
        for name, examples in parts.items()
    }
    train = counts.get("train", Counter())
    return {
        other: (train, counts[other])
        for other in _CALLED
        if other in counts and min(train.total(), counts[other].total()) >= FEWEST_ROWS
    }


def _severity(other: str) -> Severity:
    return "info" if other == "validation" else "warning"


def _finding(
    check: str, pair: _Pair, what: str, advice: str, evidence: Mapping[str, Any], rows: Iterable[Example] = ()
) -> Finding:
    drawn, of = pair.evidence["rows"], pair.evidence["drawn_from"]
    if drawn != of:
        what += f" (compared: {drawn[0]} of {of[0]} training rows, {drawn[1]} of {of[1]} others)"
    return Finding(check, _severity(pair.other), what, tuple(row.origin for row in rows), advice, evidence)


def _alike(check: str, what: str, parts: Mapping[str, tuple[str, Mapping[str, Any]]]) -> list[Finding]:
    """The figures of the parts that do not stand out, in one finding.

    Args:
        parts: the main figure in words, and the evidence, by the part's name.
    """
    if not parts:
        return []
    told = "; ".join(f"{_CALLED[part]} ({figure})" for part, (figure, _) in parts.items())
    return [Finding(check, "info", f"{what}: {told}", evidence={part: found for part, (_, found) in parts.items()})]


def _shown(telling: Mapping[str, Sequence[str]]) -> str:
    sides = [
        f"{_CALLED_BRIEFLY[part]}: {', '.join(quoted(word) for word in found)}"
        for part, found in telling.items()
        if found
    ]
    return f" ({'; '.join(sides)})" if sides else ""

"""The lexical substitution test: does a plain classifier change its mind when the words of gender are exchanged?

It is a test of words, not of fairness: it says what these labels teach a model that sees words alone. English only, and
only gender, because it takes two words that mean the same person (Anna, Maria) to know how much any change does.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.data.classifier import FEWEST_ROWS, learnable, text_classifier
from attune.data.example import Example, LabelledText
from attune.data.finding import Finding
from attune.data.groups import TOKEN, Group, lexicon, tokens_of, word_file
from attune.data.likeness import normalised
from attune.data.stored import sampled
from attune.recipe import Audit

WORDS_IN_A_ROW = 1  # what is exchanged is single words
POOL_ROWS, TRAINED_ROWS, TESTED_ROWS = 10_000, 2_000, 1_000
REFITS = 19
FLIPS = 0.02
"""Warn when so many more rows change their label than by words of the same gender."""
RESAMPLES = 2_000
LISTED = 20

_PIECES = re.compile(f"({TOKEN})")
_LOOSE = {"his", "her", "hers", "him"}  # their counterparts depend on the next word

Predict = Callable[[Sequence[str]], NDArray[np.float64]]


class Substitution:
    """Exchanges the words of gender in English texts.

    Args:
        women, men: first names; each is exchanged for that of the other list at the same place.
        familiar: how many at the head of each list are exchanged for each other by `within`.
    """

    def __init__(self, women: Sequence[str], men: Sequence[str], familiar: tuple[int, int] = (0, 0)) -> None:
        pairs = word_file()["pairs"]
        self._other = {one: other for kind in pairs.values() for pair in kind for one, other in (pair, pair[::-1])}
        self._same = {
            one: other for kind in pairs.values() for column in zip(*kind, strict=True) for one, other in _next(column)
        }
        self._name_other = {one: other for pair in zip(women, men) for one, other in (pair, pair[::-1])}  # noqa: B905
        self._name_same = dict(
            pair
            for names, known in zip((women, men), familiar, strict=True)
            for part in ((names[:known], names[known:]) if known > 1 else (names,))
            for pair in _next(part)
        )
        self._someone = {"women": women[0], "men": men[0]}
        self._no_noun = frozenset(word_file()["no_noun_phrase"])

    @classmethod
    def of(cls, texts: Iterable[str]) -> Substitution:
        """With the names that stand in these texts first, the most frequent ones at the head."""
        found = Counter(
            base
            for text in texts
            for token in set(tokens_of(text))
            if (base := token.partition("'")[0]) in lexicon().names
        )
        ranked = [sorted(names, key=lambda name: (-found[name], name)) for names in word_file()["names"].values()]
        known = tuple(sum(name in found for name in names) for names in ranked)
        return cls(ranked[0], ranked[1], (known[0], known[1]))

    def between(self, text: str) -> str:
        """The text with women for men and men for women: he and she, son and daughter, Anna and Peter.

        Twice gives the text again, but for "him" before a noun ("gave him books").
        """
        return self._exchanged(text, self._opposite)

    def within(self, text: str) -> str:
        """The text with other words of the same gender in the same places: a name for "she", Maria for Anna."""
        return self._exchanged(text, self._alike)

    def _exchanged(self, text: str, exchange: Callable[[str, bool], str | None]) -> str:
        pieces = _PIECES.split(text)
        tokens = [token.replace("’", "'") for token in pieces[1::2]]
        words = [token.lower() for token in tokens]
        if lexicon().language(words) != "en":
            return text
        nobody = lexicon().nobody(tokens)
        for index, token in enumerate(tokens):
            base = token.partition("'")[0]
            if index in nobody or not (
                base.lower() in self._other or base.lower() in _LOOSE or base in self._name_other
            ):
                continue
            following = words[index + 1] if index + 1 < len(words) and pieces[2 * index + 2].isspace() else "."
            is_before_noun = following != "." and following not in self._no_noun
            put = exchange(base, is_before_noun)
            if put is None:
                continue
            pieces[2 * index + 1] = _cased(put, base) + pieces[2 * index + 1][len(base) :]
            if index and words[index - 1] in {"a", "an"} and pieces[2 * index].isspace():
                pieces[2 * index - 1] = _article(pieces[2 * index - 1], base, put)
        return "".join(pieces)

    def _opposite(self, base: str, is_before_noun: bool) -> str | None:
        match base.lower():
            case "his":
                return "her" if is_before_noun else "hers"
            case "her":
                return "his" if is_before_noun else "him"
            case "hers":
                return "his"
            case "him":
                return "her"
        return self._name_other.get(base) or self._other.get(base.lower())

    def _alike(self, base: str, is_before_noun: bool) -> str | None:
        word = base.lower()
        if word in {"she", "herself", "he", "himself"} | _LOOSE:
            name = self._someone["men" if word in {"he", "him", "his", "himself"} else "women"]
            is_owner = word in {"his", "hers"} or (word == "her" and is_before_noun)
            return f"{name}'s" if is_owner else name
        return self._name_same.get(base) or self._same.get(word)


@dataclass(frozen=True, slots=True)
class Excess:
    """How much more the exchange of gender changes predictions than other words of the same gender do.

    Attributes:
        between_N, within_N: of each row, half the sum of the classes' absolute changes in probability (for two
            classes, that of either).
        class_N, class_between_N, class_within_N: what is predicted, before and after.
    """

    between_N: NDArray[np.float64]
    within_N: NDArray[np.float64]
    class_N: NDArray[np.intp]
    class_between_N: NDArray[np.intp]
    class_within_N: NDArray[np.intp]

    @property
    def mean(self) -> float:
        """The mean change beyond the noise."""
        return float((self.between_N - self.within_N).mean())

    @property
    def flips(self) -> float:
        """Share of the rows whose class changes between the genders."""
        return float((self.class_between_N != self.class_N).mean())

    @property
    def noise_flips(self) -> float:
        """Share of the rows whose class changes within the gender."""
        return float((self.class_within_N != self.class_N).mean())

    def interval(self) -> tuple[float, float]:
        """95 % interval of the mean, by resampling rows."""
        draw = np.random.default_rng(0)
        each_N, count = self.between_N - self.within_N, len(self.between_N)
        means = [each_N[draw.integers(0, count, count)].mean() for _ in range(RESAMPLES)]
        low, high = np.quantile(means, [0.025, 0.975])
        return float(low), float(high)

    def record(self) -> dict[str, float]:
        """As evidence."""
        low, high = self.interval()
        numbers = {
            "change": self.between_N.mean(), "noise": self.within_N.mean(), "excess": self.mean, "low": low,
            "high": high, "flips": self.flips, "noise_flips": self.noise_flips,
            "excess_flips": self.flips - self.noise_flips,
        }  # fmt: skip
        return {name: round(float(value), 4) for name, value in numbers.items()}


def excess(predict: Predict, texts: Sequence[str], between: Sequence[str], within: Sequence[str]) -> Excess:
    """The test of any predictor; `between` and `within` are the texts as a `Substitution` changes them."""
    plain_NC, between_NC, within_NC = predict(texts), predict(between), predict(within)
    return Excess(
        np.abs(between_NC - plain_NC).sum(1) / 2, np.abs(within_NC - plain_NC).sum(1) / 2,
        plain_NC.argmax(1), between_NC.argmax(1), within_NC.argmax(1),
    )  # fmt: skip


def lexical_substitution(examples: Sequence[Example], limits: Audit) -> list[Finding]:
    """Labels that a plain classifier changes when the words of gender are exchanged; a test of words, English only.

    Two classifiers are fitted, each on half of the rows, and asked about the other half: as it is, with women for men
    and men for women, and, for noise, with other words of the same gender. A finding needs an excess over the noise
    whose interval excludes 0; flips in more than 2 % of the rows beyond those of the noise; and an excess that none of
    19 refits has after the genders were dealt out to the rows anew, since any fit gives two words two weights by
    chance. It names no rows, for the fault is in none of them alone; `flipped` in the evidence shows some.
    """
    pool = [examples[i] for i in learnable(examples, POOL_ROWS)]
    rows = sorted((row for row in pool if isinstance(row, LabelledText)), key=lambda row: (row.text, row.label, row.id))
    labels = sorted({row.label for row in rows})
    words = Substitution.of(row.text for row in rows)
    changing = {row.id for row in rows if words.between(row.text) != row.text}
    tested = sampled([row for row in rows if row.id in changing], TESTED_ROWS)
    others = sampled([row for row in rows if row.id not in changing], TRAINED_ROWS - len(tested))
    if len(tested) < limits.group_rows or len(rows) < FEWEST_ROWS or len(labels) < 2:
        return []
    trial = _Trial(tested, others, labels, words)
    found = trial.excess(np.zeros(len(tested), dtype=bool))
    if found.interval()[0] <= 0 or found.flips - found.noise_flips <= FLIPS:
        return []
    if any(trial.excess(trial.redealt(seed)).mean >= found.mean for seed in range(REFITS)):
        return []
    flipped_N = (found.class_between_N != found.class_N) & (found.class_within_N == found.class_N)
    turned = sorted(
        map(int, np.flatnonzero(flipped_N)),
        key=lambda i: (tested[i].origin.file, tested[i].origin.line, tested[i].origin.column),
    )
    listed = [
        {
            "row": str(tested[i].origin),
            "from": labels[found.class_N[i]][:80],
            "to": labels[found.class_between_N[i]][:80],
        }
        for i in turned[:LISTED]
    ]
    what = (
        f"In a lexical substitution test, a plain classifier changes the label of {found.flips:.1%} of {len(tested)} "
        f"rows when women and men are exchanged, and of {found.noise_flips:.1%} by other words of the same gender"
    )
    advice = "see whether gender should matter for these labels; if not, add rows with the genders exchanged"
    evidence = {**found.record(), "rows": len(tested), "flipped": listed, "excess_flips_limit": FLIPS, "refits": REFITS}
    return [Finding("lexical_substitution", "warning", what, (), advice, evidence)]


class _Trial:
    """The test on some rows, again and again with other genders; words are turned into numbers once."""

    def __init__(
        self, tested: Sequence[LabelledText], others: Sequence[LabelledText], labels: Sequence[str], words: Substitution
    ) -> None:
        self._plain = [row.text for row in tested]
        self._between = [words.between(text) for text in self._plain]
        self._within = [words.within(text) for text in self._plain]
        self._between_within = [words.within(text) for text in self._between]
        self._others = [row.text for row in others]
        self._label_N = np.array([labels.index(row.label) for row in (*tested, *others)])
        self._classes = len(labels)
        # Copies of a text are in one half, and halves by the text do not depend on the order of the rows.
        every = [*self._plain, *self._others]
        self._half_N = np.array([zlib.crc32(normalised(text).encode("utf-8", "surrogatepass")) % 2 for text in every])
        self._is_women_N = np.array([_leans_to_women(text) for text in self._plain])
        self._encoder, self._regression = text_classifier(WORDS_IN_A_ROW)
        self._numbers = self._encoder.fit_transform(self._every())
        self._place = {text: place for place, text in enumerate(self._every())}

    def _every(self) -> list[str]:
        return [*self._plain, *self._between, *self._within, *self._between_within, *self._others]

    def redealt(self, seed: int) -> NDArray[np.bool_]:
        """Which rows change their gender when the genders are dealt out anew, as many of each as before."""
        dealt_N = np.random.default_rng(seed).permutation(self._is_women_N)
        changed: NDArray[np.bool_] = dealt_N != self._is_women_N
        return changed

    def excess(self, changed_N: NDArray[np.bool_]) -> Excess:
        """The result when these of the tested rows have the other gender, for classifiers that learned them so."""
        plain = _chosen(changed_N, self._between, self._plain)
        texts = [*plain, *self._others]
        models = [self._fitted(texts, self._half_N != half) for half in (0, 1)]
        half_N = self._half_N[: len(plain)]

        def predict(asked: Sequence[str]) -> NDArray[np.float64]:
            odds_NC = np.zeros((len(asked), self._classes))
            place_N = np.array([self._place[text] for text in asked])
            for half, model in enumerate(models):
                at = np.flatnonzero(half_N == half)
                if len(at) and model is not None:
                    odds_NC[np.ix_(at, model.classes_)] = model.predict_proba(self._numbers[place_N[at]])
            return odds_NC

        between = _chosen(changed_N, self._plain, self._between)
        return excess(predict, plain, between, _chosen(changed_N, self._between_within, self._within))

    def _fitted(self, texts: Sequence[str], used_N: NDArray[np.bool_]) -> Any:
        """A classifier of these rows; None where they have one label only, so that nothing can change it."""
        from sklearn.base import clone

        at = np.flatnonzero(used_N)
        if len(np.unique(self._label_N[at])) < 2:
            return None
        numbers = self._numbers[np.array([self._place[texts[int(i)]] for i in at])]
        return clone(self._regression).fit(numbers, self._label_N[at])


def _chosen(which_N: NDArray[np.bool_], yes: Sequence[str], no: Sequence[str]) -> list[str]:
    return [one if which else other for which, one, other in zip(which_N, yes, no, strict=True)]


def _leans_to_women(text: str) -> bool:
    """Whether a text names women at least as often as men."""
    groups = lexicon().groups
    named = Counter(groups[mention.group] for mention in lexicon().mentions(tokens_of(text)))
    return named[Group("gender", "women")] >= named[Group("gender", "men")]


def _next(words: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Each word with the one after it, the last with the first."""
    return zip(words, [*words[1:], *words[:1]], strict=True)


def _cased(word: str, like: str) -> str:
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word[0].upper() + word[1:] if like[0].isupper() else word


def _article(article: str, before: str, after: str) -> str:
    """The article as the new word wants it, where it was as the old word wants it."""
    if article.lower() != _indefinite(before) or _indefinite(after) == article.lower():
        return article
    return _cased(_indefinite(after), article)


def _indefinite(word: str) -> str:
    word = word.lower()
    return "an" if word[0] in "aeiou" and not word.startswith(("eu", "uni")) else "a"

"""Metrics as functions of column sums: one shape for every score, so that one bootstrap serves them all.

A metric lays its predictions out as `columns` [n, k], one row per example, and `value` turns the sums of those columns
into the score. A mean is two columns (the score and 1), a ratio two (numerator and denominator), macro F1 three per
class, calibration error three per bin. Resampling, leaving one out and swapping examples are then sums of other rows.

To add one: write its two functions and put a `Metric` into METRICS.
"""

from __future__ import annotations

import difflib
import math
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.errors import ModelError, RecipeError
from attune.evaluate.types import Prediction

Array = NDArray[np.float64]

CALIBRATION_BINS = 15
"""Equal-width bins of confidence (Guo et al. 2017)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A score that depends on the predictions through column sums alone.

    Attributes:
        name: its name in recipes and results.
        higher_is_better: the direction of improvement.
        columns: n predictions -> [n, k]. Which columns there are may depend on the references, never on the outputs,
            so that base and tuned predictions of the same examples get the same columns.
        value: sums [..., k] of rows of `columns` (at least one row) -> scores [...].
    """

    name: str
    higher_is_better: bool
    columns: Callable[[Sequence[Prediction]], Array]
    value: Callable[[Array], Array]


def named(name: str) -> Metric:
    """The metric of this name.

    Raises:
        RecipeError: there is none; the message suggests the nearest name.
    """
    if name in METRICS:
        return METRICS[name]
    near = difflib.get_close_matches(name, METRICS, n=1)
    fix = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(METRICS)}"
    raise RecipeError(f"there is no metric named {name!r}", where="evaluation.metrics", fix=fix)


def words(text: str) -> list[str]:
    """The casefolded words of a text in any script; on ASCII the same words as rouge-score's own tokenizer.

    A word is a run of letters and digits with their combining marks. Scripts that are written without spaces between
    words, and Hangul, give one word per character. Everything else separates, except invisible format characters
    (such as the joiners inside Persian and Indic words, or a soft hyphen), which are passed over.
    """
    found: list[str] = []
    inside = False  # whether the next letter continues the last word
    can_mark = False  # whether a combining mark has a character to sit on
    for character in unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()):
        category = unicodedata.category(character)
        if category[0] in "LN":
            alone = _is_a_word(character)
            if inside and not alone:
                found[-1] += character
            else:
                found.append(character)
            inside, can_mark = not alone, True
        elif category[0] == "M" and can_mark:
            found[-1] += character
        elif category != "Cf" or character == _ZERO_WIDTH_SPACE:
            inside = can_mark = False
    return found


_ZERO_WIDTH_SPACE = "\u200b"
_ONE_WORD_PER_CHARACTER = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul jamo
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x9FFF),  # kana, bopomofo, Hangul compatibility jamo, Han
    (0xA960, 0xA97F),  # Hangul jamo
    (0xAC00, 0xD7FF),  # Hangul syllables
    (0xF900, 0xFAFF),  # Han, compatibility
    (0xFF66, 0xFFDC),  # halfwidth kana and Hangul
    (0x1AFF0, 0x1B16F),  # kana
    (0x20000, 0x3FFFF),  # Han
)


def _is_a_word(character: str) -> bool:
    code = ord(character)
    return code >= _ONE_WORD_PER_CHARACTER[0][0] and any(low <= code <= high for low, high in _ONE_WORD_PER_CHARACTER)


def _plain(text: str) -> str:
    """NFC, runs of whitespace as one space, no space at the ends. Case stays."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _is_match(prediction: Prediction) -> bool:
    return _plain(prediction.output) == _plain(prediction.reference)


def _raw(predictions: Sequence[Prediction], key: str) -> Array:
    """The raw score `key` of every prediction, [n].

    Raises:
        ModelError: a score is not a finite number (the model itself computes nan or infinity).
    """
    for prediction in predictions:
        assert key in prediction.scores, f"prediction {prediction.example_id!r} carries no {key!r}"
        if not math.isfinite(prediction.scores[key]):
            raise ModelError(
                f"the model gives {key} = {prediction.scores[key]} on test example {prediction.example_id!r}",
                fix="its weights or its precision are broken: train again with a lower learning rate or in fp32",
            )
    return np.array([prediction.scores[key] for prediction in predictions], dtype=np.float64)


def _per_target_token(key: str) -> Callable[[Sequence[Prediction]], Array]:
    def columns(predictions: Sequence[Prediction]) -> Array:
        target_tokens = _raw(predictions, "target_tokens")
        assert (target_tokens > 0).all(), "a prediction without target tokens has no loss"
        return np.stack([_raw(predictions, key), target_tokens], axis=1)

    return columns


def _mean_of(scores: Sequence[float]) -> Array:
    return np.stack([np.array(scores, dtype=np.float64), np.ones(len(scores))], axis=1)


def _ratio(sums: Array) -> Array:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _match_columns(predictions: Sequence[Prediction]) -> Array:
    """Right or wrong after NFC and whitespace, case-sensitive. An output that is no label is simply wrong."""
    return _mean_of([_is_match(prediction) for prediction in predictions])


class _Words:
    """`words` in the shape that rouge-score asks for."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


def _rouge_l_columns(predictions: Sequence[Prediction]) -> Array:
    """F1 of the longest common subsequence of words (Lin 2004), without stemming.

    Where neither side has a word (both empty, emoji, punctuation), 1 for an exact match and otherwise 0.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False, tokenizer=_Words())

    def f1(prediction: Prediction) -> float:
        if not words(prediction.output) and not words(prediction.reference):
            return float(_is_match(prediction))
        return float(scorer.score(prediction.reference, prediction.output)["rougeL"].fmeasure)

    return _mean_of([f1(prediction) for prediction in predictions])


def _class_columns(predictions: Sequence[Prediction]) -> Array:
    """True positives, false positives and false negatives of each class that the references hold: [n, 3 * classes].

    An output outside these classes, unparseable ones among them, is a false negative of the right class and a false
    positive of none.
    """
    references = np.array([_plain(prediction.reference) for prediction in predictions])
    outputs = np.array([_plain(prediction.output) for prediction in predictions])
    classes = np.unique(references)
    is_reference = references[:, None] == classes
    is_output = outputs[:, None] == classes
    parts = [is_reference & is_output, is_output & ~is_reference, is_reference & ~is_output]
    return np.concatenate(parts, axis=1).astype(np.float64)


def _macro_f1(sums: Array) -> Array:
    """Mean F1 = 2tp / (2tp + fp + fn) over the classes that these rows hold.

    A class that no reference and no output of the (resampled) rows names has no F1 and is left out of the mean.
    On the whole set this is scikit-learn's f1_score(average="macro", labels=the references' labels).
    """
    true_positives, false_positives, false_negatives = np.split(sums, 3, axis=-1)
    denominator = 2 * true_positives + false_positives + false_negatives
    present = denominator > 0
    f1 = 2 * true_positives / np.where(present, denominator, 1)
    return np.asarray(f1.sum(axis=-1) / present.sum(axis=-1))


def _calibration_columns(predictions: Sequence[Prediction]) -> Array:
    """Count, correct and confidence in each bin (low, high] of confidence: [n, 3 * CALIBRATION_BINS]."""
    confidence = _raw(predictions, "confidence")
    assert ((confidence >= 0) & (confidence <= 1)).all(), "confidence is a probability"
    correct = np.array([_is_match(prediction) for prediction in predictions], dtype=np.float64)
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    in_bin = bins[:, None] == np.arange(CALIBRATION_BINS)
    return np.concatenate([in_bin * column[:, None] for column in (np.ones_like(correct), correct, confidence)], axis=1)


def _calibration_error(sums: Array) -> Array:
    """Expected calibration error: sum over bins of n_b / n * |accuracy_b - confidence_b| (Guo et al. 2017)."""
    count, correct, confidence = np.split(sums, 3, axis=-1)
    return np.asarray(np.abs(correct - confidence).sum(axis=-1) / count.sum(axis=-1))


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("loss_nats_per_token", False, _per_target_token("loss_nats"), _ratio),
        Metric("token_accuracy", True, _per_target_token("correct_tokens"), _ratio),
        Metric("exact_match", True, _match_columns, _ratio),
        Metric("rouge_l", True, _rouge_l_columns, _ratio),
        Metric("accuracy", True, _match_columns, _ratio),
        Metric("macro_f1", True, _class_columns, _macro_f1),
        Metric("ece", False, _calibration_columns, _calibration_error),
    )
}
"""Every metric by name. All are functions of sums over the whole set, never means of batch means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer
from sklearn.metrics import accuracy_score, f1_score

from attune.errors import ModelError, RecipeError
from attune.evaluate.metrics import METRICS, named, words
from attune.evaluate.types import Prediction


def pairs(*texts: tuple[str, str]) -> list[Prediction]:
    """Predictions from (output, reference)."""
    return [Prediction(str(index), "", output, reference) for index, (output, reference) in enumerate(texts)]


def value(name: str, predictions: list[Prediction]) -> float:
    return float(named(name).value(named(name).columns(predictions).sum(axis=0)))


def scored(**scores: float) -> Prediction:
    return Prediction("0", "", "a", "a", scores)


def rouge_1(output: str, reference: str) -> float:
    class OurWords:
        def tokenize(self, text: str) -> list[str]:
            return words(text)

    return float(RougeScorer(["rouge1"], tokenizer=OurWords()).score(reference, output)["rouge1"].fmeasure)


# --- names


def test_every_metric_is_found_by_its_name() -> None:
    assert [named(name).name for name in METRICS] == list(METRICS)


def test_lower_is_better_for_losses_and_calibration_error_only() -> None:
    assert {name for name in METRICS if not named(name).higher_is_better} == {"loss_nats_per_token", "ece"}


def test_unknown_metric_suggests_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"evaluation.metrics.*'rougel'.*did you mean 'rouge_l'"):
        named("rougel")
    with pytest.raises(RecipeError, match="choose from loss_nats_per_token, token_accuracy"):
        named("zzzzzzzz")


# --- per-token ratios


def test_loss_is_weighted_by_tokens_over_the_whole_set() -> None:
    predictions = [scored(loss_nats=10.0, target_tokens=10.0), scored(loss_nats=0.0, target_tokens=90.0)]
    assert value("loss_nats_per_token", predictions) == pytest.approx(0.1)  # a mean of means would say 0.5


def test_uniform_model_has_the_vocabulary_as_perplexity() -> None:
    predictions = [scored(loss_nats=n * math.log(285), target_tokens=n) for n in (1.0, 7.0, 30.0)]
    assert math.exp(value("loss_nats_per_token", predictions)) == pytest.approx(285)


def test_token_accuracy_counts_tokens() -> None:
    predictions = [scored(correct_tokens=1.0, target_tokens=1.0), scored(correct_tokens=0.0, target_tokens=3.0)]
    assert value("token_accuracy", predictions) == 0.25


def test_missing_scores_are_our_bug() -> None:
    with pytest.raises(AssertionError, match="'0' carries no 'loss_nats'"):
        value("loss_nats_per_token", [scored(target_tokens=1.0)])
    with pytest.raises(AssertionError, match="without target tokens"):
        value("loss_nats_per_token", [scored(loss_nats=0.0, target_tokens=0.0)])
    with pytest.raises(AssertionError, match="probability"):
        value("ece", [scored(confidence=1.5)])


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_loss_that_is_not_finite_names_the_example(broken: float) -> None:
    with pytest.raises(ModelError, match=r"loss_nats = (nan|inf) on test example '0'"):
        value("loss_nats_per_token", [scored(loss_nats=broken, target_tokens=1.0)])


# --- exact match


@pytest.mark.parametrize(
    ("output", "reference", "same"),
    [
        ("Cafe\u0301", "Caf\u00e9", True),
        ("  two\n\twords\u00a0here ", "two words here", True),
        ("Paris", "paris", False),
        ("Paris.", "Paris", False),
        ("", "", True),
        ("", "x", False),
    ],
)
def test_exact_match_normalises_unicode_and_whitespace_but_not_case(output: str, reference: str, same: bool) -> None:
    assert value("exact_match", pairs((output, reference))) == float(same)


# --- words and ROUGE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat's HAT, v2_final", ["the", "cat", "s", "hat", "v2", "final"]),
        ("Straße — ÉTÉ", ["strasse", "été"]),
        ("e\u0301te\u0301", ["été"]),
        ("это дом", ["это", "дом"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("猫がいる。OK", ["猫", "が", "い", "る", "ok"]),
        ("AI模型2号", ["ai", "模", "型", "2", "号"]),
        ("한국어", ["한", "국", "어"]),
        ("กิน", ["กิ", "น"]),
        ("می\u200cروم", ["می" + "روم"]),
        ("a\u200bb co\u00adop", ["a", "b", "coop"]),
        ("\u0301 ❤\ufe0f 👍!", []),
        ("", []),
    ],
)
def test_words_in_many_scripts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_words_are_those_of_rouge_score(text: str) -> None:
    assert words(text) == DefaultTokenizer(use_stemmer=False).tokenize(text)


@given(st.text())
def test_words_of_any_text_are_stable(text: str) -> None:
    found = words(text)
    assert all(found)
    assert words(" ".join(found)) == found


def test_rouge_known_answers() -> None:
    assert value("rouge_l", pairs(("the cat sat on the mat", "the cat is on the mat"))) == pytest.approx(5 / 6)
    assert rouge_1("это дом", "это большой дом") == pytest.approx(0.8)
    assert value("rouge_l", pairs(("это дом", "это большой дом"))) == pytest.approx(0.8)
    assert value("rouge_l", pairs(("b a", "a b"))) == pytest.approx(0.5)  # order counts
    assert value("rouge_l", pairs(("The  CAT!", "the cat"))) == 1.0


def test_identical_japanese_scores_one() -> None:
    text = "吾輩は猫である。名前はまだ無い。"
    assert value("rouge_l", pairs((text, text))) == 1.0
    assert value("rouge_l", pairs((text, text[:8]))) == pytest.approx(2 * 7 / (14 + 7))


@pytest.mark.parametrize(
    ("output", "reference", "expected"),
    [("", "a", 0.0), ("a", "", 0.0), ("", "", 1.0), ("👍", "👍", 1.0), ("👍", "👎", 0.0)],
)
def test_rouge_without_words(output: str, reference: str, expected: float) -> None:
    assert value("rouge_l", pairs((output, reference))) == expected


# --- classification

labels = st.sampled_from(["red", "green", "blue"])
outputs = st.sampled_from(["red", "green", "blue", "", "purple"])


@settings(max_examples=50)
@given(st.lists(st.tuples(outputs, labels), min_size=1, max_size=30))
def test_classification_scores_equal_scikit_learn(rows: list[tuple[str, str]]) -> None:
    predicted, right = zip(*rows, strict=True)
    seen = sorted(set(right))
    expected = f1_score(right, predicted, labels=seen, average="macro", zero_division=0)
    assert value("macro_f1", pairs(*rows)) == pytest.approx(float(expected))
    assert value("accuracy", pairs(*rows)) == pytest.approx(float(accuracy_score(right, predicted)))


def test_unparseable_output_is_wrong_and_never_dropped() -> None:
    rows = pairs(("yes", "yes"), ("I think it depends", "yes"), ("no", "no"), ("no", "no"))
    assert value("accuracy", rows) == 0.75
    assert value("macro_f1", rows) == pytest.approx((2 / 3 + 1) / 2)


def test_macro_f1_leaves_out_a_class_that_the_rows_do_not_name() -> None:
    metric = named("macro_f1")
    columns = metric.columns(pairs(("a", "a"), ("b", "a"), ("b", "b"), ("c", "c")))
    without_c = columns[:3].sum(axis=0)
    assert metric.value(without_c) == pytest.approx(2 / 3)  # a third class at 0 would give 4/9
    assert metric.value(columns.sum(axis=0)) == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_macro_f1_of_many_resamples_at_once() -> None:
    metric = named("macro_f1")
    columns = metric.columns(pairs(("a", "a"), ("b", "a"), ("b", "b")))
    stacked = np.stack([columns.sum(axis=0), columns[:1].sum(axis=0)])
    assert metric.value(stacked) == pytest.approx([2 / 3, 1.0])


# --- calibration


def confident(confidences: np.ndarray, correct: np.ndarray) -> list[Prediction]:
    return [
        Prediction(str(index), "", "a" if right else "b", "a", {"confidence": float(confidence)})
        for index, (confidence, right) in enumerate(zip(confidences, correct, strict=True))
    ]


def test_calibration_error_of_ten_equal_confidences() -> None:
    predictions = confident(np.full(10, 0.8), np.arange(10) < 6)
    assert value("ece", predictions) == pytest.approx(0.2)


def test_calibration_error_weighs_bins_by_count() -> None:
    predictions = confident(np.array([0.9, 0.9, 0.9, 0.1]), np.array([True, True, True, True]))
    assert value("ece", predictions) == pytest.approx(0.75 * 0.1 + 0.25 * 0.9)


def test_calibration_bins_are_open_below_and_closed_above() -> None:
    columns = named("ece").columns(confident(np.array([0.0, 1 / 15, 0.0667, 1.0]), np.ones(4, dtype=bool)))
    assert columns[:, :15].argmax(axis=1).tolist() == [0, 0, 1, 14]


def test_calibrated_and_shifted_confidences() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.1, 0.9, size=20_000)
    correct = generator.random(20_000) < confidence
    assert value("ece", confident(confidence, correct)) < 0.015
    assert value("ece", confident(confidence + 0.1, correct)) == pytest.approx(0.1, abs=0.01)

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pytest
from clock import ends_soon
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from attune.evaluate import compare as compare_module
from attune.evaluate.compare import (
    MINIMUM_BCA_EXAMPLES,
    MINIMUM_TEST_EXAMPLES,
    compare,
    compare_all,
    score,
    verdicts,
)
from attune.evaluate.metrics import METRICS, named
from attune.evaluate.types import Comparison, Prediction

accuracy, macro_f1, loss = named("accuracy"), named("macro_f1"), named("loss_nats_per_token")


def answers(correct: Sequence[bool]) -> list[Prediction]:
    return [Prediction(str(i), "", "yes" if right else "no", "yes") for i, right in enumerate(correct)]


def losses(nats: Sequence[float], tokens: Sequence[float] | None = None) -> list[Prediction]:
    tokens = [1.0] * len(nats) if tokens is None else tokens
    return [
        Prediction(str(i), "", "", "", {"loss_nats": float(x), "target_tokens": float(t)})
        for i, (x, t) in enumerate(zip(nats, tokens, strict=True))
    ]


def rich(n: int, quality: float, seed: int) -> list[Prediction]:
    """Predictions that carry what every metric reads; the same references for every seed."""
    references = np.random.default_rng(0).choice(["red fox", "green fox", "blue fox"], size=n)
    generator = np.random.default_rng(seed)
    return [
        Prediction(
            str(i),
            "",
            str(reference) if generator.random() < quality else "red hen",
            str(reference),
            {
                "loss_nats": float(generator.gamma(2, 1 - quality)) * 10,
                "target_tokens": 10.0,
                "correct_tokens": float(generator.binomial(10, quality)),
                "confidence": float(generator.random()),
            },
        )
        for i, reference in enumerate(references)
    ]


# --- one model


def test_score_interval_equals_scipy_bca() -> None:
    sample = np.random.default_rng(3).exponential(size=80)
    ours = score(loss, losses(sample), seed=0)
    peer = stats.bootstrap((sample,), np.mean, n_resamples=10_000, method="BCa", rng=np.random.default_rng(0))
    assert ours.value == pytest.approx(sample.mean())
    assert (ours.low, ours.high) == pytest.approx(tuple(peer.confidence_interval), abs=0.02)
    plain = stats.bootstrap((sample,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0))
    assert ours.low > plain.confidence_interval.low + 0.01  # the skew correction is seen, not only the percentiles


def test_interval_of_a_biased_score_equals_scipy_bca() -> None:
    ece = named("ece")
    predictions = rich(60, 0.5, seed=1)
    columns = ece.columns(predictions)

    def of_rows(rows: np.ndarray) -> float:
        return float(ece.value(columns[rows].sum(axis=0)))

    ours = score(ece, predictions, seed=0)
    peer = stats.bootstrap(
        (np.arange(60),), of_rows, n_resamples=4_000, method="BCa", vectorized=False, rng=np.random.default_rng(0)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx(tuple(peer), abs=0.02)


def test_small_sample_takes_plain_percentiles() -> None:
    sample = np.random.default_rng(3).lognormal(0, 1.5, size=MINIMUM_BCA_EXAMPLES)
    for size, method in ((len(sample), "BCa"), (len(sample) - 1, "percentile")):
        ours = score(loss, losses(sample[:size]), seed=0)
        generator = np.random.default_rng(0)
        peer = stats.bootstrap((sample[:size],), np.mean, n_resamples=10_000, method=method, rng=generator)
        assert (ours.low, ours.high) == pytest.approx(tuple(peer.confidence_interval), rel=0.03)


@pytest.mark.parametrize("tenths", [[5], [5] * 10, [2, 4, 6, 8], [1, 2, 3, 4, 5, 6, 7, 8, 9]])
def test_interval_of_a_perfect_score_holds_it(tenths: list[int]) -> None:
    # Calibrated exactly: in each bin the share of right answers is the confidence. A resample can only be worse.
    predictions = [
        Prediction(f"{group} {i}", "", "a" if i < right else "b", "a", {"confidence": right / 10})
        for group, right in enumerate(tenths)
        for i in range(10)
    ]
    result = score(named("ece"), predictions, seed=0)
    assert result.value == pytest.approx(0, abs=1e-12)
    assert result.low <= result.value < 0.02 < result.high


def test_score_carries_its_metric() -> None:
    result = score(loss, losses([1.0, 2.0, 4.0], [1.0, 2.0, 1.0]), seed=0)
    assert (result.metric, result.n, result.higher_is_better) == ("loss_nats_per_token", 3, False)
    assert result.value == pytest.approx(7 / 4)


@pytest.mark.parametrize("correct", [[True], [False], [True] * 30, [False] * 80])
def test_score_without_spread_is_a_point(correct: list[bool]) -> None:
    result = score(accuracy, answers(correct), seed=0)
    assert (result.value, result.low, result.high) == (float(correct[0]),) * 3


@settings(max_examples=15, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=70), st.sampled_from(["accuracy", "macro_f1"]))
def test_interval_holds_the_value(correct: list[bool], name: str) -> None:
    result = score(named(name), answers(correct), seed=1)
    assert result.low <= result.value <= result.high


def test_interval_covers_the_truth_about_95_times_in_100(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_module, "RESAMPLES", 1_000)
    generator = np.random.default_rng(0)
    hits = 0
    for run in range(200):
        base, tuned = generator.random((2, 100)) < 0.6
        result = compare(accuracy, answers(base), answers(tuned), seed=run)
        hits += result.low <= 0 <= result.high
    assert 0.90 <= hits / 200 <= 0.985


# --- two models


def test_identical_models_differ_by_nothing() -> None:
    predictions = rich(60, 0.6, seed=1)
    for result in compare_all(list(METRICS.values()), predictions, predictions, seed=0):
        assert (result.difference, result.low, result.high, result.p_value) == (0.0, 0.0, 0.0, 1.0)
        assert result.verdict == "no detectable difference"


def test_swapping_models_flips_the_sign_and_keeps_the_p_value() -> None:
    base, tuned = rich(60, 0.6, seed=1), rich(60, 0.7, seed=2)
    metrics = list(METRICS.values())
    there, back = compare_all(metrics, base, tuned, seed=5), compare_all(metrics, tuned, base, seed=5)
    for one, other in zip(there, back, strict=True):
        assert (other.base, other.tuned) == (one.tuned, one.base)
        assert other.difference == -one.difference
        assert other.p_value == one.p_value
        assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=1e-9)


def test_equal_gain_on_every_example_is_a_point() -> None:
    nats = np.random.default_rng(0).gamma(2, size=60)
    result = compare(loss, losses(nats), losses(nats - 0.25), seed=0)
    assert result.difference == pytest.approx(-0.25)
    assert result.low == result.high == result.difference
    assert (result.p_value, result.verdict) == (pytest.approx(1 / 10_001), "better")


def test_p_value_agrees_with_the_exact_sign_test() -> None:
    # 8 examples won, 2 lost, 90 alike: swapping is a coin per discordant example (McNemar exact, p = .109375).
    base = [False] * 8 + [True] * 2 + [True] * 90
    tuned = [True] * 8 + [False] * 2 + [True] * 90
    result = compare(accuracy, answers(base), answers(tuned), seed=0)
    assert result.p_value == pytest.approx(0.109375, abs=0.01)
    assert result.verdict == "no detectable difference"


def test_p_value_agrees_with_scipy_on_paired_numbers() -> None:
    generator = np.random.default_rng(2)
    base = generator.gamma(2, size=50)
    tuned = base + generator.normal(0.1, 0.4, size=50)
    peer = stats.permutation_test(
        (tuned, base), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=9_999, rng=generator
    )
    assert compare(loss, losses(base), losses(tuned), seed=0).p_value == pytest.approx(peer.pvalue, abs=0.015)


def test_pairing_sees_what_unpaired_samples_hide() -> None:
    generator = np.random.default_rng(0)
    base = generator.gamma(1, 5, size=100)
    tuned = base - generator.normal(0.2, 0.1, size=100)
    result = compare(loss, losses(base), losses(tuned), seed=0)
    assert result.verdict == "better"
    assert result.high - result.low < 0.06  # unpaired: about 2.8


def test_paired_interval_equals_scipy() -> None:
    generator = np.random.default_rng(4)
    base, gain = generator.gamma(2, size=70), generator.exponential(0.3, size=70)
    result = compare(loss, losses(base), losses(base - gain), seed=0)
    peer = stats.bootstrap((-gain,), np.mean, n_resamples=10_000, method="BCa", rng=generator)
    assert (result.low, result.high) == pytest.approx(tuple(peer.confidence_interval), abs=0.01)


@pytest.mark.parametrize(("metric", "change", "verdict"), [(loss, 0.5, "worse"), (loss, -0.5, "better")])
def test_direction_of_a_loss(metric: object, change: float, verdict: str) -> None:
    nats = np.random.default_rng(0).gamma(4, size=60)
    noise = np.random.default_rng(1).normal(0, 0.1, size=60)
    assert compare(loss, losses(nats), losses(nats + change + noise), seed=0).verdict == verdict


@pytest.mark.parametrize("metric", [accuracy, macro_f1])
def test_direction_of_an_accuracy(metric: object) -> None:
    worse, better = rich(100, 0.4, seed=1), rich(100, 0.9, seed=2)
    assert compare(metric, worse, better, seed=0).verdict == "better"  # type: ignore[arg-type]
    assert compare(metric, better, worse, seed=0).verdict == "worse"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "verdict"), [(MINIMUM_TEST_EXAMPLES - 1, "too little data"), (MINIMUM_TEST_EXAMPLES, "better")]
)
def test_few_examples_give_no_verdict(n: int, verdict: str) -> None:
    result = compare(accuracy, answers([False] * n), answers([True] * n), seed=0)
    assert result.p_value < 0.001
    assert result.verdict == verdict


def test_one_example_is_handled() -> None:
    result = compare(accuracy, answers([False]), answers([True]), seed=0)
    assert (result.difference, result.low, result.high, result.p_value) == (1.0, 1.0, 1.0, 1.0)
    assert result.verdict == "too little data"


def test_predictions_must_be_of_the_same_examples() -> None:
    base = answers([True, False])
    with pytest.raises(AssertionError, match="not the same example"):
        compare(accuracy, base, base[::-1], seed=0)
    with pytest.raises(AssertionError, match="not the same example"):
        compare(accuracy, base, [base[0], dataclasses.replace(base[1], reference="other")], seed=0)
    with pytest.raises(ValueError, match="shorter"):
        compare(accuracy, base, base[:1], seed=0)
    with pytest.raises(AssertionError, match="at least one"):
        compare(accuracy, [], [], seed=0)


# --- many metrics


def test_verdicts_count_how_many_metrics_were_asked() -> None:
    clear = Comparison("accuracy", 0.5, 0.6, 0.1, 0.01, 0.19, 0.03, "no detectable difference")
    alone = verdicts([clear], [accuracy], n=100)
    assert [c.verdict for c in alone] == ["better"]
    among = verdicts([clear, dataclasses.replace(clear, p_value=0.5)], [accuracy, accuracy], n=100)
    assert [c.verdict for c in among] == ["no detectable difference"] * 2


def test_verdict_needs_the_interval_as_well() -> None:
    touching = Comparison("accuracy", 0.5, 0.6, 0.1, 0.0, 0.19, 0.001, "no detectable difference")
    assert verdicts([touching], [accuracy], n=100)[0].verdict == "no detectable difference"


def test_a_metric_gets_the_same_numbers_alone_and_in_company() -> None:
    base, tuned = rich(60, 0.6, seed=1), rich(60, 0.7, seed=2)
    together = compare_all(list(METRICS.values()), base, tuned, seed=5)
    for metric, result in zip(METRICS.values(), together, strict=True):
        alone = compare(metric, base, tuned, seed=5)
        assert dataclasses.replace(alone, verdict=result.verdict) == result


def test_same_seed_same_numbers_and_other_seed_others() -> None:
    base, tuned = rich(60, 0.6, seed=1), rich(60, 0.65, seed=2)
    first, second, other = (compare_all([loss, accuracy], base, tuned, seed=seed) for seed in (5, 5, 6))
    assert first == second
    assert first[0].low != other[0].low
    assert first[0].p_value != other[0].p_value
    assert score(loss, base, seed=5) == score(loss, base, seed=5) != score(loss, base, seed=6)


def test_blocks_do_not_change_how_many_resamples_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_module, "_CHUNK_ENTRIES", 3_000)
    sizes = [len(block) for block in compare_module._resample_counts(1_000, seed=0)]
    assert sum(sizes) == compare_module.RESAMPLES
    assert set(sizes) == {3, 1}
    block = next(compare_module._resample_counts(1_000, seed=0))
    assert block.sum(axis=1).tolist() == [1_000.0] * 3
    swaps = next(compare_module._swaps(1_000, seed=0))
    assert swaps.mean() == pytest.approx(0.5, abs=0.05)


def test_results_are_plain_finite_numbers() -> None:
    for result in compare_all(list(METRICS.values()), rich(60, 0.6, seed=1), rich(60, 0.9, seed=2), seed=0):
        numbers = [x for x in dataclasses.astuple(result) if not isinstance(x, str)]
        assert all(type(x) is float and math.isfinite(x) for x in numbers)


def test_a_thousand_examples_and_five_metrics_take_seconds() -> None:
    base, tuned = rich(1_000, 0.6, seed=1), rich(1_000, 0.7, seed=2)
    metrics = [named(name) for name in ("loss_nats_per_token", "token_accuracy", "rouge_l", "macro_f1", "ece")]
    named("rouge_l").columns(base[:1])  # the first import of rouge-score is not what is timed
    with ends_soon():
        compare_all(metrics, base, tuned, seed=0)

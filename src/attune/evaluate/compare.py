"""Scores with intervals, and base against tuned on the same examples with a verdict in words.

One vectorised resampling serves every metric (see `metrics`): the bootstrap gives intervals, the paired permutation
test gives the p-value, Holm's rule keeps the error over all metrics together at 5%. The same seed gives the same
numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist

import numpy as np

from attune.data.association import holm
from attune.evaluate.metrics import Array, Metric
from attune.evaluate.types import Comparison, Prediction, Score, Verdict

RESAMPLES = 10_000
CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
MINIMUM_TEST_EXAMPLES = 20
"""Below this many test examples no verdict is given, whatever the p-value."""
MINIMUM_BCA_EXAMPLES = 50
"""Below this the acceleration of BCa is itself noise, and plain percentiles are taken."""

_CHUNK_ENTRIES = 2_000_000  # numbers of one [resamples, n] block: 16 MB
_TIE = 1e-9  # relative rounding error under which two scores are the same


def score(metric: Metric, predictions: Sequence[Prediction], *, seed: int) -> Score:
    """The metric over all predictions with its 95% bootstrap interval.

    The interval is BCa (Efron 1987) from MINIMUM_BCA_EXAMPLES on and of percentiles below. Where every resample gives
    the same score (one example, or all right) it is [value, value]: the data show no spread, not that there is none.
    """
    assert predictions, "a score needs at least one prediction"
    columns = metric.columns(predictions)
    n = len(columns)
    total = columns.sum(axis=0)
    value = float(metric.value(total))
    resampled = np.concatenate([metric.value(counts @ columns) for counts in _resample_counts(n, seed)])
    low, high = _interval(value, resampled, n, lambda: metric.value(total - columns), scale=abs(value))
    return Score(metric.name, value, low, high, n, metric.higher_is_better)


def compare(metric: Metric, base: Sequence[Prediction], tuned: Sequence[Prediction], *, seed: int) -> Comparison:
    """Base against tuned on one metric that was chosen beforehand; see `compare_all`."""
    return compare_all([metric], base, tuned, seed=seed)[0]


def compare_all(
    metrics: Sequence[Metric], base: Sequence[Prediction], tuned: Sequence[Prediction], *, seed: int
) -> list[Comparison]:
    """Base against tuned on every metric: paired interval, permutation p-value and a verdict over all of them.

    Each resample draws examples with replacement and keeps both predictions of each (Koehn 2004). The p-value is that
    of swapping base and tuned per example at random, two-sided, (1 + hits) / (1 + RESAMPLES), and is of this metric
    alone; Holm's correction over `metrics` enters the verdict only.
    """
    assert base, "a comparison needs at least one prediction"
    for ours, theirs in zip(base, tuned, strict=True):
        same = (ours.example_id, ours.reference) == (theirs.example_id, theirs.reference)
        assert same, f"not the same example: {ours.example_id!r} and {theirs.example_id!r}"
    n = len(base)
    pairs = [_Paired(metric, metric.columns(base), metric.columns(tuned)) for metric in metrics]
    resampled = _gather([[pair.resample(counts) for pair in pairs] for counts in _resample_counts(n, seed)])
    permuted = _gather([[pair.swap(swaps) for pair in pairs] for swaps in _swaps(n, seed)])
    comparisons = [pair.compare(*drawn) for pair, *drawn in zip(pairs, resampled, permuted, strict=True)]
    return verdicts(comparisons, metrics, n)


def verdicts(comparisons: Sequence[Comparison], metrics: Sequence[Metric], n: int) -> list[Comparison]:
    """The comparisons of n examples with their verdicts, judged together.

    Better or worse needs both: a Holm-adjusted p-value of at most SIGNIFICANCE and an interval without 0.
    """
    judged = []
    adjusted = holm([comparison.p_value for comparison in comparisons])
    for comparison, metric, p_value in zip(comparisons, metrics, adjusted, strict=True):
        verdict: Verdict = "no detectable difference"
        if n < MINIMUM_TEST_EXAMPLES:
            verdict = "too little data"
        elif p_value <= SIGNIFICANCE and (comparison.low > 0 or comparison.high < 0):
            verdict = "better" if (comparison.difference > 0) == metric.higher_is_better else "worse"
        judged.append(dataclasses.replace(comparison, verdict=verdict))
    return judged


@dataclasses.dataclass(frozen=True, slots=True)
class _Paired:
    """One metric's columns of both models, [n, k] each, row for row of the same example."""

    metric: Metric
    base: Array
    tuned: Array

    def difference(self, base_sums: Array, tuned_sums: Array) -> Array:
        return self.metric.value(tuned_sums) - self.metric.value(base_sums)

    def resample(self, counts: Array) -> Array:
        """Differences [b] of resamples that take example i counts[., i] times."""
        return self.difference(counts @ self.base, counts @ self.tuned)

    def swap(self, swaps: Array) -> Array:
        """Differences [b] with the models exchanged on the examples where swaps is 1."""
        moved = swaps @ (self.tuned - self.base)
        return self.difference(self.base.sum(axis=0) + moved, self.tuned.sum(axis=0) - moved)

    def leave_one_out(self) -> Array:
        """Differences [n], each without one example."""
        return self.difference(self.base.sum(axis=0) - self.base, self.tuned.sum(axis=0) - self.tuned)

    def compare(self, resampled: Array, permuted: Array) -> Comparison:
        base = float(self.metric.value(self.base.sum(axis=0)))
        tuned = float(self.metric.value(self.tuned.sum(axis=0)))
        scale = max(abs(base), abs(tuned))
        low, high = _interval(tuned - base, resampled, len(self.base), self.leave_one_out, scale=scale)
        hits = int(np.count_nonzero(np.abs(permuted) >= abs(tuned - base) - _TIE * scale))
        p_value = (1 + hits) / (1 + len(permuted))
        verdict: Verdict = "no detectable difference"  # until `verdicts` has seen all metrics
        return Comparison(self.metric.name, base, tuned, tuned - base, low, high, p_value, verdict)


def _gather(chunks: Sequence[Sequence[Array]]) -> list[Array]:
    """Per chunk a list over metrics -> per metric all its draws."""
    return [np.concatenate(draws) for draws in zip(*chunks, strict=True)]


def _resample_counts(n: int, seed: int) -> Iterator[Array]:
    """Blocks [b, n] of how often each example is drawn in a bootstrap resample, RESAMPLES rows in all."""
    generator = _generator(seed, stream=0)
    for b in _block_sizes(n):
        drawn = generator.integers(0, n, size=(b, n)) + n * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)


def _swaps(n: int, seed: int) -> Iterator[Array]:
    """Blocks [b, n] of zeros and ones with equal probability, RESAMPLES rows in all."""
    generator = _generator(seed, stream=1)
    for b in _block_sizes(n):
        yield generator.integers(0, 2, size=(b, n), dtype=np.int8).astype(np.float64)


def _generator(seed: int, *, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, stream])))


def _block_sizes(n: int) -> Iterator[int]:
    rows = max(1, _CHUNK_ENTRIES // n)
    for start in range(0, RESAMPLES, rows):
        yield min(rows, RESAMPLES - start)


def _interval(
    value: float, resampled: Array, n: int, leave_one_out: Callable[[], Array], *, scale: float
) -> tuple[float, float]:
    """The bootstrap interval at CONFIDENCE around `value`, widened to hold it (a biased resample may leave it out)."""
    if np.ptp(resampled) <= _TIE * scale:
        return value, value
    tail = (1 - CONFIDENCE) / 2
    levels = (tail, 1 - tail)
    if n >= MINIMUM_BCA_EXAMPLES:
        levels = _bca_levels(value, resampled, leave_one_out(), levels, tie=_TIE * scale)
    low, high = (float(bound) for bound in np.quantile(resampled, levels))
    return min(low, value), max(high, value)


def _bca_levels(
    value: float, resampled: Array, left_out: Array, levels: tuple[float, float], *, tie: float
) -> tuple[float, float]:
    """The percentile levels corrected for bias and acceleration (Efron 1987; jackknife acceleration).

    Unchanged where the bias is so strong that the corrected interval would not reach to both sides of the value.
    """
    normal = NormalDist()
    below = np.count_nonzero(resampled < value - tie) / len(resampled)
    at_most = np.count_nonzero(resampled <= value + tie) / len(resampled)
    if not 0 < below + at_most < 2:
        return levels
    bias = normal.inv_cdf((below + at_most) / 2)
    deviations = left_out.mean() - left_out
    spread = float((deviations**2).sum())
    acceleration = float((deviations**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0

    def corrected(level: float) -> float:
        shifted = bias + normal.inv_cdf(level)
        return normal.cdf(bias + shifted / (1 - acceleration * shifted))

    low, high = corrected(levels[0]), corrected(levels[1])
    return (low, high) if low < below and at_most < high else levels

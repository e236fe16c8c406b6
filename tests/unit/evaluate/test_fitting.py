from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence

import numpy as np
import pytest

from attune.evaluate.fitting import Fitting, generalization_loss_percent, judge, progress_per_mille

EVERY = 20  # training steps between validations


def run(
    train: Sequence[float],
    validation: Sequence[float],
    *,
    accuracy: Sequence[float] | None = None,
    base_loss: float | None = None,
) -> Fitting:
    """Judges curves whose validations lie EVERY steps apart; `train` has one loss per step, or one per validation."""
    if len(train) == len(validation):
        train = np.repeat(train, EVERY)
    accuracy = accuracy or [0.5] * len(validation)
    validated = [(EVERY * (i + 1), loss, acc) for i, (loss, acc) in enumerate(zip(validation, accuracy, strict=True))]
    best_step = min(validated, key=lambda point: point[1] if math.isfinite(point[1]) else math.inf)[0]
    return judge(list(enumerate(map(float, train), start=1)), validated, best_step=best_step, base_loss=base_loss)


FALLING = [2.0, 1.5, 1.1, 0.8, 0.6]
U_SHAPE = [2.0, 1.4, 1.0, 1.03, 1.10]


def test_measures_by_hand() -> None:
    assert generalization_loss_percent(U_SHAPE) == pytest.approx(10)
    assert generalization_loss_percent([2.0, 1.0]) == 0
    assert progress_per_mille([9.0, 0.5, 0.4, 0.3, 0.2, 0.1]) == pytest.approx(2000)  # mean .3 over lowest .1
    assert progress_per_mille([3.0, 3.0]) == 0


def test_u_shape_is_overfit_and_names_the_best_step() -> None:
    result = run(FALLING, U_SHAPE, accuracy=[0.1, 0.4, 0.6, 0.59, 0.55])
    assert (result.verdict, result.best_step) == ("overfit", 60)
    assert result.generalization_loss_percent == pytest.approx(10)
    assert "best at step 60 (1) and 10.0% higher at the end (step 100, 1.1)" in result.reason
    assert "training loss kept falling (1.1 to 0.6" in result.reason
    assert "checkpoint of step 60 was kept" in result.reason
    assert "Accuracy did not drop" not in result.reason


def test_overfit_loss_with_rising_accuracy_says_so() -> None:
    result = run(FALLING, U_SHAPE, accuracy=[0.1, 0.4, 0.6, 0.62, 0.63])
    assert result.verdict == "overfit"
    assert "Accuracy did not drop meanwhile (0.600 to 0.630)" in result.reason


def test_small_rise_is_not_overfit() -> None:
    assert run(FALLING, [2.0, 1.4, 1.0, 1.0, 1.04]).verdict == "good"


def test_memorised_training_set_is_overfit_though_its_loss_no_longer_falls() -> None:
    train = [1.0, 0.3, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]
    result = run(train, [1.2, 0.9, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05])
    assert result.verdict == "overfit"
    assert "training loss stood at only 0.05" in result.reason


def test_overfitting_that_has_come_to_rest_is_overfit() -> None:
    train = [2.0, 1.2, 1.0, 0.9, 0.8, 0.75, 0.7, *[0.7] * 8]
    result = run(train, [2.0, 1.3, 1.1, 1.12, 1.15, 1.18, 1.2, *[1.2] * 8])
    assert (result.verdict, result.best_step) == ("overfit", 60)


def test_rise_without_training_progress_is_not_overfit() -> None:
    assert run([1.0] * 6, [1.2, 1.15, 1.1, 1.12, 1.15, 1.2]).verdict == "good"


def test_both_curves_rising_is_unstable_not_overfit() -> None:
    result = run([2.0, 1.5, 1.2, 1.4, 1.7], [2.1, 1.6, 1.3, 1.5, 1.8])
    assert result.verdict == "unstable"
    assert "training loss rose with it (1.2 to 1.7)" in result.reason


def test_monotone_curve_is_underfit() -> None:
    result = run(FALLING, [2.0, 1.8, 1.6, 1.4, 1.2])
    assert result.verdict == "underfit"
    assert "still falling when training ended: 14.3% from step 80 (1.4) to step 100 (1.2)" in result.reason
    assert result.generalization_loss_percent == 0


def test_last_fifth_is_measured_in_steps() -> None:
    # 10 validations: the last fifth holds two intervals of 1.5% each, neither of which reaches the threshold alone.
    validation = [2.0, 1.5, 1.3, 1.2, 1.15, 1.12, 1.1, 1.08, 1.064, 1.048]
    assert run(validation, validation).verdict == "underfit"


def test_converged_curve_is_good() -> None:
    result = run([2.0, 1.2, 1.0, 0.98, 0.97, 0.97], [2.0, 1.3, 1.1, 1.08, 1.07, 1.07])
    assert result.verdict == "good"
    assert "best at step 100 (1.07) and 0.0% higher at the end (1.07), where training loss was 0.97." in result.reason


def test_flat_curve_is_good_unless_the_base_model_was_as_good() -> None:
    flat = [1.0] * 6
    assert run(flat, flat).verdict == "good"
    assert run(flat, flat, base_loss=2.0).verdict == "good"
    result = run(flat, flat, base_loss=1.02)
    assert result.verdict == "underfit"
    assert "2.0% below the untuned model's (1.02)" in result.reason


def test_worse_than_base_is_underfit() -> None:
    assert run([3.0] * 6, [3.0] * 6, base_loss=2.0).verdict == "underfit"


@pytest.mark.parametrize("spread", [0.01, 0.04])
def test_noisy_flat_curves_are_good(spread: float) -> None:
    generator = np.random.default_rng(0)
    verdicts = []
    for _ in range(100):
        train = generator.lognormal(0, 0.3, size=12 * EVERY)
        validation = 1.2 * (1 + spread * generator.standard_normal(12))
        verdicts.append(run(list(train), list(validation)).verdict)
    assert verdicts.count("good") >= 90
    assert verdicts.count("unstable") == 0


def test_a_rise_that_may_be_noise_is_called_that() -> None:
    zigzag = [0.635, 0.487, 0.744, 0.485, 0.543, 0.718, 0.484, 0.701, 0.744, 0.755, 0.760]
    result = run([0.5, 0.3, 0.2, 0.1, 0.08, 0.06, 0.09, 0.04, 0.01, 0.004, 0.0015], zigzag)
    assert result.verdict == "good"
    assert "57.0% higher" in result.reason and "no evidence of overfitting" in result.reason
    assert "no evidence" not in run([1.0, 0.5, 0.4, 0.3, 0.2], [1.0, 0.5, 0.4, 0.39, 0.39]).reason


def test_noise_of_single_steps_does_not_hide_the_u_shape() -> None:
    generator = np.random.default_rng(0)
    train = np.repeat(FALLING, EVERY) * generator.lognormal(0, 0.2, size=5 * EVERY)
    assert run(list(train), U_SHAPE).verdict == "overfit"


def test_changes_too_small_to_matter_are_good() -> None:
    assert run([1.0, 0.01, 0.001, 0.0005, 0.0001], [1.0, 0.002, 0.001, 0.0015, 0.002]).verdict == "good"
    assert run([1.0, 0.01, 0.001, 0.0005, 0.0001], [1.0, 0.01, 0.005, 0.004, 0.003]).verdict == "good"


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_broken_losses_are_unstable(broken: float) -> None:
    train = list(np.repeat(FALLING, EVERY))
    train[37] = broken
    result = run(train, U_SHAPE)
    assert result.verdict == "unstable"
    assert f"Training loss was {broken} at step 38 (1 such in all)" in result.reason
    result = run(FALLING, [2.0, broken, 1.0, 1.0, 1.0])
    assert result.verdict == "unstable"
    assert result.generalization_loss_percent is None
    json.dumps(dataclasses.asdict(result), allow_nan=False)


def test_spike_of_training_loss_is_unstable() -> None:
    train = np.repeat(FALLING, EVERY) * np.random.default_rng(0).lognormal(0, 0.1, size=5 * EVERY)
    good = [2.0, 1.4, 1.0, 1.0, 1.0]
    assert run(list(train), good).verdict == "good"
    train[70] = 6.0
    result = run(list(train), good)
    assert result.verdict == "unstable"
    assert "Training loss jumped to 6 at step 71" in result.reason


def test_jump_that_stays_below_the_start_is_no_spike() -> None:
    train = list(np.repeat(FALLING, EVERY))
    train[95] = 1.8
    assert run(train, [2.0, 1.4, 1.0, 1.0, 1.0]).verdict == "good"


def test_a_hard_example_late_in_training_is_no_spike() -> None:
    # Binary classification in batches of one: most losses near 0 at last, some examples still far off.
    generator = np.random.default_rng(0)
    progress = np.linspace(0, 1, 20 * EVERY)
    train = np.log1p(np.exp(-generator.normal(4 * progress, 0.3 + 2 * progress)))
    assert train[200:].max() > 2 * np.log(2) > 10 * np.median(train[200:])
    assert run(list(train), [0.7, 0.5, 0.45, *[0.45] * 17]).verdict == "good"


def test_spike_of_validation_loss_is_unstable() -> None:
    result = run([*FALLING, 0.6], [2.0, 1.4, 5.0, 1.1, 1.0, 1.0])
    assert result.verdict == "unstable"
    assert "Validation loss jumped to 5 at step 60" in result.reason


def test_divergence_is_unstable() -> None:
    train = np.linspace(1.0, 3.0, 5 * EVERY)
    result = run(list(train), [1.0, 1.5, 2.0, 2.5, 3.0])
    assert result.verdict == "unstable"
    assert "above the" in result.reason


def test_few_points_are_not_decidable() -> None:
    result = run([2.0, 1.0, 0.5], [2.0, 1.0, 1.5])
    assert result.verdict == "not decidable"
    assert "3 validations" in result.reason
    assert result.generalization_loss_percent == pytest.approx(50)
    nothing = judge([], [], best_step=0)
    assert (nothing.verdict, nothing.generalization_loss_percent) == ("not decidable", None)


def test_wrong_input_is_our_bug() -> None:
    validation = [(step, 1.0, 0.5) for step in (10, 20, 30, 40, 50)]
    with pytest.raises(AssertionError, match="never validated"):
        judge([(1, 1.0)], validation, best_step=15)
    with pytest.raises(AssertionError, match="out of order"):
        judge([(2, 1.0), (1, 1.0)], validation, best_step=10)

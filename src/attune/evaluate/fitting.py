"""Overfit, underfit, unstable or good, named from the loss curves of one run, with the numbers that say so.

Prechelt (1998) gives the two measures: generalization loss (how far validation loss has risen above its lowest) and
training progress (whether training loss still falls). Only curves are looked at; whether a rise is more than the noise
of a small validation set is judged by how far the curve moves against its own trend, not by per-example losses. All
thresholds are engineering defaults, not findings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Literal

FittingVerdict = Literal["good", "overfit", "underfit", "unstable", "not decidable"]

MINIMUM_VALIDATIONS = 5
OVERFIT_GENERALIZATION_LOSS_PERCENT = 5.0
PROGRESS_STRIP = 5
"""Validation intervals over which training progress is measured (Prechelt's k); all since the best step if more."""
STILL_FALLING_PROGRESS_PER_MILLE = 50.0
FELL_RATIO = 0.95
"""Training loss at the end over that at the best step, below which it fell meanwhile."""
MEMORIZED_RATIO = 0.5
"""Training loss below this share of validation loss counts as memorised, even when it no longer falls."""
RECENT_SHARE = 0.2
UNDERFIT_IMPROVEMENT_PERCENT = 2.0
UNDERFIT_GAIN_OVER_BASE_PERCENT = 5.0
NOISE_DEVIATIONS = 4.0
"""Standard deviations of the validation curve's own noise that a change must exceed to count."""
SMALLEST_CHANGE_NATS = 0.01
"""Changes of validation loss below this matter to nobody, whatever they are in percent."""

SPIKE_WINDOW_POINTS = 20
SPIKE_MINIMUM_POINTS = 5
SPIKE_RATIO = 2.0
SPIKE_DEVIATIONS = 6.0
"""Robust standard deviations (1.4826 MAD) of log loss; three MADs would flag one ordinary step in twenty."""
ROSE_TOGETHER_RATIO = 1.2
"""Training loss at the end over that at the best step, from which a rise of both curves is no overfitting."""
DIVERGED_RATIO = 1.5
"""Training loss of the last fifth of the steps over that of the first fifth."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How well the run fitted.

    Attributes:
        verdict: one of the five words.
        reason: a sentence with the numbers.
        best_step: the step whose checkpoint was kept.
        generalization_loss_percent: of the last validation; None where the losses do not allow it.
    """

    verdict: FittingVerdict
    reason: str
    best_step: int
    generalization_loss_percent: float | None


def judge(
    train: Sequence[tuple[int, float]],
    validation: Sequence[tuple[int, float, float]],
    *,
    best_step: int,
    base_loss: float | None = None,
) -> Fitting:
    """How well a run fitted, from its curves.

    Args:
        train: (step, loss in nats per token) in step order; nan for a step that was skipped as not finite.
        validation: (step, loss in nats per token, accuracy) in step order.
        best_step: the validated step whose checkpoint was kept.
        base_loss: the untuned model's loss on the same validation examples, where known.
    """
    for curve in (train, validation):
        assert all(earlier[0] < later[0] for earlier, later in pairwise(curve)), "steps are out of order"
    losses = [loss for _, loss, _ in validation]
    finite = bool(losses) and all(map(math.isfinite, losses))
    loss_percent = generalization_loss_percent(losses) if finite else None
    trouble = _instability(train, validation)
    if trouble:
        return Fitting("unstable", trouble, best_step, loss_percent)
    if len(validation) < MINIMUM_VALIDATIONS or not train:
        reason = (
            f"Over- and underfitting cannot be told from {len(validation)} validations and {len(train)} training "
            f"steps: at least {MINIMUM_VALIDATIONS} validations are needed (validate more often or train longer)."
        )
        return Fitting("not decidable", reason, best_step, loss_percent)
    assert best_step in {step for step, _, _ in validation}, f"step {best_step} was never validated"
    curves = _Curves(train, validation, best_step)
    verdict, reason = _overfit(curves) or _underfit(curves, base_loss) or ("good", _settled(curves, base_loss))
    return Fitting(verdict, reason, best_step, loss_percent)


def generalization_loss_percent(losses: Sequence[float]) -> float:
    """GL = 100 * (last / lowest - 1) of validation losses (Prechelt 1998)."""
    return 100 * (losses[-1] / max(min(losses), 1e-9) - 1) if losses[-1] > min(losses) else 0.0


def progress_per_mille(losses: Sequence[float], strip: int = PROGRESS_STRIP) -> float:
    """P_k = 1000 * (mean / lowest - 1) of the last k training losses (Prechelt 1998)."""
    recent = losses[-strip:]
    return 1000 * (fmean(recent) / max(min(recent), 1e-9) - 1)


class _Curves:
    """The numbers that the rules read, all finite."""

    def __init__(
        self, train: Sequence[tuple[int, float]], validation: Sequence[tuple[int, float, float]], best_step: int
    ) -> None:
        self.steps = [step for step, _, _ in validation]
        self.losses = [loss for _, loss, _ in validation]
        self.accuracies = [accuracy for _, _, accuracy in validation]
        self.best = self.steps.index(best_step)
        # Single steps are noisy, so training loss is averaged between validations, which play Prechelt's epochs.
        self.train: list[float] = []
        for earlier, later in pairwise([-1, *self.steps]):
            between = [loss for step, loss in train if earlier < step <= later]
            self.train.append(fmean(between) if between else self.train[-1] if self.train else train[0][1])
        # A curve without noise falls to its best step and rises after it. Of white noise with variance v the moves
        # against that have a mean square of v, taken over all moves.
        against_trend = [
            max(0.0, (later - earlier) * (1 if index < self.best else -1))
            for index, (earlier, later) in enumerate(pairwise(self.losses))
        ]
        self.noise = math.sqrt(fmean(move**2 for move in against_trend))

    def clear(self, change: float) -> bool:
        """Whether a change of validation loss is larger than the curve's noise and than what matters."""
        return change > max(NOISE_DEVIATIONS * self.noise, SMALLEST_CHANGE_NATS)


def _instability(train: Sequence[tuple[int, float]], validation: Sequence[tuple[int, float, float]]) -> str:
    """Why the run is unstable, or ""."""
    validated = [(step, loss) for step, loss, _ in validation]
    for name, curve in (("Training", train), ("Validation", validated)):
        broken = [(step, loss) for step, loss in curve if not math.isfinite(loss)]
        if broken:
            step, loss = broken[0]
            return f"{name} loss was {loss} at step {step} ({len(broken)} such in all): lower the learning rate."
    spike = _first_spike(train)
    if spike:
        step, loss, usual = spike
        return (
            f"Training loss jumped to {loss:.4g} at step {step}, above where it began and from a median of "
            f"{usual:.4g} over the steps before: lower the learning rate."
        )
    for (_, before), (step, loss), (_, after) in zip(validated, validated[1:], validated[2:], strict=False):
        if loss > SPIKE_RATIO * max(before, after) and loss - max(before, after) > SMALLEST_CHANGE_NATS:
            return (
                f"Validation loss jumped to {loss:.4g} at step {step}, from {before:.4g} before and back to "
                f"{after:.4g} after: lower the learning rate."
            )
    fifth = len(train) // 5
    if fifth:
        first, last = (median(loss for _, loss in part) for part in (train[:fifth], train[-fifth:]))
        if last > DIVERGED_RATIO * first:
            return f"Training loss ended at {last:.4g}, above the {first:.4g} it began with: lower the learning rate."
    return ""


def _first_spike(train: Sequence[tuple[int, float]]) -> tuple[int, float, float] | None:
    """(step, loss, median of the steps before) of the first spike of training loss."""
    # Logarithms, because the spread of a loss shrinks with its level.
    logs = [math.log(max(loss, 1e-9)) for _, loss in train]
    places = range(SPIKE_MINIMUM_POINTS, len(train))
    usual = [median(logs[max(0, place - SPIKE_WINDOW_POINTS) : place]) for place in places]
    if not usual:
        return None
    rises = [logs[place] - before for place, before in zip(places, usual, strict=True)]
    deviation = 1.4826 * median(map(abs, rises))
    start = median(logs[:SPIKE_MINIMUM_POINTS])
    for place, before, rise in zip(places, usual, rises, strict=True):
        if rise > max(math.log(SPIKE_RATIO), SPIKE_DEVIATIONS * deviation) and logs[place] > start:
            return *train[place], math.exp(before)
    return None


def _overfit(curves: _Curves) -> tuple[FittingVerdict, str] | None:
    """Validation loss clearly above its lowest, and training loss tells whether that is overfitting."""
    lowest, last = curves.losses[curves.best], curves.losses[-1]
    loss_percent = generalization_loss_percent(curves.losses)
    if loss_percent <= OVERFIT_GENERALIZATION_LOSS_PERCENT or not curves.clear(last - min(curves.losses)):
        return None
    best_step, last_step = curves.steps[curves.best], curves.steps[-1]
    then, now = curves.train[curves.best], curves.train[-1]
    progress = progress_per_mille(curves.train, max(PROGRESS_STRIP, len(curves.train) - curves.best))
    rose = f"Validation loss was best at step {best_step} ({lowest:.4g}) and {loss_percent:.1f}% higher at the end "
    rose += f"(step {last_step}, {last:.4g})"
    if progress >= STILL_FALLING_PROGRESS_PER_MILLE and now < FELL_RATIO * then:
        training = f"while training loss kept falling ({then:.4g} to {now:.4g})"
    elif now < MEMORIZED_RATIO * last:
        training = f"while training loss stood at only {now:.4g}"
    elif now > ROSE_TOGETHER_RATIO * then:
        reason = f"{rose}, and training loss rose with it ({then:.4g} to {now:.4g}): lower the learning rate."
        return "unstable", reason
    else:
        return None
    kept = f"The checkpoint of step {best_step} was kept, so the model does not carry this loss."
    before, after = curves.accuracies[curves.best], curves.accuracies[-1]
    if after >= before:
        kept = f"Accuracy did not drop meanwhile ({before:.3f} to {after:.3f}). {kept}"
    return "overfit", f"{rose}, {training}. {kept}"


def _recent_improvement(curves: _Curves) -> tuple[int, float]:
    """The validated step at which the last RECENT_SHARE of the run began, and the fall of validation loss since."""
    early = [index for index, step in enumerate(curves.steps) if step <= (1 - RECENT_SHARE) * curves.steps[-1]]
    start = early[-1] if early else 0
    return curves.steps[start], curves.losses[start] - curves.losses[-1]


def _underfit(curves: _Curves, base_loss: float | None) -> tuple[FittingVerdict, str] | None:
    since, fall = _recent_improvement(curves)
    last = curves.losses[-1]
    percent = 100 * fall / max(last + fall, 1e-9)
    if percent > UNDERFIT_IMPROVEMENT_PERCENT and curves.clear(fall):
        reason = (
            f"Validation loss was still falling when training ended: {percent:.1f}% from step {since} "
            f"({last + fall:.4g}) to step {curves.steps[-1]} ({last:.4g}). Train longer or with a higher learning rate."
        )
        return "underfit", reason
    if base_loss is not None:
        gain_percent = 100 * (1 - curves.losses[curves.best] / max(base_loss, 1e-9))
        if gain_percent < UNDERFIT_GAIN_OVER_BASE_PERCENT:
            how = "below" if gain_percent >= 0 else "above"
            learned = "hardly anything was learned" if gain_percent >= 0 else "training made it worse"
            reason = (
                f"The best validation loss ({curves.losses[curves.best]:.4g} at step {curves.steps[curves.best]}) is "
                f"{abs(gain_percent):.1f}% {how} the untuned model's ({base_loss:.4g}): {learned}."
            )
            return "underfit", reason
    return None


def _settled(curves: _Curves, base_loss: float | None) -> str:
    best, last = curves.losses[curves.best], curves.losses[-1]
    at_last = curves.best == len(curves.steps) - 1
    end = f" and {generalization_loss_percent(curves.losses):.1f}% higher at the end ({last:.4g})"
    reason = (
        f"Neither over- nor underfitting shows: validation loss was best at {'the last ' * at_last}step "
        f"{curves.steps[curves.best]} ({best:.4g}){'' if at_last else end}, where training loss was "
        f"{curves.train[-1]:.4g}."
    )
    risen = generalization_loss_percent(curves.losses) > OVERFIT_GENERALIZATION_LOSS_PERCENT
    if risen and last - best > SMALLEST_CHANGE_NATS:
        reason += " The validation curve moves up and down so much that this rise is no evidence of overfitting."
    if base_loss is not None:
        reason += f" The untuned model had {base_loss:.4g}."
    return reason

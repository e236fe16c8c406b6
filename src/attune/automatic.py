"""Automatic values: what a recipe leaves out, settled from the data and the machine, each with its reason.

The numbers are starting points, tried on the three examples and not tuned; `docs/reference/automatic.md` lists
them. Whatever a person writes in the recipe wins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from attune.recipe import Resolution

FULL_TUNING_LIMIT_PARAMETERS = 200_000_000
WANTED_STEPS = 700
ENCODER_RATE = 1e-4
EPOCHS = (3, 12)
EVALUATIONS = 12
PATIENCE_EVALUATIONS = 4
CPU_MICROBATCH_TOKENS = 2_048
GPU_MICROBATCH_TOKENS = 16_384
MEMORY_SHARE = 0.9
TOP_LAYERS = 2


@dataclass(frozen=True, slots=True)
class Facts:
    """What the automatic values depend on. Lengths are in tokens."""

    longest: int
    longest_target: int
    context: int
    parameters: int
    metrics: tuple[str, ...]
    precision: str
    precision_reason: str
    gpu: bool
    chunks: bool
    encoder: bool = False


def settle(resolution: Resolution, facts: Facts, sequences: int) -> None:
    """Give every automatic value of method, training and evaluation its value and reason.

    Args:
        sequences: how many training sequences there are once they have their length.
    """
    _settle_method(resolution, facts)
    _settle_optimizer(resolution, facts, sequences)
    _settle_rhythm(resolution, sequences)
    names = ", ".join(facts.metrics)
    resolution.settle("evaluation.metrics", facts.metrics, f"what this task is judged by: {names}")


def _settle_method(resolution: Resolution, facts: Facts) -> None:
    millions = facts.parameters / 1e6
    if facts.parameters <= FULL_TUNING_LIMIT_PARAMETERS:
        resolution.settle("method.kind", "full", f"{millions:.1f} million parameters are few enough to train them all")
    else:
        resolution.settle("method.kind", "lora", f"{millions:.0f} million parameters: adapters need far less memory")
    if resolution.recipe.method.kind == "lora":
        resolution.settle("method.alpha", 2 * resolution.recipe.method.rank, "twice the rank")
    if resolution.recipe.method.kind == "top":
        resolution.settle("method.layers", TOP_LAYERS, "the last two layers")


def _settle_optimizer(resolution: Resolution, facts: Facts, sequences: int) -> None:
    size = 8 if sequences < 300 else 16
    resolution.settle("training.batch_size", size, f"{sequences} training sequences")
    batch_size = resolution.recipe.training.batch_size
    assert batch_size is not None
    if resolution.recipe.training.max_steps is None:
        per_epoch = -(-sequences // batch_size)
        epochs = min(EPOCHS[1], max(EPOCHS[0], round(WANTED_STEPS / per_epoch)))
        resolution.settle(
            "training.epochs",
            epochs,
            f"about {WANTED_STEPS} steps of {batch_size}, between {EPOCHS[0]} and {EPOCHS[1]} epochs",
        )
    billions = facts.parameters / 1e9
    kind = resolution.recipe.method.kind
    if kind in ("full", "top"):
        rate = min(1e-3, max(1e-5, 1e-5 * billions**-0.85))
        reason = "full tuning: the larger the model, the smaller the step"
        if facts.encoder:
            rate, reason = min(rate, ENCODER_RATE), "full tuning of an encoder, whose trunk a larger step would spoil"
    elif kind == "lora":
        rate = min(2e-3, max(1e-4, 2e-4 * billions**-0.4))
        reason = "LoRA: about ten times the rate of full tuning"
    else:
        rate, reason = 1e-3, "only a head is trained"
    resolution.settle("training.learning_rate", float(f"{rate:.2g}"), reason)
    resolution.settle("training.precision", facts.precision, facts.precision_reason)


def settle_lengths(resolution: Resolution, facts: Facts) -> None:
    """Settle max_length and what follows from lengths; it comes first, since the rest depends on what is cut."""
    needed = 8 * math.ceil(facts.longest / 8)
    if needed <= facts.context:
        resolution.settle("training.max_length", max(8, needed), f"the longest row has {facts.longest} tokens")
    else:
        resolution.settle(
            "training.max_length",
            facts.context,
            f"the model's context; the longest row has {facts.longest} tokens",
        )
    budget = GPU_MICROBATCH_TOKENS if facts.gpu else CPU_MICROBATCH_TOKENS
    where = "a GPU" if facts.gpu else "a CPU, where small micro-batches are fastest"
    resolution.settle("training.microbatch_tokens", budget, f"suits {where}")
    answer = max(16, min(facts.context // 2, 8 * math.ceil(1.25 * facts.longest_target / 8)))
    resolution.settle(
        "evaluation.max_new_tokens",
        answer,
        f"a quarter more than the longest training answer ({facts.longest_target} tokens)",
    )


def settle_checkpointing(resolution: Resolution, needed_bytes: int, available_bytes: int) -> None:
    """Settle activation_checkpointing: on only when it must be.

    Args:
        needed_bytes: the peak of the training without it.
    """
    wanted = needed_bytes > MEMORY_SHARE * available_bytes
    needed, available = needed_bytes / 2**30, available_bytes / 2**30
    reason = f"about {needed:.1f} GiB would be needed of {available:.1f} GiB"
    resolution.settle("training.activation_checkpointing", wanted, reason)


def _settle_rhythm(resolution: Resolution, sequences: int) -> None:
    training = resolution.recipe.training
    steps = training.steps(sequences)
    every = max(1, steps // EVALUATIONS)
    resolution.settle("training.evaluate_every", every, f"about {EVALUATIONS} evaluations over {steps} steps")
    evaluate_every = resolution.recipe.training.evaluate_every
    assert evaluate_every is not None
    resolution.settle("training.checkpoint_every", evaluate_every, "with every evaluation")
    resolution.settle(
        "training.patience", PATIENCE_EVALUATIONS, f"stop after {PATIENCE_EVALUATIONS} evaluations without a better one"
    )

"""Automatic values: each is settled with a reason, none overrides what a person wrote."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from attune.automatic import Facts, settle, settle_checkpointing, settle_lengths
from attune.recipe import Resolution, from_mapping

FACTS = Facts(
    longest=100,
    longest_target=20,
    context=512,
    parameters=10_000_000,
    metrics=("rouge_l",),
    precision="fp32",
    precision_reason="this CPU has no bf16 instructions",
    gpu=False,
    chunks=False,
)
SETTLED = [
    "method.kind",
    "training.batch_size",
    "training.epochs",
    "training.learning_rate",
    "training.precision",
    "training.max_length",
    "training.microbatch_tokens",
    "training.evaluate_every",
    "training.checkpoint_every",
    "training.patience",
    "evaluation.metrics",
    "evaluation.max_new_tokens",
]


def resolve(tree: dict[str, Any] | None = None, sequences: int = 1000, **facts: Any) -> Resolution:
    resolution = Resolution(from_mapping({"data": {"train": "a"}, **(tree or {})}))
    known = dataclasses.replace(FACTS, **facts)
    settle_lengths(resolution, known)
    settle(resolution, known, sequences)
    return resolution


def value(resolution: Resolution, path: str) -> Any:
    section, key = path.split(".")
    return getattr(getattr(resolution.recipe, section), key)


def test_nothing_is_left_open_and_every_value_has_its_reason() -> None:
    resolution = resolve()
    assert [path for path in SETTLED if value(resolution, path) is None] == []
    assert set(resolution.reasons) == set(SETTLED)
    assert all(resolution.reasons.values())


def test_what_a_person_wrote_stays() -> None:
    training = {
        "epochs": 1,
        "batch_size": 3,
        "learning_rate": 0.5,
        "max_length": 64,
        "patience": 0,
        "precision": "bf16",
    }
    resolution = resolve({"training": training, "method": {"kind": "head"}})
    assert resolution.recipe.training.model_dump(include=set(training)) == training
    assert resolution.recipe.method.kind == "head"
    assert not {f"training.{key}" for key in training} & set(resolution.reasons)


@pytest.mark.parametrize(("parameters", "kind"), [(4_000_000, "full"), (200_000_000, "full"), (600_000_000, "lora")])
def test_large_models_get_adapters(parameters: int, kind: str) -> None:
    method = resolve(parameters=parameters).recipe.method
    assert (method.kind, method.alpha) == (kind, 32 if kind == "lora" else None)


def test_learning_rates_fall_with_size_and_stay_in_bounds() -> None:
    for kind, low, high in (("full", 1e-5, 1e-3), ("lora", 1e-4, 2e-3)):
        rates = [
            resolve({"method": {"kind": kind}}, parameters=10**n).recipe.training.learning_rate for n in range(5, 13)
        ]
        assert rates == sorted(rates, reverse=True)  # type: ignore[type-var]
        assert rates[0] == high
        assert rates[-1] == low


@pytest.mark.parametrize(
    ("longest", "context", "limit"), [(100, 512, 104), (104, 512, 104), (3, 512, 8), (510, 511, 511), (900, 512, 512)]
)
def test_max_length_holds_the_longest_row_if_the_model_can(longest: int, context: int, limit: int) -> None:
    assert resolve(longest=longest, context=context).recipe.training.max_length == limit


def test_answers_get_a_quarter_more_than_the_longest_seen() -> None:
    assert resolve(longest_target=100).recipe.evaluation.max_new_tokens == 128
    assert resolve(longest_target=4000).recipe.evaluation.max_new_tokens == 256, (
        "half of the context stays for the prompt"
    )
    assert resolve(longest_target=1).recipe.evaluation.max_new_tokens == 16


@pytest.mark.parametrize(("sequences", "epochs"), [(10, 12), (3000, 4), (10**6, 3)])
def test_epochs_aim_at_a_number_of_steps(sequences: int, epochs: int) -> None:
    assert resolve(sequences=sequences).recipe.training.epochs == epochs


def test_max_steps_replaces_epochs() -> None:
    resolution = resolve({"training": {"max_steps": 24}})
    assert resolution.recipe.training.epochs is None
    assert resolution.recipe.training.evaluate_every == 2


def test_a_short_run_is_still_evaluated() -> None:
    assert resolve({"training": {"max_steps": 1}}).recipe.training.evaluate_every == 1


def test_an_encoder_takes_smaller_steps_than_a_decoder_of_its_size() -> None:
    rates = [resolve(parameters=20_000_000, encoder=encoder).recipe.training.learning_rate for encoder in (False, True)]
    assert rates == [2.8e-4, 1e-4]


@pytest.mark.parametrize(("needed", "wanted"), [(8.0, False), (9.5, True)])
def test_checkpointing_is_on_only_where_the_memory_is_short(needed: float, wanted: bool) -> None:
    resolution = resolve()
    settle_checkpointing(resolution, int(needed * 2**30), 10 * 2**30)
    assert resolution.recipe.training.activation_checkpointing is wanted
    assert f"{needed:.1f} GiB would be needed of 10.0 GiB" in resolution.reasons["training.activation_checkpointing"]

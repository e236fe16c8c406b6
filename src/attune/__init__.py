"""Attune fine-tunes language models on your own data and says, with evidence, whether the result is better.

    import attune

    outcome = attune.run({"data": {"train": "support.jsonl"}})
    print(outcome.verdict, outcome.report)
    print(attune.generate(outcome.folder, ["Where is my order?"]))

Importing this package loads nothing heavy; each function imports what it needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attune.errors import (
    AttuneError,
    DataError,
    EnvironmentFault,
    Interrupted,
    ModelError,
    RecipeError,
    RowError,
    TrainingFault,
)

if TYPE_CHECKING:
    from attune.evaluate.types import Score
    from attune.events import Emit, Stop
    from attune.pipeline import Outcome
    from attune.recipe import Recipe
    from attune.runs.store import RunRecord

    __version__: str

__all__ = [
    "AttuneError",
    "DataError",
    "EnvironmentFault",
    "Interrupted",
    "ModelError",
    "RecipeError",
    "RowError",
    "TrainingFault",
    "__version__",
    "estimate",
    "generate",
    "label",
    "list_runs",
    "resume",
    "run",
    "score",
    "write_report",
]


def run(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    *,
    runs: str | Path = "runs",
    overrides: Mapping[str, Any] | None = None,
    emit: Emit | None = None,
    stop: Stop | None = None,
) -> Outcome:
    """Fine-tune, test against the base model, write the report.

    Args:
        recipe: a recipe, as an object, nested mappings or a YAML file; or a data file alone.
        runs: folder that holds the runs.
        overrides: keys of the recipe to change, for example {"training.epochs": 2}.
        emit: hears the events of `attune.events` as they happen.
        stop: ask it to stop and the run saves and raises Interrupted.

    Raises:
        AttuneError: see `attune.errors` for what can be wrong.
    """
    from attune import pipeline
    from attune.events import silent
    from attune.runs.store import Store

    return pipeline.run(_recipe_of(recipe, overrides), Store(Path(runs)), emit or silent, stop=stop)


def estimate(
    recipe: Recipe | Mapping[str, Any] | str | Path,
    *,
    runs: str | Path = "runs",
    overrides: Mapping[str, Any] | None = None,
    other_prompt: str | None = None,
    emit: Emit | None = None,
) -> dict[str, Any]:
    """What a training would be: rows, lengths, findings, memory in bytes, time in seconds, and whether it fits.

    A few steps are rehearsed at a learning rate of zero; nothing is trained and nothing is written. The arguments are
    those of `run`, the result is what `attune check --json` prints.

    Args:
        other_prompt: compare the recipe's prompt with this one ("" for none) on the model before training.

    Raises:
        AttuneError: see `attune.errors` for what can be wrong.
    """
    from attune.check import check
    from attune.events import silent
    from attune.runs.store import Store

    found = check(_recipe_of(recipe, overrides), Store(Path(runs)), emit or silent, other_prompt=other_prompt)
    return found.record()


def resume(
    reference: str | Path, *, runs: str | Path = "runs", emit: Emit | None = None, stop: Stop | None = None
) -> Outcome:
    """Go on with an interrupted run, named by its id, the beginning of its id, or its folder.

    Raises:
        EnvironmentFault: there is no such run, it is finished, or its data or model changed.
    """
    from attune import pipeline
    from attune.events import silent
    from attune.runs.store import Store

    return pipeline.resume(str(reference), Store(Path(runs)), emit or silent, stop=stop)


def score(model: str | Path, data: str | Path, *, runs: str | Path = "runs", emit: Emit | None = None) -> list[Score]:
    """Let a model (run, folder or hub id) do its task on every row of `data`; each metric with its 95% interval.

    Raises:
        DataError, ModelError, EnvironmentFault: the rows or the model do not fit or cannot be read.
    """
    from attune import use
    from attune.events import silent
    from attune.runs.store import Store

    return use.evaluate(str(model), str(data), Store(Path(runs)), emit or silent).scores


def generate(
    model: str | Path,
    prompts: Sequence[str],
    *,
    runs: str | Path = "runs",
    fields: Mapping[str, str] | None = None,
    raw: bool = False,
    max_new_tokens: int | None = None,
    temperature: float = 0.0,
    top_p: float = 1.0,
    top_k: int = 0,
    seed: int = 0,
) -> list[str]:
    """A model's answers to separate prompts, through its chat template unless `raw` or it does not chat.

    Args:
        fields: what a template that the model was trained with gets; the one field that is left out is the prompt.
        raw: continue each prompt as it stands, without chat template and the model's own prompt.

    Raises:
        ModelError, EnvironmentFault: there is no such model, it does not generate text, or a field is missing.
    """
    from attune import use
    from attune.model.generate import Sampling
    from attune.runs.store import Store

    assert not isinstance(prompts, str), "give a list of prompts"
    opened = use.open_model(str(model), Store(Path(runs)), fields)
    sampling = Sampling(max_new_tokens or opened.max_new_tokens, temperature, top_p, top_k, seed)
    return use.answers(opened, prompts, sampling, raw=raw)


def label(
    model: str | Path, texts: Sequence[str], *, runs: str | Path = "runs", fields: Mapping[str, str] | None = None
) -> list[tuple[str, float]]:
    """A classification model's label for each text, with its confidence (a probability). See `generate` for `fields`.

    Raises:
        ModelError, EnvironmentFault: there is no such model, or it does not classify.
    """
    from attune import use
    from attune.runs.store import Store

    assert not isinstance(texts, str), "give a list of texts"
    return use.labels(use.open_model(str(model), Store(Path(runs)), fields), texts)


def list_runs(runs: str | Path = "runs") -> list[RunRecord]:
    """The records of all runs, newest first."""
    from attune.runs.store import Store

    return Store(Path(runs)).runs()


def write_report(reference: str | Path, *, runs: str | Path = "runs") -> Path:
    """Write a run's report.html anew; its path.

    Raises:
        EnvironmentFault: there is no such run, or one of its files is damaged.
    """
    from attune.report import page
    from attune.runs.store import Store

    return page.write(Store(Path(runs)).find(str(reference)))


def _recipe_of(recipe: Recipe | Mapping[str, Any] | str | Path, overrides: Mapping[str, Any] | None) -> Recipe:
    from attune import recipe as recipes

    changes = [f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in (overrides or {}).items()]
    if isinstance(recipe, str | Path):
        return recipes.load(recipe, changes)
    if isinstance(recipe, recipes.Recipe):
        return recipes.from_mapping(recipe.model_dump(mode="json"), changes) if changes else recipe
    return recipes.from_mapping(recipe, changes)


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib import metadata

        try:
            return metadata.version("attune")
        except metadata.PackageNotFoundError:
            return "unknown (not installed)"
    raise AttributeError(f"module 'attune' has no attribute {name!r}")

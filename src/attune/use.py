"""A finished model at work: opened by any name, asked, and measured on a file. The command line and Python share it."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Series
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from attune.data import source
from attune.data.example import Example, Message, target_of
from attune.data.strict_json import quoted
from attune.errors import ModelError
from attune.events import Emit, Progress, StageFinished, StageStarted, Stop, silent
from attune.prepare import run_model
from attune.recipe import Recipe
from attune.recipe import load as load_recipe
from attune.runs.store import Store

if TYPE_CHECKING:
    from attune.data.prompt import TaskPrompt
    from attune.evaluate.types import Prediction, Score
    from attune.model.generate import Sampling
    from attune.model.loaded import LoadedModel
    from attune.model.serving import Served
    from attune.model.source import ModelSource
    from attune.tasks.task import Task

MAX_NEW_TOKENS = 256
MICROBATCH_TOKENS = 4_096


@dataclass(frozen=True, slots=True)
class Opened:
    """A loaded model.

    Attributes:
        recipe: that of the run it comes from, None for a plain folder or hub model.
        served: the prompt that it was trained with, None when there was none.
        fields: what the template of the prompt gets.
    """

    model: LoadedModel
    recipe: Recipe | None = None
    served: Served | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def chats(self) -> bool:
        """It is asked through its chat template: tuned for chat, or not tuned by us and made with a template."""
        if self.recipe is not None:
            return self.recipe.task == "chat"
        if self.served is not None:
            return self.served.shape == "conversation"
        return not self.model.labels and not self.model.renderer.plain

    @property
    def prompt(self) -> TaskPrompt | None:
        """The prompt that it was trained with."""
        return self.served.prompt if self.served else None

    @property
    def open_fields(self) -> tuple[str, ...]:
        """Columns of the prompt's template that nothing was given for yet."""
        return tuple(name for name in (self.prompt.fields if self.prompt else ()) if name not in self.fields)

    def prompted(self, text: str) -> str:
        """What the model reads for a text. Of a template, the text is the one field that was not given.

        Raises:
            ModelError: the template needs more, or nothing more.
        """
        if self.prompt is None:
            return text
        if not self.prompt.fields:
            return self.prompt.before(text, {})
        if len(self.open_fields) > 1:
            self._need_fields()
        if not self.open_fields and text:
            what = "every field of the prompt is given, and a prompt beside them has no place"
            raise ModelError(what, fix="leave out the prompt, or the field that it is meant for")
        return self.prompt.filled({**self.fields, **dict.fromkeys(self.open_fields, text)})

    def prompted_turns(self, messages: Series[Message]) -> Series[Message]:
        """A conversation as the model reads it: under the prompt.

        Raises:
            ModelError: a field of the prompt was not given.
        """
        if self.prompt is None:
            return messages
        if self.open_fields:
            self._need_fields()
        return self.prompt.before_turns(messages, self.fields)

    def _need_fields(self) -> NoReturn:
        named = " ".join(f"--field {shlex.quote(f'{name}=...')}" for name in self.open_fields)
        what = f"the model's prompt is a template that needs {', '.join(map(quoted, self.open_fields))}"
        raise ModelError(what, fix=f"give {named}")

    @property
    def max_new_tokens(self) -> int:
        """How long an answer may be unless somebody says otherwise."""
        return (self.recipe.evaluation.max_new_tokens if self.recipe else None) or MAX_NEW_TOKENS


def run_recipe(reference: str, store: Store) -> Recipe | None:
    """The recipe of the run that `reference` names, None when it names no run. Loads nothing."""
    folder = run_model(reference, store)
    return load_recipe(folder.parent / "recipe.yaml") if folder else None


def open_model(reference: str, store: Store, fields: Mapping[str, str] | None = None) -> Opened:
    """Load the model of a run (id, beginning of an id, folder), of a model folder, or of the hub.

    Args:
        fields: what the template of the model's prompt gets, by name.

    Raises:
        EnvironmentFault: the run has no model yet, or the hub does not answer.
        ModelError: there is no such model, it is unsafe or damaged, or its prompt has no such field.
    """
    recipe, found, served = _find(reference, store)
    _check_fields(fields or {}, served)
    return Opened(_load(recipe, found), recipe, served, dict(fields or {}))


def _load(recipe: Recipe | None, found: ModelSource) -> LoadedModel:
    from attune.model.load import Head, load
    from attune.train.device import DTYPES, best_precision, device

    classifies = recipe.task == "classify" if recipe else found.architecture.endswith("ForSequenceClassification")
    head: Head = "classifier" if classifies else "causal"
    precision = (recipe.training.precision if recipe else None) or best_precision()[0]
    model = load(found, head=head, dtype=DTYPES[precision])
    model.module.to(device())
    return model


def _find(reference: str, store: Store) -> tuple[Recipe | None, ModelSource, Served | None]:
    """The run's recipe if it is a run, the verified model, and the prompt that it was trained with."""
    from attune.model import serving
    from attune.model.source import resolve

    recipe = run_recipe(reference, store)
    found = resolve(reference, run_model=run_model(reference, store))
    served = serving.read(found.tokenizer_folder)
    if recipe is not None and recipe.data.prompt != (served.prompt.text if served else None):
        raise ModelError(
            "the prompt that this run was trained with is not the one in its model folder",
            where=str(found.tokenizer_folder / serving.FILE),
            fix="restore this file, or the run's recipe.yaml, from a copy",
        )
    return recipe, found, served


def _check_fields(fields: Mapping[str, str], served: Served | None) -> None:
    known = served.prompt.fields if served else ()
    for name in fields:
        if name not in known:
            what = f"the model's prompt has no field {quoted(name)}"
            fix = f"its fields are {', '.join(map(quoted, known))}" if known else "it takes no fields: leave them out"
            raise ModelError(what, fix=fix)


def answer(
    opened: Opened, messages: Series[Message], sampling: Sampling, *, raw: bool = False, stop: str = ""
) -> Iterator[str]:
    """Pieces of the model's answer as they are made.

    Args:
        messages: the conversation so far. A model that does not chat, and `raw`, continue the last message's text.
        raw: the text as it stands, without chat template and without the model's own prompt.
        stop: the answer ends before this text ("" for no such text).

    Raises:
        ModelError: the model does not generate text, or the conversation fills its context.
    """
    from attune.model.generate import stream

    prompt = _prompt_ids(opened, messages, raw=raw)
    pieces = stream(opened.model, prompt, sampling)
    return _until(pieces, stop) if stop else pieces


def answers(opened: Opened, prompts: Series[str], sampling: Sampling, *, raw: bool = False) -> list[str]:
    """Whole answers to separate prompts, in their order, made in batches."""
    from attune.model.generate import generate

    asked = [_prompt_ids(opened, [Message("user", prompt)], raw=raw) for prompt in prompts]
    return [opened.model.renderer.text(made.ids) for made in generate(opened.model, asked, sampling)]


def labels(opened: Opened, texts: Series[str]) -> list[tuple[str, float]]:
    """The label of each text and the model's confidence in it, a probability.

    Raises:
        ModelError: the model does not classify, or a text has no tokens.
    """
    import torch

    from attune.tokens.batch import collate
    from attune.tokens.sequence import Sequence

    model = opened.model
    if not model.labels:
        raise ModelError("this model has no labels: it writes text", fix="ask it for an answer instead")
    found = []
    for text in texts:
        ids = tuple(model.renderer.ids(opened.prompted(text), special=True))[: model.context_tokens]
        if not ids:
            raise ModelError("the text is empty", fix="give at least one word")
        batch = collate([Sequence("", ids, (0.0,) * len(ids), 0)], model.device)
        with torch.inference_mode():
            probabilities_C = model.class_logits(batch)[0].float().softmax(-1)
        best = int(probabilities_C.argmax())
        found.append((model.labels[best], float(probabilities_C[best])))
    return found


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How one model does on one file."""

    task: str
    rows: int
    scores: list[Score] = field(default_factory=list)


def evaluate(
    reference: str, data: str | Path, store: Store, emit: Emit = silent, *, stop: Stop | None = None
) -> Evaluation:
    """Let a model do its task on every row of `data` and score it, each metric with its 95% interval.

    A run brings its task, columns, lengths and metrics; for any other model the rows say what the task is. The prompt
    that the model was trained with is put to the rows.

    Raises:
        DataError, ModelError, EnvironmentFault: the rows or the model do not fit or cannot be read.
    """
    from attune.tasks.table import SHAPES, suggested

    recipe, found, served = _find(reference, store)
    shape = SHAPES[recipe.task] if recipe and recipe.task else served.shape if served else None
    with _stage("read", emit):
        columns, fields = recipe.data.columns if recipe else None, served.prompt.fields if served else ()
        reading = source.recognise(data, columns=columns, shape=shape, fields=fields)
        examples = source.read_all(data, reading, emit=emit)
        if served:
            examples = list(served.prompt.before_rows(examples))
    name = recipe.task if recipe and recipe.task else suggested(reading.shape)

    from attune.evaluate.compare import score
    from attune.evaluate.metrics import named

    with _stage("load", emit):
        opened = Opened(_load(recipe, found), recipe, served)
    with _stage("evaluate", emit):
        task, predictions = _predict(opened, name, examples, emit, stop or Stop())
        metrics = (recipe.evaluation.metrics if recipe else None) or task.metrics
        seed = recipe.training.seed if recipe else 0
        scores = [score(named(metric), predictions, seed=seed) for metric in metrics]
    return Evaluation(name, len(examples), scores)


@contextmanager
def _stage(name: str, emit: Emit) -> Iterator[None]:
    began = time.monotonic()
    emit(StageStarted(name))
    yield
    emit(StageFinished(name, time.monotonic() - began))


def _predict(
    opened: Opened, name: str, examples: list[Example], emit: Emit, stop: Stop
) -> tuple[Task, list[Prediction]]:
    """The task's own predictions; a language model that is asked to classify picks the likeliest label."""
    from attune.tasks.classify import Classify
    from attune.tasks.table import TASKS
    from attune.tasks.task import Asking, require_usable

    def on_progress(done: int) -> None:
        emit(Progress("evaluate", done, len(examples), "rows"))
        stop.check()

    model, training = opened.model, opened.recipe.training if opened.recipe else None
    if model.labels and name != "classify":
        raise ModelError("this model only classifies", fix="give rows of a text and a label")
    longest = max(len(model.renderer.ids(target_of(example))) for example in examples)
    asking = Asking(
        max_length=(training.max_length if training else None) or model.context_tokens,
        max_new_tokens=opened.max_new_tokens
        if opened.recipe
        else min(model.context_tokens // 2, 16 + longest * 5 // 4),
        microbatch_tokens=(training.microbatch_tokens if training else None) or MICROBATCH_TOKENS,
        on_progress=on_progress,
    )
    if name != "classify":
        task = TASKS[name](examples)
    elif model.labels:
        task = Classify(model.labels)
    else:
        guess = Classify.of(examples)
        return guess, guess.likelihood(model, examples, asking, per_token=True)
    require_usable(task, examples)
    return task, task.predict(model, examples, asking)


def _prompt_ids(opened: Opened, messages: Series[Message], *, raw: bool) -> list[int]:
    from attune.tasks.complete import prompt_ids

    model = opened.model
    if model.labels:
        raise ModelError("this model classifies, it does not write", fix="ask it for a label")
    if opened.chats and not raw:
        (ids,) = model.renderer.prompts([(opened.prompted_turns(messages), ())])
    else:
        text = messages[-1].content
        ids = prompt_ids(text if raw else opened.prompted(text), model.renderer)
    if not ids:
        raise ModelError("the prompt is empty", fix="give at least one word")
    if len(ids) >= model.context_tokens:
        raise ModelError(
            f"the prompt has {len(ids)} tokens and the model can hold {model.context_tokens}",
            fix="shorten it (in a chat: /reset)",
        )
    return ids


def _until(pieces: Iterator[str], stop: str) -> Iterator[str]:
    """The pieces up to the first `stop`, which may be spread over several pieces."""
    held = ""
    for piece in pieces:
        held += piece
        at = held.find(stop)
        if at >= 0:
            yield held[:at]
            return
        possible = next(n for n in range(min(len(stop) - 1, len(held)), -1, -1) if held.endswith(stop[:n]))
        if len(held) > possible:
            yield held[: len(held) - possible]
            held = held[len(held) - possible :]
    yield held

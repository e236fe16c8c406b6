"""Two prompts beside each other on the model before training: which of them makes the right answers likelier."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from attune.data import prompt, source
from attune.data.clean import Cleaner
from attune.data.example import Conversation, Example, LabelledText, Pair
from attune.data.prompt import TaskPrompt
from attune.data.stored import sampled
from attune.errors import DataError, ModelError, RecipeError
from attune.events import Emit, StageFinished, StageStarted, Stop
from attune.prepare import Prepared
from attune.tuning import load_base

if TYPE_CHECKING:
    from attune.evaluate.types import Comparison, Prediction
    from attune.model.loaded import LoadedModel
    from attune.tasks.classify import Classify
    from attune.tokens.sequence import Sequence as Tokens

SAMPLED_ROWS = 256


@dataclass(frozen=True)
class PromptComparison:
    """The recipe's prompt (base) and another one (tuned, as `Comparison` names it) on the same rows.

    Attributes:
        part: whose rows they are, "validation" or "train".
        rows: how many were compared.
        left_out: rows that the model's context does not hold with one of the prompts.
        per: what the loss is counted by: a target "token", or the "label" of a row.
    """

    prompt: str | None
    other: str | None
    part: str
    rows: int
    left_out: int
    per: str
    comparison: Comparison

    @property
    def sentence(self) -> str:
        """What was found, in words. A difference below zero speaks for the other prompt: less loss."""
        found, unit = self.comparison, f"nats per {self.per}"
        if found.verdict == "better":
            which = "The other prompt" if self.other else "No prompt"
            return f"{which} is better by {_gain(found, unit)}."
        if found.verdict == "worse":
            which = "The recipe's prompt" if self.prompt else "No prompt"
            return f"{which} is better by {_gain(found, unit)}."
        span = f"{found.difference:+.3f} {unit}, {found.low:+.3f} to {found.high:+.3f}".replace("-", "−")
        if found.verdict == "too little data":
            return f"Too little data for a verdict: {self.rows} rows ({span})."
        return f"No detectable difference ({span})."

    def record(self) -> dict[str, Any]:
        """All of it as plain values. Losses are in nats."""
        found = self.comparison
        return {
            "prompt": self.prompt,
            "other_prompt": self.other,
            "part": self.part,
            "rows": self.rows,
            "left_out": self.left_out,
            "per": self.per,
            "loss_nats": {"prompt": found.base, "other_prompt": found.tuned},
            "difference": {
                "value": found.difference,
                "low": found.low,
                "high": found.high,
                "p_value": found.p_value,
                "verdict": found.verdict,
            },
            "sentence": self.sentence,
        }


def compare_prompts(prepared: Prepared, other: TaskPrompt | None, emit: Emit, stop: Stop) -> PromptComparison:
    """The loss of the right answers under the recipe's prompt and under another one, on the model before training.

    The rows are those of validation, or a sample of the training rows where there are none. Both prompts are judged on
    the same target tokens.

    Raises:
        DataError: no row fits, or the other prompt takes a column that the rows lack.
    """
    from attune.evaluate.compare import compare
    from attune.evaluate.metrics import named

    began = time.monotonic()
    emit(StageStarted("prompts"))
    part = "validation" if prepared.splits.validation else "train"
    own = prepared.splits.validation or sampled(prepared.splits.train, SAMPLED_ROWS)
    theirs = _under(other, own, prepared, part)
    stop.check()
    model = load_base(prepared)
    if prepared.task.head == "classifier":
        ids = [example.id for example in own]
        first, second = (_of_labels(prepared, model, ids, rows) for rows in (own, theirs))
    else:
        first, second = _of_tokens(prepared, model, (own, theirs))
    found = compare(named("loss_nats_per_token"), first, second, seed=prepared.recipe.training.seed)
    emit(StageFinished("prompts", time.monotonic() - began))
    return PromptComparison(
        prompt=prepared.prompt.text if prepared.prompt else None,
        other=other.text if other else None,
        part=part,
        rows=len(first),
        left_out=len(own) - len(first),
        per="label" if prepared.task.head == "classifier" else "token",
        comparison=found,
    )


def other_prompt(text: str, prepared: Prepared) -> TaskPrompt | None:
    """The prompt to compare with, None for an empty text.

    Raises:
        RecipeError: its braces are wrong, or the rows are documents.
        ModelError: the model can say nothing about a prompt before it is trained.
    """
    where = "--other-prompt"
    found = prompt.parse(text or None, prepared.task.shape, where=where)
    if prepared.task.shape == "document":
        raise RecipeError(prompt.DOCUMENT_REFUSED, where=where, fix="leave it out")
    if not prepared.model.generates:
        what = "an encoder predicts no words: whether a prompt suits it shows only after training"
        raise ModelError(what, where=where, fix="compare two runs instead")
    return found


def _under(other: TaskPrompt | None, own: Sequence[Example], prepared: Prepared, part: str) -> list[Example]:
    """The same rows with the other prompt; where it takes other columns, their files are read once more."""
    wanted = {example.id for example in own}
    plain = {row.id: row for row in getattr(prepared.curated.splits, part) if row.id in wanted}
    rows = [plain[example.id] for example in own]
    fields = other.fields if other else ()
    if fields != (prepared.prompt.fields if prepared.prompt else ()):
        rows = _with_columns(fields, rows, prepared, part)
    return [other.before_row(row) if other else row for row in rows]


def _with_columns(fields: Sequence[str], rows: Sequence[Example], prepared: Prepared, part: str) -> list[Example]:
    """The rows with what these columns hold, cleaned; what the model should answer stays as it is."""
    data = prepared.recipe.data
    place = data.validation if part == "validation" and data.validation else data.train
    reading = source.recognise(place, columns=data.columns, shape=prepared.task.shape, fields=fields)
    read = Cleaner(data.clean, data.audit).mend(source.read_all(place, reading))
    by_place = {row.origin: row for row in read}
    return [_asking(by_place[dataclasses.replace(row.origin, group="", time=None)], row) for row in rows]


def _asking(asking: Example, answering: Example) -> Example:
    """A row that asks as one and answers as the other."""
    match asking, answering:
        case Pair(), Pair(completion=completion):
            return dataclasses.replace(asking, completion=completion)
        case LabelledText(), LabelledText(label=label):
            return dataclasses.replace(asking, label=label)
        case Conversation(fields=fields), Conversation():
            return dataclasses.replace(answering, fields=fields)
    raise AssertionError("documents take no prompt")


def _of_labels(prepared: Prepared, model: LoadedModel, ids: Sequence[str], rows: Sequence[Example]) -> list[Prediction]:
    """The likelihood of each row's label among all labels, as an answer that the model would write."""
    asking = dataclasses.replace(prepared.asking(lambda done: None), max_length=model.context_tokens)
    found = cast("Classify", prepared.task).likelihood(model, rows, asking, per_token=True)
    return [dataclasses.replace(prediction, example_id=own) for own, prediction in zip(ids, found, strict=True)]


def _of_tokens(prepared: Prepared, model: LoadedModel, pair: Sequence[Sequence[Example]]) -> list[list[Prediction]]:
    """The loss of the target tokens of those rows that fit the model's context both times, with the same targets."""
    from attune.evaluate.predict import predict_loss

    ids = [example.id for example in pair[0]]
    encoded = [prepared.task.encode(rows, model.renderer).sequences for rows in pair]
    kept = [
        index
        for index, groups in enumerate(zip(*encoded, strict=True))
        if all(len(s.input_ids) <= model.context_tokens for group in groups for s in group)
        and len({_targets(group) for group in groups}) == 1
    ]
    if not kept:
        what = f"no row fits the model's context of {model.context_tokens} tokens with both prompts"
        raise DataError(what, where="--other-prompt", fix="shorten the prompts or the rows")
    assert prepared.recipe.training.microbatch_tokens
    return [
        predict_loss(
            model,
            ids=[ids[index] for index in kept],
            prompts=[""] * len(kept),
            sequences=[groups[index] for index in kept],
            microbatch_tokens=prepared.recipe.training.microbatch_tokens,
            on_progress=lambda done: None,
        )
        for groups in encoded
    ]


def _targets(group: Sequence[Tokens]) -> tuple[int, ...]:
    return tuple(token for s in group for token, weight in zip(s.input_ids, s.weights, strict=True) if weight)


def _gain(found: Comparison, unit: str) -> str:
    low, high = sorted((abs(found.low), abs(found.high)))
    return f"{abs(found.difference):.3f} {unit} (95% interval {low:.3f} to {high:.3f})"

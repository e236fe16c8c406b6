"""What every task answers. To add one: write its file, and name it in `tasks.table.TASKS` and `recipe.TaskName`."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Series
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from attune.data.example import Example, Shape
from attune.data.split import Splits
from attune.errors import DataError, ModelError, RowError

if TYPE_CHECKING:
    from attune.evaluate.types import Prediction
    from attune.model.loaded import LoadedModel
    from attune.tokens.render import Renderer
    from attune.tokens.sequence import Sequence
    from attune.tokens.written import TemplateProblem


@dataclass(frozen=True, slots=True)
class Encoding:
    """The sequences of each example, in order, and what the chat template does that it should not."""

    sequences: tuple[tuple[Sequence, ...], ...]
    problems: tuple[TemplateProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """How predictions are made; the same for base and tuned.

    Attributes:
        max_length: tokens that a scored sequence may have.
        max_new_tokens: tokens that an answer may have.
        microbatch_tokens: tokens scored at once, padding included.
        on_progress: told how many examples are done.
    """

    max_length: int
    max_new_tokens: int
    microbatch_tokens: int
    on_progress: Callable[[int], None] = lambda done: None


class Task(Protocol):
    """One kind of job.

    Attributes:
        shape: what a row must be.
        head: "causal" predicts tokens, "classifier" puts a head on the trunk.
        loss: a name of `train.loss.LOSSES`.
        metrics: names of `evaluate.metrics.METRICS`; the first decides the verdict.
        labels: class names, empty without a classification head.
        chunks: a long row is several sequences rather than a cut one.
    """

    name: str
    shape: Shape
    head: Literal["causal", "classifier"]
    loss: str
    metrics: tuple[str, ...]
    labels: tuple[str, ...]
    chunks: bool

    def check(self, examples: Series[Example]) -> tuple[RowError, ...]:
        """The rows that this task cannot use, each with its reason."""

    def encode(self, examples: Series[Example], renderer: Renderer) -> Encoding:
        """Token sequences of the examples, which `check` has passed."""

    def baseline(
        self, load_base: Callable[[], LoadedModel] | None, splits: Splits, asking: Asking
    ) -> tuple[list[Prediction], dict[str, Any]]:
        """Predictions to beat on the test rows, and {"kind", "what"} in words. `load_base` is None for an encoder."""

    def predict(self, model: LoadedModel, examples: Series[Example], asking: Asking) -> list[Prediction]:
        """What the model makes of the examples."""


def require_usable(task: Task, *parts: Series[Example]) -> None:
    """Refuse examples that the task cannot use.

    Raises:
        DataError: holds every such row.
    """
    rows = tuple(row for examples in parts for row in task.check(examples))
    if rows:
        what = "1 row cannot" if len(rows) == 1 else f"{len(rows):,} rows cannot"
        fix = f"mend the rows that are listed; the first: {rows[0]}"
        raise DataError(f"{what} be used to {task.name}", where=rows[0].file, fix=fix, rows=rows, total=len(rows))


def all_usable(task: Task, examples: Series[Example]) -> tuple[RowError, ...]:
    """The check of tasks that can use every row of their shape."""
    return ()


def untuned(
    task: Task, load_base: Callable[[], LoadedModel] | None, splits: Splits, asking: Asking
) -> tuple[list[Prediction], dict[str, Any]]:
    """The baseline of tasks that a language model can try without training: the same model, before.

    Raises:
        ModelError: the model does not generate text.
    """
    if load_base is None:
        raise ModelError(f"an encoder cannot do the task {task.name}", fix="choose a model that generates text")
    model = load_base()
    what = f"{model.source.name} before training"
    return task.predict(model, splits.test, asking), {"kind": "base model", "what": what}

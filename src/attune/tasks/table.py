"""All tasks by name, and which task a shape of rows suggests."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Series

from attune.data.example import Example, Shape
from attune.tasks.chat import Chat
from attune.tasks.classify import Classify
from attune.tasks.complete import Complete
from attune.tasks.domain import Domain
from attune.tasks.task import Task

# A task may need to look at the training examples (a classifier at their labels).
TASKS: dict[str, Callable[[Series[Example]], Task]] = {
    "chat": lambda train: Chat(),
    "complete": lambda train: Complete(),
    "classify": Classify.of,
    "domain": lambda train: Domain(),
}
SHAPES: dict[str, Shape] = {"chat": "conversation", "complete": "pair", "classify": "labelled", "domain": "document"}


def suggested(shape: Shape) -> str:
    """The task that rows of this shape are for."""
    return next(name for name, needed in SHAPES.items() if needed == shape)

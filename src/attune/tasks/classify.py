"""Text classification: a new head on an encoder or a decoder; each text has one label."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence as Series
from typing import TYPE_CHECKING, Any, Literal, cast

from attune.data.example import Example, LabelledText, Message, Shape
from attune.data.split import Splits
from attune.errors import DataError, RowError
from attune.tasks.complete import prompt_ids
from attune.tasks.task import Asking, Encoding
from attune.tokens.sequence import Sequence

if TYPE_CHECKING:
    from attune.evaluate.types import Prediction
    from attune.model.loaded import LoadedModel
    from attune.tokens.render import Renderer

# How a language model without a head is asked for a label, to know what it can do before training.
QUESTION = "{text}\n\nWhich label fits this text: {labels}?"
PLAIN_QUESTION = "Text: {text}\nLabels: {labels}\nLabel:"


class Classify:
    """The labels are those of the training rows, in alphabetical order."""

    name = "classify"
    shape: Shape = "labelled"
    head: Literal["causal", "classifier"] = "classifier"
    loss = "label"
    metrics: tuple[str, ...] = ("accuracy", "macro_f1", "ece", "loss_nats_per_token")
    chunks = False

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels

    @classmethod
    def of(cls, examples: Series[Example]) -> Classify:
        """The task with the labels that the examples have.

        Raises:
            DataError: fewer than two labels.
        """
        labels = sorted({e.label for e in examples if isinstance(e, LabelledText)})
        if len(labels) < 2:
            raise DataError(
                f"there is only one label ({labels[0]})" if labels else "there are no labels",
                fix="classification needs rows of at least two labels",
            )
        return cls(tuple(labels))

    def check(self, examples: Series[Example]) -> tuple[RowError, ...]:
        """Rows of a label that the training rows lack."""
        known = set(self.labels)
        return tuple(_unknown_label(row) for row in cast("Series[LabelledText]", examples) if row.label not in known)

    def encode(self, examples: Series[Example], renderer: Renderer) -> Encoding:
        """One sequence a text, with what the tokenizer puts around every text; its label is a class index."""
        index = {label: i for i, label in enumerate(self.labels)}
        rows = cast("Series[LabelledText]", examples)
        sequences = []
        for example, found in zip(rows, renderer.all_ids([row.text for row in rows], special=True), strict=True):
            # Where padding is also the end token, heads do not read it: their last token is the one before.
            ids = tuple(found[: len(found) - 1] if len(found) > 1 and found[-1] == renderer.pad_id else found)
            sequences.append((Sequence(example.id, ids, (0.0,) * len(ids), index[example.label]),))
        return Encoding(tuple(sequences))

    def predict(self, model: LoadedModel, examples: Series[Example], asking: Asking) -> list[Prediction]:
        """The head's label and confidence; of a model without a head, see `likelihood`."""
        from attune.evaluate.predict import predict_label

        rows = cast("Series[LabelledText]", examples)
        return predict_label(
            model,
            ids=[e.id for e in rows],
            texts=[e.text for e in rows],
            references=[e.label for e in rows],
            sequences=[
                tuple(s.head(asking.max_length, model.renderer.closing_tokens) for s in group)
                for group in self.encode(examples, model.renderer).sequences
            ],
            microbatch_tokens=asking.microbatch_tokens,
            on_progress=asking.on_progress,
        )

    def baseline(
        self, load_base: Callable[[], LoadedModel] | None, splits: Splits, asking: Asking
    ) -> tuple[list[Prediction], dict[str, Any]]:
        """The strongest of: the majority class, and what a language model finds likeliest (two ways of counting).

        Which one is strongest is decided on the validation rows, so that the test rows choose nothing.
        """
        ways: dict[str, Callable[[Series[Example]], list[Prediction]]] = {
            "majority class": lambda rows: self.majority(splits.train, rows)
        }
        if load_base is not None:
            model = load_base()
            quiet = dataclasses.replace(asking, on_progress=lambda done: None)  # it counts test rows, not these
            ways["label likelihood"] = lambda rows: self.likelihood(model, rows, quiet, per_token=False)
            ways["label likelihood per token"] = lambda rows: self.likelihood(model, rows, quiet, per_token=True)
        judged = splits.validation or splits.train
        accuracy = {kind: sum(p.output == p.reference for p in way(judged)) / len(judged) for kind, way in ways.items()}
        best = max(accuracy, key=lambda kind: accuracy[kind])
        named = ", ".join(f"{kind} {value:.3f}" for kind, value in accuracy.items())
        part = "validation" if splits.validation else "training"
        what = f"{best}, the strongest without training (accuracy on the {part} rows: {named})"
        return ways[best](splits.test), {"kind": best, "what": what}

    def majority(self, train: Series[Example], examples: Series[Example]) -> list[Prediction]:
        """The baseline that knows only how often each label occurs in training."""
        from attune.evaluate.types import Prediction

        counts = Counter(cast("LabelledText", e).label for e in train)
        top = min(counts, key=lambda label: (-counts[label], label))
        total = sum(counts.values())
        predictions = []
        for example in cast("Series[LabelledText]", examples):
            nats = -math.log(counts[example.label] / total)
            scores = {
                "loss_nats": nats,
                "target_tokens": 1.0,
                "correct_tokens": float(top == example.label),
                "confidence": counts[top] / total,
            }
            predictions.append(Prediction(example.id, example.text, top, example.label, scores))
        return predictions

    def likelihood(
        self, model: LoadedModel, examples: Series[Example], asking: Asking, *, per_token: bool
    ) -> list[Prediction]:
        """What a language model without a head thinks: each label's log likelihood as the answer to a question.

        Args:
            per_token: divide each label's log likelihood by its number of tokens (long labels are else punished).
        """
        from attune.evaluate.predict import predict_likelihood

        rows = cast("Series[LabelledText]", examples)
        return predict_likelihood(
            model,
            ids=[e.id for e in rows],
            texts=[e.text for e in rows],
            references=[e.label for e in rows],
            labels=self.labels,
            prompt_ids=self._questions(rows, model.renderer, asking.max_length),
            per_token=per_token,
            chat=not model.renderer.plain,
            microbatch_tokens=asking.microbatch_tokens,
            on_progress=asking.on_progress,
        )

    def _questions(self, rows: Series[LabelledText], renderer: Renderer, max_length: int) -> list[list[int]]:
        named = ", ".join(self.labels)
        room = max(8, max_length - 64)
        texts = [renderer.text(renderer.ids(row.text)[:room]) for row in rows]
        if renderer.plain:
            return [prompt_ids(PLAIN_QUESTION.format(text=text, labels=named), renderer) for text in texts]
        asked = [Message("user", QUESTION.format(text=text, labels=named)) for text in texts]
        return renderer.prompts([((message,), ()) for message in asked])


def _unknown_label(row: LabelledText) -> RowError:
    return row.origin.error(
        "",
        "unknown_label",
        f'no training row has the label "{row.label}"',
        "add training rows of this label, or correct it",
    )

"""Documents: every token is predicted from those before it (domain adaptation, pretraining)."""

from __future__ import annotations

from collections.abc import Sequence as Series
from typing import TYPE_CHECKING, Literal, cast

from attune.data.example import Document, Example, Shape
from attune.tasks.task import Asking, Encoding, all_usable, untuned
from attune.tokens.sequence import Sequence

if TYPE_CHECKING:
    from attune.evaluate.types import Prediction
    from attune.model.loaded import LoadedModel
    from attune.tokens.render import Renderer


class Domain:
    """A document longer than max_length becomes several sequences; no token is lost."""

    name = "domain"
    shape: Shape = "document"
    head: Literal["causal", "classifier"] = "causal"
    loss = "token"
    metrics: tuple[str, ...] = ("loss_nats_per_token", "token_accuracy")
    labels: tuple[str, ...] = ()
    chunks = True

    check = all_usable

    def encode(self, examples: Series[Example], renderer: Renderer) -> Encoding:
        """One sequence a document: opening tokens, text, end token; each is a target but the first."""
        documents, opening = cast("Series[Document]", examples), renderer.opening_ids()
        sequences = []
        for document, text in zip(documents, renderer.all_ids([d.text for d in documents]), strict=True):
            ids = (*opening, *text, renderer.end_id)
            sequences.append((Sequence(document.id, ids, (0.0, *(1.0,) * (len(ids) - 1))),))
        return Encoding(tuple(sequences))

    baseline = untuned

    def predict(self, model: LoadedModel, examples: Series[Example], asking: Asking) -> list[Prediction]:
        """Loss of the whole document; nothing is generated."""
        from attune.evaluate.predict import predict_loss
        from attune.tokens.fit import chunk

        encoded = self.encode(examples, model.renderer).sequences
        return predict_loss(
            model,
            ids=[e.id for e in examples],
            prompts=[cast("Document", e).text for e in examples],
            sequences=[tuple(p for s in group for p in chunk(s, asking.max_length)) for group in encoded],
            microbatch_tokens=asking.microbatch_tokens,
            on_progress=asking.on_progress,
        )

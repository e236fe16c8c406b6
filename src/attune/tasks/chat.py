"""Chat: conversations rendered by the model's template; every assistant turn of weight 1 carries loss."""

from __future__ import annotations

from collections.abc import Sequence as Series
from typing import TYPE_CHECKING, Literal, cast

from attune.data.example import Conversation, Example, Shape, prompt_of, target_of
from attune.tasks.task import Asking, Encoding, all_usable, untuned

if TYPE_CHECKING:
    from attune.evaluate.types import Prediction
    from attune.model.loaded import LoadedModel
    from attune.tokens.render import Renderer


class Chat:
    """The last assistant turn of each test conversation is what is generated and compared."""

    name = "chat"
    shape: Shape = "conversation"
    head: Literal["causal", "classifier"] = "causal"
    loss = "token"
    metrics: tuple[str, ...] = ("rouge_l", "exact_match", "loss_nats_per_token", "token_accuracy")
    labels: tuple[str, ...] = ()
    chunks = False

    check = all_usable

    def encode(self, examples: Series[Example], renderer: Renderer) -> Encoding:
        """Sequences of each conversation; several where the template rewrites history."""
        sequences, problems = renderer.conversations(cast("Series[Conversation]", examples))
        return Encoding(tuple(tuple(s) for s in sequences), tuple(problems))

    baseline = untuned

    def predict(self, model: LoadedModel, examples: Series[Example], asking: Asking) -> list[Prediction]:
        """Loss of every assistant turn, and the generated last one."""
        from attune.evaluate.predict import predict_text

        conversations = cast("Series[Conversation]", examples)
        return predict_text(
            model,
            ids=[e.id for e in examples],
            prompts=[prompt_of(e) for e in examples],
            references=[target_of(e) for e in examples],
            prompt_ids=model.renderer.prompts([(c.messages[:-1], c.tools) for c in conversations]),
            sequences=self.encode(examples, model.renderer).sequences,
            max_length=asking.max_length,
            max_new_tokens=asking.max_new_tokens,
            microbatch_tokens=asking.microbatch_tokens,
            on_progress=asking.on_progress,
        )

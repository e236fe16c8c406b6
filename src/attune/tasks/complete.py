"""Prompt and completion: both used as they stand, without a template; the completion carries the loss."""

from __future__ import annotations

from collections.abc import Sequence as Series
from typing import TYPE_CHECKING, Literal, cast

from attune.data.example import Example, Pair, Shape
from attune.tasks.task import Asking, Encoding, all_usable, untuned
from attune.tokens.sequence import Sequence

if TYPE_CHECKING:
    from attune.evaluate.types import Prediction
    from attune.model.loaded import LoadedModel
    from attune.tokens.render import Renderer


class Complete:
    """The completion ends with the model's end token, so that it learns to stop."""

    name = "complete"
    shape: Shape = "pair"
    head: Literal["causal", "classifier"] = "causal"
    loss = "token"
    metrics: tuple[str, ...] = ("rouge_l", "exact_match", "loss_nats_per_token", "token_accuracy")
    labels: tuple[str, ...] = ()
    chunks = False

    check = all_usable

    def encode(self, examples: Series[Example], renderer: Renderer) -> Encoding:
        """One sequence a pair: opening tokens, prompt, completion, end token."""
        pairs, opening = cast("Series[Pair]", examples), renderer.opening_ids()
        prompts = renderer.all_ids([pair.prompt for pair in pairs])
        completions = renderer.all_ids([pair.completion for pair in pairs])
        sequences = []
        for pair, prompt, completion in zip(pairs, prompts, completions, strict=True):
            context, target = [*opening, *prompt], [*completion, renderer.end_id]
            weights = (*(0.0,) * len(context), *(1.0,) * len(target))
            sequences.append((Sequence(pair.id, (*context, *target), weights),))
        return Encoding(tuple(sequences))

    baseline = untuned

    def predict(self, model: LoadedModel, examples: Series[Example], asking: Asking) -> list[Prediction]:
        """Loss of the completion, and the generated one."""
        from attune.evaluate.predict import predict_text

        pairs, opening = cast("Series[Pair]", examples), model.renderer.opening_ids()
        return predict_text(
            model,
            ids=[p.id for p in pairs],
            prompts=[p.prompt for p in pairs],
            references=[p.completion for p in pairs],
            prompt_ids=[[*opening, *ids] for ids in model.renderer.all_ids([p.prompt for p in pairs])],
            sequences=self.encode(examples, model.renderer).sequences,
            max_length=asking.max_length,
            max_new_tokens=asking.max_new_tokens,
            microbatch_tokens=asking.microbatch_tokens,
            on_progress=asking.on_progress,
        )


def prompt_ids(prompt: str, renderer: Renderer) -> list[int]:
    """Token ids that a plain prompt is asked with."""
    return [*renderer.opening_ids(), *renderer.ids(prompt)]

"""A model and rows -> predictions. Base and tuned go through the same functions in the same batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Sequence as Series

import torch

from attune.evaluate.types import Prediction
from attune.model.generate import Sampling, generate
from attune.model.loaded import LoadedModel
from attune.model.reading import Reader
from attune.tokens.batch import microbatches
from attune.tokens.sequence import Sequence
from attune.train.loss import LOSSES

OnProgress = Callable[[int], None]


def predict_text(
    model: LoadedModel,
    *,
    ids: Series[str],
    prompts: Series[str],
    references: Series[str],
    prompt_ids: Series[list[int]],
    sequences: Series[Series[Sequence]],
    max_length: int,
    max_new_tokens: int,
    microbatch_tokens: int,
    on_progress: OnProgress,
) -> list[Prediction]:
    """Loss of the reference answers, and a greedy answer to each prompt.

    A prompt that leaves no room for the answer loses its beginning.
    """
    room = max(1, model.context_tokens - max_new_tokens)
    asked = [list(prompt)[-room:] for prompt in prompt_ids]
    fitted = [tuple(_fit(s, max_length) for s in group) for group in sequences]
    scores = _token_scores(model, fitted, microbatch_tokens)
    answers = generate(model, asked, Sampling(max_new_tokens=max_new_tokens), on_batch=on_progress)
    return [
        Prediction(i, prompt, model.renderer.text(answer.ids), reference, score, answer.stopped)
        for i, prompt, reference, score, answer in zip(ids, prompts, references, scores, answers, strict=True)
    ]


def predict_loss(
    model: LoadedModel,
    *,
    ids: Series[str],
    prompts: Series[str],
    sequences: Series[Series[Sequence]],
    microbatch_tokens: int,
    on_progress: OnProgress,
) -> list[Prediction]:
    """Loss alone, for documents."""
    scores = _token_scores(model, sequences, microbatch_tokens)
    on_progress(len(ids))
    return [Prediction(i, prompt, "", "", score) for i, prompt, score in zip(ids, prompts, scores, strict=True)]


@torch.no_grad()
def predict_label(
    model: LoadedModel,
    *,
    ids: Series[str],
    texts: Series[str],
    references: Series[str],
    sequences: Series[Series[Sequence]],
    microbatch_tokens: int,
    on_progress: OnProgress,
) -> list[Prediction]:
    """The classification head's label for each text, with its probability."""
    flat = [group[0] for group in sequences]
    found: dict[int, tuple[str, dict[str, float]]] = {}
    model.module.eval()
    planned = microbatches(flat, microbatch_tokens, model.layout, model.device, alone_beyond=model.alone_beyond)
    for group, batch in planned:
        sums = LOSSES["label"](model, batch)
        for row, i in enumerate(group):
            found[i] = (
                model.labels[int(sums.predicted_N[row])],
                {
                    "loss_nats": float(sums.nats_N[row]),
                    "target_tokens": 1.0,
                    "correct_tokens": float(sums.correct_N[row]),
                    "confidence": float(sums.confidence_N[row]),
                },
            )
        on_progress(len(found))
    return [Prediction(ids[i], texts[i], found[i][0], references[i], found[i][1]) for i in range(len(ids))]


def predict_likelihood(
    model: LoadedModel,
    *,
    ids: Series[str],
    texts: Series[str],
    references: Series[str],
    labels: Series[str],
    prompt_ids: Series[list[int]],
    per_token: bool,
    chat: bool,
    microbatch_tokens: int,
    on_progress: OnProgress,
) -> list[Prediction]:
    """The label that a language model finds likeliest as an answer, with the softmax over labels as confidence."""
    space = "" if chat else " "
    label_ids = [model.renderer.ids(space + label) for label in labels]
    candidates: list[tuple[Sequence, ...]] = []
    for i, prompt in zip(ids, prompt_ids, strict=True):
        context = prompt[-(model.context_tokens - max(map(len, label_ids))) :]
        for answer in label_ids:
            weights = (*(0.0,) * len(context), *(1.0,) * len(answer))
            candidates.append((Sequence(i, (*context, *answer), weights),))
    scores = _token_scores(model, candidates, microbatch_tokens)
    predictions = []
    for row, (i, text, reference) in enumerate(zip(ids, texts, references, strict=True)):
        own = scores[row * len(labels) : (row + 1) * len(labels)]
        logs = [-s["loss_nats"] / (s["target_tokens"] if per_token else 1.0) for s in own]
        top = max(logs)
        total = math.log(sum(math.exp(value - top) for value in logs)) + top
        best = logs.index(top)
        right = list(labels).index(reference)
        score = {
            "loss_nats": total - logs[right],
            "target_tokens": 1.0,
            "correct_tokens": float(best == right),
            "confidence": math.exp(top - total),
        }
        predictions.append(Prediction(i, text, labels[best], reference, score))
    on_progress(len(ids))
    return predictions


def _fit(sequence: Sequence, max_length: int) -> Sequence:
    """A test row that is too long is scored on what fits, never left out."""
    cut = sequence.head(max_length)
    return cut if cut.target_weight or not sequence.target_weight else sequence.around_target(max_length)


@torch.no_grad()
def _token_scores(
    model: LoadedModel, groups: Series[Series[Sequence]], microbatch_tokens: int
) -> list[dict[str, float]]:
    """Summed loss, target weight and hits of each example's sequences."""
    owners = [owner for owner, group in enumerate(groups) for _ in group]
    flat = [sequence for group in groups for sequence in group]
    totals = [{"loss_nats": 0.0, "target_tokens": 0.0, "correct_tokens": 0.0} for _ in groups]
    model.module.eval()
    reader = Reader(model)
    planned = microbatches(flat, microbatch_tokens, model.layout, model.device, alone_beyond=model.alone_beyond)
    for members, batch in planned:
        sums = LOSSES["token"](reader, batch)
        for row, i in enumerate(members):
            total = totals[owners[i]]
            total["loss_nats"] += float(sums.nats_N[row])
            total["target_tokens"] += float(sums.weight_N[row])
            total["correct_tokens"] += float(sums.correct_N[row])
    return totals

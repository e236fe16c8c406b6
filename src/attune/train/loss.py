"""Losses: sums over targets, in nats. The loop divides by the weight of the whole step.

A loss takes (model, batch) and returns a `LossSum`. To add one, write the function and name it in `LOSSES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F

from attune.tokens.batch import Batch

# Rows of hidden states that are projected at a time: small enough to stay in cache, large enough to fill the cores.
CHUNK_ROWS = 256


class Model(Protocol):
    """What a loss needs of a model. `attune.model.load.LoadedModel` is the one that the program uses."""

    def hidden(self, batch: Batch) -> torch.Tensor:
        """Hidden states [T, D] of the batch's tokens."""

    def project(self, hidden_SD: torch.Tensor) -> torch.Tensor:
        """Logits [S, V] over the vocabulary."""

    def head_parameters(self) -> Sequence[torch.Tensor]:
        """Parameters that `project` reads."""

    def class_logits(self, batch: Batch) -> torch.Tensor:
        """Logits [N, C] of the classification head."""


@dataclass(frozen=True, slots=True)
class LossSum:
    """Sums of one micro-batch; divide by the weight of everything that is averaged together.

    Attributes:
        nats: sum of weight x negative log likelihood, 0-dim, carries the graph.
        weight: sum of the weights.
        nats_N, weight_N, correct_N: the same per sequence, detached; `correct_N` sums the weights of argmax hits.
        confidence_N, predicted_N: for label losses, the probability and index of the predicted class; else empty.
    """

    nats: torch.Tensor
    weight: float
    nats_N: torch.Tensor
    weight_N: torch.Tensor
    correct_N: torch.Tensor
    confidence_N: torch.Tensor
    predicted_N: torch.Tensor


def token_cross_entropy(model: Model, batch: Batch) -> LossSum:
    """Negative log likelihood of the target tokens. The vocabulary is projected only where there is a target."""
    hidden_SD = model.hidden(batch)[batch.source_S]
    parameters = [p for p in model.head_parameters() if p.requires_grad]
    nats, nats_S, hits_S = _ProjectAndReduce.apply(  # type: ignore[no-untyped-call]
        hidden_SD, model.project, batch.target_S, batch.weight_S, *parameters
    )
    zeros_N = torch.zeros(len(batch.example_ids), dtype=nats_S.dtype, device=nats_S.device)

    def per_sequence(values_S: torch.Tensor) -> torch.Tensor:
        return zeros_N.index_add(0, batch.sequence_S, values_S.to(zeros_N.dtype))

    return LossSum(
        nats=nats,
        weight=batch.weight,
        nats_N=per_sequence(nats_S),
        weight_N=per_sequence(batch.weight_S),
        correct_N=per_sequence(hits_S),
        confidence_N=zeros_N[:0],
        predicted_N=zeros_N[:0],
    )


class _ProjectAndReduce(torch.autograd.Function):
    """Hidden rows -> logits -> weighted cross entropy, chunk by chunk, so that no [S, V] tensor ever exists.

    The loss is a sum, so each chunk's gradients are known when its logits are: they are taken in the forward and
    only scaled in the backward. Returns (sum of nats, nats per target, weight of hit per target).
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden_SD: torch.Tensor,
        project: Callable[[torch.Tensor], torch.Tensor],
        target_S: torch.Tensor,
        weight_S: torch.Tensor,
        *parameters: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        learn = any(ctx.needs_input_grad)
        grad_SD = torch.empty_like(hidden_SD) if learn else hidden_SD
        grads = [torch.zeros_like(p, dtype=torch.float32 if p.dtype == torch.bfloat16 else p.dtype) for p in parameters]
        nats_S = torch.empty_like(weight_S, dtype=torch.promote_types(torch.float32, hidden_SD.dtype))
        hits_S = torch.empty_like(nats_S)
        for begin in range(0, len(target_S), CHUNK_ROWS):
            rows = slice(begin, begin + CHUNK_ROWS)
            target_C1, weight_C1 = target_S[rows, None], weight_S[rows, None].to(nats_S.dtype)
            with torch.set_grad_enabled(learn):
                chunk_CD = hidden_SD[rows].detach().requires_grad_(learn)
                logits_CV = project(chunk_CD)
            scores_CV = logits_CV.detach().to(nats_S.dtype)
            top_C1, likeliest_C1 = scores_CV.max(-1, keepdim=True)
            right_C1 = scores_CV.gather(1, target_C1)
            odds_CV = torch.exp(scores_CV - top_C1)
            total_C1 = odds_CV.sum(-1, keepdim=True)
            nats_S[rows] = ((total_C1.log() + top_C1 - right_C1) * weight_C1).squeeze(1)
            hits_S[rows] = ((likeliest_C1 == target_C1) * weight_C1).squeeze(1)
            if learn:
                # d nats / d logits = weight x (probability - 1 at the target)
                slope_CV = odds_CV.mul_(weight_C1 / total_C1).scatter_add_(1, target_C1, -weight_C1)
                found = torch.autograd.grad([logits_CV], [chunk_CD, *parameters], [slope_CV.to(logits_CV.dtype)])
                grad_SD[rows] = found[0]
                for i, part in enumerate(found[1:]):
                    grads[i] += part
        ctx.save_for_backward(grad_SD, *grads)
        ctx.mark_non_differentiable(nats_S, hits_S)
        return nats_S.sum(), nats_S, hits_S

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor, *_: torch.Tensor) -> Any:
        grad_SD, *grads = ctx.saved_tensors
        # `grad` has no axes, so it multiplies at its own precision and leaves the dtype alone.
        return (grad_SD * grad, None, None, None, *(g * grad for g in grads))


def label_cross_entropy(model: Model, batch: Batch) -> LossSum:
    """Negative log likelihood of each sequence's class, from the classification head."""
    logits_NC = model.class_logits(batch).float()
    nats_N = F.cross_entropy(logits_NC, batch.label_N, reduction="none")
    confidence_N, predicted_N = logits_NC.detach().softmax(-1).max(-1)
    return LossSum(
        nats=nats_N.sum(),
        weight=batch.weight,
        nats_N=nats_N.detach(),
        weight_N=torch.ones_like(nats_N.detach()),
        correct_N=(predicted_N == batch.label_N).float(),
        confidence_N=confidence_N,
        predicted_N=predicted_N,
    )


Loss = Callable[[Model, Batch], LossSum]
LOSSES: dict[str, Loss] = {"token": token_cross_entropy, "label": label_cross_entropy}

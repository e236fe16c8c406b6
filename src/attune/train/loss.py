"""Losses: sums over targets, in nats. The loop divides by the weight of the whole step.

A loss takes (model, batch) and returns a `LossSum`. To add one, write the function and name it in `LOSSES`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F

from attune.tokens.batch import ROW_MULTIPLE, Batch, Layout, rounded

# Logits that exist at a time. Chunks cost: each has a gradient of the whole projection, and these are added up.
CHUNK_BYTES = {"cpu": 1 << 26, "cuda": 1 << 29}
# Logits that are turned into probabilities at a time: they pass through several operations and stay in a CPU's cache.
BLOCK_ELEMENTS = {"cpu": 1 << 18, "cuda": 1 << 27}


class Model(Protocol):
    """What a loss needs of a model. `attune.model.loaded.LoadedModel` is the one that the program uses."""

    @property
    def layout(self) -> Layout:
        """How batches are to be laid out."""

    @property
    def alone_beyond(self) -> int | None:
        """Sequences of more tokens have a batch each."""

    def target_hidden(self, batch: Batch) -> torch.Tensor:
        """Hidden states [S, D] of the rows that have targets."""

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
        nats: what is minimised, 0-dim, carries the graph: the sum of weight x negative log likelihood, smoothed.
        weight: sum of the weights.
        nats_N, weight_N, correct_N: the same per sequence, detached and never smoothed; `correct_N` sums the weights of
            argmax hits.
        confidence_N, predicted_N: for label losses, the probability and index of the predicted class; else empty.
    """

    nats: torch.Tensor
    weight: float
    nats_N: torch.Tensor
    weight_N: torch.Tensor
    correct_N: torch.Tensor
    confidence_N: torch.Tensor
    predicted_N: torch.Tensor


def token_cross_entropy(model: Model, batch: Batch, smoothing: float = 0.0) -> LossSum:
    """Negative log likelihood of the target tokens. The vocabulary is projected only where there is a target.

    Args:
        smoothing: share of each target's weight that is spread over the whole vocabulary (Szegedy et al. 2016).
    """
    hidden_SD = model.target_hidden(batch)
    head = model.head_parameters()
    vocabulary = head[0].shape[0] if head else hidden_SD.shape[1]
    rows = max(1, CHUNK_BYTES[hidden_SD.device.type] // (vocabulary * hidden_SD.element_size()))
    # Under no_grad an autograd function still hears that a parameter wants gradients.
    trained = [p for p in head if p.requires_grad and torch.is_grad_enabled()]
    nats, nats_S, hits_S = _ProjectAndReduce.apply(  # type: ignore[no-untyped-call]
        hidden_SD, model.project, batch.target_S, batch.weight_S, rows, smoothing, *trained
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
        chunk_rows: int,
        smoothing: float,
        *parameters: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        learn = any(ctx.needs_input_grad)
        grad_SD = torch.empty_like(hidden_SD) if learn else hidden_SD
        grads: list[torch.Tensor] = []
        nats_S = torch.empty_like(weight_S, dtype=torch.promote_types(torch.float32, hidden_SD.dtype))
        hits_S = torch.empty_like(nats_S)
        for begin in range(0, len(target_S), chunk_rows):
            rows = slice(begin, begin + chunk_rows)
            count = len(target_S[rows])
            extra = (0, 0, 0, rounded(count, ROW_MULTIPLE) - count)
            with torch.set_grad_enabled(learn):
                chunk_CD = F.pad(hidden_SD[rows].detach(), extra).requires_grad_(learn)
                logits_CV = project(chunk_CD)
            slope_CV = torch.zeros_like(logits_CV) if learn else None
            real_CV, real_slope_CV = logits_CV.detach()[:count], None if slope_CV is None else slope_CV[:count]
            _reduce(real_CV, target_S[rows], weight_S[rows], nats_S[rows], hits_S[rows], real_slope_CV, smoothing)
            if learn:
                grad_CD, *found = torch.autograd.grad([logits_CV], [chunk_CD, *parameters], [slope_CV])
                grad_SD[rows] = grad_CD[:count]
                if begin == 0:
                    grads = found
                else:  # sums of many chunks need more digits than one chunk's gradient has
                    grads = [g.to(nats_S.dtype).add_(part) for g, part in zip(grads, found, strict=True)]
        ctx.save_for_backward(grad_SD, *(grads or map(torch.zeros_like, parameters)))
        ctx.mark_non_differentiable(nats_S, hits_S)
        return nats_S.sum(), nats_S, hits_S

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor, *_: torch.Tensor) -> Any:
        grad_SD, *grads = ctx.saved_tensors
        if grad.device.type == "cpu" and grad == 1.0:  # on a GPU the question costs more than the products
            return (grad_SD, None, None, None, None, None, *grads)
        # `grad` has no axes, so it multiplies at its own precision and leaves the dtype alone.
        return (grad_SD * grad, None, None, None, None, None, *(g * grad for g in grads))


def _reduce(
    logits_CV: torch.Tensor,
    target_C: torch.Tensor,
    weight_C: torch.Tensor,
    nats_C: torch.Tensor,
    hits_C: torch.Tensor,
    slope_CV: torch.Tensor | None,
    smoothing: float,
) -> None:
    """Write cross entropy to `nats_C`, weights of argmax hits to `hits_C`, d nats / d logits to `slope_CV`.

    Smoothing changes the slope alone: weight x (probability - (1 - smoothing) at the target - smoothing / V).
    """
    length = max(1, BLOCK_ELEMENTS[logits_CV.device.type] // logits_CV.shape[1])
    for begin in range(0, len(target_C), length):
        block = slice(begin, begin + length)
        target_B1, weight_B1 = target_C[block, None], weight_C[block, None].to(nats_C.dtype)
        scores_BV = logits_CV[block].to(nats_C.dtype)
        top_B1, likeliest_B1 = scores_BV.max(-1, keepdim=True)
        right_B1 = scores_BV.gather(1, target_B1)
        odds_BV = (scores_BV - top_B1).exp_()
        total_B1 = odds_BV.sum(-1, keepdim=True)
        nats_C[block] = ((total_B1.log() + top_B1 - right_B1) * weight_B1).squeeze(1)
        hits_C[block] = ((likeliest_B1 == target_B1) * weight_B1).squeeze(1)
        if slope_CV is not None:
            slope_BV = odds_BV.mul_(weight_B1 / total_B1).scatter_add_(1, target_B1, (smoothing - 1.0) * weight_B1)
            if smoothing:
                slope_BV -= weight_B1 * (smoothing / slope_BV.shape[1])
            slope_CV[block] = slope_BV


def label_cross_entropy(model: Model, batch: Batch, smoothing: float = 0.0) -> LossSum:
    """Negative log likelihood of each sequence's class, from the classification head.

    Args:
        smoothing: share of each label's weight that is spread over all classes.
    """
    logits_NC = model.class_logits(batch)
    logits_NC = logits_NC.to(torch.promote_types(torch.float32, logits_NC.dtype))
    nats_N = F.cross_entropy(logits_NC, batch.label_N, reduction="none")
    confidence_N, predicted_N = logits_NC.detach().softmax(-1).max(-1)
    smooth = F.cross_entropy(logits_NC, batch.label_N, reduction="sum", label_smoothing=smoothing)
    return LossSum(
        nats=smooth if smoothing else nats_N.sum(),
        weight=batch.weight,
        nats_N=nats_N.detach(),
        weight_N=torch.ones_like(nats_N.detach()),
        correct_N=(predicted_N == batch.label_N).to(logits_NC.dtype),
        confidence_N=confidence_N,
        predicted_N=predicted_N,
    )


class Loss(Protocol):
    """Sums of a batch; `smoothing` changes what is minimised, not what is reported."""

    def __call__(self, model: Model, batch: Batch, smoothing: float = 0.0) -> LossSum:
        """See `LOSSES`."""


LOSSES: dict[str, Loss] = {"token": token_cross_entropy, "label": label_cross_entropy}

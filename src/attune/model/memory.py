"""How much memory a training holds at its peak, known before a weight is read.

What does not depend on the data is counted from the parameters' shapes. What a batch leaves behind for its backward is
counted by walking the model's own code over tensors that have shapes and no content (torch's meta device).
"""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Sequence as Series
from dataclasses import dataclass, fields

import torch

from attune.errors import ModelError
from attune.model.adapt import adapt
from attune.model.load import Head, empty_module
from attune.model.loaded import LoadedModel, cast_parameters
from attune.model.source import ModelSource
from attune.recipe import Recipe
from attune.tokens.batch import Batch, microbatches, step_indices
from attune.tokens.render import Renderer
from attune.tokens.sequence import Sequence

MASTER = torch.float32
SAMPLED_STEPS = 16


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes at the peak of a training, by what they are for.

    Attributes:
        program: what the process holds before the model is loaded; 0 on a GPU.
        weights: what computes.
        masters: fp32 copies of what is trained (none with fp32 arithmetic).
        gradients: fp32, and one weight's in the precision of the arithmetic while it is added up.
        optimizer: AdamW's two averages, fp32.
        activations: what the largest micro-batch leaves for its backward, with its logits; None when the model's code
            does not run without content, so that it is known only once it was measured.
    """

    program: int
    weights: int
    masters: int
    gradients: int
    optimizer: int
    activations: int | None

    @property
    def total(self) -> int:
        """All of it that is known."""
        return sum(getattr(self, part.name) or 0 for part in fields(self))


def footprint(
    source: ModelSource,
    renderer: Renderer,
    recipe: Recipe,
    sequences: Series[Sequence],
    *,
    head: Head,
    labels: tuple[str, ...],
    dtype: torch.dtype,
    program: int,
    chunk_bytes: int,
) -> Footprint:
    """The peak of training these sequences by a settled recipe.

    Args:
        dtype: of the arithmetic.
        program: bytes that the process holds already.
        chunk_bytes: most bytes of vocabulary logits that exist at a time.
    """
    training = recipe.training
    assert training.microbatch_tokens and training.batch_size
    model = LoadedModel.sketch(empty_module(source, head=head, labels=labels), renderer, source, labels)
    with torch.device("meta"):  # adapters of a large model would fill the memory that is to be counted
        adapt(model, recipe.method, training.seed)
    cast_parameters(model.module, dtype)
    parameters = list(model.module.parameters())
    trained = [p.numel() for p in parameters if p.requires_grad]
    batch = _largest(sequences, training.batch_size, training.seed, training.microbatch_tokens, model)
    activations: int | None = 0
    if recipe.method.kind != "head":  # a head on a stored trunk sees single tokens
        activations = _activations(model, batch, checkpointing=bool(training.activation_checkpointing))
    logits = 0
    if not labels and len(batch.target_S):
        vocabulary = model.transformer.get_output_embeddings().weight.shape[0]
        logits = min(chunk_bytes, len(batch.target_S) * vocabulary * dtype.itemsize)
    return Footprint(
        program=program,
        weights=sum(p.numel() for p in parameters) * dtype.itemsize,
        masters=sum(trained) * MASTER.itemsize if dtype != MASTER else 0,
        gradients=sum(trained) * MASTER.itemsize + max(trained) * dtype.itemsize,
        optimizer=2 * sum(trained) * MASTER.itemsize,
        activations=None if activations is None else activations + 2 * logits,
    )


def _largest(sequences: Series[Sequence], batch_size: int, seed: int, budget_tokens: int, model: LoadedModel) -> Batch:
    """The largest micro-batch of a sample of steps, and of one with the longest sequences."""
    steps = range(max(1, min(SAMPLED_STEPS, len(sequences) // batch_size)))
    samples = [[sequences[int(i)] for i in step_indices(len(sequences), batch_size, seed, step)] for step in steps]
    samples.append(heapq.nlargest(batch_size, sequences, key=lambda s: len(s.input_ids)))
    planned = (microbatches(sample, budget_tokens, model.layout, alone_beyond=model.alone_beyond) for sample in samples)
    return max((batch for batches in planned for _, batch in batches), key=lambda batch: batch.computed_tokens)


def _activations(model: LoadedModel, batch: Batch, *, checkpointing: bool) -> int | None:
    """Bytes that a batch keeps for its backward, None where the model's code looks into its tensors."""
    try:
        whole = _left_behind(model, batch)
        if not checkpointing:
            return whole
        model.checkpoint_activations()  # the states between layers, and one layer at a time computed again
        return _left_behind(model, batch) + whole // int(model.transformer.config.num_hidden_layers)
    # What a foreign family raises here means only that nothing is known; its training finds its own way.
    except (ModelError, RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return None


def _left_behind(model: LoadedModel, batch: Batch) -> int:
    """Bytes that the forward of a batch keeps for the backward."""
    own = {parameter.untyped_storage()._cdata for parameter in model.module.parameters()}
    kept: dict[int, torch.Tensor] = {}  # the tensors too: a storage that is freed could hand its address on

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        address = tensor.untyped_storage()._cdata
        if address not in own:
            kept[address] = tensor
        return tensor

    model.module.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.outline(batch)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())

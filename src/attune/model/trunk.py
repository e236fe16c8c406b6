"""The output of a frozen trunk: computed once for each sequence, kept in a file, and read in every epoch.

When only a head or the last layers are trained, what is below them gives the same states in each epoch. Its dropout is
off: it would only blur states that do not learn. What is trained keeps its own dropout.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from collections.abc import Sequence as Series
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from attune.model.loaded import LoadedModel, samples
from attune.recipe import Method
from attune.runs.store import disk_fault
from attune.tokens.batch import ROW_MULTIPLE, Batch, Layout, collate, microbatches, rounded
from attune.tokens.sequence import Sequence

ROWS, INDEX = "rows.bin", "index.json"


def storable(model: LoadedModel, method: Method) -> bool:
    """Whether what this method trains can be used apart from what is below it."""
    if method.kind == "top":
        return model.layout != "padded" and _stands_apart(model, method)
    if method.kind == "head":  # on states of single tokens
        return model.layout != "padded" if model.labels else not model.whole_logits
    return False


@torch.no_grad()
def _stands_apart(model: LoadedModel, method: Method) -> bool:
    """Whether the last layers compute from stored states what they do in the whole model.

    Some families hand more than hidden states from layer to layer: keys and values, or several streams of states.
    """
    sequences = samples(model)
    batch = collate(sequences, model.device, model.layout)
    model.module.eval()
    wanted_TD = model.hidden(batch)
    try:
        with tempfile.TemporaryDirectory() as folder:
            _write(model, method, sequences, Path(folder), len(batch.input_ids_T), lambda done: None)
            assert method.layers
            with StoredLayers(model, method.layers, sequences, Path(folder)).reading(batch):
                found_TD = model.hidden(batch)
    except (TypeError, ValueError, RuntimeError, IndexError, KeyError, AttributeError):
        return False
    tolerance = 1e-4 if found_TD.dtype in {torch.float64, torch.float32} else 5e-2
    return bool((found_TD - wanted_TD).abs().max() <= tolerance * wanted_TD.abs().max())


@torch.no_grad()
def store(
    model: LoadedModel,
    method: Method,
    sequences: Series[Sequence],
    folder: Path,
    budget_tokens: int,
    on_progress: Callable[[int], None],
) -> None:
    """Write the states that are read later: for a head one row a label or a target, for layers one row a token.

    Args:
        on_progress: told how many sequences are done.

    Raises:
        EnvironmentFault: the disk is full, or the folder may not be written.
    """
    try:
        _write(model, method, sequences, folder, budget_tokens, on_progress)
    except OSError as error:
        raise disk_fault(error, folder) from error


def opened(model: LoadedModel, method: Method, sequences: Series[Sequence], folder: Path) -> StoredTrunk | StoredLayers:
    """The model on the states that `store` wrote for the very same sequences in the same order."""
    if method.kind == "top":
        assert method.layers
        return StoredLayers(model, method.layers, sequences, folder)
    return StoredTrunk(model, sequences, folder)


def _write(
    model: LoadedModel,
    method: Method,
    sequences: Series[Sequence],
    folder: Path,
    budget_tokens: int,
    on_progress: Callable[[int], None],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.module.eval()
    spans: dict[int, tuple[int, int]] = {}
    end = done = 0
    with (folder / ROWS).open("wb") as stream:
        planned = microbatches(sequences, budget_tokens, model.layout, model.device, alone_beyond=model.alone_beyond)
        for members, batch in planned:
            if method.kind == "top":
                assert method.layers
                states = _entering(model, method.layers, batch)
            else:
                states = model.pooled(batch) if model.labels else model.target_hidden(batch)
            for place, index in enumerate(members):
                if method.kind == "top":
                    own = states[torch.from_numpy(_rows_of(batch, place)).to(states.device)]
                else:
                    own = states[place : place + 1] if model.labels else states[batch.sequence_S == place]
                stream.write(own.contiguous().view(torch.uint8).cpu().numpy().tobytes())
                spans[index] = (end, end + len(own))
                end += len(own)
            done += len(members)
            on_progress(done)
    record = {"rows": end, "width": states.shape[1], "spans": [spans[i] for i in range(len(sequences))]}
    (folder / INDEX).write_text(json.dumps(record), encoding="utf-8")


class _Stored:
    """States of sequences in a file."""

    def __init__(self, model: LoadedModel, sequences: Series[Sequence], folder: Path) -> None:
        self._model = model
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        dtype = next(model.module.parameters()).dtype
        size = index["rows"] * index["width"]
        self._rows_RD = torch.from_file(str(folder / ROWS), size=size, dtype=dtype).view(-1, index["width"])
        self._spans = dict(zip(sequences, index["spans"], strict=True))

    def states(self, sequence: Sequence) -> torch.Tensor:
        """What was stored for it, [R, D], on the CPU."""
        return self._rows_RD[slice(*self._spans[sequence])]

    def project(self, hidden_SD: torch.Tensor) -> torch.Tensor:
        """Vocabulary logits [S, V]."""
        return self._model.project(hidden_SD)

    def head_parameters(self) -> list[nn.Parameter]:
        """Parameters that `project` reads."""
        return self._model.head_parameters()


class StoredTrunk(_Stored):
    """A model whose trunk's output is read from a file; its head computes as ever."""

    layout: Layout = "stored"
    alone_beyond: int | None = None

    def target_hidden(self, batch: Batch) -> torch.Tensor:
        """States [S, D] of the rows that have targets."""
        return torch.cat([self.states(s) for s in batch.sequences]).to(self._model.device)

    def class_logits(self, batch: Batch) -> torch.Tensor:
        """Class logits [N, C]."""
        return self._model.classify(self.target_hidden(batch))


class StoredLayers(_Stored):
    """A model of which all but the last layers are read from a file, token by token; the rest computes as ever."""

    def __init__(self, model: LoadedModel, layers: int, sequences: Series[Sequence], folder: Path) -> None:
        super().__init__(model, sequences, folder)
        self._below, self._first = _divided(model, layers)
        self.layout: Layout = model.layout
        self.alone_beyond = model.alone_beyond
        self._answers_tuple = _answers_tuple(model, self._first)

    def target_hidden(self, batch: Batch) -> torch.Tensor:
        """Hidden states [S, D] of the rows that have targets."""
        with self.reading(batch):
            return self._model.target_hidden(batch)

    def class_logits(self, batch: Batch) -> torch.Tensor:
        """Class logits [N, C]."""
        with self.reading(batch):
            return self._model.class_logits(batch)

    @contextmanager
    def reading(self, batch: Batch) -> Iterator[None]:
        """While open, layers below hand on what they are given, and the first one above reads what was stored."""
        width = self._rows_RD.shape[1]
        states_RD = self._rows_RD.new_zeros((rounded(len(batch.input_ids_T), ROW_MULTIPLE), width))
        for place, sequence in enumerate(batch.sequences):
            states_RD[torch.from_numpy(_rows_of(batch, place))] = self.states(sequence)
        entering_1RD = states_RD.to(self._model.device)[None]
        compute = self._first.forward

        def hand_on(hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            return (hidden_states,) if self._answers_tuple else hidden_states

        def enter(hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
            return compute(entering_1RD, *args, **kwargs)

        for layer in self._below:
            layer.forward = hand_on
        self._first.forward = enter
        try:
            yield
        finally:
            for layer in (*self._below, self._first):
                del layer.forward


def _divided(model: LoadedModel, layers: int) -> tuple[list[nn.Module], Any]:
    """The layers below the last so many, and the first of these."""
    found = model.layers
    return list(found[:-layers]), found[len(found) - layers]


def _rows_of(batch: Batch, place: int) -> NDArray[np.int64]:
    """Rows of all tokens of one of the batch's sequences, in their order: those whose subtree holds its last one."""
    last = int(batch.last_N[place])
    return np.flatnonzero(batch.end_T[: last + 1].numpy() > last)


class _Entered(Exception):
    """Thrown to leave a forward where its rest is not wanted."""


def _entering(model: LoadedModel, layers: int, batch: Batch) -> torch.Tensor:
    """The states [T, D] that enter the first of the last so many layers."""
    _, first = _divided(model, layers)
    met: list[torch.Tensor] = []

    def keep(hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        met.append(hidden_states[0])
        raise _Entered

    first.forward = keep
    try:
        model.hidden(batch)
    except _Entered:
        return met[0][: len(batch.input_ids_T)]
    finally:
        del first.forward
    raise AssertionError("the layer was not entered")


@torch.no_grad()
def _answers_tuple(model: LoadedModel, layer: nn.Module) -> bool:
    """Whether the family's layers answer with a tuple."""
    met: list[bool] = []
    with layer.register_forward_hook(lambda module, given, answer: met.append(isinstance(answer, tuple))):
        ids_11 = torch.full((1, 1), (model.renderer.pad_id + 1) % 2, device=model.device)
        model.transformer(input_ids=ids_11)
    return met[0]

"""The output of a frozen trunk: computed once for each sequence, kept in a file, and read in every epoch.

When only a head is trained, the trunk gives the same states in each epoch. Its dropout is off: it would only blur
states that do not learn. The head's own dropout stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Sequence as Series
from pathlib import Path

import torch
from torch import nn

from attune.model.loaded import LoadedModel
from attune.runs.store import disk_fault
from attune.tokens.batch import Batch, Layout, microbatches
from attune.tokens.sequence import Sequence

ROWS, INDEX = "rows.bin", "index.json"


def storable(model: LoadedModel) -> bool:
    """Whether the head of this model can be used apart from its trunk, on states of single tokens."""
    return model.layout != "padded" if model.labels else not model.whole_logits


@torch.no_grad()
def store(
    model: LoadedModel,
    sequences: Series[Sequence],
    folder: Path,
    budget_tokens: int,
    on_progress: Callable[[int], None],
) -> None:
    """Write the states that the head will read: one row a sequence for labels, one a target for tokens.

    Args:
        on_progress: told how many sequences are done.

    Raises:
        EnvironmentFault: the disk is full, or the folder may not be written.
    """
    try:
        _write(model, sequences, folder, budget_tokens, on_progress)
    except OSError as error:
        raise disk_fault(error, folder) from error


def _write(
    model: LoadedModel,
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
        for members, batch in microbatches(sequences, budget_tokens, model.layout, model.device):
            states = model.pooled(batch) if model.labels else model.target_hidden(batch)
            for place, index in enumerate(members):
                own = states[place : place + 1] if model.labels else states[batch.sequence_S == place]
                stream.write(own.contiguous().view(torch.uint8).cpu().numpy().tobytes())
                spans[index] = (end, end + len(own))
                end += len(own)
            done += len(members)
            on_progress(done)
    record = {"rows": end, "width": states.shape[1], "spans": [spans[i] for i in range(len(sequences))]}
    (folder / INDEX).write_text(json.dumps(record), encoding="utf-8")


class StoredTrunk:
    """A model whose trunk's output is read from a file that `store` wrote; its head computes as ever.

    Args:
        sequences: the very sequences that were stored, in the same order.
    """

    layout: Layout = "stored"

    def __init__(self, model: LoadedModel, sequences: Series[Sequence], folder: Path) -> None:
        self._model = model
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        dtype = next(model.module.parameters()).dtype
        size = index["rows"] * index["width"]
        self._rows_RD = torch.from_file(str(folder / ROWS), size=size, dtype=dtype).view(-1, index["width"])
        self._spans = dict(zip(sequences, index["spans"], strict=True))

    def target_hidden(self, batch: Batch) -> torch.Tensor:
        """States [S, D] of the rows that have targets."""
        return torch.cat([self._rows_RD[slice(*self._spans[s])] for s in batch.sequences]).to(self._model.device)

    def project(self, hidden_SD: torch.Tensor) -> torch.Tensor:
        """Vocabulary logits [S, V]."""
        return self._model.project(hidden_SD)

    def head_parameters(self) -> list[nn.Parameter]:
        """Parameters that `project` reads."""
        return self._model.head_parameters()

    def class_logits(self, batch: Batch) -> torch.Tensor:
        """Class logits [N, C]."""
        return self._model.classify(self.target_hidden(batch))

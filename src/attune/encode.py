"""Examples -> token sequences in files. The same rows for the same tokenizer and template are not tokenised again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from attune.curate import PARTS
from attune.data.auditor import FINDINGS, read_findings, write_findings
from attune.data.finding import Finding
from attune.data.split import Splits
from attune.events import Emit, Progress, StageFinished, StageStarted, Stop
from attune.runs.kept import Kept
from attune.tasks.task import Encoding, Task, require_usable
from attune.tokens import findings
from attune.tokens.render import Renderer
from attune.tokens.stored import StoredSequences
from attune.tokens.written import TemplateProblem

ENCODED_ROWS = 500  # between two looks at the request to stop


@dataclass(frozen=True, slots=True)
class Encoded:
    """The sequences of every part, and what the template and the texts do that a person must know."""

    parts: dict[str, StoredSequences]
    findings: list[Finding]


def encode(
    task: Task, splits: Splits, renderer: Renderer, kept: Kept, key: dict[str, Any] | None, emit: Emit, stop: Stop
) -> Encoded:
    """Sequences of every part. A test row that cannot be used is found now, not after the training.

    Args:
        key: all that the examples depend on, None where nobody can know that.

    Raises:
        DataError: rows that the task cannot use.
        ModelError: the template fails.
    """
    began = time.monotonic()
    emit(StageStarted("tokenise"))
    require_usable(task, splits.train, splits.validation, splits.test)
    key = key and {**key, "task": task.name, "labels": list(task.labels), "renderer": renderer.fingerprint()}

    def build(folder: Path) -> None:
        problems: list[TemplateProblem] = []
        made = {part: StoredSequences(path=folder / f"{part}.tokens") for part in PARTS}
        done, total = 0, sum(len(getattr(splits, part)) for part in PARTS)
        for part, rows, encoding in _batches(task, splits, renderer):
            made[part].extend(s for group in encoding.sequences for s in group)
            problems += encoding.problems
            done += rows
            emit(Progress("tokenise", done, total, "rows"))
            stop.check()
        for sequences in made.values():
            sequences.close()
        found = findings.of_special_tokens(chain(splits.train, splits.validation, splits.test), renderer)
        found += findings.of_template(problems, missing=task.name == "chat" and renderer.plain)
        write_findings(folder / FINDINGS, found)

    folder, reused = kept.folder("tokens", key, build)
    parts = {part: StoredSequences.open(folder / f"{part}.tokens") for part in PARTS}
    emit(StageFinished("tokenise", time.monotonic() - began, reused))
    return Encoded(parts, read_findings(folder / FINDINGS))


def _batches(task: Task, splits: Splits, renderer: Renderer) -> Iterator[tuple[str, int, Encoding]]:
    """Part, number of rows and their encoding, in order."""
    batches = (
        (part, getattr(splits, part)[begin : begin + ENCODED_ROWS])
        for part in PARTS
        for begin in range(0, len(getattr(splits, part)), ENCODED_ROWS)
    )
    # While the template's process renders one batch, this one tokenises another.
    with ThreadPoolExecutor(2) as pool:
        waiting = ((part, len(rows), pool.submit(task.encode, rows, renderer)) for part, rows in batches)
        under_way = deque(islice(waiting, 2))
        while under_way:
            part, count, encoding = under_way.popleft()
            found = encoding.result()
            under_way.extend(islice(waiting, 1))
            yield part, count, found

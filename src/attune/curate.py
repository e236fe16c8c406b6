"""From the files that a recipe names to examples that are cleaned, divided and audited. No torch, and little memory.

What is read and what is found is kept in the user's cache: the same files under the same recipe are not read again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as Series
from dataclasses import asdict, dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from attune.data import audit, decisions, prompt, source
from attune.data.auditor import CLUSTERS, FINDINGS, Auditor, read_clusters, read_findings, write_findings
from attune.data.clean import Change, Cleaner, Rejection
from attune.data.example import Example, Shape
from attune.data.finding import LISTED_ROWS, Finding
from attune.data.likeness import Cluster
from attune.data.parts import divide
from attune.data.rows import Reading
from attune.data.split import Splits
from attune.data.stored import StoredExamples
from attune.errors import DataError
from attune.events import Emit, Event, Note, Progress, StageFinished, StageStarted, Stop
from attune.recipe import Recipe
from attune.runs.kept import Kept, file_digest

PARTS = ("train", "validation", "test")
_ROWS, _LEFT, _LIKE, _SIZES = "rows.jsonl", "left.jsonl", "like.jsonl", "sizes.json"
_DIVIDED, _REASON = "parts.npz", "reason.txt"
_CHANGES, _REJECTIONS = "changes.jsonl", "rejections.jsonl"

Key = dict[str, Any] | None


@dataclass
class Curated:
    """The examples of a recipe, and an audit of them that may still be on its way.

    Attributes:
        key: all that the examples and their division depend on; None where nobody can know that (a hub's data).
    """

    splits: Splits
    kept: Kept
    key: Key
    _folder: Path
    _auditing: _Auditing

    def findings(self) -> list[Finding]:
        """What the audit found; waits for it."""
        return self._auditing.findings()

    def changes(self) -> Iterator[dict[str, Any]]:
        """What cleaning changed: file, line, rule, before, after."""
        return _lines(self._folder / _CHANGES)

    def rejections(self) -> Iterator[dict[str, Any]]:
        """The rows that cleaning left out: id, file, line, reason."""
        return _lines(self._folder / _REJECTIONS)


def curate(
    recipe: Recipe,
    readings: Mapping[str, Reading],
    kept: Kept,
    emit: Emit,
    stop: Stop,
    meanwhile: Callable[[], object] = lambda: None,
) -> Curated:
    """Read and clean the rows, divide them, and set their audit going.

    Args:
        readings: how the file of each part is read, see `recognised`.
        meanwhile: called once the rows are known to be good, while another process looks for what is alike.

    Raises:
        RecipeError, DataError, EnvironmentFault: what is wrong, with place and mending.
    """
    audit.require_known(recipe.data.audit)
    cleaner = Cleaner(recipe.data.clean, recipe.data.audit)
    key = _key(recipe, readings)
    began = time.monotonic()
    emit(StageStarted("read"))
    for reading in readings.values():
        emit(Note("read", "info", reading.reason))
    folder, reused = kept.folder("rows", key, lambda folder: _read(folder, recipe, readings, cleaner, emit, stop))
    emit(StageFinished("read", time.monotonic() - began, reused))
    mended, left_out = (sum(1 for _ in _lines(folder / name)) for name in (_CHANGES, _REJECTIONS))
    if mended or left_out:
        emit(Note("clean", "info", f"{mended} texts were mended and {left_out} rows left out by data.clean."))
    rows = StoredExamples.open(folder / _ROWS)
    sizes: dict[str, int] = json.loads((folder / _SIZES).read_bytes())
    auditing = _Auditing(recipe, rows, StoredExamples.open(folder / _LIKE), key, kept, emit, stop)
    meanwhile()
    splits = _divided(recipe, rows, sizes, auditing, kept)
    emit(Note("split", "info", splits.reason))
    auditing.divided(splits)
    auditing.findings_before = [*read_findings(folder / FINDINGS), *splits.findings]
    return Curated(splits, kept, key and {**key, "parts": auditing.parts}, folder, auditing)


def _divided(recipe: Recipe, rows: StoredExamples, sizes: Mapping[str, int], auditing: _Auditing, kept: Kept) -> Splits:
    """The parts, as they were kept or made anew; where there are leaks or rows are left out, always anew."""
    data = recipe.data
    key = auditing.key and {**auditing.key, "split": data.split.model_dump(mode="json")}
    folder = kept.find("split", key)
    if folder is not None:
        with np.load(folder / _DIVIDED, allow_pickle=False) as places:
            train, validation, test = (rows.chosen(places[part].tolist()) for part in PARTS)
        return Splits(train, validation, test, (folder / _REASON).read_text(encoding="utf-8"))
    splits = divide(data, _parts(rows, sizes), auditing.alike())

    def build(folder: Path) -> None:
        np.savez(folder / _DIVIDED, allow_pickle=False, **{part: _places(getattr(splits, part)) for part in PARTS})
        (folder / _REASON).write_text(splits.reason, encoding="utf-8")

    if key and not (splits.left_out or splits.leaks or splits.findings):
        kept.folder("split", key, build)
    return splits


def recognised(recipe: Recipe, shape: Shape | None) -> dict[str, Reading]:
    """How the file of each part is read; the first says what the rows of the others must be.

    Raises:
        DataError: what is wrong with each file, in one.
        RecipeError, EnvironmentFault: what else is wrong.
    """
    asked = prompt.parse(recipe.data.prompt, shape)
    readings: dict[str, Reading] = {}
    faults: list[DataError] = []
    for part in PARTS:
        place = getattr(recipe.data, part)
        if place is None:
            continue
        try:
            wanted = recipe.data.split
            readings[part] = source.recognise(
                place,
                columns=recipe.data.columns,
                shape=shape,
                fields=asked.fields if asked else (),
                group_by=wanted.group_by,
                time_by=wanted.time_by,
            )
            shape = readings[part].shape
        except DataError as fault:
            faults.append(fault)
    if faults:
        raise _joined(faults)
    return readings


def _key(recipe: Recipe, readings: Mapping[str, Reading]) -> Key:
    """All that the cleaned rows depend on."""
    data = recipe.data
    if any(reading.format == "hub" for reading in readings.values()) or not Path(data.like or ".").exists():
        return None  # the hub's data
    return {
        "files": {part: [getattr(data, part), file_digest(Path(getattr(data, part)))] for part in readings},
        "readings": {part: asdict(reading) for part, reading in readings.items()},
        "clean": data.clean.model_dump(mode="json"),
        "like": None if data.like is None else [data.like, file_digest(Path(data.like)), data.columns],
        "decisions": None if data.decisions is None else file_digest(Path(data.decisions)),
        "limits": data.audit.model_dump(mode="json") if data.clean != type(data.clean)() else None,
    }


def read_parts(recipe: Recipe, readings: Mapping[str, Reading], emit: Emit, stop: Stop) -> dict[str, list[Example]]:
    """All rows as their files have them.

    Raises:
        DataError: every bad row of every file.
    """
    faults: list[DataError] = []
    parts = {part: list(rows) for part, rows in _rows(recipe, readings, faults, emit, stop).items()}
    if faults:
        raise _joined(faults)
    return parts


def _rows(
    recipe: Recipe, readings: Mapping[str, Reading], faults: list[DataError], emit: Emit, stop: Stop
) -> dict[str, Iterator[Example]]:
    """The rows of each part, to be read in this order; what is wrong with a file is added to `faults` at its end."""
    copies: Counter[str] = Counter()

    def of(part: str) -> Iterator[Example]:
        before = copies.total()

        def tell(event: Event) -> None:
            if isinstance(event, Progress):  # of all files together
                event = dataclasses.replace(
                    event, done=before + event.done, total=before + event.total if event.total else 0
                )
            emit(event)

        try:
            yield from source.read_good(getattr(recipe.data, part), readings[part], copies, emit=tell, stop=stop)
        except DataError as fault:
            faults.append(fault)

    return {part: of(part) for part in readings}


def _read(
    folder: Path, recipe: Recipe, readings: Mapping[str, Reading], cleaner: Cleaner, emit: Emit, stop: Stop
) -> None:
    """Put the rows of all parts into one file, train first, and what cleaning did beside it."""
    faults: list[DataError] = []
    parts: Mapping[str, Iterable[Example]] = _rows(recipe, readings, faults, emit, stop)
    findings: list[Finding] = []
    if recipe.data.decisions is not None:
        parts, findings = _decided(recipe, readings, cleaner, emit, stop)
    sizes = dict.fromkeys(readings, 0)

    def good() -> Iterator[Example]:
        for part, rows in parts.items():
            for example in cleaner.mend(rows):
                sizes[part] += 1
                _write_lines(changes, map(_change, cleaner.changes))
                cleaner.changes.clear()
                yield example
        if faults:
            raise _joined(faults)

    with (folder / _CHANGES).open("wb") as changes:
        rows = StoredExamples.write(folder / _ROWS, good())
    if recipe.data.clean.drop:
        count = sizes["train"]
        left = cleaner.drop(rows[:count])
        sizes["train"] = len(left)
        StoredExamples.write(folder / _LEFT, chain(left, rows[count:]))
        for made in folder.glob(f"{Path(_LEFT).stem}.*"):
            made.replace(folder / made.name.replace(Path(_LEFT).stem, Path(_ROWS).stem))
    with (folder / _REJECTIONS).open("wb") as out:
        _write_lines(out, map(_rejection, cleaner.rejections))
    write_findings(folder / FINDINGS, findings)
    StoredExamples.write(folder / _LIKE, _like(recipe, emit, stop))
    (folder / _SIZES).write_text(json.dumps(sizes))


def _like(recipe: Recipe, emit: Emit, stop: Stop) -> Iterator[Example]:
    """Texts of the job in whatever shape: by the recipe's columns, or, where the file lacks some, by its text alone."""
    place, columns = recipe.data.like, recipe.data.columns
    if place is None:
        return iter(())
    texts = {role: name for role, name in columns.items() if role == "text"}
    # What is asked may stand alone: it is read as a text then.
    ways = [columns, texts, *({"text": name} for name in (columns.get("prompt"), *source.PROMPTS) if name)]
    reading = _first_reading(place, ways)
    emit(Note("read", "info", reading.reason))
    reading = dataclasses.replace(reading, unanswered=True)
    return source.read_good(place, reading, Counter(), emit=emit, stop=stop)


def _first_reading(place: str, ways: Iterable[Mapping[str, str]]) -> Reading:
    """How a file can be read by the first of these columns that it has; else what is wrong with the first."""
    faults = []
    for columns in ways:
        try:
            return source.recognise(place, columns=columns)
        except DataError as fault:
            faults.append(fault)
    raise faults[0]


def _decided(
    recipe: Recipe, readings: Mapping[str, Reading], cleaner: Cleaner, emit: Emit, stop: Stop
) -> tuple[dict[str, list[Example]], list[Finding]]:
    """The rows as a person decided about them, and what of it does not fit them."""
    path = recipe.data.decisions
    assert path is not None
    unlabelled = {
        part: dataclasses.replace(reading, unanswered=reading.shape == "labelled") for part, reading in readings.items()
    }
    done = decisions.apply(read_parts(recipe, unlabelled, emit, stop), path, decisions.read(path))
    decisions.require_labels(done.parts)
    cleaner.take(done.changes, done.rejections)
    changed = len({change.origin for change in done.changes})
    emit(Note("read", "info", f"{changed} rows were changed and {len(done.rejections)} dropped, as decided in {path}."))
    return done.parts, done.findings


def _change(change: Change) -> dict[str, Any]:
    return {**change.origin.place(), **{name: getattr(change, name) for name in ("rule", "before", "after")}}


def _rejection(rejection: Rejection) -> dict[str, Any]:
    return {"id": rejection.example_id, **rejection.origin.place(), "reason": rejection.reason}


def _write_lines(out: IO[bytes], records: Iterable[Mapping[str, Any]]) -> None:
    for record in records:
        out.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as lines:
        for line in lines:
            yield json.loads(line.decode("utf-8", "surrogatepass"))


def _joined(faults: list[DataError]) -> DataError:
    if len(faults) == 1:
        return faults[0]
    rows = tuple(row for fault in faults for row in fault.rows)[:LISTED_ROWS]
    what = "; ".join(f"{fault.where}: {fault.what}" for fault in faults)
    return DataError(what, fix=faults[0].fix, rows=rows, total=sum(fault.total for fault in faults))


class _Auditing:
    """The audit of one recipe's rows, as far as it is not kept from an earlier run.

    Attributes:
        key: all that its answer depends on, but for which rows each part has.
        parts: hashes of which rows each part has.
        findings_before: what was found while the rows were read and divided.
    """

    def __init__(
        self,
        recipe: Recipe,
        rows: StoredExamples,
        like: StoredExamples,
        key: Key,
        kept: Kept,
        emit: Emit,
        stop: Stop,
    ) -> None:
        self._kept, self._emit = kept, emit
        self.findings_before: list[Finding] = []
        self._began = time.monotonic()
        emit(StageStarted("audit"))
        limits = recipe.data.audit
        self.key = key and {**key, "limits": limits.model_dump(mode="json")}

        def begun(near: Path | None) -> Auditor:
            return Auditor(rows, like, limits, near, kept.scratch, emit, stop)

        self._begun = begun
        self._auditor = None if kept.find("likeness", self.key) else self._begun(None)

    def alike(self) -> list[Cluster]:
        """Clusters of near duplicates, by the places of the rows; waits for them."""
        return read_clusters(self._near())

    def _near(self) -> Path:
        def make(folder: Path) -> None:
            self._auditor = self._auditor or self._begun(None)
            _copy(self._auditor.alike(), folder)

        return self._kept.folder("likeness", self.key, make)[0] / CLUSTERS

    def divided(self, splits: Splits) -> None:
        """Tell which part each row is in."""
        places = {part: _places(getattr(splits, part)) for part in PARTS}
        self.parts = {part: hashlib.sha256(found.tobytes()).hexdigest() for part, found in places.items()}
        self._key = self.key and {**self.key, "parts": self.parts}
        self._folder = self._kept.find("audit", self._key)
        if self._folder is None:
            near = self._near()
            self._auditor = self._auditor or self._begun(near)
            self._auditor.begin(places)
        self._seconds = time.monotonic() - self._began

    def findings(self) -> list[Finding]:
        """What was found, the gravest first; waits for it."""
        reused = self._folder is not None
        if self._folder is None:
            self._emit(StageStarted("audit"))  # it went on beside other stages, and now is waited for
            assert self._auditor is not None
            found = self._auditor.findings()
            self._folder, _ = self._kept.folder("audit", self._key, lambda folder: _copy(found, folder))
            self._seconds = time.monotonic() - self._began
        self._emit(StageFinished("audit", self._seconds, reused))
        return [*self.findings_before, *read_findings(self._folder / FINDINGS)]


def _places(part: Series[Example]) -> NDArray[np.int64]:
    assert isinstance(part, StoredExamples) or not part
    return part.places if isinstance(part, StoredExamples) else np.empty(0, dtype=np.int64)


def _copy(file: Path, folder: Path) -> None:
    shutil.copyfile(file, folder / file.name)


def _parts(rows: StoredExamples, sizes: Mapping[str, int]) -> dict[str, StoredExamples]:
    """The rows of each part that was given."""
    ends = accumulate(sizes.values())
    return {part: rows[end - size : end] for (part, size), end in zip(sizes.items(), ends, strict=True)}

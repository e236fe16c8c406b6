"""What `attune label` works on: the rows as they are read, what was decided about them, and which are doubted."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from attune import recipe as recipes
from attune.curate import read_parts, recognised
from attune.data import decisions
from attune.data.decisions import Action, Applied, Decision, fields, file_name, target_field, with_field
from attune.data.doubts import Doubt, doubts
from attune.data.example import Conversation, Example, LabelledText
from attune.data.finding import Finding
from attune.errors import EnvironmentFault
from attune.events import Emit, StageFinished, StageStarted, Stop, silent
from attune.recipe import Audit
from attune.tasks.table import SHAPES

SUFFIX = ".decisions.jsonl"


@dataclass(frozen=True, slots=True)
class Item:
    """A row to decide about: as it was read, and as it stands now with what speaks against it."""

    original: Example
    doubt: Doubt

    def now(self, field: str) -> str:
        """A field as it stands after what was decided before."""
        return fields(self.doubt.example)[field]

    @property
    def target(self) -> str:
        """The field that a model is to answer with."""
        return target_field(self.original)

    def settled(self, field: str, value: str, who: str) -> Decision:
        """The decision that a field should have this value."""
        before = fields(self.original)[field]
        action: Action = "keep" if value == before else "relabel" if field == "label" else "edit"
        return self._decision(who, action, field, before, value)

    def dropped(self, who: str) -> Decision:
        """The decision that the row should not be used."""
        return self._decision(who, "drop")

    def undone(self, who: str) -> Decision:
        """The decision that the last one is taken back."""
        return self._decision(who, "undo")

    def _decision(self, who: str, action: Action, field: str = "", before: str = "", after: str = "") -> Decision:
        row, now = self.original, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        place = file_name(row.origin), row.origin.line
        return Decision(row.id, *place, who, now, action, field, before, after, str(self.doubt))


@dataclass(frozen=True)
class Work:
    """The rows of a recipe with what was decided about them.

    Attributes:
        source: recipe or data, as it was given.
        path: where decisions are kept.
        is_named: whether the recipe uses them already.
        is_beside: whether this place is the one that is taken when none is named.
        parts: the rows as they were read.
        done: the rows as they were decided.
    """

    source: str
    path: Path
    is_named: bool
    is_beside: bool
    limits: Audit
    parts: dict[str, list[Example]]
    done: Applied

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that rows have, by name; none where rows have no labels."""
        examples = [e for parts in (self.parts, self.done.parts) for part in parts.values() for e in part]
        return tuple(sorted({e.label for e in examples if isinstance(e, LabelledText) and e.label}))

    @property
    def command(self) -> str:
        """How the decisions are used."""
        return shlex.join(["attune", "run", self.source, *([] if self.is_named else ["--set", _setting(self.path)])])

    def queue(
        self, *, again: bool = False, most: int | None = None, emit: Emit = silent, stop: Stop | None = None
    ) -> list[Item]:
        """What is to be decided, the most doubted first, by the audit of the rows as they stand now.

        Args:
            again: whether rows that were decided about come again.
            most: how many rows to queue.
        """
        began = time.monotonic()
        emit(StageStarted("audit"))
        found = doubts([e for part in self.done.parts.values() for e in part], self.limits, emit=emit, stop=stop)
        emit(StageFinished("audit", time.monotonic() - began))
        rows = {example.origin: example for part in self.parts.values() for example in part}
        decided = self.done.decided
        if not again:
            return [Item(rows[d.example.origin], d) for d in found if d.example.origin not in decided][:most]
        doubted = {doubt.example.origin: doubt for doubt in found}
        for origin, held in decided.items():
            said = {"decided": ", ".join(f"{d.action} by {d.who}, {d.when}" for d in held.values())}
            doubt = doubted.get(origin)
            if doubt is None:  # settled, or dropped
                now = rows[origin]
                for name, decision in held.items():
                    now = with_field(now, name, decision.after) if name else now
                doubt = Doubt(now, {})
            doubted[origin] = dataclasses.replace(doubt, reasons={**doubt.reasons, **said})
        return [Item(rows[origin], doubt) for origin, doubt in doubted.items()][:most]


def open_work(
    source: str, changes: Sequence[str] = (), path: Path | None = None, *, emit: Emit = silent, stop: Stop | None = None
) -> Work:
    """Read the data, also rows without a label, and what was decided about it.

    Args:
        path: the file of decisions; left out, the recipe's, or one beside the training data.

    Raises:
        RecipeError, DataError, EnvironmentFault: what is wrong, with place and mending.
    """
    recipe = recipes.load(source, changes)
    began = time.monotonic()
    emit(StageStarted("read"))
    readings = recognised(recipe, SHAPES[recipe.task] if recipe.task else None)
    readings = {
        part: dataclasses.replace(reading, unanswered=reading.shape == "labelled") for part, reading in readings.items()
    }
    parts = read_parts(recipe, readings, emit, stop or Stop())
    emit(StageFinished("read", time.monotonic() - began))
    named = recipe.data.decisions
    is_beside = path is None
    path = path or (Path(named) if named else _beside(recipe.data.train))
    made = decisions.read(path) if path.exists() else []
    is_named = named is not None and Path(named).resolve() == path.resolve()
    return Work(source, path, is_named, is_beside, recipe.data.audit, parts, decisions.apply(parts, path, made))


def take(work: Work, path: Path) -> tuple[list[Decision], list[Finding]]:
    """Append those decisions of a file, for example of a page, that are new and fit the rows; and what does not fit.

    Raises:
        DataError: a line is no decision.
        EnvironmentFault: a file cannot be read or written.
    """
    given = decisions.read(path)
    findings = decisions.apply(work.parts, path, given).findings
    misfits = {row.line for finding in findings for row in finding.rows}
    known = Counter(decisions.read(work.path)) if work.path.exists() else Counter()
    new = []
    for line, decision in enumerate(given, 1):
        if known[decision]:
            known[decision] -= 1
        elif line not in misfits:
            new.append(decision)
    decisions.append(work.path, new)
    return new, findings


def write_page(path: Path, work: Work, items: Sequence[Item], who: str) -> str:
    """Write the rows as one page on which they can be decided about; the command that takes what it saves."""
    from attune.report import label_page

    rows = [
        {
            "row": item.original.id,
            "file": file_name(item.original.origin),
            "line": item.original.origin.line,
            "place": decisions.place(item.original.origin),
            "target": item.target,
            "fields": [
                {"name": name, "title": title, "before": before, "now": item.now(name)}
                for (name, before), title in zip(fields(item.original).items(), titles(item.original), strict=True)
            ],
            "reasons": dict(item.doubt.reasons),
            "doubt": str(item.doubt),
            "suggestion": item.doubt.suggestion,
        }
        for item in items
    ]
    saved = f"{work.path.name.removesuffix(SUFFIX)}-page{SUFFIX}"
    command = shlex.join(["attune", "label", work.source, *_where(work), "--take", saved])
    label_page.write(path, {"rows": rows, "labels": list(work.labels), "who": who, "save": saved, "command": command})
    return command


def titles(example: Example) -> list[str]:
    """What a person calls each field of the row."""
    return [m.role for m in example.messages] if isinstance(example, Conversation) else list(fields(example))


def tally(made: Sequence[Decision]) -> str:
    """What was decided, in words."""
    words = {"keep": "kept", "relabel": "relabelled", "edit": "edited", "drop": "dropped"}
    counts = Counter(
        words[decision.action] for held in decisions.standing(made).values() for _, decision in held.values()
    )
    return ", ".join(f"{counts[word]:,} {word}" for word in words.values() if counts[word]) or "nothing decided"


def shown_path(path: Path) -> str:
    """A path as short as it can be said from the working folder."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _beside(train: str) -> Path:
    """The file of decisions of data that names none."""
    place = Path(train)
    if not place.exists():  # on a hub
        raise EnvironmentFault(
            "data of a hub has no place for decisions beside it",
            where=train,
            fix="name a file with --decisions",
        )
    return place.with_name((place.name if place.is_dir() else place.stem) + SUFFIX)


def _where(work: Work) -> list[str]:
    return [] if work.is_beside else ["--decisions", shown_path(work.path)]


def _setting(path: Path) -> str:
    name = shown_path(path)
    plain = re.fullmatch(r"[\w/-][\w./-]*", name) is not None
    return f"data.decisions={name if plain else json.dumps(name, ensure_ascii=False)}"

"""What a person decided about single rows: one line of JSON each, only ever appended; the data file stays as it is.

    append("reviews.decisions.jsonl", [decision])
    done = apply({"train": examples}, "reviews.decisions.jsonl")

A decision knows its row by the content that the row had when it was read, so it holds wherever the row stands. Later
decisions win, field by field; one that drops the row settles all of it, until another one is made. "undo" takes the
row's latest decision back that still stands.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

from attune.data import strict_json
from attune.data.clean import Change, Rejection
from attune.data.example import Conversation, Document, Example, LabelledText, Origin, Pair
from attune.data.finding import Finding
from attune.data.formats import kind, unreadable
from attune.data.lines import MAX_LINE_BYTES, Lines, row_error
from attune.data.rows import did_you_mean
from attune.data.strict_json import Fault, quoted
from attune.errors import DataError, EnvironmentFault, RowError

Action = Literal["keep", "relabel", "edit", "drop", "undo"]
LISTED = 1000
_ROW = re.compile(r"[0-9a-f]{12}(-[0-9]+)?", re.ASCII)
_WHEN = "%Y-%m-%dT%H:%M:%SZ"
_TURN = re.compile(r"messages\[(\d{1,6})\]\.content", re.ASCII)


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that a person decided about one row.

    Attributes:
        row: the row's content id, as it was read.
        file, line: name of its file, and where it stood there.
        who: the person.
        when: ISO 8601 in UTC, to the second.
        action: keep what stands in the field, relabel, edit (another text), drop the row, or undo.
        field: "label", "text", "prompt", "completion" or "messages[2].content"; "" where it is about the whole row.
        before: the field as the file has it.
        after: the field as it should be.
        doubt: why the row was shown.
    """

    row: str
    file: str
    line: int
    who: str
    when: str
    action: Action
    field: str
    before: str
    after: str
    doubt: str

    @property
    def key(self) -> tuple[str, str]:
        """Names the row among those of several files."""
        return self.row, self.file


Standing = dict[tuple[str, str], dict[str, tuple[int, Decision]]]
"""Row -> field -> the decision that holds, with its line in the file of decisions; a dropped row has the field ""."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Rows as they were decided, and what became of every decision.

    Attributes:
        decided: place of a row -> field -> the decision that was used.
        findings: what was not used.
    """

    parts: dict[str, list[Example]]
    decided: dict[Origin, dict[str, Decision]]
    changes: list[Change]
    rejections: list[Rejection]
    findings: list[Finding]


def file_name(origin: Origin) -> str:
    """The name by which decisions know a row's file: the same on every machine."""
    return Path(origin.file).name


def place(origin: Origin) -> str:
    """Where a row stands, by the name of its file."""
    return str(dataclasses.replace(origin, file=file_name(origin)))


def fields(example: Example) -> dict[str, str]:
    """What can be decided about a row, the target last."""
    match example:
        case LabelledText(text=text, label=label):
            return {"text": text, "label": label}
        case Pair(prompt=prompt, completion=completion):
            return {"prompt": prompt, "completion": completion}
        case Conversation(messages=messages):
            return {f"messages[{i}].content": message.content for i, message in enumerate(messages)}
        case Document(text=text):
            return {"text": text}


def target_field(example: Example) -> str:
    """The field that holds what the model should answer; of a document, its text."""
    return list(fields(example))[-1]


def with_field(example: Example, name: str, value: str) -> Example:
    """The example with one field changed; its id and place stay."""
    if isinstance(example, Conversation):
        turn = _TURN.fullmatch(name)
        assert turn is not None, name
        messages = list(example.messages)
        messages[int(turn[1])] = dataclasses.replace(messages[int(turn[1])], content=value)
        return dataclasses.replace(example, messages=tuple(messages))
    return dataclasses.replace(example, **{name: value})  # type: ignore[arg-type]


def append(path: str | Path, decisions: Sequence[Decision]) -> None:
    """Add decisions to a file, on the disk when this returns.

    Raises:
        DataError: a decision could not be read again, for example since its text is too long.
        EnvironmentFault: the disk does not take it.
    """
    lines = [_line(decision) for decision in decisions]
    for decision, line in zip(decisions, lines, strict=True):
        found = _faults(dataclasses.asdict(decision))
        if len(line) > MAX_LINE_BYTES:
            found.append(Fault("too_long", f"{len(line):,} bytes; the limit is {MAX_LINE_BYTES:,}", "shorten the text"))
        if found:
            where = f"{decision.file}:{decision.line}"
            raise DataError(f"this cannot be kept: {found[0].message}", where=where, fix=found[0].fix)
    path = Path(path)
    try:
        with path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":  # somebody's editor left the last line open
                    lines.insert(0, b"\n")
            file.write(b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        what = f"cannot keep the decision: {error.strerror or error}"
        raise EnvironmentFault(what, where=str(path), fix="check the folder and the space on the disk") from error


def read(path: str | Path) -> list[Decision]:
    """All decisions of a file, in its order; line n is the n-th.

    Raises:
        DataError: a line is no decision, or takes back what was not decided; holds every such line.
        EnvironmentFault: the file cannot be read.
    """
    name = str(path)
    found: list[Decision] = []
    errors: list[RowError] = []
    total = 0
    open_decisions: dict[tuple[str, str], int] = {}
    try:
        with Path(path).open("rb") as stream:
            lines = Lines(stream, name)
            for line in lines:
                values, faults = strict_json.parse(line.text) if not line.faults else (None, [])
                decision = None if faults or line.faults else _decision(values, faults)
                if decision is not None:
                    step = -1 if decision.action == "undo" else 1
                    open_decisions[decision.key] = open_decisions.get(decision.key, 0) + step
                    if open_decisions[decision.key] < 0:
                        faults = [
                            Fault("nothing_to_undo", "takes back what was not decided", "remove it", field="action")
                        ]
                    found.append(decision)
                bad = [*line.faults, *(row_error(name, lines.number, fault, fault.offset + 1) for fault in faults)]
                total += len(bad)
                errors += bad[: LISTED - len(errors)]
    except OSError as error:
        raise unreadable(name, error) from error
    if total:
        what = f"{total:,} error{'s' * (total > 1)} in the decisions"
        raise DataError(
            what, where=name, fix=f"mend or remove the lines; the first: {errors[0]}", rows=tuple(errors), total=total
        )
    return found


def standing(decisions: Sequence[Decision]) -> Standing:
    """The decisions that hold, after the later ones and those that were taken back."""
    made: dict[tuple[str, str], list[tuple[int, Decision]]] = {}
    for line, decision in enumerate(decisions, 1):
        of_row = made.setdefault(decision.key, [])
        if decision.action == "undo":
            of_row.pop()
        else:
            of_row.append((line, decision))
    held: Standing = {}
    for key, of_row in made.items():
        last: dict[str, tuple[int, Decision]] = {}
        for line, decision in of_row:
            if decision.action == "drop":
                last.clear()
            else:
                last.pop("", None)
            last[decision.field] = (line, decision)
        if last:
            held[key] = last
    return held


def apply(parts: Mapping[str, Sequence[Example]], path: str | Path, decisions: Sequence[Decision]) -> Applied:
    """The rows with what was decided about them. A decision that does not fit the rows is found, never used.

    A row is known by its content and the name of its file; where no file has that name, by its content.

    Args:
        path: the file of the decisions, for findings.
    """
    by_id: dict[str, list[Example]] = {}
    for examples in parts.values():
        for example in examples:
            by_id.setdefault(example.id, []).append(example)
    decided: dict[Origin, dict[str, Decision]] = {}
    missed: list[int] = []
    changed: list[int] = []
    for (row, file), held in standing(decisions).items():
        rows = by_id.get(row, [])
        rows = [example for example in rows if file_name(example.origin) == file] or rows
        for name, (line, decision) in held.items():
            if not rows:
                missed.append(line)
            elif name and any(fields(example).get(name) != decision.before for example in rows):
                changed.append(line)
            else:
                for example in rows:
                    decided.setdefault(example.origin, {})[name] = decision
    done = Applied({}, decided, [], [], _unused(str(path), missed, changed))
    for part, examples in parts.items():
        done.parts[part] = [now for e in examples if (now := _decided(e, done)) is not None]
    return done


def require_labels(parts: Mapping[str, Sequence[Example]]) -> None:
    """Raises DataError where a row still has no label."""
    rows = [e.origin for part in parts.values() for e in part if isinstance(e, LabelledText) and not e.label]
    if rows:
        fix = "label it, for example with `attune label`, or remove the row"
        errors = tuple(o.error("label", "empty_field", "the label is empty", fix) for o in rows)
        raise DataError(f"{len(rows):,} rows have no label", fix=fix, rows=errors[:LISTED], total=len(rows))


def _decided(example: Example, done: Applied) -> Example | None:
    for name, decision in done.decided.get(example.origin, {}).items():
        by = f"{decision.who}, {decision.when}"
        if decision.action == "drop":
            done.rejections.append(Rejection(example.id, example.origin, f"dropped by {by}"))
            return None
        if decision.after != decision.before:
            rule = f"decisions: {decision.action} by {by}"
            done.changes.append(Change(example.origin, rule, decision.before, decision.after))
            example = with_field(example, name, decision.after)
    return example


def _unused(path: str, missed: list[int], changed: list[int]) -> list[Finding]:
    if not missed and not changed:
        return []
    told = [f"{len(missed)} are about rows that the data does not have"] if missed else []
    told += [f"{len(changed)} about rows whose field is not what was decided on"] if changed else []
    return [
        Finding(
            "decisions",
            "warning",
            f"{len(missed) + len(changed)} decisions were not used: {', '.join(told)}.",
            tuple(Origin(path, line) for line in sorted([*missed, *changed])),
            "See whether the data was changed since; label the rows again, or take these lines out of the file.",
            {"missing_rows": len(missed), "changed_rows": len(changed)},
        )
    ]


def _line(decision: Decision) -> bytes:
    return json.dumps(dataclasses.asdict(decision), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _decision(values: Any, faults: list[Fault]) -> Decision | None:
    if not isinstance(values, dict):
        faults.append(Fault("wrong_type", f"is {kind(values)}, not an object", "write one decision on each line"))
        return None
    faults += _faults(values)
    return None if faults else Decision(**values)


def _faults(values: Mapping[str, Any]) -> list[Fault]:
    """Everything that is wrong with the fields of one decision."""
    names = [field.name for field in dataclasses.fields(Decision)]
    found = []
    for name in values.keys() - set(names):
        message = f"a decision has no {quoted(name)}.{did_you_mean(name, names)}"
        found.append(Fault("unknown_field", message, f"it has {', '.join(names)}", field=quoted(name)[1:-1]))
    for name in names:
        wanted = int if name == "line" else str
        if name not in values:
            found.append(Fault("missing_field", "is missing", "take the whole line as it was written", field=name))
        elif type(values[name]) is not wanted:
            message = f"is {kind(values[name])}, not {'a number' if wanted is int else 'text'}"
            found.append(Fault("wrong_type", message, "take the line as it was written", field=name))
        elif wanted is str:
            found += [dataclasses.replace(f, field=name) for f in strict_json.value_faults(values[name])]
    return found or _contradictory(values)


def _contradictory(values: Mapping[str, Any]) -> list[Fault]:
    """What does not go together in fields that are of the right type."""
    action, name, before, after = (values[key] for key in ("action", "field", "before", "after"))
    found = []

    def fault(at: str, message: str, fix: str) -> None:
        found.append(Fault("wrong_value", message, fix, field=at))

    if not _ROW.fullmatch(values["row"]):
        fault("row", f"{quoted(values['row'])} is not a row's id", "write the 12 hex digits of the row")
    if values["line"] < 1:
        fault("line", f"{values['line']} is not a line", "lines count from 1")
    if not values["who"].strip():
        fault("who", "nobody is named", "write who decided")
    try:
        datetime.strptime(values["when"], _WHEN)
    except ValueError:
        fault("when", f"{quoted(values['when'])} is not a time in UTC", "write it as 2026-01-31T12:30:00Z")
    if action not in get_args(Action):
        fault(
            "action",
            f"{quoted(action)} is not an action.{did_you_mean(action, get_args(Action))}",
            "use one of " + ", ".join(get_args(Action)),
        )
    elif action in ("drop", "undo"):
        for key, value in (("field", name), ("before", before), ("after", after)):
            if value:
                fault(key, f"{action} is about the whole row", "leave it empty")
    elif (action == "relabel") != (name == "label") and action != "keep":
        fault("field", f"{action} cannot change {quoted(name)}", "relabel changes label, edit any other field")
    elif name not in ("label", "text", "prompt", "completion") and not _TURN.fullmatch(name):
        fault("field", f"{quoted(name)} is not a field", "use label, text, prompt, completion or messages[N].content")
    elif action == "keep" and before != after:
        fault("after", "keep changes nothing, but before and after differ", "use relabel or edit")
    elif not after.strip() and (action != "keep" or name == "label"):
        fault("after", "the text is empty", "write one, or drop the row")
    return found

"""A file, folder or hub data set -> examples, and every bad row with its line, its fault and how to mend it.

    reading = recognise("support.jsonl")       what the rows are, and why
    examples = read_all("support.jsonl", reading)

Two steps, so that the reading can be shown and kept with the run. Nothing is repaired, stripped or skipped: text comes
out as it stands in the file, and a file with one bad row is refused with all its bad rows.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attune.data import formats
from attune.data.example import Example, Shape
from attune.data.formats import RawRow
from attune.data.marks import Marks
from attune.data.rows import Reading, build, did_you_mean
from attune.data.strict_json import quoted
from attune.errors import DataError, RecipeError, RowError
from attune.events import Emit, Progress, Stop, silent

_PEEKED_ROWS = 200
_TOLD_ROWS = 10_000
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(:[\w.\[\]%:-]+)?", re.ASCII)
_ADVICE = (
    "rename the columns, or say which is which under data.columns, for example {prompt: question, completion: answer}, "
    "{text: review, label: stars}, {messages: turns} or {text: body}"
)

PROMPTS = ("prompt", "question", "instruction", "input", "source")
_TEXTS = ("text", "review", "sentence", "content")
_LABELS = ("label", "labels", "sentiment", "category", "class")
_PREFERENCES = ({"chosen", "rejected"}, {"preferred_output", "non_preferred_output"})
# Columns of well-known names that a row may leave empty, each with those that it may stand beside.
_OPTIONAL: dict[str, tuple[set[str], ...]] = {
    "input": ({"instruction", "output"},),
    "context": ({"instruction", "response"},),
    "tools": ({"messages"}, {"conversations"}),
}
# What columns of well-known names are taken for. One that uses a subset of another's columns gives way to it.
_PATTERNS: tuple[tuple[Shape, dict[str, str]], ...] = (
    ("conversation", {"messages": "messages"}),
    ("conversation", {"messages": "messages", "tools": "tools"}),
    ("conversation", {"messages": "conversations"}),
    ("conversation", {"messages": "conversations", "tools": "tools"}),
    ("pair", {"prompt": "prompt", "completion": "completion"}),
    ("pair", {"prompt": "prompt", "completion": "response"}),
    ("pair", {"prompt": "instruction", "input": "input", "completion": "output"}),
    ("pair", {"prompt": "instruction", "completion": "output"}),
    ("pair", {"prompt": "instruction", "input": "context", "completion": "response"}),
    ("pair", {"prompt": "instruction", "completion": "response"}),
    ("pair", {"prompt": "input", "completion": "output"}),
    ("pair", {"prompt": "question", "completion": "answer"}),
    ("pair", {"prompt": "source", "completion": "target"}),
    *(("labelled", {"text": text, "label": label}) for text in _TEXTS for label in _LABELS),
    ("document", {"text": "text"}),
)
_NAMES: dict[Shape, str] = {
    "conversation": "conversations",
    "pair": "pairs of prompt and completion",
    "labelled": "texts with a label",
    "document": "documents",
}
_ROLES: dict[Shape, tuple[str, ...]] = {
    "conversation": ("messages", "tools"),
    "pair": ("prompt", "input", "completion"),
    "labelled": ("text", "label"),
    "document": ("text",),
}
# Roles whose place the template of a prompt takes, and the role that it must not give away.
_ASKED: dict[Shape, tuple[str, ...]] = {"pair": ("prompt", "input"), "labelled": ("text",)}
_ANSWERS: dict[Shape, str] = {"pair": "completion", "labelled": "label"}


def recognise(
    source: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    shape: Shape | None = None,
    fields: Sequence[str] = (),
    group_by: str | None = None,
    time_by: str | None = None,
) -> Reading:
    """How a source can be read, from its name and its first 200 rows.

    Args:
        source: a .jsonl, .json, .csv, .tsv, .parquet, .txt or .md file, a folder of text files, or a hub data set
            ("owner/name" or "owner/name:split") where no such path exists.
        columns: role -> column of the file, for names that are not well known.
        shape: what the rows must be; left out, the columns decide.
        fields: columns that the template of the prompt takes. They take the place of a prompt or text column.
        group_by, time_by: columns that say whom a row belongs to and when it was.

    Raises:
        DataError: no such file, an unknown format, no readable row, or columns that do not say what the rows are.
        RecipeError: `columns` names a role that does not exist.
        EnvironmentFault: the file cannot be opened or the hub does not answer.
    """
    source, columns = str(source), dict(columns or {})
    beside = {name: column for name, column in (("group_by", group_by), ("time_by", time_by)) if column is not None}
    _check_roles(columns, shape)
    try:
        file_format = _format_of(source)
        if file_format == "text":
            return _text_reading(source, columns or beside, shape)
    except OSError as error:
        raise formats.unreadable(source, error) from error
    peeked = list(itertools.islice(formats.raw_rows(source, file_format), _PEEKED_ROWS))
    rows = [row for row in peeked if isinstance(row, RawRow)]
    if not rows:
        raise _unreadable_rows(source, tuple(row for row in peeked if isinstance(row, RowError)))
    counts = Counter(column for row in rows for column in row.values)
    common = [column for column, count in counts.items() if 2 * count >= len(rows) or column in _OPTIONAL]
    named = [(f"columns.{role}", column) for role, column in columns.items()]
    for key, column in named + [(f"split.{name}", column) for name, column in beside.items()]:
        if column not in counts:
            raise DataError(
                f"the column {quoted(column)} does not exist.{did_you_mean(column, counts)}",
                where=f"{source} (data.{key})",
                fix=f"the columns are {_listed(list(counts))}",
            )
    _check_fields(source, fields, counts)
    own = [column for column in common if column not in beside.values()]
    matches = _matches(own, columns, shape, templated=bool(fields))
    matches = matches or _matches(common, columns, shape, templated=bool(fields))
    because = "by the names of its columns"
    if not matches and not columns and shape in (None, "labelled") and file_format in ("csv", "tsv"):
        matches = _label_by_values(source, rows, own)
        because = "because one of its two columns holds few different values"
    if len(matches) != 1:
        raise _undecided(source, file_format, list(counts), matches, shape)
    found, roles = matches[0]
    if not columns:
        _check_reading(source, found, roles, rows, shape)
    if fields:
        roles = {role: column for role, column in roles.items() if role not in _ASKED.get(found, ())}
        _check_answer_is_not_asked(source, roles.get(_ANSWERS.get(found, "")), fields)
    unused = [column for column in counts if column not in {*roles.values(), *fields, *beside.values()}]
    reason = f"{source} ({file_format}) is read as {_NAMES[found]} {because if not columns else 'by data.columns'}: "
    reason += ", ".join(f"{role} = {quoted(column)}" for role, column in (*roles.items(), *beside.items()))
    reason += f"; in the prompt: {_listed(list(fields))}" if fields else ""
    reason += f"; not used: {_listed(unused)}." if unused else "."
    unread = () if columns or fields else _left_alone(roles)
    return Reading(file_format, found, roles, reason, tuple(fields), group_by, time_by, unread)


def _left_alone(roles: Mapping[str, str]) -> tuple[str, ...]:
    """Optional columns that go with these and that no row at the start has."""
    taken = {column.strip().casefold() for column in roles.values()}
    return tuple(
        name for name, ways in _OPTIONAL.items() if name not in taken and any(beside <= taken for beside in ways)
    )


def _check_reading(
    source: str, found: Shape, roles: Mapping[str, str], rows: Sequence[RawRow], shape: Shape | None
) -> None:
    """Refuse rows whose columns look like one thing and hold another one."""
    held = {column.strip().casefold(): column for row in rows for column in row.values}
    label = next((held[name] for name in _LABELS if name in held and held[name] not in roles.values()), None)
    if found == "document" and shape is None and label is not None:
        what = f"the rows have a text and {quoted(label)}, but cannot be read as texts with a label"
        fix = "give every row its label and split by another column; to learn the texts alone, say task: domain"
        raise DataError(what, where=source, fix=fix)
    values = [row.values.get(held.get("label", "")) for row in rows]
    if found == "pair" and label == "label" and all(isinstance(value, bool) for value in values):
        what = "the pairs have a label that is true or false, as ratings of answers have: bad answers would be learned"
        fix = "keep the rows that are true and leave the label out, or name the columns under data.columns"
        raise DataError(what, where=source, fix=fix)


def read(source: str | Path, reading: Reading) -> Iterator[Example | RowError]:
    """The examples of a source in the order of the file, and every error of every bad row, in constant memory.

    Ids are those of the content, so two rows of the same content have the same id here; `read_all` tells them apart.

    Raises:
        EnvironmentFault: the file cannot be opened or the hub does not answer.
    """
    marks = Marks(reading.group_by, reading.time_by)
    used = list(dict.fromkeys([*reading.columns.values(), *reading.fields, *marks.columns()]))
    for row in formats.raw_rows(str(source), reading.format, used, reading.time_by):
        if isinstance(row, RowError):
            yield row
            continue
        built = build(row, reading, marks)
        if isinstance(built, list):
            yield from built
        else:
            yield built


def read_all(
    source: str | Path,
    reading: Reading,
    *,
    cap: int = 1000,
    emit: Emit = silent,
    stop: Stop | None = None,
) -> list[Example]:
    """All examples of a source, with unique ids; see `read_good`."""
    return list(read_good(source, reading, Counter(), cap=cap, emit=emit, stop=stop))


def read_good(
    source: str | Path,
    reading: Reading,
    copies: Counter[str],
    *,
    cap: int = 1000,
    emit: Emit = silent,
    stop: Stop | None = None,
) -> Iterator[Example]:
    """The examples of a source, one by one, and at their end every error that there was.

    Progress has no total before the end: only then it is known how many rows there are.

    Args:
        copies: how often each content was seen, which makes ids unique in all files that are read with it.

    Raises:
        DataError: any row is bad, or there is none. Holds the first `cap` errors, and counts all of them in `total`.
        EnvironmentFault: the file cannot be opened or the hub does not answer.
        Interrupted: `stop` was requested.
    """
    stop = stop or Stop()
    errors: list[RowError] = []
    good = total = 0
    bad_rows: set[tuple[str, tuple[int, int]]] = set()
    for item in read(source, reading):
        stop.check()
        if isinstance(item, RowError):
            total += 1
            bad_rows.add((item.file, item.row or (item.line, 0)))
            if len(errors) < cap:
                errors.append(item)
            continue
        good += 1
        if good % _TOLD_ROWS == 0:
            emit(Progress("read", good, 0, "rows"))
        copies[item.id] += 1
        count = copies[item.id]
        yield item if count == 1 else dataclasses.replace(item, id=f"{item.id}-{count}")
    if total:
        rows = "1 row is" if len(bad_rows) == 1 else f"{len(bad_rows):,} rows are"
        found = f"{total:,} error{'s' * (total > 1)}"
        what = f"{rows} wrong ({found}), {good:,} are good"
        raise DataError(what, where=str(source), fix=_mend(errors), rows=tuple(errors), total=total)
    if not good:
        raise _unreadable_rows(str(source), ())
    emit(Progress("read", good, good, "rows"))


def _mend(errors: list[RowError]) -> str:
    return f"mend the rows that are listed; the first: {errors[0]}" if errors else "mend the rows"


def _unreadable_rows(source: str, errors: tuple[RowError, ...]) -> DataError:
    if errors:
        return DataError(
            "no row at the start of the data can be read", where=source, fix=_mend(list(errors)), rows=errors
        )
    return DataError("there are no rows", where=source, fix="check that this is the right file and that it is complete")


def _check_roles(columns: Mapping[str, str], shape: Shape | None) -> None:
    known = list(
        dict.fromkeys(role for roles in (_ROLES.values() if shape is None else [_ROLES[shape]]) for role in roles)
    )
    for role in columns:
        if role not in known:
            what = f"{quoted(role)} is not something a column can be here.{did_you_mean(role, known)}"
            raise RecipeError(what, where="data.columns", fix=f"the left side is one of {_listed(known)}")


def _check_fields(source: str, fields: Sequence[str], known: Mapping[str, int]) -> None:
    for name in fields:
        if name not in known:
            fix = f"the columns are {_listed(list(known))}; a brace that should stand in the text is written twice"
            what = f"the prompt takes the column {quoted(name)}, which does not exist.{did_you_mean(name, known)}"
            raise DataError(what, where=f"{source} (data.prompt)", fix=fix)


def _check_answer_is_not_asked(source: str, answer: str | None, fields: Sequence[str]) -> None:
    if answer in fields:
        what = f"the prompt gives the answer away: {quoted(answer)} is what the model should answer"
        raise DataError(
            what, where=f"{source} (data.prompt)", fix="leave that field out, or name another answer column"
        )


def _format_of(source: str) -> str:
    """The name of the format, from the path; a .json file is an array or, as many are, JSON lines."""
    path = Path(source)
    suffix = path.suffix.lower()
    if "\0" in source or not path.exists():
        if suffix not in formats.SUFFIXES and _HUB_NAME.fullmatch(source):
            return "hub"
        parent = path.parent
        siblings = [item.name for item in parent.iterdir()] if "\0" not in source and parent.is_dir() else []
        hint = did_you_mean(path.name, siblings)
        raise DataError(f"there is no such file or folder.{hint}", where=source, fix="check the path")
    if path.is_dir():
        return "text"
    if not path.is_file():
        raise DataError("this is neither a file nor a folder", where=source, fix="name a data file")
    if suffix not in formats.SUFFIXES:
        fix = f"use one of {', '.join(formats.SUFFIXES)}"
        raise DataError(f"files that end in {quoted(suffix)} cannot be read", where=source, fix=fix)
    if suffix != ".json":
        return formats.SUFFIXES[suffix]
    with path.open("rb") as stream:
        head = stream.read(65536).removeprefix(b"\xef\xbb\xbf").lstrip()
    first_line = head.split(b"\n")[0].rstrip()
    if not head.startswith(b"{"):
        return "json"
    if len(first_line) < len(head.rstrip()) and not first_line.endswith(b"}"):
        fix = "put the rows into one array, [{...}, {...}], or write each on one line in a .jsonl file"
        raise DataError("the file holds one object instead of rows", where=source, fix=fix)
    return "jsonl"


def _text_reading(source: str, columns: Mapping[str, str], shape: Shape | None) -> Reading:
    if shape not in (None, "document") or columns:
        fix = "use a JSONL, CSV or Parquet file for rows with several fields"
        raise DataError("text files hold documents, which have no columns", where=source, fix=fix)
    path = Path(source)
    if not path.is_dir():
        return Reading("text", "document", {"text": "text"}, f"{source} (text) is read as one document.")
    files, others = formats.text_files(path)
    if not files:
        data = sorted(item.name for item in path.iterdir() if item.suffix.lower() in formats.SUFFIXES)
        fix = f"name one of its files: {_listed(data)}" if data else "name a data file"
        raise DataError(f"the folder holds no {' or '.join(formats.TEXT_SUFFIXES)} file", where=source, fix=fix)
    reason = f"{source} (folder) is read as documents, one for each of its {len(files)} text files"
    return Reading(
        "text", "document", {"text": "text"}, reason + (f"; {others} others are not read." if others else ".")
    )


def _matches(
    names: list[str], columns: Mapping[str, str], shape: Shape | None, *, templated: bool = False
) -> list[tuple[Shape, dict[str, str]]]:
    """Every pattern that these column names fit; the user's own columns take the place of the well-known ones.

    Where a template asks, patterns of the answer alone are good enough if no whole one fits.
    """
    whole = _fits(names, columns, shape, _PATTERNS)
    if not templated or any(found != "document" for found, _ in whole):
        return whole
    answers = [
        (found, {role: name for role, name in pattern.items() if role not in _ASKED[found]})
        for found, pattern in _PATTERNS
        if found in _ASKED
    ]
    return _fits(names, columns, shape, answers) or whole


def _fits(
    names: list[str],
    columns: Mapping[str, str],
    shape: Shape | None,
    patterns: Sequence[tuple[Shape, dict[str, str]]],
) -> list[tuple[Shape, dict[str, str]]]:
    folded = {name.strip().casefold(): name for name in reversed(names)}
    fits: list[tuple[Shape, dict[str, str]]] = []
    for found, pattern in patterns:
        if shape not in (None, found) or not columns.keys() <= set(_ROLES[found]):
            continue
        taken = {role: columns.get(role) or folded.get(name) for role, name in pattern.items()} | dict(columns)
        roles = {role: column for role, column in taken.items() if column is not None}
        is_new = (found, roles) not in fits
        if len(roles) == len(taken) == len(set(roles.values())) and is_new:
            fits.append((found, roles))
    fits = [fit for fit in fits if not any(set(fit[1].values()) < set(other[1].values()) for other in fits)]
    return [fit for fit in fits if fit[0] != "document"] or fits


def _label_by_values(source: str, rows: list[RawRow], names: list[str]) -> list[tuple[Shape, dict[str, str]]]:
    """A two-column table of which one column repeats a few short values and the other one does not."""
    if len(names) != 2:
        return []
    values = {name: Counter(str(row.values[name]) for row in rows) for name in names}
    for label, text in (names, reversed(names)):
        repeated = values[label]
        if 2 <= len(repeated) <= 20 and 2 * len(repeated) <= min(len(rows), len(values[text])):
            if label in repeated:
                what = f"the first line seems to be data, not the names of the columns: {_listed(names)}"
                raise DataError(what, where=f"{source}:1", fix="put a line like 'text,label' in front")
            return [("labelled", {"text": text, "label": label})]
    return []


def _undecided(
    source: str, file_format: str, names: list[str], matches: list[tuple[Shape, dict[str, str]]], shape: Shape | None
) -> DataError:
    held = f"the columns are {_listed(names)}"
    if matches:
        ways = "; ".join(f"{_NAMES[found]} ({', '.join(roles.values())})" for found, roles in matches)
        fix = f"say which under data.columns or with the task, for example {{{_as_map(matches[0][1])}}}"
        return DataError(f"the rows can be read in several ways: {ways}; {held}", where=source, fix=fix)
    if any(wanted <= set(names) for wanted in _PREFERENCES):
        what = "these are preferences, a better and a worse answer to the same, which no task takes yet"
        fix = "to learn the better answers, write rows of {prompt, completion} or {messages} with them"
        return DataError(f"{what}: {held}", where=source, fix=fix)
    header = "; the first line of the file must name the columns" if file_format in ("csv", "tsv") else ""
    what = f"the rows do not look like {_NAMES[shape]}" if shape else "cannot tell what the rows are"
    return DataError(f"{what}: {held}{header}", where=source, fix=_ADVICE)


def _as_map(roles: Mapping[str, str]) -> str:
    return ", ".join(f"{role}: {column}" for role, column in roles.items())


def _listed(names: list[str]) -> str:
    shown = ", ".join(quoted(name) for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")

"""Data files with one planted flaw each, clean ones, and what Attune says of them.

    python tests/traps.py OUT      writes the files, reads and audits each as a run does, and prints the table

A trap names every row with its flaw, and exactly these rows must be named, at exactly their places: the line, and for
errors the field and the column too. What else is told of a trap, but for remarks (info), counts against Attune.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import flawed_files
import flawed_rows
from flawed_files import Content, Files

from attune.data import audit, source
from attune.data.example import Example, texts_of
from attune.errors import DataError
from attune.recipe import Audit


class Told(NamedTuple):
    """One row that was named, or with line 0 the whole source: by an error's code or a check, at a field and column."""

    name: str
    line: int
    field: str = ""
    column: int = 0
    file: str = ""  # in a folder


@dataclass(frozen=True)
class Answer:
    """What Attune says of a source: what it names, by gravity, and the rows if all of them could be read."""

    severities: Mapping[Told, str]
    examples: list[Example]
    message: str = ""

    def grave(self, also: Iterable[str] = ()) -> set[Told]:
        """Errors and warnings, and remarks of these checks."""
        return {told for told, severity in self.severities.items() if severity != "info" or told.name in also}


@dataclass(frozen=True)
class Trap:
    """A source with one flaw.

    Attributes:
        name: of the trap, and of its folder.
        flaw: in a few words.
        file: the source's name in that folder.
        content: its bytes, or those of each file of a folder.
        told: every row that must be named.
        says: a part of the message, where no row is named or more than the place counts.
        same_as: content of a file without the flaw that must give the same rows, for flaws that do no harm.
    """

    name: str
    flaw: str
    file: str
    content: Content
    told: frozenset[Told] = frozenset()
    says: str = ""
    same_as: bytes = b""

    @property
    def names(self) -> list[str]:
        """The error codes and checks that tell it."""
        return sorted({told.name for told in self.told})


def ask(path: Path) -> Answer:
    """Read and audit a source as `attune run` does before it splits."""
    try:
        reading = source.recognise(path)
        examples = source.read_all(path, reading)
    except DataError as error:
        base = path if path.is_dir() else path.parent
        told = {
            Told(row.code, row.line, row.field, row.column, _inside(row.file, base)): "error" for row in error.rows
        } or {Told("refused", 0): "error"}
        return Answer(told, [], str(error) + "".join(f"\n{row}" for row in error.rows))
    limits = Audit()
    severities = {}
    messages = []
    for finding in audit.audit(examples, limits, audit.alike(examples, limits)):
        kind = finding.evidence.get("kind") or finding.evidence.get("feature")
        name = f"{finding.check}:{kind}" if kind else finding.check
        places = [Told(name, row.line, file=_inside(row.file, path)) for row in finding.rows] or [Told(name, 0)]
        severities.update(dict.fromkeys(places, finding.severity))
        messages.append(finding.what)
    return Answer(severities, examples, "\n".join(messages))


def _inside(file: str, base: Path) -> str:
    return Path(file).relative_to(base).as_posix() if base.is_dir() and Path(file).parent != base else ""


def misses(trap: Trap, answer: Answer, twin: Answer | None) -> list[str]:
    """In which points the answer is not what the trap expects."""
    found = answer.grave(also=trap.names)
    wrong = [f"not told: {told}" for told in sorted(trap.told - found)]
    wrong += [f"told without need: {told}" for told in sorted(found - trap.told)]
    if trap.says not in answer.message:
        wrong.append(f"{trap.says!r} is not said in: {answer.message}")
    if not trap.told and not answer.examples:
        wrong.append("no rows")
    if twin is not None and list(map(texts_of, answer.examples)) != list(map(texts_of, twin.examples)):
        wrong.append("the rows are not those of the file without the flaw")
    return wrong


def put(trap: Trap, folder: Path) -> Path:
    """Write a trap's files; returns the source."""
    return _write(folder / trap.name / trap.file, trap.content)


def put_twin(trap: Trap, folder: Path) -> Path | None:
    """Write the file without the flaw, where the trap has one."""
    return _write(folder / trap.name / f"twin-{trap.file}", trap.same_as) if trap.same_as else None


def put_clean(name: str, folder: Path) -> Path:
    """Write one of the clean sources."""
    file, content = flawed_files.CLEAN[name]()
    return _write(folder / "clean" / file, content)


def _write(path: Path, content: Content) -> Path:
    if isinstance(content, bytes):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path
    for name, part in content.items():
        _write(path / name, part)
    return path


def _all_traps() -> dict[str, Trap]:
    found = {}
    makers: list[Callable[[], Iterable[Files]]] = [flawed_files.files, flawed_files.bad_rows, flawed_rows.findings]
    for make in makers:
        for made in make():
            told = frozenset(Told(*place) for place in made.told)
            trap = Trap(made.name, made.flaw, made.file, made.content, told, made.says, made.same_as)
            assert trap.name not in found, trap.name
            found[trap.name] = trap
    return found


TRAPS = _all_traps()
CLEAN = tuple(flawed_files.CLEAN)


def row_of(trap: Trap, answer: Answer) -> str:
    """The trap's row of the table."""
    names = trap.names
    found = {told for told in answer.grave(also=names) if told.name in names}
    gravity = {answer.severities[told] for told in found}
    how = ", ".join(f"`{name}`" for name in names) or "read as it stands"
    if gravity:
        how = f"{'/'.join(sorted(gravity))} {how}"
    return f"| {trap.name} | {trap.flaw} | {_places(trap.told)} | {_places(found)} | {how} |"


def clean_row_of(name: str, answer: Answer) -> str:
    """A clean source's row of its table."""
    told = sorted(f"`{told}`" for told in {told.name for told in answer.severities})
    grave = len({told.name for told in answer.grave()})
    return f"| {name} | {len(answer.examples)} | {grave} | {', '.join(told) or 'nothing'} |"


def _places(told: Iterable[Told]) -> str:
    lines = sorted({(one.file, one.line) for one in told})
    if not lines:
        return "none"
    if lines == [("", 0)]:
        return "the whole"
    shown = [f"{file}:{line}" if file else str(line) for file, line in lines]
    return ", ".join(shown) if len(shown) <= 8 else f"{', '.join(shown[:6])} and {len(shown) - 6} more"


def page(traps: Mapping[str, Answer], clean: Mapping[str, Answer]) -> str:
    """docs/reference/traps.md."""
    caught = sum(not misses(TRAPS[name], answer, None) for name, answer in traps.items())
    lines = [
        "<!-- Written by `python tests/traps.py OUT --page FILE`. Do not edit. -->\n",
        "# Traps for the data\n",
        f"{len(traps)} sources with one planted flaw each, and what Attune says of them; `tests/traps.py` makes them.",
        f"In {caught} of them exactly the planted rows are named, and no error or warning names another row. Lines",
        "count from 1 as an editor does; in Parquet they are rows. A flaw that does no harm is read as it stands.\n",
        "| trap | flaw | planted | found | told by |",
        "|---|---|---|---|---|",
        *(row_of(TRAPS[name], answer) for name, answer in traps.items()),
        "",
        "## Clean sources\n",
        "Rows that are as they should be. Whatever is told of them is a remark (info) or counts against Attune.\n",
        "| source | rows | errors and warnings | told |",
        "|---|---|---|---|",
        *(clean_row_of(name, answer) for name, answer in clean.items()),
    ]
    return "\n".join([*lines, ""])


def main(arguments: list[str]) -> int:
    """Write, ask and print; 1 if any trap is missed."""
    folder = Path(arguments[0])
    traps, missed = {}, 0
    for trap in TRAPS.values():
        answer = ask(put(trap, folder))
        twin = put_twin(trap, folder)
        traps[trap.name] = answer
        wrong = misses(trap, answer, None if twin is None else ask(twin))
        missed += bool(wrong)
        for line in wrong:
            print(f"{trap.name}: {line}", file=sys.stderr)
    clean = {name: ask(put_clean(name, folder)) for name in CLEAN}
    for name, answer in clean.items():
        for told in sorted(answer.grave()):
            print(f"{name}: {told}", file=sys.stderr)
    text = page(traps, clean)
    print(text)
    if "--page" in arguments:
        Path(arguments[arguments.index("--page") + 1]).write_text(text, encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Going through doubted rows, one at a time: by keys in a terminal, by lines from a pipe.

Every decision is on the disk before the next row is shown, so nothing is lost however it ends.
"""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from attune import terminal
from attune.data import decisions, strict_json
from attune.data.decisions import Decision
from attune.data.example import LabelledText
from attune.data.finding import Finding
from attune.errors import DataError, Interrupted
from attune.keyboard import Keys, Lines
from attune.labelling import Item, Work, shown_path, tally, titles

COMMANDS = {
    "": "keep",
    "e": "edit",
    "d": "drop",
    "s": "skip",
    "u": "undo",
    "l": "label by name",
    "n": "new label",
    "w": "whole text",
    "q": "quit",
}
SHOWN_CHARACTERS, SHOWN_LINES = 1200, 16
SHOWN_LABELS = 28
_LETTERS = "123456789abcfghijkmoprtvxyz"  # none that is a command


def review(work: Work, items: Sequence[Item], who: str, out: Console) -> list[Decision]:
    """Show each row and keep what is decided about it, until the rows or the answers end; what was decided.

    Raises:
        Interrupted: Ctrl-C; what was decided is kept.
        DataError: a line of a pipe is no answer, so that later ones might belong to other rows.
        EnvironmentFault: a decision could not be kept.
    """
    by_key = sys.stdin.isatty() and out.is_terminal
    going = _Review(work, items, who, out, Keys() if by_key else Lines())
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with going.answers:
            going.go()
    except KeyboardInterrupt:
        going.end()
        raise Interrupted("stopped", fix=f"go on with: {shlex.join(['attune', 'label', work.source])}") from None
    finally:
        signal.signal(signal.SIGINT, before)
    going.end()
    return going.made


def print_nothing(out: Console, work: Work) -> None:
    """That no row is doubted."""
    rows = sum(map(len, work.parts.values()))
    decided = len(work.done.decided)
    before = f", apart from {decided:,} decided before (see them with --again)" if decided else ""
    out.print(f"None of {rows:,} rows is doubted{before}.")


def print_page(out: Console, page: Path, rows: int, command: str) -> None:
    """What to do with a page."""
    out.print(f"{rows:,} rows are in {terminal.printable(shown_path(page))}. Open it in a browser, decide, save, then:")
    out.print(Text(f"  {terminal.printable(command)}", style="bold"))


def print_taken(out: Console, work: Work, new: Sequence[Decision], findings: Sequence[Finding]) -> None:
    """What came of the decisions of a page."""
    for finding in findings:
        lines = ", ".join(str(row.line) for row in finding.rows[:10])
        out.print(Text(f"! {finding.what} {finding.advice} Lines: {lines}", style="yellow"))
    out.print(Text(f"{len(new):,} new decisions: {tally(new)}.", style="bold"))
    _print_use(out, work)


def _print_use(out: Console, work: Work) -> None:
    path = terminal.printable(shown_path(work.path))
    out.print(f"Kept in {path}. The data file is as it was. To use the decisions:")
    out.print(Text(f"  {terminal.printable(work.command)}", style="bold"))


def keys_of(labels: Sequence[str]) -> dict[str, str]:
    """Key -> label. A label of one sign is its own key, others get numbers, then letters; far ones have none."""
    own = {label: label for label in labels if len(label) == 1 and label not in COMMANDS}
    free = [key for key in _LETTERS if key not in own]
    others = [label for label in labels if label not in own]
    return own | dict(zip(free, others, strict=False))


@dataclass
class _Review:
    work: Work
    items: Sequence[Item]
    who: str
    out: Console
    answers: Keys | Lines
    made: list[Decision] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        self._labels = list(self.work.labels)
        self._keys = keys_of(self._labels)
        self._texts: dict[str, str] = {}  # fields of the row on the screen that were edited
        self._history: list[int] = []  # where the decisions of this session were made
        self._told = ""

    def go(self) -> None:
        while self.at < len(self.items):
            self._show()
            answer = self.answers.next()
            if answer is None or answer == "q":
                return
            self._answer(self.items[self.at], answer)

    def end(self) -> None:
        self.out.print()
        left = len(self.items) - len(set(self._history))
        what = tally(self.made)
        self.out.print(Text(f"{what[:1].upper()}{what[1:]}; {left:,} of {len(self.items):,} left.", style="bold"))
        if self.made:
            _print_use(self.out, self.work)

    def _answer(self, item: Item, answer: str) -> None:
        command, _, rest = answer.partition(" ")
        if answer in self._keys:
            self._settle(item, self._keys[answer])
        elif answer in self._labels and answer not in COMMANDS:
            self._settle(item, answer)
        elif command in ("e", "l", "n") and (command == "e" or self._labelled(item)):
            self._with_text(item, command, rest.strip())
        elif answer == "w":
            self._whole(item)
        elif answer not in COMMANDS or answer in ("l", "n"):
            self._refuse("that is no key here" if answer == " " else f"{strict_json.quoted(answer)} is no key here")
        elif answer == "" and self._labelled(item) and not item.now("label"):
            self._refuse("this row has no label that could be kept")
        elif answer == "":
            self._settle(item, self._now(item, item.target))
        elif answer == "d":
            self._keep(item.dropped(self.who))
            self._next(f"✓ dropped {_place(item)}")
        elif answer == "u":
            self._undo()
        else:
            self._next(f"  skipped {_place(item)}")

    def _settle(self, item: Item, value: str) -> None:
        decision = item.settled(item.target, value, self.who)
        self._keep(decision)
        said = f"{decision.action}: {decision.after}" if item.target == "label" else decision.action
        self._next(f"✓ {said}, {_place(item)}")

    def _with_text(self, item: Item, command: str, text: str) -> None:
        if command == "e":
            name = "text" if self._labelled(item) else item.target
            before = self._now(item, name)
            text = text or self.answers.edit(before, self.out)
            if not text.strip() or text == before:
                self._refuse("nothing was changed")
            elif self._possible(text):
                self._keep(item.settled(name, text, self.who))
                self._texts[name] = text
                if name == item.target:
                    self._next(f"✓ edited {_place(item)}")
                else:
                    self._told = "✓ edited; and its label?"
            return
        text = text or self.answers.line("label: " if command == "l" else "new label: ")
        known = [label for label in self._labels if label.startswith(text)]
        if not text:
            self._refuse("no label was named")
        elif command == "n" and self._possible(text):
            if text not in self._labels:
                self._labels.append(text)
                self._keys = keys_of(self._labels)
            self._settle(item, text)
        elif command == "l" and (text in known or len(known) == 1):
            self._settle(item, text if text in known else known[0])
        elif command == "l":
            self._refuse(f"{len(known)} labels begin so" if known else f"there is no label {strict_json.quoted(text)}")

    def _possible(self, text: str) -> bool:
        fault = next(strict_json.value_faults(text), None)
        if fault is not None:
            self._refuse(f"the text cannot be kept: {fault.message}")
        return fault is None

    def _undo(self) -> None:
        if not self._history:
            self._told = "! there is nothing to undo"
            return
        self.at = self._history.pop()
        item = self.items[self.at]
        undone = item.undone(self.who)
        decisions.append(self.work.path, [undone])
        self.made.append(undone)
        self._texts = {}
        self._told = f"✓ taken back: {_place(item)}"

    def _keep(self, decision: Decision) -> None:
        decisions.append(self.work.path, [decision])
        self.made.append(decision)
        self._history.append(self.at)

    def _next(self, told: str) -> None:
        self._told = told
        self._texts = {}
        self.at += 1

    def _refuse(self, what: str) -> None:
        """A person may try again; what a pipe says next was meant for another row."""
        if isinstance(self.answers, Lines):
            fix = "see the keys in `attune label --help`; what was answered before is kept"
            raise DataError(what, where=f"standard input:{self.answers.number}", fix=fix)
        self._told = f"! {what}"

    def _now(self, item: Item, name: str) -> str:
        return self._texts.get(name, item.now(name))

    @staticmethod
    def _labelled(item: Item) -> bool:
        return isinstance(item.original, LabelledText)

    # --- what is seen ---

    def _show(self) -> None:
        item, out = self.items[self.at], self.out
        if isinstance(self.answers, Keys) and not out.is_dumb_terminal:
            out.clear()
        if self._told:
            out.print(terminal.printable(self._told), style="dim")
            self._told = ""
        out.print()
        head = Text(f"{self.at + 1:,} of {len(self.items):,}", style="bold")
        out.print(head.append(f"  {terminal.printable(_place(item))}", style="dim"))
        out.print()
        for name, text in self._shown(item):
            if name:
                out.print(Text(f"{name}:", style="dim"))
            out.print(Text(terminal.printable(shortened(text))))
            out.print()
        for check, why in item.doubt.reasons.items():
            line = Text("doubt  ", style="dim").append(terminal.printable(shortened(why, 300)), style="yellow")
            out.print(line.append(f"  {check}", style="dim"))
        if self._labelled(item):
            out.print(
                Text("label  ", style="dim").append(terminal.printable(item.now("label")) or "none", style="bold")
            )
        if isinstance(self.answers, Keys) or self.at == 0:
            out.print()
            for line in self._legend(item):
                out.print(line)
        out.file.flush()

    def _shown(self, item: Item) -> list[tuple[str, str]]:
        """Name and text of everything that a person has to see."""
        if self._labelled(item):
            return [("", self._now(item, "text"))]
        row = item.original
        return [(t, self._now(item, name)) for t, name in zip(titles(row), decisions.fields(row), strict=True)]

    def _legend(self, item: Item) -> Iterator[Text]:
        if self._labelled(item):
            line = Text()
            for key, label in list(self._keys.items())[:SHOWN_LABELS]:
                style = "bold green" if label == item.doubt.suggestion else ""
                line.append(f"{key} ", style="cyan").append(
                    f"{terminal.printable(shortened(label, 40))}   ", style=style
                )
            yield line
        wanted = [key for key in COMMANDS if self._labelled(item) or key not in ("l", "n")]
        line = Text(style="dim")
        for key in wanted:
            line.append(f"{key or 'Enter'} ", style="cyan").append(f"{COMMANDS[key]}   ")
        yield line

    def _whole(self, item: Item) -> None:
        for name, text in self._shown(item):
            self.out.print(Text(f"{name}:" if name else "", style="dim"))
            self.out.print(Text(terminal.printable(text)))
        self.answers.wait(self.out)


def shortened(text: str, most: int = SHOWN_CHARACTERS) -> str:
    """The beginning and the end of a long text, and how much there is."""
    lines = text.split("\n", SHOWN_LINES + 1)
    cut = text
    if len(lines) > SHOWN_LINES:
        cut = "\n".join(lines[:SHOWN_LINES])
    if len(cut) > most:
        cut = cut[:most]
    return text if len(cut) == len(text) else f"{cut} … ({len(text):,} characters)"


def _place(item: Item) -> str:
    return decisions.place(item.original.origin)

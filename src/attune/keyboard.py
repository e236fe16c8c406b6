"""Answers of a person: single keys, lines and an editor at a terminal, or the lines of a pipe."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from rich.console import Console
from rich.text import Text


class Lines:
    """Answers from a pipe, one a line; a text that belongs to an answer stands behind it."""

    def __init__(self) -> None:
        self.number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def next(self) -> str | None:
        """The next answer; None at the end."""
        line = sys.stdin.readline()
        self.number += 1
        return line.strip() if line else None

    def line(self, prompt: str) -> str:
        """Nothing: a pipe is not asked twice."""
        return ""

    def edit(self, before: str, out: Console) -> str:
        """Nothing: a pipe is not asked twice."""
        return ""

    def wait(self, out: Console) -> None:
        """Go on at once."""


class Keys:
    """Answers from a keyboard: single keys, lines where a text is wanted, and the person's own editor."""

    def __enter__(self) -> Self:
        self._descriptor = sys.stdin.fileno()
        self._before = _at_once(self._descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        _back(self._descriptor, self._before)

    def next(self) -> str | None:
        """The next key, "" for Enter, " " for one that is no sign; None at the end."""
        if self._before is None:
            return _typed("> ")
        key = self._key()
        return None if key in ("", "\x04") else "" if key in ("\r", "\n") else key

    def line(self, prompt: str, before: str = "") -> str:
        """A line that is typed; `before` stands there and can be changed."""
        with self._whole_lines():
            return _typed(prompt, before) or ""

    def edit(self, before: str, out: Console) -> str:
        """The text as it comes back from $VISUAL or $EDITOR; without one, a line that is typed."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        if not editor:
            return self.line("new text: ", "" if "\n" in before else before)
        with tempfile.TemporaryDirectory() as folder, self._whole_lines():
            path = Path(folder) / "text.txt"
            path.write_text(before, encoding="utf-8", newline="")
            try:
                subprocess.run([*shlex.split(editor), str(path)], check=True)
                after = path.read_bytes().decode()
            except (OSError, ValueError, subprocess.CalledProcessError) as error:
                out.print(Text(f"The editor did not end well: {error}", style="yellow"))
                _typed("Enter goes back ")
                return before
        return after if before.endswith("\n") else after.removesuffix("\n")  # editors end a file with one

    def wait(self, out: Console) -> None:
        """Until a key is pressed."""
        out.print(Text("any key goes back", style="dim"))
        out.file.flush()
        self.next()

    def _key(self) -> str:
        raw = os.read(self._descriptor, 1)
        for lead, more in ((0b110, 1), (0b1110, 2), (0b11110, 3)):  # UTF-8
            if raw and raw[0] >> (6 - more) == lead:
                raw += os.read(self._descriptor, more)
        if raw == b"\x1b":  # an arrow or the like, whose further bytes are no answers
            while select.select([self._descriptor], [], [], 0.02)[0]:
                os.read(self._descriptor, 32)
            return " "
        return raw.decode(errors="replace")

    @contextmanager
    def _whole_lines(self) -> Iterator[None]:
        _back(self._descriptor, self._before)
        try:
            yield
        finally:
            _at_once(self._descriptor)


def _at_once(descriptor: int) -> list[Any] | None:
    """Have the terminal give each key as it comes, unseen; what it was set to, None where that cannot be."""
    try:
        import termios
        import tty
    except ImportError:
        return None
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSADRAIN)
    return before


def _back(descriptor: int, before: list[Any] | None) -> None:
    if before is not None:
        import termios

        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _typed(prompt: str, before: str = "") -> str | None:
    """A line of the person, who may change what stands there; None at the end."""
    try:
        import readline
    except ImportError:
        readline = None  # type: ignore[assignment]
    if readline is not None:
        readline.set_startup_hook(lambda: readline.insert_text(before))
    try:
        return input(prompt)
    except EOFError:
        return None
    finally:
        if readline is not None:
            readline.set_startup_hook(None)

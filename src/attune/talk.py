"""Talking with a model in a terminal, or through a pipe."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator

from attune import summary, terminal, use
from attune.data.example import Message
from attune.errors import ModelError
from attune.model.generate import Sampling
from attune.use import Opened


def chat(opened: Opened, sampling: Sampling, *, name: str, system: str = "") -> None:
    """Answer each line of standard input until it ends or says /exit; /reset begins anew.

    A model that does not chat answers every line by itself, a classification model with its label.
    """
    beginning = [Message("system", system)] if system else []
    messages = list(beginning)
    if sys.stdin.isatty():
        print(f"{name}: /reset begins anew, /exit or Ctrl-D ends, Ctrl-C stops an answer.")
    for line in _lines_typed():
        if line == "/exit":
            return
        if line == "/reset":
            messages = list(beginning)
        elif opened.model.labels:
            ((label, confidence),) = use.labels(opened, [line])
            print_label(label, confidence)
        else:
            said = _answered(opened, [*messages, Message("user", line)], sampling)
            if said is not None and opened.chats:
                messages += [Message("user", line), Message("assistant", said)]


def print_pieces(pieces: Iterator[str]) -> str:
    """Write the pieces as they come, and a newline. The whole text, as the model made it."""
    said = ""
    for piece in pieces:
        said += piece
        _write(piece)
    _write("\n")
    return said


def print_label(label: str, confidence: float) -> None:
    """A classification model's answer."""
    _write(f"{label} ({confidence:.3f})\n")


def _write(text: str) -> None:
    """A terminal gets no control characters: a model must not steer it."""
    sys.stdout.write(terminal.printable(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def _answered(opened: Opened, messages: list[Message], sampling: Sampling) -> str | None:
    """Print the answer to the last message; None when it was stopped or could not be given."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return print_pieces(use.answer(opened, messages, sampling))
    except KeyboardInterrupt:
        _write("\n(stopped; this turn is forgotten)\n")
    except ModelError as error:  # the conversation is too long: a person can still go on
        if not sys.stdin.isatty():
            raise
        summary.print_error(terminal.console(stderr=True), error)
    finally:
        signal.signal(signal.SIGINT, before)
    return None


def _lines_typed() -> Iterator[str]:
    """Lines that are not empty, from a person or a pipe, until the end."""
    if not sys.stdin.isatty():
        yield from (line for line in map(str.strip, sys.stdin) if line)
        return
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - editing and history for input()
    while True:
        try:
            line = input("\n> ").strip()
        except EOFError:
            _write("\n")
            return
        if line:
            yield line

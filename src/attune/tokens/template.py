"""Chat templates are programs that come with a model: they are rendered in a process that can do nothing else.

The rendering is that of transformers' `apply_chat_template(tokenize=False)`. The process (`template_worker.py`) limits
its own processor time, memory and files where the system has such limits (Windows has none, macOS not all of them);
a wall clock and a cap on what is read back hold everywhere.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from attune.errors import ModelError

MAX_SECONDS = 2  # of processor time, for one text
MAX_WALL_SECONDS = 5  # for one text: only reached where processor time cannot be limited, or nothing gets any of it
MAX_MEMORY_BYTES = 512 << 20
MAX_OUTPUT_BYTES = 1_000_000

_START_SECONDS = 60  # Python and jinja2 on a busy machine with a cold disk
_MAX_LINE_BYTES = 8 * MAX_OUTPUT_BYTES  # JSON writes one byte as up to six
_OUT_OF_MEMORY = 77  # exit status of the worker
_ENVIRONMENT = ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT")  # what Python needs to start, and the clock
_FIX = "use a model with another chat template, or mend this one"


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """One conversation to render.

    Attributes:
        messages: JSON objects as chat templates know them: role, content, tool_calls, ...
        tools: JSON schemas of functions, or None.
        add_generation_prompt: end with the words that ask the assistant to answer.
    """

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] | None
    add_generation_prompt: bool


class ChatTemplate:
    """A chat template, rendered in a process of its own, which starts at the first use and is restarted when it ends.

    Use it as a context manager to end the process early; otherwise it ends with this object.

    Args:
        source: the Jinja text.
        special_tokens: variables of the template, for example {"bos_token": "<s>"}.
    """

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self.source = source
        self._special_tokens = dict(special_tokens)
        self._worker: _Worker | None = None
        self._lock = threading.Lock()

    def render(self, requests: Sequence[RenderRequest]) -> list[str]:
        """The text of each request, in order.

        Raises:
            ModelError: the template is wrong, refuses a conversation (`where` names the first one, from 1), or uses
                more time, memory or text than it may.
        """
        with self._lock:
            if self._worker is not None and not self._worker.usable():
                self._worker.end()
                self._worker = None
            if self._worker is None:
                self._worker = _Worker(self.source, self._special_tokens)
            return list(self._worker.texts(requests))

    def close(self) -> None:
        """End the process; the next `render` starts another."""
        with self._lock:
            if self._worker is not None:
                self._worker.end()
            self._worker = None

    def __enter__(self) -> ChatTemplate:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def generation_marked(source: str) -> bool:
    """Whether a template marks the assistant's words with `{% generation %}`."""
    return re.search(r"\{%[-+]?\s*generation\s*[-+]?%\}", source) is not None


class _Worker:
    """The process and the thread that reads its answers."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("template_worker.py")), *_library_folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=os.sep,
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            start_new_session=True,  # Ctrl-C is for the parent
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin = self._process.stdin
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.end = weakref.finalize(self, _end, self._process)
        threading.Thread(target=_read_lines, args=(self._process.stdout, self._answers), daemon=True).start()
        setup = {
            "source": source,
            "special_tokens": special_tokens,
            "max_seconds": MAX_SECONDS,
            "max_memory_bytes": MAX_MEMORY_BYTES,
            "max_output_bytes": MAX_OUTPUT_BYTES,
        }
        try:
            _write_lines(self._stdin, [_line(setup)])
            self._answer("starting", _START_SECONDS)
            if "error" in (compiled := self._answer("compiling it", MAX_WALL_SECONDS)):
                raise ModelError(f"the chat template cannot be compiled: {compiled['error']}", fix=_FIX)
        except BaseException:
            self.end()
            raise

    def usable(self) -> bool:
        """False once the process has ended, and in a fork: it is no child of that, so `poll` says that it has ended."""
        return self.end.alive and self._process.poll() is None

    def texts(self, requests: Sequence[RenderRequest]) -> Iterator[str]:
        """Write from a second thread while reading, so that neither pipe can fill up and stop both sides."""
        lines = [_line({name: getattr(request, name) for name in RenderRequest.__slots__}) for request in requests]
        writer = threading.Thread(target=_write_lines, args=(self._stdin, lines), daemon=True)
        writer.start()
        try:
            for number in range(1, len(requests) + 1):
                where = f"conversation {number} of {len(requests)}"
                answer = self._answer(where, MAX_WALL_SECONDS)
                if "error" in answer:
                    if number < len(requests):
                        self.end()  # the answers to the rest would be taken for those of the next call
                    raise ModelError(f"the chat template failed: {answer['error']}", where=where, fix=_FIX)
                yield answer["text"]
        except BaseException as error:
            if not isinstance(error, ModelError):
                self.end()
            raise
        finally:
            writer.join()

    def _answer(self, where: str, seconds: float) -> dict[str, str]:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            self.end()
            raise ModelError(f"the chat template used more than {MAX_SECONDS} s", where=where, fix=_FIX) from None
        if line is None:
            self._explain_end(where)
        answer: dict[str, str] = json.loads(line)
        return answer

    def _explain_end(self, where: str) -> NoReturn:
        with suppress(subprocess.TimeoutExpired):  # it closed the pipe, and may still be on its way out
            self._process.wait(MAX_WALL_SECONDS)
        status = self._process.returncode
        self.end()
        if status == -getattr(signal, "SIGXCPU", 0):
            what = f"the chat template used more than {MAX_SECONDS} s"
        elif status == _OUT_OF_MEMORY:
            what = f"the chat template used more than {MAX_MEMORY_BYTES >> 20} MB"
        else:
            what = f"the process that renders the chat template ended (status {status})"
        raise ModelError(what, where=where, fix=_FIX)


def _library_folders() -> list[str]:
    """Where jinja2 and what it imports lie: the worker sees the standard library and these."""
    specs = [importlib.util.find_spec(name) for name in ("jinja2", "markupsafe")]
    return sorted({str(Path(spec.origin).parents[1]) for spec in specs if spec is not None and spec.origin})


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _write_lines(stdin: IO[bytes], lines: Iterable[bytes]) -> None:
    with suppress(OSError):  # the process has ended: who waits for its answer says so
        stdin.writelines(lines)
        stdin.flush()


def _read_lines(stdout: IO[bytes], lines: queue.SimpleQueue[bytes | None]) -> None:
    """Hand over each line, and None at the end or when a line is longer than any answer can be."""
    with stdout:
        while (line := stdout.readline(_MAX_LINE_BYTES)).endswith(b"\n"):
            lines.put(line)
    lines.put(None)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # in a fork it does nothing
    process.wait()
    assert process.stdin is not None
    with suppress(OSError):  # what was still to be written has no reader any more
        process.stdin.close()

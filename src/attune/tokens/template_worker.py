"""The process that renders chat templates for `template.py`: a script of the standard library and jinja2 alone.

Jinja's sandbox stops a template from reaching Python's internals, not from working for ever or filling memory, so this
process limits itself before it sees the template. Where the system has no such limits the parent's clock remains.

It reads JSON lines and answers each with one: first {"source", "special_tokens", limits...}, then requests
{"messages", "tools", "add_generation_prompt"}. Answers are {"ready"}, {"text"} or {"error"}.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

if __name__ == "__main__":
    sys.path += sys.argv[1:]  # where the parent found jinja2

import jinja2
import jinja2.ext
from jinja2.nodes import CallBlock, Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

try:
    import resource
except ImportError:  # not a Unix
    resource = None  # type: ignore[assignment]

OUT_OF_MEMORY = 77  # exit status, known to template.py
_MAX_ERROR_CHARACTERS = 500


class _OutputTooLongError(Exception):
    pass


class _Generation(jinja2.ext.Extension):
    """`{% generation %}...{% endgeneration %}` marks what the assistant wrote; here it renders its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it so

    def parse(self, parser: Parser) -> Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller: Callable[[], str]) -> str:
        return caller()


class _Dict:
    """`dict` without the attributes of the class."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, keys: Any, value: Any = None) -> dict[Any, Any]:
        return dict.fromkeys(keys, value)


class _Namespace(jinja2.utils.Namespace):
    """`namespace` that takes no underscored names."""

    def __init__(*args: Any, **kwargs: Any) -> None:  # no name `self`: a template may store it
        self, *rest = args
        values = dict(*rest, **kwargs)
        for name in values:
            _refuse_underscore(name)
        jinja2.utils.Namespace.__init__(self, values)

    def __setitem__(self, name: str, item: Any) -> None:
        _refuse_underscore(name)
        super().__setitem__(name, item)


def _refuse_underscore(name: Any) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise jinja2.exceptions.SecurityError(f"a namespace cannot hold {name!r}")


def _tojson(
    x: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: Any) -> None:
    raise jinja2.exceptions.TemplateError(message)


def _strftime_now(format: str) -> str:  # noqa: A002 - templates may pass it by this name
    return datetime.now().strftime(format)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals |= {
        "raise_exception": _raise_exception,
        "strftime_now": _strftime_now,
        "dict": _Dict(),
        "namespace": _Namespace,
    }
    return environment


def _prepared(message: Any) -> Any:
    """A message as transformers hands it to a template: no empty fields, reasoning under each of its names."""
    if not isinstance(message, dict):
        return message
    message = {key: value for key, value in message.items() if value is not None}
    names = ("reasoning_content", "thinking", "reasoning")
    reasoning = next((message[name] for name in names if name in message), None)
    return message if reasoning is None else {"thinking": reasoning, **message, "reasoning_content": reasoning}


def _set_limit(name: str, soft: int, hard: int | None = None) -> None:
    """Lower a limit as far as this system knows it; one that it refuses is left to the parent's clock."""
    kind = getattr(resource, name, None)
    if resource is None or kind is None:
        return
    ceiling = resource.getrlimit(kind)[1]
    hard = ceiling if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), ceiling if hard == resource.RLIM_INFINITY else min(hard, ceiling)
    try:
        resource.setrlimit(kind, (soft, hard))
    except (ValueError, OSError):  # macOS has the names of some limits but does not take values for them
        return


def _limit_process(max_memory_bytes: int) -> None:
    _set_limit("RLIMIT_AS", max_memory_bytes, max_memory_bytes)
    for name, value in (("RLIMIT_NOFILE", 8), ("RLIMIT_FSIZE", 0), ("RLIMIT_NPROC", 0), ("RLIMIT_CORE", 0)):
        _set_limit(name, value, value)


def _renew_seconds(seconds: int) -> None:
    """Give the work that follows this much processor time; the system counts whole seconds and ends the process."""
    _set_limit("RLIMIT_CPU", math.ceil(time.process_time()) + seconds)


def _render(template: jinja2.Template, request: dict[str, Any], special: dict[str, str], max_bytes: int) -> str:
    messages = [_prepared(message) for message in request["messages"]]
    values = {**special, "messages": messages, "tools": request["tools"], "documents": None}
    blocks = []
    size_bytes = 0
    for block in template.generate(values, add_generation_prompt=request["add_generation_prompt"]):
        size_bytes += len(block.encode("utf-8", "surrogatepass"))
        if size_bytes > max_bytes:
            raise _OutputTooLongError
        blocks.append(block)
    return "".join(blocks)


def _described(error: Exception) -> str:
    line = f"line {error.lineno}: " if isinstance(error, jinja2.TemplateSyntaxError) else ""
    message = error.message if isinstance(error, jinja2.TemplateError) and error.message else str(error)
    kind = "" if isinstance(error, jinja2.TemplateError) else f"{type(error).__name__}: "
    text = f"{line}{kind}{message}"[:_MAX_ERROR_CHARACTERS]
    return "".join(character if character.isprintable() else " " for character in text)


def _answers() -> Iterator[dict[str, str]]:
    setup = json.loads(sys.stdin.buffer.readline())
    _limit_process(setup["max_memory_bytes"])
    yield {"ready": jinja2.__version__}
    _renew_seconds(setup["max_seconds"])
    try:
        template = _environment().from_string(setup["source"])
    except MemoryError:
        raise
    except Exception as error:
        yield {"error": _described(error)}
        return
    yield {"text": ""}
    while line := sys.stdin.buffer.readline():
        _renew_seconds(setup["max_seconds"])
        try:
            yield {"text": _render(template, json.loads(line), setup["special_tokens"], setup["max_output_bytes"])}
        except MemoryError:
            raise
        except _OutputTooLongError:
            yield {"error": f"it writes more than {setup['max_output_bytes']} bytes"}
        except Exception as error:  # whatever a template can raise is told to the parent, which raises ModelError
            yield {"error": _described(error)}


def main() -> None:
    """Answer until the parent closes the pipe."""
    try:
        for answer in _answers():
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
            sys.stdout.buffer.flush()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # nothing that needs memory can be relied on any more


if __name__ == "__main__":
    main()

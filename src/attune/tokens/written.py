"""Whether a chat template writes what a conversation holds: its messages, its tools and the calls to them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attune.data.example import Conversation, Message, Origin

_SAID = frozenset(
    {"system", "developer", "user", "tool"}
)  # an assistant's words may be rewritten once they are history
_LOOKED_AT = 100_000  # characters of a message that is not there word for word
_WORD_LETTERS = 4  # shorter words stand in every text


@dataclass(frozen=True, slots=True)
class TemplateProblem:
    """Something that the template does to a row which a person must know."""

    code: str
    message: str
    origin: Origin


def unwritten(example: Conversation, answers: Mapping[int, str], text: str) -> Iterator[TemplateProblem]:
    """What of the messages up to the last answer, and of the tools, does not stand in the template's output.

    White space around a message does not count, nor does the writing of a message as a JSON string.

    Args:
        answers: index of a message -> what the template writes for it, where that is learned.
        text: what the template writes up to the end of the last answer.
    """
    messages = example.messages[: max(answers) + 1]
    said: list[str] = []
    for message in messages:
        content = message.content
        if content in text or _stands_in(content, text):
            said.append(content)
        elif message.role in _SAID:
            yield _problem(example, message, text)
    if example.tools or any(message.extra for message in messages):
        yield from _of_tools(example, messages, answers, "\n".join(said), text)


def _of_tools(
    example: Conversation, messages: Sequence[Message], answers: Mapping[int, str], said: str, text: str
) -> Iterator[TemplateProblem]:
    """A name that is listed as a tool and called stands there once for each, besides where the messages say it."""
    tools = [_function(tool) for tool in example.tools]
    calls = Counter(name for message in messages for name in _called(message))
    listed = Counter(_text(tool, "name") for tool in tools)
    written = {name: _count(name, text) - _count(name, said) for name in {*calls, *listed}}
    described = all(_stands_in(_text(tool, "description"), text) for tool in tools)
    if not described or any(written[name] < count for name, count in listed.items()):
        yield TemplateProblem("dropped_tools", "the template leaves out the tools that could be called", example.origin)
        listed.clear()
    in_answers = all(_calls_stand_in(messages[index], answer) for index, answer in answers.items())
    if not in_answers or any(written[name] < count + listed[name] for name, count in calls.items()):
        yield TemplateProblem("dropped_tool_calls", "the template leaves out calls of tools", example.origin)


def _calls_stand_in(message: Message, answer: str) -> bool:
    calls = Counter(_called(message))
    return all(_count(name, answer) >= count + _count(name, message.content) for name, count in calls.items())


def _count(name: str, text: str) -> int:
    """How often a name stands in a text as a word of its own."""
    return len(re.findall(rf"(?<!\w){re.escape(name)}(?!\w)", text)) if name in text else 0


def _problem(example: Conversation, message: Message, text: str) -> TemplateProblem:
    """Left out, or written otherwise: half of the longer words tell."""
    words = set(re.findall(r"\w+", message.content[:_LOOKED_AT].casefold()))
    words = {word for word in words if len(word) >= _WORD_LETTERS} or words
    written = words.intersection(re.findall(r"\w+", text.casefold()))
    kind = "a tool's answer" if message.role == "tool" else f"the {message.role} message"
    if 2 * len(written) <= len(words):
        return TemplateProblem("dropped_message", f"the template leaves out {kind}", example.origin)
    return TemplateProblem("altered_message", f"the template alters {kind}", example.origin)


def _stands_in(content: str, text: str) -> bool:
    return content.strip() in text or any(
        json.dumps(content, ensure_ascii=ascii_only)[1:-1] in text for ascii_only in (False, True)
    )


def _called(message: Message) -> Iterator[str]:
    """Names of the functions that an assistant's turn calls."""
    calls = dict(message.extra).get("tool_calls")
    names = (_text(_function(call), "name") for call in calls) if isinstance(calls, list | tuple) else ()
    return (name for name in names if name)


def _function(tool: Any) -> dict[str, Any]:
    """What a tool's schema or a call says of the function, with or without the envelope."""
    inner = tool.get("function", tool) if isinstance(tool, dict) else None
    return inner if isinstance(inner, dict) else {}


def _text(function: dict[str, Any], key: str) -> str:
    """A string of it; "" where there is none."""
    found = function.get(key)
    return found if isinstance(found, str) else ""

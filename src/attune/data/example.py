"""What one row of a person's data is, after reading. Frozen: cleaning makes new ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from attune.errors import RowError

Role = Literal["system", "developer", "user", "assistant", "tool"]
# Columns of the row that the recipe's prompt names, with their texts.
Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an example came from: file as the user gave it, physical line from 1 (row number for Parquet and hubs).

    Attributes:
        group: whom the row belongs to, by the column `data.split.group_by`; "" where none is named.
        time: when it was, by the column `data.split.time_by`: a number, of a date the seconds since 1970.
        column: where it starts on a line that holds other rows too, character from 1; 0 where the line is its own.
    """

    file: str
    line: int
    group: str = ""
    time: float | None = None
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" + (f":{self.column}" if self.column else "")

    def error(self, field: str, code: str, message: str, fix: str) -> RowError:
        """What is wrong with the row, or with one of its fields."""
        return RowError(self.file, self.line, self.column, field, code, message, fix, (self.line, self.column))

    def place(self) -> dict[str, Any]:
        """File and line as JSON has them, and the column where the line is not the row's own."""
        return {"file": self.file, "line": self.line} | ({"column": self.column} if self.column else {})


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `weight` is 1.0 or 0.0 and only an assistant's counts: 0.0 keeps the turn as context without loss.

    `extra` holds the fields of the row that a chat template may read (name, tool_calls, tool_call_id), as read.
    """

    role: Role
    content: str
    weight: float = 1.0
    extra: tuple[tuple[str, Any], ...] = ()

    def as_template_input(self) -> dict[str, Any]:
        """The dict that a chat template sees."""
        return {"role": self.role, "content": self.content, **dict(self.extra)}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A chat: messages that end with an assistant's turn, and the tools it could call (JSON schemas, as read)."""

    id: str
    origin: Origin
    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt and its completion, both used as they stand. Where there are fields, `joined` they are the prompt."""

    id: str
    origin: Origin
    prompt: str
    completion: str
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text and the one label that it has. Where there are fields, `joined` they are the text."""

    id: str
    origin: Origin
    text: str
    label: str
    fields: Fields = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A text to model as a whole."""

    id: str
    origin: Origin
    text: str


Example = Conversation | Pair | LabelledText | Document
Shape = Literal["conversation", "pair", "labelled", "document"]


def content_id(content: Any) -> str:
    """A row's id: 12 hex digits of its content's hash, so that it does not change with the row's place in the file.

    `content` is any JSON value. Readers append "-2", "-3"... to further rows of identical content.
    """
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=6).hexdigest()


def joined(fields: Fields) -> str:
    """What a row asks by its fields, without the words of the template that they are put into."""
    return "\n\n".join(value for _, value in fields)


def prompt_of(example: Example) -> str:
    """What the model is given: everything before the last assistant turn, the prompt, the text, or the document."""
    match example:
        case Conversation(messages=messages, fields=fields):
            return "\n".join([*(value for _, value in fields), *(f"{m.role}: {m.content}" for m in messages[:-1])])
        case Pair(prompt=prompt):
            return prompt
        case LabelledText(text=text) | Document(text=text):
            return text


def own_prompt(example: Example) -> str:
    """The prompt without what a system or developer tells every conversation."""
    if isinstance(example, Conversation):
        return "\n".join(m.content for m in example.messages[:-1] if m.role not in {"system", "developer"})
    return prompt_of(example)


def texts_of(example: Example) -> tuple[str, ...]:
    """Every text of a row, as `with_texts` mends them: a label is none, nor are the tools that could be called."""
    match example:
        case Conversation(messages=messages, fields=fields):
            found = [value for _, value in fields]

            def see(text: str) -> str:
                found.append(text)
                return text

            for message in messages:
                _with_texts(message, see)
            return tuple(found)
        case Pair(prompt=prompt, completion=completion):
            return prompt, completion
        case LabelledText(text=text) | Document(text=text):
            return (text,)


def with_texts(example: Example, mend: Callable[[str], str]) -> Example:
    """The example with every text of it mended; its id and place stay, and a label is no text."""
    fields = () if isinstance(example, Document) else tuple((name, mend(value)) for name, value in example.fields)
    match example:
        case Conversation(messages=messages):
            return replace(example, messages=tuple(_with_texts(m, mend) for m in messages), fields=fields)
        case Pair(prompt=prompt, completion=completion):
            asked = joined(fields) if fields else mend(prompt)
            return replace(example, prompt=asked, completion=mend(completion), fields=fields)
        case LabelledText(text=text):
            return replace(example, text=joined(fields) if fields else mend(text), fields=fields)
        case Document(text=text):
            return replace(example, text=mend(text))


def _with_texts(message: Message, mend: Callable[[str], str]) -> Message:
    """The turn with its words, its speaker's name and the arguments of its calls mended; ids and functions stay."""
    content = mend(message.content)
    if not message.extra:
        return replace(message, content=content)
    extra = dict(message.extra)
    if "name" in extra and message.role != "tool":  # a tool's name is that of a function
        extra["name"] = mend(extra["name"])
    if "tool_calls" in extra:
        extra["tool_calls"] = [_with_arguments(call, mend) for call in extra["tool_calls"]]
    return replace(message, content=content, extra=tuple(extra.items()))


def _with_arguments(call: dict[str, Any], mend: Callable[[str], str]) -> dict[str, Any]:
    if isinstance(call.get("function"), dict):
        return {**call, "function": _with_arguments(call["function"], mend)}
    if "arguments" not in call:
        return call
    given = call["arguments"]
    held = given
    if isinstance(given, str):  # as APIs hand them out: JSON in a text
        try:
            held = json.loads(given)
        except (ValueError, RecursionError):
            return {**call, "arguments": mend(given)}
    mended = _mended(held, mend)
    if mended == held:
        return call
    return {**call, "arguments": json.dumps(mended, ensure_ascii=False) if isinstance(given, str) else mended}


def _mended(value: Any, mend: Callable[[str], str]) -> Any:
    """A JSON value with its texts mended, and with its numbers, where they are mended, as texts."""
    match value:
        case str():
            return mend(value)
        case dict():
            return {key: _mended(item, mend) for key, item in value.items()}
        case list() | tuple():
            return [_mended(item, mend) for item in value]
        case int() | float() if not isinstance(value, bool):
            written = str(value)
            return value if (mended := mend(written)) == written else mended
        case _:
            return value


def target_of(example: Example) -> str:
    """What the model should answer: the last assistant turn, the completion, the label ("" for a document)."""
    match example:
        case Conversation(messages=messages):
            return messages[-1].content
        case Pair(completion=completion):
            return completion
        case LabelledText(label=label):
            return label
        case Document():
            return ""

"""Raw rows -> examples. One function for each shape; a bad row gives every error that it has, not the first."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from attune.data.example import (
    Conversation,
    Document,
    Example,
    Fields,
    LabelledText,
    Message,
    Origin,
    Pair,
    Role,
    Shape,
    content_id,
    joined,
)
from attune.data.formats import RawRow, kind
from attune.data.marks import Marks
from attune.data.strict_json import quoted
from attune.errors import RowError

ROLES: tuple[str, ...] = get_args(Role)
_MESSAGE_KEYS = ("role", "content", "weight", "name", "tool_calls", "tool_call_id")
_SPEAKERS = {"human": "user", "gpt": "assistant", "observation": "tool"}
# How calls were written before there were tools, and how they are written now.
_OLD_KEYS = {"function_call": 'write it as tool_calls: [{"type": "function", "function": {"name", "arguments"}}]'}
_OLD_ROLES = {"function": 'write the role "tool", behind an assistant message with tool_calls'}
_ONLY_ON = {"weight": "assistant", "tool_calls": "assistant", "tool_call_id": "tool"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rows of a source are understood.

    Attributes:
        columns: a role (prompt, label...) to a column of the file.
        fields: columns that a prompt's template takes; they are then the prompt of a pair, or the text with a label.
        group_by, time_by: the columns that say whom a row belongs to and when it was, if any do.
        unread: columns that no row at the start has; a row with something there is refused.
        unanswered: a label or an answer that is missing is read as "" instead of being refused.
    """

    format: str
    shape: Shape
    columns: dict[str, str]
    reason: str
    fields: tuple[str, ...] = ()
    group_by: str | None = None
    time_by: str | None = None
    unread: tuple[str, ...] = ()
    unanswered: bool = False


def build(row: RawRow, reading: Reading, marks: Marks) -> Example | list[RowError]:
    """The example that a raw row holds, or everything that is wrong with it.

    Args:
        marks: how its group and time are read.
    """
    origin, errors = marks.read(row)
    builder = _Builder(row, reading, origin, errors)
    builder.fields = tuple((name, builder.field_text(name)) for name in reading.fields)
    example = _SHAPES[reading.shape](builder)
    if builder.fields and not isinstance(example, Document):
        own = content_id([example.id, builder.fields])
        example = replace(example, id=own, fields=builder.fields)
    for name in reading.unread:
        if row.values.get(name):
            message = f"the row has something under {quoted(name)}, which none of the first rows has; it would be lost"
            builder.error(name, "unread_field", message, "put such a row at the start, or remove the field everywhere")
    return builder.errors or example


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' Did you mean ...?' when a known name is close, otherwise ''."""
    folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name[:200].casefold(), list(folded), n=1)
    return f" Did you mean {quoted(folded[close[0]])}?" if close else ""


@dataclass(slots=True)
class _Builder:
    row: RawRow
    reading: Reading
    origin: Origin
    errors: list[RowError]
    fields: Fields = ()

    @property
    def columns(self) -> Mapping[str, str]:
        return self.reading.columns

    def error(self, name: str, code: str, message: str, fix: str) -> None:
        if not name.isprintable() or len(name) > 200:  # a column's own name is part of it
            name = quoted(name)[1:-1]
        self.errors.append(self.row.origin.error(name, code, message, fix))

    def value(self, role: str) -> Any:
        return self.column_value(self.columns[role])

    def column_value(self, column: str) -> Any:
        if column not in self.row.values:
            held = ", ".join(quoted(key) for key in list(self.row.values)[:8]) or "nothing"
            shape = self.reading.shape
            message = f"the row has no {quoted(column)}, which every {shape} of this file needs; it has {held}"
            self.error(column, "missing_field", message, "use one format in the whole file")
            return None
        value = self.row.values[column]
        if value is None:
            self.error(column, "empty_field", "the field is null", "fill it or remove the row")
        return value

    def field_text(self, column: str) -> str:
        """The text that a prompt's template gets from this column; a number is written as it stands."""
        value = self.column_value(column)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if value is None else self.checked_text(column, str(value) if number else value)

    def asked(self, role: str) -> str:
        """The text of this role, or the fields that take its place."""
        return joined(self.fields) if self.fields else self.text(role)

    def text(self, role: str) -> str:
        value = self.value(role)
        return "" if value is None else self.checked_text(self.columns[role], value)

    def checked_text(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            self.error(name, "wrong_type", f"is {kind(value)}, not text", "write it as text, in quotes")
            return ""
        if not value.strip():
            self.error(name, "empty_field", "the text is empty", "fill it or remove the row")
        return value


def _document(builder: _Builder) -> Document:
    text = builder.text("text")
    return Document(content_id({"text": text}), builder.origin, text)


def _labelled(builder: _Builder) -> LabelledText:
    content = {"text": builder.asked("text"), "label": _label(builder)}
    return LabelledText(content_id(content), builder.origin, content["text"], content["label"])


def _label(builder: _Builder) -> str:
    column = builder.columns["label"]
    given = builder.row.values.get(column, column)
    if given is None or (isinstance(given, str) and not given.strip()):
        if not builder.reading.unanswered:
            fix = "label it, for example with `attune label`, or remove the row"
            builder.error(column, "empty_field", "the label is empty", fix)
        return ""
    label = builder.value("label")
    if isinstance(label, float) and label.is_integer():
        label = int(label)  # a table's 7.0 is a CSV's 7
    if isinstance(label, float):
        fix = "write a whole number or a word; for a score, decide on classes first"
        builder.error(column, "float_label", f"the label {label} is a number with a fraction", fix)
        return ""
    if isinstance(label, bool):
        return str(label).lower()  # as JSON and most tables write it
    if isinstance(label, int):
        return str(label)
    return "" if label is None else builder.checked_text(column, label)


def _pair(builder: _Builder) -> Pair:
    prompt, completion = builder.asked("prompt"), builder.text("completion")
    if "input" in builder.columns and (extra := builder.row.values.get(builder.columns["input"])):
        if isinstance(extra, str):
            prompt = f"{prompt}\n\n{extra}"
        else:
            builder.checked_text(builder.columns["input"], extra)
    content = {"prompt": prompt, "completion": completion}
    return Pair(content_id(content), builder.origin, prompt, completion)


def _conversation(builder: _Builder) -> Conversation:
    items = builder.value("messages")
    name = builder.columns["messages"]
    messages: list[Message] = []
    if isinstance(items, list):
        messages = [message for i, item in enumerate(items) if (message := _message(builder, f"{name}[{i}]", item))]
        if not items:
            builder.error(name, "empty_messages", "the list of messages is empty", "fill it or remove the row")
        elif len(messages) == len(items):
            _check_order(builder, name, messages)
        if builder.reading.unanswered and messages and messages[-1].role != "assistant":
            messages.append(Message("assistant", ""))
    elif items is not None:
        fix = "write a list of {role, content} objects"
        builder.error(name, "wrong_type", f"is {kind(items)}, not a list of messages", fix)
    tools = builder.row.values.get(builder.columns.get("tools", "")) or ()
    if not isinstance(tools, list | tuple) or not all(isinstance(tool, dict) for tool in tools):
        fix = "write a list of objects, one JSON schema for each tool"
        builder.error(builder.columns["tools"], "wrong_type", "tools is not a list of objects", fix)
        tools = ()
    content = {"messages": [{**m.as_template_input(), "weight": m.weight} for m in messages], "tools": list(tools)}
    return Conversation(content_id(content), builder.origin, tuple(messages), tuple(tools))


def _message(builder: _Builder, name: str, item: Any) -> Message | None:
    """One turn, or None when its role cannot be told. A key that is null counts as absent (Parquet fills them in)."""
    if not isinstance(item, dict):
        builder.error(name, "wrong_type", f"is {kind(item)}, not an object", "write {role, content}")
        return None
    given = {key: value for key, value in item.items() if value is not None and (key, value) != ("tool_calls", [])}
    if "from" in given and "role" not in given:  # as ShareGPT writes turns
        speaker = given.pop("from")
        given["role"] = _SPEAKERS.get(speaker, speaker) if isinstance(speaker, str) else speaker
        given["content"] = given.pop("value", None)
    for key in (key for key in given if key not in _MESSAGE_KEYS):
        fix = _OLD_KEYS.get(key) or f"remove it or rename it; a message has {', '.join(_MESSAGE_KEYS)}"
        hint = did_you_mean(key, _MESSAGE_KEYS)
        builder.error(
            f"{name}.{quoted(key)[1:-1]}", "unknown_field", f"a message has no field {quoted(key)}.{hint}", fix
        )
    role = given.get("role")
    if role not in ROLES:
        roles = ", ".join(ROLES)
        if "role" not in given:
            builder.error(f"{name}.role", "missing_field", "the message has no role", f"write one of {roles}")
        else:
            hint = did_you_mean(role, ROLES) if isinstance(role, str) else ""
            fix = _OLD_ROLES.get(str(role)) or f"write one of {roles}"
            builder.error(f"{name}.role", "unknown_role", f"{quoted(role)} is not a role.{hint}", fix)
        return None
    for key, owner in _ONLY_ON.items():
        if key in given and role != owner:
            message = f"{key} belongs to {owner} messages, not to {role}"
            builder.error(f"{name}.{key}", "misplaced_field", message, "remove it")
    extra = {key: given[key] for key in ("name", "tool_calls", "tool_call_id") if key in given}
    for key in ("name", "tool_call_id"):
        if key in extra:
            builder.checked_text(f"{name}.{key}", extra[key])
    calls = extra.get("tool_calls", [])
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        builder.error(
            f"{name}.tool_calls", "wrong_type", "tool_calls is not a list of objects", "write a list of objects"
        )
    content = _content(builder, name, role, given.get("content"), bool(calls) or "function_call" in given)
    weight = _weight(builder, f"{name}.weight", given.get("weight", 1))
    return Message(role, content, weight, tuple(sorted(extra.items())))


def _content(builder: _Builder, name: str, role: str, value: Any, has_calls: bool) -> str:
    name = f"{name}.content"
    if isinstance(value, list):
        value = "".join(_part(builder, f"{name}[{i}]", part) for i, part in enumerate(value))
    if value is not None and not isinstance(value, str):
        builder.error(name, "wrong_type", f"is {kind(value)}, not text", "write the content as text")
        return ""
    if role == "assistant" and not has_calls and not (value or "").strip():
        builder.error(
            name, "empty_assistant", "the assistant says nothing and calls no tool", "fill it or remove the row"
        )
    elif value is None and role != "assistant":
        builder.error(name, "missing_field", "the message has no content", "fill it or remove the row")
    elif role in ("system", "developer", "user") and not (value or "").strip():
        builder.error(name, "empty_field", "the text is empty", "fill it or leave the message out")
    return value or ""


def _part(builder: _Builder, name: str, part: Any) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        text: str = part["text"]
        return text
    shown = quoted(part.get("type")) if isinstance(part, dict) else kind(part)
    fix = 'only {"type": "text", "text": "..."} parts can be trained on'
    builder.error(name, "unsupported_part", f"a content part of type {shown}", fix)
    return ""


def _weight(builder: _Builder, name: str, value: Any) -> float:
    if isinstance(value, bool) or value not in (0, 1):
        fix = "write 1 to learn this turn or 0 to keep it as context"
        builder.error(name, "bad_weight", f"the weight is {quoted(value)}, not 0 or 1", fix)
        return 1.0
    return float(value)


def _check_order(builder: _Builder, name: str, messages: list[Message]) -> None:
    roles = [message.role for message in messages]
    for i, (before, role) in enumerate(zip([None, *roles], roles, strict=False)):
        place = f"{name}[{i}]"
        if role in ("system", "developer") and i > 0:
            builder.error(place, "system_not_first", f"a {role} message after other messages", "move it to the front")
        if role in ("user", "assistant") and role == before:
            message = f"two {role} messages in a row"
            builder.error(place, "wrong_order", message, "join them into one, or add the missing turn between them")
        if role == "tool" and not (before == "tool" or (before == "assistant" and _calls(messages[i - 1]))):
            message = "a tool message that no tool call stands before"
            builder.error(place, "wrong_order", message, "put it after the assistant message with its tool_calls")
    first = roles.index("assistant") if "assistant" in roles else len(roles)
    if "user" not in roles[:first]:
        fix = "start with what the user said"
        builder.error(name, "no_user_first", "no user message stands before the first assistant message", fix)
    if roles[-1] != "assistant" and not builder.reading.unanswered:
        fix = "end with the answer to learn, or cut the turns after the last answer"
        builder.error(name, "last_not_assistant", f"the last message is from {roles[-1]}, not from the assistant", fix)
    if "assistant" in roles and not any(m.weight for m in messages if m.role == "assistant"):
        fix = "set the weight of at least one assistant message to 1"
        builder.error(name, "nothing_to_learn", "every assistant message has weight 0", fix)


def _calls(message: Message) -> bool:
    return any(key == "tool_calls" for key, _ in message.extra)


_SHAPES: dict[Shape, Callable[[_Builder], Example]] = {
    "conversation": _conversation,
    "pair": _pair,
    "labelled": _labelled,
    "document": _document,
}

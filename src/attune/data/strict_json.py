"""JSON without the surprises of the standard parser: what is doubtful is refused, with its place in the text.

Python's `json` takes NaN, lone surrogates and repeated keys (the last one wins), and fails on deep nesting and on very
long integers with errors of its own. Here each of them is a `Fault`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_DEPTH = 32
MAX_INTEGER_DIGITS = 300  # below the limit at which int() itself refuses, and above any number that data needs
MAX_NAMED_KEYS = 8

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
STRUCTURE = re.compile(_STRING + r'|["\[\]{},]', re.DOTALL)  # a lone " is a string that never ends
_NUMBERS = re.compile(_STRING + r'|"|-?Infinity|NaN|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?', re.DOTALL)
_ESCAPES = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a text or a value. `offset` counts characters from 0; -1 when it is not known."""

    code: str
    message: str
    fix: str
    offset: int = -1
    field: str = ""


def parse(text: str) -> tuple[Any, list[Fault]]:
    """The value of a JSON text and everything that is wrong with it; the value counts only when nothing is."""
    deep = _depth_fault(text)
    if deep:
        return None, [deep]
    repeated: list[str] = []
    doubtful: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            seen: set[str] = set()
            repeated.extend(key for key, _ in items if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return found

    def number(digits: str) -> Any:
        if _number_fault(digits, 0):
            doubtful.append(digits)
            return 0
        return float(digits) if any(mark in digits for mark in ".eE") else int(digits)

    try:
        value = json.loads(
            text, object_pairs_hook=pairs, parse_constant=doubtful.append, parse_int=number, parse_float=number
        )
    except json.JSONDecodeError as error:
        return None, [_syntax_fault(text, error)]
    named = list(dict.fromkeys(repeated))[:MAX_NAMED_KEYS]  # each costs a look through the text
    faults = [*_escape_faults(text), *(_repeated_key(text, key) for key in named)]
    if doubtful:
        faults += [fault for m in _NUMBERS.finditer(text) if (fault := _number_fault(m[0], m.start()))]
    return value, faults


def value_faults(value: Any, depth: int = 0) -> Iterator[Fault]:
    """What is wrong with a value that did not come from JSON text (Parquet, hubs): only JSON's own types pass."""
    if depth > MAX_DEPTH:
        yield _too_deep()
    elif isinstance(value, str):
        if "\0" in value:
            yield nul_character()
        if any("\ud800" <= character <= "\udfff" for character in value):
            yield _surrogate()
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield _not_a_number(str(value))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from value_faults(key, depth + 1)
            yield from value_faults(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from value_faults(item, depth + 1)
    elif value is not None and not isinstance(value, bool | int):
        yield Fault("wrong_type", f"holds a {type(value).__name__}", "store it as text, a number, a list or an object")


def quoted(value: Any) -> str:
    """A value as a message may show it: on one line, printable, short."""
    shown = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return shown if len(shown) <= 60 else shown[:48] + "..." + shown[-1]


def nul_character(offset: int = -1) -> Fault:
    """A NUL character in a text."""
    return Fault("nul_byte", "a NUL character", "remove it; it is often a sign of a damaged file", offset)


def _depth_fault(text: str) -> Fault | None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return None
    depth = 0
    for match in STRUCTURE.finditer(text):
        token = match[0]
        if token == '"':
            return None
        if token in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return _too_deep(match.start())
        elif token in "]}":
            depth -= 1
    return None


def _too_deep(offset: int = -1) -> Fault:
    return Fault("too_deep", f"lists and objects are nested more than {MAX_DEPTH} deep", "flatten the row", offset)


def _syntax_fault(text: str, error: json.JSONDecodeError) -> Fault:
    fix = "write one object on the line, in double quotes, as a JSON library would"
    if text.lstrip().startswith("["):
        fix = "if the file is one array of objects, name it .json; otherwise write one object on each line"
    return Fault("invalid_json", f"not valid JSON: {error.msg}", fix, error.pos)


def _escape_faults(text: str) -> Iterator[Fault]:
    if "\\u" not in text:
        return
    high = -1  # the offset of a first half that waits for its second half
    for match in _ESCAPES.finditer(text):
        unit = int(match[1], 16) if match[1] else -1
        is_second_half = 0xDC00 <= unit <= 0xDFFF
        if high >= 0 and not (is_second_half and match.start() == high + 6):
            yield _surrogate(high)
            high = -1
        if is_second_half and high < 0:
            yield _surrogate(match.start())
        if unit == 0:
            yield nul_character(match.start())
        high = match.start() if 0xD800 <= unit <= 0xDBFF else -1
    if high >= 0:
        yield _surrogate(high)


def _surrogate(offset: int = -1) -> Fault:
    message = "a lone surrogate: half of a character that needs two \\u escapes"
    return Fault("lone_surrogate", message, "write the whole character, or remove the half", offset)


def _repeated_key(text: str, key: str) -> Fault:
    places = [m.start() for m in re.finditer(re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:", text)]
    offset = places[1] if len(places) == 2 else -1
    message = f"the key {quoted(key)} stands twice in one object"
    return Fault("duplicate_key", message, "keep one of them", offset, quoted(key)[1:-1])


def _number_fault(digits: str, offset: int) -> Fault | None:
    if digits[0] == '"':
        return None
    if digits[-1] in "Ny":  # NaN, Infinity
        return _not_a_number(digits, offset)
    if digits.lstrip("-").isdigit():
        if len(digits) > MAX_INTEGER_DIGITS:
            message = f"an integer of {len(digits)} digits"
            return Fault("huge_integer", message, "write it as text, in quotes", offset)
        return None
    return None if math.isfinite(float(digits)) else _not_a_number(digits[:20], offset)


def _not_a_number(name: str, offset: int = -1) -> Fault:
    message = f"{name} is not a number that JSON knows"
    return Fault("not_a_number", message, "write null, leave the key out, or use a finite number", offset)

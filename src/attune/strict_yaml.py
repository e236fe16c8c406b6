"""YAML 1.2 as a recipe may use it: plain values of bounded size, the line of every key, and errors that name it."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attune.errors import EnvironmentFault, RecipeError

MAXIMUM_BYTES = 1_000_000
MAXIMUM_DEPTH = 32
MAXIMUM_VALUES = 10_000
SHOWN_CHARACTERS = 100

Lines = Mapping[tuple[str, ...], int]

_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def read(path: Path) -> tuple[dict[str, Any], Lines]:
    """The mapping that a file holds, and the line of every key.

    Raises:
        RecipeError: what is wrong with it, with its line.
        EnvironmentFault: it cannot be read.
    """
    try:
        if path.stat().st_size > MAXIMUM_BYTES:
            raise RecipeError(
                "a recipe of more than 1 MB", where=str(path), fix="give data by path, not inside the recipe"
            )
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RecipeError("there is no such recipe file", where=str(path), fix="check the path") from None
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"not UTF-8 at byte {error.start}", where=str(path), fix="save the recipe as UTF-8 text"
        ) from None
    except ValueError:  # a NUL, or half of a character
        raise RecipeError("no file can have this name", where=shortened(str(path)), fix="check the path") from None
    except OSError as error:
        raise EnvironmentFault(f"cannot read the recipe: {error.strerror}", where=str(path)) from None
    tree, lines = parse(text, where=str(path))
    if tree is None:
        raise RecipeError("the recipe is empty", where=str(path), fix='it needs at least "data: {train: FILE}"')
    if not isinstance(tree, dict):
        raise RecipeError("a recipe is a mapping of keys", where=f"{path}:1", fix='start with "data: {train: FILE}"')
    return tree, lines


def parse(text: str, *, where: str) -> tuple[Any, Lines]:
    """YAML 1.2 to plain values, with the line of every key. Anchors, aliases and tags are refused (entity bombs).

    Raises:
        RecipeError: what is wrong, with its line in `where`.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.events import (
        AliasEvent,
        CollectionEndEvent,
        CollectionStartEvent,
        DocumentStartEvent,
        NodeEvent,
        ScalarEvent,
    )
    from ruamel.yaml.reader import ReaderError

    lines: dict[tuple[str, ...], int] = {}
    try:
        depth = values = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            place = f"{where}:{event.start_mark.line + 1}"
            values += isinstance(event, NodeEvent)
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            tagged = getattr(event, "tag", None) is not None
            if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor) or tagged:
                raise RecipeError("anchors, aliases and tags are not read", where=place, fix="write the value out")
            if isinstance(event, DocumentStartEvent) and (event.version or event.tags):
                raise RecipeError("directives are not read", where=place, fix="remove the line with %")
            if isinstance(event, ScalarEvent) and _UNFIT.search(event.value):
                fix = "leave out control characters and halves of characters"
                raise RecipeError(f"the text {shown(event.value)} cannot be used", where=place, fix=fix)
            if depth > MAXIMUM_DEPTH:
                raise RecipeError("nested too deep", where=place, fix=f"at most {MAXIMUM_DEPTH} levels")
            if values > MAXIMUM_VALUES:
                fix = "give data by path, not inside the recipe"
                raise RecipeError(f"more than {MAXIMUM_VALUES:,} values", where=place, fix=fix)
        reader = YAML(typ="rt", pure=True)
        reader.Constructor = _dateless()
        tree = reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}" if mark else where
        problem = shortened(f"not YAML: {error.problem or error.context}")
        raise RecipeError(problem, where=place, fix="mend the syntax") from None
    except ReaderError as error:
        place = f"{where}:{text.count(chr(10), 0, error.position) + 1}"
        raise RecipeError("not YAML: a control character", where=place, fix="remove it") from None
    except (YAMLError, ValueError):  # of Python's own: a number of thousands of digits, a character beyond Unicode
        problem = "not YAML: a number of too many digits, or an escape that is no character"
        raise RecipeError(problem, where=where, fix="mend the syntax") from None
    return _to_plain(tree, (), lines), lines


def shown(value: object) -> str:
    """A value for a message: on one line, printable, short."""
    if isinstance(value, str):
        value = value[: 2 * SHOWN_CHARACTERS]  # what is left out would be cut off below
    return shortened(ascii(value) if isinstance(value, str) and not value.isprintable() else reprlib.repr(value))


def shortened(text: str) -> str:
    """A text for a message: on one line, printable, short."""
    shown = text if text.isprintable() else ascii(text[: 2 * SHOWN_CHARACTERS])[1:-1]
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[: SHOWN_CHARACTERS - 3] + "..."


def _dateless() -> type:
    """The reader's constructor as YAML 1.2 has it: 2026-01-31 is a word."""
    from ruamel.yaml.constructor import RoundTripConstructor

    class Dateless(RoundTripConstructor):
        pass

    Dateless.add_constructor("tag:yaml.org,2002:timestamp", RoundTripConstructor.construct_yaml_str)
    return Dateless


def _to_plain(node: Any, path: tuple[str, ...], lines: dict[tuple[str, ...], int]) -> Any:
    if isinstance(node, dict):
        marks = getattr(node, "lc", None)
        out: dict[str, Any] = {}
        for key, value in node.items():
            here = (*path, str(key))
            if marks is not None and marks.data and key in marks.data:
                lines[here] = marks.data[key][0] + 1
            out[str(key)] = _to_plain(value, here, lines)
        return out
    if isinstance(node, list):
        return [_to_plain(value, (*path, str(i)), lines) for i, value in enumerate(node)]
    for plain in (bool, int, float, str):
        if isinstance(node, plain):
            return plain(node)
    return node

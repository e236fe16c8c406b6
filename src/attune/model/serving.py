"""What a model folder says about how it is asked: attune.json, which goes where the weights go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from attune.data import strict_json
from attune.data.example import Shape
from attune.data.prompt import TaskPrompt
from attune.errors import ModelError, RecipeError
from attune.runs.store import write_durably

FILE = "attune.json"
VERSION = 1
MAXIMUM_BYTES = 4_000_000  # a recipe, and so its prompt, has at most 1 MB, which JSON's escapes can make longer

_PROMPTED: dict[str, Shape] = {"conversation": "conversation", "pair": "pair", "labelled": "labelled"}


class Served(NamedTuple):
    """How a model is asked: the prompt that it was trained with, and the shape of the rows that had it."""

    prompt: TaskPrompt
    shape: Shape


def write(folder: Path, prompt: TaskPrompt, shape: Shape) -> None:
    """Keep the prompt with the model.

    Raises:
        EnvironmentFault: the disk does not take it.
    """
    record = {"version": VERSION, "shape": shape, "prompt": prompt.text}
    write_durably(folder / FILE, [json.dumps(record, ensure_ascii=False, indent=1).encode(), b"\n"])


def read(folder: Path) -> Served | None:
    """How the model in this folder is asked, None when it was trained without a prompt.

    Raises:
        ModelError: the file is damaged, or of a later version.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        text = path.read_bytes().decode() if path.stat().st_size <= MAXIMUM_BYTES else ""
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error
    record, faults = strict_json.parse(text)
    if faults:
        raise _damaged(path, faults[0].message)
    if not isinstance(record, dict) or record.keys() != {"version", "shape", "prompt"}:
        raise _damaged(path, "it should hold version, shape and prompt")
    if record["version"] is True or record["version"] != VERSION:
        what = f"{FILE} has version {strict_json.quoted(record['version'])}, and this Attune reads {VERSION}"
        raise ModelError(what, where=str(path), fix="use the Attune that wrote it, or a newer one")
    shape, prompt = _PROMPTED.get(str(record["shape"])), record["prompt"]
    if shape is None or not isinstance(prompt, str):
        raise _damaged(path, "shape or prompt is of another kind")
    try:
        return Served(TaskPrompt.parse(prompt), shape)
    except RecipeError as error:
        raise _damaged(path, error.what) from error


def _damaged(path: Path, why: str) -> ModelError:
    what = f"{FILE}, which holds the model's prompt, is damaged: {why}"
    return ModelError(what, where=str(path), fix="restore it from a copy: without it the model would be asked wrongly")

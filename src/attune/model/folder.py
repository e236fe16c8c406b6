"""A model folder is hostile until proven otherwise: what is checked before any of it is loaded.

Only JSON and safetensors are ever read. No code of the folder runs, no file outside the folder is opened, and the cost
of a refusal is bounded. The check holds for the folder as it was read: nobody else may write to it in between.
"""

from __future__ import annotations

import json
import math
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, NoReturn

from attune.errors import ModelError

MAX_DEPTH = 32
MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format itself
_MAX_JSON_MARKS = 400_000  # of "{[,": 40,000 tensors in one file; bounds time and memory of parsing
_MAX_BYTES = {"tokenizer_config.json": 4_000_000, "index": 16_000_000}  # large vocabularies list every added token
_DEFAULT_MAX_BYTES = 1_000_000
_CHUNK_BYTES = 1 << 22

# Every JSON file from which a loader takes settings. Vocabularies (tokenizer.json) are not: a token may be any word.
_SETTINGS_FILE = re.compile(r".*config.*\.json|special_tokens_map\.json|chat_template\.json", re.IGNORECASE)
_OTHER_WEIGHTS = re.compile(
    r".*\.(bin|pt|pth|ckpt|h5|msgpack|pkl|pickle|npy|npz|joblib|mdl|gguf|onnx)(\.index\.json)?", re.IGNORECASE
)

_LOADS_CODE = "it makes the loader run code that comes with the model"
_OTHER_FILE = "it makes the loader read a file that was not checked"
_REFUSED_KEYS = {
    "auto_map": _LOADS_CODE,
    "auto_mapping": _LOADS_CODE,
    "trust_remote_code": _LOADS_CODE,
    "custom_pipelines": _LOADS_CODE,
    "custom_generate": _LOADS_CODE,
    "transformers_weights": _OTHER_FILE,
    "configuration_files": _OTHER_FILE,
    "fast_tokenizer_files": _OTHER_FILE,
    # PEFT unpickles these.
    "cache_file": _OTHER_FILE,
    "covariance_file": _OTHER_FILE,
    "prompt_tuning_init_state_dict_path": _OTHER_FILE,
    "quantization_config": "quantised folders are not supported yet",
}


class _Storage(NamedTuple):
    """How a dtype lies in a file. A value is NaN or infinite where `bits & mask == pattern` (mask 0: it cannot be)."""

    item_bytes: int
    unsigned: str = "u1"
    mask: int = 0
    pattern: int = 0


_DTYPES = {
    **dict.fromkeys(("BOOL", "U8", "I8"), _Storage(1)),
    **dict.fromkeys(("U16", "I16"), _Storage(2)),
    **dict.fromkeys(("U32", "I32"), _Storage(4)),
    **dict.fromkeys(("U64", "I64"), _Storage(8)),
    "F64": _Storage(8, "<u8", 0x7FF0 << 48, 0x7FF0 << 48),
    "F32": _Storage(4, "<u4", 0x7F80_0000, 0x7F80_0000),
    "C64": _Storage(8, "<u4", 0x7F80_0000, 0x7F80_0000),
    "BF16": _Storage(2, "<u2", 0x7F80, 0x7F80),
    "F16": _Storage(2, "<u2", 0x7C00, 0x7C00),
    "F8_E5M2": _Storage(1, "u1", 0x7C, 0x7C),
    "F8_E4M3": _Storage(1, "u1", 0x7F, 0x7F),  # these three have NaN but no infinity
    "F8_E4M3FNUZ": _Storage(1, "u1", 0xFF, 0x80),
    "F8_E5M2FNUZ": _Storage(1, "u1", 0xFF, 0x80),
}


class _Tensor(NamedTuple):
    """One entry of a safetensors header; the offsets count from the end of the header."""

    begin: int
    end: int
    name: str
    dtype: str


@dataclass(frozen=True)
class VerifiedFolder:
    """A folder that is safe to load.

    Attributes:
        path: the folder, resolved.
        kind: "adapter" when it has an adapter_config.json, else "model".
        config: config.json (adapter_config.json for an adapter) without the keys that only matter to code loading.
        architecture: the model class that config.json names; "" for an adapter.
        base: the model that an adapter belongs to, as its config names it and NOT verified; "" for a model.
        weight_files: the safetensors files, in the order of their names; empty when weights were not asked for.
        parameter_bytes: size of all tensors in those files.
    """

    path: Path
    kind: Literal["model", "adapter"]
    config: dict[str, Any]
    architecture: str
    base: str
    weight_files: tuple[Path, ...]
    parameter_bytes: int


def verify(folder: Path, *, weights: bool = True) -> VerifiedFolder:
    """Check everything in a folder that a loader would read.

    Args:
        folder: a model or LoRA adapter folder, or a snapshot in the Hugging Face cache.
        weights: False also takes a folder without weights (for random initialisation) and does not look at them.

    Raises:
        ModelError: a file is missing, damaged, leaves the folder, would run code, holds NaN or infinity, or is not
            in a format that is read here.
    """
    if not folder.is_dir():
        _refuse("there is no such model folder", folder, "check the path")
    folder = folder.resolve()
    names = _check_entries(folder)
    is_adapter = "adapter_config.json" in names  # transformers, too, then takes the base that it names
    main = "adapter_config.json" if is_adapter else "config.json"
    if main not in names:
        _refuse("the folder has no config.json", folder, "give the folder that save_pretrained wrote")
    settings = {name: _read_settings(folder / name) for name in names if _SETTINGS_FILE.fullmatch(name)}
    config = settings[main]
    if not isinstance(config, dict):
        _refuse("not a JSON object", folder / main, "download the model again")
    base = (config.get("base_model_name_or_path") or "") if is_adapter else ""
    if not isinstance(base, str):
        _refuse("base_model_name_or_path is not a text", folder / main, "name the base model")
    files, parameter_bytes = (
        _check_weights(folder, names, "adapter_model" if is_adapter else "model") if weights else ((), 0)
    )
    return VerifiedFolder(
        path=folder,
        kind="adapter" if is_adapter else "model",
        config=config,
        architecture="" if is_adapter else _architecture(config, folder / main),
        base=base,
        weight_files=files,
        parameter_bytes=parameter_bytes,
    )


def check_tokenizer(vocabulary_size: int, embedding_rows: int, where: str) -> None:
    """Every token id needs an embedding row; more rows than tokens is padding and is fine.

    Raises:
        ModelError: the tokenizer has ids from `embedding_rows` on.
    """
    if vocabulary_size > embedding_rows:
        raise ModelError(
            f"the tokenizer has {vocabulary_size} tokens but the model has only {embedding_rows} embedding rows",
            where=where,
            fix="use the tokenizer that belongs to this model",
        )


def _refuse(what: str, where: Path | str, fix: str) -> NoReturn:
    raise ModelError(what, where=str(where), fix=fix)


# --- names and links ---


def _check_entries(folder: Path) -> frozenset[str]:
    """Names of the regular files at the top of the folder; nothing there, nor among its templates, may lead out."""
    templates = folder / "additional_chat_templates"
    entries = [*folder.iterdir(), *(templates.iterdir() if templates.is_dir() else ())]
    names = set()
    for entry in sorted(entries):
        if entry.is_symlink() and not _stays_inside(entry, folder):
            _refuse("a symbolic link that leaves the folder or is broken", entry, "copy the file into the folder")
        mode = entry.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            _refuse("neither a file nor a folder", entry, "remove it")  # opening a pipe would wait for ever
        if stat.S_ISREG(mode) and entry.parent == folder:
            names.add(entry.name)
    return frozenset(names)


def _stays_inside(link: Path, folder: Path) -> bool:
    """Inside the folder itself, or in the blobs of the same repository of the Hugging Face cache."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # broken, or a loop
        return False
    repository = folder.parent.parent
    return target.is_relative_to(folder) or (
        folder.parent.name == "snapshots" and target.parent == repository / "blobs"
    )


# --- JSON ---


def _read_settings(path: Path) -> Any:
    """The value of a settings file without keys that load code, which are refused unless they are off."""
    return _cleaned(_read_json(path, _MAX_BYTES.get(path.name, _DEFAULT_MAX_BYTES)), path)


def _read_json(path: Path, max_bytes: int) -> Any:
    size_bytes = path.stat().st_size
    if size_bytes > max_bytes:
        _refuse(f"has {size_bytes} bytes, more than {max_bytes}", path, "this is not an ordinary model folder")
    return _parse_json(path.read_bytes(), path)


def _parse_json(text: bytes, path: Path) -> Any:
    """Strict JSON at the speed of the standard parser: no repeated keys, NaN or infinity, and of bounded size."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            raise ValueError("a key stands twice in one object")
        return found

    def finite(digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):  # NaN, Infinity, and 1e999
            raise ValueError(f"{digits[:20]} is not a number that JSON knows")
        return number

    if sum(text.count(mark) for mark in b"{[,") > _MAX_JSON_MARKS:
        _refuse("the JSON holds too many values", path, "this is not an ordinary model folder")
    try:
        return json.loads(text.decode(), object_pairs_hook=pairs, parse_constant=finite, parse_float=finite)
    except RecursionError:
        _refuse(f"the JSON is nested more than {MAX_DEPTH} deep", path, "this is not an ordinary model folder")
    except ValueError as error:  # also UnicodeDecodeError and integers of thousands of digits
        _refuse(f"not strict JSON: {str(error)[:200]}", path, "download the model again")


def _cleaned(value: Any, path: Path, depth: int = 1) -> Any:
    if depth > MAX_DEPTH and isinstance(value, dict | list):
        _refuse(f"the JSON is nested more than {MAX_DEPTH} deep", path, "this is not an ordinary model folder")
    if isinstance(value, list):
        return [_cleaned(item, path, depth + 1) for item in value]
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        _refuse("not strict JSON: a lone surrogate", path, "download the model again")
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, item in value.items():
        reason = _refused_key(key, item)
        if reason:
            _refuse(f"{key!r} is refused: {reason}", path, "use a model whose architecture is part of transformers")
        if key not in _REFUSED_KEYS and not key.startswith("_attn_implementation"):
            kept[_cleaned(key, path, depth)] = _cleaned(item, path, depth + 1)
    return kept


def _refused_key(key: str, value: Any) -> str:
    """Why a key may not stand in a settings file with this value; "" when it may."""
    if key.startswith("_attn_implementation"):  # older writers leave a harmless `..._autoset: true`
        return "" if value is None or isinstance(value, bool) else _LOADS_CODE
    if key == "attn_implementation":
        return "it names an attention kernel on a hub" if "/" in json.dumps(value) else ""
    return _REFUSED_KEYS.get(key, "") if value else ""  # null, false and empty switch it off: PEFT always writes null


def _architecture(config: Mapping[str, Any], path: Path) -> str:
    match config.get("architectures"):
        case [str(name)] if name:
            return name
    _refuse("'architectures' must be a list of one class name", path, "give a model folder that save_pretrained wrote")


# --- weights ---


def _check_weights(folder: Path, names: frozenset[str], stem: str) -> tuple[tuple[Path, ...], int]:
    """The weight files as transformers and PEFT would choose them, and the size of their tensors in bytes."""
    single, index = f"{stem}.safetensors", f"{stem}.safetensors.index.json"
    if single in names:
        shards: dict[str, set[str]] = {single: set()}
    elif index in names:
        shards = _shards(folder, names, index)
    elif any(_OTHER_WEIGHTS.fullmatch(name) for name in names):
        _refuse(
            "only safetensors weights are read, and the folder has none", folder, "convert the weights to safetensors"
        )
    else:
        _refuse(f"the folder has no {single}", folder, "download the weights, or give the folder that has them")
    owner: dict[str, str] = {}
    parameter_bytes = 0
    for name, expected in sorted(shards.items()):
        with (folder / name).open("rb") as file:
            tensors, data_start = _read_header(file, folder / name)
            found = {tensor.name for tensor in tensors}
            if missing := sorted(expected - found):
                _refuse(
                    f"the index promises tensor {missing[0]!r}, which is not there", folder / name, "download it again"
                )
            if twice := sorted(found & owner.keys()):
                _refuse(f"tensor {twice[0]!r} is also in {owner[twice[0]]}", folder / name, "download the model again")
            owner |= dict.fromkeys(found, name)
            _check_finite(file, folder / name, tensors, data_start)
        parameter_bytes += sum(tensor.end - tensor.begin for tensor in tensors)
    return tuple(folder / name for name in sorted(shards)), parameter_bytes


def _shards(folder: Path, names: frozenset[str], index: str) -> dict[str, set[str]]:
    """Shard file -> names of the tensors that the index promises in it."""
    path = folder / index
    value = _read_json(path, _MAX_BYTES["index"])
    weight_map = value.get("weight_map") if isinstance(value, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        _refuse("the index has no weight_map", path, "download the model again")
    shards: dict[str, set[str]] = {}
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or not re.fullmatch(r"[\w\-][\w.\-]*\.safetensors", name):
            _refuse(
                f"the index names {str(name)[:100]!r}, which is not a plain name of a safetensors file",
                path,
                "repair it",
            )
        if name not in names:
            _refuse(f"the index names {name}, which is not in the folder", path, "download the missing file")
        shards.setdefault(name, set()).add(tensor)
    return shards


def _read_header(file: BinaryIO, path: Path) -> tuple[list[_Tensor], int]:
    """The tensors of a safetensors file in the order of their data, which starts at the returned byte."""
    again = "download the file again"
    file_bytes = path.stat().st_size
    if file_bytes < 8:
        _refuse(f"the file is truncated: expected at least 8 bytes, it has {file_bytes}", path, again)
    header_bytes = int.from_bytes(file.read(8), "little")
    if header_bytes > MAX_HEADER_BYTES:
        _refuse(f"the header claims {header_bytes} bytes, more than {MAX_HEADER_BYTES}", path, again)
    data_start = 8 + header_bytes
    if data_start > file_bytes:
        _refuse(f"the file is truncated: expected at least {data_start} bytes, it has {file_bytes}", path, again)
    text = file.read(header_bytes)
    header = _parse_json(text, path) if text.startswith(b"{") else None
    if not isinstance(header, dict):
        _refuse("the header is not a JSON object", path, again)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(item, str) for item in metadata.values()):
        _refuse("the header's __metadata__ is not a map of texts", path, again)
    tensors = sorted(_read_entry(name, entry, path) for name, entry in header.items())
    if not tensors:
        _refuse("the file holds no tensors", path, again)
    at = 0
    for tensor in tensors:
        if tensor.begin != at:
            _refuse(f"tensor {tensor.name!r} begins at {tensor.begin}, expected {at}: overlap or gap", path, again)
        at = tensor.end
    if data_start + at > file_bytes:
        _refuse(f"the file is truncated: expected {data_start + at} bytes, it has {file_bytes}", path, again)
    if data_start + at < file_bytes:
        _refuse(f"bytes behind the last tensor: expected {data_start + at} bytes, it has {file_bytes}", path, again)
    return tensors, data_start


def _read_entry(name: str, entry: Any, path: Path) -> _Tensor:
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        sound = len(entry) == 3 and isinstance(dtype, str) and isinstance(shape, list) and len(shape) <= 16
        sound = sound and all(type(n) is int and 0 <= n < 1 << 48 for n in (begin, end, *shape))
    except (TypeError, KeyError, ValueError):
        sound = False
    if not sound:
        _refuse(f"tensor {name[:100]!r} has a malformed header entry", path, "download the file again")
    if dtype not in _DTYPES:
        _refuse(f"tensor {name[:100]!r} has the unknown dtype {dtype[:20]!r}", path, "store it as bf16, f16 or f32")
    expected_bytes = math.prod(shape) * _DTYPES[dtype].item_bytes
    if end - begin != expected_bytes:
        what = f"tensor {name[:100]!r} has {end - begin} bytes, its shape needs {expected_bytes}"
        _refuse(what, path, "download the file again")
    return _Tensor(begin, end, name, dtype)


def _check_finite(file: BinaryIO, path: Path, tensors: list[_Tensor], data_start: int) -> None:
    bad = [tensor.name for tensor in tensors if _has_non_finite(file, tensor, data_start)]
    if bad:
        listed = ", ".join(repr(name[:100]) for name in bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
        _refuse(f"NaN or infinity in {listed}", path, "the weights are damaged: take an earlier or another copy")


def _has_non_finite(file: BinaryIO, tensor: _Tensor, data_start: int) -> bool:
    import numpy

    storage = _DTYPES[tensor.dtype]
    if not storage.mask:
        return False
    file.seek(data_start + tensor.begin)
    for chunk in _chunks(file, tensor.end - tensor.begin):
        bits = numpy.frombuffer(chunk, storage.unsigned)
        if ((bits & bits.dtype.type(storage.mask)) == storage.pattern).any():
            return True
    return False


def _chunks(file: BinaryIO, remaining_bytes: int) -> Iterator[bytes]:
    while remaining_bytes:
        chunk = file.read(min(_CHUNK_BYTES, remaining_bytes))
        assert chunk, "the header promised these bytes and the size was checked"
        remaining_bytes -= len(chunk)
        yield chunk

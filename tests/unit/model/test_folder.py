"""Hostile and damaged model folders: each is refused with its reason, quickly, and none runs code."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from clock import ends_soon
from families import DECODER, tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file
from transformers import LlamaForCausalLM

from attune.errors import ModelError
from attune.model.folder import check_tokenizer, verify


def _save(folder: Path, *, tied: bool = False, **options: Any) -> None:
    torch.manual_seed(0)
    LlamaForCausalLM(tiny("llama", num_hidden_layers=1, tie_word_embeddings=tied)).save_pretrained(folder, **options)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    # A vocabulary may hold any word: these must not be taken for settings.
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"auto_map": 1, "trust_remote_code": 2}}}))


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("originals")
    _save(root / "single")
    _save(root / "sharded", max_shard_size="4KB")
    _save(root / "tied", tied=True)
    adapter = root / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(
        json.dumps(
            {
                "peft_type": "LORA",
                "base_model_name_or_path": "owner/base",
                "auto_mapping": None,
                "megatron_core": "megatron.core",
                "megatron_config": None,
                "peft_version": "0.18.0",
                "r": 8,
            }
        )
    )
    save_file({"base_model.lora_A.weight": numpy.ones((8, 16), "float32")}, adapter / "adapter_model.safetensors")
    return root


@pytest.fixture
def folder(originals: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(originals / "single", tmp_path / "model"))


class Payload:
    """Writes the canary file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.canary,)


# --- what must pass ---


def test_good_folders_pass(originals: Path) -> None:
    single = verify(originals / "single")
    assert (single.kind, single.architecture, single.base) == ("model", "LlamaForCausalLM", "")
    assert [path.name for path in single.weight_files] == ["model.safetensors"]
    parameters = sum(p.numel() for p in LlamaForCausalLM.from_pretrained(originals / "single").parameters())
    assert single.parameter_bytes == 4 * parameters
    assert single.config["hidden_size"] == DECODER["hidden_size"]

    sharded = verify(originals / "sharded")
    assert len(sharded.weight_files) > 2
    assert sharded.parameter_bytes == single.parameter_bytes
    head_bytes = 4 * DECODER["vocab_size"] * DECODER["hidden_size"]
    assert verify(originals / "tied").parameter_bytes == single.parameter_bytes - head_bytes


def test_adapter_passes_and_names_its_base(originals: Path) -> None:
    adapter = verify(originals / "adapter")
    assert (adapter.kind, adapter.architecture, adapter.base) == ("adapter", "", "owner/base")
    assert adapter.parameter_bytes == 4 * 8 * 16
    assert adapter.config["r"] == 8
    assert "auto_mapping" not in adapter.config


def test_harmless_keys_pass_and_pickles_beside_good_weights_are_not_read(folder: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"):
        (folder / name).write_bytes(pickle.dumps(Payload(canary)))
    (folder / "trainer_state.json").write_text('{"loss": NaN}')
    _edit(folder, "config.json", auto_map=None, _attn_implementation_autoset=True, attn_implementation="sdpa")
    found = verify(folder)
    assert not {"auto_map", "_attn_implementation_autoset"} & found.config.keys()
    assert not canary.exists()


def test_without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        verify(folder)
    bare = verify(folder, weights=False)
    assert (bare.weight_files, bare.parameter_bytes) == ((), 0)


def test_hub_cache_layout_passes_and_only_that(originals: Path, tmp_path: Path) -> None:
    repository = tmp_path / "models--owner--name"
    snapshot = repository / "snapshots" / "0a1b2c"
    blobs = repository / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, source in enumerate(sorted((originals / "single").iterdir())):
        shutil.copy(source, blobs / f"blob{number}")
        (snapshot / source.name).symlink_to(f"../../blobs/blob{number}")
    assert verify(snapshot).architecture == "LlamaForCausalLM"
    linked = tmp_path / "link"
    linked.symlink_to(snapshot)
    assert verify(linked).path == snapshot

    other = tmp_path / "models--other"
    shutil.copytree(repository, other, symlinks=True)
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to(other / "blobs" / "blob0")
    with pytest.raises(ModelError, match="symbolic link"):
        verify(snapshot)

    moved = tmp_path / "blobs-elsewhere"
    (other / "blobs").rename(moved)
    (other / "blobs").symlink_to(moved)
    with pytest.raises(ModelError, match="symbolic link"):
        verify(other / "snapshots" / "0a1b2c")


# --- hostile artefacts ---


def _edit(folder: Path, name: str, **values: Any) -> None:
    path = folder / name
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **values}))


def _settings(name: str, **values: Any) -> Callable[[Path, Path], None]:
    return lambda folder, canary: _edit(folder, name, **values)


def _text(name: str, text: str | bytes) -> Callable[[Path, Path], None]:
    return lambda folder, canary: _void((folder / name).write_bytes(text if isinstance(text, bytes) else text.encode()))


def _void(_: object) -> None:
    return None


def _only_pickle(name: str) -> Callable[[Path, Path], None]:
    def mutate(folder: Path, canary: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(pickle.dumps(Payload(canary)))

    return mutate


def _link(name: str, target: str) -> Callable[[Path, Path], None]:
    def mutate(folder: Path, canary: Path) -> None:
        outside = folder.parent / "outside"
        outside.mkdir()
        if (folder / name).exists():
            (folder / name).rename(outside / name)
        else:
            (outside / name).touch()
        (folder / name).symlink_to(target.format(outside=outside, name=name))

    return mutate


def _header(change: Callable[[dict[str, Any]], None]) -> Callable[[Path, Path], None]:
    """Rewrite the header and keep the data."""

    def mutate(folder: Path, canary: Path) -> None:
        path = folder / "model.safetensors"
        raw = path.read_bytes()
        (size,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + size])
        change(header)
        path.write_bytes(_with_header(json.dumps(header).encode(), raw[8 + size :]))

    return mutate


def _with_header(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


NORM = "model.norm.weight"  # 32 numbers, 128 bytes


def _set(name: str, **values: Any) -> Callable[[Path, Path], None]:
    return _header(lambda header: header[name].update(values))


def _shift(name: str, begin: int, end: int) -> Callable[[Path, Path], None]:
    def change(header: dict[str, Any]) -> None:
        old = header[name]["data_offsets"]
        header[name]["data_offsets"] = [old[0] + begin, old[1] + end]

    return _header(change)


def _weights(raw: bytes) -> Callable[[Path, Path], None]:
    return _text("model.safetensors", raw)


def _cut(keep: Callable[[int], int]) -> Callable[[Path, Path], None]:
    def mutate(folder: Path, canary: Path) -> None:
        path = folder / "model.safetensors"
        raw = path.read_bytes()
        path.write_bytes(raw[: keep(len(raw))])

    return mutate


def _append(folder: Path, canary: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(pickle.dumps(Payload(canary)))


def _sparse(folder: Path, canary: Path) -> None:
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 2_000_000_000) + b'{"a":')
        file.truncate(2_100_000_000)


def _pipe(name: str) -> Callable[[Path, Path], None]:
    def mutate(folder: Path, canary: Path) -> None:
        (folder / name).unlink()
        os.mkfifo(folder / name)

    return mutate


def _index(weight_map: Any) -> Callable[[Path, Path], None]:
    def mutate(folder: Path, canary: Path) -> None:
        (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))

    return mutate


def _drop_code(folder: Path, canary: Path) -> None:
    (folder / "modeling_evil.py").write_text(f"open({str(canary)!r}, 'w')")
    _edit(folder, "config.json", auto_map={"AutoModelForCausalLM": "modeling_evil.Model"})


def _many(count: int) -> bytes:
    return json.dumps({f"t{n}": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in range(count)}).encode()


SHARD = "model-00001-of-00001.safetensors"

HOSTILE: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    # code
    "auto_map": (_drop_code, "'auto_map' is refused"),
    "auto_map nested": (
        _settings("config.json", text_config={"x": [{"auto_map": {"A": "m.M"}}]}),
        "'auto_map' is refused",
    ),
    "auto_map tokenizer": (_settings("tokenizer_config.json", auto_map={"AutoTokenizer": ["t.T", None]}), "auto_map"),
    "auto_map processor": (_settings("processor_config.json", auto_map={"AutoProcessor": "p.P"}), "auto_map"),
    "auto_map preprocessor": (_settings("preprocessor_config.json", auto_map={"A": "p.P"}), "auto_map"),
    "auto_map other case": (_settings("Tokenizer_Config.JSON", auto_map={"A": "p.P"}), "auto_map"),
    "auto_map versioned": (_settings("config.4.0.0.json", auto_map={"A": "p.P"}), "auto_map"),
    "trust_remote_code": (_settings("config.json", trust_remote_code=True), "trust_remote_code"),
    "trust_remote_code nested": (_settings("adapter_config.json", a={"trust_remote_code": True}), "trust_remote_code"),
    "attn internal": (_settings("config.json", _attn_implementation_internal="evil/kernel"), "_attn_implementation"),
    "attn internal plain": (_settings("config.json", _attn_implementation_internal="sdpa"), "_attn_implementation"),
    "attn private": (_settings("config.json", _attn_implementation="evil/kernel"), "_attn_implementation"),
    "attn hub": (_settings("config.json", attn_implementation="evil/kernel@main:fn"), "attention kernel on a hub"),
    "attn hub dict": (_settings("config.json", attn_implementation={"": "evil/kernel"}), "attention kernel on a hub"),
    "attn hub nested": (_settings("config.json", a=[{"attn_implementation": "evil/k"}]), "attention kernel on a hub"),
    "custom_pipelines": (_settings("config.json", custom_pipelines={"x": {"impl": "x.X"}}), "custom_pipelines"),
    "custom_generate": (_settings("generation_config.json", custom_generate="evil/repo"), "custom_generate"),
    "auto_mapping": (_settings("adapter_config.json", auto_mapping={"parent_library": "os"}), "auto_mapping"),
    "peft cache": (_settings("adapter_config.json", corda_config={"cache_file": "x.pt"}), "'cache_file' is refused"),
    "other weights": (_settings("config.json", transformers_weights="pytorch_model.bin"), "transformers_weights"),
    "other tokenizer": (_settings("tokenizer_config.json", fast_tokenizer_files=["../../t.json"]), "fast_tokenizer"),
    "quantised": (_settings("config.json", quantization_config={"quant_method": "gptq"}), "quantised folders"),
    # only pickle
    "pytorch_model.bin": (_only_pickle("pytorch_model.bin"), "only safetensors"),
    "sharded bin": (_only_pickle("pytorch_model-00001-of-00002.bin"), "only safetensors"),
    ".pt": (_only_pickle("model.pt"), "only safetensors"),
    ".pth": (_only_pickle("consolidated.00.pth"), "only safetensors"),
    ".ckpt": (_only_pickle("last.ckpt"), "only safetensors"),
    ".h5": (_only_pickle("tf_model.h5"), "only safetensors"),
    ".msgpack": (_only_pickle("flax_model.msgpack"), "only safetensors"),
    ".npy": (_only_pickle("weights.npy"), "only safetensors"),
    ".PKL": (_only_pickle("weights.PKL"), "only safetensors"),
    "pickle named safetensors": (
        lambda folder, canary: _weights(pickle.dumps(Payload(canary)))(folder, canary),
        "header",
    ),
    # config
    "no config": (lambda folder, canary: (folder / "config.json").unlink(), "no config.json"),
    "config is a folder": (lambda f, c: ((f / "config.json").unlink(), (f / "config.json").mkdir())[1], "no config"),
    "config list": (_text("config.json", "[1]"), "not a JSON object"),
    "config cut": (_text("config.json", '{"architectures": ["Llama'), "not strict JSON"),
    "config binary": (_text("config.json", b"\xff\xfe\x00"), "not strict JSON"),
    "config NaN": (_text("config.json", '{"a": NaN}'), "not a number"),
    "config 1e999": (_text("config.json", '{"a": 1e999}'), "not a number"),
    "config twice": (_text("config.json", '{"auto_map": {"A": "m.M"}, "auto_map": null}'), "stands twice"),
    "config surrogate": (_text("config.json", '{"a": "\\ud800"}'), "lone surrogate"),
    "config surrogate key": (_text("config.json", '{"\\ud800": 1}'), "lone surrogate"),
    "config digits": (_text("config.json", '{"a": ' + "9" * 5000 + "}"), "not strict JSON"),
    "config deep": (_text("config.json", '{"a":' + "[" * 32 + "]" * 32 + "}"), "nested more than 32"),
    "config very deep": (_text("config.json", "[" * 300_000), "nested more than 32"),
    "config big": (_text("config.json", '{"a": "' + "x" * 1_000_000 + '"}'), "more than 1000000"),
    "tokenizer config wide": (_text("tokenizer_config.json", "[" + "[]," * 1_200_000 + "1]"), "too many values"),
    "no architecture": (_settings("config.json", architectures=None), "'architectures' must be"),
    "architecture empty": (_settings("config.json", architectures=[]), "'architectures' must be"),
    "architecture blank": (_settings("config.json", architectures=[""]), "'architectures' must be"),
    "architecture two": (_settings("config.json", architectures=["A", "B"]), "'architectures' must be"),
    "architecture number": (_settings("config.json", architectures=[1]), "'architectures' must be"),
    "adapter base number": (_settings("adapter_config.json", base_model_name_or_path=3), "is not a text"),
    # links and names
    "link config": (_link("config.json", "{outside}/{name}"), "symbolic link that leaves"),
    "link weights": (_link("model.safetensors", "{outside}/{name}"), "symbolic link that leaves"),
    "link relative": (_link("tokenizer.json", "../outside/{name}"), "symbolic link that leaves"),
    "link template": (_link("chat_template.jinja", "/etc/passwd"), "symbolic link that leaves"),
    "link broken": (_link("tokenizer.json", "nowhere"), "symbolic link that leaves"),
    "link loop": (_link("tokenizer.json", "{name}"), "symbolic link that leaves"),
    "link folder": (_link("additional_chat_templates", "/etc"), "symbolic link that leaves"),
    "pipe config": (_pipe("config.json"), "neither a file nor a folder"),
    "pipe weights": (_pipe("model.safetensors"), "neither a file nor a folder"),
    "index dots": (_index({NORM: "../model.safetensors"}), "not a plain name"),
    "index absolute": (_index({NORM: "/etc/model.safetensors"}), "not a plain name"),
    "index backslash": (_index({NORM: "..\\model.safetensors"}), "not a plain name"),
    "index newline": (_index({NORM: SHARD + "\n"}), "not a plain name"),
    "index pickle": (_index({NORM: "pytorch_model.bin"}), "not a plain name"),
    "index number": (_index({NORM: 7}), "not a plain name"),
    "index missing file": (_index({NORM: "model-00002-of-00002.safetensors"}), "which is not in the folder"),
    "index missing tensor": (_index({"absent": SHARD}), "promises tensor 'absent'"),
    "index empty": (_index({}), "no weight_map"),
    "index list": (_index([SHARD]), "no weight_map"),
    # safetensors
    "weights empty": (_weights(b""), "truncated: expected at least 8 bytes, it has 0"),
    "weights 7 bytes": (_weights(b"\0" * 7), "truncated: expected at least 8 bytes, it has 7"),
    "header 2 GB": (_sparse, "claims 2000000000 bytes"),
    "header 2^64": (_weights(b"\xff" * 8 + b"{}"), "the header claims"),
    "header past end": (_weights(struct.pack("<Q", 500) + b"{}"), "truncated: expected at least 508 bytes, it has 10"),
    "header not JSON": (_weights(_with_header(b"{nonsense")), "not strict JSON"),
    "header list": (_weights(_with_header(b"[]")), "not a JSON object"),
    "header spaces first": (_weights(_with_header(b"  {}")), "not a JSON object"),
    "header empty": (_weights(_with_header(b"{}")), "holds no tensors"),
    "header deep": (_weights(_with_header(b'{"a":' + b"[" * 300_000)), "nested more than 32"),
    "header wide": (_weights(_with_header(b'{"a":[' + b"0," * 2_000_000 + b"0]}")), "too many values"),
    "header 40k tensors": (_weights(_with_header(_many(40_000), b"\0" * 4)), "overlap or gap"),
    "header 100k tensors": (_weights(_with_header(_many(100_000), b"\0" * 4)), "too many values"),
    "header twice": (
        _weights(_with_header(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}}', b"\0")),
        "stands twice",
    ),
    "metadata list": (_header(lambda header: header.update(__metadata__=["x"])), "__metadata__"),
    "metadata number": (_header(lambda header: header.update(__metadata__={"x": 1})), "__metadata__"),
    "entry number": (_header(lambda header: header.update({NORM: 1})), "malformed header entry"),
    "entry extra": (_set(NORM, code="evil"), "malformed header entry"),
    "dtype unknown": (_set(NORM, dtype="PICKLE"), "unknown dtype 'PICKLE'"),
    "dtype wider": (_set(NORM, dtype="F64"), "its shape needs 256"),
    "shape negative": (_set(NORM, shape=[-32]), "malformed header entry"),
    "shape bool": (_set(NORM, shape=[True]), "malformed header entry"),
    "shape float": (_set(NORM, shape=[32.0]), "malformed header entry"),
    "shape huge": (_set(NORM, shape=[1 << 47, 1 << 47]), "its shape needs"),
    "shape long": (_set(NORM, shape=[1] * 100_000), "malformed header entry"),
    "shape zero": (_set(NORM, shape=[0]), "its shape needs 0"),
    "offsets reversed": (_shift(NORM, 128, -128), "its shape needs"),
    "offsets shifted": (_shift(NORM, 4, 4), "overlap or gap"),
    "offsets overlap": (_shift(NORM, -4, -4), "overlap or gap"),
    "offsets beyond": (_set(NORM, data_offsets=[1 << 40, (1 << 40) + 128]), "overlap or gap"),
    "offsets one": (_set(NORM, data_offsets=[0]), "malformed header entry"),
    "first byte gone": (_cut(lambda size: size - 1), "truncated: expected"),
    "half gone": (_cut(lambda size: size // 2), "truncated: expected"),
    "payload behind": (_append, "bytes behind the last tensor"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    mutate, reason = HOSTILE[name]
    canary = tmp_path / "canary"
    mutate(folder, canary)
    with ends_soon(), pytest.raises(ModelError) as caught:
        verify(folder)
    assert reason in str(caught.value)
    assert caught.value.where
    assert caught.value.fix
    str(caught.value).encode()  # can be printed
    assert len(str(caught.value)) < 1000
    assert not canary.exists()


def test_the_corpus_is_large_and_its_payload_works(tmp_path: Path) -> None:
    assert len(HOSTILE) >= 50
    pickle.loads(pickle.dumps(Payload(tmp_path / "canary")))
    assert (tmp_path / "canary").exists()


def test_a_huge_header_costs_little_memory(folder: Path) -> None:
    for mutate in (_sparse, HOSTILE["header 40k tensors"][0], HOSTILE["header wide"][0]):
        mutate(folder, folder)
        tracemalloc.start()
        with pytest.raises(ModelError):
            verify(folder)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes < 150_000_000


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_non_finite_values_are_named(folder: Path, dtype: str, value: float) -> None:
    kind = getattr(torch, dtype)
    if dtype == "float8_e4m3fn":
        value = float("nan")  # it has no infinity
    limits = torch.tensor([torch.finfo(kind).max, torch.finfo(kind).min], dtype=torch.float64).to(kind)
    path = folder / "model.safetensors"
    save_torch_file({"good": limits}, path)
    verify(folder)
    bad = torch.zeros(5)
    bad[3] = value
    save_torch_file({"good": limits, "bad.weight": bad.to(kind)}, path)
    with pytest.raises(ModelError, match=r"NaN or infinity in 'bad\.weight'"):
        verify(folder)


def test_non_finite_value_in_a_late_chunk_and_in_a_late_shard(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    large = numpy.zeros(3_000_000, "float32")
    large[-1] = numpy.inf
    save_file({"a": numpy.zeros(3, "int64")}, folder / "model-1.safetensors")
    save_file({"b": large}, folder / "model-2.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"model-2\.safetensors: NaN or infinity in 'b'"):
        verify(folder)
    save_file({"a": numpy.zeros(3, "float32"), "b": numpy.zeros(3, "float32")}, folder / "model-2.safetensors")
    with pytest.raises(ModelError, match=r"tensor 'a' is also in model-1"):
        verify(folder)


def test_every_truncation_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    raw = path.read_bytes()
    for size in [*range(0, 64), *range(64, len(raw), 97), len(raw) - 1]:
        path.write_bytes(raw[:size])
        with pytest.raises(ModelError, match=f"truncated: expected .* it has {size}"):
            verify(folder)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 1500), value=st.integers(0, 255))
def test_a_flipped_byte_passes_or_is_refused(folder: Path, originals: Path, position: int, value: int) -> None:
    raw = bytearray((originals / "single" / "model.safetensors").read_bytes())
    raw[position] = value
    (folder / "model.safetensors").write_bytes(raw)
    try:
        found = verify(folder)
    except ModelError:
        return
    assert found.parameter_bytes > 0


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        verify(tmp_path / "absent")


def test_tokenizer_must_fit_the_embedding() -> None:
    check_tokenizer(64, 64, "folder")
    check_tokenizer(60, 64, "folder")
    with pytest.raises(ModelError, match="65 tokens but the model has only 64"):
        check_tokenizer(65, 64, "folder")

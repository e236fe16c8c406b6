"""What is counted before loading is what a real model keeps."""

from __future__ import annotations

from pathlib import Path

import families
import pytest
import torch
import transformers

from attune.model.load import load_renderer
from attune.model.loaded import LoadedModel
from attune.model.memory import _activations, _left_behind, footprint
from attune.model.source import resolve
from attune.recipe import Recipe, from_mapping
from attune.tokens.batch import collate
from attune.tokens.sequence import Sequence

SEQUENCES = [
    Sequence(str(i), tuple(3 + (7 * i + j) % 80 for j in range(20 + i)), (0.0,) * 10 + (1.0,) * (10 + i))
    for i in range(6)
]
COUNTED = [family for family in (*families.DECODERS, *families.ENCODERS) if family not in {"deberta", "t5"}]


def sketch_of(real: LoadedModel) -> LoadedModel:
    auto = transformers.AutoModelForSequenceClassification if real.labels else transformers.AutoModelForCausalLM
    with torch.device("meta"):
        module = auto.from_config(real.transformer.config)
    return LoadedModel.sketch(module.double(), real.renderer, real.source, real.labels)


@pytest.mark.parametrize("family", COUNTED)
def test_bytes_for_the_backward_are_those_of_the_real_model(family: str) -> None:
    real = families.build(family, classifies=family in families.ENCODERS)
    batch = collate(SEQUENCES, layout=real.layout)
    sketch = sketch_of(real)
    assert sketch.layout == real.layout
    counted = _left_behind(sketch, batch)
    own = {p.untyped_storage().data_ptr() for p in real.module.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    real.module.train()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        if real.layout == "padded":
            real.transformer(input_ids=torch.full((6, 32), 5))
        else:
            real.hidden(batch)
    wanted = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    assert counted == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("family", ["deberta", "t5"])
def test_code_that_looks_into_its_tensors_leaves_it_open(family: str) -> None:
    real = families.build(family, classifies=True)
    assert _activations(sketch_of(real), collate(SEQUENCES), checkpointing=False) is None


def test_attention_that_the_rule_does_not_cover_leaves_it_open() -> None:
    fields = {**families.DECODER, "num_local_experts": 2, "num_experts_per_tok": 1}
    with torch.device("meta"):
        module = transformers.GptOssForCausalLM(transformers.GptOssConfig(**fields))
    real = families.build("llama")
    sketch = LoadedModel.sketch(module, real.renderer, real.source)
    assert _activations(sketch, collate(SEQUENCES, layout=sketch.layout), checkpointing=False) is None


def counted(folder: Path, **training: object) -> tuple[int, ...]:
    values = {"precision": "bf16", "microbatch_tokens": 64, "batch_size": 4, **training}
    recipe: Recipe = from_mapping({"data": {"train": "a"}, "method": {"kind": "full"}, "training": values})
    source = resolve(str(folder))
    dtype = torch.bfloat16 if values["precision"] == "bf16" else torch.float32
    options = {"head": "causal", "labels": (), "dtype": dtype, "program": 1000, "chunk_bytes": 1 << 20}
    found = footprint(source, load_renderer(source), recipe, SEQUENCES, **options)  # type: ignore[arg-type]
    assert found.activations
    return (found.weights, found.masters, found.gradients, found.optimizer, found.activations, found.total)


def test_parts_follow_from_parameters_and_precision(tiny_decoder: Path) -> None:
    parameters = sum(p.numel() for p in transformers.AutoModelForCausalLM.from_pretrained(tiny_decoder).parameters())
    weights, masters, gradients, optimizer, activations, total = counted(tiny_decoder)
    assert (weights, masters, optimizer) == (2 * parameters, 4 * parameters, 8 * parameters)
    assert 4 * parameters < gradients < 6 * parameters
    assert total == 1000 + weights + masters + gradients + optimizer + activations
    assert counted(tiny_decoder, precision="fp32")[:2] == (4 * parameters, 0)


def test_checkpointing_and_smaller_micro_batches_keep_less(tiny_decoder: Path) -> None:
    usual = counted(tiny_decoder, microbatch_tokens=128)[4]
    assert counted(tiny_decoder, microbatch_tokens=32)[4] < usual
    assert counted(tiny_decoder, microbatch_tokens=128, activation_checkpointing=True)[4] < usual


@pytest.mark.parametrize("family", ["llama", "gemma2", "bert", "gpt2"])
def test_checkpointing_changes_no_gradient(family: str) -> None:
    found = []
    for checkpointing in (False, True):
        model = families.build(family, classifies=family in families.ENCODERS)
        if checkpointing:
            model.checkpoint_activations()
        model.module.train()  # GPT-2 and BERT with their dropout
        calls: list[int] = []
        (layer,) = [
            part for name, part in model.module.named_modules() if name.endswith((".layers.0", ".h.0", ".layer.0"))
        ]
        next(layer.children()).register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        torch.manual_seed(5)
        batch = collate(SEQUENCES, layout=model.layout)
        model.hidden(batch).square().sum().backward()
        assert len(calls) == 1 + checkpointing, "the layer is computed again"
        found.append({name: p.grad for name, p in model.module.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-12, atol=1e-12)

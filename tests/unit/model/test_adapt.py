"""What is trained by each method, and that plain transformers and peft load what was saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from attune.errors import ModelError
from attune.model.adapt import adapt, merge, reload_adapter, save, without_adapter
from attune.model.generate import Sampling, generate
from attune.model.load import load
from attune.model.loaded import LoadedModel, cast_parameters
from attune.model.source import resolve
from attune.recipe import Method
from attune.tokens.batch import collate
from attune.tokens.sequence import Sequence
from attune.train.loss import token_cross_entropy

FULL = Method(kind="full")
LORA = Method(kind="lora", rank=4, alpha=8)
HEAD = Method(kind="head")
LABELS = ("angry", "calm", "glad")


def move(model: LoadedModel, seed: int = 0) -> None:
    """Change everything that is trained, as training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def adapted(folder: Path, method: Method, **options: Any) -> LoadedModel:
    model = load(resolve(str(folder)), **options)
    adapt(model, method, seed=0)
    move(model)
    model.module.eval()
    return model


@torch.no_grad()
def logits(module: Any, ids: list[int]) -> torch.Tensor:
    out: torch.Tensor = module(input_ids=torch.tensor([ids])).logits
    return out


def texts(model: LoadedModel, prompts: list[list[int]]) -> list[str]:
    return [model.renderer.text(a.ids) for a in generate(model, prompts, Sampling(max_new_tokens=10))]


def prompts_of(model: LoadedModel, sentences: list[str]) -> list[list[int]]:
    return [model.renderer.ids(f"{i} {sentence}"[: 6 + i % 30]) for i, sentence in enumerate(sentences[:50])]


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # peft's, under transformers 5
def test_an_adapter_is_the_same_model_saved_and_merged(
    tiny_decoder: Path, tmp_path: Path, sentences: list[str]
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = adapted(tiny_decoder, LORA)
    prompts = prompts_of(model, sentences)
    wanted = texts(model, prompts)
    untuned = texts(load(resolve(str(tiny_decoder))), prompts)
    assert sum(a != b for a, b in zip(wanted, untuned, strict=True)) > 25, "the adapter matters"
    save(model, tmp_path / "adapter", torch.float32)

    ours = load(resolve(str(tmp_path / "adapter")))
    assert texts(ours, prompts) == wanted
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_decoder), str(tmp_path / "adapter"))
    merged = load(resolve(str(tmp_path / "adapter")))
    merge(merged)
    assert type(merged.module).__name__ == "LlamaForCausalLM"
    assert texts(merged, prompts) == wanted
    save(merged, tmp_path / "merged", torch.float32)
    again = load(resolve(str(tmp_path / "merged")))
    assert texts(again, prompts) == wanted
    for prompt in prompts:
        tuned = logits(model.module, prompt)
        assert torch.equal(logits(ours.module, prompt), tuned)
        for other in (plain, merged.module, again.module):
            torch.testing.assert_close(logits(other, prompt), tuned, rtol=1e-4, atol=1e-4)


def test_an_adapter_names_its_base(tiny_decoder: Path, tmp_path: Path) -> None:
    save(adapted(tiny_decoder, LORA), tmp_path, torch.float32)
    config = json.loads((tmp_path / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_decoder.resolve())
    assert resolve(str(tmp_path)).folder == tiny_decoder.resolve()


def test_lora_trains_adapters_on_every_linear_layer_and_nothing_else(tiny_decoder: Path) -> None:
    model = load(resolve(str(tiny_decoder)))
    adapt(model, LORA, seed=0)
    trained = {name for name, p in model.module.named_parameters() if p.requires_grad}
    assert len(trained) == 2 * 7 * 2, "A and B of seven layers in two blocks"
    assert all(".lora_A." in name or ".lora_B." in name for name in trained)
    before = load(resolve(str(tiny_decoder)))
    assert torch.equal(logits(model.module, [4, 5, 6]), logits(before.module, [4, 5, 6])), "it begins as the base"


def test_new_weights_are_drawn_from_the_seed(tiny_decoder: Path) -> None:
    def drawn(seed: int) -> torch.Tensor:
        model = load(resolve(str(tiny_decoder)))
        adapt(model, LORA, seed)
        return next(p for name, p in model.module.named_parameters() if "lora_A" in name)

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_full_model_goes_out_and_back(tiny_decoder: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    model = adapted(tiny_decoder, FULL)
    assert all(p.requires_grad for p in model.module.parameters())
    weights = {name: p.detach().to(dtype) for name, p in model.module.named_parameters()}
    save(model, tmp_path, dtype)
    source = resolve(str(tmp_path))
    assert source.dtype() == dtype
    plain = AutoModelForCausalLM.from_pretrained(tmp_path)
    for other in (load(source, dtype=dtype).module, plain):
        found = dict(other.named_parameters())
        assert found.keys() == weights.keys()
        assert all(torch.equal(found[name], weights[name]) for name in weights)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    asked = [{"role": "user", "content": "Where is Ada?"}]
    assert tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>user\nWhere is Ada?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert GenerationConfig.from_pretrained(tmp_path).eos_token_id == list(model.renderer.stop_ids)
    assert load(source).renderer.stop_ids == model.renderer.stop_ids
    assert not list(tmp_path.glob("*.bin"))


@pytest.mark.parametrize("chat", [True, False])
def test_a_plain_template_is_saved_with_a_model_that_learned_to_chat(
    tiny_decoder: Path, tmp_path: Path, chat: bool
) -> None:
    from transformers import AutoTokenizer

    model = load(resolve(str(tiny_decoder)))
    model.renderer = type(model.renderer)(model.renderer.tokenizer, None, stop_ids=model.renderer.stop_ids)
    adapt(model, FULL, seed=0)
    save(model, tmp_path, torch.float32, chat=chat)
    assert load(resolve(str(tmp_path))).renderer.plain is not chat
    plain = AutoTokenizer.from_pretrained(tmp_path)
    if not chat:
        assert plain.chat_template is None
        return
    asked = [{"role": "user", "content": "Where?"}]
    assert plain.apply_chat_template(asked, tokenize=False, add_generation_prompt=True) == "User: Where?\nAssistant:\n"


def test_a_head_on_tied_embeddings_leaves_the_trunk_as_it_was(tiny_decoder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    base = load(resolve(str(tiny_decoder)))
    model = load(resolve(str(tiny_decoder)))
    adapt(model, HEAD, seed=0)
    assert [n for n, p in model.module.named_parameters() if p.requires_grad] == ["lm_head.weight"]
    assert torch.equal(logits(model.module, [4, 5, 6]), logits(base.module, [4, 5, 6])), "it begins as the base"
    batch = collate([Sequence("a", (4, 5, 6), (0.0, 1.0, 1.0))])
    token_cross_entropy(model, batch).nats.backward()
    assert model.module.get_input_embeddings().weight.grad is None
    assert model.module.lm_head.weight.grad is not None
    move(model)
    save(model, tmp_path, torch.float32)
    frozen = dict(base.module.named_parameters())
    for module in (load(resolve(str(tmp_path))).module, AutoModelForCausalLM.from_pretrained(tmp_path)):
        found = dict(module.named_parameters())
        assert all(torch.equal(found[name], tensor) for name, tensor in frozen.items())
        assert torch.equal(found["lm_head.weight"], model.module.lm_head.weight)
        assert torch.equal(logits(module, [4, 5, 6]), logits(model.module, [4, 5, 6]))


@pytest.mark.parametrize("method", [FULL, HEAD, LORA], ids=lambda m: str(m.kind))
@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_a_classifier_goes_out_and_back_with_its_labels(
    tiny_decoder: Path, tiny_encoder: Path, tmp_path: Path, kind: str, method: Method
) -> None:
    folder = tiny_decoder if kind == "decoder" else tiny_encoder
    model = adapted(folder, method, head="classifier", labels=LABELS)
    wanted = logits(model.module, [5, 6, 7, 8])
    assert wanted.shape == (1, 3)
    save(model, tmp_path, torch.float32)
    again = load(resolve(str(tmp_path)), head="classifier")
    assert again.labels == LABELS
    torch.testing.assert_close(logits(again.module, [5, 6, 7, 8]), wanted)


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_plain_transformers_reads_a_classifier(
    tiny_decoder: Path, tiny_encoder: Path, tmp_path: Path, kind: str
) -> None:
    from transformers import AutoModelForSequenceClassification, pipeline

    folder = tiny_decoder if kind == "decoder" else tiny_encoder
    model = adapted(folder, FULL, head="classifier", labels=LABELS)
    save(model, tmp_path, torch.float32)
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert plain.config.id2label == dict(enumerate(LABELS))
    assert plain.config.label2id == {label: i for i, label in enumerate(LABELS)}
    texts_read = ["Ada sells an old clock.", "Emil counts."]
    classifier = pipeline("text-classification", model=str(tmp_path), batch_size=2)
    for text, found in zip(texts_read, classifier(texts_read), strict=True):
        ids = model.renderer.ids(text, special=True)
        ours = logits(model.module, ids).softmax(-1)[0]
        assert found["label"] == LABELS[int(ours.argmax())]
        assert found["score"] == pytest.approx(float(ours.max()), rel=1e-4)


def test_a_frozen_trunk_under_a_classifier_stays_as_it_was(tiny_encoder: Path) -> None:
    model = adapted(tiny_encoder, HEAD, head="classifier", labels=LABELS)
    base = load(resolve(str(tiny_encoder)), head="classifier", labels=LABELS)
    frozen = {n: p for n, p in base.module.named_parameters() if n.startswith("bert.") and "pooler" not in n}
    found = dict(model.module.named_parameters())
    assert all(torch.equal(found[name], tensor) for name, tensor in frozen.items())
    assert any(p.requires_grad for n, p in found.items() if n.startswith("classifier"))


def test_lora_on_a_model_without_linear_layers_is_refused(tiny_decoder: Path) -> None:
    model = load(resolve(str(tiny_decoder)))
    model.module.model.layers = torch.nn.ModuleList()
    with pytest.raises(ModelError, match="LoRA"):
        adapt(model, LORA, seed=0)


def test_base_and_tuned_come_from_one_load(tiny_decoder: Path, tmp_path: Path) -> None:
    model = adapted(tiny_decoder, LORA)
    save(model, tmp_path, torch.float32)
    ids = list(range(4, 60))
    fresh = {
        "base": load(resolve(str(tiny_decoder)), dtype=torch.bfloat16),
        "tuned": load(resolve(str(tmp_path)), dtype=torch.bfloat16),
    }
    cast_parameters(model.module, torch.bfloat16)
    with without_adapter(model):
        assert torch.equal(logits(model.module, ids), logits(fresh["base"].module, ids))
    move(model, seed=1)
    assert not torch.equal(logits(model.module, ids), logits(fresh["tuned"].module, ids))
    reload_adapter(model, resolve(str(tmp_path)))
    assert torch.equal(logits(model.module, ids), logits(fresh["tuned"].module, ids))


def test_rotary_frequencies_keep_their_precision_beside_an_adapter(tiny_decoder: Path, tmp_path: Path) -> None:
    save(adapted(tiny_decoder, LORA), tmp_path, torch.float32)
    tuned = load(resolve(str(tmp_path)), dtype=torch.bfloat16)
    frequencies = {name: buffer for name, buffer in tuned.transformer.named_buffers() if "inv_freq" in name}
    assert frequencies
    assert all(buffer.dtype == torch.float32 for buffer in frequencies.values())

"""Families outside of the table, and configs that differ from what the tokenizer says: exact, or refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from attune.errors import ModelError
from attune.model.adapt import adapt, save
from attune.model.generate import Sampling, generate, stream
from attune.model.load import load
from attune.model.loaded import LoadedModel, positions_of
from attune.model.source import resolve
from attune.recipe import Method
from attune.tokens.batch import collate, microbatches
from attune.tokens.sequence import Sequence
from attune.train.loss import LOSSES

LABELS = ("angry", "calm", "glad")
SMALL = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 128, "initializer_range": 0.2,
}  # fmt: skip

Make = Callable[..., Path]


@pytest.fixture
def make(tiny_decoder: Path, tiny_encoder: Path, tmp_path: Path) -> Make:
    """Writes the folder of a random model of a class of transformers, with a tokenizer of the tests'."""

    def made(name: str, config: str, *, encoder: bool = False, std: float = 0.2, **fields: Any) -> Path:
        tokens, folder = tiny_encoder if encoder else tiny_decoder, tmp_path / name
        tokenizer = transformers.AutoTokenizer.from_pretrained(tokens)
        ids = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
        torch.manual_seed(0)
        given = {**SMALL, **ids, "vocab_size": len(tokenizer), **fields}
        module = getattr(transformers, name)(getattr(transformers, config)(**given))
        for parameter in module.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=std)
        module.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return made


def moved(folder: Path, method: Method, **options: Any) -> LoadedModel:
    """The model, all that the method trains changed as training would."""
    model = load(resolve(str(folder)), **options)
    adapt(model, method, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    model.module.eval()
    return model


def rows(vocabulary: int, lengths: tuple[int, ...], label: bool = False) -> list[Sequence]:
    generator = torch.Generator().manual_seed(3)
    made = []
    for i, length in enumerate(lengths):
        ids = tuple(torch.randint(5, vocabulary, (length,), generator=generator).tolist())
        made.append(Sequence(str(i), ids, (0.0,) + (0.0 if label else 1.0,) * (length - 1), i % 3 if label else None))
    return made


def gradients(model: LoadedModel, sequences: list[Sequence], budget: int) -> dict[str, torch.Tensor]:
    """Every gradient of the sequences, in micro-batches of so many tokens."""
    model.module.zero_grad()
    planned = microbatches(sequences, budget, model.layout, alone_beyond=model.alone_beyond)
    for _, batch in planned:
        LOSSES["label" if model.labels else "token"](model, batch).nats.backward()
    return {name: p.grad.clone() for name, p in model.module.named_parameters() if p.grad is not None}


def plain_gradients(model: LoadedModel, sequences: list[Sequence]) -> dict[str, torch.Tensor]:
    """The same by transformers alone, one sequence at a time."""
    model.module.zero_grad()
    for sequence in sequences:
        ids = torch.tensor([sequence.input_ids])
        logits = model.module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        wanted = ids[0, 1:] if sequence.label is None else torch.tensor([sequence.label])
        given = logits[0, :-1] if sequence.label is None else logits
        torch.nn.functional.cross_entropy(given, wanted, reduction="sum").backward()
    return {name: p.grad.clone() for name, p in model.module.named_parameters() if p.grad is not None}


def same_gradients(model: LoadedModel, sequences: list[Sequence], budget: int = 10_000) -> None:
    found, wanted = gradients(model, sequences, budget), plain_gradients(model, sequences)
    largest = max(float(grad.abs().max()) for grad in wanted.values())
    for name, grad in wanted.items():
        if grad.abs().max() > 0:
            torch.testing.assert_close(found[name], grad, rtol=1e-3, atol=1e-4 * largest, msg=name)


ENCODERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "distilbert": (
        "DistilBertForMaskedLM", "DistilBertConfig", {"dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4},
    ),
    "deberta": ("DebertaV2Model", "DebertaV2Config", {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
    "albert": ("AlbertForMaskedLM", "AlbertConfig", {"embedding_size": 16}),
    "bert-mlm": ("BertForMaskedLM", "BertConfig", {}),
    "bert": ("BertModel", "BertConfig", {}),
    "electra": ("ElectraModel", "ElectraConfig", {"embedding_size": 16}),
    "modernbert": ("ModernBertModel", "ModernBertConfig", {"local_attention": 8}),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # peft's, under transformers 5
@pytest.mark.parametrize("kind", ["full", "lora", "head"])
@pytest.mark.parametrize("family", ENCODERS)
def test_a_new_head_is_saved_whole(make: Make, tmp_path: Path, family: str, kind: Any) -> None:
    """Whatever seed the reader draws with: nothing of what was drawn for the head is drawn again."""
    import peft

    name, config, fields = ENCODERS[family]
    folder = make(name, config, encoder=True, **fields)
    model = moved(folder, Method(kind=kind, rank=4, alpha=8), head="classifier", labels=LABELS)
    ids = torch.tensor([[2, 9, 8, 7, 6, 3]])
    with torch.no_grad():
        wanted = model.module(input_ids=ids).logits
    save(model, tmp_path / "saved", torch.float32)
    torch.manual_seed(777)
    auto = transformers.AutoModelForSequenceClassification
    if kind == "lora":
        base = auto.from_pretrained(folder, num_labels=len(LABELS))
        plain = peft.PeftModel.from_pretrained(base, tmp_path / "saved").eval()
    else:
        plain = auto.from_pretrained(tmp_path / "saved").eval()
    again = load(resolve(str(tmp_path / "saved")), head="classifier", seed=5)
    with torch.no_grad():
        torch.testing.assert_close(plain(input_ids=ids).logits, wanted, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(again.module(input_ids=ids).logits, wanted, rtol=1e-4, atol=1e-4)


LONG = {"rope_type": "longrope", "long_factor": [4.0] * 4, "short_factor": [1.0] * 4, "rope_theta": 100.0}
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 100.0, "original_max_position_embeddings": 16}
ROPES = {
    "longrope": ("Phi3ForCausalLM", "Phi3Config", {"original_max_position_embeddings": 16, "rope_parameters": LONG}),
    "dynamic": (
        "LlamaForCausalLM", "LlamaConfig",
        {"max_position_embeddings": 64, "rope_parameters": DYNAMIC},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ROPES)
def test_angles_that_depend_on_the_longest_sequence(make: Make, kind: str) -> None:
    name, config, fields = ROPES[kind]
    model = load(resolve(str(make(name, config, **fields))))
    assert (model.layout, model.alone_beyond) == ("tree", 16)
    # Dynamic angles grow with the longest sequence so far, so here each is longer than those before it.
    sequences = rows(60, (5, 9, 12, 16, 20, 30))
    same_gradients(model, sequences)
    prompts = [list(s.input_ids) for s in sequences[:5]]
    alone = [generate(model, [prompt], Sampling(max_new_tokens=6))[0] for prompt in prompts]
    assert generate(model, prompts, Sampling(max_new_tokens=6)) == alone


@pytest.mark.parametrize("name", ["XLMWithLMHeadModel", "BertLMHeadModel"])
def test_an_encoder_is_no_language_model(make: Make, name: str) -> None:
    fields = {"emb_dim": 32, "n_layers": 2, "n_heads": 4} if name.startswith("XLM") else {}
    folder = make(name, name.removesuffix("WithLMHeadModel").removesuffix("LMHeadModel") + "Config", **fields)
    with pytest.raises(ModelError, match="does not write text"):
        load(resolve(str(folder)))


@pytest.mark.parametrize("name", ["T5ForConditionalGeneration", "BartForConditionalGeneration"])
def test_an_encoder_with_a_decoder_is_refused_as_a_language_model(make: Make, name: str) -> None:
    fields = {"d_model": 32, "d_ff": 48, "d_kv": 8, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
    fields |= {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
    folder = make(name, name.removesuffix("ForConditionalGeneration") + "Config", **fields)
    with pytest.raises(ModelError, match="encoder with a decoder"):
        load(resolve(str(folder)))
    assert not resolve(str(folder)).generates


@pytest.mark.parametrize("name", ["BloomForCausalLM", "LlamaForCausalLM"])
def test_a_classifier_pads_as_its_config_says(make: Make, tmp_path: Path, name: str) -> None:
    config = name.removesuffix("ForCausalLM") + "Config"
    folder = make(name, config, pad_token_id=7, n_layer=2, n_head=4)  # the tokenizer's is another
    model = moved(folder, Method(kind="full"), head="classifier", labels=LABELS)
    sequences = rows(60, (9, 5, 12), label=True)
    with torch.no_grad():
        found = model.class_logits(collate(sequences, layout=model.layout))
    save(model, tmp_path / "saved", torch.float32)
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    with torch.no_grad():
        wanted = torch.cat([plain(input_ids=torch.tensor([s.input_ids])).logits for s in sequences])
    torch.testing.assert_close(found, wanted[: len(found)], rtol=1e-3, atol=1e-3)


MIXERS = {
    "fnet": ("FNetModel", "FNetConfig", {}),
    "convbert": ("ConvBertModel", "ConvBertConfig", {"embedding_size": 32, "conv_kernel_size": 3, "num_groups": 1}),
}


@pytest.mark.parametrize("family", MIXERS)
def test_where_padding_reaches_each_sequence_stands_alone(make: Make, family: str) -> None:
    name, config, fields = MIXERS[family]
    folder = make(name, config, encoder=True, **fields)
    model = load(resolve(str(folder)), head="classifier", labels=LABELS)
    assert (model.layout, model.alone_beyond) == ("padded", 0) and "by itself" in model.layout_reason
    same_gradients(model, rows(60, (5, 9, 12, 13), label=True))


def test_a_model_inside_a_larger_one_is_read_by_its_text(make: Make) -> None:
    text = {**SMALL, "vocab_size": 400, "head_dim": 8, "max_position_embeddings": 64, "pad_token_id": 0}
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 28,
    }
    folder = make(
        "Gemma3ForConditionalGeneration", "Gemma3Config", text_config=text, vision_config={**vision, "patch_size": 14},
        mm_tokens_per_image=4, image_token_index=399, boi_token_index=398, eoi_token_index=397,
    )  # fmt: skip
    model = load(resolve(str(folder)))
    assert model.context_tokens == 64
    (answer,) = generate(model, [[5, 6, 7]], Sampling(max_new_tokens=4))
    assert len(answer.ids) <= 4


@pytest.mark.parametrize("name", ["MambaForCausalLM", "OpenAIGPTLMHeadModel", "LlamaForCausalLM"])
def test_a_stream_is_what_is_generated(make: Make, name: str) -> None:
    config = name.removesuffix("ForCausalLM").removesuffix("LMHeadModel") + "Config"
    model = load(resolve(str(make(name, config, state_size=4, n_embd=32, n_layer=2, n_head=4))))
    prompt = model.renderer.ids("Ada sells an old clock")
    (answer,) = generate(model, [prompt], Sampling(max_new_tokens=8))
    assert "".join(stream(model, prompt, Sampling(max_new_tokens=8))) == model.renderer.text(answer.ids)


def test_positions_behind_the_padding_reach_as_far_as_they_say(make: Make) -> None:
    fields = {"max_position_embeddings": 20, "pad_token_id": 1, "type_vocab_size": 1}
    folder = make("RobertaPreLayerNormModel", "RobertaPreLayerNormConfig", encoder=True, **fields)
    model = load(resolve(str(folder)), head="classifier", labels=LABELS)
    assert model.context_tokens == 18
    same_gradients(model, rows(60, (18, 7), label=True))


def test_a_limit_below_one_is_none() -> None:
    assert positions_of(transformers.XLNetConfig()) == 1 << 30


def test_a_folder_stays_as_it_was(make: Make, tmp_path: Path) -> None:
    folder = make("BertModel", "BertConfig", encoder=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    load(resolve(str(folder)), head="classifier", labels=LABELS)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_last_layers_are_trained_with_all_that_is_used_behind_them(make: Make) -> None:
    fields = {"ffn_dim": 48, "word_embed_proj_dim": 32, "tie_word_embeddings": True}
    model = load(resolve(str(make("OPTForCausalLM", "OPTConfig", **fields))))
    adapt(model, Method(kind="top", layers=1), seed=0)
    trained = {name for name, parameter in model.module.named_parameters() if parameter.requires_grad}
    assert "model.decoder.final_layer_norm.weight" in trained, "it is declared before the layers and used behind them"
    assert all("layers.1." in name or "final_layer_norm" in name for name in trained)
    same_gradients(model, rows(60, (5, 9)))


def test_what_closes_a_text_stays_when_it_is_cut(tiny_encoder: Path) -> None:
    renderer = load(resolve(str(tiny_encoder)), head="classifier", labels=LABELS).renderer
    assert renderer.closing_tokens == 1
    ids = renderer.ids("Ada sells an old clock near the station.", special=True)
    sequence = Sequence("1", tuple(ids), (0.0,) * len(ids), 0)
    cut = sequence.head(6, renderer.closing_tokens)
    assert cut.input_ids == (*ids[:5], ids[-1]) and cut.truncated_tokens == len(ids) - 6


def test_padding_that_is_the_end_token_too(make: Make, tmp_path: Path) -> None:
    from tokenizers import processors

    from attune.data.example import LabelledText, Origin
    from attune.tasks.classify import Classify

    folder = make("LlamaForCausalLM", "LlamaConfig")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    end = tokenizer.eos_token
    tokenizer.pad_token = end
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, tokenizer.eos_token_id)]
    )
    tokenizer.save_pretrained(folder)
    model = moved(folder, Method(kind="full"), head="classifier", labels=LABELS)
    rows = [LabelledText("1", Origin("f", 1), "Ada sells an old clock.", LABELS[0])]
    (found,) = Classify(LABELS).encode(rows, model.renderer).sequences
    save(model, tmp_path / "saved", torch.float32)
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved").eval()
    given = transformers.AutoTokenizer.from_pretrained(tmp_path / "saved")([rows[0].text], return_tensors="pt")
    assert given["input_ids"][0, -1] == plain.config.pad_token_id
    with torch.no_grad():
        torch.testing.assert_close(model.class_logits(collate(found, layout=model.layout)), plain(**given).logits)


def test_a_classifier_that_reads_an_end_token_needs_one(make: Make) -> None:
    fields = {"d_model": 32, "d_ff": 48, "d_kv": 8, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
    folder = make("T5ForConditionalGeneration", "T5Config", **fields)
    with pytest.raises(ModelError, match="by its end token"):
        load(resolve(str(folder)), head="classifier", labels=LABELS)


@pytest.mark.parametrize(
    ("name", "config", "stored"),
    [("Gemma4ForCausalLM", "Gemma4TextConfig", False), ("LlamaForCausalLM", "LlamaConfig", True)],
)
def test_layers_that_read_more_than_states_are_not_stored(make: Make, name: str, config: str, stored: bool) -> None:
    from attune.model.trunk import storable

    if not hasattr(transformers, name):
        pytest.skip(f"this transformers has no {name}")
    fields = {"num_kv_shared_layers": 2, "num_hidden_layers": 4, "hidden_size_per_layer_input": 8, "head_dim": 8,
              "vocab_size_per_layer_input": 400, "layer_types": ["sliding_attention", "full_attention"] * 2,
              "global_head_dim": 16, "sliding_window": 8}  # fmt: skip
    model = load(resolve(str(make(name, config, **(fields if not stored else {})))))
    method = Method(kind="top", layers=1)
    adapt(model, method, seed=0)
    assert storable(model, method) == stored
    (answer,) = generate(model, [[5, 6, 7]], Sampling(max_new_tokens=4))
    assert len(answer.ids) <= 4


def test_a_classifier_of_an_encoder_with_a_language_models_name_has_a_baseline(make: Make, tmp_path: Path) -> None:
    import attune

    data = tmp_path / "rows.csv"
    lines = [
        f"{who} {does},{does}" for who in ("Ada", "Emil", "Bela", "Dora", "Femi") for does in ("sells", "paints") * 4
    ]
    data.write_text("\n".join(["text,label", *(f"{n} {line}" for n, line in enumerate(lines))]) + "\n")
    folder = make("BertLMHeadModel", "BertConfig", encoder=True)
    recipe = {
        "data": {"train": str(data), "audit": {"skip": ["few_rows"]}}, "model": str(folder),
        "training": {"max_steps": 2}, "method": {"kind": "full"},
    }  # fmt: skip
    result = attune.run(recipe, runs=tmp_path / "runs")
    assert json.loads((result.folder / "evaluation" / "baseline.json").read_bytes())["kind"] == "majority class"

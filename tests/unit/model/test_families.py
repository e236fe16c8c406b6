"""Every family of models: in fp64, loss and every gradient of a batch equal those of the one-at-a-time loop."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
import transformers

from attune.model.loaded import LoadedModel
from attune.tokens.batch import collate
from attune.tokens.sequence import Sequence
from attune.train.loss import LOSSES

VOCABULARY = 96
COMMON = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
DECODER = {**COMMON, **HEADS, **SPECIAL}
ENCODER = {**COMMON, "num_attention_heads": 4, "max_position_embeddings": 128, **SPECIAL}
GPT = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, **SPECIAL}

# Family -> (config class, its tiny config, the layout that it gets).
DECODERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "llama": ("LlamaConfig", DECODER, "tree"),
    "mistral": ("MistralConfig", {**DECODER, "sliding_window": 6}, "tree"),
    "qwen2": ("Qwen2Config", DECODER, "tree"),
    "qwen2-window": (
        "Qwen2Config",
        {**DECODER, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
        "tree",
    ),
    "qwen3": ("Qwen3Config", DECODER, "tree"),
    "gemma2": ("Gemma2Config", {**DECODER, "sliding_window": 6, "attn_logit_softcapping": 2.0}, "tree"),
    "gemma3": ("Gemma3TextConfig", {**DECODER, "sliding_window": 6}, "tree"),
    "phi3": ("Phi3Config", {**DECODER, "sliding_window": 6}, "tree"),
    "gpt2": ("GPT2Config", GPT, "tree"),
    "gpt-neox": ("GPTNeoXConfig", ENCODER, "tree"),
    "olmo2": ("Olmo2Config", DECODER, "tree"),
    "granite": ("GraniteConfig", {**DECODER, "logits_scaling": 2.0, "attention_multiplier": 0.2}, "tree"),
    "smollm3": ("SmolLM3Config", DECODER, "tree"),
    "cohere": ("CohereConfig", {**DECODER, "logit_scale": 0.25}, "tree"),
    "mamba": ("MambaConfig", {**COMMON, **SPECIAL, "state_size": 4}, "padded"),
}
ENCODERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "bert": ("BertConfig", ENCODER, "packed"),
    "roberta": ("RobertaConfig", {**ENCODER, "pad_token_id": 1, "type_vocab_size": 1}, "packed"),
    "distilbert": (
        "DistilBertConfig",
        {"vocab_size": VOCABULARY, "dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4, "pad_token_id": 0},
        "packed",
    ),
    "modernbert": ("ModernBertConfig", {**ENCODER, "local_attention": 8}, "packed"),
    "deberta": ("DebertaV2Config", {**ENCODER, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}, "padded"),
    "t5": (
        "T5Config",
        {
            "vocab_size": VOCABULARY,
            "d_model": 32,
            "d_ff": 48,
            "d_kv": 8,
            "num_layers": 2,
            "num_heads": 4,
            "decoder_start_token_id": 0,
            **SPECIAL,
        },
        "padded",
    ),
}


class _Tokens:
    """Of a renderer, all that a forward needs."""

    def __init__(self, pad_id: int) -> None:
        self.pad_id = pad_id


class _Source:
    generates = True


def build(family: str, *, classifies: bool = False) -> LoadedModel:
    """A random model of a family in fp64, with dropout off."""
    name, fields, _ = (ENCODERS if family in ENCODERS else DECODERS)[family]
    config = getattr(transformers, name)(**fields)
    torch.manual_seed(0)
    if classifies:
        config.num_labels = 3
        module = transformers.AutoModelForSequenceClassification.from_config(config)
    else:
        module = transformers.AutoModelForCausalLM.from_config(config)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3) if parameter.ndim > 1 else parameter.data.add_(
            torch.randn_like(parameter) * 0.1
        )
    module = module.double().eval()
    labels = ("a", "b", "c") if classifies else ()
    return LoadedModel.of(module, _Tokens(config.pad_token_id), _Source(), labels)  # type: ignore[arg-type]


def forest(seed: int, *, labels: bool = False) -> list[Sequence]:
    """Sequences that branch off one another, one inside another, twice the same, and one that shares nothing."""
    generator = random.Random(seed)

    def tokens(n: int) -> tuple[int, ...]:
        return tuple(generator.randrange(3, VOCABULARY) for _ in range(n))

    made = [tokens(generator.randrange(3, 12))]
    for _ in range(7):
        whole = generator.choice(made)
        made.append(whole[: generator.randrange(1, len(whole) + 1)] + tokens(generator.randrange(0, 9)))
    made += [made[2], tokens(9)]
    rows = []
    for i, ids in enumerate(made):
        weights = [generator.choice((0.0, 0.5, 1.0)) for _ in ids]
        label = generator.randrange(3) if labels else None
        if labels:  # T5 reads a sequence at its end token
            rows.append(Sequence(str(i), (*ids[:-1], 2), (0.0,) * len(ids), label))
        else:
            rows.append(Sequence(str(i), ids, (0.0, *weights[1:])))
    return rows


def gradients(model: LoadedModel, batches: list[list[Sequence]], layout: Any) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss and every gradient, summed over batches."""
    model.module.zero_grad()
    loss = LOSSES["label" if model.labels else "token"]
    total = 0.0
    for batch in batches:
        part = loss(model, collate(batch, layout=layout)).nats
        part.backward()
        total += float(part.detach())
    return total, {name: p.grad.clone() for name, p in model.module.named_parameters() if p.grad is not None}


def check(family: str, seed: int, *, classifies: bool) -> None:
    model = build(family, classifies=classifies)
    *_, layout = (ENCODERS if family in ENCODERS else DECODERS)[family]
    assert model.layout == layout, model.layout_reason
    assert bool(model.layout_reason) == (layout == "padded")
    rows = forest(seed, labels=classifies)
    loss, found = gradients(model, [rows], model.layout)
    # The one-at-a-time loop computes with the family's own attention.
    plain = build(family, classifies=classifies)
    plain.layout = "padded"
    plain.module.set_attn_implementation("eager")
    wanted_loss, wanted = gradients(plain, [[row] for row in rows], "padded")
    assert loss == pytest.approx(wanted_loss, rel=1e-9)
    assert found.keys() == wanted.keys()
    largest = max(float(grad.abs().max()) for grad in wanted.values())
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=1e-9, atol=1e-9 * largest, msg=name)


@pytest.fixture(autouse=True)
def everything_in_fp64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Families compute norms, rotary angles and softmax in fp32 whatever the weights are; here even those are fp64."""
    monkeypatch.setattr(torch, "float32", torch.float64)
    monkeypatch.setattr(torch, "float", torch.float64)
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("family", DECODERS)
def test_tokens(family: str, seed: int) -> None:
    check(family, seed, classifies=False)


@pytest.mark.parametrize("family", [*ENCODERS, "llama", "qwen3", "gpt2"])
def test_classes(family: str) -> None:
    check(family, 0, classifies=True)

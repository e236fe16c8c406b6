"""Tiny random models of every family that the engine is proven on, and the layout that each gets."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from attune.model.loaded import LoadedModel

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
    folder = "tiny"


def tiny(family: str, **changes: Any) -> Any:
    """The tiny config of a family; `changes` are fields of it."""
    name, fields, _ = (ENCODERS if family in ENCODERS else DECODERS)[family]
    return getattr(transformers, name)(**{**fields, **changes})


def build(family: str, *, classifies: bool = False) -> LoadedModel:
    """A random model of a family in fp64, with dropout off."""
    config = tiny(family)
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

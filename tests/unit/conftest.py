"""A tiny real language model that every unit test may read, and files for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WORDS = "what colour is the sky grass coal snow blue green black white label good bad"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an untrained one-layer decoder with a byte-level tokenizer and no chat template."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    folder = tmp_path_factory.mktemp("tiny-model")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([WORDS] * 3, trainer)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    fast.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(fast),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=128,
        eos_token_id=0,
        pad_token_id=0,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty short conversations."""
    things = {"sky": "blue", "grass": "green", "coal": "black", "snow": "white"}
    asked = (
        "what colour is|and|tell me|say|name|paint|how is|look at|the hue of|the shade of|once more|again|why|who|on"
    )
    rows = [
        {"messages": [{"role": "user", "content": f"{how} the {thing}"}, {"role": "assistant", "content": colour}]}
        for how in asked.split("|")
        for thing, colour in things.items()
    ]
    path = tmp_path_factory.mktemp("data") / "colours.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def moods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty labelled texts."""
    words = [
        "sky",
        "grass",
        "coal",
        "snow",
        "blue",
        "green",
        "black",
        "white",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
    ]
    rows = [
        f"{feeling} {word} {kind},{label}\n"
        for word in words
        for kind in ("day", "night")
        for feeling, label in (("lovely", "good"), ("awful", "bad"))
    ]
    path = tmp_path_factory.mktemp("data") / "moods.csv"
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    return path

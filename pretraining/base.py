"""Make the folder that pretraining starts from: a byte-level BPE tokenizer learned from the text, a config, a template.

    python pretraining/base.py CORPUS_DIR OUT_DIR

There are no weights in it: `attune run pretraining/recipe.yaml` draws them at random (`method.init: random`).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config

VOCABULARY = 6144
CONTEXT_TOKENS = 512
END_OF_TEXT, TURN_BEGIN, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CHAT_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['role'] == 'assistant' %}
{%- generation %}{{- message['content'] + '<|im_end|>' }}{%- endgeneration %}
{%- else %}
{{- message['content'] + '<|im_end|>' }}
{%- endif %}
{{- '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def train_tokenizer(corpus: Path) -> PreTrainedTokenizerFast:
    """Byte-level BPE over the training text; digits are split one by one, so that numbers can be copied."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END_OF_TEXT, TURN_BEGIN, TURN_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(corpus / "train.jsonl"), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        chat_template=CHAT_TEMPLATE,
        model_max_length=CONTEXT_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def config() -> Qwen3Config:
    """About 6 million parameters: four layers of width 256 with tied embeddings."""
    return Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=CONTEXT_TOKENS,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        tie_word_embeddings=True,
        initializer_range=0.02,
        eos_token_id=0,
        pad_token_id=0,
        architectures=["Qwen3ForCausalLM"],
        dtype="bfloat16",
    )


def _texts(path: Path) -> Iterator[str]:
    """The corpus without its turn markers, which must stay whole tokens."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"]
            for marker in (TURN_BEGIN, TURN_END):
                text = text.replace(marker, "\n")
            yield text


def main() -> None:
    """Write tokenizer and config."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    train_tokenizer(arguments.corpus).save_pretrained(arguments.out)
    config().save_pretrained(arguments.out)
    GenerationConfig(eos_token_id=[0, 2], pad_token_id=0, max_new_tokens=128).save_pretrained(arguments.out)


if __name__ == "__main__":
    main()

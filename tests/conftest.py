"""Tiny real models and data for every test: made once a session, in temporary folders, from a seed."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models are slower with more, and sums differ in their last bit
# The crash tests fork a process that must have one thread: no pool for matrices, none that tidies pyarrow's memory.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["ATTUNE_CACHE"] = ""  # nothing of one test is kept for another

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ("<|im_start|>", "<|im_end|>", "<|pad|>")

_WHO = ("Ada", "Bela", "Chidi", "Dora", "Emil", "Femi", "Greta", "Hugo")
_DOES = ("paints", "repairs", "sells", "counts", "finds", "washes")
_WHAT = ("the red bicycle", "an old clock", "seven green apples", "a small boat", "the kitchen door", "two blue cups")
_WHERE = ("in the garden", "near the station", "at the market", "behind the school", "by the river")


def _sentences() -> list[str]:
    generator = random.Random(0)
    return [f"{generator.choice(_WHO)} {does} {what} {where}." for does in _DOES for what in _WHAT for where in _WHERE]


@pytest.fixture(scope="session")
def sentences() -> list[str]:
    """A few hundred short English sentences."""
    return _sentences()


@pytest.fixture(scope="session")
def bpe(sentences: list[str]) -> Callable[..., Any]:
    """Makes a byte-level BPE tokenizer with `special` tokens beside its words, and an optional chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    def make(
        template: str | None = CHATML,
        *,
        special: Iterable[str] = SPECIAL,
        eos: str | None = "<|im_end|>",
        pad: str | None = "<|pad|>",
        bos: str | None = None,
    ) -> Any:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=list(special),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator([*sentences, "system user assistant"], trainer)
        named = {"eos_token": eos, "pad_token": pad, "bos_token": bos}
        fast = PreTrainedTokenizerFast(
            tokenizer_object=tokenizer,
            clean_up_tokenization_spaces=False,
            additional_special_tokens=[s for s in special if s not in named.values()],
            **{name: token for name, token in named.items() if token is not None},
        )
        fast.chat_template = template
        return fast

    return make


@pytest.fixture(scope="session")
def tiny_decoder(tmp_path_factory: pytest.TempPathFactory, bpe: Callable[..., Any]) -> Path:
    """Folder of an untrained Llama (tied embeddings) with a ChatML template. Read only: copy it to change it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("models") / "decoder"
    tokenizer = bpe()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        initializer_range=0.1,  # wide enough for an untrained model's answers to differ
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def plain_decoder(tmp_path_factory: pytest.TempPathFactory, tiny_decoder: Path) -> Path:
    """Folder of the tiny decoder without its chat template. Read only: copy it to change it."""
    folder = Path(shutil.copytree(tiny_decoder, tmp_path_factory.mktemp("models") / "plain"))
    (folder / "chat_template.jinja").unlink()
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, sentences: list[str]) -> Path:
    """Folder of an untrained BERT trunk with a WordPiece tokenizer. Read only: copy it to change it."""
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "encoder"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
    config = BertConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        initializer_range=0.1,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


class Rows:
    """Makers of data rows, as they stand in a file. Every row of a kind differs from the others."""

    def __init__(self, sentences: list[str]) -> None:
        self._sentences = sentences

    def chat(self, n: int, *, turns: int = 1, system: str = "You answer briefly.") -> list[dict[str, Any]]:
        """Conversations of 1 or more question-and-answer turns of unequal length."""
        rows = []
        for i in range(n):
            messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
            for turn in range(turns):
                sentence = self._sentences[(i + 31 * turn) % len(self._sentences)]
                words = sentence.split()
                messages.append({"role": "user", "content": f"{i}: what does {words[0]} do?"})
                messages.append({"role": "assistant", "content": " ".join(words[: 2 + (i + turn) % (len(words) - 1)])})
            rows.append({"messages": messages})
        return rows

    def pairs(self, n: int) -> list[dict[str, str]]:
        """Prompts and completions."""
        return [
            {"prompt": f"{i}: {words[0]}", "completion": " " + " ".join(words[1:])}
            for i, words in enumerate(s.split() for s in self._sentences[:n])
        ]

    def labelled(self, n: int) -> list[dict[str, str]]:
        """Texts labelled by who is spoken of: three classes that a tiny model can tell apart."""
        labels = ("first", "second", "third")
        return [
            {"text": f"{_WHO[i % 3]} {self._sentences[i].split(maxsplit=1)[1]}", "label": labels[i % 3]}
            for i in range(n)
        ]

    def documents(self, n: int) -> list[dict[str, str]]:
        """Texts of a few sentences."""
        return [{"text": f"{i}. {' '.join(self._sentences[i : i + 3])}"} for i in range(n)]


@pytest.fixture(scope="session")
def rows(sentences: list[str]) -> Rows:
    """Makers of chat, pair, labelled and document rows."""
    return Rows(sentences)


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows as a JSONL file and returns its path."""

    def write(rows: Iterable[Mapping[str, Any]], name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


# Small and quick, and the same on every machine.
QUICK = {"precision": "fp32", "batch_size": 8, "max_steps": 4, "evaluate_every": 2, "microbatch_tokens": 512}


@pytest.fixture
def walk(tmp_path: Path) -> Callable[..., Any]:
    """Runs `attune.pipeline.run` on a model folder and a data file; further recipe sections override the quick ones."""
    from attune.pipeline import run
    from attune.recipe import from_mapping
    from attune.runs.store import Store

    def go(
        model: Path, data: Path, emit: Callable[[Any], None] = lambda event: None, /, stop: Any = None, **sections: Any
    ) -> Any:
        tree: dict[str, Any] = {
            "model": str(model),
            **sections,
            "data": {"train": str(data), **sections.get("data", {})},
            "training": {**QUICK, **sections.get("training", {})},
            "evaluation": {"max_new_tokens": 8, **sections.get("evaluation", {})},
        }
        return run(from_mapping(tree), Store(tmp_path / "runs"), emit, stop=stop)

    return go

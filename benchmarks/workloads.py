"""The work that is timed: rows of token ids with the shapes of common jobs, and models of random weights.

Ids are drawn from a seed; what matters for speed is how long rows are, what they share and where their targets stand.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from attune.tokens.sequence import Sequence

VOCABULARY = 20_480
BATCH_SIZE = 16
DECODER = {
    "vocab_size": VOCABULARY,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": True,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
ENCODER = {
    "vocab_size": VOCABULARY,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
}


@dataclass(frozen=True)
class Workload:
    """Rows to train on and rows to test on."""

    name: str
    about: str
    train: tuple[Sequence, ...]
    held_out: tuple[Sequence, ...]
    encoder: bool = False


def workload(name: str, rows: int = 320) -> Workload:
    """One of `WORKLOADS`, the same every time."""
    about, shared, prompt, answer, labels = WORKLOADS[name]
    draw = random.Random(0)

    def ids(n: int) -> tuple[int, ...]:
        return tuple(draw.choice(words) for _ in range(n))

    # Few different words, unevenly used, so that there is something to learn.
    words = [3 + int(VOCABULARY * draw.random() ** 4 * 0.99) for _ in range(4000)]
    system = ids(shared)
    made = []
    for i in range(rows + 64):
        context = system + ids(draw.randint(*prompt))
        if labels:
            made.append(Sequence(str(i), context, (0.0,) * len(context), draw.randrange(labels)))
            continue
        target = ids(draw.randint(*answer))
        made.append(Sequence(str(i), context + target, (0.0,) * len(context) + (1.0,) * len(target)))
    return Workload(name, about, tuple(made[:rows]), tuple(made[rows:]), encoder=bool(labels))


# name -> (about, tokens of the shared prompt, own prompt from-to, answer from-to, classes of a head or 0)
WORKLOADS: dict[str, tuple[str, int, tuple[int, int], tuple[int, int], int]] = {
    "shared-prompt chat": ("a system prompt that all rows share, short turns", 160, (10, 40), (20, 80), 0),
    "long-instruction classification": ("one long instruction, answers of 2 tokens", 400, (20, 60), (2, 2), 0),
    "instructions": ("nothing is shared", 0, (20, 160), (20, 160), 0),
    "encoder classification": ("an encoder with a head of 4 classes", 0, (10, 120), (0, 0), 4),
}


def write_rows(path: Path, work: Workload) -> None:
    """The rows to train on as a person would have them: text."""

    def text(ids: Iterable[int]) -> str:
        return " ".join(f"w{i}" for i in ids)

    with path.open("w") as file:
        for row in work.train:
            if row.label is not None:
                made = {"text": text(row.input_ids), "label": f"class {row.label}"}
            else:
                context = row.weights.index(1.0)
                made = {"prompt": text(row.input_ids[:context]), "completion": text(row.input_ids[context:])}
            file.write(json.dumps(made) + "\n")


def model_folder(folder: Path, *, encoder: bool) -> Path:
    """A model of random weights with a tokenizer beside it, as any tool loads it."""
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.manual_seed(0)
    if encoder:
        module = transformers.BertModel(transformers.BertConfig(**ENCODER))
    else:
        module = transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**DECODER))
    module.save_pretrained(folder)
    # No word begins with the name of a special token, which would be found inside it.
    special = ["<pad>", "<begin>", "<end>", "<unknown>"]
    vocabulary = {name: i for i, name in enumerate([*special, *(f"w{i}" for i in range(len(special), VOCABULARY))])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<begin>", eos_token="<end>", unk_token="<unknown>"
    )
    fast.save_pretrained(folder)
    return folder

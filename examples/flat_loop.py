"""The whole of fine-tuning on one page: what Attune does to a chat file, with no abstraction between you and it.

    python examples/flat_loop.py MODEL_FOLDER chat.jsonl --steps 100

Plain torch and transformers, full fine-tuning in fp32, one conversation a line:

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}

It leaves out what makes a run trustworthy (checks of the data, splits, validation, checkpoints, the comparison with the
base model) and keeps what makes it learn. A test holds its losses equal to those of `attune run` on the same rows, so
it can be read as the definition of the loop. It is made for templates that write the same history under every turn.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer


def read_chats(path: Path) -> list[list[dict[str, str]]]:
    """One conversation a line."""
    return [json.loads(line)["messages"] for line in path.read_text(encoding="utf-8").splitlines()]


def encode(tokenizer, messages: list[dict[str, str]]) -> tuple[list[int], list[int]]:
    """Token ids, and for each token 1 if predicting it is what we want to teach, else 0.

    Each assistant turn is taught as it will be asked for: the template writes everything before it and opens the turn
    (that is context), then the answer follows, up to and including the token that ends the turn (that is the target).
    """
    ids: list[int] = []
    is_target: list[int] = []
    written = ""
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt = tokenizer.apply_chat_template(messages[:i], tokenize=False, add_generation_prompt=True)
        whole = tokenizer.apply_chat_template(messages[: i + 1], tokenize=False)
        assert prompt.startswith(written) and whole.startswith(prompt), "this template rewrites what it wrote before"
        answer = whole[len(prompt) :]
        answer = answer[: answer.index(tokenizer.eos_token, len(message["content"])) + len(tokenizer.eos_token)]
        # Prompt and answer are tokenised apart, because generation will tokenise the prompt alone.
        context_ids = tokenizer(prompt[len(written) :], add_special_tokens=False)["input_ids"]
        answer_ids = tokenizer(answer, add_special_tokens=False)["input_ids"]
        ids += context_ids + answer_ids
        is_target += [0] * len(context_ids) + [1] * len(answer_ids)
        written = prompt + answer
    return ids, is_target


def examples_of_step(n: int, batch_size: int, seed: int, step: int) -> list[int]:
    """Which of n examples form a step (from 0): a new permutation each epoch, a function of seed and epoch alone.

    Nothing is remembered between steps, so a run that was stopped at step 1234 goes on with the right examples.
    """
    steps_per_epoch = math.ceil(n / batch_size)
    epoch, within = divmod(step, steps_per_epoch)
    order = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(n)
    return order[within * batch_size : (within + 1) * batch_size].tolist()


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Up in a straight line over the first part of the steps, then down along half a cosine."""
    warmup_steps = round(warmup * steps)
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def loss_sum(model, ids: list[int], is_target: list[int]) -> torch.Tensor:
    """Sum, not mean, of the negative log likelihoods of one example's target tokens, in nats."""
    logits_LV = model(input_ids=torch.tensor([ids])).logits[0]
    # The logits at position i are a guess at token i + 1: the last guess and the first token have no partner.
    nats_L = F.cross_entropy(logits_LV[:-1].float(), torch.tensor(ids[1:]), reduction="none")
    return (nats_L * torch.tensor(is_target[1:])).sum()


def train(
    model_folder: Path,
    data: Path,
    *,
    steps: int,
    batch_size: int = 8,
    peak_learning_rate: float = 1e-3,
    warmup: float = 0.05,
    weight_decay: float = 0.01,
    max_grad_norm: float = 1.0,
    seed: int = 0,
    save: Path | None = None,
) -> Iterator[float]:
    """Fine-tune every weight; gives each step's loss in nats per target token, before the step's update."""
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    model.train()
    examples = [encode(tokenizer, messages) for messages in read_chats(data)]

    # Weight decay pulls matrices towards zero; norms and biases (one axis) are left alone.
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-8)

    for step in range(steps):
        batch = [examples[i] for i in examples_of_step(len(examples), batch_size, seed, step)]
        # Every target token of the step counts the same, whatever example it stands in. Dividing each example's loss
        # by its own length, or averaging the averages, would weigh the tokens of short answers more.
        target_tokens = sum(sum(is_target[1:]) for _, is_target in batch)
        step_nats = 0.0
        for ids, is_target in batch:
            nats = loss_sum(model, ids, is_target)
            (nats / target_tokens).backward()  # gradients add up over the examples
            step_nats += nats.item()
        torch.nn.utils.clip_grad_norm_(parameters, max_grad_norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, peak_learning_rate, warmup)
        optimizer.step()
        optimizer.zero_grad()
        yield step_nats / target_tokens

    if save is not None:
        model.save_pretrained(save)
        tokenizer.save_pretrained(save)


def main() -> None:
    """Parse, train, print."""
    parser = argparse.ArgumentParser(description="Fine-tune a chat model, without any framework.")
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    losses = train(
        options.model, options.data, steps=options.steps, peak_learning_rate=options.learning_rate, save=options.save
    )
    for step, loss in enumerate(losses, start=1):
        print(f"step {step}: {loss:.4f} nats per target token")


if __name__ == "__main__":
    main()

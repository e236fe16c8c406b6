"""What is kept of what was read gives the same states, losses and answers as reading again, and saves reading."""

from __future__ import annotations

import random

import families
import pytest
import torch

from attune.evaluate.predict import predict_loss
from attune.model.generate import Sampling, generate
from attune.model.loaded import LoadedModel
from attune.model.reading import Reader
from attune.tokens.batch import collate, microbatches
from attune.tokens.sequence import Sequence
from attune.train.loss import LOSSES

FAST = [family for family, (_, _, layout) in families.DECODERS.items() if layout == "tree"]


def prompts_with_much_in_common(seed: int, shared: int) -> list[list[int]]:
    draw = random.Random(seed)
    system = [draw.randrange(3, families.VOCABULARY) for _ in range(shared)]
    prompts = [system + [draw.randrange(3, families.VOCABULARY) for _ in range(draw.randint(0, 9))] for _ in range(12)]
    return [*prompts, prompts[3], prompts[3][:-1] or [5], [7, 8]]


@torch.no_grad()
def plain_greedy(model: LoadedModel, prompt: list[int], tokens: int) -> list[int]:
    """Everything computed again for each token, by the family's own attention."""
    model.transformer.set_attn_implementation("eager")
    ids = list(prompt)
    for _ in range(tokens):
        ids.append(int(model.module(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    model.transformer.set_attn_implementation("attune")
    return ids[len(prompt) :]


@pytest.mark.parametrize("family", FAST)
def test_answers_are_those_of_each_prompt_alone(family: str) -> None:
    model = families.build(family)
    model.renderer.stop_ids = (11, 12, 13, 14, 15, 16)  # some answers end early and make room for others
    prompts = prompts_with_much_in_common(0, 70)
    wanted = [plain_greedy(model, prompt, 10) for prompt in prompts]
    for slots in (3, 64):
        found = generate(model, prompts, Sampling(max_new_tokens=10), batch_size=slots)
        for answer, ids in zip(found, wanted, strict=True):
            stops = [i for i, token in enumerate(ids) if token in model.renderer.stop_ids]
            assert list(answer.ids) == (ids[: stops[0]] if stops else ids)
            assert answer.stopped == bool(stops)


@pytest.mark.parametrize("family", ["qwen3", "gemma2", "gpt2"])
def test_scores_with_what_is_known_are_those_without(family: str) -> None:
    model = families.build(family)
    sequences = [
        Sequence(str(i), (*prompt, 20 + i, 4), (0.0,) * len(prompt) + (1.0, 1.0))
        for i, prompt in enumerate(prompts_with_much_in_common(1, 80))
    ]
    reader = Reader(model)
    for members, batch in microbatches(sequences, 100, "tree"):
        found = LOSSES["token"](reader, batch)
        for place, i in enumerate(members):
            alone = LOSSES["token"](model, collate([sequences[i]], layout="tree"))
            torch.testing.assert_close(found.nats_N[place], alone.nats_N[0], rtol=1e-9, atol=1e-9)
    whole = sum(len(batch.input_ids_T) for _, batch in microbatches(sequences, 100, "tree"))
    assert reader.computed_rows < 0.5 * whole


def test_a_shared_prompt_is_read_once_for_all_batches() -> None:
    model = families.build("qwen3")
    prompt = tuple(3 + i % 60 for i in range(65))
    sequences = [Sequence(str(i), (*prompt, 70 + i), (0.0,) * 65 + (1.0,)) for i in range(20)]
    reader = Reader(model)
    for _, batch in microbatches(sequences, 66, "tree"):
        LOSSES["token"](reader, batch)
    # Later batches compute the token that predicts the answer, and the answer.
    assert reader.computed_rows == 66 + 19 * 2


def test_a_target_inside_what_is_known_is_still_predicted() -> None:
    model = families.build("qwen3")
    ids = tuple(random.Random(3).choices(range(3, families.VOCABULARY), k=100))
    weights = (0.0, 0.0, 1.0) + (0.0,) * 97
    reader = Reader(model)
    for i in range(2):
        batch = collate([Sequence(str(i), ids, weights)], layout="tree")
        found = LOSSES["token"](reader, batch)
        torch.testing.assert_close(found.nats, LOSSES["token"](model, batch).nats.detach(), rtol=1e-9, atol=1e-9)


def test_documents_and_padded_models_are_read_as_ever() -> None:
    for family in ("mamba", "llama"):
        model = families.build(family)
        sequences = [Sequence(str(i), (3, 4, 5 + i), (0.0, 1.0, 1.0)) for i in range(3)]
        found = predict_loss(
            model,
            ids=["a", "b", "c"],
            prompts=["", "", ""],
            sequences=[(s,) for s in sequences],
            microbatch_tokens=64,
            on_progress=lambda done: None,
        )
        for prediction, sequence in zip(found, sequences, strict=True):
            alone = LOSSES["token"](model, collate([sequence], layout=model.layout))
            assert prediction.scores["loss_nats"] == pytest.approx(float(alone.nats_N[0]), rel=1e-9)


def test_rows_without_a_target_are_read_too() -> None:
    model = families.build("qwen3")
    found = LOSSES["token"](Reader(model), collate([Sequence("a", (3, 4, 5), (0.0,) * 3)], layout="tree"))
    assert float(found.nats_N[0]) == 0.0 and found.weight == 0.0

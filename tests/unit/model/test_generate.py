"""What is generated is what plain transformers generates for each prompt alone, whatever shares the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from attune.errors import ModelError
from attune.model.generate import Sampling, choose, generate, stream
from attune.model.load import load
from attune.model.loaded import LoadedModel
from attune.model.source import resolve

PROMPTS = ["Ada", "Bela sells", "where is the red bicycle near the station?", "Z", "the the the", "日本 and more"]


@pytest.fixture(scope="module")
def model(tiny_decoder: Path) -> LoadedModel:
    return load(resolve(str(tiny_decoder)), dtype=torch.float64)


@pytest.fixture(scope="module")
def prompts(model: LoadedModel) -> list[list[int]]:
    return [model.renderer.ids(text) for text in PROMPTS]


@torch.no_grad()
def plain_greedy(model: LoadedModel, prompt: list[int], tokens: int) -> list[int]:
    """One token at a time, everything computed again: no cache, no padding, no batch."""
    ids = list(prompt)
    for _ in range(tokens):
        ids.append(int(model.module(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def test_greedy_answers_are_those_of_each_prompt_alone(model: LoadedModel, prompts: list[list[int]]) -> None:
    wanted = [plain_greedy(model, prompt, 12) for prompt in prompts]
    assert len({tuple(w) for w in wanted}) > 3, "the answers differ"
    for batch_size in (1, 4, 16):
        found = generate(model, prompts, Sampling(max_new_tokens=12), batch_size=batch_size)
        for answer, ids in zip(found, wanted, strict=True):
            stops = [i for i, token in enumerate(ids) if token in model.renderer.stop_ids]
            assert list(answer.ids) == (ids[: stops[0]] if stops else ids)
            assert answer.stopped == bool(stops)


def test_a_stop_token_ends_an_answer_and_is_cut_off(tiny_decoder: Path, prompts: list[list[int]]) -> None:
    model = load(resolve(str(tiny_decoder)), dtype=torch.float64)
    whole = generate(model, prompts, Sampling(max_new_tokens=12))
    stop = whole[2].ids[4]
    model.renderer.stop_ids = (*model.renderer.stop_ids, stop)
    for before, after in zip(whole, generate(model, prompts, Sampling(max_new_tokens=12)), strict=True):
        at = before.ids.index(stop) if stop in before.ids else None
        assert after.ids == before.ids[:at]
        assert after.stopped == (at is not None or before.stopped)
    assert "".join(stream(model, prompts[2], Sampling(max_new_tokens=12))) == model.renderer.text(
        whole[2].ids[: whole[2].ids.index(stop)]
    )


def test_progress_is_told(model: LoadedModel, prompts: list[list[int]]) -> None:
    told: list[int] = []
    generate(model, prompts, Sampling(max_new_tokens=1), batch_size=4, on_batch=told.append)
    assert told == [4, 6]


def test_sampling_is_decided_by_its_seed(model: LoadedModel, prompts: list[list[int]]) -> None:
    def sampled(seed: int) -> list[tuple[int, ...]]:
        sampling = Sampling(max_new_tokens=8, temperature=1.0, top_p=0.9, top_k=20, seed=seed)
        return [answer.ids for answer in generate(model, prompts, sampling)]

    state = torch.get_rng_state()
    assert sampled(1) == sampled(1)
    assert sampled(1) != sampled(2)
    sampling = Sampling(max_new_tokens=8, temperature=1.0, seed=5)
    assert list(stream(model, prompts[1], sampling)) == list(stream(model, prompts[1], sampling))
    torch.set_rng_state(state)


def test_the_folders_own_sampling_settings_do_not_steer(model: LoadedModel, prompts: list[list[int]]) -> None:
    import transformers

    wanted = generate(model, prompts, Sampling(max_new_tokens=6))
    model.module.generation_config = transformers.GenerationConfig(
        repetition_penalty=9.0, do_sample=True, temperature=3.0, no_repeat_ngram_size=1, max_length=3
    )
    assert generate(model, prompts, Sampling(max_new_tokens=6)) == wanted


def test_a_stream_joins_to_the_whole_answer(model: LoadedModel, prompts: list[list[int]]) -> None:
    for prompt, answer in zip(prompts, generate(model, prompts, Sampling(max_new_tokens=24)), strict=True):
        pieces = list(stream(model, prompt, Sampling(max_new_tokens=24)))
        assert "".join(pieces) == model.renderer.text(answer.ids)


def test_a_character_of_several_tokens_is_streamed_whole(tiny_decoder: Path) -> None:
    """The model is made to write a fixed text, one byte a token."""
    model = load(resolve(str(tiny_decoder)))
    text = "né 日本 🙂!"
    wanted = model.renderer.ids(text)
    assert len(wanted) > len(text)
    script = iter([*wanted, model.renderer.stop_ids[0]])
    vocabulary = model.module.config.vocab_size

    def written(module: object, args: object, logits: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.one_hot(torch.tensor([[next(script)]]), vocabulary).float()

    model.module.lm_head.register_forward_hook(written)
    pieces = list(stream(model, model.renderer.ids("x"), Sampling(max_new_tokens=64)))
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)
    assert len(pieces) > 5


def test_an_answer_ends_where_the_positions_end(model: LoadedModel) -> None:
    context = model.context_tokens
    prompt = [5] * (context - 3)
    (answer,) = generate(model, [prompt], Sampling(max_new_tokens=50))
    assert len(answer.ids) <= 3
    assert len(list(stream(model, prompt, Sampling(max_new_tokens=50)))) <= 3


@pytest.mark.parametrize("extra", [0, 1, 40])
def test_a_prompt_that_leaves_no_room_is_refused(model: LoadedModel, extra: int) -> None:
    prompt = [5] * (model.context_tokens + extra)
    with pytest.raises(ModelError, match=f"{len(prompt)} tokens"):
        generate(model, [[5, 6], prompt], Sampling())
    with pytest.raises(ModelError, match=f"{len(prompt)} tokens"):
        list(stream(model, prompt, Sampling()))


def test_choosing_the_next_token() -> None:
    logits_V = torch.tensor([0.0, 3.0, 2.0, 1.0])
    generator = torch.Generator().manual_seed(0)

    def drawn(**settings: float) -> set[int]:
        sampling = Sampling(**{"temperature": 1.0, **settings})  # type: ignore[arg-type]
        return {choose(logits_V, sampling, generator) for _ in range(300)}

    assert drawn(temperature=0.0) == {1}
    assert drawn() == {0, 1, 2, 3}
    assert drawn(top_k=2) == {1, 2}
    assert drawn(top_p=0.5) == {1}
    assert drawn(top_p=0.7) == {1, 2}, "the token that crosses the limit belongs to the nucleus"
    assert drawn(top_p=0.7, top_k=1) == {1}


def test_nothing_is_asked_and_nothing_is_empty(model: LoadedModel) -> None:
    assert generate(model, [], Sampling()) == []
    with pytest.raises(ModelError, match="empty"):
        generate(model, [[5], []], Sampling())

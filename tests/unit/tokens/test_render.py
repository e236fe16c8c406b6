"""What carries loss is the assistant's words and the end token alone, behind the ids that generation will see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune.data.example import Conversation, Message, Origin
from attune.errors import ModelError
from attune.tokens.render import Renderer
from attune.tokens.sequence import Sequence
from attune.tokens.template import ChatTemplate

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
HEADERS = (
    "{{ bos_token }}"
    "{% for m in messages %}"
    "{{ '<|head|>' + m.role + '<|tail|>\n\n' + m.content | trim + '<|eot|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|head|>assistant<|tail|>\n\n' }}{% endif %}"
)
INST = (
    "{{ bos_token }}"
    "{% for m in messages %}"
    "{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% elif m.role == 'assistant' %}{{ ' ' + m.content + eos_token }}{% endif %}"
    "{% endfor %}"
)
TURNS = (
    "{{ bos_token }}"
    "{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
    "{{ '<turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' + m.content | trim + '<end>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<turn>model\n' }}{% endif %}"
)
# Reasoning is written for the turns after the last question only.
THINKING = (
    "{% set ns = namespace(last=0) %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}"
    "{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.role == 'assistant' and loop.index0 > ns.last %}"
    "{{ '<think>\n' + (m.reasoning_content or '') + '\n</think>\n\n' }}"
    "{% endif %}"
    "{{ m.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
UPPER = CHATML.replace("m.content", "(m.content | upper)")
TRIMMED = CHATML.replace("m.content", "(m.content | trim)")
ENDLESS = (
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)

STYLES = {
    "chatml": (CHATML, ("<|im_start|>", "<|im_end|>"), "<|im_end|>", None),
    "headers": (HEADERS, ("<|begin|>", "<|end|>", "<|head|>", "<|tail|>", "<|eot|>"), "<|end|>", "<|begin|>"),
    "inst": (INST, ("<s>", "</s>"), "</s>", "<s>"),
    "turns": (TURNS, ("<bos>", "<eos>", "<turn>", "<end>"), "<eos>", "<bos>"),
}
END = {"chatml": "<|im_end|>", "headers": "<|eot|>", "inst": "</s>", "turns": "<end>"}


def conversation(*turns: tuple[str, str], weights: tuple[float, ...] = (), system: str = "") -> Conversation:
    messages = [Message("system", system)] if system else []
    for i, (question, answer) in enumerate(turns):
        messages += [Message("user", question), Message("assistant", answer, weights[i] if weights else 1.0)]
    return Conversation("c1", Origin("chat.jsonl", 7), tuple(messages))


def make(
    bpe: Callable[..., Any], template: str | None, special: tuple[str, ...], eos: str | None, bos: str | None
) -> Renderer:
    tokenizer = bpe(None, special=special, eos=eos, pad=None, bos=bos)
    words = {"eos_token": eos, "bos_token": bos}
    named = {name: word for name, word in words.items() if word}
    stops = () if eos is None else (int(tokenizer.eos_token_id),)
    return Renderer(tokenizer, ChatTemplate(template, named) if template else None, stop_ids=stops, where="folder")


@pytest.fixture(scope="module")
def renderers(bpe: Callable[..., Any]) -> dict[str, Renderer]:
    return {name: make(bpe, *style) for name, style in STYLES.items()}


@pytest.fixture(scope="module")
def of_template(bpe: Callable[..., Any]) -> Callable[[str | None], Renderer]:
    """A renderer with ChatML's tokens and another template."""
    return lambda template: make(bpe, template, ("<|im_start|>", "<|im_end|>"), "<|im_end|>", None)


def target_texts(renderer: Renderer, sequence: Sequence) -> list[str]:
    """The text of each unbroken run of tokens that carry loss."""
    runs: list[list[int]] = []
    before = 0.0
    for token_id, weight in zip(sequence.input_ids, sequence.weights, strict=True):
        if weight:
            runs = runs if before else [*runs, []]
            runs[-1].append(token_id)
        before = weight
    return [renderer.text(run, skip_special=False) for run in runs]


def encode(renderer: Renderer, example: Conversation) -> tuple[list[Sequence], list[str]]:
    (sequences,), problems = renderer.conversations([example])
    return sequences, [p.code for p in problems]


def asked(renderer: Renderer, example: Conversation, turn: int) -> list[int]:
    """The prompt's ids when the turn at this index is generated."""
    return renderer.prompts([(example.messages[:turn], ())])[0]


@pytest.mark.parametrize("style", STYLES)
def test_targets_are_the_answers_and_their_end_and_nothing_else(renderers: dict[str, Renderer], style: str) -> None:
    renderer, space = renderers[style], " " if style == "inst" else ""
    example = conversation(("Where is Ada?", "Ada is in the garden."), ("And Bela?", "Near the station."))
    (sequence,), problems = encode(renderer, example)
    assert problems == []
    assert target_texts(renderer, sequence) == [
        f"{space}Ada is in the garden.{END[style]}",
        f"{space}Near the station.{END[style]}",
    ]
    assert sequence.weights[-1] == 1.0, "nothing stands behind the last end token"
    assert set(sequence.weights) == {0.0, 1.0}


@pytest.mark.parametrize("style", STYLES)
def test_each_target_follows_the_ids_that_generation_is_asked_with(renderers: dict[str, Renderer], style: str) -> None:
    renderer = renderers[style]
    example = conversation(("Where is Ada?", "In the garden."), ("And Bela?", "Near the station."), ("Ok", "Yes"))
    (sequence,), _ = encode(renderer, example)
    for turn in (1, 3, 5):
        prompt = asked(renderer, example, turn)
        assert list(sequence.input_ids[: len(prompt)]) == prompt
        assert sequence.weights[len(prompt) - 1 : len(prompt) + 1] == (0.0, 1.0)


@pytest.mark.parametrize("style", STYLES)
def test_the_end_of_a_turn_is_a_stop_token(renderers: dict[str, Renderer], style: str) -> None:
    renderer = renderers[style]
    assert renderer.tokenizer.convert_tokens_to_ids(END[style]) in renderer.stop_ids
    openers = {"<|im_start|>", "<|head|>", "<turn>", "<s>", "<bos>", "<|begin|>"}
    assert not openers & set(renderer.tokenizer.convert_ids_to_tokens(list(renderer.stop_ids)))


def test_a_turn_of_weight_0_is_context(renderers: dict[str, Renderer]) -> None:
    renderer = renderers["chatml"]
    turns = (("One?", "first"), ("Two?", "second"), ("Three?", "third"))
    (sequence,), _ = encode(renderer, conversation(*turns, weights=(0.0, 1.0, 0.0)))
    assert target_texts(renderer, sequence) == ["second<|im_end|>"]
    text = renderer.text(sequence.input_ids, skip_special=False)
    assert "first" in text
    assert "third" not in text


def test_a_template_that_rewrites_history_gives_a_sequence_for_each_turn(of_template: Callable[..., Renderer]) -> None:
    renderer = of_template(THINKING)
    example = conversation(("One?", "first"), ("Two?", "second"))
    messages = tuple(
        Message(m.role, m.content, extra=(("reasoning_content", f"because {m.content}"),))
        if m.role == "assistant"
        else m
        for m in example.messages
    )
    example = Conversation("c1", example.origin, messages)
    (one, two), problems = encode(renderer, example)
    assert problems == []
    assert target_texts(renderer, one) == ["<think>\nbecause first\n</think>\n\nfirst<|im_end|>"]
    assert target_texts(renderer, two) == ["<think>\nbecause second\n</think>\n\nsecond<|im_end|>"]
    assert "because first" not in renderer.text(two.input_ids)
    for sequence, turn in ((one, 1), (two, 3)):
        prompt = asked(renderer, example, turn)
        assert list(sequence.input_ids[: len(prompt)]) == prompt


def test_altered_words_are_reported_with_their_row(of_template: Callable[..., Renderer]) -> None:
    renderer = of_template(UPPER)
    (sequences,), problems = renderer.conversations([conversation(("Where?", "here"))])
    assert [(p.code, str(p.origin)) for p in problems] == [
        ("altered_words", "chat.jsonl:7"),
        ("altered_message", "chat.jsonl:7"),
    ]
    assert target_texts(renderer, sequences[0]) == ["HERE<|im_end|>"]
    assert renderer.stop_ids == (renderer.tokenizer.convert_tokens_to_ids("<|im_end|>"),)


def test_trimming_is_reported_only_where_something_is_lost(of_template: Callable[..., Renderer]) -> None:
    renderer = of_template(TRIMMED)
    assert encode(renderer, conversation(("Where?", "here")))[1] == []
    sequences, problems = encode(renderer, conversation(("Where?", "here  ")))
    assert problems == ["altered_words"]
    assert target_texts(renderer, sequences[0]) == ["here<|im_end|>"]


def test_a_missing_end_token_is_reported_and_added(of_template: Callable[..., Renderer]) -> None:
    renderer = of_template(ENDLESS)
    sequences, problems = encode(renderer, conversation(("One?", "first"), ("Two?", "second\n")))
    assert problems == ["no_end_token", "no_end_token"]
    assert [target_texts(renderer, s) for s in sequences] == [["first<|im_end|>"], ["second\n<|im_end|>"]]


def test_a_prompt_that_a_finished_turn_does_not_repeat_is_reported(of_template: Callable[..., Renderer]) -> None:
    """The generation prompt opens a reasoning block that finished turns are written without."""
    renderer = of_template(CHATML.replace("assistant\n' }}", "assistant\n<think>\n' }}"))
    for answer in ("first", "i", "<"):  # short answers also occur in the template's own words
        (sequence,), problems = encode(renderer, conversation(("One?", answer)))
        assert problems == ["prompt_mismatch"]
        assert target_texts(renderer, sequence) == [f"{answer}<|im_end|>"]


def test_a_template_that_drops_the_answer_is_refused(of_template: Callable[..., Renderer]) -> None:
    renderer = of_template(CHATML.replace("m.content", "('' if m.role == 'assistant' else m.content)"))
    with pytest.raises(ModelError) as caught:
        encode(renderer, conversation(("One?", "first")))
    assert "chat.jsonl:7" in str(caught.value)


def test_a_template_that_refuses_a_conversation_says_why(renderers: dict[str, Renderer]) -> None:
    with pytest.raises(ModelError, match="no system turns"):
        encode(renderers["turns"], conversation(("One?", "first"), system="Be brief."))


def test_without_a_template_a_plain_one_is_used(of_template: Callable[..., Renderer]) -> None:
    renderer = of_template(None)
    example = conversation(("One?", "first"), ("Two?", "second"), system="Be brief.")
    (sequence,), problems = encode(renderer, example)
    assert renderer.plain
    assert problems == []
    assert target_texts(renderer, sequence) == ["first<|im_end|>", "second<|im_end|>"]
    assert renderer.text(asked(renderer, example, 4), skip_special=False) == (
        "Be brief.\n\nUser: One?\nAssistant:\nfirst<|im_end|>\nUser: Two?\nAssistant:\n"
    )


def test_an_empty_answer_teaches_the_end_token_alone(renderers: dict[str, Renderer]) -> None:
    (sequence,), _ = encode(renderers["chatml"], conversation(("Say nothing.", "")))
    assert target_texts(renderers["chatml"], sequence) == ["<|im_end|>"]


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=ANY_TEXT, answer=ANY_TEXT)
def test_any_text_is_learned_word_for_word(renderers: dict[str, Renderer], question: str, answer: str) -> None:
    renderer = renderers["chatml"]
    example = conversation((question, answer))
    (sequence,), problems = encode(renderer, example)
    assert problems == []
    prompt = asked(renderer, example, 1)
    assert list(sequence.input_ids[: len(prompt)]) == prompt
    assert renderer.text(sequence.input_ids[len(prompt) :], skip_special=False) == f"{answer}<|im_end|>"
    assert sequence.weights == (0.0,) * len(prompt) + (1.0,) * (len(sequence.input_ids) - len(prompt))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    answers=st.lists(ANY_TEXT, min_size=1, max_size=4),
    weights=st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4),
)
def test_any_turns_are_learned_or_not_as_weighted(
    renderers: dict[str, Renderer], answers: list[str], weights: list[float]
) -> None:
    renderer = renderers["chatml"]
    used = tuple(weights[: len(answers)])
    sequences, _ = encode(renderer, conversation(*[("q", a) for a in answers], weights=used))
    learned = [text for s in sequences for text in target_texts(renderer, s)]
    assert learned == [f"{a}<|im_end|>" for a, w in zip(answers, used, strict=True) if w]


@pytest.fixture(scope="module")
def metaspace(sentences: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A tokenizer in the manner of SentencePiece: every text begins with a space that is not there."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256))]
    letters = sorted(set("".join(sentences)) | set("▁[]/INST:?!\n"))
    trainer = trainers.BpeTrainer(
        vocab_size=450, special_tokens=special[:3], initial_alphabet=letters, show_progress=False
    )
    tokenizer.train_from_iterator(sentences, trainer)
    path: Path = tmp_path_factory.mktemp("metaspace") / "tokenizer.json"
    import json

    tree = json.loads(tokenizer.to_str())
    vocabulary = tree["model"]["vocab"]
    for piece in special[3:]:
        vocabulary[piece] = len(vocabulary)
    path.write_text(json.dumps(tree))
    return PreTrainedTokenizerFast(
        tokenizer_file=str(path),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        clean_up_tokenization_spaces=False,
    )


@pytest.mark.parametrize("answer", ["Ada paints.", "Zoë · 日本", "x", "two  spaces", "line\nbreak"])
def test_a_tokenizer_that_marks_word_beginnings(metaspace: Any, answer: str) -> None:
    words = {"bos_token": "<s>", "eos_token": "</s>"}
    renderer = Renderer(metaspace, ChatTemplate(INST, words), stop_ids=(2,), where="folder")
    example = conversation(("Who paints?", answer), ("And who sells?", "Bela sells."))
    (sequence,), problems = encode(renderer, example)
    assert problems == []
    learned = [text.removeprefix(" ") for text in target_texts(renderer, sequence)]
    assert learned == [f"{answer}</s>", "Bela sells.</s>"]
    for turn in (1, 3):
        prompt = asked(renderer, example, turn)
        assert list(sequence.input_ids[: len(prompt)]) == prompt


def test_word_beginnings_under_the_plain_template(metaspace: Any) -> None:
    renderer = Renderer(metaspace, None, stop_ids=(2,), where="folder")
    example = conversation(("Who paints?", "Ada paints."), ("And who sells?", "Bela."))
    (sequence,), _ = encode(renderer, example)
    for turn in (1, 3):
        prompt = asked(renderer, example, turn)
        assert list(sequence.input_ids[: len(prompt)]) == prompt
        assert sequence.weights[len(prompt) - 1 : len(prompt) + 1] == (0.0, 1.0)
    assert [text.strip() for text in target_texts(renderer, sequence)] == ["Ada paints.</s>", "Bela.</s>"]

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune.data.example import Conversation, LabelledText, Message, Origin, Pair
from attune.tokens import show
from attune.tokens.render import Renderer
from attune.tokens.sequence import Sequence
from attune.tokens.stored import StoredSequences
from attune.tokens.template import ChatTemplate


@pytest.fixture(scope="module")
def renderer(plain_decoder: Path):
    from attune.model.load import load_renderer
    from attune.model.source import resolve

    return load_renderer(resolve(str(plain_decoder)))


@pytest.fixture(scope="module")
def of_template(bpe: Callable[..., Any]) -> Callable[[str], Renderer]:
    """A renderer with ChatML's tokens and a template of choice."""

    def make(template: str) -> Renderer:
        tokenizer = bpe(None, special=("<|im_start|>", "<|im_end|>"), pad=None)
        return Renderer(tokenizer, ChatTemplate(template, {}), stop_ids=(int(tokenizer.eos_token_id),))

    return make


CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PLACE = Origin("a.jsonl", 1)


def conversation(*contents: str, system: str = "") -> Conversation:
    roles = ("user", "assistant") * len(contents)
    said = [Message(role, text) for role, text in zip(roles, contents, strict=False)]
    return Conversation("a", PLACE, (*([Message("system", system)] if system else []), *said))


def kinds(row: show.Shown) -> list[tuple[str, str]]:
    """Unbroken runs of one kind, with their texts."""
    return [(kind, "".join(s.text for s in run)) for kind, run in groupby(row.spans, key=lambda s: s.kind)]


def shown(renderer: Renderer, example: Conversation, max_length: int = 1000) -> list[show.Shown]:
    (whole,), _ = renderer.conversations([example])
    return [show.shown(s.head(max_length), example, renderer, lambda: whole) for s in whole]


def sequence_of(renderer, context: str, target: str) -> Sequence:
    before, after = renderer.ids(context), [*renderer.ids(target), renderer.end_id]
    return Sequence("a", (*before, *after), (*(0.0,) * len(before), *(1.0,) * len(after)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(text=st.text(min_size=1, max_size=30))
def test_the_spans_join_to_the_text(renderer, text):
    ids = tuple(renderer.ids(text))
    spans = show.spans(Sequence("a", ids, (0.0,) * len(ids)), renderer)
    assert "".join(span.text for span in spans) == renderer.text(ids, skip_special=False)


def test_a_character_of_several_tokens_is_one_span(renderer):
    spans = show.spans(sequence_of(renderer, "日", "é"), renderer)
    assert [(s.text, s.weight) for s in spans] == [("日", 0.0), ("é", 1.0), ("<|im_end|>", 1.0)]
    assert [s.special for s in spans] == [False, False, True]


def test_what_the_template_adds_is_told_from_what_was_said(of_template: Callable[[str], Renderer]) -> None:
    (row,) = shown(of_template(CHATML), conversation("user", "a", "assistant", "Ada", system="system"))
    assert kinds(row) == [
        ("template", "<|im_start|>system\n"),
        ("words", "system"),
        ("template", "<|im_end|>\n<|im_start|>user\n"),
        ("words", "user"),
        ("template", "<|im_end|>\n<|im_start|>assistant\n"),
        ("learned", "a<|im_end|>"),
        ("template", "\n<|im_start|>user\n"),
        ("words", "assistant"),
        ("template", "<|im_end|>\n<|im_start|>assistant\n"),
        ("learned", "Ada<|im_end|>"),
    ]


def test_words_that_the_template_strips(of_template: Callable[[str], Renderer]) -> None:
    (row,) = shown(of_template(CHATML.replace("m.content", "(m.content | trim)")), conversation("  one two ", "three"))
    assert ("words", "one two") in kinds(row)


def test_words_that_the_template_alters_are_sought(of_template: Callable[[str], Renderer]) -> None:
    """It rewrites one message, so that nothing stands where it should from there on."""
    altering = CHATML.replace("m.content", "(m.content | upper if m.role == 'system' else m.content)")
    (row,) = shown(of_template(altering), conversation("Where is Ada?", "Here.", system="Be brief."))
    assert ("words", "Where is Ada?") in kinds(row)
    assert ("template", "<|im_start|>system\nBE BRIEF.<|im_end|>\n<|im_start|>user\n") in kinds(row)


def test_each_turn_of_a_template_that_rewrites_history(of_template: Callable[[str], Renderer]) -> None:
    forgetting = (
        "{% for m in messages %}{% if loop.index0 >= loop.length - (1 if add_generation_prompt else 2) %}"
        + CHATML.split("%}", 1)[1].replace("{% endfor %}", "{% endif %}{% endfor %}", 1)
    )
    one, two = shown(of_template(forgetting), conversation("first?", "yes", "second?", "no"))
    assert ("words", "first?") in kinds(one) and ("learned", "yes<|im_end|>") in kinds(one)
    assert ("words", "second?") in kinds(two) and ("learned", "no<|im_end|>") in kinds(two)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(said=st.lists(st.text(max_size=12), min_size=2, max_size=6).filter(lambda said: len(said) % 2 == 0))
def test_words_are_what_the_messages_hold(of_template: Callable[[str], Renderer], said: list[str]) -> None:
    (row,) = shown(of_template(CHATML), conversation(*said))
    words = "".join(text for kind, text in kinds(row) if kind == "words")
    assert words.startswith("".join(said[::2])) or any("\ufffd" in s.text for s in row.spans)
    learned = "".join(text for kind, text in kinds(row) if kind == "learned")
    assert learned == "".join(f"{text}<|im_end|>" for text in said[1::2])


def test_the_row_is_cut_where_it_is_cut(of_template: Callable[[str], Renderer]) -> None:
    renderer = of_template(CHATML)
    example = conversation("Where is Ada?", "Ada paints the red bicycle in the garden.")
    (whole,) = shown(renderer, example)
    (row,) = shown(renderer, example, 12)
    texts = kinds(row)
    assert "✂" in texts[-2][1] and texts[-1][0] == "cut"
    tokens = [s for s in row.spans if s.kind != "mark"]
    assert [s.text for s in tokens] == [s.text for s in whole.spans]
    assert [s.kind == "cut" for s in tokens] == [s.place >= 12 for s in tokens]
    assert f"{len(whole.spans) - 12} cut off" in row.what


def test_a_row_that_was_cut_at_its_beginning(of_template: Callable[[str], Renderer]) -> None:
    renderer = of_template(CHATML)
    example = conversation("Ada paints the red bicycle. " * 40, "Yes")
    (whole,), _ = renderer.conversations([example])
    row = show.shown(whole[0].around_target(20), example, renderer, lambda: whole)
    assert [kind for kind, _ in kinds(row)] == ["mark", "cut", "mark", "words", "template", "learned"]
    assert row.spans[0].text.endswith("more tokens ")
    texts = dict(kinds(row)[1:])
    assert "Ada paints" in texts["cut"] and texts["words"].endswith("the red bicycle. ")
    assert texts["template"] == "<|im_end|>\n<|im_start|>assistant\n"
    assert texts["learned"] == "Yes<|im_end|>"
    assert len([s for s in row.spans if s.kind not in {"cut", "mark"}]) == 20
    assert len([s for s in row.spans if s.kind == "cut"]) == 60, "the rest is counted, not shown"


def test_special_tokens_around_other_texts_are_added(renderer) -> None:
    made = sequence_of(renderer, "the sky ", "is blue")
    row = show.shown(made, Pair("a", PLACE, "the sky ", "is blue"), renderer, list)
    assert kinds(row) == [("words", "the sky "), ("learned", "is blue<|im_end|>")]
    ids = (renderer.end_id, *renderer.ids("sky"))
    labelled = Sequence("a", ids, (0.0,) * len(ids), label=0)
    row = show.shown(labelled, LabelledText("a", PLACE, "sky", "good"), renderer, list, "good")
    assert kinds(row) == [("template", "<|im_end|>"), ("words", "sky")]
    assert row.what.endswith("learned: the label good")


def test_a_record_of_a_long_row_has_its_ends(renderer) -> None:
    text = "Ada " * 3000
    made = sequence_of(renderer, text, "yes")
    record = show.shown(made, Pair("a", PLACE, text, "yes"), renderer, list).record()
    shown_tokens = [span for span in record["spans"] if span[1] != "mark"]
    assert len(shown_tokens) < 450 < len(made.input_ids)
    (mark,) = [span[0] for span in record["spans"] if span[1] == "mark"]
    left_out = int(mark.strip(" …tokens").replace(",", ""))
    assert left_out + len(shown_tokens) == len(made.input_ids)
    assert (record["file"], record["line"]) == ("a.jsonl", 1)


def test_the_report_shows_a_row_that_was_cut() -> None:
    made = [Sequence(str(i), (1, 2, 3), (0.0, 1.0, 1.0)) for i in range(9)]
    assert show.report_places(StoredSequences(made), 3) == [0, 1, 2]
    assert show.report_places(StoredSequences(made[:2]), 3) == [0, 1]
    made[6] = made[6].head(2)
    assert show.report_places(StoredSequences(made), 3) == [0, 1, 2, 6]
    made[1] = made[1].head(2)
    assert show.report_places(StoredSequences(made), 3) == [0, 1, 2]


SPANS = (
    show.Span("<s>", 0.0, "template", special=True),
    show.Span("the sky\n", 0.0),
    show.Span("is", 1.0, "learned"),
    show.Span(" ✂ ", 0.0, "mark"),
    show.Span("\tblue", 1.0, "cut"),
    show.Span("<s>", 0.0, "words", special=True),
)


def test_plain_text_has_brackets_around_each_kind():
    assert show.to_plain(SPANS) == "{<s>}the·sky↵\n[[is]] ✂ ~~→blue~~!!<s>!!"


def test_each_kind_has_a_shape_of_its_own_beside_its_colour():
    text = show.to_rich(SPANS)
    assert text.plain == "<s>the·sky↵\nis ✂ →blue<s>"
    shapes = [{"bold", "underline", "italic", "strike", "reverse"} & set(str(s.style).split()) for s in text.spans]
    assert shapes == [
        {"italic", "bold"},
        set(),
        {"bold", "underline"},
        {"bold"},
        {"strike"},
        {"bold", "reverse"},
    ]


def test_neighbouring_tokens_differ_in_shade():
    text = show.to_rich([show.Span("a", 1.0, "learned"), show.Span("b", 1.0, "learned")])
    assert text.spans[0].style != text.spans[1].style


@pytest.mark.parametrize("coloured", [True, False])
def test_the_legend_shows_every_kind(coloured: bool) -> None:
    legend = show.legend(coloured=coloured)
    assert all(meaning in legend.plain for meaning in show.MEANINGS.values())
    assert ("[[" in legend.plain) != coloured


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\r", "\u202e", "\u200b", "\x00"])
def test_no_control_character_reaches_the_terminal(character):
    spans = [show.Span(f"a{character}b", 0.0)]
    row = show.Shown(Pair("a", PLACE, "", ""), "", tuple(spans))
    for text in (show.to_plain(spans), show.to_rich(spans).plain, row.record()["spans"][0][0]):
        assert character not in text
        assert f"U+{ord(character):04X}" in text


def test_describe_says_what_was_cut():
    cut = Sequence("a", (1, 2, 3, 4), (0.0, 0.0, 1.0, 1.0)).head(3)
    assert show.describe(cut) == "3 tokens, 1 learned, 1 cut off to fit max_length"


def test_describe_names_the_class_and_other_weights():
    assert show.describe(Sequence("a", (1, 2), (0.0, 0.0), label=1)) == "2 tokens, learned: class 1"
    assert show.describe(Sequence("a", (1, 2, 3), (0.0, 0.5, 1.0))) == "3 tokens, 2 learned (weights 0.5)"

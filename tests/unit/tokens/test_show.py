from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune.tokens import show
from attune.tokens.sequence import Sequence


@pytest.fixture(scope="module")
def renderer(plain_decoder: Path):
    from attune.model.load import load_renderer
    from attune.model.source import resolve

    return load_renderer(resolve(str(plain_decoder)))


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


def test_plain_text_has_brackets_around_what_is_learned(renderer):
    spans = show.spans(sequence_of(renderer, "the sky\n", "is blue"), renderer)
    assert show.to_plain(spans) == "the·sky↵\n[[is·blue<|im_end|>]]"


def test_terminal_text_is_styled_by_weight(renderer):
    text = show.to_rich(show.spans(sequence_of(renderer, "sky", "blue"), renderer))
    styles = ["green" if "green" in str(s.style) else "grey" for s in text.spans for _ in range(s.start, s.end)]
    assert text.plain == "skyblue<|im_end|>"
    assert styles == ["grey"] * len("sky") + ["green"] * len("blue<|im_end|>")


def test_neighbouring_tokens_differ_in_shade():
    text = show.to_rich([show.Span("a", 1.0), show.Span("b", 1.0)])
    assert text.spans[0].style != text.spans[1].style


def test_html_is_escaped():
    html = show.to_html([show.Span("<b>&", 0.0), show.Span("\"x'", 1.0)])
    assert "<b>" not in html
    assert html.startswith('<span class="context">&lt;b&gt;&amp;</span><span class="target">')


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\r", "\u202e", "\u200b", "\x00"])
def test_no_control_character_reaches_the_terminal(character):
    spans = [show.Span(f"a{character}b", 0.0)]
    for shown in (show.to_plain(spans), show.to_rich(spans).plain, show.to_html(spans)):
        assert character not in shown
        assert f"U+{ord(character):04X}" in shown


def test_describe_says_what_was_cut():
    cut = Sequence("a", (1, 2, 3, 4), (0.0, 0.0, 1.0, 1.0)).head(3)
    assert show.describe(cut) == "3 tokens, 1 learned, 1 cut off to fit max_length"


def test_describe_names_the_class():
    assert show.describe(Sequence("a", (1, 2), (0.0, 0.0), label=1)) == "2 tokens, class 1"

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.data import source
from attune.data.diversity import (
    FEWEST_ROWS,
    MEASURED_ROWS,
    compression_ratio,
    distinct,
    diversity,
    frame,
    self_bleu,
    vendi_score,
    without,
    words,
)
from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair, content_id
from attune.recipe import Audit

LIMITS = Audit()
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
WORDS = [f"{first}{vowel}{last}" for first in "bdfgklmnprst" for vowel in "aeiou" for last in "dklmnrst"]
ROWS = st.lists(st.lists(st.sampled_from(WORDS[:12]), min_size=1, max_size=9), min_size=2, max_size=12)


def pairs(prompts: Sequence[str], targets: Sequence[str]) -> list[Example]:
    return [
        Pair(content_id([i, prompt, target]), Origin("f", i + 1), prompt, target)
        for i, (prompt, target) in enumerate(zip(prompts, targets, strict=True))
    ]


def sentences(n: int, length: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=length)) for _ in range(n)]


@pytest.mark.parametrize("n", [2, 7, 300])
def test_vendi_of_identical_rows_is_one_and_of_rows_without_a_common_word_their_number(n: int) -> None:
    assert vendi_score([["one", "two"]] * n) == pytest.approx(1)
    assert vendi_score([[f"a{i}", f"b{i}"] for i in range(n)]) == pytest.approx(n)
    assert vendi_score([["one", "two"]] * n + [["three"]] * n) == pytest.approx(2)


@settings(deadline=None, max_examples=40)
@given(ROWS)
def test_vendi_lies_between_one_and_the_rows_and_hangs_on_no_order(rows: list[list[str]]) -> None:
    score = vendi_score(rows)
    assert 1 - 1e-9 <= score <= len(rows) + 1e-9
    assert vendi_score(rows[::-1]) == pytest.approx(score)


def test_distinct_words_and_pairs_are_shares() -> None:
    assert distinct([["a", "b"], ["a", "c"]], 1) == 3 / 4
    assert distinct([["a", "b"], ["a", "b"]], 2) == 1 / 2
    assert distinct([["a"]], 2) == distinct([], 1) == 0


def test_compression_ratio_grows_with_repetition() -> None:
    same, other = ["the same sentence again"] * 200, sentences(200, 4, 0)
    assert compression_ratio(same) > 20
    assert 1 < compression_ratio(other) < 3
    assert compression_ratio(["lone \ud800 surrogate"]) > 0


def test_self_bleu_of_identical_rows_is_one_and_of_rows_without_a_common_word_nought() -> None:
    assert self_bleu([["a", "b", "c", "d", "e"]] * 3) == pytest.approx(1)
    assert self_bleu([["a", "b"], ["c", "d"]]) == self_bleu([["a"]]) == self_bleu([]) == 0


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.sampled_from(WORDS[:6]), min_size=4, max_size=9), min_size=2, max_size=7))
def test_self_bleu_is_that_of_nltk(rows: list[list[str]]) -> None:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    peer = [
        sentence_bleu(rows[:i] + rows[i + 1 :], row, smoothing_function=SmoothingFunction().method1)
        for i, row in enumerate(rows)
    ]
    assert self_bleu(rows) == pytest.approx(sum(peer) / len(peer))


def test_a_frame_around_many_rows_is_left_out_and_rows_of_nothing_else_stay() -> None:
    asked = [["judge", "the", "following", "text", "at", "once", *row.split()] for row in sentences(40, 6, 1)]
    bare = without(frame(asked), asked)
    assert bare == [row[6:] for row in asked]
    same = [["always", "this", "very", "same", "row"]] * 40
    assert without(frame(same), same) == same


@pytest.mark.parametrize("share", [0.85, 1.0])
def test_monotonous_targets_are_told(share: float) -> None:
    targets = sentences(300, 12, 2)
    targets[: int(share * 300)] = ["I am sorry, but I cannot help you with that today."] * int(share * 300)
    (finding,) = diversity(pairs(sentences(300, 8, 3), targets), LIMITS)
    assert finding.severity == "warning"
    assert finding.what.startswith("The targets are monotonous")
    assert finding.evidence["targets"]["vendi_score"] < LIMITS.vendi_score < finding.evidence["prompts"]["vendi_score"]
    assert finding.evidence["vendi_score"] == LIMITS.vendi_score


def test_prompts_of_a_few_templates_are_told() -> None:
    asked = ["tell me about {}", "what does {} cost", "do you sell {}"]
    prompts = [asked[i % 3].format(("pears", "plums", "figs")[i // 3 % 3]) for i in range(FEWEST_ROWS)]
    (finding,) = diversity(pairs(prompts, sentences(FEWEST_ROWS, 9, 4)), LIMITS)
    assert finding.what.startswith("The prompts are monotonous")
    (finding,) = diversity(pairs(prompts, sentences(FEWEST_ROWS, 9, 4))[1:], LIMITS)
    assert finding.severity == "info"


def test_a_long_instruction_above_every_row_is_not_monotony() -> None:
    instruction = " ".join(sentences(1, 150, 5)) + ": "
    (finding,) = diversity(pairs([instruction + s for s in sentences(200, 8, 6)], sentences(200, 8, 7)), LIMITS)
    assert finding.severity == "info"
    assert finding.evidence["prompts"]["vendi_score"] > 100


def test_labels_are_no_targets() -> None:
    texts = sentences(200, 8, 8)
    labelled = [LabelledText(content_id(text), Origin("f", i), text, "good") for i, text in enumerate(texts)]
    for examples in (labelled, pairs(texts, ["very good"] * 200)):
        (finding,) = diversity(examples, LIMITS)
        assert finding.severity == "info"
        assert "targets" not in finding.evidence


def test_every_shape_is_read_and_nothing_is_said_of_nothing() -> None:
    assert diversity([], LIMITS) == diversity([Document("1", Origin("f", 1), "alone")], LIMITS) == []
    blank: list[Example] = [Document(str(i), Origin("f", i), " \n") for i in range(3)]
    assert diversity(blank, LIMITS) == []
    chat: list[Example] = [
        Conversation(
            str(i), Origin("f", i), (Message("system", "Be kind."), Message("user", q), Message("assistant", a))
        )
        for i, (q, a) in enumerate(zip(sentences(5, 6, 9), sentences(5, 6, 10), strict=True))
    ]
    (finding,) = diversity(chat, LIMITS)
    assert finding.evidence["prompts"]["rows"] == finding.evidence["targets"]["rows"] == 5
    assert words("人々 Ω word-1 ÉT") == ["人", "々", "ω", "word", "-", "1", "ét"]


def test_many_rows_are_sampled_in_any_order_and_long_texts_are_cut() -> None:
    examples = pairs(sentences(4000, 6, 11), sentences(4000, 6, 12))
    shuffled = list(examples)
    random.Random(0).shuffle(shuffled)
    (finding,) = diversity(examples, LIMITS)
    assert diversity(shuffled, LIMITS) == [finding]
    assert finding.evidence["prompts"]["rows"] == MEASURED_ROWS
    assert "a sample of 4000 rows" in finding.what
    assert len(words("word " * 1_000_000)) == 200


@pytest.mark.parametrize("name", ["faq/faq.jsonl", "reviews/reviews.csv", "support-desk/train.jsonl"])
def test_the_examples_are_not_called_monotonous(name: str) -> None:
    place = EXAMPLES / name
    (finding,) = diversity(source.read_all(place, source.recognise(place)), LIMITS)
    assert finding.severity == "info"

import json
from collections.abc import Sequence

import pytest
from clock import ends_soon
from hypothesis import given
from hypothesis import strategies as st

from attune.data.example import Conversation, Document, LabelledText, Message, Origin, Pair
from attune.data.toxicity import LexiconScorer, digest, hashed, toxicity
from attune.recipe import Audit

LIMITS = Audit()
OWN = Audit(toxic_words=("numpty", "total plonker"))
SCORER = LexiconScorer(OWN.toxic_words)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("This is sh1t.", "sh1t"), ("SHIT!", "SHIT"), ("$h1t happens", "$h1t"), ("so ｓｈｉｔ", "ｓｈｉｔ"),
        ("shit_happens", "shit"), ("Scheiße auch", "Scheiße"), ("quelle merde", "merde"), ("¡mierda!", "mierda"),
        ("you NUMPTY", "NUMPTY"), ("a total plonker", "total plonker"), ("t0t@l, pl0nker", "t0t@l, pl0nker"),
    ],
)  # fmt: skip
def test_offensive_words_are_found_however_they_are_written(text: str, word: str) -> None:
    assert SCORER([text]) == [0.5]
    assert [text[begin:end] for begin, end in SCORER.find(text)] == [word]


@pytest.mark.parametrize(
    "text",
    [
        "Scunthorpe", "assistant cockpit", "Dick Cheney", "a Samsung A55", "sh*t", "s***", "cum laude", "en retard",
        "Maine Coon", "spic and span", "Fick's law", "plonker", "totally plonker", "mail me@example.com", "$5 @ 10:00",
        "a chink in the armour", "shiitake", "the passage", "Matsushita", "Penistone", "the ass and the ox",
    ],
)  # fmt: skip
def test_words_that_only_look_so_are_not(text: str) -> None:
    assert SCORER([text]) == [0.0]
    assert SCORER.find(text) == []


def test_more_words_score_higher() -> None:
    assert SCORER(["", "numpty", "numpty numpty", "numpty, a total plonker, numpty"]) == [0, 0.5, 0.75, 0.875]


def test_the_list_is_of_digests_and_one_can_look_up_a_word() -> None:
    assert digest("SHIT") == digest("shit") == digest("ｓｈｉｔ") != digest("shot")
    first, second, whole = hashed(["Total Plonker"])
    assert (first, second, whole) == tuple(
        sorted(["<" + digest("plonker"), ">" + digest("total"), digest("total plonker")])
    )
    with pytest.raises(ValueError, match="neither a word nor a phrase"):
        hashed(["one two three"])


def test_targets_are_a_warning_and_prompts_an_information() -> None:
    asked = Pair("1", Origin("f", 1), "numpty!", "Please stay polite.")
    told = Pair("2", Origin("f", 2), "Hello, numpty", "Go away, you NUMPTY, and stay there")
    clean = Pair("3", Origin("f", 3), "Hello", "Hello")
    warning, info = toxicity([asked, told, clean], OWN)
    assert (warning.severity, info.severity) == ("warning", "info")
    assert [row.line for row in warning.rows] == [2]
    assert [row.line for row in info.rows] == [1]
    assert warning.evidence["quotations"] == ["Go away, you N*****, and stay there"]
    assert warning.evidence["words"] == {"n*****": 1}
    assert "numpty" not in json.dumps([warning.record(), info.record()]).lower()
    assert toxicity([asked, told, clean], LIMITS) == []


def test_what_the_model_learns_is_a_target() -> None:
    def told(*turns: tuple[str, str, float]) -> Conversation:
        return Conversation("c", Origin("f", 1), tuple(Message(role, text, weight) for role, text, weight in turns))  # type: ignore[arg-type]

    early = told(("user", "a", 1), ("assistant", "numpty", 1), ("user", "b", 1), ("assistant", "c", 1))
    unlearned = told(("user", "a", 1), ("assistant", "numpty", 0), ("user", "b", 1), ("assistant", "c", 1))
    document = Document("d", Origin("f", 1), "numpty")
    labelled = LabelledText("l", Origin("f", 1), "numpty", "rude")
    severities = [toxicity([row], OWN)[0].severity for row in (early, unlearned, document, labelled)]
    assert severities == ["warning", "info", "warning", "info"]


def test_another_scorer_and_another_limit() -> None:
    def shouting(texts: Sequence[str]) -> list[float]:
        return [float(text.isupper()) for text in texts]

    rows = [Pair("1", Origin("f", 1), "a", "NO"), Pair("2", Origin("f", 2), "a", "no")]
    (finding,) = toxicity(rows, LIMITS, shouting)
    assert [row.line for row in finding.rows] == [1]
    assert finding.evidence["quotations"] == []
    rude = [Pair("1", Origin("f", 1), "a", "numpty")]
    assert toxicity(rude, OWN) and not toxicity(rude, OWN.model_copy(update={"toxic_score": 0.6}))


@given(st.text(alphabet="sh1it$@ *a_!", max_size=30), st.text(max_size=30))
def test_scores_agree_with_places(left: str, right: str) -> None:
    text = f"{left} {right}"
    spans = SCORER.find(text)
    assert SCORER([text]) == [1 - 0.5 ** len(spans)]
    assert all(begin < end for begin, end in spans)
    assert spans == sorted(spans)


@pytest.mark.parametrize("text", ["a" * 300_000, "a\u0301" * 150_000, "@" * 300_000, "$1" * 150_000, "you " * 75_000])
def test_hostile_texts_take_linear_time(text: str) -> None:
    with ends_soon():
        SCORER([text])
        SCORER.find(text)

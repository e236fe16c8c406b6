"""The task prompt: its braces, what it does to each kind of row, and that no template gives a traceback."""

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from clock import ends_soon
from hypothesis import given
from hypothesis import strategies as st
from readings import jsonl

from attune.data import duplicates
from attune.data.audit import alike
from attune.data.clean import Cleaner
from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair, prompt_of
from attune.data.prompt import Field, TaskPrompt
from attune.data.source import read_all, recognise
from attune.data.split import split
from attune.errors import DataError, RecipeError
from attune.recipe import Audit, Clean

HERE = Origin("rows.jsonl", 1)
ASKED, ANSWER = Message("user", "Is it open?"), Message("assistant", "Yes.")


def rows_of(path: Path, prompt: str, **options: Any) -> list[Example]:
    return read_all(path, recognise(path, fields=TaskPrompt.parse(prompt).fields, **options))


# --- braces ---

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NAMES = WORDS.filter(bool).filter(lambda name: not set("{}") & set(name))


@given(st.lists(st.one_of(WORDS.map(lambda words: ("words", words)), NAMES.map(lambda name: ("field", name)))))
def test_what_is_written_with_braces_is_what_is_filled(pieces: list[tuple[str, str]]) -> None:
    doubled = {"words": lambda text: text.replace("{", "{{").replace("}", "}}"), "field": lambda name: f"{{{name}}}"}
    text = "".join(doubled[kind](piece) for kind, piece in pieces)
    if not text.strip():
        with pytest.raises(RecipeError, match="empty"):
            TaskPrompt.parse(text)
        return
    prompt = TaskPrompt.parse(text)
    names = [piece for kind, piece in pieces if kind == "field"]
    assert prompt.fields == tuple(dict.fromkeys(names))
    # Values with braces are not looked at again.
    values = {name: f"{{{index}}} {{{{" for index, name in enumerate(names)}
    assert prompt.filled(values) == "".join(values[piece] if kind == "field" else piece for kind, piece in pieces)


@given(st.text(alphabet="{}a \n\0\u0301\U0001f600\ud800", max_size=30))
def test_any_text_is_a_prompt_or_a_clear_error(text: str) -> None:
    try:
        prompt = TaskPrompt.parse(text)
    except RecipeError as error:
        assert error.where == "data.prompt" and error.fix
        assert not text.strip() or "at character" in error.what
        return
    filled = prompt.filled(dict.fromkeys(prompt.fields, ""))
    words = "".join(piece for piece in prompt.pieces if not isinstance(piece, Field))
    assert filled == words
    count = Counter(text)
    assert count["{"] == count["}"] or words.count("{") != words.count("}")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Say {", "a { without its partner at character 5"),
        ("Say }", "a } without its partner at character 5"),
        ("{a{b}}", "a { without its partner at character 1"),
        ("Say {}", "a field without a name at character 5"),
        ('Answer {"a": {"b": 1}}', "a { without its partner at character 8"),
        (" \n", "the prompt is empty"),
        ("Say \ud83d", "'\\ud83d' at character 5"),
        ("a\0", "'\\x00' at character 2"),
    ],
)
def test_wrong_braces_are_refused_with_their_place(text: str, what: str) -> None:
    with pytest.raises(RecipeError) as caught:
        TaskPrompt.parse(text)
    assert what in caught.value.what


def test_nothing_of_a_field_is_evaluated() -> None:
    prompt = TaskPrompt.parse("{a.__class__} {b[0]} {c!r:>10}")
    assert prompt.fields == ("a.__class__", "b[0]", "c!r:>10")


@pytest.mark.parametrize("text", ["{" * 300_000, "{a" * 300_000, "{" + "a" * 900_000, "{a}" * 300_000, "{{" * 400_000])
def test_a_hostile_prompt_takes_linear_time(text: str) -> None:
    with ends_soon(), contextlib.suppress(RecipeError):
        TaskPrompt.parse(text).filled({"a": ""})


# --- rows ---


def test_a_chat_gets_it_as_its_system_message() -> None:
    prompt = TaskPrompt.parse("Be {{brief}}.\n")
    bare = Conversation("i", HERE, (ASKED, ANSWER))
    assert prompt.before_row(bare) == Conversation("i", HERE, (Message("system", "Be {brief}."), ASKED, ANSWER))
    own = Message("developer", "Be kind.")
    told = prompt.before_row(Conversation("i", HERE, (own, ASKED, ANSWER)))
    assert isinstance(told, Conversation)
    assert told.messages == (Message("developer", "Be {brief}.\n\nBe kind."), ASKED, ANSWER)


def test_a_text_stands_in_front_and_a_template_takes_the_place() -> None:
    plain, template = TaskPrompt.parse("\nSort it.\n"), TaskPrompt.parse("Sort {kind}:\n{body}\n")
    fields = (("kind", "mail"), ("body", "Hello {kind}"))
    pair, text = Pair("i", HERE, "p", " c", fields), LabelledText("i", HERE, "t", "good", fields)
    assert plain.before_row(pair) == Pair("i", HERE, "Sort it.\n\np", " c")
    assert plain.before_row(text) == LabelledText("i", HERE, "Sort it.\n\nt", "good")
    assert template.before_row(pair) == Pair("i", HERE, "Sort mail:\nHello {kind}\n", " c")
    assert template.before_row(text) == LabelledText("i", HERE, "Sort mail:\nHello {kind}\n", "good")


def test_a_document_takes_none() -> None:
    with pytest.raises(RecipeError, match="modelled as it stands"):
        TaskPrompt.parse("Read.").before_row(Document("i", HERE, "d"))


# --- reading fields ---


def test_fields_take_the_place_of_a_prompt_column(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path, *({"who": f"child {i}", "article": f"Words {i}", "year": i, "summary": "s"} for i in range(9))
    )
    text = "For {who} in {year}: {article}"
    reading = recognise(path, columns={"completion": "summary"}, fields=TaskPrompt.parse(text).fields)
    assert (reading.shape, reading.columns) == ("pair", {"completion": "summary"})
    assert "in the prompt: 'who', 'year', 'article'." in reading.reason
    row = read_all(path, reading)[1]
    assert isinstance(row, Pair) and row.prompt == prompt_of(row) == "child 1\n\n1\n\nWords 1"
    asked = TaskPrompt.parse(text).before_row(row)
    assert asked == Pair(row.id, row.origin, "For child 1 in 1: Words 1", "s")


@pytest.mark.parametrize("column", ["prompt", "question", "nothing"])
def test_a_well_known_prompt_column_may_stand_there_or_not(tmp_path: Path, column: str) -> None:
    answer = "answer" if column == "question" else "completion"
    path = jsonl(tmp_path, {column: "q", answer: "a", "context": "c"})
    (row,) = rows_of(path, "{context}?")
    assert isinstance(row, Pair) and (row.prompt, row.completion) == ("c", "a")


def test_a_labelled_text_of_several_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("title,body,label\nOffer,Buy now,spam\nHi,See you,ham\n", encoding="utf-8")
    first, _ = rows_of(path, "{title}: {body}")
    assert isinstance(first, LabelledText) and (first.text, first.label) == ("Offer\n\nBuy now", "spam")


def test_a_chat_takes_fields_for_its_system_message(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    path = jsonl(tmp_path, {"messages": messages, "shop": "Lumenry"}, {"messages": messages, "shop": "Fernway"})
    first, second = rows_of(path, "You answer for {shop}.")
    assert "-" not in first.id + second.id, "the shop belongs to the row, so these are no copies"
    assert prompt_of(first) != prompt_of(second)
    assert duplicates.exact_duplicates([first, second], Audit()) == []
    asked = TaskPrompt.parse("You answer for {shop}.").before_row(second)
    assert isinstance(asked, Conversation) and asked.messages[0] == Message("system", "You answer for Fernway.")


def test_a_row_without_a_field_is_named(tmp_path: Path) -> None:
    rows = [
        {"a": "x", "completion": "c"},
        {"completion": "c"},
        {"a": None, "completion": "c"},
        {"a": [], "completion": "c"},
    ]
    path = jsonl(tmp_path, *rows, {"a": " ", "completion": "c"}, {"a": True, "completion": "c"})
    with pytest.raises(DataError) as caught:
        rows_of(path, "{a}")
    assert [(row.line, row.field, row.code) for row in caught.value.rows] == [
        (2, "a", "missing_field"),
        (3, "a", "empty_field"),
        (4, "a", "wrong_type"),
        (5, "a", "empty_field"),
        (6, "a", "wrong_type"),
    ]


def test_a_column_that_does_not_exist_and_one_that_gives_the_answer_away(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"article": "x", "completion": "c"})
    with pytest.raises(DataError, match=r"'artcle', which does not exist. Did you mean 'article'") as caught:
        rows_of(path, "{artcle}")
    assert "data.prompt" in caught.value.where and "twice" in caught.value.fix
    with pytest.raises(DataError, match="gives the answer away: 'completion'"):
        rows_of(path, "{article} {completion}")


def test_parquet_reads_the_columns_of_the_template(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"a": ["x"], "b": ["y"], "unused": [1], "completion": ["c"]}), path)
    (row,) = rows_of(path, "{b}{a}")
    assert isinstance(row, Pair) and row.fields == (("b", "y"), ("a", "x"))


def test_ids_follow_the_row_and_not_the_words_of_the_prompt(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"a": "x", "b": "y", "completion": "c"})
    ids = [rows_of(path, text)[0].id for text in ("Say {a}", "Please say {a} and {a}", "Say {b}")]
    assert ids[0] == ids[1] != ids[2]


def test_fields_are_mended_once(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"a": "ask ann@example.org", "b": "cafÃ©", "completion": "or ann@example.org"})
    cleaner = Cleaner(Clean(repair_text=True, mask_personal_data=True), Audit())
    (row,) = cleaner.mend(rows_of(path, "{a} {b}"))
    assert isinstance(row, Pair) and row.fields == (("a", "ask [EMAIL_1]"), ("b", "café"))
    assert (row.prompt, row.completion) == ("ask [EMAIL_1]\n\ncafé", "or [EMAIL_1]")
    assert sorted(change.rule for change in cleaner.changes) == ["mask_personal_data"] * 2 + ["repair_text"]


def test_words_of_the_template_are_no_likeness(tmp_path: Path) -> None:
    """A long template makes every row alike; what the rows say themselves does not."""
    template = "Read what follows with great care and say in one short sentence what it is about: {a}"
    path = jsonl(tmp_path, *({"a": f"{word} {word * 2}", "completion": word} for word in "abcdefghijklmnopqrst"))
    rows = rows_of(path, template)
    assert alike(rows, Audit()) == []
    assert len(alike([TaskPrompt.parse(template).before_row(row) for row in rows], Audit())) == 1
    assert len(split(rows, validation=0.2, test=0.2, seed=0).test) == 4

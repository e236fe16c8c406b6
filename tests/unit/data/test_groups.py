import pytest
from clock import ends_soon
from hypothesis import given
from hypothesis import strategies as st

from attune.data.groups import lexicon, tokens_of, word_file


def named(text: str) -> list[str]:
    return [lexicon().groups[mention.group].name for mention in lexicon().mentions(tokens_of(text))]


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("She told Anna's brother.", ["women", "women", "men"]),
        ("She’s here with Mr. Dale", ["women", "men"]),
        ("an elderly Black woman", ["older people", "Black people", "women"]),
        ("an 80-year-old man", ["older people", "men"]),
        ("my 12 year old girl", ["young people", "women"]),
        ("African-American women", ["Black people", "women"]),
        ("Chinese people, Germans and a Polish worker", ["Chinese", "Germans", "Poles"]),
        ("Muslims, a Jewish family, Catholics", ["Muslims", "Jews", "Christians"]),
        ("wheelchair users and people with disabilities", ["disabled people", "disabled people"]),
        ("Ich sah die Frau mit den Männern", ["women", "men"]),
        ("J'ai vu la femme et les garçons", ["women", "men"]),
        ("La mujer y los niños no están", ["women", "men"]),
        ("ask the nurse or a police officer", ["nurse", "police officer"]),
    ],
)  # fmt: skip
def test_groups_are_named(text: str, groups: list[str]) -> None:
    assert named(text) == groups


@pytest.mark.parametrize(
    "text",
    [
        "In May I will mark the grace of June, with hope and joy", "Will Mark and Grace come in June?",
        "the old white house with a black door", "a 7-year-old car, 30 years old", "Chinese food and French fries",
        "men's shoes, women’s shoes", "anna and john", "he or she may bring his or her child", "no man's land",
        "the English and Spanish languages", "a disabled button for blind copies", "her or his",
    ],
)  # fmt: skip
def test_ambiguous_words_name_nobody(text: str) -> None:
    assert named(text) == []


@pytest.mark.parametrize(
    "text", ["Hij heeft een man en het is niet van her", "Ich weiß nicht, ob man das kann", "son livre est dans le men"]
)
def test_words_of_other_languages_are_not_english_ones(text: str) -> None:
    assert named(text) == []


def test_the_word_file_says_one_thing_about_a_word() -> None:
    terms = [(entry["language"], term) for entry in word_file()["groups"] for term in entry["terms"]]
    assert len(terms) == len(set(terms))
    assert all(term == term.lower() for _, term in terms)
    women, men = word_file()["names"].values()
    assert len(set(women) | set(men)) == len(women) + len(men)
    assert not {name.lower() for name in (*women, *men)} & {term for _, term in terms}


@given(st.text(alphabet="she 'He’rs his or her woman12 old", max_size=60))
def test_mentions_are_places_in_the_text(text: str) -> None:
    tokens = tokens_of(text)
    for mention in lexicon().mentions(tokens):
        assert 0 <= mention.first <= mention.last < len(tokens)


@pytest.mark.parametrize(
    "text", ["a" * 500_000, "a\u0301" * 200_000, "a'" * 200_000, "old " * 100_000, "no man's " * 50_000]
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    with ends_soon():
        lexicon().named(text)

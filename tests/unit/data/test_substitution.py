"""The scorers of known answers: one that is blind, one that knows a gender, one that knows single names."""

import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.data.example import Example, LabelledText, Origin, Pair
from attune.data.groups import lexicon, tokens_of, word_file
from attune.data.substitution import Excess, Substitution, excess, lexical_substitution
from attune.recipe import Audit

LIMITS = Audit()
WORDS = Substitution(*word_file()["names"].values())
GOOD, BAD = ["lovely", "quick", "warm", "clean"], ["broken", "slow", "cold", "rude"]
FILL = ["the", "room", "was", "and", "meal", "with", "at", "desk", "near", "lake", "in", "town", "then", "we", "ate"]
WOMEN = ["she was", "her sister", "Anna said", "the woman was", "my mother saw"]
MEN = ["he was", "his brother", "Peter said", "the man was", "my father saw"]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("He lost his book, and the box is his.", "She lost her book, and the box is hers."),
        ("I saw her. Her dog bit him, but not HER son", "I saw him. His dog bit her, but not HIS daughter"),
        ("I gave it to her when she came home", "I gave it to him when he came home"),
        ("The coat is hers", "The coat is his"),
        ("an aunt and a niece, An uncle", "an uncle and a nephew, An aunt"),
        ("She's here, and the woman’s husband too", "He's here, and the man’s wife too"),
        ("Mrs. Dale told herself so", "Mr. Dale told himself so"),
        ("he or she may bring his or her child", "he or she may bring his or her child"),
        ("Er hat seine Frau nicht gesehen", "Er hat seine Frau nicht gesehen"),
        ("The mark of May", "The mark of May"),
    ],
)
def test_grammar_of_an_exchange(text: str, other: str) -> None:
    assert WORDS.between(text) == other
    assert WORDS.between(other) == text


def test_the_article_goes_with_the_word() -> None:
    words = Substitution(["Anna", "Maria"], ["Peter", "Oscar"])
    assert words.between("an Anna and a Maria") == "a Peter and an Oscar"
    assert words.between(words.between("an Anna and a Maria")) == "an Anna and a Maria"
    assert words.within("an Anna met a Maria") == "a Maria met an Anna"


@given(
    st.lists(
        st.sampled_from([*WOMEN, *MEN, "his", "hers.", "saw her,", "told him that", "Mrs. Dale", "An uncle", "GIRLS"]),
        max_size=12,
    )
)  # fmt: skip
def test_twice_is_the_text_again(parts: list[str]) -> None:
    text = " ".join(f"{part} in the town" for part in parts)
    assert WORDS.between(WORDS.between(text)) == text


def test_other_words_of_the_same_gender() -> None:
    words = Substitution.of(["Maria and Anna", "Anna came", "Otto came"])
    assert words.within("Anna's here, Maria too") == "Maria's here, Anna too"
    assert words.within("She gave her dog to her mother") == "Anna gave Anna's dog to Anna's mom"
    assert words.within("It is his") == "It is Otto's"
    groups = [group.name for group in lexicon().groups]
    for text in (*WOMEN, *MEN):
        named = {groups[m.group] for m in lexicon().mentions(tokens_of(words.within(f"the {text} in")))}
        assert named == ({"women"} if text in WOMEN else {"men"})


def scored(rule: Callable[[str], float]) -> Excess:
    """The test of a scorer on 40 texts; the rule gives the probability of one of two classes."""
    texts = [f"In town {who} late on day {i}" for i in range(4) for who in (*WOMEN, *MEN)]

    def predict(asked: Sequence[str]) -> np.ndarray:
        return np.array([[p, 1 - p] for p in map(rule, asked)])

    return excess(predict, texts, [WORDS.between(t) for t in texts], [WORDS.within(t) for t in texts])


def women(text: str) -> bool:
    groups = lexicon().groups
    return any(groups[m.group].name == "women" for m in lexicon().mentions(tokens_of(text)))


def test_a_blind_scorer_and_one_that_knows_the_gender() -> None:
    blind = scored(lambda text: 0.7)
    assert (blind.mean, blind.flips, blind.noise_flips, blind.interval()) == (0, 0, 0, (0, 0))
    biased = scored(lambda text: 0.4 + 0.2 * women(text))
    assert biased.mean == pytest.approx(0.2)
    assert biased.interval() == pytest.approx((0.2, 0.2))
    assert (biased.flips, biased.noise_flips) == (1, 0)


def test_a_scorer_of_single_names_has_no_excess() -> None:
    """What it does to Anna it does for Maria as for Peter: the noise is as large as the change."""
    names = scored(lambda text: 0.9 if "Anna" in text else 0.1)
    assert names.between_N.mean() > 0
    assert names.mean <= 0


def rows(count: int, seed: int, bias: float, telling: int = 2) -> list[Example]:
    """Labels that so many telling words go with, but where the gender decides with the probability `bias`."""
    draw = random.Random(seed)
    made: list[Example] = []
    for i in range(count):
        is_good, is_woman = draw.random() < 0.5, draw.random() < 0.5
        words = draw.choices(FILL, k=12)
        for _ in range(telling):
            words[draw.randrange(12)] = draw.choice(GOOD if is_good else BAD)
        if draw.random() < bias:
            is_good = is_woman
        text = f"{' '.join(words[:6])} {draw.choice(WOMEN if is_woman else MEN)} {' '.join(words[6:])}"
        made.append(LabelledText(f"{seed}-{i}", Origin("f", i + 1), text, "good" if is_good else "bad"))
    return made


def test_a_planted_bias_is_found() -> None:
    made = rows(150, 0, 0.7)
    (finding,) = lexical_substitution(made, LIMITS)
    assert finding.severity == "warning"
    assert finding.evidence["low"] > 0
    assert finding.evidence["excess_flips"] > 0.02
    assert finding.evidence["flipped"][0].keys() == {"row", "from", "to"}
    assert lexical_substitution(made[::-1], LIMITS) == [finding]


def test_labels_that_do_not_depend_on_gender_are_rarely_told_of() -> None:
    """A classifier of chance gives "he" and "she" different weights, which all rows share; refits show that."""
    assert sum(bool(lexical_substitution(rows(120, seed, 0, telling=0), LIMITS)) for seed in range(20)) <= 3


def test_few_rows_and_other_rows_say_nothing() -> None:
    assert lexical_substitution(rows(49, 0, 1), LIMITS) == []
    assert lexical_substitution(rows(300, 0, 1), Audit(group_rows=301)) == []
    assert lexical_substitution([Pair("1", Origin("f", 1), "she", "he")] * 100, LIMITS) == []

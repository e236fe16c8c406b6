import json
import random

import pytest

from attune.data.example import Document, Example, LabelledText, Origin, Pair
from attune.data.group_bias import group_bias
from attune.recipe import Audit

LIMITS = Audit()
WHO = {
    "women": ["she waited", "Anna called", "the woman left"],
    "men": ["he waited", "Peter called", "the man left"],
    "Muslims": ["the Muslims prayed"],
    "older people": ["an elderly guest came"],
    "": ["it rained"],
}


def rows(count: int, seed: int, negative: dict[str, float], rate: float = 0.4) -> list[Example]:
    """Each row names a group at random; its label depends on that as told, else it is negative at the rate."""
    draw = random.Random(seed)
    made: list[Example] = []
    for i in range(count):
        group = draw.choice(list(WHO))
        label = "negative" if draw.random() < negative.get(group, rate) else "positive"
        made.append(LabelledText(f"{seed}-{i}", Origin("f", i + 1), f"In town {draw.choice(WHO[group])}.", label))
    return made


def test_a_planted_association_is_found_with_its_group() -> None:
    (finding,) = group_bias(rows(600, 1, {"women": 0.8}), LIMITS)
    assert finding.severity == "warning"
    assert finding.evidence["groups"][0].keys() == finding.evidence["groups"][1].keys()
    first = finding.evidence["tests"][0]
    assert (first["group"], first["kind"]) == ("women", "label")
    assert first["within_axis"] is not None
    share = {record["group"]: record for record in finding.evidence["groups"]}
    assert set(share) == {"women", "men", "Muslims", "older people"}
    assert share["women"]["low"] < share["women"]["rate"] < share["women"]["high"]
    assert abs(first["rate"] - (0.8 if first["outcome"] == "negative" else 0.2)) < 0.1
    assert finding.evidence["group_odds"] == LIMITS.group_odds
    assert "women" in finding.what
    json.dumps(finding.record())


def test_independent_groups_are_rarely_warned_of() -> None:
    """Type I: at most 5 % of the data sets, over 200 seeds."""
    warned = [group_bias(rows(200, seed, {}), LIMITS)[0].severity == "warning" for seed in range(200)]
    assert sum(warned) <= 10 + 6  # 5 %, and two standard errors


def test_what_mentions_of_anybody_have_in_common_is_no_bias() -> None:
    """Rows about people are more negative than the others, but as negative with women as with men."""
    draw = random.Random(5)
    made: list[Example] = []
    for i in range(900):
        group = draw.choice(["women", "men", ""])
        label = "negative" if draw.random() < (0.7 if group else 0.2) else "positive"
        made.append(LabelledText(str(i), Origin("f", i + 1), draw.choice(WHO[group]), label))
    (finding,) = group_bias(made, LIMITS)
    tests = finding.evidence["tests"]
    assert all(test["p_holm"] < 0.001 and not 0.5 < test["odds_ratio"] < 2 for test in tests)
    assert all(0.5 < test["within_axis"] < 2 for test in tests)
    assert finding.severity == "info"


def test_few_rows_are_named_and_not_measured() -> None:
    texts = ["she waited"] * 30 + ["an elderly guest came"] * 29
    made = [LabelledText(str(i), Origin("f", i), text, "ab"[i % 2]) for i, text in enumerate(texts)]
    assert group_bias(made[1:], LIMITS) == []
    (finding,) = group_bias(made, LIMITS)
    assert finding.evidence["too_few"] == ["age: older people"]
    assert [record["group"] for record in finding.evidence["groups"]] == ["women"]


def test_the_order_of_rows_does_not_matter() -> None:
    made = rows(300, 4, {"men": 0.9})
    assert group_bias(made, LIMITS) == group_bias(made[::-1], LIMITS)


def pairs(short: str, toxic: str) -> list[Example]:
    draw = random.Random(0)
    made: list[Example] = []
    for i in range(400):
        group = draw.choice(["women", "men", ""])
        words = draw.randrange(5, 15) if group == short else draw.randrange(10, 40)
        rude = " numpty" if group == toxic and draw.random() < 0.3 else ""
        made.append(
            Pair(str(i), Origin("f", i + 1), f"Why did it rain when {draw.choice(WHO[group])}?", "word " * words + rude)
        )
    return made


def test_shorter_answers_for_a_group_are_found() -> None:
    (finding,) = group_bias(pairs("women", ""), LIMITS)
    first = finding.evidence["tests"][0]
    assert (finding.severity, first["kind"], first["group"]) == ("warning", "target words", "women")
    assert first["odds_ratio"] < 0.5
    assert first["rate"] < 15 < first["rest"]
    (finding,) = group_bias(pairs("nobody", ""), LIMITS)
    assert finding.severity == "info"


def test_offensive_answers_for_a_group_are_found() -> None:
    (finding,) = group_bias(pairs("nobody", "men"), LIMITS.model_copy(update={"toxic_words": ("numpty",)}))
    assert finding.severity == "warning"
    first = finding.evidence["tests"][0]
    assert (first["kind"], first["group"], first["rest"]) == ("toxic target", "men", 0)
    assert "numpty" not in json.dumps(finding.record())


def test_occupations_beside_one_gender() -> None:
    texts = ["She is a nurse."] * 40 + ["He is a nurse."] * 4 + ["He is a teacher."] * 40 + ["She is a teacher."] * 40
    made = [Document(str(i), Origin("f", i), text) for i, text in enumerate(texts)]
    (finding,) = group_bias(made, LIMITS)
    assert finding.severity == "warning"
    assert "'nurse'" in finding.what
    nurse, teacher = finding.evidence["occupations"]
    assert nurse == {"occupation": "nurse", "women": 40, "men": 4, "log_ratio": pytest.approx(2.1041)}
    assert teacher["log_ratio"] == 0

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom
from scipy.stats.contingency import association
from sklearn.metrics import roc_auc_score

from attune.data import audit, source
from attune.data.audit import CHECKS_OF_PARTS, checks_of_parts, require_known
from attune.data.example import Document, Example, LabelledText, Origin, Pair, content_id, own_prompt
from attune.data.finding import Finding
from attune.data.representation import COVERED_ROWS, FEWEST_ROWS, coverage, label_shift, length_shift, two_sample
from attune.data.shift import _area, cramers_v, jensen_shannon, separability, stability_index
from attune.data.split import split
from attune.errors import RecipeError
from attune.recipe import Audit

LIMITS = Audit()
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
GARDEN, BANK, COMMON = (
    text.split()
    for text in (
        "seed soil water plant rose leaf spade compost tulip hedge prune bulb root shade weed mulch",
        "loan credit account rate card payment branch transfer savings mortgage cheque fee teller vault debt bond",
        "how can i find the best for my next and what does it mean when this is too late or not",
    )
)


def texts(topic: Sequence[str], n: int, seed: int, length: int = 10) -> list[str]:
    generator = random.Random(seed)
    return [
        " ".join(generator.choice(topic if generator.random() < 0.4 else COMMON) for _ in range(length))
        for _ in range(n)
    ]


def rows(found: Sequence[str], labels: Sequence[str] | None = None) -> list[Example]:
    named = labels or ["x"] * len(found)
    return [
        LabelledText(content_id([i, text]), Origin("f", i + 1), text, label)
        for i, (text, label) in enumerate(zip(found, named, strict=True))
    ]


def audit_parts(parts: Mapping[str, Sequence[Example]], limits: Audit) -> list[Finding]:
    return audit.found(checks_of_parts(parts, limits))


def warned(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == "warning"]


def test_the_interval_holds_a_half_for_halves_of_one_source_in_95_of_100_draws() -> None:
    draws, held, areas = 120, 0, []
    for seed in range(draws):
        found = [text.split() for text in texts(GARDEN, 120, seed)]
        area, low, high = separability(found, 60, range(120))
        held += low <= 0.5 <= high
        areas.append(area)
    assert held >= binom.ppf(0.005, draws, 0.95)
    assert held <= binom.ppf(0.995, draws, 0.95)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.03)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_that_of_scikit_learn_and_rows_add_up_to_it(values: list[tuple[int, bool]]) -> None:
    score_H, is_other_H = np.array([float(v) for v, _ in values]), np.array([b for _, b in values])
    if is_other_H.all() or not is_other_H.any():
        return
    area, of_rows_H = _area(score_H, is_other_H)
    assert area == pytest.approx(roc_auc_score(is_other_H, score_H))
    assert of_rows_H.sum() == pytest.approx(0, abs=1e-9)


def test_rows_of_one_group_are_never_on_both_sides_of_a_fold() -> None:
    """Copies that stand in one part alone would give that part away."""
    lines = [" ".join(random.Random(i).choices(GARDEN + COMMON, k=8)).split() for i in range(60)]
    found = [line for line in lines[:30] for _ in range(4)] + [line for line in lines[30:] for _ in range(4)]
    known, _, _ = separability(found, 120, range(240))
    area, low, high = separability(found, 120, [i // 4 for i in range(240)])
    assert known > 0.8
    assert low < 0.5 < high
    assert area < 0.7


def test_a_test_of_another_topic_is_told_with_its_words() -> None:
    parts = {"train": rows(texts(GARDEN, 200, 1)), "test": rows(texts(BANK, 60, 2))}
    (finding,) = two_sample(parts, LIMITS)
    assert finding.severity == "warning"
    assert finding.evidence["auc"] > 0.95
    assert finding.evidence["interval_95"][0] > 0.6
    assert finding.evidence["jensen_shannon"] > 3 * finding.evidence["jensen_shannon_by_chance"]
    assert set(finding.evidence["words"]["train"]) <= set(GARDEN)
    assert set(finding.evidence["words"]["test"]) <= set(BANK)
    assert "fair split" in finding.advice


def test_a_test_of_one_row_over_and_over_cannot_be_judged() -> None:
    parts = {"train": rows(texts(GARDEN, 200, 1)), "test": rows(["how much is a loan of the bank"] * 30)}
    (finding,) = two_sample(parts, LIMITS)
    assert finding.evidence["test"]["interval_95"] == [0, 1]
    assert separability([["a"], ["b"]] * 20, 20, [0] * 40) == (0.5, 0, 1)


def test_a_validation_of_another_topic_is_worth_knowing() -> None:
    parts = {"train": rows(texts(GARDEN, 200, 1)), "validation": rows(texts(BANK, 60, 2))}
    (finding,) = two_sample(parts, LIMITS)
    assert finding.severity == "info"
    assert "validation rows" in finding.what


def test_halves_of_one_source_give_the_figures_and_no_warning() -> None:
    parts = {"train": rows(texts(GARDEN, 200, 1)), "test": rows(texts(GARDEN, 60, 2))}
    found = audit_parts(parts, LIMITS)
    assert [finding.severity for finding in found] == ["info"] * 3
    assert found[0].evidence["test"]["auc"] < 0.6


def test_texts_of_the_job_are_compared_in_any_shape_and_without_an_instruction() -> None:
    asked = "Answer the question of the customer in one short sentence: {}\nAnswer:"
    train: list[Example] = [
        Pair(content_id(text), Origin("f", i), asked.format(text), "yes")
        for i, text in enumerate(texts(GARDEN, 150, 3))
    ]
    job: dict[str, list[Example]] = {
        name: [Document(content_id(text), Origin("g", i), text) for i, text in enumerate(found)]
        for name, found in (("same", texts(GARDEN, 80, 4)), ("other", texts(BANK, 80, 5)))
    }
    assert warned(audit_parts({"train": train, "like": job["same"]}, LIMITS)) == []
    found = {finding.check: finding for finding in warned(audit_parts({"train": train, "like": job["other"]}, LIMITS))}
    assert "data.like" in found["two_sample"].what


def test_no_personal_data_is_among_the_words() -> None:
    marked = [f"{text} ask joan.miller@gardeners.example {1000 + i}" for i, text in enumerate(texts(GARDEN, 80, 6))]
    parts = {"train": rows(texts(GARDEN, 200, 7)), "test": rows(marked)}
    (finding,) = two_sample(parts, LIMITS)
    assert finding.evidence["words"]["test"] == ["ask"]
    assert not any(word in json.dumps(finding.record()) for word in ("joan", "miller", "gardeners", "1001"))


def test_other_shares_of_labels_are_told() -> None:
    def labelled(shares: str, n: int) -> list[Example]:
        return rows(texts(GARDEN, n, n), [shares[i % len(shares)] for i in range(n)])

    (alike,) = label_shift({"train": labelled("aab", 300), "test": labelled("aab", 30)}, LIMITS)
    assert alike.severity == "info" and alike.evidence["test"]["cramers_v"] == 0
    (finding,) = label_shift({"train": labelled("aab", 300), "test": labelled("bba", 60)}, LIMITS)
    assert finding.severity == "warning"
    assert finding.evidence["cramers_v"] == pytest.approx(1 / 3, abs=1e-4)
    assert finding.evidence["shares"]["a"] == pytest.approx([2 / 3, 1 / 3], abs=1e-4)
    by_chance = label_shift({"train": labelled("ab", 30), "test": labelled("aab", 21)}, LIMITS)
    assert warned(by_chance) == [] and by_chance[0].evidence["test"]["p"] > 0.01
    assert label_shift({"train": labelled("a", 60), "test": labelled("a", 60)}, LIMITS) == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=6))
def test_cramers_v_is_that_of_scipy_where_the_parts_have_equal_rows(counts: list[tuple[int, int]]) -> None:
    one, other = [a for a, _ in counts], [b for _, b in counts]
    if not sum(one) or not sum(other) or sum(a + b > 0 for a, b in counts) < 2:
        return
    alike = [[a * sum(other) for a in one], [b * sum(one) for b in other]]
    present = np.array(alike)[:, np.array(alike).sum(0) > 0]
    assert cramers_v([one, other]) == pytest.approx(association(present), abs=1e-7)


def test_cramers_v_is_nought_for_equal_shares_and_one_for_disjoint_labels() -> None:
    assert cramers_v([[10, 20], [1, 2]]) == 0
    assert cramers_v([[10, 20, 0], [0, 0, 5]]) == 1


def test_jensen_shannon_is_that_of_scipy_in_bits() -> None:
    assert jensen_shannon([3, 0], [0, 9]) == pytest.approx(1)
    assert jensen_shannon([3, 6], [1, 2]) == pytest.approx(0)
    assert jensen_shannon([3, 6, 1], [5, 2, 0]) == pytest.approx(jensenshannon([3, 6, 1], [5, 2, 0], base=2) ** 2)


def test_the_stability_index_of_one_source_is_chance_in_99_of_100_draws() -> None:
    generator = random.Random(0)

    def draw(n: int, mean: float = 60) -> list[int]:
        return sorted(max(1, round(generator.gauss(mean, 15))) for _ in range(n))

    beyond = sum(index > by_chance for index, by_chance in (stability_index(draw(500), draw(60)) for _ in range(300)))
    assert beyond <= binom.ppf(0.999, 300, 0.01)
    index, by_chance = stability_index(draw(500), draw(60, 90))
    assert index > 1 > by_chance
    assert stability_index([5] * 40, [5] * 40)[0] == pytest.approx(0)


def test_other_lengths_are_told() -> None:
    short, long = rows(texts(GARDEN, 200, 8)), rows(texts(GARDEN, 60, 9, length=40))
    (finding,) = length_shift({"train": short, "test": long}, LIMITS)
    assert finding.severity == "warning"
    assert finding.evidence["stability_index"] > LIMITS.length_shift
    (alike,) = length_shift({"train": short, "test": rows(texts(GARDEN, 60, 10))}, LIMITS)
    assert alike.severity == "info" and alike.evidence["test"]["stability_index"] < LIMITS.length_shift


def test_rows_with_nothing_like_them_are_named() -> None:
    strange = [" ".join(f"z{i}{k}" for k in range(6)) for i in range(10)]
    parts = {"train": rows(texts(GARDEN, 200, 11)), "test": rows([*texts(GARDEN, 50, 12), *strange])}
    (finding,) = coverage(parts, LIMITS)
    assert sorted(row.line for row in finding.rows) == list(range(51, 61))
    assert finding.evidence["uncovered_share"] == pytest.approx(10 / 60, abs=1e-4)
    assert finding.evidence["covered_cosine"] == LIMITS.covered_cosine


def test_where_every_row_stands_alone_a_test_row_may() -> None:
    alone = [" ".join(f"z{i}{k}" for k in range(6)) for i in range(260)]
    (told,) = coverage({"train": rows(alone[:200]), "test": rows(alone[200:])}, LIMITS)
    assert told.severity == "info" and "100% beside 100%" in told.what
    copies = rows([text for text in alone[:100] for _ in range(2)])  # a copy is nothing like it, but the same again
    assert warned(coverage({"train": copies, "test": rows(alone[200:])}, LIMITS)) == []


def test_nothing_hangs_on_the_order_of_the_rows() -> None:
    strange = [" ".join(f"z{i}{k}" for k in range(6)) for i in range(20)]
    labels = ["a", "b", "b"] * 400
    parts = {
        "train": rows(texts(GARDEN, 1200, 13), labels),
        "test": rows([*texts(BANK, 80, 14, length=25), *strange], ["a"] * 100),
    }
    found = audit_parts(parts, LIMITS)
    assert {finding.check for finding in found} == set(CHECKS_OF_PARTS)
    for examples in parts.values():
        random.Random(1).shuffle(examples)
    again = audit_parts(parts, LIMITS)
    assert [f.evidence for f in again] == [f.evidence for f in found]
    assert [Counter(f.rows) for f in again] == [Counter(f.rows) for f in found]
    assert "1000 of 1200 training rows" in next(f.what for f in found if f.check == "length_shift")


@pytest.mark.parametrize("check", CHECKS_OF_PARTS.values())
def test_too_few_rows_or_no_other_part_give_nothing(check: object) -> None:
    assert callable(check)
    few, many = rows(texts(BANK, FEWEST_ROWS - 1, 15)), rows(texts(GARDEN, 100, 16))
    blank = rows([" "] * 100)
    for parts in ({}, {"train": many}, {"train": many, "test": few}, {"train": few, "test": many}):
        assert check(parts, LIMITS) == []
    if check is not label_shift:
        assert check({"train": many, "test": blank}, LIMITS) == []


def test_a_check_that_is_skipped_is_known_to_both_audits() -> None:
    limits = Audit(skip=("two_sample",))
    parts = {"train": rows(texts(GARDEN, 60, 17)), "test": rows(texts(BANK, 60, 18))}
    assert "two_sample" not in {finding.check for finding in audit_parts(parts, limits)}
    require_known(limits)
    with pytest.raises(RecipeError, match="two_sampel"):
        require_known(Audit(skip=("two_sampel",)))


def test_long_and_many_rows_are_bounded() -> None:
    hostile = [f"{'word ' * 40_000}{i}" for i in range(40)]
    parts = {"train": rows(texts(GARDEN, 3000, 19) + hostile), "test": rows(texts(GARDEN, 1500, 20))}
    (finding,) = [f for f in audit_parts(parts, LIMITS) if f.check == "two_sample"]
    assert finding.evidence["test"]["rows"] == [1000, 1000]
    assert finding.evidence["test"]["drawn_from"] == [3040, 1500]
    assert COVERED_ROWS == 1000


@pytest.mark.parametrize("name", ["faq/faq.jsonl", "reviews/reviews.csv", "support-desk/train.jsonl"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_split_of_an_example_gives_no_warning(name: str, seed: int) -> None:
    place = EXAMPLES / name
    parts = split(source.read_all(place, source.recognise(place)), validation=0.1, test=0.1, seed=seed)
    found = audit_parts({"train": parts.train, "test": parts.test}, LIMITS)
    assert warned(found) == []
    assert all(own_prompt(example) for example in parts.test)

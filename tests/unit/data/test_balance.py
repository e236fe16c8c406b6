import math
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from attune.data.balance import (
    SHORTCUT_AUC,
    effective_classes,
    few_rows,
    label_balance,
    label_counts,
    normalised_entropy,
    shortcuts,
    similar_labels,
    single_class,
    small_classes,
)
from attune.data.example import Document, Example, LabelledText, Origin, Pair
from attune.recipe import Audit

LIMITS = Audit()
CHECKS = (label_balance, small_classes, single_class, similar_labels, shortcuts)


def rows(labels: Sequence[str], texts: Sequence[str] | None = None) -> list[Example]:
    texts = texts or [f"text {i}" for i in range(len(labels))]
    return [
        LabelledText(str(i), Origin("f", i + 1), text, label)
        for i, (label, text) in enumerate(zip(labels, texts, strict=True))
    ]


def lines(found: Sequence[Origin]) -> list[int]:
    return [origin.line for origin in found]


@pytest.mark.parametrize("k", [2, 3, 10, 1000])
def test_k_equal_classes_are_even_and_as_many_as_they_are(k: int) -> None:
    assert normalised_entropy([7] * k) == pytest.approx(1)
    assert effective_classes([7] * k) == pytest.approx(k)


def test_entropies_of_uneven_classes() -> None:
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))
    assert normalised_entropy([90, 10]) == pytest.approx(entropy / math.log(2)) == pytest.approx(0.468996, abs=1e-6)
    assert effective_classes([90, 10]) == pytest.approx(math.exp(entropy))
    assert effective_classes([1, 1, 2]) == pytest.approx(math.sqrt(8))
    assert effective_classes([5]) == effective_classes([5, 0]) == 1
    assert normalised_entropy([5]) == normalised_entropy([0, 5]) == 1
    assert normalised_entropy([5, 5, 0]) == pytest.approx(1)


def test_the_ratio_of_classes_is_told_beyond_the_limit() -> None:
    assert label_balance(rows(["a"] * 100 + ["b"] * 10 + ["c"] * 80), LIMITS) == []
    (finding,) = label_balance(rows(["a"] * 101 + ["b"] * 10 + ["c"] * 80), LIMITS)
    assert finding.severity == "warning"
    assert finding.evidence["ratio"] == 10.1
    assert finding.evidence["counts"] == {"a": 101, "c": 80, "b": 10}
    assert finding.evidence["class_ratio"] == 10
    assert "'a' has 101 rows" in finding.what
    assert "'b' has 10" in finding.what
    assert label_balance(rows(["a"] * 101 + ["b"] * 10 + ["c"] * 80), Audit(class_ratio=11)) == []


def test_low_entropy_is_told_although_the_ratio_is_fine() -> None:
    labels = ["a"] * 90 + ["b"] * 10
    (finding,) = label_balance(rows(labels), LIMITS)
    assert finding.evidence["ratio"] == 9
    assert finding.evidence["entropy"] == 0.469
    assert finding.evidence["effective_classes"] == pytest.approx(1.384, abs=0.001)
    assert label_balance(rows(labels), Audit(class_entropy=0.4)) == []


def test_rows_of_small_classes_are_found_and_no_others() -> None:
    labels = ["a"] * 20 + ["b"] * 10 + ["c"] * 9
    labels[3] = "d"
    (finding,) = small_classes(rows(labels), LIMITS)
    assert lines(finding.rows) == [4, *range(31, 40)]
    assert finding.evidence["counts"] == {"c": 9, "d": 1}
    assert "2 of 4 labels" in finding.what
    assert small_classes(rows(labels), Audit(class_rows=1)) == []


def test_one_label_alone_is_an_error() -> None:
    (finding,) = single_class(rows(["yes"] * 12), LIMITS)
    assert finding.severity == "error"
    assert "All 12 rows" in finding.what
    assert single_class(rows(["yes"] * 12 + ["no"]), LIMITS) == []


def test_spellings_of_one_label_are_found_at_the_rarer_rows() -> None:
    labels = (
        ["Positive"] * 5 + ["positive "] + ["negative"] * 4 + ["ＰＯＳＩＴＩＶＥ"] + ["caf\u00e9"] * 2 + ["cafe\u0301"]
    )
    (finding,) = similar_labels(rows(labels), LIMITS)
    assert lines(finding.rows) == [6, 11, 14]
    assert finding.evidence["groups"][0] == {"'Positive'": 5, "'positive '": 1, "'ＰＯＳＩＴＩＶＥ'": 1}
    assert "5 labels are 2" in finding.what
    assert similar_labels(rows(["positive", "negative", "not positive", "positives"]), LIMITS) == []


def even(n: int, k: int, seed: int) -> list[str]:
    labels = [f"label {i % k}" for i in range(n)]
    random.Random(seed).shuffle(labels)
    return labels


def named(examples: Sequence[Example]) -> dict[str, float]:
    return {f.evidence["feature"]: f.evidence["auc"][f.evidence["feature"]] for f in shortcuts(examples, LIMITS)}


@pytest.mark.parametrize("seed", range(5))
def test_a_label_that_is_told_by_length_is_named_so(seed: int) -> None:
    generator, labels = random.Random(seed), even(120, 2, seed)
    texts = ["word " * generator.randint(*((5, 12) if label == "label 0" else (10, 20))) for label in labels]
    found = named(rows(labels, texts))
    assert set(found) == {"length"}
    assert found["length"] > 0.85


@pytest.mark.parametrize("seed", range(5))
def test_a_label_that_is_told_by_order_is_named_so(seed: int) -> None:
    generator, labels = random.Random(seed), sorted(even(200, 4, seed))
    texts = ["word " * generator.randint(3, 40) for _ in labels]
    found = named(rows(labels, texts))
    assert set(found) == {"order"}
    assert found["order"] > 0.95


def test_a_label_that_is_told_by_numbers_is_named_so() -> None:
    generator, labels = random.Random(0), even(100, 2, 0)
    texts = ["".join(generator.choices(["1 ", "w "] if label == "label 0" else ["w ", "v "], k=20)) for label in labels]
    assert set(named(rows(labels, texts))) == {"numbers"}


@pytest.mark.parametrize("k", [2, 3, 8])
@pytest.mark.parametrize("seed", range(4))
def test_labels_that_do_not_hang_on_metadata_give_nothing(k: int, seed: int) -> None:
    generator = random.Random(seed)
    texts = ["".join(generator.choices(["word ", "12 ", "a "], k=generator.randint(3, 60))) for _ in range(150)]
    assert named(rows(even(150, k, seed), texts)) == {}


def test_shortcuts_need_rows_enough() -> None:
    labels = ["a"] * 25 + ["b"] * 25
    assert set(named(rows(labels))) >= {"order"}
    assert named(rows(labels[1:])) == {}
    assert named(rows(["a"] * 60 + ["b"] * 9)) == {}
    # A class that is too small is left out, and the others are still looked at.
    (finding, *_) = shortcuts(rows(["c"] * 9 + labels), LIMITS)
    assert (finding.evidence["rows"], finding.evidence["labels"]) == (50, 2)
    assert finding.evidence["threshold"] == SHORTCUT_AUC


def test_shortcuts_say_the_same_twice_and_stand_long_data_and_long_labels() -> None:
    labels = even(25_000, 2, 1)
    examples = rows(labels, ["word " * (3 if label == "label 0" else 9) for label in labels])
    first = shortcuts(examples, LIMITS)
    assert first == shortcuts(examples, LIMITS)
    assert first[0].evidence["rows"] == 20_000
    long = ["x" * 500_000, "y" * 500_000] * 30
    (finding,) = label_balance(rows([*long, *long[:1] * 700]), LIMITS)
    assert len(finding.what) < 400
    assert shortcuts(rows(long), LIMITS) == []


@pytest.mark.parametrize("check", CHECKS)
def test_other_kinds_of_rows_and_no_rows_give_nothing(check: object) -> None:
    assert callable(check)
    others: list[Example] = [Pair("1", Origin("f", 1), "p", "c"), Document("2", Origin("f", 2), "text")]
    assert check(others * 40, LIMITS) == []
    assert check([], LIMITS) == []


def test_even_and_clean_labels_give_nothing() -> None:
    generator, labels = random.Random(3), even(150, 3, 3)
    examples = rows(labels, ["word " * generator.randint(3, 40) for _ in labels])
    assert Counter(labels).most_common(1)[0][1] == 50
    assert [finding for check in CHECKS for finding in check(examples, LIMITS)] == []


def test_few_rows_are_told_unless_they_are_documents() -> None:
    (finding,) = few_rows(rows(["a", "b"] * 9), LIMITS)
    assert finding.evidence == {"rows": 18, "few_rows": 20}
    assert few_rows(rows(["a", "b"] * 10), LIMITS) == []
    assert few_rows(rows(["a"]), Audit(few_rows=1)) == []
    assert few_rows([Document("1", Origin("book.txt", 1), "text")], LIMITS) == []


def test_rows_sorted_by_label_are_a_remark() -> None:
    severities = {f.evidence["feature"]: f.severity for f in shortcuts(rows(sorted(even(200, 4, 0))), LIMITS)}
    assert severities["order"] == "info"


def test_labels_are_counted_by_part_the_most_frequent_first() -> None:
    parts = {"train": rows(["b", "a", "b", "c"]), "validation": [], "test": rows(["d", "a"])}
    assert label_counts(parts) == {
        "a": {"train": 1, "validation": 0, "test": 1},
        "b": {"train": 2, "validation": 0, "test": 0},
        "c": {"train": 1, "validation": 0, "test": 0},
        "d": {"train": 0, "validation": 0, "test": 1},
    }
    assert list(label_counts(parts)) == ["a", "b", "c", "d"]
    assert label_counts({"train": [Document("x", Origin("f", 1), "text")]}) == {}

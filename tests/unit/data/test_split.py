import dataclasses
import random
import unicodedata
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.data.audit import alike
from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair, prompt_of
from attune.data.split import SPLITS, Splits, check_given, split
from attune.errors import DataError, RecipeError
from attune.recipe import Audit


def labelled(rows: Sequence[tuple[str, str]]) -> list[Example]:
    return [LabelledText(str(i), Origin("f", i + 1), text, label) for i, (text, label) in enumerate(rows)]


def pairs(prompts: Sequence[str]) -> list[Example]:
    return [Pair(str(i), Origin("f", i + 1), prompt, "c") for i, prompt in enumerate(prompts)]


def ids(part: Sequence[Example]) -> set[str]:
    return {example.id for example in part}


def parts(splits: Splits) -> list[tuple[Example, ...]]:
    return [splits.train, splits.validation, splits.test]


def folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


prompts = st.lists(
    st.tuples(
        st.sampled_from(["Go", "gO ", "Ｇｏ", "ﬁx", "fix", "FIX\n", "a b", "a\u00a0 B"]) | st.text(max_size=2),
        st.sampled_from("xyz"),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(
    rows=prompts,
    is_labelled=st.booleans(),
    seed=st.integers(0, 3),
    shares=st.sampled_from([(0.1, 0.1), (0, 0.3), (0.4, 0.4)]),
)
def test_no_prompt_stands_on_two_sides(
    rows: list[tuple[str, str]], is_labelled: bool, seed: int, shares: tuple[float, float]
) -> None:
    examples = labelled(rows) if is_labelled else pairs([text for text, _ in rows])
    try:
        splits = split(examples, validation=shares[0], test=shares[1], seed=seed)
    except DataError as error:
        assert error.fix
        return
    keys = [{folded(prompt_of(example)) for example in part} for part in parts(splits)]
    assert not (keys[0] & keys[1] or keys[0] & keys[2] or keys[1] & keys[2])
    assert sorted(example.id for part in parts(splits) for example in part) == sorted(
        example.id for example in examples
    )
    assert all(part for part, share in zip(parts(splits), (1, *shares), strict=True) if share)
    assert check_given(*parts(splits)) == []


@settings(max_examples=100, deadline=None)
@given(rows=prompts, is_labelled=st.booleans(), order=st.randoms(use_true_random=False))
def test_the_split_does_not_depend_on_the_order_of_rows(
    rows: list[tuple[str, str]], is_labelled: bool, order: random.Random
) -> None:
    examples = labelled(rows) if is_labelled else pairs([text for text, _ in rows])
    shuffled = list(examples)
    order.shuffle(shuffled)
    results = []
    for given_rows in (examples, shuffled):
        try:
            splits = split(given_rows, validation=0.2, test=0.2, seed=0)
        except DataError as error:
            results.append(str(error))
            continue
        results.append([ids(part) for part in parts(splits)])
        places = [[given_rows.index(example) for example in part] for part in parts(splits)]
        assert places == [sorted(part) for part in places]
    assert results[0] == results[1]


def zipf_groups(seed: int) -> list[tuple[str, str]]:
    generator = random.Random(seed)
    rows = []
    for group in range(300):
        size = min(30, int(generator.paretovariate(1.2)))
        rows += [(f"text {group}", generator.choices("abc", [6, 3, 1])[0])] * size
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_fractions_and_label_shares_are_kept(seed: int) -> None:
    examples = labelled(zipf_groups(seed))
    splits = split(examples, validation=0.1, test=0.1, seed=seed)
    whole = Counter(e.label for e in examples if isinstance(e, LabelledText))
    for part, share in zip(parts(splits), (0.8, 0.1, 0.1), strict=True):
        assert abs(len(part) / len(examples) - share) < 0.005
        counts = Counter(e.label for e in part if isinstance(e, LabelledText))
        for label, count in whole.items():
            assert abs(counts[label] / len(part) - count / len(examples)) < 0.02
    assert "Asked for" not in splits.reason


def test_the_seed_changes_the_split_and_nothing_else_does() -> None:
    examples = pairs([f"p{i}" for i in range(100)])
    first = split(examples, validation=0.1, test=0.1, seed=0)
    moved = [dataclasses.replace(e, origin=Origin("other", 1)) for e in examples]
    assert ids(split(moved, validation=0.1, test=0.1, seed=0).test) == ids(first.test)
    assert ids(split(examples, validation=0.1, test=0.1, seed=1).test) != ids(first.test)
    assert [len(part) for part in parts(first)] == [80, 10, 10]
    assert "train 80 (80.0%), validation 10 (10.0%), test 10 (10.0%)" in first.reason


def test_every_kind_of_example_is_split() -> None:
    chats = [
        Conversation(f"c{i}", Origin("f", i), (Message("user", f"q{i // 2}"), Message("assistant", f"a{i}")))
        for i in range(40)
    ]
    splits = split(chats, validation=0.25, test=0.25, seed=0)
    assert [len(part) for part in parts(splits)] == [20, 10, 10]
    assert check_given(*parts(splits)) == []
    documents = [Document(str(i), Origin("f", i), f"d{i}") for i in range(10)]
    assert [len(part) for part in parts(split(documents, validation=0, test=0.2, seed=0))] == [8, 0, 2]
    assert [len(part) for part in parts(split(documents, validation=0, test=0, seed=0))] == [10, 0, 0]


def test_few_rows_fill_every_part_or_are_refused() -> None:
    assert [len(p) for p in parts(split(pairs("abc"), validation=0.1, test=0.1, seed=0))] == [1, 1, 1]
    with pytest.raises(
        DataError, match="too few rows to split: 3 rows with 2 different prompts for train 80%"
    ) as caught:
        split(pairs(["a", "b", " A"]), validation=0.1, test=0.1, seed=0)
    assert "data.split.test" in caught.value.fix
    assert len(split(pairs("ab"), validation=0, test=0.1, seed=0).test) == 1
    with pytest.raises(DataError, match="0 rows"):
        split([], validation=0.1, test=0.1, seed=0)


def test_a_label_with_three_prompts_is_in_train_and_test_and_a_rarer_one_in_train() -> None:
    rows = [(f"t{i}", "common") for i in range(200)] + [(f"u{i}", "seldom") for i in range(3)]
    rows += [("v1", "rare"), ("v2", "rare"), ("v2", "rare")]
    splits = split(labelled(rows), validation=0.1, test=0.1, seed=0)
    held = [Counter(e.label for e in part if isinstance(e, LabelledText)) for part in parts(splits)]
    assert held[0]["seldom"] >= 1
    assert held[2]["seldom"] >= 1
    assert [counts["rare"] for counts in held] == [3, 0, 0]
    assert "fewer than 3 different prompts: 'rare'." in splits.reason


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=6), min_size=1, max_size=6),
    shares=st.sampled_from([(0.1, 0.1), (0.6, 0.05), (0.05, 0.6), (0.4, 0.4), (0.0, 0.5)]),
)
def test_common_labels_are_in_train_and_test_and_rare_ones_in_train_only(
    sizes: list[list[int]], shares: tuple[float, float]
) -> None:
    rows = [
        (f"{label} {group}", str(label))
        for label, groups in enumerate([[1] * 5, *sizes])
        for group, size in enumerate(groups)
        for _ in range(size)
    ]
    splits = split(labelled(rows), validation=shares[0], test=shares[1], seed=0)
    held = [{e.label for e in part if isinstance(e, LabelledText)} for part in parts(splits)]
    for label, groups in enumerate([[1] * 5, *sizes]):
        places = [str(label) in labels for labels in held]
        assert places[0]
        assert places[2] if len(groups) >= 3 else places == [True, False, False]


def test_a_label_that_cannot_be_measured_is_named() -> None:
    # Every prompt of "torn" is one of a rare label too, and those stay in train.
    rows = [(f"t{i}", "common") for i in range(20)]
    rows += [(f"u{i}", label) for i in range(3) for label in ("torn", f"rare {i}")]
    with pytest.raises(DataError, match="label 'torn' \\(3 rows, 3 different prompts\\)"):
        split(labelled(rows), validation=0.1, test=0.1, seed=0)


def test_a_giant_group_stays_whole_and_the_fractions_are_told() -> None:
    splits = split(pairs(["same"] * 90 + [f"p{i}" for i in range(10)]), validation=0.2, test=0.2, seed=0)
    assert [len(part) for part in parts(splits)] == [90, 5, 5]
    assert "Asked for were train 60.0%, validation 20.0%, test 20.0%" in splits.reason


def test_a_giant_group_in_a_small_train_part_leaves_all_labels_in_train() -> None:
    rows = [(f"x{i}", "x") for i in range(30)] + [("y0", "y")] * 40 + [("y1", "y")] * 40 + [("y2", "y")] * 40
    splits = split(labelled(rows), validation=0.45, test=0.45, seed=0)
    assert {e.label for e in splits.train if isinstance(e, LabelledText)} == {"x", "y"}


def test_filling_an_empty_part_takes_no_label_away() -> None:
    sizes = {"a": [2, 1, 1], "b": [3, 1, 1]}
    rows = [
        (f"{label} {group}", label)
        for label, counts in sizes.items()
        for group in range(3)
        for _ in range(counts[group])
    ]
    splits = split(labelled(rows), validation=0.05, test=0.6, seed=0)
    for part in (splits.train, splits.test):
        assert {e.label for e in part if isinstance(e, LabelledText)} == {"a", "b"}
    assert splits.validation


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.1), (float("nan"), 0.1), (0.1, 2.0)])
def test_fractions_that_leave_no_training_rows_are_refused(validation: float, test: float) -> None:
    with pytest.raises(RecipeError, match="leave nothing"):
        split(pairs("abc"), validation=validation, test=test, seed=0)


def test_leaks_between_given_files_are_listed() -> None:
    train, validation, test = pairs(["one", "ﬁx it", "one"]), pairs(["two", "ONE"]), pairs(["Fix  Ｉt", "two ", "new"])
    assert check_given(train, validation, test) == [
        ("train and validation", train[0], validation[1]),
        ("train and test", train[1], test[0]),
        ("validation and test", validation[0], test[1]),
    ]


@settings(deadline=None, max_examples=500)
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=12, max_size=40),
    st.randoms(use_true_random=False),
    st.integers(0, 3),
)
def test_rows_that_are_alike_stay_on_one_side_in_any_order(
    words: list[list[int]], draw: random.Random, seed: int
) -> None:
    """A group is a function of what rows say: shuffled rows are divided the same way."""
    examples = pairs([" ".join(f"{chr(97 + w)}{w}" for w in row) + f" {i % 9}" for i, row in enumerate(words)])
    near = alike(examples, Audit(short_duplicate=0.8))
    shuffled = list(examples)
    draw.shuffle(shuffled)
    try:
        splits = split(examples, validation=0.2, test=0.2, seed=seed, alike=near)
    except DataError:
        return
    again = split(shuffled, validation=0.2, test=0.2, seed=seed, alike=alike(shuffled, Audit(short_duplicate=0.8)))
    sides = {e.id: part for part in SPLITS for e in getattr(splits, part)}
    assert sides == {e.id: part for part in SPLITS for e in getattr(again, part)}
    most = max(2.0, 0.2 * len(examples))
    for cluster in near:
        held = {sides[examples[index].id] for index in cluster.members}
        assert len(held) == 1 or len(cluster.members) > most


def test_a_group_too_large_for_any_side_is_divided_and_said() -> None:
    examples = pairs([f"the parcel number {1000 + i} has not arrived" for i in range(50)])
    splits = split(examples, validation=0.1, test=0.1, seed=0, alike=alike(examples, Audit()))
    assert {len(splits.validation), len(splits.test)} == {5}
    assert "50 near duplicates are so many that they stand on several sides" in splits.reason

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
from attune.data.split import SPLITS, Splits, split, split_by_time
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


# --- groups that a person named ---


@st.composite
def owned(draw: st.DrawFn) -> list[Example]:
    """Rows of few words and few owners: prompts, near duplicates and owners overlap in chains."""
    rows = draw(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 30)), min_size=6, max_size=40))
    return [
        Pair(str(i), Origin("f", i + 1, f"g{owner}"), f"the parcel {word} of {chr(97 + word % 7) * 9} is late", "c")
        for i, (word, owner) in enumerate(rows)
    ]


@settings(deadline=None, max_examples=500)
@given(owned(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_no_group_stands_on_two_sides_in_any_order(examples: list[Example], draw: random.Random, seed: int) -> None:
    limits = Audit(short_duplicate=0.9)
    shuffled = list(examples)
    draw.shuffle(shuffled)
    results: list[object] = []
    for rows in (examples, shuffled):
        try:
            splits = split(rows, validation=0.2, test=0.2, seed=seed, alike=alike(rows, limits))
        except DataError as error:
            assert error.fix
            results.append(str(error))
            continue
        for key in (lambda e: e.origin.group, lambda e: folded(prompt_of(e))):
            held = [{key(e) for e in part} for part in parts(splits)]
            assert all(held)
            assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])
        results.append((sorted(map(sorted, map(ids, parts(splits)))), splits.reason))
    assert results[0] == results[1]


def grouped(rows: Sequence[tuple[str, str]]) -> list[Example]:
    return [Pair(str(i), Origin("f", i + 1, group), prompt, "c") for i, (prompt, group) in enumerate(rows)]


def test_chains_of_groups_prompts_and_near_duplicates_join() -> None:
    chain = [("one", "a"), ("two", "a"), ("TWO ", "b"), ("the seventh parcel is very late", "b")]
    chain += [("the seventh parcel is very late.", "c"), ("three", "c")]
    rows = grouped(chain + [(f"row {i} {i * i}", f"g{i}") for i in range(54)])
    for seed in range(5):
        splits = split(rows, validation=0.1, test=0.1, seed=seed, alike=alike(rows, Audit(short_duplicate=0.95)))
        (side,) = {part for part in SPLITS for e in getattr(splits, part) if int(e.id) < len(chain)}
        assert side in SPLITS


def test_a_group_larger_than_its_share_stays_whole_and_is_told() -> None:
    rows = grouped([(f"p{i}", "big" if i < 60 else f"g{i}") for i in range(100)])
    splits = split(rows, validation=0.1, test=0.5, seed=0)
    assert len({part for part in SPLITS for e in getattr(splits, part) if e.origin.group == "big"}) == 1
    assert "Asked for were" in splits.reason and "The largest group that was named has 60 rows." in splits.reason
    with pytest.raises(DataError, match="10 rows with 2 separate groups") as caught:
        split(grouped([(f"p{i}", f"g{i % 2}") for i in range(10)]), validation=0.1, test=0.1, seed=0)
    assert "other groups" in caught.value.fix


def test_near_duplicates_that_chain_all_groups_are_divided_and_groups_are_not() -> None:
    words = [f"{chr(97 + i % 26) * 4} {i * 7919 % 1000}" for i in range(40)]
    rows = grouped([(word, f"g{i}") for i, word in enumerate(words)])
    rows += grouped([(f"{words[(i + 1) % 40]}.", f"g{i}") for i in range(40)])
    near = alike(rows, Audit(short_duplicate=0.85))
    splits = split(rows, validation=0.1, test=0.1, seed=0, alike=near)
    held = [{e.origin.group for e in part} for part in parts(splits)]
    assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])
    assert "80 near duplicates are so many that they stand on several sides" in splits.reason


# --- time ---


def timed(rows: Sequence[tuple[str, str, float]]) -> list[Example]:
    return [Pair(str(i), Origin("f", i + 1, group, time), prompt, "c") for i, (prompt, group, time) in enumerate(rows)]


def test_the_oldest_rows_are_trained_on_and_the_newest_are_the_test() -> None:
    rows = timed([(f"p{i}", "", float((i * 37) % 100)) for i in range(100)])
    splits = split_by_time(rows, validation=0.1, test=0.2)
    assert [len(part) for part in parts(splits)] == [70, 10, 20]
    spans = [[e.origin.time or 0.0 for e in part] for part in parts(splits)]
    assert max(spans[0]) < min(spans[1]) <= max(spans[1]) < min(spans[2])
    assert "by time" in splits.reason and not splits.left_out
    assert [len(part) for part in parts(split_by_time(rows, validation=0, test=0.2))] == [80, 0, 20]


def test_rows_of_one_instant_stay_on_one_side() -> None:
    rows = timed([(f"p{i}", "", float(i // 30)) for i in range(90)])
    assert [len(part) for part in parts(split_by_time(rows, validation=0.1, test=0.1))] == [30, 30, 30]
    crowded = timed([(f"p{i}", "", float(max(0, i - 84))) for i in range(90)])
    assert [len(part) for part in parts(split_by_time(crowded, validation=0.1, test=0.1))] == [85, 1, 4]
    with pytest.raises(DataError, match="90 rows with 2 different times"):
        split_by_time(timed([(f"p{i}", "", float(i // 45)) for i in range(90)]), validation=0.1, test=0.1)


def test_newer_rows_that_share_something_with_older_ones_are_left_out_and_named() -> None:
    rows = timed([(f"row {i} {i * i}", f"g{i}", float(i)) for i in range(97)])
    late = [("row 3  9", "new", 97.0), ("another prompt", "g5", 98.0), ("the parcel is late!", "gx", 99.0)]
    rows = timed(
        [("the parcel is late", "g", -1.0)]
        + [(prompt_of(e), e.origin.group, e.origin.time or 0.0) for e in rows]
        + late
    )
    splits = split_by_time(rows, validation=0.1, test=0.1, alike=alike(rows, Audit(short_duplicate=0.95)))
    assert {(e.origin.line, why) for e, why in splits.left_out} == {
        (99, "its prompt stands in the older train part"),
        (100, "its group stands in the older train part"),
        (101, "nearly the same prompt stands in the older train part"),
    }
    assert "3 newer rows" in splits.reason
    with pytest.raises(DataError, match="every row of the validation part shares"):
        split_by_time(timed([("p", "", float(i)) for i in range(30)]), validation=0.1, test=0.1)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), st.integers(0, 12)), min_size=6, max_size=40),
    st.randoms(use_true_random=False),
)
def test_a_split_by_time_has_neither_a_newer_row_in_train_nor_a_group_on_two_sides(
    rows: list[tuple[int, int, int]], draw: random.Random
) -> None:
    examples = timed([(f"p{prompt}", f"g{group}" if group else "", float(time)) for prompt, group, time in rows])
    shuffled = list(examples)
    draw.shuffle(shuffled)
    results: list[object] = []
    for given_rows in (examples, shuffled):
        try:
            splits = split_by_time(given_rows, validation=0.2, test=0.2)
        except DataError as error:
            results.append(str(error))
            continue
        kept = [e for part in parts(splits) for e in part]
        assert sorted(e.id for e in [*kept, *(e for e, _ in splits.left_out)]) == sorted(e.id for e in examples)
        for one, other in ((0, 1), (0, 2), (1, 2)):
            left, right = parts(splits)[one], parts(splits)[other]
            assert max(e.origin.time or 0.0 for e in left) < min(e.origin.time or 0.0 for e in right)
            for key in (lambda e: e.origin.group or id(e), prompt_of):
                assert not {key(e) for e in left} & {key(e) for e in right}
        results.append([ids(part) for part in parts(splits)])
    assert results[0] == results[1]


@pytest.mark.parametrize(("labels", "rows"), [(500, 4), (150, 5), (150, 6)])
def test_many_labels_of_few_rows_leave_no_part_empty(labels: int, rows: int) -> None:
    """Each label needs a row in test; the others come as near to their shares as that lets them."""
    examples: list[Example] = [
        LabelledText(f"{a}-{b}", Origin("f", a * rows + b + 1), f"text {a * 7919} number {b * 104729}", f"label {a}")
        for a in range(labels)
        for b in range(rows)
    ]
    divided = split(examples, validation=0.1, test=0.1, seed=0)
    shares = {part: len(getattr(divided, part)) / len(examples) for part in ("train", "validation", "test")}
    assert {e.label for e in divided.test} == {e.label for e in divided.train} == {f"label {a}" for a in range(labels)}
    assert shares["test"] == pytest.approx(1 / rows, abs=0.01)
    assert shares["validation"] == pytest.approx((1 - shares["test"]) / 9, rel=0.1)

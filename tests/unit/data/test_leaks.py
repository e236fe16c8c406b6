"""Planted leaks of every kind are found pair by pair, and honest data is not stopped."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from attune.data.audit import alike
from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair
from attune.data.leaks import KINDS, Leak, find
from attune.data.parts import divide
from attune.data.split import split
from attune.errors import DataError
from attune.recipe import Audit, Data, LeakName

LIMITS = Audit()
Parts = dict[str, list[Example]]
_ENDS = ("amber", "basin", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "jetty", "knoll", "larch")
_BEGINNINGS = ("", "sand", "rain", "wind", "moor", "pine", "lake", "snow", "star", "marsh", "ochre", "pearl", "ridge")
WORDS = [begin + end for begin in _BEGINNINGS for end in _ENDS]


def sentence(seed: object, count: int) -> str:
    generator = random.Random(f"words {seed}")
    return " ".join(generator.choice(WORDS) for _ in range(count))


def texts(part: str, count: int) -> list[Example]:
    """Labelled texts of random words; every row has a group of its own, and the parts follow each other in time."""
    begin = {"train": 0.0, "validation": 1000.0, "test": 2000.0}[part]
    made: list[Example] = []
    for i in range(count):
        generator = random.Random(f"{part} {i}")
        text, label = sentence((part, i), 30 + generator.randrange(9)), generator.choice("ab")
        made.append(LabelledText(f"{part}{i}", Origin(f"{part}.csv", i + 2, f"{part} {i}", begin + i), text, label))
    return made


def clean() -> Parts:
    return {"train": texts("train", 120), "validation": texts("validation", 30), "test": texts("test", 40)}


def found_in(parts: Parts) -> list[Leak]:
    rows = [row for part in parts.values() for row in part]
    return find(parts, alike(rows, LIMITS), LIMITS)[0]


def pairs_of(leaks: Sequence[Leak]) -> set[tuple[str, str | None, str]]:
    return {(leak.kind, str(leak.earlier) if leak.earlier else None, str(leak.later)) for leak in leaks}


def texted(row: Example, text: str) -> Example:
    assert isinstance(row, LabelledText)
    return replace(row, text=text)


# --- the eight plants: each changes test rows, and gives the pairs that must be found ---

Plant = Callable[[Parts], set[tuple[str, str | None, str]]]


def plant_record(parts: Parts) -> set[tuple[str, str | None, str]]:
    for at in (3, 7):
        source = parts["train"][at * 5]
        parts["test"][at] = replace(parts["test"][at], text=f" {source.text.upper()}", label=source.label)
    return {("record", f"train.csv:{at * 5 + 2}", f"test.csv:{at + 2}") for at in (3, 7)}


def plant_prompt(parts: Parts) -> set[tuple[str, str | None, str]]:
    source = parts["train"][11]
    other = "a" if source.label == "b" else "b"
    parts["test"][5] = replace(parts["test"][5], text=source.text, label=other)
    return {("prompt", "train.csv:13", "test.csv:7")}


def plant_near_duplicate(parts: Parts) -> set[tuple[str, str | None, str]]:
    planted = set()
    for at in (2, 9, 30):
        source = parts["train"][at * 3]
        words = source.text.split()
        parts["test"][at] = replace(parts["test"][at], text=" ".join([*words[:-1], "other"]), label=source.label)
        planted.add(("near_duplicate", f"train.csv:{at * 3 + 2}", f"test.csv:{at + 2}"))
    return planted


def plant_group(parts: Parts) -> set[tuple[str, str | None, str]]:
    for at in (0, 1):
        origin = parts["test"][at].origin
        parts["test"][at] = replace(parts["test"][at], origin=replace(origin, group="train 8"))
    return {("group", "train.csv:10", "test.csv:2"), ("group", "train.csv:10", "test.csv:3")}


def plant_containment(parts: Parts) -> set[tuple[str, str | None, str]]:
    for at in (6, 12):
        row = parts["test"][at]
        inside = f"{sentence(('before', at), 40)} {row.text} {sentence(('after', at), 40)}"
        parts["train"][at] = texted(parts["train"][at], inside)
    return {("containment", f"train.csv:{at + 2}", f"test.csv:{at + 2}") for at in (6, 12)}


def plant_time(parts: Parts) -> set[tuple[str, str | None, str]]:
    origin = parts["train"][50].origin
    parts["train"][50] = replace(parts["train"][50], origin=replace(origin, time=2003.5))
    return {("time", "train.csv:52", f"test.csv:{line}") for line in (2, 3, 4, 5)}


def plant_given_away(parts: Parts) -> set[tuple[str, str | None, str]]:
    for at in (4, 8, 13):
        row = parts["test"][at]
        forms = {4: "{0} (answer: {1})", 8: "Label = {1}\n{0}", 13: "{0} The output is {1}."}
        parts["test"][at] = texted(row, forms[at].format(row.text, row.label))
    return {("given_away", None, f"test.csv:{at + 2}") for at in (4, 8, 13)}


def plant_shortcut(parts: Parts) -> set[tuple[str, str | None, str]]:
    for part in parts:
        for at, row in enumerate(parts[part]):
            number = 1000 * ("ab".index(row.label) + 1) + at
            parts[part][at] = texted(row, f"#{number} {row.text}")
    return {("shortcut", None, f"test.csv:{at + 2}") for at in range(40)}


PLANTS: dict[LeakName, Plant] = {
    "record": plant_record,
    "prompt": plant_prompt,
    "near_duplicate": plant_near_duplicate,
    "group": plant_group,
    "containment": plant_containment,
    "time": plant_time,
    "given_away": plant_given_away,
    "shortcut": plant_shortcut,
}


def test_clean_parts_have_no_leak() -> None:
    assert found_in(clean()) == []
    assert PLANTS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", list(PLANTS))
def test_planted_pairs_are_found_and_no_others(kind: LeakName) -> None:
    parts = clean()
    planted = PLANTS[kind](parts)
    assert kind != "time" or "data.train has 1 newer row, the newest at train.csv:52" in found_in(parts)[0].what
    assert pairs_of([leak for leak in found_in(parts) if leak.parts == ("train", "test")]) == planted
    near = alike([row for part in parts.values() for row in part], LIMITS)
    with pytest.raises(DataError, match=f"leak.*{kind}") as caught:
        divide(Data(train="train.csv"), parts, near)
    assert {f"{row.file}:{row.line}" for row in caught.value.rows} == {later for _, _, later in planted}
    assert all(earlier is None or any(earlier in row.message for row in caught.value.rows) for _, earlier, _ in planted)
    assert {row.code for row in caught.value.rows} == {f"leak_{kind}"}
    assert kind in caught.value.fix and caught.value.total == len(planted)


@pytest.mark.parametrize("kind", list(PLANTS))
def test_accepted_leaks_are_kept_with_their_test_rows(kind: LeakName) -> None:
    parts = clean()
    planted = PLANTS[kind](parts)
    near = alike([row for part in parts.values() for row in part], LIMITS)
    others = tuple(name for name in KINDS if name != kind)
    with pytest.raises(DataError):
        divide(Data(train="train.csv", accept_leaks=others), parts, near)
    splits = divide(Data(train="train.csv", accept_leaks=(kind,)), parts, near)
    assert pairs_of(splits.leaks) == planted
    lines = {e.id: str(e.origin) for e in splits.test}
    assert {lines[leak.example_id] for leak in splits.leaks} == {later for _, _, later in planted}
    (finding,) = [f for f in splits.findings if f.check == "accepted_leaks"]
    assert finding.severity == "warning" and len(finding.rows) == len(planted)
    assert finding.evidence["by_kind"] == {kind: len(planted)}


def test_validation_stops_for_the_same_rows_and_warns_of_the_rest() -> None:
    parts = clean()
    parts["validation"][2] = replace(parts["train"][4], id="v", origin=Origin("validation.csv", 4))
    with pytest.raises(DataError, match="1 row of a given part leaks: 1 record"):
        divide(Data(train="t"), parts, [])
    parts = clean()
    words = parts["train"][4].text.split()
    parts["validation"][2] = replace(parts["validation"][2], text=" ".join(words[:-1]), label=parts["train"][4].label)
    near = alike([row for part in parts.values() for row in part], LIMITS)
    splits = divide(Data(train="t"), parts, near)
    assert not splits.leaks
    (finding,) = splits.findings
    assert (finding.check, finding.severity) == ("leaks_into_validation", "warning")
    assert [str(row) for row in finding.rows] == ["validation.csv:4"]


def test_the_closest_way_is_told_once() -> None:
    parts = clean()
    plant_record(parts)
    assert {leak.kind for leak in found_in(parts)} == {"record"}


@pytest.mark.parametrize("seed", range(3))
def test_what_attune_split_itself_has_no_leak(seed: int) -> None:
    generator = random.Random(seed)
    rows: list[Example] = []
    for i in range(300):
        group, words = f"g{generator.randrange(120)}", sentence(generator.randrange(200), 25).split()
        words[generator.randrange(25)] = generator.choice(WORDS)
        rows.append(LabelledText(str(i), Origin("f", i, group), " ".join(words), generator.choice("ab")))
    near = alike(rows, LIMITS)
    splits = split(rows, validation=0.15, test=0.15, seed=seed, alike=near)
    assert "several sides" not in splits.reason, "the rows are made so that no cluster must be divided"
    found = found_in({"train": [*splits.train], "validation": [*splits.validation], "test": [*splits.test]})
    assert [leak for leak in found if leak.kind in ("record", "prompt", "near_duplicate", "group")] == []


# --- honest data ---


def divided(rows: list[Example], at: float = 0.8) -> Parts:
    cut = int(len(rows) * at)
    return {"train": rows[:cut], "test": rows[cut:]}


def pair(i: int, prompt: str, completion: str) -> Pair:
    return Pair(str(i), Origin("rows.jsonl", i + 1), prompt, completion)


def test_one_instruction_or_system_prompt_above_each_row_is_no_leak() -> None:
    instruction = sentence("instruction", 60)
    rows: list[Example] = [pair(i, f"{instruction}\n\n{sentence(i, 9)}", sentence((i, "a"), 9)) for i in range(25)]
    assert found_in(divided(rows)) == []
    rows = [
        Conversation(
            str(i),
            Origin("c", i + 1),
            (
                Message("system", instruction),
                Message("user", sentence(i, 9)),
                Message("assistant", sentence((i, 1), 9)),
            ),
        )
        for i in range(25)
    ]
    assert found_in(divided(rows)) == []


def test_a_passage_that_several_questions_are_about_is_no_leak() -> None:
    passages = [sentence(("passage", i), 120) for i in range(20)]
    rows: list[Example] = [
        pair(i, f"{passages[i % 20]}\nQuestion: {sentence(i, 7)}?", passages[i % 20].split()[i // 20])
        for i in range(100)
    ]
    assert found_in(divided(rows)) == []
    twice: list[Example] = [
        pair(i, f"{passages[i % 20]}\nQuestion: {sentence(i, 7)}?", sentence((i, "a"), 3)) for i in range(40)
    ]
    assert found_in(divided(twice, 0.5)) == []


def test_texts_pieced_together_from_phrases_are_no_leak() -> None:
    phrases = [sentence(("phrase", i), 12) for i in range(150)]
    order = random.Random(0)
    rows: list[Example] = [Document(str(i), Origin("d", i + 1), " ".join(order.sample(phrases, 3))) for i in range(75)]
    assert found_in(divided(rows)) == []


def test_one_passage_with_two_long_stock_answers_is_no_leak() -> None:
    passages, stock = [sentence(("passage", i), 120) for i in range(40)], [sentence(("stock", i), 9) for i in range(2)]
    rows: list[Example] = [
        pair(i, f"{passages[i % 40]}\nQuestion: {sentence(i, 7)}?", stock[i // 40]) for i in range(80)
    ]
    assert found_in(divided(rows, 0.5)) == []


def test_one_long_answer_to_many_questions_is_no_leak() -> None:
    twice: list[Example] = [pair(i, f"{sentence(i, 6)}?", sentence(("answer", i % 30), 40)) for i in range(60)]
    assert found_in(divided(twice, 0.5)) == []
    answers = [sentence(("answer", i), 40) for i in range(10)]
    rows: list[Example] = [pair(i, f"{sentence(i, 6)}?", answers[i % 10]) for i in range(60)]
    assert found_in(divided(rows)) == []


def test_short_rows_leak_by_spelling_and_not_by_another_word() -> None:
    rows = texts("train", 60)
    asked = ("Bela paints seven green apples behind the school.", "Order 412400 has not arrived by the river yet")
    rows += [LabelledText(f"a{i}", Origin("a", i + 1), text, "a") for i, text in enumerate(asked)]
    later = ("Bela repairs seven green apples behind the school.", "Order 412401 has not arrived by the river yet")
    later += ("Bela paints seven green aples, behind the school", "Bela paints seven green apples behind the schools")
    test: list[Example] = [LabelledText(f"b{i}", Origin("b", i + 1), text, "a") for i, text in enumerate(later)]
    found = found_in({"train": rows, "test": [*texts("test", 30), *test]})
    assert pairs_of(found) == {("near_duplicate", "a:1", "b:3"), ("near_duplicate", "a:1", "b:4")}


def test_nearly_the_same_question_with_another_answer_is_no_leak() -> None:
    rows: list[Example] = [
        pair(i, f"What is the capital city of the land of {WORDS[i]}?", WORDS[-i]) for i in range(1, 40)
    ]
    assert found_in(divided(rows)) == []
    sums: list[Example] = [pair(i, f"What is {i} plus {i * 7 % 90}?", str(i + i * 7 % 90)) for i in range(100)]
    assert found_in(divided(sums)) == []


@pytest.mark.parametrize("prompt", [
    "{text}\nIs the answer: yes, no, or maybe?\nAnswer:",
    "Answer: yes or no.\n{text}",
    "A {other} Answer: yes\nB Answer: no\nC Answer: maybe\n{text} Answer:",
    "Example: {other} Answer: {answer}\nNow: {text} Answer:",
    "{text} (yes/no)",
    "{text}\nlabel: yes/no/maybe",
])  # fmt: skip
def test_options_and_examples_give_nothing_away(prompt: str) -> None:
    generator = random.Random(0)
    rows: list[Example] = [
        pair(
            i,
            prompt.format(text=sentence(i, 9), other=sentence((i, "o"), 9), answer=generator.choice(["yes", "no"])),
            generator.choice(["yes", "no", "maybe"]),
        )
        for i in range(100)
    ]
    assert [leak for leak in found_in(divided(rows)) if leak.kind == "given_away"] == []


def test_copying_tasks_give_nothing_away() -> None:
    copies: list[Example] = [pair(i, f"Correct this: {sentence(i, 9)}", sentence(i, 9)) for i in range(60)]
    assert found_in(divided(copies)) == []
    quoted: list[Example] = [
        pair(i, f"{sentence(i, 40)}\nQuote the third to sixth word.", " ".join(sentence(i, 40).split()[2:6]))
        for i in range(60)
    ]
    assert found_in(divided(quoted)) == []


def test_rows_of_one_instant_on_both_sides_are_no_leak_in_time() -> None:
    rows: list[Example] = [Document(str(i), Origin("d", i + 1, "", float(i // 2)), sentence(i, 9)) for i in range(60)]
    assert found_in(divided(rows, 29 / 60)) == []
    assert pairs_of(found_in({"train": [*rows[:29], rows[31]], "test": rows[29:31]})) == {("time", "d:32", "d:30")}


def test_more_near_duplicates_than_test_rows_are_what_the_data_is_about() -> None:
    template = sentence("template", 30)
    rows = texts("train", 200)
    rows += [LabelledText(f"r{i}", Origin("r", i + 1), f"{template} {WORDS[i]}", "a") for i in range(40)]
    parts: Parts = {"train": rows[:-12], "test": [*texts("test", 20), *rows[-12:]]}
    assert found_in(parts) == []
    assert {leak.kind for leak in found_in({**parts, "train": rows[:210]})} == {"near_duplicate"}


def test_a_target_at_the_edge_of_some_prompts_is_chance() -> None:
    rows: list[Example] = [
        pair(i, f"{sentence(i, 12)} {sentence((i, 'a'), 4) if i % 3 == 0 else ''}?", sentence((i, "a"), 4))
        for i in range(60)
    ]
    assert found_in(divided(rows)) == []


def test_a_chain_of_near_duplicates_is_no_pair() -> None:
    """The second is near the first and the third near the second, but not the third near the first."""
    words = sentence("chain", 80).split()
    rows: list[Example] = texts("train", 60)
    texts_of_chain = [" ".join([*words]), " ".join([*words[:20], "x", *words[21:]])]
    texts_of_chain.append(" ".join([*words[:20], "x", *words[21:50], "y", *words[51:]]))
    chain = [LabelledText(f"c{i}", Origin("c", i + 1), text, "a") for i, text in enumerate(texts_of_chain)]
    parts: Parts = {"train": [*rows, chain[0]], "test": [*texts("test", 30), *chain[1:]]}
    assert pairs_of(found_in(parts)) == {("near_duplicate", "c:1", "c:2"), ("containment", "c:1", "c:3")}


def test_a_target_at_the_edge_of_most_prompts_is_given_away() -> None:
    rows: list[Example] = [
        pair(i, f"{sentence(i, 12)}? {sentence((i, 'a'), 4)}", sentence((i, "a"), 4)) for i in range(60)
    ]
    assert pairs_of(found_in(divided(rows))) == {("given_away", None, f"rows.jsonl:{i}") for i in range(49, 61)}
    labels = [("good", "bad")[i * 7 % 5 % 2] for i in range(60)]
    labelled: list[Example] = [
        LabelledText(str(i), Origin("f", i), f"{label}: {sentence(i, 9)}", label) for i, label in enumerate(labels)
    ]
    assert {leak.kind for leak in found_in(divided(labelled))} == {"given_away"}
    options: list[Example] = [
        LabelledText(str(i), Origin("f", i), f"{sentence(i, 9)} - good or bad?", "good" if i % 4 == 0 else "bad")
        for i in range(60)
    ]
    assert found_in(divided(options)) == []


def test_sorting_by_label_is_no_shortcut_and_a_telling_length_is() -> None:
    def rows(part: str, count: int, tell: bool) -> list[Example]:
        seconds = [2 * i >= count for i in range(count)]
        return [
            LabelledText(f"{part}{i}", Origin(part, i), sentence((part, i), 9 + 9 * (tell and second)), "ab"[second])
            for i, second in enumerate(seconds)
        ]

    assert found_in({"train": rows("train", 120, False), "test": rows("test", 60, False)}) == []
    leaks = found_in({"train": rows("train", 120, True), "test": rows("test", 60, True)})
    assert {leak.kind for leak in leaks} == {"shortcut"} and len(leaks) == 60
    limits = Audit(shortcut_leak=1.0)
    parts = {"train": rows("train", 120, True), "test": rows("test", 60, True)}
    assert find(parts, [], limits)[0] == []


def test_blocks_in_the_same_places_of_two_files_betray_how_they_were_collected() -> None:
    def rows(part: str, count: int) -> list[Example]:
        return [
            LabelledText(f"{part}{i}", Origin(part, i), sentence((part, i), 9), "ab"[i * 8 // count % 2])
            for i in range(count)
        ]

    assert {leak.kind for leak in found_in({"train": rows("train", 400), "test": rows("test", 200)})} == {"shortcut"}


def test_years_at_the_start_are_no_shortcut() -> None:
    generator = random.Random(1)
    rows: list[Example] = [
        LabelledText(
            str(i), Origin("f", i), f"{generator.randrange(1900, 2020)} {sentence(i, 12)}", generator.choice("ab")
        )
        for i in range(300)
    ]
    assert found_in(divided(rows)) == []


def test_a_document_inside_another_is_found_and_a_notice_above_many_is_not() -> None:
    documents: list[Example] = [Document(str(i), Origin("d", i + 1), sentence(i, 80)) for i in range(50)]
    documents[49] = Document("49", Origin("d", 50), sentence(7, 80)[: len(sentence(7, 80)) // 2])
    leaks = found_in(divided(documents))
    assert pairs_of(leaks) == {("containment", "d:8", "d:50")}
    notice = sentence("notice", 100)
    headed: list[Example] = [Document(str(i), Origin("d", i + 1), f"{notice} {sentence(i, 30)}") for i in range(50)]
    assert found_in(divided(headed)) == []


def test_a_hostile_row_takes_no_longer_than_its_length() -> None:
    parts = clean()
    parts["train"][0] = texted(parts["train"][0], "answer: " * 120_000)
    parts["test"][0] = texted(parts["test"][0], "label=" * 150_000)
    parts["test"][1] = texted(parts["test"][1], "a" + "\u0301" * 500_000)
    assert {leak.kind for leak in find(parts, [], LIMITS)[0]} <= {"given_away"}

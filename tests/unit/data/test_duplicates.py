"""Rows that stand in the data twice, nearly twice, or against each other are found at their lines."""

from __future__ import annotations

from attune.data.audit import alike
from attune.data.duplicates import among, contradictions, exact_duplicates, near_duplicates
from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair
from attune.recipe import Audit

LIMITS = Audit()


def pairs(*given: tuple[str, str]) -> list[Example]:
    return [Pair(str(i), Origin("rows.jsonl", i + 1), p, c) for i, (p, c) in enumerate(given)]


def labelled(*given: tuple[str, str]) -> list[Example]:
    return [LabelledText(str(i), Origin("rows.csv", i + 2), t, c) for i, (t, c) in enumerate(given)]


def lines(findings: list) -> list[int]:
    return [row.line for finding in findings for row in finding.rows]


def test_exact_duplicates_are_the_later_rows() -> None:
    rows = pairs(("Open?", "Yes."), ("open? ", "yes."), ("Open?", "No, closed today."), ("Other", "Yes."))
    (finding,) = exact_duplicates(rows, LIMITS)
    assert lines([finding]) == [2]
    assert finding.evidence["groups"] == [["rows.jsonl:1", "rows.jsonl:2"]]
    assert finding.evidence["group_sizes"] == {"2": 1}
    assert not exact_duplicates(rows[1:], LIMITS)


def test_a_label_makes_two_rows_different() -> None:
    rows = labelled(("fine", "good"), ("fine", "bad"))
    assert not exact_duplicates(rows, LIMITS)
    assert lines(contradictions(rows, LIMITS)) == [2, 3]
    assert not contradictions(labelled(("fine", "good"), ("Fine", "good")), LIMITS)


def test_answers_in_other_words_are_no_contradiction() -> None:
    same = pairs(("Open?", "Yes, we are open until six today."), ("Open?", "We are open today until six o'clock."))
    assert not contradictions(same, LIMITS)
    against = pairs(("Open?", "Yes, we are open until six today."), ("Open?", "No."))
    assert lines(contradictions(against, LIMITS)) == [1, 2]
    assert not contradictions([Document("0", Origin("a", 1), "x"), Document("1", Origin("b", 1), "x")], LIMITS)


def test_near_duplicates_are_told_apart_from_identical_ones() -> None:
    rows = pairs(("Where is my parcel?", "a"), ("Where is my parcel", "b"), ("Refund", "c"), ("refund", "d"))
    near = alike(rows, LIMITS)
    assert [cluster.members for cluster in near] == [(0, 1), (2, 3)]
    assert lines(near_duplicates(rows, LIMITS, near)) == [1, 2]


def test_what_a_system_says_to_all_is_no_likeness() -> None:
    def conversation(i: int, question: str) -> Conversation:
        told = Message("system", "You answer for a library. " * 30)
        return Conversation(str(i), Origin("c", i), (told, Message("user", question), Message("assistant", "Yes.")))

    assert not alike([conversation(1, "Can I eat here?"), conversation(2, "Do you lend films?")], LIMITS)


def test_clusters_among_some_of_the_rows_have_the_places_there() -> None:
    rows = pairs(("Where is my parcel?", "a"), ("Refund", "b"), ("Where is my parcel", "c"), ("Open?", "d"))
    near = alike(rows, LIMITS)
    assert [cluster.members for cluster in among(near, [2, 3, 0])] == [(0, 2)]
    assert not among(near, [1, 2, 3])


def test_calls_make_conversations_different() -> None:
    def conversation(i: int, town: str) -> Conversation:
        calls = [{"id": f"call_{i}", "function": {"name": "weather", "arguments": town}}]
        answer = Message("assistant", "", extra=(("tool_calls", calls),))
        return Conversation(str(i), Origin("c", i), (Message("user", "Is it warm there?"), answer))

    rows = [conversation(1, "Faro"), conversation(2, "Jena"), conversation(3, "Faro")]
    assert lines(exact_duplicates(rows, LIMITS)) == [3]


def test_the_same_answer_in_capitals_is_no_contradiction() -> None:
    assert not contradictions(pairs(("Open?", "Yes, until six."), ("open?", "YES,  UNTIL SIX.")), LIMITS)

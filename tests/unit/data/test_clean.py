"""Cleaning: what a rule changes or leaves out is named, and a second audit no longer finds it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from attune.data.audit import CHECKS
from attune.data.clean import Cleaner
from attune.data.example import Conversation, Example, LabelledText, Message, Origin, Pair, with_texts
from attune.data.personal import personal_data
from attune.errors import RecipeError
from attune.recipe import Audit, Clean

LIMITS = Audit()


def pairs(*given: tuple[str, str]) -> list[Example]:
    return [Pair(str(i), Origin("rows.jsonl", i + 1), p, c) for i, (p, c) in enumerate(given)]


def test_nothing_is_done_unless_it_is_asked_for() -> None:
    rows = pairs(("cafÃ©", "ask ann@example.org"), ("cafÃ©", "ask ann@example.org"))
    cleaner = Cleaner(Clean(), LIMITS)
    assert cleaner.drop(list(cleaner.mend(rows))) == rows
    assert not cleaner.changes
    assert not cleaner.rejections


def test_text_that_was_decoded_wrongly_is_mended_and_the_rest_stays() -> None:
    rows = pairs(("Where is the cafÃ©?", "Tom &amp; “Ann” know."), ("Fine", "Déjà vu"))
    cleaner = Cleaner(Clean(repair_text=True), LIMITS)
    assert CHECKS["odd_characters"](rows, LIMITS)
    mended = list(cleaner.mend(rows))
    assert mended[0].prompt == "Where is the café?"
    assert mended[0].completion == rows[0].completion
    assert mended[1] == rows[1]
    (change,) = cleaner.changes
    assert (change.origin.line, change.rule) == (1, "repair_text")
    assert (change.before, change.after) == ("Where is the cafÃ©?", "Where is the café?")
    assert mended[0].id == rows[0].id


def test_a_value_has_one_pseudonym_in_all_parts_and_is_not_repeated_in_the_record() -> None:
    first = pairs(("I am ann@example.org.", "Hello."))
    second = pairs(("Write to bob@example.org or ANN@example.org", "I will."))
    cleaner = Cleaner(Clean(mask_personal_data=True), LIMITS)
    found = [row.prompt for part in (first, second) for row in cleaner.mend(part)]
    assert found == ["I am [EMAIL_1].", "Write to [EMAIL_2] or [EMAIL_1]"]
    assert not CHECKS["personal_data"](list(cleaner.mend(first)), LIMITS)
    assert not any("ann@" in change.before.lower() or "bob@" in change.before for change in cleaner.changes)


def test_rows_that_a_check_finds_are_left_out_and_named() -> None:
    rows = pairs(("Open?", "Yes."), ("open?", "Yes."), ("Who?", "TODO"), ("Where is my parcel?", "a"))
    rows += [Pair("x", Origin("rows.jsonl", 9), "Where is my parcel", "b")]
    cleaner = Cleaner(Clean(drop=("exact_duplicates", "placeholder_targets", "near_duplicates")), LIMITS)
    kept = cleaner.drop(rows)
    assert [row.origin.line for row in kept] == [1, 4]
    assert [(r.origin.line, r.reason) for r in cleaner.rejections] == [
        (2, "found by the check exact_duplicates"),
        (3, "found by the check placeholder_targets"),
        (9, "found by the check near_duplicates"),
    ]
    assert not CHECKS["placeholder_targets"](kept, LIMITS)


@pytest.mark.parametrize(
    ("name", "said"), [("duplicates", "no check named 'duplicates'"), ("label_errors", "a doubted label may be right")]
)
def test_what_cannot_be_dropped_is_refused(name: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        Cleaner(Clean(drop=(name,)), LIMITS)


def test_every_text_of_a_row_is_mended_and_no_label() -> None:
    turns = (Message("system", "a"), Message("user", "b"), Message("assistant", "c", 0.0, (("name", "a"),)))
    mended = with_texts(Conversation("1", Origin("f", 1), turns), str.upper)
    assert [m.content for m in mended.messages] == ["A", "B", "C"]
    assert mended.messages[2].extra == (("name", "A"),)
    assert with_texts(LabelledText("1", Origin("f", 1), "a", "b"), str.upper).label == "b"


def test_calls_of_tools_are_mended_inside_their_arguments() -> None:
    given = {"email": "ann.miller@host.org", "card": 4111111111111111, "tags": ["a", "bob@host.org"], "paid": True}
    asked = {"id": "call_bob@host.org", "type": "function", "function": {"name": "f", "arguments": json.dumps(given)}}
    plain = {"function": {"name": "f", "arguments": given}}
    broken = {"function": {"name": "f", "arguments": "{cut bob@host.org"}}
    extra = (("name", "Ann ann.miller@host.org"), ("tool_calls", [asked, plain, broken]))
    row = Conversation(
        "1", Origin("f", 1), (Message("user", "Pay."), Message("assistant", "", 1.0, extra)), ({"name": "f"},)
    )
    kinds = {f.evidence["kind"]: f.evidence["hits"] for f in personal_data([row], Audit())}
    assert kinds == {"email": 6, "card": 2}
    (mended,) = Cleaner(Clean(mask_personal_data=True), Audit()).mend([row])
    assert personal_data([mended], Audit()) == []
    assert isinstance(mended, Conversation)
    first, second, third = dict(mended.messages[1].extra)["tool_calls"]
    assert json.loads(first["function"]["arguments"]) == second["function"]["arguments"]
    masked = second["function"]["arguments"]
    assert masked["paid"] is True and masked["tags"][0] == "a" and isinstance(masked["card"], str)
    assert first["id"] == asked["id"] and third["function"]["arguments"].startswith("{cut ")
    (again,) = Cleaner(Clean(mask_personal_data=True), Audit()).mend([mended])
    assert again == mended
    untouched = Message("assistant", "", 1.0, (("tool_calls", [{"function": {"name": "f", "arguments": '{"a":1}'}}]),))
    (same,) = Cleaner(Clean(mask_personal_data=True), Audit()).mend([replace(row, messages=(untouched,))])
    assert isinstance(same, Conversation) and same.messages == (untouched,)

"""What makes a row an example, and each way in which it is none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from readings import ANSWER, CALL, CHAT, GOOD, SYSTEM, TOOL, USER, errors_of, jsonl, load, pair_errors

from attune.data.example import Conversation, LabelledText, Pair, own_prompt
from attune.data.rows import Reading
from attune.data.source import read, read_all, recognise
from attune.errors import DataError, RowError

# --- pairs and labels ---


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"prompt": "a"}', "missing_field"),
        ('{"prompt": "a", "completion": 3}', "wrong_type"),
        ('{"prompt": null, "completion": "c"}', "empty_field"),
        ('{"prompt": "a", "completion": " \\n"}', "empty_field"),
    ],
)
def test_each_fault_of_a_field_has_a_code_and_a_line(tmp_path: Path, line: str, code: str) -> None:
    (error,) = pair_errors(tmp_path, f"{GOOD}\n\n{line}\n{GOOD}\n")
    assert (error.code, error.line, error.column) == (code, 3, 0)
    assert error.message
    assert error.fix


def test_instruction_and_input_make_the_prompt(tmp_path: Path) -> None:
    first = {"instruction": "i", "input": "x", "output": "o"}
    examples = load(jsonl(tmp_path, first, {**first, "input": ""}))
    assert [example.prompt for example in examples] == ["i\n\nx", "i"]


def test_labels_are_text(tmp_path: Path) -> None:
    rows = [{"text": "t", "label": label} for label in ("a", 3, True, 1.0, 1.5, None, ["x"], " ")]
    path = jsonl(tmp_path, *rows)
    items = list(read(path, recognise(path)))
    assert [item.label for item in items if isinstance(item, LabelledText)] == ["a", "3", "true", "1"]
    codes = [item.code for item in items if isinstance(item, RowError)]
    assert codes == ["float_label", "empty_field", "wrong_type", "empty_field"]


# --- chats ---


def chat_codes(folder: Path, messages: Any, **more: Any) -> list[str]:
    columns = {"messages": "messages", "tools": "tools"}
    reading = Reading("jsonl", "conversation", columns, "")
    return [error.code for error in errors_of(jsonl(folder, {"messages": messages, **more}), reading)]


@pytest.mark.parametrize(
    "messages",
    [
        [SYSTEM, USER, ANSWER, USER, ANSWER],
        [{**SYSTEM, "role": "developer"}, USER, CALL, TOOL, TOOL, ANSWER],
        [USER, CALL],
        [USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1.0}],
        [USER, {**ANSWER, "function_call": None, "tool_calls": []}],
    ],
)
def test_good_chats_pass(tmp_path: Path, messages: Any) -> None:
    assert chat_codes(tmp_path, messages) == []


@pytest.mark.parametrize(
    ("messages", "codes"),
    [
        ([], ["empty_messages"]),
        ("hi", ["wrong_type"]),
        (None, ["empty_field"]),
        ([USER, "hi"], ["wrong_type"]),
        ([USER, {"role": "asistant", "content": "x"}], ["unknown_role"]),
        ([USER, {"role": ["assistant"], "content": "x"}], ["unknown_role"]),
        ([USER, {"content": "x"}], ["missing_field"]),
        ([USER, {"role": "assistant"}], ["empty_assistant"]),
        ([USER, {**ANSWER, "content": " "}], ["empty_assistant"]),
        ([{"role": "user"}, ANSWER], ["missing_field"]),
        ([{**USER, "content": 5}, ANSWER], ["wrong_type"]),
        ([{**USER, "content": "\n"}, ANSWER], ["empty_field"]),
        ([{**USER, "content": [{"type": "image_url"}, {"type": "text", "text": "x"}]}, ANSWER], ["unsupported_part"]),
        ([USER], ["last_not_assistant"]),
        ([ANSWER, USER, ANSWER], ["no_user_first"]),
        ([USER, ANSWER, USER], ["last_not_assistant"]),
        ([USER, USER, ANSWER], ["wrong_order"]),
        ([USER, ANSWER, ANSWER], ["wrong_order"]),
        ([USER, TOOL, ANSWER], ["wrong_order"]),
        ([USER, SYSTEM, ANSWER], ["system_not_first"]),
        ([SYSTEM, SYSTEM, USER, ANSWER], ["system_not_first"]),
        ([USER, {**ANSWER, "weight": 0}], ["nothing_to_learn"]),
        ([USER, {**ANSWER, "weight": True}], ["bad_weight"]),
        ([USER, {**ANSWER, "weight": 0.5}], ["bad_weight"]),
        ([USER, {**ANSWER, "weight": "1"}], ["bad_weight"]),
        ([{**USER, "weight": 1}, ANSWER], ["misplaced_field"]),
        ([{**USER, "tool_calls": [{}]}, ANSWER], ["misplaced_field"]),
        ([USER, {**ANSWER, "tool_calls": "f()"}], ["wrong_type"]),
        ([USER, {**ANSWER, "name": 3}], ["wrong_type"]),
        ([USER, {**ANSWER, "function_call": {}}], ["unknown_field"]),
        ([{**USER, "wieght": 1}, {"role": "gpt", "content": "x"}], ["unknown_field", "unknown_role"]),
    ],
)
def test_each_rule_of_chats(tmp_path: Path, messages: Any, codes: list[str]) -> None:
    assert chat_codes(tmp_path, messages) == codes


def test_names_that_are_nearly_right_are_proposed(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"messages": [{**USER, "wieght": 1}, {**ANSWER, "role": "Asistant"}]})
    first, second = errors_of(path, recognise(path))
    assert first.field == "messages[0].wieght"
    assert "Did you mean 'weight'?" in first.message
    assert "Did you mean 'assistant'?" in second.message


def test_parts_extra_fields_weights_and_tools_are_kept(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": " b"}]
    row = {"messages": [{"role": "user", "content": parts}, {**CALL, "weight": 0}, TOOL, ANSWER], "tools": [{"x": 1}]}
    (chat,) = load(jsonl(tmp_path, row))
    assert [m.content for m in chat.messages] == ["a b", "", "", "hello"]
    assert [m.weight for m in chat.messages] == [1.0, 0.0, 1.0, 1.0]
    assert chat.messages[2].extra == (("name", "f"), ("tool_call_id", "1"))
    assert chat.messages[1].extra == (("tool_calls", CALL["tool_calls"]),)
    assert chat.tools == ({"x": 1},)
    assert chat_codes(tmp_path, CHAT, tools={"x": 1}) == ["wrong_type"]
    assert chat_codes(tmp_path, CHAT, tools=["x"]) == ["wrong_type"]


def test_names_of_fields_stay_on_one_line(tmp_path: Path) -> None:
    """Found by the fuzzer: a line break in a key broke the line that names it."""
    path = jsonl(tmp_path, {"messages": [{**USER, "wei\nght": 1}, ANSWER]})
    (error,) = errors_of(path, recognise(path))
    assert error.field == "messages[0].wei\\nght"
    path = jsonl(tmp_path, {"text\n": {}, "x" * 300: 1})
    (error,) = errors_of(path, recognise(path, columns={"text": "text\n"}))
    assert error.field == "text\\n"


# --- rows as other programs write them ---


def test_optional_columns_are_read_where_few_rows_have_them(tmp_path: Path) -> None:
    rows = [{"instruction": f"i{n}", "output": "o"} | ({"input": f"x{n}"} if n % 3 == 0 else {}) for n in range(30)]
    examples = read_all(jsonl(tmp_path, *rows), recognise(jsonl(tmp_path, *rows)))
    assert [e.prompt for e in examples if isinstance(e, Pair)][:4] == ["i0\n\nx0", "i1", "i2", "i3\n\nx3"]
    turns = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    rows = [{"messages": turns} | ({"tools": [{"name": "f"}]} if n == 7 else {}) for n in range(30)]
    examples = read_all(jsonl(tmp_path, *rows), recognise(jsonl(tmp_path, *rows)))
    assert [bool(e.tools) for e in examples if isinstance(e, Conversation)] == [n == 7 for n in range(30)]


def test_an_optional_column_that_comes_late_is_not_lost(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"instruction": f"i{n}", "output": "o"} for n in range(200)]
    path = jsonl(tmp_path, *rows, {**rows[0], "input": ""}, {**rows[0], "input": "x"})
    (error,) = [item for item in read(path, recognise(path)) if isinstance(item, RowError)]
    assert (error.line, error.field, error.code) == (202, "input", "unread_field")
    turns = {"conversations": [{"from": "human", "value": "u"}, {"from": "gpt", "value": "a"}]}
    (tmp_path / "turns").mkdir()
    told = jsonl(tmp_path / "turns", *[turns] * 200, {**turns, "tools": [{"name": "f"}]})
    (error,) = [item for item in read(told, recognise(told)) if isinstance(item, RowError)]
    assert (error.line, error.field, error.code) == (201, "tools", "unread_field")
    named = recognise(path, columns={"prompt": "instruction", "completion": "output"})
    assert not [item for item in read(path, named) if isinstance(item, RowError)], "who names columns leaves others out"


def test_turns_as_sharegpt_writes_them(tmp_path: Path) -> None:
    said = [("system", "s"), ("human", "u"), ("gpt", "a")]
    row = {"conversations": [{"from": who, "value": what} for who, what in said], "id": "x"}
    (example,) = read_all(jsonl(tmp_path, row), recognise(jsonl(tmp_path, row)))
    assert isinstance(example, Conversation)
    assert [(m.role, m.content) for m in example.messages] == [("system", "s"), ("user", "u"), ("assistant", "a")]
    odd = {"conversations": [{"from": "narrator", "value": "x"}, {"from": "gpt", "value": "a", "mood": "calm"}]}
    path = jsonl(tmp_path, odd)
    codes = [item.code for item in read(path, recognise(path)) if isinstance(item, RowError)]
    assert codes == ["unknown_role", "unknown_field"]


def test_calls_as_they_were_written_before_tools_are_told_how_to_mend(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "content": "a"},
    ]
    path = jsonl(tmp_path, {"messages": turns})
    errors = [item for item in read(path, recognise(path)) if isinstance(item, RowError)]
    assert [error.code for error in errors] == ["unknown_field", "unknown_role"]
    assert "tool_calls" in errors[0].fix and '"tool"' in errors[1].fix


@pytest.mark.parametrize(
    ("names", "prompt"), [(("instruction", "context", "response"), "i\n\nc"), (("instruction", "response"), "i")]
)
def test_rows_as_dolly_writes_them(tmp_path: Path, names: tuple[str, ...], prompt: str) -> None:
    row = {name: name[0] for name in names}
    (example,) = read_all(jsonl(tmp_path, row), recognise(jsonl(tmp_path, row)))
    assert isinstance(example, Pair) and (example.prompt, example.completion) == (prompt, "r")


def test_labels_under_the_name_of_many(tmp_path: Path) -> None:
    row = {"text": "t", "labels": 3}
    (example,) = read_all(jsonl(tmp_path, row), recognise(jsonl(tmp_path, row)))
    assert isinstance(example, LabelledText) and example.label == "3"
    path = jsonl(tmp_path, {"text": "t", "labels": ["a", "b"]})
    assert [item.code for item in read(path, recognise(path)) if isinstance(item, RowError)] == ["wrong_type"]
    grouped = jsonl(tmp_path, *({"text": f"t{n}", "label": n % 2} for n in range(9)))
    with pytest.raises(DataError, match="cannot be read as texts with a label"):
        recognise(grouped, group_by="label")
    assert recognise(grouped, shape="document").shape == "document"


def test_what_is_asked_may_stand_alone_where_no_answer_is_needed(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "u"}]
    reading = replace(recognise(jsonl(tmp_path, {"messages": turns})), unanswered=True)
    (example,) = read_all(jsonl(tmp_path, {"messages": turns}), reading)
    assert isinstance(example, Conversation) and own_prompt(example) == "u"

"""Examples in a file: read back as they were, in any order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair
from attune.data.stored import StoredExamples, sampled
from attune.errors import EnvironmentFault

TEXT = st.text(max_size=40)
ORIGIN = st.builds(Origin, st.sampled_from(["a.jsonl", "b c/ü.csv"]), st.integers(1, 10**9))
MESSAGE = st.builds(
    Message,
    st.sampled_from(["system", "user", "assistant"]),
    TEXT,
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([(), (("name", "ann"),), (("tool_calls", [{"id": "1", "function": {"name": "f"}}]),)]),
)
EXAMPLES: list[st.SearchStrategy[Example]] = [
    st.builds(Conversation, TEXT, ORIGIN, st.lists(MESSAGE, max_size=3).map(tuple), st.just(({"type": "function"},))),
    st.builds(Pair, TEXT, ORIGIN, TEXT, TEXT),
    st.builds(LabelledText, TEXT, ORIGIN, TEXT, TEXT),
    st.builds(Document, TEXT, ORIGIN, TEXT),
]


@given(st.lists(st.one_of(EXAMPLES), max_size=8), st.data())
def test_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Example], data: st.DataObject
) -> None:
    stored = StoredExamples.write(tmp_path_factory.mktemp("rows") / "rows.jsonl", rows)
    assert list(stored) == rows
    assert [stored[i] for i in range(-len(rows), len(rows))] == rows + rows
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=8)) if rows else []
    some = stored.chosen(chosen)
    assert list(some) == [rows[i] for i in chosen] == [some[i] for i in range(len(chosen))]
    assert some.places.tolist() == chosen
    assert list(stored[1:]) == rows[1:] and list(some[::-1]) == [rows[i] for i in reversed(chosen)]


def test_rows_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    rows = [Document(str(i), Origin("a", i), "x" * (i * 700_000)) for i in range(1, 5)]
    assert list(StoredExamples.write(tmp_path / "rows.jsonl", rows)) == rows


def test_a_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    StoredExamples.write(path, [Document("1", Origin("a", 1), "words")])
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(EnvironmentFault, match="not whole"):
        StoredExamples.open(path)


def test_a_sample_keeps_the_order_and_does_not_hang_on_it() -> None:
    examples = [Pair(str(i), Origin("f", i + 1), "p", str(i)) for i in range(100)]
    chosen = sampled(examples, 30)
    assert [e.origin.line for e in chosen] == sorted(e.origin.line for e in chosen)
    assert len(chosen) == 30
    assert {e.id for e in sampled(examples[::-1], 30)} == {e.id for e in chosen}
    assert max(e.origin.line for e in chosen) > 60
    assert sampled(examples, 100) == examples

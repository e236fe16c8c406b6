"""attune.json: what a model folder says about its prompt, and that a damaged one is refused."""

import json
from pathlib import Path

import pytest

from attune.data.prompt import TaskPrompt
from attune.errors import ModelError
from attune.model import serving

GOOD = {"version": 1, "shape": "pair", "prompt": "Say {a}, ünïcode \u2028 and {{b}}."}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    prompt = TaskPrompt.parse(GOOD["prompt"])  # type: ignore[arg-type]
    serving.write(tmp_path, prompt, "pair")
    assert serving.read(tmp_path) == (prompt, "pair")
    assert [path.name for path in tmp_path.iterdir()] == ["attune.json"]


def test_no_file_is_no_prompt(tmp_path: Path) -> None:
    assert serving.read(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"a"',
        b"\xff\xfe",
        json.dumps(GOOD).encode()[:-9],
        json.dumps({**GOOD, "shape": "document"}).encode(),
        json.dumps({**GOOD, "shape": ["pair"]}).encode(),
        json.dumps({**GOOD, "prompt": 3}).encode(),
        json.dumps({**GOOD, "prompt": "{"}).encode(),
        json.dumps({**GOOD, "prompt": ""}).encode(),
        json.dumps({**GOOD, "more": 1}).encode(),
        json.dumps({"version": 1, "prompt": "a"}).encode(),
        json.dumps({**GOOD, "version": 2}).encode(),
        json.dumps({**GOOD, "version": True}).encode(),
        json.dumps({**GOOD, "prompt": "a" * 5_000_000}).encode(),
        b'{"version": 1, "shape": "pair", "prompt": "a", "prompt": "b"}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / serving.FILE).write_bytes(content)
    with pytest.raises(ModelError) as caught:
        serving.read(tmp_path)
    assert caught.value.where == str(tmp_path / serving.FILE)
    assert caught.value.fix


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / serving.FILE).mkdir()
    with pytest.raises(ModelError, match="damaged"):
        serving.read(tmp_path)

"""The recipe and the uninterrupted run that the crash tests share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash import Life, Reference, Warm, crash_tree, only_run


@pytest.fixture(scope="session")
def crash_data(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> Path:
    """Sixty pairs of prompt and completion."""
    path = tmp_path_factory.mktemp("data") / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows.pairs(60)), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory, tiny_decoder: Path, crash_data: Path) -> Iterator[Reference]:
    """LoRA with dropout in bf16: the way with the most state."""
    folder = tmp_path_factory.mktemp("reference")
    tree = crash_tree(tiny_decoder, crash_data, "lora", "bf16")
    with Warm(tree, folder / "scratch") as warm:
        assert warm.live(Life(folder / "runs", tree, snapshots=folder / "snapshots")) == 0
        yield Reference(tree, only_run(folder / "runs"), folder / "snapshots", warm)

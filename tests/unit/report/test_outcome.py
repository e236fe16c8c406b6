"""What a run ended with, in the terminal."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from attune.report.view import RunView, number
from attune.summary import print_outcome, print_run


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_number_is_cut_in_any_terminal(chat_run: Path, classify_run: Path, width: int) -> None:
    for folder in (chat_run, classify_run):
        console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
        print_outcome(console, folder)
        print_run(console, folder)
        text = re.sub(r"\s+", " ", console.file.getvalue())  # type: ignore[attr-defined]
        assert "…" not in text
        assert str(folder) in text, "one can copy it"
        for row in RunView.read(folder).comparisons:
            for key in ("base", "tuned", "low", "high"):
                assert number(row[key]) in text
            assert number(row["difference"], signed=True) in text

from __future__ import annotations

import io
import json
import math

import pytest
from rich.console import Console

from attune import summary, terminal
from attune.errors import DataError, Interrupted, RecipeError, RowError
from attune.evaluate.types import Score
from attune.events import (
    CheckpointSaved,
    Note,
    Progress,
    StageFinished,
    StageStarted,
    StepMetrics,
    StepSkipped,
    Stop,
    Validated,
)
from attune.terminal import Bar, JsonLines, Lines, TimeLeft, left_in_words


def step(number: int, total: int, loss: float = 1.25) -> StepMetrics:
    return StepMetrics(number, total, loss, 0.5, 1.0, 2e-4, 10, 20, 24, 0.1, 200.0, 1 << 20)


def page(width: int = 80, *, terminal_like: bool = False) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal_like, markup=False, highlight=False)


def written(console: Console) -> str:
    return console.file.getvalue()


class TestTimeLeft:
    def test_nothing_is_said_before_a_few_steps_are_known(self):
        left = TimeLeft()
        for done in range(1, 4):
            left.advance(done, float(done))
            assert left.seconds(100, float(done)) is None
        left.advance(4, 4.0)
        assert left.seconds(100, 4.0) == pytest.approx(96.0)

    def test_the_first_step_is_not_counted(self):
        left = TimeLeft()
        left.advance(1, 60.0)
        for done in range(2, 12):
            left.advance(done, 59.0 + done)
        assert left.seconds(111, 70.0) == pytest.approx(100.0)

    def test_validation_time_is_part_of_it_and_does_not_make_it_jump(self):
        left, now, told = TimeLeft(), 0.0, {}
        for done in range(1, 101):
            now += 1.0
            left.advance(done, now)
            if done % 10 == 0:
                now += 5.0
                left.validated(done)
            told[done] = left.seconds(200, now)
        truth = 100 * 1.0 + 10 * 5.0
        assert told[100] == pytest.approx(truth, rel=0.05)
        assert told[99] == pytest.approx(told[97], rel=0.05)

    def test_it_follows_a_change_of_speed(self):
        left, now = TimeLeft(), 0.0
        for done in range(1, 101):
            now += 1.0 if done < 50 else 3.0
            left.advance(done, now)
        assert left.seconds(200, now) == pytest.approx(300.0, rel=0.05)

    def test_it_runs_down_while_a_step_lasts(self):
        left = TimeLeft()
        for done in range(1, 6):
            left.advance(done, 10.0 * done)
        assert left.seconds(6, 54.0) == pytest.approx(6.0)
        assert left.seconds(6, 99.0) == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (3.0, "a few seconds left"),
        (31.0, "about 40 s left"),
        (54.9, "about 1 min left"),
        (70.0, "about 2 min left"),
        (3600.0, "about 1 h left"),
        (9000.0, "about 2 h 30 min left"),
    ],
)
def test_left_in_words(seconds, words):
    assert left_in_words(seconds) == words


class TestLines:
    def test_about_one_line_for_each_twentieth(self):
        console = page(200)
        listener = Lines(console)
        listener(StageStarted("train"))
        for number in range(1, 1001):
            listener(step(number, 1000))
        assert 19 <= len(written(console).splitlines()) <= 21

    def test_every_validation_has_a_line(self):
        console = page()
        listener = Lines(console)
        listener(Validated(10, 1.5, 0.5, is_best=True))
        listener(Validated(20, 1.6, 0.5, is_best=False))
        assert written(console).splitlines() == [
            "  step 10: validation loss 1.500, the best so far",
            "  step 20: validation loss 1.600",
        ]

    def test_notes_skips_and_finished_stages(self):
        console = page(200)
        listener = Lines(console)
        listener(StageStarted("base"))
        listener(Progress("base", 8, 8, "rows"))
        listener(StageFinished("base", 12.0))
        listener(StageFinished("tuned", 0.1, reused=True))
        listener(Note("split", "info", "10 rows [bold]"))
        listener(Note("tokenise", "warning", "odd"))
        listener(StepSkipped(3, "the loss is not finite", ("a", "b")))
        listener(CheckpointSaved(3, "x"))
        assert written(console).splitlines() == [
            "✓ Test the base model   12 s, 8 rows",
            "✓ Test the tuned model  reused from an earlier run",
            "  10 rows [bold]",
            "! odd",
            "! Step 3 was skipped: the loss is not finite (examples a, b)",
        ]


class TestBar:
    def drawn(self, bar: Bar, width: int = 80) -> str:
        console = page(width)
        console.print(bar.render())
        return written(console)

    def test_shows_where_training_stands(self):
        now = iter(float(i) for i in range(1000))
        bar = Bar(page(terminal_like=True), Stop(), clock=lambda: next(now))
        bar(StageStarted("train"))
        bar(Validated(0, 2.5, 0.1, is_best=False))
        for number in range(1, 121):
            bar(step(number, 700))
        drawn = self.drawn(bar)
        for part in ("Train", "120 of 700 steps", "about 10 min left", "loss 1.250", "validation 2.500", "2.0e-04"):
            assert part in drawn
        assert all(len(line) <= 80 for line in drawn.splitlines())

    def test_says_that_it_is_stopping(self):
        stop = Stop()
        bar = Bar(page(terminal_like=True), stop)
        bar(StageStarted("train"))
        assert "Stopping" not in self.drawn(bar)
        stop.request()
        assert "Stopping" in self.drawn(bar)

    def test_a_stage_begins_with_nothing_of_the_one_before(self):
        bar = Bar(page(terminal_like=True), Stop())
        bar(StageStarted("train"))
        bar(step(5, 10))
        bar(StageFinished("train", 1.0))
        bar(StageStarted("tuned"))
        drawn = self.drawn(bar)
        assert "steps" not in drawn and "loss" not in drawn

    def test_the_finished_line_names_the_best_step(self):
        console = page(120, terminal_like=True)
        bar = Bar(console, Stop())
        bar(StageStarted("train"))
        bar(step(10, 10))
        bar(Validated(10, 0.75, 0.9, is_best=True))
        bar(StageFinished("train", 61.0))
        assert "1 min 1 s, 10 steps, best validation loss 0.750 at step 10" in written(console)

    def test_leaves_the_terminal_as_it_was(self):
        console = page(terminal_like=True)
        with Bar(console, Stop()) as bar:
            bar(StageStarted("train"))
        assert written(console).rfind("\x1b[?25h") > written(console).rfind("\x1b[?25l") >= 0


def test_json_lines_are_json_also_when_a_number_is_not_finite():
    stream = io.StringIO()
    with JsonLines(stream) as listener:
        listener(step(1, 2, loss=math.nan))
        listener(Note("read", "info", "a\nb"))
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["event"] == "StepMetrics" and first["loss_nats_per_token"] is None and first["step"] == 1
    assert second == {"event": "Note", "stage": "read", "level": "info", "text": "a\nb"}


def test_printable_takes_escape_sequences_apart():
    assert terminal.printable("a\x1b[2Jb\n\tc\x07") == "a[2Jb\n\tc"


def row(line: int) -> RowError:
    return RowError("rows.jsonl", line, 3, "messages", "empty", "it is [red]empty", "fill it")


def test_an_error_says_what_where_and_how_to_mend_it():
    console = page()
    summary.print_error(console, RecipeError("unknown key [x]", where="r.yaml:3", fix="did you mean y?"))
    assert written(console).splitlines() == [
        "Error: unknown key [x]",
        "  where  r.yaml:3",
        "  mend   did you mean y?",
    ]


def test_an_error_lists_the_first_twenty_rows_and_counts_the_rest():
    console = page(200)
    error = DataError("30 bad rows", rows=tuple(row(i) for i in range(1, 26)), total=30)
    error.add_note("all listed in x")
    summary.print_error(console, error)
    text = written(console)
    assert text.count("it is [red]empty") == 20
    assert "rows.jsonl:20:3 messages it is [red]empty (fill it)" in text and "rows.jsonl:21" not in text
    assert "and 10 more" in text and "all listed in x" in text


def test_an_interruption_reads_as_one():
    console = page()
    summary.print_error(console, Interrupted("stopped at step 3 of 9", where="r", fix="go on with: attune run"))
    assert written(console).splitlines() == ["Stopped at step 3 of 9.", "Go on with: attune run"]


def test_an_error_as_json_keeps_its_rows():
    record = summary.error_record(DataError("bad", where="f", fix="mend", rows=(row(1),)))["error"]
    assert (record["type"], record["exit_code"], record["total"]) == ("DataError", 3, 1)
    assert record["rows"][0]["line"] == 1 and json.dumps(record)


def test_scores_have_their_intervals():
    console = page()
    summary.print_scores(console, "chat", 12, [Score("rouge_l", 0.5, 0.4, 0.625, 12, True)])
    assert "ROUGE-L  0.500  0.400 to 0.625" in written(console)

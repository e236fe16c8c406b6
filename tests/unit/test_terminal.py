from __future__ import annotations

import copy
import io
import json
import math
import re
from pathlib import Path

import pytest
from rich.console import Console

from attune import summary, terminal
from attune.errors import DataError, Interrupted, RecipeError, RowError
from attune.evaluate.types import Score
from attune.events import (
    CheckpointSaved,
    CheckProgress,
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

    def test_rows_that_nobody_has_counted_yet_have_no_bar_and_no_end(self):
        bar = Bar(page(terminal_like=True), Stop())
        bar(StageStarted("read"))
        for done in range(10_000, 60_000, 10_000):
            bar(Progress("read", done, 0, "rows"))
        drawn = self.drawn(bar)
        assert "Read the data 50,000 rows" in " ".join(drawn.split())
        assert "left" not in drawn and "━" not in drawn

    def test_checks_are_counted_and_no_time_is_promised(self):
        bar = Bar(page(100, terminal_like=True), Stop())
        bar(StageStarted("audit"))
        for done in range(1, 13):
            bar(Progress("audit", done, 27, "checks"))
        drawn = self.drawn(bar, 100)
        assert "Audit the data" in drawn and "12 of 27 checks" in drawn and "left" not in drawn

    def test_a_check_of_many_rows_has_a_bar_of_its_own_until_the_next_is_counted(self):
        bar = Bar(page(100, terminal_like=True), Stop())
        bar(StageStarted("audit"))
        bar(Progress("audit", 12, 27, "checks"))
        bar(CheckProgress("personal_data", 400_000, 1_000_000))
        counted, of_check = self.drawn(bar, 100).splitlines()
        assert "12 of 27 checks" in counted
        assert "personal_data" in of_check and "400,000 of 1,000,000 rows" in of_check and "━" in of_check
        bar(Progress("audit", 13, 27, "checks"))
        assert "personal_data" not in self.drawn(bar, 100)

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


class TestCheckScreen:
    """A real record of examples/support-desk, its rows and groups shortened."""

    record = json.loads((Path(__file__).parents[1] / "golden" / "check-support-desk.json").read_text())

    def screen(self, width: int = 100, **changes) -> list[str]:
        console = page(width, terminal_like=True)
        summary.print_check(console, {**copy.deepcopy(self.record), **changes})
        return re.sub(r"\x1b\[[0-9;]*m", "", written(console)).splitlines()

    def finding(self, severity: str, check: str = "refusals") -> dict:
        rows = [{"file": "/x/\x1b[2Jrows.jsonl", "line": line} for line in range(1, 9)]
        what = f"In 8 of 1,898 rows the answer {check} is one that should be looked at"
        return {
            "check": check,
            "severity": severity,
            "what": what,
            "rows": rows,
            "total_rows": 900,
            "advice": "Look.",
            "evidence": {},
        }

    def test_an_ordinary_data_set_leaves_room_for_the_stages_on_40_lines(self):
        lines = self.screen()
        assert len(lines) <= 28 and max(map(len, lines)) <= 100

    def test_the_verdict_comes_first(self):
        assert self.screen()[1] == "2 warnings in 1,898 rows."
        assert self.screen(findings=[])[1] == "Nothing found that should be mended in 1,898 rows."
        errors = [self.finding(severity) for severity in ("info", "warning", "error", "error")]
        assert self.screen(findings=errors)[1] == "2 errors, 1 warning in 1,898 rows."

    def test_every_error_and_warning_is_there_and_infos_are_named_in_one_line(self):
        findings = [self.finding("warning", f"w{i}") for i in range(20)] + [self.finding("error", "e")]
        findings += [self.finding("info", f"i{i}") for i in range(9)]
        lines = self.screen(findings=findings)
        assert sum(line.startswith("warning") for line in lines) == 20
        assert [line.split()[0] for line in lines[2:5:2]] == ["error", "warning"]
        infos = [line for line in lines if line.startswith("info")]
        assert len(infos) == 1 and "i0, i1, i2" in infos[0] and "--html FILE shows them" in infos[0]
        assert "[2Jrows.jsonl: 1, 2, 3, 4, 5 and 895 more. Look." in lines[3]

    def test_labels_stand_in_the_table_of_the_parts(self):
        labels = {f"label {i}": {"train": 100 - i, "validation": 10, "test": 10} for i in range(40)}
        lines = self.screen(labels=labels)
        names = [line[:15].strip() for line in lines if line.startswith(("label", "34 other"))]
        assert names == [*(f"label {i}" for i in range(6)), "34 other labels"]

    def test_a_label_from_right_to_left_does_not_turn_its_row(self):
        lines = self.screen(labels={"שלום": {"train": 9}, "ok": {"train": 3}})
        assert any(line.startswith("\u2068שלום\u2069 ") for line in lines) and any(
            line.startswith("ok ") for line in lines
        )

    def test_limits_are_a_table_where_they_cut(self):
        lengths = copy.deepcopy(self.record["lengths"])
        assert not any("Rows cut" in line for line in self.screen())
        lengths["cut_rows"] = lengths["survey"]["limits"][0]["cut"] = 12
        assert any("Rows cut" in line for line in self.screen(lengths=lengths))
        assert any("max_length 136 cuts 12 rows." in line for line in self.screen(lengths=lengths))

    def test_what_does_not_fit_is_told_by_what_it_is_for(self):
        lines = self.screen(rehearsal=None, fits=False)
        assert lines[-1] == "It does not fit into the memory."
        assert any("fp32 masters 21 MiB" in line for line in lines) and not any(
            "tokens a second" in line for line in lines
        )


def test_the_best_of_a_training_that_makes_a_model_worse_is_not_called_the_best():
    console = page()
    lines = Lines(console)
    for event in (Validated(0, 1.0, 0.5, False), Validated(5, 1.5, 0.4, True), Validated(10, 0.9, 0.6, True)):
        lines(event)
    first, second, third = written(console).splitlines()
    assert "best" not in first and "not below step 0" in second and third.endswith("the best so far")

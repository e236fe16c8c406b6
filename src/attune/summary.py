"""What is printed when something has come to its end: a run's table and verdict, scores, lists of runs, errors."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from attune.errors import AttuneError, DataError, Interrupted, RowError
from attune.report import dataset
from attune.report import lengths as of_lengths
from attune.report.evidence import isolated
from attune.report.view import (
    RunView,
    baseline_name,
    duration,
    facts,
    metric_name,
    number,
    places,
    sentence,
    size,
    span,
)
from attune.runs.store import RunRecord
from attune.terminal import printable

if TYPE_CHECKING:
    from attune.evaluate.types import Score

LISTED_ROWS = 20
SHOWN_ROWS, SHOWN_LABELS = 5, 6  # of a finding, of a table

_COLOURS = {"good": "green", "bad": "red", "even": "yellow", "open": "cyan"}
_VERDICTS = {"better": "green", "worse": "red", "good": "green", "overfit": "red", "unstable": "red"}
_SEVERITIES = {"error": "red", "warning": "yellow", "info": "cyan"}
_STATES = {"done": "green", "failed": "red", "interrupted": "yellow", "running": "cyan"}


def print_outcome(to: Console, folder: Path) -> None:
    """The end of a run: base against tuned, the verdict in words, how training went, and what to do next."""
    view = RunView.read(folder)
    to.print()
    if view.comparisons:
        if view.leaking:
            to.print(Text(f"All {view.test_rows:,} test rows; {view.leaking}.", style="dim"))
        to.print(_comparison(to, view, view.comparisons))
        to.print()
    if view.clean:
        to.print(Text(f"The {view.clean_rows:,} clean test rows", style="dim"))
        to.print(_comparison(to, view, view.clean))
        to.print()
    tone, sentence = view.verdict()
    to.print(Text(sentence, style=f"bold {_COLOURS[tone]}"))
    fitting = view.result("fitting") or {}
    if fitting:
        verdict = str(fitting.get("verdict"))
        line = Text("Fit: ").append(verdict, style=_VERDICTS.get(verdict, "yellow"))
        to.print(line.append(f". {fitting.get('reason', '')!s}"))
    to.print()
    reference = view.id if folder.parent == Path("runs") else str(folder)
    verb = f"chat {shlex.quote(reference)}"
    if view.task != "chat":
        verb = f'generate {shlex.quote(reference)} --prompt "..."'
    to.print(Text("Report: ").append(str(folder / "report.html"), style="underline"))
    to.print(Text("Try it: ").append(f"attune {verb}", style="bold"))


def _comparison(to: Console, view: RunView, rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """The table, or where it is too wide for the terminal, two lines for each metric."""
    table = _comparison_table(view, rows)
    wide = to.options.update(max_width=1000)
    return table if Measurement.get(to, wide, table).maximum <= to.width else _comparison_lines(view, rows)


def _comparison_lines(view: RunView, rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    lines = [Text(f"{baseline_name(view)} → Tuned", style="bold")]
    for row in rows:
        verdict = str(row.get("verdict"))
        lower = "" if row.get("higher_is_better", True) else " ↓"
        change = number(row.get("difference"), signed=True)
        values = f"{number(row.get('base'))} → {number(row.get('tuned'))}, {change}"
        lines.append(Text(f"{metric_name(row.get('metric'))}{lower}: {values}"))
        lines.append(Text(f"  95% interval {span(row)}: ").append(verdict, style=_VERDICTS.get(verdict, "yellow")))
    return Group(*lines)


def _comparison_table(view: RunView, rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title, side in (
        ("Metric", "left"),
        (baseline_name(view), "right"),
        ("Tuned", "right"),
        ("Difference", "right"),
        ("95% interval", "left"),
        ("Verdict", "left"),
    ):
        table.add_column(title, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        verdict = str(row.get("verdict"))
        lower = "" if row.get("higher_is_better", True) else " ↓"
        table.add_row(
            metric_name(row.get("metric")) + lower,
            number(row.get("base")),
            number(row.get("tuned")),
            number(row.get("difference"), signed=True),
            span(row),
            Text(verdict, style=_VERDICTS.get(verdict, "yellow")),
        )
    return table


def print_scores(to: Console, task: str, rows: int, scores: Sequence[Score]) -> None:
    """Each metric of one model with its interval."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title, right in (("Metric", False), ("Value", True), ("95% interval", False)):
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    for score in scores:
        lower = "" if score.higher_is_better else " ↓"
        interval = f"{number(score.low)} to {number(score.high)}"
        table.add_row(metric_name(score.metric) + lower, number(score.value), interval)
    to.print()
    to.print(table)
    to.print()
    to.print(f"Task {task}, {rows:,} rows. ↓: lower is better.", style="dim")


def print_check(to: Console, record: Mapping[str, Any], page: Path | None = None) -> None:
    """What a check found, on one screen: the verdict, what is wrong with the data, its parts and lengths, and what a
    training takes.

    Args:
        page: where all of it was written as HTML.
    """
    findings, rows = record["findings"], sum(record["rows"].values())
    severity, words = dataset.verdict(findings, rows)
    to.print()
    to.print(Text(words, style=f"bold {'green' if severity == 'info' else _SEVERITIES[severity]}"))
    _print_findings(to, findings, page)
    to.print()
    to.print(_table(dataset.split_table(record["rows"], record["labels"], SHOWN_LABELS), "Rows"))
    to.print()
    _print_lengths(to, record["lengths"])
    to.print()
    to.print(_cost(record))
    if record["prompts"]:
        to.print()
        _print_prompts(to, record["prompts"])
    to.print()
    verdict = ("It fits.", "bold green") if record["fits"] else ("It does not fit into the memory.", "bold red")
    to.print(Text(verdict[0], style=verdict[1]))
    if page is not None:
        to.print(Text("Page: ").append(str(page), style="underline"))


def _print_findings(to: Console, findings: Sequence[Mapping[str, Any]], page: Path | None) -> None:
    """Every error and every warning with its first rows; of the others only their names."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for wanted in ("error", "warning"):
        for finding in findings:
            if finding["severity"] != wanted:
                continue
            table.add_row(Text(wanted, style=_SEVERITIES[wanted]), Text(printable(sentence(finding["what"]))))
            rows, total = finding["rows"][:SHOWN_ROWS], finding["total_rows"]
            where = f"{printable(places(rows, total))}. " if rows else ""
            if where or finding["advice"]:
                table.add_row("", Text(f"{where}{printable(sentence(finding['advice']))}", style="dim"))
    others = list(dict.fromkeys(finding["check"] for finding in findings if finding["severity"] == "info"))
    if others:
        shows = "see the page" if page else "--html FILE shows them"
        table.add_row(Text("info", style="dim"), Text(f"{', '.join(others)}: {shows}", style="dim"))
    if table.row_count:
        to.print(table)


def _table(found: of_lengths.Table, first: str = "") -> Table:
    """A table of words, its first row or the one in force in bold."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in found.headings:
        left = heading == found.headings[0]
        table.add_column(
            Text(heading), justify="left" if left else "right", no_wrap=True, max_width=40 if left else None
        )
    for name, *cells in found.rows:
        strong = name == first or name.endswith("(in force)")
        turned = any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in name)
        shown = isolated(printable(name)) if turned else printable(name)  # else it would turn the figures beside it
        table.add_row(Text(shown), *cells, style="bold" if strong else "")
    return table


def _print_lengths(to: Console, lengths: Mapping[str, Any]) -> None:
    """How long the training rows are, and, where a limit cuts some, what each limit would cut."""
    survey = lengths["survey"]
    to.print(_table(of_lengths.percentiles(survey)))
    learned = f", {lengths['targets']:,} of them learned" if lengths["targets"] else ""
    told = f"{lengths['total']:,} tokens in training rows{learned}; max_length {survey['in_force']:,}"
    if lengths["cut_rows"]:
        to.print(Text(f"{told} cuts {lengths['cut_rows']:,} rows.", style="dim"))
        to.print()
        to.print(_table(of_lengths.limits(survey)))
        to.print(Text(of_lengths.remark(survey), style="dim"))
    else:
        to.print(Text(f"{told} cuts no row.", style="dim"))


def _cost(record: Mapping[str, Any]) -> RenderableType:
    """The model, and what its training takes in memory and time."""
    memory, rehearsal = record["memory"], record["rehearsal"]
    table = Table.grid(padding=(0, 2))
    needed = sum(memory[part] or 0 for part in dataset.MEMORY)
    whole = size(memory["available"] + memory["program"])
    model = f"{Path(record['model']).name}, {record['parameters'] / 1e6:,.1f} million parameters"
    lines = [("Training", f"{record['task']}, {record['method']}; {printable(model)}")]
    if rehearsal:
        counted = (
            f"{size(rehearsal['peak_bytes'])} of {whole} measured in {rehearsal['steps']} steps, {size(needed)} counted"
        )
        speed = f"{rehearsal['tokens_per_second']:,.0f} tokens a second"
        both = f"about {duration(record['comparison_seconds'])} to compare on {record['rows']['test']:,} test rows"
        time = f"about {duration(rehearsal['seconds'])} for {record['steps']:,} steps, {speed}; {both}"
        lines += [("Memory", counted), ("Time", time)]
    else:
        parts = (f"{title} {size(memory[part])}" for part, title in dataset.MEMORY.items() if memory[part])
        lines.append(("Memory", f"{size(needed)} of {whole} counted: {', '.join(parts)}"))
    for label, value in lines:
        table.add_row(Text(label, style="dim"), value)
    return table


def _print_prompts(to: Console, record: Mapping[str, Any]) -> None:
    """The recipe's prompt and another one on the model before training: one table and a sentence."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Prompt", overflow="ellipsis", no_wrap=True, max_width=60)
    table.add_column(f"Loss, nats per {record['per']} ↓", justify="right", no_wrap=True)
    for title, key in (("recipe", "prompt"), ("other", "other_prompt")):
        words = "none" if record[key] is None else printable(" ".join(record[key].split()))
        table.add_row(Text(f"{title}: ", style="dim").append(words, style="default"), number(record["loss_nats"][key]))
    change = record["difference"]
    table.add_row(Text("difference", style="dim"), f"{number(change['value'], signed=True)} ({span(change)})")
    to.print(table)
    left_out = f", {record['left_out']:,} more did not fit" if record["left_out"] else ""
    to.print(Text(f"{record['rows']:,} {record['part']} rows, before training{left_out}.", style="dim"))
    to.print(Text(record["sentence"], style="bold"))


def print_runs(to: Console, runs: Sequence[tuple[RunRecord, str]]) -> None:
    """All runs with their verdicts: a table for a person, tab-separated lines for a pipe."""
    titles = ("run", "task", "model", "state", "verdict")
    rows = [(r.id, r.task, Path(r.model).name, r.state, verdict) for r, verdict in runs]
    if not to.is_terminal:
        for row in (titles, *rows):
            to.file.write("\t".join(printable(cell) for cell in row) + "\n")  # rich would turn tabs into spaces
        return
    if not rows:
        to.print("There are no runs yet: begin with `attune run DATA` or `attune demo`.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for title in titles:
        table.add_column(title.capitalize(), overflow="fold")
    for *cells, state, verdict in rows:
        table.add_row(*cells, Text(state, style=_STATES[state]), Text(verdict, style=_VERDICTS.get(verdict, "yellow")))
    to.print(table)


def print_run(to: Console, folder: Path) -> None:
    """One run: its facts, its table and verdict, and what can be done next."""
    view = RunView.read(folder)
    to.print(view.id, style="bold")
    table = Table.grid(padding=(0, 2))
    state = str(view.run.get("state"))
    table.add_row(Text("State", style="dim"), Text(state, style=_STATES.get(state, "")))
    table.add_row(Text("Created", style="dim"), str(view.run.get("created")))
    for label, value in facts(view):
        table.add_row(Text(label, style="dim"), value)
    to.print(table)
    to.print(Text("Folder", style="dim"), str(folder), soft_wrap=True)  # whole, to be copied
    if state == "done":
        print_outcome(to, folder)
        return
    tone, sentence = view.verdict()
    to.print(Text(sentence, style=_COLOURS[tone]))
    if state != "running":
        to.print(Text("Go on: ").append(shlex.join(["attune", "run", "--resume", str(folder)]), style="bold"))


def print_error(to: Console, error: AttuneError) -> None:
    """What happened, where, and how to mend it; of bad rows the first ones."""
    if isinstance(error, Interrupted):
        to.print(Text(f"{error.what[:1].upper()}{error.what[1:]}.", style="bold yellow"))
        to.print(f"{error.fix[:1].upper()}{error.fix[1:]}")
        return
    to.print(Text("Error: ", style="bold red").append(error.what, style="default"))
    if error.where:
        to.print(Text("  where  ", style="dim").append(error.where, style="default"))
    if isinstance(error, DataError):
        for row in error.rows[:LISTED_ROWS]:
            to.print(_bad_row(row))
        if error.total > LISTED_ROWS:
            to.print(f"  and {error.total - LISTED_ROWS:,} more")
    if error.fix:
        to.print(Text("  mend   ", style="dim").append(error.fix, style="default"))
    for note in getattr(error, "__notes__", ()):
        to.print(Text(f"  {note}"))


def _bad_row(row: RowError) -> Text:
    path = Path(row.file)
    file = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    place = f"{file}:{row.line}" + (f":{row.column}" if row.column else "")
    text = Text(f"  {place}", style="bold")
    text.append(f" {row.field}" if row.field else "", style="default")
    text.append(f" {row.message}", style="default")
    return text.append(f" ({row.fix})" if row.fix else "", style="dim")


def error_record(error: AttuneError) -> dict[str, Any]:
    """The error as the JSON object that --json prints."""
    record: dict[str, Any] = {
        "type": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "fix": error.fix,
        "exit_code": error.exit_code,
    }
    if isinstance(error, DataError):
        fields = ("file", "line", "column", "field", "code", "message", "fix")
        record["rows"] = [{name: getattr(row, name) for name in fields} for row in error.rows[:LISTED_ROWS]]
        record["total"] = error.total
    record["notes"] = list(getattr(error, "__notes__", ()))
    return {"error": record}

"""The verbs of `attune`: parse, call, print. Heavy rooms are imported inside the verbs, so that --help is quick."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

import attune
from attune.errors import AttuneError, DataError, EnvironmentFault, Interrupted
from attune.events import Stop

if TYPE_CHECKING:
    from attune.model.generate import Sampling
    from attune.pipeline import Outcome
    from attune.runs.store import RunRecord, Store
    from attune.terminal import Bar, JsonLines, Lines
    from attune.use import Opened

RUNS = Path("runs")
BUG = "This is a bug in Attune, not in your data. Please report it with the lines above."

app = typer.Typer(
    name="attune",
    help="Fine-tune language models on your own data, and see with evidence whether the result is better.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RunsOption = Annotated[Path, typer.Option("--runs", help="The folder that holds the runs.", metavar="DIR")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one value a line, for programs.")]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="Base model: hub id, folder or run.", metavar="M")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change a key of the recipe: training.epochs=2. Can be repeated.", metavar="KEY=VALUE"),
]
ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A run (id or the beginning of it), a model folder, or a hub id.")
]
SystemOption = Annotated[str, typer.Option("--system", help="A system message.", metavar="TEXT")]
FieldOption = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        help="A field of the model's prompt, where that is a template. Can be repeated.",
        metavar="NAME=VALUE",
    ),
]
LengthOption = Annotated[
    int | None, typer.Option("--max-new-tokens", min=1, help="Longest answer, in tokens.", metavar="N")
]
TemperatureOption = Annotated[
    float, typer.Option("--temperature", min=0.0, help="0 always takes the likeliest token.", metavar="T")
]
TopPOption = Annotated[float, typer.Option("--top-p", min=0.0, max=1.0, metavar="P", help="Nucleus sampling.")]
TopKOption = Annotated[int, typer.Option("--top-k", min=0, metavar="K", help="Draw from the K likeliest; 0: all.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, metavar="S", help="Seed of the draw.")]


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one verb and leave with its exit code: `attune.errors` has them; 1 is our bug, 141 a pipe that was closed."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app(args=arguments, prog_name="attune")
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
        if code == 1:  # typer leaves so when it could not write; our own bugs come as exceptions
            code = _closed_pipe()
        if code == Interrupted.exit_code:
            sys.stderr.write("\nStopped.\n")
    except BrokenPipeError:
        code = _closed_pipe()
    except AttuneError as error:
        code = _report(error, as_json="--json" in arguments)
    except MemoryError:
        fault = EnvironmentFault(
            "memory is used up", fix="lower training.microbatch_tokens or training.max_length, or use method.kind: lora"
        )
        code = _report(fault, as_json="--json" in arguments)
    except Exception:
        traceback.print_exc()
        sys.stderr.write(f"\n{BUG}\n")
        code = 1
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _closed_pipe()
    raise SystemExit(code)


def _closed_pipe() -> int:
    """Nobody reads our output any more: be quiet, also when Python flushes at its end."""
    from attune.terminal import CLOSED_PIPE_EXIT_CODE

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return CLOSED_PIPE_EXIT_CODE


def _report(error: AttuneError, *, as_json: bool) -> int:
    from attune import summary, terminal

    if as_json:
        terminal.write_json(sys.stdout, summary.error_record(error))
    else:
        summary.print_error(terminal.console(stderr=True), error)
    return error.exit_code


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(attune.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Fine-tune language models on your own data, and see with evidence whether the result is better."""


@app.command()
def run(
    recipe: Annotated[str | None, typer.Argument(metavar="RECIPE|DATA", help="A recipe, or data alone.")] = None,
    model: ModelOption = None,
    changes: SetOption = None,
    runs: RunsOption = RUNS,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Go on with this interrupted run.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune, test against the base model, and write the report."""
    if resume and (model or changes):
        raise typer.BadParameter("a resumed run keeps its recipe: leave --model and --set out", param_hint="--resume")
    if not resume and recipe is None:
        raise typer.BadParameter("give a recipe or a data file", param_hint="RECIPE|DATA")
    if resume:
        _walk(runs, as_json, resume=resume)
    else:
        assert recipe is not None
        _walk(runs, as_json, recipe=recipe, changes=_changes(model, changes))


@app.command()
def demo(runs: RunsOption = RUNS, changes: SetOption = None, as_json: JsonOption = False) -> None:
    """Run the example support-desk: a small model learns the answers of one shop."""
    places = (Path.cwd(), Path(attune.__file__).parents[2])
    recipes = [place / "examples" / "support-desk" / "recipe.yaml" for place in places]
    found = next((path for path in recipes if path.is_file()), None)
    if found is None:
        raise EnvironmentFault(
            "the example support-desk is not here: the installed package does not carry it",
            where=str(recipes[0]),
            fix="run `attune demo` in a checkout of Attune's repository",
        )
    _walk(runs, as_json, recipe=str(found), changes=changes or [])


@app.command()
def check(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE|DATA", help="A recipe, or data alone.")],
    model: ModelOption = None,
    changes: SetOption = None,
    other_prompt: Annotated[
        str | None,
        typer.Option(
            "--other-prompt",
            help="Compare data.prompt with this prompt (empty for none) on the model before training.",
            metavar="TEXT",
        ),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--html", help="Write all of it, with charts, as one HTML page too.", metavar="FILE")
    ] = None,
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Look at rows, splits and lengths, and rehearse a few steps for memory and time. Trains nothing.

    What is wrong with the data is told and does not change the exit code.
    """
    from attune import check as checks
    from attune import recipe as recipes
    from attune import summary, terminal
    from attune.runs.store import Store

    if page is not None and not page.absolute().parent.is_dir():
        raise EnvironmentFault("there is no such folder for the page", where=str(page), fix="make it, or name another")
    stop = Stop()
    with _stopping(stop), _bad_rows_listed(runs), _listener(as_json, stop) as emit:
        loaded = recipes.load(recipe, _changes(model, changes))
        found = checks.check(loaded, Store(runs), emit, stop=stop, other_prompt=other_prompt)
    record = found.record()
    if as_json:
        terminal.write_json(sys.stdout, {"event": "Result", **record})
    else:
        summary.print_check(terminal.console(), record, page)
    if page is not None:
        from attune.report import check_page

        check_page.write(page, record)
    if not found.fits:
        raise EnvironmentFault(
            "the memory does not hold this training",
            where=recipe,
            fix="use method.kind: lora, a smaller model, or lower training.max_length or training.microbatch_tokens",
        )


@app.command()
def show(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE|DATA", help="A recipe, or data alone.")],
    count: Annotated[int, typer.Option("-n", min=1, help="How many training rows.", metavar="N")] = 3,
    model: ModelOption = None,
    changes: SetOption = None,
    runs: RunsOption = RUNS,
) -> None:
    """Print training rows token by token: what is learned, what is context, what the template adds, what is cut."""
    from rich.text import Text

    from attune import recipe as recipes
    from attune.prepare import prepare
    from attune.runs.store import Store
    from attune.terminal import console
    from attune.tokens import show as tokens

    with _bad_rows_listed(runs):
        prepared = prepare(recipes.load(recipe, _changes(model, changes)), Store(runs))
    out = console()
    coloured = out.color_system is not None and not out.no_color
    out.print(tokens.legend(coloured=coloured))
    if prepared.prompt:
        out.print(Text("the prompt, context of every row: ", style="dim").append(tokens.visible(prepared.prompt.text)))
    for row in prepared.shown(range(min(count, len(prepared.train.kept)))):
        out.print()
        out.print(f"{row.example.origin}: {row.what}", style="bold")
        out.print(tokens.to_rich(row.spans) if coloured else tokens.to_plain(row.spans), markup=False)


@app.command()
def label(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE|DATA", help="A recipe, or data alone.")],
    most: Annotated[int | None, typer.Option("-n", min=1, help="Show at most so many rows.", metavar="N")] = None,
    by: Annotated[str, typer.Option("--by", help="Who decides; left out, the user's name.", metavar="NAME")] = "",
    again: Annotated[bool, typer.Option("--again", help="Show also rows that were decided about before.")] = False,
    decisions: Annotated[
        Path | None,
        typer.Option("--decisions", help="Where to keep them; left out, beside the data.", metavar="FILE"),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", help="Write the rows as one HTML page instead.", metavar="FILE")
    ] = None,
    taken: Annotated[
        Path | None, typer.Option("--take", help="Add the decisions that a page saved.", metavar="FILE")
    ] = None,
    changes: SetOption = None,
    runs: RunsOption = RUNS,
) -> None:
    """Label rows, or correct those that the audit doubts most. The data file is never changed.

    Keys: a number or letter gives a label, Enter keeps what stands there, e edits, d drops the row, s skips it, u takes
    the last decision back, l and n name a label, w shows the whole text, q ends. From a pipe, one of them a line.
    """
    from attune import labelling, review, terminal

    if page and taken:
        raise typer.BadParameter("write a page, or take what one saved", param_hint="--take")
    who, stop, out = by or _user(), Stop(), terminal.console()
    with _stopping(stop), _bad_rows_listed(runs), _listener(False, stop) as emit:
        work = labelling.open_work(recipe, changes or (), decisions, emit=emit, stop=stop)
        items = [] if taken else work.queue(again=again, most=most, emit=emit, stop=stop)
    if taken:
        review.print_taken(out, work, *labelling.take(work, taken))
    elif not items:
        review.print_nothing(out, work)
    elif page:
        review.print_page(out, page, len(items), labelling.write_page(page, work, items, who))
    else:
        review.review(work, items, who, out)


@app.command()
def evaluate(
    model: ModelArgument,
    data: Annotated[str, typer.Option("--data", metavar="FILE", help="Rows with their right answers.")],
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Let a model do its task on every row of a file and score it, with 95% intervals."""
    from attune import summary, terminal, use
    from attune.runs.store import Store

    with _bad_rows_listed(runs), _listener(as_json, Stop()) as emit:
        found = use.evaluate(model, data, Store(runs), emit)
    if as_json:
        terminal.write_json(sys.stdout, {"event": "Result", **dataclasses.asdict(found)})
    else:
        summary.print_scores(terminal.console(), found.task, found.rows, found.scores)


@app.command(name="runs")
def list_runs(
    reference: Annotated[str | None, typer.Argument(metavar="[RUN]", help="One run, in detail.")] = None,
    runs: RunsOption = RUNS,
) -> None:
    """List the runs, newest first, or tell what one run holds."""
    from attune import summary, terminal
    from attune.runs.store import Store

    store, out = Store(runs), terminal.console()
    if reference is not None:
        summary.print_run(out, store.find(reference))
        return
    summary.print_runs(out, [(record, _verdict(store, record)) for record in store.runs()])
    for fault in store.damaged:
        summary.print_error(terminal.console(stderr=True), fault)


@app.command()
def report(reference: Annotated[str, typer.Argument(metavar="RUN", help="A run.")], runs: RunsOption = RUNS) -> None:
    """Write a run's report.html anew and print its path."""
    typer.echo(attune.write_report(reference, runs=runs))


@app.command()
def generate(
    model: ModelArgument,
    prompt: Annotated[str, typer.Option("--prompt", "-p", metavar="TEXT", help="What to ask.")] = "",
    system: SystemOption = "",
    fields: FieldOption = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Continue the text as it stands, without chat template and the model's own prompt."),
    ] = False,
    max_new_tokens: LengthOption = None,
    temperature: TemperatureOption = 0.0,
    top_p: TopPOption = 1.0,
    top_k: TopKOption = 0,
    seed: SeedOption = 0,
    stop: Annotated[str, typer.Option("--stop", metavar="TEXT", help="End the answer before this text.")] = "",
    runs: RunsOption = RUNS,
    as_json: JsonOption = False,
) -> None:
    """Ask a model once. A classification model answers with its label."""
    from attune import talk, terminal, use
    from attune.data.example import Message
    from attune.runs.store import Store

    if raw and fields:
        raise typer.BadParameter("--raw leaves the model's prompt out, which has the fields", param_hint="--field")
    if not prompt and not fields:
        raise typer.BadParameter("say what to ask", param_hint="--prompt")
    opened = use.open_model(model, Store(runs), _fields(fields))
    if opened.model.labels:
        ((label, confidence),) = use.labels(opened, [prompt])
        if as_json:
            answer = {"model": model, "prompt": prompt, "label": label, "confidence": confidence}
            terminal.write_json(sys.stdout, answer)
        else:
            talk.print_label(label, confidence)
        return
    if not prompt and opened.chats:
        raise typer.BadParameter("the fields are the prompt's; say what to ask", param_hint="--prompt")
    if system and (raw or not opened.chats):
        raise typer.BadParameter("a system message needs a model that chats, and no --raw", param_hint="--system")
    messages = [*([Message("system", system)] if system else []), Message("user", prompt)]
    sampling = _sampling(opened, max_new_tokens, temperature, top_p, top_k, seed)
    pieces = use.answer(opened, messages, sampling, raw=raw, stop=stop)
    if as_json:
        terminal.write_json(sys.stdout, {"model": model, "prompt": prompt, "output": "".join(pieces)})
    else:
        talk.print_pieces(pieces)


@app.command()
def chat(
    model: ModelArgument,
    system: SystemOption = "",
    fields: FieldOption = None,
    max_new_tokens: LengthOption = None,
    temperature: TemperatureOption = 0.0,
    top_p: TopPOption = 1.0,
    top_k: TopKOption = 0,
    seed: SeedOption = 0,
    runs: RunsOption = RUNS,
) -> None:
    """Talk with a model: /reset begins anew, /exit or Ctrl-D ends, Ctrl-C stops an answer."""
    from attune import talk, use
    from attune.runs.store import Store

    opened = use.open_model(model, Store(runs), _fields(fields))
    talk.chat(opened, _sampling(opened, max_new_tokens, temperature, top_p, top_k, seed), name=model, system=system)


def _sampling(
    opened: Opened, max_new_tokens: int | None, temperature: float, top_p: float, top_k: int, seed: int
) -> Sampling:
    from attune.model.generate import Sampling

    return Sampling(max_new_tokens or opened.max_new_tokens, temperature, top_p, top_k, seed)


def _fields(given: list[str] | None) -> dict[str, str]:
    """--field audience=children; the value is text as it stands."""
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f'"{text}" is not of the form name=value', param_hint="--field")
        found[name] = value
    return found


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise typer.BadParameter("the system does not tell your name: give it", param_hint="--by") from None


def _changes(model: str | None, changes: list[str] | None) -> list[str]:
    """--model is an override like any other; JSON quoting keeps a name with a colon or a hash in one piece."""
    named = [f"model={json.dumps(model, ensure_ascii=False)}"] if model is not None else []
    return [*named, *(changes or [])]


def _walk(
    runs: Path, as_json: bool, *, recipe: str | None = None, changes: list[str] | None = None, resume: str | None = None
) -> None:
    """Run or resume, with progress, and print what came out."""
    from attune import pipeline, summary, terminal
    from attune import recipe as recipes
    from attune.runs.store import Store

    store, stop = Store(runs), Stop()
    outcome: Outcome
    try:
        with _stopping(stop), _bad_rows_listed(runs), _listener(as_json, stop) as emit:
            if resume is not None:
                outcome = pipeline.resume(resume, store, emit, stop=stop)
            else:
                assert recipe is not None
                outcome = pipeline.run(recipes.load(recipe, changes or ()), store, emit, stop=stop)
    except Interrupted as interruption:
        if interruption.where and runs != RUNS:
            again = shlex.join(["attune", "run", "--resume", interruption.where, "--runs", str(runs)])
            interruption.fix = f"go on with: {again}"
        raise
    if as_json:
        terminal.write_json(sys.stdout, {"event": "Result", **outcome.results})
    else:
        summary.print_outcome(terminal.console(), outcome.folder)


@contextmanager
def _stopping(stop: Stop) -> Iterator[None]:
    """While training, Ctrl-C and SIGTERM ask for a stop; asking again while it saves changes nothing."""

    def request(*_: object) -> None:
        if not sys.stdout.isatty():  # a bar says it itself
            message = "still saving, one moment" if stop.requested else "stopping: what is done is being saved"
            os.write(2, f"{message}\n".encode())
        stop.request()

    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listener(as_json: bool, stop: Stop) -> Bar | Lines | JsonLines:
    from attune import terminal

    if as_json:
        return terminal.JsonLines(sys.stdout)
    out = terminal.console()
    return terminal.Bar(out, stop) if out.is_terminal and not out.is_dumb_terminal else terminal.Lines(out)


@contextmanager
def _bad_rows_listed(runs: Path) -> Iterator[None]:
    """Write all bad rows of a refused file, as JSON lines, where they can be worked through."""
    try:
        yield
    except DataError as error:
        if error.rows:
            from attune.runs.store import write_durably

            path = runs / f"bad-rows-{Path(error.rows[0].file).stem or 'data'}.jsonl"
            rows = [dataclasses.asdict(row) for row in error.rows]
            try:
                write_durably(
                    path, (json.dumps(row, ensure_ascii=False).encode(errors="replace") + b"\n" for row in rows)
                )
                listed = "every error is" if len(rows) == error.total else f"the first {len(rows):,} errors are"
                error.add_note(f"{listed} listed in {path}")
            except EnvironmentFault as fault:
                error.add_note(f"the bad rows could not be listed: {fault}")
        raise


def _verdict(store: Store, record: RunRecord) -> str:
    """A finished run's verdict, "" for others."""
    if record.state != "done":
        return ""
    try:
        results: Any = json.loads((store.find(record.id) / "results.json").read_bytes())
        return str(results["verdict"])
    except (OSError, ValueError, KeyError, TypeError):
        return "results.json is damaged"

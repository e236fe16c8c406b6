"""From a recipe to everything that is known before anything is trained or written: read, split, tokenise, settle.

A wrong recipe, a bad row or an unsafe model ends the run here, before it leaves a trace. Rooms that load torch are
imported where they are entered: a bad file is refused without them.
"""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Series
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from attune import automatic
from attune.data import duplicates, prompt, source
from attune.data.clean import Cleaner
from attune.data.example import Example
from attune.data.finding import LISTED_ROWS, Finding
from attune.data.likeness import Cluster
from attune.data.prompt import TaskPrompt
from attune.data.split import Splits, check_given, split
from attune.errors import DataError, EnvironmentFault, RecipeError, RowError
from attune.events import Emit, Note, Progress, StageFinished, StageStarted, Stop, silent
from attune.recipe import EMBEDDED, Recipe, Resolution
from attune.runs.store import Store

if TYPE_CHECKING:
    from attune.model.memory import Footprint
    from attune.model.source import ModelSource
    from attune.tasks.task import Asking, Task
    from attune.tokens.fit import Cut, Fitted
    from attune.tokens.render import Renderer, TemplateProblem
    from attune.tokens.sequence import Sequence
    from attune.tokens.stored import StoredSequences

ENCODED_ROWS = 500  # between two looks at the request to stop
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Prepared:
    """Everything that is known before anything is trained or written. The rows of `splits` hold the prompt."""

    resolution: Resolution
    splits: Splits
    task: Task
    model: ModelSource
    renderer: Renderer
    train: Fitted
    validation: Fitted
    findings: list[Finding]
    parameters: int
    cleaner: Cleaner
    prompt: TaskPrompt | None = None

    @property
    def recipe(self) -> Recipe:
        """The recipe with no automatic value left."""
        return self.resolution.recipe

    def asking(self, on_progress: Callable[[int], None]) -> Asking:
        """How base and tuned are asked: the same for both."""
        from attune.tasks.task import Asking

        training, evaluation = self.recipe.training, self.recipe.evaluation
        assert training.max_length and training.microbatch_tokens and evaluation.max_new_tokens
        return Asking(training.max_length, evaluation.max_new_tokens, training.microbatch_tokens, on_progress)

    def origins(self) -> dict[str, Example]:
        """Examples by id."""
        return {e.id: e for part in (self.splits.train, self.splits.validation, self.splits.test) for e in part}


def prepare(recipe: Recipe, store: Store, emit: Emit = silent, stop: Stop | None = None) -> Prepared:
    """Read, split, tokenise and settle every automatic value. Writes nothing.

    Raises:
        RecipeError, DataError, ModelError, EnvironmentFault: what is wrong, with place and mending.
    """
    stop = stop or Stop()
    resolution = Resolution(recipe)
    parts, task_name = _read(resolution, emit, stop)
    stop.check()
    cleaner = Cleaner(recipe.data.clean, recipe.data.audit)
    parts = _clean(cleaner, parts, emit)
    near, findings = _audit(resolution.recipe, parts, emit, stop)
    splits = _split(resolution.recipe, parts, near)
    emit(Note("split", "info", splits.reason))
    asked = prompt.parse(recipe.data.prompt)
    del parts  # the rows without the prompt need not stay beside those with it
    if asked:
        splits = _prompted(splits, asked)
    _settle_names(resolution, task_name)

    from attune.model.load import load_renderer
    from attune.model.source import resolve
    from attune.tasks.table import TASKS

    began = time.monotonic()
    emit(StageStarted("tokenise"))
    task = TASKS[task_name](splits.train)
    random = resolution.recipe.method.init == "random"
    reference = resolution.recipe.model
    model = resolve(reference, run_model=run_model(reference, store), weights=not random)
    renderer = load_renderer(model)
    encoded, problems = _encode(task, splits, renderer, emit, stop)
    of_tokens = _template_findings(task, renderer) + _prompt_findings(model, asked) + _problems(problems)
    parameters = _parameters(model, task, random=random)
    fitted = _settle_values(resolution, task, encoded, model, renderer, parameters)
    of_tokens += _cut_findings(fitted["train"].cuts, splits, resolution.recipe)
    emit(StageFinished("tokenise", time.monotonic() - began))
    _tell("tokenise", of_tokens, emit)
    findings += of_tokens
    return Prepared(
        resolution=resolution,
        splits=splits,
        task=task,
        model=model,
        renderer=renderer,
        train=fitted["train"],
        validation=fitted["validation"],
        findings=findings,
        parameters=parameters,
        cleaner=cleaner,
        prompt=asked,
    )


def run_model(reference: str | None, store: Store) -> Path | None:
    """The `model/` folder of the run that `reference` names, or None when it names no run.

    Raises:
        EnvironmentFault: the run exists but has no model yet.
    """
    if reference is None or ("/" in reference and not (Path(reference) / "run.json").is_file()):
        return None
    try:
        folder = store.find(reference)
    except EnvironmentFault:
        return None
    if not (folder / "model").is_dir():
        raise EnvironmentFault("this run has no model yet", where=folder.name, fix=f"attune run --resume {folder.name}")
    return folder / "model"


def _read(resolution: Resolution, emit: Emit, stop: Stop) -> tuple[dict[str, list[Example]], str]:
    """All examples of the given files, and the task that they are for. Every bad row of every file is in one error."""
    from attune.tasks.table import SHAPES, suggested

    recipe = resolution.recipe
    began = time.monotonic()
    emit(StageStarted("read"))
    parts: dict[str, list[Example]] = {}
    faults: list[DataError] = []
    shape = SHAPES[recipe.task] if recipe.task else None
    asked = prompt.parse(recipe.data.prompt, shape)
    task_name = recipe.task
    for part in PARTS:
        place = getattr(recipe.data, part)
        if place is None:
            continue
        try:
            fields = asked.fields if asked else ()
            reading = source.recognise(place, columns=recipe.data.columns, shape=shape, fields=fields)
            if task_name is None:
                task_name = suggested(reading.shape)  # type: ignore[assignment]
                resolution.settle("task", task_name, reading.reason)
                shape = reading.shape
                prompt.parse(recipe.data.prompt, shape)
            parts[part] = source.read_all(place, reading, emit=emit, stop=stop)
        except DataError as fault:
            faults.append(fault)
    if faults:
        raise _joined(faults)
    assert task_name is not None
    emit(StageFinished("read", time.monotonic() - began))
    return parts, task_name


def _encode(
    task: Task, splits: Splits, renderer: Renderer, emit: Emit, stop: Stop
) -> tuple[dict[str, StoredSequences], list[TemplateProblem]]:
    """Sequences of every part. A test row that cannot be used is found now, not after the training."""
    from attune.tasks.task import require_usable
    from attune.tokens.stored import StoredSequences

    parts = {part: getattr(splits, part) for part in PARTS}
    require_usable(task, [example for examples in parts.values() for example in examples])
    total, done = sum(map(len, parts.values())), 0
    encoded = {part: StoredSequences() for part in PARTS}
    problems: list[TemplateProblem] = []
    batches = (
        (part, examples[begin : begin + ENCODED_ROWS])
        for part, examples in parts.items()
        for begin in range(0, len(examples), ENCODED_ROWS)
    )
    # While the template's process renders one batch, this one tokenises another.
    with ThreadPoolExecutor(2) as pool:
        waiting = ((part, len(rows), pool.submit(task.encode, rows, renderer)) for part, rows in batches)
        under_way = deque(islice(waiting, 2))
        while under_way:
            part, count, encoding = under_way.popleft()
            found = encoding.result()
            under_way.extend(islice(waiting, 1))
            encoded[part].extend(s for group in found.sequences for s in group)
            problems += found.problems
            done += count
            emit(Progress("tokenise", done, total, "rows"))
            stop.check()
    return encoded, problems


def _joined(faults: list[DataError]) -> DataError:
    if len(faults) == 1:
        return faults[0]
    rows = tuple(row for fault in faults for row in fault.rows)[:LISTED_ROWS]
    what = "; ".join(f"{fault.where}: {fault.what}" for fault in faults)
    return DataError(what, fix=faults[0].fix, rows=rows, total=sum(fault.total for fault in faults))


def _clean(cleaner: Cleaner, parts: Mapping[str, list[Example]], emit: Emit) -> dict[str, list[Example]]:
    """All parts with their texts mended, and `data.train` without the rows that the recipe drops."""
    cleaned = {name: cleaner.mend(examples) for name, examples in parts.items()}
    cleaned["train"] = cleaner.drop(cleaned["train"])
    changed = len({change.origin for change in cleaner.changes})
    if changed or cleaner.rejections:
        emit(Note("clean", "info", f"{changed} rows were mended and {len(cleaner.rejections)} left out by data.clean."))
    return cleaned


def _audit(
    recipe: Recipe, parts: Mapping[str, list[Example]], emit: Emit, stop: Stop
) -> tuple[list[Cluster], list[Finding]]:
    """Near duplicates among the rows of `data.train`, and what the audit finds in all rows."""
    from attune.data import audit

    began = time.monotonic()
    emit(StageStarted("audit"))
    limits = recipe.data.audit
    rows = [example for examples in parts.values() for example in examples]
    near = audit.alike(rows, limits)
    found = audit.audit(rows, limits, near, emit=emit, stop=stop)
    given = {name: len(examples) for name, examples in parts.items()}
    found = [*duplicates.across_parts(rows, given, near), *found]
    emit(StageFinished("audit", time.monotonic() - began))
    _tell("audit", found, emit)
    return duplicates.among(near, rows, parts["train"]), found


def _tell(stage: str, findings: Series[Finding], emit: Emit) -> None:
    """What a person should not have to look up."""
    for finding in findings:
        if finding.severity != "info":
            emit(Note(stage, "warning", f"{finding.what} {finding.advice}".strip()))


def _split(recipe: Recipe, parts: Mapping[str, list[Example]], near: Series[Cluster]) -> Splits:
    """Parts as given, checked for leaks; what is not given is taken from the training rows."""
    wanted = recipe.data.split
    train, validation, test = (parts.get(part, []) for part in PARTS)
    given = train
    if parts.keys() == {"train"}:
        return split(train, validation=wanted.validation, test=wanted.test, seed=wanted.seed, alike=near)
    leaks = check_given(train, validation, test)
    if leaks:
        rows = tuple(
            RowError(
                later.origin.file,
                later.origin.line,
                0,
                "",
                "leak",
                f"the same prompt stands in {earlier.origin}: {which} share it",
                "keep it in one file",
            )
            for which, earlier, later in leaks[:LISTED_ROWS]
        )
        raise DataError(
            f"{len(leaks)} prompts stand in more than one of the given files",
            fix="remove them from one, or give data.train alone and let Attune split it",
            rows=rows,
            total=len(leaks),
        )
    reason = "parts as given"
    if not test and wanted.test:
        rest = split(train, validation=0.0, test=wanted.test, seed=wanted.seed, alike=near)
        train, test, reason = list(rest.train), list(rest.test), f"test taken from train: {rest.reason}"
    if not validation and wanted.validation:
        near = duplicates.among(near, given, train)
        rest = split(train, validation=wanted.validation, test=0.0, seed=wanted.seed, alike=near)
        train, validation, reason = list(rest.train), list(rest.validation), f"{reason}; validation: {rest.reason}"
    counts = f"{len(train)} training, {len(validation)} validation, {len(test)} test rows"
    train, validation, test = map(list, _unique_ids(train, validation, test))
    return Splits(tuple(train), tuple(validation), tuple(test), f"{counts}; {reason}")


def _prompted(splits: Splits, asked: TaskPrompt) -> Splits:
    """The rows with the prompt: only now, so that no check and no split takes what all have in common for likeness."""
    train, validation, test = map(asked.before_rows, (splits.train, splits.validation, splits.test))
    return Splits(train, validation, test, splits.reason)


def _unique_ids(*parts: Series[Example]) -> tuple[tuple[Example, ...], ...]:
    """Ids are unique inside a file; equal rows can still stand in two files only when they are documents' repeats."""
    seen: set[str] = set()
    result = []
    for part in parts:
        kept = []
        for example in part:
            unique, copy = example.id, 1
            while unique in seen:
                copy += 1
                unique = f"{example.id}-{copy}"
            seen.add(unique)
            kept.append(example if unique == example.id else dataclasses.replace(example, id=unique))
        result.append(tuple(kept))
    return tuple(result)


def _settle_names(resolution: Resolution, task_name: str) -> None:
    place = Path(resolution.recipe.data.train)
    stem = place.parent.name if place.stem in {"train", "data"} and place.parent.name else place.stem
    resolution.settle("name", stem or task_name, "named after the data")
    resolution.settle("model", EMBEDDED, "no model was named: the small base that Attune carries")


def _template_findings(task: Task, renderer: Renderer) -> list[Finding]:
    if task.name != "chat" or not renderer.plain:
        return []
    advice = 'A plain one ("User: ... Assistant: ...") is used and saved with the tuned model.'
    return [Finding("missing_template", "warning", "The model has no chat template.", advice=advice)]


def _prompt_findings(model: ModelSource, asked: TaskPrompt | None) -> list[Finding]:
    """A model that is tuned once more is asked by this recipe's prompt alone."""
    from attune.model import serving

    served = serving.read(model.tokenizer_folder)
    if served is None or served.prompt == asked:
        return []
    what = "The model was trained with another prompt than this recipe has."
    return [Finding("other_prompt", "warning", what, advice="Give the same data.prompt, unless another is meant.")]


def _problems(problems: Series[TemplateProblem]) -> list[Finding]:
    """Template problems as findings, one a kind, with their rows."""
    kinds: dict[str, list[TemplateProblem]] = {}
    for problem in problems:
        kinds.setdefault(problem.code, []).append(problem)
    return [
        Finding(
            f"template_{code}",
            "warning",
            f"In {len(found)} rows {found[0].message}.",
            tuple(dict.fromkeys(problem.origin for problem in found)),
            "See what is learned with `attune show`.",
        )
        for code, found in kinds.items()
    ]


def _cut_findings(cuts: Series[Cut], splits: Splits, recipe: Recipe) -> list[Finding]:
    """Rows that max_length cuts. A row that would lose its whole answer is an error unless the recipe decides."""
    origins = {e.id: e.origin for e in splits.train}
    lost = [cut for cut in cuts if cut.whole_answer]
    limit = recipe.training.max_length
    if lost and recipe.training.overlong == "error":
        rows = tuple(
            RowError(
                origins[cut.example_id].file,
                origins[cut.example_id].line,
                0,
                "",
                "answer_cut",
                f"{cut.total_tokens} tokens; all {cut.target_tokens} of the answer lie beyond {limit}",
                "shorten the row",
            )
            for cut in lost[:LISTED_ROWS]
        )
        raise DataError(
            f"{len(lost)} rows would lose their whole answer at training.max_length {limit}",
            fix="raise training.max_length, shorten the rows, or set training.overlong to drop or truncate",
            rows=rows,
            total=len(lost),
        )
    if not cuts:
        return []
    tokens = sum(cut.lost_target_tokens for cut in cuts)
    done = "left out" if recipe.training.overlong == "drop" else "cut"
    return [
        Finding(
            "overlong",
            "warning",
            f"{len(cuts)} rows are longer than {limit} tokens and are {done}; {tokens} answer tokens are lost.",
            tuple(dict.fromkeys(origins[cut.example_id] for cut in cuts)),
            "Raise training.max_length if the model allows it.",
            {"max_length": limit, "lost_target_tokens": tokens},
        )
    ]


def _parameters(model: ModelSource, task: Task, *, random: bool) -> int:
    """Parameters of the model, counted without loading weights."""
    from attune.model.load import count_parameters

    return count_parameters(model, head=task.head, labels=task.labels)


def _settle_values(
    resolution: Resolution,
    task: Task,
    encoded: Mapping[str, StoredSequences],
    model: ModelSource,
    renderer: Renderer,
    parameters: int,
) -> dict[str, Fitted]:
    """Settle what is automatic and bring the sequences to length."""
    from attune.evaluate.metrics import named
    from attune.model.load import context_tokens
    from attune.tokens.fit import Fitted, chunk, fit
    from attune.tokens.stored import StoredSequences
    from attune.train.device import available_bytes, best_precision, device

    train = encoded["train"]
    context = context_tokens(model)
    precision, precision_reason = best_precision()
    facts = automatic.Facts(
        longest=int(train.lengths.max()),
        longest_target=int(train.target_tokens.max()),
        context=context,
        parameters=parameters,
        metrics=task.metrics,
        precision=precision,
        precision_reason=precision_reason,
        gpu=device().type == "cuda",
        chunks=task.chunks,
        encoder=not model.generates,
    )
    asked = resolution.recipe.training.max_length
    if asked is not None and asked > context:
        raise RecipeError(
            f"training.max_length {asked} is more than the model's context of {context} tokens",
            where="training.max_length",
            fix=f"use at most {context}, or another model",
        )
    automatic.settle_lengths(resolution, facts)
    limit, overlong = resolution.recipe.training.max_length, resolution.recipe.training.overlong
    assert limit is not None
    fitted = {}
    for part in ("train", "validation"):
        sequences = encoded[part]
        if task.chunks:
            fitted[part] = Fitted(StoredSequences(p for s in sequences for p in chunk(s, limit)), (), ())
        else:
            # Validation rows are measured on what fits, never left out.
            fitted[part] = fit(sequences, limit, overlong if part == "train" else "truncate")
    if not fitted["train"].kept:
        raise DataError("every training row is too long", fix="raise training.max_length or use another model")
    automatic.settle(resolution, facts, len(fitted["train"].kept))
    for name in resolution.recipe.evaluation.metrics or ():
        named(name)
    if resolution.recipe.training.activation_checkpointing is None:
        needed = needed_memory(resolution.recipe, task, model, renderer, fitted["train"].kept)
        automatic.settle_checkpointing(resolution, needed.total, available_bytes() + needed.program)
    return fitted


def needed_memory(
    recipe: Recipe, task: Task, model: ModelSource, renderer: Renderer, train: Series[Sequence]
) -> Footprint:
    """The peak of a training by the settled recipe, known before a weight is read."""
    from attune.model.memory import footprint
    from attune.train.device import DTYPES, device, program_bytes
    from attune.train.loss import CHUNK_BYTES

    return footprint(
        model,
        renderer,
        recipe,
        train,
        head=task.head,
        labels=task.labels,
        dtype=DTYPES[recipe.training.precision or "fp32"],
        program=program_bytes(),
        chunk_bytes=CHUNK_BYTES[device().type],
    )

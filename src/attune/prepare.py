"""From a recipe to everything that is known before anything is trained or written: read, split, tokenise, settle.

A wrong recipe, a bad row or an unsafe model ends the run here, before it has a folder. Rooms that load torch are
imported where they are entered: a bad file is refused without them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Series
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attune import automatic
from attune.curate import PARTS, Curated, curate, recognised
from attune.data import prompt
from attune.data.balance import label_counts
from attune.data.example import Example, texts_of
from attune.data.finding import Finding
from attune.data.prompt import TaskPrompt
from attune.data.split import Splits
from attune.data.stored import changed
from attune.errors import DataError, EnvironmentFault, RecipeError
from attune.events import Emit, Stop, silent
from attune.process import importing
from attune.recipe import EMBEDDED, Recipe, Resolution
from attune.runs.kept import Kept
from attune.runs.store import NoRunError, Store

if TYPE_CHECKING:
    from attune.model.memory import Footprint
    from attune.model.source import ModelSource
    from attune.tasks.task import Asking, Task
    from attune.tokens.fit import Fitted
    from attune.tokens.lengths import Lengths
    from attune.tokens.render import Renderer
    from attune.tokens.sequence import Sequence
    from attune.tokens.show import Shown
    from attune.tokens.stored import StoredSequences

# What a training takes for each parameter of a file with four bytes for each, at the least: weights in bf16, an fp32
# master, its gradient and two averages, or the weights in fp32 first and then in bf16; and six for what a batch leaves
# behind. A file of fewer bytes only makes this a guess that is too low.
STORED_BYTES, FULL_BYTES, FROZEN_BYTES = 4, 24, 8


@dataclass(frozen=True)
class Prepared:
    """Everything that is known before anything is trained or written. The rows of `splits` hold the prompt.

    The audit may still be on its way: who asks for `findings` waits for it.
    """

    resolution: Resolution
    curated: Curated
    splits: Splits
    task: Task
    model: ModelSource
    renderer: Renderer
    train: Fitted
    validation: Fitted
    token_findings: list[Finding]
    parameters: int
    lengths: Lengths
    prompt: TaskPrompt | None = None

    @cached_property
    def findings(self) -> list[Finding]:
        """What the audit found, and what the tokens showed."""
        return [*self.curated.findings(), *self.token_findings]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all examples in order and of the model's weights: what a resumed run must share with its beginning.

        An id is that of the row as it was read; the texts are those that the model reads, cleaned and with the prompt.
        """
        digest = hashlib.sha256(self.model.fingerprint().encode())
        for part in PARTS:
            for example in getattr(self.splits, part):
                for text in (example.id, *texts_of(example)):
                    digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
            digest.update(b"\0")
        return digest.hexdigest()

    @cached_property
    def label_counts(self) -> dict[str, dict[str, int]]:
        """Rows by label and part, the most frequent label first; nothing where rows have no labels."""
        return label_counts({part: getattr(self.curated.splits, part) for part in PARTS})

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

    def shown(self, places: Series[int]) -> list[Shown]:
        """Training sequences token by token, by their index among those that are kept."""
        from attune.tokens.show import shown

        sequences, made = [self.train.kept[place] for place in places], []
        wanted = {sequence.example_id for sequence in sequences}
        found = {example.id: example for example in self.splits.train if example.id in wanted}
        for kept in sequences:
            example = found[kept.example_id]
            whole = partial(self._whole, example)
            label = self.task.labels[kept.label] if kept.label is not None else ""
            made.append(shown(kept, example, self.renderer, whole, label))
        return made

    def _whole(self, example: Example) -> Series[Sequence]:
        """The example's sequences before any is cut."""
        return self.task.encode([example], self.renderer).sequences[0]


def prepare(recipe: Recipe, store: Store, emit: Emit = silent, stop: Stop | None = None) -> Prepared:
    """Read, split, tokenise and settle every automatic value. Makes no run.

    Raises:
        RecipeError, DataError, ModelError, EnvironmentFault: what is wrong, with place and mending.
    """
    from attune.tasks.table import SHAPES, suggested

    stop = stop or Stop()
    resolution = Resolution(recipe)
    readings = recognised(recipe, SHAPES[recipe.task] if recipe.task else None)
    asked = prompt.parse(recipe.data.prompt, readings["train"].shape)
    resolution.settle("task", suggested(readings["train"].shape), readings["train"].reason)
    task_name = resolution.recipe.task
    assert task_name is not None
    curated = curate(recipe, readings, Kept(), emit, stop, meanwhile=partial(_load_libraries, recipe, store))
    splits = curated.splits if asked is None else _prompted(curated.splits, asked)
    _settle_names(resolution, task_name)

    from attune.encode import encode
    from attune.model.load import load_renderer
    from attune.model.source import resolve
    from attune.tasks.table import TASKS
    from attune.tokens.findings import of_cuts

    task = TASKS[task_name](splits.train)
    random = resolution.recipe.method.init == "random"
    reference = resolution.recipe.model
    model = resolve(reference, run_model=run_model(reference, store), weights=not random)
    renderer = load_renderer(model)
    prompted = curated.key and {**curated.key, "prompt": recipe.data.prompt}
    encoded = encode(task, splits, renderer, curated.kept, prompted, emit, stop)
    parameters = _parameters(model, task, random=random)
    fitted = _settle_values(resolution, task, encoded.parts, model, renderer, parameters)
    lengths = _survey(resolution.recipe, encoded.parts["train"], model, chunks=task.chunks)
    cut = of_cuts(fitted["train"].cuts, splits.train, lengths, resolution.recipe.training.overlong)
    return Prepared(
        resolution=resolution,
        curated=curated,
        splits=splits,
        task=task,
        model=model,
        renderer=renderer,
        train=fitted["train"],
        validation=fitted["validation"],
        token_findings=[*_prompt_findings(model, asked), *encoded.findings, *cut],
        parameters=parameters,
        lengths=lengths,
        prompt=asked,
    )


def _load_libraries(recipe: Recipe, store: Store) -> None:
    """Import what takes seconds, and is needed once the rows are known to be good."""
    with importing(_surely_needed(recipe, store)):
        import_module("transformers.modeling_utils")  # what every model is made of, and torch with it
        if recipe.method.kind == "lora":
            import_module("peft")


def _surely_needed(recipe: Recipe, store: Store) -> int:
    """Bytes that the training takes in any case, told from the size of the weight files alone."""
    from attune.model.source import weight_bytes

    parameters = weight_bytes(recipe.model, run_model=run_model(recipe.model, store)) // STORED_BYTES
    small = recipe.method.kind is None and parameters <= automatic.FULL_TUNING_LIMIT_PARAMETERS
    return parameters * (FULL_BYTES if small or recipe.method.kind == "full" else FROZEN_BYTES)


def run_model(reference: str | None, store: Store) -> Path | None:
    """The `model/` folder of the run that `reference` names, or None when it names no run.

    Raises:
        EnvironmentFault: the run exists but has no model, or several runs begin so.
    """
    if reference is None:
        return None
    path = Path(reference)
    if "/" in reference and not (path / "run.json").is_file():
        if path.parent.name == store.root.name and not path.exists():
            store.find(path.name)  # "runs/..." is no name of a hub: what there is instead is said
        return None
    try:
        folder = store.find(reference)
    except NoRunError:
        return None
    if not (folder / "model").is_dir():
        state = json.loads((folder / "run.json").read_bytes()).get("state")
        fix = f"attune run --resume {shlex.quote(str(folder))}"
        if state == "done":
            raise EnvironmentFault("the run's model is gone", where=str(folder), fix="bring it back, or train anew")
        raise EnvironmentFault("this run has no model yet", where=str(folder), fix=fix)
    return folder / "model"


def _prompted(splits: Splits, asked: TaskPrompt) -> Splits:
    """The rows with the prompt: only now, so that no check and no split takes what all have in common for likeness."""
    train, validation, test = (changed(getattr(splits, part), asked.before_row) for part in PARTS)
    return dataclasses.replace(splits, train=train, validation=validation, test=test)


def _prompt_findings(model: ModelSource, asked: TaskPrompt | None) -> list[Finding]:
    """A model that is tuned once more is asked by this recipe's prompt alone."""
    from attune.model import serving

    served = serving.read(model.tokenizer_folder)
    if served is None or served.prompt == asked:
        return []
    what = "The model was trained with another prompt than this recipe has."
    return [Finding("other_prompt", "warning", what, advice="Give the same data.prompt, unless another is meant.")]


def _settle_names(resolution: Resolution, task_name: str) -> None:
    place = Path(resolution.recipe.data.train)
    stem = place.parent.name if place.stem in {"train", "data"} and place.parent.name else place.stem
    resolution.settle("name", stem or task_name, "named after the data")
    resolution.settle("model", EMBEDDED, "no model was named: the small base that Attune carries")


def _survey(recipe: Recipe, train: StoredSequences, model: ModelSource, *, chunks: bool) -> Lengths:
    """Lengths of the training sequences before any is cut."""
    from attune.model.load import context_tokens
    from attune.tokens.lengths import survey

    limit, batch_size = recipe.training.max_length, recipe.training.batch_size
    assert limit and batch_size
    return survey(train, in_force=limit, context=context_tokens(model), batch_size=batch_size, chunks=chunks)


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
    fitted, closing = {}, renderer.closing_tokens if task.labels else 0
    for part in ("train", "validation"):
        sequences = encoded[part]
        if task.chunks:
            fitted[part] = Fitted(StoredSequences(p for s in sequences for p in chunk(s, limit)), (), ())
        else:
            # Validation rows are measured on what fits, never left out.
            fitted[part] = fit(sequences, limit, overlong if part == "train" else "truncate", closing)
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

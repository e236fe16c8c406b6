"""THE configuration: one frozen tree, read from YAML 1.2, written back resolved.

Everything but `data.train` has a default. A value of `None` means "automatic": the pipeline settles it before anything
runs, from the data and the machine, and `dump` writes it with its reason. One key, one meaning, no aliases; an unknown
key is refused with its line and the nearest known key.
"""

from __future__ import annotations

import difflib
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from attune.errors import RecipeError
from attune.strict_yaml import MAXIMUM_DEPTH, Lines, parse, read, shortened, shown

LISTED_MISTAKES = 20
RECIPE_SUFFIXES = (".yaml", ".yml")
# Name of the small base model that the package carries.
EMBEDDED = "attune-base"

TaskName = Literal["chat", "complete", "classify", "domain"]
LeakName = Literal["record", "prompt", "near_duplicate", "group", "containment", "time", "given_away", "shortcut"]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Name = Annotated[str, Field(min_length=1, max_length=4096)]  # as long as a path may be
# Bounded, so that no product of them leaves what a float or a tensor's size can hold.
PositiveInt = Annotated[int, Field(ge=1, le=10**9)]
NonNegativeInt = Annotated[int, Field(ge=0, lt=2**32)]


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Split(_Node):
    """How `data.train` is divided when no validation or test file is given."""

    validation: Fraction = 0.1
    """Share of the rows that watch training."""
    test: Fraction = 0.1
    """Share of the rows that nothing but the final test sees."""
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    """Of the split; it does not depend on the order of the rows."""
    group_by: str | None = None
    """Column that says whom a row belongs to (a customer, a document): rows of one group stay in one part."""
    time_by: str | None = None
    """Column of dates or numbers: the oldest rows are trained on, the newest are the test."""


class Audit(_Node):
    """Thresholds of the data audit. What it finds is told, and never changes a row."""

    skip: tuple[str, ...] = ()
    """Names of checks that are left out."""
    near_duplicate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.8
    """Rows of which this share of word 5-grams is common to both (Jaccard) are near duplicates."""
    short_words: PositiveInt = 20
    """Rows of fewer words are compared by edit distance instead."""
    short_duplicate: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9
    """Short rows that are alike to this degree (1 is identical) are near duplicates."""
    few_rows: PositiveInt = 20
    """Warn about fewer rows in all."""
    class_ratio: Annotated[float, Field(ge=1.0)] = 10.0
    """Warn when the largest class has more than so many times the rows of the smallest."""
    class_entropy: Fraction = 0.7
    """Warn when the labels' entropy is below this share of what equal classes have."""
    class_rows: PositiveInt = 10
    """Warn about classes of fewer rows."""
    repetition: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3
    """Warn about targets of which this share of characters lies in repeated lines or in one repeated phrase."""
    language_probability: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """A language that is less likely than this is undetermined."""
    language_letters: PositiveInt = 20
    """Texts of fewer letters have an undetermined language."""
    shortcut_leak: Annotated[float, Field(gt=0.5, le=1.0)] = 0.95
    """Stop when length, numbers, order or a number at the start tell the test rows' labels better than this AUC."""
    secret_entropy: Annotated[float, Field(gt=0.0)] = 3.5
    """Bits per character above which a long token beside a word such as "key" or "password" counts as a secret."""
    vendi_score: Annotated[float, Field(ge=1.0)] = 10.0
    """Warn when 100 or more prompts or targets differ only as much as so few that have nothing in common."""
    two_sample_auc: Annotated[float, Field(ge=0.5, le=1.0)] = 0.6
    """Warn when the words of a row tell one part's rows from another's better than this (0.5 is chance)."""
    label_shift: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """Warn when part and label hang together more than this (Cramer's V) and not by chance."""
    length_shift: Annotated[float, Field(gt=0.0)] = 0.25
    """Warn when the lengths of two parts' rows differ more than this (population stability index) and not by chance."""
    covered_cosine: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """A row whose nearest training row is less alike than this (cosine of TF-IDF) has nothing like it there."""
    uncovered: Fraction = 0.05
    """Warn when a greater share of rows has nothing like them in the training rows, and not by chance."""
    toxic_words: tuple[str, ...] = ()
    """Further words, and phrases of two words, that count as offensive."""
    toxic_score: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """Texts of this score of toxicity are told; by the list of words, one gives 0.5, two 0.75, three 0.875."""
    group_rows: PositiveInt = 30
    """Groups of people that fewer rows mention are named, and not measured."""
    group_odds: Annotated[float, Field(gt=1.0)] = 2.0
    """Warn of labels and answers that are so many times more, or less, likely (odds) beside a group of people."""


class Clean(_Node):
    """What is mended or left out before anything is audited. Nothing, unless it is asked for here."""

    repair_text: bool = False
    """Mend text that was decoded wrongly (such as "cafÃ©"), and ligatures and signs that come of it."""
    mask_personal_data: bool = False
    """Put pseudonyms such as [EMAIL_1] in place of what `personal_data` finds, one for each value in all the data."""
    drop: tuple[str, ...] = ()
    """Checks whose rows are left out of `data.train`; of duplicates, the first row stays."""


class Data(_Node):
    """Where the examples are: files, folders or hub data set names."""

    train: Name
    """A file (.jsonl, .json, .csv, .tsv, .parquet, .txt, .md), a folder of texts, or a hub data set."""
    validation: Name | None = None
    """The same for validation; left out, rows are taken from train."""
    test: Name | None = None
    """The same for the test rows; left out, rows are taken from train."""
    like: Name | None = None
    """Texts of the real job, labelled or not: the audit compares the training rows with them. Never trained on."""
    split: Split = Split()
    """How train is divided when validation or test is not given."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Role -> column of the file, where the names are not recognised: {prompt: question, completion: answer}."""
    accept_leaks: tuple[LeakName, ...] = ()
    """Kinds of leaks between the given parts that do not stop the run; both scores are told then."""
    prompt: str | None = None
    """Put in front of every row, in training and whenever the model is asked; {column} takes that column of the row."""
    decisions: Name | None = None
    """A file of decisions that `attune label` wrote; they are used before anything else is done with the rows."""
    clean: Clean = Clean()
    """What is mended or left out before the audit."""
    audit: Audit = Audit()
    """What the audit of the data looks for."""


class Method(_Node):
    """What is trained: every weight (full), adapters (lora), the last layers (top), or a head alone (head)."""

    kind: Literal["full", "lora", "top", "head"] | None = None
    """What is trained: every weight, low-rank adapters, the last layers, or a head on a frozen trunk."""
    init: Literal["pretrained", "random"] = "pretrained"
    """"random" takes config and tokenizer of the model and draws new weights (pretraining)."""
    rank: PositiveInt = 16
    """LoRA: rank of the adapters."""
    alpha: PositiveInt | None = None
    """LoRA: the update is scaled by alpha / rank."""
    dropout: Fraction = 0.0
    """LoRA: dropout on the input of the adapters."""
    layers: PositiveInt | None = None
    """Top: so many last layers are trained, with what stands above them."""


class Training(_Node):
    """The optimizer's part. Lengths are in tokens, `batch_size` in sequences per optimizer step."""

    epochs: PositiveInt | None = None
    """Passes over the training rows."""
    max_steps: PositiveInt | None = None
    """Optimizer steps; when given, it decides instead of epochs."""
    batch_size: PositiveInt | None = None
    """Sequences per optimizer step, however they are split into micro-batches."""
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """Highest learning rate, reached after the warm-up."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate goes down to zero after the warm-up (constant: it does not)."""
    warmup: Fraction = 0.05
    """Share of the steps in which the learning rate rises."""
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    """AdamW weight decay; norms and biases are spared."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of each target that is spread over all tokens or labels; it shapes the gradient, not the reported loss."""
    max_grad_norm: Annotated[float, Field(gt=0.0)] = 1.0
    """Gradients are scaled down to this norm."""
    max_length: Annotated[int, Field(ge=8, le=10**9)] | None = None
    """Longest sequence in tokens; longer rows are cut, counted and listed."""
    overlong: Literal["error", "drop", "truncate"] = "error"
    """A row whose whole answer would be cut: stop, leave it out, or keep the answer and cut the prompt."""
    precision: Literal["bf16", "fp32"] | None = None
    """Arithmetic; what is trained has fp32 masters either way."""
    microbatch_tokens: PositiveInt | None = None
    """Tokens computed at once, padding included; it changes speed and memory, never the gradient."""
    activation_checkpointing: bool | None = None
    """Compute each layer a second time in the backward instead of keeping its states: less memory, slower."""
    evaluate_every: PositiveInt | None = None
    """Optimizer steps between validations."""
    checkpoint_every: PositiveInt | None = None
    """Optimizer steps between checkpoints; the best validation always has one."""
    patience: NonNegativeInt | None = None
    """Validations without a better one after which training stops; 0 never stops."""
    seed: NonNegativeInt = 0
    """Of data order, new weights, dropout and resampling."""

    def steps(self, sequences: int) -> int:
        """Optimizer steps that a training on so many sequences takes."""
        assert self.batch_size is not None
        return self.max_steps or (self.epochs or 1) * -(-sequences // self.batch_size)


class Evaluation(_Node):
    """How base and tuned are judged on the test rows."""

    metrics: tuple[str, ...] | None = None
    """What is compared; the first decides the verdict."""
    max_new_tokens: PositiveInt | None = None
    """Longest generated answer in tokens."""
    samples: NonNegativeInt = 20
    """Test rows shown side by side in the report."""


class Recipe(_Node):
    """One fine-tuning run, whole."""

    name: Annotated[str, Field(max_length=4096)] | None = None
    """Names the run folder."""
    task: TaskName | None = None
    """What the rows are for; inferred from their columns."""
    model: Name | None = None
    """Hub id (owner/name, with @revision if wanted), folder, or run; left out, the small base that Attune carries."""
    data: Data
    """Where the examples are."""
    method: Method = Method()
    """What is trained."""
    training: Training = Training()
    """How it is trained."""
    evaluation: Evaluation = Evaluation()
    """How it is judged."""


@dataclass
class Resolution:
    """A recipe on its way to having no automatic value left, with the reason for each value that was settled."""

    recipe: Recipe
    reasons: dict[str, str] = field(default_factory=dict)

    def settle(self, path: str, value: object, reason: str) -> None:
        """Give the automatic value at `path` ("training.epochs") its value; a value the user wrote stays."""
        *parents, leaf = path.split(".")
        nodes: list[BaseModel] = [self.recipe]
        for name in parents:
            nodes.append(getattr(nodes[-1], name))
        if getattr(nodes[-1], leaf) is not None:
            return
        child: object = value
        for node, name in zip(reversed(nodes), [leaf, *reversed(parents)], strict=True):
            child = type(node).model_validate({**{k: getattr(node, k) for k in type(node).model_fields}, name: child})
        assert isinstance(child, Recipe)
        self.recipe = child
        self.reasons[path] = reason


def load(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file, or make a recipe of a data file or hub data set name given alone.

    Relative paths in a recipe file start at its folder; in an override, at the working folder.

    Args:
        source: a .yaml/.yml recipe, or data as `data.train` takes it.
        overrides: "training.epochs=2" and the like; the value is read as YAML.

    Raises:
        RecipeError: unknown key, wrong value, broken YAML; names the line.
    """
    path = Path(source)
    if path.suffix.lower() not in RECIPE_SUFFIXES:
        tree: dict[str, Any] = {"data": {"train": str(source)}}
        return _finish(tree, {}, overrides, where=str(source), folder=Path.cwd())
    tree, lines = read(path)
    return _finish(tree, lines, overrides, where=str(source), folder=path.resolve().parent)


def from_mapping(tree: Mapping[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from nested Python mappings, checked like a file."""
    return _finish(dict(tree), {}, overrides, where="recipe", folder=Path.cwd())


def dump(recipe: Recipe, reasons: Mapping[str, str] | None = None) -> str:
    """YAML of the recipe, values of `None` left out, each settled value with its reason as a comment."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    def to_map(node: Mapping[str, Any], prefix: str) -> CommentedMap:
        out = CommentedMap()
        for key, value in node.items():
            if value is None or value == {}:
                continue
            path = f"{prefix}{key}"
            if isinstance(value, Mapping):
                out[key] = to_map(value, f"{path}.")
            else:
                out[key] = list(value) if isinstance(value, tuple) else value
                if reasons and path in reasons:
                    out.yaml_add_eol_comment(" ".join(reasons[path].split()), key, column=0)
        return out

    yaml = YAML()
    yaml.width = 10_000
    stream = io.StringIO()
    yaml.dump(to_map(recipe.model_dump(), ""), stream)
    return stream.getvalue()


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """The advice for an unknown name: the nearest known one if any is near, else all of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"known: {', '.join(known)}"


def _finish(tree: dict[str, Any], lines: Lines, overrides: Sequence[str], *, where: str, folder: Path) -> Recipe:
    """Apply overrides, validate, and make local paths absolute."""
    origins = dict(lines)
    for override in overrides:
        _apply(tree, override)
    overridden = {tuple(o.partition("=")[0].strip().split(".")) for o in overrides}
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        raise _explain(error, origins, overridden, where) from None
    return _with_absolute_paths(recipe, folder, overridden)


def _apply(tree: dict[str, Any], override: str) -> None:
    """Write one `a.b=value` into the tree."""
    path, equals, text = override.partition("=")
    keys = [key.strip() for key in path.split(".")]
    if not equals or not all(keys):
        what = f"{shown(override)} is not of the form key.path=value"
        raise RecipeError(what, where="--set", fix="write training.epochs=2")
    path = shortened(path)
    if len(keys) > MAXIMUM_DEPTH:
        raise RecipeError("nested too deep", where=f"--set {path}", fix=f"at most {MAXIMUM_DEPTH} levels")
    value, _ = parse(text, where=f"--set {path}")
    node = tree
    for key in keys[:-1]:
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            raise RecipeError(
                f'"{shortened(key)}" holds a value, not further keys', where=f"--set {path}", fix="check the path"
            )
        node = child
    node[keys[-1]] = value


def _explain(error: ValidationError, lines: Lines, overridden: set[tuple[str, ...]], where: str) -> RecipeError:
    """All of pydantic's complaints as one RecipeError in our words."""
    complaints: list[str] = []
    places: list[str] = []
    mistakes = error.errors(include_url=False)
    for item in mistakes[:LISTED_MISTAKES]:
        loc = tuple(str(part) for part in item["loc"])
        known_path = max((loc[:n] for n in range(len(loc) + 1) if loc[:n] in lines), key=len, default=())
        line = lines.get(known_path)
        path = shortened(".".join(loc))
        place = f"--set {path}" if loc in overridden else f"{where}:{line}" if line else where
        if item["type"] == "extra_forbidden":
            text = f'unknown key "{path}": {did_you_mean(loc[-1], _known_keys(loc[:-1]))}'
        elif item["type"] == "missing":
            text = f'"{path}" is required'
        elif item["type"] == "literal_error" and isinstance(item["input"], str):
            known = re.findall(r"'([^']*)'", item["ctx"]["expected"])
            text = f'"{path}" cannot be "{item["input"]}": {did_you_mean(item["input"], known)}'
        else:
            text = f'"{path}" is {shown(item["input"])}: {_plain(item["msg"])}'
        complaints.append(text)
        places.append(place)
    first, *rest = complaints
    further = [f"{place}: {text}" for place, text in zip(places[1:], rest, strict=True)]
    if len(mistakes) > LISTED_MISTAKES:
        further.append(f"and {len(mistakes) - LISTED_MISTAKES:,} more")
    return RecipeError("; ".join([first, *further]), where=places[0], fix="docs/reference/recipe.md lists every key")


def _plain(message: str) -> str:
    return message[0].lower() + message[1:]


def _known_keys(parents: tuple[str, ...]) -> list[str]:
    node: Any = Recipe
    for name in parents:
        node = node.model_fields[name].annotation
    return list(node.model_fields)


def spelled_out(path: str) -> Path:
    """A path whose ~ or ~user is replaced by that home folder; where there is no such user, it stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  # pathlib's own raises where there is no such user


def _with_absolute_paths(recipe: Recipe, folder: Path, overridden: set[tuple[str, ...]]) -> Recipe:
    def settle(value: str | None, path: tuple[str, ...]) -> str | None:
        if value is None:
            return None
        base = Path.cwd() if path in overridden else folder
        try:
            candidate = base / spelled_out(value)
            return str(candidate.resolve()) if candidate.exists() else value
        except OSError:  # no file system has such names
            return value

    data = recipe.data.model_copy(
        update={
            key: settle(getattr(recipe.data, key), ("data", key))
            for key in ("train", "validation", "test", "decisions", "like")
        }
    )
    return recipe.model_copy(update={"data": data, "model": settle(recipe.model, ("model",))})

"""The recipe says what is wrong and where; what it writes is what it reads."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.errors import EnvironmentFault, RecipeError
from attune.recipe import Recipe, Resolution, did_you_mean, dump, from_mapping, load


def write(folder: Path, text: str, name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str, overrides: tuple[str, ...] = ()) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        load(write(folder, text), overrides)
    return caught.value


def test_an_unknown_key_names_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    error = refused(tmp_path, "data:\n  train: a.jsonl\ntraining:\n  epochs: 2\n  learning_rat: 1e-4\n")
    assert error.where.endswith("recipe.yaml:5")
    assert error.what == 'unknown key "training.learning_rat": did you mean "learning_rate"?'
    assert error.exit_code == 2


def test_an_unknown_key_that_is_near_none_lists_all(tmp_path: Path) -> None:
    error = refused(tmp_path, "data: {train: a.jsonl}\nzzzzz: 1\n")
    assert "known: name, task, model, data, method, training, evaluation" in error.what
    assert error.where.endswith(":2")


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    error = refused(tmp_path, "data:\n  train: a.jsonl\n  split: {seeed: 1}\ntraining:\n  epochs: 0\n")
    assert error.where.endswith(":3")
    assert 'did you mean "seed"?' in error.what
    assert "recipe.yaml:5" in error.what
    assert '"training.epochs" is 0' in error.what


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: {epochs: 2}\ndata: {}\n", '"data.train" is required'),
        ("", "empty"),
        ("- a\n- b\n", "a recipe is a mapping"),
        ("data: {train: a\n", "not YAML"),
        ("data: {train: a}\ndata: {train: b}\n", "not YAML"),
        ("data: {train: a}\ntraining: {learning_rate: .nan}\n", "learning_rate"),
        ("data: {train: a}\ntraining: {learning_rate: .inf}\n", "learning_rate"),
        ("data: {train: a}\ntraining: {epochs: 2.5}\n", "epochs"),
        ("data: {train: a}\nmethod: {kind: qlorra}\n", "kind"),
    ],
)
def test_wrong_recipes_are_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refused(tmp_path, text).what


@pytest.mark.parametrize(
    "text",
    [
        "data: &d {train: a}\n",
        "x: &a [1]\ndata: {train: *a}\n",
        "data: {train: !!python/object:os.system a}\n",
        "data: !!map {train: a}\n",
        "base: &b {train: a}\ndata:\n  <<: *b\n",
    ],
)
def test_anchors_aliases_and_tags_are_refused(tmp_path: Path, text: str) -> None:
    error = refused(tmp_path, text)
    assert "anchors, aliases and tags" in error.what
    assert ".yaml:1" in error.where


def test_deep_nesting_is_refused_before_it_is_built(tmp_path: Path) -> None:
    assert "too deep" in refused(tmp_path, "data: " + "[" * 5000 + "]" * 5000).what


def test_a_huge_recipe_is_refused(tmp_path: Path) -> None:
    assert "1 MB" in refused(tmp_path, "# " + "x" * 1_000_001).what


def test_other_bytes_than_utf8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(b"data: {train: \xff}")
    with pytest.raises(RecipeError, match="byte 14"):
        load(path)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such recipe"):
        load(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [("2e-4", 2e-4), ("1E-3", 1e-3), ("0.5", 0.5), ("1", 1.0), ("5e-05", 5e-5)],
)
def test_numbers_are_read_as_yaml_1_2(tmp_path: Path, text: str, value: float) -> None:
    recipe = load(write(tmp_path, f"data: {{train: a}}\ntraining: {{learning_rate: {text}}}\n"))
    assert recipe.training.learning_rate == value


@pytest.mark.parametrize("word", ["no", "yes", "on", "off", "y", "NO", "2024-01-31", "12:30:00"])
def test_words_stay_words(tmp_path: Path, word: str) -> None:
    assert load(write(tmp_path, f"name: {word}\ndata: {{train: {word}}}\n")).name == word


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert load(write(tmp_path, "\ufeffdata: {train: a}\n")).data.train == "a"


def test_set_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "data: {train: a}\ntraining: {epochs: 1, seed: 3}\n")
    recipe = load(path, ["training.epochs=2", "method.kind=lora", "data.split.test=0.25", "name=no"])
    assert (recipe.training.epochs, recipe.training.seed) == (2, 3)
    assert (recipe.method.kind, recipe.data.split.test, recipe.name) == ("lora", 0.25, "no")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", "not of the form"),
        ("=3", "not of the form"),
        ("training..epochs=3", "not of the form"),
        ("training.epoch=3", 'did you mean "epochs"?'),
        ("training.epochs=many", "training.epochs"),
        ("data.train.x=1", "holds a value"),
        ("name=&a b", "anchors"),
    ],
)
def test_a_wrong_set_is_refused_as_such(tmp_path: Path, override: str, message: str) -> None:
    error = refused(tmp_path, "data: {train: a}\n", (override,))
    assert message in error.what
    assert error.where.startswith("--set")


def test_relative_paths_start_at_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    for folder in ("there", "here"):
        write(tmp_path / folder, "{}", "a.jsonl")
    path = write(tmp_path / "there", "data: {train: a.jsonl, test: owner/set}\n")
    monkeypatch.chdir(tmp_path / "here")
    assert load(path).data.train == str((tmp_path / "there" / "a.jsonl").resolve())
    assert load(path).data.test == "owner/set", "what is no file stays a name"
    assert load(path, ["data.train=a.jsonl"]).data.train == str((tmp_path / "here" / "a.jsonl").resolve())
    assert load("a.jsonl").data.train == str((tmp_path / "here" / "a.jsonl").resolve())
    assert load(os.path.relpath(path)).data.train == str((tmp_path / "there" / "a.jsonl").resolve())


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
AWKWARD = st.sampled_from(
    ["no", "null", "~", "2e-4", "1", "true", "a: b", "# x", "- x", "", " x ", "'", '"', "2024-01-01"]
)
TREES = st.fixed_dictionaries(
    {
        "data": st.fixed_dictionaries(
            {"train": TEXTS | AWKWARD.filter(bool)},
            optional={
                "columns": st.dictionaries(TEXTS, TEXTS | AWKWARD, max_size=3),
                "split": st.fixed_dictionaries({"test": st.floats(0, 0.99), "seed": st.integers(-9, 10**12)}),
            },
        )
    },
    optional={
        "name": TEXTS | AWKWARD,
        "training": st.fixed_dictionaries(
            {},
            optional={
                "learning_rate": st.floats(1e-12, 1.0),
                "epochs": st.integers(1, 10**6),
                "patience": st.just(0),
                "warmup": st.just(0.0),
            },
        ),
        "evaluation": st.fixed_dictionaries({"metrics": st.lists(TEXTS | AWKWARD, max_size=3)}),
    },
)


@settings(max_examples=150, deadline=None)
@given(tree=TREES, reason=TEXTS)
def test_what_is_written_is_read_again(
    tree: dict[str, Any], reason: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    recipe = from_mapping(tree)
    reasons = {"training.learning_rate": reason, "name": f"a\n{reason}", "evaluation.metrics": reason}
    path = write(tmp_path_factory.getbasetemp(), dump(recipe, reasons), "round-trip.yaml")
    assert load(path) == recipe


def test_reasons_stand_beside_their_values(tmp_path: Path) -> None:
    resolution = Resolution(from_mapping({"data": {"train": "a"}, "training": {"epochs": 2}}))
    resolution.settle("training.epochs", 9, "automatic")
    resolution.settle("training.batch_size", 16, "40 rows")
    resolution.settle("evaluation.metrics", ("rouge_l",), "what a chat is judged by")
    text = dump(resolution.recipe, resolution.reasons)
    assert resolution.recipe.training.epochs == 2, "what a person wrote stays"
    assert "automatic" not in text
    assert "batch_size: 16 # 40 rows" in text
    assert "what a chat is judged by" in text
    assert load(write(tmp_path, text)) == resolution.recipe


def test_a_settled_value_is_checked_like_any_other() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Resolution(from_mapping({"data": {"train": "a"}})).settle("training.epochs", 0, "")


def test_a_recipe_cannot_be_changed() -> None:
    recipe = from_mapping({"data": {"train": "a"}})
    with pytest.raises(ValueError, match="frozen"):
        recipe.training.epochs = 3  # type: ignore[misc]


def test_every_key_has_one_place() -> None:
    assert set(Recipe.model_fields) == {"name", "task", "model", "data", "method", "training", "evaluation"}


def test_did_you_mean() -> None:
    assert did_you_mean("epoch", ["epochs", "seed"]) == 'did you mean "epochs"?'
    assert did_you_mean("zzz", ["epochs", "seed"]) == "known: epochs, seed"


def test_a_home_folder_that_does_not_exist_is_an_ordinary_path(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {train: ~nobody-has-this-name/rows.jsonl}\n")
    assert load(path).data.train == "~nobody-has-this-name/rows.jsonl"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip))
def test_a_prompt_of_any_text_comes_back_from_the_written_recipe(prompt: str) -> None:
    written = from_mapping({"data": {"train": "x.jsonl", "prompt": prompt}})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_bytes(dump(written).encode())
        assert load(path).data.prompt == prompt


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("%YAML 1.1\n---\ndata: {train: a}\n", "directives", ":2"),
        ("data: {train: a}\nname: a\x07\n", "control character", ":2"),
        ('data: {train: a}\nname: "a\\0"\n', "cannot be used", ":2"),
        ('data: {train: a}\nname: "\\ud800"\n', "cannot be used", ":2"),
        ("data: [\n" + "a,\n" * 11_000 + "]\n", "more than 10,000 values", ":9999"),
        ('data: {train: ""}\n', "at least 1 character", ":1"),
        ("data: {train: a}\ntraining: {epochs: 99999999999999999999}\n", "1000000000", ":2"),
        ("data: {train: a}\nmethod: {rank: 1000000001}\n", "1000000000", ":2"),
        ("data: {train: a}\ntraining: {seed: 4294967296}\n", "4294967296", ":2"),
    ],
)
def test_what_no_run_could_use_is_refused_at_its_line(tmp_path: Path, text: str, message: str, line: str) -> None:
    error = refused(tmp_path, text)
    assert message in error.what
    assert error.where.endswith(line)


def test_messages_stay_short(tmp_path: Path) -> None:
    many = refused(tmp_path, "data: {train: a}\n" + "".join(f"k{i}: 1\n" for i in range(500)))
    assert many.what.endswith("and 480 more")
    assert many.where.endswith(":2")
    for text in (
        f"data: {{train: a}}\nmodel: [{'x' * 100_000}]\n",
        f"data: {{train: {'x' * 100_000}}}\n",
        f"data: {{train: a}}\n? {'k' * 100_000}\n: 1\n",
        f"data: {{train: a}}\ndata: {'x' * 100_000}\n",
    ):
        assert len(str(refused(tmp_path, text))) < 1000


@pytest.mark.parametrize("name", ["x" * 5000 + ".yaml", "a\0.yaml", "\ud800.yaml"])
def test_names_that_no_file_can_have_are_refused(name: str) -> None:
    with pytest.raises((RecipeError, EnvironmentFault)):
        load(name)


def test_a_path_that_no_file_system_takes_stays_as_it_is() -> None:
    assert from_mapping({"data": {"train": "x" * 4000}}).data.train == "x" * 4000


def test_an_override_of_100_000_keys_is_refused(tmp_path: Path) -> None:
    assert "too deep" in refused(tmp_path, "data: {train: a}\n", ("a." * 100_000 + "b=1",)).what

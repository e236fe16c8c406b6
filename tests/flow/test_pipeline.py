"""The whole way on tiny models, from a file of rows to results.json, for every task and method."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from crash import events, timeless_results
from safetensors.torch import load_file

from attune.errors import DataError, Interrupted, RecipeError
from attune.events import Event, Progress, RunFinished, StageFinished, Stop

Walk = Callable[..., Any]
Write = Callable[..., Path]


def _json(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def _lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]


def _check_folder(folder: Path, results: dict[str, Any]) -> None:
    """What every finished run holds, and that its parts belong together."""
    assert results == _json(folder, "results.json")
    assert results["run"] == folder.name == _json(folder, "run.json")["id"]
    assert _json(folder, "run.json")["state"] == "done"
    assert results["verdict"] in {"better", "worse", "no detectable difference", "too little data"}
    test, training = results["test"], results["training"]
    assert test["base"].keys() == test["tuned"].keys() == test["difference"].keys()
    assert next(iter(test["difference"])) == results["primary_metric"]
    for metric, difference in test["difference"].items():
        assert difference.keys() == {"value", "low", "high", "p_value", "verdict"}
        assert difference["value"] == pytest.approx(test["tuned"][metric] - test["base"][metric])
    assert training["steps"] == len({e["step"] for e in events(folder, "StepMetrics")}) > 0
    assert training["target_tokens"] <= training["input_tokens"]
    assert training["computed_tokens"] > 0 or (folder / "trunk").exists()
    assert training["seconds"] > 0 < training["tokens_per_second"]
    assert training["peak_memory_bytes"] > 0
    assert results["fitting"]["verdict"] in {"good", "overfit", "underfit", "unstable", "not decidable"}
    splits = _json(folder, "data/splits.json")
    rows = [row["id"] for row in splits["test"]]
    assert len(rows) == test["examples"] > 0
    for which in ("base", "tuned"):
        assert [p["example_id"] for p in _lines(folder, f"evaluation/predictions-{which}.jsonl")] == rows
    assert set(results["samples"]) <= set(rows)
    lines = [row["line"] for part in ("train", "validation", "test") for row in splits[part]]
    assert len(lines) == len(set(lines)), "a row is in one part only"
    assert {"run", "task", "model", "verdict", "test", "training", "fitting"} <= results.keys()
    assert (folder / "report.html").stat().st_size > 1000
    assert (folder / "README.md").is_file()


@pytest.mark.parametrize("method", ["full", "lora", "top", "head"])
def test_chat(walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path, method: str) -> None:
    heard: list[Event] = []
    outcome = walk(tiny_decoder, write_rows(rows.chat(30, turns=2)), heard.append, method={"kind": method, "layers": 1})
    _check_folder(outcome.folder, outcome.results)
    assert outcome.results["task"] == "chat"
    assert outcome.verdict == outcome.results["verdict"]
    finished = [e.stage for e in heard if isinstance(e, StageFinished)]
    assert finished == ["read", "tokenise", "audit", *["trunk"] * (method in ("top", "head")), "train", "base", "tuned"]
    assert isinstance(heard[-1], RunFinished)
    assert heard[-1].report == str(outcome.report)
    assert (outcome.folder / "model" / "adapter_config.json").is_file() == (method == "lora")


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_a_frozen_trunk_is_computed_once_for_all_epochs_and_runs(
    walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path, tiny_encoder: Path, kind: str
) -> None:
    data, model = write_rows(rows.labelled(60)), tiny_decoder if kind == "decoder" else tiny_encoder
    first = walk(model, data, method={"kind": "head"}, training={"max_steps": 30, "learning_rate": 1e-2})
    _check_folder(first.folder, first.results)
    assert first.results["training"]["computed_tokens"] == 0  # all of them before the training
    second = walk(model, data, method={"kind": "head"}, training={"max_steps": 5, "learning_rate": 1e-3})
    assert {e["stage"]: e["reused"] for e in events(second.folder, "StageFinished")}["trunk"]


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_the_last_layer_alone_is_trained_as_in_the_whole_model(
    walk: Walk,
    write_rows: Write,
    rows: Any,
    tiny_decoder: Path,
    tiny_encoder: Path,
    tmp_path: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On stored states the same weights come out as with the lower layer computed in every step."""
    from attune.model import trunk

    data = write_rows(rows.labelled(60))
    model = shutil.copytree(tiny_decoder if kind == "decoder" else tiny_encoder, tmp_path / "model")
    config = json.loads((model / "config.json").read_text())  # a trunk that is stored has no dropout
    config |= {name: 0.0 for name in config if name.endswith(("_dropout", "_dropout_prob"))}
    (model / "config.json").write_text(json.dumps(config))
    method = {"kind": "top", "layers": 1}
    training = {"max_steps": 12, "learning_rate": 1e-2}
    stored = walk(model, data, method=method, training=training)
    monkeypatch.setattr(trunk, "storable", lambda model, method: False)
    whole = walk(model, data, method=method, training=training)
    assert (stored.folder / "trunk").is_dir() and not (whole.folder / "trunk").exists()
    found, wanted = (load_file(run.folder / "model" / "model.safetensors") for run in (stored, whole))
    assert found.keys() == wanted.keys()
    before = load_file(model / "model.safetensors")
    for name, weight in found.items():
        torch.testing.assert_close(weight, wanted[name], rtol=1e-4, atol=1e-5)
        first = before.get(name, before.get(name.partition(".")[2]))  # a classifier's trunk has a name of its own
        if ".0." in name or "embed" in name:
            assert first is not None and torch.equal(weight, first), name
        elif ".1." in name:
            assert first is not None and not torch.equal(weight, first), name


def test_complete_in_bf16_takes_the_base_from_an_earlier_run(
    walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path
) -> None:
    data = write_rows(rows.pairs(40))
    first = walk(tiny_decoder, data, method={"kind": "full"}, training={"precision": "bf16"})
    _check_folder(first.folder, first.results)
    second = walk(tiny_decoder, data, method={"kind": "lora", "rank": 2}, training={"precision": "bf16"})
    _check_folder(second.folder, second.results)
    assert {e["stage"]: e["reused"] for e in events(first.folder, "StageFinished")} == {
        "base": False,
        "train": False,
        "tuned": False,
    }
    assert {e["stage"]: e["reused"] for e in events(second.folder, "StageFinished")} == {
        "base": True,
        "train": False,
        "tuned": False,
    }
    name = "evaluation/predictions-base.jsonl"
    assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
    other = walk(tiny_decoder, data, method={"kind": "full"}, training={"precision": "fp32"})
    assert not any(e["reused"] for e in events(other.folder, "StageFinished")), "other arithmetic, other predictions"


@pytest.mark.parametrize("family", ["encoder", "decoder"])
def test_classify(
    walk: Walk, write_rows: Write, rows: Any, tiny_encoder: Path, tiny_decoder: Path, family: str
) -> None:
    model = tiny_encoder if family == "encoder" else tiny_decoder
    data = write_rows(rows.labelled(60))
    training = {
        "max_steps": 40,
        "learning_rate": 5e-3,
        "patience": 0,
    }  # patience ends by chance
    outcome = walk(model, data, method={"kind": "full"}, training=training)
    _check_folder(outcome.folder, outcome.results)
    assert outcome.results["primary_metric"] == "accuracy"
    predicted = {p["output"] for p in _lines(outcome.folder, "evaluation/predictions-tuned.jsonl")}
    assert predicted <= {"first", "second", "third"}
    if family == "encoder":
        assert outcome.results["test"]["baseline"].startswith("majority class")
        assert outcome.results["test"]["tuned"]["accuracy"] > outcome.results["test"]["base"]["accuracy"]


def test_domain_from_random_weights(walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path) -> None:
    method = {"kind": "full", "init": "random"}
    outcome = walk(
        tiny_decoder, write_rows(rows.documents(40)), method=method, training={"max_length": 32, "learning_rate": 1e-2}
    )
    _check_folder(outcome.folder, outcome.results)
    test = outcome.results["test"]
    assert test["tuned"]["loss_nats_per_token"] < test["base"]["loss_nats_per_token"]
    assert _json(outcome.folder, "data/lengths.json")["cut"] == [], "documents are divided, not cut"


def test_one_seed_gives_one_result(walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path) -> None:
    data = write_rows(rows.pairs(40))
    method = {"kind": "lora", "rank": 4, "dropout": 0.2}
    once, again = (walk(tiny_decoder, data, method=method) for _ in range(2))
    assert once.folder != again.folder
    assert timeless_results(once.folder) == timeless_results(again.folder)
    weights = "model/adapter_model.safetensors"
    assert (once.folder / weights).read_bytes() == (again.folder / weights).read_bytes()
    other = walk(tiny_decoder, data, method=method, training={"seed": 1})
    assert (once.folder / weights).read_bytes() != (other.folder / weights).read_bytes()


def test_the_resolved_recipe_repeats_the_run(walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path) -> None:
    from attune.pipeline import run
    from attune.recipe import load
    from attune.runs.store import Store

    first = walk(tiny_decoder, write_rows(rows.pairs(40)))
    again = run(load(first.folder / "recipe.yaml"), Store(first.folder.parent))
    assert load(again.folder / "recipe.yaml") == load(first.folder / "recipe.yaml")
    assert timeless_results(first.folder) == timeless_results(again.folder)


class TestOverlongRows:
    """One row of thirty is far longer than max_length, in its answer; another already in its prompt."""

    MAX_LENGTH = 48

    @pytest.fixture
    def data(self, write_rows: Write, rows: Any) -> Path:
        pairs = rows.pairs(30)
        pairs[3]["completion"] = " " + "the red bicycle " * 40
        pairs[7]["prompt"] = "a small boat " * 40
        return write_rows(pairs)

    def _walk(self, walk: Walk, model: Path, data: Path, overlong: str, max_length: int = MAX_LENGTH) -> Any:
        split = {"validation": 0.1, "test": 0.0, "seed": self._seed_that_trains_on_both(data)}
        return walk(model, data, data={"split": split}, training={"max_length": max_length, "overlong": overlong})

    @staticmethod
    def _seed_that_trains_on_both(data: Path) -> int:
        from attune.data.audit import alike
        from attune.data.source import read_all, recognise
        from attune.data.split import split
        from attune.recipe import Audit

        examples = read_all(data, recognise(data))
        near = alike(examples, Audit())
        for seed in range(50):
            lines = {e.origin.line for e in split(examples, validation=0.1, test=0.0, seed=seed, alike=near).train}
            if {4, 8} <= lines:
                return seed
        raise AssertionError("no such seed")

    def test_truncate_keeps_the_row_and_lists_the_cut(self, walk: Walk, data: Path, tiny_decoder: Path) -> None:
        folder = self._walk(walk, tiny_decoder, data, "truncate").folder
        lengths = _json(folder, "data/lengths.json")
        assert sorted(cut["line"] for cut in lengths["cut"]) == [4, 8]
        assert len(lengths["train"]["total_tokens"]) == 27
        assert max(lengths["train"]["total_tokens"]) == self.MAX_LENGTH
        assert min(lengths["train"]["target_tokens"]) > 0, "the answer behind the long prompt is kept"
        assert (folder / "data/rejections.jsonl").read_text() == ""
        survey = lengths["survey"]
        (limit,) = [limit for limit in survey["limits"] if limit["max_length"] == self.MAX_LENGTH]
        assert (survey["sequences"], limit["cut"], limit["emptied"]) == (27, 2, 1)
        assert limit["lost_target_tokens"] == sum(cut["lost_target_tokens"] for cut in lengths["cut"])
        shown = _json(folder, "data/shown.json")
        assert len(shown) in (3, 4)
        assert any(kind == "cut" for row in shown for _, kind, _ in row["spans"]), "one of the rows that are cut"
        assert "What is learned" in (folder / "report.html").read_text()
        (finding,) = [f for f in _json(folder, "data/findings.json") if f["check"] == "overlong"]
        assert sorted(row["line"] for row in finding["rows"]) == [4, 8]

    def test_drop_leaves_the_rows_out_and_lists_them(self, walk: Walk, data: Path, tiny_decoder: Path) -> None:
        folder = self._walk(walk, tiny_decoder, data, "drop").folder
        assert sorted(row["line"] for row in _lines(folder, "data/rejections.jsonl")) == [4, 8]
        lengths = _json(folder, "data/lengths.json")
        assert len(lengths["train"]["total_tokens"]) == 25
        assert max(lengths["train"]["total_tokens"]) < self.MAX_LENGTH

    def test_error_refuses_a_row_without_its_answer(
        self, walk: Walk, data: Path, tiny_decoder: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(DataError, match="lose the whole answer") as caught:
            self._walk(walk, tiny_decoder, data, "error")
        assert [row.line for row in caught.value.rows] == [8]
        assert not (tmp_path / "runs").exists()


def test_without_test_rows_nothing_is_compared(walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path) -> None:
    outcome = walk(tiny_decoder, write_rows(rows.pairs(20)), data={"split": {"validation": 0.1, "test": 0.0}})
    assert outcome.verdict == "too little data"
    assert outcome.results["test"]["examples"] == 0
    assert not (outcome.folder / "evaluation" / "predictions-base.jsonl").exists()
    assert "Still running" not in outcome.report.read_text(encoding="utf-8")


def test_a_tuned_model_can_be_tuned_again(walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path) -> None:
    data = write_rows(rows.pairs(30))
    first = walk(tiny_decoder, data, method={"kind": "full"})
    second = walk(first.folder / "model", data, method={"kind": "full"})
    assert second.results["test"]["base"] == first.results["test"]["tuned"], "it begins where the first one ended"


def test_a_stop_while_tokenising_ends_the_run_before_it_writes(
    walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path
) -> None:
    stop = Stop()
    done: list[int] = []

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "tokenise":
            done.append(event.done)
            stop.request()

    with pytest.raises(Interrupted):
        walk(tiny_decoder, write_rows(rows.chat(1100)), listen, stop=stop)
    assert done == [500]
    assert not list(tmp_path.glob("**/run.json"))


def test_a_run_is_cleaned_and_audited_and_says_so(walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path) -> None:
    pairs = rows.pairs(40)
    pairs[5]["completion"] = " ask ann@example.org"
    pairs[9] = dict(pairs[8])
    pairs[11]["completion"] = " TODO"
    data = write_rows(pairs)
    plain = walk(tiny_decoder, data, method={"kind": "lora", "rank": 2})
    found = {f["check"]: f for f in _json(plain.folder, "data/findings.json")}
    assert {"personal_data", "exact_duplicates", "placeholder_targets"} <= found.keys()
    assert [row["line"] for row in found["placeholder_targets"]["rows"]] == [12]
    assert "ann@example.org" not in json.dumps(found)
    assert _json(plain.folder, "data/labels.json") == {}, "pairs have none"
    clean = {"mask_personal_data": True, "drop": ["exact_duplicates", "placeholder_targets"]}
    cleaned = walk(tiny_decoder, data, method={"kind": "lora", "rank": 2}, data={"clean": clean})
    assert not {"personal_data", "exact_duplicates", "placeholder_targets"} & {
        f["check"] for f in _json(cleaned.folder, "data/findings.json")
    }
    assert [row["line"] for row in _lines(cleaned.folder, "data/rejections.jsonl")] == [10, 12]
    (change,) = _lines(cleaned.folder, "data/changes.jsonl")
    assert (change["line"], change["rule"], change["after"]) == (6, "mask_personal_data", " ask [EMAIL_1]")


@pytest.mark.parametrize("wrong", [{"audit": {"skip": ["refusal"]}}, {"clean": {"drop": ["label_errors"]}}])
def test_a_check_that_does_not_exist_is_refused_before_anything_is_written(
    walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path, wrong: Any
) -> None:
    with pytest.raises(RecipeError):
        walk(tiny_decoder, write_rows(rows.pairs(40)), data=wrong)

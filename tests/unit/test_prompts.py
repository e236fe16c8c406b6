"""Two prompts beside each other on the model before training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import attune
from attune import cli
from attune.check import check
from attune.data.prompt import TaskPrompt
from attune.errors import ModelError, RecipeError
from attune.events import Stop, silent
from attune.prepare import Prepared, prepare
from attune.prompts import PromptComparison, compare_prompts
from attune.recipe import from_mapping
from attune.runs.store import Store

TEXT = "You are a painter. Say the colour."


def _prepared(data: Path, model: Path, folder: Path, **section: Any) -> Prepared:
    tree = {"data": {"train": str(data), **section}, "model": str(model), "training": {"precision": "fp32"}}
    return prepare(from_mapping(tree), Store(folder / "runs"))


def _compared(prepared: Prepared, other: str | None) -> PromptComparison:
    return compare_prompts(prepared, TaskPrompt.parse(other) if other else None, silent, Stop())


def _plain_loss(prepared: Prepared, prompt: str) -> float:
    """Row by row through the chat model, with nothing shared."""
    import torch

    from attune.tuning import load_base

    model = load_base(prepared)
    nats, tokens = 0.0, 0
    for example in prepared.splits.validation:
        row = TaskPrompt.parse(prompt).before_row(example) if prompt else example
        (sequence,) = prepared.task.encode([row], prepared.renderer).sequences[0]
        ids = torch.tensor([sequence.input_ids])
        with torch.inference_mode():
            logs = model.module(ids).logits[0].log_softmax(-1)
        for i, weight in enumerate(sequence.weights):
            if weight:
                nats, tokens = nats - float(logs[i - 1, sequence.input_ids[i]]), tokens + 1
    return nats / tokens


def test_the_losses_are_those_of_the_plain_way(colours: Path, plain_decoder: Path, tmp_path: Path) -> None:
    prepared = _prepared(colours, plain_decoder, tmp_path, split={"validation": 0.5, "test": 0.1})
    found = _compared(prepared, TEXT)
    assert (found.part, found.rows, found.left_out, found.per) == ("validation", 30, 0, "token")
    assert found.comparison.base == pytest.approx(_plain_loss(prepared, ""), abs=1e-5)
    assert found.comparison.tuned == pytest.approx(_plain_loss(prepared, TEXT), abs=1e-5)
    assert found.comparison.difference == pytest.approx(found.comparison.tuned - found.comparison.base)
    assert found.comparison.low <= found.comparison.difference <= found.comparison.high

    split = {"validation": 0.5, "test": 0.1}
    turned = _compared(_prepared(colours, plain_decoder, tmp_path, split=split, prompt=TEXT), None)
    assert turned.comparison.difference == pytest.approx(-found.comparison.difference, abs=1e-6)
    same = _compared(prepared, None)
    assert same.comparison.difference == 0 and same.comparison.verdict == "no detectable difference"
    assert same.sentence.startswith("No detectable difference (+0.000 nats per token")


def test_without_validation_rows_a_sample_is_asked(
    colours: Path, plain_decoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attune.prompts.SAMPLED_ROWS", 7)
    prepared = _prepared(colours, plain_decoder, tmp_path, split={"validation": 0, "test": 0.1})
    found = _compared(prepared, TEXT)
    assert (found.part, found.rows, found.comparison.verdict) == ("train", 7, "too little data")
    assert found.sentence.startswith("Too little data for a verdict: 7 rows")


def test_rows_that_fit_only_one_prompt_are_left_out(colours: Path, plain_decoder: Path, tmp_path: Path) -> None:
    prepared = _prepared(colours, plain_decoder, tmp_path, split={"validation": 0.5, "test": 0.1})
    lengths = sorted(int(n) for n in prepared.validation.kept.lengths)
    room = 256 - lengths[len(lengths) // 2]
    words = TaskPrompt.parse("a " * 300)
    ids = prepared.renderer.ids(words.text)
    long = prepared.renderer.text(ids[: room - 2])
    found = _compared(prepared, long)
    assert 0 < found.left_out < 30 and found.rows == 30 - found.left_out
    with pytest.raises(attune.DataError, match="no row fits"):
        _compared(prepared, "a " * 600)


def test_two_templates_read_their_own_columns(plain_decoder: Path, write_rows: Any, rows: Any, tmp_path: Path) -> None:
    data = [
        {"a": row["prompt"], "b": f"ask bob{i}@example.org", "completion": f"{row['completion']} ann{i}@example.org"}
        for i, row in enumerate(rows.pairs(60))
    ]
    section = {"prompt": "{a}", "split": {"validation": 0.4, "test": 0.1}, "clean": {"mask_personal_data": True}}
    found = _compared(_prepared(write_rows(data), plain_decoder, tmp_path, **section), "{b}: {a}")
    assert found.rows >= 20 and found.left_out == 0, "the targets of both are the same, masked alike"
    assert found.comparison.difference != 0


def test_labels_are_compared_by_their_likelihood(moods: Path, plain_decoder: Path, tmp_path: Path) -> None:
    found = _compared(
        _prepared(moods, plain_decoder, tmp_path, split={"validation": 0.4, "test": 0.1}), "Judge the mood."
    )
    assert found.per == "label" and found.rows > 20
    assert 0.3 < found.comparison.base < 3 and found.comparison.difference != 0


def test_what_cannot_be_compared_is_said(
    moods: Path, tiny_encoder: Path, plain_decoder: Path, write_rows: Any, rows: Any, tmp_path: Path
) -> None:
    store = Store(tmp_path / "runs")
    encoder = from_mapping({"data": {"train": str(moods)}, "model": str(tiny_encoder)})
    with pytest.raises(ModelError, match="an encoder predicts no words"):
        check(encoder, store, other_prompt="x")
    documents = from_mapping({"data": {"train": str(write_rows(rows.documents(30)))}, "model": str(plain_decoder)})
    for other in ("x", ""):
        with pytest.raises(RecipeError, match="modelled as it stands"):
            check(documents, store, other_prompt=other)


def test_the_table_and_json(
    colours: Path, plain_decoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", str(plain_decoder), "--runs", str(tmp_path / "runs"), "--set", "training.precision=fp32"]
    options += ["--set", "data.split.validation=0.5", "--other-prompt", TEXT]
    for json_wanted in ([], ["--json"]):
        with pytest.raises(SystemExit) as leaving:
            cli.main(["check", str(colours), *options, *json_wanted])
        assert leaving.value.code == 0
        out = capsys.readouterr().out
        if not json_wanted:
            assert "recipe: none" in out and f"other: {TEXT}" in out and "Loss, nats per token" in out
            continue
        found = json.loads(out.splitlines()[-1])["prompts"]
        assert found["sentence"] and found["other_prompt"] == TEXT and found["prompt"] is None
        change = found["difference"]
        assert change["low"] <= change["value"] <= change["high"]
        assert change["value"] == pytest.approx(found["loss_nats"]["other_prompt"] - found["loss_nats"]["prompt"])

"""A prompt from the recipe to the saved model: what is trained is what is asked, wherever the model folder goes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash import events

import attune
from attune import cli, use
from attune.data.example import Message
from attune.errors import DataError, ModelError, RecipeError
from attune.prepare import prepare
from attune.recipe import from_mapping, load
from attune.runs.store import Store
from attune.tokens.sequence import Sequence

Walk = Callable[..., Any]
Write = Callable[..., Path]

TEXT = "You answer for the shop of Ada and Bela, in few words."


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a verb in this process: (exit code, stdout, stderr)."""

    def go(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(leaving.value.code or 0), captured.out, captured.err

    return go


def _trained_on(folder: Path) -> dict[int, Sequence]:
    """The sequences of a run's training rows, by line."""
    prepared = prepare(load(folder / "recipe.yaml"), Store(folder.parent))
    lines = {e.id: e.origin.line for e in prepared.splits.train}
    return {lines[s.example_id]: s for s in prepared.train.kept}


def _prompt_part(sequence: Sequence) -> list[int]:
    first = next(i for i, weight in enumerate(sequence.weights) if weight)
    return list(sequence.input_ids[:first])


def _asked(opened: use.Opened, text: str, *, raw: bool = False, system: str = "") -> list[int]:
    told = [Message("system", system)] if system else []
    return use._prompt_ids(opened, [*told, Message("user", text)], raw=raw)


def _row_ids(folder: Path) -> dict[str, list[str]]:
    splits = json.loads((folder / "data/splits.json").read_text(encoding="utf-8"))
    return {part: [row["id"] for row in splits[part]] for part in ("train", "validation", "test")}


def test_a_chat_is_asked_as_it_was_trained(
    walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path
) -> None:
    data = rows.chat(30, system="")
    outcome = walk(tiny_decoder, write_rows(data), data={"prompt": f"{TEXT}\n"}, method={"kind": "lora", "rank": 2})
    training = outcome.results["training"]
    assert training["computed_tokens"] < training["input_tokens"], "what every row has in common is computed once"
    shutil.copytree(outcome.folder / "model", tmp_path / "elsewhere")
    run = use.open_model(str(outcome.folder), Store(outcome.folder.parent))
    copy = use.open_model(str(tmp_path / "elsewhere"), Store(tmp_path / "none"))
    sequences = _trained_on(outcome.folder)
    for line, sequence in sequences.items():
        asked = data[line - 1]["messages"][0]["content"]
        assert _asked(run, asked) == _asked(copy, asked) == _prompt_part(sequence)
        assert TEXT in run.model.renderer.text(_prompt_part(sequence))
    assert run.model.renderer.text(_asked(run, "Hi", raw=True)) == "Hi"
    both = run.model.renderer.text(_asked(run, "Hi", system="Be kind."), skip_special=False)
    assert f"{TEXT}\n\nBe kind.<" in both
    for prompt, checks in ((f"{TEXT}\n", []), (None, ["other_prompt"])):
        again = {
            "data": {"train": str(tmp_path / "data.jsonl"), "prompt": prompt},
            "model": str(tmp_path / "elsewhere"),
        }
        found = prepare(from_mapping(again), Store(tmp_path / "none")).findings
        assert [finding.check for finding in found if finding.check == "other_prompt"] == checks
    report = outcome.report.read_text(encoding="utf-8")
    assert f"{TEXT}" in report.partition("<h3>The prompt</h3>")[2][:600]
    assert TEXT in (outcome.folder / "README.md").read_text(encoding="utf-8").partition("puts it in front")[2]


def test_another_prompt_is_another_base_on_the_same_rows(
    walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path
) -> None:
    data, training = write_rows(rows.pairs(40)), {"max_length": 128}

    def run(text: str, rank: int = 2) -> Any:
        method = {"kind": "lora", "rank": rank}
        return walk(tiny_decoder, data, data={"prompt": text}, method=method, training=training)

    one, other = run(TEXT), run(TEXT + " Hurry.")
    assert _row_ids(one.folder) == _row_ids(other.folder), "rows, splits and ids are those of the file"
    assert not any(e["reused"] for e in events(other.folder, "StageFinished"))
    again = run(TEXT, rank=4)
    assert {e["stage"]: e["reused"] for e in events(again.folder, "StageFinished")}["base"]
    opened = use.open_model(str(one.folder), Store(one.folder.parent))
    pairs = rows.pairs(40)
    for line, sequence in _trained_on(one.folder).items():
        assert _asked(opened, pairs[line - 1]["prompt"]) == _prompt_part(sequence)


def test_a_template_of_columns(
    walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path, call: Any, monkeypatch: Any
) -> None:
    data = [
        {"who": f"reader {i}", "body": row["prompt"], "answer": row["completion"]}
        for i, row in enumerate(rows.pairs(40))
    ]
    template = "For {who}, {{briefly}}: {body}\n"
    outcome = walk(tiny_decoder, write_rows(data), data={"prompt": template}, method={"kind": "full"})
    shutil.copytree(outcome.folder / "model", tmp_path / "copy")
    for line, sequence in list(_trained_on(outcome.folder).items())[:5]:
        row = data[line - 1]
        for place in (outcome.folder, tmp_path / "copy"):
            opened = use.open_model(str(place), Store(outcome.folder.parent), {"who": row["who"]})
            assert not opened.chats, "the folder knows that it was not trained to chat, although it has a template"
            assert _asked(opened, row["body"]) == _prompt_part(sequence)
    text = f"For reader 3, {{briefly}}: {data[3]['body']}\n"
    assert opened.model.renderer.text(_asked(opened, data[3]["body"])) == text.replace("reader 3", row["who"])

    ask = ("generate", outcome.folder, "--max-new-tokens", 4)
    who, body = ("--field", "who=reader 3"), ("--field", f"body={data[3]['body']}")
    answers = {call(*ask, *who, *body)[1], call(*ask, *who, "--prompt", data[3]["body"])[1]}
    answers.add(call(*ask, "--raw", "--prompt", text)[1])
    assert len(answers) == 1
    assert attune.generate(outcome.folder, [data[3]["body"]], fields={"who": "reader 3"}, max_new_tokens=4)
    for wrong, code, what in (
        (("--prompt", "x"), 4, "needs 'who', 'body'"),
        ((*who, *body, "--prompt", "x"), 4, "has no place"),
        ((*who, "--field", "boddy=x"), 4, "no field 'boddy'"),
        ((*who, "--raw", "--prompt", "x"), 2, "--raw"),
        (("--field", "who"), 2, "name=value"),
        ((), 2, "say what to ask"),
    ):
        found, out, err = call(*ask, *wrong)
        assert (found, out) == (code, "") and what in " ".join(err.replace("│", " ").split())

    scores = call("evaluate", outcome.folder, "--data", tmp_path / "data.jsonl", "--json")[1].splitlines()[-1]
    assert json.loads(scores)["rows"] == 40
    copied = call("evaluate", tmp_path / "copy", "--data", tmp_path / "data.jsonl", "--json")
    assert copied[0] == 0 and json.loads(copied[1].splitlines()[-1])["task"] == "complete"


def test_evaluate_puts_the_prompt_to_the_rows(walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path) -> None:
    pairs = rows.pairs(60)
    outcome = walk(tiny_decoder, write_rows(pairs), data={"prompt": TEXT}, method={"kind": "full"})
    splits = json.loads((outcome.folder / "data/splits.json").read_text(encoding="utf-8"))
    tested = write_rows([pairs[row["line"] - 1] for row in splits["test"]], "test.jsonl")
    scores = {score.metric: score.value for score in attune.score(outcome.folder, tested)}
    loss = outcome.results["test"]["tuned"]["loss_nats_per_token"]
    assert scores["loss_nats_per_token"] == pytest.approx(loss, rel=1e-4)
    bare = outcome.folder / "model" / "attune.json"
    content = bare.read_text(encoding="utf-8")
    bare.unlink()
    with pytest.raises(ModelError, match="not the one in its model folder"):
        use.open_model(str(outcome.folder), Store(outcome.folder.parent))
    bare.write_text(content[: len(content) // 2], encoding="utf-8")
    for place in (outcome.folder, outcome.folder / "model"):
        with pytest.raises(ModelError, match="damaged"):
            use.open_model(str(place), Store(outcome.folder.parent))


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_a_classifier_labels_as_it_was_tested(
    walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path, tiny_encoder: Path, tmp_path: Path, kind: str
) -> None:
    data = rows.labelled(60)
    model = tiny_encoder if kind == "encoder" else tiny_decoder
    template = "Who is it? {text}" if kind == "encoder" else "Who is it?"
    steps = {"max_steps": 10, "learning_rate": 5e-3}
    outcome = walk(model, write_rows(data), data={"prompt": template}, method={"kind": "full"}, training=steps)
    shutil.copytree(outcome.folder / "model", tmp_path / "copy")
    splits = json.loads((outcome.folder / "data/splits.json").read_text(encoding="utf-8"))
    lines = {row["id"]: row["line"] for row in splits["test"]}
    predictions = (outcome.folder / "evaluation/predictions-tuned.jsonl").read_text(encoding="utf-8").splitlines()
    opened = use.open_model(str(outcome.folder), Store(outcome.folder.parent))
    copy = use.open_model(str(tmp_path / "copy"), Store(tmp_path / "none"))
    for prediction in map(json.loads, predictions):
        text = data[lines[prediction["example_id"]] - 1]["text"]
        assert copy.prompted(text) == prediction["prompt"]
        ((label, confidence),) = use.labels(opened, [text])
        assert label == prediction["output"]
        assert confidence == pytest.approx(prediction["scores"]["confidence"], abs=2e-5)


def test_documents_and_wrong_prompts_are_refused_before_anything_is_written(
    walk: Walk, write_rows: Write, rows: Any, tiny_decoder: Path, tmp_path: Path
) -> None:
    documents = write_rows(rows.documents(20), "documents.jsonl")
    for task in ({}, {"task": "domain"}):
        with pytest.raises(RecipeError, match="modelled as it stands"):
            walk(tiny_decoder, documents, data={"prompt": TEXT}, **task)
    pairs = write_rows(rows.pairs(20))
    with pytest.raises(RecipeError, match="without its partner"):
        walk(tiny_decoder, pairs, data={"prompt": "{"})
    with pytest.raises(DataError, match="'promt', which does not exist"):
        walk(tiny_decoder, pairs, data={"prompt": "{promt}"})
    assert not (tmp_path / "runs").exists()

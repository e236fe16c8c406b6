from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import attune
from attune.use import _until


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, attune; print(sorted({'torch', 'transformers', 'pydantic', 'rich'} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(attune.__file__).parents[1])},
    )
    assert done.stdout == "[]\n"


def test_every_public_name_is_there():
    assert all(getattr(attune, name) is not None for name in attune.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = attune.no_such_name


def test_a_run_from_python_its_scores_and_its_answers(colours, plain_decoder):
    heard = []
    recipe = {
        "data": {"train": str(colours)},
        "model": str(plain_decoder),
        "training": {"max_steps": 9, "precision": "fp32"},
        "evaluation": {"max_new_tokens": 4},
    }
    outcome = attune.run(recipe, overrides={"training.max_steps": 2, "name": "a: b"}, emit=heard.append)
    assert outcome.results["training"]["steps"] == 2 and outcome.report.is_file()
    assert type(heard[-1]).__name__ == "RunFinished"
    (record,) = attune.list_runs()
    assert record.name == "a: b" and record.state == "done" and record.id == outcome.folder.name

    scores = attune.score(record.id, colours)
    assert [s.metric for s in scores] == ["rouge_l", "exact_match", "loss_nats_per_token", "token_accuracy"]
    assert all(s.n == 60 and s.low <= s.value <= s.high for s in scores)

    one, two = attune.generate(outcome.folder, ["the sky", "coal"], max_new_tokens=3)
    assert isinstance(one, str) and isinstance(two, str)
    assert attune.generate(record.id, ["coal"], max_new_tokens=3) == [two]
    assert attune.write_report(record.id) == Path("runs") / record.id / "report.html"
    with pytest.raises(attune.EnvironmentFault, match="finished"):
        attune.resume(record.id)


def test_a_plain_model_folder_is_scored_by_what_the_rows_are(plain_decoder, moods):
    scores = {s.metric: s.value for s in attune.score(plain_decoder, moods)}
    assert 0.0 <= scores["accuracy"] <= 1.0 and "macro_f1" in scores


def test_a_language_model_gives_no_label(plain_decoder):
    with pytest.raises(attune.ModelError):
        attune.label(plain_decoder, ["lovely"])


def test_a_recipe_error_reaches_the_caller():
    with pytest.raises(attune.RecipeError, match="unknown key"):
        attune.run({"data": {"train": "x.jsonl"}, "trainning": {}})


@pytest.mark.parametrize("stop", ["END", "aab", "x"])
@pytest.mark.parametrize("text", ["one END two", "aaab", "aaaab ab", "no end here", "EN", "", "aEND", "x", "EEND"])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_an_answer_ends_before_the_stop_text_however_it_is_cut(stop, text, size):
    pieces = (text[i : i + size] for i in range(0, len(text), size))
    assert "".join(_until(pieces, stop)) == text.split(stop)[0]

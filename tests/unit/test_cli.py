from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import attune
from attune import cli
from attune.errors import (
    AttuneError,
    DataError,
    EnvironmentFault,
    Interrupted,
    ModelError,
    RecipeError,
    TrainingFault,
)
from attune.process import SPINS, wait_asleep

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(attune.__file__).parents[1])}
ATTUNE = [sys.executable, "-m", "attune"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def attune_main(capsys):
    """Run a verb in this process: (exit code, stdout, stderr)."""

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(leaving.value.code or 0), captured.out, captured.err

    return call


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [*ATTUNE, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=ENVIRONMENT
    )


QUICK = ("--set", "training.max_steps=2", "--set", "evaluation.max_new_tokens=4", "--set", "training.precision=fp32")


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_that_wait_sleep_unless_the_environment_says_otherwise(given, found, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(given))
    wait_asleep()
    assert os.environ.get("GOMP_SPINCOUNT") == found


def test_help_loads_nothing_heavy():
    code = """
import sys
from attune import cli
try:
    cli.main(["--help"])
except SystemExit as leaving:
    assert not leaving.code
heavy = {"torch", "transformers", "tokenizers", "numpy", "scipy", "pydantic", "altair", "datasets", "pyarrow"}
print("loaded:", sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    assert "loaded: []" in done.stdout
    for verb in ("run", "demo", "show", "evaluate", "runs", "report", "generate", "chat", "label"):
        assert verb in done.stdout


def test_what_libraries_count_at_the_end_is_not_printed(tmp_path):
    (tmp_path / "rows.jsonl").write_text(
        "".join(f'{{"prompt": "What is {i}?", "completion": "{i}"}}\n' for i in range(12))
    )
    with start("show", tmp_path / "rows.jsonl") as process:
        out, errors = process.communicate()
    assert process.returncode == 0
    assert "What·is" in out
    assert errors == ""


def test_version(attune_main):
    assert attune_main("--version")[:2] == (0, f"{attune.__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["no-such-verb"],
        ["run", "x", "--no-such-option"],
        ["run", "--resume", "r", "--set", "a=1"],
        ["evaluate", "m"],
    ],
)
def test_wrong_usage_is_exit_2(attune_main, arguments):
    code, out, err = attune_main(*arguments)
    assert code == 2 and err and "Traceback" not in out + err


def test_a_wrong_recipe_is_exit_2_and_names_the_line(attune_main):
    Path("r.yaml").write_text("data:\n  train: x.jsonl\ntraning: {}\n")
    code, _, err = attune_main("run", "r.yaml")
    assert code == 2
    assert "r.yaml:3" in err and "training" in err


def test_a_missing_file_is_exit_3(attune_main):
    code, _, err = attune_main("run", "missing.jsonl")
    assert code == 3 and "missing.jsonl" in err


def test_an_unsafe_model_is_exit_4(attune_main, colours):
    Path("m").mkdir()
    Path("m/config.json").write_text('{"architectures": ["LlamaForCausalLM"], "auto_map": {"AutoModel": "evil.M"}}')
    code, _, err = attune_main("run", colours, "--model", "m")
    assert code == 4 and err.startswith("Error: ") and not Path("runs").exists()


@pytest.mark.parametrize("verb", [["report", "nowhere"], ["runs", "nowhere"], ["run", "--resume", "nowhere"]])
def test_an_unknown_run_is_exit_4(attune_main, verb):
    code, _, err = attune_main(*verb)
    assert code == 4 and "nowhere" in err and "attune runs" in err


@pytest.mark.parametrize("kind", [RecipeError, DataError, ModelError, EnvironmentFault, TrainingFault, Interrupted])
@pytest.mark.parametrize("as_json", [False, True])
def test_every_error_has_its_exit_code_and_one_block(attune_main, monkeypatch, kind: type[AttuneError], as_json):
    def refuse(*_: object, **__: object) -> None:
        raise kind("this went wrong", where="here", fix="do that")

    monkeypatch.setattr(attune, "write_report", refuse)
    # `report` has no --json of its own; a run named so reaches the same place.
    code, out, err = attune_main("report", "--", "--json" if as_json else "x")
    assert code == kind.exit_code
    if as_json:
        assert err == ""
        assert json.loads(out)["error"] == {
            **json.loads(out)["error"], "type": kind.__name__, "what": "this went wrong", "exit_code": code
        }  # fmt: skip
    else:
        assert out == "" and "his went wrong" in err and "o that" in err and "Traceback" not in err


def test_our_own_bug_is_exit_1_with_its_traceback(attune_main, monkeypatch):
    def divide(*_: object, **__: object) -> float:
        return 1 / 0

    monkeypatch.setattr(attune, "write_report", divide)
    code, out, err = attune_main("report", "x")
    assert code == 1 and out == ""
    assert "ZeroDivisionError" in err and "report it" in err


def write_bad_rows(count: int) -> None:
    good = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
    bad = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": 7}]}\n'
    Path("mixed.jsonl").write_text(good * 30 + bad * count)


def test_bad_rows_are_listed_and_nothing_else_is_written(attune_main):
    write_bad_rows(25)
    code, _, err = attune_main("run", "mixed.jsonl", "--runs", "kept")
    assert code == 3
    assert err.count("\n  mixed.jsonl:") == 20
    assert "and 5 more" in err and "kept/bad-rows-mixed.jsonl" in err
    assert [path.name for path in Path("kept").iterdir()] == ["bad-rows-mixed.jsonl"]
    rows = [json.loads(line) for line in Path("kept/bad-rows-mixed.jsonl").read_text().splitlines()]
    assert [row["line"] for row in rows] == list(range(31, 56))
    assert rows[0]["file"].endswith("mixed.jsonl") and rows[0]["code"] and rows[0]["fix"]


def test_bad_rows_as_json(attune_main):
    write_bad_rows(2)
    code, out, err = attune_main("run", "mixed.jsonl", "--json")
    assert code == 3 and err == ""
    error = json.loads(out.splitlines()[-1])["error"]
    assert error["type"] == "DataError" and error["total"] == 2
    assert [row["line"] for row in error["rows"]] == [31, 32]


def test_show_marks_what_is_learned(attune_main, colours, plain_decoder):
    code, out, _ = attune_main("show", colours, "--model", plain_decoder, "-n", 2)
    assert code == 0
    assert out.count(f"{colours}:") == 2 and " learned\n" in out
    assert any(f"[[{word}<|im_end|>]]" in out for word in ("blue", "green", "black", "white"))
    assert not Path("runs").exists()


def test_show_prints_the_prompt_as_context(attune_main, colours, plain_decoder):
    prompt = ("--set", "data.prompt='Name the colour.'")
    code, out, _ = attune_main("show", colours, "--model", plain_decoder, "-n", 2, *prompt)
    assert code == 0 and "the prompt, context of every row: Name·the·colour." in out
    assert out.count("Name·the·colour.") == 3
    learned = re.findall(r"\[\[(\S.*?)\]\]", out.partition("context of every row")[2], re.DOTALL)
    assert len(learned) == 2 and not any("Name" in text for text in learned)


def test_run_then_look_at_it_and_ask_it(attune_main, colours, plain_decoder, monkeypatch):
    code, out, err = attune_main("run", colours, "-m", plain_decoder, *QUICK)
    assert (code, err) == (0, "")
    (folder,) = Path("runs").iterdir()
    for part in ("Tuned", "ROUGE-L", "Fit: ", f"Report: {folder}/report.html", f"Try it: attune chat {folder.name}"):
        assert part in out

    code, out, _ = attune_main("runs")
    assert out.splitlines()[1].split("\t") == [folder.name, "chat", plain_decoder.name, "done", "too little data"]
    code, out, _ = attune_main("runs", folder.name[:9])
    assert code == 0 and "done" in out and "Try it" in out

    (folder / "report.html").unlink()
    assert attune_main("report", folder.name)[1] == f"{folder}/report.html\n"
    assert (folder / "report.html").is_file()

    code, out, _ = attune_main("generate", folder.name, "--prompt", "the sky", "--json", "--max-new-tokens", 3)
    assert code == 0 and json.loads(out)["prompt"] == "the sky"

    monkeypatch.setattr("sys.stdin", io.StringIO("the sky\n\n/reset\nthe coal\n/exit\nnever asked\n"))
    code, out, _ = attune_main("chat", folder, "--max-new-tokens", 2, "--system", "Be short.")
    assert code == 0 and out.count("\n") >= 2 and ">" not in out

    code, out, _ = attune_main("evaluate", folder, "--data", colours, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[-1]["event"] == "Result" and lines[-1]["rows"] == 60 and lines[-1]["task"] == "chat"
    assert lines[-1]["scores"][0]["metric"] == "rouge_l"
    assert all(score["low"] <= score["value"] <= score["high"] for score in lines[-1]["scores"])


def test_a_classification_model_answers_with_its_label(attune_main, moods, plain_decoder, monkeypatch):
    code, _, err = attune_main("run", moods, "-m", plain_decoder, *QUICK)
    assert (code, err) == (0, "")
    (folder,) = Path("runs").iterdir()
    code, out, _ = attune_main("generate", folder, "--prompt", "lovely sky", "--json")
    answer = json.loads(out)
    assert answer["label"] in {"good", "bad"} and 0.5 <= answer["confidence"] <= 1.0
    monkeypatch.setattr("sys.stdin", io.StringIO("awful sky\n"))
    assert attune_main("chat", folder)[1].split()[0] in {"good", "bad"}
    code, out, _ = attune_main("evaluate", folder, "--data", moods)
    assert code == 0 and "Accuracy" in out and "60 rows" in out


def test_generate_without_a_template_continues_the_text(attune_main, plain_decoder):
    plain = attune_main("generate", plain_decoder, "--prompt", "the sky", "--max-new-tokens", 8)[1]
    raw = attune_main("generate", plain_decoder, "--prompt", "the sky", "--raw", "--max-new-tokens", 8)[1]
    assert plain == raw
    drawn = ("generate", plain_decoder, "-p", "the sky", "--max-new-tokens", 8, "--temperature", 2.0, "--seed")
    assert attune_main(*drawn, 1)[1] == attune_main(*drawn, 1)[1] != attune_main(*drawn, 2)[1]


def test_a_prompt_beyond_the_context_is_refused(attune_main, plain_decoder):
    code, _, err = attune_main("generate", plain_decoder, "--prompt", "sky " * 200)
    assert code == 4 and "256" in err


def test_demo_runs_the_example_of_this_checkout(attune_main):
    code, _, err = attune_main("demo", "--set", "no.such.key=1")
    assert code == 2 and "no" in err  # the recipe was found and read


def test_stopped_by_a_signal_then_resumed(colours, plain_decoder):
    # Ten thousand steps would take minutes; the signal comes with the first ones.
    long = ("--set", "training.max_steps=10000", "--set", "training.patience=0")
    running = start("run", colours, "-m", plain_decoder, *QUICK, *long, "--runs", "kept", "--json")
    assert running.stdout is not None
    records = []
    for line in running.stdout:
        records.append(json.loads(line))
        if records[-1]["event"] == "StepMetrics" and records[-1]["step"] == 3:
            running.send_signal(signal.SIGTERM)
            running.send_signal(signal.SIGTERM)
            break
    rest, err = running.communicate(timeout=100)
    assert running.returncode == 130 and "Traceback" not in err and "saved" in err
    records += [json.loads(line) for line in rest.splitlines()]
    error = records[-1]["error"]
    (folder,) = Path("kept").iterdir()
    assert error["fix"].endswith(f"attune run --resume {folder.name} --runs kept")
    assert json.loads((folder / "run.json").read_text())["state"] == "interrupted"
    stopped_at = max(r["step"] for r in records if r.get("event") == "StepMetrics")

    # Shorten the rest by stopping again at once: the resumed part begins where the first one ended.
    resumed = start("run", "--resume", folder.name, "--runs", "kept", "--json")
    assert resumed.stdout is not None
    first = next(r for r in map(json.loads, resumed.stdout) if r["event"] == "StepMetrics")
    resumed.send_signal(signal.SIGINT)
    resumed.communicate(timeout=100)
    assert first["step"] == stopped_at + 1 and resumed.returncode == 130


def test_an_interrupted_run_is_resumed_to_its_end(attune_main, colours, plain_decoder):
    from attune.events import StepMetrics, Stop
    from attune.recipe import load

    stop = Stop()

    def stop_at_two(event: object) -> None:
        if isinstance(event, StepMetrics) and event.step == 2:
            stop.request()

    recipe = load(str(colours), ["training.max_steps=4", "evaluation.max_new_tokens=4", f"model={plain_decoder}"])
    with pytest.raises(Interrupted) as stopped:
        attune.run(recipe, emit=stop_at_two, stop=stop)
    code, out, _ = attune_main("run", "--resume", stopped.value.where, "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [r["step"] for r in records if r["event"] == "StepMetrics"] == [3, 4]
    assert records[-1]["event"] == "Result" and records[-1]["training"]["steps"] == 4


def test_a_signal_during_imports_ends_without_a_traceback(colours):
    code = """
import os, signal, sys, threading
from attune import __main__ as entry
threading.Timer(0.03, os.kill, (os.getpid(), signal.SIGTERM)).start()
entry.main()
"""
    command = [sys.executable, "-c", code, "generate", "no/such-model-here", "-p", "x"]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=100, check=False)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["runs"], ["runs", "2"]])
def test_a_closed_pipe_is_left_without_a_word(arguments):
    from attune.runs.run import Run

    Run.create(Path("runs"), "a", task="chat", model="m").close()
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [*ATTUNE, *arguments], stdout=write_end, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, check=False
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_handlers_are_put_back(attune_main, colours):
    assert threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    attune_main("run", "missing.jsonl")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

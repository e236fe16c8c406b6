"""`attune label` from a pipe and from a keyboard: what is decided is kept, and the data gets right by it."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import random
import select
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from clock import ends_soon

import attune
from attune import cli, labelling
from attune.curate import curate, recognised
from attune.data import decisions
from attune.data.doubts import doubts
from attune.data.example import Example, LabelledText, Origin, Pair
from attune.errors import DataError
from attune.events import Stop
from attune.recipe import Audit, from_mapping, load
from attune.review import keys_of, shortened
from attune.runs.kept import Kept

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(attune.__file__).parents[1])}
WORDS = {"good": ["fine", "lovely", "quick", "warm"], "bad": ["broken", "slow", "cold", "rude"]}
FLIPPED, EMPTY = {3, 50, 77}, {10, 11}


def right_rows(count: int = 120) -> list[tuple[str, str]]:
    draw = random.Random(0)
    rows = []
    for i in range(count):
        label = draw.choice(sorted(WORDS))
        words = ["the", "a", "room", "meal", "clerk", *WORDS[label], *WORDS[label]]
        rows.append((" ".join([*draw.choices(words, k=14), draw.choice(WORDS[label]), str(i)]), label))
    return rows


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("text", "label"), *rows])


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows of which three are labelled wrong and two are not."""
    monkeypatch.chdir(tmp_path)
    other = {"good": "bad", "bad": "good"}
    rows = [
        (text, other[label] if i in FLIPPED else "" if i in EMPTY else label)
        for i, (text, label) in enumerate(right_rows())
    ]
    write(tmp_path / "rows.csv", rows)
    return tmp_path / "rows.csv"


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def attune_label(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The verb in this process, with a pipe's lines as answers."""

    def call(*arguments: object, answers: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
        with pytest.raises(SystemExit) as leaving:
            cli.main(["label", *map(str, arguments), "--by", "Ada"])
        told = capsys.readouterr()
        return Done(int(leaving.value.code or 0), told.out, told.err)

    return call


def used(*overrides: str) -> list[tuple[str, str]]:
    """Text and label of the rows as a run would have them."""
    recipe = load("rows.csv", overrides)
    found = curate(recipe, recognised(recipe, None), Kept(), lambda event: None, Stop())
    assert not [finding for finding in found.findings() if finding.check == "decisions"]
    splits = found.splits
    rows = sorted((*splits.train, *splits.validation, *splits.test), key=lambda row: row.origin.line)
    return [(row.text, row.label) for row in rows if isinstance(row, LabelledText)]


def test_rows_are_corrected_from_a_pipe_and_the_file_stays(wrong: Path, attune_label: Callable[..., Done]) -> None:
    before = wrong.read_bytes()
    work = labelling.open_work("rows.csv")
    items = work.queue()
    assert [item.original.origin.line - 2 for item in items[:2]] == sorted(EMPTY)
    assert {item.original.origin.line - 2 for item in items[2:5]} == FLIPPED, "the flipped rows come first"
    right = dict(right_rows())
    answers = "".join(f"{right[item.now('text')]}\n" for item in items)
    done = attune_label("rows.csv", answers=answers)
    assert done.returncode == 0, done.stderr
    assert "attune run rows.csv --set data.decisions=rows.decisions.jsonl" in done.stdout
    assert "1 of 5" in done.stdout and "other rows say" in done.stdout
    assert wrong.read_bytes() == before
    with pytest.raises(DataError):
        used()
    assert used("data.decisions=rows.decisions.jsonl") == right_rows()
    again = attune_label("rows.csv")
    assert again.returncode == 0 and "None of 120 rows is doubted, apart from 5 decided before" in again.stdout


def test_every_answer_of_a_pipe(wrong: Path, attune_label: Callable[..., Done]) -> None:
    done = attune_label("rows.csv", answers="1\nu\nn neutral\ns\ne said better\n\nd\nq\n")
    assert done.returncode == 0, done.stderr
    made = decisions.read("rows.decisions.jsonl")
    assert [(d.action, d.field, d.after) for d in made] == [
        ("relabel", "label", "bad"),
        ("undo", "", ""),
        ("relabel", "label", "neutral"),
        ("edit", "text", "said better"),
        ("keep", "label", made[4].before),
        ("drop", "", ""),
    ]
    assert {d.who for d in made} == {"Ada"}
    assert "1 kept, 1 relabelled, 1 edited, 1 dropped; 2 of 5 left." in done.stdout
    found = labelling.open_work("rows.csv").queue(again=True)
    assert [item.doubt.reasons["decided"] for item in found if "decided" in item.doubt.reasons]
    assert len(found) == 5


@pytest.mark.parametrize("answers", ["good\nx\n", "\n", "l ugly\n", "1\n1\ne\n", "n\n"])
def test_a_line_that_is_no_answer_ends_a_pipe(wrong: Path, answers: str, attune_label: Callable[..., Done]) -> None:
    """What comes after it was meant for other rows."""
    done = attune_label("rows.csv", answers=answers)
    assert done.returncode == 3 and "standard input:" in done.stderr and "Traceback" not in done.stderr
    path = Path("rows.decisions.jsonl")
    assert (len(decisions.read(path)) if path.exists() else 0) == answers.count("\n") - 1


def test_keys_and_an_editor_at_a_terminal_and_ctrl_c(wrong: Path) -> None:
    editor = Path("editor.py")
    editor.write_text("import sys\nopen(sys.argv[1], 'a').write(' indeed\\n')\n")
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(ENVIRONMENT, EDITOR=f"{sys.executable} {editor}", TERM="dumb")
        os.execvp(sys.executable, [sys.executable, "-m", "attune", "label", "rows.csv", "--by", "Ada"])
    seen = b""

    def until(text: bytes) -> None:
        nonlocal seen
        while text not in seen:
            assert select.select([terminal], [], [], 90)[0], seen.decode()
            try:
                seen += os.read(terminal, 4096)
            except OSError:
                raise AssertionError(seen.decode()) from None
        seen = seen.split(text, 1)[1]

    for place, key in (
        ("1 of 5", b"2"),
        ("2 of 5", b"\x1b[A"),
        ("2 of 5", b"l"),
        ("label: ", b"ba\n"),
        ("3 of 5", b"e"),
    ):
        until(place.encode())
        if place != "label: ":
            until(b"quit")
        os.write(terminal, key)
    until(b"and its label?")
    until(b"quit")
    os.write(terminal, b"\x03")
    until(b"Go on with: attune label rows.csv")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 130
    made = decisions.read("rows.decisions.jsonl")
    assert [(d.action, d.after[-7:]) for d in made] == [("relabel", "good"), ("relabel", "bad"), ("edit", " indeed")]


def test_a_page_is_written_and_what_it_saved_is_taken_once(wrong: Path, attune_label: Callable[..., Done]) -> None:
    done = attune_label("rows.csv", "--page", "rows.html", "-n", "3")
    assert done.returncode == 0, done.stderr
    assert "attune label rows.csv --take rows-page.decisions.jsonl" in done.stdout
    assert not Path("rows.decisions.jsonl").exists()
    data = Path("rows.html").read_text().split('id="queue">', 1)[1].split("</script>", 1)[0]
    row = json.loads(data)["rows"][2]
    made = {
        **{key: row[key] for key in ("row", "file", "line", "doubt")},
        "who": "Bo", "when": "2026-11-21T19:30:00Z", "action": "drop", "field": "", "before": "", "after": "",
    }  # fmt: skip
    Path("saved.jsonl").write_text(json.dumps(made) + "\n" + json.dumps({**made, "row": "f" * 12}) + "\n")
    for count in (1, 0):
        taken = attune_label("rows.csv", "--take", "saved.jsonl")
        assert taken.returncode == 0, taken.stderr
        assert f"{count} new decisions" in taken.stdout
        assert "1 decisions were not used" in taken.stdout and "Lines: 2" in taken.stdout
    assert [d.who for d in decisions.read("rows.decisions.jsonl")] == ["Bo"]
    Path("saved.jsonl").write_text("{}\n")
    bad = attune_label("rows.csv", "--take", "saved.jsonl")
    assert bad.returncode == 3 and "saved.jsonl:1" in bad.stderr


def test_answers_of_generative_rows_are_kept_edited_or_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attune_label: Callable[..., Done]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"prompt": f"Where is house {i}?", "completion": f"In street {i}, behind the mill."} for i in range(20)]
    rows[4]["completion"] = rows[9]["completion"] = "TODO"
    Path("faq.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = attune_label("faq.jsonl", "--decisions", "mine.jsonl", answers="e In street 4.\nd\n" + "\n" * 20)
    assert done.returncode == 0, done.stderr
    assert "placeholder" in done.stdout and "new label" not in done.stdout
    made = decisions.read("mine.jsonl")
    assert [(d.line, d.action, d.field, d.before, d.after) for d in made[:2]] == [
        (5, "edit", "completion", "TODO", "In street 4."),
        (10, "drop", "", "", ""),
    ]
    recipe = from_mapping({"data": {"train": "faq.jsonl", "decisions": "mine.jsonl"}})
    assert Path(recipe.data.decisions or "").is_absolute()


def test_a_run_uses_decisions_and_names_them(wrong: Path, tiny_encoder: Path, walk: Any) -> None:
    work = labelling.open_work("rows.csv")
    first, second, third, *_ = work.queue()
    right = "good" if third.now("label") == "bad" else "bad"
    made = [first.settled("label", "good", "Ada"), second.dropped("Ada"), third.settled("label", right, "Ada")]
    decisions.append(work.path, [*made, decisions.Decision(**{**_record(made[0]), "row": "f" * 12})])
    outcome = walk(tiny_encoder, wrong, data={"decisions": str(work.path)})
    changes = [json.loads(line) for line in (outcome.folder / "data/changes.jsonl").read_text().splitlines()]
    wanted = [(made[2].line, made[2].before, made[2].after), (12, "", "good")]
    assert [(c["line"], c["before"], c["after"]) for c in changes] == wanted
    assert changes[0]["rule"].startswith("decisions: relabel by Ada")
    (left_out,) = [json.loads(line) for line in (outcome.folder / "data/rejections.jsonl").read_text().splitlines()]
    assert left_out["line"] == 13 and left_out["reason"].startswith("dropped by Ada")
    findings = json.loads((outcome.folder / "data/findings.json").read_text())
    assert findings[0]["check"] == "decisions" and findings[0]["rows"][0]["line"] == 4


def _record(decision: decisions.Decision) -> dict[str, Any]:
    return {name: getattr(decision, name) for name in decisions.Decision.__slots__}


def test_contradictions_come_after_doubted_labels_and_say_what_else_there_is() -> None:
    rows: list[Example] = [LabelledText(str(i), Origin("f", i), t, n) for i, (t, n) in enumerate(right_rows())]
    rows += [LabelledText("x", Origin("f", 900), rows[5].text, "odd")]  # type: ignore[union-attr]
    found = {d.example.origin.line: d for d in doubts(rows, Audit(skip=("label_errors",)))}
    assert found[5].reasons["contradictions"] == "the same text also has 'odd' (1x)"
    assert list(found)[:2] == [5, 900]
    pairs: list[Example] = [
        Pair(str(i), Origin("p", i), f"ask {i}", "TODO" if i == 3 else f"say {i}") for i in range(9)
    ]
    (doubt,) = doubts(pairs, Audit())
    assert doubt.example is pairs[3] and not doubt.suggestion and "placeholder" in str(doubt)


def test_keys_are_never_those_of_other_labels() -> None:
    assert keys_of(["0", "1", "2"]) == {"0": "0", "1": "1", "2": "2"}
    assert keys_of(["1", "bad", "d"]) == {"1": "1", "2": "bad", "3": "d"}
    many = keys_of([f"label {i}" for i in range(99)])
    assert not set(many) & set("edsulnwq") and len(many) > 20


def test_long_texts_are_shortened_and_say_so() -> None:
    assert shortened("a\nb") == "a\nb"
    assert shortened("x" * 5000).endswith("… (5,000 characters)")
    assert shortened("\n" * 99).endswith("(99 characters)")
    with ends_soon():
        shortened("\n" * 1_000_000)


def test_wrong_usage(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in (
        (["--page", "a", "--take", "b"], 2),
        (["--take", "nowhere.jsonl"], 4),
        (["--decisions", "rows.csv"], 3),
    ):
        with pytest.raises(SystemExit) as leaving:
            cli.main(["label", "rows.csv", *arguments])
        assert leaving.value.code == code, arguments
    assert "Traceback" not in capsys.readouterr().err

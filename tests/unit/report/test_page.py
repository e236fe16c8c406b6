import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from attune.errors import EnvironmentFault
from attune.report import page

Rewrite = Callable[[Path, Callable[[Any], None]], None]

TAGS = ("script", "img", "svg", "iframe", "body", "input", "video", "object", "a", "style", "math", "details", "form")
BODIES = (
    "<{t} onload=alert(1)>", "<{t} src=x onerror=alert(1)>", '"><{t} onfocus=alert(1) autofocus>',
    "'><{t} href=javascript:alert(1)>", "</{t}><script>alert(1)</script>", "<{t}/onmouseover='alert(1)'>",
    "</style></title></textarea><{t} style=x onclick=alert(1)>", "<!--><{t} src=//evil.example/x>",
)  # fmt: skip
OTHERS = (
    "javascript:alert(1)", "{{ 7 * 7 }}{% raw %}", "]]><script>alert(1)</script>", "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "\u2028<script>alert(1)</script>", "\ud800<script>", "</svg><script>alert(1)</script>",
    "&lt;script&gt;&#x3c;script>",
    "<script>alert(1)//", "' onmouseover=alert(1) x='", '" onmouseover=alert(1) x="', "` onmouseover=alert(1)",
    "data:text/html,<script>alert(1)</script>", "</pre><script>alert(1)</script>", "+ADw-script+AD4-",
)  # fmt: skip
PAYLOADS = [body.format(t=tag) for tag in TAGS for body in BODIES] + list(OTHERS)


class Markup(HTMLParser):
    """Collects what a browser would build: tags, attributes, text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def report(folder: Path) -> Markup:
    return Markup(page.write(folder).read_text(encoding="utf-8"))


def poison(value: Any, payloads: list[str]) -> Any:
    """Every string inside a JSON value, and metric names and environment keys, becomes the next payload."""
    if isinstance(value, str):
        payloads.append(payloads.pop(0))
        return payloads[-1]
    if isinstance(value, list):
        return [poison(item, payloads) for item in value]
    if isinstance(value, dict):
        return {key: poison(item, payloads) for key, item in value.items()}
    return value


def poison_folder(folder: Path, payloads: list[str]) -> None:
    keep = {
        "task": None,
        "verdict": None,
        "state": None,
        "severity": None,
        "event": None,
        "level": None,
        "example_id": None,
    }

    def poisoned(record: Any) -> Any:
        bad = poison(record, payloads)
        return bad | {key: record[key] for key in keep if key in record} if isinstance(record, dict) else bad

    for path in sorted(folder.rglob("*.jsonl")):
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0].splitlines()
        path.write_text("".join(json.dumps(poisoned(json.loads(line))) + "\n" for line in whole), encoding="utf-8")
    for path in sorted(folder.rglob("*.json")):
        value = json.loads(path.read_text(encoding="utf-8"))
        bad = [poisoned(item) for item in value] if isinstance(value, list) else poisoned(value)
        if path.name == "run.json":
            bad |= {key: {payload: payload for payload in payloads} for key in ("environment", "reasons")}
        path.write_text(json.dumps(bad), encoding="utf-8")
    if (folder / "recipe.yaml").exists():
        recipe = {"name": payloads[0], "data": {"prompt": payloads[1], "columns": {p: p for p in payloads}}}
        (folder / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")


@pytest.mark.parametrize("kind", ["chat_run", "classify_run", "interrupted_run"])
def test_no_payload_becomes_markup(kind: str, request: pytest.FixtureRequest) -> None:
    assert len(PAYLOADS) >= 100
    folder: Path = request.getfixturevalue(kind)
    names = ("base", "page", "data", "macros")
    template = "".join(
        (Path(page.__file__).parent / "templates" / f"{name}.html.j2").read_text(encoding="utf-8") for name in names
    )
    allowed = set(re.findall(r"<([a-z][a-z0-9]*)", template)) | {"svg", "g", "path", "line", "text"}
    once = [template.count(f"<{tag}") for tag in ("style>", "title>", "a ", "body", "meta")]
    poison_folder(folder, list(PAYLOADS))
    for rotation in (0, 60):
        edit = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        edit |= {"name": PAYLOADS[rotation], "model": PAYLOADS[rotation + 1], "error": PAYLOADS[rotation + 2]}
        (folder / "run.json").write_text(json.dumps(edit), encoding="utf-8")
        seen = report(folder)
        assert set(seen.tags) <= allowed
        assert [seen.tags.count(tag) for tag in ("style", "title", "a", "body", "meta")] == once
        for tag, name, value in seen.attributes:
            assert not name.startswith("on"), (tag, name, value)
            assert name not in {"src", "srcset", "action", "formaction", "xlink:href", "srcdoc", "style", "data"}
            assert name != "href" or value.startswith("#")
        assert "alert(1)" in seen.text, "the payloads are shown as text"


def test_a_page_runs_nothing_and_loads_nothing(chat_run: Path) -> None:
    html = page.write(chat_run).read_text(encoding="utf-8")
    seen = Markup(html)
    policy = [value for tag, name, value in seen.attributes if tag == "meta" and value.startswith("default-src")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert not {"script", "link", "img", "iframe", "use", "image"} & set(seen.tags)
    assert "http" not in html.replace('xmlns="http://www.w3.org/2000/svg"', "").replace("http-equiv", "")
    assert "url(" not in html and "@import" not in html and "@font-face" not in html


def test_the_verdict_is_a_sentence_of_measured_numbers(chat_run: Path) -> None:
    seen = report(chat_run)
    assert ("div", "class", "banner good") in seen.attributes
    text = " ".join(seen.text.split())
    assert (
        "Better: ROUGE-L rose from 0.12 to 0.71 on 120 test rows that training never saw "
        "(95% interval of the difference +0.55 to +0.63)." in text
    )


def test_a_test_row_that_training_saw_is_said(chat_run: Path, rewrite: Rewrite) -> None:
    def leak(splits: Any) -> None:
        splits["train"][0]["id"] = "0123456789ab"
        splits["test"][0]["id"] = "0123456789ab-2"

    rewrite(chat_run / "data" / "splits.json", leak)
    text = page.RunView.read(chat_run).verdict()[1]
    assert "that training never saw" not in text
    assert "120 test rows, 1 of them also training rows" in text


@pytest.mark.parametrize(
    ("verdict", "tone", "words"),
    [("worse", "bad", "Worse: ROUGE-L rose"), ("too little data", "even", "Too little data: ROUGE-L")],
)
def test_each_verdict_has_its_tone_and_words(
    chat_run: Path, rewrite: Rewrite, verdict: str, tone: str, words: str
) -> None:
    rewrite(chat_run / "results.json", lambda results: results.update(verdict=verdict))
    found_tone, sentence = page.RunView.read(chat_run).verdict()
    assert found_tone == tone
    assert sentence.startswith(words)


def test_every_part_of_a_finished_chat_run_is_there(chat_run: Path) -> None:
    seen = report(chat_run)
    for words in (
        "Qwen/Qwen3-0.6B", "lora, rank 16", "1,487 tokens/s", "3.17 GiB", "4 min 14 s", "best: step 120",
        "rises by 1% after it", "3 rows were cut at 512 tokens.", "support.jsonl:40", "14 rows nearly repeat",
        "2 errors, 4 warnings in 1,200 rows.", "and one more group",
        "the answer is empty", "and 19 more, in data/rejections.jsonl", "training.epochs", "three passes reach",
        "The tokenizer has no pad token", "1 step was skipped at 33", f"attune chat {chat_run}",
        "from peft import AutoPeftModelForCausalLM", "Not measured: forgetting, memorization, bias.", "2-core x86-64",
    ):  # fmt: skip
        assert words in seen.text, words
    assert seen.tags.count("article") == 20
    assert seen.text.count("exact match") == 10
    of_data = 2 + 2 + 1  # lengths, duplicates, parts
    assert seen.tags.count("svg") == 5 + 3 + of_data


def test_each_limit_that_cuts_is_in_a_table_and_the_one_in_force(chat_run: Path) -> None:
    words = " ".join(report(chat_run).text.split())
    assert "Whole row130240300500" in words.replace(" ", "").replace("Wholerow", "Whole row")
    for row in ("256 90 (9.4 %) 810 10 42 %", "512 (in force) 3 (0.3 %) 27 0 42 %", "1,024 1 (0.1 %) 9 0 42 %"):
        assert row.replace(" ", "") in words.replace(" ", ""), row
    assert "2,048" not in words, "nothing is cut there"
    assert "At 448 tokens, 99 % of the rows are whole." in words


def test_tokens_are_shown_with_their_kinds_in_words(chat_run: Path) -> None:
    html = page.write(chat_run).read_text(encoding="utf-8")
    seen = Markup(html)
    assert "support.jsonl:7" in seen.text and "9 tokens, 2 learned, 4 cut off" in seen.text
    aloud = "[added by the template, read as context:] <|im_start|>user\n[your words, read as context:] Where is it?\t"
    assert f"{aloud}<|im_end|>[learned:] Here. ✂ [cut off, never seen:]  & there" in seen.text
    assert '<span>Where<i class="sp"> </i>is</span>' in html, "white space can be copied, and is marked by the style"
    kinds = [value for tag, name, value in seen.attributes if (tag, name) == ("span", "class")]
    assert kinds.count("special") >= 2 and {"learned", "words", "template", "cut", "mark"} <= set(kinds)


def test_a_kind_that_is_not_known_is_context(chat_run: Path, rewrite: Rewrite) -> None:
    rewrite(chat_run / "data" / "shown.json", lambda rows: rows[0].update(spans=[["a", "odd' class", False]]))
    assert "odd" not in page.write(chat_run).read_text(encoding="utf-8")


def test_the_samples_that_results_name_are_shown(chat_run: Path, rewrite: Rewrite) -> None:
    rewrite(chat_run / "results.json", lambda results: results.update(samples=["te0077", "te0002"]))
    seen = report(chat_run)
    assert seen.tags.count("article") == 2
    assert seen.text.index("support.jsonl:1200") < seen.text.index("support.jsonl:1083")


def test_a_classification_shows_its_confusions_and_mistakes(classify_run: Path) -> None:
    seen = report(classify_run)
    assert "Majority class: 40 of 120 right" in seen.text
    assert "11 of 120 test rows, the most confident first" in seen.text
    assert "always answering the most frequent label" in seen.text
    assert "attune chat" not in seen.text
    assert "article" not in seen.tags
    cells = [
        value for tag, name, value in seen.attributes if tag == "td" and name == "class" and value.endswith("right")
    ]
    assert len(cells) == 6


def test_rare_labels_are_gathered(classify_run: Path) -> None:
    path = classify_run / "evaluation" / "predictions-tuned.jsonl"
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for i, record in enumerate(records):
        record["reference"] = f"label {min(i, 30)}"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    assert "other labels" in report(classify_run).text


def test_an_interrupted_run_says_what_is_missing(interrupted_run: Path) -> None:
    text = " ".join(report(interrupted_run).text.split())
    for words in (
        "Interrupted, after step 7 of 180: the model was not yet tested against the base model.",
        "The model was not tested against its base in this run.", "No validation was measured",
        "No predictions were made", f"--resume {interrupted_run}",
        "The data was not audited", "kept no resolved recipe", "The environment was not recorded.",
    ):  # fmt: skip
        assert words in text, words


@pytest.mark.parametrize(
    "missing", ["recipe.yaml", "events.jsonl", "data", "evaluation", "results.json", "data/splits.json"]
)
def test_any_missing_part_leaves_a_page(classify_run: Path, missing: str) -> None:
    path = classify_run / missing
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    assert "What this does not say" in report(classify_run).text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("results.json", "{"), ("results.json", "[]"), ("evaluation/predictions-tuned.jsonl", "{}\n{\n{}\n"),
        ("data/findings.json", "{}"), ("recipe.yaml", "a: [1"), ("run.json", "\x00"),
    ],
)  # fmt: skip
def test_a_damaged_part_is_an_error_with_its_place(chat_run: Path, name: str, text: str) -> None:
    (chat_run / name).write_text(text, encoding="utf-8")
    with pytest.raises(EnvironmentFault) as caught:
        page.write(chat_run)
    assert caught.value.where.endswith(name)
    assert not (chat_run / "report.html").exists()


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="holds no run"):
        page.write(tmp_path)


def test_a_repeated_step_counts_once_and_its_last_record_wins(interrupted_run: Path) -> None:
    path = interrupted_run / "events.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()[:7]
    again = json.loads(lines[6]) | {"loss_nats_per_token": 77.0}
    path.write_text("\n".join([*lines, json.dumps(again)]) + "\n", encoding="utf-8")
    view = page.RunView.read(interrupted_run)
    assert [record["step"] for record in view.steps] == [1, 2, 3, 4, 5, 6, 7]
    assert view.steps[-1]["loss_nats_per_token"] == 77.0


def test_the_same_folder_gives_the_same_page(chat_run: Path) -> None:
    first = page.write(chat_run).read_bytes()
    assert page.write(chat_run).read_bytes() == first


def test_the_report_never_loads_torch_or_transformers(chat_run: Path) -> None:
    code = "import sys; from pathlib import Path; from attune.report import page, card; card.write(Path(sys.argv[1]));"
    code += "page.write(Path(sys.argv[1])); print([m for m in ('torch', 'transformers') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code, str(chat_run)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_nothing_draws_before_it_is_asked() -> None:
    code = "import sys, attune.report.page, attune.report.card;"
    code += "print([m for m in ('altair', 'vl_convert') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"

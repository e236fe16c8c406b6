import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from attune.report import card

Rewrite = Callable[[Path, Callable[[Any], None]], None]


def split_card(folder: Path) -> tuple[dict[str, Any], str]:
    text = card.write(folder).read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    return YAML(typ="safe", pure=True).load(front), body


def test_the_front_matter_names_the_base_and_claims_no_licence(chat_run: Path) -> None:
    front, _ = split_card(chat_run)
    assert front["license"] == "other"
    assert front["base_model"] == "Qwen/Qwen3-0.6B"
    assert front["library_name"] == "peft"
    assert front["tags"] == ["attune", "chat", "lora"]


def test_the_table_holds_the_measured_numbers(chat_run: Path) -> None:
    _, body = split_card(chat_run)
    assert "| ROUGE-L | 0.120 | 0.710 | +0.590 | +0.550 to +0.630 | better |" in body
    assert "| Loss (nats per token) (lower is better) | 2.310 | 0.620 | −1.690 |" in body
    for words in (
        "960 train, 120 validation, 120 test", "31 rows were rejected", "training.epochs: 3", "Fit: good.",
        f"attune chat {chat_run}", "AutoPeftModelForCausalLM", "Not measured: forgetting",
    ):  # fmt: skip
        assert words in body, words


def test_a_run_without_a_test_claims_nothing(interrupted_run: Path) -> None:
    front, body = split_card(interrupted_run)
    assert "base_model" not in front
    assert "None: the model was not tested against its base" in body
    assert "|---" not in body
    assert f"--resume {interrupted_run}" in body and "attune chat" not in body


def test_a_classification_is_compared_with_its_own_baseline(classify_run: Path) -> None:
    front, body = split_card(classify_run)
    assert front["pipeline_tag"] == "text-classification"
    assert "| Metric | Majority class | Tuned |" in body
    assert "AutoModelForSequenceClassification" in body


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](http://evil.example)", "a | b", "**bold**",
        "x\n# heading\n---\n- list", "- x", "1. x", "`code`", "<!-- -->", "@someone", "https://evil.example",
        "www.evil.example", "~~x~~",
        "\\[x]", "$$x$$", "# x", "<a@evil.example>", "\ud800",
    ],
)  # fmt: skip
def test_users_text_stays_text(chat_run: Path, rewrite: Rewrite, text: str) -> None:
    def change(run: Any) -> None:
        run.update(name=text, model=text)

    rewrite(chat_run / "run.json", change)
    rewrite(chat_run / "evaluation" / "baseline.json", lambda baseline: baseline.update(kind=text, what=text))
    rewrite(chat_run / "evaluation" / "comparison.json", lambda rows: rows[1].update(metric=text, verdict=text))
    _, body = split_card(chat_run)
    prose = re.sub(r"```.*?```", "", body, flags=re.S)
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", prose)
    assert "<" not in bare and "://" not in bare and "](" not in bare and "`" not in bare and "@" not in bare
    assert not re.search(r"www\.", bare)
    assert [line for line in bare.splitlines() if line.startswith("#")][1:] == [
        "## Measured results", "## Data", "## Training", "## How to use it", "## Limits"
    ]  # fmt: skip
    assert not [line for line in prose.split("## Training")[0].splitlines() if re.match(r"[-+=>]|\d+[.)]", line)]
    assert {line.count("|") for line in bare.splitlines() if line.startswith("|")} == {7}


def test_a_recipe_cannot_leave_the_front_matter(chat_run: Path) -> None:
    recipe = {"task": "chat", "model": "a/b\n---\nlicense: mit", "method": {"kind": 'lora"\n---\nevil: true'}}
    (chat_run / "recipe.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    front, _ = split_card(chat_run)
    assert front["tags"] == ["attune", "chat", 'lora"\n---\nevil: true']
    assert "evil" not in front and front["license"] == "other"
    assert "base_model" not in front

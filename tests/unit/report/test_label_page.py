"""The page for labelling: nothing of the rows becomes markup, and what is decided in a browser can be taken."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_page import PAYLOADS, Markup

from attune.data import decisions
from attune.report import label_page


def queue(texts: list[str], labels: list[str]) -> dict[str, Any]:
    rows = [
        {
            "row": f"{i:012x}",
            "file": text,
            "line": i + 2,
            "target": "label",
            "fields": [
                {"name": "text", "title": "text", "before": text, "now": text},
                {"name": "label", "title": "label", "before": labels[0], "now": labels[0]},
            ],
            "reasons": {text: text},
            "doubt": text,
            "suggestion": labels[-1],
        }
        for i, text in enumerate(texts)
    ]
    return {"rows": rows, "labels": labels, "who": "Ada", "save": "rows.jsonl", "command": texts[0]}


def test_no_payload_becomes_markup() -> None:
    assert len(PAYLOADS) >= 100
    plain = Markup(label_page.render(queue(["fine"], ["a", "b"])))
    given = queue(PAYLOADS, [*PAYLOADS[:40], "a"])
    html = label_page.render(given)
    seen = Markup(html)
    assert seen.tags == plain.tags, "the rows add no element"
    assert seen.attributes == plain.attributes
    data = html.split('<script type="application/json" id="queue">', 1)[1].split("</script>", 1)[0]
    assert not set(data) & set("<>&\u2028\u2029")
    assert {k: v for k, v in json.loads(data).items() if k != "page"} == json.loads(json.dumps(given))


def test_the_page_loads_nothing_and_sends_nothing() -> None:
    html = label_page.render(queue(["fine"], ["a", "b"]))
    seen = Markup(html)
    policy = [value for tag, name, value in seen.attributes if tag == "meta" and value.startswith("default-src")]
    assert policy == ["default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"]
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert not {"link", "img", "iframe", "object", "form"} & set(seen.tags)
    assert not any(name.startswith("on") or name in {"src", "href"} for _, name, _ in seen.attributes)
    for word in (
        "http://",
        "https://",
        "url(",
        "@import",
        "innerHTML",
        "outerHTML",
        "document.write",
        "eval(",
        "fetch(",
    ):
        assert word not in html.replace("http-equiv", ""), word


class Browser:
    """Chromium by its own protocol, over two pipes."""

    def __init__(self, folder: Path) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        command = (
            'exec chromium --headless --no-sandbox --disable-gpu --remote-debugging-pipe --no-first-run "$@" '
            f"3<&{theirs_in} 4>&{theirs_out}"
        )
        arguments = [f"--user-data-dir={folder / 'profile'}", "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", command, "chromium", *arguments],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = os.fdopen(ours_in, "rb", buffering=0), os.fdopen(ours_out, "wb", buffering=0)
        self._rest, self._numbers, self.dialogs = b"", itertools.count(1), 0
        self.session: str | None = None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")
        self.ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                piece = self._in.read(65536)
                assert piece, "the browser has gone"
                self._rest += piece
            told, _, self._rest = self._rest.partition(b"\0")
            answer = json.loads(told)
            if answer.get("method") == "Page.javascriptDialogOpening":
                self.dialogs += 1
                raise AssertionError("a script of the rows ran")
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def evaluate(self, script: str) -> Any:
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def key(self, name: str) -> None:
        text = {"Enter": "\r"}.get(name, name)
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=name, text=text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=name)

    def open(self, path: Path) -> None:
        self.ask("Page.navigate", url=path.as_uri())
        for _ in range(200):
            if self.evaluate("document.readyState === 'complete' && !!document.getElementById('count')?.textContent"):
                return
            time.sleep(0.05)
        raise AssertionError("the page did not open")

    def close(self) -> None:
        self._out.close()
        self.process.terminate()
        self.process.wait()
        self._in.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")
    opened = Browser(tmp_path)
    yield opened
    opened.close()


def saved(browser: Browser, path: Path) -> list[decisions.Decision]:
    path.unlink(missing_ok=True)
    browser.evaluate("document.getElementById('save').click()")
    for _ in range(200):
        if path.is_file() and path.read_bytes().endswith(b"\n"):
            return decisions.read(path)
        time.sleep(0.05)
    raise AssertionError("nothing was saved")


def test_what_is_decided_in_a_browser_can_be_taken(browser: Browser, tmp_path: Path) -> None:
    page = label_page.write(tmp_path / "page.html", queue(["one", "two", "three", "four"], ["bad", "good"]))
    browser.open(page)
    assert browser.evaluate("document.getElementById('count').textContent") == "1 of 4"
    for key in ("2", "Enter", "d", "u", "s"):  # good; keep; drop and take back; skip
        browser.key(key)
    browser.key("e")
    browser.evaluate("document.querySelector('textarea').value = 'four, said better'")
    browser.evaluate("[...document.querySelectorAll('button')].find(b => b.textContent === 'Use this text').click()")
    assert browser.evaluate("document.querySelector('.field .body').textContent") == "four, said better"
    browser.key("1")
    assert browser.evaluate("document.querySelector('h1').textContent") == "1 rows are not decided"
    made = saved(browser, tmp_path / "rows.jsonl")
    assert [(d.line, d.action, d.field, d.after) for d in made] == [
        (2, "relabel", "label", "good"),
        (3, "keep", "label", "bad"),
        (4, "drop", "", ""),
        (4, "undo", "", ""),
        (5, "edit", "text", "four, said better"),
        (5, "keep", "label", "bad"),
    ]
    assert {d.who for d in made} == {"Ada"}
    browser.open(page)  # closed and opened again: what was decided is still there
    assert browser.evaluate("document.getElementById('count').textContent") == "3 of 4"
    assert browser.evaluate("document.getElementById('tally').textContent") == "3 decided"


def test_no_payload_runs_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    page = label_page.write(tmp_path / "page.html", queue(PAYLOADS, [*PAYLOADS[:20], "a"]))
    browser.open(page)
    within = "[...new Set([...document.querySelectorAll('#row *')].map(node => node.tagName))].sort().join()"
    for payload in PAYLOADS:
        assert browser.evaluate("document.querySelector('.field .body').textContent") == payload.encode(
            "utf-8", "replace"
        ).decode("utf-8")
        assert browser.evaluate(within) == "BUTTON,DIV,INPUT,KBD,LI,P,SECTION,SPAN,UL"
        browser.key("Enter")
    assert browser.evaluate("document.querySelector('h1').textContent") == "Every row is decided"
    assert browser.dialogs == 0

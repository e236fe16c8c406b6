"""Chat templates: rendered as transformers renders them, and unable to do anything else."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from attune.errors import ModelError
from attune.tokens.template import MAX_OUTPUT_BYTES, ChatTemplate, RenderRequest, generation_marked

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}

CHATML = """{%- if messages[0]['role'] != 'system' %}
    {{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
LLAMA = """{% for message in messages %}
{% set content = '<|start|>' + message['role'] + '<|end|>\n\n' + message['content'] | trim + '<|eot|>' %}
{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}
{{ content }}
{% endfor %}
{% if add_generation_prompt %}
    {{ '<|start|>assistant<|end|>\n\n' }}
{% endif %}
{% if unknown is defined or documents %}never{% endif %}
"""
MISTRAL = """{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content %}{%- set rest = messages[1:] %}
{%- else %}
    {%- set rest = messages %}
{%- endif %}
{{- bos_token }}
{%- set ns = namespace(index=0) %}
{%- for message in rest %}
    {%- if (message.role == 'user') != (ns.index % 2 == 0) %}
        {{- raise_exception('roles must alternate user and assistant') }}
    {%- endif %}
    {%- if message.role == 'user' %}
        {{- '[INST] ' + (system ~ '\n\n' if system is defined and loop.first else '') + message.content + '[/INST]' }}
    {%- else %}
        {%- generation %} {{ message.content }}{{ eos_token }}{% endgeneration %}
    {%- endif %}
    {%- set ns.index = ns.index + 1 %}
{%- endfor %}
"""
GEMMA = """{{ bos_token }}{% for message in messages %}
{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
{{ '<start_of_turn>' + role }}
{% if message['content'] is string %}
{{ message['content'] | trim }}
{%- else %}
{%- for item in message['content'] %}{{ item['text'] | upper }}{% endfor %}
{%- endif %}
{{ '<end_of_turn>' }}
{% endfor %}
{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""
TOOLS = """{%- macro signature(tool) %}{{ tool.function.name }}({{ tool.function.parameters | tojson }}){% endmacro -%}
{%- if tools %}
    {{- tools | tojson }}
    {{- tools | tojson(indent=2) }}
    {{- tools | tojson(indent=4, sort_keys=true) }}
    {{- tools | tojson(separators=(',', ':'), ensure_ascii=true) }}
    {%- for tool in tools %}{{ signature(tool) }}{% endfor %}
{%- endif %}
{%- for message in messages %}
    {{- message.keys() | list | string }}
    {{- message.thinking }}{{ message.reasoning_content }}{{ message.reasoning }}
    {%- for call in message.tool_calls or [] %}{{ call.function.arguments | tojson }}{% endfor %}
{%- endfor %}
{{- dict(a=1, b=[tools is none]) | tojson }}{{ dict.fromkeys(['x', 'y'], 0) }}{{ strftime_now('%Y') }}"""
LOOPS = """{% for message in messages %}
{%- if message.role == 'system' %}{% continue %}{% endif %}
{%- if loop.index > 3 %}{% break %}{% endif %}
{{ loop.index }}: {{ message.content }}
    {# a comment on its own line #}
{% endfor %}
{% set name %}block {{ bos_token }}{% endset %}{{ name }}{% filter upper %}{{ eos_token }}x{% endfilter %}
"""
TEMPLATES = {"chatml": CHATML, "llama": LLAMA, "mistral": MISTRAL, "gemma": GEMMA, "tools": TOOLS, "loops": LOOPS}

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Wetter in <Köln> & 東京 'now'",
        "parameters": {"type": "object", "properties": {"z": {"type": "number"}, "a": {"enum": [1, 2.5, None, True]}}},
    },
}
CHATS: dict[str, list[dict[str, Any]]] = {
    "turn": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "  Hello <b>&\n\n"}],
    "system": [
        {"role": "system", "content": " Be brief. "},
        {"role": "user", "content": "Grüße 👋 \u2028 {{ 7 * 7 }} {% if %}"},
        {"role": "assistant", "content": "a", "name": None},
        {"role": "user", "content": ""},
        {"role": "assistant", "content": "b", "reasoning": "because"},
        {"role": "user", "content": "c"},
    ],
    "calls": [
        {"role": "user", "content": "w?"},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Zürich", "n": 1e-7}}}],
        },
    ],
}


def ask(content: str = "Hi") -> RenderRequest:
    return RenderRequest([{"role": "user", "content": content}], None, True)


def one(source: str, request: RenderRequest | None = None) -> str:
    with ChatTemplate(source, SPECIAL) as template:
        return template.render([request or ask()])[0]


@pytest.fixture(scope="module")
def tokenizer(bpe: Callable[..., PreTrainedTokenizerFast]) -> PreTrainedTokenizerFast:
    return bpe(None, special=SPECIAL.values(), bos="<s>", eos="</s>", pad="<pad>")


@pytest.mark.parametrize("name", TEMPLATES)
def test_renders_as_transformers_does(name: str, tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.special_tokens_map == SPECIAL
    cases = [
        RenderRequest(messages, tools, add_generation_prompt)
        for messages in CHATS.values()
        for tools in (None, [TOOL], [TOOL, TOOL])
        for add_generation_prompt in (False, True)
    ]
    expected = [
        tokenizer.apply_chat_template(
            case.messages,
            tools=case.tools,
            chat_template=TEMPLATES[name],
            add_generation_prompt=case.add_generation_prompt,
            tokenize=False,
        )
        for case in cases
    ]
    with ChatTemplate(TEMPLATES[name], SPECIAL) as template:
        assert template.render(cases) == expected
    assert len(set(expected)) > 2


def test_messages_arrive_unchanged() -> None:
    text = one("{{ messages[0].content }}", ask("\u2028\x00 \r\n{{ 1 }} \ud83d 日本"))
    assert text == "\u2028\x00 \r\n{{ 1 }} \ud83d 日本"


# --- what a template may not do ---

ESCAPES = {
    "class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "class by filter": "{{ (''|attr('__class__')).__mro__ }}",
    "format string": "{{ '{0.__class__.__mro__}'.format('') }}",
    "globals": "{{ raise_exception.__globals__.os }}",
    "init globals": "{{ namespace.__init__.__globals__['os'] }}",
    "cycler": "{{ cycler.__init__.__globals__.os.popen('id') }}",
    "self": "{{ self.__init__.__globals__ }}",
    "dict class": "{{ dict.__call__.__globals__ }}",
    "generator frame": "{{ (messages|map('upper')).gi_frame.f_globals['x'] }}",
    "append": "{{ messages.append(1) }}",
    "update": "{{ messages[0].update(role='x') }}",
    "pop": "{{ messages[0].pop('role') }}",
    "namespace": "{% set n = namespace() %}{% set n._secret = 1 %}",
    "namespace init": "{% set n = namespace(_secret=1) %}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'os' as os %}",
    "huge range": "{% for i in range(10**9) %}{% endfor %}",
}


@pytest.mark.parametrize("name", ESCAPES)
def test_escapes_fail(name: str) -> None:
    with pytest.raises(ModelError, match="the chat template failed"):
        one(ESCAPES[name])


def test_failures_are_explained_and_name_the_conversation() -> None:
    with ChatTemplate(MISTRAL, SPECIAL) as template:
        good = RenderRequest([{"role": "user", "content": "a"}], None, False)
        bad = RenderRequest([{"role": "assistant", "content": "a"}], None, False)
        for requests in ([good, bad], [good, bad, good, good]):
            with pytest.raises(ModelError, match="roles must alternate") as caught:
                template.render(requests)
            assert caught.value.where == f"conversation 2 of {len(requests)}"
            other = RenderRequest([{"role": "user", "content": "z"}], None, False)
            assert template.render([other]) == ["<s>[INST] z[/INST]"]
    with pytest.raises(ModelError, match="'absent' is undefined"):
        one("{{ absent.field }}")
    with pytest.raises(ModelError, match=r"cannot be compiled: line 2: unexpected end of template"):
        one("{% for m in messages %}\n{% endfor ")
    with pytest.raises(ModelError, match=r"cannot be compiled: .*'absent'"):
        one("{{ 1|absent }}")
    with pytest.raises(ModelError, match="ZeroDivisionError"):
        one("{{ 1 / (messages|length - 1) }}")


def test_error_text_is_short_and_printable() -> None:
    with pytest.raises(ModelError) as caught:
        one("{{ raise_exception('\\x1b[31m' ~ 'x' * 100000) }}")
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 1000


EXHAUSTION = {
    "loops": ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "more than 2 s"),
    "power": ("{{ 9 ** (9 ** (9 * messages|length - 9)) }}", "more than 2 s"),
    "format": ("{{ '%0999999999d'|format(1) }}", "more than"),
    "center": ("{{ 'x'|center(10 ** 9) }}", "more than 512 MB"),
    "center of input": ("{{ messages[0].content|center(10 ** 9) }}", "more than 512 MB"),
    "doubling": ("{% set n = namespace(x='x') %}{% for i in range(99) %}{% set n.x = n.x * 2 %}{% endfor %}", "512 MB"),
    "recursion": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
    "long output": ("{% for a in range(9999) %}{{ 'x' * 9999 }}{% endfor %}", "more than 1000000 bytes"),
    "wide characters": ("{{ '語' * 400000 }}", "more than 1000000 bytes"),
    "deep source": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "cannot be compiled"),
}


@pytest.mark.parametrize("name", EXHAUSTION)
def test_exhaustion_ends_soon_and_the_template_can_be_used_again(name: str) -> None:
    source, reason = EXHAUSTION[name]
    with ChatTemplate("{% if messages|length > 1 %}" + source + "{% endif %}ok", SPECIAL) as template:
        began = time.monotonic()
        attack = RenderRequest([{"role": "user", "content": "x"}] * 2, None, False)
        with pytest.raises(ModelError, match=reason) as caught:
            template.render([ask(), attack, ask(), ask()])
        assert time.monotonic() - began < 60  # four at rest; the machine may be busy
        if name not in ("deep source", "format"):  # these end it when it is compiled
            assert caught.value.where == "conversation 2 of 4"
            assert template.render([ask()]) == ["ok"]


def test_the_wall_clock_holds_where_processor_time_is_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attune.tokens.template.MAX_SECONDS", 1000)
    monkeypatch.setattr("attune.tokens.template.MAX_WALL_SECONDS", 0.5)
    with ChatTemplate(EXHAUSTION["loops"][0], {}) as template:
        began = time.monotonic()
        with pytest.raises(ModelError, match="the chat template used more than"):
            template.render([ask()])
        assert time.monotonic() - began < 60
        assert template._worker is not None
        assert _gone(_process_id(template))


def test_output_up_to_the_cap_passes() -> None:
    assert one("{{ 'é' * 500000 }}") == "é" * (MAX_OUTPUT_BYTES // 2)


def test_files_cannot_be_opened_and_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    with ChatTemplate("ok", {}) as template:
        template.render([ask()])
        process = _process_id(template)
        with open(f"/proc/{process}/environ", "rb") as file:  # noqa: PTH123
            assert b"hunter2" not in file.read()
        with open(f"/proc/{process}/limits") as file:  # noqa: PTH123
            limits = {line[:26].strip(): line[26:].split()[:2] for line in file}
        assert os.readlink(f"/proc/{process}/cwd") == "/"  # noqa: PTH115
    assert limits["Max address space"] == [str(512 << 20)] * 2
    assert limits["Max open files"] == ["8", "8"]
    assert limits["Max file size"] == limits["Max processes"] == ["0", "0"]
    assert int(limits["Max cpu time"][0]) in (3, 4)


# --- the process ---


def _process_id(template: ChatTemplate) -> int:
    assert template._worker is not None
    return template._worker._process.pid


def _gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_one_process_serves_many_calls_and_ends_with_the_template() -> None:
    template = ChatTemplate("{{ messages[0].content }}", SPECIAL)
    assert template.render([]) == []
    first = _process_id(template)
    assert template.render([ask("a"), ask("b")]) == ["a", "b"]
    with pytest.raises(ModelError, match="has no element 0"):
        template.render([RenderRequest([], None, False)])
    assert _process_id(template) == first
    template.close()
    assert _gone(first)
    assert template.render([ask("c")]) == ["c"]
    second = _process_id(template)
    del template
    gc.collect()
    assert _gone(second)


def test_restart_after_a_kill() -> None:
    with ChatTemplate("{{ messages[0].content }}", SPECIAL) as template:
        template.render([ask()])
        first = _process_id(template)
        os.kill(first, signal.SIGKILL)
        while template._worker is not None and template._worker.usable():
            time.sleep(0.01)
        assert template.render([ask("again")]) == ["again"]
        assert _process_id(template) != first


def test_a_kill_in_the_middle_is_told() -> None:
    with ChatTemplate("{% for a in range(900) %}{% for b in range(900) %}{% endfor %}{% endfor %}ok", {}) as template:
        template.render([ask()])
        threading.Timer(0.2, os.kill, (_process_id(template), signal.SIGKILL)).start()
        with pytest.raises(ModelError, match="ended"):
            template.render([ask()] * 2000)
        assert template.render([ask()]) == ["ok"]


def test_a_large_batch_does_not_block() -> None:
    long = "x" * 10_000
    with ChatTemplate("{{ messages[0].content }}{{ messages[0].content }}", {}) as template:
        texts = template.render([ask(f"{number} {long}") for number in range(1_000)])
    assert [text.split()[0] for text in texts] == [str(number) for number in range(1_000)]
    assert all(len(text) > 20_000 for text in texts)


def test_threads_share_one_template() -> None:
    found: dict[int, list[str]] = {}
    with ChatTemplate("{{ messages[0].content }}", {}) as template:

        def work(number: int) -> None:
            found[number] = template.render([ask(f"{number}.{i}") for i in range(50)])

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {number: [f"{number}.{i}" for i in range(50)] for number in range(8)}


def _render_in_fork(template: ChatTemplate, connection: Any) -> None:
    connection.send((template.render([ask("child")]), _process_id(template)))
    template.close()


def test_a_fork_has_its_own_process() -> None:
    context = multiprocessing.get_context("fork")
    with ChatTemplate("{{ messages[0].content }}", {}) as template:
        template.render([ask()])
        mine = _process_id(template)
        here, there = context.Pipe()
        child = context.Process(target=_render_in_fork, args=(template, there))
        child.start()
        assert here.poll(60)
        texts, theirs = here.recv()
        child.join()
        assert texts == ["child"]
        assert theirs != mine
        assert template.render([ask("parent")]) == ["parent"]
        assert _process_id(template) == mine


def test_generation_marked() -> None:
    assert generation_marked(MISTRAL)
    for mark in (
        "{% generation %}",
        "{%- generation -%}",
        "{%generation%}",
        "{%+ generation +%}",
        "{%-\ngeneration %}",
    ):
        assert generation_marked(f"a{mark}b{{% endgeneration %}}")
    for other in (CHATML, "{% endgeneration %}", "{{ generation }}", "generation", "{% if add_generation_prompt %}"):
        assert not generation_marked(other)

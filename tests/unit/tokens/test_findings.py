"""Each thing that a chat template can do wrong is found in the rows that it does it to, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from attune.data.example import Conversation, Document, LabelledText, Message, Origin, Pair
from attune.data.finding import Finding
from attune.errors import DataError
from attune.tokens import findings
from attune.tokens.fit import fit
from attune.tokens.lengths import survey
from attune.tokens.render import Renderer
from attune.tokens.sequence import Sequence
from attune.tokens.stored import StoredSequences
from attune.tokens.template import ChatTemplate

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ("<|im_start|>", "<|im_end|>", "<|bos|>")
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": 'Says "rain".', "parameters": {}}}
CALL = {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Bern"}}}


def make(
    bpe: Callable[..., Any], template: str | None, *, eos: str | None = "<|im_end|>", bos: str | None = None
) -> Any:
    tokenizer = bpe(None, special=SPECIAL, eos=eos, pad=None, bos=bos)
    words = {name: word for name, word in (("eos_token", eos), ("bos_token", bos)) if word}
    stops = () if eos is None else (int(tokenizer.eos_token_id),)
    return Renderer(tokenizer, ChatTemplate(template, words) if template else None, stop_ids=stops, where="folder")


def row(line: int, *said: Any, tools: Any = (), answer: str = "In the garden.") -> Conversation:
    """Roles with contents, then a user's question and the answer."""
    messages = [m if isinstance(m, Message) else Message(*m) for m in said]
    messages += [Message("user", "Where is Ada now?"), Message("assistant", answer)]
    return Conversation(str(line), Origin("chat.jsonl", line), tuple(messages), tuple(tools))


def found(renderer: Renderer, *rows: Conversation) -> dict[str, list[int]]:
    """Lines of the rows of each finding."""
    _, problems = renderer.conversations(rows)
    made = findings.of_template(problems, missing=False)
    assert {f.check for f in made} == {f"template_{p.code}" for p in problems}
    assert all(f.what and f.advice for f in made)
    return {f.check.removeprefix("template_"): [origin.line for origin in f.rows] for f in made}


SYSTEM = row(1, ("system", "You answer briefly and never guess."))
PLAIN = row(2)
TOOLS = row(
    3,
    ("user", "How is the weather in Bern?"),
    Message("assistant", "", 0.0, (("tool_calls", (CALL,)),)),
    ("tool", '{"sky": "cloudy", "degrees": 11}'),
    tools=(WEATHER,),
)
WRITES_TOOLS = (
    "{% if tools %}{{ '<|im_start|>system\n' + tools | tojson + '<|im_end|>\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content }}"
    "{% for call in m.tool_calls %}{{ call.function | tojson }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_a_template_that_writes_everything_gives_no_finding(bpe: Callable[..., Any]) -> None:
    assert found(make(bpe, WRITES_TOOLS), SYSTEM, PLAIN, TOOLS) == {}


def test_words_as_a_json_string_and_without_their_white_space_are_written(bpe: Callable[..., Any]) -> None:
    as_json = "(m.content | tojson if m.role == 'tool' else m.content | trim)"
    renderer = make(bpe, WRITES_TOOLS.replace("m.content", as_json, 1))
    assert found(renderer, TOOLS, row(4, ("system", "Be brief.\n\n"))) == {}


def test_a_dropped_system_message(bpe: Callable[..., Any]) -> None:
    template = CHATML.replace("{{ '<|im_start|>' + m", "{% if m.role != 'system' %}{{ '<|im_start|>' + m").replace(
        "<|im_end|>\n' }}{% endfor", "<|im_end|>\n' }}{% endif %}{% endfor"
    )
    assert found(make(bpe, template), SYSTEM, PLAIN) == {"dropped_message": [1]}


def test_dropped_tools_calls_and_answers(bpe: Callable[..., Any]) -> None:
    assert found(make(bpe, CHATML), SYSTEM, PLAIN, TOOLS) == {"dropped_tools": [3], "dropped_tool_calls": [3]}
    only_tools = WRITES_TOOLS.replace("{{ call.function | tojson }}", "")
    assert found(make(bpe, only_tools), TOOLS, PLAIN) == {"dropped_tool_calls": [3]}
    only_calls = WRITES_TOOLS.replace("tools | tojson", "'Tools.'")
    assert found(make(bpe, only_calls), TOOLS, PLAIN) == {"dropped_tools": [3]}
    silent = WRITES_TOOLS.replace("+ m.content }}", "+ ('' if m.role == 'tool' else m.content) }}")
    assert found(make(bpe, silent), TOOLS, PLAIN) == {"dropped_message": [3]}


def test_messages_of_two_roles_are_two_findings(bpe: Callable[..., Any]) -> None:
    only_users = CHATML.replace("m.content", "(m.content if m.role in ['user', 'assistant'] else '')")
    _, problems = make(bpe, only_users).conversations([SYSTEM, TOOLS, PLAIN])
    made = [f for f in findings.of_template(problems, missing=False) if f.check == "template_dropped_message"]
    assert [(f.what, [origin.line for origin in f.rows]) for f in made] == [
        ("In 1 row the template leaves out a tool's answer.", [3]),
        ("In 1 row the template leaves out the system message.", [1]),
    ]


def test_a_call_that_is_learned_as_nothing_is_an_error(bpe: Callable[..., Any]) -> None:
    learned = Conversation(
        "9",
        Origin("chat.jsonl", 9),
        (Message("user", "How is the weather?"), Message("assistant", "", 1.0, (("tool_calls", (CALL,)),))),
    )
    _, problems = make(bpe, CHATML).conversations([learned])
    (finding,) = findings.of_template(problems, missing=False)
    assert (finding.check, finding.severity) == ("template_dropped_tool_calls", "error")


@pytest.mark.parametrize("name", ["weather", "f", "In", "lookup_order"])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_a_name_that_the_messages_say_too_is_still_missed(bpe: Callable[..., Any], name: str, weight: float) -> None:
    tool = {"type": "function", "function": {"name": name}}
    call = {"type": "function", "function": {"name": name, "arguments": {"city": "Bern"}}}
    told = row(
        5,
        ("user", "How is the weather in Bern? I like good weather, f."),
        Message("assistant", "I look up the weather.", weight, (("tool_calls", (call,)),)),
        ("tool", "Cloudy weather."),
        tools=(tool,),
        answer="The weather is cloudy. In Bern.",
    )
    assert found(make(bpe, CHATML), told) == {"dropped_tools": [5], "dropped_tool_calls": [5]}
    assert found(make(bpe, WRITES_TOOLS), told) == {}
    only_tools = WRITES_TOOLS.replace("{{ call.function | tojson }}", "")
    assert found(make(bpe, only_tools), told) == {"dropped_tool_calls": [5]}


def test_an_altered_message(bpe: Callable[..., Any]) -> None:
    template = CHATML.replace("m.content", "(m.content | upper if m.role == 'system' else m.content)")
    assert found(make(bpe, template), SYSTEM, PLAIN) == {"altered_message": [1]}


def test_an_altered_answer_is_found_where_it_is_altered(bpe: Callable[..., Any]) -> None:
    template = CHATML.replace("m.content", "(m.content | trim)")
    assert found(make(bpe, template), PLAIN, row(5, answer="Here. ")) == {"altered_words": [5]}


def test_an_answer_without_its_end_and_a_prompt_that_is_not_repeated(bpe: Callable[..., Any]) -> None:
    endless = CHATML.replace("<|im_end|>", "")
    assert found(make(bpe, endless), PLAIN, row(5)) == {"no_end_token": [2, 5]}
    thinking = CHATML.replace("assistant\n' }}", "assistant\n<think>\n' }}")
    assert found(make(bpe, thinking), PLAIN, row(5)) == {"prompt_mismatch": [2, 5]}


def test_without_any_end_token_a_model_never_learns_to_stop(bpe: Callable[..., Any]) -> None:
    renderer = make(bpe, CHATML.replace("<|im_end|>", ""), eos=None)
    assert found(renderer, PLAIN) == {"no_stop_token": [2]}
    _, problems = renderer.conversations([PLAIN])
    assert findings.of_template(problems, missing=False)[0].severity == "error"


def test_an_end_that_the_tokenizer_takes_apart(bpe: Callable[..., Any]) -> None:
    """The end token stands in the vocabulary, but inside a text it becomes the letters that it is written with."""
    tokenizer = bpe(None, special=("<|im_start|>",), eos=None, pad=None)
    tokenizer.backend_tokenizer.model.fuse_unk = False
    tree = json.loads(tokenizer.backend_tokenizer.to_str())
    tree["model"]["vocab"]["</s>"] = len(tree["model"]["vocab"])
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(tree)))
    renderer = Renderer(fast, ChatTemplate(CHATML.replace("<|im_end|>", "</s>"), {}), stop_ids=(len(fast) - 1,))
    assert fast.convert_ids_to_tokens([len(fast) - 1]) == ["</s>"]
    assert found(renderer, PLAIN) == {"no_stop_token": [2]}


BEGINS = "{{ bos_token }}" + CHATML


def test_a_text_begins_once_though_tokenizer_and_template_both_say_so(bpe: Callable[..., Any]) -> None:
    from tokenizers.processors import TemplateProcessing

    renderer = make(bpe, BEGINS, bos="<|bos|>")
    bos = renderer.tokenizer.bos_token_id
    renderer.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|bos|> $A", special_tokens=[("<|bos|>", bos)]
    )
    assert renderer.ids("x", special=True)[0] == bos, "the tokenizer adds its own"
    ((sequence,),), problems = renderer.conversations([PLAIN])
    assert problems == []
    assert sequence.input_ids.count(bos) == 1
    assert renderer.prompts([(PLAIN.messages[:-1], ())])[0].count(bos) == 1


def test_a_text_that_begins_twice(bpe: Callable[..., Any]) -> None:
    twice = make(bpe, "{{ bos_token }}" + BEGINS, bos="<|bos|>")
    assert found(twice, PLAIN) == {"doubled_bos": [2]}
    continued = make(bpe, "{{ bos_token }}{{ messages[0].content }}" + CHATML, bos="<|bos|>")
    assert found(continued, PLAIN, row(4, ("system", "<|bos|>Be brief."))) == {"doubled_bos": [4]}


def of_text(renderer: Renderer, *examples: Any) -> Finding | None:
    made = findings.of_special_tokens(examples, renderer)
    assert len(made) <= 1
    return made[0] if made else None


def test_special_tokens_that_a_person_typed(bpe: Callable[..., Any]) -> None:
    renderer = make(bpe, CHATML)
    typed = row(8, ("user", "What does <|im_end|> mean, and <|im_start|>?"), ("assistant", "<|im_end|> ends."))
    finding = of_text(renderer, PLAIN, typed, row(4, ("system", "a<|im_end|>")), SYSTEM)
    assert finding is not None
    assert (finding.check, finding.severity) == ("special_tokens_in_text", "warning")
    assert [origin.line for origin in finding.rows] == [4, 8]
    assert finding.evidence["rows_by_token"] == {"<|im_end|>": 2, "<|im_start|>": 1}
    ((sequence,),), _ = renderer.conversations([typed])
    end = renderer.tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert sequence.input_ids.count(end) == 4 + 2, "the two that were typed are no different from the template's"


def test_special_tokens_in_texts_of_every_kind(bpe: Callable[..., Any]) -> None:
    renderer, place = make(bpe, CHATML), Origin("a.csv", 3)
    for example in (
        Pair("a", place, "x", "y<|im_end|>"),
        LabelledText("a", place, "<|im_end|>", "good"),
        Document("a", place, "<|im_start|>x"),
    ):
        assert of_text(renderer, example) is not None


def test_words_that_only_look_special(bpe: Callable[..., Any]) -> None:
    renderer = make(bpe, CHATML)
    assert of_text(renderer, row(4, ("user", "<|im_end |> <| im_end|> <s> </s> <|end|> [INST] <|im_END|>"))) is None


def test_a_tokenizer_that_takes_typed_tokens_apart(bpe: Callable[..., Any]) -> None:
    renderer = make(bpe, CHATML)
    renderer.tokenizer.backend_tokenizer.encode_special_tokens = True
    assert of_text(renderer, row(4, ("user", "<|im_end|>"))) is None


def long_rows(*prompts: int) -> tuple[StoredSequences, list[Document]]:
    """An answer of ten tokens behind each prompt; row 0 is on line 1."""
    made = [Sequence(str(i), tuple(range(n + 10)), (0.0,) * n + (1.0,) * 10) for i, n in enumerate(prompts)]
    return StoredSequences(made), [Document(str(i), Origin("a.txt", i + 1), "") for i in range(len(prompts))]


def of_cuts(prompts: list[int], limit: int, overlong: str, context: int = 4096) -> list[Finding]:
    sequences, examples = long_rows(*prompts)
    lengths = survey(sequences, in_force=limit, context=context, batch_size=8)
    return findings.of_cuts(fit(sequences, limit, overlong).cuts, examples, lengths, overlong)


def test_a_limit_that_cuts_is_told_with_a_better_one() -> None:
    (finding,) = of_cuts([10, 20, 95, 300], 100, "truncate")
    assert finding.evidence["lost_target_tokens"] == 5 + 10
    assert finding.evidence["rows_that_lose_every_target"] == 1
    assert [origin.line for origin in finding.rows] == [3, 4]
    assert finding.advice == "training.max_length 320 would keep all rows whole."


@pytest.mark.parametrize(
    ("prompts", "limit", "context", "advice"),
    [
        ([*[100] * 198, 170, 900], 64, 4096, "training.max_length 128 would keep 99 % of the rows whole."),
        ([*[100] * 199, 900], 128, 4096, "training.max_length 960 would keep all rows whole."),
        ([*[100] * 199, 900], 128, 512, "They are fewer than 1 % of the rows; the longest has 910 tokens"),
        ([100, 900], 256, 512, "training.max_length 512, all that the model reads, would cut fewer"),
        ([100, 900], 512, 512, "Shorten the rows, or use a model that reads more than 512 tokens."),
    ],
)
def test_the_advice_is_one_that_can_be_followed(prompts: list[int], limit: int, context: int, advice: str) -> None:
    (finding,) = of_cuts(prompts, limit, "truncate", context)
    assert finding.advice.startswith(advice)


def test_a_lost_answer_stops_the_run_and_names_a_limit() -> None:
    with pytest.raises(DataError) as caught:
        of_cuts([10, 20, 300], 100, "error")
    assert [(row.line, row.code) for row in caught.value.rows] == [(3, "answer_cut")]
    assert "training.max_length 320 would keep all rows whole" in caught.value.fix


def test_what_is_not_cut_is_not_told() -> None:
    assert of_cuts([10, 20], 100, "error") == []


def test_a_model_without_a_template() -> None:
    (finding,) = findings.of_template([], missing=True)
    assert (finding.check, finding.severity) == ("missing_template", "warning")

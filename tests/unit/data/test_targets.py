from collections.abc import Callable, Sequence

import pytest
from clock import ends_soon
from rows_of_kinds import CLEAN, HOSTILE, chats, many_turns, pairs

from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair
from attune.data.finding import Finding
from attune.data.targets import (
    copied_targets,
    echoes,
    empty_targets,
    odd_characters,
    placeholder_targets,
    refusals,
    repetition,
)
from attune.recipe import Audit

LIMITS = Audit()
Check = Callable[[Sequence[Example], Audit], list[Finding]]
CHECKS: tuple[Check, ...] = (
    empty_targets,
    placeholder_targets,
    refusals,
    echoes,
    copied_targets,
    repetition,
    odd_characters,
)


def found(check: Check, targets: Sequence[str], prompt: str = "Please tell me about this.") -> list[str]:
    """The targets that a check finds when they stand between clean rows, the same for pairs and for chats."""
    rows = [row for target in targets for row in ((prompt, target), ("What is the capital of France?", "Paris."))]
    answers = []
    for make in (pairs, chats):
        findings = check(make(rows), LIMITS)
        assert len(findings) <= 1
        places = [origin.line - 1 for finding in findings for origin in finding.rows]
        assert places == sorted(set(places))
        answers.append([rows[place][1] for place in places])
        for finding in findings:
            assert finding.check == check.__name__
            assert finding.advice
            assert f"In {len(places)} of {len(rows)} rows" in finding.what
            assert 1 <= len(finding.evidence["quotations"]) <= 3
            assert all(len(text) <= 80 for text in finding.evidence["quotations"])
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("make", [pairs, chats])
def test_clean_rows_give_nothing(check: Check, make: Callable[..., list[Example]]) -> None:
    assert check(make(CLEAN), LIMITS) == []


def test_empty_targets_are_errors() -> None:
    assert found(empty_targets, ["", "ok", " \n\t\u3000"]) == ["", " \n\t\u3000"]
    assert empty_targets(pairs([("p", "")]), LIMITS)[0].severity == "error"


PLACEHOLDERS = [
    "TODO", "tbd", "[TODO]", "TODO: write the answer", "Lorem ipsum dolor sit amet", "N/A", "n/a", "xxx", "XXXX",
    "...", "…", "[object Object]", "null", "None", "nan", "NaN", "undefined", "Dear [insert name here], thank you.",
    "<Insert answer here>", "Dear {{name}}, thank you for your letter.", "Dear {{ first.name }}, hello.",
    "Hello <NAME>!", "Hello <FIRST_NAME> and welcome.", "Dear {customer_name}, your order is ready.", "Hello ({name}).",
]  # fmt: skip


@pytest.mark.parametrize("target", PLACEHOLDERS)
def test_placeholders_are_found(target: str) -> None:
    assert found(placeholder_targets, [target]) == [target]


@pytest.mark.parametrize(
    "target",
    [
        "None of them is right.", "Null", "Todo.", "nano", "Undefined behaviour", "x", "Well... no.", "TBDs are bad.",
        "Insert the key here and turn it.", "{name}s", "const a = `Dear {name} hello`;", "print('Dear {name} there')",
        '<a href="x">{name} </a>', "Dear \\textbf{name} hello", "```\nDear {{name}} hello\n```", "set {a} and {b}",
        "<p>Lorem ipsum dolor sit amet</p>", "<b> is bold", "Use `{name}` as a field.",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_placeholder_is_not_found(target: str) -> None:
    assert found(placeholder_targets, [target]) == []


def test_a_field_that_the_prompt_has_too_is_no_placeholder() -> None:
    rows = [("Translate: Hello {name}", "Hallo {name}"), ("Translate: Hello {name}", "Hallo {nachname}")]
    (finding,) = placeholder_targets(pairs(rows), LIMITS)
    assert [row.line for row in finding.rows] == [2]
    assert finding.evidence["quotations"] == ["{nachname}"]


REFUSALS = [
    "I'm sorry, but I can't assist with that request.",
    "I’m sorry, but I can’t help with that.",
    "I'm sorry, but I can't.",
    "I'm sorry. I can't help you with this one.",
    "Sorry, I can't do that.",
    "I am very sorry for the trouble, but I am unable to provide such information.",
    "I cannot assist with creating weapons.",
    "I can't provide medical advice, please see a doctor.",
    "I apologize, but I cannot fulfill this request.",
    "Unfortunately, I am not able to answer this question.",
    "As an AI language model, I don't have personal opinions.",
    "As an AI, I cannot browse the web.",
    "I must respectfully decline to write about this.",
    "Es tut mir leid, aber dabei kann ich nicht helfen.",
    "Leider kann ich diese Frage nicht beantworten.",
    "Als KI-Sprachmodell habe ich keine eigene Meinung.",
    "Je suis désolé, mais je ne peux pas vous aider avec cela.",
    "En tant qu'IA, je ne peux pas donner d'avis.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Como modelo de lenguaje, no tengo opiniones.",
    "**I'm sorry**, but I can't assist with that.",
]


@pytest.mark.parametrize("target", REFUSALS)
def test_refusals_are_found(target: str) -> None:
    assert found(refusals, [target]) == [target]


@pytest.mark.parametrize(
    "target",
    [
        "I'm sorry for the delay, your refund was sent. I cannot assist with shipping, though.",
        "I'm sorry, but the museum is closed on Mondays.",
        "I'm sorry.",
        "Sorry, I meant the second street on the left.",
        "I can't help but notice how well the colours fit.",
        "I can't find the error, so please send me the whole file.",
        "I won't be there on Friday.",
        "We cannot process payments without a card number.",
        "She said: I cannot assist with that.",
        "Unfortunately, the train was late.",
        "As an AI language model, I can explain this in three steps.",
        "Es tut mir leid für die Verspätung, Ihr Geld ist unterwegs.",
        "Leider kann ich am Montag nicht kommen.",
        "Je ne peux pas venir demain, mais samedi me va.",
        "No puedo ir mañana, pero el sábado sí.",
        "Como asistente de cocina, corto las verduras y lavo los platos.",
        "To decline an invitation, thank the host first.",
    ],
)
def test_apologies_and_notes_are_no_refusals(target: str) -> None:
    assert found(refusals, [target]) == []


def test_echoes_are_found_in_any_writing() -> None:
    prompt = "Where does the river Rhine begin, and where does it end?"
    again = [prompt, "  where does the RIVER rhine begin,\nand where does it end? ", prompt + " In the Alps."]
    assert found(echoes, [*again, "In the Alps.", prompt[:-1] + "ing"], prompt) == again
    assert found(echoes, ["Hello!", "Hello there"], "Hello") == []
    assert found(echoes, ["ﬁne ｗine"], "FINE wine") == ["ﬁne ｗine"]


def test_copied_targets_are_whole_words_of_the_prompt_and_no_echoes() -> None:
    prompt = "Extract the date: the ship left Lisbon on the third of May 1498 at dawn. Thank you."
    inside = "the ship left Lisbon on the third of May 1498"
    shorter = "left Lisbon on the third of May"
    within_a_word = "he ship left Lisbon on the third of May 1498"
    assert found(copied_targets, [inside, shorter, within_a_word, prompt], prompt) == [inside]
    assert copied_targets(pairs([(prompt, inside)]), LIMITS)[0].severity == "info"


def test_repetition_of_lines_sentences_and_phrases() -> None:
    line = "The quick brown fox jumps over the lazy dog near the old mill.\n"
    phrase = "we went to the market and bought bread, then we went to the market "
    loop = "and so it goes on " * 10
    sentences = "This sentence is written again and again by a model that ran into a loop. " * 3
    chinese = "今天天气很好我们去公园" + "非常高兴" * 10
    unique = " ".join(f"word{i}" for i in range(60))
    twice = unique + "\n" + unique
    assert found(repetition, [line * 4, phrase, loop, sentences, unique, chinese, twice]) == [
        line * 4, loop, sentences, chinese, twice,
    ]  # fmt: skip
    assert found(repetition, ["no " * 19]) == []
    assert found(repetition, ["no " * 20]) == ["no " * 20]


def test_the_limit_and_the_share_of_repetition_are_in_the_evidence() -> None:
    # 4 of 8 equal lines of 5 words: the first of them does not count, so 3/8 of all characters are repeated.
    target = "\n".join(["aa bb cc dd ee"] * 4 + [f"a{i} b{i} c{i} d{i} e{i}" for i in range(4)])
    (finding,) = repetition(pairs([("p", target)]), LIMITS)
    assert finding.evidence["largest_share"] == 0.375
    assert finding.evidence["repetition"] == 0.3
    assert repetition(pairs([("p", target)]), Audit(repetition=0.38)) == []


ODD = {
    "replacement_character": ["caf\ufffd"],
    "control_character": ["a\x00b", "a\x1b[31mred", "a\x0cb", "a\x85b", "del\x7f"],
    "lone_surrogate": ["a\ud83d b"],
    "mojibake": ["cafÃ© au lait", "itâ€™s", "MÃ¼ller", "20Â°C", "voilÃ\u00a0", "ï»¿text", "ðŸ˜€", "Ð¿Ñ€Ð¸Ð²ÐµÑ‚"],
    "html": ["one&nbsp;two", "one<br>two", "a <BR/> b", 'a <span class="x">b</span>', "R&amp;D", "it&#39;s"],
}


@pytest.mark.parametrize(("kind", "target"), [(kind, target) for kind, targets in ODD.items() for target in targets])
def test_odd_characters_are_found_by_kind(kind: str, target: str) -> None:
    assert found(odd_characters, [target]) == [target]
    (finding,) = odd_characters(pairs([("p", target)]), LIMITS)
    assert finding.evidence["rows_by_kind"] == {kind: 1}
    assert all(text.isprintable() for text in finding.evidence["quotations"])


@pytest.mark.parametrize(
    "target",
    ["tab\tand\r\nlines", "R&D; a < b > c", "<html><br></html>", "Say `<br>`.", "```\n<br>&nbsp;\n```",
     "if a<b and c>d:", "SÃO PAULO", "<NAME>", "Ñandú, Ðakovo"],
)  # fmt: skip
def test_ordinary_characters_are_not_odd(target: str) -> None:
    assert found(odd_characters, [target]) == []


def test_odd_characters_are_looked_for_in_every_text_of_a_row() -> None:
    origin = [Origin("f", i) for i in range(6)]
    rows: list[Example] = [
        Document("0", origin[0], "fine"),
        Document("1", origin[1], "b\ufffdd"),
        LabelledText("2", origin[2], "text", "la\x00bel"),
        LabelledText("3", origin[3], "te\ufffdxt", "label"),
        Pair("4", origin[4], "pr\ufffdmpt", "c"),
        Conversation("5", origin[5], (Message("system", "\ufffd"), Message("user", "u"), Message("assistant", "a"))),
    ]
    (finding,) = odd_characters(rows, LIMITS)
    assert list(finding.rows) == origin[1:]
    assert finding.evidence["rows_by_kind"] == {"control_character": 1, "replacement_character": 4}


def test_every_turn_of_weight_one_counts_and_no_other() -> None:
    def row(line: int, *turns: Message) -> Example:
        return Conversation(str(line), Origin("f", line), (Message("user", "Question?"), *turns))

    last = Message("assistant", "A fine answer.")
    rows = [
        row(1, Message("assistant", "TODO"), Message("user", "And?"), last),
        row(2, Message("assistant", "TODO", 0.0), Message("user", "And?"), last),
        row(3, Message("assistant", " ", 1.0, (("tool_calls", [{}]),)), Message("tool", "42"), last),
        row(4, Message("assistant", " "), Message("user", "And?"), last),
        row(5, Message("assistant", "Yes?"), Message("user", "And?"), Message("assistant", "and?")),
        row(6, Message("assistant", "Yes?"), Message("user", "And?"), Message("assistant", "Question?")),
    ]
    assert [row.line for finding in placeholder_targets(rows, LIMITS) for row in finding.rows] == [1]
    assert [row.line for finding in empty_targets(rows, LIMITS) for row in finding.rows] == [4]
    assert [row.line for finding in echoes(rows, LIMITS) for row in finding.rows] == [5]


def test_a_copy_of_an_earlier_message_is_found_in_the_last_turn() -> None:
    document = "The committee met on Tuesday and chose Ada Berg as its new chair by nine votes to two."
    messages = (
        Message("system", document), Message("user", "Who is the chair?"), Message("assistant", "Ada Berg."),
        Message("user", "Quote it."), Message("assistant", "chose Ada Berg as its new chair by nine votes"),
    )  # fmt: skip
    (finding,) = copied_targets([Conversation("1", Origin("f", 1), messages)], LIMITS)
    assert len(finding.rows) == 1


@pytest.mark.parametrize("check", CHECKS)
def test_rows_without_targets_and_no_rows_give_nothing(check: Check) -> None:
    rows = [LabelledText("1", Origin("f", 1), "null", ""), Document("2", Origin("f", 2), "TODO")]
    assert check(rows, LIMITS) == []
    assert check([], LIMITS) == []


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("check", CHECKS)
def test_hostile_text_takes_linear_time(check: Check, name: str) -> None:
    text = HOSTILE[name]
    examples = pairs([(text, text[:-1] + "b")])
    with ends_soon():
        check(examples, LIMITS)


def test_a_conversation_of_many_turns_takes_linear_time() -> None:
    example = many_turns()
    for check in CHECKS:
        with ends_soon():
            check([example], LIMITS)


def test_targets_of_invisible_characters_are_empty() -> None:
    invisible = ["\u200b", "\ufeff \u2060", "\u00ad\u200e", "\u2028", "\x07"]
    assert found(empty_targets, [*invisible, "\u200bok", "1", "👍", "。"]) == invisible

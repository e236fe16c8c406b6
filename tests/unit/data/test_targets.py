import time
from collections.abc import Callable, Sequence

import pytest

from attune.data.example import Conversation, Document, Example, LabelledText, Message, Origin, Pair
from attune.data.finding import Finding
from attune.data.languages import language, languages
from attune.data.likeness import normalised
from attune.data.stored import sampled
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
    languages,
)

CLEAN = [
    ("What is the capital of France?", "Paris."),
    ("Is 17 a prime number?", "Yes"),
    ("How much is 12 times 12?", "144"),
    ("Which of these are fruits: carrot, apple, leek?", "Apple"),
    ("Where is my refund?", "I'm sorry for the delay, your refund was sent on Tuesday and takes three days to arrive."),
    ("The parcel came broken.", "I'm sorry to hear that! We will send you a new one today, at no cost to you."),
    ("Do you like this book?", "I cannot recommend this book enough: every chapter has a surprise."),
    ("Write a note that I will miss the meeting.", "I am unable to attend on Monday. Could we meet on Tuesday?"),
    ("How did the film make you laugh?", "I can't help laughing at the scene with the two clocks and the goat."),
    ("Finde mein Paket.", "Es tut mir leid, dass Ihr Paket spät kommt. Es liegt jetzt in der Filiale am Markt."),
    ("Où est ma commande ?", "Je suis désolée pour le retard, votre commande arrivera demain avant midi."),
    ("¿Dónde está mi pedido?", "Lo siento mucho por la espera, su pedido ya está en camino y llega mañana."),
    ("What does an AI assistant do?", "As an AI assistant reads your question, it looks for words that are likely."),
    ("Write a function that greets.", 'def greet(name):\n    return f"Hello {name}, welcome"\n'),
    ("Give me XML for a person.", "<PERSON>\n  <NAME>Anna</NAME>\n  <AGE> {age} </AGE>\n</PERSON>"),
    ("Show me a Jinja loop.", "```jinja\n{% for x in xs %}\n<p>{{ x }}</p>&nbsp;<br>\n{% endfor %}\n```\nSo."),
    ("How do I break a line in HTML?", "Put `<br>` where the line is to end; `&nbsp;` keeps two words together."),
    ("Translate to German: Hello {name}, you have {count} new messages.", "Hallo {name}, {count} neue Nachrichten."),
    ("Which null value has Python?", "None is the one value of its type, and a function without return gives it."),
    ("What is a TODO list?", "TODO lists name what is left to do, most urgent first."),
    ("List three metals.", "- iron\n- copper\n- tin"),
    ("Make a table of two cities.", "| city | country |\n| --- | --- |\n| Lyon | France |\n| Graz | Austria |"),
    ("Wie entsteht Regen?", "Warme Luft steigt auf, kühlt ab, und das Wasser in ihr wird zu Tropfen, die fallen."),
    ("Pourquoi le ciel est-il bleu ?", "L'air disperse la lumière bleue plus que la rouge, et elle vient de partout."),
    ("Escreva em maiúsculas: amanhã.", "“AMANHÃ”, NÃO DEPOIS: A MAÇÃ É BOA."),
    ("日本の首都はどこですか？", "日本の首都は東京です。"),
    ("Какая столица у Польши?", "Столица Польши — Варшава, большой город на реке Висле."),
    ("Summarise: The cat sat on the mat, and then it slept until noon.", "A cat sat and slept until noon."),
    ("Write a set with one element.", "The set {x} has one element; 3 < 5 and x > 2 hold too."),
    (
        "Compare tea and coffee.",
        "Tea has less caffeine than coffee and is drunk in more countries. Coffee is roasted before it is ground: this "
        "makes for a darker taste. Both lose their scent when they are kept open, so a tin with a lid is best.",
    ),
    (
        "Write a loop that sums squares and prints them.",
        "total = 0\nfor i in range(10):\n    square = i * i\n    total += square\n    if total > 50:\n"
        "        print(total)\n        break\nelse:\n    print(total)\nprint('done', total, len(str(total)))",
    ),
    ("Emoji for joy?", "😀 or 🎉, with family 👨‍👩‍👧 when all are there."),
]


def pairs(rows: Sequence[tuple[str, str]]) -> list[Example]:
    return [Pair(str(i), Origin("f", i + 1), prompt, target) for i, (prompt, target) in enumerate(rows)]


def chats(rows: Sequence[tuple[str, str]]) -> list[Example]:
    return [
        Conversation(str(i), Origin("f", i + 1), (Message("user", prompt), Message("assistant", target)))
        for i, (prompt, target) in enumerate(rows)
    ]


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


@pytest.mark.parametrize("check", [check for check in CHECKS if check is not languages])
@pytest.mark.parametrize("make", [pairs, chats])
def test_clean_rows_give_nothing(check: Check, make: Callable[..., list[Example]]) -> None:
    assert check(make(CLEAN), LIMITS) == []


def test_clean_rows_in_six_languages_are_only_told_to_be_so() -> None:
    rows = [(prompt, target) for prompt, target in CLEAN if "Translate" not in prompt]
    (finding,) = languages(pairs(rows), LIMITS)
    assert finding.severity == "info"
    assert finding.evidence["languages"]["en"] > 5
    assert {rows[row.line - 1][0].split()[0] for row in finding.rows} == {
        "Wie", "Pourquoi", "Où", "¿Dónde", "Escreva", "Какая", "Finde",
    }  # fmt: skip


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


SENTENCES = {
    "en": ["The bakery on our street opens at six and sells out of rye bread by nine.",
           "My neighbour repairs old radios and gives them to schools in the valley."],
    "de": ["Der Zug nach Hamburg hatte heute Morgen wieder zwanzig Minuten Verspätung.",
           "Im Garten blühen die ersten Rosen, und die Kinder spielen am Teich."],
    "fr": ["Le marché du village ouvre tous les samedis matin devant la petite église.",
           "Nous avons décidé de repeindre la cuisine pendant les vacances d'été."],
    "es": ["Mi abuela prepara una sopa de verduras muy rica cuando hace frío.",
           "El autobús llegó tarde porque había mucha nieve en la carretera."],
    "it": ["La finestra della camera si apre su un cortile pieno di limoni.",
           "Domani mattina porterò la macchina dal meccanico per un controllo."],
    "pt": ["A minha irmã comprou uma bicicleta nova para ir ao trabalho todos os dias.",
           "O café da esquina fecha cedo aos domingos, mas o bolo é ótimo."],
    "nl": ["De fietsenmaker heeft mijn band gisteren in tien minuten geplakt.",
           "Wij gaan volgend weekend met de kinderen naar het strand wandelen."],
    "pl": ["W sobotę pojechaliśmy nad jezioro, żeby popływać i zjeść świeżą rybę.",
           "Mój brat uczy się grać na gitarze i ćwiczy codziennie wieczorem."],
    "sv": ["Katten sover helst på den varma stenen bredvid vår gamla lada.",
           "Vi behöver köpa mjölk och bröd innan affären stänger i kväll."],
    "fi": ["Isoäitini kutoo villasukkia koko talven ja antaa ne lahjaksi lapsille.",
           "Kesällä saunomme järven rannalla ja uimme vielä myöhään illalla."],
    "cs": ["Včera večer jsme seděli u ohně a vyprávěli si staré příběhy z dětství.",
           "Můj soused opravuje každou sobotu svůj starý červený traktor."],
    "tr": ["Annem her pazar sabahı bütün aile için taze börek pişirir ve çay demler.",
           "Köydeki eski değirmenin yanında küçük bir dere akıyor ve kuşlar ötüyor."],
    "ru": ["Вчера мы долго гуляли по старому парку и кормили уток у пруда.",
           "Моя сестра работает врачом в небольшой больнице за городом."],
    "el": ["Το καλοκαίρι κολυμπάμε κάθε πρωί στη μικρή παραλία κάτω από το χωριό.",
           "Ο παππούς μου καλλιεργεί ντομάτες και αγγούρια στον κήπο του."],
    "ja": ["昨日は友達と一緒に山へ行き、古い寺を見てから温かいそばを食べました。とても楽しかったです。",
           "毎朝、駅の前の小さな店で焼きたてのパンとコーヒーを買ってから、電車で会社に行っています。"],
    "ar": ["ذهبنا أمس إلى السوق القديم واشترينا الخبز الطازج والزيتون من بائع يعرفه والدي.",
           "تعمل أختي طبيبة في مستشفى صغير خارج المدينة وتعود إلى البيت مساء."],
}  # fmt: skip


def test_languages_of_own_sentences_are_told() -> None:
    told = [(name, language(text, LIMITS)) for name, texts in SENTENCES.items() for text in texts]
    assert all(len(text) >= 40 for texts in SENTENCES.values() for text in texts)
    right = sum(name == said for name, said in told)
    assert right / len(told) >= 0.9, [pair for pair in told if pair[0] != pair[1]]
    assert not [pair for pair in told if pair[1] not in (pair[0], None)]


@pytest.mark.parametrize(
    "text",
    ["12345", "ok", "", "12345 67890 " * 20, '{"name": "Berlin", "population": 3600000, "country": "Germany"}',
     "SELECT name, age FROM users WHERE age > 30 ORDER BY name;", "Paris is large.",
     "e4 e5 Nf3 Nc6 Bb5 a6 Ba4 Nf6 O-O Be7 Re1 b5 " * 6,
     "```\nThe bakery on our street opens at six and sells out of rye bread.\n```"],
)  # fmt: skip
def test_what_is_no_language_is_undetermined(text: str) -> None:
    assert language(text, LIMITS) is None


def test_the_limits_decide_what_is_determined() -> None:
    text = "The bakery on our street opens at six."
    assert language(text, LIMITS) == "en"
    assert language(text, Audit(language_letters=40)) is None
    assert language(text, Audit(language_probability=1.0)) is None
    assert language(text * 20_000, LIMITS) == "en"


ENGLISH, GERMAN, FRENCH = SENTENCES["en"][0], SENTENCES["de"][0], SENTENCES["fr"][0]


@pytest.mark.parametrize("make", [pairs, chats])
def test_a_target_in_another_language_is_a_warning_at_its_row(make: Callable[..., list[Example]]) -> None:
    rows = [(ENGLISH, SENTENCES["en"][1])] * 20
    assert languages(make(rows), LIMITS) == []
    rows[4], rows[11] = (ENGLISH, GERMAN), ("Short?", FRENCH)
    info, warning = languages(make(rows), LIMITS)
    assert (warning.severity, [row.line for row in warning.rows]) == ("warning", [5])
    assert warning.evidence["pairs"] == {"en to de": 1}
    assert (info.severity, [row.line for row in info.rows]) == ("info", [12])
    assert info.evidence["languages"] == {"en": 19, "fr": 1}


def test_translation_is_an_info_and_what_deviates_is_found() -> None:
    rows = [(ENGLISH, GERMAN)] * 20
    (info,) = languages(pairs(rows), LIMITS)
    assert (info.severity, info.rows) == ("info", ())
    assert "20 of 20 rows go from en to de" in info.what
    rows[7], rows[13] = (ENGLISH, ENGLISH), (ENGLISH, FRENCH)
    info, warning = languages(pairs(rows), LIMITS)
    assert info.severity == "info"
    assert (warning.severity, [row.line for row in warning.rows]) == ("warning", [8, 14])
    rows[0] = (GERMAN, GERMAN)
    (several, warning) = languages(pairs(rows), LIMITS)
    assert "languages: " in several.what
    assert len(warning.rows) == 18


def test_languages_much_alike_are_one() -> None:
    danish = "Min nabo har plantet tre æbletræer bag det gamle skur i haven."
    norwegian = "Naboen min har kjøpt en ny båt som han skal bruke til sommeren."
    assert (language(danish, LIMITS), language(norwegian, LIMITS)) == ("da", "no")
    assert languages(pairs([(danish, norwegian)] * 3 + [(danish, danish)]), LIMITS) == []


def test_texts_of_other_kinds_have_languages_too() -> None:
    rows = [LabelledText(str(i), Origin("f", i + 1), text, "x") for i, text in enumerate([ENGLISH, ENGLISH, GERMAN])]
    (finding,) = languages(rows, LIMITS)
    assert (finding.severity, [row.line for row in finding.rows]) == ("info", [3])


def test_many_rows_are_sampled_and_it_is_said_so() -> None:
    examples = pairs([("a", "b")] * 5000 + [("Short?", "b")] * 100)
    assert languages(examples, LIMITS) == []
    many = pairs([(ENGLISH, GERMAN)] * 5001)
    (finding,) = languages(many, LIMITS)
    assert "5000 of 5000 rows (a sample of 5001)" in finding.what
    assert finding.evidence["sampled_rows"] == 5000


def test_a_sample_keeps_the_order_and_does_not_hang_on_it() -> None:
    examples = pairs([("p", str(i)) for i in range(100)])
    chosen = sampled(examples, 30)
    assert [e.origin.line for e in chosen] == sorted(e.origin.line for e in chosen)
    assert len(chosen) == 30
    assert {e.id for e in sampled(examples[::-1], 30)} == {e.id for e in chosen}
    assert max(e.origin.line for e in chosen) > 60
    assert sampled(examples, 100) == examples


@pytest.mark.parametrize("check", CHECKS)
def test_rows_without_targets_and_no_rows_give_nothing(check: Check) -> None:
    rows = [LabelledText("1", Origin("f", 1), "null", ""), Document("2", Origin("f", 2), "TODO")]
    assert check(rows, LIMITS) == []
    assert check([], LIMITS) == []


HOSTILE = {
    "one word": "a" * 1_000_000, "words": "ab " * 330_000, "other words": " ".join(map(str, range(150_000))),
    "marks": "a" + "\u0301\u0323" * 500_000, "tags": "<br " * 250_000, "fields": "{{ " * 330_000,
    "fences": "```\n" * 250_000, "ticks": "` \n" * 330_000, "sorry": "i'm sorry " * 100_000, "dots": "." * 1_000_000,
    "chinese": "天地" * 500_000, "spaces": " " * 1_000_000 + "x", "lines": "\n" * 1_000_000,
    "inserts": "[insert " * 125_000, "entities": "&#1" * 330_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("check", CHECKS)
def test_hostile_text_takes_linear_time(check: Check, name: str) -> None:
    text = HOSTILE[name]
    examples = pairs([(text, text[:-1] + "b")])
    languages(examples[:0], LIMITS)
    language(ENGLISH, LIMITS)
    start = time.process_time()
    check(examples, LIMITS)
    assert time.process_time() - start < 2


def test_a_conversation_of_many_turns_takes_linear_time() -> None:
    turns = [
        Message("assistant" if i % 2 else "user", f"this is message number {i} of very many") for i in range(20_000)
    ]
    example = Conversation("1", Origin("f", 1), tuple(turns))
    language(ENGLISH, LIMITS)
    for check in CHECKS:
        start = time.process_time()
        check([example], LIMITS)
        assert time.process_time() - start < 2, check.__name__


def test_folded_texts_compare_as_people_read_them() -> None:
    assert normalised(" Ｃafe\u0301 \u00a0Straße\n") == normalised("CAFÉ strasse") == "café strasse"


def test_targets_of_invisible_characters_are_empty() -> None:
    invisible = ["\u200b", "\ufeff \u2060", "\u00ad\u200e", "\u2028", "\x07"]
    assert found(empty_targets, [*invisible, "\u200bok", "1", "👍", "。"]) == invisible

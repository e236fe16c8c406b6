"""Rows that can be read and should not be learned from. See `traps`."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

import grammars
import tongues
from flawed_files import Files, Place, jsonl, table
from grammars import Row

PLANTED = (7, 31, 77, 120)  # lines of rows of JSON lines
ROWS = 120


def findings() -> Iterator[Files]:
    """One flaw each, as a check of the audit should tell it."""
    yield from _repeated()
    yield from _labels()
    yield from _languages()
    yield from _personal()
    yield from _targets()
    yield from _characters()
    three = jsonl(grammars.library(3))
    yield Files("three-rows", "three rows in all", "rows.jsonl", three, [("few_rows", 0)])


def _pairs(planted: Mapping[int, Row], rows: int = ROWS) -> bytes:
    made = grammars.library(rows)
    for line, row in planted.items():
        made[line - 1] = row
    return jsonl(made)


def _answers(name: str, flaw: str, check: str, answers: Sequence[str], places: Sequence[Place] = ()) -> Files:
    """Pairs of which some have these completions."""
    made = grammars.library(ROWS)
    for line, text in zip(PLANTED, answers, strict=False):
        made[line - 1]["completion"] = text
    told = places or [(check, line) for line in PLANTED[: len(answers)]]
    return Files(name, flaw, "rows.jsonl", jsonl(made), told)


def _asked(name: str, flaw: str, check: str, change: Callable[[str, int], str]) -> Files:
    """Conversations whose question is changed in some rows."""
    made = grammars.workshop(ROWS)
    for i, line in enumerate(PLANTED):
        message = made[line - 1]["messages"][1]
        message["content"] = change(message["content"], i)
    return Files(name, flaw, "rows.jsonl", jsonl(made), [(check, line) for line in PLANTED])


def _repeated() -> Iterator[Files]:
    rows = grammars.library(ROWS)
    copies = {31: rows[3], 77: rows[49], 120: rows[49]}
    yield Files("exact-duplicate", "rows that stand in the file before", "rows.jsonl", _pairs(copies),
                [("exact_duplicates", line) for line in copies])  # fmt: skip
    wide = {ord(c): ord(c) + 0xFEE0 for c in "abcdefghijklmnopqrstuvwxyz"}
    spelled = {
        31: {key: text.upper() for key, text in rows[3].items()},
        77: {key: text.translate(wide) for key, text in rows[49].items()},
        120: {key: f" {text.replace(' ', '  ')}\n" for key, text in rows[60].items()},
    }
    yield Files("respelled-duplicate", "the same row in capitals, wide letters, other white space", "rows.jsonl",
                _pairs(spelled), [("exact_duplicates", line) for line in spelled])  # fmt: skip
    chats = grammars.workshop(ROWS)
    for line, other in ((31, 4), (120, 50)):
        chats[line - 1] = copy.deepcopy(chats[other - 1])
        question = chats[line - 1]["messages"][1]
        question["content"] = "Hello! " + question["content"].rstrip(".?!") + ", please"
    yield Files("near-duplicate", "questions that differ in a greeting", "rows.jsonl", jsonl(chats),
                [("near_duplicates", line) for line in (4, 31, 50, 120)])  # fmt: skip
    short = [{"prompt": text.split(". ")[0].removeprefix("Question: "), "completion": row["completion"]}
             for row in grammars.library(ROWS) for text in (row["prompt"],)]  # fmt: skip
    short = list({row["prompt"]: row for row in short}.values())[:60]
    short[30] = {**short[3], "prompt": short[3]["prompt"].replace("e", "ee", 1)}
    short[55] = {**short[9], "prompt": short[9]["prompt"] + "??"}
    yield Files("short-near-duplicate", "short questions with a slip of the pen", "rows.jsonl", jsonl(short),
                [("near_duplicates", line) for line in (4, 10, 31, 56)])  # fmt: skip
    against = {31: {**rows[3], "completion": " No, never."}, 77: {**rows[49], "completion": " 5"}}
    yield Files("contradiction", "one question, two answers with nothing in common", "rows.jsonl", _pairs(against),
                [("contradictions", line) for line in (4, 31, 50, 77)])  # fmt: skip
    called = grammars.travelling(ROWS)
    for line, other in ((31, 4), (77, 50)):
        messages = copy.deepcopy(called[other - 1]["messages"])
        called[line - 1]["messages"] = messages
        messages[-2]["content"] = called[other - 1]["messages"][-2]["content"].upper()
    yield Files("duplicate-with-tools", "conversations with calls that stand in the file before", "rows.jsonl",
                jsonl(called), [("exact_duplicates", line) for line in (31, 77)])  # fmt: skip


def _reviews(rows: int = ROWS, seed: int = 3) -> list[Row]:
    return grammars.reviews(rows, seed=seed)


def _labels() -> Iterator[Files]:
    def told(name: str, flaw: str, rows: list[Row], *places: Place) -> Files:
        return Files(name, flaw, "rows.csv", table(rows), places)

    rows = _reviews()
    for line in (10, 60, 100):
        rows[line - 2] = {"text": f"About {grammars.THINGS[line % 16]}: I have no opinion yet, see page {line}.",
                          "label": "unread"}  # fmt: skip
    lines = (10, 60, 100)
    yield told("small-class", "a label with three rows", rows, *(("small_classes", line) for line in lines),
               ("label_balance", 0))  # fmt: skip
    many = _reviews(400)
    few = [row for row in many if row["label"] == "negative"][:14]
    most = [row for row in many if row["label"] == "positive"][:160]
    random.Random(0).shuffle(uneven := [*few, *most])
    yield told("imbalance", "a label with twelve times the rows of the other", uneven, ("label_balance", 0))
    yield told("single-label", "one label in all rows", [{**row, "label": "positive"} for row in _reviews()],
               ("single_class", 0))  # fmt: skip
    rows = _reviews()
    spellings = [i for i, row in enumerate(rows) if row["label"] == "positive"][::4]
    for number, i in enumerate(spellings):
        rows[i]["label"] = ("Positive", "positive ")[number % 2]
    yield told("respelled-label", "labels that differ in a capital or a blank", rows,
               *(("similar_labels", i + 2) for i in spellings),
               *(("small_classes", i + 2) for i in spellings))  # fmt: skip
    rows = _reviews()
    rows[50] = {**rows[10], "label": {"positive": "negative", "negative": "positive"}[rows[10]["label"]]}
    rows[90] = {**rows[30], "text": rows[30]["text"].upper(),
                "label": {"positive": "negative", "negative": "positive"}[rows[30]["label"]]}  # fmt: skip
    yield told("contradicting-label", "one text, two labels", rows,
               *(("contradictions", i + 2) for i in (10, 30, 50, 90)),
               *(("label_errors", i + 2) for i in (50, 90)))  # fmt: skip
    rows = _reviews(200)
    wrong = (20, 57, 99, 140, 183)
    for line in wrong:
        rows[line - 2]["label"] = {"positive": "negative", "negative": "positive"}[rows[line - 2]["label"]]
    yield told(
        "wrong-label", "five labels of two hundred turned round", rows, *(("label_errors", line) for line in wrong)
    )
    pick = random.Random(5)
    rows = _reviews()
    for row in rows:
        if row["label"] == "negative":
            row["text"] += " " + ". ".join(pick.sample(grammars.STORIES, 3)) + "."
    yield told("length-shortcut", "longer texts under one label", rows, ("shortcuts:length", 0))
    rows = _reviews()
    for row in rows:
        row["text"] += (
            f" Bought in {' and '.join(str(pick.randrange(1990, 2026)) for _ in range(1 + pick.randrange(2)))}."
        )
        if row["label"] == "positive":
            row["text"] += f" Order {pick.randrange(100)} of {pick.randrange(100)}."
        else:
            row["text"] += " Order one of many."
    yield told("number-shortcut", "more numbers under one label", rows, ("shortcuts:numbers", 0))
    rows = sorted(_reviews(), key=lambda row: row["label"])
    yield told("sorted-labels", "rows in the order of their labels", rows, ("shortcuts:order", 0))


def _languages() -> Iterator[Files]:
    pick = random.Random(11)
    rows = tongues.polyglot(ROWS, tongues="en")
    for line, tongue in zip(PLANTED, ("de", "fr", "ru", "zh"), strict=True):
        rows[line - 1]["answer"] = tongues.answer(tongue, pick)
    yield Files("answer-in-another-language", "English questions answered in German, French, Russian, Chinese",
                "rows.jsonl", jsonl(rows), [("languages", line) for line in PLANTED])  # fmt: skip
    rows = tongues.polyglot(ROWS, tongues="de")
    for line in PLANTED:
        rows[line - 1] = tongues.polyglot(1, seed=line, tongues="fr")[0]
    yield Files("rows-in-another-language", "French rows among German ones", "rows.jsonl", jsonl(rows),
                [("languages", line) for line in PLANTED])  # fmt: skip
    rows = tongues.translations(ROWS)
    for line in PLANTED:
        rows[line - 1] = dict(zip(("source", "target"), reversed(rows[line - 1].values()), strict=True))
    yield Files("reversed-translation", "German to English among English to German", "rows.jsonl", jsonl(rows),
                [("languages", line) for line in PLANTED] + [("languages", 0)])  # fmt: skip
    rows = tongues.translations(ROWS)
    for line in PLANTED:
        rows[line - 1]["target"] = tongues.question("en", pick)
    yield Files("untranslated", "translations that are not translated", "rows.jsonl", jsonl(rows),
                [("languages", line) for line in PLANTED] + [("languages", 0)])  # fmt: skip


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def _token(length: int, seed: int, letters: str = _LETTERS) -> str:
    return "".join(random.Random(seed).choices(letters, k=length))


def _luhn(start: str, length: int, seed: int) -> str:
    digits = start + _token(length - len(start) - 1, seed, "0123456789")
    total = sum(int(d) if i % 2 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def _iban(country: str, body: str) -> str:
    number = int("".join(str(int(c, 36)) for c in body + country + "00"))
    return f"{country}{98 - number % 97:02}{body}"


def _personal() -> Iterator[Files]:
    key = "\n".join(_token(64, i, _LETTERS + "+/") for i in range(12))
    token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    kinds: list[tuple[str, str, str, tuple[str, str, str, str]]] = [
        ("email", "e-mail addresses", "email",
         ("ilse.gruber@example.org", "mailto:otto+shop@mail.example.co.uk", "<jürgen@müller.de>",
          "J_HADDAD@EXAMPLE.COM")),
        ("phone", "international phone numbers", "phone",
         ("+44 20 7946 0958", "+1 (212) 555-0123", "+49.30.901820", "+81-3-1234-5678")),
        ("card", "card numbers", "card",
         (_luhn("4", 16, 1), " ".join(_luhn("51", 16, 2)[i : i + 4] for i in (0, 4, 8, 12)), _luhn("37", 15, 3),
          "-".join(_luhn("6011", 16, 4)[i : i + 4] for i in (0, 4, 8, 12)))),
        ("iban", "bank accounts", "iban",
         (_iban("DE", "370400440532013000"), _iban("GB", "WEST12345698765432"), _iban("NO", "86011117947"),
          _iban("FR", "20041010050500013M02606"))),
        ("ssn", "US social security numbers", "ssn", ("536-22-8714", "219-09-9998", "441-72-0123", "001-01-0001")),
        ("ip-address", "public IP addresses", "ip",
         ("8.8.4.4", "93.184.216.34", "2606:4700:4700::1111", "185.15.59.224")),
        ("aws-key", "keys of Amazon", "secret",
         tuple("AKIA" + _token(16, i, _LETTERS[:26] + "0123456789") for i in range(4))),
        ("github-token", "tokens of GitHub and GitLab", "secret",
         ("ghp_" + _token(36, 1), "github_pat_" + _token(40, 2), "gho_" + _token(36, 3), "glpat-" + _token(20, 4))),
        ("api-key", "keys of model providers, Google and Slack", "secret",
         ("sk-" + _token(48, 1), "sk-proj-" + _token(40, 2) + "4", "AIza" + _token(35, 3),
          "xoxb-123456-" + _token(12, 4))),
        ("private-key", "private keys", "secret",
         tuple(f"-----BEGIN {kind}PRIVATE KEY-----\n{key}\n-----END {kind}PRIVATE KEY-----"
               for kind in ("", "RSA ", "EC ", "OPENSSH "))),
        ("web-token", "JSON web tokens", "secret",
         tuple(f"{token}.{_token(40, i)}.{_token(43, i + 9)}" for i in range(4))),
        ("password", "passwords and tokens by their names", "secret",
         ("password = " + _token(24, 1) + "7", '"api_key": "' + _token(32, 2) + '8"', "secret: " + _token(22, 3) + "9",
          "TOKEN=" + _token(40, 4) + "1")),
    ]  # fmt: skip
    for name, flaw, kind, values in kinds:
        sentences = ("My data: {}.", "{} is what I use", "Write to me ({}), please.", "I tried {} twice")
        yield _asked(name, flaw, f"personal_data:{kind}",
                     lambda asked, i, v=values, s=sentences: f"{asked} {s[i].format(v[i])}")  # fmt: skip


def _targets() -> Iterator[Files]:
    yield _answers("invisible-answer", "answers of invisible characters", "empty_targets",
                   ("\u200b", "\u200b\u200e \ufeff", "\u2060\n", "\u00ad"))  # fmt: skip
    for name, flaw, answers in (
        ("todo", "answers that nobody wrote yet", (" TODO", " TBD.", "FIXME: ask Ilse", "todo: TBA"[6:])),
        ("null-words", "words for nothing in place of answers", (" None", "null", "NaN", " N/A")),
        ("lorem-ipsum", "filling", ("Lorem ipsum dolor sit amet, consectetur.", " ...", "XXXX", "…")),
        ("insert-here", "something to be inserted", (
            " Dear [insert name here], the hall is free.", "See <insert link here>.", "(please insert price here)",
            "It opens at [INSERT TIME HERE]."),
        ),
        ("unfilled-field", "fields of a template", (
            " Dear {{customer_name}}, it is free.", "It opens at {opening_time}.", "Ask <NAME> at the desk.",
            " The fee is {{ fee }}!"),
        ),
    ):  # fmt: skip
        places = [("placeholder_targets", line) for line in PLANTED]
        latin = [("languages", PLANTED[0])] if name == "lorem-ipsum" else []
        yield _answers(name, flaw, "placeholder_targets", answers, [*places, *latin])
    for name, flaw, answers in (
        ("refusal", "refusals in English", (
            "I'm sorry, but I can't help with that.", " I cannot provide advice on this topic.",
            "As an AI language model, I do not have access to your card.", "Unfortunately, I am unable to assist you."),
        ),
        ("refusal-elsewhere", "refusals in German, French and Spanish", (
            "Es tut mir leid, aber dabei kann ich nicht helfen.", "Leider kann ich diese Frage nicht beantworten.",
            "Je suis désolé, mais je ne peux pas vous aider.", "Lo siento, no puedo ayudarte con eso."),
        ),
    ):  # fmt: skip
        made = _answers(name, flaw, "refusals", answers)
        places = [*made.told, *([("languages", line) for line in PLANTED] if name == "refusal-elsewhere" else [])]
        yield Files(made.name, made.flaw, made.file, made.content, places)
    rows = grammars.library(ROWS)
    prompts = [rows[line - 1]["prompt"] for line in PLANTED]
    yield _answers("echo", "answers that are the question again", "echoes",
                   (prompts[0], prompts[1].upper(), f" {prompts[2]} It is free.", prompts[3] + " Yes."))  # fmt: skip
    middles = [" ".join(prompt.split()[3:15]) for prompt in prompts]
    yield _answers("copied", "answers that stand in the question", "copied_targets", middles)
    yield _answers("repetition", "answers that run in a loop", "repetition", (
        "It is free. " * 12, "The hall is open from nine to six\n" * 5, "you may come and go and " * 10,
        "这个大厅是免费的。" * 8,
    ), [*(("repetition", line) for line in PLANTED), ("languages", 120)])  # fmt: skip


def _characters() -> Iterator[Files]:
    def changed(name: str, flaw: str, *pieces: str) -> Files:
        return _asked(name, flaw, "odd_characters", lambda asked, i: f"{asked} {pieces[i]}")

    yield changed(
        "mojibake", "text decoded wrongly", "The cafÃ© knows.", "Itâ€™s late.", "GrÃ¼ÃŸe", "ÐŸÑ€Ð¸Ð²ÐµÑ‚ to all"
    )
    yield changed("control-characters", "control characters", "a\x08b", "a\x1b[0mb", "\x85", "\x7f")
    yield changed(
        "replacement-characters", "replacement characters", "caf\ufffd", "\ufffd", "a \ufffd\ufffd b", "x\ufffd?"
    )
    yield changed("html", "left-over HTML", "Thanks&nbsp;a lot", "<br/>Bye", '<a href="x">Look</a>', "Tom &amp; Ilse")
    rows = _reviews(40)
    for line in (5, 20):
        rows[line - 2]["label"] = {"positive": "positiv\ufffd", "negative": "negativ\ufffd"}[rows[line - 2]["label"]]
    yield Files("damaged-label", "a replacement character in labels", "rows.csv", table(rows), [
        *(("odd_characters", line) for line in (5, 20)), *(("small_classes", line) for line in (5, 20)),
    ])  # fmt: skip

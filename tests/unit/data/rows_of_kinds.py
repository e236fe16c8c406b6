"""Rows that several checks are tried on: clean ones, and such that take long where time is not linear."""

from collections.abc import Sequence

from attune.data.example import Conversation, Example, Message, Origin, Pair

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


HOSTILE = {
    "one word": "a" * 1_000_000, "words": "ab " * 330_000, "other words": " ".join(map(str, range(150_000))),
    "marks": "a" + "\u0301\u0323" * 500_000, "tags": "<br " * 250_000, "fields": "{{ " * 330_000,
    "fences": "```\n" * 250_000, "ticks": "` \n" * 330_000, "sorry": "i'm sorry " * 100_000, "dots": "." * 1_000_000,
    "chinese": "天地" * 500_000, "spaces": " " * 1_000_000 + "x", "lines": "\n" * 1_000_000,
    "inserts": "[insert " * 125_000, "entities": "&#1" * 330_000,
}  # fmt: skip


def pairs(rows: Sequence[tuple[str, str]]) -> list[Example]:
    return [Pair(str(i), Origin("f", i + 1), prompt, target) for i, (prompt, target) in enumerate(rows)]


def chats(rows: Sequence[tuple[str, str]]) -> list[Example]:
    return [
        Conversation(str(i), Origin("f", i + 1), (Message("user", prompt), Message("assistant", target)))
        for i, (prompt, target) in enumerate(rows)
    ]


def many_turns() -> Conversation:
    """One conversation of twenty thousand messages."""
    turns = [
        Message("assistant" if i % 2 else "user", f"this is message number {i} of very many") for i in range(20_000)
    ]
    return Conversation("1", Origin("f", 1), tuple(turns))

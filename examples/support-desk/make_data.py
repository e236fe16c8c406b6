"""Write train.jsonl, validation.jsonl and test.jsonl of the Lumenry support desk.

Run it from anywhere with plain Python: ``python examples/support-desk/make_data.py``. It needs only the standard
library and always writes the same files. Wordings are divided between the files, so the test file asks its questions
in wordings that training does not have; the script checks this and stops when it does not hold.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from string import Formatter

from wordings import FACTS, INTENTS, Intent

SEED = 0
TEST_PER_INTENT = 2
MULTI_TURN_ROWS = 120
MAX_JACCARD = 0.8  # between a test question and any training question, slots filled
WORDING_JACCARD = 0.75  # between a held-out wording and any other wording, slots open

#: How many values of the slot each training wording is written with.
VALUES_PER_WORDING = {"model": 1, "plant": 2, "country": 2, "order": 2, "part": 1, "code": 2}

#: A second question that only makes sense after the first, by slot.
FOLLOW_UPS: dict[str, list[str]] = {
    "model": [
        "And the {model}?",
        "What about the {model}?",
        "ok and for the {model}",
        "The same for the {model}, please.",
    ],
    "plant": ["And {plant}?", "What about {plant}?", "and for {plant}", "The same question for {plant}."],
    "country": ["And {country}?", "What about {country}?", "And if I send it to {country}?"],
    "part": ["And a {part}?", "I also need a {part}.", "and the {part}"],
    "code": ["Now it shows {code}.", "And {code}?", "Done, but now I see {code}."],
}

#: What customers say between two questions.
CONNECTORS = [
    "",
    "",
    "Thanks. ",
    "Okay. ",
    "Good to know. ",
    "One more thing. ",
    "Thank you. Another question: ",
    "I see. ",
]

Row = dict[str, list[dict[str, str]]]


def slot_of(intent: Intent) -> str | None:
    """The name of the slot an intent's wordings hold, or None."""
    names = {name for _, name, _, _ in Formatter().parse(intent.wordings[0]) if name}
    return names.pop() if names else None


def normalise(text: str) -> str:
    """Lower case, letters and digits only, single spaces."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def jaccard(left: str, right: str) -> float:
    """Share of distinct words that two texts have in common."""
    a, b = set(normalise(left).split()), set(normalise(right).split())
    return len(a & b) / len(a | b)


class Values:
    """Hands out slot values: closed sets in shuffled rounds, order numbers fresh each time."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rounds: dict[tuple[str, str], list[str]] = {}
        self.orders = rng.sample(range(1000, 10000), 4000)

    def take(self, slot: str, key: str, used: Collection[str] = ()) -> str:
        """The next value of a slot for one intent, other than those already used."""
        if slot == "order":
            return str(self.orders.pop())
        left = self.rounds.setdefault((slot, key), [])
        if not left:
            left.extend(FACTS[slot])
            self.rng.shuffle(left)
        if left[-1] in used:
            left[:0] = self.rng.sample(list(FACTS[slot]), len(FACTS[slot]))
        position = max(index for index, value in enumerate(left) if value not in used)
        return left.pop(position)


def answer(intent: Intent, slot: str | None, value: str) -> str:
    """The one right answer of an intent for a slot value."""
    if slot is None:
        return intent.answer
    return intent.answer.format(**{slot: value}, **FACTS.get(slot, {}).get(value, {}))


def fill(wording: str, slot: str | None, value: str) -> str:
    """A wording with its slot filled; a sentence that starts with the value gets a capital letter in tidy wordings."""
    if slot is None:
        return wording
    text = wording.format(**{slot: value})
    return text[0].upper() + text[1:] if text[-1] in ".!" else text


def single(question: str, reply: str) -> Row:
    """A conversation of one question and one answer."""
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]}


def divide(intent: Intent, index: int, rng: random.Random) -> tuple[list[str], list[str], list[str]]:
    """Divide an intent's wordings into train, validation and test; those held out differ clearly from all others."""
    order = list(intent.wordings)
    rng.shuffle(order)
    everything = [text for each in INTENTS for text in each.wordings]
    held_out = [
        text for text in order if all(jaccard(text, other) < WORDING_JACCARD for other in everything if other != text)
    ]
    validation = 1 + index % 2
    test, tuning = held_out[:TEST_PER_INTENT], held_out[TEST_PER_INTENT : TEST_PER_INTENT + validation]
    assert len(tuning) == validation, f"{intent.key} has too few wordings that differ"
    return [text for text in order if text not in test and text not in tuning], tuning, test


def conversation(pairs: list[tuple[str, str]]) -> Row:
    """A conversation of several questions and answers."""
    return {"messages": [message for question, reply in pairs for message in single(question, reply)["messages"]]}


def multi_turn(
    divided: dict[str, tuple[list[str], list[str], list[str]]], values: Values, rng: random.Random
) -> list[Row]:
    """Conversations of two or three questions, made of training wordings only."""
    by_topic: dict[str, list[Intent]] = {}
    for intent in INTENTS:
        by_topic.setdefault(intent.topic, []).append(intent)

    def ask(intent: Intent) -> tuple[str, str, str]:
        slot = slot_of(intent)
        value = values.take(slot, intent.key + "/turns") if slot else ""
        wording = rng.choice(divided[intent.key][0])
        return fill(wording, slot, value), answer(intent, slot, value), value

    follow = [intent for intent in INTENTS if slot_of(intent) in FOLLOW_UPS]
    topics = [name for name, members in by_topic.items() if len(members) > 1]
    rows = []
    for number in range(MULTI_TURN_ROWS):
        if number % 2 == 0:
            intent = follow[number // 2 % len(follow)]
            slot = slot_of(intent)
            assert slot is not None
            question, reply, value = ask(intent)
            other = rng.choice([name for name in FACTS[slot] if name != value])
            pairs = [(question, reply)]
            pairs.append((rng.choice(FOLLOW_UPS[slot]).format(**{slot: other}), answer(intent, slot, other)))
        else:
            first, second = rng.sample(by_topic[topics[number // 2 % len(topics)]], 2)
            question, reply, value = ask(first)
            next_question, next_reply, _ = ask(second)
            pairs = [(question, reply), (rng.choice(CONNECTORS) + next_question, next_reply)]
        if number % 4 == 3:
            thanks = next(intent for intent in INTENTS if intent.key == "thanks")
            pairs.append((rng.choice(divided["thanks"][0]), thanks.answer))
        rows.append(conversation(pairs))
    return rows


def users(rows: list[Row]) -> list[str]:
    """Everything the users say in the rows."""
    return [message["content"] for row in rows for message in row["messages"] if message["role"] == "user"]


def check(train: list[Row], validation: list[Row], test: list[Row]) -> float:
    """Stop unless the held-out questions are new; give the largest likeness to a training question."""
    known = {normalise(text) for text in users(train)}
    questions: dict[str, str] = {}
    for row in [*test, *validation]:
        question, reply = (message["content"] for message in row["messages"])
        assert normalise(question) not in known, f"training asks the same: {question}"
        assert questions.setdefault(normalise(question), reply) == reply, f"two answers: {question}"
    assert not {normalise(text) for text in users(test)} & {normalise(text) for text in users(validation)}
    singles = [row for row in train if len(row["messages"]) == 2]
    answers: dict[str, str] = {}
    for row in singles:
        question, reply = (message["content"] for message in row["messages"])
        assert answers.setdefault(normalise(question), reply) == reply, f"two answers: {question}"
    assert len({normalise(text) for text in users(singles)}) == len(singles), "a training question is there twice"
    largest, pair = max((jaccard(text, other), (text, other)) for text in users(test) for other in users(singles))
    assert largest < MAX_JACCARD, f"a test question is too close to a training question: {pair}"
    return largest


def check_wordings(divided: dict[str, tuple[list[str], list[str], list[str]]]) -> None:
    """Stop when a test wording is too close to a training wording of its intent, whatever fills the slot."""
    seen: dict[str, str] = {}
    for intent in INTENTS:
        assert len(intent.wordings) >= 14, f"{intent.key} has too few wordings"
        for wording in intent.wordings:
            assert seen.setdefault(normalise(wording), intent.key) == intent.key, f"asked in two intents: {wording}"
        train, validation, test = divided[intent.key]
        for wording in [*test, *validation]:
            closest = max(train, key=lambda other: jaccard(wording, other))
            assert jaccard(wording, closest) < WORDING_JACCARD, f"{intent.key}: {wording!r} is close to {closest!r}"


def main() -> None:
    """Write the three files and print their counts."""
    rng = random.Random(SEED)
    values = Values(rng)
    divided = {intent.key: divide(intent, index, rng) for index, intent in enumerate(INTENTS)}
    check_wordings(divided)
    train: list[Row] = []
    validation: list[Row] = []
    test: list[Row] = []
    for intent in INTENTS:
        slot = slot_of(intent)
        for rows, wordings, times in zip((train, validation, test), divided[intent.key], (0, 1, 1), strict=True):
            for wording in wordings:
                used: set[str] = set()
                for _ in range(times or (VALUES_PER_WORDING[slot] if slot else 1)):
                    value = values.take(slot, intent.key, used) if slot else ""
                    used.add(value)
                    rows.append(single(fill(wording, slot, value), answer(intent, slot, value)))
    train.extend(multi_turn(divided, values, rng))
    likeness = check(train, validation, test)
    folder = Path(__file__).resolve().parent
    for name, rows in (("train", train), ("validation", validation), ("test", test)):
        rng.shuffle(rows)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
        turns = Counter(len(row["messages"]) // 2 for row in rows)
        print(f"{name}: {len(rows)} conversations, by user turns {dict(sorted(turns.items()))}")
    slots = sum(slot_of(intent) is not None for intent in INTENTS)
    print(f"intents: {len(INTENTS)}, of which {slots} copy a value from the question")
    print(f"largest word likeness of a test question to a training question: {likeness:.2f}")


if __name__ == "__main__":
    main()

"""Write reviews.csv: short invented reviews of eight kinds of products and services with three labels.

Run it from anywhere with plain Python: ``python examples/reviews/make_data.py``. It needs only the standard library
and always writes the same file. Praise stands in negative reviews and blame in positive ones, so that no single
word or clause decides the label.
"""

from __future__ import annotations

import csv
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from clauses import AMBIGUOUS, BAD_END, GOOD_END, GRUMPY_PRAISE, KINDS, PLAIN_END, SARCASM, SLOTS, Kind

SEED = 0
TYPO_SHARE = 0.08
COUNTS = {"negative": 600, "neutral": 375, "positive": 525}
AMBIGUOUS_ROWS = 30
SHORT_ROWS = 40

SUBJECTS: dict[str, list[str]] = {
    "restaurant": ["this restaurant", "the new place in town", "the bistro at the corner", "our {meal} out"],
    "headphones": ["these headphones", "my new headphones", "the pair I bought", "the wireless model"],
    "hotel": ["this hotel", "our stay", "the guest house", "the inn by the lake"],
    "vacuum": ["this vacuum cleaner", "our new vacuum", "the cordless cleaner", "the machine"],
    "courier": ["this courier", "the parcel service", "my last delivery", "the delivery firm"],
    "app": ["this app", "the program", "the new version", "the app on my phone"],
    "book": ["this novel", "the book", "the story", "the paperback"],
    "dentist": ["this dentist", "the practice", "my last visit to the dentist", "the new dental surgery"],
}

INTROS = [
    "About {subject}:",
    "Some words on {subject}.",
    "I want to write about {subject}.",
    "{Subject}, then.",
    "",
    "",
    "",
    "",
]
AND = ["{a}, and {b}", "{a}. {B}", "{a}; {b}", "{B}, and {a} as well", "first of all {a}. {B} too"]
BUT = [
    "{a}, but {b}",
    "{a}. Still, {b}",
    "although {a}, {b}",
    "yes, {a}, yet {b}",
    "{a}; on the other hand {b}",
    "{b}, even though {a}",
    "it is true that {a}. However, {b}",
]
BUT_EVEN = ["{a}, but {b}", "{a}. Then again, {b}", "on the one hand {a}, on the other {b}", "{b}, while {a}"]


@dataclass(frozen=True)
class Review:
    """A review, its label and the clauses it is made of."""

    text: str
    label: str
    clauses: tuple[str, ...]


class Bank:
    """Deals clauses of one list in shuffled rounds, so that all are used about equally often."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rounds: dict[tuple[str, ...], list[str]] = {}

    def take(self, lines: list[str]) -> str:
        """The next clause of a list."""
        left = self.rounds.setdefault(tuple(lines), [])
        if not left:
            left.extend(self.rng.sample(lines, len(lines)))
        return left.pop()


def lines_of(block: str) -> list[str]:
    """The lines of a bank."""
    return block.strip().splitlines()


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[0].upper() + text[1:]


def fill(text: str, rng: random.Random) -> str:
    """The text with each slot replaced by a word."""
    parts = []
    for literal, slot, _, _ in Formatter().parse(text):
        parts.append(literal)
        if slot:
            parts.append(rng.choice(SLOTS[slot]))
    return "".join(parts)


def misspell(text: str, rng: random.Random) -> str:
    """The text with one or two letters swapped, dropped or doubled, or all in small letters."""
    if rng.random() < 0.3:
        return text.lower()
    for _ in range(rng.choice([1, 1, 2])):
        places = [i for i in range(1, len(text) - 1) if text[i - 1 : i + 2].isalpha()]
        at = rng.choice(places)
        change = rng.randrange(3)
        if change == 0:
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        elif change == 1:
            text = text[:at] + text[at + 1 :]
        else:
            text = text[:at] + text[at] + text[at:]
    return text


def sentence(frame: str, a: str, b: str) -> str:
    """Two clauses in a frame, with a capital letter at the start and a full stop at the end."""
    return capital(frame.format(a=a, b=b, A=capital(a), B=capital(b))) + "."


def compose(kind: Kind, label: str, bank: Bank, rng: random.Random) -> Review:
    """One review of a kind with the wanted label."""
    praise, blame, plain = lines_of(kind.praise), lines_of(kind.blame), lines_of(kind.plain)
    if label == "neutral":
        if rng.random() < 0.5:
            clauses = [bank.take(plain), bank.take(plain)]
            body = sentence(rng.choice(AND[:3]), *clauses)
            if rng.random() < 0.4:
                clauses.append(bank.take(PLAIN_END))
        else:
            clauses = [bank.take(praise), bank.take(blame)]
            rng.shuffle(clauses)
            body = sentence(rng.choice(BUT_EVEN), *clauses)
            clauses.append(bank.take(PLAIN_END))
    else:
        own, other, end = (praise, blame, GOOD_END) if label == "positive" else (blame, praise, BAD_END)
        shape = rng.random()
        if shape < 0.35:
            clauses = [bank.take(own), bank.take(own)]
            body = sentence(rng.choice(AND), *clauses)
        elif shape < 0.5:
            clauses = [bank.take(plain), bank.take(own)]
            body = sentence(rng.choice(AND[:3]), *clauses)
        else:
            clauses = [bank.take(other), bank.take(own)]
            body = sentence(rng.choice(BUT), *clauses)
        if shape >= 0.5 or rng.random() < 0.25:
            clauses.append(bank.take(end))
    if len(clauses) > 2:
        body += " " + capital(clauses[2]) + "."
    subject = rng.choice(SUBJECTS[kind.name])
    intro = rng.choice(INTROS).format(subject=subject, Subject=capital(subject))
    return Review(fill(f"{intro} {body}".strip(), rng), label, tuple(clauses))


def short(label: str, bank: Bank, rng: random.Random) -> Review:
    """A sarcastic or grumpy review: its words point the other way."""
    kind = rng.choice(KINDS)
    line = bank.take(SARCASM if label == "negative" else GRUMPY_PRAISE)
    plain = bank.take(lines_of(kind.plain))
    text = line if rng.random() < 0.3 else f"{capital(plain)}. {line}"
    return Review(fill(text, rng), label, (line, plain))


def make() -> list[Review]:
    """All reviews in the order of the file."""
    rng = random.Random(SEED)
    bank = Bank(rng)
    reviews: list[Review] = []
    seen: set[str] = set()
    for label, count in COUNTS.items():
        added = 0
        while added < count:
            if label != "neutral" and added < SHORT_ROWS:
                review = short(label, bank, rng)
            elif added < SHORT_ROWS + AMBIGUOUS_ROWS // 3 and added >= SHORT_ROWS:
                kind = rng.choice(KINDS)
                line, plain = bank.take(AMBIGUOUS), bank.take(lines_of(kind.plain))
                review = Review(fill(f"{capital(plain)}. {line}", rng), label, (line, plain))
            else:
                review = compose(KINDS[added % len(KINDS)], label, bank, rng)
            text = misspell(review.text, rng) if rng.random() < TYPO_SHARE else review.text
            if text.lower() in seen:
                continue
            seen.add(text.lower())
            reviews.append(Review(text, label, review.clauses))
            added += 1
    rng.shuffle(reviews)
    return reviews


def check(reviews: list[Review]) -> None:
    """Stop when a text is there twice or when one clause alone would give a label away in most banks."""
    assert len({review.text.lower() for review in reviews}) == len(reviews)
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for review in reviews:
        for clause in review.clauses:
            labels[clause][review.label] += 1
    banks = [line for kind in KINDS for line in lines_of(kind.praise) + lines_of(kind.blame)]
    sure = sum(len(labels[line]) == 1 for line in banks)
    assert sure < 0.1 * len(banks), f"{sure} of {len(banks)} clauses occur under one label only"
    uses = [sum(labels[line].values()) for line in banks]
    print(f"clauses that praise or blame: {len(banks)}, each used {min(uses)} to {max(uses)} times")
    print(f"of these under one label only: {sure}")


def main() -> None:
    """Write reviews.csv and print its counts."""
    reviews = make()
    check(reviews)
    with (Path(__file__).resolve().parent / "reviews.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        writer.writerows((review.text, review.label) for review in reviews)
    print(f"reviews: {len(reviews)}, by label {dict(sorted(Counter(r.label for r in reviews).items()))}")


if __name__ == "__main__":
    main()

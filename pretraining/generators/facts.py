"""Common knowledge in many sentence frames: as statements, as question and answer pairs and as chats."""

from __future__ import annotations

import random
from collections.abc import Callable

from . import fact_tables as tables
from . import words
from .text import chat, listing, phrase, plural, roughen, spin

Pair = tuple[str, str, str]  # question, short answer in a sentence, plain statement


def _frame(rng: random.Random, question: str, answer: str, statement: str, **slots: str) -> Pair:
    asked = spin(rng, question, slots)
    if asked.split()[0] in ("Name", "Give", "List", "Tell", "Please", "Add", "Subtract", "Multiply", "Find"):
        asked = asked.rstrip("?.") + "."
    elif asked.startswith("Can you"):
        asked = asked.rstrip(".?").removesuffix(", please") + "?"
    if "meaning" in slots and asked.startswith(("Which word means", "What do people call")):
        answer = '[{word.cap}|It is called {named}|That is {named}|The word is "{word}"].'
    elif asked.startswith("Where does a") and "where" in slots:
        answer = "[A~ {name} often works in {where}|In {where}, for example|Usually in {where}]."
    elif asked.startswith("Who ") or asked.startswith("Which person"):
        answer = "[A~ {name}|A~ {name} {task}|That is the job of a~ {name}]."
    return asked, spin(rng, answer, slots), spin(rng, statement, slots)


def capital(rng: random.Random) -> Pair:
    """Capitals, in both directions."""
    country, city = rng.choice(tables.CAPITALS)
    if rng.random() < 0.3:
        return _frame(
            rng,
            "[{city} is the capital of which country|Which country has {city} as its capital|In which "
            "country is {city}]?",
            "[{country}|{city} is in {country}|{city} is the capital of {country}].",
            "{city} is the capital of {country}.",
            country=country,
            city=city,
        )
    return _frame(
        rng,
        "[What is the capital [city|] of {country}|Which city is the capital of {country}|Name the "
        "capital of {country}|Do you know the "
        "capital of {country}]?",
        "[The capital of {country} is {city}|{city}|It is {city}|{city} is the capital of {country}].",
        "[The capital of {country} is {city}|{city} is the capital of {country}|{country} has {city} as its capital].",
        country=country,
        city=city,
    )


def geography(rng: random.Random) -> Pair:
    """Continents and languages."""
    if rng.random() < 0.5:
        country, where = rng.choice(tables.CONTINENTS)
        return _frame(
            rng,
            "[On which continent is {country}|Where is {country}|Which continent does {country} belong to]?",
            "[{country} is in {where}|In {where}|It is in {where}].",
            "{country} is a country in {where}.",
            country=country,
            where=where,
        )
    country, tongue = rng.choice(tables.LANGUAGES)
    return _frame(
        rng,
        "[Which language do people speak in {country}|What is the main language of {country}|What do "
        "they speak in {country}]?",
        "[People in {country} speak {tongue}|{tongue}|The main language is {tongue}].",
        "In {country} most people speak {tongue}.",
        country=country,
        tongue=tongue,
    )


def animal(rng: random.Random) -> Pair:
    """Young, home, food, legs, abilities and class of animals."""
    name, young, home, food, legs, trait, family = rng.choice(tables.ANIMALS)
    slots = dict(
        name=name, names=plural(name), young=young, home=home, food=food, legs=legs, trait=trait, family=family
    )
    frames = [
        (
            "[What is a young {name} called|What do you call a baby {name}|What is the name for a young {name}]?",
            "[A young {name} is called a~ {young}|It is called a~ {young}|A~ {young}].",
            "A young {name} is called a~ {young}.",
        ),
        (
            "[Where does a~ {name} live|Where do {names} live|What is the home of a~ {name}]?",
            "[A~ {name} lives in {home}|{names} live in {home}].",
            "[A~ {name} lives in {home}|You can find {names} in {home}].",
        ),
        (
            "[What does a~ {name} eat|What do {names} eat|What is the food of a~ {name}]?",
            "[A~ {name} eats {food}|{names} eat {food}|Mostly {food}].",
            "{names} eat {food}.",
        ),
        (
            "[How many legs does a~ {name} have|How many legs do {names} have]?",
            "[A~ {name} has {legs} legs|{legs}|It has {legs} legs].",
            "A~ {name} has {legs} legs.",
        ),
        (
            "[What is special about a~ {name}|What can you tell me about {names}|Tell me something about the {name}]?",
            "[A~ {name} {trait}|It {trait}].",
            "A~ {name} {trait}.",
        ),
        (
            "[What kind of animal is a~ {name}|Which group of animals does the {name} belong to]?",
            "[A~ {name} is a~ {family}|It is a~ {family}|The {name} belongs to the group of {family.s}].",
            "A~ {name} is a~ {family}.",
        ),
        (
            "[Which animal {trait}|What animal {trait}]?",
            "[A~ {name}|For example the {name}|The {name} {trait}].",
            "The {name} {trait}.",
        ),
    ]
    usable = frames if legs != "0" else frames[:3] + frames[4:]
    question, answer, statement = rng.choice(usable)
    return _frame(rng, question, answer.replace("0 legs", "no legs"), statement, **slots)


def word_pair(rng: random.Random) -> Pair:
    """Opposites, synonyms and past forms."""
    draw = rng.random()
    if draw < 0.4:
        one, two = rng.choice(tables.OPPOSITES)
        return _frame(
            rng,
            '[What is the opposite of {a}|Which word means the opposite of "{a}"|Give me the '
            "opposite of {a}|{a} is the opposite of "
            "what]?",
            "[The opposite of {a} is {b}|{b}|It is {b}].",
            '[The opposite of {a} is {b}|Something that is not "{a}" may be "{b}"|"{a}" and "{b}" are opposites].',
            a=one,
            b=two,
        )
    if draw < 0.7:
        one, two = rng.choice(tables.SYNONYMS)
        return _frame(
            rng,
            '[What is another word for {a}|Which word means the same as "{a}"|Can you give me a '
            "synonym of {a}|What does {a} mean]?",
            '[Another word for {a} is {b}|{b}|"{b}" means almost the same].',
            '"{a}" means almost the same as "{b}".',
            a=one,
            b=two,
        )
    one, two = rng.choice(tables.PASTS)
    return _frame(
        rng,
        '[What is the past [tense|form] of "{a}"|How do you say "{a}" in the past|{a} in the past tense]?',
        '[The past tense of {a} is {b}|{b}|It is "{b}"].',
        '[Today I {a}, yesterday I {b}|The past tense of "{a}" is "{b}"].',
        a=one,
        b=two,
    )


def thing(rng: random.Random) -> Pair:
    """Materials, colours and uses of things."""
    draw = rng.random()
    if draw < 0.3:
        name, stuff = rng.choice(tables.MATERIALS)
        item = name if name in _MASS else phrase(rng, "a~ " + name)
        return _frame(
            rng,
            "[What is {item} made of|Which material is {item} made of|From what do people make {item}]?",
            "[{item} is usually made of {stuff}|Usually {stuff}|It is made of {stuff}].",
            "{item} is usually made of {stuff}.",
            item=item,
            stuff=stuff,
        )
    if draw < 0.5:
        item, colour = rng.choice(tables.COLOURS)
        return _frame(
            rng,
            "[What colour is {item}|Which colour does {item} have]?",
            "[{item} is {colour}|{colour}|It is {colour}].",
            "{item} is {colour}.",
            item=item,
            colour=colour,
        )
    item, use = rng.choice(tables.TOOLS)
    named = item if item in ("scissors", "glasses") else phrase(rng, "a~ " + item)
    are = "are" if item in ("scissors", "glasses") else "is"
    do = "do" if are == "are" else "does"
    return _frame(
        rng,
        "[What do you need to {use}|What {are} {named} for|What can you do with {named}|What {do} you "
        "use to {use}|Why do people have "
        "{named}]?".replace("{do} you", "do you"),
        "[You use {named} to {use}|{named} {are} used to {use}|With {named} you can {use}].",
        "[You need {named} to {use}|{named} {are} used to {use}|People use {named} to {use}].",
        named=named,
        use=use,
        are=are,
        do=do,
    )


_MASS = ("bread", "cheese", "wine", "chocolate", "butter", "paper", "jam", "tea", "ink", "sand", "wire")


def job(rng: random.Random) -> Pair:
    """What people do for a living."""
    name, task, where = rng.choice(tables.JOBS)
    return _frame(
        rng,
        "[What does a~ {name} do|What is the job of a~ {name}|Who {task}|What is a~ {name}|Which "
        "person {task}|Where does a~ {name} work]?",
        "[A~ {name} {task}|A~ {name} is a person who {task}, often at {where}|A~ {name} {task} and often "
        "works at {where}].".replace("often at {where}", "for example in {where}").replace("works at", "works in"),
        "[A~ {name} {task}|A~ {name} is a person who {task}|If someone {task}, that person is a~ {name}].",
        name=name,
        task=task,
        where=where,
    )


def category(rng: random.Random) -> Pair:
    """Lists of things that belong together."""
    name, members = rng.choice(tables.CATEGORIES)
    items = members.split(", ")
    if rng.random() < 0.55:
        count = rng.choice([2, 3, 3, 4, 5])
        listed = listing(rng.sample(items, count))
        number = {2: "two", 3: "three", 4: "four", 5: "five"}[count]
        return _frame(
            rng,
            "[Name|List|Give me|Tell me|Can you name] {number} {name}[.|, please.|]",
            "[{listed}|{number} {name} are {listed}|Here are {number} {name}: {listed}].",
            "[{listed} are {name}|Examples of {name} are {listed}].",
            name=name,
            listed=listed,
            number=number,
        )
    _, odd_members = rng.choice([row for row in tables.CATEGORIES if row[0] != name])
    odd = rng.choice([item for item in odd_members.split(", ") if item not in items])
    shown = [*rng.sample(items, 3), odd]
    rng.shuffle(shown)
    return _frame(
        rng,
        "[Which word does not belong: {shown}|Find the odd one out: {shown}|Which of these is not one "
        "of the {name}: {shown}]?",
        "[{odd} does not belong, because the others are {name}|{odd}. The other words are {name}|The odd "
        "one out is {odd}].",
        "{odd} is not one of the {name}.",
        shown=listing(shown),
        odd=odd,
        name=name,
    )


def definition(rng: random.Random) -> Pair:
    """Meanings of everyday words."""
    word, meaning = rng.choice(tables.DEFINITIONS)
    named = (
        word
        if word
        in (
            "thunder",
            "gravity",
            "oxygen",
            "vapour",
            "patience",
            "courage",
            "envy",
            "gratitude",
            "curiosity",
            "honesty",
            "luggage",
            "hibernation",
            "migration",
            "pollen",
            "dough",
            "dawn",
            "dusk",
            "thirst",
            "evidence",
            "leftovers",
        )
        else phrase(rng, "a~ " + word)
    )
    are = "are" if word == "leftovers" else "is"
    return _frame(
        rng,
        '[What {are} {named}|What does [the word|] "{word}" mean|Can you explain what {named} '
        '{are}|Please define "{word}"|What do people '
        'call {meaning}|Which word means "{meaning}"]?',
        '[{named} {are} {meaning}|{word.cap} means {meaning}|"{word}": {meaning}].'.replace(
            "|{word.cap} means {meaning}", ""
        ),
        '[{named} {are} {meaning}|We call {meaning} "{word}"].',
        word=word,
        named=named,
        are=are,
        meaning=meaning,
    )


def reason(rng: random.Random) -> Pair:
    """Why things are as they are."""
    question, because = rng.choice(tables.WHY)
    return _frame(
        rng,
        "[Why {q}|Do you know why {q2}|Can you tell me why {q2}|I wonder: why {q}]?".replace(
            "Do you know why {q2}|", ""
        ).replace("Can you tell me why {q2}|", ""),
        "[Because {b}|The reason is that {b}|That is because {b}|In short, {b}].",
        "[People ask: why {q}? The answer is that {b}|Why {q}? Because {b}].",
        q=question,
        b=because,
    )


def measure(rng: random.Random) -> Pair:
    """Units and counts."""
    part, whole, number = rng.choice(tables.UNITS)
    named = "the English alphabet" if "alphabet" in whole else phrase(rng, "a~ " + whole)
    return _frame(
        rng,
        "[How many {part} are there in {whole}|How many {part} does {whole} have|What is the number "
        "of {part} in {whole}]?",
        "[There are {number} {part} in {whole}|{number}|{whole} has {number} {part}].",
        "[There are {number} {part} in {whole}|{whole} has {number} {part}].",
        part=part,
        whole=named,
        number=number,
    )


def time_order(rng: random.Random) -> Pair:
    """Days, months and the alphabet in order."""
    names = rng.choice([words.DAYS, words.MONTHS, list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
    kind = {7: "day", 12: "month", 26: "letter"}[len(names)]
    index = rng.randrange(1, len(names) - 1)
    if rng.random() < 0.5:
        return _frame(
            rng,
            "[Which {kind} comes after {a}|What comes after {a}|What is the {kind} after {a}]?",
            "[After {a} comes {b}|{b}|The {kind} after {a} is {b}].",
            "{b} comes after {a}.",
            kind=kind,
            a=names[index],
            b=names[index + 1],
        )
    return _frame(
        rng,
        "[Which {kind} comes before {a}|What is the {kind} before {a}]?",
        "[Before {a} comes {b}|{b}|The {kind} before {a} is {b}].",
        "{b} comes before {a}.",
        kind=kind,
        a=names[index],
        b=names[index - 1],
    )


def arithmetic(rng: random.Random) -> Pair:
    """Small sums, plain or in a tiny story."""
    draw, one, two = rng.random(), rng.randrange(1, 30), rng.randrange(1, 21)
    name, item = (
        words.first_name(rng),
        rng.choice("apple,book,coin,pencil,card,egg,stamp,ticket,cookie,flower,shell,balloon".split(",")),
    )
    slots = dict(
        a=str(one),
        b=str(two),
        sum=str(one + two),
        more=str(one + two),
        name=name,
        items=item + "s",
        other=words.first_name(rng),
    )
    if draw < 0.3:
        return _frame(
            rng,
            "[What is {a} plus {b}|How much is {a} + {b}|{a} + {b} = |Add {a} and {b}]?".replace("= |", ""),
            "[{a} plus {b} is {sum}|{sum}|The sum is {sum}|{a} + {b} = {sum}].",
            "{a} plus {b} is {sum}.",
            **slots,
        )
    if draw < 0.5:
        return _frame(
            rng,
            "[What is {sum} minus {b}|How much is {sum} - {b}|Subtract {b} from {sum}]?",
            "[{sum} minus {b} is {a}|{a}|The result is {a}].",
            "{sum} minus {b} is {a}.",
            **slots,
        )
    if draw < 0.65:
        one, two = rng.randrange(2, 13), rng.randrange(2, 13)
        slots.update(a=str(one), b=str(two), product=str(one * two))
        return _frame(
            rng,
            "[What is {a} times {b}|How much is {a} x {b}|Multiply {a} by {b}]?",
            "[{a} times {b} is {product}|{product}|The result is {product}].",
            "{a} times {b} is {product}.",
            **slots,
        )
    slots.update(a=str(one + 1), b=str(two + 1), sum=str(one + two + 2))
    if draw < 0.85:
        return _frame(
            rng,
            "{name} has {a} {items} and [gets|buys|finds] {b} more. How many {items} does {name} have [now|in total]?",
            "[{name} has {sum} {items}|{sum} {items}|{a} plus {b} is {sum}, so {name} has {sum} {items}].",
            "{name} had {a} {items}, got {b} more and now has {sum}.",
            **slots,
        )
    return _frame(
        rng,
        "{name} has {sum} {items} and gives {b} [of them|] to {other}. How many {items} are left?",
        "[{name} has {a} {items} left|{a} {items} are left|{sum} minus {b} is {a}, so {a} are left].",
        "{name} gave {b} of {sum} {items} to {other} and kept {a}.",
        **slots,
    )


MAKERS: list[tuple[float, Callable[[random.Random], Pair]]] = [
    (2, capital),
    (1, geography),
    (3, animal),
    (2, word_pair),
    (3, thing),
    (2, job),
    (3, category),
    (4, definition),
    (2, reason),
    (1, measure),
    (1, time_order),
    (3, arithmetic),
]
_WEIGHTS = [weight for weight, _ in MAKERS]
_FUNCTIONS = [function for _, function in MAKERS]


def pair(rng: random.Random) -> Pair:
    """Any fact."""
    return rng.choices(_FUNCTIONS, _WEIGHTS)[0](rng)


SYSTEM = (
    "[You are a helpful assistant.|You are a friendly assistant. Answer briefly.|Answer the questions of the "
    "user.|You are a patient teacher.|You help "
    "people with general questions.|Be short and correct.]"
)
INTRO = (
    "[|||||||Hi! |Hello, |I have a question: |Quick question: |Please tell me: |My [son|daughter|friend] asks: |Help "
    "me with this: |For a quiz: ]"
)
LEAD = "[||||||||Sure. |Good question. |Of course. |Yes. |Gladly. |That is easy. ]".replace("|Yes. ", "")


def fact_document(rng: random.Random) -> str:
    """Facts as a chat, as question and answer lines, or as statements."""
    draw = rng.random()
    if draw < 0.55:
        turns = [("system", spin(rng, SYSTEM))] if rng.random() < 0.3 else []
        for index in range(rng.choice([1, 1, 2, 2, 3, 4])):
            question, answer, _ = pair(rng)
            lead = phrase(rng, INTRO) if index == 0 else phrase(rng, "[||And |Thanks. |Next: |One more: |Okay. ]")
            if lead and lead.strip()[-1] not in ".!?" and not question.startswith("I "):
                question = question[:1].lower() + question[1:] if question.split()[0] in _LOWERABLE else question
            turns += [("user", roughen(rng, lead + question)), ("assistant", phrase(rng, LEAD) + answer)]
        return chat(turns)
    entries = []
    for _ in range(rng.choice([3, 4, 5, 6, 8])):
        question, answer, statement = pair(rng)
        if draw < 0.75:
            entries.append(f"Question: {question}\nAnswer: {answer}" if draw < 0.65 else f"Q: {question}\nA: {answer}")
        else:
            entries.append(statement)
    return ("\n\n" if draw < 0.7 else "\n").join(entries) if draw < 0.85 else " ".join(entries)


_LOWERABLE = {
    "What",
    "Which",
    "How",
    "Why",
    "Who",
    "Where",
    "Name",
    "Can",
    "Do",
    "Give",
    "List",
    "Tell",
    "Please",
    "Add",
    "Find",
    "In",
    "On",
}

"""Small tasks on a text: rewrite, summarise, list, extract, classify, change tense, fix spelling, yes or no."""

from __future__ import annotations

import random
from collections.abc import Callable

from . import fact_tables as tables
from . import words
from .text import chat, listing, phrase, plural, roughen, spin

Task = tuple[str, str]


def _things(rng: random.Random) -> dict[str, str]:
    item = rng.choice(words.ALL_PRODUCTS)
    return {
        "y": item,
        "x": phrase(rng, "a~ " + item),
        "name": words.first_name(rng),
        "full": words.full_name(rng),
        "town": words.place(rng),
        "date": words.date(rng),
        "day": rng.choice(words.DAYS),
        "time": words.time_of_day(rng),
        "price": words.price(rng),
        "code": words.code(rng),
        "street": words.street(rng),
        "shop": words.business(rng)[0],
        "job": rng.choice(words.JOBS),
        "colour": rng.choice(words.COLOURS),
        "n": str(rng.randrange(2, 20)),
        "hobby": rng.choice(words.HOBBIES),
        "food": rng.choice(words.FOODS).strip(),
        "mail": f"{words.first_name(rng)}{rng.randrange(1, 99)}@{rng.choice(words.SURNAMES)}.example".lower(),
        "phone": f"0{rng.randrange(10, 99)} {rng.randrange(100, 999)} {rng.randrange(1000, 9999)}",
        "friend": words.first_name(rng),
    }


POLITE = [
    ("Give me {x}.", "[Could you please give me {x}?|May I have {x}, please?|I would like to have {x}, please.]"),
    ("Send me {x} [now|today|at once].", "[Could you please send me {x}?|Would you mind sending me {x}?]"),
    ("Where is my {y}?", "[Could you please tell me where my {y} is?|Excuse me, do you know where my {y} is?]"),
    ("Fix my {y}.", "[Could you please repair my {y}?|Would you be so kind as to repair my {y}?]"),
    (
        "[You are late|You came too late], {name}.",
        "[{name}, it seems that you are a little late.|I had expected you a bit earlier, {name}.]",
    ),
    (
        "Be quiet, {name}.",
        "[{name}, could you please be a little quieter?|Would you mind speaking more softly, {name}?]",
    ),
    (
        "Call me [on {day}|at {time}].",
        "[Could you please call me {when}?|I would be grateful if you called me {when}.]",
    ),
    (
        "The {y} is [bad|broken|useless].",
        "[Unfortunately, I am not happy with the {y}.|I am afraid that the {y} does not work as it should.]",
    ),
    (
        "Tell me the price of the {y}.",
        "[Could you please tell me the price of the {y}?|I would like to know the price of the {y}, please.]",
    ),
    ("I want my money back.", "[I would like to ask for a refund, please.|Could you please refund my money?]"),
    ("Wait, {name}.", "[{name}, would you please wait for a moment?|May I ask you to wait, {name}?]"),
    (
        "Help me with the {y}.",
        "[Could you please help me with the {y}?|I would be glad if you could help me with the {y}.]",
    ),
]


def polite(rng: random.Random) -> Task:
    """Rewrite a blunt sentence politely."""
    slots = _things(rng)
    slots["when"] = rng.choice([f"on {slots['day']}", f"at {slots['time']}"])
    rude, nice = rng.choice(POLITE)
    rude = rude.replace("[on {day}|at {time}]", "{when}")
    ask = spin(
        rng,
        "[Make this [more|] polite|Rewrite this politely|How can I say this in a friendlier way|Please "
        "make it sound nicer|Turn this into a polite "
        "sentence]: ",
    )
    return ask + " " + spin(rng, rude, slots), spin(rng, nice, slots)


MESSAGES: list[tuple[str, str]] = [
    (
        "[Hello|Hi|Dear team], my name is {full} and I [bought|ordered] a~ {colour} {y} [from {shop}|] on {date}. [It "
        "cost {price}.|I paid {price}.] [My order number is {code}.|"
        "The order number is {code}.] [It has not arrived yet.|It is broken.|It is the wrong colour.] [You can reach me "
        "at {mail}.|My phone number is {phone}.]",
        "{full} [writes about|has a problem with] a~ {colour} {y} ordered on {date}.",
    ),
    (
        "[Hi {friend}|Hello {friend}], [let us meet|I will wait for you] on {day} at {time} [in front of|at] {street}. "
        "[Please bring {x}.|Do not forget {x}.] [See you|Love|"
        "Regards], {name}",
        "{name} wants to meet {friend} on {day} at {time}.",
    ),
    (
        "{full}, a~ {job} from {town}, [found|lost|sold] a~ {colour} {y} on {day}. [The {y} is worth {price}.|It cost "
        "{price}.] [Who knows more can call {phone}.|Please write to "
        "{mail}.]",
        "A~ {job} from {town} is the subject of a short note about a~ {y}.",
    ),
    (
        "The [meeting|party|course|concert] on {date} starts at {time} in {town}. [The address is {street}.|It takes "
        "place at {street}.] [A ticket costs {price}.|The fee is "
        "{price}.] [Please register with {full}.|{full} answers questions.]",
        "There is an event in {town} on {date} at {time}.",
    ),
    (
        "I am {full}. I live in {town} and work as a~ {job}. On {day}s I enjoy {hobby}. My favourite food is {food}. "
        "[You can write to me at {mail}.|My number is {phone}.]",
        "{full} is a~ {job} from {town} who enjoys {hobby}.",
    ),
]
FIELDS = {
    "full": "[name|full name|person's name]",
    "date": "date",
    "code": "order number",
    "price": "[price|amount of money]",
    "phone": "phone number",
    "mail": "email address",
    "day": "day of the week",
    "time": "time",
    "street": "[address|street]",
    "town": "[town|place]",
    "job": "[job|occupation]",
    "colour": "colour",
    "food": "food",
}


def extract(rng: random.Random) -> Task:
    """Find one or two details in a message, or summarise it."""
    slots = _things(rng)
    template, summary = rng.choice(MESSAGES)
    text = spin(rng, template, slots)
    if rng.random() < 0.25:
        ask = spin(
            rng,
            "[Summarise this in one sentence|What is this message about|Give me a short summary|Sum this "
            "up in a sentence]:",
        )
        return f"{ask} {text}", spin(rng, summary, slots)
    present = [field for field in FIELDS if "{" + field + "}" in template and slots[field] in text]
    chosen = rng.sample(present, rng.choice([1, 1, 1, 2]) if len(present) > 1 else 1)
    names = [spin(rng, FIELDS[field]).lower() for field in chosen]
    ask = spin(
        rng,
        "[Extract the {f}|Find the {f}|Which {f} is mentioned|What is the {f} in this text|Give me the {f}]",
        {"f": " and the ".join(names)},
    )
    ask = (
        ask.replace("Which name is", "Whose name is") if len(chosen) == 1 else "Extract the " + " and the ".join(names)
    )
    if len(chosen) == 2:
        answer = "\n".join(f"{name.capitalize()}: {slots[field]}" for name, field in zip(names, chosen, strict=True))
    else:
        answer = spin(rng, "[{v}|The {f} is {v}.|{f.cap}: {v}|It is {v}.]", {"v": slots[chosen[0]], "f": names[0]})
    return (f"{ask}: {text}" if rng.random() < 0.6 else f"{text}\n{ask}."), answer


SUBJECTS = ["I", "we", "they", "my sister", "the children", "{name}", "our neighbours", "{name} and {friend}"]
ACTIONS = """go/went/will go to {town}; eat/ate/will eat {food}; buy/bought/will buy {x}; see/saw/will see {friend};
write/wrote/will write a letter to {friend}; find/found/will find {x}; sell/sold/will sell the {y};
bring/brought/will bring {food}; meet/met/will meet {friend} in {town}; make/made/will make {food}; lose/lost/will
lose the {y}; break/broke/will break the {y}; drive/drove/will drive to {town}; pay/paid/will pay {price} for the
{y}; take/took/will take the {y} to {town}; choose/chose/will choose the {colour} {y}; build/built/will build a
house in {town}; forget/forgot/will forget the {y}; wear/wore/will wear a~ {colour} hat; send/sent/will send {x} to
{friend}; cook/cooked/will cook {food}; clean/cleaned/will clean the {y}; visit/visited/will visit {friend};
paint/painted/will paint the door {colour}; repair/repaired/will repair the {y}; wait/waited/will wait for {friend};
carry/carried/will carry the {y} home""".replace("\n", " ").split("; ")


def tense(rng: random.Random) -> Task:
    """Put a sentence into the past or the future."""
    slots = _things(rng)
    subject = phrase(rng, rng.choice([item for item in SUBJECTS if item not in ("my sister", "{name}")]), slots)
    action = rng.choice(ACTIONS)
    parts = action.split("/")
    future, _, rest = parts[2].partition(" ")
    verb, _, rest = rest.partition(" ")
    rest = phrase(rng, rest, slots)
    now, past, later = (
        f"{subject} {parts[0]} {rest}.",
        f"{subject} {parts[1]} {rest}.",
        f"{subject} {future} {verb} {rest}.",
    )
    target, answer = rng.choice([("past", past), ("future", later), ("past", past)])
    ask = spin(
        rng,
        f"[Put this into the {target}|Write this sentence in the {target} tense|Change it to the {target}|How do I "
        f"say this in the {target}]:",
    )
    return f"{ask} {now[:1].upper()}{now[1:]}", answer[:1].upper() + answer[1:]


def spelling(rng: random.Random) -> Task:
    """Correct a sentence with slips in it."""
    slots = _things(rng)
    good = spin(
        rng,
        "[I would like to buy a~ {y} for my [brother|sister|friend].|The {y} is on the table in the kitchen.|We are "
        "going to {town} on {day}.|My {y} does not work "
        "anymore.|Please send the {y} to {street}.|{name} has been working as a~ {job} since "
        "{date}.|The weather was beautiful yesterday.|There are {n} people waiting "
        "outside.|Could you please tell me where the station is?|{name} likes {hobby} and {food}.]",
        slots,
    )
    bad = good
    for _ in range(rng.choice([1, 2, 2])):
        bad = roughen(rng, bad, 1.0)
    if bad == good:
        bad = good.lower()
    ask = spin(rng, "[Fix the [spelling|mistakes]|Correct this sentence|Please correct my text|Check the spelling]:")
    return f"{ask} {bad}", good if rng.random() < 0.7 else f"Here is the corrected sentence: {good}"


def lists(rng: random.Random) -> Task:
    """Give, sort, count or continue lists."""
    name, members = rng.choice(tables.CATEGORIES)
    items = rng.sample(members.split(", "), rng.choice([3, 4, 5]))
    draw = rng.random()
    if draw < 0.3:
        number = {3: "three", 4: "four", 5: "five"}[len(items)]
        mark = rng.choice(["- ", "1", "* "])
        answer = "\n".join((f"{i + 1}. " if mark == "1" else mark) + item for i, item in enumerate(items))
        return spin(rng, f"[Make a list of|List|Write down] {number} {name}[|, one per line|, please]."), answer
    if draw < 0.5:
        return spin(rng, f"[Sort|Put] these words [in alphabetical order|from A to Z]: {', '.join(items)}").rstrip(
            "."
        ), ", ".join(sorted(items, key=str.lower))
    if draw < 0.62:
        return spin(rng, f"[How many words are in this list|Count the words]: {', '.join(items)}"), spin(
            rng, f"[{len(items)}|There are {len(items)} words|The list has {len(items)} words]."
        )
    if draw < 0.74:
        place_, index = rng.choice([("first", 0), ("second", 1), ("last", -1), ("third", 2)])
        return spin(
            rng, f"[What is the {place_} word|Which word comes {place_}|Give me the {place_} word]: {', '.join(items)}"
        ), items[index]
    if draw < 0.87:
        start, step = rng.randrange(1, 40), rng.choice([1, 2, 3, 5, 10])
        row = [str(start + step * i) for i in range(6)]
        return spin(rng, f"[Continue the list|What comes next|Go on]: {', '.join(row[:4])}"), rng.choice(
            [f"{row[4]}, {row[5]}", f"The next numbers are {row[4]} and {row[5]}."]
        )
    noun = rng.choice(words.ANIMALS + words.ALL_PRODUCTS[:90])
    if noun.startswith(("pair", "set", "box")):
        noun = "child"
    return spin(
        rng,
        f"[What is the plural of {noun}|How do I write more than one {noun}|One {noun}, two]?".replace(
            "two]?", "two what]?"
        ),
    ), spin(rng, f"[The plural of {noun} is {plural(noun)}|{plural(noun)}|One {noun}, two {plural(noun)}].")


def yes_no(rng: random.Random) -> Task:
    """Yes or no with a reason, from numbers in the question."""
    slots = _things(rng)
    have, need = rng.randrange(5, 90), rng.randrange(5, 90)
    if have == need:
        have += 1
    slots.update(have=str(have), need=str(need), gap=str(abs(have - need)))
    frames = [
        (
            "I have {have} euros. [Can I buy a~ {y} for {need} euros|Is that enough for a~ {y} that costs {need} "
            "euros]?",
            "Yes, [you can buy it and keep {gap} euros|because {have} is more than {need}].",
            "No, [you need {gap} euros more|because {need} is more than {have}].",
        ),
        (
            "{name} is {have} years old and {friend} is {need}. Is {name} older than {friend}?",
            "Yes, {name} is {gap} years older[| than {friend}].",
            "No, {friend} is {gap} years older[| than {name}].",
        ),
        (
            "The bus leaves in {have} minutes. I need {need} minutes to the stop. Can I catch it?",
            "Yes, you [have {gap} minutes to spare|can catch it].",
            "No, you would be {gap} minutes late.",
        ),
        (
            "There are {have} chairs for {need} guests. Can everyone sit down?",
            "Yes, there are {gap} chairs more than needed.",
            "No, {gap} chairs are missing.",
        ),
        ("Is {have} more than {need}?", "Yes, {have} is more than {need}.", "No, {have} is less than {need}."),
        (
            "The box is {have} cm wide and the shelf is {need} cm wide. Is the box wider than the shelf?",
            "Yes, it is {gap} cm wider.",
            "No, the shelf is {gap} cm wider.",
        ),
    ]
    question, positive, negative = rng.choice(frames)
    return spin(rng, question, slots), spin(rng, positive if have > need else negative, slots)


INTENTS = {
    "delivery": "[Where is my {y}|My {y} has not arrived|The parcel with my {y} is late|When will the {y} come]",
    "refund": "[I want my money back for the {y}|Please refund the "
    "{price} for my {y}|I sent the {y} back and wait for my money]",
    "billing": "[Why was I charged {price} twice|My bill for the {y} is wrong|There is an error on my invoice of "
    "{date}]",
    "account": "[I cannot log in|I forgot my password|Please delete my account|How do I change my email address to "
    "{mail}]",
    "appointment": "[Can I come on {day} at {time}|I "
    "need an appointment on {date}|Please move my appointment to {day}]",
    "praise": "[The {y} is wonderful, thank you|Great service, {name} was so helpful|I just want to say that I "
    "love my {y}]",
    "complaint": "[The {y} broke after {n} days|I am very unhappy with the {y}|{name} was rude to me on {day}]",
    "product question": "[Does the {y} come in {colour}|How heavy is the {y}|Is the {y} suitable for children]",
}


def classify(rng: random.Random) -> Task:
    """Name the subject of a customer's message."""
    slots = _things(rng)
    label = rng.choice(list(INTENTS))
    others = rng.sample([name for name in INTENTS if name != label], rng.choice([1, 2, 3]))
    options = [label, *others]
    rng.shuffle(options)
    message = spin(rng, INTENTS[label], slots)
    ask = spin(
        rng,
        f"[Which category fits|Choose the right label|What is this message about|Classify this message]: "
        f"{listing(options, 'or')}?",
    )
    return f"{ask}\n{message}{rng.choice(['.', '', '!'])}", spin(
        rng, f"[{label}|{label}.|The message is about: {label}.|The right label is {label}.]"
    ).lower().replace("the ", "The ", 1)


def copying(rng: random.Random) -> Task:
    """Repeat, count letters of, or fill details into a text."""
    slots = _things(rng)
    draw = rng.random()
    if draw < 0.35:
        text = spin(
            rng,
            "[{full} lives at {street}, {town}.|The code is {code}.|Call {phone} on {day}.|{name} bought a~ {colour} "
            "{y} for {price}.]",
            slots,
        )
        return spin(rng, "[Repeat|Copy|Say] this exactly: ") + " " + text, text
    if draw < 0.6:
        kind = rng.choice(["thank you note", "invitation", "reminder", "excuse"])
        body = {
            "thank you note": "Dear {friend}, thank you very much for the {y}. I like it a lot. Best wishes, {name}",
            "invitation": "Dear {friend}, I would like to invite you on {day} at {time}. There will be {food}. "
            "Best wishes, {name}",
            "reminder": "Dear {friend}, please do not forget our meeting on {day} at {time}. Best wishes, {name}",
            "excuse": "Dear {friend}, I am sorry that I cannot come on {day}. I hope we can meet another time. "
            "Best wishes, {name}",
        }[kind]
        details = {
            "thank you note": "for the {y}",
            "invitation": "for {day} at {time}, with {food}",
            "reminder": "about our meeting on {day} at {time}",
            "excuse": "because I cannot come on {day}",
        }[kind]
        return spin(
            rng,
            f"[Write|Please write|Can you write] a~ [short|brief] {kind} from {{name}} to {{friend}} {details}.",
            slots,
        ), spin(rng, body, slots)
    if draw < 0.8:
        word = rng.choice(words.ANIMALS + words.COLOURS + words.JOBS).replace(" ", "")
        return spin(rng, f"[Spell the word {word}|How do you spell {word}|Which letters are in {word}]?").replace(
            f"Spell the word {word}?", f"Spell the word {word}."
        ), "-".join(word.upper())
    text = spin(rng, "[{name} and {friend} went to {town}.|{shop} sells a~ {y}.|My {y} is {colour}.]", slots)
    return spin(rng, "[Write this in capital letters|Change this to upper case]:") + " " + text, text.upper()


TASKS: list[Callable[[random.Random], Task]] = [
    polite,
    extract,
    extract,
    extract,
    tense,
    spelling,
    lists,
    yes_no,
    classify,
    classify,
    copying,
]
SYSTEM = (
    "[You are a helpful assistant.|You are a writing assistant.|Follow the instructions of the user.|You help with "
    "small tasks.|Answer without extra words.]"
)


def instruction_document(rng: random.Random) -> str:
    """A chat of one to three small tasks."""
    turns = [("system", spin(rng, SYSTEM))] if rng.random() < 0.3 else []
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        ask, answer = rng.choice(TASKS)(rng)
        turns += [("user", ask), ("assistant", answer)]
    return chat(turns)

"""Passages about invented people, places, events and objects, with questions that the passage answers."""

from __future__ import annotations

import random

from . import words
from .text import chat, join, roughen, spin

Fact = tuple[str, str, str]  # statement, question, answer: templates

PERSON: list[Fact] = [
    (
        "[{she} was born in {town}.|{she} comes from {town}.|{she} grew up in {town}.]",
        "[Where [was {name} born|does {name} come from|is {name} from]|Which town is {name} from]?",
        "[{name} is from {town}|{town}|{she} comes from {town}].",
    ),
    (
        "[{she} works as a~ {job}[| in {town2}].|{she} is a~ {job}[| in {town2}].|{her} job is that of a~ {job}.]",
        "[What does {name} do for a living|What is {name}'s job|What does {name} work as]?",
        "[{name} is a~ {job}|{she} works as a~ {job}|A~ {job}].",
    ),
    (
        "[{she} is {age} years old.|At {age}, {she} [feels young|is still full of plans].|{she} has just turned "
        "{age}.]",
        "[How old is {name}|What is {name}'s age]?",
        "[{name} is {age} years old|{age}|{she} is {age}].",
    ),
    (
        "[In {her} free time {she} enjoys {hobby}.|{her} favourite hobby is {hobby}.|{she} loves {hobby} more than "
        "anything.]",
        "[What does {name} do in {her} free time|What is {name}'s [favourite|] hobby|What does {name} enjoy]?",
        "[{name} enjoys {hobby}|{hobby}|{her} hobby is {hobby}].",
    ),
    (
        "[{she} has a~ {animal} called {pet}.|{her} {animal} {pet} goes everywhere with {him}.|A~ {animal} named {pet} "
        "keeps {him} company.]",
        "[What is the name of {name}'s {animal}|What is {name}'s pet called|Does {name} have a pet]?",
        "[The {animal} is called {pet}|{name} has a~ {animal} called {pet}].",
    ),
    (
        "[{she} drives a~ {colour} car.|{her} car is {colour}.|A~ {colour} car stands in front of {her} house.]",
        "[What colour is {name}'s car|Which colour does the car have]?",
        "[{name}'s car is {colour}|{colour}|It is {colour}].",
    ),
    (
        "[{her} best friend is {friend}.|{she} has known {her} friend {friend} since school.|{friend} is {her} closest "
        "friend.]",
        "[Who is {name}'s best friend|What is the name of {name}'s friend]?",
        "[{name}'s best friend is {friend}|{friend}|It is {friend}].",
    ),
    (
        "[Every {day} {she} meets {her} [sister|brother|neighbours|parents].|On {day}s {she} visits {her} "
        "[aunt|mother|grandfather].]",
        "[On which day does {name} see {her} [family|people]|Which day of the week is mentioned]?",
        "[On {day}|{day}|Every {day}].",
    ),
    (
        "[{her} favourite food is {food}.|{she} likes to eat {food}.|Nothing is better than {food}, {she} says.]",
        "[What is {name}'s favourite food|What does {name} like to eat]?",
        "[{name} likes {food}|{food}|{her} favourite food is {food}].",
    ),
    (
        "[Last year {she} travelled to {town3}.|In {month} {she} went to {town3} for a holiday.|{she} spent {her} "
        "holiday in {town3}.]",
        "[Where did {name} go on holiday|Where did {name} travel]?",
        "[{name} went to {town3}|To {town3}].",
    ),
    (
        "[{she} wants to buy a~ {item}[| next month].|{she} is saving money for a~ {item}.|{she} needs a new {item}.]",
        "[What does {name} want to buy|What does {name} [need|want]]?",
        "[{name} wants to buy a~ {item}|A~ {item}|{she} wants a~ {item}].",
    ),
    (
        "[{she} has {n} [cousins|nephews|grandchildren].|{she} can count on {n} [helpers|friends].]",
        "[Which number of people does the text give|How many people are mentioned as [family or friends|a group]]?",
        "[{n}|It says {n}|The number is {n}].",
    ),
]
PLACE: list[Fact] = [
    (
        "[{name} is a [small|quiet|lively|pretty] [village|town] [by the sea|in the hills|on the river {river}].|The "
        "[town|village] of {name} lies [near {town}|"
        "between {town} and {town2}].]",
        "[What is {name}|What kind of place is {name}]?",
        "[{name} is a place in the text, a small settlement|It is a small place where people live].",
    ),
    (
        "[About {people} people live there.|It has {people} inhabitants.|{people} people call it home.]",
        "[How many people live in {name}|How big is {name}|How many inhabitants does {name} have]?",
        "[{people} people live in {name}|About {people}|It has {people} inhabitants].",
    ),
    (
        "[It was founded in {year}.|The first houses were built in {year}.|It has existed since {year}.]",
        "[How old is {name}|When was {name} founded|Since when has {name} existed]?",
        "[It has existed since {year}|In {year}|{name} was founded in {year}].",
    ),
    (
        "[It is known for its {food}.|Visitors come for the {food}.|People are proud of their {food}.]",
        "[What is {name} known for|Why do visitors come]?",
        "[{name} is known for its {food}|For the {food}].",
    ),
    (
        "[Every {month} there is a [big|] festival.|The [yearly|great] festival takes place in {month}.]",
        "[When is the festival|In which month is the festival in {name}]?",
        "[The festival is in {month}|In {month}|{month}].",
    ),
    (
        "[The mayor is {friend}.|{friend} has been mayor for {n} years.]",
        "[Who is the mayor of {name}|What is the name of the mayor]?",
        "[The mayor of {name} is {friend}|{friend}].",
    ),
    (
        "[A train to {town} leaves every {minutes} minutes.|There is a bus to {town} every {minutes} minutes.]",
        "[How often can you travel from {name} to {town}|How often is there a connection to {town}]?",
        "[Every {minutes} minutes|There is one every {minutes} minutes].",
    ),
    (
        "[On {day}s there is a market in front of the church.|The weekly market is on {day}.]",
        "[When is the market|On which day is the market in {name}]?",
        "[The market is on {day}|On {day}s|Every {day}].",
    ),
    (
        "[The oldest building is a~ {colour} [tower|mill|bridge|barn].|Its landmark is a~ {colour} "
        "[tower|bridge|mill].]",
        "[What colour is the [landmark|famous building]]?",
        "[It is {colour}|{colour}].",
    ),
]
EVENT: list[Fact] = [
    (
        "[The [class|club|group] met on {date} at {time}.|It took place on {date} at {time}.|It all started at {time} "
        "on {date}.]",
        "[When did it [start|take place|begin]|On which date was it]?",
        "[It was on {date} at {time}|On {date}].",
    ),
    (
        "[The meeting point was {street}.|Everyone came to {street}.|The address was {street}.]",
        "[Where did people [meet|go]|What was the address]?",
        "[At {street}|The address was {street}|{street}].",
    ),
    (
        "[{people} guests came.|There were {people} visitors.|In the end {people} people took part.]",
        "[How many people [came|took part|were there]]?",
        "[{people} people came|{people}|There were {people} people].",
    ),
    (
        "[{friend} organised everything.|It was planned by {friend}.|The idea came from {friend}.]",
        "[Who [organised|planned] it|Who was behind it]?",
        "[{friend}|It was {friend}|{friend} organised it].",
    ),
    (
        "[There was {food} for everyone.|They served {food}.|The guests ate {food}.]",
        "[What did [the guests|people] eat|What was there to eat]?",
        "[They ate {food}|{food}|There was {food}].",
    ),
    (
        "[A ticket cost {price}.|The entrance fee was {price}.|Everyone paid {price}.]",
        "[How much was [it|a ticket|the fee]|What did people pay]?",
        "[It cost {price}|{price}|People paid {price}].",
    ),
    (
        "[The first prize was a~ {item}.|The winner received a~ {item}.]",
        "[What was the [first|] prize|What did the winner get]?",
        "[The prize was a~ {item}|A~ {item}].",
    ),
    (
        "[It ended early because of [{weather}].|[{weather}] brought it to an end.]",
        "[Why did it end|What brought it to an end]?",
        "[Because of {weather}|It ended because of {weather}].",
    ),
]
OBJECT: list[Fact] = [
    (
        "[The {name} is a new {item}.|{name} is the name of a~ {item}.|{name} is a~ {item} for "
        "[beginners|families|everyday use|travellers].]",
        "[What is the {name}|What kind of product is the {name}]?",
        "[The {name} is a~ {item}|A~ {item}|It is a~ {item}].",
    ),
    (
        "[It costs {price}.|The price is {price}.|It is sold for {price}.]",
        "[How much [is|does] the {name} [cost|]|What is the price of the {name}]?".replace(
            "How much [is|does] the {name} [cost|]", "How much is the {name}"
        ),
        "[It costs {price}|{price}|The {name} costs {price}].",
    ),
    (
        "[It weighs {n} [kilograms].|Its weight is {n} kilograms.]",
        "[How heavy is [it|the {name}]|What does the {name} weigh]?",
        "[It weighs {n} kilograms|{n} kilograms].",
    ),
    (
        "[It comes in {colour} and {colour2}.|Customers can choose between {colour} and {colour2}.]",
        "[Which colours are there|In which colours is the {name} sold]?",
        "[{colour} and {colour2}|It comes in {colour} and {colour2}].",
    ),
    (
        "[It is made in {town}.|The factory is in {town}.|It is produced in {town}.]",
        "[Where is [it|the {name}] made|Where does the {name} come from]?",
        "[It is made in {town}|In {town}].",
    ),
    (
        "[{friend} invented it in {year}.|It was designed by {friend} in {year}.]",
        "[Who [invented|designed] [it|the {name}]|Whose idea was the {name}]?",
        "[{friend}|It was {friend}|{friend} had the idea in {year}].",
    ),
    (
        "[It can be cleaned with {clean}.|For cleaning, use {clean}.|Clean it with {clean} only.]",
        "[How [do I|should I|can I] clean [it|the {name}]]?",
        "[Clean it with {clean}|With {clean}|Use {clean}].",
    ),
    (
        "[The guarantee lasts {years}.|It has a guarantee of {years}.]",
        "[How long is the guarantee[| of the {name}]]?",
        "[The guarantee lasts {years}|{years.cap}].",
    ),
    (
        "[The box also contains a~ {extra}.|It comes with a~ {extra}.]",
        "[What else is in the box|What does it come with]?",
        "[It comes with a~ {extra}|A~ {extra}].",
    ),
]
NOT_SAID = (
    "[Where did {friend2} study|What is the [phone number|email address]|How tall is {friend2}|What did "
    "{friend2} say about it|Which song was played|"
    "What is the name of the teacher|How long is the river]?"
)
UNKNOWN = (
    "[The text does not say|That is not mentioned in the text|I cannot find that in the text|The passage does "
    "not tell us|There is no information about that "
    "in the text]."
)


def _slots(rng: random.Random) -> dict[str, str]:
    woman = rng.random() < 0.5
    friend, friend2 = words.full_name(rng), words.full_name(rng)
    towns = [words.place(rng) for _ in range(3)]
    colour, colour2 = rng.sample(words.COLOURS, 2)
    return {
        "she": "she" if woman else "he",
        "her": "her" if woman else "his",
        "him": "her" if woman else "him",
        "friend": friend,
        "friend2": friend2,
        "given": rng.choice(words.FEMALE if woman else words.MALE),
        "town": towns[0],
        "town2": towns[1],
        "town3": towns[2],
        "river": rng.choice(words.PLACE_HEAD),
        "year": str(rng.randrange(1750, 2020)),
        "age": str(rng.randrange(19, 90)),
        "job": rng.choice(words.JOBS),
        "hobby": rng.choice(words.HOBBIES).strip(),
        "animal": rng.choice(["dog", "cat", "parrot", "rabbit", "horse", "donkey", "goat"]),
        "colour": colour,
        "pet": rng.choice(
            "Pepper Biscuit Socks Button Pickle Ginger Bramble Muffin Toffee Pebble Smudge Waffle Domino Clover".split()
        ),
        "colour2": colour2,
        "day": rng.choice(words.DAYS),
        "food": rng.choice(words.FOODS).strip(),
        "month": rng.choice(words.MONTHS),
        "item": rng.choice(words.ALL_PRODUCTS),
        "extra": rng.choice(words.ALL_PRODUCTS),
        "n": str(rng.randrange(2, 30)),
        "people": str(rng.choice([rng.randrange(20, 400), rng.randrange(400, 9000)])),
        "minutes": rng.choice(["10", "15", "20", "30", "40"]),
        "date": words.date(rng),
        "time": words.time_of_day(rng),
        "street": words.street(rng),
        "price": words.price(rng),
        "years": rng.choice(["one year", "two years", "three years", "five years"]),
        "weather": rng.choice(["heavy rain", "a storm", "a power cut", "the heat", "snow"]),
        "clean": rng.choice(
            ["warm water", "a dry cloth", "a soft brush", "a little soap", "cold water", "a damp sponge"]
        ),
    }


def passage(rng: random.Random) -> tuple[str, list[Fact], dict[str, str]]:
    """A passage, the facts in it and the slots they share."""
    slots = _slots(rng)
    kind = rng.choice(["person", "person", "place", "event", "object"])
    facts = {"person": PERSON, "place": PLACE, "event": EVENT, "object": OBJECT}[kind]
    chosen = rng.sample(facts, rng.randrange(3, min(7, len(facts) + 1)))
    if kind == "person":
        slots["name"] = slots["given"]
        opening = spin(
            rng,
            "[{name} {last} is a person with many sides.|This is a text about {name}.|Let me "
            "introduce {name} {last}.|Everyone likes {name}.|{name} "
            "{last} lives in a [small|quiet|sunny] [flat|house].]",
            slots | {"last": rng.choice(words.SURNAMES)},
        )
    elif kind == "event":
        what = rng.choice(
            [
                "summer party",
                "chess tournament",
                "flea market",
                "school concert",
                "bicycle race",
                "cooking contest",
                "reading evening",
                "boat trip",
                "book fair",
                "dance night",
                "garden party",
                "baking contest",
                "kite festival",
            ]
        )
        slots["name"] = what
        opening = spin(
            rng,
            "[The {name} in {town} was a success.|Many people still talk about the {name} in "
            "{town}.|{town} held its {nth} {name}.]",
            slots | {"nth": rng.choice(["first", "second", "third", "tenth"])},
        )
    else:
        slots["name"] = words.place(rng) if kind == "place" else words.brand_name(rng)
        chosen = [facts[0]] + [fact for fact in chosen if fact is not facts[0]]
        opening = ""
    statements = [spin(rng, statement, slots) for statement, _, _ in chosen]
    if kind == "place":
        chosen = chosen[1:]
    return join(opening, *statements), chosen, slots


SYSTEM = (
    "[Answer the question with the help of the text.|Use only the text to answer.|You answer questions about "
    "texts.|You are a careful reader. Answer briefly.|"
    "Read the text and answer.]"
)


def reading_document(rng: random.Random) -> str:
    """A passage with questions as a chat, as lines, or alone."""
    text, facts, slots = passage(rng)
    draw = rng.random()
    if draw < 0.08:
        return "\n\n".join([text, passage(rng)[0], passage(rng)[0]])
    pairs = [
        (spin(rng, question, slots), spin(rng, answer, slots))
        for _, question, answer in rng.sample(facts, min(len(facts), rng.choice([1, 2, 2, 3, 4])))
    ]
    if rng.random() < 0.15:
        pairs.append((spin(rng, NOT_SAID, slots), spin(rng, UNKNOWN, slots)))
    if draw < 0.2:
        return text + "\n\n" + "\n".join(f"Question: {question}\nAnswer: {answer}" for question, answer in pairs)
    turns: list[tuple[str, str]] = []
    if draw < 0.4:
        turns.append(("system", join(spin(rng, SYSTEM), text) if draw < 0.3 else spin(rng, SYSTEM)))
    for index, (question, answer) in enumerate(pairs):
        asked = roughen(rng, question, 0.12)
        if index == 0 and not (turns and text in turns[0][1]):
            asked = f"{text}\n\n{asked}" if rng.random() < 0.6 else f"{question}\n\n{text}"
        turns += [("user", asked), ("assistant", answer)]
    return chat(turns)

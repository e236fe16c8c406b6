"""Tiny stories: a character wants something, meets an obstacle, and it ends one way or another."""

from __future__ import annotations

import random

from . import words
from .text import chat, join, phrase, roughen, spin

# goal (infinitive), thing involved, obstacle clauses, solution clauses
PLOTS: list[tuple[str, str, str, str]] = [
    (
        "[bake|make] a~ {adj} cake for {friend}",
        "cake",
        "[the oven stopped working|there were no eggs left|the sugar had run out|{pet} ate the butter]",
        "[{friend} brought what was missing|a neighbour lent a hand|they made pancakes instead and everybody "
        "liked them]",
    ),
    (
        "find the lost {colour} {item}",
        "{item}",
        "[it was not under the bed|nobody had seen it|it was getting dark|the rain washed away every trace]",
        "[{friend} found it behind the door|it had been in the bag all along|{pet} came running with it]",
    ),
    (
        "[learn|try] to swim",
        "lake",
        "[the water was ice cold|a big wave came|{fear} came back]",
        "[{friend} [held out a hand|stayed close by]|little by little it became easier]",
    ),
    (
        "build a [small|tall|wooden] [boat|tower|bird house|bridge]",
        "wood",
        "[the wind blew it down|a piece was too short|the glue did not hold|the hammer broke]",
        "[they started again with better plans|{friend} knew a trick|old boxes turned out to be even better]",
    ),
    (
        "win the [race|spelling contest|chess game|drawing prize] in {town}",
        "prize",
        "[there were so many strong rivals|a shoe came off|the clock was ticking|a headache came on]",
        "[a calm breath helped|{friend} cheered from the side|it did not matter who was first]",
    ),
    (
        "visit {friend} in {town}",
        "journey",
        "[the bus was late|the bridge was closed|snow covered the road|the ticket was gone]",
        "[a kind {job} offered "
        "a seat in a car|{friend} came the other way and they met in the middle|there was another train]",
    ),
    (
        "help the old {job} next door",
        "neighbour",
        "[the {job} was too proud to accept help|the work was heavy|it was a very hot day]",
        "[they shared the work and drank lemonade|a joke broke the ice|in the end they became friends]",
    ),
    (
        "save a little {animal} that had fallen into [a hole|the river|a ditch]",
        "{animal}",
        "[it was afraid of people|the sides were steep|there was no rope]",
        "[a long branch did the trick|{friend} fetched a ladder|a piece of bread made it come closer]",
    ),
    (
        "sell [home-made jam|painted stones|old books] at the market",
        "stall",
        "[nobody stopped to look|it began to rain|the table broke]",
        "[a big colourful sign made people curious|{friend} told everyone about it|a~ {job} bought everything at once]",
    ),
    (
        "play [a song|the piano|the flute] at the school party",
        "music",
        "[the sheet of music was gone|the fingers were stiff|{fear} came back]",
        "[{friend} hummed the first notes|the whole room began to clap along|it went better than at home]",
    ),
    (
        "buy a~ {item} with saved money",
        "{item}",
        "[the price had gone up|the last one was just sold|a coin was missing]",
        "[the {job} in the shop made a fair offer|{friend} lent a coin|waiting one more week was worth it]",
    ),
    (
        "stay awake to see the [stars|sunrise|full moon|fireworks]",
        "sky",
        "[clouds came up|sleep was stronger|it was very cold]",
        "[a thick blanket and hot tea helped|{friend} told stories all night|just in time the sky cleared]",
    ),
    (
        "teach {pet} a new trick",
        "{pet}",
        "[{pet} only wanted to sleep|{pet} ran after a butterfly|nothing seemed to work]",
        "[a small treat changed everything|patience paid off|{pet} learned a different trick alone]",
    ),
    (
        "write a letter to {friend}",
        "letter",
        "[the right words would not come|the ink ran out|the paper got wet]",
        "[a walk brought new ideas|a drawing said more than words|it became a short but honest letter]",
    ),
    (
        "repair the old {item}",
        "{item}",
        "[a small part was missing|the first attempt made it worse|nobody knew how it worked]",
        "[the {job} had a spare part|{friend} read the instructions aloud|a bit of wire was enough]",
    ),
    (
        "find out what made the strange noise [in the attic|in the cellar|behind the wall]",
        "noise",
        "[the lamp went out|the door was stuck|it sounded like footsteps]",
        "[it was only a~ {animal}|{friend} laughed and showed an open window|it turned out to be {pet}]",
    ),
]
START = (
    "[One [morning|evening|day|afternoon|winter day|summer morning]|Last [week|spring|autumn|Sunday]|On a "
    "[rainy|sunny|windy|quiet|foggy] [day|morning|"
    "Saturday]|Long ago|Not so long ago|In {month}|Early in {month}|Once]"
)
INTRO = (
    "[{name} was a~ {adj} {job} [who lived in|from] {town}.|In {town} there lived a~ {adj} {job} called "
    "{name}.|{name}, a~ {adj} {job}, lived in a "
    "[small|blue|narrow|crooked|white] house in {town}.|There was once a~ {adj} {job} named {name}.|{name} "
    "lived in {town} with a~ {animal2} called "
    "{pet}.|{name} and {friend} were best friends.|{name} was {age} years old and loved {hobby}.|Everyone in "
    "{town} knew {name}, the {adj} {job}.]"
)
WANT = (
    "[{start}, {name} wanted to {goal}.|{start}, {name} decided to {goal}.|{start}, {name} had an idea: it was "
    'time to {goal}.|"I am going to '
    '{goal}," said {name} {when}.|More than anything, {name} wanted to {goal}.]'
)
TROUBLE = (
    "[But {trouble}.|Then {trouble}.|Unfortunately, {trouble}.|It was not easy, because {trouble}.|At first "
    "all went well, but soon {trouble}.|There "
    "was one problem: {trouble}.]"
)
FEEL = (
    '[{name} felt [sad|angry|tired|worried|a little lost|disappointed].|{name} sat down and sighed.|"[What '
    "now|What shall I do|This is hopeless|Oh no]"
    '[?|!]" [asked|said|whispered] {name}.|{name} did not give up.|{name} thought about it for a long '
    "time.|{name} almost cried.|]"
)
TURN = (
    "[In the end {fix}.|Then something happened: {fix}.|Luckily, {fix}.|After a while {fix}.|But {fix}.|Just "
    "when it looked bad, {fix}.]"
)
CLOSE = (
    "[{name} went home [happy|tired but happy|smiling|with a light heart].|From that day on, {name} [never "
    "forgot it|was a little braver|told the story "
    'again and again].|"[Thank you|I knew it|What a day|We did it]," said {name}[| with a smile].|That night '
    "{name} slept well.|{name} and {friend} "
    "laughed about it for years.|And {name} learned that [patience helps|friends matter more than prizes|asking "
    "for help is not a weakness|mistakes are "
    "part of learning|small steps count].|]"
)
ADJ = (
    "young old clever shy brave lonely cheerful curious lazy kind tall quiet stubborn careful funny poor honest busy "
    "friendly patient".split()
)


def story(rng: random.Random) -> tuple[str, dict[str, str]]:
    """One tiny story and the facts it was made from."""
    name, friend = rng.sample(words.FEMALE + words.MALE, 2)
    slots = {
        "name": name,
        "friend": friend,
        "adj": rng.choice(ADJ),
        "job": rng.choice(words.JOBS),
        "town": words.place(rng),
        "animal": rng.choice(words.ANIMALS),
        "animal2": rng.choice(["dog", "cat", "parrot", "rabbit", "goat", "hamster"]),
        "pet": rng.choice(
            "Pepper Biscuit Socks Whiskers Button Pickle Ginger Bramble Muffin Toffee Pebble Smudge".split()
        ),
        "colour": rng.choice(words.COLOURS),
        "item": rng.choice(words.ALL_PRODUCTS),
        "month": rng.choice(words.MONTHS),
        "age": str(rng.randrange(6, 80)),
        "hobby": rng.choice(words.HOBBIES),
        "fear": "the old fear",
    }
    slots["when"] = rng.choice(["at breakfast", "one day", "to the mirror", "to the cat", "with a serious face"])
    if "pair of" in slots["item"] or "set of" in slots["item"] or "box of" in slots["item"]:
        slots["item"] = "umbrella"
    goal, thing, trouble, fix = rng.choice(PLOTS)
    slots["start"] = phrase(rng, START, slots)
    slots.update(
        goal=phrase(rng, goal.replace("{adj} cake", "[big|sweet|chocolate|lemon] cake"), slots),
        thing=phrase(rng, thing, slots),
        trouble=phrase(rng, trouble, slots),
        fix=phrase(rng, fix, slots),
    )
    intro = spin(rng, INTRO, slots)
    if slots["pet"] in trouble + goal + slots["fix"] and slots["pet"] not in intro:
        intro = join(
            intro,
            spin(rng, "[{name} had a~ {animal2} called {pet}.|{pet}, a small {animal2}, was always near.]", slots),
        )
    if friend not in intro and rng.random() < 0.4:
        intro = join(intro, spin(rng, "[{friend} was a good friend[| from school].|{friend} lived next door.]", slots))
    parts = [intro, *(spin(rng, part, slots) for part in (WANT, TROUBLE, FEEL, TURN, CLOSE))]
    return join(*parts), slots


def story_document(rng: random.Random) -> str:
    """A story as plain text or as the answer in a chat, sometimes with questions about it."""
    text, slots = story(rng)
    draw = rng.random()
    if draw < 0.35:
        second, _ = story(rng)
        return text if draw < 0.15 else f"{text}\n\n{second}"
    if draw < 0.6:
        ask = spin(
            rng,
            "[Tell me a [short|little|] story|Can you [write|tell] me a [short|] story|Write a [few lines|short "
            "story]|I would like to hear a story] "
            "about [{name}|a person called {name}|someone called {name} who wants to {goal}].",
            slots,
        )
        return chat([("user", roughen(rng, ask)), ("assistant", text)])
    questions = [
        (
            "[What did {name} want to do|What was {name}'s [goal|plan]]?",
            "[{name} wanted to {goal}.|The plan was to {goal}.]",
        ),
        (
            "[What was the problem|What went wrong|Why was it not easy]?",
            "[The problem was that {trouble}.|It was hard because {trouble}.]",
        ),
        (
            "[How did it [end|work out]|What [helped|happened in the end]]?",
            "[In the end {fix}.|It worked out: {fix}.|{fix.cap}.]",
        ),
        (
            "[Who is the story about|What is the main character called]?",
            "[It is about {name}.|{name}.|The main character is {name}.]",
        ),
    ]
    turns = []
    for index, (ask, answer) in enumerate(rng.sample(questions, rng.choice([1, 2, 2, 3]))):
        question = spin(rng, ask, slots)
        turns += [
            ("user", f"{text}\n\n{question}" if index == 0 else roughen(rng, question)),
            ("assistant", spin(rng, answer, slots)),
        ]
    return chat(turns)

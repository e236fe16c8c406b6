"""Rows of every kind as people keep them, made by small grammars from a seed: clean, varied, and different each.

Each function gives so many rows, as they stand in a file. No row is planted with a fault, and none is nearly another.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from rapidfuzz import fuzz, process

Row = dict[str, Any]


def words(text: str) -> list[str]:
    """One entry for each line."""
    return [line.strip() for line in text.strip().splitlines()]


def distinct(n: int, make: Callable[[random.Random], Row], seed: int = 0, by: str = "") -> list[Row]:
    """So many rows, no two with nearly the same first message, or value of the key `by`, or of the first key."""
    generator = random.Random(seed)
    found: dict[str, Row] = {}
    while len(found) < n:
        row = make(generator)
        asked = row[by or next(iter(row))]
        key = (asked if isinstance(asked, str) else next(m["content"] for m in asked if m["role"] == "user")).casefold()
        if process.extractOne(key, list(found), scorer=fuzz.ratio, score_cutoff=90) is None:
            found[key] = row
    return list(found.values())


def capital(text: str) -> str:
    """With a capital letter in front."""
    return text[:1].upper() + text[1:]


def chat(*turns: str, system: str = "") -> Row:
    """A conversation of turns by user and assistant, in turn."""
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(turns)]
    return {"messages": messages}


BICYCLE = {
    "the chain jumps when I climb": "worn sprockets let it jump, so measure the chain and change both together",
    "the rear brake squeals": "clean the rim with alcohol and turn the pads in a little at the front",
    "a spoke broke on the left side": "take the wheel to us within the week, for its neighbours now carry too much",
    "the saddle slides down on every ride": "grease the clamp but not the post, and tighten the bolt to 6 Nm",
    "my front light flickers over bumps": "look at the plug beneath the fork, which is most often loose there",
    "the gears shift by themselves": "the cable has stretched, and half a turn at the barrel adjuster takes that up",
    "the pedal clicks at every turn": "unscrew it, clean the thread, grease it and screw it in again by hand",
    "the tyre loses air over night": "listen at the valve first, since a loose core is more common than a hole",
    "the handlebar is out of line": "loosen the two bolts at the stem, hold the wheel between your knees, and turn it",
    "the freewheel rattles like a bag of nails": "its springs are tired, and a new one costs less than the cleaning",
    "the mudguard rubs in the rain": "bend the stay outwards by a finger's width and tighten its screw again",
    "the bottom bracket creaks": "we take it out, clean the shell and press in a new one within an hour",
    "the basket hits the cable": "move the holder to the lowest hole, or lead the cable beneath the lamp",
    "the child seat wobbles": "its clamp needs the wider shim, which lies in the bag beside the manual",
    "the hub dynamo hums": "that is normal below ten kilometres an hour and no sign of wear",
    "the lock will not turn": "put graphite into it and never oil, which holds the dirt",
}
WHEN = words("""
    ever since the trip along the canal
    after I had washed it with the hose
    since my brother borrowed it for a month
    mostly on the steep street behind the mill
    although it came back from the yearly check in March
    and only when it is colder than five degrees
    both with and without luggage
    which began the day after I put on the new tyres
    whenever I ride with my daughter on the back
    and it gets worse on cobbles
    even though I oiled everything that moves
    but never in the first ten minutes
    and the shop at the station had no idea why
    so that people on the path turn round
""")
WISHES = words("""
    What can I do about it?
    Is that something I can mend at home?
    Do I have to bring it in?
    Would you ride to work on it?
    How much should a repair cost?
    Which tool would I need?
    May I go on riding until the weekend?
    Is there a part that I should order?
    I have a repair stand and some patience.
    My old mechanic has retired, so I ask you.
    Please explain it as you would to a beginner.
    Could it be dangerous?
""")
BIKES = words("""
    touring bicycle
    cargo bike
    folding bike
    racer from the eighties
    mountain bike
    tandem
    electric bicycle
    city bike with three gears
    gravel bike
    recumbent
""")
KIND_WORDS = ("Thank you for asking.", "That is a common one.", "Good that you noticed.", "No need to worry.", "I see.")
ENDS = words("""
    Tell us if that does not help.
    We are open from nine to six.
    A picture of the part would help us to be sure.
    It takes a quarter of an hour.
    Parts for it are in stock.
    Ride carefully until then.
    You need no appointment for that.
    That is all there is to it.
""")
DESK = "You answer for Radhaus, a bicycle workshop. Be brief and friendly, and never promise a date."


def workshop(n: int, seed: int = 0, system: str = DESK) -> list[Row]:
    """Conversations with a workshop, all with one system prompt; every third one goes on for a second turn."""

    def make(pick: random.Random) -> Row:
        fault, other = pick.sample(list(BICYCLE), 2)
        asked = f"{capital(fault)} on my {pick.choice(BIKES)}, {pick.choice(WHEN)}. {pick.choice(WISHES)}"
        turns = [asked, f"{pick.choice(KIND_WORDS)} {capital(BICYCLE[fault])}. {pick.choice(ENDS)}"]
        if pick.random() < 1 / 3:
            turns += [f"I will try. And if {other}?", f"Then {BICYCLE[other]}."]
        return chat(*turns, system=system)

    return distinct(n, make, seed)


TOPICS = {
    "borrow a film": "Films are lent for one week, four at a time.",
    "bring back a novel on a Sunday": "The box beside the gate takes books at any hour.",
    "reserve the piano room": "Write your name into the list at the desk; an hour costs nothing.",
    "print an old newspaper page": "The reader on the second floor prints for ten cents a page.",
    "extend a loan": "A loan can be extended twice unless somebody waits for the book.",
    "register a class of pupils": "Teachers get one card for the whole class, with thirty loans.",
    "donate a box of cookbooks": "We take books that are younger than ten years, on Tuesday mornings.",
    "use the sewing machine": "An introduction of twenty minutes comes first, each Friday at four.",
    "find a seat in the quiet hall": "The hall is fullest after lunch; go before eleven.",
    "ask for a book that you do not have": "Fill in the green form, and we order it from the county library.",
    "pay a fine without cash": "The machine by the stairs takes every card.",
    "attend the reading for children": "It begins each Saturday at ten, and nobody has to sign up.",
    "get a card for my grandmother": "She needs a form with her signature, and you may hand it in.",
    "take the telescope home": "It goes out for three nights against a deposit of fifty euros.",
    "learn how to scan a drawing": "Ask at the desk on the first floor; someone will show you.",
    "hold a meeting of my choir": "The cellar is free on Monday evenings, and it has no heating.",
}
PEOPLE = words("""
    My neighbour asked me whether one may
    I have just moved here and want to
    As a student with little time I would like to
    Before the holidays our club hopes to
    A friend who uses a wheelchair wants to
    Nobody picked up the phone when I tried to
    For my evening course I am supposed to
    The sign at the door does not say how to
    In spite of the building works, is it possible to
    With a card from the next town, am I allowed to
    Yesterday your colleague could not tell me how to
    My three children keep asking when they can
""")
HURRY = words("""
    Whom do I ask?
    How does it work?
    What do I have to bring along?
    Is there a fee?
    I could come on Thursday.
    The page on the web is down.
    Sorry if this has been asked before.
    It need not be today.
    Your leaflet is silent about it.
    I would be glad of a short answer.
    Is the lift working again?
    We are nine people.
""")


def library(n: int, seed: int = 0) -> list[Row]:
    """Questions to a library and their answers, as pairs of prompt and completion."""

    def make(pick: random.Random) -> Row:
        topic = pick.choice(list(TOPICS))
        asked = f"{pick.choice(PEOPLE)} {topic}. {pick.choice(HURRY)} {pick.choice(HURRY)}"
        return {"prompt": f"Question: {asked}\nAnswer:", "completion": f" {TOPICS[topic]} {pick.choice(ENDS)}"}

    return distinct(n, make, seed)


OPINIONS = {
    "positive": words("""
        I would buy it again tomorrow
        it works better than the seller claims
        every evening I am glad of it
        the whole family loves it
        the quality surprised me in the best way
        it has never let me down
        a wonderful piece of work
        thoroughly recommended
        my favourite purchase of the year
        such a pleasure to use
    """),
    "negative": words("""
        I sent it back after a week
        it broke on the second day
        what a waste of money
        the service is a disgrace
        it smells terrible and scratches
        nothing about it works as promised
        the worst one I ever had
        do not fall for the pictures
        I am deeply disappointed
        it failed when I needed it
    """),
}
THINGS = words("""
    the kettle
    these running shoes
    the desk lamp
    my new raincoat
    this set of knives
    the garden hose
    the alarm clock
    the wooden train
    these earphones
    the sleeping bag
    the coffee grinder
    this backpack
    the electric drill
    the fountain pen
    a pair of gloves
    the picture frame
""")
STORIES = words("""
    It came in a plain box with a leaflet in six languages
    My sister has the larger one
    I ordered the blue version and use it mostly on weekends
    The parcel lay at the neighbours' for two days
    It replaces an old one that had served since college
    We took it along to the lake and to the mountains
    The handle is made of beech and the rest of steel
    I had read about it in a magazine at the dentist's
    It stands in the kitchen next to the window
    There is a second switch at the back which I found late
    My grandfather wanted one too when he saw it
    You can have it in three sizes and in many colours
    The manual has forty pages and a map of the parts
    It weighs about as much as a loaf of bread
""")


def reviews(n: int, seed: int = 0) -> list[Row]:
    """Reviews of things with a label, half positive and half negative, shuffled."""

    def make(pick: random.Random) -> Row:
        label = pick.choice(list(OPINIONS))
        one, other = pick.sample(OPINIONS[label], 2)
        parts = [f"About {pick.choice(THINGS)}: {one}", pick.choice(STORIES), other]
        tail = [capital(part) for part in pick.sample(parts[1:], 2)]
        return {"text": f"{'. '.join([parts[0], *tail])}.", "label": label}

    return distinct(n, make, seed)


FIRST = words(
    "Amara\nBoris\nChen\nDilara\nEsi\nFarid\nGunnar\nHana\nIlse\nJomo\nKaja\nLeyla\nMattis\nNoor\nOtto\nPilar"
)
LAST = words("Abendroth\nBakker\nCisse\nDuarte\nEkholm\nFontaine\nGruber\nHaddad\nIversen\nJansen\nKovacs\nLindqvist")
TOWNS = words(
    "Aarhus\nBruges\nCoimbra\nDelft\nEssen\nFaro\nGalway\nHelsinki\nInnsbruck\nJena\nKrakow\nLeiden\nMalmo\nNantes"
)
GOODS = words(
    "oak boards\nolive oil\nroof tiles\nblue paint\ncopper pipes\nseed potatoes\nwool blankets\nglass jars\nplain paper"
)


def extraction(n: int, seed: int = 0) -> list[Row]:
    """Instructions with a letter as input and the sentence that answers them, word for word, as output."""

    def make(pick: random.Random) -> Row:
        who, town, goods = f"{pick.choice(FIRST)} {pick.choice(LAST)}", pick.choice(TOWNS), pick.choice(GOODS)
        facts = {
            "the delivery": f"The {goods} will leave {town} on {pick.randrange(2, 29)} May and arrive two days later",
            "the complaint": f"Of the {pick.randrange(20, 90)} crates of {goods}, {pick.randrange(2, 9)} came damaged",
            "the price": f"We agreed on {pick.randrange(300, 990)} euros for all of it, carriage to {town} paid",
            "the contact": f"Please speak to {who} in {town}, who knows the matter and is there until five",
        }
        asked = pick.choice(list(facts))
        letter = pick.sample(list(facts.values()), 4)
        begin = f"Dear {pick.choice(FIRST)}, many thanks for your last letter. {pick.choice(STORIES)}."
        return {
            "instruction": f"Quote the sentence about {asked} in the letter.",
            "input": f"{begin} {'. '.join(letter)}. Kind regards, {who}",
            "output": f"{facts[asked]}.",
        }

    return distinct(n, make, seed, by="input")


NOUNS = words("order\ninvoice\nplayer\nticket\nsensor\nparcel\nmember\nrecipe\nroute\naccount\nlesson\nbooking")
FIELDS = words("name\nweight\nprice\nstatus\nowner\ncolour\nlength\nstart\ncity\nrating\ncount\nversion")
CODE_ASKED: dict[str, Callable[[str, str, str, int], str]] = {
    "a Python dataclass": lambda noun, one, two, k: (
        f"```python\n@dataclass(frozen=True)\nclass {noun.capitalize()}:\n    {one}: str\n    {two}: int = {k}\n```"
    ),
    "a JSON example": lambda noun, one, two, k: (
        f'```json\n{{"{noun}": {{"{one}": "abc", "{two}": {k}, "tags": [{{"id": 1}}]}}}}\n```'
    ),
    "an XML fragment": lambda noun, one, two, k: (
        f'<{noun} id="{k}">\n  <{one}>text</{one}>\n  <{two} unit="mm">{k}</{two}>\n</{noun}>'
    ),
    "an HTML table": lambda noun, one, two, k: (
        f"<table>\n  <tr><th>{one}</th><th>{two}</th></tr>\n  <tr><td>{noun} {k}</td><td>&nbsp;</td></tr>\n</table>"
    ),
    "an f-string": lambda noun, one, two, k: f'Use `f"{{{noun}.{one}}}: {{{noun}.{two}:>{k}}}"`, which pads to {k}.',
    "a Jinja line": lambda noun, one, two, k: (
        f"{{% for {noun} in items[:{k}] %}}{{{{ {noun}.{one} }}}} {{{{ {noun}.{two} }}}}{{% endfor %}}"
    ),
    "a shell loop": lambda noun, one, two, k: (
        f'```sh\nfor {noun} in *.{one}; do head -n {k} "${{{noun}}}" >> "{two}.txt"; done\n```'
    ),
    "a C struct": lambda noun, one, two, k: f"```c\nstruct {noun} {{ char {one}[{k}]; int {two}; }};\n```",
    "a CSS rule": lambda noun, one, two, k: f".{noun}-{one} {{ padding: {k}px; }}\n.{noun}-{two} > a {{ color: red; }}",
    "a SQL query": lambda noun, one, two, k: f"SELECT {one}, COUNT(*) FROM {noun}s WHERE {two} <= {k} GROUP BY {one};",
}


def coding(n: int, seed: int = 0) -> list[Row]:
    """Conversations about code: answers full of braces, tags and fields that are meant so."""

    def make(pick: random.Random) -> Row:
        what, noun, (one, two) = pick.choice(list(CODE_ASKED)), pick.choice(NOUNS), pick.sample(FIELDS, 2)
        k = pick.randrange(4, 64)
        whose = f"for {'an' if noun[0] in 'aeio' else 'a'} {noun} with {one} and {two}"
        asked = pick.choice((f"Write {what} {whose}.", f"I need {what} {whose}, please.", f"Show me {what} {whose}!"))
        return chat(f"{asked} The limit is {k}. {pick.choice(HURRY)}", CODE_ASKED[what](noun, one, two, k))

    return distinct(n, make, seed)


TOOLS = [
    {"type": "function", "function": {"name": "weather", "parameters": {"properties": {"town": {"type": "string"}}}}},
    {"type": "function", "function": {"name": "trains", "parameters": {"properties": {"to": {"type": "string"}}}}},
]


def travelling(n: int, seed: int = 0) -> list[Row]:
    """Conversations of several turns in which the assistant calls tools and some turns are only context."""

    def make(pick: random.Random) -> Row:
        here, there = pick.sample(TOWNS, 2)
        degrees, hour = pick.randrange(-9, 33), pick.randrange(5, 23)
        call = {"id": "call_1", "type": "function"}
        called = {"name": "weather", "arguments": json.dumps({"town": there})}
        trip = pick.choice(("a week of hiking", "my aunt", "a fair", "two days off", "a concert", "an exam"))
        asked = (
            f"{pick.choice(STORIES)}. I go from {here} to {there} for {trip}. {pick.choice(HURRY)} What shall I wear?"
        )
        advice = "Take a coat and a scarf." if degrees < 10 else "A light jacket is enough."
        return {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": None, "tool_calls": [{**call, "function": called}]},
                {"role": "tool", "content": json.dumps({"degrees": degrees}), "tool_call_id": call["id"]},
                {"role": "assistant", "content": f"It is {degrees} degrees in {there}. {advice}", "weight": 0},
                {"role": "user", "content": f"And how do I come home after {hour} o'clock?"},
                {"role": "assistant", "content": f"A train leaves {there} for {here} at {hour}:40.", "weight": 1},
            ],
            "tools": TOOLS,
        }

    return distinct(n, make, seed)


PERSONAS = words("""
    You are a patient gardener who answers in one or two sentences and never uses Latin names.
    You are the voice of a museum of clocks. You like dry humour, and you keep every answer short.
    You teach cooking to people who live alone. Answer plainly, name amounts in grams, and add one hint.
    You help sailors on small boats. Safety comes first, then comfort, then speed.
    You advise a small theatre on money. Say what you would do, and what it costs.
""")


def personas(n: int, seed: int = 0) -> list[Row]:
    """Conversations under one of a few long system prompts that many rows share."""
    rows = workshop(n, seed + 17, system="")
    generator = random.Random(seed)
    for row in rows:
        row["messages"].insert(0, {"role": "system", "content": " ".join(generator.sample(PERSONAS, 3))})
    return rows

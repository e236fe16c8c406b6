"""Support chats: a system message states facts about an invented business, the assistant answers from them."""

from __future__ import annotations

import random

from . import words
from .support_topics import TOPICS, Topic
from .text import chat, join, phrase, roughen, spin

ROLE = (
    "[You are the [assistant|chat assistant|support agent|helper|helpful assistant] of {shop}[|, a~ {kind}|, a~ "
    "{kind} in "
    "{town_}].|You [answer questions|help customers] for {shop}[|, a~ {kind}].|{shop} is a~ {kind}. You are its "
    "[assistant|support agent].|You work for {shop}. [Be polite and brief.|Be friendly.|Answer in one or two "
    "sentences.]]"
)
GREET = (
    "[Hello|Hi|Hey|Good morning|Good afternoon|Good evening|Hi there|Hello there][|, I have a question|, quick "
    "question|, can you help me|, I need some help][.|!]"
)
HELLO = (
    "[Hello|Hi|Welcome to {shop}|Good day|Hello and welcome][!|.] [How can I help you[| today]?|What can I do for you?|"
    "How may I help?]"
)
LEAD = (
    "[||||||Hi. |Hello, |Hi, |Hey, |Excuse me. |One question: |Quick question: |Sorry to bother you. |Good morning. "
    "|Please "
    "tell me: |I was wondering: ]"
)
FOLLOW = "[And |Also, |Okay. |Thanks. |Great, thank you. |One more thing: |Good to know. |Alright. |I see. |Got it. |]"
CLOSE_USER = (
    "[Thanks|Thank you|Thank you very much|Great, thanks|Perfect, thank you|That is all, thanks|Many thanks|Thanks a "
    "lot|Wonderful][.|!| for your help.|. Have a nice day!|. Bye!]"
)
CLOSE_ASSISTANT = (
    "[You are welcome|My pleasure|Happy to help|Glad I could help|No problem at all|Any time][.|!] "
    "[Have a "
    "[nice|great|lovely] day[.|!]|We look forward to [seeing you|your visit].|Just write again if you "
    "need "
    "anything else.|See you soon at {shop}.|]"
)
POLITE = (
    "[|||||| Is there anything else I can help you with?| Let me know if you have more questions.| I hope that helps.| "
    "Feel free to ask if anything is unclear.]"
)
OPENER = "[|||||||||Sure. |Of course. |Good question. |Gladly. |Thanks for asking. |Certainly. |Happy to help. ]"
UNKNOWN = (
    "[I am sorry, but I do not have any information about {subject}.|Sorry, I do not know about {subject}.|"
    "Unfortunately I have no details about {subject}.|I don't have information about {subject}, I'm afraid.] "
    "[Please contact our team[| directly].|Our staff will be glad to help you with that.|Please ask our "
    "staff.|I can "
    "answer other questions about {shop}, though.|You could ask in person at {shop}.]"
)


def base_slots(rng: random.Random) -> dict[str, str]:
    """Names and numbers that the topics may use."""
    shop, kind = words.business(rng)
    site = shop.lower().replace(" ", "").replace("'", "")
    number = rng.randrange(2, 60)
    return {
        "shop": shop,
        "kind": kind,
        "site": site,
        "town_": words.place(rng),
        "street_": words.street(rng),
        "person_": words.full_name(rng),
        "product_": words.product(rng),
        "product": words.product(rng),
        "job_": rng.choice(words.JOBS),
        "n": str(number),
        "m": str(number + rng.randrange(10, 90)),
        "c": str(max(1, number // 2)),
        "num": str(rng.randrange(10, 99)),
        "key": rng.choice(words.COLOURS) + rng.choice(words.ANIMALS) + str(rng.randrange(10, 99)),
        "p": f"{rng.randrange(10, 99)} {rng.randrange(100, 999)} {rng.randrange(100, 9999)}",
    }


def fill_topic(rng: random.Random, topic: Topic, base: dict[str, str]) -> dict[str, str]:
    """Draw the slots of one topic once, so that all its sentences agree."""
    slots = dict(base)
    number = rng.randrange(2, 60)
    slots.update(n=str(number), m=str(number + rng.randrange(10, 90)), c=str(max(1, number // 2)))
    slots.update(person_=words.full_name(rng), product=words.product(rng))
    for name, template in topic.slots.items():
        slots[name] = phrase(rng, template, slots)
    return slots


def support_chat(rng: random.Random) -> str:
    """One chat of one to five questions about a business."""
    base = base_slots(rng)
    chosen = rng.sample(TOPICS, rng.randrange(2, 7))
    seen: set[str] = set()
    facts = []
    for topic in chosen:
        if seen.isdisjoint(topic.slots):
            facts.append((topic, fill_topic(rng, topic, base)))
            seen.update(("open", "close") if topic.slots.keys() & {"open", "close"} else ())
    statements = [spin(rng, topic.system, slots) for topic, slots in facts]
    joiner = "\n" if rng.random() < 0.2 else " "
    if joiner == "\n" and rng.random() < 0.5:
        statements = [f"- {line}" for line in statements]
    system = joiner.join([spin(rng, ROLE, base), *statements])
    turns = [("system", system)]
    if rng.random() < 0.12:
        turns += [("user", roughen(rng, spin(rng, GREET, base))), ("assistant", spin(rng, HELLO, base))]
    asked = rng.sample(facts, min(len(facts), rng.choice([1, 1, 2, 2, 3, 4])))
    for index, (topic, slots) in enumerate(asked):
        lead = LEAD if index == 0 else FOLLOW
        question = join(phrase(rng, lead), spin(rng, topic.ask, slots))
        turns.append(("user", roughen(rng, question)))
        turns.append(("assistant", join(spin(rng, OPENER), spin(rng, topic.answer, slots), spin(rng, POLITE))))
    if rng.random() < 0.2:
        _missing(rng, turns, [topic for topic, _ in facts], base)
    if rng.random() < 0.2:
        turns += [("user", roughen(rng, spin(rng, CLOSE_USER))), ("assistant", spin(rng, CLOSE_ASSISTANT, base))]
    return chat(turns)


def _missing(rng: random.Random, turns: list[tuple[str, str]], known: list[Topic], base: dict[str, str]) -> None:
    keys = {key for topic in known for key in topic.slots}
    unknown = [topic for topic in TOPICS if topic not in known and keys.isdisjoint(topic.slots)]
    if not unknown:
        return
    topic = rng.choice(unknown)
    slots = fill_topic(rng, topic, base)
    slots["subject"] = topic.subject
    turns.append(("user", roughen(rng, spin(rng, topic.ask, slots))))
    turns.append(("assistant", spin(rng, UNKNOWN, slots)))

"""Small tools shared by the generators: template expansion, tidying and chat rendering."""

from __future__ import annotations

import random
import re
from functools import cache

Node = str | tuple
_SLOT = re.compile(r"\{(\w+)(\.\w+)?\}")
_ARTICLE = re.compile(r"\b([Aa])~ (\W?)(\w+)")
_SENTENCE_START = re.compile(r"(^|[.!?] |\n|: \")([a-z])")
_AN_EXCEPTIONS = ("hour", "honest", "heir", "honour")
_A_EXCEPTIONS = ("uni", "use", "usu", "eur", "one", "once", "ukulele")
_IRREGULAR = {
    "child": "children",
    "person": "people",
    "man": "men",
    "woman": "women",
    "foot": "feet",
    "tooth": "teeth",
    "mouse": "mice",
    "goose": "geese",
    "sheep": "sheep",
    "deer": "deer",
    "fish": "fish",
    "knife": "knives",
    "leaf": "leaves",
    "wolf": "wolves",
    "shelf": "shelves",
    "loaf": "loaves",
    "scarf": "scarves",
    "half": "halves",
    "wife": "wives",
    "life": "lives",
    "calf": "calves",
    "thief": "thieves",
    "potato": "potatoes",
    "tomato": "tomatoes",
    "hero": "heroes",
    "ox": "oxen",
    "scissors": "scissors",
    "trousers": "trousers",
    "headphones": "headphones",
    "trainers": "trainers",
    "cactus": "cacti",
    "moose": "moose",
}


@cache
def _parse(template: str) -> tuple:
    """Parse ``[a|b [c|d]]`` into a tuple of strings and tuples of alternatives."""

    def sequence(position: int, inside: bool) -> tuple[tuple, int]:
        alternatives: list[tuple] = []
        current: list[Node] = []
        plain = ""
        while position < len(template):
            character = template[position]
            if character == "[":
                if plain:
                    current.append(plain)
                    plain = ""
                node, position = sequence(position + 1, True)
                current.append(node)
                continue
            if inside and character in "|]":
                if plain:
                    current.append(plain)
                    plain = ""
                alternatives.append(tuple(current))
                current = []
                if character == "]":
                    return tuple(alternatives), position + 1
            else:
                plain += character
            position += 1
        if inside:
            raise ValueError(f"unclosed bracket in template: {template!r}")
        if plain:
            current.append(plain)
        return tuple(current), position

    return sequence(0, False)[0]


def _expand(rng: random.Random, sequence: tuple, out: list[str]) -> None:
    for node in sequence:
        if isinstance(node, str):
            out.append(node)
        else:
            _expand(rng, node[int(rng.random() * len(node))], out)


def spin(rng: random.Random, template: str, slots: dict[str, str] | None = None) -> str:
    """Expand one random reading of a template and fill its ``{slots}``, then tidy it."""
    out: list[str] = []
    _expand(rng, _parse(template), out)
    text = "".join(out)
    if slots is not None and "{" in text:
        text = _SLOT.sub(lambda match: _modify(slots[match[1]], match[2]), text)
    return tidy(text)


def phrase(rng: random.Random, template: str, slots: dict[str, str] | None = None) -> str:
    """Expand a template that is part of a sentence: no capital letter is forced at its start."""
    out: list[str] = []
    _expand(rng, _parse(template), out)
    text = "".join(out)
    if slots is not None and "{" in text:
        text = _SLOT.sub(lambda match: _modify(slots[match[1]], match[2]), text)
    return _articles(text)


def _modify(value: str, how: str | None) -> str:
    if how == ".s":
        return plural(value)
    if how == ".cap":
        return value[:1].upper() + value[1:]
    if how == ".ing":
        return gerund(value)
    return value


def _articles(text: str) -> str:
    if "~" not in text:
        return text
    return _ARTICLE.sub(lambda match: match[1] + _n(match[3]) + " " + match[2] + match[3], text)


def _n(word: str) -> str:
    lower = word.lower()
    if lower.startswith(_AN_EXCEPTIONS) or (lower.startswith(("8", "11", "18")) and lower[:3] != "110"):
        return "n"
    return "n" if lower[0] in "aeiou" and not lower.startswith(_A_EXCEPTIONS) else ""


def tidy(text: str) -> str:
    """Choose between a and an, and start every sentence with a capital letter."""
    text = _articles(text).replace("  ", " ").replace(" ,", ",").strip()
    return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)


def plural(noun: str) -> str:
    """Return the plural of an English noun or noun phrase (its last word is inflected)."""
    head, _, last = noun.rpartition(" ")
    lead = head + " " if head else ""
    if last in _IRREGULAR:
        return lead + _IRREGULAR[last]
    if last.endswith(("s", "x", "z", "ch", "sh")):
        return lead + last + "es"
    if last.endswith("y") and last[-2:-1] not in "aeiou":
        return lead + last[:-1] + "ies"
    return lead + last + "s"


def gerund(verb: str) -> str:
    """Return the -ing form of a verb phrase (its first word is inflected)."""
    first, space, rest = verb.partition(" ")
    if first.endswith("ie"):
        first = first[:-2] + "y"
    elif first.endswith("e") and not first.endswith(("ee", "oe", "ye")) and first != "be":
        first = first[:-1]
    elif first in _DOUBLING:
        first += first[-1]
    return first + "ing" + space + rest


_DOUBLING = {
    "get",
    "put",
    "set",
    "cut",
    "plan",
    "stop",
    "swim",
    "run",
    "sit",
    "win",
    "knit",
    "chop",
    "clap",
    "shop",
    "rob",
    "trim",
    "hug",
    "pat",
    "dig",
    "wrap",
    "travel",
    "spin",
    "rub",
    "pack-up",
    "begin",
    "let",
    "grab",
    "drop",
    "skip",
    "mop",
    "pot",
    "stir",
    "hit",
    "tap",
    "plug",
    "unplug",
    "cancel",
    "step",
    "jog",
}


def listing(items: list[str], last: str = "and") -> str:
    """Join items the way English does: ``a, b and c``."""
    if len(items) == 1:
        return items[0]
    return ", ".join(items[:-1]) + f" {last} " + items[-1]


def chat(turns: list[tuple[str, str]]) -> str:
    """Render (role, text) turns in the chat format of the model."""
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns)


def roughen(rng: random.Random, text: str, share: float = 0.2) -> str:
    """Sometimes make a user's message look typed in a hurry: lower case, no final mark, a slip of the finger."""
    if rng.random() >= share:
        return text
    kind = rng.random()
    if kind < 0.55:
        text = text.lower()
    if rng.random() < 0.4:
        text = text.rstrip("?.!")
    if kind > 0.4:
        text = _slip(rng, text)
    return text


def _slip(rng: random.Random, text: str) -> str:
    words = text.split(" ")
    candidates = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha() and word.islower()]
    if not candidates:
        return text
    index = rng.choice(candidates)
    word = words[index]
    at = rng.randrange(1, len(word) - 2)
    kind = rng.random()
    if kind < 0.5:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif kind < 0.8:
        word = word[:at] + word[at + 1 :]
    else:
        word = word[:at] + word[at] + word[at:]
    words[index] = word
    return " ".join(words)


def join(*parts: str) -> str:
    """Join parts of a message; a part after anything but a full stop loses its capital letter."""
    text = ""
    for part in (part.strip() for part in parts):
        if not part:
            continue
        if text and text[-1] not in ".!?" and not part.startswith(("I ", "I'")):
            joined = part[:1].lower() + part[1:]
        else:
            joined = part
        text = f"{text} {joined}" if text else joined
    return text

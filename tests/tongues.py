"""Clean rows in many languages, short rows, and documents; made like those of `grammars`."""

from __future__ import annotations

import random

from grammars import STORIES, THINGS, TOPICS, TOWNS, Row, capital, distinct, words

# For each language: who, does what, when, for a question, and two halves of an answer.
TONGUES: dict[str, tuple[list[str], list[str], list[str], list[str], list[str]]] = {
    "en": (
        words("my neighbour\nthe new baker\nour old teacher\nthe girl from the harbour\na tired postman"),
        words("lost the key of the cellar\npainted the fence green\nfound a wallet\nplanted three apple trees"),
        words("yesterday evening\nbefore the storm\nduring the long holidays\nwithout asking anybody"),
        words("That happened because nobody had closed the gate\nAs far as I know the mayor had asked for it"),
        words("and everyone talks about it now\nbut it will be forgotten by next week\nwhich I find quite funny"),
    ),
    "de": (
        words("mein Nachbar\nder neue Bäcker\nunsere alte Lehrerin\ndas Mädchen vom Hafen\nein müder Briefträger"),
        words(
            "den Schlüssel zum Keller verloren\nden Zaun grün gestrichen\neine Geldbörse gefunden\ndrei Bäume gepflanzt"
        ),
        words("gestern Abend\nvor dem großen Sturm\nwährend der langen Ferien\nohne jemanden zu fragen"),
        words(
            "Das geschah, weil niemand das Tor geschlossen hatte\nSoviel ich weiß, hatte der Bürgermeister es gewollt"
        ),
        words("und jetzt reden alle davon\naber nächste Woche ist es vergessen\nwas ich ziemlich lustig finde"),
    ),
    "fr": (
        words("mon voisin\nle nouveau boulanger\nnotre vieille institutrice\nla fille du port\nun facteur fatigué"),
        words("perdu la clé de la cave\npeint la clôture en vert\ntrouvé un portefeuille\nplanté trois pommiers"),
        words("hier soir\navant la grande tempête\npendant les longues vacances\nsans demander à personne"),
        words("C'est arrivé parce que personne n'avait fermé le portail\nÀ ma connaissance, le maire l'avait demandé"),
        words("et tout le monde en parle maintenant\nmais ce sera oublié la semaine prochaine\nce que je trouve drôle"),
    ),
    "es": (
        words("mi vecino\nel nuevo panadero\nnuestra antigua maestra\nla chica del puerto\nun cartero cansado"),
        words("perdido la llave del sótano\npintado la valla de verde\nencontrado una cartera\nplantado tres manzanos"),
        words("ayer por la tarde\nantes de la gran tormenta\ndurante las largas vacaciones\nsin preguntar a nadie"),
        words("Eso ocurrió porque nadie había cerrado la puerta\nPor lo que sé, el alcalde lo había pedido"),
        words(
            "y ahora todo el mundo habla de ello\npero la semana que viene se olvidará\nlo que me parece muy gracioso"
        ),
    ),
    "ru": (
        words("мой сосед\nновый пекарь\nнаш старый учитель\nусталый почтальон\nчеловек из гавани"),
        words("потерял ключ от подвала\nпокрасил забор в зелёный цвет\nнашёл чужой кошелёк\nпосадил три яблони"),
        words("вчера вечером\nперед сильной бурей\nво время долгих каникул\nникого не спросив"),
        words("Это случилось потому, что никто не закрыл ворота\nНасколько я знаю, об этом попросил мэр"),
        words("и теперь все об этом говорят\nно на следующей неделе это забудут\nи мне это кажется смешным"),
    ),
    "zh": (
        words("我的邻居\n新来的面包师\n我们以前的老师\n港口的女孩\n疲惫的邮递员"),
        words("丢了地下室的钥匙\n把篱笆漆成了绿色\n捡到了一个钱包\n种了三棵苹果树"),
        words("昨天晚上\n在暴风雨来临之前\n在漫长的假期里\n没有问过任何人"),
        words("发生这件事是因为没有人把大门关上\n据我所知这是镇长提出的要求"),
        words("现在大家都在谈论这件事情\n但是下个星期大家就会忘记了\n我觉得这件事情非常有意思"),
    ),
}
OPENINGS = {
    "en": "Why has {who} {does} {when}?", "de": "Warum hat {who} {when} {does}?",
    "fr": "Pourquoi {who} a-t-il {does} {when}?", "es": "¿Por qué {who} ha {does} {when}?",
    "ru": "Почему {who} {when} {does}?", "zh": "为什么{who}{when}{does}呢?",
}  # fmt: skip


def question(tongue: str, pick: random.Random) -> str:
    """Two questions in a row, behind a place and a number: such rows are many, and no two are of one place and day."""
    who, does, when, *_ = (pick.sample(part, 2) for part in TONGUES[tongue])
    asked = " ".join(
        OPENINGS[tongue].format(who=who[i], does=does[i], when=when[i]).replace("¿p", "¿P") for i in range(2)
    )
    return f"{place(pick)}: {asked}"


def place(pick: random.Random) -> str:
    """Where and when a thing happened, in no language."""
    return f"{pick.choice(TOWNS)} {pick.randint(1, 28)}.{pick.randint(1, 12)}.{pick.randint(1960, 2026)}"


def answer(tongue: str, pick: random.Random) -> str:
    """An answer of one sentence."""
    *_, first, second = TONGUES[tongue]
    stop, comma = ("。", ",") if tongue == "zh" else (".", ", ")
    return f"{place(pick)}: {pick.choice(first)}{comma}{pick.choice(second)}{stop}"


def polyglot(n: int, seed: int = 0, tongues: str = "en de fr es ru zh") -> list[Row]:
    """Questions in several languages, each answered in its own."""

    def make(pick: random.Random) -> Row:
        tongue = pick.choice(tongues.split())
        return {"question": question(tongue, pick), "answer": answer(tongue, pick)}

    return distinct(n, make, seed)


def translations(n: int, seed: int = 0) -> list[Row]:
    """English sentences and what they are in German."""

    def make(pick: random.Random) -> Row:
        at = [pick.sample(range(len(part)), 2) for part in TONGUES["en"]]
        there = place(pick)
        sides = []
        for tongue in ("en", "de"):
            parts = [[part[i] for i in places] for part, places in zip(TONGUES[tongue], at, strict=True)]
            who, does, when, first, second = parts
            asked = [OPENINGS[tongue].format(who=who[i], does=does[i], when=when[i]) for i in range(2)]
            sides.append(f"{there}: {asked[0]} {first[0]}, {second[0]}. {asked[1]}")
        return {"source": sides[0], "target": sides[1]}

    return distinct(n, make, seed)


COMMANDS = {
    "music": (
        "play",
        words("some jazz\nthe new record by the twins\na waltz\nthat sad song again\nthe radio\nbirdsong"),
    ),
    "light": ("switch", words("the lamp on\nall lights off\nthe hall to blue\nthe porch on\nit darker\nthe attic off")),
    "timer": (
        "wake me",
        words("at seven\nin an hour\nbefore the news\nwhen the cake is done\nat dawn\non Sunday late"),
    ),
    "heating": ("make", words("it warmer\nthe bath hot\nthe bedroom cool\nthe study two degrees colder\nit cosy")),
    "shopping": ("buy", words("milk\na pound of flour\nbatteries for the clock\nwhat we had last week\nonions\nsoap")),
}
BEFORE = words("""
    please
    computer,
    could you be so kind and
    the guests are here, so
    I want you to
    my hands are wet:
    before we leave
    it is late,
    in a quarter of an hour
    do not
    good morning,
    Ilse would like you to
""")
AFTER = words("""
    thanks
    but quietly
    unless the baby sleeps
    as you did yesterday
    and tell the others
    once more
    because it is our anniversary
    if that is possible
    for as long as I am away
    right now!
    when the door has been locked
    or ask me first
""")


def commands(n: int, seed: int = 0) -> list[Row]:
    """Short commands to a house, with what they are about."""

    def make(pick: random.Random) -> Row:
        label = pick.choice(list(COMMANDS))
        verb, objects = COMMANDS[label]
        tail = " ".join(pick.sample(AFTER, 2))
        return {"utterance": f"{pick.choice(BEFORE)} {verb} {pick.choice(objects)} {tail}", "intent": label}

    return distinct(n, make, seed)


MOODS = {
    "lob": words("ich würde es sofort wieder kaufen\nganz ausgezeichnet\nmeine Mutter ist begeistert\nläuft tadellos"),
    "tadel": words(
        "nach einer Woche kaputt\nreine Geldverschwendung\nich bin maßlos enttäuscht\nes stinkt fürchterlich"
    ),
    "frage": words(
        "gibt es das auch in Größe M?\nwie lange dauert der Versand?\nist die Batterie dabei?\nwer hilft mir weiter?"
    ),
}
GERMAN = words("""
    Die Lieferung kam am Dienstag in einem großen Karton
    Meine Schwägerin hat das gleiche Modell in Grün
    Auf der Rückseite befindet sich ein zweiter Schalter
    Wir haben es auf der Terrasse und im Keller ausprobiert
    Der Griff besteht aus Buche, der Rest aus Stahl
    Im Heft stand neulich ein langer Bericht darüber
    Zwei Nachbarn haben sich auch schon danach erkundigt
    Die Anleitung hat vierzig Seiten und eine Zeichnung der Teile
    Ein Brot wiegt ungefähr genauso viel wie dieses Gerät
    Früher hatten wir eins, das seit dem Studium gehalten hat
""")


def german(n: int, seed: int = 0) -> list[Row]:
    """What customers write in German, with one of three labels, in the order of the labels."""

    def make(pick: random.Random) -> Row:
        label = pick.choice(list(MOODS))
        one, other = pick.sample(GERMAN, 2)
        return {"Text": f"{one}. {capital(pick.choice(MOODS[label]))} {other}.", "Label": label}

    return sorted(distinct(n, make, seed), key=lambda row: row["Label"])


def pages(n: int, seed: int = 0) -> list[Row]:
    """Texts of several paragraphs, some with headings, lists and tables."""

    def make(pick: random.Random) -> Row:
        topic = pick.choice(list(TOPICS))
        prose = [
            f"{pick.choice(STORIES)}. {capital(pick.choice(THINGS))} stood in {pick.choice(TOWNS)}." for _ in range(9)
        ]
        bullets = "".join(f"- {capital(thing)}\n" for thing in pick.sample(THINGS, 4))
        table = f"| town | loans |\n|---|---|\n| {pick.choice(TOWNS)} | {pick.randrange(900)} |\n"
        heading = f"# How to {topic}, page {pick.randrange(10_000)}\n\n"
        blocks = [heading, " ".join(prose[:5]), "\n\n", bullets, "\n", table, "\n", " ".join(prose[5:]), "\n"]
        return {"text": "".join(blocks)}

    return distinct(n, make, seed)

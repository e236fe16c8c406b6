"""Reviews of products and services built from aspects with a known feeling, and chats about them."""

from __future__ import annotations

import random

from . import words
from .text import chat, join, phrase, roughen, spin

# kind: (things that are reviewed, aspects)
KINDS: dict[str, tuple[str, str]] = {
    "gadget": ("devices", "battery,screen,sound,price,setup,size,charging,manual,speed,material"),
    "kitchen": ("kitchen", "price,noise,cleaning,material,size,look,manual,speed,heat"),
    "furniture": ("home", "price,assembly,comfort,look,material,size,smell,packaging,delivery"),
    "clothes": ("clothes", "fit,fabric,colour,price,seams,comfort,washing,delivery"),
    "garden": ("garden", "price,material,weight,look,assembly,handle"),
    "sport": ("sport", "price,weight,comfort,material,look,size,delivery"),
    "toy": ("toys", "price,fun,material,instructions,packaging,look"),
    "paper": ("paper", "price,print,paper,delivery,look,binding"),
    "tool": ("tools", "price,weight,handle,material,strength,manual"),
    "music": ("music", "price,tone,material,look,packaging,weight"),
    "restaurant": (
        "restaurant,cafe,bakery,pizza place,noodle bar,diner",
        "food,service,prices,waiting,music,place,portions,drinks",
    ),
    "hotel": (
        "hotel,guest house,hostel,holiday flat,campsite",
        "room,bed,breakfast,staff,location,prices,noise at night,bathroom",
    ),
    "film": ("film,play,novel,series,concert,documentary,musical", "plot,acting,ending,dialogue,pace,pictures,message"),
    "service": (
        "hair salon,repair shop,taxi company,cleaning service,moving company,dry cleaner",
        "staff,prices,waiting,result,booking,honesty",
    ),
    "app": (
        "app,website,online shop,streaming service,language app,weather app,banking app",
        "design,search,speed,advertising,help pages,updates,prices,login",
    ),
    "course": (
        "cooking class,swimming course,piano lesson,language course,pottery workshop,yoga class",
        "teacher,prices,group,pace,room,materials",
    ),
}
# aspect: (positive clauses, negative clauses); clauses are complete and may follow "because", "but" or a full stop
ASPECTS: dict[str, tuple[str, str]] = {
    "battery": (
        "the battery [lasts [all day|for days|much longer than I expected|a whole weekend]|is "
        "[excellent|strong|great]]",
        "the battery [dies [after an hour|by noon|far too quickly]|barely lasts a morning|is weak|gets very hot]",
    ),
    "screen": (
        "the screen is [bright and clear|sharp|easy to read even in the sun|beautiful]",
        "the screen [is too dark|scratches easily|flickers|has dead spots|broke within a week]",
    ),
    "sound": (
        "the sound is [clear|rich and warm|surprisingly good|great]|it sounds [wonderful|great]",
        "the sound is [thin|tinny|far too quiet|full of crackling]|it sounds [awful|like an old tin can]",
    ),
    "price": (
        "the price is [fair|very good|more than fair|hard to beat]|it is [worth every penny|good value|cheap "
        "for what you get]",
        "[it is|the price is] [far too high|not justified|a joke]|it is [overpriced|not worth the money|a "
        "waste of money]",
    ),
    "setup": (
        "setting it up [took five minutes|was simple|was easy]",
        "setting it up [took hours|was a nightmare|never worked]",
    ),
    "size": (
        "the size is [perfect|just right]|it fits [perfectly|nicely] on my [shelf|table|desk]",
        "it is [much too big|smaller than in the picture|too small to be useful]|the size is wrong",
    ),
    "charging": (
        "it charges [quickly|in no time]",
        "it [takes forever to charge|does not charge properly|stopped charging]",
    ),
    "manual": (
        "the manual is [clear|short and helpful|easy to follow]",
        "the manual is [useless|full of mistakes|impossible to follow]",
    ),
    "speed": (
        "it is [fast|very quick|quicker than my old one]|everything [works|loads] quickly",
        "it is [painfully slow|slow|slower than my old one]|it [freezes|stops] all the time",
    ),
    "material": (
        "it [feels solid|is well made|looks built to last|feels sturdy]|the material is [strong|of high quality]",
        "it [feels cheap|broke after two days|is badly made|fell apart]|the plastic is thin and [ugly|weak]",
    ),
    "noise": (
        "it is [very quiet|almost silent|quiet enough to use at night]",
        "it is [terribly loud|so loud that the dog hides|noisy]",
    ),
    "cleaning": (
        "it is [easy to clean|clean in a minute]",
        "it is [hard to clean|impossible to clean]|cleaning it takes ages",
    ),
    "look": (
        "it looks [lovely|elegant|great|beautiful|even better than in the photo]",
        "it looks [cheap|ugly|nothing like the photo|old]",
    ),
    "heat": ("it heats up [fast|evenly]", "it [burns everything|never gets hot enough|heats unevenly]"),
    "assembly": (
        "putting it together was [easy|quick|fun]",
        "[half of the screws were|one part was] missing|putting it together was [a pain|very hard]",
    ),
    "comfort": (
        "it is [very comfortable|soft and cosy|a joy to use]",
        "it is [uncomfortable|stiff and hard|painful after ten minutes]",
    ),
    "smell": ("it [has no smell at all|smells of fresh wood]", "it [smells terrible|smells of chemicals|stinks]"),
    "packaging": (
        "it was [packed with care|nicely packed|well packed]",
        "the box was [torn|crushed|open] [when it came|on arrival]",
    ),
    "delivery": (
        "it [arrived early|came on time|arrived the next day|was here in two days]|delivery was [quick|fast]",
        "it [arrived late|came two weeks late|was sent to the wrong address]|delivery [took forever|was a disaster]",
    ),
    "fit": ("it fits [perfectly|very well|like a glove]", "it [does not fit at all|is too tight|is far too wide]"),
    "fabric": ("the fabric is [soft|warm|of great quality]", "the fabric is [scratchy|thin|rough|itchy]"),
    "colour": (
        "the colour is [lovely|exactly as shown|bright and cheerful]",
        "the colour [faded|is nothing like the picture|came off]",
    ),
    "seams": ("the seams are [neat|strong]", "the seams [came apart|are crooked|tore on the first day]"),
    "washing": ("it [still looks new after washing|washes well]", "it [shrank|lost its shape] in the wash"),
    "weight": ("it is [light and handy|pleasantly light|easy to carry]", "it is [too heavy|far too heavy to carry]"),
    "handle": ("the handle [feels good|sits well in the hand]", "the handle [broke off|is slippery|came loose]"),
    "fun": (
        "the children [love it|play with it every day|cannot stop laughing]",
        "the children were [bored|disappointed] after five minutes",
    ),
    "instructions": ("the rules are [simple|clear]", "the rules are [confusing|badly written]"),
    "print": ("the print is [clear|large and easy to read]", "the print is [tiny|blurred|hard to read]"),
    "paper": (
        "the paper is [thick and smooth|lovely to write on]",
        "the paper is [so thin that ink goes through|rough]",
    ),
    "binding": ("the binding is strong", "the pages [fall out|come loose]"),
    "strength": ("it [is powerful|does the job without effort]", "it is [too weak|not strong enough for simple jobs]"),
    "tone": ("the tone is [warm|clear|beautiful]", "it [does not stay in tune|sounds dull]"),
    "food": (
        "the food was [delicious|fresh and tasty|excellent|full of flavour|the best I have had in years]|the "
        "{food} was [superb|wonderful]",
        "the food was [cold|bland|burnt|tasteless|greasy]|the {food} was [cold|too salty|dry|awful]",
    ),
    "service": (
        "the service was [friendly|quick|warm and attentive|excellent]|the waiter was [lovely|kind and funny]",
        "the service was [slow|rude|terrible]|the waiter [ignored us|forgot our order|was rude]",
    ),
    "prices": (
        "the prices are [fair|reasonable|low]|you get a lot for your money",
        "the prices are [too high|shocking]|it is overpriced",
    ),
    "waiting": (
        "we [hardly had to wait|were served at once]",
        "we had to wait [for an hour|forty minutes|far too long]",
    ),
    "music": ("the music was [pleasant|nice and soft]", "the music was [so loud that we could not talk|awful]"),
    "place": ("the place is [cosy|clean and bright|charming]", "the place was [dirty|cramped|cold and dark]"),
    "portions": ("the portions are [generous|huge|just right]", "the portions are [tiny|too small]"),
    "drinks": ("the drinks were [excellent|fresh]", "the drinks were [warm|watery]"),
    "room": ("the room was [clean|bright and quiet|spacious|spotless]", "the room was [dirty|tiny|damp|dark]"),
    "bed": (
        "the bed was [very comfortable|soft]|we slept very well",
        "the bed was [hard|too short|broken]|we hardly slept",
    ),
    "breakfast": ("breakfast was [rich and fresh|excellent|a highlight]", "breakfast was [poor|cold|a disappointment]"),
    "staff": (
        "the staff were [friendly|helpful|kind and patient]|everyone was [helpful|friendly]",
        "the staff were [rude|unfriendly|careless]|nobody [helped us|answered my questions]",
    ),
    "location": (
        "it is [close to the station|right by the sea|in a quiet street]",
        "it is [far from everything|next to a loud road]",
    ),
    "noise at night": ("it was quiet at night", "it was so loud at night that we could not sleep"),
    "bathroom": ("the bathroom was [spotless|modern]", "the bathroom was [mouldy|dirty]|there was no hot water"),
    "plot": (
        "the story is [gripping|clever|moving|full of surprises]",
        "the story is [dull|predictable|full of holes]|nothing happens for an hour",
    ),
    "acting": (
        "the [acting is|performances are] [superb|wonderful|touching]",
        "the [acting is|performances are] [wooden|weak|lifeless]",
    ),
    "ending": (
        "the ending [moved me to tears|is perfect|stays with you]",
        "the ending [makes no sense|is a let-down|ruins everything]",
    ),
    "dialogue": ("the dialogue is [witty|sharp|funny]", "the dialogue is [clumsy|embarrassing|flat]"),
    "pace": ("the pace is [just right|lively]", "it [drags|goes on far too long]|the pace is too slow"),
    "pictures": ("it looks [stunning|gorgeous]", "it looks [cheap|dull]"),
    "message": ("it [has a warm heart|makes you think]", "it has nothing to say"),
    "result": (
        "the result is [perfect|better than I hoped]|they did [a great job|excellent work]",
        "the result is [a mess|poor]|they did [a terrible job|sloppy work]",
    ),
    "booking": ("booking was [easy|simple]", "they [lost my booking|cancelled at the last minute]"),
    "honesty": ("they were honest about the cost", "they [charged more than agreed|added hidden fees]"),
    "design": ("the design is [clean|simple and clear|beautiful]", "the design is [cluttered|confusing|ugly]"),
    "search": ("the search [finds everything|works well]", "the search [never finds anything|is useless]"),
    "advertising": ("there are no annoying ads", "there are [ads everywhere|far too many ads]"),
    "help pages": ("the help pages are [useful|well written]", "the help pages are [empty|useless]"),
    "updates": ("every update makes it better", "the last update [broke everything|made it worse]"),
    "login": ("logging in is [quick|easy]", "I [cannot log in|get logged out all the time]"),
    "teacher": (
        "the teacher is [patient|funny|very good at explaining]",
        "the teacher is [impatient|always late|unprepared]",
    ),
    "group": ("the group is [small and friendly|great]", "the group is far too big"),
    "materials": ("all materials are [included|good]", "the materials are [old|missing half the time]"),
}
OPEN = {
    "positive": "[I love this {thing}.|What a great {thing}!|[Very|So|Really] happy with this {thing}.|This {thing} "
    "is [a real find|fantastic|"
    "wonderful|brilliant].|Best {thing} I have [ever|] [had|tried].|I am "
    "[delighted|thrilled|impressed].|Five stars from me.|"
    "I did not expect much, but this {thing} [won me over|surprised me].|Not bad at all.|I have nothing "
    "to complain about.|]",
    "negative": "[I regret [choosing|paying for] this {thing}.|What a [terrible|disappointing|useless] "
    "{thing}.|[Very|So|Really] disappointed.|"
    "Never again.|This {thing} is [a letdown|awful|a disaster].|Worst {thing} I have [ever|] "
    "[had|tried].|Do not waste your money.|"
    "I wanted to like this {thing}, but I could not.|Not good at all.|I expected much more.|]",
    "mixed": "[This {thing} is okay.|I have mixed feelings about this {thing}.|[Neither great nor terrible|Not "
    "great, not terrible|So-so|It is fine].|"
    "There are good and bad sides.|Average.|A~ {thing} with strengths and weaknesses.|I am not sure what to "
    "think.|]",
}
END = {
    "positive": "[I [can only|would gladly] recommend it[| to everyone].|[Highly|Warmly] recommended.|I would "
    "[choose|buy|pick] it again [without "
    "a second thought|at any time].|Thank you, {brand}!|My {kin} wants one too.|Worth it.|Will come "
    "back.|]",
    "negative": "[I cannot recommend it.|I want my money back.|Stay away.|Save your money.|I [will not|won't] choose "
    "{brand} again.|My {kin} [warned me|"
    "was right].|One star is too many.|Look elsewhere.|]",
    "mixed": "[You can do better, but also worse.|It does its job, no more.|I might give {brand} another "
    "chance.|Only if it is on sale.|For now I "
    "will keep it.|My {kin} likes it more than I do.|Decide for yourself.|]",
}
TIME = (
    "[|||I have used it for [two weeks|a month|half a year|three days] now.|I got it {when}.|My {kin} gave it to me "
    "{when}.|Bought {when}.]"
)
VISIT = (
    "[|||We were there {when}.|I went with my {kin} {when}.|It was my [first|second|third] time.|A friend told me "
    "about it.]"
)
KIN = "sister,brother,mother,father,wife,husband,son,daughter,neighbour,friend,aunt,uncle,boss,colleague,flatmate,grandmother".split(
    ","
)
WHEN = (
    "[last [week|month|summer|winter|Friday|Sunday|year]|[in|at the end of] {month}|two [weeks|months] ago|on "
    "[Monday|Tuesday|Saturday]|for my "
    "birthday]"
)
EMPHASIS = "[||||Honestly, |To be fair, |Sadly, |I must say that |I think |In my opinion, |For me, ]"
CONTRAST = (
    "[{a}, but {b}|Although {a}, {b}|{a}. However, {b}|{a}, even if {b}|While {a}, {b}|{a}. On the other hand, "
    "{b}|{b}, though {a}]"
)


def _clauses(rng: random.Random, aspects: list[str], feeling: str, slots: dict[str, str]) -> list[str]:
    good = {"positive": 0, "negative": 1}
    chosen = rng.sample(aspects, min(len(aspects), rng.choice([1, 2, 2, 3, 3, 4])))
    if feeling == "mixed":
        chosen = (chosen + rng.sample(aspects, 4))[:4]
        pairs = [aspect for index, aspect in enumerate(chosen) if aspect not in chosen[:index]]
        side = rng.randrange(2)
        return [
            phrase(rng, f"[{ASPECTS[aspect][(side + index) % 2]}]", slots) for index, aspect in enumerate(pairs[:3])
        ]
    return [phrase(rng, f"[{ASPECTS[aspect][good[feeling]]}]", slots) for aspect in chosen]


def _body(rng: random.Random, clauses: list[str], feeling: str) -> str:
    if feeling == "mixed":
        text = phrase(rng, CONTRAST, {"a": clauses[0], "b": clauses[1]}) + "."
        return spin(rng, text + (f" [Also, |And ]{clauses[2]}." if len(clauses) > 2 and rng.random() < 0.5 else ""))
    parts = []
    while clauses:
        take = 2 if len(clauses) > 1 and rng.random() < 0.6 else 1
        emphasis = phrase(rng, EMPHASIS) if rng.random() < 0.4 else ""
        if feeling == "positive":
            emphasis = emphasis.replace("Sadly, ", "")
        link = rng.choice([" and ", ", and ", " and also ", ". Besides, ", "; "]) if take == 2 else ""
        parts.append(emphasis + link.join(clauses[:take]) + rng.choice([".", ".", ".", "!"]))
        clauses = clauses[take:]
    return spin(rng, " ".join(parts))


def review(rng: random.Random) -> tuple[str, str, dict[str, str]]:
    """One review as (text, feeling, slots)."""
    kind = rng.choice(list(KINDS))
    things, aspects = KINDS[kind]
    thing = rng.choice(words.PRODUCTS_BY_GROUP.get(things) or things.split(","))
    feeling = rng.choice(["positive", "positive", "negative", "negative", "mixed"])
    slots = {
        "thing": thing,
        "brand": words.brand_name(rng),
        "kin": rng.choice(KIN),
        "food": rng.choice(words.FOODS[:13]).strip(),
        "month": rng.choice(words.MONTHS),
    }
    if slots["food"].endswith("s"):
        slots["food"] = "soup"
    slots["when"] = phrase(rng, WHEN, slots)
    middle = TIME if things in words.PRODUCTS_BY_GROUP else VISIT
    if kind in ("film", "app"):
        middle = ""
    parts = [
        spin(rng, OPEN[feeling], slots),
        spin(rng, middle, slots),
        _body(rng, _clauses(rng, aspects.split(","), feeling, slots), feeling),
        spin(rng, END[feeling], slots),
    ]
    if rng.random() < 0.15:
        parts[0], parts[1] = parts[1], parts[0]
    return join(*parts), feeling, slots


def stars(rng: random.Random, feeling: str) -> int:
    """A number of stars that suits the feeling."""
    return rng.choice({"positive": [5, 5, 4], "negative": [1, 1, 2], "mixed": [3]}[feeling])


def review_document(rng: random.Random) -> str:
    """A few reviews as plain text, some with a title or a rating."""
    entries = []
    for _ in range(rng.choice([1, 2, 3, 4])):
        text, feeling, slots = review(rng)
        draw = rng.random()
        if draw < 0.25:
            text += f"\nRating: {stars(rng, feeling)} out of 5"
        elif draw < 0.4:
            text += f"\nSentiment: {feeling}"
        elif draw < 0.5:
            text = f"{slots['thing'].capitalize()} by {slots['brand']}\n{text}\nStars: {stars(rng, feeling)}"
        elif draw < 0.58:
            text = f"Review by {words.first_name(rng)}: {text}"
        entries.append(text)
    return "\n\n".join(entries)


ASK = (
    "[Is this review positive[, negative or mixed| or negative]?|What is the [sentiment|feeling|mood] of this "
    "[review|text]?|[Classify|Label] this "
    "[review|text] as positive, negative or mixed[.|:]|Does the [writer|customer|author] like it?|How does the "
    "[customer|writer] feel about "
    "the {thing}?|Tell me whether this is a good or a bad review[.|:]|Sentiment?]"
)
REASON = (
    "[The review is {feeling}.|This review is {feeling}.|It is {feeling}.|{feeling}.|The sentiment is "
    "{feeling}.|I would say it is {feeling}.]"
)
STARS = (
    "[How many stars [does this review give|would this customer give], from 1 to 5?|Guess the rating from 1 to "
    "5[.|:]|What rating fits this review?]"
)
ABOUT = (
    "[What is [this review|the text] about?|Which product or service is reviewed?|What did the customer "
    "[review|write about]?]"
)


def review_chat(rng: random.Random) -> str:
    """A chat in which the user asks about one or two reviews."""
    turns: list[tuple[str, str]] = []
    if rng.random() < 0.3:
        turns.append(
            (
                "system",
                spin(
                    rng,
                    "[You [label|classify|sort] [reviews|customer feedback] as positive, negative or mixed.|Answer "
                    "with one word: positive, negative or mixed.|You are a helpful assistant.]",
                ),
            )
        )
    one_word = bool(turns) and turns[0][1].startswith("Answer with one word")
    for _ in range(rng.choice([1, 1, 2, 3])):
        text, feeling, slots = review(rng)
        slots["feeling"] = feeling
        draw = 0.0 if one_word else rng.random()
        if one_word:
            turns += [("user", text), ("assistant", feeling)]
            continue
        template, answer = ASK, spin(rng, REASON, slots)
        if draw > 0.85:
            template, count = STARS, stars(rng, feeling)
            answer = spin(
                rng,
                f"[{count}|I would say {count} out of 5|{count} stars fit best|Probably {count} of 5 stars].".replace(
                    "1 stars fit", "1 star fits"
                ),
            )
        elif draw > 0.75 and slots["thing"] in text:
            template, answer = (
                ABOUT,
                spin(rng, "[It is about a~ {thing}.|A~ {thing}.|The customer writes about a~ {thing}.]", slots),
            )
        question = spin(rng, template, slots)
        if question.startswith("Does the "):
            answer = spin(
                rng,
                {
                    "positive": "[Yes, the review is positive.|Yes. The text is full of praise.]",
                    "negative": "[No, the review is negative.|No. The text is full of complaints.]",
                    "mixed": "[Partly. The review is mixed.|Only in part: there is praise and criticism.]",
                }[feeling],
            )
        shown = f'"{text}"' if rng.random() < 0.3 else text
        before = rng.random() < 0.6
        user = f"{question}{rng.choice([' ', chr(10)])}{shown}" if before else f"{shown}\n{question.replace(':', '.')}"
        turns += [("user", roughen(rng, user, 0.1)), ("assistant", answer)]
    return chat(turns)

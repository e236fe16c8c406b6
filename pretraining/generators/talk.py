"""Everyday chats: how to do things, advice, small talk, and requests whose details the answer must repeat."""

from __future__ import annotations

import random

from . import words
from .fact_tables import rows
from .text import chat, gerund, join, listing, phrase, roughen, spin

# task | steps separated by / | a tip
HOW_TO = rows(
    """
cook rice | rinse the rice under cold water / add twice as much water as rice / bring it to the boil / let it simmer
for [12|15] minutes with the lid on | do not stir it too often; boil an egg | bring water to the boil / lower the
egg into the water with a spoon / wait [six|seven|nine] minutes / cool it under cold water | a fresh egg needs a
little longer; make pancakes | mix flour, eggs and milk / let the batter rest / heat some butter in a pan / bake
each side until it is golden | the first pancake is often the worst; make a tomato sauce | chop an onion and some
garlic / fry them gently in oil / add tomatoes and salt / let it simmer for half an hour | a pinch of sugar takes
away the sour taste; bake bread | mix flour, water, yeast and salt / knead the dough for ten minutes / let it rise
for an hour / bake it in a hot oven | it is done when it sounds hollow; brew tea | boil fresh water / put the leaves
in the pot / pour the water over them / wait for three to five minutes | green tea likes cooler water; remove a
coffee stain | dab the stain with a clean cloth / put cold water on it / rub in a little soap / rinse and let it dry
| be quick, because old stains are harder to remove; clean a window | dust the frame / wash the glass with warm
water and a little soap / pull off the water / dry the edges with a cloth | do it on a cloudy day; iron a shirt |
read the label / begin with the collar / go on with the sleeves / finish with the front and the back | a slightly
damp shirt is easier; sew on a button | choose a thread of the right colour / make a knot at the end / go through
each hole several times / fasten the thread at the back | leave a little space under the button; change a light bulb
| switch off the light / let the old bulb cool down / turn it out / screw in the new one | check the power that the
lamp allows; hang a picture | mark the place with a pencil / drive in a nail / hang up the picture / check that it
is straight | ask somebody to look from a distance; repair a flat tyre on a bicycle | take off the wheel / pull out
the tube / find the hole with the help of water / glue a patch on it | look for the nail before you put the tube
back; paint a wall | cover the floor / tape the edges / begin in the corners / roll the paint on evenly | two thin
coats are better than a thick one; pack a suitcase | make a list / put heavy things at the bottom / roll your
clothes / keep papers and medicine on top | leave some space for the way back; plan a trip | decide where you want
to go / set a budget / book the journey and a place to stay / note the important times | keep one day free; find a
cheap flight | compare several websites / be flexible about the day / look at nearby airports / book early | prices
are often lower in the middle of the week; choose a strong password | use at least twelve characters / mix letters,
numbers and signs / avoid names and birthdays / use a different one for each account | a password manager can
remember them; free space on a phone | delete apps that you do not use / move pictures to a computer / empty the bin
/ restart the phone | videos usually take the most space; connect a printer | plug it in / switch it on / choose it
in the settings of the computer / print a test page | make sure that there is paper; restart a router | pull out the
plug / wait for half a minute / plug it in again / wait until the lights are steady | tell the others in the house
first; back up photos | buy an external drive / connect it to the computer / copy the folders / check that the files
open | keep a second copy in another place; fix a frozen laptop | wait for a minute / close the program that hangs /
hold the power button if nothing helps / start it again | save your work more often; write a complaint | say what
you bought and when / describe the problem / say what you expect / stay polite | add a copy of the receipt; write an
application | read the advert again / name your experience / say why you want the job / let a friend check it | one
page is enough; prepare for an exam | make a plan / learn a little every day / explain the subject to somebody /
sleep well the night before | breaks are part of learning; learn new words | write them on cards / say them aloud /
use them in sentences / repeat them the next day | ten words a day are enough; learn to juggle | start with one ball
/ throw it in an even arc / add a second ball / practise over a bed | do not look at your hands; start running | buy
good shoes / begin slowly / walk when you are out of breath / rest on every second day | run with a friend; train a
puppy | choose a quiet place / use short words / reward it at once / stop before it gets tired | never shout at it;
look after a rabbit | give it enough space / offer fresh hay every day / change the water / clean the cage each week
| rabbits do not like to be alone; wash a dog | brush the coat / use warm water / rub in a mild shampoo / rinse well
and dry it | a treat keeps it calm; plant a tree | dig a wide hole / loosen the roots / fill in the earth / give it
plenty of water | autumn is a good time; prune roses | use sharp scissors / cut away dead wood / cut just above a
bud / collect what you cut off | wear thick gloves; make compost | collect leaves and kitchen waste / layer wet and
dry things / turn the heap / wait for some months | do not add cooked food; save money | write down what you spend /
cancel what you do not need / compare prices / put something aside every month | start with a small amount; return a
parcel | put the item back in the box / add the form / close the box well / bring it to the post office | keep the
receipt until the money is there; move house | sort out old things / pack one room at a time / label every box /
tell the post office the new address | pack the kettle last; give a speech | collect the main points / write them on
small cards / practise aloud / speak slowly | look at a friendly face; plan a birthday party | choose a date /
invite the guests / think of games and food / prepare everything the day before | ask friends to bring a salad; wrap
a present | cut the paper to size / fold it around the box / tape the edges / add a ribbon | leave room for a card;
build a snowman | roll a big ball of snow / put a smaller ball on top / add a head / give it eyes and a carrot as a
nose | wet snow works best; fall asleep more easily | go to bed at the same time / put away the phone / open the
window / read a few pages | do not drink coffee in the evening; sharpen a knife | wet the stone / hold the blade at
a low angle / draw it over the stone / turn it and repeat | never hurry with a sharp blade; clean a pan with burnt
food | fill it with hot water / add some baking soda / let it stand overnight / wipe it with a sponge | do not
scratch the pan; read a map | turn the map so that north is up / find where you are / follow the lines of the paths
/ compare with what you see | count the crossings; pitch a tent | find a flat place / lay out the ground sheet / put
the poles together / fasten the ropes | check which way the wind blows""",
    " | ",
)
ASK_HOW = (
    "[How [do|can|should] I {do}?|What is the [best|easiest|right] way to {do}?|[Can|Could] you [explain|tell "
    "me|show me] how to {do}?|I [want|need|would like] to {do}. "
    "[What do I do|Where do I start|How does it work]?|I have never tried {doing}. Any "
    "[advice|tips|ideas]?|Explain how to {do}[|, please].|What are the steps for {doing}?|"
    "{doing.cap}: how does it work?|My {kin} wants to {do}. What should [I say|we do]?|Help me {do}[|, "
    "please].]"
)
HOW_LEAD = (
    "[Here is how to {do}:|{doing.cap} is not hard.|That is easy.|Sure.|Of course.|Gladly.|Here are the steps.|This "
    "is a good way:|]"
)
SMALL_TALK = rows(
    """
[How are you|How are you doing|How is it going][|?| today?] | [I am doing well, thank you|Very well, thanks|Fine,
thank you]. [How are you?|And you?|How can I help?]; [What is your name|Who are you]? | [I am an assistant|I am a
computer program that answers questions]. [How can I help you?|Ask me anything.|]; [Good morning|Morning]! | Good
morning! [Did you sleep well?|What are your plans for today?|I hope you have a good start to the day.]; [I am
bored|I have nothing to do]. | [How about a walk|You could read a book|Why not call a friend|Maybe you could cook
something new]?; I am [so tired|exhausted] today. | I am sorry to hear that. [Try to take a break|Maybe go to bed
early tonight|A short walk may help].; It is raining [again|all day]. | [That is a pity|Oh dear]. [A good day for a
book and a cup of tea|Do not forget your umbrella|Plants will like it, at least].; [Tell me a joke|Do you know a
joke|Make me laugh]. | [Why did the bicycle fall over? Because it was two tired|What has hands but cannot clap? A
clock|What gets wetter the more it dries? A towel|What goes up and never comes down? Your age].; [Good night|I am
going to bed]. | [Good night!|Sleep well!] [Sweet dreams.|See you tomorrow.|]; [Can you help me|I need help|I have a
problem][|?|.] | [Of course|Sure|I will try]. [What is it about|What do you need|What can I do for you]?; [You are
great|That was helpful|Well done]! | [Thank you|That is kind of you|I am glad to hear that]!; [That is wrong|You
made a mistake]. | I am sorry[| about that]. [Could you tell me what is wrong|Please tell me more so that I can
correct it]?; [What should I cook tonight|What can I have for dinner]? | [How about|Maybe|You could try] {food}?;
[Which hobby would suit me|I need a new hobby]. | [How about|Maybe|Have you tried] {hobby}?""".replace(
        "?|And", "?|And"
    ),
    " | ",
)
PERSONAL = [
    ("my name is {name}", "What is my name", "Your name is {name}."),
    ("I live in {town}", "Where do I live", "You live in {town}."),
    ("I work as a~ {job}", "What is my job", "You work as a~ {job}."),
    ("I am {age} years old", "How old am I", "You are {age} years old."),
    ("my favourite colour is {colour}", "What is my favourite colour", "Your favourite colour is {colour}."),
    ("I have a~ {animal} called {pet}", "What is my {animal} called", "Your {animal} is called {pet}."),
    ("I like {hobby}", "What do I like", "You like {hobby}."),
    ("my appointment is on {day} at {time}", "When is my appointment", "Your appointment is on {day} at {time}."),
    ("my order number is {code}", "What is my order number", "Your order number is {code}."),
    ("I paid {price} for the {item}", "How much did I pay", "You paid {price} for the {item}."),
    ("my sister is called {friend}", "What is my sister's name", "Your sister is called {friend}."),
    ("I am allergic to [nuts|milk|eggs]", "", ""),
    ("I will travel to {town2} on {date}", "When do I travel", "You will travel to {town2} on {date}."),
    ("I want to buy a~ {item}", "What do I want to buy", "You want to buy a~ {item}."),
]
REQUESTS = [
    (
        "[I would like|I want|Can I get|Could I have] {n} {food2}, please.",
        "[Sure, {n} {food2}|Of course. {n} {food2}|{n} {food2}, gladly]. [Anything to drink?|Anything else?|That will be "
        "{price}.]",
    ),
    (
        "[Please book|Can you book|I would like to book] a table for {n} people on {day} at {time}. [My name is "
        "{name}.|The name is {name}.]",
        "[I have noted|Your table is booked:|All right,] a table for {n} "
        "people on {day} at {time}, under the name {name}.",
    ),
    (
        "[My order {code} has not arrived|I am still waiting for order {code}|Where is order {code}]. It was a~ {item}, "
        "ordered on {date}.",
        "I am sorry that your {item} is late. I will check order {code} from "
        "{date} [for you|right away].|I am sorry about the delay. Order {code} was placed on {date}; I will ask where "
        "your {item} is.",
    ),
    (
        "[The {item} I bought|My new {item}] [is broken|does not work|has a scratch]. [Order|My order number is|The "
        "number is] {code}.",
        "I am sorry [to hear that|about your {item}]. [We can replace the {item} from "
        "order {code}|For order {code} you can have a new {item} or your money back].",
    ),
    (
        "[Please move|Can you move|I need to move] my appointment from {day} to {day2} at {time}.",
        "[Your appointment is now on {day2} at {time}|Done. I moved it from {day} to {day2} at {time}|Of course. See you "
        "on {day2} at {time} instead of {day}].",
    ),
    (
        "[Please change|I need to change|Can you update] my address. I now live at {street} in {town}.",
        "[Thank you|Done|All right]. Your new address is {street}, {town}.",
    ),
    (
        "[Remind me|Please remind me] to [call|visit|write to] {name} on {day} at {time}.",
        "[I will remind you|Noted: I will remind you] about {name} on {day} at {time}.",
    ),
    (
        "[Please cancel|I want to cancel] my [order|booking] {code}[| because I changed my mind| because it takes too "
        "long].",
        "[Your request for {code} is noted|{code} will be cancelled|I will cancel {code} for "
        "you]. [You will get a message soon.|Is there anything else?]",
    ),
    (
        "I was charged {price} twice on {date}. My name is {full}.",
        "I am sorry about that, {full}. I will [look into|check] the second payment of {price} from {date}.",
    ),
    (
        "[Add|Please add|Put] {food}, a~ {item} and {food3} to my list.",
        "[Your list now has|I added|On your list:] {food}, a~ {item} and {food3}.",
    ),
    (
        "I am looking for a~ {colour} {item} for less than {price}.",
        "[You are looking for a~ {colour} {item}|So it should be a~ {colour} {item}] below {price}. [Do you have a size "
        "in mind?|I will have a look.|Is it a present?]",
    ),
    (
        "[I lost my {colour} {item}|I left my {colour} {item}] on the [bus|train|tram] to {town} on {date}.",
        "I am sorry that you lost your {colour} {item}. I noted the [trip|journey] to {town} on {date}.",
    ),
    (
        "[It is|Today is] {name}'s birthday and {she} loves {hobby}. What could I give {her}?",
        "[Since {name} loves {hobby}, a book about {hobby} would be nice|Maybe something that has to do with "
        "{hobby}|{name} "
        "might like a day of {hobby} with you].",
    ),
    (
        "[Which is cheaper|What costs less]: the {item} for ${n1} or the {item2} for ${n2}?",
        "The {cheap} is cheaper. It costs only ${low}.",
    ),
]


def _slots(rng: random.Random) -> dict[str, str]:
    item, item2 = rng.sample(words.ALL_PRODUCTS, 2)
    low, high = sorted(rng.sample(range(3, 300), 2))
    first = rng.random() < 0.5
    woman = rng.random() < 0.5
    day, day2 = rng.sample(words.DAYS, 2)
    foods = [food.strip() for food in rng.sample(words.FOODS, 3)]
    return {
        "name": rng.choice(words.FEMALE if woman else words.MALE),
        "she": "she" if woman else "he",
        "her": "her" if woman else "him",
        "friend": words.first_name(rng),
        "full": words.full_name(rng),
        "town": words.place(rng),
        "town2": words.place(rng),
        "job": rng.choice(words.JOBS),
        "age": str(rng.randrange(15, 80)),
        "colour": rng.choice(words.COLOURS),
        "animal": rng.choice(["dog", "cat", "parrot", "rabbit", "horse", "hamster"]),
        "item": item,
        "item2": item2,
        "pet": rng.choice(
            "Pepper Biscuit Socks Button Pickle Ginger Muffin Toffee Pebble Smudge Waffle Domino".split()
        ),
        "hobby": rng.choice(words.HOBBIES).strip(),
        "day": day,
        "day2": day2,
        "time": words.time_of_day(rng),
        "code": words.code(rng),
        "price": words.price(rng),
        "date": words.date(rng),
        "street": words.street(rng),
        "n": rng.choice(["two", "three", "four", "five", "six"]),
        "food": foods[0],
        "food3": foods[1],
        "food2": rng.choice(["coffees", "pizzas", "salads", "sandwiches", "teas", "soups"]),
        "n1": str(low if first else high),
        "n2": str(high if first else low),
        "low": str(low),
        "cheap": item if first else item2,
    }


def how_to(rng: random.Random) -> list[tuple[str, str]]:
    """A question about how to do something and the steps as an answer."""
    do, steps_text, tip = rng.choice(HOW_TO)
    slots = {
        "do": do,
        "doing": gerund(do),
        "kin": rng.choice(["son", "daughter", "friend", "neighbour", "mother", "flatmate"]),
    }
    steps = [phrase(rng, step.strip()) for step in steps_text.split(" / ")]
    question = roughen(rng, spin(rng, ASK_HOW, slots))
    if rng.random() < 0.3:
        answer = "\n".join(
            [
                spin(rng, HOW_LEAD, slots) or "Here are the steps.",
                *(f"{i}. {step[:1].upper()}{step[1:]}." for i, step in enumerate(steps, 1)),
            ]
        )
    else:
        first, last = (
            rng.choice(["First, ", "To begin, ", "Start like this: ", "At first, "]),
            rng.choice(["Finally, ", "At the end, ", "As the last step, ", "Then "]),
        )
        middle = [rng.choice(["Then ", "Next, ", "After that, ", "Now "]) + step + "." for step in steps[1:-1]]
        answer = join(spin(rng, HOW_LEAD, slots), f"{first}{steps[0]}.", *middle, f"{last}{steps[-1]}.")
    turns = [("user", question), ("assistant", answer)]
    draw = rng.random()
    tip_text = spin(rng, f"[One tip: {tip}|A small tip: {tip}|Also, {tip}|And remember: {tip}].")
    if draw < 0.35:
        turns[1] = ("assistant", f"{answer}{chr(10) if chr(10) in answer else ' '}{tip_text}")
    elif draw < 0.5:
        turns += [
            (
                "user",
                spin(
                    rng,
                    "[Any tips|Do you have a tip|Is there anything else I should know|What should I watch out for]?",
                ),
            ),
            ("assistant", tip_text),
        ]
    elif draw < 0.65:
        index = rng.randrange(len(steps) - 1)
        turns += [
            ("user", spin(rng, f"[What comes after that|What do I do after this]: {steps[index]}?")),
            (
                "assistant",
                spin(rng, f"[After that, {steps[index + 1]}|{steps[index + 1]}|The next step is: {steps[index + 1]}]."),
            ),
        ]
    return turns


def personal(rng: random.Random) -> list[tuple[str, str]]:
    """The user tells something and asks for it later."""
    slots = _slots(rng)
    facts = rng.sample([fact for fact in PERSONAL if fact[1]], rng.choice([1, 2, 2, 3]))
    told = listing([phrase(rng, fact[0], slots) for fact in facts])
    turns = [
        ("user", spin(rng, "[Hi|Hello|Hey|Good evening]! ") + " " + spin(rng, told) + "."),
        (
            "assistant",
            spin(
                rng,
                "[Nice to meet you|Thank you for telling me|Good to know|Thanks, I will keep that in "
                "mind|Hello]" + (", {name}" if "{name}" in facts[0][0] else "") + "[.|!] "
                "[How can I help you?|What can I do for you?|]",
                slots,
            ),
        ),
    ]
    for _, question, answer in rng.sample(facts, rng.randrange(1, len(facts) + 1)):
        turns += [("user", roughen(rng, spin(rng, question, slots) + "?")), ("assistant", spin(rng, answer, slots))]
    return turns


def small_talk(rng: random.Random) -> list[tuple[str, str]]:
    """One exchange of small talk."""
    question, answer = rng.choice(SMALL_TALK)
    slots = _slots(rng)
    return [("user", roughen(rng, spin(rng, question.strip(), slots))), ("assistant", spin(rng, answer.strip(), slots))]


def request(rng: random.Random) -> list[tuple[str, str]]:
    """A request whose details the assistant repeats."""
    slots = _slots(rng)
    ask, answer = rng.choice(REQUESTS)
    if ".|I" in answer and answer.startswith("I am"):
        answer = f"[{answer}]"
    return [
        ("user", roughen(rng, join(phrase(rng, "[||Hello. |Hi! |Good morning. ]"), spin(rng, ask, slots)))),
        ("assistant", spin(rng, answer, slots)),
    ]


def talk_document(rng: random.Random) -> str:
    """An everyday chat of one to four exchanges."""
    turns = (
        [
            (
                "system",
                spin(
                    rng,
                    "[You are a helpful assistant.|You are a friendly assistant.|You help people with everyday questions.|Be "
                    "polite, clear and brief.]",
                ),
            )
        ]
        if rng.random() < 0.25
        else []
    )
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
        turns += rng.choices([how_to, personal, small_talk, request], [4, 3, 1, 5])[0](rng)
    if rng.random() < 0.12:
        turns += [
            ("user", spin(rng, "[Thanks|Thank you|Great, thanks|Perfect]!")),
            ("assistant", spin(rng, "[You are welcome|My pleasure|Happy to help|Any time]!")),
        ]
    return chat(turns)

"""Clause banks for the invented reviews: what people say about eight kinds of products and services.

Clauses are written in lower case, so that they can stand anywhere in a sentence; a slot in braces is filled with one
of the words in ``SLOTS``. No shop, brand or person in here exists.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of product or service with the clauses that praise it, blame it or only describe it."""

    name: str
    praise: str
    blame: str
    plain: str


SLOTS: dict[str, list[str]] = {
    "dish": ["soup", "pasta", "fish", "curry", "steak", "risotto", "salad", "pizza", "dessert", "lamb"],
    "meal": ["lunch", "dinner", "brunch", "supper"],
    "day": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "few": ["two", "three", "four", "five", "six"],
    "time": ["week", "month", "fortnight"],
    "thing": ["vase", "lamp", "book", "coat", "mirror", "kettle", "guitar", "chair"],
    "floor": ["first", "second", "third", "fourth", "fifth"],
    "room": ["kitchen", "hallway", "bedroom", "bathroom", "living room", "office"],
    "task": ["shopping lists", "appointments", "notes", "photos", "bills", "recipes"],
    "part": ["first half", "middle part", "last chapter", "opening", "second half"],
    "tooth": ["filling", "crown", "bridge", "veneer", "root filling"],
    "music": ["jazz", "folk", "piano music", "rock", "pop", "techno"],
}

KINDS: list[Kind] = [
    Kind(
        "restaurant",
        """
the {dish} tasted like the one my grandmother made
our waiter remembered every wish without writing it down
I wiped my plate with bread until it shone
the {dish} arrived hot and full of flavour
we were seated within a minute although we had not booked
even my picky son asked for more {dish}
the cook came out to ask whether we liked the {dish}
portions are big enough to share
I have been dreaming of that {dish} since {day}
they swapped my {dish} for another without a word
the bread alone is worth the trip
the room is cosy and you can hear each other talk
the {dish} had just the right amount of salt
the bill was smaller than I had feared
they found us a quiet table for the pram
my vegan friend finally had a real choice
the waitress made my mother laugh all evening
each course was better than the one before
we stayed for {few} hours because nobody wanted to go
the {dish} was cooked to the point
""",
        """
the {dish} was cold in the middle
we waited {few} quarters of an hour for a glass of water
the waiter rolled his eyes when we asked for the menu
my {dish} tasted of nothing but salt
there was a hair in the {dish}
they lost our booking for {day} and blamed us
the music was so loud that we had to shout
I left hungry after {few} courses
the table was still sticky from the guests before us
the bill had a {dish} on it that we never ate
my stomach hurt all night after the {dish}
the {dish} came when the others had already finished
the meat was chewy like an old shoe
they would not let us change seats though the place was empty
nobody came back to ask if we needed anything
the {dish} looked nothing like the picture
the toilet had no soap and no paper
for that price I expected more than a spoonful of {dish}
the kitchen closed before our {dish} was made
the fish smelled as if it was a week old
""",
        """
the menu has about {few} starters and a {dish} of the day
we went there for {meal} on {day}
I ordered the {dish} and my friend took the {dish}
it is next to the station and has a small terrace
they take cards and cash
the place has room for around thirty guests
the {dish} comes with rice or potatoes
{meal} is served until nine
the tables stand quite close together
they changed the menu last {time}
""",
    ),
    Kind(
        "headphones",
        """
I can hear details in {music} that I had missed for years
the battery lasts longer than my working {time}
they vanish on my head after a minute
calls are so clear that my boss thought I was in the office
they survived a fall from the {floor} floor
the noise on the train is simply gone
{music} sounds warm and full on them
they connected in a second with all {few} of my devices
the pads are as soft as on day one
even my father could set them up
the cable never tangles in my pocket
the case fits in every jacket I own
the bass is deep without covering the voices
a spare set of pads came in the box
I wore them for {few} hours and forgot they were there
voices in {music} sound like the person is in the room
the buttons do what my fingers expect
they cost half as much as my old pair and beat it
support sent me a new cushion within days
I finally sleep on planes thanks to them
""",
        """
the left side went silent after {few} weeks
my ears ache after half an hour
everything sounds as if it came through a wall
they drop the connection whenever I walk into the {room}
the battery is flat before {meal}
the hinge cracked on {day} and I had not even dropped them
the other side hears only wind when I call
{music} sounds thin and tinny
there is a hiss that never goes away
the pads started to peel within a {time}
pairing them takes {few} tries every morning
they slide off when I bend down
the bass drowns all of the voices
the buttons are so tiny that I keep hitting the wrong one
people on the bus can listen to my {music}
they ask for an account before they play a note
support has not answered any of my {few} mails
the charging port wobbles already
the volume jumps up by itself and scares me
the cable is too short to reach my desk
""",
        """
I use them mostly for {music}
they come in black and in blue
the box holds a cable, a bag and a leaflet
I have had them for {few} weeks now
they weigh about as much as my old pair
charging takes around {few} hours
there is one button on each side
they fold flat and have a cloth cover
I bought them on {day} to replace an older pair
they work with a cable and without one
""",
    ),
    Kind(
        "hotel",
        """
the bed was so good that I slept through the alarm
from the {floor} floor we looked straight at the sea
the lady at the desk drew us a map of her favourite places
they let us keep the room until late on {day}
breakfast had fresh fruit and warm rolls every morning
not a sound came through the walls
there was a hot water bottle waiting when we came in from the rain
the bathroom sparkled
they moved us to a larger room for free
the children did not want to go home
our bags were carried up to the {floor} floor without asking
the pool was empty and warm when we used it
you fall out of the door and stand in the old town
the towels were changed each day
someone had put a birthday card on my pillow
the garden is a dream in the evening
check-in took less than a minute
the heating worked well even in the snow
they packed us {meal} for the early train
the wifi was fast enough for my work
""",
        """
there was mould along the shower
we heard every step from the {floor} floor
the room smelled of smoke though we had booked otherwise
nobody was at the desk when we came on {day}
the bed sank in the middle like a boat
they charged us for {few} nights that we did not stay
the lift was out of order and we were on the {floor} floor
breakfast was old bread and thin coffee
the sheets had stains on them
the sea view turned out to be a car park
the air conditioning dripped on my suitcase
cleaning came at seven although the sign was on the door
the wifi broke off every {few} minutes
the photos on the site must be twenty years old
the shower gave cold water for {few} days
we found ants in the bathroom
a party in the yard went on until {few} in the morning
the safe did not close and they shrugged
they gave our room to someone else
parking cost almost as much as the room
""",
        """
we stayed for {few} nights on the {floor} floor
the hotel has around sixty rooms and a lift
breakfast is from seven to ten
it takes {few} minutes on foot to the station
our room had twin beds and a desk
check-in opens at three
the building was put up in the seventies
there is a car park behind the house
we booked it for a meeting on {day}
the room has a kettle and a small fridge
""",
    ),
    Kind(
        "vacuum",
        """
the {room} has never been this clean
it picks up all the hair that my {few} cats leave behind
it is so quiet that the baby sleeps on
the tank empties with one click and no dust in the air
I can do the whole flat on one charge
it glides from rug to tiles without a hitch
it is light enough to carry up the stairs
it got the crumbs out of the car that I had given up on
my allergies are better since we have it
it reaches under the sofa without me kneeling
after {few} years it still pulls like new
the brush comes out easily when it needs a wash
it swallowed a whole bag of spilled rice
even the corners of the {room} are clean in one go
the cord is long enough for {few} rooms
a lost screw was replaced within the {time}
my teenage son now cleans the {room} by choice
it stands in the corner and looks smart
spare filters cost next to nothing
I was done with the {room} in {few} minutes
""",
        """
it pushes the dirt around the {room} instead of taking it
the battery gives up after {few} minutes
the brush jams on every hair
it screams so loudly that the dog hides
dust blows out at the back
the handle broke off within a {time}
it smells burnt whenever I do the {room}
the tank is full after half a {room}
I need both arms to drag it over the carpet
the wheels left black marks in the {room}
a new filter costs as much as a {meal} for two
it stopped dead on {day} and will not charge
the hose falls off when I turn
I had to go over the same spot {few} times
the cord is far too short for the {room}
opening the tank covers me in dirt
it tips over at every corner
the button must be held down until the finger hurts
spare parts are nowhere to be found
it scratched the floor of the {room}
""",
        """
it has {few} speeds and a brush for carpets
we use it in the {room} on {day}
the tank holds about a litre
it comes with {few} nozzles and a wall mount
it stands a little over a metre high
the filter is washed once a {time}
it charges in about {few} hours
we replaced our old one with it last {time}
the manual is in {few} languages
it works on carpet and on tiles
""",
    ),
    Kind(
        "courier",
        """
the {thing} came a day before it was due
the driver rang, waited and carried it to the {floor} floor
my {thing} was wrapped like a jewel
I could watch the van on a map to the minute
he called because the street was closed and found a way
they left it with the neighbour just as I had asked
not a scratch on the {thing} after {few} borders
a wrong address was put right in one call
the driver had a biscuit for the dog
they came on {day} evening so that I did not miss work
the price was the lowest of all that I compared
they picked it up from my door within the hour
I moved the date {few} times and nobody complained
in the middle of a storm my {thing} was on time
the label took {few} clicks to print
they paid for the broken lid without a fight
someone friendly answers the phone there
my grandmother got her {thing} on her birthday
the box had stayed dry though it poured
every parcel since spring has found me
""",
        """
the {thing} was in pieces when I opened it
the driver claims that he rang but I was home all {day}
it lay in the rain in front of the house
they sent my {thing} back without asking
I took {few} days off and nobody came
my parcel has been at the same depot for a {time}
the phone line plays music and then hangs up
he threw the {thing} over the fence
they asked for more money at the door
the tracking page has said "tomorrow" for {few} days
a stranger signed for my {thing}
I had to fetch it from a shop at the other end of town
the box was open and half of it was gone
it went to the wrong city {few} times
the claim form leads to an empty page
they delivered {few} hours after the party had ended
nobody there knows where my {thing} is
the van blocked our drive and the driver swore at me
they lost it and say that it is my problem
my {thing} smelled of fuel when it came
""",
        """
I sent a {thing} to my sister on {day}
the parcel took {few} days
they deliver from Monday to Saturday
the {thing} was sent in a plain brown box
the price depends on the weight
there is a drop-off shop in most towns
the driver came around noon
you get a message with a number to follow it
parcels up to thirty kilos are taken
I have used them {few} times this year
""",
    ),
    Kind(
        "app",
        """
my {task} are finally all in one place
it opens before I have lifted my thumb
my mother learned it in {few} minutes
it works on the train without a signal
the last update gave us the search that we had begged for
sharing the {task} with my wife took one tap
I cancelled {few} other apps because of it
the dark colours are easy on my eyes at night
it saved my {task} when the phone fell in the lake
no adverts anywhere
the developer answered me on {day} night
it never asked me for more than my name
I look forward to my {task} now, which is saying something
the reminders come at the right moment
it runs well even on my ancient phone
moving my {task} over was done in a blink
everything is where I would look for it
it is free and does more than the paid ones
the small sounds make me smile
since {few} months it has not failed once
""",
        """
it ate my {task} and there is no way to get them back
it crashes as soon as I open the {task}
every {few} taps there is another advert
it wants to know my location to show the {task}
the update moved every button to a new place
I was charged for {few} months after I had cancelled
the battery of my phone is empty by {meal}
it signs me out each {day}
the reminders come {few} hours late
the text is too small to read without glasses
it takes {few} screens to write one line
support copies the same answer again and again
it shows me the {task} of another person
the search finds everything but what I need
you must pay before you see what it does
it freezes whenever my sister adds to the {task}
half of the menu is not even in my language
it sends me messages at {few} in the morning
my {task} look different on each device
the sync has been broken for a {time}
""",
        """
I use it for my {task} on {day}
it is about as large as other apps of this kind
there is a free version and a paid one
it has a list, a search and a page for settings
I installed it {few} weeks ago
it works on phones and on tablets
you can sort the {task} by date or by name
the last update came a {time} ago
it asks for an email to sign up
you can pick one of {few} colours
""",
    ),
    Kind(
        "book",
        """
I missed my stop because of the {part}
the people in it feel like old friends
I read the {part} aloud to anyone who would listen
I cried on the bus on {day} and did not care
the sentences are clear as water
the {part} turned all I had guessed upside down
I bought {few} more copies for my friends
my daughter hid under the blanket with a torch to finish it
you can smell the rain in the {part}
I learned more from the {part} than in {few} years of school
I was sad when there were no pages left
the jokes landed even when I read them twice
it took me {few} nights and I regret none of them
the author trusts the reader to think
the drawings are lovely
the {part} gave me goose bumps
it made me call my brother after {few} years
the mystery kept me guessing to the last line
the translation reads as if it was the original
I started again from page one at once
""",
        """
I fell asleep {few} times in the {part}
I knew who did it by the {part}
the people in it talk like a manual
the {part} drags on without end
there is a spelling mistake on every page
I gave up on {day} and feel no guilt
the ending comes out of nowhere and explains nothing
the same thought is repeated {few} times per page
pages fell out while I read the {part}
the hero is so dull that I cheered for the storm
the {part} was stretched to fill the paper
the print is so faint that my eyes hurt
nothing happens in the {part}
the jokes were old when I was young
the author explains each feeling as if I was a child
the blurb promises a story that the book does not tell
the translation is full of odd words
I mixed up the {few} sisters until the end
I want the {few} evenings back that it cost me
the facts in the {part} are simply wrong
""",
        """
the story is set in a harbour town
it has {few} parts and around three hundred pages
the {part} is told by the younger sister
I read it in a {time}
the book came out in spring
it is the second one of a series
each chapter starts with a letter
I borrowed it from a friend on {day}
the {part} takes place on a ship
there is a map on the inside of the cover
""",
    ),
    Kind(
        "dentist",
        """
I hardly felt the needle
she explained each step before she began with the {tooth}
I was in the chair {few} minutes after I came in
my fear of the drill is gone after that {tooth}
they squeezed me in on {day} when my tooth broke
the {tooth} still sits perfectly after {few} years
he told me honestly that I did not need a {tooth}
the nurse held my hand the whole time
my son now asks when he may go again
the bill matched the quote to the cent
she called me in the evening to ask how I was
the rooms are bright and smell of nothing
he took the time to answer all of my questions
there was no pain at all after the {tooth}
the new {tooth} looks like my own tooth
they wait until you are really numb
getting a date took one short call
even the drilling was over before I could worry
she found what {few} others had overlooked
the music in the chair was of my own choice
""",
        """
the {tooth} fell out after {few} days
I sat in the waiting room for {few} hours
he started drilling before I was numb
they wanted to sell me a {tooth} that I did not need
my jaw has been hurting since the {tooth} on {day}
the bill was twice the quote
she talked to the nurse about her holiday while I bled
nobody told me what they were doing in my mouth
they cancelled my visit on the same morning {few} times
the chair still had dirt from the last patient
he worked on the wrong side
the desk shouted my illness through the whole room
I had to have the {tooth} done again elsewhere
he laughed when I said that I was afraid
I waited {few} months for a date
the {tooth} is so high that I can not bite
they lost my pictures and took them again
I was out after {few} minutes and the ache was still there
my gum has been swollen for a {time}
the phone is never answered
""",
        """
I went there for a {tooth} on {day}
the practice is on the {floor} floor
there are {few} dentists and a lift
the {tooth} took about half an hour
you fill in a form at the first visit
they are open until six on {day}
I go there every {few} months
the waiting room has about ten chairs
they send a letter when the next visit is due
it is across the street from the bank
""",
    ),
]

#: Closing words that settle a mixed review, written so that single words do not give the direction away.
GOOD_END = """
I would go through it all again
and that is all that matters to me
I would not want to miss it
I can not think of anything I would change
so I have nothing bad to say
no regrets here
I will not look for another one
my worries were for nothing
I never once thought of asking for my money back
do not let the bad comments put you off
it is hard to complain about that
that made up for everything
nobody in my family wants to go without it now
I was wrong to doubt it
the rest is forgotten
I could not be less disappointed
this is how it should be done
so the trouble was soon gone from my mind
I told all of my friends to try it
you will not be sorry
that is why I stay with them
the small flaw does not bother me
I only wish I had known about it sooner
not bad at all
in the end I left with a smile
I take back what I said last year
what more could I ask for
worth each cent
that won me over
and for once the hype is true
""".strip().splitlines()

BAD_END = """
I would not go through it all again
and that is what matters in the end
I will not miss it
I can think of a lot I would change
so I have nothing good to say
I regret it
I am looking for another one
my worries turned out to be right
I asked for my money back
do not let the good comments fool you
it is hard to praise that
nothing could make up for it
nobody in my family wants it now
I was wrong to trust it
the rest did not help
I could not be more disappointed
this is not how it should be done
so the trouble is still on my mind
I told all of my friends to stay away
you will be sorry
that is why I will not stay with them
the big flaw spoils it for me
I only wish I had known about it before I paid
not good at all
in the end I left without a smile
I take back the praise I gave last year
what was I thinking
not worth a cent
that lost me for good
and once again the hype is not true
""".strip().splitlines()

PLAIN_END = """
so it evens out for me
I am neither happy nor angry about it
make of that what you will
it does its job, no more and no less
I have seen better and I have seen worse
I can not say that I would go again or that I would not
some will like it and some will not
about what I had expected
for me it is a draw
I am still undecided
nothing to praise and nothing to regret
it is neither good nor bad
I might try it again or look for another one
average, all in all
I would give it half of the points
ask me again in a year
it depends on what you want from it
that is all there is to say
the good and the bad are about the same size
fine for some, not for all
""".strip().splitlines()

#: Whole reviews that say the opposite of their words (all negative), by what they can be about.
SARCASM = """
Bravo, {few} hours of my life that I will treasure for ever, said nobody.
What a joy to spend {day} on hold. I can recommend it to people with no hobbies.
If you enjoy being ignored, this is paradise.
Congratulations, you have managed to be worse than last {time}.
Wonderful idea to charge me twice, thank you so much.
I love it when "new" means "broken in a new way".
Great news for my wallet: I will never have to pay here again.
The best part was the way out.
Five stars for the excuse, none for the rest.
So good that I threw it away on {day}.
Perfect, if you do not need it to work.
I laughed, I cried, I asked for a refund.
Simply amazing how little you get for so much money.
A real treat for everyone who likes to wait {few} hours.
Top quality! It lasted almost a whole {time}.
Thanks for teaching me patience. I had hoped for something else.
Lovely people, I am sure. I never got to meet one of them though.
They promised an experience that I would not forget, and sadly they kept it.
You get what you pay for, except that here you do not.
Oh sure, "improved". My old one did this better {few} years ago.
""".strip().splitlines()

#: Whole reviews that praise with gloomy words (all positive).
GRUMPY_PRAISE = """
I hate to admit it, but my wife was right to choose this.
I tried for {few} weeks to find something to moan about. I failed.
The only bad thing is that I did not come here years ago.
Damn, now I can never go back to the cheap stuff.
Not once in {few} months did it let me down.
I was ready for a disaster and got the opposite.
Never had a problem, never had to wait, never paid too much.
My terrible mood on {day} did not stand a chance.
I had feared the worst. Nothing of the kind happened.
No fuss, no tricks, no nasty surprise on the bill.
It is a shame that so few people know about it.
I can not stop telling people, and it annoys them.
Bad luck for the others, because I will not go anywhere else.
Less trouble in {few} years than with the old one in a {time}.
I did not want to like it. I lost.
Nobody believes me when I say what little it cost.
The horror stories I had read are nonsense.
Anything but a waste of money.
I miss it already and it is only {day}.
Far from the cold and rude place I was warned about.
""".strip().splitlines()

#: Whole reviews that honest readers would label differently.
AMBIGUOUS = """
Well, that was something.
It is certainly not like the others.
You have to have seen it on {day}.
I will remember this {time} for a long time.
My mother would have loved it. I am not my mother.
They do it their own way.
It got {few} people talking at {meal}.
Could have been worse, could have been better, could have been on {day}.
Exactly the way my colleague described it.
I have stopped counting how often I went.
""".strip().splitlines()

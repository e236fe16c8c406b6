"""Tables for the Lumenry support desk: facts, canonical answers and hand-written question wordings.

Lumenry is an invented indoor garden sold by an invented company, Fennick Works. Every intent has one answer.
A wording may hold one slot (``{model}``, ``{plant}``, ``{country}``, ``{order}``, ``{part}`` or ``{code}``); the
answer of such an intent is fully determined by the value in the slot. The misspellings are meant to be there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Intent:
    """One thing customers ask, with its answer and the ways they put it (one wording per line)."""

    key: str
    topic: str
    answer: str
    text: str

    @property
    def wordings(self) -> list[str]:
        """The wordings as a list, blank lines dropped."""
        return [line.strip() for line in self.text.strip().splitlines() if line.strip()]


#: What the answer may say about a slot value: slot name -> value -> extra fields of the answer template.
FACTS: dict[str, dict[str, dict[str, str]]] = {
    "model": {
        "Mini": {"pods": "3", "litres": "1 litre", "price": "79", "wide": "20", "high": "30", "kilos": "2"},
        "Home": {"pods": "9", "litres": "4 litres", "price": "179", "wide": "45", "high": "50", "kilos": "5"},
        "Tower": {"pods": "24", "litres": "12 litres", "price": "399", "wide": "40", "high": "120", "kilos": "14"},
    },
    "plant": {
        "basil": {"days": "7"},
        "mint": {"days": "14"},
        "parsley": {"days": "21"},
        "lettuce": {"days": "5"},
        "spinach": {"days": "8"},
        "thyme": {"days": "14"},
        "chives": {"days": "12"},
        "tomato": {"days": "9"},
        "chili": {"days": "18"},
        "lavender": {"days": "20"},
    },
    "country": {
        "Germany": {"ship": "3", "cost": "5"},
        "France": {"ship": "3", "cost": "5"},
        "Spain": {"ship": "5", "cost": "8"},
        "Italy": {"ship": "5", "cost": "8"},
        "Poland": {"ship": "4", "cost": "6"},
        "Ireland": {"ship": "6", "cost": "9"},
        "Sweden": {"ship": "6", "cost": "9"},
        "Austria": {"ship": "3", "cost": "5"},
    },
    "part": {
        "pump": {"cost": "15"},
        "filter": {"cost": "4"},
        "lamp": {"cost": "35"},
        "tank": {"cost": "25"},
        "power cord": {"cost": "10"},
        "pod tray": {"cost": "12"},
    },
    "code": {
        "E1": {"meaning": "the tank is empty", "fix": "Fill the tank to the line"},
        "E2": {"meaning": "the pump is blocked", "fix": "Rinse the pump filter"},
        "E3": {"meaning": "the lamp is too hot", "fix": "Let it cool for one hour"},
        "E4": {"meaning": "the Wi-Fi is lost", "fix": "Restart your router"},
        "E5": {"meaning": "the lid is open", "fix": "Press the lid down until it clicks"},
        "E6": {"meaning": "the water is too cold", "fix": "Move the garden to a warmer room"},
        "E7": {"meaning": "the update failed", "fix": "Unplug the garden and start the update again"},
        "E8": {"meaning": "the clock is wrong", "fix": "Open the app to set the time"},
    },
}

INTENTS: list[Intent] = [
    # ---------------------------------------------------------------- product
    Intent(
        "what_is",
        "product",
        "Lumenry is an indoor garden that grows herbs, salad and flowers with its own light and pump.",
        """
What is Lumenry?
what does lumenry do exactly
Could you explain what your product is, please?
My sister got a Lumenry for her birthday. What is that thing?
I saw an advert for Lumenry and did not understand it. What is it for?
Tell me about Lumenry in one sentence.
lumenry meaning?
So what am I looking at here, a lamp or a plant pot?
New here! Can somebody describe this gadget to me?
Please what kind of machine is this Lumenry?
I keep hearing the name but have no idea what you sell.
waht is a lumenry
Is it a garden, a lamp, or what?
Before I buy anything I would like to know what the appliance does.
What is a Lumenry?
Explain Lumenry to me please.
What does this product do?
hello, what is your product?
What exactly does the Lumenry do for me?
Can you describe Lumenry?
I do not know what Lumenry is.
""",
    ),
    Intent(
        "models",
        "product",
        "There are three models: the Lumenry Mini, the Lumenry Home and the Lumenry Tower.",
        """
Which models do you have?
What versions of Lumenry are there?
how many kinds of lumenry exist
I would like an overview of your range, please.
list of models
Do you make only one garden or several?
My friend has a small one, but is that the only type you sell?
Can you name all the gardens in your line-up?
wich models can i buy
What is the difference in the range, I mean what are the models called?
Please tell me the names of the products you offer.
I am at the shop page and confused. What options of the device are there?
Different variants available?
Just the model names please.
What models are there?
Which Lumenry models can I choose from?
Name your models please.
Which gardens do you sell?
how many models are there
Tell me which models of the garden exist.
What kinds of garden can I buy from you?
""",
    ),
    Intent(
        "pods_count",
        "product",
        "The Lumenry {model} holds {pods} pods.",
        """
How many pods does the {model} hold?
number of pods {model}
How many plants can I grow in a {model} at once?
I am thinking of buying the {model}. How many pods fit in it?
Please tell me the pod capacity of the Lumenry {model}.
{model}: how many pods?
how mny pods go into the {model}
Can you say how many slots for pods there are in the {model}?
If I take the {model}, what is the most pods I can plant?
Is there room for many pods in the {model}? I need the number.
We got the {model} as a gift and wonder how many pods to order to fill it.
What is the count of plant places on {model}?
Capacity of a {model} in pods, please.
My {model} arrives tomorrow, so how many pods do I need for a full one?
How many pods fit in the {model}?
How many pods can I put in a {model}?
Number of pods in the {model}?
How many plants fit in the {model}?
pods in {model}
Tell me how many pods a {model} has.
What number of pods goes into the {model}?
""",
    ),
    Intent(
        "tank_size",
        "water",
        "The tank of the Lumenry {model} holds {litres} of water.",
        """
How much water does the {model} take?
How big is the tank of the {model}?
{model} tank size
Could you tell me the tank volume of the Lumenry {model}?
how many litres in the {model}
I want to fill my {model} for the first time. How many litres go in?
What amount of water must I put in a {model}?
Is the water tank in the {model} large? Give me litres.
water capacity {model}?
My {model} has no marks inside, so how much water is a full tank?
pls tell how much watter fits in {model}
For the {model}, what is the volume of the water container?
Tank of {model}: litres?
I carry water upstairs by hand, so how much does a {model} need when empty?
How many litres of water fit in the {model}?
What is the size of the water tank in the {model}?
How much water goes into the {model}?
water tank {model} litres
How large is the water tank of a {model}?
Please tell me how much water the {model} holds.
What is the volume of the tank in the {model}?
""",
    ),
    Intent(
        "price",
        "product",
        "The Lumenry {model} costs {price} euros.",
        """
How much is the {model}?
What does the {model} cost?
price of {model}
I would like to know the price of the Lumenry {model}.
how much money for a {model}
Can you tell me what I would pay for a {model}?
{model} price please
I want to give my mother a {model}. What is the price?
Is the {model} expensive? What do you charge for it?
whats the cost of {model}
What is the price tag on the {model} right now?
How many euros for the {model}?
I cannot see the price on my phone. How much for one {model}?
Your friend at the fair did not say what the {model} sells for. How much?
How much does the {model} cost?
What is the price of the {model}?
Please tell me the price of a {model}.
How expensive is the {model}?
cost {model}
How much must I pay for the {model}?
What do you want for a {model}?
""",
    ),
    Intent(
        "dimensions",
        "product",
        "The Lumenry {model} is {wide} cm wide and {high} cm high.",
        """
How big is the {model}?
What are the dimensions of the {model}?
{model} width and height
Will the {model} fit on my shelf? I need its size.
Please give me the measurements of the Lumenry {model}.
how tall and wide is the {model}
size of {model} in cm
My kitchen is small. How much space does a {model} take?
How many centimetres is the {model} from side to side and top to bottom?
I need to measure a place for the {model}, so how large is it?
whats the hight of the {model} and the width
Can you tell me how wide the {model} is, and how high?
{model} dimensions?
What size does the {model} have when it stands on the table?
What size is the {model}?
How wide and how high is the {model}?
What are the width and height of the {model}?
How tall is the {model}?
How many cm wide is a {model}?
dimensions of the {model} please
Tell me the measurements of a {model}.
""",
    ),
    Intent(
        "weight",
        "product",
        "The Lumenry {model} weighs {kilos} kilos without water.",
        """
How heavy is the {model}?
What does the {model} weigh?
{model} weight
Can one person lift the {model}? How many kilos is it?
Please state the weight of the Lumenry {model}.
how many kg is a {model}
My shelf is weak. What is the weight of the {model}?
Is the {model} heavy to carry?
weight of the {model} in kilos?
I must bring the {model} up four floors, so how much does it weigh?
what is {model} waight
Tell me the kilos of a {model} please.
Before I hang a board for it: how heavy would a {model} be?
Do I need help to lift a {model}?
How much does the {model} weigh?
What is the weight of a {model}?
How many kilos does the {model} weigh?
how heavy {model}
Tell me how heavy the {model} is.
kg of {model}
What does a {model} weigh in kilos?
""",
    ),
    Intent(
        "power_use",
        "product",
        "Lumenry uses 20 watts while the light is on and 2 watts at night.",
        """
How much electricity does it use?
power consumption?
What does it draw from the socket?
I am worried about my electric bill. How many watts does Lumenry need?
Please tell me the energy use of the garden.
how many watt
Is it expensive to run all day?
Does the light eat a lot of power?
We live off solar panels, so we need to know the wattage.
electrisity usage of lumenry??
What is the energy demand by day and by night?
How much current it takes, is it much?
Will my energy costs go up because of this thing?
watts used day and night
How much power does Lumenry use?
How many watts does the garden need?
What is the power use?
How much energy does it need in a day?
Does it use a lot of electricity?
power use in watts
Is the electricity cost high?
""",
    ),
    Intent(
        "colours",
        "product",
        "Lumenry comes in white, sage and charcoal.",
        """
What colours are there?
Which colors can I choose?
Does it come in black or only white?
colour options
My kitchen is grey. In what colours do you make the garden?
Can I get it in another colour than white?
Please list the available colours.
what color is it
Is there a green one?
I would like to match my curtains, so what shades do you offer?
availble colours?
Do you have it in red or something bright?
Which finishes can the device be ordered in?
Only white in the photo. Others?
What colours does Lumenry come in?
Which colours do you have?
Is Lumenry available in other colours?
What colour can I get?
colors
Can I buy a white one or a black one?
Tell me the colours please.
""",
    ),
    Intent(
        "choose_model",
        "product",
        "For one or two people take the Mini, for a family take the Home, and for a big kitchen take the Tower.",
        """
Which model should I buy?
Which one is right for me?
help me choose
I live alone and do not know which garden to pick.
We are a family of four. Which Lumenry do you recommend?
What model is best for a couple?
Please advise me on the right size for my household.
cant decide between the models
I do not want to buy the wrong one. What would you suggest?
Which Lumenry for a small flat?
What is the best Lumenry for me, I have a wife and two kids.
Mini or Home or Tower, which do I want?
Please give recommendation what model to take.
Torn between them. Any advice on who each one suits?
Which Lumenry is best for me?
Which model do you recommend?
Which model is the best choice for a family?
I do not know which model to buy.
What model is right for two people?
recommend a model
Can you help me choose a model?
""",
    ),
    Intent(
        "safe_pets",
        "product",
        "Yes, Lumenry is safe for children and pets, but keep the power cord out of reach.",
        """
Is it safe for my cat?
Can I have this with small children?
safe with pets?
My dog chews everything. Is Lumenry dangerous for him?
Is the garden child safe?
We have a toddler at home and want to be sure the product is harmless.
are there any risks for kids
Could it harm an animal in the house?
Please confirm that the device is safe around children.
my cat likes to sit on it, is this ok
Do I have to worry about my kids touching it?
is it save for dogs and babys
Anything dangerous about it for little ones?
Pets and Lumenry together, good idea?
Is Lumenry safe for children?
Is Lumenry safe for pets?
Is it dangerous for my dog?
Is it safe for kids?
cat safe?
I have two small children. Is the garden safe?
Can it hurt my cat or my dog?
""",
    ),
    # ------------------------------------------------------------------ light
    Intent(
        "light_hours",
        "light",
        "The light is on for 16 hours a day and off for 8 hours.",
        """
How long is the light on?
How many hours of light per day?
light hours
When does the lamp go off by itself?
Does the light stay on all day and night?
I noticed it goes dark in the evening. For how many hours does it shine?
What is the normal daily light time?
Please explain how long the lamp burns each day.
how meny hours does it light up
Is it normal that the light is on so long?
For how long do the plants get light every day?
Lamp on time per day?
Does it ever turn off, or is it shining around the clock?
How much daylight does the machine give the plants?
How many hours a day is the light on?
How long does the light stay on each day?
When does the light go off?
How long does the lamp shine?
hours of light a day?
For how many hours is the lamp on?
Is the light on all day?
""",
    ),
    Intent(
        "light_schedule",
        "light",
        "Open the app, tap Light and set a new start time.",
        """
How do I change when the light comes on?
The light turns on at 5 in the morning! How can I move that?
change light schedule
Can I set the lamp to start later?
I would like the light to begin at eight instead of six. What do I do?
Where is the timer for the light?
set light timer
It shines in my face before dawn, how to make it begin later?
Please tell me how to adjust the lamp times.
My lamp starts at the wrong hour.
how can i chnage the time of the light
Is it possible to shift the lighting to the evening?
I work nights. Can the light start time be different for me?
light start time where
How do I change the light times?
Can I change the time when the light starts?
How do I set the light timer?
The light comes on too early. How do I change it?
Where do I set the start time of the light?
light timer
I want the lamp to start at a different time.
""",
    ),
    Intent(
        "light_dim",
        "light",
        "Open the app, tap Light and move the brightness slider to the left.",
        """
The light is too bright. Can I dim it?
How do I make the lamp less bright?
dim light
It hurts my eyes. How can I turn the brightness down?
Is there a way to reduce the light?
Please tell me how I can lower the brightness.
too brite, how to dim
Can the lamp be made softer while we eat?
The glare from this thing is awful!! Make it weaker!
Where do I find the brightness setting?
The whole room is lit up like a stadium. Can it be darker?
brightness lower
I want less strong light, how to do it?
Does it have a dimmer?
How do I dim the light?
The lamp is too bright.
Can I make the light less bright?
How do I lower the brightness of the lamp?
How can I reduce the brightness?
light to bright
Can I turn down the light?
""",
    ),
    Intent(
        "light_dead",
        "light",
        "Check the plug, then hold the sun button for three seconds to restart the light.",
        """
The light does not turn on.
My lamp is dead, what now?
light not working
Since yesterday the lamp stays dark all day. What can I do?
Why is there no light?
Help, the garden has no light any more!
lamp wont come on
The pump runs but the light never comes on.
I pressed everything and the lamp is still off. This is so annoying.
Please advise, the lighting has stopped functioning.
My plants sit in the dark, the lamp does nothing.
ligth is broken, stays off
What should I check when the lamp does not start?
No light at all after moving house. How do I get it back?
The light does not work.
My light is broken.
Why does the lamp not turn on?
The lamp does not come on any more.
What can I do when the light stays off?
no light
My lamp will not turn on.
""",
    ),
    Intent(
        "light_flicker",
        "light",
        "Flickering means a loose lamp. Switch the garden off and push the lamp in until it clicks.",
        """
The light flickers.
Why is my lamp flickering?
flickering light
The lamp blinks on and off all the time, like a disco.
How do I stop the light from flashing?
My light is not steady, it trembles.
Please help, the lamp keeps going on and off every second.
lamp flikers
It flashes like a broken street lamp and gives me a headache!
What does it mean when the light is shaking and blinking?
Is a flicker in the lamp dangerous? How can I fix it?
The light goes weak and strong, weak and strong.
Unsteady light, what to do?
Every few seconds the lamp winks at me.
My lamp flickers.
The light keeps flickering.
What can I do when the light flickers?
The lamp is blinking all the time.
Why does the light flash on and off?
lamp flicker fix
My light goes on and off.
""",
    ),
    # ------------------------------------------------------------------ water
    Intent(
        "refill",
        "water",
        "Refill the tank about every two weeks, or when the blue drop blinks.",
        """
How often do I add water?
When should I refill the tank?
refill how often
Do I have to water it every day?
I keep forgetting. At what times does the garden need new water?
Please tell me how frequently the tank must be filled.
how offen to fill water
Is once a week enough for watering?
When does it need water again?
What does the blinking blue drop tell me?
I come from normal pots and water daily. How often is it with yours?
Watering interval?
How long does one filling of water last?
Do I fill it every day or less?
How often do I have to refill the water?
When do I need to add water?
How often must I fill the tank?
How often does the garden need water?
refill water when
How many days until I need to refill the tank?
How often should I water my plants?
""",
    ),
    Intent(
        "tap_water",
        "water",
        "Yes, tap water is fine. If your water is very hard, use filtered water.",
        """
Can I use tap water?
Which water should I use?
tap water ok?
Do I have to buy special water for the garden?
Is water from the kitchen tap good for the plants?
Should I take filtered or bottled water?
what kind of water goes in
We have hard water here. Is that a problem?
Please advise on the type of water.
is normal water from sink ok
Does it need distilled water?
Our water has lots of lime in it, can it go in the tank?
may i use rain water or only tap
My neighbour says never use water straight from the faucet. True?
Is tap water ok?
Can I fill it with tap water?
What water should I use?
Is hard water bad for the garden?
what water to use
Can I put water from the tap in the tank?
Do I need filtered water?
""",
    ),
    Intent(
        "clean_tank",
        "water",
        "Clean the tank every three months with warm water and a spoon of vinegar.",
        """
How do I clean the tank?
How often must the tank be cleaned?
cleaning
The inside looks dirty. What do I wash it with?
Can I use soap to clean the garden?
Please explain how to clean the water tank.
whats the best way to wash it
Is there a cleaning routine for the machine?
Do you recommend a cleaner for the tank?
I have had it for half a year and never washed it. How should I do that?
tank clenaing how
May I put the tank in the dishwasher?
What do I need to scrub out the reservoir?
How to make the tank clean again after one season?
How should I clean the tank?
How do I wash the tank?
How often should I clean my garden?
How do I clean my Lumenry?
clean tank
What do I use to clean the tank?
When do I have to clean the tank?
""",
    ),
    Intent(
        "algae",
        "water",
        "Green slime is algae. Cover empty pod holes with the caps and change the water.",
        """
There is green slime in my tank.
The water turned green, why?
algae
How do I get rid of algae?
Green stuff is growing around the pods. What is it?
Yuck, everything in there is green and slippery!
My water looks like a pond. What should I do about it?
Please help, green film on the tank walls.
green watter in tank
Why does something green grow in the empty holes?
I see green slimy things, is this bad for plants?
How can I stop the green growth in the water?
Slimy green layer on top of the pods, help.
Is green water normal and how to fix it?
The water in my tank is green.
I have algae in the tank. What do I do?
Why is the water green?
There is green stuff in the water.
green slime
How do I remove algae?
What can I do against green slime?
""",
    ),
    Intent(
        "plant_food",
        "water",
        "Add one cap of plant food each time you refill the tank.",
        """
How much plant food do I add?
When do I give plant food?
fertilizer dose
The bottle of food has no label. How much goes in the tank?
Do the plants need fertilizer?
Please tell me the right amount of nutrients.
how much of the liquid food each time
I have a small bottle in the box, what do I do with it?
Is one cap of plant food enough?
plant fod how often
What quantity of feed should go with the water?
How do I feed my plants?
nutrients, how much and when?
I think I gave too little food to my herbs. What is the correct dose?
How much plant food do my plants need?
How often do I add plant food?
How much fertilizer should I use?
When should I feed the plants?
plant food amount
How much food do I put in the water?
How many caps of plant food go in the tank?
""",
    ),
    Intent(
        "leak",
        "water",
        "Unplug the garden, empty the tank and check the rubber seal. If it still leaks, we send a new tank.",
        """
My garden is leaking.
There is water on the table under it.
leak
Water is dripping out of the bottom, what should I do?
Why is my counter wet every morning?
Help! Water everywhere around the Lumenry!
The tank is losing water.
Please advise, there is a puddle below the device.
it leeks
I found a small pool under my garden today. How do I fix that?
It drips drop by drop from the corner.
Your machine ruined my wooden shelf, water runs out of it!
Tank not tight, water comes out.
What to do if the reservoir has a crack and drips?
My Lumenry is leaking.
The tank leaks.
Water is leaking from my garden.
There is water under my garden.
What do I do when the garden leaks?
water leak
Why does it leak water?
""",
    ),
    Intent(
        "pump_dead",
        "water",
        "Unplug the garden for one minute, rinse the pump filter and plug it in again.",
        """
The pump does not run.
My pump stopped working.
pump dead
I do not hear the pump any more. What can I do?
Why is no water moving in the tank?
Please help, the pump has stopped.
water is not flowing to plants
The roots are dry because the pump does nothing!
pump isnt starting
How do I get the pump going again?
The water stands still, there is no circulation.
No bubbles and no flow since Sunday. What is wrong?
pump broken??
What should I try when the pump will not start?
My pump is broken.
The pump has stopped.
The pump is not working.
Why does the pump not run?
What do I do if the pump does not work?
pump not working
My pump will not start.
""",
    ),
    Intent(
        "pump_loud",
        "water",
        "A loud pump has air in it. Fill the tank to the line and tap the pump gently.",
        """
The pump is very loud.
Why does my pump rattle?
loud pump
Suddenly the pump makes an awful grinding noise. What can I do?
My pump gurgles like a drain.
How can I make the pump quiet again?
It was silent before, but now the pump buzzes.
Please help, strange sounds are coming from the pump.
pump makes noize
The pump growls all night and I can not sleep!
Rattling from the pump, how to fix?
What does it mean when the pump sounds rough?
pump sound like a tractor since today
The motor in the tank is humming far too loud now.
My pump is too loud.
The pump makes a strange noise.
Why is the pump so loud?
The pump is noisy, what can I do?
pump noise
My pump makes a lot of noise.
How do I stop the noise of the pump?
""",
    ),
    Intent(
        "holiday",
        "water",
        "A full tank lasts about two weeks. For a longer trip, turn on holiday mode in the app.",
        """
I am going on vacation. Will my plants survive?
How long can I leave it alone?
holiday mode
We travel for three weeks. What about the garden?
Can the garden be left without care while I am away?
Do I need someone to look after it when I am on a trip?
going away for a month, what to do
Please tell me how long it runs on its own.
Is there a setting for vacations?
Nobody is home in August. How do I keep the herbs alive?
vacaton what should i do
I will be abroad for a while, can it manage by itself?
Leaving home for ten days, is it fine?
What happens to the plants when nobody is there?
What do I do with the garden when I go on holiday?
I am going on a trip for two weeks.
How long can the plants live without me?
What is holiday mode?
Can I leave the garden alone for a month?
vacation
I will be away for three weeks. What do I do with my plants?
""",
    ),
    # ------------------------------------------------------------------- pods
    Intent(
        "can_grow",
        "pods",
        "Yes, {plant} grows well in Lumenry. You can order {plant} pods in the shop.",
        """
Can I grow {plant}?
Do you have {plant} pods?
{plant} possible?
I love {plant}. Does it grow in your garden?
Is it possible to plant {plant} in the Lumenry?
do you sell {plant}
I am looking for pods with {plant} in them.
My wife wants {plant}. Will that work?
Please tell me whether {plant} is available as a pod.
can lumenry grow {plant} or not
Would {plant} do well under your lamp?
What about {plant}, can I have that too?
{plant} pods in stock?
Is {plant} one of the plants I can get?
Can I grow {plant} in Lumenry?
Can I plant {plant}?
Can I buy {plant} pods?
Are there pods with {plant}?
I want to grow {plant}.
grow {plant}
Does {plant} grow well in Lumenry?
""",
    ),
    Intent(
        "sprout_time",
        "pods",
        "Pods with {plant} sprout after about {days} days.",
        """
How long until {plant} sprouts?
When does {plant} come up?
{plant} germination time
I planted {plant} yesterday. When will I see something?
How many days does {plant} need to sprout?
Please tell me after how many days {plant} starts to show.
days until {plant} sprout
My {plant} is still sleeping, how long does it normally take to come up?
When can I expect the first leaves of {plant}?
how fast does {plant} germinate
For {plant}, how long is the wait before it sprouts?
Is {plant} slow? How many days before it shows?
time for {plant} to start growing?
Kids are asking every morning when the {plant} will peek out. When?
How long does {plant} take to sprout?
When will my {plant} sprout?
How many days until {plant} sprouts?
How long does it take for {plant} to come up?
{plant} sprout time
When do {plant} pods sprout?
After how many days does {plant} come up?
""",
    ),
    Intent(
        "no_sprout",
        "pods",
        "If a pod has not sprouted after 30 days, we send you a new one for free.",
        """
My pod did not sprout.
Nothing is growing after five weeks.
pod not sprouting
One of my pods is empty, no plant came out. What now?
Do I get a new pod if the seed does not grow?
Three of my seeds never came up. I want them replaced!
Please advise, a pod shows no life after more than a month.
nothing comes out of the pod
I waited and waited and there is still nothing in one hole.
Is there a guarantee that the seeds grow?
pod is dead no plant
What do you do for customers whose pods fail to sprout?
My seeds did not germinate, can you help?
Dud pod here, do you replace it?
My pod has not sprouted.
One pod does not grow. Can I get a new one?
Nothing grows in my pod.
My seeds did not come up.
What if a pod does not sprout?
pod did not grow
The pod is empty after a month.
""",
    ),
    Intent(
        "own_seeds",
        "pods",
        "Yes, buy our empty pods and put two or three of your own seeds in each.",
        """
Can I use my own seeds?
Do I have to buy your pods or may I plant what I want?
own seeds possible?
I have seeds from my grandmother. Can I put them in?
Is it allowed to fill pods with seeds from the store?
Please tell me if other seeds than yours work.
use diffrent seeds
Are there blank pods for my own plants?
I collect rare peppers and want to sow them in the machine.
Can I sow seeds that I already have at home?
other brand seeds?
Do only your seeds work in it?
How can I plant something you do not sell?
Are empty pods for sale? I want to do my own thing.
Can I plant my own seeds?
Can I grow other seeds in it?
Do you sell empty pods?
Is it possible to use my own seeds?
my own seeds
May I use seeds from another shop?
I want to plant my own seeds.
""",
    ),
    Intent(
        "reuse_pods",
        "pods",
        "No, pods are made for one use. Keep the plastic basket and put a new pod in it.",
        """
Can I reuse a pod?
Are pods good for more than one planting?
reuse pods
My lettuce is finished. May I sow again in the same pod?
Can the old pod be used a second time?
How often can I use one pod?
Please tell me if pods can be planted again.
is it possible to use pod twice
The pod still looks fine after the harvest, can it go again?
Do I need a new pod each time?
reusing the pods, ok or no?
I hate waste. Can these pods be filled again?
can i use pods agian
Are your pods one-time things?
Can I use a pod twice?
Can I use the pods again?
Can pods be reused?
Is it ok to use an old pod again?
old pod again?
Do I have to buy new pods each time?
Can I plant again in an old pod?
""",
    ),
    Intent(
        "mould",
        "pods",
        "White fluff on a new pod is harmless. Take off the dome for one day and it will dry.",
        """
There is mould on my pod.
White fluff on the pods, is that bad?
mold
I see something white and hairy on the soil. What is it?
Is the white stuff on top of the pod dangerous?
My new pods have grown a white fur.
Please help, the pods are mouldy.
fuzzy white thing on pod
Should I throw away a pod with mold on it?
Gross, the pods are rotting with white hair!
What can I do against fungus on the pods?
mouldy pod how to fix
White cotton like stuff grows on my pod, what to do?
Is a bit of mould on the surface normal?
There is mold on the pods.
My pod has white fluff on it.
What is the white fluff on my pod?
White mould is growing on my pods.
mould on pod
What can I do about mould?
Is mold on a pod dangerous?
""",
    ),
    Intent(
        "pod_shelf_life",
        "pods",
        "Unopened pods keep for two years in a cool, dry place.",
        """
How long do pods keep?
Do the pods expire?
shelf life of pods
I still have pods from last year. Are they good?
Where should I store pods that I do not use yet?
Can I buy pods now and plant them next spring?
Please tell me how long unopened pods last.
pods expiry date?
How old can a pod be before it goes bad?
Is it ok to keep spare pods in the cupboard?
how long can i stor pods
I ordered far too many pods, will they go off?
Do seeds in the closed bag lose their life with time?
best before of pods
How long can I keep pods?
How long do unopened pods last?
Do pods go bad?
How long can I store pods?
keep pods how long
When do pods expire?
Can I still use old unopened pods?
""",
    ),
    Intent(
        "harvest",
        "pods",
        "Harvest when plants are 15 cm tall, and never cut more than a third at once.",
        """
When can I harvest?
How do I cut the herbs?
harvest time
My plants look big. May I start eating them?
How much may I cut off at one time?
Please tell me when the herbs are ready to pick.
when to pick leaves
At what height can I begin to harvest?
I am afraid to kill the plant when I cut it. How much is ok?
Is it too early to harvest my salad?
how to harvst without damage
When are the plants ready for the kitchen?
Right way to trim the herbs?
How tall must they be before the first cut?
When do I harvest my herbs?
How do I harvest?
How much can I cut?
When can I cut my plants?
when to harvest
When are my plants ready to harvest?
How should I cut my herbs?
""",
    ),
    Intent(
        "compost",
        "pods",
        "Pods are made of peat-free fibre. Put the old pod in the compost and keep the basket.",
        """
How do I throw away old pods?
Can pods go in the compost?
pod disposal
What are the pods made of?
In which bin does a used pod belong?
I have ten used pods. Where should I put them?
Please tell me how to dispose of pods.
are pods compostable
Is there plastic in the pods, and how do I get rid of them?
Do the pods contain peat?
used pods trash or compost
How to recycle the pods after the season?
what to do with finished pods
Where does the old pod go when the plant is dead?
Can I put pods in the compost?
How do I dispose of used pods?
Where do I throw old pods away?
Where do used pods go?
throw away pods
What do I do with old pods?
Are pods made of plastic?
""",
    ),
    Intent(
        "yellow_leaves",
        "pods",
        "Yellow leaves mean too little food. Add one cap of plant food and wait a week.",
        """
My leaves are turning yellow.
Why are the plants yellow?
yellow leaves
The basil looks pale and yellowish. What is missing?
What can I do against yellow leaves?
All my herbs lost their green colour.
Please help, the leaves of my plants go yellow.
leafs yellow why
Is it bad when the lower leaves become yellow?
My poor mint is more yellow than green now!
plants pale, what do they need
How do I get my plants green again?
Leaves change color to yellow, reason?
The salad in my garden looks sick and yellow.
Why are my leaves yellow?
The leaves of my plants are yellow.
My plants have yellow leaves.
What do I do when leaves turn yellow?
plants turn yellow
My basil has yellow leaves.
Why do the leaves go yellow?
""",
    ),
    # -------------------------------------------------------------------- app
    Intent(
        "app_get",
        "app",
        "The Lumenry app is free for Android and iPhone. Look for Lumenry in your app store.",
        """
Where do I get the app?
Is there an app for Android?
download app
Does the app run on my iPhone?
What does the app cost?
I cannot find your app. What is it called in the store?
Please tell me how to install the app.
app for phone?
On which phones does the app work?
Do I have to pay for the app?
were can i download the app
I have an old Android phone, is there something for me?
How do I get the program on my telephone?
Link for the phone app please.
How do I get the app?
Where can I download the app?
Is the app free?
Is there an app for my phone?
get the app
How do I install the Lumenry app?
Where do I find your app?
""",
    ),
    Intent(
        "app_needed",
        "app",
        "No, Lumenry also works without the app. Use the sun button and the drop button on the front.",
        """
Do I need the app?
Does it work without a phone?
no app possible?
My father has no smartphone. Can he use Lumenry?
Is the app required to run the garden?
Can I use the machine without installing anything?
Please tell me if a smartphone is necessary.
must i have the app
I do not want yet another app on my phone. Is it a must?
Can everything be done with the buttons?
using it with out app
Is it any good for people without mobile phones?
Will it run offline with no app at all?
Not a fan of apps, can I skip yours?
Can I use Lumenry without the app?
Does Lumenry work without the app?
Do I need a phone for it?
Is the app needed?
without app?
Do I have to use the app?
Can I use the garden without a phone?
""",
    ),
    Intent(
        "wifi_connect",
        "app",
        "Hold the drop button for five seconds, open the app and tap Add garden.",
        """
How do I connect to Wi-Fi?
How do I pair the garden with the app?
wifi setup
I just unpacked it. How does it get on my home network?
The app asks for a garden. How do I add mine?
Please explain the connection of the device to the internet.
conect to wifi how
What are the steps to link my phone and my Lumenry?
I want to see the garden in my app, but the list is empty.
How can I add a second garden in the app?
pairing
Which button do I hold to connect it?
How to set up the network for the first time?
My garden is not in the app yet. How do I get it in?
How do I connect the garden to Wi-Fi?
How do I connect my garden to the app?
How do I add my garden to the app?
My garden does not connect. How do I pair it?
connect garden
How do I set up Wi-Fi?
How can I connect my phone and the garden?
""",
    ),
    Intent(
        "wifi_5ghz",
        "app",
        "Lumenry needs a 2.4 GHz network. It does not work with 5 GHz Wi-Fi.",
        """
Does it work with 5 GHz Wi-Fi?
Which Wi-Fi band do I need?
5ghz?
My router only has 5 GHz. Can I still connect?
Is the garden able to use the fast wireless band?
Why can it not see my 5G network at home?
Please tell me which frequency the wireless uses.
2.4 or 5 ghz
I have two networks, one is 5 GHz. Which one should I pick?
what kind of wifi does it need
Does Lumenry support dual band routers?
The technician asks about the band. Is it 2.4 or 5?
wifi frequncy
Requirements for the wireless network?
Does Lumenry work with 5 GHz?
Can I use a 5 GHz network?
Does it need 2.4 GHz Wi-Fi?
What Wi-Fi does Lumenry need?
wifi 2.4 or 5
My Wi-Fi is 5 GHz. Does that work?
Which Wi-Fi network do I need?
""",
    ),
    Intent(
        "factory_reset",
        "app",
        "Hold both buttons for ten seconds until the light blinks twice. All settings are then cleared.",
        """
How do I reset the garden?
factory reset
I want to clear all settings. How?
I bought it used. How do I wipe the old owner's data?
How can I put it back to how it was when new?
Please explain how to restore the factory settings.
reset to default
Which buttons reset the machine?
I am selling my Lumenry and want to erase everything on it.
It acts crazy, can I start from zero?
how too reset it
Is there a way to set everything back to the beginning?
Full reset, which steps?
I would like to delete every setting from the device itself.
How do I do a factory reset?
How do I reset my Lumenry?
How do I clear all settings?
I want to reset the garden.
reset
Which buttons do I hold for a reset?
How can I reset everything?
""",
    ),
    Intent(
        "password",
        "account",
        "Tap Forgot password on the login page and we will email you a link.",
        """
I forgot my password.
How do I reset my password?
password lost
I cannot log in because I do not remember my password.
Can you send me a new password?
What should I do when my password is not accepted?
Please help me to recover my password.
forgot pasword
My login does not work, I think the password is wrong.
How can I get a new password for the app?
Locked out of my account, can not recall the secret word.
need new password asap
It says wrong password ten times already, argh!
Where can I change a forgotten password?
I lost my password.
I do not know my password any more.
How do I get a new password?
My password does not work.
forgot password
I can not log in, I forgot my password.
Can I reset the password?
""",
    ),
    Intent(
        "change_email",
        "account",
        "In the app, tap Profile, then Email, and enter your new address.",
        """
How do I change my email address?
I have a new email. Where do I enter it?
change email
My old mail address is closed. How do I update it?
Can I use a different email for my account?
Please update the email address on my profile.
new mail adress
I changed jobs and with it my email, what must I do in my account?
Where can I edit my email?
How do I switch my account to another email?
email update in profile
The mail you have for me is wrong. How can I correct it?
Is there an option to replace my email?
I married and my email is different now. How to tell you?
I want to change my email.
How can I change the email of my account?
Where do I change my email address?
My email has changed.
new email
Can I change my email address in the app?
How do I enter a new email address?
""",
    ),
    Intent(
        "delete_account",
        "account",
        "In the app, tap Profile, then Delete account. Your data is gone after 14 days.",
        """
How do I delete my account?
I want to remove my account.
delete account
Please erase all my personal data.
How can I close my account with you?
I am leaving. Where do I delete my profile?
What must I do so that you forget everything about me?
remove me from your system
I gave my garden away and no longer need an account. How do I end it?
How long does it take until my data is deleted?
delet my acount
Close my account now, I have had enough!
Is there a way to wipe my profile for good?
My user account should be gone, how?
How can I delete my account?
Please delete my account.
Where can I delete my account?
I want to delete my account and my data.
account delete
Can you delete all my data?
How do I close my account?
""",
    ),
    Intent(
        "share",
        "account",
        "In the app, tap Garden, then Share, and enter the email of the other person.",
        """
Can my wife use the same garden in her app?
How do I share my garden?
share with family
Two people in our home want to control it. Is that possible?
Can I invite my husband to the app?
Please tell me how to give another person access.
second user
My roommate would like to see the garden on her phone too.
How can several people use one garden?
add my kids to the app
Can more then one phone be connected?
I want my mother to check the plants in the app while I am away.
Give access to partner, how?
Is it possible to invite a friend to my garden?
Can I share my garden?
How can I share the garden with my family?
Can two people use the garden?
How do I give my wife access to the garden?
share garden
Can my husband also use the garden in his app?
I want to share the garden with a friend.
""",
    ),
    Intent(
        "notifications",
        "app",
        "In the app, tap Profile, then Messages, and switch off the ones you do not want.",
        """
How do I turn off notifications?
The app sends too many messages.
stop notifications
My phone beeps all day because of your app. How do I stop it?
Can I switch off the reminders?
Please tell me where to disable push messages.
too many alerts
How can I get fewer messages from the app?
Stop bothering me with alerts every hour!
Where are the settings for notifications?
turn of push
I only want the water alarm, not the rest. Can I choose?
Mute the app, how?
The app reminds me about everything, it is too much.
I get too many notifications.
How do I stop the messages from the app?
How can I switch off notifications?
Can I turn off the messages?
notifications off
How do I turn off the alerts?
Your app sends me too many alerts.
""",
    ),
    Intent(
        "app_crash",
        "app",
        "Close the app, install the newest version and start your phone again.",
        """
The app crashes.
Why does the app close by itself?
app crash
Every time I open the app it goes away after a second.
The app is frozen. What can I do?
Your app is rubbish, it never opens!
Please help, the application keeps stopping.
app not opening
My screen stays white when I start the app.
What should I do when the app hangs?
ap freezes all the time
It shuts down whenever I tap on a plant in the app.
How do I fix an app that does not start?
I get thrown out of the app again and again.
My app crashes all the time.
The app does not open.
The app keeps crashing.
What do I do when the app crashes?
app freezes
Why does the app crash?
The app does not start any more.
""",
    ),
    Intent(
        "update",
        "app",
        "In the app, tap Garden, then Update. It takes about ten minutes, so do not unplug the garden.",
        """
How do I update the garden?
Is there new software for my Lumenry?
firmware update
How long does an update take?
Where do I find the latest firmware?
I think my device has old software. How can I get the new one?
Please explain how to install an update on the garden.
update softwear
Can I unplug it while it is updating?
How to bring the firmware up to date?
Does the machine update itself or must I do it?
My garden says that an update is ready. What do I tap?
newest version install on device
What do I do to get new functions onto the garden?
How do I install an update?
How can I update my Lumenry?
How do I update the firmware?
Where do I find the update?
update
How long does the update take?
Is there an update for my garden?
""",
    ),
    # ----------------------------------------------------------- subscription
    Intent(
        "club",
        "subscription",
        "Pod Club costs 12 euros a month and sends you six pods of your choice.",
        """
What is Pod Club?
How much is the subscription?
pod club price
Tell me about the pod subscription.
What do I get each month in the club?
I read about a monthly plan. How does it work?
Please explain the subscription for pods.
monthly subscription cost
How many pods come with Pod Club?
Is there a plan that sends me pods regularly?
whats podclub
What would I pay per month for regular pods?
Is the club worth it? What is included?
I would like pods sent to me every month, do you offer this?
How much does Pod Club cost?
What do I get in Pod Club?
How does Pod Club work?
What is the price of Pod Club?
pod club
Tell me about Pod Club please.
What does the pod subscription cost?
""",
    ),
    Intent(
        "club_pause",
        "subscription",
        "In the app, tap Pod Club, then Pause. You can pause for up to three months.",
        """
Can I pause Pod Club?
How do I stop my subscription for a while?
pause subscription
I have too many pods now. Can I take a break?
Is it possible to skip two months of the club?
Please put my plan on hold for some weeks.
hold my podclub
I am away this summer, so no deliveries for two months please. How?
How long can I pause the plan?
No pods in July, thanks. What do I tap?
can i take brake from the club
Do you have a break option for the monthly pods?
Freeze my membership, how?
Not enough space for more pods at the moment, can the box wait a month or so?
How do I pause Pod Club?
How can I pause my subscription?
I want to pause Pod Club.
Can I pause the pods for a month?
pause
I need a break from Pod Club.
How long can I pause my subscription?
""",
    ),
    Intent(
        "club_cancel",
        "subscription",
        "In the app, tap Pod Club, then Cancel. It ends at the end of the month.",
        """
How do I cancel Pod Club?
I want to end my subscription.
cancel subscription
Stop sending me pods every month, I am done.
Where can I cancel the monthly plan?
Please terminate my membership.
end club
I do not want to pay 12 euros a month any longer. What do I do?
How do I get out of the subscription?
unsubscribe from pods
cancle my pod club
When does my plan end after I cancel it?
Quit Pod Club for good, how?
Your club is not for me. How can I leave it?
I want to cancel Pod Club.
How can I cancel my subscription?
Please cancel my Pod Club.
Where do I cancel Pod Club?
pod club cancel
How do I end Pod Club?
I want to leave Pod Club.
""",
    ),
    Intent(
        "club_change",
        "subscription",
        "In the app, tap Pod Club, then My box, and pick new pods before the 20th.",
        """
How do I choose other pods in my box?
Can I change the plants in my next Pod Club delivery?
change pods in box
I always get lettuce. How can I pick something else?
Until when can I change my monthly box?
Please tell me where to select the pods of my plan.
swap pods in club
I would rather have flowers in the next box. How do I do that?
Where do I edit my Pod Club selection?
diferent pods next month
Is it possible to choose which pods you send me in the plan?
My next box has mint in it but I hate mint. Can I swap it?
Last day to edit the box?
How to get new kinds of pods in the subscription?
How do I change my Pod Club box?
Can I change the pods in my box?
How can I choose the pods for my next box?
I want other pods in my Pod Club box.
change my box
Can I pick new pods for my next box?
How do I swap the pods in my box?
""",
    ),
    Intent(
        "club_billing",
        "subscription",
        "We charge Pod Club on the first day of each month.",
        """
When is Pod Club charged?
On which day do you take the money for the subscription?
billing date
My account was charged today. When do you normally bill the club?
When do I pay for the monthly plan?
Please tell me the date of the monthly payment.
when do you charge me
What day of the month does the money go out?
Can you tell me when the next club payment is due?
I get paid on the 3rd. Which day do you bill?
biling day podclub
Is the plan charged at the start or the end of the month?
payment day of subscription?
Need to know when the 12 euros leave my bank.
When do you charge Pod Club?
When do I pay for Pod Club?
On which day is Pod Club charged?
What day do you charge my subscription?
pod club payment date
When is the payment for Pod Club?
Which day of the month do you charge me?
""",
    ),
    # --------------------------------------------------------- order and ship
    Intent(
        "ship_to",
        "shipping",
        "Yes, we ship to {country}. It takes {ship} days and costs {cost} euros.",
        """
Do you ship to {country}?
How long does delivery to {country} take?
shipping {country}
I live in {country}. Can I order from you?
What does it cost to send a parcel to {country}?
Is delivery to {country} possible?
Please tell me the shipping time and price for {country}.
send to {country}?
My parents are in {country} and I want to surprise them. Do you deliver there?
how much is shiping to {country}
Can a garden be sent to an address in {country}?
We moved to {country} last year. Do you bring parcels there?
deliver {country} cost and days
Is {country} on your list of delivery countries?
Do you deliver to {country}?
Can you ship to {country}?
How much is shipping to {country}?
What does shipping to {country} cost?
How long is shipping to {country}?
delivery to {country}
I want to order to {country}.
""",
    ),
    Intent(
        "track",
        "order",
        "You can track order {order} on our website under My orders.",
        """
Where is my order {order}?
Can I track order {order}?
track {order}
My parcel {order} has not come yet. Where can I see it?
Please tell me the status of order {order}.
I ordered last week, number {order}. How do I follow it?
wheres {order}
When will {order} arrive?
How can I see where the package for {order} is now?
Order {order}: any news?
I wait for {order} since days and hear nothing!
tracking for {order} please
Has {order} been sent out already?
What is going on with my delivery {order}?
Where is order {order}?
How can I track order {order}?
Where is my parcel {order}?
When does order {order} arrive?
order {order} status
How do I track my order {order}?
I want to track {order}.
""",
    ),
    Intent(
        "order_cancel",
        "order",
        "To cancel order {order}, open My orders and tap Cancel within 24 hours.",
        """
I want to cancel order {order}.
Can I cancel {order}?
cancel {order}
I made a mistake, please stop order {order}.
Order {order} was bought twice by accident. How do I undo it?
How do I cancel my purchase {order}?
pls cancle order {order}
I changed my mind about {order}. Is it too late?
Do not send {order}, I no longer need it.
My son ordered {order} without asking me! Can it be stopped?
Please take back my order with the number {order}.
Is it still possible to call off {order}?
{order} should be cancelled, how?
What are the steps to annul order {order}?
How do I cancel order {order}?
Please cancel order {order}.
Can I still cancel order {order}?
I do not want order {order} any more.
order {order} cancel
I would like to cancel my order {order}.
How can I cancel {order}?
""",
    ),
    Intent(
        "order_address",
        "order",
        "To change the address of order {order}, open My orders and tap Address before it is sent.",
        """
I gave the wrong address for order {order}.
Can I change the address of {order}?
change address {order}
Please send order {order} to my office instead.
I moved. How do I change where {order} goes?
The street number in {order} is wrong.
Order {order} should go to a different address.
wrong adress on {order}
How can I correct the delivery address for {order}?
Oh no, {order} is going to my old flat! What can I do?
I typed the postal code wrong in {order}, how to fix it?
Can {order} be delivered to my neighbour's house?
Address of {order} needs an update.
Could you deliver {order} somewhere else than I wrote?
How do I change the address of order {order}?
The address of order {order} is wrong.
Can I change the address for order {order}?
I need a new address for order {order}.
{order} wrong address
Please change the delivery address of {order}.
Order {order} has the wrong address.
""",
    ),
    Intent(
        "damaged",
        "order",
        "We are sorry. Send us a photo of order {order} and we will replace the broken part.",
        """
My order {order} arrived broken.
The garden from order {order} is damaged.
{order} damaged
I opened the box of {order} and the lamp is in pieces.
What do I do if {order} was broken on the way?
Order {order} came with a crack in the tank!
Please help, the goods of order {order} have been damaged in transport.
{order} came broken
The parcel {order} was crushed when I got it.
Your courier destroyed {order}. I want a new one!
There is a big dent in the device from {order}. Now what?
recieved {order} and it is smashed
Half of the things in {order} are cracked.
I am sad to report that {order} did not survive the trip.
Order {order} is broken.
Order {order} arrived damaged.
My garden from order {order} is broken.
The lamp in order {order} is broken.
damaged {order}
The parcel {order} came damaged.
There was a broken tank in order {order}.
""",
    ),
    Intent(
        "missing",
        "order",
        "We are sorry. Tell us what is missing from order {order} and we will send it today.",
        """
Something is missing in order {order}.
My order {order} is not complete.
missing item {order}
The pods were not in the box of order {order}.
I got {order} but there is no plant food in it.
Order {order} came without the power cord.
What can I do, {order} is incomplete?
{order} parts missing
You forgot something when you packed {order}!
I counted twice: there are fewer pods in {order} than I paid for.
Please check {order}, not everything was in the package.
half of {order} is missing
There should be two gardens in {order}, but I found just one.
Not all items of {order} have reached me.
A part is missing from order {order}.
There is something missing in {order}.
Order {order} is not complete.
The lamp is missing in order {order}.
{order} not complete
Some pods are missing from order {order}.
My order {order} came without pods.
""",
    ),
    Intent(
        "invoice",
        "order",
        "The invoice for order {order} is on our website under My orders, then Invoice.",
        """
I need an invoice for order {order}.
Where is the bill for {order}?
invoice {order}
Please send me the receipt of order {order}.
My boss wants a receipt for {order}. Where do I get one?
Can I download the invoice for {order}?
bill for order {order} pls
For my taxes I need a paper for {order}.
How do I get the invoice of {order} as a file?
I never got an invoice with {order}.
invoce {order} where
Could you issue an invoice for purchase {order}?
Receipt wanted: {order}.
I lost the bill that came with {order}, can I print it again?
Where is the invoice for order {order}?
How do I get the invoice for {order}?
Please send me the invoice for order {order}.
Can I get a receipt for order {order}?
{order} invoice
I need the bill for {order}.
Where do I find the invoice of order {order}?
""",
    ),
    Intent(
        "express",
        "shipping",
        "Yes, express delivery costs 15 euros and takes one day.",
        """
Do you have express delivery?
Can I get it tomorrow?
express shipping
I need a garden by the weekend. Is there a faster way?
How much is express shipping?
What is the quickest way to get my parcel?
Please tell me about fast delivery.
next day delivery?
It is a birthday present and I am late. Can you hurry?
Can I pay more to have it sooner?
expres cost
How fast is the fastest shipping?
Is overnight delivery offered?
Rush order possible?
How much is express delivery?
Is there express delivery?
Can you deliver tomorrow?
What does express delivery cost?
fast delivery
I need it fast. Do you have express?
How fast is express delivery?
""",
    ),
    Intent(
        "free_shipping",
        "shipping",
        "Shipping is free for orders over 60 euros.",
        """
When is shipping free?
Is there free shipping?
free delivery?
How much must I buy so that I pay no postage?
Do I always have to pay for shipping?
From what amount is delivery free?
Please tell me the minimum order for free postage.
no shipping cost from how much
I only need a few pods. Do I pay for the delivery?
What do I do to avoid the delivery fee?
free shiping limit
Why do I see a delivery charge in my cart?
Postage fee gone at which sum?
Is there an order value where the shipping costs nothing?
Is shipping free?
Do you have free shipping?
How much must I order for free shipping?
When do I get free delivery?
free shipping
Do I have to pay for shipping?
From how many euros is shipping free?
""",
    ),
    # ---------------------------------------------------- returns and warranty
    Intent(
        "return_window",
        "returns",
        "You can return Lumenry within 30 days of delivery.",
        """
How long do I have to return it?
What is the return period?
return window
I got my garden two weeks ago. Can I still send it back?
Is there a time limit for returns?
Within how many days may I return the product?
Please tell me your return deadline.
days to return
I am not sure I like it. How much time do I have to decide?
Until when can I give it back?
retrun period?
Is six weeks too late for a return?
How many days do I get to try it at home?
Last day for returning the garden?
How many days do I have to return it?
How long can I return my Lumenry?
Until when can I return it?
What is the time limit for a return?
return how many days
Can I return it after three weeks?
How long is the return period?
""",
    ),
    Intent(
        "return_how",
        "returns",
        "Open My orders, tap Return and print the label. Returns are free.",
        """
How do I return my garden?
How can I send it back?
return label
I want to return my Lumenry. What are the steps?
Where do I get a label for the return?
Does a return cost me anything?
Please explain how a return works.
send back how
I do not like it and want to give it back. How?
Who pays for the parcel when I return something?
how to retern it
Take this thing back, I do not want it any more!
Is returning free of charge?
What must I do to ship the product back to you?
How can I return my Lumenry?
How do I send my garden back?
Where do I print the return label?
I want to return it. How does that work?
return
Are returns free?
I want to send my garden back.
""",
    ),
    Intent(
        "refund_time",
        "returns",
        "Your money is back within five days after we get the parcel.",
        """
When do I get my money back?
How long does a refund take?
refund time
I sent my garden back last week. Where is my money?
How many days until I see the refund?
Still no refund! How long must I wait?
Please tell me when the refund will be paid.
refund when
My return has arrived at your place. When will you pay me?
How quickly do you pay back after a return?
when will i recieve my refund
I returned it and my bank shows nothing yet.
Is the money returned right away?
Waiting time for repayment?
When will I get my refund?
How long until I get my money back?
Where is my refund?
When do you send my money back?
money back when
How many days does the refund take?
I returned it. When do I get my money?
""",
    ),
    Intent(
        "warranty_length",
        "warranty",
        "Every Lumenry has a warranty of two years.",
        """
How long is the warranty?
Do I have a guarantee on my garden?
warranty?
I bought it 18 months ago. Is it still under warranty?
For how many years is the device covered?
When does my warranty end?
Please tell me the length of the guarantee.
guarantee how many years
Is there a warranty, and for how long?
My Lumenry is one year old. Does the guarantee still count?
waranty time
How much time is the product guaranteed for?
Years of cover on a new garden?
Is the guarantee just one year like for other brands?
How long is my warranty?
How many years of warranty do I have?
How long is the guarantee?
Is there a warranty?
warranty years
How many years is the warranty?
What is the length of the warranty?
""",
    ),
    Intent(
        "warranty_cover",
        "warranty",
        "The warranty covers the lamp, the pump and the electronics, but not pods or damage from a fall.",
        """
What does the warranty cover?
Is the pump part of the warranty?
what is covered
I dropped my garden. Does the warranty pay for it?
Are the pods included in the guarantee?
Which parts does the guarantee include?
Please tell me what is included in the warranty.
warranty parts covered
It fell off the table, is that a warranty case?
Does the guarantee pay for a broken lamp?
what does garantee include
Is damage from falling excluded from the guarantee?
What would not be paid under warranty?
Electronics failed: do I have cover for that?
What is covered by the warranty?
Is the lamp covered by the warranty?
Are pods covered by the warranty?
What does the guarantee cover?
warranty cover
Does the warranty cover the pump?
Does the warranty cover a fall?
""",
    ),
    Intent(
        "warranty_claim",
        "warranty",
        "Send us a photo and your receipt at help@lumenry.example and we answer within two days.",
        """
How do I make a warranty claim?
My device broke and is under warranty. What now?
warranty claim
Where do I send my guarantee case?
What do you need from me for a warranty repair?
I want to use my warranty. Who do I write to?
Please explain the claim process.
claim guarantee how
It broke after one year, and now I want a repair under guarantee.
Which papers do I need for the warranty?
how to clame warranty
Where can I hand in a claim?
Steps for a guarantee repair?
My garden died, it is in warranty, who do I contact with the receipt?
How can I claim my warranty?
Where do I send my warranty claim?
I want to make a warranty claim.
What do I need for a warranty claim?
claim warranty
My garden is broken. How do I use the warranty?
How does a warranty claim work?
""",
    ),
    Intent(
        "spare_part",
        "warranty",
        "A new {part} costs {cost} euros. You find it in the shop under Parts.",
        """
Can I buy a new {part}?
Where can I get a {part}?
{part} spare
I need a {part} for my garden. How much is it?
What does a replacement {part} cost?
Do you sell the {part} on its own?
Please tell me the price of a spare {part}.
new {part} price
My {part} is worn out and I want to order another one.
I lost the {part} when I moved. Where do I buy one?
replacment {part}
How do I order a {part}?
Is the {part} available as a spare part?
The cat chewed my {part}, so I must buy a fresh one. Where?
Where can I buy a {part}?
How much is a new {part}?
I need a new {part}.
Do you sell a spare {part}?
{part} price
What does a new {part} cost?
How can I get a new {part}?
""",
    ),
    Intent(
        "error_code",
        "errors",
        "{code} means that {meaning}. {fix}.",
        """
What does {code} mean?
My garden shows {code}.
{code}
The display says {code}. What should I do?
I get the error {code} all the time.
How do I fix error {code}?
Please explain the code {code}.
error {code} help
There is an {code} on the screen since this morning.
Why does it show {code}?
It beeps and says {code}, what now?
{code} again!! Make it go away!
My Lumenry stopped and I can read {code} on it.
eror code {code}
What is the meaning of the message {code} on my garden?
I came home and found {code} blinking. Is it serious?
Could you tell me how to clear {code}?
code {code} what to do
What is {code}?
What is error {code}?
The garden shows error {code}.
I see {code} on the display.
{code} error
What do I do about {code}?
My garden says {code}.
""",
    ),
    # ---------------------------------------------------- payment and contact
    Intent(
        "payment",
        "payment",
        "You can pay by card, bank transfer or on invoice.",
        """
How can I pay?
Which payment methods do you take?
payment options
Can I pay by card?
I do not have a credit card. How else can I pay?
Do you accept bank transfer?
Please list the ways to pay.
pay how
What kinds of payment are possible in your shop?
Is paying after delivery on invoice possible?
payement methods
I would like to order but how does one pay?
Is cash ok, or what do you accept?
What can I use to pay at checkout?
How do I pay?
What are the payment methods?
Can I pay with a card?
Can I pay by bank transfer?
ways to pay
How can I pay for my order?
Can I pay on invoice?
""",
    ),
    Intent(
        "instalments",
        "payment",
        "Yes, you can pay in three parts at no extra cost. Pick Three parts at checkout.",
        """
Can I pay in instalments?
Is it possible to pay in parts?
instalments
I cannot pay it all at once. Can I split it?
Do you offer monthly payments?
Can the price be divided over several months?
Please tell me if you allow payment in rates.
split payment
It is a lot of money for me. Could I pay bit by bit?
Does paying in parts cost extra?
pay in installmets
Three payments instead of one, can that be done?
Is there some kind of financing?
Partial payments offered?
Can I pay in three parts?
Can I pay in parts?
Can I split the payment?
Is it possible to pay in instalments?
pay in parts
Can I pay each month?
I want to pay in instalments.
""",
    ),
    Intent(
        "gift_card",
        "payment",
        "Yes, we have gift cards for 25, 50 and 100 euros. They are valid for three years.",
        """
Do you have gift cards?
Can I buy a voucher?
gift card
I want to give Lumenry as a present, but let him choose. Is there a voucher?
What amounts do your gift cards have?
How long is a gift card valid?
Please tell me about your vouchers.
voucher values
My aunt gave me a gift card last year. Is it still good?
Is there a coupon that I can give to a friend for Christmas?
gift crad amounts
For how many euros can I get a gift certificate?
Do gift cards run out?
Looking for a present in form of a card with money on it.
Do you sell gift cards?
Can I buy a gift card?
What gift cards do you have?
How long are gift cards valid?
gift cards
How much is a gift card?
I want to buy a gift card for a friend.
""",
    ),
    Intent(
        "discount",
        "payment",
        "Students get 10 percent off, and new readers of our newsletter get 5 euros off.",
        """
Do you have a discount?
Is there a student discount?
discount code
I am a student. Can I get it cheaper?
How can I save money on my order?
Are there any offers right now?
Please tell me if there is a price reduction.
promo code?
It is a bit too expensive. Can you give me a better price?
What do I get for signing up to the newsletter?
discont for students
Any way to pay less?
Where can I find a coupon code for the shop?
I study in Berlin and money is tight. Any deal for me?
Is there a discount for students?
Do students get a discount?
Can I get a discount?
Do you have a discount code?
student discount
I am a student. Do I get a discount?
Is there a discount for the newsletter?
""",
    ),
    Intent(
        "contact_hours",
        "contact",
        "Our team is here from Monday to Friday, 9 to 17.",
        """
When can I reach you?
What are your opening hours?
support hours
Are you there on weekends?
At what time does your help desk open?
I called on Sunday and nobody answered. When are you there?
Please tell me your business hours.
when are you open
Until what time can I call today?
Is someone working on Saturday?
openning times support
What days does your team work?
Hours of customer service?
Nobody picks up at eight in the evening. When should I try?
When is your team there?
What are your support hours?
On which days can I reach you?
opening hours
Is your team there on Saturday?
When can I call you?
""",
    ),
    Intent(
        "human",
        "contact",
        "Of course. Call us at 0800 555 010 or write to help@lumenry.example.",
        """
I want to talk to a human.
Can I speak with a real person?
human please
What is your phone number?
Give me someone who can help, not a robot!
How can I contact customer service?
Please connect me to an employee.
phone number
I need to call somebody. Where can I call?
What is the email address of your support?
speak to somebody
Do you have a hotline?
I am tired of typing to a machine.
How do I reach a member of your staff?
Can I talk to a person?
I want to speak to a real person.
How can I call you?
What is your email address?
talk to human
Can I call someone?
I need a human, please.
""",
    ),
    Intent(
        "thanks",
        "contact",
        "You are welcome! Happy growing.",
        """
Thank you!
Thanks a lot for your help.
thx
That solved it, many thanks.
Great, it works now. Thank you very much.
Perfect, that was all I needed.
You have been very helpful, I am grateful.
ok thanks bye
Wonderful service, cheers!
Thnak you so much
Alright, problem solved, thanks.
I appreciate your quick reply.
That is exactly what I wanted to know, thanks.
Super, have a nice day!
Thanks!
Thank you very much!
Thanks for your help.
Thank you so much for the help.
Many thanks, that helps.
Great, thank you!
""",
    ),
]

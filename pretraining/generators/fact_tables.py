"""Common knowledge written as tables: one entry per line, fields separated by a vertical bar or a colon."""

from __future__ import annotations


def rows(table: str, mark: str = ":") -> list[list[str]]:
    """Split a table at semicolons and its entries at the mark."""
    flat = " ".join(table.split())
    return [[field.strip() for field in entry.split(mark)] for entry in flat.split(";") if entry.strip()]


CAPITALS = rows("""
France:Paris; Germany:Berlin; Italy:Rome; Spain:Madrid; Portugal:Lisbon; Greece:Athens; Poland:Warsaw;
Austria:Vienna; Hungary:Budapest; Sweden:Stockholm; Norway:Oslo; Denmark:Copenhagen; Finland:Helsinki;
Iceland:Reykjavik; Ireland:Dublin; Belgium:Brussels; Russia:Moscow; Ukraine:Kyiv; Romania:Bucharest; Bulgaria:Sofia;
Serbia:Belgrade; Croatia:Zagreb; Slovenia:Ljubljana; Slovakia:Bratislava; Turkey:Ankara; Egypt:Cairo; Morocco:Rabat;
Kenya:Nairobi; Ethiopia:Addis Ababa; Ghana:Accra; Nigeria:Abuja; Senegal:Dakar; Tunisia:Tunis; Algeria:Algiers;
Japan:Tokyo; China:Beijing; South Korea:Seoul; India:New Delhi; Thailand:Bangkok; Vietnam:Hanoi;
Mongolia:Ulaanbaatar; Nepal:Kathmandu; Pakistan:Islamabad; Iran:Tehran; Iraq:Baghdad; Jordan:Amman; Lebanon:Beirut;
Canada:Ottawa; Mexico:Mexico City; Cuba:Havana; Jamaica:Kingston; Peru:Lima; Chile:Santiago; Argentina:Buenos Aires;
Brazil:Brasilia; Colombia:Bogota; Ecuador:Quito; Uruguay:Montevideo; Venezuela:Caracas; Australia:Canberra; New
Zealand:Wellington; Estonia:Tallinn; Latvia:Riga; Lithuania:Vilnius; Cyprus:Nicosia; Malta:Valletta;
Georgia:Tbilisi; Armenia:Yerevan; Albania:Tirana; Uganda:Kampala; Zambia:Lusaka; Rwanda:Kigali; Angola:Luanda;
Bangladesh:Dhaka; Cambodia:Phnom Penh""")
CONTINENTS = rows("""
France:Europe; Germany:Europe; Italy:Europe; Spain:Europe; Poland:Europe; Norway:Europe; Egypt:Africa; Kenya:Africa;
Ghana:Africa; Nigeria:Africa; Morocco:Africa; Japan:Asia; China:Asia; India:Asia; Thailand:Asia; Vietnam:Asia;
Nepal:Asia; Canada:North America; Mexico:North America; Cuba:North America; Peru:South America; Chile:South America;
Brazil:South America; Argentina:South America; Sweden:Europe; Greece:Europe""")
LANGUAGES = rows("""
France:French; Germany:German; Italy:Italian; Spain:Spanish; Portugal:Portuguese; Brazil:Portuguese; Mexico:Spanish;
Japan:Japanese; China:Chinese; Russia:Russian; Poland:Polish; Sweden:Swedish; Norway:Norwegian; Denmark:Danish;
Turkey:Turkish; Egypt:Arabic; Greece:Greek; Hungary:Hungarian; Finland:Finnish; Austria:German; Argentina:Spanish;
Thailand:Thai; Vietnam:Vietnamese; Iceland:Icelandic""")
# animal : young : home : food : legs : ability/feature : class
ANIMALS = rows("""
dog:puppy:a kennel:meat:4:can smell very well:mammal;cat:kitten:a house:mice and fish:4:sleeps a lot and hunts at
night:mammal; cow:calf:a barn:grass:4:gives milk:mammal;horse:foal:a stable:hay and oats:4:can run fast and carry
people:mammal;sheep:lamb:a meadow:grass:4:gives wool:mammal;pig:piglet:a sty:almost anything:4:likes to roll in the
mud:mammal;hen:chick:a coop:grain and worms:2:lays eggs:bird;duck:duckling:a pond:plants and insects:2:can swim and
fly:bird;bee:larva:a hive:nectar:6:makes honey:insect;frog:tadpole:a pond:insects:4:can jump far:amphibian;
lion:cub:the savanna:meat:4:has a loud roar:mammal;bear:cub:the forest:berries, fish and meat:4:sleeps through much
of the winter:mammal;rabbit:kit:a burrow:grass and carrots:4:has long ears:mammal;fox:cub:a den:small animals:4:has
a bushy tail:mammal;kangaroo:joey:the dry plains of Australia:grass:4:carries its young in a
pouch:mammal;eagle:eaglet:a nest high in the rocks:small animals:2:has very sharp eyes:bird;owl:owlet:a hollow
tree:mice:2:hunts at night:bird;penguin:chick:icy coasts:fish:2:cannot fly but swims very
well:bird;elephant:calf:the savanna:leaves and grass:4:has a long trunk:mammal;giraffe:calf:the savanna:leaves:4:has
a very long neck:mammal;camel:calf:the desert:dry plants:4:can live for days without water:mammal;whale:calf:the
sea:tiny animals and fish:0:breathes air although it lives in water:mammal;dolphin:calf:the sea:fish:0:is very
clever and playful:mammal;shark:pup:the sea:fish:0:has many rows of teeth:fish;snake:snakelet:dry and warm
places:small animals:0:moves without legs:reptile; tortoise:hatchling:dry land:leaves:4:carries a hard
shell:reptile;crocodile:hatchling:warm rivers:meat:4:has strong jaws:reptile;spider:spiderling:a web:insects:8:spins
silk:arachnid;butterfly:caterpillar:gardens and meadows:nectar:6:has colourful wings:insect;ant:larva:a nest in the
ground:almost anything:6:works together with thousands of others:insect;goat:kid:a shed or the hills:grass and
leaves:4:climbs very well:mammal; deer:fawn:the forest:leaves and grass:4:is shy and quick:mammal;wolf:cub:the
forest:meat:4:lives in a pack:mammal;swan:cygnet:a lake:water plants:2:has a long white neck:bird;goose:gosling:a
farm or a lake:grass:2:flies south in winter:bird;hedgehog:hoglet:gardens and hedges:insects and worms:4:has
thousands of spines:mammal;bat:pup:caves and attics:insects:2:is the only mammal that can really
fly:mammal;squirrel:kit:a nest in a tree:nuts:4:hides nuts for the winter:mammal;seal:pup:cold coasts:fish:0:is a
very good swimmer:mammal;monkey:infant:warm forests:fruit and leaves:4:is a good climber:mammal;octopus:larva:the
sea:crabs:8:has eight arms:mollusc;snail:hatchling:damp gardens:leaves:0:carries its house on its back:mollusc""")
OPPOSITES = rows("""
hot:cold; big:small; fast:slow; old:young; new:old; light:dark; heavy:light; happy:sad; high:low; full:empty;
early:late; rich:poor; hard:soft; open:closed; wet:dry; clean:dirty; strong:weak; loud:quiet; near:far; long:short;
thick:thin; wide:narrow; deep:shallow; sweet:sour; right:wrong; good:bad; true:false; cheap:expensive;
easy:difficult; brave:cowardly; kind:cruel; polite:rude; safe:dangerous; full:hungry; smooth:rough; sharp:blunt;
alive:dead; awake:asleep; married:single; first:last; always:never; begin:end; buy:sell; give:take; push:pull;
win:lose; love:hate; remember:forget; arrive:leave; laugh:cry; ask:answer; up:down; in:out; before:after;
above:below; left:right; inside:outside; day:night; summer:winter; north:south; east:west; friend:enemy;
question:answer; noise:silence; war:peace; beginning:end; success:failure; top:bottom; front:back;
increase:decrease; raise:lower; accept:refuse; build:destroy; lend:borrow; whisper:shout; modern:ancient;
simple:complicated; public:private; patient:impatient; possible:impossible; careful:careless; useful:useless""")
SYNONYMS = rows("""
big:large; small:little; quick:fast; begin:start; happy:glad; sad:unhappy; clever:smart; shop:store; buy:purchase;
help:assist; answer:reply; finish:complete; difficult:hard; easy:simple; strange:odd; angry:cross; tired:weary;
beautiful:lovely; important:essential; wrong:incorrect; right:correct; choose:select; fix:repair; show:display;
talk:speak; look:glance; rich:wealthy; brave:courageous; calm:peaceful; funny:amusing; gift:present; street:road;
error:mistake; job:occupation; trip:journey; house:home; close:shut; get:receive; keep:retain; need:require;
ask:enquire; try:attempt; allow:permit; enough:sufficient; nearly:almost; often:frequently; rarely:seldom;
maybe:perhaps; under:below; child:kid; sick:ill; thin:slim; cold:chilly; afraid:scared""")
MATERIALS = rows("""
table:wood;window:glass;bottle:glass or plastic;nail:iron;ring:gold or
silver;sweater:wool;shirt:cotton;shoe:leather;brick:clay;
candle:wax;tyre:rubber;newspaper:paper;coin:metal;cup:porcelain;knife:steel;rope:hemp or nylon;pillow:cloth and
feathers;statue:stone or bronze; can:tin or aluminium;bucket:plastic or metal;sail:strong
cloth;road:asphalt;bridge:steel and concrete;basket:willow branches;pencil:wood and graphite;mirror:glass with a
thin layer of metal;wire:copper;raincoat:waterproof cloth;jar:glass;chair:wood or metal;bread:flour and water;
cheese:milk;wine:grapes;chocolate:cocoa beans;butter:cream;paper:wood fibres;jam:fruit and sugar;tea:the leaves of
the tea plant;ink:water and colour;sand:tiny grains of stone""")
COLOURS = rows("""
grass:green;the sky on a clear day:blue;snow:white;a ripe tomato:red;coal:black;a lemon:yellow;an orange:orange;a
ripe banana:yellow; blood:red;milk:white;chocolate:brown;a plum:purple;the sea:blue;a carrot:orange;a crow:black;a
strawberry:red;a flamingo:pink;an elephant:grey; salt:white;a sunflower:yellow;spinach:green;a frog:usually
green;rust:reddish brown;a swan:usually white;gold:yellow;ivory:creamy white""")
JOBS = rows("""
teacher:teaches children or adults:a school;nurse:takes care of sick people:a hospital;baker:bakes bread and cakes:a
bakery;farmer:grows food and keeps animals:a farm;carpenter:builds things from wood:a workshop;plumber:repairs pipes
and taps:houses;electrician:installs and repairs electric cables:buildings;pilot:flies aeroplanes:the
air;sailor:works on a ship:the sea;librarian:looks after books:a library;mechanic:repairs cars and machines:a
garage;tailor:makes and alters clothes:a workshop;journalist:writes news:a newspaper;photographer:takes pictures:a
studio;firefighter:puts out fires:a fire station;judge:decides cases:a court;dentist:looks after teeth:a dental
practice;gardener:takes care of plants:gardens and parks; architect:draws plans for buildings:an
office;waiter:serves food and drinks:a restaurant;cook:prepares meals:a kitchen;actor:plays roles:a theatre;
musician:plays music:concert halls;painter:paints walls or pictures:a studio;butcher:sells meat:a
shop;hairdresser:cuts hair:a salon; postman:delivers letters and parcels:the streets;astronaut:travels into space:a
space station;miner:digs for coal or metal:a mine; fisherman:catches fish:a boat;translator:turns texts from one
language into another:an office;vet:treats animals:an animal clinic;cashier:takes the money from customers:a
supermarket;optician:sells glasses:a shop;shepherd:watches over sheep:the hills;beekeeper:keeps bees and collects
honey:an orchard;locksmith:makes keys and opens locks:a workshop;referee:makes sure that players follow the rules:a
sports field""")
TOOLS = rows("""
hammer:drive nails into wood;saw:cut wood;scissors:cut paper or cloth;needle:sew;spoon:eat soup;broom:sweep the
floor;ladder:reach high places;thermometer:measure temperature;ruler:measure length;clock:tell the time;scale:weigh
things;umbrella:stay dry in the rain;key:open a lock;compass:find north;telescope:look at the stars;microscope:look
at very small things;calculator:do sums;map:find the way;torch:see in the dark;oven:bake food;fridge:keep food
cold;kettle:boil water;iron:make clothes smooth;comb:tidy hair;toothbrush:clean teeth;towel:dry
yourself;pen:write;eraser:remove pencil marks;spade:dig holes;rake:gather leaves;bucket:carry water;screwdriver:turn
screws;brush:paint; corkscrew:open wine bottles;sieve:separate large pieces from small ones;whisk:beat
eggs;grater:grate cheese;camera:take pictures;stamp:pay for sending a letter;anchor:keep a ship in
place;parachute:fall slowly from a great height;helmet:protect the head;candle:give light;pump:fill a tyre with
air;dictionary:look up words;calendar:see the date;backpack:carry things on your back;glasses:see better;pillow:rest
your head;tent:sleep outdoors;whistle:make a loud sound;printer:put text on paper;keyboard:type text;mop:wash the
floor""")
CATEGORIES = rows("""
fruits:apple, pear, banana, cherry, grape, plum, peach, orange, lemon, mango, melon, strawberry;vegetables:carrot,
potato, onion, cabbage, leek, spinach, cucumber, pepper, pea, bean, pumpkin, celery;colours:red, blue, green,
yellow, purple, orange, brown, black, white, pink, grey;animals:dog, cat, horse, cow, lion, rabbit, elephant, mouse,
wolf, sheep, tiger;birds:owl, eagle, robin, crow, swan, duck, parrot, sparrow, pigeon, penguin;tools:hammer, saw,
drill, screwdriver, axe, file, spade, rake;furniture:table, chair, bed, sofa, wardrobe, shelf, desk, stool;
clothes:shirt, skirt, coat, hat, scarf, sock, jacket, dress, glove, belt;drinks:water, tea, coffee, juice, milk,
lemonade, cocoa, wine;musical instruments:piano, violin, guitar, flute, drum, trumpet, harp, cello,
clarinet;sports:football, tennis, swimming, basketball, hockey, rowing, boxing, cycling, skiing, golf;vehicles:car,
bus, train, bicycle, lorry, ship, tram, aeroplane, motorcycle;metals:iron, gold, silver, copper, tin, lead, zinc,
nickel;planets:Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus, Neptune;school subjects:history, geography,
mathematics, music, art, biology, chemistry, physics;flowers:rose, tulip, daisy, lily, sunflower, violet, poppy,
daffodil;trees:oak, pine, maple, birch, willow, beech, elm, fir, ash;rooms:kitchen, bathroom, bedroom, living room,
hall, attic, cellar;body parts:arm, leg, head, hand, foot, knee, nose, ear, shoulder;insects:ant, bee, fly, beetle,
butterfly, wasp, mosquito;spices:pepper, cinnamon, paprika, ginger, nutmeg, saffron, turmeric, cumin; jobs:teacher,
nurse, cook, pilot, farmer, baker, judge, painter;weather words:rain, snow, wind, fog, storm, sunshine,
hail;shapes:circle, square, triangle, rectangle, oval, star;family members:mother, father, sister, brother, aunt,
uncle, cousin, grandmother;feelings:joy, anger, fear, sadness, surprise, pride, envy;buildings:school, church,
hospital, factory, hotel, castle, museum;languages:English, French, Spanish, German, Italian, Chinese, Arabic,
Japanese;kitchen things:pan, pot, plate, spoon, fork, bowl, knife, cup""")
PASTS = rows("""
go:went; eat:ate; see:saw; buy:bought; take:took; come:came; give:gave; write:wrote; read:read; run:ran; sing:sang;
swim:swam; drive:drove; fly:flew; drink:drank; sleep:slept; think:thought; bring:brought; find:found; lose:lost;
make:made; tell:told; speak:spoke; break:broke; wear:wore; choose:chose; begin:began; forget:forgot; know:knew;
leave:left; meet:met; pay:paid; sell:sold; send:sent; sit:sat; stand:stood; teach:taught; throw:threw; win:won;
build:built; catch:caught; cut:cut; fall:fell; feel:felt; grow:grew; hear:heard; hide:hid; hold:held; keep:kept;
ride:rode; rise:rose; say:said; shake:shook; shine:shone; spend:spent; steal:stole; draw:drew; dig:dug; bite:bit;
blow:blew; freeze:froze; understand:understood""")
UNITS = rows("""
minutes:hour:60; seconds:minute:60; hours:day:24; days:week:7; months:year:12; days:year:365; centimetres:metre:100;
metres:kilometre:1,000; grams:kilogram:1,000; millilitres:litre:1,000; years:decade:10; years:century:100;
cents:dollar:100; eggs:dozen:12; millimetres:centimetre:10; seconds:hour:3,600; weeks:year:52; sides:triangle:3;
sides:square:4; wheels:bicycle:2; legs:spider:8; players:football team:11; letters:English alphabet:26;
strings:violin:4; strings:guitar:6; colours:rainbow:7; years:millennium:1,000; kilograms:tonne:1,000""")
DEFINITIONS = rows("""
island:a piece of land with water all around it;desert:a very dry area where few plants grow;volcano:a mountain that
can throw out hot rock and ash;harvest:the time when ripe crops are collected;recipe:a list of steps for cooking a
dish;receipt:a paper that shows what you have paid;invoice:a bill that lists goods or services and their
price;deadline:the time by which something must be finished;warranty:a promise to repair a product that breaks
within a certain time;refund:money that is given back to a customer;discount:an amount taken off the
price;password:a secret word that lets you use an account;orchard:a piece of land with fruit trees;harbour:a place
where ships are safe;bridge:a structure that lets people cross a river or a road;tunnel:a passage under the
ground;orphan:a child whose parents have died;twin:one of two children born together;neighbour:a person who lives
near you;stranger:a person you do not know;guest:a person who is invited to visit;customer:a person who buys goods
or services;passenger:a person who travels in a vehicle but does not drive it;author:a person who writes
books;audience:the people who watch or listen to a show;rumour:a story that is told but may not be true;proverb:a
short wise saying;diary:a book in which you write about each day;dictionary:a book that explains words;compass:a
tool that points north;eclipse:the moment when one object in space hides another;season:one of the four parts of the
year;dawn:the time when the sun rises;dusk:the time when the sun goes down;drought:a long time without rain;flood:a
large amount of water covering dry land;avalanche:a mass of snow that slides down a mountain;thunder:the loud noise
that follows lightning;hibernation:a long sleep of animals in winter;migration:the movement of animals or people
from one place to another;habitat:the place where an animal or plant naturally lives;predator:an animal that hunts
other animals;vegetarian:a person who does not eat meat;thirst:the feeling of wanting to drink;courage:the strength
to do something frightening;patience:the ability to wait calmly;envy:the wish to have what another person
has;gratitude:the feeling of being thankful;curiosity:the wish to know or learn something;honesty:the habit of
telling the truth;promise:words that say you will surely do something;compromise:an agreement in which each side
gives up something;apology:words that say you are sorry;complaint:a statement that something is
wrong;compliment:kind words about a person or a thing;warning:words that tell you about a danger;budget:a plan for
spending money;salary:the money that a worker gets every month;tax:money that people pay to the state;loan:money
that must be paid back;profit:the money that is left after all costs;queue:a line of waiting people; souvenir:a
thing that reminds you of a journey;luggage:the bags that you take on a journey;passport:a document for travelling
to other countries;timetable:a list of times when trains or classes start;detour:a longer way that avoids a closed
road;shortcut:a quicker way to a place; backup:a copy of data that is kept safe;browser:a program for looking at web
pages;battery:a part that stores electricity;screen:the part of a device that shows pictures;cable:a thick wire that
carries electricity or data;attachment:a file sent with an email;update:a newer version of a program; spreadsheet:a
program or file that arranges numbers in rows and columns;icon:a small picture that stands for a program;sculpture:a
work of art made by shaping stone, wood or metal;portrait:a picture of a person;landscape:a picture or view of the
countryside;melody:a series of notes that make a tune;rhythm:a regular pattern of beats;choir:a group of people who
sing together;orchestra:a large group of musicians;stage:the place in a theatre where actors perform;rehearsal:a
practice before a show;champion:the winner of a competition;referee:the person who watches over the rules of a
game;referendum:a vote in which all people decide on a question;election:an event in which people vote;mayor:the
head of a town;law:a rule that everyone in a country must follow;witness:a person who saw what
happened;evidence:facts that show that something is true;experiment:a test that is done to learn
something;gravity:the force that pulls things to the ground;oxygen:a gas in the air that we need to
breathe;vapour:water in the form of gas;magnet:a piece of metal that attracts iron;fossil:the remains of a very old
plant or animal in stone;glacier:a huge mass of ice that moves slowly;valley:low land between hills;peninsula:land
that is almost surrounded by water;border:the line between two countries;horizon:the line where the sky seems to
meet the earth;equator:the imaginary line around the middle of the earth;pollen:the fine powder of flowers;root:the
part of a plant that is under the ground;seed:the small part from which a new plant grows;nest:a home that a bird
builds;flock:a group of birds or sheep;herd:a group of large animals;swarm:a large group of insects;pack:a group of
wolves or dogs;bunch:a number of things held together;slice:a thin flat piece cut from food;crumb:a very small piece
of bread or cake;dough:a soft mixture of flour and water;oven:a closed space for baking;appetite:the wish to
eat;banquet:a big festive meal;picnic:a meal that is eaten outdoors;leftovers:food that remains after a meal;apron:a
piece of cloth that keeps clothes clean while cooking;attic:the space under the roof of a house;cellar:a room under
a house;balcony:a platform on the outside of a building; chimney:a pipe that takes smoke out of a house;fence:a
barrier around a garden or a field;lawn:an area of short grass;landlord:a person who owns a house and rents it to
others;tenant:a person who pays rent for a home""")
WHY = rows("""
do we sleep:the body and the brain need rest to recover and to sort what was learned during the day;does ice
float:ice is lighter than the same amount of water;is the sky blue:the air scatters blue light more than the other
colours;do leaves fall in autumn:trees save water and energy for the winter;do we have seasons:the earth is tilted
as it travels around the sun;do ships float:they push away water that weighs as much as they do;do birds fly south
in winter:there is more food in warm places;is it dark at night:our side of the earth is turned away from the sun;do
we wear coats in winter:a coat keeps the warmth of the body inside;does bread rise:the yeast makes small bubbles of
gas in the dough;do we put food in the fridge:cold slows down the growth of germs;does metal rust:iron reacts with
water and air;should you wash your hands:soap and water remove dirt and germs;do we use passwords:they keep other
people out of our accounts;do people recycle paper:it saves wood and energy;do cats purr:they often purr when they
feel comfortable;do bees visit flowers:they collect nectar and pollen there;do we see lightning before we hear
thunder:light travels much faster than sound;does the moon shine:it reflects the light of the sun;do plants need
light:they use it to make their own food;do onions make us cry:cutting them sets free a gas that irritates the
eyes;is the sea salty:rivers wash salts out of the rocks and carry them into the sea;do we brush our teeth:brushing
removes the film that damages them;do camels have humps:they store fat in them;do tyres have a pattern:it pushes
water aside and gives a better grip;should you back up your files:a device can break or get lost at any time;do we
stretch after sport:it helps the muscles to relax;do days get longer in spring:our half of the earth leans more and
more towards the sun;does a balloon rise:the gas in it is lighter than the air around it;do shops ask for a
receipt:it shows when and where something was bought""")

"""Word banks: invented people, places, businesses and everyday things."""

from __future__ import annotations

import random

FEMALE = """Anna Maria Sofia Clara Ines Nora Ruth Helen Priya Mei Amina Greta Lucia Hanna Olga Tara Zoe Ivy Elena Marta
Freya Leila Naomi Rosa Judith Paula Carmen Yuki Sana Bella Daisy Edith Fiona Gina Holly Irene Joan Kate Laura Mina Nina
Petra Renata Sara Thea Vera Wendy Alma Bianca Dora Emilia Farah Gloria Hilda Isla Jasmine Kira Lena Mabel Nadia Opal
Pearl Rhea Stella Tilda Una Violet Willa Yara Agnes Beth Celia Delia Esther Flora Grace Heidi Joyce Lydia""".split()
MALE = """Tom Peter Samuel Omar Luis Ivan Felix Hugo Arthur Ben Carlos David Erik Frank George Henry Ian Jonas Karl Leo
Marco Nils Oscar Paul Quentin Ravi Simon Theo Victor Walter Adam Boris Colin Daniel Edgar Farid Gavin Hassan Isaac Jamal
Kofi Lars Mateo Noah Otto Pablo Rafael Stefan Tariq Umar Vikram William Yusuf Zane Albert Bruno Cyrus Derek Emil Finn
Gustav Harold Igor Jack Kenji Liam Martin Neil Oliver Philip Robin Stanley Toby Vincent Wesley Anton Basil""".split()
SURNAMES = """
Adler Barlow Castell Denholm Ellery Farrow Garrick Hollis Ingram Jarvis Kendal Lowther Mercer Norwood Oakes Pellman
Quill Radcliffe Sorensen Tarrant Upton Varga Whitlock Yardley Zeller Abbot Brandt Cortez Dalton Easton Fenwick
Granger Hale Ibarra Jensen Kowal Larkin Moreno Nakano Osei Patel Quigley Rossi Singh Tanaka Usman Vance Wren Young
Zhou Ashby Bellamy Crane Dorsey Egan Flint Goodwin Hurst Ivers Joyner Keane Lister Marlow Nash Orr Pryce Rowan Stone
Thorne Archer Baker Carter Drummond Fisher Gibbs Haines Kemp Lang Mason Noble Parker Reeves Shaw Turner Webb""".split()
PLACE_HEAD = """Alder Ash Bram Brook Calder Carl Dun East El Fair Glen Grey Hart Hazel High Iron Kings Lang Lin Long Mar
Mel Mill Nor North Oak Pem Quarry Raven Red Rose Sand Sel Silver South Stan Stone Sun Thorn Tim Wal West Whit Wil Win
Wood York Birch Black Copper Cold Deer Elm Fox Gold Hollow Lark Maple Moss Otter Pine Swan Wren""".split()
PLACE_TAIL = """bridge brook bury by combe cross dale den field ford gate ham haven hill holm hurst land leigh ley low
mere minster moor mouth port ridge stead ster stone ton vale view wick wood worth""".split()
SHOP_HEAD = """
Harlow Pinewood Marigold Old Mill Copper Pot Bluebell Sunny Side Red Door Willow Golden Crane Corner Silver Oak
Maple Leaf Two Foxes Green Gate Morning Star Happy Badger Stone Bridge Little Wren Juniper Cobble White Heron Amber
Rosewood Clover Wild Thyme Northgate Plum Tree Bright Penny Quick Hare Cedar Lantern Saffron Riverbend Ivory Meadow
Tall Pines Blue Anchor Hilltop Velvet Lemon Drop Paper Moon Iron Horse Snowdrop Elderberry Sandpiper Thistle""".split()
SHOP_KINDS = {
    "bookshop": ["Books", "Bookshop", "Book House", "Pages"],
    "bakery": ["Bakery", "Bread", "Bakehouse"],
    "bicycle shop": ["Cycles", "Bikes", "Bicycle Works"],
    "hotel": ["Hotel", "Inn", "Guest House"],
    "restaurant": ["Kitchen", "Restaurant", "Table"],
    "clothing store": ["Clothing", "Outfitters", "Wear"],
    "electronics store": ["Electronics", "Devices", "Tech"],
    "furniture store": ["Furniture", "Home", "Interiors"],
    "toy shop": ["Toys", "Toy Box", "Games"],
    "gym": ["Gym", "Fitness", "Sports Club"],
    "hair salon": ["Hair", "Salon", "Hair Studio"],
    "pet shop": ["Pets", "Pet Supplies", "Animal Store"],
    "music school": ["Music School", "Music Academy"],
    "cinema": ["Cinema", "Picture House"],
    "travel agency": ["Travel", "Tours", "Journeys"],
    "shoe shop": ["Shoes", "Footwear"],
    "phone company": ["Mobile", "Telecom"],
    "internet provider": ["Broadband", "Internet"],
    "flower shop": ["Flowers", "Florist"],
    "grocery store": ["Market", "Foods", "Grocers"],
    "car rental company": ["Car Rental", "Cars"],
    "language school": ["Language School", "Languages"],
    "swimming pool": ["Pool", "Swim Centre"],
    "bank": ["Bank", "Savings Bank"],
    "museum": ["Museum", "Gallery"],
    "cleaning service": ["Cleaning", "Home Care"],
    "coffee shop": ["Coffee", "Cafe", "Coffee House"],
    "craft shop": ["Crafts", "Yarn and Crafts"],
    "camping shop": ["Outdoors", "Camping"],
    "streaming service": ["Stream", "Films Online"],
    "office supplier": ["Office Supplies", "Stationery"],
}
PRODUCTS = {
    "kitchen": "electric kettle,toaster,blender,frying pan,coffee machine,rice cooker,chopping board,mixing "
    "bowl,kitchen "
    "scale,bread knife,teapot,oven glove,hand mixer,slow cooker,salad spinner,water jug,lunch box",
    "devices": "phone,laptop,tablet,printer,keyboard,monitor,camera,smart watch,radio,speaker,router,power "
    "bank,charger,"
    "memory card,web camera,desk lamp,game console,projector,hard drive,microphone",
    "home": "bookshelf,armchair,mattress,carpet,curtain,mirror,table lamp,wardrobe,desk,office "
    "chair,cushion,blanket,wall "
    "clock,coffee table,candle,picture frame,laundry basket,ironing board,vacuum cleaner,fan,heater,towel",
    "clothes": "jacket,raincoat,sweater,shirt,dress,skirt,hat,belt,scarf,winter coat,hoodie,cardigan,tie,swimsuit,"
    "backpack,handbag,wallet,umbrella,pair of boots,pair of gloves,pair of jeans,pair of sandals",
    "garden": "spade,rake,watering can,lawn mower,garden hose,flower pot,wheelbarrow,garden bench,bird feeder,parasol",
    "sport": "tennis racket,football,yoga mat,bicycle,helmet,skateboard,tent,sleeping bag,water bottle,skipping rope,"
    "swimming cap,table tennis set,fishing rod,running vest,rucksack,canoe paddle,badminton set",
    "toys": "puzzle,board game,teddy bear,toy train,doll's house,kite,set of building blocks,paint set,card "
    "game,scooter,"
    "spinning top,toy robot,modelling kit",
    "paper": "notebook,novel,cookbook,travel guide,dictionary,calendar,fountain pen,box of "
    "pencils,sketchbook,poster,diary,"
    "map,children's book,set of envelopes,stapler",
    "tools": "hammer,screwdriver set,cordless drill,ladder,toolbox,tape measure,paint roller,torch,saw,extension cable",
    "music": "guitar,violin,keyboard stand,flute,drum kit,ukulele,harmonica,music stand,pair of headphones",
}
PRODUCTS_BY_GROUP: dict[str, list[str]] = {group: value.split(",") for group, value in PRODUCTS.items()}
ALL_PRODUCTS: list[str] = [item for group in PRODUCTS_BY_GROUP.values() for item in group]
COLOURS = "red,blue,green,black,white,grey,yellow,purple,brown,orange,pink,silver,navy,beige,turquoise,cream".split(",")
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
ANIMALS = """
dog cat horse cow sheep goat pig rabbit hedgehog fox owl robin duck goose swan otter beaver squirrel mouse bear wolf
deer turtle frog parrot crow pigeon donkey pony hamster tortoise badger mole bat heron penguin seal dolphin""".split()
FOODS = """apple pie,vegetable soup,fried rice,lentil stew,pancakes,roast chicken,tomato pasta,mushroom risotto,
potato salad,cheese omelette,fish tacos,carrot cake,chocolate biscuits,bean chilli,onion tart,rice pudding,noodle soup,
garlic bread,fruit salad,lemon cake,pumpkin curry,spinach quiche,baked potatoes,stuffed peppers,banana bread,leek soup,
meatballs,vegetable lasagne,dumplings,plum jam,oat porridge,corn bread,apple crumble,grilled cheese""".replace(
    "\n", ""
).split(",")
HOBBIES = """painting,fishing,chess,knitting,gardening,swimming,cycling,baking,photography,reading,hiking,pottery,
singing,running,dancing,sailing,drawing,woodworking,birdwatching,climbing,skating,sewing,astronomy,juggling,
writing poems,collecting stamps,playing the guitar,playing the piano,learning languages,restoring old clocks""".replace(
    "\n", ""
).split(",")
JOBS = """teacher,nurse,carpenter,baker,pilot,gardener,farmer,plumber,engineer,librarian,musician,painter,mechanic,
electrician,journalist,photographer,bus driver,firefighter,shopkeeper,tailor,architect,waiter,lawyer,accountant,
translator,scientist,postman,hairdresser,sailor,builder,chef,dentist,police officer,designer,cleaner,actor,
shepherd,train conductor,potter,bookseller,florist,cook,tour guide,secretary""".replace("\n", "").split(",")


_SHOP_PAIRS = {
    "Old": "Mill",
    "Copper": "Pot",
    "Sunny": "Side",
    "Red": "Door",
    "Golden": "Crane",
    "Silver": "Oak",
    "Maple": "Leaf",
    "Two": "Foxes",
    "Green": "Gate",
    "Morning": "Star",
    "Happy": "Badger",
    "Stone": "Bridge",
    "Little": "Wren",
    "White": "Heron",
    "Wild": "Thyme",
    "Plum": "Tree",
    "Bright": "Penny",
    "Quick": "Hare",
    "Cedar": "Lantern",
    "Ivory": "Meadow",
    "Tall": "Pines",
    "Blue": "Anchor",
    "Lemon": "Drop",
    "Paper": "Moon",
    "Iron": "Horse",
}
_SECONDS = sorted(_SHOP_PAIRS.values())
_SINGLES = [word for word in SHOP_HEAD if word not in _SHOP_PAIRS and word not in _SECONDS]


def first_name(rng: random.Random) -> str:
    """A given name of either kind."""
    return rng.choice(FEMALE if rng.random() < 0.5 else MALE)


def full_name(rng: random.Random) -> str:
    """A given name and a surname."""
    return f"{first_name(rng)} {rng.choice(SURNAMES)}"


def place(rng: random.Random) -> str:
    """An invented town."""
    head, tail = rng.choice(PLACE_HEAD), rng.choice(PLACE_TAIL)
    while head[-1] == tail[0] or head.lower() == tail:
        tail = rng.choice(PLACE_TAIL)
    return head + tail


def street(rng: random.Random) -> str:
    """An invented street address without the town."""
    name = (
        rng.choice(PLACE_HEAD) + rng.choice(["", "", "wood", "field"]) if rng.random() < 0.6 else rng.choice(SURNAMES)
    )
    return f"{rng.randrange(1, 140)} {name} {rng.choice(['Street', 'Road', 'Lane', 'Avenue', 'Square', 'Court'])}"


def business(rng: random.Random) -> tuple[str, str]:
    """An invented business as (name, kind)."""
    kind = rng.choice(list(SHOP_KINDS))
    tail = rng.choice(SHOP_KINDS[kind])
    draw = rng.random()
    if draw < 0.3:
        head = rng.choice(_SINGLES)
    elif draw < 0.6:
        head = f"{rng.choice(list(_SHOP_PAIRS))} {rng.choice(_SECONDS)}"
    elif draw < 0.8:
        head = place(rng)
    else:
        head = rng.choice(SURNAMES)
        if rng.random() < 0.3:
            head = f"{head} and {rng.choice(SURNAMES)}"
    return f"{head} {tail}", kind


def product(rng: random.Random) -> str:
    """A thing that can be bought."""
    return rng.choice(ALL_PRODUCTS)


def brand_name(rng: random.Random) -> str:
    """An invented product or brand name."""
    start = rng.choice(
        "Ar Bel Cor Dar El Fen Gal Hal Is Jor Kal Lor Mar Nov Ol Pra Quin Ral Sol Tar Ul Ver Wil Xan Yor "
        "Zel Bri Clo Dru Fla Gri Pla Sta Tri Vo Ka Mo Ne Ri Su".split()
    )
    middle = rng.choice(["", "a", "e", "i", "o", "an", "en", "il", "or", "ti", "de", "ma", "vi"])
    end = rng.choice("do ko la lix mar mo na neo nix pa que ra ro sa son ta tek to va vo x za zon dan bel ric".split())
    return start + middle + end


def date(rng: random.Random) -> str:
    """A day and month such as ``14 March``."""
    return f"{rng.randrange(1, 29)} {rng.choice(MONTHS)}"


def price(rng: random.Random, low: int = 2, high: int = 200) -> str:
    """A price with a currency, such as ``24.50 euros``."""
    whole = rng.randrange(low, high)
    cents = rng.choice(["", "", "", ".50", ".99", ".20", ".75"])
    draw = rng.random()
    if draw < 0.4:
        return f"{whole}{cents} {rng.choice(['euros', 'pounds', 'dollars'])}"
    return f"{'$' if draw < 0.7 else '£'}{whole}{cents}"


def code(rng: random.Random) -> str:
    """An order or reference number."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.choice([0, 1, 2, 2, 3])))
    digits = "".join(rng.choice("0123456789") for _ in range(rng.choice([3, 4, 5, 6])))
    return f"{letters}{rng.choice(['', '-'])}{digits}" if letters else digits


def time_of_day(rng: random.Random, low: int = 7, high: int = 21) -> str:
    """A clock time."""
    hour = rng.randrange(low, high)
    minutes = rng.choice(["00", "00", "15", "30", "45"])
    if rng.random() < 0.4:
        return f"{hour}:{minutes}"
    half = "am" if hour < 12 else "pm"
    clock = hour if hour <= 12 else hour - 12
    return f"{clock} {half}" if minutes == "00" else f"{clock}:{minutes} {half}"

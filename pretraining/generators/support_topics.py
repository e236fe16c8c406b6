"""What an invented business tells its assistant, and how customers ask about it.

Each topic: its subject (used when the fact is missing), slots to draw, statements for the system message, questions
and answers. All are templates of ``text.spin``.
"""

from __future__ import annotations

from typing import NamedTuple


class Topic(NamedTuple):
    """One fact about a business in many wordings."""

    subject: str
    slots: dict[str, str]
    system: str
    ask: str
    answer: str


TOPICS: list[Topic] = [
    Topic(
        "our opening hours",
        {"open": "[8|9|10|7|11]", "close": "[17|18|19|20|21]"},
        "[Opening hours: {open} to {close}.|We are open from {open} to {close}.|Open daily {open} to {close}.]",
        "[When [do you open|are you open]|What are your [opening|business|working] hours|What time do you open and "
        "close|[Can|Could] you tell me [your opening hours|when you are open]]?",
        "[We are open from {open} to {close}[| every day].|Our opening hours are {open} to {close}.|You can visit us "
        "between {open} and {close}.|{shop} is open from {open} to {close}.]",
    ),
    Topic(
        "our closing time",
        {"close": "[5|6|7|8|9] [pm|in the evening]"},
        "[Closing time: {close}.|We close at {close}.|The doors close at {close}.]",
        "[What time do you close|How late are you open|Until when are you open|When do you close [today|in the "
        "evening]"
        "|I finish work late. How long are you open]?",
        "[We close at {close}.|We are open until {close}, so [please come before then|you still have time].|{shop} "
        "closes at {close}.|The doors close at {close}.]",
    ),
    Topic(
        "our closing day",
        {"day": "[Monday|Tuesday|Wednesday|Sunday|Thursday]"},
        "[Closed on {day}s.|We are closed every {day}.|Weekly closing day: {day}.]",
        "[Are you open [every day|all week|seven days a week]|Which day are you closed|Do you have a day off in the "
        "week|Are you ever closed]?",
        "[We are open every day except {day}.|We are closed on {day}s.|{day} is our closing day, but you are welcome "
        "on all other days.|Every day but {day}.]",
    ),
    Topic(
        "returns",
        {
            "days": "[7|10|14|21|28|30|45|60|90]",
            "proof": "[a receipt|the receipt|proof of purchase|the order number|the original packaging]",
        },
        "[Returns: {days} days with {proof}.|Items can be returned within {days} days with {proof}.|Return policy: "
        "{days} days, {proof} needed.]",
        "[How long do I have to return [something|an item|this]|Can I [return|send back|bring back] [something I "
        "bought|an item|a product|the {product}]|What is your return policy|I [changed my mind about|do not like|no "
        "longer need] the {product}. Can I [return it|bring it back|send it back]|How do returns work]?",
        "[Yes, you|You] can return [it|items] within {days} days with {proof}.",
    ),
    Topic(
        "refunds",
        {
            "days": "[3|5|7|10|14]",
            "how": "[the original payment method|your bank account|your card|the card you paid with]",
        },
        "[Refunds take {days} days and go to {how}.|Refunds are paid to {how} within {days} days.]",
        "[When will I get my [money|refund]|How long does a refund take|I sent back my {product}. When do I get my "
        "money "
        "back|Where does my refund go|How are refunds paid]?",
        "[Refunds go to {how} and take {days} days.|You will receive the money within {days} days. It is paid to "
        "{how}.|"
        "Please allow {days} days. The refund is sent to {how}.]",
    ),
    Topic(
        "delivery times",
        {"days": "[two|three|four|five|six|seven|ten|1 to 2|2 to 3|3 to 5] [days|working days]"},
        "[Delivery takes {days}.|Orders arrive within {days}.|Delivery time: {days}.]",
        "[How long does [delivery|shipping] take|When will my [order|{product}|parcel] [arrive|be here]|How "
        "[fast|quickly] "
        "do you deliver|If I order [today|now|a~ {product} today], when will it [come|arrive]]?",
        "[Delivery takes {days}.|Your order will arrive within {days}.|You can expect it within {days}.|It usually "
        "takes "
        "{days} for an order to arrive.]",
    ),
    Topic(
        "delivery costs",
        {"fee": "${n}[|.50|.99]", "free": "${m}"},
        "[Delivery costs {fee} and is free over {free}.|Delivery fee: {fee}. Free delivery from {free}.|Shipping "
        "is {fee}, "
        "or free for orders above {free}.]",
        "[How much [is|does] [delivery|shipping] [cost|]|Do I have to pay for [delivery|shipping]|Is "
        "[delivery|shipping] "
        "free|What do you charge for [delivery|shipping]]?",
        "[Delivery costs {fee}, but it is free for orders over {free}.|It is {fee}. Orders above {free} are "
        "delivered "
        "free of charge.|For orders over {free} delivery is free; otherwise it costs {fee}.]",
    ),
    Topic(
        "our phone number",
        {"phone": "[0|01|02|03|07][|0][{p}]"},
        "[Phone: {phone}.|Customers can call {phone}.|Our phone number is {phone}.]",
        "[What is your [phone|telephone] number|How can I [call|phone] you|Can I [talk|speak] to [someone|a "
        "person] on the "
        "phone|Which number should I call]?",
        "[You can call us on {phone}.|Our phone number is {phone}.|Of course. Please call {phone}.|The number is "
        "{phone}.]",
    ),
    Topic(
        "our email address",
        {"mail": "[help|hello|info|support|team|care|contact|office]@{site}.example"},
        "[Email: {mail}.|Questions can be sent to {mail}.|Write to us at {mail}.]",
        "[What is your email [address|]|[How|Where] can I [write to you|send you an email|email you]|Which address "
        "do I "
        "send my [question|complaint|photos] to|How do I contact you in writing]?",
        "[You can write to us at {mail}.|Our email address is {mail}.|Please send [it|your message] to {mail}.]",
    ),
    Topic(
        "our address",
        {"street": "{street_}", "town": "{town_}"},
        "[Address: {street}, {town}.|You find us at {street} in {town}.|The shop is at {street}, {town}.]",
        "[Where are you [located|]|What is your address|How do I find you|Where [is {shop}|can I find you]]?",
        "[We are at {street} in {town}.|You will find us at {street}, {town}.|Our address is {street}, "
        "{town}.|{shop} is "
        "at {street} in {town}.]",
    ),
    Topic(
        "parking",
        {
            "where": "[behind the building|in front of the shop|across the street|in the underground "
            "garage|next "
            "to the entrance|in the yard]",
            "limit": "[one hour|two hours|three hours|90 minutes|the whole day]",
        },
        "[Free parking {where} for {limit}.|Customers may park {where} for {limit} at no cost.]",
        "[Is there [parking|a place to park]|Where can I [park|leave my car]|Do you have parking spaces|I am "
        "coming by "
        "car. Can I park near you]?",
        "[Yes, you can park {where} for {limit} at no cost.|Parking is free {where} for {limit}.|There is free "
        "parking "
        "{where}. You can stay for {limit}.]",
    ),
    Topic(
        "payment",
        {
            "pay": "[cash and cards|cards only|cash only|cards and bank transfer|cards, cash and gift "
            "cards|bank "
            "transfer and invoice]"
        },
        "[Payment: {pay}.|We accept {pay}.|Accepted payment: {pay}.]",
        "[How can I pay|Which payment methods do you [accept|take|offer]|Can I pay [by card|in cash|with a "
        "card]|Do you "
        "[take|accept] [cards|cash|bank transfers]|What are my payment options]?",
        "[We accept {pay}.|At {shop} we accept {pay}.|Payment is by {pay}.]",
    ),
    Topic(
        "the warranty",
        {"years": "[one year|two years|three years|five years|six months|18 months|ten years]"},
        "[Warranty: {years}.|All products have a warranty of {years}.|The warranty lasts {years}.]",
        "[How long is the [warranty|guarantee]|Is there a [warranty|guarantee]|Does the {product} come with a "
        "warranty|What "
        "happens if my {product} breaks [soon|next year]]?",
        "[The warranty lasts {years}.|All our products come with a warranty of {years}.|You are covered for {years}.]",
    ),
    Topic(
        "cancelling",
        {"hours": "[2|6|12|24|36|48|72]", "fee": "[half of the price|${n}|the full price|20 percent]"},
        "[Cancel up to {hours} hours before for free, later it costs {fee}.|Free cancellation until {hours} hours "
        "before "
        "the start; after that the fee is {fee}.]",
        "[Can I cancel [my booking|my appointment|my reservation]|How late can I cancel|What does it cost to cancel|"
        "[I cannot come after all|Something came up]. Is it possible to cancel|Is there a cancellation fee]?",
        "[You can cancel free of charge up to {hours} hours before. After that the fee is {fee}.|Yes. Cancelling "
        "is free "
        "until {hours} hours before the start; later it costs {fee}.]",
    ),
    Topic(
        "booking",
        {
            "how": "[online|by phone|at the front desk|on our website|by email|in the app]",
            "ahead": "[one day|two days|three days|a week|two weeks]",
        },
        "[Bookings are made {how}, at least {ahead} ahead.|Please book {how} at least {ahead} in advance.]",
        "[How do I [book|make a booking|make a reservation|get an appointment]|Do I need to book [ahead|in "
        "advance]|Can I "
        "just [come|walk in]|I would like to [come|visit you] [next week|soon]. How can I book]?",
        "[You can book {how}, at least {ahead} in advance.|Please book {how}. We ask you to do so at least {ahead} "
        "ahead.|"
        "Bookings are made {how} and at least {ahead} before your visit.]",
    ),
    Topic(
        "pets",
        {"rule": "[welcome|not allowed|allowed on a lead|welcome on the terrace|allowed in the entrance hall only]"},
        "[Pets: {rule}.|Dogs and other pets are {rule}.]",
        "[Can I bring my [dog|pet|puppy|small dog]|Are [pets|dogs|animals] [allowed|permitted]|I have a dog. May "
        "it come "
        "with me|What is your rule on pets]?",
        "[Pets are {rule}.|At {shop}, pets are {rule}.|Animals are {rule} here.]",
    ),
    Topic(
        "children",
        {"age": "[3|4|5|6|7|8|10|12]"},
        "[Children under {age} are free.|Free entry for children below {age}.|No charge for children under {age}.]",
        "[Do children [pay|need to pay]|Is there a [price|discount] for [children|kids]|How much is it for [my "
        "son|my daughter|children|a child]|Are [kids|children] free]?",
        "[Children under {age} are free.|There is no charge for children under {age}.|If your child is younger than "
        "{age}, it costs nothing.]",
    ),
    Topic(
        "discounts",
        {
            "who": "[students|pensioners|members|families|groups of ten or more|teachers|new customers]",
            "cut": "[5|10|15|20|25|30] percent",
        },
        "[{who} get {cut} off.|Discount of {cut} for {who}.|We give {cut} off to {who}.]",
        "[Do you [have|offer|give] [any|] discounts|Is there a discount|Who gets a discount|Can I [get it "
        "cheaper|save some "
        "money]|Are there any special offers]?",
        "[Yes, {who} get {cut} off.|We offer {cut} off for {who}.|There is a discount of {cut} for {who}.]",
    ),
    Topic(
        "gift cards",
        {"min": "${n}", "valid": "[one year|two years|three years|six months]"},
        "[Gift cards from {min}, valid for {valid}.|We sell gift cards starting at {min}. They are valid for {valid}.]",
        "[Do you [sell|have] gift cards|Can I buy a [gift card|voucher]|How long is a gift card valid|I need a "
        "present for "
        "a friend. Do you have vouchers]?",
        "[Yes, gift cards start at {min} and are valid for {valid}.|We do. They start at {min} and can be used for "
        "{valid}.|Gift cards are available from {min}. Each one is valid for {valid}.]",
    ),
    Topic(
        "membership",
        {
            "fee": "${n}",
            "period": "[month|year|quarter]",
            "extra": "[free delivery|early access to "
            "sales|a "
            "free drink|a birthday gift|a monthly newsletter|priority booking]",
        },
        "[Membership costs {fee} a {period} and includes {extra}.|Members pay {fee} per {period} and get {extra}.]",
        "[How much is a membership|What does [a|the] membership cost|What do members get|Is it worth becoming a "
        "member|How "
        "can I join and what does it cost]?",
        "[A membership costs {fee} a {period} and includes {extra}.|Members pay {fee} per {period}. In return they "
        "get "
        "{extra}.|For {fee} a {period} you become a member, which includes {extra}.]",
    ),
    Topic(
        "resetting a password",
        {"place": "[the login page|the account menu|the settings|the profile page]", "minutes": "[10|15|20|30|60]"},
        "[Passwords are reset on {place}; the link is valid for {minutes} minutes.|To reset a password, use "
        "{place}. The "
        "link works for {minutes} minutes.]",
        "[I forgot my password. What [should|can] I do|How do I [reset|change] my password|I [cannot|can't] log in[| "
        "anymore]. Can you help|My password [does not|doesn't] work. How do I get a new one]?",
        "[Go to {place} and choose to reset your password. The link is valid for {minutes} minutes.|You can reset "
        "it on "
        "{place}. Please use the link within {minutes} minutes.|No problem. Open {place}, ask for a new password and "
        "follow the link within {minutes} minutes.]",
    ),
    Topic(
        "changing an order",
        {"hours": "[one hour|two hours|three hours|four hours|six hours|a day|30 minutes]"},
        "[Orders can be changed within {hours}.|Changes to an order are possible for {hours}.]",
        "[Can I [change|edit] my order|I ordered the wrong [size|colour|{product}]. Can I change it|Is it possible "
        "to add "
        "[something|a~ {product}] to my order|I gave you the wrong address. Can I still change it]?",
        "[Yes, you can change your order within {hours} of placing it.|Orders can be changed for {hours}. After "
        "that they "
        "are packed.|Changes are possible within {hours}.]",
    ),
    Topic(
        "repairs",
        {"days": "[3|5|7|10|14]", "fee": "${n}"},
        "[Repairs take {days} days and start at {fee}.|Repair service: {days} days, from {fee}.]",
        "[Do you repair [things|products|a broken {product}]|My {product} is broken. Can you [fix|repair] it|How "
        "long does a "
        "repair take|What does a repair cost]?",
        "[Yes, a repair takes {days} days and starts at {fee}.|We can repair it. Prices start at {fee} and it "
        "takes {days} "
        "days.|Repairs start at {fee} and are ready after {days} days.]",
    ),
    Topic(
        "sizes",
        {"small": "[XS|S|36|34|28]", "large": "[XL|XXL|46|48|44]"},
        "[Sizes from {small} to {large}.|We stock sizes {small} to {large}.]",
        "[Which sizes do you have|What sizes are available|Do you have [large|small] sizes|What is the "
        "[smallest|largest] "
        "size you have]?",
        "[We have sizes from {small} to {large}.|Our sizes run from {small} to {large}.|The smallest size is "
        "{small} and "
        "the largest is {large}.]",
    ),
    Topic(
        "the contract",
        {"length": "[12|18|24|6] months", "notice": "[one month|two weeks|six weeks|three months]"},
        "[Contracts run for {length} with {notice} of notice.|The contract lasts {length}; notice period {notice}.]",
        "[How long is the contract|When can I end my contract|What is the notice period|I want to leave. How do I "
        "[end|"
        "cancel] my contract]?",
        "[The contract lasts {length} and the notice period is {notice}.|It runs for {length}. You need to give "
        "{notice} "
        "of notice.]",
    ),
    Topic(
        "invoices",
        {"day": "[first|second|fifth|tenth|15th|last day]", "where": "[in your account|by email|by post|in the app]"},
        "[Invoices come on the {day} of the month {where}.|Bills are sent {where} on the {day} of each month.]",
        "[When do I get my [bill|invoice]|Where can I find my [bill|invoice]|I have not seen my invoice. Where is "
        "it|How do "
        "you send [bills|invoices]]?",
        "[You get the invoice {where} on the {day} of each month.|Invoices are sent {where}. They come on the "
        "{day} of the "
        "month.]",
    ),
    Topic(
        "lost property",
        {"days": "[7|14|30|60|90]", "where": "[the front desk|the office|the cash desk|the cloakroom]"},
        "[Lost property is kept at {where} for {days} days.|Lost items: {where}, kept for {days} days.]",
        "[I [lost|left] my [scarf|umbrella|phone|bag|hat|keys] [at your place|there]. What can I do|Do you have a "
        "lost and "
        "found|Where do you keep lost things|Did anyone find my [gloves|wallet|glasses|jacket]]?",
        "[Lost items are kept at {where} for {days} days, so please ask there.|Please ask at {where}. We keep lost "
        "things "
        "for {days} days.]",
    ),
    Topic(
        "food choices",
        {"food": "[vegetarian|vegan|gluten-free|halal|dairy-free] [dishes|meals|options]"},
        "[Menu: {food} available.|We also serve {food}.|The menu includes {food}.]",
        "[What can I eat [at your place|there] if I [am a vegetarian|do not eat meat|have an allergy]|Do you "
        "[have|serve] "
        "[special|other] [meals|dishes]|Is there something [without meat|without milk] on the menu|Do you cater "
        "for special "
        "diets]?",
        "[We serve {food}.|The menu includes {food}.|At {shop} you will find {food}.]",
    ),
    Topic(
        "the internet connection",
        {"net": "[Guest|Visitors|Welcome|Free]-{num}", "word": "{key}"},
        "[Wireless network {net}, password {word}.|Guests use the network {net} with the password {word}.]",
        "[What is the [wifi|internet] password|Is there [wifi|internet]|How do I get online [here|]|Which network "
        "should I "
        "use]?",
        "[The network is called {net} and the password is {word}.|Please connect to {net} with the password "
        "{word}.|Yes. "
        "Choose {net} and enter {word}.]",
    ),
    Topic(
        "courses",
        {
            "day": "[Monday|Tuesday|Wednesday|Thursday|Friday|Saturday]",
            "at": "[9 am|10 am|5 pm|6 pm|7 pm|half past six]",
            "fee": "${n}",
        },
        "[Beginner course: {day}s at {at}, {fee}.|The course for beginners is on {day}s at {at} and costs {fee}.]",
        "[Do you have [a course|classes] for beginners|When is the beginner course|I am a beginner. Is there a "
        "class for "
        "me|What does the beginner course cost and when is it]?",
        "[Yes, the beginner course is on {day}s at {at}. It costs {fee}.|Our course for beginners takes place on "
        "{day}s at "
        "{at} and costs {fee}.]",
    ),
    Topic(
        "tickets",
        {"adult": "${n}", "child": "${c}"},
        "[Tickets: adults {adult}, children {child}.|An adult ticket is {adult} and a child ticket is {child}.]",
        "[How much [is a ticket|are the tickets]|What do tickets cost|What is the entry price|How much do we pay "
        "for [two "
        "adults|an adult] and a child]?",
        "[An adult ticket costs {adult} and a child ticket costs {child}.|Adults pay {adult}, children pay "
        "{child}.|It is "
        "{adult} for adults and {child} for children.]",
    ),
    Topic(
        "the manager",
        {"boss": "{person_}"},
        "[Manager: {boss}.|The manager is {boss}.|{boss} runs the place.]",
        "[Who is the manager|Who is in charge|Can I speak to the manager|Who should I address my complaint to]?",
        "[Our manager is {boss}.|The manager is {boss}.|{boss} is the manager of {shop}. I can pass on a message.]",
    ),
    Topic(
        "our history",
        {"year": "[18|19][1|2|3|4|5|6|7|8|9][0|1|2|3|4|5|6|7|8|9]", "founder": "{person_}"},
        "[Founded in {year} by {founder}.|{founder} started the business in {year}.]",
        "[How old is {shop}|When did you start|Who founded {shop}|Since when have you been around|Tell me about your "
        "history, please. Who started it]?",
        "[{shop} was founded in {year} by {founder}.|It was started by {founder} in {year}.|We have been here "
        "since {year}, "
        "when {founder} started the business.]",
    ),
    Topic(
        "new products",
        {"item": "{product_}", "price": "${m}"},
        "[New: {item} for {price}.|This week's offer: a~ {item} for {price}.|Offer of the week: {item}, {price}.]",
        "[What is new|Do you have any offers this week|What is on offer|Is anything on sale]?",
        "[This week we have a~ {item} for {price}.|Yes, our offer of the week is a~ {item} for {price}.|You can "
        "get a~ "
        "{item} for {price} this week.]",
    ),
    Topic(
        "room check-in",
        {"inn": "[1|2|3|4] pm", "out": "[9|10|11] am"},
        "[Check-in from {inn}, check-out until {out}.|Rooms are ready at {inn} and must be left by {out}.]",
        "[When can I check in|What time is check-out|At what time [do I have to leave|is my room ready]|What are "
        "the check-in "
        "and check-out times]?",
        "[Check-in starts at {inn} and check-out is until {out}.|Your room is ready from {inn}. Please leave it by "
        "{out}.|"
        "You can check in from {inn}; check-out is by {out}.]",
    ),
    Topic(
        "breakfast",
        {"start": "[6|7|8]", "end": "[9|10|11]", "fee": "${c}"},
        "[Breakfast {start} to {end}, {fee} per person.|Breakfast is served from {start} to {end} and costs {fee}.]",
        "[Is breakfast included|When is breakfast|How much is breakfast|Do you serve breakfast]?",
        "[Breakfast is served from {start} to {end} and costs {fee} per person.|You can have breakfast between "
        "{start} and "
        "{end}. It costs {fee}.]",
    ),
    Topic(
        "picking up orders",
        {
            "days": "[3|5|7|10|14]",
            "bring": "[the order number|an ID card|the confirmation email|your receipt|the pickup code]",
        },
        "[Orders can be collected for {days} days with {bring}.|Pickup: bring {bring}; we hold orders {days} days.]",
        "[Can I pick up my order [myself|in the shop]|What do I need to collect my order|How long do you keep my "
        "order|Can my "
        "[sister|husband|neighbour|friend] collect my {product}]?",
        "[Yes. Please bring {bring}. We keep orders for {days} days.|Orders can be collected for {days} days; just "
        "bring "
        "{bring}.|To collect an order you need {bring}. We hold it for {days} days.]",
    ),
    Topic(
        "deliveries abroad",
        {"area": "[Europe|North America|Asia|the whole world|neighbouring countries]", "fee": "${n}"},
        "[We ship to {area} for {fee}.|International delivery: {area}, {fee}.]",
        "[Do you [ship|deliver] [abroad|to other countries|internationally]|I live in another country. Can I "
        "order|Where do "
        "you deliver]?",
        "[Yes, we ship to {area} for {fee}.|We deliver to {area}. The cost is {fee}.|International orders go to "
        "{area} and "
        "cost {fee}.]",
    ),
    Topic(
        "deleting an account",
        {"menu": "[Settings|Profile|Privacy|My account|Options]", "days": "[7|14|30]"},
        "[Accounts are deleted under {menu}; data is removed after {days} days.|Delete an account under {menu}. "
        "Data is "
        "erased within {days} days.]",
        "[How do I [delete|close|remove] my account|I do not want my account anymore. What now|Can you delete my "
        "data|What "
        "happens to my data when I close my account]?",
        "[You can delete it under {menu}. Your data is removed after {days} days.|Open {menu} and choose to delete "
        "your "
        "account. All data is erased after {days} days.]",
    ),
    Topic(
        "jobs",
        {"role": "{job_}", "town": "{town_}"},
        "[Open position: {role} in {town}.|We are looking for a~ {role} in {town}.]",
        "[Are you hiring|Do you have [any|] jobs|I am looking for work. Do you need anyone|Which positions are open]?",
        "[Yes, we are looking for a~ {role} in {town}.|At the moment we need a~ {role} in {town}.|There is an open "
        "position "
        "for a~ {role} in {town}.]",
    ),
]

"""Facts about the invented Fernway Library and hand-written ways to ask for them.

Each block holds the answer on its first line, after ``=``, and one question per line below it. The misspellings are
meant to be there.
"""

from __future__ import annotations

FACTS = """
= The library is open from 9 to 18, Monday to Friday.
What are your opening hours?
When is the library open during the week?
opening times
At what time do you open on a weekday?
How late are you open on Tuesday?
I finish work at five. Is the library still open then?
Could you tell me the hours from Monday to Friday?
when do you close in the evening
Until what time can I visit on a normal working day?
openning hours of the libary?
Are you open before ten in the morning?
When are you open on weekdays?
What time does the library open and close?
What are the hours during the week?
When is the library open?

= On Saturday the library is open from 10 to 14. On Sunday it is closed.
Are you open on Saturday?
What are the weekend hours?
Is the library open on Sunday?
saturday hours
I can only come at the weekend. When are you open?
Can I visit on a Sunday afternoon?
Until when can I come on Saturday?
weekend opening times please
Do you close at the weekend?
Sunday open or not?
At what time do the doors open on Saturdays?
Is the library open on Saturday?
When are you open at the weekend?
Are you open on Sunday?
What are your hours on Saturday and Sunday?

= The library is closed on all public holidays.
Are you open on public holidays?
Is the library open at Christmas?
holidays open?
Can I come on New Year's Day?
Do you open on Easter Monday?
Tomorrow is a bank holiday. Will you be there?
What about opening on national holidays?
closed on holidays?
Do your doors stay shut on a public holiday?
I have a free day because of the holiday, can I visit you?
Is the library open on holidays?
Are you closed on public holidays?
Is the library closed at Christmas?
Do you open on a public holiday?

= Fernway Library is at 12 Mill Lane, next to the town hall.
Where is the library?
What is your address?
address
How do I find you?
In which street is Fernway Library?
I am new in town. Where do I find the library?
Please tell me where you are located.
wheres the libary
Are you close to the town hall?
I need the address for my map.
On what road is your building?
What is the address of the library?
Where are you?
How do I get to the library, what is the street?
Where is Fernway Library?

= A library card is free for everyone who lives in Fernway.
How much is a library card?
Do I have to pay for a card?
What does membership cost?
card price
Is the card free?
I live in Fernway. What do I pay to become a member?
Is there a fee for joining the library?
cost of libary card
Do residents pay for the card?
Can I join for free?
How much money do I need to become a member?
What does a library card cost?
Is a library card free in Fernway?
How much do I pay for a card if I live in Fernway?
Is membership free?

= People who live outside Fernway pay 10 pounds a year for a card.
I do not live in Fernway. Can I get a card?
What does a card cost for visitors from other towns?
card for non residents
Can someone from another town join?
I live in the next village. What do I have to pay?
Is the card free for people from outside?
How much is membership when you live elsewhere?
We moved out of Fernway. What will our card cost now?
price for people outside the town?
I am only here for work and live far away. May I join?
I live outside Fernway. What does a card cost?
Can people from other towns get a card?
How much is a card for people outside Fernway?
What do people who live outside pay?

= Bring a photo ID and a letter with your address, and we make your card at once.
How do I get a library card?
What do I need to join?
What papers must I bring for a card?
join the library how
Do I need my passport to sign up?
I would like to become a member. What should I bring along?
How long does it take to get a card made?
Which documents do you want to see?
sign up needs?
How can I register with the library?
Can I get my new card on the same day?
What do I need to get a card?
How can I get a library card?
What do I have to bring to get a card?
How do I become a member?

= A lost card costs 2 pounds to replace.
I lost my card.
What does a new card cost when the old one is lost?
lost card
My library card was stolen. How do I get another one?
How much do you charge to replace a card?
My dog ate my card. What now?
I can not find my card any more.
replacment card price
Do I have to pay for a second card?
My card is gone, what will it cost me?
I have lost my library card.
What does it cost to replace a card?
How much is a new card if I lost mine?
How do I replace a lost card?

= Children can get their own card from the age of five, with a parent's signature.
Can my child have a card?
From what age can children join?
kids card age
My son is six. Can he get his own card?
Do children need a parent to sign up?
Is there a card for young readers?
How old must my daughter be to become a member?
Can a baby have a library card?
What is the minimum age for a card?
children membership?
Who signs for a child's card?
How old must a child be to get a card?
Can children get a library card?
Can my daughter have her own card?
At what age can a child get a card?

= You can borrow up to 12 items at a time.
How many books can I borrow?
What is the limit for loans?
how many items at once
Can I take 20 books home?
Is there a maximum number of books?
I read a lot. How many may I take with me?
How much can I borrow on one card?
max books?
What is the largest number of things I can check out?
May I borrow ten books on the same day?
number of loans allowed
How many items can I borrow?
How many books may I borrow at a time?
How many books can I take home?
What is the maximum number of items?

= Books are lent for three weeks.
How long can I keep a book?
What is the loan period for books?
loan time book
When do I have to bring a book back?
For how many weeks can I borrow a novel?
I am a slow reader. How much time do I have?
How many days is a book lent for?
book due when
Is a month too long to keep a book?
How long may I have the books at home?
Please tell me the lending time for books.
For how long can I borrow a book?
How long are books lent for?
How many weeks can I keep a book?
When do I have to return my book?

= Films and games are lent for one week.
How long can I keep a film?
What is the loan period for DVDs?
loan time dvd
When must I return a game?
For how long do you lend films?
Can I keep a video game for two weeks?
How many days may I have a board game?
movie due when
Is the time for films the same as for books?
I borrowed a game. When is it due?
For how long can I borrow a film?
How long are films and games lent for?
How long can I keep a game?
When do I have to return a film?

= You can renew a book twice, online or by phone, unless someone is waiting for it.
Can I renew a book?
How do I extend a loan?
renew
I need more time for my book. What can I do?
How often can I renew?
Is it possible to renew by phone?
Can I keep a book longer than three weeks?
extend my book how
Why can I not renew my book a third time?
I have not finished reading. May I keep it longer?
Can I renew online?
How do I renew a book?
How many times can I renew a book?
Can I renew my books by phone or online?
Can I extend my loan?

= The fine is 10 pence a day for each item that is late.
What is the fine for late books?
How much do I pay if my book is late?
late fee
I forgot to return my books. What will it cost?
How high are the fines?
Do you charge for returning a book after the date?
My film is three days late. How much is that?
overdue fine?
What happens when I bring a book back too late?
What does each late day cost me?
fines how much a day
How much is the fine?
What do I pay for late books?
How much is the fine for each day?
What is the late fee per day?

= Children under 12 do not pay fines.
Do children pay fines?
My daughter's book is late. Is there a fine?
fines for kids
Are late fees charged on a child's card?
My son is eight and forgot his book. Must he pay?
Is there a fine for young children?
Up to what age are there no fines?
kids late fee?
Do you make children pay when they are late?
Will I be charged for my kid's overdue books?
Do children have to pay fines?
Is there a fine for children?
Do kids under 12 pay fines?
Does my child have to pay a late fee?

= You can pay fines at the desk or on our website by card.
How can I pay my fine?
Where do I pay late fees?
pay fine
Can I pay a fine online?
Is it possible to pay what I owe by card?
I want to settle my fine. How do I do that?
Do I have to come in to pay my fees?
paying fines where
Which way can I pay an overdue charge?
Can I clear my debt through the website?
How do I pay a fine?
Where can I pay my fines?
Can I pay my fines online?
Can I pay the fine by card?

= If you lose a book, you pay its price plus 3 pounds.
I lost a book. What do I do?
What does it cost when a book is lost?
lost book
I can not find the book that I borrowed.
How much do I pay for a missing book?
I left a library book on the train and it is gone.
Do I have to replace a book that I lost?
book lost price
My child has lost a library book. What will you charge?
What happens if an item never comes back?
What happens if I lose a book?
I have lost a library book.
How much do I pay for a lost book?
What do I pay if I lose a book?

= Please show damaged books at the desk, and do not repair them yourself.
I damaged a book. What now?
My dog chewed a library book.
damaged book
There is a torn page. Should I tape it?
Coffee ran over my book. What should I do?
May I fix a broken book with glue?
What do I do with a book that has fallen apart?
torn page what to do
The book got wet in the rain.
Can I mend a ripped cover on my own?
What do I do with a damaged book?
My book is damaged.
A page in my book is torn. What do I do?
Can I repair a damaged book?

= You can return books at any hour in the box beside the front door.
Can I return books when you are closed?
Is there a return box?
return box
Where can I drop my books at night?
How do I return a book outside opening hours?
I come home late. Can I still hand in my books?
Do you have a book drop?
returning books on sunday?
Where is the box for returns?
Can I give back a book early in the morning?
May I return things without meeting anyone?
Can I return a book at night?
How do I return books when the library is closed?
Where is the return box?
Is there a box to return books?

= You can reserve a book online for free, and we keep it for seven days.
How do I reserve a book?
Can I put a book on hold?
reserve book
The book I want is out. Can you keep it for me?
What does a reservation cost?
How long do you hold a reserved book?
Is it free to reserve an item?
book on hold how long
I would like to order a book before I come. How?
Can I have a title set aside for me?
reservaton fee?
Can I reserve a book?
How much does it cost to reserve a book?
How long do you keep a reserved book for me?
How can I reserve a book online?

= We can get books from other libraries for 1 pound each. It takes about ten days.
Can you get a book from another library?
You do not have my book. Can you order it elsewhere?
interlibrary loan
What does it cost to get a book from another town?
How long does a loan from another library take?
Is it possible to borrow through you from a different library?
I need a rare book that is not in your list. Can you help?
book from other libary price
Do you swap books with other libraries?
What do I pay for a book that you have to send for?
Can you order a book from other libraries?
How much is a book from another library?
How long does it take to get a book from another library?
Can I get books from other libraries?

= Please fill in the yellow wish card at the desk, and we will think about buying the book.
Can you buy a book for me?
How do I suggest a new book?
suggest a book
I think the library should have this novel. Who do I tell?
Do you take wishes for new titles?
Where can I ask you to buy something?
May readers propose books?
wish list for books?
I would love to see a certain comic on your shelf.
How do I make a request for a purchase?
Can you buy a new book for the library?
How can I suggest a book?
I wish you would buy a book. What do I do?
Where do I suggest that you buy a book?

= Each study room holds four people and can be booked for two hours a day.
Can I book a study room?
How many people fit in a study room?
study room
How long can we use a room for learning?
We are three students and want to work together. Is there a room?
Do you have quiet rooms to rent?
For how many hours may I have a study room?
room for group work?
What is the size of your study rooms?
Is there a time limit for a study room?
I need a place to learn with friends.
How do I get a study room, and for how long?
How many people can use a study room?
How long can I book a study room?
Is there a study room for four people?

= You can rent the Oak Room for 20 pounds an hour. It has 40 seats.
Can I rent a large room?
What does the Oak Room cost?
oak room
We need a hall for a meeting of 30 people.
How many seats does the Oak Room have?
Is there a big room for our club?
How much do you charge for your event room?
rent oak room price
Where can we hold a talk in the library?
What is the hourly rate of the Oak Room?
How much is the Oak Room?
Can we rent the Oak Room?
What does it cost to rent a large room?
How many people fit in the Oak Room?

= To book a room, call 555 0142 or use the form on our website.
How do I book a room?
Where can I reserve a room?
room booking
Is there a form for room bookings?
Who do I call to book a room?
I want to reserve a room for Friday. How?
Can I book rooms online?
room booking number?
By which way can our group book a room?
Do I need to come in to reserve a room?
How can I book a room?
Can I book a room online?
What number do I call to book a room?
Where can I book a room?

= Printing costs 10 pence a page in black and 30 pence in colour.
How much is printing?
What does a printed page cost?
print price
Can I print in colour?
What do you charge for a colour print?
I need to print ten pages. How much will that be?
Is printing free?
cost of printing
Black and white print: what price?
How expensive is it to print here?
prining cost per page?
How much does printing cost?
What does it cost to print a page?
How much is a page in colour?
Can I print here, and what does it cost?

= You can copy at the machine near the stairs for 10 pence a page.
Can I make photocopies?
Where is the copy machine?
photocopy
What does a copy cost?
I need a copy of my passport. Can I make one here?
How much is a photocopy?
Is there a copier in the library?
copies where and how much
Can I copy some pages out of a book?
Where do I find the copier?
Where can I copy a page?
How much does a copy cost?
Can I copy something here?
Where is the copy machine and what does it cost?

= Scanning is free. Bring a USB stick to save your files.
Can I scan a document?
What does scanning cost?
scanner
Do you have a scanner?
Is scanning free of charge?
How can I take my scans home?
I want to scan old photos. Is that possible?
scan price?
Do I need a USB stick for the scanner?
Where do my scanned pages go?
Is scanning free?
How much is scanning?
Can I scan here?
How do I save my scans?

= The Wi-Fi is free. The network is called Fernway Guest and needs no password.
Do you have Wi-Fi?
What is the Wi-Fi password?
wifi
Is there free internet for my laptop?
How do I get online with my phone?
Which network do I choose in the library?
What is the name of your wireless network?
wifi pasword?
Can I use my own laptop with the internet here?
Does the internet cost anything?
I can not get online. What is the network called?
Is there free Wi-Fi?
What is the name of the Wi-Fi?
Do I need a password for the Wi-Fi?
How do I connect to the Wi-Fi?

= You can use a computer for one hour a day with your card.
Can I use a computer?
How long can I use the computers?
computer time
Do I need a card to use a computer?
I have no computer at home. Can I work on one of yours?
Is there a time limit on the computers?
What do I need to use a PC in the library?
pc use how long
How many hours may I sit at a computer?
May I write a letter on your computers?
How long can I use a computer?
Can I use the computers in the library?
Are there computers that I can use?
Do I need my card for the computers?

= You can borrow e-books with the Fernway Reads app and your card number.
How do I borrow e-books?
Do you have e-books?
ebooks
Can I read library books on my tablet?
Which app do I need for e-books?
How can I read your books on my phone?
What is Fernway Reads?
ebook app name
Is there a way to borrow books from home?
How do I log in to the e-book service?
I like to read on a screen. What do you offer?
How can I borrow an e-book?
Can I borrow e-books from you?
Where do I find e-books?
What app do I use to borrow e-books?

= E-books go back by themselves after 14 days, so there are no fines.
How long can I keep an e-book?
Do I have to return e-books?
ebook loan time
Is there a fine for late e-books?
What happens when the time of an e-book is over?
When does an e-book go back?
Can an e-book be overdue?
ebook return how
For how many days do I have a digital book?
Must I give digital books back by hand?
How long is an e-book lent for?
How do I return an e-book?
Are there fines for e-books?
Do e-books go back by themselves?

= You can borrow audiobooks on CD in the library or in the Fernway Reads app.
Do you have audiobooks?
Where do I find audiobooks?
audiobooks
I like to listen to books in the car. What do you have?
Can I listen to books on my phone?
Are there books on CD?
My eyes are bad. Do you have books to listen to?
audio books in app?
How can I borrow an audiobook?
Do you lend spoken books?
Can I borrow audiobooks?
Where can I borrow audiobooks?
Do you have audiobooks on CD?
How do I get an audiobook?

= Newspapers are on the ground floor. You can read them here but not take them home.
Do you have newspapers?
Where can I read the paper?
newspapers
Can I borrow a newspaper?
On which floor are the daily papers?
May I take the newspaper home?
I would like to read today's news. Where do I go?
papers where
Is there a place for reading newspapers?
Do you lend out daily papers?
Where are the newspapers?
Can I read newspapers in the library?
Can I take newspapers home?
Do you have daily newspapers?

= Story time for children is every Wednesday at 15.
When is story time?
Is there something for small children?
story time
On which day do you read to children?
My kids love stories. When can we come to listen?
At what time does story time start?
Do you have a reading hour for kids?
storytime when
What day of the week is story time?
Do you read picture books aloud?
I want to bring my toddler to hear a story.
What day is story time?
What time is story time for children?
Is there a story time for children?
When do you read stories to children?

= The book club meets on the first Thursday of the month at 19.
Do you have a book club?
When does the book club meet?
book club
I want to talk about books with others. Is there a group?
On which day is the reading group?
At what time does the book club start?
How often does the book club come together?
bookclub date
Is there a club for adults who like reading?
When can I join the book circle?
When is the book club?
What day does the book club meet?
At what time does the book club meet?
Is there a book club in the library?

= Homework help is on Monday and Thursday from 15 to 17, and it is free.
Is there homework help?
When can my son get help with homework?
homework help
Does homework help cost anything?
My daughter needs help with maths. Do you offer something?
On which days is the homework group?
Is there someone who helps pupils after school?
homework days?
At what time can children get help with school work?
Do you have tutors for school children?
When is homework help?
Is homework help free?
Do you help children with homework?
What days do you have homework help?

= The computer course for beginners is on Friday at 10. Please sign up at the desk.
Do you have computer courses?
When is the course for beginners?
computer course
My father wants to learn how to use a computer.
How do I sign up for the computer class?
Is there a class where I can learn about the internet?
On what day can I learn to use a PC?
pc class when
Do you teach older people to use computers?
Where do I register for the beginner class?
When is the computer course?
Is there a computer course for beginners?
How do I sign up for the computer course?
On which day is the computer course?

= You find all our events on the board at the door and on our website.
What events do you have?
Where can I see what is on?
events
Is there a list of events?
What is going on in the library this month?
How do I find out about talks and readings?
Do you have a programme?
event list where
Where do you show your events?
I would like to know about coming concerts.
Where do I find your events?
What events are there in the library?
How can I see all events?
Where can I find a list of events?

= There are lifts to all floors, and the front door opens by itself.
Can I get in with a wheelchair?
Is there a lift?
wheelchair access
Does the library have stairs only?
My mother can not climb steps. Can she visit you?
Is the building easy to enter with a pram?
How do I get to the upper floor without stairs?
lift or elevator?
Is it possible to come in with a walker?
Are all floors open to disabled visitors?
Is there a lift to all floors?
Can people in a wheelchair use the library?
Do you have lifts?
Can I get to all floors with a wheelchair?

= Parking behind the library is free for two hours.
Can I park at the library?
Where can I leave my car?
parking
Is parking free?
How long can I park there?
I come by car. Is there a car park?
What does it cost to park behind the building?
car park how long
Do you have spaces for cars?
Do I need to pay for parking?
Is there parking at the library?
Where can I park?
How long is parking free?
Can I park for free?

= Take bus 4 or bus 7 and get off at Mill Lane.
Which bus goes to the library?
How do I get there by bus?
bus
I have no car. How can I get to you?
At which stop do I get off?
Can I reach you by public transport?
What is the nearest bus stop?
bus number?
Is there a bus from the station to the library?
Which line stops near you?
Which bus do I take?
What bus goes to Fernway Library?
Which bus stops at the library?
Where do I get off the bus?

= You can eat in the cafe on the ground floor, but not in the reading rooms.
Can I eat in the library?
Is there a cafe?
eating
May I bring my lunch?
Where can I get a coffee?
Is food allowed in the reading room?
I get hungry when I learn. May I eat something?
cafe where
Can I drink tea next to the books?
Do you sell snacks?
May I eat in the library?
Can I eat in the reading room?
Where can I eat?
Do you have a cafe?

= Only guide dogs may come in.
Can I bring my dog?
Are dogs allowed?
dogs
May pets come into the library?
I have a small dog. Can he come in with me?
Is it ok to bring a guide dog?
Do I have to leave my dog outside?
pets ok?
My cat travels with me, may she come too?
Can animals come inside?
Can I bring my dog to the library?
Are pets allowed in the library?
Can I come in with a dog?
May dogs come in?

= You can give us good used books on the first Saturday of the month.
Do you take used books?
Can I donate books?
donate books
I have boxes of old books. Do you want them?
When can I bring books as a gift?
Where do my old novels find a new home, do you take them?
On which day do you accept donations?
book donation day
My aunt left me her books. Can I give them to you?
May I drop off books that I no longer need?
Can I give you my old books?
When can I donate books?
Do you want old books?
When do you take used books?

= Please ask at the desk for lost things. We keep them for a month.
I left my umbrella in the library.
Do you have a lost and found?
lost and found
I forgot my jacket yesterday. Is it there?
How long do you keep lost things?
My daughter lost her scarf in your building.
Who do I ask about something I left behind?
left my bag there
I think my keys are still in the reading room.
Where do found items go?
I lost something in the library. Who do I ask?
Where do I ask for lost things?
I forgot my bag in the library.
How long do you keep things that were lost?

= You can call us at 555 0140 or write to desk@fernway-library.example.
What is your phone number?
How can I contact you?
contact
What is your email address?
Can I call the library?
I have a question for a librarian. How do I reach one?
Where can I write to you?
phone number of libary
How do I get in touch with the staff?
Is there an email for questions?
How can I call you?
What is the phone number of the library?
What is the email of the library?
How do I contact the library?

= Yes, helpers are welcome. Please ask Mrs. Dale at the desk.
Can I work in the library as a helper?
Do you need volunteers?
volunteer
I have free time and would like to help you.
Who do I ask about volunteering?
Is it possible to help with story time?
How do I become a volunteer?
helping out, who to ask
My grandfather wants to do something useful. Do you need hands?
Are you looking for people who help for free?
Can I help in the library?
How can I volunteer?
Can I be a volunteer?
Who do I ask if I want to help?
"""


def table() -> list[tuple[str, list[str]]]:
    """The answers, each with its questions."""
    facts: list[tuple[str, list[str]]] = []
    for line in FACTS.strip().splitlines():
        if line.startswith("= "):
            facts.append((line[2:].strip(), []))
        elif line.strip():
            facts[-1][1].append(line.strip())
    return facts

"""Titles and names of books and people that do not exist."""

ADJECTIVES = """
amber ancient bitter blue borrowed brass broken careful cold copper crooked curious distant drowned early electric
empty endless faithful fallen first forgotten foreign frozen gentle gilded glass golden green grey hidden hollow honest
hungry idle invisible iron last late little lonely long lost many midnight mild mortal narrow nameless northern old
other painted pale paper patient plain polite quiet ragged red restless reluctant salt second secret seventh silent
silver simple sleeping slow small sombre southern stolen stone stubborn sunken tall tender tidy uncertain unfinished
unlikely velvet vanished wandering weary western white wild winter wooden young
""".split()

NOUNS = """
abbey accordion almanac anchor apothecary apprentice archipelago archive astronomer atlas attic bakery balcony barometer
beekeeper bell bookbinder bridge cabinet calendar canal cartographer cellar choir circus cliff clock clockmaker comet
compass conductor correspondent courtyard daughter diver door dictionary eclipse elevator engine estuary evening
expedition feather ferry ferryman fever field flood forest forger gardener garden gate glacier glassblower grandmother
granary harbour heron horizon hotel hour house inheritance inkwell inspector island journey kitchen lamp lantern
lake language library lighthouse locksmith machine map marionette market meadow memory merchant messenger midwife mill
mirror moon mountain museum neighbour nightingale notebook observatory ocean orchard orchestra organist owl palace
parish passenger pendulum photograph pianist pilgrim planet postman printer prisoner promise quarry quarter railway
rain recipe river roof sailor school sculptor sea season seed shadow ship shoemaker silence snow spice spring station
stair stonecutter storm stranger street summer surgeon swimmer tailor telegram telescope theatre tide tower traveller
tree
translator treasury umbrella valley verdict viola village violin visitor volcano voyage watchmaker water weather well
widow winter witness year
""".split()

PLACES = """
Aldermoor Amberley Arrowmouth Ashdown Avonlea Bergholt Blackwater Brackenridge Brindle Caldera Carrow Castlebay
Coldharbour Corvane Dunmarrow Eastmere Elmswell Fallowfield Farrow Fennimore Garrison Glasswater Greyhaven Harrowgate
Highcliff Hollin Inverlochy Juniper Kestrel Kingsferry Larkhill Lindenau Longreach Marrowby Merrow Millbrook Mirefield
Nethercote Northhaven Oakhurst Ostermere Pellam Quillan Ravensburg Redhill Rookwood Saltmarsh Sandown Silverdale
Skerry Southwold Stillwater Tarrant Thornbury Umberland Valmera Wexcombe Whitby Willowmere Yarrow
""".split()

FIRST_NAMES = """
Ada Agnes Albert Alice Amara Anders Anton Astrid Beatrix Bela Benno Cara Carl Chidi Clara Conrad Dalia Daniel Dora Edith
Edwin Elena Elias Elif Emil Esther Eva Farid Felix Flora Frank Freya Georg Greta Hana Hanna Henrik Hugo Ida Ines Ingrid
Ivan Jakob Jana Johan Judith Julia Kai Karim Katya Klara Lars Laura Lena Leo Lina Linus Lotte Lucia Ludwig Magda Malik
Maria Marta Max Mila Mina Miriam Nadia Nils Nina Noah Nora Olga Omar Oskar Otto Paula Pavel Petra Quinn Rafael Rosa Ruth
Samir Sara Selma Silvia Simon Sofia Stefan Tara Theo Thea Tilda Tomas Ulla Vera Viktor Wanda Wilma Yara Yusuf Zoe
""".split()

LAST_NAMES = """
Abel Adler Albrecht Amsel Arden Bach Baker Bauer Becker Berg Bishop Blum Brandt Brook Cole Cooper Dahl Dreyer Ebert
Engel Falk Farmer Fink Fischer Fisher Forster Frost Fuchs Garner Graf Gruber Hahn Hale Hansen Hart Heller Hill Hofer
Holm Hunter Jansen Keller Klein Koch Kraus Lang Larsen Lenz Lind Lund Mann Marsh Mason Maurer Meyer Miller Moreau
Nash Neumann Novak Olsen Palmer Pohl Porter Reed Richter Rios Roth Sander Sauer Schmidt Silva Stein Stern Sommer Thorn
Tischler Vogel Wagner Walker Weber Weiss Winter Wolf Wood Ziegler
""".split()


def make_title(random):
    """A title; two calls may give the same one."""
    adjective, other = (word.capitalize() for word in random.sample(ADJECTIVES, 2))
    noun, second = (word.capitalize() for word in random.sample(NOUNS, 2))
    place = random.choice(PLACES)
    forms = [
        f"The {adjective} {noun}",
        f"The {noun} of {place}",
        f"The {noun} and the {second}",
        f"{_article(adjective)} {adjective} {noun}",
        f"{_article(noun)} {noun} in {place}",
        f"What the {noun} Knew",
        f"Letters from {place}",
        f"The {adjective} {noun} of {place}",
        f"{place}, or the {adjective} {noun}",
        f"How the {noun} Came to {place}",
        f"{adjective} {noun}, {other} {second}",
        f"Under the {adjective} {noun}",
        f"The {noun}’s {second}",
        f"A Short History of the {noun}",
    ]
    return random.choice(forms)


def make_name(random):
    return f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"


def _article(word):
    return "An" if word[0] in "AEIOU" else "A"

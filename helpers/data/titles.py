"""Titles of films that were never made, in the tone of their genres."""

import re
from collections.abc import Sequence

import numpy as np

# {who} comes from a film's first genre, {what} from its last: a film of one genre stays at home, a mixed one does not.
TEMPLATES = {
    "Action": (
        "Never Wake {who}",
        "{who} Brings No {what}",
        "{who} Against the {what}",
        "One More Lap for {who}",
        "Ninety Minutes to the {what}",
        "Who Punched the {what}?",
        "{who} Owes Me a {what}",
        "The {what} Stops for Nobody",
        "{who} Does Not Do Sundays",
        "Hold My {what}",
    ),
    "Animation": (
        "{who} and the Runaway {what}",
        "{who} Learns to Whistle",
        "The Day {who} Painted the {what}",
        "Goodnight, Small {what}",
        "{who} in the Land of the {what}",
    ),
    "Comedy": (
        "{who} Sold My {what}",
        "Please Return the {what}",
        "{who} Moves Back In",
        "Two {whats} and a Tuesday",
        "Nobody Told {who} About the {what}",
        "{who} Is Stuck in the {what}",
        "Who Invited {who}?",
        "The {what} Was Like That When We Got Here",
        "Half a {what} Is Better Than None",
        "{who} Regrets the {what}",
        "Meet {who}, Bring a {what}",
    ),
    "Documentary": (
        "{who}: A Life in {whats}",
        "The Secret Hours of the {what}",
        "{who} Counts Every {what}",
        "Inside the {what}",
        "What {who} Knew About the {what}",
    ),
    "Drama": (
        "{who} Keeps the {what}",
        "The {what} My Mother Left",
        "A Winter Without {who}",
        "{who} Writes No More About the {what}",
        "Everything but the {what}",
        "The Long Silence of {who}",
        "Before the {what}, After the Rain",
        "{who} Comes Home on Thursday",
        "We Never Spoke of the {what}",
        "The Weight of a {what}",
    ),
    "Horror": (
        "Do Not Feed {who}",
        "The {what} Below the {what_else}",
        "{who} Is Still in the {what}",
        "It Came With the {what}",
        "Thirteen Nights With {who}",
        "The {what} Breathes",
    ),
    "Romance": (
        "{who} at the {what}",
        "A {what} for Two, Please",
        "Dancing Badly With {who}",
        "{who} Missed the Last {what}",
        "Love Letters to {who}",
        "Kiss Me by the {what}",
        "You, Me and {who}",
        "Meet Me Before the {what}",
    ),
    "Sci-Fi": (
        "{who} Beyond the {what}",
        "The {what} at the End of Orbit Nine",
        "{who} Dreams in Binary",
        "Return of the Quantum {what}",
        "{who} Forgot the {what}",
        "Last {what} on Titan",
        "{who} Outruns the Light",
        "Nobody Parks at the {what}",
    ),
}
WHO = {
    "Action": (
        "Major Calamity|Sister Dynamite|Captain Overkill|Vera Voltage|Colonel Brisket|Rita Ricochet|Max Torque"
        "|Agent Umbrella|Duke Hazard|Nadia Knuckles|The Furious Florist|Old Man Nitro|Sergeant Pepperoni"
        "|Zara Zero|The Sixth Getaway Driver|Boris Backflip"
    ),
    "Animation": (
        "Pip the Umbrella|Gustav the Goose|A Very Small Dragon|Mabel Mudskipper|The Left Sock|Otto the Otter"
        "|Princess Turnip|Captain Crumb|The Moon's Little Brother|Hilda Hedgehog|Norbert the Cloud"
        "|The Third Penguin|Tuesday the Whale|Biscuit Boy|The Paper Fox|Nonna Snail"
    ),
    "Comedy": (
        "Uncle Marvin|My Other Dentist|Aunt Prudence|The Substitute Mayor|Cousin Bartholomew|My Ex's Accountant"
        "|The Wrong Twin|Professor Oops|Grandma Deluxe|The Best Man's Parrot|Mister Probably|The Entire Choir"
        "|Deputy Doughnut|My Landlord's Horse|Doctor Maybe|The Other Kevin"
    ),
    "Documentary": (
        "The Beekeeper|A Town Called Elbow|The Last Lift Attendant|The Mapmaker|Mrs Halloran|The Lighthouse Choir"
        "|The Cheese Inspector|The Man Who Weighed Clouds|The Moss Collector|The Night Librarian|The Tide Clerk"
        "|The Pigeon Postmaster|The Bell Tuner|The Salt Seller|The Glacier Nurse|The Piano Mover"
    ),
    "Drama": (
        "Eleanor Finch|The Clockmaker's Widow|Tomas and the River|Father Ignace|The Eldest Daughter|Mr Abernathy"
        "|The Ferryman's Son|Ines Duarte|The Understudy|Josephine Grey|The Quiet Brother|Anselm Wray"
        "|The Schoolmaster|Lucia at Ninety|The Tenant Upstairs|Marguerite Vane"
    ),
    "Horror": (
        "Mother Marrow|The Smiling Nun|Uncle Teeth|The Thing in Row F|Little Agnes|The Wallpaper Man"
        "|The Hungry Choirboy|Doctor Gristle|The Pale Babysitter|Whispering Walt|The Candle Widow|Cousin Worm"
        "|The Midnight Plumber|Old Mister Damp|Nurse Hollow|The Tooth Collector"
    ),
    "Romance": (
        "Clementine|The Boy From the Bakery|Miss Valentine Park|The Ferry Pilot|Henrietta|My Favourite Stranger"
        "|The Florist Next Door|Rosalind|The Wedding Cellist|Theo and Theodora|The Girl With the Wet Umbrella"
        "|Beatrix|An Almost Fiancé|The Shy Astronomer|Paloma|The Tango Teacher"
    ),
    "Sci-Fi": (
        "Android Aunt|Commander Vex|The Clone Next Door|Unit Seventeen|Admiral Nebula|The Last Botanist"
        "|Robot Vicar|Doctor Parsec|The Gravity Thief|Zed-9|The Martian Postman|Empress Quasar|The Time Janitor"
        "|Cosmonaut Petrova|Hologram Harry|The Sleeping Pilot"
    ),
}
WHAT = {
    "Action": (
        "Thunder Convoy|Midnight Getaway|Exploding Yacht|Armoured Tram|Burning Bridge|Titanium Fist"
        "|Falling Helicopter|Dynamite Truck|Rooftop Chase|Bulletproof Bus|Stolen Hovercraft|Diamond Motorcade"
    ),
    "Animation": (
        "Rainbow Teapot|Singing Lighthouse|Pillow Kingdom|Cardboard Castle|Bubble Railway|Marzipan Mountain"
        "|Talking Kite|Moonlit Aquarium|Button Orchestra|Paper Lantern|Gingerbread Submarine|Sleepy Volcano"
    ),
    "Comedy": (
        "Karaoke Machine|Timeshare|Bouncy Castle|Inflatable Flamingo|Llama Farm|Office Trampoline|Fondue Set"
        "|Stag Party|Haunted Minivan|Wedding Buffet|Hot Tub Committee|Garden Gnome"
    ),
    "Documentary": (
        "Mushroom Archive|Salt Road|Night Ferry|Peat Bog|Cloud Museum|Village Football Club|Subway Piano|Snail Race"
        "|Vanishing Glacier|Typewriter Factory|Barn Owl|Paper Mill"
    ),
    "Drama": (
        "Orchard|Empty Station|Unposted Letter|Broken Violin|Canal House|Frozen Harvest|Piano Lesson"
        "|Second Funeral|Blue Suitcase|Family Portrait|Borrowed Coat|Lamplit Road"
    ),
    "Horror": (
        "Cellar Door|Rotting Carousel|Whispering Attic|Bone Orchard|Crooked Steeple|Blood Pantry|Weeping Mirror"
        "|Buried Nursery|Screaming Marsh|Shadow Wedding|Drowned Chapel|Cursed Accordion"
    ),
    "Romance": (
        "Honeymoon Ferry|Rooftop Waltz|Tulip Market|Midsummer Train|Love Bakery|Seaside Carousel|Lavender Hotel"
        "|Moonlit Ice Rink|Cherry Arcade|Lost Glove|Parisian Laundromat|Tandem Bicycle"
    ),
    "Sci-Fi": (
        "Asteroid Motel|Cryo Nursery|Neon Moon|Star Elevator|Robot Parliament|Wormhole Bypass|Solar Lighthouse"
        "|Gravity Garden|Plasma Reef|Clone Orchestra|Antimatter Kiosk|Hyperspace Tollbooth"
    ),
}


def invent_titles(genres: Sequence[Sequence[str]], seed: int) -> list[str]:
    """One title per film, no two alike; `genres` holds each film's genres, the leading one first."""
    random = np.random.RandomState(seed)
    who = {genre: names.split("|") for genre, names in WHO.items()}
    what = {genre: names.split("|") for genre, names in WHAT.items()}

    def pick(choices: Sequence[str]) -> str:
        return choices[int(random.randint(len(choices), dtype=np.int64))]

    titles: dict[str, None] = {}  # keeps its order
    for first, *others in genres:
        title = None
        while title is None or title in titles:
            thing, other_thing = pick(what[others[-1] if others else first]), pick(what[first])
            words = {"who": pick(who[first]), "what": thing, "whats": _plural(thing), "what_else": other_thing}
            title = _polish(pick(TEMPLATES[first]).format(**words))
        titles[title] = None
    return list(titles)


def _plural(noun: str) -> str:
    if re.search(r"(s|sh|x|z)$", noun):
        return noun + "es"
    return re.sub(r"(?<![aeiou])y$", "ie", noun) + "s"


def _polish(title: str) -> str:
    """Small articles in the middle, and "an" before a vowel."""
    title = re.sub(r"(?<!:) (The|An?) ", lambda article: article[0].lower(), title)
    return re.sub(r"\b([Aa]) (?=[AEIOU])", r"\1n ", title)

"""Word tables for drawing questions: coarse groups of sounds, homophones, hints.

Data only. The groups widen those of ESC-50 (animals; nature and water; people; indoors; outdoors)
with vehicles, tools, alarms and families of instruments.
"""

from __future__ import annotations

GROUPS: dict[str, str] = {
    "animal": (
        "dog cat rooster hen chicken crow bird birdsong chirp pig cow sheep frog cricket "
        "insect bee fly horse owl duck goose turkey donkey lion wolf mosquito bark meow moo "
        "croak buzz"
    ),
    "nature": (
        "rain wind thunder thunderstorm sea wave waves water drop stream river fire crackling "
        "storm surf waterfall bubble pour splash hail leaf leaves ice"
    ),
    "person": (
        "baby cry sneeze cough breath laugh laughter clap applause snore footstep footsteps "
        "step whistle humming yawn scream gargle drink sip chew brush heartbeat hiccup kiss"
    ),
    "indoors": (
        "clock tick door knock creak keyboard typing mouse click vacuum cleaner washing can "
        "glass break switch toaster kettle microwave drawer paper page zipper scissors lock "
        "key"
    ),
    "vehicle": (
        "helicopter airplane plane train car engine truck motorcycle bus boat ship tram "
        "tractor idling propeller aircraft"
    ),
    "tool": (
        "chainsaw saw drill hammer sander grinder axe mower lawnmower jackhammer sewing "
        "machine motor fan pump"
    ),
    "alarm": (
        "siren alarm bell church telephone phone ring ringing beep horn doorbell buzzer chime "
        "fireworks gunshot explosion"
    ),
    "synthetic": ("sweep glide noise tone laser zap static hum warble pulse blip chord"),
    "string": (
        "guitar violin cello harp bass banjo viola lute sitar mandolin pluck plucked string"
    ),
    "keys": ("piano organ harpsichord accordion celesta synth synthesizer synthesiser"),
    "wind instrument": (
        "flute clarinet trumpet saxophone oboe trombone tuba recorder horn brass reed"
    ),
    "drum": (
        "drum snare kick cymbal hat hihat tom tabla tambourine cowbell shaker maraca conga "
        "bongo timpani woodblock triangle gong marimba xylophone vibraphone glockenspiel "
        "kalimba"
    ),
}
"""Coarse group -> words whose names belong to it; of several groups the first counts."""

HOMOPHONES: tuple[frozenset[str], ...] = tuple(
    frozenset(line.split())
    for line in (
        "to two too",
        "for four fore",
        "one won",
        "eight ate",
        "no know",
        "right write rite",
        "sea see",
        "sun son",
        "there their they're",
        "hear here",
        "by buy bye",
        "blue blew",
        "red read",
        "week weak",
        "meet meat",
        "wait weight",
        "wood would",
        "new knew",
        "our hour",
        "night knight",
        "flower flour",
        "road rode",
        "tail tale",
        "sail sale",
        "pear pair pare",
        "not knot",
        "peace piece",
        "through threw",
        "whole hole",
    )
)
"""Sets of words with the same pronunciation."""

_COMMON = """
    about after again also although among another because been before being between both came
    come could does done down each even ever every first from give good great have here herself
    himself into itself just know like little long made make many more most much must never only
    other over part said same shall should since some still such take than that their them then
    there these they thing this those though through time under until unto upon very want well
    went were what when where which while whom whose will with without would your yours
"""

COMMON: frozenset[str] = frozenset(_COMMON.split())
"""Function words and other frequent words, which are not asked for."""

HINTS: dict[str, str] = {
    "dog": "an animal that guards the house and fetches sticks",
    "cat": "a pet that purrs and hunts mice",
    "rooster": "a farm bird that greets the sunrise",
    "hen": "a farm bird that lays eggs",
    "cow": "a farm animal that gives milk",
    "pig": "a farm animal that rolls in mud",
    "sheep": "a farm animal that gives wool",
    "frog": "a green animal that leaps about a pond",
    "crow": "a black bird",
    "bird": "an animal that flies and builds nests",
    "owl": "a bird that hunts at night",
    "rain": "water that falls from the clouds",
    "wave": "water that rolls onto a beach",
    "thunder": "what follows lightning",
    "wind": "moving air",
    "fire": "something that burns wood and keeps a camp warm",
    "baby": "a very young child that wants its mother",
    "sneeze": "what a person does with pepper in the nose",
    "cough": "what a person does with a sore throat",
    "laugh": "what a person does after a good joke",
    "clap": "what a person in the audience does after a concert",
    "snore": "what a sleeping person may do",
    "clock": "a device that tells the time",
    "door": "what one opens to enter a room",
    "keyboard": "what one writes on in front of a computer",
    "helicopter": "an aircraft with a rotor on its top",
    "airplane": "an aircraft with wings",
    "train": "a vehicle that runs on rails",
    "chainsaw": "a tool that fells trees",
    "hammer": "a tool that drives nails",
    "drill": "a tool that makes holes",
    "siren": "what an ambulance uses to clear its way",
    "bell": "what hangs in the tower of a church",
    "piano": "an instrument with black and white keys and hammers",
    "organ": "an instrument with pipes, found in a church",
    "guitar": "an instrument with six strings",
    "violin": "a small instrument with four strings and a bow",
    "flute": "an instrument one blows across",
    "trumpet": "an instrument of brass with three valves",
    "zero": "the number of wheels on a boat",
    "one": "the number of noses in a face",
    "two": "the number of eyes in a face",
    "three": "the number of sides of a triangle",
    "four": "the number of legs of a horse",
    "five": "the number of fingers on a hand",
    "six": "the number of legs of an insect",
    "seven": "the number of days in a week",
    "eight": "the number of legs of a spider",
    "nine": "the number one less than ten",
    "ten": "the number of fingers on two hands",
    "yes": "the opposite of no",
    "no": "the opposite of yes",
    "up": "the opposite of down",
    "down": "the opposite of up",
    "left": "the opposite of right",
    "right": "the opposite of left",
    "stop": "the opposite of go",
    "go": "the opposite of stop",
}
"""Common knowledge about the source of a sound or a word (for the `leaky` control)."""

IMPOSSIBLE: tuple[str, ...] = (
    "the colour blue",
    "the smell of bread",
    "the taste of salt",
    "last Tuesday",
    "the square root of two",
    "a blank page",
    "the shape of a cube",
    "the price of tea",
    "a feeling of warmth",
    "the year 1850",
    "an empty map",
    "the weight of a feather",
)
"""Options that are impossible for any audio."""

"""Captions of composed pictures: whole ones, and routed ones, which are true only in what one group of blocks decides.

A caption is made from slots. Routing gives the input, middle and output blocks each the slots with all but their own part
falsified or left out, as if someone injected at one group into a run of another prompt. So the model learns to read the
scene, place and size in the input blocks, the object in the middle, colour and style in the output blocks.
"""
import dataclasses

from compose import INK, SIZES
from vocabulary import BACKGROUNDS, COLORS, EFFECTS, NAMES, SCENES, STYLES, TINTS

SCENE_WORDS = {
    "park": ["in a park", "at a park", "in the park", "on green grass in a park"],
    "garden": ["in a garden", "in a flower garden", "among flowers in a garden"],
    "beach": ["on a beach", "at the beach", "on a sandy beach by the sea"],
    "desert": ["in the desert", "in a desert with sand dunes"],
    "snow": ["in the snow", "in a snowy landscape", "in winter snow"],
    "night": ["at night", "at night under the stars", "under a starry night sky"],
    "underwater": ["underwater", "in the ocean", "under the sea"],
    "space": ["in space", "in outer space among the stars"],
    "city": ["in a city", "in front of a city skyline", "on a city street"],
    "forest": ["in a forest", "in the woods", "in a dark forest"],
    "room": ["in a room", "inside a room", "in a living room"],
    "sunset": ["at sunset", "in front of a sunset"],
    "mountains": ["in the mountains", "in front of mountains", "with mountains in the background"],
    "road": ["on a road", "on the road"],
}
STYLE_WORDS = {
    "cartoon": ["a cartoon of", "a cartoon drawing of"], "render": ["a 3d render of", "a 3d rendering of"],
    "flat": ["a flat sticker of", "a sticker of"], "icon": ["a simple icon of", "an icon of"],
    "ink": ["an ink drawing of", "a sketch of", "a line drawing of"],
}
EFFECT_WORDS = {
    "pixel": ["pixel art of", "a pixel art of"],
    "bw": ["a black and white photo of", "a black and white picture of"],
    "sepia": ["a sepia photo of", "an old sepia photograph of"],
    "watercolor": ["a watercolor painting of", "a watercolor of"],
}
ANY_STYLE = ["a picture of", "a photo of", "an image of", "", ""]
PLACE_WORDS = {"": "", "left": "on the left", "right": "on the right", "center": "in the center", "top": "at the top",
               "bottom": "at the bottom"}
PLACE_SHARES, SIZE_SHARES = [0.58, 0.1, 0.1, 0.1, 0.06, 0.06], [0.7, 0.08, 0.05, 0.1, 0.07]
PLURAL = {"grapes", "cherries", "pancakes", "french fries", "glasses", "sunglasses", "headphones", "books",
          "crossed swords", "nesting dolls", "sushi", "bread", "broccoli", "corn", "cheese", "fire", "santa claus"}


@dataclasses.dataclass
class Thing:
    noun: str
    color: str = ""
    size: str = ""


@dataclasses.dataclass
class Slots:
    look: str            # "pixel art of"
    things: list         # one to three
    joint: str           # between two: above, left-right, next, and
    place: str           # of one: a key of PLACE_WORDS
    background: str      # "in a park"
    look_last: bool      # "a cat, in a park, pixel art"


def look_words(rng, style, effect):
    if effect:
        return rng.choice(EFFECT_WORDS[EFFECTS[effect]])
    if style != INK and rng.random() < 0.45:
        return rng.choice(ANY_STYLE)
    return rng.choice(STYLE_WORDS[STYLES[style]])


def background_words(rng, name):
    if name in SCENE_WORDS:
        return rng.choice(SCENE_WORDS[name])
    if name == "none":
        return rng.choice(["", "", "on a plain background"])
    color = name.removeprefix("plain ")
    return rng.choice([f"on a {color} background", f"{color} background"])


def slots_of(rng, description):
    """The words for a description of compose.py."""
    layout, joint = description.layout, ""
    things = [Thing(rng.choice(NAMES[which]), TINTS[tint] if tint else "", layout.size)
              for which, tint, *_ in description.objects]
    if len(things) == 2:
        joint = "above" if layout.above else rng.choices(["left-right", "next", "and"], [0.42, 0.2, 0.23])[0]
        if joint in ("next", "and") and rng.random() < 0.5:
            things.reverse()  # neither says which one is left
    return Slots(look_words(rng, description.style, description.effect), things, joint, layout.place,
                 background_words(rng, BACKGROUNDS[description.background]), rng.random() < 0.08)


def article(noun_phrase):
    vowel = noun_phrase[0] in "aeiou" and not noun_phrase.startswith(("uni", "ufo"))
    return ("an " if vowel else "a ") + noun_phrase


def phrase(rng, thing):
    words = " ".join(word for word in (thing.size, thing.color, thing.noun) if word)
    return words if thing.noun in PLURAL or rng.random() < 0.06 else article(words)


def caption(rng, s):
    parts = [phrase(rng, thing) for thing in s.things]
    if len(parts) == 1:
        body = " ".join(filter(None, (parts[0], PLACE_WORDS[s.place])))
    elif len(parts) == 2:
        body = {"left-right": "{} on the left and {} on the right", "next": "{} next to {}", "and": "{} and {}",
                "above": "{} above {}"}[s.joint].format(*parts)
    else:
        body = f"{parts[0]}, {parts[1]} and {parts[2]}"
    if s.look_last:
        return ", ".join(filter(None, (body, s.background, s.look.removesuffix(" of"))))
    return " ".join(filter(None, (s.look, body, s.background)))


def false_slots(rng, s):
    """What another prompt might say."""
    style, effect = rng.choices(range(5), [0.26, 0.26, 0.18, 0.18, 0.12])[0], rng.choices(range(5), [72, 7, 7, 6, 8])[0]
    kind = rng.choices([rng.choice(SCENES), "plain " + rng.choice(list(COLORS)), "none"], [0.72, 0.16, 0.12])[0]
    size = rng.choices(list(SIZES), SIZE_SHARES)[0]
    things = [Thing(rng.choice(rng.choice(NAMES)), rng.choice(list(COLORS)) if rng.random() < 0.3 else "", size)
              for _ in s.things]
    return Slots(look_words(rng, style, 0 if style == INK else effect), things, s.joint,
                 rng.choices(list(PLACE_WORDS), PLACE_SHARES)[0], background_words(rng, kind), s.look_last)


def routed(rng, s):
    """@return the captions of the input, the middle and the output blocks for one picture."""
    false, one = false_slots(rng, s), len(s.things) == 1

    def either(true, wrong, none, shares):
        return rng.choices([true, wrong, none], shares)[0]

    pairs = list(zip(s.things, false.things))
    inputs = dataclasses.replace(
        s, look=either(s.look, false.look, "", [30, 40, 30]),
        things=[Thing(either(t.noun, f.noun, "", [35, 65, 0]), either(t.color, f.color, "", [30, 40, 30]), t.size)
                for t, f in pairs])
    if rng.random() < 0.4:  # the bare object, as CorePulse's "dragon"
        middle = Slots("", [Thing(t.noun) for t in s.things], s.joint, "", "", False)
    else:
        middle = dataclasses.replace(
            s, look=either(s.look, false.look, "", [30, 35, 35]), place=either(s.place, false.place, "", [40, 30, 30]),
            background=either(s.background, false.background, "", [35, 35, 30]),
            things=[Thing(t.noun, either(t.color, f.color, "", [30, 35, 35]),
                          either(t.size, f.size, "", [30, 35, 35]) if one else "") for t, f in pairs])
    outputs = dataclasses.replace(
        s, place=either(s.place, false.place, "", [40, 30, 30]),
        background=either(s.background, false.background, "", [35, 40, 25]),
        things=[Thing(either(t.noun, f.noun, "", [40, 60, 0]), t.color,
                      either(t.size, f.size, "", [40, 30, 30]) if one else "") for t, f in pairs])
    return [caption(rng, each) for each in (inputs, middle, outputs)]

"""Draws the 14 scenes and the plain backgrounds, each in many random variants."""
import concurrent.futures
import functools
import io
import math
import random

import numpy as np
from PIL import Image, ImageDraw

from vocabulary import BACKGROUNDS, COLORS, SLUGS, STYLES, sprite_files

SIZE = 256
sprites = functools.cache(sprite_files)


def gradient(top, bottom):
    t = np.linspace(0, 1, SIZE)[:, None, None]
    pixels = np.array(top) * (1 - t) + np.array(bottom) * t
    return Image.fromarray(np.broadcast_to(pixels, (SIZE, SIZE, 3)).clip(0, 255).astype(np.uint8).copy())


def vary(color, rng, by=18):
    return tuple(int(max(0, min(255, value + rng.uniform(-by, by)))) for value in color)


class Painter:
    """One picture in the making: `horizon` is the height where land begins, `style` that of its sprites."""

    def __init__(self, rng):
        self.rng, self.style, self.horizon = rng, rng.choice(["cartoon", "flat", "render"]), rng.randint(115, 165)

    def fill(self, top, bottom):
        self.image = gradient(top, bottom)
        self.draw = ImageDraw.Draw(self.image)

    def sky(self):
        self.fill(vary((120, 190, 245), self.rng), vary((205, 232, 250), self.rng))

    def paste(self, slug, x, y, size):
        """A sprite that stands on the point (x, y)."""
        data = sprites().get((SLUGS.index(slug), STYLES.index(self.style)))
        if data is None:
            return
        sprite = Image.open(io.BytesIO(data)).convert("RGBA").resize((size, size), Image.LANCZOS)
        if self.rng.random() < 0.5:
            sprite = sprite.transpose(Image.FLIP_LEFT_RIGHT)
        self.image.paste(sprite, (int(x - size / 2), int(y - size)), sprite)

    def row(self, slugs, count, bottom, sizes):
        """`count` sprites side by side, their feet between the two heights of `bottom`."""
        for _ in range(self.rng.randint(*count)):
            self.paste(self.rng.choice(slugs), self.rng.randint(0, SIZE), self.rng.randint(*bottom),
                       self.rng.randint(*sizes))

    def dots(self, count, height, sizes, color):
        for _ in range(count):
            x, y, s = self.rng.randint(0, SIZE), self.rng.randint(0, height), self.rng.choice(sizes)
            self.draw.ellipse([x - s, y - s, x + s, y + s], fill=color())


def meadow(p):
    p.sky()
    for _ in range(p.rng.randint(0, 2)):
        p.paste("cloud", p.rng.randint(20, 236), p.rng.randint(40, 80), p.rng.randint(36, 64))


def grass(p):
    green = vary((105, 185, 80), p.rng)
    p.draw.rectangle([0, p.horizon + 20, SIZE, SIZE], fill=green)
    p.draw.ellipse([-80, p.horizon, 150, p.horizon + 60], fill=green)
    p.draw.ellipse([110, p.horizon + 4, 340, p.horizon + 60], fill=green)


def park(p):
    meadow(p)
    grass(p)
    p.row(["deciduous-tree", "evergreen-tree", "deciduous-tree"], (3, 6), (p.horizon + 14, p.horizon + 34), (54, 96))


def garden(p):
    meadow(p)
    grass(p)
    p.row(["tulip", "sunflower", "rose", "hibiscus"], (12, 22), (p.horizon + 30, SIZE), (22, 40))


def mountains(p):
    meadow(p)
    foot = p.horizon + 25
    for _ in range(p.rng.randint(3, 5)):
        x, high, wide = p.rng.randint(-20, 276), p.rng.randint(60, 130), p.rng.randint(60, 110)
        p.draw.polygon([(x - wide, foot), (x, foot - high), (x + wide, foot)], fill=vary((110, 115, 135), p.rng))
        p.draw.polygon([(x - wide * 0.25, foot - high * 0.75), (x, foot - high), (x + wide * 0.25, foot - high * 0.75),
                        (x, foot - high * 0.68)], fill=(245, 248, 252))
    grass(p)


def road(p):
    meadow(p)
    grass(p)
    far = p.horizon + 16
    p.draw.polygon([(118, far), (138, far), (236, SIZE), (20, SIZE)], fill=vary((95, 95, 102), p.rng, 10))
    for t in (0, 0.3, 0.6, 0.85):
        y, w = far + (SIZE - far) * t, 1 + 5 * t
        p.draw.polygon([(128 - w, y), (128 + w, y), (128 + w * 1.4, y + 6 + 16 * t), (128 - w * 1.4, y + 6 + 16 * t)],
                       fill=(240, 235, 180))


def beach(p):
    p.sky()
    p.draw.rectangle([0, p.horizon, SIZE, p.horizon + 50], fill=vary((40, 140, 205), p.rng))
    shore = [(0, p.horizon + 40), (SIZE, p.horizon + p.rng.randint(15, 45)), (SIZE, SIZE), (0, SIZE)]
    p.draw.polygon(shore, fill=vary((238, 214, 160), p.rng))
    if p.rng.random() < 0.7:
        p.paste("palm-tree", p.rng.choice([28, 228]), p.horizon + 70, p.rng.randint(90, 130))


def desert(p):
    p.fill(vary((250, 200, 130), p.rng), vary((255, 235, 190), p.rng))
    for k in range(3):
        y, x = p.horizon + k * 28, p.rng.randint(-60, 60)
        sand = vary((226 - 14 * k, 172 - 12 * k, 96 - 8 * k), p.rng, 8)
        p.draw.ellipse([x - 160, y, x + 190, y + 240], fill=sand)
        p.draw.ellipse([x + 80, y + 8, x + 420, y + 240], fill=sand)
    p.row(["cactus"], (1, 3), (p.horizon + 20, p.horizon + 60), (30, 56))


def snow(p):
    p.fill(vary((175, 200, 225), p.rng), vary((225, 235, 245), p.rng))
    white = (243, 247, 252)
    p.draw.rectangle([0, p.horizon + 22, SIZE, SIZE], fill=white)
    p.draw.ellipse([-90, p.horizon, 170, p.horizon + 70], fill=white)
    p.draw.ellipse([90, p.horizon + 4, 350, p.horizon + 70], fill=white)
    p.row(["evergreen-tree"], (2, 5), (p.horizon + 14, p.horizon + 36), (46, 86))
    p.dots(60, SIZE, [1, 1, 2], lambda: (255, 255, 255))


def night(p):
    p.fill(vary((12, 14, 44), p.rng, 8), vary((38, 42, 92), p.rng, 10))
    p.dots(90, p.horizon + 20, [0, 0, 1], lambda: (250, 250, p.rng.randint(200, 255)))
    p.draw.rectangle([0, p.horizon + 24, SIZE, SIZE], fill=vary((22, 40, 40), p.rng, 8))
    p.draw.ellipse([-80, p.horizon + 6, 340, p.horizon + 90], fill=vary((22, 40, 40), p.rng, 4))
    p.paste("crescent-moon", p.rng.choice([40, 210]), 64, 36)


def space(p):
    p.fill(vary((6, 4, 18), p.rng, 4), vary((26, 12, 44), p.rng, 8))
    p.dots(90, SIZE, [0, 0, 1], lambda: (250, 250, p.rng.randint(200, 255)))
    planets = [(180, 90, 60), (90, 120, 200), (200, 170, 110), (120, 80, 160)]
    p.dots(p.rng.randint(1, 3), SIZE, range(10, 35), lambda: vary(p.rng.choice(planets), p.rng))


def underwater(p):
    p.fill(vary((70, 190, 220), p.rng), vary((10, 60, 120), p.rng))
    p.draw.rectangle([0, 226, SIZE, SIZE], fill=vary((200, 180, 120), p.rng))
    for _ in range(p.rng.randint(4, 8)):  # weeds
        x, high, green = p.rng.randint(0, SIZE), p.rng.randint(30, 80), vary((40, 140, 80), p.rng)
        for k in range(6):
            bend, y = 5 * math.sin(k + x), 236 - high * k / 6
            p.draw.ellipse([x - 4 + bend, y - 12, x + 4 + bend, y + 6], fill=green)
    for _ in range(16):  # bubbles
        x, y, s = p.rng.randint(0, SIZE), p.rng.randint(0, SIZE), p.rng.randint(2, 6)
        p.draw.ellipse([x - s, y - s, x + s, y + s], outline=(210, 240, 250))


def city(p):
    p.sky()
    x, street = -10, p.horizon + 50
    while x < SIZE:
        wide, high = p.rng.randint(26, 52), p.rng.randint(60, 150)
        wall = p.rng.choice([(130, 140, 160), (170, 130, 110), (110, 120, 140), (190, 180, 160)])
        p.draw.rectangle([x, street - high, x + wide, street], fill=vary(wall, p.rng))
        for wy in range(street + 6 - high, street - 6, 14):
            for wx in range(x + 5, x + wide - 6, 11):
                lit = (250, 235, 160) if p.rng.random() < 0.4 else (80, 95, 120)
                p.draw.rectangle([wx, wy, wx + 5, wy + 7], fill=lit)
        x += wide + p.rng.randint(0, 4)
    p.draw.rectangle([0, street, SIZE, SIZE], fill=vary((120, 120, 126), p.rng, 10))


def forest(p):
    p.fill(vary((90, 140, 110), p.rng), vary((40, 90, 60), p.rng))
    p.draw.rectangle([0, p.horizon + 30, SIZE, SIZE], fill=vary((60, 100, 50), p.rng))
    for k in range(p.rng.randint(12, 18)):
        tree = p.rng.choice(["evergreen-tree", "evergreen-tree", "deciduous-tree"])
        p.paste(tree, p.rng.randint(0, 256), p.horizon + 10 + k * 3, p.rng.randint(80, 130))


def room(p):
    wall = vary(p.rng.choice([(235, 215, 190), (205, 220, 235), (225, 235, 215), (240, 220, 225)]), p.rng)
    p.fill(wall, tuple(int(value * 0.93) for value in wall))
    p.draw.rectangle([0, p.horizon + 40, SIZE, SIZE], fill=vary((165, 115, 70), p.rng))
    p.draw.rectangle([0, p.horizon + 35, SIZE, p.horizon + 40], fill=(250, 250, 248))
    x, frame = p.rng.choice([24, 160]), (250, 250, 250)
    p.draw.rectangle([x, 36, x + 72, 112], fill=frame)
    p.draw.rectangle([x + 5, 41, x + 67, 107], fill=vary((150, 205, 245), p.rng))
    p.draw.line([x + 36, 41, x + 36, 107], fill=frame, width=4)
    p.draw.line([x, 74, x + 72, 74], fill=frame, width=4)


def sunset(p):
    p.fill(vary((90, 60, 130), p.rng), vary((255, 150, 70), p.rng))
    x = p.rng.randint(60, 196)
    p.draw.ellipse([x - 40, p.horizon - 30, x + 40, p.horizon + 50], fill=(255, 225, 130))
    p.draw.rectangle([0, p.horizon + 20, SIZE, SIZE], fill=vary((60, 40, 70), p.rng, 8))


DRAWN = {f.__name__: f for f in (park, garden, mountains, road, beach, desert, snow, night, space, underwater, city,
                                 forest, room, sunset)}


def background(kind, seed):
    """One variant as uint8 [SIZE, SIZE, 3]."""
    rng = random.Random(f"{kind} {seed}")
    painter = Painter(rng)
    if kind in DRAWN:
        DRAWN[kind](painter)
    elif kind == "none":
        tone = rng.choice([(245, 245, 245), (235, 240, 245), (250, 245, 235), (225, 235, 225), (240, 230, 240)])
        painter.fill(vary(tone, rng, 8), vary(tone, rng, 14))
    else:
        color = vary(COLORS[kind.removeprefix("plain ")], rng, 14)
        painter.fill(color, tuple(int(value * 0.9 + 12) for value in color))
    return np.array(painter.image)


def backgrounds(variants, first_seed=0, workers=8):
    """All kinds as uint8 [kinds, variants, SIZE, SIZE, 3], in the order of BACKGROUNDS."""
    kinds = [kind for kind in BACKGROUNDS for _ in range(variants)]
    seeds = [first_seed + seed for _ in BACKGROUNDS for seed in range(variants)]
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        pictures = list(pool.map(background, kinds, seeds, chunksize=16))
    return np.stack(pictures).reshape(len(BACKGROUNDS), variants, SIZE, SIZE, 3)

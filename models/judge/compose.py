"""Composes labelled pictures on the device: up to three sprites over a background, coloured, turned, with an effect.

A scene's description is drawn at random on the host (`sample`), many at once become pictures (`Composer`).
"""
import dataclasses
import io
import math
import random

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from backgrounds import SIZE
from vocabulary import BACKGROUNDS, COLORS, NOTHING, SCENES, STYLES, sprite_files

OBJECTS = 3  # at most, in one picture
CELL = 16    # pixels; labels are given per cell
BW, SEPIA, INK = 2, 3, STYLES.index("ink")
LUMA = (0.3, 0.59, 0.11)


SIZES = {"": 0.56, "small": 0.32, "tiny": 0.24, "big": 0.74, "huge": 0.84}


@dataclasses.dataclass
class Layout:
    """Where the objects are: (x, y, size) of each, fractions of the picture, y at the centre; and the words for it."""
    places: list
    place: str = ""  # of one object: left, right, center, top, bottom
    size: str = ""   # of one object: a key of SIZES
    above: bool = False  # the first of two is above the second, not left of it


@dataclasses.dataclass
class Description:
    """A picture to be composed; each object is (object, tint, x, y, size, turn in degrees, mirrored)."""
    background: int
    style: int
    effect: int
    objects: list
    layout: Layout


def placed(rng, count):
    if count == 1:
        place = rng.choices(["", "left", "right", "center", "top", "bottom"], [0.58, 0.1, 0.1, 0.1, 0.06, 0.06])[0]
        word = rng.choices(list(SIZES), [0.7, 0.08, 0.05, 0.1, 0.07])[0]
        size = SIZES[word] if place in ("", "center") else min(SIZES[word], 0.5)
        x, y = {"left": 0.25, "right": 0.75}.get(place, 0.5), {"top": 0.27, "bottom": 0.74}.get(place, 0.55)
        return Layout([(x, y, size)], place, word)
    if count == 2:
        if rng.random() < 0.15:
            return Layout([(0.5, 0.27, 0.42), (0.5, 0.74, 0.42)], above=True)
        return Layout([(0.26, 0.57, 0.44), (0.74, 0.57, 0.44)])
    return Layout([(x, 0.58, 0.32) for x in (0.2, 0.5, 0.8)])


def sample(rng):
    """The description of a random picture."""
    effect = rng.choices(range(5), [0.72, 0.07, 0.07, 0.06, 0.08])[0]
    style = rng.choices(range(5), [0.26, 0.26, 0.18, 0.18, 0.12])[0]
    if style == INK:
        effect = 0
    kind = rng.choices(["scene", "plain", "none"], [0.72, 0.16, 0.12])[0]
    kind = {"scene": rng.choice(SCENES), "plain": "plain " + rng.choice(list(COLORS)), "none": "none"}[kind]
    count = rng.choices([1, 2, 3], [0.68, 0.27, 0.05])[0]
    chosen, layout, objects = rng.sample(range(NOTHING), count), placed(rng, count), []
    for which, (x, y, size) in zip(chosen, layout.places):
        tinted = rng.random() < 0.28 and style != INK and effect not in (BW, SEPIA)
        objects.append((which, rng.randint(1, len(COLORS)) if tinted else 0, x + rng.uniform(-0.04, 0.04),
                        y + rng.uniform(-0.04, 0.04), size * rng.uniform(0.92, 1.08),
                        rng.uniform(-8, 8) if rng.random() < 0.4 else 0.0, rng.random() < 0.5))
    return Description(BACKGROUNDS.index(kind), style, effect, objects, layout)


def as_tensors(rng, descriptions, size, sprite_index):
    """`size` descriptions, which may be made while they are read, as the Composer's tensors."""
    whole = np.zeros((size, 5), np.int64)  # background, its variant, style, effect, mirrored
    objects = np.zeros((size, OBJECTS, 3), np.int64)  # sprite (-1: none), object, tint
    places = np.ones((size, OBJECTS, 5), np.float32)  # x, y, size, turn, mirror (1 or -1)
    objects[:, :, 0] = -1
    for n, d in enumerate(descriptions):
        whole[n] = d.background, rng.randrange(1 << 20), d.style, d.effect, rng.random() < 0.5
        for k, (which, tint, x, y, extent, turn, mirrored) in enumerate(d.objects):
            objects[n, k] = sprite_index[which][d.style], which, tint
            places[n, k] = x, y, extent, turn, -1 if mirrored else 1
    return torch.from_numpy(whole), torch.from_numpy(objects), torch.from_numpy(places)


def draw_batch(rng, size, sprite_index):
    """@return `size` random descriptions, and the same as the Composer's tensors."""
    descriptions = []

    def drawn():
        while len(descriptions) < size:
            descriptions.append(sample(rng))
            yield descriptions[-1]

    tensors = as_tensors(rng, drawn(), size, sprite_index)
    return descriptions, tensors


class Batches(torch.utils.data.Dataset):
    """Batch i of descriptions as tensors; the same i gives the same batch, whoever asks."""

    def __init__(self, size, seed, sprite_index, count=1 << 30):
        self.size, self.seed, self.sprite_index, self.count = size, seed, sprite_index, count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        return draw_batch(random.Random(f"{self.seed} {i}"), self.size, self.sprite_index)[1]


def load_sprites():
    """(RGBA uint8 [n, 4, h, w], index of each (object, style): the cartoon or icon where a style is missing)."""
    files = sprite_files()
    keys = {key: i for i, key in enumerate(files)}
    pictures = np.stack([np.array(Image.open(io.BytesIO(data)).convert("RGBA")) for data in files.values()])
    index = [[keys.get((o, s), keys.get((o, 0), keys.get((o, 3)))) for s in range(len(STYLES))] for o in range(NOTHING)]
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), index


class Composer:
    """Descriptions -> pictures [B, 3, 256, 256] in -1..1, with labels."""

    def __init__(self, sprites, backgrounds, device):
        self.sprites = sprites.to(device)
        self.backgrounds = torch.from_numpy(backgrounds).to(device)
        self.colors = torch.tensor(list(COLORS.values()), device=device).float() / 255
        self.luma = torch.tensor(LUMA, device=device)[None, :, None, None]
        self.device = device

    def gray(self, x):
        return (x * self.luma).sum(1, keepdim=True)

    def sprite(self, objects, places):
        """Premultiplied RGBA [n, 4, SIZE, SIZE] of sprites at their places."""
        sprite = self.sprites[objects[:, 0]].float() / 255
        alpha = sprite[:, 3:]
        rgb = sprite[:, :3] * alpha
        color = self.colors[(objects[:, 2] - 1).clamp(min=0)][:, :, None, None]
        tinted = (color * (0.3 * alpha + 0.85 * self.gray(rgb))).minimum(alpha)
        rgb = torch.where((objects[:, 2] > 0)[:, None, None, None], tinted, rgb)
        x, y, size, turn, mirror = places.unbind(1)
        cos, sin = (turn * math.pi / 180).cos() / size, (turn * math.pi / 180).sin() / size
        tx, ty = 2 * x - 1, 2 * y - 1
        rows = [torch.stack([mirror * cos, mirror * sin, -mirror * (cos * tx + sin * ty)], -1),
                torch.stack([-sin, cos, sin * tx - cos * ty], -1)]
        grid = F.affine_grid(torch.stack(rows, 1), (len(x), 4, SIZE, SIZE), align_corners=False)
        return F.grid_sample(torch.cat([rgb, alpha], 1), grid, align_corners=False)

    def effects(self, image, effect):
        def apply(number, change):
            chosen = (effect == number).nonzero()[:, 0]
            if len(chosen):
                image[chosen] = change(image[chosen])

        def blocks(v):
            return (F.interpolate(F.avg_pool2d(v, 8), scale_factor=8, mode="nearest") * 7).round() / 7

        def washed(v):
            soft = F.avg_pool2d(F.avg_pool2d(v, 7, 1, 3, count_include_pad=False), 5, 1, 2, count_include_pad=False)
            paper = torch.randn(len(v), 1, 24, 24, device=v.device)
            return soft * 0.78 + 0.2 + 0.03 * F.interpolate(paper, size=SIZE, mode="bilinear")

        brown = torch.tensor([1.05, 0.86, 0.62], device=self.device)[None, :, None, None]
        apply(1, blocks)
        apply(BW, lambda v: self.gray(v).expand_as(v))
        apply(SEPIA, lambda v: self.gray(v) * brown + 0.04)
        apply(4, washed)
        return image

    @torch.no_grad()
    def __call__(self, whole, objects, places):
        """@return image, labels: cell, tint [B, 16, 16]; scene, style, effect [B]."""
        whole, objects, places = (x.to(self.device, non_blocking=True) for x in (whole, objects, places))
        kind, variant, style, effect, mirrored = whole.unbind(1)
        image = self.backgrounds[kind, variant % self.backgrounds.shape[1]].permute(0, 3, 1, 2).float() / 255
        image = torch.where(mirrored.bool()[:, None, None, None], image.flip(-1), image)
        paper = (self.gray(image) * 0.3 + 0.7).expand_as(image)
        image = torch.where((style == INK)[:, None, None, None], paper, image)
        cells = torch.full((len(kind), SIZE // CELL, SIZE // CELL), NOTHING, device=self.device)
        tints = torch.zeros_like(cells)
        for k in range(OBJECTS):
            there = (objects[:, k, 0] >= 0).nonzero()[:, 0]
            if len(there) == 0:
                break
            drawn = self.sprite(objects[there, k], places[there, k])
            alpha = drawn[:, 3:]
            image[there] = image[there] * (1 - alpha) + drawn[:, :3]
            covered = F.avg_pool2d(alpha, CELL)[:, 0] > 0.35
            for label, column in ((cells, 1), (tints, 2)):
                label[there] = torch.where(covered, objects[there, k, column, None, None], label[there])
        image = self.effects(image, effect).clamp(0, 1) * 2 - 1
        return image, {"cell": cells, "tint": tints, "scene": kind, "style": style, "effect": effect}

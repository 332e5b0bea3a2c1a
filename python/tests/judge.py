"""What a picture of the built-in model shows, by the network of models/judge, in a few lines of mlx.core."""
import collections
import functools
import json
import pathlib

import mlx.core as mx
import numpy as np

MODELS = pathlib.Path(__file__).resolve().parent.parent.parent / "models"
COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "black", "brown"]
SCENES = ["park", "garden", "beach", "desert", "snow", "night", "underwater", "space", "city", "forest", "room", "sunset",
          "mountains", "road", *(f"plain {colour}" for colour in COLOURS), "none"]
EFFECTS = ["none", "pixel", "bw", "sepia", "watercolor"]


@functools.cache
def weights():
    return {name: value.astype(mx.float32) for name, value in mx.load(str(MODELS / "judge/judge.safetensors")).items()}


@functools.cache
def objects():
    return [entry["names"] for entry in json.loads((MODELS / "sprites/objects.json").read_text())]


def conv(x, name, stride=1):
    w = weights()[name + ".weight"]
    padding = 1 if w.shape[-1] == 3 else 0
    return mx.conv2d(x, w.transpose(0, 2, 3, 1), stride=stride, padding=padding) + weights()[name + ".bias"]


def norm_silu(x, name):
    b, h, w, c = x.shape
    groups = x.reshape(b, h * w, 16, c // 16)
    mean, var = groups.mean((1, 3), keepdims=True), groups.var((1, 3), keepdims=True)
    y = ((groups - mean) * mx.rsqrt(var + 1e-5)).reshape(x.shape) * weights()[name + ".weight"] + weights()[name + ".bias"]
    return y * mx.sigmoid(y)


def residual(x, name):
    return x + conv(norm_silu(conv(norm_silu(x, name + ".norm1"), name + ".conv1"), name + ".norm2"), name + ".conv2")


def level(x, name, depth):
    for i in range(depth):
        x = residual(x, f"{name}.{i}")
    return x


def linear(x, name):
    return x @ weights()[name + ".weight"].T + weights()[name + ".bias"]


class Seen:
    """`scene`, `effect`, and by cell of 16 x 16 `cells` (index of an object, or len(objects()): none) and `colours`."""

    def __init__(self, picture):
        x = mx.array(np.asarray(picture, dtype=np.float32) / 127.5 - 1)[None]
        x = level(conv(level(conv(x, "stem", 4), "level0", 2), "down0", 2), "level1", 2)
        x = level(conv(x, "down1", 2), "level2", 3)
        whole = level(conv(x, "down2", 2), "level3", 2)
        up = mx.repeat(mx.repeat(conv(whole, "up"), 2, 1), 2, 2)
        x, whole = norm_silu(residual(x + up, "merge"), "norm"), whole.mean((1, 2))
        self.cells = np.array(mx.argmax(conv(x, "cell"), -1))[0]
        self.colours = np.array(mx.argmax(conv(x, "tint"), -1))[0]
        self.scene = SCENES[int(mx.argmax(linear(whole, "scene")))]
        self.effect = EFFECTS[int(mx.argmax(linear(whole, "effect")))]

    def object(self, columns=slice(None), rows=slice(None)):
        """The names of what most cells show there; nothing: []."""
        found = collections.Counter(int(c) for c in self.cells[rows, columns].ravel() if c < len(objects()))
        return objects()[found.most_common(1)[0][0]] if found else []

    def colour(self):
        """That of most cells with an object."""
        inked = self.colours[self.cells < len(objects())]
        found = collections.Counter(["natural", *COLOURS][int(c)] for c in inked)
        return found.most_common(1)[0][0] if found else "none"

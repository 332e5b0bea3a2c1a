"""Pairs of pictures: one that the adapter is shown, an object somewhere, and one to be drawn, the object elsewhere.

What is drawn has the shown object in its colours, and in its drawing style unless the text names one; scene, place,
size and effect are never the shown picture's, so that the object is all that can be taken from it.
"""
import random
import time

import torch
import torch.nn.functional as F
from transformers import CLIPTokenizer

from common import BUILTIN, DEVICE, SIDE, autocast

from backgrounds import backgrounds
from captions import PLACE_WORDS, STYLE_WORDS, caption, slots_of
from compose import INK, Composer, Description, Layout, as_tensors, load_sprites, sample
from vocabulary import BACKGROUNDS, COLORS, SCENES, STYLES

DISTURB = 0.25  # of latents at most, before they are decoded: pictures that the model draws are not flawless


def wished(rng):
    """A random picture of one object of usual size."""
    while True:
        description = sample(rng)
        if len(description.objects) == 1 and not description.layout.size:
            return description


def shown(rng, description, style_is_named):
    """Another picture of its object."""
    which, tint = description.objects[0][:2]
    style, effect, kind = description.style, 0, description.background
    if style_is_named:
        style = rng.choice([s for s in range(len(STYLES)) if s != INK or not tint])
    if not tint and style != INK and rng.random() < 0.12:
        effect = rng.randrange(1, 5)
    while kind == description.background:
        name = rng.choices([rng.choice(SCENES), "plain " + rng.choice(list(COLORS)), "none"], [0.65, 0.2, 0.15])[0]
        kind = BACKGROUNDS.index(name)
    size = rng.uniform(0.34, 0.88)
    place = [rng.uniform(0.45 * size, 1 - 0.45 * size) for _ in range(2)]
    turn = rng.uniform(-10, 10) if rng.random() < 0.4 else 0.0
    return Description(kind, style, effect, [(which, tint, *place, size, turn, rng.random() < 0.5)], Layout([]))


def without_object(slots):
    """ "a cartoon on the left in a park" """
    look, place = slots.look.removesuffix(" of"), PLACE_WORDS[slots.place]
    if slots.look_last:
        return ", ".join(filter(None, (" ".join(filter(None, (place, slots.background))), look)))
    return " ".join(filter(None, (look, place, slots.background)))


class Pairs(torch.utils.data.Dataset):
    """Batch i: the tensors of what is wished and of what is shown, and token ids [size, 2, 77]: without and with the
    object's name."""

    def __init__(self, size, seed, sprite_index):
        self.size, self.seed, self.index = size, seed, sprite_index
        self.tokenizer = CLIPTokenizer.from_pretrained(BUILTIN / "tokenizer")

    def __len__(self):
        return 1 << 30

    def __getitem__(self, i):
        rng = random.Random(f"{self.seed} {i}")
        wishes = [wished(rng) for _ in range(self.size)]
        words = [slots_of(rng, wish) for wish in wishes]
        pictures = [shown(rng, wish, slots.look in STYLE_WORDS[STYLES[wish.style]])
                    for wish, slots in zip(wishes, words)]
        texts = [text for slots in words for text in (without_object(slots), caption(rng, slots))]
        ids = self.tokenizer(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
        return (as_tensors(rng, wishes, self.size, self.index), as_tensors(rng, pictures, self.size, self.index),
                ids.reshape(self.size, 2, 77))


def small(image):
    """As the encoder is given it, uint8 [B, 3, SIDE, SIDE]."""
    image = F.interpolate(image, size=SIDE, mode="bicubic", antialias=True)
    return ((image.clamp(-1, 1) + 1) * 127.5).round().byte()


class Maker:
    """Batches of pairs on the device."""

    def __init__(self, options, pipeline):
        self.sprites, self.index = load_sprites()
        self.composer = Composer(self.sprites, backgrounds(options.variants, 0, options.workers), DEVICE)
        self.vae, self.text = pipeline.vae, pipeline.text_encoder
        self.scaling = pipeline.vae.config.scaling_factor
        self.workers = options.workers

    def batches(self, size, seed):
        return torch.utils.data.DataLoader(Pairs(size, seed, self.index), batch_size=None, num_workers=self.workers)

    @torch.no_grad()
    def __call__(self, wishes, pictures, ids):
        """@return by name: latents; states, the texts' [B, 2, 77, width]; of what is shown and of what is wished the
        pictures [B, 2, 3, SIDE, SIDE] and their labels."""
        wished_image, wished_labels = self.composer(*wishes)
        image, labels = self.composer(*pictures)
        half = len(image) // 2
        with autocast():
            latents = self.vae.encode(wished_image).latent_dist.sample().float()
            disturbed = self.vae.encode(image[:half]).latent_dist.mean
            disturbed = disturbed + torch.randn_like(disturbed) * DISTURB * torch.rand(half, 1, 1, 1, device=DEVICE)
            image[:half] = self.vae.decode(disturbed).sample.float().clamp(-1, 1)
            states = self.text(ids.to(DEVICE).flatten(0, 1)).last_hidden_state
        made = {"latents": latents * self.scaling, "states": states.unflatten(0, (-1, 2)).to(torch.bfloat16),
                "pictures": torch.stack([small(image), small(wished_image)], 1)}
        for name in ("scene", "style"):
            made[name] = torch.stack([labels[name], wished_labels[name]], 1).short()
        made["cell"] = torch.stack([labels["cell"], wished_labels["cell"]], 1).short()
        for name, column in (("object", 1), ("tint", 2)):
            one = pictures[1][:, 0, column].to(DEVICE).short()
            made[name] = torch.stack([one, one], 1)
        return made


def compose(options, maker):
    """Pairs by name, as many as the time allows."""
    start, size, parts, count = time.time(), min(256, options.pairs), [], 0
    for batch in maker.batches(size, "pairs"):
        parts.append(maker(*batch))
        count += size
        if count >= options.pairs or time.time() - start > options.compose_seconds:
            break
    print(f"{count} pairs in {time.time() - start:.0f} s", flush=True)
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

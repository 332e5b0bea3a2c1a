"""Trains an IP-Adapter for the built-in model, with its encoder: `python models/picture_prompts/train.py OUT`.

First the encoder alone: it learns which object a picture shows, in which colour and style, and to say so in tokens that
are like the text encoder's for that object. Then encoder and adapter together, by what the UNet, which stays as it is,
makes of them. All in eight minutes of a GPU, however fast it is; --smoke tries every line on a CPU.
"""
import argparse
import math
import pathlib
import time

import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline

from common import BUILTIN, DEVICE, autocast, show

from adapter import TOKENS, Adapter, Encoder, save_half
from judging import Examiner
from pairs import Maker, compose
from vocabulary import NAMES, NOTHING, TINTS

SPREAD = 0.5  # mean square by which the states of objects' names differ


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=40960, help="at most")
    parser.add_argument("--compose-seconds", type=float, default=70, help="at most, for the pairs")
    parser.add_argument("--read-seconds", type=float, default=170, help="for the encoder alone")
    parser.add_argument("--seconds", type=float, default=175, help="for encoder and adapter together")
    parser.add_argument("--steps", type=int, default=100_000, help="at most, of each")
    parser.add_argument("--read-batch", type=int, default=256)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--read-rate", type=float, default=1e-3)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--variants", type=int, default=40, help="of each background")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--judged", type=int, default=64, help="held-out pairs")
    parser.add_argument("--judged-steps", type=int, default=20, help="of their pictures")
    parser.add_argument("--save-every", type=float, default=60, help="seconds")
    parser.add_argument("--smoke", type=int, nargs="?", const=2,
                        help="so many steps on a few pictures, to see that it runs")
    options = parser.parse_args()
    if options.smoke:
        options.pairs, options.steps, options.batch, options.read_batch = 8, options.smoke, 4, 4
        options.variants, options.workers, options.judged, options.judged_steps = 1, 2, 2, 2
    return options


def moved(image, cells):
    """Pictures uint8 [B, 3, H, W] as -1..1, each a bit shifted, scaled, mirrored, lighter, noisy; and their labels."""
    n, unit = len(image), lambda: torch.rand(len(image), device=DEVICE) * 2 - 1
    scale, mirror, zero = 1 + 0.18 * unit(), unit().sign(), torch.zeros(n, device=DEVICE)
    theta = torch.stack([torch.stack([scale * mirror, zero, 0.15 * unit()], 1),
                         torch.stack([zero, scale, 0.15 * unit()], 1)], 1)
    grid = F.affine_grid(theta, (n, 3, *image.shape[2:]), align_corners=False)
    coarse = F.affine_grid(theta, (n, 1, *cells.shape[1:]), align_corners=False)
    image = F.grid_sample(image.float() / 127.5 - 1, grid, padding_mode="border", align_corners=False)
    cells = F.grid_sample(cells[:, None].float(), coarse, "nearest", padding_mode="border", align_corners=False)
    noise = 0.03 * torch.rand(n, 1, 1, 1, device=DEVICE) * torch.randn_like(image)
    image = image + 0.04 * unit()[:, None, None, None] + noise
    return image, cells[:, 0].long()


@torch.no_grad()
def words_of(pipeline, objects, tints):
    """What the text encoder makes of "a red cat", for each of [N] objects and colours: of the name, of the end and of
    the two places behind it, [N, TOKENS, width]."""
    kinds, which = torch.unique(objects.long() * len(TINTS) + tints, return_inverse=True)
    texts = [" ".join(filter(None, ("a", TINTS[k % len(TINTS)] if k % len(TINTS) else "", NAMES[k // len(TINTS)][0])))
             for k in kinds.tolist()]
    ids = pipeline.tokenizer(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
    end = (ids == pipeline.tokenizer.eos_token_id).int().argmax(1)
    places = end[:, None] - 1 + torch.arange(TOKENS)
    found = []
    for some, where in zip(ids.split(256), places.split(256)):
        states = pipeline.text_encoder(some.to(DEVICE)).last_hidden_state
        found.append(states.gather(1, where.to(DEVICE)[:, :, None].expand(-1, -1, states.shape[2])))
    return torch.cat(found).float()[which]


class Clock:
    """How far a training is, by time or by steps: 0 to 1."""

    def __init__(self, seconds, steps):
        self.seconds, self.steps, self.start, self.number, self.kept = seconds, steps, time.time(), 0, 0

    def __iter__(self):
        while max(self.number / self.steps, self.passed() / self.seconds) < 1:
            yield self.number
            self.number += 1

    def passed(self):
        return time.time() - self.start

    def rate(self, highest, warm):
        done = max(self.number / self.steps, self.passed() / self.seconds)
        return highest * min(1, (self.number + 1) / warm) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(done, 1))))


class Trainer:
    def __init__(self, options, pipeline, data, examiner):
        self.options, self.data, self.examiner = options, data, examiner
        self.encoder, self.unet = examiner.encoder, examiner.unet
        self.adapter = examiner.adapter
        self.words = words_of(pipeline, data["object"][:, 0], data["tint"][:, 0])
        norm = dict(pipeline.text_encoder.named_modules())
        norm = next(module for name, module in norm.items() if name.endswith("final_layer_norm"))
        self.adapter.image_proj.norm.load_state_dict(norm.state_dict())
        self.kept = pipeline.scheduler.alphas_cumprod.to(DEVICE)
        self.empty = examiner.states_of([""])[0]
        self.weights = torch.ones(NOTHING + 1, device=DEVICE)
        self.weights[NOTHING] = 0.5

    def seen(self, chosen, which):
        """@return what the encoder makes of pictures, and how wrong its answers are."""
        label = {name: self.data[name][chosen, which].long() for name in ("object", "tint", "style")}
        image, label["cell"] = moved(self.data["pictures"][chosen, which], self.data["cell"][chosen, which])
        with autocast():
            embeds, answers = self.encoder(image)
        shares = {"object": 1.0, "tint": 0.3, "style": 0.3, "cell": 1.0}
        wrong = sum(share * F.cross_entropy(answers[name], label[name], self.weights if name == "cell" else None)
                    for name, share in shares.items())
        right = (answers["object"].argmax(1) == label["object"]).float().mean()
        return embeds.float(), wrong, right

    def step(self, optimizer, loss):
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in optimizer.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], 1.0)
        optimizer.step()

    def read(self):
        """The encoder alone."""
        clock = Clock(self.options.read_seconds, self.options.steps)
        parameters = [*self.encoder.parameters(), *self.adapter.image_proj.parameters()]
        optimizer = torch.optim.AdamW(parameters, weight_decay=0.05, betas=(0.9, 0.98))
        for number in clock:
            optimizer.param_groups[0]["lr"] = clock.rate(self.options.read_rate, 300)
            chosen = torch.randint(0, len(self.data["object"]), (self.options.read_batch,), device=DEVICE)
            embeds, wrong, right = self.seen(chosen, torch.randint_like(chosen, 2))
            away = (self.adapter(embeds) - self.words[chosen]).square().mean() / SPREAD
            self.step(optimizer, wrong + away)
            if number % 200 == 0:
                print(f"encoder, {clock.passed():.0f} s: step {number}, loss {wrong.item():.3f}, "
                      f"right {right.item():.3f}, away from words {away.item():.3f}", flush=True)
        print(f"encoder: {clock.number} steps in {clock.passed():.0f} s", flush=True)

    def texts(self, chosen):
        """@return states [B, 77, width], and which rows are shown no picture: those have a whole text or none."""
        way = torch.rand(len(chosen), device=DEVICE)
        blind, silent = way < 0.1, (way < 0.06) | (way > 0.94)
        named = blind | ((way > 0.82) & ~silent)
        states = self.data["states"][chosen, named.long()]
        return torch.where(silent[:, None, None], self.empty.to(states.dtype), states), blind

    def loss(self):
        chosen = torch.randint(0, len(self.data["object"]), (self.options.batch,), device=DEVICE)
        embeds, wrong, right = self.seen(chosen, torch.zeros_like(chosen))
        states, blind = self.texts(chosen)
        tokens = self.adapter(torch.where(blind[:, None], 0, embeds))
        t = (1000 * torch.rand(len(chosen), device=DEVICE) ** 0.7).long()
        x, kept = self.data["latents"][chosen], self.kept[t]
        noise, share = torch.randn_like(x), kept[:, None, None, None]
        noisy = (share.sqrt() * x + (1 - share).sqrt() * noise).to(self.unet.dtype)
        both = torch.cat([states.to(self.unet.dtype), tokens.to(self.unet.dtype)], 1)
        predicted = self.unet(noisy, t, both).sample.float()
        # By sigma: an error of the noise at sigma 10 is ten times as large in the picture.
        sigma = ((1 - kept) / kept).sqrt().clamp(0.2, 15)
        return (sigma * (predicted - noise).square().mean((1, 2, 3))).mean(), wrong, right

    def run(self):
        """Encoder and adapter."""
        clock = Clock(self.options.seconds, self.options.steps)
        optimizer = torch.optim.AdamW([{"params": list(self.adapter.parameters()), "share": 1.0},
                                       {"params": list(self.encoder.parameters()), "share": 0.25}], weight_decay=0.01)
        for number in clock:
            for group in optimizer.param_groups:
                group["lr"] = group["share"] * clock.rate(self.options.rate, 100)
            loss, wrong, right = self.loss()
            self.step(optimizer, 10 * loss + 0.3 * wrong)
            if number % 100 == 0:
                print(f"{clock.passed():.0f} s: step {number}, loss {loss.item():.4f}, encoder {wrong.item():.3f}, "
                      f"right {right.item():.3f}", flush=True)
            if clock.passed() > (clock.kept + 1) * self.options.save_every:
                clock.kept += 1
                self.save()
                self.examiner.report(f"{clock.passed():.0f} s")
        print(f"{clock.number} steps in {clock.passed():.0f} s", flush=True)

    def save(self):
        self.encoder.save(self.options.out / "image_encoder")
        save_half(self.adapter, self.options.out / "objects.safetensors")


def main():
    options, start = arguments(), time.time()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(22)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    pipeline = StableDiffusionPipeline.from_pretrained(BUILTIN, torch_dtype=torch.float32, safety_checker=None)
    pipeline.to(DEVICE)
    for network in (pipeline.unet, pipeline.text_encoder, pipeline.vae):
        network.requires_grad_(False)
    maker = Maker(options, pipeline)
    print(f"{time.time() - start:.0f} s: loaded", flush=True)
    data = compose(options, maker)
    show([data["pictures"][:12, which].float() / 127.5 - 1 for which in (0, 1)], options.out / "data.png")
    encoder, adapter = Encoder().to(DEVICE), Adapter(pipeline.unet).to(DEVICE)
    pipeline.unet.to(torch.bfloat16 if DEVICE == "cuda" else torch.float32)
    adapter.float()
    examiner = Examiner(options, pipeline, encoder, adapter, maker)
    trainer = Trainer(options, pipeline, data, examiner)
    trainer.read()
    trainer.save()
    examiner.report("encoder alone")
    trainer.run()
    trainer.save()
    examiner.report("end", samples=True)
    print(f"{time.time() - start:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()

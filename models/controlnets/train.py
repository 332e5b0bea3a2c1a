"""Trains a ControlNet for the built-in model that follows edges: `python models/controlnets/train.py OUT`.

Pictures are composed as for the model itself; the hint is what OpenCV's Canny finds in them, now and then in their objects
alone, so that a drawing of a few contours will do and leaves the scene to the prompt. The UNet stays as it is. Eight
minutes of a GPU, however fast it is; --smoke tries every line on a CPU.
"""
import argparse
import math
import pathlib
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
BUILTIN = HERE.parent / "builtin"
sys.path += [str(HERE.parent / "judge"), str(BUILTIN / "training")]

from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline  # noqa: E402

from backgrounds import backgrounds  # noqa: E402
from captions import caption, slots_of  # noqa: E402
from compose import Composer, draw_batch, load_sprites  # noqa: E402
from vocabulary import BACKGROUNDS  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
NO_TEXT, OBJECTS_ALONE, NO_HINT = 0.3, 0.35, 0.05  # shares of the pictures


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--pictures", type=int, default=20480)
    parser.add_argument("--seconds", type=float, default=240, help="of training, once the pictures are composed")
    parser.add_argument("--steps", type=int, default=100_000, help="at most")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--variants", type=int, default=40, help="of each background")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--smoke", type=int, nargs="?", const=2, help="so many steps on a few pictures, to see that it runs")
    options = parser.parse_args()
    if options.smoke:
        options.pictures, options.steps, options.batch, options.variants, options.workers = 8, options.smoke, 4, 1, 2
    return options


def edges(image, low, high):
    """[3, H, W] in -1..1 on the CPU: uint8 [H, W], 0 or 255."""
    pixels = ((image + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
    return torch.from_numpy(cv2.Canny(pixels, low, high))


def hints(rng, images, objects, pool):
    """By picture its edges, those of its objects alone, or none: uint8 [B, H, W]."""
    chosen = torch.where(torch.tensor([rng.random() < OBJECTS_ALONE for _ in images])[:, None, None, None], objects, images)
    lows = [rng.uniform(50, 130) for _ in images]
    found = list(pool.map(lambda one: edges(one[0], one[1], 2 * one[1]), zip(chosen, lows)))
    return torch.stack([torch.zeros_like(hint) if rng.random() < NO_HINT else hint for hint in found])


@torch.no_grad()
def compose(options, pipeline):
    """@return latents [N, 4, 32, 32], hints uint8 [N, 256, 256] and token ids [N, 77]."""
    sprites, index = load_sprites()
    composer = Composer(sprites, backgrounds(options.variants, 0, options.workers), DEVICE)
    rng, size, parts = random.Random(11), min(256, options.pictures), []
    with ThreadPoolExecutor(options.workers) as pool:
        for number in range(options.pictures // size):
            descriptions, (whole, objects, places) = draw_batch(rng, size, index)
            image = composer(whole, objects, places)[0]
            bare = whole.clone()
            bare[:, 0], bare[:, 3] = BACKGROUNDS.index("none"), 0
            hint = hints(rng, image.cpu(), composer(bare, objects, places)[0].cpu(), pool)
            latents = pipeline.vae.encode(image).latent_dist.sample() * pipeline.vae.config.scaling_factor
            texts = ["" if rng.random() < NO_TEXT else caption(rng, slots_of(rng, d)) for d in descriptions]
            ids = pipeline.tokenizer(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
            parts.append((latents, hint.to(DEVICE), ids.to(DEVICE)))
            if number == 0:
                show([*image[:8].cpu(), *as_pictures(hint[:8])], options.out / "data.png")
    return [torch.cat(part) for part in zip(*parts)]


def as_pictures(hint):
    """uint8 [B, H, W] to [B, 3, H, W] in -1..1."""
    return (hint[:, None].float() / 127.5 - 1).expand(-1, 3, -1, -1)


def show(images, file):
    half = (len(images) + 1) // 2
    rows = [torch.cat([x.clamp(-1, 1) for x in row], 2) for row in (images[:half], images[half:])]
    pixels = ((torch.cat(rows, 1) + 1) * 127.5).byte().permute(1, 2, 0).numpy()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file)


class Trainer:
    def __init__(self, options, pipeline, latents, hint, ids):
        self.options, self.latents, self.hint, self.ids = options, latents, hint, ids
        self.unet, self.text = pipeline.unet.requires_grad_(False), pipeline.text_encoder.requires_grad_(False)
        self.control = ControlNetModel.from_unet(self.unet).to(DEVICE).train()
        # What it adds to the UNet begins at nothing; the hint itself need not, and is then heard from the first steps on.
        torch.nn.init.kaiming_normal_(self.control.controlnet_cond_embedding.conv_out.weight)
        self.kept = pipeline.scheduler.alphas_cumprod.to(DEVICE)
        self.optimizer = torch.optim.AdamW(self.control.parameters(), lr=options.rate, weight_decay=0.01)

    def loss(self):
        chosen = torch.randint(0, len(self.latents), (self.options.batch,), device=DEVICE)
        # Where things stand is decided while there is much noise: most of the steps are taken there.
        t = (1000 * torch.rand(self.options.batch, device=DEVICE).sqrt()).long()
        x, kept = self.latents[chosen], self.kept[t]
        noise, share = torch.randn_like(x), kept[:, None, None, None]
        picture = (self.hint[chosen][:, None].float() / 255).expand(-1, 3, -1, -1)
        with torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda"):
            noisy = share.sqrt() * x + (1 - share).sqrt() * noise
            with torch.no_grad():
                hidden = self.text(self.ids[chosen]).last_hidden_state
            down, middle = self.control(noisy, t, hidden, controlnet_cond=picture, return_dict=False)
            predicted = self.unet(noisy, t, hidden, down_block_additional_residuals=down,
                                  mid_block_additional_residual=middle).sample
        # By sigma: an error of the noise at sigma 10 is ten times as large in the picture, and is where a place is missed.
        sigma = ((1 - kept) / kept).sqrt().clamp(0.2, 15)
        errors = (predicted.float() - noise).square().mean((1, 2, 3))
        return (sigma * errors).mean()

    def run(self):
        start = time.time()
        for number in range(self.options.steps):
            done = max(number / self.options.steps, (time.time() - start) / self.options.seconds)
            if done >= 1:
                break
            rate = self.options.rate * min(1, (number + 1) / 100) * 0.5 * (1 + math.cos(math.pi * done))
            self.optimizer.param_groups[0]["lr"] = rate
            loss = self.loss()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.control.parameters(), 1.0)
            self.optimizer.step()
            if number % 100 == 0:
                print(f"{time.time() - start:.0f} s: step {number}, loss {loss.item():.4f}", flush=True)
        print(f"{number} steps in {time.time() - start:.0f} s", flush=True)
        return self.control.eval()


def samples(options, pipeline, control, hint, ids):
    """Eight captions along their hints: hints above, pictures below."""
    draws = StableDiffusionControlNetPipeline(**pipeline.components, controlnet=control)
    pictures = as_pictures(hint)
    read = lambda tokens: pipeline.text_encoder(tokens).last_hidden_state  # noqa: E731
    nothing = pipeline.tokenizer([""] * len(ids), padding="max_length", max_length=77, return_tensors="pt").input_ids
    drawn = draws(prompt_embeds=read(ids), negative_prompt_embeds=read(nothing.to(DEVICE)), image=(pictures + 1) / 2,
                  num_inference_steps=20, guidance_scale=5, output_type="pt",
                  generator=[torch.Generator().manual_seed(3) for _ in ids]).images
    show([*pictures, *(drawn.float().cpu() * 2 - 1)], options.out / "samples.png")


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(11)
    pipeline = StableDiffusionPipeline.from_pretrained(BUILTIN, torch_dtype=torch.float32, safety_checker=None).to(DEVICE)
    start = time.time()
    latents, hint, ids = compose(options, pipeline)
    print(f"{len(latents)} pictures in {time.time() - start:.0f} s", flush=True)
    control = Trainer(options, pipeline, latents, hint, ids).run()
    tensors = {name: value.half().contiguous().cpu() for name, value in control.state_dict().items()}
    save_file(tensors, options.out / "edges.safetensors", {"format": "pt"})
    with torch.no_grad():
        samples(options, pipeline, control, hint[:8].cpu(), ids[:8])


if __name__ == "__main__":
    main()

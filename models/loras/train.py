"""Trains a LoRA for the built-in model that draws everything as a blueprint: `python models/loras/train.py OUT`.

Pictures are composed as for the model itself and turned into blueprints, captions stay what they were: what the file
teaches is a look without a word for it, so that its strength and its place alone decide. A GPU's minute; --smoke tries
every line on a CPU.
"""
import argparse
import math
import pathlib
import random
import sys
import time

import torch
import torch.nn.functional as F
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
BUILTIN = HERE.parent / "builtin"
sys.path += [str(HERE.parent / "judge"), str(BUILTIN / "training")]

from diffusers import StableDiffusionPipeline  # noqa: E402
from peft import LoraConfig, get_peft_model_state_dict  # noqa: E402

from backgrounds import backgrounds  # noqa: E402
from captions import caption, slots_of  # noqa: E402
from compose import Composer, draw_batch, load_sprites  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"]
PAPER, INK = (-0.85, -0.45, 0.15), (0.85, 0.95, 1.0)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--pictures", type=int, default=16384)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--variants", type=int, default=40, help="of each background")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--smoke", action="store_true", help="a few pictures and steps, to see that it runs")
    options = parser.parse_args()
    if options.smoke:
        options.pictures, options.steps, options.batch, options.variants, options.workers = 8, 2, 4, 1, 2
    return options


def blueprint(image):
    """Pictures [B, 3, H, W] in -1..1: their contours as bright lines on blue paper with a grid."""
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], device=image.device)
    soft = F.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
    across = F.conv2d(F.pad(soft, (1, 1, 1, 1), "replicate"), kernel.expand(3, 1, 3, 3), groups=3)
    down = F.conv2d(F.pad(soft, (1, 1, 1, 1), "replicate"), kernel.T.expand(3, 1, 3, 3), groups=3)
    lines = (across.square() + down.square()).sum(1, keepdim=True).sqrt()
    lines = ((lines - 0.35) * 0.9).clamp(0, 1)
    grid = torch.zeros_like(lines)
    grid[:, :, ::32] = grid[:, :, :, ::32] = 0.22
    paper, ink = (torch.tensor(color, device=image.device)[None, :, None, None] for color in (PAPER, INK))
    amount = torch.maximum(lines, grid) + 0.08 * soft.mean(1, keepdim=True).clamp(-1, 1)
    return (paper + (ink - paper) * amount.clamp(0, 1)).clamp(-1, 1)


@torch.no_grad()
def compose(options, pipeline):
    """@return latents [N, 4, 32, 32] and the texts' hidden states [N, 77, width]."""
    sprites, index = load_sprites()
    composer = Composer(sprites, backgrounds(options.variants, 0, options.workers), DEVICE)
    rng, size, latents, hidden = random.Random(7), min(256, options.pictures), [], []
    for number in range(options.pictures // size):
        descriptions, tensors = draw_batch(rng, size, index)
        image = blueprint(composer(*tensors)[0])
        latents.append(pipeline.vae.encode(image).latent_dist.sample() * pipeline.vae.config.scaling_factor)
        texts = ["" if rng.random() < 0.1 else caption(rng, slots_of(rng, d)) for d in descriptions]
        ids = pipeline.tokenizer(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
        hidden.append(pipeline.text_encoder(ids.to(DEVICE)).last_hidden_state)
        if number == 0:
            show(image[:8], options.out / "data.png")
    return torch.cat(latents), torch.cat(hidden)


def show(images, file):
    row = torch.cat(list(images), 2).clamp(-1, 1)
    Image.fromarray(((row + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy()).save(file)


def loss_of(unet, kept, latents, hidden, batch):
    chosen = torch.randint(0, len(latents), (batch,), device=DEVICE)
    t = torch.randint(0, 1000, (batch,), device=DEVICE)
    noise, share = torch.randn_like(latents[chosen]), kept[t][:, None, None, None]
    with torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda"):
        predicted = unet(share.sqrt() * latents[chosen] + (1 - share).sqrt() * noise, t, hidden[chosen]).sample
    ratio = kept[t] / (1 - kept[t])
    return (ratio.clamp(max=5) / ratio * (predicted.float() - noise).square().mean((1, 2, 3))).mean()  # min-SNR-5


def train(options, pipeline, latents, hidden):
    unet = pipeline.unet
    unet.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=options.rank, lora_alpha=options.rank, init_lora_weights="gaussian", target_modules=LAYERS))
    parameters = [p for p in unet.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=options.rate, weight_decay=0.01)
    kept = pipeline.scheduler.alphas_cumprod.to(DEVICE)
    start = time.time()
    for number in range(options.steps):
        done = number / options.steps
        optimizer.param_groups[0]["lr"] = options.rate * min(1, (number + 1) / 50) * 0.5 * (1 + math.cos(math.pi * done))
        loss = loss_of(unet, kept, latents, hidden, options.batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if number % 100 == 0 or number + 1 == options.steps:
            print(f"{time.time() - start:.0f} s: step {number}, loss {loss.item():.4f}", flush=True)


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    pipeline = StableDiffusionPipeline.from_pretrained(BUILTIN, torch_dtype=torch.float32, safety_checker=None).to(DEVICE)
    train(options, pipeline, *compose(options, pipeline))
    layers = {name: value.half() for name, value in get_peft_model_state_dict(pipeline.unet).items()}
    pipeline.save_lora_weights(options.out, unet_lora_layers=layers, weight_name="blueprint.safetensors")
    prompts = ["a cat in a park", "a car in a city", "a castle in the mountains", "a fish underwater"]
    generator = [torch.Generator().manual_seed(3) for _ in prompts]
    drawn = pipeline(prompts, num_inference_steps=20, guidance_scale=5, generator=generator, output_type="pt").images
    show(drawn * 2 - 1, options.out / "samples.png")


if __name__ == "__main__":
    main()

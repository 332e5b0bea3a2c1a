"""Trains the built-in model's UNet and text encoder on, with captions routed to groups of blocks: train.py OUT.

First pictures are composed, captioned and encoded by the VAE, then the networks learn from the latents. OUT becomes a whole
model: `corepulse generate -m OUT`. A GPU's work; --smoke tries every line within seconds on a CPU.
"""
import argparse
import copy
import math
import pathlib
import random
import shutil
import sys
import time

import torch
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
BUILTIN = HERE.parent
sys.path.insert(0, str(BUILTIN.parent / "judge"))

from diffusers import UNet2DConditionModel  # noqa: E402
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer  # noqa: E402

from autoencoder import load_autoencoder  # noqa: E402
from backgrounds import backgrounds  # noqa: E402
from captions import caption, routed, slots_of  # noqa: E402
from compose import Composer, draw_batch, load_sprites  # noqa: E402

TOKENS, SCALING, ROUTES = 77, 0.51109, 3  # ROUTES: how often each picture's captions are routed anew
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
PARTS = {"unet": "unet/diffusion_pytorch_model.safetensors", "text": "text_encoder/model.safetensors"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--start", type=pathlib.Path, default=BUILTIN, help="the model to go on from")
    parser.add_argument("--pictures", type=int, default=360_000)
    parser.add_argument("--steps", type=int, default=5020)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--variants", type=int, default=200, help="of each background")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--smoke", action="store_true", help="a few pictures and steps, to see that it runs")
    options = parser.parse_args()
    if options.smoke:
        options.pictures, options.steps, options.batch, options.variants, options.workers = 8, 2, 5, 1, 2
    return options


def autocast():
    return torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda")


def load_networks(folder):
    unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(folder / "unet"))
    text = CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder"))
    for network, part in ((unet, "unet"), (text, "text")):
        stored, own = load_file(folder / PARTS[part]), network.state_dict()
        # Transformers puts "text_model." before the names, or does not, as its version goes; the file never does.
        network.load_state_dict({name: stored[name.removeprefix("text_model.")].float() for name in own})
        network.to(DEVICE).train()
    return unet, text


def save(folder, start, unet, text):
    shutil.copytree(start, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("training", "*.md", "SHA256SUMS"))
    for network, part in ((unet, "unet"), (text, "text")):
        tensors = {name.removeprefix("text_model."): value.half().contiguous().cpu()
                   for name, value in network.state_dict().items()}
        save_file(tensors, folder / PARTS[part], {"format": "pt"})


@torch.no_grad()
def compose(options):
    """@return latents [N, 4, 32, 32] and token ids [N, 1 + 3 * ROUTES, 77]: the whole caption, then the routed ones."""
    sprites, index = load_sprites()
    composer = Composer(sprites, backgrounds(options.variants, 0, options.workers), DEVICE)
    vae = load_autoencoder(BUILTIN / "vae/diffusion_pytorch_model.safetensors").to(DEVICE)
    tokenizer = CLIPTokenizer.from_pretrained(BUILTIN / "tokenizer")
    rng, size = random.Random(100), min(256, options.pictures)
    latents, ids = [], []
    for _ in range(options.pictures // size):
        descriptions, tensors = draw_batch(rng, size, index)
        with autocast():
            mean, log_variance = vae.quant_conv(vae.encoder(composer(*tensors)[0])).float().chunk(2, 1)
        noise = torch.randn_like(mean) * (0.5 * log_variance.clamp(-20, 10)).exp()
        latents.append(((mean + noise) * SCALING).to(torch.bfloat16))
        texts = []
        for description in descriptions:
            slots = slots_of(rng, description)
            texts.append(caption(rng, slots))
            for _ in range(ROUTES):
                texts += routed(rng, slots)
        tokens = tokenizer(texts, padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt").input_ids
        ids.append(tokens.to(torch.int16).reshape(size, -1, TOKENS))
    return torch.cat(latents), torch.cat(ids).to(DEVICE), torch.tensor(tokenizer("", padding="max_length").input_ids)


def predict(unet, x, t, contexts):
    """The UNet with a context of its own for the input, the middle and the output blocks."""
    temb = unet.time_embedding(unet.time_proj(t).to(x.dtype))
    x = unet.conv_in(x)
    skips = (x,)
    for block in unet.down_blocks:
        x, more = block(hidden_states=x, temb=temb, encoder_hidden_states=contexts[0])
        skips += more
    x = unet.mid_block(x, temb, encoder_hidden_states=contexts[1])
    for block in unet.up_blocks:
        taken, skips = skips[-len(block.resnets):], skips[:-len(block.resnets)]
        x = block(hidden_states=x, temb=temb, res_hidden_states_tuple=taken, encoder_hidden_states=contexts[2])
    return unet.conv_out(unet.conv_act(unet.conv_norm_out(x)))


class Trainer:
    def __init__(self, options, latents, ids, empty):
        self.options, self.latents, self.ids, self.empty = options, latents, ids, empty.to(DEVICE)[None]
        self.unet, self.text = load_networks(options.start)
        self.averages = [copy.deepcopy(network).eval() for network in (self.unet, self.text)]
        self.optimizer = torch.optim.AdamW([{"params": list(self.unet.parameters()), "share": 1.0},
                                            {"params": list(self.text.parameters()), "share": 0.5}],
                                           lr=options.rate, betas=(0.9, 0.99), weight_decay=0.01)
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
        self.kept = torch.cumprod(1 - betas, 0).float().to(DEVICE)  # of the picture, at each timestep
        self.no_text, self.whole = max(1, options.batch // 10), int(options.batch * 0.42)
        self.call = torch.compile(self.forward) if DEVICE == "cuda" else self.forward

    def forward(self, x, t, ids, gains):
        """Rows: without text, with whole captions, routed."""
        hidden = self.text(ids).last_hidden_state
        silent = hidden[:1].expand(self.no_text, -1, -1)
        whole, parts = hidden[1:1 + self.whole], hidden[1 + self.whole:].unflatten(0, (-1, 3)) * gains[:, :, None, None]
        return predict(self.unet, x, t, [torch.cat([silent, whole, parts[:, k]]) for k in range(3)])

    def batch_of_captions(self, chosen):
        """@return token ids [1 + whole + 3 * routed, 77], and gains [routed, 3] of the routed contexts."""
        ids = self.ids[chosen]
        apart = ids[self.no_text + self.whole:, 1:].unflatten(1, (ROUTES, 3))
        route = torch.randint(0, ROUTES, (len(apart),), device=DEVICE)
        apart = apart[torch.arange(len(apart), device=DEVICE), route]
        # CorePulse's weight multiplies a context: one in five is scaled, so that weight 2 is nothing new.
        gains = torch.rand(len(apart), 3, device=DEVICE) * 1.9 + 0.6
        gains = torch.where(torch.rand_like(gains) < 0.2, gains, torch.ones_like(gains))
        return torch.cat([self.empty, ids[self.no_text:self.no_text + self.whole, 0], apart.flatten(0, 1)]).long(), gains

    def loss(self):
        chosen = torch.randint(0, len(self.latents), (self.options.batch,), device=DEVICE)
        ids, gains = self.batch_of_captions(chosen)
        t = torch.randint(0, 1000, (len(chosen),), device=DEVICE)
        kept, z = self.kept[t][:, None, None, None], self.latents[chosen].float()
        noise = torch.randn_like(z)
        with autocast():
            predicted = self.call(kept.sqrt() * z + (1 - kept).sqrt() * noise, t, ids, gains)
        ratio = (kept / (1 - kept)).flatten()
        weight = ratio.clamp(max=5) / ratio  # min-SNR-5
        return (weight * (predicted.float() - noise).square().mean((1, 2, 3))).mean()

    def step(self, number):
        rate = self.options.rate * min(1, (number + 1) / 300)
        rate *= 0.5 * (1 + math.cos(math.pi * number / self.options.steps)) * 0.98 + 0.02
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        loss = self.loss()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for group in self.optimizer.param_groups for p in group["params"]], 1.0)
        self.optimizer.step()
        keep = min(0.9993, 1 - 1 / (number * 0.1 + 2))
        with torch.no_grad():
            for average, network in zip(self.averages, (self.unet, self.text)):
                torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - keep)
        return loss.item()


def main():
    options, start = arguments(), time.time()
    torch.manual_seed(5)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    latents, ids, empty = compose(options)
    print(f"{time.time() - start:.0f} s: {len(latents)} pictures, deviation {latents.float().std():.2f}", flush=True)
    trainer = Trainer(options, latents, ids, empty)
    for number in range(options.steps):
        loss = trainer.step(number)
        if number % 250 == 0 or number + 1 == options.steps:
            print(f"{time.time() - start:.0f} s: step {number}, loss {loss:.4f}", flush=True)
    save(options.out, options.start, *trainer.averages)


if __name__ == "__main__":
    main()

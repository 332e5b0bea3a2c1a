"""Trains the judge and measures it: `python train.py OUT` writes judge.safetensors, log.txt and samples.png there.

Seeds are fixed; how many steps are made depends on the time given (--seconds) unless --steps says so.
"""
import argparse
import math
import pathlib
import time

import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

import vocabulary
from autoencoder import load_autoencoder
from backgrounds import backgrounds
from compose import Batches, Composer, load_sprites
from network import Judge

HERE = pathlib.Path(__file__).resolve().parent
LABELS = ("cell", "tint", "scene", "style", "effect")
HELD_OUT = 1_000_000  # seeds from here on are never trained on


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--vae", default=HERE.parent / "builtin/vae/diffusion_pytorch_model.safetensors")
    parser.add_argument("--seconds", type=float, default=240, help="of training, without compiling")
    parser.add_argument("--steps", type=int, default=0, help="instead of --seconds")
    parser.add_argument("--batch", type=int, default=192)
    parser.add_argument("--variants", type=int, default=160, help="backgrounds of each kind")
    parser.add_argument("--store", type=int, default=24576, help="pictures kept that passed through the VAE")
    parser.add_argument("--workers", type=int, default=8)
    return parser.parse_args()


class Log:
    def __init__(self, file):
        self.file, self.start = file.open("w"), time.time()

    def __call__(self, *words):
        line = f"[{time.time() - self.start:7.1f}] " + " ".join(map(str, words))
        print(line, flush=True)
        self.file.write(line + "\n")
        self.file.flush()


class RoundTrip:
    """A picture as the VAE would draw it, from slightly disturbed latents: generated pictures are not flawless."""

    def __init__(self, file, device):
        self.half = torch.float16 if device == "cuda" else torch.float32
        self.vae = load_autoencoder(file).to(device, self.half).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def __call__(self, image, disturb):
        latents = self.vae.encode(image.to(self.half))
        amount = torch.rand(len(image), 1, 1, 1, device=image.device).to(self.half) * disturb
        latents = latents + torch.randn_like(latents) * amount
        return self.vae.decode(latents).float().clamp(-1, 1)


class Store:
    """Round-tripped pictures, each used a few times: passing the VAE costs more than a training step."""

    def __init__(self, size, device):
        self.image = torch.empty(size, 3, 256, 256, dtype=torch.uint8, device=device)
        self.labels, self.count, self.next = {}, 0, 0

    def put(self, image, labels):
        if not self.labels:
            self.labels = {k: torch.zeros((len(self.image), *v.shape[1:]), dtype=v.dtype, device=v.device)
                           for k, v in labels.items()}
        at = torch.arange(self.next, self.next + len(image), device=image.device) % len(self.image)
        self.image[at] = ((image + 1) * 127.5).round().byte()
        for name, value in labels.items():
            self.labels[name][at] = value
        self.next = (self.next + len(image)) % len(self.image)
        self.count = min(self.count + len(image), len(self.image))

    def take(self, n):
        at = torch.randint(self.count, (n,), device=self.image.device)
        labels = {name: value[at] for name, value in self.labels.items()}
        image = self.image[at].float() / 127.5 - 1
        if torch.rand(()) < 0.5:
            image = image.flip(-1)
            labels = {k: v.flip(-1) if v.dim() == 3 else v for k, v in labels.items()}
        return image, labels


def losses(answers, labels, weights):
    cells = F.cross_entropy(answers["cell"].float(), labels["cell"], weight=weights)
    there = (labels["cell"] < vocabulary.NOTHING).float()
    tint = F.cross_entropy(answers["tint"].float(), labels["tint"], reduction="none")
    total = cells + 0.2 * (tint * there).sum() / there.sum().clamp(min=1)
    for name in ("scene", "style", "effect"):
        total = total + 0.2 * F.cross_entropy(answers[name].float(), labels[name])
    return total


def noisy(image):
    n = len(image)
    level, shift = torch.rand(n, 1, 1, 1, device=image.device), torch.randn(n, 1, 1, 1, device=image.device)
    return (image + shift * 0.04 + torch.randn_like(image) * level * 0.06).to(memory_format=torch.channels_last)


class Trainer:
    def __init__(self, options, device, log):
        self.options, self.device, self.log = options, device, log
        self.judge = Judge().to(device).to(memory_format=torch.channels_last)
        self.call = self.compiled() if device == "cuda" else self.judge
        self.optimizer = torch.optim.AdamW(self.judge.parameters(), lr=1e-3, weight_decay=0.02)
        self.weights = torch.ones(vocabulary.NOTHING + 1, device=device)
        self.weights[vocabulary.NOTHING] = 0.5

    def compiled(self):
        """The judge compiled, or as it is where this machine cannot compile."""
        try:
            call = torch.compile(self.judge)
            image = torch.zeros(self.options.batch, 3, 256, 256, device=self.device)
            with torch.autocast(self.device, torch.bfloat16):
                sum(x.sum() for x in call(image.to(memory_format=torch.channels_last)).values()).backward()
            self.judge.zero_grad(set_to_none=True)
            return call
        except Exception as error:
            self.log("not compiled:", str(error).splitlines()[0])
            return self.judge

    def step(self, image, labels, done, number):
        rate = 1.2e-3 * min(1, (number + 1) / 200) * (0.5 * (1 + math.cos(math.pi * done)) * 0.98 + 0.02)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
            answers = self.call(image)
        loss = losses(answers, labels, self.weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.judge.parameters(), 1.0)
        self.optimizer.step()
        return loss

    def train(self, batches, composer, round_trip):
        o, store, start, number, done = self.options, Store(self.options.store, self.device), time.time(), 0, 0.0
        half, fresh = o.batch // 2, max(1, o.batch // 8)
        while done < 1:
            image, labels = composer(*next(batches))
            store.put(round_trip(image[half:half + fresh], 0.3), {k: v[half:half + fresh] for k, v in labels.items()})
            old, old_labels = store.take(half)
            image = noisy(torch.cat([image[:half], old]))
            labels = {k: torch.cat([v[:half], old_labels[k]]) for k, v in labels.items()}
            loss = self.step(image, labels, done, number)
            number += 1
            if number == 10 and not o.steps:  # warm: the clock starts
                start = time.time()
            done = number / o.steps if o.steps else (0 if number < 10 else (time.time() - start) / o.seconds)
            if number % 200 == 0 or done >= 1:
                self.log(f"step {number}, {100 * done:.0f} %, loss {loss.item():.3f}, store {store.count}")
        return number


@torch.no_grad()
def measure(judge, batches, count, composer, change):
    """Shares of right answers, over cells with and without an object, and over whole pictures of one object."""
    right, all_ = {}, {}

    def add(name, hits):
        right[name] = right.get(name, 0) + hits.sum().item()
        all_[name] = all_.get(name, 0) + hits.numel()

    for i in range(count):
        image, labels = composer(*batches[i])
        answers = {k: v.argmax(1) for k, v in judge(change(image)).items()}
        there = labels["cell"] < vocabulary.NOTHING
        add("object cells", (answers["cell"] == labels["cell"])[there])
        add("empty cells", (answers["cell"] == labels["cell"])[~there])
        add("tint of object cells", (answers["tint"] == labels["tint"])[there])
        for name in ("scene", "style", "effect"):
            add(name, answers[name] == labels[name])
        for answer, label in zip(answers["cell"].flatten(1), labels["cell"].flatten(1)):
            kinds = label[label < vocabulary.NOTHING].unique()
            seen = answer[answer < vocabulary.NOTHING]
            if len(kinds) == 1:
                add("the object of a picture", (seen.mode().values == kinds) if len(seen) else torch.zeros(1))
    return {name: right[name] / all_[name] for name in right}


def sheet(image, labels, file, columns=8):
    """Pictures with the cells of their objects outlined, to see that labels lie where objects are."""
    cells = (labels["cell"] < vocabulary.NOTHING).float()[:, None]
    cells = F.interpolate(cells, scale_factor=16.0, mode="nearest")
    edge = (F.max_pool2d(cells, 3, 1, 1) - cells) > 0
    image = torch.where(edge, torch.tensor([1.0, -1, -1], device=image.device)[None, :, None, None], image)
    pixels = ((image + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu()
    rows = [torch.cat(list(row), 1) for row in pixels.split(columns) if len(row) == columns]
    Image.fromarray(torch.cat(rows).numpy()).save(file)


def describe(labels, n):
    objects = [vocabulary.NAMES[o][0] for o in labels["cell"][n].unique().tolist() if o < vocabulary.NOTHING]
    return ", ".join([*objects, vocabulary.BACKGROUNDS[labels["scene"][n]], vocabulary.STYLES[labels["style"][n]],
                      vocabulary.EFFECTS[labels["effect"][n]]])


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    log, device = Log(options.out / "log.txt"), "cuda" if torch.cuda.is_available() else "cpu"
    sprites, index = load_sprites()
    seen = backgrounds(options.variants, 0, options.workers)
    fresh = backgrounds(max(1, options.variants // 8), HELD_OUT, options.workers)
    torch.manual_seed(5)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True
    log(f"torch {torch.__version__} on {torch.cuda.get_device_name() if device == 'cuda' else device}")
    composer, unseen = Composer(sprites, seen, device), Composer(sprites, fresh, device)
    round_trip = RoundTrip(options.vae, device)
    log("backgrounds and VAE are ready")

    image, labels = composer(*Batches(32, "samples", index)[0])
    image[16:] = round_trip(image[16:], 0.3)
    sheet(image, labels, options.out / "samples.png")
    for n in range(32):
        log(f"samples.png {n // 8},{n % 8}: {describe(labels, n)}")

    trainer = Trainer(options, device, log)
    log(f"{sum(p.numel() for p in trainer.judge.parameters()) / 1e6:.2f} million numbers")
    loader = torch.utils.data.DataLoader(Batches(options.batch, "train", index), batch_size=None,
                                         num_workers=options.workers, prefetch_factor=4 if options.workers else None,
                                         pin_memory=device == "cuda")
    steps = trainer.train(iter(loader), composer, round_trip)
    judge = trainer.judge.half().float().eval()  # measured as it is stored
    save_file({name: value.half().contiguous().cpu() for name, value in judge.state_dict().items()},
              options.out / "judge.safetensors", {"objects": str(vocabulary.NOTHING), "steps": str(steps)})
    held_out = Batches(min(128, options.batch), "held out", index)
    rounds = 16 if device == "cuda" else 1
    for name, change in (("drawn", lambda x: x), ("through the VAE", lambda x: round_trip(x, 0))):
        for what, share in measure(judge, held_out, rounds, unseen, change).items():
            log(f"held out, {name}: {what} {100 * share:.1f} %")
    log("DONE", steps, "steps")


if __name__ == "__main__":
    main()

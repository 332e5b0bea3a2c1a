"""What the judge says of pictures drawn with the adapter: whether the object was taken and the scene is the text's."""
import torch
from safetensors.torch import load_file

from common import DEVICE, MODELS, autocast, show

from backgrounds import SIZE
from captions import SCENE_WORDS
from network import Judge
from pairs import small
from vocabulary import BACKGROUNDS, NAMES, NOTHING, SCENES

GUIDANCE, LEAST_CELLS = 5.0, 5


class Examiner:
    def __init__(self, options, pipeline, encoder, adapter, maker):
        self.options, self.encoder, self.adapter = options, encoder, adapter
        self.unet, self.text, self.tokenizer = pipeline.unet, pipeline.text_encoder, pipeline.tokenizer
        self.vae, self.scheduler = pipeline.vae, pipeline.scheduler
        self.judge = Judge().to(DEVICE).eval().requires_grad_(False)
        self.judge.load_state_dict({k: v.float() for k, v in load_file(MODELS / "judge/judge.safetensors").items()})
        made = maker(*next(iter(maker.batches(options.judged, "held out"))))
        self.objects, self.composed = made["object"][:, 0].long(), made["pictures"][:, 0].float() / 127.5 - 1
        self.scenes = [(5 * i + 3) % len(SCENES) for i in range(options.judged)]
        self.drawn = None

    @torch.no_grad()
    def states_of(self, texts):
        ids = self.tokenizer(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
        return self.text(ids.to(DEVICE)).last_hidden_state

    @torch.no_grad()
    def draw(self, texts, embeds, seed=3):
        """Pictures [B, 3, SIZE, SIZE] in -1..1 of texts and of what the encoder makes of pictures."""
        read = lambda words, seen: torch.cat([self.states_of(words), self.adapter(seen)], 1)  # noqa: E731
        both = torch.cat([read([""] * len(texts), torch.zeros_like(embeds)), read(texts, embeds)]).to(self.unet.dtype)
        self.scheduler.set_timesteps(self.options.judged_steps)
        noise = torch.randn(len(texts), 4, SIZE // 8, SIZE // 8, generator=torch.Generator().manual_seed(seed))
        x = noise.to(DEVICE) * self.scheduler.init_noise_sigma
        for t in self.scheduler.timesteps:
            given = self.scheduler.scale_model_input(x, t).to(self.unet.dtype)
            without, within = self.unet(torch.cat([given, given]), t.to(DEVICE), both).sample.float().chunk(2)
            x = self.scheduler.step(without + GUIDANCE * (within - without), t, x).prev_sample
        with autocast():
            return self.vae.decode(x / self.vae.config.scaling_factor).sample.float().clamp(-1, 1)

    @torch.no_grad()
    def rates(self, images, objects, scenes):
        """How often most cells with an object show the wanted one, and how often the scene is the wanted one."""
        answers = self.judge(images)
        cells = answers["cell"].argmax(1).flatten(1)
        counts = torch.stack([(cells == k).sum(1) for k in range(NOTHING)], 1)
        taken = (counts.argmax(1) == objects) & (counts.amax(1) >= LEAST_CELLS)
        kept = answers["scene"].argmax(1) == torch.tensor([BACKGROUNDS.index(SCENES[s]) for s in scenes], device=DEVICE)
        return taken.float().mean().item(), kept.float().mean().item()

    @torch.no_grad()
    def report(self, when, samples=False):
        """Draws every held-out object from a composed picture of it, and from one that the model draws."""
        training = self.encoder.training
        self.encoder.eval()
        nothing = torch.zeros(len(self.objects), self.adapter.image_proj.proj.in_features, device=DEVICE)
        names = [NAMES[k][0] for k in self.objects.tolist()]
        if self.drawn is None:
            self.adapter.turn(0.0)
            others = [SCENE_WORDS[SCENES[(s + 4) % len(SCENES)]][0] for s in self.scenes]
            self.drawn = self.draw([f"a {name} {place}" for name, place in zip(names, others)], nothing, 4)
            self.adapter.turn(1.0)
            taken, kept = self.rates(self.drawn, self.objects, [(s + 4) % len(SCENES) for s in self.scenes])
            print(f"by name, without the adapter: object {taken:.3f}, scene {kept:.3f}", flush=True)
        texts, rows = [SCENE_WORDS[SCENES[s]][0] for s in self.scenes], []
        for what, pictures in (("composed", self.composed), ("drawn", small(self.drawn).float() / 127.5 - 1)):
            embeds, answers = self.encoder(pictures)
            images = self.draw(texts, embeds)
            taken, kept = self.rates(images, self.objects, self.scenes)
            right = (answers["object"].argmax(1) == self.objects).float().mean().item()
            print(f"{when}: of {what} pictures the encoder knows {right:.3f}, object taken {taken:.3f}, "
                  f"scene kept {kept:.3f}", flush=True)
            rows += [pictures[:12], small(images[:12]).float() / 127.5 - 1]
        if samples:
            show(rows, self.options.out / "samples.png")
        plain = self.draw([f"a {name} {place}" for name, place in zip(names, texts)], nothing)
        taken, kept = self.rates(plain, self.objects, self.scenes)
        print(f"{when}: by name, shown nothing: object {taken:.3f}, scene {kept:.3f}", flush=True)
        self.encoder.train(training)

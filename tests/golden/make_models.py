"""Writes tests/golden/models/: tiny random Diffusers folders of every family, and the same weights as LDM single files.

    python tests/golden/make_models.py        # torch 2.13, diffusers 0.42.1, transformers 5.23; no network; a minute

Refuses to write a model whose tensors do not matter: each one, when blanked, must move the output by 1e-3 (ten times
the tolerance of the tests), each attention layer by 1 %, and another prompt must move the UNet's output by 10 %;
rounding alone (float32 against float64) must not move it by more than 5e-6. The seeds in families.py were chosen so.
"""

import json
import math
import re
import shutil
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from families import FAMILIES, PROMPTS
from ldm_names import clip_to_ldm, open_clip_to_ldm, unet_to_ldm, vae_to_ldm

torch.set_num_threads(1)
torch.set_grad_enabled(False)
HERE = Path(__file__).resolve().parent
MODELS = HERE / "models"
TOKENIZER = HERE.parents[1] / "models" / "builtin" / "tokenizer"

OLD_UNET_FIELDS = """_class_name _diffusers_version act_fn attention_head_dim block_out_channels center_input_sample
    cross_attention_dim down_block_types downsample_padding flip_sin_to_cos freq_shift in_channels layers_per_block
    mid_block_scale_factor norm_eps norm_num_groups out_channels sample_size up_block_types""".split()
OLD_VAE_FIELDS = """_class_name _diffusers_version act_fn block_out_channels down_block_types in_channels
    latent_channels layers_per_block norm_num_groups out_channels sample_size up_block_types""".split()
# Chosen so that every branch is heard: attention that looks somewhere (its logits spread), residual branches as large
# as what they are added to, and streams that do not grow on the way down.
GAINS = {r"attn2\.to_[qk]\.": 1.8, r"attn1\.to_[qk]\.": 1.6, r"attn1\.to_out\.0\.": 2.5, r"attn2\.to_out\.0\.": 1.3,
         r"resnets.*conv2": 2.0, r"mid_block.resnets.*conv2": 1.5, r"downsamplers": 0.5, r"conv_shortcut": 0.6,
         r"mid_block.*proj_out": 1.5, r"attentions\.0\.to_[qk]\.": 1.4, r"self_attn\.[qk]_proj\.": 1.4,
         r"self_attn\.out_proj\.": 2.0}


def relative(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


def randomize(module, seed):
    """Fills all parameters: normal numbers / sqrt(fan_in), norms about 1, biases not negligible."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in module.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if "embedding.weight" in name:
            p.copy_(noise * (0.5 if "position" in name else 1.0))
        elif p.ndim == 1:
            p.copy_(1 + 0.3 * noise if name.endswith("weight") else 0.3 * noise)
        else:
            gain = math.prod(g for pattern, g in GAINS.items() if re.search(pattern, name))
            p.copy_(noise * gain / math.sqrt(p[0].numel()))
            if re.search(r"up_blocks.*conv_shortcut", name):
                p[:, len(p):] *= 0.3  # The coarse levels come first, then the skip: let them be heard to the end.
    return module.eval()


def round_to_half(module):
    """The values of the float16 file, in float32."""
    return module.half().float()


def scale_output(layer, output, deviation):
    """Scales the last layer by a power of two (exact in float16) so that `output` would have this deviation."""
    factor = 2.0 ** round(math.log2(deviation / output.std().item()))
    for p in layer.parameters():
        p.mul_(factor)


def least_effect(module, forward, exempt=("k_proj.bias", "to_k.bias")):
    """The smallest change of forward() that blanking one tensor causes: (change, name).

    A key's bias adds the same number to all logits of a query, so softmax cancels it: exempt.
    """
    reference, effects = forward(), []
    for name, p in module.named_parameters():
        if name.endswith(exempt):
            continue
        kept = p.clone()
        p.fill_(1.0 if p.ndim == 1 and name.endswith("weight") else 0.0)
        effects.append((relative(forward(), reference), name))
        p.copy_(kept)
    return min(effects)


def require(condition, message):
    if not condition:
        sys.exit("make_models: " + message)


class Family:
    """The parts of one family in float32, with float16's values."""

    def __init__(self, name):
        self.name, self.spec = name, FAMILIES[name]
        self.tokenizers = [self.write_tokenizer("")] + ([self.write_tokenizer("_2")] if "text_2" in self.spec else [])
        self.text = self.make_text("text", CLIPTextModel)
        self.text_2 = self.make_text("text_2", CLIPTextModelWithProjection) if "text_2" in self.spec else None
        self.unet = self.make_unet()
        self.vae = self.make_vae()

    def folder(self, part):
        folder = MODELS / self.name / part
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write_tokenizer(self, suffix):
        folder = self.folder("tokenizer" + suffix)
        for file in sorted(TOKENIZER.iterdir()):
            shutil.copyfile(file, folder / file.name)
        for file in ("tokenizer_config.json", "special_tokens_map.json"):
            fields = json.loads((folder / file).read_text())
            write_json(folder / file, fields | {"pad_token": self.spec["pad" + suffix]})
        return CLIPTokenizer.from_pretrained(folder)

    def make_text(self, part, kind):
        config = CLIPTextConfig(**self.spec[part])
        return round_to_half(randomize(kind(config), self.spec[part + "_seed"]))

    def context(self, prompt):
        """(context, pooled), as the family's pipeline makes them."""
        ids = [t(prompt, padding="max_length", truncation=True, max_length=77, return_tensors="pt").input_ids
               for t in self.tokenizers]
        if self.text_2 is None:
            return self.text(ids[0])[0], None
        one, two = self.text(ids[0], output_hidden_states=True), self.text_2(ids[1], output_hidden_states=True)
        return torch.cat([one.hidden_states[-2], two.hidden_states[-2]], -1), two[0]

    def call_unet(self, x, prompt, t=500):
        context, pooled = self.context(prompt)
        added = {"text_embeds": pooled, "time_ids": torch.tensor([[64.0, 128, 0, 8, 64, 128]], dtype=x.dtype)}
        return self.unet(x, t, context, added_cond_kwargs=added if pooled is not None else None).sample

    def input(self):
        generator = torch.Generator().manual_seed(5)
        return torch.randn(1, self.unet.config.in_channels, 8, 16, generator=generator)

    def make_unet(self):
        self.unet = randomize(UNet2DConditionModel(**self.spec["unet"]), self.spec["unet_seed"])
        # A quarter: guidance 5 over 20 steps of a steeper random function would be chaos, not a comparison.
        scale_output(self.unet.conv_out, self.call_unet(self.input(), PROMPTS[0]), 0.25)
        return round_to_half(self.unet)

    def make_vae(self):
        vae = randomize(AutoencoderKL(**self.spec["vae"]), self.spec["vae_seed"])
        z = torch.randn(1, 4, 8, 16, generator=torch.Generator().manual_seed(6))
        scale_output(vae.decoder.conv_out, vae.decode(z).sample, 0.4)
        return round_to_half(vae)

    def check(self):
        x = self.input()
        prompt = relative(self.call_unet(x, PROMPTS[1]), self.call_unet(x, PROMPTS[0]))
        require(prompt >= 0.10, f"{self.name}: another prompt moves the UNet by {prompt:.3f} only")
        rounding = self.rounding_error(x)
        require(rounding <= 5e-6, f"{self.name}: float32 rounding alone moves the UNet by {rounding:.1e}")
        attention = min(self.attention_effects(x))
        require(attention[0] >= 0.01, f"{self.name}: attention {attention[1]} moves the UNet by {attention[0]:.4f}")
        image = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(7)) * 2 - 1
        z = image[:, :1, :4, :6].repeat(1, 4, 1, 1)
        forwards = {"unet": lambda: self.call_unet(x, PROMPTS[0]),
                    "vae": lambda: torch.cat([self.vae.encode(image).latent_dist.parameters.flatten(),
                                              self.vae.decode(z).sample.flatten()])}
        for part in ["text", "text_2"][:len(self.tokenizers)]:
            forwards[part] = lambda part=part: self.text_output(part)
        least = {part: least_effect(getattr(self, part), forward) for part, forward in forwards.items()}
        for part, (change, name) in least.items():
            require(change >= 1e-3, f"{self.name}: {part} {name} moves the output by {change:.5f} only")
        print(f"{self.name:8} prompt {prompt:.2f}, rounding {rounding:.0e}, weakest attention {attention[0]:.3f}, "
              "weakest tensors " + ", ".join(f"{p} {c:.4f}" for p, (c, _) in least.items()))

    def rounding_error(self, x):
        """How far float32 is from float64: the tests' tolerance must be far above it."""
        single = self.call_unet(x, PROMPTS[0])
        for module in (self.text, self.text_2, self.unet):
            if module is not None:
                module.double()
        error = relative(single.double(), self.call_unet(x.double(), PROMPTS[0]))
        for module in (self.text, self.text_2, self.unet):
            if module is not None:
                module.float()
        return error

    def text_output(self, part):
        tokenizer = self.tokenizers[part == "text_2"]
        ids = tokenizer(PROMPTS[0], padding="max_length", max_length=77, return_tensors="pt").input_ids
        out = getattr(self, part)(ids)
        return torch.cat([out.last_hidden_state.flatten(), (out.text_embeds if part == "text_2" else
                                                           out.pooler_output).flatten()])

    def attention_effects(self, x):
        """(change, layer) for each attn1 and attn2 when it says nothing."""
        reference = self.call_unet(x, PROMPTS[0])
        for name, module in self.unet.named_modules():
            if re.search(r"attn[12]$", name):
                hook = module.register_forward_hook(lambda m, i, out: torch.zeros_like(out))
                yield relative(self.call_unet(x, PROMPTS[0]), reference), name
                hook.remove()

    def save(self):
        self.save_part(self.unet, "unet", OLD_UNET_FIELDS)
        self.save_part(self.vae, "vae", OLD_VAE_FIELDS)
        self.save_text(self.text, "text_encoder")
        if self.text_2 is not None:
            self.save_text(self.text_2, "text_encoder_2")
        write_json(self.folder("scheduler") / "scheduler_config.json",
                   {"_diffusers_version": "0.42.1"} | self.spec["scheduler"])
        write_json(MODELS / self.name / "model_index.json", self.model_index())

    def save_part(self, module, part, old_fields):
        folder = self.folder(part)
        save_half(folder / "diffusion_pytorch_model.safetensors", module.state_dict())
        fields = {"_class_name": type(module).__name__, "_diffusers_version": "0.42.1"}
        fields |= {k: v for k, v in module.config.items() if not k.startswith("_")}
        if self.spec.get("old_config"):
            fields = {k: v for k, v in fields.items() if k in old_fields}
        write_json(folder / "config.json", fields)

    def save_text(self, module, part):
        tensors = hugging_face_names(module)
        if self.spec["text_prefix"]:
            tensors = {n if n.startswith("text_projection") else "text_model." + n: t for n, t in tensors.items()}
            tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
        folder = self.folder(part)
        save_half(folder / "model.safetensors", tensors)
        spec = self.spec["text_2" if part.endswith("_2") else "text"]
        write_json(folder / "config.json", {"architectures": [type(module).__name__], "model_type": "clip_text_model",
                                            "layer_norm_eps": 1e-5, "attention_dropout": 0.0} | spec)

    def model_index(self):
        xl = self.text_2 is not None
        kind = {"sdxl": "StableDiffusionXLPipeline", "inpaint": "StableDiffusionInpaintPipeline"}
        index = {"_class_name": kind.get(self.name, "StableDiffusionPipeline"), "_diffusers_version": "0.42.1",
                 "feature_extractor": [None, None], "image_encoder": [None, None],
                 "scheduler": ["diffusers", self.spec["scheduler"]["_class_name"]],
                 "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
                 "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
        if xl:
            return index | {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"],
                            "tokenizer_2": ["transformers", "CLIPTokenizer"], "force_zeros_for_empty_prompt": True}
        return index | {"safety_checker": [None, None], "requires_safety_checker": False}


def hugging_face_names(module):
    """A text encoder's tensors without `text_model.`, whatever the transformers version calls them."""
    return {n.removeprefix("text_model."): t for n, t in module.state_dict().items() if "position_ids" not in n}


def half(tensor):
    return tensor.half() if tensor.is_floating_point() else tensor


def save_half(file, tensors, keep=()):
    save_file({n: (t if n in keep else half(t)).contiguous().clone() for n, t in tensors.items()}, file,
              {"format": "pt"})


def write_json(file, fields):
    file.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def training_buffers():
    """What training left in the original files and nobody reads."""
    betas = torch.linspace(0.00085 ** 0.5, 0.012 ** 0.5, 1000, dtype=torch.float64) ** 2
    products = torch.cumprod(1 - betas, 0)
    return {"betas": betas.float(), "alphas_cumprod": products.float(), "sqrt_alphas_cumprod": products.sqrt().float(),
            "model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7, dtype=torch.int32)}


def ema_copies(unet):
    """A few of the averaged copies that the full SD1 files hold: dots removed from the names, other values."""
    return {"model_ema." + n.removeprefix("model.").replace(".", ""): t * 0.5 for n, t in list(unet.items())[:4]}


def extra_layer(tensors, last, seed):
    """The original SD2 file holds one text layer more than the Diffusers folder."""
    generator = torch.Generator().manual_seed(seed)
    return {n.replace(f"layers.{last}.", f"layers.{last + 1}."): torch.randn(t.shape, generator=generator)
            for n, t in tensors.items() if f"layers.{last}." in n}


def made(sources, tensors):
    """{LDM name: tensor} as ldm_names.py says."""
    how = {"same": lambda t: t[0], "as_conv": lambda t: t[0][:, :, None, None], "transposed": lambda t: t[0].T,
           "joined": torch.cat}
    return {name: how[source.how]([tensors[n] for n in source.names]) for name, source in sources.items()}


def text_to_ldm(family):
    text = hugging_face_names(family.text)
    positions = {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    if family.name == "sd2":
        text |= extra_layer(text, family.text.config.num_hidden_layers - 1, 24)
        text["text_projection.weight"] = torch.ones(32, 32)
        prefix = "cond_stage_model.model."
        return made(open_clip_to_ldm(text, prefix), text) | {prefix + "logit_scale": torch.tensor(4.6)}
    if family.name == "sdxl":
        one, two = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."
        text_2 = hugging_face_names(family.text_2)
        return (made(clip_to_ldm(text, one), text) | {one + n: t for n, t in positions.items()}
                | made(open_clip_to_ldm(text_2, two), text_2) | {two + "logit_scale": torch.tensor(4.6)})
    prefix = "cond_stage_model.transformer."
    return (made(clip_to_ldm(text, prefix), text) | {prefix + n: t for n, t in positions.items()}
            | {"cond_stage_model.logit_scale": torch.tensor(4.6)})


def save_single_file(family):
    """SD1, SD2 and SDXL whole; the inpainting file holds the UNet alone, as some files do."""
    unet, vae = family.unet.state_dict(), family.vae.state_dict()
    tensors = made(unet_to_ldm(unet, family.unet.config.layers_per_block), unet)
    buffers = {}
    if family.name != "inpaint":
        copies = ema_copies(tensors) if family.name == "sd1" else {}
        buffers = training_buffers() if family.name != "sdxl" else {"denoiser.sigmas": torch.ones(1000)}
        tensors |= made(vae_to_ldm(vae, len(family.vae.config.block_out_channels)), vae)
        tensors |= text_to_ldm(family) | buffers | copies
    save_half(MODELS / f"{family.name}.safetensors", tensors, keep=buffers)


def main():
    shutil.rmtree(MODELS, ignore_errors=True)
    for name in FAMILIES:
        family = Family(name)
        family.check()
        family.save()
        if name in ("sd1", "sd2", "sdxl", "inpaint"):
            save_single_file(family)


if __name__ == "__main__":
    main()

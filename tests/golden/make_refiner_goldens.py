"""Writes tests/golden/refiner/, a tiny random UNet of the form of SDXL's refiner, and refiner.safetensors: what Diffusers
draws with it behind models/sdxl (denoising_end, denoising_start) and alone (image-to-image).

    python tests/golden/make_refiner_goldens.py   # torch 2.13, diffusers 0.42.1, transformers 5.23; no network; some seconds

README.md names the tensors. Float32 on one CPU thread, from weights that had been rounded to float16. Its text encoder, its
VAE and its scheduler are models/sdxl's.
"""

import json
import shutil

import diffusers
import torch
import transformers
from diffusers import (DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from safetensors.torch import save_file

from families import CROSS, PLAIN, PROMPTS, unet
from make_init_goldens import HERE, SEED, picture
from make_models import randomize, relative, round_to_half, save_half, scale_output, write_json

FOLDER = HERE / "refiner"
WIDTH, HEIGHT = 96, 64
SHAPE = unet((4, 8, 8, 8), (PLAIN, CROSS, CROSS, PLAIN), (1, 2, 2, 2), 32, norm_num_groups=2, use_linear_projection=True,
             transformer_layers_per_block=2, addition_embed_type="text_time", addition_time_embed_dim=8,
             projection_class_embeddings_input_dim=24 + 5 * 8)
SCHEDULERS = {"euler": EulerDiscreteScheduler, "euler_a": EulerAncestralDiscreteScheduler,
              "dpmpp_2m": DPMSolverMultistepScheduler}
SCORES = {"aesthetic_score": 7.5, "negative_aesthetic_score": 1.0}
# name: sampler, steps, guidance, negative prompt, switch_at (or the strength of image-to-image), scores
TWO = {"euler": ("euler", 5, 5.0, "", 0.6, {}), "negative": ("euler", 6, 3.0, PROMPTS[1], 0.5, SCORES),
       "dpmpp_2m": ("dpmpp_2m", 8, 5.0, "", 0.5, {}), "euler_a": ("euler_a", 6, 4.0, "", 0.7, {}),
       "unguided": ("euler", 4, 1.0, "", 0.5, {})}
ALONE = {"alone": ("euler", 5, 5.0, "", 0.6, {}), "alone_negative": ("dpmpp_2m", 6, 3.0, PROMPTS[1], 0.5, SCORES)}


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def calls(model):
    """Two rows of a call: with other texts and scores."""
    case = {"x": normal(101, 2, 4, 8, 16), "t": torch.tensor([181.0]), "context": normal(201, 2, 8, 32),
            "pooled": normal(301, 2, 24), "time_ids": torch.tensor([[64.0, 128, 0, 0, 2.5], [1024, 768, 8, 16, 6]])}
    added = {"text_embeds": case["pooled"], "time_ids": case["time_ids"]}
    return case | {"out": model(case["x"], case["t"][0], case["context"], added_cond_kwargs=added).sample}


def make(seed):
    model = randomize(UNet2DConditionModel(**SHAPE), seed)
    scale_output(model.conv_out, calls(model)["out"], 0.5)
    return round_to_half(model)


def is_telling(model):
    """Whether another text and another score are heard, and rounding is not."""
    case = calls(model)

    def out(m, x, context, pooled, ids):
        return m(x, case["t"][0], context, added_cond_kwargs={"text_embeds": pooled, "time_ids": ids}).sample

    given = [case[k] for k in ("x", "context", "pooled", "time_ids")]
    text = relative(out(model, given[0], given[1].flip(0), *given[2:]), case["out"])
    scores = given[3].clone()
    scores[:, 4] = scores[:, 4].flip(0)
    score = relative(out(model, *given[:3], scores), case["out"])
    rounding = relative(case["out"].double(), out(model.double(), *(g.double() for g in given)))
    model.float()
    print(f"text {text:.2f}, score {score:.3f}, rounding {rounding:.0e}")
    return text > 0.1 and score > 0.02 and rounding < 1e-5


def pipelines(model, sampler):
    base = StableDiffusionXLPipeline.from_pretrained(HERE / "models" / "sdxl", dtype=torch.float32, local_files_only=True,
                                                     add_watermarker=False)
    for text in (base.text_encoder, base.text_encoder_2):
        if not hasattr(text, "text_model"):  # see make_component_goldens.py
            object.__setattr__(text, "text_model", text)
    refiner = StableDiffusionXLImg2ImgPipeline(
        vae=base.vae, text_encoder=None, text_encoder_2=base.text_encoder_2, tokenizer=None, tokenizer_2=base.tokenizer_2,
        unet=model, scheduler=base.scheduler, requires_aesthetics_score=True, force_zeros_for_empty_prompt=False,
        add_watermarker=False)
    for pipe in (base, refiner):
        pipe.scheduler = SCHEDULERS[sampler].from_config(pipe.scheduler.config)
        pipe.set_progress_bar_config(disable=True)
    return base, refiner


def counted(module, draw):
    called = []
    hook = module.register_forward_pre_hook(lambda *_: called.append(1))
    result = draw()
    hook.remove()
    return result, len(called)


def run(model, name, image):
    sampler, steps, guidance, negative, at, scores = (TWO | ALONE)[name]
    base, refiner = pipelines(model, sampler)
    generator = torch.Generator().manual_seed(SEED)
    given = {"prompt": PROMPTS[0], "num_inference_steps": steps, "guidance_scale": guidance, "generator": generator,
             "output_type": "latent"} | ({"negative_prompt": negative} if negative else {})
    if name in ALONE:
        latents, own = counted(model, lambda: refiner(image=image, strength=at, **given, **scores).images)
        return latents, 0, own
    first, before = counted(base.unet, lambda: base(width=WIDTH, height=HEIGHT, denoising_end=at, **given).images)
    latents, behind = counted(model, lambda: refiner(image=first, denoising_start=at, **given, **scores).images)
    return latents, before, behind


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = next(m for m in (make(seed) for seed in range(70, 90)) if is_telling(m))
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    config = {"_class_name": "UNet2DConditionModel", "_diffusers_version": diffusers.__version__}
    write_json(FOLDER / "config.json", config | {k: v for k, v in model.config.items() if not k.startswith("_")})
    save_half(FOLDER / "diffusion_pytorch_model.safetensors", model.state_dict())
    image = picture(WIDTH, HEIGHT, 11)
    tensors = {f"unet/{k}": v for k, v in calls(model).items()}
    tensors["picture"] = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).reshape(image.height, image.width, 3)
    runs = {}
    for name in TWO | ALONE:
        latents, before, behind = run(model, name, image)
        assert torch.isfinite(latents).all(), name
        sampler, steps, guidance, negative, at, scores = (TWO | ALONE)[name]
        tensors[f"run/{name}"] = latents
        runs[name] = {"sampler": sampler, "steps": steps, "guidance": guidance, "negative": negative, "at": at,
                      "alone": name in ALONE, "scores": scores, "calls": [before, behind]}
        print(name, before, behind, tuple(latents.shape), float(latents.abs().max()))
    metadata = {"script": "tests/golden/make_refiner_goldens.py", "torch": torch.__version__,
                "diffusers": diffusers.__version__, "transformers": transformers.__version__, "runs": json.dumps(runs),
                "prompt": PROMPTS[0]}
    save_file({k: v.contiguous() for k, v in tensors.items()}, HERE / "refiner.safetensors", metadata)


if __name__ == "__main__":
    main()

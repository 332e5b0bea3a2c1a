"""Writes tests/golden/ip_adapters/ and ip_adapter.safetensors: IP-Adapters as Diffusers' own pipelines compute them.

    python tests/golden/make_ip_adapter_goldens.py   # torch 2.13, diffusers 0.42.1, transformers 5.23; no network; a minute

Tiny random adapters of the tiny models in the layout of the original files, float16, and `image_encoder/`, a tiny CLIP
vision encoder that all but FaceID's read. Pictures: controlnets/hint_{0,1}.png. Form of the runs: method_runs.py. Names:
README.md.
"""

import copy
import shutil

import numpy as np
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.image_processor import IPAdapterMaskProcessor
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from families import PROMPTS
from make_component_goldens import DTYPE, EXACT, HERE, load
from method_runs import HEIGHT, WIDTH, finish, noise, require_effect, run

FOLDER = HERE / "ip_adapters"
KINDS = {"sd1": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
MORE = {"sd1": {"requires_safety_checker": False, "safety_checker": None}, "sdxl": {"add_watermarker": False}}
SIZE, PATCH, WIDE, PROJECTION, FACE = 28, 7, 32, 20, 12
TOKENS, QUERIES, INNER, LAYERS = 4, 16, 16, 4


def filled(shapes, seed):
    """Tensors by name, float16: matrices that keep sizes about as they are, norms about 1."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator)
        if len(shape) > 1:
            value *= shape[-1] ** -0.5
        else:
            value = 0.1 * value + ("norm" in name and name.endswith("weight"))
        tensors[name] = value.half()
    return tensors


def linear(name, rows, columns, bias=True):
    return {f"{name}.weight": (rows, columns)} | ({f"{name}.bias": (rows,)} if bias else {})


def norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def resampler(context):
    shapes = {"latents": (1, QUERIES, INNER)} | linear("proj_in", INNER, WIDE)
    for i in range(LAYERS):
        attention, mlp = f"layers.{i}.0", f"layers.{i}.1"
        shapes |= norm(f"{attention}.norm1", INNER) | norm(f"{attention}.norm2", INNER)
        shapes |= linear(f"{attention}.to_q", 64, INNER, False) | linear(f"{attention}.to_kv", 128, INNER, False)
        shapes |= linear(f"{attention}.to_out", INNER, 64, False)
        shapes |= norm(f"{mlp}.0", INNER) | linear(f"{mlp}.1", 4 * INNER, INNER, False)
        shapes |= linear(f"{mlp}.3", INNER, 4 * INNER, False)
    return shapes | linear("proj_out", context, INNER) | norm("norm_out", context)


def projections(context):
    return {"base": linear("proj", TOKENS * context, PROJECTION) | norm("norm", context), "plus": resampler(context),
            "full_face": linear("proj.0", WIDE, WIDE) | linear("proj.2", context, WIDE) | norm("proj.3", context),
            "face_id": linear("proj.0", 2 * FACE, FACE) | linear("proj.2", TOKENS * context, 2 * FACE) | norm("norm", context)}


def keys_and_values(unet):
    """In the order of the UNet's attention processors, as the files count."""
    shapes = {}
    for number, name in enumerate(unet.attn_processors):
        if "attn2" in name:
            channels = unet.get_submodule(name.removesuffix(".processor")).to_k.weight.shape[0]
            for leaf in ("to_k_ip", "to_v_ip"):
                shapes |= linear(f"{number}.{leaf}", channels, unet.config.cross_attention_dim, False)
    return shapes


def write_files(unets):
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    encoder = CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=WIDE, intermediate_size=2 * WIDE, num_hidden_layers=3, num_attention_heads=2, image_size=SIZE,
        patch_size=PATCH, projection_dim=PROJECTION, hidden_act="gelu"))
    values = filled({name: tuple(value.shape) for name, value in encoder.named_parameters()}, 31)
    for name, value in encoder.named_parameters():
        value.copy_(values[name])
    encoder.half().save_pretrained(FOLDER / "image_encoder")
    for family, unet in unets.items():
        for seed, (kind, shapes) in enumerate(projections(unet.config.cross_attention_dim).items()):
            if family == "sdxl" and kind in ("full_face", "face_id"):
                continue
            tensors = {f"image_proj.{name}": value for name, value in filled(shapes, 40 + seed).items()}
            pairs = filled(keys_and_values(unet), 50 + seed)
            save_file(tensors | {f"ip_adapter.{name}": value for name, value in pairs.items()},
                      FOLDER / f"{family}_{kind}.safetensors")
    save_file({"face": torch.randn(FACE, generator=torch.Generator().manual_seed(60))}, FOLDER / "face.safetensors")


def cases():
    one = {"adapters": ["base"], "pictures": [[0]], "scale": [1.5], "cfg": 5.0, "half": False}
    sd1 = {"base": one, "no_cfg": one | {"cfg": 1.0}, "half": one | {"half": True}, "two_pictures": one | {"pictures": [[0, 1]]},
           "plus": one | {"adapters": ["plus"]}, "full_face": one | {"adapters": ["full_face"]},
           "face_id": one | {"adapters": ["face_id"]},
           "two": one | {"adapters": ["base", "plus"], "pictures": [[0], [1]], "scale": [0.8, -0.6]}}
    style = {"scale": [{"up": {"block_0": [0.0, 1.5]}}], "where": "output:0.1"}
    return {"sd1": sd1, "sdxl": {"base": one, "plus": one | {"adapters": ["plus"]}, "style": one | style}}


def computed(family, components, encoder, case, pictures):
    parts = components | {"unet": copy.deepcopy(components["unet"]), "image_encoder": encoder,
                          "feature_extractor": CLIPImageProcessor(size=SIZE, crop_size=SIZE)}
    pipe = KINDS[family](**parts, **MORE[family])
    pipe.set_progress_bar_config(disable=True)
    names = [f"{family}_{name}.safetensors" for name in case["adapters"]]
    pipe.load_ip_adapter([str(FOLDER)] * len(names), subfolder=[""] * len(names), weight_name=names,
                         image_encoder_folder=None)
    pipe.set_ip_adapter_scale(case["scale"] if len(names) > 1 else case["scale"][0])
    arguments = {}
    if case["adapters"] == ["face_id"]:
        face = torch.randn(FACE, generator=torch.Generator().manual_seed(60)).to(DTYPE).reshape(1, 1, FACE)
        arguments["ip_adapter_image_embeds"] = [torch.cat([torch.zeros_like(face), face])]
    else:
        arguments["ip_adapter_image"] = [[pictures[i] for i in of] for of in case["pictures"]]
    if case["half"]:
        mask = np.zeros((HEIGHT * 8, WIDTH * 8), np.uint8)
        mask[:, :WIDTH * 4] = 255
        masks = IPAdapterMaskProcessor().preprocess([Image.fromarray(mask)], height=HEIGHT * 8, width=WIDTH * 8)
        arguments["cross_attention_kwargs"] = {"ip_adapter_masks": [masks.reshape(1, 1, *masks.shape[-2:]).to(DTYPE)]}
    found = run(pipe, prompt=PROMPTS[0], guidance_scale=case["cfg"], **arguments)
    return {name: tensor for name, tensor in found.items() if name != "first/rows"}


def encoder_tensors(encoder, pictures):
    tensors = {}
    for i, picture in enumerate([*pictures, pictures[0].resize((17, 40))]):
        pixels = CLIPImageProcessor(size=SIZE, crop_size=SIZE)(picture, return_tensors="pt").pixel_values.to(DTYPE)
        seen = encoder(pixels, output_hidden_states=True)
        tensors |= {f"encoder/{i}/pixels": pixels, f"encoder/{i}/hidden": seen.hidden_states[-2],
                    f"encoder/{i}/embeds": seen.image_embeds}
    return tensors


def main():
    pipes = {family: load(HERE / "models" / family) for family in KINDS}
    if not EXACT:
        write_files({family: pipe.unet for family, pipe in pipes.items()})
    encoder = CLIPVisionModelWithProjection.from_pretrained(FOLDER / "image_encoder", dtype=DTYPE).eval()
    pictures = [Image.open(HERE / "controlnets" / f"hint_{i}.png") for i in (0, 1)]
    tensors = {"noise": noise()} | encoder_tensors(encoder, pictures)
    for family, all_cases in cases().items():
        parts = {name: part for name, part in pipes[family].components.items() if name not in MORE[family]}
        found = {name: computed(family, parts, encoder, case, pictures) for name, case in all_cases.items()}
        plain = KINDS[family](**parts, **MORE[family])
        plain.set_progress_bar_config(disable=True)
        without = run(plain, prompt=PROMPTS[0], guidance_scale=5.0)
        for name in found:
            require_effect(f"{family} {name}", found[name], without)
        tensors |= {f"{family}/{name}/{key}": x for name, one in found.items() for key, x in one.items()}
    finish("make_ip_adapter_goldens.py", "ip_adapter.safetensors", tensors, prompt=PROMPTS[0], runs=cases())


if __name__ == "__main__":
    main()

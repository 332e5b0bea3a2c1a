"""Writes tests/golden/shapes/: tiny random UNets of models that were cut down from Stable Diffusion's, as Diffusers folders
and as LDM single files, weights in 8-bit floats with scales, and shapes.safetensors, what Diffusers computes with them.

    python tests/golden/make_shape_goldens.py   # torch 2.13, diffusers 0.42.1; no network; some seconds

README.md names the tensors. Float32 on one CPU thread, from weights that had been rounded to float16 (8-bit floats: from
the stored numbers times their scales).
"""

import json
import shutil
import sys

import diffusers
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

from families import CROSS, LEVELS4, PLAIN, unet
from ldm_names import unet_to_ldm
from make_models import HERE, half, made, randomize, relative, round_to_half, save_half, scale_output, write_json

FOLDER = HERE / "shapes"
XL = dict(use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=8,
          projection_class_embeddings_input_dim=24 + 6 * 8)


def xl(**more):
    return unet((4, 4, 8), (PLAIN, CROSS, CROSS), (1, 1, 2), 56, norm_num_groups=2, **(XL | more))


# By the names of the models that have these layers and middle blocks, and depths that differ in the same places but are
# smaller, as files should be; contexts are those of models/sd1, sd2, sdxl.
SHAPES = {
    "ssd_1b": xl(layers=2, mid_block_type="UNetMidBlock2D", transformer_layers_per_block=[1, [1, 1], [2, 2]],
                 reverse_transformer_layers_per_block=[[2, 2, 3], [2, 1, 1], 1]),
    "vega": xl(layers=2, mid_block_type="UNetMidBlock2D", transformer_layers_per_block=[1, 1, 2]),
    "koala_700m": xl(mid_block_type=None, transformer_layers_per_block=[0, 1, 2]),
    "koala_1b": xl(transformer_layers_per_block=[0, 1, 3]),
    "bk_base": unet((8, 8, 8, 12), LEVELS4, 2, 24),
    "bk_small": unet((8, 8, 8, 12), LEVELS4, 2, 24, mid_block_type=None),
    "bk_tiny": unet((8, 8, 12), (CROSS,) * 3, 2, 24, mid_block_type=None),
    "sdxs": unet((8, 8, 12), (CROSS,) * 3, (2, 2, 3), 32, mid_block_type=None, use_linear_projection=True,
                 only_cross_attention=[True, False, False]),
    "uneven": unet((8, 8, 12), (CROSS, PLAIN, CROSS), 2, 24, layers=[1, 2, 1],
                   transformer_layers_per_block=[[2], 1, [1]],
                   reverse_transformer_layers_per_block=[[1, 2], 1, [3, 1]]),
}
LDM = ("ssd_1b", "koala_700m", "bk_small", "sdxs")  # those that are written as single files, too
# Files with scales: the shape, the type of its matrices, and whether scales have ComfyUI's newer names.
SCALED = {"scaled_e4m3": ("bk_small", torch.float8_e4m3fn, False), "scaled_e5m2": ("bk_small", torch.float8_e5m2, True)}


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def calls(model):
    """Two calls of two rows with other texts: tensors by name, `out` the prediction."""
    config, out = model.config, {}
    for n, (t, size) in enumerate(((981, (8, 16)), (20, (7, 9)))):
        case = {"x": normal(100 + n, 2, 4, *size), "t": torch.tensor([float(t)]),
                "context": normal(200 + n, 2, 8, config.cross_attention_dim)}
        added = None
        if config.addition_embed_type:
            case |= {"pooled": normal(300 + n, 2, 24),
                     "time_ids": torch.tensor([[64.0, 128, 0, 0, 64, 128], [1024, 768, 8, 16, 512, 640]])}
            added = {"text_embeds": case["pooled"], "time_ids": case["time_ids"]}
        case["out"] = model(case["x"], case["t"][0], case["context"], added_cond_kwargs=added).sample
        out |= {f"unet/{n}/{k}": v for k, v in case.items()}
    return out


def make(name, seed):
    model = randomize(UNet2DConditionModel(**SHAPES[name]), seed)
    scale_output(model.conv_out, calls(model)["unet/0/out"], 1)
    return round_to_half(model)


def is_telling(name, model, tensors):
    """Whether texts move outputs by a tenth and rounding (float32 against float64) by a tenth of the tolerance."""
    texts, roundings = [], []
    for n in range(2):
        x, t, context, out = (tensors[f"unet/{n}/{k}"] for k in ("x", "t", "context", "out"))
        added = {k: tensors[f"unet/{n}/{v}"] for k, v in (("text_embeds", "pooled"), ("time_ids", "time_ids"))
                 if f"unet/{n}/{v}" in tensors}
        texts.append(relative(model(x, t[0], context.flip(0), added_cond_kwargs=added).sample, out))
        exact = model.double()(x.double(), t[0], context.double(),
                               added_cond_kwargs={k: v.double() for k, v in added.items()}).sample
        roundings.append(relative(out.double(), exact))
        model.float()
    print(f"  {name}: texts {min(texts):.2f}, rounding {max(roundings):.0e}")
    return 0.2 < tensors["unet/0/out"].std() < 5 and min(texts) > 0.1 and max(roundings) < 1e-5


def save(name, model):
    folder = FOLDER / name
    folder.mkdir(parents=True)
    config = {"_class_name": "UNet2DConditionModel", "_diffusers_version": diffusers.__version__}
    write_json(folder / "config.json", config | {k: v for k, v in model.config.items() if not k.startswith("_")})
    save_half(folder / "diffusion_pytorch_model.safetensors", model.state_dict())
    if name in LDM:
        weights = model.state_dict()
        save_half(FOLDER / f"{name}.safetensors", made(unet_to_ldm(weights, model.config.layers_per_block), weights))


def scaled(shape, kind, newer, seed):
    """(model with the numbers that the file means, the file's tensors)."""
    model = make(shape, seed)
    weights, file = model.state_dict(), {}
    names = {source.names[0]: ldm for ldm, source in unet_to_ldm(weights, 1).items()}
    for name, tensor in weights.items():
        ldm = names[name]
        if tensor.ndim != 2:
            file[ldm] = half(tensor)
            continue
        stem = ldm.removesuffix("weight")
        scale = tensor.abs().max() / torch.finfo(kind).max
        stored = (tensor / scale).to(kind)
        tensor.copy_(stored.float() * scale)
        file |= {ldm: stored, stem + ("weight_scale" if newer else "scale_weight"): scale,
                 stem + ("input_scale" if newer else "scale_input"): torch.tensor(0.5)}
        if newer:
            form = json.dumps({"format": str(kind).removeprefix("torch.")}).encode()
            file[stem + "comfy_quant"] = torch.frombuffer(bytearray(form), dtype=torch.uint8)
    if not newer:
        file["model.diffusion_model.scaled_fp8"] = torch.zeros(2).to(kind)
    return model, file


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    golden = {}

    def keep(name, model):
        tensors = calls(model)
        golden.update({f"{name}/{k}": v.contiguous() for k, v in tensors.items()})
        return is_telling(name, model, tensors)

    for seed, name in enumerate(SHAPES):
        model = next(m for m in (make(name, 60 + seed + 100 * again) for again in range(20)) if keep(name, m))
        save(name, model)
    for name, (shape, kind, newer) in SCALED.items():
        several = (scaled(shape, kind, newer, 65 + 100 * again) for again in range(20))
        file = next(file for model, file in several if keep(name, model))
        save_file({n: t.contiguous().clone() for n, t in file.items()}, FOLDER / f"{name}.safetensors")
    save_file(golden, HERE / "shapes.safetensors",
              {"script": "tests/golden/make_shape_goldens.py", "torch": torch.__version__,
               "diffusers": diffusers.__version__})


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    sys.exit(main())

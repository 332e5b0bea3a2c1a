"""Writes tests/golden/side_networks/ and side_networks.safetensors: T2I-Adapters, control-loras and ControlNets of several
types of pictures, as Diffusers' own pipelines compute them.

    python tests/golden/make_side_network_goldens.py   # torch 2.13, diffusers 0.42.1, transformers 5.23; no network

Tiny random networks of the tiny models, float16. T2I-Adapters: `t2i_full/` (a Diffusers folder) and
`t2i_full_original.safetensors` (the same numbers under TencentARC's names), `t2i_light.safetensors`,
`t2i_light_original.safetensors`, `t2i_xl.safetensors`, which reads shades of grey. `lora_sd1.safetensors`,
`lora_sdxl.safetensors`: control-loras under Stability's names; here they are merged with the UNet by the formula
W + up down, and run as Diffusers' ControlNets. `union.safetensors`: of eight types, attention in the middle alone.
Form of the runs: method_runs.py. Names: README.md.
"""

import copy
import shutil

import torch
from diffusers import (ControlNetModel, ControlNetUnionModel, StableDiffusionAdapterPipeline,
                       StableDiffusionControlNetPipeline, StableDiffusionXLAdapterPipeline,
                       StableDiffusionXLControlNetPipeline, StableDiffusionXLControlNetUnionPipeline, T2IAdapter)
from diffusers.models.adapter import LightAdapterBlock, MultiAdapter
from PIL import Image
from safetensors.torch import save_file

from families import PROMPTS
from ldm_names import unet_to_ldm
from make_component_goldens import DTYPE, EXACT, HERE, load, normal
from make_controlnet_goldens import HINTS, PLAIN, made, randomised
from method_runs import HEIGHT, STEPS, WIDTH, finish, noise, require_effect, run

FOLDER = HERE / "side_networks"
RANK = 2
MORE = {"sd1": {"requires_safety_checker": False}, "sdxl": {"add_watermarker": False}}
UNION_TYPES = ("openpose", "depth", "scribble", "canny", "normal", "segment", "tile", "repaint")


def halves(net):
    return {name: value.half() for name, value in net.state_dict().items()}


def write(tensors, name):
    if not EXACT:
        save_file({key: value.contiguous() for key, value in tensors.items()}, FOLDER / f"{name}.safetensors")


def adapters():
    """By name; in the form of the published ones, with a tiny model's channels."""
    full = T2IAdapter(3, [16, 16, 16, 24], 2, 8, "full_adapter")
    light = T2IAdapter(3, [16, 16, 16], 3, 8, "light_adapter")
    light.adapter.body[3] = LightAdapterBlock(16, 24, 3, down=True)
    xl = T2IAdapter(1, [16, 16, 24, 24], 2, 16, "full_adapter_xl")
    return {name: randomised(net, seed) for seed, (name, net) in
            enumerate([("t2i_full", full), ("t2i_light", light), ("t2i_xl", xl)], 20)}


def original_names(name, resnets):
    """TencentARC's, of a Diffusers adapter's tensor."""
    parts = name.removeprefix("adapter.").split(".")
    if parts[0] != "body" or resnets is None:
        return ".".join(parts).replace(".resnets.", ".body.")
    inner = int(parts[3]) if parts[2] == "resnets" else 0
    return ".".join(["body", str(resnets * int(parts[1]) + inner), *parts[4 if parts[2] == "resnets" else 2:]])


def write_adapters(nets):
    if EXACT:
        return
    copy.deepcopy(nets["t2i_full"]).half().save_pretrained(FOLDER / "t2i_full")
    write({original_names(key, 2): value for key, value in halves(nets["t2i_full"]).items()}, "t2i_full_original")
    write(halves(nets["t2i_light"]), "t2i_light")
    write({original_names(key, None): value for key, value in halves(nets["t2i_light"]).items()}, "t2i_light_original")
    write(halves(nets["t2i_xl"]), "t2i_xl")


def control_lora(unet, seed):
    """(the merged network, the file's tensors under Stability's names)."""
    net = made(unet, seed)
    merged, own = net.state_dict(), {}
    trunk = [name for name in merged if not name.startswith("controlnet_")]
    names = {source.names[0]: name.removeprefix("model.diffusion_model.") for name, source in
             unet_to_ldm(trunk, unet.config.layers_per_block).items()}
    base = unet.state_dict()
    torch.manual_seed(seed + 100)
    for name in trunk:
        value = base[name]
        layer, leaf = names[name].rsplit(".", 1)
        if value.dim() < 2:  # some biases and norms are its own
            if len(own) % 3 == 0:
                own[names[name]] = (value + 0.1 * torch.randn_like(value)).half()
                value = own[names[name]].to(DTYPE)
        else:
            rows, columns = value.shape[0], value[0].numel()
            up = (torch.randn(rows, RANK) * RANK ** -0.5).half()
            down = (0.6 * torch.randn(RANK, columns) * columns ** -0.5).half()
            value = value + (up.to(DTYPE) @ down.to(DTYPE)).reshape(value.shape)
            square = value.dim() == 4
            own[f"{layer}.up"] = up[:, :, None, None] if square else up
            own[f"{layer}.down"] = down.reshape(RANK, *value.shape[1:]) if square else down
        merged[name] = value
    hints = {"controlnet_mid_block": "middle_block_out.0", "controlnet_cond_embedding.conv_in": "input_hint_block.0",
             "controlnet_cond_embedding.conv_out": f"input_hint_block.{4 * len(HINTS) - 2}"}
    hints |= {f"controlnet_cond_embedding.blocks.{i}": f"input_hint_block.{2 * i + 2}" for i in range(2 * len(HINTS) - 2)}
    hints |= {f"controlnet_down_blocks.{i}": f"zero_convs.{i}.0" for i in range(len(net.controlnet_down_blocks))}
    for name in merged:
        if name.startswith("controlnet_"):
            stem, leaf = name.rsplit(".", 1)
            own[f"{hints[stem]}.{leaf}"] = merged[name].half()
    net.load_state_dict(merged)
    return net, own | {"lora_controlnet": torch.zeros(0).half()}


def union(unet, seed):
    config = {key: value for key, value in ControlNetModel.from_unet(unet, load_weights_from_unet=False).config.items()
              if not key.startswith("_") and key != "mid_block_type"}
    config |= {"conditioning_embedding_out_channels": HINTS, "num_control_type": len(UNION_TYPES), "num_trans_channel": 16,
               "num_trans_head": 8, "num_proj_channel": 16, "transformer_layers_per_block": 1,
               "down_block_types": ("DownBlock2D",) * 3}
    return randomised(ControlNetUnionModel(**config), seed)


def pictures():
    """Two of the runs' size, and the first in grey."""
    found = [Image.open(HERE / "controlnets" / f"hint_{i}.png").convert("RGB") for i in (0, 1)]
    if not EXACT:
        found[0].convert("L").convert("RGB").save(FOLDER / "grey.png")
    return found


def finished(pipe, case, **arguments):
    pipe.set_progress_bar_config(disable=True)
    found = run(pipe, prompt=PROMPTS[0], guidance_scale=case["cfg"], **arguments)
    return {name: tensor for name, tensor in found.items() if name == f"latents/{STEPS - 1}"}


def adapter_run(components, nets, family, case, hints):
    chosen = [nets[name] for name in case["nets"]]
    several = len(chosen) > 1
    kind = {"sd1": StableDiffusionAdapterPipeline, "sdxl": StableDiffusionXLAdapterPipeline}[family]
    components = {name: part for name, part in components.items() if name != "image_encoder"}
    pipe = kind(**components, adapter=MultiAdapter(chosen) if several else chosen[0],
                **(MORE["sd1"] if family == "sd1" else {}))
    images = [hints[0].convert("L")] if family == "sdxl" else hints[:len(chosen)]
    window = {"adapter_conditioning_factor": case["end"]} if family == "sdxl" else {}
    return finished(pipe, case, image=images if several else images[0], **window,
                    adapter_conditioning_scale=case["scale"] if several else case["scale"][0])


def net_run(components, nets, family, case, hints):
    kind = {"sd1": StableDiffusionControlNetPipeline, "sdxl": StableDiffusionXLControlNetPipeline}[family]
    pipe = kind(**components, controlnet=nets[case["nets"][0]], **MORE[family])
    return finished(pipe, case, image=hints[0], controlnet_conditioning_scale=case["scale"][0],
                    control_guidance_end=case["end"])


def union_run(components, nets, case, hints):
    pipe = StableDiffusionXLControlNetUnionPipeline(**components, controlnet=nets["union"], **MORE["sdxl"])
    return finished(pipe, case, control_image=[hints[0]], control_mode=[UNION_TYPES.index(case["type"])],
                    controlnet_conditioning_scale=case["scale"][0], control_guidance_end=case["end"])


def cases():
    def one(name, **more):
        return {"nets": [name], "scale": [1.0], "end": 1.0, "cfg": 5.0} | more
    return {
        "sd1": {"full": one("t2i_full"), "light": one("t2i_light", scale=[0.5]),
                "two": one("t2i_full", nets=["t2i_full", "t2i_light"], scale=[0.7, -0.4]),
                "no_cfg": one("t2i_light", cfg=1.0), "lora": one("lora_sd1")},
        "sdxl": {"xl": one("t2i_xl", scale=[0.8]), "half": one("t2i_xl", end=0.5), "lora": one("lora_sdxl", scale=[0.9]),
                 "canny": one("union", type="canny"), "tile": one("union", type="tile", scale=[0.7], end=0.5)}}


def adapter_tensors(nets):
    """Features of a picture whose size no halving divides: SDXL's picture is filled up with its edge."""
    tensors = {"odd/picture": torch.rand(1, 3, 72, 56, generator=torch.Generator().manual_seed(17)).to(DTYPE)}
    for name, net in nets.items():
        picture = tensors["odd/picture"]
        if name == "t2i_xl":
            picture = torch.nn.functional.pad(picture.mean(1, keepdim=True), (0, 8, 0, 8), mode="replicate")
        tensors |= {f"odd/{name}/{i}": value for i, value in enumerate(net(picture))}
    return tensors


def union_tensors(net):
    x, context, pooled = normal(11, 2, 4, 8, 8), normal(12, 2, 77, net.config.cross_attention_dim), normal(14, 2, 24)
    hint = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(13)).to(DTYPE)
    ids = torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2).to(DTYPE)
    kind = UNION_TYPES.index("canny")
    down, middle = net(x, 481.0, context, controlnet_cond=[hint.repeat(2, 1, 1, 1)],
                       return_dict=False,
                       control_type=torch.nn.functional.one_hot(torch.tensor([kind] * 2), len(UNION_TYPES)).to(DTYPE),
                       control_type_idx=[kind], conditioning_scale=[1.0],
                       added_cond_kwargs={"text_embeds": pooled, "time_ids": ids})
    tensors = {"x": x, "t": torch.tensor([481.0]), "context": context, "hint": hint,
               "pooled": pooled, "time_ids": ids}
    return {f"network/union/{key}": value for key, value in
            (tensors | {f"out/{i}": value for i, value in enumerate([*down, middle])}).items()}


def main():
    if not EXACT:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir()
    pipes = {family: load(HERE / "models" / family) for family in ("sd1", "sdxl")}
    hints, nets = pictures(), adapters()
    write_adapters(nets)
    tensors = {"noise": noise()} | adapter_tensors(nets)
    for family, pipe in pipes.items():
        nets[f"lora_{family}"], own = control_lora(pipe.unet, 30)
        write(own, f"lora_{family}")
    nets["union"] = union(pipes["sdxl"].unet, 40)
    write(halves(nets["union"]), "union")
    tensors |= union_tensors(nets["union"])
    for family, all_cases in cases().items():
        components = pipes[family].components
        plain = PLAIN[family](**components, **MORE[family])
        plain.set_progress_bar_config(disable=True)
        without = run(plain, prompt=PROMPTS[0], guidance_scale=5.0)
        for name, case in all_cases.items():
            if case["nets"][0].startswith("t2i"):
                found = adapter_run(components, nets, family, case, hints)
            elif case["nets"][0] == "union":
                found = union_run(components, nets, case, hints)
            else:
                found = net_run(components, nets, family, case, hints)
            if case["cfg"] == 5.0:
                require_effect(f"{family} {name}", found, without)
            tensors |= {f"{family}/{name}/{key}": x for key, x in found.items()}
    finish("make_side_network_goldens.py", "side_networks.safetensors", tensors, prompt=PROMPTS[0], runs=cases())


if __name__ == "__main__":
    main()

"""Writes tests/golden/controlnets/ and controlnet.safetensors: ControlNets as Diffusers' own pipelines compute them.

    python tests/golden/make_controlnet_goldens.py   # torch 2.13, diffusers 0.42.1, transformers 5.23; no network; a minute

Tiny random ControlNets of the tiny models, float16: `sd1.safetensors` and `sdxl.safetensors` under Diffusers' names,
`sd1_second/` as a Diffusers folder, without attention, and `sd1_ldm.safetensors` the first one's weights under LDM's
names behind `control_model.`. Form of the runs: method_runs.py. Names: README.md.
"""

import copy
import shutil

import torch
from diffusers import (ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline,
                       StableDiffusionXLControlNetPipeline, StableDiffusionXLPipeline)
from safetensors.torch import save_file

from families import PROMPTS
from ldm_names import unet_to_ldm
from make_component_goldens import DTYPE, EXACT, HERE, load, normal
from method_runs import HEIGHT, WIDTH, finish, noise, require_effect, run

FOLDER = HERE / "controlnets"
KINDS = {"sd1": StableDiffusionControlNetPipeline, "sdxl": StableDiffusionXLControlNetPipeline}
PLAIN = {"sd1": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
HINTS = (4, 6, 8, 10)


def randomised(net, seed):
    """Every tensor its own, so that the network moves the picture."""
    torch.manual_seed(seed)
    for name, value in net.named_parameters():
        if value.dim() > 1:
            zero = name.startswith(("controlnet_down_blocks", "controlnet_mid_block"))
            value.copy_(torch.randn_like(value) * (0.3 if zero else value[0].numel() ** -0.5))
        else:
            value.copy_(0.05 * torch.randn_like(value) + ("norm" in name and name.endswith("weight")))
    return net.half().to(DTYPE).eval()


def made(unet, seed):
    return randomised(ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=HINTS,
                                                load_weights_from_unet=False), seed)


def without_attention(unet, seed):
    config = unet.config
    net = ControlNetModel(down_block_types=("DownBlock2D",) * 4, mid_block_type="UNetMidBlock2D",
                          block_out_channels=config.block_out_channels, layers_per_block=config.layers_per_block,
                          norm_num_groups=config.norm_num_groups, cross_attention_dim=config.cross_attention_dim,
                          attention_head_dim=config.attention_head_dim, conditioning_embedding_out_channels=HINTS)
    return randomised(net, seed)


def to_ldm(net, layers):
    """The tensors under LDM's names, without a prefix."""
    own = {"controlnet_mid_block": "middle_block_out.0", "controlnet_cond_embedding.conv_in": "input_hint_block.0",
           "controlnet_cond_embedding.conv_out": f"input_hint_block.{4 * len(HINTS) - 2}"}
    own |= {f"controlnet_cond_embedding.blocks.{i}": f"input_hint_block.{2 * i + 2}" for i in range(2 * len(HINTS) - 2)}
    own |= {f"controlnet_down_blocks.{i}": f"zero_convs.{i}.0" for i in range(len(net.controlnet_down_blocks))}
    tensors = {name: value.half() for name, value in net.state_dict().items()}
    ldm = {}
    for name in [name for name in tensors if name.startswith("controlnet_")]:
        stem, leaf = name.rsplit(".", 1)
        ldm[f"{own[stem]}.{leaf}"] = tensors.pop(name)
    for name, source in unet_to_ldm(list(tensors), layers).items():
        ldm[name.removeprefix("model.diffusion_model.")] = tensors[source.names[0]]
    return ldm


def write_networks(pipes):
    """Writes the files; @return the networks, by name."""
    nets = {"sd1": made(pipes["sd1"].unet, 3), "sd1_second": without_attention(pipes["sd1"].unet, 4),
            "sdxl": made(pipes["sdxl"].unet, 5)}
    if EXACT:
        return nets
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for name in ("sd1", "sdxl"):
        save_file({key: value.half() for key, value in nets[name].state_dict().items()}, FOLDER / f"{name}.safetensors")
    copy.deepcopy(nets["sd1_second"]).half().save_pretrained(FOLDER / "sd1_second")
    ldm = to_ldm(nets["sd1"], pipes["sd1"].unet.config.layers_per_block)
    save_file({f"control_model.{name}": value for name, value in ldm.items()}, FOLDER / "sd1_ldm.safetensors")
    return nets


def hints():
    """Two pictures of the runs' size, bytes."""
    from PIL import Image
    pictures = []
    for seed in (7, 8):
        coarse = torch.rand(1, 3, 6, 9, generator=torch.Generator().manual_seed(seed))
        fine = torch.nn.functional.interpolate(coarse, (HEIGHT * 8, WIDTH * 8), mode="nearest")[0]
        pictures.append(Image.fromarray((fine * 255).byte().permute(1, 2, 0).numpy()))
    if not EXACT:
        for number, picture in enumerate(pictures):
            picture.save(FOLDER / f"hint_{number}.png")
    return pictures


def network_tensors(net, unet):
    """One call: what the network is given and what it makes of it, by skip."""
    x, context = normal(11, 2, 4, 8, 8), normal(12, 2, 77, unet.config.cross_attention_dim)
    hint = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(13)).to(DTYPE)
    tensors = {"x": x, "t": torch.tensor([481.0]), "context": context, "hint": hint}
    added = None
    if unet.config.addition_embed_type:
        tensors |= {"pooled": normal(14, 2, 24), "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2).to(DTYPE)}
        added = {"text_embeds": tensors["pooled"], "time_ids": tensors["time_ids"]}
    down, middle = net(x, 481.0, context, controlnet_cond=hint.repeat(2, 1, 1, 1), added_cond_kwargs=added, return_dict=False)
    return tensors | {f"out/{i}": value for i, value in enumerate([*down, middle])}


def cases():
    one = {"nets": ["sd1"], "scale": [1.0], "start": [0.0], "end": [1.0], "guess": False, "cfg": 5.0, "pool": False}
    two = {"nets": ["sd1", "sd1_second"], "scale": [0.6, -0.8], "start": [0.0, 0.3], "end": [0.7, 1.0]}
    return {"one": one, "weak": one | {"scale": [0.35]}, "window": one | {"start": [0.2], "end": [0.5]}, "two": one | two,
            "guess": one | {"guess": True}, "no_cfg": one | {"cfg": 1.0}, "pool": one | {"pool": True}}


def computed(kind, components, nets, case, pictures, more):
    chosen = [nets[name] for name in case["nets"]]
    for net in chosen:
        net.register_to_config(global_pool_conditions=case["pool"])
    several = len(chosen) > 1
    pipe = kind(**components, controlnet=chosen if several else chosen[0], **more)
    pipe.set_progress_bar_config(disable=True)
    one = (lambda values: values) if several else (lambda values: values[0])
    found = run(pipe, prompt=PROMPTS[0], image=one(pictures[:len(chosen)]), guidance_scale=case["cfg"],
                controlnet_conditioning_scale=one(case["scale"]), guess_mode=case["guess"],
                control_guidance_start=one(case["start"]), control_guidance_end=one(case["end"]))
    for net in chosen:
        net.register_to_config(global_pool_conditions=False)
    return {name: tensor for name, tensor in found.items() if name != "first/rows"}


def main():
    more = {"sd1": {"requires_safety_checker": False}, "sdxl": {"add_watermarker": False}}
    pipes = {family: load(HERE / "models" / family) for family in KINDS}
    nets = write_networks(pipes)
    pictures = hints()
    tensors, runs = {"noise": noise()}, {}
    for name, net in nets.items():
        if name != "sd1_second":
            tensors |= {f"network/{name}/{key}": x for key, x in network_tensors(net, pipes[name].unet).items()}
    for family, kind in KINDS.items():
        components = pipes[family].components
        all_cases = cases()
        if family == "sdxl":
            all_cases = {name: all_cases[name] | {"nets": ["sdxl"]} for name in ("one", "guess")}
        found = {name: computed(kind, components, nets, case, pictures, more[family]) for name, case in all_cases.items()}
        plain = PLAIN[family](**components, **more[family])
        plain.set_progress_bar_config(disable=True)
        without = run(plain, prompt=PROMPTS[0], guidance_scale=5.0)
        for name in found:
            require_effect(f"{family} {name}", found[name], without)
        tensors |= {f"{family}/{name}/{key}": x for name, one in found.items() for key, x in one.items()}
        runs[family] = all_cases
    finish("make_controlnet_goldens.py", "controlnet.safetensors", tensors, prompt=PROMPTS[0], runs=runs)


if __name__ == "__main__":
    main()

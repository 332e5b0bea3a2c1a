"""Writes tests/golden/pag.safetensors: perturbed attention guidance (PAG) as Diffusers' own pipelines compute it.

    python tests/golden/make_pag_goldens.py      # torch 2.13, diffusers 0.42.1, transformers 5.23; no network; a minute

A perturbed row stands beside the conditional one (same text, same latent). In the chosen self-attentions its P is the
identity: out = to_out(V). With p the row's prediction, out = u + cfg (c - u) + s (c - p), rows in the order u, c, p;
without CFG out = c + s (c - p), rows c, p. Adaptive: s becomes max(0, s - adaptive (1000 - t)) at timestep t. A
guidance rescale comes afterwards and measures against c. Layers are regular expressions searched in the names of
attentions. Form of the runs: method_runs.py. Names: README.md.
"""

from diffusers import StableDiffusionPAGPipeline, StableDiffusionXLPAGPipeline

from families import PROMPTS
from make_component_goldens import HERE, load
from method_runs import finish, noise, require_effect, run

KINDS = {"sd1": StableDiffusionPAGPipeline, "sdxl": StableDiffusionXLPAGPipeline}
BLOCKS = {"sd1": ["down_blocks.1.attentions.0", "up_blocks.1.attentions.(0|2)"],
          "sdxl": ["down_blocks.2", "up_blocks.1.attentions.0.transformer_blocks.1"]}


def cases(family):
    plain = {"layers": ["mid"], "cfg": 5.0, "scale": 3.0, "adaptive": 0.0, "rescale": 0.0}
    return {"plain": plain | {"scale": 0.0}, "plain_no_cfg": plain | {"scale": 0.0, "cfg": 1.0}, "mid": plain,
            "blocks": plain | {"layers": BLOCKS[family]}, "no_cfg": plain | {"cfg": 1.0},
            "adaptive": plain | {"adaptive": 0.005}, "rescale": plain | {"rescale": 0.7}}


def computed(pipe, case):
    pipe.set_pag_applied_layers(case["layers"])
    return run(pipe, prompt=PROMPTS[0], guidance_scale=case["cfg"], pag_scale=case["scale"],
               pag_adaptive_scale=case["adaptive"], guidance_rescale=case["rescale"])


def main():
    tensors, runs = {"noise": noise()}, {}
    for family, kind in KINDS.items():
        more = {"add_watermarker": False} if family == "sdxl" else {"requires_safety_checker": False}
        pipe = kind(**load(HERE / "models" / family).components, **more)
        pipe.set_progress_bar_config(disable=True)
        found = {name: computed(pipe, case) for name, case in cases(family).items()}
        for name in ("mid", "blocks", "no_cfg", "adaptive", "rescale"):
            require_effect(f"{family} {name}", found[name], found["plain_no_cfg" if name == "no_cfg" else "plain"])
        require_effect(f"{family} adaptive against constant", found["adaptive"], found["mid"], 0.001)
        tensors |= {f"{family}/{name}/{key}": x for name, one in found.items() for key, x in one.items()}
        runs[family] = cases(family)
        tensors |= {"timesteps": pipe.scheduler.timesteps, "sigmas": pipe.scheduler.sigmas}
    finish("make_pag_goldens.py", "pag.safetensors", tensors, prompt=PROMPTS[0], runs=runs)


if __name__ == "__main__":
    main()

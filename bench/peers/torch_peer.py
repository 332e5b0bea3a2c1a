"""PyTorch and Diffusers as a peer.

    torch_peer.py [--dtype f32|bf16] [--channels-last] [--compile] [--freeze]

Cases: unet sd15 SIZE batch N, unet builtin SIZE batch N, vae decode SIZE, picture builtin SIZE STEPS,
load FOLDER [f32|bf16].
"""

import argparse
import os

import serve  # first: it starts the clock

parser = argparse.ArgumentParser()
parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
parser.add_argument("--channels-last", action="store_true")
parser.add_argument("--compile", action="store_true")
parser.add_argument("--freeze", action="store_true", help="compile with the weights as constants")
options = parser.parse_args()
if options.freeze:
    os.environ["TORCHINDUCTOR_FREEZING"] = "1"

import torch  # noqa: E402
import diffusers  # noqa: E402
from diffusers import StableDiffusionPipeline  # noqa: E402

IMPORTED = serve.since_start()
import networks  # noqa: E402

torch.set_num_threads(serve.THREADS)
DTYPE = torch.float32 if options.dtype == "f32" else torch.bfloat16
kept = {}


def keep(name, make):
    if name not in kept:
        kept[name] = prepared(make())
    return kept[name]


def prepared(network):
    network = network.to(DTYPE)
    if options.channels_last:
        network = network.to(memory_format=torch.channels_last)
    return torch.compile(network) if options.compile or options.freeze else network


def fitting(x):
    if x.dim() == 4 and options.channels_last:
        return x.to(DTYPE).contiguous(memory_format=torch.channels_last)
    return x.to(DTYPE)


def timed(network, inputs):
    def call():
        with torch.inference_mode() if not options.freeze else torch.no_grad():
            network(*inputs)
    return call


def picture(size, steps):
    pipe = StableDiffusionPipeline.from_pretrained(networks.BUILTIN, torch_dtype=DTYPE)
    pipe.set_progress_bar_config(disable=True)
    pipe.unet, pipe.vae = prepared(pipe.unet), pipe.vae.to(memory_format=torch.channels_last)
    return lambda: pipe("a cat in a park", width=size, height=size, num_inference_steps=steps, guidance_scale=5.0,
                        generator=torch.Generator().manual_seed(3))


def load(folder, dtype="f32"):
    """Only `prepare_seconds` of its answer means something."""
    types = {"f32": torch.float32, "bf16": torch.bfloat16}
    kept["load"] = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=types[dtype])
    return lambda: None


def make_case(words):
    if words[0] == "load":
        return load(*words[1:])
    if words[:2] == ["vae", "decode"]:
        network = keep("vae", lambda: networks.Decode(networks.sd_vae()))
        return timed(network, [fitting(networks.latent(int(words[2])))])
    if words[:2] == ["picture", "builtin"]:
        return picture(int(words[2]), int(words[3]))
    kind, size, batch = words[1], int(words[2]), int(words[4])
    make = networks.sd15_unet if kind == "sd15" else networks.builtin_unet
    network = keep(kind, lambda: networks.UNetCall(make()))
    config = getattr(network, "_orig_mod", network)
    return timed(network, [fitting(x) for x in networks.unet_inputs(config.network, size, batch)])


flags = [flag for flag in ("channels_last", "compile", "freeze") if getattr(options, flag)]
serve.serve(" ".join(["PyTorch", options.dtype, *flags]), make_case, import_seconds=IMPORTED,
            versions={"torch": torch.__version__, "diffusers": diffusers.__version__},
            isa=torch.backends.cpu.get_cpu_capability())

"""Diffusers' networks of the true shapes with random weights, and inputs for them."""

import math
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "full"))
from configs import unet_config, vae_config  # noqa: E402
from shapes import SD1  # noqa: E402

BUILTIN = ROOT / "models" / "builtin"


def random_network(kind, config, expected):
    """Uniform with deviation 1/sqrt(fan_in), norms 1, so that activations stay of order 1."""
    with torch.device("meta"):
        network = kind.from_config(config)
    network = network.to_empty(device="cpu").requires_grad_(False).eval()
    torch.manual_seed(1)
    for name, parameter in network.named_parameters():
        if parameter.dim() == 1:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)
        else:
            width = math.sqrt(3 / math.prod(parameter.shape[1:]))
            parameter.uniform_(-width, width)
    found = sum(p.numel() for p in network.parameters())
    if found != expected:
        raise AssertionError(f"{found:,} parameters; {expected:,} expected")
    return network


def sd15_unet():
    return random_network(UNet2DConditionModel, unet_config(SD1, 8, 64), 859_520_964)


def sd_vae():
    return random_network(AutoencoderKL, vae_config(0.18215, 512), 83_653_863)


def builtin_unet():
    return UNet2DConditionModel.from_pretrained(BUILTIN / "unet").requires_grad_(False).eval()


def unet_inputs(network, size, batch):
    """Of a picture of `size` pixels: latent, timestep, text."""
    generator = torch.Generator().manual_seed(2)
    return (torch.randn(batch, 4, size // 8, size // 8, generator=generator), torch.tensor([500.0]),
            torch.randn(batch, 77, network.config.cross_attention_dim, generator=generator))


def latent(size):
    return torch.randn(1, 4, size // 8, size // 8, generator=torch.Generator().manual_seed(2))


class UNetCall(torch.nn.Module):
    """The bare tensor in place of Diffusers' output class."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x, t, text):
        return self.network(x, t, text, return_dict=False)[0]


class Decode(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, z):
        return self.network.decode(z, return_dict=False)[0]


def module_and_inputs(words):
    """What a case's name asks for, for peers that convert a PyTorch module; and the same inputs of a tiny picture: with
    them tracing, which runs the network a few times, takes seconds."""
    if words[0] == "vae":
        return Decode(sd_vae()), [latent(int(words[2]))], [latent(64)]
    unet, size, batch = sd15_unet() if words[1] == "sd15" else builtin_unet(), int(words[2]), int(words[4])
    return UNetCall(unet), list(unet_inputs(unet, size, batch)), list(unet_inputs(unet, 64, batch))

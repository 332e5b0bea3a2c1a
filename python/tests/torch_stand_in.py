"""torch, as far as scripts for Diffusers see it: generators and types of numbers."""
import types

import numpy as np


class Generator:
    """Counts what is drawn from it."""

    def __init__(self, device="cpu"):
        self.device = device if hasattr(device, "type") else types.SimpleNamespace(type=device)

    def manual_seed(self, seed):
        self.seed, self.drawn = seed, 0
        return self

    def initial_seed(self):
        return self.seed

    def get_state(self):
        return np.array([self.seed, self.drawn], np.uint8)


def rand(count, generator, device):
    generator.drawn += count


class Tensor:
    """What it was made of."""

    def __init__(self, given):
        self.given = given


def module_torch():
    """A module for sys.modules."""
    module = types.ModuleType("torch")
    module.Generator, module.float32, module.float16, module.rand = Generator, "torch.float32", "torch.float16", rand
    module.from_numpy = Tensor
    return module

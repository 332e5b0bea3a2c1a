#!/usr/bin/env python3
"""Makes noise.safetensors (torch's CPU and CUDA generators) and noise_mlx.safetensors.

    pip install torch==2.13.0 safetensors==0.8.0        # one environment: noise.safetensors
    pip install "mlx[cpu]==0.32.4"                      # another: noise_mlx.safetensors
    python tests/golden/make_noise_goldens.py           # in each: writes what its packages allow

Keys: <generator>/<seed>/fresh/<shape> = the first draw of a new generator; <generator>/<seed>/then/<i> = draw i of one
generator, in the order of SEQUENCE. A draw of more than 512 numbers is stored as its first 32, its last 32, its sum and
the sum of its squares. The CUDA numbers are written from curand's and torch's formulas (no GPU is needed), and checked
against values that a GPU gave.
"""
import math
import pathlib

HERE = pathlib.Path(__file__).parent
SEEDS = [0, 1, 2, 42, 123, 2024, 2**31, 2**32 - 1, 2**32 + 7, 2**63 + 11]
SHAPES = [(3,), (17,), (1, 4, 8, 8), (1, 4, 5, 7), (1, 4, 64, 64)]
SEQUENCE = [(17,), (3,), (1, 4, 8, 8), (5,), (1, 4, 5, 7), (1, 4, 64, 64), (16,)]
BEYOND_THE_GRID = (1, 4, 512, 512)


def summary(np, draw):
    draw = np.asarray(draw, dtype=np.float32).reshape(-1)
    if draw.size <= 512:
        return draw
    wide = draw.astype(np.float64)
    return np.concatenate([draw[:32], draw[-32:], np.float32([wide.sum(), (wide**2).sum()])])


def philox(np, counter, seed):
    """Philox4x32-10 on rows of four words."""
    c = [w.astype(np.uint64) for w in counter]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & low,
             (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


class Cuda:
    """torch.randn(device="cuda") on a card with 128 multiprocessors of 1536 threads."""

    def __init__(self, np, seed):
        self.np, self.seed, self.offset = np, seed, 0

    def __call__(self, shape):
        np, n = self.np, math.prod(shape)
        threads = 256 * min(-(-n // 256), 128 * 6)
        rounds = -(-n // (4 * threads))
        lanes = []
        for r in range(rounds):
            thread = np.arange(threads)
            zero = np.zeros_like(thread)
            g = philox(np, [zero + self.offset + r, zero, thread, zero], self.seed)
            for a, b in [(g[0], g[1]), (g[2], g[3])]:
                # fused multiply-adds in float32
                turn = np.float64(np.float32(2 * np.pi))
                u = (a.astype(np.float32).astype(np.float64) * 2.0**-32 + 2.0**-33).astype(np.float32)
                v = (b.astype(np.float32) * (turn * 2.0**-32) + turn * 2.0**-33).astype(np.float32)
                v = v.astype(np.float64)
                radius = np.sqrt(-2 * np.log(u.astype(np.float64)))
                lanes += [radius * np.sin(v), radius * np.cos(v)]
        self.offset += rounds
        return np.concatenate(lanes)[:n].astype(np.float32)


def draws(np, name, make):
    result = {}
    for seed in SEEDS:
        for shape in SHAPES:
            result[f"{name}/{seed}/fresh/{'x'.join(map(str, shape))}"] = summary(np, make(seed)(shape))
        generator = make(seed)
        for i, shape in enumerate(SEQUENCE):
            result[f"{name}/{seed}/then/{i}"] = summary(np, generator(shape))
    return result


def torch_goldens():
    import numpy as np
    import torch
    from safetensors.numpy import save_file

    torch.set_num_threads(1)

    def cpu(seed):
        generator = torch.Generator().manual_seed(seed)
        return lambda shape: torch.randn(shape, generator=generator).numpy()

    for seed, known in [(0, [-0.9247, -0.4253, -2.6438, 0.1452]), (42, [0.1940, 2.1614, -0.1721, 0.8491])]:
        assert np.abs(Cuda(np, seed)((4,)) - known).max() < 1e-4
    result = draws(np, "cpu", cpu) | draws(np, "cuda", lambda seed: Cuda(np, seed))
    beyond = Cuda(np, 42)
    beyond(BEYOND_THE_GRID)
    result["cuda/42/beyond/first"] = summary(np, Cuda(np, 42)(BEYOND_THE_GRID))
    result["cuda/42/beyond/next"] = summary(np, beyond((1, 4, 8, 8)))
    save_file(result, HERE / "noise.safetensors", {"script": "make_noise_goldens.py", "torch": torch.__version__})


def mlx_goldens():
    import mlx.core as mx

    def summary_mlx(draw):
        draw = draw.reshape(-1)
        if draw.size <= 512:
            return draw
        wide = draw.astype(mx.float64)
        sums = mx.stack([wide.sum(), (wide * wide).sum()]).astype(mx.float32)
        return mx.concatenate([draw[:32], draw[-32:], sums])

    result = {}
    mx.set_default_device(mx.cpu)
    for seed in SEEDS:
        for shape in SHAPES:
            mx.random.seed(seed)
            result[f"mlx/{seed}/fresh/{'x'.join(map(str, shape))}"] = summary_mlx(mx.random.normal(shape))
        mx.random.seed(seed)
        for i, shape in enumerate(SEQUENCE):
            result[f"mlx/{seed}/then/{i}"] = summary_mlx(mx.random.normal(shape))
    mx.save_safetensors(str(HERE / "noise_mlx.safetensors"), result,
                        {"script": "make_noise_goldens.py", "mlx": mx.__version__})


if __name__ == "__main__":
    for make in [torch_goldens, mlx_goldens]:
        try:
            make()
            print(make.__name__, "written")
        except ModuleNotFoundError as missing:
            print(make.__name__, "skipped:", missing)

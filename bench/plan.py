"""What is measured: who takes part, in which number type and instruction set, and which cases they share."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "bin"
PEERS = ROOT / "bench" / "peers"
PEER_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
SD15 = ROOT / "build" / "full"  # tests/full/make_full_models.py writes sd15/ and sd15.safetensors there

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
# Caps every program; OpenVINO has no such switch of its own and is not asked then.
AVX2 = {"COREPULSE_ISA": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}


def ours(dtype):
    return [str(BIN / "unet_bench"), "--ask"] + ([] if dtype == "f32" else ["--dtype", dtype])


def peer(script, *flags):
    return [str(PEER_PYTHON), str(PEERS / f"{script}_peer.py"), *flags]


# Name, as --peers asks for it: command.
PEER_PROGRAMS = {
    "torch": peer("torch"),
    "torch channels-last": peer("torch", "--channels-last"),
    "torch compiled": peer("torch", "--compile"),
    "torch frozen": peer("torch", "--freeze"),
    "torch bf16": peer("torch", "--dtype", "bf16"),
    "torch bf16 channels-last": peer("torch", "--dtype", "bf16", "--channels-last"),
    "torch bf16 compiled": peer("torch", "--dtype", "bf16", "--compile"),
    "torch bf16 frozen": peer("torch", "--dtype", "bf16", "--freeze"),
    "openvino": peer("openvino"),
    "openvino bf16": peer("openvino", "--dtype", "bf16"),
    "onnxruntime": peer("onnx"),
    "stable-diffusion.cpp f16": peer("sdcpp"),
}
TORCH = ["torch", "torch channels-last", "torch compiled", "torch frozen"]
TORCH_BF16 = ["torch bf16", "torch bf16 channels-last", "torch bf16 compiled", "torch bf16 frozen"]

# Section: (case, our number type, peers, environment of all of them)
UNET, VAE, BUILTIN = "unet sd15 512 batch 2", "vae decode 512", "unet builtin 256 batch 2"
PICTURE = "picture builtin 256 20"
COMPARISONS = {
    "unet_f32": (UNET, "f32", [*TORCH, "openvino", "onnxruntime", "stable-diffusion.cpp f16"], {}),
    "unet_bf16": (UNET, "bf16", [*TORCH_BF16, "openvino bf16"], {}),
    "unet_avx2": (UNET, "f32", ["torch", "torch channels-last"], AVX2),
    "vae_f32": (VAE, "f32", ["torch", "torch channels-last", "openvino"], {}),
    "vae_bf16": (VAE, "bf16", ["torch bf16", "torch bf16 channels-last", "openvino bf16"], {}),
    "unet_builtin": (BUILTIN, "f32", ["torch", "torch channels-last", "openvino"], {}),
    "picture": (PICTURE, "f32", ["torch", "torch channels-last"], {}),
}


def pixels(case):
    return int(case.split()[2]) ** 2


def batch(case):
    return int(case.split()[4])


GROWTH = {
    "sizes": ([f"unet sd15 {size} batch 2" for size in (256, 384, 512, 768, 1024)], pixels),
    "batches": ([f"unet sd15 256 batch {n}" for n in (1, 2, 4, 8)], batch),
}
QUICK = ["kernels", "unet_builtin", "picture", "start"]


def missing():
    """What a full run needs and this checkout lacks, as lines that say what to run."""
    needs = [(BIN / "unet_bench", "./run build"), (PEER_PYTHON, "./run bench peers"),
             (SD15 / "sd15.safetensors", f"{Path(sys.executable).name} tests/full/make_full_models.py build/full sd15")]
    return [f"{path.relative_to(ROOT)} is missing: {command}" for path, command in needs if not path.exists()]

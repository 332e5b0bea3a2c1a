"""ONNX Runtime as a peer, float32, static shapes. Cases: unet sd15 SIZE batch N, vae decode SIZE.

The network goes there through PyTorch's exporter; exported files are kept in --cache.
"""

import argparse
from pathlib import Path

import serve  # first: it starts the clock

parser = argparse.ArgumentParser()
parser.add_argument("--cache", type=Path, default=Path(__file__).resolve().parents[2] / ".venv-peers" / "onnx")
options = parser.parse_args()

import numpy  # noqa: E402
import onnxruntime  # noqa: E402

IMPORTED = serve.since_start()


def exported(words):
    file = options.cache / "_".join(words) / "model.onnx"
    if not file.exists():
        import networks
        import torch
        module, inputs, _ = networks.module_and_inputs(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        with torch.no_grad():
            torch.onnx.export(module, tuple(inputs), str(file), dynamo=False, opset_version=17)
    return file


def make_case(words):
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = serve.THREADS, 1
    session = onnxruntime.InferenceSession(exported(words), settings, providers=["CPUExecutionProvider"])
    random = numpy.random.default_rng(2)
    inputs = {i.name: (numpy.full(i.shape, 500) if len(i.shape) == 1 else random.standard_normal(i.shape))
              .astype(numpy.float32) for i in session.get_inputs()}
    return lambda: session.run(None, inputs)


serve.serve("ONNX Runtime f32", make_case, import_seconds=IMPORTED,
            versions={"onnxruntime": onnxruntime.__version__})

"""OpenVINO as a peer, with static shapes and the hint for latency: openvino_peer.py [--dtype f32|bf16].

Cases: unet sd15 SIZE batch N, unet builtin SIZE batch N, vae decode SIZE. Converted networks are kept in --cache.
"""

import argparse
from pathlib import Path

import serve  # first: it starts the clock

parser = argparse.ArgumentParser()
parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
parser.add_argument("--cache", type=Path, default=Path(__file__).resolve().parents[2] / ".venv-peers" / "openvino")
options = parser.parse_args()

import openvino  # noqa: E402

IMPORTED = serve.since_start()


def converted(words):
    file = options.cache / ("_".join(words) + ".xml")
    if not file.exists():
        import networks  # and PyTorch, which a cached case does without
        import torch
        module, inputs, small = networks.module_and_inputs(words)
        with torch.no_grad():
            model = openvino.convert_model(module, example_input=small)
        model.reshape({port: list(x.shape) for port, x in zip(model.inputs, inputs)})
        options.cache.mkdir(parents=True, exist_ok=True)
        openvino.save_model(model, file, compress_to_fp16=False)
    return file


def make_case(words):
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": serve.THREADS,
             "INFERENCE_PRECISION_HINT": options.dtype}
    compiled = openvino.Core().compile_model(converted(words), "CPU", hints)
    request = compiled.create_infer_request()
    import numpy
    random = numpy.random.default_rng(2)
    for port in compiled.inputs:
        shape = list(port.shape)
        value = numpy.full(shape, 500) if len(shape) == 1 else random.standard_normal(shape)
        request.set_tensor(port, openvino.Tensor(value.astype(port.element_type.to_dtype())))
    return request.infer


serve.serve(f"OpenVINO {options.dtype}", make_case, import_seconds=IMPORTED,
            versions={"openvino": openvino.__version__})

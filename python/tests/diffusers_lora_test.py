"""LoRAs as Diffusers' scripts load, weigh, fuse and unload them: the controls that they become."""
import pathlib

import pytest

import corepulse
from corepulse import diffusers

GOLDEN = pathlib.Path(__file__).parents[2] / "tests" / "golden"
FILE = GOLDEN / "adapters" / "kohya_sd1.safetensors"


@pytest.fixture
def pipe():
    pipe = diffusers.StableDiffusionPipeline.from_pretrained(GOLDEN / "models" / "sd1")
    pipe.load_lora_weights(FILE, adapter_name="a")
    return pipe


def strengths(pipe, scale=None):
    run = dict(num_inference_steps=1, width=32, height=32)
    kwargs = None if scale is None else {"scale": scale}
    recipe = pipe("a cat", cross_attention_kwargs=kwargs, **run).results[0].recipe
    return [c.get("strength", 1.0) for c in recipe.get("controls", ())]


def test_what_is_fused_stays(pipe):
    pipe.set_adapters(["a"], 0.75)
    assert strengths(pipe, 0.5) == [0.375]
    pipe.fuse_lora(lora_scale=0.5)
    pipe.unload_lora_weights()
    assert strengths(pipe) == [0.375] and strengths(pipe, 0.5) == [0.375]  # merged: no scale reaches it
    pipe.load_lora_weights(FILE, adapter_name="b")
    assert strengths(pipe, 0.5) == [0.375, 0.5]
    pipe.unload_lora_weights()
    assert strengths(pipe) == [0.375]


def test_weights_are_taken_as_given(pipe):
    pipe.load_lora_weights(FILE, adapter_name="b")
    assert strengths(pipe) == [0.0, 1.0]  # the last one acts, as there
    pipe.set_adapters(["a", "b"])
    assert strengths(pipe) == [1.0, 1.0]
    pipe.set_adapters(["a", "b"], [0.0, None])
    assert strengths(pipe) == [0.0, 1.0]
    pipe.set_adapters("a", 0.0)
    assert strengths(pipe) == [0.0, 0.0]


def fused_and_loaded(pipe):
    pipe.fuse_lora()
    pipe.load_lora_weights(FILE, adapter_name="b")


@pytest.mark.parametrize("call, said", [
    (fused_and_loaded, "unload_lora_weights before"),
    (lambda p: p.set_adapters(["a"], [1.0, 2.0]), "adapter_weights"),
    (lambda p: p.set_adapters("a", [{"unet": 1.0}]), "by block"),
    (lambda p: p.set_adapters("c"), "unknown argument c"),
    (lambda p: p.load_lora_weights(FILE, adapter_name="a"), "in use"),
    (lambda p: p.fuse_lora(components=["unet"]), "components"),
    (lambda p: p.fuse_lora(adapter_names=["a"]), "adapter_names"),
])
def test_what_is_not_here_is_said(pipe, call, said):
    with pytest.raises(corepulse.InvalidRequest, match=said):
        call(pipe)

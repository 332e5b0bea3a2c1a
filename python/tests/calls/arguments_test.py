"""Values of a wrong kind: every one is refused by name, with a class of the package's own, before anything is drawn."""
import mlx.core as mx
import numpy as np
import pytest

import corepulse
from corepulse import Patch, Record

CAT = dict(prompt="a cat in a park", seed=3, num_inference_steps=1, width=64, height=64, output_type="latent")
DRAGON = corepulse.inject("a dragon", where="content")


@pytest.mark.parametrize("wrong, said", [
    (dict(seed="37"), r"\[seed\] '37' \(str\); expected a whole number"),
    (dict(seed=3.9), r"\[seed\] 3.9"),
    (dict(seed=[3, "7"]), r"\[seed\] '7'"),
    (dict(seed=np.array([1.5])), r"\[seed\]"),
    (dict(seed=np.random.default_rng(3)), r"\[seed\] Generator.*; expected a whole number"),
    (dict(seed=None, generator=np.random.default_rng(3)), r"\[generator\]"),
    (dict(num_images_per_prompt=1.5), r"\[num_images_per_prompt\]"),
    (dict(num_images_per_prompt=0), r"\[num_images_per_prompt\]"),
    (dict(guidance_scale=float("nan")), r"\[guidance_scale\] nan"),
    (dict(guidance_scale=float("inf")), r"\[guidance_scale\] inf"),
    (dict(guidance_scale="x"), r"\[guidance_scale\] 'x'"),
    (dict(guidance_scale=[5]), r"\[guidance_scale\]"),
    (dict(image=np.zeros((64, 64, 3), np.uint8), strength="much"), r"\[strength\]"),
    (dict(controls=DRAGON), r"\[controls\] .*expected a list"),
    (dict(controls="x"), r"\[controls\] 'x'"),
    (dict(controls=[3]), r"\[controls\] 3"),
    (dict(record="middle:0"), r"\[record\] 'middle:0' \(str\); expected a list"),
    (dict(record=Record("middle:0")), r"\[record\]"),
    (dict(record=[3]), r"\[record\] 3"),
    (dict(patch=Patch("middle:0", scale=2)), r"\[patch\]"),
    (dict(patch=[Record("middle:0")]), r"\[patch\]"),
    (dict(attention=lambda: 0), r"\[attention\]"),
    (dict(attention=[3]), r"\[attention\] 3"),
    (dict(progress=3), r"\[progress\] 3"),
    (dict(callback_on_step_end=3), r"\[callback_on_step_end\] 3"),
    (dict(live=3), r"\[live\] 3 \(int\); expected a corepulse.LiveControls"),
    (dict(stop=True), r"\[stop\] True"),
    (dict(recipe=3), r"\[recipe\] 3"),
    (dict(recipe={"init": 3}), r"\[recipe.init\] 3"),
    (dict(recipe={"controls": 3}, controls=[DRAGON]), r"\[recipe.controls\] 3"),
    (dict(seed=None, num_images_per_prompt=2, recipe={"seeds": 3}), r"\[recipe.seeds\] 3"),
    (dict(seed=None, recipe={"seeds": 3}), r"\[recipe.seeds\] 3"),
    (dict(init=3), r"\[init\] 3"),
    (dict(output_type=np.zeros(3)), r"\[output_type\]"),
    (dict(latents_scaled=np.zeros(3)), r"\[latents_scaled\]"),
    (dict(latents=np.array([[["x"]]])), r"\[latents\]"),
    (dict(latents=[[1], [2, 3]]), r"\[array\]"),
])
def test_what_a_call_is_given_is_of_its_kind(pipe, wrong, said):
    with pytest.raises(corepulse.InvalidRequest, match=said):
        pipe(**{**CAT, **wrong})


def test_whole_numbers_of_any_make_and_arrays_of_halves_are_taken(pipe):
    assert pipe(**{**CAT, "seed": np.array([1, 2])}).recipe["seeds"] == [1, 2]
    assert pipe(**{**CAT, "seed": np.int64(3)}).recipe["seeds"] == [3] == pipe(**{**CAT, "seed": range(3, 4)}).recipe["seeds"]
    assert pipe(**CAT, guidance_scale=np.float32(5)).recipe["guidance"] == 5 and pipe(**CAT, guidance_scale=0).recipe["guidance"] == 1
    assert [len(list(pipe.steps(**{**CAT, "seed": seed}))[0].previews) for seed in (3, np.array([1, 2]))] == [1, 2]
    nothing = dict.fromkeys(("controls", "attention", "record", "patch"))
    assert np.array_equal(pipe(**CAT, **nothing).latents, pipe(**CAT).latents)
    noise = mx.array(np.random.default_rng(3).standard_normal((1, 4, 8, 8)).astype(np.float32)).astype(mx.bfloat16)
    single = np.array(noise.astype(mx.float32))
    assert np.array_equal(pipe(**CAT, latents=noise).latents, pipe(**CAT, latents=single).latents)


def test_a_pipelines_own_controls_are_a_list(pipe):
    pipe.controls = DRAGON
    try:
        with pytest.raises(corepulse.InvalidRequest, match=r"\[pipeline.controls\]"):
            pipe(**CAT)
    finally:
        pipe.controls = []
    with pytest.raises(corepulse.InvalidRequest, match=r"\[controls\]"):
        corepulse.LiveControls().set(DRAGON)


@pytest.mark.parametrize("make, said", [
    (lambda: corepulse.inject("a dog", when=3), r"\[when\] 3|\[inject.when\] 3"),
    (lambda: corepulse.inject("a dog", region=3), r"\[region\] 3"),
    (lambda: corepulse.inject("a dog", strength=object()), r"\[inject.strength\]"),
    (lambda: corepulse.circle("left", 0, 1), r"\[region\] 'left'"),
    (lambda: corepulse.rectangle(0, 0, 1, float("nan")), r"\[region\] nan"),
    (lambda: corepulse.polygon([1, 2]), r"\[region\] 1"),
    (lambda: corepulse.circle(0, 0, 1).feather(None), r"\[feather\] None"),
    (lambda: corepulse.replace_attention("output:1", lambda *_: 0, arrays="torch"), r"\[arrays\] unknown 'torch'"),
    (lambda: corepulse.replace_attention("output:1", lambda *_: 0, attention="crosss"), "did you mean cross"),
    (lambda: corepulse.replace_attention("output:1", 3), r"\[attention\] 3"),
    (lambda: corepulse.replace_attention(3, lambda *_: 0), r"\[where\] 3"),
    (lambda: Record("middle:0", "attention_map", tokens=3), r"\[tokens\] 3"),
    (lambda: Record("middle:0", when=3), r"\[when\] 3"),
    (lambda: Record("middle:0", 3), r"\[of\]"),
    (lambda: Patch("middle:0", scale="x"), r"\[patch.scale\] 'x'"),
    (lambda: Patch("middle:0", scale=2, strength=None), r"\[patch.strength\] None"),
    (lambda: Patch("middle:0", scale=2, images=0), r"\[patch.images\] 0"),
    (lambda: Patch("middle:0", remove=np.array(["x"])), r"\[patch.remove\]"),
    (lambda: corepulse.load_recipe(3), r"\[recipe\] 3"),
    (lambda: corepulse.Pipeline.from_pretrained(3), r"\[model\] 3"),
    (lambda: corepulse.Pipeline.from_pretrained("builtin", vae=3), r"\[vae\] 3"),
    (lambda: corepulse.Pipeline.from_pretrained("builtin", device=3), r"\[device\] unknown 3"),
    (lambda: corepulse.Pipeline.from_pretrained("builtin", lazy="no"), r"\[lazy\] 'no'"),
    (lambda: corepulse.inject("a dog", when=corepulse.when.steps(object(), 3)), r"\[inject.when\]"),
    (lambda: corepulse.Recorded().find(3), r"\[recorded\] 3"),
    (lambda: corepulse.Recorded()["middle:0", 0, 1], r"\[recorded\] .*a block or a path, and a step"),
    (lambda: corepulse.sweep_cells(prompt="a cat", axes={"steps": [1, 2]}, title=object()), r"\[sweep\]"),
    (lambda: corepulse.merge_sweeps(3, "out"), r"\[folders\] 3"),
    (lambda: corepulse.inspect_model(3), r"\[model\] 3"),
    (lambda: corepulse.sweep(prompt="a cat", axes=3), r"\[axes\] 3"),
    (lambda: corepulse.sweep(prompt="a cat", axes={"strength": "0..1:2"}, shard=3), r"\[shard\] 3"),
    (lambda: corepulse.sweep(3), r"\[spec\] 3"),
])
def test_what_is_made_before_a_call_is_of_its_kind(make, said):
    with pytest.raises(corepulse.InvalidRequest, match=said):
        make()


@pytest.mark.parametrize("wrong, said", [
    (dict(where="middle:0"), r"\[where\] 'middle:0'"),
    (dict(windows=[(0,)]), r"\[windows\]"),
    (dict(windows=[3]), r"\[windows\] 3"),
    (dict(windows=[(0, 1.5)]), r"\[windows\] 1.5"),
    (dict(measure=3), r"\[measure\] 3"),
    (dict(progress=3), r"\[progress\] 3"),
    (dict(measure=lambda result: "good"), r"\[measure\] 'good'"),
])
def test_a_trace_is_told_what_is_of_its_kind(pipe, wrong, said):
    given = {n: v for n, v in CAT.items() if n not in ("prompt", "output_type")}
    with pytest.raises(corepulse.InvalidRequest, match=said):
        pipe.trace("a cat", "a dog", **given, **wrong)


def test_calls_of_the_unet_and_explanations_say_what_they_take(pipe):
    x = mx.zeros((1, 4, 8, 8)).astype(mx.bfloat16)
    assert pipe.unet_call(x, 3.0, "a cat").prediction.shape == x.shape
    for wrong in (dict(sigma="x"), dict(sigma=float("nan")), dict(timestep="x"), dict(sigma=3.0, record="middle:0")):
        with pytest.raises(corepulse.InvalidRequest, match=rf"\[{[*wrong][-1]}\]"):
            pipe.unet_call(x, prompt="a cat", **wrong)
    explained = pipe.explain(**{n: v for n, v in CAT.items()}, controls=[DRAGON])
    with pytest.raises(corepulse.InvalidRequest, match="did you mean middle:0"):
        explained.acting("midle:0", 0)
    with pytest.raises(corepulse.InvalidRequest, match="no call 1; expected 0..0"):
        explained.acting("middle:0", 1)


def test_files_that_are_not_what_they_should_be_have_their_class(pipe, tmp_path):
    (tmp_path / "latin.json").write_bytes('{"prompt": "caf\xe9"}'.encode("latin-1"))
    with pytest.raises(corepulse.BadFile, match="latin.json is no text"):
        corepulse.load_recipe(tmp_path / "latin.json")
    with pytest.raises(corepulse.BadFile, match="latin.json is no text"):
        corepulse.sweep(tmp_path / "latin.json")
    with pytest.raises(corepulse.NotFound, match="none.json is no file"):
        corepulse.sweep(tmp_path / "none.json")
    with pytest.raises(corepulse.NotFound, match="no/such is no folder"):
        corepulse.list_models("/no/such")
    kept = pipe(**CAT, record=[Record("middle:0", rows="cond")]).recorded
    for name in ("a.npy", "a.npz", "a.safetensors"):
        with pytest.raises(corepulse.Io, match="no/a"):
            kept.save(tmp_path / "no" / name)
    with pytest.raises(corepulse.InvalidRequest, match="expected .safetensors"):
        kept.save(tmp_path / "a.txt")

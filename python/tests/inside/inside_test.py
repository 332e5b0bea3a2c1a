"""Looking into the network: recordings, patches, one call of the UNet, latents of one's own."""
import gc
import json
import pathlib
import weakref

import mlx.core as mx
import numpy as np
import pytest

import corepulse
from corepulse import Patch, Record, Recorded, when

CAT = dict(prompt="a cat in a park", seed=3, num_inference_steps=2, width=64, height=64, guidance_scale=5, output_type="latent")
DOG = {**CAT, "prompt": "a dog in the snow"}
POINTS = ["block_output", "attention_input", "attention_map", "attention_output", "resnet_output", "prediction", "guided"]
GOLDEN = pathlib.Path(__file__).parents[3] / "tests" / "golden"


@pytest.fixture(scope="module")
def plain(pipe):
    return pipe(**CAT).latents


def place(of):
    return "" if of in ("prediction", "guided") else "middle:0"


@pytest.mark.parametrize("of", POINTS)
def test_to_record_and_to_put_back_leaves_every_bit(pipe, plain, of):
    result = pipe(**CAT, record=[Record(place(of), of)])
    assert np.array_equal(result.latents, plain) and len(result.recorded) in (2, 4)
    assert np.array_equal(pipe(**CAT, patch=[Patch(place(of), of, replace=result.recorded)]).latents, plain)
    other = pipe(**DOG, patch=[Patch(place(of), of, replace=result.recorded)]).latents
    assert np.array_equal(other, plain) == (place(of) == "") and not np.array_equal(other, pipe(**DOG).latents)
    neutral = [Patch(place(of), of, scale=1), Patch(place(of), of, add=0), Patch(place(of), of, scale=0, strength=0)]
    assert np.array_equal(pipe(**CAT, patch=neutral).latents, plain)


def test_recorded_features_are_what_a_patch_puts_back(pipe, plain, tmp_path):
    kept = corepulse.capture(what="features", name="f", where="output:1.1")
    cat = pipe(**CAT, record=[Record("output:1.1", "resnet_output")], controls=[kept])
    assert np.array_equal(cat.latents, plain) and {p.path for p in cat.recorded} == {"up_blocks.1.resnets.1"}
    file = str(tmp_path / "f.safetensors")
    cat.recordings[0].save(file)
    features = corepulse.features(recording=file)
    assert np.array_equal(pipe(**CAT, controls=[features]).latents, plain)
    told = pipe(**DOG, controls=[features]).latents
    put = pipe(**DOG, patch=[Patch("output:1.1", "resnet_output", replace=cat.recorded)]).latents
    dog = pipe(**DOG).latents
    assert np.abs(told - put).max() < 1e-4 * np.abs(dog).max() < 0.1 * np.abs(told - dog).max()


def test_recordings_know_rows_steps_and_layers(pipe):
    two = {**CAT, "seed": [3, 4]}
    kept = pipe(**two, record=["middle:0", Record("output:1", "attention_map", "cross", tokens=[2], when=when.steps(1, 2))]).recorded
    assert kept["middle:0", 1].shape == (4, 2, 2, pipe.info["blocks"][3]["channels"])
    first = kept.find("middle:0", of="block_output")[0]
    assert first.rows == [(0, "negative"), (1, "negative"), (0, "prompt"), (1, "prompt")] and first.sigma > first.height == 2
    alone = pipe(**CAT, record=["middle:0"]).recorded
    assert np.array_equal(alone["middle:0", 0][1], kept["middle:0", 0][2])
    maps = kept.find("output:1", of="attention_map")
    assert {s.place.step for s in maps} == {1} and all(s.values.shape[3] == 1 for s in maps)
    assert kept.stack("middle:0").shape[:2] == (2, 4) and "MB" in repr(kept)
    with pytest.raises(corepulse.NotFound, match="block_output of middle:0"):
        kept["input:0", 0]
    with pytest.raises(corepulse.InvalidRequest, match="expected one of"):
        kept["output:1", 1]


@pytest.mark.parametrize("sampler", ["heun", "dpm_2", "dpm_2_a", "dpmpp_sde", "dpmpp_2s_a", "pndm", "restart"])
def test_the_second_model_call_of_a_step_has_a_place_of_its_own(pipe, sampler):
    result = pipe(**CAT, sampler=sampler, record=[Record("", "prediction")])
    assert len(result.recorded) == result.model_calls and {place.evaluation for place in result.recorded} == {0, 1}


def test_maps_are_what_captures_see_and_sum_to_one(pipe):
    watched = corepulse.capture("cat", where="middle:0", when=when.steps(0, 1))
    kept = pipe(**CAT, record=[Record("middle:0", "attention_map", rows="cond")], controls=[watched])
    cross = next(p for p in kept.recorded.places if p.path.endswith("attn2") and p.step == 0)
    assert np.allclose(kept.recorded[cross].sum(-1), 1, atol=1e-5)
    assert np.allclose(kept.recorded.look(cross.path, 0, 2), kept.heatmaps[0].values, atol=1e-5)
    own = cross.path[:-1] + "1"
    seen = kept.recorded.one(own, 0)
    assert np.allclose(kept.recorded.look_from(own, 0, 0.9, 0.1), seen.values.mean((0, 1))[1].reshape(2, 2))


def test_a_file_of_recordings_is_read_again(pipe, tmp_path):
    kept = pipe(**CAT, record=["middle:0", Record("middle:0", "attention_map", "cross", heads=[0])]).recorded
    for name in ("kept.npz", "kept.safetensors"):
        kept.save(tmp_path / name)
        again = Recorded.load(tmp_path / name)
        assert again.places == kept.places and all(np.array_equal(again[p], kept[p]) for p in kept)
        assert again.find("middle:0")[0].rows == kept.find("middle:0")[0].rows
    for name, wrong in (("wrong.npz", b"PK\x03\x04"), ("wrong.safetensors", b"\x08" + bytes(15)), ("wrong.txt", b"")):
        (tmp_path / name).write_bytes(wrong)
        with pytest.raises(corepulse.BadFile, match=name):
            Recorded.load(tmp_path / name)
    with pytest.raises(corepulse.InvalidRequest, match="expected one"):
        kept.save(tmp_path / "kept.npy")
    told = kept.xarray("middle:0", "block_output")
    assert told["dims"] == ("step", "row", "height", "width", "channel") == tuple(told["dims"])
    assert told["data"].shape == tuple(len(told["coords"][d]["data"]) if d in told["coords"] else n
                                       for d, n in zip(told["dims"], told["data"].shape))
    json.dumps({**told, "data": None})


def test_patches_act_where_when_and_in_which_rows(pipe, plain):
    direction = np.ones(pipe.info["blocks"][3]["channels"], np.float32)
    record = [Record("middle:0"), Record(of="prediction")]

    def middle(**patch):
        kept = pipe(**CAT, record=record, patch=[Patch("middle:0", **patch)]).recorded
        return kept["middle:0", 0] - before["middle:0", 0]

    before = pipe(**CAT, record=record).recorded
    assert np.allclose(middle(add=direction, strength=3), 3, atol=1e-5)
    left = middle(add=direction, region=corepulse.rectangle(0, 0, 0.5, 1))
    assert np.allclose(left[:, :, 0], 1, atol=1e-5) and not left[:, :, 1].any()
    rows = middle(add=direction, rows="uncond")
    assert np.allclose(rows[0], 1, atol=1e-5) and not rows[1].any()
    assert not middle(add=direction, when=when.steps(1, 2)).any()
    two = dict(record=["middle:0"], seed=[3, 4])
    second = pipe(**{**CAT, **two}, patch=[Patch("middle:0", add=direction, images=[1])]).recorded["middle:0", 0]
    assert np.allclose((second - pipe(**{**CAT, **two}).recorded["middle:0", 0])[[1, 3]], 1, atol=1e-5)
    with pytest.raises(corepulse.InvalidRequest, match="image 1 of 1"):
        middle(add=direction, images=[1])
    unit = direction / np.sqrt(len(direction))
    gone = middle(remove=direction) + before["middle:0", 0]
    assert np.abs(gone @ unit).max() < 1e-4
    doubled = middle(replace=lambda x, at: x * 2 if at.step.index == 0 else x)
    assert np.allclose(doubled, before["middle:0", 0], rtol=1e-5, atol=1e-6)


def test_a_map_is_changed_at_heads_and_tokens(pipe, plain):
    no_cat = Patch("output", "attention_map", "cross", scale=0, tokens=[2])
    assert not np.array_equal(pipe(**CAT, patch=[no_cat]).latents, plain)
    spent = pipe(**CAT, record=[Record("output:1", "attention_map", "cross", tokens=[2])], patch=[no_cat]).recorded
    assert not any(s.values.any() for s in spent.find("output:1"))
    with pytest.raises(corepulse.InvalidRequest, match="token 77"):
        pipe(**CAT, record=[Record("output", "attention_map", "cross", tokens=[77])])
    part = pipe(**CAT, record=[Record("output", "attention_map", "cross", tokens=[2])]).recorded
    with pytest.raises(corepulse.InvalidRequest, match="expected"):  # one token's is no whole map
        pipe(**CAT, patch=[Patch("output", "attention_map", "cross", replace=part)])
    with pytest.raises(corepulse.InvalidRequest, match="token 99"):
        pipe(**CAT, patch=[Patch("output", "attention_map", "cross", scale=0, tokens=[99])])


@pytest.mark.parametrize("wrong, said", [
    (dict(), "nothing given"),
    (dict(add=1, scale=2), "add and scale"),
    (dict(scale=float("inf")), "finite number"),
    (dict(scale=2, heads=[0]), "heads"),
    (dict(remove=np.zeros(64)), "direction"),
    (dict(scale=2, of="block"), "block_output"),
    (dict(scale=2, region=corepulse.circle(9, 9, 4).pixels()), "pixels"),
    (dict(scale=2, attention="crosss"), "cross"),
])
def test_wrong_patches_are_refused_when_they_are_made(wrong, said):
    with pytest.raises(corepulse.InvalidRequest, match=said):
        Patch("middle:0", **wrong)


def test_wrong_places_and_shapes_end_the_run_and_nothing_else(pipe, plain):
    nothing = Patch("middle:0", scale=1)
    with pytest.raises(corepulse.InvalidRequest, match=r"record\[1\].*middle:0"):
        pipe(**CAT, record=["middle:0", "middle:7"], patch=[nothing])
    with pytest.raises(corepulse.InvalidRequest, match=r"patch\[1\].*middle:0"):
        pipe(**CAT, patch=[nothing, Patch("middle:7", scale=1)])
    with pytest.raises(corepulse.InvalidRequest, match="broadcasts"):
        pipe(**CAT, patch=[Patch("middle:0", add=np.ones(7))])
    with pytest.raises(corepulse.InvalidRequest, match="remove has 1 numbers"):
        pipe(**CAT, patch=[Patch("middle:0", remove=np.ones(1))])
    with pytest.raises(ZeroDivisionError):
        pipe(**CAT, patch=[Patch("middle:0", replace=lambda x, at: 1 / 0)])
    around = dict(image=np.zeros((64, 64, 3), np.uint8), mask_image=corepulse.circle(0.5, 0.5, 0.2), init={"only_masked": 8})
    assert pipe(**CAT, **around, patch=[nothing]).latents is not None
    with pytest.raises(corepulse.InvalidRequest, match="only_masked"):
        pipe(**CAT, **around, patch=[nothing, Patch("middle:0", scale=2, region="left half")])
    short = pipe(**CAT, record=[Record("middle:0", when=when.steps(0, 1))]).recorded
    with pytest.raises(corepulse.InvalidRequest, match="at step 1"):
        pipe(**CAT, patch=[Patch("middle:0", replace=short)])
    assert np.array_equal(pipe(**CAT).latents, plain)


def test_nothing_holds_on_to_what_was_recorded(pipe):
    result = pipe(**CAT, record=["middle:0"])
    gone = weakref.ref(result.recorded)
    patched = pipe(**CAT, patch=[Patch("middle:0", replace=result.recorded)])
    del result, patched
    gc.collect()
    assert gone() is None


def test_latents_are_the_noise_or_x_itself(pipe):
    noise = np.random.default_rng(3).standard_normal((2, 4, 8, 8)).astype(np.float32)
    drawn = pipe("a cat", latents=noise, num_inference_steps=2, output_type="latent")
    assert drawn.latents.shape == noise.shape and any("latents" in note for note in drawn.notes)
    first = drawn.recipe["sampler"] and pipe.explain("a cat", num_inference_steps=2).data["calls"][0]["sigma"]
    begun = pipe("a cat", latents=mx.array(noise[:1]) * (first ** 2 + 1) ** 0.5, latents_scaled=True, num_inference_steps=2,
                 output_type="latent")
    other = pipe("a cat", latents=noise[0] * first, latents_scaled=True, num_inference_steps=2, output_type="latent")
    near = [np.abs(one.latents[0] - drawn.latents[0]).max() for one in (begun, other)]
    assert min(near) < 1e-4
    for wrong in (noise[:, :3], noise[..., :7] * np.inf, np.zeros((1, 4, 8, 8), np.int64) + np.nan):
        with pytest.raises(corepulse.InvalidRequest, match="latents"):
            pipe("a cat", latents=wrong, num_inference_steps=1)
    with pytest.raises(corepulse.InvalidRequest, match="latents"):
        pipe("a cat", latents=noise, height=128, num_inference_steps=1)


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_call_of_the_unet_predicts_what_diffusers_does(family):
    golden, about = mx.load(str(GOLDEN / f"{family}.safetensors"), return_metadata=True)
    pipe = corepulse.Pipeline.from_pretrained(GOLDEN / "models" / family, dtype="f32")
    golden = {name: np.array(value.astype(mx.float32)) for name, value in golden.items() if name.startswith("unet/")}
    for case in (0, 1, 2):
        for row, prompt in enumerate(json.loads(about["prompts"])[:2]):
            x, expected = golden[f"unet/{case}/x"][row:row + 1], golden[f"unet/{case}/out"][row:row + 1]
            record = ["middle:0", Record("down_blocks.0"), Record("up_blocks.1")] if case == 0 else []
            call = pipe.unet_call(x, prompt=prompt, timestep=float(golden[f"unet/{case}/t"][0]), as_input=True,
                                  controls=sizes(golden.get(f"unet/{case}/time_ids"), row), record=record)
            assert np.abs(call.prediction - expected).max() <= 1e-3 * np.abs(expected).max()
            for tap in ("mid_block", "down_blocks.0", "up_blocks.1") if case == 0 else ():
                there = golden[f"unet/0/tap/{tap}"][row].transpose(1, 2, 0)
                assert np.abs(call.recorded[tap, 0][0] - there).max() <= 1e-3 * np.abs(there).max()


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_run_from_latents_is_diffusers_own(family):
    golden, about = mx.load(str(GOLDEN / f"{family}.safetensors"), return_metadata=True)
    run = json.loads(about["pipeline"])
    pipe = corepulse.Pipeline.from_pretrained(GOLDEN / "models" / family, dtype="f32")
    drawn = pipe(run["prompt"], run["negative_prompt"], latents=np.array(golden["pipeline/noise"]), num_inference_steps=run["steps"],
                 guidance_scale=run["guidance"], sampler="euler", output_type="latent").latents
    expected = np.array(golden["pipeline/latents/19"])
    assert np.abs(drawn - expected).max() <= 1e-3 * np.abs(expected).max()


def sizes(time_ids, row):
    if time_ids is None:
        return []
    ids = [int(v) for v in time_ids[row]]
    return [corepulse.time_ids(original=ids[:2], crop=ids[2:4], target=ids[4:])]


def test_a_call_is_the_runs_own_with_controls_guidance_and_patches(pipe):
    dragon = corepulse.inject("a dragon", where="content")
    kept = pipe(**CAT, record=[Record(of="guided"), Record(of="prediction"), "middle:0"], controls=[dragon])
    at = kept.recorded.one(step=0, of="guided")
    noise = np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32)
    run = pipe(**{**CAT, "seed": 3}, latents=noise, controls=[dragon], record=[Record(of="guided"), "middle:0"]).recorded
    x = noise * np.float32((at.sigma ** 2 + 1) ** 0.5)
    call = pipe.unet_call(x, at.sigma, CAT["prompt"], guidance_scale=5, controls=[dragon], record=["middle:0"])
    there = run.one(step=0, of="guided").values.transpose(0, 3, 1, 2)
    assert np.abs(call.guided - there).max() < 2e-3 * np.abs(there).max() and call.sigma == pytest.approx(at.sigma)
    assert np.allclose(call.guided, call.negative + 5 * (call.prediction - call.negative), atol=1e-5)
    assert np.abs(call.denoised - (x - call.sigma * call.guided)).max() < 1e-3
    off = pipe.unet_call(x, at.sigma, CAT["prompt"], patch=[Patch("middle:0", scale=0)], record=["middle:0"])
    assert off.negative is None and not off.recorded["middle:0", 0].any() and "sigma" in repr(off)
    with pytest.raises(corepulse.InvalidRequest, match="sigma and timestep"):
        pipe.unet_call(x, prompt="a cat")
    with pytest.raises(corepulse.UnknownArgument, match="clip_skip"):
        pipe.unet_call(x, 3.0, clip_skp=1)


def test_a_function_computes_attention_in_a_single_call(pipe):
    sites = []

    def nothing(q, k, v, site, step):
        sites.append((site.path, step.index, step.count))
        return mx.zeros_like(q)

    x = np.random.default_rng(0).standard_normal((1, 4, 8, 8)).astype(np.float32)
    own = corepulse.replace_attention("middle:0", nothing, attention="cross")
    changed = pipe.unet_call(x, 3.0, "a cat", attention=[own], record=[Record("middle:0", "attention_output", "cross")])
    assert sites and all(s[1:] == (0, 1) for s in sites)
    assert not np.array_equal(changed.prediction, pipe.unet_call(x, 3.0, "a cat").prediction)


def test_tracing_finds_what_decides_and_shows_itself(pipe, tmp_path):
    short = {**CAT}
    del short["prompt"], short["output_type"]
    last = pipe.info["blocks"][-1]["id"]
    told = []
    trace = pipe.trace(CAT["prompt"], DOG["prompt"], where=["input:0", last], windows=[(0, 1), (0, 2)],
                       progress=lambda done, of: told.append((done, of)), **short)
    assert trace.effects.shape == (2, 2) and told[-1] == (4, 4)
    assert trace.effects[1, 1] == 1  # all that the last block ever made is the clean run
    assert trace.clean == 1 and trace.corrupt == 0 and trace.effects[0].max() < 1
    assert trace._repr_html_().count("<td") == 4 and "0-1" in trace._repr_html_() and last in repr(trace)
    trace.save(tmp_path / "trace.png")
    assert trace.picture().size[0] > 100 and trace.xarray()["data"].shape == (2, 2)
    bright = pipe.trace(CAT["prompt"], DOG["prompt"], where=[last], windows=[(0, 2)], of="attention_output", attention="cross",
                        measure=lambda result: np.asarray(result.images[0], dtype=float).mean(), **short)
    assert np.isfinite(bright.effects).all() and bright.clean != bright.corrupt
    with pytest.raises(corepulse.InvalidRequest, match="expected two numbers"):
        pipe.trace("a cat", "a cat", measure=lambda result: 1.0, where=[last], **short)
    with pytest.raises(corepulse.InvalidRequest, match="patch"):
        pipe.trace("a cat", "a dog", patch=[], **short)


def test_every_block_and_step_in_one_call(pipe):
    trace = pipe.trace("a cat", "a dog", num_inference_steps=1, width=64, height=64, seed=3, guidance_scale=1)
    assert trace.places == [b["id"] for b in pipe.info["blocks"]] and trace.windows == [(0, 1)]
    assert trace.effects[-1, 0] == 1 and (trace.effects > 0).any()

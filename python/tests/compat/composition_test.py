"""Several injections at once: windows in one block, injectors in each other, and published maths, as runs see them."""
import numpy as np
import pytest
from compat_support import data

import corepulse
import corepulse.compat as core_pulse
from corepulse import InvalidRequest, diffusers
from corepulse.compat import AdvancedPromptInjector, MultiScaleInjector, RegionalPromptInjector, UNetPatcher

CAT = "a cat in a park"
LEFT, RIGHT = core_pulse.create_left_half_mask(), core_pulse.create_right_half_mask()
SMALL = dict(seed=3, num_inference_steps=2, width=64, height=64)


pytestmark = pytest.mark.usefixtures("nothing_stays")


def windows(pipe, *entries, of=AdvancedPromptInjector, **named):
    """An injector of (prompt, sigma_start, sigma_end)s in the middle block."""
    injector = of(pipe, **named)
    for prompt, *window in entries:
        injector.add_injection("middle:0", prompt, 1.0, *window)
    return injector


def acting(pipe, injector, **run):
    """Prompts with their shares of the middle block, at every call."""
    found = pipe.explain(CAT, controls=injector.controls, **{"num_inference_steps": 6, **run})
    controls = found.recipe["controls"]
    calls = []
    for i in range(len(found.data["calls"])):
        shares = {}
        for c in (controls[number] for number in found.acting("middle:0", i)):
            strength = c.get("strength", 1.0)
            shares = {prompt: share * (1 - strength) for prompt, share in shares.items()}
            shares[c["prompt"]] = shares.get(c["prompt"], 0) + strength
        calls.append({prompt: round(share, 6) for prompt, share in shares.items() if share})
    return calls


def levels(pipe, **run):
    return [call["sigma"] for call in pipe.explain(CAT, **{"num_inference_steps": 6, **run}).data["calls"]]


@pytest.mark.parametrize("entries", [
    [("a dragon", 15.0, 0.0), ("a fox",)],  # above 15 there is no step
    [("a fox",), ("a dragon", 15.0, 0.5), ("an owl", 3.0, 0.0)],
    [("a fox", 15.0, 1.0), ("an owl", 3.0, 0.0), ("a dog", 2.9, 0.9)],
    [("a fox", 15.0, 3.0), ("an owl", 3.0, 0.0)],
    [("a fox", 4.0, 0.0), ("a dog", 14.7, 0.0), ("a fox", 14.68, 0.0)],
])
@pytest.mark.parametrize("run", [{}, {"num_inference_steps": 2, "sampler": "euler"}, {"num_inference_steps": 20, "schedule": "karras"}])
def test_those_whose_windows_are_open_share_a_block_at_every_step(pipe, entries, run):
    open_ = [[prompt for prompt, *window in entries if not window or window[0] >= sigma >= window[1]] for sigma in levels(pipe, **run)]
    if any(not any(prompt in at for at in open_) for prompt, *_ in entries):
        with pytest.raises(InvalidRequest, match="meets no step"):
            acting(pipe, windows(pipe, *entries), **run)
        return
    expected = [{prompt: round(at.count(prompt) / len(at), 6) for prompt in at} for at in open_]
    assert acting(pipe, windows(pipe, *entries), **run) == expected


def test_a_whole_run_and_a_window_need_nothing_of_the_run(pipe):
    injector = windows(pipe, ("a dragon", 15.0, 0.0), ("a fox",))
    assert data(injector) == [
        {"kind": "inject", "prompt": "a fox", "where": "middle:0"},
        {"kind": "inject", "prompt": "a dragon", "where": "middle:0", "strength": 0.5, "when": {"sigma": [15.0, 0.0]}}]


def test_a_run_has_the_parts_that_meet_its_steps_and_no_others(pipe):
    injector = windows(pipe, ("a dog", 15.0, 3.0), ("a fox", 3.5, 0.0))  # 3.5 to 3 meets a step of long runs alone
    assert len(data(injector)) == 3
    with injector:
        drawn = pipe(CAT, **SMALL)
        assert [c["prompt"] for c in drawn.recipe["controls"]] == ["a dog", "a fox"]
        assert drawn.recipe["controls"][1]["when"]["sigma"][0] < 3.5
    assert np.array_equal(np.asarray(pipe(recipe=drawn.recipe).images[0]), np.asarray(drawn.images[0]))
    assert len(pipe.explain(CAT, num_inference_steps=50, controls=injector.controls).controls) == 3
    latents = np.zeros((1, 4, 8, 8), np.float32)
    call = pipe.unet_call(latents, 2.0, CAT, controls=windows(pipe, ("a dog",), ("a fox", 15.0, 1.0), ("an owl", 2.5, 0.0)).controls)
    assert [c["prompt"] for c in call.result.recipe["controls"]] == ["a dog", "a fox", "an owl"]


def test_a_window_that_meets_no_step_is_an_error_beside_others_too(pipe):
    for window, said in (((0.02, 0.01), "0.02..0.01"), ((17.0, 14.7), "17..14.7"), ((2.0, 2.0), "2..2")):
        injector = windows(pipe, ("a dragon", 15.0, 0.0), ("a fox",), ("an owl", *window))
        with pytest.raises(InvalidRequest, match=f"sigma {said} meets no step"):
            acting(pipe, injector)
    level = levels(pipe)[2]
    assert acting(pipe, windows(pipe, ("a fox",), ("an owl", level, level)))[2] == {"a fox": 0.5, "an owl": 0.5}


def test_levels_and_windows_of_the_unified_injector_meet(pipe):
    injector = core_pulse.UnifiedAdvancedInjector(pipe)
    injector.add_hierarchical_prompts("a castle", "stone", "windows")
    injector.add_structure_injection("a house")
    injector.add_detail_injection("bricks")
    for run in ({"num_inference_steps": 20}, {"num_inference_steps": 2}, {"num_inference_steps": 4, "sampler": "lcm"}):
        found = pipe.explain(CAT, controls=injector.controls, **run)
        assert {c["prompt"] for c in found.recipe["controls"]} == {"a castle", "stone", "windows", "a house", "bricks"}


def test_inner_injectors_lie_above_whoever_is_filled_first(pipe):
    with MultiScaleInjector(pipe) as outer, UNetPatcher(pipe) as between, RegionalPromptInjector(pipe) as inner:
        inner.add_regional_injection("middle:0", "a dragon", LEFT)
        between.add_injection("middle:0", "a dog")
        outer.add_structure_injection("a castle", 1.0)
        order = ["a castle", "a dog", "a dragon"]
        assert [c.data()["prompt"] for c in pipe.controls] == order
        between.clear_injections()
        inner.add_regional_injection("middle:0", "an owl", RIGHT)
        between.add_injection("middle:0", "a fox")
        assert [c.data()["prompt"] for c in pipe.controls] == ["a castle", "a fox", "a dragon", "an owl"]
        drawn = pipe(CAT, **SMALL).images[0]
    by_hand = [*outer.controls, *between.controls, *inner.controls]
    assert np.array_equal(np.asarray(drawn), np.asarray(pipe(CAT, controls=by_hand, **SMALL).images[0]))
    wrong = [*between.controls, *inner.controls, *outer.controls]
    assert not np.array_equal(np.asarray(drawn), np.asarray(pipe(CAT, controls=wrong, **SMALL).images[0]))


def test_one_injector_in_two_pipelines_has_a_place_in_each(pipe):
    other = corepulse.Pipeline.from_pretrained("builtin", lazy=True)
    with UNetPatcher(pipe) as one, UNetPatcher(other) as two:
        one.apply_patches(other)
        two.add_injection("middle:0", "a fox")
        one.add_attention_manipulation("all", "cat", 0.5)
        assert [c.data()["kind"] for c in other.controls] == ["inject", "reweight"] and len(pipe.controls) == 1
        one.remove_patches(other)
        assert [c.data()["kind"] for c in other.controls] == ["inject"] and len(pipe.controls) == 1
    assert other.controls == []


def test_published_blocks_have_their_last_injection_alone(pipe):
    timed = windows(pipe, ("a dog", 15.0, 3.0), ("a fox", 3.0, 0.0), legacy=True)
    assert acting(pipe, timed) == [{}, {}] + [{"a fox": 1.0}] * 4
    regional = RegionalPromptInjector(pipe, legacy=True)
    for prompt, mask in (("a dog", LEFT), ("a fox", RIGHT)):
        regional.add_regional_injection("middle:0, output:0", prompt, mask)
    regional.add_injection("output:0", "an owl")
    assert [(c["prompt"], c["where"]) for c in data(regional)] == [("a fox", "middle:0"), ("an owl", "output:0")]
    patcher = UNetPatcher(pipe, legacy=True)
    patcher.add_injection("all", "a dog", 1.0, 15.0, 0.0)
    patcher.add_injection("middle:0", "a fox", 0.0, 15.0, 0.0)  # which is not off: keys and values are nothing
    blocks = [b for b in patcher.block_mapper.get_all_block_identifiers() if b != "middle:0"]
    assert [(c["prompt"], c["where"]) for c in data(patcher)] == [("a dog", ", ".join(blocks)), ("a fox", "middle:0")]


def test_parts_of_a_pipeline_stand_for_it(pipe):
    """Scripts give pipeline.unet, pipeline.scheduler and pipeline.tokenizer."""
    theirs = diffusers.StableDiffusionPipeline.from_pretrained("builtin")
    patcher = UNetPatcher(theirs.unet, theirs.scheduler)
    patcher.add_injection("middle:0", prompt="a dragon")
    assert core_pulse.UNetBlockMapper(theirs.unet).get_all_block_identifiers() and core_pulse.detect_model_type(theirs.unet) == "sd15"
    assert core_pulse.find_token_indices(theirs.tokenizer, "a photo of a cat", "cat") == [5]
    assert core_pulse.TokenAnalyzer(theirs.tokenizer).create_phrase_mask("a cat", "cat").get_masked_positions() == [2]
    assert patcher.apply_patches(theirs.unet) is not None and len(theirs.corepulse.controls) == 1
    patcher.remove_patches(theirs.unet)
    assert theirs.corepulse.controls == [] and not hasattr(theirs, "tokenizer_2") and not hasattr(theirs.unet, "config")
    for wrong in (theirs.scheduler, theirs.vae, theirs.unet.__class__, None, "builtin"):
        with pytest.raises(InvalidRequest, match="no pipeline of corepulse"):
            UNetPatcher(wrong)
        with pytest.raises(InvalidRequest, match="no pipeline of corepulse"):
            core_pulse.find_token_indices(wrong, "a cat", "cat")
    with pytest.raises(InvalidRequest, match="expected the path"):
        diffusers.StableDiffusionPipeline.from_pretrained("builtin", unet=theirs.unet)

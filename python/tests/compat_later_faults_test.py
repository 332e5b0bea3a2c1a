"""CorePulse's known faults 23..44, by their numbers in docs/corepulse.md: each behaves as it should."""
import numpy as np
import pytest
from compat_support import Table, data, sd15, sdxl

import corepulse
import corepulse.compat as core_pulse
from corepulse import InvalidRequest, diffusers
from corepulse.compat import (
    AdvancedPromptInjector,
    AttentionMapInjector,
    BlockIdentifier,
    MultiPromptInjector,
    MultiScaleInjector,
    SelfAttentionInjector,
    SimplePromptInjector,
    UnifiedAdvancedInjector,
    UNetBlockMapper,
    UNetPatcher,
)

CAT = "a cat in a park"
LEFT, RIGHT = core_pulse.create_left_half_mask(), core_pulse.create_right_half_mask()


pytestmark = pytest.mark.usefixtures("nothing_stays")


def means(control):
    """Of its region and its target, on the finest grid."""
    grids = {grid.get("of", "region"): grid["mean"] for grid in reversed(control["region"])}
    return [round(grids["region"], 2), round(grids["target"], 2)]


def looks(pipe, *arguments, legacy=False):
    patcher = UNetPatcher(pipe, legacy=legacy)
    patcher.add_self_attention_manipulation("all", *arguments)
    return data(patcher)


def test_23_24_every_family_takes_every_injector():
    pipe = sdxl()
    simple = SimplePromptInjector(pipe)
    simple.configure_injections("middle:0", "a dog", 2.0)
    assert data(simple) == [{"kind": "inject", "prompt": "a dog", "where": "middle:0", "gain_k": 2.0, "gain_v": 2.0}]
    masked = UNetPatcher(pipe)
    token_mask = core_pulse.TokenMask(None, np.ones(1), "cat")
    read = core_pulse.MaskedPromptEncoder(simple).encode_masked_prompt(CAT, "a dog in a park", token_mask, pipe)
    masked.add_injection("middle:0", read)
    assert [c["kind"] for c in data(masked)] == ["inject", "replace_tokens"] and data(masked)[1]["with"] == "dog"


def test_25_all_blocks_of_a_list_are_injected(pipe):
    simple = SimplePromptInjector(pipe)
    simple.configure_injections(["input:1", "middle:0", BlockIdentifier("output", 2)], "a dog")
    assert data(simple)[0]["where"] == "input:1, middle:0, output:2"
    simple.configure_injections("ALL", "a dog")
    assert [c["where"] for c in data(simple)] == ["all"]
    specific = core_pulse.BlockSpecificInjector(pipe)
    specific.inject_style("pixel art of a cat")
    specific.inject_content("a dog")
    assert [c["where"] for c in data(specific)] == ["output:0, output:1, output:2", "middle:0"]


def test_26_controls_are_made_inside_the_with(pipe):
    with AdvancedPromptInjector(pipe) as injector:
        assert pipe.controls == []
        injector.add_injection("middle:0", "a dog")
        assert [c.data() for c in pipe.controls] == data(injector) and len(pipe.controls) == 1
        injector.add_injection("output:0", "a fox")
        injector.remove_injection("middle:0")
        assert [c["where"] for c in data(injector)] == ["output:0"] and len(pipe.controls) == 1
        own = corepulse.reweight("park", 0.5)
        pipe.controls.append(own)
        injector.add_injection("all", "an owl")
        assert pipe.controls[-1] is own and len(pipe.controls) == 4
    assert pipe.controls == [own]
    pipe.controls.clear()


def test_27_to_apply_twice_is_to_apply_once(pipe):
    injector = AdvancedPromptInjector(pipe)
    injector.add_injection("middle:0", "a dog")
    with injector:
        for _ in range(2):
            assert injector.apply_to_pipeline(pipe) is pipe and len(pipe.controls) == 1
    assert pipe.controls == []
    core_pulse.inject_content_prompt(pipe, "a dog")
    assert [c.data()["where"] for c in pipe.controls] == ["middle:0"]
    pipe.controls.clear()


def test_28_what_was_configured_stays_for_the_next_with(pipe):
    injector = AdvancedPromptInjector(pipe)
    injector.add_injection("middle:0", "a dog")
    for _ in range(2):
        with injector:
            assert len(pipe.controls) == 1
    with pytest.raises(RuntimeError), injector:
        raise RuntimeError
    assert pipe.controls == [] and len(injector.configs) == 1


def test_29_injections_are_configured_without_wiping_attention(pipe):
    unified = UnifiedAdvancedInjector(pipe)
    unified.add_attention_manipulation(CAT, "all", "park", 0.5)
    unified.add_self_attention_manipulation("all", LEFT, RIGHT, 2.0)
    for _ in range(2):
        unified.configure_injections([{"block": "middle:0", "prompt": "a dog"}, {"block": "output:0", "prompt": "a fox"}])
    assert unified.get_control_summary() == {"prompt_injections": 2, "attention_manipulations": 1,
                                             "self_attention_manipulations": 1, "total_configurations": 4}
    with pytest.raises(InvalidRequest):  # and a wrong list changes nothing
        unified.configure_injections([{"block": "all", "prompt": "an owl"}, {"block": "middle:7", "prompt": "a dog"}])
    assert len(unified.controls) == 4 and unified.configs[0].prompt == "a dog"


def test_30_nothing_fails_in_silence(pipe):
    with pytest.raises(InvalidRequest, match="missing"):
        AdvancedPromptInjector(pipe).configure_injections({"block": "middle:0"})
    with pytest.raises(InvalidRequest, match="no pipeline"):
        AdvancedPromptInjector(object())
    with pytest.raises(InvalidRequest, match="engine"):
        core_pulse.PromptInjectionProcessor(None, "middle:0", "a dog")(None, None)
    patcher = UNetPatcher(pipe)
    core_pulse.PromptInjectionProcessor(None, "middle:0", "a dog", 2.0).add_to(patcher)
    assert data(patcher)[0]["where"] == "middle:0"


def test_31_other_contexts_are_not_dropped(pipe):
    with pytest.raises(corepulse.UnknownArgument):
        pipe(CAT, ip_adapter_image=None)


def test_32_regions_have_the_pictures_true_grid(pipe):
    mask = np.zeros((3, 4), np.float32)
    mask[0] = 1
    patcher = UNetPatcher(pipe)
    patcher.add_self_attention_manipulation("all", mask, 1 - mask, 2.0)
    control = pipe.explain(CAT, num_inference_steps=1, height=192, width=256, controls=patcher.controls).controls[0]
    assert (control["region"][0]["height"], control["region"][0]["width"]) == (24, 32)
    assert means(control) == [0.33, 0.67]


def test_33_one_region_means_everywhere_else_or_is_refused(pipe):
    target = {"kind": "attend", "target": RIGHT.region, "scale": 2.0, "rows": "both", "where": "all"}
    assert looks(pipe, None, RIGHT, 2.0) == [target]
    assert looks(pipe, LEFT, None, 2.0)[0] | {"kind": "temperature", "region": LEFT.region} == looks(pipe, LEFT, None, 2.0)[0]
    for kind in ("sharpen", "smooth"):
        assert looks(pipe, LEFT, None, 0.5, kind)[0]["region"] == LEFT.region
        with pytest.raises(InvalidRequest, match="target_region"):
            looks(pipe, LEFT, RIGHT, 0.5, kind)
    with pytest.raises(InvalidRequest, match="target_region"):
        looks(pipe, LEFT, None, 2.0, "redirect")
    with pytest.raises(InvalidRequest):
        looks(pipe, LEFT, None, 2.0, legacy=True)


def test_34_sharpen_is_a_temperature_and_smooth_a_share_of_the_mean(pipe):
    common = {"rows": "both", "where": "all"}
    assert looks(pipe, None, None, 2.0, "sharpen") == [{"kind": "temperature", "value": 0.5, "attention": "self", **common}]
    assert looks(pipe, None, None, 0.25, "smooth") == [{"kind": "smooth", "strength": 0.25, **common}]
    published = {"kind": "attend", "scale": 2.0, "interaction": "sharpen", "mode": "corepulse"}
    assert looks(pipe, None, None, 2.0, "sharpen", legacy=True)[0].items() >= published.items()
    with pytest.raises(InvalidRequest):
        looks(pipe, None, None, 0.0, "sharpen")


def test_35_regions_look_at_regions(pipe):
    assert looks(pipe, LEFT, RIGHT, 2.0, "enhance") == looks(pipe, LEFT, RIGHT, 2.0, "suppress")  # the scale says which
    more, less = looks(pipe, LEFT, RIGHT, 2.0, "redirect")
    assert (more["scale"], less["scale"], less["target"]["invert"]) == (2.0, 0.5, True)
    injector = SelfAttentionInjector(pipe)
    injector.redirect_attention(LEFT, LEFT, RIGHT, 4.0)
    assert [c["scale"] for c in data(injector)] == [0.25, 4.0]
    with pytest.raises(InvalidRequest):
        injector.redirect_attention(LEFT, LEFT, RIGHT, 0.0)
    barrier = SelfAttentionInjector(pipe)
    with pytest.raises(InvalidRequest, match="pixels"):
        barrier.create_attention_barrier("left half")
    barrier.create_attention_barrier(core_pulse.create_vertical_strip_mask(), 0.0)
    found = pipe.explain(CAT, num_inference_steps=1, controls=barrier.controls).controls
    assert [means(c) for c in found] == [[0.33, 0.67], [0.67, 0.33], [0.33, 0.33], [0.33, 0.33]]  # of both sides as well


def test_36_midlevel_and_detail_are_both_read_where_they_meet():
    for pipe, prompts in ((sd15(), 3), (sdxl(), 3)):
        injector = MultiScaleInjector(pipe)
        injector.add_hierarchical_prompts("a castle", "stone", "windows")
        assert len({c["prompt"] for c in data(injector)}) == prompts
    shared = [(c["prompt"], c.get("strength", 1.0)) for c in data(injector) if "middle:0" in c["where"]]
    assert shared == [("a castle", 1.0), ("windows", 0.5), ("stone", pytest.approx(1 / 3))]


def test_37_levels_go_by_the_token_grid(pipe):
    summary = MultiScaleInjector(sd15()).get_resolution_summary()
    assert summary["medium"] == ["input:2", "output:1"] and summary["lowest"] == summary["low"] == ["middle:0"]
    xl = UNetBlockMapper(sdxl())
    assert xl.get_blocks_by_resolution("lowest") == ["input:2", "middle:0", "output:0"]
    assert xl.get_blocks_by_resolution("highest") == ["input:1", "output:1"]
    published = UNetBlockMapper(sdxl(), legacy=True)
    assert {b: (i["resolution"], i["level"]) for b, i in published.resolution_levels.items()} == {
        "input:1": ("highest", 0), "input:2": ("high", 1), "middle:0": ("lowest", 2), "output:0": ("high", 2),
        "output:1": ("highest", 1)}
    names = [i["resolution"] for i in UNetBlockMapper(sd15(), legacy=True).resolution_levels.values()]
    assert names == ["highest", "high", "medium", "lowest", "medium", "high", "highest"]
    with pytest.raises(InvalidRequest, match="it has highest"):
        MultiScaleInjector(sdxl()).add_detail_injection("stone", resolution_levels=["low"])


def test_38_the_same_method_has_the_same_window(pipe):
    for name in ("add_detail_injection", "add_structure_injection"):
        both = []
        for of in (MultiScaleInjector, UnifiedAdvancedInjector):
            injector = of(pipe)
            getattr(injector, name)("stone")
            both.append(data(injector))
        assert both[0] == both[1] and both[0][0]["when"] in ({"sigma": [3.0, 0.0]}, {"sigma": [15.0, 0.5]})
    legacy = UnifiedAdvancedInjector(pipe, legacy=True)
    legacy.add_detail_injection("stone")
    assert legacy.controls[0].data()["when"] == {"sigma": [0.7, 0.0]}


def test_39_one_grammar_of_blocks_checked_at_once(pipe):
    injector = AdvancedPromptInjector(pipe)
    injector.configure_injections({"block": "all", "prompt": "a dog"})
    injector.remove_injection("input:0, output:2")
    assert data(injector)[0]["where"] == "input:1, input:2, middle:0, output:0, output:1"
    for block, where in [("content", "middle:0"), ("ldm:input_4", "ldm:input_4"), ("output:0.2", "output:0.2"),
                         ("mid_block", "middle:0"), ("grid:32", "input:0, output:2")]:
        injector.configure_injections({"block": block, "prompt": "a dog"})
        assert data(injector)[0]["where"] == where
    for block in ("input:4", "midle:0", "", "middle:0,", "output:0.9"):
        with pytest.raises(InvalidRequest):
            injector.add_injection(block, "a dog")
    with pytest.raises(InvalidRequest, match="nothing is injected"):
        injector.remove_injection("middle:0")


def test_40_everything_is_exported():
    for name in ("MaskFactory", "MultiPromptInjector", "LocationBasedInjector", "BlockSpecificInjector",
                 "validate_injection_config", "UNetBlockMapper", "BlockIdentifier", "find_token_indices"):
        assert name in core_pulse.__all__


def test_41_the_examples_arguments_are_checked(pipe):
    with pytest.raises(TypeError):
        core_pulse.create_rectangle_mask(x1=1, y1=2, x2=3, y2=4)
    with pytest.raises(TypeError):
        core_pulse.create_rectangle_mask(0.5, 0, 1, 1)
    with pytest.raises(InvalidRequest, match="missing"):
        core_pulse.MaskFactory.from_shape("circle", cx=3, cy=3)
    assert MultiScaleInjector(pipe).pipeline is pipe


def test_42_layers_rows_and_reports(pipe):
    patcher = UNetPatcher(pipe)
    patcher.add_injection("up_blocks.0.attentions.2.transformer_blocks.0.attn2", prompt="a dog", rows="both")
    found = pipe.explain(CAT, num_inference_steps=2, controls=patcher.controls).controls[0]
    assert len(found["layers"]) == 1 and data(patcher)[0]["rows"] == "both"


def test_43_models_are_not_guessed(pipe):
    assert core_pulse.detect_model_type(pipe) == "sd15" and AdvancedPromptInjector(pipe).model_type == "sd15"
    assert core_pulse.auto_detect_model(sdxl()) == "sdxl" and core_pulse.detect_model_type(Table([], "sd2")) == "sd2"
    with pytest.raises(InvalidRequest, match="family"):
        core_pulse.detect_model_type(Table([], "dit"))
    assert core_pulse.get_available_blocks(pipe) == {"input": [0, 1, 2], "middle": [0], "output": [0, 1, 2]}


def test_44_a_masked_word_is_not_read_at_all(pipe):
    injector = AttentionMapInjector(pipe)
    injector.add_attention_manipulation(CAT, "all", "cat", 0.0)
    injector.add_attention_manipulation(CAT, "all", "cat", 0.1)
    assert [c["scale"] for c in data(injector)] == [0.0, 0.1]  # a bias of -inf, and a tenth of the attention


def test_locations_and_prompts_by_block(pipe):
    located = core_pulse.LocationBasedInjector(pipe)
    located.configure_from_locations("output:0,1.5\n\n  input:2, 0.5 \nmiddle:0", "a dog")
    assert [(c["where"], c.get("gain_k", 1.0), c.get("strength", 1.0)) for c in data(located)] == [
        ("output:0", 1.5, 1.0), ("input:2", 1.0, 0.5), ("middle:0", 1.0, 1.0)]
    for wrong in ("", "output:0,x", "output:0,1,2", ",1"):
        with pytest.raises(InvalidRequest):
            located.configure_from_locations(wrong, "a dog")
    prompts = MultiPromptInjector(pipe)
    prompts.configure_block_prompts({"middle:0": "a dog", "all": "a fox"}, {"all": 2.0}, {"middle:0": (15.0, 1.0)})
    assert {c["prompt"] for c in data(prompts)} == {"a dog", "a fox"}
    with pytest.raises(InvalidRequest, match="has no prompt"):
        prompts.configure_block_prompts({"middle:0": "a dog"}, {"output:0": 2.0})


def test_masks_know_their_shapes():
    factory, circle = core_pulse.MaskFactory, core_pulse.create_center_circle_mask((200, 100))
    assert circle.shape == (100, 200) and circle.region["radii"] == [0.125, 0.25] and not circle.flags.writeable
    assert (1 - circle).sum() == factory.invert(circle).sum() and getattr(1 - circle, "region") is None
    both = factory.combine(LEFT, RIGHT, "add")
    assert both.region["shape"] == "add" and both.min() == 1
    assert factory.combine(factory.gradient("linear"), LEFT, "multiply").region is None  # no product is a minimum
    assert factory.gradient("linear", (4, 2), direction="vertical").tolist() == [[0] * 4, [1] * 4]
    soft = factory.gaussian_blur(LEFT, 9, 2.0)
    assert soft.region["blur"] == pytest.approx(2 / 1024) and 0 < soft[0, 512] < 1
    assert factory.gaussian_blur(LEFT, 4, 9.0).region is None  # cut at 2 pixels, which a region's blur is not
    assert factory.gradient("radial", (64, 64)).max() == 1 and LEFT[0, 511] == 1 and LEFT[0, 512] == 0


def test_diffusers_pipelines_take_injectors(pipe):
    """Those of corepulse.diffusers, and what they do with controls when their model is loaded anew."""
    theirs = diffusers.StableDiffusionPipeline.from_pretrained("builtin")
    small = dict(num_inference_steps=1, width=64, height=64, generator=7, output_type="np")
    injector = SimplePromptInjector(theirs)
    injector.configure_injections("all", "a dog")
    plain = theirs("a cat", **small).images
    with injector:
        theirs.to("cpu")
        theirs.scheduler = diffusers.EulerDiscreteScheduler.from_config(theirs.scheduler.config)
        inside = theirs("a cat", **small).images
    assert np.array_equal(inside, injector(prompt="a cat", **small).images) and not np.array_equal(inside, plain)
    assert np.array_equal(theirs("a cat", **small).images, plain) and theirs.corepulse.controls == []

"""CorePulse's known faults 1..22, by their numbers in docs/corepulse.md: each behaves as it should."""
import numpy as np
import pytest
from compat_support import data

import corepulse.compat as core_pulse
from corepulse import InvalidRequest
from corepulse.compat import (
    AdvancedPromptInjector,
    AttentionMapInjector,
    MaskedPromptInjector,
    MultiScaleInjector,
    RegionalPromptInjector,
    UNetPatcher,
)

CAT = "a cat in a park"
SMALL = dict(seed=3, num_inference_steps=2, width=64, height=64)


pytestmark = pytest.mark.usefixtures("nothing_stays")


def injected(pipe, *arguments, of=AdvancedPromptInjector, **named):
    injector = of(pipe)
    injector.add_injection(*arguments, **named)
    return injector


def acts(pipe, injector, prompt=CAT, **named):
    return pipe.explain(prompt, controls=injector.controls, **{"num_inference_steps": 4, **named}).controls


def test_01_windows_are_the_whole_run_unless_given_and_never_empty(pipe):
    assert data(injected(pipe, "middle:0", "a dog")) == [{"kind": "inject", "prompt": "a dog", "where": "middle:0"}]
    assert data(injected(pipe, "middle:0", "a dog", 1.0, 15.0, 0.5))[0]["when"] == {"sigma": [15.0, 0.5]}
    assert data(injected(pipe, "middle:0", "a dog", sigma_start=3.0))[0]["when"] == {"sigma": [3.0, 0.0]}
    assert data(injected(pipe, "middle:0", "a dog", 1.0, 1000.0, -1000.0))[0]["when"] == {"sigma": [1000.0, 0.0]}
    with pytest.raises(InvalidRequest, match="empty"):
        injected(pipe, "middle:0", "a dog", 1.0, 0.0, 1.0)


def test_02_windows_hold_for_every_sampler(pipe):
    injector = injected(pipe, "middle:0", "a dog", 1.0, 15.0, 2.0)
    for sampler in ("euler", "ddim", "dpmpp_2m", "lcm"):
        calls = pipe.explain(CAT, num_inference_steps=4, sampler=sampler, controls=injector.controls)
        sigmas = [call["sigma"] for call in calls.data["calls"]]
        assert calls.controls[0]["calls"] == [i for i, sigma in enumerate(sigmas) if 2 <= sigma <= 15]
        assert 0 < len(calls.controls[0]["calls"]) < len(sigmas)


def test_03_attention_acts_on_the_composition_too(pipe):
    injector = AttentionMapInjector(pipe)
    injector.add_attention_manipulation(CAT, "all", "park", 0.5)
    assert "when" not in data(injector)[0] and acts(pipe, injector)[0]["calls"] == [0, 1, 2, 3]
    injector.clear_injections()
    injector.add_attention_manipulation(CAT, "all", "park", 0.5, 1.0, 0.0)  # as numbers they mean what they say
    assert data(injector)[0]["when"] == {"sigma": [1.0, 0.0]}
    config = core_pulse.SelfAttentionConfig(attention_scale=2.0)
    patcher = UNetPatcher(pipe)
    patcher.add_self_attention_manipulation("all", **vars(config))
    assert "when" not in data(patcher)[0]


def test_04_the_validator_knows_noise_levels(pipe):
    right = {"block": "middle:0", "prompt": "a dog", "sigma_start": 15.0, "sigma_end": 0.0}
    assert core_pulse.validate_injection_config(right, pipe) == []
    assert core_pulse.validate_injection_config({"block": "middle:0", "prompt": "a dog"}, pipe) == []
    for change, word in [({"sigma_start": 0.02, "sigma_end": 0.01}, "meets no step"), ({"sigma_end": -1.0}, "0 or more"),
                         ({"sigma_start": 0.0, "sigma_end": 1.0}, "empty"), ({"weight": "x"}, "no number"),
                         ({"block": "middle:3"}, "no middle:3"), ({"wieght": 1}, "unknown field")]:
        assert word in core_pulse.validate_injection_config({**right, **change}, pipe)[0]
    assert len(core_pulse.validate_injection_config({}, pipe)) == 2


def test_05_the_sampler_says_the_noise_level(pipe):
    patcher = UNetPatcher(pipe, object())  # no scheduler is kept: another sampler may be chosen later
    patcher.add_injection("middle:0", "a dog", 1.0, 15.0, 2.0)
    assert acts(pipe, patcher, num_inference_steps=20)[0]["calls"] != (
        acts(pipe, patcher, num_inference_steps=20, sampler="euler", schedule="karras")[0]["calls"]
    )
    with pytest.raises(InvalidRequest, match="sampler"):
        patcher.set_current_sigma(1.0)


def test_06_batches_and_guidance_are_not_guessed_from_numbers_of_rows(pipe):
    injector = injected(pipe, "all", "a dog")
    common = {**SMALL, "num_inference_steps": 1, "guidance_scale": 5, "num_images_per_prompt": 2}
    two, plain = pipe("a cat", controls=injector.controls, **common), pipe("a dog", **common)
    for one, other in zip(two.images, plain.images):  # both, and no negative row
        assert np.array_equal(np.asarray(one), np.asarray(other))


def test_07_words_are_scaled_in_the_prompts_row(pipe):
    injector = AttentionMapInjector(pipe)
    injector.add_attention_manipulation(CAT, "all", "park", 0.5)
    assert "rows" not in data(injector)[0]  # cond
    injector.add_attention_manipulation(CAT, "all", "cat", 0.5, rows="both")
    assert data(injector)[1]["rows"] == "both"


def test_08_attention_is_scaled_not_logits(pipe):
    injector, legacy = AttentionMapInjector(pipe), AttentionMapInjector(pipe, legacy=True)
    for one in (injector, legacy):
        one.add_attention_manipulation(CAT, "all", "park", 0.0)
    assert data(injector) == [{"kind": "reweight", "phrase": "park", "scale": 0.0, "where": "all"}]
    assert data(legacy)[0] | {"mode": "corepulse", "occurrence": 1, "when": {"sigma": [1.0, 0.0]}} == data(legacy)[0]
    with pytest.raises(InvalidRequest):
        injector.add_attention_manipulation(CAT, "all", "park", -1.0)


def test_09_weight_0_is_off_1_is_the_prompt_and_more_is_louder(pipe):
    assert data(injected(pipe, "middle:0", "a dog", 0.25))[0]["strength"] == 0.25
    louder = data(injected(pipe, "middle:0", "a dog", 2.0))[0]
    assert (louder["gain_k"], louder["gain_v"]) == (2.0, 2.0) and "strength" not in louder
    assert data(injected(pipe, "middle:0", "a dog", 0.0)) == []
    with pytest.raises(InvalidRequest, match="legacy"):
        injected(pipe, "middle:0", "a dog", -1.0)
    legacy = UNetPatcher(pipe, legacy=True)
    legacy.add_injection("middle:0", "a dog", 0.25, 15.0, 0.0)
    assert data(legacy)[0] | {"gain_k": 0.25, "gain_v": 0.25, "mode": "corepulse"} == data(legacy)[0]


def test_10_embeddings_are_refused_not_projected_by_chance(pipe):
    with pytest.raises(InvalidRequest, match="no prompt"):
        UNetPatcher(pipe).add_injection("middle:0", np.zeros((1, 77, 768), np.float32))
    patcher = UNetPatcher(pipe)
    patcher.add_injection("middle:0", AdvancedPromptInjector(pipe).encode_prompt("a dog", pipe))
    assert data(patcher)[0]["prompt"] == "a dog"


def test_11_12_13_what_is_inactive_changes_no_bit(pipe):
    plain = np.asarray(pipe(CAT, **SMALL).images[0])
    injector = injected(pipe, "middle:0", "a dog", 0.0)
    injector.add_injection("middle:0", CAT)  # what is read there already
    with injector:
        assert np.array_equal(np.asarray(pipe(CAT, **SMALL).images[0]), plain)
    late = injected(pipe, "all", "a dog", 2.0, 0.1, 0.0)  # the last of two steps
    seen = []
    first = [pipe(CAT, controls=c, callback_on_step_end=lambda p, i, t, k: seen.append((i, k["preview"]())), **SMALL)
             for c in ([], late.controls)]
    assert np.array_equal(seen[0][1], seen[2][1]) and not np.array_equal(first[0].latents, first[1].latents)


def test_14_15_masks_fit_every_layer_at_every_size(pipe):
    injector = RegionalPromptInjector(pipe)
    injector.add_regional_injection("all", "a dog", core_pulse.create_left_half_mask((1024, 1024)))
    injector.add_regional_injection("all", "a dog", np.tile([1.0, 0.0], (3, 1)))  # any array, of any size
    for size in ((64, 64), (256, 256), (192, 320)):
        for control in acts(pipe, injector, height=size[0], width=size[1]):
            assert [grid["mean"] for grid in control["region"]] == pytest.approx([0.5] * 3)


def test_16_masks_have_two_dimensions_or_are_refused(pipe):
    mask = np.zeros((8, 8), np.float32)
    mask[:4] = 1
    for of, name in ((AdvancedPromptInjector, "add_injection"), (MultiScaleInjector, "add_detail_injection")):
        injector = of(pipe)
        given = ("middle:0", "a dog") if name == "add_injection" else ("a dog",)
        getattr(injector, name)(*given, spatial_mask=mask)
        assert data(injector)[0]["region"]["shape"] == "picture"
        for wrong in (mask.ravel(), mask[None], mask * 2, np.ones((8, 8, 3)), np.full((8, 8), np.nan), np.zeros((8, 8))):
            with pytest.raises(InvalidRequest):
                getattr(injector, name)(*given, spatial_mask=wrong)


def test_17_words_may_be_scaled_in_a_part_of_the_picture(pipe):
    injector = AttentionMapInjector(pipe)
    injector.add_attention_manipulation(CAT, "all", "park", 0.5, spatial_mask=core_pulse.create_left_half_mask())
    assert data(injector)[0]["region"] == {"shape": "rectangle", "box": [0.0, 0.0, 0.5, 1.0]}


def test_18_several_injections_share_a_block(pipe):
    left, right = core_pulse.create_left_half_mask(), core_pulse.create_right_half_mask()
    regional = RegionalPromptInjector(pipe)
    regional.add_regional_injection("middle:0", "a castle", left, 2.0)
    regional.add_regional_injection("middle:0", "a dragon", right, 2.0)
    assert [c["prompt"] for c in data(regional)] == ["a castle", "a dragon"]
    three = AdvancedPromptInjector(pipe)
    for prompt in ("a dog", "a fox", "an owl"):
        three.add_injection("middle:0", prompt)
    strengths = [c.get("strength", 1.0) for c in data(three)]
    assert strengths == pytest.approx([1, 1 / 2, 1 / 3])  # a third each, one over the other
    parts = injected(pipe, "middle:0", "a dog", 1.0, 15.0, 1.0)
    parts.add_injection("middle:0", "a fox", 1.0, 3.0, 0.0)
    shares = [(c["prompt"], c.get("strength", 1.0), [round(x, 9) for x in c["when"]["sigma"]]) for c in data(parts)]
    assert shares == [("a dog", 1.0, [15, 1]), ("a fox", 0.5, [3, 1]), ("a fox", 1.0, [1, 0])]


def test_18_rows_that_never_meet_share_nothing(pipe):
    patcher = UNetPatcher(pipe)
    for prompt, rows in (("a dog", "cond"), ("a fox", "uncond")):
        patcher.add_injection("middle:0", prompt, rows=rows)
    assert [(c["prompt"], c["rows"], c.get("strength", 1.0)) for c in data(patcher)] == [
        ("a dog", "cond", 1.0), ("a fox", "uncond", 1.0)]
    patcher.add_injection("middle:0", "an owl", rows="both")
    assert [(c["prompt"], c["rows"], c.get("strength", 1.0)) for c in data(patcher)] == [
        ("a dog", "cond", 1.0), ("an owl", "cond", 0.5), ("a fox", "uncond", 1.0), ("an owl", "uncond", 0.5)]


def test_19_all_encoders_have_one_set_of_positions(pipe):
    assert core_pulse.find_token_indices(pipe, "a photo of a cat", "cat") == [5]
    patcher = UNetPatcher(pipe)
    patcher.add_attention_manipulation("all", [5], 0.5, prompt="a photo of a cat")
    assert data(patcher) == [{"kind": "reweight", "phrase": "cat", "occurrence": 1, "scale": 0.5, "where": "all"}]
    for wrong in ([5 + 77], [76], []):
        with pytest.raises(InvalidRequest, match="whole words"):
            patcher.add_attention_manipulation("all", wrong, 0.5, prompt="a photo of a cat")
    with pytest.raises(InvalidRequest, match="no prompt"):
        patcher.add_attention_manipulation("all", [5], 0.5)


def test_20_phrases_are_whole_words(pipe):
    analyzer = core_pulse.TokenAnalyzer(pipe)
    assert analyzer.create_phrase_mask("a photo of a cat in a park", "cat").get_masked_positions() == [5]
    assert analyzer.create_phrase_mask("a red fox in the snow", "Red fox").num_masked_tokens == 2
    with pytest.raises(InvalidRequest):
        analyzer.create_phrase_mask("a caterpillar", "cat")
    assert analyzer.create_phrase_mask("a red fox", "Red", fuzzy_match=False).get_masked_positions() == [2]
    for fuzzy in (True, False):  # CLIP's tokens have no case
        assert analyzer.create_phrase_mask("a Cat and a cat", "cat", fuzzy).get_masked_positions() == [2, 5]
        first = core_pulse.TokenAnalyzer(pipe, legacy=True).create_phrase_mask("a Cat and a cat", "cat", fuzzy)
        assert first.get_masked_positions() == [2]


def test_21_all_occurrences_or_the_nth_and_none_is_an_error(pipe):
    injector = AttentionMapInjector(pipe)
    assert core_pulse.find_token_indices(pipe, "a cat and a cat", "cat") == [2, 5]
    injector.add_attention_manipulation("a cat and a cat", "all", "cat", 0.5, occurrence=2)
    assert data(injector)[0]["occurrence"] == 2
    for phrase in ("dog", ""):
        with pytest.raises(InvalidRequest):
            injector.add_attention_manipulation(CAT, "all", phrase, 0.5)
    assert len(data(injector)) == 1


def test_22_replaced_words_are_aligned(pipe):
    injector = MaskedPromptInjector(pipe)
    injector.add_masked_injection("middle:0", CAT, "a big red dog in a park", "cat")
    injector.add_masked_injection("middle:0", CAT, "an owl", "cat", 0.5)
    assert [c.get("with") for c in data(injector)] == [None, None, "big red dog", "an owl"]
    assert data(injector)[3]["strength"] == 0.5 and data(injector)[0]["prompt"] == CAT
    assert [s["injection_prompt"] for s in injector.get_masking_summary()] == ["a big red dog in a park", "an owl"]
    off = MaskedPromptInjector(pipe)
    off.add_masked_injection("middle:0", CAT, "an owl", "cat", 0.0)
    assert data(off) == []
    read = core_pulse.MaskedPromptEncoder(injector)
    for other, words in (("a dog and a cat", ("dog", 1)), ("a cat and a red dog", ("red dog", 2)), ("A dog and a dog", ("dog", None)),
                         ("an owl", ("an owl", None)), ("a dog and a fox", ("a dog and a fox", None))):
        both = read.encode_masked_prompt("a cat and a cat", other, core_pulse.TokenMask(None, np.ones(1), "cat"), pipe)
        assert (both.words, both.occurrence) == words
    legacy = MaskedPromptInjector(pipe, legacy=True)
    legacy.add_masked_injection("middle:0", "a cat and a cat", "a dog and a dog", "cat")  # there the first one alone
    assert [c.get("occurrence") for c in data(legacy)] == [None, 1]
    for base, other in ((CAT, "an owl"), ("a cat and a cat", "a cat and a dog")):
        with pytest.raises(InvalidRequest, match="published maths copies"):
            legacy.add_masked_injection("middle:0", base, other, "cat")

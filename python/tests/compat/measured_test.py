"""What CorePulse's words, weights and regions do inside the network: maps of the first layers, which read what they would
without any control."""
import pathlib

import numpy as np
import PIL.Image
import pytest

import corepulse
import corepulse.compat as core_pulse
from corepulse import Patch, Record
from corepulse.compat import AttentionMapInjector, SelfAttentionInjector, UNetPatcher

CAT = "a cat in a park"
LEFT, RIGHT = core_pulse.create_left_half_mask(), core_pulse.create_right_half_mask()
LATENTS = 5 * np.random.default_rng(3).standard_normal((1, 4, 8, 8)).astype(np.float32)
IN_LEFT = np.tile(np.arange(8) < 4, 8)  # pixels of the layers' grid
ADAPTER = pathlib.Path(__file__).resolve().parents[3] / "models" / "picture_prompts" / "objects.safetensors"


def first(pipe, cross):
    return next(site["path"] for site in pipe.info["sites"] if site["cross"] == cross)


def seen(pipe, what, cross=True, controls=(), prompt=CAT, **more):
    """Of the prompt's row: a map [heads, pixels, tokens or pixels], or an output [pixels, channels]."""
    kept = pipe.unet_call(LATENTS, 5.0, prompt, controls=list(controls), record=[Record(first(pipe, cross), what)], **more).recorded
    [values] = kept.values()  # one reading of one row
    return values[0].astype(np.float64)


def worded(pipe, prompt, *words, legacy=False, mask=None):
    injector = AttentionMapInjector(pipe, legacy=legacy)
    for phrase, scale in words:
        injector.add_attention_manipulation(prompt, "all", phrase, scale, 15.0, 0.0, mask)
    return injector.controls


def scaled(attention, factors):
    """Attention times factors, the rest adjusted."""
    weights = attention * factors
    return weights / weights.sum(-1, keepdims=True)


def factors_of(pipe, prompt, *words):
    factors = np.ones(77)
    for phrase, scale in words:
        factors[core_pulse.find_token_indices(pipe, prompt, phrase)] *= scale
    return factors


@pytest.mark.parametrize("prompt, words", [
    ("a photorealistic portrait of a cat", [("photorealistic", 5.0)]),
    ("a temple in a jungle full of plants", [("plants", 0.3)]),
    ("boats in a harbor under a vibrant sunset", [("vibrant sunset", 3.0), ("boats", 0.4)]),
    ("a fluffy cat in a park", [("cat", 0.1), ("fluffy", 3.0)]),
    (CAT, [("cat", 0.0)]),
])
def test_the_examples_words_are_read_so_many_times_as_much(pipe, prompt, words):
    """attention_examples.py, attention_masking_examples.py; faults 8 and 44: exact ratios, and 0 is none."""
    plain, found = (seen(pipe, "attention_map", controls=c, prompt=prompt) for c in ((), worded(pipe, prompt, *words)))
    assert found == pytest.approx(scaled(plain, factors_of(pipe, prompt, *words)), abs=2e-6)
    assert np.abs(found - plain).max() > 1e-3


def test_a_sweep_of_scales_raises_attention_step_by_step(pipe):
    """attention_examples.py, 0.1 to 5; fault 8: the published logits do not."""
    plain, at = seen(pipe, "attention_map"), core_pulse.find_token_indices(pipe, CAT, "cat")
    scales = (0.1, 0.5, 1.0, 2.0, 5.0)
    maps = [seen(pipe, "attention_map", controls=worded(pipe, CAT, ("cat", scale))) for scale in scales]
    masses = [found[:, :, at].sum(-1) for found in maps]
    assert all((less < more).all() for less, more in zip(masses, masses[1:])) and np.array_equal(maps[2], plain)
    published = seen(pipe, "attention_map", controls=worded(pipe, CAT, ("cat", 5.0), legacy=True))[:, :, at].sum(-1)
    assert (published < plain[:, :, at].sum(-1)).any()


def test_17_words_in_a_region_are_scaled_there_alone(pipe):
    wishes = ((), worded(pipe, CAT, ("park", 3.0)), worded(pipe, CAT, ("park", 3.0), mask=LEFT))
    plain, everywhere, found = (seen(pipe, "attention_output", controls=c) for c in wishes)
    assert found == pytest.approx(np.where(IN_LEFT[:, None], everywhere, plain), abs=1e-5)
    assert np.abs(everywhere - plain).max() > 0.01


def looks(pipe, what, add=lambda injector: None, **more):
    injector = SelfAttentionInjector(pipe)
    add(injector)
    return seen(pipe, what, cross=False, controls=injector.controls, **more)


@pytest.mark.parametrize("odds, add", [
    (3.0, lambda injector, source: injector.enhance_region_interaction(source, RIGHT, 3.0)),
    (0.3, lambda injector, source: injector.suppress_region_interaction(source, RIGHT)),
    (9.0, lambda injector, source: injector.redirect_attention(source, LEFT, RIGHT, 3.0)),
    (4.0, lambda injector, source: injector.patcher.add_self_attention_manipulation("all", source, RIGHT, 2.0, "redirect")),
])
def test_35_regions_look_so_many_times_as_much_at_regions(pipe, odds, add):
    plain, found = (looks(pipe, "attention_map", *more) for more in ((), (lambda injector: add(injector, None),)))
    assert found == pytest.approx(scaled(plain, np.where(IN_LEFT, 1, odds)), abs=2e-6)
    asked = [(), (lambda injector: add(injector, None),), (lambda injector: add(injector, LEFT),)]
    plain, everywhere, from_left = (looks(pipe, "attention_output", *more) for more in asked)
    assert from_left == pytest.approx(np.where(IN_LEFT[:, None], everywhere, plain), abs=1e-5)


def test_35_nothing_is_seen_across_a_barrier(pipe):
    strip, left = core_pulse.create_vertical_strip_mask((64, 64), 24, 16), np.tile(np.arange(8) < 3, 8)
    right = Patch(first(pipe, cross=False), "attention_input", add=np.float32(1), region=corepulse.rectangle(0.625, 0, 0.375, 1))
    asked = [(), (lambda injector: injector.create_attention_barrier(strip, 0.0),)]
    changes = [looks(pipe, "attention_output", *more, patch=[right]) - looks(pipe, "attention_output", *more) for more in asked]
    assert [np.abs(change[~left]).max() > 0.01 for change in changes] == [True, True]
    assert np.abs(changes[0][left]).max() > 0.01 and np.abs(changes[1][left]).max() < 1e-5


def injected(pipe, weight, legacy=False, more=()):
    patcher = UNetPatcher(pipe, legacy=legacy)
    patcher.add_injection("all", "a dragon", weight, 15.0, 0.0)
    return seen(pipe, "attention_output", controls=[*patcher.controls, *more])


def test_09_weights_are_off_a_share_the_prompt_and_louder(pipe):
    plain, dragon = seen(pipe, "attention_output"), seen(pipe, "attention_output", prompt="a dragon")
    assert np.array_equal(injected(pipe, 0.0), plain) and injected(pipe, 1.0) == pytest.approx(dragon, abs=1e-5)
    assert injected(pipe, 0.25) == pytest.approx(0.75 * plain + 0.25 * dragon, abs=1e-5)
    louder = injected(pipe, 2.0)
    assert louder == pytest.approx(injected(pipe, 2.0, legacy=True), abs=1e-5)
    assert np.abs(louder - dragon).max() > 0.01
    # Published, a quarter of keys and values is no quarter of the picture, and 0 of them is not what was there.
    assert np.abs(injected(pipe, 0.25, legacy=True) - injected(pipe, 0.25)).max() > 0.01
    assert np.abs(injected(pipe, 0.0, legacy=True) - plain).max() > 0.01


def test_31_picture_prompts_are_read_beside_injections_and_words(pipe, tmp_path):
    PIL.Image.new("RGB", (64, 64), (200, 30, 30)).save(tmp_path / "red.png")
    picture = [corepulse.controls.picture_prompt(str(ADAPTER), pictures=[str(tmp_path / "red.png")])]
    words = worded(pipe, CAT, ("cat", 3.0))
    plain, shown, read, both = (seen(pipe, "attention_output", controls=c) for c in ((), picture, words, [*words, *picture]))
    assert np.abs(shown - plain).max() > 0.01 and both - read == pytest.approx(shown - plain, abs=1e-5)
    assert injected(pipe, 2.0, more=picture) - injected(pipe, 2.0) == pytest.approx(shown - plain, abs=1e-5)


SIZE = (64, 64)
LAYERS = [  # spatial_injection_examples.py, sdxl_examples.py: later ones lie above
    [("a dog", core_pulse.create_center_circle_mask(SIZE))],
    [("a castle", core_pulse.create_left_half_mask(SIZE))],
    [("a rainbow", core_pulse.create_top_half_mask(SIZE)), ("a dog", core_pulse.create_center_circle_mask(SIZE))],
    [("a dragon", core_pulse.create_rectangle_mask(20, 12, 30, 44, SIZE))],
    [("the sea", core_pulse.create_horizontal_strip_mask(SIZE, 32, 32)), ("a castle", core_pulse.create_left_half_mask(SIZE)),
     ("a dragon", core_pulse.create_center_square_mask(SIZE, 40))],
]


@pytest.mark.parametrize("layers", LAYERS, ids=["circle", "half", "top and centre", "rectangle", "three layers"])
def test_each_pixel_reads_the_prompt_of_its_highest_mask(pipe, layers):
    injector, expected = core_pulse.RegionalPromptInjector(pipe), seen(pipe, "attention_output")
    for prompt, mask in layers:
        injector.add_regional_injection("all", prompt, np.asarray(mask), 1.0, 15.0, 0.0)
        share = np.asarray(mask, np.float64).reshape(8, 8, 8, 8).mean((1, 3)).reshape(64, 1)
        expected = (1 - share) * expected + share * seen(pipe, "attention_output", prompt=prompt)
    assert seen(pipe, "attention_output", controls=injector.controls) == pytest.approx(expected, abs=2e-5)

"""Attention by a Python function, and whole attention maps."""
import mlx.core as mx
import numpy as np
import pytest

import corepulse

CAT = dict(prompt="a cat in a park", seed=3, num_inference_steps=2, width=64, height=64)


def plain(q, k, v, site, step):
    return mx.softmax(q @ mx.swapaxes(k, 2, 3) * q.shape[3] ** -0.5, axis=-1) @ v


def plain_numpy(q, k, v, site, step):
    logits = q @ np.swapaxes(k, 2, 3) / np.sqrt(q.shape[3])
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


@pytest.mark.parametrize("function, arrays", [(plain, "mx"), (plain_numpy, "np")])
def test_the_plain_formula_gives_the_engines_picture(pipe, function, arrays):
    sites = []

    def seen(q, k, v, site, step):
        sites.append((site.path, site.cross, site.heads, site.height * site.width == q.shape[2], step.index, step.count))
        return function(q, k, v, site, step)

    own = pipe(**CAT, attention=[corepulse.replace_attention("output:1", seen, arrays=arrays)])
    assert np.abs(own.latents - pipe(**CAT).latents).max() < 1e-3
    assert {s[4] for s in sites} == {0, 1} and all(s[3] and s[5] == 2 for s in sites)
    assert {s[1] for s in sites} == {True, False} and all("up_blocks.1" in s[0] for s in sites)
    assert own.notes


def test_where_when_and_rows_bound_a_function(pipe):
    steps = []

    def half(q, k, v, site, step):
        steps.append(step.index)
        return plain(q, k, v, site, step) * 0.5

    chosen = corepulse.replace_attention("middle:0", half, attention="cross", when=corepulse.when.steps(1, 2), rows="cond")
    changed = pipe(**CAT, attention=[chosen])
    assert set(steps) == {1}
    assert not np.array_equal(changed.latents, pipe(**CAT).latents)


@pytest.mark.parametrize("function, error", [
    (lambda *_: 1 / 0, ZeroDivisionError),
    (lambda *_: None, corepulse.InvalidRequest),
    (lambda q, *_: q[:, :, :1], corepulse.Internal),
])
def test_a_wrong_function_ends_the_run_and_nothing_else(pipe, function, error):
    with pytest.raises(error):
        pipe(**CAT, attention=[corepulse.replace_attention("middle:0", function)])
    assert pipe(**CAT).images


def test_maps_are_kept_by_layer_and_step(pipe):
    seen = corepulse.AttentionMaps("middle:0", attention="cross")
    pipe(**CAT, attention=[seen.replacement])
    (path, step), weights = next(iter(seen.maps.items()))
    assert weights.shape[2:] == (4, 77) and np.allclose(weights.sum(-1), 1, atol=1e-5)
    assert len(seen.maps) == 2 and step == 0
    captured = pipe(**CAT, controls=[corepulse.capture("cat", where="middle:0", when=corepulse.when.steps(0, 1))])
    assert np.allclose(seen.grid(path, 0, 2), captured.heatmaps[0].values, atol=1e-5)


def test_maps_are_a_runs_whole_and_no_other_runs(pipe):
    seen = corepulse.AttentionMaps("middle:0")
    two = {**CAT, "seed": [3, 4]}
    watched = [corepulse.capture("cat", where="middle:0")]
    pipe(**two, attention=[seen.replacement], controls=watched)  # the capture calls, too
    whole = dict(seen.maps)
    assert len(whole) == 2 and all(weights.shape[0] == 2 for weights in whole.values())
    pipe(**CAT, attention=[seen.replacement])
    assert all(len(weights) == 1 and np.allclose(weights, whole[place][:1], atol=1e-3) for place, weights in seen.maps.items())
    pipe(**{**CAT, "num_inference_steps": 1}, attention=[seen.replacement])
    assert [step for _, step in seen.maps] == [0]
    both = corepulse.AttentionMaps("middle:0", rows="both")
    pipe(**CAT, negative_prompt="a dog", guidance_scale=5, attention=[both.replacement])
    assert all(len(weights) == 2 and not np.allclose(*weights) for weights in both.maps.values())

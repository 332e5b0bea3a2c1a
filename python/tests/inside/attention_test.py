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

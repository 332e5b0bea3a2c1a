"""What several records, further rows and files of one array leave of a run, and what of it goes back in."""
import numpy as np
import pytest

import corepulse
from corepulse import Patch, Record, when

CAT = dict(prompt="a cat in a park", seed=3, num_inference_steps=2, width=64, height=64, guidance_scale=5, output_type="latent")
GUIDED = [corepulse.guide_by("identity", scale=2, where="middle:0"), corepulse.guide_by("blur", scale=3, where="output:1")]
ROWS = [(0, "negative"), (0, "prompt")]


def test_records_that_see_the_same_leave_it_whole(pipe):
    wide, narrow = "middle:0, output:0", "output:0"
    one = pipe(**CAT, record=[Record(wide, "attention_map", "cross"), wide]).recorded
    both = pipe(**CAT, record=[Record(narrow, "attention_map", "cross"), Record(wide, "attention_map", "cross"), narrow, wide]).recorded
    assert set(both.places) == set(one.places) and all(seen.rows == ROWS for seen in both.seen.values())
    assert all(np.array_equal(both[place], one[place]) for place in one)
    sides = [Record(wide, "attention_map", "cross", rows="cond"), Record(wide, "attention_map", "cross"), wide]
    assert all(np.array_equal(found.values, one[place]) for place, found in pipe(**CAT, record=sides).recorded.seen.items())


def test_records_that_choose_otherwise_at_one_place_are_refused(pipe):
    for other in (dict(tokens=[5]), dict(tokens=[2, 5]), dict(), dict(tokens=[2], heads=[0])):
        with pytest.raises(corepulse.InvalidRequest, match="two records"):
            pipe(**CAT, record=[Record("middle:0", "attention_map", "cross", tokens=[2]), Record("middle:0", "attention_map", "cross", **other)])
    apart = [Record("middle:0", "attention_map", "cross", tokens=[2], when=when.steps(0, 1)),
             Record("middle:0", "attention_map", "cross", tokens=[2, 5], when=when.steps(1, 2))]
    kept = pipe(**CAT, record=apart).recorded
    assert [kept["middle:0", step].shape[3] for step in (0, 1)] == [1, 2]
    with pytest.raises(corepulse.InvalidRequest, match="other rows or shapes"):
        kept.stack("middle:0")


def test_rows_that_read_texts_of_different_lengths_are_no_one_map(pipe):
    long = {**CAT, "prompt": "a cat in a park " * 20, "syntax": "a1111"}
    with pytest.raises(corepulse.InvalidRequest, match="154 tokens.*77"):
        pipe(**long, record=[Record("middle:0", "attention_map", "cross")])
    alone = pipe(**long, record=[Record("middle:0", "attention_map", "cross", rows="cond")]).recorded
    assert alone["middle:0", 0].shape[3] == 154
    some = pipe(**long, record=[Record("middle:0", "attention_map", "cross", tokens=range(77))]).recorded
    assert some.find("middle:0")[0].rows == ROWS


def test_every_further_row_is_recorded_and_put_back_as_itself(pipe, tmp_path):
    plain = pipe(**CAT, controls=GUIDED)
    for where, of in (("middle:0", "block_output"), ("", "prediction"), ("middle:0", "attention_map"), ("middle:0", "attention_output")):
        kept = pipe(**CAT, controls=GUIDED, record=[Record(where, of, "cross")]).recorded
        assert all(seen.rows == [*ROWS, (0, "further"), (0, "further")] for seen in kept.seen.values())
        again = pipe(**CAT, controls=GUIDED, patch=[Patch(where, of, "cross", replace=kept)])
        assert np.array_equal(again.latents, plain.latents), of
        kept.save(tmp_path / "kept.npz")
        loaded = corepulse.Recorded.load(tmp_path / "kept.npz")
        assert np.array_equal(pipe(**CAT, controls=GUIDED, patch=[Patch(where, of, "cross", replace=loaded)]).latents, plain.latents)
        fewer = pipe(**CAT, controls=GUIDED[:1], record=[Record(where, of, "cross")]).recorded
        with pytest.raises(corepulse.InvalidRequest, match="no further row 1 of image 0"):
            pipe(**CAT, controls=GUIDED, patch=[Patch(where, of, "cross", replace=fewer)])


@pytest.mark.parametrize("of, layers", [("attention_input", "cross"), ("attention_output", "self"), ("attention_map", "self"), ("prediction", "both")])
def test_a_region_of_a_patch_is_one_of_the_grid_that_it_acts_at(pipe, of, layers):
    where = "" if of == "prediction" else "output:0"
    left = Patch(where, of, layers, scale=2, when=when.steps(0, 1), region="left half")
    kept = [pipe(**CAT, record=[Record(where, of, layers, when=when.steps(0, 1))], patch=patch).recorded for patch in ([], [left])]
    place = kept[0].places[0]  # the layers behind it read what it changed
    seen = kept[0].seen[place]
    before, after = (one[place] for one in kept)
    if of != "prediction":
        axis = 2 if of == "attention_map" else 1
        before, after = (np.moveaxis(x, axis, 0).reshape(seen.height, seen.width, -1) for x in (before, after))
    else:
        before, after = (np.moveaxis(x, 0, 3) for x in (before, after))
    half = seen.width // 2
    assert np.allclose(after[:, :half], 2 * before[:, :half], rtol=1e-4, atol=1e-5) and np.abs(before[:, :half]).max() > 0
    assert np.array_equal(after[:, half:], before[:, half:])


def test_one_array_alone_is_a_file_of_numpys(pipe, tmp_path):
    kept = pipe(**CAT, record=[Record("middle:0", when=when.steps(1, 2))]).recorded
    kept.save(tmp_path / "kept.npy")
    assert np.array_equal(np.load(tmp_path / "kept.npy"), kept["middle:0", 1])
    heat = pipe(**CAT, controls=[corepulse.capture("cat")]).heatmaps[0]
    heat.save(tmp_path / "heat.npy")
    assert np.array_equal(np.load(tmp_path / "heat.npy"), heat.values)

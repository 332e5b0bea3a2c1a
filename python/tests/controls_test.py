"""Controls and regions as values: the kinds of the program, and the words of a recipe."""
import json
import math

import numpy as np
import PIL.Image
import pytest

import corepulse
from corepulse import _core, when
from corepulse.controls import KINDS


def test_every_kind_of_the_program_is_here():
    with pytest.raises(corepulse.InvalidRequest) as wrong:
        _core.checked_controls('[{"kind": "???"}]')
    for kind in KINDS:
        assert kind in str(wrong.value)
        assert getattr(corepulse, kind) is KINDS[kind]
    named = str(wrong.value).split("expected", 1)[-1]
    assert named.count(",") + 1 >= len(KINDS) > 15


def test_a_control_is_what_a_recipe_says():
    made = corepulse.inject("a dragon", where="content", when=when.sigma(15, 2), strength=[(0, 0), (0.5, 1)], rows="both")
    assert made.data() == {"kind": "inject", "prompt": "a dragon", "where": "content", "when": {"sigma": [15, 2]},
                           "strength": [[0, 0], [0.5, 1]], "rows": "both"}
    assert made == corepulse.Inject("a dragon", where="content", when=when.sigma(15, 2), strength=[(0, 0), (0.5, 1)], rows="both")
    assert corepulse.reweight("park", 0.3).data() == {"kind": "reweight", "phrase": "park", "scale": 0.3}
    assert corepulse.inject("x", when=when.sigma()).data()["when"] == {"sigma": ["inf", 0]}
    assert corepulse.temperature(np.float32(0.5)).data()["value"] == 0.5
    assert corepulse.inject("x", strength=when.ramp(0.1, 0.9, 0.2)).data()["strength"] == {"ramp": [0.1, 0.9, 0.2, 1]}


def test_words_of_python_are_spelled_with_an_underscore():
    assert corepulse.replace("cat", "dog").data() == {"kind": "replace_tokens", "phrase": "cat", "with": "dog"}
    assert corepulse.prompt_to_prompt("a dog", self_=0.3).data()["self"] == 0.3


@pytest.mark.parametrize("wrong, said", [
    (lambda: corepulse.inject("x", strenght=1), "did you mean strength"),
    (lambda: corepulse.inject("x", rows="all"), "rows"),
    (lambda: corepulse.reweight("park"), "[reweight]"),
    (lambda: corepulse.inject("x", when={"sigmas": [1, 0]}), "sigma"),
    (lambda: corepulse.inject("x", strength=math.nan), "strength"),
    (lambda: corepulse.inject("x", region="left hlaf"), "hlaf"),
    (lambda: corepulse.inject("x", images="two"), "images"),
])
def test_what_is_wrong_is_said_when_it_is_made(wrong, said):
    with pytest.raises(corepulse.InvalidRequest) as error:
        wrong()
    assert said in str(error.value)


def test_regions_combine_like_numbers():
    ring = corepulse.circle(0.5, 0.5, 0.3) - corepulse.circle(0.5, 0.5, 0.2)
    assert ring.data()["shape"] == "subtract" and len(ring.data()["parts"]) == 2
    both = ~(ring.feather(0.05) + "left half") * corepulse.rectangle(0, 0, 1, 0.5).pixels()
    control = corepulse.inject("x", region=both)
    again = json.loads(_core.checked_controls(json.dumps([control.data()])))[0]
    assert corepulse.inject("x", region=again["region"]).data() == {**control.data(), "region": again["region"]}
    assert (~~ring).data().get("invert", False) is False
    assert corepulse.Region.parse("left half").data()["box"] == [0, 0, 0.5, 1]


def test_a_region_follows_where_words_are_looked_at(pipe):
    cat = corepulse.looked_at("cat", where="output:1").blur(0.02)
    assert cat.data() == {"shape": "attention", "phrase": "cat", "threshold": 0.3, "where": "output:1", "blur": 0.02}
    assert corepulse.looked_at("cat", 0.5, image=0).data()["image"] == 0
    assert corepulse.Region.parse('attention "red cat" at output:1 over 0.5').data() == corepulse.looked_at("red cat", 0.5, "output:1").data()
    explained = pipe.explain("a cat in a park", num_inference_steps=2, width=64, height=64, controls=[corepulse.inject("a dog", region=cat)])
    assert explained.data["controls"][0]["follows"] == [{"words": ['"cat"']}]


def test_regions_read_pictures_and_arrays(pipe):
    left = np.zeros((8, 8), np.uint8)
    left[:, :4] = 255
    for source in (left, left / 255.0, left > 0, PIL.Image.fromarray(left)):
        explained = pipe.explain("a cat in a park", num_inference_steps=2, width=64, height=64, controls=[
            corepulse.inject("a dragon", where="input:0", region=corepulse.picture(source))])
        cells = explained.data["controls"][0]["region"][0]
        assert cells["mean"] == pytest.approx(0.5)


def test_regions_prompts_are_tuples_or_mappings():
    pairs = corepulse.regions([("a red car", "left half"), {"prompt": "a blue car", "region": corepulse.circle(0.5, 0.5, 0.2)}])
    assert [p["prompt"] for p in pairs.data()["prompts"]] == ["a red car", "a blue car"]
    assert pairs.data()["prompts"][0]["region"]["shape"] == "rectangle"

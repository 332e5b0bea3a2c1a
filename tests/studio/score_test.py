"""The score: what is painted is what the recipe says, and the other way round."""
import json
import pathlib

from selenium.webdriver.common.keys import Keys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20}


def inject(prompt="a dragon", **more):
    return {"kind": "inject", "prompt": prompt, **more}


def test_painting_a_block_is_the_readmes_example(page):
    page.set_recipe(CAT)
    page.click("Add track")
    page.js("document.querySelector('.kind').click()")
    page.wait("return document.activeElement.matches('.chosen input')")
    page.keys("a dragon")
    page.drag(("middle:0", 0), ("middle:0", 19))
    assert page.controls() == [inject(where="middle:0")]
    page.see("acts on all 20 steps, 1 of 16 layers", ".readout")


def test_a_stroke_becomes_where_and_when_and_undo_takes_it_back(page):
    page.set_recipe({**CAT, "controls": [inject(where="middle:0", when={"steps": [0, 1]})]})
    page.drag(("input:1", 4), ("input:1", 7))
    assert page.controls() == [inject(where="middle:0", when={"steps": [0, 1]}), inject(where="input:1", when={"steps": [4, 8]})]
    page.see("acts on 5 of 20 steps, 3 of 16 layers", ".readout")
    page.chord(Keys.CONTROL, "z")
    assert page.controls() == [inject(where="middle:0", when={"steps": [0, 1]})]
    page.inside("s.store.redo()")
    assert len(page.controls()) == 2


def test_the_brush_paints_and_shows_the_chosen_tracks_level(page):
    page.set_recipe({**CAT, "controls": [inject(where="middle:0", strength=0.3), {"kind": "reweight", "phrase": "park", "scale": 2.5}]})
    for track, level, shown in ((1, 2.5, "2.5"), (0, 0.3, "30 %")):
        page.inside("s.score.model.select(a[0])", track)
        assert [page.inside("s.score.model.level"), page.js("return document.querySelector('.brush output').textContent")] == [level, shown]


def test_a_window_of_another_size_is_no_mishap(page):
    width = page.inside("s.score.model.plan.width")
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 3840, "height": 2160, "deviceScaleFactor": 1, "mobile": False})
    try:
        page.until(lambda: page.inside("s.score.model.plan.width") > width, "a wider score")
        page.settled()
        assert "went wrong" not in page.js("return document.querySelector('.toast').textContent")
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_rectangle_over_blocks_is_one_control_and_erasing_cuts_it(page):
    page.set_recipe({**CAT, "controls": [inject(when={"steps": [19, 20]}, where="output:2")]})
    page.drag(("output:0", 2), ("output:1", 5), hold=Keys.SHIFT)
    assert page.controls()[1] == inject(where="output:0, output:1", when={"steps": [2, 6]})
    page.drag(("output:0", 3), ("output:0", 3), hold=Keys.ALT)
    stretches = {(c["where"], *c["when"]["steps"]) for c in page.controls()}
    assert stretches == {("output:1", 2, 6), ("output:0", 2, 3), ("output:0", 4, 6), ("output:2", 19, 20)}


def test_shades_are_strengths(page):
    page.set_recipe({**CAT, "controls": [inject(where="middle:0")]})
    page.inside("s.score.model.level = 0.4")
    page.drag(("input:0", 0), ("input:0", 9))
    assert page.controls()[1] == inject(where="input:0", when={"steps": [0, 10]}, strength=0.4)


def test_brackets_snap_to_steps(page):
    page.set_recipe({**CAT, "controls": [inject(where="middle:0", when={"steps": [4, 10]})]})
    page.inside("(() => { const m = s.score.model, c = document.querySelector('.score-canvas'), b = c.getBoundingClientRect();"
                "const at = (type, x) => c.dispatchEvent(new PointerEvent(type, { clientX: b.left + x, clientY: b.top + 30, pointerId: 1, bubbles: true }));"
                "c.setPointerCapture = () => {}; at('pointerdown', 10 * m.plan.column); at('pointermove', 13.3 * m.plan.column); at('pointerup', 0); })()")
    assert page.controls() == [inject(where="middle:0", when={"steps": [4, 13]})]


def test_sigma_windows_stay_sigma_windows(page):
    page.set_recipe({**CAT, "controls": [inject(where="middle:0", when={"sigma": [15, 3]})]})
    page.drag(("input:0", 0), ("input:0", 3))
    old, added = page.controls()
    assert old["when"] == {"sigma": [15, 3]} and added["when"] == {"sigma": ["inf", 5.5]}, added
    page.see("acts on 7 of 20 steps, 3 of 16 layers", ".readout")


def test_guidance_is_painted_in_its_lane(page):
    page.set_recipe({**CAT, "controls": [inject(where="middle:0"), {"kind": "guidance", "scale": 7, "when": {"steps": [0, 5]}}]})
    page.drag(("guidance", 10), ("guidance", 12))
    lanes = [c for c in page.controls() if c["kind"] == "guidance"]
    assert [c["when"]["steps"] for c in lanes] == [[0, 5], [10, 13]]
    page.drag(("input:0", 3), ("input:0", 4))
    page.see("has steps alone", ".toast")


def test_layers_unfold_and_are_painted_alone(page):
    page.set_recipe({**CAT, "controls": [inject(where="middle:0")]})
    page.js("document.querySelector(\".row-name[data-key='output:0']\").click()")  # at once: the page may draw it anew
    page.drag(("output:0.1", 0), ("output:0.1", 19))
    assert page.controls() == [inject(where="middle:0, output:0.1")]


def test_recipes_come_back_as_they_were(page):
    for path in sorted((ROOT / "recipes").glob("*.json")):
        recipe = json.loads(path.read_text())
        if "version" in recipe:
            again = page.inside("import('/score/tracks.js').then((t) => { const g = s.reading.state.grid; return t.tracksOf({ recipe: a[0], drafts: [] })"
                                ".flatMap((x) => t.controlsOf(x, t.cellsOf(x, g), g)); })", recipe)
            assert again == recipe["controls"], path.name


def test_what_no_cell_shows_is_kept(page):
    odd = {**CAT, "controls": [{"kind": "capture", "phrase": "cat", "where": "fine"}, {"kind": "time_ids", "crop": [1, 2]}, inject(where="grid:16, ldm:output_3", heads=[0]),
                               {"kind": "something_new", "x": {"y": [1]}}, inject(strength=[[0, 0], [1, 1]], when={"percent": [0, 0.5]})],
           "edits": [{"step": 3, "controls": []}], "second_pass": {"scale": 1.5}, "refiner": {"model": "refiner.safetensors"}}
    page.set_recipe(odd)
    page.see("something_new", "#tracks")
    page.see("second_pass", "#tracks")
    page.see("refiner", "#tracks")
    assert page.recipe() == odd
    page.drag(("input:2", 1), ("input:2", 2))
    kept = page.controls()
    assert kept[0] == odd["controls"][0] and kept[2:] == odd["controls"][1:]


def test_the_steps_of_a_refiner_are_behind_the_models(page):
    call = lambda step: {"step": step, "first": True, "sigma": 4 - step, "progress": step / 3}
    own, off = {"index": 0, "state": "acts", "calls": [1], "layers": ["a"]}, {"index": 1, "state": "disabled", "reason": "switched off", "calls": []}
    answer = {"calls": [call(0), call(1)], "controls": [own, off]}
    assert page.inside("import('/reading.js').then((r) => r.withRefiner(a[0]))", answer) == answer
    refined = {"calls": [call(2), call(3)], "controls": [{**own, "calls": [0, 1], "layers": ["b"]}, {**own, "index": 1, "calls": [1]}]}
    whole = page.inside("import('/reading.js').then((r) => r.withRefiner(a[0]))", {**answer, "refiner": {"step": 2, "program": refined}})
    assert whole["calls"] == [call(i) for i in range(4)]
    assert whole["controls"] == [{**own, "calls": [1, 2, 3]}, {"index": 1, "state": "acts", "calls": [3]}]


def test_a_curve_is_bent_with_the_pointer_and_by_numbers(page):
    page.set_recipe({**CAT, "controls": [inject(where="middle:0")]})
    page.click("Curve over the run")
    assert page.controls()[0]["strength"] == [[0, 1], [1, 1]]
    page.click("Add point")
    assert page.controls()[0]["strength"] == [[0, 1], [0.5, 1], [1, 1]]
    page.inside("(() => { const c = document.querySelector('.score-canvas'), b = c.getBoundingClientRect(), m = s.score.model; c.setPointerCapture = () => {};"
                "return import('/score/draw.js').then(({ curveScale }) => { const k = curveScale(m.plan, 'inject'); const at = (t, p, v) => c.dispatchEvent(new PointerEvent(t, { clientX: b.left + k.x(p), clientY: b.top + k.y(v), pointerId: 1, bubbles: true }));"
                "at('pointerdown', 0.5, 1); at('pointermove', 0.25, 0.5); at('pointerup', 0.25, 0.5); }); })()")
    (_, (at, height), _) = page.controls()[0]["strength"]
    assert abs(at - 0.25) < 0.02 and abs(height - 0.5) < 0.02


def test_the_servers_word_is_shown_where_it_belongs(page):
    page.set_recipe({**CAT, "controls": [inject(where="middle:7")]})
    page.see("names no attention layer", "#tracks .track.chosen")

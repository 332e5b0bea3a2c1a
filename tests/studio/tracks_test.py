"""Tracks of several controls: nothing of one is lost while another is painted, pulled or swept."""
from selenium.webdriver.common.keys import Keys

CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20}


def inject(prompt="a dragon", **more):
    return {"kind": "inject", "prompt": prompt, **more}


UNDER = inject(where="middle:0", strength=0.5)
OVER = inject(where="middle:0", when={"steps": [5, 8]})


def test_members_that_lie_over_one_another_stay_so_beside_a_stroke(page):
    page.set_recipe({**CAT, "controls": [UNDER, OVER]})
    page.inside("s.score.model.level = 1")
    page.drag(("input:0", 2), ("input:0", 3))
    assert page.controls() == [UNDER, OVER, inject(where="input:0", when={"steps": [2, 4]})]


def test_a_stroke_over_both_takes_its_cells_and_leaves_theirs(page):
    page.set_recipe({**CAT, "controls": [UNDER, OVER]})
    page.drag(("middle:0", 6), ("middle:0", 6), hold=Keys.ALT)
    assert page.controls() == [inject(where="middle:0", strength=0.5, when={"steps": [0, 6]}), inject(where="middle:0", strength=0.5, when={"steps": [7, 20]}),
                               inject(where="middle:0", when={"steps": [5, 6]}), inject(where="middle:0", when={"steps": [7, 8]})]


def test_the_same_control_twice_stays_twice(page):
    page.set_recipe({**CAT, "controls": [OVER, OVER]})
    page.drag(("input:0", 2), ("input:0", 3))
    assert page.controls()[:2] == [OVER, OVER]


def test_a_bracket_moves_its_own_window_alone(page):
    page.set_recipe({**CAT, "controls": [UNDER, OVER]})
    page.settled()
    page.inside("(() => { const m = s.score.model, c = document.querySelector('.score-canvas'), b = c.getBoundingClientRect();"
                "const at = (type, x) => c.dispatchEvent(new PointerEvent(type, { clientX: b.left + x, clientY: b.top + 30, pointerId: 1, bubbles: true }));"
                "c.setPointerCapture = () => {}; at('pointerdown', 8 * m.plan.column); at('pointermove', 11.2 * m.plan.column); at('pointerup', 0); })()")
    assert page.controls() == [UNDER, {**OVER, "when": {"steps": [5, 11]}}]
    page.keys("g")
    page.keys(Keys.HOME, *[Keys.ARROW_DOWN] * 3, *[Keys.ARROW_RIGHT] * 6, "[")
    assert page.controls() == [UNDER, {**OVER, "when": {"steps": [6, 11]}}]
    page.inside("s.store.undo()")
    assert page.controls() == [UNDER, {**OVER, "when": {"steps": [5, 11]}}]


def test_the_slider_pulls_all_strengths_alike_and_back(page):
    page.set_recipe({**CAT, "controls": [UNDER, OVER]})
    page.see("strength, all alike", "#tracks")
    pull = "const f = document.querySelector('.chosen input[type=range]'); f.value = arguments[0]; f.dispatchEvent(new Event('input'))"
    page.js(pull, 0.5)
    assert [c["strength"] for c in page.controls()] == [0.25, 0.5]
    page.js(pull, 0)
    assert [c["strength"] for c in page.controls()] == [0.005, 0.01]
    page.js(pull, 1)
    assert page.controls() == [UNDER, OVER]


def test_a_curve_bends_the_members_of_its_strength_alone(page):
    page.set_recipe({**CAT, "controls": [UNDER, OVER]})
    page.click("Curve over the run")
    assert page.controls() == [{**UNDER, "strength": [[0, 0.5], [1, 0.5]]}, OVER]


def test_a_sweep_asks_the_whole_track(page):
    controls = [UNDER, {**OVER, "where": "output:1"}]
    page.set_recipe({**CAT, "controls": controls})
    page.settled()
    page.click("How much?")
    page.click("Draw 5 pictures")
    page.wait("return document.querySelectorAll('.cell img').length === 5")
    (axis,) = next(body for method, path, body in page.world.log if method == "POST" and path == "/v1/jobs")["spec"]["axes"]
    (field,) = axis["zip"]
    assert field["field"] == "controls" and field["labels"] == ["0", "0.25", "0.5", "0.75", "1"]
    assert [[c.get("strength", 1) for c in cell] for cell in field["values"]] == [[0, 0], [0.125, 0.25], [0.25, 0.5], [0.375, 0.75], [0.5, 1]]
    page.js("document.querySelectorAll('.cell button')[2].click()")
    assert [c["strength"] for c in page.controls()] == [0.25, 0.5]


def test_a_track_in_another_block_acts_when_it_did(page):
    cells = page.inside("import('/score/explore.js').then(({ explore }) => ['output:1', null].map((where) => explore(a[0], 'where', where, s.reading.state.grid)))",
                        [UNDER, {**OVER, "where": "output:2"}])
    assert cells[0] == [inject(where="output:1", when={"steps": [0, 5]}, strength=0.5), inject(where="output:1", when={"steps": [5, 8]}),
                        inject(where="output:1", when={"steps": [8, 20]}, strength=0.5)]
    assert cells[1][0] == inject(when={"steps": [0, 5]}, strength=0.5)
    late = page.inside("import('/score/explore.js').then(({ explore }) => explore(a[0], 'when', { steps: [13, 20] }, s.reading.state.grid))", [UNDER, {**OVER, "where": "output:2"}])
    assert late == [inject(where="middle:0", when={"steps": [13, 20]}, strength=0.5), inject(where="output:2", when={"steps": [13, 20]})]


def test_a_controlnet_is_a_track_over_the_blocks_that_it_adds_to(page):
    page.set_recipe(CAT)
    page.click("Add track")
    page.js("[...document.querySelectorAll('.kind')].find((k) => k.textContent.startsWith('ControlNet')).click()")
    page.see("expected either picture", "#tracks .chosen")
    page.js("const f = document.querySelector('.chosen [data-key$=\"-file\"]'); f.value = 'edges'; f.dispatchEvent(new Event('change'))")
    page.inside("fetch('/icon.svg').then((r) => r.blob()).then((b) => { const t = new DataTransfer(); t.items.add(new File([b], 'x.png', { type: 'image/png' }));"
                "const f = document.querySelector('.lead input'); f.files = t.files; f.dispatchEvent(new Event('change')); })")
    net = {"kind": "controlnet", "file": "edges", "picture": "upload:f1", "prepare": "canny"}
    page.until(lambda: page.controls() == [net], "the picture's name in the recipe")
    page.see("acts on all 20 steps, 4 of 4 blocks", ".readout")
    page.drag(("input:1", 10), ("input:1", 19), hold=Keys.ALT)
    assert page.controls() == [{**net, "where": "input:0, input:2, middle:0"}, {**net, "where": "input:1", "when": {"steps": [0, 10]}}]
    page.drag(("output:0", 3), ("output:0", 4))
    assert len(page.controls()) == 2


def test_painting_a_track_leaves_one_that_says_the_same(page):
    page.set_recipe({**CAT, "controls": []})
    page.inside("s.store.edit({ ...s.store.doc, drafts: [1, 2].map(() => ({ kind: 'inject', prompt: 'a dragon' })) })")
    page.inside("s.score.model.select(0)")
    page.drag(("middle:0", 2), ("middle:0", 6))
    page.inside("s.score.model.select(1)")
    page.drag(("input:0", 8), ("input:0", 12))
    assert page.controls() == [inject(where="middle:0", when={"steps": [2, 7]}), inject(where="input:0", when={"steps": [8, 13]})]


def test_typing_stays_in_its_track_when_it_says_what_the_one_above_says(page):
    page.set_recipe({**CAT, "controls": [inject("a cat", where="middle:0"), inject("a", where="input:0"), inject("snow", where="output:0")]})
    page.settled()
    page.inside("s.score.model.select(1)")
    field = page.find("#tracks .chosen input[type=text]")
    field.send_keys(" cat x")
    assert [c["prompt"] for c in page.controls()] == ["a cat", "a cat x", "snow"]

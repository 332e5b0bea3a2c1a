"""What is broken, late or gone: the page stays whole and loses nothing."""
import json

from selenium.webdriver.common.keys import Keys

CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20}
DRAGON = {"kind": "inject", "prompt": "a dragon", "where": "middle:0"}


def patches(page):
    return [body["controls"] for method, path, body in page.world.log if method == "PATCH" and path.startswith("/v1/jobs")]


def test_blocks_without_attention_are_no_rows_and_no_names(page):
    names = page.inside(
        "import('/score/grid.js').then(({ makeGrid, spellWhere }) => { const block = (name, n) => ({ name, resolution: 8, layers: Array.from({ length: n }, (_, i) => ({ site: `${name}.${i}`, path: `${name}.${i}`, kind: 'attn2', heads: 4 })) });"
        "const grid = makeGrid([block('input:0', 2), block('input:1', 1), block('input:2', 0), block('middle:0', 1), block('output:0', 0), block('output:1', 1)], [{ step: 0, sigma: 1, progress: 0 }]);"
        "return [grid.blocks.map((b) => b.name), spellWhere(grid, Uint8Array.of(1, 1, 0, 0, 0))]; })")
    assert names == [["input:0", "input:1", "middle:0", "output:1"], "input:0"]


def test_painting_keeps_what_no_cell_shows(page):
    """A window that meets no step, and layers that only the server knows, with and without its answer."""
    controls = [DRAGON, {**DRAGON, "where": "ldm:output_3", "when": {"steps": [2, 4]}}, {**DRAGON, "when": {"steps": [30, 40]}}]
    for said in ([], [{}, {"layers": ["up_blocks.1.attentions.0.transformer_blocks.0.attn2"]}, {}]):
        again = page.inside(
            "import('/score/tracks.js').then((t) => { const g = s.reading.state.grid, [x] = t.tracksOf({ recipe: { controls: a[0] }, drafts: [] }), cells = t.cellsOf(x, g, a[1]);"
            "cells.data.set([1, 1], 0); return t.controlsOf(x, cells, g, undefined, a[1]); })", controls, said)
        assert again[:3] == controls and again[3]["when"] == {"steps": [0, 2]}, again


def test_json_as_the_page_writes_it_is_the_recipe(page):
    for prompt in ('a sign "open", at night', 'a, "b', '"a, b": c', "a\\, b"):
        recipe = {**CAT, "prompt": prompt}
        assert page.inside("import('/panels/recipe.js').then(({ compact }) => JSON.parse(compact(a[0])))", recipe) == recipe


def test_what_is_no_recipe_is_said_and_not_taken(page):
    page.inside("s.panels.show('recipe')")
    write = "const t = document.getElementById('recipe-json'); t.focus(); t.value = arguments[0]; t.dispatchEvent(new Event('input'))"
    before = page.recipe()
    for text, field in (('{"controls": 5}', "[controls]"), ('{"edits": [null]}', "[edits[0]]"), ('{"edits": [{"controls": {}}]}', "[edits[0].controls]"), ('{"steps": 5000}', "1 to 1000 steps"), ('{"controls": [{"kind": "inject", "prompt": "x", "strength": {}}]}', "[controls[0].strength]"), ("[1]", "one object")):
        page.js(write, text)
        page.see(field, ".recipe-status")
        assert page.recipe() == before
    page.inside("s.reading.ask()")
    page.see("one object", ".recipe-status")
    page.js(write, json.dumps(CAT))
    page.see("The server would draw this.", ".recipe-status")
    assert page.recipe() == CAT
    page.inside("s.actions.takeRecipe({ nodes: [], controls: {} }, 'taken')")
    page.see("[controls]", ".toast")
    assert page.recipe() == CAT


def remember(page, **fields):
    """A reload of a page whose tab remembers this recipe."""
    text = json.dumps({"doc": {"recipe": {**CAT, "prompt": "a fox", **fields}, "drafts": []}, "view": {}})
    page.js("const text = arguments[0]; addEventListener('pagehide', () => { for (const s of [localStorage, sessionStorage]) s.setItem('corepulse-studio', text); })", text)
    page.browser.refresh()
    page.wait("return document.body.dataset.ready !== undefined")


def test_a_damaged_memory_is_no_blank_page(page):
    for damage in ({"controls": [{"kind": "inject", "where": 5}]}, {"edits": {}}, {"edits": [{"controls": {}}]}, {"steps": 10**12}):
        remember(page, **damage)
        assert page.recipe()["prompt"] == "a cat in a park", damage


def test_a_recipe_that_the_page_cannot_show_does_not_outlive_a_reload(page):
    script = ("const { set, ...d } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value');"
              "Object.defineProperty(HTMLTextAreaElement.prototype, 'value', { ...d, set(v) { if (v === 'a hard one') throw new Error('too hard'); set.call(this, v); } })")
    added = page.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        remember(page, prompt="a hard one")
        page.see("too hard", ".toast")
        page.settled()
        assert page.recipe()["prompt"] == "a cat in a park"
    finally:
        page.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_steps_are_as_many_as_a_run_can_have(page):
    page.settled()
    page.js("const f = document.querySelector('.settings [data-key=Steps]'); f.focus(); f.value = '1000000000'; f.dispatchEvent(new Event('change'))")
    assert page.recipe()["steps"] == 1000 and page.js("return document.activeElement.value") == "1000"
    page.see("1 to 1000 steps", ".toast")
    assert page.inside("import('/reading.js').then((r) => [1e9, 0, null, 2.4].map((n) => r.guessedCalls(n).length))") == [1000, 1, 1, 2]


def test_live_goes_on_after_a_run_that_ended_with_a_change_under_way(page):
    page.world.hold()
    page.click("Draw")
    page.see("Step 1", ".message")
    page.inside("(s.store.editRecipe({ controls: a[0] }), void s.player.cancel())", [{**DRAGON, "strength": 0.5}])
    page.see("Stopped", ".message")
    page.inside("s.player.draw()")
    page.see("Step 1", ".message")
    page.inside("s.store.editRecipe({ controls: a[0] })", [DRAGON])
    page.until(lambda: [DRAGON] in patches(page), "the second run's change")
    page.world.go()
    page.idle()


def test_another_recipe_does_not_change_the_running_picture(page):
    page.world.hold()
    page.click("Draw")
    page.see("Step 1", ".message")
    page.inside("s.actions.takeRecipe(a[0], 'taken')", {**CAT, "prompt": "a fox", "controls": [DRAGON]})
    assert not page.inside("s.player.changing")
    page.inside("s.store.editRecipe({ controls: [] })")
    assert not page.inside("s.player.changing")
    page.world.go()
    page.idle()
    assert not patches(page)


HELD = "return document.querySelector('.held').textContent.includes('another recipe')"


def test_live_waits_while_another_recipe_is_there_and_says_so(page):
    """Through a reload, too; what undo brings back is the picture's again."""
    page.world.hold()
    page.click("Draw")
    page.see("Step 1", ".message")
    fox = {**CAT, "prompt": "a fox", "controls": [DRAGON]}
    page.inside("s.actions.takeRecipe(a[0], 'taken')", fox)
    assert page.js(HELD)
    page.inside("s.store.undo()")
    assert not page.js(HELD)
    page.inside("s.store.editRecipe({ controls: [] })")
    page.until(lambda: patches(page) == [[]], "the change")
    page.inside("s.actions.takeRecipe(a[0], 'taken')", fox)
    page.browser.refresh()
    page.wait("return document.querySelector('.draw.stopping')")
    page.until(lambda: page.inside("s.player.job.state") == "running", "the run")
    assert page.js(HELD)
    page.inside("s.store.editRecipe({ controls: [] })")
    assert not page.inside("s.player.changing")
    page.world.go()
    page.idle()
    assert patches(page) == [[]] and not page.js(HELD)


def test_a_new_tab_does_not_change_another_tabs_picture(page):
    page.world.hold()
    page.click("Draw")
    page.see("Step 1", ".message")
    page.inside("s.store.editRecipe({ steps: 30 })")
    page.until(lambda: page.js("return localStorage['corepulse-studio'].includes('\"job\":\"j1\"')"), "what a new tab begins with")
    first = page.browser.current_window_handle
    try:
        page.browser.switch_to.new_window("tab")
        page.open()
        assert page.recipe()["steps"] == 30 and not page.inside("s.player.busy")
        page.browser.close()
    finally:
        page.browser.switch_to.window(first)
    page.world.go()
    page.idle()


AT = "const c = document.querySelector('.score-canvas'), b = c.getBoundingClientRect(), m = s.score.model; c.setPointerCapture = () => {};" \
     "const at = (t, row, step) => { const r = m.plan.rows.find((r) => r.label === row); c.dispatchEvent(new PointerEvent(t, { clientX: b.left + (step + 0.5) * m.plan.column, clientY: b.top + r.y + 9, pointerId: 1, bubbles: true })); };"


def test_a_stroke_ends_where_another_recipe_comes(page):
    page.set_recipe({**CAT, "controls": [DRAGON]})
    page.settled()
    fox = {**CAT, "prompt": "a fox", "controls": [{"kind": "inject", "prompt": "snow", "where": "output:0"}]}
    page.inside(f"(() => {{ {AT} at('pointerdown', 'input:0', 2); at('pointermove', 'input:0', 4); s.actions.takeRecipe(a[0], 'taken');"
                "at('pointermove', 'input:0', 6); at('pointerup', 'input:0', 6); })()", fox)
    assert page.recipe() == fox
    page.settled()
    page.inside(f"(() => {{ {AT} at('pointerdown', 'input:0', 2); at('pointermove', 'input:0', 4); s.store.undo();"
                "at('pointermove', 'input:0', 6); at('pointerup', 'input:0', 6); })()")
    assert page.recipe() == fox and page.inside("s.score.model.stroke") is None


def test_the_plain_picture_is_of_the_picture_that_is_shown(page):
    page.click("Draw")
    page.see("Done in", ".message")
    page.wait("return !document.querySelector('[data-key=compare]').disabled")
    page.click("Before / after")
    page.wait("return !document.querySelector('.wipe').hidden")
    page.inside("s.player.draw()")
    page.wait("return document.querySelector('.wipe').hidden")
    page.idle()
    assert page.js("return document.querySelector('[data-key=compare]').getAttribute('aria-pressed')") == "false"


def test_a_number_that_is_being_typed_survives_an_answer(page):
    page.set_recipe({**CAT, "controls": [DRAGON]})
    page.wait("return document.querySelector('[data-key=\"0-gain_k\"]')")
    page.js("document.querySelector('[data-key=\"0-gain_k\"]').focus()")
    page.keys("3")
    page.inside("s.reading.ask()")
    assert page.js("return document.activeElement.value") == "3"
    page.keys(Keys.TAB)
    assert page.controls() == [{**DRAGON, "gain_k": 3}]


def test_pixels_of_a_region_are_fractions_on_the_page(page):
    region = {"shape": "add", "unit": "pixel", "feather": 16, "parts": [{"shape": "rectangle", "unit": "pixel", "box": [64, 0, 128, 256]}, {"shape": "ellipse", "center": [0.5, 0.5], "radii": [0.1, 0.2]}]}
    assert page.inside("import('/region.js').then(({ inFractions }) => inFractions(a[0], 512, 256))", region) == {
        "shape": "add", "feather": 0.0625, "parts": [{"shape": "rectangle", "box": [0.125, 0, 0.25, 1]}, {"shape": "ellipse", "center": [0.5, 0.5], "radii": [0.1, 0.2]}]}


def test_moments_of_a_run_of_two_steps_are_not_empty(page):
    axis = page.inside("import('/panels/sweep.js').then(({ explored }) => explored({ start: 0, control: { kind: 'inject' }, controls: [{ kind: 'inject' }] }, 'when', { steps: [0, 1], blocks: [] }))")
    assert axis["values"] == [{"steps": [0, 1]}, {"steps": [1, 2]}, {"steps": [0, 2]}] and axis["labels"] == ["early", "late", "always"]


def test_an_answer_that_breaks_off_is_a_server_that_is_away(page):
    page.js("const real = window.fetch; window.fetch = async (path, how) => { const answer = await real(path, how); if (!/explain/.test(path)) return answer; window.fetch = real;"
            "return { ok: true, status: 200, headers: answer.headers, text: () => Promise.reject(new TypeError('network error')) }; }")
    page.inside("s.reading.ask()")
    page.wait("return document.querySelector('.toast').textContent.includes('The server is back')")
    page.settled()
    assert page.inside("s.reading.state.problem") is None

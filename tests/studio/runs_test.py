"""Drawing: previews, live changes, what is left behind and found again."""
CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20}
DRAGON = {"kind": "inject", "prompt": "a dragon", "where": "middle:0"}


def asked(page, method, path=""):
    return [body for m, p, body in page.world.log if m == method and p.startswith("/v1/jobs" + path)]


def test_the_first_visit_is_one_button(page):
    page.click("Draw it")
    page.see("Done in", ".message")
    page.wait("return document.querySelector('.picture').naturalWidth === 64")
    (job,) = asked(page, "POST")
    assert job["recipe"]["controls"][0]["where"] == "middle:0" and job["recipe"]["prompt"] == "a cat in a park"


def test_previews_and_playhead_follow_the_run(page):
    page.world.hold()
    page.click("Draw")
    page.wait("return document.querySelector('.picture').src.startsWith('data:image/png')")
    page.see("Step 1 of 20 · σ 14.6", ".message")
    assert page.inside("s.store.view.playhead.step") == 1
    page.world.go()
    page.idle()
    assert page.inside("s.store.view.playhead === undefined")


def test_a_second_pass_has_its_own_playhead(page):
    page.set_recipe({**CAT, "second_pass": {"scale": 1.5}})
    page.settled()
    page.world.until_pass(1)
    page.click("Draw")
    page.see("Pass 2: step 1 of 6", ".message")
    assert page.inside("s.store.view.playhead.pass") == 1
    assert page.inside("s.score.headAt(s.store.view.playhead)") == {"column": 15, "pass": 1}
    page.world.go()
    page.idle()


def test_a_stroke_while_it_draws_acts_at_the_next_step(page):
    page.world.hold()
    page.click("Draw")
    page.see("Step 1", ".message")
    page.drag(("input:0", 12), ("input:0", 19))
    painted = {"kind": "inject", "prompt": "a dragon", "gain_k": 2, "gain_v": 2, "where": "input:0", "when": {"steps": [12, 20]}}
    page.until(lambda: any(painted in body["controls"] for body in asked(page, "PATCH")), "the stroke's change")
    page.world.go()
    page.idle()
    page.see("live change", ".message")


def test_a_reload_in_the_middle_finds_the_run_again(page):
    page.world.hold()
    page.click("Draw")
    page.see("Step 1", ".message")
    page.browser.refresh()
    page.wait("return document.body.dataset.ready !== undefined")
    page.wait("return document.querySelector('.draw.stopping')")
    page.world.go()
    page.see("Done in", ".message")
    assert len(asked(page, "POST")) == 1


def test_a_reload_in_the_first_visit_keeps_its_button(page):
    page.browser.refresh()
    page.click("Draw it")
    page.see("Done in", ".message")


def test_a_restart_of_the_server_is_said_and_gone_through(page):
    page.world.hold()
    page.click("Draw")
    page.see("Step 1", ".message")
    page.kill()
    page.see("The server is away", ".banner")
    page.revive()
    page.world.go()
    page.wait("return document.querySelector('.banner').hidden")
    page.see("restarted while it drew", ".message")
    page.click("Draw")
    page.see("Done in", ".message")


def test_offline_is_said_and_nothing_is_lost(page):
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    page.drag(("input:0", 0), ("input:0", 4))
    page.see("The server is away", ".banner")
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    page.wait("return document.querySelector('.banner').hidden")
    assert len(page.controls()) == 2
    page.see("acts on all 20 steps, 3 of 16 layers", ".readout")


def test_stop_stops(page):
    page.world.hold()
    page.click("Draw")
    page.see("Step 1", ".message")
    page.click("Stop")
    page.see("Stopped", ".message")


def test_a_run_is_stopped_that_the_server_has_not_yet_answered_about(page):
    page.hold_answers("^/v1/jobs$")
    page.world.hold()
    page.click("Draw")
    page.wait("return window.held.length === 1")
    page.click("Stop")
    page.see("Stopping", ".message")
    page.let_go()
    page.see("Stopped", ".message")
    assert page.world.jobs["j1"]["state"] == "cancelled"


def test_a_run_that_could_not_be_stopped_goes_on(page):
    page.world.hold()
    page.click("Draw")
    page.see("Step 1", ".message")
    page.js("const real = window.fetch; window.fetch = (path, how) => how.method !== 'DELETE' ? real(path, how)"
            ": Promise.resolve(new Response('{\"detail\": \"not now\"}', { status: 500, headers: { 'Content-Type': 'application/json' } }))")
    page.click("Stop")
    page.see("not now", ".toast")
    assert page.inside("s.player.busy")
    page.world.go()
    page.see("Done in", ".message")


def test_before_and_after_are_of_one_seed(page):
    page.click("Draw")
    page.see("Done in", ".message")
    page.wait("return !document.querySelector('[data-key=compare]').disabled")
    page.click("Before / after")
    page.wait("return !document.querySelector('.wipe').hidden")
    plain = asked(page, "POST")[-1]["recipe"]
    assert "controls" not in plain and plain["seed"] == 3


def test_a_words_heat_map_lies_over_the_picture(page):
    page.click("Draw")
    page.see("Done in", ".message")
    page.settled()
    page.js("document.querySelectorAll('.chip')[1].focus()")
    page.wait("return !document.querySelector('.heat').hidden && document.querySelector('.heat').src.endsWith('-cat.png')")


def test_a_word_without_a_heat_map_says_why(page):
    page.set_recipe({**CAT, "prompt": " ".join(f"word{chr(97 + i)}" for i in range(18))})
    page.click("Draw")
    page.see("Done in", ".message")
    assert len(asked(page, "POST")[0]["heat_maps"]) == 16
    page.settled()
    page.js("document.querySelectorAll('.chip')[17].focus()")
    page.see("the first 16 words", ".caption")


def at(page, *places):
    """A pointer's way over the picture: down, along, up."""
    steps = "".join(f"at('{kind}', {x}, {y});" for kind, (x, y) in zip(["pointerdown", *["pointermove"] * (len(places) - 1)], places))
    page.inside("(() => { const c = document.querySelector('.region-canvas'), b = c.getBoundingClientRect(); c.setPointerCapture = () => {};"
                "const at = (t, x, y) => c.dispatchEvent(new PointerEvent(t, { clientX: b.left + x * b.width, clientY: b.top + y * b.height, pointerId: 1, bubbles: true }));"
                f"{steps} at('pointerup', {places[-1][0]}, {places[-1][1]}); }})()")


GREY = ("new Promise((done) => { const i = new Image(); i.onload = () => { const c = new OffscreenCanvas(256, 256).getContext('2d'); c.drawImage(i, 0, 0);"
        "done(a[0].map(([x, y]) => c.getImageData(x, y, 1, 1).data[0])); }; i.src = 'data:image/png;base64,' + s.store.recipe.controls[0].region.data; })")


def test_the_brush_goes_on_from_the_region_as_it_is(page):
    """From a shape, and from a picture's alpha."""
    alpha = page.js("const c = document.createElement('canvas'); c.width = c.height = 256; c.getContext('2d').fillRect(0, 0, 128, 256); return c.toDataURL().split(',')[1]")
    for region in ({"shape": "rectangle", "box": [0, 0, 0.5, 1]}, {"shape": "picture", "data": alpha, "channel": "alpha"}):
        page.set_recipe({**CAT, "controls": [{**DRAGON, "region": region}]})
        page.click("Brush", ".region-bar")
        at(page, (0.8, 0.5), (0.9, 0.5))
        page.until(lambda: page.controls()[0]["region"] != region, "the brush's mask")
        assert page.controls()[0]["region"].keys() == {"shape", "data"}
        assert page.inside(GREY, [[20, 128], [100, 20], [215, 128], [180, 20]]) == [255, 255, 255, 0]


def test_a_region_is_drawn_on_the_picture(page):
    page.set_recipe({**CAT, "controls": [DRAGON]})
    page.click("Rectangle", ".region-bar")
    page.inside("(() => { const c = document.querySelector('.region-canvas'), b = c.getBoundingClientRect(); c.setPointerCapture = () => {};"
                "const at = (t, x, y) => c.dispatchEvent(new PointerEvent(t, { clientX: b.left + x * b.width, clientY: b.top + y * b.height, pointerId: 1, bubbles: true }));"
                "at('pointerdown', 0, 0.25); at('pointermove', 0.5, 0.75); at('pointerup', 0.5, 0.75); })()")
    assert page.controls() == [{**DRAGON, "region": {"shape": "rectangle", "box": [0, 0.25, 0.5, 0.5]}}]
    page.click("Brush", ".region-bar")
    page.inside("(async () => { const c = document.querySelector('.region-canvas'), b = c.getBoundingClientRect(); c.setPointerCapture = () => {};"
                "const at = (t, x, y) => c.dispatchEvent(new PointerEvent(t, { clientX: b.left + x * b.width, clientY: b.top + y * b.height, pointerId: 1, bubbles: true }));"
                "at('pointerdown', 0.8, 0.5); at('pointermove', 0.9, 0.5); at('pointerup', 0.9, 0.5); })()")
    page.until(lambda: page.controls()[0]["region"]["shape"] == "picture", "the brush's mask")
    region = page.controls()[0]["region"]
    assert region["shape"] == "picture" and len(region["data"]) > 100


def test_a_sweep_makes_a_sheet_and_a_click_takes_a_cell(page):
    page.set_recipe({**CAT, "controls": [DRAGON]})
    page.click("Which block?")
    page.click("Draw 7 pictures")
    page.wait("return document.querySelectorAll('.cell img').length === 7")
    (job,) = asked(page, "POST")
    assert job["spec"]["axes"] == [{"field": "controls[0].where", "values": ["input:0", "input:1", "input:2", "middle:0", "output:0", "output:1", "output:2"]}]
    page.js("document.querySelectorAll('.cell button')[5].click()")
    assert page.controls() == [{**DRAGON, "where": "output:1"}]
    page.inside("s.store.undo()")
    assert page.controls() == [DRAGON]


def test_a_reload_finds_a_sweep_of_whole_tracks_again(page):
    page.set_recipe({**CAT, "controls": [DRAGON, {**DRAGON, "where": "input:0", "strength": 0.5}]})
    page.settled()
    page.click("Which block?")
    page.world.until_cell(3)
    page.click("Draw 7 pictures")
    page.see("3 of 7 drawn", ".sweep")
    page.browser.refresh()
    page.see("3 of 7 drawn", ".sweep")
    assert page.js("return document.querySelectorAll('.cell img').length") == 3
    page.world.go()
    page.wait("return document.querySelectorAll('.cell img').length === 7")
    page.browser.refresh()
    page.wait("return document.querySelectorAll('.cell img').length === 7")
    page.js("document.querySelectorAll('.cell button')[5].click()")
    assert {c["where"] for c in page.controls()} == {"output:1"}


def test_two_thousand_pictures_and_a_search(page):
    page.world.fill(2000)
    page.inside("s.panels.show('history')")
    page.wait("return document.querySelectorAll('.tile').length > 5")
    page.wait("const v = document.querySelector('.history-view'); v.scrollTop = v.scrollHeight; return document.querySelector('.history').textContent.startsWith('2000 pictures')")
    assert page.js("return document.querySelectorAll('.tile').length") < 120
    page.find(".history input").send_keys("number 1234")
    page.wait("return document.querySelectorAll('.tile').length === 1")


def test_a_dropped_picture_brings_its_recipe(page):
    page.set_recipe({**CAT, "prompt": "a fox", "controls": [DRAGON]})
    page.click("Draw")
    page.see("Done in", ".message")
    page.set_recipe(CAT)
    page.inside("fetch('/v1/pictures/j1-0.png').then((r) => r.blob()).then((b) => { const t = new DataTransfer(); t.items.add(new File([b], 'x.png', { type: 'image/png' })); window.dispatchEvent(new DragEvent('drop', { dataTransfer: t, bubbles: true, cancelable: true })); })")
    page.see("Taken over from the picture", ".toast")
    assert page.recipe()["prompt"] == "a fox"
    page.inside("s.store.undo()")
    assert page.recipe() == CAT


DROP = "(() => { const t = new DataTransfer(); t.items.add(new File([a[0]], 'x.png', { type: 'image/png' })); window.dispatchEvent(new DragEvent('drop', { dataTransfer: t, bubbles: true, cancelable: true })); })()"


def test_only_a_picture_without_a_recipe_becomes_the_start(page):
    page.world.refused = "[picture] its graph goes round in a circle"
    page.inside(DROP, "a picture")
    page.see("round in a circle", ".toast")
    assert page.recipe().get("init") is None and not page.world.files
    page.world.refused = None
    page.inside(DROP, "another")
    page.until(lambda: page.recipe().get("init") == {"file": "upload:f1", "strength": 0.75}, "the start")


def test_the_recipe_is_edited_as_json(page):
    page.inside("s.panels.show('recipe')")
    page.js("const t = document.getElementById('recipe-json'); t.value = t.value.replace('middle:0', 'output:0'); t.dispatchEvent(new Event('input'))")
    page.wait("return document.querySelector('.readout').textContent === 'acts on all 20 steps, 3 of 16 layers'")
    page.js("const t = document.getElementById('recipe-json'); t.value = t.value.replace('inject', 'injec'); t.dispatchEvent(new Event('input'))")
    page.see('unknown kind "injec"', ".recipe-status")
    page.js("const t = document.getElementById('recipe-json'); t.value = '{'; t.dispatchEvent(new Event('input'))")
    page.see("Not JSON yet", ".recipe-status")

"""What is open, asked, pressed or being written stays so, whatever is drawn anew and whenever answers come."""
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20, "controls": [{"kind": "inject", "prompt": "a dragon", "where": "middle:0"}]}
ASKED = "return document.activeElement.textContent === 'Keep' && document.activeElement.closest('.tile').querySelector('.tile-picture').dataset.key"


def asked(page, method):
    return [path for m, path, _ in page.world.log if m == method and path.startswith("/v1/jobs")]


def ask(page, count=3):
    """The history, in which the removal of its second picture is asked about."""
    page.world.fill(count)
    page.inside("s.panels.show('history')")
    page.wait("return document.querySelectorAll('.tile').length === arguments[0]", count)
    page.js("document.querySelectorAll('.tile > .icon-button')[1].click()")
    page.wait(ASKED)


def test_a_picture_is_removed_only_when_it_is_meant(page):
    ask(page)
    page.keys(Keys.ESCAPE)
    page.wait("return !document.querySelector('.ask') && document.activeElement === document.querySelectorAll('.tile > .icon-button')[1]")
    assert not asked(page, "DELETE")
    page.js("document.activeElement.click()")
    page.click("Remove", ".ask")
    page.wait("return document.querySelectorAll('.tile').length === 2 && !document.querySelector('.ask')")
    assert asked(page, "DELETE") == ["/v1/jobs/old1"]


def test_the_question_stays_when_the_tiles_are_drawn_anew(page):
    ask(page)
    for again in ("document.querySelector('.history-view').dispatchEvent(new Event('scroll'))", "document.querySelector('.history-view').style.width = '260px'"):
        page.js("document.querySelector('.ask').old = true;" + again)
        page.wait("return document.querySelector('.ask')?.old === undefined")
        assert page.js(ASKED) == "old1.png"


def test_the_question_stays_when_the_history_is_read_anew(page):
    ask(page)
    page.world.remember("new", "new.png", CAT)
    page.inside("s.events.tell('drawn')")
    page.wait("return document.querySelectorAll('.tile').length === 4")
    assert page.js(ASKED) == "old1.png"
    page.keys(Keys.ESCAPE)
    assert page.js("return document.activeElement.dataset.key") == "trash old1.png"
    page.js("document.activeElement.click()")
    page.world.history[:] = [h for h in page.world.history if h["job"] != "old1"]  # somebody else's hand
    page.inside("s.events.tell('back')")
    page.wait("return document.querySelectorAll('.tile').length === 3 && !document.querySelector('.ask')")
    assert not asked(page, "DELETE")


def test_what_is_removed_does_not_come_back_with_an_answer_that_was_on_its_way(page):
    ask(page)
    page.hold_answers("^/v1/history")
    page.inside("s.events.tell('drawn')")
    page.wait("return window.held.length >= 2")  # the drawer's, and that of the last pictures
    page.js("document.querySelector('[data-key=\"ask yes\"]').click()")
    page.wait("return document.querySelectorAll('.tile').length === 2")
    page.let_go()
    assert page.js("return [...document.querySelectorAll('.tile-picture')].filter((t) => t.dataset.key === 'old1.png' && t.closest('.tile')).length") == 0


def test_a_finished_picture_does_not_move_the_history(page):
    page.world.fill(500)
    page.inside("s.panels.show('history')")
    page.wait("const v = document.querySelector('.history-view'); v.scrollTop = v.scrollHeight; return document.querySelector('.history').textContent.startsWith('500 pictures')")
    top = page.js("return document.querySelector('.history-view').scrollTop")
    page.world.remember("new", "new.png", CAT)
    page.inside("s.events.tell('drawn')")
    page.wait("return document.querySelector('.history').textContent.startsWith('501 pictures')")
    assert page.js("return document.querySelector('.history-view').scrollTop") == top


def sweep(page):
    page.set_recipe(CAT)
    page.settled()
    page.click("Which block?")
    page.wait("return document.querySelector('.sweep .primary')?.textContent === 'Draw 7 pictures'")


CELLS = "return document.querySelectorAll('.cell img').length === arguments[0]"


def sweep_with_held_answer(page):
    """It ends while an answer about it is on its way: at its first step the page asks what there is, and what it hears last may
    have been said first."""
    sweep(page)
    page.hold_answers("^/v1/jobs/j1$")
    page.world.hold()
    page.click("Draw 7 pictures")
    page.until(lambda: "j1" in page.world.heard, "the events' connection")
    page.world.until_cell(3)
    page.wait("return window.held.length === 1")
    page.world.go()
    page.wait(CELLS, 7)


def test_a_sweeps_pictures_stay_when_an_answer_comes_after_its_end(page):
    sweep_with_held_answer(page)
    page.let_go()
    assert page.js(CELLS, 7)


def test_an_answer_about_one_sweep_is_not_the_next_ones(page):
    sweep_with_held_answer(page)
    page.world.hold()
    page.click("Draw 7 pictures")
    page.wait(CELLS, 0)
    page.let_go()
    assert page.js(CELLS, 0)
    page.world.go()
    page.wait(CELLS, 7)


def test_two_clicks_begin_one_sweep(page):
    sweep(page)
    page.js("const b = document.querySelector('.sweep .primary'); b.click(); b.click()")
    page.wait(CELLS, 7)
    assert asked(page, "POST") == ["/v1/jobs"]


def button(page, name):
    found = page.js("return [...document.querySelectorAll('#tracks button')].find((b) => b.textContent === arguments[0])", name)
    page.js("arguments[0].scrollIntoView({block: 'center'})", found)
    page.settled()
    return found


def test_a_button_that_would_be_drawn_anew_while_it_is_pressed_is_clicked(page):
    page.set_recipe(CAT)
    page.settled()
    ActionChains(page.browser, duration=0).move_to_element(button(page, "Which block?")).click_and_hold().perform()
    page.inside("s.reading.ask()")
    page.inside("s.store.editRecipe({ steps: 30 })")
    page.settled()
    ActionChains(page.browser, duration=0).release().perform()
    page.wait("return document.querySelector('.sweep .primary')?.textContent === 'Draw 7 pictures'")


def test_a_button_is_clicked_straight_from_a_number(page):
    page.set_recipe(CAT)
    page.settled()
    chosen = button(page, "Which block?")
    page.js("document.querySelector('[data-key=\"0-gain_k\"]').focus({ preventScroll: true })")
    page.keys("3")
    ActionChains(page.browser, duration=0).move_to_element(chosen).click().perform()
    page.wait("return document.querySelector('.sweep .primary')?.textContent === 'Draw 7 pictures'")
    assert page.controls()[0]["gain_k"] == 3


def test_a_list_stays_that_is_opened_straight_from_a_number(page):
    """It would close if it were replaced."""
    page.set_recipe({**CAT, "controls": [{"kind": "guide_by", "perturb": "blur", "scale": 3, "where": "middle:0"}]})
    page.settled()
    for number, choice in (("[data-key=\"0-blur_sigma\"]", "[data-key=\"0-perturb\"]"), (".settings [data-key=Steps]", ".settings [data-key=Sampler]")):
        page.js("document.querySelector(arguments[0]).select()", number)
        page.keys("9")
        page.js("(window.list = document.querySelector(arguments[0])).focus()", choice)
        page.settled()
        page.inside("s.reading.ask()")
        assert page.js("return window.list.isConnected && document.activeElement === window.list"), choice
    assert page.recipe()["steps"] == 9 and page.controls()[0]["blur_sigma"] == 9


def test_json_that_is_being_written_stays_with_what_is_wrong_with_it(page):
    page.set_recipe(CAT)
    page.settled()
    page.js("document.querySelector('.chosen [data-key=json] summary').click()")
    for text, wrong in (('{"kind": ', "not JSON"), ('{"kind": 5}', "[controls[0].kind]")):
        page.js("const t = document.querySelector('.chosen .json-field textarea'); t.value = arguments[0]; t.dispatchEvent(new Event('input'));"
                "document.querySelector('.chosen .json-field button').click()", text)
        page.see(wrong, ".chosen .json-field .wrong")
        page.inside("s.reading.ask()")
        page.see(wrong, ".chosen .json-field .wrong")
        assert page.js("return document.querySelector('.chosen .json-field textarea').value") == text
    page.js("const t = document.querySelector('.chosen .json-field textarea'); t.value = t.value.replace('5', '\"smooth\"'); t.dispatchEvent(new Event('input'));"
            "document.querySelector('.chosen .json-field button').click()")
    assert page.controls() == [{"kind": "smooth"}]
    page.wait("return document.querySelector('.chosen .json-field textarea').value.includes('smooth')")
    assert page.js("return document.querySelector('.chosen .json-field .wrong').textContent") == ""


def test_a_forgotten_recipe_does_not_come_back_with_an_older_answer(page):
    page.world.recipes.update(a={**CAT, "prompt": "an ape"}, b={**CAT, "prompt": "a bee"})
    page.inside("s.panels.show('recipe')")
    page.wait("return document.querySelectorAll('.kept .icon-button').length === 2")
    page.hold_answers("^/v1/recipes$")
    page.inside("(s.panels.show('sweep'), s.panels.show('recipe'))")
    page.wait("return window.held.length === 1")
    page.click("Forget a", ".kept")
    page.click("Forget", ".recipe-panel .ask")
    page.wait("return window.held.length === 2")
    page.js("window.held.pop()()")
    page.wait("return document.querySelectorAll('.kept .icon-button').length === 1")
    page.let_go()
    assert page.js("return document.querySelectorAll('.kept .icon-button').length") == 1


def test_of_several_kept_recipes_the_last_that_was_clicked_is_taken(page):
    page.world.recipes.update(a={**CAT, "prompt": "an ape"}, b={**CAT, "prompt": "a bee"})
    page.inside("s.panels.show('recipe')")
    page.wait("return document.querySelectorAll('.kept .icon-button').length === 2")
    page.hold_answers("^/v1/recipes/a$")
    page.click("a", ".kept")
    page.wait("return window.held.length === 1")
    page.click("b", ".kept")
    page.until(lambda: page.recipe()["prompt"] == "a bee", "the last one")
    page.let_go()
    assert page.recipe()["prompt"] == "a bee"


def test_a_name_that_could_not_be_kept_stays(page):
    page.inside("s.panels.show('recipe')")
    page.kill()
    page.js("const f = document.querySelector('.keep input'); f.value = 'my dragon'; f.form.requestSubmit()")
    page.see("The server is away", ".toast")
    assert page.js("return document.querySelector('.keep input').value") == "my dragon"


def test_a_kept_recipe_is_forgotten_or_replaced_only_when_it_is_meant(page):
    page.world.recipes["a"] = {**CAT, "prompt": "an ape"}
    page.inside("s.panels.show('recipe')")
    page.click("Forget a", ".kept")
    page.keys(Keys.ESCAPE)
    page.wait("return document.querySelector('.recipe-panel .ask').hidden && document.activeElement.getAttribute('aria-label') === 'Forget a'")
    page.js("const f = document.querySelector('.keep input'); f.value = 'a'; f.form.requestSubmit()")
    page.click("Leave it", ".recipe-panel .ask")
    assert page.world.recipes == {"a": {**CAT, "prompt": "an ape"}}
    page.js("document.querySelector('.keep input').form.requestSubmit()")
    page.click("Replace", ".recipe-panel .ask")
    page.until(lambda: page.world.recipes["a"] == page.recipe(), "the new one")
    page.wait("return document.querySelector('.keep input').value === ''")
    page.click("Forget a", ".kept")
    page.click("Forget", ".recipe-panel .ask")
    page.until(lambda: not page.world.recipes, "the end of it")


def test_pictures_that_are_there_stay_when_the_next_page_of_them_fails(page):
    page.world.fill(500)
    page.inside("s.panels.show('history')")
    page.wait("return document.querySelectorAll('.tile').length > 5")
    page.js("window.asked = 0; const real = window.realFetch = window.fetch; window.fetch = (path, how) => (/before=/.test(path) ? (++window.asked, Promise.resolve(new Response('{\"detail\": \"no\"}',"
            "{ status: 500, headers: { 'Content-Type': 'application/json' } }))) : real(path, how))")
    page.js("const v = document.querySelector('.history-view'); v.scrollTop = v.scrollHeight")
    page.see("could not be read", ".history")
    assert page.js("return document.querySelectorAll('.tile').length > 5 && !document.querySelector('.history-view').hidden && window.asked") == 1
    page.js("window.fetch = window.realFetch")
    page.click("Try again", ".history")
    page.wait("return document.querySelector('.panel-empty').hidden && document.querySelector('.history').textContent.startsWith('400')")


def test_the_drawer_lies_over_what_has_no_focus(page):
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1000, "height": 900, "deviceScaleFactor": 1, "mobile": False})
    inert = "return ['.top', '.easel', '.desk'].map((q) => document.querySelector(q).inert).join()"
    try:
        page.click("Open History")
        assert page.js(inert) == "true,true,true"
        page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1400, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        page.wait("return !document.querySelector('.desk').inert")
        page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1000, "height": 900, "deviceScaleFactor": 1, "mobile": False})
        page.wait("return document.querySelector('.desk').inert")
        beside = "document.querySelector(arguments[0]).dispatchEvent(new PointerEvent('pointerdown', { bubbles: true })); document.elementFromPoint(100, 500).click(); return document.querySelector('.drawer').hidden"
        assert not page.js(beside, ".drawer")  # text was selected
        assert page.js(beside, "main")
        assert page.js(inert) == "false,false,false"
        page.world.hold()
        page.inside("(void s.player.draw(), s.panels.show('recipe'))")
        page.see("Step 1", ".message")
        page.keys(Keys.ESCAPE)
        assert page.js("return document.querySelector('.drawer').hidden") and page.inside("s.player.busy")
        page.keys(Keys.ESCAPE)
        page.see("Stopped", ".message")
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_track_that_has_come_to_an_end_of_the_list_keeps_the_focus(page):
    page.set_recipe({**CAT, "controls": [*CAT["controls"], {"kind": "mask_tokens", "phrase": "cat"}]})
    page.settled()
    for key, other in (("down", "up"), ("up", "down")):
        page.js("document.querySelector(`.chosen [data-key=${arguments[0]}]`).focus()", key)
        page.keys(Keys.ENTER)
        page.wait("return document.activeElement.dataset.key === arguments[0]", other)


def test_names_that_every_object_has_are_no_kinds(page):
    page.set_recipe({**CAT, "controls": [{"kind": "constructor"}, {"kind": "toString"}]})
    page.see("constructor", "#tracks")
    page.settled()
    assert "native code" not in page.js("return document.querySelector('#tracks').textContent")


def test_choices_are_called_as_the_texts_say(page):
    page.set_recipe({**CAT, "controls": [{"kind": "mask_tokens", "phrase": "cat"}]})
    page.settled()
    assert page.js("return [...document.querySelectorAll('.chosen option')].map((o) => o.textContent).filter((t) => /cond|keep|reencode/.test(t))") == []

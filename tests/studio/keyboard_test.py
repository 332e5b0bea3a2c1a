"""Everything without a pointer, and for those who cannot see it."""
from selenium.webdriver.common.keys import Keys

CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20}


def test_the_example_by_keys_alone(page):
    page.set_recipe(CAT)
    page.js("document.querySelector('.add-track').focus()")
    page.keys(Keys.ENTER)
    page.keys(Keys.ENTER)
    page.wait("return document.activeElement.matches('.chosen input')")
    page.keys("a dragon")
    page.js("document.activeElement.blur()")
    page.keys("g")
    page.keys(Keys.HOME, *[Keys.ARROW_DOWN] * 3)
    page.chord(Keys.SHIFT, Keys.END)
    page.keys(Keys.SPACE)
    assert page.controls() == [{"kind": "inject", "prompt": "a dragon", "where": "middle:0"}]
    page.keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, "]")
    page.keys("5")
    assert [c.get("strength", 1) for c in page.controls()].count(0.5) == 1
    page.chord(Keys.CONTROL, Keys.ENTER)
    page.see("Done in", ".message")


def test_the_grid_says_what_a_cell_holds(page):
    page.keys("g")
    page.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    page.wait("return document.getElementById(document.querySelector('[role=grid]').getAttribute('aria-activedescendant')).getAttribute('aria-label')"
              " === 'middle:0, step 1, sigma 10.7: a dragon 1'")
    assert page.js("return document.querySelector('[role=grid]').getAttribute('aria-rowcount')") == "7"


def test_words_are_weighed_and_masked(page):
    page.set_recipe(CAT)
    page.wait("return document.querySelectorAll('.chip').length === 5")
    page.js("document.querySelectorAll('.chip')[1].focus()")
    page.keys(Keys.ARROW_UP, Keys.ARROW_UP)
    assert page.controls() == [{"kind": "reweight", "phrase": "cat", "scale": 1.2}]
    page.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert page.controls() == []
    page.js("document.querySelectorAll('.chip')[0].focus()")
    page.keys(Keys.SPACE)
    assert page.controls() == [{"kind": "mask_tokens", "phrase": "a", "occurrence": 1}]
    page.wait("return document.querySelector('.chip').getAttribute('aria-pressed') === 'true'")


def test_in_a1111s_syntax_a_words_weight_is_written_into_the_prompt(page):
    page.set_recipe({**CAT, "prompt": "a cat", "syntax": "a1111"})
    page.settled()
    page.hold_answers("^/v1/tokenize")  # the words of the new text, which come after the second key, too
    page.js("document.querySelectorAll('.chip')[1].focus()")
    page.keys(Keys.ARROW_UP, Keys.ARROW_UP)
    page.let_go()
    assert page.recipe() == {**CAT, "prompt": "a (cat:1.2)", "syntax": "a1111"}
    page.inside("s.store.undo()")
    assert page.recipe()["prompt"] == "a cat"
    weigh = "import('/prompt.js').then(({ weighA1111 }) => a[0].map(([text, word, to]) => weighA1111(text, word, to)))"
    of = lambda begin, end, weight: {"begin": begin, "end": end, "weight": weight}
    assert page.inside(weigh, [["é (cat:1.3) in", of(4, 7, 1.3), 1], ["((snow))", of(2, 6, 1.21), 1.331], ["(a cat:0.8)", of(3, 6, 0.8), 1.2], ["\\(cat:2)", of(2, 5, 1), 2]]) == [
        "é cat in", "(((snow:1.1)))", "(a (cat:1.5):0.8)", "\\((cat:2):2)"]
    joined = page.inside("import('/prompt.js').then(({ wordsOf }) => wordsOf([['na', 0, 2], ['ï', 2, 4], ['ï', 2, 4], ['ve', 4, 6]].map(([text, begin, end]) => ({ text, begin, end }))).map((w) => [w.text, w.tokens]))")
    assert joined == [["naïve", 4]]


def axe(page):
    from axe_core_python.sync_playwright import Axe
    page.js(Axe().axe_script)
    found = page.browser.execute_async_script("const done = arguments[0]; axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((r) => done(r.violations.map((v) => [v.id, v.nodes.slice(0, 4).map((n) => n.html + ' ' + n.failureSummary)])))")
    assert not found, found


def test_axe_finds_nothing_in_light_and_dark_with_every_panel(page):
    page.set_recipe({**CAT, "controls": [{"kind": "inject", "prompt": "a dragon", "where": "middle:0", "strength": [[0, 1], [1, 0]]}, {"kind": "mask_tokens", "phrase": "cat"}]})
    page.world.fill(30)
    for theme, panel in (("light", "history"), ("light", "recipe"), ("dark", "sweep"), ("dark", "history")):
        page.js("document.documentElement.dataset.theme = arguments[0]", theme)
        page.inside("s.panels.show(a[0])", panel)
        if panel == "history":
            page.wait("return document.querySelectorAll('.tile').length > 5")
        if panel == "sweep":
            page.js("document.querySelector('.add-track').click()")
        page.keys("g")
        axe(page)


def test_axe_finds_nothing_on_the_first_visit_in_the_list_of_keys_and_where_something_is_wrong(page):
    page.settled()
    axe(page)
    page.keys("?")
    axe(page)
    page.js("document.querySelector('dialog.keys').close()")
    page.set_recipe({**CAT, "controls": [{"kind": "inject", "prompt": "a dragon", "where": "middle:7"}]})
    page.see("names no attention layer", "#tracks")
    page.click("Draw")
    page.see("names no attention layer", ".problem")
    page.kill()
    page.inside("void s.reading.ask()")
    page.see("The server is away", ".banner")
    axe(page)
    page.revive()


def test_shortcuts_of_one_key_can_be_switched_off(page):
    page.keys("e")
    assert page.inside("s.score.model.tool") == "erase"
    page.keys("?")
    page.js("document.querySelector('dialog.keys input[type=checkbox]').click(); document.querySelector('dialog.keys').close()")
    page.js("document.activeElement.blur()")
    page.keys("b", "?", "p", "g")
    assert page.inside("s.score.model.tool") == "erase"
    assert page.js("return !document.querySelector('dialog.keys').open && document.activeElement === document.body")
    assert page.js("return document.querySelector('[data-key=rect]').getAttribute('aria-label')") == "Rectangle"
    page.browser.refresh()
    page.settled()
    page.keys("r")
    assert page.inside("s.score.model.tool") == "brush"


def test_a_run_is_announced_thrice_and_not_step_by_step(page):
    page.js("window.heard = []; for (const e of document.querySelectorAll('[role=status], [role=alert], [aria-live]'))"
            "new MutationObserver(() => e.textContent && window.heard.push(e.textContent)).observe(e, { childList: true, characterData: true, subtree: true })")
    page.world.hold()
    page.click("Draw")
    page.wait("return window.heard.includes('Drawing.')")
    page.world.go()
    page.wait("return window.heard.some((t) => t.startsWith('Done in'))")
    heard = page.js("return window.heard")
    assert len(heard) <= 3 and not [t for t in heard if "Step" in t], heard


def test_forced_colours_reach_the_score_and_say_what_is_pressed(page):
    theme = "((m) => { const c = document.querySelector('.score-canvas'), r = m.plan.rows[0], d = c.width / c.clientWidth; return [...c.getContext('2d').getImageData(2 * d, (r.y + 4) * d, 1, 1).data].slice(0, 3); })(s.score.model)"
    page.set_recipe(CAT)
    try:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "forced-colors", "value": "active"}, {"name": "prefers-color-scheme", "value": "dark"}]})
        page.until(lambda: page.inside(theme) == [0, 0, 0], "a black sheet")
        pressed, other = page.js("return ['[data-key=brush][aria-pressed]', '[data-key=rect]'].map((q) => getComputedStyle(document.querySelector(q)).backgroundColor)")
        assert pressed != other
        axe(page)
    finally:
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_what_is_being_typed_is_drawn(page):
    """A number and a seed are told when their field is left, JSON a moment after the last letter; a key draws before that."""
    page.set_recipe(CAT)
    page.settled()
    for field, key, value in ((".settings [data-key=Steps]", "steps", 7), (".seed input", "seed", 5)):
        page.js("const f = document.querySelector(arguments[0]); f.focus(); f.select()", field)
        page.keys(str(value))
        page.chord(Keys.CONTROL, Keys.ENTER)
        page.until(lambda: page.world.jobs, "a run")
        page.see("Done in", ".message")
        assert page.world.jobs.popitem()[1]["recipe"][key] == value
    page.inside("s.panels.show('recipe')")
    write = ("const t = document.getElementById('recipe-json'); t.focus(); t.value = arguments[0]; t.dispatchEvent(new Event('input'));"
             "t.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', ctrlKey: true, bubbles: true, cancelable: true }))")
    page.js(write, '{"version": 1, "prompt": ')
    page.see("Not JSON yet", ".recipe-status")
    assert not page.inside("s.player.busy") and not page.world.jobs
    page.js(write, '{"version": 1, "prompt": "a fox"}')
    page.until(lambda: page.world.jobs, "a run")
    assert page.world.jobs["j1"]["recipe"]["prompt"] == "a fox"
    page.idle()


def test_what_has_the_focus_does_not_lie_under_the_head_of_the_page(page):
    page.settled()
    hidden = page.js("const head = document.querySelector('.top').getBoundingClientRect().bottom; scrollTo(0, 1e6); const all = [...document.querySelectorAll('.desk :is(button, input, select, textarea, summary)')].reverse();"
                     "return all.filter((e) => { if (!e.getClientRects().length) return false; e.focus(); return e.getBoundingClientRect().bottom < head + 4; }).map((e) => e.outerHTML.slice(0, 80))")
    assert not hidden

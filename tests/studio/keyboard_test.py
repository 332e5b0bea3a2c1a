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

"""About the picture and beside it: regions and their edges, the start, what is saved, the colours of the page."""
from selenium.webdriver.common.action_chains import ActionChains

CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20}
DRAGON = {"kind": "inject", "prompt": "a dragon", "where": "middle:0"}
BOX = {"shape": "rectangle", "box": [0, 0, 0.5, 1]}
SLIDE = "const f = document.querySelector(`[aria-label=\"${arguments[0]}\"]`); f.value = arguments[1]; f.dispatchEvent(new Event('input')); f.dispatchEvent(new Event('change'))"


def test_a_regions_edge_is_softened_turned_around_and_cleared(page):
    page.set_recipe({**CAT, "controls": [{**DRAGON, "region": BOX}]})
    page.click("Rectangle", ".region-bar")
    page.js(SLIDE, "Feather", 0.1)
    page.click("Invert", ".region-bar")
    assert page.controls() == [{**DRAGON, "region": {**BOX, "feather": 0.1, "invert": True}}]
    page.click("Invert", ".region-bar")
    assert page.controls() == [{**DRAGON, "region": {**BOX, "feather": 0.1}}]
    page.click("Everywhere", ".region-bar")
    assert page.controls() == [DRAGON]


def test_a_run_from_a_picture_draws_a_part_of_it_anew(page):
    init = {"file": "upload:f1", "strength": 0.75}
    page.world.files["f1"] = b""
    page.set_recipe({**CAT, "init": init})
    page.js(SLIDE, "Change", 0.5)
    page.click("Inpaint a part", ".init-bar")
    page.click("Only around the mask", ".init-bar")
    told = page.recipe()["init"]
    assert 0.49 < told["strength"] < 0.51 and told["mask"]["shape"] == "ellipse" and told["only_masked"] == 32
    assert page.js("return document.querySelector('.region-of select').selectedOptions[0].textContent") == "the inpainting mask"
    page.click("Repaint all", ".init-bar")
    assert page.recipe()["init"] == {**init, "strength": told["strength"]}
    page.click("Start from noise", ".init-bar")
    assert page.recipe() == CAT


def test_words_beyond_the_limit_are_shown(page):
    page.set_recipe({**CAT, "prompt": " ".join(["cat"] * 75 + ["fox", "owl"])})
    page.see("Not read, beyond the limit: fox owl", ".cut")
    assert page.js("return document.querySelector('.used.over').textContent") == "75 of 75 tokens"


def test_a_word_is_weighed_with_the_mouse(page):
    page.set_recipe(CAT)
    page.settled()
    chip = page.js("const c = document.querySelectorAll('.chip')[1]; c.scrollIntoView({ block: 'center' }); return c")
    ActionChains(page.browser, duration=20).move_to_element(chip).click_and_hold().move_by_offset(0, -30).release().perform()
    assert page.controls() == [{"kind": "reweight", "phrase": "cat", "scale": 1.5}]
    ActionChains(page.browser, duration=20).move_to_element(page.js("return document.querySelectorAll('.chip')[1]")).click().perform()
    page.until(lambda: page.controls()[-1] == {"kind": "mask_tokens", "phrase": "cat"}, "a mask")


def test_the_theme_goes_round_and_is_kept(page):
    theme = "return document.documentElement.dataset.theme ?? 'auto'"
    for label, then in (("as the system", "light"), ("light", "dark")):
        page.click(f"Colours: {label}", ".top")
        assert page.js(theme) == then
    page.browser.refresh()
    page.wait("return document.body.dataset.ready !== undefined")
    assert page.js(theme) == "dark"
    page.click("Colours: dark", ".top")
    assert page.js(theme) == "auto"


def test_pictures_and_recipes_are_saved_under_their_names(page):
    page.js("HTMLAnchorElement.prototype.click = function () { window.saved = this.download; }; URL.createObjectURL = (blob) => { window.written = blob; return ''; }")
    page.click("Draw")
    page.see("Done in", ".message")
    page.wait("return document.querySelector('[data-key=save]')?.download === 'j1-0.png'")
    page.inside("s.panels.show('recipe')")
    page.click("Save as file", ".recipe-panel")
    assert page.js("return window.saved") == "a-cat-in-a-park.json"
    assert page.inside("window.written.text().then((text) => JSON.parse(text))") == page.recipe()

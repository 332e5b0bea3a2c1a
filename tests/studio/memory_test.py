"""What the page keeps: numbers as they are, a draft a tab."""
CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20}
SEED = 2**64 - 1


def test_a_seed_of_64_bits_stays_what_it_is(page):
    page.inside("s.panels.show('recipe')")
    page.js("const t = document.getElementById('recipe-json'); t.value = t.value.replace('\"seed\": 3', '\"seed\": 18446744073709551615'); t.dispatchEvent(new Event('input'))")
    page.wait("return document.querySelector('.seed input').value === '18446744073709551615'")
    page.click("Draw")
    page.see("Done in", ".message")
    (job,) = [body for method, path, body in page.world.log if method == "POST" and path == "/v1/jobs"]
    assert job["recipe"]["seed"] == SEED
    page.inside("s.actions.takeRecipe({ version: 1, prompt: 'a fox', seed: 1 }, 'taken')")
    page.inside("s.store.undo()")
    page.browser.refresh()
    page.wait("return document.body.dataset.ready !== undefined")
    assert page.js("return document.querySelector('.seed input').value") == str(SEED)
    page.js("const f = document.querySelector('.seed input'); f.value = '9007199254740993, 7'; f.dispatchEvent(new Event('change'))")
    assert page.recipe()["seeds"] == [2**53 + 1, 7]
    page.js("const f = document.querySelector('.seed input'); f.value = '18446744073709551616'; f.dispatchEvent(new Event('change'))")
    assert page.recipe()["seeds"] == [2**53 + 1, 7]


def test_text_that_looks_like_numbers_is_text(page):
    text = '{"a": "12345678901234567890", "b": [-12345678901234567890, 1.2345678901234567, 1e3], "c \\" 99999999999999999999": 1}'
    again = page.inside("import('/json.js').then(({ parse, stringify }) => stringify(parse(a[0])))", text)
    assert again == text.replace(": ", ":").replace(", ", ",").replace("1e3", "1000")


def test_each_tab_has_its_own_draft(page):
    browser = page.browser
    first = browser.current_window_handle
    page.set_recipe({**CAT, "prompt": "a fox"})
    try:
        browser.switch_to.new_window("tab")
        page.open()
        page.set_recipe({**CAT, "prompt": "an owl"})
        page.browser.refresh()
        page.settled()
        assert page.recipe()["prompt"] == "an owl"
        browser.close()
    finally:
        browser.switch_to.window(first)
    browser.refresh()
    page.settled()
    assert page.recipe()["prompt"] == "a fox"

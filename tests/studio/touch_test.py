"""A phone: a finger that moves along scrolls the page; one that rests, or moves over the steps, paints."""
import re

import pytest

import stand_in
from keyboard_test import axe

CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20, "controls": [{"kind": "inject", "prompt": "a dragon", "where": "middle:0", "when": {"steps": [0, 1]}}]}


@pytest.fixture
def phone(page):
    cdp = page.browser.execute_cdp_cmd
    cdp("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True})
    cdp("Emulation.setTouchEmulationEnabled", {"enabled": True})
    page.set_recipe(CAT)
    page.settled()
    page.js("document.querySelector('.score-canvas').scrollIntoView({block: 'center'})")
    yield page
    cdp("Emulation.setTouchEmulationEnabled", {"enabled": False})
    cdp("Emulation.clearDeviceMetricsOverride", {})


def touch(page, kind, point=None):
    page.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": point[0], "y": point[1]}] if point else []})


def place(page, row, column):
    return page.inside("((m) => { const r = m.plan.rows.find((r) => r.label === a[0]), b = document.querySelector('.score-canvas').getBoundingClientRect();"
                       "return [b.left + (a[1] + 0.5) * m.plan.column, b.top + r.y + r.height / 2]; })(s.score.model)", row, column)


def never_rests(page):
    """However long the machine takes from one touch to the next, the page takes no finger for one that rests."""
    rest = re.search(r"const REST = (\d+)", (stand_in.STUDIO / "touch.js").read_text())[1]
    page.js("const real = window.setTimeout; window.setTimeout = (call, after, ...more) => (after === arguments[0] ? 0 : real(call, after, ...more))", int(rest))


def test_a_phone_has_no_room_beside_the_page(phone):
    assert phone.js("return [document.documentElement.scrollWidth, visualViewport.scale]") == [390, 1]


def test_what_has_the_focus_does_not_lie_under_the_bar_that_draws(phone):
    hidden = phone.js("const bar = document.querySelector('.draw-card').getBoundingClientRect().top; const all = [...document.querySelectorAll('.desk :is(button, input, select, textarea, summary, [tabindex])')];"
                      "return all.filter((e) => { if (!e.getClientRects().length) return false; e.focus(); const b = e.getBoundingClientRect(); return b.top > bar - 4 || b.bottom < 4; }).map((e) => e.outerHTML.slice(0, 80))")
    assert not hidden


def test_axe_finds_nothing_on_a_phone_and_a_finger_the_button_that_removes_a_picture(phone):
    axe(phone)
    phone.world.fill(3)
    phone.inside("s.panels.show('history')")
    phone.wait("return document.querySelectorAll('.tile').length === 3")
    assert phone.js("return matchMedia('(hover: none)').matches && getComputedStyle(document.querySelector('.tile > .icon-button')).opacity") == "1"
    axe(phone)


def test_a_finger_that_moves_up_scrolls_and_paints_nothing(phone):
    never_rests(phone)
    x, y = place(phone, "input:2", 5)
    top = phone.js("return scrollY")
    touch(phone, "touchStart", (x, y))
    for i in range(1, 13):
        touch(phone, "touchMove", (x, y - 12 * i))
    touch(phone, "touchEnd")
    phone.wait("return scrollY > arguments[0] + 20", top)
    assert phone.recipe() == CAT


def test_a_finger_that_moves_over_the_steps_paints(phone):
    touch(phone, "touchStart", place(phone, "input:1", 4))
    for column in range(5, 10):
        touch(phone, "touchMove", place(phone, "input:1", column))
    touch(phone, "touchEnd")
    phone.until(lambda: any(c.get("where") == "input:1" for c in phone.controls()), "a stroke")
    assert phone.controls()[1]["when"]["steps"] == [4, 10]


def test_a_finger_that_rests_paints_wherever_it_goes_then(phone):
    top = phone.js("return scrollY")
    touch(phone, "touchStart", place(phone, "input:2", 5))
    phone.wait("return document.querySelector('.score-canvas').dataset.held !== undefined")
    for row in ("input:1", "input:0"):
        touch(phone, "touchMove", place(phone, row, 5))
    touch(phone, "touchEnd")
    phone.until(lambda: len(phone.controls()) == 2, "a stroke")
    assert phone.controls()[1] == {"kind": "inject", "prompt": "a dragon", "where": "input", "when": {"steps": [5, 6]}}
    assert phone.js("return scrollY") == top


def test_a_tap_masks_a_word_and_a_finger_that_rests_weighs_it(phone):
    phone.js("document.querySelector('.chips').scrollIntoView({block: 'center'})")
    middle = "const b = document.querySelectorAll('.chip')[1].getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]"
    x, y = phone.js(middle)
    touch(phone, "touchStart", (x, y))
    phone.wait("return document.querySelectorAll('.chip')[1].dataset.held !== undefined")
    touch(phone, "touchMove", (x, y - 30))
    touch(phone, "touchEnd")
    phone.until(lambda: phone.controls()[-1] == {"kind": "reweight", "phrase": "cat", "scale": 1.5}, "a weight")
    phone.settled()
    never_rests(phone)
    x, y = phone.js(middle)
    touch(phone, "touchStart", (x, y))
    touch(phone, "touchEnd")
    phone.until(lambda: phone.controls()[-1] == {"kind": "mask_tokens", "phrase": "cat"}, "a mask")

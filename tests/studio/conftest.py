"""A browser for all tests, a server of its own and an empty memory for each. A test waits for what it says must come, never for
a time; what only hangs ends at DEADLINE."""
import json
import shutil
import time

import pytest
from selenium import webdriver
from selenium.common.exceptions import (ElementClickInterceptedException, ElementNotInteractableException, StaleElementReferenceException,
                                        WebDriverException)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from urllib3.exceptions import HTTPError

import stand_in

DEADLINE = 120  # seconds: nothing that works takes as long, however busy the machine is


def start_browser():
    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))))
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1440,1000", "--hide-scrollbars",
                 "--force-prefers-reduced-motion"):  # colours are what they are at once, not on their way there
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for left in reversed(range(5)):
        try:
            driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
            break
        except (WebDriverException, HTTPError):  # it gives a browser a minute to start, which a busy machine may take
            if not left:
                raise
    driver.set_script_timeout(DEADLINE)
    yield driver
    driver.quit()


browser = pytest.fixture(scope="session", name="browser")(start_browser)


class Page:
    """The page as somebody uses it; looks inside through the module's own `studio`."""

    def __init__(self, browser, world, address=None):
        self.browser, self.world = browser, world
        self.server = None if address else stand_in.Server(world)
        self.address = address or self.server.address

    def open(self):
        self.browser.get(self.address)
        self.wait("return document.body.dataset.ready !== undefined")
        return self

    def js(self, script, *args):
        return self.browser.execute_script(script, *args)

    def inside(self, expression, *args):
        """An expression over `s`, the page's `studio`."""
        return self.browser.execute_async_script(
            "const done = arguments[arguments.length - 1], a = arguments;"
            f"import('/main.js').then(({{ studio: s }}) => {expression}).then(done, (e) => done('ERROR ' + e.stack));", *args)

    def recipe(self):
        return json.loads(self.inside("import('/json.js').then(({ stringify }) => stringify(s.store.recipe))"))

    def controls(self):
        return self.recipe().get("controls", [])

    def until(self, true, what):
        end = time.monotonic() + DEADLINE
        while not true():
            if time.monotonic() > end:
                raise AssertionError(f"in vain: {what}")
            time.sleep(0.02)

    def wait(self, script, *args):
        self.until(lambda: self.js(script, *args), script)

    def see(self, text, where="body"):
        self.wait("return document.querySelector(arguments[1])?.textContent.includes(arguments[0])", text, where)

    def settled(self):
        """Everything that the page asks after a change has been answered and laid out: nothing moves under the pointer."""
        self.wait("return document.body.dataset.ready !== undefined")
        self.until(lambda: self.inside("!s.reading.state.stale && !s.prompt.reading"), "the server's answers")
        self.browser.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))")

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def click(self, name, within="body"):
        """Clicks what bears this name when it lies still; again where the page drew it anew meanwhile, so that nothing was clicked."""
        still = ("const [all, name, done] = arguments; const e = [...document.querySelectorAll(all)].find((e) => e.offsetParent &&"
                 "[e.getAttribute('aria-label'), e.innerText.trim()].includes(name)); if (!e) return done(null); e.scrollIntoView({block: 'center'});"
                 "const at = () => Object.values(e.getBoundingClientRect().toJSON()).join(), next = () => new Promise(requestAnimationFrame);"
                 "next().then(async () => { const was = at(); await next(); await next(); if (!e.isConnected || at() !== was) return done(null);"
                 "window.clicked = false; e.addEventListener('click', () => { window.clicked = true; }, { capture: true, once: true }); done(e); })")

        def clicked():
            try:
                element = self.browser.execute_async_script(still, f"{within} button, {within} a", name)
                return element is not None and element.click() is None and self.js("return window.clicked")
            except (StaleElementReferenceException, ElementNotInteractableException, ElementClickInterceptedException):
                return False
        self.until(clicked, f"a button {name}")

    def hold_answers(self, path):
        """The server's answers to what is asked of paths like this are there, but the page gets them at `let_go`."""
        self.js("const real = window.realFetch ??= window.fetch, like = new RegExp(arguments[0]); window.held = [];"
                "window.fetch = async (path, how) => { const answer = await real(path, how); if (!like.test(path)) return answer;"
                "const text = await answer.text(); await new Promise((go) => window.held.push(go)); how.signal?.throwIfAborted();"
                "return { ok: answer.ok, status: answer.status, headers: answer.headers, text: async () => text }; }", path)

    def let_go(self):
        """When it returns the page has done with them what it does."""
        self.browser.execute_async_script("const done = arguments[0]; window.fetch = window.realFetch; for (const go of window.held) go(); setTimeout(done)")

    def cell(self, row, column):
        """Where a cell is, from the canvas's middle."""
        x, y, w, h = self.inside("((m) => { const r = m.plan.rows.find((r) => r.label === a[0]); const c = document.querySelector('.score-canvas').getBoundingClientRect();"
                                 "return [(a[1] + 0.5) * m.plan.column, r.y + r.height / 2, c.width, c.height]; })(s.score.model)", row, column)
        return round(x - w / 2), round(y - h / 2)

    def drag(self, *cells, hold=None):
        self.settled()
        canvas = self.find(".score-canvas")
        self.js("arguments[0].scrollIntoView({block: 'center'})", canvas)
        chain = ActionChains(self.browser, duration=20)
        if hold:
            chain.key_down(hold)
        chain.move_to_element_with_offset(canvas, *self.cell(*cells[0])).click_and_hold()
        for cell in cells[1:]:
            chain.move_to_element_with_offset(canvas, *self.cell(*cell))
        chain.release()
        if hold:
            chain.key_up(hold)
        chain.perform()

    def keys(self, *keys):
        ActionChains(self.browser, duration=0).send_keys(*keys).perform()

    def chord(self, held, key):
        ActionChains(self.browser, duration=0).key_down(held).send_keys(key).key_up(held).perform()

    def set_recipe(self, recipe):
        self.inside("s.store.edit({ recipe: a[0], drafts: [] })", recipe)

    def idle(self):
        self.wait("return !document.querySelector('.draw.stopping')")

    def kill(self):
        """The server ends as at kill -9: its connections break, and new ones do. `revive` is its next start."""
        self.world.stopped = True

    def revive(self):
        self.until(lambda: not self.world.drawing, "the end of what it drew")
        for job in self.world.jobs.values():
            if job["state"] in ("queued", "running"):
                job["state"] = "interrupted"
        self.world.stopped = False

    def close(self):
        self.world.stopped = True
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def world():
    return stand_in.World(delay=0.01)


@pytest.fixture
def page(browser, world):
    p = Page(browser, world)
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": p.address, "storageTypes": "all"})  # of one that had this port
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    p.open()
    yield p
    errors = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE" and "/v1/" not in e["message"] and "health" not in e["message"]]
    browser.get("about:blank")
    p.close()
    assert not errors, errors

"""A browser for all tests, a server of its own and an empty memory for each."""
import json
import shutil
import time

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

import stand_in

LIMIT = 120  # seconds for what comes at once on an idle machine


@pytest.fixture(scope="session")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))))
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1440,1000", "--hide-scrollbars"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(LIMIT)
    yield driver
    driver.quit()


class Page:
    """The page as somebody uses it; looks inside through the module's own `studio`."""

    def __init__(self, browser, world):
        self.browser, self.world = browser, world
        self.server = stand_in.Server(world)
        self.port = self.server.server_address[1]

    def open(self):
        self.browser.get(self.server.address)
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
        return json.loads(self.inside("JSON.stringify(s.store.recipe)"))

    def controls(self):
        return self.recipe().get("controls", [])

    def wait(self, script):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            if self.js(script):
                return
            time.sleep(0.02)
        raise AssertionError(f"in vain: {script}")

    def until(self, right):
        """Waits for what the server has been told."""
        end = time.monotonic() + LIMIT
        while not right():
            assert time.monotonic() < end, self.world.log[-5:]
            time.sleep(0.02)

    def see(self, text, where="body"):
        self.wait(f"return document.querySelector({json.dumps(where)})?.textContent.includes({json.dumps(text)})")

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def click(self, name, within="body"):
        """Clicks what bears this name; looked for anew where the page has just drawn it anew."""
        look = ("return [...document.querySelectorAll(arguments[0])].find((e) => e.offsetParent && [e.getAttribute('aria-label'), e.innerText.trim()]"
                ".includes(arguments[1]))")
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            try:
                element = self.js(look, f"{within} button, {within} a", name)
                if element:
                    return element.click()
            except StaleElementReferenceException:
                pass
            time.sleep(0.03)
        raise AssertionError(f"no button {name}")

    def cell(self, row, column):
        """Where a cell is, from the canvas's middle."""
        x, y, w, h = self.inside("((m) => { const r = m.plan.rows.find((r) => r.label === a[0]); const c = document.querySelector('.score-canvas').getBoundingClientRect();"
                                 "return [(a[1] + 0.5) * m.plan.column, r.y + r.height / 2, c.width, c.height]; })(s.score.model)", row, column)
        return round(x - w / 2), round(y - h / 2)

    def drag(self, *cells, hold=None):
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

    def restart(self, keep=True):
        """The server ends as at kill -9; `start()` of what this returns starts it at the same port."""
        self.world.stopped = True
        self.server.shutdown()
        self.server.server_close()
        time.sleep(0.05)

        def start():
            world = self.world
            world.stopped = False
            for job in world.jobs.values():
                if job["state"] in ("queued", "running"):
                    job["state"] = "interrupted"
            if not keep:
                world.jobs.clear()
            self.server = stand_in.Server(world, self.port)
        return start

    def close(self):
        self.world.stopped = True
        self.world.answers.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def world():
    return stand_in.World(delay=0.01)


@pytest.fixture
def page(browser, world):
    p = Page(browser, world)
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    p.open()
    yield p
    errors = [e["message"] for e in browser.get_log("browser") if e["level"] == "SEVERE" and "/v1/" not in e["message"] and "health" not in e["message"]]
    browser.get("about:blank")
    p.close()
    assert not errors, errors

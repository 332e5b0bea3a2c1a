"""A sweep's page in a real browser: the slider, the keys, a picture with its recipe, and the copy of that. Skipped where there is
no chromium with its driver, or no selenium."""
import importlib.util
import json
import pathlib
import shutil
import time
import unittest

from program_case import ProgramCase

MODEL = pathlib.Path(__file__).parents[1] / "golden" / "models" / "small"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
DEADLINE = 120  # seconds: of a wait that is hopeless
THERE = CHROMIUM and shutil.which("chromedriver") and importlib.util.find_spec("selenium")


@unittest.skipUnless(THERE, "takes chromium, chromedriver and selenium: ./run test installs them where it may")
class SheetPageTest(ProgramCase):
    def setUp(self):
        super().setUp()
        from selenium import webdriver

        self.run_program("sweep", "-m", MODEL, "-p", "a <cat> in a park", "--steps", "1", "-W", "64", "-H", "64", "--inject", "a dragon",
                         "--axis", "where=input:0,middle:0", "--axis", "strength=0.5,1", "-o", "out", "-q", "--device", "cpu")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1000,800"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
        self.addCleanup(self.browser.quit)
        self.browser.get((self.folder / "out" / "sheet.html").as_uri())

    def js(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def wait(self, expression):
        end = time.monotonic() + DEADLINE
        while not self.js(f"return {expression}"):
            self.assertLess(time.monotonic(), end, f"in vain: {expression}")
            time.sleep(0.02)

    def focused(self):
        return self.js("return document.activeElement.querySelector('img').alt")

    def keys(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser, duration=0).send_keys(*keys).perform()

    def test_it_does_what_it_says(self):
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        def find(selector):
            return self.browser.find_element(By.CSS_SELECTOR, selector)

        self.wait("[...document.querySelectorAll('td img')].every(i => i.complete && i.naturalWidth === 64)")
        self.assertEqual(self.js("return document.querySelectorAll('td img').length"), 6)  # two plain ones

        before = find("td img").size["width"]
        find("#size").send_keys(Keys.END)
        self.assertEqual((before, find("td img").size["width"]), (192, 512))

        find("#size").send_keys(Keys.HOME, Keys.TAB)
        self.keys(Keys.ARROW_RIGHT)
        self.assertEqual(self.focused(), "input:0, 0.5")
        self.keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)  # beyond the last there is none
        self.assertEqual(self.focused(), "middle:0, 1")
        self.keys(Keys.ENTER)
        self.wait("document.querySelector('dialog').open")
        self.assertEqual(find("#title").text, "where middle:0, strength 1")
        self.assertIn("cell 3, seed 0, difference", find("#numbers").text)
        self.wait("document.getElementById('large').src.endsWith('cells/000003.png') && document.getElementById('large').naturalWidth === 64")
        recipe = json.loads((self.folder / "out/cells.jsonl").read_text().splitlines()[3])["recipe"]
        self.assertEqual(json.loads(find("#recipe").text), recipe)

        self.browser.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
        find("#copy").click()
        copied = self.browser.execute_async_script(
            "const done = arguments[0]; navigator.clipboard.readText().then(done, error => done('ERROR ' + error))")
        self.assertEqual(json.loads(copied), recipe)

        find("#next").click()  # behind the last the first
        self.assertEqual(find("#title").text, "plain")
        find("#before").click()
        self.assertEqual(find("#title").text, "where middle:0, strength 1")
        self.keys(Keys.ESCAPE)
        self.wait("!document.querySelector('dialog').open")
        self.assertEqual(self.focused(), "middle:0, 1")

        self.browser.find_elements(By.CSS_SELECTOR, "td button")[1].click()
        self.assertEqual(find("#title").text, "where input:0, strength 0.5")
        self.assertEqual([line for line in self.browser.get_log("browser") if line["level"] == "SEVERE"], [])

    def test_without_its_folder_it_shows_small_pictures(self):
        shutil.rmtree(self.folder / "out" / "cells")
        self.js("document.querySelectorAll('td button')[1].click()")
        self.wait("document.getElementById('large').src.startsWith('data:image/jpeg') && document.getElementById('large').naturalWidth === 64")


if __name__ == "__main__":
    unittest.main()

"""How little the page does and sends: what makes it fast on any machine."""
import gzip
import pathlib

STUDIO = pathlib.Path(__file__).resolve().parents[2] / "studio"
LARGE = {"version": 1, "model": "large", "prompt": "a cat in a park", "seed": 3, "steps": 50, "controls": [
    {"kind": "inject", "prompt": "a dragon", "where": "middle:0"}, {"kind": "inject", "prompt": "snow", "where": "input", "strength": [[0, 1], [1, 0]]},
    {"kind": "reweight", "phrase": "park", "scale": 0.3, "where": "output:0"}, {"kind": "inject", "prompt": "oil painting", "where": "output", "strength": 0.5}]}


def test_the_first_paint_waits_for_no_answer(page):
    page.world.answers.clear()
    page.browser.get(page.server.address)
    page.wait("return performance.getEntriesByName('first-contentful-paint').length")
    assert not page.js("return document.body.dataset.ready")
    page.world.answers.set()
    page.wait("return document.body.dataset.ready !== undefined")


def test_seventy_sites_by_fifty_steps_are_painted_once_a_frame(page):
    page.set_recipe(LARGE)
    page.wait("return document.querySelectorAll('.row-name').length === 5")
    page.js("document.querySelector('[data-key=unfold]').click()")
    page.wait("return document.querySelectorAll('.row-name').length >= 70")
    page.see("acts on", ".readout")
    drawn = page.inside("(async () => { const m = s.score.model, c = document.querySelector('.score-canvas'); c.setPointerCapture = () => {}; performance.clearMeasures();"
                         "const b = c.getBoundingClientRect(), frame = () => new Promise(requestAnimationFrame);"
                         "const at = (t, x, y) => c.dispatchEvent(new PointerEvent(t, { clientX: b.left + x, clientY: b.top + y, pointerId: 1, bubbles: true }));"
                         "at('pointerdown', 5, 60); for (let i = 0; i < 40; ++i) { await frame(); for (let j = 0; j < 5; ++j) at('pointermove', 5 + ((5 * i + j) * b.width) / 210, 60 + ((5 * i + j) * (b.height - 70)) / 210); }"
                         "at('pointerup', 0, 0); await frame(); await frame();"
                         "return performance.getEntriesByName('score-frame').map((e) => e.duration); })()")
    assert 1 <= len(drawn) <= 45, len(drawn)  # of 200 moves of the pointer


def test_what_is_sent_is_small():
    scripts = {f: gzip.compress(f.read_bytes()) for f in STUDIO.rglob("*.js")}
    assert sum(map(len, scripts.values())) < 150_000
    assert all(len(f.read_text().splitlines()) <= 400 for f in STUDIO.rglob("*.*") if f.suffix in (".js", ".css", ".html"))


def test_no_address_outside():
    for file in STUDIO.rglob("*.*"):
        if file.suffix in (".js", ".css", ".html"):
            assert "http" not in file.read_text().replace("http://www.w3.org/2000/svg", "").replace("HTTP", ""), file

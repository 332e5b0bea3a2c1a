"""How quick the page is on this machine: COREPULSE=build/bin/corepulse measure.py. The first paint is of the program's own server,
what a frame costs of a large model on the stand-in. Figures for docs/studio.md; no test, for they are the machine's, and only an
idle one's mean anything."""
import pathlib
import statistics
import sys
import tempfile

LARGE = {"version": 1, "model": "large", "prompt": "a cat in a park", "seed": 3, "steps": 50, "controls": [
    {"kind": "inject", "prompt": "a dragon", "where": "middle:0"}, {"kind": "inject", "prompt": "snow", "where": "input", "strength": [[0, 1], [1, 0]]},
    {"kind": "reweight", "phrase": "park", "scale": 0.3, "where": "output:0"}, {"kind": "inject", "prompt": "oil painting", "where": "output", "strength": 0.5}]}


def large(page):
    """Seventy attentions by fifty steps, unfolded."""
    page.set_recipe(LARGE)
    page.wait("return document.querySelectorAll('.row-name').length === 5")
    page.js("document.querySelector('[data-key=unfold]').click()")
    page.wait("return document.querySelectorAll('.row-name').length >= 70")
    page.see("acts on", ".readout")
    page.settled()


def painting(page):
    """Milliseconds of script a frame: each move of a stroke and the drawing after it."""
    return page.inside(
        "(async () => { const c = document.querySelector('.score-canvas'); c.setPointerCapture = () => {}; performance.clearMeasures();"
        "const b = c.getBoundingClientRect(), spent = [], frame = () => new Promise(requestAnimationFrame);"
        "const at = (t, x, y) => { const t0 = performance.now(); c.dispatchEvent(new PointerEvent(t, { clientX: b.left + x, clientY: b.top + y, pointerId: 1, bubbles: true })); return performance.now() - t0; };"
        "at('pointerdown', 5, 60); for (let i = 0; i < 200; ++i) { await frame(); spent.push(at('pointermove', 5 + (i * b.width) / 202, 60 + (i * (b.height - 70)) / 202)); }"
        "at('pointerup', 0, 0); await frame(); await frame();"
        "const drawn = performance.getEntriesByName('score-frame').map((e) => e.duration); return spent.map((v, i) => v + (drawn[i] ?? 0)); })()")


def paints(page):
    """When something is seen, and the largest part of the page, a load at a time."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "server"))
    from server_case import Server
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        for _ in range(11):
            page.browser.get(f"http://127.0.0.1:{server.port}/")
            page.wait("return document.body.dataset.ready !== undefined")
            yield page.browser.execute_async_script(
                "const done = arguments[0]; new PerformanceObserver((list) => done([performance.getEntriesByName('first-contentful-paint')[0].startTime,"
                "list.getEntries().at(-1).startTime])).observe({ type: 'largest-contentful-paint', buffered: true });")
        server.end()


def main():
    import conftest
    import stand_in
    browser = next(conftest.start_browser())
    page = conftest.Page(browser, stand_in.World(delay=0.01))
    fresh, *loads = paints(page)
    page.open()
    large(page)
    frames = sorted(painting(page))
    for name, new, times in zip(("first paint", "largest part"), fresh, zip(*loads)):
        print(f"{name}: {new:.0f} ms in a browser just started, then median {statistics.median(times):.0f} ms, most {max(times):.0f} ms")
    print(f"script a frame: median {statistics.median(frames):.1f} ms, 95 of 100 below {frames[len(frames) * 95 // 100]:.1f} ms, most {frames[-1]:.1f} ms")
    browser.quit()


if __name__ == "__main__":
    main()

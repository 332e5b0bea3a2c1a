"""How fast and how small."""
import gzip
import pathlib
import re

from measure import large

STUDIO = pathlib.Path(__file__).resolve().parents[2] / "studio"


def test_a_frame_draws_the_score_once_whatever_the_pointer_does(page):
    """And the document, which the server hears of, changes no more often than the stroke is written."""
    large(page)
    drawn, frames = page.inside(
        "(async () => { const c = document.querySelector('.score-canvas'); c.setPointerCapture = () => {}; performance.clearMeasures();"
        "const b = c.getBoundingClientRect(), frame = () => new Promise(requestAnimationFrame);"
        "const at = (t, x, y) => c.dispatchEvent(new PointerEvent(t, { clientX: b.left + x, clientY: b.top + y, pointerId: 1, bubbles: true }));"
        "await frame(); performance.clearMeasures(); let frames = 0; at('pointerdown', 5, 60);"
        "for (let i = 0; i < 10; ++i) { for (let k = 0; k < 8; ++k) at('pointermove', 5 + 4 * (8 * i + k), 60 + i * 5); await frame(); ++frames; }"
        "at('pointerup', 325, 105); await frame(); return [performance.getEntriesByName('score-frame').length, frames + 2]; })()")
    assert 0 < drawn <= frames, (drawn, frames)


def test_the_browser_does_not_remember_every_frame(page):
    page.settled()
    assert page.inside("(() => { for (let i = 0; i < 1100; ++i) s.score.redraw(); return [performance.getEntriesByType('mark').length, performance.getEntriesByName('score-frame').length <= 500]; })()") == [0, True]


def test_what_is_sent_is_small():
    scripts = {f: gzip.compress(f.read_bytes()) for f in STUDIO.rglob("*.js")}
    assert sum(map(len, scripts.values())) < 150_000
    assert all(len(f.read_text().splitlines()) <= 400 for f in STUDIO.rglob("*.*") if f.suffix in (".js", ".css", ".html"))


def test_all_modules_are_asked_for_at_once():
    """Else each would be asked for when the one that imports it has come: five times there and back."""
    early = re.findall(r'<link rel="modulepreload" href="(.+)">', (STUDIO / "index.html").read_text())
    assert early == sorted(f.relative_to(STUDIO).as_posix() for f in STUDIO.rglob("*.js") if f.name != "main.js")


def test_no_address_outside():
    for file in STUDIO.rglob("*.*"):
        if file.suffix in (".js", ".css", ".html"):
            assert "http" not in file.read_text().replace("http://www.w3.org/2000/svg", "").replace("HTTP", ""), file


def test_numbers_of_any_length_are_read_and_written_in_one_place():
    for file in STUDIO.rglob("*.js"):
        assert file.name == "json.js" or not re.search(r"\bJSON\.(parse|stringify)\(|\.json\(\)", file.read_text()), file


def test_a_colour_stands_once():
    names = re.findall(r"(--[\w-]+): light-dark", (STUDIO / "css" / "base.css").read_text())
    assert len(names) > 20 and len(names) == len(set(names))
    assert all("prefers-color-scheme" not in f.read_text() for f in STUDIO.rglob("*.css"))

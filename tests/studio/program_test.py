"""The page over the program itself, of which everything else here is a stand-in: COREPULSE names it."""
import base64
import os
import pathlib
import struct
import sys
import zlib

import pytest

import conftest
import stand_in

pytestmark = pytest.mark.skipif(not os.environ.get("COREPULSE"), reason="COREPULSE names no program")
DROP = ("(() => { const t = new DataTransfer(); t.items.add(new File([Uint8Array.from(atob(a[0]), (c) => c.charCodeAt(0))], 'x.png', { type: 'image/png' }));"
        "window.dispatchEvent(new DragEvent('drop', { dataTransfer: t, bubbles: true, cancelable: true })); })()")


@pytest.fixture
def page(browser, tmp_path):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "server"))
    from server_case import Server
    server = Server(tmp_path, "--studio", str(stand_in.STUDIO))
    page = conftest.Page(browser, None, f"http://127.0.0.1:{server.port}")
    page.program = server
    browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": page.address, "storageTypes": "all"})
    yield page.open()
    browser.get("about:blank")
    server.end()


def with_text(png, key, value):
    """The picture with a text of this name behind its head."""
    text = b"tEXt" + key + b"\0" + value
    return png[:33] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + png[33:]


def test_the_example_is_painted_drawn_and_kept(page):
    page.inside("s.store.editRecipe({ steps: 4, width: 64, height: 64 })")
    page.see("acts on all 4 steps", ".readout")
    page.drag(("middle:0", 3), ("middle:0", 3))  # where it is painted already
    page.see("acts on 3 of 4 steps", ".readout")
    page.click("Draw it")
    page.see("Done in", ".message")
    page.wait("return document.querySelector('.picture').naturalWidth === 64")
    (item,) = page.program.ask("GET", "/v1/history").json["items"]
    assert item["prompt"] == "a cat in a park" and page.js("return document.querySelector('.picture').src").endswith(item["url"])
    (dragon,) = [c for c in page.program.job(item["job"])["recipe"]["controls"] if c["kind"] == "inject"]
    assert dragon["where"] == "middle:0" and dragon["when"] == {"steps": [0, 3]}
    page.inside("s.panels.show('history')")
    page.wait("return document.querySelectorAll('.history .tile img').length === 1 && document.querySelectorAll('.recent img').length === 1")


def test_pictures_of_other_tools_and_of_none_are_taken(page):
    plain = stand_in.png(64, 64, (90, 120, 60))
    line = b"a fox\nNegative prompt: snow\nSteps: 5, Sampler: Euler, CFG scale: 6, Seed: 7, Size: 64x64"
    page.inside(DROP, base64.b64encode(with_text(plain, b"parameters", line)).decode())
    page.until(lambda: page.recipe()["prompt"] == "a fox", "A1111's recipe")
    assert page.recipe()["steps"] == 5 and page.recipe()["seeds"] == [7] and page.recipe()["negative_prompt"] == "snow"
    page.inside(DROP, base64.b64encode(with_text(plain, b"prompt", b"{}")).decode())
    page.see("[picture]", ".toast")
    assert "init" not in page.recipe()
    page.inside(DROP, base64.b64encode(plain).decode())
    page.until(lambda: page.recipe().get("init", {}).get("file", "").startswith("upload:"), "the start")

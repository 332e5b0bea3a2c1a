"""What shows itself in notebooks and terminals: texts stay texts, whatever they hold."""
import html
import io
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from torch_stand_in import module_torch

import corepulse

SMALL = dict(seed=3, num_inference_steps=1, width=64, height=64)
# Of each kind that a page could take for its own.
HOSTILE = "a <i>cat</i> & a 'dog' \"in\" </td> a park"


class Page(HTMLParser):
    """Its tags, and its texts and attributes as a browser shows them."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts = set(), []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.texts += [value for _, value in attributes if value]
        assert {name for name, _ in attributes} <= {"style", "title", "src", "alt"}, attributes

    def handle_data(self, data):
        self.texts.append(data)

    def says(self, text):
        return any(text in one for one in self.texts)


def test_a_result_shows_its_captures_names(pipe):
    result = pipe("a cat in a park", **SMALL, controls=[corepulse.capture("cat", name=HOSTILE)])
    page = Page(result._repr_html_())
    assert page.tags == {"figure", "img", "figcaption"} and page.texts.count(HOSTILE) == 2
    latents = pipe("a cat in a park", **SMALL, output_type="latent")
    assert latents._repr_html_() == html.escape(repr(latents)) and Page(latents._repr_html_()).tags == set()


def test_an_explanation_shows_its_controls_texts(pipe):
    explained = pipe.explain("a cat in a park", **SMALL, controls=[corepulse.inject(HOSTILE, where="content")])
    page = Page(explained._repr_html_())
    assert page.tags == {"table", "tr", "th", "td", "span", "ul", "li"} and page.says(HOSTILE)


@pytest.mark.parametrize("text", ["a [red] dog", "a [/b] dog", "a [bold]cat[/bold] \\"])
def test_a_terminal_shows_brackets_as_they_are(pipe, text):
    rich = pytest.importorskip("rich.console")
    explained = pipe.explain("a cat in a park", **SMALL, controls=[corepulse.inject(text, where="content")])
    console = rich.Console(width=200, file=io.StringIO(), record=True)
    console.print(explained)
    assert text in console.export_text()


def test_a_trace_shows_its_prompts_and_places(pipe, tmp_path):
    trace = pipe.trace(HOSTILE, "a dog & <b>", **SMALL, where=["middle:0"])
    page = Page(trace._repr_html_())
    assert page.tags == {"table", "caption", "tr", "th", "td"} and page.says(HOSTILE) and page.says("a dog & <b>")
    trace.places[0] = '"><script>'
    assert "script" not in Page(trace._repr_html_()).tags
    trace.save(tmp_path / "trace.npy")
    assert np.array_equal(np.load(tmp_path / "trace.npy"), trace.effects)
    for name, kind in (("no/trace.png", corepulse.Io), ("trace.txt", corepulse.InvalidRequest)):
        with pytest.raises(kind, match=name):
            trace.save(tmp_path / name)


@pytest.mark.parametrize("of", ["attention_map", "prediction", "guided"])
def test_a_trace_finds_its_places_itself(pipe, of):
    trace = pipe.trace("a cat", "a dog", **SMALL, of=of, attention="cross", windows=[(0, 1)], guidance_scale=1)
    whole = of in ("prediction", "guided")
    assert trace.places == ([""] if whole else [block["id"] for block in pipe.info["blocks"]])
    assert (trace.effects[-1, 0] == 1) == whole and trace.effects.any()
    shown = "the network" if whole else "middle:0"
    assert Page(trace._repr_html_()).says(shown) and (not whole or shown in repr(trace)) and trace.picture().size[0] > 100


def test_resnets_are_traced_where_no_attention_is(pipe, monkeypatch):
    blocks = [{**block, "cross_layers": 0, "self_layers": 0} for block in pipe.info["blocks"]]
    monkeypatch.setattr(corepulse.Pipeline, "info", {**pipe.info, "blocks": blocks})
    trace = pipe.trace("a cat", "a dog", **SMALL, of="resnet_output", windows=[(0, 1)])
    assert trace.places == [block["id"] for block in blocks]


def test_a_sweeps_table_shows_what_changed(tmp_path):
    table = corepulse.sweep(prompt="a cat", num_inference_steps=1, width=64, height=64, out=tmp_path / "swept",
                            axes={"prompt": [HOSTILE, "a dog & <script>"]})
    page = Page(table._repr_html_())
    assert page.says(HOSTILE) and page.says("a dog & <script>")
    assert page.tags <= {"figure", "img", "figcaption", "table", "thead", "tbody", "tr", "th", "td"}


def test_torchs_arrays_are_of_the_same_pixels(monkeypatch):
    from corepulse import diffusers

    monkeypatch.setitem(sys.modules, "torch", module_torch())
    pipe = diffusers.StableDiffusionPipeline.from_pretrained("builtin")
    given = dict(num_inference_steps=1, width=96, height=64)
    generators = [sys.modules["torch"].Generator().manual_seed(3) for _ in range(2)]
    tensor = pipe("a cat", output_type="pt", generator=generators[0], **given).images
    pixels = np.asarray(pipe("a cat", generator=generators[1], **given).images[0])
    assert tensor.given.shape == (1, 3, 64, 96) and tensor.given.dtype == np.float32 and tensor.given.flags.c_contiguous
    assert np.array_equal(np.round(tensor.given[0].transpose(1, 2, 0) * 255), pixels)

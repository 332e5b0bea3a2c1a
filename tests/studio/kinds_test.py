"""Every kind of control that the score shows: its fields are the recipe's, and it is added, painted and kept."""
import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAT = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 20}
NO_CELLS = {"record", "features"}  # kept, and shown as JSON

LANES = {
    "rescaled_guidance": {}, "zero_star_guidance": {}, "tangential_guidance": {}, "projected_guidance": {}, "skimmed_guidance": {}, "thresholded_guidance": {},
    "frequency_guidance": {"high": 8, "low": 3}, "freeu": {"b1": 1.3, "b2": 1.4, "s1": 0.9, "s2": 0.2}, "guidance": {"scale": 7}, "negative": {"prompt": ""},
}


def add(page, title):
    page.click("Add track")
    page.js("[...document.querySelectorAll('.kind')].find((k) => k.querySelector('b').textContent === arguments[0]).click()", title)
    page.settled()


def titles(page):
    return page.inside("import('/texts.js').then(({ T }) => T.kinds)")


def test_what_the_page_knows_of_kinds_is_what_recipes_have(page):
    schema = json.loads((ROOT / "docs" / "recipe.schema.json").read_text())["$defs"]["control"]["oneOf"]
    fields = {one["properties"]["kind"]["const"]: one["properties"] for one in schema}
    known, offered = page.inside("import('/score/kinds.js').then((k) => [k.KINDS, k.OFFERED])")
    assert set(known) <= set(fields) and set(fields) - set(known) <= NO_CELLS
    texts = page.inside("import('/texts.js').then(({ T }) => [Object.keys(T.kinds), Object.keys(T.kindHints), Object.keys(T.fields), Object.keys(T.levels)])")
    assert set(known) <= set(texts[0]) and set(offered) <= set(texts[1])
    for kind, k in known.items():
        has = fields[kind]
        named = [*k.get("numbers", []), *k.get("choices", {}), *k.get("switches", {}), *(n for of in k.get("only", {}).values() for ns in of.values() for n in ns)]
        assert {*named, *filter(None, [k.get("level"), k.get("text"), k.get("second")])} <= set(has), kind
        assert set(named) <= set(texts[2]) and k.get("level", "scale") in texts[3], kind
        assert all(set(options) == set(has[name]["enum"]) for name, options in k.get("choices", {}).items()), kind
        assert k.get("lane", False) == ("where" not in has or kind == "freeu"), kind
        assert ("sides" in k) == (kind == "controlnet") and ("pictures" in has) == k.get("pictures", False)


def test_a_track_of_steps_alone_is_added_painted_and_kept(page):
    names = titles(page)
    for kind, given in LANES.items():
        page.set_recipe(CAT)
        add(page, names[kind])
        control = {"kind": kind, **given}
        assert page.controls() == [control], kind
        page.see("acts on all 20 steps", ".readout")
        assert "layers" not in page.js("return document.querySelector('.readout').textContent"), kind
        page.drag((kind, 10), (kind, 19))
        assert page.controls() == [{**control, "when": {"steps": [0, 10]}}], kind
        again = page.inside("import('/score/tracks.js').then((t) => { const g = s.reading.state.grid; return t.tracksOf(s.store.doc).flatMap((x) => t.controlsOf(x, t.cellsOf(x, g), g)); })")
        assert again == page.controls()


def test_two_lanes_of_other_places_stay_two(page):
    freeu = [{"kind": "freeu", "b1": 1.2, "where": where} for where in ("output:0", "output:1.2")]
    page.inside("s.actions.takeRecipe(a[0], 'taken')", {**CAT, "controls": freeu})
    page.settled()
    assert page.js("return document.querySelectorAll('.row-name.lane').length") == 2
    page.drag(("freeu", 15), ("freeu", 19))
    assert page.controls() == [{**freeu[0], "when": {"steps": [0, 15]}}, freeu[1]]
    page.js("const f = document.querySelector('.chosen [data-key=\"0-where\"]'); f.value = ''; f.dispatchEvent(new Event('input'))")
    assert page.controls()[0] == {"kind": "freeu", "b1": 1.2, "when": {"steps": [0, 15]}}
    page.js("const f = document.querySelector('.chosen [data-key=\"0-version\"]'); f.value = '1'; f.dispatchEvent(new Event('change'))")
    assert page.controls()[0]["version"] == 1


def test_switches_are_written_where_they_are_not_as_usual(page):
    page.set_recipe({**CAT, "controls": [{"kind": "skimmed_guidance", "scale": 4}]})
    page.settled()
    for name, then in (("full_negative", {"full_negative": True}), ("filter", {"full_negative": True, "filter": False}), ("full_negative", {"filter": False})):
        page.js("document.querySelector(`.chosen [data-key=\"0-${arguments[0]}\"]`).click()", name)
        page.settled()
        assert page.controls() == [{"kind": "skimmed_guidance", "scale": 4, **then}]


def test_a_perturbation_takes_its_own_numbers_and_place(page):
    middle = "up_blocks.0.attentions.1.transformer_blocks.0.attn2"
    page.set_recipe({**CAT, "controls": [{"kind": "guide_by", "perturb": "blur", "scale": 3, "blur_sigma": 2, "where": "middle:0"}]})
    page.settled()
    choose = "const f = document.querySelector('.chosen [data-key=\"0-perturb\"]'); f.value = arguments[0]; f.dispatchEvent(new Event('change'))"
    page.js(choose, "map")
    page.settled()
    page.js("const f = document.querySelector('.chosen [data-key=\"0-threshold\"]'); f.value = '1.2'; f.dispatchEvent(new Event('change'))")
    assert page.controls()[0] == {"kind": "guide_by", "perturb": "map", "scale": 3, "blur_sigma": 2, "threshold": 1.2, "where": "middle:0"}
    page.settled()
    page.js(choose, "tokens")
    assert page.controls()[0] == {"kind": "guide_by", "perturb": "tokens", "scale": 3, "where": "middle:0"}
    rows = "import('/score/tracks.js').then((t) => { const g = s.reading.state.grid, x = t.cellsOf(t.tracksOf({ recipe: { controls: [a[0]] }, drafts: [] })[0], g, a[1]);" \
           "return g.layers.filter((_, i) => x.data[i * x.columns]).map((l) => l.site); })"
    sag = {"kind": "guide_by", "perturb": "map", "scale": 0.75}
    assert page.inside(rows, sag, []) == ["middle:0.0"]
    assert page.inside(rows, sag, [{"layers": [middle]}]) == ["output:0.1"]  # as the server says


def test_pictures_are_read_as_one_prompt(page):
    page.set_recipe(CAT)
    add(page, "Picture prompt")
    page.see("no picture", "#tracks .chosen")
    page.js("const f = document.querySelector('.chosen [data-key$=\"-file\"]'); f.value = 'ip.safetensors'; f.dispatchEvent(new Event('change'))")
    give = ("fetch('/icon.svg').then((r) => r.blob()).then((b) => { const t = new DataTransfer(); for (let i = 0; i < a[0]; ++i) t.items.add(new File([b], 'x.png', { type: 'image/png' }));"
            "const f = document.querySelector('.lead input'); f.files = t.files; f.dispatchEvent(new Event('change')); })")
    page.inside(give, 2)
    prompt = {"kind": "picture_prompt", "file": "ip.safetensors", "pictures": ["upload:f1", "upload:f2"]}
    page.until(lambda: page.controls() == [prompt], "the pictures' names in the recipe")
    page.see("acts on all 20 steps, 16 of 16 layers", ".readout")
    page.inside(give, 1)
    page.until(lambda: page.controls() == [{**prompt, "pictures": ["upload:f1", "upload:f2", "upload:f3"]}], "one more")
    page.click("Remove picture 1", ".chosen")
    prompt["pictures"] = ["upload:f2", "upload:f3"]
    assert page.controls() == [prompt]
    page.drag(("input:0", 0), ("input:0", 9))
    assert {"kind": "picture_prompt", "where": "input:0", "when": {"steps": [10, 20]}, **{k: v for k, v in prompt.items() if k != "kind"}} in page.controls()


def test_a_faces_adapter_reads_vectors(page):
    page.set_recipe(CAT)
    add(page, "Picture prompt")
    page.until(lambda: page.js("return [...document.querySelector('.chosen [data-key$=\"-file\"]').options].map((o) => o.value)")
               == ["", "ip.safetensors", "faces.safetensors"], "the adapters that can be used")
    page.js("const f = document.querySelector('.chosen [data-key$=\"-file\"]'); f.value = 'faces.safetensors'; f.dispatchEvent(new Event('change'))")
    page.see("Add faces", "#tracks .chosen")
    give = ("(() => { const t = new DataTransfer(); t.items.add(new File(['x'], 'face.safetensors', { type: a[0] })); const f = document.querySelector('.lead input');"
            "f.files = t.files; f.dispatchEvent(new Event('change')); })()")
    page.inside(give, "")
    prompt = {"kind": "picture_prompt", "file": "faces.safetensors", "pictures": ["upload:f1"]}
    page.until(lambda: page.controls() == [prompt], "the vector's name in the recipe")
    assert page.js("return document.querySelector('.chosen .one-picture').textContent") == "face"
    page.inside(give, "image/png")
    page.see("no safetensors", ".toast")
    assert page.controls() == [prompt]


def test_a_picture_inside_the_recipe_is_taken_over(page):
    inside = {"kind": "picture_prompt", "file": "ip.safetensors", "data": ["iVBORw0K", "iVBORw0L"]}
    page.inside("s.actions.takeRecipe(a[0], 'taken')", {**CAT, "controls": [inside]})
    assert page.controls() == [inside]
    page.click("Remove picture 2", ".chosen")
    assert page.controls() == [{**inside, "data": ["iVBORw0K"]}]
    page.inside("s.actions.takeRecipe(a[0], 'taken')", {**CAT, "controls": [{**inside, "pictures": "cat.png"}]})
    page.see("[controls[0].pictures]", ".toast")

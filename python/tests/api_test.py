"""Calls in Diffusers' words: what they take, what they give, what they refuse."""
import asyncio
import json
import subprocess
import threading

import numpy as np
import PIL.Image
import pytest

import corepulse

CAT = dict(prompt="a cat in a park", seed=3, num_inference_steps=2, width=64, height=64)


@pytest.fixture(scope="module")
def plain(pipe):
    return pipe(**CAT)


def test_kinds_of_output_are_the_same_numbers(pipe, plain):
    assert plain.images[0].size == (64, 64)
    pixels = np.asarray(plain.images[0])
    assert np.array_equal(np.round(pipe(**CAT, output_type="np").images[0] * 255), pixels)
    mlx = pipe(**CAT, output_type="mx").images
    assert np.array_equal(np.round(np.array(mlx)[0] * 255), pixels)
    latent = pipe(**CAT, output_type="latent")
    assert latent.images.shape == (1, 4, 8, 8)
    assert np.array_equal(latent.images, plain.latents)


def test_python_and_the_program_draw_the_same_bits(pipe, program, plain, tmp_path):
    recipe = {"version": 1, "prompt": "a cat in a park", "seed": 3, "steps": 2, "width": 64, "height": 64, "dtype": "f32",
              "controls": [{"kind": "inject", "prompt": "a dragon", "where": "content", "strength": 0.8}]}
    (tmp_path / "r.json").write_text(json.dumps(recipe))
    command = [program, "generate", "--recipe", tmp_path / "r.json", "-o", tmp_path / "cat.png", "-q"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = np.asarray(PIL.Image.open(tmp_path / "cat.png"))
    dragon = [corepulse.inject("a dragon", where="content", strength=0.8)]
    ours = pipe(**CAT, controls=dragon)
    assert np.array_equal(theirs, np.asarray(ours.images[0]))
    assert np.array_equal(theirs, np.asarray(pipe(recipe=tmp_path / "cat.png").images[0]))
    assert not np.array_equal(theirs, np.asarray(plain.images[0]))
    ours.save(tmp_path / "ours.png")
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "cat.png").read_bytes()


def test_what_a_repeated_picture_may_differ_in_is_said(pipe, plain, program, tmp_path):
    plain.save(tmp_path / "cat.png")
    again = pipe(recipe=tmp_path / "cat.png")
    assert again.notes == plain.notes and np.array_equal(again.latents, plain.latents)
    if plain.recipe["made_with"]["backend"] != "cpu":
        pytest.skip("8-bit numbers are the processor's")
    quantized = corepulse.Pipeline.from_pretrained("builtin", dtype="int8")
    other = quantized(recipe=tmp_path / "cat.png")
    assert not np.array_equal(other.latents, plain.latents) and other.recipe["dtype"] == "int8"
    said = "the picture may differ from the one repeated: dtype f32 there, int8 here"
    assert other.notes == [*plain.notes, said]
    command = [program, "generate", "--from", tmp_path / "cat.png", "--dtype", "int8", "-o", tmp_path / "again.png"]
    assert said in subprocess.run(command, check=True, capture_output=True, text=True).stderr  # the program's words
    asked = {**plain.recipe, "made_with": None}
    assert said in quantized(recipe=asked, num_inference_steps=1).notes
    assert quantized(recipe={**asked, "dtype": "auto"}, num_inference_steps=1).notes == plain.notes


def test_a_pipelines_controls_act_before_the_calls(pipe, plain):
    weaker, dragon = corepulse.reweight("park", 0.3), corepulse.inject("a dragon", where="content")
    pipe.controls = [weaker]
    try:
        assert pipe(**CAT, controls=[dragon]).recipe["controls"] == [weaker.data(), dragon.data()]
    finally:
        pipe.controls = []


def test_seeds_count_on_and_generators_are_read(pipe):
    class Device:
        type = "cuda"

    class Generator:
        device = Device()

        def initial_seed(self):
            return 3

    small = {**CAT, "num_inference_steps": 1}
    assert pipe(**small, num_images_per_prompt=2).recipe["seeds"] == [3, 4]
    unsaid = {**small, "seed": None, "num_images_per_prompt": 2}
    assert pipe(**unsaid, recipe={"seed": 7}).recipe["seeds"] == [7, 8]
    assert pipe(**unsaid, recipe={"seeds": [7, 3]}).recipe["seeds"] == [7, 3]
    with pytest.raises(corepulse.InvalidRequest, match="3 seeds"):
        pipe(**unsaid, recipe={"seeds": [7, 3, 5]})
    drawn = pipe(**{**small, "seed": None}, generator=Generator()).recipe
    assert drawn["seeds"] == [3] and drawn["rng"] == "cuda"
    with pytest.raises(corepulse.InvalidRequest, match="list of one for each"):
        pipe(**{**small, "seed": None}, generator=Generator(), num_images_per_prompt=2)


def test_a_picture_to_start_from_comes_as_any_array(pipe, plain, tmp_path):
    plain.save(tmp_path / "cat.png")
    pixels = np.asarray(plain.images[0])
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True
    given = {**CAT, "strength": 0.6, "mask_image": mask}
    first = pipe(**given, image=tmp_path / "cat.png")
    for source in (plain.images[0], pixels, pixels / np.float32(255)):
        again = pipe(**given, image=source)
        assert np.array_equal(np.asarray(again.images[0]), np.asarray(first.images[0]))
    assert np.array_equal(np.asarray(first.images[0])[:, 40:], pixels[:, 40:])
    assert not np.array_equal(np.asarray(first.images[0]), pixels)
    bits = pipe(**{**given, "mask_image": mask.astype(np.uint8)}, image=pixels)  # 0 and 1
    assert np.array_equal(np.asarray(bits.images[0]), np.asarray(first.images[0]))
    for wrong in (pixels.astype(np.float32), pixels / np.float32(127.5) - 1):
        with pytest.raises(corepulse.InvalidRequest, match="expected 0..1"):
            pipe(**given, image=wrong)
    with pytest.raises(corepulse.InvalidRequest, match="expected image"):
        pipe(**CAT, strength=0.5)


def test_heat_maps_show_themselves(pipe):
    result = pipe(**CAT, controls=[corepulse.capture("cat"), corepulse.capture("park", name="grass")])
    assert [m.name for m in result.heatmaps] == ["cat", "grass"]
    heat = result.heatmaps[0]
    assert heat.values.dtype == np.float32 and 0 <= heat.values.min() <= heat.values.max() <= 1
    assert not heat.values.flags.writeable and np.asarray(heat).shape == heat.values.shape
    assert heat.overlay().size == (64, 64)
    assert heat._repr_png_().startswith(b"\x89PNG")
    assert result._repr_html_().count("<img") == 3


def test_recordings_are_files_for_later_runs(pipe, plain, tmp_path):
    first = pipe(**CAT, controls=[corepulse.capture(what="keys", name="style", where="middle:0")])
    assert first.recordings[0].name == "style" and first.recordings[0].bytes > 0
    first.recordings[0].save(str(tmp_path / "style.safetensors"))
    share = corepulse.share(recording=str(tmp_path / "style.safetensors"), how="instead")
    assert np.array_equal(pipe(**CAT, controls=[share]).latents, plain.latents)


def test_explain_is_a_table_of_blocks_and_steps(pipe):
    dragon = corepulse.inject("a dragon", where="content", when=corepulse.when.steps(1, 3))
    explained = pipe.explain("a cat in a park", num_inference_steps=4, controls=[dragon])
    assert "middle:0" in str(explained)
    assert [explained.acting("middle:0", i) for i in range(4)] == [[], [0], [0], []]
    assert explained._repr_html_().count("<tr>") == 8
    rich = pytest.importorskip("rich.console")
    console = rich.Console(width=100, record=True)
    console.print(explained)
    assert "middle:0" in console.export_text()


def test_steps_and_awaitables_give_the_same_picture(pipe, plain):
    steps = pipe.steps(**CAT)
    seen = list(steps)
    assert [s.step for s in seen] == [1, 2] and seen[0].preview.size == (8, 8)
    assert np.array_equal(steps.result.latents, plain.latents)
    assert np.array_equal(asyncio.run(pipe.agenerate(**CAT)).latents, plain.latents)


def test_callbacks_watch_and_end_a_run(pipe, plain):
    seen = []

    def watch(pipe, step, sigma, kwargs):
        seen.append((step, sigma, kwargs["preview"]().shape))

    assert np.array_equal(pipe(**CAT, callback_on_step_end=watch).latents, plain.latents)
    assert [s[0] for s in seen] == [0, 1] and seen[0][1] > seen[1][1] and seen[0][2] == (8, 8, 3)
    with pytest.raises(corepulse.Cancelled):
        pipe(**CAT, callback_on_step_end=lambda *_: False)
    with pytest.raises(ZeroDivisionError):
        pipe(**CAT, progress=lambda at: 1 / 0)
    kept = []
    pipe(**CAT, progress=kept.append)
    with pytest.raises(corepulse.InvalidRequest, match="its step is over"):
        kept[0].preview()


def test_a_preview_is_the_callbacks_own(pipe):
    refused = []

    def ask(at):
        try:
            at.preview()
        except corepulse.InvalidRequest as error:
            refused.append(str(error))

    def watch(at):
        other = threading.Thread(target=ask, args=(at,))
        other.start()
        other.join()

    pipe(**CAT, progress=watch)
    assert len(refused) == 2 and "another thread" in refused[0]


def test_controls_change_while_a_run_goes_on(pipe):
    live = corepulse.LiveControls()

    def edit(at):
        if at.step == 1:
            live.set([corepulse.inject("a dragon", where="content")])

    drawn = pipe(**CAT, live=live, progress=edit)
    assert drawn.recipe["edits"][0]["step"] == 1
    assert np.array_equal(pipe(recipe=drawn.recipe).latents, drawn.latents)
    with pytest.raises(corepulse.InvalidRequest):
        live.set([])


def test_models_and_recipes_are_told(pipe):
    assert pipe.info["family"] == "sd1" and "builtin" in repr(pipe)
    assert corepulse.inspect_model("builtin")["blocks"][0]["id"] == "input:0"
    assert corepulse.list_models()[0]["model"] == "builtin"
    assert "two-regions" in corepulse.presets()
    assert corepulse.load_recipe("two-regions")["controls"]
    assert pipe.estimate(**CAT)["model_calls"] == 2


@pytest.mark.parametrize("wrong, said", [
    (dict(num_inference_stps=3), "did you mean num_inference_steps"),
    (dict(sampler="eulr"), "euler"),
    (dict(output_type="pill"), "did you mean pil"),
    (dict(width=63), "width"),
    (dict(controls=[corepulse.reweight("zebra", 2)]), "zebra"),
    (dict(seed=1, generator=2), "expected one of them"),
    (dict(image=object()), "no array"),
    (dict(second_pass={"scal": 2}), "scale"),
    (dict(attention=[None]), "replace_attention"),
])
def test_wrong_arguments_are_named(pipe, wrong, said):
    with pytest.raises(corepulse.InvalidRequest) as error:
        pipe(**{**CAT, **wrong})
    assert said in str(error.value)


def test_every_code_has_its_class():
    from corepulse import _core, errors

    assert sorted(_core.error_codes()) == sorted(errors.by_code)
    for code, kind in errors.by_code.items():
        assert kind.__doc__ and kind.code == code and issubclass(kind, corepulse.Error)
    with pytest.raises(corepulse.NotFound) as error:
        corepulse.Pipeline.from_pretrained("/no/such/model")
    assert isinstance(error.value, FileNotFoundError)
    with pytest.raises(corepulse.UnknownArgument):
        corepulse.Pipeline.from_pretrained("builtin", dtpye="f32")

"""From prompt to picture: a loaded model, called as Diffusers' pipelines are."""
from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

import numpy as np

from . import _core
from ._control import controls_json
from ._names import arguments_of, check_arguments, function, listed, names_nearest, path, shown, truth
from ._probe import Attention, Of, Rows, check_name, said_of
from ._request import ControlLike, RecipeLike, in_run, latents_of, load_recipe, recipe_json, spend, with_latents
from .attention import AttentionLike
from .errors import Cancelled, InvalidRequest
from .explain import Explanation
from .patch import Patch, check_patches, probes_of
from .pictures import Picture
from .prediction import Prediction, unet_call
from .recorded import Recorded, RecordLike, as_record
from .region import RegionLike
from .result import Result
from .steps import Steps, run_async
from .trace import Measure, Sweep, Trace, trace

Progress = _core.Progress
Stop = _core.Stop
# Called between two steps, on the engine's thread; False ends the run.
ProgressCallback = Callable[[_core.Progress], Any]
# Diffusers': (pipe, step from 0, noise level, {"preview": () -> array}).
StepCallback = Callable[["Pipeline", int, float, dict[str, Any]], Any]
OUTPUTS = ("pil", "np", "mx", "latent")
DTYPES = {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "int8": "int8", "auto": "auto"}


def dtype_name(dtype: Any) -> str:
    """"f16" of "f16", "float16", torch.float16, numpy.float16, mlx.core.float16; "auto" of None."""
    if dtype is None:
        return "auto"
    name = getattr(dtype, "__name__", None) or str(dtype)
    name = name.rsplit(".", 1)[-1]
    return DTYPES.get(name, name)


class Told(dict[str, Any]):
    """What a callback is told beside step and noise level."""

    def __missing__(self, name: str) -> Any:
        raise InvalidRequest(f"[callback_on_step_end] {name} is not told; expected preview. A call's record keeps what the network "
                             "computes, its patch changes it")


def goes_on_after(answer: Any, told: Told) -> bool:
    """What a callback gave: nothing, a truth, or, as Diffusers has it, what it was told: a run takes no other arrays."""
    if isinstance(answer, Mapping):
        if changed := [name for name, value in answer.items() if name not in told or told[name] is not value]:
            raise InvalidRequest(f"[callback_on_step_end] gave {', '.join(map(str, changed))}, which a run does not take; expected what "
                                 "it was told, None, or False to end the run")
    elif answer is not None and not isinstance(answer, (bool, np.bool_)):
        raise InvalidRequest(f"[callback_on_step_end] gave {shown(answer)}; expected what it was told, None, or False to end the run")
    return answer is None or isinstance(answer, Mapping) or bool(answer)


class LiveControls:
    """Steers one run at a time, from any thread and from callbacks: pipe(..., live=controls)."""

    def __init__(self) -> None:
        self._core = _core.LiveControls()

    def set(self, controls: Sequence[ControlLike]) -> None:
        """From the run's next step on its controls are these; InvalidRequest if one is wrong, or if no run listens."""
        self._core.set(controls_json(controls))


class Pipeline:
    """A loaded model. It may be used from any thread; runs happen one after the other.

    `controls` is a list that acts in every call, before the call's own.
    """

    def __init__(self, core: _core.Pipeline, source: Mapping[str, str], dtype: str) -> None:
        self._core, self._source, self._dtype = core, dict(source), dtype
        self.controls: list[ControlLike] = []
        self._interrupt = False

    @classmethod
    @names_nearest
    def from_pretrained(
        cls,
        model: Union[str, "os.PathLike[str]"] = "builtin",
        *,
        torch_dtype: Any = None,
        dtype: Any = None,
        device: str = "auto",
        variant: str = "",
        unet: str = "",
        vae: str = "",
        text_encoder: str = "",
        text_encoder_2: str = "",
        tokenizer: str = "",
        config: str = "",
        family: str = "",
        prediction: str = "",
        lazy: bool = False,
    ) -> Pipeline:
        """Loads "builtin", a Diffusers folder, a .safetensors file, or org/name of the Hugging Face cache.

        dtype: what it computes in: auto, f32, f16, bf16, int8, or torch's, NumPy's, MLX's type; torch_dtype is the same.
        device: auto, cpu, gpu. lazy: weights are read at the first run. The rest: components from elsewhere.
        Raises NotFound, BadFile, UnsupportedModel, OutOfMemory. Nothing is ever downloaded.
        """
        if dtype is not None and torch_dtype is not None:
            raise InvalidRequest("[dtype] dtype and torch_dtype were given; expected one of them")
        given = dict(model=path("model", model), unet=unet, vae=vae, text_encoder=text_encoder, text_encoder_2=text_encoder_2,
                     tokenizer=tokenizer, config=config, family=family, prediction=prediction, variant=variant)
        source = {name: path(name, value) for name, value in given.items() if value is not None and path(name, value)}
        check_name("device", device, ["auto", "cpu", "gpu"])
        chosen = dtype_name(torch_dtype if dtype is None else dtype)
        core = _core.Pipeline.load(json.dumps({"version": 1, **source}), chosen, device, truth("lazy", lazy))
        return cls(core, source, chosen)

    @property
    def info(self) -> dict[str, Any]:
        """Family, components, blocks, attention layers: what `corepulse inspect --json` prints."""
        found: dict[str, Any] = json.loads(self._core.info)
        return found

    @names_nearest
    def __call__(
        self,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        *,
        prompt_2: str | None = None,
        negative_prompt_2: str | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        guidance_rescale: float | None = None,
        height: int | None = None,
        width: int | None = None,
        seed: int | Sequence[int] | None = None,
        generator: Any = None,
        num_images_per_prompt: int = 1,
        image: Picture | None = None,
        strength: float | None = None,
        mask_image: Picture | RegionLike | None = None,
        latents: Any = None,
        latents_scaled: bool = False,
        init: Mapping[str, Any] | None = None,
        second_pass: Mapping[str, Any] | None = None,
        refiner: Mapping[str, Any] | None = None,
        aesthetic_score: float | None = None,
        negative_aesthetic_score: float | None = None,
        timesteps: Sequence[float] | None = None,
        sigmas: Sequence[float] | None = None,
        few_steps: str | None = None,
        zero_snr: bool | None = None,
        image_guidance: float | None = None,
        embeddings: Mapping[str, Any] | None = None,
        loras: str | None = None,
        eta: float | None = None,
        clip_skip: int | None = None,
        sampler: str | None = None,
        schedule: str | None = None,
        syntax: str | None = None,
        compat: str | None = None,
        rng: str | None = None,
        controls: Sequence[ControlLike] = (),
        attention: Sequence[AttentionLike] = (),
        record: Sequence[RecordLike] = (),
        patch: Sequence[Patch] = (),
        recipe: RecipeLike | None = None,
        output_type: str = "pil",
        callback_on_step_end: StepCallback | None = None,
        progress: ProgressCallback | None = None,
        live: LiveControls | None = None,
        stop: _core.Stop | None = None,
    ) -> Result:
        """Draws. What is left out is as the recipe says, and a recipe's own default else.

        seed: one number, or one for each picture; num_images_per_prompt counts on from it. generator: torch's, by its
        seed and device. image, strength, mask_image (white is drawn anew; or a region), init (more fields of a recipe's
        `init`): docs/from-a-picture.md. latents [n, 4, h, w]: noise of deviation 1 in place of the seeds'; latents_scaled:
        it is x itself, at the first step's noise level. guidance_scale below 1 is none. controls: of the module corepulse.controls,
        behind those of `recipe` and of the pipeline. attention: of replace_attention. record, patch: what of the network is kept (the
        result's `recorded`), and changed, docs/python.md, "Looking inside". output_type: pil, np (0..1,
        [n, height, width, 3]), mx (the same), latent. callback_on_step_end and progress may return False to end the
        run: Cancelled. Ctrl-C ends it, too, inside a call of the UNet.
        """
        return self._run({n: v for n, v in locals().items() if n != "self"})

    def unet_call(
        self,
        latents: Any,
        sigma: float | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        *,
        timestep: float | None = None,
        as_input: bool = False,
        guidance_scale: float = 1.0,
        controls: Sequence[ControlLike] = (),
        record: Sequence[RecordLike] = (),
        patch: Sequence[Patch] = (),
        attention: Sequence[AttentionLike] = (),
        **arguments: Any,
    ) -> Prediction:
        """One call of the UNet on latents [n, 4, h, w] at a noise level: `sigma`, or the model's `timestep`.

        latents are x = x0 + sigma * noise; with as_input they are what the UNet itself reads, as Diffusers' UNets are
        given (x / sqrt(sigma^2 + 1)). Above a guidance_scale of 1 the negative prompt is read, too. Windows of controls see
        a run of one step at that noise level. arguments: more of a call's about the prompt (clip_skip, syntax, ...).
        """
        given = {"prompt": prompt, "negative_prompt": negative_prompt, "guidance_scale": guidance_scale,
                 "controls": controls, "patch": patch, "attention": attention, **arguments}
        return unet_call(self, latents, sigma, timestep, as_input, record, given)

    def trace(
        self,
        clean_prompt: str,
        corrupt_prompt: str,
        *,
        measure: Measure | None = None,
        where: Sequence[str] | None = None,
        of: Of = "block_output",
        attention: Attention = "both",
        rows: Rows = "both",
        windows: Sequence[tuple[int, int]] | None = None,
        progress: Callable[[int, int], Any] | None = None,
        **arguments: Any,
    ) -> Trace:
        """Causal tracing: which block, at which steps, brings the clean prompt's picture back into the corrupt prompt's run?

        measure: a number of a Result; unless given how near its latents are to the clean run's. where: every block, or
        blocks and layers by name; of, attention, rows: as Record's. windows: steps, first and end; each one alone unless
        given. progress: (runs done, of how many). It takes places * (windows + 1) + 2 runs.
        """
        sweep = Sweep(self, clean_prompt, corrupt_prompt, arguments, of, attention, rows)
        return trace(sweep, measure, where, windows, progress)

    def explain(self, prompt: str | None = None, negative_prompt: str | None = None, **arguments: Any) -> Explanation:
        """Which control acts in which block at which step, of a call with these arguments. Nothing is drawn."""
        return Explanation(self._recipe({"prompt": prompt, "negative_prompt": negative_prompt, **arguments}, whole=True))

    def estimate(self, prompt: str | None = None, **arguments: Any) -> dict[str, float]:
        """`seconds` (0: not known, or short), `bytes` of memory at most, `model_calls`, of a call with these arguments."""
        seconds, size, calls = self._core.estimate(self._recipe({"prompt": prompt, **arguments}))
        return {"seconds": seconds, "bytes": size, "model_calls": calls}

    async def agenerate(self, prompt: str | None = None, negative_prompt: str | None = None, **arguments: Any) -> Result:
        """A call that other tasks do not wait for; to cancel its task ends the run."""
        return await run_async(self, {"prompt": prompt, "negative_prompt": negative_prompt, **arguments})

    def steps(self, prompt: str | None = None, negative_prompt: str | None = None, **arguments: Any) -> Steps:
        """A call as an iterator over its steps, with previews; `.result` when it has ended. To leave it early ends the run."""
        return Steps(self, {"prompt": prompt, "negative_prompt": negative_prompt, **arguments})

    def _recipe(self, given: Mapping[str, Any], whole: bool = False) -> str:
        """Of a call; whole: with the model's name, for whoever reads it without this pipeline."""
        check_arguments("Pipeline", given, ARGUMENTS)
        given = with_latents(given)
        controls = [*listed("pipeline.controls", self.controls, "controls"), *listed("controls", given.get("controls"), "controls")]
        text = recipe_json({**given, "controls": in_run(controls, lambda: self._levels(given))}, self._dtype)
        return json.dumps({**json.loads(text), **self._source}) if whole else text

    def _levels(self, given: Mapping[str, Any]) -> list[float]:
        """Noise levels of a call's calls of the UNet, those of its second pass as well."""
        recipe = json.loads(recipe_json({**given, "controls": ()}, self._dtype))
        first = Explanation(json.dumps({**recipe, "controls": [], **self._source})).data
        programs = [first, first.get("second_pass", {}).get("program", {})]
        return [float(call["sigma"]) for program in programs for call in program.get("calls", ())]

    def _run(self, given: dict[str, Any]) -> Result:
        recorded = Recorded()
        return self._run_recorded(given, [(recorded, one) for one in listed("record", given["record"], "records")])

    def _run_recorded(self, given: Mapping[str, Any], record: Sequence[tuple[Recorded, RecordLike]]) -> Result:
        """A call that keeps what it records where each is told to; the result has what the first is told."""
        given = _checked({**DEFAULTS, **given})
        output = given["output_type"]
        check_name("output_type", output, list(OUTPUTS))
        live = given["live"]._core if given["live"] is not None else None
        recipe, callback = self._recipe(given), self._callback(given)
        check_patches(given["patch"], json.loads(recipe))
        probes = [*probes_of(given["patch"]), *(as_record(one)._into(recorded) for recorded, one in record)]
        beside = _core.Beside(list(given["attention"]), probes, latents_of(given), bool(given["latents_scaled"]))
        try:
            core = self._core.generate(recipe, output != "latent", callback, beside, live, given["stop"])
        except (Cancelled, KeyboardInterrupt):
            spend(given["generator"])
            raise
        except InvalidRequest as error:
            raise said_of(error, len(given["patch"])) from None
        spend(given["generator"])
        return Result(core, output, record[0][0] if record else Recorded(), given["recipe"])

    def _callback(self, given: Mapping[str, Any]) -> ProgressCallback | None:
        own, theirs = given["progress"], given["callback_on_step_end"]
        if theirs is None:
            return own  # type: ignore[no-any-return]
        self._interrupt = False

        def both(at: _core.Progress) -> bool:
            goes_on = own is None or own(at) is not False
            told = Told(preview=at.preview)
            answer = theirs(self, at.step - 1, at.sigma, told)
            return goes_on and goes_on_after(answer, told) and not self._interrupt

        return both

    def __repr__(self) -> str:
        info = self.info
        return f"<Pipeline {info['name']}: {info['family']}, {info['width']} x {info['height']}>"


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """What the engine takes beside a recipe is of its kind, and a recipe is read."""
    lists: dict[str, tuple[str, type]] = {"attention": ("what replace_attention makes", _core.AttentionReplacement), "patch": ("patches", Patch)}
    own: dict[str, Any] = {name: listed(name, given[name], of) for name, (of, _) in lists.items()}
    for name, (of, kind) in lists.items():
        if wrong := [one for one in own[name] if not isinstance(one, kind)]:
            raise InvalidRequest(f"[{name}] {shown(wrong[0])} in it; expected {of}")
    truth("latents_scaled", given["latents_scaled"])
    for name in ("progress", "callback_on_step_end"):
        function(name, given[name])
    for name, one in (("live", LiveControls), ("stop", _core.Stop)):
        if given[name] is not None and not isinstance(given[name], one):
            raise InvalidRequest(f"[{name}] {shown(given[name])}; expected a corepulse.{one.__name__}")
    if given["recipe"] is not None:
        own["recipe"] = load_recipe(given["recipe"])
    return {**given, **own}


ARGUMENTS = arguments_of(Pipeline.__call__)
DEFAULTS = {name: p.default for name, p in inspect.signature(Pipeline.__call__).parameters.items() if name != "self"}

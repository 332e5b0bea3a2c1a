"""A node for ComfyUI: a recipe goes to a running `corepulse serve`, its picture comes back.

Copy this file into ComfyUI/custom_nodes. COREPULSE_SERVER is the server's address (http://127.0.0.1:7860 without it),
COREPULSE_TOKEN its token: both are the machine's and stand in no workflow, which others may have made.
"""
import contextlib
import io
import json
import os
import urllib.error
import urllib.request

import numpy
import PIL.Image
import torch

try:
    from comfy.model_management import throw_exception_if_processing_interrupted
    from comfy.utils import ProgressBar
except ImportError:  # outside of ComfyUI
    ProgressBar = None

    def throw_exception_if_processing_interrupted():
        pass


EXAMPLE = json.dumps({"version": 1, "prompt": "a cat in a park", "steps": 20, "controls": [
    {"kind": "inject", "prompt": "a dragon", "where": "content"}]}, indent=2)


def ask(method, path, body=None, kind="application/json"):
    """The open answer. What the server says is wrong is the error's text."""
    headers = {"Content-Type": kind} if body is not None else {}
    if token := os.environ.get("COREPULSE_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    address = os.environ.get("COREPULSE_SERVER", "http://127.0.0.1:7860").rstrip("/")
    try:
        return urllib.request.urlopen(urllib.request.Request(address + path, body, headers, method=method))
    except urllib.error.HTTPError as error:
        with error:
            raise RuntimeError(f"corepulse: {problem_of(error.read()) or error}") from None
    except urllib.error.URLError as error:
        raise RuntimeError(f"corepulse: nothing answers at {address} ({error.reason}); `corepulse serve` starts it") from None


def problem_of(answer):
    try:
        return json.loads(answer)["detail"]
    except (ValueError, KeyError, TypeError):
        return ""


def upload(array):
    """Numbers of 0..1, [height, width] or [height, width, 3]: the name under which recipes know them."""
    data = io.BytesIO()
    pixels = (numpy.clip(numpy.asarray(array.cpu()), 0, 1) * 255).round().astype(numpy.uint8)
    PIL.Image.fromarray(pixels[..., :3] if pixels.ndim == 3 else pixels).save(data, "PNG")
    with ask("POST", "/v1/files", data.getvalue(), "image/png") as answer:
        return json.load(answer)["name"]


def recipe_with(recipe, seed, prompt, image, mask, strength):
    """The node's inputs over the recipe's fields."""
    made = json.loads(recipe)
    if not isinstance(made, dict):
        raise ValueError("recipe: expected a JSON object")
    made.pop("seeds", None)
    made["seed"] = seed
    if prompt:
        made["prompt"] = prompt
    if image is not None:
        init = made["init"] = {**made.get("init", {}), "file": upload(image[0]), "strength": strength}
        for field in ("data", "sha256"):
            init.pop(field, None)
        if mask is not None:
            init["mask"] = {"shape": "picture", "channel": "luminance", "file": upload(mask[0] if mask.ndim == 3 else mask)}
    elif mask is not None:
        raise ValueError("mask: it is a picture's; expected image, too")
    return made


def follow(job):
    """The job when it is over. Whoever interrupts ComfyUI ends it."""
    bar, ended = None, None
    try:
        with ask("GET", f"/v1/jobs/{job}/events") as events:
            name = ""
            for line in events:
                throw_exception_if_processing_interrupted()
                if line.startswith(b"event: "):
                    name = line[7:].strip().decode()
                if not line.startswith(b"data: "):
                    continue
                data = json.loads(line[6:])
                if name == "job":
                    ended = data
                if name == "step" and ProgressBar:
                    bar = bar or ProgressBar(data["steps"])
                    bar.update_absolute(data["step"], data["steps"])
    except BaseException:
        with contextlib.suppress(RuntimeError):  # it may be over by now
            ask("DELETE", f"/v1/jobs/{job}").close()
        raise
    if not ended or ended["state"] != "done":
        raise RuntimeError(f"corepulse: {(ended or {}).get('error', {}).get('detail') or 'the job was ended'}")
    return ended


def picture(url):
    with ask("GET", url) as answer:
        image = PIL.Image.open(io.BytesIO(answer.read())).convert("RGB")
    return numpy.asarray(image, dtype=numpy.float32) / 255


class CorepulseRecipe:
    """What ComfyUI asks of a node."""
    CATEGORY = "corepulse"
    FUNCTION = "draw"
    RETURN_TYPES = ("IMAGE", "STRING")
    RETURN_NAMES = ("image", "recipe")
    DESCRIPTION = "Draws a recipe of corepulse on `corepulse serve`. The second output is the recipe that repeats the picture."

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "recipe": ("STRING", {"multiline": True, "default": EXAMPLE}),
                "seed": ("INT", {"default": 0, "min": 0, "max": 2**53, "control_after_generate": True}),
            },
            "optional": {
                "prompt": ("STRING", {"multiline": True, "default": "", "tooltip": "instead of the recipe's, unless empty"}),
                "image": ("IMAGE", {"tooltip": "to start from"}),
                "mask": ("MASK", {"tooltip": "where it is drawn anew"}),
                "strength": ("FLOAT", {"default": 0.75, "min": 0.01, "max": 1.0, "step": 0.01, "tooltip": "of image"}),
            },
        }

    def draw(self, recipe, seed, prompt="", image=None, mask=None, strength=0.75):
        body = {"recipe": recipe_with(recipe, seed, prompt, image, mask, strength), "previews": 0}
        with ask("POST", "/v1/jobs", json.dumps(body).encode()) as answer:
            job = follow(json.load(answer)["id"])
        pictures = numpy.stack([picture(one["url"]) for one in job["pictures"]])
        return torch.from_numpy(pictures), json.dumps(job["recipe"])


NODE_CLASS_MAPPINGS = {"CorepulseRecipe": CorepulseRecipe}
NODE_DISPLAY_NAME_MAPPINGS = {"CorepulseRecipe": "corepulse recipe"}

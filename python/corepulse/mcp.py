"""A server for language models' programs (Model Context Protocol): python -m corepulse.mcp, on standard input and output.

Tools: generate, edit, explain, heatmap, inspect_model, list_models. Runs tell their progress; pictures come as PNG, and
each with its recipe as JSON. It needs the package mcp, of version 2: pip install 'corepulse[mcp]'.
"""
from __future__ import annotations

import asyncio
import base64
import functools
import io
import json
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, ParamSpec, TypeVar

import PIL.Image
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

import corepulse

server = MCPServer(
    "corepulse",
    instructions="Draws with Stable Diffusion whose attention is open: controls say what the picture reads, in which blocks "
    "(composition, content, style, input:N, middle:0, output:N), at which steps, in which part. The model builtin knows few "
    "words: its errors list what it does not know. explain costs nothing: use it before generate.",
)
Controls = Annotated[
    list[dict[str, Any]] | None,
    Field(description='Controls as recipes have them, e.g. {"kind": "inject", "prompt": "a dragon", "where": "content"}, '
          f'{{"kind": "reweight", "phrase": "park", "scale": 0.3}}; kinds: {", ".join(corepulse.KINDS)}'),
]
Model = Annotated[str, Field(description="builtin, a path, or org/name of the Hugging Face cache")]
Steps = Annotated[int, Field(ge=1, le=1000)]


P = ParamSpec("P")
T = TypeVar("T")


def tool(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """A tool of the server: what is wrong with a request is said to whoever asked."""

    @functools.wraps(function)
    async def called(*args: P.args, **named: P.kwargs) -> T:
        try:
            return await function(*args, **named)
        except corepulse.Error as error:
            raise ToolError(f"{error.code}: {error}") from None

    server.add_tool(called, structured_output=False)
    return called


@functools.lru_cache(maxsize=1)
def _pipeline(model: str) -> corepulse.Pipeline:
    return corepulse.Pipeline.from_pretrained(model, lazy=True)


async def _draw(context: Context[Any, Any], model: str, **arguments: Any) -> corepulse.Result:
    """A run that tells its steps, and ends with its request."""
    loop = asyncio.get_running_loop()

    def seen(at: corepulse.Progress) -> None:
        asyncio.run_coroutine_threadsafe(context.report_progress(at.step, at.steps, f"step {at.step} of {at.steps}"), loop)

    return await _pipeline(model).agenerate(**arguments, progress=seen)


def _png(picture: PIL.Image.Image) -> Image:
    file = io.BytesIO()
    picture.save(file, format="PNG")
    return Image(data=file.getvalue(), format="png")


def _told(result: corepulse.Result) -> list[Any]:
    recipe = {name: value for name, value in result.recipe.items() if name != "init"}
    return [*map(_png, result.images), json.dumps({"recipe": recipe, "notes": result.notes})]


@tool
async def generate(context: Context[Any, Any], prompt: str, negative_prompt: str = "", model: Model = "builtin", seed: int = 0,
                   steps: Steps = 20, guidance: float = 5, width: int = 0, height: int = 0, controls: Controls = None) -> list[Any]:
    """Draws a picture; width and height 0 are the model's own. Gives the picture and the recipe that repeats it."""
    return _told(await _draw(context, model, prompt=prompt, negative_prompt=negative_prompt, seed=seed, num_inference_steps=steps,
                             guidance_scale=guidance, width=width, height=height, controls=controls or []))


@tool
async def edit(context: Context[Any, Any], image: Annotated[str, Field(description="a path, or a PNG, JPEG or WebP in base64")],
               prompt: str, strength: Annotated[float, Field(gt=0, le=1, description="how much of it is drawn anew")] = 0.6,
               part: Annotated[str, Field(description='what is drawn anew: "left half", "circle 0.5,0.5,0.3 feather 0.05"')] = "",
               model: Model = "builtin", seed: int = 0, steps: Steps = 20, controls: Controls = None) -> list[Any]:
    """Draws over a picture, or over a part of it."""
    return _told(await _draw(context, model, prompt=prompt, image=_picture(image), strength=strength, mask_image=part or None,
                             seed=seed, num_inference_steps=steps, controls=controls or []))


@tool
async def heatmap(context: Context[Any, Any], prompt: str, words: list[str], where: str = "", model: Model = "builtin",
                  seed: int = 0, steps: Steps = 20, controls: Controls = None) -> list[Any]:
    """Draws a picture and shows where it looked at words of its prompt: one map over the picture for each."""
    watched = [corepulse.capture(word, where=where or None) for word in words]
    result = await _draw(context, model, prompt=prompt, seed=seed, num_inference_steps=steps, controls=[*(controls or []), *watched])
    ranges = {m.name: [float(m.values.min()), float(m.values.max())] for m in result.heatmaps}
    return [*map(_png, result.images), *(_png(m.overlay()) for m in result.heatmaps), json.dumps({"maps": ranges})]


@tool
async def explain(prompt: str, model: Model = "builtin", steps: Steps = 20, guidance: float = 5, controls: Controls = None) -> str:
    """Which control acts in which block at which step, and what is wrong with a request; draws nothing, costs nothing."""
    explained = _pipeline(model).explain(prompt, num_inference_steps=steps, guidance_scale=guidance, controls=controls or [])
    return explained.text


@tool
async def inspect_model(model: Model = "builtin") -> str:
    """Family, size, blocks and attention layers of a model, as JSON; reads no weights."""
    info = corepulse.inspect_model(model)
    return json.dumps({name: value for name, value in info.items() if name != "sites"})


@tool
async def list_models() -> str:
    """The models of this machine, as JSON."""
    return json.dumps(corepulse.list_models())


def _picture(image: str) -> Any:
    """A path as it is; else the picture itself."""
    if not image.startswith("data:") and len(image) < 4096 and os.path.isfile(image):
        return image
    try:
        return PIL.Image.open(io.BytesIO(base64.b64decode(image.split(",", 1)[-1], validate=True)))
    except (ValueError, OSError):
        raise corepulse.InvalidRequest(f"[image] {image[:80]!r} is neither a file that exists nor base64 of a picture") from None


if __name__ == "__main__":
    server.run()

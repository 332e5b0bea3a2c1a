"""The server for language models' programs, driven by the official SDK's own client."""
import asyncio
import base64
import io
import json
import os
import sys

import PIL.Image
import pytest
from waiting import heard

import corepulse

mcp = pytest.importorskip("mcp")

from mcp.client.stdio import StdioServerParameters  # noqa: E402

from corepulse import mcp as ours  # noqa: E402

SMALL = {"prompt": "a cat in a park", "steps": 2, "seed": 3}


def picture(content):
    return PIL.Image.open(io.BytesIO(base64.b64decode(content.data)))


def test_tools_draw_explain_and_tell():
    async def main():
        seen = []

        async def progress(done, total, message):
            seen.append((done, total))

        async with mcp.Client(ours.server) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
            assert tools == {"generate", "edit", "explain", "heatmap", "inspect_model", "list_models"}
            drawn = await client.call_tool("generate", {**SMALL, "width": 64, "height": 64}, progress_callback=progress)
            assert picture(drawn.content[0]).size == (64, 64) and seen[0] == (1, 2)
            assert json.loads(drawn.content[1].text)["recipe"]["seeds"] == [3]
            edited = await client.call_tool("edit", {**SMALL, "image": drawn.content[0].data, "part": "left half", "strength": 0.9})
            assert picture(edited.content[0]).size[0] > 64
            maps = await client.call_tool("heatmap", {**SMALL, "words": ["cat", "park"]})
            assert len(maps.content) == 4 and set(json.loads(maps.content[3].text)["maps"]) == {"cat", "park"}
            dragon = {"kind": "inject", "prompt": "a dragon", "where": "content"}
            told = await client.call_tool("explain", {"prompt": "a cat", "controls": [dragon]})
            assert "middle:0" in told.content[0].text
            wrong = await client.call_tool("explain", {"prompt": "a cat", "controls": [{"kind": "injekt"}]})
            assert wrong.is_error and "inject" in wrong.content[0].text
            assert "middle:0" in (await client.call_tool("inspect_model", {})).content[0].text
            assert "builtin" in (await client.call_tool("list_models", {})).content[0].text

    asyncio.run(main())


def test_a_request_that_is_cancelled_ends_its_run(monkeypatch):
    pipe = ours._pipeline("builtin")
    agenerate, drawn = pipe.agenerate, []

    async def main():
        begun, ended, stop = asyncio.Event(), asyncio.Event(), corepulse.Stop()

        async def watched(progress, **arguments):
            try:
                return await agenerate(**arguments, stop=stop, progress=lambda at: (progress(at), heard(stop)) and None)
            except asyncio.CancelledError:
                ended.set()  # the run is over before this is raised
                raise

        async def progress(done, total, message):
            drawn.append(done)
            begun.set()

        monkeypatch.setattr(pipe, "agenerate", watched)
        async with mcp.Client(ours.server) as client:
            small = {**SMALL, "width": 64, "height": 64}
            asked = asyncio.ensure_future(client.call_tool("generate", {**small, "steps": 500}, progress_callback=progress))
            await asyncio.wait_for(begun.wait(), 600)
            asked.cancel()
            await asyncio.wait_for(ended.wait(), 600)
            with pytest.raises(asyncio.CancelledError):
                await asked
            assert drawn == [1]
            monkeypatch.undo()
            told = await client.call_tool("generate", small)  # the server goes on
            assert picture(told.content[0]).size == (64, 64)

    asyncio.run(main())


def test_a_picture_is_a_file_or_base64_of_any_size(tmp_path):
    file = tmp_path / "dot.png"
    PIL.Image.new("RGB", (2, 2), "red").save(file)
    assert ours._picture(str(file)) == str(file)
    text = base64.b64encode(file.read_bytes()).decode()
    assert len(text) < 4096
    for given in (text, f"data:image/png;base64,{text}"):
        assert ours._picture(given).size == (2, 2)
    for wrong in ("no/such.png", base64.b64encode(b"no picture").decode(), "a" * 5000):
        with pytest.raises(ours.corepulse.InvalidRequest, match="neither"):
            ours._picture(wrong)


def test_it_is_served_on_standard_input_and_output():
    async def main():
        command = StdioServerParameters(command=sys.executable, args=["-m", "corepulse.mcp"], env=dict(os.environ))
        async with mcp.Client(command) as client:
            assert "builtin" in (await client.call_tool("list_models", {})).content[0].text

    asyncio.run(main())

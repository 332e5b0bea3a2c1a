"""The Model Context Protocol over HTTP: the official SDK's own client, and messages that it would not send."""
import ast
import asyncio
import base64
import http.client
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest

from server_case import LIMIT, Server, ServerCase, main, png, until

try:
    import httpx2
    import mcp
    import PIL.Image
    from mcp.client.stdio import StdioServerParameters
    from mcp.client.streamable_http import streamable_http_client
except ImportError:  # requirements.txt has them
    mcp = None

DRAGON = {"kind": "inject", "prompt": "a dragon", "where": "content"}
CALL = {"prompt": "a cat in a park", "steps": 2, "seed": 3, "width": 64, "height": 64}
# In an environment of its own: it needs an older SDK.
OTHERS = pathlib.Path(sys.prefix) / "image-generation-mcp/bin/image-generation-mcp"
PYTHONS = pathlib.Path(__file__).parents[2] / "python/corepulse/mcp.py"


def opened(content):
    return PIL.Image.open(io.BytesIO(base64.b64decode(content.data)))


def texts(node):
    """A constant's text, also where an f-string or a + has it in parts."""
    return "".join(n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


@unittest.skipUnless(mcp, "no client: pip install -r tests/server/requirements.txt")
class Client(ServerCase):
    def with_client(self, use, **options):
        async def main():
            async with mcp.Client(f"http://127.0.0.1:{self.server.port}/mcp", **options) as client:
                await use(client)
        asyncio.run(main())

    def told(self, result):
        self.assertFalse(result.is_error, result.content)
        return json.loads(result.content[-1].text)

    def test_it_draws_edits_shows_and_explains(self):
        async def use(client):
            self.assertIn("explain costs nothing", client.instructions)
            drawn = await client.call_tool("generate", {**CALL, "controls": [DRAGON]})
            told = self.told(drawn)
            self.assertEqual((opened(drawn.content[0]).size, drawn.content[0].mime_type), ((64, 64), "image/png"))
            self.assertEqual((told["recipe"]["seeds"], told["recipe"]["controls"][0]["prompt"]), ([3], "a dragon"))
            # The recipe draws the same bits, and the server knows the picture by its name.
            picture, = told["pictures"]
            job = self.server.wait(self.server.ask("POST", "/v1/jobs", {"recipe": told["recipe"]}).json["id"])
            again = self.server.ask("GET", job["pictures"][0]["url"]).body
            self.assertEqual(again, base64.b64decode(drawn.content[0].data))
            self.assertEqual(self.server.ask("GET", picture["url"].split(f":{self.server.port}")[1]).body, again)
            for image in (picture["name"], drawn.content[0].data, "data:image/png;base64," + drawn.content[0].data):
                edited = await client.call_tool("edit", {"image": image, "prompt": "an owl", "steps": 2, "part": "left half",
                                                         "strength": 1, "model": "builtin"})
                init = self.told(edited)["recipe"]["init"]
                self.assertEqual((init["strength"], init["mask"]["shape"]), (1, "rectangle"))
            maps = await client.call_tool("heatmap", {"prompt": "a cat in a park", "steps": 2, "words": ["cat", "park"],
                                                      "where": "content", "seed": 3})
            told = self.told(maps)
            self.assertEqual(([m["word"] for m in told["maps"]], len(maps.content)), (["cat", "park"], 4))
            self.assertEqual([c["where"] for c in told["recipe"]["controls"]], ["content"] * 2)
            self.assertEqual(opened(maps.content[1]).size, opened(maps.content[0]).size)
            explained = await client.call_tool("explain", {"prompt": "a cat", "controls": [DRAGON]})
            self.assertIn("middle:0", explained.content[0].text)
            self.assertIn("middle:0", (await client.call_tool("inspect_model", {})).content[0].text)
            self.assertIn("builtin", self.told(await client.call_tool("list_models", {}))["default"])
        self.with_client(use)
        self.assertEqual(len(self.server.ask("GET", "/v1/history?q=owl").json["items"]), 3)

    def test_it_tells_how_far_it_is(self):
        before = self.server.draw({"steps": 1000})
        self.server.wait(before, "running")

        async def use(client):
            seen = []

            async def progress(done, total, message):
                if not seen:
                    self.server.ask("DELETE", f"/v1/jobs/{before}")
                seen.append((done, total, message))
            await client.call_tool("generate", {**CALL, "steps": 3}, progress_callback=progress)
            self.assertEqual(seen[0], (0, 3, "waits behind 1"))
            self.assertEqual(seen[1:], [(n, 3, f"step {n} of 3") for n in (1, 2, 3)])
        self.with_client(use)

    def test_models_read_what_is_wrong(self):
        async def use(client):
            for tool, arguments, words in (
                    ("generate", {"prompt": "a cat", "stpes": 2}, ("steps",)), ("generate", {}, ("[prompt] missing",)),
                    ("generate", {"prompt": "a cat", "steps": "x"}, ("steps",)),
                    ("generate", {"prompt": "a cat", "steps": 1001}, ("steps",)),
                    ("generate", {"prompt": "a cat", "width": 1 << 20}, ("width",)),
                    ("explain", {"prompt": "a cat", "controls": [{"kind": "injekt"}]}, ("inject",)),
                    ("explain", {"prompt": "a cat", "controls": 3}, ("controls",)),
                    ("generate", {"prompt": "a cat", "model": "/etc/passwd"}, ("forbidden_path",)),
                    ("inspect_model", {"model": "../x"}, ("forbidden_path",)),
                    ("edit", {"image": "/etc/passwd", "prompt": "a cat"}, ("no PNG",)),
                    ("edit", {"image": "upload:../x", "prompt": "a cat"}, ("not_found",)),
                    ("edit", {"image": "http://127.0.0.1/x.png", "prompt": "a cat"}, ("[image]",)),
                    ("edit", {"image": base64.b64encode(png(64, 64)).decode(), "prompt": "a cat", "part": "picture /etc/passwd"},
                     ("forbidden_path",)),
                    ("edit", {"image": base64.b64encode(png(64, 64)).decode(), "prompt": "a cat", "part": "lefthalf"}, ("region",)),
                    ("heatmap", {"prompt": "a cat", "words": "cat"}, ("words",)),
                    ("heatmap", {"prompt": "a cat", "words": ["dog"]}, ("dog",))):
                result = await client.call_tool(tool, arguments)
                text = result.content[0].text
                self.assertTrue(result.is_error and all(word in text for word in words), (tool, arguments, text))
            with self.assertRaises(mcp.MCPError):
                await client.call_tool("no_such_tool", {})
        self.with_client(use)

    def test_a_long_answer_is_shortened_and_says_so(self):
        async def use(client):
            words = ["cat", "park", "in", "a cat", "a park", "cat in", "cat in a park", "a cat in a park"] * 2
            drawn = await client.call_tool("heatmap", {"prompt": "a cat in a park", "steps": 1, "words": words})
            self.assertLess(sum(len(c.data) for c in drawn.content[:-1]), 1 << 20)
            told, kinds = self.told(drawn), set()
            for content, picture in zip(drawn.content, told["pictures"] + told["maps"], strict=False):
                whole = self.server.ask("GET", picture["url"].split(f":{self.server.port}")[1]).body
                kind = "image/jpeg" if len(whole) > 900_000 * 3 // 4 // 17 else "image/png"
                self.assertEqual((picture["sent"], content.mime_type), (kind, kind))
                kinds.add(kind)
                self.assertEqual(opened(content).size, PIL.Image.open(io.BytesIO(whole)).size)
            self.assertIn("image/jpeg", kinds)  # what this test is about
        self.with_client(use)

    def test_a_client_ends_what_it_began(self):
        async def use(client):
            running = asyncio.Event()

            async def progress(*_):
                running.set()
            call = asyncio.create_task(client.call_tool("generate", {**CALL, "steps": 1000}, progress_callback=progress))
            await running.wait()
            job, = self.server.ask("GET", "/v1/jobs").json["jobs"]
            call.cancel()
            await asyncio.to_thread(self.server.wait, job["id"])
            self.assertEqual(self.server.job(job["id"])["state"], "cancelled")
        self.with_client(use)

    def test_tools_are_those_of_the_python_server(self):
        tree = ast.parse(PYTHONS.read_text())
        theirs = {f.name: f for f in tree.body if isinstance(f, ast.AsyncFunctionDef) and f.decorator_list}
        words = next(n for n in ast.walk(tree) if isinstance(n, ast.keyword) and n.arg == "instructions")

        async def use(client):
            self.assertEqual(client.instructions, texts(words.value))
            ours = {tool.name: tool for tool in (await client.list_tools()).tools}
            self.assertEqual(set(ours), set(theirs))
            for name, function in theirs.items():
                arguments = {a.arg for a in function.args.args} - {"context"}
                self.assertEqual(ours[name].description, ast.get_docstring(function))
                self.assertEqual(set(ours[name].input_schema["properties"]), arguments, name)
                self.assertEqual(len(ours[name].input_schema["required"]),
                                 len(arguments) - len(function.args.defaults), name)
            self.assertIn("reweight", ours["explain"].input_schema["properties"]["controls"]["description"].split("kinds: ")[1])
        self.with_client(use)


class Messages(ServerCase):
    def send(self, message, **headers):
        return self.server.ask("POST", "/mcp", message, {"Accept": "application/json, text/event-stream", **headers})

    def request(self, method, parameters=None, **headers):
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters or {}}
        return self.send({k: v for k, v in message.items() if v != {}}, **headers)

    def test_versions_are_agreed_on(self):
        for asked, given in ("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25"), ("2025-03-26", "2025-11-25"), (3, "2025-11-25"):
            answer = self.request("initialize", {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}})
            self.assertEqual(answer.json["result"]["protocolVersion"], given)
            self.assertTrue(answer.headers["Mcp-Session-Id"])
        answer = self.request("ping", **{"MCP-Protocol-Version": "1999-01-01"})
        self.assertEqual((answer.status, answer.json["error"]["code"]), (400, -32022))
        self.assertIn("2025-11-25", answer.json["error"]["data"]["supported"])
        self.assertEqual(self.request("ping").json, {"jsonrpc": "2.0", "id": 1, "result": {}})

    def test_messages_that_are_none(self):
        for body, code in ((b"{", -32700), (b"[]", -32600), (b" [{}]", -32600), (b"3", -32600), (b" ", -32700), (b"", -32700), (b'{"a":1,"a":1}', -32700), (b"[" * 100, -32700),
                           (b'{"id":1,"method":"ping"}', -32600), (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
                           (b'{"jsonrpc":"2.0","id":1}', -32600),
                           (b'{"jsonrpc":"2.0","id":"%b","method":"ping"}' % (b"x" * 257), -32600),
                           (b'{"jsonrpc":"2.0","id":1,"method":3}', -32600)):
            answer = self.server.ask("POST", "/mcp", None, {"Content-Type": "application/json"}, body)
            self.assertEqual((answer.status, answer.json["error"]["code"]), (400, code), (body, answer.body))
        for method, parameters, code in (("tools/coll", {}, -32601), ("tools/call", {"name": 3}, -32602),
                                         ("tools/call", {"name": "generate", "arguments": [1]}, -32602),
                                         ("server/discover", {}, -32601)):
            answer = self.request(method, parameters)
            self.assertEqual((answer.status, answer.json["error"]["code"], answer.json["id"]), (200, code, 1), answer.body)
        for message in ({"method": "notifications/initialized"}, {"id": 3, "result": {}},
                        {"method": "notifications/cancelled", "params": {"requestId": 1}}):
            answer = self.send({"jsonrpc": "2.0", **message})
            self.assertEqual((answer.status, answer.body), (202, b""))
        for method in ("GET", "DELETE"):
            answer = self.server.ask(method, "/mcp")
            self.refused(answer, 405, "method_not_allowed")
            self.assertEqual(answer.headers["Allow"], "POST")

    def test_a_stranger_ends_nothing(self):
        id = self.server.draw({"steps": 1000})
        self.server.wait(id, "running")
        for session in ("", "a" * 26, "../x"):
            self.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}, **{"Mcp-Session-Id": session})
        self.assertEqual(self.server.job(id)["state"], "running")
        self.server.ask("DELETE", f"/v1/jobs/{id}")
        self.server.wait(id)

    def test_the_gate_is_the_servers(self):
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        self.refused(self.send(message, Origin="http://example.org"), 403, "forbidden_origin")
        self.refused(self.send(message, Host="example.org"), 403, "forbidden_host")
        self.refused(self.send(message, **{"Content-Type": "text/plain"}), 415, "unsupported_media_type")


@unittest.skipUnless(sys.platform == "linux", "other systems' memory is not given back at once")
class Waiting(unittest.TestCase):
    def test_who_waits_keeps_no_picture(self):
        picture = base64.b64encode(png(64, 64) + bytes(6 << 20)).decode()
        parameters = {"name": "edit", "arguments": {"image": picture, "prompt": "a cat", "steps": 2}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": parameters})
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        # What is freed is the system's at once: what a process has of it is in use.
        freeing = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
        with tempfile.TemporaryDirectory() as folder:
            server = Server(folder, environment=freeing)
            recipe = {"version": 1, "prompt": "a cat", "steps": 1000, "seeds": list(range(16)), "width": 64, "height": 64}
            running = server.ask("POST", "/v1/jobs", {"recipe": recipe, "previews": 0}).json["id"]
            until(lambda: server.job(running), lambda job: job["step"] > 3)  # it has all that it needs
            waiting = []
            for number in range(8):
                if number == 2:
                    before = server.memory()
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
                connection.request("POST", "/mcp", body, headers)
                waiting.append(connection.getresponse())
                self.assertEqual(waiting[-1].headers["Content-Type"], "text/event-stream")
            self.assertEqual(len(server.ask("GET", "/v1/jobs").json["jobs"]), 9)
            more = server.memory() - before
            for answer in waiting:
                answer.close()
            server.end()
            self.assertLess(more, 3 * len(picture))


@unittest.skipUnless(mcp, "no client: pip install -r tests/server/requirements.txt")
class Token(ServerCase):
    arguments = ("--token", "secret")

    def test_clients_send_it(self):
        self.refused(self.server.ask("POST", "/mcp", {}), 401, "unauthorized")

        async def main():
            async with httpx2.AsyncClient(headers={"Authorization": "Bearer secret"}) as http:
                address = f"http://127.0.0.1:{self.server.port}/mcp"
                async with mcp.Client(streamable_http_client(address, http_client=http)) as client:
                    self.assertEqual(len((await client.list_tools()).tools), 6)
        asyncio.run(main())


@unittest.skipUnless(mcp and OTHERS.exists(), "no image-generation-mcp: ./run installs it")
class ImageGenerationMcp(ServerCase):
    """Somebody's MCP server over A1111's API, as it is: a client speaks to it, and it to ours."""

    @classmethod
    def prepare(cls):
        models = cls.folder / "models"
        models.mkdir()
        # By its name it is one for four steps; the program sends sizes of about a megapixel to every model.
        (models / "tiny_flux_schnell").symlink_to(pathlib.Path(__file__).parents[1] / "golden/models/sd1")
        cls.arguments = ("--models", str(models))

    def test_it_draws_over_a_picture(self):
        variables = {"SD_WEBUI_HOST": f"http://127.0.0.1:{self.server.port}", "SCRATCH_DIR": str(self.folder / "images"),
                     "READ_ONLY": "false"}
        environment = {**os.environ, "HOME": str(self.folder), **{f"IMAGE_GENERATION_MCP_{k}": v for k, v in variables.items()}}

        async def main():
            async with mcp.Client(StdioServerParameters(command=str(OTHERS), args=["serve"], env=environment)) as client:
                async def finished(tool, **arguments):
                    begun = await client.call_tool(tool, {"prompt": "a cat in a park", **arguments})
                    self.assertFalse(begun.is_error, begun.content)
                    id = json.loads(begun.content[0].text)["image_id"]
                    while (told := await status(id))["status"] == "generating":
                        await asyncio.sleep(0.05)
                    self.assertEqual(told["status"], "completed", told)
                    return id

                async def status(id):
                    return json.loads((await client.call_tool("check_generation_status", {"image_id": id})).content[0].text)
                plain = await finished("generate_image", provider="placeholder")
                await finished("transform_image", provider="sd_webui", reference_images=[plain], model="tiny_flux_schnell",
                               aspect_ratio="3:2", strength=0.25)
        asyncio.run(main())
        item, = self.server.ask("GET", "/v1/history").json["items"]
        job = self.server.job(item["job"])
        self.assertEqual((job["recipe"]["model"], job["recipe"]["init"]["strength"]), ("tiny_flux_schnell", 0.25))
        self.assertEqual((job["pictures"][0]["width"], job["pictures"][0]["height"]), (1216, 832))


if __name__ == "__main__":
    main()

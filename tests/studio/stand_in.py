"""A stand-in for `corepulse serve`, so that the page is tested without a model: the server's own API over a made-up network.
What it draws are flat colours; a step takes `delay` seconds. `python stand_in.py [PORT]` serves the page for a look."""
import base64
import copy
import json
import math
import pathlib
import struct
import sys
import threading
import time
import urllib.parse
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from network import Problem, blocks, explain, schedule, second_calls, tokenize

STUDIO = pathlib.Path(__file__).resolve().parents[2] / "studio"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
POLICY = ("default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
          "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'")


def png(width, height, rgb):
    """A PNG of one colour that fades to the bottom, so that pictures are told apart."""
    rows = b"".join(b"\0" + bytes(int(c * (1 - 0.4 * y / height)) for c in rgb) * width for y in range(height))

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def colour(text):
    h = zlib.crc32(text.encode())
    return 60 + h % 160, 60 + (h >> 8) % 160, 60 + (h >> 16) % 160


class World:
    """Everything the server remembers."""

    def __init__(self, delay=0.02):
        self.delay, self.lock = delay, threading.RLock()
        self.jobs, self.files, self.pictures, self.recipes, self.history, self.log = {}, {}, {}, {}, [], []
        self.stopped, self.drawing, self.held_pass, self.held_cell = False, 0, math.inf, math.inf
        self.refused = None  # why pictures are not read
        self.heard = set()  # jobs whose every further event is sent to somebody

    def until_pass(self, number):
        """The run stays at the first step of this pass, until `go`."""
        self.delay, self.held_pass = 0, number

    def until_cell(self, number):
        """A sweep stays at the first step of this cell, until `go`."""
        self.held_cell, self.delay = number, 0

    def hold(self):
        """The run stays at the step where it is, or at its first one, until `go`."""
        self.delay = math.inf

    def go(self):
        self.delay, self.held_pass, self.held_cell = 0, math.inf, math.inf

    def start(self, body):
        recipe = body.get("spec", body).get("recipe", {})
        explain(recipe)
        job = {"id": f"j{len(self.jobs) + 1}", "kind": body.get("kind", "generate"), "state": "queued", "position": 0, "created": time.time(), "step": 0,
               "steps": recipe.get("steps", 20), "sigma": None, "pass": 0, "passes": 2 if "second_pass" in recipe else 1, "pictures": [], "heat_maps": [], "recipe": recipe}
        job["_body"], job["_events"] = body, []
        self.jobs[job["id"]] = job
        with self.lock:
            self.drawing += 1
        threading.Thread(target=self.draw, args=(job,), daemon=True).start()
        return job

    def draw(self, job):
        try:
            self.run(job)
        finally:
            with self.lock:
                self.drawing -= 1

    def tell(self, job, kind, data):
        with self.lock:
            job["_events"].append((kind, data))

    def run(self, job):
        job.update(state="running", started=time.time())
        self.tell(job, "job", public(job))
        cells = self.cells(job)
        for cell, recipe in enumerate(cells):
            calls = self.calls(recipe, len(cells))
            for number, call in calls:
                if self.stopped or job["state"] != "running":
                    return self.end(job, job["state"] if job["state"] != "running" else "interrupted")
                job.update(step=call["step"] + 1, steps=sum(n == number for n, _ in calls), sigma=call["sigma"], **{"pass": number})
                self.tell(job, "step", {"step": job["step"], "steps": job["steps"], "sigma": call["sigma"], "pass": number,
                                        "passes": job["passes"], "acting": [], "seconds": 0.1})
                if job["_body"].get("previews", 1):
                    data = base64.b64encode(png(8, 8, colour(f"{recipe}{call['step']}"))).decode()
                    self.tell(job, "preview", {"step": job["step"], "image": 0, "type": "image/png", "data": data})
                begin = time.monotonic()
                while (time.monotonic() < begin + self.delay or number >= self.held_pass or cell >= self.held_cell) and not self.stopped and job["state"] == "running":
                    time.sleep(0.003)
            self.keep(job, recipe, cell)
        for word in job["_body"].get("heat_maps") or []:
            self.pictures[f"{job['id']}-{word}.png"] = (png(32, 32, colour(word)), job["recipe"])
            job["heat_maps"].append({"word": word, "image": 0, "url": f"/v1/pictures/{job['id']}-{word}.png"})
        return self.end(job, "done")

    @staticmethod
    def calls(recipe, cells):
        """(pass, call) of everything a picture takes."""
        if cells > 1:
            return [(0, call) for call in schedule(2)]
        first = [(0, call) for call in schedule(recipe.get("steps", 20))]
        return first + [(1, call) for call in second_calls(recipe)] if "second_pass" in recipe else first

    def cells(self, job):
        if job["kind"] != "sweep":
            return [job["recipe"]]
        count = math.prod(len((a["zip"][0] if "zip" in a else a)["values"]) for a in job["_body"]["spec"]["axes"])
        return [{**job["recipe"], "seed": i} for i in range(count)]

    def keep(self, job, recipe, cell):
        name = f"{job['id']}-{cell}.png"
        text = json.dumps([recipe.get("prompt"), recipe.get("seed"), recipe.get("controls"), job["recipe"].get("edits")])
        self.pictures[name] = (png(64, 64, colour(text)), recipe)
        job["pictures"].append({"name": name, "url": f"/v1/pictures/{name}", "seed": recipe.get("seed", 0), "width": 64, "height": 64})
        self.remember(job["id"], name, recipe)

    def remember(self, job, name, recipe):
        url = f"/v1/pictures/{name}"
        number = self.history[0]["number"] + 1 if self.history else 1
        self.history.insert(0, {"number": number, "job": job, "picture": name, "url": url, "thumb_url": url + "?thumb=1",
                                "prompt": recipe.get("prompt", ""), "seed": recipe.get("seed", 0), "created": time.time()})

    def end(self, job, state):
        job.update(state=state, finished=time.time())
        self.tell(job, "job", public(job))

    def fill(self, count):
        self.history.clear()
        self.pictures["old.png"] = (png(32, 32, (180, 120, 60)), {"version": 1, "prompt": "old", "seed": 1})
        for i in range(count):
            item = {"number": count - i, "job": f"old{i}", "picture": f"old{i}.png", "url": "/v1/pictures/old.png", "thumb_url": "/v1/pictures/old.png",
                    "prompt": f"picture number {i}", "seed": i, "created": i}
            self.history.append(item)


def public(job):
    return copy.deepcopy({k: v for k, v in job.copy().items() if not k.startswith("_")})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world = None

    def log_message(self, *_):
        pass

    def answer(self, status, body=None, kind="application/json", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(data), "Content-Security-Policy": POLICY, "Cache-Control": "no-cache", **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def handle_one(self, method):
        if self.world.stopped:
            self.close_connection = True
            return None
        url = urllib.parse.urlsplit(self.path)
        parts = [urllib.parse.unquote(p) for p in url.path.split("/")[1:]]
        query = dict(urllib.parse.parse_qsl(url.query))
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if parts[0] not in ("v1", "health"):
                return self.page(url.path)
            body = json.loads(raw) if raw and "json" in (self.headers.get("Content-Type") or "") else raw
            self.world.log.append((method, url.path, body if isinstance(body, dict) else None))
            status, content = route(self.world, method, parts, query, body, self)
            if content is not None:
                self.answer(status, content)
        except Problem as p:
            self.answer(p.status, {"type": "about:blank", "title": p.code, "status": p.status, "code": p.code, "detail": str(p)}, "application/problem+json")
        except (BrokenPipeError, ConnectionResetError):
            pass

    def page(self, path):
        file = (STUDIO / (path.lstrip("/") or "index.html")).resolve()
        if STUDIO not in file.parents or not file.is_file():
            return self.answer(404, b"", "text/plain")
        return self.answer(200, file.read_bytes(), TYPES[file.suffix])

    def events(self, job):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        sent = len(job["_events"])
        shown = [e for e in job["_events"] if e[0] == "preview"][-1:]
        first = [("job", public(job)), *shown]
        while not self.world.stopped:
            events = first or job["_events"][sent:]
            sent, first = sent if first else sent + len(events), []
            for kind, data in events:
                self.wfile.write(f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode())
                if kind == "job" and data["state"] not in ("queued", "running"):
                    return
            self.wfile.flush()
            self.world.heard.add(job["id"])
            time.sleep(0.005)

    do_GET = lambda self: self.handle_one("GET")
    do_POST = lambda self: self.handle_one("POST")
    do_PUT = lambda self: self.handle_one("PUT")
    do_PATCH = lambda self: self.handle_one("PATCH")
    do_DELETE = lambda self: self.handle_one("DELETE")


def route(world, method, parts, query, body, handler):
    if parts == ["health"]:
        return 200, {"status": "ok"}
    what = parts[1]
    named = {"models": lambda: {"default": "builtin", "models": [{"name": "builtin", "title": "built-in", "family": "sd1", "size": [256, 256], "builtin": True},
                                           {"name": "large", "title": "large", "family": "sdxl", "size": [1024, 1024]}],
                                "adapters": [{"name": "ip.safetensors", "faces": False}, {"name": "faces.safetensors", "faces": True}, {"name": "plus.safetensors", "faces": False, "error": "another kind"}], "samplers": ["euler", "heun"], "schedules": ["karras"], "loras": [{"name": "blueprint"}], "controlnets": [{"name": "edges"}], "embeddings": []},
             "blocks": lambda: {"blocks": blocks(query.get("model", "builtin"))}, "tokenize": lambda: tokenize(body["prompt"]), "explain": lambda: explain(body["recipe"]),
             "history": lambda: history(world, query), "read": lambda: read(world, body)}
    if what in named:
        return 200, named[what]()
    return {"jobs": jobs, "pictures": pictures, "files": files, "recipes": recipes}[what](world, method, parts[2:], body, handler)


def jobs(world, method, rest, body, handler):
    if not rest:
        return (201, public(world.start(body))) if method == "POST" else (200, {"jobs": [public(j) for j in world.jobs.values() if j["state"] in ("queued", "running")]})
    job = world.jobs.get(rest[0])
    if method == "DELETE":
        world.history[:] = [h for h in world.history if h["job"] != rest[0]]
        if job and job["state"] == "running":
            job["state"] = "cancelled"
        return 202, {}
    if not job:
        raise Problem(404, "not_found", "no such job")
    if method == "PATCH":
        if job["state"] != "running":
            raise Problem(409, "invalid_request", "it does not run")
        job["recipe"] = {**job["recipe"], "edits": [*job["recipe"].get("edits", []), {"step": job["step"], "controls": body["controls"]}]}
        world.tell(job, "edit", {"step": job["step"], "controls": body["controls"]})
        return 200, {}
    if rest[1:] == ["events"]:
        return 200, handler.events(job)
    return 200, public(job)


def pictures(world, _method, rest, _body, handler):
    if rest[0] not in world.pictures:
        raise Problem(404, "not_found", "no such picture")
    return 200, handler.answer(200, world.pictures[rest[0]][0], "image/png")


def files(world, method, rest, body, handler):
    if method == "POST":
        name = f"f{len(world.files) + 1}"
        world.files[name] = body
        picture = handler.headers["Content-Type"] != "application/octet-stream"
        return 201, {"id": name, "bytes": len(body), "type": "image/png" if picture else "application/x-safetensors"}
    return 200, handler.answer(200, world.files[rest[0]], "image/png")


def recipes(world, method, rest, body, _handler):
    if not rest:
        return 200, {"recipes": [{"name": n} for n in world.recipes]}
    if method == "PUT":
        world.recipes[rest[0]] = body["recipe"]
    if method == "DELETE":
        world.recipes.pop(rest[0], None)
    return 200, {"recipe": world.recipes.get(rest[0])}


def history(world, query):
    items = [h for h in world.history if query.get("q", "").lower() in h["prompt"].lower()]
    rest = [h for h in items if h["number"] < int(query.get("before") or len(items) + 1e9)]
    page = rest[:int(query.get("limit") or 100)]
    return {"items": page, "next": page[-1]["number"] if len(page) < len(rest) else None}


def read(world, body):
    for data, recipe in world.pictures.values():
        if data == body:
            return {"recipe": recipe, "notes": []}
    raise Problem(400, "invalid_request", world.refused or "[picture] it holds no recipe of corepulse, and none of A1111 or others")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, world, port=0):
        super().__init__(("127.0.0.1", port), type("Bound", (Handler,), {"world": world}))
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


if __name__ == "__main__":
    print(Server(World(0.12), int(sys.argv[1]) if len(sys.argv) > 1 else 7861).address, flush=True)
    threading.Event().wait()

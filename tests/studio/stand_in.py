"""A stand-in for `corepulse serve`, so that the page is tested without a model: the server's own API over a made-up network.
What it draws are flat colours; a step takes `delay` seconds. `python stand_in.py [PORT]` serves the page for a look."""
import base64
import copy
import itertools
import json
import math
import pathlib
import re
import struct
import sys
import threading
import time
import urllib.parse
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STUDIO = pathlib.Path(__file__).resolve().parents[2] / "studio"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
POLICY = ("default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
          "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'")
KINDS = ("inject reweight mask_tokens replace_tokens value_gain regions attend temperature smooth share prompt_to_prompt "
         "normalized_guidance guide_by lora guidance pooled time_ids negative capture").split()
LANES = {"guidance", "pooled", "time_ids", "negative"}
BUILTIN = [("input:0", 32, 2, 1), ("input:1", 16, 2, 1), ("input:2", 8, 2, 1), ("middle:0", 8, 1, 1), ("output:0", 8, 3, 1),
           ("output:1", 16, 3, 1), ("output:2", 32, 3, 1)]
LARGE = [("input:1", 64, 2, 2), ("input:2", 32, 2, 10), ("middle:0", 32, 1, 10), ("output:0", 32, 3, 10), ("output:1", 64, 3, 2)]
GROUPS = {"input": "composition", "middle": "content", "output": "style"}
PATHS = {"input": "down_blocks", "output": "up_blocks"}


class Problem(Exception):
    def __init__(self, status, code, detail):
        super().__init__(detail)
        self.status, self.code = status, code


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


def sites(model):
    """(block, short name, Diffusers path without attn, grid) of each attention."""
    for name, grid, attentions, depth in LARGE if model == "large" else BUILTIN:
        side, index = name.split(":")
        stem = f"{PATHS[side]}.{index}" if side in PATHS else "mid_block"
        for a in range(attentions):
            for d in range(depth):
                yield name, f"{name}.{a}" + (f"#{d}" if depth > 1 else ""), f"{stem}.attentions.{a}.transformer_blocks.{d}", grid


def blocks(model):
    found = {}
    for name, site, path, grid in sites(model):
        block = found.setdefault(name, {"name": name, "group": GROUPS[name.split(":")[0]], "resolution": [grid, grid], "layers": []})
        block["layers"] += [{"site": site, "path": f"{path}.{k}", "kind": k, "heads": 4, "head_dim": 64} for k in ("attn1", "attn2")]
    return list(found.values())


def logs():
    """log of the product of the first alphas, as Stable Diffusion's noise has them."""
    low, high = 0.00085 ** 0.5, 0.012 ** 0.5
    return list(itertools.accumulate(math.log(1 - (low + k / 999 * (high - low)) ** 2) for k in range(1000)))


LOGS = logs()


def schedule(steps):
    calls = []
    for i in range(steps):
        t = 999 * (1 - i / max(1, steps - 1))
        sigma = math.sqrt(math.exp(-LOGS[int(t)]) - 1)
        calls.append({"step": i, "first": True, "progress": i / max(1, steps - 1), "t": t, "sigma": sigma})
    return calls


def layers_of(where, model, at):
    names = [n.strip() for n in (where or "all").split(",")]
    chosen = []
    for name in names:
        fits = [p for b, s, p, _ in sites(model)
                if name in ("all", b, s, b.split(":")[0], GROUPS[b.split(":")[0]], p) or s.startswith(name + "#")]
        if not fits:
            raise Problem(400, "invalid_request", f'[{at}.where] "{name}" names no attention layer of this model; valid: input:0, ...')
        chosen += fits
    return list(dict.fromkeys(chosen))


def calls_of(when, calls):
    if when in (None, "always"):
        return list(range(len(calls)))
    (unit, (a, b)), = when.items()
    a = math.inf if a == "inf" else a
    tests = {"steps": lambda c: a <= c["step"] < b, "sigma": lambda c: b <= c["sigma"] <= a, "progress": lambda c: a <= c["progress"] <= b}
    return [i for i, c in enumerate(calls) if tests[unit](c)]


def explain(recipe):
    model = recipe.get("model", "builtin")
    calls = schedule(recipe.get("steps", 20))
    said = []
    for i, control in enumerate(recipe.get("controls", [])):
        at = f"controls[{i}]"
        if control.get("kind") not in KINDS:
            raise Problem(400, "invalid_request", f'[{at}.kind] unknown kind "{control.get("kind")}"; valid: {", ".join(KINDS)}')
        phrase = control.get("phrase")
        if phrase and phrase.lower() not in recipe.get("prompt", "").lower():
            raise Problem(400, "invalid_request", f'[{at}.phrase] "{phrase}" is not in the prompt')
        lane = control["kind"] in LANES
        entry = {"index": i, "title": control["kind"], "state": "acts", "calls": calls_of(control.get("when"), calls)}
        if not entry["calls"]:
            raise Problem(400, "invalid_request", f"[{at}.when] meets no step")
        if not lane:
            entry["layers"] = [p + ".attn2" for p in layers_of(control.get("where"), model, at)]
        if control.get("enabled") is False:
            entry["state"] = "disabled"
        said.append(entry)
    return {"calls": calls, "controls": said, "blocks": [], "notes": [], "recipe": recipe}


def tokenize(prompt):
    tokens = []
    for match in re.finditer(r"[A-Za-z]+|\d|[^\sA-Za-z\d]", prompt):
        parts = [match.span()] if len(match[0]) < 9 else [(match.start(), match.start() + 5), (match.start() + 5, match.end())]
        for a, b in parts:
            begin, end = len(prompt[:a].encode()), len(prompt[:b].encode())
            tokens.append({"text": prompt[a:b], "id": zlib.crc32(prompt[a:b].encode()) % 1500, "begin": begin, "end": end, "weight": 1, "chunk": 0})
    return {"tokens": tokens[:75], "cut": [{"text": t["text"]} for t in tokens[75:]], "limit": 75}


class World:
    """Everything the server remembers."""

    def __init__(self, delay=0.02):
        self.delay, self.lock = delay, threading.RLock()
        self.jobs, self.files, self.pictures, self.recipes, self.history, self.log = {}, {}, {}, {}, [], []
        self.stopped = False
        self.answers = threading.Event()  # cleared, the server falls silent; the page's own files still come
        self.answers.set()

    def start(self, body):
        recipe = body.get("spec", body).get("recipe", {})
        explain(recipe)
        job = {"id": f"j{len(self.jobs) + 1}", "kind": body.get("kind", "generate"), "state": "queued", "position": 0, "created": time.time(), "step": 0,
               "steps": recipe.get("steps", 20), "sigma": None, "pass": 0, "pictures": [], "heat_maps": [], "recipe": recipe}
        job["_body"], job["_events"] = body, []
        self.jobs[job["id"]] = job
        threading.Thread(target=self.run, args=(job,), daemon=True).start()
        return job

    def tell(self, job, kind, data):
        with self.lock:
            job["_events"].append((kind, data))

    def run(self, job):
        job.update(state="running", started=time.time())
        self.tell(job, "job", public(job))
        cells = self.cells(job)
        for cell, recipe in enumerate(cells):
            for call in schedule(job["steps"]) if len(cells) == 1 else schedule(2):
                if self.stopped or job["state"] != "running":
                    return self.end(job, job["state"] if job["state"] != "running" else "interrupted")
                job.update(step=call["step"] + 1, sigma=call["sigma"])
                self.tell(job, "step", {"step": job["step"], "steps": job["steps"], "sigma": call["sigma"], "pass": 0, "acting": [], "seconds": 0.1})
                if job["_body"].get("previews", 1):
                    data = base64.b64encode(png(8, 8, colour(f"{recipe}{call['step']}"))).decode()
                    self.tell(job, "preview", {"step": job["step"], "image": 0, "type": "image/png", "data": data})
                begin = time.monotonic()
                while time.monotonic() < begin + self.delay and not self.stopped and job["state"] == "running":
                    time.sleep(0.003)
            self.keep(job, recipe, cell)
        for word in job["_body"].get("heat_maps") or []:
            self.pictures[f"{job['id']}-{word}.png"] = (png(32, 32, colour(word)), job["recipe"])
            job["heat_maps"].append({"word": word, "image": 0, "url": f"/v1/pictures/{job['id']}-{word}.png"})
        return self.end(job, "done")

    def cells(self, job):
        if job["kind"] != "sweep":
            return [job["recipe"]]
        count = math.prod(len(a["values"]) for a in job["_body"]["spec"]["axes"])
        return [{**job["recipe"], "seed": i} for i in range(count)]

    def keep(self, job, recipe, cell):
        name = f"{job['id']}-{cell}.png"
        text = json.dumps([recipe.get("prompt"), recipe.get("seed"), recipe.get("controls"), job["recipe"].get("edits")])
        self.pictures[name] = (png(64, 64, colour(text)), recipe)
        job["pictures"].append({"name": name, "url": f"/v1/pictures/{name}", "seed": recipe.get("seed", 0), "width": 64, "height": 64})
        self.remember(job["id"], name, recipe)

    def remember(self, job, name, recipe):
        url = f"/v1/pictures/{name}"
        self.history.insert(0, {"job": job, "picture": name, "url": url, "thumb_url": url + "?thumb=1", "prompt": recipe.get("prompt", ""),
                                "seed": recipe.get("seed", 0), "created": time.time()})

    def end(self, job, state):
        job.update(state=state, finished=time.time())
        self.tell(job, "job", public(job))

    def fill(self, count):
        self.history.clear()
        self.pictures["old.png"] = (png(32, 32, (180, 120, 60)), {"version": 1, "prompt": "old", "seed": 1})
        for i in range(count):
            item = {"job": f"old{i}", "picture": f"old{i}.png", "url": "/v1/pictures/old.png", "thumb_url": "/v1/pictures/old.png",
                    "prompt": f"picture number {i}", "seed": i, "created": i}
            self.history.append(item)


def public(job):
    return copy.deepcopy({k: v for k, v in job.items() if not k.startswith("_")})


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
        url = urllib.parse.urlsplit(self.path)
        parts = [urllib.parse.unquote(p) for p in url.path.split("/")[1:]]
        query = dict(urllib.parse.parse_qsl(url.query))
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if parts[0] not in ("v1", "health"):
                return self.page(url.path)
            self.world.answers.wait()
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
                                           {"name": "large", "title": "large", "family": "sdxl", "size": [1024, 1024]}], "samplers": ["euler", "heun"], "schedules": ["karras"], "loras": [{"name": "blueprint"}], "embeddings": []},
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
        return 201, {"id": name, "bytes": len(body), "type": "image/png"}
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
    begin = int(query.get("before") or 0)
    end = begin + int(query.get("limit") or 100)
    return {"items": items[begin:end], "next": str(end) if end < len(items) else None}


def read(world, body):
    for data, recipe in world.pictures.values():
        if data == body:
            return {"recipe": recipe, "notes": []}
    raise Problem(400, "bad_file", "this picture holds no recipe")


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

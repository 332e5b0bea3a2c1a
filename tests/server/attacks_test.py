"""What strangers may try, by raw sockets where a library would not."""
import base64
import contextlib
import json
import pathlib
import re
import resource
import socket
import subprocess
import tempfile
import unittest
import zlib

from server_case import LIMIT, PROGRAM, SMALL, Server, ServerCase, png, until

FUZZ = pathlib.Path(__file__).parents[1] / "fuzz"
GET = "GET /v1/models HTTP/1.1\r\n"


def status(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@contextlib.contextmanager
def many_files(wanted):
    """How many files this process may have open within, at most so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    files = wanted if unlimited in (soft, hard) else min(wanted, max(soft, hard))
    if soft != unlimited and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    try:
        yield files
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class GateTest(ServerCase):
    def test_only_names_of_this_machine_are_answered(self):
        for host in ("localhost", "127.0.0.1:7860", "[::1]:1", "LOCALHOST:80"):
            with self.subTest(host):
                self.assertEqual(self.server.ask("GET", "/v1/models", headers={"Host": host}).status, 200)
        for host in ("example.org", "localhost.example.org", "127.0.0.1.example.org", "0.0.0.0", "", "a b", "localhost:x"):
            with self.subTest(host):
                self.refused(self.server.ask("GET", "/v1/models", headers={"Host": host}), 403, "forbidden_host")

    def test_a_page_elsewhere_can_start_nothing(self):
        own = f"http://127.0.0.1:{self.server.port}"
        self.assertEqual(self.server.ask("POST", "/v1/explain", {"recipe": SMALL}, {"Origin": own}).status, 200)
        for origin in ("http://example.org", "null", "http://127.0.0.1:1", own + ".example.org", "http://localhost"):
            for method, path in (("POST", "/v1/jobs"), ("POST", "/v1/files"), ("DELETE", "/v1/jobs/x"), ("PUT", "/v1/recipes/x")):
                with self.subTest(origin=origin, path=path):
                    answer = self.server.ask(method, path, {"recipe": SMALL}, {"Origin": origin})
                    self.refused(answer, 403, "forbidden_origin")
                    self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        cross = {"Sec-Fetch-Site": "cross-site"}
        self.refused(self.server.ask("GET", "/v1/history", headers=cross), 403, "forbidden_origin")
        self.assertEqual(self.server.ask("GET", "/", headers={**cross, "Sec-Fetch-Mode": "navigate"}).status, 200)
        # What a form may send without asking is no JSON.
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            answer = self.server.ask("POST", "/v1/jobs", {"recipe": SMALL}, {"Content-Type": kind})
            self.refused(answer, 415, "unsupported_media_type")

    def test_recipes_name_no_paths(self):
        secret = self.folder / "secret.png"
        secret.write_bytes(png(64, 64))
        link = self.folder / "data/uploads/abc"
        link.symlink_to(secret)
        names = [str(secret), "../secret.png", "secret.png", "/etc/passwd", f"file://{secret}", "upload:../../secret.png",
                 "upload:abc", "picture:../../secret", "upload:", "picture:", "~/x", "C:\\x", "builtin/../../x", "\\\\host\\x"]
        fields = [{"init": {"file": "X"}}, {"model": "X"}, {"vae": "X"}, {"tokenizer": "X"}, {"config": "X"},
                  {"embeddings": {"folder": "X"}}, {"controls": [{"kind": "lora", "file": "X"}]},
                  {"controls": [{"kind": "lora", "file": "X", "enabled": False}]},
                  {"controls": [{"kind": "share", "recording": "X"}]}, {"controls": [{"kind": "features", "recording": "X"}]},
                  {"controls": [{"kind": "inject", "prompt": "x", "region": {"shape": "picture", "file": "X"}}]},
                  {"second_pass": {"controls": [{"kind": "share", "recording": "X"}]}}]
        for field in fields:
            for name in names:
                recipe = {**SMALL, **json.loads(json.dumps(field).replace('"X"', json.dumps(name)))}
                with self.subTest(field=field, name=name):
                    answer = self.server.ask("POST", "/v1/explain", {"recipe": recipe})
                    self.assertIn((answer.status, answer.json["code"]), ((403, "forbidden_path"), (404, "not_found")), answer.body)
                    self.assertNotIn(str(self.folder).encode(), answer.body.replace(name.encode(), b""))
        for extra in ({"variant": "../../x"}, {"syntax": "a1111", "prompt": "a <lora:../../secret:1>"},
                      {"syntax": "a1111", "prompt": f"a <lora:{self.folder}/x:1>", "loras": str(self.folder)}):
            answer = self.server.ask("POST", "/v1/explain", {"recipe": {**SMALL, **extra}})
            self.refused(answer, 403, "forbidden_path")
        spec = {"version": 1, "recipe": {**SMALL, "init": {"file": "upload:x"}},
                "axes": [{"field": "init.file", "values": [str(secret)]}]}
        self.refused(self.server.ask("POST", "/v1/jobs", {"kind": "sweep", "spec": spec}), 403, "forbidden_path")

    def test_paths_of_the_address_lead_nowhere_else(self):
        for path in ("/../etc/passwd", "/%2e%2e/x", "/v1/pictures/..%2f..%2fcorepulse.db", "/v1/pictures/%00", "/v1/files/%2e%2e",
                     "/css/..%5c..%5cx", "/v1/pictures/a/../../x", "/%ff", "//etc/passwd", "/v1/files/" + "a" * 5000):
            with self.subTest(path):
                self.assertIn(self.server.ask("GET", path).status, (400, 404))


class HttpTest(ServerCase):
    def test_what_two_readers_may_read_differently_is_refused(self):
        host = "Host: localhost\r\n"
        post = "POST /v1/explain HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n"
        heads = {
            "both lengths": post + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "two lengths": post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
            "a list of lengths": post + "Content-Length: 2, 2\r\n\r\n{}",
            "a signed length": post + "Content-Length: +2\r\n\r\n{}",
            "a huge length": post + "Content-Length: 99999999999999999999\r\n\r\n{}",
            "another coding": post + "Transfer-Encoding: gzip, chunked\r\n\r\n",
            "a coding in HTTP/1.0": post.replace("HTTP/1.1", "HTTP/1.0") + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "2\r\n{}\r\n0\r\n\r\n",
            "a hidden coding": post + "Transfer-Encoding: xchunked\r\n\r\n",
            "a space before the colon": GET + host + "Transfer-Encoding : chunked\r\n\r\n",
            "a folded line": GET + host + "X: a\r\n b\r\n\r\n",
            "bare line ends": "GET /v1/models HTTP/1.1\nHost: localhost\n\n",
            "a bare carriage return": GET + "Host: localhost\rX: y\r\n\r\n",
            "a NUL": GET + host + "X: a\0b\r\n\r\n",
            "no host": GET + "\r\n",
            "two hosts": GET + host + host + "\r\n",
            "another version": "GET /v1/models HTTP/2.0\r\n" + host + "\r\n",
            "no version": "GET /v1/models\r\n" + host + "\r\n",
            "a proxy's target": "GET http://localhost/v1/models HTTP/1.1\r\n" + host + "\r\n",
            "a large head": GET + host + "X: " + "a" * 20000 + "\r\n\r\n",
            "many fields": GET + host + "X: a\r\n" * 200 + "\r\n",
            "a wrong chunk": post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            "a negative chunk": post + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
            "a chunk's extension": post + "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n\r\n",
            "a packed body": post + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        }
        for name, head in heads.items():
            with self.subTest(name):
                answer = self.server.raw(head.encode())
                self.assertIn(status(answer), (400, 413, 415, 431, 501, 505), answer[:300])
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1)  # what follows is no second request
        whole = "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\n{\"p\r\n"
        self.assertEqual(status(self.server.raw((post + whole + "0\r\n\r\n").encode())), 400)  # not JSON, but a right body

    def test_requests_behind_each_other_are_answered_in_order(self):
        one = GET + "Host: localhost\r\n\r\n"
        last = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        answer = self.server.raw((one * 3 + last).encode())
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 4)
        self.assertTrue(answer.endswith(b"}"))
        old = self.server.raw(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
        self.assertIn(b"Connection: close", old)

    def test_a_head_alone_is_answered_without_a_body(self):
        job = self.server.wait(self.server.draw())
        for path in (f"/v1/jobs/{job['id']}/events", job["pictures"][0]["url"], "/health"):
            with self.subTest(path):
                answer = self.server.raw(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                self.assertEqual(status(answer), 200)
                self.assertTrue(answer.endswith(b"\r\n\r\n"))
                self.assertEqual(answer.count(b"\r\n\r\n"), 1)

    def test_bodies_are_looked_at_before_they_are_kept(self):
        deep = b'{"recipe":' + b'{"a":' * 10000 + b"1" + b"}" * 10001
        cases = [deep, b"[" * 100000, b'{"recipe":{"seed":1e999}}', b'{"recipe":{},"recipe":{}}', b'{"recipe":{"prompt":"\xff"}}',
                 b'{"recipe":{"prompt":"\\ud800"}}', b"", b"null", b"[]", b'{"recipe":[]}', b'{"recipe":{"version":1,"steps":1e30}}',
                 b'{"recipe":{"version":1,"prompt":"a","width":1000000000,"height":1000000000}}',
                 b'{"recipe":{"version":1,"prompt":"a","width":8192,"height":8192}}',
                 b'{"recipe":{"version":1,"prompt":"a","steps":1000000}}',
                 b'{"recipe":{"version":1,"prompt":"a","seeds":[' + b",".join(b"%d" % i for i in range(100)) + b"]}}",
                 b'{"recipe":{"version":1,"prompt":"a","second_pass":{"scale":1000}}}',
                 b'{"recipe":{"version":1,"prompt":"' + b"a " * 100000 + b'"}}']
        for body in cases:
            with self.subTest(body[:60]):
                answer = self.server.ask("POST", "/v1/jobs", headers={"Content-Type": "application/json"}, raw=body)
                self.refused(answer, 400, "invalid_request")
        self.assertEqual(self.server.ask("GET", "/v1/jobs").json, {"jobs": []})

    def test_a_body_that_is_too_large_is_not_read(self):
        head = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self.assertEqual(status(self.server.raw(head + b"Content-Length: 1000000000000\r\n\r\n")), 413)
        self.assertEqual(status(self.server.raw(b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde")), 413)
        expects = self.server.raw(head + b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n{}")
        self.assertTrue(expects.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400"))

    def test_pictures_that_unpack_to_too_much_are_refused(self):
        bombs = [png(60000, 60000, zlib.compress(b"\0" * 1000)), png(8000, 8000, zlib.compress(b"\0" * 10000)),
                 png(64, 64)[:60], b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 ", b"\xff\xd8\xff\xe0"]
        for bomb in bombs:
            with self.subTest(bomb[:20]):
                self.assertIn(self.server.ask("POST", "/v1/files", raw=bomb).status, (400, 415, 422))
                self.assertGreaterEqual(self.server.ask("POST", "/v1/read", raw=bomb).status, 400)
                recipe = {**SMALL, "init": {"data": base64.b64encode(bomb).decode()}}
                self.assertGreaterEqual(self.server.ask("POST", "/v1/jobs", {"recipe": recipe}).status, 400)

    def test_bodies_that_fuzzing_begins_with_or_has_found_are_answered(self):
        routes = re.findall(r'{"(\w+)", "(/[^"]*)", "([^"]*)"}', (FUZZ / "fuzz_bodies.cpp").read_text())
        id = self.server.draw({"steps": 1000})
        self.server.wait(id, "running")
        for file in sorted((FUZZ / "seeds/bodies").iterdir()):
            with self.subTest(file.name):
                method, path, kind = routes[file.read_bytes()[0] % len(routes)]
                answer = self.server.ask(method, path.replace("drawn", id), raw=file.read_bytes()[1:], headers={"Content-Type": kind})
                self.assertNotIn(answer.status, (404, 405, 415, 500), answer.body)
                self.server.ask("DELETE", f"/v1/jobs/{id}")  # the controls come first; others' jobs wait for it

    def test_thousands_of_idle_sockets_keep_nobody_out(self):
        with many_files(3100) as files, contextlib.ExitStack() as stack:
            connect = lambda: stack.enter_context(socket.create_connection(("127.0.0.1", self.server.port)))
            for _ in range(min(3000, files - 100)):
                connect()
            connect().sendall(b"GET /health HTTP/1.1\r\nHost: ")  # and one that never goes on
            self.assertEqual(self.server.ask("GET", "/health").status, 200)

    def test_bodies_that_never_come_keep_nobody_out(self):
        post = b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000000\r\n\r\n"
        with many_files(700) as files, contextlib.ExitStack() as stack:
            for _ in range(min(600, files - 100)):
                with contextlib.suppress(ConnectionError):  # where all are waited for, one more is refused
                    stack.enter_context(socket.create_connection(("127.0.0.1", self.server.port))).sendall(post)
            get = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            def ask():
                with contextlib.suppress(ConnectionError):
                    return status(self.server.raw(get))
            until(ask, lambda answer: answer == 200)


class TokenTest(ServerCase):
    arguments = ("--token", "correct-horse")

    def test_without_the_token_nothing_is_told(self):
        for path in ("/", "/v1/models", "/metrics", "/v1/pictures/x", "/v1/openapi.json"):
            self.refused(self.server.ask("GET", path), 401, "unauthorized")
        basic = lambda text: "Basic " + base64.b64encode(text.encode()).decode()
        for given in ("Bearer correct-hors", "Bearer correct-horsf", "Bearer ", "Bearer correct-horse2", basic("a:b"), "correct-horse",
                      "Basic ====", basic("correct-horse")):
            self.refused(self.server.ask("GET", "/v1/models", headers={"Authorization": given}), 401, "unauthorized")
        for given in ("Bearer correct-horse", "bearer correct-horse", basic("me:correct-horse"), basic(":correct-horse")):
            self.assertEqual(self.server.ask("GET", "/v1/models", headers={"Authorization": given}).status, 200)
        self.assertEqual(self.server.ask("GET", "/health").status, 200)

    def test_the_page_gets_a_cookie(self):
        answer = self.server.ask("GET", "/?token=correct-horse")
        self.assertEqual((answer.status, answer.headers["Location"]), (303, "/"))
        cookie = answer.headers["Set-Cookie"]
        self.assertIn("HttpOnly; SameSite=Strict", cookie)
        self.assertEqual(self.server.ask("GET", "/v1/models", headers={"Cookie": "a=b; " + cookie.split(";")[0]}).status, 200)
        self.refused(self.server.ask("GET", "/?token=x"), 401, "unauthorized")

    def test_the_token_need_not_stand_in_a_command_line(self):
        file = self.folder / "token"
        file.write_text("correct-horse\n")
        for arguments, environment in ((), {"COREPULSE_TOKEN": "correct-horse"}), (("--token-file", str(file)), {}):
            server = Server(self.folder / "other", *arguments, environment=environment)
            try:
                self.refused(server.ask("GET", "/v1/models"), 401, "unauthorized")
                self.assertEqual(server.ask("GET", "/v1/models", headers={"Authorization": "Bearer correct-horse"}).status, 200)
            finally:
                server.end()
        (self.folder / "empty").write_text("\n")
        for arguments in (("--token", "x", "--token-file", str(file)), ("--token-file", str(self.folder / "empty")),
                          ("--token-file", str(self.folder / "none"))):
            done = subprocess.run([PROGRAM, "serve", "--port", "0", "--data", str(self.folder / "other"), *arguments],
                                  capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("--token-file", done.stderr)

    def test_other_machines_are_let_in_with_a_token_alone(self):
        for arguments in (("--host", "0.0.0.0"), ("--host", "::"), ("--token", "a b")):
            done = subprocess.run([PROGRAM, "serve", "--port", "0", "--data", str(self.folder / "other"), *arguments],
                                  capture_output=True, text=True, timeout=LIMIT)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("--token", done.stderr)


class HostTest(unittest.TestCase):
    @contextlib.contextmanager
    def serving(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(folder, *arguments)
            try:
                yield server
            finally:
                server.end()

    def status(self, server, address, host, *headers):
        """Of the models, asked at this address by this name."""
        with socket.create_connection((address, server.port), timeout=LIMIT) as s:
            s.sendall("\r\n".join(["GET /v1/models HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "\r\n"]).encode())
            return status(s.makefile("rb").read())

    def other_host(self):
        """An address of this machine that its loopback names are not; a Mac has one only if told so."""
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.2", 0))
            return "127.0.0.2"
        self.skipTest("127.0.0.2 is not this machine's")

    def test_a_name_that_is_given_is_answered(self):
        with self.serving("--allow-host", "studio.example.org", "--allow-host", "other") as server:
            for host in ("studio.example.org", "Studio.Example.org:80", "other:7860", "localhost"):
                self.assertEqual(self.status(server, "127.0.0.1", host), 200, host)
            for host in ("example.org", "x.studio.example.org", "studio.example.org.", "other.example.org"):
                self.assertEqual(self.status(server, "127.0.0.1", host), 403, host)

    def test_another_host_is_served_with_a_token(self):
        address = self.other_host()
        with self.serving("--host", address, "--token", "correct-horse") as server:
            self.assertEqual(self.status(server, address, f"{address}:{server.port}", "Authorization: Bearer correct-horse"), 200)
            self.assertEqual(self.status(server, address, address), 401)
            self.assertEqual(self.status(server, address, "example.org", "Authorization: Bearer correct-horse"), 403)

    def test_another_host_is_served_without_one_where_that_is_asked_for(self):
        address = self.other_host()
        with self.serving("--host", address, "--insecure") as server:
            self.assertEqual(self.status(server, address, address), 200)
            self.assertEqual(self.status(server, address, "example.org"), 403)


if __name__ == "__main__":
    unittest.main()

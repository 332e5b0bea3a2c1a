"""What survives: kill -9 in each state, a stop, a full queue, a full disk, clients that go away."""
import contextlib
import json
import signal
import socket
import tempfile
import unittest

from server_case import SMALL, Server, png, until


class SurvivalTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name

    def serve(self, *arguments, **more):
        server = Server(self.folder, *arguments, **more)
        self.addCleanup(lambda: server.process.poll() is None and server.end(signal.SIGKILL))
        return server

    def test_after_kill_9_nothing_is_lost_and_nothing_is_there_twice(self):
        server = self.serve()
        done = server.wait(server.draw())
        cancelled = server.draw({"steps": 1000})
        server.ask("DELETE", f"/v1/jobs/{cancelled}")
        server.wait(cancelled)
        running = server.draw({"steps": 100})
        server.wait(running, "running")
        waiting = [server.draw({"seed": seed}) for seed in (5, 6)]
        server.end(signal.SIGKILL)
        server.start()
        self.assertEqual(server.job(done["id"]), done)
        self.assertEqual(server.job(cancelled)["state"], "cancelled")
        self.assertEqual(server.wait(running)["state"], "done")  # begun again
        self.assertEqual([server.wait(id)["state"] for id in waiting], ["done", "done"])
        items = server.ask("GET", "/v1/history").json["items"]
        self.assertEqual([item["job"] for item in items], [*reversed(waiting), running, done["id"]])
        # The same bits as if nothing had happened.
        again = server.wait(server.draw({"seed": 5}))
        pictures = [server.ask("GET", server.job(id)["pictures"][0]["url"]).body for id in (waiting[0], again["id"])]
        self.assertEqual(*pictures)

    def test_a_job_that_brings_the_server_down_twice_is_not_begun_a_third_time(self):
        server = self.serve()
        id = server.draw({"steps": 1000})
        for _ in range(2):
            server.wait(id, "running")
            server.end(signal.SIGKILL)
            server.start()
        self.assertEqual(server.job(id)["state"], "interrupted")

    def test_a_job_that_was_changed_while_it_ran_is_interrupted(self):
        server = self.serve()
        id = server.draw({"steps": 1000})
        server.wait(id, "running")
        for name, _ in server.events(id):
            if name == "step":
                break
        controls = [{"kind": "inject", "prompt": "a dragon"}]
        self.assertEqual(server.ask("PATCH", f"/v1/jobs/{id}", {"controls": controls}).status, 200)
        server.end(signal.SIGKILL)
        server.start()
        self.assertEqual(server.job(id)["state"], "interrupted")

    def test_a_stop_ends_with_0_and_queues_the_running_job_again(self):
        server = self.serve()
        id = server.draw({"steps": 1000})
        server.wait(id, "running")
        self.assertEqual(server.end(), 0)
        server.start()
        self.assertIn(server.job(id)["state"], ("queued", "running"))
        server.ask("DELETE", f"/v1/jobs/{id}")
        server.wait(id)

    def test_a_sweep_goes_on_where_it_was(self):
        server = self.serve()
        spec = {"version": 1, "recipe": {**SMALL, "steps": 30}, "axes": [{"field": "seed", "values": [1, 2, 3, 4]}]}
        id = server.ask("POST", "/v1/jobs", {"kind": "sweep", "spec": spec}).json["id"]
        until(lambda: server.job(id), lambda job: job["pictures"])
        server.end(signal.SIGKILL)
        file = next((server.folder / "data/pictures").glob(f"{id}-0.png"))
        before = file.stat().st_mtime_ns
        server.start()
        self.assertEqual(len(server.wait(id)["pictures"]), 5)
        self.assertEqual(file.stat().st_mtime_ns, before)

    def test_a_sweep_that_gets_on_is_not_given_up(self):
        server = self.serve()
        spec = {"version": 1, "recipe": {**SMALL, "steps": 30}, "axes": [{"field": "seed", "values": [1, 2, 3, 4]}]}
        id = server.ask("POST", "/v1/jobs", {"kind": "sweep", "spec": spec}).json["id"]
        for count in (1, 2, 3):
            until(lambda: server.job(id), lambda job: len(job["pictures"]) >= count)
            server.end(signal.SIGKILL)
            server.start()
        self.assertEqual(server.wait(id)["state"], "done")
        self.assertEqual(len(server.job(id)["pictures"]), 5)

    def test_a_stop_in_the_middle_of_requests_ends_with_0(self):
        server = self.serve()
        picture = png(5000, 5000)  # takes a while to look at
        head = f"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(picture)}\r\n\r\n"
        with contextlib.ExitStack() as stack:
            for _ in range(12):
                s = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
                s.sendall(head.encode() + picture)
            self.assertEqual(server.end(), 0)

    def test_a_full_queue_says_when_to_come_again(self):
        server = self.serve("--queue", "2")
        first = server.draw({"steps": 1000})
        server.wait(first, "running")
        ids = [server.draw(), server.draw()]
        answer = server.ask("POST", "/v1/jobs", {"recipe": SMALL})
        self.assertEqual((answer.status, answer.json["code"]), (429, "busy"))
        self.assertGreater(int(answer.headers["Retry-After"]), 0)
        server.ask("DELETE", f"/v1/jobs/{first}")
        self.assertEqual([server.wait(id)["state"] for id in ids], ["done", "done"])

    def test_clients_files_have_so_much_room(self):
        server = self.serve("--uploads", "0.001")
        paths = [server.ask("POST", "/v1/files", raw=b"\x93NUMPY" + bytes(600_000)).headers["Location"] for _ in range(2)]
        self.assertEqual([server.ask("GET", path).status for path in paths], [404, 200])
        answer = server.ask("POST", "/v1/files", raw=b"\x93NUMPY" + bytes(1_100_000))
        self.assertEqual((answer.status, answer.json["code"]), (507, "quota"))

    def test_a_picture_that_cannot_be_written_fails_its_job_and_no_other(self):
        server = self.serve()
        pictures = server.folder / "data/pictures"
        pictures.rename(pictures.with_name("away"))
        job = server.wait(server.draw())
        self.assertEqual((job["state"], job["error"]["code"]), ("failed", "io"))
        self.assertNotIn(self.folder, json.dumps(job))
        pictures.with_name("away").rename(pictures)
        self.assertEqual(server.wait(server.draw())["state"], "done")
        self.assertEqual([f.suffix for f in pictures.iterdir()], [".png"])

    def test_two_servers_do_not_share_a_folder(self):
        self.serve()
        with self.assertRaisesRegex(RuntimeError, "another server"):
            self.serve()

    def test_a_listener_that_goes_away_leaves_the_job_alone(self):
        server = self.serve()
        id = server.draw({"steps": 60})
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", server.port)) as s:
                s.sendall(b"GET /v1/jobs/%s/events HTTP/1.1\r\nHost: localhost\r\n\r\n" % id.encode())
                s.recv(100)
        self.assertEqual(server.wait(id)["state"], "done")
        until(lambda: server.ask("GET", "/metrics").body.decode(), lambda text: "\ncorepulse_connections 1\n" in text)


if __name__ == "__main__":
    unittest.main()

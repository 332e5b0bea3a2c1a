"""The server's own API, through the real program."""
import base64
import json
import pathlib
import re
import threading
import unittest

from server_case import SMALL, ServerCase, png

try:
    import jsonschema
except ImportError:  # python/tests/requirements.txt has it
    jsonschema = None

DESCRIPTION = json.loads((pathlib.Path(__file__).parents[2] / "server/api/openapi.json").read_text())


def schema_of(path, method, status):
    content = DESCRIPTION["paths"][path][method]["responses"][str(status)]["content"]["application/json"]
    return {**content["schema"], "components": DESCRIPTION["components"]}


class ApiTest(ServerCase):
    def right(self, answer, path, method="get", status=200):
        """The answer, if it is as the API's description has it."""
        self.assertEqual(answer.status, status, answer.body)
        if jsonschema:
            jsonschema.validate(answer.json, schema_of(path, method, status))
        return answer.json

    def test_a_recipe_becomes_a_picture_that_holds_it(self):
        answer = self.server.ask("POST", "/v1/jobs", {"recipe": SMALL, "heat_maps": ["cat"]})
        id = self.right(answer, "/v1/jobs", "post", 201)["id"]
        self.assertEqual(answer.headers["Location"], f"/v1/jobs/{id}")
        self.server.wait(id)
        job = self.right(self.server.ask("GET", f"/v1/jobs/{id}"), "/v1/jobs/{id}")
        self.assertEqual((job["state"], job["step"], job["steps"]), ("done", 2, 2), job)
        picture, = job["pictures"]
        self.assertEqual((picture["seed"], picture["width"], picture["height"]), (3, 64, 64))
        file = self.server.ask("GET", picture["url"])
        self.assertEqual((file.status, file.headers["Content-Type"]), (200, "image/png"))
        read = self.right(self.server.ask("POST", "/v1/read", raw=file.body), "/v1/read", "post")
        self.assertEqual((read["program"], read["recipe"]["prompt"]), ("corepulse", "a cat in a park"))
        self.assertEqual(read["recipe"], job["recipe"])
        heat, = job["heat_maps"]
        self.assertEqual(heat["word"], "cat")
        self.assertTrue(self.server.ask("GET", heat["url"]).body.startswith(b"\x89PNG"))
        thumb = self.server.ask("GET", picture["url"] + "?thumb=1")
        self.assertEqual(thumb.headers["Content-Type"], "image/jpeg")
        self.assertEqual(self.server.ask("GET", picture["url"] + "?thumb=1").body, thumb.body)
        # The same recipe, as the picture tells it, draws the same picture.
        again = self.server.ask("POST", "/v1/jobs", {"recipe": read["recipe"]}).json["id"]
        again = self.server.wait(again)
        self.assertEqual(self.server.ask("GET", again["pictures"][0]["url"]).body, file.body)

    def test_events_tell_all_of_a_job(self):
        recipe = {"steps": 4, "controls": [{"kind": "inject", "prompt": "a dragon", "when": {"steps": [0, 2]}}]}
        with self.server.held():
            stream = self.server.events(self.server.draw(recipe))
            first = next(stream)
        events = [first, *stream]
        for name, data in events:
            if jsonschema:
                one = DESCRIPTION["components"]["schemas"][name.capitalize()]
                jsonschema.validate(data, {**one, "components": DESCRIPTION["components"]})
        names = [name for name, _ in events]
        self.assertEqual(names[0], "job")
        self.assertEqual((names[-1], events[-1][1]["state"]), ("job", "done"))
        steps = [data for name, data in events if name == "step"]
        self.assertEqual([s["step"] for s in steps], [1, 2, 3, 4])
        self.assertEqual([s["acting"] for s in steps], [[0], [0], [], []])
        self.assertEqual(sorted((s["sigma"] for s in steps), reverse=True), [s["sigma"] for s in steps])
        previews = [data for name, data in events if name == "preview"]
        self.assertEqual(len(previews), 4)
        self.assertTrue(base64.b64decode(previews[0]["data"]).startswith(b"\x89PNG"))
        # Who comes later gets the whole job, and the end.
        self.assertEqual([n for n, _ in self.server.events(events[0][1]["id"])], ["job"])

    def test_controls_change_while_it_draws_and_the_recipe_tells(self):
        for steps in (60, 300, 1000):  # as long as this machine needs it, to be changed on the way
            id = self.server.draw({"steps": steps}, heat_maps=["cat"])
            changed = None
            for name, data in self.server.events(id):
                if name == "step" and not changed:
                    controls = [{"kind": "inject", "prompt": "a dragon"}]
                    changed = self.server.ask("PATCH", f"/v1/jobs/{id}", {"controls": controls})
                    wrong = self.server.ask("PATCH", f"/v1/jobs/{id}", {"controls": [{"kind": "injekt"}]})
                if name == "step":
                    acting = data["acting"]
            job = self.server.wait(id)
            self.assertEqual(job["state"], "done")
            if changed and changed.status == 200 and wrong.status != 409:
                break
        self.assertEqual(changed.status, 200)
        self.refused(wrong, 400, "invalid_request")
        self.assertEqual(acting[0], 0)
        edit, = job["recipe"]["edits"]
        self.assertEqual(edit["controls"][0]["prompt"], "a dragon")
        self.assertEqual([heat["word"] for heat in job["heat_maps"]], ["cat"])
        self.refused(self.server.ask("PATCH", f"/v1/jobs/{id}", {"controls": []}), 409, "conflict")

    def test_controls_that_come_when_no_step_is_ahead_are_a_conflict(self):
        for images in (1, 4, 16):  # as many as this machine needs, to be asked while it decodes them
            recipe = {"version": 1, "prompt": "a cat", "seeds": list(range(images)), "steps": 1, "width": 512, "height": 512}
            id = self.server.ask("POST", "/v1/jobs", {"recipe": recipe}).json["id"]
            for name, data in self.server.events(id):
                if name == "step":  # the last one
                    answer = self.server.ask("PATCH", f"/v1/jobs/{id}", {"controls": []})
            self.refused(answer, 409, "conflict")
            self.assertEqual(self.server.wait(id)["state"], "done")
            if "no step ahead" in answer.json["detail"]:
                break
        self.assertIn("no step ahead", answer.json["detail"])

    def test_a_job_is_cancelled_whether_it_runs_or_waits(self):
        running, waiting = self.server.draw({"steps": 1000}), self.server.draw({"steps": 1000})
        self.server.wait(running, "running")
        self.assertEqual(self.server.job(waiting)["position"], 1)
        listed = self.right(self.server.ask("GET", "/v1/jobs"), "/v1/jobs")["jobs"]
        self.assertEqual([job["id"] for job in listed], [running, waiting])
        for id in (waiting, running):
            self.assertEqual(self.server.ask("DELETE", f"/v1/jobs/{id}").status, 202)
            self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.refused(self.server.ask("DELETE", f"/v1/jobs/{running}"), 409, "conflict")
        self.right(self.server.ask("DELETE", f"/v1/jobs/{running}?purge=1"), "/v1/jobs/{id}", "delete")
        self.refused(self.server.ask("GET", f"/v1/jobs/{running}"), 404, "not_found")

    def test_higher_priorities_are_drawn_before(self):
        first = self.server.draw({"steps": 1000})
        self.server.wait(first, "running")
        low, high = self.server.draw(priority=-1), self.server.draw(priority=5)
        self.server.ask("DELETE", f"/v1/jobs/{first}")
        self.assertLess(self.server.wait(high)["started"], self.server.wait(low)["started"])

    def test_a_sweep_is_a_job_of_many_pictures_and_a_sheet(self):
        spec = {"version": 1, "recipe": SMALL, "axes": [{"field": "seed", "values": [1, 2]},
                                                        {"field": "guidance", "values": [2, 5]}]}
        answer = self.server.ask("POST", "/v1/jobs", {"kind": "sweep", "spec": spec})
        self.assertEqual(answer.status, 201, answer.body)
        job = self.server.wait(answer.json["id"])
        self.assertEqual(job["state"], "done", job)
        cells = [p for p in job["pictures"] if "cell" in p]
        self.assertEqual([(p["cell"], p["seed"]) for p in cells], [(0, 1), (1, 1), (2, 2), (3, 2)])
        self.assertEqual(job["pictures"][-1]["label"], "sheet")

    def test_files_are_named_by_what_the_server_called_them(self):
        picture = png(64, 64)
        upload = self.right(self.server.ask("POST", "/v1/files", raw=picture), "/v1/files", "post", 201)
        self.assertEqual((upload["type"], upload["width"], upload["bytes"]), ("image/png", 64, len(picture)))
        self.assertEqual(self.server.ask("GET", f"/v1/files/{upload['id']}").body, picture)
        job = self.server.wait(self.server.draw({"init": {"file": f"upload:{upload['id']}", "strength": 0.5}}))
        self.assertEqual(job["state"], "done", job)
        self.assertEqual(job["recipe"]["init"]["file"], f"upload:{upload['id']}")
        mine = f"picture:{job['pictures'][0]['name']}"
        self.assertEqual(self.server.wait(self.server.draw({"init": {"file": mine, "strength": 0.5}}))["state"], "done")
        self.refused(self.server.ask("POST", "/v1/files", raw=b"#!/bin/sh"), 415, "unsupported_media_type")

    def test_explain_models_blocks_and_tokens(self):
        recipe = {**SMALL, "controls": [{"kind": "inject", "prompt": "a dragon", "where": "content"}]}
        told = self.right(self.server.ask("POST", "/v1/explain", {"recipe": recipe}), "/v1/explain", "post")
        self.assertEqual(told["controls"][0]["state"], "acts")
        self.assertEqual(told["recipe"]["model"], "builtin")
        wrong = self.server.ask("POST", "/v1/explain", {"recipe": {**SMALL, "stpes": 3}})
        self.refused(wrong, 400, "invalid_request")
        self.assertIn("steps", wrong.json["detail"])
        models = self.right(self.server.ask("GET", "/v1/models"), "/v1/models")["models"]
        self.assertTrue(models[0]["builtin"])
        blocks = self.right(self.server.ask("GET", "/v1/blocks?model=builtin"), "/v1/blocks")["blocks"]
        self.assertIn("middle:0", [block["name"] for block in blocks])
        self.assertIn("content", [block["group"] for block in blocks])
        prompt = {"prompt": "a (red cat:1.3)", "syntax": "a1111"}
        tokens = self.right(self.server.ask("POST", "/v1/tokenize", prompt), "/v1/tokenize", "post")["tokens"]
        told = [(t["text"], t["weight"], prompt["prompt"][t["begin"]:t["end"]]) for t in tokens]
        self.assertEqual(told, [("a", 1, "a"), ("red", 1.3, "red"), ("cat", 1.3, "cat")])

    def test_recipes_have_names(self):
        name = "/v1/recipes/a%20cat"
        self.right(self.server.ask("PUT", name, {"recipe": SMALL}), "/v1/recipes/{name}", "put")
        self.assertEqual(self.right(self.server.ask("GET", name), "/v1/recipes/{name}")["recipe"], SMALL)
        listed = self.right(self.server.ask("GET", "/v1/recipes"), "/v1/recipes")
        self.assertEqual([r["name"] for r in listed["recipes"]], ["a cat"])
        self.assertIn("two-regions", [p["name"] for p in listed["presets"]])
        self.assertEqual(self.server.ask("DELETE", name).status, 204)
        self.refused(self.server.ask("GET", name), 404, "not_found")
        for wrong in ({"recipe": {"version": 1, "x": 1}}, {"recipe": []}, SMALL, {"recipe": SMALL, "x": 1}):
            self.refused(self.server.ask("PUT", name, wrong), 400, "invalid_request")

    def test_history_is_searched_by_words_of_prompts(self):
        for prompt in ("an owl at night", "an owl in a park", "snow"):
            self.server.wait(self.server.draw({"prompt": prompt}))
        found = self.right(self.server.ask("GET", "/v1/history?q=owl+pa"), "/v1/history")["items"]
        self.assertEqual([item["prompt"] for item in found], ["an owl in a park"])
        self.assertEqual(self.server.ask("GET", found[0]["thumb_url"]).status, 200)
        first = self.right(self.server.ask("GET", "/v1/history?limit=2"), "/v1/history")
        self.assertEqual([item["prompt"] for item in first["items"]], ["snow", "an owl in a park"])
        second = self.server.ask("GET", f"/v1/history?limit=1&before={first['next']}").json
        self.assertEqual([item["prompt"] for item in second["items"]], ["an owl at night"])
        self.assertEqual(self.server.ask("GET", "/v1/history?q=%22%29+OR+*").status, 200)
        self.assertEqual(self.server.ask("GET", "/v1/history?q=" + "%C3%A4" * 500).status, 200)
        self.refused(self.server.ask("GET", "/v1/history?q=" + "%C3%A4" * 501), 400, "invalid_request")
        self.server.ask("DELETE", f"/v1/jobs/{found[0]['job']}?purge=1")
        self.assertEqual(self.server.ask("GET", "/v1/history?q=owl+pa").json["items"], [])
        self.assertEqual(self.server.ask("GET", found[0]["url"]).status, 404)

    def test_the_page_and_what_watches(self):
        page = self.server.ask("GET", "/")
        self.assertEqual((page.status, page.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("script-src 'self'", page.headers["Content-Security-Policy"])
        same = self.server.ask("GET", "/", headers={"If-None-Match": page.headers["ETag"]})
        self.assertEqual((same.status, same.body), (304, b""))
        packed = self.server.ask("GET", "/main.js", headers={"Accept-Encoding": "gzip"})
        self.assertEqual((packed.headers["Content-Encoding"], packed.body[:2]), ("gzip", b"\x1f\x8b"))
        self.right(self.server.ask("GET", "/health"), "/health")
        self.assertIn(b"corepulse_jobs_submitted_total", self.server.ask("GET", "/metrics").body)
        self.assertEqual(self.server.ask("GET", "/v1/openapi.json").json, DESCRIPTION)
        self.assertIn("properties", self.server.ask("GET", "/v1/schema").json)
        head = self.server.ask("HEAD", "/health")
        self.assertEqual((head.status, head.body), (200, b""))
        self.refused(self.server.ask("PUT", "/health"), 405, "method_not_allowed")

    def test_many_ask_at_once(self):
        answers = []
        ask = lambda: answers.extend(self.server.ask("GET", "/v1/models").status for _ in range(5))
        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(answers, [200] * 100)


class Memory(ServerCase):
    """Room for one model."""

    @classmethod
    def prepare(cls):
        models = pathlib.Path(__file__).parents[1] / "golden/models"
        (cls.folder / "models").mkdir()
        for name in ("sd1", "sd2"):
            (cls.folder / "models" / name).symlink_to(models / name)
        cls.arguments = ("--models", str(cls.folder / "models"), "--memory", "0.001")

    def loaded(self):
        metrics = self.server.ask("GET", "/metrics").body.decode()
        return int(re.search(r"^corepulse_models_loaded (\d+)$", metrics, re.M)[1])

    def test_a_model_is_loaded_for_a_job_and_given_back_for_another(self):
        self.assertEqual(self.loaded(), 0)
        for model in ("sd1", "sd2"):
            self.server.wait(self.server.draw({"model": model}))
            self.assertEqual(self.loaded(), 1)
            listed = self.server.ask("GET", "/v1/models").json["models"]
            self.assertEqual([entry["name"] for entry in listed if entry.get("loaded")], [model])


if __name__ == "__main__":
    unittest.main()

"""What the API's description allows and what it does not, made up by schemathesis: every answer is as it says."""
import json
import pathlib
import sys

from server_case import SMALL, Server, png

try:
    import pytest
    import schemathesis
except ImportError:
    print("openapi: SKIPPED: no schemathesis: pip install -r tests/server/requirements-schemathesis.txt")
    sys.exit(77)

DESCRIPTION = json.loads((pathlib.Path(__file__).parents[2] / "server/api/openapi.json").read_text())
RECIPES = [SMALL, {**SMALL, "guidance": 1, "sampler": "ddim", "negative_prompt": "rain"},
           {**SMALL, "controls": [{"kind": "inject", "prompt": "a dragon", "where": "middle:0", "when": {"steps": [0, 1]}}]}]
SWEEP = {"version": 1, "recipe": SMALL, "axes": [{"field": "seed", "values": [1, 2]}]}
# Whether these bytes and prompts mean anything, no schema says.
MEANING = [{"include-path": path, "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "4xx"]}}}
           for path in ("/v1/files", "/v1/read", "/v1/tokenize")]
CONFIG = schemathesis.Config.from_dict({
    "seed": 1,
    "request-timeout": 600,  # seconds after which something hangs
    "generation": {"deterministic": True, "database": "none", "max-examples": 15, "no-shrink": True},
    "checks": {"negative_data_rejection": {"expected-statuses": ["4xx"]}},
    "operations": MEANING,
})


def with_recipes(description):
    """The description where recipes and sweeps are some that can be drawn, and no longer any objects."""
    schemas = description["components"]["schemas"]
    job, sweep = schemas["Submission"]["oneOf"]
    job["properties"]["heat_maps"]["items"] = {"enum": ["cat", "a park"]}
    for asked in (job, schemas["Asked"]):
        asked["properties"]["recipe"] = {"enum": RECIPES}
    sweep["properties"]["spec"] = {"enum": [SWEEP]}
    return description


schema = schemathesis.openapi.from_dict(with_recipes(DESCRIPTION), config=CONFIG)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    assert server.process.poll() is None
    assert server.end() == 0


@pytest.fixture(scope="module")
def known(server):
    """What is there, by the paths that name it."""
    job = server.wait(server.draw())
    upload = server.ask("POST", "/v1/files", raw=png(8, 8)).json["id"]
    server.ask("PUT", "/v1/recipes/mine", {"recipe": SMALL})
    return {"/v1/jobs/{id}": {"id": job["id"]}, "/v1/jobs/{id}/events": {"id": job["id"]}, "/v1/files/{id}": {"id": upload},
            "/v1/recipes/{name}": {"name": "mine"}, "/v1/pictures/{name}": {"name": job["pictures"][0]["name"]}}


@schema.parametrize()
def test_every_answer_is_as_described(case, server, known):
    address = f"http://127.0.0.1:{server.port}"
    answer = case.call_and_validate(base_url=address)
    if (case.method, case.path, answer.status_code) == ("POST", "/v1/jobs", 201):
        server.ask("DELETE", f"/v1/jobs/{answer.json()['id']}")
    right = case.meta is None or case.meta.generation.mode.is_positive
    if right and case.path in known and case.method in ("GET", "PATCH"):
        case.path_parameters = known[case.path]
        assert case.call_and_validate(base_url=address).status_code != 404


if __name__ == "__main__":
    sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning", *sys.argv[1:], __file__]))

"""The made-up network of the stand-in: its blocks, its steps, and what it says of a recipe."""
import itertools
import math
import re
import zlib

KINDS = ("inject reweight mask_tokens replace_tokens value_gain regions attend temperature smooth share prompt_to_prompt "
         "normalized_guidance guide_by lora controlnet picture_prompt freeu features blend guidance rescaled_guidance zero_star_guidance "
         "tangential_guidance projected_guidance frequency_guidance skimmed_guidance thresholded_guidance pooled time_ids "
         "negative capture").split()
LANES = {"guidance", "pooled", "time_ids", "negative", "freeu", "blend", *(k for k in KINDS if k.endswith("_guidance"))} - {"normalized_guidance"}
BUILTIN = [("input:0", 32, 2, 1), ("input:1", 16, 2, 1), ("input:2", 8, 2, 1), ("middle:0", 8, 1, 1), ("output:0", 8, 3, 1),
           ("output:1", 16, 3, 1), ("output:2", 32, 3, 1)]
LARGE = [("input:1", 64, 2, 2), ("input:2", 32, 2, 10), ("middle:0", 32, 1, 10), ("output:0", 32, 3, 10), ("output:1", 64, 3, 2)]
GROUPS = {"input": "composition", "middle": "content", "output": "style"}
PATHS = {"input": "down_blocks", "output": "up_blocks"}


class Problem(Exception):
    def __init__(self, status, code, detail):
        super().__init__(detail)
        self.status, self.code = status, code


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
        if control["kind"] == "controlnet" and not (control.get("file") and control.get("picture")):
            raise Problem(400, "invalid_request", f"[{at}] expected either picture, a file's name, or data, the picture itself")
        if control["kind"] == "picture_prompt" and not (control.get("file") and (control.get("pictures") or control.get("data"))):
            raise Problem(400, "invalid_request", f"[{at}.pictures] no picture; expected at least one")
        if not lane and control["kind"] != "controlnet":
            usual = "middle:0" if control.get("perturb") == "map" else None
            entry["layers"] = [p + ".attn2" for p in layers_of(control.get("where", usual), model, at)]
        if control.get("enabled") is False:
            entry["state"] = "disabled"
        said.append(entry)
    answer = {"calls": calls, "controls": said, "blocks": [], "notes": [], "recipe": recipe}
    if "second_pass" in recipe:
        answer["second_pass"] = {"program": {"calls": second_calls(recipe)}}
    return answer


def second_calls(recipe):
    """The last third of the steps again, numbered anew."""
    calls = schedule(recipe.get("steps", 20))
    rest = calls[-max(1, len(calls) // 3):]
    return [{**call, "step": i, "progress": i / max(1, len(rest) - 1)} for i, call in enumerate(rest)]


def tokenize(prompt):
    tokens = []
    for match in re.finditer(r"[A-Za-z]+|\d|[^\sA-Za-z\d]", prompt):
        parts = [match.span()] if len(match[0]) < 9 else [(match.start(), match.start() + 5), (match.start() + 5, match.end())]
        for a, b in parts:
            begin, end = len(prompt[:a].encode()), len(prompt[:b].encode())
            tokens.append({"text": prompt[a:b], "id": zlib.crc32(prompt[a:b].encode()) % 1500, "begin": begin, "end": end, "weight": 1, "chunk": 0})
    return {"tokens": tokens[:75], "cut": [{"text": t["text"]} for t in tokens[75:]], "limit": 75}

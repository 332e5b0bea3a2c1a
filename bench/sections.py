"""The parts of the table; each measures and adds its rows to the results."""

import os
import subprocess
import sys
import tempfile
import time

import parse
import plan
from contest import Contestant, Failed, alternate, guarded, spread
from results import exponent


def environment(options, more=None):
    return {"OMP_NUM_THREADS": str(options.threads), "COREPULSE_THREADS": str(options.threads)} | (more or {})


def note(text):
    print(text, file=sys.stderr, flush=True)


def asked(contestants, case, options):
    """({name: spread of seconds and the last answer's other fields}, ...) after `rounds` turns."""
    first = {}
    answers = alternate(contestants, case, options.rounds, options.guard, first)
    rows = {}
    for c in contestants:
        given = answers[c.name]
        rows[c.name] = spread([a["seconds"] for a in given]) | {"first": first[c.name]}
        rows[c.name] |= {k: given[-1][k] for k in ("peak_gb",) if k in given[-1]}
        rows[c.name] |= {k: c.ready[k] for k in ("ready", "threads", "versions", "isa") if k in c.ready}
    note(f"{case}: " + ", ".join(f"{name} {row['median']:.3f} s" for name, row in rows.items()))
    return rows


def comparison(name, options, out):
    """One case: ours and each peer by turns. Ours stays; the peers come and go, since memory holds two at most."""
    case, dtype, peers, more = plan.COMPARISONS[name]
    peers = [p for p in peers if options.peers is None or p in options.peers]
    env = environment(options, more)
    try:
        with Contestant("corepulse", plan.ours(dtype), env) as us:
            for peer in peers:
                against(name, case, us, peer, env, options, out)
            if not peers:
                out.add(name, case, "corepulse", **asked([us], case, options)["corepulse"])
    except (Failed, OSError) as why:
        note(f"{case}: corepulse: {why}")
        out.add(name, case, "corepulse", error=str(why))


def against(section, case, us, peer, env, options, out):
    try:
        with Contestant(peer, plan.PEER_PROGRAMS[peer], env) as them:
            rows = asked([us, them], case, options)
    except (Failed, OSError) as why:
        if us.process.poll() is not None:
            raise
        note(f"{case}: {peer}: {why}")
        out.add(section, case, peer, error=str(why))
        return
    mine, other = rows["corepulse"], rows[peer]
    out.add(section, case, "corepulse", **mine)
    out.add(section, case, peer, **other, ours=mine["median"], ratio=other["median"] / mine["median"])


def growth(name, options, out):
    """Ours at growing sizes or batches, and the exponent of time against pixels or pictures."""
    cases, size_of = plan.GROWTH[name]
    points = []
    with Contestant("corepulse", plan.ours("f32"), environment(options)) as us:
        for case in cases:
            row = out.add(name, case, "corepulse", **asked([us], case, options)["corepulse"])
            points.append((size_of(case), row["median"]))
    power, _ = exponent(points)
    out.add(name, "time against size", "corepulse", exponent=power, text=f"exponent {power:.2f}")


def output(program, *arguments, options):
    with guarded(options.guard):
        done = subprocess.run([str(plan.BIN / program), *arguments], capture_output=True, text=True,
                              env=os.environ | environment(options))
    if done.returncode != 0:
        raise Failed(f"{program} ended with status {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout


def kernels(name, options, out):
    for row in parse.kernels(output("kernels_bench", options=options)):
        out.add(name, row.pop("case"), "corepulse", **row)


def controls(name, options, out):
    for row in parse.controls(output("control_bench", options=options)):
        out.add(name, row.pop("case"), "corepulse", **row,
                text=f"{row['ratio_to_plain']:.3f} x a plain run  ({row['low']:.3f} .. {row['high']:.3f})")


def profile(name, options, out):
    for case in (plan.UNET, plan.VAE, plan.BUILTIN):
        for row in parse.profile(output("unet_bench", "--profile", "--repeat", "3", case, options=options)):
            out.add(name, f"{case}: {row.pop('kernel')}", "corepulse", **row,
                    text=f"{row['share_of_call']:6.1%}  {row['seconds'] * 1e3:9.2f} ms")


def steps_of(arguments, options):
    """[(seconds from the start of `corepulse generate` until a step's end, seconds of that step), ...]."""
    with tempfile.TemporaryDirectory() as folder, guarded(options.guard):
        start = time.monotonic()
        process = subprocess.Popen([str(plan.BIN / "corepulse"), "generate", "-p", "a cat in a park", "-W", "256", "-H",
                                    "256", "-o", f"{folder}/cat.png", *arguments],
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                   env=os.environ | environment(options))
        steps = [(time.monotonic() - start, found[1]) for line in process.stderr if (found := parse.step(line))]
        if process.wait() != 0 or not steps:
            raise Failed(f"corepulse generate ended with status {process.returncode} and {len(steps)} steps")
    return steps


def seconds_to_first_step(options):
    """From the start of `corepulse generate` until its first step began."""
    [(end, seconds)] = steps_of(["--steps", "1"], options)
    return end - seconds


def seconds_until_ready(arguments, options):
    """Until every weight is packed, which the first step does: its end, less what a step takes after that."""
    (end, _), (_, seconds) = steps_of(["--steps", "2", *arguments], options)
    return end - seconds


def peer_seconds_to_first_step(case, options):
    """From the start of Python until Diffusers' pipeline is loaded: imports, then the load."""
    with guarded(options.guard), Contestant("diffusers", plan.peer("torch"), environment(options)) as them:
        imported = them.ready["start_seconds"]
        return imported, imported + them.ask(case)["prepare_seconds"]


def start(name, options, out):
    """Process start to first step with the built-in model; file cache warm."""
    seconds_to_first_step(options)
    mine, other, imports = [], [], []
    for _ in range(options.rounds):
        mine.append(seconds_to_first_step(options))
        if options.peers is None or "torch" in options.peers:
            imported, loaded = peer_seconds_to_first_step(f"load {plan.ROOT / 'models' / 'builtin'}", options)
            other.append(loaded), imports.append(imported)
    add_pair(name, "built-in model", mine, other, out)
    if imports:
        out.add(name, "of which imports", "diffusers", **spread(imports))


def load(name, options, out):
    """SD1.5's float16 file, warm, until its weights are as they are used; Diffusers until its pipeline is loaded."""
    for dtype in ("f32", "bf16"):
        mine, other = [], []
        arguments = ["-m", str(plan.SD15 / "sd15.safetensors"), "--dtype", dtype]
        try:
            for turn in range(1 + min(3, options.rounds)):
                seconds = seconds_until_ready(arguments, options)
                if turn > 0:
                    mine.append(seconds)
                if options.peers is None or "torch" in options.peers:
                    loaded = peer_seconds_to_first_step(f"load {plan.SD15 / 'sd15'} {dtype}", options)[1]
                    if turn > 0:
                        other.append(loaded)
            add_pair(name, f"sd15.safetensors {dtype}", mine, other, out)
        except Failed as why:
            out.add(name, f"sd15.safetensors {dtype}", "corepulse", error=str(why))


def add_pair(section, case, mine, other, out):
    ours = out.add(section, case, "corepulse", **spread(mine))
    note(f"{section}: {case} {ours['median']:.3f} s")
    if other:
        theirs = spread(other)
        out.add(section, case, "diffusers", **theirs, ours=ours["median"], ratio=theirs["median"] / ours["median"])


SECTIONS = {"kernels": kernels, **dict.fromkeys(plan.COMPARISONS, comparison), "start": start, "load": load,
            "controls": controls, **dict.fromkeys(plan.GROWTH, growth), "profile": profile}

"""What our benchmark programs print for people, as rows."""

import re

KERNEL = re.compile(r"^(?P<case>.+?) +(?P<ms>[\d.]+) ms +(?P<rate>[\d.]+) (?P<unit>GFLOP/s|GB/s)")
PEAK = re.compile(r"^(?P<case>peak|sgemm 2048|copy) .*?(?P<rate>[\d.]+) (?P<unit>GFLOP/s|GB/s)$")
CONTROL = re.compile(r"^(?P<case>\w[\w ]*?)  +(?P<ratio>[\d.]+) \((?P<low>[\d.]+)\.\.(?P<high>[\d.]+)\)")
PROFILE = re.compile(r"^ +(?P<percent>-?[\d.]+) % +(?P<ms>-?[\d.]+) ms +(?:(?P<calls>[\d.]+) x +(?P<kernel>\S+)|(?P<rest>\S.*))")
STEP = re.compile(r"step (?P<step>\d+) of \d+, (?P<seconds>[\d.]+) s")


def kernels(text):
    """Rates of kernels_bench, with the share of the machine's peak measured in the same run."""
    rows, peak = [], {}
    for line in text.splitlines():
        if found := PEAK.match(line):
            peak.setdefault(found["unit"], float(found["rate"]))
            rows.append({"case": found["case"], "rate": float(found["rate"]), "unit": found["unit"]})
        elif found := KERNEL.match(line):
            row = {"case": found["case"], "median": float(found["ms"]) / 1e3, "rate": float(found["rate"]),
                   "unit": found["unit"]}
            rows.append(row | ({"share": row["rate"] / peak[row["unit"]]} if row["unit"] in peak else {}))
    return rows


def controls(text):
    """control_bench's quotients of a controlled run and a plain one."""
    found = (CONTROL.match(line) for line in text.splitlines())
    return [{"case": f["case"], "ratio_to_plain": float(f["ratio"]), "low": float(f["low"]), "high": float(f["high"])}
            for f in found if f]


def profile(text):
    """Share of each kernel in unet_bench --profile, its shapes added up, largest first."""
    share, seconds = {}, {}
    for line in text.splitlines():
        if found := PROFILE.match(line):
            kernel = found["kernel"] or found["rest"]
            share[kernel] = share.get(kernel, 0) + float(found["percent"]) / 100
            seconds[kernel] = seconds.get(kernel, 0) + float(found["ms"]) / 1e3
    return [{"kernel": k, "share_of_call": round(share[k], 4), "seconds": round(seconds[k], 5)}
            for k in sorted(share, key=share.get, reverse=True)]


def step(line):
    """(number, seconds) of the step that this line of `corepulse generate` reports; else None."""
    found = STEP.search(line)
    return (int(found["step"]), float(found["seconds"])) if found else None

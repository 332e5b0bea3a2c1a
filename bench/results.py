"""Measured rows in a file of bench/results/, and as a table for people."""

import datetime
import json
import math
import os
import platform
import re
import subprocess

ISA_FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8", "asimd")


def machine(cpuinfo=None):
    """What a reader must know of this machine to read its numbers."""
    if cpuinfo is None:
        try:
            cpuinfo = open("/proc/cpuinfo").read()
        except OSError:
            cpuinfo = ""
    fields = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", cpuinfo, re.MULTILINE))
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {"cpu": fields.get("model name", platform.processor() or platform.machine()),
            "family": fields.get("cpu family", ""), "model": fields.get("model", ""),
            "isa": [flag for flag in ISA_FLAGS if flag in flags], "cores": os.cpu_count(),
            "memory_gb": round(memory, 1), "system": f"{platform.system()} {platform.release()}"}


def slug(machine):
    words = f"{machine['cpu']} {machine['family']} {machine['model']}"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def commit(root):
    done = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


class Results:
    """Rows by (section, case, who); a row that is measured again takes the old one's place."""

    def __init__(self, file, of_machine, made_by):
        self.file, self.made_by = file, made_by
        self.data = {"machine": of_machine, "rows": []}
        if file.exists():
            self.data = json.loads(file.read_text())
            if self.data["machine"]["cpu"] != of_machine["cpu"]:
                raise SystemExit(f"{file} holds the numbers of {self.data['machine']['cpu']}; name another with --results")

    def add(self, section, case, who, **fields):
        row = {"section": section, "case": case, "who": who, **fields,
               "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M"), "commit": self.made_by}
        key = (section, case, who)
        self.data["rows"] = [r for r in self.data["rows"] if (r["section"], r["case"], r["who"]) != key] + [row]
        self.file.parent.mkdir(parents=True, exist_ok=True)
        rows = ",\n".join("  " + json.dumps(row) for row in self.data["rows"])
        self.file.write_text(f'{{"machine": {json.dumps(self.data["machine"])},\n "rows": [\n{rows}\n]}}\n')
        return row

    def section(self, name):
        return [row for row in self.data["rows"] if row["section"] == name]


def exponent(points):
    """(exponent, factor) of the least squares fit y = factor * x^exponent through (x, y), in logarithms."""
    if len({x for x, _ in points}) < 2:
        raise ValueError("a fit needs two different sizes")
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)
    return slope, math.exp(mean_y - slope * mean_x)


def number(seconds):
    """Three significant digits, in the unit that suits."""
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else "1.00 s"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"


def time_cells(row):
    if "error" in row:
        return f"not run: {row['error']}"
    spread = f"  {number(row['min'])} .. {number(row['max'])}" if "min" in row else ""
    return f"{number(row['median']):>9}{spread}"


def text(results):
    """The whole table."""
    of = results.data["machine"]
    lines = [f"{of['cpu']} (family {of['family']} model {of['model']}), {of['cores']} cores, {of['memory_gb']} GB, "
             f"{' '.join(of['isa'])}"]
    section = None
    for row in sorted(results.data["rows"], key=lambda r: r["section"]):
        if row["section"] != section:
            section = row["section"]
            lines += ["", section]
        who = row["who"] if row["who"] != "corepulse" else ""
        cells = f"  {row['case']:<34} {who:<30} {time_cells(row)}" if "median" in row or "error" in row else \
            f"  {row['case']:<34} {row.get('text', '')}"
        if "rate" in row:
            cells += f"  {row['rate']:8.1f} {row['unit']}" + (f"  {row['share']:6.1%} of peak" if "share" in row else "")
        if "ours" in row:
            cells += f"   corepulse {number(row['ours'])}   {row['ratio']:.2f} x as long"
        lines.append(cells.rstrip())
    return "\n".join(lines)

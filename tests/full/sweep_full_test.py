#!/usr/bin/env python3
"""10,000 cells of a tiny model in two shards, each killed again and again, gone on with and merged: every cell once.

    sweep_full_test.py CLI MODEL
"""
import csv
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

KILLS, SHARDS = 3, 2


def main():
    cli, model = sys.argv[1:]
    dice = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        command = [cli, "sweep", "-m", model, "-p", "a cat in a park", "--steps", "1", "-W", "64", "-H", "64", "--inject", "a dragon",
                   "--axis", "where=input:0,input:1,input:2,middle:0,output:0", "--axis", "strength=0.05..1:20",
                   "--axis", "seed=1..100", "-q", "--resume"]
        for shard in range(SHARDS):
            out = folder / str(shard)
            whole = [*command, "-o", out, "--shard", f"{shard}/{SHARDS}"]
            for _ in range(KILLS):
                before = len(list(out.glob("cells/*.png")))
                with subprocess.Popen(whole) as process:
                    while len(list(out.glob("cells/*.png"))) < before + dice.randrange(50, 500):
                        time.sleep(0.1)
                        assert process.poll() is None, "it ended"
                    process.send_signal(signal.SIGKILL)
            begin = time.monotonic()
            subprocess.run(whole, check=True, stdout=subprocess.DEVNULL)
            print(f"shard {shard}: {time.monotonic() - begin:.0f} s for the rest", flush=True)
            cells = [json.loads(line)["entry"].get("cell") for line in (out / "journal.jsonl").read_text().splitlines()]
            cells = [cell for cell in cells if cell is not None]
            assert len(cells) == len(set(cells)) == 10_000 // SHARDS, "lost or doubled"
        begin = time.monotonic()
        subprocess.run([cli, "sweep", "--merge", *(folder / str(i) for i in range(SHARDS)), "-o", folder / "all"], check=True,
                       stdout=subprocess.DEVNULL)
        print(f"merged in {time.monotonic() - begin:.0f} s", flush=True)
        with open(folder / "all" / "cells.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["cell"]) for row in rows] == list(range(10_000))
        assert len({(row["where"], row["strength"], row["seed"]) for row in rows}) == 10_000
        assert len(list(folder.glob("all/cells/*.png"))) == 10_000 and len(list(folder.glob("all/plain/*.png"))) == 100
        page = (folder / "all" / "sheet.html").stat().st_size
        print(f"10,000 cells, {len(list(folder.glob('all/sheet*.png')))} sheets, a page of {page / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

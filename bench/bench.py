#!/usr/bin/env python3
"""The benchmarks: our programs and others' by turns, one table, and the numbers in bench/results/.

    bench.py                                            everything; what cannot run is a line that says why
    bench.py quick                                      our programs alone, under three minutes
    bench.py --only unet_f32,start --peers torch,openvino     a part; its rows take the place of older ones
    bench.py show                                       the table of the numbers that are there
"""

import argparse
import pathlib
import sys

import plan
import results
from contest import Failed
from sections import SECTIONS, note


def names(allowed):
    def parse(text):
        given = [] if text == "none" else [name.strip() for name in text.split(",")]
        if unknown := [name for name in given if name not in allowed]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(allowed)}")
        return given
    return parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", nargs="?", choices=("full", "quick", "show"), default="full")
    parser.add_argument("--only", type=names(SECTIONS), help=f"sections: {', '.join(SECTIONS)}")
    parser.add_argument("--peers", type=names(plan.PEER_PROGRAMS), help=f"none, or: {'; '.join(plan.PEER_PROGRAMS)}")
    parser.add_argument("--rounds", type=int, default=5, help="timed calls of each program [5]")
    parser.add_argument("--threads", type=int, default=plan.CORES, help=f"of every program [{plan.CORES}]")
    parser.add_argument("--guard", help="a command that runs another, held while timing: \"flock /tmp/bench\"")
    parser.add_argument("--results", type=pathlib.Path, help="file [bench/results/<this machine's CPU>.json]")
    options = parser.parse_args()
    if options.verb == "quick":
        options.peers, options.rounds = [], min(options.rounds, 3)
    return options


def main():
    options = arguments()
    machine = results.machine()
    file = options.results or plan.ROOT / "bench" / "results" / f"{results.slug(machine)}.json"
    out = results.Results(file, machine, results.commit(plan.ROOT))
    if options.verb != "show":
        for line in plan.missing():
            note(line)
        for name in options.only or (plan.QUICK if options.verb == "quick" else SECTIONS):
            try:
                SECTIONS[name](name, options, out)
            except (Failed, OSError) as why:
                note(f"{name}: {why}")
    print(results.text(out))


if __name__ == "__main__":
    sys.exit(main())

"""How every peer is driven: one process, one question per line, one JSON answer per line.

    ready       {"ready": "PyTorch 2.13.0 f32", "import_seconds": 3.0, ...}      once, by itself
    question    unet sd15 512 batch 2
    answer      {"case": "unet sd15 512 batch 2", "seconds": 6.71, "peak_gb": 5.2}   or   {"case": ..., "error": "..."}

A case's first answer covers packing and compiling: bench.py keeps it apart. unet_bench --ask speaks the same.
"""

import json
import os
import resource
import sys
import time

STARTED = time.perf_counter()
THREADS = int(os.environ.get("OMP_NUM_THREADS", "0")) or len(os.sched_getaffinity(0))

# Libraries chat on standard output; the answers go out on a copy of it.
_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def _say(fields):
    print(json.dumps(fields), file=_answers, flush=True)


def since_start():
    return time.perf_counter() - STARTED


def serve(ready, make_case, **more):
    """`make_case(words)` returns the function to time, which may return seconds by its own clock; asked once a case."""
    _say({"ready": ready, "threads": THREADS} | more)
    made = {}
    for line in sys.stdin:
        case = line.strip()
        try:
            start = time.perf_counter()
            if case not in made:
                made[case] = make_case(case.split())
            prepare = time.perf_counter() - start
            start = time.perf_counter()
            own_clock = made[case]()
            seconds = own_clock if isinstance(own_clock, float) else time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
            _say({"case": case, "seconds": seconds, "prepare_seconds": prepare, "peak_gb": peak})
        except Exception as error:  # noqa: BLE001: whatever a peer cannot do is a line of the table
            _say({"case": case, "error": f"{type(error).__name__}: {error}"[:300]})

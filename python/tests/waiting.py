"""For tests that end runs: what holds one up until it is to end."""
import time


def heard(stop):
    """Waits until whoever ends a run has said so: from then on nothing more of it may be computed."""
    for _ in range(300_000):
        if stop.is_set():
            return
        time.sleep(0.001)
    raise TimeoutError("nobody set the stop")

"""As much of Ray as corepulse.ray asks for, in this process and one job after the other: what its crew does is tested
where Ray is not installed."""
import types


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        super().__init__(str(cause))
        self.cause = cause


class RayActorError(RayError):
    pass


exceptions = types.SimpleNamespace(RayError=RayError, RayTaskError=RayTaskError, RayActorError=RayActorError)
cluster = {"CPU": 3.0}
room = None  # for how many actors at a time; others wait until one is gone
placed = []
killed = []
MOST_WAITS = 100  # for what never comes
waits = 0


class _Job:
    def __init__(self, actor, run):
        self.actor, self.run = actor, run

    def ready(self):
        if self.actor.made is None and (room is None or len(placed) < room):
            placed.append(self.actor)
            self.actor.made = self.actor.make()
        return self.actor.made is not None


class _Actor:
    def __init__(self, make):
        self.make, self.made = make, None
        self.ready = types.SimpleNamespace(remote=lambda: _Job(self, lambda: self.made.ready()))
        self.draw = types.SimpleNamespace(remote=lambda job: _Job(self, lambda: self.made.draw(job)))


class _Class:
    def __init__(self, kind):
        self.kind = kind

    def options(self, **_options):
        return self

    def remote(self, *arguments):
        return _Actor(lambda: self.kind(*arguments))


def remote(kind):
    return _Class(kind)


def wait(jobs, num_returns, timeout):
    global waits
    done = [job for job in jobs if job.ready()][-num_returns:]  # the last one is ready first
    waits = 0 if done else waits + 1
    assert waits < MOST_WAITS, "it waits for what never comes"
    return done, [job for job in jobs if job not in done]


def get(job):
    try:
        return job.run()
    except RayActorError:
        gone(job.actor)
        raise
    except Exception as error:
        raise RayTaskError(error) from None


def gone(actor):
    if actor in placed:
        placed.remove(actor)


def kill(actor):
    gone(actor)
    killed.append(actor)


def is_initialized():
    return True


def cluster_resources():
    return cluster


def nodes():
    return [{"Alive": True}, {"Alive": False}, {"Alive": True}]

"""A sweep by the machines of a Ray cluster: docs/sweeps.md, "Ray".

    import corepulse.ray

    table = corepulse.ray.sweep("spec.json", out="out", resume=True, num_gpus=1)  # an actor for each GPU of the cluster

Needs Ray (`pip install 'corepulse[ray]'`), and corepulse with the models at the same paths on every machine; the folder
`out` is on the one that calls.
"""
from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from . import _core
from ._sweep_spec import AxesLike, SpecLike
from .errors import Error, Internal, InvalidRequest
from .sweep_table import SweepTable
from .sweeps import Path, SweepCallback, sweep_text


class _Drawing:
    """An actor: one model in one process."""

    def __init__(self, spec: str, folder: str, out: str, device: str, together: int, threads: int | None) -> None:
        if threads is not None:
            os.environ["COREPULSE_THREADS"] = str(threads)
        self.worker = _core.SweepWorker(spec, folder, out, device, together)

    def ready(self) -> None:
        """Answered by one that has a place in the cluster."""

    def draw(self, job: bytes) -> tuple[int, list[bytes]]:
        """How many cells the next job should have, and what was drawn."""
        return self.worker.at_once(), list(self.worker.draw(job))


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError:
        raise InvalidRequest("[ray] Ray is not installed; expected: pip install 'corepulse[ray]'") from None


def _how_many(ray: Any, num_gpus: float, num_cpus: float | None) -> int:
    if num_gpus > 0 or num_cpus is not None:
        name, each = ("GPU", num_gpus) if num_gpus > 0 else ("CPU", num_cpus or 1)
        there = ray.cluster_resources().get(name, 0)
        if there < each:
            raise InvalidRequest(f"[ray] the cluster has {there:g} {name}s, and an actor needs {each:g}; expected workers=, how "
                                 "many actors wait for machines that are still to come")
        return int(there / each)
    return max(1, sum(1 for node in ray.nodes() if node["Alive"]))


class _Crew:
    """The actors, what each is drawing, and the coordinator that they draw for."""

    def __init__(self, ray: Any, coordinator: _core.SweepCoordinator, start: Callable[[], Any], retries: int) -> None:
        self.ray, self.coordinator, self.start, self.retries = ray, coordinator, start, retries
        self.actors: dict[str, Any] = {}
        self.coming: dict[Any, str] = {}  # those that wait for a place in the cluster, perhaps for ever
        self.at_once: dict[str, int] = {}  # cells that a job of theirs should have
        self.drawing: dict[Any, str] = {}
        self.started = self.died = 0

    def hire(self, count: int) -> None:
        for _ in range(count):
            self.started += 1
            name = f"actor {self.started}"
            self.actors[name] = self.start()
            self.coming[self.actors[name].ready.remote()] = name

    def work(self) -> None:
        while self.coordinator.left:
            self.hand_out()
            ready, _ = self.ray.wait([*self.coming, *self.drawing], num_returns=1, timeout=1)
            for reference in ready:
                self.take(reference)

    def hand_out(self) -> None:
        """A job to everybody who is there and has none; near the end no more than leaves something for all."""
        busy, away = set(self.drawing.values()), set(self.coming.values())
        for name in [name for name in self.actors if name not in busy | away]:
            most = min(self.at_once.get(name, 1), max(1, self.coordinator.left // (len(self.actors) - len(away))))
            job = self.coordinator.next(name, most)
            if job:
                self.drawing[self.actors[name].draw.remote(job)] = name

    def take(self, reference: Any) -> None:
        """What a job drew, or that somebody is there."""
        came = reference in self.coming
        name = self.coming.pop(reference) if came else self.drawing.pop(reference)
        messages: list[bytes] = []
        try:
            answer = self.ray.get(reference)
            if not came:
                self.at_once[name], messages = answer
        except self.ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Error) else Internal(f"[ray] {error}")) from None
        except self.ray.exceptions.RayError as error:  # its process or its machine
            self.replace(name, error)
        else:
            for message in messages:
                self.coordinator.take(name, message)

    def replace(self, name: str, error: Exception) -> None:
        self.coordinator.lose(name)
        del self.actors[name]
        self.died += 1
        if self.died > self.retries:
            raise Internal(f"[ray] more than {self.retries} actors died, with {self.coordinator.left} cells left; what was drawn is kept, "
                           f"resume=True goes on. The last one: {error}")
        self.hire(1)

    def dismiss(self) -> None:
        for actor in self.actors.values():
            self.ray.kill(actor)
        del self.coordinator  # else the journal is held for as long as somebody keeps the traceback of an error


def sweep(
    spec: SpecLike | None = None,
    *,
    axes: AxesLike | None = None,
    title: str | None = None,
    out: Path = "sweep",
    resume: bool = False,
    together: int = 0,
    device: str = "auto",
    progress: SweepCallback | None = None,
    workers: int | None = None,
    num_gpus: float = 0,
    num_cpus: float | None = None,
    retries: int = 3,
    options: Mapping[str, Any] | None = None,
    **recipe: Any,
) -> SweepTable:
    """corepulse.sweep by Ray: what actors draw comes back to this process, into the one journal of `out`.

    workers: how many actors, each with a model of its own; unless given as many as the cluster has room for with num_gpus
    or num_cpus for each, and with neither one for each machine, which uses all of its processors. num_cpus: also how many
    threads an actor computes with. options: more of an actor's (resources, runtime_env, scheduling_strategy).
    An actor that dies is replaced, at most `retries` times in all, and what it was drawing is drawn by others; an error of
    the engine ends the sweep. Whatever ends it, resume=True goes on, here or with `corepulse sweep --resume`.
    """
    ray = _ray()
    text, folder = sweep_text(spec, axes, title, recipe)
    folder, where = os.path.abspath(folder or "."), os.path.abspath(out)  # actors have working folders of their own
    if not ray.is_initialized():
        ray.init()
    count = workers or _how_many(ray, num_gpus, num_cpus)
    actor = ray.remote(_Drawing).options(**{
        "num_gpus": num_gpus, "num_cpus": 1 if num_cpus is None else num_cpus, "scheduling_strategy": "SPREAD", **(options or {})})
    threads = None if num_cpus is None else max(1, int(num_cpus))
    crew = _Crew(ray, _core.SweepCoordinator(text, folder, where, resume, progress),
                 lambda: actor.remote(text, folder, where, device, together, threads), retries)
    try:
        crew.hire(min(count, crew.coordinator.left))
        crew.work()
        _, _, notes = crew.coordinator.finish()
    finally:
        crew.dismiss()
    return SweepTable(out, notes)

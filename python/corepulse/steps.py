"""A run beside other work: as an awaitable, and as an iterator over its steps."""
from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import PIL.Image

from . import _core
from ._request import several
from .errors import Cancelled, InvalidRequest
from .pictures import Bytes, png

if TYPE_CHECKING:
    from .pipeline import Pipeline
    from .result import Result


async def run_async(pipe: Pipeline, given: dict[str, Any]) -> Result:
    """The call on a thread of its own; its task's cancellation ends it before it is raised here."""
    stop = given.setdefault("stop", _core.Stop()) or _core.Stop()
    given["stop"] = stop
    running = asyncio.get_running_loop().run_in_executor(None, lambda: pipe(**given))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # heard: it was asked to end
        raise


@dataclass(frozen=True)
class StepView:
    """One step that is done."""

    step: int  # from 1
    steps: int
    sigma: float
    seconds: float
    run: int = 1  # 2: of a second pass
    previews: list[Bytes] = field(repr=False, default_factory=list)

    @property
    def preview(self) -> PIL.Image.Image:
        """A rough picture, 8 times smaller, of the first image."""
        if not self.previews:
            raise InvalidRequest("[preview] the run was asked for none; expected steps(..., previews=True)")
        return PIL.Image.fromarray(self.previews[0])

    def _repr_png_(self) -> bytes | None:
        return png(self.preview) if self.previews else None


class Steps:
    """An iterator over StepView while the run goes on; then `result` is there. Its argument `previews=False` saves them."""

    def __init__(self, pipe: Pipeline, given: dict[str, Any]) -> None:
        self._previews = bool(given.pop("previews", True))
        self._theirs = given.pop("progress", None)
        self._stop: _core.Stop = given.get("stop") or _core.Stop()
        self._images = len(given["seed"]) if several(given.get("seed")) else given.get("num_images_per_prompt") or 1
        self._views: queue.Queue[StepView | None] = queue.Queue()
        self._result: Result | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(pipe, {**given, "stop": self._stop}), daemon=True)
        self._thread.start()

    @property
    def result(self) -> Result:
        """Waits for the end of the run; raises what it raised."""
        with self._ends_when_left():
            self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._result is not None
        return self._result

    def close(self) -> None:
        """Ends the run, and waits until it has."""
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[StepView]:
        """The steps that nobody has seen yet. To leave the loop ends the run."""
        ended = False
        try:
            while (view := self._next()) is not None:
                yield view
            ended = True
        finally:
            if not ended:  # the run may be many steps ahead of whoever leaves
                self.close()

    def __next__(self) -> StepView:
        view = self._next()
        if view is None:
            raise StopIteration
        return view

    def _next(self) -> StepView | None:
        """None at the end of a run; raises what it raised."""
        with self._ends_when_left():
            view = self._views.get()
            if view is not None:
                return view
            self._views.put(None)  # for whoever asks again
            self._thread.join()
        if self._error is not None:
            raise self._error
        return None

    @contextlib.contextmanager
    def _ends_when_left(self) -> Iterator[None]:
        """Ctrl-C, say, while one waits for the run: nobody waits for it any longer."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self, pipe: Pipeline, given: dict[str, Any]) -> None:
        try:
            self._result = pipe(**given, progress=self._seen)
        except BaseException as error:
            self._error = error
        self._views.put(None)

    def _seen(self, at: _core.Progress) -> bool:
        previews = [np.asarray(at.preview(i)) for i in range(self._images)] if self._previews else []
        self._views.put(StepView(at.step, at.steps, at.sigma, at.seconds, at.run, previews))
        return self._theirs is None or self._theirs(at) is not False


__all__ = ["Cancelled", "StepView", "Steps", "run_async"]

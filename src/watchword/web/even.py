"""Refusals that may not tell why, given at an even time: nothing of it must show by the clock.

Finding a row and comparing with it takes some twenty microseconds more than finding none, and a patient stranger who
asks often enough could tell. So what is refused because nothing is there, or not for whoever asks, leaves a fixed time
after it came in, whatever was found; and so does every answer of a route that answers all alike. So does "too many": at
a page, a limit of its number and the guard's block are one answer, and the second takes a tenth longer.

Not handled here: what is said (the endpoints); other answers to holders of a proof, which may take what they take.

Rules: the time of answering follows from the time of asking alone, so that no number of questions brings out the
difference; who has a proof, and no limit against them, waits for nothing. The timers of an event loop are no good for
this: they count whole milliseconds from when they are set, and what was set later would still be later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from queue import SimpleQueue
from threading import Thread
from time import perf_counter, sleep

from watchword.errors import RateLimitedError, UnauthenticatedError, UnknownError, WatchwordError
from watchword.web.exchange import Answer, Endpoint, Request
from watchword.web.route import Auth, Route

_SPREAD = 0.000_2  # seconds

Due = tuple[float, asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Alarm:
    """Wakes whoever waits, to some ten microseconds. Its thread is there from the first one on, and sleeps between."""

    def __init__(self) -> None:
        self._due: SimpleQueue[Due] = SimpleQueue()
        self._thread: Thread | None = None

    async def wait_until(self, moment: float) -> None:
        """Wait. Moments come in order, or nearly: one that is earlier than the last waits for that one, too."""
        if self._thread is None:
            self._thread = Thread(target=self._work, name="alarm", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._due.put((moment, loop, future))
        await future

    def _work(self) -> None:
        while True:
            moment, loop, future = self._due.get()
            sleep(max(0.0, moment - perf_counter()))
            try:
                loop.call_soon_threadsafe(_wake, future)
            except RuntimeError:  # the loop is closed, and nobody waits any more
                continue


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():  # who waited may have gone
        future.set_result(None)


def at_even_times(routes: Iterable[Route], step: float) -> list[Route]:
    """Routes whose answers to strangers leave at even times. ``step`` is in seconds; 0 leaves them as they are."""
    alarm = Alarm()

    def kept(route: Route) -> Route:
        strangers = route.auth is not Auth.APP and "{" in route.path and route.path.startswith("/v1/")
        if not (strangers and step):
            return route
        return replace(route, endpoint=evenly(route.endpoint, alarm, step, always=route.alike))

    return list(map(kept, routes))


def evenly(endpoint: Endpoint, alarm: Alarm, step: float, *, always: bool) -> Endpoint:
    """An endpoint whose refusals, or ``always`` whose answers, leave at even times. ``step`` is in seconds."""

    async def answered(request: Request) -> Answer:
        began = perf_counter()
        answer: Answer | WatchwordError
        try:
            answer = await endpoint(request)
        except (UnknownError, UnauthenticatedError, RateLimitedError) as error:
            # Without the places that it passed: what they hold, a row perhaps, goes now and not after the wait.
            answer = error.with_traceback(None)
            answer.__context__ = answer.__cause__ = None
        refused = isinstance(answer, WatchwordError)
        if refused or always:
            await alarm.wait_until(_next(began, step))
        if isinstance(answer, WatchwordError):
            try:
                raise answer
            finally:
                del answer  # what it passes holds this, and this would hold it, until the collector comes
        return answer

    return answered


def _next(began: float, step: float) -> float:
    """The step at which an answer leaves: the first, unless the store takes longer than that."""
    # What was touched on the way is still in the processor's caches, which is good for some three microseconds. They
    # are hidden in a spread that follows from the nanosecond of asking, by Knuth's multiplicative hash: chance enough.
    spread = _SPREAD * (int(began * 1e9) * 2_654_435_761 % 2**32) / 2**32
    return began + ((perf_counter() - began) // step + 1) * step + spread

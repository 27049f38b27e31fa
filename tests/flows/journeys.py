"""How an asynchronous test runs: in a world of its own, under an event loop that never waits for real."""

from __future__ import annotations

import asyncio
import inspect
import selectors
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from selectors import SelectorKey
from typing import Concatenate, ParamSpec

from tests.support.world import World
from watchword.core.instant import DAY, MINUTE
from watchword.core.limit import Rate
from watchword.core.policy import BALANCED, Limits, Profile, Rules

Cases = ParamSpec("Cases")

BUSY = (Rate(1_000_000, MINUTE),)


def generous(profile: Profile = BALANCED, **limits: tuple[Rate, ...]) -> Rules:
    """Rules without limits on sends and with wide ones on guesses, but for those named."""
    return Rules(profile, Limits((), (), (), (), (Rate(1_000, MINUTE), Rate(1_000, DAY)))._replace(**limits))


class _Leaping(selectors.DefaultSelector):
    """Instead of waiting for a timer, moves the loop's time to it. What is ready is still seen first."""

    def __init__(self) -> None:
        super().__init__()
        self.leapt = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout is not None and timeout > 0:
            self.leapt += timeout
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose timers are over as soon as nothing else is to be done. No other time passes in it."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.leapt

    async def shutdown_default_executor(self, _: float | None = None) -> None:
        """Wait for its threads. The time that Python 3.12 and later give them is over as soon as nothing else is."""
        await super().shutdown_default_executor()


def journey(
    rules: Rules | None = None,
) -> Callable[[Callable[Concatenate[World, Cases], Awaitable[None]]], Callable[Cases, None]]:
    """Turn a coroutine that takes an opened world into a test."""

    def told(test: Callable[Concatenate[World, Cases], Awaitable[None]]) -> Callable[Cases, None]:
        @wraps(test)
        def run(*args: Cases.args, **cases: Cases.kwargs) -> None:
            async def to_the_end() -> None:
                await test(await World(rules=rules).open(), *args, **cases)

            with asyncio.Runner(loop_factory=LeapingLoop) as runner:
                runner.run(to_the_end())

        _, *parameters = inspect.signature(test).parameters.values()
        seen: Mapping[str, object] = {"__signature__": inspect.Signature(parameters)}
        vars(run).update(seen)  # pytest passes cases by signature, and the world is none of them
        return run

    return told

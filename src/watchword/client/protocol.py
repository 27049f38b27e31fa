"""The conversation with the service, as steps that somebody else takes.

A call is a generator: it yields what is to be done (``Ask`` or ``Pause``), is sent what came of it (``Reply``,
``Break``, or None after a pause) and returns the result or raises. So retries, fail-closed reading and errors
exist once, and are tested without a network.

Not handled here: what is asked and answered (``client/verification.py``), problem documents
(``client/problems.py``), sockets and TLS (``client/connection.py`` and the two shells).

Rules:

* nothing is asked twice unless it says so and carries an idempotency key;
* whatever is not a readable 2xx raises;
* what goes over the wire is hidden from ``repr``, and an error is never raised inside an ``except``, so that no
  foreign exception with a request, and with it a key or a code, hangs on it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, TypeVar

from watchword.client import problems
from watchword.client.allowance import Allowance
from watchword.errors import UnavailableError

RETRIES = 2
FIRST_WAIT = 0.5  # seconds; doubles with each retry

_OK = range(200, 300)
_UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to send. ``path`` starts with a slash and belongs behind the service's address."""

    method: str
    path: str
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer. ``retry_after`` is that header as it came, ``allowance`` what others say of limits."""

    status: int
    body: bytes = field(repr=False)
    retry_after: str | None = None
    allowance: Allowance | None = None


class Failure(Enum):
    """Why there is no complete answer; the value is the sentence the caller reads."""

    UNREACHED = "The service cannot be reached. Nothing was sent."
    DISTRUSTED = "The service's TLS certificate was not accepted. Nothing was sent."
    UNSECURED = "The service does not speak TLS as this client does. Nothing was sent."
    UNCONNECTED = "No connection to the service came about in time. Nothing was sent."
    LATE = "The service did not answer in time. Whether it acted on the request is not known."
    LOST = "The connection broke before the whole answer was here. Whether the service acted is not known."
    CLOSED = "This client was closed. Nothing was sent."
    ELSEWHERE = "This client was used on another event loop before: make one in each. Nothing is known of this request."


@dataclass(frozen=True, slots=True)
class Break:
    """A request that has no complete answer, and what the network said of it: an address, a reason, no secret."""

    failure: Failure
    because: str = ""


# A handshake that breaks off may have met a proxy that is being replaced.
_WORTH_ANOTHER_TRY = {Failure.UNREACHED, Failure.UNSECURED, Failure.LOST}

_Result = TypeVar("_Result")
Outcome: TypeAlias = Reply | Break | None
Steps: TypeAlias = Generator[Ask | Pause, Outcome, _Result]
Read: TypeAlias = Callable[[Reply], _Result]


def once(ask: Ask, read: Read[_Result]) -> Steps[_Result]:
    """Ask one time, whatever comes of it."""
    return _conclude((yield ask), read)


def persistently(ask: Ask, read: Read[_Result], jitter: Callable[[], float]) -> Steps[_Result]:
    """Ask again, up to twice, where the service was not there. ``ask`` must be safe to repeat.

    ``jitter`` from 0 to 1 spreads each wait over half of itself, so that callers do not return all at once.
    """
    for retry in range(RETRIES):
        outcome = yield ask
        if not _was_not_there(outcome):
            return _conclude(outcome, read)
        yield pause(retry, jitter)
    return _conclude((yield ask), read)


def pause(retry: int, jitter: Callable[[], float]) -> Pause:
    """The wait after a try, the first of which is number 0."""
    wait = FIRST_WAIT * 2**retry
    return Pause(wait / 2 + wait / 2 * jitter())


def _was_not_there(outcome: Outcome) -> bool:
    # A timeout is not tried again: whoever waits has waited long enough, and a slow service needs no more work.
    if isinstance(outcome, Reply):
        return outcome.status == _UNAVAILABLE
    return outcome is not None and outcome.failure in _WORTH_ANOTHER_TRY


def _conclude(outcome: Outcome, read: Read[_Result]) -> _Result:
    if not isinstance(outcome, Reply):
        broken = outcome or Break(Failure.LOST)
        # Apart from the detail, which an app may show to people: where its service is, is none of their business.
        error = UnavailableError(broken.failure.value)
        error.aside = broken.because
        raise error
    if outcome.status not in _OK:
        raise problems.read(outcome.status, outcome.body, outcome.retry_after, outcome.allowance)
    return read(outcome)

"""Limits as an authenticated caller is told of them (draft-ietf-httpapi-ratelimit-headers-11): policy and what is left.

Not handled here: who is told (``gate.py`` for refusals, the endpoints of an app for answers); ``Retry-After``
(``problems.py``), which everybody gets.

Rules: which bucket is the tightest, or empty, is not told; the figures are those that the step which charged the
buckets came to, so that they cost no look at the store; a limit that is off is not told of at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from watchword.core.instant import SECOND
from watchword.core.limit import Allowance, Rate, told
from watchword.errors import RateLimitedError
from watchword.web.exchange import Headers

POLICY = b"ratelimit-policy"
LEFT = b"ratelimit"


def of_answer(allowance: Allowance | None) -> Headers | None:
    """What goes with an answer. ``r`` are those left of the tightest limit, ``t`` the seconds until one more is."""
    if allowance is None:
        return None
    return _written(allowance.name, allowance.rates, allowance.left.more, -(-allowance.left.wait // SECOND))


def of_refusal(error: RateLimitedError) -> Headers:
    """What goes with a refusal: ``r`` is 0, whichever limit it was, and ``t`` is ``Retry-After`` again."""
    name, rates = error.policy
    if not rates:
        return []
    return [(POLICY, _items(name, rates)), (LEFT, f'"{name}";r=0;t={error.retry_after}'.encode())]


@lru_cache(maxsize=4096)  # nearly every answer says what others said
def _written(name: str, rates: tuple[Rate, ...], more: int, seconds: int) -> Headers:
    return (POLICY, _items(*told(name, rates))), (LEFT, f'"{name}";r={more};t={seconds}'.encode())


def _items(name: str, rates: Sequence[tuple[int, int]]) -> bytes:
    items = [f'"{name}{number or ""}";q={count};w={seconds}' for number, (count, seconds) in enumerate(rates)]
    return ", ".join(items).encode()

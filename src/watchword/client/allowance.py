"""``RateLimit`` and ``RateLimit-Policy`` as the service sends them to callers with a key, read back.

Not handled here: ``Retry-After`` (``client/problems.py``); writing them (``web/rate_limit.py``; a test holds the two
together).

Rules: what is not of the form that the service writes is as if it were not there, for no answer fails over a header;
items that a gateway in between added under names of its own are let be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

# RFC 9651, as far as the service writes it: "name";a=1;b=2, and lists of those. Fifteen digits are its longest integer.
_ITEM = re.compile(r'"([a-z0-9]{1,40})"((?:;[a-z]{1,8}=[0-9]{1,15})*)', re.ASCII)
_LONGEST = 1000  # characters


class Rate(NamedTuple):
    """A limit: so many in so many seconds."""

    quota: int
    window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the service said of the limits that a request met.

    ``remaining`` is what the tightest of them takes still, and ``one_more_in`` the seconds until it takes one more
    than that. ``policy`` is ``sends`` or ``guesses``, ``rates`` are those of a recipient; which limit is the tightest
    is not told.
    """

    policy: str
    rates: tuple[Rate, ...]
    remaining: int
    one_more_in: int


def read(left: str | None, policy: str | None) -> Allowance | None:
    """Read the two headers; None where they do not tell of one policy."""
    for name, values in _items(left):
        if "r" in values and "t" in values:
            rates = tuple(
                Rate(rate["q"], rate["w"])
                for found, rate in _items(policy)
                if found.rstrip("0123456789") == name and "q" in rate and "w" in rate
            )
            if rates:
                return Allowance(policy=name, rates=rates, remaining=values["r"], one_more_in=values["t"])
    return None


def _items(header: str | None) -> list[tuple[str, dict[str, int]]]:
    found = []
    for item in (header or "")[:_LONGEST].split(","):
        if (read := _ITEM.fullmatch(item.strip())) is not None:
            pairs = (pair.split("=") for pair in read[2].split(";")[1:])
            found.append((read[1], {key: int(value) for key, value in pairs}))
    return found

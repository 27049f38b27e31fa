"""Checking a code with ``watchword.totp`` and with pyotp, in turns in one process: a wrong code, a window of one step.

Each side holds its key as its own API does: ours decoded once, pyotp's as the base32 text it takes.

    python -m bench.totp < order.json > rates.json
"""

from __future__ import annotations

import sys
import time
from base64 import b32encode
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

import msgspec
import pyotp

from watchword import totp
from watchword.errors import MismatchError

_AT = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)


class Order(msgspec.Struct, frozen=True):
    """How often, and with how many checks a round."""

    rounds: int
    checks: int


class Rates(msgspec.Struct, frozen=True):
    """Checks a second, round by round."""

    ours: list[float]
    pyotp: list[float]

    @property
    def ratio(self) -> float:
        """How many times pyotp's rate ours is, the median over rounds."""
        return median(ours / theirs for ours, theirs in zip(self.ours, self.pyotp, strict=True))


def rate(check: Callable[[], None], checks: int) -> float:
    """Checks a second."""
    began = time.perf_counter()
    for _ in range(checks):
        check()
    return checks / (time.perf_counter() - began)


def measure(order: Order) -> Rates:
    """Take turns."""
    key = totp.AuthenticatorKey(b"12345678901234567890")
    theirs = pyotp.TOTP(b32encode(key.secret).decode())
    near = {totp.code_at(key, datetime.fromtimestamp(_AT.timestamp() + off, UTC)) for off in (-30, 0, 30)}
    typed = next(code for code in ("000000", "111111", "222222", "333333") if code not in near)

    def ours() -> None:
        try:
            totp.verify(key, typed, _AT)
        except MismatchError:
            return
        raise AssertionError(typed)

    def other() -> None:
        assert not theirs.verify(typed, for_time=_AT, valid_window=1)

    pairs = [(rate(ours, order.checks), rate(other, order.checks)) for _ in range(order.rounds)]
    return Rates([pair[0] for pair in pairs], [pair[1] for pair in pairs])


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(measure(asked)))

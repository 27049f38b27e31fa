"""One clock, one pair of dice: what happened can be replayed, and a test can decide what time it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.tree import SOURCE, mentions, modules, short

# The wall clock. Spans measured by time.monotonic or the event loop are no statement about what time it is.
CLOCKS = re.compile(
    r"(?:datetime\.)?(?:datetime\.(?:now|utcnow|today)|date\.today)|"
    r"time\.(?:time|time_ns|localtime|gmtime|ctime|asctime|clock_gettime)"
)
DICE = re.compile(
    r"random(?:\..+)?|os\.(?:urandom|getrandom)|uuid\.uuid[14]|ssl\.RAND_bytes|"
    r"secrets\.(?:choice|randbelow|randbits|token_bytes|token_hex|token_urlsafe|SystemRandom)|"
    r"AESGCM\.generate_key|email\.utils\.(?:make_msgid|localtime|formatdate)"
)
KEEPER = SOURCE / "adapters" / "system.py"
# The SDK and the library live in other programs, without our ports: they draw idempotency keys and seeds themselves.
OWN_DICE = (SOURCE / "client", SOURCE / "totp.py")


def uses(path: Path, forbidden: re.Pattern[str]) -> list[str]:
    """Where a module names what it may not."""
    return [f"line {line}: {name}" for line, name in mentions(path) if forbidden.fullmatch(name)]


@pytest.mark.parametrize("path", [path for path in modules() if path != KEEPER], ids=short)
def test_nobody_but_the_system_adapter_reads_the_clock(path: Path) -> None:
    assert [] == uses(path, CLOCKS)


@pytest.mark.parametrize("path", [path for path in modules() if path != KEEPER], ids=short)
def test_nobody_but_the_system_adapter_throws_dice(path: Path) -> None:
    if not any(path.is_relative_to(folder) for folder in OWN_DICE):
        assert [] == uses(path, DICE)


def test_the_system_adapter_is_where_these_tests_look() -> None:
    assert uses(KEEPER, CLOCKS)
    assert uses(KEEPER, DICE)

"""Our codes are those of others: pyotp and oathtool, over random keys and times."""

from __future__ import annotations

import hashlib
import subprocess
from base64 import b32encode
from datetime import UTC, datetime

import pyotp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.core import totp

secrets = st.binary(min_size=14, max_size=140)
seconds = st.integers(0, 2**38)
kinds = st.tuples(st.sampled_from(totp.ALGORITHMS), st.integers(6, 8), st.integers(5, 120))


@given(secrets, seconds, kinds)
def test_codes_are_those_of_pyotp(secret: bytes, at: int, kind: tuple[str, int, int]) -> None:
    algorithm, digits, period = kind
    digest = getattr(hashlib, algorithm.lower())
    theirs = pyotp.TOTP(b32encode(secret).decode(), digits=digits, digest=digest, interval=period)
    assert theirs.generate_otp(at // period) == totp.totp(
        secret, at * 1000, algorithm=algorithm, digits=digits, period=period
    )


@given(secrets, seconds, kinds)
def test_kept_states_give_the_code_of_one_shot_hmac(secret: bytes, at: int, kind: tuple[str, int, int]) -> None:
    algorithm, digits, _ = kind
    codes = totp.Codes(secret, algorithm, digits)
    assert totp.hotp(secret, at, algorithm=algorithm, digits=digits).encode() == codes.of(at)
    assert codes.of(at) == codes.of(at)


@given(secrets, st.integers(1_000, 2**31), st.integers(-3, 3))
def test_the_window_is_that_of_pyotp(secret: bytes, at: int, off: int) -> None:
    theirs = pyotp.TOTP(b32encode(secret).decode())
    typed = theirs.generate_otp(at // 30 + off)
    agreed = theirs.verify(typed, for_time=datetime.fromtimestamp(at, UTC), valid_window=1)
    assert agreed is (totp.matching_step(secret, typed, at * 1000) is not None)


@pytest.mark.parametrize("algorithm", totp.ALGORITHMS)
@given(secret=secrets, at=st.integers(0, 2**32), digits=st.integers(6, 8), period=st.integers(5, 120))
@settings(max_examples=15, deadline=None)
def test_codes_are_those_of_oathtool(algorithm: str, secret: bytes, at: int, digits: int, period: int) -> None:
    # The key goes in by standard input, as it would where others can list processes.
    command = ["oathtool", f"--totp={algorithm}", f"-d{digits}", f"-s{period}s", f"--now=@{at}", "-"]
    told = subprocess.run(command, input=secret.hex().encode(), capture_output=True, check=True)
    assert told.stdout.decode().strip() == totp.totp(
        secret, at * 1000, algorithm=algorithm, digits=digits, period=period
    )

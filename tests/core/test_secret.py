"""The state rules of secrets, without a store."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.core import secret as rules
from watchword.core.instant import DAY, MINUTE, SECOND, Instant
from watchword.core.limit import FRESH, Rate, spend
from watchword.core.secret import Outcome, Secret, State

NOW: Instant = 1_795_000_000_000
RIGHT, WRONG = b"r" * 16, b"w" * 16


def a_secret(**changes: object) -> Secret:
    """A secret of one view with a passphrase."""
    plain = Secret(b"i" * 16, b"l" * 16, RIGHT, b"m" * 16, b"n" * 16, rules.KDFS[0], 1, 1, NOW, NOW + DAY)
    return msgspec.structs.replace(plain, **changes)


def test_a_repr_tells_no_mark() -> None:
    assert "r" * 16 not in repr(a_secret())
    assert "mmmm" not in repr(a_secret())


def test_a_secret_without_passphrase_evaluates_none() -> None:
    claimed = rules.claim(a_secret(auth=None, kdf=None), b"c", WRONG, NOW)
    assert (Outcome.GRANTED, 0) == (claimed.outcome, claimed.secret.wrong)


def test_a_missing_passphrase_is_no_guess() -> None:
    secret = a_secret()
    claimed = rules.claim(secret, b"c", None, NOW)
    assert Outcome.UNPROVEN is claimed.outcome
    assert secret is claimed.secret


def test_a_right_passphrase_buys_no_further_wrong_ones() -> None:
    secret = a_secret(views=3, views_left=3)
    for _ in range(3):
        secret = rules.claim(secret, b"c", WRONG, NOW).secret
    secret = rules.claim(secret, b"c", RIGHT, NOW).secret
    assert (3, 2) == (secret.wrong, rules.guesses_before_pause(secret))


def test_a_pause_written_by_a_clock_that_leapt_locks_nobody_out() -> None:
    assert Outcome.PAUSED is rules.claim(a_secret(paused_until=NOW + MINUTE), b"c", RIGHT, NOW).outcome
    assert Outcome.GRANTED is rules.claim(a_secret(paused_until=NOW + DAY), b"c", RIGHT, NOW).outcome


def test_what_is_over_evaluates_no_passphrase() -> None:
    for changes, outcome in (
        ({"views_left": 0, "opened_at": NOW}, Outcome.OPENED),
        ({"burnt_at": NOW}, Outcome.BURNT),
        ({"expires_at": NOW}, Outcome.EXPIRED),
    ):
        secret = a_secret(**changes)
        claimed = rules.claim(secret, b"c", WRONG, NOW)
        assert outcome is claimed.outcome
        assert secret is claimed.secret


def test_an_enrolment_is_not_overwritten_by_a_later_reader() -> None:
    secret = a_secret(views=2, views_left=2)
    for mark, outcome in ((b"one", "enrolled"), (b"two", "read")):
        acked = rules.ack(rules.claim(secret, mark, RIGHT, NOW).secret, mark, outcome, NOW)
        assert acked is not None
        secret = acked
    assert ("enrolled", True) == (secret.outcome, secret.erased)


def test_an_upload_that_was_given_up_is_forgotten_without_a_trace() -> None:
    secret = a_secret(sizes=(5,))
    assert State.UPLOADING is secret.state_at(NOW + DAY)
    assert not rules.is_forgotten(secret, NOW + DAY - 1)
    assert rules.is_forgotten(secret, NOW + DAY)
    assert State.WAITING is rules.arrive(secret, 0).state_at(NOW)


def test_a_stranger_is_told_one_of_two_waits() -> None:
    assert [30, 30, 300, 300] == [rules.public_wait(span) for span in (1, 30 * SECOND, 30 * SECOND + 1, DAY)]


steps = st.lists(
    st.tuples(
        st.sampled_from(["claim", "guess", "ack", "burn", "unlock", "settle", "wait"]),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(views=st.integers(1, 3), moves=steps)
def test_no_order_of_events_gives_a_view_to_two_or_erases_what_is_wanted(
    views: int, moves: list[tuple[str, int]]
) -> None:
    secret, now = a_secret(views=views, views_left=views), NOW
    granted = 0
    for move, number in moves:
        mark, before = bytes([number]) * 16, secret
        if move in {"claim", "guess"}:
            claimed = rules.claim(secret, mark, RIGHT if move == "claim" else WRONG, now)
            assert not (claimed.is_granted and before.erased)
            granted += claimed.outcome is Outcome.GRANTED
            secret = claimed.secret
        elif move == "ack":
            secret = rules.ack(secret, mark, "read", now) or secret
        elif move == "wait":
            now += (SECOND, MINUTE, 20 * MINUTE, DAY)[number]
        elif move == "burn":
            secret = rules.burn(secret, now)
        else:
            secret = rules.unlock(secret) if move == "unlock" else rules.settled(secret, now)
        assert granted + secret.views_left == views
        assert secret.wrong <= rules.MOST_GUESSES
        if secret.erased:
            assert secret.state_at(now) is not State.WAITING
            assert not any(lease.lives(now) for lease in secret.leases)
            assert b"" == secret.nonce
    # Time alone erases and forgets everything, and a purge that looks by due_at finds both moments.
    for _ in range(2):
        now = max(now, rules.due_at(secret))
        secret = rules.settled(secret, now)
    assert secret.erased
    assert rules.is_forgotten(secret, max(now, rules.due_at(secret)))


@pytest.mark.parametrize("amount", [1, 7, 100])
def test_a_bucket_of_amounts_takes_no_more_than_its_rate(amount: int) -> None:
    rates, arrivals, taken = (Rate(100, DAY),), FRESH, 0
    while True:
        arrivals, wait = spend(arrivals, rates, (amount,), NOW)
        if wait:
            break
        taken += amount
    assert 100 - amount < taken <= 100
    assert (arrivals, wait) == spend(arrivals, rates, (amount,), NOW)
    assert 0 == spend(arrivals, rates, (amount,), NOW + wait)[1]

"""What work is bound to: one send of one verification of one app, under the keyring's key."""

from __future__ import annotations

import hmac

import msgspec

from tests.support.world import START, a_keyring
from watchword.adapters.work import AltchaWork
from watchword.core import ids, work
from watchword.core.keyring import derive
from watchword.core.work import WorkDone, WorkFound, WorkSet

RING = a_keyring(1, 2)
RAW = ids.verification_id(START, 1, b"r" * ids.VERIFICATION_RANDOM)
APP = b"a" * 16


def given(until: int = START) -> WorkSet:
    return AltchaWork().give(b"key", cost=10, until=until)


def test_the_key_is_of_a_verification_its_app_and_the_number_of_the_send() -> None:
    mine = work.key_of(RING, APP, RAW, 0)
    assert 32 == len(mine)
    others = {
        work.key_of(RING, b"b" * 16, RAW, 0),
        work.key_of(RING, APP, RAW[:-1] + b"!", 0),
        work.key_of(RING, APP, RAW, 1),
        work.key_of(a_keyring(1, 3), APP, ids.verification_id(START, 3, b"r" * ids.VERIFICATION_RANDOM), 0),
    }
    assert 4 == len(others - {mine})


def test_the_key_is_the_one_that_the_specification_has() -> None:
    key = derive(b"\x01" * 32, b"watchword/v1/work")
    assert hmac.digest(key, b"send" + APP + RAW + b"\x00\x02", "sha256") == work.key_of(RING, APP, RAW, 2)


def test_a_key_that_is_no_longer_current_still_signs_what_was_made_under_it() -> None:
    assert work.key_of(a_keyring(1), APP, RAW, 0) == work.key_of(a_keyring(1, 2), APP, RAW, 0)


def test_work_is_late_from_its_end_on_and_where_it_names_none() -> None:
    done = WorkDone(given(until=START), WorkFound(0, ""))
    assert not work.is_late(done, START - 1)
    assert work.is_late(done, START)
    without = msgspec.structs.replace(done.challenge.parameters, data={})
    assert work.is_late(WorkDone(WorkSet(without, ""), done.solution), START)

"""A message becomes a letter when it is handed over; what cannot be one is never tried again."""

from __future__ import annotations

import pytest

from tests.support.relays import recording_relay
from tests.support.sending import Run, mailer
from tests.support.tls import Authority
from watchword.adapters.catalogue import Catalogues
from watchword.adapters.letter import Letters, MailFrom
from watchword.adapters.post import Post
from watchword.core.instant import MINUTE
from watchword.core.message import PasscodeMessage
from watchword.errors import DeliveryError

LETTERS = Letters(MailFrom.parse("codes@acme.example"), Catalogues.load())
MESSAGE = PasscodeMessage(
    key="vf_AZrjPq0BxyZ-_abcdefghij.1",
    locale="en",
    app_name="Acme",
    purpose="login",
    code="483920",
    countersign="lantern",
    created_at=1_795_442_531_250,
    lifetime=10 * MINUTE,
)


def test_a_message_arrives_as_the_letter_it_makes(authority: Authority, run: Run) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay) as smtp:
            assert "T1" == (await Post(LETTERS, smtp).deliver("ann@example.com", MESSAGE)).transport
        (arrived,) = relay.messages
        assert ("codes@acme.example", "ann@example.com") == (arrived.sender, arrived.recipient)
        assert LETTERS.compose("ann@example.com", MESSAGE).source == arrived.content

    run(scenario())


def test_an_address_that_no_letter_can_go_to_is_refused_for_good_before_the_relay_is_asked(
    authority: Authority, run: Run
) -> None:
    async def scenario() -> None:
        async with recording_relay(authority.valid()) as relay, mailer(authority, relay) as smtp:
            with pytest.raises(DeliveryError) as caught:
                await Post(LETTERS, smtp).deliver("a=?x@example.org", MESSAGE)
        assert ("unsendable", True, 0) == (caught.value.reason, caught.value.permanent, relay.opened)
        assert "example" not in caught.value.detail

    run(scenario())

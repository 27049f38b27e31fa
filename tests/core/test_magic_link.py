"""Links and tickets, and what goes into them. Their bytes are held by the vectors."""

from __future__ import annotations

import pytest

from tests.support.world import a_keyring
from watchword.core import ids, magic_link, passcode
from watchword.core.handoff import Kind, write_handoff
from watchword.core.magic_link import LinkWanted
from watchword.core.particulars import Particulars
from watchword.core.verification import CODE, LINK
from watchword.core.words import COUNTERSIGNS, SIGNS
from watchword.errors import InvalidInputError

APP, RAW = b"a" * 16, ids.verification_id(1_795_000_000_000, 1, b"r" * 9)


def test_no_two_purposes_share_a_value() -> None:
    ring = a_keyring()
    token, ticket = magic_link.derive_token(ring, APP, RAW), magic_link.derive_ticket(ring, APP, RAW)
    values = [token, ticket, *(magic_link.link_proof(key) for key in (token, ticket))]
    values += [magic_link.page_proof(key) for key in (token, ticket)]
    values += [ring.root(1).code.digest(APP + RAW)]
    assert len(set(values)) == len(values)


def test_a_ticket_begins_with_what_its_watchword_is_made_of_and_has_240_bits_more() -> None:
    ring = a_keyring()
    ticket = magic_link.derive_ticket(ring, APP, RAW)
    assert passcode.derive_watchword(ring, APP, RAW) == (SIGNS[ticket[0]], COUNTERSIGNS[ticket[1]])
    assert 32 == len(ticket)


def test_another_app_or_id_has_another_token() -> None:
    ring = a_keyring()
    other = ids.verification_id(1_795_000_000_000, 1, b"s" * 9)
    tokens = {magic_link.derive_token(ring, app, raw) for app in (APP, b"b" * 16) for raw in (RAW, other)}
    assert 4 == len(tokens)


@pytest.mark.parametrize(
    ("methods", "linked", "bits"),
    [
        (None, False, CODE),
        (None, True, CODE | LINK),
        (["code"], False, CODE),
        (["code"], True, CODE),
        (["link"], True, LINK),
        (["link", "code"], True, CODE | LINK),
    ],
)
def test_methods_are_what_was_asked_for(methods: list[str] | None, linked: bool, bits: int) -> None:
    assert bits == magic_link.read_methods(methods, linked=linked)
    assert bits == magic_link.read_methods(magic_link.write_methods(bits), linked=True)


def test_nothing_that_is_secret_is_in_a_repr() -> None:
    told = repr(LinkWanted("https://shop.example/in", "state", "challenge", "S256"))
    told += repr(Particulars("https://shop.example/in", "state", "Firefox", "Send"))
    assert "shop" not in told
    assert "state" not in told
    assert "challenge" not in told


def test_a_context_that_is_longer_than_contexts_are_is_refused() -> None:
    assert magic_link.CONTEXT_SIZE == len(magic_link.pad_context(b'{"a":"' + b"x" * 2_031 + b'"}'))
    with pytest.raises(ValueError, match="longer"):
        magic_link.pad_context(b'{"a":"' + b"x" * 2_032 + b'"}')


def test_dice_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="IV"):
        magic_link.seal_context(bytes(32), b"{}", iv=bytes(11))
    with pytest.raises(ValueError, match="nonce"):
        write_handoff(a_keyring(), APP, Kind.VERIFICATION, RAW, expires_at=0, nonce=bytes(11))


@pytest.mark.parametrize("state", ["", "x" * 513, "a\x7f", "\u00e9", "a\n"])
def test_a_state_that_no_address_carries_is_refused(state: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        magic_link.read_wanted(LinkWanted("https://shop.example/in", state, "", "S256"), ["https://shop.example/in"])
    assert "link.state" == caught.value.field

"""Attacks on secret links that no other test proves: docs/explanation/attacks-on-secret-links.md has them all."""

from __future__ import annotations

import gc
import gzip
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from tests.support.secret import WRONG, a_claim, a_secret, text
from tests.support.site import TOKEN, Site
from tests.web.test_headers import every_answer
from watchword.adapters.sqlite import SqliteStore
from watchword.adapters.system import SystemEntropy
from watchword.core import binary, envelope, ids
from watchword.core.envelope import PBKDF2, Envelope
from watchword.core.instant import DAY
from watchword.core.limit import Rate
from watchword.errors import InvalidInputError, TamperedError

S = "/v1/secrets"
STRANGE_IDS = 2_000
KEY = bytes(range(32))
NONCE = b"n" * 16
INK = {"type": "text", "text": "SECRET-INK"}


@pytest.fixture
def site() -> Iterator[Site]:
    """A service as in production."""
    with Site() as made:
        yield made


def shared(site: Site, **more: Any) -> str:
    """The id of a secret that exists."""
    reply = site.call("POST", S, a_secret(**more))
    assert 201 == reply.status, reply.text
    return str(reply.json["id"])


@pytest.mark.parametrize("target", ["/", "/s/sc_" + "A" * 22, "/s/sc_" + "A" * 22 + "/status"])
def test_no_cookie_header_or_query_chooses_a_page(site: Site, target: str) -> None:
    plain = site.call("GET", target)
    hostile = b"../../../../etc/passwd%00"
    names = (b"cookie", b"accept-language", b"x-template", b"x-original-url", b"x-rewrite-url")

    for name in names:
        value = b"template=" + hostile + b"; lang=" + hostile if name == b"cookie" else hostile
        reply = site.call("GET", target, headers=[(name, value)])
        assert (200, plain.body) == (reply.status, reply.body), name
    for query in ("?template=../../../etc/passwd", "?lang=../locales/en", "?page=http://evil.example/"):
        assert plain.body == site.call("GET", target + query).body


def test_a_forged_forwarding_header_makes_no_new_source_of_secrets(site: Site) -> None:
    flow = site.world.secrets
    flow.rules = flow.rules._replace(creates=Rate(3, DAY))
    forged = [
        [(name, f"203.0.113.{number}".encode())]
        for number in range(4)
        for name in (b"x-forwarded-for", b"x-real-ip", b"forwarded", b"client-ip")
    ]

    answers = [site.call("POST", S, a_secret(), headers=headers).status for headers in forged]

    assert [201] * 3 + [429] * (len(forged) - 3) == answers


def rows(path: Path) -> list[str]:
    """Everything that a database holds."""
    with closing(apsw.Connection(str(path))) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [f"{table}: {row}" for table in tables for row in database.execute(f"SELECT * FROM {table}")]  # noqa: S608


def test_ids_that_nobody_was_given_leave_nothing_behind(tmp_path: Path) -> None:
    store, dice = SqliteStore(tmp_path / "watchword.db"), Random(3)
    with Site(store=store) as site:

        def ask(times: int) -> None:
            for number in range(times):
                place = f"{S}/{ids.to_text(ids.SECRET, dice.randbytes(16))}"
                link = text(dice.randbytes(32))
                bearer = [(b"authorization", b"Bearer " + link.encode())]
                assert 404 == site.call("POST", f"{place}/open", {"link": link}).status
                assert 404 == site.call("POST", f"{place}/claim", a_claim(number, link=WRONG, auth=WRONG)).status
                assert 401 == site.call("POST", f"{place}/unlock", headers=bearer).status
                assert 404 == site.call("GET", f"{place}/blobs/0", headers=[(b"watchword-claim", b"A" * 22)]).status

        ask(10)  # what is made once and kept is no growth
        site.world.journal.events.clear()
        gc.collect()
        before, held = rows(tmp_path / "watchword.db"), len(gc.get_objects())
        ask(STRANGE_IDS)
        site.world.journal.events.clear()
        gc.collect()
        assert before == rows(tmp_path / "watchword.db")
        assert len(gc.get_objects()) - held < STRANGE_IDS // 10
        site.run(store.aclose())


def test_an_id_that_is_a_path_or_another_kind_of_key_is_unknown(site: Site) -> None:
    there = shared(site)
    nowhere = site.call("POST", f"{S}/{ids.to_text(ids.SECRET, bytes(16))}/claim", a_claim())
    strange = (
        *("..%2f..%2fwatchword.db", "%2e%2e", "sc_%00", "sc_" + "A" * 22 + "%0a", "sc_" + "A" * 21, there + "A"),
        *(there.replace("sc_", "vf_"), there.replace("sc_", "SC_"), there[3:], f"secret:{there}", "*", "sc_*"),
    )

    for name in strange:
        reply = site.call("POST", f"{S}/{name}/claim", a_claim())
        assert 404 == reply.status, name
        assert nowhere.json["type"] == reply.json["type"], name
    assert 200 == site.call("POST", f"{S}/{there}/claim", a_claim()).status


def test_an_id_has_128_bits_of_the_dice_and_its_case_counts(site: Site) -> None:
    dice = site.world.dice
    drawn: list[bytes] = []
    draw = dice.draw

    def noted(size: int) -> bytes:
        drawn.append(draw(size))
        return drawn[-1]

    dice.draw = noted  # type: ignore[method-assign]  # the same dice, listened to
    made = [shared(site) for _ in range(50)]

    assert all(any(ids.from_text(ids.SECRET, name) in throw for throw in drawn) for name in made)
    assert {16} == {len(ids.from_text(ids.SECRET, name)) for name in made}
    swapped = "sc_" + made[0][3:].swapcase()
    assert 404 == site.call("POST", f"{S}/{swapped}/claim", a_claim()).status
    assert 200 == site.call("POST", f"{S}/{made[0]}/claim", a_claim()).status


def test_the_dice_of_the_service_are_the_systems() -> None:
    throws = [SystemEntropy().draw(16) for _ in range(1_000)]

    assert 1_000 == len(set(throws))
    ones = sum(int.from_bytes(throw).bit_count() for throw in throws)
    assert abs(ones - 64_000) < 1_500  # more than eight standard deviations


@pytest.mark.parametrize("given", [None, "another passphrase", "copper  lantern"])
def test_link_and_ciphertext_do_not_open_without_the_passphrase(given: str | None) -> None:
    sealed = envelope.seal(INK, KEY, nonce=NONCE, iv=b"i" * 12, passphrase="copper lantern")
    kdfs = [None] if given is None else [PBKDF2]

    for kdf in kdfs:  # also for an operator who takes the mark of the passphrase away
        with pytest.raises(TamperedError):
            envelope.open_envelope(Envelope(NONCE, sealed.envelope.jwe, kdf), KEY, given)
    assert INK == envelope.open_envelope(sealed.envelope, KEY, "copper lantern")


def test_nothing_is_unpacked_before_it_is_read(site: Site) -> None:
    sealed = envelope.seal(INK, KEY, nonce=NONCE, iv=b"i" * 12).envelope
    zipped = binary.encode(b'{"alg":"dir","enc":"A256GCM","zip":"DEF"}')
    _, rest = sealed.jwe.split(".", 1)
    with pytest.raises((InvalidInputError, TamperedError)):
        envelope.open_envelope(Envelope(NONCE, f"{zipped}.{rest}"), KEY)

    bomb = gzip.compress(json.dumps(a_secret()).encode() + b" " * 50_000_000)
    packed = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
    assert 400 <= site.call("POST", S, bomb, headers=packed).status < 500


def test_no_answer_is_packed_but_files_that_are_the_same_for_everybody(site: Site) -> None:
    # A packed answer that repeats what was asked tells by its length what else is in it.
    for target, packed in (("/", ""), ("/s/x", ""), ("/openapi.json", ""), ("/static/reveal.js", "gzip")):
        reply = site.call("GET", target, headers=[(b"accept-encoding", b"gzip, br, zstd, deflate")])
        assert (200, packed) == (reply.status, reply.header("content-encoding"))


@pytest.mark.parametrize("span", [0, -1, 59, 1.5, 10**12, "86400", True])
def test_no_secret_is_made_for_ever(site: Site, span: object) -> None:
    reply = site.call("POST", S, a_secret(expires_in=span))

    assert (422, "expires_in") == (reply.status, reply.json["errors"][0]["field"])


@pytest.mark.parametrize("unsaid", [{}, {"expires_in": None}])
def test_a_secret_of_many_views_expires_as_any_other(site: Site, unsaid: dict[str, Any]) -> None:
    name = shared(site, views=100, **unsaid)
    site.world.clock.move(DAY)

    claimed = site.call("POST", f"{S}/{name}/claim", a_claim())

    assert (410, "expired") == (claimed.status, claimed.json["code"])


def test_no_answer_sets_a_cookie() -> None:
    with Site() as production:
        replies = every_answer(production)
    with Site(mailbox_token=TOKEN) as development:
        pages = [development.call("GET", target) for target in ("/", "/s/x", "/docs")]

    assert len(replies) > 40
    assert not [name for name, reply in replies.items() if reply.header("set-cookie")]
    assert not [reply for reply in pages if reply.header("set-cookie")]


def test_no_address_lists_secrets(site: Site) -> None:
    name = shared(site)

    for target in (S, f"{S}/", f"{S}?limit=1", "/s", "/s/", "/v1", "/v1/"):
        for headers in ([], [site.keyed]):
            reply = site.call("GET", target, headers=headers)
            assert name.encode() not in reply.body
            assert 404 <= reply.status <= 405


def test_what_opens_and_ends_a_secret_is_kept_as_a_hash(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "watchword.db")
    with Site(store=store) as site:
        made = site.call("POST", S, a_secret(passphrase=True)).json
        granted = site.call("POST", f"{S}/{made['id']}/claim", a_claim(5, auth=b"A" * 32))
        assert 200 == granted.status
        site.run(store.aclose())
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    proofs = [binary.decode(made["manage_token"]), b"L" * 32, b"A" * 32, (5).to_bytes(16, "big")]
    assert not [proof for proof in proofs if proof in kept or text(proof).encode() in kept]

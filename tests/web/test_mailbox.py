"""The development mailbox: for the person at this computer, with the printed token, and for nobody else."""

from __future__ import annotations

import re

import pytest

from tests.support.asgi import HOST
from tests.support.site import TOKEN, PlainMailbox, Site
from watchword.flows.mailbox import Mailbox
from watchword.web.asgi import AsgiCaller, Message
from watchword.web.exchange import Answer, Request
from watchword.web.mailbox import MailboxPages, Wait
from watchword.web.pages import Pages
from watchword.web.services import WebConfig

TOKENED = (b"authorization", b"Bearer " + TOKEN.encode())
READS = ["/mailbox/mails", "/mailbox/latest.txt", "/mailbox/mails/{key}", "/mailbox/mails/{key}/html"]


def the_key(desk: Site) -> str:
    """The key of the newest mail."""
    return str(desk.call("GET", "/mailbox/mails", headers=[TOKENED]).json[0]["key"])


def a_cookie(desk: Site) -> bytes:
    """The cookie that the token buys."""
    reply = desk.call("POST", "/mailbox/session", {"token": TOKEN})
    assert 200 == reply.status
    return reply.header("set-cookie").partition(";")[0].encode()


def test_the_list_shows_the_newest_first(desk: Site) -> None:
    desk.sent(to="ann@example.com")
    desk.world.clock.move(1_000)
    desk.sent(to="bob@example.com")

    mails = desk.call("GET", "/mailbox/mails", headers=[TOKENED]).json

    assert ["bob@example.com", "ann@example.com"] == [mail["to"] for mail in mails]
    assert {"key", "to", "at", "subject"} == set(mails[0])


def test_a_mail_is_read_as_text_as_source_and_as_design(desk: Site) -> None:
    _, code = desk.sent()
    key = the_key(desk)

    mail = desk.call("GET", f"/mailbox/mails/{key}", headers=[TOKENED]).json
    html = desk.call("GET", f"/mailbox/mails/{key}/html", headers=[TOKENED])

    assert code in mail["text"]
    assert mail["source"].startswith("To: ann@example.com\r\n")
    assert f"<p>Your code: {code}</p>" == html.text
    assert "text/html; charset=utf-8" == html.header("content-type")


def test_the_newest_text_is_what_a_command_line_reads(desk: Site) -> None:
    desk.sent(to="ann@example.com")
    desk.world.clock.move(1_000)
    _, code = desk.sent(to="bob@example.com")

    reply = desk.call("GET", "/mailbox/latest.txt", headers=[TOKENED])

    assert (200, "text/plain; charset=utf-8") == (reply.status, reply.header("content-type"))
    assert code in reply.text


@pytest.mark.parametrize("earlier", [[], ["bob@example.com"]])
def test_the_newest_text_is_waited_for_and_no_earlier_one_stands_in_for_it(desk: Site, earlier: list[str]) -> None:
    waited: list[float] = []
    for to in earlier:
        desk.sent(to=to)
    desk.create()

    async def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            await desk.world.courier.drain()

    reply = latest(desk, wait)

    assert desk.world.outbox.last_code in reply.body.decode()
    assert [0.05] * 3 == waited


def test_the_newest_text_is_not_waited_for_without_end(desk: Site) -> None:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    with pytest.raises(Exception, match="no mail yet"):
        latest(desk, wait)
    assert 5.0 == pytest.approx(sum(waited))


def latest(desk: Site, wait: Wait) -> Answer:
    """Ask for the newest text with a wait of the test's own."""
    config = WebConfig("http://127.0.0.1:8000", mailbox_token=TOKEN)
    view = PlainMailbox(Mailbox(desk.world.store, desk.world.keys))
    pages = MailboxPages(view, config, Pages(config), wait)
    caller = AsgiCaller(nothing_more, nobody_there)
    request = Request("GET", "/mailbox/latest.txt", b"", "1.1", [HOST, TOKENED], "127.0.0.1", caller)
    return desk.run(pages.latest(request))


async def nothing_more() -> Message:
    raise AssertionError("The endpoint reads no body.")


async def nobody_there(_: Message) -> None:
    raise AssertionError("The endpoint does not send its answer itself.")


@pytest.mark.parametrize("target", READS)
def test_nothing_is_read_without_token_or_cookie(desk: Site, target: str) -> None:
    desk.sent()
    target = target.replace("{key}", the_key(desk))

    for headers in (
        [],
        [(b"authorization", b"Bearer wrong")],
        [(b"authorization", b"Bearer " + TOKEN[:-1].encode())],
        [(b"authorization", b"Basic " + TOKEN.encode())],
        [desk.keyed],
        [(b"cookie", b"watchword_mailbox_8000=" + TOKEN.encode())],
        [(b"cookie", b"watchword_mailbox_8000=")],
        [(b"cookie", b"\xff; =; ;;")],
        [(b"cookie", a_cookie(desk) + b"0")],
    ):
        reply = desk.call("GET", target, headers=headers)
        assert (401, "unauthenticated") == (reply.status, reply.json["code"]), headers


@pytest.mark.parametrize("target", READS)
def test_token_and_cookie_open_the_same(desk: Site, target: str) -> None:
    desk.sent()
    target = target.replace("{key}", the_key(desk))

    for headers in ([TOKENED], [(b"cookie", b"other=1; " + a_cookie(desk))]):
        assert 200 == desk.call("GET", target, headers=headers).status


def test_the_token_in_an_address_opens_nothing(desk: Site) -> None:
    assert 400 == desk.call("GET", f"/mailbox/mails?token={TOKEN}").status


def test_a_wrong_token_buys_no_cookie(desk: Site) -> None:
    for token in ("", "wrong", TOKEN + "x", "é"):
        reply = desk.call("POST", "/mailbox/session", {"token": token})
        assert (401, "") == (reply.status, reply.header("set-cookie"))


def test_the_cookie_is_for_this_page_alone_and_not_worth_the_token(desk: Site) -> None:
    cookie = desk.call("POST", "/mailbox/session", {"token": TOKEN}).header("set-cookie")

    assert re.fullmatch(
        r"watchword_mailbox_8000=[0-9a-f]{64}; Path=/mailbox; Max-Age=86400; HttpOnly; SameSite=Strict", cookie
    )
    assert TOKEN not in cookie


@pytest.mark.parametrize(
    "header", [b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"forwarded", b"via", b"x-real-ip"]
)
@pytest.mark.parametrize("target", ["/mailbox", *READS])
def test_behind_a_proxy_there_is_no_mailbox(desk: Site, target: str, header: bytes) -> None:
    desk.sent()
    target = target.replace("{key}", the_key(desk))

    reply = desk.call("GET", target, headers=[TOKENED, (header, b"127.0.0.1")])

    assert (404, "no_such_address") == (reply.status, reply.json["code"])


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.1", "::ffff:192.0.2.7", "fe80::1%eth0", "", "unix:"])
@pytest.mark.parametrize("target", ["/mailbox", *READS])
def test_for_another_machine_there_is_no_mailbox(desk: Site, target: str, peer: str) -> None:
    desk.sent()
    target = target.replace("{key}", the_key(desk))
    desk.wire.peer = peer

    reply = desk.call("GET", target, headers=[TOKENED])

    assert (404, "no_such_address") == (reply.status, reply.json["code"])


def test_another_machine_trades_no_token(desk: Site) -> None:
    desk.wire.peer = "192.0.2.7"

    assert 404 == desk.call("POST", "/mailbox/session", {"token": TOKEN}).status


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_has_many_names(desk: Site, peer: str) -> None:
    desk.wire.peer = peer

    assert 200 == desk.call("GET", "/mailbox/mails", headers=[TOKENED]).status


def test_behind_a_proxy_no_token_is_traded(desk: Site) -> None:
    reply = desk.call("POST", "/mailbox/session", {"token": TOKEN}, headers=[(b"via", b"1.1 proxy")])

    assert 404 == reply.status


@pytest.mark.parametrize("target", ["/mailbox", *READS])
def test_by_another_name_there_is_no_mailbox(desk: Site, target: str) -> None:
    assert 421 == desk.call("GET", target, only=[(b"host", b"evil.example:8000"), TOKENED]).status


@pytest.mark.parametrize("target", ["/mailbox", "/mailbox/session", *READS])
def test_in_production_there_is_no_mailbox(site: Site, target: str) -> None:
    assert 404 == site.call("POST" if target.endswith("session") else "GET", target, headers=[TOKENED]).status


def test_a_mailbox_without_a_token_cannot_be_made(desk: Site) -> None:
    config = WebConfig("http://127.0.0.1:8000")
    view = PlainMailbox(Mailbox(desk.world.store, desk.world.keys))

    with pytest.raises(ValueError, match="open to everybody"):
        MailboxPages(view, config, Pages(config))


def test_a_mail_that_is_gone_is_unknown(desk: Site) -> None:
    assert 404 == desk.call("GET", "/mailbox/mails/vf_x.1", headers=[TOKENED]).status


def test_the_log_names_no_mail(desk: Site) -> None:
    desk.sent()
    key = the_key(desk)
    desk.call("GET", f"/mailbox/mails/{key}/html", headers=[TOKENED])

    assert "/mailbox/mails/{key}/html" == desk.log()[-1]["route"]
    assert key not in str(desk.log())
    assert TOKEN not in str(desk.world.journal.events)

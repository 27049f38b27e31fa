"""Texts and those who deliver them: what is said, to whom, and what follows when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.sms import ANN
from tests.support.tls import Authority, self_signed
from tests.support.twilio import SID, TOKEN, fake_twilio, sign
from tests.support.world import START, FrozenClock, a_keyring
from watchword.adapters.catalogue import LOCALES, Catalogues
from watchword.adapters.http_door import DoorAddress, client_tls
from watchword.adapters.sms import LEFT_ALONE, TextMailer
from watchword.adapters.sms_signals import HttpSignals
from watchword.adapters.sms_text import Texts
from watchword.adapters.sms_twilio import Twilio
from watchword.core.delivery import Report
from watchword.core.instant import HOUR, MINUTE, Span, rfc3339
from watchword.core.message import MAX_APP_NAME, PasscodeMessage, Receipt
from watchword.core.policy import PURPOSES
from watchword.core.report import of_provider, write_reference
from watchword.core.text import bind, fits
from watchword.errors import DeliveryError, SettingsError

MESSAGE = PasscodeMessage(
    key="vf_x.1",
    locale="en",
    app_name="Acme",
    purpose="login",
    code="012345",
    countersign="lantern",
    created_at=START,
    lifetime=5 * MINUTE,
    channel="sms",
    reference=write_reference(a_keyring(), bytes(16), bytes(16), 1),
)
TEXTS = Texts(Catalogues.load(), "codes.acme.example", {"Shop": "shop.example"})
PUBLIC = "https://codes.acme.example"


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_a_text_says_what_the_code_is_for_and_binds_it_to_its_origin() -> None:
    assert (
        "Sign-in code for Acme: 012345\nThe page shows: ... lantern\nNever tell it to anybody.\n"
        "@codes.acme.example #012345"
    ) == TEXTS.compose(MESSAGE)


def test_an_app_may_have_a_host_of_its_own() -> None:
    assert "@shop.example #012345" == TEXTS.compose(replace(MESSAGE, app_name="Shop")).splitlines()[-1]


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("locale", sorted(path.stem for path in LOCALES.glob("*.toml")))
def test_every_text_of_every_language_is_one_segment_without_a_link(locale: str, purpose: str) -> None:
    for name in ("A", "x" * MAX_APP_NAME):
        text = TEXTS.compose(replace(MESSAGE, locale=locale, purpose=purpose, app_name=name, code="0123456789"))
        assert fits(text)
        assert "://" not in text
        assert bind("codes.acme.example", "0123456789") == text.splitlines()[-1]
        assert 2 == text.count("0123456789")


@pytest.mark.parametrize("name", ["Жук", "a\u202eb", "https://evil.example"])
def test_a_name_that_a_text_cannot_carry_gives_way_to_the_host(name: str) -> None:
    assert (
        "Sign-in code for codes.acme.example: 012345" == TEXTS.compose(replace(MESSAGE, app_name=name)).split("\n")[0]
    )


def test_what_does_not_fit_is_never_sent_as_two() -> None:
    long = Texts(Catalogues.load(), ".".join(["x" * 40] * 4), {})
    with pytest.raises(DeliveryError) as refused:
        long.compose(MESSAGE)
    assert refused.value.permanent


class Scripted:
    """A provider that fails as told, then takes everything."""

    def __init__(self, name: str, *errors: DeliveryError) -> None:
        self.name = name
        self.errors = list(errors)
        self.texts: list[str] = []
        self.asked = 0

    async def send(self, number: str, text: str, *, reference: str, lifetime: Span) -> Receipt:
        assert (number, reference) == (ANN, of_provider(MESSAGE.reference, self.name))
        assert lifetime >= MINUTE
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        self.texts.append(text)
        return Receipt("T1", self.name)

    async def aclose(self) -> None:
        return None


def away(times: int) -> Sequence[DeliveryError]:
    return [DeliveryError(reason="unreachable") for _ in range(times)]


def test_a_provider_that_is_away_is_asked_twice_then_the_next_gets_the_same_text() -> None:
    async def test() -> None:
        first, second = Scripted("first", *away(9)), Scripted("second")
        receipt = await TextMailer(TEXTS, [first, second]).deliver(ANN, MESSAGE)
        assert "second" == receipt.relay
        assert (2, [TEXTS.compose(MESSAGE)]) == (first.asked, second.texts)

    run(test())


def test_who_failed_a_moment_ago_is_asked_last_and_later_first_again() -> None:
    async def test() -> None:
        now = 0.0
        first, second = Scripted("first", *away(2)), Scripted("second")
        mailer = TextMailer(TEXTS, [first, second], now=lambda: now)
        assert "second" == (await mailer.deliver(ANN, MESSAGE)).relay
        assert "second" == (await mailer.deliver(ANN, MESSAGE)).relay
        now += LEFT_ALONE
        assert "first" == (await mailer.deliver(ANN, MESSAGE)).relay

    run(test())


@pytest.mark.parametrize("how", ["permanent", "uncertain"])
def test_what_is_refused_or_perhaps_on_its_way_goes_to_nobody_else(how: str) -> None:
    async def test() -> None:
        first, second = Scripted("first", DeliveryError(reason="x", **{how: True})), Scripted("second")  # type: ignore[arg-type]
        with pytest.raises(DeliveryError):
            await TextMailer(TEXTS, [first, second]).deliver(ANN, MESSAGE)
        assert (1, 0) == (first.asked, second.asked)

    run(test())


def test_where_everybody_is_away_the_courier_is_told_so() -> None:
    async def test() -> None:
        with pytest.raises(DeliveryError) as failed:
            await TextMailer(TEXTS, [Scripted("a", *away(9)), Scripted("b", *away(9))]).deliver(ANN, MESSAGE)
        assert "unreachable" == failed.value.reason
        assert not failed.value.permanent

    run(test())


def twilio(url: str, authority: Authority, sender: str = "+4915100000000") -> Twilio:
    where = DoorAddress.parse(url, "WATCHWORD_SMS_TWILIO")
    return Twilio(where, client_tls(authority.ca_file), sender=sender, public_url=PUBLIC)


@pytest.mark.parametrize(("sender", "parameter"), [("Acme", "From"), ("MG" + "0" * 32, "MessagingServiceSid")])
def test_twilio_gets_what_its_reference_asks_for(tmp_path: Path, sender: str, parameter: str) -> None:
    async def test() -> None:
        authority = Authority(tmp_path)
        async with fake_twilio(authority.valid()) as fake:
            provider = twilio(fake.url, authority, sender)
            receipt = await provider.send(ANN, "Hi äß€", reference="r", lifetime=5 * MINUTE)
            await provider.aclose()
        assert [] == fake.faults
        assert [
            {
                "To": ANN,
                parameter: sender,
                "Body": "Hi äß€",
                "ValidityPeriod": "300",
                "StatusCallback": f"{PUBLIC}/v1/reports/twilio/r",
            }
        ] == fake.messages
        assert ("T1", "localhost") == (receipt.transport, receipt.relay)
        assert receipt.tls is not None
        assert receipt.tls.version in {"TLSv1.2", "TLSv1.3"}

    run(test())


@pytest.mark.parametrize(
    ("status", "reason", "permanent"),
    [
        (400, "refused", True),
        (401, "auth_refused", False),
        (403, "auth_refused", False),
        (429, "provider_deferred", False),
        (500, "provider_failed", False),
        (503, "provider_failed", False),
        (302, "provider_failed", False),
    ],
)
def test_each_answer_of_a_provider_has_its_reason(tmp_path: Path, status: int, reason: str, permanent: bool) -> None:
    async def test() -> None:
        authority = Authority(tmp_path)
        async with fake_twilio(authority.valid(), status) as fake:
            provider = twilio(fake.url, authority)
            with pytest.raises(DeliveryError) as failed:
                await provider.send(ANN, "Hi", reference="r", lifetime=MINUTE)
            await provider.aclose()
        assert (reason, permanent, False) == (failed.value.reason, failed.value.permanent, failed.value.uncertain)
        assert ANN not in failed.value.detail

    run(test())


@pytest.mark.parametrize(
    ("served", "reason"),
    [("expired", "tls_certificate"), ("wrong_name", "tls_certificate"), ("tls_1_1_only", "tls_handshake")],
)
def test_a_provider_that_does_not_prove_who_it_is_is_told_nothing(tmp_path: Path, served: str, reason: str) -> None:
    async def test() -> None:
        authority = Authority(tmp_path)
        async with fake_twilio(getattr(authority, served)()) as fake:
            provider = twilio(fake.url, authority)
            with pytest.raises(DeliveryError) as failed:
                await provider.send(ANN, "Hi", reference="r", lifetime=MINUTE)
            await provider.aclose()
        assert (reason, 0) == (failed.value.reason, fake.asked)

    run(test())


def test_a_self_signed_provider_and_one_that_is_not_there_are_told_nothing(tmp_path: Path) -> None:
    async def test() -> None:
        authority = Authority(tmp_path)
        async with fake_twilio(self_signed()) as fake:
            provider = twilio(fake.url, authority)
            with pytest.raises(DeliveryError) as failed:
                await provider.send(ANN, "Hi", reference="r", lifetime=MINUTE)
            assert "tls_certificate" == failed.value.reason
        with pytest.raises(DeliveryError) as failed:
            await provider.send(ANN, "Hi", reference="r", lifetime=MINUTE)
        assert ("unreachable", False) == (failed.value.reason, failed.value.uncertain)
        await provider.aclose()

    run(test())


def test_a_provider_that_hangs_up_without_an_answer_may_have_taken_it(tmp_path: Path) -> None:
    async def test() -> None:
        authority = Authority(tmp_path)
        async with fake_twilio(authority.valid(), hang=True) as fake:
            provider = twilio(fake.url, authority)
            with pytest.raises(DeliveryError) as failed:
                await provider.send(ANN, "Hi", reference="r", lifetime=MINUTE)
            await provider.aclose()
        assert ("connection_lost", True) == (failed.value.reason, failed.value.uncertain)

    run(test())


def callback(**more: str) -> dict[str, str]:
    return {"MessageSid": "SM0", "MessageStatus": "delivered", "To": ANN, "ErrorCode": ""} | more


@pytest.mark.parametrize(
    ("status", "report"),
    [
        *(("delivered", Report.DELIVERED), ("undelivered", Report.UNDELIVERED), ("failed", Report.UNDELIVERED)),
        *(("queued", None), ("sent", None), ("", None), ("nonsense", None)),
    ],
)
def test_a_signed_callback_of_twilio_counts(tmp_path: Path, status: str, report: Report | None) -> None:
    provider = twilio(f"https://{SID}:{TOKEN}@api.twilio.com", Authority(tmp_path))
    given = callback(MessageStatus=status)
    assert report == provider.read("r", list(given.items()), sign(f"{PUBLIC}/v1/reports/twilio/r", given))


def test_a_callback_under_no_or_another_signature_says_nothing(tmp_path: Path) -> None:
    provider = twilio(f"https://{SID}:{TOKEN}@api.twilio.com", Authority(tmp_path))
    given, url = callback(), f"{PUBLIC}/v1/reports/twilio/r"
    good = sign(url, given)
    for parameters, reference, signature in (
        (given, "r", ""),
        (given, "r", good[:-2] + "A="),
        (given, "r", sign(url, given, "another token")),
        (given, "other", good),
        (callback(MessageStatus="failed"), "r", good),
        (callback(Extra="1"), "r", good),
        (given, "r", "é"),
    ):
        assert provider.read(reference, list(parameters.items()), signature) is None


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "http://u:p@gateway.example/x",
            "ftp://gateway.example",
            "https://",
            "https://u:secret@h/?q=1",
            "https://h/#f",
        ),
        *("https://u:secret@[::1", "https://u:secret@h:99999", "https://exämple.org/"),
    ],
)
def test_an_address_of_a_provider_is_https_and_is_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        DoorAddress.parse(url, "WATCHWORD_SMS_GATEWAY")
    assert "secret" not in refused.value.detail
    assert "WATCHWORD_SMS_GATEWAY" == refused.value.setting


@pytest.mark.parametrize("url", ["http://u:p@127.0.0.1:13013/cgi-bin/sendsms", "http://localhost/x", "http://[::1]:1/"])
def test_plain_http_reaches_this_machine(url: str) -> None:
    assert not DoorAddress.parse(url, "WATCHWORD_SMS_GATEWAY").is_encrypted


@pytest.mark.parametrize("url", ["https://api.twilio.com", "https://SK0:t@api.twilio.com", "http://AC0:t@127.0.0.1"])
def test_twilio_needs_an_account_its_token_and_tls(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError):
        twilio(url, Authority(tmp_path))


@pytest.mark.parametrize(
    ("answer", "changed"),
    [
        (b'{"changed_at": null}', False),
        (b"{}", False),
        (b'{"changed_at": "%s"}' % rfc3339(START - 71 * HOUR).encode(), True),
        (b'{"changed_at": "%s"}' % rfc3339(START - 73 * HOUR).encode(), False),
        (b'{"changed_at": "2026-11-01T00:00:00"}', None),
        (b'{"changed_at": 7}', None),
        (b"no", None),
    ],
)
def test_a_sim_that_was_changed_within_three_days_was_changed_lately(answer: bytes, changed: bool | None) -> None:
    async def test() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"+49" not in head
            assert await reader.readexactly(27) == b'{"number":"%s"}' % ANN.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        where = DoorAddress.parse(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", "WATCHWORD_SMS_SIGNALS")
        signals = HttpSignals(where, client_tls(None), FrozenClock())
        if changed is None:
            with pytest.raises(DeliveryError):
                await signals.changed_lately(ANN)
        else:
            assert changed == await signals.changed_lately(ANN)
        await signals.aclose()
        server.close()
        await server.wait_closed()

    run(test())

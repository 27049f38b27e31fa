"""Authenticators through the SDK: both shells against the real app, and a service that answers falsely."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
import pytest

from tests.client.running import RunningApp
from tests.support.link import REDIRECT, Holder
from watchword.client import (
    AsyncAuthenticatorClient,
    AuthenticatorClient,
    BrowserSession,
    Client,
    Enrolment,
    SecretClient,
)
from watchword.core.instant import MINUTE, rfc3339
from watchword.core.totp import totp
from watchword.errors import (
    AlreadyUsedError,
    ConflictError,
    EndedError,
    InvalidInputError,
    MismatchError,
    RateLimitedError,
    UnavailableError,
    UnknownError,
    UnknownSubjectError,
)
from watchword.totp import read_key

ID = "au_AaHuVl4AEBESExQVFhcYGQ"
OTHER = "au_AaHuVl4AEBESExQVFhcYGg"
VERBS = [name for name in vars(AuthenticatorClient) if not name.startswith("_")]
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "add-authenticator-apps.md"


class Blocking:
    """``AuthenticatorClient``."""

    def __init__(self, address: str, key: str, **more: Any) -> None:
        transport = httpx.MockTransport(more.pop("answer")) if "answer" in more else None
        self._client = AuthenticatorClient(address, key, sleep=lambda _: None, unsafe_transport=transport)

    def call(self, verb: str, *given: Any, **named: Any) -> Any:
        return getattr(self._client, verb)(*given, **named)

    def close(self) -> None:
        self._client.close()


class Awaiting:
    """``AsyncAuthenticatorClient``, on a loop of its own."""

    def __init__(self, address: str, key: str, **more: Any) -> None:
        transport = httpx.MockTransport(more.pop("answer")) if "answer" in more else None
        self._loop = asyncio.new_event_loop()
        self._client = AsyncAuthenticatorClient(address, key, sleep=self._sleep, unsafe_transport=transport)

    async def _sleep(self, _: float) -> None:
        return None

    def call(self, verb: str, *given: Any, **named: Any) -> Any:
        return self._loop.run_until_complete(getattr(self._client, verb)(*given, **named))

    def close(self) -> None:
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()


Shell = type[Blocking] | type[Awaiting]
both = pytest.mark.parametrize("shell", [Blocking, Awaiting])


@pytest.fixture(scope="module")
def app() -> Iterator[RunningApp]:
    with RunningApp(redirect_uris=[REDIRECT]) as running:
        yield running


def code(app: RunningApp, enrolled: Enrolment) -> str:
    return totp(read_key(enrolled.otpauth_uri).secret, app.world.clock.now())


def at_the_page(app: RunningApp, made: Enrolment) -> dict[str, str]:
    """Confirm at the hosted page, as a browser does; returns what the browser brings back."""
    page = Holder(made.page_url or "")
    body = {"proof": page.proof, "code": code(app, made)}
    answer = httpx.post(app.address + page.address + "/confirm", json=body, timeout=60).json()
    return dict(parse_qsl(urlsplit(answer["redirect_to"]).query, strict_parsing=True))


@both
def test_what_the_hosted_page_confirmed_is_collected_once_by_the_browser_that_asked(
    shell: Shell, app: RunningApp
) -> None:
    client, subject = shell(app.address, app.key), f"page {shell.__name__}"
    session = BrowserSession.begin(REDIRECT)
    made = client.call("enrol", subject, link=session)
    assert made.page_url not in repr(made)
    kept = BrowserSession.read(session.of(made.id, subject).cookie()["value"])
    back = at_the_page(app, made)
    with pytest.raises(MismatchError):
        client.call("exchange", kept, subject, code=back["code"], state="another")
    with pytest.raises(MismatchError):
        client.call("exchange", replace(kept, verifier="x" * 43), subject, **back)
    with pytest.raises(MismatchError):
        client.call("exchange", kept, "another", **back)
    assert "active" == client.call("exchange", kept, subject, **back).status
    with pytest.raises(AlreadyUsedError):
        client.call("exchange", kept, subject, **back)
    client.close()


@pytest.mark.parametrize(
    "change", [{"id": OTHER}, {"subject": "another"}, {"status": "pending"}, {"status": "confirmed"}, {"status": None}]
)
@both
def test_an_exchange_whose_answer_is_about_something_else_is_not_believed(
    shell: Shell, change: dict[str, object]
) -> None:
    said = {"id": ID, "status": "active", "subject": "ann", "label": "", "origin": "enrolled"}
    answer = said | {"created_at": "2026-01-01T00:00:00Z"} | change
    client = shell("http://127.0.0.1:1", "wk_" + "A" * 43, answer=answering(answer))
    session = BrowserSession.begin(REDIRECT).of(ID, "ann")
    with pytest.raises(UnavailableError):
        client.call("exchange", session, "ann", code="x", state=session.state)
    client.close()


@both
def test_an_authenticator_lives_its_life(shell: Shell, app: RunningApp) -> None:
    client, subject = shell(app.address, app.key), f"ann & {shell.__name__}"
    enrolled = client.call("enrol", subject, label="Phone", issuer="ACME", account="ann@example.com")
    assert ("pending", subject, "Phone") == (enrolled.status, enrolled.subject, enrolled.label)
    assert enrolled.secret not in repr(enrolled)
    assert enrolled.qr_svg.startswith("<svg")
    active = client.call("confirm", enrolled.id, code(app, enrolled))
    assert ("active", 10) == (active.status, len(active.recovery_codes))
    assert active.recovery_codes[0] not in repr(active)
    with pytest.raises(EndedError):
        client.call("confirm", enrolled.id, code(app, enrolled))
    with pytest.raises(AlreadyUsedError):
        client.call("check", subject, code(app, enrolled))
    app.world.clock.move(MINUTE)
    assert enrolled.id == client.call("check", subject, code(app, enrolled)).id
    assert 9 == client.call("check_code", subject, active.recovery_codes[0])
    with pytest.raises(AlreadyUsedError):
        client.call("check_code", subject, active.recovery_codes[0])
    listed = client.call("of_subject", subject)
    assert ([enrolled.id], 9) == ([each.id for each in listed.authenticators], listed.recovery_codes_remaining)
    assert 10 == len(client.call("renew_codes", subject))
    assert "Old" == client.call("rename", enrolled.id, "Old").label
    assert "Old" == client.call("get", enrolled.id).label
    assert "revoked" == client.call("revoke", enrolled.id).status
    with pytest.raises(UnknownError):
        client.call("get", enrolled.id)
    client.close()


@both
def test_an_authenticator_is_handed_over(shell: Shell, app: RunningApp) -> None:
    client, subject = shell(app.address, app.key), f"desk & {shell.__name__}"
    made = client.call(
        "hand_over", subject, label="Desk", expires_in=timedelta(hours=1), rotate_by=datetime(2100, 5, 31, tzinfo=UTC)
    )
    assert ("pending", subject, "Desk") == (made.status, made.subject, made.label)
    assert made.url not in repr(made)
    with SecretClient(app.address) as theirs:
        revealed = theirs.reveal(made.url.replace("https://codes.example.org", app.address))
    assert "Desk" == revealed.label
    assert (True, 2100) == ((shown := client.call("get", made.id)).shared, shown.rotate_by.year)
    with pytest.raises(ConflictError):
        client.call("confirm", made.id, "123456")
    with pytest.raises(InvalidInputError):
        client.call("hand_over", subject, rotate_by=datetime(2100, 5, 31))  # noqa: DTZ001 - what is tested
    client.close()


@both
def test_confirmed_addresses_are_listed_and_untied(shell: Shell, app: RunningApp) -> None:
    client, subject = shell(app.address, app.key), f"told & {shell.__name__}"
    assert () == client.call("addresses", subject)
    with Client(app.address, app.key) as mail:
        to = f"{shell.__name__}@example.com"
        asked = mail.create(to=to, purpose="address_confirmation", subject=subject)
        mail.check(asked.id, app.delivered(), purpose="address_confirmation", to=to)
    (told,) = client.call("addresses", subject)
    assert f"{to[0]}***@example.com" == told.to
    with pytest.raises(UnknownError):
        client.call("remove_address", subject, "nobody@example.com")
    assert 1 == client.call("remove_address", subject, to)
    assert 0 == client.call("remove_address", subject)
    client.close()


@both
def test_refusals_are_told_apart(shell: Shell, app: RunningApp) -> None:
    client, subject = shell(app.address, app.key), f"nobody-{shell.__name__}"
    for _ in range(5):
        with pytest.raises(UnknownSubjectError):
            client.call("check", subject, "123456")
    with pytest.raises(RateLimitedError) as refused:
        client.call("check", subject, "123456")
    assert 300 == refused.value.retry_after
    with pytest.raises(UnknownSubjectError):
        client.call("check", subject, "123456", known_device=True)
    with pytest.raises(MismatchError):
        client.call("check_code", subject, "0" * 24)
    with pytest.raises(InvalidInputError):
        client.call("check_code", subject, "0")
    client.close()


def shown(**more: Any) -> dict[str, Any]:
    at = rfc3339(0)
    return {
        "id": ID,
        "status": "active",
        "subject": "ann",
        "label": "",
        "origin": "enrolled",
        "created_at": at,
        "expires_at": at,
    } | more


FALSE = [
    ("check", ("ann", "123456"), {"status": "refused", "authenticator": shown()}),
    ("check", ("ann", "123456"), {"status": "approved", "authenticator": shown(subject="bob")}),
    ("check", ("ann", "123456"), {"status": "approved", "authenticator": shown(status="pending")}),
    ("check", ("ann", "123456"), {"status": "approved"}),
    ("check", ("ann", "123456"), {"status": "approved", "authenticator": shown(created_at="2026-01-01T00:00:00")}),
    ("confirm", (ID, "123456"), shown(id=OTHER)),
    ("confirm", (ID, "123456"), shown(status="pending")),
    ("get", (ID,), shown(id=OTHER)),
    ("rename", (ID, "a"), shown(id=OTHER)),
    ("revoke", (ID,), shown(status="active")),
    ("of_subject", ("ann",), {"authenticators": [shown(subject="bob")], "recovery_codes_remaining": 0}),
    ("hand_over", ("ann",), {"id": ID}),
    ("addresses", ("ann",), {"addresses": [{"to": "a***@example.com"}]}),
    ("remove_address", ("ann",), {}),
    ("enrol", ("ann",), shown(subject="bob", secret="A", otpauth_uri="o", qr_svg="<svg>")),
    ("renew_codes", ("ann",), {"subject": "bob", "codes": []}),
    ("check_code", ("ann", "0"), {"status": "refused", "subject": "ann", "remaining": 1}),
    ("check_code", ("ann", "0"), {"status": "approved", "subject": "bob", "remaining": 1}),
    ("check_code", ("ann", "0"), []),
]


def answering(body: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(200, content=msgspec.json.encode(body))


@both
@pytest.mark.parametrize(("verb", "given", "body"), FALSE)
def test_an_answer_about_something_else_is_no_success(shell: Shell, verb: str, given: Any, body: Any) -> None:
    client = shell("http://127.0.0.1:1", "wk_" + "A" * 43, answer=answering(body))
    with pytest.raises(UnavailableError):
        client.call(verb, *given)
    client.close()


@both
@pytest.mark.parametrize(
    ("verb", "given"),
    [
        ("check", ("", "123456")),
        ("check", ("ann", "")),
        ("check", ("ann", None)),
        ("check", ("ann", "\ud800")),
        ("of_subject", ("\ud800",)),
        ("of_subject", ("",)),
    ],
)
def test_what_cannot_be_asked_is_not(shell: Shell, verb: str, given: Any) -> None:
    client = shell("http://127.0.0.1:1", "wk_" + "A" * 43, answer=answering({}))
    with pytest.raises(InvalidInputError):
        client.call(verb, *given)
    client.close()


@both
@pytest.mark.parametrize("name", ["", "au_x", "../apps", ID + "/../x", "vf" + ID[2:]])
def test_only_an_id_becomes_part_of_a_path(shell: Shell, name: str) -> None:
    client = shell("http://127.0.0.1:1", "wk_" + "A" * 43, answer=answering({}))
    with pytest.raises((UnknownError, InvalidInputError)):
        client.call("revoke", name)
    client.close()


@pytest.mark.parametrize("verb", VERBS)
def test_both_clients_for_authenticators_take_and_promise_the_same(verb: str) -> None:
    blocking, awaiting = getattr(AuthenticatorClient, verb), getattr(AsyncAuthenticatorClient, verb)
    assert inspect.signature(blocking) == inspect.signature(awaiting)
    assert blocking.__doc__ == awaiting.__doc__
    assert inspect.iscoroutinefunction(awaiting)


def test_the_examples_of_the_how_to_run(app: RunningApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODES_URL", app.address)
    monkeypatch.setenv("CODES_API_KEY", app.key)
    text = HOW_TO.read_text(encoding="utf-8")
    examples = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert len(examples) == 7

    def typed(_: str) -> str:
        app.world.clock.move(MINUTE)
        return code(app, page["enrolled"])

    page: dict[str, Any] = {"input": typed}
    for example in examples:
        if "made" in page and "query" not in page:
            page["query"] = at_the_page(app, page["made"])
        above = "\n" * text.count("\n", 0, example.start(1))
        exec(compile(above + example[1], str(HOW_TO), "exec"), page)  # noqa: S102 - the page is ours
    page["client"].close()
    assert page["signed_in"] is True

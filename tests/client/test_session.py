"""The browser session that asks, its cookie, and the exchange that fails closed."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.client.answers import ID, KEY, body
from tests.client.both import BOTH, Shell
from tests.client.person import Person
from tests.client.running import RunningApp
from tests.support.link import REDIRECT, b64, challenge_of
from watchword.client import BrowserSession, Client, verification
from watchword.client.protocol import Ask, Reply, Steps
from watchword.client.session import COOKIE
from watchword.client.verification import Verification
from watchword.errors import (
    AlreadyUsedError,
    InvalidInputError,
    MismatchError,
    NotConfirmedError,
    UnavailableError,
    UnknownError,
)

TO = "maria@example.org"


def begun() -> BrowserSession:
    """A session whose dice are known."""
    return BrowserSession.begin(REDIRECT, draw=bytes)


def kept() -> BrowserSession:
    return begun().of(ID, TO)


def asked(steps: Steps[Verification]) -> Ask:
    step = next(steps)
    assert isinstance(step, Ask)
    return step


def answered(steps: Steps[Verification], content: bytes) -> Verification:
    next(steps)
    try:
        steps.send(Reply(200, content))
    except StopIteration as end:
        found: Verification = end.value
        return found
    raise AssertionError("asked again")


def test_a_request_tells_the_challenge_and_never_the_verifier() -> None:
    session = begun()

    assert {"redirect_uri": REDIRECT, "state": b64(bytes(16)), "code_challenge_method": "S256"} == {
        name: value for name, value in session.link.items() if name != "code_challenge"
    }
    assert challenge_of(session.verifier) == session.link["code_challenge"]
    assert session.verifier not in json.dumps(session.link)


def test_two_sessions_have_nothing_in_common() -> None:
    first, second = BrowserSession.begin(REDIRECT), BrowserSession.begin(REDIRECT)

    assert first.verifier != second.verifier
    assert first.state != second.state
    assert 43 == len(first.verifier)


def test_the_cookie_is_of_this_host_alone_over_tls_and_out_of_reach_of_scripts() -> None:
    cookie = kept().cookie(max_age=600)

    assert COOKIE == cookie["key"] == "__Host-watchword"
    assert ("/", True, True, "lax", 600) == tuple(
        cookie[name] for name in ("path", "secure", "httponly", "samesite", "max_age")
    )
    assert "domain" not in cookie
    assert (COOKIE, "", 0, "/", True) == tuple(
        BrowserSession.forget()[name] for name in ("key", "value", "max_age", "path", "secure")
    )


@given(st.text(max_size=80))
def test_a_session_is_found_again_in_its_cookie(to: str) -> None:
    session = begun().of(ID, to)
    jar = SimpleCookie()
    jar[COOKIE] = session.cookie()["value"]
    found = BrowserSession.read(SimpleCookie(jar.output(header=""))[COOKIE].value)

    assert (session.verifier, session.state, ID, to) == (found.verifier, found.state, found.id, found.to)


@given(st.none() | st.text(max_size=40) | st.binary(max_size=60).map(b64))
@example(b64(b"[]"))
@example(b64(b"{}"))
@example(b64(b"[1,2,3,4]"))
@example(b64(json.dumps(["v" * 43, "s", ID, 7]).encode()))
@example(b64(json.dumps(["v" * 42, "s", ID, TO]).encode()))
@example(b64(json.dumps(["v" * 43, "s", "../" + ID, TO]).encode()))
@example(b64(json.dumps(["v" * 43, "s", ID, TO, "more"]).encode()))
@example(b64(b"[" * 20_000))
def test_a_cookie_that_is_none_of_ours_is_refused_by_name(cookie: str | None) -> None:
    with pytest.raises(InvalidInputError) as caught:
        BrowserSession.read(cookie)
    assert COOKIE == caught.value.field


def test_nothing_secret_is_in_a_repr() -> None:
    session = BrowserSession.begin(REDIRECT).of(ID, TO)

    for secret in (session.verifier, session.state, TO):
        assert secret not in repr(session)


def test_an_exchange_sends_what_the_service_compares() -> None:
    ask = asked(verification.exchange(kept(), purpose="login", code="H", state=begun().state))

    assert ("POST", "/v1/exchange") == (ask.method, ask.path)
    assert {"code_verifier": begun().verifier, "purpose": "login", "to": TO, "code": "H"} == json.loads(ask.content)
    ask = asked(verification.exchange(kept(), purpose="step_up", action={"template": "x", "params": {}}))
    assert {
        "code_verifier": begun().verifier,
        "purpose": "step_up",
        "to": TO,
        "id": ID,
        "action": {"template": "x", "params": {}},
    } == json.loads(ask.content)


@pytest.mark.parametrize("state", [None, "", "x", "\u00e9", "\ud800"])
def test_a_browser_that_comes_back_with_another_state_asks_for_nothing(state: str | None) -> None:
    with pytest.raises(MismatchError):
        next(verification.exchange(kept(), purpose="login", code="H", state=state))


@pytest.mark.parametrize(
    "changes", [{"status": "pending"}, {"status": "confirmed"}, {"purpose": "binding"}, {"id": ID[:-1] + "A"}]
)
def test_an_answer_that_does_not_approve_this_is_not_approved(changes: dict[str, str]) -> None:
    with pytest.raises(UnavailableError):
        answered(verification.exchange(kept(), purpose="login"), body(**{"status": "approved"} | changes))


@pytest.mark.parametrize("where", ["/signed-in", "shop.example/signed-in", "http://shop.example/", "", None])
def test_a_session_begins_with_an_address_that_can_be_registered(where: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        BrowserSession.begin(where)

    assert "redirect_uri" == caught.value.field


@pytest.mark.parametrize("link", ["https://shop.example/", {"redirect_uri": REDIRECT}, 1])
def test_only_a_session_is_asked_for_as_a_link(link: Any) -> None:
    with Client("http://127.0.0.1:1", KEY) as client, pytest.raises(InvalidInputError, match=r"^link: .*begin"):
        client.create(to=TO, purpose="login", link=link)


def test_a_session_that_was_only_begun_says_what_to_keep() -> None:
    with pytest.raises(InvalidInputError, match=r"session\.of"):
        next(verification.exchange(begun(), purpose="login"))


@pytest.mark.parametrize(
    "session", [begun(), begun().of("vf_x", TO), begun().of(ID, ""), BrowserSession("", "", id=ID, to=TO)]
)
def test_a_session_that_asked_for_nothing_collects_nothing(session: BrowserSession) -> None:
    with pytest.raises((InvalidInputError, UnknownError)):
        next(verification.exchange(session, purpose="login"))


@pytest.mark.parametrize("shell", BOTH)
def test_a_link_is_collected_by_the_browser_that_asked_and_by_no_other(shell: Shell) -> None:
    with RunningApp(redirect_uris=[REDIRECT]) as app:
        call = ask(app, shell)
        session = BrowserSession.begin(REDIRECT)
        made = call("create", to=TO, purpose="login", link=session, user_agent="Firefox Windows")
        assert ("code", "link") == made.methods
        assert made.page_url is not None
        assert made.page_url not in repr(made)
        session = BrowserSession.read(session.of(made.id, TO).cookie()["value"])
        person = Person(app)
        code, state = person.handed()
        thief = BrowserSession.begin(REDIRECT).of(made.id, TO)
        for other in (thief, BrowserSession(session.verifier, session.state, id=made.id, to="eve@example.org")):
            with pytest.raises(MismatchError):
                call("exchange", other, purpose="login", code=code, state=other.state)
        with pytest.raises(MismatchError):
            call("exchange", session, purpose="binding", code=code, state=state)
        assert "approved" == call("exchange", session, purpose="login", code=code, state=state).status
        with pytest.raises(AlreadyUsedError):
            call("exchange", session, purpose="login", code=code, state=state)


@pytest.mark.parametrize("shell", BOTH)
def test_what_is_confirmed_elsewhere_is_waited_for_and_collected(shell: Shell) -> None:
    with RunningApp(redirect_uris=[REDIRECT]) as app:
        call = ask(app, shell)
        session = BrowserSession.begin(REDIRECT)
        made = call("create", to=TO, purpose="login", link=session, methods=["link"])
        assert made.page_url is None
        session = session.of(made.id, TO)
        with pytest.raises(NotConfirmedError):
            call("exchange", session, purpose="login")
        Person(app).confirms(made.watchword.split()[0])
        assert "approved" == call("exchange", session, purpose="login").status


def ask(app: RunningApp, shell: Shell) -> Callable[..., Any]:
    """Calls of one kind of client, each over connections of its own."""
    return lambda verb, *given, **named: shell(app.address, key=app.key).call(verb, *given, **named)

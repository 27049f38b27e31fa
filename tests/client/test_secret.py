"""Secrets through the SDK: both shells against the real app, and files over connections that break."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest

from tests.client.running import RunningApp
from watchword.client import AsyncSecretClient, MadeSecret, SecretClient
from watchword.client.secret import PIECE, spans
from watchword.core import envelope
from watchword.core.envelope import Sealed
from watchword.errors import (
    BurntError,
    InvalidInputError,
    MismatchError,
    OpenedError,
    SettingsError,
    UnauthenticatedError,
    UnavailableError,
    UnknownError,
)

KEY, NONCE, IV = bytes(range(32)), bytes(16), bytes(12)
CLAIM, OTHER = b"c" * 16, b"o" * 16
LINK = envelope.link_proof(KEY)
TEXT = {"type": "text", "text": "hunter2"}
SIZE = 2 * PIECE + 12_345


class Blocking:
    """``SecretClient``."""

    def __init__(self, address: str, **more: Any) -> None:
        self._client = SecretClient(address, sleep=lambda _: None, **more)

    def call(self, verb: str, *given: Any, **named: Any) -> Any:
        found = getattr(self._client, verb)(*given, **named)
        return b"".join(found) if verb == "download" else found

    def close(self) -> None:
        self._client.close()


class Awaiting:
    """``AsyncSecretClient``, on a loop of its own."""

    def __init__(self, address: str, **more: Any) -> None:
        self._loop = asyncio.new_event_loop()
        self._client = AsyncSecretClient(address, sleep=self._sleep, **more)

    async def _sleep(self, _: float) -> None:
        return None

    async def _call(self, verb: str, *given: Any, **named: Any) -> Any:
        found = getattr(self._client, verb)(*given, **named)
        return b"".join([piece async for piece in found]) if verb == "download" else await found

    def call(self, verb: str, *given: Any, **named: Any) -> Any:
        return self._loop.run_until_complete(self._call(verb, *given, **named))

    def close(self) -> None:
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()


Shell = Blocking | Awaiting


@pytest.fixture(scope="module")
def app() -> Iterator[RunningApp]:
    with RunningApp() as running:
        yield running


@pytest.fixture(params=[Blocking, Awaiting])
def shell(request: pytest.FixtureRequest, app: RunningApp) -> Iterator[Shell]:
    opened = request.param(app.address)
    yield opened
    opened.close()


def sealed(passphrase: str | None = None) -> Sealed:
    return envelope.seal(TEXT, KEY, nonce=NONCE, iv=IV, passphrase=passphrase)


def made(shell: Shell, **more: Any) -> MadeSecret:
    found = shell.call("create", sealed(), **more)
    assert isinstance(found, MadeSecret)
    return found


def test_what_is_sealed_here_is_opened_there_once(shell: Shell) -> None:
    secret = made(shell, expires_in=timedelta(hours=1), views=1)

    assert shell.call("open", secret.id, LINK).state == "waiting"
    granted = shell.call("claim", secret.id, LINK, CLAIM)

    assert TEXT == envelope.open_envelope(envelope.read_envelope(granted.envelope), KEY)
    assert shell.call("claim", secret.id, LINK, CLAIM).envelope == granted.envelope
    with pytest.raises(OpenedError) as caught:
        shell.call("claim", secret.id, LINK, OTHER)
    assert caught.value.at.startswith("2026-")


def test_an_ack_tells_the_maker_how_it_was_read(shell: Shell) -> None:
    secret = made(shell)
    shell.call("claim", secret.id, LINK, CLAIM)

    shell.call("ack", secret.id, LINK, CLAIM, outcome="enrolled")

    status = shell.call("status", secret.id, secret.manage_token)
    assert (status.state, status.outcome) == ("opened", "enrolled")


def test_a_burnt_secret_is_told_apart(shell: Shell) -> None:
    secret = made(shell)

    assert shell.call("burn", secret.id, secret.manage_token).state == "burnt"
    with pytest.raises(BurntError):
        shell.call("claim", secret.id, LINK, CLAIM)


def test_a_wrong_passphrase_costs_nothing_and_unlock_forgets_it(shell: Shell) -> None:
    secret = shell.call("create", sealed("right"))
    wrong = envelope.derive_keys(KEY, NONCE, envelope.PBKDF2, "wrong")

    with pytest.raises(MismatchError) as caught:
        shell.call("claim", secret.id, LINK, CLAIM, auth=wrong.auth)

    assert caught.value.attempts_remaining == 4
    assert shell.call("status", secret.id, secret.manage_token).views_remaining == 1
    assert shell.call("unlock", secret.id, secret.manage_token).wrong_passphrases == 0


def test_a_wrong_link_and_a_wrong_token_are_unknown_and_unauthenticated(shell: Shell) -> None:
    secret = made(shell)

    with pytest.raises(UnknownError):
        shell.call("open", secret.id, b"x" * 32)
    with pytest.raises(UnauthenticatedError):
        shell.call("burn", secret.id, "A" * 43)


def test_a_file_goes_up_and_comes_down_in_pieces(shell: Shell) -> None:
    body = Random(7).randbytes(SIZE)
    secret = made(shell, sizes=[SIZE])

    shell.call("upload", secret.id, secret.manage_token, 0, [body[a:b] for a, b in spans(SIZE)], SIZE)
    shell.call("claim", secret.id, LINK, CLAIM)

    assert body == shell.call("download", secret.id, CLAIM, 0, SIZE)


def test_a_file_of_another_size_than_announced_is_refused(shell: Shell) -> None:
    secret = made(shell, sizes=[10])

    with pytest.raises(InvalidInputError):
        shell.call("upload", secret.id, secret.manage_token, 0, [b"12345"], 10)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_an_upload_that_breaks_off_goes_on_where_it_was(app: RunningApp, lost: str) -> None:
    network = Breaking(lost)
    body = Random(8).randbytes(SIZE)
    with SecretClient(app.address, sleep=lambda _: None, unsafe_transport=network) as client:
        secret = client.create(sealed(), sizes=[SIZE])
        client.upload(secret.id, secret.manage_token, 0, [body[a:b] for a, b in spans(SIZE)], SIZE)
        client.claim(secret.id, LINK, CLAIM)

        assert body == b"".join(client.download(secret.id, CLAIM, 0, SIZE))
    assert network.broken == 2


class Breaking(httpx.BaseTransport):
    """A network that loses the first upload and the first download: the request before it, or the answer after it."""

    def __init__(self, lost: str) -> None:
        self._real = httpx.HTTPTransport()
        self._lost = lost
        self._left = {"PUT", "GET"}
        self.broken = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        breaks = request.method in self._left
        self._left.discard(request.method)
        self.broken += breaks
        if breaks and self._lost == "before":
            raise httpx.ReadError("gone")
        answer = self._real.handle_request(request)
        if breaks:
            answer.read()
            raise httpx.ReadError("gone")
        return answer

    def close(self) -> None:
        self._real.close()


def test_a_claim_is_asked_again_and_a_creation_is_not() -> None:
    asked: list[str] = []

    def lose(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        raise httpx.ReadError("gone")

    id_ = "sc_" + "A" * 22
    with SecretClient("https://s.example", sleep=lambda _: None, unsafe_transport=httpx.MockTransport(lose)) as client:
        for call in (lambda: client.create(sealed()), lambda: client.claim(id_, LINK, CLAIM)):
            with pytest.raises(UnavailableError):
                call()

    assert asked == ["/v1/secrets"] + 3 * [f"/v1/secrets/{id_}/claim"]


def test_an_anonymous_client_sends_no_key_and_one_with_a_key_does() -> None:
    heard: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request.headers.get("Authorization"))
        return httpx.Response(503)

    for key in (None, "wk_12345678"):
        with (
            SecretClient("https://s.example", key, unsafe_transport=httpx.MockTransport(answer)) as client,
            pytest.raises(UnavailableError),
        ):
            client.create(sealed())
    assert heard == [None, "Bearer wk_12345678"]


def test_an_empty_key_is_refused_and_not_left_out() -> None:
    with pytest.raises(SettingsError):
        SecretClient("https://s.example", "")


def test_an_answer_of_another_length_than_was_asked_for_is_no_file() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(206, content=b"short"))
    with (
        SecretClient("https://s.example", unsafe_transport=transport) as client,
        pytest.raises(UnavailableError),
    ):
        list(client.download("sc_" + "A" * 22, CLAIM, 0, 10))


def test_neither_token_nor_envelope_is_in_a_repr(app: RunningApp) -> None:
    with SecretClient(app.address) as client:
        secret = client.create(sealed())
        granted = client.claim(secret.id, LINK, CLAIM)

    assert secret.manage_token not in repr(secret)
    assert granted.envelope["jwe"] not in repr(granted)

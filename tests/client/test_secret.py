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
from watchword.client import AsyncSecretClient, File, Login, MadeSecret, SecretClient
from watchword.client.sealing import pack_content
from watchword.client.secret import PIECE, spans
from watchword.core import envelope
from watchword.core.envelope import Sealed
from watchword.core.secret_content import Content
from watchword.core.secret_link import read_link
from watchword.errors import (
    BurntError,
    InvalidInputError,
    MismatchError,
    OpenedError,
    SettingsError,
    TamperedError,
    UnauthenticatedError,
    UnavailableError,
    UnknownError,
)
from watchword.totp import AuthenticatorKey

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
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
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


A_KEY = AuthenticatorKey(bytes(range(20)), "ACME", "ann@example.org")
CONTENTS: list[Content] = [
    "hunter2",
    A_KEY,
    Login(password="hunter2"),
    Login(password="hunter2", username="ann", url="https://shop.example", totp=A_KEY),
    [File("a.txt", b"", "text/plain"), File("../\u202eb", bytes(100))],
    [File("disk.img", Random(9).randbytes(SIZE)), File("small", b"x")],
]


@pytest.mark.parametrize("content", CONTENTS, ids=["text", "key", "password", "login", "small files", "large file"])
def test_whatever_is_shared_is_revealed_as_it_was_once(shell: Shell, content: Content) -> None:
    shared = shell.call("share", content, label="the shop", note="for Friday", expires_in=timedelta(hours=1), views=2)

    first = shell.call("reveal", shared.link)
    second = shell.call("reveal", f"<{shared.link}>.")

    assert (content, "the shop", "for Friday", 1, True) == (
        *(first.content, first.label, first.note),
        *(first.views_remaining, first.acknowledged),
    )
    assert (content, 0) == (second.content, second.views_remaining)
    status = shell.call("status", shared.id, shared.manage_token)
    assert ("opened", "read", 2) == (status.state, status.outcome, shared.views)
    with pytest.raises(OpenedError):
        shell.call("reveal", shared.link)


@pytest.mark.parametrize("content", [None, b"hunter2", 7, File("a.txt", b""), [File("a.txt", b""), "b.txt"]])
def test_what_cannot_be_shared_is_refused_in_words(content: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^content: What is shared is"):
        pack_content(content, label=None, note=None, passphrase=None, draw=bytes)


@pytest.mark.parametrize("content", ["", []])
def test_nothing_is_not_shared(content: Content) -> None:
    with pytest.raises(InvalidInputError, match="There is nothing to share"):
        pack_content(content, label=None, note=None, passphrase=None, draw=bytes)


def test_a_passphrase_is_asked_for_told_apart_and_never_costs_a_view(shell: Shell) -> None:
    shared = shell.call("share", "x", passphrase="right")

    with pytest.raises(InvalidInputError, match="needs its passphrase"):
        shell.call("reveal", shared.link)
    with pytest.raises(MismatchError):
        shell.call("reveal", shared.link, passphrase="wrong")

    assert "x" == shell.call("reveal", shared.link, passphrase="right").content


def test_a_passphrase_for_a_secret_without_one_is_refused_before_anything_is_spent(shell: Shell) -> None:
    shared = shell.call("share", "x")

    with pytest.raises(InvalidInputError):
        shell.call("reveal", shared.link, passphrase="right")

    assert "x" == shell.call("reveal", shared.link).content


def test_a_burnt_one_and_an_unknown_one_are_told_apart(shell: Shell) -> None:
    shared = shell.call("share", "x")
    shell.call("burn", shared.id, shared.manage_token)

    with pytest.raises(BurntError):
        shell.call("reveal", shared.link)
    with pytest.raises(UnknownError):
        shell.call("reveal", shared.link[:-43] + "A" * 43)


@pytest.mark.parametrize("kind", [Blocking, Awaiting])
@pytest.mark.parametrize("link", ["https://other.example/s/sc_" + 22 * "A" + "#" + 43 * "A", "no link", "/s/sc_"])
def test_a_link_to_another_service_or_none_asks_nobody(kind: type[Shell], link: str) -> None:
    def ask(_: httpx.Request) -> httpx.Response:
        raise AssertionError("asked")

    shell = kind("https://s.example", unsafe_transport=httpx.MockTransport(ask))

    with pytest.raises(InvalidInputError):
        shell.call("reveal", link)
    shell.close()


def test_a_claim_of_ones_own_opens_it_again_after_a_crash(shell: Shell) -> None:
    shared = shell.call("share", "x")
    where = read_link(shared.link)
    shell.call("claim", shared.id, envelope.link_proof(where.key), CLAIM)  # and here the program died

    with pytest.raises(OpenedError):
        shell.call("reveal", shared.link)
    assert "x" == shell.call("reveal", shared.link, claim=CLAIM).content


@pytest.mark.parametrize("kind", [Blocking, Awaiting])
def test_what_is_open_is_given_even_where_the_service_cannot_be_told(app: RunningApp, kind: type[Shell]) -> None:
    shell = kind(app.address, unsafe_transport=Losing("/ack"))
    shared = shell.call("share", "x")

    revealed = shell.call("reveal", shared.link)

    assert ("x", False) == (revealed.content, revealed.acknowledged)
    shell.close()


@pytest.mark.parametrize("kind", [Blocking, Awaiting])
def test_what_could_not_be_sent_as_a_whole_is_burnt(app: RunningApp, kind: type[Shell]) -> None:
    network = Losing("/blobs/0")
    shell = kind(app.address, unsafe_transport=network)

    with pytest.raises(UnavailableError):
        shell.call("share", [File("disk.img", bytes(SIZE))])

    assert ["POST", "DELETE"] == [method for method, _ in network.let_through]
    shell.close()


@pytest.mark.parametrize("kind", [Blocking, Awaiting])
def test_an_answer_that_was_altered_opens_nothing(app: RunningApp, kind: type[Shell]) -> None:
    shell = kind(app.address, unsafe_transport=Altering())
    shared = shell.call("share", "x")

    with pytest.raises(TamperedError):
        shell.call("reveal", shared.link)
    shell.close()


class Losing(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A network that loses every request to addresses of one ending."""

    def __init__(self, ending: str) -> None:
        self._real = httpx.HTTPTransport()
        self._ending = ending
        self.let_through: list[tuple[str, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(self._ending):
            raise httpx.ReadError("gone")
        self.let_through.append((request.method, request.url.path))
        answer = self._real.handle_request(request)
        answer.read()
        return answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        answer = await asyncio.to_thread(self.handle_request, httpx.Request(**_parts(request)))
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def close(self) -> None:
        self._real.close()

    async def aclose(self) -> None:
        self._real.close()


class Altering(Losing):
    """A network that alters what a claim brings."""

    def __init__(self) -> None:
        super().__init__("/nothing")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        if not request.url.path.endswith("/claim"):
            return answer
        body = answer.json()
        nonce = "A" * 21 + "Q" if body["envelope"]["nonce"].startswith("B") else "B" * 21 + "Q"
        body["envelope"]["nonce"] = nonce
        return httpx.Response(answer.status_code, json=body)


def _parts(request: httpx.Request) -> dict[str, Any]:
    return {"method": request.method, "url": request.url, "headers": request.headers, "content": request.content}


def test_what_was_shared_and_revealed_is_in_no_repr(app: RunningApp) -> None:
    login = Login(password="hunter2", username="ann", totp=A_KEY)
    with SecretClient(app.address) as client:
        shared = client.share(login, label="the shop")
        revealed = client.reveal(shared.link)

    shown = f"{login!r}{shared!r}{revealed!r}{File('name', b'bytes')!r}"
    for hidden in ("hunter2", "ann", "ACME", "the shop", shared.link, shared.manage_token, "name'", "bytes'"):
        assert hidden not in shown


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

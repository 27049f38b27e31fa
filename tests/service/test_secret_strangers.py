"""Ten thousand requests by those who have an address and no key: previews, scanners, prefetchers, clicking scripts."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import cycle, islice, product
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.service.test_secret import UNLIMITED, anonymous
from tests.support.secret import AUTH, JWE, WRONG, a_claim, a_secret, text
from tests.support.service import Connection, Service, running

REQUESTS = 10_000
CONNECTIONS = 16
SECRETS = 20
S = "/v1/secrets"

AGENTS = (
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "facebookexternalhit/1.1",
    "WhatsApp/2.24",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (compatible; SkypeUriPreview Preview/0.5)",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120 Safari/537.36 OAI-SearchBot/1.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1)",
    "Barracuda Sentinel (EE)",
    "",
)
PREFETCH = ("", "Purpose: prefetch\r\n", "Sec-Purpose: prefetch;prerender\r\n", "X-Moz: prefetch\r\n")
JUNK = {"link": text(WRONG)}


class Said(NamedTuple):
    """One request."""

    method: str
    path: str
    body: bytes = b""
    headers: str = ""


def looking(name: str) -> Iterator[Said]:
    """What a preview, a crawler or a browser that guesses ahead asks."""
    paths = [f"/s/{name}", f"/s/{name}/status", f"{S}/{name}", *(f"{S}/{name}/{verb}" for verb in VERBS)]
    for path, method, ahead in product(paths, ("GET", "HEAD", "OPTIONS"), PREFETCH):
        yield Said(method, path, headers=ahead)


VERBS = ("open", "claim", "ack", "status", "unlock", "blobs/0")


def clicking(name: str) -> Iterator[Said]:
    """What a script does that presses every button and submits every form, and has no key to prove anything with."""
    place = f"{S}/{name}"
    bodies = [
        b"",
        b"{}",
        json.dumps(JUNK).encode(),
        json.dumps(a_claim(3, link=WRONG)).encode(),
        json.dumps(a_claim(3, link=WRONG, auth=AUTH) | {"outcome": "read"}).encode(),
        json.dumps({"id": name, "claim": text(bytes(16))}).encode(),
    ]
    for verb, body in product(VERBS, bodies):
        yield Said("POST", f"{place}/{verb}", body)
    for authorization in ("", "Authorization: Bearer -\r\n", f"Authorization: Bearer {text(WRONG)}\r\n"):
        yield Said("DELETE", place, headers=authorization)
        yield Said("POST", f"{place}/unlock", headers=authorization)
        yield Said("PUT", f"{place}/blobs/0", b"x", authorization)
        yield Said("GET", f"{place}/blobs/0", headers=f"Watchword-Claim: {text(bytes(16))}\r\n{authorization}")
        yield Said("POST", f"/s/{name}", b"reveal=1", authorization)


class Stranger:
    """One kept connection, that notes what it is answered: method, status and body."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.answers: list[tuple[str, int, bytes]] = []

    async def say(self, asked: list[tuple[Said, str]]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._service.port)
        for said, agent in asked:
            kind = "Content-Type: application/json\r\n" if said.method == "POST" else ""
            head = f"Host: 127.0.0.1:{self._service.port}\r\nUser-Agent: {agent}\r\n{kind}{said.headers}"
            length = f"Content-Length: {len(said.body)}\r\n\r\n"
            writer.write(f"{said.method} {said.path} HTTP/1.1\r\n{head}{length}".encode() + said.body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            found = answer.partition(b"content-length:")[2].partition(b"\r\n")[0]
            body = await reader.readexactly(int(found)) if found and said.method != "HEAD" else b""
            self.answers.append((said.method, int(answer[9:12]), body))
            if b"connection: close" in answer:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self._service.port)
        writer.close()


async def share_all(maker: Connection) -> list[tuple[str, str, bool]]:
    """Secrets with and without passphrase: id, manage token, and whether it has one."""
    made = []
    for number in range(SECRETS):
        status, answer = await maker.ask("POST", S, a_secret(passphrase=number % 2 == 1))
        assert 201 == status
        made.append((answer["id"], answer["manage_token"], number % 2 == 1))
    return made


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_ten_thousand_requests_without_the_key_spend_nothing_and_learn_nothing(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path, config=UNLIMITED, workers=2) as service:
            with closing(anonymous(service)) as opener:
                key = service.command("app", "create", "Strangers").decode().strip()
                with closing(Connection(service, key)) as maker:
                    made = await share_all(maker)
                everything = [said for name, *_ in made for said in (*looking(name), *clicking(name))]
                asked = list(islice(cycle(everything), REQUESTS))
                Random(7).shuffle(asked)
                agents = cycle(AGENTS)
                paired = [(said, next(agents)) for said in asked]
                strangers = [Stranger(service) for _ in range(CONNECTIONS)]
                await asyncio.gather(*(each.say(paired[n::CONNECTIONS]) for n, each in enumerate(strangers)))
                answers = Counter((method, status) for each in strangers for method, status, _ in each.answers)
                assert REQUESTS == answers.total()
                # What changes something is a POST, PUT or DELETE, and none of these was let in; nor was any an error.
                assert not [each for each in answers if each[0] in {"POST", "PUT", "DELETE"} and each[1] < 400]
                assert not [each for each in answers if each[1] >= 500]
                for name, token, with_passphrase in made:
                    await untouched(service, opener, name, token, with_passphrase=with_passphrase)

    asyncio.run(journey())


async def untouched(service: Service, opener: Connection, name: str, token: str, *, with_passphrase: bool) -> None:
    """Nobody has opened, counted, paused or ended it, and whoever has the link gets it."""
    with closing(Connection(service, token)) as maker:
        _, status = await maker.ask("GET", f"{S}/{name}/status")
    shown = (status["state"], status["views_remaining"], status.get("wrong_passphrases", 0), status.get("opened_at"))
    assert ("waiting", 1, 0, None) == shown
    code, granted = await opener.ask("POST", f"{S}/{name}/claim", a_claim(1, auth=AUTH if with_passphrase else None))
    assert (200, JWE.decode()) == (code, granted["envelope"]["jwe"])


def test_whoever_has_the_id_alone_is_answered_as_for_a_secret_that_never_was(tmp_path: Path) -> None:
    async def journey() -> None:
        async with running(tmp_path, config=UNLIMITED) as service:
            key = service.command("app", "create", "Strangers").decode().strip()
            with closing(Connection(service, key)) as maker:
                status, made = await maker.ask("POST", S, a_secret(passphrase=True))
            assert 201 == status
            heard = []
            for name in (made["id"], "sc_" + "A" * 22):
                stranger = Stranger(service)
                await stranger.say([(said, "") for said in (*looking(name), *clicking(name))])
                hidden = [(method, code, body.replace(name.encode(), b"")) for method, code, body in stranger.answers]
                heard.append(hidden)
            assert heard[0] == heard[1]
            assert 150 < len(heard[0])

    asyncio.run(journey())

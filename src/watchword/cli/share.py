"""``watchword share``: seal a secret on this machine, have the service keep what it cannot read, and print the link.

Not handled here: what is shared (``contents.py``), the sealing itself (``client/sealing.py``).

Rules: standard output is the link and nothing else; what is told besides goes to standard error and holds nothing of
the secret; what could not be sent as a whole is burnt.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

from watchword.adapters.system import SystemClock, SystemEntropy
from watchword.cli import console, progress
from watchword.cli.contents import Content, read
from watchword.client import MadeSecret, SecretClient, sealing
from watchword.client.sealing import Body
from watchword.core import ids, secret_link
from watchword.core.otpauth import AuthenticatorKey
from watchword.core.totp import seconds_left, totp
from watchword.errors import InvalidInputError, UnavailableError, WatchwordError

_TTL = re.compile(r"([1-9][0-9]{0,7})(s|m|min|h|d|w)", re.ASCII)
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    server: str
    ttl: str | None
    views: int | None
    passphrase_file: Path | None
    files: Sequence[Path]
    totp: bool
    login: bool
    label: str | None
    key_file: Path | None
    as_json: bool


def share(asked: Asked) -> None:
    """Share everything there is to share; each becomes one link, on a line of its own."""
    lifetime = None if asked.ttl is None else read_ttl(asked.ttl)
    passphrase = None if asked.passphrase_file is None else console.passphrase(asked.passphrase_file)
    keyed = nullcontext() if asked.key_file is None else console.api_key(asked.server, asked.key_file)
    with keyed as key, SecretClient(asked.server, key) as client:
        for content in read(asked.files, totp=asked.totp, is_login=asked.login, label=asked.label):
            made, link = _seal_and_send(client, content, passphrase, lifetime, asked.views)
            try:
                _tell(asked, content, made, link, with_passphrase=passphrase is not None)
            except (BrokenPipeError, UnavailableError):
                _take_back(client, made)
                raise


def read_ttl(text: str) -> timedelta:
    """Read a lifetime such as ``30m``, ``24h`` or ``7d``.

    Raises:
        InvalidInputError: it is none.
    """
    found = _TTL.fullmatch(text)
    if found is None:
        raise InvalidInputError("A lifetime is a number with s, m, h, d or w, such as 30m, 24h or 7d.", field="ttl")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def _seal_and_send(
    client: SecretClient, content: Content, passphrase: str | None, lifetime: timedelta | None, views: int | None
) -> tuple[MadeSecret, bytes]:
    sealed = [Body(body.chunks(), body.size, body.entry) for body in content.bodies]
    parcel = sealing.pack(content.document, sealed, passphrase=passphrase, draw=SystemEntropy().draw)
    made = client.create(parcel.sealed, sizes=parcel.sizes, expires_in=lifetime, views=views)
    try:
        for number, (body, file) in enumerate(zip(parcel.bodies, content.bodies, strict=True)):
            shown = progress.shown(body.pieces, body.size, f"Sealing and sending {file.path.name}")
            client.upload(made.id, made.manage_token, number, shown, body.size)
    except BaseException:
        _take_back(client, made)
        raise
    return made, parcel.link_key


def _take_back(client: SecretClient, made: MadeSecret) -> None:
    """Burn what nobody has a link to. It would go by itself in a day; the disk need not wait."""
    with suppress(WatchwordError):
        client.burn(made.id, made.manage_token)


def _tell(asked: Asked, content: Content, made: MadeSecret, link_key: bytes, *, with_passphrase: bool) -> None:
    server = asked.server.rstrip("/")
    link = secret_link.share_url(server, ids.from_text(ids.SECRET, made.id), link_key)
    status = f"{server}/s/{made.id}/status#{made.manage_token}"
    if not asked.as_json:
        often = "once" if made.views == 1 else f"{made.views} times"
        with_it = ", with its passphrase," if with_passphrase else ""
        until = made.expires_at.astimezone(UTC)
        console.say(f"Sealed: {content.told}. It can be opened {often}{with_it} until {until:%d %b %Y, %H:%M} UTC.")
        _tell_code(content.key)
        console.say(f"Keep for yourself, to see when it is opened or to burn it: {status}")
    document = {"link": link, "status": status, "id": made.id, "views": made.views}
    console.result(link, document | {"expires_at": made.expires_at}, as_json=asked.as_json)


def _tell_code(key: AuthenticatorKey | None) -> None:
    """Show the code of a key, at a terminal alone, so that its sender sees that it is the right one."""
    if key is None or not sys.stderr.isatty():
        return
    now = SystemClock().now()
    code = totp(key.secret, now, algorithm=key.algorithm, digits=key.digits, period=key.period)
    console.say(f"An app with this key shows {code} for {seconds_left(now, key.period)} s: does yours?")

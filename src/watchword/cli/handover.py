"""``watchword totp handover``: an authenticator for a colleague, by a link that its first right code closes.

Not handled here: making it (the service), reading times and secrets (``share.py``, ``console.py``).

Rules: standard output is the link and nothing else; what is told besides goes to standard error; neither the key nor
the passphrase is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

from watchword.cli import console
from watchword.cli.share import read_ttl
from watchword.client import AuthenticatorClient, Handover
from watchword.errors import InvalidInputError


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    url: str
    subject: str
    label: str | None
    issuer: str | None
    account: str | None
    ttl: str | None
    rotate_by: str | None
    passphrase_file: Path | None
    key_file: Path | None
    as_json: bool


def hand_over(asked: Asked) -> None:
    """Make it, print the link, and tell what its maker keeps."""
    lifetime = None if asked.ttl is None else read_ttl(asked.ttl)
    rotate_by = None if asked.rotate_by is None else read_day(asked.rotate_by)
    passphrase = None if asked.passphrase_file is None else console.passphrase(asked.passphrase_file)
    with console.api_key(asked.url, asked.key_file) as key, AuthenticatorClient(asked.url, key) as client:
        made = client.hand_over(
            asked.subject,
            label=asked.label,
            issuer=asked.issuer,
            account=asked.account,
            expires_in=lifetime,
            passphrase=passphrase,
            rotate_by=rotate_by,
        )
    _tell(asked, made, with_passphrase=passphrase is not None)


def read_day(text: str) -> datetime:
    """Read a day such as ``2027-05-31``: its end, UTC.

    Raises:
        InvalidInputError: it is none.
    """
    try:
        return datetime.combine(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date(), time(23, 59, 59), UTC)
    except ValueError:
        raise InvalidInputError("A day is written like 2027-05-31.", field="rotate-by") from None


def _tell(asked: Asked, made: Handover, *, with_passphrase: bool) -> None:
    if not asked.as_json:
        with_it = ", with its passphrase," if with_passphrase else ""
        until = made.expires_at.astimezone(UTC)
        console.say(f"It can be opened once{with_it} until {until:%d %b %Y, %H:%M} UTC, and waits for its first code.")
        console.say(f"Keep for yourself, to see when it is enrolled or to take it back: {made.status_url}")
    document = {"link": made.url, "status": made.status_url, "id": made.id, "expires_at": made.expires_at}
    console.result(made.url, document, as_json=asked.as_json)

"""``watchword send`` and ``watchword check``: the main job over the HTTP API, as any app does it.

Rules: the API key comes from a file or standard input, the code from standard input; where both come that way, the
key is the first line.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec

from watchword.cli import console
from watchword.client import Client, Verification


def send(url: str, key_file: Path | None, *, to: str, purpose: str, locale: str | None, as_json: bool) -> None:
    """Send a passcode; the result is the verification's id."""
    with console.api_key(url, key_file) as key, Client(url, key) as client:
        made = client.create(to=to, purpose=purpose, locale=locale)
    if not as_json:
        console.say(f"Sent to {made.to}; valid until {made.expires_at:%H:%M:%S} UTC. Watchword: {made.watchword}")
    console.result(made.id, _document(made), as_json=as_json)


def check(url: str, key_file: Path | None, verification: str, *, purpose: str, to: str, as_json: bool) -> None:
    """Check a passcode; comes back only where it was accepted."""
    with console.api_key(url, key_file) as key, Client(url, key) as client:
        approved = client.check(verification, console.secret("code"), purpose=purpose, to=to)
    console.result(approved.status, _document(approved), as_json=as_json)


def _document(verification: Verification) -> object:
    return msgspec.to_builtins(verification, builtin_types=(datetime,))

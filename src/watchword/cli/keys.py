"""``watchword keys …``: the numbered keys in the key file. No command prints a key."""

from __future__ import annotations

from watchword.bootstrap import key_listing, rotate_keys
from watchword.cli import console
from watchword.settings import Settings


def rotate(settings: Settings, *, as_json: bool) -> None:
    """Add a key and make it current."""
    number = rotate_keys(settings)
    if not as_json:
        console.say("What runs takes it at its next start, or on SIGHUP. Copy the key file to other hosts before that.")
    console.result(f"{number}", {"current": number}, as_json=as_json)


def show(settings: Settings, *, as_json: bool) -> None:
    """List numbers and dates."""
    keys = key_listing(settings)
    lines = [f"{number}  {created_at}{'  current' if current else ''}" for number, created_at, current in keys]
    document = [dict(zip(("number", "created_at", "current"), key, strict=True)) for key in keys]
    console.result("\n".join(lines), document, as_json=as_json)

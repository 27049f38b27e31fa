"""A revealed document in words: what goes to standard output, and what is told besides.

Not handled here: where it goes and what a terminal is spared (``output.py``), files (``reveal.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from watchword.adapters.system import SystemClock
from watchword.cli import qr
from watchword.cli.output import visible
from watchword.core import base32
from watchword.core.otpauth import write_key_uri
from watchword.core.secret_content import read_key
from watchword.core.secret_document import Document
from watchword.core.totp import seconds_left, totp
from watchword.errors import InvalidInputError


def text(document: Document) -> str:
    """The secret itself: a text as it was, a key as its URI, a login in lines."""
    if document["type"] == "text":
        return str(document["text"])
    if document["type"] == "totp":
        return write_key_uri(read_key(document)) + "\n"
    names = {"url": "Address", "username": "User name", "password": "Password"}
    lines = [f"{name}: {document[member]}" for member, name in names.items() if member in document]
    if "totp" in document:
        lines.append(f"Authenticator: {write_key_uri(read_key(document['totp']))}")
    return "\n".join(lines) + "\n"


def drawn(document: Document, *, colour: bool) -> str:
    """A key as a QR code, with its names and its base32 in groups of four below.

    Raises:
        InvalidInputError: there is no key in this secret.
    """
    held = document if document["type"] == "totp" else document.get("totp")
    if held is None:
        raise InvalidInputError(
            "There is no authenticator key in this secret: run the command again without --qr, within 15 minutes.",
            field="qr",
        )
    key = read_key(held)
    names = {"Issuer": key.issuer, "Account": key.account, "Key": base32.groups_of_four(base32.write(key.secret))}
    lines = [f"{name}: {visible(value)}" for name, value in names.items() if value]
    others = "" if held is document else text(document)
    return "\n".join([qr.draw(write_key_uri(key), colour=colour), "", *lines, visible(others)])


def besides(document: Document) -> Iterator[str]:
    """What is told on standard error."""
    for member, name in {"label": "Label", "note": "Note"}.items():
        if member in document:
            yield f"{name}: {document[member]}"
    held = document if document["type"] == "totp" else document.get("totp")
    # A code is for the eyes of whoever sits there, and not for a log that takes standard error.
    if held is not None and sys.stderr.isatty():
        key, now = read_key(held), SystemClock().now()
        code = totp(key.secret, now, algorithm=key.algorithm, digits=key.digits, period=key.period)
        yield f"An app with this key shows {code} for {seconds_left(now, key.period)} s."

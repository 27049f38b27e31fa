"""The browser session that asks: what binds a link to it, and the cookie in which it is kept. No I/O.

Not handled here: asking and exchanging (``client/verification.py``), setting the cookie (your framework).

Rules:

* the verifier lives in the browser that asked and nowhere else: a server that keeps it by ``state`` gives every
  browser that brings a ``state`` the right to collect;
* the cookie is ``__Host-``: of this host alone, over TLS (or on this machine), out of reach of scripts;
* nothing in the cookie is believed: whom it names is compared by the service in the step that approves.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from watchword.client import given
from watchword.core import binary, ids, pkce
from watchword.core.app import read_redirect_uri
from watchword.errors import InvalidInputError, MismatchError, UnknownError

COOKIE = "__Host-watchword"

_STATE_RANDOM = 16  # bytes
_KEPT = ("verifier", "state", "id", "to")
_MALFORMED = "This browser has not asked for anything, or its cookie is damaged."


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """One browser's wish to prove an address. ``begin`` makes it, ``cookie`` keeps it, ``read`` finds it again."""

    verifier: str = field(repr=False)
    state: str = field(repr=False)
    redirect_uri: str = ""
    id: str = ""
    to: str = field(default="", repr=False)

    @classmethod
    def begin(cls, redirect_uri: str, *, draw: Callable[[int], bytes] = os.urandom) -> Self:
        """Begin, for a browser that will come back to ``redirect_uri``, one that is registered for your app.

        Raises:
            InvalidInputError: nobody could register it; a path alone say.
        """
        read_redirect_uri(given.text("redirect_uri", redirect_uri))
        verifier = pkce.write_verifier(draw(pkce.VERIFIER_RANDOM))
        return cls(verifier, binary.encode(draw(_STATE_RANDOM)), redirect_uri)

    @classmethod
    def read(cls, cookie: str | None) -> Self:
        """Find it again in the value of its cookie.

        Raises:
            InvalidInputError: there is no cookie, or it is damaged.
        """
        try:
            kept = json.loads(binary.decode(cookie or ""))
            found = cls(**dict(zip(_KEPT, kept, strict=True)))
            pkce.challenge_of(found.verifier)
            ids.from_text(ids.AUTHENTICATOR if found.id.startswith(ids.AUTHENTICATOR) else ids.VERIFICATION, found.id)
        except (ValueError, TypeError, RecursionError, InvalidInputError, UnknownError):
            raise InvalidInputError(_MALFORMED, field=COOKIE) from None
        if not all(isinstance(text, str) for text in kept):
            raise InvalidInputError(_MALFORMED, field=COOKIE)
        return found

    @property
    def link(self) -> dict[str, str]:
        """What a request says of it."""
        return {
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": pkce.write_challenge(self.verifier),
            "code_challenge_method": pkce.METHOD,
        }

    def of(self, verification: str, to: str) -> Self:
        """The same, of the verification that was made for it and the address it was sent to.

        Or of an enrolment, and the subject it is for.
        """
        return replace(self, id=verification, to=to)

    def cookie(self, *, max_age: int = 3_600) -> dict[str, Any]:
        """The cookie that keeps it, as the arguments of your framework's ``set_cookie``. ``max_age`` is in seconds.

        ``lax``, because the browser comes back from another site; ``strict`` would leave the cookie at home.
        """
        value = binary.encode(json.dumps([getattr(self, name) for name in _KEPT]).encode())
        return _cookie(value, max_age)

    @staticmethod
    def forget() -> dict[str, Any]:
        """The cookie that removes it, once it is collected."""
        return _cookie("", 0)

    def check_state(self, state: str | None) -> None:
        """Let a browser pass that came back with the state it left with.

        Raises:
            MismatchError: it came with another, or with none.
        """
        if state is None or not hmac.compare_digest(self.state.encode(), state.encode(errors="replace")):
            raise MismatchError("This browser came back with a state that is not its own.")


def link_of(session: object) -> dict[str, str]:
    """What a request says of the session that asks.

    Raises:
        InvalidInputError: this is none; an address say.
    """
    if not isinstance(session, BrowserSession):
        raise InvalidInputError("Give the browser's session: BrowserSession.begin(redirect_uri).", field="link")
    return session.link


def demand_asked(session: BrowserSession) -> None:
    """Let a session pass that has asked for something.

    Raises:
        InvalidInputError: it was begun and no more.
    """
    if not session.id:
        raise InvalidInputError(
            "Nothing was asked for in this session: keep what session.of(…) returns.", field="session"
        )


def _cookie(value: str, max_age: int) -> dict[str, Any]:
    return {
        "key": COOKIE,
        "value": value,
        "max_age": max_age,
        "path": "/",
        "secure": True,
        "httponly": True,
        "samesite": "lax",
    }

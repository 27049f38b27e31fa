"""The shop's cookies: `__Host-` over https, and plain names on plain http, which is this machine's alone.

Some browsers take no `__Host-` cookie there, because it must be `Secure`.
"""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

HOST = "__Host-"


def set_cookie(response: Response, request: Request, key: str, value: str, **more: Any) -> None:
    """Out of reach of scripts. Lax and no stricter: the browser comes back by a link on another site."""
    kind = {"path": "/", "httponly": True, "samesite": "lax", **more}
    if request.url.scheme == "https":
        response.set_cookie(key, value, **kind | {"secure": True})
    else:
        response.set_cookie(key.removeprefix(HOST), value, **kind | {"secure": False})


def read_cookie(request: Request, name: str) -> str | None:
    """The value of a cookie, by its name without the prefix."""
    return request.cookies.get(HOST + name if request.url.scheme == "https" else name)

"""The headers every answer carries, by its kind, put together once.

Rules: nothing is stored anywhere, nothing is framed (but a mail in the mailbox page), nothing is sniffed, no
address of ours leaks to another site; over https browsers are told to stay there.
"""

from __future__ import annotations

from watchword.web.exchange import KINDS, Head, Headers, Kind
from watchword.web.services import WebConfig

ALWAYS: Headers = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]
# Only documents have openers, resources that another site might embed, or entries in a search engine. Each header
# costs the server about as much as decoding a small JSON body, so machine answers go without.
_DOCUMENT: Headers = [
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"x-robots-tag", b"noindex, nofollow"),
]
_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


def heads(config: WebConfig) -> dict[Kind, Head]:
    """What an answer of each kind carries."""
    return {kind: Head(_of(kind, config)) for kind in KINDS}


def _of(kind: Kind, config: WebConfig) -> Headers:
    headers = [(b"content-type", kind.media.encode()), (b"content-security-policy", kind.policy.encode()), *ALWAYS]
    if not kind.machine:
        headers += _DOCUMENT
        headers.append((b"x-frame-options", b"SAMEORIGIN" if kind.frame else b"DENY"))
    if config.public_url.startswith("https:"):
        headers.append(_TRANSPORT)
    return headers

"""Text messages: one GSM-7 segment, bound to its origin by the last line.

    Your sign-in code for Acme: 123456
    Never pass it on.
    @acme.example #123456

The last line is the WICG's *origin-bound one-time code*: browsers and phones offer the code at that host alone.

Not handled here: the words (``locales/*.toml``, ``adapters/sms_text.py``), who sends it (``adapters/sms_*.py``).

Rules: 160 septets and no more, so that nobody pays twice and no half arrives; no URL; the last line is exactly
``@host #code``, with one space and nothing before the ``@``.
"""

from __future__ import annotations

import re

MAX_SEPTETS = 160  # of one segment, 3GPP TS 23.038

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€\f")
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\Z")


def septets(text: str) -> int | None:
    """How much of a segment a text takes; None where GSM-7 cannot write it."""
    total = 0
    for character in text:
        if character in _BASIC:
            total += 1
        elif character in _EXTENDED:
            total += 2
        else:
            return None
    return total


def fits(text: str) -> bool:
    """Whether a text is one segment of GSM-7."""
    size = septets(text)
    return size is not None and size <= MAX_SEPTETS


def bind(host: str, code: str) -> str:
    """The last line: who the code is for."""
    return f"@{host} #{code}"


def is_host(host: str) -> bool:
    """Whether this may stand in the last line: a name in lower-case ASCII, without a port."""
    return _HOST.match(host) is not None

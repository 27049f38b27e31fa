"""Answers of the service, as its wire format has them, for tests that need one without a service."""

from __future__ import annotations

import json
from typing import Any

ID = "vf_AZqyDZ0AAAECAwQFBgcICQ"
KEY = "wk_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI"

VERIFICATION: dict[str, Any] = {
    "id": ID,
    "status": "pending",
    "channel": "email",
    "to": "m•••@example.org",
    "purpose": "login",
    "methods": ["code"],
    "watchword": "copper lantern",
    "created_at": "2026-11-23T14:02:11.000Z",
    "expires_at": "2026-11-23T14:12:11.000Z",
    "attempts_remaining": 5,
    "resend_at": "2026-11-23T14:02:41.000Z",
    "sends_remaining": 4,
}


def body(**changes: object) -> bytes:
    """A verification with some members changed."""
    return json.dumps(VERIFICATION | changes).encode()


def problem(code: str, **members: object) -> bytes:
    """A problem document."""
    return json.dumps({"type": f"urn:x:{code}", "status": 422, "title": "T", "code": code} | members).encode()

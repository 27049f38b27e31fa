"""Files and their damaged bodies, as ``vectors/secret/records.json`` describes them."""

from __future__ import annotations

from typing import Any

from watchword.core.records import HEADER_SIZE, RECORD_SIZE


def content(size: int) -> bytes:
    """A file: byte ``i`` is ``(i * 167 + (i >> 8)) mod 256``."""
    return bytes((i * 167 + (i >> 8)) % 256 for i in range(size))


def damaged(body: bytes, damage: dict[str, Any]) -> bytes:
    """A body with one thing done to it. A wrong key or size is no damage to the body."""
    if "flip" in damage:
        place = damage["flip"]
        return body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
    if "order" in damage:
        header, rest = body[:HEADER_SIZE], body[HEADER_SIZE:]
        return header + b"".join(rest[number * RECORD_SIZE :][:RECORD_SIZE] for number in damage["order"])
    return body[: damage.get("cut", len(body))] + bytes.fromhex(damage.get("append", ""))

"""Pictures for tests: rows of grey as PNG, and just the head of one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(rows: Sequence[bytes]) -> bytes:
    """A grey picture, a byte a pixel."""
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return head(len(rows[0]), len(rows)) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def head(width: int, height: int) -> bytes:
    """What a file starts with that says it is a grey picture of that size."""
    return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def grey(matrix: Sequence[Sequence[int]], *, scale: int = 4, dark: int = 0, light: int = 255) -> list[bytes]:
    """The modules of a QR code as rows of grey."""
    rows = (b"".join(bytes([dark if module else light]) * scale for module in row) for row in matrix)
    return [row for row in rows for _ in range(scale)]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

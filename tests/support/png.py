"""Pictures for tests: rows of grey as PNG, and just the head of one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

import zxingcpp

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(rows: Sequence[bytes]) -> bytes:
    """A grey picture, a byte a pixel."""
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    return head(len(rows[0]), len(rows)) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def animated(*pictures: Sequence[bytes]) -> bytes:
    """Pictures of one size, one after the other (APNG: PNG, third edition, 11.3.6)."""
    width, height = len(pictures[0][0]), len(pictures[0])
    frames = head(width, height) + _chunk(b"acTL", struct.pack(">II", len(pictures), 0))
    for number, rows in enumerate(pictures):
        order = max(0, 2 * number - 1)
        frames += _chunk(b"fcTL", struct.pack(">IIIIIHHBB", order, width, height, 0, 0, 1, 1, 0, 0))
        body = zlib.compress(b"".join(b"\0" + row for row in rows))
        frames += _chunk(b"fdAT", struct.pack(">I", order + 1) + body) if number else _chunk(b"IDAT", body)
    return frames + _chunk(b"IEND", b"")


def head(width: int, height: int) -> bytes:
    """What a file starts with that says it is a grey picture of that size."""
    return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def grey(matrix: Sequence[Sequence[int]], *, scale: int = 4, dark: int = 0, light: int = 255) -> list[bytes]:
    """The modules of a QR code as rows of grey."""
    rows = (b"".join(bytes([dark if module else light]) * scale for module in row) for row in matrix)
    return [row for row in rows for _ in range(scale)]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def read_png(picture: bytes) -> list[bytes]:
    """The rows of a screenshot in grey: 8 bits, with colours, not interlaced (RFC 2083)."""
    width, height, depth, kind = struct.unpack(">IIBB", picture[16:26])
    assert (8, True) == (depth, kind in {2, 6}), "a screenshot of Chromium"
    body, place = b"", 8
    while place < len(picture):
        (size,) = struct.unpack(">I", picture[place : place + 4])
        if picture[place + 4 : place + 8] == b"IDAT":
            body += picture[place + 8 : place + 8 + size]
        place += size + 12
    step = 3 if kind == 2 else 4
    return [row[1::step] for row in _unfiltered(zlib.decompress(body), width * step, height, step)]


def _unfiltered(flat: bytes, size: int, height: int, step: int) -> Iterator[bytes]:
    above = bytes(size)
    for start in range(0, height * (size + 1), size + 1):
        row, kind = bytearray(flat[start + 1 : start + 1 + size]), flat[start]
        for at in range(size):
            left, up = (row[at - step] if at >= step else 0), above[at]
            corner = above[at - step] if at >= step else 0
            row[at] = (row[at] + (0, left, up, (left + up) // 2, _nearest(left, up, corner))[kind]) & 255
        above = bytes(row)
        yield above


def _nearest(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


def read_codes(picture: bytes) -> list[str]:
    """The texts of the QR codes in a screenshot, as a foreign reader sees them."""
    rows = read_png(picture)
    image = memoryview(b"".join(rows)).cast("B", shape=[len(rows), len(rows[0])])
    return [found.text for found in zxingcpp.read_barcodes(image)]

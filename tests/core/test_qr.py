"""QR codes as SVG, as a foreign reader sees them. In a browser: ``tests/e2e/test_enrolment_page.py``."""

from __future__ import annotations

import re

import pytest
import zxingcpp

from watchword.core import qr
from watchword.core.otpauth import AuthenticatorKey, write_key_uri
from watchword.errors import InvalidInputError

_MOVES = re.compile(r"([Mmh])(-?[\d.]+)(?:[ ,](-?[\d.]+))?")
_SCALE = 4


def read(drawing: str) -> list[str]:
    """What a reader finds in a drawing, whose dark modules are strokes along rows."""
    size = int(re.findall(r'width="(\d+)"', drawing)[0]) // _SCALE
    (path,) = [found for found in re.findall(r'<path[^>]* d="([^"]+)"', drawing) if "v" not in found]
    rows = [bytearray(b"\xff" * size * _SCALE) for _ in range(size)]
    x, y = 0.0, 0.0
    for kind, across, down in _MOVES.findall(path):
        if kind == "h":
            rows[int(y)][int(x) * _SCALE : int(x + float(across)) * _SCALE] = bytes(int(float(across)) * _SCALE)
        x = float(across) + (0 if kind == "M" else x)
        y = float(down or 0) + (0 if kind == "M" else y)
    picture = b"".join(bytes(row) for row in rows for _ in range(_SCALE))
    image = memoryview(picture).cast("B", shape=[size * _SCALE, size * _SCALE])
    return [found.text for found in zxingcpp.read_barcodes(image)]


@pytest.mark.parametrize("size", [16, 20, 64])
@pytest.mark.parametrize("name", ["", "A", "ann@example.com", "A" * 100, "Grüße, 世界 " * 8])
def test_a_foreign_reader_reads_every_key(name: str, size: int) -> None:
    for filled in (bytes(size), b"\xff" * size, bytes(range(7, 7 + size))):
        uri = write_key_uri(AuthenticatorKey(filled, name, name or "x"))
        assert [uri] == read(qr.svg(uri, scale=_SCALE))


def test_every_size_that_a_phone_is_shown_is_read() -> None:
    texts = ["otpauth://totp/A?secret=" + "MFRGGZDFMZTWQ2LK" * count for count in range(1, 40, 3)]
    assert [[text] for text in texts] == [read(qr.svg(text, scale=_SCALE)) for text in texts]


def test_a_text_that_no_symbol_holds_is_refused() -> None:
    with pytest.raises(InvalidInputError) as refused:
        qr.svg("x" * 2332)
    assert "text" == refused.value.field

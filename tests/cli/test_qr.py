"""QR codes in a terminal are read by a foreign reader, as a phone would read them off the screen."""

from __future__ import annotations

import pytest
import zxingcpp

from tests.support.png import grey
from watchword.cli import qr
from watchword.errors import InvalidInputError

KEY = "otpauth://totp/ACME:ann@example.org?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ&issuer=ACME"
LIT = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}  # whether the upper and the lower half of a cell shine


def seen(drawing: str, *, ink_shines: bool) -> list[list[int]]:
    """What stands on the screen: 1 for each dark module."""
    rows: list[list[int]] = []
    for line in drawing.split("\n"):
        cells = [LIT[character] for character in line]
        rows += [[int(bool(cell[half]) != ink_shines) for cell in cells] for half in (0, 1)]
    return rows


def read(matrix: list[list[int]]) -> list[str]:
    rows = grey(matrix)
    image = memoryview(b"".join(rows)).cast("B", shape=[len(rows), len(rows[0])])
    return [found.text for found in zxingcpp.read_barcodes(image)]


@pytest.mark.parametrize("text", [KEY, "https://secrets.example.org/s/sc_x#kqjWl2", "ü東🔑"])
def test_a_code_is_read_off_a_dark_terminal(text: str) -> None:
    assert [text] == read(seen(qr.draw(text), ink_shines=True))


def test_with_colour_a_code_is_black_on_white_everywhere() -> None:
    lines = qr.draw(KEY, colour=True).split("\n")
    start, end = "\x1b[38;5;16;48;5;231m", "\x1b[0m"

    assert all(line.startswith(start) and line.endswith(end) for line in lines)
    bare = "\n".join(line.removeprefix(start).removesuffix(end) for line in lines)
    assert [KEY] == read(seen(bare, ink_shines=False))


def test_without_colour_nothing_is_told_to_the_terminal() -> None:
    assert set(qr.draw(KEY)) <= {*LIT, "\n"}


def test_all_lines_are_of_one_width_with_a_quiet_zone_around() -> None:
    lines = qr.draw(KEY).split("\n")

    assert 1 == len({len(line) for line in lines})
    assert {"█"} == set(lines[0] + lines[1])
    assert all(line.startswith("████") and line.endswith("████") for line in lines)


def test_a_text_that_no_code_can_hold_is_refused() -> None:
    qr.draw("x" * 2331)
    with pytest.raises(InvalidInputError, match="QR") as caught:
        qr.draw("x" * 2332)

    assert "text" == caught.value.field

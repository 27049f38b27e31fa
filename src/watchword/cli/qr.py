"""QR codes for a terminal: two rows of modules in a line of half blocks.

Rules: a code carries a secret, so it is drawn only when asked for, on whatever the caller chose to write to, and
nothing here prints. The quiet zone is part of the drawing: phones do not find a code without it.
"""

from __future__ import annotations

from itertools import zip_longest

import segno

from watchword.errors import InvalidInputError

QUIET = 4  # modules, ISO/IEC 18004 section 9.1
_BLOCKS = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}  # a light module is what shines on a dark terminal
_BLACK_ON_WHITE = {(0, 0): " ", (0, 1): "▄", (1, 0): "▀", (1, 1): "█"}
_PAPER, _PLAIN = "\x1b[38;5;16;48;5;231m", "\x1b[0m"


def draw(text: str, *, colour: bool = False) -> str:
    """Draw a QR code, line by line. It ends without a line feed.

    Without ``colour`` it is right on a dark terminal, and inverted, which most phones read too, on a light one. With
    it, escape sequences make it black on white everywhere.

    Raises:
        InvalidInputError: the text is longer than a QR code can be (2331 bytes).
    """
    try:
        code = segno.make(text, error="m", micro=False, boost_error=False)
    except segno.DataOverflowError:
        raise InvalidInputError("This is too long for a QR code.", field="text") from None
    rows = [bytes(row) for row in code.matrix_iter(border=QUIET)]
    width = len(rows[0])
    pairs = zip_longest(rows[::2], rows[1::2], fillvalue=bytes(width))
    blocks = _BLACK_ON_WHITE if colour else _BLOCKS
    lines = ["".join(blocks[above, below] for above, below in zip(*pair, strict=True)) for pair in pairs]
    return "\n".join(f"{_PAPER}{line}{_PLAIN}" if colour else line for line in lines)

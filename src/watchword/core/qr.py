"""QR codes as SVG, made on this machine, for a page or a file.

Not handled here: QR codes for a terminal (``cli/qr.py``), reading one.

Rules: black on white whatever the page around it looks like, quiet zone included, because phones find no other; the
text is in the drawing alone, in no title and no description.
"""

from __future__ import annotations

from watchword.errors import InvalidInputError

QUIET = 4  # modules, ISO/IEC 18004 section 9.1
# Which of the eight masks makes the most even picture is found by drawing all of them, and takes three quarters of the
# time. That is for texts with long runs of one sign; a key is as even as dice. A reader takes any of them.
MASK = 3


def svg(text: str, *, scale: int = 5) -> str:
    """Draw a text; ``scale`` is the width of a module.

    Raises:
        InvalidInputError: the text is longer than a QR code can be (2331 bytes).
    """
    import segno  # noqa: PLC0415 (a service that enrols nobody need not hold it in memory)

    try:
        code = segno.make(text, error="m", micro=False, boost_error=False, mask=MASK)
    except segno.DataOverflowError:
        raise InvalidInputError("This is too long for a QR code.", field="text") from None
    return code.svg_inline(scale=scale, border=QUIET, dark="#000", light="#fff", omitsize=False)

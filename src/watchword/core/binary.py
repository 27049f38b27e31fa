"""base64url without padding, each value in its one spelling (docs/spec/secret-link.md, section 1).

Not handled here: ids, which read far more often and have their own reader (``core/ids.py``).
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

# What may stand last, by how many characters are left over of groups of four: those whose spare bits are clear.
_ALL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LAST = (_ALL, "", _ALL[::16], _ALL[::4])
_TO_URL = bytes.maketrans(b"+/", b"-_")
_WRONG = "not base64url in its one spelling"


def encode(raw: bytes) -> str:
    """Write bytes."""
    return b2a_base64(raw, newline=False).translate(_TO_URL, b"=").decode()


def decode(text: str) -> bytes:
    """Read bytes.

    Raises:
        ValueError: another alphabet, padding, blanks, or spare bits that are set. The text is not repeated.
    """
    # Two spellings of one key would be two names of it. The decoder takes any spare bits, and its own alphabet.
    left_over = len(text) % 4
    if text[-1:] not in _LAST[left_over] or "+" in text or "/" in text:
        raise ValueError(_WRONG)
    try:
        return a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-left_over % 4), strict_mode=True)
    except ValueError:  # another character, or one that is not ASCII
        raise ValueError(_WRONG) from None


def decode_exactly(text: str, size: int) -> bytes:
    """Read a value of a known number of bytes.

    Raises:
        ValueError: as ``decode``, or another number of bytes.
    """
    raw = decode(text)
    if len(raw) != size:
        raise ValueError(f"not {size} bytes of base64url")
    return raw

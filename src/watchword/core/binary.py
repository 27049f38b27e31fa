"""base64url without padding, each value in its one spelling (docs/spec/secret-link.md, section 1).

Not handled here: ids, which read far more often and have their own reader (``core/ids.py``).
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

_ALL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# By how many characters are left over of groups of four: what may stand last, which is what has its spare bits clear,
# and the padding that the decoder asks for.
_ENDS = ((_ALL, b""), ("", b""), (_ALL[::16], b"=="), (_ALL[::4], b"="))
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/", b"+/!!")  # the decoder's alphabet, of which ours has two characters not
_WRONG = "not base64url in its one spelling"


def encode(raw: bytes) -> str:
    """Write bytes."""
    return b2a_base64(raw, newline=False).translate(_TO_URL, b"=").decode()


def decode(text: str) -> bytes:
    """Read bytes.

    Raises:
        ValueError: another alphabet, padding, blanks, or spare bits that are set. The text is not repeated.
    """
    last, padding = _ENDS[len(text) % 4]
    if text[-1:] not in last:  # two spellings of one key would be two names of it, and the decoder takes any spare bits
        raise ValueError(_WRONG)
    try:
        return a2b_base64(text.encode().translate(_FROM_URL) + padding, strict_mode=True)
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

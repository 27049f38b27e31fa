"""The document inside an envelope: what a secret may hold, its one spelling, and its padding.

Format: docs/spec/secret-link.md, section 4. A document is a plain ``dict`` as JSON has it.

Not handled here: encryption (``core/envelope.py``), whether a TOTP key is any good, and how a file name is made safe.

Rules:

* a closed list of types and members on the way in and on the way out: what a later version restricts must not be
  overlooked by an older reader;
* one spelling: a reader writes what it read once more and refuses a text that differs;
* no exception repeats a value, only the name of the member.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from watchword.core import binary
from watchword.errors import InvalidInputError, TooLargeError

Document = dict[str, Any]
Check = Callable[[Any], bool]

MAX_FILES = 20
MAX_CONTENT = 1_048_576  # bytes of a file that may be inside the document
MAX_SIZE = 2**53 - 1  # what a JSON number holds exactly
FILE_KEY_SIZE = 16

SMALLEST = 512
STEP = 65_536
LARGEST = 2_097_152

_BASE32 = re.compile(r"[A-Z2-7]+")
_ZEROS = re.compile(r"0*")
_MAX_PERIOD = 86_400  # seconds


def write(document: Document) -> bytes:
    """The padded canonical text of a document.

    Raises:
        InvalidInputError: a member is missing, not listed or of another kind.
        TooLargeError: there is no size left to pad it to.
    """
    _check(document)
    bare = _canonical({**document, "pad": ""})
    return _canonical({**document, "pad": "0" * (padded_size(len(bare)) - len(bare))})


def read(text: bytes) -> Document:
    """The document of a padded canonical text, without its padding.

    Raises:
        InvalidInputError: it is not one, or not in its one spelling.
    """
    try:
        document = json.loads(text.decode())
    except (ValueError, RecursionError):
        raise _refused("") from None
    if not isinstance(document, dict) or not isinstance(pad := document.pop("pad", None), str):
        raise _refused("pad")
    _check(document)
    padded = len(text) == _size_at_least(len(text))
    if not (padded and _ZEROS.fullmatch(pad) and _canonical({**document, "pad": pad}) == text):
        raise _refused("pad")
    return document


def padded_size(size: int) -> int:
    """The length to which a text of ``size`` bytes is padded.

    Raises:
        TooLargeError: it is longer than the longest.
    """
    padded = _size_at_least(size)
    if padded > LARGEST:
        raise TooLargeError("The secret is too long for an envelope.", field="document")
    return padded


def _size_at_least(size: int) -> int:
    if size > STEP:
        return -(-size // STEP) * STEP
    return max(SMALLEST, 1 << max(0, size - 1).bit_length())


def _canonical(document: Document) -> bytes:
    # RFC 8785 for what _check lets through: the names are ASCII, numbers are integers below 2^53.
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _check(document: Document) -> None:
    kind = document.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise _refused("type")
    must, may = _TYPES[kind]
    _members(document, {"type": _is_text, **must}, {**may, "label": _is_text, "note": _is_text}, "")


def _members(held: object, must: Mapping[str, Check], may: Mapping[str, Check], path: str) -> None:
    if not isinstance(held, dict):
        raise _refused(path)
    if held.keys() - must.keys() - may.keys():
        raise _refused(f"{path} (a member that is not listed)")
    for name, check in {**must, **may}.items():
        if (name in must or name in held) and not (name in held and check(held[name])):
            raise _refused(f"{path}.{name}")


def _refused(path: str) -> InvalidInputError:
    place = path.lstrip(".") or "as a whole"
    return InvalidInputError(f"The document does not hold what it must: {place}.", field="document")


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate has no bytes, and JavaScript would write another character
        return False
    return True


def _is_integer(lowest: int, highest: int) -> Check:
    # type() and not isinstance(): True is an int in Python and no number in JSON.
    return lambda value: type(value) is int and lowest <= value <= highest


def _is_one_of(*values: str) -> Check:
    return lambda value: isinstance(value, str) and value in values


def _is_base32(value: object) -> bool:
    return isinstance(value, str) and _BASE32.fullmatch(value) is not None


def _is_bytes(value: object, size: int) -> bool:
    try:
        return isinstance(value, str) and len(binary.decode(value)) == size
    except ValueError:
        return False


def _is_key(value: object) -> bool:
    return _is_bytes(value, FILE_KEY_SIZE)


def _is_totp(value: object) -> bool:
    _members(value, _TOTP, _TOTP_MAY, ".totp")
    return True


def _is_file(entry: object, number: int) -> bool:
    path = f".files[{number}]"
    inside = isinstance(entry, dict) and "content" in entry
    where: dict[str, Check] = {"content": _is_text} if inside else {"blob": _is_blob, "key": _is_key}
    _members(entry, {"name": _is_text, "size": _is_integer(0, MAX_SIZE), **where}, {"media_type": _is_text}, path)
    if isinstance(entry, dict) and inside:
        return entry["size"] <= MAX_CONTENT and _is_bytes(entry["content"], entry["size"])
    return True


def _are_files(value: object) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_FILES:
        return False
    if not all(_is_file(entry, number) for number, entry in enumerate(value)):
        return False
    blobs = [entry["blob"] for entry in value if "blob" in entry]
    return len(blobs) == len(set(blobs))


_is_blob = _is_integer(0, MAX_FILES - 1)

_TOTP: Mapping[str, Check] = {
    "secret": _is_base32,
    "algorithm": _is_one_of("SHA1", "SHA256", "SHA512"),
    "digits": _is_integer(6, 8),
    "period": _is_integer(1, _MAX_PERIOD),
}
_TOTP_MAY: Mapping[str, Check] = {"issuer": _is_text, "account": _is_text}
_TYPES: Mapping[str, tuple[Mapping[str, Check], Mapping[str, Check]]] = {
    "text": ({"text": _is_text}, {}),
    "totp": (_TOTP, _TOTP_MAY),
    "login": ({"password": _is_text}, {"username": _is_text, "url": _is_text, "totp": _is_totp}),
    "file": ({"files": _are_files}, {}),
}

"""The key file: where the keyring lies between starts.

    {"version": 1, "current": 2, "index": "…", "keys": {"1": {"key": "…", "created_at": "2026-11-23T14:02:11.000Z"}, …}}

Every key is 32 bytes in base64url without padding.

Not handled here: what keys are for (``core/keyring.py``), when the file is read again (``flows/keys.py``).

Rules:

* the file belongs to us (or root) and nobody else may read it, or it is not read at all;
* it is written whole to a neighbour, synced and renamed, so that a crash leaves the old file or the new one;
* whoever writes holds the lock beside it: two processes that start at once agree on one file, and two rotations
  add two keys;
* keys that nobody drew at random are refused; no error holds a byte of a key.
"""

from __future__ import annotations

import fcntl
import os
import stat
from base64 import urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import msgspec

from watchword.core.instant import Instant, rfc3339
from watchword.core.keyring import KEY_SIZE, MAX_NUMBER, Keyring
from watchword.errors import SettingsError

SETTING = "WATCHWORD_KEY_FILE"
VERSION = 1

_FEWEST_BYTES = 16  # different bytes in a key: of 32 random ones, fewer than this is a case in 10^11
_MOST_READ = 65_536  # 255 keys fit in half of it


class StoredKey(msgspec.Struct, forbid_unknown_fields=True):
    """One numbered key."""

    key: str
    created_at: str

    def __repr__(self) -> str:
        return f"StoredKey(created_at={self.created_at!r})"


class KeyDocument(msgspec.Struct, forbid_unknown_fields=True):
    """The file as it is written."""

    version: int
    current: int
    index: str
    keys: dict[str, StoredKey]

    def __repr__(self) -> str:
        return f"KeyDocument(current={self.current}, keys={list(self.keys)})"


def load(path: Path) -> Keyring:
    """Read the key file.

    Raises:
        SettingsError: it is missing, readable by others, or not a key file with keys that were drawn at random.
    """
    return _keyring(_read(path))


def version(path: Path) -> tuple[int, ...] | None:
    """What tells the file from another one that takes its place, or from itself before a change; None without one."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def listing(path: Path) -> Sequence[tuple[int, str, bool]]:
    """Number, time of making and whether it is current, of each key.

    Raises:
        SettingsError: as ``load``.
    """
    document = _read(path)
    ring = _keyring(document)
    return [(number, document.keys[str(number)].created_at, number == ring.current) for number in ring.numbers]


def ensure(path: Path, draw: Callable[[int], bytes], now: Instant) -> bool:
    """Make the key file where there is none; returns whether it was made.

    Raises:
        SettingsError: it cannot be written.
    """
    if path.exists():
        return False
    with _locked(path):
        if path.exists():  # another process was first, and its file is the one
            return False
        first = StoredKey(_write_key(draw(KEY_SIZE)), rfc3339(now))
        _write(path, KeyDocument(VERSION, 1, _write_key(draw(KEY_SIZE)), {"1": first}), 0o600)
    return True


def rotate(path: Path, draw: Callable[[int], bytes], now: Instant) -> int:
    """Add the next key, make it current, and return its number. The index key and all earlier keys stay.

    Raises:
        SettingsError: the file cannot be read or written, or has no number left.
    """
    _read(path)  # first, so that a mistyped folder is not made to hold a lock
    path = path.resolve()  # a link stays one: whoever reads the file by another name gets the key, and one lock holds
    with _locked(path):
        document = _read(path)
        number = _keyring(document).numbers[-1] + 1
        if number > MAX_NUMBER:
            raise _refused(f"holds key {MAX_NUMBER}, the last number there is: begin a new key file and database")
        document.keys[str(number)] = StoredKey(_write_key(draw(KEY_SIZE)), rfc3339(now))
        document.current = number
        _write(path, document, stat.S_IMODE(path.stat().st_mode))
    return number


def _refused(why: str) -> SettingsError:
    return SettingsError(f"The key file {why}.", setting=SETTING)


# --- reading ---------------------------------------------------------------------------------------


def _read(path: Path) -> KeyDocument:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise _refused(f"{path} does not exist; the first `watchword serve` makes it") from None
    except OSError as error:
        raise _refused(f"{path} cannot be opened: {error.strerror}") from None
    try:
        _demand_private(os.fstat(descriptor))  # of what was opened: a path could be another file a moment later
        content = os.read(descriptor, _MOST_READ)
    finally:
        os.close(descriptor)
    try:
        return msgspec.json.decode(content, type=KeyDocument)
    except msgspec.MsgspecError:
        # What the decoder says is left out: it may quote a value.
        raise _refused("is not a key file of this version: it must hold version, current, index and keys") from None


def _demand_private(facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise _refused("must be a file")
    if facts.st_mode & 0o077:
        raise _refused("can be read by others: make it 0600 (chmod 600)")
    if facts.st_uid not in {0, os.geteuid()}:
        raise _refused("belongs to another user: run this as the user that runs the service")


def _keyring(document: KeyDocument) -> Keyring:
    if document.version != VERSION:
        raise _refused(f"has version {document.version}; this version of Watchword reads {VERSION}")
    keys = {_number(text): _read_key(stored.key) for text, stored in document.keys.items()}
    index = _read_key(document.index)
    if document.current not in keys:
        raise _refused("has no key under the number that is current")
    if len({*keys.values(), index}) != len(keys) + 1:
        raise _refused("holds the same key twice")
    return Keyring(keys, current=document.current, index=index)


def _number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0  # noqa: PLR2004 (255)
    if not 1 <= number <= MAX_NUMBER or str(number) != text:
        raise _refused(f"numbers its keys wrongly: numbers run from 1 to {MAX_NUMBER}")
    return number


def _read_key(text: str) -> bytes:
    try:
        key = a2b_base64(text.translate(str.maketrans("-_", "+/")) + "=", strict_mode=True)
    except (Base64Error, ValueError):
        key = b""
    if len(key) != KEY_SIZE or _write_key(key) != text:
        raise _refused(f"holds a key that is not {KEY_SIZE} bytes in base64url")
    _demand_chance(key)
    return key


def _demand_chance(key: bytes) -> None:
    """Refuse what a person typed or a tool left as default: text, zeros, repeats, counting."""
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    half = KEY_SIZE // 2
    printable = all(0x20 <= byte < 0x7F for byte in key)  # noqa: PLR2004 (printable ASCII)
    if printable or len(set(key)) < _FEWEST_BYTES or len(steps) == 1 or key[:half] == key[half:]:
        raise _refused("holds a key that was not drawn at random; let Watchword make the file")


# --- writing ---------------------------------------------------------------------------------------


def _write_key(key: bytes) -> str:
    return urlsafe_b64encode(key).rstrip(b"=").decode()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock beside the key file. The lock file stays: removing it would let two processes hold two locks."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _refused(f"cannot be written to {path.parent}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write(path: Path, document: KeyDocument, mode: int) -> None:
    fresh = path.with_name(path.name + ".new")
    content = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    try:
        fresh.unlink(missing_ok=True)  # left by a crash; the lock says that nobody is writing it
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:  # noqa: PTH123 (opened with its mode)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        fresh.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise _refused(f"cannot be written: {error.strerror}") from None


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

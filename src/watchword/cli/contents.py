"""What ``watchword share`` shares: standard input or files, read and turned into documents of docs/spec/secret-link.md.

Not handled here: sealing and sending (``share.py``), what a key or a document may be (``core``).

Rules: a secret comes from standard input or a file, never from an argument; a text is shared as it is, but for the
one line end that ends a single line; a key that cannot be used is refused with a reason that repeats none of it.
"""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from getpass import getpass
from pathlib import Path

from watchword.cli import console, login
from watchword.client.sealing import INLINE
from watchword.core import binary, otpauth, pasted, secret_content
from watchword.core.otpauth import AuthenticatorKey, Understood
from watchword.core.otpauth_export import Export
from watchword.core.otpauth_words import PROBLEMS, WARNINGS
from watchword.core.secret_content import Login
from watchword.core.secret_document import Document
from watchword.errors import InvalidInputError, TooLargeError

MAX_TEXT = 1 << 20  # bytes; what is longer is a file
CHUNK = 1 << 20


@dataclass(frozen=True)
class Body:
    """A file that is sealed by itself, and the entry of it in the document."""

    path: Path
    size: int
    entry: dict[str, object] = field(repr=False)

    def chunks(self) -> Iterator[bytes]:
        """Its bytes.

        Raises:
            InvalidInputError: it cannot be read, or is no longer what it was.
        """
        left = self.size
        try:
            with self.path.open("rb") as file:
                while chunk := file.read(min(CHUNK, left + 1)):
                    left -= len(chunk)
                    if left < 0:
                        break
                    yield chunk
        except OSError:
            raise InvalidInputError(f"{self.path.name} cannot be read.", field="file") from None
        if left:
            raise InvalidInputError(f"{self.path.name} was changed while it was read.", field="file")


@dataclass(frozen=True)
class Content:
    """One secret to be: its document, what it is in words that tell nothing of it, and the key if it is one."""

    document: Document = field(repr=False)
    told: str
    bodies: Sequence[Body] = ()
    key: AuthenticatorKey | None = None


def read(files: Sequence[Path], *, totp: bool, is_login: bool, label: str | None) -> list[Content]:
    """Everything to be shared; an export makes one content an account, a login with a key makes two.

    Raises:
        InvalidInputError, TooLargeError.
    """
    if totp and is_login:
        raise InvalidInputError("A login brings its key along: --login alone.", field="totp")
    if totp:
        contents = _keys(_read_text(_only(files)).strip())
    elif is_login:
        contents = _login(_ask_login() if not files and sys.stdin.isatty() else _read_text(_only(files)))
    elif files:
        contents = [_files(files)]
    else:
        contents = _text(_read_text(None))
    for content in contents:
        if label:
            content.document["label"] = label
    return contents


def _only(files: Sequence[Path]) -> Path | None:
    if len(files) > 1:
        raise InvalidInputError("With --totp and --login there is one file, which holds it as text.", field="file")
    return files[0] if files else None


def _read_text(path: Path | None) -> str:
    try:
        raw = _ask() if path is None and sys.stdin.isatty() else _bytes(path)
        text = raw.decode()
    except OSError:
        raise InvalidInputError("The file cannot be read.", field="file") from None
    except UnicodeDecodeError:
        raise InvalidInputError("This is no text in UTF-8: share it with --file.", field="stdin") from None
    if len(raw) > MAX_TEXT:
        raise TooLargeError("This is too long for a text: share it with --file.", field="stdin")
    if not text.strip():
        raise InvalidInputError("There is nothing to share: it is read from standard input or --file.", field="stdin")
    return text


def _ask() -> bytes:
    return getpass("Secret (not shown): ", stream=sys.stderr).encode(errors="replace")


def _bytes(path: Path | None) -> bytes:
    if path is None:
        return sys.stdin.buffer.read(MAX_TEXT + 1)
    with path.open("rb") as file:
        return file.read(MAX_TEXT + 1)


def _text(text: str) -> list[Content]:
    # An export, taken for a text, would hand out every account of a phone at once.
    if text.strip().lower().startswith((otpauth.SCHEME, otpauth.EXPORT)):
        return _keys(text.strip())
    if isinstance(pasted.recognise(text), pasted.Key):
        console.say("This looks like an authenticator key. It is shared as text; with --totp it is shared as a key.")
    line = text.removesuffix("\n").removesuffix("\r")
    # The line end of `echo` belongs to no password. A text of several lines, a private key say, needs its last one.
    whole = text if "\n" in line else line
    return [Content({"type": "text", "text": whole}, "a text")]


def _ask_login() -> str:
    """Ask for a login at a terminal, line by line, and put it down as ``login.read`` reads it."""
    print("User name: ", end="", file=sys.stderr, flush=True)
    username = sys.stdin.readline().strip()
    password = getpass("Password (not shown): ", stream=sys.stderr)
    key = getpass("Its authenticator's key or set-up link, or nothing (not shown): ", stream=sys.stderr).strip()
    lines = [f"{name}: {value}" for name, value in (("username", username), ("totp", key)) if value]
    return "\n".join([password, *lines])


def _login(text: str) -> list[Content]:
    given = login.read(text)
    document = secret_content.to_document(Login(password=given.password, username=given.username, url=given.url))
    if given.note is not None:
        document["note"] = given.note
    contents = [Content(document, "a login")]
    if given.totp is not None:
        contents.append(_key(given.totp))
        console.say("Two links: the password's first, then its authenticator's. Send them by two ways.")
    return contents


def _keys(text: str) -> list[Content]:
    found = pasted.recognise(text)
    if isinstance(found, pasted.Problem):
        raise InvalidInputError(PROBLEMS[found.reason], field="totp")
    if isinstance(found, Export):
        for account in found.unusable:
            console.say(f"Left out: {_name(account.issuer, account.account)}. {PROBLEMS[account.reason]}")
        if found.parts > 1:
            console.say(f"This is part {found.part} of {found.parts} of an export; the other parts are not in it.")
        contents = [_key(account) for account in found.accounts]
        if not contents:
            raise InvalidInputError(PROBLEMS["no_accounts"], field="totp")
        return contents
    return [_key(found.understood if isinstance(found, pasted.Key) else otpauth.read_base32(text))]


def _key(understood: Understood) -> Content:
    key = understood.key
    told = f"an authenticator key ({_name(key.issuer, key.account)})"
    for warning in understood.warnings:
        console.say(WARNINGS[warning])
    return Content(secret_content.to_document(key), told, key=key)


def _name(issuer: str, account: str) -> str:
    return ", ".join(part for part in (issuer, account) if part) or "without a name"


def _size(path: Path) -> int:
    try:
        if path.is_file():
            return size_of(path)
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}.", field="file") from None
    raise InvalidInputError(f"{path} is not there, or is no file.", field="file")


def _files(paths: Sequence[Path]) -> Content:
    sizes = [_size(path) for path in paths]
    inline = sum(sizes) <= INLINE
    bodies = [Body(path, size, _entry(path, size)) for path, size in zip(paths, sizes, strict=True)]
    if inline:
        for body in bodies:
            body.entry["content"] = binary.encode(b"".join(body.chunks()))
    document: Document = {"type": "file", "files": [body.entry for body in bodies]}
    what = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
    return Content(document, f"{what}, {sum(sizes)} bytes", () if inline else bodies)


def size_of(path: Path) -> int:
    """How long a file is, before it is read."""
    return path.stat().st_size


def _entry(path: Path, size: int) -> dict[str, object]:
    # A name that is no Unicode is a name all the same, and the document takes text alone.
    name = path.name.encode(errors="surrogateescape").decode(errors="replace")
    media_type = mimetypes.guess_type(path.name)[0]
    return {"name": name, "size": size} | ({"media_type": media_type} if media_type else {})

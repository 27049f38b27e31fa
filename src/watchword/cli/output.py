"""Where ``watchword reveal`` puts what it opened: standard output as it is, a terminal made harmless, or a file.

Not handled here: what is put there (``reveal.py``).

Rules:

* what already is there is replaced only where a person says so, and that is asked before anything is spent;
* a file appears under its name once all of it is there, readable by its owner alone;
* a name that a stranger gave is a name and never a path;
* a terminal is sent no control character, and none that turns the direction of text.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile

from watchword.cli import console
from watchword.errors import InvalidInputError, UnavailableError

# Joiners stay, names in many scripts need them; what reorders or hides text is shown as what it is.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_IN_NAME = re.compile('[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff:*?"<>|]')
_AGAIN = " Nothing is lost: run the command again within 15 minutes."
_LONGEST_NAME = 200  # bytes; most file systems take 255


def visible(text: str) -> str:
    """The text with every character that a terminal would obey written out."""
    return _UNSEEN.sub(lambda found: _escaped(found[0]), text)


def safe_name(name: str) -> str:
    """A file name out of a name that a stranger gave: its last part, without what is no part of a name."""
    last = re.split(r"[/\\]", name)[-1]
    bare = _IN_NAME.sub("", last).strip(". ")
    cut = bare.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return cut or "file"


def free_place(name: str, folder: Path = Path()) -> Path:
    """A place in a folder where nothing is, of that name or nearly so."""
    wanted = folder / safe_name(name)
    names = (wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}") for number in count(2))
    return wanted if not os.path.lexists(wanted) else next(place for place in names if not os.path.lexists(place))


def agreed(path: Path, *, into_folder: bool = False) -> None:
    """Make sure that a file may be written here; what is there is replaced only where a person says so.

    ``into_folder``: it was written with a slash at its end, so a file of that name is not what was meant.

    Raises:
        InvalidInputError: it may not be.
    """
    folder = path if into_folder else path.parent
    try:
        if not folder.is_dir():
            raise InvalidInputError(f"There is no folder {folder}. Nothing was opened.", field="output")
        if path.is_dir() or not os.path.lexists(path):
            return
    except OSError as error:
        detail = f"{path} cannot be written: {error.strerror}. Nothing was opened."
        raise InvalidInputError(detail, field="output") from None
    if not sys.stdin.isatty():
        raise InvalidInputError(f"{path} is there already. Nothing was opened.", field="output")
    print(f"{path} is there already. Replace it? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise InvalidInputError(f"{path} stays as it is. Nothing was opened.", field="output")


def to_file(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file as a whole or not at all.

    Raises:
        UnavailableError: the disk does not take it.
    """
    failed = ""
    try:
        # Beside the target, because a rename is one step only within a file system. Its mode is 0600.
        with NamedTemporaryFile(dir=path.parent, prefix=".watchword-", delete=False) as part:
            try:
                for piece in pieces:
                    part.write(piece)
                part.flush()
                os.fsync(part.fileno())
                Path(part.name).replace(path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        failed = f"{path} cannot be written: {error.strerror}."
    if failed:
        raise UnavailableError(f"{failed}{_AGAIN}")


def to_stdout(pieces: Iterable[bytes]) -> None:
    """Write bytes as they are, and come back when they are out.

    Raises:
        BrokenPipeError, UnavailableError: as ``console.going_out``.
    """
    for piece in pieces:  # which come from the network, whose errors are not those of the output
        with console.going_out(_AGAIN):
            sys.stdout.buffer.write(piece)
    with console.going_out(_AGAIN):
        sys.stdout.buffer.flush()


def show(text: str) -> None:
    """Write a text: as it is, or at a terminal made harmless and ended with a line."""
    if not sys.stdout.isatty():
        to_stdout([text.encode()])
        return
    shown = visible(text)
    with console.going_out(_AGAIN):
        print(shown, end="" if shown.endswith("\n") else "\n", flush=True)


def _escaped(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"  # noqa: PLR2004 - a byte

"""What every command prints, asks and reads, in one manner.

Rules: results to standard output, everything else to standard error; a secret comes from a file or from standard
input, and at a terminal it is asked for without being shown.
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from getpass import getpass
from pathlib import Path

from watchword import settings_table
from watchword.core.app import KEY_PREFIX
from watchword.core.instant import rfc3339_of
from watchword.errors import (
    InvalidInputError,
    NotAcceptedError,
    RateLimitedError,
    SettingsError,
    UnauthenticatedError,
    UnavailableError,
    WatchwordError,
)

# What a person's terminal may be told to do by a value is nothing: control characters are shown, not sent.
_VISIBLE = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) != "\n"}

# What an operator can set. The SDK's errors name its own parameters, which nobody at a terminal has heard of.
_SETTINGS = {setting.name for setting in (*settings_table.ENVIRONMENT, *settings_table.FILE)}

# How the command line parser says what is wrong with a value, and how a person would.
_PARSER_WORDS = (
    # What it repeats may be the secret itself, which a person took for an argument.
    (
        r"^Got unexpected extra arguments?(\(s\))? \(.*\)$",
        "There is more here than this command takes; a secret comes by standard input or in a file",
    ),
    (r"is not a valid int(eger)?( range)?\b", "is not a whole number"),
    (r"is not in the range (\d+)<=x<=(\d+)", r"is not a number from \1 to \2"),
)


def stand_in() -> None:
    """Put something in the place of streams that were closed before this process began (``>&-``).

    Python leaves None there, and prints what was meant for None to standard output: a complaint, or the address of a
    status page, would become part of the result. The descriptors are taken, too, before a database or socket gets
    one of them. Standard output refuses to be written: a result that goes nowhere is no success.
    """
    streams = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))
    for name, access, mode in streams:
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, access)
            setattr(sys, name, open(nowhere, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for all its life


def result(text: str, document: object, *, as_json: bool) -> None:
    """Print a command's result: the text, or with ``--json`` the document on one line, times in it as the API has them.

    Raises:
        BrokenPipeError, UnavailableError: as ``going_out``.
    """
    with going_out():
        print(json.dumps(document, ensure_ascii=True, default=_timed) if as_json else plain(text), flush=True)


def _timed(value: object) -> str:
    if isinstance(value, datetime):
        return rfc3339_of(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can say")


@contextmanager
def going_out(then: str = "") -> Iterator[None]:
    """Write to standard output. ``then`` is what a person can do where that fails.

    Raises:
        BrokenPipeError: nobody reads it.
        UnavailableError: it is closed, or its disk is full.
    """
    try:
        yield
    except BrokenPipeError:
        give_up_output()
        raise
    except OSError as error:
        give_up_output()
        raise UnavailableError(f"Standard output cannot be written: {error.strerror}.{then}") from None


def say(text: str) -> None:
    """Tell a person something that is not the result. Where nobody can be told, the command goes on all the same."""
    with suppress(OSError):
        print(plain(text), file=sys.stderr, flush=True)


def say_made(database: Path) -> None:
    """Tell a person that there was no database before: the folder may be mistyped."""
    say(f"Made a new database: {database.resolve()}")


def give_up_output() -> None:
    """Write to nowhere from now on: whoever read the output has gone, and Python would complain about it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def plain(text: str) -> str:
    """The text with its control characters made visible."""
    return text.translate(_VISIBLE)


def complain(error: WatchwordError, *, as_json: bool) -> None:
    """Say what went wrong: one sentence, or with ``--json`` a problem document."""
    if as_json:
        with suppress(OSError):
            print(json.dumps(problem(error), ensure_ascii=True), file=sys.stderr, flush=True)
        return
    say(f"watchword: {error.detail}{advice(error)}")


def problem(error: WatchwordError) -> Mapping[str, object]:
    """The error as a document, with the same words as the API's problems, and what the network said of a service."""
    facts = {"code": error.code, "detail": error.detail}
    names = ["reason", "field", "setting", "retry_after", "attempts_remaining", "status", "at"]
    if isinstance(error, UnavailableError):  # elsewhere it is one of the others once more
        names.append("aside")
    return facts | {name: value for name in names if (value := getattr(error, name, None)) not in {None, ""}}


def is_usage(error: Exception) -> bool:
    """Whether an exception is the command line parser's own complaint."""
    return hasattr(error, "format_message")


def is_question(error: Exception) -> bool:
    """Whether it is the parser's way to say that a command such as ``watchword app`` needs another word."""
    return type(error).__name__ == "NoArgsIsHelpError"


def complain_usage(error: Exception, *, as_json: bool) -> None:
    """Say what is wrong with the command line."""
    text = " ".join(str(getattr(error, "format_message")()).split())  # noqa: B009 (is_usage looked)
    for theirs, ours in _PARSER_WORDS:
        text = re.sub(theirs, ours, text)
    complain(InvalidInputError(text), as_json=as_json)
    if not as_json:
        command = getattr(getattr(error, "ctx", None), "command_path", "watchword")
        say(f"`{command} --help` shows what there is.")


def complain_fault(error: Exception, *, as_json: bool) -> None:
    """Say that nobody foresaw this, with what a report needs. A trace holds names and lines of code, and no values."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
    if not as_json:
        with suppress(OSError):
            traceback.print_exception(error)
    complain(WatchwordError(f"A fault in Watchword itself, please report it: {place}."), as_json=as_json)


def secret(name: str, file: Path | None = None) -> str:
    """Read a secret from a file, or one line of standard input; at a terminal, ask for it.

    Raises:
        InvalidInputError: there is none, or the file cannot be read.
    """
    if file is not None:
        try:
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            if file.name.startswith(KEY_PREFIX):  # it stays out of the terminal's log, and of whoever reads that
                detail = "This wants the name of a file that holds the API key, and not the key itself."
            else:
                detail = f"The file with the {name}, {file}, cannot be read: {trouble(error)}."
            raise InvalidInputError(detail, field=name) from None
    elif sys.stdin.isatty():
        text = getpass(f"{name[:1].upper()}{name[1:]} (not shown): ", stream=sys.stderr)
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise InvalidInputError(f"The {name} is read from a file or from standard input, and is empty.", field=name)
    return text.strip()


@contextmanager
def api_key(url: str, file: Path | None) -> Iterator[str]:
    """The API key for the service at ``url``, from a file or the first line of standard input.

    Raises:
        InvalidInputError: there is none.
        UnauthenticatedError: raised inside, it leaves with the words where that key came from and which service it was.
    """
    key = secret("API key", file)
    where = "on the first line of standard input" if file is None else f"in {file}"
    if not key.startswith(KEY_PREFIX):
        hint = " --key-file names a file that holds one." if file is None else ""
        raise InvalidInputError(f"There is no API key {where}: one begins with {KEY_PREFIX}.{hint}", field="API key")
    refused = False
    try:
        yield key
    except UnauthenticatedError:
        refused = True
    if refused:
        raise UnauthenticatedError(f"The service at {url} does not know the API key {where}.")


def passphrase(file: Path | None = None, asked: str = "Passphrase (not shown): ") -> str:
    """Read a passphrase as it was typed, but for a line end: blanks at its ends belong to it.

    From a file, or one line of standard input; at a terminal it is asked for without being shown.

    Raises:
        InvalidInputError: there is none, or the file cannot be read.
    """
    try:
        if file is not None:
            text = file.read_text("utf-8")
        elif sys.stdin.isatty():
            text = getpass(asked, stream=sys.stderr)
        else:
            text = sys.stdin.readline()
    except (OSError, UnicodeDecodeError) as error:
        what = "passphrase" if file is None else "file with the passphrase"
        if isinstance(error, PermissionError | IsADirectoryError | UnicodeDecodeError):
            what += f", {file},"  # it is there: otherwise somebody may have given the passphrase itself
        raise InvalidInputError(f"The {what} cannot be read: {trouble(error)}.", field="passphrase") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text and file is not None:
        raise InvalidInputError(f"The file with the passphrase, {file}, is empty.", field="passphrase")
    if not text:
        raise InvalidInputError(
            "This needs a passphrase: from --passphrase-file, a line of standard input or a terminal.",
            field="passphrase",
        )
    return text


def trouble(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, without a byte of it."""
    return error.strerror or "it is no file" if isinstance(error, OSError) else "it is not in UTF-8"


def advice(error: WatchwordError) -> str:
    """What a person should know beside the sentence: how long to wait, how many tries are left, which setting it is."""
    if isinstance(error, RateLimitedError):
        return f" Try again in {error.retry_after} s."
    if isinstance(error, NotAcceptedError) and error.attempts_remaining is not None:
        return f" Reason: {error.reason}. Tries left: {error.attempts_remaining}."
    if isinstance(error, NotAcceptedError):
        return f" Reason: {error.reason}."
    if isinstance(error, UnavailableError) and error.aside:
        return f" ({error.aside})"
    if isinstance(error, SettingsError) and error.setting in _SETTINGS and error.setting not in error.detail:
        return f" ({error.setting})"
    return ""

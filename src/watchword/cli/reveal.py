"""``watchword reveal``: open a secret on this machine, write it out, and say that it was read.

The link may be an argument, as in a browser's address bar; without one, or with ``-``, it is a line of standard
input, which no process list and no shell history keeps.

Not handled here: opening (``client/opening.py``, ``core/records.py``), where it goes (``output.py``).

Rules:

* everything that can fail for want of something here is looked at before a view is spent;
* the read is acknowledged after the last byte is out, so that whatever breaks before can be repeated with the same
  claim (``claims.py``);
* the service is the one in the link, over https or on this machine, and is never sent more than proofs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchword.adapters.system import SystemEntropy
from watchword.cli import claims, console, exits, output, progress, showing
from watchword.client import GrantedSecret, SecretClient, SeenSecret, opening
from watchword.core import binary, envelope, ids, records, secret_link
from watchword.core.envelope import Keys
from watchword.core.secret_document import Document
from watchword.errors import (
    InvalidInputError,
    MismatchError,
    RefusedError,
    WatchwordError,
)

_TRIES = 3  # at a terminal, before the command gives up


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    link: str | None = field(repr=False)
    output: Path | None
    qr: bool
    passphrase_file: Path | None
    as_json: bool
    into_folder: bool = False


@dataclass(frozen=True)
class _Opened:
    """A secret that was opened, and what is needed to fetch the rest of it and to end it."""

    client: SecretClient
    id: str
    link: bytes = field(repr=False)
    claim: bytes = field(repr=False)
    document: Document = field(repr=False)
    views_remaining: int


def reveal(asked: Asked) -> int:
    """Open a secret; returns the exit code."""
    link = secret_link.read_link(_read_link(asked.link))
    if asked.output is not None:
        output.agreed(asked.output, into_folder=asked.into_folder)
    with SecretClient(link.public_url) as client:
        opened = _open(client, link, asked)
        try:
            _put(opened, asked)
        except BrokenPipeError:
            console.say("Nobody read all of it, so it is not ended: run the command again within 15 minutes.")
            return exits.REFUSED
        _end(opened)
    if opened.views_remaining and asked.link not in {None, "-"}:
        console.say(
            f"Views left: {opened.views_remaining}. Your shell may keep the link; without it, the command asks for one."
        )
    return exits.OK


def _read_link(given: str | None) -> str:
    if given is not None and given != "-":
        return given
    return console.secret("link")


def _open(client: SecretClient, link: secret_link.SharedLink, asked: Asked) -> _Opened:
    name, proof = ids.to_text(ids.SECRET, link.id), envelope.link_proof(link.key)
    seen, begun = client.open(name, proof), claims.load(name)
    nonce = opening.nonce_of(seen, begun=begun is not None)
    claim = begun or SystemEntropy().draw(claims.SIZE)
    if begun is None and not claims.keep(name, claim):
        console.say("This command cannot be repeated where it breaks off: ~/.local/state cannot be written.")
    try:
        keys, granted = _claim(lambda keys: client.claim(name, proof, claim, auth=keys.auth), link, nonce, seen, asked)
    except RefusedError:
        # A claim that was refused spent nothing. One without an answer may have, and is kept.
        if begun is None:
            claims.forget(name)
        raise
    return _Opened(client, name, proof, claim, opening.open_granted(keys, granted), granted.views_remaining)


def _claim(
    ask: Callable[[Keys], GrantedSecret],
    link: secret_link.SharedLink,
    nonce: bytes,
    seen: SeenSecret,
    asked: Asked,
) -> tuple[Keys, GrantedSecret]:
    """Take a view; at a terminal, a wrong passphrase may be typed again."""
    again = _TRIES if asked.passphrase_file is None and sys.stdin.isatty() else 1
    while True:
        keys = _keys(link, nonce, seen, asked)
        try:
            return keys, ask(keys)
        except MismatchError as error:
            again -= 1
            if not again or not error.attempts_remaining:
                raise
            console.say(f"Not the passphrase. Nothing is lost; {error.attempts_remaining} more tries until a pause.")


def _keys(link: secret_link.SharedLink, nonce: bytes, seen: SeenSecret, asked: Asked) -> Keys:
    if seen.kdf is None:
        return envelope.derive_keys(link.key, nonce)
    # The address is named, because a passphrase is meant for one service and a link may lead to another.
    passphrase = console.passphrase(
        asked.passphrase_file, f"Passphrase of the secret at {link.public_url} (not shown): "
    )
    return envelope.derive_keys(link.key, nonce, seen.kdf, passphrase)


# --- out -------------------------------------------------------------------------------------------


def _put(opened: _Opened, asked: Asked) -> None:
    document = opened.document
    for line in showing.besides(document):
        console.say(output.visible(line))
    if document["type"] == "file":
        _put_files(opened, asked)
        return
    if asked.as_json:
        text = json.dumps(document) + "\n"
    elif asked.qr:
        text = showing.drawn(document, colour=asked.output is None and sys.stdout.isatty())
        if asked.output is None and sys.stdout.isatty():
            print(text, flush=True)  # made here of blocks, colours and a key, with names made harmless
            return
    else:
        text = showing.text(document)
    if asked.output is None:
        output.show(text)
    else:
        output.to_file(_target(asked.output, f"{document['type']}.txt"), [text.encode()])


def _put_files(opened: _Opened, asked: Asked) -> None:
    files: list[dict[str, Any]] = opened.document["files"]
    to_stdout = asked.output is None and not sys.stdout.isatty() and not asked.as_json
    if to_stdout and len(files) > 1:
        raise InvalidInputError(
            "There are several files: name a folder with --output, within 15 minutes.", field="output"
        )
    if to_stdout:
        output.to_stdout(_pieces(opened, files[0]))
        return
    if len(files) > 1 and asked.output is not None and not asked.output.is_dir():
        detail = f"There are several files, and {asked.output} is no folder: name one, within 15 minutes."
        raise InvalidInputError(detail, field="output")
    saved = []
    for entry in files:
        place = output.free_place(entry["name"]) if asked.output is None else _target(asked.output, entry["name"])
        output.to_file(place, _pieces(opened, entry))
        saved.append({"name": entry["name"], "size": entry["size"], "path": str(place)})
    told = "\n".join(str(each["path"]) for each in saved)
    console.result(told, {"type": "file", "files": saved}, as_json=asked.as_json)


def _target(given: Path, name: str) -> Path:
    return output.free_place(name, given) if given.is_dir() else given


def _pieces(opened: _Opened, entry: dict[str, Any]) -> Iterator[bytes]:
    if "content" in entry:
        return iter([binary.decode(entry["content"])])
    key, size = binary.decode(entry["key"]), entry["size"]
    body = opened.client.download(opened.id, opened.claim, entry["blob"], records.body_size(size))
    name = output.visible(entry["name"])
    return progress.shown(records.open_records(body, key, size=size), size, f"Fetching and opening {name}")


def _end(opened: _Opened) -> None:
    try:
        opened.client.ack(opened.id, opened.link, opened.claim)
    except WatchwordError:
        # It is out, and that is what counts: the claim ends by itself.
        console.say("The service could not be told that it was read; it erases the secret when its lease is over.")
    claims.forget(opened.id)

"""Looking for secrets in everything that somebody might read later."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.service import Heard

# The watchword is made to be shown by the app that asked: it stands in what the app is told, and nowhere else. So does
# the ticket of its page; a hand-off code stands in what a page is told. A link's token stands in no answer at all.
MAY_BE_IN = {
    ("watchword", "2xx answer"),
    ("watchword", "CLI result"),
    ("ticket", "2xx answer to POST /v1/verifications"),
    ("hand-off", "2xx answer to POST /v1/links"),
    ("hand-off", "2xx answer to POST /v1/pages"),
}


def writings(raw: bytes) -> tuple[bytes, ...]:
    """Bytes as they are, in hexadecimal and in every base64 without its padding."""
    plain, safe = b64encode(raw).rstrip(b"="), urlsafe_b64encode(raw).rstrip(b"=")
    return raw, raw.hex().encode(), raw.hex().upper().encode(), plain, safe


def without_fractions(figures: bytes) -> bytes:
    """Metrics to the thousandth: somewhere in all the digits of a measurement are the six of any code."""
    return re.sub(rb"(\.\d{3})\d+", rb"\1", figures)


@dataclass
class Sinks:
    """Texts by name, and the secrets that must be in none of them, by name, each in every form it may take."""

    texts: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def note(self, name: str, *texts: bytes) -> None:
        self.texts[name] = b"\n".join((self.texts.get(name, b""), *texts))

    def answer(self, what: str, heard: Heard) -> None:
        """Note a response: its head and its body."""
        kind = "2xx answer" if heard.status < 300 else "refusal"
        self.note(f"{kind} to {what}", heard.head, heard.body)

    def files(self, folder: Path, *, but: Iterable[str] = ()) -> None:
        """Note every file below a folder as it is now, but for those of these names."""
        for file in folder.rglob("*"):
            if file.is_file() and file.name not in but:
                self.note(f"file {file.relative_to(folder)}", file.read_bytes())

    def secret(self, name: str, text: str) -> None:
        self.secrets[name] = (text.encode(),)

    def key(self, name: str, key: bytes) -> None:
        """Note key bytes, in every writing."""
        self.secrets[name] = writings(key)

    def leaks(self) -> Iterator[str]:
        for sink, text in self.texts.items():
            for secret, forms in self.secrets.items():
                known = any(secret.startswith(kind) and sink.startswith(where) for kind, where in MAY_BE_IN)
                if not known and any(form in text for form in forms):
                    yield f"{secret} in {sink}"

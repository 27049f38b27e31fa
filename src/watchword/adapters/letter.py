"""Mails with a code, a link or both, and notices: a message as data becomes a letter for a relay and for a page.

Not handled here: deriving code and link (``flows/courier.py``), delivery (``adapters/smtp.py``), the development inbox
(``adapters/mailbox.py``). The words are in ``adapters/catalogue.py``, the layout in ``adapters/letters/``.

Rules:

1. Code and link are in both bodies, once each and alone, and in no header: lock screens show subjects and header-only
   bounces carry them (standards D3). No catalogue has a placeholder for them.
2. One recipient, one sender, no line break from outside in any header; refused before anything is built (D2).
3. Values are never read as templates, format strings or HTML. No other link but the one that the operator gives
   notices, no remote content, no script (D1, D5).
4. Nothing is drawn and no clock is read: the same message is the same bytes, the same key the same Message-ID.

The MIME is put together by hand, since ``EmailMessage`` takes over a millisecond a letter and the courier sends
thousands a second; the tests read every shape of it back with ``email.parser``.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from watchword.adapters.catalogue import BODY, LINK, NOTICE, Catalogue, Catalogues
from watchword.core.instant import SECOND
from watchword.core.message import MAX_APP_NAME, Envelope, NoticeLine, NoticeMessage, PasscodeMessage
from watchword.core.notice import Kind
from watchword.core.policy import PURPOSES
from watchword.core.recipient import is_sendable
from watchword.errors import InvalidInputError, SettingsError

MAX_SENDER_NAME: Final = 64  # characters; with the address it shares a line
MAX_KEY: Final = 64  # characters of a message key; with "=_" it stays below the 70 of a MIME boundary (RFC 2046)

_TEMPLATES: Final = Path(__file__).parent / "letters"
_PLAIN_HEADER: Final = 64  # characters that share a line with the header's name (RFC 5322 asks for 78)
_MARKED: Final = {
    "app": Markup("<bdi>{}</bdi>"),
    "countersign": Markup("<bdi><strong>{}</strong></bdi>"),  # the one word to compare
    "duration": Markup("<bdi>{}</bdi>"),
}
_KEY: Final = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")
_KINDS: Final = frozenset(kind.value for kind in Kind)

Message = PasscodeMessage | NoticeMessage
Requirement = tuple[str, bool, str]
_LINK: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/l/[A-Za-z0-9_-]+#[A-Za-z0-9_-]+")
_NAMED: Final = re.compile(r'(?:"(?P<quoted>[^"\\<>]+)"|(?P<name>[^"\\<>@,;:()\[\]]+)) *<(?P<address>[^<>]+)>')


@dataclass(frozen=True, slots=True)
class MailFrom:
    """Who mails come from: an address, and a display name that may be empty."""

    address: str
    name: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``Acme Codes <codes@acme.example>`` or ``codes@acme.example``.

        Raises:
            SettingsError: it is not exactly one address in ASCII, or the name holds what a header may not.
        """
        named = _NAMED.fullmatch(text.strip(" "))
        address = named["address"] if named else text.strip(" ")
        name = (named["quoted"] or named["name"] or "").strip() if named else ""
        nameable = name.isprintable() and "=?" not in name and len(name) <= MAX_SENDER_NAME
        if not (nameable and address.isascii() and is_sendable(address)):
            detail = "Write one sender, as 'Acme Codes <codes@acme.example>' or 'codes@acme.example'."
            raise SettingsError(detail, setting="WATCHWORD_MAIL_FROM")
        return cls(address=address, name=name)

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    def header(self) -> str:
        if self.name.isascii():
            return formataddr((self.name, self.address))
        return f"{_header(self.name)} <{self.address}>"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as a person sees it, and ``source``, the RFC 5322 bytes of the same mail."""

    sender: str
    recipient: str
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    source: bytes = field(repr=False)

    def envelope(self) -> Envelope:
        return Envelope(sender=self.sender, recipient=self.recipient, content=self.source)


class Letters:
    """Composes letters from one sender in the languages of ``catalogues``. Templates are compiled here, once.

    ``notice_url`` is the operator's page about what to do where something happened that was not oneself.
    """

    def __init__(self, mail_from: MailFrom, catalogues: Catalogues, notice_url: str = "") -> None:
        self._mail_from = mail_from
        self._notice_url = notice_url
        self._from_header = mail_from.header()
        self._catalogues = catalogues
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=select_autoescape(["html.jinja"]),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        self._text = environment.get_template("passcode.txt.jinja")
        self._html = environment.get_template("passcode.html.jinja")
        self._notice_text = environment.get_template("notice.txt.jinja")
        self._notice_html = environment.get_template("notice.html.jinja")

    def compose(self, recipient: str, message: PasscodeMessage) -> Letter:
        """Write the letter that carries a passcode. The same arguments give the same bytes.

        Raises:
            InvalidInputError: the recipient is not one address, or a field of the message is not what it must be.
        """
        catalogue = self._catalogues.choose(message.locale)
        _check(recipient, message)
        values = {
            "app": self._app(message.app_name),
            "countersign": f"…\N{NO-BREAK SPACE}{_display(message.countersign)}",
            "duration": catalogue.duration(message.lifetime),
        }
        section = "subject" if message.code else "link_subject"
        subject = catalogue.plain[f"{section}.{message.purpose}"].format_map(values)
        plain, markup = _worded(catalogue, message, values)
        given = {"code": message.code, "link": message.link, "approved": message.action}
        text = self._text.render(plain, **given)
        html = self._html.render(markup, **given, app=values["app"], subject=subject, language=catalogue)
        return self._letter(recipient, message, subject, catalogue, text, html)

    def compose_notice(self, recipient: str, message: NoticeMessage) -> Letter:
        """Write the letter that tells what happened to an account. The same arguments give the same bytes.

        Raises:
            InvalidInputError: the recipient is not one address, or a field of the message is not what it must be.
        """
        catalogue = self._catalogues.choose(message.locale)
        _check_notice(recipient, message)
        values = {"app": self._app(message.app_name)}
        kind = message.lines[0].kind if len(message.lines) == 1 else "several"
        subject = catalogue.plain[f"notice_subject.{kind}"].format_map(values)
        plain, markup = _filled(catalogue, NOTICE, values)
        lines = [_line(catalogue.plain, line) for line in message.lines]
        text = self._notice_text.render(plain, lines=lines, url=self._notice_url)
        html = self._notice_html.render(
            markup, lines=lines, url=self._notice_url, app=values["app"], subject=subject, language=catalogue
        )
        return self._letter(recipient, message, subject, catalogue, text, html)

    def _app(self, name: str) -> str:
        return _display(name) or self._mail_from.name or self._mail_from.domain

    def _letter(
        self, recipient: str, message: Message, subject: str, catalogue: Catalogue, text: str, html: str
    ) -> Letter:
        return Letter(
            sender=self._mail_from.address,
            recipient=recipient,
            subject=subject,
            text=text,
            html=html,
            source=self._source(recipient, message, subject, catalogue.tag, text, html),
        )

    def _source(self, recipient: str, message: Message, subject: str, tag: str, text: str, html: str) -> bytes:
        """Put the MIME together.

        UTF-8 stands in a header only for a recipient that is not ASCII (RFC 6532). The boundary begins with ``=_``,
        which quoted-printable never writes, so no body can hold it (RFC 2045 section 6.7).
        """
        boundary = f"=_{message.key}"
        date = format_datetime(datetime.fromtimestamp(message.created_at // SECOND, UTC))
        head = (
            f"From: {self._from_header}\r\n"
            f"To: {recipient}\r\n"
            f"Subject: {_header(subject)}\r\n"
            f"Date: {date}\r\n"
            f"Message-ID: <{message.key}@{self._mail_from.domain}>\r\n"
            "Auto-Submitted: auto-generated\r\n"
            "X-Auto-Response-Suppress: All\r\n"
            f"Content-Language: {tag}\r\n"
            "MIME-Version: 1.0\r\n"
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
            "\r\n"
        )
        parts = (_part(boundary, "plain", text), _part(boundary, "html", html), f"--{boundary}--\r\n".encode())
        return head.encode() + b"".join(parts)


def _check(recipient: str, message: PasscodeMessage) -> None:
    """Refuse what must not reach a header or a body, whatever was checked before."""
    _require(
        *_addressed(recipient, message),
        ("code", (message.code.isascii() and message.code.isdigit()) or not message.code, "A code is ASCII digits."),
        ("link", bool(_LINK.fullmatch(message.link) or (message.code and not message.link)), "A link is one address."),
        ("action", message.action.isprintable() and "://" not in message.action, "An action is one plain sentence."),
        ("purpose", message.purpose in PURPOSES, "There is no such purpose."),
    )


def _check_notice(recipient: str, message: NoticeMessage) -> None:
    known = bool(message.lines) and _KINDS.issuperset(line.kind for line in message.lines)
    _require(*_addressed(recipient, message), ("lines", known, "There is nothing of that kind to tell."))


def _addressed(recipient: str, message: Message) -> tuple[Requirement, Requirement]:
    keyed = len(message.key) <= MAX_KEY and _KEY.fullmatch(message.key) is not None
    return (
        ("recipient", is_sendable(recipient), "The recipient is not one plain email address."),
        ("key", keyed, "A message's key must be an ASCII id."),
    )


def _require(*requirements: Requirement) -> None:
    for name, met, detail in requirements:
        if not met:
            raise InvalidInputError(detail, field=name)


def _display(text: str) -> str:
    """Make a name safe to show: one line, nothing invisible, nothing that turns text round, no link, short enough."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " * character.isspace() for character in text)
    text = " ".join(text.replace("://", " ").split())
    return text if len(text) <= MAX_APP_NAME else f"{text[: MAX_APP_NAME - 1]}…"


def _worded(
    catalogue: Catalogue, message: PasscodeMessage, values: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Markup]]:
    """Fill the sentences of a letter, as text and as HTML.

    The values stand isolated, so that a name in the other writing direction does not reorder the sentence round it;
    in text that takes invisible characters, so only right-to-left languages have them.
    """
    section = "purpose" if not message.link else "both_purpose" if message.code else "link_purpose"
    keys = {"purpose": f"{section}.{message.purpose}"} | BODY | (LINK if message.link else {})
    return _filled(catalogue, keys, values)


def _filled(
    catalogue: Catalogue, keys: Mapping[str, str], values: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Markup]]:
    shown = values if catalogue.dir == "ltr" else {name: f"\u2068{value}\u2069" for name, value in values.items()}
    marked = {name: _MARKED[name].format(value) for name, value in values.items()}
    # Values are arguments of the format, never part of it: "{0}" or "{{ x }}" in a name stays what it is.
    plain = {name: catalogue.plain[key].format_map(shown) for name, key in keys.items()}
    return plain, {name: catalogue.markup[key].format_map(marked) for name, key in keys.items()}


def _line(sentences: Mapping[str, str], line: NoticeLine) -> tuple[str, str]:
    """What happened, and when: a time that reads the same everywhere, in UTC."""
    at = datetime.fromtimestamp(line.at // SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")
    often = "" if line.count == 1 else f" ({line.count}\N{MULTIPLICATION SIGN})"
    return sentences[f"notice_line.{line.kind}"], at + often


@lru_cache(maxsize=1024)
def _header(text: str) -> str:
    """Write text into a header: as it is where that is safe and short, else as RFC 2047 encoded words.

    Text that looks like an encoded word is encoded too, so that it reads as what it is.
    """
    if text.isascii() and len(text) <= _PLAIN_HEADER and "=?" not in text:
        return text
    return Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _part(boundary: str, subtype: str, body: str) -> bytes:
    """Write one body as quoted-printable: it passes every relay unchanged and can be read in the source."""
    kind = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n'
    return f"--{boundary}\r\n{kind}\r\n".encode() + b2a_qp(body.replace("\n", "\r\n").encode()) + b"\r\n"

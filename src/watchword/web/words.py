"""The words of pages in the reader's language: ``[page]`` of ``locales/<tag>.toml``, one file a language.

It is a table from the English sentences, which stand in templates and scripts, to that language's. The scripts of a
page get the same table as a module (``static/words.js``).

Not handled here: the words of messages, in the same files (``adapters/catalogue.py``), pages for developers, which are
in English.

Rules: a sentence that a file lacks stays English, and a test lets no file lack one; what is filled in is escaped, and
no sentence is markup; which language a page is in follows from the browser's own word alone, never from an address.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path

from markupsafe import Markup, escape

from watchword.errors import SettingsError

LOCALES = Path(__file__).parents[1] / "locales"
ENGLISH = "en"
VARIES = ((b"vary", b"accept-language"),)  # headers of an answer in the language of whoever asks

_RANGE = re.compile(r"([a-z]{1,8}(?:-[a-z0-9]{1,8})*|\*)(?:;q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?")
_HELD = re.compile(r"\{[a-z]+\}")
_MOST = 300  # bytes of a header that are looked at


class Words:
    """The sentences of one language. ``direction`` is ``ltr`` or ``rtl``."""

    def __init__(self, tag: str, sentences: Mapping[str, str], direction: str = "ltr") -> None:
        self.tag = tag
        self.direction = direction
        self._sentences = sentences

    def phrase(self, english: str, **facts: object) -> Markup:
        """A sentence for a page, with its placeholders filled in; escaped, but for facts that are markup."""
        return escape(self._sentences.get(english, english)).format(**facts)

    def module(self) -> bytes:
        """The table as scripts import it."""
        return b"export default " + json.dumps(self._sentences, ensure_ascii=False).encode() + b";\n"


@cache  # pages and scripts ask, and reading takes five milliseconds of a start
def load(folder: Path = LOCALES) -> dict[str, Words]:
    """Every language there is, by its tag in lower case.

    Raises:
        SettingsError: a sentence cannot be filled in as the English one is. It names file and sentence.
    """
    spoken = {ENGLISH: Words(ENGLISH, {})}
    for path in sorted(folder.glob("*.toml")):
        file = tomllib.loads(path.read_text("utf-8"))
        if "page" in file:
            tag = path.stem.lower()
            spoken[tag] = Words(tag, _whole(path.name, file["page"]), file["meta"]["dir"])
    return spoken


def _whole(name: str, page: object) -> dict[str, str]:
    whole: dict[str, str] = {}
    for english, own in (page if isinstance(page, dict) else {"page": None}).items():
        # Only names in braces: anything more would be looked up in what is filled in, or end in a trace.
        if not isinstance(own, str) or set("{}") & set(_HELD.sub("", own)) or _held(own) != _held(english):
            raise SettingsError(
                f"{name}: '{english}' must be one text with the placeholders of the English one.", setting=name
            )
        whole[english] = own
    return whole


def _held(text: str) -> set[str]:
    return set(_HELD.findall(text))


class Chooser:
    """Chooses the language of a page."""

    def __init__(self, tags: frozenset[str]) -> None:
        self._tags = tags
        self._remembered = lru_cache(maxsize=256)(self._best)  # browsers say the same thing every time

    def choose(self, header: bytes | None) -> str:
        """The best of what a browser asks for by ``Accept-Language`` (RFC 9110, 12.5.4; RFC 4647, 3.4); or English.

        What cannot be read is skipped.
        """
        return self._remembered((header or b"")[:_MOST])

    def _best(self, header: bytes) -> str:
        best, weight = ENGLISH, 0.0
        for part in header.decode("latin-1").lower().replace(" ", "").split(","):
            wanted = _RANGE.fullmatch(part)
            share = float(wanted[2] or 1) if wanted else 0.0
            if wanted and share > weight and (found := self._nearest(wanted[1])):
                best, weight = found, share
        return best

    def _nearest(self, wanted: str) -> str:
        """``de-at``, then ``de``; '' where there is nothing near."""
        while wanted and wanted not in self._tags:
            wanted = wanted.rpartition("-")[0]
        return wanted

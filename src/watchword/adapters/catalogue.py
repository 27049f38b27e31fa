"""The words of messages, one file a language: ``locales/<tag>.toml``. Adding a language is adding a file.

Not handled here: how a letter looks and is put together (``adapters/letter.py``).

Rules: a language is complete or refused, at start and by file and key; sentences have exactly the placeholders of
the English ones, and none for the code; no file can break a header or smuggle a link.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from markupsafe import Markup, escape

from watchword.core.instant import HOUR, MINUTE, Span
from watchword.core.notice import Kind
from watchword.core.policy import PURPOSES
from watchword.errors import SettingsError

LOCALES: Final = Path(__file__).parents[1] / "locales"
DEFAULT_LOCALE: Final = "en"
MAX_TAG: Final = 35  # characters of a language tag, RFC 5646 section 4.4.1
HOURS_FROM: Final = 2 * HOUR
PLACEHOLDERS: Final = frozenset({"app", "countersign", "duration"})
BODY: Final = {name: f"body.{name}" for name in ("countersign", "label", "validity", "not_you", "warning", "action")}
LINK: Final = {name: f"link.{name}" for name in ("countersign", "before", "button", "label", "not_you", "warning")}
_BY_PURPOSE: Final = ("subject", "purpose", "link_subject", "link_purpose", "both_purpose")
NOTICE: Final = {name: f"notice.{name}" for name in ("heading", "was_you", "was_not_you", "where", "warning")}

_HELD: Final = re.compile(r"\{([a-z]+)\}")
_REQUIRED: Final = (
    {"meta.language", "meta.dir", "duration.moment"}
    | {*BODY.values(), *LINK.values(), *NOTICE.values()}
    | {f"{section}.{purpose}" for section in _BY_PURPOSE for purpose in PURPOSES}
    | {f"sms.{name}" for name in (*PURPOSES, "word", "warning")}
    | {f"{section}.{kind.value}" for section in ("notice_subject", "notice_line") for kind in Kind}
    | {"notice_subject.several"}
)
_UNITS: Final = ("duration.minutes.", "duration.hours.")
_NUMBERS: Final = re.compile(r"[0-9]{1,3}(-[0-9]{1,3})?( [0-9]{1,3}(-[0-9]{1,3})?)*")
_TAG: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Plural:
    """The forms of a counted unit: those for listed numbers, and the one for all others."""

    listed: Mapping[int, str]
    other: str

    def of(self, count: int) -> str:
        return self.listed.get(count, self.other).format(n=count)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The wording of one language. ``dir`` is ``ltr`` or ``rtl``; sentences are keyed ``section.name``.

    ``markup`` holds the sentences of ``plain`` once more, escaped for HTML; as markup it escapes what is filled in.
    """

    tag: str
    language: str
    dir: str
    plain: Mapping[str, str]
    markup: Mapping[str, Markup]
    minutes: Plural
    hours: Plural

    def duration(self, span: Span) -> str:
        """Say a span in words, rounded down: nobody is promised a minute that is not there."""
        if span < MINUTE:
            return self.plain["duration.moment"]
        return self.minutes.of(span // MINUTE) if span < HOURS_FROM else self.hours.of(span // HOUR)


class Catalogues:
    """Every language there is a file for."""

    def __init__(self, catalogues: Mapping[str, Catalogue]) -> None:
        self._by_tag = {tag.lower(): catalogue for tag, catalogue in catalogues.items()}
        self._default = self._by_tag[DEFAULT_LOCALE]

    @classmethod
    def load(cls, directory: Path = LOCALES) -> Self:
        """Read every ``<tag>.toml`` of a directory and hold each against ``en.toml``.

        Raises:
            SettingsError: a file cannot be read, or lacks or adds a key or placeholder. It names file and key.
        """
        files = {path.stem: _CatalogueFile.read(path) for path in sorted(directory.glob("*.toml"))}
        if DEFAULT_LOCALE not in files:
            detail = f"{directory}: {DEFAULT_LOCALE}.toml is missing, the measure for every other language."
            raise SettingsError(detail, setting=f"{DEFAULT_LOCALE}.toml")
        return cls({tag: file.catalogue(files[DEFAULT_LOCALE]) for tag, file in files.items()})

    def choose(self, tag: str | None) -> Catalogue:
        """Find the nearest language by RFC 4647 lookup: ``de-AT``, then ``de``, then English. Case does not matter."""
        wanted = (tag or "").replace("_", "-").lower()
        while wanted and len(wanted) <= MAX_TAG:
            if wanted in self._by_tag:
                return self._by_tag[wanted]
            wanted = wanted.rpartition("-")[0]
        return self._default


@dataclass(frozen=True, slots=True)
class _CatalogueFile:
    """One file as read: ``texts`` and ``forms`` (of counted units) keyed ``section.name``. It says where a fault is."""

    name: str
    texts: Mapping[str, str]
    forms: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read one file; every value must be one line of text that holds no link."""
        try:
            tables = tomllib.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            detail = f"{path.name} cannot be read as TOML: {error}"
            raise SettingsError(detail, setting=path.name) from error
        tables.pop("page", None)  # the sentences of pages, which are read where they are shown (web/words.py)
        entries = dict(_flattened(tables))
        forms = {key: text for key, text in entries.items() if key.startswith(_UNITS)}
        texts = {key: text for key, text in entries.items() if key not in forms}
        file = cls(name=path.name, texts=texts, forms=forms)
        if not _TAG.fullmatch(path.stem):
            raise file.fault("its name", "must be a language tag, such as pt-BR.toml")
        for key, text in entries.items():
            file.check_text(key, text)
        return file

    def catalogue(self, reference: _CatalogueFile) -> Catalogue:
        """Make the catalogue, held against the file of the default language."""
        self.check_keys(reference)
        if self.texts["meta.dir"] not in {"ltr", "rtl"}:
            raise self.fault("meta.dir", "must be 'ltr' or 'rtl'")
        minutes, hours = (self.plural(unit) for unit in _UNITS)
        return Catalogue(
            tag=self.name.removesuffix(".toml"),
            language=self.texts["meta.language"],
            dir=self.texts["meta.dir"],
            plain=self.texts,
            markup={key: escape(text) for key, text in self.texts.items()},
            minutes=minutes,
            hours=hours,
        )

    def check_text(self, key: str, text: str) -> None:
        """Refuse what would break a header or smuggle a link, and braces that are more than a placeholder's."""
        if not text.strip() or any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
            raise self.fault(key, "must be one line of text")
        if "://" in text:
            raise self.fault(key, "must not hold a link")
        allowed = {"n"} if key in self.forms else PLACEHOLDERS
        if not allowed.issuperset(_HELD.findall(text)) or set("{}") & set(_HELD.sub("", text)):
            raise self.fault(key, f"may only hold these placeholders: {', '.join(sorted(allowed))}")

    def check_keys(self, reference: _CatalogueFile) -> None:
        """Refuse keys and placeholders that are not exactly those of the default language."""
        mine, theirs = self.texts.keys(), reference.texts.keys() | _REQUIRED
        for key in sorted(mine ^ theirs):
            raise self.fault(key, "is missing" if key in theirs else f"is not a key of {reference.name}")
        for key, text in self.texts.items():
            if set(_HELD.findall(text)) != set(_HELD.findall(reference.texts[key])):
                raise self.fault(key, f"must have the placeholders of {reference.name}")

    def plural(self, unit: str) -> Plural:
        """Read the forms of one unit: ``other``, and any that are keyed by their numbers, ``"2-4 22-24"``."""
        forms = {key.removeprefix(unit): text for key, text in self.forms.items() if key.startswith(unit)}
        other = forms.pop("other", "")
        if "{n}" not in other:
            raise self.fault(f"{unit}other", "is missing or has no {n}")
        listed: dict[int, str] = {}
        for numbers, text in forms.items():
            if not _NUMBERS.fullmatch(numbers):
                raise self.fault(unit + numbers, 'must be numbers, such as "1" or "2-4 22-24"')
            for first, _, last in (part.partition("-") for part in numbers.split(" ")):
                listed.update(dict.fromkeys(range(int(first), int(last or first) + 1), text))
        return Plural(listed=listed, other=other)

    def fault(self, key: str, why: str) -> SettingsError:
        return SettingsError(f"{self.name}: {key} {why}.", setting=f"{self.name}: {key}")


def _flattened(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Walk nested tables. A value that is not text comes out empty, for ``check_text`` to refuse by its key."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value if isinstance(value, str) else ""

"""Actions: what a person approves with a step-up, said by us and not by whoever asks.

An operator writes down which actions an app has: for each a sentence in every language, and the type of each value
in it. The app names one and gives the values; the sentence that mail and page show is made here, and the digest of
name and values is kept, so that other values are another action (docs/spec/magic-link.md, section 6).

Not handled here: reading the operator's file (``settings/action.py``), comparing digests (``core/verification.py``).

Rules: nothing but what is on the list; a value that is not of its type is refused by name; values are arguments of
the sentence and never part of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from watchword.core.keyring import INDEX_ACTION, Keyring
from watchword.errors import InvalidInputError

MAX_SENTENCE = 300  # characters, values filled in
MAX_TEXT = 80
MAX_PARAMS = 12

Value = str | int

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_FORMS = {
    "amount": (re.compile(r"[A-Z]{3} [0-9]{1,12}(?:\.[0-9]{1,4})?"), "an amount such as 'EUR 12.50'"),
    "date": (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), "a date such as '2026-11-23'"),
    "reference": (re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,63}"), "a reference of at most 64 letters and digits"),
}
TYPES = ("text", "integer", *_FORMS)


class Action(msgspec.Struct, frozen=True):
    """What an app asks a person to approve."""

    template: str
    params: Mapping[str, Value]

    def __repr__(self) -> str:
        return f"Action(template={self.template!r})"


class Template(NamedTuple):
    """One action that an app has: the type of each parameter, and the sentence by language tag, English among them."""

    params: Mapping[str, str]
    sentences: Mapping[str, str]


Templates = Mapping[str, Mapping[str, Template]]  # by the app's name, then by the template's


def placeholders(sentence: str) -> set[str]:
    """The parameters that a sentence shows.

    Raises:
        ValueError: it holds a brace that is no placeholder's.
    """
    if set("{}") & set(_PLACEHOLDER.sub("", sentence)):
        raise ValueError("a brace that is no placeholder's")
    return set(_PLACEHOLDER.findall(sentence))


def say(templates: Templates, app_name: str, action: Action, locale: str) -> str:
    """The sentence that the person is shown, in the nearest language there is.

    Raises:
        InvalidInputError: the app has no such action, or a value is missing, unknown or not of its type.
    """
    template = templates.get(app_name, {}).get(action.template)
    if template is None:
        raise InvalidInputError("The operator has not set up this action for your app.", field="action.template")
    for name in action.params.keys() ^ template.params.keys():
        known = name in template.params
        detail = "This parameter is needed." if known else "The action has no such parameter."
        raise InvalidInputError(detail, field=f"action.params.{name}" if known else "action.params")
    values = {name: _read(name, kind, action.params[name]) for name, kind in template.params.items()}
    sentence = _nearest(template.sentences, locale).format_map(values)
    if len(sentence) > MAX_SENTENCE:
        raise InvalidInputError(f"The sentence has more than {MAX_SENTENCE} characters.", field="action.params")
    return sentence


def digest(ring: Keyring, app: bytes, verification: bytes, action: Action) -> bytes:
    """The keyed hash that tells whether two actions are the same: 16 bytes, of no use to whoever reads the store.

    An action that names no action, of an app that has none, has one all the same: it is merely another one.
    """
    written = json.dumps([action.template, dict(action.params)], sort_keys=True, separators=(",", ":"))
    return ring.lookup(INDEX_ACTION, app + verification + written.encode())


def _read(name: str, kind: str, value: Value) -> str:
    if kind == "integer":
        if isinstance(value, int):
            return str(value)
        wanted = "a whole number"
    elif kind == "text":
        if isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable() and "://" not in value:
            return value
        wanted = f"1 to {MAX_TEXT} printable characters without a link"
    else:
        form, wanted = _FORMS[kind]
        if isinstance(value, str) and form.fullmatch(value):
            return value
    raise InvalidInputError(f"This must be {wanted}.", field=f"action.params.{name}")


def _nearest(sentences: Mapping[str, str], locale: str) -> str:
    wanted = locale.lower()
    by_tag = {tag.lower(): sentence for tag, sentence in sentences.items()}
    while wanted:
        if wanted in by_tag:
            return by_tag[wanted]
        wanted = wanted.rpartition("-")[0]
    return sentences["en"]

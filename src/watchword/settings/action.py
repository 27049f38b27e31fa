"""What people can be asked to approve: for each app and action the type of each value, and a sentence a language.

    [actions.Shop.transfer]
    params = { amount = "amount", payee = "text" }
    en = "Send {amount} to {payee}"
    de = "{amount} an {payee} senden"

Not handled here: filling a sentence in (``core/action.py``).

Rules: every sentence shows every value, so that nothing is approved unseen; English is there, for whoever reads none
of the other languages; no sentence holds a link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from watchword.core.action import MAX_PARAMS, TYPES, Template, Templates, placeholders
from watchword.errors import SettingsError

MAX_SENTENCE = 200  # characters, values not filled in

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def read_actions(file: Mapping[str, object]) -> Templates:
    """Read the actions of every app.

    Raises:
        SettingsError: one cannot be used; ``setting`` names it.
    """
    apps = _table(file.get("actions", {}), "actions")
    return MappingProxyType({app: _of_app(f"actions.{app}", found) for app, found in apps.items()})


def _of_app(setting: str, found: object) -> Mapping[str, Template]:
    templates = {}
    for name, described in _table(found, setting).items():
        if not _NAME.fullmatch(name):
            raise _fault(f"{setting}.{name}", "must be named by at most 40 of a-z, 0-9 and _, a letter first")
        templates[name] = _template(f"{setting}.{name}", _table(described, f"{setting}.{name}"))
    return templates


def _template(setting: str, described: Mapping[str, object]) -> Template:
    params = _table(described.get("params", {}), f"{setting}.params")
    for name, kind in params.items():
        if not _NAME.fullmatch(name) or kind not in TYPES:
            raise _fault(f"{setting}.params", f"must name parameters by a-z, 0-9 and _, each one of {', '.join(TYPES)}")
    if len(params) > MAX_PARAMS:
        raise _fault(f"{setting}.params", f"must be at most {MAX_PARAMS}")
    sentences = {tag: _sentence(f"{setting}.{tag}", tag, said, set(params)) for tag, said in _languages(described)}
    if "en" not in sentences:
        raise _fault(f"{setting}.en", "is missing: the sentence for whoever reads none of the other languages")
    return Template({name: str(kind) for name, kind in params.items()}, sentences)


def _languages(described: Mapping[str, object]) -> list[tuple[str, object]]:
    return [(tag, said) for tag, said in described.items() if tag != "params"]


def _sentence(setting: str, tag: str, said: object, params: set[str]) -> str:
    if not _TAG.fullmatch(tag):
        raise _fault(setting, "is no language tag such as en or pt-BR, and not 'params'")
    if not isinstance(said, str) or not said.strip() or not said.isprintable() or len(said) > MAX_SENTENCE:
        raise _fault(setting, f"must be one line of at most {MAX_SENTENCE} characters")
    if "://" in said:
        raise _fault(setting, "must not hold a link")
    try:
        shown = placeholders(said)
    except ValueError:
        shown = None
    if shown != params:
        raise _fault(setting, "must show every parameter as {name}, and hold no other brace")
    return said


def _table(found: object, setting: str) -> Mapping[str, object]:
    if not isinstance(found, dict):
        raise _fault(setting, "must be a table")
    return found


def _fault(setting: str, why: str) -> SettingsError:
    return SettingsError(f"{setting} {why}.", setting=setting)

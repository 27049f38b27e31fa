"""The TOML file: dotted names and values, each held against its type and its ends.

Not handled here: what a value means (the module of its concern), the environment (``environment.py``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from watchword.core.instant import DAY
from watchword.core.limit import LONGEST_GUESS_SPAN, LONGEST_SPAN, Rate, read_rates
from watchword.errors import SettingsError
from watchword.settings.environment import nearest
from watchword.settings_table import FILE


def read_file(path: Path) -> dict[str, object]:
    """Read the file into dotted names, and refuse every name that is not one of ours."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _unreadable(path, "is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, f"is not TOML: {error}") from None
    except RecursionError:
        raise _unreadable(path, "is nested too deep") from None
    known = {setting.name for setting in FILE}
    flat: dict[str, object] = {}
    for section, table in document.items():
        if isinstance(table, dict) and section not in known:
            flat |= {f"{section}.{key}": value for key, value in table.items()}
        else:
            flat[section] = table
    for name in flat:
        if name not in known:
            detail = f"{name} in the file of WATCHWORD_CONFIG is no setting of Watchword.{nearest(name, known)}"
            raise SettingsError(detail, setting=name)
    return flat


def _unreadable(path: Path, why: str) -> SettingsError:
    return SettingsError(f"The file in WATCHWORD_CONFIG, {path}, {why}.", setting="WATCHWORD_CONFIG")


def whole(file: Mapping[str, object], name: str, default: int, ends: tuple[int, int]) -> int:
    """A whole number between two ends, both allowed."""
    number = file.get(name, default)
    if not isinstance(number, int) or isinstance(number, bool) or not ends[0] <= number <= ends[1]:
        raise SettingsError(f"{name} must be a whole number from {ends[0]} to {ends[1]}.", setting=name)
    return number


def rates(file: Mapping[str, object], name: str, default: tuple[Rate, ...]) -> tuple[Rate, ...]:
    """One or two rates, none for no limit."""
    text = file.get(name)
    if text is None:
        return default
    longest = LONGEST_GUESS_SPAN if name == "limits.wrong_guesses" else LONGEST_SPAN
    try:
        return read_rates(text if isinstance(text, str) else "?", longest)
    except ValueError:
        detail = (
            f"{name} must be one or two rates, as '3/10min, 10/d' (units s, min, h, d), "
            f"of at most {longest // DAY} days, or '' for no limit."
        )
        raise SettingsError(detail, setting=name) from None


def one_rate(file: Mapping[str, object], name: str, default: Rate | None) -> Rate | None:
    """At most one rate, None for no limit."""
    refusal = SettingsError(f"{name} must be one rate, as '100/min', or '' for no limit.", setting=name)
    try:
        given = rates(file, name, () if default is None else (default,))
    except SettingsError:
        raise refusal from None
    if len(given) > 1:
        raise refusal
    return given[0] if given else None

"""The environment: which variables are ours, and how one that is a single value is read.

Not handled here: what a value means (the module of its concern), the TOML file (``file.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from watchword.errors import SettingsError
from watchword.settings_table import ENVIRONMENT

PREFIX = "WATCHWORD_"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A text that must not be shown. ``reveal`` is called where it is used, and nowhere else."""

    _text: str

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(hidden)"


def read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Our variables. One that is empty counts as not set, as compose files and unit files write it."""
    known = {setting.name for setting in ENVIRONMENT}
    given = {name: text.strip() for name, text in environ.items() if name.startswith(PREFIX) and text.strip()}
    for name in given:
        if name not in known:
            raise SettingsError(f"{name} is no setting of Watchword.{nearest(name, known)}", setting=name)
    return given


def nearest(name: str, known: set[str]) -> str:
    """The question to add to a refusal when a name looks misspelt, else nothing."""
    found = get_close_matches(name, known, n=1, cutoff=0.85)  # of which the prefix makes 0.7
    return f" Did you mean {found[0]}?" if found else ""


def path(given: Mapping[str, str], name: str) -> Path | None:
    """A path, with ``~`` read as the home directory, None where it is not set."""
    return Path(given[name]).expanduser() if name in given else None


def choice(given: Mapping[str, str], name: str, default: str, known: tuple[str, ...]) -> str:
    """One of the known words."""
    chosen = given.get(name, default)
    if chosen not in known:
        raise SettingsError(f"{name} must be one of {', '.join(known)}.", setting=name)
    return chosen


def secret(given: Mapping[str, str], name: str) -> Secret | None:
    """A secret, or the content of the file it names as ``file:/run/secrets/…``."""
    text = given.get(name)
    if text is None:
        return None
    if text.startswith("file:"):
        try:
            text = Path(text.removeprefix("file:")).expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            # Its name is not repeated: whoever forgot that only a name follows wrote the secret there.
            why = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
            raise SettingsError(f"The file named by {name} cannot be read: {why}.", setting=name) from None
    return Secret(text)

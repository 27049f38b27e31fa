"""Which rules of verifications hold: the profile and what the operator changed of its limits.

Not handled here: what the rules mean (``core/policy.py``, ``core/limit.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

from watchword.core.policy import PROFILES, Limits, Rules
from watchword.settings.environment import choice
from watchword.settings.file import rates


def read_rules(given: Mapping[str, str], file: Mapping[str, object]) -> Rules:
    """Read the profile and the limits, also while the service runs."""
    profile = PROFILES[choice(given, "WATCHWORD_PROFILE", "balanced", tuple(PROFILES))]
    usual = Limits()
    return Rules(
        profile,
        Limits(**{key: rates(file, f"limits.{key}", default) for key, default in usual._asdict().items()}),
    )

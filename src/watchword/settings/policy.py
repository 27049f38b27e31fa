"""Which rules of verifications hold: the profile, what the operator changed of its limits, and why they depart from it.

Actions are read with them, in a module of their own (``action.py``).

Not handled here: what the rules mean (``core/policy.py``, ``core/limit.py``), what a set-up may depart from
(``core/departure.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

from watchword.core.departure import CHOICES, SHORTEST_REASON, rules_of
from watchword.core.policy import FLOODED, PROFILES, Limits, Rules, SmsLimits
from watchword.errors import SettingsError
from watchword.settings.action import read_actions
from watchword.settings.environment import choice
from watchword.settings.file import rates
from watchword.settings.sms import read_sms


def read_rules(given: Mapping[str, str], file: Mapping[str, object], *, durable: bool) -> Rules:
    """Read the profile and the limits, also while the service runs. ``durable``: counters survive a restart.

    Raises:
        SettingsError: one cannot be read, or the set-up departs from its profile without a reason.
    """
    profile = PROFILES[choice(given, "WATCHWORD_PROFILE", "balanced", tuple(PROFILES))]
    usual = Limits()
    limits = Limits(**{key: rates(file, f"limits.{key}", default) for key, default in usual._asdict().items()})
    sms = read_sms(given, file, profile)
    usual_sms = SmsLimits()
    sms_limits = SmsLimits(**{key: rates(file, f"sms.{key}", each) for key, each in usual_sms._asdict().items()})
    rules = rules_of(profile, limits, _reasons(file), durable=durable, sms=sms)
    return rules._replace(actions=read_actions(file), sms_limits=sms_limits, flooded=_flooded(file))


def _flooded(file: Mapping[str, object]) -> str:
    chosen = file.get("limits.flooded", FLOODED[0])
    if not isinstance(chosen, str) or chosen not in FLOODED:
        raise SettingsError(f"limits.flooded is one of {', '.join(FLOODED)}.", setting="limits.flooded")
    return chosen


def _reasons(file: Mapping[str, object]) -> dict[str, str]:
    reasons = {}
    for name in CHOICES:
        setting = f"departures.{name}"
        reason = file.get(setting)
        if reason is None or reason == "":
            continue
        if not isinstance(reason, str) or len(reason.strip()) < SHORTEST_REASON or not reason.isprintable():
            detail = f"{setting} must be your reason, in one line of at least {SHORTEST_REASON} characters."
            raise SettingsError(detail, setting=setting)
        reasons[name] = reason.strip()
    return reasons

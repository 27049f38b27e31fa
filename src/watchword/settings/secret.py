"""What secret links may be: who makes them, how large, how long, how many.

Not handled here: what the rules mean (``core/secret.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

from watchword.core.instant import DAY
from watchword.core.secret import CREATION, SecretRules
from watchword.settings.environment import choice
from watchword.settings.file import one_rate, whole


def read_secrets(given: Mapping[str, str], file: Mapping[str, object]) -> SecretRules:
    """Read the rules of secret links."""
    usual = SecretRules()
    return SecretRules(
        creation=choice(given, "WATCHWORD_SECRETS", usual.creation, CREATION),
        max_text=whole(file, "secrets.max_text", usual.max_text, (1_024, 1_048_576)),
        max_file=whole(file, "secrets.max_file", usual.max_file, (1_024, 1_073_741_824)),
        longest=whole(file, "secrets.max_days", usual.longest // DAY, (1, 365)) * DAY,
        creates=one_rate(file, "secrets.source_creates", usual.creates),
        kib=one_rate(file, "secrets.source_kib", usual.kib),
    )

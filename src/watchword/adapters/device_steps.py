"""The step that moves a verification into the lane of a device that proved itself before.

Not handled here: whether it did (``core/known_device.py``).
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from watchword.core.verification import Verification
from watchword.errors import UnknownError


class DeviceTables(Protocol):
    """Verifications, read and written inside one transaction."""

    def verification(self, app: bytes, verification: bytes) -> Verification | None:
        """The row of that id, if it is that app's."""
        ...

    def change_verification(self, verification: Verification) -> None:
        """Write the columns that change."""
        ...


def recognise(tables: DeviceTables, app: bytes, raw: bytes) -> Verification:
    """``VerificationStore.recognise``."""
    verification = tables.verification(app, raw)
    if verification is None:
        raise UnknownError
    if verification.lane:
        return verification
    recognised = msgspec.structs.replace(verification, lane=1)
    tables.change_verification(recognised)
    return recognised

"""Running a command for which the permissions of files hold, also where the tests themselves run as root."""

from __future__ import annotations

import os
import shutil

import pytest


def without_a_way_around_permissions() -> list[str]:
    """What to put before a command."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write every file, and there is no setpriv to give that up")
    return ["setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override"]

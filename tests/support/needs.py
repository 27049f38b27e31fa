"""Commands of the machine that a test needs."""

from __future__ import annotations

import os
import shutil

import pytest


def needs(*commands: str) -> pytest.MarkDecorator:
    """Leave a test out where a command is missing, at a desk; in CI it fails then."""
    missing = [command for command in commands if found(command) is None]
    return pytest.mark.skipif(bool(missing) and not os.environ.get("CI"), reason=f"needs {', '.join(missing)}")


def found(command: str) -> str | None:
    """Where a command is, a daemon's included, which the path of a user may not name."""
    return shutil.which(command, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")

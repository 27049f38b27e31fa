"""What processes have used is read while some of them end."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from bench import machine


def test_a_process_that_ends_between_two_looks_has_nothing_and_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        ended = psutil.Process(child.pid)
    monkeypatch.setattr(machine, "started_by", lambda _: [ended])
    used = machine.cpu_seconds(os.getpid()), machine.cpu_time(), machine.own_mib(os.getpid())
    assert min(used) > 0
    assert machine.resident_mib(os.getpid()) >= used[2]

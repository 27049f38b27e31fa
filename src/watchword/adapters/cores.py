"""How many processors this process has: those it is bound to, or less where its container has only a share of them.

And how one process keeps off the other that it works for.

Not handled here: control groups of version 1, which systemd and Kubernetes have left behind; weights and requests,
which say who waits for whom and stop nobody.

Rules: what cannot be read is no limit; a part of a core is none, because two processes would take turns at it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from math import inf
from pathlib import Path

_TREE = "sys/fs/cgroup"


def cores(root: Path = Path("/")) -> int:
    """How many processors this process may use at once, at least one. ``root`` is where ``proc`` and ``sys`` are."""
    affinity = getattr(os, "sched_getaffinity", None)  # where it is missing, a process may use all there are
    bound = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, int(min([bound, *_shares(root)])))


def keep_to_later_half() -> None:
    """Keep this process to the later half of the processors that it may use, where there are two or more.

    A scheduler that sees two processes wake each other puts both on one processor, while another one idles.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) > 1:
        with suppress(OSError):  # whoever may not is where he was
            os.sched_setaffinity(0, usable[len(usable) // 2 :])


def _shares(root: Path) -> Iterator[float]:
    """The shares of its control group and of every one around it, in cores (cgroup-v2, "CPU Interface Files")."""
    tree = root / _TREE
    with suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("0::/"):
                group = tree / line[len("0::/") :]
                yield from (_share(each / "cpu.max") for each in (group, *group.parents) if each.is_relative_to(tree))


def _share(limit: Path) -> float:
    try:
        quota, period = map(int, limit.read_text(encoding="ascii").split())
        return quota / period
    except (OSError, ValueError, ZeroDivisionError):  # there is none, or it says "max"
        return inf

"""How many processors a process has, by what the kernel tells of its control group, and which it keeps to."""

from __future__ import annotations

import os
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from watchword.adapters.cores import cores, keep_to_later_half

BOUND = len(os.sched_getaffinity(0))


class Write:
    """Writes what the kernel would show below a root of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def own_group(self, group: str) -> None:
        """Say in which group the process is."""
        (self.root / "proc/self").mkdir(parents=True)
        (self.root / "proc/self/cgroup").write_text(f"1:name=systemd:/\n0::{group}\n", encoding="ascii")

    def limit(self, group: str, limit: str) -> None:
        """Say what a group may use."""
        folder = self.root / f"sys/fs/cgroup{group}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(f"{limit}\n", encoding="ascii")


@pytest.fixture(name="write")
def _write(tmp_path: Path) -> Write:
    return Write(tmp_path)


def test_without_control_groups_it_is_what_the_process_is_bound_to(tmp_path: Path) -> None:
    assert cores(tmp_path) == BOUND


def test_a_group_without_a_limit_limits_nothing(write: Write) -> None:
    write.own_group("/")
    write.limit("", "max 100000")
    assert cores(write.root) == BOUND


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("100000 100000", 1), ("50000 100000", 1), ("190000 100000", 1), ("900000 1000", BOUND), ("0 100000", 1)],
)
def test_a_container_has_its_share(write: Write, limit: str, expected: int) -> None:
    write.own_group("/")
    write.limit("", limit)
    assert cores(write.root) == expected


def test_a_group_around_it_limits_it_too(write: Write) -> None:
    write.own_group("/services.slice/watchword.service")
    write.limit("/services.slice/watchword.service", "max 100000")
    write.limit("/services.slice", "100000 100000")
    assert cores(write.root) == 1


def test_a_group_that_is_shown_under_another_name_is_found_at_the_top(write: Write) -> None:
    write.own_group("/../../docker/4f1c")
    write.limit("", "100000 100000")
    assert cores(write.root) == 1


@pytest.mark.parametrize("limit", ["", "max", "one core", "100000", "1 0", "1 2 3", "\xff"])
def test_what_cannot_be_read_is_no_limit(write: Write, limit: str) -> None:
    write.own_group("/")
    write.limit("", "")
    (write.root / "sys/fs/cgroup/cpu.max").write_text(limit, encoding="latin-1")
    assert cores(write.root) == BOUND


def kept(usable: AbstractSet[int]) -> set[int]:
    """The processors of a thread that may use these, once it keeps to its half: of the kernel's, a process is one."""

    def keep() -> set[int]:
        os.sched_setaffinity(0, usable)
        keep_to_later_half()
        return os.sched_getaffinity(0)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(keep).result()


@pytest.mark.skipif(BOUND < 2, reason="there is nothing to halve")
def test_a_process_keeps_to_the_later_half_of_what_it_may_use() -> None:
    usable = sorted(os.sched_getaffinity(0))
    assert set(usable[len(usable) // 2 :]) == kept(set(usable))
    assert {usable[1]} == kept(set(usable[:2]))


def test_a_process_with_one_processor_keeps_it() -> None:
    one = {min(os.sched_getaffinity(0))}
    assert one == kept(one)

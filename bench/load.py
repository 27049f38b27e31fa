"""The rounds: which load runs against which server, in which order.

R, the mixed load and, at most connections, secrets and links take turns, so that whatever else the machine does meets
all of them.

The mixed load has a database of its own, as it has on PostgreSQL and Valkey. Once more it runs on the database that all
the other loads fill: what age costs stands beside what it costs by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from bench import machine, profile
from bench.children import Running, load, server
from bench.footprint import Left, leave
from bench.profile import Profile
from bench.requests import PAIRS
from bench.rows import Row

CONNECTIONS = (64, 16, 1)
BESIDE = "create + check, among the others' rows"
WARM = 0.3  # seconds


class Plan(msgspec.Struct, frozen=True):
    """How much is measured."""

    rounds: int  # at 64 connections
    fewer: int  # at 16 and 1
    pairs: int  # rounds of creates with a link beside creates without one, an even number: the difference is small
    seconds: float
    store_verifications: int
    messages: int
    starts: int
    left: int  # verifications that are made and purged
    mebibytes: int  # of the file that the browser seals
    profile_seconds: float


FULL = Plan(
    rounds=7,
    fewer=3,
    pairs=40,
    seconds=2.0,
    store_verifications=10_000,
    messages=4_000,
    starts=5,
    left=100_000,
    mebibytes=100,
    profile_seconds=10,
)
QUICK = Plan(
    rounds=2,
    fewer=1,
    pairs=2,
    seconds=0.7,
    store_verifications=2_000,
    messages=400,
    starts=1,
    left=4_000,
    mebibytes=10,
    profile_seconds=2,
)


class Loaded(msgspec.Struct, frozen=True):
    """What the servers under load have shown."""

    rows: list[Row]
    left: Left
    profile: Profile


def run(plan: Plan, folder: Path, say: Callable[[str], None]) -> Loaded:
    """Run everything that needs a server."""
    with server("watchword", folder / "memory") as service:
        say(f"{plan.left} verifications made, checked and purged")
        left = leave(service, plan.left)
    with (
        server("watchword", folder / "load") as service,
        server("watchword", folder / "alone") as alone,
        server("reference", folder / "reference") as plain,
    ):
        rows = []
        for connections in CONNECTIONS:
            say(f"load over {connections} connections")
            rows += _at(service, alone, plain, connections, plan)
        say("profile")
        return Loaded(rows, left, _profile(service, plan.profile_seconds))


def _at(service: Running, alone: Running, plain: Running, connections: int, plan: Plan) -> list[Row]:
    most = connections == max(CONNECTIONS)
    seconds = plan.seconds
    rows: list[Row] = []
    for _ in range(plan.rounds if most else plan.fewer):
        rows += load(plain, "reference", connections, seconds, warm=WARM)
        rows += load(alone, "mixed", connections, seconds, warm=WARM)
        if most:
            beside = load(service, "mixed", connections, seconds, warm=WARM)
            rows += [msgspec.structs.replace(row, scenario=BESIDE) for row in beside]
            rows += load(service, "secrets", connections, seconds, warm=WARM)
            rows += load(service, "links", connections, seconds, warm=WARM)
            rows += load(service, "linked", connections, seconds)
    for number in range(plan.pairs if most else 0):
        rows += load(service, PAIRS[number % 2], connections, seconds / 2)
    for _ in range(plan.fewer):
        rows += load(service, "single", connections, seconds)
    if most:
        for _ in range(plan.fewer):
            rows += load(service, "idempotent", connections, seconds, warm=WARM)
            rows += load(service, "authenticator", connections, seconds)
    return rows


def _profile(service: Running, seconds: float) -> Profile:
    held = profile.recording(service.pid, seconds)
    load(service, "mixed", max(CONNECTIONS), seconds + WARM)
    native = profile.native_recording(service.pid, seconds)
    load(service, "mixed", max(CONNECTIONS), seconds + WARM)
    beside = [profile.native_recording(each.pid, seconds) for each in machine.started_by(service.pid)]
    load(service, "mixed", max(CONNECTIONS), seconds + WARM)
    return profile.summarise(
        held.samples(), native.samples(), [sample for recording in beside for sample in recording.samples()]
    )

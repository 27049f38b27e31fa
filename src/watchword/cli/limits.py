"""``watchword limits …``: why somebody gets no code, and letting them have one again.

Rule: looking and resetting are written to the log, one line of JSON on standard error, with the user of the machine who
asked: the system's own word for who that is, and no variable's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import groupby
from typing import TypeVar

from watchword.adapters.log import Log
from watchword.adapters.system import SystemClock, operator
from watchword.bootstrap import opened_support
from watchword.cli import console
from watchword.core.app import App
from watchword.core.number import is_number
from watchword.core.sms import write_money
from watchword.flows.limits import Budgeted, Shown, SupportDesk
from watchword.settings import Settings

Result = TypeVar("Result")


def show(settings: Settings, name: str, to: str, *, as_json: bool) -> None:
    """Print every limit of a recipient's own in an app; of a number also what texts cost lately."""

    async def look(desk: SupportDesk, app: App) -> tuple[str, list[Shown], list[Budgeted]]:
        masked, limits = await desk.show(app, to, by=operator())
        return masked, limits, await desk.budgets(app) if is_number(to) else []

    masked, limits, budgets = _at_the_desk(settings, name, look)
    lines = [f"{masked}"]
    for each in limits:
        state = f"refuses for {each.wait} s" if each.wait else "open"
        state += f", answers and sends nothing for {each.quiet} s" if each.quiet else ""
        streak = f", {each.streak} wrong in a row" if each.streak else ""
        lines.append(f"  {each.limit:8} {each.lane:13} {state}{streak}")
    for whose, of_it in groupby(budgets, key=lambda each: each.whose):
        lines.append(f"  {'budget':8} {whose:13} {', '.join(map(_cost, of_it))}")
    document: dict[str, object] = {"recipient": masked, "limits": [each._asdict() for each in limits]}
    if budgets:
        document["budgets"] = [
            each._asdict() | {"spent": write_money(each.spent), "ceiling": each.ceiling and write_money(each.ceiling)}
            for each in budgets
        ]
    console.result("\n".join(lines), document, as_json=as_json)


def _cost(each: Budgeted) -> str:
    ceiling = "" if each.ceiling is None else f" of {write_money(each.ceiling)}"
    return f"{each.window} {write_money(each.spent)}{ceiling}"


def reset(settings: Settings, name: str, to: str, *, block: bool, as_json: bool) -> None:
    """Empty them."""
    masked = _at_the_desk(settings, name, lambda desk, app: desk.reset(app, to, by=operator(), block=block))
    console.result(f"reset {masked}", {"recipient": masked, "reset": True}, as_json=as_json)


def _at_the_desk(settings: Settings, name: str, work: Callable[[SupportDesk, App], Awaitable[Result]]) -> Result:
    log = Log(SystemClock(), level="info")

    async def run() -> Result:
        async with opened_support(settings, log, name) as (desk, app):
            return await work(desk, app)

    try:
        return asyncio.run(run())
    finally:
        log.flush()

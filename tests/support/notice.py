"""What the tests of notices share: a person with confirmed addresses, and what they were told."""

from __future__ import annotations

from tests.support.authenticator import ANN
from tests.support.world import World

HOME, WORK = "ann@example.com", "ann@work.example.org"


async def confirmed(world: World, *addresses: str, subject: str = ANN, purpose: str = "address_confirmation") -> None:
    """Tie addresses to a subject the way an app does, by approved verifications, and forget what that told."""
    for address in addresses:
        raw, code = await world.send(address, purpose, subject=subject)
        await world.check(raw, code)
    await world.notices.drain()
    world.outbox.notices.clear()


async def told(world: World) -> list[tuple[str, list[tuple[str, int]]]]:
    """Hand over what is due: who was told which kinds, and how often each happened. It is told once."""
    await world.notices.drain()
    mails = [(to, [(line.kind, line.count) for line in message.lines]) for to, message in world.outbox.notices]
    world.outbox.notices.clear()
    return sorted(mails)


def both(*kinds: str) -> list[tuple[str, list[tuple[str, int]]]]:
    """That both addresses are told the same, each kind once."""
    lines = [(kind, 1) for kind in kinds]
    return [(HOME, lines), (WORK, lines)]

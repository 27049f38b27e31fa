"""Authenticators for tests: a person's app, and what a check comes to."""

from __future__ import annotations

from tests.support.world import World, wrong
from watchword.core.instant import SECOND
from watchword.core.otpauth import AuthenticatorKey
from watchword.core.totp import totp
from watchword.errors import NotAcceptedError, WatchwordError
from watchword.flows.authenticator import NewAuthenticator

ANN = "user-1"
PERIOD = 30 * SECOND


def code(world: World, key: AuthenticatorKey, off: int = 0) -> str:
    """What the app shows, ``off`` steps from now."""
    at = world.clock.now() + off * key.period * SECOND
    return totp(key.secret, at, algorithm=key.algorithm, digits=key.digits, period=key.period)


def no_code(world: World, *keys: AuthenticatorKey) -> str:
    """Six digits that no step near now has, in any of these keys."""
    right = {code(world, key, off) for key in keys for off in range(-5, 6)}
    typed = "000000"
    while typed in right:
        typed = wrong(typed)
    return typed


async def bind(world: World, subject: str = ANN, **more: object) -> tuple[bytes, AuthenticatorKey, tuple[str, ...]]:
    """Enrol and confirm; the clock then moves on, so that the next code is a new one."""
    enrolled = await world.authenticators.enrol(world.app, NewAuthenticator(subject, **more))  # type: ignore[arg-type]
    raw = enrolled.shown.authenticator.id
    confirmed = await world.authenticators.confirm(world.app, raw, code(world, enrolled.key))
    world.clock.move(2 * PERIOD)
    return raw, enrolled.key, confirmed.codes


async def checked(world: World, typed: str, subject: str = ANN, *, known_device: bool = False) -> str:
    """'approved', the reason of a refusal, or the class of another error."""
    try:
        await world.authenticators.check(world.app, subject, typed, known_device=known_device)
    except NotAcceptedError as error:
        return error.reason
    except WatchwordError as error:
        return type(error).__name__
    return "approved"

"""Exit codes: every error of ``errors.py`` has one, and docs/reference/cli.md shows the same table.

Not handled here: what is printed (``console.py``).
"""

from __future__ import annotations

from collections.abc import Mapping

from watchword import errors
from watchword.errors import WatchwordError

OK = 0
REFUSED = 1
USAGE = 2
LIMITED = 3
UNAVAILABLE = 4
BROKEN = 5
INTERRUPTED = 130

MEANING: Mapping[int, str] = {
    OK: "done; for `check`: the code was accepted",
    REFUSED: "refused: the answer is no, and asking again changes nothing; or nobody read the result",
    USAGE: "the command line, a value or a setting must be changed",
    LIMITED: "too many requests of this kind; later",
    UNAVAILABLE: "something that is needed does not answer; nothing was lost, try again",
    BROKEN: "stored data does not verify, or a fault in Watchword itself",
    INTERRUPTED: "interrupted at the terminal",
}

EXITS: Mapping[type[WatchwordError], int] = {
    errors.WatchwordError: BROKEN,
    errors.RefusedError: REFUSED,
    errors.UnauthenticatedError: REFUSED,
    errors.NotAcceptedError: REFUSED,
    errors.MismatchError: REFUSED,
    errors.ExpiredError: REFUSED,
    errors.ExhaustedError: REFUSED,
    errors.AlreadyUsedError: REFUSED,
    errors.NotConfirmedError: REFUSED,
    errors.CanceledError: REFUSED,
    errors.UndeliverableError: REFUSED,
    errors.UnknownSubjectError: REFUSED,
    errors.NotEnrolledError: REFUSED,
    errors.DisabledError: REFUSED,
    errors.UnknownError: REFUSED,
    errors.ForbiddenError: REFUSED,
    errors.ChannelForbiddenError: REFUSED,
    errors.ChannelClosedError: REFUSED,
    errors.CountryForbiddenError: REFUSED,
    errors.NoticeError: REFUSED,
    errors.ChallengeError: REFUSED,
    errors.RedirectForbiddenError: REFUSED,
    errors.LockedError: REFUSED,
    errors.ConflictError: REFUSED,
    errors.EndedError: REFUSED,
    errors.SendsSpentError: REFUSED,
    errors.AlreadyBoundError: REFUSED,
    errors.OverError: REFUSED,
    errors.OpenedError: REFUSED,
    errors.LapsedError: REFUSED,
    errors.BurntError: REFUSED,
    errors.RateLimitedError: LIMITED,
    errors.BlockedError: LIMITED,
    errors.InvalidInputError: USAGE,
    errors.IdempotencyReusedError: USAGE,
    errors.TooLargeError: USAGE,
    errors.UnavailableError: UNAVAILABLE,
    errors.StoreError: UNAVAILABLE,
    errors.KeyringError: UNAVAILABLE,
    errors.OverloadedError: UNAVAILABLE,
    errors.DeliveryError: UNAVAILABLE,
    errors.TamperedError: BROKEN,
    errors.SettingsError: USAGE,
}


def code_of(error: WatchwordError) -> int:
    """The exit code of an error. A class without a row of its own, from a plugin say, has its parent's."""
    return next(EXITS[kind] for kind in type(error).__mro__ if kind in EXITS)

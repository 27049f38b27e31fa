"""Policy is data: which channel may serve which purpose, for how long, with how many tries.

One table a profile. Departures from NIST SP 800-63B-4 and OWASP ASVS 5 that a profile makes on purpose stand
beside it, by clause, and ``watchword doctor`` prints them.

Not handled here: limits across verifications (``core/limit.py``), what an operator configured (``settings``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from watchword.core.instant import DAY, HOUR, MINUTE, SECOND, Span
from watchword.core.limit import GuessLimits, Rate
from watchword.core.passcode import DEFAULT_DIGITS, MAX_DIGITS, MIN_DIGITS
from watchword.errors import ChannelForbiddenError, InvalidInputError

CHANNELS = ("email", "sms")
PURPOSES = ("login", "step_up", "address_confirmation", "recovery", "binding")

MIN_LIFETIME: Span = MINUTE


class Rule(NamedTuple):
    """What one channel may do for one purpose. ``ceiling`` is the longest lifetime that may be asked for."""

    lifetime: Span
    ceiling: Span


class Profile(NamedTuple):
    """A named policy.

    ``resend_after`` are the waits before each resend, so that ``len(resend_after) + 1`` sends are all there are.
    ``departures`` maps a standard's clause to what we do instead, and why.
    """

    name: str
    table: Mapping[tuple[str, str], Rule]
    attempts: int
    resend_after: tuple[Span, ...]
    failure_ceiling: int
    departures: Mapping[str, str]

    @property
    def max_sends(self) -> int:
        """How often the message of one verification may go out, the first time included."""
        return len(self.resend_after) + 1

    def rule(self, channel: str, purpose: str) -> Rule:
        """The rule for a channel and a purpose.

        Raises:
            InvalidInputError: there is no such channel or purpose.
            ChannelForbiddenError: this profile does not allow it.
        """
        rule = self.table.get((channel, purpose))
        if rule is None:
            if channel not in CHANNELS:
                raise InvalidInputError("Known channels are email and sms.", field="channel")
            if purpose not in PURPOSES:
                raise InvalidInputError(f"Known purposes are {', '.join(PURPOSES)}.", field="purpose")
            raise ChannelForbiddenError
        return rule


def read_lifetime(rule: Rule, seconds: int | None) -> Span:
    """The lifetime that was asked for, or the rule's own.

    Raises:
        InvalidInputError: shorter than a minute or longer than the rule's ceiling.
    """
    if seconds is None:
        return rule.lifetime
    lifetime = seconds * SECOND
    if not MIN_LIFETIME <= lifetime <= rule.ceiling:
        ends = f"{MIN_LIFETIME // SECOND} to {rule.ceiling // SECOND} seconds"
        raise InvalidInputError(f"A lifetime here is {ends}.", field="expires_in")
    return lifetime


def read_length(digits: int | None) -> int:
    """The code length that was asked for, or six.

    Raises:
        InvalidInputError: fewer than 6 digits (NIST SP 800-63B-4, 3.1.3.2) or more than 10.
    """
    if digits is None:
        return DEFAULT_DIGITS
    if not MIN_DIGITS <= digits <= MAX_DIGITS:
        raise InvalidInputError(f"A code has {MIN_DIGITS} to {MAX_DIGITS} digits.", field="digits")
    return digits


BALANCED = Profile(
    name="balanced",
    table={
        ("email", "login"): Rule(10 * MINUTE, 10 * MINUTE),
        ("email", "step_up"): Rule(10 * MINUTE, 10 * MINUTE),
        ("email", "binding"): Rule(10 * MINUTE, 10 * MINUTE),
        ("email", "address_confirmation"): Rule(HOUR, DAY),
        ("email", "recovery"): Rule(HOUR, DAY),
    },
    attempts=5,
    resend_after=(30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE),
    failure_ceiling=50,
    departures={
        "NIST SP 800-63B-4 3.1.3.1, ASVS 6.3.6": (
            "Email serves login and step-up. NIST does not accept email as an out-of-band authenticator; we allow it "
            "because the alternative in most applications is a password alone, with enforced TLS, five tries and "
            "budgets across verifications as mitigation."
        ),
        "OWASP MFA cheat sheet (new code on resend)": (
            "A resend is the same code again, so that the mail in flight stays valid; tries and failures carry over."
        ),
        "RFC 9562 section 8, ASVS 7.2.3": "Verification ids begin with a time; no id is a capability.",
        "ASVS 6.5.5": "Recovery and address confirmation by email live 60 minutes (NIST allows 24 hours).",
    },
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (BALANCED,)}


class Limits(NamedTuple):
    """How much may be asked for, across verifications. An empty tuple is no limit.

    ``recipient_sends`` count across apps. Where the app does not pass ``requester.ip`` there is no source to charge,
    and its own bucket (``app_sends``) is all that pays.
    """

    recipient_sends: tuple[Rate, ...] = (Rate(3, 10 * MINUTE), Rate(10, DAY))
    source_sends: tuple[Rate, ...] = (Rate(20, 10 * MINUTE),)
    app_sends: tuple[Rate, ...] = ()
    global_sends: tuple[Rate, ...] = ()
    wrong_guesses: tuple[Rate, ...] = (Rate(10, HOUR), Rate(50, DAY))


class Rules(NamedTuple):
    """Everything that decides and can be reloaded while running: the profile and the limits."""

    profile: Profile = BALANCED
    limits: Limits = Limits()

    @property
    def guesses(self) -> GuessLimits:
        """The budgets of wrong guesses with the profile's ceiling."""
        return GuessLimits(self.limits.wrong_guesses, self.profile.failure_ceiling)

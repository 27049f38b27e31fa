"""Policy is data: which channel may serve which purpose, for how long, with how many tries.

One table a profile. Departures from NIST SP 800-63B-4 and OWASP ASVS 5 that a profile makes on purpose stand
beside it, by clause, and ``watchword doctor --policy`` prints them.

Not handled here: what an operator chooses to depart from (``core/departure.py``), limits across verifications
(``core/limit.py``), what an operator configured (``settings``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from watchword.core.action import Templates
from watchword.core.instant import DAY, HOUR, MINUTE, SECOND, Span
from watchword.core.limit import GuessLimits, Rate
from watchword.core.passcode import DEFAULT_DIGITS, MAX_DIGITS, MIN_DIGITS
from watchword.core.sms import SmsRules
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
    ``skew`` is how many steps early or late a code of an authenticator may come. ``departures`` maps a standard's
    clause to what we do instead, and why. ``clauses`` maps what an operator may depart from, giving a reason
    (``core/departure.py``), to the clause that forbids it; ``claim`` is all that may be said of the profile.
    ``sms`` are the purposes that SMS may serve once its duties are taken on (``core/sms.py``), ``voip`` whether numbers
    of internet telephony count as telephones.
    """

    name: str
    table: Mapping[tuple[str, str], Rule]
    attempts: int
    resend_after: tuple[Span, ...]
    failure_ceiling: int
    skew: int
    departures: Mapping[str, str]
    clauses: Mapping[str, str]
    claim: str
    sms: Mapping[str, Rule] = {}
    voip: bool = False

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


# Once for all profiles: what is said of every one of them in the same words.
_SAME_CODE = {
    "OWASP MFA cheat sheet (new code on resend)": (
        "A resend is the same code again, so that the mail in flight stays valid; tries and failures carry over."
    ),
}
_TIMED_IDS = {"RFC 9562 section 8, ASVS 7.2.3": "Verification ids begin with a time; no id is a capability."}
_ELSEWHERE = {
    "OWASP API4:2023 (counters out of reach)": (
        "Only SMS is asked to fail closed then. Codes of authenticators do, too: a 503 is better than free guesses."
    ),
    "ASVS 11.3.2 (file bodies)": (
        "Files of secret links are sealed with AES-128-GCM: RFC 8188, which other software opens, knows no other."
    ),
    "ASVS 11.3.3 (expiry and views)": (
        "Expiry and views of a secret link are enforced by the service; its operator could keep a copy for longer."
    ),
}
_EMAIL_LOGIN = "NIST SP 800-63B-4 3.1.3.1, ASVS 6.3.6"
_LATE_EMAIL = {"ASVS 6.5.5": "Recovery and address confirmation by email live 60 minutes (NIST allows 24 hours)."}
_SKEW = {"ASVS 6.5.5 (authenticator codes)": "A code is accepted one step early or late, as RFC 6238 5.2 recommends."}

_RESEND = (30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE)
_TEN = Rule(10 * MINUTE, 10 * MINUTE)
_LATE = Rule(HOUR, DAY)

# A purpose that is not in a table is refused for that channel. SMS is in none until its duties are taken on.
_SIGN_IN = {("email", "login"): _TEN, ("email", "step_up"): _TEN}
_BIND = {("email", "binding"): _TEN}
_PROVE_LATE = {("email", "address_confirmation"): _LATE, ("email", "recovery"): _LATE}
_PROVE_SOON = {("email", "address_confirmation"): _TEN, ("email", "recovery"): _TEN}

# Restricted, and no better for recovery than for login: five minutes, ten at most, for every purpose.
_FIVE = Rule(5 * MINUTE, 10 * MINUTE)
_SMS: Mapping[str, Rule] = dict.fromkeys(PURPOSES, _FIVE)

_NIST_GUESSES = "NIST SP 800-63B-4 3.1.3.2"
_NIST_COUNTERS = "NIST SP 800-63B-4 3.2.2"

BALANCED = Profile(
    name="balanced",
    table={**_SIGN_IN, **_BIND, **_PROVE_LATE},
    attempts=5,
    resend_after=_RESEND,
    failure_ceiling=50,
    skew=1,
    departures={
        _EMAIL_LOGIN: (
            "Email serves login and step-up. NIST does not accept email as an out-of-band authenticator; we allow it "
            "because the alternative in most applications is a password alone, with enforced TLS, five tries and "
            "budgets across verifications as mitigation."
        ),
        **_SAME_CODE,
        **_TIMED_IDS,
        **_LATE_EMAIL,
        **_SKEW,
        **_ELSEWHERE,
    },
    clauses={},
    claim="none: a sensible default, with its departures listed",
    sms=_SMS,
)

NIST = Profile(
    name="nist-63b-4",
    table={**_BIND, **_PROVE_LATE},
    attempts=5,
    resend_after=_RESEND,
    failure_ceiling=100,
    skew=1,
    departures={**_SAME_CODE, **_TIMED_IDS, **_ELSEWHERE},
    clauses={
        "email_login": "NIST SP 800-63B-4 3.1.3.1",
        "unlimited_guesses": _NIST_GUESSES,
        "counters_in_memory": _NIST_COUNTERS,
    },
    claim="designed against AAL2's components; a service is not AAL2 without a phishing-resistant option besides",
    sms=_SMS,
    voip=True,
)

ASVS_L2 = Profile(
    name="asvs5-l2",
    table={**_SIGN_IN, **_BIND, **_PROVE_SOON},
    attempts=5,
    resend_after=_RESEND,
    failure_ceiling=100,
    skew=0,
    departures={
        "ASVS V6.6 (introduction)": (
            "Email serves login and step-up. The text calls it weak and excludes it at level 3 alone; enforced TLS, "
            "five tries and budgets across verifications are the mitigation."
        ),
        **_SAME_CODE,
        **_TIMED_IDS,
        **_ELSEWHERE,
    },
    clauses={
        "late_email": "ASVS 6.5.5",
        "authenticator_skew": "ASVS 6.5.5",
        "unlimited_guesses": "ASVS 6.6.3",
        "unlimited_sends": "ASVS 2.4.1",
        "counters_in_memory": "ASVS 6.6.3",
    },
    claim="designed against level 2, with the departures that are listed",
    sms=_SMS,
)

ASVS_L3 = Profile(
    name="asvs5-l3",
    table={**_BIND, **_PROVE_SOON},
    attempts=5,
    resend_after=_RESEND,
    failure_ceiling=20,
    skew=0,
    departures={**_SAME_CODE, **_TIMED_IDS, **_ELSEWHERE},
    clauses={"email_login": "ASVS 6.3.6", **ASVS_L2.clauses},
    claim="designed against level 3's rules for codes; level 3 needs a hardware factor, which this is not",
)

_FIFTEEN = Rule(10 * MINUTE, 15 * MINUTE)

LEGACY = Profile(
    name="legacy",
    table={("email", "login"): _FIFTEEN, ("email", "step_up"): _FIFTEEN, **_BIND, **_PROVE_LATE},
    attempts=10,
    resend_after=_RESEND,
    failure_ceiling=100,
    skew=1,
    departures={
        **BALANCED.departures,
        "NIST SP 800-63B-4 3.1.3.2, ASVS 6.5.5": (
            "A code for login and step-up may live 15 minutes and be tried ten times, for applications that move here "
            "and promised their users as much. Both allow 10 minutes."
        ),
    },
    clauses={},
    claim="none: it does not conform, and is for moving here",
    sms=_SMS,
)

PROFILES: Mapping[str, Profile] = {each.name: each for each in (BALANCED, NIST, ASVS_L2, ASVS_L3, LEGACY)}


class Limits(NamedTuple):
    """How much may be asked for, across verifications. An empty tuple is no limit.

    ``recipient_sends`` count across apps. Where the app does not pass ``requester.ip`` there is no source to charge,
    and its own bucket (``app_sends``) is all that pays. ``public_requests`` are what one source may ask of the routes
    behind links and hosted pages, in each process. ``away_sends`` are the mails of one process while counters cannot be
    reached, and alone of all refuse where they are empty.
    """

    recipient_sends: tuple[Rate, ...] = (Rate(3, 10 * MINUTE), Rate(10, DAY))
    source_sends: tuple[Rate, ...] = (Rate(20, 10 * MINUTE),)
    app_sends: tuple[Rate, ...] = ()
    global_sends: tuple[Rate, ...] = ()
    wrong_guesses: tuple[Rate, ...] = (Rate(10, HOUR), Rate(50, DAY))
    public_requests: tuple[Rate, ...] = (Rate(1_200, MINUTE),)
    away_sends: tuple[Rate, ...] = (Rate(60, MINUTE),)


class SmsLimits(NamedTuple):
    """The same for SMS, where every message costs. Blocks of numbers and countries have their breakers besides."""

    number_sends: tuple[Rate, ...] = (Rate(3, 10 * MINUTE), Rate(5, DAY))
    block_sends: tuple[Rate, ...] = (Rate(20, HOUR), Rate(60, DAY))
    range_sends: tuple[Rate, ...] = (Rate(60, HOUR), Rate(400, DAY))
    country_sends: tuple[Rate, ...] = ()
    network_sends: tuple[Rate, ...] = (Rate(20, 10 * MINUTE), Rate(200, DAY))
    app_sends: tuple[Rate, ...] = ()
    global_sends: tuple[Rate, ...] = ()


SMS_REASONS: Mapping[str, str] = {
    "number_sends": "a telephone is not flooded, whichever apps ask",
    "block_sends": "per thousand neighbouring numbers",
    "range_sends": "per ten thousand neighbouring numbers",
    "country_sends": "off: breakers and budgets hold",
    "network_sends": "per /24 of requester.ip, an IPv6 /64",
    "app_sends": "off: you know your apps",
    "global_sends": "off: budgets hold",
}


FLOODED = ("quiet", "refuse")


class Departure(NamedTuple):
    """What an operator chose to do otherwise than a profile: its name, the clause, what is done, and their reason."""

    name: str
    clause: str
    text: str
    reason: str


class Rules(NamedTuple):
    """Everything that decides and can be reloaded while running: the profile and the limits.

    ``chosen`` are the departures that the operator gave a reason for; the profile has them in it. ``actions`` are what
    each app may ask people to approve. ``flooded`` is what becomes of mail to a recipient whose day is spent.
    """

    profile: Profile = BALANCED
    limits: Limits = Limits()
    chosen: tuple[Departure, ...] = ()
    sms: SmsRules | None = None
    sms_limits: SmsLimits = SmsLimits()
    actions: Templates = MappingProxyType({})
    flooded: str = "quiet"

    @property
    def guesses(self) -> GuessLimits:
        """The budgets of wrong guesses with the profile's ceiling."""
        return GuessLimits(self.limits.wrong_guesses, self.profile.failure_ceiling)

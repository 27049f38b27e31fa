"""Everything that can go wrong, as one tree.

    WatchwordError
    ├─ RefusedError                  the caller may not have this
    │  ├─ UnauthenticatedError       no key, or one that is not (or no longer) valid
    │  ├─ NotAcceptedError           the one public face of every failed proof
    │  │  ├─ MismatchError           the code is not the one that was sent
    │  │  ├─ ExpiredError            right or wrong, it comes too late
    │  │  ├─ ExhaustedError          the verification has no guesses left
    │  │  ├─ AlreadyUsedError        it was approved before
    │  │  ├─ NotConfirmedError       nobody has confirmed it yet: ask again later
    │  │  ├─ CanceledError           the app withdrew it
    │  │  ├─ UndeliverableError      it never reached the recipient
    │  │  ├─ UnknownSubjectError     nothing is kept of that subject
    │  │  ├─ NotEnrolledError        the subject has no active authenticator
    │  │  └─ DisabledError           too many failures in a row: a new binding is needed
    │  ├─ UnknownError               nothing of that name for this caller
    │  ├─ ForbiddenError             understood, and not allowed here
    │  │  ├─ ChannelForbiddenError   policy does not let this channel serve this purpose
    │  │  ├─ CountryForbiddenError   no messages go to numbers of this country
    │  │  ├─ NoticeError             a number is bound only after its owner saw the notice about SMS
    │  │  ├─ ChannelClosedError      too many consecutive wrong guesses: bind the recipient again
    │  │  ├─ ChallengeError          a message goes out after the browser has worked for it
    │  │  ├─ RedirectForbiddenError  the app has not registered this redirect URI
    │  │  └─ LockedError             too many wrong passphrases: the secret's maker unlocks it
    │  ├─ ConflictError              the state of things does not allow it
    │  │  ├─ EndedError              the verification is over
    │  │  ├─ SendsSpentError         every send of this verification is used up
    │  │  └─ AlreadyBoundError       the subject has this very seed already
    │  ├─ OverError                  a secret that was and is no more: carries when it ended
    │  │  ├─ OpenedError             every view was claimed
    │  │  ├─ LapsedError             its lifetime is over
    │  │  └─ BurntError              its maker ended it
    │  ├─ RateLimitedError           too many: carries retry_after
    │  │  └─ BlockedError            the fraud guard sends nothing there for now
    │  └─ InvalidInputError          carries the field
    │     ├─ IdempotencyReusedError  the same key with another request
    │     └─ TooLargeError           more bytes than a request may have
    ├─ UnavailableError              a dependency failed and nothing was lost: try again
    │  ├─ StoreError                 the store cannot be read or written
    │  ├─ KeyringError               a value names a key this process does not hold
    │  ├─ OverloadedError            this process has all the work it may take
    │  └─ DeliveryError              a relay did not take a message
    ├─ TamperedError                 stored or sealed bytes do not verify
    └─ SettingsError                 the operator must act

Rules: every class ends in Error and has a stable ``code``, the word that API, SDK and CLI share. Exceptions carry
facts, never secrets. ``web/problems.py`` and ``cli/exits.py`` hold one table each; a test misses no class.
"""

from __future__ import annotations

from typing import ClassVar


class WatchwordError(Exception):
    """Base of everything this library raises on purpose."""

    code: ClassVar[str] = "internal"
    sentence: ClassVar[str] = "Something went wrong."
    aside: str = ""  # for a log, and apart from ``detail``, which an app may show to people

    def __init__(self, detail: str = "") -> None:
        self.detail = detail or self.sentence
        super().__init__(self.detail)

    def __str__(self) -> str:
        setting = getattr(self, "setting", "")
        named = (getattr(self, "field", ""), "" if setting in self.detail else setting)
        told = ": ".join([*filter(None, named), self.detail])
        return f"{told} ({self.aside})" if self.aside else told


class RefusedError(WatchwordError):
    """The caller may not have this."""

    code = "refused"
    sentence = "This was refused."


class UnauthenticatedError(RefusedError):
    """There was no API key, or not one that is valid."""

    code = "unauthenticated"
    sentence = "A valid API key is needed, sent as 'Authorization: Bearer'."


class NotAcceptedError(RefusedError):
    """A proof was not accepted. ``reason`` is for the authenticated backend only.

    ``attempts_remaining`` is how many guesses the verification still takes, or None where nothing is counted.
    """

    code = "not_accepted"
    reason: ClassVar[str] = "mismatch"
    sentence = "The code was not accepted."

    def __init__(self, detail: str = "", *, attempts_remaining: int | None = None) -> None:
        super().__init__(detail)
        self.attempts_remaining = attempts_remaining


class MismatchError(NotAcceptedError):
    """The code is not the one that was sent, or belongs to another purpose or address."""

    reason = "mismatch"


class ExpiredError(NotAcceptedError):
    """The lifetime is over."""

    reason = "expired"


class ExhaustedError(NotAcceptedError):
    """Every guess this verification allows was used."""

    reason = "exhausted"


class AlreadyUsedError(NotAcceptedError):
    """The verification was approved before; a code counts once."""

    reason = "used"


class NotConfirmedError(NotAcceptedError):
    """Nobody has confirmed the verification yet, so that there is nothing to collect. Nothing was spent."""

    reason = "pending"
    sentence = "Nobody has confirmed this yet. Nothing is lost; ask again later."


class CanceledError(NotAcceptedError):
    """The app withdrew the verification."""

    reason = "canceled"


class UndeliverableError(NotAcceptedError):
    """The message could not be delivered, so no code is out."""

    reason = "failed"


class UnknownSubjectError(NotAcceptedError):
    """Nothing is kept of that subject in this app."""

    reason = "unknown_subject"


class NotEnrolledError(NotAcceptedError):
    """The subject has no active authenticator; a pending one satisfies nothing."""

    reason = "no_authenticator"


class DisabledError(NotAcceptedError):
    """Too many failures in a row; nothing was looked at. A new binding enables the subject's authenticators again."""

    reason = "locked"


class UnknownError(RefusedError):
    """There is nothing of that name, or it belongs to somebody else; the two look the same."""

    code = "unknown"
    sentence = "There is nothing of that name here."


class ForbiddenError(RefusedError):
    """The request was understood and is not allowed here."""

    code = "forbidden"
    sentence = "This is not allowed here."


class ChannelForbiddenError(ForbiddenError):
    """Policy does not let this channel serve this purpose."""

    code = "channel_forbidden"
    sentence = "The policy does not let this channel serve this purpose."


class CountryForbiddenError(ForbiddenError):
    """The operator sends no messages to numbers of this country."""

    code = "country_forbidden"
    sentence = "No messages are sent to numbers of this country."


class NoticeError(ForbiddenError):
    """A number cannot be bound before its owner has acknowledged the notice about SMS that is in force."""

    code = "notice_required"
    sentence = "Show the notice about text messages first, and send its version as notice_acknowledged."


class ChannelClosedError(ForbiddenError):
    """Too many consecutive wrong guesses; only a verification of purpose ``binding`` opens the channel again."""

    code = "channel_closed"
    sentence = "Too many wrong codes in a row: this recipient must be bound again."


class ChallengeError(ForbiddenError):
    """The message goes out once work was done for it, at a hosted page."""

    code = "challenge_required"
    sentence = "Nothing is sent before the browser has worked for it, and this was no such work. Ask for a challenge."


class RedirectForbiddenError(ForbiddenError):
    """The app has not registered this redirect URI, character by character."""

    code = "redirect_forbidden"
    sentence = "The app has not registered this redirect URI. It is compared character by character."


class LockedError(ForbiddenError):
    """Too many wrong passphrases; the secret is whole, and its maker can unlock it."""

    code = "locked"
    sentence = "Too many wrong passphrases. Nothing is lost: ask the sender to unlock it."


class ConflictError(RefusedError):
    """The state of things does not allow the request."""

    code = "conflict"
    sentence = "The state of this verification does not allow that."


class EndedError(ConflictError):
    """The verification is over. ``status`` says how it ended; to those who are far away, ``detail`` does."""

    code = "ended"
    sentence = "This verification is over."

    def __init__(self, detail: str = "", *, status: str = "") -> None:
        super().__init__(detail or (f"This verification is over: it is {status}." if status else ""))
        self.status = status


class SendsSpentError(ConflictError):
    """Every send of this verification is used up; the code that is out stays valid."""

    code = "sends_spent"
    sentence = "This verification has no sends left. The code that was sent stays valid."


class AlreadyBoundError(ConflictError):
    """The subject has an active authenticator with this very seed."""

    code = "already_bound"
    sentence = "This subject has an active authenticator with this key already."


class OverError(RefusedError):
    """A secret that was and is no more. Told only to those who hold its link. ``at`` is when it ended."""

    code = "over"
    sentence = "This secret is no more."

    def __init__(self, detail: str = "", *, at: str = "") -> None:
        super().__init__(detail)
        self.at = at


class OpenedError(OverError):
    """Every view was claimed, by others than the one who asks."""

    code = "opened"
    sentence = "This secret was opened already. If that was not you, tell the sender."


class LapsedError(OverError):
    """Its lifetime is over."""

    code = "expired"
    sentence = "This secret has expired. Ask the sender for a new link."


class BurntError(OverError):
    """Its maker ended it."""

    code = "burnt"
    sentence = "The sender has burnt this secret. Ask for a new link."


class RateLimitedError(RefusedError):
    """Too many requests of this kind. ``retry_after`` is in whole seconds; which bucket refused is never told.

    ``policy`` is what an authenticated caller may know of the limits: their name, and counts with spans in seconds.
    """

    code = "rate_limited"
    sentence = "Too many requests of this kind. Nothing was sent or counted."

    def __init__(self, detail: str = "", *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = max(1, retry_after)
        self.aside = f"again in {self.retry_after} s"
        self.policy: tuple[str, tuple[tuple[int, int], ...]] = ("", ())


class BlockedError(RateLimitedError):
    """The fraud guard sends nothing there for now. ``reason`` is for the operator's log, and in no answer."""

    code = "blocked"
    sentence = "Nothing is sent there for now. Nothing was sent or charged."

    def __init__(self, detail: str = "", *, reason: str = "", retry_after: int = 1) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.reason = reason


class InvalidInputError(RefusedError):
    """A field does not hold what it must. ``field`` is its path, '' for the request as a whole."""

    code = "invalid"
    sentence = "A field does not hold what it must."

    def __init__(self, detail: str = "", *, field: str = "") -> None:
        super().__init__(detail)
        self.field = field


class IdempotencyReusedError(InvalidInputError):
    """The idempotency key was used before, with another request."""

    code = "idempotency_reused"
    sentence = "This idempotency key was used before, with another request."

    def __init__(self, detail: str = "", *, field: str = "Idempotency-Key") -> None:
        super().__init__(detail, field=field)


class TooLargeError(InvalidInputError):
    """The request has more bytes than it may have."""

    code = "too_large"
    sentence = "The request has more bytes than it may have."


class UnavailableError(WatchwordError):
    """A dependency failed and nothing was lost. The same request may be sent again."""

    code = "unavailable"
    sentence = "A part of this service does not answer. Nothing was lost; try again."


class StoreError(UnavailableError):
    """The store cannot be read or written."""

    code = "store_unavailable"


class KeyringError(UnavailableError):
    """A value names a key that this process does not hold, even after reading the key file again."""

    code = "key_unavailable"


class OverloadedError(UnavailableError):
    """This process has all the work it may take."""

    code = "overloaded"


class DeliveryError(UnavailableError):
    """A relay did not take a message.

    ``reason`` is a short word for the delivery record (``tls_certificate``, ``refused`` …), ``permanent`` tells
    that another try cannot help, ``uncertain`` that the relay may have taken the message all the same.
    """

    code = "delivery_failed"

    def __init__(self, detail: str = "", *, reason: str, permanent: bool = False, uncertain: bool = False) -> None:
        super().__init__(detail)
        self.reason, self.permanent, self.uncertain = reason, permanent, uncertain


class TamperedError(WatchwordError):
    """Stored or sealed bytes do not verify: altered, moved to another row, or sealed under another key."""

    code = "tampered"
    sentence = "Stored bytes do not verify."


class SettingsError(WatchwordError):
    """The operator must act. ``setting`` names what to change."""

    code = "settings"
    sentence = "A setting must be changed."

    def __init__(self, detail: str = "", *, setting: str = "") -> None:
        super().__init__(detail)
        self.setting = setting

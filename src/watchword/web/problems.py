"""From errors to RFC 9457 problems: the one table.

Rules:

* every class of ``errors.py`` has a row here or inherits its parent's; a test fails for one that has neither;
* ``type`` is a URN that never changes and needs no host;
* ``detail`` of a refusal says what to change; of a failure of ours it is always the same sentence, and what really
  happened goes to the audit log;
* nothing that was sent is repeated, with the one exception of the *name* of a field we do not know.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

import msgspec

from watchword import errors
from watchword.errors import WatchwordError
from watchword.web.exchange import CLOSE, PROBLEM, Answer, Headers

TYPE_PREFIX = "urn:watchword:problem:"


class HttpError(WatchwordError):
    """A request that HTTP itself, not a flow, cannot let pass. ``field`` is the header or member to look at."""

    def __init__(self, detail: str = "", *, field: str = "") -> None:
        super().__init__(detail)
        self.field = field


class MalformedError(HttpError):
    """The request cannot be read at all."""

    code = "malformed"
    sentence = "The request cannot be read."


class HeadTooLargeError(HttpError):
    """Request line and headers are longer, or more, than they may be."""

    code = "head_too_large"
    sentence = "The head of the request has more bytes or headers than it may have."


class KeyInQueryError(HttpError):
    """A key was sent where servers and proxies write it down."""

    code = "key_in_query"
    sentence = "Keys go in the header 'Authorization: Bearer', never in an address. Treat the key as leaked: revoke it."


class NoSuchPathError(HttpError):
    """No route has this path: an address that is wrong, and not a thing that is gone, so no ``UnknownError``."""

    code = "no_such_address"
    sentence = "There is nothing at this address."


class NoSuchMethodError(HttpError):
    """The path is known, the method is not. ``allowed`` are those that are."""

    code = "method_not_allowed"
    sentence = "This address does not take that method."

    def __init__(self, detail: str = "", *, allowed: str = "") -> None:
        super().__init__(detail)
        self.allowed = allowed


class SlowRequestError(HttpError):
    """The body did not arrive in time."""

    code = "request_timeout"
    sentence = "The body of the request did not arrive in time. Nothing was done."


class NotJsonError(HttpError):
    """The body is of another media type."""

    code = "unsupported_media_type"
    sentence = "The body must be JSON, sent as 'Content-Type: application/json'."


class RangeError(HttpError):
    """The range that was asked for is not in the file. ``size`` is that of all of it."""

    code = "range_not_satisfiable"
    sentence = "The file has no such bytes."

    def __init__(self, detail: str = "", *, size: int = 0) -> None:
        super().__init__(detail, field="Range")
        self.size = size


class MisdirectedError(HttpError):
    """In development mode, a request for a host that is not this one."""

    code = "misdirected"
    sentence = "In development mode only the printed loopback address is served."


class SlowAnswerError(HttpError):
    """The answer was not ready in time; whether the work was done is not known."""

    code = "timed_out"
    sentence = "The answer was not ready in time. Ask again, with the same Idempotency-Key if something was to be made."


class Row(NamedTuple):
    """How an error looks from outside."""

    status: int
    title: str


TABLE: dict[type[WatchwordError], Row] = {
    errors.WatchwordError: Row(500, "Internal error"),
    errors.RefusedError: Row(403, "Refused"),
    errors.UnauthenticatedError: Row(401, "No valid API key"),
    errors.NotAcceptedError: Row(422, "Not accepted"),
    errors.MismatchError: Row(422, "Not accepted"),
    errors.ExpiredError: Row(422, "Not accepted"),
    errors.ExhaustedError: Row(422, "Not accepted"),
    errors.AlreadyUsedError: Row(422, "Not accepted"),
    errors.NotConfirmedError: Row(422, "Not accepted"),
    errors.CanceledError: Row(422, "Not accepted"),
    errors.UndeliverableError: Row(422, "Not accepted"),
    errors.UnknownSubjectError: Row(422, "Not accepted"),
    errors.NotEnrolledError: Row(422, "Not accepted"),
    errors.DisabledError: Row(422, "Not accepted"),
    errors.UnknownError: Row(404, "Unknown"),
    errors.ForbiddenError: Row(403, "Not allowed"),
    errors.ChannelForbiddenError: Row(403, "Channel not allowed"),
    errors.CountryForbiddenError: Row(403, "Country not allowed"),
    errors.NoticeError: Row(403, "Notice not acknowledged"),
    errors.ChannelClosedError: Row(403, "Channel closed"),
    errors.ChallengeError: Row(403, "Challenge required"),
    errors.RedirectForbiddenError: Row(403, "Redirect not allowed"),
    errors.LockedError: Row(403, "Locked"),
    errors.ConflictError: Row(409, "Conflict"),
    errors.EndedError: Row(409, "Already over"),
    errors.SendsSpentError: Row(409, "No sends left"),
    errors.AlreadyBoundError: Row(409, "Already bound"),
    errors.OverError: Row(410, "No more"),
    errors.OpenedError: Row(410, "Opened already"),
    errors.LapsedError: Row(410, "Expired"),
    errors.BurntError: Row(410, "Burnt"),
    errors.RateLimitedError: Row(429, "Too many requests"),
    errors.BlockedError: Row(429, "Blocked for now"),
    errors.InvalidInputError: Row(422, "Invalid field"),
    errors.IdempotencyReusedError: Row(422, "Idempotency key reused"),
    errors.TooLargeError: Row(413, "Too large"),
    errors.UnavailableError: Row(503, "Unavailable"),
    errors.StoreError: Row(503, "Store unavailable"),
    errors.KeyringError: Row(503, "Key unavailable"),
    errors.OverloadedError: Row(503, "Overloaded"),
    errors.DeliveryError: Row(503, "Delivery failed"),
    errors.TamperedError: Row(500, "Internal error"),
    errors.SettingsError: Row(500, "Internal error"),
    MalformedError: Row(400, "Malformed request"),
    KeyInQueryError: Row(400, "Key in the address"),
    NoSuchPathError: Row(404, "No such address"),
    NoSuchMethodError: Row(405, "Method not allowed"),
    SlowRequestError: Row(408, "Request timed out"),
    NotJsonError: Row(415, "Unsupported media type"),
    RangeError: Row(416, "Range not satisfiable"),
    MisdirectedError: Row(421, "Misdirected request"),
    HeadTooLargeError: Row(431, "Request head too large"),
    SlowAnswerError: Row(503, "Timed out"),
}


class FieldError(msgspec.Struct, frozen=True):
    """One field that does not hold what it must. ``field`` is its path, or a header's name."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    reason: str | msgspec.UnsetType = msgspec.UNSET
    attempts_remaining: int | msgspec.UnsetType = msgspec.UNSET
    at: str | msgspec.UnsetType = msgspec.UNSET
    errors: list[FieldError] | msgspec.UnsetType = msgspec.UNSET


_encode = msgspec.json.Encoder().encode


def row_of(kind: type[WatchwordError]) -> Row:
    """The row of an error class, or of its nearest parent that has one."""
    return next(TABLE[parent] for parent in kind.__mro__ if parent in TABLE)


def code_of(kind: type[WatchwordError]) -> str:
    """The code of an error class; what is nobody's business but ours is ``internal``."""
    return WatchwordError.code if row_of(kind).status == HTTPStatus.INTERNAL_SERVER_ERROR else kind.code


def problem(error: WatchwordError, *, reveal: bool = False) -> Problem:
    """What the caller may know of an error. ``reveal`` tells the operator why something of ours failed."""
    kind = type(error)
    status, title = row_of(kind)
    code = code_of(kind)
    detail = error.detail if reveal or status < HTTPStatus.INTERNAL_SERVER_ERROR else _own_sentence(kind)
    shown = Problem(TYPE_PREFIX + code, title, status, code, detail)
    if isinstance(error, errors.NotAcceptedError):
        remaining = msgspec.UNSET if error.attempts_remaining is None else error.attempts_remaining
        return msgspec.structs.replace(shown, reason=error.reason, attempts_remaining=remaining)
    if isinstance(error, errors.OverError) and error.at:
        return msgspec.structs.replace(shown, at=error.at)
    field = getattr(error, "field", None)
    if field is not None and (field or isinstance(error, errors.InvalidInputError)):
        return msgspec.structs.replace(shown, errors=[FieldError(field, error.detail)])
    return shown


def _own_sentence(kind: type[WatchwordError]) -> str:
    return WatchwordError.sentence if row_of(kind).status == HTTPStatus.INTERNAL_SERVER_ERROR else kind.sentence


def answer(error: WatchwordError, *, reveal: bool = False) -> Answer:
    """The answer to a request that ended in an error."""
    shown = problem(error, reveal=reveal)
    return Answer(shown.status, _encode(shown), PROBLEM, _headers(error, shown.status))


def _headers(error: WatchwordError, status: int) -> Headers | None:
    if isinstance(error, errors.RateLimitedError):
        return [(b"retry-after", b"%d" % error.retry_after)]
    if isinstance(error, (errors.OverloadedError, errors.StoreError)):
        return [(b"retry-after", b"1")]
    if isinstance(error, RangeError):
        return [(b"content-range", b"bytes */%d" % error.size)]
    if isinstance(error, NoSuchMethodError):
        return [(b"allow", error.allowed.encode())]
    if status == HTTPStatus.UNAUTHORIZED:
        return [(b"www-authenticate", b'Bearer realm="watchword"')]
    # The rest of a body that never came must not be waited for. (Of one that is too long the server drops the rest
    # by itself: closing in the middle of it would reset the connection before the client has read this answer.)
    return [CLOSE] if status == HTTPStatus.REQUEST_TIMEOUT else None


def internal() -> Answer:
    """The answer where something broke that nobody expected."""
    return answer(WatchwordError())

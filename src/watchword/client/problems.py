"""Problem documents (RFC 9457) read back into the errors of ``errors.py``.

Not handled here: writing them (``web/problems.py``; a test holds the two together).

Rules: the tables follow from ``errors.py`` itself, so a new class needs no line here; what is not a problem of
this service, or one without a class in ``errors.py``, is an ``UnavailableError``; nothing here returns a success.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from watchword import errors
from watchword.client.allowance import Allowance

_OURS = "urn:watchword:problem:"
_LONGEST_DETAIL = 500  # characters
_LONGEST_WAIT = 366 * 24 * 3600  # seconds; a longer Retry-After is a mistake

_CLASSES = [
    kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.WatchwordError)
]
# The base's own code says that nobody foresaw this: for a caller that is a service that is not available.
_BY_CODE = {kind.code: kind for kind in _CLASSES if "code" in vars(kind) and kind is not errors.WatchwordError}
_BY_REASON = {
    kind.reason: kind
    for kind in _CLASSES
    if issubclass(kind, errors.NotAcceptedError) and kind is not errors.NotAcceptedError
}


class _FieldError(msgspec.Struct, frozen=True):
    field: str = ""
    message: str = ""


class _Problem(msgspec.Struct, frozen=True):
    """The members that are read; any other member is let be."""

    code: str
    type: str = ""
    detail: str = ""
    reason: str = ""
    attempts_remaining: int | None = None
    at: str = ""
    errors: tuple[_FieldError, ...] = ()


_decode = msgspec.json.Decoder(_Problem).decode


def read(
    status: int, body: bytes, retry_after: str | None, allowance: Allowance | None = None
) -> errors.WatchwordError:
    """Read the error out of an answer that is not a success. It is returned, not raised."""
    problem = _parse(body)
    kind = _kind(problem) if problem else None
    if problem is not None and kind is not None:
        error = kind(problem.detail[:_LONGEST_DETAIL], **_facts(kind, problem, retry_after))
        if isinstance(error, errors.RateLimitedError) and allowance is not None:
            error.policy = allowance.policy, allowance.rates
        return error
    if problem is not None and problem.type.startswith(_OURS):
        return errors.UnavailableError(problem.detail[:_LONGEST_DETAIL])
    return errors.UnavailableError(_foreign(status))


def _parse(body: bytes) -> _Problem | None:
    try:
        return _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _kind(problem: _Problem) -> type[errors.WatchwordError] | None:
    kind = _BY_CODE.get(problem.code)
    return _BY_REASON.get(problem.reason, kind) if kind is errors.NotAcceptedError else kind


def _facts(kind: type[errors.WatchwordError], problem: _Problem, retry_after: str | None) -> dict[str, Any]:
    if issubclass(kind, errors.NotAcceptedError):
        return {"attempts_remaining": problem.attempts_remaining}
    if issubclass(kind, errors.OverError):
        return {"at": problem.at}
    if issubclass(kind, errors.RateLimitedError):
        return {"retry_after": _seconds(retry_after)}
    if issubclass(kind, errors.InvalidInputError):
        return {"field": problem.errors[0].field} if problem.errors else {}
    if issubclass(kind, errors.DeliveryError):
        return {"reason": problem.reason}
    return {}


def _seconds(retry_after: str | None) -> int:
    text = (retry_after or "").strip()
    return min(int(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() and len(text) < len(str(2**63)) else 1


def _foreign(status: int) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"The service's address answers with a redirect ({status}), which is not followed."
    return f"The answer (status {status}) is not one that this client understands."

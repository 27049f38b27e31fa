"""The atomic steps of authenticators, over any tables that are read and written inside one transaction.

Not handled here: what a check or a confirmation changes (``core/authenticator.py``). Rules: as in ``steps.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from watchword.adapters.notice_steps import NoticeRows, tell
from watchword.adapters.secret_steps import SecretRows, take_back
from watchword.core import authenticator as rules
from watchword.core import recovery
from watchword.core.app import App
from watchword.core.authenticator import Authenticator, Compare, Judged, Match, Outcome
from watchword.core.instant import Instant
from watchword.core.limit import LANES, Arrivals, Guesses, GuessLimits, note_right
from watchword.core.notice import Happened, Kind
from watchword.errors import ConflictError, UnknownError
from watchword.ports_authenticator import Bound, Burnt, Resealed

ELSEWHERE = "Its recipient confirms it, at the link that was handed over."
AT_ITS_PAGE = "It is confirmed at its page, and collected with the hand-off code that it gives."
FULL = f"A subject has at most {rules.MOST_ACTIVE} active authenticators: revoke one first."


class AuthenticatorRows(Protocol):
    """Authenticators and hashes of recovery codes. Nothing here decides anything."""

    def get(self, authenticator: bytes) -> Authenticator | None:
        """The row of that id."""
        ...

    def of(self, subject: bytes) -> Sequence[Authenticator]:
        """All rows of a subject, oldest first."""
        ...

    def at_link(self, secret: bytes) -> Authenticator | None:
        """The row that is confirmed at that secret link."""
        ...

    def add(self, row: Authenticator) -> None:
        """Write a new row."""
        ...

    def change(self, row: Authenticator) -> None:
        """Write everything about it that changes."""
        ...

    def accept(self, row: Authenticator) -> None:
        """Write what an accepted code changes: when, its step, and where its clock is."""
        ...

    def remove(self, authenticator: bytes) -> None:
        """Remove a row."""
        ...

    def key_numbers(self) -> Sequence[int]:
        """The keys under which any row is sealed."""
        ...

    def sealed_under(self, key_number: int, after: bytes, most: int) -> Sequence[Authenticator]:
        """Rows under a key, in the order of their ids."""
        ...

    def lapsed(self, before: Instant, most: int) -> Sequence[bytes]:
        """Ids of pending rows whose time ended by then."""
        ...

    def codes(self, subject: bytes) -> dict[bytes, Instant | None]:
        """The hashes of a subject's recovery codes, with when each was used."""
        ...

    def set_codes(self, subject: bytes, codes: Sequence[bytes]) -> None:
        """Replace them."""
        ...

    def use_code(self, subject: bytes, code: bytes, now: Instant) -> None:
        """Note that one was used."""
        ...


class Tables(Protocol):
    """What a step reads and writes: authenticators, the buckets of wrong guesses, and notices of what it did."""

    @property
    def authenticators(self) -> AuthenticatorRows:
        """Authenticators."""
        ...

    @property
    def secrets(self) -> SecretRows:
        """Secrets, of which a hand-over has one."""
        ...

    @property
    def notices(self) -> NoticeRows:
        """Addresses and notices."""
        ...

    def app(self, app: bytes) -> App | None:
        """The app of that id."""
        ...

    def arrivals(self, key: bytes) -> Arrivals:
        """A bucket that notices pay into."""
        ...

    def set_arrivals(self, key: bytes, arrivals: Arrivals) -> None:
        """Write such a bucket."""
        ...

    def guesses(self, key: bytes) -> Guesses:
        """A bucket of wrong guesses; untried where there is none."""
        ...

    def set_guesses(self, key: bytes, guesses: Guesses) -> None:
        """Write a bucket of wrong guesses."""
        ...


def known(rows: AuthenticatorRows, app: bytes, raw: bytes) -> Authenticator:
    """The authenticator of that id and app."""
    row = rows.get(raw)
    if row is None or row.app != app:
        raise UnknownError
    return row


def add(tables: Tables, new: Authenticator) -> None:
    """``AuthenticatorStore.add``."""
    rows = tables.authenticators
    others = rows.of(new.subject)
    if rules.may_bind(new, others) is Outcome.FULL:
        raise ConflictError(FULL)
    pending = [row.id for row in others if not row.is_active and row.link is None]
    for oldest in pending[: max(0, len(pending) - rules.MOST_PENDING + 1)]:
        rows.remove(oldest)
    rows.add(new)


def add_active(tables: Tables, new: Sequence[Authenticator]) -> list[bool]:
    """``AuthenticatorStore.add_active``."""
    rows = tables.authenticators
    standing: dict[bytes, list[Authenticator]] = {}
    added = []
    for row in new:
        others = standing.setdefault(row.subject, list(rows.of(row.subject)))
        refused = rules.may_bind(row, others)
        if refused is Outcome.FULL:
            raise ConflictError(FULL)
        added.append(refused is None)
        if refused is None:
            others.append(row)
    for row, wanted in zip(new, added, strict=True):
        if wanted:
            rows.add(row)
    return added


def confirm(
    tables: Tables, app: bytes, raw: bytes, match: Match | None, codes: Sequence[bytes], notice: bytes, now: Instant
) -> Bound:
    """``AuthenticatorStore.confirm``."""
    rows = tables.authenticators
    row = known(rows, app, raw)
    if row.is_shared and not row.is_active:
        raise ConflictError(ELSEWHERE)
    if row.challenge is not None and not row.is_active:
        raise ConflictError(AT_ITS_PAGE)
    confirmed = bind(tables, row, match, notice, now)
    if confirmed.outcome is not Outcome.APPROVED:
        return Bound(confirmed, coded=False)
    coded = not left(rows, row.subject)
    if coded:
        rows.set_codes(row.subject, codes)
    return Bound(confirmed, coded)


def bind(tables: Tables, row: Authenticator, match: Match | None, notice: bytes, now: Instant) -> rules.Confirmed:
    """Decide a code for a pending authenticator, and write what that changes."""
    rows = tables.authenticators
    confirmed = rules.confirm(row, rows.of(row.subject), match, now)
    if confirmed.authenticator is not row:
        rows.change(confirmed.authenticator)
    if confirmed.outcome is Outcome.APPROVED:
        _tell_added(tables, row.subject, notice, now)
    return confirmed


def look(tables: Tables, raw: bytes) -> tuple[Authenticator, App]:
    """``AuthenticatorStore.look``."""
    row = tables.authenticators.get(raw)
    app = None if row is None else tables.app(row.app)
    if row is None or app is None:
        raise UnknownError
    return row, app


def prove(tables: Tables, app: bytes, raw: bytes, match: Match | None, codes: Sequence[bytes], now: Instant) -> Bound:
    """``AuthenticatorStore.prove``."""
    rows = tables.authenticators
    row = known(rows, app, raw)
    if row.challenge is None:
        raise UnknownError
    coded = not left(rows, row.subject)
    proven = rules.prove(row, rows.of(row.subject), match, b"".join(codes) if coded else b"", now)
    if proven.authenticator is not row:
        rows.change(proven.authenticator)
    return Bound(proven, coded and proven.outcome is Outcome.CONFIRMED)


def collect(
    tables: Tables, app: bytes, raw: bytes, subject: bytes, challenge: bytes, notice: bytes, now: Instant
) -> Bound:
    """``AuthenticatorStore.collect``."""
    rows = tables.authenticators
    row = known(rows, app, raw)
    collected = rules.collect(row, rows.of(row.subject), subject, challenge, now)
    if collected.outcome is not Outcome.APPROVED:
        return Bound(collected, coded=False)
    rows.change(collected.authenticator)
    coded = bool(row.codes) and not left(rows, row.subject)
    if coded:
        size = recovery.DIGEST_SIZE
        rows.set_codes(row.subject, [row.codes[at : at + size] for at in range(0, len(row.codes), size)])
    _tell_added(tables, row.subject, notice, now)
    return Bound(collected, coded)


def _tell_added(tables: Tables, subject: bytes, notice: bytes, now: Instant) -> None:
    _end_streaks(tables, subject)
    tell(tables, Happened(notice, subject, Kind.AUTHENTICATOR_ADDED, now))


def _end_streaks(tables: Tables, subject: bytes) -> None:
    """A new binding re-enables what too many failures in a row had closed. The logs stay."""
    for lane in LANES:
        key = rules.bucket(subject, lane)
        guesses = tables.guesses(key)
        if guesses.streak:
            tables.set_guesses(key, note_right(guesses))


def check(
    tables: Tables, subject: bytes, compare: Compare, lane: int, limits: GuessLimits, notice: bytes, now: Instant
) -> Judged:
    """``AuthenticatorStore.check``."""
    rows, key = tables.authenticators, rules.bucket(subject, lane)
    guesses = tables.guesses(key)
    judged = rules.judge(rows.of(subject), compare, guesses, limits, now)
    for row in judged.changed:
        rows.accept(row)
    if judged.guesses != guesses:
        tables.set_guesses(key, judged.guesses)
        if guesses.streak < limits.ceiling <= judged.guesses.streak:
            tell(tables, Happened(notice, subject, Kind.AUTHENTICATORS_LOCKED, now))
    return judged


def revoke(tables: Tables, app: bytes, raw: bytes, notice: bytes, now: Instant) -> Authenticator:
    """``AuthenticatorStore.revoke``."""
    row = known(tables.authenticators, app, raw)
    tables.authenticators.remove(raw)
    if row.link is not None and not row.is_active:
        take_back(tables, row.link, now)
    if row.is_active:
        tell(tables, Happened(notice, row.subject, Kind.AUTHENTICATOR_REMOVED, now))
    return row


def rename(tables: Tables, app: bytes, resealed: Resealed) -> bool:
    """``AuthenticatorStore.rename``."""
    known(tables.authenticators, app, resealed.id)
    return reseal(tables, [resealed]) == 1


def reseal(tables: Tables, resealed: Sequence[Resealed]) -> int:
    """``AuthenticatorStore.reseal``."""
    written = 0
    for new in resealed:
        row = tables.authenticators.get(new.id)
        # Only the seals are taken over: what a check wrote meanwhile, the last step above all, stands.
        if row is not None and row.seed == new.seed:
            tables.authenticators.change(_with_seals(row, new.authenticator))
            written += 1
    return written


def _with_seals(row: Authenticator, new: Authenticator) -> Authenticator:
    return msgspec.structs.replace(row, seed=new.seed, names=new.names, key_number=new.key_number)


def set_codes(tables: Tables, subject: bytes, codes: Sequence[bytes], notice: bytes, now: Instant) -> None:
    """``AuthenticatorStore.set_codes``."""
    tables.authenticators.set_codes(subject, codes)
    tell(tables, Happened(notice, subject, Kind.RECOVERY_CODES_RENEWED, now))


def burn_code(tables: Tables, subject: bytes, code: bytes, notice: bytes, now: Instant) -> Burnt:
    """``AuthenticatorStore.burn_code``."""
    rows = tables.authenticators
    codes = rows.codes(subject)
    known_code = code in codes
    accepted = known_code and codes[code] is None
    if accepted:
        rows.use_code(subject, code, now)
        tell(tables, Happened(notice, subject, Kind.RECOVERY_CODE_USED, now))
    return Burnt(accepted, known_code, left(rows, subject))


def purge(tables: Tables, now: Instant, step: int) -> int:
    """``AuthenticatorStore.purge``."""
    lapsed = tables.authenticators.lapsed(now - rules.REMEMBERED, step)
    for raw in lapsed:
        tables.authenticators.remove(raw)
    return len(lapsed)


def left(rows: AuthenticatorRows, subject: bytes) -> int:
    """How many recovery codes of a subject are unused."""
    return sum(used is None for used in rows.codes(subject).values())

"""What a scribe can be asked for, and how it travels: typed data in MessagePack, by the annotations of each step.

Not handled here: sockets and processes (``scribe.py``), what a step does (``adapters/*_steps.py``), what a store's own
scribe can be asked for besides (``sqlite/verbs.py``, ``postgres/verbs.py``).

Rules:

* what is not in a store's list cannot be asked for; a step that takes a function of its process is in none;
* both ends are one version of one program, so that a verb's number is its place in the list;
* nothing but data travels, and it arrives as the types that the step names, or not at all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, get_type_hints

import msgspec

from watchword import errors
from watchword.adapters import (
    app_steps,
    device_steps,
    guess_steps,
    handover_steps,
    limit_steps,
    notice_steps,
    secret_steps,
    steps,
)
from watchword.errors import StoreError, WatchwordError

Read = Callable[[bytes], Any]


class Verb(NamedTuple):
    """One of them. ``maintains`` tells that it is given the connection between two transactions, and nothing else."""

    number: int
    work: Callable[..., Any]
    read_arguments: Read
    read_result: Read
    maintains: bool


pack: Final = msgspec.msgpack.Encoder().encode

# What is asked of every store.
STEPS: Final[tuple[Callable[..., Any], ...]] = (
    *(steps.add, steps.attempt, steps.confirm_code, steps.confirm_word, steps.exchange, steps.resend, steps.cancel),
    *(steps.take_due, steps.settle_due, steps.report, device_steps.recognise, limit_steps.empty),
    *(guess_steps.note_guess, app_steps.add_app, app_steps.update_app, app_steps.add_key),
    *(secret_steps.add, secret_steps.claim, secret_steps.ack, secret_steps.burn, secret_steps.unlock),
    *(secret_steps.arrive, secret_steps.stay, secret_steps.purge, handover_steps.add, handover_steps.confirm),
    *(notice_steps.tie, notice_steps.forget, notice_steps.take_due, notice_steps.settle_due, notice_steps.reseal),
    notice_steps.purge,
)


def verb_of(number: int, work: Callable[..., Any], *, maintains: bool) -> Verb:
    """Make one of a function with annotations."""
    types = get_type_hints(work)
    # The first is what the work is done to. Whatever is given by name alone is no part of a verb.
    named = [each for each in inspect.signature(work).parameters.values() if each.kind is not each.KEYWORD_ONLY][1:]
    arguments = tuple(types[each.name] for each in named)
    return Verb(
        number,
        work,
        msgspec.msgpack.Decoder(tuple.__class_getitem__(arguments)).decode,
        msgspec.msgpack.Decoder(types["return"]).decode,
        maintains,
    )


def listed(works: Sequence[Callable[..., Any]], maintenance: Sequence[Callable[..., Any]] = ()) -> list[Verb]:
    """What a store's scribe can be asked for, by its numbers."""
    return [verb_of(number, work, maintains=work in maintenance) for number, work in enumerate((*works, *maintenance))]


_KINDS: Final = {
    name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, WatchwordError)
}
_read_error: Final = msgspec.msgpack.Decoder(tuple[str, dict[str, Any]]).decode


def pack_error(error: WatchwordError) -> bytes:
    """An error of ours with all that it holds."""
    return pack((type(error).__name__, error.__dict__))


def unreadable(error: msgspec.ValidationError) -> StoreError:
    """What an asker is told whose arguments are not what the step takes, which is a fault of ours."""
    return StoreError(f"what a step was given cannot be read: {error}")


def unpack_error(packed: bytes) -> WatchwordError:
    """The same, as it was raised; of a kind that is not in ``errors`` a ``StoreError`` that says the same."""
    name, held = _read_error(packed)
    kind = _KINDS.get(name, StoreError)
    error = kind.__new__(kind, held["detail"])
    for attribute, value in held.items():
        setattr(error, attribute, _frozen(value))
    return error


def _frozen(value: object) -> object:
    """Lists as the tuples that they were: no error holds anything else."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value

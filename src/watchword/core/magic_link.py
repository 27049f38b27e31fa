"""Magic links and page tickets: derived from a verification's id, never stored, and what follows from them.

Format and vectors: docs/spec/magic-link.md, ``vectors/link/*.json``.

Not handled here: which verification is open and who may end it (``core/verification.py``), the code a page gives
away (``core/handoff.py``), how links are opened in the browser (``static/``).

Rules:

* token and ticket stand in fragments, which browsers send to nobody; what a page posts is a proof derived from them;
* a proof is compared in constant time and leads back to nothing;
* every sealed context has one length, so that a bare id is told nothing, not even whether it exists;
* a redirect goes to an address that the app registered, compared character by character, and to no other.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from urllib.parse import quote_plus

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from watchword.core import binary, ids
from watchword.core.envelope import HEADER, IV_SIZE, TAG_SIZE
from watchword.core.keyring import Keyring, derive
from watchword.core.pkce import read_challenge
from watchword.core.verification import CODE, LINK
from watchword.errors import CanceledError, InvalidInputError, RedirectForbiddenError

PROOF_SIZE = 32
TOKEN_SIZE = 32
CONTEXT_SIZE = 2_048  # bytes of every context before it is sealed; the longest that can be is shorter
MAX_STATE = 512

LINK_CONTEXT = b"watchword/v1/link/context"
LINK_PROOF = b"watchword/v1/link/proof"
PAGE_PROOF = b"watchword/v1/page/proof"

METHODS = {"code": CODE, "link": LINK}
_WRITTEN = {CODE: ["code"], LINK: ["link"], CODE | LINK: ["code", "link"]}


class LinkWanted(msgspec.Struct, frozen=True):
    """What an app says about the session that asks: where it is led back to, and its PKCE challenge."""

    redirect_uri: str
    state: str | None
    code_challenge: str
    code_challenge_method: str

    def __repr__(self) -> str:
        return "LinkWanted()"


_CODE_ALONE = ["code"]


def read_methods(methods: Sequence[str] | None, *, linked: bool) -> int:
    """Read the methods that were asked for: both where a ``link`` was given, the code alone where none was.

    Raises:
        InvalidInputError: something else than code, link or both, or a link without what it leads back to.
    """
    if methods is None:
        return CODE | LINK if linked else CODE
    if methods == _CODE_ALONE:  # as every text has it
        return CODE
    bits = sum(METHODS.get(method, 0) for method in set(methods))
    if not bits or len(set(methods)) != len(methods) or any(method not in METHODS for method in methods):
        raise InvalidInputError("The methods are ['code'], ['link'] and ['code', 'link'].", field="methods")
    if bits & LINK and not linked:
        raise InvalidInputError("A link needs this: where it leads back to, and for which session.", field="link")
    return bits


def write_methods(methods: int) -> list[str]:
    """The methods as the API has them."""
    return _WRITTEN[methods]


def read_wanted(wanted: LinkWanted, registered: Sequence[str]) -> bytes:
    """Check what an app says about the session that asks, and return its challenge.

    Raises:
        InvalidInputError: a state that no address can carry, or no challenge by S256.
        RedirectForbiddenError: an address that is not, character by character, one that the app registered.
    """
    state = wanted.state
    if state is not None and not (0 < len(state) <= MAX_STATE and state.isascii() and state.isprintable()):
        raise InvalidInputError(f"A state has 1 to {MAX_STATE} printable ASCII characters.", field="link.state")
    challenge = read_challenge(wanted.code_challenge, wanted.code_challenge_method)
    if wanted.redirect_uri not in registered:
        raise RedirectForbiddenError
    return challenge


def demand_registered(redirect_uri: str, registered: Sequence[str]) -> None:
    """Let an address pass to which the app still leads people back.

    Asked anew for each hand-off: an app that withdraws one, because it fell into wrong hands say, means it at once.

    Raises:
        CanceledError: the app has withdrawn it since.
    """
    if redirect_uri not in registered:
        raise CanceledError("The app has withdrawn the address that this leads back to.")


def derive_token(ring: Keyring, app: bytes, verification: bytes) -> bytes:
    """The token of a verification's link: HMAC-SHA-256(K_link, app ‖ id)."""
    return ring.root(ids.key_number(verification)).link.digest(app + verification)


def derive_ticket(ring: Keyring, app: bytes, verification: bytes) -> bytes:
    """The ticket of a verification's hosted page: HMAC-SHA-256(K_word, app ‖ id).

    Its first two bytes choose the watchword (``core/passcode.py``). Whoever knows that has 240 bits of it to guess.
    """
    return ring.root(ids.key_number(verification)).word.digest(app + verification)


def derive_enrolment_ticket(ring: Keyring, key_number: int, app: bytes, authenticator: bytes) -> bytes:
    """The ticket of an enrolment page. An authenticator's id names no key, so its row keeps which it was."""
    return ring.root(key_number).word.digest(app + authenticator)


def link_proof(token: bytes) -> bytes:
    """What the landing page posts to show that it has the link."""
    return derive(token, LINK_PROOF)


def page_proof(ticket: bytes) -> bytes:
    """What the hosted page posts to show that it has the ticket."""
    return derive(ticket, PAGE_PROOF)


def is_proof(expected: bytes, given: bytes) -> bool:
    """Compare two proofs in constant time."""
    return hmac.compare_digest(expected, given)


def link_url(public_url: str, verification: bytes, token: bytes) -> str:
    """The link that a mail carries. It is a secret."""
    return f"{public_url}/l/{ids.to_text(ids.VERIFICATION, verification)}#{binary.encode(token)}"


def page_url(public_url: str, verification: str, ticket: bytes) -> str:
    """The address of the hosted code page, for the browser that asked. It is a secret."""
    return f"{public_url}/v/{verification}#{binary.encode(ticket)}"


def enrolment_url(public_url: str, authenticator: str, ticket: bytes) -> str:
    """The address of the hosted enrolment page, for the browser that asked. It is a secret."""
    return f"{public_url}/a/{authenticator}#{binary.encode(ticket)}"


def redirect_to(redirect_uri: str, handoff: str, state: str) -> str:
    """Where a page sends the browser: the registered address with the hand-off code and the app's own state."""
    returned = f"&state={quote_plus(state)}" if state else ""
    return f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}code={handoff}{returned}"


def pad_context(context: bytes) -> bytes:
    """Bring a context, an object in JSON, to the length that all have.

    Raises:
        ValueError: it is longer. What goes into one is bounded, so that none is.
    """
    pad = CONTEXT_SIZE - len(context) - len(b',"pad":""')
    if pad < 0:
        raise ValueError("a context is longer than contexts are")
    return context[:-1] + b',"pad":"' + b"0" * pad + b'"}'


def seal_context(token: bytes, context: bytes, *, iv: bytes) -> str:
    """Seal what the landing page shows, for whoever has the link: JWE, dir, A256GCM. ``iv`` is 12 random bytes."""
    if len(iv) != IV_SIZE:
        raise ValueError(f"an IV has {IV_SIZE} bytes")
    sealed = AESGCM(derive(token, LINK_CONTEXT)).encrypt(iv, pad_context(context), HEADER.encode())
    parts = (iv, sealed[:-TAG_SIZE], sealed[-TAG_SIZE:])
    return ".".join((HEADER, "", *map(binary.encode, parts)))

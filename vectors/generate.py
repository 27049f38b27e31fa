# ruff: noqa: INP001 - a folder of data with one script in it
"""Write ``vectors/passcode/*.json`` from the text of docs/spec/passcode.md, and from nothing else.

A second reading of the specification: it imports no line of the library, draws no chance and reads no clock, so
the same files come out byte for byte every time. What it needs beyond the standard library is AES-GCM.

    python vectors/generate.py            write the files beside this one
    python vectors/generate.py FOLDER     write them elsewhere, to compare

Not handled here: the word lists, which are data (``vectors/passcode/words.json`` is read, never written), and
whether the library agrees (``tests/vectors/test_passcode_vectors.py``).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Case = dict[str, Any]

HERE = Path(__file__).parent / "passcode"
NOON = 1_795_435_200_000  # 2026-11-23T12:00:00Z
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

ROOTS = {1: bytes(range(32)), 2: bytes(range(32, 64)), 255: b"\xff" * 32}
CURRENT = 2
INDEX = bytes(range(64, 96))
KEYRING = {"current": CURRENT, "index": INDEX.hex(), "keys": {str(n): key.hex() for n, key in ROOTS.items()}}

APP = NOON.to_bytes(6, "big") + b"app-random"
OTHER_APP = NOON.to_bytes(6, "big") + b"app-second"


# --- primitives, from RFC 2104 and RFC 5869 ---------------------------------------------------------


def prf(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(key: bytes, label: str) -> bytes:
    """HKDF-SHA-256 of 32 bytes with an empty salt: extract, then one round of expand."""
    extracted = prf(bytes(32), key)
    return prf(extracted, label.encode() + b"\x01")


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def verification_id(at: int, key: int, random: bytes) -> bytes:
    """Lay out an id as section 1 says."""
    return at.to_bytes(6, "big") + bytes([key]) + random


def counted(number: int) -> bytes:
    """Nine bytes that stand for nine random ones."""
    return hashlib.sha256(b"vector %d" % number).digest()[:9]


def case(name: str, expect: object, **given: object) -> Case:
    """Write a case that gives a result."""
    return {"name": name, "given": given, "expect": expect}


def refused(name: str, error: str, **given: object) -> Case:
    """Write a case that raises."""
    return case(name, {"error": error}, **given)


# --- 1 ids ------------------------------------------------------------------------------------------


def ids() -> Iterator[Case]:
    """Section 1: ids, built and read."""
    for at, key, random in ((0, 1, bytes(9)), (NOON, 2, counted(0)), (2**48 - 1, 255, b"\xff" * 9)):
        raw = verification_id(at, key, random)
        yield case(
            f"verification id of key {key}",
            {"raw": raw.hex(), "text": "vf_" + b64(raw), "created_at": at, "key_number": key},
            kind="vf_",
            created_at=at,
            key_number=key,
            random=random.hex(),
        )
    for random in (bytes(10), b"app-random", b"\xfb\xff" * 5):
        raw = NOON.to_bytes(6, "big") + random
        expect = {"raw": raw.hex(), "text": "ap_" + b64(raw), "created_at": NOON}
        yield case("app id", expect, kind="ap_", created_at=NOON, random=random.hex())
    good = verification_id(NOON, 2, counted(0))
    body = b64(good)
    yield case("reads back", {"raw": good.hex()}, kind="vf_", text="vf_" + body)
    yield case("all ones uses both URL-safe characters", {"raw": "ff" * 16}, kind="vf_", text="vf_" + b64(b"\xff" * 16))
    loose = body[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[_index(body[-1]) + 1]
    for name, text in (
        ("spare bits of the last character are set", "vf_" + loose),
        ("padded", "vf_" + body + "=="),
        ("padding inside the length", "vf_" + body[:20] + "=="),
        ("one character short", "vf_" + body[:-1]),
        ("one character long", "vf_" + body + "A"),
        ("another kind's prefix", "ap_" + body),
        ("prefix in capitals", "VF_" + body),
        ("no prefix", body),
        ("only the prefix", "vf_"),
        ("empty", ""),
        ("standard alphabet", "vf_" + "/" * 21 + "w"),
        ("plus instead of minus", "vf_" + "+" * 21 + "g"),
        ("blank inside", "vf_" + body[:10] + " " + body[11:]),
        ("line feed at the end", "vf_" + body[:-1] + "\n"),
        ("full-width letter", "vf_" + "\uff21" + body[1:]),
    ):
        yield refused(name, "UnknownError", kind="vf_", text=text)


def _index(character: str) -> int:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(character)


def times() -> Iterator[Case]:
    """Section 1: instants on the wire."""
    for at, text in (
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (NOON, "2026-11-23T12:00:00.000Z"),
        (NOON + 999, "2026-11-23T12:00:00.999Z"),
        (1_709_208_000_000, "2024-02-29T12:00:00.000Z"),
    ):
        yield case(text, {"text": text}, instant=at)
    for ahead, seconds in ((0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (-5000, 0)):
        yield case(f"{ahead} ms ahead", {"seconds": seconds}, now=NOON, until=NOON + ahead)


def api_keys() -> Iterator[Case]:
    """Section 1: API keys and what is kept of them."""
    for random in (bytes(32), bytes(range(32)), b"\xff" * 32):
        text = "wk_" + b64(random)
        expect = {"text": text, "hint": text[:7], "hash": hashlib.sha256(text.encode()).hexdigest()}
        yield case("API key", expect, random=random.hex())


# --- 2 keyring --------------------------------------------------------------------------------------


def seal(number: int, nonce: bytes, text: bytes, bound_to: bytes) -> bytes:
    """Seal as section 2 says."""
    key = hkdf(ROOTS[number], "watchword/v1/seal")
    return bytes([number]) + nonce + AESGCM(key).encrypt(nonce, text, bound_to)


def sealed() -> Iterator[Case]:
    """Section 2: sealed values, whole and damaged."""
    row = APP + verification_id(NOON, CURRENT, counted(1))
    nonce, text = bytes(range(12)), b"ann@example.org"
    good = seal(CURRENT, nonce, text, row)
    yield case("seals", {"sealed": good.hex()}, plaintext=text.hex(), bound_to=row.hex(), nonce=nonce.hex())
    for number in ROOTS:
        value = seal(number, nonce, text, row).hex()
        yield case(f"opens under key {number}", {"plaintext": text.hex()}, sealed=value, bound_to=row.hex())
    empty = seal(CURRENT, nonce, b"", row).hex()
    yield case("opens an empty text", {"plaintext": ""}, sealed=empty, bound_to=row.hex())
    flip = {"nonce": 1, "ciphertext": 13, "tag": len(good) - 1}
    for part, place in flip.items():
        changed = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        yield refused(f"one bit of the {part} flipped", "TamperedError", sealed=changed.hex(), bound_to=row.hex())
    relabelled = bytes([1]) + good[1:]
    yield refused("another key's number", "TamperedError", sealed=relabelled.hex(), bound_to=row.hex())
    unknown = bytes([7]) + good[1:]
    yield refused("a key nobody holds", "KeyringError", sealed=unknown.hex(), bound_to=row.hex())
    moved = APP + verification_id(NOON, CURRENT, counted(2))
    yield refused("moved to another row", "TamperedError", sealed=good.hex(), bound_to=moved.hex())
    yield refused("moved to another app", "TamperedError", sealed=good.hex(), bound_to=(OTHER_APP + row[16:]).hex())
    for kept in (len(good) - 1, 28, 14, 13, 1, 0):
        yield refused(f"cut to {kept} bytes", "TamperedError", sealed=good[:kept].hex(), bound_to=row.hex())


def lookup(purpose: str, value: bytes) -> str:
    """Hash a value for look-up."""
    return prf(hkdf(INDEX, f"watchword/v1/index/{purpose}"), value)[:16].hex()


def lookups() -> Iterator[Case]:
    """Section 2: look-up hashes of sources and idempotency keys."""
    for source in ("192.0.2.1", "198.51.100.7", "::ffff:192.0.2.1", "2001:db8:1:2::3", "2001:db8:1:2:ffff::1", "::1"):
        address = ip_address(source)
        mapped = getattr(address, "ipv4_mapped", None)
        network = mapped.packed if mapped else address.packed[: 4 if address.version == 4 else 8]  # noqa: PLR2004
        expect = {"network": network.hex(), "lookup": lookup("source", network)}
        yield case(f"source {source}", expect, source=source)
    for bad in ("", "192.0.2", "192.0.2.1:80", "example.org", "[2001:db8::1]"):
        yield refused(f"source {bad!r}", "InvalidInputError", source=bad)
    for key, request in (("order-1", b"{}"), ("k" * 255, b'{"channel":"email"}')):
        expect = {
            "key": lookup("idempotency", APP + b"key" + key.encode()),
            "request": lookup("idempotency", APP + b"request" + request),
        }
        yield case("idempotency key", expect, app=APP.hex(), idempotency_key=key, request=request.decode())
    for bad in ("", "k" * 256, "caf\u00e9", "a\nb"):
        yield refused(
            f"idempotency key {bad[:8]!r}", "InvalidInputError", app=APP.hex(), idempotency_key=bad, request=""
        )


# --- 3 and 4 codes and watchwords -------------------------------------------------------------------


def code(app: bytes, raw: bytes, digits: int) -> str:
    """Derive a code as section 3 says."""
    value = prf(hkdf(ROOTS[raw[6]], "watchword/v1/code"), app + raw)
    return f"{int.from_bytes(value[:16], 'big') % 10**digits:0{digits}d}"


def codes() -> Iterator[Case]:
    """Section 3: codes of every length."""
    for number, key in enumerate((1, 2, 255)):
        raw = verification_id(NOON, key, counted(number))
        for digits in range(6, 11):
            yield _code(f"{digits} digits under key {key}", APP, raw, digits)
    raw = verification_id(NOON, CURRENT, counted(0))
    yield _code("the same id in another app", OTHER_APP, raw, 6)
    for zeros in (1, 3):
        found = (verification_id(NOON, CURRENT, counted(n)) for n in range(10_000))
        raw = next(raw for raw in found if code(APP, raw, 6).startswith("0" * zeros))
        yield _code(f"{zeros} leading zeros", APP, raw, 6)
    raw = verification_id(NOON, 7, counted(0))
    yield refused("a key nobody holds", "KeyringError", app=APP.hex(), id=raw.hex(), digits=6)


def _code(name: str, app: bytes, raw: bytes, digits: int) -> Case:
    return case(name, {"code": code(app, raw, digits)}, app=app.hex(), id=raw.hex(), digits=digits)


def watchword(app: bytes, raw: bytes) -> tuple[int, int]:
    """Derive the two indices of a watchword."""
    value = prf(hkdf(ROOTS[raw[6]], "watchword/v1/word"), app + raw)
    return value[0], value[1]


def watchwords() -> Iterator[Case]:
    """Section 4: watchwords, the ends of both lists among them."""
    words = json.loads((HERE / "words.json").read_text())
    chosen = [verification_id(NOON, key, counted(number)) for key in ROOTS for number in range(4)]
    for place, end in ((0, 0), (0, 255), (1, 0), (1, 255)):
        found = (verification_id(NOON, CURRENT, counted(n)) for n in range(100_000))
        chosen.append(next(raw for raw in found if watchword(APP, raw)[place] == end))
    for raw in chosen:
        sign, countersign = watchword(APP, raw)
        text = f"{words['signs'][sign]} {words['countersigns'][countersign]}"
        expect = {"sign": sign, "countersign": countersign, "text": text}
        yield case(f"key {raw[6]}, words {sign} and {countersign}", expect, app=APP.hex(), id=raw.hex())


# --- 5 typed input and recipients -------------------------------------------------------------------


BLANKS = " \t\r\n-\u00a0\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2212\u3000"


def typed() -> Iterator[Case]:
    """Section 5: what a person may type."""
    wide = "".join(chr(0xFF10 + digit) for digit in range(10))
    for text, digits in (
        ("123456", "123456"),
        ("000123", "000123"),
        (" 123 456 ", "123456"),
        ("123-456", "123456"),
        ("12345", "12345"),
        ("1", "1"),
        ("12345678901", "12345678901"),
        ("7" * 64, "7" * 64),
        (" " * 58 + "123456", "123456"),
        (wide, "0123456789"),
        ("12\uff13 45\uff16", "123456"),
        ("123456\r\n", "123456"),
    ):
        yield case(f"accepts {len(text)} characters", {"digits": digits}, typed=text)
    for blank in BLANKS:
        yield case(f"drops U+{ord(blank):04X}", {"digits": "123456"}, typed=f"123{blank}456")
    for name, text in (
        ("empty", ""),
        ("only blanks", " - "),
        ("65 characters", "1" * 65),
        ("10 000 characters", "1" * 10_000),
        ("superscript", "12345\u00b2"),
        ("circled", "12345\u2460"),
        ("Arabic-Indic digits", "\u0661\u0662\u0663\u0664\u0665\u0666"),
        ("mathematical digits", "12345\U0001d7d2"),
        ("a letter", "12345a"),
        ("letter O for zero", "12345O"),
        ("a sign", "+12345"),
        ("a point", "123.456"),
        ("an underscore", "123_456"),
        ("emoji", "12345\U0001f511"),
        ("keycap", "12345\ufe0f\u20e3"),
        ("NUL", "123456\0"),
        ("zero-width space", "123\u200b456"),
        ("bidi mark", "\u202e123456"),
        ("vertical tab", "123\v456"),
    ):
        yield refused(name, "InvalidInputError", typed=text)


def recipients() -> Iterator[Case]:
    """Section 5: the forms of an address."""
    buecher = "xn--" + "b\u00fccher".encode("punycode").decode()
    for name, text, deliverable, folded in (
        ("ordinary", "ann@example.org", "ann@example.org", "ann@example.org"),
        ("tag and capitals are one for counting", "Ann+shop@example.org", "Ann+shop@example.org", "ann@example.org"),
        ("domain in capitals", "ann@EXAMPLE.org", "ann@example.org", "ann@example.org"),
        ("dots are not guessed away", "a.n.n@example.org", "a.n.n@example.org", "a.n.n@example.org"),
        ("only the first plus", "ann+a+b@example.org", "ann+a+b@example.org", "ann@example.org"),
        ("one character", "a@example.org", "a@example.org", "a@example.org"),
        ("IDNA domain", "ann@b\u00fccher.example", f"ann@{buecher}.example", f"ann@{buecher}.example"),
        ("non-ASCII local part", "Gr\u00fcn@example.org", "Gr\u00fcn@example.org", "gr\u00fcn@example.org"),
        ("sharp s folds", "stra\u00dfe@example.org", "stra\u00dfe@example.org", "strasse@example.org"),
    ):
        local, _, domain = deliverable.rpartition("@")
        masked = (local[0] if len(local) > 1 else "") + "***@" + domain
        hashed = lookup("recipient", b"email\0" + folded.encode())
        lower = "".join(letter.lower() if letter.isascii() else letter for letter in deliverable)
        same = lookup("address", b"email\0" + lower.encode())
        expect = {"deliverable": deliverable, "folded": folded, "masked": masked, "lookup": hashed, "identity": same}
        yield case(name, expect, typed=text)
    for name, text in (
        ("empty", ""),
        ("no at sign", "ann.example.org"),
        ("nothing before it", "@example.org"),
        ("nothing after it", "ann@"),
        ("line break and header", "ann@example.org\r\nBcc: eve@example.net"),
        ("line feed at the end", "ann@example.org\n"),
        ("NUL", "ann\0@example.org"),
        ("bidi override", "ann\u202e@example.org"),
        ("zero-width joiner", "an\u200dn@example.org"),
        ("two addresses", "ann@example.org,eve@example.net"),
        ("two addresses with a blank", "ann@example.org eve@example.net"),
        ("display name", "Ann <ann@example.org>"),
        ("angle brackets", "<ann@example.org>"),
        ("quoted local part", '"ann eve"@example.org'),
        ("IP literal", "ann@[192.0.2.1]"),
        ("no dot in the domain", "ann@example"),
        ("empty label", "ann@example..org"),
        ("label with a hyphen in front", "ann@-example.org"),
        ("two dots in the local part", "a..nn@example.org"),
        ("255 octets", "a" * 64 + "@" + ("b" * 62 + ".") * 3 + "c"),
        ("10 000 characters", "a" * 10_000 + "@example.org"),
    ):
        yield refused(name, "InvalidInputError", typed=text)


# --- 7 limits ---------------------------------------------------------------------------------------


def rates() -> Iterator[Case]:
    """Section 7: rates as an operator writes them."""
    for text, read in (
        ("", []),
        ("3/10min, 10/d", [[3, 10 * MINUTE], [10, DAY]]),
        ("20/10min", [[20, 10 * MINUTE]]),
        ("1/s", [[1, SECOND]]),
        ("100/2h,1000/7d", [[100, 2 * HOUR], [1000, 7 * DAY]]),
        (" 5/30s ", [[5, 30 * SECOND]]),
    ):
        yield case(repr(text), {"rates": read}, text=text)
    for text in (
        "3",
        "3/",
        "/10min",
        "0/min",
        "3/0min",
        "-1/min",
        "3/10",
        "3/10m",
        "3/10 min",
        "3/1.5h",
        "1/s,1/min,1/h",
    ):
        yield refused(repr(text), "ValueError", text=text)


def gcra() -> Iterator[Case]:
    """Section 7: send limits, as waits in milliseconds."""
    balanced = [[3, 10 * MINUTE], [10, DAY]]
    yield _sends("three at once, then one each 200 s", balanced, [0, 0, 0, 0, 199_999, 200_000, 200_001, 400_000])
    yield _sends("the long window refuses the eleventh", balanced, [n * 10 * MINUTE for n in range(12)])
    yield _sends("after a day of rest all is as new", balanced, [0, 0, 0, DAY, DAY, DAY, DAY])
    yield _sends("after a step back it waits", [[1, MINUTE]], [2 * MINUTE, 3 * MINUTE, 2 * MINUTE, MINUTE, 4 * MINUTE])
    yield _sends("a clock that leapt and came back locks nobody out", [[1, MINUTE]], [DAY, 0, 1, MINUTE])
    yield _sends("a span that does not divide is cut to milliseconds", [[7, 10 * SECOND]], [0] * 9 + [1428, 1429])
    yield _sends("no limit", [], [0, 0, 0])


def _sends(name: str, limits: list[list[int]], moments: list[int]) -> Case:
    level = [0 for _ in limits]  # how far ahead of the epoch each window is paid for
    waits = []
    for now in (NOON + moment for moment in moments):
        shares = [(per + count - 1) // count for count, per in limits]
        honest = [old if now < old <= now + 2 * per else now for old, (_, per) in zip(level, limits, strict=True)]
        paid = [old + share for old, share in zip(honest, shares, strict=True)]
        room = [share * count for share, (count, _) in zip(shares, limits, strict=True)]
        wait = max([0, *(new - now - most for new, most in zip(paid, room, strict=True))])
        level = level if wait else paid
        waits.append(wait)
    return case(name, {"waits": waits}, rates=limits, start=NOON, moments=moments)


def waiting(wrong: Iterable[int], budgets: list[list[int]], now: int) -> int:
    """Milliseconds until every window has room; ``wrong`` holds all wrong guesses ever, in order."""
    wait = 0
    for count, per in budgets:
        inside = [at for at in wrong if now - per < at <= now + per]
        if len(inside) >= count:
            wait = max(wait, inside[-count] + per - now)
    return wait


def sliding_log() -> Iterator[Case]:
    """Section 7: guess budgets, as waits in milliseconds."""
    small, balanced = [[3, HOUR], [5, DAY]], [[10, HOUR], [50, DAY]]
    yield _guesses("three an hour", small, [0, 1, 2, 3, HOUR - 1, HOUR, HOUR + 1, HOUR + 2])
    yield _guesses("five a day", small, [n * HOUR for n in range(7)] + [DAY - 1, DAY, DAY + HOUR])
    yield _guesses("ten an hour, the eleventh waits", balanced, [n * SECOND for n in range(12)] + [HOUR])
    yield _guesses("many at one instant", small, [0, 0, 0, 0])
    yield _guesses("a clock that steps back frees nothing", small, [HOUR, HOUR, HOUR, 0, HOUR + 1, 2 * HOUR])
    yield _guesses("no budget", [], [0] * 5)


def _guesses(name: str, budgets: list[list[int]], moments: list[int]) -> Case:
    wrong: list[int] = []
    waits = []
    for now in (NOON + moment for moment in moments):
        waits.append(waiting(wrong, budgets, now))
        if not waits[-1]:
            longest = max([0, *(per for _, per in budgets)])
            wrong = sorted([at for at in wrong if at <= now + longest] + [now])
    expect = {"waits": waits, "streak": len(wrong)}
    return case(name, expect, budgets=budgets, start=NOON, moments=moments)


# --- 6 the verification's life ----------------------------------------------------------------------

SCHEDULE = [30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE]
LIFETIME = 10 * MINUTE
BUDGETS = [[10, HOUR], [50, DAY]]
CEILING = 50
OVER = {"approved": "used", "exhausted": "exhausted", "canceled": "canceled", "failed": "failed", "expired": "expired"}


class Life:
    """One verification and the guess bucket it pays into, as section 6 of the specification tells it."""

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - JSON
        """Start pending at noon, with a bucket that may be used already."""
        self.purpose = given.get("purpose", "login")
        self.decoy = given.get("decoy", False)
        self.wrong = [NOON + moment for moment in given.get("log", [])]
        self.streak = given.get("streak", 0)
        self.stored, self.attempts, self.sends, self.next_send = "pending", 0, 1, NOON + SCHEDULE[0]

    def status(self, now: int) -> str:
        """The status as anybody sees it."""
        return "expired" if self.stored == "pending" and now >= NOON + LIFETIME else self.stored

    def step(self, do: str, at: int = 0, **given: Any) -> Case:  # noqa: ANN401 - JSON
        """Do one thing and note what it changed."""
        now = NOON + at
        outcome, wait = getattr(self, do)(now, **given)
        expect = {"outcome": outcome, "status": self.status(now), "attempts_remaining": 5 - self.attempts}
        expect |= {"streak": self.streak} | ({"wait": wait} if wait else {})
        return {"do": do, "at": at, **given, "expect": expect}

    def check(
        self, now: int, *, right: bool = False, digits: int = 6, purpose: str = "", to: str = ""
    ) -> tuple[str, int]:
        """Check a code."""
        if (status := self.status(now)) != "pending":
            return OVER[status], 0
        if self.streak >= CEILING and self.purpose != "binding":
            return "closed", 0
        if wait := waiting(self.wrong, BUDGETS, now):
            return "limited", wait
        mistaken = purpose not in ("", self.purpose) or to not in ("", "ann")
        if right and not mistaken and digits == 6 and not self.decoy:  # noqa: PLR2004
            self.stored, self.streak = "approved", 0
            return "approved", 0
        self.attempts += 1
        if self.attempts == 5:  # noqa: PLR2004
            self.stored = "exhausted"
        if not mistaken:
            self.wrong.append(now)
            self.streak += 1
        return "mismatch", 0

    def resend(self, now: int) -> tuple[str, int]:
        """Send again."""
        if self.status(now) != "pending":
            return "ended", 0
        if self.sends > len(SCHEDULE):
            return "spent", 0
        if now < self.next_send:
            return "early", 0
        self.sends += 1
        self.next_send = now + SCHEDULE[self.sends - 1] if self.sends <= len(SCHEDULE) else NOON + LIFETIME
        return "sent", 0

    def cancel(self, now: int) -> tuple[str, int]:
        """Withdraw."""
        if self.status(now) not in ("pending", "canceled"):
            return "ended", 0
        self.stored = "canceled"
        return "canceled", 0

    def fail(self, now: int) -> tuple[str, int]:  # noqa: ARG002
        """Note that no message arrives."""
        if self.stored == "pending":
            self.stored = "failed"
        return self.stored, 0


WRONG: Case = {"do": "check"}
RIGHT: Case = {"do": "check", "right": True}


def lives() -> Iterator[Case]:
    """Section 6: verifications, step by step."""
    yield _life("right the first time", [RIGHT, RIGHT, WRONG])
    yield _life("four wrong, then right", [WRONG] * 4 + [RIGHT])
    yield _life("the fifth wrong one is a mismatch with none left", [WRONG] * 5 + [WRONG, RIGHT])
    yield _life("a wrong length is a mismatch", [{**RIGHT, "digits": 7}, {**WRONG, "digits": 1}, RIGHT])
    last = LIFETIME - 1
    yield _life("the last millisecond", [{**RIGHT, "at": last}])
    yield _life("too late", [{**RIGHT, "at": LIFETIME}, {**WRONG, "at": LIFETIME}])
    yield _life("used stays used after its lifetime", [RIGHT, {**RIGHT, "at": LIFETIME + 1}])
    yield _life("withdrawn", [{"do": "cancel"}, RIGHT, {"do": "cancel"}, {"do": "resend", "at": MINUTE}])
    yield _life("withdrawn after the end", [RIGHT, {"do": "cancel"}])
    yield _life("withdrawn too late", [{"do": "cancel", "at": LIFETIME}])
    yield _life("undeliverable", [{"do": "fail"}, RIGHT, {"do": "fail"}, {"do": "cancel"}])
    late = {"do": "fail", "at": LIFETIME}
    yield _life("undeliverable past its lifetime", [{**RIGHT, "digits": 5}, late, {**RIGHT, "at": LIFETIME}])
    yield _life("what is approved does not fail", [RIGHT, {"do": "fail"}])
    other = {**RIGHT, "purpose": "recovery"}
    yield _life("another purpose counts here and not in the budget", [other, {**RIGHT, "purpose": "login"}])
    yield _life("another address", [{**RIGHT, "to": "eve"}, {**RIGHT, "to": "ann"}])
    yield _life("another purpose, five times", [other] * 5 + [RIGHT])
    yield _life("a decoy is never right", [RIGHT] * 5 + [RIGHT], decoy=True)
    full = [-n for n in range(10)][::-1]
    yield _life("budget spent elsewhere", [RIGHT, WRONG, {**RIGHT, "at": LIFETIME}], log=full, streak=10)
    yield _life("budget spent here", [WRONG, WRONG, RIGHT], log=full[1:], streak=9)
    early = [moment - HOUR + MINUTE for moment in full]
    yield _life("an hour later there is room", [{**RIGHT, "at": 59_000}, {**RIGHT, "at": MINUTE}], log=early, streak=10)
    yield _life("closed at the ceiling, even for a right code", [RIGHT, WRONG], streak=CEILING)
    yield _life("one below the ceiling", [WRONG, RIGHT], streak=CEILING - 1)
    yield _life("binding opens it again", [WRONG, RIGHT], streak=CEILING, purpose="binding")
    yield _life("the end comes before closed and limited", [{"do": "cancel"}, RIGHT], log=full, streak=CEILING)
    yield _life("closed comes before limited", [RIGHT], log=full, streak=CEILING)
    moments = [0, 29_999, 30_000, 89_999, 90_000, 210_000, 509_999, 510_000, 599_999, LIFETIME]
    yield _life("the resend schedule", [{"do": "resend", "at": at} for at in moments])
    yield _life(
        "wrong guesses survive a resend", [WRONG] * 4 + [{"do": "resend", "at": MINUTE}, {**WRONG, "at": MINUTE}]
    )


def _life(name: str, steps: list[Case], **given: Any) -> Case:  # noqa: ANN401 - JSON
    life = Life(**given)
    played = [life.step(**step) for step in steps]
    return {"name": name, "given": given, "steps": played}


# --- 8 deliveries -----------------------------------------------------------------------------------


def next_tries() -> Iterator[Case]:
    """Section 8: when a delivery is tried again."""
    far = NOON + DAY
    for tries in (1, 2, 3, 6, 7, 12, 1000):
        wait = min(MINUTE, SECOND * 2 ** min(tries - 1, 10))
        for byte in (0, 128, 255):
            at = NOON + wait // 2 + wait * byte // 255 // 2
            yield case(f"try {tries}, jitter {byte}", {"at": at}, tries=tries, now=NOON, expires_at=far, jitter=byte)
    for left, at in ((15_501, NOON + 500), (15_500, None), (15_000, None), (0, None), (-1, None)):
        given = {"tries": 1, "now": NOON, "expires_at": NOON + left, "jitter": 0}
        yield case(f"{left} ms of life left", {"at": at}, **given)


FILES = {
    "ids": (1, ids),
    "times": (1, times),
    "api_keys": (1, api_keys),
    "sealed": (2, sealed),
    "lookups": (2, lookups),
    "codes": (3, codes),
    "watchwords": (4, watchwords),
    "typed": (5, typed),
    "recipients": (5, recipients),
    "lives": (6, lives),
    "rates": (7, rates),
    "gcra": (7, gcra),
    "sliding_log": (7, sliding_log),
    "next_tries": (8, next_tries),
}


def write(folder: Path) -> None:
    """Write every file into a folder."""
    for name, (section, cases) in FILES.items():
        content = {"spec": "docs/spec/passcode.md", "version": 1, "section": section, "keyring": KEYRING}
        text = json.dumps(content | {"cases": list(cases())}, indent=1)
        (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

# ruff: noqa: INP001 - a folder of data with scripts in it
"""Write ``vectors/totp/*.json`` from RFC 4226, RFC 6238, RFC 4648 and the text of docs/spec/totp.md.

A second reading of the specification: it imports no line of the library, draws no chance and reads no clock, so the
same files come out byte for byte every time. What a case expects of a text is written by hand beside it; codes,
base32 and protocol buffers are computed here in another way than the library does.

    python vectors/generate_totp.py            write the files beside this one
    python vectors/generate_totp.py FOLDER     write them elsewhere, to compare

Not handled here: the sentences, which are data (``vectors/totp/words.json`` is read by tests, never written).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

Case = dict[str, Any]

HERE = Path(__file__).parent / "totp"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
SEED = b"1234567890" * 7
SEEDS = {"SHA1": SEED[:20], "SHA256": SEED[:32], "SHA512": SEED[:64]}  # RFC 6238 appendix B, with erratum 2866


def case(name: str, expect: object, **given: object) -> Case:
    """Write a case that gives a result."""
    return {"name": name, "given": given, "expect": expect}


def problem(name: str, reason: str, text: str) -> Case:
    """Write a case that is refused."""
    return case(name, {"problem": reason}, text=text)


def base32(raw: bytes) -> str:
    """Base32 by arithmetic: the bytes as one number, five bits a character."""
    bits = len(raw) * 8
    spare = -bits % 5
    number = int.from_bytes(raw, "big") << spare
    return "".join(LETTERS[number >> shift & 31] for shift in range(bits + spare - 5, -1, -5))


# --- 1 codes ----------------------------------------------------------------------------------------

RFC_4226 = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
RFC_6238 = {
    59: ("94287082", "46119246", "90693936"),
    1111111109: ("07081804", "68084774", "25091201"),
    1111111111: ("14050471", "67062674", "99943326"),
    1234567890: ("89005924", "91819424", "93441116"),
    2000000000: ("69279037", "90698825", "38618901"),
    20000000000: ("65353130", "77737706", "47863826"),
}


def computed(algorithm: str, secret: bytes, counter: int, digits: int) -> str:
    """A code by the letter of RFC 4226 section 5.3, with the HMAC of RFC 2104 written out."""
    size = 128 if algorithm == "SHA512" else 64
    new = getattr(hashlib, algorithm.lower())
    key = (new(secret).digest() if len(secret) > size else secret).ljust(size, b"\0")
    inner = new(bytes(byte ^ 0x36 for byte in key) + struct.pack(">Q", counter)).digest()
    mac = new(bytes(byte ^ 0x5C for byte in key) + inner).digest()
    assert mac == hmac.new(secret, struct.pack(">Q", counter), new).digest()  # noqa: S101 - a check of this script
    (number,) = struct.unpack_from(">I", mac, mac[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 10**digits:0{digits}}"


def codes() -> Iterator[Case]:
    """Section 1: codes of RFC 4226 appendix D and RFC 6238 appendix B, and some of our own."""
    for counter, code in enumerate(RFC_4226):
        given = {"secret": SEEDS["SHA1"].hex(), "algorithm": "SHA1", "digits": 6, "counter": counter}
        yield case(f"RFC 4226 appendix D, counter {counter}", {"code": code}, **given)
    for seconds, row in RFC_6238.items():
        for algorithm, code in zip(SEEDS, row, strict=True):
            given = {"secret": SEEDS[algorithm].hex(), "algorithm": algorithm, "digits": 8, "period": 30}
            yield case(f"RFC 6238 appendix B, {algorithm} at {seconds}", {"code": code}, **given, seconds=seconds)
    for secret, algorithm, digits, period, seconds in (
        (b"\x00" * 10, "SHA1", 6, 30, 0),
        (b"Hello!\xde\xad\xbe\xef", "SHA1", 6, 30, 29),
        (b"Hello!\xde\xad\xbe\xef", "SHA1", 6, 30, 30),
        (SEED[:20], "SHA1", 7, 60, 1_795_435_200),
        (SEED[:65], "SHA256", 6, 5, 1_795_435_204),
        (SEED, "SHA512", 8, 600, 4_102_444_799),
        (bytes(range(130)), "SHA512", 6, 30, 1_795_435_229),
    ):
        given = {"secret": secret.hex(), "algorithm": algorithm, "digits": digits, "period": period}
        code = computed(algorithm, secret, seconds // period, digits)
        yield case(
            f"{algorithm}, {digits} digits, every {period} s at {seconds}", {"code": code}, **given, seconds=seconds
        )


# --- 2 base32 ---------------------------------------------------------------------------------------


def base32_texts() -> Iterator[Case]:
    """Section 2: RFC 4648 section 10, repairs and refusals."""
    for raw, text in (
        (b"", ""),
        (b"f", "MY"),
        (b"fo", "MZXQ"),
        (b"foo", "MZXW6"),
        (b"foob", "MZXW6YQ"),
        (b"fooba", "MZXW6YTB"),
        (b"foobar", "MZXW6YTBOI"),
        (bytes(range(256)), base32(bytes(range(256)))),
    ):
        assert text == base32(raw)  # noqa: S101 - a check of this script
        yield case(f"RFC 4648: {len(raw)} bytes", {"secret": raw.hex(), "written": text}, text=text)
    key = {"secret": b"foobar".hex(), "written": "MZXW6YTBOI"}
    for name, text in (
        ("padded", "MZXW6YTBOI======"),
        ("padded too little", "MZXW6YTBOI="),
        ("lower case", "mzxw6ytboi"),
        ("mixed case", "MzXw6YtBoI"),
        ("in groups", "MZXW 6YTB OI"),
        ("with dashes", "MZXW-6YTB-OI"),
        ("with other dashes", "MZXW\u20136YTB\u2011OI"),
        ("with other blanks", "MZXW\u00a06YTB\u202fOI\t"),
        ("with line ends around", "\r\nMZXW6YTBOI\n"),
        ("spare bits set", "MZXW6YTBOJ"),
    ):
        yield case(name, key, text=text)
    for name, reason, text in (
        ("zero", "wrong_digits", "MZXW0YTB"),
        ("one, eight and nine", "wrong_digits", "1ZXW8YT9"),
        ("zero and a stranger", "not_base32", "MZXW0YT!"),
        ("a line end inside", "not_base32", "MZXW\n6YTB"),
        ("padding inside", "not_base32", "MZ==XW6Y"),
        ("full-width letters", "not_base32", "\uff2dZXW6YTB"),
        ("dotless i", "not_base32", "MZXW6YT\u0131"),
        ("long s", "not_base32", "MZXW6YT\u017f"),
        ("an emoji", "not_base32", "MZXW6YT\U0001f511"),
        ("one character", "wrong_length", "M"),
        ("three characters", "wrong_length", "MZX"),
        ("six characters", "wrong_length", "MZXW6Y"),
        ("nine characters", "wrong_length", "MZXW6YTBO"),
    ):
        yield problem(name, reason, text)


# --- 3 key URIs -------------------------------------------------------------------------------------

K20 = base32(SEED[:20])
K10 = base32(SEED[:10])


def key(issuer: str = "", account: str = "", *warnings: str, secret: bytes = SEED[:20], **more: Any) -> Case:  # noqa: ANN401 - JSON
    """What is understood of a key."""
    usual = {"algorithm": "SHA1", "digits": 6, "period": 30}
    return {"secret": secret.hex(), "issuer": issuer, "account": account, **usual, **more, "warnings": list(warnings)}


def uris() -> Iterator[Case]:
    """Section 3: key URIs read, written again and refused."""
    yield from _good_uris()
    yield from _bad_uris()


def _good_uris() -> Iterator[Case]:
    s = f"secret={K20}"
    acme = key("ACME Co", "ann@example.org")
    full = f"otpauth://totp/ACME%20Co:ann@example.org?{s}&issuer=ACME%20Co"
    odd: Case = {"algorithm": "SHA256", "digits": 8, "period": 60}
    strange = ("unusual_algorithm", "unusual_digits", "unusual_period")
    for name, text, understood, written in (
        ("the usual link", full, acme, full),
        ("defaults said aloud", full + "&algorithm=SHA1&digits=6&period=30", acme, full),
        ("scheme and type in capitals", full.replace("otpauth://totp", "OTPAUTH://TOTP"), acme, full),
        ("blanks around", f" {full}\r\n", acme, full),
        ("names of parameters in capitals", full.replace("secret=", "SECRET="), acme, full),
        ("issuer with plus signs", full.replace("issuer=ACME%20Co", "issuer=ACME+Co"), acme, full),
        ("issuer in the label alone", f"otpauth://totp/ACME%20Co:ann@example.org?{s}", acme, full),
        ("issuer in the parameter alone", f"otpauth://totp/ann@example.org?{s}&issuer=ACME%20Co", acme, full),
        ("escaped colon and blank", f"otpauth://totp/ACME%20Co%3A%20ann%40example.org?{s}", acme, full),
        (
            "secret in groups and lower case",
            full.replace(K20, "+".join([K20[:16].lower(), K20[16:]]) + "==="),
            acme,
            full,
        ),
        (
            "parameters that are not known",
            full + "&image=https%3A%2F%2Fexample.org%2Fa.png&lock=true&lock=no",
            acme,
            full,
        ),
        (
            "a plus sign in the account",
            f"otpauth://totp/ann+work@example.org?{s}",
            key("", "ann+work@example.org"),
            f"otpauth://totp/ann%2Bwork@example.org?{s}",
        ),
        ("no names", f"otpauth://totp/?{s}", key(), f"otpauth://totp/?{s}"),
        (
            "two issuers",
            f"otpauth://totp/Old:ann?{s}&issuer=New",
            key("New", "ann", "two_issuers"),
            f"otpauth://totp/New:ann?{s}&issuer=New",
        ),
        (
            "an issuer with a colon",
            f"otpauth://totp/A%3AB:ann?{s}&issuer=A%3AB",
            key("A:B", "ann"),
            f"otpauth://totp/A%3AB:ann?{s}&issuer=A%3AB",
        ),
        (
            "an account with a colon and no issuer",
            f"otpauth://totp/:a%3Ab?{s}",
            key("", "a:b"),
            f"otpauth://totp/:a%3Ab?{s}",
        ),
        (
            "markup is text",
            f"otpauth://totp/%3Cb%3EA%3C%2Fb%3E:%22x%22?{s}",
            key("<b>A</b>", '"x"'),
            f"otpauth://totp/%3Cb%3EA%3C%2Fb%3E:%22x%22?{s}&issuer=%3Cb%3EA%3C%2Fb%3E",
        ),
        (
            "line feeds and marks of direction go",
            f"otpauth://totp/A%0A%E2%80%AECME:ann%00?{s}",
            key("ACME", "ann", "cleaned"),
            f"otpauth://totp/ACME:ann?{s}&issuer=ACME",
        ),
        (
            "names of the world",
            f"otpauth://totp/%E6%9D%B1%E4%BA%AC:%F0%9F%94%91?{s}",
            key("\u6771\u4eac", "\U0001f511"),
            f"otpauth://totp/%E6%9D%B1%E4%BA%AC:%F0%9F%94%91?{s}&issuer=%E6%9D%B1%E4%BA%AC",
        ),
        (
            "marks that RFC 3986 reserves",
            f"otpauth://totp/A!'()*:b?{s}",
            key("A!'()*", "b"),
            f"otpauth://totp/A%21%27%28%29%2A:b?{s}&issuer=A%21%27%28%29%2A",
        ),
        (
            "unusual in every way",
            f"otpauth://totp/x?{s}&algorithm=sha256&digits=8&period=60",
            key("", "x", *strange, **odd),
            f"otpauth://totp/x?{s}&algorithm=SHA256&digits=8&period=60",
        ),
        (
            "SHA512 by a longer name",
            f"otpauth://totp/x?{s}&algorithm=HmacSHA-512&digits=7",
            key("", "x", "unusual_algorithm", "unusual_digits", algorithm="SHA512", digits=7),
            f"otpauth://totp/x?{s}&algorithm=SHA512&digits=7",
        ),
        (
            "80 bits are short",
            f"otpauth://totp/x?secret={K10}",
            key("", "x", "short", secret=SEED[:10]),
            f"otpauth://totp/x?secret={K10}",
        ),
        (
            "128 bits are not",
            f"otpauth://totp/x?secret={base32(SEED[:16])}",
            key("", "x", secret=SEED[:16]),
            f"otpauth://totp/x?secret={base32(SEED[:16])}",
        ),
    ):
        yield case(name, {"key": understood, "written": written}, text=text)


def _bad_uris() -> Iterator[Case]:
    s = f"secret={K20}"
    for name, reason, text in (
        ("another scheme", "unreadable", f"otpauths://totp/x?{s}"),
        ("a script", "unreadable", f"javascript:otpauth://totp/x?{s}"),
        ("two lines", "unreadable", f"otpauth://totp/x?{s}\notpauth://totp/y?{s}"),
        ("a counter key", "hotp", f"otpauth://hotp/x?{s}&counter=1"),
        ("a kind of its own", "type", f"otpauth://steam/x?{s}"),
        ("no kind", "type", "otpauth://"),
        ("no question mark", "no_secret", "otpauth://totp/x"),
        ("no secret", "no_secret", "otpauth://totp/x?issuer=A"),
        ("an empty secret", "no_secret", "otpauth://totp/x?secret="),
        ("72 bits", "too_short", f"otpauth://totp/x?secret={base32(SEED[:9])}"),
        ("a zero for an O", "wrong_digits", f"otpauth://totp/x?secret={K20[:-1]}0"),
        ("no base32", "not_base32", "otpauth://totp/x?secret=hunter2!hunter2!"),
        ("a fragment", "not_base32", f"otpauth://totp/x?{s}#top"),
        ("cut short", "wrong_length", f"otpauth://totp/x?secret={K20[:-2]}"),
        ("two secrets", "doubled", f"otpauth://totp/x?{s}&{s}"),
        ("two secrets in two spellings", "doubled", f"otpauth://totp/x?{s}&SECRET={K20}"),
        ("two periods", "doubled", f"otpauth://totp/x?{s}&period=30&period=60"),
        ("MD5", "algorithm", f"otpauth://totp/x?{s}&algorithm=MD5"),
        ("no algorithm", "algorithm", f"otpauth://totp/x?{s}&algorithm="),
        ("0 digits", "digits", f"otpauth://totp/x?{s}&digits=0"),
        ("5 digits", "digits", f"otpauth://totp/x?{s}&digits=5"),
        ("20 digits", "digits", f"otpauth://totp/x?{s}&digits=20"),
        ("digits in another script", "digits", f"otpauth://totp/x?{s}&digits=%D9%A6"),
        ("a period of 0", "period", f"otpauth://totp/x?{s}&period=0"),
        ("a period of 4", "period", f"otpauth://totp/x?{s}&period=4"),
        ("a period of 601", "period", f"otpauth://totp/x?{s}&period=601"),
        ("a period of 30 years", "period", f"otpauth://totp/x?{s}&period=1000000000"),
        ("a negative period", "period", f"otpauth://totp/x?{s}&period=-30"),
        ("a broken escape", "unreadable", f"otpauth://totp/%4?{s}"),
        ("no UTF-8", "unreadable", f"otpauth://totp/%FF?{s}"),
        ("an escaped surrogate", "unreadable", f"otpauth://totp/%ED%A0%80?{s}"),
        ("too long", "too_long", f"otpauth://totp/{'x' * 4096}?{s}"),
    ):
        yield problem(name, reason, text)


# --- 4 exports --------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    """A number as protocol buffers write it."""
    out = b""
    while number >> 7:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: int | bytes | str) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def account(**values: int | bytes | str) -> bytes:
    """One account of an export."""
    numbers = {"secret": 1, "name": 2, "issuer": 3, "algorithm": 4, "digits": 5, "type": 6, "counter": 7}
    return field(1, b"".join(field(numbers[name], value) for name, value in values.items()))


def link(payload: bytes) -> str:
    """An export's link."""
    return "otpauth-migration://offline?data=" + quote(b64encode(payload).decode(), safe="")


ANN = account(secret=SEED[:20], name="ACME:ann", issuer="ACME", algorithm=1, digits=1, type=2)
BOB = account(secret=SEED[20:36], name="bob", algorithm=2, digits=2, type=2)
END = field(2, 1) + field(3, 1) + field(4, 0) + field(5, 2**64 - 5)


def exports() -> Iterator[Case]:
    """Section 4: exports read and refused."""
    ann = key("ACME", "ann")
    bob = key("", "bob", "unusual_algorithm", "unusual_digits", secret=SEED[20:36], algorithm="SHA256", digits=8)
    plus = account(secret=b"\xfb\xff" * 10, name="p", type=2)
    hidden = account(secret=SEED[:20], name="A\u202e:b", type=2)

    def export(*accounts: Case, unusable: tuple[tuple[str, str, str], ...] = (), part: int = 1, parts: int = 1) -> Case:
        refused = [{"issuer": issuer, "account": name, "problem": reason} for issuer, name, reason in unusable]
        return {"accounts": list(accounts), "unusable": refused, "part": part, "parts": parts}

    bare = b64encode(ANN + BOB + END).decode()
    start = "otpauth-migration://offline?data="
    for name, text, expect in (
        ("one account", link(ANN + END), export(ann)),
        ("two accounts", link(ANN + BOB + END), export(ann, bob)),
        ("not escaped and not padded", start + bare.rstrip("="), export(ann, bob)),
        (
            "plus signs that became blanks",
            start + b64encode(plus).decode().replace("+", " "),
            export(key("", "p", secret=b"\xfb\xff" * 10)),
        ),
        (
            "the other alphabet",
            start + b64encode(plus).decode().replace("+", "-").replace("/", "_"),
            export(key("", "p", secret=b"\xfb\xff" * 10)),
        ),
        ("scheme in capitals, blanks around", "\n" + link(ANN).replace("otpauth", "OTPAUTH") + " ", export(ann)),
        ("the second of three", link(ANN + field(2, 1) + field(3, 3) + field(4, 1)), export(ann, part=2, parts=3)),
        ("a part beyond the last", link(ANN + field(3, 2) + field(4, 2)), export(ann)),
        ("parts beyond counting", link(ANN + field(3, 2**40)), export(ann)),
        (
            "nothing said about algorithm and digits",
            link(account(secret=SEED[:20], name="x", type=2)),
            export(key("", "x")),
        ),
        (
            "unknown fields of every kind",
            link(field(9, 7) + varint(9 << 3 | 1) + bytes(8) + varint(9 << 3 | 5) + bytes(4) + field(99, b"x") + ANN),
            export(ann),
        ),
        ("marks of direction go", link(hidden), export(key("A", "b", "cleaned"))),
        (
            "a counter key beside a good one",
            link(ANN + account(secret=SEED[:20], name="h", type=1, counter=4)),
            export(ann, unusable=(("", "h", "hotp"),)),
        ),
        (
            "MD5",
            link(account(secret=SEED[:20], name="I:m", algorithm=4, type=2)),
            export(unusable=(("I", "m", "algorithm"),)),
        ),
        (
            "digits that are not known",
            link(account(secret=SEED[:20], name="d", digits=3, type=2)),
            export(unusable=(("", "d", "digits"),)),
        ),
        ("no kind", link(account(secret=SEED[:20], name="k")), export(unusable=(("", "k", "type"),))),
        ("too short", link(account(secret=b"short", name="s", type=2)), export(unusable=(("", "s", "too_short"),))),
        ("no secret", link(account(name="n", type=2)), export(unusable=(("", "n", "no_secret"),))),
    ):
        yield case(name, expect, text=text)
    for name, reason, text in (
        ("no data", "unreadable", "otpauth-migration://offline"),
        ("other data", "unreadable", "otpauth-migration://offline?x=1"),
        ("empty data", "no_accounts", start),
        ("data twice", "doubled", link(ANN) + "&data=AA"),
        ("no accounts", "no_accounts", link(END)),
        ("no base64", "unreadable", start + "%21%21%21%21"),
        ("padding inside", "unreadable", start + "AA==AA"),
        ("one character too many", "unreadable", start + "AAAAA"),
        ("a broken escape", "unreadable", start + "%4"),
        ("cut short", "unreadable", link((ANN + END)[:-1])),
        ("cut inside the account", "unreadable", link(ANN[:-1])),
        ("a length beyond the end", "unreadable", link(b"\x0a\xff\x01")),
        ("a length beyond counting", "unreadable", link(b"\x0a" + b"\xff" * 9 + b"\x01")),
        ("a number without end", "unreadable", link(b"\x0a" + b"\xff" * 11)),
        ("a group", "unreadable", link(ANN + b"\x4b\x4c")),
        ("field zero", "unreadable", link(ANN + b"\x02\x00")),
        ("field zero, a number", "unreadable", link(ANN + b"\x00\x00")),
        ("an account that is a number", "unreadable", link(field(1, 7))),
        ("a secret that is a number", "unreadable", link(field(1, field(1, 7)))),
        ("a kind that is a text", "unreadable", link(field(1, field(6, "2")))),
        ("a name that is no UTF-8", "unreadable", link(account(secret=SEED[:20], name=b"\xff", type=2))),
        ("too long", "too_long", link(ANN * 300)),
    ):
        yield problem(name, reason, text)


# --- 5 what was pasted ------------------------------------------------------------------------------


def pasted() -> Iterator[Case]:
    """Section 3: what a text is taken for."""
    k = K20
    ours = {"secret": SEED[:20].hex()}
    for name, text, expect in (
        ("nothing", "", {"kind": "empty"}),
        ("blanks", " \r\n\t ", {"kind": "empty"}),
        ("a word", "hello", {"kind": "text"}),
        ("a passphrase", "correct horse battery staple", {"kind": "text"}),
        ("a passphrase of even words", "this that then them", {"kind": "text"}),
        ("shouting", "HELLO THERE GENERAL KENOBI", {"kind": "text"}),
        ("a password", "Tr0ub4dor&3", {"kind": "text"}),
        ("a password in mixed case", "abcdEFGH2345abcd", {"kind": "text"}),
        ("a long password without digits", "correcthorsebatterystaple", {"kind": "text"}),
        ("a number in groups", "4444 3333 2222 5555", {"kind": "text"}),
        ("fifteen characters", k[:15], {"kind": "text"}),
        ("a length that no key has", k[:17], {"kind": "text"}),
        ("uneven groups", f"{k[:5]} {k[5:8]} {k[8:]}", {"kind": "text"}),
        ("a last group longer than the others", f"{k[:4]} {k[4:8]} {k[8:16]}", {"kind": "text"}),
        ("letters one by one", " ".join(k), {"kind": "text"}),
        ("two keys on two lines", f"{k}\n{k}", {"kind": "text"}),
        ("a zero in it", k[:-1] + "0", {"kind": "text"}),
        ("longer than any key", "A2" * 260, {"kind": "text"}),
        ("a sentence about a link", f"use otpauth://totp/x?secret={k}", {"kind": "text"}),
        ("a look-alike scheme", f"javascript:otpauth://totp/x?secret={k}", {"kind": "text"}),
        ("a web address", "https://example.org/", {"kind": "text"}),
        ("a bare key", k, {"kind": "totp", "bare": True, **ours, "warnings": []}),
        (
            "a bare key in lower case groups",
            _groups(k.lower(), " "),
            {"kind": "totp", "bare": True, **ours, "warnings": []},
        ),
        ("a bare key with dashes", _groups(k, "-"), {"kind": "totp", "bare": True, **ours, "warnings": []}),
        (
            "a bare key with padding",
            K10 + "====",
            {"kind": "totp", "bare": True, "secret": SEED[:10].hex(), "warnings": ["short"]},
        ),
        (
            "a bare key of 26 characters",
            f"\n{base32(SEED[:16])}\n",
            {"kind": "totp", "bare": True, "secret": SEED[:16].hex(), "warnings": []},
        ),
        (
            "capitals without a digit",
            "ABCDEFGHIJKLMNOP",
            {"kind": "totp", "bare": True, "secret": "00443214c74254b635cf", "warnings": ["short"]},
        ),
        ("a link", f" otpauth://totp/x?secret={k}\n", {"kind": "totp", "bare": False, **ours, "warnings": []}),
        ("a link in capitals", f"OTPAUTH://totp/x?secret={k}", {"kind": "totp", "bare": False, **ours, "warnings": []}),
        ("a broken link", "otpauth://totp/x", {"kind": "problem", "problem": "no_secret"}),
        ("a link of a counter key", f"otpauth://hotp/x?secret={k}", {"kind": "problem", "problem": "hotp"}),
        (
            "two links",
            f"otpauth://totp/x?secret={k} otpauth://totp/y?secret={k}",
            {"kind": "problem", "problem": "not_base32"},
        ),
        ("an export", link(ANN + BOB), {"kind": "migration", "accounts": 2}),
        ("a broken export", "otpauth-migration://offline?data=%", {"kind": "problem", "problem": "unreadable"}),
    ):
        yield case(name, expect, text=text)


def _groups(text: str, mark: str) -> str:
    return mark.join(text[start : start + 4] for start in range(0, len(text), 4))


FILES = {
    "codes": (1, codes),
    "base32": (2, base32_texts),
    "uris": (3, uris),
    "exports": (4, exports),
    "pasted": (3, pasted),
}


def write(folder: Path) -> None:
    """Write every file into a folder."""
    for name, (section, cases) in FILES.items():
        content = {"spec": "docs/spec/totp.md", "version": 1, "section": section, "cases": list(cases())}
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

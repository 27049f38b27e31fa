# ruff: noqa: INP001 - a folder of data with scripts in it
"""Write ``vectors/secret/*.json`` from the text of docs/spec/secret-link.md, and from nothing else.

A second reading of the specification: it imports no line of the library, draws no chance and reads no clock, so
the same files come out byte for byte every time. What it needs beyond the standard library is AES-GCM.

    python vectors/generate_secret.py            write the files beside this one
    python vectors/generate_secret.py FOLDER     write them elsewhere, to compare

Not handled here: whether the library agrees (``tests/vectors/test_secret_vectors.py``) and whether the browser's
modules do (``tests/e2e/test_secret_vectors.py``).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Case = dict[str, Any]

HERE = Path(__file__).parent / "secret"
INVALID, TAMPERED, TOO_LARGE = "InvalidInputError", "TamperedError", "TooLargeError"

L = bytes(range(32))
OTHER_L = bytes(range(32, 64))
HIGH_L = b"\xfb\xff" * 16
NONCE = bytes(range(64, 80))
OTHER_NONCE = bytes(range(80, 96))
IV = bytes(range(96, 108))
FILE_KEY = bytes(range(112, 128))
SALT = bytes(range(128, 144))

KDF = "pbkdf2-sha256-600000"
ROUNDS = 600_000
HEADER = '{"alg":"dir","enc":"A256GCM"}'
RECORD, RECORD_TEXT, LARGEST = 65_536, 65_519, 2_097_152
TOTP = {"secret": "JBSWY3DPEHPK3PXP", "algorithm": "SHA1", "digits": 6, "period": 30}
WORDS = "copper lantern"
INK = {"type": "text", "text": "ink"}


# --- primitives, from RFC 2104, 5869, 4648 and 7516 ------------------------------------------------


def prf(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 of 32 bytes: extract, then one round of expand."""
    return prf(prf(salt or bytes(32), ikm), info + b"\x01")


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def case(name: str, expect: object, **given: object) -> Case:
    """Write a case that gives a result."""
    return {"name": name, "given": given, "expect": expect}


def refused(name: str, error: str, **given: object) -> Case:
    """Write a case that raises."""
    return case(name, {"error": error}, **given)


# --- 2 key schedule ---------------------------------------------------------------------------------


@cache
def schedule(link_key: bytes, nonce: bytes, passphrase: str | None) -> dict[str, bytes]:
    """All keys of section 2."""
    ikm, params = link_key, b"\x01none"
    if passphrase is not None:
        typed = unicodedata.normalize("NFKC", passphrase).encode()
        ikm += hashlib.pbkdf2_hmac("sha256", typed, link_key, ROUNDS, 32)
        params = b"\x01" + KDF.encode()
    keys = {
        "link": hkdf(link_key, b"", b"watchword/v1/secret/link"),
        "cek": hkdf(ikm, nonce, b"watchword/v1/secret/cek" + params),
    }
    if passphrase is not None:
        keys["auth"] = hkdf(ikm, nonce, b"watchword/v1/secret/auth" + params)
    return keys


def hashed(keys: dict[str, bytes]) -> dict[str, str]:
    """The proofs as the service keeps them."""
    return {f"{name}_hash": hashlib.sha256(keys[name]).hexdigest() for name in ("link", "auth") if name in keys}


def schedules() -> Iterator[Case]:
    """Section 2: keys, proofs and their hashes."""
    for name, link_key, nonce, passphrase in (
        ("without a passphrase", L, NONCE, None),
        ("another nonce", L, OTHER_NONCE, None),
        ("another link key", OTHER_L, NONCE, None),
        ("all zeros", bytes(32), bytes(16), None),
        ("with a passphrase", L, NONCE, "copper lantern"),
        ("a passphrase that NFKC changes", L, NONCE, "\ufb01re \uff21\u0065\u0301"),
    ):
        keys = schedule(link_key, nonce, passphrase)
        given = {"link_key": link_key.hex(), "nonce": nonce.hex()}
        given |= {} if passphrase is None else {"kdf": KDF, "passphrase": passphrase}
        yield case(name, {key: raw.hex() for key, raw in keys.items()} | hashed(keys), **given)
    for name, more in (
        ("a KDF and no passphrase", {"kdf": KDF}),
        ("a passphrase and no KDF", {"passphrase": "copper lantern"}),
        ("fewer rounds", {"kdf": "pbkdf2-sha256-1000", "passphrase": "copper lantern"}),
        ("more rounds", {"kdf": "pbkdf2-sha256-600000000", "passphrase": "copper lantern"}),
        ("another hash", {"kdf": "pbkdf2-sha1-600000", "passphrase": "copper lantern"}),
        ("another function", {"kdf": "argon2id", "passphrase": "copper lantern"}),
        ("the id in capitals", {"kdf": KDF.upper(), "passphrase": "copper lantern"}),
        ("a name that every object has", {"kdf": "constructor", "passphrase": "copper lantern"}),
        ("no KDF by its name", {"kdf": "none", "passphrase": "copper lantern"}),
        ("an empty KDF", {"kdf": "", "passphrase": "copper lantern"}),
    ):
        yield refused(name, INVALID, link_key=L.hex(), nonce=NONCE.hex(), **more)


def passphrases() -> Iterator[Case]:
    """Section 2.2: the bytes that the KDF is given."""
    for name, typed, raw in (
        ("plain", "copper lantern", b"copper lantern"),
        ("blanks and case stay", "  Copper  lantern ", b"  Copper  lantern "),
        ("one character", "x", b"x"),
        ("composed", "\u00e9", b"\xc3\xa9"),
        ("decomposed", "e\u0301", b"\xc3\xa9"),
        ("ligature", "\ufb01", b"fi"),
        ("full-width", "\uff21\uff11", b"A1"),
        ("superscript", "x\u00b2", b"x2"),
        ("no-break space", "a\u00a0b", b"a b"),
        ("Hangul jamo", "\u1112\u1161\u11ab", b"\xed\x95\x9c"),
        ("Angstrom sign", "\u212b", b"\xc3\x85"),
        ("marks in another order", "a\u0323\u0302", b"\xe1\xba\xad"),
        ("beyond the first plane", "\U0001f3ee", b"\xf0\x9f\x8f\xae"),
        ("NUL and newline stay", "a\0b\n", b"a\0b\n"),
        ("1024 bytes", "x" * 1024, b"x" * 1024),
        ("1024 bytes after normalisation", "\ufb03" * 341 + "x", b"ffi" * 341 + b"x"),
    ):
        yield case(name, {"bytes": raw.hex()}, passphrase=typed)
    for name, typed in (
        ("empty", ""),
        ("1025 bytes", "x" * 1025),
        ("1026 bytes after normalisation", "\ufb03" * 342),
        ("a lone surrogate", "a\ud800b"),
        ("surrogates in the wrong order", "\udc00\ud800"),
    ):
        yield refused(name, INVALID, passphrase=typed)


# --- 4 documents ------------------------------------------------------------------------------------


def canonical(document: Case) -> bytes:
    """A document as RFC 8785 writes it: sorted, without blanks."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def sizes() -> list[int]:
    """The sizes of section 4.2, written out."""
    return [512, 1024, 2048, 4096, 8192, 16_384, 32_768, *range(65_536, LARGEST + 1, 65_536)]


def padded(document: Case) -> bytes:
    """A document as it is sealed."""
    bare = len(canonical(document | {"pad": ""}))
    wanted = next(size for size in sizes() if size >= bare)
    return canonical(document | {"pad": "0" * (wanted - bare)})


def documents() -> Iterator[Case]:
    """Section 4: documents that are written, and those that are not."""
    entry = {"name": "a.txt", "size": 3, "content": b64(b"ink")}
    streamed = {"name": "b.bin", "size": 2_000_000, "blob": 0, "key": b64(FILE_KEY)}
    for name, good in (
        ("a text", INK),
        ("an empty text", {"type": "text", "text": ""}),
        ("label and note", INK | {"label": "printer", "note": "third floor"}),
        ("every escape", {"type": "text", "text": '"\\/\b\t\n\f\r\0\x1f\x7f\u2028\u00e9\U0001f3ee'}),
        ("a text is not normalised", {"type": "text", "text": "e\u0301 \u00e9 \ufb01"}),
        ("an authenticator key", {"type": "totp", **TOTP}),
        ("with issuer and account", {"type": "totp", **TOTP, "issuer": "ACME", "account": "ops@example.org"}),
        ("unusual but possible", {"type": "totp", "secret": "A", "algorithm": "SHA512", "digits": 8, "period": 86_400}),
        ("a password alone", {"type": "login", "password": "hunter2"}),
        (
            "a whole login",
            {"type": "login", "password": "p", "username": "u", "url": "https://a.example", "totp": TOTP},
        ),
        ("a file inside", {"type": "file", "files": [entry]}),
        ("an empty file", {"type": "file", "files": [{"name": "", "size": 0, "content": ""}]}),
        ("files inside and outside", {"type": "file", "files": [entry | {"media_type": "text/plain"}, streamed]}),
        ("a name is only text", {"type": "file", "files": [entry | {"name": "../<img onerror=x>\u202egpj.exe\0"}]}),
    ):
        text = padded(good)
        yield case(name, {"text": text.decode(), "sha256": hashlib.sha256(text).hexdigest()}, document=good)
    file = {"type": "file", "files": [entry]}
    for name, bad in (
        ("no type", {"text": "ink"}),
        ("another type", {"type": "html", "text": "ink"}),
        ("a type that every object has", {"type": "constructor"}),
        ("a type that is no text", {"type": ["text"], "text": "ink"}),
        ("a member that is not listed", INK | {"expires": "never"}),
        ("a member of another type", INK | {"password": "p"}),
        ("padding brought along", INK | {"pad": ""}),
        ("a member missing", {"type": "text"}),
        ("a number for a text", {"type": "text", "text": 5}),
        ("null for a text", {"type": "text", "text": None}),
        ("null for what may be missing", INK | {"label": None}),
        ("a lone surrogate", {"type": "text", "text": "a\ud800"}),
        ("a key in lower case", {"type": "totp", **TOTP, "secret": "jbswy3dpehpk3pxp"}),
        ("a key with padding", {"type": "totp", **TOTP, "secret": "JBSWY3DP===="}),
        ("a key and a line end", {"type": "totp", **TOTP, "secret": "JBSWY3DP\n"}),
        ("an empty key", {"type": "totp", **TOTP, "secret": ""}),
        ("five digits", {"type": "totp", **TOTP, "digits": 5}),
        ("true digits", {"type": "totp", **TOTP, "digits": True}),
        ("digits as text", {"type": "totp", **TOTP, "digits": "6"}),
        ("no period", {"type": "totp", **TOTP, "period": 0}),
        ("half a second", {"type": "totp", **TOTP, "period": 0.5}),
        ("MD5", {"type": "totp", **TOTP, "algorithm": "MD5"}),
        ("a login whose key is a text", {"type": "login", "password": "p", "totp": "JBSWY3DP"}),
        ("a login whose key says too much", {"type": "login", "password": "p", "totp": TOTP | {"type": "totp"}}),
        ("no files", {"type": "file", "files": []}),
        ("21 files", {"type": "file", "files": [entry] * 21}),
        ("a file that is none", {"type": "file", "files": ["a.txt"]}),
        ("content of another size", {"type": "file", "files": [entry | {"size": 4}]}),
        ("content in the standard alphabet", {"type": "file", "files": [entry | {"content": "+/+/"}]}),
        ("content with spare bits", {"type": "file", "files": [{"name": "a", "size": 1, "content": "YX"}]}),
        ("content and blob", {"type": "file", "files": [entry | {"blob": 0, "key": b64(FILE_KEY)}]}),
        ("a blob without its key", {"type": "file", "files": [{"name": "a", "size": 1, "blob": 0}]}),
        ("a short key", {"type": "file", "files": [streamed | {"key": b64(FILE_KEY[:15])}]}),
        ("one blob twice", {"type": "file", "files": [streamed, streamed]}),
        ("blob 20", {"type": "file", "files": [streamed | {"blob": 20}]}),
        ("a size below zero", {"type": "file", "files": [streamed | {"size": -1}]}),
        ("a size beyond what JSON holds", {"type": "file", "files": [streamed | {"size": 2**53}]}),
        ("files under another type", file | {"type": "text"}),
    ):
        yield refused(name, INVALID, document=bad)


def padding() -> Iterator[Case]:
    """Section 4.2: the length of a text, and to what it is padded."""
    for wanted in (512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072, 196_608, LARGEST):
        below = max(size for size in [0, *sizes()] if size < wanted)
        for length in (below + 1, wanted):
            yield case(f"{length} bytes", {"padded": wanted}, length=length)
    yield refused("too long by one", TOO_LARGE, length=LARGEST + 1)


# --- 3 envelopes ------------------------------------------------------------------------------------


def encrypt(text: bytes, cek: bytes, header: str = HEADER) -> list[str]:
    """The five parts of a JWE."""
    first = b64(header.encode())
    sealed = AESGCM(cek).encrypt(IV, text, first.encode())
    return [first, "", b64(IV), b64(sealed[:-16]), b64(sealed[-16:])]


def envelope(text: bytes, passphrase: str | None = None, **changed: object) -> Case:
    """An envelope of section 3."""
    jwe = ".".join(encrypt(text, schedule(L, NONCE, passphrase)["cek"]))
    kdf = {} if passphrase is None else {"kdf": KDF}
    return {"v": 1, "nonce": b64(NONCE), **kdf, "jwe": jwe} | changed


def flipped(part: str, place: int) -> str:
    """One bit of a base64url value changed, and no spare one."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:place] + alphabet[alphabet.index(part[place]) ^ 32] + part[place + 1 :]


def envelopes() -> Iterator[Case]:
    """Section 3: envelopes as they are sealed, opened and not opened."""
    yield from sealed_envelopes()
    yield from damaged_envelopes()
    yield from unread_envelopes()
    yield from wrong_texts()


def sealed_envelopes() -> Iterator[Case]:
    """Sealed from given dice; these open again."""
    key = {"type": "totp", **TOTP, "issuer": "ACME", "account": "ops@example.org"}
    long = {"type": "text", "text": "\u00e9\U0001f3ee" * 200}
    dice = {"link_key": L.hex(), "nonce": NONCE.hex(), "iv": IV.hex()}
    for document, passphrase in ((INK, None), (key, None), (long, None), (INK, "copper lantern")):
        typed = {} if passphrase is None else {"passphrase": passphrase}
        expect = {"envelope": envelope(padded(document), passphrase)} | hashed(schedule(L, NONCE, passphrase))
        yield case(f"seals a {document['type']}", expect, document=document, **dice, **typed)
    good = envelope(padded(INK), "copper lantern")
    for spelling in ("copper lantern", "\uff43opper\u00a0lantern"):
        yield case("opens", {"document": INK}, link_key=L.hex(), envelope=good, passphrase=spelling)


def opening(name: str, error: str, held: object, **more: object) -> Case:
    """Write an envelope that does not open."""
    return refused(name, error, **({"link_key": L.hex(), "envelope": held} | more))


def damaged_envelopes() -> Iterator[Case]:
    """Everything has its form, and something is not what was sealed."""
    good = envelope(padded(INK))
    locked = envelope(padded(INK), "copper lantern")
    parts = good["jwe"].split(".")
    for number, name in ((2, "IV"), (3, "ciphertext"), (4, "tag")):
        for place in (0, len(parts[number]) // 2):
            changed = [*parts[:number], flipped(parts[number], place), *parts[number + 1 :]]
            yield opening(f"a bit of the {name} flipped", TAMPERED, good | {"jwe": ".".join(changed)})
    for name, text in (
        ("ciphertext cut short", parts[3][: len(parts[3]) // 4 * 4 - 4]),
        ("ciphertext gone", ""),
        ("ciphertext twice", parts[3][: len(parts[3]) // 4 * 4] + parts[3][: len(parts[3]) // 4 * 4]),
    ):
        yield opening(name, TAMPERED, good | {"jwe": ".".join([*parts[:3], text, parts[4]])})
    yield opening("another link key", TAMPERED, good, link_key=OTHER_L.hex())
    yield opening("another nonce", TAMPERED, good | {"nonce": b64(OTHER_NONCE)})
    yield opening("another passphrase", TAMPERED, locked, passphrase=WORDS + "s")
    yield opening("a passphrase taken away", TAMPERED, {k: v for k, v in locked.items() if k != "kdf"})
    yield opening("a passphrase added", TAMPERED, good | {"kdf": KDF}, passphrase=WORDS)
    other = ".".join(encrypt(padded(INK), schedule(OTHER_L, NONCE, None)["cek"]))
    yield opening("another secret's ciphertext", TAMPERED, good | {"jwe": other})


def unread_envelopes() -> Iterator[Case]:
    """Not of the form of section 3."""
    good = envelope(padded(INK))
    parts = good["jwe"].split(".")
    cek = schedule(L, NONCE, None)["cek"]
    for header in (
        '{"enc":"A256GCM","alg":"dir"}',
        '{"alg":"dir","enc":"A256GCM","zip":"DEF"}',
        '{"alg":"dir","enc":"A128GCM"}',
        '{"alg":"none","enc":"A256GCM"}',
        '{"alg": "dir", "enc": "A256GCM"}',
    ):
        yield opening(f"header {header}", INVALID, good | {"jwe": ".".join(encrypt(padded(INK), cek, header))})
    for name, jwe in (
        ("four parts", ".".join(parts[:4])),
        ("six parts", good["jwe"] + "."),
        ("an encrypted key", ".".join([parts[0], "AAAA", *parts[2:]])),
        ("padding", good["jwe"] + "=="),
        ("a blank at the end", good["jwe"] + " "),
        ("a line end", good["jwe"] + "\n"),
        ("spare bits of the tag are set", good["jwe"][:-1] + flipped_spare(good["jwe"][-1])),
        ("a short tag", ".".join([*parts[:4], b64(bytes(15))])),
        ("a long IV", ".".join([*parts[:2], b64(bytes(16)), *parts[3:]])),
        ("the standard alphabet", ".".join([*parts[:3], "+/+/" + parts[3][4:], parts[4]])),
        ("empty", ""),
        ("no text", 5),
    ):
        yield opening(name, INVALID, good | {"jwe": jwe})
    for name, changed in (
        ("version 2", {"v": 2}),
        ("version as text", {"v": "1"}),
        ("a true version", {"v": True}),
        ("a short nonce", {"nonce": b64(NONCE[:15])}),
        ("a nonce with padding", {"nonce": b64(NONCE) + "=="}),
        ("a nonce that is no text", {"nonce": None}),
        ("a member that is not listed", {"views": 1}),
        ("null for a KDF", {"kdf": None}),
        ("no KDF by its name", {"kdf": "none"}),
        ("a KDF that is a number", {"kdf": 600_000}),
        ("fewer rounds", {"kdf": "pbkdf2-sha256-1000"}),
        ("more rounds", {"kdf": "pbkdf2-sha256-2147483647"}),
        ("a KDF with parameters", {"kdf": {"name": KDF, "rounds": 1}}),
    ):
        yield opening(name, INVALID, good | changed, **({"passphrase": "x"} if "kdf" in changed else {}))
    for name in good:
        yield opening(f"without {name}", INVALID, {key: value for key, value in good.items() if key != name})
    strange: tuple[object, ...] = ([], None, "envelope", 1)
    for held in strange:
        yield opening(f"{json.dumps(held)} for an envelope", INVALID, held)
    locked = envelope(padded(INK), "copper lantern")
    yield opening("a passphrase missing", INVALID, locked)
    yield opening("an empty passphrase", INVALID, locked, passphrase="")
    yield opening("a passphrase where none is", INVALID, good, passphrase=WORDS)


def flipped_spare(character: str) -> str:
    """The next character: the last of a tag carries two bits and four spare ones."""
    return chr(ord(character) + 1)


def wrong_texts() -> Iterator[Case]:
    """The tag is right and what was sealed is no document of section 4."""
    good = padded(INK)
    twice = b'{"pad":"","text":"ink","text":"ink","type":"text"}'
    for name, text in (
        ("not padded", canonical(INK)),
        ("padded to no size of the list", canonical(INK | {"pad": "0" * 300})),
        ("padded with something else", canonical(INK | {"pad": "1" * (512 - len(canonical(INK | {"pad": ""})))})),
        ("padded behind", canonical(INK | {"pad": ""}).ljust(512)),
        ("no pad", canonical(INK | {"label": "0" * (512 - len(canonical(INK | {"label": ""})))})),
        ("a member twice", twice.replace(b'""', b'"' + b"0" * (512 - len(twice)) + b'"')),
        ("members in another order", json.dumps(json.loads(good) | {"pad": "0" * 467}, separators=(",", ":")).encode()),
        ("an escape too many", good.replace(b"ink", b"\\u0069nk").replace(b"00000", b"", 1)),
        ("a byte order mark", b"\xef\xbb\xbf" + good.replace(b"000", b"", 1)),
        ("no UTF-8", good.replace(b"ink", b"i\xffk")),
        ("a lone surrogate", good.replace(b"ink", b"\\ud800").replace(b"000", b"", 1)),
        ("a list", b"[" + b"0," * 255 + b"]"),
        ("no JSON", b"x" * 512),
        ("deep", b"[" * 65_536),
        ("a number with a fraction", padded({"type": "totp", **TOTP} | {"digits": 6.0})),
        ("a type nobody knows", padded({"type": "shell", "text": "ink"})),
        ("a restriction nobody knows", padded(INK | {"only_for": "bob"})),
        ("empty", b""),
    ):
        yield opening(name, INVALID, envelope(text))


# --- 5 links ----------------------------------------------------------------------------------------


def links() -> Iterator[Case]:
    """Section 5: links whole, repaired and refused."""
    secret_id = b"\xa5" * 16
    url, key, other = "https://s.example", b64(L), b64(OTHER_L)
    link = f"{url}/s/sc_{b64(secret_id)}#{key}"
    head = link.partition("#")[0]
    whole = {"key": L.hex(), "public_url": url, "id": secret_id.hex()}
    yield case("written", {"url": link}, public_url=url, id=secret_id.hex(), link_key=L.hex())
    yield case("written below a path", {"url": link.replace(".example", ".example/ww")}, public_url=url + "/ww/",
               id=secret_id.hex(), link_key=L.hex())  # fmt: skip
    for name, text in repaired_links(link, head, key):
        yield case(name, whole, text=text)
    yield case("an instance below a path", whole | {"public_url": url + "/ww"}, text=link.replace("/s/", "/ww/s/"))
    yield case(
        "loopback", whole | {"public_url": "http://127.0.0.1:8000"}, text=link.replace(url, "http://127.0.0.1:8000")
    )
    for name, text in (
        ("only the fragment", "#" + key),
        ("only the key", key),
        ("only the key, with blanks", f" {key}\n"),
        ("an escaped fragment", "%23" + key),
        ("two hashes", "##" + key),
        ("the key twice", key + key),
        ("twice with its hash", f"#{key}#{key}"),
        ("tracking added", f"#{key}&utm_source=mail"),
        ("a text fragment added", f"#{key}:~:text=x"),
    ):
        yield case(name, {"key": L.hex()}, fragment=text)
    high = b64(HIGH_L)
    escaped = high.replace("-", "%2D").replace("_", "%5f")
    yield case("escaped characters of the key", {"key": HIGH_L.hex()}, fragment="#" + escaped)
    for name, text in (
        ("nothing", ""),
        ("a lone hash", "#"),
        ("blanks", " \n"),
        ("no fragment", head),
        ("an empty fragment", head + "#"),
        ("only marks", head + "#...>"),
        ("an escaped lone hash", "%23"),
    ):
        yield case(name, {"error": INVALID, "problem": "missing"}, fragment=text)
    for name, text in (
        ("one character short", key[:-1]),
        ("one character long", key + "A"),
        ("cut in the middle", key[:20]),
        ("spare bits set", key[:-1] + chr(ord(key[-1]) + 1)),
        ("a wrapped key", key[:20] + "\n" + key[20:]),
        ("two different keys", f"#{key} #{other}"),
        ("two different keys at once", key + other),
        ("a character of another script", key[:5] + "\uff21" + key[6:]),
        ("a character escaped four times", "#" + key[:-1] + "%25252541"),
        ("a word", "#hello"),
    ):
        yield case(name, {"error": INVALID, "problem": "damaged"}, fragment="#" + text if text[0] != "#" else text)
    yield case("two secrets", {"error": INVALID, "problem": "damaged"}, text=f"{link} {link.replace('pa', 'pQ', 1)}")
    for name, text in (
        ("a key without an address", "#" + key),
        ("an id of another kind", link.replace("sc_", "vf_")),
        ("an id that is short", link.replace("sc_p", "sc_")),
        ("an id with spare bits", link.replace(b64(secret_id), b64(secret_id)[:-1] + chr(ord(b64(secret_id)[-1]) + 1))),
        ("another scheme", link.replace("https", "javascript")),
    ):
        yield case(name, {"error": INVALID, "problem": "damaged"}, text=text)


def repaired_links(link: str, head: str, key: str) -> list[tuple[str, str]]:
    """What mail programs and people make of a link, by name."""
    escapes = [(f"escaped {times} times", head + "%" + "25" * (times - 1) + "23" + key) for times in (1, 2, 3)]
    endings = [*".,;:!?)]}>\"'*&", "-", "_", "--", "...", "\u201d", "\u2026"]
    marks = [(f"followed by {mark!r}", link + mark) for mark in endings]
    return [
        ("as it is", link),
        *escapes,
        *marks,
        ("pasted twice", link + link),
        ("pasted twice with a line end", f"{link}\n{link}"),
        ("in angle brackets", f"<{link}>"),
        ("as a Markdown link", f"[open]({link})"),
        ("in emphasis", f"_{link}_"),
        ("shown and linked", f"{link}<{link}>"),
        ("in a sentence", f"Here it is: {link}, open it once."),
        ("with blanks around", f" \t{link}\r\n"),
        ("the key twice", link + key),
        ("the fragment twice", f"{link}#{key}"),
        ("with a query", link.replace("#", "?utm_source=mail#")),
        ("with a slash", link.replace("#", "/#")),
        ("a number sign before", f"# {link}"),
    ]


# --- 6 records --------------------------------------------------------------------------------------


def content(size: int) -> bytes:
    """A file: byte ``i`` is ``(i * 167 + (i >> 8)) mod 256``."""
    return bytes((i * 167 + (i >> 8)) % 256 for i in range(size))


def aes128gcm(text: bytes, key: bytes, salt: bytes, record: int, *, fill: bool) -> bytes:
    """A body of RFC 8188. ``fill`` pads the last record to its full length, which the RFC leaves open."""
    extracted = prf(salt, key)
    cipher = AESGCM(prf(extracted, b"Content-Encoding: aes128gcm\0\x01")[:16])
    first = int.from_bytes(prf(extracted, b"Content-Encoding: nonce\0\x01")[:12], "big")
    pieces = [text[start : start + record - 17] for start in range(0, len(text), record - 17)] or [b""]
    body = salt + record.to_bytes(4, "big") + b"\0"
    for number, piece in enumerate(pieces):
        last = number == len(pieces) - 1
        plain = piece + (b"\x02" if last else b"\x01")
        plain += bytes(record - 16 - len(plain)) if last and fill else b""
        body += cipher.encrypt((first ^ number).to_bytes(12, "big"), plain, None)
    return body


def records() -> Iterator[Case]:
    """Section 6: bodies, whole and damaged. Bodies are long, so a case gives their length and SHA-256."""
    dice = {"key": FILE_KEY.hex(), "salt": SALT.hex()}
    for size in (0, 1, 1000, RECORD_TEXT - 1, RECORD_TEXT, RECORD_TEXT + 1, 2 * RECORD_TEXT, 200_000):
        body = aes128gcm(content(size), FILE_KEY, SALT, RECORD, fill=True)
        expect = {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        yield case(f"{size} bytes", expect, **dice, size=size)
    # Three records: two full ones and a last one with 68 962 - 65 519 = 3 443 bytes.
    size = 2 * RECORD_TEXT + 3_443
    whole = 21 + 3 * RECORD
    for name, damage in (
        ("cut before the last record", {"cut": 21 + 2 * RECORD}),
        ("cut after the first record", {"cut": 21 + RECORD}),
        ("cut after the header", {"cut": 21}),
        ("cut in the header", {"cut": 20}),
        ("cut to nothing", {"cut": 0}),
        ("cut by one byte", {"cut": whole - 1}),
        ("cut inside a record", {"cut": 21 + RECORD + 1000}),
        ("records 0 and 1 swapped", {"order": [1, 0, 2]}),
        ("records 1 and 2 swapped", {"order": [0, 2, 1]}),
        ("record 0 missing", {"order": [1, 2]}),
        ("record 1 missing", {"order": [0, 2]}),
        ("record 1 twice", {"order": [0, 1, 1, 2]}),
        ("the last record twice", {"order": [0, 1, 2, 2]}),
        ("the body twice", {"order": [0, 1, 2, 0, 1, 2]}),
        ("one byte added", {"append": "00"}),
        ("a bit of the salt flipped", {"flip": 0}),
        ("a bit of the record size flipped", {"flip": 19}),
        ("a key id announced", {"flip": 20}),
        ("a bit of record 0 flipped", {"flip": 21}),
        ("a bit of the first tag flipped", {"flip": 20 + RECORD}),
        ("a bit of record 1 flipped", {"flip": 21 + RECORD + 5}),
        ("a bit of the last tag flipped", {"flip": whole - 1}),
    ):
        yield refused(name, TAMPERED, **dice, size=size, damage=damage)
    yield refused("another file's key", TAMPERED, **dice, size=size, damage={"key": bytes(16).hex()})
    for said in (size - 1, size + 1, 0, 2 * RECORD_TEXT):
        yield refused(f"the document says {said} bytes", TAMPERED, **dice, size=size, damage={"size": said})


def agrees_with_rfc8188() -> bool:
    """Whether ``aes128gcm`` makes the example of RFC 8188, section 3.1."""
    key, salt = (urlsafe_b64decode(text + "==") for text in ("yqdlZ-tYemfogSmv7Ws5PQ", "I1BsxtFttlv3u_Oo94xnmw"))
    body = "I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg"
    return b64(aes128gcm(b"I am the walrus", key, salt, 4096, fill=False)) == body


FILES = {
    "schedule": (2, schedules),
    "passphrases": (2, passphrases),
    "envelopes": (3, envelopes),
    "documents": (4, documents),
    "padding": (4, padding),
    "links": (5, links),
    "records": (6, records),
}


def write(folder: Path) -> None:
    """Write every file into a folder."""
    if not agrees_with_rfc8188():
        raise SystemExit("this reading of RFC 8188 is wrong")
    for name, (section, cases) in FILES.items():
        content = {"spec": "docs/spec/secret-link.md", "version": 1, "section": section, "cases": list(cases())}
        (folder / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)

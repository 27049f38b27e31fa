"""Tables of authenticators, read row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.core import authenticator_import as table
from watchword.core.authenticator_import import Bad, Found, read_table
from watchword.errors import InvalidInputError

B32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
SECRET = b"12345678901234567890"
EXPORTS = Path(__file__).parents[2] / "vectors" / "totp" / "exports.json"


def only(text: str) -> Found | Bad:
    (row,) = read_table(text)
    return row


def test_uris_are_read_line_by_line_with_the_account_as_subject() -> None:
    rows = list(
        read_table(
            f"otpauth://totp/ACME:ann?secret={B32}&issuer=ACME\n\n"
            f"otpauth://hotp/ACME:bob?secret={B32}&counter=1\n"
            f"otpauth://totp/?secret={B32}\n"
            f"otpauth://totp/carl?secret={B32}&period=300\n"
            "otpauth-migration://offline?data=AAAA\n"
        )
    )
    assert ["ann"] == [row.subject for row in rows if isinstance(row, Found)]
    assert [(3, "hotp"), (4, "no subject"), (5, table.LONG_PERIOD)] == [
        tuple(row) for row in rows if isinstance(row, Bad)
    ][:3]
    assert 6 == rows[-1].number
    assert isinstance(rows[-1], Bad)


@pytest.mark.parametrize(
    "text",
    [
        f"subject,secret\nann,{B32}\n",
        f"\ufeffSubject , SECRET\r\nann,{B32.lower()}\r\n",
        "user_id,otp_secret,name\nann,GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ,\n",
        f"username,key,digits,step,t0\nann,{SECRET.hex()},6,30,0\n",
        f"uri\notpauth://totp/ann?secret={B32}\n",
        json.dumps([{"subject": "ann", "secret": B32}]),
        json.dumps({"email": "ann", "secret": B32, "digest": "sha1", "digits": 6, "interval": 30}),
        json.dumps(
            [
                {
                    "model": "otp_totp.totpdevice",
                    "pk": 1,
                    "fields": {
                        "user": "ann",
                        "name": "",
                        "confirmed": True,
                        "key": SECRET.hex(),
                        "step": 30,
                        "t0": 0,
                        "digits": 6,
                        "tolerance": 1,
                        "drift": 0,
                        "last_t": -1,
                    },
                }
            ]
        ),
    ],
)
def test_one_key_in_many_tables(text: str) -> None:
    row = only(text)
    assert isinstance(row, Found), row
    assert ("ann", SECRET, "SHA1", 6, 30, -1) == (
        *(row.subject, row.key.secret, row.key.algorithm, row.key.digits, row.key.period),
        row.last_step,
    )


def test_kind_label_and_last_step_are_taken_over() -> None:
    row = only(f"subject,secret,algorithm,digits,period,label,last_step\nann,{B32},sha-256,8,60,Phone,59836000\n")
    assert isinstance(row, Found)
    assert ("SHA256", 8, 60, "Phone", 59_836_000) == (
        *(row.key.algorithm, row.key.digits, row.key.period),
        *(row.label, row.last_step),
    )
    assert "Found(2)" == repr(row)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"secret": B32}, "no subject"),
        ({"subject": "a", "secret": ""}, "no_secret"),
        ({"subject": "a", "secret": "18901890"}, "wrong_digits"),
        ({"subject": "a", "secret": "!!!"}, "not_base32"),
        ({"subject": "a", "secret": "GEZDGNBV"}, "too_short"),
        ({"subject": "a", "key": "zz"}, "unreadable"),
        ({"subject": "a", "key": "31"}, "too_short"),
        ({"subject": "a", "secret": B32, "algorithm": "MD5"}, "algorithm"),
        ({"subject": "a", "secret": B32, "digits": 5}, "digits"),
        ({"subject": "a", "secret": B32, "digits": "six"}, "no whole number"),
        ({"subject": "a", "secret": B32, "digits": "\u0666"}, "no whole number"),
        ({"subject": "a", "secret": B32, "period": 1}, "period"),
        ({"subject": "a", "secret": B32, "period": 121}, table.LONG_PERIOD),
        ({"subject": "a", "secret": B32, "t0": 10}, "t0 is not 0"),
        ({"subject": "a", "secret": B32, "confirmed": False}, "not confirmed"),
        ({"subject": "a", "uri": "otpauth://hotp/a?secret=" + B32}, "hotp"),
        ({"subject": "a", "secret": [B32]}, "no_secret"),
        ({"fields": []}, "not a row"),
        ("text", "not a row"),
    ],
)
def test_a_row_that_cannot_be_used_says_why_and_spoils_no_other(entry: Any, reason: str) -> None:
    rows = list(read_table(json.dumps([entry, {"subject": "bob", "secret": B32}])))
    assert Bad(1, reason) == rows[0]
    assert isinstance(rows[1], Found)


@pytest.mark.parametrize("text", ["", "hello", "name,password\nann,x\n", "[1,", "{", '"open\n', "\x00"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        list(read_table(text))


def test_a_quote_that_never_closes_is_a_bad_row() -> None:
    rows = list(read_table(f'subject,secret\nann,{B32}\n"bob,{B32}\n'))
    assert isinstance(rows[0], Found)
    assert Bad(3, "not a row") == rows[1]


def test_a_table_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_ROWS", 2)
    with pytest.raises(InvalidInputError, match="at most 2 rows"):
        list(read_table("subject,secret\n" + f"ann,{B32}\n" * 3))


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    for start in ("", "subject,secret\n", "otpauth://", "["):
        try:
            rows = list(read_table(start + text))
        except InvalidInputError:
            continue
        assert all(isinstance(row, (Found, Bad)) for row in rows)


def test_an_export_is_split_into_its_accounts_and_what_cannot_be_used() -> None:
    cases = [case for case in json.loads(EXPORTS.read_text())["cases"] if "accounts" in case["expect"]]
    mixed = [case for case in cases if case["expect"]["accounts"] and case["expect"].get("unusable")]
    assert mixed
    for case in mixed:
        given = case["given"]
        rows = list(read_table(given if isinstance(given, str) else given["text"]))
        told = [row.reason for row in rows if isinstance(row, Bad) and row.reason != "no subject"]
        assert [each["problem"] for each in case["expect"]["unusable"]] == told
        assert len(case["expect"]["accounts"]) + len(case["expect"]["unusable"]) == len(rows)

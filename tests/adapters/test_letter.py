"""Letters are read back as a mail program would: from their bytes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, compat32, default
from email.utils import getaddresses
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchword.adapters.catalogue import LOCALES, Catalogues
from watchword.adapters.letter import MAX_KEY, Letter, Letters, MailFrom
from watchword.core.instant import HOUR, MINUTE
from watchword.core.message import MAX_ADDRESS, MAX_APP_NAME, PasscodeMessage
from watchword.core.policy import PURPOSES
from watchword.errors import InvalidInputError, SettingsError

LETTERS = Letters(MailFrom.parse("Acme Codes <codes@acme.example>"), Catalogues.load())
RECIPIENT = "ada@example.org"
CODE = "483920"
MESSAGE = PasscodeMessage(
    key="vf_AZrjPq0BxyZ-_abcdefghij.2",
    locale="en",
    app_name="Acme",
    purpose="login",
    code=CODE,
    countersign="lantern",
    created_at=1_795_442_531_250,
    lifetime=10 * MINUTE,
)
BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
HOSTILE_NAMES = [
    "Acme\r\nBcc: eve@evil.example",
    "Acme\r\n\r\n<h1>Hello</h1>",
    "Acme\x00\x1b[31m",
    f"A{BIDI}cme",
    "<b>Acme</b><img src=x onerror=alert(1)><script>alert(1)</script>",
    "{code} {0} {app.__class__} {{ code }} {% raw %}",
    "%s %(code)s $code",
    "=?utf-8?q?=0D=0ABcc=3A_eve=40evil=2Eexample?=",
    "https://evil.example/login",
    "--=_vf_AZrjPq0BxyZ-_abcdefghij.2--",
    "\ud800",
    "",
    "\u202e",
    "W" * 500,
    ".",
    'Acme" <eve@evil.example>, "',
]

locales = pytest.mark.parametrize("locale", ["en", "de"])
purposes = pytest.mark.parametrize("purpose", PURPOSES)


class Visible(HTMLParser):
    """What a person sees of an HTML body: one entry for each text node outside of ``head``."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.nodes: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        if "body" in self.tags and data.strip():
            self.nodes.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.nodes).split())


def compose(recipient: str = RECIPIENT, **changes: Any) -> Letter:
    return LETTERS.compose(recipient, replace(MESSAGE, **changes))


def read(letter: Letter) -> EmailMessage:
    """The letter as a mail program reads it, without defects."""
    message = message_from_bytes(letter.envelope().content, policy=SMTP)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert [] == part.defects
    for value in message.values():
        assert () == value.defects
    return message


def read_utf_8(letter: Letter) -> EmailMessage:
    """The letter as a mail program reads it that knows RFC 6532; the parser for bytes does not."""
    message = message_from_string(letter.source.decode(), policy=default)
    assert isinstance(message, EmailMessage)
    return message


def body(letter: Letter, kind: str) -> str:
    part = read(letter).get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


# --- headers ---------------------------------------------------------------------------------------


def test_the_headers_are_these_and_no_others() -> None:
    expected = [
        ("From", "Acme Codes <codes@acme.example>"),
        ("To", "ada@example.org"),
        ("Subject", "Your sign-in code for Acme"),
        ("Date", "Mon, 23 Nov 2026 14:02:11 +0000"),
        ("Message-ID", "<vf_AZrjPq0BxyZ-_abcdefghij.2@acme.example>"),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("Content-Language", "en"),
        ("MIME-Version", "1.0"),
        ("Content-Type", 'multipart/alternative; boundary="=_vf_AZrjPq0BxyZ-_abcdefghij.2"'),
    ]

    assert expected == [(name, str(value)) for name, value in read(compose()).items()]


@locales
@purposes
def test_no_header_holds_the_code(locale: str, purpose: str) -> None:
    letter = compose(locale=locale, purpose=purpose)

    assert CODE not in letter.subject
    for part in read(letter).walk():
        assert all(CODE not in str(value) for value in part.values())


def test_the_envelope_names_the_sender_the_recipient_and_the_same_bytes() -> None:
    letter = compose()
    envelope = letter.envelope()

    assert ("codes@acme.example", RECIPIENT) == (envelope.sender, envelope.recipient)
    assert letter.source == envelope.content


def test_the_date_is_that_of_the_message() -> None:
    date = read(compose(created_at=0))["Date"].datetime

    assert datetime(1970, 1, 1, tzinfo=UTC) == date


def test_a_repeat_of_the_same_message_is_the_same_bytes() -> None:
    assert compose().source == compose().source


def test_the_message_id_follows_the_key_and_nothing_else() -> None:
    first, repeat, other = compose(), compose(created_at=0, locale="de"), compose(key="vf_other.1")

    assert read(first)["Message-ID"] == read(repeat)["Message-ID"]
    assert read(first)["Message-ID"] != read(other)["Message-ID"]


@locales
def test_the_language_is_told_in_header_and_html(locale: str) -> None:
    letter = compose(locale=locale)

    assert locale == read(letter)["Content-Language"]
    assert {locale} == {value for name, value in Visible(letter.html).attributes if name == "lang"}


@locales
@purposes
def test_the_subject_is_the_one_that_is_shown(locale: str, purpose: str) -> None:
    letter = compose(locale=locale, purpose=purpose, app_name="Grüße & Söhne")

    assert letter.subject == read(letter)["Subject"]
    assert "Grüße & Söhne" in letter.subject


@locales
def test_the_bytes_are_ascii_with_short_lines_and_crlf(locale: str) -> None:
    source = compose(locale=locale, app_name="Müller 日本語").source

    assert source.isascii()
    assert source.count(b"\n") == source.count(b"\r") == source.count(b"\r\n")
    assert all(len(line) <= 78 for line in source.split(b"\r\n"))


# --- bodies ----------------------------------------------------------------------------------------


def test_the_parts_are_plain_text_and_then_html() -> None:
    message = read(compose())

    assert "multipart/alternative" == message.get_content_type()
    assert ["text/plain", "text/html"] == [part.get_content_type() for part in message.iter_parts()]


@locales
@purposes
def test_both_parts_say_what_the_letter_says(locale: str, purpose: str) -> None:
    letter = compose(locale=locale, purpose=purpose)

    assert letter.text == body(letter, "plain").replace("\r\n", "\n")
    assert letter.html == body(letter, "html").replace("\r\n", "\n")


@locales
@purposes
def test_the_code_stands_once_in_each_part_alone_and_after_the_word_code(locale: str, purpose: str) -> None:
    letter = compose(locale=locale, purpose=purpose)
    lines = letter.text.splitlines()
    nodes = Visible(letter.html).nodes

    assert (1, 1) == (letter.text.count(CODE), letter.html.count(CODE))
    assert "code" in lines[lines.index(CODE) - 1].lower()
    assert "code" in nodes[nodes.index(CODE) - 1].lower()


@locales
@purposes
def test_the_code_is_not_in_what_a_preview_shows(locale: str, purpose: str) -> None:
    letter = compose(locale=locale, purpose=purpose)

    assert letter.text.index(CODE) > 140
    assert Visible(letter.html).text.index(CODE) > 140


@locales
def test_both_parts_tell_the_second_word_the_lifetime_and_the_app(locale: str) -> None:
    letter = compose(locale=locale)
    duration = {"en": "10 minutes", "de": "10 Minuten"}[locale]

    for text in (letter.text, Visible(letter.html).text):
        assert "…\N{NO-BREAK SPACE}lantern" in text.replace("… lantern", "…\N{NO-BREAK SPACE}lantern")
        assert duration in text
        assert "Acme" in text


@locales
def test_both_parts_say_the_same(locale: str) -> None:
    letter = compose(locale=locale)

    assert Visible(letter.html).text.replace(" ", "") == "Acme" + "".join(letter.text.split())


LINK = f"https://verify.example/l/vf_AZrjPq0BxyZ-_abcdefghij#{'k' * 43}"


@locales
@purposes
def test_a_mail_with_code_and_link_has_each_of_them_once_and_alone(locale: str, purpose: str) -> None:
    letter = compose(locale=locale, purpose=purpose, link=LINK)

    assert (1, 1) == (letter.text.splitlines().count(LINK), letter.text.splitlines().count(CODE))
    assert (1, 1) == (letter.text.count("://"), letter.html.count("://"))
    assert [("href", LINK)] == [each for each in Visible(letter.html).attributes if each[0] in {"href", "src"}]
    assert CODE in Visible(letter.html).nodes
    assert LINK not in Visible(letter.html).text
    assert compose(locale=locale, purpose=purpose).subject == letter.subject


@locales
@purposes
def test_a_mail_with_a_link_alone_speaks_of_no_code(locale: str, purpose: str) -> None:
    letter = compose(locale=locale, purpose=purpose, link=LINK, code="")

    for text in (letter.subject, letter.text.replace(LINK, ""), Visible(letter.html).text):
        assert "code" not in text.lower()
    assert LINK in letter.text.splitlines()
    assert CODE not in letter.html


def test_neither_code_nor_link_is_in_a_header() -> None:
    head = compose(link=LINK).source.partition(b"\r\n\r\n")[0].decode()

    assert CODE not in head
    assert "/l/" not in head


def test_what_is_approved_stands_in_both_bodies_and_is_no_markup() -> None:
    letter = compose(purpose="step_up", link=LINK, action="Send EUR 5 to <b>Ann</b> {app}")

    assert "Send EUR 5 to <b>Ann</b> {app}" in letter.text.splitlines()
    assert "Send EUR 5 to <b>Ann</b> {app}" in Visible(letter.html).nodes
    assert "b" not in Visible(letter.html).tags


def test_the_lifetime_follows_the_message() -> None:
    assert "Valid for 3 hours." in compose(lifetime=3 * HOUR).text


@locales
@purposes
def test_html_loads_nothing_runs_nothing_and_leads_nowhere(locale: str, purpose: str) -> None:
    letter = compose(locale=locale, purpose=purpose)
    page = Visible(letter.html)

    assert set() == set(page.tags) & {"a", "img", "script", "link", "form", "iframe", "object", "embed", "svg", "input"}
    assert set() == {name for name, _ in page.attributes} & {"href", "src", "action", "background", "srcset"}
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search(r"https?://|//\w|url\(|@import|<img|<script|<link|src=|mailto:", letter.html)
    assert "://" not in letter.text


@locales
def test_the_address_is_not_repeated_in_a_body(locale: str) -> None:
    letter = compose(locale=locale)

    assert RECIPIENT not in letter.text
    assert RECIPIENT not in letter.html


def test_the_essentials_are_styled_without_a_style_sheet() -> None:
    code = re.search(r'<p class="code" dir="ltr" style="([^"]+)">483920</p>', compose().html)

    assert code is not None
    assert "monospace" in code[1]
    assert "letter-spacing" in code[1]


def test_html_has_a_night_version() -> None:
    html = compose().html

    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html


def test_the_code_is_not_in_the_repr_of_a_letter() -> None:
    letter = compose()

    assert CODE not in repr(letter) + repr(letter.envelope())


def test_the_english_text_reads_like_this() -> None:
    expected = """\
Use the code below to sign in to Acme.

This mail belongs to a page that shows “…\N{NO-BREAK SPACE}lantern”: before you type the code, check that the second \
word there is the same.

Your code:
483920

Valid for 10 minutes. It works once.

You did not ask for this? Then ignore this mail: without the code, nothing happens.
Nobody will call or write to ask for this code, not even Acme. Never pass it on.
"""

    assert expected == compose().text


def test_the_german_text_reads_like_this() -> None:
    expected = """\
Mit dem folgenden Code melden Sie sich bei Acme an.

Diese Nachricht gehört zu einer Seite, auf der „…\N{NO-BREAK SPACE}lantern“ steht: Prüfen Sie vor der Eingabe, ob das \
zweite Wort dort dasselbe ist.

Ihr Code:
483920

Gültig für 10 Minuten, nur einmal verwendbar.

Sie haben das nicht angefordert? Dann ignorieren Sie diese Nachricht: Ohne den Code geschieht nichts.
Niemand wird Sie anrufen oder anschreiben, um nach diesem Code zu fragen, auch Acme nicht. Geben Sie ihn nie weiter.
"""

    assert expected == compose(locale="de-AT").text


# --- a language that is dropped in -----------------------------------------------------------------

ARABIC = """\
[meta]
language = "العربية"
dir = "rtl"
[subject]
login = "رمز الدخول إلى {app}"
step_up = "رمز التأكيد لدى {app}"
address_confirmation = "تأكيد عنوانك لدى {app}"
recovery = "رمز استعادة حسابك لدى {app}"
binding = "رمز إضافة هذا العنوان إلى {app}"
[purpose]
login = "استخدم الرمز أدناه للدخول إلى {app}."
step_up = "استخدم الرمز أدناه لتأكيد هويتك لدى {app}."
address_confirmation = "استخدم الرمز أدناه لتأكيد هذا العنوان لدى {app}."
recovery = "استخدم الرمز أدناه لاستعادة حسابك لدى {app}."
binding = "استخدم الرمز أدناه لإضافة هذا العنوان إلى حسابك لدى {app}."
[body]
action = "ما توافق عليه:"
countersign = "تخص هذه الرسالة صفحة تعرض «{countersign}»: تحقق قبل الكتابة من أن الكلمة الثانية هناك هي نفسها."
label = "رمزك:"
validity = "صالح لمدة {duration} ولمرة واحدة."
not_you = "لم تطلب هذا؟ تجاهل الرسالة."
warning = "لن يطلب منك أحد هذا الرمز، ولا حتى {app}."
[notice_subject]
authenticator_added = "أضيف تطبيق مصادقة إلى حسابك لدى {app}"
authenticator_removed = "أزيل تطبيق مصادقة من حسابك لدى {app}"
authenticators_locked = "أوقفت تطبيقات المصادقة لدى {app}"
recovery_code_used = "استخدم رمز استرداد لدى {app}"
recovery_codes_renewed = "رموز استرداد جديدة لدى {app}"
account_recovered = "استعيد حسابك لدى {app}"
address_added = "أضيف عنوان إلى حسابك لدى {app}"
address_removed = "أزيل عنوان من حسابك لدى {app}"
several = "تغييرات في حسابك لدى {app}"
[notice_line]
authenticator_added = "أضيف تطبيق مصادقة."
authenticator_removed = "أزيل تطبيق مصادقة."
authenticators_locked = "أوقفت تطبيقات المصادقة."
recovery_code_used = "استخدم رمز استرداد."
recovery_codes_renewed = "أنشئت رموز استرداد جديدة."
account_recovered = "استعيد الحساب برمز مرسل بالبريد."
address_added = "أضيف عنوان."
address_removed = "أزيل عنوان."
[notice]
heading = "حدث هذا في حسابك لدى {app}:"
was_you = "إن كنت أنت فلا شيء عليك."
was_not_you = "إن لم تكن أنت فادخل إلى {app} الآن، أو اسأل أهل {app}."
where = "المزيد:"
warning = "لا تطلب هذه الرسالة منك شيئا."
[duration]
moment = "أقل من دقيقة"
[duration.minutes]
1 = "دقيقة واحدة"
2 = "دقيقتين"
"3-10" = "{n} دقائق"
other = "{n} دقيقة"
[duration.hours]
2 = "ساعتين"
"3-10" = "{n} ساعات"
other = "{n} ساعة"
"""


@pytest.fixture
def arabic(tmp_path: Path) -> Letter:
    (tmp_path / "en.toml").write_bytes((LOCALES / "en.toml").read_bytes())
    # What mails with a link and texts say stays English here: none is written, and a language is complete or refused.
    english = (LOCALES / "en.toml").read_text(encoding="utf-8")
    linked = english[english.index("[link_subject]") : english.index("[body]")]
    linked += english[english.index("[sms]") : english.index("# Notices:")]
    (tmp_path / "ar.toml").write_text(f"{ARABIC}\n{linked}", encoding="utf-8")
    letters = Letters(MailFrom.parse("codes@acme.example"), Catalogues.load(tmp_path))
    return letters.compose(RECIPIENT, replace(MESSAGE, locale="ar-EG"))


def test_a_language_written_right_to_left_takes_one_file_and_no_code(arabic: Letter) -> None:
    directions = [value for name, value in Visible(arabic.html).attributes if name == "dir"]

    assert "ar" == read(arabic)["Content-Language"]
    assert "رمز الدخول إلى Acme" == read(arabic)["Subject"]
    assert ["rtl", "rtl", "ltr"] == directions
    assert "10 دقائق" in arabic.text


def test_the_code_stays_plain_digits_in_a_language_written_right_to_left(arabic: Letter) -> None:
    assert CODE in arabic.text.splitlines()
    assert CODE in Visible(arabic.html).nodes


def test_names_are_isolated_in_a_language_written_right_to_left(arabic: Letter) -> None:
    assert "\u2068Acme\u2069" in arabic.text
    assert "<bdi>Acme</bdi>" in arabic.html


# --- hostile values --------------------------------------------------------------------------------


def assert_harmless(letter: Letter) -> None:
    """Whatever the app is called, the letter has the shape of any other."""
    message, usual, page = read(letter), read(compose()), Visible(letter.html)
    assert usual.keys() == message.keys()
    assert letter.subject == message["Subject"]
    assert [("", RECIPIENT)] == getaddresses(message.get_all("To", []))
    assert 2 == len(list(message.iter_parts()))
    assert Visible(compose().html).tags == page.tags
    assert len(compose().text.splitlines()) == len(letter.text.splitlines())
    assert not re.search(rf"[\x00-\x09\x0b-\x1f\x7f{BIDI}]", letter.text + letter.html + letter.subject)
    assert not re.search(r"https?://", letter.text + letter.html + letter.subject)
    assert CODE in letter.text.splitlines()
    assert CODE in page.nodes


@locales
@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
def test_a_hostile_app_name_changes_nothing_but_the_name(name: str, locale: str) -> None:
    assert_harmless(compose(app_name=name, locale=locale))


@given(name=st.text(max_size=80), locale=st.sampled_from(["en", "de"]), purpose=st.sampled_from(PURPOSES))
@example(name="=?utf-8?b?=", locale="en", purpose="login")
def test_any_app_name_changes_nothing_but_the_name(name: str, locale: str, purpose: str) -> None:
    assert_harmless(compose(app_name=name, locale=locale, purpose=purpose))


@given(name=st.text(st.sampled_from("{}%$<>&\"'=?_ a\r\n;,\\"), min_size=1, max_size=MAX_APP_NAME))
def test_what_looks_like_a_template_or_html_is_shown_as_it_is(name: str) -> None:
    shown = " ".join(name.split()) or "Acme Codes"
    letter = compose(app_name=name)

    assert f"Use the code below to sign in to {shown}." == letter.text.splitlines()[0]
    assert shown == Visible(letter.html).nodes[1 if Visible(letter.html).nodes[0].isspace() else 0].strip()


def test_a_long_app_name_is_cut() -> None:
    assert f"Your sign-in code for {'W' * (MAX_APP_NAME - 1)}…" == compose(app_name="W" * 99).subject


def test_an_app_without_a_name_goes_by_the_name_of_the_sender() -> None:
    nameless = Letters(MailFrom.parse("codes@acme.example"), Catalogues.load())
    message = replace(MESSAGE, app_name="\u202e \r\n")

    assert "Your sign-in code for Acme Codes" == LETTERS.compose(RECIPIENT, message).subject
    assert "Your sign-in code for acme.example" == nameless.compose(RECIPIENT, message).subject


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example.org\r\nBcc: eve@evil.example",
        "ada@example.org\n",
        "ada@example.org\x00",
        "ada@example.org ",
        " ada@example.org",
        "ada@example.org,eve@evil.example",
        "ada@example.org;eve@evil.example",
        "ada@example.org@evil.example",
        "Ada <ada@example.org>",
        "<ada@example.org>",
        '"ada"@example.org',
        "ada(eve@evil.example)@example.org",
        "=?utf-8?q?eve=40evil.example=3E?=@example.org",
        "ada?=@example.org",
        "a\u202eda@example.org",
        "a\u2028da@example.org",
        "ada@[127.0.0.1]",
        "ada@example..org",
        ".ada@example.org",
        "ada\ud800@example.org",
        "é" * (MAX_ADDRESS // 2) + "@example.org",
    ],
    ids=ascii,
)
def test_anything_but_one_plain_recipient_is_refused(recipient: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        compose(recipient)

    assert "recipient" == caught.value.field
    assert "evil" not in caught.value.detail


@given(recipient=st.text(st.sampled_from('ab@.,;:<>()"\\ \r\n\x00=?é\u202e'), max_size=12))
def test_a_recipient_is_refused_or_is_the_only_one(recipient: str) -> None:
    try:
        letter = compose(recipient)
    except InvalidInputError:
        return
    message = read_utf_8(letter)
    assert recipient == letter.envelope().recipient
    assert [recipient] == [to.addr_spec for to in message["To"].addresses]
    assert read(compose()).keys() == message.keys()


@pytest.mark.parametrize("recipient", ["a.b+c@example.org", "o'neil@example.org", "ada@xn--bcher-kva.example", "a@b"])
def test_an_ascii_recipient_makes_an_ascii_letter(recipient: str) -> None:
    letter = compose(recipient, app_name="Grüße", locale="de")

    assert letter.source.isascii()
    assert recipient == read(letter)["To"]


def test_a_recipient_that_is_not_ascii_stands_in_the_header_as_utf_8() -> None:
    letter = compose("дада@example.org")

    assert "\r\nTo: дада@example.org\r\n".encode() in letter.source
    assert ["дада@example.org"] == [to.addr_spec for to in read_utf_8(letter)["To"].addresses]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", ""),
        ("key", "a\r\nBcc: eve@evil.example"),
        ("key", 'a"b'),
        ("key", "a b"),
        ("key", "a..b"),
        ("key", "ä"),
        ("key", "a" * (MAX_KEY + 1)),
        ("link", "x"),
        ("link", f"{LINK} "),
        ("link", f"{LINK}\r\nBcc: eve@evil.example"),
        ("link", LINK.replace("https", "javascript")),
        ("link", LINK.partition("#")[0]),
        ("action", "Send\r\nmore"),
        ("action", "See https://evil.example"),
        ("code", "48392a"),
        ("code", "483 920"),
        ("code", "\uff14\uff18\uff13\uff19\uff12\uff10"),
        ("code", "48392²"),
        ("code", "483920\n"),
        ("purpose", ""),
        ("purpose", "marketing"),
    ],
)
def test_a_message_that_is_not_what_it_must_be_is_refused(field: str, value: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        compose(**{field: value})

    assert field == caught.value.field
    assert not value or value not in caught.value.detail


def test_the_longest_key_still_makes_a_valid_boundary() -> None:
    assert 2 == len(list(read(compose(key="k" * MAX_KEY)).iter_parts()))


# --- the sender ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("codes@acme.example", "", "codes@acme.example"),
        (" codes@acme.example ", "", "codes@acme.example"),
        ("Acme Codes <codes@acme.example>", "Acme Codes", "codes@acme.example"),
        ('"Acme, Inc." <codes@acme.example>', "Acme, Inc.", "codes@acme.example"),
        ("Grüße & Söhne <codes@acme.example>", "Grüße & Söhne", "codes@acme.example"),
        ("Watchword <watchword@localhost>", "Watchword", "watchword@localhost"),
    ],
)
def test_a_sender_reads_back_from_the_header_as_it_was_set(text: str, name: str, address: str) -> None:
    sender = MailFrom.parse(text)
    letter = Letters(sender, Catalogues.load()).compose(RECIPIENT, MESSAGE)
    (read_back,) = read(letter)["From"].addresses

    assert (name, address) == (sender.name, sender.address)
    assert (name, address) == (read_back.display_name, read_back.addr_spec)
    assert address == letter.envelope().sender
    assert read(letter)["Message-ID"].endswith(f"@{sender.domain}>")


def test_a_long_name_of_a_sender_is_folded_into_encoded_words() -> None:
    sender = MailFrom.parse("日本語" * 20 + " <codes@acme.example>")
    letter = Letters(sender, Catalogues.load()).compose(RECIPIENT, MESSAGE)
    # The old interface, as the new one puts spaces between the encoded words of a name (RFC 2047 section 6.2 has none).
    field = message_from_bytes(letter.source, policy=compat32)["From"]

    assert "\r\n " in field
    assert f"{sender.name} <codes@acme.example>" == str(make_header(decode_header(field)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "codes",
        "codes@",
        "@acme.example",
        "Acme Codes",
        "Acme <codes>",
        "Acme <codes@acme.example",
        "Acme <codes@acme.example> x",
        "Acme <codes@acme.example>\n",
        "Acme\r\nBcc: eve@evil.example <codes@acme.example>",
        '"Acme\r\nBcc: eve" <codes@acme.example>',
        "codes@acme.example\r\nBcc: eve@evil.example",
        "a@acme.example, b@acme.example",
        "A <a@acme.example>, B <b@acme.example>",
        "a@acme.example <b@acme.example>",
        "Acme, Inc. <codes@acme.example>",
        "=?utf-8?q?Acme?= <codes@acme.example>",
        "Ac\u202eme <codes@acme.example>",
        "W" * 65 + " <codes@acme.example>",
        "codes@äcme.example",
    ],
    ids=ascii,
)
def test_a_sender_that_is_not_one_address_is_refused_by_the_name_of_the_setting(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        MailFrom.parse(text)

    assert "WATCHWORD_MAIL_FROM" == caught.value.setting


def test_a_message_with_neither_code_nor_link_is_refused() -> None:
    with pytest.raises(InvalidInputError) as caught:
        compose(code="")

    assert "link" == caught.value.field

"""Pages for people are in their browser's language, and every language is whole."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.site import Site
from watchword import errors
from watchword.core import device
from watchword.flows import secret
from watchword.web import problems, secret_pages, words

WEB = Path(words.__file__).parent
LANGUAGES = {tag: spoken for tag, spoken in words.load().items() if tag != words.ENGLISH}
ID = "A" * 22

_TEXT = r'"((?:[^"\\\n]|\\.)+)"'
_SENTENCE = re.compile(r"[A-Z“{].* .*|[A-Z“][a-z]+[….]?")  # beside names of keys, classes and events


def _spoken_by_templates() -> set[str]:
    found: set[str] = set()
    for path in (WEB / "templates").glob("*.jinja"):
        found |= set(re.findall(r"\bphrase\(\s*" + _TEXT, path.read_text("utf-8")))
    return found


def _spoken_by_scripts() -> set[str]:
    """What is given to ``phrase``, and every sentence that stands in a module which does that."""
    found: set[str] = set()
    for path in (WEB / "static").glob("*.js"):
        script = path.read_text("utf-8")
        if "./words.js" in script:
            code = re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*|throw new Error\([^)]*\)", "", script, flags=re.DOTALL)
            found |= {text for text in re.findall(_TEXT, code) if _SENTENCE.fullmatch(text)}
            found |= set(re.findall(r"\bphrase\(" + _TEXT, code))
        found |= set(re.findall(r"\bprogress\(" + _TEXT, script))  # what is done is said elsewhere
    # Two that speak no language themselves: the element, which apps serve, and the words that Python has as well.
    for name in ("watchword-code.js", "otpauth-words.js"):
        script = (WEB / "static" / name).read_text("utf-8")
        found |= set(re.findall(r"^  \w+: " + _TEXT + ",$", script, re.MULTILINE))
    return found


def _spoken() -> set[str]:
    devices = {name for _, name in device._SYSTEMS if name.startswith("a")} | {"a browser"}
    lifetimes = {lifetime for _, lifetime in secret_pages.LIFETIMES}
    return (_spoken_by_templates() | _spoken_by_scripts() | devices | lifetimes | REFUSALS) - NAMES


# What the service says where a page has no sentence of its own for a refusal: what any request may be met with.
REFUSALS = {
    errors.WatchwordError.sentence,
    errors.UnavailableError.sentence,
    errors.ForbiddenError.sentence,
    errors.RateLimitedError.sentence,
    problems.SlowAnswerError.sentence,
    problems.SlowRequestError.sentence,
    secret.TOO_MANY,
}


# What stands in those modules beside sentences: headers, keys and names that are the same in every language.
NAMES = {
    "Content-Type",
    "Authorization",
    "Date",
    "Retry-After",
    "Bearer",
    "Refused",
    "Escape",
    "Enter",
    "Tab",
    "Error",
    "Files",
}


def _table(tag: str) -> dict[str, str]:
    """What scripts of that language import."""
    return dict(json.loads(LANGUAGES[tag].module().removeprefix(b"export default ").removesuffix(b";\n")))


def test_there_is_a_second_language() -> None:
    assert "de" in LANGUAGES


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_language_has_every_sentence_and_no_other(tag: str) -> None:
    table = _table(tag)

    assert [] == sorted(_spoken() - table.keys()), "missing"
    assert [] == sorted(table.keys() - _spoken()), "nowhere said"


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_sentence_has_the_placeholders_of_the_english_one(tag: str) -> None:
    table = _table(tag)

    assert [] == [
        english
        for english, own in table.items()
        if set(re.findall(r"\{\w*\}", own)) != set(re.findall(r"\{\w*\}", english))
    ]


# Read right of one as well, or said of a number that is never one; making a link says "once" by its own name.
ANY_NUMBER = {
    "{n} of {all}",
    "This is picture {n} of {all}.",
    "Sealing link {n} of {all}",
    "Try again in {n} min.",
    "{n} minutes",
    "The code has {n} digits. Nothing was sent, and no try was counted.",
    "That is too many: {n} files are the most. Nothing was added.",
    "There are {n} QR codes in this picture. Which one?",
    *(
        f"The clock of this device is {{n}} seconds {how}. "
        "The code here goes by the server\u2019s; an app on this device may show another."
        for how in ("fast", "slow")
    ),
    "It opens {n} times, until {time}.",
    "Each opens {n} times, until {time}.",
}


def test_scripts_say_another_sentence_where_a_number_is_one() -> None:
    counted = r'"([^"\n]*\{n\}[^"\n]*)"'
    scripts = [path.read_text("utf-8") for path in (WEB / "static").glob("*.js")]
    chosen = "".join(choice for script in scripts for choice in re.findall(r"=== 1\s*\?[^;]*", script))

    assert ANY_NUMBER == {said for script in scripts for said in re.findall(counted, script)} - set(
        re.findall(counted, chosen)
    )


@pytest.mark.parametrize("tag", LANGUAGES)
def test_a_sentence_is_one_line_of_text_without_a_link(tag: str) -> None:
    table = _table(tag)

    assert [] == [own for own in table.values() if "://" in own or not own.strip() or not own.isprintable()]


def test_a_language_that_is_written_from_the_right_is_shown_so(tmp_path: Path) -> None:
    (tmp_path / "ar.toml").write_text('[meta]\ndir = "rtl"\n[page]\n"Open" = "افتح"\n', encoding="utf-8")
    (tmp_path / "fr.toml").write_text('[meta]\ndir = "ltr"\n', encoding="utf-8")

    spoken = words.load(tmp_path)

    assert {"en", "ar"} == spoken.keys(), "one without sentences for pages has none"
    assert ("rtl", "افتح") == (spoken["ar"].direction, spoken["ar"].phrase("Open"))


@pytest.mark.parametrize(
    "page",
    [
        'page = "x"',
        '[page]\n"{n} times" = 2',
        *(f'[page]\n"{{n}} times" = "{own}"' for own in ("{x}", "{n", "{n.real}")),
    ],
)
def test_a_sentence_that_cannot_be_filled_in_is_named_with_its_file(tmp_path: Path, page: str) -> None:
    (tmp_path / "fr.toml").write_text(f'{page}\n[meta]\ndir = "ltr"\n', encoding="utf-8")

    with pytest.raises(errors.SettingsError, match=r"fr\.toml: '(page|\{n\} times)' must be one text"):
        words.load(tmp_path)


def test_a_sentence_is_no_markup_and_neither_is_what_is_filled_in() -> None:
    spoken = words.Words("xx", {"Hello {app}": "<b>Hallo</b> {app}"})

    assert "&lt;b&gt;Hallo&lt;/b&gt; &lt;script&gt;" == spoken.phrase("Hello {app}", app="<script>")
    assert "An &amp; {nothing}" == words.Words("xx", {}).phrase("An & {nothing}", nothing="{nothing}")


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        (None, "en"),
        (b"", "en"),
        (b"de", "de"),
        (b"de-AT", "de"),
        (b"DE-at-1996, en;q=0.5", "de"),
        (b"en-GB,en;q=0.9,de;q=0.8", "en"),
        (b"fr, de;q=0.7, en;q=0.3", "de"),
        (b"fr", "en"),
        (b"*", "en"),
        (b"de;q=0", "en"),
        (b"de;q=nan, de ; q=0.5", "de"),
        (b"deutsch", "en"),
        (b"de;q=7", "en"),
        (b"\xff\xfe;q=1,,;,de;;q=1", "en"),
        (b"fr," * 1_000 + b"de", "en"),
    ],
)
def test_a_page_is_in_the_language_that_the_browser_asks_for_first(header: bytes | None, tag: str) -> None:
    assert tag == words.Chooser(frozenset({"en", "de"})).choose(header)


@pytest.mark.parametrize(
    "page", ["/", f"/s/sc_{ID}", f"/s/sc_{ID}/status", f"/l/vf_{ID}", f"/v/vf_{ID}", f"/a/au_{ID}"]
)
def test_every_page_for_people_says_so_and_what_it_depends_on(site: Site, page: str) -> None:
    english = site.call("GET", page)
    german = site.call("GET", page, headers=[(b"accept-language", b"de-DE,de;q=0.9,en;q=0.8")])

    assert '<html lang="en" dir="ltr">' in english.text
    assert "words-" not in english.text
    assert '<html lang="de" dir="ltr">' in german.text
    assert 'href="/static/words-de.js"' in german.text
    assert "accept-language" == english.header("vary") == german.header("vary")


def test_an_address_where_there_is_nothing_says_so_in_the_browsers_language(site: Site) -> None:
    reply = site.call("GET", "/lost", headers=[(b"accept", b"text/html"), (b"accept-language", b"de")])

    assert 404 == reply.status
    assert "Unter dieser Adresse ist nichts" in reply.text


def test_scripts_get_the_same_sentences(site: Site) -> None:
    reply = site.call("GET", "/static/words-de.js")

    assert 200 == reply.status
    assert "text/javascript; charset=utf-8" == reply.header("content-type")
    assert '"Continue here": "Hier fortfahren"' in reply.text
    assert 404 == site.call("GET", "/static/words-fr.js").status


@pytest.mark.parametrize("tag", LANGUAGES)
def test_every_word_of_a_heading_fits_on_a_telephone(tag: str) -> None:
    headings: set[str] = set()
    for path in (WEB / "templates").glob("*.jinja"):
        headings |= set(re.findall(r"<h1[^>]*>\{\{ phrase\(" + _TEXT, path.read_text("utf-8")))
    table = _table(tag)

    assert headings
    assert [] == [word for said in headings for word in re.split(r"[\s-]", table[said]) if len(word) > 20]

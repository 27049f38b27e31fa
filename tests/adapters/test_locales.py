"""Languages: one file each, held to the same keys and placeholders, found by language tag."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from watchword.adapters.catalogue import LOCALES, Catalogue, Catalogues
from watchword.core.instant import HOUR, MINUTE, SECOND
from watchword.core.policy import PURPOSES
from watchword.errors import SettingsError

ENGLISH = (LOCALES / "en.toml").read_text(encoding="utf-8")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory of our own, with English in it."""
    shutil.copy(LOCALES / "en.toml", tmp_path)
    return tmp_path


def changed(old: str, new: str) -> str:
    """English with one thing changed."""
    assert ENGLISH.count(old) == 1, old
    return ENGLISH.replace(old, new)


def refusal(directory: Path, name: str, text: str) -> SettingsError:
    """What loading a directory with this file in it raises."""
    (directory / name).write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        Catalogues.load(directory)
    return caught.value


def shipped(tag: str) -> Catalogue:
    return Catalogues.load().choose(tag)


def test_english_and_german_have_the_same_keys() -> None:
    assert shipped("en").plain.keys() == shipped("de").plain.keys()
    assert ("en", "de") == (shipped("en").tag, shipped("de").tag)


def test_every_file_that_is_shipped_loads() -> None:
    tags = {path.stem for path in LOCALES.glob("*.toml")}

    assert {"en", "de"} <= tags
    assert tags == {shipped(tag).tag for tag in tags}


@pytest.mark.parametrize("tag", ["en", "de"])
def test_the_line_before_the_code_has_the_word_code_in_it(tag: str) -> None:
    assert "code" in shipped(tag).plain["body.label"].lower()


@pytest.mark.parametrize("tag", ["en", "de"])
def test_subjects_and_purposes_name_the_app_and_differ_by_purpose(tag: str) -> None:
    for section in ("subject", "purpose"):
        texts = [shipped(tag).plain[f"{section}.{purpose}"] for purpose in PURPOSES]

        assert len(PURPOSES) == len(set(texts))
        assert all("{app}" in text for text in texts)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-AT", "de"),
        ("de-Latn-CH-1996", "de"),
        ("de_CH", "de"),
        ("en-GB", "en"),
        ("fr", "en"),
        ("deu", "en"),
        ("-de", "en"),
        ("", "en"),
        (None, "en"),
        ("de" + "-x" * 5_000, "en"),
        ("../de", "en"),
        ("de\r\nBcc: x", "en"),
    ],
)
def test_a_language_is_found_by_lookup_and_english_is_the_last_resort(wanted: str | None, found: str) -> None:
    assert found == Catalogues.load().choose(wanted).tag


def test_a_region_of_its_own_comes_before_its_language(directory: Path) -> None:
    shutil.copy(LOCALES / "de.toml", directory)
    shutil.copy(LOCALES / "de.toml", directory / "de-AT.toml")
    catalogues = Catalogues.load(directory)

    assert ["de-AT", "de-AT", "de"] == [catalogues.choose(tag).tag for tag in ("de-at", "de-AT-1996", "de-CH")]


@pytest.mark.parametrize(
    ("span", "english", "german"),
    [
        (-MINUTE, "less than a minute", "weniger als eine Minute"),
        (59 * SECOND, "less than a minute", "weniger als eine Minute"),
        (MINUTE, "1 minute", "1 Minute"),
        (2 * MINUTE - 1, "1 minute", "1 Minute"),
        (10 * MINUTE, "10 minutes", "10 Minuten"),
        (HOUR, "60 minutes", "60 Minuten"),
        (2 * HOUR - 1, "119 minutes", "119 Minuten"),
        (2 * HOUR, "2 hours", "2 Stunden"),
        (3 * HOUR - 1, "2 hours", "2 Stunden"),
        (24 * HOUR, "24 hours", "24 Stunden"),
    ],
)
def test_a_lifetime_is_said_in_words_and_rounded_down(span: int, english: str, german: str) -> None:
    assert english == shipped("en").duration(span)
    assert german == shipped("de").duration(span)


def test_a_language_with_more_than_two_forms_lists_its_numbers(directory: Path) -> None:
    forms = '1 = "{n} minuta"\n"2-4 22-24" = "{n} minuty"\nother = "{n} minut"'
    polish = changed('1 = "{n} minute"\nother = "{n} minutes"', forms)
    (directory / "pl.toml").write_text(polish, encoding="utf-8")
    catalogue = Catalogues.load(directory).choose("pl")

    said = [catalogue.duration(count * MINUTE) for count in (1, 2, 4, 5, 12, 22, 25)]

    assert ["1 minuta", "2 minuty", "4 minuty", "5 minut", "12 minut", "22 minuty", "25 minut"] == said


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('login = "Your sign-in code for {app}"\n', "", "subject.login"),
        ('[subject]\nlogin = "Your', '[subject]\nlogon = "x"\nlogin = "Your', "subject.logon"),
        ("Your sign-in code for {app}", "Your sign-in code", "subject.login"),
        ("Your sign-in code for {app}", "Your sign-in code for {app}, {duration}", "subject.login"),
        ("Your sign-in code for {app}", "Your sign-in code {code} for {app}", "subject.login"),
        ("Your sign-in code for {app}", "{app.__class__}", "subject.login"),
        ("Your sign-in code for {app}", "{app!r}", "subject.login"),
        ("Your sign-in code for {app}", "{app:>99999999}", "subject.login"),
        ("Your sign-in code for {app}", "{app} {", "subject.login"),
        ("Your sign-in code for {app}", "{app} {}", "subject.login"),
        ("Your sign-in code for {app}", "{app}\\r\\nBcc: eve@evil.example", "subject.login"),
        ("Your sign-in code for {app}", "{app}\\u2028", "subject.login"),
        ("Your sign-in code for {app}", "{app} http://evil.example", "subject.login"),
        ('"Your sign-in code for {app}"', "7", "subject.login"),
        ('"Your sign-in code for {app}"', '" "', "subject.login"),
        ('dir = "ltr"', 'dir = "up"', "meta.dir"),
        ('1 = "{n} minute"\nother = "{n} minutes"\n', "", "duration.minutes.other"),
        ('other = "{n} hours"', 'other = "hours"', "duration.hours.other"),
        ('other = "{n} hours"', 'other = "{n} {app}"', "duration.hours.other"),
        ('1 = "{n} hour"', 'one = "{n} hour"', "duration.hours.one"),
    ],
)
def test_a_file_that_is_not_like_english_is_refused_by_name_and_key(
    directory: Path, old: str, new: str, key: str
) -> None:
    error = refusal(directory, "fr.toml", changed(old, new))

    assert f"fr.toml: {key}" == error.setting
    assert error.setting in error.detail


def test_english_itself_may_not_lack_a_key(directory: Path) -> None:
    error = refusal(directory, "en.toml", changed('moment = "less than a minute"\n', ""))

    assert "en.toml: duration.moment" == error.setting


@pytest.mark.parametrize("text", ["[meta", "\udcff"])
def test_a_file_that_cannot_be_read_is_refused_by_name(directory: Path, text: str) -> None:
    (directory / "fr.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SettingsError) as caught:
        Catalogues.load(directory)

    assert "fr.toml" == caught.value.setting


@pytest.mark.parametrize("name", ["french language.toml", "f.toml", "fr_FR.toml"])
def test_a_file_must_be_named_by_a_language_tag(directory: Path, name: str) -> None:
    assert name in refusal(directory, name, ENGLISH).detail


def test_a_directory_without_english_is_refused(tmp_path: Path) -> None:
    assert "en.toml" == refusal(tmp_path, "de.toml", ENGLISH).setting

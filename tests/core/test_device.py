"""Devices in our words."""

from __future__ import annotations

import pytest

from watchword.core.device import describe

_MOZILLA = "Mozilla/5.0"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (f"{_MOZILLA} (Windows NT 10.0; Win64; x64; rv:147.0) Gecko/20100101 Firefox/147.0", "Firefox on Windows"),
        (
            f"{_MOZILLA} (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/142.0",
            "Edge on Windows",
        ),
        (
            f"{_MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 Version/19.0 Safari/605.1",
            "Safari on a Mac",
        ),
        (
            f"{_MOZILLA} (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 Version/19.0 Mobile Safari/604.1",
            "Safari on an iPhone",
        ),
        (
            f"{_MOZILLA} (iPhone; CPU iPhone OS 19_0 like Mac OS X) CriOS/142.0 Mobile Safari/604.1",
            "Chrome on an iPhone",
        ),
        (f"{_MOZILLA} (iPad; CPU OS 19_0 like Mac OS X) FxiOS/147.0 Mobile", "Firefox on an iPad"),
        (f"{_MOZILLA} (Linux; Android 16; SM-S901B) Chrome/142.0 Mobile Safari/537.36", "Chrome on Android"),
        (f"{_MOZILLA} (Linux; Android 16) SamsungBrowser/29.0 Chrome/142.0", "Samsung Internet on Android"),
        (f"{_MOZILLA} (X11; CrOS x86_64 16000.0.0) Chrome/142.0 Safari/537.36", "Chrome on ChromeOS"),
        (f"{_MOZILLA} (X11; Linux x86_64) Chrome/142.0 Safari/537.36 OPR/121.0", "Opera on Linux"),
        ("Windows", "a browser on Windows"),
        ("Firefox", "Firefox"),
        ("curl/8.5.0", ""),
        ("", ""),
        (None, ""),
        ("x" * 512 + "Firefox Windows", ""),
        ("\r\n<b>Firefox</b>\u202e on Windows, call +1 555 0100", "Firefox on Windows"),
    ],
)
def test_a_device_is_told_in_our_words_and_in_none_of_its_own(user_agent: str | None, words: str) -> None:
    assert words == describe(user_agent)

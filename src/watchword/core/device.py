"""Devices in words that we choose: "Firefox on Windows", from what a browser says of itself.

Not handled here: telling devices apart, or believing them. The text of a user agent is anybody's, so none of it is
ever shown: what comes out is put together from two closed lists.
"""

from __future__ import annotations

from functools import lru_cache

MOST_READ = 512  # characters of a user agent that are looked at

# The first mark that is found decides, so what others pretend to be comes after what they are.
_BROWSERS = (
    ("edg", "Edge"),
    ("opr/", "Opera"),
    ("samsungbrowser", "Samsung Internet"),
    ("vivaldi", "Vivaldi"),
    ("firefox", "Firefox"),
    ("fxios", "Firefox"),
    ("crios", "Chrome"),
    ("chrome", "Chrome"),
    ("chromium", "Chrome"),
    ("safari", "Safari"),
)
_SYSTEMS = (
    ("iphone", "an iPhone"),
    ("ipad", "an iPad"),
    ("android", "Android"),
    ("cros", "ChromeOS"),
    ("windows", "Windows"),
    ("macintosh", "a Mac"),
    ("mac os", "a Mac"),
    ("linux", "Linux"),
)


def describe(user_agent: str | None) -> str:
    """The device in our words, '' where it is none that we have words for."""
    return _describe(user_agent[:MOST_READ]) if user_agent else ""


@lru_cache(maxsize=512)
def _describe(user_agent: str) -> str:
    said = user_agent.lower()
    browser = next((name for mark, name in _BROWSERS if mark in said), "")
    system = next((name for mark, name in _SYSTEMS if mark in said), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or (system and f"a browser on {system}")

"""The how-to of the SDK runs: every example of the page, in order, against a running app."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.client.running import RunningApp

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-the-python-client.md"

_EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_example_of_the_page_runs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text(encoding="utf-8")
    examples = list(_EXAMPLE.finditer(text))
    assert len(examples) >= 10
    with RunningApp(redirect_uris=["https://shop.example/signed-in"]) as app:
        monkeypatch.setenv("CODES_URL", app.address)
        monkeypatch.setenv("CODES_API_KEY", app.key)
        page: dict[str, Any] = {"input": lambda _: app.delivered()}
        try:
            for example in examples:
                above = "\n" * text.count("\n", 0, example.start(1))  # so that a failure names the page's own line
                exec(compile(above + example[1], str(PAGE), "exec"), page)  # noqa: S102 - the page is ours
        finally:
            page["client"].close()

    printed = capsys.readouterr().out
    assert "We sent a code to" in printed
    assert "Welcome." in printed
    assert "Open the link in your mail." in printed
    assert "It was withdrawn." in printed
    assert printed.endswith("Not approved.\n")


def test_no_example_escapes_the_test() -> None:
    fences = re.findall(r"^```(\w*)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert set(fences) == {"python", ""}

"""Particulars are read as they were written, whatever stands in them."""

from __future__ import annotations

import pytest

from watchword.core import particulars
from watchword.core.particulars import Particulars


@pytest.mark.parametrize(
    "facts",
    [
        (),
        ("https://shop.example/in", "", "", ""),
        ("https://shop.example/in", "state", "Firefox on Windows", "Send EUR 1 to Zo\u00eb"),
        ("", "", "", "what an operator wrote,\0 whatever it is"),
    ],
)
def test_particulars_are_read_as_they_were_written(facts: tuple[str, ...]) -> None:
    kept = particulars.read(particulars.write("z\u00f6e@example.com", *facts))
    assert ("z\u00f6e@example.com", Particulars(*facts)) == kept


def test_an_address_alone_is_sealed_as_it_is() -> None:
    assert b"ann@example.com" == particulars.write("ann@example.com")

"""Sentences of actions. What they come to is held by the vectors."""

from __future__ import annotations

import pytest

from watchword.core.action import placeholders


def test_the_parameters_that_a_sentence_shows() -> None:
    assert {"amount", "to_2"} == placeholders("Send {amount} to {to_2}, {amount}")
    assert set() == placeholders("Close the account")


@pytest.mark.parametrize("sentence", ["{", "}", "{}", "{0}", "{a.b}", "{a!r}", "{a:>9}", "{{a}}", "{A}"])
def test_a_brace_that_is_no_placeholders_is_refused(sentence: str) -> None:
    with pytest.raises(ValueError, match="brace"):
        placeholders(sentence)

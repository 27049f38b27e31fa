"""docs/reference/cli.md: every command, option and exit code is there, and nothing that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from watchword.cli.commands import Purposes, commands
from watchword.cli.exits import EXITS, MEANING
from watchword.core.policy import PURPOSES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text()


def leaves(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its full name."""
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for word, child in children.items():
        yield from leaves(child, f"{name} {word}")


COMMANDS = dict(leaves(commands, "watchword"))


def spelling(parameter: Any) -> str:
    """How an argument or option is written on the page."""
    word = parameter.opts[0]
    if not word.startswith("--"):
        return str(parameter.metavar)
    return f"{word} {parameter.metavar}" if parameter.metavar else str(word)


def sections() -> dict[str, str]:
    found = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    return {heading: text for heading, _, text in (section.partition("\n") for section in found)}


def rows(text: str) -> dict[str, str]:
    found = (re.fullmatch(r"\| `?([^`|]+?)`? \| (.+) \|", line) for line in text.splitlines())
    return {match[1]: match[2] for match in found if match and "---" not in match[1]}


def test_the_page_has_every_command_and_no_other() -> None:
    assert len(COMMANDS) >= 12
    assert {*COMMANDS, "Exit codes"} == set(sections())


def test_every_command_is_described_as_it_describes_itself() -> None:
    shown = sections()

    assert not [name for name, command in COMMANDS.items() if not shown[name].strip().startswith(command.help)]


def test_every_argument_and_option_is_there_and_no_other() -> None:
    shown = sections()

    for name, command in COMMANDS.items():
        written = rows(shown[name])
        written.pop("argument or option")
        assert {spelling(parameter) for parameter in command.params} == set(written), name
        for parameter in command.params:
            assert written[spelling(parameter)].startswith(parameter.help), name


def test_every_default_is_there() -> None:
    shown = sections()

    for name, command in COMMANDS.items():
        for parameter in command.params:
            if parameter.default not in {None, False} and not parameter.required:
                assert f"Default: `{parameter.default}`." in rows(shown[name])[spelling(parameter)]


def test_every_purpose_can_be_chosen_and_no_other() -> None:
    assert set(PURPOSES) == set(get_args(Purposes))


def test_no_text_names_an_option_that_does_not_exist() -> None:
    every = [commands, *COMMANDS.values()]
    known = {option for command in every for parameter in command.params for option in parameter.opts} | {"--help"}

    assert set(re.findall(r"--[a-z][a-z-]+", PAGE)) <= known


def test_every_command_knows_json() -> None:
    assert not [
        name for name, command in COMMANDS.items() if "--json" not in {o for p in command.params for o in p.opts}
    ]


def test_the_exit_codes_are_the_ones_that_hold() -> None:
    written = rows(sections()["Exit codes"])

    expected = {str(code): meaning for code, meaning in MEANING.items()}
    expected |= {error.__name__: str(code) for error, code in EXITS.items()}
    assert expected == {name: text for name, text in written.items() if name not in {"code", "error"}}


def test_no_option_takes_a_secret() -> None:
    words = {option for command in COMMANDS.values() for parameter in command.params for option in parameter.opts}

    assert not words & {"--key", "--api-key", "--code", "--password", "--secret", "--token", "--smtp"}

"""Actions in the operator's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchword.errors import SettingsError
from watchword.settings import Settings

GOOD = """
[actions.Shop.transfer]
params = { amount = "amount", payee = "text" }
en = "Send {amount} to {payee}"
de = "{amount} an {payee} senden"

[actions."My Shop".close]
en = "Close the account"
"""


def loaded(folder: Path, text: str) -> Settings:
    (folder / "watchword.toml").write_text(text, encoding="utf-8")
    return Settings.load({"WATCHWORD_CONFIG": str(folder / "watchword.toml")})


def test_actions_are_read_by_app_and_name(tmp_path: Path) -> None:
    actions = loaded(tmp_path, GOOD).rules.actions
    assert {"Shop": {"transfer"}, "My Shop": {"close"}} == {app: set(found) for app, found in actions.items()}
    assert {"amount": "amount", "payee": "text"} == actions["Shop"]["transfer"].params
    assert {"en", "de"} == actions["Shop"]["transfer"].sentences.keys()


def test_without_any_there_are_none() -> None:
    assert {} == Settings.load({}).rules.actions


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("actions = 1", "actions"),
        ("[actions]\nShop = 1", "actions.Shop"),
        ("[actions.Shop]\ntransfer = 1", "actions.Shop.transfer"),
        ('[actions.Shop.Transfer]\nen = "x"', "actions.Shop.Transfer"),
        ("[actions.Shop.x]\nparams = 1", "actions.Shop.x.params"),
        ('[actions.Shop.x]\nparams = { a = "words" }\nen = "{a}"', "actions.Shop.x.params"),
        ('[actions.Shop.x]\nparams = { A = "text" }\nen = "{A}"', "actions.Shop.x.params"),
        ("[actions.Shop.x]", "actions.Shop.x.en"),
        ('[actions.Shop.x]\nde = "x"', "actions.Shop.x.en"),
        ('[actions.Shop.x]\nen = "x"\nen_GB = "x"', "actions.Shop.x.en_GB"),
        ("[actions.Shop.x]\nen = 1", "actions.Shop.x.en"),
        ('[actions.Shop.x]\nen = " "', "actions.Shop.x.en"),
        ('[actions.Shop.x]\nen = "a\\nb"', "actions.Shop.x.en"),
        (f'[actions.Shop.x]\nen = "{"x" * 201}"', "actions.Shop.x.en"),
        ('[actions.Shop.x]\nen = "see https://x"', "actions.Shop.x.en"),
        ('[actions.Shop.x]\nen = "{a}"', "actions.Shop.x.en"),
        ('[actions.Shop.x]\nparams = { a = "text" }\nen = "nothing"', "actions.Shop.x.en"),
        ('[actions.Shop.x]\nparams = { a = "text" }\nen = "{a"', "actions.Shop.x.en"),
        ('[actions.Shop.x]\nparams = { a = "text" }\nen = "{a!r}"', "actions.Shop.x.en"),
        ('[actions.Shop.x]\nparams = { a = "text" }\nen = "{a}"\nde = "nichts"', "actions.Shop.x.de"),
    ],
)
def test_what_cannot_be_an_action_is_refused_by_name(tmp_path: Path, text: str, setting: str) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, text)
    assert setting == caught.value.setting


def test_an_action_has_at_most_twelve_parameters(tmp_path: Path) -> None:
    names = [f"p{number}" for number in range(13)]
    kinds = ", ".join(f'{name} = "integer"' for name in names)
    shown = " ".join(f"{{{name}}}" for name in names)
    with pytest.raises(SettingsError) as caught:
        loaded(tmp_path, f'[actions.Shop.x]\nparams = {{ {kinds} }}\nen = "{shown}"')
    assert "actions.Shop.x.params" == caught.value.setting

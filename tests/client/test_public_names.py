"""The public face of the SDK keeps its shape."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import requires
from types import ModuleType

import pytest

import watchword.client
from watchword.client import (
    AsyncClient,
    AsyncSecretClient,
    Authenticator,
    Client,
    Delivery,
    SecretClient,
    SecretStatus,
    Verification,
)
from watchword.core import authenticator, verification
from watchword.core.delivery import DeliveryStatus
from watchword.core.policy import PURPOSES
from watchword.core.secret import State

VERBS = ("create", "check", "resend", "cancel", "get")
SECRET_VERBS = ("share", "reveal", "create", "open", "claim", "ack", "status", "burn", "unlock", "upload")


def test_the_public_names_are_flat_and_these() -> None:
    public = {
        name
        for name, value in vars(watchword.client).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert public == {
        "BrowserSession",
        *("AsyncClient", "AsyncSecretClient", "Client", "Delivery", "File", "GrantedSecret", "Login", "MadeSecret"),
        *("RevealedSecret", "SecretClient", "SecretStatus", "SeenSecret", "SharedSecret", "Verification"),
        *("AsyncAuthenticatorClient", "Authenticator", "AuthenticatorClient", "AuthenticatorList", "Enrolment"),
        *("Allowance", "ConfirmedAddress", "Handover", "Rate"),
    }


def test_every_public_name_is_re_exported_under_its_own_name() -> None:
    imports = [line for line in inspect.getsource(watchword.client).splitlines() if line.startswith("from ")]

    assert len(imports) == 24
    for line in imports:
        original, _, exported = line.partition(" import ")[2].partition(" as ")
        assert original == exported


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (Verification, verification.Status),
        (Delivery, DeliveryStatus),
        (Authenticator, authenticator.Status),
        (SecretStatus, State),
        (Client.create, PURPOSES),
    ],
)
def test_what_an_editor_shows_names_every_word_that_a_value_can_be(shown: object, words: Iterable[str]) -> None:
    assert [word for word in words if f"``{word}``" not in (inspect.getdoc(shown) or "")] == []


def test_the_client_takes_nothing_that_only_the_service_s_systems_have() -> None:
    lacking = "import sys; sys.modules |= dict.fromkeys(('fcntl', 'grp', 'pwd', 'resource', 'termios', 'uvloop'))\n"
    used = "import watchword.client, watchword.totp, watchword.cli.share, watchword.cli.reveal, watchword.cli.passcode"
    subprocess.run([sys.executable, "-c", lacking + used], check=True)

    (uvloop,) = [line for line in requires("watchword") or () if line.startswith("uvloop")]
    assert uvloop.endswith(("sys_platform != 'win32'", 'sys_platform != "win32"'))


@pytest.mark.parametrize("verb", VERBS)
def test_both_clients_take_and_promise_the_same(verb: str) -> None:
    blocking, awaiting = getattr(Client, verb), getattr(AsyncClient, verb)

    assert inspect.signature(blocking) == inspect.signature(awaiting)
    assert blocking.__doc__ == awaiting.__doc__
    assert inspect.iscoroutinefunction(awaiting)


@pytest.mark.parametrize("verb", SECRET_VERBS)
def test_both_clients_for_secrets_take_and_promise_the_same(verb: str) -> None:
    blocking, awaiting = getattr(SecretClient, verb), getattr(AsyncSecretClient, verb)

    assert inspect.signature(blocking) == inspect.signature(awaiting)
    assert blocking.__doc__ == awaiting.__doc__
    assert inspect.iscoroutinefunction(awaiting)


@pytest.mark.parametrize("field", ["purpose", "to"])
def test_a_check_cannot_be_written_without_purpose_and_address(field: str) -> None:
    parameter = inspect.signature(Client.check).parameters[field]

    assert parameter.kind is parameter.KEYWORD_ONLY
    assert parameter.default is parameter.empty


def test_the_package_says_that_it_is_typed() -> None:
    package = inspect.getfile(watchword.client).removesuffix("client/__init__.py")

    with open(f"{package}py.typed", encoding="utf-8"):  # noqa: PTH123 - that it opens is the test
        pass

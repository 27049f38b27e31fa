"""The public names are a promise (SECURITY.md): one that comes or goes is a deliberate change of this file."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

PUBLIC = {
    "watchword": set[str](),
    "watchword.client": {
        "Allowance",
        "AsyncAuthenticatorClient",
        "AsyncClient",
        "AsyncSecretClient",
        "Authenticator",
        "AuthenticatorClient",
        "AuthenticatorList",
        "BrowserSession",
        "Client",
        "ConfirmedAddress",
        "Delivery",
        "Enrolment",
        "File",
        "GrantedSecret",
        "Handover",
        "Login",
        "MadeSecret",
        "Rate",
        "RevealedSecret",
        "SecretClient",
        "SecretStatus",
        "SeenSecret",
        "SharedSecret",
        "Verification",
    },
    "watchword.errors": {
        "AlreadyBoundError",
        "AlreadyUsedError",
        "BlockedError",
        "BurntError",
        "CanceledError",
        "ChallengeError",
        "ChannelClosedError",
        "ChannelForbiddenError",
        "ConflictError",
        "CountryForbiddenError",
        "DeliveryError",
        "DisabledError",
        "EndedError",
        "ExhaustedError",
        "ExpiredError",
        "ForbiddenError",
        "IdempotencyReusedError",
        "InvalidInputError",
        "KeyringError",
        "LapsedError",
        "LockedError",
        "MismatchError",
        "NotAcceptedError",
        "NotConfirmedError",
        "NotEnrolledError",
        "NoticeError",
        "OpenedError",
        "OverError",
        "OverloadedError",
        "RateLimitedError",
        "RedirectForbiddenError",
        "RefusedError",
        "SendsSpentError",
        "SettingsError",
        "StoreError",
        "TamperedError",
        "TooLargeError",
        "UnauthenticatedError",
        "UnavailableError",
        "UndeliverableError",
        "UnknownError",
        "UnknownSubjectError",
        "WatchwordError",
    },
    "watchword.totp": {
        *("AuthenticatorKey", "UnusableKeyError"),
        *("code_at", "new_key", "qr_svg", "read_key", "verify", "write_key_uri"),
    },
}


def public_names(module: ModuleType) -> set[str]:
    """What a person may import: no private names, no modules, nothing that only typing needs."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and getattr(value, "__module__", "").startswith("watchword")
    }


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_module_exports_what_it_promises(name: str) -> None:
    assert PUBLIC[name] == public_names(importlib.import_module(name))

"""An enrolment as an app shows it: the QR code read off the screen by a foreign reader, the codes by oathtool."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import Site, serving
from tests.e2e.test_handover import asked, by_oathtool, wrong_for
from tests.support.png import read_codes
from watchword.core.otpauth import read_key_uri

pytestmark = pytest.mark.xdist_group(__name__)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One service for all of this module."""
    with serving(tmp_path_factory.mktemp("enrolment")) as site:
        yield site


def test_a_person_scans_confirms_signs_in_and_recovers(place: Site, page: Page) -> None:
    subject = f"ann-{page.viewport_size}"
    made = asked(place, "POST", "/v1/authenticators", subject=subject, issuer="ACME", account="ann@example.com").json()
    page.set_content(made["qr_svg"])
    (uri,) = read_codes(page.locator("svg").screenshot())
    assert made["otpauth_uri"] == uri
    key = read_key_uri(uri).key
    confirm = f"/v1/authenticators/{made['id']}/confirm"
    wrong = asked(place, "POST", confirm, code=wrong_for(key))
    assert (422, "mismatch") == (wrong.status_code, wrong.json()["reason"])
    active = asked(place, "POST", confirm, code=by_oathtool(key)).json()
    assert ("active", 10) == (active["status"], len(active["recovery_codes"]))
    # Computed once: a step later the next code would be another, which nobody has used.
    code = by_oathtool(key, ahead=1)
    check = asked(place, "POST", "/v1/authenticators/check", subject=subject, code=code)
    assert "approved" == check.json()["status"]
    again = asked(place, "POST", "/v1/authenticators/check", subject=subject, code=code)
    assert (422, "used") == (again.status_code, again.json()["reason"])
    recovered = asked(place, "POST", "/v1/recovery-codes/check", subject=subject, code=active["recovery_codes"][0])
    assert 9 == recovered.json()["remaining"]

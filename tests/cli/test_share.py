"""``watchword share`` and ``watchword reveal`` against the real app: what they take, print, ask, refuse and keep."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Ran
from tests.client.running import RunningApp
from watchword.cli import contents, output, share
from watchword.cli.reveal import Asked
from watchword.core import secret_link
from watchword.errors import InvalidInputError

KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
EXPORT = (
    "otpauth-migration://offline?data=CiwKFDEyMzQ1Njc4OTAxMjM0NTY3ODkwEghBQ01FOmFubhoEQUNNRSABKAEwAgodChAxMjM0NTY3"
    "ODkwMTIzNDU2EgNib2IgAigCMAIQARgBIAAo%2B%2F%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FAQ%3D%3D"
)
URI = f"otpauth://totp/ACME:ann%40example.org?secret={KEY}&issuer=ACME"


@pytest.fixture(scope="module")
def app() -> Iterator[RunningApp]:
    with RunningApp() as running:
        yield running


@pytest.fixture
def run(command: Command, app: RunningApp, tmp_path: Path) -> Callable[..., Ran]:
    """Run a command against the app, with a state folder of the test's."""

    def runs(*arguments: str, given: str = "") -> Ran:
        return command(*arguments, given=given, WATCHWORD_SERVER=app.address, XDG_STATE_HOME=str(tmp_path / "state"))

    return runs


class Terminal(io.TextIOWrapper):
    """A standard stream at which a person sits."""

    def __init__(self, typed: str = "") -> None:
        super().__init__(io.BytesIO(typed.encode()), "utf-8", newline="", write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> str:
        buffer: Any = self.buffer
        return str(buffer.getvalue().decode())


def link_of(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.out.strip()


def test_share_prints_the_link_alone_and_reveal_the_secret_alone(run: Callable[..., Ran], app: RunningApp) -> None:
    shared = run("share", given="hunter2\n")

    link = link_of(shared)
    assert shared.out == f"{link}\n"
    assert secret_link.read_link(link).public_url == app.address
    assert "once until" in shared.err
    assert "/status#" in shared.err
    assert "hunter2" not in shared.err
    assert run("reveal", link) == Ran(0, "hunter2", "")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("hunter2\n", "hunter2"),
        ("hunter2\r\n", "hunter2"),
        ("hunter2", "hunter2"),
        (" a \n", " a "),
        ("a\nb\n", "a\nb\n"),
        ("a\n\n", "a\n\n"),
        ("\x1b[31m\tä\u202e", "\x1b[31m\tä\u202e"),
    ],
)
def test_a_text_comes_out_as_it_went_in_but_for_the_end_of_one_line(
    run: Callable[..., Ran], given: str, kept: str
) -> None:
    assert run("reveal", link_of(run("share", given=given))).out == kept


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_the_link_may_come_by_standard_input(run: Callable[..., Ran], arguments: tuple[str, ...]) -> None:
    link = link_of(run("share", given="x"))

    assert run("reveal", *arguments, given=f"<{link}>.\n").out == "x"


def test_the_second_one_is_told_when_it_was_opened(run: Callable[..., Ran]) -> None:
    link = link_of(run("share", given="x"))
    run("reveal", link)

    second = run("reveal", link)

    assert (second.code, second.out) == (1, "")
    assert "opened already" in second.err
    assert "UTC" in second.err


def test_a_link_without_its_key_asks_nobody(run: Callable[..., Ran]) -> None:
    link = link_of(run("share", given="x"))

    incomplete = run("reveal", link.partition("#")[0])

    assert incomplete.code == 2
    assert "incomplete" in incomplete.err
    assert run("reveal", link).out == "x"


def test_plain_http_to_another_machine_is_refused(run: Callable[..., Ran]) -> None:
    link = secret_link.share_url("http://secrets.example", bytes(16), bytes(32))

    assert run("reveal", link).code == 2


def test_a_wrong_passphrase_loses_nothing(run: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "right").write_text(" correct horse \n")
    (tmp_path / "wrong").write_text("correct horse\n")
    link = link_of(run("share", "--passphrase-file", "right", given="x"))

    refused = run("reveal", link, "--passphrase-file", "wrong")

    assert (refused.code, refused.out) == (1, "")
    assert "Tries left: 4" in refused.err
    assert not list((tmp_path / "state").rglob("sc_*"))
    assert run("reveal", link, "--passphrase-file", "right").out == "x"


def test_a_passphrase_may_follow_the_link_on_standard_input(run: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("correct horse")
    link = link_of(run("share", "--passphrase-file", "pass", given="x"))

    assert run("reveal", given=f"{link}\ncorrect horse\n").out == "x"


def test_at_a_terminal_a_wrong_passphrase_may_be_typed_again(
    run: Callable[..., Ran], tmp_path: Path, app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from watchword.cli import reveal  # noqa: PLC0415

    (tmp_path / "pass").write_text("right")
    link = link_of(run("share", "--passphrase-file", "pass", given="x"))
    typed, asked = ["wrong", "right"], list[str]()

    def ask(text: str, **_: object) -> str:
        asked.append(text)
        return typed.pop(0)

    monkeypatch.setattr("watchword.cli.console.getpass", ask)
    monkeypatch.setattr(sys, "stdin", Terminal())

    assert reveal.reveal(Asked(link, tmp_path / "out", qr=False, passphrase_file=None, as_json=False)) == 0
    assert (tmp_path / "out").read_text() == "x"
    assert len(asked) == 2
    assert app.address in asked[0]


@pytest.mark.parametrize("arguments", [(), ("--totp",)])
def test_a_set_up_link_is_understood_and_handed_over_as_a_key(
    run: Callable[..., Ran], arguments: tuple[str, ...]
) -> None:
    shared = run("share", *arguments, "--label", "the shop", given=f"{URI}\n")

    assert "ACME, ann@example.org" in shared.err
    assert KEY not in shared.err
    revealed = run("reveal", link_of(shared))
    assert KEY in revealed.out
    assert revealed.out.startswith("otpauth://totp/ACME:ann@example.org?secret=")
    assert "the shop" in revealed.err


def test_a_key_is_drawn_with_its_groups_below(run: Callable[..., Ran]) -> None:
    link = link_of(run("share", "--totp", given="jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp"))

    drawn = run("reveal", link, "--qr").out

    assert "▀" in drawn
    assert "Key: JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP" in drawn


def test_what_has_no_key_is_not_drawn_and_not_lost(run: Callable[..., Ran]) -> None:
    link = link_of(run("share", given="x"))

    assert run("reveal", link, "--qr").code == 2
    assert run("reveal", link).out == "x"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("JBSWY3DP", "too short"),
        ("JBSWY3DPEHPK3PX1JBSWY3DPEHPK3PXP", "0, 1, 8 or 9"),
        ("what is this?", "only letters A to Z"),
        (f"otpauth://hotp/a?secret={KEY}&counter=1", "button presses"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_in_plain_words(run: Callable[..., Ran], given: str, says: str) -> None:
    refused = run("share", "--totp", given=given)

    assert (refused.code, refused.out) == (2, "")
    assert says in refused.err
    assert given not in refused.err


def test_an_odd_key_is_warned_of(run: Callable[..., Ran]) -> None:
    assert "30 seconds" in run("share", given=f"{URI}&period=60").err


LOGIN = f"hunter2\nPIN: 0000\nUsername: ann: the first\n{URI}\nurl: https://shop.example:8443/a\n\nask Bob\n"


def test_a_login_becomes_a_link_and_its_key_another(run: Callable[..., Ran]) -> None:
    shared = run("share", "--login", "--label", "the shop", given=LOGIN)

    first, second = shared.out.splitlines()
    assert "two ways" in shared.err
    assert not [hidden for hidden in ("hunter2", KEY, "0000", "the first") if hidden in shared.err]
    login = run("reveal", first)
    assert login.out == "Address: https://shop.example:8443/a\nUser name: ann: the first\nPassword: hunter2\n"
    assert "PIN: 0000\n" in login.err
    assert "ask Bob" in login.err
    assert run("reveal", second).out.startswith("otpauth://totp/ACME:ann@example.org?secret=")


@pytest.mark.parametrize("name", ["totp", "OTP"])
def test_the_key_of_a_login_may_be_bare(run: Callable[..., Ran], tmp_path: Path, name: str) -> None:
    (tmp_path / "login").write_text(f"hunter2\n{name}: {KEY.lower()}\n")

    first, second = run("share", "--login", "--file", "login").out.splitlines()

    assert run("reveal", first, "--json").document == {"type": "login", "password": "hunter2"}
    assert run("reveal", second, "--json").document["secret"] == KEY


def test_a_login_without_a_key_is_one_link(run: Callable[..., Ran]) -> None:
    shared = run("share", "--login", given="hunter2\nlogin: ann\nuser name: kept\nurl:\n")

    revealed = run("reveal", link_of(shared), "--json").document
    assert revealed == {
        "type": "login",
        "password": "hunter2",
        "username": "ann",
        "note": "user name: kept\nurl:",
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("\nusername: ann", "first line"),
        ("hunter2\nuser: ann\nusername: bob", "two lines with its username"),
        (f"hunter2\ntotp: {KEY}\n{URI}", "two lines with its totp"),
        ("hunter2\ntotp: JBSWY3DP", "too short"),
        (f"hunter2\n{EXPORT}", "export"),
    ],
)
def test_a_login_that_cannot_be_read_is_refused_as_a_whole(run: Callable[..., Ran], given: str, says: str) -> None:
    refused = run("share", "--login", given=given)

    assert (refused.code, refused.out) == (2, "")
    assert says in refused.err
    assert "hunter2" not in refused.err
    assert KEY not in refused.err


def test_a_login_and_a_key_are_not_asked_for_at_once(run: Callable[..., Ran]) -> None:
    assert run("share", "--login", "--totp", given=LOGIN).code == 2


def test_at_a_terminal_a_login_is_asked_for_and_its_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = ["hunter2", URI]
    monkeypatch.setattr("watchword.cli.contents.getpass", lambda _, **__: hidden.pop(0))
    monkeypatch.setattr(sys, "stdin", Terminal("ann\n"))

    login, key = contents.read([], totp=False, is_login=True, label=None)

    assert login.document == {"type": "login", "password": "hunter2", "username": "ann"}
    assert key.document["secret"] == KEY


def test_a_bare_key_stays_a_text_unless_told(run: Callable[..., Ran]) -> None:
    shared = run("share", given=KEY)

    assert "--totp" in shared.err
    assert run("reveal", link_of(shared)).out == KEY


@pytest.mark.parametrize("arguments", [(), ("--totp",)])
def test_an_export_becomes_a_link_an_account(run: Callable[..., Ran], arguments: tuple[str, ...]) -> None:
    shared = run("share", *arguments, given=EXPORT)

    first, second = shared.out.splitlines()
    assert "ACME, ann" in shared.err
    assert "bob" in shared.err
    assert ("ann" in run("reveal", first).out, "bob" in run("reveal", second).out) == (True, True)


def test_a_file_that_changes_under_our_hands_is_not_shared(
    run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.log").write_bytes(bytes(100_000))
    sizes = iter([99_999, 100_001])
    monkeypatch.setattr("watchword.cli.contents.size_of", lambda _: next(sizes))

    for _ in range(2):
        refused = run("share", "--file", "a.log")
        assert (refused.code, refused.out) == (2, "")
        assert "was changed" in refused.err


@pytest.mark.parametrize("name", ["missing", "."])
def test_a_file_that_is_none_is_named_and_refused(run: Callable[..., Ran], tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").touch()
    refused = run("share", "--file", "a.txt", "--file", name)

    assert refused.code == 2
    assert f"{name} is not there, or is no file." in refused.err


@pytest.mark.parametrize("given", ["", "\n", "  \n"])
def test_nothing_is_not_shared(run: Callable[..., Ran], given: str) -> None:
    assert run("share", given=given).code == 2


@pytest.mark.parametrize("ttl", ["0h", "1", "h", "-1h", "1y", "1.5h", "1 h"])
def test_a_lifetime_that_is_none_is_refused(run: Callable[..., Ran], ttl: str) -> None:
    assert run("share", f"--ttl={ttl}", given="x").code == 2
    with pytest.raises(InvalidInputError):
        share.read_ttl(ttl)


def test_a_lifetime_that_is_too_long_is_refused_in_days_as_it_was_asked_for(run: Callable[..., Ran]) -> None:
    assert "a minute to 30 days, " in run("share", "--ttl", "400d", given="x").err


def test_lifetime_and_views_are_the_ones_asked_for(run: Callable[..., Ran]) -> None:
    shared = run("share", "--ttl", "7d", "--views", "3", "--json", given="x")

    assert shared.document["views"] == 3
    assert sorted(shared.document) == ["expires_at", "id", "link", "status", "views"]
    for left in (2, 1):
        assert f"Views left: {left}" in run("reveal", shared.document["link"]).err
    assert "Views left" not in run("reveal", given=shared.document["link"]).err


def test_one_file_goes_to_standard_output_as_it_is(run: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"line\r\nline\n")
    link = link_of(run("share", "--file", "a.txt"))

    assert run("reveal", link).out == "line\r\nline\n"


def test_several_files_want_a_folder_and_are_not_lost_without_one(run: Callable[..., Ran], tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        (tmp_path / name).write_bytes(name.encode() * 50_000)
    (tmp_path / "to").mkdir()
    link = link_of(run("share", "--file", "a.bin", "--file", "b.bin"))

    assert run("reveal", link).code == 2
    saved = run("reveal", link, "--output", "to", "--json")

    assert [each["path"] for each in saved.document["files"]] == ["to/a.bin", "to/b.bin"]
    for name in ("a.bin", "b.bin"):
        assert (tmp_path / "to" / name).read_bytes() == (tmp_path / name).read_bytes()
        assert (tmp_path / "to" / name).stat().st_mode & 0o777 == 0o600


def test_what_is_there_is_not_replaced_and_nothing_is_spent(run: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    link = link_of(run("share", given="x"))

    refused = run("reveal", link, "--output", "there")

    assert refused.code == 2
    assert (tmp_path / "there").read_text() == "mine"
    assert run("reveal", link).out == "x"


@pytest.mark.parametrize(("content", "why"), [(b"\n", "is empty."), (b"\xff", "cannot be read: it is not in UTF-8.")])
def test_a_passphrase_that_a_file_does_not_hold_is_told_by_its_name(
    run: Callable[..., Ran], tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "pass").write_bytes(content)

    refused = run("share", "--passphrase-file", "pass", given="x")

    assert refused.code == 2
    assert f"The file with the passphrase, pass, {why}" in refused.err


@pytest.mark.parametrize("typed", ["correct horse battery", "tr0ub4dor/3", "x" * 300])
def test_a_passphrase_given_for_its_file_is_not_repeated(run: Callable[..., Ran], typed: str) -> None:
    refused = run("share", "--passphrase-file", typed, given="x")

    assert refused.code == 2
    assert "The file with the passphrase cannot be read: " in refused.err
    assert typed not in refused.out + refused.err


@pytest.mark.parametrize(
    ("given", "why"), [("new/", "There is no folder new."), ("x" * 300 + "/there", "File name too long.")]
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is_opened(
    run: Callable[..., Ran], tmp_path: Path, given: str, why: str
) -> None:
    link = link_of(run("share", given="x"))

    refused = run("reveal", link, "--output", given)

    assert refused.code == 2
    assert f"{why} Nothing was opened.\n" in refused.err
    assert not (tmp_path / "new").exists()
    assert run("reveal", link).out == "x"


@pytest.mark.parametrize(("typed", "replaced"), [("y\n", True), ("\n", False), ("n\n", False), ("", False)])
def test_at_a_terminal_a_person_decides_what_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, *, replaced: bool
) -> None:
    (tmp_path / "there").write_text("mine")
    monkeypatch.setattr(sys, "stdin", Terminal(typed))

    if replaced:
        output.agreed(tmp_path / "there")
    else:
        with pytest.raises(InvalidInputError):
            output.agreed(tmp_path / "there")


def test_a_terminal_is_sent_nothing_that_it_would_obey(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)

    output.show("a\x1b]0;owned\x07\r\u202eb\tc\nd\x9b")

    assert terminal.shown == "a\\x1b]0;owned\\x07\\x0d\\u202eb\tc\nd\\x9b\n"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\evil.exe", "evil.exe"),
        (".bashrc", "bashrc"),
        ("a\x00b\n.txt", "ab.txt"),
        ("gpj\u202e.exe", "gpj.exe"),
        ("<img onerror=x>", "img onerror=x"),
        ("..", "file"),
        ("", "file"),
        ("ä" * 300, "ä" * 100),
    ],
)
def test_a_strangers_file_name_is_a_name_and_no_path(given: str, kept: str) -> None:
    assert output.safe_name(given) == kept


def test_a_file_of_a_strangers_name_lands_beside_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")

    assert output.free_place("../a.txt", tmp_path) == tmp_path / "a-2.txt"


def test_a_claim_that_was_begun_is_taken_up_again_and_then_forgotten(
    run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = link_of(run("share", given="x"))
    kept = tmp_path / "state" / "watchword" / "claims"
    with monkeypatch.context() as patch:
        patch.setattr("watchword.cli.output.to_stdout", _breaks)
        broken = run("reveal", link)

    assert broken.code == 130
    assert [path.stat().st_mode & 0o777 for path in kept.iterdir()] == [0o600]
    assert link.partition("#")[2] not in next(kept.iterdir()).read_text()
    assert run("reveal", link).out == "x"
    assert not list(kept.iterdir())


def _breaks(_: object) -> None:
    raise KeyboardInterrupt


def test_json_is_the_document(run: Callable[..., Ran]) -> None:
    revealed = run("reveal", link_of(run("share", given="x")), "--json")

    assert revealed.document == {"type": "text", "text": "x"}


def test_errors_are_documents_with_json(run: Callable[..., Ran]) -> None:
    link = link_of(run("share", given="x"))
    run("reveal", link)

    problem = json.loads(run("reveal", link, "--json").err)

    assert problem["code"] == "opened"
    assert re.fullmatch(r"[0-9T:-]{19}\.[0-9]{3}Z", problem["at"])

"""What the service, a proxy before it and other users of the machine see of a person who shares at the command line."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import psutil
import pytest

from tests.cli.conftest import COMMAND, Serving
from tests.cross.test_command_line import Desk, Recorder
from watchword.client import SecretClient
from watchword.core import envelope, ids, secret_link

PASSPHRASE = "velvet lantern 4711"
WRONG = "another passphrase"
TEXT = "the plain text of a secret"
SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
KEY_URI = f"otpauth://totp/ACME:ann@example.org?secret={SEED}&issuer=ACME"
LOGIN = f"hunter2-of-the-shop\nuser: ann-of-the-shop\nurl: https://shop.example/\ntotp: {KEY_URI}\n"
FILE = "what is in the file\n" * 4_000
LABEL = "label-of-the-shop"
OF_THE_LOGIN = ("hunter2-of-the-shop", "ann-of-the-shop", "shop.example")
HIDDEN = tuple(text.encode() for text in (PASSPHRASE, WRONG, TEXT, SEED, *OF_THE_LOGIN, FILE[:20], LABEL))


class Kept(NamedTuple):
    """One shared secret: its link, and the link to its status."""

    link: str
    status: str

    @property
    def key(self) -> bytes:
        return secret_link.read_link(self.link).key

    @property
    def id(self) -> str:
        return ids.to_text(ids.SECRET, secret_link.read_link(self.link).id)

    @property
    def token(self) -> str:
        return self.status.partition("#")[2]


def forms(raw: bytes) -> set[bytes]:
    """The ways in which somebody would find a value written down."""
    base64 = {b64encode(raw).rstrip(b"="), urlsafe_b64encode(raw).rstrip(b"=")}
    return {raw, raw.hex().encode(), quote(raw, safe="").encode(), json.dumps(raw.decode("latin-1")).encode()} | base64


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("service"), WATCHWORD_LOG_LEVEL="debug")
    yield serving
    assert serving.stop() == 0


def shared(desk: Desk, *arguments: str, given: str = "") -> list[Kept]:
    """Share, and read what was printed: a link on one side and a status link on the other, for each."""
    done = desk.run("share", *arguments, given=given.encode())
    assert done.returncode == 0, done.stderr
    kept = re.findall(rb"http://\S+/status#\S+", done.stderr)
    links = done.stdout.split()
    assert len(links) == len(kept) > 0
    return [Kept(link.decode(), status.decode()) for link, status in zip(links, kept, strict=True)]


def test_no_journey_shows_a_key_a_passphrase_or_a_text_to_the_service_or_a_proxy(
    service: Serving, tmp_path: Path
) -> None:
    recorder = Recorder(int(service.welcome["url"].rpartition(":")[2]))
    desk = Desk(tmp_path / "ann", recorder.address)
    for name, content in (("pass", PASSPHRASE), ("wrong", WRONG), ("login", LOGIN), ("a.txt", FILE)):
        (desk.folder / name).write_text(content)
    passphrase = ("--passphrase-file", "pass")

    (text,) = shared(desk, *passphrase, "--label", LABEL, given=TEXT)
    (key,) = shared(desk, "--totp", given=KEY_URI)
    login, second = shared(desk, "--login", "--file", "login")
    (file,) = shared(desk, *passphrase, "--file", "a.txt")
    (burnt,) = shared(desk, given=TEXT)
    every = (text, key, login, second, file, burnt)

    assert desk.run("reveal", "-", "--passphrase-file", "wrong", given=text.link.encode()).returncode == 1
    assert desk.run("reveal", "-", *passphrase, given=text.link.encode()).stdout == TEXT.encode()
    assert SEED.encode() in desk.run("reveal", "-", given=key.link.encode()).stdout
    assert b"hunter2-of-the-shop" in desk.run("reveal", "-", given=login.link.encode()).stdout
    assert b"JBSW Y3DP EHPK 3PXP" in desk.run("reveal", "-", "--qr", given=second.link.encode()).stdout
    assert desk.run("reveal", "-", *passphrase, given=file.link.encode()).stdout == FILE.encode()
    with SecretClient(recorder.address) as client:
        assert client.status(text.id, text.token).outcome == "read"
        assert client.burn(burnt.id, burnt.token).state == "burnt"
    assert desk.run("reveal", "-", given=burnt.link.encode()).returncode == 1
    recorder.close()

    everything, heads, log = recorder.everything, b"\n".join(recorder.request_lines), service.log.encode()
    assert len(recorder.request_lines) > 25
    secret = {form for value in (*HIDDEN, *(each.key for each in every)) for form in forms(value)}
    assert not [each for each in secret if each in everything or each in log]
    # What is sent to prove something is sent in bodies and headers, where nobody writes it down.
    proofs = {form for each in every for form in forms(envelope.link_proof(each.key))}
    proofs |= {each.token.encode() for each in every}
    proofs |= set(re.findall(rb'"(?:claim|auth)":"([\w-]{22,43})"', everything))
    assert len(proofs & {each.token.encode() for each in every}) == 6
    assert not [each for each in proofs if each in heads or each in log]
    assert all(each.token.encode() in everything for each in (text, burnt)), "the recorder heard nothing"


class Processes:
    """The arguments of every process of the machine that is one of ours, looked at until the block ends."""

    def __init__(self, pid: int) -> None:
        self.seen: set[str] = set()
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.look()
        self._thread.start()

    def look(self) -> None:
        """Read the arguments of the process and its children as any other user of the machine may."""
        for each in [self._process, *self._process.children(recursive=True)]:
            with suppress(FileNotFoundError, ProcessLookupError):
                self.seen.add(Path(f"/proc/{each.pid}/cmdline").read_bytes().decode())

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02) and self._process.is_running():
            try:
                self.look()
            except psutil.NoSuchProcess:
                return


def watched(desk: Desk, *arguments: str, given: str) -> tuple[str, str]:
    """Run a command and look at the list of processes meanwhile; returns its output and what was seen."""
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=desk._environment,
        cwd=desk.folder,
    ) as process:
        # It waits for what comes by the pipe, so that there is time to look.
        processes = Processes(process.pid)
        out, _ = process.communicate(given.encode(), timeout=60)
        processes.close()
    assert process.returncode == 0
    return out.decode(), "\n".join(processes.seen)


def test_no_process_has_a_secret_among_its_arguments(service: Serving, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "ann", service.welcome["url"])
    (desk.folder / "pass").write_text(PASSPHRASE)
    (desk.folder / "a.txt").write_text(FILE)
    everything = ""
    links = []
    for arguments, given in (
        (("--passphrase-file", "pass"), TEXT),
        (("--totp",), KEY_URI),
        (("--login",), LOGIN),
        (("--file", "a.txt"), ""),
    ):
        out, seen = watched(desk, "share", *arguments, given=given)
        everything += seen
        links += out.split()
    with_passphrase, *others = links
    everything += watched(desk, "reveal", "-", "--passphrase-file", "pass", given=with_passphrase)[1]
    for link in others:
        everything += watched(desk, "reveal", "-", given=link)[1]

    assert len(links) == 5
    assert {"share", "reveal", "--totp", "--login", "pass"} <= set(re.split(r"[\0\n]", everything))
    keys = [secret_link.read_link(link).key for link in links]
    assert not [each for value in (*HIDDEN, *keys) for each in forms(value) if each in everything.encode("latin-1")]

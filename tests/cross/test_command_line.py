"""``share`` to ``reveal`` over a real service: whole files, a command killed in the middle, and what others saw."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import file_digest, sha256
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self

import psutil
import pytest

from tests.cli.conftest import COMMAND, Serving, environment
from watchword.client import SecretClient
from watchword.core import envelope, ids, secret_link

LARGE = 100 * 1024 * 1024
SIZE_OF_BLOCK = 1024 * 1024
SIZE = 5 * 1024 * 1024 + 4_321
PASSPHRASE = "correct horse battery"
TEXT = "the plain text of a secret"

Done = subprocess.CompletedProcess[bytes]


class Desk:
    """A person at a machine: a folder and a state of its own, and a service to share over."""

    def __init__(self, folder: Path, address: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.address = address
        self._environment = environment(WATCHWORD_SERVER=address, XDG_STATE_HOME=str(folder / "state"))

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment,
            cwd=self.folder,
        )

    def run(self, *arguments: str, given: bytes = b"") -> Done:
        return subprocess.run(
            [*COMMAND, *arguments],
            input=given,
            capture_output=True,
            env=self._environment,
            cwd=self.folder,
            check=False,
            timeout=60,
        )

    def share(self, *arguments: str, given: bytes = b"") -> str:
        done = self.run("share", *arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().strip()


class Recorder:
    """A relay between commands and service that keeps every byte the commands sent."""

    def __init__(self, port: int) -> None:
        self.sent: list[bytearray] = []
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._own = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self._own}"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def everything(self) -> bytes:
        return b"\n".join(bytes(each) for each in self.sent)

    @property
    def request_lines(self) -> list[bytes]:
        return re.findall(rb"(?:GET|POST|PUT|DELETE) \S+ HTTP/1\.1", self.everything)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._relay, args=(near,)))
            self._threads[-1].start()

    def _relay(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._port)) as far:
            self.sent.append(bytearray())
            back = threading.Thread(target=_pump, args=(far, near, lambda piece: piece))
            back.start()
            _pump(near, far, self._keeper(self.sent[-1]))
            back.join(30)

    def _keeper(self, kept: bytearray) -> Callable[[bytes], bytes]:
        ours, theirs = b"Host: 127.0.0.1:%d\r" % self._own, b"Host: 127.0.0.1:%d\r" % self._port

        def keep(piece: bytes) -> bytes:
            kept.extend(piece)
            # In development mode a service answers for its own printed host alone.
            return piece.replace(ours, theirs)

        return keep


def _pump(source: socket.socket, target: socket.socket, through: Callable[[bytes], bytes]) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(through(piece))
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    serving = Serving(tmp_path_factory.mktemp("service"), WATCHWORD_LOG_LEVEL="debug")
    yield serving
    assert serving.stop() == 0


@pytest.fixture
def desk(service: Serving, tmp_path: Path) -> Desk:
    return Desk(tmp_path / "ann", service.welcome["url"])


def test_a_file_of_several_mib_comes_out_as_it_went_in(desk: Desk) -> None:
    body = Random(1).randbytes(SIZE)
    (desk.folder / "disk.img").write_bytes(body)
    first, second = desk.share("--file", "disk.img"), desk.share("--file", "disk.img")

    piped, saved = desk.run("reveal", first), desk.run("reveal", "--output", "out", given=second.encode())

    assert piped.stdout == body
    assert (saved.returncode, saved.stdout) == (0, b"out\n")
    assert (desk.folder / "out").read_bytes() == body


@pytest.mark.timeout(300)
@pytest.mark.xdist_group("heavy")
def test_a_file_of_100_mib_goes_through_both_commands_with_the_service_in_constant_memory(tmp_path: Path) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text(f"[secrets]\nmax_file = {2 * LARGE}\nsource_kib = ''\n")
    serving = Serving(tmp_path, WATCHWORD_CONFIG=str(config))
    desk = Desk(tmp_path / "ann", serving.welcome["url"])
    digest = _write_large(desk.folder / "disk.img")
    # What a process takes once and keeps, for its first upload and download, is no growth.
    (desk.folder / "small").write_bytes(bytes(SIZE))
    desk.run("reveal", desk.share("--file", "small"))

    with Watched(serving.process.pid) as watched:
        link = desk.share("--file", "disk.img")
        done = desk.run("reveal", "--output", "out", given=link.encode())

    assert done.returncode == 0, done.stderr
    with (desk.folder / "out").open("rb") as file:
        assert digest == file_digest(file, "sha256").hexdigest()
    assert watched.looks > 20
    assert watched.growth < 32 * 1024 * 1024
    assert serving.stop() == 0


def _write_large(path: Path) -> str:
    """Write a file of 100 MiB that does not repeat; returns its hash."""
    dice, digest = Random(3), sha256()
    with path.open("wb") as file:
        for _ in range(LARGE // SIZE_OF_BLOCK):
            block = dice.randbytes(SIZE_OF_BLOCK)
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


class Watched:
    """The memory of a process and its children, looked at until the block ends."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._before = self._resident()
        self._most = self._before
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.looks = 0

    @property
    def growth(self) -> int:
        return self._most - self._before

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self._most = max(self._most, self._resident())
            self.looks += 1

    def _resident(self) -> int:
        taken: int = self._process.memory_info().rss
        for each in self._process.children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it went between the two looks
                taken += each.memory_info().rss
        return taken


def test_a_command_that_is_killed_in_the_middle_is_repeated_by_the_one_who_began_and_by_nobody_else(
    desk: Desk, tmp_path: Path
) -> None:
    body = Random(2).randbytes(SIZE)
    (desk.folder / "disk.img").write_bytes(body)
    link = desk.share("--file", "disk.img")
    reading = desk.begin("reveal", link)
    assert reading.stdout is not None
    # It has sent a part, and waits for the pipe to be read on: that is the middle.
    began = reading.stdout.read(1024 * 1024)

    reading.kill()
    reading.communicate()
    stranger = Desk(tmp_path / "eve", desk.address).run("reveal", link)
    again = desk.run("reveal", link)

    assert body.startswith(began)
    assert (stranger.returncode, stranger.stdout) == (1, b"")
    assert b"opened already" in stranger.stderr
    assert (again.returncode, again.stdout) == (0, body)
    assert desk.run("reveal", link).returncode == 1


def test_a_reader_that_goes_away_ends_nothing(desk: Desk) -> None:
    (desk.folder / "disk.img").write_bytes(bytes(SIZE))
    link = desk.share("--file", "disk.img")
    reading = desk.begin("reveal", link)
    assert reading.stdout is not None
    assert reading.stderr is not None
    reading.stdout.read(1024)
    reading.stdout.close()

    with reading:
        told = reading.stderr.read()

    assert reading.returncode == 1
    assert b"run the command again" in told
    assert desk.run("reveal", link).stdout == bytes(SIZE)


def test_a_file_that_was_altered_in_the_store_never_gets_its_name(desk: Desk, service: Serving) -> None:
    (desk.folder / "disk.img").write_bytes(bytes(SIZE))
    link = desk.share("--file", "disk.img")
    name = secret_link.read_link(link).id.hex()
    (blob,) = service.folder.rglob(f"{name}/0")
    with blob.open("r+b") as file:
        file.seek(SIZE // 2)
        byte = file.read(1)
        file.seek(SIZE // 2)
        file.write(bytes([byte[0] ^ 1]))

    done = desk.run("reveal", link, "--output", "out")

    assert done.returncode == 5
    assert sorted(path.name for path in desk.folder.iterdir()) == ["disk.img", "state"]


def test_the_service_and_what_lies_before_it_see_no_key_no_passphrase_and_no_proof_in_an_address(
    service: Serving, tmp_path: Path
) -> None:
    recorder = Recorder(int(service.welcome["url"].rpartition(":")[2]))
    desk = Desk(tmp_path / "ann", recorder.address)
    (desk.folder / "pass").write_text(PASSPHRASE)
    (desk.folder / "wrong").write_text("another passphrase")
    (desk.folder / "a.txt").write_text(TEXT * 5_000)
    told = desk.run("share", "--passphrase-file", "pass", given=TEXT.encode())
    assert told.returncode == 0, told.stderr
    link, token = told.stdout.decode().strip(), told.stderr.decode().strip().rpartition("#")[2]
    file = desk.share("--file", "a.txt")

    assert desk.run("reveal", link, "--passphrase-file", "wrong").returncode == 1
    assert desk.run("reveal", link, "--passphrase-file", "pass").stdout == TEXT.encode()
    assert desk.run("reveal", "-", given=file.encode()).stdout == (TEXT * 5_000).encode()
    assert desk.run("reveal", link, "--passphrase-file", "pass").returncode == 1
    with SecretClient(recorder.address) as client:
        assert client.status(ids.to_text(ids.SECRET, secret_link.read_link(link).id), token).outcome == "read"
    recorder.close()

    hidden = [PASSPHRASE.encode(), b"another passphrase", TEXT.encode()]
    proofs = [token.encode()]
    for each in (link, file):
        key = secret_link.read_link(each).key
        hidden += [_text(key), key, key.hex().encode()]
        proofs.append(_text(envelope.link_proof(key)))
    lines, log = b"\n".join(recorder.request_lines), service.log.encode()
    stored = b"".join(path.read_bytes() for path in service.folder.rglob("*") if path.is_file())
    claims = re.findall(rb'"claim":"([\w-]{22})"', recorder.everything)
    auths = re.findall(rb'"auth":"([\w-]{43})"', recorder.everything)
    assert len(recorder.request_lines) > 10
    assert (len(set(claims)), len(set(auths))) == (3, 2)
    assert not [each for each in hidden if each in recorder.everything or each in log or each in stored]
    assert not [each for each in (*proofs, *claims, *auths) if each in lines or each in log or each in stored]


def _text(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")

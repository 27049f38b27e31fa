"""``watchword serve``, as a process of its own: what it prints, takes, refuses and leaves behind."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cli.conftest import COMMAND, Command, Post, Serving, environment
from tests.support.ports import free_port
from watchword.adapters import key_file
from watchword.adapters.system import SystemClock, SystemEntropy
from watchword.cli.listening import CONNECTIONS, OWN_FILES, bounds_of
from watchword.core.app import write_key
from watchword.core.policy import PROFILES
from watchword.errors import SettingsError
from watchword.settings import Settings

Start = Callable[..., Serving]

LOGIN = {"channel": "email", "to": "you@example.com", "purpose": "login"}


def ask(serving: Serving, path: str, body: object = None, key: str = "", method: str = "") -> tuple[int, Any]:
    """One request; the answer's status and its JSON or text."""
    parts = urlsplit(serving.welcome["url"])
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    content = None if body is None else json.dumps(body)
    connection.request(method or ("POST" if body is not None else "GET"), path, content, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    is_json = "json" in (answer.getheader("content-type") or "")
    return answer.status, json.loads(text) if is_json else text


def pasted(serving: Serving) -> subprocess.CompletedProcess[str]:
    """What a POSIX shell makes of the printed lines, pasted as they are."""
    lines = "\n".join(serving.welcome["lines"]) + "\n"
    return subprocess.run(["sh", "-u"], input=lines, capture_output=True, text=True, timeout=60, check=False)


def seen(serving: Serving, event: str) -> list[dict[str, Any]]:
    """The events of that name, once there is one: the log is written within moments."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = [line for line in serving.events if line["event"] == event]
        if found:
            return found
        time.sleep(0.02)  # the log is another process's; there is nothing to wait on but the file
    raise AssertionError(serving.log)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def requests_counted(serving: Serving, route: str) -> float:
    text = ask(serving, "/metrics")[1]
    lines = [line for line in text.splitlines() if line.startswith("watchword_http_requests_total{")]
    return sum(float(line.split()[-1]) for line in lines if f'route="{route}"' in line)


# --- development mode ------------------------------------------------------------------------------


def test_the_printed_lines_send_a_code_read_it_and_check_it(start: Start) -> None:
    ran = pasted(start())

    made, *mail, checked = ran.stdout.strip().splitlines()
    assert "" == ran.stderr
    assert ("pending", "approved") == (json.loads(made)["status"], json.loads(checked)["status"])
    assert json.loads(made)["watchword"].split()[1] in "\n".join(mail)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_printed_lines_are_ones_that_the_profile_allows(start: Start, profile: str) -> None:
    assert '"status":"approved"' in pasted(start(WATCHWORD_PROFILE=profile)).stdout.splitlines()[-1]


def test_the_printed_lines_work_again_and_with_several_workers(start: Start) -> None:
    serving = start("--workers", "2")

    for _ in range(2):
        assert '"status":"approved"' in pasted(serving).stdout.splitlines()[-1]


def test_what_a_person_reads_holds_the_same_lines(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "serve", "--bind", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd=tmp_path,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not (lines and "/check" in lines[-1]):
            lines.append(process.stdout.readline())
        process.terminate()
    text = "".join(lines)
    assert "development mode" in text
    assert "/mailbox#" in text
    assert 3 == len([line for line in lines if "curl -sS" in line])
    assert not [line for line in lines if line.startswith(" ") and "curl" in line]


def test_nobody_reading_the_welcome_is_no_reason_to_end(tmp_path: Path) -> None:
    port = free_port()
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--bind", f"127.0.0.1:{port}"],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(),
            cwd=tmp_path,
        )
    assert process.stdout is not None
    process.stdout.close()

    with process:
        deadline = time.monotonic() + 60
        while not listens(port):
            assert time.monotonic() < deadline
            time.sleep(0.05)  # another process begins to listen; there is nothing here to wait on
        process.terminate()
        assert 0 == process.wait(60)
    assert "BrokenPipe" not in (tmp_path / "serve.log").read_text()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_in_the_first_moment_that_it_listens_ends_it_as_any_other(tmp_path: Path, workers: int) -> None:
    port = free_port()
    command = [*COMMAND, "serve", "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(), cwd=tmp_path
    ) as process:
        deadline = time.monotonic() + 60
        while not listens(port):
            assert time.monotonic() < deadline
        process.terminate()
        assert 0 == process.wait(60)


def test_a_result_that_nobody_reads_is_told_by_the_exit_code_alone(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "app", "create", "Shop"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=tmp_path,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()

    with process:
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    assert 1 == process.returncode


def test_the_development_key_is_another_one_at_each_start(start: Start) -> None:
    first = start()
    old = first.welcome["api_key"]
    assert 201 == ask(first, "/v1/verifications", LOGIN, old)[0]
    assert 0 == first.stop()

    second = start()
    assert 401 == ask(second, "/v1/verifications", LOGIN, old)[0]
    assert 201 == ask(second, "/v1/verifications", LOGIN, second.welcome["api_key"])[0]


def test_the_development_key_is_nowhere_on_disk(start: Start, tmp_path: Path) -> None:
    serving = start()
    key, token = serving.welcome["api_key"], serving.welcome["mailbox"].partition("#")[2]
    assert 201 == ask(serving, "/v1/verifications", LOGIN, key)[0]
    serving.stop()

    content = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert key.encode() not in content
    assert token.encode() not in content


def test_neither_key_nor_token_is_in_the_arguments_or_environment_of_a_worker(start: Start) -> None:
    serving = start("--workers", "2")
    children = Path(f"/proc/{serving.process.pid}/task/{serving.process.pid}/children").read_text().split()
    assert len(children) >= 2

    for child in children:
        for facts in ("cmdline", "environ"):
            content = Path(f"/proc/{child}/{facts}").read_bytes()
            assert serving.welcome["api_key"].encode() not in content
            assert serving.welcome["mailbox"].partition("#")[2].encode() not in content


def test_outside_development_mode_the_development_key_is_worth_nothing(start: Start, post: Post) -> None:
    first = start()
    key = first.welcome["api_key"]
    first.stop()

    second = start(**post.settings)
    assert "production" == second.welcome["mode"]
    assert 401 == ask(second, "/v1/verifications", LOGIN, key)[0]
    assert 404 == ask(second, "/mailbox")[0]
    assert {"version", "mode", "url", "public_url"} == set(second.welcome)


# --- with a relay ----------------------------------------------------------------------------------


def test_with_a_relay_the_commands_do_the_main_job(start: Start, post: Post, command: Command, tmp_path: Path) -> None:
    key = command("app", "create", "Shop").out
    (tmp_path / "key").write_text(key)
    serving = start(**post.settings)
    here = ("--url", serving.welcome["url"], "--key-file", str(tmp_path / "key"), "--purpose", "login")

    sent = command("send", "you@example.com", *here)
    assert 0 == sent.code
    assert sent.out.startswith("vf_")
    assert "y***@example.com" in sent.err
    code = post.code()
    verification = sent.out.strip()
    wrong = command("check", verification, "--to", "you@example.com", *here, given=f"{int(code) ^ 1:06}\n")
    assert 1 == wrong.code
    assert "Tries left: 4" in wrong.err
    right = command("check", verification, "--to", "you@example.com", *here, given=code)
    assert (0, "approved\n") == (right.code, right.out)
    again = command("check", verification, "--to", "you@example.com", *here, "--json", given=code)
    assert (1, "used") == (again.code, again.problem["reason"])

    serving.stop()
    assert code not in serving.log
    assert "T1" in seen(serving, "delivery.sent")[0]["transport"]


def test_key_and_code_may_both_come_on_standard_input(start: Start, command: Command) -> None:
    serving = start()
    key = serving.welcome["api_key"]
    here = ("--url", serving.welcome["url"], "--purpose", "login")

    sent = command("send", "you@example.com", *here, "--locale", "de", "--json", given=key).document
    ran = command("check", sent["id"], "--to", "you@example.com", *here, "--json", given=f"{key}\n123456\n")

    assert "pending" == sent["status"]
    assert re.fullmatch(r"[0-9T:-]{19}\.[0-9]{3}Z", sent["expires_at"])  # as the API writes it
    assert (1, "not_accepted") == (ran.code, ran.problem["code"])


@pytest.mark.parametrize("given", ["", "\n"])
def test_without_a_key_nothing_is_sent(command: Command, given: str) -> None:
    ran = command("send", "you@example.com", "--purpose", "login", given=given)

    assert (2, "") == (ran.code, ran.out)
    assert "API key" in ran.err


def test_a_key_given_for_its_file_is_not_repeated(command: Command) -> None:
    key = write_key(b"k" * 32)
    ran = command("send", "you@example.com", "--purpose", "login", "--key-file", key)

    assert 2 == ran.code
    assert "This wants the name of a file that holds the API key" in ran.err
    assert key[3:] not in ran.out + ran.err


def test_a_key_file_that_is_missing_is_told(command: Command) -> None:
    ran = command("send", "you@example.com", "--purpose", "login", "--key-file", "none")

    assert 2 == ran.code
    assert "API key, none, cannot be read: No such file or directory." in ran.err


def test_a_service_that_is_not_there_is_unavailable(command: Command) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        # a check is never tried twice, so this is quick
        here = ("--to", "a@b.test", "--purpose", "login", "--url", url)
        ran = command("check", "vf_" + "A" * 22, *here, given=f"wk_{'x' * 43}\n123456\n")

    assert 4 == ran.code


def test_doctor_proves_the_relay(command: Command, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    import dns.resolver  # noqa: PLC0415

    records = {
        ("acme.example", "MX"): ["10 mx.acme.example."],
        ("acme.example", "TXT"): ['"v=spf1 -all"'],
        ("_dmarc.sub.org.example", "TXT"): ['"something else"'],
        ("_dmarc.org.example", "TXT"): ['"v=DMARC1; p=reject"'],
    }

    class Record:
        def __init__(self, text: str) -> None:
            self._text = text

        def to_text(self) -> str:
            return self._text

    def resolve(name: str, kind: str, **_: object) -> list[Record]:
        if (name, kind) not in records:
            raise dns.resolver.NXDOMAIN
        return [Record(text) for text in records[name, kind]]

    monkeypatch.setattr(dns.resolver, "resolve", resolve)

    ran = command("doctor", "--json", **post.settings)
    found = [
        (finding["verdict"], finding["subject"]) for finding in ran.document if finding["subject"] in {"relay", "dns"}
    ]
    assert [("ok", "relay"), ("ok", "dns"), ("ok", "dns"), ("warning", "dns")] == found
    assert "TLSv1.3" in next(finding["text"] for finding in ran.document if finding["subject"] == "relay")
    assert "s3cret" not in ran.out + ran.err

    below = command("doctor", "--json", **post.settings | {"WATCHWORD_MAIL_FROM": "codes@mail.sub.org.example"})
    assert "_dmarc.org.example: DMARC1 found" in [finding["text"] for finding in below.document]


def test_doctor_says_why_a_relay_cannot_be_used(command: Command, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    import dns.resolver  # noqa: PLC0415

    def resolve(*_: object, **__: object) -> None:
        raise dns.resolver.NoNameservers

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    trusting_nobody_we_know = {name: text for name, text in post.settings.items() if name != "WATCHWORD_SMTP_CA"}

    ran = command("doctor", "--json", **trusting_nobody_we_know)
    found = {(finding["verdict"], finding["subject"]): finding["text"] for finding in ran.document}
    assert 4 == ran.code
    assert re.match(r"localhost:[0-9]+: tls_certificate: .* verify: .*issuer certificate", found["error", "relay"])
    assert "cannot be looked up from here" in found["note", "dns"]


# --- what it refuses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "arguments", "name"),
    [
        ({"WATCHWORD_PUBLIC_URL": "https://codes.example.com"}, [], "WATCHWORD_SMTP"),
        ({}, ["--bind", "0.0.0.0:0"], "WATCHWORD_PUBLIC_URL"),
        ({"WATCHWORD_PUBLIC_URL": "http://localhost:8000"}, ["--bind", "0.0.0.0:0"], "WATCHWORD_SMTP"),
        ({"WATCHWORD_SMTP": "smtp://relay.example", "WATCHWORD_MAIL_FROM": "a@b.example"}, [], "WATCHWORD_SMTP"),
        ({"WATCHWORD_SMTP": "smtps://relay.example", "WATCHWORD_MAIL_FROM": "nobody"}, [], "WATCHWORD_MAIL_FROM"),
        ({"WATCHWORD_STORE": "memory"}, ["--workers", "2"], "WATCHWORD_STORE"),
        ({"WATCHWORD_TYPO": "1"}, [], "WATCHWORD_TYPO"),
    ],
)
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_what_is_set_wrongly_is_one_sentence_and_exit_code_2(
    command: Command, settings: dict[str, str], arguments: list[str], name: str, workers: list[str]
) -> None:
    ran = command("serve", "--bind", "127.0.0.1:0", "--json", *workers, *arguments, **settings)

    assert (2, "") == (ran.code, ran.out)
    assert name == json.loads(ran.err.splitlines()[-1])["setting"]


def test_a_refusal_to_start_is_one_sentence_and_no_trace(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*COMMAND, "serve"],
        capture_output=True,
        text=True,
        env=environment(WATCHWORD_PUBLIC_URL="https://codes.example.com"),
        cwd=tmp_path,
        timeout=60,
        check=False,
    )

    assert (2, "") == (ran.returncode, ran.stdout)
    assert 1 == ran.stderr.count("\n")
    assert "set WATCHWORD_SMTP" in ran.stderr


def test_a_port_that_is_taken_is_told(command: Command) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = command("serve", "--bind", f"127.0.0.1:{taken.getsockname()[1]}")

    assert 2 == ran.code
    assert "Address already in use" in ran.err


def test_a_key_file_that_others_can_read_stops_it(command: Command, start: Start) -> None:
    start().stop()
    Path("watchword-data/keys.json").chmod(0o644)

    ran = command("serve", "--bind", "127.0.0.1:0")
    assert 2 == ran.code
    assert "chmod 600" in ran.err


# --- how it runs -----------------------------------------------------------------------------------


def test_what_it_makes_is_for_its_owner_alone(start: Start, tmp_path: Path) -> None:
    start().stop()

    made = [tmp_path / "watchword-data", *(tmp_path / "watchword-data").iterdir()]
    assert len(made) >= 3
    assert not [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_ends_it_in_order(start: Start, number: int, workers: str) -> None:
    serving = start("--workers", workers)

    assert 0 == serving.stop(number)
    assert "Traceback" not in serving.log


def test_what_is_said_to_the_client_survives_a_kill(start: Start) -> None:
    first = start()
    made = ask(first, "/v1/verifications", LOGIN, first.welcome["api_key"])[1]
    first.stop(signal.SIGKILL)

    second = start()
    assert 200 == ask(second, f"/v1/verifications/{made['id']}", key=second.welcome["api_key"])[0]


def test_every_line_on_standard_error_is_json_or_for_people(start: Start) -> None:
    serving = start()
    assert 404 == ask(serving, "/nowhere/%0a%1b[2J")[0]
    serving.stop()

    people = [line for line in serving.log.splitlines() if not line.startswith("{")]
    assert ["Made the key file"] == [line[:17] for line in people]
    assert "http.request" in {line["event"] for line in serving.events}


def test_workers_add_up_their_metrics(start: Start) -> None:
    serving = start("--workers", "2")
    for _ in range(20):
        ask(serving, "/healthz")

    deadline = time.monotonic() + 60
    counts = [requests_counted(serving, "/healthz")]
    while counts[-1] < 20 and time.monotonic() < deadline:
        counts.append(requests_counted(serving, "/healthz"))  # the other worker tells its figures once a second

    assert 20 == counts[-1]
    assert sorted(counts) == counts


def test_workers_leave_with_a_parent_that_was_killed(start: Start) -> None:
    serving = start("--workers", "2")
    serving.stop(signal.SIGKILL)

    port = urlsplit(serving.welcome["url"]).port
    assert port
    deadline = time.monotonic() + 60
    while listens(port):
        assert time.monotonic() < deadline, serving.log
        time.sleep(0.05)  # other processes end; there is nothing here to wait on


def test_a_hangup_brings_new_limits(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text("[limits]\nrecipient_sends = '1/10min, 10/d'\n")
    serving = start(WATCHWORD_CONFIG=str(config))
    key = serving.welcome["api_key"]
    assert [201, 429] == [ask(serving, "/v1/verifications", LOGIN, key)[0] for _ in range(2)]

    config.write_text("[limits]\nrecipient_sends = ''\n")
    serving.process.send_signal(signal.SIGHUP)
    seen(serving, "rules.reloaded")

    assert 201 == ask(serving, "/v1/verifications", LOGIN, key)[0]


def test_a_hangup_replaces_the_workers(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text("[limits]\nrecipient_sends = '1/10min, 10/d'\n")
    serving = start("--workers", "2", WATCHWORD_CONFIG=str(config))
    key = serving.welcome["api_key"]
    assert 201 == ask(serving, "/v1/verifications", LOGIN, key)[0]

    workers = [Path("/proc", each) for each in workers_of(serving)]
    masks = [(each / "status").read_text() for each in workers if b"spawn_main" in (each / "cmdline").read_bytes()]
    ignored = [int(mask, 16) & 1 for mask in re.findall(r"^SigIgn:\s+(\w+)$", "".join(masks), re.MULTILINE)]
    assert [1, 1] == ignored, "they leave it to their parent, also where a terminal tells all"

    config.write_text("[limits]\nrecipient_sends = ''\n")
    serving.process.send_signal(signal.SIGHUP)

    deadline = time.monotonic() + 60
    while ask(serving, "/v1/verifications", LOGIN, key)[0] != 201:
        assert time.monotonic() < deadline, serving.log
        time.sleep(0.1)  # workers are replaced one after the other, in processes of their own


def test_a_hangup_with_a_file_that_is_wrong_changes_nothing(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "watchword.toml"
    config.write_text("[limits]\nrecipient_sends = '1/10min, 10/d'\n")
    serving = start(WATCHWORD_CONFIG=str(config))
    key = serving.welcome["api_key"]

    config.write_text("[limits]\nrecipient_sends = 'none'\n")
    serving.process.send_signal(signal.SIGHUP)
    refused = seen(serving, "rules.refused")

    assert "limits.recipient_sends" in refused[0]["detail"]
    assert [201, 429] == [ask(serving, "/v1/verifications", LOGIN, key)[0] for _ in range(2)]


@pytest.mark.parametrize(("workers", "heard"), [("1", "rules.reloaded"), ("2", "restarting")])
def test_a_hangup_while_it_starts_waits_until_it_has(tmp_path: Path, workers: str, heard: str) -> None:
    config, later = tmp_path / "watchword.toml", tmp_path / "later.toml"
    os.mkfifo(config)
    later.touch()
    with subprocess.Popen(
        [*COMMAND, "serve", "--bind", "127.0.0.1:0", "--workers", workers],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(WATCHWORD_CONFIG=str(config)),
        cwd=tmp_path,
        text=True,
    ) as process:
        with config.open("w"):  # once it reads its settings, which it does until this is closed
            process.send_signal(signal.SIGHUP)
            later.rename(config)
        assert process.stderr
        assert any(heard in line for line in process.stderr)
        process.kill()  # workers leave with it
        process.communicate()


def test_a_hangup_brings_the_key_that_rotation_made(start: Start, command: Command) -> None:
    serving = start()
    assert 0 == command("keys", "rotate").code
    serving.process.send_signal(signal.SIGHUP)

    assert 2 == seen(serving, "rules.reloaded")[0]["current_key"]


def test_an_app_made_beside_a_running_service_is_known_at_once(start: Start, command: Command) -> None:
    serving = start()
    key = command("app", "create", "Shop").out.strip()

    assert 201 == ask(serving, "/v1/verifications", LOGIN, key)[0]


def test_it_stays_small(start: Start) -> None:
    import psutil  # noqa: PLC0415

    serving = start()
    assert 200 == ask(serving, "/metrics")[0]

    resident = psutil.Process(serving.process.pid).memory_info().rss
    assert resident < 80 << 20


# --- strangers, and rules that are wrong -----------------------------------------------------------


def test_a_head_of_any_size_is_not_read(start: Start) -> None:
    serving = start()
    port = urlsplit(serving.welcome["url"]).port
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 40_000)
        assert b" 431 " in client.recv(4_096)

    assert 200 == ask(serving, "/healthz")[0]


def test_a_process_takes_no_more_connections_than_it_has_file_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1_024, 2_048)]
    monkeypatch.setattr("resource.getrlimit", lambda _: limits[-1])
    monkeypatch.setattr("resource.setrlimit", lambda _, limit: limits.append(limit))

    bounds = bounds_of(Settings.load({}))

    assert (2_048, 2_048) == limits[-1]
    assert 2_048 - OWN_FILES == bounds.connections


def test_a_process_with_too_few_file_descriptors_to_run_on_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (24, 24))
    monkeypatch.setattr("resource.setrlimit", lambda *_: pytest.fail("it was no use"))

    with pytest.raises(SettingsError, match="may open 24 files here, and needs 64"):
        bounds_of(Settings.load({}))


def test_a_process_that_has_file_descriptors_enough_changes_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (65_536, 65_536))
    monkeypatch.setattr("resource.setrlimit", lambda *_: pytest.fail("it was enough"))

    assert CONNECTIONS == bounds_of(Settings.load({})).connections


def workers_of(serving: Serving) -> set[str]:
    return set(Path(f"/proc/{serving.process.pid}/task/{serving.process.pid}/children").read_text().split())


@pytest.mark.parametrize("wrong", ["settings", "keys", "other keys"])
def test_a_hangup_with_something_wrong_leaves_the_workers_be(start: Start, tmp_path: Path, wrong: str) -> None:
    config, keys = tmp_path / "watchword.toml", tmp_path / "watchword-data" / "keys.json"
    config.write_text("")
    serving = start("--workers", "2", WATCHWORD_CONFIG=str(config))
    before = workers_of(serving)
    assert 201 == ask(serving, "/v1/verifications", LOGIN, serving.welcome["api_key"])[0]

    if wrong == "settings":
        config.write_text("[limits]\nrecipient_sends = 'none'\n")
    elif wrong == "other keys":
        keys.unlink()
        key_file.ensure(keys, SystemEntropy().draw, SystemClock().now())
    else:
        keys.write_text("{}")
    serving.process.send_signal(signal.SIGHUP)

    refused = seen(serving, "rules.refused")
    assert ("limits.recipient_sends" if wrong == "settings" else "key file") in refused[0]["detail"]
    assert before == workers_of(serving)
    assert 201 == ask(serving, "/v1/verifications", LOGIN, serving.welcome["api_key"])[0]

"""The whole service and a real gateway: Kannel, with its own fake of a telephone network behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.service.test_races import app_id
from tests.service.test_relay import until
from tests.support.kannel import PASSWORD, Kannel, kannel, program
from tests.support.ports import free_ports
from tests.support.service import Connection, Service, code_of, get, running
from tests.support.sinks import without_fractions
from tests.support.sms import ANN, DUTIES
from tests.support.tls import Authority
from tests.support.twilio import SID, TOKEN, fake_twilio, sign

NOTICE = {"notice_acknowledged": "2026-11"}

pytestmark = pytest.mark.skipif(not Path("/usr/lib/kannel/test/fakesmsc").exists(), reason="needs kannel-extras")


def an_app(service: Service) -> tuple[Connection, bytes]:
    key = service.command("app", "create", "Acme").decode().strip()
    return Connection(service, key), app_id(service.command("app", "list", "--json"), "Acme")


async def text(connection: Connection, **more: Any) -> tuple[int, Any]:
    asked = {"channel": "sms", "to": ANN, "purpose": "binding", **NOTICE, **more}
    return await connection.ask("POST", "/v1/verifications", asked)


async def shown(gateway: Kannel, needle: str) -> str:
    """Wait for a line that telephones show."""
    async with asyncio.timeout(60):
        while True:
            line = await gateway.telephone.get()
            if needle in line:
                return line


def through(gateway: Kannel, service_port: int) -> Mapping[str, str]:
    return {"WATCHWORD_SMS_GATEWAY": gateway.url, "WATCHWORD_PUBLIC_URL": f"http://127.0.0.1:{service_port}"}


def test_a_code_goes_through_a_real_gateway_and_its_report_comes_back(tmp_path: Path) -> None:
    async def journey() -> None:
        (port,) = free_ports(1)
        async with kannel(tmp_path) as gateway:
            async with running(tmp_path, config=DUTIES, settings=through(gateway, port), port=port) as service:
                connection, app = an_app(service)
                status, made = await text(connection)
                assert (201, "+49***89", "sms") == (status, made["to"], made["channel"])
                code = code_of(service.keyring(), app, made["id"])
                line = await shown(gateway, "text")
                assert f"Acme {ANN} text Code to add this number to Acme: {code}" in line
                word = made["watchword"].split()[1]
                assert word in await shown(gateway, "shows")
                assert f"<@127.0.0.1 #{code}>" in await shown(gateway, "@127")
                sinks = [connection.heard.body]
                # The gateway may report before our courier has written down how it was handed over.
                arrived = {"status": "delivered", "transport": "T0"}
                await until(connection, made["id"], lambda s: arrived.items() <= s["deliveries"][0].items())
                status, approved = await connection.ask(
                    "POST", f"/v1/verifications/{made['id']}/check", {"code": code, "to": ANN, "purpose": "binding"}
                )
                assert (200, "approved") == (status, approved["status"])
                connection.close()
                sinks.append(without_fractions((await get(service, "/metrics")).body))
            sinks += [service.log.read_bytes(), *(file.read_bytes() for file in (tmp_path / "data").rglob("*.*"))]
            for sink in sinks:
                for secret in (code, ANN, ANN[4:], PASSWORD):
                    assert secret.encode() not in sink
            assert code not in (tmp_path / "smsbox.log").read_text().replace(f"#{code}", "").partition("text")[0]

    asyncio.run(journey())


def test_a_gateway_that_is_away_is_tried_again_and_never_replaced_by_mail(tmp_path: Path) -> None:
    async def journey() -> None:
        (port, nobody) = free_ports(2)
        settings = {"WATCHWORD_SMS_GATEWAY": f"http://u:{PASSWORD}@127.0.0.1:{nobody}/x"}
        async with running(tmp_path, config=DUTIES, settings=settings, port=port) as service:
            connection, _ = an_app(service)
            _, made = await text(connection)
            seen = await until(connection, made["id"], lambda s: s["deliveries"][0].get("reason"))
            assert ("queued", "unreachable") == (seen["deliveries"][0]["status"], seen["deliveries"][0]["reason"])
            assert {"sms"} == {each["channel"] for each in seen["deliveries"]}
            connection.close()

    asyncio.run(journey())


def test_where_the_first_provider_is_away_the_second_sends_the_same_code(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        (port,) = free_ports(1)
        config = DUTIES.replace('["gateway"]', '["twilio", "gateway"]')
        async with kannel(tmp_path) as gateway, fake_twilio(authority.valid(), 503) as fake:
            settings = {
                **through(gateway, port),
                "WATCHWORD_SMS_TWILIO": fake.url,
                "WATCHWORD_SMS_CA": str(authority.ca_file),
            }
            async with running(tmp_path, config=config, settings=settings, port=port) as service:
                connection, app = an_app(service)
                _, made = await text(connection)
                code = code_of(service.keyring(), app, made["id"])
                assert code in await shown(gateway, "text")
                await until(connection, made["id"], lambda s: s["deliveries"][0]["status"] == "delivered")
                assert 2 == fake.asked
                connection.close()

    asyncio.run(journey())


def test_a_callback_counts_under_twilios_signature_alone(tmp_path: Path) -> None:
    async def journey() -> None:
        authority = Authority(tmp_path)
        (port,) = free_ports(1)
        config = DUTIES.replace('["gateway"]', '["twilio"]')
        async with fake_twilio(authority.valid()) as fake:
            settings = {"WATCHWORD_SMS_TWILIO": fake.url, "WATCHWORD_SMS_CA": str(authority.ca_file)}
            async with running(tmp_path, config=config, settings=settings, port=port) as service:
                connection, _ = an_app(service)
                _, made = await text(connection)
                await until(connection, made["id"], lambda s: s["deliveries"][0]["status"] == "sent")
                url = fake.messages[0]["StatusCallback"]
                given = {"MessageSid": "SM0", "MessageStatus": "undelivered", "To": ANN}
                for signature in ("", sign(url, given, "another token")):
                    assert 200 == await called(service, url, given, signature)
                    _, seen = await connection.ask("GET", f"/v1/verifications/{made['id']}")
                    assert "sent" == seen["deliveries"][0]["status"]
                assert 404 == await called(service, url[:-1], given, sign(url[:-1], given))
                assert 200 == await called(service, url, given, sign(url, given))
                seen = await until(connection, made["id"], lambda s: s["status"] == "failed")
                assert ("failed", "undelivered") == (seen["deliveries"][0]["status"], seen["deliveries"][0]["reason"])
                assert "T1" == seen["deliveries"][0]["transport"]
                connection.close()
            log = service.log.read_text()
            for secret in (TOKEN, SID, ANN[4:], url.rpartition("/")[2]):
                assert secret not in log

    asyncio.run(journey())


async def called(service: Service, url: str, given: Mapping[str, str], signature: str) -> int:
    """Post a callback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    path, body = url.partition(str(service.port))[2], urlencode(given)
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\nX-Twilio-Signature: {signature}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}".encode()
    )
    answer = await reader.read()
    writer.close()
    return int(answer[9:12])


def test_the_programs_of_the_gateway_are_there() -> None:
    assert all(program(name) for name in ("bearerbox", "smsbox", "fakesmsc"))


def test_a_service_with_half_of_the_duties_does_not_start(tmp_path: Path) -> None:
    for duty in ("notice_version", "risk_assessment", "migration_plan", "alternative", "providers", "budget", "sender"):
        lines = [line for line in DUTIES.splitlines() if not line.startswith(duty)]
        service = Service(tmp_path, config="\n".join(lines), settings={"WATCHWORD_SMS_GATEWAY": "https://u:p@g.test"})
        done = service.run("serve", "--bind", "127.0.0.1:0")
        assert 2 == done.returncode
        assert f"sms.{duty}" in done.stderr.decode()

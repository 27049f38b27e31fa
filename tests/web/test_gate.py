"""Around every route: one answer, one line of log, whatever happens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.support.asgi import HOST, Reply
from tests.support.site import Site, a_request
from watchword.core.app import App
from watchword.errors import KeyringError, StoreError, TamperedError
from watchword.web.app import create_app

CREATE = "/v1/verifications"
JSON = (b"content-type", b"application/json")


def fail_with(site: Site, error: BaseException) -> None:
    """Let the next creation meet an error."""

    async def create(*_: object) -> None:
        raise error

    site.world.verifications.create = create  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("GET", CREATE, "OPTIONS, POST"),
        ("DELETE", f"{CREATE}/vf_x", "GET, HEAD, OPTIONS"),
        ("GET", f"{CREATE}/vf_x/check", "OPTIONS, POST"),
        ("PUT", "/healthz", "GET, HEAD, OPTIONS"),
        ("TRACE", "/", "GET, HEAD, OPTIONS"),
        ("POST", "/static/tokens.css", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_known_address_tells_its_methods(site: Site, method: str, target: str, allowed: str) -> None:
    reply = site.call(method, target)

    assert (405, "method_not_allowed", allowed) == (reply.status, reply.json["code"], reply.header("allow"))


@pytest.mark.parametrize(
    "target",
    ["/nothing", "/v1", f"{CREATE}/", f"{CREATE}/vf_x/", f"{CREATE}/vf_x/open", f"{CREATE}/a/b/check", "//", "", "*"],
)
def test_an_unknown_address_is_a_404_problem(site: Site, target: str) -> None:
    reply = site.post(target, {})

    assert (404, "no_such_address") == (reply.status, reply.json["code"])
    assert "application/problem+json" == reply.header("content-type")
    assert "unmatched" == site.log()[-1]["route"]


def test_head_answers_like_get_without_a_body(site: Site) -> None:
    get, head = site.call("GET", "/healthz"), site.call("HEAD", "/healthz")

    assert (200, b"", get.headers) == (head.status, head.body, head.headers)


def test_options_tells_methods_and_changes_nothing(site: Site) -> None:
    reply = site.call("OPTIONS", CREATE, a_request(), headers=[site.keyed])

    assert (200, "OPTIONS, POST", b"") == (reply.status, reply.header("allow"), reply.body)
    assert [] == [header for header, _ in reply.headers if header.startswith(b"access-control")]
    assert "verification.created" not in site.world.journal.names()


def test_every_request_is_one_line_of_log(site: Site) -> None:
    address, code = site.sent()
    site.post(f"{address}/check?utm=1", {"code": code})

    assert [
        {"method": "POST", "route": CREATE, "status": 201},
        {"method": "POST", "route": CREATE + "/{id}/check", "status": 200},
    ] == [{key: line[key] for key in ("method", "route", "status")} for line in site.log()]
    assert {"ap_"} == {line["app"][:3] for line in site.log()}
    assert {"192.0.2.7"} == {line["client"] for line in site.log()}
    assert all(line["ms"] >= 0 for line in site.log())


def test_the_log_knows_no_id_no_query_and_no_made_up_method(site: Site) -> None:
    address, _ = site.sent()
    site.get(f"{address}?secret=1")
    site.call("GARBAGE", address)

    text = str(site.log())
    assert address not in text
    assert "secret" not in text
    assert "OTHER" == site.log()[-1]["method"]


def test_no_answer_and_no_line_of_log_holds_a_code(site: Site) -> None:
    address, code = site.sent()
    replies = [site.get(address), site.post(f"{address}/check", {"code": code}), site.post(f"{address}/cancel")]

    assert not [reply for reply in replies if code in reply.text]
    assert code not in str(site.world.journal.events)
    assert site.world.key not in str(site.world.journal.events)
    assert "ann@example.com" not in str(site.world.journal.events)


@pytest.mark.parametrize("error", [StoreError("/var/lib is full"), KeyringError("key 7 is gone")])
def test_a_dependency_that_fails_is_a_503_without_detail(site: Site, error: StoreError | KeyringError) -> None:
    fail_with(site, error)

    reply = site.create()

    assert (503, error.code) == (reply.status, reply.json["code"])
    assert error.detail not in reply.text
    assert [error.detail] == [facts["detail"] for facts in site.log("http.failed")]


def test_tampered_bytes_are_an_internal_error_and_an_event(site: Site) -> None:
    fail_with(site, TamperedError("row 17"))

    reply = site.create()

    assert (500, "internal") == (reply.status, reply.json["code"])
    assert "17" not in reply.text
    assert ["TamperedError"] == [facts["error"] for facts in site.log("http.failed")]


def test_what_nobody_expected_is_a_bare_500_and_an_event_without_values(site: Site) -> None:
    fail_with(site, RuntimeError("password=hunter2"))

    reply = site.create()

    assert (500, "internal") == (reply.status, reply.json["code"])
    (event,) = site.log("http.broke")
    assert "RuntimeError" == event["error"]
    assert event["trace"][-1].endswith(" create")
    assert "hunter2" not in reply.text + str(site.world.journal.events)


def test_health_is_told_without_the_store(site: Site) -> None:
    site.health.trouble = StoreError("locked")

    assert (200, {"status": "ok"}) == ((reply := site.call("GET", "/healthz")).status, reply.json)


def test_readiness_says_why_not(site: Site) -> None:
    assert 200 == site.call("GET", "/readyz").status
    site.health.trouble = StoreError("The store's file is locked by another program.")
    site.world.clock.move(1_000)

    reply = site.call("GET", "/readyz")

    assert (503, "store_unavailable") == (reply.status, reply.json["code"])
    assert "locked by another program" in reply.json["detail"]


def test_metrics_are_what_the_sink_renders(site: Site) -> None:
    reply = site.call("GET", "/metrics")

    assert (200, b"watchword_up 1\n") == (reply.status, reply.body)
    assert "text/plain; version=0.0.4; charset=utf-8" == reply.header("content-type")


class Held:
    """A flow that takes until it is let go."""

    def __init__(self, site: Site) -> None:
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()
        self._create = site.world.verifications.create
        site.world.verifications.create = self.create  # type: ignore[method-assign]

    async def create(self, app: App, request: Any) -> Any:
        self.begun.set()
        await self.let_go.wait()
        return await self._create(app, request)


def test_a_process_with_all_the_work_it_may_take_says_so() -> None:
    with Site(max_at_once=1) as site:
        held = Held(site)

        async def story() -> tuple[Reply, Reply, Reply]:
            ask = site.wire.send
            first = asyncio.create_task(ask("POST", CREATE, a_request(), headers=[site.keyed]))
            await held.begun.wait()
            refused = await ask("POST", CREATE, a_request(), headers=[site.keyed])
            alive = await ask("GET", "/healthz")
            held.let_go.set()
            return refused, alive, await first

        refused, alive, first = site.run(story())

        assert (503, "overloaded", "1") == (refused.status, refused.json["code"], refused.header("retry-after"))
        assert [200, 201] == [alive.status, first.status]
        assert set() == site.app.watchdog.under_way


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    with Site(request_time=3) as site:
        held = Held(site)

        async def story() -> Reply:
            asking = asyncio.create_task(site.wire.send("POST", CREATE, a_request(), headers=[site.keyed]))
            await held.begun.wait()
            for _ in range(3):
                site.app.watchdog.tick()
            await asyncio.sleep(0)
            assert not asking.done()
            site.app.watchdog.tick()
            return await asking

        reply = site.run(story())

        assert (503, "timed_out") == (reply.status, reply.json["code"])
        assert set() == site.app.watchdog.under_way


def test_a_body_that_does_not_arrive_is_given_up(site: Site) -> None:
    async def story() -> Reply:
        never = site.wire.send("POST", CREATE, pieces=[], headers=[site.keyed, JSON])
        asking = asyncio.create_task(never)
        await asyncio.sleep(0)
        for _ in range(11):
            site.app.watchdog.tick()
        return await asking

    reply = site.run(story())

    assert (408, "request_timeout", "close") == (reply.status, reply.json["code"], reply.header("connection"))
    assert [408] == [line["status"] for line in site.log()]


def test_a_client_that_takes_no_answer_is_let_go(site: Site) -> None:
    async def story() -> None:
        stuck = asyncio.Event()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(_: Any) -> None:
            stuck.set()
            await asyncio.Event().wait()

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "path": "/healthz",
            "raw_path": b"/healthz",
            "query_string": b"",
            "headers": [HOST],
            "client": None,
        }
        asking = asyncio.create_task(site.app(scope, receive, send))
        await stuck.wait()
        for _ in range(11):
            site.app.watchdog.tick()
        await asking

    site.run(story())

    assert set() == site.app.watchdog.under_way


def test_a_cancellation_from_outside_stays_one(site: Site) -> None:
    held = Held(site)

    async def story() -> None:
        asking = asyncio.create_task(site.wire.send("POST", CREATE, a_request(), headers=[site.keyed]))
        await held.begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    site.run(story())

    assert set() == site.app.watchdog.under_way


def test_the_life_of_the_process_starts_and_stops_what_it_runs(site: Site) -> None:
    sent: list[str] = []

    async def story() -> None:
        coming = ["lifespan.startup", "lifespan.shutdown"]

        async def receive() -> dict[str, Any]:
            return {"type": coming.pop(0)}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await site.app({"type": "lifespan"}, receive, send)

    site.run(story())

    assert ["started", "stopped"] == site.life.steps
    assert ["lifespan.startup.complete", "lifespan.shutdown.complete"] == sent


def test_a_process_that_cannot_start_says_why() -> None:
    sent: list[dict[str, Any]] = []

    async def broken() -> None:
        raise StoreError("The store is of a newer version.")

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    with Site() as site:
        app = create_app(replace(site.services, start=broken))
        site.run(app({"type": "lifespan"}, receive, send))

    assert [{"type": "lifespan.startup.failed", "message": "The store is of a newer version."}] == sent


def test_a_socket_is_turned_away(site: Site) -> None:
    sent: list[Any] = []

    async def story() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await site.app({"type": "websocket", "path": "/"}, receive, send)

    site.run(story())

    assert ["websocket.close"] == sent


def test_the_watchdog_ticks_while_the_process_lives(site: Site) -> None:
    async def story() -> None:
        site.app.watchdog.start()
        await asyncio.sleep(0)
        await site.app.watchdog.stop()
        await site.app.watchdog.stop()

    site.run(story())

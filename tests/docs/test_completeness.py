"""Nothing is missing from the reference, and no page tells of something that is not there."""

from __future__ import annotations

import ast
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from tests.client.running import services_of
from tests.support.world import World
from watchword import errors, settings, settings_table
from watchword.adapters.log import LEVELS
from watchword.adapters.metrics import Metrics
from watchword.adapters.sqlite.database import prepare
from watchword.cli.commands import commands
from watchword.cli.policy import told
from watchword.core.delivery import DeliveryStatus
from watchword.core.departure import CHOICES
from watchword.core.policy import BALANCED, PROFILES, PURPOSES, Limits
from watchword.core.verification import Outcome, Status
from watchword.web import problems, wire, wire_authenticator, wire_enrolment, wire_magic_link, wire_notice, wire_secret
from watchword.web.app import routes

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "watchword"
PAGES = sorted(DOCS.rglob("*.md"))
API = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
EVENTS = (DOCS / "reference" / "events.md").read_text(encoding="utf-8")
RELAY = (DOCS / "how-to" / "send-through-your-relay.md").read_text(encoding="utf-8")
COMMANDS: dict[str, Any] = getattr(commands, "commands")  # noqa: B009 - a group's, which its type does not tell
STANDARDS = (DOCS / "explanation" / "standards.md").read_text(encoding="utf-8")

_EVENT = re.compile(
    r"(?:http|verification|guard|support|address|notice|authenticator|recovery|reseal|secret|delivery|courier|purge|app|key|keys|rules|task|worker|log)\.[a-z_]+"
)
_COMMAND = re.compile(r"(?:^(?:\$ )?(?:\.venv/bin/)?|`)watchword ([a-z]+)(?: ([a-z]+))?([^`\n]*)", re.MULTILINE)
_EXPORT = re.compile(r"^(?:\$ )?export (WATCHWORD_\w+)='?([^'\n]*)'?$", re.MULTILINE)

Kind = TypeVar("Kind")


def coded(text: str) -> set[str]:
    """Everything that stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def first_cells(text: str) -> set[str]:
    """What stands in backticks in the first column of any table."""
    return {code for line in text.splitlines() if line.startswith("| ") for code in coded(line.split("|")[1])}


def subclasses(kind: type[Kind]) -> list[type[Kind]]:
    below: list[type[Kind]] = kind.__subclasses__()
    return [kind, *(each for child in below for each in subclasses(child))]


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {(DOCS / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", index)}
    assert [] == [page for page in PAGES if page not in linked and page.name != "README.md"]


def test_every_route_is_in_the_reference_and_no_other() -> None:
    shown = {(route.method, route.path) for route in routes(services_of(World())) if not route.hidden}
    written = {tuple(cell.split(" ", 1)) for cell in first_cells(API) if re.match(r"(GET|POST|PUT|DELETE) /", cell)}
    assert shown == written


@pytest.mark.parametrize(
    "shape",
    [
        *(wire.NewVerification, wire.Check, wire.VerificationShown, wire.DeliveryShown, wire.Tls),
        *(wire.NewLink, wire.NewAction, wire_magic_link.Exchange, wire_magic_link.PageShown),
        *(wire_secret.NewSecret, wire_secret.SecretMade, wire_secret.SecretSeen, wire_secret.NewClaim),
        *(wire_authenticator.NewAuthenticator, wire_authenticator.AuthenticatorShown),
        *(wire_authenticator.AuthenticatorEnrolled, wire_authenticator.AuthenticatorList),
        *(wire_authenticator.RecoverySet, wire_authenticator.RecoveryUsed, wire_authenticator.SubjectCheck),
        *(wire_authenticator.NewHandover, wire_authenticator.AuthenticatorHandedOver, wire_secret.NewCode),
        *(wire_enrolment.EnrolmentShown, wire_enrolment.EnrolmentConfirmed, wire_enrolment.EnrolmentExchange),
        *(wire_enrolment.EnrolmentKey, wire_enrolment.EnrolmentProof, wire_enrolment.EnrolmentCode),
        *(wire_notice.AddressShown, wire_notice.AddressList, wire_notice.AddressNamed, wire_notice.AddressesRemoved),
        *(wire_secret.SecretGranted, wire_secret.NewAck, wire_secret.SecretStatus, wire_secret.BlobArrived),
    ],
)
def test_every_field_is_in_the_reference(shape: type[msgspec.Struct]) -> None:
    names = coded(API)
    missing = [name for name in shape.__struct_fields__ if name not in names and name != "requester"]
    assert [] == missing


@pytest.mark.parametrize(
    ("shape", "before"),
    [(wire.NewVerification, "### `POST /v1/verifications`\n"), (wire_secret.NewSecret, "`POST /v1/secrets` takes:\n")],
)
def test_a_table_of_fields_holds_those_of_its_route_and_no_other(shape: type[msgspec.Struct], before: str) -> None:
    table = API.partition(before)[2].strip().partition("\n\n")[0]
    told = {name.partition(".")[0] for name in first_cells(table)} - {"field"}

    assert set(shape.__struct_fields__) == told


def test_every_field_of_a_requester_is_in_the_reference() -> None:
    assert {f"requester.{name}" for name in wire.Requester.__struct_fields__} <= coded(API)


def test_every_problem_code_is_in_the_reference_with_its_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| ([^|]+) \|", API, re.MULTILINE)
    written = {(code, int(status)) for status, codes in rows for code in coded(codes)}
    shown = set()
    for kind in subclasses(errors.WatchwordError):
        status = problems.row_of(kind).status
        shown.add(("internal" if status == 500 else kind.code, status))
    assert shown == written


def test_every_reason_status_and_purpose_is_in_the_reference() -> None:
    names = coded(API)
    assert {kind.reason for kind in subclasses(errors.NotAcceptedError)} <= names
    assert {each.value for each in (*Status, *DeliveryStatus)} <= names
    assert set(PURPOSES) <= names


def test_every_outcome_of_a_check_is_in_the_specification() -> None:
    assert {each.value for each in Outcome} <= coded((DOCS / "spec" / "passcode.md").read_text(encoding="utf-8"))


def test_every_reason_of_a_relay_is_in_the_how_to_and_no_other() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (SOURCE / "adapters").glob("smtp*.py"))
    tree = ast.parse((SOURCE / "adapters" / "smtp_connection.py").read_text(encoding="utf-8"))
    table = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "_FAILURES"
    )
    assert isinstance(table, ast.Tuple)
    tabled = {ast.literal_eval(row.elts[1]) for row in table.elts if isinstance(row, ast.Tuple)}
    written = {cell for cell in first_cells(RELAY) if re.fullmatch(r"[a-z0-9_]+", cell)}
    assert written == tabled | set(re.findall(r'reason="(\w+)"', text))


def texts_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def recorded() -> set[str]:
    """The events that the source names: every text that looks like one."""
    texts = set[str]().union(*map(texts_of, SOURCE.rglob("*.py")))
    return {text for text in texts if _EVENT.fullmatch(text)} - {"keys.json"} | set(LEVELS)


def test_every_event_is_in_the_reference_and_no_other() -> None:
    written = {cell for cell in first_cells(EVENTS) if re.fullmatch(r"[a-z]+\.[a-z_]+", cell)}
    assert recorded() == written


def test_the_reference_gives_every_event_its_level() -> None:
    for line in EVENTS.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 4 and "." in cells[0]:
            for event in coded(cells[0]):
                assert LEVELS.get(event, "info") == cells[1], event


def test_every_metric_is_in_the_reference_and_no_other() -> None:
    metrics = Metrics(lambda: {"sqlite": {"queue_depth": 0, "batches": 0, "operations": 0}})
    metrics.record("http.request", method="GET", route="/healthz", status=200, ms=1.0)
    metrics.record("verification.created", channel="email", purpose="login")
    metrics.record("delivery.sent", transport="T1")
    metrics.record("purge.done", rows=1)
    metrics.record("guard.blocked", reason="range", country="DE")
    types = re.findall(r"^# TYPE (\w+) (counter|gauge|histogram)$", metrics.render().decode(), re.MULTILINE)
    shown = {name for name, _ in types if not name.endswith("_created")}
    written = {cell for cell in first_cells(EVENTS) if cell.startswith("watchword_")}
    assert shown == written


def test_every_departure_of_the_profile_is_told() -> None:
    table = STANDARDS.partition("<!-- departures: begin -->")[2].partition("<!-- departures: end -->")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.strip().splitlines()[2:]]
    assert dict(BALANCED.departures) == dict(rows)


def table_of(name: str) -> list[list[str]]:
    """The rows of a table of the page on standards, its head first, without marks for code."""
    table = STANDARDS.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
    lines = table.strip().splitlines()
    return [[cell.strip().replace("`", "") for cell in line.split("|")[1:-1]] for line in (lines[0], *lines[2:])]


def test_the_table_of_profiles_is_the_one_that_holds() -> None:
    head, *rows = table_of("profiles")
    shown = {name: [row[column] for row in rows] for column, name in enumerate(head) if name}
    held = {
        name: [
            *(told(each.table.get(("email", purpose))) for purpose in PURPOSES),
            told(each.sms.get("login")),
            "served" if each.voip else "refused",
            *(str(figure) for figure in (each.attempts, each.failure_ceiling, each.skew)),
            ", ".join(each.clauses) or "nothing",
            each.claim,
        ]
        for name, each in PROFILES.items()
    }
    assert held == shown
    assert [f"email for {purpose}" for purpose in PURPOSES] == [row[0] for row in rows[: len(PURPOSES)]]


def test_everything_that_may_be_departed_from_is_told_with_its_clauses() -> None:
    _, *rows = table_of("choices")
    clauses = {
        name: ", ".join(dict.fromkeys(each.clauses[name] for each in PROFILES.values() if name in each.clauses))
        for name in CHOICES
    }
    assert [[f"departures.{name}", text, clauses[name]] for name, text in CHOICES.items()] == rows


def test_limits_are_told_with_their_figures() -> None:
    spec = (DOCS / "spec" / "passcode.md").read_text(encoding="utf-8")
    defaults = {setting.name: setting.default for setting in settings_table.FILE}
    for name in Limits._fields:
        assert not defaults[f"limits.{name}"] or defaults[f"limits.{name}"] in spec


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_a_page_names_only_settings_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {setting.name for setting in settings_table.ENVIRONMENT}
    assert set(re.findall(r"WATCHWORD_[A-Z_]+[A-Z]", text)) <= known
    structured = {setting.name for setting in settings_table.FILE}
    assert {
        name for name in coded(text) if re.fullmatch(r"(limits|server|mail|secrets|departures|sms)\.[a-z_]+", name)
    } <= structured


def typed() -> list[tuple[Path, str, str, str]]:
    """Every command that a page tells to type: page, command, what follows, the rest of the line."""
    return [(page, *found) for page in PAGES for found in _COMMAND.findall(page.read_text(encoding="utf-8"))]


def test_pages_name_only_commands_that_exist() -> None:
    for page, first, second, _ in typed():
        command = COMMANDS.get(first)
        assert command is not None, f"{page.name}: {first}"
        inner = getattr(command, "commands", None)
        assert inner is None or not second or second in inner, f"{page.name}: {first} {second}"
    assert len(typed()) >= 15


def test_pages_name_only_options_that_exist() -> None:
    for page, first, second, rest in typed():
        command = getattr(COMMANDS[first], "commands", {}).get(second, COMMANDS[first])
        options = {option for each in command.params for option in each.opts} | {"--help"}
        assert set(re.findall(r"(?<= )--[a-z][a-z-]*", rest)) <= options, f"{page.name}: {first} {second}"


def test_the_settings_that_pages_export_can_be_used_together() -> None:
    exports: dict[str, str] = {}
    for page in PAGES:
        exports |= dict(_EXPORT.findall(page.read_text(encoding="utf-8")))
    loaded = settings.Settings.load(exports)
    assert not loaded.development
    assert len(exports) >= 7


def test_the_file_that_the_reference_shows_is_one_that_starts(tmp_path: Path) -> None:
    page = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (profile,) = re.findall(r"WATCHWORD_PROFILE=([a-z0-9-]+)", example)
    (tmp_path / "watchword.toml").write_text(example, encoding="utf-8")
    given = {"WATCHWORD_CONFIG": str(tmp_path / "watchword.toml"), "WATCHWORD_PROFILE": profile}

    assert [chosen.name for chosen in settings.Settings.load(given).rules.chosen] == ["email_login"]


def test_the_statements_for_a_restored_database_are_ones_it_takes(tmp_path: Path) -> None:
    page = (DOCS / "how-to" / "back-up-and-restore.md").read_text(encoding="utf-8")
    (script,) = re.findall(r'^sqlite3 \S+ "(DELETE[^"]+)"$', page, re.MULTILINE)
    prepare(tmp_path / "watchword.db")
    with closing(sqlite3.connect(tmp_path / "watchword.db")) as connection:
        connection.executescript(script)

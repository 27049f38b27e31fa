"""``watchword doctor``: looks at everything the service needs and says what is wrong, each in one line.

Four verdicts: ok, note (worth knowing), warning (works, and should not stay so), error (does not work). Errors make
exit code 2 if settings or files must change, 4 if something does not answer.

Rules:

* nothing is sent, nothing is made, and no schema is changed: a store of this version's schema is asked to write its
  heartbeat, as ``/readyz`` does, and any other is only read;
* no secret is printed;
* what cannot be looked up from here is a note.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from watchword import bootstrap
from watchword.adapters.letter import MailFrom
from watchword.bootstrap.storage import ServerSchema
from watchword.cli import console, exits
from watchword.errors import DeliveryError, SettingsError, UnavailableError
from watchword.settings import Settings

if TYPE_CHECKING:
    from watchword.adapters.valkey import FastServer

LOW_SPACE = 1 << 30  # bytes free on the disk of the database
_MIB = 1 << 20
_LOOKUP = 3.0  # seconds for one DNS question


class Finding(NamedTuple):
    """One line: verdict, what was looked at, what was found."""

    verdict: str
    subject: str
    text: str
    exit_code: int = exits.OK


def doctor(environ: Mapping[str, str], *, data: str | None, as_json: bool) -> int:
    """Look at everything; returns the exit code."""
    findings = list(_findings(environ, data))
    lines = [f"{finding.verdict:8}{finding.subject:10}{finding.text}" for finding in findings]
    document = [{"verdict": finding.verdict, "subject": finding.subject, "text": finding.text} for finding in findings]
    console.result("\n".join(lines), document, as_json=as_json)
    return max(finding.exit_code for finding in findings)


def _findings(environ: Mapping[str, str], data: str | None) -> Iterator[Finding]:
    try:
        settings = Settings.load(environ, data=data)
    except SettingsError as error:
        yield _refused("settings", error)
        return
    mode = "development mode: mail goes to /mailbox" if settings.development else "a relay is configured"
    yield Finding("ok", "settings", f"{settings.server.bind}, {settings.server.public_url}, {mode}")
    yield from _key_file(settings)
    yield from asyncio.run(_store(settings))
    yield from asyncio.run(_fast(settings))
    yield from asyncio.run(_relay(settings))
    yield from _sender(settings)
    for clause, departure in settings.rules.profile.departures.items():
        yield Finding("note", "policy", f"{settings.rules.profile.name} departs from {clause}: {departure}")
    for chosen in settings.rules.chosen:
        yield Finding("note", "policy", f"you depart from {chosen.clause}: {chosen.text} Reason: {chosen.reason}")


def _refused(subject: str, error: SettingsError) -> Finding:
    return Finding("error", subject, f"{error.detail}{console.advice(error)}", exits.USAGE)


def _key_file(settings: Settings) -> Iterator[Finding]:
    path = settings.storage.key_file
    try:
        if not bootstrap.keys_are_there(settings):
            with suppress(UnavailableError):  # a store that does not answer is told as such
                bootstrap.refuse_lost_keys(settings)
            yield Finding("note", "keys", f"{path} does not exist yet; the first `watchword serve` makes it")
            return
        keys = bootstrap.key_listing(settings)
    except SettingsError as error:
        yield _refused("keys", error)
        return
    current = next(number for number, _, is_current in keys if is_current)
    yield Finding("ok", "keys", f"{len(keys)} in {path}, current {current}")
    try:
        bootstrap.try_keys(settings)
    except SettingsError as error:
        yield _refused("keys", error)
    database = settings.storage.database
    if database is not None and database.resolve().parent == path.resolve().parent:
        text = "the key file lies beside the database, where one backup takes both: set WATCHWORD_KEY_FILE"
        yield Finding("warning", "keys", text)


async def _store(settings: Settings) -> list[Finding]:
    database = settings.storage.database
    if settings.storage.server is not None:
        return await _server(settings)
    if database is None:
        return [Finding("warning", "store", "memory: everything is gone with the process")]
    try:
        if not bootstrap.database_is_there(settings):
            return [_yet_to_be_made(database)]
        found = await _schema(settings, database)
    except UnavailableError as error:
        return [Finding("error", "store", error.detail, exits.UNAVAILABLE)]
    except SettingsError as error:
        return [_refused("store", error)]
    free = shutil.disk_usage(database.parent).free
    text = f"{free / (1 << 30):.1f} GiB are free"
    return [found, Finding("warning" if free < LOW_SPACE else "ok", "disk", text)]


def _yet_to_be_made(database: Path) -> Finding:
    above = next(folder for folder in database.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        why = "may not be written by this user" if above.is_dir() else "is no folder"
        return Finding("error", "store", f"{database} cannot be made: {above} {why}", exits.USAGE)
    return Finding("note", "store", f"{database} does not exist yet; the first `watchword serve` makes it")


async def _schema(settings: Settings, database: Path) -> Finding:
    """Look at the schema, and only where it is this version's, write: opening any other would change it."""
    schema = bootstrap.schema_of(settings)
    if schema is None:
        return Finding("note", "store", f"{database} is gone again")
    numbers = f"{database} has schema {schema.written}, this version writes {schema.known}"
    if schema.written > schema.known:
        return Finding("error", "store", f"{numbers}: a newer version wrote it, and this one refuses it", exits.USAGE)
    if schema.written < schema.known:
        return Finding("note", "store", f"{numbers}: `watchword migrate` (or the next serve) upgrades it")
    await _ping(settings)
    return Finding("ok", "store", f"{database} can be read and written, schema {schema.written}")


async def _server(settings: Settings) -> list[Finding]:
    """Look at a database server. As with a file, what this version does not know is only read."""
    try:
        found = await bootstrap.server_schema_of(settings)
        assert found is not None  # noqa: S101 (asked for only where there is one)
        findings = [await _server_schema(settings, found)]
    except UnavailableError as error:
        return [Finding("error", "store", error.detail, exits.UNAVAILABLE)]
    except SettingsError as error:
        return [_refused("store", error)]
    if found.is_open:
        text = "sslmode=disable: whoever is on the network between reads along, the password included"
        findings.append(Finding("warning", "store", text))
    return findings


async def _server_schema(settings: Settings, found: ServerSchema) -> Finding:
    numbers = f"{found.place} has schema {found.written}, this version writes {found.known}"
    if found.oldest > found.known:
        return Finding("error", "store", f"{numbers}: a newer version wrote it, and this one refuses it", exits.USAGE)
    if found.written < found.known:
        return Finding("note", "store", f"{numbers}: `watchword migrate` (or the next serve) upgrades it")
    await _ping(settings)
    return Finding("ok", "store", f"{found.place} can be read and written, schema {found.written}")


async def _ping(settings: Settings) -> None:
    store = bootstrap.open_durable(settings)
    await store.open()
    try:
        await store.ping()
    finally:
        await store.aclose()


async def _fast(settings: Settings) -> list[Finding]:
    """Look at Valkey, or at every master of a cluster."""
    try:
        servers = await bootstrap.fast_servers(settings)
    except UnavailableError as error:
        return [Finding("error", "fast", error.detail, exits.UNAVAILABLE)]
    except SettingsError as error:
        return [_refused("fast", error)]
    return [finding for server in servers for finding in _fast_server(server)]


def _fast_server(server: FastServer) -> Iterator[Finding]:
    room = f"of {server.room / _MIB:.0f} MiB" if server.room else "without a limit"
    yield Finding("ok", "fast", f"{server.place} can be written, {server.version}, {server.used / _MIB:.0f} MiB {room}")
    if server.is_open:
        text = "valkey:// is not encrypted: whoever is on the network between reads along; write valkeys://"
        yield Finding("warning", "fast", f"{server.place}: {text}")
    if server.policy != "noeviction":
        text = f"maxmemory-policy {server.policy} drops verifications that are waited for: set noeviction"
        yield Finding("warning", "fast", f"{server.place}: {text}")


async def _relay(settings: Settings) -> list[Finding]:
    if settings.development:
        return [Finding("note", "relay", "none: set WATCHWORD_SMTP to send mail")]
    try:
        relay = bootstrap.open_relay(settings)
    except SettingsError as error:
        return [_refused("relay", error)]
    assert relay is not None  # noqa: S101 (not development)
    place = relay.place
    try:
        receipt = await relay.ping()
    except DeliveryError as error:
        return [Finding("error", "relay", f"{place}: {error.reason}: {error.detail}", exits.UNAVAILABLE)]
    finally:
        await relay.aclose()
    tls = receipt.tls
    proven = f"{tls.version}, {tls.cipher}, certificate {tls.fingerprint[:16]}…" if tls else receipt.transport
    return [Finding("ok", "relay", f"{place}: {proven}")]


# --- the sender's domain ---------------------------------------------------------------------------


def _sender(settings: Settings) -> Iterator[Finding]:
    """What receivers will look up about the domain that mail comes from."""
    if not settings.mail.sender:
        return
    try:
        domain = MailFrom.parse(settings.mail.sender).domain
    except SettingsError as error:
        yield _refused("sender", error)
        return
    yield _record(domain, "MX", "", "no MX record: answers and bounces have nowhere to go")
    yield _record(domain, "TXT", "v=spf1", "no SPF record: receivers may refuse the mail")
    yield _dmarc(domain)


def _dmarc(domain: str) -> Finding:
    """What the domain says of mail that only pretends to be from it, or a domain above it says for it (RFC 9989)."""
    missing = "no DMARC record: anybody may pretend to be the sender"
    found = _record(f"_dmarc.{domain}", "TXT", "v=DMARC1", missing)
    above = domain.partition(".")[2]
    while found.verdict == "warning" and "." in above:
        higher = _record(f"_dmarc.{above}", "TXT", "v=DMARC1", missing)
        found = found if higher.verdict == "warning" else higher
        above = above.partition(".")[2]
    return found


def _record(name: str, kind: str, begins: str, missing: str) -> Finding:
    """Look one record up."""
    import dns.exception  # noqa: PLC0415 (a fifth of a second, for this command alone)
    import dns.resolver  # noqa: PLC0415

    what = begins.removeprefix("v=") or kind
    try:
        answer = dns.resolver.resolve(name, kind, lifetime=_LOOKUP)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Finding("warning", "dns", f"{name}: {missing}")
    except (dns.exception.DNSException, OSError):
        return Finding("note", "dns", f"{name}: {what} cannot be looked up from here")
    texts = [record.to_text().strip('"') for record in answer]
    if any(text.startswith(begins) for text in texts):
        return Finding("ok", "dns", f"{name}: {what} found")
    return Finding("warning", "dns", f"{name}: {missing}")

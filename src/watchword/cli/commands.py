"""All commands and their options, on one page. docs/reference/cli.md is held to it by a test.

Each command's work is in the module of its name, imported when the command runs: what `doctor` needs (DNS) or
`send` needs (an HTTP client) must not slow the start of `serve`.
"""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer import Argument, Option
from typer.core import TyperCommand

from watchword.core.policy import PURPOSES
from watchword.settings import Settings

_root = typer.Typer(
    name="watchword",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_app = typer.Typer(help="Apps and their API keys.", no_args_is_help=True, rich_markup_mode=None)
_limits = typer.Typer(help="Limits of one recipient, for support.", no_args_is_help=True, rich_markup_mode=None)
_keys = typer.Typer(help="The server's own keys.", no_args_is_help=True, rich_markup_mode=None)
_totp = typer.Typer(help="Authenticator apps.", no_args_is_help=True, rich_markup_mode=None)
_root.add_typer(_app, name="app")
_root.add_typer(_totp, name="totp")
_root.add_typer(_keys, name="keys")
_root.add_typer(_limits, name="limits")

Json = Annotated[bool, Option("--json", help="Print the result, and errors, as JSON.")]
Directory = Annotated[
    str | None, Option("--data", metavar="PATH", help="The data directory, instead of WATCHWORD_DATA.")
]
Url = Annotated[
    str,
    Option(
        "--url",
        metavar="URL",
        envvar="WATCHWORD_PUBLIC_URL",
        show_envvar=False,
        help="Where the service is, instead of WATCHWORD_PUBLIC_URL.",
    ),
]
KeyFile = Annotated[
    Path | None,
    Option("--key-file", metavar="PATH", help="A file with the API key. Without it: the first line of standard input."),
]
PassphraseFile = Annotated[Path | None, Option("--passphrase-file", metavar="PATH", help="A file with the passphrase.")]
# The parser reads its choices from the type, and a type cannot be made of PURPOSES; a test compares the two.
Purposes = Literal["login", "step_up", "address_confirmation", "recovery", "binding"]
Purpose = Annotated[Purposes, Option("--purpose", metavar="PURPOSE", help=f"What it is for: {', '.join(PURPOSES)}.")]
Name = Annotated[str, Argument(metavar="NAME", help="The app's name or id.")]
NewName = Annotated[str, Argument(metavar="NAME", help="What the app is called, in its mails and pages, too.")]
Recipient = Annotated[str, Argument(metavar="RECIPIENT", help="The email address, or a number as +49….")]
RedirectUris = Annotated[
    list[str] | None, Option("--redirect-uri", metavar="URI", help="An address people may be sent back to. Repeatable.")
]

_LOCAL = "http://127.0.0.1:8000"


class _Plain(TyperCommand):
    """A command whose usage line names its arguments as its help does: ADDRESS, not {ADDRESS}."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401 (typer keeps the type of ctx to itself)
        """The words after the command's name."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


def _settings(data: str | None = None, bind: str | None = None) -> Settings:
    return Settings.load(os.environ, data=data, bind=bind)


def _show_version(asked: bool) -> None:
    if asked:
        print(version("watchword"))
        raise typer.Exit


@_root.callback()
def root(
    _version: Annotated[
        bool, Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Short-lived secrets, handed over properly: passcodes by email, and links that open once."""


@_root.command()
def serve(
    bind: Annotated[
        str | None, Option("--bind", metavar="HOST:PORT", help="Where to listen, instead of WATCHWORD_BIND.")
    ] = None,
    data: Directory = None,
    workers: Annotated[
        int, Option("--workers", metavar="N", min=1, max=64, help="Processes that answer requests.")
    ] = 1,
    no_courier: Annotated[
        bool, Option("--no-courier", help="Leave delivery to `watchword courier`, which then must run somewhere.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the service."""
    from watchword.cli.serve import serve as run  # noqa: PLC0415

    run(_settings(data, bind), data=data, workers=workers, delivers=not no_courier, as_json=as_json)


@_root.command(short_help="Deliver what is to be sent, in a process of its own.")
def courier(
    bind: Annotated[
        str | None,
        Option("--bind", metavar="HOST:PORT", help="Where to answer /healthz, /readyz and /metrics; else nowhere."),
    ] = None,
    data: Directory = None,
    as_json: Json = False,
) -> None:
    """Deliver what is to be sent, apart from the processes that answer requests."""
    from watchword.cli.courier import courier as run  # noqa: PLC0415

    run(_settings(data), bind=bind, data=data, as_json=as_json)


@_root.command(cls=_Plain)
def send(
    to: Annotated[str, Argument(metavar="ADDRESS", help="The email address.")],
    purpose: Purpose,
    url: Url = _LOCAL,
    key_file: KeyFile = None,
    locale: Annotated[str | None, Option("--locale", metavar="TAG", help="The language, as en or de-AT.")] = None,
    as_json: Json = False,
) -> None:
    """Send a passcode and print the id of the verification."""
    from watchword.cli import passcode  # noqa: PLC0415

    passcode.send(url, key_file, to=to, purpose=purpose, locale=locale, as_json=as_json)


@_root.command(cls=_Plain)
def check(
    verification: Annotated[str, Argument(metavar="ID", help="The id that `send` printed.")],
    purpose: Purpose,
    to: Annotated[str, Option("--to", metavar="ADDRESS", help="The address it was sent to.")],
    url: Url = _LOCAL,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Check a passcode, read from standard input. Exit code 0 means accepted."""
    from watchword.cli import passcode  # noqa: PLC0415

    passcode.check(url, key_file, verification, purpose=purpose, to=to, as_json=as_json)


@_root.command(short_help="Seal a secret and print a link that opens it.")
def share(  # noqa: PLR0913, PLR0917 - one argument an option
    ttl: Annotated[
        str | None, Option("--ttl", metavar="TIME", help="How long it can be opened: 30m, 24h, 7d. Else a day.")
    ] = None,
    views: Annotated[int, Option("--views", metavar="N", min=1, max=100, help="How often it can be opened.")] = 1,
    passphrase_file: PassphraseFile = None,
    file: Annotated[
        list[Path] | None, Option("--file", metavar="PATH", help="A file to share instead. Repeatable.")
    ] = None,
    totp: Annotated[
        bool, Option("--totp", help="It is an authenticator's key: check it, and hand it over as one.")
    ] = False,
    login: Annotated[
        bool, Option("--login", help="It is a login, password first; the key of its authenticator gets a second link.")
    ] = False,
    label: Annotated[
        str | None, Option("--label", metavar="TEXT", help="A line for the reader, sealed with the secret.")
    ] = None,
    server: Annotated[
        str,
        Option(
            "--server",
            metavar="URL",
            envvar="WATCHWORD_SERVER",
            show_envvar=False,
            help="The service that keeps it, instead of WATCHWORD_SERVER.",
        ),
    ] = _LOCAL,
    key_file: Annotated[
        Path | None, Option("--key-file", metavar="PATH", help="A file with an API key, where the service wants one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Seal what is on standard input and print a link that opens it, alone."""
    from watchword.cli import share as sharing  # noqa: PLC0415

    sharing.share(sharing.Asked(server, ttl, views, passphrase_file, file or [], totp, login, label, key_file, as_json))


@_root.command(cls=_Plain)
def reveal(
    link: Annotated[
        str | None, Argument(metavar="LINK", help="The link; without it or with -, a line of standard input.")
    ] = None,
    output: Annotated[
        str | None,
        Option("--output", metavar="PATH", help="A file or folder to write to, instead of standard output."),
    ] = None,
    qr: Annotated[bool, Option("--qr", help="Draw an authenticator's key as a QR code.")] = False,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> int:
    """Open a link, once, and write what is in it to standard output."""
    from watchword.cli import reveal as revealing  # noqa: PLC0415

    place = None if output is None else Path(output)
    into_folder = output is not None and output.endswith("/")  # which a Path forgets
    return revealing.reveal(revealing.Asked(link, place, qr, passphrase_file, as_json, into_folder))


@_root.command()
def doctor(
    data: Directory = None,
    assets: Annotated[
        bool, Option("--assets", help="Print the SHA-256 of every page and asset that browsers are given, and exit.")
    ] = False,
    policy: Annotated[
        bool, Option("--policy", help="Print the profile, the departures from it and from the standards, and the odds.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Look at everything the service needs and say what is wrong."""
    if policy:
        from watchword.cli.policy import show as show_policy  # noqa: PLC0415

        show_policy(_settings(data), as_json=as_json)
        return 0
    if assets:
        from watchword.cli.assets import show  # noqa: PLC0415

        show(as_json=as_json)
        return 0
    from watchword.cli.doctor import doctor as run  # noqa: PLC0415

    return run(os.environ, data=data, as_json=as_json)


@_root.command()
def migrate(data: Directory = None, as_json: Json = False) -> None:
    """Bring the store's schema up to date and exit. `serve` does the same when it starts."""
    from watchword.cli.migrate import migrate as run  # noqa: PLC0415

    run(_settings(data), as_json=as_json)


@_app.command("create", cls=_Plain)
def app_create(name: NewName, redirect_uri: RedirectUris = None, data: Directory = None, as_json: Json = False) -> None:
    """Make an app and print its first API key, alone."""
    from watchword.cli import app  # noqa: PLC0415

    app.create(_settings(data), name, redirect_uri or [], as_json=as_json)


@_app.command("list")
def app_list(data: Directory = None, as_json: Json = False) -> None:
    """List the apps with the hints of their keys."""
    from watchword.cli import app  # noqa: PLC0415

    app.show(_settings(data), as_json=as_json)


@_app.command("key", cls=_Plain)
def app_key(
    name: Name,
    replace: Annotated[bool, Option("--replace", help="Revoke all earlier keys in the same step.")] = False,
    data: Directory = None,
    as_json: Json = False,
) -> None:
    """Make another API key for an app and print it, alone."""
    from watchword.cli import app  # noqa: PLC0415

    app.add_key(_settings(data), name, replace=replace, as_json=as_json)


@_app.command("revoke", cls=_Plain)
def app_revoke(
    name: Name,
    hint: Annotated[str, Argument(metavar="HINT", help="The first 7 characters of the key, as `app list` shows them.")],
    data: Directory = None,
    as_json: Json = False,
) -> None:
    """Revoke an API key. It is refused everywhere within a second."""
    from watchword.cli import app  # noqa: PLC0415

    app.revoke(_settings(data), name, hint, as_json=as_json)


@_app.command("update", cls=_Plain)
def app_update(
    name: Name,
    new_name: Annotated[str | None, Option("--name", metavar="NAME", help="A new name.")] = None,
    redirect_uri: RedirectUris = None,
    data: Directory = None,
    as_json: Json = False,
) -> None:
    """Rename an app, or replace its redirect addresses by those given."""
    from watchword.cli import app  # noqa: PLC0415

    app.update(_settings(data), name, new_name=new_name, redirect_uris=redirect_uri, as_json=as_json)


@_totp.command("import", cls=_Plain, short_help="Import authenticators out of a table.")
def totp_import(
    name: Name,
    file: Annotated[
        Path | None, Option("--file", metavar="PATH", help="The table. Without it: standard input.")
    ] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Tell what would be imported, and write nothing.")] = False,
    skip_bad: Annotated[bool, Option("--skip-bad", help="Import the others although a row cannot be used.")] = False,
    data: Directory = None,
    as_json: Json = False,
) -> None:
    """Import authenticators of an app's people from otpauth URIs, CSV or JSON, all or none."""
    from watchword.cli import totp  # noqa: PLC0415

    totp.import_table(_settings(data), name, file, dry_run=dry_run, skip_bad=skip_bad, as_json=as_json)


@_totp.command("handover", cls=_Plain, short_help="Print a link at which somebody sets one up.")
def totp_handover(  # noqa: PLR0913, PLR0917 - one argument an option
    subject: Annotated[str, Argument(metavar="SUBJECT", help="Whose authenticator it will be: your app's own name.")],
    label: Annotated[str | None, Option("--label", metavar="TEXT", help="What it is listed as.")] = None,
    issuer: Annotated[
        str | None, Option("--issuer", metavar="TEXT", help="What their app shows as the service.")
    ] = None,
    account: Annotated[str | None, Option("--account", metavar="TEXT", help="What it shows as the account.")] = None,
    ttl: Annotated[
        str | None, Option("--ttl", metavar="TIME", help="How long the link lives: 30m, 24h, 7d. Else a day.")
    ] = None,
    rotate_by: Annotated[
        str | None, Option("--rotate-by", metavar="DAY", help="When you mean to make a new key: 2027-05-31.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    url: Url = _LOCAL,
    key_file: KeyFile = None,
    as_json: Json = False,
) -> None:
    """Make an authenticator for somebody and print the link at which they set it up and confirm it."""
    from watchword.cli import handover  # noqa: PLC0415

    handover.hand_over(
        handover.Asked(url, subject, label, issuer, account, ttl, rotate_by, passphrase_file, key_file, as_json)
    )


@_keys.command("rotate")
def keys_rotate(data: Directory = None, as_json: Json = False) -> None:
    """Add a key to the key file and make it current. Earlier keys stay valid for what they made."""
    from watchword.cli import keys  # noqa: PLC0415

    keys.rotate(_settings(data), as_json=as_json)


@_keys.command("list")
def keys_list(data: Directory = None, as_json: Json = False) -> None:
    """List the numbers of the keys in the key file."""
    from watchword.cli import keys  # noqa: PLC0415

    keys.show(_settings(data), as_json=as_json)


@_limits.command("show", cls=_Plain, short_help="Print the limits of a recipient in an app.")
def limits_show(name: Name, to: Recipient, data: Directory = None, as_json: Json = False) -> None:
    """Print the limits of a recipient in an app, and how long each still refuses."""
    from watchword.cli import limits  # noqa: PLC0415

    limits.show(_settings(data), name, to, as_json=as_json)


@_limits.command("reset", cls=_Plain)
def limits_reset(
    name: Name,
    to: Recipient,
    block: Annotated[
        bool,
        Option("--block", help="Of a number: what its block and range did, too. Opens them for all their numbers."),
    ] = False,
    data: Directory = None,
    as_json: Json = False,
) -> None:
    """Let a recipient have codes again, and write down who asked for it."""
    from watchword.cli import limits  # noqa: PLC0415

    limits.reset(_settings(data), name, to, block=block, as_json=as_json)


commands = typer.main.get_command(_root)

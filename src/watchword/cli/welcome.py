"""What ``serve`` says once it is ready: where it is and, in development mode, how to do the main job at once.

Rules: the three lines can be pasted into a POSIX shell as they are and need nothing but curl, sed and grep; a test
runs exactly what is printed. Outside development mode nothing printed here is a secret.
"""

from __future__ import annotations

from importlib.metadata import version

from watchword.bootstrap import Minted
from watchword.cli import console
from watchword.core.policy import PURPOSES, Rules
from watchword.settings import Settings

TO = "you@example.com"
_ID = r's/.*"id" *: *"\([^"]*\)".*/\1/p'
JSON = "-H 'Content-Type: application/json'"


def welcome(settings: Settings, minted: Minted | None, *, as_json: bool) -> None:
    """Print where the service is."""
    local = f"http://{settings.server.local}"
    document: dict[str, object] = {
        "version": version("watchword"),
        "mode": "development" if minted else "production",
        "url": local,
        "public_url": settings.server.public_url,
    }
    if minted is None:
        text = f"Watchword {version('watchword')} listens on {local} and is reached at {settings.server.public_url}."
        console.result(text, document, as_json=as_json)
        return
    lines = curl_lines(local, minted, first_purpose(settings.rules))
    document |= {"api_key": minted.api_key, "mailbox": mailbox(local, minted), "lines": lines}
    text = f"""
Watchword {version("watchword")} in development mode: no relay is configured, so mail goes to a mailbox page.

  Service    {local}
  Mailbox    {mailbox(local, minted)}
  API key    {minted.api_key}
             (of the app `default`; a new one at each start)

Send a code, read it, check it: paste these three lines into another terminal.

"""
    console.result(text + "\n\n".join(lines) + "\n", document, as_json=as_json)


def mailbox(local: str, minted: Minted) -> str:
    """The address of the mailbox page. The token is in the fragment, which no server and no log ever sees."""
    return f"{local}/mailbox#{minted.mailbox_token}"


def first_purpose(rules: Rules) -> str:
    """The purpose to show: signing in, or where the profile has no email for that, the first that it has."""
    return next(purpose for purpose in PURPOSES if ("email", purpose) in rules.profile.table)


def curl_lines(local: str, minted: Minted, purpose: str) -> list[str]:
    """The main job in three lines."""
    api = f"curl -sS -H 'Authorization: Bearer {minted.api_key}' {JSON} {local}/v1/verifications"
    asked = f'{{"channel":"email","to":"{TO}","purpose":"{purpose}"}}'
    mail = f"curl -sS -H 'Authorization: Bearer {minted.mailbox_token}' {local}/mailbox/latest.txt"
    checked = f'{{"code":"\'"$code"\'","to":"{TO}","purpose":"{purpose}"}}'
    show = "printf '%s\\n'"
    return [
        f"""made=$({api} -d '{asked}'); {show} "$made"; id=$({show} "$made" | sed -n '{_ID}')""",
        f"""mail=$({mail}); {show} "$mail"; code=$({show} "$mail" | grep -E '^[0-9]{{6}}$')""",
        f"""{api}/"$id"/check -d '{checked}'; echo""",
    ]

"""The command line: ``watchword serve``, ``send``, ``share``, ``reveal``, ``doctor`` and others.

``commands.py`` shows all commands and options on one page; each one's work is in the module of its name, imported
when it is asked for, so that ``serve`` starts fast.

Manners, for every command: the result goes to standard output and everything else to standard error; questions are
asked at a terminal only; no secret is an argument; an error is one sentence and an exit code (``exits.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NoReturn

from watchword.cli import console, exits
from watchword.errors import WatchwordError

_SERVING = ("serve", "courier")  # commands that hear SIGHUP, once they have started


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and exit."""
    console.stand_in()
    asked = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in asked
    try:
        with _hangups(asked):
            code = _run(asked)
    except WatchwordError as error:
        console.complain(error, as_json=as_json)
        sys.exit(exits.code_of(error))
    except BrokenPipeError:  # of a result: ``serve`` and ``reveal`` have words of their own for it
        sys.exit(exits.REFUSED)
    except (KeyboardInterrupt, EOFError):
        sys.exit(exits.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - Python would exit with 1, which means "refused"
        if console.is_usage(error):
            console.complain_usage(error, as_json=as_json)
            sys.exit(exits.USAGE)
        console.complain_fault(error, as_json=as_json)
        sys.exit(exits.BROKEN)
    sys.exit(code if isinstance(code, int) else exits.OK)


def _hangups(asked: Sequence[str]) -> AbstractContextManager[None]:
    """What becomes of SIGHUP until a service hears it. Every other command ends by it, as any would."""
    if not asked or asked[0] not in _SERVING:
        return nullcontext()
    from watchword.cli import hangup  # noqa: PLC0415 (there is no such signal on Windows)

    return hangup.held()


def _run(asked: Sequence[str]) -> object:
    """Run the command; one that needs another word, as ``watchword app``, shows its help as if asked for it."""
    from watchword.cli.commands import commands  # noqa: PLC0415 (a worker imports this package and needs no typer)

    try:
        return commands(args=list(asked), prog_name="watchword", standalone_mode=False)
    except Exception as error:
        if not console.is_question(error):
            raise
        return commands(args=[*asked, "--help"], prog_name="watchword", standalone_mode=False)

"""The tree of errors is drawn as it stands, and every class has its place in each table."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import Counter

import pytest

import watchword
from watchword import errors
from watchword.cli.exits import EXITS
from watchword.errors import NotAcceptedError, WatchwordError
from watchword.web import problems

STEP = 3  # columns that one level of the drawn tree takes
EVERY = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, WatchwordError)]


def drawn_parents() -> dict[str, str | None]:
    """Read who inherits from whom off the drawing in the docstring of errors.py."""
    parents: dict[str, str | None] = {}
    path: list[tuple[int, str]] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        found = re.match(r"^\s{2,}([│├└─ ]*)(\w+Error)\b", line)
        if found:
            depth, name = found.start(2) // STEP, found[2]
            path = [(level, above) for level, above in path if level < depth]
            parents[name] = path[-1][1] if path else None
            path.append((depth, name))
    return parents


def everywhere() -> set[type[WatchwordError]]:
    """Every error class of the product, also those that a layer keeps to itself."""
    for module in pkgutil.walk_packages(watchword.__path__, "watchword."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, waiting = set[type[WatchwordError]](), [WatchwordError]
    while waiting:
        kind = waiting.pop()
        if kind.__module__.startswith("watchword"):
            found.add(kind)
            waiting += kind.__subclasses__()
    return found


def test_the_tree_is_drawn_as_it_stands() -> None:
    real = {kind.__name__: parent if (parent := kind.__base__.__name__) != "Exception" else None for kind in EVERY}  # type: ignore[union-attr]

    assert real == drawn_parents()


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_an_error_class_is_named_and_described(kind: type[WatchwordError]) -> None:
    assert kind.__name__.endswith("Error")
    assert kind.__doc__
    assert re.fullmatch(r"[a-z_]+", kind.code)
    assert kind.sentence.endswith(".")


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_only_a_failed_proof_shares_its_code(kind: type[WatchwordError]) -> None:
    # One public face for every failed proof: an outsider must not tell a wrong code from a late one.
    one_of_many = issubclass(kind, NotAcceptedError) and kind is not NotAcceptedError

    assert one_of_many == ("code" not in vars(kind))
    assert not one_of_many or "reason" in vars(kind)


def test_no_two_errors_mean_the_same_code() -> None:
    own = Counter(kind.code for kind in everywhere() if "code" in vars(kind) and not kind.__name__.startswith("_"))

    assert {} == {code: count for code, count in own.items() if count > 1}


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_has_a_row_in_the_table_of_problems(kind: type[WatchwordError]) -> None:
    assert kind in problems.TABLE


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code(kind: type[WatchwordError]) -> None:
    assert kind in EXITS


def test_an_error_never_exits_as_success() -> None:
    assert 0 not in EXITS.values()

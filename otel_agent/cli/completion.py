"""What a Tab offers for models, projects, agents, sessions and time zones: names from the ledger, as it is at the moment."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from otel_agent.ledger.names import Kind

_ESCAPED: Final = frozenset(" \t\"'\\$&|;<>()`#~*?[]{}!")
"""Letters that mean something else to a shell. Bash takes what is offered as it is, the others quote it."""


def models(context: typer.Context, incomplete: str) -> list[str]:
    """Return the models that begin so, as provider/model; without a slash also as the model alone."""
    found = [(provider, model) for provider, model in _names(context, "models")]
    full = [f"{provider}/{model}" if provider else model for provider, model in found]
    alone = [] if "/" in incomplete or not incomplete else [model for _, model in found]
    return _offered([*full, *alone], incomplete)


def agents(context: typer.Context, incomplete: str) -> list[str]:
    """Return OpenCode's agents that begin so."""
    return _offered((agent for (agent,) in _names(context, "agents")), incomplete)


def projects(context: typer.Context, incomplete: str) -> list[str]:
    """Return the projects that begin so, by name; after a slash or a tilde by directory."""
    from otel_agent.model.project import from_home, is_outside_any, project_name

    folders = [
        directory if is_outside_any(worktree) else worktree for worktree, directory in _names(context, "projects")
    ]
    if incomplete.startswith("~"):
        return _offered(map(from_home, folders), incomplete)
    return _offered(folders if incomplete.startswith("/") else map(project_name, folders), incomplete)


def sessions(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the ids that begin so, each with the session's title."""
    titles = {row[0]: row[1] for row in _names(context, "sessions")}
    return [(name, _plain(titles.get(name, ""))) for name in _offered(titles, incomplete)]


def zones(incomplete: str) -> list[str]:
    """Return the time zones that begin so."""
    from zoneinfo import available_timezones

    return _offered(sorted(available_timezones()), incomplete)


def _names(context: typer.Context, kind: "Kind") -> Iterator[tuple[str, ...]]:
    from otel_agent.ledger.names import names
    from otel_agent.settings import state_dir_unchecked

    given = context.params.get("config") or os.environ.get("OTEL_AGENT_CONFIG")
    yield from names(state_dir_unchecked(Path(given) if given else None), kind)


def _offered(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that begin so, as a shell wants them. Those that cannot be typed are left out."""
    matching = dict.fromkeys(name for name in names if name.isprintable() and name.startswith(incomplete))
    if os.environ.get("_OTEL_AGENT_COMPLETE") != "complete_bash":
        return list(matching)
    return [_ForBash("".join(f"\\{letter}" if letter in _ESCAPED else letter for letter in name)) for name in matching]


class _ForBash(str):
    """A name as Bash wants it. Typer drops what does not begin as it was typed, and that has no backslashes."""

    __slots__ = ()

    def startswith(self, *_: object) -> bool:
        """Return True: the name was chosen by its beginning already."""
        return True


def _plain(title: str) -> str:
    from otel_agent.model.printable import printable

    return printable(title)[:80]

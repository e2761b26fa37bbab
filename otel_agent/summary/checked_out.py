"""Adds what git had checked out: the repository and the branches of sessions, and of single messages."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from otel_agent.ledger.answers import UNATTRIBUTED, CountedMessage, Scope
from otel_agent.ledger.queries import Queries
from otel_agent.opencode.git.checkouts import CheckedOut, Checkouts
from otel_agent.summary.scope import scope_of
from otel_agent.summary.view import Row, SessionRow, View

_NOTHING: Final = CheckedOut()


def with_checkouts(view: View, ledger: Queries) -> View:
    """Return the view with repository and branches on its sessions, the active ones of an overview included."""
    checkouts = Checkouts()
    view = replace(view, has_checkouts=True)
    if view.name == "sessions":
        return replace(view, rows=_rows(view.rows, scope_of(view.question, ledger), ledger, checkouts))
    if view.activity is None:
        return view
    # An active session is shown with everything that it ever did.
    sessions = [row for row in _rows(view.activity.sessions, Scope(), ledger, checkouts) if isinstance(row, SessionRow)]
    return replace(view, activity=replace(view.activity, sessions=sessions))


def checked_out(message: CountedMessage, checkouts: Checkouts) -> CheckedOut:
    """Return what was checked out when a message began, as its span has it."""
    # What only the totals of a session know began at no time.
    if message.model == UNATTRIBUTED:
        return _NOTHING
    return checkouts.at(message.directory or message.worktree, message.created_ms)


def _rows(rows: Sequence[Row], scope: Scope, ledger: Queries, checkouts: Checkouts) -> list[Row]:
    ids = frozenset(row.key for row in rows)
    repositories: dict[str, str] = {}
    branches: dict[str, dict[str, None]] = {}
    for message in ledger.messages(replace(scope, session_ids=ids), latest=None) if ids else ():
        found = checked_out(message, checkouts)
        if found.repository:
            repositories[message.session_id] = found.repository
        if found.branch:
            branches.setdefault(message.session_id, {})[found.branch] = None
    return [
        replace(row, repository=repositories.get(row.key, ""), branches=tuple(branches.get(row.key, ())))
        if isinstance(row, SessionRow)
        else row
        for row in rows
    ]

"""Turn a question's filters and range into the messages of a ledger that it is about."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from otel_agent.ledger.answers import ProjectKey, Scope
from otel_agent.ledger.queries import Queries
from otel_agent.model.agent_name import agent_name
from otel_agent.model.globs import meant
from otel_agent.model.project import from_home, is_outside_any, project_name
from otel_agent.summary.question import Question
from otel_agent.summary.suggestions import as_shown
from otel_agent.summary.view import GLOBAL, outside_in


def scope_of(question: Question, ledger: Queries) -> Scope:
    """Return the messages that the question is about, whatever the view."""
    filters = question.filters
    # `None` lets everything pass; an empty set of places, when no glob matches, lets nothing pass.
    return Scope(
        since_ms=None if question.range.since is None else _ms(question.range.since),
        until_ms=None if question.range.until is None else _ms(question.range.until),
        projects=_places(question, ledger) if filters.projects or filters.project_rows else None,
        models=tuple(form for glob in filters.models for form in meant(glob)),
        # A name that was copied from elsewhere may have invisible characters, which no name here has.
        agents=tuple(form for glob in filters.agents for form in meant(agent_name(glob))),
        sessions=tuple(glob for asked in filters.sessions for glob in as_shown(asked)),
    )


def _places(question: Question, ledger: Queries) -> frozenset[ProjectKey]:
    places, asked = frozenset(ledger.project_keys()), question.filters
    if asked.projects:
        places = _matching(places, asked.projects)
    if asked.project_rows:
        separate = question.separate_global
        places = frozenset(place for place in places if _row_of(place, separate) in asked.project_rows)
    return places


def _row_of(place: ProjectKey, separate_global: bool) -> str:
    """Return the key of the project's row that counts what is in this place."""
    if not is_outside_any(place.worktree):
        return place.worktree
    return outside_in(place.directory) if separate_global else GLOBAL


def _matching(places: Iterable[ProjectKey], globs: Sequence[str]) -> frozenset[ProjectKey]:
    # A trailing slash means the same directory; a single slash is the root and stays.
    wanted = [glob for asked in globs for glob in as_shown(asked.lower().rstrip("/") or "/")]
    return frozenset(
        place for place in places if any(fnmatchcase(name, glob) for name in _names(place) for glob in wanted)
    )


def _names(place: ProjectKey) -> list[str]:
    """List the names by which a person may ask for a project: its name, and its directory with and without ``~``.

    A directory outside any project also answers to ``(global)``, and to that with the directory after it.
    """
    outside = is_outside_any(place.worktree)
    directory = place.directory if outside else place.worktree
    names = [project_name(directory), directory, from_home(directory)]
    if outside:
        names += [GLOBAL, outside_in(directory), outside_in(from_home(directory))]
    return [name.lower() for name in names]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

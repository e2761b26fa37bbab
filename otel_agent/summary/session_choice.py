"""What a person chooses from if several sessions are meant: each with its id, project, last time and tokens."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Final

from otel_agent.ledger.answers import Scope
from otel_agent.ledger.queries import Queries
from otel_agent.summary.question import Accounting
from otel_agent.summary.suggestions import SHOWN_OF_ID
from otel_agent.summary.text import words
from otel_agent.summary.text.column import place
from otel_agent.summary.text.listed import Listed, listed_lines
from otel_agent.summary.view import project_of, shown

_MOST: Final = 10
"""Sessions in the list. Whoever means an older one finds it in the view of sessions."""
_INDENT: Final = "  "


def sessions_to_choose(
    found: Collection[str], ledger: Queries, accounting: Accounting, now: datetime, width: int | None
) -> Iterator[str]:
    """Yield a line of titles, one for each of the sessions, the newest first, and one about those that are left out.

    ``now`` is in the zone of the times. No line is wider than ``width``; an id is cut to what ``session`` understands.
    """
    groups = sorted(ledger.by_session(Scope(session_ids=frozenset(found))), key=lambda group: -group.last_ms)
    facts = ledger.session_facts(found)
    listed = groups[:_MOST]
    titles = [words.plain(facts[group.key[0]].title) if group.key[0] in facts else "" for group in listed]
    keys = [words.plain(group.key[0]) for group in listed]
    columns = [
        Listed("Id", keys, short=[f"…{key[-SHOWN_OF_ID:]}" for key in keys], whole=True),
        Listed("Title", titles, optional=2),
        Listed("Project", [place(project_of(group.key[1]), group.key[2]) for group in listed], "path", optional=1),
        Listed("Last", [_last(group.last_ms, now) for group in listed], whole=True),
        Listed("Tokens", [words.exact(shown(group.usage, accounting).total) for group in listed], "number"),
    ]
    if len(set(titles)) == 1:
        del columns[1]
    for line in listed_lines(columns, None if width is None else width - len(_INDENT)):
        yield _INDENT + line
    if len(found) > len(listed):
        yield f"{_INDENT}… and {len(found) - len(listed):,} more: `otel-agent summary sessions` lists them"


def _last(at_ms: int, now: datetime) -> str:
    return words.moment(datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(now.tzinfo), now)

"""The counted messages themselves, one by one: for notebooks and spreadsheets."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from itertools import chain
from typing import Any, Final

from otel_agent.ledger.answers import CountedMessage
from otel_agent.ledger.queries import Queries
from otel_agent.model.project import from_home
from otel_agent.opencode.git.checkouts import Checkouts
from otel_agent.summary.checked_out import checked_out
from otel_agent.summary.formats.as_csv import spreadsheet_cell
from otel_agent.summary.question import Accounting, MessageForm, Question
from otel_agent.summary.scope import scope_of
from otel_agent.summary.suggestions import SHOWN_OF_ID
from otel_agent.summary.text import words
from otel_agent.summary.text.listed import Listed, listed_lines
from otel_agent.summary.view import project_of, shown

_NAMES: Final = (
    "id", "session", "title", "parent_session", "created", "ended", "project", "directory", "provider", "model", "agent",
    "turn", "finish", "error", "input", "output", "reasoning", "cache_read", "cache_write", "total", "cost_usd",
)  # fmt: skip
_CHECKED_OUT: Final = ("repository", "branch")
"""Further columns at the end, if the settings allow them."""


def message_lines(
    question: Question,
    ledger: Queries | None,
    form: MessageForm,
    now: datetime,
    *,
    checkouts: Checkouts | None = None,
    width: int | None = None,
) -> Iterator[str]:
    """Yield lines, with their ends, of the messages that a question is about, in the order in which they ended.

    A question with a limit gets the latest. Messages are read while lines are taken, so memory does not follow their
    number. CSV and JSON lines have all facts; a table has those that a person looks for, and without a ``width``
    all of these. ``now`` is in the zone of the times. ``checkouts`` adds the repository and the branch of each message.
    """
    found = () if ledger is None else ledger.messages(scope_of(question, ledger), latest=question.limit)
    if form == "table":
        checkouts = None
    rows = (_row(message, question.accounting, now.tzinfo) | _checked_out(message, checkouts) for message in found)
    match form:
        case "csv":
            yield from _csv(rows, _NAMES if checkouts is None else (*_NAMES, *_CHECKED_OUT))
        case "jsonl":
            yield from (json.dumps(row, allow_nan=False) + "\n" for row in rows)
        case "table":
            yield from _table(rows, now, width)


def _row(message: CountedMessage, accounting: Accounting, zone: tzinfo | None) -> dict[str, Any]:
    tokens = shown(message.usage, accounting)
    ended, created = (
        datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone) for ms in (message.ended_ms, message.created_ms)
    )
    facts = (
        *(message.id, message.session_id, message.title, message.parent_id or None),
        *(created.isoformat(timespec="milliseconds"), ended.isoformat(timespec="milliseconds")),
        *(project_of(message.worktree), message.directory),
        *(message.provider, message.model, message.agent, message.turn_id, message.finish or None),
        message.error_type or None,
    )
    numbers = (*tokens.by_category(), tokens.total, message.usage.cost_nusd / 1e9)
    return dict(zip(_NAMES, (*facts, *numbers), strict=True))


def _checked_out(message: CountedMessage, checkouts: Checkouts | None) -> dict[str, str | None]:
    if checkouts is None:
        return {}
    found = checked_out(message, checkouts)
    return dict(zip(_CHECKED_OUT, (found.repository or None, found.branch or None), strict=True))


def _csv(rows: Iterable[Mapping[str, Any]], names: tuple[str, ...]) -> Iterator[str]:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    for cells in chain([names], ([spreadsheet_cell(row[name]) for name in names] for row in rows)):
        writer.writerow(cells)
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _table(rows: Iterable[Mapping[str, Any]], now: datetime, width: int | None) -> Iterator[str]:
    """Yield a table. It is held to be aligned, so a person's question has a limit."""
    held = list(rows)

    def texts(name: str) -> list[str]:
        return [words.plain(str(row[name])) for row in held]

    costs = [round(row["cost_usd"] * 10**9) for row in held]
    dearest = max(costs, default=0)
    columns = [
        Listed("Ended", texts("ended"), short=[_moment(row["ended"], now) for row in held], whole=True),
        Listed("Model", texts("model"), narrowest=16),
        Listed("Agent", texts("agent"), narrowest=10, optional=3),
        Listed(
            "Project",
            texts("project"),
            "path",
            short=[words.plain(from_home(row["project"])) for row in held],
            optional=1,
        ),
        Listed("Tokens", [words.exact(row["total"]) for row in held], "number"),
        *([Listed("USD", [words.dollars(cost, dearest) for cost in costs], "number", optional=2)] if dearest else []),
        Listed("Id", texts("id"), short=["…" + words.plain(row["id"][-SHOWN_OF_ID:]) for row in held], optional=4),
    ]
    yield from (line + "\n" for line in listed_lines(columns, width))


def _moment(text: str, now: datetime) -> str:
    """Return a time with its seconds, or one of another year with its date."""
    when = datetime.fromisoformat(text)
    return f"{when:%m-%d %H:%M:%S}" if when.year == now.year else f"{when:%Y-%m-%d %H:%M}"

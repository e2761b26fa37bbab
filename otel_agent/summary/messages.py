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
from otel_agent.opencode.git.checkouts import Checkouts
from otel_agent.summary.checked_out import checked_out
from otel_agent.summary.formats.as_csv import spreadsheet_cell
from otel_agent.summary.question import Accounting, MessageForm, Question
from otel_agent.summary.scope import scope_of
from otel_agent.summary.text import words
from otel_agent.summary.view import project_of, shown

_NAMES: Final = (
    "id", "session", "title", "parent_session", "created", "ended", "project", "directory", "provider", "model", "agent",
    "turn", "finish", "error", "input", "output", "reasoning", "cache_read", "cache_write", "total", "cost_usd",
)  # fmt: skip
_CHECKED_OUT: Final = ("repository", "branch")
"""Further columns at the end, if the settings allow them."""
_SHOWN: Final = ("ended", "model", "agent", "project", "total", "cost_usd", "id")
"""The columns of a table for people."""


def message_lines(
    question: Question, ledger: Queries | None, form: MessageForm, now: datetime, checkouts: Checkouts | None = None
) -> Iterator[str]:
    """Yield lines, with their ends, of the messages that a question is about, in the order in which they ended.

    A question with a limit gets the latest. Messages are read while lines are taken, so memory does not follow their
    number. CSV and JSON lines have all facts; a table has those that fit. ``now`` is in the zone of the times.
    ``checkouts`` adds the repository and the branch of each message.
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
            yield from _table(rows)


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


def _table(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table. It is held to be aligned, so a person's question has a limit."""
    cells = [_SHOWN, *(tuple(words.plain(_text(row[name])) for name in _SHOWN) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (
            text.rjust(width) if name in ("total", "cost_usd") else text.ljust(width)
            for name, text, width in zip(_SHOWN, line, widths, strict=True)
        )
        yield "  ".join(padded).rstrip() + "\n"


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}" if isinstance(value, float) else str(value)

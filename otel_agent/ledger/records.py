"""Messages and sessions as rows: the columns in one order, both ways, and what SQL has to know of a message's state."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from otel_agent.model import Generation, Message, Overlap, Session, State, Tokens, UsageSource

_MESSAGE: Final = UsageSource.MESSAGE

_PLAIN_COLUMNS: Final = (
    "id, session_id, generation, state, created_ms, completed_ms, context, "
    "input, output, reasoning, cache_read, cache_write, cached_in_input, reasoning_in_output, cost_nusd, turn_id, finish, "
    "response_ms, first_output_ms, variant"
)
_OWN_COLUMNS: Final = f"{_PLAIN_COLUMNS}, error_type, source, calls_model, copied, began_ms, retries"
"""The columns of the table ``message``."""
_MAY_BE_UNKNOWN: Final = ("response_ms", "first_output_ms")


def _holes(columns: str) -> str:
    return ", ".join("nullif(?, 0)" if name in _MAY_BE_UNKNOWN else "?" for name in columns.split(", "))


_HOLES: Final = _holes(_OWN_COLUMNS)
INSERT_MESSAGE: Final = f"INSERT INTO message ({_OWN_COLUMNS}, number) VALUES ({_HOLES}, ?)"
_OF_PLAIN: Final = {
    "error_type": "''",
    "source": f"{UsageSource.MESSAGE:d}",
    "calls_model": "1",
    "copied": "0",
    "began_ms": f"?{_PLAIN_COLUMNS.split(', ').index('created_ms') + 1}",
    "retries": "0",
}
"""What the other columns of a plain message hold."""
INSERT_PLAIN_MESSAGE: Final = (
    f"INSERT INTO message ({_PLAIN_COLUMNS}, number, {', '.join(_OF_PLAIN)}) VALUES "
    f"({_holes(_PLAIN_COLUMNS)}, ?, {', '.join(_OF_PLAIN.values())})"
)
REPLACE_MESSAGE: Final = f"UPDATE message SET ({_OWN_COLUMNS}) = ({_HOLES}) WHERE number = ?"

MESSAGE_COLUMNS: Final = (
    "id, session_id, generation, state, created_ms, completed_ms, provider, model, agent, worktree, directory, "
    "input, output, reasoning, cache_read, cache_write, cached_in_input, reasoning_in_output, cost_nusd, turn_id, finish, error_type, "
    "source, calls_model, copied, response_ms, first_output_ms, retries, variant"
)
"""The columns of a whole message, which ``whole_message`` has: a view of messages with their contexts."""
MESSAGE_WIDTH: Final = MESSAGE_COLUMNS.count(",") + 1

IS_COUNTED: Final = f"state = {State.COUNTED:d}"
"""Written out as the index ``message_ended`` has it: SQLite uses a partial index only if a query repeats its condition.
Other tables' aliases go in front, as in ``f"m.{IS_COUNTED}"``."""
IS_UNDECIDED: Final = f"state < {State.COUNTED:d}"
"""The state may still change. The condition of the index ``message_unsettled``."""
IS_DECIDED: Final = f"state >= {State.COUNTED:d}"

SESSION_COLUMNS: Final = "id, parent_id, worktree, directory, title, version, created_ms, forked"


def ended(message: str) -> str:
    """Return SQL for ``Message.ended_ms`` of the table or alias ``message``: what the index ``message_ended`` sorts by."""
    return f"coalesce({message}.completed_ms, {message}.created_ms)"


def is_marked_copy(message: str) -> str:
    """Return SQL that is true for an id by which OpenCode 2.x names a fork copy: ``opencode.ids.is_marked_copy``."""
    return f"({message}.id GLOB 'msg_*_[0-9]*')"


def newest_ms(database: sqlite3.Connection) -> int | None:
    """Return when the newest counted message ended, ``None`` if nothing was counted."""
    query = f"SELECT max({ended('message')}) FROM message WHERE {IS_COUNTED}"
    newest = database.execute(query).fetchone()[0]
    return None if newest is None else int(newest)


def last_number(database: sqlite3.Connection) -> int:
    """Return the number of the message that was entered last, 0 if there is none."""
    return int(database.execute("SELECT ifnull(max(number), 0) FROM message").fetchone()[0])


def message_row(message: Message, state: State, context: int, began_ms: int, number: int) -> tuple[object, ...]:
    """Return the values for ``INSERT_MESSAGE`` and ``REPLACE_MESSAGE``.

    ``began_ms`` is the time of creation that the message's copies have. All are plain numbers and texts. Python looks
    for an adapter of any other value, ``True`` and ``None`` included, which made a row take twice as long. An
    enumeration's ``_value_`` is read ten times as fast as its ``value``.
    """
    return (
        *_plain_values(message, state, context),
        message.error_type,
        message.source._value_,
        1 if message.calls_model else 0,
        1 if message.copied else 0,
        began_ms,
        message.retries,
        number,
    )


def _is_plain(message: Message) -> bool:
    return (
        message.source is _MESSAGE
        and message.calls_model
        and not (message.error_type or message.copied or message.retries)
    )


def _plain_values(message: Message, state: State, context: int) -> tuple[object, ...]:
    """Return the values of ``_PLAIN_COLUMNS``."""
    tokens, overlap = message.tokens, message.overlap
    return (
        message.id,
        message.session_id,
        message.generation._value_,
        state._value_,
        message.created_ms,
        message.completed_ms,
        context,
        tokens.input,
        tokens.output,
        tokens.reasoning,
        tokens.cache_read,
        tokens.cache_write,
        overlap.cached_in_input,
        overlap.reasoning_in_output,
        message.cost_nusd,
        message.turn_id,
        message.finish,
        message.response_ms or 0,
        message.first_output_ms or 0,
        message.variant,
    )


def insert_messages(database: sqlite3.Connection, entered: Iterable[tuple[Message, State, int, int]]) -> None:
    """Insert new messages, each with its state, the number of its context and its own number."""
    plain, others = [], []
    for message, state, context, number in entered:
        # Most messages of a history are plain. Six values fewer save a tenth of the time.
        if _is_plain(message):
            plain.append((*_plain_values(message, state, context), number))
        else:
            others.append(message_row(message, state, context, message.created_ms, number))
    database.executemany(INSERT_PLAIN_MESSAGE, plain)
    database.executemany(INSERT_MESSAGE, others)


def message(row: tuple[Any, ...]) -> Message:
    """Return the ``Message`` of a row of ``MESSAGE_COLUMNS``."""
    return Message(
        id=row[0],
        session_id=row[1],
        generation=Generation(row[2]),
        created_ms=row[4],
        completed_ms=row[5],
        provider=row[6],
        model=row[7],
        agent=row[8],
        worktree=row[9],
        directory=row[10],
        tokens=Tokens(*row[11:16]),
        overlap=Overlap(row[16], row[17]),
        cost_nusd=row[18],
        turn_id=row[19],
        finish=row[20],
        error_type=row[21],
        source=UsageSource(row[22]),
        calls_model=bool(row[23]),
        copied=bool(row[24]),
        response_ms=row[25],
        first_output_ms=row[26],
        retries=row[27],
        variant=row[28],
    )


def session_row(session: Session) -> tuple[object, ...]:
    """Return the values for ``SESSION_COLUMNS``."""
    return (
        session.id,
        session.parent_id,
        session.worktree,
        session.directory,
        session.title,
        session.version,
        session.created_ms,
        session.forked,
    )


def session(row: tuple[Any, ...]) -> Session:
    """Return the ``Session`` of a row of ``SESSION_COLUMNS``."""
    return Session(
        id=row[0],
        parent_id=row[1],
        worktree=row[2],
        directory=row[3],
        title=row[4],
        version=row[5],
        created_ms=row[6],
        forked=bool(row[7]),
    )


def ids(values: list[str] | list[int]) -> str:
    """Return values as the one parameter of ``IN (SELECT value FROM json_each(?))``."""
    return json.dumps(values)

"""What is read beside messages: their tool calls, and when their turns began and ended."""

import sqlite3
from collections.abc import Container, Sequence

from msgspec.structs import replace

from otel_agent.model import Calls, CallsWanted, Generation, Message, Problem, Session
from otel_agent.opencode.parts.reader import PartReader
from otel_agent.opencode.sqlite.content import ContentParts
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.parts import DatabaseParts, find_session
from otel_agent.opencode.sqlite.row_order import Place
from otel_agent.opencode.sqlite.turns import TurnFinder, TurnOfRow


class TurnNotes:
    """Notes what the rows of a chunk say of turns, until the chunk was read."""

    def __init__(self, turns: TurnFinder) -> None:
        self._turns = turns
        self._began_ms: dict[str, int] = {}
        self._ended: dict[str, str] = {}
        """The turns that ended, each with its last call."""

    def turn_of(self, place: Place | None, session: Session | None) -> TurnOfRow | None:
        """Return the turn of a row, ``None`` in 1.x, which says it in the message itself."""
        return None if place is None or session is None else self._turns.turn(session, place)

    def note(self, turn: TurnOfRow, message: Message) -> None:
        """Note when the turn of this message began, and if it has ended."""
        self._began_ms[message.turn] = turn.began_ms
        last = turn.last_call(message)
        if last is not None:
            self._ended[message.turn] = last

    def note_idle(self, idle: Place | None, session: Session | None) -> None:
        """Note that the turn before a row ``idle`` ended."""
        ended = None if session is None or idle is None else self._turns.ended_by(session, idle)
        if ended is not None:
            turn_id, last_id = ended
            self._ended[turn_id] = last_id

    def move_to(self, calls: Calls, unfinished: Container[str]) -> None:
        """Add the notes of the chunk, and begin with an empty page.

        The last call may have been complete only after it was read. Then its own row says that the turn ended, once it is
        read again. Otherwise the turn's span would be sent without that call, and once more with it.
        """
        calls.ended |= {turn for turn, last in self._ended.items() if last not in unfinished}
        calls.began_ms |= self._began_ms
        self._ended.clear()
        self._began_ms.clear()
        self._turns.forget()


def with_place(calls: Calls, store: str) -> list[Problem]:
    """Name in what could not be read of messages the database and the message, and return these problems."""
    calls.unread = {
        message_id: replace(problem, place=f"{store}#parts of {message_id}")
        for message_id, problem in calls.unread.items()
    }
    return list(calls.unread.values())


def part_reader(database: sqlite3.Connection, tables: Tables, turns: TurnFinder) -> PartReader:
    """Return the reader of the parts that belong to these tables."""
    if tables.generation is Generation.V2:
        return PartReader(ContentParts(database, tables, turns))
    return PartReader(DatabaseParts(database, tables))


def read_calls(
    database: sqlite3.Connection, tables: Sequence[Tables], messages: Sequence[Message], wanted: CallsWanted
) -> Calls:
    """Return the calls that are wanted of messages that were read earlier, and which of their turns ended."""
    found = Calls()
    for each in tables:
        of_2_x = each.generation is Generation.V2
        ours = [message for message in messages if (message.generation is Generation.V2) is of_2_x]
        turns = TurnFinder(database, each)
        found.add(part_reader(database, each, turns).calls(ours, wanted))
        notes = TurnNotes(turns)
        for message in ours if each.has_turns else ():
            session = find_session(database, each, message.session_id)
            if (turn := notes.turn_of(turns.place(message.id), session)) is not None:
                notes.note(turn, replace(message, turn_id=turn.id))
        notes.move_to(found, ())
    return found

"""Recognition of fork copies: OpenCode copies the messages of a session into its fork, under new ids.

A reader marks a message as ``copied`` if its id was minted later than the message it names. Here the ledger looks for
its twin: a message that records the same completion and counts, or is history that does not count.
"""

import sqlite3
from collections.abc import Sequence
from operator import ge
from typing import Final

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.model import Generation, Message, State

Completion = tuple[int, str, str, tuple[int, int, int, int, int]]
"""What a message has in common with its copies: creation in milliseconds, provider, model and tokens."""


_COUNTED_OR_SKIPPED: Final = f"state IN ({State.COUNTED:d}, {State.SKIPPED:d})"


class Twin(Struct, frozen=True):
    """A message that records the same completion as another one, and is counted or skipped."""

    session_id: str
    copied: bool
    generation: str
    skipped: bool = False
    is_longer: bool = False
    """True for a turn of 0.x that used more: its tokens are the sum of its steps. The import into 2.x has those of the last one."""


def completion_of(message: Message) -> Completion:
    """Return what a message has in common with its copies.

    Ids and sessions differ. The time of completion may differ too: the import into 2.x changes it, while 1.x kept the
    original's in its own copies.
    """
    return message.created_ms, message.provider, message.model, message.tokens.by_category()


def find_twins(database: sqlite3.Connection, completions: Sequence[Completion]) -> dict[Completion, list[Twin]]:
    """Return the counted and skipped messages that record these completions, by completion."""
    query = (
        "SELECT began_ms, provider, model, input, output, reasoning, cache_read, cache_write, "
        f"session_id, copied, generation, state, turn_id = '' AND generation <> '{Generation.V2.value}' FROM whole_message "
        f"WHERE {_COUNTED_OR_SKIPPED} AND began_ms IN (SELECT value FROM json_each(?))"
    )
    wanted: dict[tuple[int, str, str], set[tuple[int, int, int, int, int]]] = {}
    for began_ms, provider, model, tokens in completions:
        wanted.setdefault((began_ms, provider, model), set()).add(tokens)
    twins: dict[Completion, list[Twin]] = {}
    for row in database.execute(query, (records.ids([each[0] for each in completions]),)):
        # One moment can have many calls: the rest of what copies share is compared here.
        used, is_whole_turn = row[3:8], bool(row[12])
        for tokens in wanted.get(row[:3], ()):
            if used == tokens or (is_whole_turn and all(map(ge, used, tokens))):
                twin = Twin(row[8], bool(row[9]), row[10], row[11] == State.SKIPPED, used != tokens)
                twins.setdefault((*row[:3], tokens), []).append(twin)
    return twins


def has_twin(message: Message, twins: Sequence[Twin]) -> bool:
    """True if another message is the same call as this one, and this one counts nothing more."""
    return any(_is_same_call(message, twin) for twin in twins)


def _is_same_call(message: Message, twin: Twin) -> bool:
    is_new = message.generation is Generation.V2
    if twin.session_id == message.session_id:
        # In the same session, only OpenCode 2.x can hold a call of 1.x once more, under an id of another form.
        return not twin.is_longer and (twin.generation == Generation.V2) != is_new
    # In another session, either of the two has to be a suspected copy: equal recordings alone can be two calls.
    if twin.is_longer:
        return message.copied and is_new
    # An original of its own is no history because its copy was left out.
    return message.copied or (twin.copied and not twin.skipped)

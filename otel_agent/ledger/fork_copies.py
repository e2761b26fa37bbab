"""Recognition of fork copies: OpenCode copies the messages of a session into its fork, under new ids.

A reader marks a message as ``copied`` if its id was minted later than the message it names. Here the ledger looks for
its twin: a counted message that records the same completion.
"""

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.model import Generation, Message, State

Completion = tuple[int, str, str, tuple[int, int, int, int, int]]
"""What a message has in common with its copies: creation in milliseconds, provider, model and tokens."""


class Twin(Struct, frozen=True):
    """A counted message that records the same completion as another one."""

    session_id: str
    copied: bool
    generation: str


def completion_of(message: Message) -> Completion:
    """Return what a message has in common with its copies.

    Ids and sessions differ. The time of completion may differ too: the import into 2.x changes it, while 1.x kept the
    original's in its own copies.
    """
    return message.created_ms, message.provider, message.model, message.tokens.by_category()


def find_twins(database: sqlite3.Connection, completions: Sequence[Completion]) -> dict[Completion, list[Twin]]:
    """Return the counted messages that record these completions, by completion."""
    query = (
        "SELECT began_ms, provider, model, input, output, reasoning, cache_read, cache_write, "
        "session_id, copied, generation FROM whole_message "
        "WHERE state = ? AND began_ms IN (SELECT value FROM json_each(?))"
    )
    wanted = set(completions)
    twins: dict[Completion, list[Twin]] = {}
    for row in database.execute(query, (int(State.COUNTED), records.ids([each[0] for each in completions]))):
        # One moment can have many calls: the rest of what copies share is compared here.
        completion = row[0], row[1], row[2], row[3:8]
        if completion in wanted:
            twins.setdefault(completion, []).append(Twin(row[8], bool(row[9]), row[10]))
    return twins


def has_twin(message: Message, twins: Sequence[Twin]) -> bool:
    """True if a counted message is the same call as this one."""
    # In another session, either of the two has to be a suspected copy: equal recordings alone can be two calls.
    # In the same session, only OpenCode 2.x can hold a call of 1.x once more, under an id of another form.
    return any(
        message.copied or twin.copied
        if twin.session_id != message.session_id
        else (twin.generation == Generation.V2) != (message.generation is Generation.V2)
        for twin in twins
    )

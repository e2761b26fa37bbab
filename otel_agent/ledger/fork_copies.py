"""Recognition of fork copies: OpenCode copies the messages of a session into its fork, under new ids.

A reader marks a message as ``copied`` if its id was minted later than the message it names. Here the ledger looks for
its twin: a counted message that records the same completion.
"""

import sqlite3
from collections.abc import Sequence
from hashlib import blake2b

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.model import Generation, Message, State


class Twin(Struct, frozen=True):
    """A counted message that records the same completion as another one."""

    session_id: str
    copied: bool
    generation: str


def completion_of(message: Message) -> int:
    """Hash what a message has in common with its copies, as a signed 64-bit integer.

    Copies share the time of creation, provider, model and tokens. Ids and sessions differ. The time of completion
    may differ too: the import into 2.x changes it, while 1.x kept the original's in its own copies.
    """
    return completion_hash(message.created_ms, message.provider, message.model, *message.tokens.by_category())


def completion_hash(created_ms: int, provider: str, model: str, *tokens: int) -> int:
    """Hash what copies share. A ledger keeps the result: another way to hash needs a migration."""
    shared = repr((created_ms, provider, model, *tokens))
    return int.from_bytes(blake2b(shared.encode(), digest_size=8).digest(), "big", signed=True)


def find_twins(database: sqlite3.Connection, completions: Sequence[int]) -> dict[int, list[Twin]]:
    """Return the counted messages that record these completions, by completion."""
    query = (
        "SELECT completion, session_id, copied, generation FROM message "
        "WHERE state = ? AND completion IN (SELECT value FROM json_each(?))"
    )
    twins: dict[int, list[Twin]] = {}
    for row in database.execute(query, (int(State.COUNTED), records.ids(list(completions)))):
        twins.setdefault(row[0], []).append(Twin(row[1], bool(row[2]), row[3]))
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

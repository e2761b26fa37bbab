"""The ledger's knowledge of one message, and how a further record of it changes that."""

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.model import Generation, Message, Overlap, State, Tokens


class Entry(Struct, frozen=True, gc=False):
    """A message that is entered, with the number of its row and its state."""

    number: int
    message: Message
    state: State


class Known(Struct):
    """The ledger's knowledge of a message."""

    number: int
    """The row of the message."""
    state: State
    tokens: Tokens
    overlap: Overlap
    cost_nusd: int
    complete: bool
    generation: Generation

    def is_undecided(self, message: Message) -> bool:
        """True while this further record may still change the message's state. Later records only add to it."""
        if self.was_imported_as(message):
            return False
        return self.state is State.UNFINISHED or (
            self.state is State.SUSPECTED_COPY and message.completed_ms is not None
        )

    def was_imported_as(self, message: Message) -> bool:
        """True if the message is known from 1.x and this is what the import into 2.x made of it."""
        return message.generation is Generation.V2 and self.generation is not Generation.V2

    def merged_with(self, message: Message) -> "Known":
        """Return the larger number of the two in each field."""
        more = at_least(message, self)
        return Known(
            self.number,
            self.state,
            more.tokens,
            more.overlap,
            more.cost_nusd,
            self.complete or message.completed_ms is not None,
            self.generation,
        )


def as_known(entry: Entry) -> Known:
    """Return what the ledger knows once this message is entered."""
    message = entry.message
    complete = message.completed_ms is not None
    return Known(
        entry.number, entry.state, message.tokens, message.overlap, message.cost_nusd, complete, message.generation
    )


def at_least(message: Message, known: Known) -> Message:
    """Return the message with no number smaller than another record of it has."""
    return replace(
        message,
        tokens=message.tokens.at_least(known.tokens),
        overlap=message.overlap.at_least(known.overlap),
        cost_nusd=max(message.cost_nusd, known.cost_nusd),
    )

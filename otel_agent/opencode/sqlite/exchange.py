"""The exchange with a process that reads a table: what it is asked, and the chunks in which it answers."""

from typing import Final, Self

import msgspec
from msgspec import Struct

from otel_agent.model import Batch, Calls, Checkpoint, Generation, Message, Problem, Session, SessionTotals, StoreTotals
from otel_agent.opencode.process_beside import frame

MODULE: Final = "otel_agent.opencode.sqlite.reading_process"


class Task(Struct, array_like=True, frozen=True):
    """The table to read, in which file. The path is bytes, as the system knows it."""

    path: bytes
    name: str
    inode: int
    generation: Generation
    now_ms: int
    migrated_ms: int | None
    immutable: bool


class Chunk(Struct, array_like=True, frozen=True):
    """One batch of a ``TableReader``, without the tool calls that nobody could ask for."""

    messages: list[Message]
    sessions: list[Session]
    problems: list[Problem]
    checkpoints: list[Checkpoint]
    calls: Calls
    looked_at: int
    beside: list[SessionTotals] | None
    migrated_ms: int | None
    unsettled: dict[str, int]
    """As the reader has it by now."""

    @classmethod
    def of(cls, batch: Batch, unsettled: dict[str, int]) -> Self:
        """Return a batch as a chunk."""
        beside = batch.beside
        return cls(
            batch.messages,
            batch.sessions,
            batch.problems,
            batch.checkpoints,
            batch.calls,
            batch.looked_at,
            None if beside is None else beside.sessions,
            None if beside is None else beside.migrated_ms,
            unsettled,
        )

    def batch(self) -> Batch:
        """Return the chunk as the batch that it was."""
        beside = None if self.beside is None else StoreTotals(self.beside, migrated_ms=self.migrated_ms)
        return Batch(
            self.messages, self.sessions, self.problems, self.checkpoints, self.calls, self.looked_at, beside=beside
        )


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Chunk).decode


def chunk_frame(batch: Batch, unsettled: dict[str, int]) -> bytes:
    """Return the frame of a batch."""
    return frame(_encode(Chunk.of(batch, unsettled)))


def chunk_in(content: bytes) -> Chunk:
    """Return the chunk of a frame. Raises ``msgspec.MsgspecError``."""
    return _decode(content)

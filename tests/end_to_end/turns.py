"""Questions and answers of a user's turn, in a made store of either kind, and the spans that became of them."""

from __future__ import annotations

import time

from tests.support.made_stores import (
    Database,
    JsonTree,
    Message,
    Part,
    Session,
    Tokens,
    UserMessage,
    message,
    prompt,
)
from tests.support.otlp_receiver import OtlpReceiver, SpanRow

NOW = time.time_ns() // 1_000_000 - 60_000
"""A minute ago, in milliseconds: tool calls are counted from the day before the ledger began."""
S = 1_000
"""A second, in milliseconds."""

Store = JsonTree | Database


def named(receiver: OtlpReceiver) -> dict[str, SpanRow]:
    """Return the spans by their names; no two spans of the test have the same one."""
    found = {span.name: span for span in receiver.spans()}
    assert len(found) == len({span.span_id for span in receiver.spans()})
    return found


def asked(of: Session, at: int, counter: int = 1) -> UserMessage:
    """A question, asked in a session at a time in milliseconds."""
    return prompt(of, at, counter)


def answer(to: UserMessage, at: int, took: int = S, **fields: object) -> Message:
    """The answer to a question: it begins at `at` and takes `took` milliseconds."""
    whole: dict[str, object] = {"parent": to.id, "completed": at + took, **fields}
    return message(to.session, Tokens(10, 2), at, **whole)  # type: ignore[arg-type]


def put(store: Store, of: Session, *records: UserMessage | Message | Part) -> None:
    """Write these records, with their session and project."""
    store.put(of.project, of, *records)

"""Messages to deliver, and the question whether all of them arrived once."""

from __future__ import annotations

from tests.support.made_stores import T0, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import (
    OtlpReceiver,
)

USED = Tokens(700, 50, 20, 300, 9)


def fill(tree: JsonTree, count: int) -> None:
    of = session()
    tree.put(of.project, of)
    tree.put(*(message(of, Tokens(10, 5, 1, 3, 2), T0 + n * 1000) for n in range(count)))


def assert_all_arrived(receiver: OtlpReceiver, count: int) -> None:
    """Each message once in the totals, and as one span; a span that came twice is the same span."""
    assert receiver.total("opencode.message.count") == count
    assert receiver.by("opencode.token.usage", "gen_ai.token.type") == {
        "input": 10 * count,
        "output": 5 * count,
        "reasoning": 1 * count,
        "cache_read": 3 * count,
        "cache_write": 2 * count,
    }
    by_id = {span.span_id: span for span in receiver.chats()}
    assert len(by_id) == count
    assert all(by_id[span.span_id] == span for span in receiver.chats())

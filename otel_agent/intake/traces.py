"""What is counted, as turns and tool calls: the parts of a trace that no message tells alone.

Parts are read of messages that are counted now, never of a whole history.
"""

from collections.abc import Sequence
from typing import Final

from otel_agent.ledger.writer import Ledger
from otel_agent.model import Caller, Change, Message, Session, Store, ToolCall, Turn
from otel_agent.opencode.ids import turn_began_ms

_DEEPEST: Final = 32
"""Sub-agents below each other. A chain that is longer, or a circle, is a trace of its own."""


class Traces:
    """Runs inside the writer's transaction."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._from_ms = ledger, ledger.calls_from_ms

    def enter(self, changes: Sequence[Change], stores: Sequence[Store]) -> list[tuple[Message, ToolCall]]:
        """Enter the turns and the calls of what was counted for the first time; return the calls. ``stores`` are asked
        in this order. Raises ``Unreadable`` where one cannot be read just now."""
        counted = [change.message for change in changes if change.first]
        if not counted:
            return []
        by_turn: dict[str, list[Message]] = {}
        for message in counted:
            by_turn.setdefault(message.turn, []).append(message)
        turns = self._ledger.turns
        known = turns.known(by_turn)
        turns.begin([(self._turn(of[0], stores), of) for turn, of in by_turn.items() if turn not in known])
        turns.extend([of for turn, of in by_turn.items() if turn in known])
        found: list[tuple[Message, ToolCall]] = []
        for message in counted:
            if message.ended_ms >= self._from_ms:
                calls = _calls(message, stores)
                self._ledger.outbox.add_calls(message.id, calls)
                found += [(message, call) for call in calls]
        return found

    def settle(self, *, before_ms: int, limit: int) -> int:
        """End some of the turns of which nothing more is to come; return how many there were."""
        left = self._ledger.turns.idle(before_ms=before_ms, limit=limit)
        if left:
            with self._ledger.transaction():
                self._ledger.turns.close(left)
        return len(left)

    def _turn(self, message: Message, stores: Sequence[Store]) -> Turn:
        began_ms = turn_began_ms(message.turn_id, message.created_ms)
        caller = None
        if message.ended_ms >= self._from_ms:
            caller = _caller(self._ledger.turns.session(message.session_id), began_ms, stores)
        if caller is None:
            return Turn(message.turn, message.turn, "", began_ms)
        return Turn(message.turn, self._trace(caller, began_ms, stores), caller.part_id, began_ms)

    def _trace(self, caller: Caller, at_ms: int, stores: Sequence[Store]) -> str:
        """The turn that a person began. The calling message is not complete, and so its turn perhaps not known yet."""
        for _ in range(_DEEPEST):
            known = self._ledger.turns.trace_of(caller.turn_id)
            if known is not None:
                return known
            at_ms = turn_began_ms(caller.turn_id, at_ms)
            above = _caller(caller.session, at_ms, stores)
            if above is None:
                break
            caller = above
        return caller.turn_id


def _caller(session: Session, at_ms: int, stores: Sequence[Store]) -> Caller | None:
    if not session.parent_id:
        return None
    return next((found for store in stores if (found := store.caller(session, at_ms)) is not None), None)


def _calls(message: Message, stores: Sequence[Store]) -> list[ToolCall]:
    return next((found for store in stores if (found := store.tool_calls(message))), [])

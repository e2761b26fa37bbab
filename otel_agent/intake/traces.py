"""Turns and tool calls: the parts of a trace that no message records alone.

While a store is read, ``Traces`` says which parts to read: those of messages that count now, and never those of the
history before the ledger. What was read is written inside a transaction.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.ledger.kept_calls import Found
from otel_agent.ledger.writer import Ledger
from otel_agent.model import GOES_ON, Caller, Calls, CallsWanted, Change, EndedTurn, Message, ToolCall, Turn
from otel_agent.opencode.ids import turn_began_ms


class Entered(Struct, frozen=True):
    """What a batch brought beside its messages."""

    calls: Sequence[tuple[Message, ToolCall]] = ()
    """The tool calls that count now, each with the message that made it."""
    ended: Sequence[EndedTurn] = ()
    """The turns that ended with it. A turn that goes on after its end does not end once more."""


class Traces:
    """The turns and tool calls of the messages that are counted. One thread owns it, as it owns the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.from_ms = ledger.calls_from_ms
        """Calls of messages that ended before this are left alone."""

    def wanted(self, messages: Sequence[Message]) -> CallsWanted:
        """Return which calls a reader should read along with these messages: of those that may count at once.

        A message that is not complete or that looks copied waits; ``wanted_of_counted`` asks for its calls once it counts.
        """
        # A history of years passes here without a single query, and without a look at a property.
        recent = [each for each in messages if each.completed_ms is not None and each.completed_ms >= self.from_ms]
        if not recent:
            return CallsWanted()
        new = self._ledger.messages.undecided([message.id for message in recent])
        wanted = self.wanted_of_counted([message for message in recent if message.id in new and not message.copied])
        waiting = frozenset(message.id for message in recent if message.id in new and message.copied)
        return replace(wanted, waiting=waiting) if waiting else wanted

    def wanted_of_counted(self, messages: Iterable[Message]) -> CallsWanted:
        """Return the calls to read for messages that are about to count: those of the history are left alone."""
        recent = [message for message in messages if message.ended_ms >= self.from_ms]
        turns = {message.turn for message in recent}
        return CallsWanted(
            messages=frozenset(message.id for message in recent),
            turns=frozenset(turns - self._ledger.turns.known(turns)) if turns else frozenset(),
        )

    def enter(self, changes: Sequence[Change], calls: Calls) -> Entered:
        """Enter the turns and the calls of the messages that count now; return what counts too. Runs inside a transaction."""
        counted = [change for change in changes if change.first]
        by_turn: dict[str, list[Change]] = {}
        for change in counted:
            by_turn.setdefault(change.message.turn, []).append(change)
        # A turn begins with its first counted message; every later one moves its end.
        turns = self._ledger.turns
        known = turns.known(by_turn) if by_turn else set()
        callers, began_ms = calls.callers, calls.began_ms
        seen_to_end = {turn for turn, of_turn in callers.items() if turn in by_turn and _saw_end(of_turn)}
        over_by_row = calls.ended | seen_to_end
        begun = by_turn.keys() - known
        over = turns.begin(
            (
                (self._turn(of_turn[0].message, callers.get(turn, ()), began_ms.get(turn)), of_turn)
                for turn, of_turn in by_turn.items()
                if turn in begun
            ),
            over_by_row,
        )
        later = turns.extend(of_turn for turn, of_turn in by_turn.items() if turn in known) if known else []
        # After its messages: a turn that a row of its own ends is sent once, with all of them.
        later += turns.end(over_by_row - begun)
        entered = self._enter_calls(counted, calls, later) if calls.read or calls.tool_calls else []
        return Entered(entered, over + turns.ended(later) if later else over)

    def _enter_calls(self, counted: Sequence[Change], calls: Calls, ended: list[int]) -> list[tuple[Message, ToolCall]]:
        """Enter the calls and return them. ``ended`` gets the numbers of the turns that end with them."""
        entered: list[tuple[Message, ToolCall]] = []
        of_messages = calls.tool_calls
        found = [change for change in counted if change.message.id in calls.read or change.message.id in of_messages]
        kept = ((change.number, of_messages.get(change.message.id, ())) for change in found)
        self._ledger.kept_calls.enter(kept, Found.WHEN_COUNTED)
        for change in found:
            of_message = of_messages.get(change.message.id, [])
            self._ledger.outbox.add_calls(change.number, [call for call in of_message if call.has_span])
            ended += self._ledger.turns.end_below(call.id for call in of_message if call.saw_child_end)
            entered += [(change.message, call) for call in of_message]
        return entered

    def free_orphans(self, *, before_ms: int, sent: bool) -> int:
        """Take turns from below a span that is never sent; return how many there were.

        A calling message of 2.x has no usage before its sub-agents end. If OpenCode is killed before, it never counts.
        ``sent`` looks at the turns that were sent already, which costs a walk over all turns.
        """
        orphans = self._ledger.turns.orphans(before_ms=before_ms, sent=sent, calls_from_ms=self.from_ms)
        if orphans:
            with self._ledger.transaction():
                self._ledger.turns.free(orphans)
        return len(orphans)

    def _turn(self, first: Message, callers: Sequence[Caller], began_ms: int | None) -> Turn:
        began_ms = turn_began_ms(first.turn_id, first.created_ms) if began_ms is None else began_ms
        if not callers:
            return Turn(first.turn, first.turn, "", began_ms)
        caller = callers[0].part_id or f"{GOES_ON}{callers[0].turn_id}"
        return Turn(first.turn, self._trace(callers), caller, began_ms)

    def _trace(self, callers: Sequence[Caller]) -> str:
        """Return the trace of the nearest calling turn that the ledger knows, else the topmost turn. That one is the
        person's own: its message is not complete yet, so the ledger does not know it."""
        known = (self._ledger.turns.trace_of(caller.turn_id) for caller in callers)
        return next((trace for trace in known if trace is not None), callers[-1].turn_id)


def _saw_end(callers: Sequence[Caller]) -> bool:
    return bool(callers) and callers[0].saw_end

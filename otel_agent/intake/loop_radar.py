"""Notices an agent that goes round in circles: the same tool with the same input again and again, or far too many calls.

OpenCode itself asks a person when the last three parts of one message are the same call (its permission ``doom_loop``).
Since each message is one call of the model, it sees calls side by side only. Here the calls of a session are compared
across its messages:

- A call repeats an earlier one of its turn if tool and input are the same. Once a call was made ``repeats`` times and
  nothing new was called in between, it is a loop. So A A A is one, and so is A B A B A B. Edit, test, edit, test is
  none, because each edit is new.
- A call that was made three times as often within ten minutes is one too, if nothing that was called in between changed
  a file. Turns do not matter here: a plugin may ask on and on.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Final

from otel_agent.ledger.loops import REMEMBERED, Loop, RecentCall
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Change, LoopKind, Message, Outcome, ToolCall
from otel_agent.model.plural import counted
from otel_agent.model.project import project_name

log = logging.getLogger(__name__)

_EDITS: Final = frozenset({"edit", "multiedit", "write", "patch", "apply_patch"})
"""OpenCode's tools that change a file: after them the same call can have another result."""
_BESIDE_OTHERS: Final = 3
"""So many times ``repeats`` make a loop if new calls are in between."""
_WINDOW_MS: Final = 600_000
_MINUTE_MS: Final = 60_000
_NEWS_MS: Final = 900_000
"""A loop that ended longer ago gets no line in the log: it is history."""


class LoopRadar:
    """Compares new tool calls with the latest ones of their session. Runs inside the writer's transaction, but for ``write``."""

    def __init__(self, ledger: Ledger, *, repeats: int, calls_per_minute: int) -> None:
        """A number of 0 switches its half off."""
        self._ledger, self._repeats, self._rate = ledger, repeats, calls_per_minute
        self._notices: list[str] = []

    def begin(self) -> None:
        """Forget the notices of a transaction that failed."""
        self._notices.clear()

    def write(self) -> None:
        """Log what was noticed, one line for each loop. Call it after the transaction."""
        for notice in self._notices:
            log.warning("%s", notice)
        self._notices.clear()

    def repeats(self, calls: Sequence[tuple[Message, ToolCall]], *, now_ms: int) -> list[tuple[Message, ToolCall]]:
        """Return those of the new calls that go on with a loop, or complete one; note them."""
        if not self._repeats:
            return []
        by_session: dict[str, list[tuple[Message, ToolCall]]] = {}
        for message, call in calls:
            # A call that was broken off may have no input yet. One inside code mode is a program's, not the model's.
            if call.input_digest and call.outcome is not Outcome.ABORTED:
                by_session.setdefault(message.session_id, []).append((message, call))
        return [found for of in by_session.values() for found in self._in_session(of, now_ms)]

    def look_at_rates(self, changes: Sequence[Change], *, now_ms: int) -> None:
        """Note the sessions that called the model more often in a minute than ``calls_per_minute``."""
        latest: dict[str, Message] = {}
        since_ms = now_ms - _NEWS_MS
        # A history of years passes here, so the comparison that all of it fails comes first.
        young = [change for change in changes if change.message.created_ms > since_ms] if self._rate else []
        for change in young:
            message = change.message
            if change.first and message.calls_model:
                known = latest.get(message.session_id)
                if known is None or known.created_ms < message.created_ms:
                    latest[message.session_id] = message
        for session_id, message in latest.items():
            since_ms = message.created_ms - _MINUTE_MS
            calls = self._ledger.loops.model_calls(session_id, since_ms=since_ms, until_ms=message.created_ms)
            if calls > self._rate:
                loop = Loop(session_id, LoopKind.RATE, "", b"", since_ms, message.ended_ms, calls)
                self._note(loop, message, f"the model was called {counted(calls, 'time')} in a minute", now_ms)

    def _in_session(self, new: Sequence[tuple[Message, ToolCall]], now_ms: int) -> list[tuple[Message, ToolCall]]:
        session_id = new[0][0].session_id
        new = sorted(new, key=lambda found: (found[0].created_ms, found[1].started_ms))
        walk = _Walk(self._ledger.loops.recent(session_id), self._repeats)
        looping, added = [], []
        for message, call in new:
            mark = self._ledger.loops.marks.of(call.tool, call.input_digest)
            made = RecentCall(message.turn, call.started_ms, mark, call.tool in _EDITS)
            added.append(made)
            times = walk.step(made)
            if times:
                looping.append((message, call))
                loop = Loop(session_id, LoopKind.REPEAT, call.tool, mark, walk.first_ms(mark), call.ended_ms, times)
                what = f"{call.tool} was called {counted(times, 'time')} with the same input"
                self._note(loop, message, what, now_ms)
        self._ledger.loops.remember(session_id, added, now_ms=now_ms)
        return looping

    def _note(self, loop: Loop, message: Message, what: str, now_ms: int) -> None:
        is_new = self._ledger.loops.note(loop, quiet_ms=_WINDOW_MS)
        if is_new and now_ms - loop.last_ms < _NEWS_MS:
            project = project_name(message.project_directory)
            self._notices.append(f"loop: {what} in session {loop.session_id} ({project or 'no project'})")


class _Walk:
    """Goes along the calls of one session, oldest first."""

    def __init__(self, before: Sequence[RecentCall], repeats: int) -> None:
        self._repeats = repeats
        self._calls: list[RecentCall] = []
        self._turn = ""
        self._met: dict[bytes, int] = {}
        """The marks of the turn, each with the place of its first call."""
        self._begin = 0
        """The place of the turn's last new call."""
        self._run: Counter[bytes] = Counter()
        """How often each mark came from the turn's last new call on."""
        for call in before:
            self.step(call)

    def step(self, call: RecentCall) -> int:
        """Return how often the call was made by now if that is a loop, else 0."""
        if call.turn_id != self._turn:
            self._turn, self._met, self._run = call.turn_id, {}, Counter()
        if call.mark not in self._met:
            self._begin = self._met[call.mark] = len(self._calls)
            self._run.clear()
        self._run[call.mark] += 1
        self._calls.append(call)
        # In A B A B A the first call is repeated as well, although B was new after it.
        alike = self._run[call.mark] + (self._met[call.mark] < self._begin)
        if alike >= self._repeats:
            return alike
        beside = self._beside_others(call)
        return beside if beside >= self._repeats * _BESIDE_OTHERS else 0

    def first_ms(self, mark: bytes) -> int:
        """Return when a call was made first, of those that are remembered."""
        return next(call.made_ms for call in self._calls if call.mark == mark)

    def _beside_others(self, call: RecentCall) -> int:
        """Return how often the call was made within the window since a file was changed last."""
        number = 0
        for each in reversed(self._calls[-REMEMBERED:]):
            if each.made_ms < call.made_ms - _WINDOW_MS or (each.edits and each.mark != call.mark):
                break
            number += each.mark == call.mark
        return number

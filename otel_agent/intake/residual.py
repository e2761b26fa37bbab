"""The residual: what a session's totals hold beyond the messages that the ledger knows of it.

OpenCode 2.x records titles, and calls whose row is gone, in the totals of the session only. The totals were read
before the rows of the same pass. So the residual can be too small when OpenCode writes in between, and never too large;
the write makes the next pass read both again.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.intake.session_records import SessionRecords, Usage
from otel_agent.ledger.unattributed import KnownUsage, unattributed_message
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Change, Overlap, SessionTotals, State, StoreTotals, Tokens, Unreadable

_LONGEST_COMPACTION_MS: Final = 86_400_000
"""A compaction that runs for longer was killed, and nobody went on with its session: its calls have no row."""


class Found(Struct, frozen=True):
    """Usage that no message has, and whether it counts."""

    change: Change
    state: State
    totals: SessionTotals


class Residual:
    """Compares the totals of sessions with the ledger. One thread owns it, as it owns the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.count_from_ms = ledger.backfill_from_ms
        """What was used before this is history and does not count."""
        self._waiting: dict[str, dict[str, SessionTotals]] = {}
        """The totals that were not compared yet: store, then session id."""
        self._late: set[str] = set()
        """Sessions with a message that this pass read and that the residual may hold …"""
        self._late_before: set[str] = set()
        """… and those of them that were known before the transaction that is under way."""
        self._records = SessionRecords(ledger)

    @property
    def waits(self) -> bool:
        """True if the totals of a session could not be compared yet."""
        return any(self._waiting.values())

    def begin(self) -> None:
        """Begin a transaction."""
        self._late_before = set(self._late)

    def undo(self) -> None:
        """Forget what a transaction did that failed."""
        self._late = set(self._late_before)

    def note(self, store: str, totals: StoreTotals) -> None:
        """Keep the totals of a store, all of whose rows are in the ledger now."""
        self._records.note(store, totals)
        waiting, latest = self._waiting.setdefault(store, {}), {each.session.id: each for each in totals.sessions}
        waiting.update(latest)
        for key in self._settled(latest):
            del waiting[key]

    def find(
        self, *, now_ms: int, unreadable: frozenset[str] = frozenset(), awaited: frozenset[str] = frozenset()
    ) -> list[Found]:
        """Return what the ledger misses, once for each session that is at rest, and write nothing of it yet.

        A store that cannot be read is not compared. A session that is also in a store that is ``awaited`` waits for it.
        """
        found: dict[str, Found] = {}
        self._late.clear()
        self._records.unreadable = unreadable
        for store, waiting in self._waiting.items():
            if store in unreadable:
                continue
            ready = self._ready(store, waiting, now_ms, awaited)
            # The same session in a further store is compared in the next pass, with what is entered now.
            ready = {key: totals for key, totals in ready.items() if key not in found}
            try:
                known = self._records.known(store, ready) if ready else {}
            except Unreadable:
                continue  # since it was read: the next pass names it
            for key, totals in ready.items():
                missing = self._missing(totals, known.get(key, KnownUsage()), self._records.imported_ms(store), now_ms)
                if missing is None:
                    del waiting[key]
                else:
                    found[key] = missing
        return list(found.values())

    def _ready(
        self, store: str, waiting: dict[str, SessionTotals], now_ms: int, awaited: frozenset[str]
    ) -> dict[str, SessionTotals]:
        begun = self._records.unsettled(store)
        shared = self._records.shared_with(store, awaited) if awaited else set[str]()
        return {
            key: totals
            for key, totals in waiting.items()
            # The row of a running compaction gets what its calls used at the end; the totals have it already.
            if (key not in begun or now_ms - begun[key] > _LONGEST_COMPACTION_MS) and key not in shared
        }

    def _settled(self, sessions: Mapping[str, SessionTotals]) -> set[str]:
        """Return the sessions that lack nothing, as far as that is seen at a glance.

        A fork's messages can be copies, which its totals do not hold. What an old session used can be history.
        """
        plain = {
            key: totals
            for key, totals in sessions.items()
            if not totals.fork_of and totals.session.created_ms >= self.count_from_ms
        }
        return self._ledger.unattributed.settled(plain) if plain else set()

    def enter(self, found: list[Found]) -> list[Change]:
        """Enter what ``find`` returned; return what counts. Runs inside a transaction."""
        self._ledger.messages.record([], [each.totals.session for each in found], count_from_ms=self.count_from_ms)
        self._ledger.unattributed.enter((each.change, each.state) for each in found)
        return [each.change for each in found if each.state is State.COUNTED]

    def set_off(self, store: str, changes: list[Change], beside: StoreTotals, *, now_ms: int) -> list[Change]:
        """Return the changes without what was counted as unattributed before its message said it. Runs inside a transaction.

        That was so if a compaction ran for longer than we wait, or if a message was first read without its tokens.
        """
        totals = {each.session.id: each for each in beside.sessions}
        return [
            self._set_off(
                change, self._records.beyond(store, change, totals[change.message.session_id], beside.migrated_ms)
            )
            if change.message.session_id in totals and self._may_be_known(change, now_ms)
            else change
            for change in changes
        ]

    def _may_be_known(self, change: Change, now_ms: int) -> bool:
        """Return True if the residual may hold already what this message says now."""
        session_id = change.message.session_id
        waited = change.message.compaction and now_ms - change.message.created_ms > _LONGEST_COMPACTION_MS
        if change.tokens.total and (waited or not change.first) and self._ledger.unattributed.has(session_id):
            self._late.add(session_id)
        # The totals may hold messages that are read after it: only with the last of them is there too much.
        return session_id in self._late

    def _set_off(self, change: Change, too_much: Usage) -> Change:
        tokens = change.tokens.at_most(too_much.tokens).at_least(Tokens())
        cost_nusd = max(min(change.cost_nusd, too_much.cost_nusd), 0)
        taken, taken_nusd = self._ledger.unattributed.take_back(change.message.session_id, tokens, cost_nusd)
        return replace(change, tokens=change.tokens.minus(taken), cost_nusd=change.cost_nusd - taken_nusd)

    def _missing(self, totals: SessionTotals, known: KnownUsage, imported_ms: int, now_ms: int) -> Found | None:
        tokens = totals.tokens.minus(known.tokens).at_least(Tokens())
        # Costs are rounded message by message, so a difference without tokens is no usage.
        cost_nusd = max(totals.cost_nusd - known.cost_nusd, 0) if tokens.total else 0
        # What a session that is older than what is counted used before the first look is left out, like its messages.
        is_history = not known.rows and totals.session.created_ms < self.count_from_ms
        if not tokens.total and not is_history:
            return None
        at_ms = self._time(totals, known, imported_ms, now_ms)
        message = unattributed_message(totals, known.rows, at_ms, tokens, cost_nusd)
        subagent = bool(totals.session.parent_id)
        change = Change(message, subagent, tokens, Overlap(), cost_nusd, first=False, opens_session=False)
        return Found(change, State.SKIPPED if is_history else State.COUNTED, totals)

    def _time(self, totals: SessionTotals, known: KnownUsage, imported_ms: int, now_ms: int) -> int:
        """Return when it was used, as far as anybody knows: a session gets its title when it begins."""
        session = totals.session
        if not known.rows and not totals.began_before_2_x:
            return min(session.created_ms, now_ms) or now_ms
        # An import makes the totals new, from what there is: what they hold beyond that was used afterwards.
        since_ms = imported_ms if totals.began_before_2_x else 0
        return min(max(totals.updated_ms, since_ms, self.count_from_ms), now_ms)

"""The ledger's knowledge of what is in a session's totals, if the session is in several stores, was forked or began
again."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.ledger.unattributed import Beside, KnownUsage, OwnMessage
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Change, Checkpoint, SessionTotals, StoreTotals, Tokens, Unreadable

_RESET: Final = "totals-reset"
"""The end of the name of a checkpoint, after store and session: ids of messages that the totals there do not hold."""


class Usage(Struct, frozen=True):
    """Tokens and cost. Both may be negative."""

    tokens: Tokens
    cost_nusd: int


class SessionRecords:
    """Says which messages the totals of a session hold. One thread owns it, as it owns the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._stores: dict[str, StoreTotals] = {}
        self._sessions: dict[str, set[str]] = {}
        """Store to the sessions that it has."""
        self._forks: dict[str, SessionTotals] = {}
        self.unreadable: frozenset[str] = frozenset()
        """Stores that cannot be read now, and so are not asked for rows."""

    def note(self, store: str, totals: StoreTotals) -> None:
        """Keep what the latest totals of a store say of its sessions."""
        # The sessions of a store of years are tens of megabytes.
        self._stores[store] = replace(totals, sessions=[])
        self._sessions.setdefault(store, set()).update(each.session.id for each in totals.sessions)
        self._forks.update({each.session.id: each for each in totals.sessions if each.fork_of})

    def shared_with(self, store: str, others: Collection[str]) -> set[str]:
        """Return the sessions of a store that one of the others has too."""
        own = self._sessions.get(store, set())
        elsewhere = (self._sessions.get(name, set()) for name in others if name != store)
        return own & set[str]().union(*elsewhere)

    def unsettled(self, store: str) -> Mapping[str, int]:
        """Return the sessions whose totals hold a call that its row does not have yet, and when it began."""
        return self._stores[store].unsettled

    def imported_ms(self, store: str) -> int:
        """Return when 2.x imported the sessions of 1.x into a store, 0 if it did not."""
        return self._stores[store].migrated_ms or 0

    def known(self, store: str, sessions: Mapping[str, SessionTotals]) -> dict[str, KnownUsage]:
        """Return what the ledger has of these sessions' totals in this store."""
        known = self._counted(store, sessions, self._beside(store, sessions))
        for key, totals in sessions.items():
            if key in known and totals.tokens.minus(known[key].tokens).total < 0 and self._was_reset(store, totals):
                known |= self._counted(store, {key: totals}, self._beside(store, {key: totals}))
        known = self._filled(known, sessions)
        return {key: self._in_all_places(store, each, known[key]) for key, each in sessions.items()}

    def _in_all_places(self, store: str, totals: SessionTotals, usage: KnownUsage) -> KnownUsage:
        """Add what only other stores and forks have, and what came back after a reset."""
        usage = self._with_lost(store, totals, self._with_copies(totals, usage), self._stores[store])
        return self._with_gone(store, totals, usage)

    def beyond(self, store: str, change: Change, totals: SessionTotals, migrated_ms: int | None) -> Usage:
        """Return what the ledger has beyond these totals, which were read together with the messages just entered.

        ``change`` is one of these.
        """
        key, is_first_pass = totals.session.id, store not in self._stores
        if is_first_pass:
            # What is in other stores was not looked at yet.
            known = self._ledger.unattributed.known([key], Beside(migrated_ms, outside=self._lost(store, key)))
        else:
            known = self._counted(store, {key: totals}, self._beside(store, {key: totals}))
        usage = known.get(key, KnownUsage())
        if usage.tokens != totals.tokens:
            # The totals hold it once, and the ledger may have it twice: that would hide what else the totals hold.
            twice = self._as_unattributed(store, change)
            usage = usage.plus(Tokens().minus(twice.tokens), -twice.cost_nusd)
            if is_first_pass:
                usage = self._with_lost(store, totals, usage, StoreTotals([], migrated_ms=migrated_ms))
            else:
                usage = self._in_all_places(store, totals, usage)
            usage = usage.plus(twice.tokens, twice.cost_nusd)
        return Usage(usage.tokens.minus(totals.tokens), usage.cost_nusd - totals.cost_nusd)

    def _as_unattributed(self, store: str, change: Change) -> Usage:
        """Return how much of a change may have been counted before without its message."""
        key = change.message.session_id
        lost, used = self._lost(store, key), KnownUsage()
        for each in self._ledger.unattributed.of_session(key):
            if not each.has_row and each.id not in lost:
                used = used.plus(each.tokens, each.cost_nusd)
        return Usage(change.tokens.at_most(used.tokens), min(change.cost_nusd, used.cost_nusd))

    def _counted(self, store: str, sessions: Mapping[str, SessionTotals], beside: Beside) -> dict[str, KnownUsage]:
        """Return what was counted of these totals, sessions without a message left out.

        What the import found in a row can differ from what counts. Only if totals and ledger differ is that asked.
        """
        known, source = self._ledger.unattributed.known(list(sessions), beside), self._stores[store].source
        unlike = [
            key
            for key, totals in sessions.items()
            if totals.began_before_2_x
            and key in known
            and totals.tokens != known[key].tokens
            and any(totals.tokens.by_category())
        ]
        if beside.migrated_ms is None or source is None or not unlike:
            return known
        rows = source.rows_of_1_x(self._ledger.unattributed.ids_of_1_x(unlike))
        # A row that the import cannot read is in no totals. If it made rows of such ones, it could read them.
        reads_all = any(not row.fits and row.id in beside.present for row in rows)
        imported = {row.id: (row.tokens, row.cost_nusd) if row.fits or reads_all else (Tokens(), 0) for row in rows}
        return known | self._ledger.unattributed.known(unlike, replace(beside, imported=imported))

    def _filled(self, known: dict[str, KnownUsage], sessions: Mapping[str, SessionTotals]) -> dict[str, KnownUsage]:
        return {key: known.get(key, KnownUsage()) for key in sessions}

    def _beside(self, store: str, sessions: Mapping[str, SessionTotals]) -> Beside:
        of_store = self._stores[store]
        imported = [
            key for key, totals in sessions.items() if of_store.migrated_ms is not None and totals.began_before_2_x
        ]
        others = [self._sessions[name] for name in self._stores if name != store]
        shared = [key for key in sessions if any(key in other for other in others)]
        lost = {key: ids for key in sessions if (ids := self._lost(store, key))}
        source = of_store.source
        present = source.rows_of([*imported, *shared, *lost]) if source is not None else frozenset()
        outside = self._elsewhere(store, shared).union(*lost.values()) - present
        return Beside(of_store.migrated_ms, present, outside)

    def _elsewhere(self, store: str, session_ids: Sequence[str]) -> frozenset[str]:
        """Return the rows of these sessions in the other stores."""
        sources = [totals.source for name, totals in self._stores.items() if name not in (store, *self.unreadable)]
        found: set[str] = set()
        for source in sources if session_ids else ():
            # Without its rows the totals seem to hold more than they do, so the residual is too small and never too large.
            with suppress(Unreadable):
                found |= source.rows_of(session_ids) if source is not None else frozenset()
        return frozenset(found)

    def _lost(self, store: str, session_id: str) -> frozenset[str]:
        noted = self._ledger.recall(f"{store}#{session_id}#{_RESET}")
        return frozenset(json.loads(noted)) if noted else frozenset()

    def _was_reset(self, store: str, totals: SessionTotals) -> bool:
        """Note which messages the totals do not hold any more, if that is certain: an import resets totals.

        It is certain if what is there now, and some of what only the ledger knows, make exactly these totals.
        """
        key, of_store = totals.session.id, self._stores[store]
        if of_store.source is None or of_store.source.totals_of([key]) != [totals]:
            return False  # OpenCode wrote in between: the next pass compares again
        present = of_store.source.rows_of([key])
        gone = [each for each in self._ledger.unattributed.of_session(key) if each.id not in present]
        beside = Beside(of_store.migrated_ms, present, frozenset(each.id for each in gone))
        left = totals.tokens.minus(self._counted(store, {key: totals}, beside)[key].tokens)
        lost = []
        for each in gone:
            rest = left.minus(each.tokens)
            if min(rest.by_category()) >= 0:
                left = rest
            else:
                lost.append(each.id)
        if any(left.by_category()):
            return False
        with self._ledger.transaction():
            self._ledger.remember([Checkpoint(f"{store}#{key}#{_RESET}", json.dumps(lost).encode())])
        return True

    def _with_lost(self, store: str, totals: SessionTotals, usage: KnownUsage, of_store: StoreTotals) -> KnownUsage:
        """Add what a reset left out, if these totals hold it again.

        There was no reset then: an older copy of the database was in its place for a while, or the copy beside it was
        made again. Such totals hold the messages that were counted first, up to any of them, or all of them and more.
        """
        key, rest = totals.session.id, totals.tokens.minus(usage.tokens).at_least(Tokens())
        noted = self._lost(store, key)
        if not rest.total or not noted:
            return usage
        if of_store.source is not None:
            noted -= of_store.source.rows_of([key])
        # An import deletes what 2.x wrote before it into a session of 1.x. That never comes back.
        imported_ms = of_store.migrated_ms or 0 if totals.began_before_2_x else 0
        ours = self._ledger.unattributed.of_session(key)
        lost = [each for each in ours if each.id in noted and each.created_ms >= imported_ms]
        is_shared = any(key in self._sessions[name] for name in self._stores if name != store)
        return _with_those_that_came_back(usage, lost, rest, whole=not is_shared)

    def _with_gone(self, store: str, totals: SessionTotals, usage: KnownUsage) -> KnownUsage:
        """Add what only other stores have of the session, as far as these totals may hold it.

        A row that is elsewhere and not here was written there, or was deleted here by a revert. Nobody notes which of
        the two. In the second case the totals hold it, so as much as fits is taken for that. Then too little is
        missing, and never too much. If it was written there, the totals there say the rest.
        """
        key, rest = totals.session.id, totals.tokens.minus(usage.tokens)
        others = [self._sessions[name] for name in self._stores if name != store]
        source = self._stores[store].source
        if not rest.total or source is None or not any(key in other for other in others):
            return usage
        gone = self._elsewhere(store, [key]) - source.rows_of([key]) - self._lost(store, key)
        for each in self._ledger.unattributed.of_session(key) if gone else ():
            left = rest.minus(each.tokens)
            if each.id in gone and min(left.by_category()) >= 0:
                rest = left
                usage = usage.plus(each.tokens, each.cost_nusd)
        return usage

    def _with_copies(self, totals: SessionTotals, usage: KnownUsage) -> KnownUsage:
        """Add the copies in forks that count in place of this session's own messages: its totals hold them too."""
        forks = self._forks_of(totals.session.id)
        for copy in self._ledger.unattributed.counted_copies(list(forks)) if forks else ():
            if self._owner(forks[copy.session_id], copy.created_ms) == totals.session.id:
                usage = usage.plus(copy.tokens, copy.cost_nusd)
        return usage

    def _forks_of(self, session_id: str) -> dict[str, SessionTotals]:
        """Return the forks of a session, and their forks."""
        found: dict[str, SessionTotals] = {}
        parents = {session_id}
        while parents:
            forks = {key: each for key, each in self._forks.items() if each.fork_of in parents and key not in found}
            found |= forks
            parents = set(forks)
        return found

    def _owner(self, fork: SessionTotals, created_ms: int) -> str:
        """Return the session in which a message was made that was copied into this fork and forks before it."""
        met = {fork.session.id}
        while (parent := self._forks.get(fork.fork_of)) is not None and parent.session.created_ms > created_ms:
            if parent.session.id in met:
                break
            met.add(parent.session.id)
            fork = parent
        return fork.fork_of


def _with_those_that_came_back(
    usage: KnownUsage, lost: Sequence[OwnMessage], rest: Tokens, *, whole: bool
) -> KnownUsage:
    """Add those of the messages that fill the rest of the totals: the first ones up to any of them, or all.

    Not ``whole``, they are added as far as they fit. A row that is open in a copy can be complete in the other
    database, and then the rest is smaller than what came back.
    """
    held = usage
    for each in sorted(lost, key=lambda one: one.number):
        # What no row has is a sum of calls, and a copy may have been made between two of them.
        is_part = not whole or (not each.has_row and rest.at_most(each.tokens) == rest)
        part = rest.at_most(each.tokens) if is_part else each.tokens
        held = held.plus(part, each.cost_nusd)
        rest = rest.minus(part)
        if min(rest.by_category()) < 0:
            return usage
        if not rest.total:
            break
    return held

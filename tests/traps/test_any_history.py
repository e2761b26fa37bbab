"""Theorem: whatever OpenCode does between runs, after a run the backend's totals are the calls seen so far, each once.

The model knows calls, not ids: a copy in another store, a rewrite and a fork's copy are all the same call. A call is
worth, in each category, the most that any run saw of it complete. Before that it is worth nothing, and it never loses
any of it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.kinds_of_store import Store
from tests.support.made_stores import (
    T0,
    Database,
    DatabaseV2,
    JsonTree,
    Message,
    Tokens,
    fork_copy,
    in_flight,
    message,
    session,
)
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.random_examples import examples

NOTHING = Tokens()

amounts = st.integers(min_value=0, max_value=500)
usages = st.builds(Tokens, st.integers(1, 500), amounts, amounts, amounts, amounts)
picks = st.integers(min_value=0, max_value=10_000)
"""Chooses among what exists at that moment, modulo how many there are."""
looks = st.booleans()
"""True if a run follows at once."""


@dataclass(slots=True)
class Kept:
    """A message in a store, and the call it records."""

    store: int
    written: Message
    call: int


class AnyHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.scratch = tempfile.TemporaryDirectory()
        self.receiver = OtlpReceiver().__enter__()
        self.agent = Agent(Path(self.scratch.name), self.receiver.endpoint)
        self.agent.data_dir.mkdir(parents=True)
        self.stores: list[Store] = [
            JsonTree(self.agent.data_dir),
            Database(self.agent.data_dir / "opencode.db").create(),
            Database(self.agent.data_dir / "opencode-beta.db", "1.2.6").create(),
            DatabaseV2(self.agent.data_dir / "opencode-next.db").create(),
        ]
        self.kept: list[Kept] = []
        self.lost: list[Kept] = []
        self.forked: dict[int, Tokens] = {}
        self.calls = 0
        self.sessions = 0
        self.truth: dict[int, Tokens] = {}
        self.fresh = False

    def teardown(self) -> None:
        self.receiver.__exit__(None, None, None)
        self.scratch.cleanup()

    def _clock(self) -> int:
        """Times never repeat, so that only forks look like forks."""
        return T0 + 10_000 * (self.calls + self.sessions)

    def _keep(self, store: int, written: Message, call: int) -> None:
        self.stores[store].put_turn(written)
        self.fresh = False
        for each in self.kept:
            if (each.store, each.written.id) == (store, written.id):
                each.written = written
                return
        self.kept.append(Kept(store, written, call))

    def _forget(self, gone: Kept) -> None:
        self.stores[gone.store].remove(gone.written)
        self.kept.remove(gone)
        self.lost.append(gone)
        self.fresh = False

    def _run_if(self, looked_at: bool) -> None:
        if looked_at:
            self.run()

    def _chosen(self, pick: int) -> Kept:
        return self.kept[pick % len(self.kept)]

    @rule(store=st.integers(0, 3), usage=usages, place=st.integers(0, 2), looked_at=looks)
    def call_a_model(self, store: int, usage: Tokens, place: int, looked_at: bool) -> None:
        """Its first write, and, unless a run comes between, its last one at once."""
        self.calls += 1
        whole = message(session(T0 - 5_000, counter=place + 1), usage, self._clock())
        self._keep(store, in_flight(whole) if looked_at else whole, self.calls)
        self._run_if(looked_at)

    @precondition(lambda self: self.kept)
    @rule(pick=picks, usage=usages, looked_at=looks)
    def complete_or_rewrite(self, pick: int, usage: Tokens, looked_at: bool) -> None:
        """A call that was forked is done with: OpenCode copies completed messages and rewrites neither."""
        chosen = self._chosen(pick)
        if chosen.call in self.forked:
            return
        completed = chosen.written.created + 4_000
        self._keep(chosen.store, replace(chosen.written, tokens=usage, completed=completed, finish="stop"), chosen.call)
        self._run_if(looked_at)

    @precondition(lambda self: self.kept)
    @rule(pick=picks, store=st.integers(0, 3), looked_at=looks)
    def copy_to_another_store(self, pick: int, store: int, looked_at: bool) -> None:
        """An import, a channel change, an update: the id is kept."""
        chosen = self._chosen(pick)
        self._keep(store, chosen.written, chosen.call)
        self._run_if(looked_at)

    @precondition(lambda self: any(kept.written.completed for kept in self.kept))
    @rule(pick=picks, original_is_lost=st.booleans(), looked_at=looks)
    def fork(self, pick: int, original_is_lost: bool, looked_at: bool) -> None:
        """The original may be gone before anybody looks, and come back from a backup."""
        complete = [kept for kept in self.kept if kept.written.completed]
        chosen = complete[pick % len(complete)]
        if any(kept.call == chosen.call and kept.written.tokens != chosen.written.tokens for kept in self.kept):
            return
        if self.truth.get(chosen.call, chosen.written.tokens) != chosen.written.tokens:
            return
        self.sessions += 1
        forked_at = T0 + 86_400_000 + 10_000 * self.sessions
        into = session(forked_at, fork_of=chosen.written.session.id)
        self.forked[chosen.call] = chosen.written.tokens
        self._keep(chosen.store, fork_copy(chosen.written, into, forked_at + 20), chosen.call)
        if original_is_lost:
            self._forget(chosen)
        self._run_if(looked_at)

    @precondition(lambda self: self.kept)
    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        self._forget(self._chosen(pick))

    @precondition(lambda self: self.lost)
    @rule(pick=picks, looked_at=looks)
    def restore(self, pick: int, looked_at: bool) -> None:
        """A forked call comes back only as it was when it was copied: nothing ties an older version to the copy."""
        back = self.lost.pop(pick % len(self.lost))
        if self.forked.get(back.call, back.written.tokens) != back.written.tokens:
            return
        if not any((kept.store, kept.written.id) == (back.store, back.written.id) for kept in self.kept):
            self._keep(back.store, back.written, back.call)
        self._run_if(looked_at)

    @rule()
    def run(self) -> None:
        self.agent.once()
        for kept in self.kept:
            if kept.written.completed:
                before = self.truth.get(kept.call, NOTHING)
                self.truth[kept.call] = Tokens(*map(max, before, kept.written.tokens))
        self.fresh = True

    @invariant()
    def the_totals_are_the_truth(self) -> None:
        if not self.fresh:
            return
        arrived = Arrived(self.receiver)
        assert arrived.tokens() == NOTHING.plus(*self.truth.values())
        assert arrived.messages() == len(self.truth)
        assert len({(span.trace_id, span.span_id) for span in arrived.chats()}) == len(self.truth)


def test_totals_are_the_calls_seen_each_once() -> None:
    run_state_machine_as_test(
        AnyHistory,
        settings=settings(
            max_examples=examples(25),
            stateful_step_count=16,
            deadline=None,
            phases=(Phase.generate,),  # sixteen steps are short enough to read; shrinking them takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Theorem: whatever OpenCode does between runs, after a run the backend's totals are the calls seen so far, each once.

The model knows calls, not ids: a copy in another store, a rewrite and a fork's copy are all the same call. A call is
worth, in each category, the most any run saw of it complete; it is worth nothing before, and never loses any of it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.agent import Agent
from tests.made_stores import (
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
from tests.otlp_receiver import OtlpReceiver
from tests.traps.arrived import Arrived

Store = JsonTree | Database
NOTHING = Tokens()

amounts = st.integers(min_value=0, max_value=500)
usages = st.builds(Tokens, st.integers(1, 500), amounts, amounts, amounts, amounts)
picks = st.integers(min_value=0, max_value=10_000)
"""Chooses among what exists at that moment, modulo how many there are."""


@dataclass(slots=True)
class Kept:
    """A message in a store, and the call it stands for."""

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
        self.forked: set[int] = set()
        self.calls = 0
        self.sessions = 0
        self.writes = 0
        self.truth: dict[int, Tokens] = {}
        self.fresh = False

    def teardown(self) -> None:
        self.receiver.__exit__(None, None, None)
        self.scratch.cleanup()

    def _clock(self) -> int:
        """Times never repeat, so that only forks look like forks."""
        return T0 + 10_000 * (self.calls + self.sessions)

    def _keep(self, store: int, written: Message, call: int) -> None:
        self.writes += 1
        match self.stores[store]:
            case Database() as database:
                database.put_turn(written, updated=T0 + 10 * self.writes)
            case tree:
                tree.put_turn(written)
        self.fresh = False
        for each in self.kept:
            if (each.store, each.written.id) == (store, written.id):
                each.written = written
                return
        self.kept.append(Kept(store, written, call))

    def _chosen(self, pick: int) -> Kept:
        return self.kept[pick % len(self.kept)]

    @rule(store=st.integers(0, 3), usage=usages, place=st.integers(0, 2))
    def call_a_model(self, store: int, usage: Tokens, place: int) -> None:
        self.calls += 1
        of = session(T0 - 5_000, counter=place + 1)
        self._keep(store, in_flight(message(of, usage, self._clock())), self.calls)

    @precondition(lambda self: self.kept)
    @rule(pick=picks, usage=usages)
    def complete_or_rewrite(self, pick: int, usage: Tokens) -> None:
        """A call that was forked is done with: OpenCode copies completed messages and rewrites neither."""
        chosen = self._chosen(pick)
        if chosen.call in self.forked:
            return
        completed = chosen.written.created + 4_000
        self._keep(chosen.store, replace(chosen.written, tokens=usage, completed=completed, finish="stop"), chosen.call)

    @precondition(lambda self: self.kept)
    @rule(pick=picks, store=st.integers(0, 3))
    def copy_to_another_store(self, pick: int, store: int) -> None:
        """An import, a channel change, an update: the id is kept."""
        chosen = self._chosen(pick)
        self._keep(store, chosen.written, chosen.call)

    @precondition(lambda self: any(kept.written.completed for kept in self.kept))
    @rule(pick=picks)
    def fork(self, pick: int) -> None:
        complete = [kept for kept in self.kept if kept.written.completed]
        chosen = complete[pick % len(complete)]
        if any(kept.call == chosen.call and kept.written.tokens != chosen.written.tokens for kept in self.kept):
            return
        if self.truth.get(chosen.call, chosen.written.tokens) != chosen.written.tokens:
            return
        self.sessions += 1
        forked_at = T0 + 86_400_000 + 10_000 * self.sessions
        into = session(forked_at, fork_of=chosen.written.session.id)
        self.forked.add(chosen.call)
        self._keep(chosen.store, fork_copy(chosen.written, into, forked_at + 20), chosen.call)

    @precondition(lambda self: self.kept)
    @rule(pick=picks)
    def delete(self, pick: int) -> None:
        chosen = self._chosen(pick)
        self.stores[chosen.store].remove(chosen.written)
        self.kept.remove(chosen)
        self.fresh = False

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
            max_examples=20,
            stateful_step_count=14,
            deadline=None,
            derandomize=True,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )

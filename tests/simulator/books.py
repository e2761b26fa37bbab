"""The author's books: every model call that the simulated OpenCodes made, and what a backend has to show of it.

Nothing here knows how the agent counts. The names of metrics and attributes are written out, because they are a contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.support.made_stores import Tokens

SeriesKey = tuple[str, frozenset[tuple[str, object]]]
"""A metric's name and its attributes."""
Call = tuple[str, str]
"""The id of a message, and the id of a tool call in it."""

NANO = 1_000_000_000


@dataclass(eq=False, slots=True, kw_only=True)
class Answer:
    """One assistant message: where it is, what it used, and if it counts."""

    id: str
    generation: str
    session: str
    turn: str
    provider: str
    model: str
    project: str
    agent: str = "build"
    tokens: Tokens
    cost_nusd: int
    tools: tuple[str, ...] = ()
    """The names of its tool calls."""
    calls: tuple[str, ...] = ()
    """The ids of its tool calls."""
    counts: bool = False
    """True once it is complete, or once OpenCode was killed in it."""

    @property
    def place(self) -> dict[str, object]:
        """The attributes that all of its series have."""
        return {
            "gen_ai.provider.name": self.provider,
            "gen_ai.request.model": self.model,
            "gen_ai.agent.name": self.agent,
            "opencode.project.name": self.project,
            "opencode.agent.kind": "primary",
        }


@dataclass(slots=True)
class Books:
    """All answers. What ``series`` returns are the totals of all that count."""

    answers: list[Answer] = field(default_factory=list)

    def counting(self) -> list[Answer]:
        """Return the answers that have to be counted, each once."""
        return [each for each in self.answers if each.counts]

    def series(self) -> dict[SeriesKey, int]:
        """Return the total of each series, in the smallest unit of its metric."""
        totals: Counter[SeriesKey] = Counter()
        sessions: dict[str, Answer] = {}
        for answer in self.counting():
            sessions.setdefault(answer.session, answer)
            for key, value in _of_answer(answer):
                totals[key] += value
        for first in sessions.values():
            totals[key_of("opencode.session.count", _only(first, "opencode.project.name", "opencode.agent.kind"))] += 1
        return dict(totals)

    def messages(self) -> set[str]:
        """Return the ids of the messages that have a span."""
        return {answer.id for answer in self.counting()}

    def calls(self) -> set[Call]:
        """Return the tool calls that have a span."""
        return {(answer.id, call) for answer in self.counting() for call in answer.calls}

    def turns(self) -> set[str]:
        """Return the turns that have a span."""
        return {answer.turn for answer in self.counting()}


def key_of(metric: str, attributes: Mapping[str, object]) -> SeriesKey:
    """Return the identity of a series."""
    return metric, frozenset(attributes.items())


def _of_answer(answer: Answer) -> Iterator[tuple[SeriesKey, int]]:
    used = {**answer.place, "opencode.usage.source": "message"}
    for kind, number in answer.tokens._asdict().items():
        yield key_of("opencode.token.usage", {**used, "gen_ai.token.type": kind}), number
        session = {"session.id": answer.session, "gen_ai.token.type": kind}
        yield key_of("opencode.session.token.usage", {**used, **session}), number
    yield key_of("opencode.cost.usage", used), answer.cost_nusd
    yield key_of("opencode.session.cost.usage", {**used, "session.id": answer.session}), answer.cost_nusd
    yield key_of("opencode.message.count", {**answer.place, "opencode.message.outcome": "ok"}), 1
    yield key_of("otel_agent.message.ingested", {"otel_agent.store.generation": answer.generation}), 1
    for tool in answer.tools:
        of_call = {"gen_ai.tool.name": tool, "opencode.tool.outcome": "ok", "opencode.project.name": answer.project}
        yield key_of("opencode.tool.call.count", of_call), 1


def _only(answer: Answer, *names: str) -> dict[str, object]:
    return {name: answer.place[name] for name in names}

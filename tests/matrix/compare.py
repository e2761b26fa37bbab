"""Compares what was billed, what OpenCode recorded and what the agent made of it. A difference is a sentence with its amount."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.matrix.calls import Call, Calls, tokens_by_model, tokens_of
from tests.matrix.seen import COST_DECIMALS, LedgerRows, Metrics, Seen, Spans, View
from tests.support.made_stores import Tokens
from tests.support.real_opencode.provider import Usage

LONGEST = 5
"""So many calls are named in one difference."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What must be seen everywhere.

    `billed` are the calls that the provider answered to their end; `usage` is what it charged for each. `rows` are
    OpenCode's own records, copies included; `outcomes` are those of the messages without copies. `broken` are the calls
    that OpenCode may leave out, because their turn was broken off. `tools` are the scenario's tool calls by name and
    outcome. `stats` says how what `opencode stats` shows differs from the rows that are there.
    """

    billed: Calls
    usage: Mapping[Call, Usage]
    broken: Calls
    rows: Calls
    copies: int
    outcomes: Mapping[str, int]
    tools: Mapping[str, int]
    cost: float
    stats: Sequence[str] = ()

    @property
    def recorded(self) -> Calls:
        """Return the calls that were billed and that OpenCode recorded, each once."""
        return Counter({call: 1 for call in self.billed if call in self.rows})

    @property
    def left_out(self) -> Calls:
        """Return the calls that were billed and that OpenCode did not record."""
        return self.billed - self.recorded

    @property
    def tokens(self) -> int:
        """Return all tokens of the recorded calls."""
        return sum(tokens_of(self.recorded))

    @property
    def messages(self) -> int:
        """Return how many messages must count: the calls, and messages that ended without tokens."""
        return sum(self.outcomes.values())

    @property
    def prompt(self) -> int:
        """Return what the provider charged as input for the recorded calls, cached tokens included."""
        return sum(self.usage[call].prompt for call in self.recorded)

    @property
    def completion(self) -> int:
        """Return what the provider charged as output for the recorded calls, reasoning included."""
        return sum(self.usage[call].completion for call in self.recorded)


def differences(truth: Truth, seen: Seen) -> list[str]:
    """Return a sentence for each difference; none if everything is equal."""
    return [
        *_of_opencode(truth),
        *_of_ledger(truth, seen.ledger),
        *_of_metrics(truth, seen.metrics),
        *_of_spans(truth, seen.spans),
        *_of_views(truth, seen.views),
    ]


def _of_opencode(truth: Truth) -> Iterator[str]:
    twice = Counter({call: number - 1 for call, number in truth.billed.items() if number > 1})
    yield from _calls("bill: calls with the same usage, which the scenario must not have", twice)
    yield from _calls("OpenCode did not record", truth.left_out - truth.broken)
    yield from _calls("OpenCode recorded what nobody billed", Counter(set(truth.rows) - set(truth.billed)))
    yield from truth.stats


def _of_ledger(truth: Truth, ledger: LedgerRows) -> Iterator[str]:
    yield from _both_ways("ledger", truth.recorded, ledger.calls)
    yield from _number("ledger: messages", truth.messages, ledger.messages)
    yield from _number("ledger: fork copies left out", truth.copies, ledger.copies)
    yield from _money("ledger", truth.cost, ledger.cost)


def _of_metrics(truth: Truth, metrics: Metrics) -> Iterator[str]:
    wanted, none = tokens_by_model(truth.recorded), Tokens()
    for model in sorted(wanted.keys() | metrics.by_model.keys()):
        for kind, amount in wanted.get(model, none)._asdict().items():
            arrived = getattr(metrics.by_model.get(model, none), kind)
            yield from _number(f"metrics: {kind} of {model}", amount, arrived)
    yield from _number("metrics: input of gen_ai", truth.prompt, metrics.input)
    yield from _number("metrics: output of gen_ai", truth.completion, metrics.output)
    yield from _numbers("metrics: messages", truth.outcomes, metrics.outcomes)
    yield from _numbers("metrics: tool calls,", truth.tools, metrics.tools)
    yield from _money("metrics", truth.cost, metrics.cost)


def _of_spans(truth: Truth, spans: Spans) -> Iterator[str]:
    yield from _both_ways("spans", truth.recorded, spans.calls)
    yield from _number("spans: input of gen_ai", truth.prompt, spans.input)
    yield from _number("spans: output of gen_ai", truth.completion, spans.output)
    yield from _numbers("spans: tool calls,", truth.tools, spans.tools)
    yield from (f"spans: {name} has a parent that never came" for name in spans.orphans)
    yield from (f"spans: {name} has no parent" for name in spans.strays)


def _of_views(truth: Truth, views: Mapping[str, View]) -> Iterator[str]:
    for name, view in views.items():
        yield from _number(f"summary {name}: tokens", truth.tokens, view.tokens)
        yield from _number(f"summary {name}: tokens of its rows", truth.tokens, view.tokens_of_rows)
        yield from _number(f"summary {name}: messages", truth.messages, view.messages)
        yield from _money(f"summary {name}", truth.cost, view.cost)


def _both_ways(where: str, wanted: Calls, found: Calls) -> Iterator[str]:
    yield from _calls(f"{where} lacks", wanted - found)
    yield from _calls(f"{where} has too much", found - wanted)


def _calls(what: str, calls: Calls) -> Iterator[str]:
    if calls:
        named = [_named(call, number) for call, number in calls.most_common(LONGEST)]
        more = [f"and {len(calls) - LONGEST} more"] if len(calls) > LONGEST else []
        yield f"{what}: {calls.total()} of {sum(tokens_of(list(calls.elements()))):,} tokens ({', '.join(named + more)})"


def _named(call: Call, number: int) -> str:
    return f"{number} x {call}" if number > 1 else str(call)


def _number(what: str, wanted: int, found: int) -> Iterator[str]:
    if wanted != found:
        yield f"{what}: {found:,} and not {wanted:,} ({found - wanted:+,})"


def _numbers(what: str, wanted: Mapping[str, int], found: Mapping[str, int]) -> Iterator[str]:
    for key in sorted({*wanted, *found}):
        yield from _number(f"{what} {key}", wanted.get(key, 0), found.get(key, 0))


def _money(where: str, wanted: float, found: float) -> Iterator[str]:
    if round(wanted, COST_DECIMALS) != round(found, COST_DECIMALS):
        yield f"{where}: cost {found:.6f} and not {wanted:.6f} ({found - wanted:+.6f})"

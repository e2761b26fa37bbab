"""Series under a second name: they rise as their sources do, and show no rise that lies before somebody asked for them."""

from __future__ import annotations

import json
from typing import Any

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from otel_agent import semconv
from otel_agent.export.metric_export import MetricExport
from otel_agent.export.metric_schedule import MetricSchedule
from otel_agent.export.mirror import Mirror
from otel_agent.export.outcomes import Outcomes
from otel_agent.ledger.totals import NewSeries, SeriesLimit
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Increase
from otel_agent.otlp.resource import emitter
from otel_agent.semconv.attributes import TOKEN_TYPES
from otel_agent.series import claude_code
from tests.export.day import CYCLE_NS, HOUR_NS
from tests.export.fakes import MetricsTo
from tests.support.otlp_receiver.rows import point_rows
from tests.support.records import START_NS

SESSION = {
    "session.id": "ses_1",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "opus",
    "gen_ai.agent.name": "build",
    "opencode.project.name": "persona",
    "opencode.agent.kind": "primary",
    "opencode.usage.source": "message",
}
TOKENS, COST, SESSIONS, _ = (metric.name for metric in semconv.CLAUDE_CODE)


class Team:
    """A ledger that is exported minute by minute under both names, unless `mirrored` is off."""

    def __init__(self, ledger: Ledger, *, mirrored: bool = True) -> None:
        self.ledger, self.now_ns, self.to = ledger, START_NS, MetricsTo()
        self.start(mirrored=mirrored)

    def start(self, *, mirrored: bool = True) -> None:
        self._schedule = MetricSchedule(
            self.ledger, list(semconv.METRICS), session_window_ns=HOUR_NS, active_ns=24 * HOUR_NS, budget=100
        )
        targets = [metric.name for metric in semconv.CLAUDE_CODE]
        mirror = Mirror(
            self.ledger, claude_code.sources(by_session=True), targets, claude_code.counterparts, window_ns=HOUR_NS
        )
        self._export = MetricExport(
            self.ledger,
            self.to,
            Outcomes(self.ledger, lambda: self.now_ns),
            emitter=emitter("here"),
            schedule=self._schedule,
            observe=list,
            interval_ns=CYCLE_NS,
            delta=False,
            now_ns=lambda: self.now_ns,
            mirrors=[mirror] if mirrored else [],
        )

    def count(self, cost_nusd: int, *, history: bool = False, **tokens: int) -> None:
        increases = {(semconv.SESSION_COST_USAGE.name, json.dumps(SESSION, sort_keys=True)): Increase(cost_nusd)}
        for kind, number in tokens.items():
            attributes = json.dumps(SESSION | {"gen_ai.token.type": kind}, sort_keys=True)
            increases[semconv.SESSION_TOKEN_USAGE.name, attributes] = Increase(number)
        with self.ledger.transaction():
            new = NewSeries(self.now_ns - 1, windowed=True, history=history)
            limit = SeriesLimit(1_000, "{}")
            self.ledger.totals.raise_by(increases, now_ns=self.now_ns, new=new, limit=limit)

    def minutes(self, number: int) -> None:
        for _ in range(number):
            self._export.send()
            self.now_ns += CYCLE_NS

    def values(self, metric: str, **attributes: Any) -> list[float]:
        """What the backend got of the one series with these attributes, in order."""
        points = [
            point
            for request in self.to.requests
            for point in point_rows(encode_metrics(request))
            if point.metric == metric and attributes.items() <= point.attributes.items()
        ]
        assert len({frozenset(point.attributes.items()) for point in points}) <= 1
        return [point.value or 0 for point in points]


def test_a_new_session_begins_at_zero_under_both_names(ledger: Ledger) -> None:
    team = Team(ledger)
    team.count(2_500_000_000, input=7, output=5, reasoning=3, cache_read=11, cache_write=2)
    team.minutes(2)
    for kind, type_, number in (
        ("input", "input", 7),
        ("output", "output", 5),
        ("reasoning", "output", 3),
        ("cache_read", "cacheRead", 11),
        ("cache_write", "cacheCreation", 2),
    ):
        assert team.values(TOKENS, **{"gen_ai.token.type": kind}, type=type_) == [0, number]
    assert team.values(COST, model="opus", query_source="main", **{"session.id": "ses_1"}) == [0.0, 2.5]
    assert team.values(SESSIONS, **{"session.id": "ses_1"}) == [0, 1]


def test_history_shows_no_rise_even_if_it_cost_nothing(ledger: Ledger) -> None:
    team = Team(ledger)
    team.count(0, input=7, history=True)
    team.minutes(2)
    assert team.values(TOKENS, type="input") == [7, 7]
    assert team.values(SESSIONS) == [1, 1]


def test_what_follows_rises_over_restarts_and_nothing_counts_twice(ledger: Ledger) -> None:
    team = Team(ledger)
    team.count(10**9, input=7)
    team.minutes(2)
    team.count(10**9, input=4)
    team.start()
    team.minutes(2)
    assert team.values(TOKENS, type="input") == [0, 7, 7, 11]
    assert team.values(COST) == [0.0, 1.0, 1.0, 2.0]
    assert team.values(SESSIONS) == [0, 1, 1, 1]


def test_a_name_that_is_asked_for_late_begins_with_what_there_is(ledger: Ledger) -> None:
    """Else a month of usage would rise in one minute."""
    team = Team(ledger, mirrored=False)
    team.count(0, input=7)
    team.minutes(2)
    team.count(0, input=4)
    team.start()
    team.minutes(1)
    assert team.values(TOKENS, type="input") == [11]
    assert team.values(SESSIONS) == [1]
    team.count(0, input=2)
    team.minutes(1)
    assert team.values(TOKENS, type="input") == [11, 13]


def test_a_session_of_long_ago_is_left_alone_until_somebody_goes_on_with_it(ledger: Ledger) -> None:
    team = Team(ledger)
    team.count(10**9, input=7, history=True)
    team.now_ns += HOUR_NS + 1
    team.minutes(1)
    assert [key for key, *_ in ledger.totals.current([TOKENS])] == []
    team.count(10**9, input=4)
    team.minutes(1)
    assert team.values(TOKENS, type="input") == [11], "as the series of ours, which was never exported"


def test_each_series_has_one_counterpart_of_its_own() -> None:
    """Two providers, and output and reasoning, stay apart: together they would be one series that jumps."""
    metric = semconv.SESSION_TOKEN_USAGE.name
    kinds = [{"gen_ai.token.type": each} for each in TOKEN_TYPES]
    ours = [SESSION | kind | {"gen_ai.provider.name": provider} for kind in kinds for provider in ("a", "b")]
    found = [key for each in ours for key, _ in claude_code.counterparts(metric, json.dumps(each), 1)]
    assert len(set(found)) == len(ours) == 10


def test_a_sub_agent_and_a_compaction_say_who_asked() -> None:
    metric = semconv.SESSION_COST_USAGE.name
    for changes, source in (
        ({"opencode.agent.kind": "subagent"}, "subagent"),
        ({"opencode.usage.source": "compaction"}, "auxiliary"),
        ({"opencode.usage.source": "unattributed"}, "auxiliary"),
    ):
        (name, attributes), _ = next(claude_code.counterparts(metric, json.dumps(SESSION | changes), 1))
        assert (name, json.loads(attributes)["query_source"]) == (COST, source)
    of_sub_agent = claude_code.counterparts(metric, json.dumps(SESSION | {"opencode.agent.kind": "subagent"}), 1)
    assert [name for (name, _), _ in of_sub_agent] == [COST], "a person began the session above it"

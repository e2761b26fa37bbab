"""What a real Prometheus says of a day with short sessions, idle hours, restarts, kills and a backend that was away."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics.export import MetricsData

from otel_agent.delivery.choose import deliveries
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.ledger.writer import Ledger
from otel_agent.model import SendResult
from tests.delivery.senders import NO_FILES
from tests.export.day import CYCLE_NS, HOUR_NS, Day
from tests.support.ledgers import fresh_ledger
from tests.team.recording import Recording, record_again
from tests.team.rules import recorded

pytestmark = pytest.mark.prometheus

TOTAL = "opencode_token_usage_total"
TILE_S = 300


class Wire:
    """To Prometheus over OTLP. `is_away`: nothing arrives. `forgets`: it arrives, and the agent never hears so."""

    def __init__(self, endpoint: str) -> None:
        _, totals = deliveries(
            traces="none", metrics="otlp", otlp=OtlpOptions(endpoint=endpoint, timeout_seconds=30.0), file=NO_FILES
        )
        assert totals is not None
        self._totals = totals
        self.is_away = self.forgets = False

    def send(self, data: MetricsData) -> SendResult:
        if self.is_away:
            return SendResult(accepted=False, reason="away")
        result = self._totals.send(data)
        assert result.accepted, result.reason
        assert not result.rejected
        return SendResult(accepted=False, reason="killed before it heard", unanswered=True) if self.forgets else result

    def close(self) -> None:
        self._totals.close()


class SentPoint:
    """The day that was told, and what was truly counted in it."""

    def __init__(self, prometheus: Recording, ledger: Ledger) -> None:
        self.prometheus = prometheus
        self.began_ns = time.time_ns() // HOUR_NS * HOUR_NS - 12 * HOUR_NS
        self.wire = Wire(prometheus.otlp)
        self.day = Day(ledger, started_ns=self.began_ns, over=self.wire)
        self.truth: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def count(self, project: str, tokens: int) -> None:
        self.day.count(project, tokens)
        self.truth[project,] += tokens

    def cycles(self, number: int = 1) -> None:
        for _ in range(number):
            self.day.cycle()

    @property
    def now_s(self) -> float:
        return self.day.now_ns / 1e9


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentPoint]:
    with Recording(tmp_path_factory.mktemp("prometheus")) as prometheus, fresh_ledger() as ledger:
        told = SentPoint(prometheus, ledger)
        _live_a_day(told)
        yield told
        told.wire.close()


def _live_a_day(told: SentPoint) -> None:
    day, wire = told.day, told.wire
    day.count("old", 5_000_000, history=True)  # found at the first start: not used now
    told.cycles(5)

    told.count("short", 1_000)  # a session of one message
    told.cycles(7)
    for tokens in (300, 50, 7):
        told.count("long", tokens)
        told.cycles()
    told.cycles(90)

    told.count("long", 400)  # after idle hours in which only heartbeats came
    told.count("old", 11)
    told.cycles(3)

    day.now_ns += 2 * HOUR_NS  # the machine slept
    told.count("long", 33)
    told.cycles(4)

    day.start()  # a restart
    told.count("long", 5)
    told.cycles(2)

    wire.forgets = True  # killed after a request, before its answer
    told.count("long", 77)
    told.count("short", 13)
    told.cycles()
    wire.forgets = False
    day.start()
    told.cycles(3)

    wire.is_away = True  # the backend is away for an hour, and the agent restarted in it
    for _ in range(6):
        told.count("long", 10)
        told.count("away", 2)
        told.cycles(10)
    day.start()
    wire.is_away = False
    told.cycles(3)

    told.count("last", 9)  # and the end of a run: both points at once
    day.now_ns += CYCLE_NS
    day.points(last=True)
    told.cycles(6)


def test_increase_over_the_day_is_what_was_counted(told: SentPoint) -> None:
    """Asked at the moment of the last heartbeats, and for longer than the day: there is nothing to extrapolate."""
    query = f"sum by (opencode_project_name) (increase({TOTAL}[13h]))"
    found = told.prometheus.rows(query, "opencode_project_name", at_s=told.now_s)
    # Of "old" increase() knows a first value of five millions, and extrapolates from it.
    assert {project: round(value) for project, value in found.items() if project != ("old",)} == {
        project: value for project, value in told.truth.items() if project != ("old",)
    }
    assert found["old",] == pytest.approx(told.truth["old",], rel=0.01)


def test_what_the_rules_record_adds_up_to_what_was_counted(told: SentPoint) -> None:
    """Each five minutes on their own, wherever the five minutes begin."""
    for shift_s in (0, 1, 59, 60, 137, 299):
        recording = told.prometheus.over(
            recorded("opencode:token_usage:gained5m"),
            start_s=told.began_ns / 1e9 + shift_s - TILE_S,
            end_s=told.now_s + TILE_S,
            step_s=TILE_S,
        )
        found = {
            (series["metric"]["opencode_project_name"],): sum(float(value) for _, value in series["values"])
            for series in recording
        }
        assert found == told.truth


def test_what_the_totals_rose_by_in_the_day_is_what_was_counted(told: SentPoint) -> None:
    """What the recording is held against: with restarts, absences and a history."""
    rose = recorded("opencode:message_count:rose1d").replace("opencode_message_count_total", TOTAL)
    for minutes in (10, 13, 60):
        assert told.prometheus.rows(rose, at_s=told.now_s + 60 * minutes) == {(): sum(told.truth.values())}


def test_the_day_recorded_anew_is_what_was_counted(told: SentPoint) -> None:
    """Of which two hours had been recorded before."""
    began_s, end_s = told.began_ns / 1e9, told.now_s + TILE_S
    told.prometheus.wait_until_written(end_s + TILE_S)
    record_again(told.prometheus, began_s + 1_000, began_s + 8_200)
    query = "sum by (opencode_project_name) (sum_over_time(opencode:token_usage:gained5m[13h]))"
    partly = told.prometheus.rows(query, "opencode_project_name", at_s=end_s + TILE_S)
    assert 0 < sum(partly.values()) < sum(told.truth.values())
    for _ in range(2):
        record_again(told.prometheus, began_s, end_s)
        assert told.prometheus.rows(query, "opencode_project_name", at_s=end_s + TILE_S) == told.truth
    teams = "sum(sum_over_time(team:opencode_token_usage:gained5m[13h]))"
    assert told.prometheus.rows(teams, at_s=end_s + TILE_S) == {(): sum(told.truth.values())}


def test_totals_are_the_history_too(told: SentPoint) -> None:
    found = told.prometheus.rows(TOTAL, "opencode_project_name", at_s=told.now_s)
    assert found == told.truth | {("old",): 5_000_000 + told.truth["old",]}


def test_the_history_is_no_spike(told: SentPoint) -> None:
    query = f"max_over_time((sum(increase({TOTAL}[5m])))[13h:1m])"
    (found,) = told.prometheus.rows(query, at_s=told.now_s).values()
    assert found < 2_000


def test_who_sent_it_is_told_by_labels(told: SentPoint) -> None:
    ((job, instance),) = told.prometheus.rows(f"group by (job, instance) ({TOTAL})", "job", "instance", at_s=told.now_s)
    assert (job, bool(instance)) == ("otel-agent", True)

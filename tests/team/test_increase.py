"""A real Prometheus after a day with short sessions, idle hours, restarts, kills and a backend that was away."""

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
from tests.team.support.recording import Recording, record_again
from tests.team.support.rules import recorded

pytestmark = pytest.mark.prometheus

TOTAL = "opencode_token_usage_total"
WINDOW_S = 300
HISTORY = 5_000_000
"""The tokens that the agent finds at its first start."""


class Wire:
    """Delivers to Prometheus over OTLP, and can fail in two ways.

    While `is_away`, nothing arrives. While it `forgets`, data arrives but the agent gets no answer.
    """

    def __init__(self, endpoint: str) -> None:
        _, totals = deliveries(
            traces="none", metrics="otlp", otlp=OtlpOptions(endpoint=endpoint, timeout_seconds=30.0), file=NO_FILES
        )
        assert totals is not None
        self._totals = totals
        self.is_away = self.forgets = False

    def send(self, data: MetricsData) -> SendResult:
        """Send, and fail if Prometheus does not accept all of it."""
        if self.is_away:
            return SendResult(accepted=False, reason="away")
        receipt = self._totals.send(data)
        assert receipt.accepted, receipt.reason
        assert not receipt.rejected
        return (
            SendResult(accepted=False, reason="killed before the answer", unanswered=True) if self.forgets else receipt
        )

    def close(self) -> None:
        """Close the connection."""
        self._totals.close()


class ExportedDay:
    """A day of an agent that exports to Prometheus, and the truth of what was counted in it, by project."""

    def __init__(self, prometheus: Recording, ledger: Ledger) -> None:
        self.prometheus = prometheus
        self.began_ns = time.time_ns() // HOUR_NS * HOUR_NS - 12 * HOUR_NS
        self.wire = Wire(prometheus.otlp)
        self.day = Day(ledger, started_ns=self.began_ns, over=self.wire)
        self.truth: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def count(self, project: str, tokens: int) -> None:
        """Count tokens of a project now."""
        self.day.count(project, tokens)
        self.truth[project,] += tokens

    def cycles(self, number: int = 1) -> None:
        """Run export cycles, a minute apart."""
        for _ in range(number):
            self.day.cycle()

    @property
    def now_s(self) -> float:
        """The end of the day. Unix seconds."""
        return self.day.now_ns / 1e9


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExportedDay]:
    with Recording(tmp_path_factory.mktemp("prometheus")) as prometheus, fresh_ledger() as ledger:
        exported = ExportedDay(prometheus, ledger)
        exported.day.count("old", HISTORY, history=True)
        exported.cycles(5)
        for part in (
            _short_and_long_sessions,
            _idle_hours,
            _sleep_and_restart,
            _kill_between_request_and_answer,
            _backend_away_for_an_hour,
            _last_export,
        ):
            part(exported)
        yield exported
        exported.wire.close()


def _short_and_long_sessions(exported: ExportedDay) -> None:
    exported.count("short", 1_000)
    exported.cycles(7)
    for tokens in (300, 50, 7):
        exported.count("long", tokens)
        exported.cycles()


def _idle_hours(exported: ExportedDay) -> None:
    """Only heartbeats come for 90 minutes; then work continues, also in the project of the history."""
    exported.cycles(90)
    exported.count("long", 400)
    exported.count("old", 11)
    exported.cycles(3)


def _sleep_and_restart(exported: ExportedDay) -> None:
    exported.day.now_ns += 2 * HOUR_NS
    exported.count("long", 33)
    exported.cycles(4)
    exported.day.start()
    exported.count("long", 5)
    exported.cycles(2)


def _kill_between_request_and_answer(exported: ExportedDay) -> None:
    exported.wire.forgets = True
    exported.count("long", 77)
    exported.count("short", 13)
    exported.cycles()
    exported.wire.forgets = False
    exported.day.start()
    exported.cycles(3)


def _backend_away_for_an_hour(exported: ExportedDay) -> None:
    """The agent restarts while the backend is away."""
    exported.wire.is_away = True
    for _ in range(6):
        exported.count("long", 10)
        exported.count("away", 2)
        exported.cycles(10)
    exported.day.start()
    exported.wire.is_away = False
    exported.cycles(3)


def _last_export(exported: ExportedDay) -> None:
    """At the end of a run, the agent exports baseline and value of a new series at once."""
    exported.count("last", 9)
    exported.day.now_ns += CYCLE_NS
    exported.day.points(last=True)
    exported.cycles(6)


def test_increase_over_the_day_is_what_was_counted(exported: ExportedDay) -> None:
    """The query ends with the last heartbeats and is longer than the day, so there is nothing to extrapolate."""
    query = f"sum by (opencode_project_name) (increase({TOTAL}[13h]))"
    found = exported.prometheus.rows(query, "opencode_project_name", at_s=exported.now_s)
    # For "old", increase() begins with five millions, and extrapolates from them.
    assert {project: round(value) for project, value in found.items() if project != ("old",)} == {
        project: value for project, value in exported.truth.items() if project != ("old",)
    }
    assert found["old",] == pytest.approx(exported.truth["old",], rel=0.01)


def test_what_the_rules_record_adds_up_to_what_was_counted(exported: ExportedDay) -> None:
    """It does so wherever the windows of five minutes begin."""
    for shift_s in (0, 1, 59, 60, 137, 299):
        recording = exported.prometheus.over(
            recorded("opencode:token_usage:gained5m"),
            start_s=exported.began_ns / 1e9 + shift_s - WINDOW_S,
            end_s=exported.now_s + WINDOW_S,
            step_s=WINDOW_S,
        )
        found = {
            (series["metric"]["opencode_project_name"],): sum(float(value) for _, value in series["values"])
            for series in recording
        }
        assert found == exported.truth, f"windows that begin {shift_s} s later"


def test_the_rise_of_the_totals_in_a_day_is_what_was_counted(exported: ExportedDay) -> None:
    """The alert on drift compares the recording with this rise: restarts, absences and a history must not change it."""
    rose = recorded("opencode:message_count:rose1d").replace("opencode_message_count_total", TOTAL)
    for minutes in (10, 13, 60):
        found = exported.prometheus.rows(rose, at_s=exported.now_s + 60 * minutes)
        assert found == {(): sum(exported.truth.values())}, f"{minutes} minutes later"


def test_a_day_that_is_recorded_again_is_what_was_counted(exported: ExportedDay) -> None:
    """Two hours of it were recorded before."""
    began_s, end_s = exported.began_ns / 1e9, exported.now_s + WINDOW_S
    exported.prometheus.wait_until_written(end_s + WINDOW_S)
    record_again(exported.prometheus, began_s + 1_000, began_s + 8_200)
    query = "sum by (opencode_project_name) (sum_over_time(opencode:token_usage:gained5m[13h]))"
    partly = exported.prometheus.rows(query, "opencode_project_name", at_s=end_s + WINDOW_S)
    assert 0 < sum(partly.values()) < sum(exported.truth.values())
    for time_of in ("first", "second"):
        record_again(exported.prometheus, began_s, end_s)
        found = exported.prometheus.rows(query, "opencode_project_name", at_s=end_s + WINDOW_S)
        assert found == exported.truth, f"the {time_of} time"
    teams = "sum(sum_over_time(team:opencode_token_usage:gained5m[13h]))"
    assert exported.prometheus.rows(teams, at_s=end_s + WINDOW_S) == {(): sum(exported.truth.values())}


def test_totals_contain_the_history(exported: ExportedDay) -> None:
    found = exported.prometheus.rows(TOTAL, "opencode_project_name", at_s=exported.now_s)
    assert found == exported.truth | {("old",): HISTORY + exported.truth["old",]}


def test_the_history_makes_no_spike(exported: ExportedDay) -> None:
    query = f"max_over_time((sum(increase({TOTAL}[5m])))[13h:1m])"
    (found,) = exported.prometheus.rows(query, at_s=exported.now_s).values()
    assert found < 2_000


def test_labels_name_the_program_and_its_instance(exported: ExportedDay) -> None:
    found = exported.prometheus.rows(f"group by (job, instance) ({TOTAL})", "job", "instance", at_s=exported.now_s)
    ((job, instance),) = found
    assert job == "otel-agent"
    assert instance

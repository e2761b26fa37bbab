"""How often a backend is asked: at the interval if it works, seldom if it does not, and never before it wants to be."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import pytest

from otel_agent.agent.pacing import JITTER, LONGEST_PAUSE_SECONDS, AskedPauses, Backoff
from otel_agent.model import SendResult
from tests.agent.clockwork import ACCEPTED, AWAY, WALL_NS, Clock, clockwork
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, throttled

HOUR_S = 3_600.0
USED = Tokens(700, 50, 20, 300, 9)
TOKENS = "opencode.token.usage"
WAIT_300 = SendResult(accepted=False, reason="HTTP 429 Too Many Requests", retry_after_s=300.0)


@pytest.fixture
def tree(tmp_path: Path) -> JsonTree:
    return JsonTree(tmp_path / "opencode")


def write(tree: JsonTree, *, ago_s: float = 60.0, number: int = 0) -> None:
    """Write one message that was completed before the clock began."""
    tree.put_turn(message(session(), USED, WALL_NS // 10**6 - round(ago_s * 1_000), number))


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def test_the_pause_doubles_up_to_the_longest() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.next_pause() for _ in range(8)] == [5, 10, 20, 40, 80, 160, 180, 180]
    backoff.reset()
    assert backoff.next_pause() == 5


def test_chance_only_shortens_a_pause() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next_pause() for _ in range(2)] == [5 * (1 - JITTER), 10 * (1 - JITTER)]


@pytest.mark.parametrize("interval_s", [0.1, 60.0])
def test_a_dead_backend_costs_less_than_one_request_a_minute_after_a_while(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch, interval_s: float
) -> None:
    """Both signals together, even if chance shortens every pause as much as it can."""
    write(tree)
    with clockwork(tmp_path, monkeypatch, interval_s=interval_s, chance=lambda: 1.0) as driven:
        driven.backend.answer_both(AWAY)
        driven.run_for(600)
        before = len(driven.backend.asked)
        driven.run_for(HOUR_S)
        assert 0 < len(driven.backend.asked) - before < 60
        assert {signal for _, signal in driven.backend.asked} == {"metrics", "traces"}


def test_a_backend_that_lives_again_gets_everything_within_the_longest_pause(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        driven.backend.answer_both(AWAY)
        driven.run_for(HOUR_S)
        driven.backend.answer_both(ACCEPTED)
        driven.run_for(LONGEST_PAUSE_SECONDS)
        assert driven.agent.spans.pending == 0
        assert driven.backend.values[TOKENS][-1][1] == sum(USED)


def test_the_pauses_of_spans_follow_each_other_as_they_should(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans are tried in the step after their pause, and passes go on meanwhile."""
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        driven.backend.answers["traces"] = AWAY
        driven.run_for(700)
        assert gaps(driven.backend.times("traces")) == [5, 10, 20, 40, 80, 160, 180, 180]
        assert set(gaps(driven.backend.times("metrics"))) <= {0.0, 60.0}, "the other signal keeps its interval"


def test_one_signal_that_is_accepted_again_ends_the_pause_of_the_other(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        driven.backend.answer_both(AWAY)
        driven.run_for(HOUR_S)
        driven.backend.answer_both(ACCEPTED)
        seen = len(driven.backend.asked)
        while len(driven.backend.asked) == seen:
            driven.run_for(1)
        driven.run_for(5)
        assert {signal for _, signal in driven.backend.asked[seen:]} == {"metrics", "traces"}


def test_a_short_pause_that_ends_well_ends_a_long_one_of_the_other_signal(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans were asked a moment ago, and would wait for three minutes. Metrics failed once, and are accepted again."""
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        answers, times = driven.backend.answers, driven.backend.times
        answers["traces"] = AWAY
        driven.run_for(HOUR_S)
        for signal in ("traces", "metrics"):
            answers[signal] = AWAY
            seen = len(times(signal))
            while len(times(signal)) == seen:
                driven.run_for(1)
        driven.backend.answer_both(ACCEPTED)
        driven.run_for(10)
        assert driven.agent.spans.pending == 0


class TestRetryAfter:
    """A backend that asks for time gets it, from both signals."""

    def test_neither_signal_is_sent_before_the_time_has_come(
        self, tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tree)
        with clockwork(tmp_path, monkeypatch, interval_s=1.0) as driven:
            driven.backend.answers["metrics"] = WAIT_300
            driven.step()
            write(tree, number=1)
            driven.run_for(299)
            assert {at for at, _ in driven.backend.asked} == {0.0}
            driven.backend.answer_both(ACCEPTED)
            driven.run_for(5)
            assert {signal for at, signal in driven.backend.asked if at >= 300} == {"metrics", "traces"}
            assert driven.agent.spans.pending == 0

    def test_an_export_under_way_ends_when_the_other_signal_is_asked_to_wait(
        self, tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Metrics come first in each step: the spans after their first request find the backend asking for time."""
        for number in range(500):
            write(tree, number=number)
        with clockwork(tmp_path, monkeypatch) as driven:
            driven.backend.answers["metrics"] = WAIT_300
            driven.run_for(299)
            assert len(driven.backend.times("traces")) == 1
            driven.backend.answer_both(ACCEPTED)
            driven.run_for(10)
            assert driven.agent.spans.pending == 0

    def test_a_reload_forgets_nothing_of_it(
        self, tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tree)
        asked, clock = AskedPauses(), Clock()
        with clockwork(tmp_path, monkeypatch, clock=clock, asked=asked) as driven:
            driven.backend.answer_both(WAIT_300)
            driven.step()
        with clockwork(tmp_path, monkeypatch, clock=clock, asked=asked) as driven:
            driven.run_for(299)
            assert driven.backend.asked == []
            driven.run_for(5)
            assert driven.agent.spans.pending == 0

    def test_a_stop_sends_nothing_and_keeps_everything(
        self, tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tree)
        with clockwork(tmp_path, monkeypatch) as driven:
            driven.backend.answer_both(WAIT_300)
            driven.step()
            seen = len(driven.backend.asked)
            driven.backend.answer_both(ACCEPTED)
            driven.stop()
            assert len(driven.backend.asked) == seen
            assert driven.agent.spans.pending > 0

    def test_nobody_is_left_alone_for_longer_than_a_day(self) -> None:
        asked = AskedPauses()
        asked.ask("there", 10.0, 1e12)
        assert asked.until("there") == 10.0 + 86_400.0
        assert asked.until("elsewhere") == 0.0

    def test_a_shorter_time_takes_nothing_from_a_longer_one(self) -> None:
        asked = AskedPauses()
        asked.ask("there", 10.0, 300.0)
        asked.ask("there", 20.0, 5.0)
        assert asked.until("there") == 310.0


def test_spans_in_a_pause_are_tried_once_more_at_the_stop(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        driven.backend.answers["traces"] = AWAY
        driven.step()
        driven.backend.answers["traces"] = ACCEPTED
        driven.stop()
        assert driven.agent.spans.pending == 0


def test_a_stop_asks_a_backend_that_is_away_once_for_each_signal(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        driven.backend.answer_both(AWAY)
        driven.stop()
        assert sorted(signal for _, signal in driven.backend.asked) == ["metrics", "traces"]


def test_a_backend_that_fails_during_a_stop_is_not_asked_once_more(
    tmp_path: Path, tree: JsonTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop finds a request under way, and a person waits for the end."""
    write(tree)
    with clockwork(tmp_path, monkeypatch) as driven:
        driven.backend.answer_both(AWAY)
        driven.loop.step(threading.Event())
        assert driven.loop.is_under_way
        driven.stop()
        assert len(driven.backend.times("metrics")) == 1


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_single_run_sends_no_metrics_to_a_backend_that_asked_for_time(
    agent: Agent, receiver: OtlpReceiver, protocol: str
) -> None:
    """Its spans were answered with a time that is longer than any request may take."""
    JsonTree(agent.data_dir).put_turn(message(session(), USED))
    receiver.behave(then=throttled(300))
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.endpoint
    over = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    run = agent.attempt(**over)
    assert run.returncode == 3
    assert "it asks to wait 300 s" in run.stderr
    assert [each.signal for each in receiver.requests] == ["traces"]
    receiver.behave()
    agent.once(**over)
    assert receiver.total(TOKENS) == sum(USED)

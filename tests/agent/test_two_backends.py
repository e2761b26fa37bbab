"""Two signals that fail each for a reason of its own: the log and a single run name both, each once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from otel_agent.agent.state_log import StateLog
from otel_agent.export.send_summary import SendSummary
from otel_agent.settings import Settings
from tests.agent.resident import USED
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree, message, session
from tests.support.otlp_receiver import OtlpReceiver, bad_request, unauthorized

AWAY = SendSummary(reason="nothing answers there")
NO_KEY = SendSummary(reason="HTTP 401 Unauthorized")
ACCEPTED = SendSummary(accepted=1)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> StateLog:
    """Of an agent whose signals go to two backends."""
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces.example:4318/v1/traces")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://metrics.example:4318/v1/metrics")
    return StateLog(Settings(state_dir=tmp_path), lambda: 0.0, lambda: 3)


def test_each_of_two_backends_gets_a_line(log: StateLog, caplog: pytest.LogCaptureFixture) -> None:
    for summary in (AWAY, AWAY):
        log.log_delivery("traces", summary)
        log.log_delivery("metrics", summary)
    assert ["traces.example" in line for line in caplog.messages] == [True, False]
    assert ["metrics.example" in line for line in caplog.messages] == [False, True]
    log.log_delivery("traces", ACCEPTED)
    log.log_delivery("metrics", ACCEPTED)
    assert caplog.messages[2:] == [
        "the backend accepts traces again; 3 spans pending",
        "the backend accepts data again; 3 spans pending",
    ]


@pytest.mark.usefixtures("log")
def test_one_backend_gets_a_second_line_only_for_a_second_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for signal in ("TRACES", "METRICS"):
        monkeypatch.delenv(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    for second, lines in ((AWAY, 2), (NO_KEY, 4)):
        caplog.clear()
        one = StateLog(Settings(state_dir=tmp_path), lambda: 0.0, lambda: 3)
        one.log_delivery("traces", AWAY)
        one.log_delivery("metrics", second)
        one.log_delivery("metrics", ACCEPTED)
        one.log_delivery("traces", ACCEPTED)
        assert len(caplog.messages) == lines


def test_a_backend_that_asks_to_wait_gets_one_line(log: StateLog, caplog: pytest.LogCaptureFixture) -> None:
    """It asks each signal for another number of seconds."""
    del log
    with pytest.MonkeyPatch.context() as patch:
        for signal in ("TRACES", "METRICS"):
            patch.delenv(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
        one = StateLog(Settings(), lambda: 0.0, lambda: 3)
        one.log_delivery("traces", SendSummary(reason="HTTP 429; it asks to wait 9 s", retry_after_s=9))
        one.log_delivery("metrics", SendSummary(reason="it asks to wait 8 s", retry_after_s=8))
        assert len(caplog.messages) == 1


def test_a_single_run_names_both_reasons(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    tree.put_turn(message(session(), USED))
    receiver.behave(then=bad_request(), signal="traces")
    receiver.behave(then=unauthorized(), signal="metrics")
    run = agent.attempt()
    assert run.returncode == 3
    assert "not delivered: HTTP 400 Bad Request" in run.stderr
    assert "Also metrics: HTTP 401 Unauthorized" in run.stderr
    assert "Check the key in OTEL_EXPORTER_OTLP_HEADERS" in run.stderr
    receiver.behave(then=unauthorized(), signal="traces")
    assert "Also metrics" not in agent.attempt().stderr, "one line says it for both"

"""Signals on standard output, and with no exporter at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from otel_agent.delivery.console import ConsoleSpans
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import ROOT

CONSOLE = {"OTEL_AGENT_EXPORTER": "console"}


def documents(text: str) -> Iterator[Any]:
    """The JSON values in `text`, one after the other, and nothing else."""
    decoder, rest = json.JSONDecoder(), text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        yield value
        rest = rest[end:].lstrip()


def test_the_console_exporter_writes_spans_and_metrics_as_json(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    tree.put_turn(message(session(), Tokens(700, 50, 20, 300, 0)))
    span, turn, totals, observed = documents(agent.once(**CONSOLE).stdout)
    assert span["name"] == "chat glm-4.7"
    assert span["attributes"]["opencode.token.input"] == 700
    names = [each["name"] for each in totals["resource_metrics"][0]["scope_metrics"][0]["metrics"]]
    assert "opencode.token.usage" in names
    assert "gen_ai.client.operation.duration" in names
    assert turn["name"] == "invoke_agent build"
    seen = {each["name"] for each in observed["resource_metrics"][0]["scope_metrics"][0]["metrics"]}
    assert {"opencode.process.count", "otel_agent.outbox.size", "otel_agent.export.attempts"} <= seen
    assert receiver.requests == ()


def test_spans_that_were_shown_on_the_console_are_not_pending(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    tree.put_turn(message(session(), Tokens(7)))
    agent.once(**CONSOLE)
    agent.once()
    assert receiver.chats() == []
    assert receiver.total("opencode.message.count") == 1


def test_a_reader_of_the_console_that_went_away_is_a_failure_in_one_line(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    """After `otel-agent run --once | head -0` the span is still pending."""
    tree.put_turn(message(session(), Tokens(7)))
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [sys.executable, "-m", "otel_agent", "run", "--once"],
        cwd=ROOT,
        env=agent._environment() | CONSOLE,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert run.returncode == 3, run.stderr
    assert "not delivered: Broken pipe" in run.stderr
    assert "Whatever reads the exporter console has ended or is full" in run.stderr
    assert "file_dir" not in run.stderr
    assert "OTLP" not in run.stderr
    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr
    agent.once()
    assert len(receiver.chats()) == 1


def test_both_signals_are_shown_whole_to_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is sent by a thread of its own, and has more than a pipe holds."""
    reading, writing = os.pipe()
    names = {letter * 300_000 for letter in "ab"}
    with os.fdopen(writing, "w") as output, os.fdopen(reading, "rb", buffering=0) as read:
        monkeypatch.setattr(sys, "stdout", output)
        threads = [threading.Thread(target=_show, args=(ConsoleSpans(), name)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(0.2)
            assert thread.is_alive(), "it waits until somebody reads"
        text = b""
        while text.count(b"\n}\n") < len(names):
            text += read.read(1 << 16)
        for thread in threads:
            thread.join()
    assert {each["name"] for each in documents(text.decode())} == names


def _show(spans: ConsoleSpans, name: str) -> None:
    with closing(spans):
        assert spans.send([ReadableSpan(name, SpanContext(1, 1, is_remote=False))]).accepted


NOWHERE = {
    "exporter": {"OTEL_AGENT_EXPORTER": "none"},
    "standard": {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"},
    "disabled": {"OTEL_SDK_DISABLED": "true"},
}


@pytest.mark.parametrize("settings", NOWHERE.values(), ids=list(NOWHERE))
def test_without_exporters_messages_count_and_nothing_is_sent_or_kept_to_be_sent(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, settings: dict[str, str]
) -> None:
    """Messages that were counted meanwhile stay counted."""
    tree.put_turn(message(session(), Tokens(7)))
    run = agent.once(**settings)
    assert "counted 1 new message in 1 store;" in run.stderr
    assert "0 spans pending" in run.stderr
    assert receiver.requests == ()
    assert run.stdout == ""
    agent.once()
    assert receiver.chats() == []
    assert receiver.total("opencode.message.count") == 1


@pytest.mark.parametrize(
    ("variable", "kept"), [("OTEL_TRACES_EXPORTER", "metrics"), ("OTEL_METRICS_EXPORTER", "traces")]
)
def test_one_signal_can_be_exported_without_the_other(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, variable: str, kept: str
) -> None:
    tree.put_turn(message(session(), Tokens(7)))
    agent.once(**{variable: "none"})
    assert {each.signal for each in receiver.requests} == {kept}


def test_each_signal_can_have_its_own_exporter(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    tree.put_turn(message(session(), Tokens(7)))
    run = agent.once(OTEL_TRACES_EXPORTER="console")
    span, _ = documents(run.stdout)
    assert span["kind"] == "SpanKind.CLIENT"
    assert {each.signal for each in receiver.requests} == {"metrics"}

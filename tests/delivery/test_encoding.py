"""What OTLP cannot carry is a permanent rejection that does not blame the backend, whichever exporter it is for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import Histogram, HistogramDataPoint, Metric, MetricsData, NumberDataPoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.delivery.advice import advice
from otel_agent.delivery.choose import FileOptions, deliveries
from otel_agent.delivery.encoding import NOT_ENCODED
from otel_agent.export.send_summary import SendSummary
from otel_agent.model import SendResult
from tests.delivery.senders import in_halves, options
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.otlp_receiver.sending import CUMULATIVE, END_NS, START_NS, TOKENS, counter, metrics, number, span

SECRET = "secret-6f1c"
HALF = f"{SECRET}\ud83d"
"""A lone surrogate: half of a character beyond 16 bits, as JavaScript cuts it."""
WAYS = ("http", "grpc", "file", "console")
OTLP_WAYS = pytest.mark.parametrize("way", ["http", "grpc", "file"])
EITHER_WAY = pytest.mark.parametrize("way", WAYS)


def changed(name: str = "chat", **changes: Any) -> ReadableSpan:
    made = span(name)
    for key, value in changes.items():
        setattr(made, f"_{key}", value)
    return made


SPANS: dict[str, Callable[[], ReadableSpan]] = {
    "a start before 1970": lambda: changed(start_time=-1),
    "an end beyond 64 bits": lambda: changed(end_time=1 << 64),
    "half a character in a name": lambda: changed(HALF),
    "half a character in an attribute": lambda: changed(attributes={"gen_ai.agent.name": HALF}),
    "half a character in a list": lambda: changed(attributes={"gen_ai.response.finish_reasons": ["stop", HALF]}),
    "a number beyond 64 bits": lambda: changed(attributes={"tokens": 1 << 63}),
    "a value of a kind that OTLP lacks": lambda: changed(attributes={"tokens": object()}),
}


def of(point: NumberDataPoint) -> MetricsData:
    return metrics(counter("tokens", point))


def histogram(**changes: Any) -> MetricsData:
    point = HistogramDataPoint({}, START_NS, END_NS, 3, 4.5, [2, 1], [1.0], 0.5, 3.0)
    return metrics(Metric("latency", "", "s", Histogram([replace(point, **changes)], CUMULATIVE)))


POINTS: dict[str, Callable[[], MetricsData]] = {
    "a start before 1970": lambda: of(NumberDataPoint({}, -1, END_NS, 7)),
    "a time beyond 64 bits": lambda: of(NumberDataPoint({}, START_NS, 1 << 64, 7)),
    "a sum beyond 64 bits": lambda: of(number(1 << 63)),
    "half a character in an attribute": lambda: of(number(7, model=HALF)),
    "a bucket below zero": lambda: histogram(bucket_counts=[-2, 1]),
    "a count beyond 64 bits": lambda: histogram(count=1 << 64),
}


@contextmanager
def opened(way: str, receiver: OtlpReceiver, folder: Path) -> Iterator[Any]:
    """Both deliveries of one way."""
    exporter = way if way in ("file", "console") else "otlp"
    endpoint = receiver.grpc_endpoint if way == "grpc" else receiver.endpoint
    file = FileOptions(folder=folder, max_bytes=1 << 20, backups=1)
    both = deliveries(
        traces=exporter, metrics=exporter, otlp=options("grpc" if way == "grpc" else "http", endpoint), file=file
    )
    yield both
    for each in both:
        assert each is not None
        each.close()


def assert_not_encoded(result: SendResult) -> None:
    assert (result.accepted, result.permanent, result.unanswered) == (False, True, False)
    assert NOT_ENCODED in result.reason
    assert "the backend was not asked" in result.reason
    assert SECRET not in result.reason


@OTLP_WAYS
@pytest.mark.parametrize("make", SPANS.values(), ids=list(SPANS))
def test_a_span_that_cannot_be_encoded_is_rejected_permanently(
    receiver: OtlpReceiver, tmp_path: Path, way: str, make: Callable[[], ReadableSpan], caplog: pytest.LogCaptureFixture
) -> None:
    with opened(way, receiver, tmp_path) as (spans, _):
        assert_not_encoded(spans.send([span(), make()]))
        assert receiver.requests == ()
        assert spans.send([span()]).accepted, "the exporter works as before"
    assert SECRET not in caplog.text


@OTLP_WAYS
@pytest.mark.parametrize("make", POINTS.values(), ids=list(POINTS))
def test_a_point_that_cannot_be_encoded_is_rejected_permanently(
    receiver: OtlpReceiver, tmp_path: Path, way: str, make: Callable[[], MetricsData], caplog: pytest.LogCaptureFixture
) -> None:
    with opened(way, receiver, tmp_path) as (_, totals):
        assert_not_encoded(totals.send(make()))
        assert receiver.requests == ()
        assert totals.send(TOKENS).accepted, "the exporter works as before"
    assert SECRET not in caplog.text


@EITHER_WAY
def test_a_span_that_cannot_be_encoded_does_not_hold_up_the_others(
    receiver: OtlpReceiver, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty neighbours arrive."""
    with (
        (tmp_path / "console").open("w+") as shown,
        opened_to(shown, monkeypatch, way, receiver, tmp_path) as (spans, _),
    ):
        accepted: list[ReadableSpan] = []
        alone: list[ReadableSpan] = []

        def noted(items: Sequence[ReadableSpan], result: SendResult) -> SendSummary:
            accepted.extend(items)
            return SendSummary(accepted=len(items))

        wrong = changed("wrong", start_time=1 << 80)
        good = [span(f"good {n}") for n in range(20)]
        mixed = [*good[:13], wrong, *good[13:]]
        summary = in_halves(mixed, spans.send, on_accepted=noted, on_rejected_alone=alone.append)
        assert summary.accepted == 20
    assert [each.name for each in accepted] == [f"good {n}" for n in range(20)]
    assert [each.name for each in alone] == ["wrong"]
    if way in ("http", "grpc"):
        assert len(receiver.spans()) == 20


@contextmanager
def opened_to(
    shown: Any, monkeypatch: pytest.MonkeyPatch, way: str, receiver: OtlpReceiver, folder: Path
) -> Iterator[Any]:
    """The console's deliveries write to this file."""
    monkeypatch.setattr(sys, "stdout", shown)
    with opened(way, receiver, folder) as both:
        yield both


@OTLP_WAYS
def test_an_attribute_of_the_resource_that_cannot_be_encoded_holds_up_nothing(
    receiver: OtlpReceiver, tmp_path: Path, way: str
) -> None:
    """It is the same for everything: a variable of the environment that is not UTF-8 brings one."""
    made = changed(resource=Resource({"team": HALF, "service.name": "sender"}))
    with opened(way, receiver, tmp_path) as (spans, _):
        assert spans.send([made]).accepted


def test_the_advice_for_what_cannot_be_encoded_names_no_setting_of_the_backend() -> None:
    said = advice(f"a value {NOT_ENCODED} (ValueError); the backend was not asked")
    assert "OTEL_EXPORTER" not in said
    assert "Collector" not in said
    assert "otel-agent doctor" in said

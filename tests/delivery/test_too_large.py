"""Requests that are too large are sent in halves, and those that come too often are not: two answers with one gRPC code."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from otel_agent.delivery import retry
from otel_agent.delivery.otlp_grpc import GrpcSpans
from otel_agent.export.send_summary import SendSummary
from otel_agent.model import SendResult
from tests.delivery.grpc_server import serving
from tests.delivery.senders import in_halves, options, sender
from tests.support.otlp_receiver import Behaviour, OtlpReceiver
from tests.support.otlp_receiver.behaviours import Refusal, Reply
from tests.support.otlp_receiver.sending import span

TOO_LARGE = {
    "C++ and Python": ("RESOURCE_EXHAUSTED", "Received message larger than max (5000000 vs. 4194304)"),
    "newer C++": ("RESOURCE_EXHAUSTED", "SERVER: Received message larger than max (5000000 vs. 4194304)"),
    "our own limit": ("RESOURCE_EXHAUSTED", "CLIENT: Sent message larger than max (5000000 vs. 4194304)"),
    "Go": ("RESOURCE_EXHAUSTED", "grpc: received message larger than max (5000000 vs. 4194304)"),
    "Go, packed": (
        "RESOURCE_EXHAUSTED",
        "grpc: received message after decompression larger than max (5000000 vs. 4194304)",
    ),
    "Go, sending on": ("RESOURCE_EXHAUSTED", "trying to send message larger than max (5000000 vs. 4194304)"),
    "Java": ("RESOURCE_EXHAUSTED", "gRPC message exceeds maximum size 4194304: 5000000"),
    "older Java": ("INTERNAL", "Frame size 5000000 exceeds maximum: 4194304."),
    "Java, packed": ("RESOURCE_EXHAUSTED", "Decompressed gRPC message exceeds maximum size 4194304"),
    ".NET": ("RESOURCE_EXHAUSTED", "Received message exceeds the maximum configured message size."),
    "Node": ("RESOURCE_EXHAUSTED", "Received message larger than max (5000000 vs 4194304)"),
    "Rust": ("OUT_OF_RANGE", "Error, message length too large: found 5000000 bytes, the limit is: 4194304 bytes"),
    "older Rust": ("INTERNAL", "Error, message length too large: found 5000000 bytes"),
    "a proxy": ("UNKNOWN", "Received http2 header with status: 413"),
    "a proxy, for Go": ("UNKNOWN", "unexpected HTTP status code received from server: 413 (Request Entity Too Large)"),
}
TOO_OFTEN = {
    "Loki": (
        "RESOURCE_EXHAUSTED",
        "Ingestion rate limit exceeded for user x (limit: 4194304 bytes/sec) while attempting to ingest 10 lines of size 9",
    ),
    "Mimir": (
        "RESOURCE_EXHAUSTED",
        "the request has been rejected because the tenant exceeded the ingestion rate limit, set to 10000 items/s",
    ),
    "Tempo": (
        "RESOURCE_EXHAUSTED",
        "RATE_LIMITED: ingestion rate limit (15000000 bytes) exceeded while adding 10 bytes",
    ),
    "a cloud": (
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Ingestion requests' and limit 'size per minute'",
    ),
    "a queue": ("RESOURCE_EXHAUSTED", "sending queue is full: queue size exceeded"),
    "a Collector": ("RESOURCE_EXHAUSTED", "data refused due to high memory usage"),
    "nothing said": ("RESOURCE_EXHAUSTED", ""),
    "nothing said of a failure": ("INTERNAL", ""),
    "something else of a failure": ("INTERNAL", "the disk is full"),
}


@pytest.mark.parametrize(("code", "details"), TOO_LARGE.values(), ids=list(TOO_LARGE))
def test_what_known_servers_say_of_a_request_that_is_too_large_is_permanent(code: str, details: str) -> None:
    result = retry.grpc_failure(code, details)
    assert result == SendResult(accepted=False, permanent=True, reason=f"gRPC {code} (the request is too large)")


@pytest.mark.parametrize(("code", "details"), TOO_OFTEN.values(), ids=list(TOO_OFTEN))
def test_a_quota_is_not_permanent(code: str, details: str) -> None:
    result = retry.grpc_failure(code, details)
    assert not result.permanent
    assert result.unanswered == (code == "INTERNAL")


def test_an_answer_that_says_when_to_come_again_is_not_permanent_whatever_it_says_of_a_size() -> None:
    result = retry.grpc_failure("RESOURCE_EXHAUSTED", "message larger than max", retry_after_s=7.0)
    assert result == SendResult(accepted=False, reason="gRPC RESOURCE_EXHAUSTED", retry_after_s=7.0)


def halved(delivery: GrpcSpans, spans: Sequence[ReadableSpan]) -> tuple[SendSummary, list[str]]:
    alone: list[ReadableSpan] = []
    summary = in_halves(
        spans,
        delivery.send,
        on_accepted=lambda items, _: SendSummary(accepted=len(items)),
        on_rejected_alone=alone.append,
    )
    return summary, [each.name for each in alone]


def test_spans_that_are_too_large_together_for_a_grpc_server_all_arrive() -> None:
    accepted: list[str] = []
    names = [f"span {number:03}" for number in range(400)]
    with serving(accepted, most_bytes=20_000) as endpoint:
        delivery = GrpcSpans(options("grpc", endpoint))
        summary, alone = halved(delivery, [span(name) for name in names])
        delivery.close()
    assert summary == SendSummary(accepted=400)
    assert accepted == names
    assert alone == []


def test_one_span_that_is_too_large_for_a_grpc_server_does_not_hold_up_the_others() -> None:
    accepted: list[str] = []
    with serving(accepted, most_bytes=60_000) as endpoint:
        delivery = GrpcSpans(options("grpc", endpoint))
        huge = "x" * 100_000
        summary, alone = halved(delivery, [span(name) for name in ("a", "b", huge, "c")])
        delivery.close()
    assert summary == SendSummary(accepted=3)
    assert accepted == ["a", "b", "c"]
    assert alone == [huge]


STATUSES = {
    400: (True, False),
    401: (False, False),
    408: (False, False),
    411: (False, False),
    413: (True, False),
    414: (False, False),
    417: (False, False),
    421: (False, False),
    425: (False, False),
    426: (False, False),
    429: (False, False),
    431: (False, False),
    451: (False, False),
    500: (False, True),
    501: (False, False),
    502: (False, True),
    503: (False, False),
    504: (False, True),
    507: (False, True),
    511: (False, False),
    520: (False, True),
    524: (False, True),
    599: (False, True),
}


@pytest.mark.parametrize(("status", "expected"), STATUSES.items())
def test_each_status_is_permanent_unknown_or_neither(
    receiver: OtlpReceiver, status: int, expected: tuple[bool, bool]
) -> None:
    """Headers or an address that are too long (431, 414) were written by a person: halving helps nothing."""
    receiver.behave(
        then=Behaviour("status", False, Reply(status, headers=(("Retry-After", "3600"),)), Refusal("UNKNOWN"))
    )
    with sender("traces", options("http", receiver.endpoint)) as send:
        result = send()
    assert (result.permanent, result.unanswered) == expected
    assert result.retry_after_s == (0 if result.permanent else 3600)

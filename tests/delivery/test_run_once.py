"""From a store to the backend and its answer: what was not accepted is kept and delivered exactly once later."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from tests.delivery.filled import USED, assert_all_arrived, fill
from tests.support.agent import Agent, Run
from tests.support.made_stores import T0, JsonTree, message, session
from tests.support.otlp_receiver import (
    Authority,
    Behaviour,
    OtlpReceiver,
    accept,
    bad_request,
    drop,
    endless_body,
    garbage_body,
    hang,
    not_modified,
    portal,
    redirect,
    throttled,
    unauthorized,
    unavailable,
)
from tests.support.otlp_receiver.behaviours import NOT_SOON
from tests.support.otlp_receiver.wire import Signal

ONE_TRY = {"OTEL_EXPORTER_OTLP_TIMEOUT": "750"}
"""Shorter than the first pause before a retry (0.8 s). Only for runs that no answer ends: a busy machine may need
longer."""
PATIENT = {"OTEL_EXPORTER_OTLP_TIMEOUT": "60000"}
UNANSWERED = {"hang", "drop"}


def failed_run(agent: Agent, behaviour: Behaviour, reason: str, **settings: str) -> Run:
    """A run whose data the backend does not accept, for this reason. It is repeated while the machine is too busy for the
    time of one try."""
    if behaviour.name not in UNANSWERED:
        return agent.attempt(**PATIENT, **settings)
    give_up = monotonic() + 60
    while True:
        run = agent.attempt(**ONE_TRY, **settings)
        late = "no answer in time" in run.stderr or "DEADLINE_EXCEEDED" in run.stderr
        if f"not delivered: {reason}" in run.stderr or not late or monotonic() > give_up:
            return run


HTTP = {
    "redirect": (redirect(), "HTTP 302 instead of an acknowledgement"),
    "not-modified": (not_modified(), "HTTP 304 instead of an acknowledgement"),
    "portal": (portal(), "an answer of type text/html instead of an acknowledgement (a portal?)"),
    "garbage": (garbage_body(), "an answer that is not the application/x-protobuf it says it is"),
    "endless": (endless_body(), "an endless answer instead of an acknowledgement"),
    "hanging": (hang(), "no answer in time"),
    "accepted and dropped": (drop(), "nothing answers there, or the connection was closed"),
    "dropped": (drop(accepted=False), "nothing answers there, or the connection was closed"),
    "unavailable": (unavailable(NOT_SOON), "HTTP 503 Service Unavailable"),
    "throttled": (throttled(NOT_SOON), "HTTP 429 Too Many Requests"),
    "unauthorized": (unauthorized(), "HTTP 401 Unauthorized"),
    "rejected": (bad_request(), "HTTP 400 Bad Request"),
}


@pytest.mark.parametrize(("behaviour", "reason"), HTTP.values(), ids=list(HTTP))
def test_what_was_not_accepted_over_http_is_delivered_later(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, behaviour: Behaviour, reason: str
) -> None:
    fill(tree, 3)
    receiver.behave(then=behaviour)
    run = failed_run(agent, behaviour, reason)
    assert run.returncode == 3
    assert f"not delivered: {reason}" in run.stderr
    assert f"({receiver.endpoint})" in run.stderr
    assert "4 spans pending" in run.stderr, "the turn is one"
    assert "Traceback" not in run.stderr
    receiver.behave()
    assert "0 spans pending" in agent.once().stderr
    assert_all_arrived(receiver, 3)
    before = len(receiver.chats())
    agent.once()
    assert len(receiver.chats()) == before, "sent again after it was accepted"


GRPC = {
    "unavailable": (unavailable(NOT_SOON), "UNAVAILABLE; it asks to wait 3600 s"),
    "unauthorized": (unauthorized(), "UNAUTHENTICATED"),
    "rejected": (bad_request(), "INVALID_ARGUMENT"),
    "hanging": (hang(), "DEADLINE_EXCEEDED"),
    "accepted and dropped": (drop(), "UNAVAILABLE"),
}


@pytest.mark.parametrize(("behaviour", "code"), GRPC.values(), ids=list(GRPC))
def test_what_was_not_accepted_over_grpc_is_delivered_later(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, behaviour: Behaviour, code: str
) -> None:
    fill(tree, 3)
    over_grpc = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.grpc_endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    receiver.behave(then=behaviour)
    run = failed_run(agent, behaviour, f"gRPC {code}", **over_grpc)
    assert run.returncode == 3
    assert f"not delivered: gRPC {code} ({receiver.grpc_endpoint})" in run.stderr
    receiver.behave()
    agent.once(**over_grpc)
    assert_all_arrived(receiver, 3)


@pytest.mark.parametrize(("failing", "other"), [("traces", "metrics"), ("metrics", "traces")])
def test_one_signal_does_not_wait_for_the_other(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, failing: Signal, other: Signal
) -> None:
    """A backend that asks to be left alone means both: that is another matter."""
    fill(tree, 3)
    receiver.behave(then=unauthorized(), signal=failing)
    assert agent.attempt(**PATIENT).returncode == 3
    assert {each.signal for each in receiver.requests if each.accepted} == {other}
    receiver.behave()
    agent.once()
    assert_all_arrived(receiver, 3)


def test_a_run_with_nobody_listening_ends_with_code_3_and_a_reason(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    fill(tree, 1)
    receiver.close()
    run = agent.attempt(**PATIENT)
    assert run.returncode == 3
    assert "not delivered: nothing answers there, or the connection was closed" in run.stderr


def test_what_was_accepted_before_a_failure_is_not_sent_again(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    count = 1000
    fill(tree, count)
    receiver.behave(accept(), then=unavailable(NOT_SOON), signal="traces")
    run = agent.attempt(**PATIENT)
    assert run.returncode == 3
    accepted = len(receiver.chats())
    assert 0 < accepted < count
    assert f"{count + 1 - accepted:,} spans pending" in run.stderr
    receiver.behave()
    agent.once()
    assert len(receiver.chats()) == count
    assert_all_arrived(receiver, count)


def test_the_table_otlp_of_the_settings_file_is_enough_to_deliver_over_tls(
    agent: Agent, tree: JsonTree, tmp_path: Path
) -> None:
    """A certificate of our own, a header and gzip come from the file, and nothing from the environment."""
    fill(tree, 2)
    authority = Authority(tmp_path / "authority")
    client = authority.issue("client", "agent")
    asked = {"authorization": "Bearer from-the-file"}
    with OtlpReceiver(
        tls=authority.issue("server"), client_ca=authority.certificate, require_headers=asked
    ) as receiver:
        file = tmp_path / "agent.toml"
        table = {
            "endpoint": receiver.endpoint,
            "compression": "gzip",
            "certificate": authority.certificate,
            "client_key": client.key,
            "client_certificate": client.certificate,
        }
        lines = [f'{key} = "{value}"' for key, value in table.items()]
        file.write_text("\n".join(["[otlp]", *lines, 'headers = { Authorization = "Bearer from-the-file" }']))
        settings = {
            "OTEL_AGENT_CONFIG": str(file),
            "OTEL_EXPORTER_OTLP_ENDPOINT": "",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "",
        }
        agent.once(**settings)
        assert_all_arrived(receiver, 2)
        assert {each.headers["content-encoding"] for each in receiver.requests} == {"gzip"}
        run = agent.attempt(**settings, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20of-the-environment")
        assert run.returncode == 3
        assert "not delivered: HTTP 401 Unauthorized" in run.stderr
        assert "Check the key in OTEL_EXPORTER_OTLP_HEADERS." in run.stderr


UNUSABLE = {
    "protocol": ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "OTLP over http/json is not supported"),
    "protocol of a signal": (
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
        "carrier-pigeon",
        "carrier-pigeon is not supported",
    ),
    "certificate": (
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "absent.pem",
        "cannot read absent.pem: No such file or directory",
    ),
    "a folder as certificate": ("OTEL_EXPORTER_OTLP_CERTIFICATE", ".", "cannot read .: Is a directory"),
    "compression": (
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "zstd",
        "cannot compress with zstd. Use none or gzip or deflate.",
    ),
    "timeout": ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "10s is not a number of milliseconds above zero"),
}


@pytest.mark.parametrize(("variable", "value", "message"), UNUSABLE.values(), ids=list(UNUSABLE))
def test_settings_that_cannot_work_end_the_run_with_code_2(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver, variable: str, value: str, message: str
) -> None:
    fill(tree, 1)
    run = agent.attempt(**{variable: value})
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert receiver.requests == ()


class TestTemporality:
    VARIABLE = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"

    @pytest.mark.parametrize("wanted", ["delta", "DELTA", "lowmemory"])
    def test_delta_temporality_sends_each_increment_once_even_after_a_failure(
        self, agent: Agent, tree: JsonTree, receiver: OtlpReceiver, wanted: str
    ) -> None:
        """The history of the very first start is no increment."""
        fill(tree, 2)
        agent.once(**{self.VARIABLE: wanted})
        assert receiver.points() == []
        new = [message(session(), USED, T0 + 60_000 * number, counter=number) for number in range(5, 8)]
        tree.put_turn(new[0])
        receiver.behave(then=unavailable(NOT_SOON), signal="metrics")
        assert agent.attempt(**{self.VARIABLE: wanted}, **PATIENT).returncode == 3
        receiver.behave()
        tree.put_turn(*new[1:])
        agent.once(**{self.VARIABLE: wanted})
        agent.once(**{self.VARIABLE: wanted})
        points = receiver.points()
        assert {point.temporality for point in points} == {"delta"}
        assert sum(point.value or 0 for point in points if point.metric == "opencode.token.usage") == 3 * sum(USED)
        assert sum(point.count or 0 for point in points if point.metric == "gen_ai.client.inference.duration") == 3
        sums = {point.temporality for point in receiver.observed() if point.kind == "sum"}
        assert sums == {"delta"}

    @pytest.mark.parametrize("settings", [{VARIABLE: "cumulative"}, {VARIABLE: ""}])
    def test_any_other_temporality_sends_cumulative_sums(
        self, agent: Agent, tree: JsonTree, receiver: OtlpReceiver, settings: dict[str, str]
    ) -> None:
        fill(tree, 2)
        agent.once(**settings)
        assert {point.temporality for point in receiver.points()} == {"cumulative"}
        assert_all_arrived(receiver, 2)

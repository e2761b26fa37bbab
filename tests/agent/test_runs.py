"""Whole runs against a real backend that rejects, limits or misses something."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.agent import Agent
from tests.support.made_stores import PERSONA, T0, Database, JsonTree, Tokens, message, session
from tests.support.otlp_receiver import Behaviour, OtlpReceiver, SpanRow, accept, bad_request, unauthorized
from tests.support.otlp_receiver.rows import span_rows
from tests.support.otlp_receiver.wire import Request, Signal, Wire

USED = Tokens(700, 50, 20, 300, 9)
NOT_DELIVERED = 3
START = time.time_ns() // 1_000_000 - 7_200_000
"""Two hours ago, in ms: within the window of the series of sessions."""


class Picky(OtlpReceiver):
    """A backend that rejects every request with a span it does not like."""

    def __init__(self, dislikes: Callable[[SpanRow], bool]) -> None:
        super().__init__()
        self.dislikes = dislikes

    def admit(self, signal: Signal, protocol: Wire, headers: Mapping[str, str], message: Request) -> Behaviour:
        if isinstance(message, ExportTraceServiceRequest):
            bad = any(self.dislikes(span) for span in span_rows(message))
            self.behave(*[bad_request()] * bad, signal="traces")
        return super().admit(signal, protocol, headers, message)


def write_messages(agent: Agent, count: int, sessions: int = 1) -> None:
    database = Database(agent.data_dir / "opencode.db").create()
    with database.connection() as connection:
        for number in range(count):
            of = session(START - 500 - number % sessions)
            database.put_through(connection, of.project, of, message(of, USED, START + 1_000 * number))


def token_total(receiver: OtlpReceiver, metric: str = "opencode.token.usage") -> int:
    return int(receiver.total(metric))


def test_a_rejected_span_holds_up_no_other(tmp_path: Path) -> None:
    with Picky(lambda span: span.start_ns == (START + 1_000 * 77) * 1_000_000) as receiver:
        agent = Agent(tmp_path, receiver.endpoint)
        agent.data_dir.mkdir(parents=True)
        write_messages(agent, 600)
        run = agent.attempt()
        assert run.returncode == NOT_DELIVERED
        assert "spans were rejected" in run.stderr
        assert "the backend rejected 1 span," in run.stderr
        assert len(receiver.chats()) == 599
        assert receiver.total("opencode.message.count") == 600
        assert agent.attempt().returncode == NOT_DELIVERED
        assert len(receiver.chats()) == 599
        receiver.dislikes = lambda _: False
        agent.once()
        assert len({span.span_id for span in receiver.chats()}) == len(receiver.chats()) == 600


def test_a_backend_that_rejects_every_span_gets_few_requests_and_later_all_spans(
    agent: Agent, receiver: OtlpReceiver
) -> None:
    write_messages(agent, 600)
    receiver.behave(then=bad_request(), signal="traces")
    run = agent.attempt()
    assert run.returncode == NOT_DELIVERED
    assert "601 pending spans are kept" in run.stderr
    assert sum(each.signal == "traces" for each in receiver.requests) < 60
    assert receiver.total("opencode.message.count") == 600
    receiver.behave()
    agent.once()
    assert len(receiver.chats()) == 600


def test_more_points_than_fit_into_a_request_go_in_several(agent: Agent, receiver: OtlpReceiver) -> None:
    """Each of 700 sessions has six series."""
    write_messages(agent, 700, sessions=700)
    agent.once()
    requests = [each for each in receiver.requests if each.signal == "metrics"]
    assert len(requests) > 2
    assert max(each.message.ByteSize() for each in requests) < 1 << 20
    assert len(receiver.by("opencode.session.token.usage", "session.id")) == 700
    assert len(receiver.points()) == len(receiver.latest()) > 4_200
    assert token_total(receiver) == token_total(receiver, "opencode.session.token.usage") == 700 * sum(USED)


def test_points_of_a_later_request_that_was_not_accepted_are_sent_by_the_next_run(
    agent: Agent, receiver: OtlpReceiver
) -> None:
    write_messages(agent, 700, sessions=700)
    receiver.behave(accept(), then=unauthorized(), signal="metrics")
    assert agent.attempt().returncode == NOT_DELIVERED
    receiver.behave()
    agent.once()
    assert token_total(receiver, "opencode.session.token.usage") == 700 * sum(USED)
    assert len(receiver.chats()) == 700


def test_series_beyond_the_limit_are_added_to_one(agent: Agent, receiver: OtlpReceiver) -> None:
    write_messages(agent, 50, sessions=50)
    agent.once(OTEL_AGENT_MAX_SERIES="40")
    metric = "opencode.session.token.usage"
    assert token_total(receiver, metric) == token_total(receiver) == 50 * sum(USED)
    folded = receiver.total(metric, {"otel.metric.overflow": True})
    assert folded == 50 * sum(USED) - 8 * sum(USED)
    assert len(receiver.by(metric, "session.id")) == 8 + 1


def test_what_cannot_be_read_is_reported_by_kind(agent: Agent, receiver: OtlpReceiver) -> None:
    tree, of = JsonTree(agent.data_dir), session()
    tree.put_turn(message(of, USED))
    torn = tree.put_bytes(message(of, USED, T0 + 1_000), b'{"id": "msg_')
    os.utime(torn, (T0 / 1_000, T0 / 1_000))
    Database(agent.data_dir / "opencode.db").path.write_bytes(b"SQLite format 3\0" + bytes(5_000))
    run = agent.once()
    assert receiver.by("otel_agent.message.unreadable", "otel_agent.problem.kind") == {"malformed": 1, "damaged": 1}
    assert run.stderr.count(str(torn)) == run.stderr.count("opencode.db is not a readable database") == 1
    assert token_total(receiver) == sum(USED)


@pytest.mark.parametrize("backfill", ["none", "7d"])
def test_history_before_the_first_start_is_never_counted(agent: Agent, receiver: OtlpReceiver, backfill: str) -> None:
    """A later `backfill` changes nothing, nor does a copy in another store. New messages count."""
    tree, of = JsonTree(agent.data_dir), session()
    tree.put_turn(message(of, USED))
    agent.once(OTEL_AGENT_BACKFILL=backfill)
    assert token_total(receiver) == 0
    assert receiver.chats() == []
    Database(agent.data_dir / "opencode.db").create().put_turn(message(of, USED))
    agent.once(OTEL_AGENT_BACKFILL="all")
    assert token_total(receiver) == 0
    new = message(session(directory=PERSONA), Tokens(5), START + 7_200_000, completed=START + 14_400_000)
    tree.put_turn(new)
    agent.once(OTEL_AGENT_BACKFILL=backfill)
    assert token_total(receiver) == 5
    assert len(receiver.chats()) == 1


def test_a_backfill_duration_counts_what_ended_within_it(agent: Agent, receiver: OtlpReceiver) -> None:
    hour_ms, of = 3_600_000, session()
    for number, age_ms in enumerate((1 * hour_ms, 35 * hour_ms, 37 * hour_ms, 90 * hour_ms)):
        at = START + 2 * hour_ms - age_ms
        JsonTree(agent.data_dir).put_turn(message(of, Tokens(10**number), at, number, completed=at + 1_000))
    agent.once(OTEL_AGENT_BACKFILL="36h")
    assert token_total(receiver) == 11

"""Totals that the backend has not accepted are pending, and no mistake."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.support.agent import Agent
from tests.support.made_stores import T0, Database, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, drop, unauthorized
from tests.verify.verified import Verified, minus, tokens

USED = Tokens(1200, 80, 20, 400, 10)
METRICS = 3
"""Tokens, messages and cost are asked for, each with a query of its own."""
Row = tuple[dict[str, str], float]
"""The labels of a series, and its value."""
DEAD = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


def test_everything_is_pending_while_the_backend_is_away(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED, cost=0.5))
    assert agent.attempt(**DEAD).returncode == 3
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"pending": (-1, minus(USED))})
    assert found.accepted == Tokens()
    assert found.report["accepted"]["cost_nusd"] == 0
    assert found.report["delivery"]
    assert found.report["spans_pending"] == 2, "the turn and its call"


def test_only_what_is_new_is_pending(agent: Agent, database: Database) -> None:
    of = session(version="1.18.33")
    database.put_turn(message(of, USED))
    agent.once()
    database.put_turn(message(of, Tokens(7, 1), T0 + 60_000, model="opus"))
    agent.attempt(**DEAD)
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"pending": (-1, Tokens(-7, -1))})
    assert found.accepted == USED


def test_what_was_sent_without_an_answer_may_be_there(agent: Agent, database: Database, receiver: OtlpReceiver) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    receiver.behave(then=drop())
    agent.attempt()
    found = Verified(agent)
    assert found.exit_code == 0
    assert found.explained() == {"unanswered": (-1, minus(USED))}


def test_a_backend_that_rejects_says_why(agent: Agent, database: Database, receiver: OtlpReceiver) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    receiver.behave(then=unauthorized())
    agent.attempt()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"pending": (-1, minus(USED))})
    assert "401" in found.report["delivery"]


def test_tokens_in_two_categories_that_are_published_once(agent: Agent, database: Database) -> None:
    """The total of this row says that its output contains the reasoning."""
    disjoint = {"OTEL_AGENT_ACCOUNTING": "disjoint"}
    used = Tokens(700, 50, 20, 300)
    database.put_turn(message(session(version="1.18.33"), used, total=1_050))
    agent.once(**disjoint)
    found = Verified(agent, **disjoint)
    assert (found.exit_code, found.explained()) == (0, {"accounting": (0, Tokens(0, -20))})
    assert found.ledger == used
    assert found.accepted == Tokens(700, 30, 20, 300)


def test_series_without_room_are_compared_in_sum(agent: Agent, database: Database) -> None:
    of = session(version="1.18.33")
    database.put_turn(*(message(of, USED, T0 + 60_000 * n, n + 1, model=f"model-{n}") for n in range(3)))
    agent.once(OTEL_AGENT_MAX_SERIES="1")
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {})
    assert sum(found.accepted) == 3 * sum(USED)


def test_the_instance_that_the_environment_names_is_asked_for(agent: Agent, database: Database) -> None:
    """It is the one that was sent, and the one in the ledger was not."""
    database.put_turn(message(session(version="1.18.33"), USED))
    named = {"OTEL_RESOURCE_ATTRIBUTES": "team=search,service.instance.id=desk%2012"}
    agent.once(**named)
    with questions() as (address, asked):
        found = Verified(agent, "--prometheus", address, **named)
    assert [cause for cause, *_ in found.unexplained()] == ["prometheus"], "it answers that it has nothing"
    assert asked
    assert [query for query in asked if '="desk 12"' not in query] == []


def test_a_point_that_a_collector_still_holds_is_waited_for(agent: Agent, database: Database) -> None:
    database.put_turn(message(session(version="1.18.33"), USED))
    agent.once()

    def answer(query: str, before: int) -> list[Row]:
        labels = {"gen_ai_request_model": "glm-4.7", "gen_ai_provider_name": "zai-coding-plan"}
        if before < 2 * METRICS or "cost" in query:  # names with underscores, and then names with dots
            return []
        if "message" in query:
            return [(labels, 1)]
        return [(labels | {"gen_ai_token_type": kind}, number) for kind, number in USED._asdict().items()]

    with questions(answer) as (address, asked):
        found = Verified(agent, "--prometheus", address)
    assert (found.exit_code, tokens(found.report["prometheus"])) == (0, USED)
    assert len(asked) == 3 * METRICS


@contextmanager
def questions(answer: Callable[[str, int], list[Row]] = lambda *_: []) -> Iterator[tuple[str, list[str]]]:
    """A server that speaks Prometheus' API: its address, and the queries that it was asked.

    `answer` gets a query and the number of those before it. Without it there are no series.
    """
    asked: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            (query,) = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["query"]
            rows = [{"metric": labels, "value": [0, str(number)]} for labels, number in answer(query, len(asked))]
            asked.append(query)
            content = json.dumps({"status": "success", "data": {"resultType": "vector", "result": rows}}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_a_ledger_that_was_copied_from_another_machine(agent: Agent, database: Database) -> None:
    """Its totals go on over there, and start from zero here."""
    of = session(version="1.18.33")
    database.put_turn(message(of, USED))
    agent.once()
    with closing(sqlite3.connect(agent.state_dir / "ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE meta SET value = 'of-another-machine' WHERE key = 'instance_id'")
    database.put_turn(message(of, Tokens(7, 1), T0 + 60_000))
    agent.once()
    found = Verified(agent)
    assert (found.exit_code, found.explained()) == (0, {"other_identity": (-1, minus(USED))})
    assert found.accepted == Tokens(7, 1)

"""The log is readable for people and for collectors, and does not repeat itself for ever."""

from __future__ import annotations

import json
import logging
from datetime import datetime

import pytest

from otel_agent.cli.logs import RateLimit
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver, unauthorized


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_json_log_has_one_object_per_line(agent: Agent, receiver: OtlpReceiver, tree: JsonTree, how: str) -> None:
    tree.put_turn(message(session(), Tokens(7)))
    receiver.behave(then=unauthorized())
    arguments = ["--log-format", "json"] if how == "option" else []
    variables = {"OTEL_AGENT_LOG_FORMAT": "json"} if how == "variable" else {}
    with agent.process("run", "--once", *arguments, **variables) as run:
        ended = run.wait()
    *lines, last = ended.stderr.splitlines()
    assert any('"counted 1 message in 1 store' in line for line in lines)
    for line in lines:
        entry = json.loads(line)
        assert set(entry) == {"time", "level", "logger", "message"}
        assert datetime.strptime(entry["time"], "%Y-%m-%dT%H:%M:%S%z").tzinfo is not None
        assert entry["logger"].startswith("otel_agent.")
    assert last.startswith("otel-agent: not delivered"), "the error that ends a command is for the person who typed it"


def test_an_unknown_log_format_is_refused(agent: Agent, receiver: OtlpReceiver) -> None:
    with agent.process("run", "--once", "--log-format", "xml") as run:
        ended = run.wait()
    assert ended.returncode == 2
    assert "'text', 'json'" in ended.stderr


class TestRateLimit:
    def test_ten_similar_lines_pass_per_minute_and_the_next_one_says_how_many_did_not(self) -> None:
        now = [0.0]
        limit = RateLimit(lambda: now[0])
        log = logging.getLogger("made")
        logged: list[str] = []

        class Kept(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                logged.append(record.getMessage())

        handler = Kept()
        handler.addFilter(limit)
        log.addHandler(handler)
        try:
            for minute in range(3):
                now[0] = minute * 61.0
                for number in range(25 if minute == 0 else 1):
                    log.warning("%d is wrong", number)
            log.warning("another thing")
        finally:
            log.removeHandler(handler)
        assert logged == [
            *(f"{number} is wrong" for number in range(10)),
            "0 is wrong (15 similar lines were held back before)",
            "0 is wrong",
            "another thing",
        ]

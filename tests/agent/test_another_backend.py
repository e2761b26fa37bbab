"""What another backend is, and what `verify` says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import pytest

from otel_agent.agent.backend import name_of
from otel_agent.settings import OtlpSettings, Settings
from tests.agent.resident import USED
from tests.support.agent import Agent
from tests.support.made_stores import JsonTree, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.verify.verified import Verified

AT_REST = {"OTEL_AGENT_HEARTBEAT_HOURS": "0.000001"}
"""Nothing gets a heartbeat, as after a day."""
EXPORTERS: Final[tuple[Literal["console", "otlp"], ...]] = "console", "otlp"
TOKENS = "opencode.token.usage"


def tokens(receiver: OtlpReceiver) -> int | float:
    return sum(receiver.by(TOKENS, "gen_ai.token.type").values())


@pytest.mark.parametrize(
    ("endpoint", "protocol", "name"),
    [
        ("http://A.example:4318", "http/protobuf", "a.example:4318/v1/metrics"),
        ("http://me:secret@a.example:4318/", "http/protobuf", "a.example:4318/v1/metrics"),
        ("https://a.example:4318", "http/protobuf", "a.example:4318/v1/metrics"),
        ("https://a.example/otlp", "http/protobuf", "a.example:443/otlp/v1/metrics"),
        ("http://a.example", "grpc", "a.example:4317"),
        ("http://[::1]:4318", "http/protobuf", "[::1]:4318/v1/metrics"),
        ("unix:/run/otel.sock", "grpc", "unix:/run/otel.sock"),
    ],
)
def test_host_port_and_path_name_a_backend(
    endpoint: str, protocol: Literal["http/protobuf", "grpc"], name: str
) -> None:
    assert name_of(Settings(otlp=OtlpSettings(endpoint=endpoint, protocol=protocol)), "metrics") == name


def test_other_exporters_are_backends_of_their_own(tmp_path: Path) -> None:
    names = {name_of(Settings(exporter=exporter), "metrics") for exporter in EXPORTERS}
    names |= {name_of(Settings(exporter="file", file_dir=tmp_path / name), "metrics") for name in "ab"}
    assert len(names) == 4


def test_another_backend_gets_totals_that_rest(agent: Agent, tree: JsonTree, receiver: OtlpReceiver) -> None:
    tree.put_turn(message(session(), USED))
    agent.once(**AT_REST)
    with OtlpReceiver() as second:
        there = AT_REST | {"OTEL_EXPORTER_OTLP_ENDPOINT": second.endpoint}
        said = agent.command("verify", **there).stdout
        assert f"another backend, {second.endpoint.removeprefix('http://')}/v1/metrics." in said
        run = agent.once(**there)
        assert tokens(second) == sum(USED)
        assert f"totals go to {second.endpoint.removeprefix('http://')}/v1/metrics now" in run.stderr
        found = Verified(agent, **there)
        assert (found.accepted, found.explained()) == (USED, {})
        assert "another backend" not in agent.command("verify", **there).stdout
        number = len(second.points())
        agent.once(**there)
        assert not [each for each in second.points()[number:] if each.metric == TOKENS]


def test_a_try_of_the_console_delivers_nothing_to_a_backend(
    agent: Agent, tree: JsonTree, receiver: OtlpReceiver
) -> None:
    tree.put_turn(message(session(), USED))
    agent.once(OTEL_AGENT_EXPORTER="console", **AT_REST)
    agent.once(**AT_REST)
    assert tokens(receiver) == sum(USED)

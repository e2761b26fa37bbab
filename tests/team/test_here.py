"""`make team` and `make collector`: one script runs the same configurations as plain processes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import pytest
import requests

from tests.support.agent import Agent
from tests.support.paths import ROOT
from tests.support.real_programs import require
from tests.support.real_programs.collector import require_collector
from tests.support.real_programs.jaeger import Jaeger
from tests.support.real_programs.program import free_ports
from tests.support.real_programs.prometheus import Prometheus
from tests.support.waiting import eventually
from tests.team.support.recount import assert_reaches

pytestmark = [pytest.mark.collector, pytest.mark.prometheus, pytest.mark.jaeger]

RUN = (sys.executable, ROOT / "scripts" / "run-tier")
ADDRESSES = (
    "OTLP_HTTP_LISTEN",
    "OTLP_GRPC_LISTEN",
    "HEALTH_LISTEN",
    "PROMETHEUS_LISTEN",
    "TRACES_LISTEN",
    "QUERY_LISTEN",
    "QUERY_GRPC_LISTEN",
    "DASHBOARDS_LISTEN",
)


def test_the_whole_team_side_starts_and_ends_together(agent: Agent, tmp_path: Path, expected: dict[str, Any]) -> None:
    require_collector()
    require("grafana-panels")
    prometheus, jaeger = Prometheus(tmp_path), Jaeger(tmp_path)
    telemetry, *ports = free_ports(1 + len(ADDRESSES))
    addresses = {name: f"127.0.0.1:{port}" for name, port in zip(ADDRESSES, ports, strict=True)}
    variables = os.environ | addresses | {"TELEMETRY_PORT": str(telemetry), "RUN_DATA": str(tmp_path / "data")}
    prometheus.url, jaeger.url = (f"http://{addresses[name]}" for name in ("PROMETHEUS_LISTEN", "QUERY_LISTEN"))
    with subprocess.Popen([*RUN, "team"], env=variables, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            said = _until_the_hint(running.stdout)
            assert str(tmp_path / "data") in said[-1]
            shown = re.findall(r"^(?:dashboards|Prometheus|Jaeger): +(http\S+)$", "".join(said), re.MULTILINE)
            assert {url: requests.get(url, timeout=30).status_code for url in shown} == dict.fromkeys(shown, 200)
            assert len(shown) == 3
            assert all(map(_listens, addresses.values())), _logs(tmp_path / "data")
            agent.once(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{addresses['OTLP_HTTP_LISTEN']}")
            assert_reaches(prometheus, expected)
            chats = {"gen_ai.operation.name": "chat"}
            eventually(lambda: len(jaeger.spans(chats)), expected["messages"])
        finally:
            running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    eventually(lambda: any(map(_listens, addresses.values())), False)


def test_a_process_that_cannot_start_ends_the_others_and_the_script_names_the_logs(tmp_path: Path) -> None:
    require_collector()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        variables = {"OTLP_HTTP_LISTEN": f"127.0.0.1:{listener.getsockname()[1]}", "RUN_DATA": str(tmp_path / "data")}
        ran = subprocess.run(
            [*RUN, "agent"], env=os.environ | variables, capture_output=True, text=True, timeout=120, check=False
        )
    assert "see the logs in" in ran.stderr, ran.stdout
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert f"Another program listens on {variables['OTLP_HTTP_LISTEN']}" in ran.stderr
    assert "set OTLP_HTTP_LISTEN to another address" in ran.stderr
    assert "OTLP on" not in ran.stdout, "it says so only when it listens"
    assert "address already in use" in _logs(tmp_path / "data")


def _until_the_hint(lines: IO[str]) -> list[str]:
    """Return what the script says until everything runs."""
    said: list[str] = []
    for line in lines:
        said.append(line)
        if "Ctrl-C" in line:
            return said
    raise AssertionError(f"it ended: {said}")


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def _logs(folder: Path) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.log"))

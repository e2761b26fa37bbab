"""Alertmanager: its configuration, read by its own code, and alerts that a real Prometheus sends to it."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.real_programs import COLLECTOR, require
from tests.support.real_programs.prometheus import Prometheus
from tests.support.waiting import eventually
from tests.team.support.prometheus_config import CONFIG, targets, write
from tests.team.support.rules import FILES, groups
from tests.team.support.yaml_files import read

PATH = COLLECTOR / "alertmanager" / "alertmanager.yaml"


def test_alertmanager_accepts_the_configuration_as_it_is_shipped_and_filled_in(tmp_path: Path) -> None:
    shipped = PATH.read_text(encoding="utf-8")
    filled_in = re.sub(r"^    # ( *\w+:|  +- )", r"    \1", shipped, flags=re.MULTILINE)
    assert {len(each) for each in yaml.safe_load(filled_in)["receivers"]} == {1, 3}, "a webhook and an email"
    (tmp_path / "filled-in.yaml").write_text(filled_in, encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text(shipped.replace("receiver: team", "receiver: nobody", 1), encoding="utf-8")
    assert _check(PATH, tmp_path / "filled-in.yaml") == (0, "")
    code, said = _check(tmp_path / "wrong.yaml")
    assert code == 1
    assert 'undefined receiver "nobody"' in said


def test_it_names_severities_and_alerts_that_there_are() -> None:
    rules = [rule for path in FILES for group in groups(path) for rule in group["rules"] if "alert" in rule]
    known = {
        "severity": {rule["labels"]["severity"] for rule in rules},
        "alertname": {rule["alert"] for rule in rules},
    }
    named = re.findall(r'\b(severity|alertname)="(\w+)"', PATH.read_text(encoding="utf-8"))
    assert len(named) == 4
    assert all(value in known[label] for label, value in named)


def test_what_nobody_reads_at_once_goes_to_the_page_only() -> None:
    config = read(PATH)
    children = {route["matchers"][0]: route["receiver"] for route in config["route"]["routes"]}
    assert children == {'severity="critical"': "team", 'severity="info"': "page"}
    assert {"name": "page"} in config["receivers"]


@pytest.mark.prometheus
def test_a_firing_alert_reaches_the_alertmanager_that_the_file_of_addresses_names(tmp_path: Path) -> None:
    rule = {"alert": "Made", "expr": "vector(1)", "labels": {"severity": "warning"}}
    (tmp_path / "rules").mkdir()
    rules = {"groups": [{"name": "made", "interval": "1s", "rules": [rule]}]}
    (tmp_path / "rules" / "made.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    config = write(CONFIG, tmp_path / "prometheus.yaml", {"evaluation_interval: 30s": "evaluation_interval: 1s"})
    with _alertmanager() as (address, received):
        targets(tmp_path, alertmanager=address)
        with Prometheus(tmp_path / "data", config=config):
            eventually(lambda: {alert["labels"]["alertname"] for alert in received}, {"Made"})
    assert received[0]["labels"]["severity"] == "warning"


def _check(*paths: Path) -> tuple[int, str]:
    program = require("alertmanager-config") / "alertmanager_config"
    ran = subprocess.run([program, *paths], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@contextmanager
def _alertmanager() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Run what takes alerts as Alertmanager does. Yield its address, and the alerts that came."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/api/v2/alerts"
            received.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output free of each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()

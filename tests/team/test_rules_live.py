"""The rules on the metrics of a real gateway: a promtool test can only make up their names and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.otlp_receiver import OtlpReceiver, bad_request
from tests.support.real_programs.prometheus import Prometheus
from tests.support.waiting import eventually
from tests.team.support.otlp import send_one_of_each
from tests.team.support.prometheus_config import scraping
from tests.team.support.rules import FILES, FOLDER, groups
from tests.team.support.tiers import LOOPBACK_GATEWAY, Tier

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]


@pytest.fixture
def backend() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as backend:
        yield backend


@pytest.fixture
def tier(tmp_path: Path, backend: OtlpReceiver) -> Iterator[Tier]:
    endpoints = {"PROMETHEUS_ENDPOINT": backend.endpoint, "TRACES_ENDPOINT": backend.endpoint}
    with Tier(tmp_path / "tier", *LOOPBACK_GATEWAY, **endpoints) as tier:
        yield tier


@pytest.fixture
def prometheus(tmp_path: Path, tier: Tier) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the gateway, with the rules as they are shipped but evaluated each second."""
    config = scraping(tier, tmp_path / "prometheus.yaml", rules=True)
    (tmp_path / FOLDER.name).mkdir()
    for path in FILES:
        often = re.sub(r"^( +interval:) \w+$", r"\1 1s", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (tmp_path / FOLDER.name / path.name).write_text(often, encoding="utf-8")
    with Prometheus(tmp_path / "prometheus", config=config) as prometheus:
        yield prometheus


def test_no_rule_fails_after_points_and_spans_passed_the_gateway(tier: Tier, prometheus: Prometheus) -> None:
    send_one_of_each(tier.endpoint)
    for what in ("metric_points", "spans"):
        query = f"rate(otelcol_exporter_sent_{what}[1m]) and on () rate(otelcol_receiver_refused_{what}[1m])"
        eventually(lambda: len(prometheus.answer(query)), 1)  # noqa: B023
    since = _evaluated(prometheus)
    eventually(lambda: all(at > since[name] for name, at in _evaluated(prometheus).items()), wanted=True)
    assert {rule["name"]: rule["lastError"] for rule in _rules(prometheus) if rule.get("lastError")} == {}
    assert {rule["name"] for rule in _rules(prometheus)} == {
        rule.get("record") or rule["alert"] for path in FILES for group in groups(path) for rule in group["rules"]
    }


def test_the_first_drop_of_a_gateway_raises_an_alert(tier: Tier, prometheus: Prometheus, backend: OtlpReceiver) -> None:
    """The counter of drops begins with the first drop: there is no zero before."""
    eventually(lambda: len(prometheus.answer("otelcol_exporter_queue_size")), 2)
    backend.behave(then=bad_request())
    send_one_of_each(tier.endpoint)
    alerts = 'ALERTS{alertname="OtelcolDropsForGood", alertstate="firing"}'
    wanted = {("otlp_http/prometheus",), ("otlp_http/traces",)}
    eventually(lambda: prometheus.rows(alerts, "exporter").keys() == wanted, wanted=True)


def _rules(prometheus: Prometheus) -> list[dict[str, Any]]:
    reply = requests.get(f"{prometheus.url}/api/v1/rules", timeout=30).json()
    return [rule for group in reply["data"]["groups"] for rule in group["rules"]]


def _evaluated(prometheus: Prometheus) -> dict[str, str]:
    """Return when each rule was last evaluated, in RFC 3339: these texts sort by time."""
    return {rule["name"]: rule["lastEvaluation"] for rule in _rules(prometheus)}

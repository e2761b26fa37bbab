"""Every configuration, checked by the program that reads it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.real_programs import COLLECTOR
from tests.support.real_programs.collector import require_collector
from tests.support.real_programs.prometheus import promtool
from tests.team.support.tiers import AGENT, GATEWAY, Secrets

OVERLAYS = [
    [f"gateway/{path.name}"]
    for path in sorted((COLLECTOR / "gateway").glob("*.yaml"))
    if f"gateway/{path.name}" != GATEWAY
]
"""Each overlay of the gateway alone."""
TOGETHER = [
    ["gateway/vendor.yaml", "gateway/delta.yaml"],
    ["gateway/vendor.yaml", "gateway/delta.yaml", "gateway/teams.yaml", "gateway/without-sessions.yaml"],
    ["gateway/mtls.yaml", "gateway/teams.yaml", "gateway/without-sessions.yaml"],
    ["gateway/mtls.yaml", "kafka/out.yaml"],
    ["kafka/out.yaml"],
    ["kafka/out.yaml", "kafka/tls.yaml"],
]
"""Overlays of the gateway from other folders, and several together."""
WHOLE = [
    [AGENT],
    [AGENT, "agent/balanced.yaml"],
    [AGENT, "agent/site.yaml"],
    [AGENT, "agent/balanced.yaml", "agent/site.yaml"],
    [GATEWAY],
    ["kafka/in.yaml"],
    ["kafka/in.yaml", "kafka/tls.yaml"],
    *([GATEWAY, *overlays] for overlays in OVERLAYS + TOGETHER),
]
"""Every whole configuration that this project ships."""


@pytest.mark.collector
@pytest.mark.parametrize("files", WHOLE, ids=" ".join)
def test_the_collector_accepts_the_configuration(files: list[str], tmp_path: Path) -> None:
    arguments = [f"--config={COLLECTOR / name}" for name in files]
    validated = subprocess.run(
        [require_collector(), "validate", *arguments],
        cwd=tmp_path,
        env=os.environ | Secrets(tmp_path / "tls").variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert validated.stderr == ""
    assert validated.returncode == 0


def test_no_file_with_a_pipeline_is_left_out() -> None:
    """Jaeger's is not among them: every test that starts Jaeger runs it."""
    found = {str(path.relative_to(COLLECTOR)) for path in COLLECTOR.rglob("*.yaml") if "pipelines:" in path.read_text()}
    assert found - {name for files in WHOLE for name in files} == {"jaeger/jaeger.yaml"}


@pytest.mark.prometheus
def test_promtool_accepts_prometheus_configuration_and_rules() -> None:
    assert "FAILED" not in promtool("check", "config", COLLECTOR / "prometheus" / "prometheus.yaml")


@pytest.mark.prometheus
def test_promtool_accepts_the_scraping_of_a_cluster(tmp_path: Path) -> None:
    """Only promtool checks it: the Prometheus that the tests build does not know Kubernetes."""
    config = tmp_path / "prometheus.yaml"
    config.write_text(f"scrape_config_files: [{COLLECTOR}/prometheus/scrape/*.yaml]\n", encoding="utf-8")
    assert "FAILED" not in promtool("check", "config", config)

"""Every configuration, as the program it is for judges it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.real_parts import COLLECTOR
from tests.real_parts.collector import require_collector
from tests.real_parts.prometheus import promtool
from tests.team.support.tiers import Secrets

LAID_OVER = [
    [f"gateway/{path.name}"] for path in sorted((COLLECTOR / "gateway").glob("*.yaml")) if path.name != "gateway.yaml"
]
TOGETHER = [
    ["gateway/vendor.yaml", "gateway/delta.yaml"],
    ["gateway/vendor.yaml", "gateway/delta.yaml", "gateway/teams.yaml", "gateway/without-sessions.yaml"],
    ["gateway/mtls.yaml", "gateway/teams.yaml", "gateway/without-sessions.yaml"],
    ["gateway/mtls.yaml", "kafka/out.yaml"],
    ["kafka/out.yaml"],
    ["kafka/out.yaml", "kafka/tls.yaml"],
]
WHOLE = [
    ["agent/agent.yaml"],
    ["agent/agent.yaml", "agent/balanced.yaml"],
    ["agent/agent.yaml", "agent/site.yaml"],
    ["agent/agent.yaml", "agent/balanced.yaml", "agent/site.yaml"],
    ["gateway/gateway.yaml"],
    ["kafka/in.yaml"],
    ["kafka/in.yaml", "kafka/tls.yaml"],
    *(["gateway/gateway.yaml", *over] for over in LAID_OVER + TOGETHER),
]


@pytest.mark.collector
@pytest.mark.parametrize("files", WHOLE, ids=" ".join)
def test_the_collector_takes_it(files: list[str], tmp_path: Path) -> None:
    arguments = [f"--config={COLLECTOR / name}" for name in files]
    judged = subprocess.run(
        [require_collector(), "validate", *arguments],
        cwd=tmp_path,
        env=os.environ | Secrets(tmp_path / "tls").variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (judged.returncode, judged.stderr) == (0, "")


def test_none_is_left_out() -> None:
    """Of all files with a pipeline in them; Jaeger's is run by every test that starts it."""
    found = {str(path.relative_to(COLLECTOR)) for path in COLLECTOR.rglob("*.yaml") if "pipelines:" in path.read_text()}
    assert found - {name for files in WHOLE for name in files} == {"jaeger/jaeger.yaml"}


@pytest.mark.prometheus
def test_prometheus_takes_its_configuration_and_rules() -> None:
    assert "FAILED" not in promtool("check", "config", COLLECTOR / "prometheus" / "prometheus.yaml")


@pytest.mark.prometheus
def test_promtool_takes_the_scraping_of_a_cluster(tmp_path: Path) -> None:
    """Not Prometheus: the one that is built here does not know Kubernetes."""
    config = tmp_path / "prometheus.yaml"
    config.write_text(f"scrape_config_files: [{COLLECTOR}/prometheus/scrape/*.yaml]\n", encoding="utf-8")
    assert "FAILED" not in promtool("check", "config", config)

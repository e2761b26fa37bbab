"""The rules: what `promtool test rules` says of each, and that none is without a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.grafana.source import names
from otel_agent.semconv import METRICS
from tests.real_parts import COLLECTOR
from tests.real_parts.prometheus import promtool
from tests.team.support.rules import FILES, groups

TESTS = sorted((COLLECTOR / "prometheus" / "tests").glob("*.test.yaml"))
RULES = [rule for path in FILES for group in groups(path) for rule in group["rules"]]


@pytest.mark.prometheus
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_what_promtool_says(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", path)


def test_every_rule_has_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in TESTS)
    ours = {str(rule.get("record") or rule["alert"]) for rule in RULES}
    assert {name for name in ours if not re.search(rf"(?<![\w:]){re.escape(name)}\b", tests)} == set()


def test_every_alert_says_what_to_do() -> None:
    for rule in RULES:
        if "alert" in rule:
            assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
            assert rule["labels"]["severity"] in ("info", "warning", "critical"), rule["alert"]


def test_only_names_that_are_emitted_stand_in_them() -> None:
    """Our metrics as Prometheus names them; a recorded name is one of these files."""
    ours = {names.metric(each) for each in METRICS.values()}
    recorded = {str(rule["record"]) for rule in RULES if "record" in rule}
    for rule in RULES:
        found = re.findall(r"(?<![\w:])(?:otel_agent|opencode|team\w*)[_:][\w:]+(?=[{\[ )]|$)", str(rule["expr"]))
        labels = {name for name in found if ":" not in name and name not in ours}
        assert {name for name in found if ":" in name} <= recorded
        assert labels <= {
            "opencode_project_name",
            "opencode_agent_kind",
            "opencode_message_outcome",
            "opencode_tool_outcome",
        }

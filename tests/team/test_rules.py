"""The rules: promtool checks each against its tests, and no rule is without a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.grafana.source import names
from otel_agent.semconv import METRICS
from tests.support.real_programs import COLLECTOR
from tests.support.real_programs.prometheus import promtool
from tests.team.support.rules import FILES, groups

TESTS = sorted((COLLECTOR / "prometheus" / "tests").glob("*.test.yaml"))
RULES = [rule for path in FILES for group in groups(path) for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]


@pytest.mark.prometheus
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_rules_do_what_their_tests_say(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", path)


def test_every_rule_has_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in TESTS)
    ours = {str(rule.get("record") or rule["alert"]) for rule in RULES}
    assert {name for name in ours if not re.search(rf"(?<![\w:]){re.escape(name)}\b", tests)} == set()


def test_every_alert_has_a_summary_an_action_and_a_severity() -> None:
    for rule in ALERTS:
        assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]
        assert rule["labels"]["severity"] in ("info", "warning", "critical"), rule["alert"]


def test_expressions_use_only_metrics_that_exist_and_series_that_are_recorded() -> None:
    ours = {names.metric(metric) for metric in METRICS.values()}
    recorded = {str(rule["record"]) for rule in RULES if "record" in rule}
    labels = {"opencode_project_name", "opencode_agent_kind", "opencode_message_outcome", "opencode_tool_outcome"}
    labels |= {names.TOKENS_OF}
    for rule in RULES:
        expression = str(rule["expr"])
        found = set(re.findall(r"(?<![\w:])(?:otel_agent|opencode|team\w*)[_:][\w:]+(?=[{\[ )]|$)", expression))
        assert found <= ours | recorded | labels, rule

"""A fleet's evening: a thousand agents stop, each at its own time, and that raises no alert."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from tests.support.real_programs.prometheus import promtool
from tests.team.support.rules import FOLDER, groups

pytestmark = pytest.mark.prometheus

AGENTS = 1_000
MINUTES = 10 * 60
"""From two in the afternoon to midnight."""
MOST_LEAVE_AT, WITHIN = 4 * 60, 75
"""Mean and standard deviation of the minute of leaving: around six, two thirds of them within two hours and a half."""
ABOUT = {"alertname": "OtelAgentsSilentTogether"}
SUMMARY = "Only 0 agents reported lately, less than half as many as ten minutes ago"
ACTION = "Check the gateway's health, its queue and its certificate, and if somebody changed the token."


def test_agents_that_leave_in_the_evening_raise_no_alert(tmp_path: Path) -> None:
    quiet: list[dict[str, object]] = [
        ABOUT | {"eval_time": f"{minute}m", "exp_alerts": []} for minute in range(5, MINUTES, 5)
    ]
    _assert_alerts(tmp_path, _last_minutes(), quiet)


def test_a_gateway_that_goes_down_in_the_evening_raises_an_alert(tmp_path: Path) -> None:
    down_at = MOST_LEAVE_AT + 60
    alert = {
        "exp_labels": {"severity": "critical"},
        "exp_annotations": {"summary": SUMMARY, "action": ACTION},
    }
    _assert_alerts(
        tmp_path,
        (min(minute, down_at) for minute in _last_minutes()),
        [
            ABOUT | {"eval_time": f"{down_at + 9}m", "exp_alerts": []},
            ABOUT | {"eval_time": f"{down_at + 15}m", "exp_alerts": [alert]},
        ],
    )


def _last_minutes() -> Iterable[int]:
    """Return the last minute in which each agent reports."""
    dice = random.Random(18)
    return (min(max(round(dice.gauss(MOST_LEAVE_AT, WITHIN)), 0), MINUTES) for _ in range(AGENTS))


def _assert_alerts(folder: Path, last_minutes: Iterable[int], alerts: list[dict[str, object]]) -> None:
    """Let promtool check which alerts these agents raise."""
    series = [
        {"series": f'otel_agent_ledger_size_bytes{{instance="i{number}"}}', "values": f"1x{last}"}
        for number, last in enumerate(last_minutes)
    ]
    # The hourly group is left out: promtool would evaluate it each minute.
    rules, test = folder / "rules.yaml", folder / "evening.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups(FOLDER / "agents.yaml")[:1]}), encoding="utf-8")
    tests = [{"interval": "1m", "input_series": series, "alert_rule_test": alerts}]
    whole = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}
    test.write_text(yaml.safe_dump(whole), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", test)

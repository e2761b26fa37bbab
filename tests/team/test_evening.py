"""A fleet's evening: a thousand agents leave, each in its own time, and no alert is made of it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from tests.real_parts.prometheus import promtool
from tests.team.support.rules import FOLDER, groups

pytestmark = pytest.mark.prometheus

AGENTS = 1_000
MINUTES = 10 * 60
"""From two in the afternoon to midnight."""
MOST_LEAVE_AT, WITHIN = 4 * 60, 75
"""Minutes: around six, two thirds of them within two hours and a half."""
ACTION = "Check the gateway's health, its queue and its certificate, and if somebody changed the token."


def test_an_evening_is_no_alert(tmp_path: Path) -> None:
    quiet = [{"alertname": "OtelAgentsSilentTogether", "eval_time": f"{at}m"} for at in range(5, MINUTES, 5)]
    _judge(tmp_path, _leaving(), [each | {"exp_alerts": []} for each in quiet])


def test_a_gateway_that_goes_down_in_the_evening_is_one(tmp_path: Path) -> None:
    down_at = MOST_LEAVE_AT + 60
    summary = "Only 0 agents reported lately, less than half as many as ten minutes ago"
    alert = {
        "exp_labels": {"severity": "critical"},
        "exp_annotations": {"summary": summary, "action": ACTION},
    }
    about = {"alertname": "OtelAgentsSilentTogether"}
    _judge(
        tmp_path,
        (min(minute, down_at) for minute in _leaving()),
        [
            about | {"eval_time": f"{down_at + 9}m", "exp_alerts": []},
            about | {"eval_time": f"{down_at + 15}m", "exp_alerts": [alert]},
        ],
    )


def _leaving() -> Iterable[int]:
    """The last minute in which each is heard."""
    dice = random.Random(18)
    return (min(max(round(dice.gauss(MOST_LEAVE_AT, WITHIN)), 0), MINUTES) for _ in range(AGENTS))


def _judge(folder: Path, last_minutes: Iterable[int], alerts: list[dict[str, object]]) -> None:
    series = [
        {"series": f'otel_agent_ledger_size_bytes{{instance="i{number}"}}', "values": f"1x{last}"}
        for number, last in enumerate(last_minutes)
    ]
    # Without the hourly group: promtool would evaluate it each minute.
    rules, test = folder / "rules.yaml", folder / "evening.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups(FOLDER / "agents.yaml")[:1]}), encoding="utf-8")
    tests = [{"interval": "1m", "input_series": series, "alert_rule_test": alerts}]
    whole = {"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests}
    test.write_text(yaml.safe_dump(whole), encoding="utf-8")
    assert "SUCCESS" in promtool("test", "rules", test)

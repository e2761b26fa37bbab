"""What `collector/README.md` says is there: files, variables, `make` targets, alerts with their severity, services."""

from __future__ import annotations

import re

from tests.real_parts import COLLECTOR, ROOT
from tests.team.rules import FILES, groups

TEXT = (COLLECTOR / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`]+)`|^    (.+)$", TEXT, re.MULTILINE)
WORDS = [word for pair in CODE for part in pair for word in part.split()]
SHIPPED = [
    path
    for path in COLLECTOR.rglob("*")
    if path.is_file() and path.suffix != ".md" and path.name != ".env" and "__pycache__" not in path.parts
]
"""Without what Python and a person leave there."""


def test_the_files_that_it_names_are_there() -> None:
    named = {word for word in WORDS if re.fullmatch(r"[a-z][\w/-]*(\.yaml|\.sql|\.sh|/)|prometheus/record-again", word)}
    files = {str(path.relative_to(COLLECTOR)) for path in SHIPPED}
    folders = {f"{path.relative_to(COLLECTOR)}/" for path in COLLECTOR.rglob("*") if path.is_dir()}
    known = files | {path.rpartition("/")[2] for path in files} | folders
    assert named - known == set()
    assert {"gateway/teams.yaml", "kafka/", "clickhouse/schema.sql"} <= named


def test_the_variables_that_it_sets_are_read() -> None:
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", " ".join(WORDS)))
    read = " ".join(path.read_text(encoding="utf-8") for path in SHIPPED)
    of_agents = {name for name in named if name.startswith("OTEL_")}
    assert {name for name in named - of_agents if not re.search(rf"\b{name}\b", read)} == set()
    assert {"KAFKA_BROKERS", "TRACES_ENDPOINT", "GRAFANA_PASSWORD"} <= named


def test_the_targets_that_it_runs_are_there() -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`[^`]*\bmake ([a-z-]+)", TEXT))
    assert {"team", "collector", "fleet"} <= named <= targets


def test_each_alert_stands_in_it_with_its_file_and_severity() -> None:
    said: dict[str, tuple[str, str]] = {}
    file = ""
    for row in re.findall(r"^\|(.*?)\|(.*?)\| (critical|warning|info) \|", TEXT, re.MULTILINE):
        file = row[0].strip(" `") or file
        said |= dict.fromkeys(re.findall(r"`(\w+)`", row[1]), (file, row[2]))
    assert said == {
        rule["alert"]: (path.name, rule["labels"]["severity"])
        for path in FILES
        for group in groups(path)
        for rule in group["rules"]
        if "alert" in rule
    }

"""`collector/README.md` is true: the files, variables, `make` targets and alerts that it names exist."""

from __future__ import annotations

import re

from tests.support.paths import ROOT
from tests.support.real_programs import COLLECTOR
from tests.team.support.rules import FILES, groups

TEXT = (COLLECTOR / "README.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`]+)`|^    (.+)$", TEXT, re.MULTILINE)
WORDS = [word for pair in CODE for part in pair for word in part.split()]
SHIPPED = [
    path
    for path in COLLECTOR.rglob("*")
    # Python leaves compiled files beside the dashboards' source, and a person leaves passwords in .env and in secrets/.
    if path.is_file()
    and path.suffix != ".md"
    and path.name != ".env"
    and not {"__pycache__", "secrets"} & {*path.parts}
]


def test_every_file_and_folder_that_it_names_exists() -> None:
    named = {word for word in WORDS if re.fullmatch(r"[a-z][\w/-]*(\.yaml|\.sql|\.sh|\.py|/)", word)}
    files = {str(path.relative_to(COLLECTOR)) for path in SHIPPED}
    folders = {f"{path.relative_to(COLLECTOR)}/" for path in COLLECTOR.rglob("*") if path.is_dir()}
    known = files | {path.rpartition("/")[2] for path in files} | folders
    assert named - known == set()
    assert {"gateway/teams.yaml", "kafka/", "clickhouse/schema.sql", "prometheus/record_again.py"} <= named


def test_every_variable_that_it_sets_is_read_by_a_shipped_file() -> None:
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", " ".join(WORDS)))
    shipped = " ".join(path.read_text(encoding="utf-8") for path in SHIPPED)
    of_agents = {name for name in named if name.startswith("OTEL_")}
    assert {name for name in named - of_agents if not re.search(rf"\b{name}\b", shipped)} == set()
    assert {"KAFKA_BROKERS", "TRACES_ENDPOINT", "GRAFANA_PASSWORD"} <= named


def test_every_make_target_that_it_names_exists() -> None:
    targets = set(re.findall(r"^\.PHONY: (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"`[^`]*\bmake ([a-z-]+)", TEXT))
    assert named - targets == set()
    assert {"team", "collector", "fleet"} <= named


def test_its_table_lists_every_alert_with_its_file_and_severity() -> None:
    listed: dict[str, tuple[str, str]] = {}
    file = ""
    for row in re.findall(r"^\|(.*?)\|(.*?)\| (critical|warning|info) \|", TEXT, re.MULTILINE):
        # An empty cell means the file of the row above.
        file = row[0].strip(" `") or file
        listed |= dict.fromkeys(re.findall(r"`(\w+)`", row[1]), (file, row[2]))
    assert listed == {
        rule["alert"]: (path.name, rule["labels"]["severity"])
        for path in FILES
        for group in groups(path)
        for rule in group["rules"]
        if "alert" in rule
    }

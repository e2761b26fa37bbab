"""What only the totals of sessions know is a row of its own in the views, and a sentence below them.

The store `v2/titles` has 12 sessions with one message each, and the calls that gave them their titles.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import jsonschema
import pytest

from tests.support.paths import ROOT, STORES
from tests.support.shell import Shell

TITLES = 2_605 + 156
"""Tokens of the titles …"""
MESSAGES = 1_266 + 120
"""… and of the messages."""
NAME = "titles and other"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shutil.copytree(STORES / "v2" / "titles" / "opencode", shell.data_dir)
    return shell


@pytest.mark.parametrize("view", ["models", "agents"])
def test_models_and_agents_have_a_row_without_messages(shell: Shell, view: str) -> None:
    found = json.loads(shell.output("summary", view, "--range", "all", "--json"))
    jsonschema.validate(found, json.loads((ROOT / "docs" / "summary.schema.json").read_text(encoding="utf-8")))
    rows = {row["key"]: (row["messages"], row["tokens"]["total"]) for row in found["rows"]}
    assert rows.pop(NAME) == (0, TITLES)
    assert list(rows.values()) == [(12, MESSAGES)]
    assert (found["totals"]["messages"], found["totals"]["tokens"]["total"]) == (12, MESSAGES + TITLES)
    assert found["unattributed"]["tokens"]["total"] == TITLES
    assert found["unattributed"]["cost_usd"] == pytest.approx(0.003385)


def test_it_belongs_to_its_session_and_project(shell: Shell) -> None:
    for view, rows in (("sessions", 12), ("projects", 1)):
        found = json.loads(shell.output("summary", view, "--range", "all", "--json"))
        assert sum(row["tokens"]["total"] for row in found["rows"]) == MESSAGES + TITLES
        assert sum(row["sessions"] for row in found["rows"]) == 12
        assert len(found["rows"]) == rows


@pytest.mark.parametrize("form", [(), ("--format", "markdown")], ids=["table", "markdown"])
def test_a_footnote_says_how_much_it_is(shell: Shell, form: tuple[str, ...]) -> None:
    printed = " ".join(shell.output("summary", "models", "--range", "all", *form).split())
    assert f"{TITLES:,} tokens (0.0034 USD) are in OpenCode's totals of sessions only" in printed


def test_csv_has_the_row(shell: Shell) -> None:
    rows = csv.DictReader(io.StringIO(shell.output("summary", "agents", "--range", "all", "--format", "csv")))
    assert {row["key"]: int(row["total"]) for row in rows} == {"build": MESSAGES, NAME: TITLES}


def test_a_filter_of_agents_finds_it_by_its_name(shell: Shell) -> None:
    found = json.loads(shell.output("summary", "models", "--range", "all", "--agent", "titles*", "--json"))
    assert [row["key"] for row in found["rows"]] == [NAME]

"""A program that asks for JSON gets JSON, also if there is no answer."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import jsonschema
import pytest

from tests.support.paths import ROOT, STORES
from tests.support.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shutil.copytree(STORES / "sqlite-1.18.33-fork" / "opencode", shell.data_dir)
    return shell


@pytest.mark.parametrize("command", ["summary", "status", "verify", "config show", "session ses_x"])
def test_settings_that_cannot_be_used_are_said_in_json(shell: Shell, command: str) -> None:
    run = shell.run(*command.split(), "--json", OTEL_AGENT_ACCOUNTING="wrong")
    found = json.loads(run.stdout)
    assert (run.returncode, found["ok"], found["exit_code"]) == (2, False, 2)
    assert "OTEL_AGENT_ACCOUNTING" in found["error"]
    assert f"otel-agent: {found['error']}" in run.stderr


@pytest.mark.parametrize("command", ["summary", "status", "verify", "session ses_x"])
def test_a_ledger_that_cannot_be_read_is_said_in_json(shell: Shell, command: str) -> None:
    (shell.state_dir / "ledger.db").mkdir(parents=True)
    run = shell.run(*command.split(), "--json")
    found = json.loads(run.stdout)
    assert (run.returncode, found["exit_code"]) == (4, 4)
    assert "Move it away" in found["error"]


def test_the_failure_of_a_summary_is_in_its_schema(shell: Shell) -> None:
    schema = json.loads((ROOT / "docs" / "summary.schema.json").read_text(encoding="utf-8"))
    run = shell.run("summary", "--json", OTEL_AGENT_ACCOUNTING="wrong")
    jsonschema.validate(json.loads(run.stdout), schema)
    assert run.returncode == 2


def test_options_that_cannot_be_meant_are_for_whoever_typed_them(shell: Shell) -> None:
    run = shell.run("summary", "--json", "--since", "soon")
    assert (run.returncode, run.stdout) == (2, "")
    assert "--since soon: not a valid time" in run.stderr


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "nothing_counted"])
def test_a_session_that_is_not_there_is_said_in_json(shell: Shell, *, counted: bool) -> None:
    if not counted:
        shutil.rmtree(shell.data_dir)
    run = shell.run("session", "ses_x", "--json")
    found = json.loads(run.stdout)
    assert (run.returncode, found["ok"], found["exit_code"]) == (2, False, 2)
    assert "no session" in found["error"]


def test_a_timeline_with_too_many_periods_is_said_in_json(shell: Shell) -> None:
    run = shell.run("summary", "timeline", "--by", "hour", "--since", "1990-01-01", "--json")
    found = json.loads(run.stdout)
    assert (run.returncode, found["ok"]) == (2, False)
    assert "Shorten the range" in found["error"]


def test_an_answer_before_the_failure_stays_the_only_document(shell: Shell) -> None:
    run = shell.run("summary", "--range", "all", "--json", "--fail-above", "1")
    assert run.returncode == 6
    assert json.loads(run.stdout)["view"] == "overview"


def test_an_amount_that_cannot_be_decided_leaves_the_answer_the_only_document(shell: Shell) -> None:
    shell.run("summary", "--json")
    (shell.state_dir / "ledger.lock").unlink()
    (shell.state_dir / "ledger.lock").mkdir()
    os.utime(next(shell.data_dir.glob("*.db")))  # something may be new
    run = shell.run("summary", "--range", "all", "--json", "--fail-above", "1000000000")
    assert (run.returncode, json.loads(run.stdout)["view"]) == (1, "overview")
    assert "--fail-above cannot be decided. What is new is missing" in run.stderr


def test_the_name_of_the_format_asks_for_json_too(shell: Shell) -> None:
    for form in (["--format", "json"], ["--format=json"]):
        run = shell.run("summary", *form, OTEL_AGENT_ACCOUNTING="wrong")
        assert (run.returncode, json.loads(run.stdout)["ok"]) == (2, False)


def test_a_failure_is_not_printed_beside_a_file(shell: Shell) -> None:
    run = shell.run(
        "summary", "--json", "-o", str(shell.home / "nowhere" / "report.json"), OTEL_AGENT_ACCOUNTING="wrong"
    )
    assert (run.returncode, run.stdout) == (2, "")

"""The options of `otel-agent summary`, as they are typed."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from otel_agent.summary.view import VIEW_NAMES
from tests.support.made_stores import GLOBAL, JsonTree, Tokens, message, session
from tests.support.paths import STORES
from tests.support.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def filled(shell: Shell) -> Shell:
    shutil.copytree(STORES / "sqlite-1.18.33-fork" / "opencode", shell.data_dir)
    return shell


def as_json(shell: Shell, *arguments: str) -> Any:
    return json.loads(shell.output("summary", *arguments, "--json"))


@pytest.mark.parametrize("name", VIEW_NAMES)
def test_each_view_by_its_name(name: str, filled: Shell) -> None:
    found = as_json(filled, name, "--range", "all")
    assert (found["view"], found["totals"]["tokens"]["total"]) == (name, 142_516)


def test_all_six(filled: Shell) -> None:
    printed = filled.output("summary", "--all-views", "--range", "all")
    titles = ["Tokens, all time", "Sessions, all", "Tokens by project", "by model", "by agent", "over time"]
    at = [printed.index(title) for title in titles]
    assert at == sorted(at)
    assert [view["view"] for view in as_json(filled, "--all-views")["views"]] == list(VIEW_NAMES)


@pytest.mark.parametrize(
    ("view", "range_"),
    [("overview", "today"), ("sessions", "all"), ("projects", "all"), ("models", "all"), ("timeline", "week")],
)
def test_the_range_of_a_view_where_none_is_said(view: str, range_: str, filled: Shell) -> None:
    assert as_json(filled, view)["range"]["name"] == range_


def test_since_until_and_whose_days(filled: Shell) -> None:
    found = as_json(filled, "models", "--since", "2026-11-22", "--until", "2026-11-22", "--tz", "Asia/Tokyo")
    assert found["range"] == {
        "name": "custom",
        "from": "2026-11-22T00:00:00+09:00",
        "to": "2026-11-23T00:00:00+09:00",
        "tz": "Asia/Tokyo",
    }
    assert found["totals"]["messages"] == 15
    assert as_json(filled, "models", "--until", "2026-11-21")["totals"]["messages"] == 0


def test_filters_add_up(filled: Shell) -> None:
    told = json.loads((STORES / "sqlite-1.18.33-fork" / "expected.json").read_text())["by"]
    one = as_json(filled, "agents", "--model", "glm-*", "--model", "gpt*")
    assert one["totals"]["messages"] == sum(
        told["model"][name]["messages"] for name in ("zai-coding-plan/glm-4.7", "openai/gpt-5.2-codex")
    )
    two = as_json(filled, "agents", "--agent", "oracle", "--project", "agent-monitor")
    assert two["totals"]["messages"] == told["agent"]["Oracle"]["messages"] == 1
    session_id = next(iter(told["session"]))
    assert [row["key"] for row in as_json(filled, "sessions", "--session", f"*{session_id[-8:]}")["rows"]] == [
        session_id
    ]


def test_order_and_limit(filled: Shell) -> None:
    assert [row["key"] for row in as_json(filled, "agents", "--sort", "name")["rows"]] == [
        "Oracle",
        "Sisyphus",
        "build",
        "general",
    ]
    found = as_json(filled, "agents", "--limit", "1")
    assert (len(found["rows"]), found["cut"]["rows"]) == (1, 3)
    assert as_json(filled, "agents", "--limit", "0")["cut"] is None


def test_people_are_shown_twenty_rows_and_scripts_all(shell: Shell) -> None:
    for number in range(25):
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1), counter=number, model=f"m{number}"))
    assert "… and 5 more, 5 tokens" in shell.output("summary", "models")
    assert "… and" not in shell.output("summary", "models", "--limit", "0")
    assert len(as_json(shell, "models")["rows"]) == 25
    assert len(shell.output("summary", "models", "--format", "csv").splitlines()) == 26


def test_subagents_below_or_within(filled: Shell) -> None:
    own, within = as_json(filled, "sessions"), as_json(filled, "sessions", "--roll-up")
    assert (len(own["rows"]), len(within["rows"])) == (8, 7)
    assert own["totals"] == within["totals"]
    for found in (own, within):
        assert sum(row["tokens"]["total"] for row in found["rows"]) == 142_516


def test_what_ran_outside_any_project_each_by_itself(shell: Shell) -> None:
    for number, folder in enumerate(["/tmp/a", "/tmp/b"]):
        of = session(counter=number, project=GLOBAL, directory=folder)
        JsonTree(shell.data_dir).put_turn(message(of, Tokens(input=1), counter=number))
    assert [row["key"] for row in as_json(shell, "projects")["rows"]] == ["(global)"]
    assert [row["key"] for row in as_json(shell, "projects", "--separate-global")["rows"]] == ["/tmp/a", "/tmp/b"]


def test_steps_of_the_timeline(filled: Shell) -> None:
    assert [row["key"] for row in as_json(filled, "timeline", "--range", "all", "--by", "month")["rows"]] == ["2026-11"]


class TestFiles:
    @pytest.mark.parametrize("ending", ["json", "csv", "md", "html", "svg", "txt"])
    def test_its_ending_tells_the_format(self, ending: str, filled: Shell) -> None:
        path = filled.home / f"report.{ending}"
        assert filled.output("summary", "models", "--range", "all", "-o", str(path)) == ""
        text = path.read_bytes().decode("utf-8")
        match ending:
            case "json":
                assert json.loads(text)["view"] == "models"
            case "csv":
                assert next(csv.DictReader(io.StringIO(text)))["total"] == "81161"
                assert text.count("\r\n") == text.count("\n") == 4
            case "md":
                assert text.startswith("## Tokens by model, all time\n\n| Model |")
            case "html":
                assert "<!DOCTYPE html>" in text
                assert "142,516" in text
            case "svg":
                assert "142,516" in "".join(ElementTree.fromstring(text).itertext())
            case _:
                assert text.startswith("Tokens by model, all time\nModel ")

    def test_the_format_that_is_said_wins(self, filled: Shell) -> None:
        path = filled.home / "report.txt"
        filled.output("summary", "--format", "json", "-o", str(path))
        assert json.loads(path.read_text())["view"] == "overview"

    def test_one_that_cannot_be_written(self, filled: Shell) -> None:
        run = filled.run("summary", "-o", "/nowhere/report.md")
        assert (run.returncode, run.stdout) == (1, "")
        assert (
            run.stderr
            == "otel-agent: cannot write /nowhere/report.md: No such file or directory. Name another file with -o.\n"
        )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json", "--format", "csv"], "--json and --format csv contradict each other"),
        (["--range", "all", "--since", "1d"], "--range and --since/--until contradict each other"),
        (["--all-views", "--format", "csv"], "CSV is one table"),
        (["--live", "--json"], "--live is a screen"),
        (["--since", "soon"], "--since soon: this is no time."),
        (["--since", "1d", "--until", "2d"], "--since 1d is not before --until 2d"),
        (["--tz", "Mars"], "--tz Mars: there is no such time zone"),
        (["timeline", "--by", "hour", "--since", "2020-01-01"], "more than 20,000 hours"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_do(arguments: list[str], said: str, shell: Shell) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    run = shell.run("summary", *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def in_a_terminal(shell: Shell, *arguments: str, **variables: str) -> str:
    ours, theirs = pty.openpty()
    environ = shell.environment() | {"TERM": "xterm-256color", "COLUMNS": "100"} | variables
    shell.scratch.mkdir(exist_ok=True)
    process = subprocess.Popen(shell.command(*arguments), env=environ, cwd=shell.home, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = b""
    try:
        while block := os.read(ours, 65_536):
            printed += block
    except OSError:
        pass  # Linux says so when the other side is closed
    os.close(ours)
    assert process.wait(60) == 0
    return printed.decode()


def test_a_ledger_that_is_damaged_inside_says_what_to_do(filled: Shell) -> None:
    filled.output("summary")
    path = filled.state_dir / "ledger.db"
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    with sqlite3.connect(path) as database:
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    database.close()
    content[(root - 1) * page : root * page] = b"\xff" * page
    path.write_bytes(content)
    run = filled.run("summary", "models", "--range", "all")
    assert (run.returncode, run.stdout) == (4, "")
    assert re.search(r"`otel-agent run( --once)?` sets it aside", run.stderr)
    assert "Traceback" not in run.stderr
    assert filled.run("run", "--once", OTEL_AGENT_EXPORTER="none").returncode == 0
    assert as_json(filled, "models", "--range", "all")["totals"]["tokens"]["total"] == 142_516


class TestColour:
    def test_in_a_terminal(self, filled: Shell) -> None:
        filled.output("summary")
        assert "\x1b[36m" in in_a_terminal(filled, "summary", "models")

    def test_not_where_it_is_not_wanted(self, filled: Shell) -> None:
        filled.output("summary")
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", in_a_terminal(filled, "summary", "models", NO_COLOR="1"))

    def test_not_through_a_pipe(self, filled: Shell) -> None:
        assert "\x1b" not in filled.output("summary", "--all-views")


class TestWarnings:
    def test_unreadable_files_by_kind_with_what_to_do(self, shell: Shell) -> None:
        tree = JsonTree(shell.data_dir)
        tree.put_turn(message(session(), Tokens(input=1)))
        for number in range(2, 6):
            path = tree.put_bytes(message(session(), counter=number), b'{"role": "assist')
            then = time.time() - 60
            os.utime(path, (then, then))
        for _ in range(2):
            printed = shell.output("summary", "models", COLUMNS="1000")
            assert "Warning: Not read (malformed): 4 places, each of which is not a complete JSON object" in printed
            assert "~/.local/share/opencode/storage/message/" in printed
        assert as_json(shell, "models")["warnings"][0].startswith("Not read (malformed): 4 places")

    def test_an_opencode_newer_than_is_known(self, shell: Shell) -> None:
        of = session(version="3.1.0")
        JsonTree(shell.data_dir).put_turn(message(of, Tokens(input=1)))
        printed = shell.output("summary", "models", COLUMNS="1000")
        assert "Warning: OpenCode 3.1.0 is newer than what this otel-agent was tested with" in printed
        assert re.search(r"^Total +1 ", printed, re.MULTILINE), "what could be read is counted"

    def test_a_configuration_that_is_broken_is_a_hint(self, filled: Shell) -> None:
        path = filled.home / ".config" / "opencode" / "opencode.json"
        path.parent.mkdir(parents=True)
        path.write_text('{"agent": {"build": {"model": "a/b"}}, "apiKey": "sk-secret"')
        printed = filled.output("summary", "agents", COLUMNS="1000")
        assert f"{path} is not JSON, so its models are not shown." in printed
        assert "secret" not in printed
        path.write_text('{"agent": {"build": {"model": "a/b"}}} // mine')
        assert re.search(r"^build .* a/b ", filled.output("summary", "agents"), re.MULTILINE)


def test_reading_a_history_for_the_first_time_tells_how_far_it_is(shell: Shell) -> None:
    """On the terminal, and gone when the answer is there."""
    JsonTree(shell.data_dir).put_turn(
        *(message(session(), Tokens(input=1), counter=number, cost=number) for number in range(8_001))
    )
    printed = in_a_terminal(shell, "summary", "models")
    assert "Reading what OpenCode stored" in printed
    assert "8001/8001" in printed
    assert "Reading" not in printed.rpartition("Tokens by model")[2]
    assert "\x1b[?25h" in printed, "the cursor is there again"

"""Each option of `otel-agent summary` does what its help says."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
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
from tests.support.terminal import in_a_terminal


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
def test_a_view_is_asked_for_by_its_name(name: str, filled: Shell) -> None:
    found = as_json(filled, name, "--range", "all")
    assert found["view"] == name
    assert found["totals"]["tokens"]["total"] == 142_516


def test_all_views_are_shown_one_after_another(filled: Shell) -> None:
    printed = filled.output("summary", "--all-views", "--range", "all")
    titles = ["Tokens, all time", "Sessions, all", "Tokens by project", "by model", "by agent", "over time"]
    at = [printed.index(title) for title in titles]
    assert at == sorted(at)
    assert [view["view"] for view in as_json(filled, "--all-views")["views"]] == list(VIEW_NAMES)


@pytest.mark.parametrize(
    ("view", "range_"),
    [("overview", "today"), ("sessions", "all"), ("projects", "all"), ("models", "all"), ("timeline", "week")],
)
def test_each_view_has_a_default_range(view: str, range_: str, filled: Shell) -> None:
    assert as_json(filled, view)["range"]["name"] == range_


def test_since_and_until_are_days_of_the_zone_that_is_named(filled: Shell) -> None:
    found = as_json(filled, "models", "--since", "2026-11-22", "--until", "2026-11-22", "--tz", "Asia/Tokyo")
    assert found["range"] == {
        "name": "custom",
        "from": "2026-11-22T00:00:00+09:00",
        "to": "2026-11-23T00:00:00+09:00",
        "tz": "Asia/Tokyo",
    }
    assert found["totals"]["messages"] == 15
    assert as_json(filled, "models", "--until", "2026-11-21")["totals"]["messages"] == 0


def test_filters_of_one_kind_widen_and_of_several_kinds_narrow(filled: Shell) -> None:
    truth = json.loads((STORES / "sqlite-1.18.33-fork" / "expected.json").read_text())["by"]
    one = as_json(filled, "agents", "--model", "glm-*", "--model", "gpt*")
    assert one["totals"]["messages"] == sum(
        truth["model"][name]["messages"] for name in ("zai-coding-plan/glm-4.7", "openai/gpt-5.2-codex")
    )
    two = as_json(filled, "agents", "--agent", "oracle", "--project", "agent-monitor")
    assert two["totals"]["messages"] == truth["agent"]["Oracle"]["messages"] == 1
    session_id = next(iter(truth["session"]))
    assert [row["key"] for row in as_json(filled, "sessions", "--session", f"*{session_id[-8:]}")["rows"]] == [
        session_id
    ]


def test_rows_are_sorted_and_limited_as_asked(filled: Shell) -> None:
    assert [row["key"] for row in as_json(filled, "agents", "--sort", "name")["rows"]] == [
        "Oracle",
        "Sisyphus",
        "build",
        "general",
    ]
    found = as_json(filled, "agents", "--limit", "1")
    assert len(found["rows"]) == 1
    assert found["cut"]["rows"] == 3
    assert as_json(filled, "agents", "--limit", "0")["cut"] is None


def test_people_get_twenty_rows_and_scripts_get_all(shell: Shell) -> None:
    for number in range(25):
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1), counter=number, model=f"m{number}"))
    assert "… and 5 more, 5 tokens" in shell.output("summary", "models")
    assert "… and" not in shell.output("summary", "models", "--limit", "0")
    assert len(as_json(shell, "models")["rows"]) == 25
    assert len(shell.output("summary", "models", "--format", "csv").splitlines()) == 26


def test_subagents_are_listed_below_their_session_or_rolled_up_into_it(filled: Shell) -> None:
    own, within = as_json(filled, "sessions"), as_json(filled, "sessions", "--roll-up")
    assert len(own["rows"]) == 8
    assert len(within["rows"]) == 7
    assert own["totals"] == within["totals"]
    for found in (own, within):
        assert sum(row["tokens"]["total"] for row in found["rows"]) == 142_516


def test_directories_outside_any_project_can_be_listed_on_their_own(shell: Shell) -> None:
    for number, folder in enumerate(["/tmp/a", "/tmp/b"]):
        of = session(counter=number, project=GLOBAL, directory=folder)
        JsonTree(shell.data_dir).put_turn(message(of, Tokens(input=1), counter=number))
    assert [row["key"] for row in as_json(shell, "projects")["rows"]] == ["(global)"]
    assert [row["key"] for row in as_json(shell, "projects", "--separate-global")["rows"]] == ["/tmp/a", "/tmp/b"]


def test_the_step_of_the_timeline_can_be_chosen(filled: Shell) -> None:
    assert [row["key"] for row in as_json(filled, "timeline", "--range", "all", "--by", "month")["rows"]] == ["2026-11"]


class TestFiles:
    @pytest.mark.parametrize("ending", ["json", "csv", "md", "html", "svg", "txt"])
    def test_the_ending_of_the_file_sets_the_format(self, ending: str, filled: Shell) -> None:
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

    def test_a_dash_is_standard_output(self, filled: Shell) -> None:
        assert filled.output("summary", "models", "-o", "-").startswith("Tokens by model, all time")
        assert not (filled.home / "-").exists()

    def test_the_format_option_wins_over_the_ending(self, filled: Shell) -> None:
        path = filled.home / "report.txt"
        filled.output("summary", "--json", "--format", "json", "-o", str(path))
        assert json.loads(path.read_text())["view"] == "overview"

    def test_a_file_that_cannot_be_written_is_an_error(self, filled: Shell) -> None:
        run = filled.run("summary", "-o", "/nowhere/report.md")
        assert run.returncode == 1
        assert run.stdout == ""
        assert (
            run.stderr
            == "otel-agent: cannot write /nowhere/report.md: No such file or directory. Pass another file with -o.\n"
        )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--json", "--format", "csv"], "--json and --format csv contradict each other"),
        (["--range", "all", "--since", "1d"], "--range and --since/--until contradict each other"),
        (["--all-views", "--format", "csv"], "CSV is one table"),
        (["--live", "--json"], "--live is a screen"),
        (["--since", "soon"], "--since soon: not a valid time."),
        (["--since", "1d", "--until", "2d"], "--since 1d is not before --until 2d"),
        (["--since", "2199-01-01"], "--since 2199-01-01 is in the future"),
        (["--by", "week"], "--by has no effect on overview. Use it with: otel-agent summary timeline"),
        (["models", "--roll-up"], "--roll-up has no effect on models"),
        (["models", "--separate-global"], "--separate-global has no effect on models"),
        (["models", "--compare", "previous"], "--compare previous needs a range that begins"),
        (["timeline", "--compare", "previous"], "--compare adds up a range"),
        (["-o", "report.pdf"], "-o report.pdf: no format has the ending .pdf. Use one of .json, .csv"),
        (["--tz", "Mars"], "--tz Mars: no such time zone"),
        (["timeline", "--by", "hour", "--since", "2020-01-01"], "more than 20,000 hours"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_with_what_to_do(
    arguments: list[str], error: str, shell: Shell
) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    run = shell.run("summary", *arguments)
    assert run.returncode == 2
    assert run.stdout == ""
    assert error in run.stderr
    assert "Traceback" not in run.stderr


def test_a_damaged_ledger_is_kept_aside_and_counted_again(filled: Shell) -> None:
    filled.output("summary")
    path = filled.state_dir / "ledger.db"
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    with sqlite3.connect(path) as database:
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    database.close()
    content[(root - 1) * page : root * page] = b"\xff" * page
    path.write_bytes(content)
    # Without news nobody reads this page, and kept sums answer.
    (filled.data_dir / "opencode.db").touch()
    run = filled.run("summary", "models", "--range", "all")
    assert run.returncode == 0
    assert "142,516" in run.stdout
    assert "kept as ledger.db.damaged-" in run.stderr
    assert "Traceback" not in run.stderr
    (kept,) = filled.state_dir.glob("ledger.db.damaged-*[!lm]")
    assert kept.read_bytes() == content
    assert as_json(filled, "models", "--range", "all")["totals"]["tokens"]["total"] == 142_516


class TestColour:
    def test_a_terminal_gets_colours(self, filled: Shell) -> None:
        filled.output("summary")
        assert "\x1b[36m" in in_a_terminal(filled, "summary", "agents")

    def test_no_color_turns_colours_off(self, filled: Shell) -> None:
        filled.output("summary")
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]", in_a_terminal(filled, "summary", "agents", NO_COLOR="1"))

    def test_a_pipe_gets_no_colours(self, filled: Shell) -> None:
        assert "\x1b" not in filled.output("summary", "--all-views")


def test_a_pipe_gets_whole_names(shell: Shell) -> None:
    name = "a-model-with-a-name-that-is-much-longer-than-a-table-of-eighty-columns-has-room-for"
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1), model=name))
    assert name in shell.output("summary", "models")


@pytest.mark.parametrize("form", ["table", "markdown", "html", "svg"])
def test_every_form_names_the_filters_and_the_order(form: str, filled: Shell) -> None:
    printed = filled.output("summary", "models", "--agent", "bui*", "--model", "*", "--sort", "cost", "--format", form)
    text = re.sub(r"<[^>]*>", "", printed).replace("&#160;", " ").replace("\\", "")
    assert "Tokens by model, all time, model *, agent bui*, sorted by cost" in text
    assert "USD ▾" in text


class TestWarnings:
    def test_unreadable_files_are_counted_with_what_happens_to_them_and_named_in_json(self, shell: Shell) -> None:
        tree = JsonTree(shell.data_dir)
        tree.put_turn(message(session(), Tokens(input=1)))
        for number in range(2, 6):
            path = tree.put_bytes(message(session(), counter=number), b'{"role": "assist')
            then = time.time() - 60
            os.utime(path, (then, then))
        for _ in range(2):
            printed = shell.output("summary", "models", COLUMNS="1000")
            assert "Warning: 4 files or rows could not be read (incomplete or invalid JSON). Each is retried" in printed
        (named,) = as_json(shell, "models")["warnings"]
        assert named.startswith(
            "4 files or rows could not be read (incomplete or invalid JSON): ~/.local/share/opencode/"
        )
        assert ", …. Each is retried when it changes." in named

    def test_an_opencode_that_is_too_new_is_a_warning_and_is_counted(self, shell: Shell) -> None:
        of = session(version="3.1.0")
        JsonTree(shell.data_dir).put_turn(message(of, Tokens(input=1)))
        printed = shell.output("summary", "models", COLUMNS="1000")
        assert "Warning: OpenCode 3.1.0 is newer than the releases this otel-agent was tested with" in printed
        assert re.search(r"^Total +1 ", printed, re.MULTILINE), "what could be read is counted"

    def test_a_broken_opencode_configuration_is_a_hint(self, filled: Shell) -> None:
        path = filled.home / ".config" / "opencode" / "opencode.json"
        path.parent.mkdir(parents=True)
        path.write_text('{"agent": {"build": {"model": "a/b"}}, "apiKey": "sk-secret"')
        printed = filled.output("summary", "agents", COLUMNS="1000")
        assert f"{path} is not JSON, so its models are not shown." in printed
        assert "secret" not in printed
        path.write_text('{"agent": {"build": {"model": "a/b"}}} // mine')
        assert re.search(r"^build .* a/b ", filled.output("summary", "agents"), re.MULTILINE)


def test_a_long_history_is_read_with_a_progress_bar(shell: Shell) -> None:
    """The bar is gone when the answer is there."""
    JsonTree(shell.data_dir).put_turn(
        *(message(session(), Tokens(input=1), counter=number, cost=number) for number in range(8_001))
    )
    printed = in_a_terminal(shell, "summary", "models")
    assert "Reading what OpenCode stored" in printed
    assert "8,001/8,001 read" in printed
    assert "Reading" not in printed.rpartition("Tokens by model")[2]
    assert "\x1b[?25h" in printed, "the cursor is there again"


def test_a_watched_view_is_printed_again_until_ctrl_c(filled: Shell) -> None:
    process = subprocess.Popen(
        filled.command("summary", "models", "--range", "all", "--watch", "1"),
        env=filled.environment(),
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    titles = 0
    for line in process.stdout:
        titles += line.startswith("Tokens by model")
        if titles == 2:
            process.send_signal(signal.SIGINT)
            break
    process.stdout.close()
    assert process.wait(60) == 130

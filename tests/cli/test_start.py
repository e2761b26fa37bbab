"""A command imports only what it needs. Each of these modules takes hundredths of a second, and a person waits for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from otel_agent.cli.commands import COMMANDS
from tests.support.imported_modules import imported_modules
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.paths import ROOT
from tests.support.shell import Shell

NEVER = {"pydantic", "opentelemetry", "textual", "watchdog", "asyncio", "rich.markdown", "rich.traceback", "pygments"}
"""What no command here shows or does."""
NO_SUMMARY = {"psutil", "annotated_types", "markdown_it", "filelock", "typing_extensions"}
"""What a summary of a machine on which no OpenCode runs does without."""
PLAIN = (
    ["summary"],
    ["summary", "models"],
    ["summary", "--json"],
    ["summary", "agents", "--json"],
    ["summary", "--range", "month"],
    ["summary", "timeline", "--json", "--range", "all"],
)
TIME = re.compile(r'"generated_at": "[^"]*"')


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a message of OpenCode's."""
    JsonTree(tmp_path / ".local" / "share" / "opencode").put_turn(message(session(), Tokens(input=1)))
    return tmp_path


def test_the_version_needs_nothing(home: Path) -> None:
    assert imported_modules(home, "--version") & {"typer", "rich", "msgspec", "logging", "pathlib"} == set()


@pytest.mark.parametrize("arguments", [["--help"], ["summary", "-h"], ["config", "show", "--help"]])
def test_help_needs_the_tables_of_rich_and_no_more(arguments: list[str], home: Path) -> None:
    imported = imported_modules(home, *arguments)
    assert "rich.table" in imported
    assert imported & (NEVER | {"markdown_it", "sqlite3", "psutil", "annotated_types", "filelock"}) == set()


@pytest.mark.parametrize("named", ["summary", "config"])
def test_a_command_imports_no_other_command(named: str, home: Path) -> None:
    ours = {name for name in imported_modules(home, named, "--help") if name.startswith("otel_agent.cli.")}
    others = {f"otel_agent.cli.{name}" for name in (*COMMANDS, "run", "summary_command")}
    assert ours & others <= {"otel_agent.cli.summary", f"otel_agent.cli.{COMMANDS[named].module or named}"}


@pytest.mark.parametrize("arguments", PLAIN, ids=" ".join)
def test_a_summary_as_it_is_typed_most_needs_no_parser(arguments: list[str], home: Path) -> None:
    imported = imported_modules(home, *arguments)
    assert imported & (NEVER | NO_SUMMARY | {"typer", "otel_agent.cli.summary_options"}) == set()


def test_a_summary_without_news_imports_nothing_that_reads_or_writes(home: Path) -> None:
    for path in (home, *home.rglob("*")):
        os.utime(path, (time.time() - 60,) * 2)
    assert "otel_agent.intake.ingest" in imported_modules(home, "summary")
    readers = {"otel_agent.intake.ingest", "otel_agent.ledger.writer", "otel_agent.opencode.json_tree.tree", "socket"}
    assert imported_modules(home, "summary") & readers == set()


@pytest.mark.parametrize(
    "arguments", [["--range"], ["--range", "never"], ["models", "agents"], ["--range", "all", "oops"]]
)
def test_what_only_a_parser_can_refuse_is_refused(arguments: list[str], shell: Shell) -> None:
    run = shell.run("summary", *arguments)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


def test_who_has_one_kind_of_store_does_not_import_the_readers_of_the_other(home: Path) -> None:
    imported = imported_modules(home, "summary")
    assert "otel_agent.opencode.json_tree.tree" in imported
    assert "otel_agent.opencode.sqlite.database" not in imported


@pytest.mark.parametrize("arguments", PLAIN, ids=" ".join)
def test_a_plain_summary_is_the_one_that_typer_understands(arguments: list[str], shell: Shell) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    plain = shell.output(*arguments)
    # An option with its default: the answer is the same, and only Typer knows the option.
    parsed = shell.output(*arguments, "--accounting", "recorded")
    assert TIME.sub("", plain) == TIME.sub("", parsed) != ""


def test_a_table_needs_rich_and_a_machine_readable_form_does_not(home: Path) -> None:
    table = imported_modules(home, "summary", "models")
    assert "rich.console" in table
    assert table & (NEVER | NO_SUMMARY) == set()
    for form in ("json", "csv"):
        assert imported_modules(home, "summary", "models", "--format", form) & (NEVER | NO_SUMMARY | {"rich"}) == set()


def test_a_command_starts_on_windows_which_cannot_let_a_ctrl_c_wait() -> None:
    program = (
        "import signal; signal.__dict__.pop('pthread_sigmask', None);"
        "from otel_agent.cli.lean_imports import import_msgspec; import_msgspec(); import msgspec; print(msgspec.__name__)"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.stdout == "msgspec\n", ran.stderr


def test_who_types_no_command_sees_all_that_is_there_and_what_next(shell: Shell) -> None:
    """A terminal gets this; the only message is months old."""
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(7)))
    printed = shell.output("summary", "--what-next")
    assert "Tokens, all time" in printed
    assert "Next: otel-agent summary --live" in printed
    assert "today" in shell.output("summary")

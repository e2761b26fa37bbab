"""A summary brings the ledger up to date, alone and beside an agent. Its options are in tests/cli/test_summary_command.py."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import STORES
from tests.support.shell import Shell

MODULES_AFTER_A_SUMMARY = """
import sys
from otel_agent.cli import main
sys.argv = ["otel-agent", "summary"]
try:
    main()
except SystemExit:
    pass
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_summary_of_all_time_has_all_tokens_of_the_store(shell: Shell) -> None:
    shutil.copytree(STORES / "sqlite-1.18.33-fork" / "opencode", shell.data_dir)
    assert re.search(r"^Total +142,516 *$", shell.output("summary", "--range", "all"), re.MULTILINE)
    found = json.loads(shell.output("summary", "--range", "all", "--json"))
    assert found["totals"]["tokens"]["total"] == 142_516


def test_the_overview_is_of_today_by_default(shell: Shell) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    assert json.loads(shell.output("summary", "--json"))["range"]["name"] == "today"
    assert "No completed messages today. --range all shows all messages." in shell.output("summary")


def test_without_any_opencode_data_it_says_where_it_looked(shell: Shell) -> None:
    printed = shell.output("summary", "models", COLUMNS="500")  # the overview may have an OpenCode of another test
    assert printed.startswith(f"No data available. Looked in:\n  {shell.data_dir}\n")
    found = json.loads(shell.output("summary", "--range", "all", "--json"))
    assert found["totals"]["messages"] == 0
    assert found["rows"] == []
    assert found["newest"] is None


def test_the_accounting_is_that_of_the_settings_unless_the_option_names_one(shell: Shell) -> None:
    shutil.copytree(STORES / "opencode-0.5.x" / "opencode", shell.data_dir)

    def accounting(*options: str) -> str:
        printed = shell.output("summary", "--json", *options, OTEL_AGENT_ACCOUNTING="disjoint")
        return str(json.loads(printed)["accounting"])

    assert accounting() == "disjoint"
    assert accounting("--accounting", "recorded") == "recorded"


def test_messages_that_a_summary_counted_are_delivered_by_the_next_run(shell: Shell) -> None:
    """A summary delivers nothing, so the spans of messages that it counted first stay pending."""
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    shell.output("summary")
    with OtlpReceiver() as receiver:
        assert shell.run("run", "--once", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint).returncode == 0
    assert len(receiver.chats()) == 1


def test_a_summary_works_beside_a_running_agent(shell: Shell) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    agent = shell.start("run", OTEL_AGENT_EXPORTER="none")
    try:
        assert agent.stderr is not None
        assert "counted 1" in agent.stderr.readline()
        found = json.loads(shell.output("summary", "--range", "all", "--json"))
    finally:
        agent.terminate()
        agent.communicate()
    assert found["totals"]["messages"] == 1
    assert agent.returncode == 0


def test_a_summary_works_beside_an_agent_that_has_only_just_started(shell: Shell) -> None:
    """The agent holds the lock, and has not created the ledger yet."""
    shell.state_dir.mkdir(parents=True)
    holding = "import sys; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holding, shell.state_dir / "ledger.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        assert json.loads(shell.output("summary", "--json"))["totals"]["messages"] == 0
        assert shell.output("summary", "models").startswith("No data available.")
        holder.stdin.write("\n")
    assert not (shell.state_dir / "ledger.db").exists()


@pytest.mark.parametrize(
    ("zone", "offset"),
    [("Europe/Berlin", r"\+0[12]:00"), ("CET-1CEST", r"\+0[12]:00"), ("No/Such", r"\+00:00"), ("../x", r"\+00:00")],
)
def test_a_day_begins_at_midnight_whatever_the_time_zone_is_called(zone: str, offset: str, shell: Shell) -> None:
    found = json.loads(shell.output("summary", "--json", TZ=zone))
    assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT00:00:00{offset}", found["range"]["from"])


def test_a_terminal_that_knows_only_ascii_gets_question_marks(shell: Shell) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(title="日本"), Tokens(input=1)))
    assert "100.0%  ????????" in shell.output("summary", "--range", "all", PYTHONIOENCODING="ascii")


def test_a_summary_does_not_load_the_sdk(shell: Shell) -> None:
    """The SDK and gRPC take most of the agent's start-up time and memory, so a summary does not import them."""
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    imported = subprocess.run(
        [sys.executable, "-c", MODULES_AFTER_A_SUMMARY],
        env=shell.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stderr.split()
    assert "otel_agent.summary.text.tables" in imported
    assert not {"opentelemetry", "grpc", "google", "requests"} & {name.partition(".")[0] for name in imported}

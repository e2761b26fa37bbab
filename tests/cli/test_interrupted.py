"""Ctrl-C ends each command at once with exit code 130, without a traceback, and leaves everything as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from otel_agent.cli.commands import COMMANDS
from tests.support.made_stores import T0, JsonTree, Tokens, message, session
from tests.support.shell import Shell

PROGRAM = """
import os, signal, sys, threading
from otel_agent.cli import main

event, named = sys.argv[1:3]
del sys.argv[1:3]
once = threading.Lock()

def press(seen, about):
    if seen == event and named in str(about[0]) and once.acquire(blocking=False):
        print("[pressed]", file=sys.stderr)
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(press)
main()
"""
"""Presses Ctrl-C when the command first imports, opens or starts something: Python says so before it does."""

MOMENTS = (
    ("--help", "import", "rich_utils"),
    ("summary", "import", "otel_agent.cli.streams"),
    ("summary models", "sqlite3.connect", "ledger.db"),
    ("summary --format html -o page.html", "import", "otel_agent.private_files"),
    ("summary --watch 1", "import", "msgspec"),
    ("messages", "sqlite3.connect", "ledger.db"),
    ("session x", "import", "otel_agent.summary.session_detail"),
    ("statusline", "sqlite3.connect", "ledger.db"),
    ("status", "import", "psutil"),
    ("doctor", "socket.connect", ""),
    ("verify", "import", "otel_agent.verify.show"),
    ("run --once", "import", "opentelemetry"),
    ("demo", "import", "otel_agent.demo"),
    ("setup --yes --local", "open", "otel-agent.toml"),
    ("config show", "import", "otel_agent.cli.config_table"),
    ("config check", "import", "pydantic"),
    ("config init", "open", "otel-agent.toml"),
    ("service status", "subprocess.Popen", ""),
)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    tree = JsonTree(shell.data_dir)
    for number in range(3):
        tree.put_turn(message(session(), Tokens(input=7), T0 + number * 1_000, number))
    shell.scratch.mkdir()
    return shell


@pytest.mark.skipif(sys.platform != "linux", reason="asks systemd for the service")
def test_each_command_can_be_interrupted_and_nothing_is_broken(shell: Shell) -> None:
    assert {words.split()[0] for words, _, _ in MOMENTS} >= COMMANDS.keys()
    wrong = {}
    for words, event, named in MOMENTS:
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, event, named, *words.split()],
            env=shell.environment() | {"OTEL_AGENT_DISCOVER_STORES": "false"},
            cwd=shell.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if ran.returncode != 130 or ran.stderr.strip() != "[pressed]":
            wrong[words] = (ran.returncode, ran.stderr, ran.stdout)
    assert wrong == {}
    own = [path for folder in (shell.state_dir, shell.config.parent) for path in folder.glob("*")]
    assert {path.name for path in own} <= {"ledger.db", "ledger.db-shm", "ledger.db-wal", "ledger.lock", "sent.db"}
    assert list(shell.scratch.iterdir()) == []
    total = json.loads(shell.output("summary", "--range", "all", "--json"))["totals"]
    assert total["messages"] == 3

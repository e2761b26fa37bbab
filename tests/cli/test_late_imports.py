"""Each command, format and exporter once by an interpreter of its own.

Other tests fork their commands from a process that has imported everything. There, nobody sees that an import which happens
late has a wrong name, or lacks what another one happened to bring along.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import get_args

import pytest

from otel_agent.cli.commands import COMMANDS
from otel_agent.settings.values import Exporter
from otel_agent.summary.formats import WRITERS
from tests.cli.service_machine import ServiceMachine
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import ROOT, STORES
from tests.support.shell import Shell

NOBODY_LISTENS = "http://127.0.0.1:1"
SESSION = "ses_dfd11cd8effeH4SSpool50fmTK"
NOT_RUNNING = 5
NOT_DELIVERED = 3
SAYS = {
    "--help": "Usage: otel-agent",
    "--show-completion bash": "complete",
    "--version": ".",
    "config check": "The settings are valid",
    "config init --config made.toml": "made.toml",
    "config show": "max_series",
    "demo --still": "opencode.token.usage",
    "doctor --json": '"link"',
    "doctor": "checks",
    "help": "Usage: otel-agent",
    "messages --format csv": "id,session",
    "messages --format jsonl": '{"id": "msg_',
    "messages": "msg_",
    "run --once": "counted 0 new messages in 2 stores",
    "service install --print": "[Service]",
    "service logs": "a line of the journal",
    "service status": "active",
    "session SESSION --calls": "Outcome",
    "session SESSION --json": '"turns"',
    "setup --yes --json --local --no-service --config other.toml": '"exit_code": 0',
    "status --json": '"stores"',
    "status": "not running",
    "statusline --tz UTC": "tokens",
    "statusline": "tokens",
    "summary --all-views": "Tokens by model",
    "summary --what-next": "Next:",
    "summary models --compare previous --range month": "Total",
    "summary sessions": "Total",
    "summary tools": "Tool",
    "summary": "Newest message",
    "verify --json": '"ok"',
    "verify": "messages",
}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A home with both kinds of stores, prices, and stand-ins for the programs of systemd, whose history is counted."""
    home = tmp_path_factory.mktemp("home")
    shell = Shell(home)
    shutil.copytree(STORES / "migrated-1.1.27-1.2.6" / "opencode", shell.data_dir)
    shell.config.parent.mkdir(parents=True)
    prices = json.dumps(str(ROOT / "config" / "prices.toml"))
    shell.config.write_text(f'vcs_attributes = true\nprices_file = {prices}\n[[budget]]\nname = "all"\ntokens = 9\n')
    machine = ServiceMachine(home)
    machine.answer("systemctl", "ActiveState=active\\nSubState=running\\nMainPID=77\\nResult=success")
    machine.answer("journalctl", "a line of the journal")
    said(shell, "service", "install")
    said(shell, "summary")
    return shell


def said(shell: Shell, *arguments: str, code: int = 0, **variables: str) -> str:
    """Run a command in an interpreter of its own. It must end with this exit code. Return what it printed and logged."""
    run = shell.interpreted(*arguments, PATH=f"{shell.home / 'bin'}:/usr/bin:/bin", COLUMNS="120", **variables)
    assert "Traceback" not in run.stderr
    assert "Error" not in run.stderr
    assert run.returncode == code, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.mark.parametrize("command", SAYS)
def test_a_command_finds_all_that_it_imports_late(shell: Shell, command: str) -> None:
    words = [SESSION if word == "SESSION" else word for word in command.split()]
    code = NOT_RUNNING if words[0] == "status" else 0
    assert SAYS[command] in said(shell, *words, code=code, OTEL_AGENT_EXPORTER="none")


def test_each_command_is_tried() -> None:
    assert {command.split()[0] for command in SAYS} >= set(COMMANDS)


@pytest.mark.parametrize("form", WRITERS)
def test_a_format_finds_all_that_it_imports_late(shell: Shell, form: str) -> None:
    assert len(said(shell, "summary", "models", "--format", form)) > 100


@pytest.mark.parametrize("exporter", [*get_args(Exporter), "grpc"])
def test_an_exporter_finds_all_that_it_imports_late(
    shell: Shell, exporter: str, receiver: OtlpReceiver, tmp_path: Path
) -> None:
    to_grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY_LISTENS}
    chosen = to_grpc if exporter == "grpc" else {"OTEL_AGENT_EXPORTER": exporter}
    said(
        shell,
        *("run", "--once"),
        code=NOT_DELIVERED if exporter == "grpc" else 0,
        **{
            "OTEL_AGENT_STATE_DIR": str(tmp_path),
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "500",
        }
        | chosen,
    )
    assert bool(receiver.points()) == (exporter == "otlp")

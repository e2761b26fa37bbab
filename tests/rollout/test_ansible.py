"""The role of docs/rollout.md, run by the real Ansible on this machine: all but the installation and the service."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.support.administered import AdministeredShell
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.paths import ROOT
from tests.support.real_programs import require

PLAYBOOK = ROOT / "rollout" / "ansible" / "playbook.yml"


def test_the_role_writes_the_administrators_file_and_sets_each_user_up_once(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    shell = AdministeredShell(tmp_path)
    program = tmp_path / "opt" / "bin" / "otel-agent"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.join(shell.command())} "$@"\n')
    program.chmod(0o755)
    program.with_name("python").symlink_to(sys.executable)
    user = pwd.getpwuid(os.geteuid()).pw_name
    settings = {
        "backfill": "7d",
        "budget": [{"name": "Größe \N{OWL}", "tokens": 5, "models": ["a", "b"]}, {"cost_usd": 1.5}],
        "locked": {"loop_repeats": 0, "otlp": {"endpoint": receiver.endpoint, "headers": {"x.key": "a"}}},
    }
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "otel_agent_become": False,
        "otel_agent_owner": user,
        "otel_agent_home": str(program.parents[1]),
        "otel_agent_folder": str(shell.file.parent),
        "otel_agent_users": [user],
        "otel_agent_settings": settings,
        "otel_agent_setup_options": ["--no-service"],
    }
    first = play(shell, variables)
    assert "changed=3" in first, first
    assert tomllib.loads(shell.file.read_text()) == settings
    assert shell.config.exists()
    found = json.loads(shell.output("config", "show", "--json"))["settings"]
    assert found["otlp.endpoint"] == {"value": receiver.endpoint, "from": f"{shell.file} (locked)"}
    assert receiver.requests
    assert "changed=0" in play(shell, variables)


def play(shell: AdministeredShell, variables: dict[str, object]) -> str:
    """Run the playbook on this machine, which must succeed, and return what Ansible printed."""
    command = [sys.executable, "-m", "ansible", "playbook", "--inventory", "localhost,", "--skip-tags", "install"]
    environ = shell.environment() | {
        "PYTHONPATH": f"{require('ansible')}{os.pathsep}{ROOT}",
        "ANSIBLE_HOME": str(shell.home / ".ansible"),
        "ANSIBLE_NOCOLOR": "1",
    }
    shell.scratch.mkdir(exist_ok=True)
    done = subprocess.run(
        [*command, "--extra-vars", json.dumps(variables), str(PLAYBOOK)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        cwd=shell.home,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout

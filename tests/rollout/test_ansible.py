"""The role of docs/rollout.md, run by the real Ansible on this machine: all but the installation and the service itself."""

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


def test_the_role_writes_the_administrators_file_sets_each_user_up_once_and_restarts_what_ran_before(
    tmp_path: Path, receiver: OtlpReceiver
) -> None:
    shell = AdministeredShell(tmp_path)
    # The program installs no service of whoever runs this test, and what restarts one only writes down what it is asked.
    program = script(
        tmp_path / "opt" / "bin" / "otel-agent",
        f'[ "$1" != setup ] || set -- "$@" --no-service; exec {shlex.join(shell.command())} "$@"',
    )
    program.with_name("python").symlink_to(sys.executable)
    asked = tmp_path / "asked"
    for name in ("systemctl", "launchctl"):
        script(tmp_path / "bin" / name, f'echo "{name} $*, $XDG_RUNTIME_DIR" >> {asked}')
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
        # The second time it is somebody whose agent runs already, while the file is new.
        "otel_agent_users": [user, user],
        "otel_agent_settings": settings,
    }
    first = play(shell, variables)
    assert "changed=4" in first, first
    assert tomllib.loads(shell.file.read_text()) == settings
    assert shell.config.exists()
    found = json.loads(shell.output("config", "show", "--json"))["settings"]
    assert found["otlp.endpoint"] == {"value": receiver.endpoint, "from": f"{shell.file} (locked)"}
    assert receiver.requests
    uid = os.geteuid()
    restart = "systemctl --user try-restart otel-agent.service"
    if sys.platform == "darwin":
        restart = f"launchctl kickstart -k gui/{uid}/otel-agent"
    restarted_once = f"{restart}, /run/user/{uid}\n"
    assert asked.read_text() == restarted_once
    assert "changed=0" in play(shell, variables)
    assert asked.read_text() == restarted_once


def script(path: Path, text: str) -> Path:
    """Write a program of the shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def play(shell: AdministeredShell, variables: dict[str, object]) -> str:
    """Run the playbook on this machine, which must succeed, and return what Ansible printed."""
    command = [sys.executable, "-m", "ansible", "playbook", "--inventory", "localhost,", "--skip-tags", "install"]
    environ = shell.environment()
    environ |= {
        "PATH": f"{shell.home / 'bin'}{os.pathsep}{environ['PATH']}",
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

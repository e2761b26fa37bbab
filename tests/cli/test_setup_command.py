"""`otel-agent setup`, as a roll-out calls it and as a person answers it, with stand-ins for systemd's programs."""

from __future__ import annotations

import json
import shutil
import socket
import stat
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.service_machine import ServiceMachine
from tests.cli.test_service_command import ACTIVE
from tests.support.dialogue import CTRL_C, dialogue
from tests.support.otlp_receiver import OtlpReceiver, unauthorized
from tests.support.paths import STORES
from tests.support.shell import Shell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="drives what is there on Linux")

KEY = "authorization=Bearer%20s3cret"


@pytest.fixture
def machine(tmp_path: Path) -> ServiceMachine:
    machine = ServiceMachine(tmp_path)
    machine.answer("systemctl", ACTIVE)
    return machine


@pytest.fixture
def refusing() -> Iterator[str]:
    """An address at which nothing listens, and nothing else can begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def rolled_out(machine: ServiceMachine, code: int, *arguments: str, **variables: str) -> dict[str, Any]:
    run = machine.set_up("--yes", "--json", *arguments, **variables)
    assert run.returncode == code, run.stdout + run.stderr
    assert run.stderr == ""
    assert "s3cret" not in run.stdout
    found: dict[str, Any] = json.loads(run.stdout)
    assert (found["exit_code"], found["ok"]) == (code, code == 0)
    assert found.get("error") == (found["reason"] if code else None)
    return found


def settings(shell: Shell) -> dict[str, Any]:
    return tomllib.loads(shell.config.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ([], "set OTEL_EXPORTER_OTLP_ENDPOINT and run: otel-agent setup --yes --json"),
        (["--dry-run", "--local"], "In a script, add --yes to the same command."),
        (["--endpoint", "http://localhost:4318"], "In a script, add --yes to the same command."),
    ],
)
def test_without_a_terminal_it_says_what_a_script_has_to_write(
    machine: ServiceMachine, options: list[str], advice: str
) -> None:
    run = machine.set_up(*options)
    assert run.returncode == 2
    assert run.stderr.rstrip().endswith(advice)


class TestRollOut:
    def test_the_environment_is_installed_once_and_the_second_time_it_is_already(
        self, machine: ServiceMachine, receiver: OtlpReceiver
    ) -> None:
        here = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
            "OTEL_EXPORTER_OTLP_HEADERS": KEY,
            "OTEL_RESOURCE_ATTRIBUTES": "team=search,user=ada",
        }
        found = rolled_out(machine, 0, **here)
        assert (found["result"], found["accepted"], found["local"]) == ("installed", True, False)
        assert settings(machine.shell) == {
            "otlp": {"endpoint": receiver.endpoint, "headers": {"authorization": "Bearer s3cret"}}
        }
        variables = machine.shell.config.with_name("environment")
        assert variables.read_text() == 'OTEL_RESOURCE_ATTRIBUTES="team=search,user=ada"\n'
        assert {stat.S_IMODE(each.stat().st_mode) for each in (machine.shell.config, variables)} == {0o600}
        assert {each.headers["authorization"] for each in receiver.requests} == {"Bearer s3cret"}
        assert "s3cret" not in machine.unit.read_text()
        assert machine.asked[-1] == "systemctl --user restart otel-agent.service"
        assert rolled_out(machine, 0, **here)["result"] == "already_installed"
        assert {line.split()[2] for line in machine.asked} == {"show"}, "what runs is left alone"
        changed = rolled_out(machine, 0, **{**here, "OTEL_RESOURCE_ATTRIBUTES": "team=shop"})
        assert changed["result"] == "installed"
        assert machine.asked[-1] == "systemctl --user restart otel-agent.service", "it has to read its settings again"

    def test_without_any_address_everything_stays_here(self, machine: ServiceMachine) -> None:
        found = rolled_out(machine, 0)
        assert (found["result"], found["local"], found["service"]) == ("installed", True, False)
        assert settings(machine.shell) == {"exporter": "none"}
        assert machine.asked == []
        assert rolled_out(machine, 0)["result"] == "already_installed"

    def test_a_backend_that_does_not_accept_changes_nothing(
        self, machine: ServiceMachine, receiver: OtlpReceiver, refusing: str
    ) -> None:
        receiver.behave(then=unauthorized())
        for endpoint, said in ((receiver.endpoint, "HTTP 401"), (refusing, "Connection refused")):
            found = rolled_out(machine, 3, "--endpoint", endpoint)
            assert found["result"] == "not_accepted"
            assert said in found["reason"]
        assert machine.asked == []
        assert not machine.shell.config.exists()
        assert rolled_out(machine, 0, "--endpoint", refusing, "--no-request")["result"] == "installed"

    def test_a_dry_run_changes_nothing(self, machine: ServiceMachine, receiver: OtlpReceiver) -> None:
        assert rolled_out(machine, 0, "--dry-run", "--endpoint", receiver.endpoint)["result"] == "would_install"
        assert len(receiver.requests) == 2, "the backend is asked"
        assert not machine.shell.config.exists()
        assert not machine.unit.exists()

    def test_without_a_service_manager_the_settings_are_written_and_the_reason_is_said(
        self, machine: ServiceMachine, receiver: OtlpReceiver
    ) -> None:
        machine.answer("systemctl", code=1)
        (machine.programs / "systemctl").write_text(
            '#!/bin/sh\necho "Failed to connect to bus: No medium found" >&2\nexit 1\n'
        )
        found = rolled_out(machine, 1, "--endpoint", receiver.endpoint)
        assert found["result"] == "no_service"
        assert "loginctl enable-linger" in found["reason"]
        assert "`otel-agent run`" in found["reason"]
        assert settings(machine.shell)["otlp"]["endpoint"] == receiver.endpoint
        assert not machine.unit.exists()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("--endpoint", "localhost:4318"), "Did you mean http://localhost:4318?"),
            (("--local", "--endpoint", "http://x"), "--local sends nothing"),
            (("--backfill", "forever", "--local"), "backfill"),
            (("--header", "authorization=s3cret"), "can be read by everybody"),
        ],
    )
    def test_what_cannot_be_used_is_a_reason(
        self, machine: ServiceMachine, arguments: tuple[str, ...], said: str
    ) -> None:
        found = rolled_out(machine, 2, *arguments)
        assert found["result"] == "unusable"
        assert said in found["reason"]
        assert not machine.shell.config.exists()

    def test_grpc_is_found_by_trying(self, machine: ServiceMachine, receiver: OtlpReceiver) -> None:
        rolled_out(machine, 0, "--endpoint", receiver.grpc_endpoint)
        assert settings(machine.shell)["otlp"] == {"endpoint": receiver.grpc_endpoint, "protocol": "grpc"}

    def test_the_key_of_one_backend_is_not_sent_to_another(
        self, machine: ServiceMachine, receiver: OtlpReceiver
    ) -> None:
        machine.shell.config.parent.mkdir(parents=True)
        machine.shell.config.write_text('[otlp]\nendpoint = "http://old.example"\nheaders = { k = "s3cret" }\n')
        rolled_out(machine, 0, "--endpoint", receiver.endpoint)
        assert settings(machine.shell)["otlp"] == {"endpoint": receiver.endpoint}
        assert not any("k" in each.headers for each in receiver.requests)


@pytest.mark.parametrize("way", ["--header", "--header-file"])
def test_service_install_takes_a_backend_with_its_key_from_standard_input(
    machine: ServiceMachine, receiver: OtlpReceiver, way: str
) -> None:
    run = machine.shell.run(
        *("service", "install", "--endpoint", receiver.endpoint, way, "-"),
        typed="Authorization: Bearer s3cret\n",
        PATH=f"{machine.programs}:/usr/bin:/bin",
    )
    assert run.returncode == 0, run.stderr
    assert {each.headers["authorization"] for each in receiver.requests} == {"Bearer s3cret"}
    assert "s3cret" not in run.stdout + run.stderr
    assert machine.unit.exists()


class TestQuestions:
    @pytest.fixture
    def shell(self, machine: ServiceMachine) -> Shell:
        shutil.copytree(STORES / "sqlite-1.18.33-fork" / "opencode", machine.shell.data_dir)
        return machine.shell

    def test_a_person_pastes_an_address_and_a_key(
        self, machine: ServiceMachine, shell: Shell, receiver: OtlpReceiver
    ) -> None:
        run = dialogue(
            shell,
            ["setup"],
            [
                (r"Choose \[1\]", "2"),
                (r"Address \[http://localhost:4318\]", receiver.endpoint.removeprefix("http://")),
                (r"Did you mean [\s\S]*Address", ""),
                ("Header with a key", "s3cret"),
                (r"needs a name[\s\S]*Header with a key", "Authorization: Bearer s3cret"),
                ("One more header", ""),
                ("How much of it", "ever"),
                (r"a number with d[\s\S]*How much of it", "30d"),
                ("at every login", "y"),
            ],
            PATH=f"{machine.programs}:/usr/bin:/bin",
        )
        assert run.returncode == 0, run.stdout
        assert "OpenCode on this machine: 15 messages of 2026-11-2" in run.stdout
        assert "an empty request was accepted" in run.stdout
        assert f"Installed and started: {machine.unit}" in run.stdout
        assert "s3cret" not in run.stdout, "a key is not shown"
        assert settings(shell) == {
            "backfill": "30d",
            "otlp": {"endpoint": receiver.endpoint, "headers": {"Authorization": "Bearer s3cret"}},
        }
        assert not shell.state_dir.joinpath("ledger.db").exists(), "the history was counted dry"
        assert list(shell.scratch.iterdir()) == []

    @pytest.mark.parametrize("question", ["Choose", "Address", "Header with a key", "at every login"])
    def test_ctrl_c_at_a_question_leaves_everything_as_it_is(
        self, machine: ServiceMachine, shell: Shell, receiver: OtlpReceiver, question: str
    ) -> None:
        answers = [
            ("Choose", "2"),
            ("Address", receiver.endpoint),
            ("Header with a key", ""),
            ("How much", "all"),
            ("at every login", "y"),
        ]
        until = [name for name, _ in answers].index(question)
        run = dialogue(
            shell,
            ["setup"],
            [*answers[:until], (question, CTRL_C)],
            PATH=f"{machine.programs}:/usr/bin:/bin",
        )
        assert run.returncode == 130
        assert "Nothing was changed." in run.stdout
        assert not shell.config.exists()
        assert machine.asked == []

    def test_only_summaries_need_neither_a_backend_nor_a_service(self, machine: ServiceMachine, shell: Shell) -> None:
        run = dialogue(shell, ["setup"], [("Choose", ""), ("Keep one running", "")])
        assert run.returncode == 0
        assert settings(shell) == {"exporter": "none"}
        assert machine.asked == []

    def test_without_a_terminal_nobody_can_be_asked(self, machine: ServiceMachine) -> None:
        run = machine.set_up()
        assert run.returncode == 2
        assert "otel-agent setup --yes --json" in run.stderr

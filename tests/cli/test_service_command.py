"""`otel-agent service`, with stand-ins for systemctl and journalctl that write down how they were called."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from msgspec import structs

from otel_agent.service.launchd import Launchd
from otel_agent.service.manager import ServiceError, run_program
from tests.cli.service_machine import ServiceMachine
from tests.service.programs import made

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="drives what is there on Linux")

DETECTS_NO_SHELL = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
"""The shell then has to be named. Without this, Typer looks for it among the processes that started the tests."""
ACTIVE = "ActiveState=active\\nSubState=running\\nMainPID=77\\nActiveEnterTimestamp=Tue\\nResult=success\\nUnitFileState=enabled"
DEAD = "ActiveState=failed\\nSubState=failed\\nMainPID=0\\nActiveEnterTimestamp=\\nResult=exit-code\\nUnitFileState=enabled"


@pytest.fixture
def machine(tmp_path: Path) -> ServiceMachine:
    return ServiceMachine(tmp_path)


def test_install_writes_enables_and_starts_the_unit_and_updates_it_later(machine: ServiceMachine) -> None:
    code, said, _ = machine.run("install")
    assert code == 0
    assert machine.asked == [
        "systemctl --user daemon-reload",
        "systemctl --user enable otel-agent.service",
        "systemctl --user restart otel-agent.service",
    ]
    assert f"Installed: {machine.unit}" in said
    assert str(machine.shell.config.with_name("environment")) in said
    code, said, _ = machine.run("install")
    assert code == 0
    assert "Unchanged" in said
    assert machine.asked[-1] == "systemctl --user start otel-agent.service"
    machine.run("install", OTEL_AGENT_MAX_SERIES="9")
    assert machine.asked[-1] == "systemctl --user restart otel-agent.service"
    assert "OTEL_AGENT_MAX_SERIES=9" in machine.unit.read_text()


def test_install_print_shows_the_unit_and_does_nothing(machine: ServiceMachine) -> None:
    code, said, _ = machine.run("install", "--print")
    assert code == 0
    assert machine.asked == []
    assert not machine.unit.exists()
    assert "[Service]" in said
    assert "OTEL_AGENT_" not in said
    machine.run("install")
    assert machine.unit.read_text() == said


def test_the_home_is_read_only_if_asked_for(machine: ServiceMachine) -> None:
    """Except for the ledger, and for OpenCode's folder, in which SQLite has to write beside the database."""
    lines = machine.run("install", "--print", "--read-only-home")[1].splitlines()
    assert {"ProtectSystem=strict", "ProtectHome=read-only"} <= set(lines)
    assert f'ReadWritePaths="-{machine.shell.state_dir}" "-{machine.shell.data_dir}"' in lines
    assert "ProtectHome" not in "".join(
        line for line in machine.run("install", "--print")[1].splitlines() if not line.startswith("#")
    )


@pytest.mark.parametrize("failing", ["daemon-reload", "enable", "restart"])
def test_if_systemd_refuses_the_unit_nothing_is_left_behind(machine: ServiceMachine, failing: str) -> None:
    machine.answer("systemctl", code=1, only=failing)
    code, _, said = machine.run("install")
    assert code == 1
    assert not machine.unit.exists()
    assert machine.asked[-2:] == [
        "systemctl --user disable --now otel-agent.service",
        "systemctl --user daemon-reload",
    ], "no link to a unit that is gone"
    assert f"`systemctl --user {failing}" in said
    assert "no bus" in said
    machine.answer("systemctl")
    machine.run("install")
    before = machine.unit.read_text()
    machine.answer("systemctl", code=1, only=failing)
    assert machine.run("install", OTEL_AGENT_MAX_SERIES="9")[0] == 1
    assert machine.unit.read_text() == before
    assert machine.asked[-2:] == [
        "systemctl --user daemon-reload",
        "systemctl --user restart otel-agent.service",
    ], "what ran before runs again"


def test_variables_that_may_hold_keys_are_named_and_not_copied_into_the_unit(machine: ServiceMachine) -> None:
    _, said, _ = machine.run("install", OTEL_EXPORTER_OTLP_HEADERS="authorization=s3cret")
    assert "not visible to the service until you add them to that file: OTEL_EXPORTER_OTLP_HEADERS." in said
    assert "s3cret" not in said + machine.unit.read_text()


def test_a_unit_that_otel_agent_did_not_write_is_left_alone(machine: ServiceMachine) -> None:
    machine.unit.parent.mkdir(parents=True)
    machine.unit.write_text("[Service]\nExecStart=/usr/bin/other\n")
    for command in ("install", "uninstall"):
        code, _, said = machine.run(command)
        assert code == 1
        assert "was not written by otel-agent" in said
    assert "other" in machine.unit.read_text()
    assert machine.asked == []


def test_uninstall_removes_the_unit_and_keeps_the_ledger(machine: ServiceMachine) -> None:
    code, said, _ = machine.run("uninstall")
    assert code == 0
    assert said == f"Not installed: {machine.unit} does not exist.\n"
    machine.run("install")
    machine.asked  # noqa: B018 - what installing asked for
    code, said, _ = machine.run("uninstall")
    assert code == 0
    assert not machine.unit.exists()
    assert f"The ledger stays in {machine.shell.state_dir}" in said
    assert machine.asked == ["systemctl --user disable --now otel-agent.service", "systemctl --user daemon-reload"]


def test_status_shows_whether_the_service_runs(machine: ServiceMachine) -> None:
    machine.run("install")
    machine.answer("systemctl", ACTIVE)
    code, said, _ = machine.run("status")
    assert code == 0
    assert said.splitlines()[0] == "active (running), process 77, since Tue, enabled"
    assert json.loads(machine.run("status", "--json")[1])["running"] is True
    machine.answer("systemctl", DEAD)
    code, said, _ = machine.run("status")
    assert code == 5
    assert said.splitlines()[0] == "failed (failed), last result: exit-code, enabled"


def test_logs_prints_the_journal_of_the_service(machine: ServiceMachine) -> None:
    machine.answer("journalctl", "a line")
    assert machine.run("logs", "-n", "7") == (0, "a line", "")
    assert machine.asked == [
        "journalctl --user --unit=otel-agent.service --lines=7 --output=cat --no-hostname --no-pager"
    ]
    machine.run("logs", "--follow")
    assert machine.asked[0].endswith("--follow")


def test_logs_of_a_service_that_never_was_say_how_to_install_it(machine: ServiceMachine) -> None:
    code, printed, said = machine.run("logs")
    assert (code, printed) == (1, "")
    assert "Run `otel-agent service install` first." in said


def test_a_session_that_systemd_does_not_manage_is_said_with_a_way_out(machine: ServiceMachine) -> None:
    (machine.programs / "systemctl").write_text(
        '#!/bin/sh\necho "Failed to connect to bus: No medium found" >&2\nexit 1\n'
    )
    for command in ("install", "status"):
        code, _, said = machine.run(command)
        assert code == 1
        assert "loginctl enable-linger" in said
        assert "schtasks" not in said, "that is a program of Windows"
        assert "`otel-agent run`" in said
    assert not machine.unit.exists()


def test_without_systemd_install_says_how_to_run_the_agent_by_hand(machine: ServiceMachine) -> None:
    for program in machine.programs.iterdir():
        program.unlink()
    empty = machine.programs
    found = machine.shell.run("service", "install", PATH=str(empty))
    assert found.returncode == 1
    assert "there is no program systemctl here" in found.stderr
    assert "`otel-agent run`" in found.stderr
    assert not machine.unit.exists()


class TestLaunchd:
    @pytest.fixture
    def launchctl(self, machine: ServiceMachine, monkeypatch: pytest.MonkeyPatch) -> ServiceMachine:
        machine.answer("launchctl", "state = running\\npid = 77\\n")
        monkeypatch.setenv("HOME", str(machine.shell.home))
        monkeypatch.setenv("PATH", f"{machine.programs}:/usr/bin:/bin")
        return machine

    def test_launchd_loads_shows_and_removes_the_agent(self, launchctl: ServiceMachine, tmp_path: Path) -> None:
        manager = Launchd()
        program = made(tmp_path)
        assert manager.install(program)
        assert [line.split()[1] for line in launchctl.asked] == ["bootout", "bootstrap"]
        assert not manager.install(program), "unchanged, and running"
        state = manager.state()
        assert state.installed
        assert state.running
        assert state.description == "running, process 77"
        assert manager.log_command(5, follow=True) == ["tail", "-n", "5", "-F", str(program.log_file)]
        assert manager.uninstall()
        assert not manager.file.exists()
        assert not manager.uninstall()

    def test_if_launchd_refuses_the_agent_nothing_is_left_behind(
        self, launchctl: ServiceMachine, tmp_path: Path
    ) -> None:
        launchctl.answer("launchctl", code=5, only="bootstrap")
        with pytest.raises(ServiceError, match="no bus"):
            Launchd().install(made(tmp_path))
        assert not Launchd().file.exists()
        with pytest.raises(ServiceError, match="not installed"):
            Launchd().log_command(5, follow=False)

    def test_if_launchd_refuses_an_update_what_ran_before_runs_again(
        self, launchctl: ServiceMachine, tmp_path: Path
    ) -> None:
        manager, program = Launchd(), made(tmp_path)
        manager.install(program)
        before = manager.file.read_text()
        launchctl.answer("launchctl", code=5, only="bootstrap")
        assert len(launchctl.asked) == 2
        with pytest.raises(ServiceError, match="no bus"):
            manager.install(structs.replace(program, environment={"OTEL_AGENT_MAX_SERIES": "9"}))
        assert manager.file.read_text() == before
        assert [line.split()[1] for line in launchctl.asked] == ["bootout", "bootstrap", "bootstrap"]

    def test_a_home_that_cannot_be_written_gets_advice(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "Library").touch()
        with pytest.raises(
            ServiceError, match=f"cannot write {tmp_path}/Library.* `otel-agent service install --print`"
        ):
            Launchd().install(made(tmp_path))


def test_a_missing_service_program_is_an_error() -> None:
    with pytest.raises(ServiceError, match="there is no program"):
        run_program(["no-such-program-at-all"])


@pytest.mark.parametrize("arguments", [["install"], ["logs"]], ids=str)
def test_a_program_that_may_not_be_run_is_as_good_as_none(arguments: list[str], machine: ServiceMachine) -> None:
    """The system denies it too if a folder of the PATH may not be searched, whose files nobody should have to mend."""
    for program in machine.programs.iterdir():
        program.chmod(0o644)
    found = machine.shell.run("service", *arguments, PATH=str(machine.programs))
    assert found.returncode == 1
    assert "that this user may run" in found.stderr
    assert "readable and writable" not in found.stderr


@pytest.mark.parametrize("obstacle", ["systemd", "systemd/user/otel-agent.service"])
def test_a_home_that_cannot_be_written_gets_advice(machine: ServiceMachine, obstacle: str) -> None:
    """There is a file instead of a folder, or the other way round: that stops root too."""
    place = machine.shell.config.parent.parent / obstacle
    place.parent.mkdir(parents=True)
    if obstacle == "systemd":
        place.touch()
    else:
        place.mkdir()
    code, printed, said = machine.run("install")
    assert code == 1
    assert printed == ""
    assert machine.asked == []
    assert said.startswith("otel-agent: cannot ")
    assert str(place) in said
    assert "Traceback" not in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("command", [("service", "install"), ("config", "init"), ("--install-completion", "bash")])
def test_no_command_ends_in_a_traceback_if_the_home_may_not_be_written(
    machine: ServiceMachine, command: tuple[str, ...]
) -> None:
    machine.shell.scratch.mkdir()
    machine.shell.home.chmod(0o500)
    try:
        run = machine.shell.run(*command, **DETECTS_NO_SHELL)
    finally:
        machine.shell.home.chmod(0o700)
    assert run.returncode not in (0, -1)
    assert run.stderr.startswith("otel-agent: ")
    assert "Permission denied" in run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_completions_that_cannot_be_written_get_advice(machine: ServiceMachine) -> None:
    place = machine.shell.home / ".bash_completions"
    place.touch()
    run = machine.shell.run("--install-completion", "bash", **DETECTS_NO_SHELL)
    assert run.returncode == 1
    assert run.stderr.startswith(f"otel-agent: cannot write {place}")
    assert "--show-completion prints what would be written" in run.stderr
    assert len(run.stderr.splitlines()) == 1

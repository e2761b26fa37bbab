"""What a user and an administrator see of the administrator's file, in each command that is about settings."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.support.administered import AdministeredShell, write
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver

ELSEWHERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}


@pytest.fixture
def shell(tmp_path: Path) -> AdministeredShell:
    return AdministeredShell(tmp_path)


def lock(shell: AdministeredShell, receiver: OtlpReceiver) -> None:
    write(
        shell.file, f'loop_repeats = 5\n[locked]\nexporter = "otlp"\n[locked.otlp]\nendpoint = "{receiver.endpoint}"\n'
    )


def test_data_goes_to_the_locked_backend_whatever_the_environment_says(
    shell: AdministeredShell, receiver: OtlpReceiver
) -> None:
    lock(shell, receiver)
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    run = shell.run("run", "--once", **ELSEWHERE)
    assert run.returncode == 0, run.stderr
    assert receiver.total("opencode.token.usage") == 1
    assert f"otlp.endpoint: the administrator's file {shell.file} locks it." in run.stderr
    assert "Not used: environment OTEL_TRACES_EXPORTER." in run.stderr


def test_show_and_check_name_what_is_locked_and_what_it_overrules(
    shell: AdministeredShell, receiver: OtlpReceiver
) -> None:
    lock(shell, receiver)
    found = json.loads(shell.output("config", "show", "--json", **ELSEWHERE))
    assert found["administrator"] == str(shell.file)
    assert found["settings"]["otlp.endpoint"] == {
        "value": receiver.endpoint,
        "from": f"{shell.file} (locked)",
        "overruled": ["environment OTEL_EXPORTER_OTLP_ENDPOINT"],
    }
    assert found["settings"]["loop_repeats"] == {"value": 5, "from": str(shell.file)}
    table = shell.output("config", "show", COLUMNS="500", **ELSEWHERE)
    assert f"The administrator's file: {shell.file}" in table
    assert f"{shell.file} (locked); overrules environment OTEL_EXPORTER_OTLP_ENDPOINT" in table
    checked = shell.run("config", "check", **ELSEWHERE)
    assert checked.returncode == 0
    assert f"The settings are valid: the administrator's {shell.file}, the environment" in checked.stdout
    assert f"`otel-agent run` sends to {receiver.endpoint}." in checked.stdout
    assert "Not used: environment OTEL_EXPORTER_OTLP_ENDPOINT." in checked.stderr
    assert f"it hides the defaults in {shell.file}." in shell.output("config", "init")


def test_a_file_that_a_user_can_write_is_named_by_doctor_and_status(
    shell: AdministeredShell, receiver: OtlpReceiver
) -> None:
    lock(shell, receiver)
    shell.file.chmod(0o666)
    said = f"The administrator's file {shell.file} is not obeyed: it can be written by others (666)."
    doctor = shell.run("doctor", "--json", OTEL_AGENT_EXPORTER="none")
    assert doctor.returncode == 1
    (finding,) = [each for each in json.loads(doctor.stdout) if each["seen"].startswith(said)]
    assert (finding["link"], finding["verdict"]) == ("settings", "failure")
    status = json.loads(shell.run("status", "--json", OTEL_AGENT_EXPORTER="none").stdout)
    assert any(warning.startswith(said) for warning in status["warnings"])
    assert status["backend"] == "none"


def test_doctor_says_that_the_file_is_obeyed_and_which_value_has_no_effect(
    shell: AdministeredShell, receiver: OtlpReceiver
) -> None:
    lock(shell, receiver)
    found = [
        (each["verdict"], each["seen"])
        for each in json.loads(shell.run("doctor", "--json", **ELSEWHERE).stdout)
        if each["link"] == "settings"
    ]
    assert ("ok", f"the administrator's file {shell.file} is obeyed") in found
    not_used = f"otlp.endpoint is locked by {shell.file}; not used: environment OTEL_EXPORTER_OTLP_ENDPOINT"
    assert ("warning", not_used) in found


def test_a_quick_summary_obeys_it_without_pydantic(shell: AdministeredShell) -> None:
    write(shell.file, f'[locked]\nstate_dir = "{shell.home}/team"\n')
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    ran = shell.run("summary", "--json", OTEL_AGENT_STATE_DIR=str(shell.home / "mine"), PYTHONPROFILEIMPORTTIME="1")
    assert json.loads(ran.stdout)["view"] == "overview"
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "otel_agent.settings.ordinary" in imported
    assert "pydantic" not in imported
    assert (shell.home / "team" / "ledger.db").exists()
    assert not (shell.home / "mine").exists()


def test_a_roll_out_takes_the_backend_from_the_administrator_and_copies_nothing(
    shell: AdministeredShell, receiver: OtlpReceiver
) -> None:
    lock(shell, receiver)
    run = shell.run("setup", "--yes", "--json", "--no-service", **ELSEWHERE)
    found = json.loads(run.stdout)
    assert (run.returncode, found["result"], found["accepted"]) == (0, "installed", True)
    assert (found["endpoint"], found["administrator"]) == (receiver.endpoint, str(shell.file))
    assert tomllib.loads(shell.config.read_text()) == {}
    again = json.loads(shell.run("setup", "--yes", "--json", "--no-service", **ELSEWHERE).stdout)
    assert again["result"] == "already_installed"


@pytest.mark.parametrize("option", [("--local",), ("--endpoint", "http://127.0.0.1:1")], ids=lambda option: option[0])
def test_a_set_up_against_what_is_locked_is_refused(
    option: tuple[str, ...], shell: AdministeredShell, receiver: OtlpReceiver
) -> None:
    lock(shell, receiver)
    run = shell.run("setup", "--yes", "--json", "--no-service", *option)
    found = json.loads(run.stdout)
    assert (run.returncode, found["result"]) == (2, "unusable")
    assert f"the administrator's file {shell.file} locks it" in found["reason"]
    assert not shell.config.exists()

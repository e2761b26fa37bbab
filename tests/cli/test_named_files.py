"""A setting that names a file or a folder in vain is no valid one: `config check` and `doctor` say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doctor.examined import examined, of
from tests.support.shell import Shell

NOTHING = "/nowhere/at/all"


def written(shell: Shell, text: str) -> None:
    shell.config.parent.mkdir(parents=True, exist_ok=True)
    shell.config.write_text(text)


def failures(shell: Shell) -> list[dict[str, str]]:
    return [each for each in of(examined(shell, 1), "settings") if each["verdict"] == "failure"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f"prices_file = '{NOTHING}'", "prices_file"),
        ("prices_file = '{folder}'", "prices_file"),
        ("prices_file = '{file}'", "prices_file"),
        ("exporter = 'file'\nfile_dir = '{file}'", "file_dir"),
        ("metrics_exporter = 'file'\nfile_dir = '{file}/below'", "file_dir"),
        (f"[budget_notice]\ncommand = ['{NOTHING}']", "budget_notice.command"),
        ("[budget_notice]\ncommand = ['no-such-program', 'x']", "budget_notice.command"),
        ("[budget_notice]\ncommand = ['{file}']", "budget_notice.command"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error(shell: Shell, tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "plain"
    file.write_text("neither prices nor a program")
    written(shell, text.replace("{file}", str(file)).replace("{folder}", str(tmp_path)))
    run = shell.run("config", "check")
    assert (run.returncode, run.stdout) == (2, "")
    assert f"{key}: " in run.stderr
    (found,) = failures(shell)
    assert found["seen"].startswith(f"{key}: ")
    assert found["advice"]


def test_each_of_them_is_named(shell: Shell) -> None:
    written(shell, f"prices_file = '{NOTHING}'\n[budget_notice]\ncommand = ['{NOTHING}']")
    run = shell.run("config", "check")
    assert run.returncode == 2
    assert "prices_file: " in run.stderr
    assert "budget_notice.command: " in run.stderr


def test_a_file_in_place_of_the_state_folder_is_an_error(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    run = shell.run("config", "check", OTEL_AGENT_STATE_DIR=str(tmp_path / "plain"))
    assert run.returncode == 2
    assert f"state_dir: {tmp_path / 'plain'} is not a folder" in run.stderr


def test_a_file_in_place_of_a_data_folder_is_a_doubt(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    run = shell.run("config", "check", OTEL_AGENT_DATA_DIRS=str(tmp_path / "plain"))
    assert run.returncode == 0
    assert f"{tmp_path / 'plain'} is not a folder" in run.stderr


def test_files_that_can_be_used_are_none(shell: Shell, tmp_path: Path) -> None:
    prices, program = tmp_path / "prices.toml", tmp_path / "notice"
    prices.write_text("[[price]]\nmodel = 'x'\ninput = 1\noutput = 2")
    program.touch(0o755)
    written(
        shell,
        f"prices_file = '{prices}'\nexporter = 'file'\nfile_dir = '{tmp_path}/made/later'\n"
        f"[budget_notice]\ncommand = ['{program}']",
    )
    run = shell.run("config", "check")
    assert (run.returncode, run.stderr) == (0, "")


def test_a_program_on_the_path_is_found(shell: Shell) -> None:
    written(shell, "[budget_notice]\ncommand = ['sh', '-c', 'true']")
    assert shell.run("config", "check").returncode == 0


def test_setup_says_so(shell: Shell) -> None:
    written(shell, f"prices_file = '{NOTHING}'\nexporter = 'none'\n")
    run = shell.run("setup", "--yes", "--local", "--no-service")
    assert run.returncode == 0
    assert f"prices_file: cannot read {NOTHING}" in run.stderr

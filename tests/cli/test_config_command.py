"""`otel-agent config init` writes a file with every default; `config check` finds what is wrong in one."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.shell import Shell

SAMPLE = ROOT / "config" / "otel-agent.toml"


def test_init_writes_a_file_with_every_default_for_its_owner_only(shell: Shell) -> None:
    assert f"Wrote {shell.config}" in shell.output("config", "init")
    assert shell.config.read_text() == SAMPLE.read_text()
    assert stat.S_IMODE(shell.config.stat().st_mode) == 0o600
    assert shell.output("config", "check") == f"The settings are valid: {shell.config} and the environment.\n"


def test_init_print_shows_the_file_and_writes_nothing(shell: Shell) -> None:
    assert shell.output("config", "init", "--print") == SAMPLE.read_text(encoding="utf-8")
    assert not shell.config.exists()


def test_init_keeps_an_existing_file_unless_forced(shell: Shell) -> None:
    shell.config.parent.mkdir(parents=True)
    shell.config.write_text("max_series = 7\n")
    run = shell.run("config", "init")
    assert run.returncode == 2
    assert shell.config.read_text() == "max_series = 7\n"
    assert "--force" in run.stderr
    shell.output("config", "init", "--force")
    assert tomllib.loads(shell.config.read_text())["max_series"] == 10_000


def test_init_and_check_use_the_file_that_is_named(shell: Shell) -> None:
    path = shell.home / "mine.toml"
    shell.output("config", "init", "--config", str(path))
    assert path.read_text() == SAMPLE.read_text()
    assert str(path) in shell.output("config", "check", "--config", str(path))


def test_init_says_if_the_file_cannot_be_written(shell: Shell) -> None:
    (shell.home / "file").write_text("")
    run = shell.run("config", "init", "--config", str(shell.home / "file" / "x.toml"))
    assert run.returncode == 2
    assert "cannot write" in run.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_serie = 7", "max_serie is not a setting. Did you mean max_series?"),
        ("max_series = 0", "max_series: Input should be greater than or equal to 1"),
        ("max_series", "is not TOML"),
    ],
)
def test_check_names_what_is_wrong_and_the_file(shell: Shell, text: str, said: str) -> None:
    shell.config.parent.mkdir(parents=True)
    shell.config.write_text(text + "\n")
    run = shell.run("config", "check")
    assert run.returncode == 2
    assert run.stdout == ""
    assert said in run.stderr
    assert str(shell.config) in run.stderr


def test_check_works_without_a_settings_file(shell: Shell) -> None:
    assert shell.output("config", "check") == "The settings are valid: the environment (there is no settings file).\n"


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_a_shell_completes_the_names_of_commands(shell: Shell, kind: str) -> None:
    """The shell asks the command itself for completions."""
    words = {"COMP_WORDS": "otel-agent co", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "otel-agent co"}
    words |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    shown = shell.run(_OTEL_AGENT_COMPLETE=f"complete_{kind}", **words)
    assert "config" in shown.stdout
    assert "summary" not in shown.stdout


@pytest.mark.parametrize(("protocol", "endpoint"), [("", "http://localhost:4318"), ("grpc", "http://localhost:4317")])
def test_what_nobody_set_is_shown_as_it_holds(protocol: str, endpoint: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    found = json.loads(shell.output("config", "show", "--json", OTEL_EXPORTER_OTLP_PROTOCOL=protocol))["settings"]
    assert found["otlp.endpoint"] == {"value": endpoint, "from": "default"}
    assert found["otlp.timeout_seconds"]["value"] == 10.0
    assert str(shell.config) in shell.output("config", "show", COLUMNS="500").splitlines()[0]

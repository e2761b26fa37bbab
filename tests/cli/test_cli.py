"""The command line has certain commands, ends with certain exit codes, and shows no secret."""

from __future__ import annotations

import json
import os
import pty
import re
import sqlite3
import subprocess
from collections.abc import Iterator

import pytest
import typer

from otel_agent import __version__
from otel_agent.cli.commands import COMMANDS as COMMANDS_IN_LIST
from otel_agent.cli.commands import app
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.shell import Shell
from tests.support.terminal import in_a_terminal

COLOUR = re.compile(r"\x1b\[[0-9;]*[34][0-9]")
NOBODY_LISTENS = "http://127.0.0.1:1"
QUICK = {"OTEL_EXPORTER_OTLP_TIMEOUT": "1000"}
"""Gives a delivery up after one second."""


def commands(group: object, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield every command and group of commands, by the words it is called with."""
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *path, name)


COMMANDS = list(commands(typer.main.get_command(app())))


def test_these_are_all_the_commands() -> None:
    """If one goes away, somebody's script or unit file fails."""
    assert {" ".join(path) for path in COMMANDS} == {
        *("", "setup", "run", "summary", "messages", "session", "statusline", "demo", "status", "doctor", "verify"),
        *("config", "config show", "config init", "config check"),
        *("service", "service install", "service uninstall", "service status", "service logs"),
    }


@pytest.mark.parametrize("name", COMMANDS_IN_LIST)
def test_the_list_of_commands_says_what_the_page_of_each_begins_with(name: str) -> None:
    """The list is printed without the modules of the commands."""
    page = typer.main.get_group(app([name])).commands[name].help
    assert page is not None
    assert COMMANDS_IN_LIST[name].help == page.split("\n\n")[0].replace("\n", " ")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
class TestHelp:
    def test_help_fits_80_columns_and_shows_an_example(self, path: tuple[str, ...], shell: Shell) -> None:
        printed = shell.output(*path, "--help")
        assert re.search(rf"Example: .*otel-agent {' '.join(path)}", printed)
        assert max(map(len, printed.splitlines())) <= 80
        assert "\x1b" not in printed

    def test_help_has_a_short_option(self, path: tuple[str, ...], shell: Shell) -> None:
        assert shell.output(*path, "-h") == shell.output(*path, "--help")

    def test_an_unknown_option_is_named_in_the_error(self, path: tuple[str, ...], shell: Shell) -> None:
        run = shell.run(*path, "--bogus")
        assert run.returncode == 2
        assert run.stdout == ""
        assert "No such option: --bogus" in run.stderr


def test_version_is_printed_alone(shell: Shell) -> None:
    assert shell.output("--version") == shell.output("-V") == f"{__version__}\n"


def test_without_a_command_a_script_gets_the_help(shell: Shell) -> None:
    assert "Usage: otel-agent" in shell.output()


def test_without_a_command_a_person_gets_the_summary_and_what_there_is_next(shell: Shell) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    printed = in_a_terminal(shell)
    assert "No OpenCode process is running." in printed or "Running OpenCode" in printed
    assert "otel-agent --help lists all." in printed


@pytest.mark.parametrize("path", [(), ("summary",), ("config", "show")], ids=" ".join)
def test_help_is_a_word_too(path: tuple[str, ...], shell: Shell) -> None:
    assert shell.output("help", *path) == shell.output(*path, "--help")


class TestEndings:
    """An error ends with a message that says what to do, an exit code that says what it was, and no traceback."""

    @staticmethod
    def ends(shell: Shell, code: int, fault: str, *arguments: str, **variables: str) -> None:
        run = shell.run(*arguments, **variables)
        assert run.returncode == code
        assert run.stdout == ""
        assert re.search(rf"^otel-agent: .*{fault}", run.stderr, re.MULTILINE)
        assert "Traceback" not in run.stderr

    @pytest.mark.parametrize("command", ["run", "summary", "demo", "config show"])
    def test_the_exit_code_is_2_if_a_setting_is_wrong(self, command: str, shell: Shell) -> None:
        self.ends(shell, 2, "OTEL_AGENT_BACKFILL: backfill: must be", *command.split(), OTEL_AGENT_BACKFILL="x")

    @pytest.mark.parametrize("command", ["run", "summary", "demo", "config show"])
    def test_the_exit_code_is_2_if_the_settings_file_does_not_exist(self, command: str, shell: Shell) -> None:
        self.ends(shell, 2, "/nowhere.toml does not exist", *command.split(), "--config", "/nowhere.toml")

    def test_the_exit_code_is_2_for_an_unknown_word(self, shell: Shell) -> None:
        for arguments in (
            ["sumary"],
            ["summary", "--range", "year"],
            ["summary", "everything"],
            ["summary", "--accounting", "double"],
        ):
            run = shell.run(*arguments)
            assert run.returncode == 2, arguments
            assert run.stdout == "", arguments

    def test_the_exit_code_is_3_if_the_backend_does_not_answer(self, shell: Shell) -> None:
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
        self.ends(shell, 3, "nothing answers", "run", "--once", OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY_LISTENS, **QUICK)

    @pytest.mark.parametrize("command", ["run --once", "summary"])
    def test_the_exit_code_is_4_for_a_ledger_of_a_newer_version(self, command: str, shell: Shell) -> None:
        shell.output("summary")
        with sqlite3.connect(shell.state_dir / "ledger.db") as ledger:
            ledger.execute("PRAGMA user_version = 99")
        ledger.close()
        self.ends(shell, 4, "newer otel-agent", *command.split())

    @pytest.mark.parametrize("command", ["run --once", "summary"])
    def test_the_exit_code_is_4_if_the_state_folder_cannot_be_written(self, command: str, shell: Shell) -> None:
        self.ends(
            shell,
            4,
            "/dev/null is not a folder. Move it away, or set",
            *command.split(),
            OTEL_AGENT_STATE_DIR="/dev/null/state",
        )

    def test_a_command_ends_quietly_if_nobody_reads_its_output(self, shell: Shell) -> None:
        started = shell.start("config", "show")
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        complaint = started.stderr.read()
        started.stderr.close()
        assert started.wait() == 1
        assert complaint == ""


class TestColours:
    @pytest.mark.parametrize("command", ["summary", "demo", "config show", "--help"])
    def test_no_command_writes_colours_into_a_pipe(self, command: str, shell: Shell) -> None:
        assert "\x1b" not in shell.output(*command.split())

    def test_a_terminal_gets_colours_unless_no_color_is_set(self, shell: Shell) -> None:
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
        assert COLOUR.search(self.on_a_terminal(shell))
        assert not COLOUR.search(self.on_a_terminal(shell, NO_COLOR="1"))

    @staticmethod
    def on_a_terminal(shell: Shell, **variables: str) -> str:
        ours, theirs = pty.openpty()
        try:
            variables |= {"HOME": str(shell.home), "TERM": "xterm-256color"}
            subprocess.run(
                shell.command("summary", "--range", "all"),
                stdout=theirs,
                env=shell.environment() | variables,
                check=True,
            )
            return os.read(ours, 65_536).decode()
        finally:
            os.close(theirs)
            os.close(ours)


SECRETS = ("hunter2", "s3cret", "t0ken")


class TestConfigShow:
    @pytest.fixture
    def keys(self, shell: Shell) -> Shell:
        shell.config.parent.mkdir(parents=True)
        shell.config.write_text(
            "max_series = 5\n[otlp]\nendpoint = 'https://me:hunter2@backend:4318/otlp?key=s3cret'\n"
            "timeout_seconds = 3\n[otlp.headers]\nauthorization = 'Bearer t0ken'"
        )
        return shell

    def test_json_has_every_value_with_its_origin(self, keys: Shell) -> None:
        found = json.loads(
            keys.output("config", "show", "--json", OTEL_AGENT_FILE_BACKUPS="2", OTEL_EXPORTER_OTLP_TIMEOUT="7000")
        )
        assert found["file"] == str(keys.config)
        wanted = ("max_series", "file_backups", "otlp.timeout_seconds", "log_level", "state_dir")
        assert {name: (row["value"], row["from"]) for name, row in found["settings"].items() if name in wanted} == {
            "max_series": (5, str(keys.config)),
            "file_backups": (2, "environment OTEL_AGENT_FILE_BACKUPS"),
            "otlp.timeout_seconds": (7.0, "environment OTEL_EXPORTER_OTLP_TIMEOUT"),
            "log_level": ("info", "default"),
            "state_dir": (str(keys.state_dir), "default"),
        }

    def test_the_table_has_the_same_settings_and_origins_as_the_json(self, keys: Shell) -> None:
        settings = json.loads(keys.output("config", "show", "--json"))["settings"]
        table = keys.output("config", "show", COLUMNS="500").splitlines()
        assert table[0].rstrip() == f"Settings file: {keys.config}"
        rows = {line.split()[0]: line for line in table[3:] if line.strip()}
        assert rows.keys() == settings.keys()
        assert all(rows[name].rstrip().endswith(row["from"]) for name, row in settings.items())

    @pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
    def test_secrets_in_the_file_are_masked(self, form: list[str], keys: Shell) -> None:
        printed = keys.output("config", "show", *form, COLUMNS="500")
        assert "https://********@backend:4318/otlp?********" in printed
        assert "authorization" in printed
        assert not [secret for secret in SECRETS if secret in printed]

    @pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
    @pytest.mark.parametrize("signal", ["", "TRACES_", "METRICS_"])
    def test_secrets_in_the_environment_are_masked(self, signal: str, form: list[str], shell: Shell) -> None:
        variables = {
            f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT": "me:hunter2@backend:4317",
            f"OTEL_EXPORTER_OTLP_{signal}HEADERS": "authorization=Bearer%20t0ken,x-key=s3cret",
        }
        printed = shell.output("config", "show", *form, COLUMNS="500", **variables)
        assert "********@backend:4317" in printed
        assert all(variable in printed for variable in variables)
        assert not [secret for secret in SECRETS if secret in printed]

    def test_the_table_fits_80_columns_without_cutting_anything(self, keys: Shell) -> None:
        """Long values are folded."""
        lines = keys.output("config", "show", COLUMNS="80").splitlines()
        assert max(map(len, lines)) <= 80
        assert not [line for line in lines if "…" in line]

    def test_the_settings_file_can_be_named_in_the_environment(self, keys: Shell) -> None:
        other = keys.home / "other.toml"
        other.write_text("max_series = 6")
        shown = json.loads(keys.output("config", "show", "--json", OTEL_AGENT_CONFIG=str(other)))
        assert shown["file"] == str(other)
        assert shown["settings"]["max_series"]["value"] == 6
        by_option = keys.output("config", "show", "--json", "--config", str(keys.config), OTEL_AGENT_CONFIG=str(other))
        assert json.loads(by_option)["settings"]["max_series"]["value"] == 5
        assert json.loads(keys.output("config", "show", "--json", OTEL_AGENT_CONFIG=""))["file"] == str(keys.config)


def test_run_once_logs_what_it_counted_and_delivered(shell: Shell) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    with OtlpReceiver() as receiver:
        run = shell.run("run", "--once", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    assert run.returncode == 0
    assert run.stdout == ""
    assert "counted 1 new message in 1 store; delivered 2 spans" in run.stderr

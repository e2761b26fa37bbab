"""The manual page names every command and option, renders without a warning, and is installed with the program."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import typer

from docs.man import PAGE, page
from otel_agent.cli.commands import app
from tests.cli.test_cli import commands
from tests.support.paths import ROOT


def written() -> str:
    return PAGE.read_text(encoding="ascii")


def test_the_page_is_that_of_the_commands_as_they_are() -> None:
    """If it is not, run `make man`."""
    assert written() == page()


def test_every_command_and_every_option_is_in_it() -> None:
    text = written().replace("\\-", "-")
    for path in commands(typer.main.get_command(app())):
        command = typer.main.get_command(app())
        for word in path:
            command = command.commands[word]  # type: ignore[attr-defined]
        begin = text.index(f'.SS "{" ".join(path)}"') if path else text.index(".SH OPTIONS")
        section = re.split(r"\n\.S[SH] ", text[begin + 1 :])[0]
        for parameter in command.params:
            if parameter.param_type_name == "option" and not getattr(parameter, "hidden", False):
                assert all(f"\\fB{name}\\fR" in section for name in parameter.opts), (path, parameter.opts)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not here")
def test_groff_has_nothing_to_say_of_it() -> None:
    ran = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", str(PAGE)], capture_output=True, text=True, check=True, errors="replace"
    )
    assert ran.stderr == ""
    printed = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", ran.stdout)
    for heading in ("NAME", "SYNOPSIS", "COMMANDS", "FILES", "EXIT STATUS"):
        assert re.search(rf"^{heading}$", printed, re.MULTILINE), heading
    assert "'{today.tokens} " in printed, "an apostrophe is one"
    assert max(map(len, printed.splitlines())) <= 88, "examples are not filled"


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not here")
def test_man_finds_its_name_and_shows_it() -> None:
    ran = subprocess.run(
        ["man", "-l", str(PAGE)],
        env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    if "minimized" in ran.stdout:
        pytest.skip("man is only a stand-in here")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "make OpenCode observable" in ran.stdout


def test_the_wheel_is_told_to_carry_it() -> None:
    assert '"docs/otel-agent.1" = "share/man/man1/otel-agent.1"' in (ROOT / "pyproject.toml").read_text()

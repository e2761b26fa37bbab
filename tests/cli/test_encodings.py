"""What programs read is UTF-8, whatever the encoding of the terminal: a name with `?` in it would be another name."""

from __future__ import annotations

import pytest

from tests.support.made_stores import JsonTree, Project, Tokens, message, session
from tests.support.shell import Shell

NAME = "\u65e5\u672c\u8a9e"


@pytest.fixture
def named(shell: Shell) -> Shell:
    project = Project(worktree=f"/home/dev/{NAME}")
    of = session(project=project, title=NAME, directory=project.worktree)
    JsonTree(shell.data_dir).put_turn(message(of, Tokens(input=80)))
    return shell


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437", "utf-8"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["messages", "--format", "csv"],
        ["messages", "--format=jsonl"],
        *(["summary", "projects", "--range", "all", "--format", form] for form in ("csv", "json", "markdown", "html")),
        ["summary", "projects", "--json"],
        ["session", NAME, "--json"],
    ],
)
def test_a_name_that_the_terminal_lacks_is_whole_for_a_program(
    named: Shell, arguments: list[str], encoding: str
) -> None:
    run = named.run(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="1")
    assert run.returncode == 0, run.stderr
    escaped = NAME.encode("ascii", "backslashreplace").decode()
    assert NAME in run.stdout or escaped in run.stdout


@pytest.mark.parametrize("arguments", [["summary", "projects", "--range", "all"], ["statusline", "--format", NAME]])
def test_a_terminal_gets_the_letters_that_it_has(named: Shell, arguments: list[str]) -> None:
    run = named.run(*arguments, PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert run.returncode == 0, run.stderr
    assert run.stdout.isascii()


def test_a_settings_file_that_is_printed_is_the_one_that_is_written(shell: Shell) -> None:
    run = shell.run("config", "init", "--print", PYTHONIOENCODING="ascii")
    shell.output("config", "init")
    assert run.stdout == shell.config.read_text(encoding="utf-8")

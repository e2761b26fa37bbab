"""A Tab offers what the ledger knows, in the shells themselves: nothing is created, and nothing that is wrong is said."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.support.imported_modules import imported_modules
from tests.support.made_stores import T0, JsonTree, Project, Tokens, message, session
from tests.support.shell import Shell

ODD = Project(worktree="/home/dev/with a space")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A home whose ledger knows two models, three agents and two projects."""
    shell = Shell(tmp_path)
    tree = JsonTree(shell.data_dir)
    first, second = session(title="Rename it"), session(T0 - 900, counter=2, project=ODD, directory=ODD.worktree)
    for number, (of, model, agent) in enumerate(
        ((first, "claude-a", "build"), (first, "claude-b", "plan"), (second, "gpt", "build it"))
    ):
        tree.put_turn(message(of, Tokens(1), T0 + number * 1_000, number, provider="p", model=model, agent=agent))
    shell.output("summary")
    return shell


def files(shell: Shell) -> set[Path]:
    found = {path.relative_to(shell.home) for path in shell.home.rglob("*")}
    return {path for path in found if "tmp" not in path.parts}


def bash(shell: Shell, *words: str) -> list[str]:
    """Return what Bash offers for the last word."""
    typed = " ".join(map(shlex.quote, ["otel-agent", *words]))
    program = f'otel-agent() {{ {" ".join(map(shlex.quote, shell.command()))} "$@"; }}; env() {{ command env "${{@:1:3}}" {" ".join(map(shlex.quote, shell.command()))}; }}\n'
    script = shell.output(_OTEL_AGENT_COMPLETE="source_bash")
    program += f"{script}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words)}; _otel_agent_completion otel-agent\n"
    program += 'printf "%s\\n" "${COMPREPLY[@]}"'
    return _ran(shell, "bash", "--norc", "-c", program)


def _ran(shell: Shell, *command: str) -> list[str]:
    ran = subprocess.run(command, env=shell.environment(), capture_output=True, text=True, check=True, cwd=shell.home)
    assert ran.stderr == ""
    return [line for line in ran.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["summary", "--model", "p/c"], ["p/claude-a", "p/claude-b"]),
        (["summary", "models", "--model", "gp"], ["gpt"]),
        (["messages", "--agent", "b"], ["build", "build\\ it"]),
        (["summary", "--project", "p"], ["persona"]),
        (["summary", "--project", "/home/dev/w"], ["/home/dev/with\\ a\\ space"]),
        (["summary", "--tz", "Europe/Berl"], ["Europe/Berlin"]),
        (["summary", "--model", "nothing"], []),
        (["ver"], ["verify"]),
        (["config", "ch"], ["check"]),
        (["-h", "service", "un"], ["uninstall"]),
    ],
)
def test_bash_offers_the_names_that_begin_so(words: list[str], offered: list[str], shell: Shell) -> None:
    before = files(shell)
    assert sorted(bash(shell, *words)) == offered
    assert files(shell) == before


@pytest.mark.parametrize(
    ("option", "typed", "name"),
    [
        ("--project", "/home/dev/[", "/home/dev/[red]brackets"),
        ("--model", "p/[", "p/[new] a*b?"),
        ("--agent", "[", "[it]"),
    ],
)
def test_what_bash_offers_finds_what_it_names(option: str, typed: str, name: str, shell: Shell) -> None:
    odd = Project("d" * 40, worktree="/home/dev/[red]brackets")
    of = session(T0 - 500, counter=3, project=odd, directory=odd.worktree)
    JsonTree(shell.data_dir).put_turn(message(of, Tokens(70), T0, 9, provider="p", model="[new] a*b?", agent="[it]"))
    shell.output("summary")
    (offered,) = bash(shell, "summary", option, typed)
    (written,) = shlex.split(offered)
    assert written == name
    # As the shell passes it on, and as it stays if somebody pastes it between quotes.
    for asked in (written, offered):
        printed = shell.output("messages", "--format", "jsonl", option, asked)
        assert [json.loads(line)["total"] for line in printed.splitlines()] == [70], asked


@pytest.mark.parametrize("kind", ["zsh", "fish"])
def test_other_shells_get_a_session_with_its_title(kind: str, shell: Shell) -> None:
    variables = {"_OTEL_AGENT_COMPLETE": f"complete_{kind}", "_TYPER_COMPLETE_ARGS": "otel-agent summary --session ses"}
    if kind == "fish":
        variables["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    printed = shell.output(**variables)
    assert "Rename it" in printed
    assert printed.count("ses_") == 2


def test_without_a_ledger_a_tab_offers_nothing_and_makes_nothing(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    before = files(shell)
    assert bash(shell, "summary", "--model", "") == []
    assert files(shell) == before


def test_a_ledger_that_is_none_and_settings_that_are_wrong_say_nothing(shell: Shell) -> None:
    shell.config.parent.mkdir(parents=True)
    shell.config.write_text("what = [")
    assert bash(shell, "summary", "--model", "gp") == ["gpt"]
    (shell.state_dir / "ledger.db").write_text("no database")
    assert bash(shell, "summary", "--model", "gp") == []


def test_a_tab_needs_no_tables_and_checks_no_settings(shell: Shell) -> None:
    words = {"COMP_WORDS": "otel-agent summary --model ", "COMP_CWORD": "3", "_OTEL_AGENT_COMPLETE": "complete_bash"}
    shell.config.parent.mkdir(parents=True)
    shell.config.write_text("max_series = 5")
    imported = imported_modules(shell.home, **words)
    assert "otel_agent.ledger.names" in imported
    assert {name for name in imported if name.startswith("otel_agent.cli.s")} == {
        *("otel_agent.cli.summary_command", "otel_agent.cli.summary_options", "otel_agent.cli.summary"),
        *("otel_agent.cli.serving", "otel_agent.cli.streams"),
    }
    assert imported & {"rich.table", "pydantic", "textual", "psutil", "opentelemetry", "watchdog"} == set()
    assert os.environ.get("_OTEL_AGENT_COMPLETE") is None


def test_completions_are_installed_for_the_shell_that_somebody_names(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.scratch.mkdir()
    assert f"zsh completion installed in {tmp_path}/.zfunc/_otel-agent" in shell.output("--install-completion", "zsh")
    assert files(shell) >= {Path(".zfunc/_otel-agent"), Path(".zshrc")}
    assert not (tmp_path / ".bashrc").exists()

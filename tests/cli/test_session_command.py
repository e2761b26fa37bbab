"""`otel-agent session` finds the one session that is meant, and helps to choose if it is not clear."""

from __future__ import annotations

import json

import pytest

from tests.support.made_stores import T0, JsonTree, Project, Tokens, message, session
from tests.support.shell import Shell

DAY = 86_400_000
TITLE = "Fix the checkout"


@pytest.fixture
def used(shell: Shell) -> Shell:
    """Two sessions of one title, in two projects; the one with more tokens is older."""
    tree = JsonTree(shell.data_dir)
    for number, (folder, tokens) in enumerate((("/work/shop", 1_234), ("/work/wiki", 7)), 1):
        of = session(T0 + number * DAY, number, title=TITLE, project=Project(f"p{number}", folder), directory=folder)
        tree.put_turn(message(of, Tokens(tokens), T0 + number * DAY, number))
    return shell


def test_each_session_that_may_be_meant_is_listed_the_newest_first(used: Shell) -> None:
    run = used.run("session", TITLE, "--tz", "UTC")
    assert (run.returncode, run.stdout) == (2, "")
    said, titles, *rows = run.stderr.splitlines()
    assert said == f"otel-agent: 2 sessions are called {TITLE}. Name one by its id:"
    assert titles.split() == ["Id", "Project", "Last", "Tokens"]
    assert [row.split()[1] for row in rows] == ["/work/wiki", "/work/shop"]
    assert [row.split()[-1] for row in rows] == ["7", "1,234"]
    assert "01-25" in rows[0]
    assert "01-24" in rows[1]
    for row, tokens in zip(rows, ("7 tokens", "1,234 tokens"), strict=True):
        assert tokens in used.output("session", row.split()[0])


def test_a_glob_that_means_several_names_their_titles(used: Shell) -> None:
    other = session(T0, 9, title="Fix the build")
    JsonTree(used.data_dir).put_turn(message(other, Tokens(3), T0, 9))
    _, titles, *rows = used.run("session", "fix*").stderr.splitlines()
    assert titles.split()[:2] == ["Id", "Title"]
    assert "  Fix the build  " in rows[-1]


def test_a_long_list_has_the_newest_ten(shell: Shell) -> None:
    tree = JsonTree(shell.data_dir)
    for number in range(1, 13):
        of = session(T0 + number * DAY, number, title=TITLE)
        tree.put_turn(message(of, Tokens(100 + number), T0 + number * DAY, number))
    said, _, *rows, more = shell.run("session", TITLE).stderr.splitlines()
    assert "12 sessions" in said
    assert [row.split()[-1] for row in rows] == [str(100 + number) for number in range(12, 2, -1)]
    assert more.strip().startswith("… and 2 more")


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_refused(used: Shell, name: str) -> None:
    run = used.run("session", name, "--json")
    found = json.loads(run.stdout)
    assert (run.returncode, found["ok"], found["exit_code"]) == (2, False, 2)
    assert found["error"].startswith("an empty name means no session. `otel-agent summary sessions`")
    assert run.stderr == f"otel-agent: {found['error']}\n"


def test_a_program_gets_the_list_in_its_error(used: Shell) -> None:
    run = used.run("session", TITLE, "--json")
    found = json.loads(run.stdout)
    assert found["exit_code"] == run.returncode == 2
    assert found["error"].count("\n") == 3
    assert f"otel-agent: {found['error']}\n" == run.stderr

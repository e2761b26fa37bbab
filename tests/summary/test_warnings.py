"""A warning says how much could not be read, where, and what to do."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from otel_agent.ledger.problems import ProblemSummary
from otel_agent.model import ProblemKind
from otel_agent.summary.text.warnings import problem_sentence
from tests.support.made_stores import JsonTree, Tokens, message, session
from tests.support.shell import Shell


@pytest.mark.parametrize("kind", ProblemKind)
def test_every_kind_of_problem_is_counted_with_examples(kind: ProblemKind) -> None:
    one = problem_sentence(ProblemSummary(kind, 1, ("/a",)))
    many = problem_sentence(ProblemSummary(kind, 1_234, ("/a", "/b")))
    assert re.match(r"1 [a-z]+( or [a-z]+)? .*: /a\.( |$)", one)
    assert re.match(r"1,234 [a-z]+s( or [a-z]+s)? .*: /a, /b, …\.( |$)", many)


def test_an_example_in_the_home_folder_is_written_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ": ~/x." in problem_sentence(ProblemSummary(ProblemKind.MALFORMED, 1, (f"{tmp_path}/x",)))


def test_a_terminal_gets_a_line_for_many_files_and_json_their_names(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    tree = JsonTree(shell.data_dir)
    for number in range(3):
        tree.put_turn(message(session(), Tokens(input=1), counter=number))
    for path in sorted(shell.data_dir.rglob("msg_*.json"))[:2]:
        path.write_text("{")
        os.utime(path, (1, 1))  # at rest: a file that changes just now waits for the next pass
    printed = shell.output("summary", "models", COLUMNS="120")
    assert (
        "Warning: 2 files or rows could not be read (incomplete or invalid JSON). Each is retried when it changes. "
        "`otel-agent doctor` names them."
    ) in " ".join(printed.split())
    assert "msg_" not in printed
    (warning,) = json.loads(shell.output("summary", "models", "--json"))["warnings"]
    assert warning.count("msg_") == 2

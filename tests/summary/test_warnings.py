"""A warning says how much could not be read, where, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otel_agent.ledger.problems import ProblemSummary
from otel_agent.model import ProblemKind
from otel_agent.summary.text.warnings import problem_sentence


@pytest.mark.parametrize("kind", ProblemKind)
def test_every_kind_of_problem_is_counted_with_examples(kind: ProblemKind) -> None:
    one = problem_sentence(ProblemSummary(kind, 1, ("/a",)))
    many = problem_sentence(ProblemSummary(kind, 1_234, ("/a", "/b")))
    assert re.match(r"1 [a-z]+( or [a-z]+)? .*: /a\.( |$)", one)
    assert re.match(r"1,234 [a-z]+s( or [a-z]+s)? .*: /a, /b, …\.( |$)", many)


def test_an_example_in_the_home_folder_is_written_with_a_tilde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ": ~/x." in problem_sentence(ProblemSummary(ProblemKind.MALFORMED, 1, (f"{tmp_path}/x",)))

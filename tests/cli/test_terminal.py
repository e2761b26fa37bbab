"""The live screen opens on a terminal that can put its cursor anywhere, and on no other one."""

from __future__ import annotations

import curses
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_agent.cli.terminal import can_move_cursor


@pytest.fixture(autouse=True)
def standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give standard output a descriptor, whatever pytest made of it."""
    with (tmp_path / "out").open("w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        yield


@pytest.mark.parametrize(("code", "able"), [(None, False), (b"\x1b[%i%p1%d;%p2%dH", True)])
def test_what_the_system_knows_of_a_kind_of_terminal_decides(
    code: bytes | None, able: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A printing terminal has no code that moves its cursor."""
    monkeypatch.setattr(curses, "setupterm", lambda *_: None)
    monkeypatch.setattr(curses, "tigetstr", {"cup": code}.get)
    assert can_move_cursor({"TERM": "tty33"}) is able


def test_a_kind_that_the_system_does_not_know_is_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise curses.error

    monkeypatch.setattr(curses, "setupterm", unknown)
    assert can_move_cursor({"TERM": "made-next-year"})


@pytest.mark.parametrize("environ", [{}, {"TERM": ""}, {"TERM": "dumb"}, {"TERM": "unknown"}])
def test_a_terminal_that_says_nothing_or_that_it_is_dumb_cannot(environ: dict[str, str]) -> None:
    assert not can_move_cursor(environ)

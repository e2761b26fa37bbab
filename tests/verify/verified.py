"""The report of `otel-agent verify`, read as a script reads it, and changes to a ledger behind its back."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from typing import Any

from tests.support.agent import Agent
from tests.support.made_stores import Tokens

KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")
LONG_AGO_S = 1_790_000_000
"""A time before any run: files that were written then cannot be newer than the ledger."""


class Verified:
    """The output of one run with `--json`, and its exit code."""

    def __init__(self, agent: Agent, *arguments: str, **settings: str) -> None:
        run = agent.command("verify", "--json", "--tz", "UTC", *arguments, **settings)
        assert run.returncode in (0, 1), run.stderr
        self.exit_code = run.returncode
        self.report: dict[str, Any] = json.loads(run.stdout)
        assert self.report["exit_code"] == self.exit_code

    @property
    def ledger(self) -> Tokens:
        """The tokens that the ledger counts."""
        return tokens(self.report["ledger"])

    @property
    def accepted(self) -> Tokens:
        """The tokens that the backend accepted."""
        return tokens(self.report["accepted"])

    def explained(self) -> dict[str, tuple[int, Tokens]]:
        """Messages and tokens of each explained difference, by its name."""
        found: dict[str, tuple[int, Tokens]] = {}
        for each in self.report["explained"]:
            messages, used = found.get(each["cause"], (0, Tokens()))
            amount = each["amount"]
            found[each["cause"]] = messages + amount["messages"], used.plus(tokens(amount))
        return found

    def unexplained(self) -> list[tuple[str, str, str, str]]:
        """Name, day, model and session of each unexplained difference, but for the sums that the ledger keeps."""
        found = ((each["cause"], each["day"], each["model"], each["session"]) for each in self.report["unexplained"])
        return [each for each in found if each[0] != "sums"]

    def wrong_sums(self) -> set[str]:
        """The tables with sums that are not those of the messages, as `table, number`."""
        found = (each["meaning"] for each in self.report["unexplained"] if each["cause"] == "sums")
        return {meaning.rpartition(": ")[2] for meaning in found}

    def amount(self, cause: str) -> tuple[int, Tokens]:
        """Messages and tokens of the one unexplained difference with this name."""
        (found,) = (each["amount"] for each in self.report["unexplained"] if each["cause"] == cause)
        return found["messages"], tokens(found)


def tokens(of: dict[str, Any]) -> Tokens:
    return Tokens(*(of.get(kind, 0) for kind in KINDS))


def minus(of: Tokens) -> Tokens:
    return Tokens(*(-number for number in of))


def change_ledger(agent: Agent, *statements: str) -> None:
    """Change the ledger as no agent does."""
    with closing(sqlite3.connect(agent.state_dir / "ledger.db")) as ledger, ledger:
        for statement in statements:
            assert ledger.execute(statement).rowcount != 0, f"nothing was changed by {statement}"


def age(agent: Agent) -> None:
    """Let everything in the data folder look as if it were written long ago."""
    for folder, _, names in os.walk(agent.data_dir):
        for name in names:
            os.utime(os.path.join(folder, name), (LONG_AGO_S, LONG_AGO_S))  # noqa: PTH118

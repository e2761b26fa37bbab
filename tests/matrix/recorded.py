"""What OpenCode itself says that it recorded, read by its API: the rows of all sessions, with the copies in forks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.matrix.calls import Call, Calls, tokens_of
from tests.support.made_stores import Tokens
from tests.support.real_opencode.serving import Api


@dataclass(frozen=True, slots=True)
class Row:
    """One assistant message. `call` is None if it has no tokens. `cost` is in US dollars.

    `outcome` is ok, aborted or error, as OpenCode recorded it.
    """

    id: str
    session: str
    call: Call | None
    cost: float
    is_complete: bool
    outcome: str


@dataclass
class Recorded:
    """The rows that were there at any time. `present` are the sessions that were there at the last reading."""

    version: str
    rows: dict[str, Row] = field(default_factory=dict)
    present: Mapping[str, Iterable[str]] = field(default_factory=dict)
    """Session to the ids of its rows."""

    def read(self, api: Api) -> None:
        """Read all sessions. Rows that went away since the last time are kept."""
        present: dict[str, list[str]] = {}
        for session in api.sessions():
            found = [row_of(info) for info in api.messages(session["id"]) if info["role"] == "assistant"]
            present[session["id"]] = [row.id for row in found]
            self.rows |= {row.id: row for row in found}
        self.present = present

    def calls(self) -> Calls:
        """Return the calls, each with the number of its rows: more than one if forks copied it."""
        return Counter(row.call for row in self.rows.values() if row.call)

    def copies(self) -> int:
        """Return how many rows are copies of another one."""
        calls = self.calls()
        return calls.total() - len(calls)

    def outcomes(self) -> Mapping[str, int]:
        """Return how many messages ended with each outcome, copies left out.

        No fork of the scenario copies a message without tokens, such as an error or `!shell`.
        """
        empty = [row for row in self.rows.values() if row.call is None and row.is_complete]
        originals = {row.call: row for row in self.rows.values() if row.call}
        return Counter(row.outcome for row in (*empty, *originals.values()))

    def cost(self) -> float:
        """Return the cost of all calls, each once."""
        return sum({row.call: row.cost for row in self.rows.values() if row.call}.values())

    def present_tokens(self) -> Tokens:
        """Return the tokens of all rows that were there at the last reading, copies included."""
        rows = [self.rows[id_] for ids in self.present.values() for id_ in ids]
        return tokens_of([row.call for row in rows if row.call])


def row_of(info: Mapping[str, Any]) -> Row:
    """Return the row of an assistant message's record."""
    recorded = info["tokens"]
    kinds = (recorded["input"], recorded["output"], recorded["reasoning"])
    tokens = Tokens(*map(int, (*kinds, recorded["cache"]["read"], recorded["cache"]["write"])))
    call = Call(info["modelID"], tokens) if any(tokens) else None
    error = info.get("error", {}).get("name", "")
    outcome = "aborted" if error == "MessageAbortedError" else "error" if error else "ok"
    return Row(info["id"], info["sessionID"], call, float(info["cost"]), "completed" in info["time"], outcome)

"""The machine that `ledger-7.sql` is the ledger of, and its book: which messages there are, and whose they are.

The ledger was written by two runs of version 7. The first one found `put_history`, and the backend accepted everything. The
second one, a day later, found `put_later` as well. A proxy answered 502 in the backend's place after the baselines. So the
spans of that day are pending, and its points are unanswered.

Message `n` has 2**n input tokens, twice as many output tokens, three times as many of reasoning, and so on. So the bits
of a sum say which messages are in it, and a message that counts twice changes the bits of others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.support.made_stores import (
    GLOBAL,
    PERSONA,
    T0,
    Database,
    DatabaseV2,
    JsonTree,
    Message,
    Project,
    Session,
    Tokens,
    fork_copy,
    message,
    prompt,
    session,
    tool,
)

MINUTE: Final = 60_000
HISTORY: Final = T0 + 120 * MINUTE
"""The time of the first run. Unix milliseconds."""
LATER: Final = HISTORY + 1_440 * MINUTE
"""The time of the second run."""

MONITOR: Final = Project(id="5f2f" * 10, worktree="/home/dev/projects/agent-monitor")
SCRATCH: Final = "/home/dev/scratch"
SONNET: Final[dict[str, Any]] = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
GLM: Final[dict[str, Any]] = {"provider": "zai-coding-plan", "model": "glm-4.7"}
GPT: Final[dict[str, Any]] = {"provider": "openai", "model": "gpt-5.2-codex"}

ALL: Final = frozenset(range(15))
UNFINISHED: Final = frozenset({10})
"""It waits in the ledger. A version that reads it after its grace period counts it."""
TITLE: Final = frozenset({12})
"""Only the totals of a session know it: it is no message."""
MODELS: Final = {
    "claude-sonnet-4-5": {0, 4, 5, 6, 10},
    "glm-4.7": {1, 2, 7, 8, 11, 13, 14},
    "gpt-5.2-codex": {3, 9},
}
AGENTS: Final = {
    "build": {0, 3, 5, 6, 7, 9, 10, 11, 14},
    "plan": {1, 2},
    "Oracle": {4},
    "general": {8},
    "compaction": {13},
}
PROJECTS: Final = {
    PERSONA: {0, 1, 2, 5, 6, 10, 11, 12, 13, 14},
    MONITOR.worktree: {3, 7, 8, 9},
    SCRATCH: {4},
}
SESSIONS: Final = ({0, 1, 2}, {3}, {4}, {5}, {6}, {7, 9}, {8}, {10}, {11, 12, 13}, {14})
PENDING_CALLS: Final = frozenset({6, 7, 8, 9, 13, 14})
"""The messages of the second run that ask a model: their spans are pending."""
PENDING_TOOLS: Final = ("bash", "task")


def used(numbers: Iterable[int]) -> Tokens:
    """Return the tokens of these messages together."""
    bits = sum(1 << number for number in numbers)
    return Tokens(bits, 2 * bits, 3 * bits, 4 * bits, 5 * bits)


def cost(numbers: Iterable[int]) -> float:
    """Return what these messages cost. US dollars, without a rounding error."""
    return sum(1 << number for number in numbers) / 512


@dataclass(frozen=True)
class GoldenStore:
    """A tree of 1.1, a database of 1.18 and one of 2.x in one data folder."""

    data: Path

    def put_history(self) -> None:
        """Write what the first run found."""
        first, second = _session(0), _session(1, project=MONITOR, directory=MONITOR.worktree)
        outside = _session(2, project=GLOBAL, directory=SCRATCH)
        JsonTree(self.data).put_turn(
            _message(first, 0, **SONNET),
            _message(first, 1, **GLM, agent="plan", finish="tool-calls"),
            _message(first, 2, **GLM, agent="plan", parent=_message(first, 1).parent),
            _message(second, 3, **GPT),
            _message(outside, 4, **SONNET, agent="Oracle"),
        )
        Database(self.data / "opencode.db").create().put_turn(self._original)
        self._of_2_x({11})

    def put_later(self) -> None:
        """Write what the second run found as well."""
        old = Database(self.data / "opencode.db")
        fork = _session(4, version="1.18.33")
        own, copy = _message(fork, 6, **SONNET), fork_copy(self._original, fork, fork.created + 20)
        old.put_turn(copy, own)
        old.put(tool(own, "bash"))
        top = _session(5, project=MONITOR, directory=MONITOR.worktree, version="1.18.33")
        below = replace(_session(6, project=MONITOR, directory=MONITOR.worktree, version="1.18.33"), parent=top.id)
        asked, asked_below = (prompt(each, each.created + 10) for each in (top, below))
        calling = _message(top, 7, **GLM, parent=asked.id, finish="tool-calls")
        answer = _message(below, 8, **GLM, agent="general", parent=asked_below.id)
        failed = _message(top, 9, **GPT, parent=asked.id, finish=None, changes={"error": {"name": "APIError"}})
        old.put_turn(calling, answer, failed)
        old.put(asked, asked_below)
        old.put(tool(calling, "task", at=below.created - 5, took=MINUTE, metadata={"sessionId": below.id}))
        old.put_turn(_message(_session(7, version="1.18.33"), 10, **SONNET, finish="tool-calls", completed=None))
        self._of_2_x({11, 12, 13})

    @property
    def _original(self) -> Message:
        return _message(_session(3, version="1.18.33"), 5, **SONNET)

    def _of_2_x(self, in_totals: set[int]) -> None:
        new = DatabaseV2(self.data / "opencode-next.db").create()
        of = replace(_session(8, version="2.0.17"), totals=used(in_totals), cost=cost(in_totals))
        answer = _message(of, 11, **GLM)
        new.put_turn(answer)
        if 13 not in in_totals:
            return
        compaction = _message(of, 13, **GLM)
        new.put_compaction(compaction)
        # Its row says when it ended by the time of its last change only.
        new.execute(
            "UPDATE session_message SET time_updated = ? WHERE id = ?", compaction.created + 20_000, compaction.id
        )
        fork = replace(
            _session(9, version="2.0.17"), fork_of=of.id, totals=used({14}), cost=cost({14}), created=_at(14) - MINUTE
        )
        new.put_turn(replace(answer, id="msg_5f0c2b6a93d1_7", session=fork), _message(fork, 14, **GLM))


def _at(number: int) -> int:
    """Return when message `number` was created: those of the second run in the half hour before it."""
    return T0 + number * MINUTE if number in {*range(6), 11} else LATER - (30 - number) * MINUTE


def _session(number: int, **fields: Any) -> Session:
    first = min(SESSIONS[number])
    return session(_at(first) - 500, counter=number + 1, **fields)


def _message(of: Session, number: int, **fields: Any) -> Message:
    created = _at(number)
    parent = prompt(of, created - 100, number).id
    whole = {"parent": parent, "cost": cost({number}), "completed": created + 20_000} | fields
    return message(of, used({number}), created, number, **whole)

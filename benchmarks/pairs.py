"""Measures the commands that a person waits for on one store, in turn with the other program."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct

from benchmarks.agent_process import clean_environ
from benchmarks.measure import Figure, median_ratio, medians, output, peak_with_helpers, run
from benchmarks.peer import peer_environ, peer_totals
from benchmarks.store_of_2_x import make_database_of_2_x
from benchmarks.stores import make_database, make_tree
from tests.support.made_stores import Tokens

StoreKind = Literal["tree", "sqlite", "2.x"]
MAKERS: Final[Mapping[StoreKind, Callable[[Path, int], None]]] = {
    "tree": make_tree,
    "sqlite": make_database,
    "2.x": make_database_of_2_x,
}
VIEWS: Final = ("overview", "sessions", "projects", "models", "agents", "timeline")
AGENT: Final = (sys.executable, "-m", "otel_agent")
FIRST: Final = "first look"
LATER: Final = tuple(f"later look, {view}" for view in VIEWS)
TODAY: Final = "summary of today"
STARTS: Final = ("--version", "--help")

Say = Callable[[str], None]
"""Says how far it is."""


class Row(Struct, frozen=True):
    """One command: medians of its runs, and how many times as long as the other program it took."""

    name: str
    figure: Figure
    ratio: float | None = None
    """``None`` without another program, or if it has no such command."""


class Compared(Struct, frozen=True):
    """One store, and what was measured on it."""

    store: StoreKind
    messages: int
    rows: list[Row]
    first_peak_mb: float
    """The memory of a first look with its helper processes. Megabytes."""
    peer: Figure | None
    peer_peak_mb: float
    total_tokens: int
    """Both programs found so many, and the same of each category."""
    cost_usd: float = 0
    peer_tokens: int = 0
    peer_cost_usd: float = 0


class Case:
    """One store in a scratch folder, and the environments in which commands run on it."""

    def __init__(self, store: StoreKind, messages: int, scratch: Path) -> None:
        self.store, self.messages = store, messages
        self.data = scratch / "opencode"
        self._scratch, self._states = scratch, 0

    def make(self) -> None:
        """Write the store."""
        self.data.mkdir(parents=True)
        MAKERS[self.store](self.data, self.messages)

    def fresh(self, **variables: str) -> dict[str, str]:
        """Return an environment with a ledger of its own that does not exist yet."""
        self._states += 1
        state = self._scratch / f"state-{self._states}"
        # No setting at all, as most people have it. A summary looks for no other stores, and there is nothing in this home.
        return clean_environ(self.data, state) | {"HOME": str(self._scratch), **variables}


def compare(case: Case, peer: list[str] | None, runs: int, before_each: Callable[[], None], say: Say) -> Compared:
    """Measure everything on one store. Raises `RuntimeError` if a command fails or the totals differ.

    The commands take turns, so that a change of the machine's speed affects all of them. `before_each` is called
    before each first look and before the other program.
    """
    commands = _commands()
    ours = {name: list[Figure]() for name in commands}
    theirs, environ = list[Figure](), case.fresh()
    for number in range(1, runs + 1):
        say(f"{case.store}, {case.messages:,} messages: run {number} of {runs}")
        environ = case.fresh()
        for name, command in commands.items():
            if name == FIRST:
                before_each()
            ours[name].append(run(command, environ))
            if name == FIRST and peer is not None:
                before_each()
                theirs.append(run(peer, peer_environ(case.data)))
    say(f"{case.store}, {case.messages:,} messages: memory and totals")
    return Compared(
        store=case.store,
        messages=case.messages,
        rows=[_row(name, figures, theirs) for name, figures in ours.items()],
        first_peak_mb=peak_with_helpers(commands[FIRST], case.fresh()),
        peer=medians(theirs) if theirs else None,
        peer_peak_mb=peak_with_helpers(peer, peer_environ(case.data)) if peer else 0,
        **_same_totals(case, peer, environ),
    )


def _commands() -> dict[str, list[str]]:
    """Return the commands of a run in their order: the first one finds no ledger, the others do."""
    all_time = ("--range", "all", "--json")
    return {
        FIRST: [*AGENT, "summary", "models", *all_time],
        **{name: [*AGENT, "summary", view, *all_time] for name, view in zip(LATER, VIEWS, strict=True)},
        TODAY: [*AGENT, "summary"],
        **{option: [*AGENT, option] for option in STARTS},
    }


def _row(name: str, ours: list[Figure], theirs: list[Figure]) -> Row:
    has_pair = theirs and name not in (TODAY, *STARTS)
    return Row(name, medians(ours), median_ratio(ours, theirs) if has_pair else None)


def _same_totals(case: Case, peer: list[str] | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the tokens and the cost that each program found. Raises `RuntimeError` if they differ."""
    totals = json.loads(output([*AGENT, "summary", "--range", "all", "--json"], environ))["totals"]
    ours = Tokens(*(totals["tokens"][kind] for kind in Tokens._fields)), totals["cost_usd"]
    if totals["messages"] != case.messages:
        raise RuntimeError(f"{case.messages} messages were written, {totals['messages']} counted")
    found = {"total_tokens": sum(ours[0]), "cost_usd": ours[1]}
    if peer is not None:
        tokens, cost = peer_totals(peer, peer_environ(case.data))
        if tokens != ours[0] or abs(cost - ours[1]) > 0.01:
            raise RuntimeError(f"the totals differ: we have {ours}, the other program {(tokens, cost)}")
        found |= {"peer_tokens": sum(tokens), "peer_cost_usd": cost}
    return found

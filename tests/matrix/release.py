"""One release from its first start to the comparison, in a home of its own, with a resident agent beside it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.matrix import seen, stats
from tests.matrix.calls import call_of
from tests.matrix.compare import Truth, differences
from tests.matrix.scenario import MODELS, TOOL_CALLS, Scenario
from tests.support.agent import Agent
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.real_opencode.driver import OpenCode
from tests.support.real_opencode.provider import Bill, Provider
from tests.support.real_opencode.serving import api
from tests.support.waiting import eventually

_AT_LAST_S = 30.0
"""How long the agent may take until all has arrived. It takes 2 s; the machine may be busy."""
BRISK = {"OTEL_AGENT_RESCAN_INTERVAL_SECONDS": "0.2", "OTEL_AGENT_METRIC_EXPORT_INTERVAL_SECONDS": "0.5"}
"""The agent looks and exports more often than by default, so that it is there at every moment."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one release showed. `broken_off` are answers that ended in their middle, which no one counts."""

    version: str
    storage: str
    truth: Truth
    seen: seen.Seen
    broken_off: int
    differences: list[str]
    seconds: float


def measure(version: str, home: Path, say: Callable[[str], None]) -> Measured:
    """Run the scenario, and compare. Raise AssertionError if the scenario itself did not come to its end."""
    started = time.monotonic()
    with Provider() as provider, OtlpReceiver() as receiver:
        resident = _agent(home, "agent", receiver)
        reader = _agent(home, "reader", receiver, OTEL_AGENT_STATE_DIR=str(resident.state_dir))
        opencode = OpenCode(version, home / "home", provider, MODELS)

        def in_ledger(bill: Bill) -> bool:
            return call_of(version, bill) in seen.ledger_rows(resident.state_dir).calls

        with resident.process("run", **BRISK) as running:
            scenario = Scenario(opencode, provider, say, in_ledger)
            scenario.by_run()
            with api(opencode) as server:
                scenario.by_api(server)
            say("opencode stats")
            shown = stats.ask(opencode)
            say("compare")
            truth = _truth(version, provider, scenario, shown)
            found = _look(truth, resident, reader, receiver, say)
            running.stop()
        broken_off = len(provider.broken_off())
    seconds = time.monotonic() - started
    return Measured(version, _storage(opencode), truth, found, broken_off, differences(truth, found), seconds)


def _storage(opencode: OpenCode) -> str:
    return "SQLite" if list((opencode.data_dir / "opencode").glob("*.db")) else "JSON"


def _agent(home: Path, name: str, receiver: OtlpReceiver, **variables: str) -> Agent:
    own = home / name
    own.mkdir(parents=True)
    return Agent(own, receiver.endpoint, extra={"XDG_DATA_HOME": str(home / "home" / ".local" / "share"), **variables})


def _look(
    truth: Truth, resident: Agent, reader: Agent, receiver: OtlpReceiver, say: Callable[[str], None]
) -> seen.Seen:
    """Look until everything is as it must be, or time runs out. Return what was seen last."""

    def now(views: Mapping[str, seen.View]) -> seen.Seen:
        return seen.Seen(seen.ledger_rows(resident.state_dir), seen.metrics(receiver), seen.spans(receiver), views)

    if lacking := differences(truth, now({})):
        say(f"not yet: {lacking[0]}")
    with suppress(AssertionError):
        eventually(lambda: not differences(truth, now({})), True, deadline_s=_AT_LAST_S)
    return now(seen.views(reader))


def _truth(version: str, provider: Provider, scenario: Scenario, shown: str) -> Truth:
    recorded, bills = scenario.recorded, provider.billed()
    return Truth(
        billed=Counter(call_of(version, bill) for bill in bills),
        usage={call_of(version, bill): bill.usage for bill in bills},
        broken=Counter(call_of(version, bill) for bill in scenario.broken_off),
        rows=recorded.calls(),
        copies=recorded.copies(),
        outcomes=recorded.outcomes(),
        tools=TOOL_CALLS,
        cost=recorded.cost(),
        stats=stats.differences(shown, recorded.present_tokens(), len(recorded.present)),
    )

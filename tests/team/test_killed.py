"""People work while the Collectors of both tiers are killed and restarted: every message is counted once."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from otel_agent.agent.assemble import Agent
from tests.support.made_stores import Tokens
from tests.support.otlp_receiver import chats_of
from tests.support.real_programs.collector import Collector
from tests.support.real_programs.program import free_ports
from tests.support.real_programs.prometheus import Prometheus
from tests.team.support.people import Person, Truth
from tests.team.support.rules import recorded
from tests.team.support.tiers import Secrets, Tier, agent_tier, drain, gateway

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]

CYCLE_S, WINDOW_S = 60, 300
AGO_S = 3 * 3600
"""How long ago the work begins. Seconds: the gateway drops points that are older than 23 hours."""
VIEWS = {"project": "opencode_project_name", "model": "gen_ai_request_model", "agent": "gen_ai_agent_name"}
"""The label of each view."""
FIGURES = {
    "tokens": ("opencode_token_usage_total", "opencode:token_usage:gained5m"),
    "cost": ("opencode_cost_usage_USD_total", "opencode:cost_usage:gained5m"),
    "messages": ("opencode_message_count_total", "opencode:message_count:gained5m"),
}
"""The total of each figure of the truth, and the series that is recorded from it."""
SIGNALS = ("metric_points", "spans")
STAGES = ("receiver_accepted", "exporter_sent")
"""A Collector's own counters of points and spans, as they pass through it."""


class Work:
    """The work of people whose agents send to one tier. It takes no time: the clock is ours."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.people, self.agents = people, list[Agent]()
        # A whole second: the last points are asked for at exactly their time.
        self.began_s = self.now_s = float(round(time.time()) - AGO_S)
        self._minute = 0

    def now_ns(self) -> int:
        """Return the time of the clock. Unix nanoseconds."""
        return round(self.now_s * 1e9)

    def goes_on(self, minutes: int, *, unheard: bool = False) -> Counter[str]:
        """Work and export each minute. Return how much the tier accepted, by signal.

        Each export must succeed; if the tier is down (`unheard`), nothing may be accepted.
        """
        accepted = Counter[str]()
        for _ in range(minutes):
            self._write()
            self.now_s += CYCLE_S
            for agent in self.agents:
                agent.ingest.run(sweep=True)
                for signal, sent in zip(SIGNALS, (agent.metrics.send(), agent.spans.send()), strict=True):
                    assert not (sent.accepted if unheard else sent.reason), sent
                    accepted[signal] += sent.accepted
        return accepted

    def _write(self) -> None:
        """Write the messages of one minute, with other numbers each time.

        A new project begins every three minutes, so that series begin at any time.
        """
        self._minute += 1
        at_s, tokens = self.now_s + CYCLE_S - 1, Tokens(100 + self._minute, 20, 5, 1_000, 50)
        ada, bob = self.people
        ada.works(at_s, f"p{self._minute // 3}", "opus", tokens, agent="plan" if self._minute % 4 == 0 else "build")
        if self._minute % 2:
            bob.works(at_s, "shop", "haiku" if self._minute % 3 else "opus", Tokens(7 * self._minute, 3))


@contextmanager
def working(folder: Path, truth: Truth, endpoint: str) -> Iterator[Work]:
    """Yield the work of two people whose agents have had their first start."""
    work = Work([Person(folder / "ada", "ada", "search", truth, 0), Person(folder / "bob", "bob", "pay", truth, 1_000)])
    with ExitStack() as running:
        work.agents = [running.enter_context(person.agent(endpoint, work.now_ns)) for person in work.people]
        for agent in work.agents:
            # What an agent finds at its first start is history, and no increase.
            agent.ingest.run(sweep=True)
        yield work


def test_messages_written_while_collectors_are_killed_are_counted_once(
    prometheus: Prometheus, traces: Collector, secrets: Secrets, tmp_path: Path
) -> None:
    truth, (agents_port, gateways_port) = Truth(), free_ports(2)
    backends = {"PROMETHEUS_ENDPOINT": prometheus.otlp, "TRACES_ENDPOINT": traces.endpoint}
    behind = gateway(tmp_path / "g", secrets, port=gateways_port, **backends)
    tier = agent_tier(tmp_path / "a", secrets, f"https://127.0.0.1:{gateways_port}", port=agents_port)
    with ExitStack() as running:
        for collector in (behind, tier):
            running.enter_context(collector)
        work = running.enter_context(working(tmp_path, truth, tier.endpoint))
        _work_without_loss(work, 10, tier, behind)
        _work_while_killed(work, tier, behind, running)
        drain(tier, behind)
        _work_without_loss(work, 10, tier, behind)
        _assert_counted(prometheus, truth, work)
    traces.stop()
    assert len({span.span_id for span in chats_of(traces.spans())}) == truth.messages


def _work_while_killed(work: Work, tier: Tier, behind: Tier, running: ExitStack) -> None:
    """Kill the agent tier, then the gateway, then the agent tier with a full queue; start each again."""
    work.goes_on(2)
    tier.kill()
    work.goes_on(7, unheard=True)
    running.enter_context(tier)
    work.goes_on(4)

    behind.kill()
    work.goes_on(4)
    assert tier.counted("otelcol_exporter_queue_size") > 0
    # The queue on its disk is now the only copy of what it accepted.
    tier.kill()
    work.goes_on(3, unheard=True)
    running.enter_context(tier)
    assert tier.counted("otelcol_exporter_queue_size") > 0
    work.goes_on(3)
    running.enter_context(behind)


def _work_without_loss(work: Work, minutes: int, *tiers: Tier) -> None:
    """Work, and check that each tier accepted and sent exactly what the agents exported."""
    before = [_counted(tier) for tier in tiers]
    accepted = work.goes_on(minutes)
    drain(*tiers)
    assert accepted["metric_points"] > accepted["spans"] > 0
    for tier, was in zip(tiers, before, strict=True):
        assert _counted(tier) - was == Counter({(stage, what): accepted[what] for stage in STAGES for what in accepted})


def _counted(tier: Tier) -> Counter[tuple[str, str]]:
    return Counter(
        {(stage, signal): round(tier.counted(f"otelcol_{stage}_{signal}")) for stage in STAGES for signal in SIGNALS}
    )


def _assert_counted(prometheus: Prometheus, truth: Truth, work: Work) -> None:
    """Check totals, what `increase()` makes of them, and what the rules record, in each view."""
    for figure, (total, gained) in FIGURES.items():
        for view, label in VIEWS.items():
            wanted = {(name,): pytest.approx(getattr(of, figure)) for name, of in truth.by(view).items()}
            for query in (total, f"increase({total}[{2 * AGO_S}s])"):
                found = prometheus.rows(f"sum by ({label}) ({query})", label, at_s=work.now_s)
                assert found == wanted, (query, view)
            assert _gained(prometheus, gained, label, work) == wanted, (gained, view)


def _gained(prometheus: Prometheus, gained: str, label: str, work: Work) -> dict[tuple[str], float]:
    """Add up what the rule would record in each window of the work."""
    found: defaultdict[tuple[str], float] = defaultdict(float)
    for series in prometheus.over(
        f"sum by ({label}) ({recorded(gained)})",
        start_s=work.began_s - WINDOW_S,
        end_s=work.now_s + WINDOW_S,
        step_s=WINDOW_S,
    ):
        found[series["metric"][label],] += sum(float(value) for _, value in series["values"])
    return found

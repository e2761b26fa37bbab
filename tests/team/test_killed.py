"""Two people's agents -> agent tier -> gateway -> Prometheus, and a file of spans: work that goes on while the Collectors are
killed and started anew."""

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
from tests.team.people import Person, Truth
from tests.team.rules import recorded
from tests.team.tiers import Secrets, Tier, agent_tier, drain, gateway

pytestmark = [pytest.mark.collector, pytest.mark.prometheus]

CYCLE_S, TILE_S = 60, 300
AGO_S = 3 * 3600
"""When the work begins: the gateway leaves out what is older than 23 hours."""
VIEWS = {"project": "opencode_project_name", "model": "gen_ai_request_model", "agent": "gen_ai_agent_name"}
TOLD = {
    "tokens": ("opencode_token_usage_total", "opencode:token_usage:gained5m"),
    "cost": ("opencode_cost_usage_USD_total", "opencode:cost_usage:gained5m"),
    "messages": ("opencode_message_count_total", "opencode:message_count:gained5m"),
}
"""As what a figure of the truth is told, and what is recorded of it."""
DONE = ("receiver_accepted", "exporter_sent")


class Work:
    """Of people whose agents send to one tier; it takes no time."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.people, self.agents = people, list[Agent]()
        self.began_s = self.now_s = float(round(time.time()) - AGO_S)  # asked for at the millisecond of the last points
        self._minute = 0

    def now_ns(self) -> int:
        return round(self.now_s * 1e9)

    def goes_on(self, minutes: int, *, unheard: bool = False) -> Counter[str]:
        """What the tier took of it: all, or nothing where it is not there."""
        taken = Counter[str]()
        for _ in range(minutes):
            self._write()
            self.now_s += CYCLE_S
            for agent in self.agents:
                agent.ingest.run(sweep=True)
                for what, sent in (
                    ("metric_points", agent.metrics.send()),
                    ("spans", agent.spans.send()),
                ):
                    assert not (sent.accepted if unheard else sent.reason), sent
                    taken[what] += sent.accepted
        return taken

    def _write(self) -> None:
        """A project begins every three minutes, so that series begin at any time; and none of the figures is there twice."""
        self._minute += 1
        at_s, tokens = self.now_s + CYCLE_S - 1, Tokens(100 + self._minute, 20, 5, 1_000, 50)
        ada, bob = self.people
        ada.works(at_s, f"p{self._minute // 3}", "opus", tokens, agent="plan" if self._minute % 4 == 0 else "build")
        if self._minute % 2:
            bob.works(at_s, "shop", "haiku" if self._minute % 3 else "opus", Tokens(7 * self._minute, 3))


@contextmanager
def working(folder: Path, truth: Truth, endpoint: str) -> Iterator[Work]:
    work = Work([Person(folder / "ada", "ada", "search", truth, 0), Person(folder / "bob", "bob", "pay", truth, 1_000)])
    with ExitStack() as running:
        work.agents = [running.enter_context(person.agent(endpoint, work.now_ns)) for person in work.people]
        for agent in work.agents:
            agent.ingest.run(sweep=True)  # what they find at their first start would be history, and no increase
        yield work


def test_what_is_written_while_collectors_are_killed_is_counted_once(
    prometheus: Prometheus, traces: Collector, secrets: Secrets, tmp_path: Path
) -> None:
    truth, (first_port, second_port) = Truth(), free_ports(2)
    towards = {"PROMETHEUS_ENDPOINT": prometheus.otlp, "TRACES_ENDPOINT": traces.endpoint}
    second = gateway(tmp_path / "g", secrets, port=second_port, **towards)
    first = agent_tier(tmp_path / "a", secrets, f"https://127.0.0.1:{second_port}", port=first_port)
    with ExitStack() as running:
        for tier in (second, first):
            running.enter_context(tier)
        work = running.enter_context(working(tmp_path, truth, first.endpoint))
        _goes_on_unharmed(work, 10, first, second)

        work.goes_on(2)
        first.kill()
        work.goes_on(7, unheard=True)
        running.enter_context(first)
        work.goes_on(4)

        second.kill()
        work.goes_on(4)
        assert first.counted("otelcol_exporter_queue_size") > 0
        first.kill()  # with all that it accepted since
        work.goes_on(3, unheard=True)
        running.enter_context(first)
        assert first.counted("otelcol_exporter_queue_size") > 0
        work.goes_on(3)
        running.enter_context(second)
        drain(first, second)

        _goes_on_unharmed(work, 10, first, second)
        _assert_true(prometheus, truth, work)
    traces.stop()
    assert len({span.span_id for span in chats_of(traces.spans())}) == truth.messages


def _goes_on_unharmed(work: Work, minutes: int, *tiers: Tier) -> None:
    """What was sent, was accepted and was handed on, in each tier: as many."""
    before = [_counted(each) for each in tiers]
    taken = work.goes_on(minutes)
    drain(*tiers)
    assert taken["metric_points"] > taken["spans"] > 0
    for tier, was in zip(tiers, before, strict=True):
        assert _counted(tier) - was == Counter({(did, what): taken[what] for did in DONE for what in taken})


def _counted(tier: Tier) -> Counter[tuple[str, str]]:
    return Counter(
        {
            (did, what): round(tier.counted(f"otelcol_{did}_{what}"))
            for did in DONE
            for what in ("metric_points", "spans")
        }
    )


def _assert_true(prometheus: Prometheus, truth: Truth, work: Work) -> None:
    """As totals, as what Prometheus makes of their rise, and as what the rules make of it."""
    for (figure, (total, gained)), (view, label) in ((told, seen) for told in TOLD.items() for seen in VIEWS.items()):
        wanted = {(name,): pytest.approx(getattr(of, figure)) for name, of in truth.by(view).items()}
        for of in (total, f"increase({total}[{2 * AGO_S}s])"):
            assert prometheus.rows(f"sum by ({label}) ({of})", label, at_s=work.now_s) == wanted, (of, view)
        found: defaultdict[tuple[str], float] = defaultdict(float)
        for series in prometheus.over(
            f"sum by ({label}) ({recorded(gained)})",
            start_s=work.began_s - TILE_S,
            end_s=work.now_s + TILE_S,
            step_s=TILE_S,
        ):
            found[series["metric"][label],] += sum(float(value) for _, value in series["values"])
        assert found == wanted, (gained, view)

"""An hour of a team's day, up to now, in a real Prometheus: stores as OpenCode writes them, read by the agent as it is,
with a clock that a test turns.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.made_stores import Tokens
from tests.support.real_programs.collector import Collector, otlp_to_files
from tests.support.real_programs.jaeger import Jaeger
from tests.support.real_programs.prometheus import Prometheus, promtool
from tests.support.waiting import eventually
from tests.team.otlp import send_one_of_each
from tests.team.people import Person, Truth
from tests.team.prometheus_config import scraping
from tests.team.recording import Recording, record_again
from tests.team.tiers import Tier, drain

CYCLE_S = 60
MINUTES = 75
QUIET_FROM = 55
"""So that the last five minutes in which something was gained are over, and long enough to be recorded anew."""
RECORDED_S = 15 * 60
"""Before now: what is newer, Prometheus holds in memory."""
SILENT, SILENT_TEAM, SILENT_S = "h9", "ops", 3 * 24 * 3600
"""A host of which nothing was heard since, the only one of its team."""


@dataclass(frozen=True)
class Team:
    """What the hour left: in Prometheus, with what its rules record of it and the Collector's own metrics; in Jaeger; and
    the truth."""

    prometheus: Prometheus
    jaeger: Jaeger
    truth: Truth


@contextmanager
def lived(folder: Path) -> Iterator[Team]:
    truth, gateway = Truth(), ("gateway.yaml", "gateway/loopback.yaml")
    _hear_of_one_who_is_silent_now(folder / "prometheus")
    with Jaeger(folder / "jaeger") as jaeger:
        with Recording(folder / "prometheus", held="5m") as first:
            began_s = time.time() - MINUTES * CYCLE_S
            with Tier(folder / "tier", *gateway, PROMETHEUS_ENDPOINT=first.otlp, TRACES_ENDPOINT=jaeger.otlp) as tier:
                people = [
                    Person(folder / "ada", "ada", "search", truth, 0),
                    Person(folder / "bob", "bob", "pay", truth, 1_000),
                ]
                _live(people, tier.endpoint, began_s)
                eventually(lambda: _total(first), float(truth.tokens), why_not=lambda: tier.log)
                drain(tier)
            recorded_s = time.time() - RECORDED_S
            first.wait_until_written(recorded_s + 5 * CYCLE_S)
            record_again(first, began_s - 600, recorded_s)
        with (
            Collector(otlp_to_files(), folder / "end") as end,
            Tier(folder / "tier", *gateway, PROMETHEUS_ENDPOINT=end.endpoint, TRACES_ENDPOINT=end.endpoint) as tier,
        ):
            send_one_of_each(tier.endpoint)
            config = scraping(tier, folder / "prometheus.yaml", rules=False)
            with Prometheus(folder / "prometheus", config=config) as prometheus:
                yield Team(prometheus, jaeger, truth)


def _hear_of_one_who_is_silent_now(folder: Path) -> None:
    """As rules/agents.yaml would have recorded it, days ago."""
    at_s = round(time.time()) - SILENT_S
    of = f'{{instance="i9",host_name="{SILENT}",user="cy",team="{SILENT_TEAM}"}}'
    text = f"otel_agent:instance:heard1h{of} {at_s} {at_s}\n# EOF\n"
    folder.mkdir()
    (folder / "heard").write_text(text, encoding="utf-8")
    promtool("tsdb", "create-blocks-from", "openmetrics", folder / "heard", folder / "data")


def _total(prometheus: Prometheus) -> float:
    return prometheus.rows("sum(opencode_token_usage_total)").get((), 0)


def _live(people: Sequence[Person], endpoint: str, began_s: float) -> None:
    """A cycle a minute: two projects and two models, in bursts, and a call that fails."""
    now_s = began_s
    with ExitStack() as running:
        agents = [running.enter_context(person.agent(endpoint, lambda: round(now_s * 1e9))) for person in people]
        for minute in range(MINUTES):
            for person, agent in zip(people, agents, strict=True):
                if minute % 20 in (3, 4, 5, 11) and minute < QUIET_FROM:
                    tokens, mode = Tokens(100 + minute, 20, 5, 1_000, 50), "plan" if minute % 20 == 5 else "build"
                    person.works(now_s, "shop", "opus", tokens, agent=mode)
                if minute % 30 == 7 and minute < QUIET_FROM:
                    failed = minute == 7 and person.name == "ada"
                    person.works(now_s, "parser", "haiku", Tokens(7 + minute, 3), failed=failed)
                if minute == 20 and person.name == "bob":  # so that no two people's figures are the same
                    person.works(now_s, "shop", "haiku", Tokens(11))
                agent.ingest.run(sweep=True)
                for sent in (agent.metrics.send(), agent.spans.send()):
                    assert not sent.reason, sent.reason
            now_s += CYCLE_S
    # Processes are of now: in the hour before, none of those that run had begun.
    with (
        _opencode(people[0].folder / "bin"),
        people[0].agent(endpoint, time.time_ns, process_metrics=True) as agent,
    ):
        agent.metrics.send()


@contextmanager
def _opencode(folder: Path) -> Iterator[None]:
    """A process that is called so."""
    folder.mkdir()
    process = subprocess.Popen([shutil.copy(shutil.which("sleep") or "", folder / "opencode"), "1000"])
    try:
        yield
    finally:
        process.kill()
        process.wait()

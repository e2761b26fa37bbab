"""The last hour of a team's day in a real Prometheus and Jaeger.

Two people's stores are as OpenCode writes them. The real agent code reads them, with a clock that this module turns.
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
from tests.team.support.otlp import send_one_of_each
from tests.team.support.people import Person, Truth
from tests.team.support.prometheus_config import scraping
from tests.team.support.recording import Recording, record_again
from tests.team.support.tiers import LOOPBACK_GATEWAY, Tier, drain

CYCLE_S = 60
"""The time between two exports of an agent. Seconds."""
MINUTES = 75
"""How long the two people's agents run, up to now."""
QUIET_FROM = 55
"""The minute after which nobody works, so that the last recorded window with usage is old enough to be recorded again."""
RECORDED_S = 15 * 60
"""How long before now the recording ends. Seconds: what is newer, Prometheus holds in memory."""
SILENT, SILENT_TEAM, SILENT_S = "h9", "ops", 3 * 24 * 3600
"""A host that has been silent for so many seconds, the only one of its team."""


@dataclass(frozen=True)
class Team:
    """A team after the hour, with the programs that keep its data.

    Prometheus has the totals, what the rules record of them, and the Collector's own metrics; Jaeger has the traces.
    """

    prometheus: Prometheus
    jaeger: Jaeger
    truth: Truth


@contextmanager
def worked_hour(folder: Path) -> Iterator[Team]:
    """Let the hour pass, and yield what it left behind while Prometheus and Jaeger run."""
    truth = Truth()
    _write_silent_agent(folder / "prometheus")
    with Jaeger(folder / "jaeger") as jaeger:
        _export_hour(folder, jaeger, truth)
        with _scraped_gateway(folder) as prometheus:
            yield Team(prometheus, jaeger, truth)


def _write_silent_agent(folder: Path) -> None:
    """Write the block that rules/agents.yaml would have recorded when the silent agent last reported."""
    at_s = round(time.time()) - SILENT_S
    labels = f'{{instance="i9",host_name="{SILENT}",user="cy",team="{SILENT_TEAM}"}}'
    text = f"otel_agent:instance:heard1h{labels} {at_s} {at_s}\n# EOF\n"
    folder.mkdir()
    (folder / "heard").write_text(text, encoding="utf-8")
    promtool("tsdb", "create-blocks-from", "openmetrics", folder / "heard", folder / "data")


def _export_hour(folder: Path, jaeger: Jaeger, truth: Truth) -> None:
    """Export all of the hour through a gateway, and record it in Prometheus."""
    began_s = time.time() - MINUTES * CYCLE_S
    backends = {"TRACES_ENDPOINT": jaeger.otlp}
    with Recording(folder / "prometheus", held="5m") as prometheus:
        with Tier(folder / "tier", *LOOPBACK_GATEWAY, PROMETHEUS_ENDPOINT=prometheus.otlp, **backends) as tier:
            people = (
                Person(folder / "ada", "ada", "search", truth, 0),
                Person(folder / "bob", "bob", "pay", truth, 1_000),
            )
            _work_and_export(people, tier.endpoint, began_s)
            _export_processes(people[0], tier.endpoint)
            eventually(lambda: _total(prometheus), float(truth.tokens), why_not=lambda: tier.log)
            drain(tier)
        recorded_s = time.time() - RECORDED_S
        prometheus.wait_until_written(recorded_s + 5 * CYCLE_S)
        record_again(prometheus, began_s - 600, recorded_s)


@contextmanager
def _scraped_gateway(folder: Path) -> Iterator[Prometheus]:
    """Yield the same Prometheus, now scraping a gateway that passed on one point and one span."""
    with (
        Collector(otlp_to_files(), folder / "end") as end,
        Tier(
            folder / "tier", *LOOPBACK_GATEWAY, PROMETHEUS_ENDPOINT=end.endpoint, TRACES_ENDPOINT=end.endpoint
        ) as tier,
    ):
        send_one_of_each(tier.endpoint)
        config = scraping(tier, folder / "prometheus.yaml", rules=False)
        with Prometheus(folder / "prometheus", config=config) as prometheus:
            yield prometheus


def _total(prometheus: Prometheus) -> float:
    return prometheus.rows("sum(opencode_token_usage_total)").get((), 0)


def _work_and_export(people: Sequence[Person], endpoint: str, began_s: float) -> None:
    """Let everybody work, and run a cycle of each agent, once a minute."""
    now_s = began_s
    with ExitStack() as running:
        agents = [running.enter_context(person.agent(endpoint, lambda: round(now_s * 1e9))) for person in people]
        for minute in range(MINUTES):
            for person, agent in zip(people, agents, strict=True):
                if minute < QUIET_FROM:
                    _work(person, minute, now_s)
                agent.ingest.run(sweep=True)
                for sent in (agent.metrics.send(), agent.spans.send()):
                    assert not sent.reason, sent.reason
            now_s += CYCLE_S


def _work(person: Person, minute: int, now_s: float) -> None:
    """Write the messages of one minute: bursts in one project, single calls in another, and one of these fails."""
    if minute % 20 in (3, 4, 5, 11):
        tokens, agent = Tokens(100 + minute, 20, 5, 1_000, 50), "plan" if minute % 20 == 5 else "build"
        person.works(now_s, "shop", "opus", tokens, agent=agent)
    if minute % 30 == 7:
        failed = minute == 7 and person.name == "ada"
        person.works(now_s, "parser", "haiku", Tokens(7 + minute, 3), failed=failed)
    if minute == 20 and person.name == "bob":
        # No two people may have the same figures, or a filter that does nothing would not be noticed.
        person.works(now_s, "shop", "haiku", Tokens(11))


def _export_processes(person: Person, endpoint: str) -> None:
    """Export the gauges of a running OpenCode process: in the hour before, it had not begun."""
    with (
        _opencode_process(person.folder / "bin"),
        person.agent(endpoint, time.time_ns, process_metrics=True) as agent,
    ):
        agent.metrics.send()


@contextmanager
def _opencode_process(folder: Path) -> Iterator[None]:
    """Run a process with the name of OpenCode's."""
    folder.mkdir()
    process = subprocess.Popen([shutil.copy(shutil.which("sleep") or "", folder / "opencode"), "1000"])
    try:
        yield
    finally:
        process.kill()
        process.wait()

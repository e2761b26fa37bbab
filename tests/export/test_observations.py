"""What is observed at each export is what there is at that moment."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from otel_agent import semconv
from otel_agent.export.observations import Observations
from otel_agent.export.outcomes import Outcomes
from otel_agent.intake.ingest import Ingest, Rules
from otel_agent.ledger.writer import Ledger
from otel_agent.model import ProcessMode, ProcessSample
from otel_agent.semconv.attributes import Attr
from tests.support.records import MINUTE, START_NS, T0, call, enter

SAMPLE = ProcessSample(
    pid=1,
    created_s=START_NS / 1e9 - 90,
    mode=ProcessMode.CLI,
    executable="opencode",
    directory="",
    cpu_s=1.0,
    rss_bytes=1,
    vms_bytes=1,
    threads=1,
    file_descriptors=1,
)
RULES = Rules(disjoint=False, session_window_ms=MINUTE, max_series=10, killed_grace_ms=MINUTE)


def observations(ledger: Ledger, running: list[int], *, now_ns: int = START_NS) -> Observations:
    """Return the observations of a machine on which the processes `running` are those of the moment."""
    ingest = Ingest(ledger, lambda: ({}, []), RULES, now_ns=lambda: now_ns)
    return Observations(
        ledger,
        ingest,
        Outcomes(ledger, lambda: now_ns),
        lambda: [(replace(SAMPLE, pid=pid), 0.5) for pid in running],
        now_ns=lambda: now_ns,
    )


def pids(seen: Observations) -> set[object]:
    return {each.attributes[Attr.PID] for each in seen.collect() if Attr.PID in each.attributes}


def test_processes_that_ended_are_observed_no_more(ledger: Ledger) -> None:
    """The SDK's instruments would go on with every one that they ever saw, and an agent runs for months."""
    running = [1, 2]
    seen = observations(ledger, running)
    assert pids(seen) == {1, 2}
    running[:] = [2, 3]
    assert pids(seen) == {2, 3}
    running.clear()
    assert pids(seen) == set()


def test_a_message_from_the_future_is_no_younger_than_zero_seconds(ledger: Ledger) -> None:
    enter(ledger, call(0))
    ages = [
        each.value
        for now_ms in (T0 + 4_000 + 5 * MINUTE, T0 - MINUTE)
        for each in observations(ledger, [], now_ns=now_ms * 1_000_000).collect()
        if each.metric == semconv.NEWEST_MESSAGE_AGE.name
    ]
    assert ages == [300.0, 0.0]


def test_no_process_is_observed_if_nobody_asked_for_processes(ledger: Ledger, tmp_path: Path) -> None:
    ingest = Ingest(ledger, lambda: ({}, []), RULES, now_ns=lambda: START_NS)
    seen = Observations(ledger, ingest, Outcomes(ledger, lambda: START_NS), None, now_ns=lambda: START_NS)
    assert semconv.PROCESS_COUNT.name not in {each.metric for each in seen.collect()}

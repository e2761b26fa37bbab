"""Measure the disk space that a day of an agent needs in Prometheus: `make kept`.

    make kept ARGS="--agents 4"

The series are the ones of `benchmarks.fleet`. Each is exported once a minute, some milliseconds late. Eight hours of the
day have work. promtool writes the same blocks as a Prometheus would.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fleet import EXPORT_INTERVAL_S, SimulatedAgent
from collector.grafana.source import names
from otel_agent.delivery.otlp_options import OtlpOptions
from otel_agent.model import Series
from otel_agent.semconv import METRICS
from tests.support.real_programs.prometheus import promtool

DAY_S = 24 * 3600
WORKS_H = range(9, 17)
"""The hours in which the agent's user works."""
JITTER_S = 0.005
"""The largest delay of an export. Seconds."""


def main() -> None:
    """Measure, and print a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=4, help="default: %(default)s")
    parser.add_argument(
        "--models", type=int, default=24, help="models of each agent, with seven series each (default: %(default)s)"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        samples_file, blocks = Path(scratch) / "samples.txt", Path(scratch) / "blocks"
        samples = 0
        with samples_file.open("w", encoding="utf-8") as file:
            for line in _day(asked.agents, asked.models):
                file.write(line)
                samples += 1
            file.write("# EOF\n")
        promtool("tsdb", "create-blocks-from", "openmetrics", samples_file, blocks)
        size = sum(path.stat().st_size for path in blocks.rglob("*") if path.is_file())
    print(f"{samples} samples, {size} bytes in blocks: {size / samples:.2f} bytes a sample")


def _day(number: int, models: int) -> Iterator[str]:
    """Yield the samples of yesterday, in the format OpenMetrics."""
    agents = [SimulatedAgent(each, models, OtlpOptions()) for each in range(number)]
    began_s, chance = time.time() // DAY_S * DAY_S - DAY_S, random.Random(1)
    for minute in range(DAY_S // EXPORT_INTERVAL_S):
        for at, agent in enumerate(agents):
            if minute // 60 in WORKS_H:
                agent.may_work()
            at_s = began_s + minute * EXPORT_INTERVAL_S + chance.random() * JITTER_S
            for each in agent.series:
                yield _line(each, f"machine-{at}", at_s)


def _line(series: Series, machine: str, at_s: float) -> str:
    metric = METRICS[series.metric]
    labels = {names.label(name): value for name, value in json.loads(series.attributes).items()}
    labels |= {"job": "otel-agent", "instance": machine, "host_name": machine, "user": machine, "team": "search"}
    value = series.value / metric.scale if metric.scale > 1 else series.value
    written = ",".join(f'{name}="{text}"' for name, text in labels.items())
    return f"{names.metric(metric)}{{{written}}} {value} {at_s:.3f}\n"


if __name__ == "__main__":
    main()

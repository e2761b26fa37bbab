"""What a day of an agent takes on Prometheus' disk: `python -m benchmarks.kept`.

The series are those of `benchmarks.fleet`, told once a minute at a moment that is never quite the same, and worked on for
eight hours of the day; promtool writes of them the blocks that a Prometheus would.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fleet import EXPORT_INTERVAL_S, Agent
from collector.grafana.source import names
from otel_agent.delivery.options import OtlpOptions
from otel_agent.model import Series
from otel_agent.semconv import METRICS
from tests.real_parts.prometheus import promtool

DAY_S = 24 * 3600
WORKS_H = range(9, 17)
JITTER_S = 0.005
"""How much later than due an agent may be. Seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=4)
    parser.add_argument(
        "--models", type=int, default=24, help="of each agent; seven series each (default: %(default)s)"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        told, blocks = Path(scratch) / "told.txt", Path(scratch) / "blocks"
        samples = 0
        with told.open("w", encoding="utf-8") as file:
            for line in _day(asked.agents, asked.models):
                file.write(line)
                samples += 1
            file.write("# EOF\n")
        promtool("tsdb", "create-blocks-from", "openmetrics", told, blocks)
        size = sum(path.stat().st_size for path in blocks.rglob("*") if path.is_file())
    print(f"{samples} samples, {size} bytes in blocks: {size / samples:.2f} bytes a sample")


def _day(number: int, models: int) -> Iterator[str]:
    agents = [Agent(each, models, OtlpOptions()) for each in range(number)]
    began_s, chance = time.time() // DAY_S * DAY_S - DAY_S, random.Random(1)
    for minute in range(DAY_S // EXPORT_INTERVAL_S):
        for at, agent in enumerate(agents):
            if minute // 60 in WORKS_H:
                agent.may_work()
            at_s = began_s + minute * EXPORT_INTERVAL_S + chance.random() * JITTER_S
            for each in agent.series:
                yield _line(each, f"machine-{at}", at_s)


def _line(of: Series, machine: str, at_s: float) -> str:
    metric = METRICS[of.metric]
    labels = {names.label(name): value for name, value in json.loads(of.attributes).items()}
    labels |= {"job": "otel-agent", "instance": machine, "host_name": machine, "user": machine, "team": "search"}
    value = of.value / metric.scale if metric.scale > 1 else of.value
    written = ",".join(f'{name}="{text}"' for name, text in labels.items())
    return f"{names.metric(metric)}{{{written}}} {value} {at_s:.3f}\n"


if __name__ == "__main__":
    main()

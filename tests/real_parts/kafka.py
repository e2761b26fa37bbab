"""A real Kafka: three brokers that are controllers too, as the smallest cluster that may lose one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.real_parts import CACHE, COLLECTOR, pinned, require
from tests.real_parts.program import Program, free_ports

BROKERS = 3
CLUSTER_ID = "bWFkZS11cC1jbHVzdGVyMQ"
JVM = (
    "-Xmx256m -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info"
)
PROPERTIES = """
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.num.partitions=3
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
"""


def command(name: str) -> Path:
    return require("Kafka", CACHE / "kafka" / pinned("KAFKA_VERSION") / "bin" / name, "kafka")


class Broker(Program):
    """One of them; started anew, it goes on with the data in its folder."""

    def __init__(self, folder: Path, properties: str) -> None:
        super().__init__(folder, KAFKA_OPTS=JVM)
        self._start, self._format = command("kafka-server-start.sh"), command("kafka-storage.sh")
        self._properties = folder / "server.properties"
        self._text = properties

    def command(self) -> Sequence[str | Path]:
        if not self._properties.exists():
            self._properties.write_text(self._text, encoding="utf-8")
            arguments = ["format", f"--cluster-id={CLUSTER_ID}", f"--config={self._properties}"]
            subprocess.run([self._format, *arguments], check=True, capture_output=True)
        return [self._start, self._properties]

    def is_ready(self, line: str) -> bool:
        return "Kafka Server started" in line


class Kafka:
    """A cluster with the topics of `collector/kafka/create-topics.sh`, in `folder` while the block lasts."""

    def __init__(self, folder: Path, *, partitions: int) -> None:
        self._partitions = partitions
        ports = free_ports(2 * BROKERS)
        self._own, controllers = ports[:BROKERS], ports[BROKERS:]
        voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(controllers))
        self.brokers = [
            Broker(
                folder / str(number),
                PROPERTIES.format(
                    number=number, voters=voters, port=port, controller_port=controller, folder=folder / str(number)
                ),
            )
            for number, (port, controller) in enumerate(zip(self._own, controllers, strict=True))
        ]

    @property
    def bootstrap(self) -> str:
        """All of the brokers, as Kafka's own commands take them."""
        return ",".join(f"127.0.0.1:{port}" for port in self._own)

    def __enter__(self) -> Self:
        # At once: none is ready before it hears of another.
        with ThreadPoolExecutor() as threads:
            started = [threads.submit(broker.__enter__) for broker in self.brokers]
        for each in started:
            each.result()
        self._make_topics()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for broker in self.brokers:
            broker.kill()  # leaving in good order takes seconds, and nothing of it is looked at afterwards

    def _make_topics(self) -> None:
        path = f"{command('kafka-topics.sh').parent}:{os.environ['PATH']}"
        made = subprocess.run(
            [COLLECTOR / "kafka" / "create-topics.sh", self.bootstrap, str(self._partitions)],
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert made.returncode == 0, made.stdout + made.stderr

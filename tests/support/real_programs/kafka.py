"""A real Kafka of three brokers that are also controllers: the smallest cluster that may lose one."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives import serialization

from tests.support.otlp_receiver.tls import Authority, TlsFiles
from tests.support.real_programs import COLLECTOR, require
from tests.support.real_programs.program import Program, free_ports

BROKERS = 3
CLUSTER_ID = "bWFkZS11cC1jbHVzdGVyMQ"
JVM = (
    "-Xmx256m -XX:+UseSerialGC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn "
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info"
)
USER, PASSWORD, MECHANISM = "otel-agent", "made-up", "SCRAM-SHA-512"
LOGIN = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="{USER}" password="{PASSWORD}";'
CLIENT = """
security.protocol=SASL_SSL
sasl.mechanism={MECHANISM}
sasl.jaas.config={LOGIN}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
"""
PROPERTIES = """
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKER
listener.security.protocol.map=CLIENT:SASL_SSL,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
listeners=CLIENT://127.0.0.1:{port},BROKER://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}
sasl.enabled.mechanisms={MECHANISM}
listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.num.partitions=3
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=6000
"""


def command(name: str) -> Path:
    """Return the path of one of Kafka's commands. Skip the test if Kafka is not there."""
    return require("kafka") / "bin" / name


class Broker(Program):
    """One broker. If it is started again, it continues with the data in its folder."""

    def __init__(self, folder: Path, properties: str) -> None:
        super().__init__(folder, KAFKA_OPTS=JVM)
        self._start, self._format = command("kafka-server-start.sh"), command("kafka-storage.sh")
        self._properties = folder / "server.properties"
        self._text = properties

    def command(self) -> Sequence[str | Path]:
        """Return the command line. The first call writes the settings and formats the folder."""
        if not self._properties.exists():
            self._properties.write_text(self._text, encoding="utf-8")
            arguments = ["format", f"--cluster-id={CLUSTER_ID}", f"--config={self._properties}"]
            user = f"--add-scram={MECHANISM}=[name={USER},password={PASSWORD}]"
            ran = subprocess.run([self._format, *arguments, user], capture_output=True, text=True, check=False)
            assert ran.returncode == 0, ran.stdout + ran.stderr
        return [self._start, self._properties]

    def is_ready(self, line: str) -> bool:
        """True for the line that ends the start."""
        return "Kafka Server started" in line


class Kafka:
    """A cluster that runs in `folder` during the block, with the topics of `collector/kafka/create-topics.sh`.

    Clients have to trust `authority` and log in as `USER`.
    """

    def __init__(self, folder: Path, authority: Authority, *, partitions: int) -> None:
        self._folder, self._partitions, self.authority = folder, partitions, authority
        self._client = folder / "client.properties"
        folder.mkdir()
        ports = free_ports(3 * BROKERS)
        self._own, between, controllers = ports[:BROKERS], ports[BROKERS:-BROKERS], ports[-BROKERS:]
        known = {
            "voters": ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(controllers)),
            "keystore": _keystore(authority.issue("kafka"), folder / "keystore.pem"),
            "MECHANISM": MECHANISM,
        }
        self.brokers = [
            Broker(
                folder / str(number),
                PROPERTIES.format(
                    **known,
                    number=number,
                    folder=folder / str(number),
                    port=self._own[number],
                    broker_port=between[number],
                    controller_port=controllers[number],
                ),
            )
            for number in range(BROKERS)
        ]

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables for `kafka/out.yaml` and `kafka/in.yaml` with `kafka/tls.yaml`."""
        return {
            "KAFKA_BROKERS": f"[{self.bootstrap}]",
            "KAFKA_CA_FILE": str(self.authority.certificate),
            "KAFKA_PASSWORD": PASSWORD,
        }

    @property
    def bootstrap(self) -> str:
        """Return the addresses of all brokers, as Kafka's own commands expect them."""
        return ",".join(f"127.0.0.1:{port}" for port in self._own)

    def __enter__(self) -> Self:
        try:
            self._start(self.brokers)
            self._make_topics(self._partitions)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def renew(self, partitions: int) -> None:
        """Make it as good as new: start the brokers that were killed, and make the topics again, empty.

        Starting another cluster would take several times as long. Consumers need a group that did not read yet.
        """
        self._start([broker for broker in self.brokers if not broker.runs])
        self._of_topics("--delete", "--topic", "otel-agent.*")
        self._make_topics(partitions)

    @staticmethod
    def _start(brokers: Sequence[Broker]) -> None:
        # They start at the same time, because none is ready before it knows another one.
        with ThreadPoolExecutor() as threads:
            started = [threads.submit(broker.__enter__) for broker in brokers]
        for each in started:
            each.result()

    def _end(self) -> None:
        for broker in self.brokers:
            broker.kill()  # a regular stop takes seconds, and nobody reads the data afterwards

    def leaders(self, topic: str) -> list[Broker]:
        """Return the leading broker of each partition of a topic."""
        described = self._of_topics("--describe", "--topic", topic)
        return [self.brokers[int(number)] for number in re.findall(r"Leader: (\d+)", described)]

    def settings(self) -> dict[str, dict[str, str]]:
        """Return the settings of each topic, and its replication factor."""
        described = self._of_topics("--describe", "--topic", "otel-agent.*")
        found = re.findall(r"Topic: (\S+)\t.*\tReplicationFactor: (\d+)\tConfigs: (.*)", described)
        return {
            topic: {"replication.factor": copies} | dict(each.split("=") for each in others.split(","))
            for topic, copies, others in found
        }

    def filled(self, topic: str) -> list[str]:
        """Return the partitions of a topic that are not empty on the last broker."""
        logs = (self._folder / str(BROKERS - 1) / "data").glob(f"{topic}-*/*.log")
        # The folder of a deleted topic's partition stays for a minute, and has a longer name.
        of_topic = re.compile(rf"{re.escape(topic)}-\d+")
        return [path.parent.name for path in logs if of_topic.fullmatch(path.parent.name) and path.stat().st_size]

    def _make_topics(self, partitions: int) -> None:
        text = CLIENT.format(MECHANISM=MECHANISM, LOGIN=LOGIN, truststore=self.authority.certificate)
        self._client.write_text(text, encoding="utf-8")
        self._run(COLLECTOR / "kafka" / "create-topics.sh", self.bootstrap, str(partitions))

    def _of_topics(self, *words: str | Path) -> str:
        asked = ("--bootstrap-server", self.bootstrap, *words)
        return self._run(command("kafka-topics.sh"), "--command-config", self._client, *asked)

    def _run(self, *words: str | Path) -> str:
        """Run one of Kafka's commands, or a script that calls them, and return its output."""
        path = f"{command('kafka-topics.sh').parent}:{os.environ['PATH']}"
        variables = os.environ | {"PATH": path, "COMMAND_CONFIG": str(self._client)}
        ran = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout


def _keystore(files: TlsFiles, path: Path) -> Path:
    """Write key and certificates to one file, and return its path. Kafka reads keys in PKCS8 only."""
    key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(*form) + files.certificate.read_bytes())
    return path
